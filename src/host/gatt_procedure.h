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

/* Those before GATT_READ_VALUE end without a handle; those before GATT_WRITE_WITHOUT_RESPONSE change nothing there. */
enum gatt_procedure_kind {
    GATT_DISCOVER_SERVICES,
    GATT_DISCOVER_SERVICES_BY_UUID,
    GATT_DISCOVER_INCLUDED,
    GATT_DISCOVER_CHARACTERISTICS,
    GATT_DISCOVER_DESCRIPTORS,
    GATT_READ_BY_UUID, /* until here: in a range of handles */
    GATT_READ_MULTIPLE,
    GATT_READ_MULTIPLE_VARIABLE,
    GATT_READ_VALUE,
    GATT_READ_LONG_VALUE,
    GATT_WRITE_WITHOUT_RESPONSE, /* and on, as in enum bluet_write_mode */
    GATT_WRITE_VALUE,
    GATT_WRITE_LONG_VALUE,
    GATT_WRITE_SIGNED,
    GATT_WRITE_RELIABLE,
    GATT_EXCHANGE_MTU,
    GATT_FIND_BEARERS, /* of our own: whether the peer has enhanced bearers */
    GATT_PROCEDURE_KINDS
};

/* What is written is kept as records: each value has its handle and length before it. */
enum { GATT_RECORD_HEADER = 4 };

/* What an application asks for. */
struct gatt_question {
    const void *what; /* struct bluet_uuid, or NULL for any; octets to write; handles to read; struct bluet_write */
    size_t count;     /* of the octets, handles or writes */
    uint16_t handle;  /* the first of the range, or of the value */
    uint16_t until;   /* the last of the range; of a read, the offset that it begins with */
    uint8_t kind;     /* enum gatt_procedure_kind */
};

static inline uint8_t gatt_write_kind(enum bluet_write_mode mode)
{
    bool known = (unsigned)mode <= BLUET_WRITE_SIGNED;
    return known ? (uint8_t)(GATT_WRITE_WITHOUT_RESPONSE + (unsigned)mode) : GATT_PROCEDURE_KINDS;
}

/*
 * Where a procedure is, the request that it sends next, or awaits the response to, says:
 *
 *     long reads         READ -> READ_BLOB, again and again
 *     long writes        PREPARE_WRITE, again and again -> EXECUTE_WRITE; with a `status` other than 0 to cancel
 *     included services  READ_BY_TYPE -> READ for each UUID that the list has no room for -> READ_BY_TYPE
 *     bearers            READ_BY_TYPE -> READ_BY_TYPE -> WRITE
 */
struct gatt_procedure {
    struct gatt_procedure *next;
    struct att_bearer *bearer; /* that it has, until its end; NULL: none yet */
    struct buffer *held;       /* a response, the request on the bearer counting as under way */
    struct buffer *value;      /* to be written, in a copy; handles to be read; included services without their UUID */
    const void *direct;        /* the same, with the caller, while its call lasts; otherwise NULL */
    uint8_t kind;              /* enum gatt_procedure_kind */
    uint8_t request;           /* enum att_opcode */
    bool late;                 /* must wait for its turn */
    uint16_t handle;           /* of the value; in discoveries, where the next request starts */
    uint16_t end_handle;
    uint16_t offset; /* of the read; of the piece of a long write; last handle of a list of included services */
    uint16_t length; /* of `value`, or `direct` */
    uint16_t record; /* where in `value` that begins which is being written, or looked at */
    union {
        struct bluet_uuid uuid; /* that is looked for; length 0: any */
        struct {
            uint16_t record_length; /* of what is being written */
            uint16_t piece;         /* what the last request had of it */
            uint16_t status;        /* why it is canceled; 0: it is not */
        };
    };
};

/* The characteristic whose end is not known before the next one is. */
struct gatt_found {
    uint16_t def_handle; /* 0: none */
    uint16_t value_handle;
    uint8_t properties;
    struct bluet_uuid uuid;
};

struct gatt_client_link {
    struct gatt_procedure *first;
    struct gatt_found found; /* by the first */
    bool sought : 1;         /* enhanced bearers have been, or are going to be */
    bool insisted : 1;       /* and again, after both sides had asked at the same time */
    bool ask_again : 1;      /* that is due */
};

struct gatt_client {
    struct att *att;
    struct buffer_pool *pool;
    const struct event_sink *sink;
    struct gatt_client_link *links; /* by index; behind them the procedures */
    struct gatt_procedure *free_procedure;
    struct gatt_procedure *spare; /* for GATT_FIND_BEARERS; NULL: there is none, or it is in use */
    uint8_t procedure_count;
    bool unsettled; /* a first procedure is over without a request, and that has yet to be told */
};

/*
 * What comes after a response: the next request; and after a request: its response, which is awaited. Otherwise the
 * status that the procedure ends with. Of a request also a negative enum bluet_error: it has yet to be sent.
 */
enum { GATT_GOES_ON = -1 };

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
