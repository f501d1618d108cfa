/*
 * The runtime's lock: recursive by owner, so that it can also be given back from any depth, which a pthread mutex of
 * the recursive kind cannot.
 */
#include <time.h>

#include "runtime/loop.h"

static _Thread_local char self;

BLUET_INTERNAL const void *loop_self(void)
{
    return &self;
}

static bool is_mine(struct bluet_runtime *runtime)
{
    return atomic_load_explicit(&runtime->owner, memory_order_relaxed) == loop_self();
}

static void take(struct bluet_runtime *runtime, unsigned depth)
{
    pthread_mutex_lock(&runtime->mutex);
    atomic_store_explicit(&runtime->owner, loop_self(), memory_order_relaxed);
    runtime->depth = depth;
}

static void give(struct bluet_runtime *runtime)
{
    runtime->depth = 0;
    atomic_store_explicit(&runtime->owner, NULL, memory_order_relaxed);
    pthread_mutex_unlock(&runtime->mutex);
}

BLUET_INTERNAL void loop_lock(struct bluet_runtime *runtime)
{
    if (is_mine(runtime))
        runtime->depth++;
    else
        take(runtime, 1);
}

BLUET_INTERNAL void loop_unlock(struct bluet_runtime *runtime)
{
    if (runtime->depth > 1)
        runtime->depth--;
    else
        give(runtime);
}

BLUET_INTERNAL unsigned loop_release(struct bluet_runtime *runtime)
{
    if (!is_mine(runtime))
        return 0;
    unsigned depth = runtime->depth;
    runtime->depth = 1;
    bluet_runtime_unlock(runtime);
    return depth;
}

BLUET_INTERNAL void loop_restore(struct bluet_runtime *runtime, unsigned depth)
{
    if (depth) {
        take(runtime, depth);
        runtime->stale = true;
    }
}

BLUET_INTERNAL void loop_sleep(struct bluet_runtime *runtime, uint64_t until)
{
    loop_announce(runtime);
    unsigned depth = runtime->depth;
    runtime->depth = 0;
    atomic_store_explicit(&runtime->owner, NULL, memory_order_relaxed);
    if (until == BLUET_NEVER) {
        pthread_cond_wait(&runtime->changed, &runtime->mutex);
    } else {
        struct timespec moment = {(time_t)(until / 1000000), (long)(until % 1000000) * 1000};
        pthread_cond_timedwait(&runtime->changed, &runtime->mutex, &moment);
    }
    atomic_store_explicit(&runtime->owner, loop_self(), memory_order_relaxed);
    runtime->depth = depth;
}

void bluet_runtime_lock(struct bluet_runtime *runtime)
{
    loop_lock(runtime);
    runtime->stale = true;
}

void bluet_runtime_unlock(struct bluet_runtime *runtime)
{
    if (!is_mine(runtime))
        return;
    if (runtime->depth == 1)
        loop_announce(runtime);
    loop_unlock(runtime);
}
