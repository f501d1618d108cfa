/*
 * Virtual time: a clock that stands still until it is moved, and timers in a binary heap. Timers that are due at the
 * same moment go off in the order in which they were set, so that a run can be repeated exactly.
 */
#ifndef BLUET_AIR_TIMER_H
#define BLUET_AIR_TIMER_H

#include "air/memory.h"
#include "spec/internal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AIR_NEVER UINT64_MAX

/* Lies in what owns it. Zeroed is unset, but it must have been given its room by air_clock_reserve(). */
struct air_timer {
    uint64_t at;
    uint64_t order;
    size_t slot; /* in the heap, counted from 1; 0: not set */
    void (*due)(void *owner);
    void *owner;
};

struct air_clock {
    const struct air_memory *memory;
    uint64_t now;
    uint64_t order;
    struct air_timer **heap;
    size_t count;
    size_t capacity;
    size_t reserved; /* timers that exist: setting one never needs memory */
};

/* Room for `count` timers more. False: no memory, nothing changed. */
BLUET_INTERNAL bool air_clock_reserve(struct air_clock *clock, size_t count);
BLUET_INTERNAL void air_clock_release(struct air_clock *clock, size_t count);
BLUET_INTERNAL void air_clock_end(struct air_clock *clock);

/* The moment of the next timer, or AIR_NEVER. */
BLUET_INTERNAL uint64_t air_clock_deadline(const struct air_clock *clock);

/* Lets every timer go off that is due up to and including `until`; then it is `until`. */
BLUET_INTERNAL void air_clock_advance(struct air_clock *clock, uint64_t until);

static inline void air_timer_init(struct air_timer *timer, void (*due)(void *owner), void *owner)
{
    *timer = (struct air_timer){0, 0, 0, due, owner};
}

static inline bool air_timer_is_set(const struct air_timer *timer)
{
    return timer->slot != 0;
}

/* Sets it anew if it is set. A moment that has passed means now. */
BLUET_INTERNAL void air_timer_set(struct air_clock *clock, struct air_timer *timer, uint64_t at);
BLUET_INTERNAL void air_timer_stop(struct air_clock *clock, struct air_timer *timer);

#endif
