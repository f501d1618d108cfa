/* Making a connection as central, one at a time (Vol 6 Part B, 4.4.4; Vol 4 Part E, 7.8.12, 7.8.13). */
#ifndef BLUET_HOST_GAP_CONNECT_H
#define BLUET_HOST_GAP_CONNECT_H

#include "host/gap_address.h"
#include "host/gap_scan.h"
#include "host/link.h"

enum gap_connect_state {
    GAP_CONNECT_OFF,
    GAP_CONNECT_AWAIT_START,
    GAP_CONNECT_ON,
    GAP_CONNECT_SEEK,        /* the peer uses private addresses, which the controller cannot resolve: we scan for one */
    GAP_CONNECT_AWAIT_PEER,  /* the controller has sent the request, and nobody has been heard yet */
    GAP_CONNECT_AWAIT_AGAIN, /* nobody was: a moment passes before it is tried again */
    GAP_CONNECT_AWAIT_CANCEL
};

struct gap_connect {
    struct link_table *links;
    struct gap_scan *scan;
    const struct gap_address *address;
    struct gap_resolver *resolver;
    enum gap_connect_state state;
    bool listed;      /* to whoever of the accept list is heard first */
    bool seeking;     /* what the controller has been told is to scan */
    bool held;        /* it begins again when gap_connect_release() says so */
    uint16_t attempt; /* tells the answers to this one from those to the last */
    uint8_t own_type; /* as the controller is told */
    uint32_t timeout_ms;
    struct link_parameters parameters;
    struct bluet_address peer;   /* as the application has put it */
    struct bluet_address target; /* as the controller is told */
    struct bluet_address own;    /* under which it has begun */
    uint64_t give_up;            /* when the attempt ends, however often it begins; 0: it has not begun */
    uint64_t deadline;
};

BLUET_INTERNAL void gap_connect_open(struct gap_connect *connect, struct link_table *links, struct gap_scan *scan,
                                     const struct gap_address *address, struct gap_resolver *resolver);
/* As bluet_gap_connect(); `peer` NULL: as bluet_gap_connect_listed(). A ticket. -EINVAL, -EALREADY, -EISCONN, -ENOMEM
 */
BLUET_INTERNAL int gap_connect_start(struct gap_connect *connect, const struct bluet_address *peer, uint32_t timeout_ms,
                                     const struct bluet_connection_parameters *parameters);
/* A ticket. -EALREADY, -ENOMEM */
BLUET_INTERNAL int gap_connect_cancel(struct gap_connect *connect);
/* The same without a ticket, or with one that has been begun. Whether there was room. */
BLUET_INTERNAL bool gap_connect_end(struct gap_connect *connect, int ticket);
static inline bool gap_connect_is_on(const struct gap_connect *connect)
{
    return BLUET_HAS_CENTRAL && connect->state != GAP_CONNECT_OFF;
}

/* The controller knows of it. */
static inline bool gap_connect_is_begun(const struct gap_connect *connect)
{
    return gap_connect_is_on(connect) && connect->state != GAP_CONNECT_AWAIT_PEER &&
           connect->state != GAP_CONNECT_AWAIT_AGAIN;
}

/* A connection may come of it. */
static inline bool gap_connect_is_wanted(const struct gap_connect *connect)
{
    return gap_connect_is_begun(connect) && !connect->seeking;
}

/* A report has come, perhaps of the peer that is sought. */
BLUET_INTERNAL void gap_connect_reported(struct gap_connect *connect);

/* The controller is quiet for a moment, of which the application does not hear. Whether there was room. */
BLUET_INTERNAL bool gap_connect_hold(struct gap_connect *connect);
/* What was asked for has not been answered yet: no time for a pause. */
static inline bool gap_connect_is_changing(const struct gap_connect *connect)
{
    return connect->state == GAP_CONNECT_AWAIT_START || connect->state == GAP_CONNECT_AWAIT_CANCEL;
}
BLUET_INTERNAL void gap_connect_release(struct gap_connect *connect);
/* The controller says that there will be no connection. Raises, unless the attempt goes on. */
BLUET_INTERNAL void gap_connect_ended(struct gap_connect *connect, uint8_t reason);

/* There is a connection, if the peer has heard of it. */
BLUET_INTERNAL void gap_connect_await_peer(struct gap_connect *connect);
/* It has not (HCI_CONNECTION_FAILED_TO_BE_ESTABLISHED): begins again while there is time. Whether it will. */
BLUET_INTERNAL bool gap_connect_again(struct gap_connect *connect);
/* There is a connection: the attempt has ended. */
BLUET_INTERNAL void gap_connect_succeeded(struct gap_connect *connect);
/* There is none, and will be none. Raises, if there was an attempt. */
BLUET_INTERNAL void gap_connect_failed(struct gap_connect *connect, uint8_t reason);

static inline uint64_t gap_connect_deadline(const struct gap_connect *connect)
{
    return connect->deadline;
}
/* Raises. */
BLUET_INTERNAL void gap_connect_expire(struct gap_connect *connect);

#endif
