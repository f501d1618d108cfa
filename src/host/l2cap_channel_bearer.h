/*
 * The channels that ATT has for itself, its enhanced bearers (Vol 3 Part G, 5.3): PDUs go out whole, in order with all
 * else that the link sends, and come in whole. An application sees none of them.
 */
#ifndef BLUET_HOST_L2CAP_CHANNEL_BEARER_H
#define BLUET_HOST_L2CAP_CHANNEL_BEARER_H

#include "host/l2cap_channel.h"

/* Asks the peer for as many bearers as the link may have yet, 5 at most, if there are buffers for that. */
BLUET_INTERNAL void l2cap_bearers_connect(struct l2cap_channels *channels, struct link *link);

/*
 * Sends one PDU, no longer than both ends' MTU: its frames go behind what the link sends already, or wait for credits
 * in buffers of the pool. -ENOMEM: no buffers, nothing sent. -ENOTCONN.
 */
BLUET_INTERNAL int l2cap_bearer_send(struct l2cap_channels *channels, struct l2cap_channel *channel,
                                     const struct bluet_span *spans, size_t count);

/* Whether a short PDU would go out at once. */
static inline bool l2cap_bearer_is_ready(const struct l2cap_channel *channel)
{
    return !channel->outgoing.head && channel->outgoing.terms.credits;
}

/* Its end is asked for, and it is over. */
BLUET_INTERNAL void l2cap_bearer_close(struct l2cap_channels *channels, struct l2cap_channel *channel);

#endif
