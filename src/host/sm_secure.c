/*
 * LE Secure Connections: public keys, the numbers that are compared, and the check that both have arrived at the same
 * (Vol 3 Part H, 2.3.5.6).
 */
#include "host/sm_pairing.h"

enum { KEY_TRIES = 4 };

/* ---- Public keys (2.3.5.6.1) ---- */

/* One number in four thousand million is no private key. */
BLUET_INTERNAL bool sm_new_key_pair(const struct sm *sm, uint8_t out_private[32], uint8_t out_public[64])
{
    bool done = false;
    for (unsigned tries = 0; !done && tries < KEY_TRIES; tries++) {
        sm_random(sm, out_private);
        sm_random(sm, out_private + 16);
        done = crypto_p256_public(out_public, out_private);
    }
    return done;
}

/* A peer that has been given our data has been given our key, too; otherwise each pairing has one of its own. */
static bool make_key_pair(const struct sm_pairing *pairing, uint8_t out_public[64])
{
    uint8_t *private_key = pairing->work->exchange.secret;
    if (!pairing->oob_known)
        return sm_new_key_pair(pairing->sm, private_key, out_public);
    if (!sm_oob_has_own(pairing->sm))
        return false;
    sm_copy(private_key, pairing->sm->oob->private_key, 32);
    return crypto_p256_public(out_public, private_key);
}

static sm_result send_public_key(const struct sm_pairing *pairing)
{
    uint8_t key[64];
    uint8_t pdu[65] = {SM_PAIRING_PUBLIC_KEY};
    if (!make_key_pair(pairing, key))
        return SM_UNSPECIFIED_REASON;
    sm_copy(pairing->work->exchange.x[pairing->side], key, 32);
    sm_reverse(pdu + 1, key, 32);
    sm_reverse(pdu + 33, key + 32, 32);
    return sm_send(pairing, pdu);
}

/* The one of which everybody knows the private key (2.3.5.6.1) has this x. */
static bool is_debug_key(const uint8_t x[32])
{
    static const uint8_t debug_x[8] = {0x20, 0xb0, 0x03, 0xd2, 0xf2, 0x97, 0xbe, 0x2c};
    return memcmp(x, debug_x, sizeof debug_x) == 0;
}

BLUET_INTERNAL sm_result sm_secure_begin(struct sm_pairing *pairing)
{
    sm_enter(pairing, SM_AWAIT_PUBLIC_KEY);
    return pairing->side == SM_INITIATOR ? send_public_key(pairing) : SM_SUCCESS;
}

/* A key with our own x is ours, sent back, or its mirror image: its owner knows no secret of ours, but needs none. */
BLUET_INTERNAL sm_result sm_public_key(struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t peer[64];
    read_reversed(pdu, peer, 32);
    read_reversed(pdu, peer + 32, 32);
    sm_copy(exchange->x[sm_peer_side(pairing)], peer, 32);
    sm_result result = pairing->side == SM_RESPONDER ? send_public_key(pairing) : SM_SUCCESS;
    if (result)
        return result;
    if (is_debug_key(peer) || memcmp(exchange->x[SM_INITIATOR], exchange->x[SM_RESPONDER], 32) == 0 ||
        !crypto_p256_agree(exchange->secret, exchange->secret, peer))
        return SM_INVALID_PARAMETERS;
    return sm_authenticate(pairing);
}

/* ---- DHKey check (2.3.5.6.5) ---- */

/* Of that side: it proves the knowledge of the passkey, or of the random that came out of band. */
static bool make_check(const struct sm_pairing *pairing, uint8_t out[16], unsigned side)
{
    const struct sm_oob_peer *data = sm_oob_of_peer(pairing);
    bool own = side == pairing->side;
    uint8_t r[16];
    sm_write_passkey(pairing, r);
    if (own && pairing->oob_flagged && data)
        sm_copy(r, data->random, 16);
    if (!own && pairing->oob_known && sm_oob_has_own(pairing->sm))
        sm_copy(r, pairing->sm->oob->random, 16);
    bool done = sm_f6(out, &pairing->work->exchange, pairing->ends, side, r);
    sm_wipe(r, sizeof r);
    return done;
}

static sm_result send_check(const struct sm_pairing *pairing)
{
    uint8_t check[16];
    if (!make_check(pairing, check, pairing->side))
        return SM_UNSPECIFIED_REASON;
    return sm_send_value(pairing, SM_PAIRING_DHKEY_CHECK, check);
}

static sm_result make_keys(struct sm_pairing *pairing)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    if (!sm_f5(exchange, pairing->ends))
        return SM_UNSPECIFIED_REASON;
    sm_shorten(pairing, exchange->secret + 16);
    sm_enter(pairing, SM_AWAIT_DHKEY_CHECK);
    return pairing->side == SM_INITIATOR ? send_check(pairing) : SM_SUCCESS;
}

/* Who begins sends its check when its user has agreed; the other answers when its own has. */
BLUET_INTERNAL sm_result sm_begin_check(struct sm_pairing *pairing)
{
    uint32_t number;
    if (pairing->model != SM_NUMERIC_COMPARISON)
        return make_keys(pairing);
    if (!sm_g2(&number, &pairing->work->exchange))
        return SM_UNSPECIFIED_REASON;
    sm_result result = SM_SUCCESS;
    if (pairing->side == SM_INITIATOR)
        sm_enter(pairing, SM_AWAIT_COMPARISON);
    else
        result = make_keys(pairing);
    if (!result)
        sm_ask_user(pairing, BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON, number);
    return result;
}

BLUET_INTERNAL sm_result sm_check(struct sm_pairing *pairing)
{
    const struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t expected[16];
    if (pairing->side == SM_INITIATOR && pairing->state == SM_AWAIT_COMPARISON)
        return make_keys(pairing);
    if (!make_check(pairing, expected, sm_peer_side(pairing)) || !sm_is_equal(expected, exchange->confirm, 16))
        return SM_DHKEY_CHECK_FAILED;
    sm_result result = pairing->side == SM_RESPONDER ? send_check(pairing) : SM_SUCCESS;
    return result ? result : sm_key_is_made(pairing);
}

BLUET_INTERNAL sm_result sm_dhkey_check(struct sm_pairing *pairing, struct reader *pdu)
{
    read_reversed(pdu, pairing->work->exchange.confirm, 16);
    if (!sm_is_asking(pairing))
        return sm_check(pairing);
    sm_enter(pairing, SM_AWAIT_COMPARISON);
    return SM_SUCCESS;
}
