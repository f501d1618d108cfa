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

/* An SDU on its way out. What cannot go at once is kept in `copy`. */
struct l2cap_outgoing {
    uint8_t *copy;
    size_t size;         /* room in `copy`: the longest SDU */
    const uint8_t *next; /* the octets that have yet to go; NULL: no SDU is under way */
    uint16_t length;     /* of the SDU */
    uint16_t sent;       /* octets of it that are out */
    uint16_t mps;        /* the peer's */
    uint16_t credits;    /* K-frames that we may send */
};

/* SDUs on their way in: the whole ones, one behind the other, then the one that is being joined, in a ring. */
struct l2cap_incoming {
    uint8_t *ring;
    size_t size;
    size_t start;      /* where the first octet lies */
    size_t whole;      /* octets of whole SDUs */
    size_t joined;     /* octets of the SDU that is being joined */
    size_t awaited;    /* octets that it has yet to get; 0: none is being joined */
    uint16_t mtu, mps; /* ours */
    uint16_t granted;  /* K-frames that the peer may still send */
    uint16_t few;      /* with more than these it is given none */
};

/* The information payload of one K-frame. */
struct l2cap_segment {
    uint8_t sdu_length[L2CAP_SDU_LENGTH_SIZE];
    uint16_t octets; /* of the SDU */
    bool first;
};

/* The SDU becomes the one under way; `data` need live only until l2cap_outgoing_keep(). None is under way. */
BLUET_INTERNAL void l2cap_outgoing_begin(struct l2cap_outgoing *outgoing, const void *data, size_t length);
/* The next segment, no longer than `limit` octets of payload. False: no credit, or nothing to send. */
BLUET_INTERNAL bool l2cap_outgoing_next(const struct l2cap_outgoing *outgoing, size_t limit,
                                        struct l2cap_segment *out_segment);
/* That segment has gone out. Whether the SDU is through with it. */
BLUET_INTERNAL bool l2cap_outgoing_sent(struct l2cap_outgoing *outgoing, const struct l2cap_segment *segment);
/* What is left of the SDU is copied. */
BLUET_INTERNAL void l2cap_outgoing_keep(struct l2cap_outgoing *outgoing);

enum l2cap_outcome {
    L2CAP_SDU_GOES_ON,
    L2CAP_SDU_WHOLE,
    L2CAP_SDU_BROKEN /* the peer has broken a rule: the channel must be disconnected */
};

/* One K-frame's information payload. */
BLUET_INTERNAL enum l2cap_outcome l2cap_incoming_receive(struct l2cap_incoming *incoming, struct reader *payload);
/* Takes up to `size` octets of whole SDUs; returns how many. */
BLUET_INTERNAL size_t l2cap_incoming_read(struct l2cap_incoming *incoming, void *out, size_t size);
/* What the ring holds goes to another, which is no smaller. */
BLUET_INTERNAL void l2cap_incoming_move(struct l2cap_incoming *incoming, uint8_t *ring);
/* How many credits to give the peer now: none, or a worthwhile number. They count as granted when the caller says so.
 */
BLUET_INTERNAL uint16_t l2cap_incoming_credits(const struct l2cap_incoming *incoming);

#endif
