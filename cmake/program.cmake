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

add_executable(bluet_program ${sources} ${numbers})
set_target_properties(bluet_program PROPERTIES OUTPUT_NAME bluet RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
target_compile_definitions(bluet_program PRIVATE _GNU_SOURCE BLUET_VERSION="${PROJECT_VERSION}")
target_include_directories(bluet_program PRIVATE ${PROJECT_SOURCE_DIR}/cli)
target_link_libraries(bluet_program PRIVATE
    bluet bluet_flags PkgConfig::BLUET_POPT PkgConfig::BLUET_SMARTCOLS PkgConfig::BLUET_JANSSON m)
