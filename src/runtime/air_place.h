/*
 * Where the air of a name is found: a socket in a folder of the user's own, and beside it a lock, which whoever looks
 * for the air, serves it or ends it holds while doing so. So there is never more than one of a name, and nobody
 * connects to one that is about to leave.
 */
#ifndef BLUET_RUNTIME_AIR_PLACE_H
#define BLUET_RUNTIME_AIR_PLACE_H

#include <limits.h>

#include "spec/internal.h"

#define AIR_PLACE_DEFAULT "air"

struct air_place {
    char socket[PATH_MAX];
    int lock; /* a descriptor */
};

/* BLUET_EINVAL (see the message): no file name. */
BLUET_INTERNAL int air_place_check(const char *name);

/* Finds the folder, making it if need be, and waits for the lock. BLUET_EIO, BLUET_EINVAL (see the message). */
BLUET_INTERNAL int air_place_enter(struct air_place *place, const char *name);
BLUET_INTERNAL void air_place_leave(struct air_place *place);

/* Calls `visit` with the name of each air that is served, without its noticing. */
BLUET_INTERNAL void air_place_list(void (*visit)(void *context, const char *name), void *context);

#endif
