/* Client configurations of bonded clients, which outlive the connection (Vol 3 Part G, 3.3.3.3). */
#ifndef BLUET_HOST_GATT_SERVER_BOND_H
#define BLUET_HOST_GATT_SERVER_BOND_H

#include "host/gatt_server_state.h"

/* Writes what is configured into `out`, as far as it goes. */
BLUET_INTERNAL void gatt_server_save(const struct gatt_server *server, const struct link *link, struct writer *out);
/* Configures what was saved, as far as it is there and may be so. */
BLUET_INTERNAL void gatt_server_restore(const struct gatt_server *server, const struct link *link,
                                        struct reader *saved);
/* Whether the client has configured something since it was last asked. */
BLUET_INTERNAL bool gatt_server_was_configured(const struct gatt_server *server, const struct link *link);

#endif
