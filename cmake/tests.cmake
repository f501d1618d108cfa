# tests/ROOM/test_*.c: a cmocka program each. tests/ROOM/fuzz_*.c: a libFuzzer target each, and in every other build a
# program that replays its corpus, tests/ROOM/corpus/NAME/. Other C files of that folder are linked to each of its
# programs; tests/l2cap, tests/conformance and tests/features have the conversations of tests/host besides, tests/whole
# its invariants.
# All see the internal names of all rooms, those of tests/cli also the program's. A line `/* wrap: name other */` near
# the head of a test has the linker call `__wrap_name` for `name`. Tests that keep to the public names are also linked
# with the one-file form, where others would find names missing or twice.

# An archive, so that a program gets only those objects that it needs.
add_library(bluet_internal STATIC EXCLUDE_FROM_ALL ${bluet_room_objects})
target_link_libraries(bluet_internal PUBLIC bluet_system)

function(bluet_test_program target source helpers)
    add_executable(${target} ${source} ${helpers})
    target_include_directories(${target} PRIVATE
        ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_include_directories(${target} SYSTEM PRIVATE ${BLUET_LIBUSB_INCLUDE_DIRS})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE BLUET_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    if(source MATCHES "/tests/cli/")
        target_link_libraries(${target} PRIVATE bluet_cli)
    endif()
    target_link_libraries(${target} PRIVATE bluet_flags bluet_internal PkgConfig::BLUET_CMOCKA)
    set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/tests C_VISIBILITY_PRESET default)
    file(STRINGS ${source} wrap_lines LIMIT_INPUT 4096 REGEX "^/\\* wrap: .* \\*/$")
    foreach(line ${wrap_lines})
        string(REGEX REPLACE "^/\\* wrap: (.*) \\*/$" "\\1" names "${line}")
        separate_arguments(names)
        foreach(name ${names})
            target_link_options(${target} PRIVATE -Wl,--wrap=${name})
        endforeach()
    endforeach()
endfunction()

set(bluet_onefile_tests features/features host/gap_link l2cap/making l2cap/trouble sm/middle)
if(BLUET_BUILD_TESTS)
    include(cmake/onefile.cmake)
endif()

set(bluet_test_environment
    "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")

find_package(PkgConfig REQUIRED)
pkg_check_modules(BLUET_CMOCKA REQUIRED IMPORTED_TARGET cmocka)

file(REMOVE ${CMAKE_CURRENT_BINARY_DIR}/fuzzers.new)
file(GLOB folders CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*)
foreach(folder ${folders})
    if(NOT IS_DIRECTORY ${folder})
        continue()
    endif()
    get_filename_component(room ${folder} NAME)
    if(room STREQUAL "cli" AND NOT TARGET bluet_cli)
        continue()
    endif()
    if(NOT bluet_has_everything AND NOT room STREQUAL "features")
        continue() # what the others try may not be there
    endif()
    file(GLOB tests CONFIGURE_DEPENDS ${folder}/test_*.c)
    file(GLOB fuzzers CONFIGURE_DEPENDS ${folder}/fuzz_*.c)
    file(GLOB helpers CONFIGURE_DEPENDS ${folder}/*.c)
    list(REMOVE_ITEM helpers "" ${tests} ${fuzzers})
    if(NOT BLUET_LIBUSB_FOUND)
        list(FILTER tests EXCLUDE REGEX "/test_usb[.]c$")
        list(FILTER helpers EXCLUDE REGEX "/fake_usb[.]c$")
    endif()
    if(room MATCHES "^(l2cap|conformance|features)$")
        list(APPEND helpers ${PROJECT_SOURCE_DIR}/tests/host/talk.c)
    endif()
    if(room MATCHES "^(l2cap|conformance|whole|features)$")
        list(APPEND helpers ${PROJECT_SOURCE_DIR}/tests/host/invariants.c)
    endif()

    if(BLUET_BUILD_TESTS)
        foreach(source ${tests})
            get_filename_component(name ${source} NAME_WE)
            string(REGEX REPLACE "^test_" "" name ${name})
            bluet_test_program(test_${room}_${name} ${source} "${helpers}")
            add_test(NAME ${room}/${name} COMMAND test_${room}_${name})
            set_tests_properties(${room}/${name} PROPERTIES TIMEOUT 300 ENVIRONMENT "${bluet_test_environment}")
            if("${room}/${name}" IN_LIST bluet_onefile_tests)
                bluet_onefile_test(${room} ${name} ${source} "${helpers}")
            endif()
        endforeach()
    endif()

    foreach(source ${fuzzers})
        get_filename_component(name ${source} NAME_WE)
        string(REGEX REPLACE "^fuzz_" "" name ${name})
        set(target fuzz_${room}_${name})
        set(corpus ${folder}/corpus/${name})
        if(BLUET_BUILD_FUZZERS)
            bluet_test_program(${target} ${source} "${helpers}")
            target_link_options(${target} PRIVATE -fsanitize=fuzzer,address,undefined)
            # For ./do fuzz: a line per target.
            file(APPEND ${CMAKE_CURRENT_BINARY_DIR}/fuzzers.new "${target} ${corpus}\n")
        else()
            bluet_test_program(${target} ${source} "${helpers};${PROJECT_SOURCE_DIR}/tests/fuzz_replay.c")
            add_test(NAME ${room}/corpus/${name} COMMAND ${target} ${corpus})
            set_tests_properties(${room}/corpus/${name} PROPERTIES
                TIMEOUT 300 ENVIRONMENT "${bluet_test_environment}")
        endif()
    endforeach()
endforeach()

if(EXISTS ${CMAKE_CURRENT_BINARY_DIR}/fuzzers.new)
    file(RENAME ${CMAKE_CURRENT_BINARY_DIR}/fuzzers.new ${CMAKE_CURRENT_BINARY_DIR}/fuzzers.txt)
endif()
