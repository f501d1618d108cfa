/*
 * Whoever has come to an air's control socket: sends commands, a line each, and gets their answers, each of which ends
 * with a line that is "ok", or begins with "error: ".
 */
#ifndef BLUET_RUNTIME_AIR_STEERING_H
#define BLUET_RUNTIME_AIR_STEERING_H

#include "runtime/air_console.h"
#include "runtime/loop.h"

struct air_steerer {
    struct air_steerer **place; /* where the list holds it */
    struct air_steerer *next;
    struct bluet_runtime *runtime;
    const struct air_console *control;
    struct loop_source source;
    char line[AIR_CONSOLE_LINE_SIZE];
    size_t filled;
};

/* Puts it into the list, and takes the descriptor over, also on failure. With the runtime's lock held. */
BLUET_INTERNAL void air_steerer_create(struct air_steerer **list, struct bluet_runtime *runtime,
                                       const struct air_console *control, int descriptor);
BLUET_INTERNAL void air_steerer_destroy(struct air_steerer *steerer);

#endif
