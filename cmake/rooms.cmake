# The rooms of src/, each an object library of all its sources. A room's objects go into the archive, and one by one
# into the tests, which see its internal names.

# What the rooms need of the system; the archive and the tests link it.
add_library(bluet_system INTERFACE)

set(bluet_room_objects)

# A controller on USB needs libusb. Without it, one file stands in for those that use it.
option(BLUET_USB "Build the transport usb, if there is libusb" ${bluet_hosted})
find_package(PkgConfig QUIET)
if(BLUET_USB AND BLUET_BUILD_RUNTIME AND PKG_CONFIG_FOUND)
    pkg_check_modules(BLUET_LIBUSB libusb-1.0)
endif()
if(BLUET_LIBUSB_FOUND)
    set(bluet_left_out "/runtime/usb_none[.]c$")
else()
    set(bluet_left_out "/runtime/usb(_transfers)?[.]c$")
endif()

function(bluet_add_room name)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/${ARGN}*.c)
    list(FILTER sources EXCLUDE REGEX "${bluet_left_out}")
    if(bluet_missing_files)
        list(FILTER sources EXCLUDE REGEX "/src/host/(${bluet_missing_files})\\.c$")
    endif()
    if(NOT sources)
        return()
    endif()
    add_library(bluet_${name} OBJECT ${sources})
    target_include_directories(bluet_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(bluet_${name} PRIVATE bluet_flags)
    set_target_properties(bluet_${name} PROPERTIES POSITION_INDEPENDENT_CODE ${BLUET_POSITION_INDEPENDENT})
    set(bluet_room_objects ${bluet_room_objects} $<TARGET_OBJECTS:bluet_${name}> PARENT_SCOPE)
endfunction()

bluet_add_room(spec)
bluet_add_room(host)
if(NOT BLUET_CRYPTO STREQUAL "external")
    bluet_add_room(crypto crypto_${BLUET_CRYPTO}) # a backend is one file
endif()
if(BLUET_BUILD_AIR)
    bluet_add_room(air)
    find_library(BLUET_MATH m)
    if(BLUET_MATH)
        target_link_libraries(bluet_system INTERFACE m)
    endif()
endif()
if(BLUET_BUILD_RUNTIME)
    bluet_add_room(runtime)
    if(BLUET_LIBUSB_FOUND)
        target_include_directories(bluet_runtime SYSTEM PRIVATE ${BLUET_LIBUSB_INCLUDE_DIRS})
        target_link_libraries(bluet_system INTERFACE usb-1.0)
    endif()
    find_package(Threads REQUIRED)
    target_link_libraries(bluet_system INTERFACE Threads::Threads)
endif()

# The host is freestanding, but the compiler may know what memcpy does: most copies are of a few octets.
foreach(room spec host)
    target_compile_options(bluet_${room} PRIVATE -ffreestanding -fbuiltin)
endforeach()
# The runtime talks to Linux.
if(TARGET bluet_runtime)
    target_compile_definitions(bluet_runtime PRIVATE _GNU_SOURCE)
endif()

# AES and P-256 come from mbedTLS. Its 2.28 brings neither a CMake package nor a .pc file in Debian.
if(BLUET_CRYPTO MATCHES "psa|mbedtls")
    find_path(BLUET_MBEDTLS_INCLUDE mbedtls/ecp.h REQUIRED)
    find_library(BLUET_MBEDCRYPTO mbedcrypto REQUIRED)
    target_include_directories(bluet_crypto PRIVATE ${BLUET_MBEDTLS_INCLUDE})
    target_link_libraries(bluet_system INTERFACE mbedcrypto)
endif()
