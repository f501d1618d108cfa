/* What the server says unasked: notifications, indications, Service Changed. */
#ifndef BLUET_HOST_GATT_SERVER_PUSH_H
#define BLUET_HOST_GATT_SERVER_PUSH_H

#include "host/gatt_server_state.h"

/*
 * Tells every client that has subscribed to the value. -ENOMEM: nobody was told, for want of a buffer. Where only some
 * were, the others are told the value that it has by then, as soon as there is a buffer.
 */
BLUET_INTERNAL int gatt_push_update(struct gatt_server *server, const struct gatt_attribute *value, const void *data,
                                    size_t length);

/* No client knows these handles any more; Service Changed is due to those that have subscribed (Vol 3 Part G, 7.1). */
BLUET_INTERNAL void gatt_push_service_changed(struct gatt_server *server, const struct gatt_change *change);

/* The same of one client. */
BLUET_INTERNAL void gatt_push_changed_to(struct gatt_server *server, struct link *link,
                                         const struct gatt_change *change);

/* Sends what waits and now can go out. Raises nothing. */
BLUET_INTERNAL void gatt_push_waiting(struct gatt_server *server, struct link *link);

/* The indication under way on a bearer has ended. Raises. */
BLUET_INTERNAL void gatt_push_indicated(struct gatt_server *server, const struct link *link,
                                        struct gatt_server_bearer *bearer, uint16_t status);
/* Whether transactions have timed out on every bearer. */
BLUET_INTERNAL bool gatt_push_is_over(const struct gatt_server *server, const struct link *link);
/* Those that wait end without having been sent. Raises. */
BLUET_INTERNAL void gatt_push_drop(struct gatt_server *server, const struct link *link, uint16_t status);

#endif
