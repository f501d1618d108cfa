/* The signalling channel of LE links (Vol 3 Part A, 4): what it has to answer, and the request for new parameters. */
#ifndef BLUET_HOST_L2CAP_SIGNAL_H
#define BLUET_HOST_L2CAP_SIGNAL_H

#include "host/l2cap.h"

/* One request of ours may be under way on a link. */
struct l2cap_signal_link {
    const struct link *link; /* whose request it is */
    uint8_t identifier;      /* of the last request; 0: none was sent */
    bool awaiting;
    uint64_t deadline;
};

struct l2cap_signal {
    struct link_table *links;
    struct l2cap_signal_link *requests; /* by index of the link */
    uint8_t awaiting_count;
};

/* -ENOMEM */
BLUET_INTERNAL int l2cap_signal_open(struct l2cap_signal *signal, struct link_table *links);
BLUET_INTERNAL void l2cap_signal_close(struct l2cap_signal *signal);
BLUET_INTERNAL void l2cap_signal_link_closed(struct l2cap_signal *signal, const struct link *link);

/* One frame of the channel. */
BLUET_INTERNAL void l2cap_signal_receive(struct l2cap_signal *signal, struct link *link, struct reader *frame);

/*
 * As peripheral: asks the central for new parameters (Vol 3 Part A, 4.20). A refusal, or no answer, raises
 * BLUET_EVENT_CONNECTION_UPDATE with a status; new parameters come as from the controller. -EINVAL: they are not valid,
 * or we are the central. -EALREADY: a request is under way. -ENOMEM, -ENOTCONN.
 */
BLUET_INTERNAL int l2cap_signal_request_update(struct l2cap_signal *signal, struct link *link,
                                               const struct link_parameters *parameters);

BLUET_INTERNAL uint64_t l2cap_signal_deadline(const struct l2cap_signal *signal);
BLUET_INTERNAL void l2cap_signal_expire(struct l2cap_signal *signal);

#endif
