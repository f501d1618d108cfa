# A user C module for the tests: the HCI UART that the `qemu` port lacks.
SRC_USERMOD_C += $(USERMOD_DIR)/board.c
CFLAGS_USERMOD += -I$(USERMOD_DIR) -include $(USERMOD_DIR)/interrupts.h -DMICROPY_SCHEDULER_STATIC_NODES=1
LDFLAGS_USERMOD += -Wl,-T,$(USERMOD_DIR)/unwind.ld
