/*
 * Privacy against a controller that is a script: what it is told, in which order, and what comes of its refusals (Vol 3
 * Part C, 10.7; Vol 4 Part E, 7.8.38 to 7.8.45, 7.8.77).
 */
#include "talk.h"

#include "host/host.h"
#include "spec/writer.h"

#include <stdio.h>
#include <string.h>

enum { BONDS = 2, HANDLE = 0x40, PERIOD_US = 900000000, RANDOM_LENGTH = 16 };

struct blob {
    uint8_t octets[128];
    size_t length;
};

static struct blob blobs[BONDS];

/* ---- Bonds ---- */

static struct bluet_address identity_of(uint8_t index)
{
    return (struct bluet_address){BLUET_ADDRESS_PUBLIC, {0x10, 0x20, 0x30, 0x40, 0x50, index}};
}

static void irk_of(uint8_t out[16], uint8_t index)
{
    memset(out, 0xa0 + index, 16);
}

static struct bluet_address resolvable_of(uint8_t index, uint8_t number)
{
    struct bluet_address address = {BLUET_ADDRESS_RANDOM, {0x41, 0x02, number}};
    uint8_t irk[16];
    irk_of(irk, index);
    assert_true(sm_ah(address.octets + 3, irk, address.octets));
    return address;
}

static int keep_blob(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct blob *blob = context;
    (void)host;
    memcpy(blob->octets, event->set_secret.value, event->set_secret.length);
    blob->length = event->set_secret.length;
    return 1;
}

static void make_blobs(uint8_t flags)
{
    for (uint8_t i = 0; i < BONDS; i++) {
        const struct event_sink sink = {keep_blob, &blobs[i], NULL};
        const struct sm_bonds bonds = {.sink = &sink};
        struct sm_secret secret = {
            .peer = identity_of(i), .flags = SM_SECRET_LTK | flags, .key_size = 16, .tail_length = 16};
        irk_of(secret.tail, i);
        assert_true(sm_bonds_write(&bonds, &secret, BLUET_SECRET_PEER));
    }
}

static void answer_questions(struct talk *talk, const struct bluet_event *event)
{
    (void)talk;
    if (event->code != BLUET_EVENT_GET_SECRET || event->get_secret.sec_type != BLUET_SECRET_PEER ||
        event->get_secret.key || event->get_secret.index >= BONDS)
        return;
    const struct blob *blob = &blobs[event->get_secret.index];
    memcpy(event->get_secret.out_value, blob->octets, blob->length);
    *event->get_secret.out_length = blob->length;
}

static struct talk *create(enum bluet_address_mode mode, uint8_t flags)
{
    make_blobs(flags);
    struct talk *talk = talk_create(NULL);
    talk->tells_questions = true;
    talk->on_event = answer_questions;
    assert_int_equal(bluet_set_address_mode(talk->host, mode), BLUET_OK);
    return talk;
}

static struct talk *begin(enum bluet_address_mode mode, uint16_t refused, uint8_t status)
{
    struct talk *talk = create(mode, SM_SECRET_PRIVATE);
    talk->controller.refused = refused;
    talk->controller.status = status;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    talk->controller.refused = 0;
    return talk;
}

static struct talk *begin_without_list(enum bluet_address_mode mode)
{
    struct talk *talk = create(mode, SM_SECRET_PRIVATE);
    talk->controller.le_features &= ~(uint64_t)0x40;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    return talk;
}

static void end(struct talk *talk)
{
    talk_forget(talk);
    talk_destroy(talk);
}

/* ---- Lines of the script ---- */

/* The host has sent that command, and gets that answer. */
static void step(struct talk *talk, const char *command, uint8_t status)
{
    char answer[40];
    talk_expect(talk, command);
    snprintf(answer, sizeof answer, "04 0e 04 01 %.5s %02x", command + 3, status);
    talk_receive(talk, answer);
}

/* The same of one that is answered by Command Status. */
static void step_begun(struct talk *talk, const char *command, uint8_t status)
{
    char answer[40];
    talk_expect(talk, command);
    snprintf(answer, sizeof answer, "04 0f 04 %02x 01 %.5s", status, command + 3);
    talk_receive(talk, answer);
}

static const char *hex_of(const struct bluet_address *address)
{
    static char hex[4][24];
    static unsigned next;
    char *out = hex[next++ % 4];
    const uint8_t *o = address->octets;
    snprintf(out, sizeof hex[0], "%02x %02x %02x %02x %02x %02x", o[5], o[4], o[3], o[2], o[1], o[0]);
    return out;
}

static void report(struct talk *talk, uint8_t adv_type, uint8_t address_type, const struct bluet_address *address)
{
    char hex[64];
    snprintf(hex, sizeof hex, "04 3e 0c 02 01 %02x %02x %s 00 c8", adv_type, address_type, hex_of(address));
    talk_receive(talk, hex);
}

static void expect_report(struct talk *talk, uint8_t adv_type, const struct bluet_address *peer)
{
    char text[96];
    const uint8_t *o = peer->octets;
    snprintf(text, sizeof text, "SCAN_RESULT %u/%02x%02x%02x%02x%02x%02x type %u rssi -56", peer->type, o[0], o[1],
             o[2], o[3], o[4], o[5], adv_type);
    talk_expect_event(talk, text);
}

static void start_scan(struct talk *talk)
{
    assert_true(bluet_gap_scan(talk->host, 0, 30000, 30000, false) > 0);
    talk_answer(talk);
    talk_forget(talk);
}

static void start_advertising(struct talk *talk)
{
    assert_true(bluet_gap_advertise(talk->host, 100000, NULL, NULL, true) > 0);
    talk_answer(talk);
    talk_forget(talk);
}

static void connection_complete(struct talk *talk, uint8_t role, uint8_t type, const struct bluet_address *peer)
{
    char hex[80];
    snprintf(hex, sizeof hex, "04 3e 13 01 00 40 00 %02x %02x %s 18 00 00 00 f4 01 00", role, type, hex_of(peer));
    talk_receive(talk, hex);
}

/* ---- The resolving list ---- */

static const char zeros_hex[] = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";

static void expect_entry(struct talk *talk, uint8_t index, const char *local, uint8_t status)
{
    char hex[200];
    const struct bluet_address identity = identity_of(index);
    int used = snprintf(hex, sizeof hex, "01 27 20 27 00 %s", hex_of(&identity));
    for (int i = 0; i < 16; i++)
        used += snprintf(hex + used, sizeof hex - (size_t)used, " %02x", 0xa0 + index);
    snprintf(hex + used, sizeof hex - (size_t)used, " %s", local);
    step(talk, hex, status);
    if (status != HCI_SUCCESS)
        return;
    snprintf(hex, sizeof hex, "01 4e 20 08 00 %s 01", hex_of(&identity));
    step(talk, hex, HCI_SUCCESS);
}

/* Before the activation ends; our own key is in it only if we use it. */
static void test_list_at_activation(void **state)
{
    (void)state;
    static const enum bluet_address_mode modes[] = {BLUET_ADDRESS_MODE_PUBLIC, BLUET_ADDRESS_MODE_STATIC,
                                                    BLUET_ADDRESS_MODE_RPA, BLUET_ADDRESS_MODE_NRPA};
    for (size_t i = 0; i < 4; i++) {
        struct talk *talk = create(modes[i], 0);
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer_until(talk, HCI_LE_CLEAR_RESOLVING_LIST);
        step(talk, "01 29 20 00", HCI_SUCCESS);
        /* The script's random counts up from zero. */
        const char *local =
            modes[i] == BLUET_ADDRESS_MODE_RPA ? "0f 0e 0d 0c 0b 0a 09 08 07 06 05 04 03 02 01 00" : zeros_hex;
        expect_entry(talk, 0, local, HCI_SUCCESS);
        expect_entry(talk, 1, local, HCI_SUCCESS);
        step(talk, "01 2e 20 02 84 03", HCI_SUCCESS);
        assert_false(bluet_is_active(talk->host));
        assert_int_equal(bluet_gap_advertise_stop(talk->host), BLUET_ENODEV);
        step(talk, "01 2d 20 01 01", HCI_SUCCESS);
        assert_true(bluet_is_active(talk->host));
        talk_expect_nothing(talk);
        end(talk);
    }
}

/* What does not fit is resolved here: reports, and connections by a scan. */
static void test_list_is_full(void **state)
{
    (void)state;
    struct talk *talk = create(BLUET_ADDRESS_MODE_PUBLIC, 0);
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer_until(talk, HCI_LE_CLEAR_RESOLVING_LIST);
    step(talk, "01 29 20 00", HCI_SUCCESS);
    expect_entry(talk, 0, zeros_hex, HCI_SUCCESS);
    expect_entry(talk, 1, zeros_hex, HCI_MEMORY_CAPACITY_EXCEEDED);
    step(talk, "01 2e 20 02 84 03", HCI_SUCCESS);
    step(talk, "01 2d 20 01 01", HCI_SUCCESS);
    talk_forget(talk);
    start_scan(talk);
    const struct bluet_address one = resolvable_of(1, 9), identity = identity_of(1), first = identity_of(0);
    report(talk, 0, 1, &one);
    expect_report(talk, 0, &identity);
    report(talk, 3, 2, &first);
    expect_report(talk, 3, &first);
    assert_true(bluet_gap_scan_stop(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
    assert_true(bluet_gap_connect(talk->host, &first, 0, NULL) > 0);
    step_begun(talk, "01 0d 20 19 60 00 60 00 00 00 00 50 40 30 20 10 00 .. .. .. .. .. .. .. .. .. .. .. ..", 0);
    assert_true(bluet_gap_connect_cancel(talk->host) > 0);
    talk_answer(talk);
    talk_receive(talk, "04 3e 13 01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    talk_forget(talk);
    assert_true(bluet_gap_connect(talk->host, &identity, 0, NULL) > 0);
    step(talk, "01 0b 20 07 00 60 00 60 00 00 00", HCI_SUCCESS);
    step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
    end(talk);
}

/* Whatever it cannot, or will not, the host does. */
static void test_controllers_that_do_not_resolve(void **state)
{
    (void)state;
    static const uint16_t refused[] = {HCI_LE_CLEAR_RESOLVING_LIST, HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST,
                                       HCI_LE_SET_PRIVACY_MODE, HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE};
    for (size_t i = 0; i < 6; i++) {
        struct talk *talk = i < 4 ? begin(BLUET_ADDRESS_MODE_PUBLIC, refused[i], HCI_UNSUPPORTED_FEATURE_OR_PARAMETER)
                                  : create(BLUET_ADDRESS_MODE_PUBLIC, 0);
        if (i >= 4) {
            /* One of 4.2 has the list, but would ignore peers in it that show their identity. */
            talk->controller.commands[39] &= (uint8_t)(i == 4 ? ~0x04 : 0xff);
            talk->controller.le_features &= i == 4 ? ~0ull : ~0x40ull;
            assert_int_equal(bluet_activate(talk->host), 1);
            talk_answer_until(talk, HCI_LE_CLEAR_RESOLVING_LIST);
            assert_true(bluet_is_active(talk->host));
            talk_forget(talk);
        }
        start_scan(talk);
        for (uint8_t j = 0; j < BONDS; j++) {
            const struct bluet_address address = resolvable_of(j, 7), identity = identity_of(j);
            report(talk, 0, 1, &address);
            expect_report(talk, 0, &identity);
        }
        struct bluet_address other = resolvable_of(0, 8);
        other.octets[5] ^= 1;
        report(talk, 0, 1, &other);
        expect_report(talk, 0, &other);
        other.type = BLUET_ADDRESS_PUBLIC; /* a public address is what it is */
        other = resolvable_of(0, 8);
        other.type = BLUET_ADDRESS_PUBLIC;
        report(talk, 0, 0, &other);
        expect_report(talk, 0, &other);
        end(talk);
    }
}

/* An address is computed with once: what has been found out is remembered, until the bonds change. */
static void test_addresses_are_remembered(void **state)
{
    (void)state;
    struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
    start_scan(talk);
    const struct bluet_address address = resolvable_of(0, 7), identity = identity_of(0), other = identity_of(1);
    report(talk, 0, 1, &address);
    expect_report(talk, 0, &identity);
    struct sm_bonds *bonds = &talk->host->sm.bonds;
    memset(bonds->bonds[0].irk, 0x11, 16);
    report(talk, 0, 1, &address);
    expect_report(talk, 0, &identity);
    assert_int_equal(bluet_bond_delete(talk->host, &other), BLUET_OK);
    talk_pass(talk, 0);
    talk_forget(talk);
    report(talk, 0, 1, &address);
    expect_report(talk, 0, &address);
    memset(bonds->bonds[0].irk, 0xa0, 16);
    report(talk, 0, 1, &address);
    expect_report(talk, 0, &address);
    end(talk);
}

/* A bond that goes leaves the list; what runs is paused for that, and goes on. */
static void test_list_follows_bonds(void **state)
{
    (void)state;
    struct talk *talk = begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
    start_scan(talk);
    start_advertising(talk);
    const struct bluet_address gone = identity_of(0);
    assert_int_equal(bluet_bond_delete(talk->host, &gone), BLUET_OK);
    talk_pass(talk, 0);
    step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
    step(talk, "01 2d 20 01 00", HCI_SUCCESS);
    step(talk, "01 29 20 00", HCI_SUCCESS);
    expect_entry(talk, 1, zeros_hex, HCI_SUCCESS);
    step(talk, "01 2e 20 02 84 03", HCI_SUCCESS);
    step(talk, "01 2d 20 01 01", HCI_SUCCESS);
    step(talk, "01 0a 20 01 01", HCI_SUCCESS);
    step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
    talk_expect_nothing(talk);
    const struct bluet_address last = identity_of(1);
    assert_int_equal(bluet_bond_delete(talk->host, &last), BLUET_OK);
    talk_pass(talk, 0);
    talk_answer(talk);
    talk_forget(talk);
    /* The time that private addresses last is told, too; and nothing, while nobody is in the list. */
    assert_int_equal(bluet_set_rpa_timeout(talk->host, 0x102), BLUET_OK);
    talk_pass(talk, 0);
    talk_answer_until(talk, HCI_LE_SET_RESOLVABLE_PRIVATE_ADDRESS_TIMEOUT);
    step(talk, "01 2e 20 02 02 01", HCI_SUCCESS);
    end(talk);
}

/* ---- Rotation ---- */

static void test_rotation(void **state)
{
    (void)state;
    static const enum bluet_address_mode modes[] = {BLUET_ADDRESS_MODE_RPA, BLUET_ADDRESS_MODE_NRPA};
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = begin_without_list(modes[i]);
        struct bluet_address before, after;
        uint64_t began = talk->host->address.since;
        assert_int_equal(bluet_own_address(talk->host, &before), BLUET_OK);
        start_advertising(talk);
        start_scan(talk);
        talk_pass(talk, began + PERIOD_US - 1 - talk->now);
        talk_expect_nothing(talk);
        talk_pass(talk, 1);
        step(talk, "01 0a 20 01 00", HCI_COMMAND_DISALLOWED); /* some say so, of what has ended a moment ago */
        step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
        struct talk_packet command = talk_take(talk);
        assert_int_equal(bluet_own_address(talk->host, &after), BLUET_OK);
        assert_memory_equal(&before, &after, sizeof before);
        talk_receive(talk, "04 0e 04 01 05 20 00");
        assert_int_equal(bluet_own_address(talk->host, &after), BLUET_OK);
        for (size_t j = 0; j < 6; j++)
            assert_int_equal(after.octets[j], command.octets[9 - j]);
        assert_int_equal(after.octets[0] >> 6, modes[i] == BLUET_ADDRESS_MODE_RPA);
        if (modes[i] == BLUET_ADDRESS_MODE_RPA) {
            uint8_t hash[3];
            assert_true(sm_ah(hash, talk->host->sm.bonds.irk, after.octets));
            assert_memory_equal(hash, after.octets + 3, 3);
        }
        assert_memory_not_equal(&before, &after, sizeof before);
        step(talk, "01 0a 20 01 01", HCI_SUCCESS);
        step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
        talk_pass(talk, PERIOD_US - 1);
        talk_expect_nothing(talk);
        talk_expect_no_event(talk);
        end(talk);
    }
}

/* An attempt at a connection is given up, and begun again; if it is made meanwhile, that is that. */
static void test_rotation_while_connecting(void **state)
{
    (void)state;
    const struct bluet_address peer = {BLUET_ADDRESS_PUBLIC, {1, 2, 3, 4, 5, 6}};
    const char create_hex[] = "01 0d 20 19 60 00 60 00 00 00 06 05 04 03 02 01 01 .. .. .. .. .. .. .. .. .. .. .. ..";
    for (int made = 0; made < 2; made++) {
        struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_RPA);
        assert_true(bluet_gap_connect(talk->host, &peer, 1000000000 / 1000 * 2, NULL) > 0);
        step_begun(talk, create_hex, HCI_SUCCESS);
        talk_forget(talk);
        struct bluet_address under;
        assert_int_equal(bluet_own_address(talk->host, &under), BLUET_OK);
        talk_pass(talk, PERIOD_US);
        step(talk, "01 0e 20 00", made ? HCI_COMMAND_DISALLOWED : HCI_SUCCESS);
        talk_expect_nothing(talk);
        if (made)
            talk_receive(talk, "04 3e 13 01 00 40 00 00 00 06 05 04 03 02 01 18 00 00 00 f4 01 00");
        else
            talk_receive(talk, "04 3e 13 01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
        if (made) {
            assert_memory_equal(&talk->host->sm.pairings[0].own, &under, sizeof under);
            talk_answer(talk);
            talk_peer_is_heard(talk, HANDLE);
            talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0040 0/010203040506");
        } else {
            step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
            talk_pass(talk, 0);
            step_begun(talk, create_hex, HCI_SUCCESS);
        }
        talk_expect_no_event(talk);
        talk_expect_nothing(talk);
        end(talk);
    }
}

/* A connection that ends advertising within the pause, or is told of when it has begun again. */
static void test_connection_in_a_pause(void **state)
{
    (void)state;
    const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 2, 3, 4, 5, 6}};
    for (int late = 0; late < 2; late++) {
        struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_RPA);
        struct bluet_address under;
        assert_int_equal(bluet_own_address(talk->host, &under), BLUET_OK);
        start_advertising(talk);
        talk_pass(talk, PERIOD_US);
        step(talk, "01 0a 20 01 00", HCI_SUCCESS);
        struct talk_packet command = talk_take(talk);
        if (late)
            talk_receive(talk, "04 0e 04 01 05 20 00");
        connection_complete(talk, 1, 1, &peer);
        talk_expect_event(talk, "CENTRAL_CONNECT 0x0040 1/c00203040506");
        assert_memory_equal(&talk->host->sm.pairings[0].own, &under, sizeof under);
        if (late) {
            step(talk, "01 0a 20 01 01", HCI_SUCCESS);
            step(talk, "01 0a 20 01 00", HCI_SUCCESS);
        } else {
            talk_receive(talk, "04 0e 04 01 05 20 00");
        }
        assert_int_equal(command.octets[1], 0x05);
        talk_expect_nothing(talk);
        assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
        talk_pass(talk, PERIOD_US / 2);
        talk_expect_nothing(talk);
        end(talk);
    }
}

/* What the application stops in a pause, stays stopped; what it begins makes that all is tried again. */
static void test_application_in_a_pause(void **state)
{
    (void)state;
    struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_RPA);
    start_advertising(talk);
    start_scan(talk);
    talk_pass(talk, PERIOD_US);
    step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    int stop = bluet_gap_advertise_stop(talk->host);
    int end_of_scan = bluet_gap_scan_stop(talk->host);
    assert_true(stop > 0 && end_of_scan > 0);
    step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
    step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
    step(talk, "01 0a 20 01 00", HCI_COMMAND_DISALLOWED);
    step(talk, "01 0c 20 02 00 00", HCI_COMMAND_DISALLOWED);
    char text[64];
    snprintf(text, sizeof text, "OPERATION_DONE %d error 0 status 0x00", stop);
    talk_expect_event(talk, text);
    talk_expect_event(talk, "SCAN_DONE");
    snprintf(text, sizeof text, "OPERATION_DONE %d error 0 status 0x00", end_of_scan);
    talk_expect_event(talk, text);
    talk_expect_nothing(talk);
    end(talk);

    talk = begin_without_list(BLUET_ADDRESS_MODE_RPA);
    talk_pass(talk, PERIOD_US);
    step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_COMMAND_DISALLOWED);
    start_advertising(talk);
    talk_pass(talk, 9999);
    talk_expect_nothing(talk);
    talk_pass(talk, 1);
    step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
    step(talk, "01 0a 20 01 01", HCI_SUCCESS);
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    end(talk);
}

/* One that refuses for ever is left in peace, until the next time; advertising goes on. */
static void test_refusal_for_ever(void **state)
{
    (void)state;
    struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_RPA);
    start_advertising(talk);
    talk->controller.refused = HCI_LE_SET_RANDOM_ADDRESS;
    talk->controller.status = HCI_COMMAND_DISALLOWED;
    for (uint64_t passed = 0; passed < PERIOD_US + 10000000; passed += 10000) {
        talk_pass(talk, 10000);
        talk_answer(talk);
    }
    talk->controller.refused = 0;
    assert_true(talk->host->advertise.on && !talk->host->advertise.paused);
    talk_pass(talk, 10000000);
    talk_expect_nothing(talk);
    talk_pass(talk, PERIOD_US - 20000000);
    talk_expect_nothing(talk);
    for (int seconds = 0; seconds < 20 && talk->packet_count == 0; seconds++)
        talk_pass(talk, 1000000);
    step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
    step(talk, "01 0a 20 01 01", HCI_SUCCESS);
    end(talk);

    talk = begin(BLUET_ADDRESS_MODE_PUBLIC, HCI_LE_CLEAR_RESOLVING_LIST, HCI_COMMAND_DISALLOWED);
    talk->controller.refused = HCI_LE_CLEAR_RESOLVING_LIST;
    for (int i = 0; i < 1000; i++) {
        talk_pass(talk, 10000);
        talk_answer(talk);
    }
    assert_true(talk->host->privacy.list_refused);
    talk_pass(talk, PERIOD_US);
    talk_expect_nothing(talk);
    end(talk);
}

/* ---- Modes ---- */

/* A controller that knows no random addresses. */
static void test_no_random_addresses(void **state)
{
    (void)state;
    struct talk *talk = create(BLUET_ADDRESS_MODE_PUBLIC, 0);
    talk->controller.refused = HCI_LE_SET_RANDOM_ADDRESS;
    talk->controller.status = HCI_UNKNOWN_COMMAND;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_forget(talk);
    assert_true(bluet_is_active(talk->host));
    for (int mode = BLUET_ADDRESS_MODE_STATIC; mode <= BLUET_ADDRESS_MODE_NRPA; mode++) {
        char text[64];
        int ticket = bluet_set_address_mode(talk->host, (enum bluet_address_mode)mode);
        talk_answer(talk);
        snprintf(text, sizeof text, "OPERATION_DONE %d error -95 status 0x01", ticket);
        talk_expect_event(talk, text);
        assert_int_equal(bluet_address_mode(talk->host), BLUET_ADDRESS_MODE_PUBLIC);
    }
    talk_pass(talk, 2 * (uint64_t)PERIOD_US);
    talk_expect_nothing(talk);
    end(talk);
    talk = create(BLUET_ADDRESS_MODE_RPA, 0);
    talk->tells_questions = false;
    talk->controller.refused = HCI_LE_SET_RANDOM_ADDRESS;
    talk->controller.status = HCI_UNKNOWN_COMMAND;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error -95 status 0x01");
    talk_destroy(talk);
}

/* With the mode goes the key in the list. */
static void test_change_of_mode(void **state)
{
    (void)state;
    struct talk *talk = begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_RPA), 2);
    step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_pass(talk, 0);
    talk_answer_until(talk, HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST);
    expect_entry(talk, 0, "0f 0e 0d 0c 0b 0a 09 08 07 06 05 04 03 02 01 00", HCI_SUCCESS);
    talk_answer(talk);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_PUBLIC), 0);
    talk_pass(talk, 0);
    talk_answer_until(talk, HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST);
    expect_entry(talk, 0, zeros_hex, HCI_SUCCESS);
    talk_answer(talk);
    talk_pass(talk, 2 * (uint64_t)PERIOD_US); /* a public address does not grow old */
    talk_expect_nothing(talk);
    end(talk);
}

/* ---- Our own key ---- */

static struct blob irk_blob;

static void answer_with_irk(struct talk *talk, const struct bluet_event *event)
{
    (void)talk;
    if (event->code == BLUET_EVENT_SET_SECRET && event->set_secret.sec_type == BLUET_SECRET_IRK) {
        assert_memory_equal(event->set_secret.key, "irk", event->set_secret.key_length);
        keep_blob(&irk_blob, NULL, event);
    } else if (event->code == BLUET_EVENT_GET_SECRET && event->get_secret.sec_type == BLUET_SECRET_IRK) {
        memcpy(event->get_secret.out_value, irk_blob.octets, irk_blob.length);
        *event->get_secret.out_length = irk_blob.length;
    }
}

static struct bluet_address activate_and_look(struct talk *talk)
{
    struct bluet_address own;
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    assert_int_equal(bluet_own_address(talk->host, &own), BLUET_OK);
    talk_forget(talk);
    return own;
}

static void deactivate(struct talk *talk)
{
    assert_true(bluet_deactivate(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
}

/* Drawn by chance, it lasts as long as the host; one that was kept is taken up by another host, and a damaged one not.
 */
static void test_identity_key(void **state)
{
    (void)state;
    irk_blob.length = 0;
    struct talk *talk = create(BLUET_ADDRESS_MODE_STATIC, 0);
    talk->on_event = answer_with_irk;
    const struct bluet_address address = activate_and_look(talk);
    uint8_t irk[16];
    memcpy(irk, talk->host->sm.bonds.irk, sizeof irk);
    deactivate(talk);
    struct bluet_address again = activate_and_look(talk);
    assert_memory_equal(&again, &address, sizeof address);
    assert_memory_equal(talk->host->sm.bonds.irk, irk, sizeof irk);
    talk->answer = 1; /* kept */
    const struct sm_secret secret = {.key_size = 16};
    sm_bonds_keep(&talk->host->sm.bonds, &secret, &secret);
    assert_true(irk_blob.length > 0);
    end(talk);

    for (size_t damaged = 0; damaged <= irk_blob.length; damaged++) {
        talk = create(BLUET_ADDRESS_MODE_STATIC, 0);
        talk->on_event = answer_with_irk;
        talk->random = 0x77;
        if (damaged)
            irk_blob.octets[damaged - 1] ^= 0x40;
        again = activate_and_look(talk);
        if (damaged)
            irk_blob.octets[damaged - 1] ^= 0x40;
        assert_int_equal(memcmp(talk->host->sm.bonds.irk, irk, sizeof irk) == 0, damaged == 0);
        assert_int_equal(memcmp(&again, &address, sizeof address) == 0, damaged == 0);
        end(talk);
    }
}

static void deactivate_when_asked(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GET_SECRET)
        assert_true(bluet_deactivate(talk->host) > 0);
}

static void test_deactivation_when_asked_for_secrets(void **state)
{
    (void)state;
    struct talk *talk = create(BLUET_ADDRESS_MODE_RPA, 0);
    talk->on_event = deactivate_when_asked;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    assert_false(bluet_is_active(talk->host));
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    end(talk);
}

/* ---- Connections ---- */

struct ends {
    uint8_t role, type;
    const char *peer, *local_rpa, *peer_rpa; /* as in the event */
    const char *event;                       /* NULL: refused */
    struct bluet_address own, on_air;
};

static const char none[] = "00 00 00 00 00 00";

/* Enhanced or not, resolved or not, true or made up: the application hears of the identity, pairing goes by the air. */
static void test_ends_of_a_connection(void **state)
{
    (void)state;
    static const struct bluet_address ours = {BLUET_ADDRESS_PUBLIC, {0xc4, 0x11, 0x22, 0x33, 0x44, 0x55}};
    static const struct bluet_address local = {BLUET_ADDRESS_RANDOM, {0x46, 5, 4, 3, 2, 1}};
    static const struct bluet_address remote = {BLUET_ADDRESS_RANDOM, {0x4c, 11, 10, 9, 8, 7}};
    static const struct bluet_address known = {BLUET_ADDRESS_PUBLIC, {0x10, 0x20, 0x30, 0x40, 0x50, 0x01}};
    static const char known_hex[] = "01 50 40 30 20 10", local_hex[] = "01 02 03 04 05 46";
    static const char remote_hex[] = "07 08 09 0a 0b 4c", connect_text[] = "CENTRAL_CONNECT 0x0040 0/102030405001";
    const struct ends rows[] = {
        {1, 2, known_hex, local_hex, remote_hex, connect_text, local, remote},
        {1, 2, known_hex, none, remote_hex, connect_text, ours, remote},
        {1, 0, known_hex, none, none, connect_text, ours, known},
        {1, 2, known_hex, none, none, connect_text, ours, known},
        {1, 1, remote_hex, none, none, "CENTRAL_CONNECT 0x0040 1/4c0b0a090807", ours, remote},
        {1, 3, "01 50 40 30 20 d0", none, remote_hex, "CENTRAL_CONNECT 0x0040 1/d02030405001", ours, remote},
        {1, 0x04, known_hex, none, none, NULL, ours, known},
        {1, 0xfe, remote_hex, local_hex, remote_hex, NULL, ours, known},
        {1, 0xff, none, none, none, NULL, ours, known},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk *talk = begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
        start_advertising(talk);
        char hex[160];
        snprintf(hex, sizeof hex, "04 3e 1f 0a 00 40 00 %02x %02x %s %s %s 18 00 00 00 f4 01 00", rows[i].role,
                 rows[i].type, rows[i].peer, rows[i].local_rpa, rows[i].peer_rpa);
        talk_receive(talk, hex);
        if (rows[i].event) {
            talk_expect_event(talk, rows[i].event);
            const struct sm_pairing *pairing = &talk->host->sm.pairings[0];
            assert_memory_equal(&pairing->own, &rows[i].own, sizeof pairing->own);
            assert_memory_equal(&pairing->peer, &rows[i].on_air, sizeof pairing->peer);
        } else {
            talk_expect(talk, "01 06 04 03 40 00 14"); /* who that is cannot be known */
            assert_int_equal(talk->host->links.count, 0);
        }
        talk_expect_nothing(talk);
        talk_expect_no_event(talk);
        end(talk);
    }
}

/* As peripheral: from an address that we resolve. */
static void test_central_is_resolved_here(void **state)
{
    (void)state;
    struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_RPA);
    struct bluet_address own;
    start_advertising(talk);
    assert_int_equal(bluet_own_address(talk->host, &own), BLUET_OK);
    const struct bluet_address address = resolvable_of(1, 3), identity = identity_of(1);
    connection_complete(talk, 1, 1, &address);
    talk_expect_event(talk, "CENTRAL_CONNECT 0x0040 0/102030405001");
    assert_memory_equal(&talk->host->sm.pairings[0].own, &own, sizeof own);
    assert_memory_equal(&talk->host->sm.pairings[0].peer, &address, sizeof address);
    assert_int_equal(bluet_gap_connect(talk->host, &address, 0, NULL), BLUET_EISCONN);
    assert_int_equal(bluet_gap_connect(talk->host, &identity, 0, NULL), BLUET_EISCONN);
    talk_receive(talk, "04 05 04 00 40 00 13");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 0/102030405001 reason 0x13");
    end(talk);
}

/* A scan that nobody sees; others, and what cannot be connected to, are passed over. */
static void test_peer_is_sought(void **state)
{
    (void)state;
    struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
    const struct bluet_address wanted = identity_of(1), other = resolvable_of(0, 1), address = resolvable_of(1, 2);
    assert_int_equal(bluet_gap_connect(talk->host, &wanted, 5000, NULL), 2);
    step(talk, "01 0b 20 07 00 60 00 60 00 00 00", HCI_SUCCESS);
    report(talk, 0, 1, &address); /* of an earlier scan */
    step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_pass(talk, 1000000);
    end(talk);

    talk = begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
    assert_int_equal(bluet_gap_connect(talk->host, &wanted, 5000, NULL), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    report(talk, 0, 1, &other);
    report(talk, 2, 1, &address);
    report(talk, 3, 1, &address);
    report(talk, 4, 1, &address);
    talk_expect_nothing(talk);
    report(talk, 1, 1, &address);
    step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
    char hex[128];
    snprintf(hex, sizeof hex, "01 0d 20 19 60 00 60 00 00 01 %s 00 .. .. .. .. .. .. .. .. .. .. .. ..",
             hex_of(&address));
    step_begun(talk, hex, HCI_SUCCESS);
    talk_expect_no_event(talk);
    connection_complete(talk, 0, 1, &address);
    talk_answer(talk);
    talk_peer_is_heard(talk, HANDLE);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0040 0/102030405001");
    assert_memory_equal(&talk->host->sm.pairings[0].peer, &address, sizeof address);
    assert_ptr_equal(talk->host->sm.pairings[0].bond, &talk->host->sm.bonds.bonds[1]);
    end(talk);
}

/* The scan is refused: the attempt has failed. */
static void test_seeking_refused(void **state)
{
    (void)state;
    static const uint16_t refused[] = {HCI_LE_SET_SCAN_PARAMETERS, HCI_LE_SET_SCAN_ENABLE};
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
        const struct bluet_address wanted = identity_of(1);
        talk->controller.refused = refused[i];
        talk->controller.status = HCI_HARDWARE_FAILURE;
        assert_int_equal(bluet_gap_connect(talk->host, &wanted, 5000, NULL), 2);
        talk_answer(talk);
        talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x03");
        talk_expect_event(talk, "OPERATION_DONE 2 error -5 status 0x03");
        assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
        end(talk);
    }
}

/* As central towards one in the list: the controller may use any private address, and says which. */
static void test_connection_to_one_in_the_list(void **state)
{
    (void)state;
    static const struct bluet_address local = {BLUET_ADDRESS_RANDOM, {0x46, 5, 4, 3, 2, 1}};
    struct talk *talk = begin(BLUET_ADDRESS_MODE_RPA, 0, 0);
    const struct bluet_address peer = identity_of(0), address = resolvable_of(0, 5);
    assert_true(bluet_gap_connect(talk->host, &address, 0, NULL) > 0);
    step_begun(talk, "01 0d 20 19 60 00 60 00 00 00 00 50 40 30 20 10 03 .. .. .. .. .. .. .. .. .. .. .. ..", 0);
    talk_forget(talk);
    char hex[160];
    snprintf(hex, sizeof hex, "04 3e 1f 0a 00 40 00 00 02 %s %s %s 18 00 00 00 f4 01 00", hex_of(&peer), hex_of(&local),
             hex_of(&address));
    talk_receive(talk, hex);
    talk_answer(talk);
    talk_peer_is_heard(talk, HANDLE);
    /* As it was asked for. */
    char text[64];
    const uint8_t *o = address.octets;
    snprintf(text, sizeof text, "PERIPHERAL_CONNECT 0x0040 1/%02x%02x%02x%02x%02x%02x", o[0], o[1], o[2], o[3], o[4],
             o[5]);
    talk_expect_event(talk, text);
    assert_memory_equal(&talk->host->sm.pairings[0].own, &local, sizeof local);
    assert_memory_equal(&talk->host->sm.pairings[0].peer, &address, sizeof address);
    assert_ptr_equal(talk->host->sm.pairings[0].bond, &talk->host->sm.bonds.bonds[0]);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), BLUET_EISCONN);
    end(talk);
}

/* Directed to a peer that uses private addresses: the controller names it by such a one, if it knows its key. */
static void test_directed(void **state)
{
    (void)state;
    struct talk *talk = begin(BLUET_ADDRESS_MODE_RPA, 0, 0);
    const struct bluet_address peer = identity_of(0), address = resolvable_of(0, 5);
    assert_true(bluet_gap_advertise_directed(talk->host, 100000, &peer) > 0);
    step(talk, "01 06 20 0f a0 00 a0 00 04 03 00 00 50 40 30 20 10 07 00", HCI_SUCCESS);
    talk_answer(talk);
    assert_true(bluet_gap_advertise_directed(talk->host, 100000, &address) > 0);
    step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    step(talk, "01 06 20 0f a0 00 a0 00 04 03 00 00 50 40 30 20 10 07 00", HCI_SUCCESS);
    end(talk);
    talk = begin_without_list(BLUET_ADDRESS_MODE_RPA);
    assert_true(bluet_gap_advertise_directed(talk->host, 100000, &peer) > 0);
    step(talk, "01 06 20 0f a0 00 a0 00 04 01 00 00 50 40 30 20 10 07 00", HCI_SUCCESS);
    end(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_at_activation),
        cmocka_unit_test(test_list_is_full),
        cmocka_unit_test(test_controllers_that_do_not_resolve),
        cmocka_unit_test(test_addresses_are_remembered),
        cmocka_unit_test(test_list_follows_bonds),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_rotation_while_connecting),
        cmocka_unit_test(test_connection_in_a_pause),
        cmocka_unit_test(test_application_in_a_pause),
        cmocka_unit_test(test_refusal_for_ever),
        cmocka_unit_test(test_no_random_addresses),
        cmocka_unit_test(test_change_of_mode),
        cmocka_unit_test(test_identity_key),
        cmocka_unit_test(test_deactivation_when_asked_for_secrets),
        cmocka_unit_test(test_ends_of_a_connection),
        cmocka_unit_test(test_central_is_resolved_here),
        cmocka_unit_test(test_peer_is_sought),
        cmocka_unit_test(test_seeking_refused),
        cmocka_unit_test(test_connection_to_one_in_the_list),
        cmocka_unit_test(test_directed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
