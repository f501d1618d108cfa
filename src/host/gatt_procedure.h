/*
 * What the rooms of the client share: its state, and what a procedure is. The first procedure of a link is under way,
 * or about to be; the others wait behind it. Those that only ask may begin early, each on a bearer of its own, but what
 * they hear is held until they are the first.
 */
#ifndef BLUET_HOST_GATT_PROCEDURE_H
#define BLUET_HOST_GATT_PROCEDURE_H

#include "host/att.h"
#include "host/event.h"
#include "spec/internal.h"
#include "spec/reader.h"

enum gatt_procedure_kind {
    GATT_DISCOVER_SERVICES,
    GATT_DISCOVER_SERVICES_BY_UUID,
    GATT_DISCOVER_INCLUDED,
    GATT_DISCOVER_CHARACTERISTICS,
    GATT_DISCOVER_DESCRIPTORS,
    GATT_READ_VALUE,
    GATT_READ_LONG_VALUE,
    GATT_READ_BY_UUID,
    GATT_READ_MULTIPLE,
    GATT_READ_MULTIPLE_VARIABLE,
    GATT_WRITE_WITHOUT_RESPONSE,
    GATT_WRITE_SIGNED,
    GATT_WRITE_VALUE,
    GATT_WRITE_LONG_VALUE,
    GATT_WRITE_RELIABLE,
    GATT_EXCHANGE_MTU,
    GATT_FIND_BEARERS, /* of our own: whether the peer has enhanced bearers */
    GATT_PROCEDURE_KINDS
};

/*
 * What a long or reliable write said last, or is going to say:
 *
 *     PREPARING --all pieces echoed--> EXECUTING --> done
 *         |
 *         +--echo differs, or refused after the first piece--> CANCELING --> done, with the status of that
 */
enum gatt_write_phase { GATT_PREPARING, GATT_EXECUTING, GATT_CANCELING };

/* A discovery of included services lists them, then reads the UUIDs that a list has no room for. */
enum gatt_included_phase { GATT_LISTING, GATT_READING_UUID };

/* The server's features are read, then those of the client, which are written if need be. */
enum gatt_bearers_phase { GATT_READING_SERVER, GATT_READING_CLIENT, GATT_WRITING_CLIENT };

/* In the value of a reliable write, each of its values has its handle and length before it. */
enum { GATT_RELIABLE_HEADER = 4 };

struct gatt_procedure {
    struct gatt_procedure *next;
    struct att_bearer *bearer; /* that it has, until its end; NULL: none yet */
    struct buffer *held;       /* a response, the request on the bearer counting as under way */
    struct buffer *value;      /* to be written, in a copy; handles to be read; included services without their UUID */
    const void *direct;        /* the same, with the caller, while its call lasts; otherwise NULL */
    uint16_t length;           /* of it */
    uint16_t handle;           /* of the value; in discoveries, where the next request starts */
    uint16_t end_handle;
    uint16_t offset;        /* of the read; of the piece of a long write */
    uint16_t piece;         /* length of that */
    uint16_t record;        /* where in `value` that begins which is being written, or looked at */
    uint16_t record_length; /* of a reliable write */
    uint16_t status;        /* of a canceled long write */
    uint8_t kind;           /* enum gatt_procedure_kind */
    uint8_t phase;          /* enum gatt_write_phase, gatt_included_phase or gatt_bearers_phase */
    bool late;              /* must wait for its turn */
    struct bluet_uuid uuid; /* that is looked for; length 0: any */
};

/* The characteristic whose end is not known before the next one is. */
struct gatt_found {
    uint16_t def_handle; /* 0: none */
    uint16_t value_handle;
    uint8_t properties;
    struct bluet_uuid uuid;
};

struct gatt_client_link {
    struct gatt_procedure *first, *last;
    struct gatt_found found; /* by the first */
    bool sought;             /* enhanced bearers have been, or are going to be */
    bool insisted;           /* and again, after both sides had asked at the same time */
    bool ask_again;          /* that is due */
};

struct gatt_client {
    struct att *att;
    const struct event_sink *sink;
    struct gatt_client_link *links; /* by index */
    struct gatt_procedure *procedures;
    struct gatt_procedure *free_procedure;
    struct gatt_procedure *spare; /* for GATT_FIND_BEARERS; NULL: there is none, or it is in use */
    uint8_t link_count;
    uint8_t procedure_count;
    bool unsettled; /* a first procedure is over without a request, and that has yet to be told */
};

/* What comes after a response; or instead of a request, if there is none to send. */
enum gatt_step {
    GATT_STEP_REQUEST,  /* the next request */
    GATT_STEP_END,      /* all went well */
    GATT_STEP_REFUSED,  /* the peer's error */
    GATT_STEP_PROTOCOL, /* the peer's answer makes no sense */
    GATT_STEP_NO_MEMORY /* no buffer to go on with */
};

/* What became of a request, if it is not a negative enum bluet_error. */
enum gatt_sent {
    GATT_SENT = 0,    /* its response is awaited */
    GATT_SENT_ALL,    /* and that was all: there will be no response */
    GATT_NOTHING_LEFT /* there is nothing to ask */
};

/* Those that change nothing at the peer. */
static inline bool gatt_only_asks(const struct gatt_procedure *procedure)
{
    return procedure->kind < GATT_WRITE_WITHOUT_RESPONSE;
}

/* Those that only the unenhanced bearer carries (Vol 3 Part F, 3.4.2.1, 3.4.5.4). */
static inline bool gatt_is_of_plain(const struct gatt_procedure *procedure)
{
    return procedure->kind == GATT_EXCHANGE_MTU || procedure->kind == GATT_WRITE_SIGNED;
}

static inline struct gatt_client_link *gatt_client_link(const struct gatt_client *client, const struct link *link)
{
    return &client->links[link->index];
}

#endif
