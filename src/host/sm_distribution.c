/* Keys that are given to each other once the link is encrypted (Vol 3 Part H, 2.4.3, 3.6). */
#include "host/sm_pairing.h"
#include "host/sm_signing.h"

/* The PDUs in the order in which they come. */
static uint8_t key_bit(uint8_t code)
{
    return (uint8_t)(1 << (code - SM_ENCRYPTION_INFORMATION));
}

/* Secure Connections have one key for both, which nobody has to send. */
static uint8_t keys_of(const struct sm_pairing *pairing, unsigned side)
{
    uint8_t keys = pairing->work->exchange.features[SM_RESPONDER][SM_FEATURE_INITIATOR_KEYS + side];
    return sm_is_secure(pairing) ? keys & (uint8_t)~SM_ENCRYPTION_KEY : keys;
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

static sm_result send_encryption_key(const struct sm_pairing *pairing, struct sm_keys *ours)
{
    uint8_t pdu[1 + 16] = {SM_CENTRAL_IDENTIFICATION};
    sm_random(pairing->sm, ours->ltk);
    sm_shorten(ours->ltk, pairing->key_size);
    sm_random(pairing->sm, pdu + 1);
    sm_copy(ours->ediv, pdu + 1, sizeof ours->ediv);
    sm_copy(ours->random, pdu + 3, sizeof ours->random);
    ours->flags |= SM_SECRET_LTK;
    sm_result result = sm_send_value(pairing, SM_ENCRYPTION_INFORMATION, ours->ltk);
    return result ? result : sm_send(pairing, pdu);
}

static sm_result send_identity(const struct sm_pairing *pairing)
{
    uint8_t pdu[1 + 7] = {SM_IDENTITY_ADDRESS_INFORMATION, pairing->sm->identity.type};
    sm_reverse(pdu + 2, pairing->sm->identity.octets, sizeof pairing->sm->identity.octets);
    sm_result result = sm_send_value(pairing, SM_IDENTITY_INFORMATION, pairing->sm->bonds.irk);
    return result ? result : sm_send(pairing, pdu);
}

static sm_result send_keys(const struct sm_pairing *pairing)
{
    struct sm_given *given = &pairing->work->given;
    sm_result result = SM_SUCCESS;
    if (given->sends & SM_ENCRYPTION_KEY)
        result = send_encryption_key(pairing, &given->ours);
    if (!result && (given->sends & SM_IDENTITY_KEY))
        result = send_identity(pairing);
    if (result || !(given->sends & SM_SIGNING_KEY))
        return result;
    sm_random(pairing->sm, given->ours.csrk);
    given->ours.flags |= SM_SECRET_CSRK;
    given->theirs.flags |= SM_SECRET_OWN_CSRK;
    return sm_send_value(pairing, SM_SIGNING_INFORMATION, given->ours.csrk);
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
    if (bond) {
        pairing->bond = bond;
        sm_copy(&link->identity, &bond->peer, sizeof bond->peer);
    }
    link->bonded = bond;
    link->key_known = pairing->bond;
}

/* The application hears of the pairing first, then of what is to be kept. */
static sm_result complete(struct sm_pairing *pairing)
{
    struct sm_work *work = pairing->work;
    work->kept = true;
    sm_copy(&work->given.ours.peer, &work->given.theirs.peer, sizeof work->given.ours.peer);
    pairing->link->bonded = pairing->bonding && sm_bonds_place(&pairing->sm->bonds, &work->given.theirs.peer);
    bool bonded = pairing->link->bonded;
    sm_end(pairing, SM_SUCCESS);
    if (bonded)
        keep_secrets(pairing, &work->given);
    sm_wipe(work, sizeof *work);
    return SM_SUCCESS;
}

static sm_result peers_keys_are_there(struct sm_pairing *pairing)
{
    sm_result result = pairing->side == SM_INITIATOR ? send_keys(pairing) : SM_SUCCESS;
    return result ? result : complete(pairing);
}

BLUET_INTERNAL sm_result sm_distribute(struct sm_pairing *pairing)
{
    struct sm_given *given = &pairing->work->given;
    struct sm_keys *theirs = &given->theirs;
    uint8_t ltk[16];
    uint8_t sends = keys_of(pairing, pairing->side);
    uint8_t receives = keys_of(pairing, sm_peer_side(pairing));
    sm_copy(ltk, pairing->work->exchange.secret + 16, sizeof ltk);
    sm_wipe(&pairing->work->exchange, sizeof pairing->work->exchange);
    theirs->flags = pairing->secret_flags;
    theirs->key_size = pairing->key_size;
    sm_copy(&theirs->peer, sm_peer(pairing), sizeof theirs->peer);
    if (sm_is_secure(pairing)) {
        theirs->flags |= SM_SECRET_LTK;
        sm_copy(theirs->ltk, ltk, sizeof ltk);
    }
    sm_wipe(ltk, sizeof ltk);
    sm_copy(&given->ours, theirs, sizeof *theirs);
    if (sm_is_resolvable(sm_peer(pairing)))
        theirs->flags |= SM_SECRET_PRIVATE;
    given->sends = sends;
    given->identified = receives & SM_IDENTITY_KEY;
    pairing->expected = expected_of(receives);
    sm_enter(pairing, SM_AWAIT_KEYS);
    sm_result result = pairing->side == SM_RESPONDER ? send_keys(pairing) : SM_SUCCESS;
    if (result || pairing->expected)
        return result;
    return peers_keys_are_there(pairing);
}

/* ---- The peer's ---- */

/*
 * Public or static, and not ours. Who came under an address of that kind is known by it, whatever he says. To others
 * the name of somebody who is known is given only if they have shown to the user who they are.
 */
static sm_result check_identity(const struct sm_pairing *pairing, struct bluet_address *identity)
{
    if (identity->type > BLUET_ADDRESS_RANDOM || sm_is_private(identity) ||
        hci_address_equal(identity, &pairing->sm->identity))
        return SM_INVALID_PARAMETERS;
    if (!sm_is_private(sm_peer(pairing)))
        sm_copy(identity, sm_peer(pairing), sizeof *identity);
    const struct sm_bond *known = sm_bonds_find_identity(&pairing->sm->bonds, identity);
    if (!known || known == pairing->bond)
        return SM_SUCCESS;
    bool lesser = (known->flags & ~pairing->secret_flags & SM_SECRET_SECURE) || pairing->key_size < known->key_size;
    bool shown = pairing->secret_flags & SM_SECRET_AUTHENTICATED;
    return lesser || !shown ? SM_KEY_REJECTED : SM_SUCCESS;
}

/* Where they go, by code from SM_ENCRYPTION_INFORMATION on. */
static const struct {
    uint8_t place; /* in struct sm_given */
    uint8_t length;
    uint8_t flag; /* enum sm_secret_flag */
} key_places[] = {{offsetof(struct sm_given, theirs.ltk), 16, SM_SECRET_LTK},
                  {offsetof(struct sm_given, theirs.ediv), 10, 0},
                  {offsetof(struct sm_given, irk), 16, 0},
                  {offsetof(struct sm_given, theirs.peer), 7, 0},
                  {offsetof(struct sm_given, theirs.csrk), 16, SM_SECRET_CSRK}};

static sm_result read_key(const struct sm_pairing *pairing, uint8_t code, struct reader *pdu)
{
    struct sm_given *given = &pairing->work->given;
    uint8_t place = key_places[code - SM_ENCRYPTION_INFORMATION].place;
    uint8_t length = key_places[code - SM_ENCRYPTION_INFORMATION].length;
    given->theirs.flags |= key_places[code - SM_ENCRYPTION_INFORMATION].flag;
    if (length == 16) {
        read_reversed(pdu, (uint8_t *)given + place, length);
    } else if (code == SM_CENTRAL_IDENTIFICATION) {
        read_octets(pdu, (uint8_t *)given + place, length);
    } else {
        given->theirs.peer.type = read_u8(pdu);
        read_reversed(pdu, given->theirs.peer.octets, sizeof given->theirs.peer.octets);
        return check_identity(pairing, &given->theirs.peer);
    }
    if (code == SM_ENCRYPTION_INFORMATION)
        sm_shorten(given->theirs.ltk, pairing->key_size);
    return SM_SUCCESS;
}

/* One that was not agreed on, or is out of its place, is none. */
BLUET_INTERNAL sm_result sm_key_received(struct sm_pairing *pairing, uint8_t code, struct reader *pdu)
{
    uint8_t next = (uint8_t)(pairing->expected & -pairing->expected);
    if (key_bit(code) != next)
        return SM_UNSPECIFIED_REASON;
    sm_result result = read_key(pairing, code, pdu);
    if (result)
        return result;
    pairing->expected &= (uint8_t)~next;
    sm_enter(pairing, SM_AWAIT_KEYS); /* the timer begins anew */
    return pairing->expected ? SM_SUCCESS : peers_keys_are_there(pairing);
}
