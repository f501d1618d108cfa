/*
 * Requests and commands that write. They put the response together, behind its opcode, and return 0, or an ATT error
 * code with exchange->handle.
 */
#ifndef BLUET_HOST_GATT_SERVER_WRITE_H
#define BLUET_HOST_GATT_SERVER_WRITE_H

#include "host/gatt_server_access.h"

/* Of Write Request, Write Command and Signed Write Command. */
BLUET_INTERNAL int gatt_write(struct gatt_exchange *exchange);
BLUET_INTERNAL int gatt_prepare_write(struct gatt_exchange *exchange);
BLUET_INTERNAL int gatt_execute_write(struct gatt_exchange *exchange);

#endif
