/*
 * Who is behind a resolvable private address (Vol 6 Part B, 1.3.2.3; Vol 3 Part C, 10.8.2.3). What has been found out
 * is remembered for the addresses heard last, so that a busy scan does not compute a hash for each report and bond.
 */
#ifndef BLUET_HOST_GAP_RESOLVE_H
#define BLUET_HOST_GAP_RESOLVE_H

#include "host/gap.h"

/* The bond of an address, be it an identity or one that resolves to it; NULL: a stranger. */
BLUET_INTERNAL const struct sm_bond *gap_resolve(struct gap *gap, const struct bluet_address *peer);
/* Puts the identity in place of an address that the controller has left unresolved. */
BLUET_INTERNAL void gap_resolve_reported(struct gap *gap, struct bluet_address *peer);

#endif
