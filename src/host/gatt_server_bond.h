/*
 * What of bonded clients outlives the connection: their configurations and features, and whether they know the database
 * as it is (Vol 3 Part G, 2.5.2.1, 3.3.3.3, 7.1, 7.2).
 */
#ifndef BLUET_HOST_GATT_SERVER_BOND_H
#define BLUET_HOST_GATT_SERVER_BOND_H

#include "host/gatt_server_state.h"

/* Writes what is configured into `out`, as far as it goes. */
BLUET_INTERNAL void gatt_server_save(const struct gatt_server *server, const struct link *link, struct writer *out);
/*
 * Configures what was saved, as far as it may be so. If the database has become another one meanwhile nobody knows what
 * the handles of services were, and only what is of the built-in ones is: the client has to be told of the change, and
 * subscribes anew.
 */
BLUET_INTERNAL void gatt_server_restore(struct gatt_server *server, struct link *link, struct reader *saved);
/* Whether the client has configured something since it was last asked. */
BLUET_INTERNAL bool gatt_server_was_configured(const struct gatt_server *server, const struct link *link);

#endif
