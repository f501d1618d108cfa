/*
 * Private addresses are replaced in a pause of all that runs: in which order, at which moment, and what may come in
 * between (Vol 3 Part C, 10.7.1, 10.8.2; Vol 4 Part E, 7.8.4).
 */
#include "bonded.h"

#include "host/host.h"

#include <stdio.h>
#include <string.h>

enum { HANDLE = 0x40 };

static void test_rotation(void **state)
{
    (void)state;
    static const enum bluet_address_mode modes[] = {BLUET_ADDRESS_MODE_RPA, BLUET_ADDRESS_MODE_NRPA};
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = bonded_begin_without_list(modes[i]);
        struct bluet_address before, after;
        uint64_t began = talk->host->gap.address.since;
        assert_int_equal(bluet_own_address(talk->host, &before), BLUET_OK);
        bonded_start_advertising(talk);
        bonded_start_scan(talk);
        talk_pass(talk, began + BONDED_PERIOD_US - 1 - talk->now);
        talk_expect_nothing(talk);
        talk_pass(talk, 1);
        bonded_step(talk, "01 0a 20 01 00", HCI_COMMAND_DISALLOWED); /* some say so, of what has ended a moment ago */
        bonded_step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
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
        bonded_step(talk, "01 0a 20 01 01", HCI_SUCCESS);
        bonded_step(talk, "01 0c 20 02 01 00", HCI_SUCCESS);
        talk_pass(talk, BONDED_PERIOD_US - 1);
        talk_expect_nothing(talk);
        talk_expect_no_event(talk);
        bonded_end(talk);
    }
}

/* An attempt at a connection is given up, and begun again; if it is made meanwhile, that is that. */
static void test_rotation_while_connecting(void **state)
{
    (void)state;
    const struct bluet_address peer = {BLUET_ADDRESS_PUBLIC, {1, 2, 3, 4, 5, 6}};
    const char create_hex[] = "01 0d 20 19 60 00 60 00 00 00 06 05 04 03 02 01 01 .. .. .. .. .. .. .. .. .. .. .. ..";
    for (int made = 0; made < 2; made++) {
        struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_RPA);
        assert_true(bluet_gap_connect(talk->host, &peer, 1000000000 / 1000 * 2, NULL) > 0);
        bonded_step_begun(talk, create_hex, HCI_SUCCESS);
        talk_forget(talk);
        struct bluet_address under;
        assert_int_equal(bluet_own_address(talk->host, &under), BLUET_OK);
        talk_pass(talk, BONDED_PERIOD_US);
        bonded_step(talk, "01 0e 20 00", made ? HCI_COMMAND_DISALLOWED : HCI_SUCCESS);
        talk_expect_nothing(talk);
        if (made)
            talk_receive(talk, "04 3e 13 01 00 40 00 00 00 06 05 04 03 02 01 18 00 00 00 f4 01 00");
        else
            talk_receive(talk, "04 3e 13 01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
        if (made) {
            assert_memory_equal(bonded_on_air(talk, true), &under, sizeof under);
            talk_answer(talk);
            talk_peer_is_heard(talk, HANDLE);
            talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0040 0/010203040506");
        } else {
            bonded_step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
            talk_pass(talk, 0);
            bonded_step_begun(talk, create_hex, HCI_SUCCESS);
        }
        talk_expect_no_event(talk);
        talk_expect_nothing(talk);
        bonded_end(talk);
    }
}

/* A connection that ends advertising within the pause, or is told of when it has begun again. */
static void test_connection_in_a_pause(void **state)
{
    (void)state;
    const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 2, 3, 4, 5, 6}};
    for (int late = 0; late < 2; late++) {
        struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_RPA);
        struct bluet_address under;
        assert_int_equal(bluet_own_address(talk->host, &under), BLUET_OK);
        bonded_start_advertising(talk);
        talk_pass(talk, BONDED_PERIOD_US);
        bonded_step(talk, "01 0a 20 01 00", HCI_SUCCESS);
        struct talk_packet command = talk_take(talk);
        if (late)
            talk_receive(talk, "04 0e 04 01 05 20 00");
        bonded_connection(talk, 1, 1, &peer);
        talk_expect_event(talk, "CENTRAL_CONNECT 0x0040 1/c00203040506");
        assert_memory_equal(bonded_on_air(talk, true), &under, sizeof under);
        if (late) {
            bonded_step(talk, "01 0a 20 01 01", HCI_SUCCESS);
            bonded_step(talk, "01 0a 20 01 00", HCI_SUCCESS);
        } else {
            talk_receive(talk, "04 0e 04 01 05 20 00");
        }
        assert_int_equal(command.octets[1], 0x05);
        talk_expect_nothing(talk);
        assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
        talk_pass(talk, BONDED_PERIOD_US / 2);
        talk_expect_nothing(talk);
        bonded_end(talk);
    }
}

/* What the application stops in a pause, stays stopped; what it begins makes that all is tried again. */
static void test_application_in_a_pause(void **state)
{
    (void)state;
    struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_RPA);
    bonded_start_advertising(talk);
    bonded_start_scan(talk);
    talk_pass(talk, BONDED_PERIOD_US);
    bonded_step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    int stop = bluet_gap_advertise_stop(talk->host);
    int end_of_scan = bluet_gap_scan_stop(talk->host);
    assert_true(stop > 0 && end_of_scan > 0);
    bonded_step(talk, "01 0c 20 02 00 00", HCI_SUCCESS);
    bonded_step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
    bonded_step(talk, "01 0a 20 01 00", HCI_COMMAND_DISALLOWED);
    bonded_step(talk, "01 0c 20 02 00 00", HCI_COMMAND_DISALLOWED);
    char text[64];
    snprintf(text, sizeof text, "OPERATION_DONE %d error 0 status 0x00", stop);
    talk_expect_event(talk, text);
    talk_expect_event(talk, "SCAN_DONE");
    snprintf(text, sizeof text, "OPERATION_DONE %d error 0 status 0x00", end_of_scan);
    talk_expect_event(talk, text);
    talk_expect_nothing(talk);
    bonded_end(talk);

    talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_RPA);
    talk_pass(talk, BONDED_PERIOD_US);
    bonded_step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_COMMAND_DISALLOWED);
    bonded_start_advertising(talk);
    talk_pass(talk, 9999);
    talk_expect_nothing(talk);
    talk_pass(talk, 1);
    bonded_step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    bonded_step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
    bonded_step(talk, "01 0a 20 01 01", HCI_SUCCESS);
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    bonded_end(talk);
}

/* One that refuses for ever is left in peace, until the next time; advertising goes on. */
static void test_refusal_for_ever(void **state)
{
    (void)state;
    struct talk *talk = bonded_begin_without_list(BLUET_ADDRESS_MODE_RPA);
    bonded_start_advertising(talk);
    talk->controller.refused = HCI_LE_SET_RANDOM_ADDRESS;
    talk->controller.status = HCI_COMMAND_DISALLOWED;
    for (uint64_t passed = 0; passed < BONDED_PERIOD_US + 10000000; passed += 10000) {
        talk_pass(talk, 10000);
        talk_answer(talk);
    }
    talk->controller.refused = 0;
    assert_true(gap_advertise_is_on(&talk->host->gap) && !talk->host->gap.advertising.paused);
    talk_pass(talk, 10000000);
    talk_expect_nothing(talk);
    talk_pass(talk, BONDED_PERIOD_US - 20000000);
    talk_expect_nothing(talk);
    for (int seconds = 0; seconds < 20 && talk->packet_count == 0; seconds++)
        talk_pass(talk, 1000000);
    bonded_step(talk, "01 0a 20 01 00", HCI_SUCCESS);
    bonded_step(talk, "01 05 20 06 .. .. .. .. .. ..", HCI_SUCCESS);
    bonded_step(talk, "01 0a 20 01 01", HCI_SUCCESS);
    bonded_end(talk);

    talk = bonded_begin(BLUET_ADDRESS_MODE_PUBLIC, HCI_LE_CLEAR_RESOLVING_LIST, HCI_COMMAND_DISALLOWED);
    talk->controller.refused = HCI_LE_CLEAR_RESOLVING_LIST;
    for (int i = 0; i < 1000; i++) {
        talk_pass(talk, 10000);
        talk_answer(talk);
    }
    assert_true(talk->host->gap.privacy.list_refused);
    talk_pass(talk, BONDED_PERIOD_US);
    talk_expect_nothing(talk);
    bonded_end(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_rotation_while_connecting),
        cmocka_unit_test(test_connection_in_a_pause),
        cmocka_unit_test(test_application_in_a_pause),
        cmocka_unit_test(test_refusal_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
