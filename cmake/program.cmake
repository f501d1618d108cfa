# The command-line program: build/bluet.

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
if(NOT sources OR NOT TARGET bluet)
    return()
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(BLUET_POPT REQUIRED IMPORTED_TARGET popt)
pkg_check_modules(BLUET_SMARTCOLS REQUIRED IMPORTED_TARGET smartcols)
pkg_check_modules(BLUET_JANSSON REQUIRED IMPORTED_TARGET jansson)
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

# The names of the assigned numbers.
set(numbers ${CMAKE_CURRENT_BINARY_DIR}/numbers_tables.c)
add_custom_command(OUTPUT ${numbers}
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cli/numbers.py ${numbers}
    DEPENDS ${PROJECT_SOURCE_DIR}/cli/numbers.py
    VERBATIM COMMENT "Writing the tables of assigned numbers")

# All but main(), for the tests too. Of src/ it sees the reader only: octets of an advertisement are from outside.
list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/cli/main.c)
add_library(bluet_cli STATIC ${sources} ${numbers} $<TARGET_OBJECTS:bluet_spec>)
target_compile_definitions(bluet_cli PRIVATE _GNU_SOURCE BLUET_VERSION="${PROJECT_VERSION}")
target_include_directories(bluet_cli PUBLIC
    ${PROJECT_SOURCE_DIR}/cli ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(bluet_cli
    PUBLIC PkgConfig::BLUET_POPT PkgConfig::BLUET_SMARTCOLS PkgConfig::BLUET_JANSSON m
    PRIVATE bluet_flags)

add_executable(bluet_program ${PROJECT_SOURCE_DIR}/cli/main.c)
set_target_properties(bluet_program PROPERTIES OUTPUT_NAME bluet RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
target_compile_definitions(bluet_program PRIVATE _GNU_SOURCE BLUET_VERSION="${PROJECT_VERSION}")
target_link_libraries(bluet_program PRIVATE bluet_cli bluet bluet_flags)
