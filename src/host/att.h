/*
 * The ATT bearers of each link, the unenhanced one and the enhanced ones: MTU, the one request and the one indication
 * that may be under way, their timeout (Vol 3 Part F, 3.2.8, 3.2.11, 3.3.2, 3.3.3, 3.4.2). What the PDUs mean is for
 * the rooms above.
 */
#ifndef BLUET_HOST_ATT_H
#define BLUET_HOST_ATT_H

#include "bluet/bluet.h"
#include "host/l2cap_channel_bearer.h"
#include "spec/att.h"
#include "spec/internal.h"
#include "spec/reader.h"
#include "spec/writer.h"

enum att_wait {
    ATT_WAIT_NOTHING,
    ATT_WAIT_REQUEST,   /* the client's request */
    ATT_WAIT_INDICATION /* the server's indication */
};

struct att_bearer {
    struct link *link;             /* NULL: no such link, or the bearer is not open */
    struct l2cap_channel *channel; /* NULL: the unenhanced bearer */
    uint16_t mtu;                  /* in force */
    uint16_t offered;              /* what we have told the peer; 0: nothing yet */
    bool asked : 1;                /* we have begun an exchange, or are going to */
    bool was_asked : 1;            /* the peer has */
    bool confirmation_owed : 1;    /* ours had no buffer to go out from */
    bool answered : 1;             /* `request` is, and that is held: time does not run out any more */
    /* A transaction has timed out, or the channel is gone: no request, command, notification or indication goes out. */
    bool expired;
    bool indication;    /* one awaits its confirmation */
    uint8_t request;    /* opcode of the request that awaits its response; 0: none */
    uint32_t requested; /* when it went out: microseconds, without the upper half */
    uint32_t indicated;
};

/* Who has the keys that commands are signed with, on a link that is not encrypted (Vol 3 Part H, 2.4.5). */
struct att_signer {
    void *context;
    /* Whether there is a key for what goes to that peer, and for a link like this. */
    bool (*may_sign)(void *context, const struct link *link);
    /* Sees to it that there is a counter that has never been used. Raises. */
    bool (*prepare)(void *context, struct link *link);
    /* Then puts a signature behind the PDU. */
    bool (*sign)(void *context, const struct link *link, struct writer *pdu);
    /* Whether the PDU is the peer's, and new; `scratch` has room for it. Raises. */
    bool (*verify)(void *context, struct link *link, const struct reader *pdu, uint8_t *scratch,
                   bool *out_authenticated);
};

struct att {
    struct link_table *links;
    struct att_signer signer;
    struct l2cap_channels *channels; /* of enhanced bearers; NULL: there are none */
    struct att_bearer *bearers;      /* the unenhanced ones by index of the link; behind them the enhanced ones */
    uint16_t bearer_count;           /* of all */
    uint8_t count;                   /* of links */
    uint8_t enhanced_limit;          /* of each link */
    uint16_t preferred_mtu;          /* offered in an exchange that begins after it is set */
    uint8_t *scratch;                /* room for the PDU that is being put together, until it is sent */
    uint16_t scratch_size;           /* the largest MTU */
};

/* Takes memory for the bearers of as many links as the table has. `channels` is set, or NULL. -ENOMEM */
BLUET_INTERNAL int att_open(struct att *att, struct link_table *links, uint16_t mtu_limit);
BLUET_INTERNAL void att_close(struct att *att);

BLUET_INTERNAL void att_link_opened(struct att *att, struct link *link);
/* From now on nothing is sent or begun on the link. */
BLUET_INTERNAL void att_link_closed(struct att *att, const struct link *link);

/* The unenhanced one. */
static inline struct att_bearer *att_bearer(const struct att *att, const struct link *link)
{
    return &att->bearers[link->index];
}

static inline uint16_t att_index(const struct att *att, const struct att_bearer *bearer)
{
    return (uint16_t)(bearer - att->bearers);
}

/* The next open enhanced bearer of the same link, `bearer` being the unenhanced one at first. NULL: no more. */
BLUET_INTERNAL struct att_bearer *att_next(const struct att *att, struct att_bearer *bearer);
/* Responses and confirmations: these go out on an expired bearer too. -ENOMEM, -ENOTCONN */
BLUET_INTERNAL int att_send(const struct att *att, struct att_bearer *bearer, const struct bluet_span *spans,
                            size_t count);
/* Commands and notifications: -ENOTCONN on an expired bearer. */
BLUET_INTERNAL int att_push(const struct att *att, struct att_bearer *bearer, const struct bluet_span *spans,
                            size_t count);
/* Begins a transaction; its opcode is the first octet of the first span. The caller has seen that none is under way. */
BLUET_INTERNAL int att_send_request(const struct att *att, struct att_bearer *bearer, const struct bluet_span *spans,
                                    size_t count);
/* An indication has gone out; the caller had seen that none was under way. */
BLUET_INTERNAL void att_await_confirmation(const struct att *att, struct att_bearer *bearer);

/* Writes octets of a chain of buffers: `length` of them from `offset` on, or as many as there are and fit. */
BLUET_INTERNAL void att_write_chain(struct writer *writer, const struct buffer *chain, size_t offset, size_t length);

enum att_answer {
    ATT_ANSWER_NONE,     /* nobody asked */
    ATT_ANSWER_RESPONSE, /* the reader is left behind the opcode */
    ATT_ANSWER_ERROR,
    ATT_ANSWER_MALFORMED
};

/* How the PDU answers the request under way, which has then ended. `out_error` is the code of an Error Response. */
BLUET_INTERNAL enum att_answer att_take_response(struct att_bearer *bearer, struct reader *pdu, uint8_t *out_error);
/* Whether an indication awaited it. */
BLUET_INTERNAL bool att_take_confirmation(struct att_bearer *bearer);

/* What this side says in an exchange: the same in both directions of one link (Vol 3 Part F, 3.4.2.2). */
BLUET_INTERNAL uint16_t att_offer_mtu(const struct att *att, const struct link *link);
/* The peer's offer has come; returns the MTU now in force. */
BLUET_INTERNAL uint16_t att_settle_mtu(const struct att *att, const struct link *link, uint16_t offer_of_peer);

BLUET_INTERNAL uint64_t att_deadline(const struct att *att);
/* The next transaction that has timed out, which has then ended; its bearer is expired. ATT_WAIT_NOTHING: no more. */
BLUET_INTERNAL enum att_wait att_expire(const struct att *att, struct att_bearer **out_bearer);

#endif
