/* The runtime's life: made, run in the caller's thread or in one of its own, stopped, destroyed. Its clock. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/air_capture.h"
#include "runtime/air_console.h"
#include "runtime/loop.h"
#include "runtime/message.h"
#include "runtime/radio.h"

/* What a capture shows as the beginning of virtual time: 2024-01-01 00:00:00 UTC. */
#define VIRTUAL_EPOCH 1704067200000000u

static uint64_t clock_microseconds(clockid_t clock)
{
    struct timespec moment;
    clock_gettime(clock, &moment);
    return (uint64_t)moment.tv_sec * 1000000 + (uint64_t)moment.tv_nsec / 1000;
}

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static int open_clock(struct bluet_runtime *runtime)
{
    if (!runtime->config.virtual_air) {
        runtime->epoch_unix_us = clock_microseconds(CLOCK_REALTIME) - clock_microseconds(CLOCK_MONOTONIC);
        return loop_open(runtime);
    }
    runtime->epoch_unix_us = VIRTUAL_EPOCH;
    struct bluet_air_config config = {
        .reallocate = reallocate, .seed = runtime->config.seed, .loss = runtime->config.loss};
    int error = bluet_air_create(&runtime->air, &config);
    if (error == BLUET_EINVAL)
        message_set("loss is a probability, from 0 to 1");
    return error;
}

int bluet_runtime_create(struct bluet_runtime **out_runtime, const struct bluet_runtime_config *config)
{
    message_clear();
    struct bluet_runtime *runtime = calloc(1, sizeof *runtime);
    if (!runtime)
        return BLUET_ENOMEM;
    if (config)
        runtime->config = *config;
    runtime->epoll = runtime->timer = runtime->wakeup = -1;
    runtime->earliest = BLUET_NEVER;

    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&runtime->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&runtime->mutex, NULL);

    int error = open_clock(runtime);
    if (error) {
        bluet_runtime_destroy(runtime);
        return error;
    }
    *out_runtime = runtime;
    return 0;
}

void bluet_runtime_destroy(struct bluet_runtime *runtime)
{
    if (!runtime)
        return;
    bluet_runtime_stop(runtime);
    loop_lock(runtime);
    while (runtime->waiting)
        loop_sleep(runtime, BLUET_NEVER);
    loop_unlock(runtime);
    while (runtime->radios)
        bluet_radio_destroy(runtime->radios);
    if (runtime->capture)
        air_capture_end(runtime->capture, runtime->air);
    free(runtime->capture);
    if (runtime->air)
        bluet_air_destroy(runtime->air);
    loop_close(runtime);
    pthread_cond_destroy(&runtime->changed);
    pthread_mutex_destroy(&runtime->mutex);
    free(runtime);
}

/* No lock is taken: the thread that held it may not have come along. */
void bluet_runtime_disinherit(struct bluet_runtime *runtime)
{
    for (struct bluet_radio *radio = runtime->radios; radio; radio = radio->next)
        radio_disinherit(radio);
    loop_close(runtime);
}

/* ---- Running ---- */

static void *run_thread(void *context)
{
    struct bluet_runtime *runtime = context;
    pthread_setname_np(pthread_self(), "bluet");
    while (!atomic_load(&runtime->stopping)) {
        /* There is no run in the caller's thread to break. */
        atomic_store(&runtime->breaking, false);
        loop_step(runtime, BLUET_NEVER);
    }
    return NULL;
}

/* Signals are the application's: they go to its own threads. Those of a fault must stay where the fault is. */
static int create_thread(struct bluet_runtime *runtime)
{
    sigset_t blocked, before;
    sigfillset(&blocked);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int error = pthread_create(&runtime->thread, NULL, run_thread, runtime);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int bluet_runtime_start(struct bluet_runtime *runtime)
{
    message_clear();
    if (runtime->air) {
        message_set("a virtual air has no thread: its time passes in bluet_runtime_run()");
        return BLUET_EINVAL;
    }
    loop_lock(runtime);
    int error = runtime->threaded || runtime->running ? BLUET_EALREADY : 0;
    if (!error && create_thread(runtime)) {
        message_set("cannot start a thread");
        error = BLUET_ENOMEM;
    }
    if (!error)
        runtime->threaded = true;
    loop_unlock(runtime);
    return error;
}

void bluet_runtime_stop(struct bluet_runtime *runtime)
{
    loop_lock(runtime);
    bool threaded = runtime->threaded && !atomic_exchange(&runtime->stopping, true);
    runtime->stops++;
    pthread_cond_broadcast(&runtime->changed);
    loop_unlock(runtime);

    if (threaded) {
        loop_wake(runtime);
        pthread_join(runtime->thread, NULL);
    }

    loop_lock(runtime);
    if (threaded) {
        runtime->threaded = false;
        atomic_store(&runtime->stopping, false);
    }
    pthread_cond_broadcast(&runtime->changed);
    while (runtime->threaded)
        loop_sleep(runtime, BLUET_NEVER);
    loop_unlock(runtime);
}

int bluet_runtime_run(struct bluet_runtime *runtime, uint64_t duration_us)
{
    if (bluet_runtime_in_handler(runtime) || !loop_enter(runtime))
        return BLUET_EBUSY;

    unsigned depth = loop_release(runtime);
    uint64_t now = bluet_runtime_now(runtime);
    uint64_t end = duration_us < BLUET_NEVER - now ? now + duration_us : BLUET_NEVER;
    bool left = true;
    while (!atomic_exchange(&runtime->breaking, false) && left) {
        if (runtime->air) {
            left = loop_step_virtual(runtime, end);
        } else {
            loop_step(runtime, end);
            left = bluet_runtime_now(runtime) < end;
        }
    }
    loop_restore(runtime, depth);
    loop_leave(runtime);
    return 0;
}

void bluet_runtime_break(struct bluet_runtime *runtime)
{
    atomic_store(&runtime->breaking, true);
    loop_wake(runtime);
}

uint64_t bluet_runtime_now(const struct bluet_runtime *runtime)
{
    if (runtime->config.virtual_air)
        return atomic_load_explicit(&runtime->virtual_now, memory_order_relaxed);
    return clock_microseconds(CLOCK_MONOTONIC);
}

int bluet_runtime_capture(struct bluet_runtime *runtime, const char *path)
{
    if (!runtime->air || runtime->capture) {
        message_set("a capture of an air is made once, and of a virtual one");
        return BLUET_EINVAL;
    }
    struct air_capture *capture = calloc(1, sizeof *capture);
    if (!capture)
        return BLUET_ENOMEM;
    int error = air_capture_begin(capture, runtime->air, runtime->epoch_unix_us + bluet_air_now(runtime->air), path);
    if (error)
        free(capture);
    else
        runtime->capture = capture;
    return error;
}

static struct bluet_air_controller *find_radio(void *context, unsigned long number)
{
    const struct bluet_runtime *runtime = context;
    const struct bluet_radio *radio = runtime->radios;
    while (radio && radio->number != number)
        radio = radio->next;
    return radio ? radio->controller : NULL;
}

static bool name_radio(void *context, unsigned long number, char *out, size_t size)
{
    const struct bluet_runtime *runtime = context;
    snprintf(out, size, "radio %lu", number);
    return number <= runtime->radio_number;
}

int bluet_runtime_control(struct bluet_runtime *runtime, const char *line, char *out, size_t size)
{
    const struct air_console control = {
        .air = runtime->air, .capture = runtime->capture, .find = find_radio, .name = name_radio, .context = runtime};
    if (!runtime->air) {
        snprintf(out, size, "there is no virtual air");
        return BLUET_EINVAL;
    }
    bluet_runtime_lock(runtime);
    int error = air_console_run(&control, line, out, size);
    bluet_runtime_unlock(runtime);
    return error;
}

struct bluet_air *bluet_runtime_air(struct bluet_runtime *runtime)
{
    return runtime->air;
}
