/* What procedures ask, and what they make of the answers; the queue that they stand in is in gatt_client.c. */
#ifndef BLUET_HOST_GATT_CLIENT_ASK_H
#define BLUET_HOST_GATT_CLIENT_ASK_H

#include "host/gatt_procedure.h"

/* The next request goes out on its bearer: GATT_GOES_ON, the status that it ends with, or an enum bluet_error. */
BLUET_INTERNAL int gatt_ask(const struct gatt_client *client, struct gatt_procedure *procedure);
/* Turns to the next value that is to be written; false: there is none (Vol 3 Part G, 4.9.5). */
BLUET_INTERNAL bool gatt_next_record(struct gatt_procedure *procedure);

/* GATT_GOES_ON, or the status that it ends with. Both raise what has been found. */
BLUET_INTERNAL int gatt_hear(struct gatt_client *client, struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL int gatt_refused(struct gatt_client *client, struct gatt_procedure *procedure, uint8_t error);

/* Little endian, out of its `value`. */
BLUET_INTERNAL uint16_t gatt_value_u16(const struct gatt_procedure *procedure, size_t position);

#endif
