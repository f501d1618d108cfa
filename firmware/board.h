/*
 * What the port needs of a board. board.c has it for QEMU's mps2-an385, a Cortex-M3 with CMSDK UARTs; another board
 * replaces that file and board.ld.
 */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts clock, UART and interrupts. */
void board_start(void);

/* Microseconds since board_start(). */
uint64_t board_now(void);

/* Queues an octet for the UART; waits for room if the controller holds us up. */
void board_send(uint8_t octet);

/* Takes an octet that has come. */
bool board_receive(uint8_t *out_octet);

/* Sleeps until something has come, or a millisecond has passed. */
void board_sleep(void);

#endif
