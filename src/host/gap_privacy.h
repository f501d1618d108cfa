/*
 * Privacy (Vol 3 Part C, 10.7): a private address is replaced when it is too old, and the controller's resolving list
 * follows the bonds (Vol 6 Part B, 4.7, 6; Vol 4 Part E, 7.8.38 to 7.8.45, 7.8.77). Neither may be done while the
 * controller advertises, scans or initiates: whatever runs is paused for the moment, without a word to the application.
 */
#ifndef BLUET_HOST_GAP_PRIVACY_H
#define BLUET_HOST_GAP_PRIVACY_H

#include "host/gap_advertise.h"
#include "host/gap_connect.h"
#include "host/gap_scan.h"

enum gap_privacy_state {
    GAP_PRIVACY_IDLE,
    GAP_PRIVACY_AWAIT_QUIET, /* an attempt at a connection is being given up */
    GAP_PRIVACY_WORKING,
    GAP_PRIVACY_AWAIT_ROOM /* in the queue of commands, to end the pause */
};

/* What is done in a pause, in this order. */
enum gap_privacy_step {
    GAP_PRIVACY_SET_ADDRESS,
    GAP_PRIVACY_DISABLE,
    GAP_PRIVACY_CLEAR,
    GAP_PRIVACY_ADD,
    GAP_PRIVACY_SET_MODE,
    GAP_PRIVACY_SET_TIMEOUT,
    GAP_PRIVACY_ENABLE,
    GAP_PRIVACY_END
};

struct gap_privacy {
    const struct hci_controller *controller;
    struct gap_address *address;
    struct gap_advertise *advertise;
    struct gap_scan *scan;
    struct gap_connect *connect;
    struct gap_resolver *resolver;
    struct sm_bonds *bonds;
    bool started;
    bool address_due, list_due;
    bool list_refused; /* the controller is not asked to resolve any more */
    bool list_full;
    bool enabled;     /* the controller resolves */
    bool local;       /* its list holds our own key: we use resolvable addresses */
    uint16_t changes; /* of the bonds, that the list has followed */
    uint8_t state;    /* enum gap_privacy_state */
    uint8_t step;     /* enum gap_privacy_step */
    uint8_t next;     /* bond to be put into the list */
    uint8_t refusals; /* in a row, because something had been begun meanwhile */
    uint64_t retry;   /* not before this time */
};

/* The controller has started. */
static inline void gap_privacy_start(struct gap_privacy *privacy)
{
    privacy->started = true;
    privacy->list_refused = !hci_can_resolve(privacy->controller);
}

/* What is under way is left as it is. */
static inline void gap_privacy_stop(struct gap_privacy *privacy)
{
    privacy->started = false;
    privacy->state = GAP_PRIVACY_IDLE;
}

/* Something is left to be done before the application may begin. */
static inline bool gap_privacy_is_busy(const struct gap_privacy *privacy)
{
    return privacy->state != GAP_PRIVACY_IDLE;
}

BLUET_INTERNAL uint64_t gap_privacy_deadline(const struct gap_privacy *privacy);
BLUET_INTERNAL void gap_privacy_expire(struct gap_privacy *privacy);
/* Begins what is due, or goes on with it. */
BLUET_INTERNAL void gap_privacy_settle(struct gap_privacy *privacy);
/* How long a private address lasts, 1 to GAP_ADDRESS_TIMEOUT_MOST_S; before activation too. -EINVAL */
BLUET_INTERNAL int gap_privacy_set_timeout(struct gap_privacy *privacy, struct gap_address *address, uint16_t seconds);

#endif
