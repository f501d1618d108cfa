/*
 * Privacy (Vol 3 Part C, 10.7): a private address is replaced when it is too old, and the controller's resolving list
 * follows the bonds (Vol 6 Part B, 4.7, 6; Vol 4 Part E, 7.8.38 to 7.8.45, 7.8.77). Neither may be done while the
 * controller advertises, scans or initiates: whatever runs is paused for the moment, without a word to the application.
 */
#ifndef BLUET_HOST_GAP_PRIVACY_H
#define BLUET_HOST_GAP_PRIVACY_H

#include "host/gap.h"

/* The controller has started. */
static inline void gap_privacy_start(struct gap *gap)
{
    gap->started = true;
#if BLUET_HAS_PRIVACY
    gap->privacy.list_refused = !hci_can_resolve(gap->controller);
#endif
}

/* What is under way is left as it is. */
static inline void gap_privacy_stop(struct gap *gap)
{
    gap->started = false;
#if BLUET_HAS_PRIVACY
    gap->privacy.state = GAP_PRIVACY_IDLE;
#endif
}

/* Nothing is left to be done before the application may begin. */
static inline bool gap_privacy_is_ready(const struct gap *gap)
{
#if BLUET_HAS_PRIVACY
    if (gap->privacy.state != GAP_PRIVACY_IDLE)
        return false;
#endif
    return gap->started;
}

/* Who is in the list, and whether our key is, are as they should be. */
static inline bool gap_privacy_list_is_right(const struct gap *gap)
{
#if BLUET_HAS_PRIVACY
    const struct gap_privacy *privacy = &gap->privacy;
    return privacy->list_refused ||
           (gap->list_changes == gap->bonds->changes &&
            (!privacy->enabled || privacy->local == (gap->address.mode == BLUET_ADDRESS_MODE_RPA)));
#else
    (void)gap;
    return true;
#endif
}

/* Something is to be done, or under way. */
static inline bool gap_privacy_is_due(const struct gap *gap)
{
#if BLUET_HAS_PRIVACY
    const struct gap_privacy *privacy = &gap->privacy;
    return gap->started && (privacy->state != GAP_PRIVACY_IDLE || privacy->address_due || privacy->list_due ||
                            !gap_privacy_list_is_right(gap));
#else
    (void)gap;
    return false;
#endif
}

BLUET_INTERNAL uint64_t gap_privacy_deadline(const struct gap *gap);
BLUET_INTERNAL void gap_privacy_expire(struct gap *gap);
/* Begins what is due, or goes on with it. */
BLUET_INTERNAL void gap_privacy_settle(struct gap *gap);
/* How long a private address lasts, 1 to GAP_ADDRESS_TIMEOUT_MOST_S; before activation too. -EINVAL */
BLUET_INTERNAL int gap_privacy_set_timeout(struct gap *gap, uint16_t seconds);

#endif
