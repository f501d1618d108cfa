# What can be chosen, and the flags that follow from it.

# Somebody who adds Bluet to a project of his own wants the library; whoever builds Bluet itself wants the rest too.
if(PROJECT_IS_TOP_LEVEL AND NOT SKBUILD)
    set(bluet_all ON)
else()
    set(bluet_all OFF)
endif()
if(SKBUILD)
    set(bluet_python ON)
else()
    set(bluet_python ${bluet_all})
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Generic")
    set(bluet_all OFF)
    set(bluet_python OFF)
    set(bluet_hosted OFF)
else()
    set(bluet_hosted ON)
endif()
option(BLUET_BUILD_AIR "Build the virtual radio" ${bluet_hosted})
option(BLUET_BUILD_RUNTIME "Build the runtime: event loop, transports (Linux)" ${bluet_hosted})
option(BLUET_POSITION_INDEPENDENT "Compile so that the archive may become part of a shared library" ${bluet_hosted})
option(BLUET_BUILD_PROGRAM "Build the command-line program" ${bluet_all})
option(BLUET_BUILD_PYTHON "Build the Python package" ${bluet_python})
option(BLUET_BUILD_EXAMPLES "Build the examples in C" ${bluet_all})
option(BLUET_BUILD_BENCH "Build the benchmarks" OFF)
option(BLUET_BUILD_TESTS "Build the tests" OFF)
option(BLUET_BUILD_FUZZERS "Build the fuzz targets with libFuzzer (clang)" OFF)
option(BLUET_WERROR "Treat warnings as errors" OFF)
option(BLUET_COVERAGE "Count the lines that tests reach" OFF)
set(BLUET_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# For everything that is compiled here. Not for whoever links the library.
add_library(bluet_flags INTERFACE)
target_compile_options(bluet_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    $<$<BOOL:${BLUET_WERROR}>:-Werror>
    -ffunction-sections -fdata-sections)

if(BLUET_BUILD_FUZZERS)
    set(bluet_sanitizers "fuzzer-no-link,address,undefined")
else()
    set(bluet_sanitizers "${BLUET_SANITIZE}")
endif()
if(bluet_sanitizers)
    target_compile_options(bluet_flags INTERFACE
        -fsanitize=${bluet_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(bluet_flags INTERFACE -fsanitize=${bluet_sanitizers})
endif()
if(BLUET_COVERAGE)
    target_compile_options(bluet_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(bluet_flags INTERFACE --coverage)
endif()
