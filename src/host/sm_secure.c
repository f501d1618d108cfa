/*
 * LE Secure Connections: public keys, authentication by what the model gives, and the check that both have arrived at
 * the same (Vol 3 Part H, 2.3.5.6).
 */
#include "host/sm_pairing.h"

enum { PASSKEY_ROUNDS = 20, PASSKEY_BIT = 0x80, KEY_TRIES = 4 };

/* ---- Public keys (2.3.5.6.1) ---- */

static bool make_key_pair(struct sm *sm, struct sm_exchange *exchange, uint8_t out_public[64])
{
    /* One number in four thousand million is no private key. */
    for (unsigned tries = 0; tries < KEY_TRIES; tries++) {
        sm_random(sm, exchange->secret, sizeof exchange->secret);
        if (crypto_p256_public(out_public, exchange->secret)) {
            memcpy(exchange->own_x, out_public, sizeof exchange->own_x);
            return true;
        }
    }
    return false;
}

static bool send_public_key(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t key[64];
    uint8_t octets[64];
    struct writer writer = writer_of(octets, sizeof octets);
    if (!make_key_pair(sm, &pairing->exchange, key)) {
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
    return (uint8_t)(PASSKEY_BIT | (pairing->passkey >> pairing->exchange.round & 1));
}

static void send_confirm(struct sm *sm, struct sm_pairing *pairing)
{
    struct sm_exchange *exchange = &pairing->exchange;
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
    pairing->exchange.round = 0;
    if (sm_is_passkey_entry(pairing)) {
        sm_enter(sm, pairing, central ? SM_AWAIT_USER : SM_AWAIT_SECURE_CONFIRM);
        pairing->resume = central ? send_confirm : NULL;
        sm_ask_user(sm, pairing, sm_passkey_action(pairing), 0);
    } else if (central) {
        sm_random(sm, pairing->exchange.own_nonce, sizeof pairing->exchange.own_nonce);
        sm_enter(sm, pairing, SM_AWAIT_SECURE_CONFIRM);
    } else {
        send_confirm(sm, pairing);
    }
}

/* A key with our own x is ours, sent back, or its mirror image: its owner knows no secret of ours, but needs none. */
BLUET_INTERNAL void sm_public_key(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->exchange;
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
    struct sm_exchange *exchange = &pairing->exchange;
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

/* Ours, or with `own` false the peer's, which has everything the other way round. */
static bool check_of(const struct sm_pairing *pairing, uint8_t out[16], bool own)
{
    const struct sm_exchange *exchange = &pairing->exchange;
    const uint8_t *features = own == pairing->link->central ? pairing->request : pairing->response;
    const uint8_t io[3] = {features[3], features[2], features[1]};
    uint8_t r[16] = {0};
    for (size_t i = 0; sm_is_passkey_entry(pairing) && i < 4; i++)
        r[15 - i] = (uint8_t)(pairing->passkey >> 8 * i);
    const struct sm_parties parties =
        own ? (struct sm_parties){pairing->own, pairing->peer} : (struct sm_parties){pairing->peer, pairing->own};
    const uint8_t *first = own ? exchange->own_nonce : exchange->peer_nonce;
    const uint8_t *second = own ? exchange->peer_nonce : exchange->own_nonce;
    return sm_f6(out, exchange->secret, first, second, r, io, &parties);
}

/* The DHKey gives way to MacKey, for this is what it was for. */
static bool make_keys(struct sm_pairing *pairing)
{
    struct sm_exchange *exchange = &pairing->exchange;
    bool central = pairing->link->central;
    const struct sm_parties parties = sm_parties_of(pairing);
    uint8_t mac_key[16];
    bool done = sm_f5(mac_key, pairing->key, exchange->secret, central ? exchange->own_nonce : exchange->peer_nonce,
                      central ? exchange->peer_nonce : exchange->own_nonce, &parties);
    crypto_wipe(exchange->secret, sizeof exchange->secret);
    memcpy(exchange->secret, mac_key, sizeof mac_key);
    crypto_wipe(mac_key, sizeof mac_key);
    sm_shorten(pairing->key, pairing->key_size);
    return done;
}

static bool send_check(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t check[16];
    if (check_of(pairing, check, true))
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
    const struct sm_exchange *exchange = &pairing->exchange;
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
    if (pairing->state != SM_IDLE)
        sm_ask_user(sm, pairing, BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON, number);
}

/* Both nonces of this round are there, and good. */
static void round_ended(struct sm *sm, struct sm_pairing *pairing)
{
    if (sm_is_passkey_entry(pairing) && ++pairing->exchange.round < PASSKEY_ROUNDS) {
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

/* Just Works and comparison: the initiator has confirmed nothing. */
static bool is_confirmed(const struct sm_pairing *pairing)
{
    const struct sm_exchange *exchange = &pairing->exchange;
    if (crypto_equal(exchange->own_nonce, exchange->peer_nonce, sizeof exchange->own_nonce))
        return false;
    if (!sm_is_passkey_entry(pairing) && !pairing->link->central)
        return true;
    uint8_t confirm[16];
    return sm_f4(confirm, exchange->peer_x, exchange->own_x, exchange->peer_nonce, round_bit(pairing)) &&
           crypto_equal(confirm, exchange->peer_confirm, sizeof confirm);
}

BLUET_INTERNAL void sm_secure_random(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    struct sm_exchange *exchange = &pairing->exchange;
    read_reversed(pdu, exchange->peer_nonce, sizeof exchange->peer_nonce);
    if (!is_confirmed(pairing))
        sm_fail(sm, pairing, SM_CONFIRM_VALUE_FAILED);
    else if (pairing->link->central || sm_send_value(sm, pairing, SM_PAIRING_RANDOM, exchange->own_nonce))
        round_ended(sm, pairing);
}

static void compare_check(struct sm *sm, struct sm_pairing *pairing)
{
    uint8_t expected[16];
    if (!check_of(pairing, expected, false) || !crypto_equal(expected, pairing->exchange.peer_confirm, sizeof expected))
        sm_fail(sm, pairing, SM_DHKEY_CHECK_FAILED);
    else if (pairing->link->central || send_check(sm, pairing))
        sm_key_is_made(sm, pairing);
}

BLUET_INTERNAL void sm_dhkey_check(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    read_reversed(pdu, pairing->exchange.peer_confirm, sizeof pairing->exchange.peer_confirm);
    sm_await_user(sm, pairing, compare_check);
}
