/* What must hold of a host between any two steps of it. */
#ifndef BLUET_TESTS_HOST_INVARIANTS_H
#define BLUET_TESTS_HOST_INVARIANTS_H

#include "host/host.h"

/* Aborts, saying which rule is broken. To be called from the event handler and after every call. */
void check_invariants(const struct bluet *host);

/* Places of channels that are not free, bearers' included. */
static inline size_t count_channels(const struct bluet *host)
{
    size_t count = 0;
    for (uint16_t i = 0; i < host->channels.total; i++)
        count += host->channels.channels[i].state != CHANNEL_FREE;
    return count;
}

#endif
