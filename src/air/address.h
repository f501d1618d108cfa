/*
 * Device addresses as the link layer and HCI carry them, least significant octet first (Vol 6 Part B, 1.3). The type is
 * 0 public or 1 random; where HCI speaks of identities, 2 and 3 are the public and random ones that were resolved.
 */
#ifndef BLUET_AIR_ADDRESS_H
#define BLUET_AIR_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { AIR_PUBLIC = 0, AIR_RANDOM = 1, AIR_PUBLIC_IDENTITY = 2, AIR_RANDOM_IDENTITY = 3, AIR_IDENTITY = 2 };

struct air_address {
    uint8_t type;
    uint8_t octets[6];
};

static inline bool air_address_equal(const struct air_address *a, const struct air_address *b)
{
    return a->type == b->type && !memcmp(a->octets, b->octets, 6);
}

/* The two most significant bits say what a random address is: 01 resolvable private (Vol 6 Part B, 1.3.2.2). */
static inline bool air_address_is_resolvable(const struct air_address *address)
{
    return address->type == AIR_RANDOM && address->octets[5] >> 6 == 1;
}

static inline bool air_octets_are_zero(const uint8_t *octets, unsigned length)
{
    uint8_t any = 0;
    for (unsigned i = 0; i < length; i++)
        any |= octets[i];
    return !any;
}

#endif
