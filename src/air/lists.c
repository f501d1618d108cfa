/* Resolvable private addresses: a random part, and a hash of it under the identity resolving key. */
#include "air/lists.h"

#include "crypto/crypto.h"

enum { DEFAULT_RPA_TIMEOUT_S = 900 }; /* Vol 4 Part E, 7.8.45 */

BLUET_INTERNAL void air_lists_init(struct air_lists *lists)
{
    memset(lists, 0, sizeof *lists);
    lists->rpa_timeout = DEFAULT_RPA_TIMEOUT_S;
}

BLUET_INTERNAL bool air_accept_list_holds(const struct air_lists *lists, uint8_t type, const uint8_t octets[6])
{
    for (size_t i = 0; i < lists->accept_count; i++)
        if (lists->accept[i].type == type && !memcmp(lists->accept[i].octets, octets, 6))
            return true;
    return false;
}

BLUET_INTERNAL struct air_resolving_entry *air_resolving_find(struct air_lists *lists, uint8_t type,
                                                              const uint8_t octets[6])
{
    for (size_t i = 0; i < lists->resolving_count; i++) {
        struct air_resolving_entry *entry = &lists->resolving[i];
        if (entry->identity.type == type && !memcmp(entry->identity.octets, octets, 6))
            return entry;
    }
    return NULL;
}

BLUET_INTERNAL void air_resolving_changed(struct air_lists *lists)
{
    memset(lists->resolved, 0, sizeof lists->resolved);
}

/* The random address hash function ah: Vol 3 Part H, 2.2.2. `part` and `hash` least significant octet first. */
static bool hash_of(uint8_t hash[3], const uint8_t irk[16], const uint8_t part[3])
{
    uint8_t key[16];
    uint8_t plain[16] = {0};
    uint8_t cipher[16];
    for (size_t i = 0; i < 16; i++)
        key[i] = irk[15 - i];
    for (size_t i = 0; i < 3; i++)
        plain[15 - i] = part[i];
    if (!crypto_aes128(cipher, key, plain))
        return false;
    for (size_t i = 0; i < 3; i++)
        hash[i] = cipher[15 - i];
    return true;
}

BLUET_INTERNAL bool air_rpa_matches(const uint8_t irk[16], const struct air_address *address)
{
    uint8_t hash[3];
    if (!air_address_is_resolvable(address) || air_octets_are_zero(irk, 16))
        return false;
    return hash_of(hash, irk, address->octets + 3) && !memcmp(hash, address->octets, 3);
}

static struct air_resolved *remembered(struct air_lists *lists, const uint8_t rpa[6])
{
    return &lists->resolved[(rpa[0] ^ rpa[3]) % AIR_RESOLVED_SIZE];
}

BLUET_INTERNAL struct air_resolving_entry *air_resolve(struct air_lists *lists, const struct air_address *address)
{
    if (!lists->resolution_enabled || !lists->resolving_count || !air_address_is_resolvable(address))
        return NULL;
    struct air_resolved *known = remembered(lists, address->octets);
    if (!known->valid || memcmp(known->rpa, address->octets, 6) != 0) {
        memcpy(known->rpa, address->octets, 6);
        known->valid = true;
        known->entry = 0;
        for (uint8_t i = 0; i < lists->resolving_count && !known->entry; i++)
            if (air_rpa_matches(lists->resolving[i].peer_irk, address))
                known->entry = (uint8_t)(i + 1);
    }
    if (!known->entry)
        return NULL;
    struct air_resolving_entry *entry = &lists->resolving[known->entry - 1];
    memcpy(entry->peer_rpa, address->octets, 6);
    return entry;
}

static void make_rpa(uint8_t out[6], const uint8_t irk[16], struct air_random *random)
{
    memset(out, 0, 6);
    if (air_octets_are_zero(irk, 16))
        return;
    uint8_t part[3];
    air_random_octets(random, part, 3);
    part[0] |= 1; /* the random part is neither all zero nor all one: Vol 6 Part B, 1.3.2.2 */
    part[2] = (uint8_t)((part[2] & 0x1f) | 0x40);
    if (hash_of(out, irk, part))
        memcpy(out + 3, part, 3);
}

BLUET_INTERNAL void air_rpa_refresh(const struct air_lists *lists, struct air_resolving_entry *entry,
                                    struct air_random *random, uint64_t now)
{
    bool never = air_octets_are_zero(entry->local_rpa, 6) && air_octets_are_zero(entry->target_rpa, 6);
    if (!never && now - entry->made < lists->rpa_timeout * UINT64_C(1000000))
        return;
    make_rpa(entry->local_rpa, entry->local_irk, random);
    make_rpa(entry->target_rpa, entry->peer_irk, random);
    entry->made = now;
}
