/*
 * The state of GAP, which its procedures share: each may look at what the others do, and changes only its own part.
 * What a build leaves out takes no memory.
 */
#ifndef BLUET_HOST_GAP_H
#define BLUET_HOST_GAP_H

#include "bluet/bluet.h"
#include "host/hci.h"
#include "host/hci_controller.h"
#include "host/link.h"
#include "host/sm_bonds.h"
#include "spec/internal.h"
#include "spec/writer.h"

enum { GAP_ADDRESS_TIMEOUT_DEFAULT_S = 900, GAP_ADDRESS_TIMEOUT_MOST_S = 3600 }; /* Vol 4 Part E, 7.8.45 */

/* ---- What goes on until it is told to stop: advertising, scanning ---- */

enum gap_state { GAP_OFF, GAP_AWAIT_START, GAP_ON };

struct gap_activity {
    uint8_t state;         /* enum gap_state: what will be, once all that is queued is done */
    bool paused;           /* it is on, but the controller has been told to stop for a moment */
    bool resuming;         /* and to go on */
    uint8_t filter_policy; /* for whom: of advertising Vol 4 Part E, 7.8.5; of scanning 1 is the accept list's only */
};

/* As the controller is told: what is behind `length` is zero. */
struct gap_advertising_data {
    uint8_t length;
    uint8_t octets[31];
};

struct gap_scan {
    uint64_t deadline;    /* of what runs */
    uint32_t duration_ms; /* 0: until stopped */
    uint16_t stops;       /* scans that have been told to stop, and have not ended */
};

/* ---- A connection that is being made ---- */

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
    uint8_t state;    /* enum gap_connect_state */
    bool listed;      /* to whoever of the accept list is heard first */
    bool seeking;     /* what the controller has been told is to scan, for the identity in `target`: */
    bool sought;      /* it scans, or will; the reports are for us only */
    bool found;       /* under `found_address` */
    bool held;        /* it begins again when gap_connect_release() says so */
    uint8_t own_type; /* as the controller is told */
};

struct gap_attempt {
    uint64_t give_up; /* when it ends, however often it begins; 0: it has not begun */
    uint64_t deadline;
    uint32_t timeout_ms;
    struct link_parameters parameters;
    uint16_t number;             /* tells the answers to this one from those to the last */
    struct bluet_address peer;   /* as the application has put it */
    struct bluet_address target; /* as the controller is told */
    struct bluet_address found_address;
    struct bluet_address own; /* under which it has begun */
};

/* ---- Addresses ---- */

struct gap_address {
    uint64_t since; /* the controller has the present random address */
    enum bluet_address_mode mode;
    uint16_t timeout_s; /* of a private address */
    bool has_static;
    uint8_t static_octets[6]; /* made once, and kept as long as the host exists */
    uint8_t random_octets[6];
    uint8_t changing_octets[6]; /* on their way to the controller, with a change of mode; */
    uint8_t rotated_octets[6];  /* in place of a private address that is too old */
};

/* None where nobody pairs. */
enum { GAP_RESOLVED_COUNT = 16 };

struct gap_resolved {
    uint8_t octets[6];
    uint8_t bond; /* its number plus one; 0: of none */
};

struct gap_resolver {
    uint16_t changes; /* of the bonds, that have been heeded */
    bool offloaded;   /* the controller resolves for every bond */
    struct gap_resolved resolved[GAP_RESOLVED_COUNT];
};

/* ---- A pause of all that runs, and what is done in it, in this order ---- */

enum gap_privacy_state {
    GAP_PRIVACY_IDLE,
    GAP_PRIVACY_AWAIT_QUIET, /* an attempt at a connection is being given up */
    GAP_PRIVACY_AWAIT_ROOM,  /* in the queue of commands, to end the pause */
    GAP_PRIVACY_SET_ADDRESS, /* from here on a command has been sent */
    GAP_PRIVACY_DISABLE,
    GAP_PRIVACY_CLEAR,
    GAP_PRIVACY_ADD,
    GAP_PRIVACY_SET_MODE,
    GAP_PRIVACY_SET_TIMEOUT,
    GAP_PRIVACY_ENABLE,
    GAP_PRIVACY_END
};

struct gap_privacy {
    uint8_t state; /* enum gap_privacy_state */
    bool address_due, list_due;
    bool list_refused; /* the controller is not asked to resolve any more */
    bool list_full;
    bool enabled;     /* the controller resolves */
    bool local;       /* its list holds our own key: we use resolvable addresses */
    uint8_t next;     /* bond to be put into the list */
    uint8_t refusals; /* in a row, because something had been begun meanwhile */
};

/* ---- All of it ---- */

/* What is looked at most stands first. All but what is marked is forgotten with each activation. */
struct gap {
    struct gap_activity advertising;
#if BLUET_HAS_CENTRAL
    struct gap_activity scanning;
    struct gap_connect connect;
#endif
#if BLUET_HAS_PRIVACY
    struct gap_privacy privacy;
#endif
    bool started; /* the controller has */

    struct hci *hci; /* these are not */
    const struct hci_controller *controller;
    struct link_table *links;
    struct sm_bonds *bonds;
    struct l2cap_signal *signal;
    struct gap_address address;

    int advertising_ticket; /* of the last start or stop */
    int accept_ticket;      /* of the last change of the accept list */
#if BLUET_HAS_PRIVACY
    uint64_t privacy_retry; /* not before this time */
    uint16_t list_changes;  /* of the bonds, that the controller's list has followed */
#endif
#if BLUET_HAS_CENTRAL
    int scanning_ticket; /* of the last start */
    struct gap_scan scan;
    struct gap_attempt attempt;
#endif
    struct bluet_address advertising_own;            /* under which it has begun */
    struct gap_advertising_data advertising_data[2]; /* and the scan response */
#if BLUET_HAS_SECURITY
    struct gap_resolver resolver;
#endif
};

/* Nothing runs. */
BLUET_INTERNAL void gap_open(struct gap *gap);

static inline bool gap_advertise_is_on(const struct gap *gap)
{
    return gap->advertising.state != GAP_OFF;
}

static inline bool gap_scan_is_on(const struct gap *gap)
{
#if BLUET_HAS_CENTRAL
    return gap->scanning.state != GAP_OFF;
#else
    (void)gap;
    return false;
#endif
}

static inline bool gap_connect_is_on(const struct gap *gap)
{
#if BLUET_HAS_CENTRAL
    return gap->connect.state != GAP_CONNECT_OFF;
#else
    (void)gap;
    return false;
#endif
}

/* Tells the controller to begin or to end. Whether there was room for the command. */
BLUET_INTERNAL bool gap_enable(const struct gap *gap, struct hci_command *command, uint16_t opcode, bool enable);

static inline void gap_set(struct gap_activity *activity, enum gap_state state)
{
    activity->state = (uint8_t)state;
    activity->paused = false;
}

/* For the command that ends it. In a pause there is nothing to disable, and some controllers say so. */
static inline uint8_t gap_stop_flags(const struct gap_activity *activity)
{
    return BLUET_HAS_PRIVACY && activity->paused ? HCI_MAY_FAIL : 0;
}

/* An answer to a command of a start. Whether the last start has come to its end with it, and is on or off. */
BLUET_INTERNAL bool gap_start_done(struct gap_activity *activity, int ticket, const struct hci_result *result);

#endif
