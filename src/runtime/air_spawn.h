/* The transport `air`: connects to the air of a name, and starts it when none is there. */
#ifndef BLUET_RUNTIME_AIR_SPAWN_H
#define BLUET_RUNTIME_AIR_SPAWN_H

#include <stdint.h>

#include "spec/internal.h"

/* A connected descriptor, or BLUET_ENODEV (see the message). `address` as of socket_connect_unix(). */
BLUET_INTERNAL int air_spawn_connect(const char *name, const uint8_t *address);

#endif
