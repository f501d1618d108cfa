/* LE Legacy Pairing: both prove that they know the temporary key (Vol 3 Part H, 2.3.5.2 to 2.3.5.5). */
#include "host/sm_pairing.h"

/*
 * Just Works knows zeros only; otherwise it is the passkey, or has come out of band. False: what has come the
 * application has taken back meanwhile.
 */
static bool write_temporary_key(const struct sm *sm, const struct sm_pairing *pairing, uint8_t out[16])
{
    struct writer writer = writer_of(out, 16);
    if (pairing->model == SM_OUT_OF_BAND) {
        const struct bluet_oob *data = sm_oob_of_peer(sm, pairing);
        if (data)
            write_reversed(&writer, data->temporary_key, sizeof data->temporary_key);
        return data && data->legacy;
    }
    write_zeros(&writer, 12);
    for (unsigned i = 4; i-- > 0;)
        write_u8(&writer, (uint8_t)(pairing->passkey >> 8 * i));
    return true;
}

static bool confirm_of(const struct sm *sm, const struct sm_pairing *pairing, uint8_t out[16], const uint8_t random[16])
{
    uint8_t temporary_key[16];
    const struct sm_parties parties = sm_parties_of(pairing);
    bool done = write_temporary_key(sm, pairing, temporary_key) &&
                sm_c1(out, temporary_key, random, pairing->work->request, pairing->work->response, &parties);
    crypto_wipe(temporary_key, sizeof temporary_key);
    return done;
}

static bool short_term_key(const struct sm *sm, struct sm_pairing *pairing)
{
    const struct sm_exchange *exchange = &pairing->work->exchange;
    bool central = pairing->link->central;
    const uint8_t *initiator = central ? exchange->own_nonce : exchange->peer_nonce;
    const uint8_t *responder = central ? exchange->peer_nonce : exchange->own_nonce;
    uint8_t temporary_key[16];
    bool done = write_temporary_key(sm, pairing, temporary_key) &&
                sm_s1(pairing->work->key, temporary_key, responder, initiator);
    crypto_wipe(temporary_key, sizeof temporary_key);
    sm_shorten(pairing->work->key, pairing->key_size);
    return done;
}

static void send_legacy_confirm(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t confirm[16];
    sm_random(sm, pairing->work->exchange.own_nonce, sizeof pairing->work->exchange.own_nonce);
    if (!confirm_of(sm, pairing, confirm, pairing->work->exchange.own_nonce))
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
    else if (!pairing->link->central && crypto_equal(confirm, pairing->work->exchange.peer_confirm, sizeof confirm))
        sm_fail(sm, pairing, SM_CONFIRM_VALUE_FAILED);
    else if (sm_send_value(sm, pairing, SM_PAIRING_CONFIRM, confirm))
        sm_enter(sm, pairing, pairing->link->central ? SM_AWAIT_LEGACY_CONFIRM : SM_AWAIT_LEGACY_RANDOM);
}

BLUET_INTERNAL void sm_legacy_begin(struct sm *sm, struct sm_pairing *pairing)
{
    if (pairing->link->central) {
        sm_enter(sm, pairing, SM_AWAIT_USER);
        pairing->resume = send_legacy_confirm;
    } else {
        sm_enter(sm, pairing, SM_AWAIT_LEGACY_CONFIRM);
    }
    sm_ask_user(sm, pairing, sm_passkey_action(pairing), 0);
}

BLUET_INTERNAL void sm_legacy_confirm(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    read_reversed(pdu, exchange->peer_confirm, sizeof exchange->peer_confirm);
    if (!pairing->link->central) {
        sm_await_user(sm, pairing, send_legacy_confirm);
        return;
    }
    /* A peer that sends back what we sent would need no passkey. */
    uint8_t own[16];
    if (!confirm_of(sm, pairing, own, exchange->own_nonce) || crypto_equal(own, exchange->peer_confirm, sizeof own))
        sm_fail(sm, pairing, SM_CONFIRM_VALUE_FAILED);
    else if (sm_send_value(sm, pairing, SM_PAIRING_RANDOM, exchange->own_nonce))
        sm_enter(sm, pairing, SM_AWAIT_LEGACY_RANDOM);
}

BLUET_INTERNAL void sm_legacy_random(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t confirm[16];
    read_reversed(pdu, exchange->peer_nonce, sizeof exchange->peer_nonce);
    if (!confirm_of(sm, pairing, confirm, exchange->peer_nonce) ||
        !crypto_equal(confirm, exchange->peer_confirm, sizeof confirm) ||
        crypto_equal(exchange->own_nonce, exchange->peer_nonce, sizeof exchange->own_nonce)) {
        sm_fail(sm, pairing, SM_CONFIRM_VALUE_FAILED);
        return;
    }
    if (!short_term_key(sm, pairing))
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
    else if (pairing->link->central || sm_send_value(sm, pairing, SM_PAIRING_RANDOM, exchange->own_nonce))
        sm_key_is_made(sm, pairing);
}
