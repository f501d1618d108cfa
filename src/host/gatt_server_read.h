/*
 * Requests that read: what is there, and what it holds. Each puts the response together, behind its opcode, and returns
 * 0, or an ATT error code with exchange->handle.
 */
#ifndef BLUET_HOST_GATT_SERVER_READ_H
#define BLUET_HOST_GATT_SERVER_READ_H

#include "host/gatt_server_state.h"

/* Find Information, Find By Type Value, Read By Type, Read By Group Type */
BLUET_INTERNAL int gatt_search(struct gatt_exchange *exchange);
/* Read, Read Blob */
BLUET_INTERNAL int gatt_read(struct gatt_exchange *exchange);
/* Read Multiple, Read Multiple Variable */
BLUET_INTERNAL int gatt_read_multiple(struct gatt_exchange *exchange);

#endif
