/*
 * ATT and GATT as one, for host.c: it owns the bearer, the database, the server and the client, and hands each PDU to
 * the one that it concerns.
 *
 * Functions marked "raises" raise events, and may only be called where events may be raised. None of the others does.
 * A handler may call all that the public header lets it; gatt_open() and gatt_close() may not be called from within
 * one.
 */
#ifndef BLUET_HOST_GATT_H
#define BLUET_HOST_GATT_H

#include "host/att.h"
#include "host/event.h"
#include "host/gatt_client.h"
#include "host/gatt_db.h"
#include "host/gatt_server.h"
#include "host/link.h"

struct gatt {
    const struct event_sink *sink;
    struct att att;
    struct gatt_db db;
    struct gatt_server server;
    struct gatt_client client;
};

/* Once, when the host is made. `port` and `sink` are kept. Takes no memory. */
BLUET_INTERNAL void gatt_init(struct gatt *gatt, const struct bluet_port *port, const struct event_sink *sink);
/* When the host is destroyed, after gatt_close(): the device name is given back. */
BLUET_INTERNAL void gatt_destroy(struct gatt *gatt);

/*
 * At activation, after the pool, the table of links, and the channels; with att.channels set there are enhanced bearers
 * as many as these have places for. `limits` has no zero left in it. -ENOMEM: nothing was taken.
 */
BLUET_INTERNAL int gatt_open(struct gatt *gatt, struct link_table *links, const struct bluet_config *limits);
/* After gatt_link_closed() for every link, and before pool and table are closed. User's services are forgotten. */
BLUET_INTERNAL void gatt_close(struct gatt *gatt);

/* Before the connect event is raised. */
BLUET_INTERNAL void gatt_link_opened(struct gatt *gatt, struct link *link);
/*
 * Before the disconnect event is raised and before link_close(). Raises: every procedure and indication of that link
 * ends with `status` (BLUET_STATUS_DISCONNECTED, or BLUET_STATUS_CANCELED). Further calls with that link yield
 * -ENOTCONN.
 */
BLUET_INTERNAL void gatt_link_closed(struct gatt *gatt, struct link *link, uint16_t status);

/* One frame of channel 4. Raises. */
BLUET_INTERNAL void gatt_receive(struct gatt *gatt, struct link *link, const uint8_t *pdu, size_t length);

/*
 * Buffers came free: what was kept for want of one is sent. Raises. To be called before BLUET_EVENT_SEND_READY is
 * raised. What is kept tries again and again to get a buffer, and so marks the pool as starved, without any call of
 * the application having been refused: whether the application is owed that event is for the caller to remember.
 */
BLUET_INTERNAL void gatt_flush(struct gatt *gatt);

/* BLUET_NEVER, or when gatt_expire() is due; 0: at once. */
BLUET_INTERNAL uint64_t gatt_deadline(const struct gatt *gatt);
/* Ends what has timed out by hci.now, and what was over before it began. Raises. */
BLUET_INTERNAL void gatt_expire(struct gatt *gatt);

/* Kept for the exchanges to come; may be called while closed. The range is the caller's to check. */
BLUET_INTERNAL void gatt_set_mtu(struct gatt *gatt, uint16_t mtu);

/* In force on that link. */
BLUET_INTERNAL uint16_t gatt_link_mtu(const struct gatt *gatt, const struct link *link);

/*
 * Device name and appearance: gatt_db_set_device_name() and its kin on &gatt->db.
 * Server calls: gatt_server_*() on &gatt->server. Client calls: gatt_client_*() on &gatt->client.
 */

#endif
