# Tests with the host in one file, made as ./do onefile makes it.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(bluet_onefile_folder ${CMAKE_CURRENT_BINARY_DIR}/onefile)
file(GLOB_RECURSE bluet_onefile_sources CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/include/bluet/*.h ${PROJECT_SOURCE_DIR}/src/host/*.[ch] ${PROJECT_SOURCE_DIR}/src/spec/*.[ch]
    ${PROJECT_SOURCE_DIR}/src/crypto/*.[ch])
add_custom_command(OUTPUT ${bluet_onefile_folder}/bluet.c ${bluet_onefile_folder}/bluet.h
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/onefile.py ${bluet_onefile_folder}
    DEPENDS ${bluet_onefile_sources} ${PROJECT_SOURCE_DIR}/cmake/onefile.py ${PROJECT_SOURCE_DIR}/cmake/features.py
        ${PROJECT_SOURCE_DIR}/cmake/features.cmake
    COMMENT "Joining the host in one file" VERBATIM)

add_library(bluet_onefile OBJECT EXCLUDE_FROM_ALL ${bluet_onefile_folder}/bluet.c)
if(NOT BLUET_CRYPTO STREQUAL "external")
    string(TOUPPER ${BLUET_CRYPTO} backend)
    target_compile_definitions(bluet_onefile PRIVATE BLUET_CRYPTO_${backend})
endif()
if(BLUET_MBEDTLS_INCLUDE)
    target_include_directories(bluet_onefile PRIVATE ${BLUET_MBEDTLS_INCLUDE})
endif()
target_link_libraries(bluet_onefile PRIVATE bluet_flags)

function(bluet_onefile_test room name source helpers)
    list(TRANSFORM helpers REPLACE "/tests/host/invariants[.]c$" "/tests/onefile/blind.c")
    set(target test_onefile_${room}_${name})
    bluet_test_program(${target} ${source} "${helpers}")
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:bluet_onefile>)
    add_test(NAME onefile/${room}/${name} COMMAND ${target})
    set_tests_properties(onefile/${room}/${name} PROPERTIES TIMEOUT 300 ENVIRONMENT "${bluet_test_environment}")
endfunction()
