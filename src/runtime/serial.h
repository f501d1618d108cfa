/*
 * H4 on a serial line, or on what looks like one: a UART, a USB adapter, a pseudo-terminal (UART transport: Vol 4
 * Part A). "PATH[,BAUD][,rtscts]"; 8 bits, no parity, 1 stop bit.
 */
#ifndef BLUET_RUNTIME_SERIAL_H
#define BLUET_RUNTIME_SERIAL_H

#include "runtime/carrier.h"
#include "spec/internal.h"

/* BLUET_EINVAL (see the message). */
BLUET_INTERNAL int serial_check(const char *argument);
/* BLUET_ENODEV (see the message). */
BLUET_INTERNAL int serial_open(const char *argument, struct carrier *out_carrier);

#endif
