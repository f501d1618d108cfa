/*
 * Privacy against a controller that is a script: what it is told of bonds, what comes of its refusals, and who is at
 * the ends of a connection (Vol 3 Part C, 10.7; Vol 4 Part E, 7.8.38 to 7.8.45, 7.8.77).
 */
#include "bonded.h"

#include "host/host.h"

#include <stdio.h>
#include <string.h>

enum { HANDLE = 0x40 };

/* ---- The resolving list ---- */

static const char zeros_hex[] = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";

static void expect_entry(struct talk *talk, uint8_t index, const char *local, uint8_t status)
{
    char hex[200];
    const struct bluet_address identity = bonded_identity(index);
    int used = snprintf(hex, sizeof hex, "01 27 20 27 00 %s", bonded_hex(&identity));
    for (int i = 0; i < 16; i++)
        used += snprintf(hex + used, sizeof hex - (size_t)used, " %02x", 0xa0 + index);
    snprintf(hex + used, sizeof hex - (size_t)used, " %s", local);
    bonded_step(talk, hex, status);
    if (status != HCI_SUCCESS)
        return;
    snprintf(hex, sizeof hex, "01 4e 20 08 00 %s 01", bonded_hex(&identity));
    bonded_step(talk, hex, HCI_SUCCESS);
}

/* Before the activation ends; our own key is in it only if we use it. */
static void test_list_at_activation(void **state)
{
    (void)state;
    static const enum bluet_address_mode modes[] = {BLUET_ADDRESS_MODE_PUBLIC, BLUET_ADDRESS_MODE_STATIC,
                                                    BLUET_ADDRESS_MODE_RPA, BLUET_ADDRESS_MODE_NRPA};
    for (size_t i = 0; i < 4; i++) {
        struct talk *talk = bonded_create(modes[i], 0);
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer_until(talk, HCI_LE_CLEAR_RESOLVING_LIST);
        bonded_step(talk, "01 29 20 00", HCI_SUCCESS);
        /* The script's random counts up from zero. */
        const char *local =
            modes[i] == BLUET_ADDRESS_MODE_RPA ? "0f 0e 0d 0c 0b 0a 09 08 07 06 05 04 03 02 01 00" : zeros_hex;
        expect_entry(talk, 0, local, HCI_SUCCESS);
        expect_entry(talk, 1, local, HCI_SUCCESS);
        bonded_step(talk, "01 2e 20 02 84 03", HCI_SUCCESS);
        assert_false(bluet_is_active(talk->host));
        assert_int_equal(bluet_gap_advertise_stop(talk->host), BLUET_ENODEV);
        bonded_step(talk, "01 2d 20 01 01", HCI_SUCCESS);
        assert_true(bluet_is_active(talk->host));
        talk_expect_nothing(talk);
        bonded_end(talk);
    }
}

/* What does not fit is resolved here: reports, and connections by a scan. */
static void test_list_is_full(void **state)
{
    (void)state;
    struct talk *talk = bonded_create(BLUET_ADDRESS_MODE_PUBLIC, 0);
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer_until(talk, HCI_LE_CLEAR_RESOLVING_LIST);
    bonded_step(talk, "01 29 20 00", HCI_SUCCESS);
    expect_entry(talk, 0, zeros_hex, HCI_SUCCESS);
    expect_entry(talk, 1, zeros_hex, HCI_MEMORY_CAPACITY_EXCEEDED);
    bonded_step(talk, "01 2e 20 02 84 03", HCI_SUCCESS);
    bonded_step(talk, "01 2d 20 01 01", HCI_SUCCESS);
    talk_forget(talk);
    bonded_start_scan(talk);
    const struct bluet_address one = bonded_resolvable(1, 9), identity = bonded_identity(1), first = bonded_identity(0);
    bonded_report(talk, 0, 1, &one);
    bonded_expect_report(talk, 0, &identity);
    bonded_report(talk, 3, 2, &first);
    bonded_expect_report(talk, 3, &first);
    assert_true(bluet_gap_scan_stop(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
    assert_true(bluet_gap_connect(talk->host, &first, 0, NULL) > 0);
    bonded_step_begun(talk, "01 0d 20 19 60 00 60 00 00 00 00 50 40 30 20 10 00 .. .. .. .. .. .. .. .. .. .. .. ..",
                      0);
    assert_true(bluet_gap_connect_cancel(talk->host) > 0);
    talk_answer(talk);
    talk_receive(talk, "04 3e 13 01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    talk_forget(talk);
    assert_true(bluet_gap_connect(talk->host, &identity, 0, NULL) > 0);
    bonded_step(talk, "01 0b 20 07 00 60 00 60 00 00 00", HCI_SUCCESS);
    bonded_step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
    bonded_end(talk);
}

/* Whatever it cannot, or will not, the host does. */
static void test_controllers_that_do_not_resolve(void **state)
{
    (void)state;
    static const uint16_t refused[] = {HCI_LE_CLEAR_RESOLVING_LIST, HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST,
                                       HCI_LE_SET_PRIVACY_MODE, HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE};
    for (size_t i = 0; i < 6; i++) {
        struct talk *talk =
            i < 4 ? bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, refused[i], HCI_UNSUPPORTED_FEATURE_OR_PARAMETER)
                  : bonded_create(BLUET_ADDRESS_MODE_PUBLIC, 0);
        if (i >= 4) {
            /* One of 4.2 has the list, but would ignore peers in it that show their identity. */
            talk->controller.commands[39] &= (uint8_t)(i == 4 ? ~0x04 : 0xff);
            talk->controller.le_features &= i == 4 ? ~0ull : ~0x40ull;
            assert_int_equal(bluet_activate(talk->host), 1);
            talk_answer_until(talk, HCI_LE_CLEAR_RESOLVING_LIST);
            assert_true(bluet_is_active(talk->host));
            talk_forget(talk);
        }
        bonded_start_scan(talk);
        for (uint8_t j = 0; j < (uint8_t)BONDED_COUNT; j++) {
            const struct bluet_address address = bonded_resolvable(j, 7), identity = bonded_identity(j);
            bonded_report(talk, 0, 1, &address);
            bonded_expect_report(talk, 0, &identity);
        }
        struct bluet_address other = bonded_resolvable(0, 8);
        other.octets[5] ^= 1;
        bonded_report(talk, 0, 1, &other);
        bonded_expect_report(talk, 0, &other);
        other.type = BLUET_ADDRESS_PUBLIC; /* a public address is what it is */
        other = bonded_resolvable(0, 8);
        other.type = BLUET_ADDRESS_PUBLIC;
        bonded_report(talk, 0, 0, &other);
        bonded_expect_report(talk, 0, &other);
        bonded_end(talk);
    }
}

/* An address is computed with once: what has been found out is remembered, until the bonds change. */
static void test_addresses_are_remembered(void **state)
{
    (void)state;
    struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
    bonded_start_scan(talk);
    const struct bluet_address address = bonded_resolvable(0, 7), identity = bonded_identity(0),
                               other = bonded_identity(1);
    bonded_report(talk, 0, 1, &address);
    bonded_expect_report(talk, 0, &identity);
    struct sm_bonds *bonds = &talk->host->sm.bonds;
    memset(bonds->bonds[0].irk, 0x11, 16);
    bonded_report(talk, 0, 1, &address);
    bonded_expect_report(talk, 0, &identity);
    assert_true(bluet_bond_delete(talk->host, &other) > 0);
    talk_pass(talk, 0);
    talk_forget(talk);
    bonded_report(talk, 0, 1, &address);
    bonded_expect_report(talk, 0, &address);
    memset(bonds->bonds[0].irk, 0xa0, 16);
    bonded_report(talk, 0, 1, &address);
    bonded_expect_report(talk, 0, &address);
    bonded_end(talk);
}

/* A bond that goes leaves the list; what runs is paused for that, and goes on. */
static void test_list_follows_bonds(void **state)
{
    (void)state;
    struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
    bonded_start_scan(talk);
    bonded_start_advertising(talk);
    const struct bluet_address gone = bonded_identity(0);
    assert_true(bluet_bond_delete(talk->host, &gone) > 0);
    talk_pass(talk, 0);
    bonded_step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    bonded_step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
    bonded_step(talk, "01 2d 20 01 00", HCI_SUCCESS);
    bonded_step(talk, "01 29 20 00", HCI_SUCCESS);
    expect_entry(talk, 1, zeros_hex, HCI_SUCCESS);
    bonded_step(talk, "01 2e 20 02 84 03", HCI_SUCCESS);
    bonded_step(talk, "01 2d 20 01 01", HCI_SUCCESS);
    bonded_step(talk, "01 0a 20 01 01", HCI_SUCCESS);
    bonded_step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
    talk_expect_nothing(talk);
    const struct bluet_address last = bonded_identity(1);
    assert_true(bluet_bond_delete(talk->host, &last) > 0);
    talk_pass(talk, 0);
    talk_answer(talk);
    talk_forget(talk);
    /* The time that private addresses last is told, too; and nothing, while nobody is in the list. */
    assert_int_equal(bluet_set_rpa_timeout(talk->host, 0x102), BLUET_OK);
    talk_pass(talk, 0);
    talk_answer_until(talk, HCI_LE_SET_RESOLVABLE_PRIVATE_ADDRESS_TIMEOUT);
    bonded_step(talk, "01 2e 20 02 02 01", HCI_SUCCESS);
    bonded_end(talk);
}

/* With a key to resolve with, of which all octets are the same. */
static const struct sm_bond *keep_bond(struct talk *talk, const struct bluet_address *peer, uint8_t irk_octet)
{
    struct sm_given given = {.ours.keys = {.peer = *peer, .flags = SM_SECRET_LTK, .key_size = 16}, .identified = true};
    struct sm_secret secret = {.tail_length = 0};
    given.theirs = given.ours;
    memset(given.theirs.irk, irk_octet, sizeof given.theirs.irk);
    talk->answer = 1;
    const struct sm_bond *bond = sm_bonds_keep(&talk->host->sm.bonds, &given, &secret);
    talk_forget(talk);
    talk->answer = 0;
    return bond;
}

/* Another bond in the place of one whose entry is on its way: what the controller has taken is not of the new one. */
static void test_place_of_a_bond_is_used_again(void **state)
{
    (void)state;
    const struct bluet_address old = bonded_identity(0), new = {BLUET_ADDRESS_PUBLIC, {0xb0, 1, 2, 3, 4, 5}};
    for (int at_mode = 0; at_mode < 2; at_mode++) {
        struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
        struct sm_bonds *bonds = &talk->host->sm.bonds;
        assert_int_equal(bluet_set_rpa_timeout(talk->host, 0x384), BLUET_OK);
        talk_pass(talk, 0);
        bonded_step(talk, "01 2d 20 01 00", HCI_SUCCESS);
        bonded_step(talk, "01 29 20 00", HCI_SUCCESS);
        struct talk_packet entry = talk_take(talk);
        if (at_mode) {
            assert_int_equal(entry.octets[1], 0x27);
            talk_receive(talk, "04 0e 04 01 27 20 00");
            entry = talk_take(talk);
        }
        assert_int_equal(entry.octets[1], at_mode ? 0x4e : 0x27);

        assert_true(bluet_bond_delete(talk->host, &old) > 0);
        talk_pass(talk, 0);
        talk_forget(talk);
        assert_ptr_equal(keep_bond(talk, &new, 0x77), &bonds->bonds[0]);

        talk_receive(talk, at_mode ? "04 0e 04 01 4e 20 00" : "04 0e 04 01 27 20 00");
        assert_false(bonds->bonds[0].listed);
        bonded_step(talk, "01 29 20 00", HCI_SUCCESS);
        entry = talk_take(talk);
        assert_int_equal(entry.octets[1], 0x27);
        assert_memory_equal(entry.octets + 5, ((uint8_t[]){5, 4, 3, 2, 1, 0xb0}), 6);
        talk_receive(talk, "04 0e 04 01 27 20 00");
        assert_true(bonds->bonds[0].listed);
        bonded_step(talk, "01 4e 20 08 00 05 04 03 02 01 b0 01", HCI_SUCCESS);
        expect_entry(talk, 1, zeros_hex, HCI_SUCCESS);
        bonded_step(talk, "01 2e 20 02 84 03", HCI_SUCCESS);
        bonded_step(talk, "01 2d 20 01 01", HCI_SUCCESS);
        talk_expect_nothing(talk);
        assert_true(talk->host->gap.resolver.offloaded);
        bonded_end(talk);
    }
}

/* One that has come when the list had been written is not in it, and is resolved here until it is. */
static void test_bond_behind_the_list(void **state)
{
    (void)state;
    enum { NUMBER = 5 }; /* that bonded_resolvable() makes a key of */
    const struct bluet_address new = {BLUET_ADDRESS_PUBLIC, {0xb0, 1, 2, 3, 4, 5}};
    const struct bluet_address resolvable = bonded_resolvable(NUMBER, 1);
    struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
    struct hci *hci = &talk->host->hci;
    uint16_t queue_size = hci->queue_size;
    bonded_start_scan(talk);
    assert_int_equal(bluet_set_rpa_timeout(talk->host, 0x102), BLUET_OK);
    talk_pass(talk, 0);
    talk_answer_until(talk, HCI_LE_SET_RESOLVABLE_PRIVATE_ADDRESS_TIMEOUT);
    talk_expect(talk, "01 2e 20 02 02 01");
    assert_non_null(keep_bond(talk, &new, 0xa0 + NUMBER));
    talk_receive(talk, "04 0e 04 01 2e 20 00");
    /* There is no room for the command that ends the pause, for a moment. */
    hci->queue_size = 1;
    bonded_step(talk, "01 2d 20 01 01", HCI_SUCCESS);
    hci->queue_size = queue_size;
    talk_expect_nothing(talk);
    bonded_report(talk, 0, 1, &resolvable);
    bonded_expect_report(talk, 0, &new);
    bonded_end(talk);
}

/* ---- Modes ---- */

/* A controller that knows no random addresses. */
static void test_no_random_addresses(void **state)
{
    (void)state;
    struct talk *talk = bonded_create(BLUET_ADDRESS_MODE_PUBLIC, 0);
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
    talk_pass(talk, 2 * (uint64_t)BONDED_PERIOD_US);
    talk_expect_nothing(talk);
    bonded_end(talk);
    talk = bonded_create(BLUET_ADDRESS_MODE_RPA, 0);
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
    struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_RPA), 2);
    bonded_step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
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
    talk_pass(talk, 2 * (uint64_t)BONDED_PERIOD_US); /* a public address does not grow old */
    talk_expect_nothing(talk);
    bonded_end(talk);
}

/* ---- Our own key ---- */

static struct bonded_blob irk_blob;

static void answer_with_irk(struct talk *talk, const struct bluet_event *event)
{
    (void)talk;
    if (event->code == BLUET_EVENT_SET_SECRET && event->set_secret.sec_type == BLUET_SECRET_IRK) {
        assert_memory_equal(event->set_secret.key, "irk", event->set_secret.key_length);
        bonded_keep_blob(&irk_blob, NULL, event);
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
    struct talk *talk = bonded_create(BLUET_ADDRESS_MODE_STATIC, 0);
    talk->on_event = answer_with_irk;
    const struct bluet_address address = activate_and_look(talk);
    uint8_t irk[16];
    memcpy(irk, talk->host->sm.bonds.irk, sizeof irk);
    deactivate(talk);
    struct bluet_address again = activate_and_look(talk);
    assert_memory_equal(&again, &address, sizeof address);
    assert_memory_equal(talk->host->sm.bonds.irk, irk, sizeof irk);
    talk->answer = 1; /* kept */
    sm_bonds_keep_irk(&talk->host->sm.bonds);
    assert_true(irk_blob.length > 0);
    bonded_end(talk);

    for (size_t damaged = 0; damaged <= irk_blob.length; damaged++) {
        talk = bonded_create(BLUET_ADDRESS_MODE_STATIC, 0);
        talk->on_event = answer_with_irk;
        talk->random = 0x77;
        if (damaged)
            irk_blob.octets[damaged - 1] ^= 0x40;
        again = activate_and_look(talk);
        if (damaged)
            irk_blob.octets[damaged - 1] ^= 0x40;
        assert_int_equal(memcmp(talk->host->sm.bonds.irk, irk, sizeof irk) == 0, damaged == 0);
        assert_int_equal(memcmp(&again, &address, sizeof address) == 0, damaged == 0);
        bonded_end(talk);
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
    struct talk *talk = bonded_create(BLUET_ADDRESS_MODE_RPA, 0);
    talk->on_event = deactivate_when_asked;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    assert_false(bluet_is_active(talk->host));
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    bonded_end(talk);
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
        struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
        bonded_start_advertising(talk);
        char hex[160];
        snprintf(hex, sizeof hex, "04 3e 1f 0a 00 40 00 %02x %02x %s %s %s 18 00 00 00 f4 01 00", rows[i].role,
                 rows[i].type, rows[i].peer, rows[i].local_rpa, rows[i].peer_rpa);
        talk_receive(talk, hex);
        if (rows[i].event) {
            talk_expect_event(talk, rows[i].event);
            assert_memory_equal(bonded_on_air(talk, true), &rows[i].own, sizeof rows[i].own);
            assert_memory_equal(bonded_on_air(talk, false), &rows[i].on_air, sizeof rows[i].own);
        } else {
            talk_expect(talk, "01 06 04 03 40 00 14"); /* who that is cannot be known */
            assert_int_equal(talk->host->links.count, 0);
        }
        talk_expect_nothing(talk);
        talk_expect_no_event(talk);
        bonded_end(talk);
    }
}

/* As peripheral: from an address that we resolve. */
static void test_central_is_resolved_here(void **state)
{
    (void)state;
    struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_RPA);
    struct bluet_address own;
    bonded_start_advertising(talk);
    assert_int_equal(bluet_own_address(talk->host, &own), BLUET_OK);
    const struct bluet_address address = bonded_resolvable(1, 3), identity = bonded_identity(1);
    bonded_connection(talk, 1, 1, &address);
    talk_expect_event(talk, "CENTRAL_CONNECT 0x0040 0/102030405001");
    assert_memory_equal(bonded_on_air(talk, true), &own, sizeof own);
    assert_memory_equal(bonded_on_air(talk, false), &address, sizeof address);
    assert_int_equal(bluet_gap_connect(talk->host, &address, 0, NULL), BLUET_EISCONN);
    assert_int_equal(bluet_gap_connect(talk->host, &identity, 0, NULL), BLUET_EISCONN);
    talk_receive(talk, "04 05 04 00 40 00 13");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 0/102030405001 reason 0x13");
    bonded_end(talk);
}

/* A scan that nobody sees; others, and what cannot be connected to, are passed over. */
static void test_peer_is_sought(void **state)
{
    (void)state;
    struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
    const struct bluet_address wanted = bonded_identity(1), other = bonded_resolvable(0, 1),
                               address = bonded_resolvable(1, 2);
    assert_int_equal(bluet_gap_connect(talk->host, &wanted, 5000, NULL), 2);
    bonded_step(talk, "01 0b 20 07 00 60 00 60 00 00 00", HCI_SUCCESS);
    bonded_report(talk, 0, 1, &address); /* of an earlier scan */
    bonded_step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_pass(talk, 1000000);
    bonded_end(talk);

    talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
    assert_int_equal(bluet_gap_connect(talk->host, &wanted, 5000, NULL), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    bonded_report(talk, 0, 1, &other);
    bonded_report(talk, 2, 1, &address);
    bonded_report(talk, 3, 1, &address);
    bonded_report(talk, 4, 1, &address);
    talk_expect_nothing(talk);
    bonded_report(talk, 1, 1, &address);
    bonded_step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
    char hex[128];
    snprintf(hex, sizeof hex, "01 0d 20 19 60 00 60 00 00 01 %s 00 .. .. .. .. .. .. .. .. .. .. .. ..",
             bonded_hex(&address));
    bonded_step_begun(talk, hex, HCI_SUCCESS);
    talk_expect_no_event(talk);
    bonded_connection(talk, 0, 1, &address);
    talk_answer(talk);
    talk_peer_is_heard(talk, HANDLE);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0040 0/102030405001");
    assert_memory_equal(bonded_on_air(talk, false), &address, sizeof address);
    assert_ptr_equal(talk->host->sm.pairings[0].bond, &talk->host->sm.bonds.bonds[1]);
    bonded_end(talk);
}

/* The scan is refused: the attempt has failed. */
static void test_seeking_refused(void **state)
{
    (void)state;
    static const uint16_t refused[] = {HCI_LE_SET_SCAN_PARAMETERS, HCI_LE_SET_SCAN_ENABLE};
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_PUBLIC);
        const struct bluet_address wanted = bonded_identity(1);
        talk->controller.refused = refused[i];
        talk->controller.status = HCI_HARDWARE_FAILURE;
        assert_int_equal(bluet_gap_connect(talk->host, &wanted, 5000, NULL), 2);
        talk_answer(talk);
        talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x03");
        talk_expect_event(talk, "OPERATION_DONE 2 error -5 status 0x03");
        assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
        bonded_end(talk);
    }
}

/* As central towards one in the list: the controller may use any private address, and says which. */
static void test_connection_to_one_in_the_list(void **state)
{
    (void)state;
    static const struct bluet_address local = {BLUET_ADDRESS_RANDOM, {0x46, 5, 4, 3, 2, 1}};
    struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_RPA, 0, 0);
    const struct bluet_address peer = bonded_identity(0), address = bonded_resolvable(0, 5);
    assert_true(bluet_gap_connect(talk->host, &address, 0, NULL) > 0);
    bonded_step_begun(talk, "01 0d 20 19 60 00 60 00 00 00 00 50 40 30 20 10 03 .. .. .. .. .. .. .. .. .. .. .. ..",
                      0);
    talk_forget(talk);
    char hex[160];
    snprintf(hex, sizeof hex, "04 3e 1f 0a 00 40 00 00 02 %s %s %s 18 00 00 00 f4 01 00", bonded_hex(&peer),
             bonded_hex(&local), bonded_hex(&address));
    talk_receive(talk, hex);
    talk_answer(talk);
    talk_peer_is_heard(talk, HANDLE);
    /* As it was asked for. */
    char text[64];
    const uint8_t *o = address.octets;
    snprintf(text, sizeof text, "PERIPHERAL_CONNECT 0x0040 1/%02x%02x%02x%02x%02x%02x", o[0], o[1], o[2], o[3], o[4],
             o[5]);
    talk_expect_event(talk, text);
    assert_memory_equal(bonded_on_air(talk, true), &local, sizeof local);
    assert_memory_equal(bonded_on_air(talk, false), &address, sizeof address);
    assert_ptr_equal(talk->host->sm.pairings[0].bond, &talk->host->sm.bonds.bonds[0]);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), BLUET_EISCONN);
    bonded_end(talk);
}

/* Directed to a peer that uses private addresses: the controller names it by such a one, if it knows its key. */
static void test_directed(void **state)
{
    (void)state;
    struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_RPA, 0, 0);
    const struct bluet_address peer = bonded_identity(0), address = bonded_resolvable(0, 5);
    assert_true(bluet_gap_advertise_directed(talk->host, 100000, &peer) > 0);
    bonded_step(talk, "01 06 20 0f a0 00 a0 00 04 03 00 00 50 40 30 20 10 07 00", HCI_SUCCESS);
    talk_answer(talk);
    assert_true(bluet_gap_advertise_directed(talk->host, 100000, &address) > 0);
    bonded_step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    bonded_step(talk, "01 06 20 0f a0 00 a0 00 04 03 00 00 50 40 30 20 10 07 00", HCI_SUCCESS);
    bonded_end(talk);
    talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_RPA);
    assert_true(bluet_gap_advertise_directed(talk->host, 100000, &peer) > 0);
    bonded_step(talk, "01 06 20 0f a0 00 a0 00 04 01 00 00 50 40 30 20 10 07 00", HCI_SUCCESS);
    bonded_end(talk);
}

/* The parameters stay as they are told at the start, also when the list is being written just then. */
static void test_directed_while_the_list_is_written(void **state)
{
    (void)state;
    const uint16_t commands[] = {HCI_LE_CLEAR_RESOLVING_LIST, HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST,
                                 HCI_LE_SET_PRIVACY_MODE, HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE};
    const struct bluet_address peer = bonded_identity(1);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct talk *talk = bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, 0, 0);
        assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_RPA), 2);
        bonded_step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
        talk_pass(talk, 0);
        talk_answer_until(talk, commands[i]);
        assert_true(bluet_gap_advertise_directed(talk->host, 100000, &peer) > 0);
        talk_answer_until(talk, HCI_LE_SET_ADVERTISING_PARAMETERS);
        bonded_step(talk, "01 06 20 0f a0 00 a0 00 04 03 00 01 50 40 30 20 10 07 00", HCI_SUCCESS);
        bonded_end(talk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_at_activation),
        cmocka_unit_test(test_list_is_full),
        cmocka_unit_test(test_controllers_that_do_not_resolve),
        cmocka_unit_test(test_addresses_are_remembered),
        cmocka_unit_test(test_list_follows_bonds),
        cmocka_unit_test(test_place_of_a_bond_is_used_again),
        cmocka_unit_test(test_bond_behind_the_list),
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
        cmocka_unit_test(test_directed_while_the_list_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
