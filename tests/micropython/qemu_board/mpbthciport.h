/* What ports with an HCI UART have of this name; here for MicroPython's `qemu` port, which has none. */
#ifndef BLUET_TESTS_MPBTHCIPORT_H
#define BLUET_TESTS_MPBTHCIPORT_H

#include <stdint.h>

void mp_bluetooth_hci_poll_now(void);
void mp_bluetooth_hci_poll_in_ms(uint32_t ms);
void mp_bluetooth_hci_poll(void);

#endif
