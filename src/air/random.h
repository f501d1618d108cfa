/*
 * Pseudo-random numbers that are the same everywhere for the same seed: xoshiro256** of Blackman and Vigna, its state
 * filled by splitmix64. Not for secrets.
 */
#ifndef BLUET_AIR_RANDOM_H
#define BLUET_AIR_RANDOM_H

#include "spec/internal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct air_random {
    uint64_t state[4];
};

/* `stream` tells apart the generators that one seed feeds. */
BLUET_INTERNAL void air_random_seed(struct air_random *random, uint64_t seed, uint64_t stream);
BLUET_INTERNAL uint64_t air_random_next(struct air_random *random);
/* 0 to bound - 1; bound not 0. */
BLUET_INTERNAL uint32_t air_random_below(struct air_random *random, uint32_t bound);
BLUET_INTERNAL bool air_random_chance(struct air_random *random, double probability);
BLUET_INTERNAL void air_random_octets(struct air_random *random, uint8_t *out, size_t length);

#endif
