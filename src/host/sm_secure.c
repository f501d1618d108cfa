/*
 * LE Secure Connections: public keys, authentication by what the model gives, and the check that both have arrived at
 * the same (Vol 3 Part H, 2.3.5.6).
 */
#include "host/sm_pairing.h"

enum { PASSKEY_ROUNDS = 20, PASSKEY_BIT = 0x80, KEY_TRIES = 4 };

/* ---- Public keys (2.3.5.6.1) ---- */

/* One number in four thousand million is no private key. */
BLUET_INTERNAL bool sm_new_key_pair(const struct sm *sm, uint8_t out_private[32], uint8_t out_public[64])
{
    bool done = false;
    for (unsigned tries = 0; !done && tries < KEY_TRIES; tries++) {
        sm_random(sm, out_private, 32);
        done = crypto_p256_public(out_public, out_private);
    }
    return done;
}

/* A peer that has been given our data has been given our key, too; otherwise each pairing has one of its own. */
static bool make_key_pair(const struct sm *sm, const struct sm_pairing *pairing, uint8_t out_public[64])
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    bool done = false;
    if (!sm_is_flagged(pairing, false)) {
        done = sm_new_key_pair(sm, exchange->secret, out_public);
    } else if (sm_oob_has_own(sm)) {
        memcpy(exchange->secret, sm->oob->private_key, sizeof exchange->secret);
        done = crypto_p256_public(out_public, exchange->secret);
    }
    memcpy(exchange->own_x, out_public, sizeof exchange->own_x);
    return done;
}

static bool send_public_key(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t key[64];
    uint8_t octets[64];
    struct writer writer = writer_of(octets, sizeof octets);
    if (!make_key_pair(sm, pairing, key)) {
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
        return false;
    }
    write_reversed(&writer, key, 32);
    write_reversed(&writer, key + 32, 32);
    return sm_send(sm, pairing, SM_PAIRING_PUBLIC_KEY, &writer);
}

/* The one of which everybody knows the private key (2.3.5.6.1) has this x. */
static bool is_debug_key(const uint8_t x[32])
{
    static const uint8_t debug_x[8] = {0x20, 0xb0, 0x03, 0xd2, 0xf2, 0x97, 0xbe, 0x2c};
    return memcmp(x, debug_x, sizeof debug_x) == 0;
}

BLUET_INTERNAL void sm_secure_begin(struct sm *sm, struct sm_pairing *pairing)
{
    if (!pairing->link->central || send_public_key(sm, pairing))
        sm_enter(sm, pairing, SM_AWAIT_PUBLIC_KEY);
}

/* ---- Confirm and random (2.3.5.6.2, 2.3.5.6.3) ---- */

/* What goes into a confirm value beside keys and nonce: nothing, or a bit of the passkey. */
static uint8_t round_bit(const struct sm_pairing *pairing)
{
    if (!sm_is_passkey_entry(pairing))
        return 0;
    return (uint8_t)(PASSKEY_BIT | (pairing->passkey >> pairing->work->exchange.round & 1));
}

/* Out of band: what the peer has sent is what it gave us before, if it gave anything (2.3.5.6.4). */
static bool is_committed(const struct sm *sm, const struct sm_pairing *pairing)
{
    const uint8_t *peer_x = pairing->work->exchange.peer_x;
    const struct bluet_oob *data = sm_oob_of_peer(sm, pairing);
    uint8_t random[16], expected[16], confirm[16];
    if (!sm_is_flagged(pairing, true))
        return true;
    if (!data)
        return false;
    struct reader reader = reader_of(data->confirm, sizeof data->confirm);
    read_reversed(&reader, expected, sizeof expected);
    reader = reader_of(data->random, sizeof data->random);
    read_reversed(&reader, random, sizeof random);
    bool good = sm_f4(confirm, peer_x, peer_x, random, 0) && crypto_equal(confirm, expected, sizeof expected);
    crypto_wipe(random, sizeof random);
    return good;
}

/* No nonce leaves before the peer's key is known to be the peer's. */
static void exchange_nonces(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t *nonce = pairing->work->exchange.own_nonce;
    sm_random(sm, nonce, 16);
    if (!is_committed(sm, pairing))
        sm_fail(sm, pairing, SM_CONFIRM_VALUE_FAILED);
    else if (!pairing->link->central || sm_send_value(sm, pairing, SM_PAIRING_RANDOM, nonce))
        sm_enter(sm, pairing, SM_AWAIT_SECURE_RANDOM);
}

static void send_confirm(struct sm *sm, struct sm_pairing *pairing)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t confirm[16];
    sm_random(sm, exchange->own_nonce, sizeof exchange->own_nonce);
    if (!sm_f4(confirm, exchange->own_x, exchange->peer_x, exchange->own_nonce, round_bit(pairing)))
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
    else if (sm_send_value(sm, pairing, SM_PAIRING_CONFIRM, confirm))
        sm_enter(sm, pairing, pairing->link->central ? SM_AWAIT_SECURE_CONFIRM : SM_AWAIT_SECURE_RANDOM);
}

/* Both keys are there. */
static void authenticate(struct sm *sm, struct sm_pairing *pairing)
{
    bool central = pairing->link->central;
    pairing->work->exchange.round = 0;
    if (sm_is_passkey_entry(pairing)) {
        sm_enter(sm, pairing, central ? SM_AWAIT_USER : SM_AWAIT_SECURE_CONFIRM);
        pairing->resume = central ? send_confirm : NULL;
        sm_ask_user(sm, pairing, sm_passkey_action(pairing), 0);
    } else if (pairing->model == SM_OUT_OF_BAND) {
        exchange_nonces(sm, pairing);
    } else if (central) {
        sm_random(sm, pairing->work->exchange.own_nonce, sizeof pairing->work->exchange.own_nonce);
        sm_enter(sm, pairing, SM_AWAIT_SECURE_CONFIRM);
    } else {
        send_confirm(sm, pairing);
    }
}

/* A key with our own x is ours, sent back, or its mirror image: its owner knows no secret of ours, but needs none. */
BLUET_INTERNAL void sm_public_key(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t peer[64];
    uint8_t dhkey[32];
    read_reversed(pdu, peer, 32);
    read_reversed(pdu, peer + 32, 32);
    if (!pairing->link->central && !send_public_key(sm, pairing))
        return;
    if (is_debug_key(peer) || memcmp(peer, exchange->own_x, sizeof exchange->own_x) == 0 ||
        !crypto_p256_agree(dhkey, exchange->secret, peer)) {
        sm_fail(sm, pairing, SM_INVALID_PARAMETERS);
        return;
    }
    memcpy(exchange->peer_x, peer, sizeof exchange->peer_x);
    memcpy(exchange->secret, dhkey, sizeof exchange->secret);
    crypto_wipe(dhkey, sizeof dhkey);
    authenticate(sm, pairing);
}

BLUET_INTERNAL void sm_secure_confirm(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    /* Where nobody types, only the responder has something to confirm. */
    if (!sm_is_passkey_entry(pairing) && !pairing->link->central) {
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
        return;
    }
    read_reversed(pdu, exchange->peer_confirm, sizeof exchange->peer_confirm);
    if (!pairing->link->central)
        sm_await_user(sm, pairing, send_confirm);
    else if (sm_send_value(sm, pairing, SM_PAIRING_RANDOM, exchange->own_nonce))
        sm_enter(sm, pairing, SM_AWAIT_SECURE_RANDOM);
}

/* ---- DHKey check (2.3.5.6.5) ---- */

/* What the check proves the knowledge of: the passkey, or the random of who is checked against (2.3.5.6.5). */
static void write_shared(const struct sm *sm, const struct sm_pairing *pairing, uint8_t out[16], bool own)
{
    const struct bluet_oob *data = sm_oob_of_peer(sm, pairing);
    for (size_t i = 0; sm_is_passkey_entry(pairing) && i < 4; i++)
        out[15 - i] = (uint8_t)(pairing->passkey >> 8 * i);
    if (pairing->model != SM_OUT_OF_BAND || !sm_is_flagged(pairing, own))
        return;
    for (size_t i = 0; own && data && i < 16; i++)
        out[i] = data->random[15 - i];
    if (!own && sm_oob_has_own(sm))
        memcpy(out, sm->oob->random, 16);
}

/* Ours, or with `own` false the peer's, which has everything the other way round. */
static bool dhkey_check(const struct sm *sm, const struct sm_pairing *pairing, uint8_t out[16], bool own)
{
    const struct sm_exchange *exchange = &pairing->work->exchange;
    const uint8_t *features = own == pairing->link->central ? pairing->work->request : pairing->work->response;
    const uint8_t io[3] = {features[3], features[2], features[1]};
    uint8_t r[16] = {0};
    write_shared(sm, pairing, r, own);
    const struct sm_parties parties =
        own ? (struct sm_parties){pairing->own, pairing->peer} : (struct sm_parties){pairing->peer, pairing->own};
    const uint8_t *first = own ? exchange->own_nonce : exchange->peer_nonce;
    const uint8_t *second = own ? exchange->peer_nonce : exchange->own_nonce;
    bool done = sm_f6(out, exchange->secret, first, second, r, io, &parties);
    crypto_wipe(r, sizeof r);
    return done;
}

/* The DHKey gives way to MacKey, for this is what it was for. */
static bool make_keys(struct sm_pairing *pairing)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    bool central = pairing->link->central;
    const struct sm_parties parties = sm_parties_of(pairing);
    uint8_t mac_key[16] = {0};
    bool done =
        sm_f5(mac_key, pairing->work->key, exchange->secret, central ? exchange->own_nonce : exchange->peer_nonce,
              central ? exchange->peer_nonce : exchange->own_nonce, &parties);
    crypto_wipe(exchange->secret, sizeof exchange->secret);
    memcpy(exchange->secret, mac_key, sizeof mac_key);
    crypto_wipe(mac_key, sizeof mac_key);
    sm_shorten(pairing->work->key, pairing->key_size);
    return done;
}

static bool send_check(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t check[16];
    if (dhkey_check(sm, pairing, check, true))
        return sm_send_value(sm, pairing, SM_PAIRING_DHKEY_CHECK, check);
    sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
    return false;
}

static void begin_check(struct sm *sm, struct sm_pairing *pairing)
{
    if (!make_keys(pairing))
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
    else if (!pairing->link->central || send_check(sm, pairing))
        sm_enter(sm, pairing, SM_AWAIT_DHKEY_CHECK);
}

static void compare_numbers(struct sm *sm, struct sm_pairing *pairing)
{
    const struct sm_exchange *exchange = &pairing->work->exchange;
    bool central = pairing->link->central;
    uint32_t number;
    if (!sm_g2(&number, central ? exchange->own_x : exchange->peer_x, central ? exchange->peer_x : exchange->own_x,
               central ? exchange->own_nonce : exchange->peer_nonce,
               central ? exchange->peer_nonce : exchange->own_nonce)) {
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
        return;
    }
    if (central) {
        sm_enter(sm, pairing, SM_AWAIT_USER);
        pairing->resume = begin_check;
    } else {
        begin_check(sm, pairing);
    }
    if (pairing->state == SM_AWAIT_USER || pairing->state == SM_AWAIT_DHKEY_CHECK)
        sm_ask_user(sm, pairing, BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON, number);
}

/* Both nonces of this round are there, and good. */
static void round_ended(struct sm *sm, struct sm_pairing *pairing)
{
    if (sm_is_passkey_entry(pairing) && ++pairing->work->exchange.round < PASSKEY_ROUNDS) {
        if (pairing->link->central)
            send_confirm(sm, pairing);
        else
            sm_enter(sm, pairing, SM_AWAIT_SECURE_CONFIRM);
    } else if (pairing->model == SM_NUMERIC_COMPARISON) {
        compare_numbers(sm, pairing);
    } else {
        begin_check(sm, pairing);
    }
}

/* Just Works and comparison: the initiator has confirmed nothing. Out of band: both have, before. */
static bool is_confirmed(const struct sm_pairing *pairing)
{
    const struct sm_exchange *exchange = &pairing->work->exchange;
    if (crypto_equal(exchange->own_nonce, exchange->peer_nonce, sizeof exchange->own_nonce))
        return false;
    if (pairing->model == SM_OUT_OF_BAND || (!sm_is_passkey_entry(pairing) && !pairing->link->central))
        return true;
    uint8_t confirm[16];
    return sm_f4(confirm, exchange->peer_x, exchange->own_x, exchange->peer_nonce, round_bit(pairing)) &&
           crypto_equal(confirm, exchange->peer_confirm, sizeof confirm);
}

BLUET_INTERNAL void sm_secure_random(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    read_reversed(pdu, exchange->peer_nonce, sizeof exchange->peer_nonce);
    if (!is_confirmed(pairing))
        sm_fail(sm, pairing, SM_CONFIRM_VALUE_FAILED);
    else if (pairing->link->central || sm_send_value(sm, pairing, SM_PAIRING_RANDOM, exchange->own_nonce))
        round_ended(sm, pairing);
}

static void compare_check(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t expected[16];
    if (!dhkey_check(sm, pairing, expected, false) ||
        !crypto_equal(expected, pairing->work->exchange.peer_confirm, sizeof expected))
        sm_fail(sm, pairing, SM_DHKEY_CHECK_FAILED);
    else if (pairing->link->central || send_check(sm, pairing))
        sm_key_is_made(sm, pairing);
}

BLUET_INTERNAL void sm_dhkey_check(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    read_reversed(pdu, pairing->work->exchange.peer_confirm, sizeof pairing->work->exchange.peer_confirm);
    sm_await_user(sm, pairing, compare_check);
}
