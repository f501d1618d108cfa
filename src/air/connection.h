/*
 * Connections: their setup, connection events with acknowledgement and flow control, supervision, and their end (Vol 6
 * Part B, 4.5).
 */
#ifndef BLUET_AIR_CONNECTION_H
#define BLUET_AIR_CONNECTION_H

#include "air/link_control.h"
#include "spec/reader.h"

/* For the central: chooses the parameters that CONNECT_IND carries, for a packet that ends at `end`; or
 * AUX_CONNECT_REQ.
 */
BLUET_INTERNAL void air_connection_propose(struct bluet_air_controller *controller, struct air_link *link,
                                           struct air_connect *out_connect, uint64_t end, uint8_t phy, bool auxiliary);

/* CONNECT_IND has been sent, or received: the link comes up, and the host is told. `peer` NULL: it was not heard. */
BLUET_INTERNAL void air_connection_begin(struct air_link *link, const struct air_connect *connect, bool central,
                                         struct air_link *peer);

/* Parts from the peer, which is left to find out, and gives the link back. */
BLUET_INTERNAL void air_connection_drop(struct air_link *link);

/* ACL data of the host. */
BLUET_INTERNAL void air_connection_send(struct bluet_air_controller *controller, uint16_t handle, unsigned boundary,
                                        struct reader *data);

#endif
