/*
 * The loop: against the wall clock on epoll, with one timerfd for the earliest deadline and an eventfd to end a sleep;
 * in virtual time from one deadline to the next.
 */
#include "runtime/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/message.h"

enum { EVENTS_AT_ONCE = 32 };

static _Thread_local struct handler_frame *innermost;

/* ---- Sources ---- */

BLUET_INTERNAL int loop_add_source(struct bluet_runtime *runtime, struct loop_source *source)
{
    struct epoll_event event = {.events = source->events, .data.ptr = source};
    if (epoll_ctl(runtime->epoll, EPOLL_CTL_ADD, source->fd, &event) == 0)
        return 0;
    message_set("cannot wait for file descriptor %d: %s", source->fd, strerror(errno));
    return BLUET_EIO;
}

BLUET_INTERNAL void loop_change_source(struct bluet_runtime *runtime, struct loop_source *source, uint32_t events)
{
    if (source->fd < 0 || source->events == events)
        return;
    source->events = events;
    struct epoll_event event = {.events = events, .data.ptr = source};
    epoll_ctl(runtime->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

BLUET_INTERNAL void loop_remove_source(struct bluet_runtime *runtime, struct loop_source *source)
{
    if (source->fd < 0)
        return;
    epoll_ctl(runtime->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    source->fd = -1;
    runtime->generation++;
}

/* ---- Timers ---- */

BLUET_INTERNAL void loop_add_timer(struct bluet_runtime *runtime, struct loop_timer *timer)
{
    struct loop_timer **place = &runtime->timers;
    while (*place)
        place = &(*place)->next;
    timer->next = NULL;
    timer->due = BLUET_NEVER;
    *place = timer;
    runtime->stale = true;
}

BLUET_INTERNAL void loop_remove_timer(struct bluet_runtime *runtime, struct loop_timer *timer)
{
    struct loop_timer **place = &runtime->timers;
    while (*place && *place != timer)
        place = &(*place)->next;
    if (*place)
        *place = timer->next;
    runtime->stale = true;
}

BLUET_INTERNAL void loop_hurry(struct bluet_runtime *runtime, struct loop_timer *timer)
{
    timer->due = 0;
    runtime->earliest = 0;
}

static uint64_t earliest(struct bluet_runtime *runtime)
{
    if (!runtime->stale)
        return runtime->earliest;
    runtime->earliest = BLUET_NEVER;
    for (struct loop_timer *timer = runtime->timers; timer; timer = timer->next) {
        timer->due = timer->deadline(timer->context);
        if (timer->due < runtime->earliest)
            runtime->earliest = timer->due;
    }
    runtime->stale = false;
    return runtime->earliest;
}

static void arm(struct bluet_runtime *runtime, uint64_t moment)
{
    struct itimerspec setting = {.it_value = {(time_t)(moment / 1000000), (long)(moment % 1000000) * 1000}};
    if (moment == 0)
        setting.it_value.tv_nsec = 1; /* all zero would disarm it */
    timerfd_settime(runtime->timer, TFD_TIMER_ABSTIME, &setting, NULL);
    runtime->armed = moment;
}

BLUET_INTERNAL void loop_announce(struct bluet_runtime *runtime)
{
    if (!runtime->asleep)
        return;
    uint64_t moment = earliest(runtime);
    if (moment < runtime->armed)
        arm(runtime, moment);
}

/* Calls what is due. A timer that `expire` brings forward again has its turn in the next round, after the others. */
static void expire_due(struct bluet_runtime *runtime)
{
    loop_lock(runtime);
    uint64_t now = bluet_runtime_now(runtime);
    struct loop_timer *timer = earliest(runtime) <= now ? runtime->timers : NULL;
    while (timer && !loop_should_yield(runtime)) {
        if (timer->due <= now) {
            timer->due = BLUET_NEVER;
            loop_unlock(runtime);
            timer->expire(timer->context, now);
            loop_lock(runtime);
            runtime->stale = true;
        }
        timer = timer->next;
    }
    if (timer)
        runtime->stale = true;
    loop_unlock(runtime);
}

/* ---- Who runs it ---- */

BLUET_INTERNAL bool loop_enter(struct bluet_runtime *runtime)
{
    loop_lock(runtime);
    bool free = !runtime->running && !runtime->threaded;
    if (free)
        runtime->running = true;
    runtime->stale = true;
    loop_unlock(runtime);
    return free;
}

BLUET_INTERNAL void loop_leave(struct bluet_runtime *runtime)
{
    loop_lock(runtime);
    runtime->running = false;
    pthread_cond_broadcast(&runtime->changed);
    loop_unlock(runtime);
}

BLUET_INTERNAL bool loop_should_yield(const struct bluet_runtime *runtime)
{
    return atomic_load_explicit(&runtime->breaking, memory_order_relaxed) ||
           atomic_load_explicit(&runtime->stopping, memory_order_relaxed) ||
           atomic_load_explicit(&runtime->pausing, memory_order_relaxed);
}

BLUET_INTERNAL bool loop_is_dispatcher(const struct bluet_runtime *runtime)
{
    return atomic_load(&runtime->dispatcher) == loop_self();
}

BLUET_INTERNAL void loop_pause(struct bluet_runtime *runtime)
{
    loop_lock(runtime);
    if (loop_is_dispatcher(runtime))
        return;
    runtime->pausing++;
    while (atomic_load(&runtime->dispatcher))
        loop_sleep(runtime, BLUET_NEVER);
}

BLUET_INTERNAL void loop_resume(struct bluet_runtime *runtime)
{
    if (!loop_is_dispatcher(runtime) && --runtime->pausing == 0)
        pthread_cond_broadcast(&runtime->changed);
    loop_unlock(runtime);
}

static void wait_for_pause(struct bluet_runtime *runtime)
{
    while (runtime->pausing)
        loop_sleep(runtime, BLUET_NEVER);
}

static void end_dispatch(struct bluet_runtime *runtime)
{
    loop_lock(runtime);
    atomic_store(&runtime->dispatcher, NULL);
    if (runtime->pausing)
        pthread_cond_broadcast(&runtime->changed);
    loop_unlock(runtime);
}

/* ---- Against the wall clock ---- */

BLUET_INTERNAL void loop_wake(struct bluet_runtime *runtime)
{
    if (runtime->wakeup < 0)
        return;
    int saved = errno;
    uint64_t one = 1;
    ssize_t written = write(runtime->wakeup, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
    errno = saved;
}

static void drain_wakeup(void *context, uint32_t events)
{
    struct bluet_runtime *runtime = context;
    (void)events;
    uint64_t count;
    ssize_t octets = read(runtime->wakeup, &count, sizeof count);
    (void)octets;
}

/* How long epoll shall wait: not at all, or until the timer, which is set here, or something else wakes it. */
static int prepare_sleep(struct bluet_runtime *runtime, uint64_t until)
{
    uint64_t now = bluet_runtime_now(runtime);
    uint64_t moment = earliest(runtime);
    if (until < moment)
        moment = until;
    if (moment <= now)
        return 0;
    /* A timer that fires too early costs less than setting it anew each time that a deadline moves back. */
    if (runtime->armed <= now)
        runtime->armed = BLUET_NEVER;
    if (moment < runtime->armed)
        arm(runtime, moment);
    runtime->asleep = true;
    return -1;
}

static void dispatch(struct bluet_runtime *runtime, const struct epoll_event *events, int count, unsigned generation)
{
    for (int i = 0; i < count && !loop_should_yield(runtime); i++) {
        struct loop_source *source = events[i].data.ptr;
        if (source)
            source->ready(source->context, events[i].events);
        if (atomic_load(&runtime->generation) != generation)
            break;
    }
}

BLUET_INTERNAL void loop_step(struct bluet_runtime *runtime, uint64_t until)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    loop_lock(runtime);
    wait_for_pause(runtime);
    unsigned generation = runtime->generation;
    int timeout = prepare_sleep(runtime, until);
    loop_unlock(runtime);

    int count = epoll_wait(runtime->epoll, events, EVENTS_AT_ONCE, timeout);

    loop_lock(runtime);
    runtime->asleep = false;
    wait_for_pause(runtime);
    if (runtime->generation != generation)
        count = 0;
    runtime->stale = true;
    atomic_store(&runtime->dispatcher, loop_self());
    loop_unlock(runtime);

    dispatch(runtime, events, count, generation);
    expire_due(runtime);
    end_dispatch(runtime);
}

/* ---- In virtual time ---- */

BLUET_INTERNAL bool loop_step_virtual(struct bluet_runtime *runtime, uint64_t until)
{
    loop_lock(runtime);
    wait_for_pause(runtime);
    uint64_t now = bluet_air_now(runtime->air);
    uint64_t moment = bluet_air_deadline(runtime->air);
    uint64_t hosts = earliest(runtime);
    if (hosts < moment)
        moment = hosts;
    if (moment < now)
        moment = now;
    bool left = moment <= until && moment != BLUET_NEVER;
    if (!left)
        moment = until == BLUET_NEVER ? now : until;
    if (moment > now || bluet_air_deadline(runtime->air) <= now)
        bluet_air_advance(runtime->air, moment);
    atomic_store_explicit(&runtime->virtual_now, moment, memory_order_relaxed);
    atomic_store(&runtime->dispatcher, loop_self());
    loop_unlock(runtime);

    expire_due(runtime);
    end_dispatch(runtime);
    return left;
}

/* ---- Batches and handlers ---- */

BLUET_INTERNAL void loop_batch_begin(struct bluet_runtime *runtime)
{
    if (runtime->config.batch)
        runtime->config.batch(runtime->config.batch_context, true);
    loop_lock(runtime);
}

BLUET_INTERNAL void loop_batch_end(struct bluet_runtime *runtime)
{
    loop_unlock(runtime);
    if (runtime->config.batch)
        runtime->config.batch(runtime->config.batch_context, false);
}

BLUET_INTERNAL void loop_handler_begin(struct handler_frame *frame, const struct bluet_runtime *runtime)
{
    *frame = (struct handler_frame){runtime, innermost};
    innermost = frame;
}

BLUET_INTERNAL void loop_handler_end(struct handler_frame *frame)
{
    innermost = frame->outer;
}

bool bluet_runtime_in_handler(const struct bluet_runtime *runtime)
{
    for (const struct handler_frame *frame = innermost; frame; frame = frame->outer)
        if (frame->runtime == runtime)
            return true;
    return false;
}

/* ---- Life ---- */

BLUET_INTERNAL int loop_open(struct bluet_runtime *runtime)
{
    runtime->armed = BLUET_NEVER;
    runtime->epoll = epoll_create1(EPOLL_CLOEXEC);
    runtime->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    runtime->wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (runtime->epoll < 0 || runtime->timer < 0 || runtime->wakeup < 0) {
        message_set("cannot make an event loop: %s", strerror(errno));
        return BLUET_EIO;
    }

    /* Edge-triggered and without a source: it has done its duty when it has ended the sleep. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (epoll_ctl(runtime->epoll, EPOLL_CTL_ADD, runtime->timer, &event) < 0) {
        message_set("cannot make an event loop: %s", strerror(errno));
        return BLUET_EIO;
    }
    runtime->wakeup_source = (struct loop_source){runtime->wakeup, EPOLLIN, drain_wakeup, runtime};
    return loop_add_source(runtime, &runtime->wakeup_source);
}

BLUET_INTERNAL void loop_close(struct bluet_runtime *runtime)
{
    int descriptors[] = {runtime->epoll, runtime->timer, runtime->wakeup};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
}
