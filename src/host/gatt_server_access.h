/* Who may read, write and hear what: the permissions of attributes (Vol 3 Part F, 3.2.5; Part C, 10.3). */
#ifndef BLUET_HOST_GATT_SERVER_ACCESS_H
#define BLUET_HOST_GATT_SERVER_ACCESS_H

#include "host/gatt_server_state.h"

/* These return 0 or an ATT error code. */

BLUET_INTERNAL int gatt_may_write(const struct link *link, const struct gatt_attribute *attribute);
/* The bits that a write puts into a configuration, if they may be there. */
BLUET_INTERNAL int gatt_may_configure(const struct gatt_attribute *configuration, struct reader *value,
                                      uint8_t *out_bits);

/* Whether the link is good enough for the value to be notified. */
BLUET_INTERNAL bool gatt_may_hear(const struct link *link, const struct gatt_attribute *value);

/*
 * All that comes before a value is read: it is there, it may be read, and the application agrees. `out_value` may lie
 * in response->declaration. The application may have changed anything: what was looked up before has to be looked up
 * again.
 */
BLUET_INTERNAL int gatt_read_value(struct gatt_server *server, const struct link *link, uint16_t handle,
                                   struct gatt_response *response, struct bluet_span *out_value);

#endif
