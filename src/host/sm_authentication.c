/*
 * Authentication: each side shows that it knows what the model gives, by a confirm value and the nonce that opens it
 * (Vol 3 Part H, 2.3.5.2 to 2.3.5.5, 2.3.5.6.2 to 2.3.5.6.4). Legacy Pairing does it once, Passkey Entry of Secure
 * Connections twenty times, a bit at a time.
 */
#include "host/sm_pairing.h"

enum { PASSKEY_ROUNDS = 20, PASSKEY_BIT = 0x80 };

BLUET_INTERNAL void sm_write_passkey(const struct sm_pairing *pairing, uint8_t out[16])
{
    memset(out, 0, 16);
    out[12] = (uint8_t)(pairing->passkey >> 24);
    out[13] = (uint8_t)(pairing->passkey >> 16);
    out[14] = (uint8_t)(pairing->passkey >> 8);
    out[15] = (uint8_t)pairing->passkey;
}

/* What goes into a confirm value of Secure Connections beside keys and nonce: nothing, or a bit of the passkey. */
static bool make_confirm(const struct sm_pairing *pairing, uint8_t out[16], unsigned side)
{
    const struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t bit = 0;
    if (!sm_is_secure(pairing))
        return BLUET_HAS_LEGACY_PAIRING && sm_legacy_confirm(pairing, out, side);
    if (sm_is_passkey_entry(pairing))
        bit = (uint8_t)(PASSKEY_BIT | (pairing->passkey >> exchange->round & 1));
    return sm_f4(out, exchange->x[side], exchange->x[side ^ 1], exchange->nonce[side], bit);
}

/* ---- Confirm ---- */

/* A peer that sends back what we send would need to know nothing. */
BLUET_INTERNAL sm_result sm_send_confirm(struct sm_pairing *pairing)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t confirm[16];
    bool initiator = pairing->side == SM_INITIATOR;
    sm_random(pairing->sm, exchange->nonce[pairing->side]);
    if (!make_confirm(pairing, confirm, pairing->side))
        return SM_UNSPECIFIED_REASON;
    if (!initiator && sm_is_equal(confirm, exchange->confirm, 16))
        return SM_CONFIRM_VALUE_FAILED;
    sm_enter(pairing, initiator ? SM_AWAIT_CONFIRM : SM_AWAIT_RANDOM);
    return sm_send_value(pairing, SM_PAIRING_CONFIRM, confirm);
}

static sm_result send_nonce(struct sm_pairing *pairing)
{
    sm_enter(pairing, SM_AWAIT_RANDOM);
    return sm_send_value(pairing, SM_PAIRING_RANDOM, pairing->work->exchange.nonce[pairing->side]);
}

/* Out of band: what the peer has sent is what it gave us before, if it gave anything (2.3.5.6.4). */
static bool is_committed(const struct sm_pairing *pairing)
{
    const uint8_t *x = pairing->work->exchange.x[sm_peer_side(pairing)];
    const struct sm_oob_peer *data = sm_oob_of_peer(pairing);
    uint8_t confirm[16];
    if (!pairing->oob_flagged)
        return true;
    return data && sm_f4(confirm, x, x, data->random, 0) && sm_is_equal(confirm, data->confirm, 16);
}

static uint8_t passkey_action(const struct sm_pairing *pairing)
{
    bool displays = pairing->model == SM_INITIATOR_DISPLAYS + pairing->side;
    if (!sm_is_passkey_entry(pairing))
        return BLUET_PASSKEY_ACTION_NONE;
    return displays ? BLUET_PASSKEY_ACTION_DISPLAY : BLUET_PASSKEY_ACTION_INPUT;
}

/* Where something has to be known, both confirm it, and first who begins; otherwise only the responder confirms. */
BLUET_INTERNAL sm_result sm_authenticate(struct sm_pairing *pairing)
{
    bool initiator = pairing->side == SM_INITIATOR;
    uint8_t action = passkey_action(pairing);
    bool both = action || !sm_is_secure(pairing);
    if (!both)
        sm_random(pairing->sm, pairing->work->exchange.nonce[pairing->side]);
    if (!both && pairing->model == SM_OUT_OF_BAND) {
        sm_enter(pairing, SM_AWAIT_RANDOM);
        /* No nonce leaves before the peer's key is known to be the peer's. */
        if (!is_committed(pairing))
            return SM_CONFIRM_VALUE_FAILED;
        return initiator ? send_nonce(pairing) : SM_SUCCESS;
    }
    if (!action && initiator == both)
        return sm_send_confirm(pairing);
    sm_enter(pairing, initiator && action ? SM_AWAIT_PASSKEY : SM_AWAIT_CONFIRM);
    sm_ask_user(pairing, action, 0);
    return SM_SUCCESS;
}

BLUET_INTERNAL sm_result sm_pairing_confirm(struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t own[16];
    read_reversed(pdu, exchange->confirm, sizeof exchange->confirm);
    if (pairing->side == SM_RESPONDER) {
        if (!sm_is_asking(pairing))
            return sm_send_confirm(pairing);
        sm_enter(pairing, SM_AWAIT_PASSKEY);
        return SM_SUCCESS;
    }
    if (!sm_is_secure(pairing) &&
        (!make_confirm(pairing, own, SM_INITIATOR) || sm_is_equal(own, exchange->confirm, 16)))
        return SM_CONFIRM_VALUE_FAILED;
    return send_nonce(pairing);
}

/* ---- Random ---- */

/* The peer has confirmed its nonce, unless it came out of band, or the peer began and knows nothing to confirm. */
static bool is_confirmed(const struct sm_pairing *pairing)
{
    const struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t confirm[16];
    if (sm_is_equal(exchange->nonce[SM_INITIATOR], exchange->nonce[SM_RESPONDER], 16))
        return false;
    if (sm_is_secure(pairing) &&
        (pairing->model == SM_OUT_OF_BAND || (!sm_is_passkey_entry(pairing) && pairing->side == SM_RESPONDER)))
        return true;
    return make_confirm(pairing, confirm, sm_peer_side(pairing)) && sm_is_equal(confirm, exchange->confirm, 16);
}

/* Both nonces of this round are there, and good. */
static sm_result end_round(struct sm_pairing *pairing)
{
    if (!sm_is_secure(pairing)) {
        if (BLUET_HAS_LEGACY_PAIRING && sm_make_short_term_key(pairing))
            return sm_key_is_made(pairing);
        return SM_UNSPECIFIED_REASON;
    }
    if (!sm_is_passkey_entry(pairing) || ++pairing->work->exchange.round == PASSKEY_ROUNDS)
        return sm_begin_check(pairing);
    if (pairing->side == SM_INITIATOR)
        return sm_send_confirm(pairing);
    sm_enter(pairing, SM_AWAIT_CONFIRM);
    return SM_SUCCESS;
}

BLUET_INTERNAL sm_result sm_pairing_random(struct sm_pairing *pairing, struct reader *pdu)
{
    read_reversed(pdu, pairing->work->exchange.nonce[sm_peer_side(pairing)], 16);
    if (!is_confirmed(pairing))
        return SM_CONFIRM_VALUE_FAILED;
    sm_result result = pairing->side == SM_RESPONDER ? send_nonce(pairing) : SM_SUCCESS;
    return result ? result : end_round(pairing);
}
