/*
 * The GATT server: answers requests and commands (gatt_server_read.c, gatt_server_write.c), notifies and indicates
 * (gatt_server_push.c). Vol 3 Part F, 3.4; Part G, 4.
 *
 * Who may read and write a value: reading needs BLUET_FLAG_READ; every kind of write needs BLUET_FLAG_WRITE or
 * BLUET_FLAG_WRITE_NO_RESPONSE, but a signed one, which needs BLUET_FLAG_AUTHENTICATED_SIGNED_WRITE.
 * BLUET_FLAG_READ_AUTHORIZED leaves the decision to the answer to BLUET_EVENT_GATTS_READ_REQUEST, and
 * BLUET_FLAG_WRITE_AUTHORIZED to that to BLUET_EVENT_GATTS_WRITE_REQUEST, where BLUET_FLAG_ASK_WRITE has it raised;
 * otherwise nobody is authorized to write. A value that asks for an encrypted or authenticated link to be read is not
 * subscribed to, notified or indicated on a lesser one.
 */
#ifndef BLUET_HOST_GATT_SERVER_H
#define BLUET_HOST_GATT_SERVER_H

#include "host/gatt_server_state.h"

/* What the public functions of the same names do, once the host is active, and the link or the attribute found. */

/* As bluet_gatts_register_services(); the caller has seen to BLUET_EBUSY. */
BLUET_INTERNAL int gatt_server_register(struct gatt_server *server, uint16_t *out_handles, size_t handle_capacity,
                                        const struct bluet_service *services, size_t service_count);
BLUET_INTERNAL int gatt_server_local_write(struct gatt_server *server, struct gatt_attribute *attribute,
                                           const void *data, size_t length, bool send_update);

/* What is to be pushed: what is given, or without `data` the local value. Of several the handles, and how many. */
struct gatt_push {
    struct gatt_server *server;
    struct link *link;
    struct bluet_span value;
    uint16_t handle;
};

BLUET_INTERNAL int gatt_server_notify(struct gatt_push *push);
BLUET_INTERNAL int gatt_server_notify_multiple(struct gatt_push *push);
BLUET_INTERNAL int gatt_server_indicate(struct gatt_push *push);

/* What a client has configured of a value, or with `link` NULL anybody of the server: -EINVAL, or the bits. */
BLUET_INTERNAL int gatt_server_configuration(const struct gatt_server *server, const struct link *link,
                                             uint16_t value_handle);

/* For gatt.c */

BLUET_INTERNAL int gatt_server_open(struct gatt_server *server, struct att *att, struct gatt_db *db,
                                    const struct event_sink *sink, const struct bluet_config *limits);
BLUET_INTERNAL void gatt_server_close(struct gatt_server *server);
BLUET_INTERNAL void gatt_server_link_opened(struct gatt_server *server, const struct link *link);
BLUET_INTERNAL void gatt_server_link_closed(struct gatt_server *server, struct link *link, uint16_t status);
BLUET_INTERNAL void gatt_server_request(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu,
                                        size_t length);
BLUET_INTERNAL void gatt_server_command(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu,
                                        size_t length);
BLUET_INTERNAL void gatt_server_confirmation(struct gatt_server *server, struct att_bearer *bearer, size_t length);
BLUET_INTERNAL void gatt_server_flush(struct gatt_server *server, struct link *link);
/* What has changed, since this was last called. Raises. */
BLUET_INTERNAL void gatt_server_tell_subscriptions(struct gatt_server *server, struct link *link);
/* The bearer has expired, for want of `wait`. */
BLUET_INTERNAL void gatt_server_expired(struct gatt_server *server, struct att_bearer *bearer, enum att_wait wait);
/* An enhanced bearer is new, or about to be gone; the latter raises. */
BLUET_INTERNAL void gatt_server_bearer_opened(struct gatt_server *server, const struct att_bearer *bearer);
BLUET_INTERNAL void gatt_server_bearer_closed(struct gatt_server *server, struct att_bearer *bearer);

#endif
