/*
 * Peers that claim to be somebody, and links that claim to be encrypted: what has broken others, with the number that
 * it is known by.
 */
#include "peer.h"

#include "host/sm_keys.h"
#include "spec/writer.h"

#include <stdio.h>
#include <string.h>

static const char negative_reply[] = "01 1b 20 02 40 00";
static const char negative_reply_done[] = "04 0e 06 01 1b 20 00 40 00";

static const struct link *the_link(const struct talk *talk)
{
    return &talk->host->links.links[0];
}

static void expect_plain(const struct talk *talk)
{
    assert_false(the_link(talk)->encrypted || the_link(talk)->authenticated || the_link(talk)->bonded);
    assert_int_equal(the_link(talk)->key_size, 0);
}

/* ---- Encryption that nobody has asked for ---- */

/* CVE-2019-19194, CVE-2024-5754: without a pairing there is no key, and what is begun without one is not believed. */
static void test_encryption_without_pairing(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    talk_receive(talk, KEY_REQUEST);
    talk_expect(talk, negative_reply);
    talk_receive(talk, negative_reply_done);
    expect_failure(talk, BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
    talk_receive(talk, "04 08 04 00 40 00 01");
    talk_receive(talk, "04 30 03 00 40 00");
    talk_expect_no_event(talk);
    expect_plain(talk);
    expect_well(talk);
    end(talk);
    talk = as_central();
    talk_receive(talk, "04 08 04 00 40 00 01");
    talk_expect_no_event(talk);
    expect_plain(talk);
    end(talk);
}

/* CVE-2024-5754: as central, in the midst of a pairing, before the key is there. */
static void test_encryption_before_its_time(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    uint8_t pdu[65];
    assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
    talk_pass(talk, 0);
    hear(talk, SECURE_REQUEST);
    say(talk, LEGACY_RESPONSE);
    take(talk, pdu, 65);
    talk_receive(talk, "04 08 04 00 40 00 01");
    talk_expect_no_event(talk);
    expect_plain(talk);
    say(talk, "05 08");
    expect_failure(talk, SM_UNSPECIFIED_REASON);
    end(talk);
}

/* CVE-2025-52435: the link is left in the clear; and a key that is refreshed without success is none. */
static void test_encryption_ends(void **state)
{
    (void)state;
    static const char *const ends[][2] = {
        {"04 08 04 00 40 00 00", "ENCRYPTION_UPDATE 0x0040 000 key 0 reason 0x000"},
        {"04 08 04 06 40 00 01", "ENCRYPTION_UPDATE 0x0040 000 key 0 reason 0x206"},
        {"04 30 03 3d 40 00", "ENCRYPTION_UPDATE 0x0040 000 key 0 reason 0x23d"},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct talk *talk = as_bonding_peripheral();
        talk_connect_peripheral(talk, HANDLE);
        bond_as_central(talk);
        assert_true(the_link(talk)->encrypted && the_link(talk)->bonded);
        talk_receive(talk, ends[i][0]);
        talk_expect_event(talk, ends[i][1]);
        talk_expect_no_event(talk);
        expect_plain(talk);
        end(talk);
    }
}

/* ---- Who comes back ---- */

/* CVE-2020-9770: a bonded peer that comes back is a stranger until the link is encrypted with its key. */
static void test_back_without_encryption(void **state)
{
    (void)state;
    struct talk *talk = as_bonding_peripheral();
    talk_connect_peripheral(talk, HANDLE);
    bond_as_central(talk);
    disconnect(talk);
    for (int central = 0; central < 2; central++) {
        if (central)
            talk_connect_central(talk, HANDLE);
        else
            talk_connect_peripheral(talk, HANDLE);
        expect_plain(talk);
        struct bluet_connection connection;
        assert_int_equal(bluet_connection(talk->host, &connection, HANDLE), BLUET_OK);
        assert_false(connection.encrypted || connection.authenticated || connection.bonded);
        disconnect(talk);
    }
    end(talk);
}

/* What has been stored of peers, by kind; the test's application gives it back. */
static struct {
    size_t length;
    uint8_t octets[160];
} stored[3];

static void keep_secrets(struct talk *talk, const struct bluet_event *event)
{
    (void)talk;
    if (event->code == BLUET_EVENT_SET_SECRET && event->set_secret.sec_type <= 2 && event->set_secret.value) {
        stored[event->set_secret.sec_type].length = event->set_secret.length;
        memcpy(stored[event->set_secret.sec_type].octets, event->set_secret.value, event->set_secret.length);
    }
    if (event->code == BLUET_EVENT_GET_SECRET && event->get_secret.sec_type <= 2) {
        *event->get_secret.out_length = stored[event->get_secret.sec_type].length;
        memcpy(event->get_secret.out_value, stored[event->get_secret.sec_type].octets,
               stored[event->get_secret.sec_type].length);
    }
}

static void give_secrets(struct talk *talk)
{
    talk->answer = 0;
    talk->tells_questions = true;
}

/* The next event is a question, which has been answered. */
static void expect_question(struct talk *talk)
{
    assert_true(talk->event_count > 0);
    assert_memory_equal(talk->events[talk->first_event], "GET_SECRET", 10);
    talk->first_event = (talk->first_event + 1) % TALK_EVENTS;
    talk->event_count--;
}

/*
 * CVE-2025-62235: an impostor of a bonded peripheral has no key, says so, and asks for security: he gets no pairing.
 * The application is told; what it asks for afterwards is another matter.
 */
static void test_impostor_without_the_key(void **state)
{
    (void)state;
    struct talk *talk = as_bonding_peripheral();
    talk->on_event = keep_secrets;
    talk_connect_peripheral(talk, HANDLE);
    bond_as_central(talk);
    disconnect(talk);
    give_secrets(talk);
    talk_connect_central(talk, HANDLE);
    for (int i = 0; i < 3; i++) {
        say(talk, "0b 0d");
        if (i == 0) {
            expect_question(talk);
            assert_int_equal(talk_take(talk).octets[1], 0x19); /* LE Enable Encryption */
            talk_receive(talk, "04 0f 04 00 01 19 20");
            talk_receive(talk, "04 08 04 06 40 00 00");
            expect_failure(talk, BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
        }
        talk_expect_nothing(talk);
        talk_expect_no_event(talk);
    }
    expect_plain(talk);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 1);
    assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
    talk_pass(talk, 0);
    hear(talk, "01 03 00 09 10 07 07");
    end(talk);
}

/* A controller's question for the key of these numbers. */
static void ask_for_key(struct talk *talk, const uint8_t numbers[10])
{
    uint8_t event[16] = {HCI_EVENT, HCI_EVENT_LE_META, 13, HCI_LE_EVENT_LONG_TERM_KEY_REQUEST, HANDLE};
    memcpy(event + 6, numbers + 2, 8);
    memcpy(event + 14, numbers, 2);
    talk_receive_octets(talk, event, sizeof event);
}

/* Bonds, and lets the link go; what we have given is told. */
static void bond_with_our_key(struct talk *talk, const char *request, uint8_t out_key[17], uint8_t out_numbers[11])
{
    static const char *const keys[] = {LTK, EDIV, IRK, IDENTITY};
    talk->on_event = keep_secrets;
    talk->answer = 1;
    talk_connect_peripheral(talk, HANDLE);
    pair_as_central(talk, &usual_peer, request, "02 03 00 09 10 03 01");
    take(talk, out_key, 17);
    take(talk, out_numbers, 11);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        say(talk, keys[i]);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 1);
    talk_answer(talk);
    disconnect(talk);
    give_secrets(talk);
}

/* CVE-2019-9506: a short key that was good enough once is not used any more when it is no longer. */
static void test_short_key_that_is_kept(void **state)
{
    (void)state;
    struct talk *talk = as_bonding_peripheral();
    struct bluet_security security = {.bond = true, .io = BLUET_IO_NO_INPUT_OUTPUT, .key_size = 7};
    uint8_t key[17], numbers[11];
    assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
    bond_with_our_key(talk, "01 03 00 01 07 03 01", key, numbers);
    for (security.key_size = 7; security.key_size <= 8; security.key_size++) {
        assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
        talk_connect_peripheral(talk, HANDLE);
        ask_for_key(talk, numbers + 1);
        assert_int_equal(talk_take(talk).octets[1], security.key_size == 7 ? 0x1a : 0x1b);
        talk_receive(talk, security.key_size == 7 ? "04 0e 06 01 1a 20 00 40 00" : negative_reply_done);
        disconnect(talk);
    }
    end(talk);
}

/* As peripheral: the key that we gave goes by the numbers that we gave with it, and by no others. */
static void test_key_by_its_numbers(void **state)
{
    (void)state;
    struct talk *talk = as_bonding_peripheral();
    uint8_t key[17], numbers[11];
    bond_with_our_key(talk, "01 03 00 01 10 03 01", key, numbers);
    for (size_t wrong = 0; wrong < sizeof numbers; wrong++) {
        talk_connect_peripheral(talk, HANDLE);
        numbers[wrong] ^= 1; /* the first is none of the numbers: this time they are right */
        ask_for_key(talk, numbers + 1);
        numbers[wrong] ^= 1;
        struct talk_packet reply = talk_take(talk);
        assert_int_equal(reply.octets[1], wrong ? 0x1b : 0x1a);
        if (!wrong)
            assert_memory_equal(reply.octets + 6, key + 1, 16);
        talk_receive(talk, wrong ? negative_reply_done : "04 0e 06 01 1a 20 00 40 00");
        expect_question(talk);
        if (wrong)
            expect_failure(talk, BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
        disconnect(talk);
    }
    end(talk);
}

/* ---- Addresses and identities ---- */

/* CVE-2020-26555: a peer that has our own address could send us back what we say. */
static void test_our_own_address(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_receive(talk, "04 3e 13 01 00 40 00 01 00 55 44 33 22 11 c4 18 00 00 00 f4 01 00");
    talk_expect_event(talk, "CENTRAL_CONNECT 0x0040 0/c41122334455");
    say(talk, LEGACY_REQUEST);
    expect_refusal(talk, SM_UNSPECIFIED_REASON);
    say(talk, SECURE_REQUEST);
    expect_refusal(talk, SM_UNSPECIFIED_REASON);
    end(talk);
}

static void address_of(struct bluet_address *out, const uint8_t irk[16], uint8_t bits)
{
    out->type = BLUET_ADDRESS_RANDOM;
    out->octets[0] = bits;
    out->octets[1] = 0x12;
    out->octets[2] = 0x34;
    assert_true(sm_ah(out->octets + 3, irk, out->octets));
}

/* An identity key of zeros is none; and only an address with the bits of a resolvable one resolves. */
static void test_addresses_that_do_not_resolve(void **state)
{
    (void)state;
    static const uint8_t irk[16] = {0x10, 0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 9, 8, 7, 6, 5, 4, 3, 2, 1};
    static const uint8_t zeros[16];
    struct bluet_address address = {0};
    struct talk *talk = as_bonding_peripheral();
    talk_connect_peripheral(talk, HANDLE);
    bond_as_central(talk);
    const struct sm_bonds *bonds = &talk->host->sm.bonds;
    address_of(&address, irk, 0x52);
    assert_non_null(sm_bonds_find(bonds, &address));
    address.octets[5] ^= 1;
    assert_null(sm_bonds_find(bonds, &address));
    address_of(&address, irk, 0x12);
    assert_null(sm_bonds_find(bonds, &address));
    address_of(&address, irk, 0xd2);
    assert_null(sm_bonds_find(bonds, &address));
    address_of(&address, irk, 0x52);
    address.type = BLUET_ADDRESS_PUBLIC;
    assert_null(sm_bonds_find(bonds, &address));
    end(talk);

    talk = as_bonding_peripheral();
    talk_connect_peripheral(talk, HANDLE);
    talk->answer = 1;
    pair_as_central(talk, &usual_peer, BONDING_REQUEST, BONDING_RESPONSE);
    say(talk, LTK);
    say(talk, EDIV);
    say(talk, "08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    say(talk, IDENTITY);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 1);
    address_of(&address, zeros, 0x52);
    assert_null(sm_bonds_find(&talk->host->sm.bonds, &address));
    end(talk);
}

/* ---- Links that are none, or others ---- */

/* A PDU on a handle that no connection has, and on another connection: nothing of it reaches this one. */
static void test_other_links(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    static const uint8_t lengths[] = {0, 6, 6, 16, 16, 1, 16, 10, 16, 7, 16, 1, 64, 16, 1};
    struct talk *talk = as_peripheral();
    talk_receive_frame(talk, 0x42, SM, LEGACY_REQUEST);
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    talk_connect_peripheral(talk, 0x41);
    say(talk, LEGACY_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    const struct sm_pairing *pairing = &talk->host->sm.pairings[0];
    assert_int_equal(pairing->state, SM_AWAIT_CONFIRM);
    for (uint8_t code = 1; code < (uint8_t)sizeof lengths; code++) {
        char hex[3 * 65 + 1];
        int used = snprintf(hex, sizeof hex, "%02x", code);
        for (size_t i = 0; i < lengths[code]; i++)
            used += snprintf(hex + used, sizeof hex - (size_t)used, " %02x", zeros[i]);
        complete_packets(talk);
        talk_receive(talk, "04 13 05 01 41 00 01 00");
        talk_receive_frame(talk, 0x41, SM, hex);
        assert_int_equal(pairing->state, SM_AWAIT_CONFIRM);
        talk_forget(talk);
    }
    talk_receive(talk, "04 08 04 00 41 00 01");
    assert_int_equal(pairing->state, SM_AWAIT_CONFIRM);
    say(talk, "05 08");
    expect_failure(talk, SM_UNSPECIFIED_REASON);
    end(talk);
}

/* ---- Proofs that are our own ---- */

/* CVE-2020-26558, Passkey Entry: each confirm value and nonce of ours comes back. */
static void test_passkey_reflection(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    uint8_t pdu[65];
    const struct bluet_security security = {.mitm = true, .io = BLUET_IO_KEYBOARD_ONLY};
    assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
    assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
    talk_pass(talk, 0);
    hear(talk, "01 02 00 0c 10 00 00");
    say(talk, "02 00 00 0c 10 00 00");
    take(talk, pdu, 65);
    say(talk, GENERATOR);
    talk_forget(talk);
    assert_int_equal(bluet_gap_passkey(talk->host, HANDLE, BLUET_PASSKEY_ACTION_INPUT, 123456), BLUET_OK);
    talk_pass(talk, 0);
    take(talk, pdu, 17);
    assert_int_equal(pdu[0], SM_PAIRING_CONFIRM);
    say_octets(talk, pdu[0], pdu + 1, 16);
    take(talk, pdu, 17);
    assert_int_equal(pdu[0], SM_PAIRING_RANDOM);
    say_octets(talk, pdu[0], pdu + 1, 16);
    expect_refusal(talk, SM_CONFIRM_VALUE_FAILED);

    /* He knows a part of the passkey now: it is not taken again. */
    talk_pass(talk, 1000000);
    assert_int_equal(bluet_gap_pair(talk->host, HANDLE), BLUET_OK);
    talk_pass(talk, 0);
    say(talk, "02 00 00 0c 10 00 00");
    say(talk, GENERATOR);
    assert_int_equal(bluet_gap_passkey(talk->host, HANDLE, BLUET_PASSKEY_ACTION_INPUT, 123456), BLUET_EINVAL);
    assert_int_equal(bluet_gap_passkey(talk->host, HANDLE, BLUET_PASSKEY_ACTION_INPUT, 1000000), BLUET_EINVAL);
    assert_int_equal(bluet_gap_passkey(talk->host, HANDLE, BLUET_PASSKEY_ACTION_INPUT, 123457), BLUET_OK);
    end(talk);
}

/* A peer that guesses our generator of random numbers, and so can say what we are about to say. */
static void test_nonces_of_ours(void **state)
{
    (void)state;
    static const uint8_t zeros[16];
    struct talk *talk = as_peripheral();
    uint8_t pdu[65], nonce[16], confirm[16];
    struct sm_exchange exchange = {.features = {{1, 3, 0, 0, 16, 0, 0}, {2, 3, 0, 8, 16, 0, 0}}};
    const struct bluet_address own = {BLUET_ADDRESS_PUBLIC, {0xc4, 0x11, 0x22, 0x33, 0x44, 0x55}};
    const struct bluet_address ends[2] = {usual_peer, own};
    say(talk, LEGACY_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    for (uint8_t i = 0; i < (uint8_t)sizeof nonce; i++)
        exchange.nonce[SM_INITIATOR][i] = (uint8_t)(talk->random + i);
    assert_true(sm_c1(confirm, &exchange, ends, SM_INITIATOR, zeros));
    say_reversed(talk, SM_PAIRING_CONFIRM, confirm, sizeof confirm);
    expect_refusal(talk, SM_CONFIRM_VALUE_FAILED);
    talk_pass(talk, 1000000);

    say(talk, SECURE_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    say(talk, GENERATOR);
    take(talk, pdu, 65);
    take(talk, pdu, 17);
    memcpy(nonce, talk->host->sm.pairings[0].work->exchange.nonce[SM_RESPONDER], sizeof nonce);
    say_reversed(talk, SM_PAIRING_RANDOM, nonce, sizeof nonce);
    expect_refusal(talk, SM_CONFIRM_VALUE_FAILED);
    end(talk);
}

/* The key of this pairing goes by no other numbers than zero. */
static void test_numbers_of_a_new_key(void **state)
{
    (void)state;
    static const char *const requests[] = {"04 3e 0d 05 40 00 00 00 00 00 00 00 00 00 01 00",
                                           "04 3e 0d 05 40 00 01 00 00 00 00 00 00 00 00 00"};
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = as_peripheral();
        make_key_as_central(talk, &usual_peer, LEGACY_REQUEST, LEGACY_RESPONSE);
        talk_receive(talk, requests[i]);
        talk_expect(talk, negative_reply);
        talk_receive(talk, negative_reply_done);
        expect_refusal(talk, SM_UNSPECIFIED_REASON);
        end(talk);
    }
}

/* With out of band data our key is known from one attempt to the next: sent back as the peer's it is refused. */
static void test_key_of_an_earlier_attempt(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    uint8_t pdu[65], unused[17], confirm[16], random[16];
    assert_int_equal(bluet_oob_own(talk->host, confirm, random), BLUET_OK);
    for (int attempt = 0; attempt < 2; attempt++) {
        say(talk, "01 03 01 08 10 00 00");
        hear(talk, LEGACY_RESPONSE);
        if (attempt == 0)
            say(talk, GENERATOR);
        else
            say_octets(talk, SM_PAIRING_PUBLIC_KEY, pdu + 1, 64);
        take(talk, pdu, 65);
        if (attempt == 0) {
            say(talk, "04 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10");
            take(talk, unused, 17);
            say(talk, "0d 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10");
            expect_refusal(talk, SM_DHKEY_CHECK_FAILED);
            talk_pass(talk, 1000000);
        }
    }
    expect_refusal(talk, SM_INVALID_PARAMETERS);
    end(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encryption_without_pairing),
        cmocka_unit_test(test_encryption_before_its_time),
        cmocka_unit_test(test_encryption_ends),
        cmocka_unit_test(test_back_without_encryption),
        cmocka_unit_test(test_impostor_without_the_key),
        cmocka_unit_test(test_short_key_that_is_kept),
        cmocka_unit_test(test_key_by_its_numbers),
        cmocka_unit_test(test_our_own_address),
        cmocka_unit_test(test_addresses_that_do_not_resolve),
        cmocka_unit_test(test_other_links),
        cmocka_unit_test(test_passkey_reflection),
        cmocka_unit_test(test_nonces_of_ours),
        cmocka_unit_test(test_numbers_of_a_new_key),
        cmocka_unit_test(test_key_of_an_earlier_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
