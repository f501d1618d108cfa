/* Keys that are given to each other once the link is encrypted (Vol 3 Part H, 2.4.3, 3.6). */
#include "host/sm_pairing.h"
#include "host/sm_signing.h"

/* What each PDU carries, by code from SM_ENCRYPTION_INFORMATION on: that is also the order in which they come. */
static const struct key_pdu {
    uint8_t place;    /* in struct sm_party */
    uint8_t plain;    /* octets in the order of the air, */
    uint8_t reversed; /* and then others */
    uint8_t flag;     /* enum sm_secret_flag */
} key_pdus[] = {{offsetof(struct sm_party, keys.ltk), 0, 16, SM_SECRET_LTK},
                {offsetof(struct sm_party, keys.ediv), 10, 0, 0},
                {offsetof(struct sm_party, irk), 0, 16, 0},
                {offsetof(struct sm_party, keys.peer), 1, 6, 0},
                {offsetof(struct sm_party, keys.csrk), 0, 16, SM_SECRET_CSRK}};

static uint8_t key_bit(unsigned code)
{
    return (uint8_t)(1 << (code - SM_ENCRYPTION_INFORMATION));
}

/* The PDUs of a side, by key_bit(). Secure Connections have one key for both, which nobody has to send. */
static uint8_t pdus_of(const struct sm_pairing *pairing, unsigned side)
{
    uint8_t keys = pairing->work->exchange.features[SM_RESPONDER][SM_FEATURE_INITIATOR_KEYS + side];
    uint8_t pdus = 0;
    if ((keys & SM_ENCRYPTION_KEY) && !sm_is_secure(pairing))
        pdus |= key_bit(SM_ENCRYPTION_INFORMATION) | key_bit(SM_CENTRAL_IDENTIFICATION);
    if (keys & SM_IDENTITY_KEY)
        pdus |= key_bit(SM_IDENTITY_INFORMATION) | key_bit(SM_IDENTITY_ADDRESS_INFORMATION);
    if (keys & SM_SIGNING_KEY)
        pdus |= key_bit(SM_SIGNING_INFORMATION);
    return pdus;
}

/* ---- Ours ---- */

/* Our identity, and what is new with each pairing. */
static void prepare_keys(const struct sm_pairing *pairing, struct sm_given *given)
{
    struct sm_keys *keys = &given->ours.keys;
    uint8_t numbers[16];
    sm_copy(&keys->peer, &pairing->sm->identity, sizeof keys->peer);
    sm_copy(given->ours.irk, pairing->sm->bonds.irk, sizeof given->ours.irk);
    if (given->sends & key_bit(SM_ENCRYPTION_INFORMATION)) {
        sm_random(pairing->sm, keys->ltk);
        sm_shorten(pairing, keys->ltk);
        sm_random(pairing->sm, numbers);
        sm_copy(keys->ediv, numbers, sizeof keys->ediv + sizeof keys->random);
    }
    if (given->sends & key_bit(SM_SIGNING_INFORMATION)) {
        sm_random(pairing->sm, keys->csrk);
        given->theirs.keys.flags |= SM_SECRET_OWN_CSRK;
    }
}

static sm_result send_keys(const struct sm_pairing *pairing, struct sm_given *given)
{
    uint8_t pdu[1 + 16];
    uint8_t sends = given->sends;
    sm_result result = SM_SUCCESS;
    prepare_keys(pairing, given);
    given->sends = 0;
    for (const struct key_pdu *key = key_pdus; sends && !result; key++, sends >>= 1) {
        const uint8_t *from = (const uint8_t *)&given->ours + key->place;
        if (!(sends & 1))
            continue;
        pdu[0] = (uint8_t)(SM_ENCRYPTION_INFORMATION + (key - key_pdus));
        sm_copy(pdu + 1, from, key->plain);
        sm_reverse(pdu + 1 + key->plain, from + key->plain, key->reversed);
        given->ours.keys.flags |= key->flag;
        result = sm_send(pairing, pdu);
    }
    sm_wipe(pdu, sizeof pdu);
    return result;
}

/* ---- The end ---- */

/* The application has been told of the pairing, and may have done anything since. */
static void keep_secrets(struct sm_pairing *pairing, const struct sm_given *given)
{
    struct sm_secret secret;
    struct link *link = pairing->link;
    sm_bonds_settle(&pairing->sm->bonds, pairing->sm->links->hci); /* what was deleted comes before what is kept anew */
    if (!link)
        return;
    secret.tail_length = pairing->sm->keeper.save(pairing->sm->keeper.context, link, secret.tail);
    sm_bonds_keep_irk(&pairing->sm->bonds);
    struct sm_bond *bond = sm_bonds_keep(&pairing->sm->bonds, given, &secret);
    sm_wipe(&secret, sizeof secret);
    if (BLUET_HAS_SIGNING)
        sm_signing_forget(pairing);
    sm_forget_bonds(pairing->sm);
    if (!pairing->link)
        return;
    link->bonded = bond;
    if (bond) {
        pairing->bond = bond;
        link->key_known = true;
        sm_copy(&link->identity, &bond->peer, sizeof bond->peer);
    }
}

/* The application hears of the pairing first, then of what is to be kept. */
static sm_result complete(struct sm_pairing *pairing)
{
    struct sm_work *work = pairing->work;
    const struct bluet_address *peer = &work->given.theirs.keys.peer;
    bool bonded = pairing->bonding && sm_bonds_place(&pairing->sm->bonds, peer);
    sm_copy(&work->given.ours.keys.peer, peer, sizeof *peer);
    pairing->link->bonded = bonded;
    pairing->work = NULL;
    sm_end(pairing, SM_SUCCESS);
    if (bonded)
        keep_secrets(pairing, &work->given);
    sm_wipe(work, sizeof *work);
    return SM_SUCCESS;
}

/* The responder's keys come first. */
static sm_result go_on_distributing(struct sm_pairing *pairing)
{
    struct sm_given *given = &pairing->work->given;
    sm_result result = SM_SUCCESS;
    sm_enter(pairing, SM_AWAIT_KEYS); /* the timer begins anew */
    if (given->sends && (pairing->side == SM_RESPONDER || !given->awaits))
        result = send_keys(pairing, given);
    return result || given->awaits ? result : complete(pairing);
}

BLUET_INTERNAL sm_result sm_distribute(struct sm_pairing *pairing)
{
    struct sm_work *work = pairing->work;
    struct sm_given *given = &work->given;
    struct sm_keys keys = {.flags = pairing->secret_flags, .key_size = pairing->key_size};
    uint8_t sends = pdus_of(pairing, pairing->side);
    uint8_t awaits = pdus_of(pairing, sm_peer_side(pairing));
    if (sm_is_secure(pairing)) {
        keys.flags |= SM_SECRET_LTK;
        sm_copy(keys.ltk, work->exchange.secret + 16, sizeof keys.ltk);
    }
    sm_wipe(&work->exchange, sizeof work->exchange);
    given->sends = sends;
    given->awaits = awaits;
    given->identified = awaits & key_bit(SM_IDENTITY_INFORMATION);
    sm_copy(&keys.peer, sm_peer(pairing), sizeof keys.peer);
    sm_copy(&given->ours.keys, &keys, sizeof keys);
    if (sm_is_resolvable(&keys.peer))
        keys.flags |= SM_SECRET_PRIVATE;
    sm_copy(&given->theirs.keys, &keys, sizeof keys);
    sm_wipe(&keys, sizeof keys);
    return go_on_distributing(pairing);
}

/* ---- The peer's ---- */

/*
 * Public or static, and not ours. Who came under an address of that kind is known by it, whatever he says. To others
 * the name of somebody who is known is given only if they have shown to the user who they are.
 */
static sm_result check_identity(const struct sm_pairing *pairing, struct bluet_address *identity)
{
    const struct sm *sm = pairing->sm;
    if (identity->type > BLUET_ADDRESS_RANDOM || sm_is_private(identity) || hci_address_equal(identity, &sm->identity))
        return SM_INVALID_PARAMETERS;
    if (!sm_is_private(sm_peer(pairing)))
        sm_copy(identity, sm_peer(pairing), sizeof *identity);
    const struct sm_bond *known = sm_bonds_find_identity(&sm->bonds, identity);
    if (!known || known == pairing->bond)
        return SM_SUCCESS;
    bool lesser = (known->flags & ~pairing->secret_flags & SM_SECRET_SECURE) || pairing->key_size < known->key_size;
    bool shown = pairing->secret_flags & SM_SECRET_AUTHENTICATED;
    return lesser || !shown ? SM_KEY_REJECTED : SM_SUCCESS;
}

/* One that was not agreed on, or is out of its place, is none. */
BLUET_INTERNAL sm_result sm_key_received(struct sm_pairing *pairing, uint8_t code, struct reader *pdu)
{
    struct sm_given *given = &pairing->work->given;
    uint8_t next = (uint8_t)(given->awaits & -given->awaits);
    sm_result result = SM_SUCCESS;
    if (key_bit(code) != next)
        return SM_UNSPECIFIED_REASON;
    const struct key_pdu *key = &key_pdus[code - SM_ENCRYPTION_INFORMATION];
    uint8_t *to = (uint8_t *)&given->theirs + key->place;
    given->awaits ^= next;
    given->theirs.keys.flags |= key->flag;
    read_octets(pdu, to, key->plain);
    read_reversed(pdu, to + key->plain, key->reversed);
    if (code == SM_ENCRYPTION_INFORMATION)
        sm_shorten(pairing, to);
    if (code == SM_IDENTITY_ADDRESS_INFORMATION)
        result = check_identity(pairing, &given->theirs.keys.peer);
    return result ? result : go_on_distributing(pairing);
}
