/* Out of band data that is kept until a pairing has used it (Vol 3 Part H, 2.3.5.4, 2.3.5.6.4). */
#include "host/sm_oob.h"

#include "host/memory.h"
#include "host/sm_pairing.h"

/* With a key pair that has failed as often, no more is tried: a peer learns little of it (2.3.6). */
enum { OWN_FAILURES_MOST = 3 };
enum { VALUES_LENGTH = sizeof(struct sm_oob_peer) - offsetof(struct sm_oob_peer, random) };

_Static_assert(VALUES_LENGTH == sizeof(struct bluet_oob) - offsetof(struct bluet_oob, temporary_key),
               "all three values are turned round at once");

static struct sm_oob *get_oob(struct sm *sm)
{
    if (!sm->oob)
        sm->oob = memory_take(sm->links->hci->port, sizeof *sm->oob);
    return sm->oob;
}

/* ---- Ours ---- */

static void forget_own(struct sm_oob *oob)
{
    sm_wipe(oob, offsetof(struct sm_oob, peers));
}

BLUET_INTERNAL int sm_oob_own(struct sm *sm, uint8_t out_confirm[16], uint8_t out_random[16])
{
    struct sm_oob *oob = get_oob(sm);
    uint8_t key[64];
    uint8_t confirm[16];
    if (!oob)
        return BLUET_ENOMEM;
    forget_own(oob);
    sm_random(sm, oob->random);
    if (!sm_new_key_pair(sm, oob->private_key, key) || !sm_f4(confirm, key, key, oob->random, 0))
        return BLUET_EIO;
    oob->own_used = true;
    sm_reverse(out_confirm, confirm, 16);
    sm_reverse(out_random, oob->random, 16);
    return BLUET_OK;
}

BLUET_INTERNAL bool sm_oob_has_own(const struct sm *sm)
{
    return sm->oob && sm->oob->own_used;
}

/* ---- Of peers ---- */

/* NULL: a place that is free. */
static struct sm_oob_peer *find_peer(struct sm_oob *oob, const struct bluet_address *peer)
{
    for (size_t i = 0; oob && i < SM_OOB_PEERS; i++) {
        struct sm_oob_peer *place = &oob->peers[i];
        if (peer ? place->used && hci_address_equal(&place->address, peer) : !place->used)
            return place;
    }
    return NULL;
}

/* By the address that it has on the air, or by the one that it is known under. */
BLUET_INTERNAL struct sm_oob_peer *sm_oob_of_peer(const struct sm_pairing *pairing)
{
    struct sm_oob_peer *found = find_peer(pairing->sm->oob, sm_peer(pairing));
    return found ? found : find_peer(pairing->sm->oob, &pairing->link->peer);
}

BLUET_INTERNAL bool sm_oob_has_peers(const struct sm_pairing *pairing, bool secure)
{
    const struct sm_oob_peer *found = sm_oob_of_peer(pairing);
    return found && (secure ? found->secure : found->legacy);
}

BLUET_INTERNAL int sm_oob_set_peer(struct sm *sm, const struct bluet_address *peer, const struct bluet_oob *data)
{
    struct sm_oob_peer *place = find_peer(sm->oob, peer);
    if (!data) {
        if (place)
            sm_wipe(place, sizeof *place);
        return BLUET_OK;
    }
    if (peer->type > BLUET_ADDRESS_RANDOM || (!data->legacy && !data->secure))
        return BLUET_EINVAL;
    if (!place)
        place = find_peer(get_oob(sm), NULL);
    if (!place)
        return BLUET_ENOMEM;
    place->used = true;
    sm_copy(&place->address, peer, sizeof *peer);
    place->legacy = data->legacy;
    place->secure = data->secure;
    sm_reverse((uint8_t *)place + offsetof(struct sm_oob_peer, random),
               (const uint8_t *)data + offsetof(struct bluet_oob, temporary_key), VALUES_LENGTH);
    return BLUET_OK;
}

BLUET_INTERNAL void sm_oob_pairing_ended(const struct sm_pairing *pairing, uint16_t reason)
{
    struct sm_oob_peer *peer = sm_oob_of_peer(pairing);
    if (reason == SM_SUCCESS && peer)
        sm_wipe(peer, sizeof *peer);
    if (!pairing->oob_known || !sm_is_secure(pairing) || !sm_oob_has_own(pairing->sm))
        return;
    if (reason == SM_SUCCESS || ++pairing->sm->oob->own_failures == OWN_FAILURES_MOST)
        forget_own(pairing->sm->oob);
}
