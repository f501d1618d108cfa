/*
 * Who is behind a resolvable private address (Vol 6 Part B, 1.3.2.3; Vol 3 Part C, 10.8.2.3). What has been found out
 * is remembered for the addresses heard last, so that a busy scan does not compute a hash for each report and bond.
 */
#ifndef BLUET_HOST_GAP_RESOLVE_H
#define BLUET_HOST_GAP_RESOLVE_H

#include "host/sm_bonds.h"

/* None where nobody pairs. */
enum { GAP_RESOLVED_COUNT = BLUET_HAS_SECURITY ? 16 : 1 };

struct gap_resolved {
    uint8_t octets[6];
    uint8_t bond; /* its number plus one; 0: of none */
};

struct gap_resolver {
    const struct sm_bonds *bonds;
    uint16_t changes; /* of the bonds, that have been heeded */
    bool offloaded;   /* the controller resolves for every bond */
    struct gap_resolved resolved[GAP_RESOLVED_COUNT];
};

/* The bond of an address, be it an identity or one that resolves to it; NULL: a stranger. */
BLUET_INTERNAL const struct sm_bond *gap_resolve(struct gap_resolver *resolver, const struct bluet_address *peer);
/* Puts the identity in place of an address that the controller has left unresolved. */
BLUET_INTERNAL void gap_resolve_reported(struct gap_resolver *resolver, struct bluet_address *peer);

#endif
