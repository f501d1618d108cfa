/* What the runtime's tests share: a folder of their own, a record of events, and a controller that can misbehave. */
#ifndef BLUET_TESTS_RUNTIME_SUPPORT_H
#define BLUET_TESTS_RUNTIME_SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bluet/runtime.h"

/* ---- A folder for sockets and captures, which is XDG_RUNTIME_DIR too ---- */

extern char support_folder[64];

void support_make_folder(void);
void support_remove_folder(void);
/* A path in it; valid until the next call. */
const char *support_path(const char *name);

/* ---- Time ---- */

uint64_t support_now(void); /* milliseconds */
/* Milliseconds: long enough for a machine that is busy. Nothing waits for so long that succeeds. */
enum { SUPPORT_PATIENCE = 60000 };

void support_sleep(unsigned milliseconds);
/* Runs the loop of `runtime`, or sleeps while its thread does, until `condition` holds; false after `milliseconds`. */
bool support_until(struct bluet_runtime *runtime, bool (*condition)(void *context), void *context,
                   unsigned milliseconds);

/* ---- A controller behind a unix socket: that of a real air, with a hand on the stream ---- */

struct wire {
    char path[108];
    int listener;
    atomic_int descriptor; /* of the host that is connected; -1: none */
    pthread_t thread;
    atomic_bool stop;
    atomic_bool deaf;    /* reads nothing */
    atomic_bool mute;    /* the host's packets are read and forgotten */
    atomic_bool hang_up; /* closes the connection once */
    atomic_uint connections;
    atomic_uint packets; /* of the host */
    pthread_mutex_t mutex;
    struct bluet_air *air;
    struct bluet_air_controller *controller;
};

void wire_start(struct wire *wire, const char *name);
void wire_stop(struct wire *wire);
/* Octets to the host, out of turn. */
void wire_inject(struct wire *wire, const void *octets, size_t length);

/* Memory for an air. */
void *support_reallocate(void *context, void *block, size_t old_size, size_t new_size);

#endif
