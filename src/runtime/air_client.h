/*
 * A host that has come to an air by a socket: its H4 stream, its controller, and what waits to be sent to it. Nothing
 * that it sends, or fails to take, concerns anybody else.
 */
#ifndef BLUET_RUNTIME_AIR_CLIENT_H
#define BLUET_RUNTIME_AIR_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "bluet/air.h"
#include "runtime/h4.h"
#include "runtime/loop.h"
#include "runtime/queue.h"
#include "spec/internal.h"

struct bluet_air_server;

enum { AIR_CLIENT_NAME_SIZE = 80, AIR_CLIENT_REASON_SIZE = 200 };

/* What the place where it comes gives a client. Zero in any member: the default. */
struct air_client_options {
    struct bluet_air_controller_config controller; /* without its callback */
    uint64_t answer_delay_us;
    uint32_t baud; /* of a serial line, ten bits an octet; 0: as fast as can be */
};

struct air_entrance;

struct air_client {
    struct air_client *next;
    struct bluet_air_server *server;
    struct air_entrance *listener; /* where it came */
    unsigned long number;          /* counted from 1, and not given twice */
    struct bluet_runtime *runtime;
    struct loop_source source;
    struct h4_framer framer;
    struct queue output;
    struct bluet_air_controller *controller;
    bool is_terminal;
    uint32_t baud;
    uint64_t line_free_us; /* when a serial line has carried what was sent; on the runtime's clock */
    bool stalled;          /* the air waits for bluet_air_resume() */
    bool finished;         /* to be taken off the air; `reason` says why, "" that it went by itself */
    char reason[AIR_CLIENT_REASON_SIZE];
    char name[AIR_CLIENT_NAME_SIZE];
    uint8_t address[6]; /* public; zeros: none */
    uint64_t since_us;
};

/*
 * Puts who is at `descriptor` on the air, called `name` (NULL: after who it is found to be), and takes the descriptor
 * over, also on failure. `address`: the public one that it asks for; NULL: that of the options. The caller sets
 * `server`, `source.ready` and `source.context` and adds the source. BLUET_ENOMEM. All with the runtime's lock held.
 */
BLUET_INTERNAL int air_client_create(struct air_client **out_client, struct bluet_runtime *runtime,
                                     struct bluet_air *air, int descriptor, const struct air_client_options *options,
                                     const char *name, const uint8_t *address);
BLUET_INTERNAL void air_client_destroy(struct air_client *client);

/* Reads what has come, and hands whole packets to the controller. */
BLUET_INTERNAL void air_client_read(struct air_client *client);
/* Writes what waits, as far as the client, and the speed of its line, take it. */
BLUET_INTERNAL void air_client_write(struct air_client *client);

/* When it can write on, for the sake of its line's speed; or BLUET_NEVER. */
BLUET_INTERNAL uint64_t air_client_deadline(const struct air_client *client);

#endif
