/* Answers are short, and go out at once: who does not read them loses them. */
#include "runtime/air_steering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer(const struct air_steerer *steerer, const char *line)
{
    char out[AIR_CONSOLE_ANSWER_SIZE];
    char text[AIR_CONSOLE_ANSWER_SIZE + 16];
    int error = air_console_run(steerer->control, line, out, sizeof out);
    int length = error == BLUET_ENOMEM ? snprintf(text, sizeof text, "error: no memory\n")
                 : error               ? snprintf(text, sizeof text, "error: %s\n", out)
                                       : snprintf(text, sizeof text, "%sok\n", out);
    (void)!send(steerer->source.fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The lines that are whole. */
static void answer_lines(struct air_steerer *steerer)
{
    char *end;
    while ((end = memchr(steerer->line, '\n', steerer->filled))) {
        size_t length = (size_t)(end - steerer->line) + 1;
        *end = '\0';
        answer(steerer, steerer->line);
        steerer->filled -= length;
        memmove(steerer->line, steerer->line + length, steerer->filled);
    }
}

static void ready(void *context, uint32_t events)
{
    struct air_steerer *steerer = context;
    struct bluet_runtime *runtime = steerer->runtime;
    (void)events;
    loop_lock(runtime);
    size_t room = sizeof steerer->line - steerer->filled;
    ssize_t length = recv(steerer->source.fd, steerer->line + steerer->filled, room, MSG_DONTWAIT);
    if (length <= 0) {
        air_steerer_destroy(steerer);
    } else {
        steerer->filled += (size_t)length;
        answer_lines(steerer);
        if (steerer->filled == sizeof steerer->line)
            air_steerer_destroy(steerer);
    }
    loop_unlock(runtime);
}

BLUET_INTERNAL void air_steerer_create(struct air_steerer **list, struct bluet_runtime *runtime,
                                       const struct air_console *control, int descriptor)
{
    struct air_steerer *steerer = calloc(1, sizeof *steerer);
    if (!steerer) {
        close(descriptor);
        return;
    }
    steerer->runtime = runtime;
    steerer->control = control;
    steerer->source = (struct loop_source){descriptor, EPOLLIN, ready, steerer};
    steerer->next = *list;
    steerer->place = list;
    if (steerer->next)
        steerer->next->place = &steerer->next;
    *list = steerer;
    if (loop_add_source(runtime, &steerer->source))
        air_steerer_destroy(steerer);
}

BLUET_INTERNAL void air_steerer_destroy(struct air_steerer *steerer)
{
    int descriptor = steerer->source.fd;
    loop_remove_source(steerer->runtime, &steerer->source);
    close(descriptor);
    *steerer->place = steerer->next;
    if (steerer->next)
        steerer->next->place = steerer->place;
    free(steerer);
}
