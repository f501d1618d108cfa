/*
 * Credit-based channels: their table, what passes through them, and the two ways of making them, LE and enhanced
 * credit-based flow control (Vol 3 Part A, 4.22 to 4.28, 10.1, 10.2). An application says the same for both: a
 * connection is asked for the enhanced way, and the other way when the peer does not know that.
 *
 *     FREE --connect--> AWAIT_RESPONSE --accepted--> OPEN --disconnect--> AWAIT_DISCONNECTION --> FREE
 *     FREE --peer connects, application accepts----> OPEN --peer disconnects, or the link ends--> FREE, or UNREAD
 *
 * UNREAD: nothing passes any more, but the application has yet to read what came before the end.
 */
#ifndef BLUET_HOST_L2CAP_CHANNEL_H
#define BLUET_HOST_L2CAP_CHANNEL_H

#include "host/l2cap_signal.h"
#include "host/l2cap_stream.h"

enum l2cap_channel_state {
    CHANNEL_FREE,
    CHANNEL_AWAIT_ACCEPTANCE, /* the application is being asked, or the response is about to go */
    CHANNEL_AWAIT_RESPONSE,
    CHANNEL_OPEN,
    CHANNEL_AWAIT_DISCONNECTION,
    CHANNEL_UNREAD
};

struct l2cap_channel {
    enum l2cap_channel_state state;
    uint8_t awaits;     /* code of the response to a request of ours that is under way; 0: none is */
    uint8_t identifier; /* of that request: channels of one request have the same */
    bool bearer;        /* it is ATT's */
    bool enhanced;
    bool stalled;       /* the application was told to wait for BLUET_EVENT_L2CAP_SEND_READY */
    bool owes_request;  /* the request of an AWAIT state has found no buffer yet */
    uint16_t local_cid; /* 0 in none but free ones */
    uint16_t peer_cid;  /* 0 while there is no other end */
    uint16_t psm;
    uint16_t wanted_mtu; /* of our end, by a reconfiguration that awaits its response; 0: none does */
    struct link *link;
    struct l2cap_incoming incoming; /* its ring begins the memory of both directions */
    struct l2cap_outgoing outgoing;
    uint64_t deadline; /* of what it awaits */
};

/*
 * Who has the ATT bearers (Vol 3 Part G, 5.3). Their channels are places of the table of their own, `bearer_limit` for
 * each link, and the application hears nothing of them: what it would be told, or asked, goes here.
 */
struct l2cap_bearer_owner {
    void *context;
    /* The MTU for bearers of the link, if any may be made; otherwise the result that says why not, negated. */
    int (*mtu)(void *context, const struct link *link);
    /* It is open, or an MTU has become another. Raises nothing. */
    void (*set)(void *context, struct l2cap_channel *channel);
    /* An SDU has come: it is what is whole. */
    void (*receive)(void *context, struct l2cap_channel *channel);
    /* It is not open any more, and may be free; `result` if it never was. */
    void (*ended)(void *context, const struct l2cap_channel *channel, struct link *link, uint16_t result);
};

struct l2cap_listener {
    uint16_t psm, mtu; /* PSM 0: nobody listens any more */
};

struct l2cap_channels {
    struct l2cap_signal *signal;
    struct link_table *links;
    struct l2cap_channel *channels; /* `limit` of them, then those of bearers; `total` in all */
    bool waiting;                   /* something may: an SDU, credits, a request */
    uint8_t limit;
    uint8_t bearer_limit; /* of each link */
    uint16_t total;
    uint16_t turn;     /* the channel that was served last */
    uint16_t awaiting; /* how many channels await a response */
    uint16_t local_mps;
    uint16_t receive_size; /* room beyond the MTU for what comes in, at least a frame */
    uint16_t bearer_room;  /* the largest MTU of a bearer */
    uint16_t listener_count;
    struct l2cap_listener *listeners;
    struct l2cap_bearer_owner owner;
    bool *plain;           /* by index of the link: the peer does not know the enhanced way */
    uint8_t *bearer_rings; /* a whole SDU for each */
};

/* -ENOMEM. `channels` is all zero, as it is when closed. */
BLUET_INTERNAL int l2cap_channels_open(struct l2cap_channels *channels, struct l2cap_signal *signal,
                                       const struct bluet_config *limits);
BLUET_INTERNAL void l2cap_channels_close(struct l2cap_channels *channels);

/* Raises BLUET_EVENT_L2CAP_DISCONNECT for each channel of the link, which are then free. */
BLUET_INTERNAL void l2cap_channels_link_closed(struct l2cap_channels *channels, const struct link *link);

/* Whether a request of ours with that identifier awaits its response; for struct l2cap_signal_taker. */
BLUET_INTERNAL bool l2cap_channels_await(const void *channels, const struct link *link, uint8_t identifier);

/* One K-frame; false: there is no such channel. Raises. */
BLUET_INTERNAL bool l2cap_channels_receive(struct l2cap_channels *channels, struct link *link, uint16_t cid,
                                           struct reader *payload);
/* Sends what waits, as far as buffers and credits go. Raises BLUET_EVENT_L2CAP_SEND_READY. */
BLUET_INTERNAL void l2cap_channels_flush(struct l2cap_channels *channels);

BLUET_INTERNAL uint64_t l2cap_channels_deadline(const struct l2cap_channels *channels);
BLUET_INTERNAL void l2cap_channels_expire(struct l2cap_channels *channels);

/* The application's calls: see bluet.h. */
BLUET_INTERNAL int l2cap_channels_listen(struct l2cap_channels *channels, uint16_t psm, uint16_t mtu);
BLUET_INTERNAL int l2cap_channels_listen_stop(struct l2cap_channels *channels, uint16_t psm);
BLUET_INTERNAL int l2cap_channels_connect(struct l2cap_channels *channels, struct link *link, uint16_t psm,
                                          uint16_t mtu, size_t count);
BLUET_INTERNAL int l2cap_channels_reconfigure(struct l2cap_channels *channels, struct link *link, const uint16_t *cids,
                                              size_t count, uint16_t mtu);
/* The application's channel with that CID, if there is one: for the next three. */
BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find_users(const struct l2cap_channels *channels,
                                                              const struct link *link, uint16_t local_cid);
BLUET_INTERNAL int l2cap_channel_disconnect(struct l2cap_channels *channels, struct l2cap_channel *channel);
BLUET_INTERNAL int l2cap_channel_send(struct l2cap_channels *channels, struct l2cap_channel *channel, const void *data,
                                      size_t length);
BLUET_INTERNAL int l2cap_channel_read(struct l2cap_channels *channels, struct l2cap_channel *channel, void *out,
                                      size_t size);

/* ---- Shared by the files of this room ---- */

enum {
    L2CAP_ENHANCED_MOST = 5,   /* channels of one request */
    L2CAP_ENHANCED_LEAST = 64, /* MTU and MPS */
    L2CAP_WORDS_MOST = 9,      /* of a command */
    L2CAP_BEARER_CREDITS = 16  /* that the peer has at the most on a bearer */
};

/*
 * A command about channels. They are all made of 16-bit words, of a fixed number of them, or with a list of CIDs at the
 * end. What is read of one that is too short, is 0.
 */
struct l2cap_command {
    struct link *link;
    uint8_t code, identifier;
    uint8_t length;          /* of one that came in: octets */
    bool whole;              /* it has all the words that it must have */
    uint8_t asked, answered; /* of a response: the channels that await it, and those that have had it */
    uint16_t words[L2CAP_WORDS_MOST];
};

/* What is to be made. */
struct l2cap_channel_plan {
    struct link *link;
    uint16_t psm, mtu;
    bool bearer, enhanced;
    struct l2cap_terms terms; /* the peer's, if it is the one who asks */
};

BLUET_INTERNAL bool l2cap_terms_are_valid(const struct l2cap_terms *terms, bool enhanced);

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find(const struct l2cap_channels *channels, const struct link *link,
                                                        uint16_t local_cid);
BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find_peer(const struct l2cap_channels *channels,
                                                             const struct link *link, uint16_t peer_cid);
/* The next behind `channel`, or with NULL the first, that awaits the response to the request of that identifier. */
BLUET_INTERNAL struct l2cap_channel *l2cap_channel_next_awaiting(const struct l2cap_channels *channels,
                                                                 struct l2cap_channel *channel, const struct link *link,
                                                                 uint8_t identifier);
/* A request has been made, or is about to be: the response of that code has its time from now on. */
BLUET_INTERNAL void l2cap_channel_await(struct l2cap_channels *channels, struct l2cap_channel *channel, uint8_t code,
                                        uint8_t identifier);
/* Nothing is awaited any more. */
BLUET_INTERNAL void l2cap_channel_settle(struct l2cap_channels *channels, struct l2cap_channel *channel);
/*
 * A channel in that state, with memory for its MTU, a CID of its own and credits for the peer. If none is free, one
 * that the application has left unread is. NULL: none is left, or no memory.
 */
BLUET_INTERNAL struct l2cap_channel *l2cap_channel_take(struct l2cap_channels *channels,
                                                        const struct l2cap_channel_plan *plan,
                                                        enum l2cap_channel_state state);
/* Makes room for SDUs of that length in both directions. False: no memory. */
BLUET_INTERNAL bool l2cap_channel_grow(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t mtu);
BLUET_INTERNAL void l2cap_channel_free(struct l2cap_channels *channels, struct l2cap_channel *channel);

/* An event of a channel's. What they tell are words: its CID, then these two, and the peer's MTU, as far as it goes. */
BLUET_INTERNAL int l2cap_channel_raise(const struct l2cap_channels *channels, const struct l2cap_channel *channel,
                                       enum bluet_event_code code, uint16_t second, uint16_t third);

BLUET_INTERNAL void l2cap_channel_opened(struct l2cap_channels *channels, struct l2cap_channel *channel);
/* Its end, as the application sees it: status 0, or why a connection failed. Raises. */
BLUET_INTERNAL void l2cap_channel_end(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t status);
/* Asks the peer for the end of an open channel, for a fault of the peer's or by wish. */
BLUET_INTERNAL void l2cap_channel_request_end(struct l2cap_channels *channels, struct l2cap_channel *channel);
/* A fault of the peer's: it is counted as well. */
BLUET_INTERNAL void l2cap_channel_broken(struct l2cap_channels *channels, struct l2cap_channel *channel);
/* The request whose response it awaits, for the channel or its end; without a buffer it is owed. */
BLUET_INTERNAL void l2cap_channel_send_request(struct l2cap_channels *channels, struct l2cap_channel *channel);

/* 0: nobody listens on that PSM. */
BLUET_INTERNAL uint16_t l2cap_channel_listener_mtu(const struct l2cap_channels *channels, uint16_t psm);

/* A PSM that can be connected to (Vol 3 Part A, 4.22). */
static inline bool l2cap_psm_is_valid(uint16_t psm)
{
    return psm >= 1 && psm <= 0xff;
}

static inline uint16_t l2cap_mtu_clamped(uint16_t mtu)
{
    enum { MTU_LEAST = 32 };
    return mtu < MTU_LEAST ? MTU_LEAST : mtu;
}

static inline bool l2cap_channel_is_bearer(const struct l2cap_channel *channel)
{
    return BLUET_HAS_EATT && channel->bearer;
}

/* Whether the PSM is that of bearers, and there are some. */
static inline bool l2cap_psm_is_of_bearers(const struct l2cap_channels *channels, uint16_t psm)
{
    return BLUET_HAS_EATT && psm == L2CAP_PSM_EATT && channels->bearer_limit;
}

BLUET_INTERNAL void l2cap_bearer_ended(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t result);
/* The peer has given credits. */
BLUET_INTERNAL void l2cap_bearer_flush(struct l2cap_channels *channels, struct l2cap_channel *channel);
/* Octets of one frame's information payload, with which it fills packets. */
BLUET_INTERNAL size_t l2cap_channel_frame_limit(const struct l2cap_channel *channel);
/* Asks for as many channels; for fewer bearers, if there are not so many. -ENOMEM */
BLUET_INTERNAL int l2cap_channels_ask(struct l2cap_channels *channels, const struct l2cap_channel_plan *plan,
                                      size_t count);

/* ---- Commands ---- */

/* Its words end before `end`. -ENOMEM, -ENOTCONN */
BLUET_INTERNAL int l2cap_channels_command_send(struct l2cap_channels *channels, struct l2cap_command *command,
                                               const uint16_t *end);
/* The response to a request that came in, with other words; its code is the next. */
BLUET_INTERNAL int l2cap_channels_respond(struct l2cap_channels *channels, struct l2cap_command *command,
                                          const uint16_t *end);
/* How many CIDs follow so many words, 1 to 5; otherwise 0, and an error is counted. */
BLUET_INTERNAL size_t l2cap_command_cids(const struct l2cap_channels *channels, const struct l2cap_command *command,
                                         size_t words_before);

/* A reconfiguration of our end has ended, if there was one. Raises. */
BLUET_INTERNAL void l2cap_channel_reconfigured(struct l2cap_channels *channels, struct l2cap_channel *channel,
                                               uint16_t status);
BLUET_INTERNAL void l2cap_channels_reconfigure_request(struct l2cap_channels *channels, struct l2cap_command *command,
                                                       struct l2cap_channel *channel);

/* A command that concerns channels. False: not understood. Raises. */
BLUET_INTERNAL bool l2cap_channels_command(void *channels, struct link *link, uint8_t code, uint8_t identifier,
                                           struct reader *parameters);

#endif
