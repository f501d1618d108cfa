/*
 * Out of band data (Vol 3 Part H, 2.3.5.4, 2.3.5.6.4): ours, which the peer has been given by other means, and that of
 * peers, by address. Who has none, has no memory for it either.
 */
#ifndef BLUET_HOST_SM_OOB_H
#define BLUET_HOST_SM_OOB_H

#include "bluet/bluet.h"
#include "spec/internal.h"

enum { SM_OOB_PEERS = 4 };

/* What struct bluet_oob has, most significant octets first: that is also the other way round as a whole. */
struct sm_oob_peer {
    bool used;
    struct bluet_address address;
    bool legacy, secure;
    uint8_t random[16];
    uint8_t confirm[16];
    uint8_t temporary_key[16];
};

struct sm_oob {
    bool own_used;
    uint8_t own_failures; /* of pairings with our own */
    uint8_t private_key[32];
    uint8_t random[16];
    struct sm_oob_peer peers[SM_OOB_PEERS];
};

struct sm;
struct sm_pairing;

/* What the public functions bluet_oob_own() and bluet_oob_peer() do. */
BLUET_INTERNAL int sm_oob_own(struct sm *sm, uint8_t out_confirm[16], uint8_t out_random[16]);
BLUET_INTERNAL int sm_oob_set_peer(struct sm *sm, const struct bluet_address *peer, const struct bluet_oob *data);

/* Of the peer of that pairing; NULL: none. */
BLUET_INTERNAL struct sm_oob_peer *sm_oob_of_peer(const struct sm_pairing *pairing);
/* Whether there is some of the peer for that kind of pairing. */
BLUET_INTERNAL bool sm_oob_has_peers(const struct sm_pairing *pairing, bool secure);
/* Whether the peer can have ours. */
BLUET_INTERNAL bool sm_oob_has_own(const struct sm *sm);
/* What a pairing has used is used up if it ended well; ours also when it has failed too often. */
BLUET_INTERNAL void sm_oob_pairing_ended(const struct sm_pairing *pairing, uint16_t reason);

#endif
