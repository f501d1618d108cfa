/* Who may read, write and hear what: the permissions of attributes (Vol 3 Part F, 3.2.5; Part C, 10.3). */
#ifndef BLUET_HOST_GATT_SERVER_ACCESS_H
#define BLUET_HOST_GATT_SERVER_ACCESS_H

#include "host/gatt_server_state.h"

/* These return 0 or an ATT error code. */

BLUET_INTERNAL int gatt_may_write(const struct link *link, const struct gatt_attribute *attribute,
                                  enum gatt_signature signature);

/*
 * All that comes before a write: the attribute of exchange->handle is there, it may be written, and the application
 * agrees, if it wants to be asked. It is an error, too, if it has replaced the services meanwhile: so the attribute is
 * still there if there is none. `out_value` is what is left of the request.
 */
BLUET_INTERNAL int gatt_check_write(struct gatt_exchange *exchange, uint16_t offset,
                                    struct gatt_attribute **out_attribute, struct bluet_span *out_value);

/* Values that are ours, and are written in one piece: their bits, if they may be there. */
static inline bool gatt_is_configured(const struct gatt_attribute *attribute)
{
    return attribute->kind >= GATT_CONFIGURATION && attribute->kind <= GATT_FEATURES;
}

/* Configures, or only checks; the application is told of a subscription by gatt_server_tell_subscriptions(). */
BLUET_INTERNAL int gatt_configure(struct gatt_server *server, const struct link *link,
                                  struct gatt_attribute *configuration, const struct bluet_span *value, bool checks);

/* Whether the link is good enough for the value to be notified. */
BLUET_INTERNAL bool gatt_may_hear(const struct link *link, const struct gatt_attribute *value);

/*
 * All that comes before a value is read: it is there, it may be read, and the application agrees. `out_value` may lie
 * in exchange->declaration. The application may have changed anything: what was looked up before has to be looked up
 * again.
 */
BLUET_INTERNAL int gatt_read_value(struct gatt_exchange *exchange, uint16_t handle, struct bluet_span *out_value);

#endif
