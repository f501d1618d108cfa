/* What the rooms of the server share: its state, and the response that is being put together. */
#ifndef BLUET_HOST_GATT_SERVER_STATE_H
#define BLUET_HOST_GATT_SERVER_STATE_H

#include "host/att.h"
#include "host/event.h"
#include "host/gatt_db.h"
#include "host/gatt_prepared.h"
#include "spec/internal.h"
#include "spec/reader.h"
#include "spec/writer.h"

enum gatt_kept {
    GATT_KEPT_NOTHING,
    GATT_KEPT_RESPONSE, /* had no buffer to go out from */
    GATT_KEPT_REQUEST   /* its response had none, and was too long to keep: to be served again */
};

/*
 * What a client with robust caching knows of the database (Vol 3 Part G, 2.5.2.1):
 *
 *     AWARE --services replaced--> UNAWARE --told that it is out of sync, or has read the hash--> TOLD
 *     AWARE <--Service Changed confirmed, from either-- <--any further request-- TOLD
 */
enum gatt_awareness { GATT_AWARE, GATT_UNAWARE, GATT_TOLD };

/* Octets of the Database Hash by which a database is known again; not all, as nobody tries to deceive. */
enum { GATT_KNOWN_LENGTH = 8 };

/* Of a client; it has one queue of prepared writes, whatever bearers they came by (Vol 3 Part F, 3.4.6). */
struct gatt_server_link {
    struct gatt_prepared prepared;
    struct buffer *indications;       /* those that wait for their turn */
    struct gatt_change change_owed;   /* to be told by Service Changed */
    uint8_t awareness;                /* enum gatt_awareness */
    uint8_t known[GATT_KNOWN_LENGTH]; /* of the hash of the database that the client knows */
    bool subscriptions_untold;        /* some configuration has GATT_SUBSCRIPTION_UNTOLD */
    bool updates_owed;                /* some configuration has GATT_UPDATE_OWED */
    bool configured;                  /* by the client; whoever keeps that has not asked yet */
};

/* Of a bearer: each has its own transactions. */
struct gatt_server_bearer {
    uint16_t indicated;       /* handle of the value that awaits its confirmation; 0: none, or Service Changed */
    uint16_t kept_generation; /* of the database, when the application was asked about the kept request */
    uint8_t kept;             /* enum gatt_kept */
    uint8_t kept_length;
    uint8_t kept_pdu[ATT_MTU_DEFAULT];
};

struct gatt_server {
    struct att *att;
    struct gatt_db *db;
    const struct event_sink *sink;
    struct gatt_server_link *links;      /* by index */
    struct gatt_server_bearer *bearers;  /* as those of `att` */
    struct gatt_prepared_store prepared; /* half of the pool is left to others */
    uint8_t indications_left;            /* that may wait, all links together */
    bool subscriptions; /* the application wants to hear of them; stays from one activation to the next */
};

struct gatt_exchange;

/* What follows once the response is on its way: the events of a write. */
typedef void (*gatt_sequel)(struct gatt_exchange *exchange);

/* How a write has been signed; a signature stands in place of an encrypted link (Vol 3 Part C, 10.2.2). */
enum gatt_signature { GATT_UNSIGNED, GATT_SIGNED, GATT_SIGNED_AUTHENTICATED };

/* A request or command, and the answer to it: what `writer` holds, and behind it, without a copy, `tail`. */
struct gatt_exchange {
    uint8_t opcode;
    uint8_t signature;                  /* enum gatt_signature */
    bool authorized;                    /* the application was asked before */
    bool asked;                         /* it has been, meanwhile */
    bool refused;                       /* and has not always agreed */
    bool prepared;                      /* a write has been queued, which must not stay if the client is not told so */
    uint16_t prepared_before;           /* octets in the queue */
    uint16_t handle;                    /* that an error is about, or that has been written */
    uint16_t first_listed, last_listed; /* handles in a list; 0: none yet */
    uint16_t offered_mtu;
    gatt_sequel sequel; /* NULL: nothing follows */
    struct gatt_server *server;
    struct link *link;
    struct att_bearer *bearer; /* that the request has come by */
    struct reader request;     /* what is behind its opcode */
    struct writer writer;
    struct bluet_span tail;
    struct gatt_prepared executed;                 /* the prepared writes that have been done */
    uint8_t declaration[GATT_DECLARATION_LARGEST]; /* where `tail` may point */
};

static inline struct gatt_server_link *gatt_server_link(const struct gatt_server *server, const struct link *link)
{
    return &server->links[link->index];
}

/* As att_next(). */
static inline struct att_bearer *gatt_next_bearer(const struct gatt_server *server, struct att_bearer *bearer)
{
    return BLUET_HAS_EATT ? att_next(server->att, bearer) : NULL;
}

/* Whether the client knows what there was. One without robust caching looks after itself. */
BLUET_INTERNAL bool gatt_is_out_of_sync(const struct gatt_server *server, const struct link *link);

static inline bool gatt_is_unaware(const struct gatt_server *server, const struct link *link)
{
    return BLUET_HAS_SECURITY && gatt_is_out_of_sync(server, link);
}

/* The client knows the database as it is. */
BLUET_INTERNAL void gatt_now_aware(const struct gatt_server *server, const struct link *link);

BLUET_INTERNAL struct gatt_server_bearer *gatt_server_bearer(const struct gatt_server *server,
                                                             const struct att_bearer *bearer);

#endif
