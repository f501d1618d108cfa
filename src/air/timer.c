/* A binary heap of timers, each of which knows its place in it, so that it can be set anew without a search. */
#include "air/timer.h"

static bool earlier(const struct air_timer *a, const struct air_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(struct air_clock *clock, size_t slot, struct air_timer *timer)
{
    clock->heap[slot - 1] = timer;
    timer->slot = slot;
}

static void rise(struct air_clock *clock, struct air_timer *timer)
{
    size_t slot = timer->slot;
    while (slot > 1 && earlier(timer, clock->heap[slot / 2 - 1])) {
        place(clock, slot, clock->heap[slot / 2 - 1]);
        slot /= 2;
    }
    place(clock, slot, timer);
}

static void sink(struct air_clock *clock, struct air_timer *timer)
{
    size_t slot = timer->slot;
    for (;;) {
        size_t child = slot * 2;
        if (child > clock->count)
            break;
        if (child < clock->count && earlier(clock->heap[child], clock->heap[child - 1]))
            child++;
        if (!earlier(clock->heap[child - 1], timer))
            break;
        place(clock, slot, clock->heap[child - 1]);
        slot = child;
    }
    place(clock, slot, timer);
}

BLUET_INTERNAL bool air_clock_reserve(struct air_clock *clock, size_t count)
{
    size_t needed = clock->reserved + count;
    if (needed > clock->capacity) {
        size_t capacity = clock->capacity ? clock->capacity : 16;
        while (capacity < needed)
            capacity *= 2;
        void *heap = air_memory_resize(clock->memory, clock->heap, clock->capacity * sizeof *clock->heap,
                                       capacity * sizeof *clock->heap);
        if (!heap)
            return false;
        clock->heap = heap;
        clock->capacity = capacity;
    }
    clock->reserved = needed;
    return true;
}

BLUET_INTERNAL void air_clock_release(struct air_clock *clock, size_t count)
{
    clock->reserved -= count;
}

BLUET_INTERNAL void air_clock_end(struct air_clock *clock)
{
    air_memory_give(clock->memory, clock->heap, clock->capacity * sizeof *clock->heap);
    clock->heap = NULL;
    clock->capacity = 0;
}

BLUET_INTERNAL uint64_t air_clock_deadline(const struct air_clock *clock)
{
    return clock->count ? clock->heap[0]->at : AIR_NEVER;
}

BLUET_INTERNAL void air_clock_advance(struct air_clock *clock, uint64_t until)
{
    while (clock->count && clock->heap[0]->at <= until) {
        struct air_timer *timer = clock->heap[0];
        clock->now = timer->at;
        air_timer_stop(clock, timer);
        timer->due(timer->owner);
    }
    if (until > clock->now)
        clock->now = until;
}

BLUET_INTERNAL void air_timer_set(struct air_clock *clock, struct air_timer *timer, uint64_t at)
{
    timer->at = at > clock->now ? at : clock->now;
    timer->order = clock->order++;
    if (!timer->slot)
        place(clock, ++clock->count, timer);
    rise(clock, timer);
    sink(clock, timer);
}

BLUET_INTERNAL void air_timer_stop(struct air_clock *clock, struct air_timer *timer)
{
    if (!timer->slot)
        return;
    struct air_timer *last = clock->heap[--clock->count];
    if (last != timer) {
        place(clock, timer->slot, last);
        rise(clock, last);
        sink(clock, last);
    }
    timer->slot = 0;
}
