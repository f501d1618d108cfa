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

struct air_client {
    struct air_client *next;
    struct bluet_air_server *server;
    struct bluet_runtime *runtime;
    struct loop_source source;
    struct h4_framer framer;
    struct queue output;
    struct bluet_air_controller *controller;
    bool stalled;  /* the air waits for bluet_air_resume() */
    bool finished; /* to be taken off the air; `reason` says why, "" that it went by itself */
    char reason[AIR_CLIENT_REASON_SIZE];
    char name[AIR_CLIENT_NAME_SIZE];
    uint8_t address[6]; /* that it has asked for and got; zeros: none */
    uint64_t since_us;
};

/*
 * Puts who is at `descriptor` on the air, under that public address or, if it is zeros, one of the air's choice, and
 * takes the descriptor over, also on failure. The caller sets `server`, `source.ready` and `source.context` and adds
 * the source. BLUET_ENOMEM. All with the runtime's lock held.
 */
BLUET_INTERNAL int air_client_create(struct air_client **out_client, struct bluet_runtime *runtime,
                                     struct bluet_air *air, int descriptor, const uint8_t address[6]);
BLUET_INTERNAL void air_client_destroy(struct air_client *client);

/* Reads what has come, and hands whole packets to the controller. */
BLUET_INTERNAL void air_client_read(struct air_client *client);
/* Writes what waits, as far as the client takes it. */
BLUET_INTERNAL void air_client_write(struct air_client *client);

#endif
