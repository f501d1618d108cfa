# For ports of MicroPython that are built by CMake: -DUSER_C_MODULES=/path/to/bluet/micropython/micropython.cmake
# No other stack may be asked for: MICROPY_BLUETOOTH_BTSTACK and MICROPY_BLUETOOTH_NIMBLE stay off in the port's files.
# AES and P-256 are those of the port's mbedTLS (MICROPY_SSL_MBEDTLS); with BLUET_CRYPTO=none there is no pairing.

set(BLUET_DIR ${CMAKE_CURRENT_LIST_DIR}/..)
if(NOT BLUET_CRYPTO)
    set(BLUET_CRYPTO mbedtls)
endif()
set(BLUET_DEFINITIONS
    MICROPY_PY_BLUETOOTH=1
    MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS=1
    MICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE=1
    MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT=1
    MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING=1
    MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS=1
    MICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD=1
)

# What names things of MicroPython's: it is searched for them, with definitions that are not taken from here.
add_library(usermod_bluet INTERFACE)
target_sources(usermod_bluet INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/bluet/backend.c
    ${CMAKE_CURRENT_LIST_DIR}/bluet/events.c
    ${CMAKE_CURRENT_LIST_DIR}/bluet/gap.c
    ${CMAKE_CURRENT_LIST_DIR}/bluet/gatt.c
    ${CMAKE_CURRENT_LIST_DIR}/bluet/wire_uart.c
)
target_include_directories(usermod_bluet INTERFACE ${BLUET_DIR}/include ${BLUET_DIR}/src)
target_compile_definitions(usermod_bluet INTERFACE ${BLUET_DEFINITIONS})
list(APPEND MICROPY_CPP_DEF_EXTRA ${BLUET_DEFINITIONS})
target_link_libraries(usermod INTERFACE usermod_bluet)

# The host itself is kept from that search, which knows not where mbedTLS is, by an expression that it does not read.
file(GLOB BLUET_HOST ${BLUET_DIR}/src/host/*.c ${BLUET_DIR}/src/spec/*.c)
add_library(usermod_bluet_host INTERFACE)
target_sources(usermod_bluet_host INTERFACE ${BLUET_HOST} ${BLUET_DIR}/src/crypto/crypto_${BLUET_CRYPTO}.c)
target_link_libraries(usermod_bluet INTERFACE $<BUILD_INTERFACE:usermod_bluet_host>)
