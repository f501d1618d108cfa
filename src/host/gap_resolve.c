/* Addresses to bonds, by way of a small table in which each address has one place. */
#include "host/gap_resolve.h"

#include <string.h>

BLUET_INTERNAL const struct sm_bond *gap_resolve(struct gap *gap, const struct bluet_address *peer)
{
    struct gap_resolver *resolver = &gap->resolver;
    const struct sm_bonds *bonds = gap->bonds;
    if (!sm_is_resolvable(peer))
        return sm_bonds_find_identity(bonds, peer);
    if (resolver->changes != bonds->changes) {
        memset(resolver->resolved, 0, sizeof resolver->resolved);
        resolver->changes = bonds->changes;
    }
    /* No resolvable address is all zeros, as an empty place is. */
    struct gap_resolved *known = &resolver->resolved[(peer->octets[2] ^ peer->octets[5]) % GAP_RESOLVED_COUNT];
    if (memcmp(known->octets, peer->octets, sizeof known->octets) != 0) {
        const struct sm_bond *bond = sm_bonds_find(bonds, peer);
        memcpy(known->octets, peer->octets, sizeof known->octets);
        known->bond = bond ? (uint8_t)(bond - bonds->bonds + 1) : 0;
    }
    return known->bond ? &bonds->bonds[known->bond - 1] : NULL;
}

BLUET_INTERNAL void gap_resolve_reported(struct gap *gap, struct bluet_address *peer)
{
    if (gap->resolver.offloaded || !sm_is_resolvable(peer))
        return;
    const struct sm_bond *bond = gap_resolve(gap, peer);
    if (bond)
        *peer = bond->peer;
}
