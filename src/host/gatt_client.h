/*
 * The GATT client: procedures, one at a time on each link, the others waiting their turn; notifications and indications
 * that come in (Vol 3 Part G, 4). What each procedure says and hears: gatt_client_ask.c, gatt_client_hear.c.
 */
#ifndef BLUET_HOST_GATT_CLIENT_H
#define BLUET_HOST_GATT_CLIENT_H

#include "host/gatt_procedure.h"

/*
 * What the public functions do, once the host is active and the link found. A write without response does not wait for
 * other procedures, but for writes that were asked for before it.
 */
BLUET_INTERNAL int gatt_client_begin(struct gatt_client *client, const struct link *link,
                                     const struct gatt_question *question);

/* For gatt.c */

BLUET_INTERNAL int gatt_client_open(struct gatt_client *client, struct att *att, const struct event_sink *sink,
                                    const struct bluet_config *limits);
BLUET_INTERNAL void gatt_client_close(struct gatt_client *client);
BLUET_INTERNAL void gatt_client_link_opened(struct gatt_client *client, const struct link *link);
BLUET_INTERNAL void gatt_client_link_closed(struct gatt_client *client, struct link *link, uint16_t status);
BLUET_INTERNAL void gatt_client_response(struct gatt_client *client, struct att_bearer *bearer, const uint8_t *pdu,
                                         size_t length);
BLUET_INTERNAL void gatt_client_notification(struct gatt_client *client, struct att_bearer *bearer, const uint8_t *pdu,
                                             size_t length);
/* The confirmation that is owed on the bearer, if one is. */
BLUET_INTERNAL void gatt_client_confirm(const struct gatt_client *client, struct att_bearer *bearer);
BLUET_INTERNAL void gatt_client_flush(struct gatt_client *client, struct link *link);
/* The bearer has expired, for want of `wait`. */
BLUET_INTERNAL void gatt_client_expired(struct gatt_client *client, struct att_bearer *bearer, enum att_wait wait);
/* An enhanced bearer is about to be gone. Raises. */
BLUET_INTERNAL void gatt_client_bearer_closed(struct gatt_client *client, struct att_bearer *bearer);
/* One that we have asked for was not made. */
BLUET_INTERNAL void gatt_client_bearer_refused(struct gatt_client *client, struct link *link, uint16_t result);
/* Due at once when client->unsettled. */
BLUET_INTERNAL void gatt_client_settle(struct gatt_client *client);

#endif
