/*
 * What passes through a credit-based channel: SDUs cut into K-frames within the peer's credits on the way out, joined
 * again on the way in, and the credits that go back (Vol 3 Part A, 3.4.3, 10.1). It neither sends nor raises: that is
 * for the room above.
 */
#ifndef BLUET_HOST_L2CAP_STREAM_H
#define BLUET_HOST_L2CAP_STREAM_H

#include "bluet/bluet.h"
#include "spec/internal.h"
#include "spec/reader.h"

enum { L2CAP_SDU_LENGTH_SIZE = 2 };

/* What one end says of itself, in the order in which commands say it. */
struct l2cap_terms {
    uint16_t mtu, mps;
    uint16_t credits; /* K-frames that the other end may still send */
};

/* An SDU on its way out. */
struct l2cap_outgoing {
    uint16_t size;            /* the longest, for which there is room if it cannot go at once */
    uint16_t length;          /* of the SDU */
    uint16_t sent;            /* octets of it that are out */
    struct l2cap_terms terms; /* the peer's */
    union {
        const uint8_t *next; /* the octets that have yet to go; NULL: no SDU is under way */
        struct buffer *head; /* of a bearer's: K-frames that wait for credits */
    };
};

/* SDUs on their way in: the whole ones, one behind the other, then the one that is being joined, in a ring. */
struct l2cap_incoming {
    uint16_t joined;          /* octets of the SDU that is being joined */
    uint16_t awaited;         /* octets that it has yet to get; 0: none is being joined */
    uint16_t few;             /* with more credits than these the peer is given none */
    struct l2cap_terms terms; /* ours */
    uint8_t *ring;
    size_t size;
    size_t start; /* where the first octet lies */
    size_t whole; /* octets of whole SDUs */
};

/* The SDU becomes the one under way; `data` need live only until l2cap_outgoing_keep(). None is under way. */
BLUET_INTERNAL void l2cap_outgoing_begin(struct l2cap_outgoing *outgoing, const void *data, size_t length);
/*
 * The next segment, no longer than `limit` octets of payload: its head and what follows, in two spans. It counts as
 * sent when the caller says so. False: no credit, or nothing to send.
 */
BLUET_INTERNAL bool l2cap_outgoing_next(const struct l2cap_outgoing *outgoing, size_t limit, struct bluet_span *spans,
                                        uint8_t *head);
BLUET_INTERNAL void l2cap_outgoing_sent(struct l2cap_outgoing *outgoing, size_t octets);
/* What is left of the SDU, if one is under way, is copied to where there is room for one. */
BLUET_INTERNAL void l2cap_outgoing_keep(struct l2cap_outgoing *outgoing, uint8_t *copy);

/*
 * One K-frame's information payload; nothing more is awaited if an SDU is whole with it. False: the peer has broken a
 * rule, and the channel must be disconnected.
 */
BLUET_INTERNAL bool l2cap_incoming_receive(struct l2cap_incoming *incoming, struct reader *payload);
/* Takes up to `size` octets of whole SDUs; returns how many. */
BLUET_INTERNAL size_t l2cap_incoming_read(struct l2cap_incoming *incoming, void *out, size_t size);
/* What the ring holds goes to another, which is no smaller. */
BLUET_INTERNAL void l2cap_incoming_move(struct l2cap_incoming *incoming, uint8_t *ring);
/*
 * How many credits to give the peer now: none, or a worthwhile number. They count as granted when the caller says so.
 * `most` of them in all, or with 0 as many as the ring has room for.
 */
BLUET_INTERNAL uint16_t l2cap_incoming_credits(const struct l2cap_incoming *incoming, size_t most);

#endif
