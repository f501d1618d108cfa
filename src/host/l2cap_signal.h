/* The signalling channel of LE links (Vol 3 Part A, 4): what it has to answer, and the request for new parameters. */
#ifndef BLUET_HOST_L2CAP_SIGNAL_H
#define BLUET_HOST_L2CAP_SIGNAL_H

#include "host/l2cap.h"
#include "spec/l2cap.h"
#include "spec/writer.h"

/* Whoever makes channels: gets the commands that concern them, and Command Rejects first. */
struct l2cap_signal_taker {
    void *context;
    /* False: not understood. */
    bool (*take)(void *context, struct link *link, uint8_t code, uint8_t identifier, struct reader *parameters);
    /* Whether a request of that identifier still awaits its response. */
    bool (*awaits)(const void *context, const struct link *link, uint8_t identifier);
};

/* A request of the peer's that found no buffer free for its response. It is not looked at before there is one. */
struct l2cap_signal_kept {
    struct link *link; /* NULL: this place is free */
    uint8_t octets[L2CAP_SIGNALLING_MTU];
    uint8_t length;
};

/* So many links can have one. */
enum { L2CAP_SIGNAL_KEPT = 2 };

/* One request for new parameters may be under way on a link. */
struct l2cap_signal_link {
    uint32_t requested;      /* when it went out: microseconds, without the upper half */
    uint8_t last_identifier; /* of any request of ours */
    uint8_t awaited;         /* the identifier of this one; 0: none is under way */
};

struct l2cap_signal {
    struct link_table *links;
    struct l2cap_signal_link *requests; /* by index of the link */
    uint8_t awaiting_count;
    uint8_t kept_count;
    struct buffer *reserve; /* for the response to the request under way, if it cannot go at once */
    struct l2cap_signal_taker taker;
    struct l2cap_signal_kept kept[L2CAP_SIGNAL_KEPT];
};

/* `taker` NULL: there are no channels. -ENOMEM */
BLUET_INTERNAL int l2cap_signal_open(struct l2cap_signal *signal, struct link_table *links,
                                     const struct l2cap_signal_taker *taker);
BLUET_INTERNAL void l2cap_signal_close(struct l2cap_signal *signal);
BLUET_INTERNAL void l2cap_signal_link_closed(struct l2cap_signal *signal, const struct link *link);

/* One frame of the channel. */
BLUET_INTERNAL void l2cap_signal_receive(struct l2cap_signal *signal, struct link *link, struct reader *frame);
/* Looks at the requests that were kept, now that there may be room. Raises. */
BLUET_INTERNAL void l2cap_signal_flush(struct l2cap_signal *signal);

/* For requests of our own: one that is not in use. */
BLUET_INTERNAL uint8_t l2cap_signal_identifier(struct l2cap_signal *signal, const struct link *link);
/* -ENOMEM, -ENOTCONN */
BLUET_INTERNAL int l2cap_signal_send(struct l2cap_signal *signal, struct link *link, uint8_t code, uint8_t identifier,
                                     const struct writer *parameters);
/* Command Reject, Invalid CID in request (Vol 3 Part A, 4.1). */
BLUET_INTERNAL void l2cap_signal_reject_cid(struct l2cap_signal *signal, struct link *link, uint8_t identifier,
                                            uint16_t destination, uint16_t source);

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
