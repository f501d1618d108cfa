/* What the air's own process needs of the server beyond the public header. */
#ifndef BLUET_RUNTIME_AIR_SERVER_H
#define BLUET_RUNTIME_AIR_SERVER_H

#include <stddef.h>

#include "bluet/runtime.h"
#include "spec/internal.h"

/* A server at a socket that listens already. */
BLUET_INTERNAL int air_server_adopt(struct bluet_air_server **out_server, struct bluet_runtime *runtime,
                                    const struct bluet_air_server_config *config, int listener);

/* Takes in whoever waits to be let in; returns how many clients there are then. */
BLUET_INTERNAL size_t air_server_accept(struct bluet_air_server *server);
BLUET_INTERNAL size_t air_server_client_count(struct bluet_air_server *server);

#endif
