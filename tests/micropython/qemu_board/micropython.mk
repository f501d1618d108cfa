# A user C module for the tests: the HCI UART that the `qemu` port lacks, and in MBEDTLS_DIR, if given, the mbedTLS.
SRC_USERMOD_C += $(USERMOD_DIR)/board.c
CFLAGS_USERMOD += -I$(USERMOD_DIR) -include $(USERMOD_DIR)/interrupts.h -DMICROPY_SCHEDULER_STATIC_NODES=1
LDFLAGS_USERMOD += -Wl,-T,$(USERMOD_DIR)/unwind.ld

ifneq ($(MBEDTLS_DIR),)
MBEDTLS_NAMES := aes bignum constant_time ecp ecp_curves platform_util
SRC_USERMOD_LIB_C += $(addprefix $(MBEDTLS_DIR)/library/, $(addsuffix .c, $(MBEDTLS_NAMES)))
CFLAGS_USERMOD += -isystem $(MBEDTLS_DIR)/include -DMBEDTLS_CONFIG_FILE='"mbedtls_config.h"' -DMICROPY_TRACKED_ALLOC=1
endif
