/*
 * The runtime's inside: its lock, and the loop that waits for file descriptors and for times. Radios and air servers
 * hang their sources and timers on it; it knows neither.
 *
 * The lock is a leaf and recursive: any depth can be given back and taken again. One thread at a time runs the loop;
 * while it acts on what it has found it is the "dispatcher", and then nothing that it may be looking at may be freed:
 * whoever wants to free, pauses it first.
 */
#ifndef BLUET_RUNTIME_LOOP_H
#define BLUET_RUNTIME_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "bluet/runtime.h"
#include "spec/internal.h"

/* A file descriptor to wait for. `ready` is called by the dispatcher, with the lock not held. */
struct loop_source {
    int fd;
    uint32_t events; /* of epoll */
    void (*ready)(void *context, uint32_t events);
    void *context;
};

/* A time to wait for: `deadline` is called with the lock held, `expire` by the dispatcher with the lock not held. */
struct loop_timer {
    uint64_t (*deadline)(void *context);
    void (*expire)(void *context, uint64_t now);
    void *context;
    uint64_t due; /* as last asked */
    struct loop_timer *next;
};

/* One event handler that runs in this thread; those that it runs within are further out. */
struct handler_frame {
    const struct bluet_runtime *runtime;
    struct handler_frame *outer;
};

struct bluet_runtime {
    struct bluet_runtime_config config;
    struct bluet_air *air;       /* in virtual time; NULL against the wall clock */
    struct air_capture *capture; /* of it */
    _Atomic uint64_t virtual_now;
    uint64_t epoch_unix_us; /* since 1970, when the clock shows 0 */

    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a verdict, a pause, the end of a run: whoever waits looks again */
    const void *_Atomic owner;
    unsigned depth;

    int epoll, timer, wakeup;
    uint64_t armed; /* what `timer` is set to */
    struct loop_source wakeup_source;
    struct loop_timer *timers;
    uint64_t earliest;              /* least `due` of the timers, unless stale */
    bool stale;                     /* hosts have been used: ask the timers again */
    bool asleep;                    /* in epoll_wait() */
    bool running;                   /* some thread runs the loop */
    const void *_Atomic dispatcher; /* the thread that acts on what the loop has found */
    atomic_uint pausing;            /* threads that want no dispatcher */
    atomic_uint generation;         /* counts sources taken away: what epoll has said before is worth nothing */
    atomic_bool breaking;

    pthread_t thread;
    bool threaded;
    atomic_bool stopping;
    unsigned stops;   /* counts bluet_runtime_stop() */
    unsigned waiting; /* threads inside bluet_radio_wait() */

    struct bluet_radio *radios;
    unsigned long radio_number; /* of the last one */
};

/* ---- The lock ---- */

/* A thing that differs from thread to thread. */
BLUET_INTERNAL const void *loop_self(void);

BLUET_INTERNAL void loop_lock(struct bluet_runtime *runtime);
BLUET_INTERNAL void loop_unlock(struct bluet_runtime *runtime);
/* Gives the lock back wholly, however deep the caller holds it (0: not at all); and takes it again as deep. */
BLUET_INTERNAL unsigned loop_release(struct bluet_runtime *runtime);
BLUET_INTERNAL void loop_restore(struct bluet_runtime *runtime, unsigned depth);
/* Sleeps until `changed` or until `until` of the clock, the lock given back meanwhile. The caller holds it. */
BLUET_INTERNAL void loop_sleep(struct bluet_runtime *runtime, uint64_t until);

/* ---- Sources, timers: the caller holds the lock ---- */

/* BLUET_EIO (see the message). */
BLUET_INTERNAL int loop_add_source(struct bluet_runtime *runtime, struct loop_source *source);
BLUET_INTERNAL void loop_change_source(struct bluet_runtime *runtime, struct loop_source *source, uint32_t events);
/* Does not close it. Nothing happens if it was never added, or is gone already (its fd is -1 then). */
BLUET_INTERNAL void loop_remove_source(struct bluet_runtime *runtime, struct loop_source *source);

BLUET_INTERNAL void loop_add_timer(struct bluet_runtime *runtime, struct loop_timer *timer);
BLUET_INTERNAL void loop_remove_timer(struct bluet_runtime *runtime, struct loop_timer *timer);
/* Its deadline has come forward, to now. */
BLUET_INTERNAL void loop_hurry(struct bluet_runtime *runtime, struct loop_timer *timer);

/* Whoever used a host gives the lock back: a sleeping loop learns of a deadline that came forward. */
BLUET_INTERNAL void loop_announce(struct bluet_runtime *runtime);

/* ---- The loop ---- */

BLUET_INTERNAL int loop_open(struct bluet_runtime *runtime);
BLUET_INTERNAL void loop_close(struct bluet_runtime *runtime);

/* Ends a sleep of the loop. From a signal handler too. */
BLUET_INTERNAL void loop_wake(struct bluet_runtime *runtime);

/* Waits for what comes next, at most until `until`, and acts on it. Only by the thread that runs the loop. */
BLUET_INTERNAL void loop_step(struct bluet_runtime *runtime, uint64_t until);

/* The same in virtual time. Returns false when nothing is left to happen until `until`, which is now then. */
BLUET_INTERNAL bool loop_step_virtual(struct bluet_runtime *runtime, uint64_t until);

BLUET_INTERNAL bool loop_is_dispatcher(const struct bluet_runtime *runtime);

/* Whether the dispatcher should go round before its next batch: it is to end, or to pause. */
BLUET_INTERNAL bool loop_should_yield(const struct bluet_runtime *runtime);

/* Begins and ends being the one thread that runs the loop. Without the lock. False: there is one. */
BLUET_INTERNAL bool loop_enter(struct bluet_runtime *runtime);
BLUET_INTERNAL void loop_leave(struct bluet_runtime *runtime);

/* From pause to resume nothing is dispatched, and the lock is held. By the dispatcher itself it only takes the lock. */
BLUET_INTERNAL void loop_pause(struct bluet_runtime *runtime);
BLUET_INTERNAL void loop_resume(struct bluet_runtime *runtime);

/* Around all that one packet or deadline gives rise to: tells the binding, and holds the lock in between. */
BLUET_INTERNAL void loop_batch_begin(struct bluet_runtime *runtime);
BLUET_INTERNAL void loop_batch_end(struct bluet_runtime *runtime);

/* Around the call of an event handler. */
BLUET_INTERNAL void loop_handler_begin(struct handler_frame *frame, const struct bluet_runtime *runtime);
BLUET_INTERNAL void loop_handler_end(struct handler_frame *frame);

#endif
