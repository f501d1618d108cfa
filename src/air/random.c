/* xoshiro256** and splitmix64, after the authors' descriptions of the algorithms (prng.di.unimi.it). */
#include "air/random.h"

static uint64_t rotate_left(uint64_t value, unsigned count)
{
    return value << count | value >> (64 - count);
}

static uint64_t splitmix(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t value = *state;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

BLUET_INTERNAL void air_random_seed(struct air_random *random, uint64_t seed, uint64_t stream)
{
    uint64_t state = stream;
    state = seed ^ splitmix(&state);
    for (size_t i = 0; i < 4; i++)
        random->state[i] = splitmix(&state);
}

BLUET_INTERNAL uint64_t air_random_next(struct air_random *random)
{
    uint64_t *state = random->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

BLUET_INTERNAL uint32_t air_random_below(struct air_random *random, uint32_t bound)
{
    return (uint32_t)((air_random_next(random) >> 32) * bound >> 32);
}

BLUET_INTERNAL bool air_random_chance(struct air_random *random, double probability)
{
    return (double)(air_random_next(random) >> 11) * 0x1p-53 < probability;
}

BLUET_INTERNAL void air_random_octets(struct air_random *random, uint8_t *out, size_t length)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (i % 8 == 0)
            value = air_random_next(random);
        out[i] = (uint8_t)(value >> 8 * (i % 8));
    }
}
