/*
 * What can be done to an air while it runs, as lines of text: docs/air.md has them all. The same lines come by a
 * control socket and from programs.
 */
#ifndef BLUET_RUNTIME_AIR_CONSOLE_H
#define BLUET_RUNTIME_AIR_CONSOLE_H

#include <stddef.h>

#include "bluet/air.h"
#include "spec/internal.h"

enum { AIR_CONSOLE_ANSWER_SIZE = 4096, AIR_CONSOLE_LINE_SIZE = 512 };

struct air_capture;

struct air_console {
    struct bluet_air *air;
    const struct air_capture *capture; /* NULL: none */
    /* The radio of that number, counted from 1 in the order in which they came; NULL: there is none. */
    struct bluet_air_controller *(*find)(void *context, unsigned long number);
    /* Its name, for people; false: there is none of that number, nor of any greater one. */
    bool (*name)(void *context, unsigned long number, char *out, size_t size);
    /* Brings the air's time to now; NULL: it is. */
    void (*refresh)(void *context);
    void *context;
};

/* `out`: what it has to say, in lines. BLUET_EINVAL: `out` says what is wrong. BLUET_ENOMEM. */
BLUET_INTERNAL int air_console_run(const struct air_console *control, const char *line, char *out, size_t size);

#endif
