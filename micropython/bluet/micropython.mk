# For ports of MicroPython that are built by make: `make USER_C_MODULES=/path/to/bluet/micropython`.
# MICROPY_PY_BLUETOOTH stays off in the port's own makefiles, which would otherwise ask for another stack.

BLUET_DIR := $(realpath $(USERMOD_DIR)/../..)
BLUET_PORT ?= $(notdir $(CURDIR))
# mbedtls: AES and P-256 are those of the port's mbedTLS, on the unix port otherwise of the system's. none: no pairing.
BLUET_CRYPTO ?= mbedtls

SRC_USERMOD_C += $(addprefix $(USERMOD_DIR)/, backend.c events.c gap.c gatt.c)
BLUET_ROOMS := host spec

CFLAGS_USERMOD += -I$(BLUET_DIR)/include -I$(BLUET_DIR)/src
CFLAGS_USERMOD += \
    -DMICROPY_PY_BLUETOOTH=1 \
    -DMICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS=1 \
    -DMICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE=1 \
    -DMICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT=1 \
    -DMICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING=1 \
    -DMICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS=1 \
    -DMICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD=1

ifeq ($(BLUET_PORT),unix)
# The transports come from the runtime, which can also start an air. The linker drops the rest.
SRC_USERMOD_C += $(USERMOD_DIR)/wire_unix.c
BLUET_ROOMS += runtime air
CFLAGS_USERMOD += -DBLUET_CONNECTION_COUNT=16 -DBLUET_BUFFER_COUNT=24 -DBLUET_BUFFER_SIZE=544 \
    -DBLUET_PROCEDURE_COUNT=64 -DBLUET_CHANNEL_SIZE=16384 -DBLUET_BOND_COUNT=64 -DBLUET_PACKET_SIZE=1026
ifneq ($(MICROPY_PY_SSL)$(MICROPY_SSL_MBEDTLS),11)
LDFLAGS_USERMOD += -lmbedcrypto
endif
else
SRC_USERMOD_C += $(USERMOD_DIR)/wire_uart.c
endif

BLUET_SRC := $(wildcard $(addsuffix /*.c, $(addprefix $(BLUET_DIR)/src/, $(BLUET_ROOMS)))) \
    $(BLUET_DIR)/src/crypto/crypto_$(BLUET_CRYPTO).c
# Nothing here needs libusb.
BLUET_SRC := $(filter-out %/usb.c %/usb_transfers.c, $(BLUET_SRC))
SRC_USERMOD_LIB_C += $(BLUET_SRC)

# The runtime talks to Linux.
$(addprefix $(BUILD)/, $(patsubst %.c, %.o, $(filter $(BLUET_DIR)/src/runtime/%, $(BLUET_SRC)))): \
    CFLAGS += -D_GNU_SOURCE
