/*
 * Pairing with a peer that is a script, and that breaks every rule of it in turn (Vol 3 Part H). What it has to
 * compute, it computes by the toolbox, which has tests of its own.
 */
#include "peer.h"

#include "spec/writer.h"

#include <stdio.h>
#include <string.h>

/* ---- Features ---- */

static void test_features_out_of_range(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "01 05 00 00 10 00 00", "01 ff 00 00 10 00 00", "01 03 02 00 10 00 00", "01 03 ff 00 10 00 00",
        "01 03 00 00 00 00 00", "01 03 00 00 06 00 00", "01 03 00 00 11 00 00", "01 03 00 00 ff 00 00",
    };
    struct talk *talk = as_peripheral();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        say(talk, requests[i]);
        expect_refusal(talk, SM_INVALID_PARAMETERS);
        expect_well(talk);
    }
    end(talk);

    talk = as_central();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char response[32];
        snprintf(response, sizeof response, "02%s", requests[i] + 2);
        assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
        talk_pass(talk, 0);
        hear(talk, "01 03 00 08 10 00 00");
        say(talk, response);
        expect_refusal(talk, SM_INVALID_PARAMETERS);
    }
    end(talk);
}

/* CVE-2019-9506: seven octets of key are not what was asked for; with a lesser demand they will do. */
static void test_short_keys(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    say(talk, "01 03 00 00 07 00 00");
    expect_refusal(talk, SM_ENCRYPTION_KEY_SIZE);
    expect_well(talk);
    struct bluet_security security = {.io = BLUET_IO_NO_INPUT_OUTPUT, .key_size = 7};
    assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
    say(talk, "01 03 00 00 07 00 00");
    hear(talk, LEGACY_RESPONSE);
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    end(talk);
}

/* Bits without a meaning are let pass; the link key of BR/EDR is neither asked for nor given. */
static void test_reserved_bits(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    struct bluet_security security = {.bond = true, .io = BLUET_IO_NO_INPUT_OUTPUT};
    assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
    say(talk, "01 03 00 f1 10 ff ff");
    hear(talk, "02 03 00 09 10 07 07");
    talk_expect_nothing(talk);
    say(talk, "05 08");
    expect_failure(talk, SM_UNSPECIFIED_REASON);
    say(talk, "01 03 00 01 10 08 08");
    hear(talk, "02 03 00 09 10 00 00");
    end(talk);
}

/* The responder may not add keys to those that we have named. */
static void test_keys_that_were_not_offered(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
    talk_pass(talk, 0);
    hear(talk, "01 03 00 08 10 00 00");
    say(talk, "02 03 00 00 10 01 00");
    expect_refusal(talk, SM_INVALID_PARAMETERS);
    end(talk);
}

/* CVE-2020-10134: who wants protection, and could have it, takes no less. */
static void test_protection_is_not_given_up(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    struct bluet_security security = {.mitm = true, .io = BLUET_IO_DISPLAY_YESNO};
    assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
    say(talk, "01 03 00 08 10 00 00");
    expect_refusal(talk, SM_AUTHENTICATION_REQUIREMENTS);
    say(talk, "01 03 01 08 10 00 00"); /* out of band data of ours, that we never gave */
    expect_refusal(talk, SM_OOB_NOT_AVAILABLE);
    end(talk);
}

/* ---- PDUs that are not what they should be, or not now ---- */

static const struct {
    uint8_t code, length;
} pdus[] = {{0x01, 6}, {0x02, 6},  {0x03, 16}, {0x04, 16}, {0x06, 16}, {0x07, 10}, {0x08, 16},
            {0x09, 7}, {0x0a, 16}, {0x0c, 64}, {0x0d, 16}, {0x0e, 1},  {0x05, 1}};

static void test_lengths(void **state)
{
    (void)state;
    static const uint8_t zeros[80];
    struct talk *talk = as_peripheral();
    for (size_t i = 0; i < sizeof pdus / sizeof *pdus; i++) {
        for (size_t length = 0; length <= 65; length++) {
            if (length == pdus[i].length)
                continue;
            say_octets(talk, pdus[i].code, zeros, length);
            hear(talk, pdus[i].code == SM_PAIRING_RESPONSE ? "05 07" : "05 0a");
            talk_expect_nothing(talk);
            talk_expect_no_event(talk);
        }
    }
    say(talk, "");
    say(talk, "00 00");
    say(talk, "0f 00");
    say(talk, "ff");
    talk_expect_nothing(talk);
    expect_well(talk);
    end(talk);
}

/* CVE-2019-17520, CVE-2020-10061: whatever comes before a pairing has begun. */
static void test_out_of_the_blue(void **state)
{
    (void)state;
    static const uint8_t zeros[80];
    struct talk *talk = as_peripheral();
    for (size_t i = 1; i < sizeof pdus / sizeof *pdus; i++) {
        say_octets(talk, pdus[i].code, zeros, pdus[i].length);
        if (pdus[i].code == SM_PAIRING_RESPONSE)
            hear(talk, "05 07");
        else if (pdus[i].code != SM_KEYPRESS_NOTIFICATION && pdus[i].code != SM_PAIRING_FAILED)
            hear(talk, "05 08");
        expect_well(talk);
    }
    end(talk);
}

/* A request to a central, a Security Request to a peripheral. */
static void test_roles(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    say(talk, "0b 01");
    hear(talk, "05 07");
    expect_well(talk);
    end(talk);
    talk = as_central();
    say(talk, LEGACY_REQUEST);
    hear(talk, "05 07");
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    end(talk);
}

/* In the midst of a pairing: it ends, and the next one goes well. */
static void test_out_of_sequence(void **state)
{
    (void)state;
    static const uint8_t zeros[80];
    struct talk *talk = as_peripheral();
    for (size_t i = 0; i < sizeof pdus / sizeof *pdus; i++) {
        uint8_t code = pdus[i].code;
        if (code == SM_PAIRING_CONFIRM || code == SM_KEYPRESS_NOTIFICATION || code == SM_PAIRING_FAILED)
            continue;
        say(talk, LEGACY_REQUEST);
        hear(talk, LEGACY_RESPONSE);
        say_octets(talk, code, zeros, pdus[i].length);
        expect_refusal(talk, code == SM_PAIRING_RESPONSE ? SM_COMMAND_NOT_SUPPORTED : SM_UNSPECIFIED_REASON);
        expect_well(talk);
    }
    say(talk, LEGACY_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    say(talk, "0e 04");
    say(talk, "0e 05");
    say(talk, "05 00");
    expect_failure(talk, SM_UNSPECIFIED_REASON);
    expect_well(talk);
    end(talk);
}

/* ---- Public keys ---- */

static void test_public_key_twice(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    uint8_t pdu[65];
    say(talk, SECURE_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    say(talk, GENERATOR);
    take(talk, pdu, 65);
    assert_int_equal(pdu[0], SM_PAIRING_PUBLIC_KEY);
    take(talk, pdu, 17);
    assert_int_equal(pdu[0], SM_PAIRING_CONFIRM);
    say(talk, GENERATOR);
    expect_refusal(talk, SM_UNSPECIFIED_REASON);
    expect_well(talk);
    end(talk);
}

static void offer_key(struct talk *talk, const uint8_t key[64])
{
    uint8_t pdu[65];
    say(talk, SECURE_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    say_octets(talk, SM_PAIRING_PUBLIC_KEY, key, 64);
    take(talk, pdu, 65);
    expect_refusal(talk, SM_INVALID_PARAMETERS);
    expect_well(talk);
}

/* CVE-2018-5383, CVE-2022-2993; and the key pair that everybody knows. */
static void test_public_keys_that_are_none(void **state)
{
    (void)state;
    static const uint8_t debug_private[32] = {0x3f, 0x49, 0xf6, 0xd4, 0xa3, 0xc5, 0x5f, 0x38, 0x74, 0xc9, 0xb3,
                                              0xe3, 0xd2, 0x10, 0x3f, 0x50, 0x4a, 0xff, 0x60, 0x7b, 0xeb, 0x40,
                                              0xb7, 0x99, 0x58, 0x99, 0xb8, 0xa6, 0xcd, 0x3c, 0x1a, 0xbd};
    static const uint8_t one[32] = {[31] = 1};
    struct talk *talk = as_peripheral();
    uint8_t key[64], point[64] = {0};
    offer_key(talk, point);
    memset(point, 0xff, sizeof point);
    offer_key(talk, point);
    assert_true(crypto_p256_public(key, one));
    struct writer writer = writer_of(point, sizeof point);
    write_reversed(&writer, key, 32);
    write_reversed(&writer, key + 32, 32);
    point[32] ^= 1;
    offer_key(talk, point);
    memset(point + 32, 0, 32);
    offer_key(talk, point);
    assert_true(crypto_p256_public(key, debug_private));
    writer = writer_of(point, sizeof point);
    write_reversed(&writer, key, 32);
    write_reversed(&writer, key + 32, 32);
    offer_key(talk, point);
    end(talk);
}

/* The other point with that x: the prime of the field less y, least significant octet first. */
static void mirror(uint8_t y[32])
{
    static const uint8_t prime[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                      0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff};
    int borrow = 0;
    for (size_t i = 0; i < 32; i++) {
        int difference = prime[i] - y[i] - borrow;
        borrow = difference < 0;
        y[i] = (uint8_t)(difference + (borrow ? 256 : 0));
    }
}

/* CVE-2020-26558: our own key sent back, with y of either sign. */
static void test_public_key_reflected(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        uint8_t pdu[65];
        assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
        talk_pass(talk, 0);
        hear(talk, "01 03 00 08 10 00 00");
        say(talk, LEGACY_RESPONSE);
        take(talk, pdu, 65);
        assert_int_equal(pdu[0], SM_PAIRING_PUBLIC_KEY);
        if (mirrored)
            mirror(pdu + 33);
        say_octets(talk, pdu[0], pdu + 1, 64);
        expect_refusal(talk, SM_INVALID_PARAMETERS);
    }
    end(talk);
}

/* ---- Proofs ---- */

/* A peer that sends back our confirm value needs to know nothing. */
static void test_legacy_reflection(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    uint8_t pdu[17];
    assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
    talk_pass(talk, 0);
    hear(talk, "01 03 00 08 10 00 00");
    say(talk, "02 03 00 00 10 00 00");
    take(talk, pdu, 17);
    assert_int_equal(pdu[0], SM_PAIRING_CONFIRM);
    say_octets(talk, pdu[0], pdu + 1, 16);
    expect_refusal(talk, SM_CONFIRM_VALUE_FAILED);
    end(talk);
}

/* One that does not fit; attempts after it are held off, twice as long each time. */
static void fail_confirm(struct talk *talk)
{
    static const uint8_t ones[16] = {1};
    uint8_t pdu[17];
    say(talk, LEGACY_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    say_octets(talk, SM_PAIRING_CONFIRM, ones, 16);
    take(talk, pdu, 17);
    say_octets(talk, SM_PAIRING_RANDOM, ones, 16);
    expect_refusal(talk, SM_CONFIRM_VALUE_FAILED);
}

static void test_repeated_attempts(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    uint64_t delay = 1000000;
    for (int i = 0; i < 5; i++, delay *= 2) {
        fail_confirm(talk);
        say(talk, LEGACY_REQUEST);
        hear(talk, "05 09");
        assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_EBUSY);
        talk_pass(talk, delay - 1);
        say(talk, LEGACY_REQUEST);
        hear(talk, "05 09");
        talk_expect_no_event(talk);
        talk_pass(talk, 1);
    }
    expect_well(talk);
    end(talk);
}

/* In the Connection Complete of the last octet of its address; resolvable, not resolvable, static. */
static void connect_from(struct talk *talk, unsigned type, unsigned first, unsigned last)
{
    char event[80];
    snprintf(event, sizeof event, "04 3e 13 01 00 40 00 01 %02x %02x 00 00 00 00 %02x 18 00 00 00 f4 01 00", type, last,
             first);
    talk_receive(talk, event);
    talk_forget(talk);
}

static void expect_held_off(struct talk *talk, bool is)
{
    say(talk, LEGACY_REQUEST);
    hear(talk, is ? "05 09" : LEGACY_RESPONSE);
    if (!is)
        say(talk, "05 08");
    talk_forget(talk);
}

static void fail_from(struct talk *talk, unsigned type, unsigned first, unsigned last)
{
    connect_from(talk, type, first, last);
    fail_confirm(talk);
    disconnect(talk);
}

/* A new private address is no new start; a public or static one has a delay of its own, while there are not too many.
 */
static void test_addresses_that_change(void **state)
{
    (void)state;
    enum { RESOLVABLE = 0x40, OTHER_PRIVATE = 0x00, STATIC = 0xc0 };
    struct talk *talk = talk_activated(NULL);
    fail_from(talk, BLUET_ADDRESS_RANDOM, RESOLVABLE, 1);
    connect_from(talk, BLUET_ADDRESS_RANDOM, OTHER_PRIVATE, 2);
    expect_held_off(talk, true);
    talk_pass(talk, 1000000);
    fail_confirm(talk);
    disconnect(talk);
    connect_from(talk, BLUET_ADDRESS_RANDOM, RESOLVABLE, 3);
    talk_pass(talk, 1999999);
    expect_held_off(talk, true);
    talk_pass(talk, 1);
    expect_held_off(talk, false);
    disconnect(talk);

    fail_from(talk, BLUET_ADDRESS_RANDOM, RESOLVABLE, 4);
    connect_from(talk, BLUET_ADDRESS_RANDOM, STATIC, 5);
    expect_held_off(talk, false);
    disconnect(talk);
    connect_from(talk, BLUET_ADDRESS_PUBLIC, RESOLVABLE, 6);
    expect_held_off(talk, false);
    disconnect(talk);
    for (unsigned i = 0; i < SM_HOLDOFF_COUNT; i++)
        fail_from(talk, BLUET_ADDRESS_PUBLIC, STATIC, i);
    connect_from(talk, BLUET_ADDRESS_PUBLIC, STATIC, SM_HOLDOFF_COUNT);
    expect_held_off(talk, true);
    disconnect(talk);
    connect_from(talk, BLUET_ADDRESS_PUBLIC, STATIC, 0);
    expect_held_off(talk, true);
    end(talk);
}

/* Delays become shorter again where nothing has failed for long, and a pairing that proves nothing ends none. */
static void test_delays_become_shorter(void **state)
{
    (void)state;
    const uint64_t longest = 128000000;
    struct talk *talk = as_peripheral();
    for (int i = 0; i < 10; i++) {
        fail_confirm(talk);
        talk_pass(talk, longest);
    }
    fail_confirm(talk);
    talk_pass(talk, longest - 1);
    expect_held_off(talk, true);
    talk_pass(talk, 1 + 6 * longest);
    pair_as_central(talk, &usual_peer, LEGACY_REQUEST, LEGACY_RESPONSE);
    talk_forget(talk);
    disconnect(talk);
    talk_connect_peripheral(talk, HANDLE);
    fail_confirm(talk);
    talk_pass(talk, 1999999);
    expect_held_off(talk, true);
    talk_pass(talk, 1);
    expect_held_off(talk, false);
    end(talk);
}

/* A temporary key that is taken back meanwhile is not one of zeros. */
static void test_temporary_key_taken_back(void **state)
{
    (void)state;
    static const struct bluet_oob key = {.legacy = true, .temporary_key = {1, 2, 3}};
    static const struct bluet_oob of_another_kind = {.secure = true};
    const struct bluet_oob *const instead[] = {NULL, &of_another_kind};
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = as_peripheral();
        assert_int_equal(bluet_oob_peer(talk->host, &usual_peer, &key), BLUET_OK);
        say(talk, "01 03 01 00 10 00 00");
        hear(talk, "02 03 01 08 10 00 00");
        assert_int_equal(bluet_oob_peer(talk->host, &usual_peer, instead[i]), BLUET_OK);
        say(talk, "03 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10");
        expect_refusal(talk, SM_UNSPECIFIED_REASON);
        end(talk);
    }
}

/* ---- Encryption ---- */

/* CVE-2020-13593, CVE-2019-19194: encryption is begun before the key has been made. */
static void test_encryption_too_early(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    uint8_t pdu[65];
    static const uint8_t nonce[16] = {1};
    for (int step = 0; step < 3; step++) {
        say(talk, SECURE_REQUEST);
        hear(talk, LEGACY_RESPONSE);
        if (step > 0) {
            say(talk, GENERATOR);
            take(talk, pdu, 65);
            take(talk, pdu, 17);
        }
        if (step > 1) {
            say_octets(talk, SM_PAIRING_RANDOM, nonce, 16);
            take(talk, pdu, 17);
            assert_int_equal(talk->host->sm.pairings[0].state, SM_AWAIT_DHKEY_CHECK);
        }
        talk_receive(talk, KEY_REQUEST);
        talk_expect(talk, "01 1b 20 02 40 00");
        talk_receive(talk, "04 0e 06 01 1b 20 00 40 00");
        expect_refusal(talk, SM_UNSPECIFIED_REASON);
        expect_well(talk);
    }
    end(talk);
}

static void expect_bond(struct talk *talk, const char *key)
{
    char text[96];
    talk_expect_event(talk, "ENCRYPTION_UPDATE 0x0040 101 key 16 reason 0x000");
    for (int kind = 1; kind <= 2; kind++) {
        snprintf(text, sizeof text, "SET_SECRET %d length %d %s", kind, kind == 1 ? 44 : 60, key);
        talk_expect_event(talk, text);
    }
    talk_expect_no_event(talk);
    talk_expect_nothing(talk);
}

static void test_bonding(void **state)
{
    (void)state;
    struct talk *talk = as_bonding_peripheral();
    talk_connect_peripheral(talk, HANDLE);
    talk->answer = 1;
    pair_as_central(talk, &usual_peer, BONDING_REQUEST, BONDING_RESPONSE);
    say(talk, LTK);
    say(talk, EDIV);
    say(talk, IRK);
    talk_expect_no_event(talk);
    say(talk, IDENTITY);
    talk_expect_event(talk, "ENCRYPTION_UPDATE 0x0040 101 key 16 reason 0x000");
    talk_expect_event(talk, "SET_SECRET 10 length 25 69726b");
    talk_expect_event(talk, "SET_SECRET 1 length 44 01c00000000040");
    talk_expect_event(talk, "SET_SECRET 2 length 60 01c00000000040");
    struct bluet_address peer;
    assert_int_equal(bluet_bonds(talk->host, &peer, 1), 1);
    assert_memory_equal(peer.octets, usual_peer.octets, 6);
    end(talk);
}

/* Keys that are short, long, twice there, out of their order, or not agreed on; the link counts as plain afterwards. */
static void test_wrong_keys(void **state)
{
    (void)state;
    static const struct {
        const char *keys[5];
        uint8_t reason;
    } rows[] = {
        {{IRK}, SM_UNSPECIFIED_REASON},
        {{LTK, LTK}, SM_UNSPECIFIED_REASON},
        {{LTK, EDIV, EDIV}, SM_UNSPECIFIED_REASON},
        {{LTK, EDIV, "0a 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10"}, SM_UNSPECIFIED_REASON},
        {{"06 01 02"}, SM_INVALID_PARAMETERS},
        {{LTK, "07 01 02 03 04 05 06 07 08 09 0a 0b"}, SM_INVALID_PARAMETERS},
        {{"01 03 00 01 10 03 00"}, SM_UNSPECIFIED_REASON},
        /* Identities: of a third kind, a random one that is not static, resolvable, and our own. */
        {{LTK, EDIV, IRK, "09 02 40 00 00 00 00 c0"}, SM_INVALID_PARAMETERS},
        {{LTK, EDIV, IRK, "09 01 40 00 00 00 00 00"}, SM_INVALID_PARAMETERS},
        {{LTK, EDIV, IRK, "09 01 40 00 00 00 00 40"}, SM_INVALID_PARAMETERS},
        {{LTK, EDIV, IRK, "09 00 55 44 33 22 11 c4"}, SM_INVALID_PARAMETERS},
    };
    struct talk *talk = as_bonding_peripheral();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        talk_connect_peripheral(talk, HANDLE);
        pair_as_central(talk, &usual_peer, BONDING_REQUEST, BONDING_RESPONSE);
        for (size_t j = 0; rows[i].keys[j]; j++)
            say(talk, rows[i].keys[j]);
        expect_refusal(talk, rows[i].reason);
        assert_false(talk->host->links.links[0].encrypted);
        assert_int_equal(bluet_bonds(talk->host, NULL, 0), 0);
        disconnect(talk);
    }
    end(talk);
}

/* CVE-2021-3436: the identity of somebody who is known is not had for the asking. */
static void test_identity_of_another(void **state)
{
    (void)state;
    struct talk *talk = as_bonding_peripheral();
    talk->answer = 1;
    talk_connect_peripheral(talk, HANDLE);
    pair_as_central(talk, &usual_peer, BONDING_REQUEST, BONDING_RESPONSE);
    const char *const keys[] = {LTK, EDIV, IRK, IDENTITY};
    for (size_t i = 0; i < 4; i++)
        say(talk, keys[i]);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 1);
    disconnect(talk);

    /* From a private address that is none of the known one's. */
    const struct bluet_address impostor = {BLUET_ADDRESS_RANDOM, {0x40, 1, 2, 3, 4, 5}};
    talk_receive(talk, "04 3e 13 01 00 40 00 01 01 05 04 03 02 01 40 18 00 00 00 f4 01 00");
    talk_expect_event(talk, "CENTRAL_CONNECT 0x0040 1/400102030405");
    pair_as_central(talk, &impostor, BONDING_REQUEST, BONDING_RESPONSE);
    for (size_t i = 0; i < 4; i++)
        say(talk, keys[i]);
    expect_refusal(talk, SM_KEY_REJECTED);
    disconnect(talk);

    /* From a static one: whatever it says, it is known by that. */
    talk_receive(talk, "04 3e 13 01 00 40 00 01 01 41 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_expect_event(talk, "CENTRAL_CONNECT 0x0040 1/c00000000041");
    const struct bluet_address other = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, 0x41}};
    pair_as_central(talk, &other, BONDING_REQUEST, BONDING_RESPONSE);
    for (size_t i = 0; i < 4; i++)
        say(talk, keys[i]);
    talk_answer_until(talk, HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE);
    talk_expect(talk, "01 2d 20 01 00"); /* the resolving list follows */
    expect_bond(talk, "01c00000000041");
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 2);
    disconnect(talk);

    /* And under the known one's own address, without its key. */
    talk_connect_peripheral(talk, HANDLE);
    say(talk, BONDING_REQUEST);
    expect_refusal(talk, SM_AUTHENTICATION_REQUIREMENTS);
    end(talk);
}

/* CVE-2025-62235: a peer that asks for security and has lost its key gets no new one for that. */
static void test_security_request_of_an_impostor(void **state)
{
    (void)state;
    struct talk *talk = as_bonding_peripheral();
    talk->answer = 1;
    talk_connect_peripheral(talk, HANDLE);
    pair_as_central(talk, &usual_peer, BONDING_REQUEST, BONDING_RESPONSE);
    const char *const keys[] = {LTK, EDIV, IRK, IDENTITY};
    for (size_t i = 0; i < 4; i++)
        say(talk, keys[i]);
    disconnect(talk);
    talk->answer = 0;
    talk_connect_central(talk, HANDLE);
    say(talk, "0b 01"); /* the application has lost its secret, too: there is nothing to encrypt with */
    expect_failure(talk, BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
    talk_expect_nothing(talk);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 1);
    end(talk);
}

/* ---- Time, and the end of a link ---- */

static void test_timeout(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    talk_pass_to_wrap(talk);
    say(talk, LEGACY_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    talk_pass(talk, 29999999);
    talk_expect_no_event(talk);
    talk_pass(talk, 1);
    expect_failure(talk, BLUET_STATUS_TIMEOUT);
    /* Dead until the link ends. */
    say(talk, LEGACY_REQUEST);
    say(talk, "05 08");
    say(talk, GENERATOR);
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_ETIMEDOUT);
    disconnect(talk);
    talk_connect_peripheral(talk, HANDLE);
    expect_well(talk);
    end(talk);
}

/* At each step: the application hears of the pairing, then of the link; and nothing of one touches another. */
static void test_link_lost(void **state)
{
    (void)state;
    uint8_t pdu[65];
    static const uint8_t nonce[16] = {1};
    for (int steps = 0; steps < 4; steps++) {
        struct talk *talk = as_peripheral();
        talk_connect_peripheral(talk, 0x41);
        talk_receive_frame(talk, 0x41, SM, LEGACY_REQUEST);
        talk_expect_frame(talk, 0x41, SM, LEGACY_RESPONSE);
        say(talk, SECURE_REQUEST);
        hear(talk, LEGACY_RESPONSE);
        if (steps > 0) {
            say(talk, GENERATOR);
            take(talk, pdu, 65);
            take(talk, pdu, 17);
        }
        if (steps > 1) {
            say_octets(talk, SM_PAIRING_RANDOM, nonce, 16);
            take(talk, pdu, 17);
        }
        if (steps > 2)
            say(talk, "0e 00");
        talk_receive(talk, "04 05 04 00 40 00 08");
        talk_expect_event(talk, "ENCRYPTION_UPDATE 0x0040 000 key 0 reason 0x100");
        talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x08");
        talk_receive_frame(talk, 0x41, SM, "05 08");
        talk_expect_event(talk, "ENCRYPTION_UPDATE 0x0041 000 key 0 reason 0x008");
        talk_destroy(talk);
    }
}

/* No buffer for an answer: the pairing ends, the link stays. */
static void test_no_buffer(void **state)
{
    (void)state;
    struct talk *talk = talk_create(&(struct bluet_config){.buffer_count = 1, .buffer_size = 32});
    talk->controller.le_acl_count = 1;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_forget(talk);
    talk_connect_peripheral(talk, HANDLE);
    say(talk, SECURE_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    talk_receive_frame(talk, HANDLE, SM, GENERATOR);
    expect_failure(talk, BLUET_STATUS_NO_MEMORY);
    expect_well(talk);
    end(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features_out_of_range),
        cmocka_unit_test(test_short_keys),
        cmocka_unit_test(test_reserved_bits),
        cmocka_unit_test(test_keys_that_were_not_offered),
        cmocka_unit_test(test_protection_is_not_given_up),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_out_of_the_blue),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_out_of_sequence),
        cmocka_unit_test(test_public_key_twice),
        cmocka_unit_test(test_public_keys_that_are_none),
        cmocka_unit_test(test_public_key_reflected),
        cmocka_unit_test(test_legacy_reflection),
        cmocka_unit_test(test_repeated_attempts),
        cmocka_unit_test(test_addresses_that_change),
        cmocka_unit_test(test_delays_become_shorter),
        cmocka_unit_test(test_temporary_key_taken_back),
        cmocka_unit_test(test_encryption_too_early),
        cmocka_unit_test(test_bonding),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_identity_of_another),
        cmocka_unit_test(test_security_request_of_an_impostor),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_link_lost),
        cmocka_unit_test(test_no_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
