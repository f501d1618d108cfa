/* Keys that are given to each other once the link is encrypted (Vol 3 Part H, 2.4.3, 3.6). */
#include "host/sm_pairing.h"

enum { FEATURE_INITIATOR_KEYS = 5, FEATURE_RESPONDER_KEYS = 6 };

/* The PDUs in the order in which they come. */
static uint8_t key_bit(uint8_t code)
{
    return (uint8_t)(1 << (code - SM_ENCRYPTION_INFORMATION));
}

static uint8_t keys_of(const struct sm_pairing *pairing, bool initiator)
{
    uint8_t keys = pairing->work->response[initiator ? FEATURE_INITIATOR_KEYS : FEATURE_RESPONDER_KEYS];
    /* Secure Connections have one key for both, which nobody has to send. */
    if (pairing->secret_flags & SM_SECRET_SECURE)
        keys &= (uint8_t)~SM_ENCRYPTION_KEY;
    return keys;
}

static uint8_t expected_of(uint8_t keys)
{
    uint8_t expected = 0;
    if (keys & SM_ENCRYPTION_KEY)
        expected |= key_bit(SM_ENCRYPTION_INFORMATION) | key_bit(SM_CENTRAL_IDENTIFICATION);
    if (keys & SM_IDENTITY_KEY)
        expected |= key_bit(SM_IDENTITY_INFORMATION) | key_bit(SM_IDENTITY_ADDRESS_INFORMATION);
    if (keys & SM_SIGNING_KEY)
        expected |= key_bit(SM_SIGNING_INFORMATION);
    return expected;
}

/* ---- Ours ---- */

static bool send_encryption_key(struct sm *sm, struct sm_pairing *pairing, struct sm_keys *ours)
{
    uint8_t octets[10];
    struct writer writer = writer_of(octets, sizeof octets);
    sm_random(sm, ours->ltk, sizeof ours->ltk);
    sm_shorten(ours->ltk, pairing->key_size);
    sm_random(sm, octets, sizeof octets);
    ours->ediv = (uint16_t)(octets[0] | octets[1] << 8);
    memcpy(ours->random, octets + 2, sizeof ours->random);
    ours->flags |= SM_SECRET_LTK;
    write_u16(&writer, ours->ediv);
    write_octets(&writer, ours->random, sizeof ours->random);
    return sm_send_value(sm, pairing, SM_ENCRYPTION_INFORMATION, ours->ltk) &&
           sm_send(sm, pairing, SM_CENTRAL_IDENTIFICATION, &writer);
}

static bool send_identity(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t octets[7];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u8(&writer, sm->identity.type);
    write_reversed(&writer, sm->identity.octets, sizeof sm->identity.octets);
    return sm_send_value(sm, pairing, SM_IDENTITY_INFORMATION, sm->bonds.irk) &&
           sm_send(sm, pairing, SM_IDENTITY_ADDRESS_INFORMATION, &writer);
}

static bool send_keys(struct sm *sm, struct sm_pairing *pairing)
{
    struct sm_keys *ours = &pairing->work->distribution.ours;
    uint8_t keys = keys_of(pairing, pairing->link->central);
    if ((keys & SM_ENCRYPTION_KEY) && !send_encryption_key(sm, pairing, ours))
        return false;
    if ((keys & SM_IDENTITY_KEY) && !send_identity(sm, pairing))
        return false;
    if (!(keys & SM_SIGNING_KEY))
        return true;
    sm_random(sm, ours->csrk, sizeof ours->csrk);
    ours->flags |= SM_SECRET_CSRK;
    return sm_send_value(sm, pairing, SM_SIGNING_INFORMATION, ours->csrk);
}

/* ---- The end ---- */

static struct sm_secret secret_of(const struct sm_keys *keys, const struct bluet_address *peer, uint8_t key_size)
{
    struct sm_secret secret = {.peer = *peer, .flags = keys->flags, .key_size = key_size, .ediv = keys->ediv};
    memcpy(secret.random, keys->random, sizeof secret.random);
    memcpy(secret.ltk, keys->ltk, sizeof secret.ltk);
    memcpy(secret.csrk, keys->csrk, sizeof secret.csrk);
    return secret;
}

static void keep_secrets(struct sm *sm, struct sm_pairing *pairing, const struct sm_secret *ours,
                         const struct sm_secret *theirs)
{
    sm_bonds_settle(&sm->bonds, sm->links->hci); /* what was deleted comes before what is kept anew */
    struct sm_bond *bond = sm_bonds_keep(&sm->bonds, ours, theirs);
    pairing->own_signing.known = pairing->peer_signing.known = false;
    if (!pairing->link)
        return;
    if (bond) {
        pairing->bond = bond;
        pairing->link->identity = bond->peer;
    }
    pairing->link->bonded = bond;
    pairing->link->key_known = pairing->bond;
}

/* The application hears of the pairing first, then of what is to be kept. */
static void complete(struct sm *sm, struct sm_pairing *pairing)
{
    struct link *link = pairing->link;
    const struct sm_given *given = &pairing->work->distribution;
    struct sm_secret ours = secret_of(&given->ours, &given->identity, pairing->key_size);
    struct sm_secret theirs = secret_of(&given->theirs, &given->identity, pairing->key_size);
    bool bonding = pairing->bonding;
    link->bonded = bonding;
    theirs.tail_length = given->identified ? sizeof given->irk : 0;
    memcpy(theirs.tail, given->irk, sizeof given->irk);
    if (ours.flags & SM_SECRET_CSRK)
        theirs.flags |= SM_SECRET_OWN_CSRK;
    if (bonding)
        ours.tail_length = sm->keeper.save(sm->keeper.context, link, ours.tail);
    sm_end(sm, pairing, SM_SUCCESS);
    if (bonding)
        keep_secrets(sm, pairing, &ours, &theirs);
    crypto_wipe(&ours, sizeof ours);
    crypto_wipe(&theirs, sizeof theirs);
}

static void peers_keys_are_there(struct sm *sm, struct sm_pairing *pairing)
{
    if (!pairing->link->central || send_keys(sm, pairing))
        complete(sm, pairing);
}

BLUET_INTERNAL void sm_distribute(struct sm *sm, struct sm_pairing *pairing)
{
    struct sm_given *keys = &pairing->work->distribution;
    *keys = (struct sm_given){0};
    keys->ours.flags = keys->theirs.flags = pairing->secret_flags;
    keys->identity = pairing->peer;
    if (pairing->secret_flags & SM_SECRET_SECURE) {
        memcpy(keys->ours.ltk, pairing->work->key, sizeof keys->ours.ltk);
        memcpy(keys->theirs.ltk, pairing->work->key, sizeof keys->theirs.ltk);
        keys->ours.flags = keys->theirs.flags |= SM_SECRET_LTK;
    }
    if (sm_is_resolvable(&pairing->peer))
        keys->theirs.flags |= SM_SECRET_PRIVATE;
    crypto_wipe(pairing->work->key, sizeof pairing->work->key);
    pairing->expected = expected_of(keys_of(pairing, !pairing->link->central));
    sm_enter(sm, pairing, SM_AWAIT_KEYS);
    if (!pairing->link->central && !send_keys(sm, pairing))
        return;
    if (!pairing->expected)
        peers_keys_are_there(sm, pairing);
}

/* ---- The peer's ---- */

/*
 * Public or static, and not ours. Who came under an address of that kind is known by it, whatever he says. To others
 * the name of somebody who is known is given only if they have shown to the user who they are.
 */
static enum sm_reason check_identity(const struct sm *sm, const struct sm_pairing *pairing,
                                     struct bluet_address *identity)
{
    if (identity->type > BLUET_ADDRESS_RANDOM || sm_is_private(identity) || hci_address_equal(identity, &sm->identity))
        return SM_INVALID_PARAMETERS;
    if (!sm_is_private(&pairing->peer))
        *identity = pairing->peer;
    const struct sm_bond *known = sm_bonds_find_identity(&sm->bonds, identity);
    if (!known || known == pairing->bond)
        return SM_SUCCESS;
    bool lesser = (known->flags & ~pairing->secret_flags & SM_SECRET_SECURE) || pairing->key_size < known->key_size;
    bool shown = pairing->secret_flags & SM_SECRET_AUTHENTICATED;
    return lesser || !shown ? SM_KEY_REJECTED : SM_SUCCESS;
}

static enum sm_reason read_key(struct sm *sm, struct sm_pairing *pairing, uint8_t code, struct reader *pdu)
{
    struct sm_given *given = &pairing->work->distribution;
    struct sm_keys *theirs = &given->theirs;
    switch (code) {
    case SM_ENCRYPTION_INFORMATION:
        read_reversed(pdu, theirs->ltk, sizeof theirs->ltk);
        sm_shorten(theirs->ltk, pairing->key_size);
        theirs->flags |= SM_SECRET_LTK;
        return SM_SUCCESS;
    case SM_CENTRAL_IDENTIFICATION:
        theirs->ediv = read_u16(pdu);
        read_octets(pdu, theirs->random, sizeof theirs->random);
        return SM_SUCCESS;
    case SM_IDENTITY_INFORMATION:
        given->identified = true;
        read_reversed(pdu, given->irk, sizeof given->irk);
        return SM_SUCCESS;
    case SM_IDENTITY_ADDRESS_INFORMATION:
        given->identity.type = read_u8(pdu);
        read_reversed(pdu, given->identity.octets, sizeof given->identity.octets);
        return check_identity(sm, pairing, &given->identity);
    default:
        read_reversed(pdu, theirs->csrk, sizeof theirs->csrk);
        theirs->flags |= SM_SECRET_CSRK;
        return SM_SUCCESS;
    }
}

/* One that was not agreed on, or is out of its place, is none. */
BLUET_INTERNAL void sm_key_received(struct sm *sm, struct sm_pairing *pairing, uint8_t code, struct reader *pdu)
{
    uint8_t next = (uint8_t)(pairing->expected & -pairing->expected);
    enum sm_reason reason = SM_UNSPECIFIED_REASON;
    if (key_bit(code) == next)
        reason = read_key(sm, pairing, code, pdu);
    if (reason) {
        sm_fail(sm, pairing, reason);
        return;
    }
    pairing->expected &= (uint8_t)~next;
    sm_enter(sm, pairing, SM_AWAIT_KEYS); /* the timer begins anew */
    if (!pairing->expected)
        peers_keys_are_there(sm, pairing);
}
