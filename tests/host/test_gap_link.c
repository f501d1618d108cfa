/* What an application asks of a connection, the accept list, and directed advertising, against a scripted controller.
 */
#include "talk.h"

#include <stdio.h>

enum { LINK = 0x0041 };

static void answered(struct talk *talk, int ticket, const char *verdict)
{
    char text[TALK_EVENT_SIZE];
    assert_true(ticket > 0);
    snprintf(text, sizeof text, "OPERATION_DONE %d %s", ticket, verdict);
    talk_expect_event(talk, text);
}

static void finish(struct talk *talk)
{
    talk_forget(talk);
    talk_destroy(talk);
}

/* ---- Parameters ---- */

static const struct bluet_connection_parameters wish = {15000, 30000, 2, 3000};
#define WISH "0c 00 18 00 02 00 2c 01"
#define UPDATE_COMMAND "01 13 20 0e 41 00 " WISH " 00 00 00 00"
#define UPDATE_REQUEST "12 01 08 00 " WISH

static void test_central_updates(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, LINK);
    int ticket = bluet_gap_update(talk->host, LINK, &wish);
    talk_expect(talk, UPDATE_COMMAND);
    talk_receive(talk, "04 0f 04 00 01 13 20");
    answered(talk, ticket, "error 0 status 0x00");
    talk_receive(talk, "04 3e 0a 03 00 41 00 18 00 02 00 2c 01");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0041 24 2 300 status 0x00");
    talk_receive(talk, "04 3e 0a 03 1a 41 00 18 00 02 00 2c 01"); /* is not asked in another way */
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0041 24 2 300 status 0x1a");
    ticket = bluet_gap_update(talk->host, LINK, &wish);
    talk_expect(talk, UPDATE_COMMAND);
    talk_receive(talk, "04 0f 04 0c 01 13 20");
    answered(talk, ticket, "error -16 status 0x0c");
    talk_expect_nothing(talk);
    finish(talk);
}

static void test_peripheral_asks_by_the_link_layer(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, LINK);
    int ticket = bluet_gap_update(talk->host, LINK, &wish);
    talk_expect(talk, UPDATE_COMMAND);
    talk_receive(talk, "04 0f 04 00 01 13 20");
    answered(talk, ticket, "error 0 status 0x00");
    talk_receive(talk, "04 3e 0a 03 3b 41 00 18 00 00 00 f4 01"); /* the central does not want to */
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0041 24 0 500 status 0x3b");
    talk_expect_nothing(talk);
    finish(talk);
}

static void test_central_does_not_know_the_procedure(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, LINK);
    assert_true(bluet_gap_update(talk->host, LINK, &wish) > 0);
    talk_answer(talk);
    talk_forget(talk);
    talk_receive(talk, "04 3e 0a 03 1a 41 00 18 00 00 00 f4 01");
    talk_expect_no_event(talk);
    talk_expect_frame(talk, LINK, 5, UPDATE_REQUEST);
    talk_receive_frame(talk, LINK, 5, "13 01 02 00 01 00");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0041 24 0 500 status 0x3b");
    talk_receive(talk, "04 3e 0a 03 1a 41 00 18 00 00 00 f4 01"); /* once only */
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0041 24 0 500 status 0x1a");
    finish(talk);
}

static void test_controller_refuses_a_peripheral(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, LINK);
    int ticket = bluet_gap_update(talk->host, LINK, &wish);
    talk_forget(talk);
    talk_receive(talk, "04 0f 04 1a 01 13 20");
    talk_expect_frame(talk, LINK, 5, UPDATE_REQUEST);
    answered(talk, ticket, "error 0 status 0x00");
    assert_true(bluet_gap_update(talk->host, LINK, &wish) > 0); /* while that request is under way */
    talk_forget(talk);
    talk_receive(talk, "04 0f 04 1a 01 13 20");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0041 24 0 500 status 0x1a");
    finish(talk);
}

static void test_peripheral_asks_by_l2cap(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    talk->controller.le_features &= ~(1ull << 1);
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
    talk_connect_peripheral(talk, LINK);
    assert_int_equal(bluet_gap_update(talk->host, LINK, &wish), 0);
    talk_expect_frame(talk, LINK, 5, UPDATE_REQUEST);
    assert_int_equal(bluet_gap_update(talk->host, LINK, &wish), BLUET_EALREADY);
    talk_receive_frame(talk, LINK, 5, "13 01 02 00 00 00");
    talk_expect_no_event(talk);
    finish(talk);
}

static void test_link_goes_meanwhile(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, LINK);
    assert_true(bluet_gap_update(talk->host, LINK, &wish) > 0);
    assert_true(bluet_gap_read_rssi(talk->host, LINK) > 0);
    talk_disconnect(talk, LINK);
    talk_forget(talk);
    talk_receive(talk, "04 0f 04 02 01 13 20");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_expect(talk, "01 05 14 02 41 00");
    talk_receive(talk, "04 0e 07 01 05 14 02 41 00 00");
    talk_expect_event(talk, "OPERATION_DONE 3 error -107 status 0x02");
    talk_expect_nothing(talk);
    finish(talk);
}

static void test_arguments(void **state)
{
    (void)state;
    static const struct bluet_connection_parameters wrong[] = {
        {7499, 0, 0, 0}, {0, 4000001, 0, 0}, {30000, 20000, 0, 0}, {0, 0, 500, 0}, {0, 0, 0, 99}, {0, 0, 100, 1000}};
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, LINK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(bluet_gap_update(talk->host, LINK, &wrong[i]), BLUET_EINVAL);
    assert_int_equal(bluet_gap_update(talk->host, 1, &wish), BLUET_ENOTCONN);
    assert_int_equal(bluet_gap_set_phy(talk->host, LINK, 8, 0), BLUET_EINVAL);
    assert_int_equal(bluet_gap_set_data_length(talk->host, LINK, 26), BLUET_EINVAL);
    assert_int_equal(bluet_gap_set_data_length(talk->host, LINK, 252), BLUET_EINVAL);
    assert_int_equal(bluet_gap_read_rssi(talk->host, 1), BLUET_ENOTCONN);
    assert_int_equal(bluet_gap_disconnect_reason(talk->host, LINK), BLUET_ENOTCONN);
    talk_expect_nothing(talk);
    finish(talk);
}

/* ---- Commands of one connection ---- */

static void test_phy_and_data_length(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, LINK);
    int ticket = bluet_gap_set_phy(talk->host, LINK, BLUET_PHY_2M | BLUET_PHY_CODED, 0);
    talk_expect(talk, "01 32 20 07 41 00 02 06 00 00 00");
    talk_receive(talk, "04 0f 04 00 01 32 20");
    answered(talk, ticket, "error 0 status 0x00");
    ticket = bluet_gap_set_data_length(talk->host, LINK, 27);
    talk_expect(talk, "01 22 20 06 41 00 1b 00 48 01");
    talk_receive(talk, "04 0e 06 01 22 20 00 41 00");
    answered(talk, ticket, "error 0 status 0x00");
    ticket = bluet_gap_set_data_length(talk->host, LINK, 251);
    talk_expect(talk, "01 22 20 06 41 00 fb 00 48 08");
    talk_receive(talk, "04 0e 06 01 22 20 01 41 00");
    answered(talk, ticket, "error -95 status 0x01");
    finish(talk);
}

static void test_rssi(void **state)
{
    (void)state;
    struct bluet_connection connection;
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, LINK);
    assert_int_equal(bluet_connection(talk->host, &connection, LINK), 0);
    assert_int_equal(connection.rssi, 127);
    int ticket = bluet_gap_read_rssi(talk->host, LINK);
    talk_expect(talk, "01 05 14 02 41 00");
    talk_receive(talk, "04 0e 07 01 05 14 00 41 00 c9");
    answered(talk, ticket, "error 0 status 0x00");
    assert_int_equal(bluet_connection(talk->host, &connection, LINK), 0);
    assert_int_equal(connection.rssi, -55);
    ticket = bluet_gap_read_rssi(talk->host, LINK);
    talk_forget(talk);
    talk_receive(talk, "04 0e 06 01 05 14 00 41 00"); /* too short */
    answered(talk, ticket, "error -5 status 0x1f");
    assert_int_equal(bluet_connection(talk->host, &connection, LINK), 0);
    assert_int_equal(connection.rssi, -55);
    finish(talk);
}

static void test_reasons(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    for (uint16_t handle = 1; handle <= 9; handle++) {
        talk_connect_peripheral(talk, handle);
        uint8_t event[] = {4, 5, 4, 0, (uint8_t)handle, 0, (uint8_t)(0x10 + handle)};
        talk_receive_octets(talk, event, sizeof event);
        talk_forget(talk);
    }
    assert_int_equal(bluet_gap_disconnect_reason(talk->host, 1), BLUET_ENOTCONN); /* eight are kept */
    for (uint16_t handle = 2; handle <= 9; handle++)
        assert_int_equal(bluet_gap_disconnect_reason(talk->host, handle), 0x10 + handle);
    talk_forget(talk);
    talk_connect_peripheral(talk, 5);
    talk_receive(talk, "04 05 04 00 05 00 3e");
    assert_int_equal(bluet_gap_disconnect_reason(talk->host, 5), 0x3e);
    finish(talk);
}

/* ---- The accept list ---- */

static const struct bluet_address friends[] = {{0, {1, 2, 3, 4, 5, 6}}, {1, {0xc0, 2, 3, 4, 5, 6}}};

static void test_accept_list(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    const unsigned all = BLUET_ACCEPT_SCAN | BLUET_ACCEPT_SCAN_REQUESTS | BLUET_ACCEPT_CONNECT_REQUESTS;
    int ticket = bluet_gap_accept_list(talk->host, friends, 2, all);
    talk_expect(talk, "01 10 20 00");
    talk_receive(talk, "04 0e 04 01 10 20 00");
    talk_expect(talk, "01 11 20 07 00 06 05 04 03 02 01");
    talk_receive(talk, "04 0e 04 01 11 20 00");
    talk_expect(talk, "01 11 20 07 01 06 05 04 03 02 c0");
    talk_receive(talk, "04 0e 04 01 11 20 00");
    answered(talk, ticket, "error 0 status 0x00");

    assert_true(bluet_gap_advertise(talk->host, 100000, NULL, NULL, true) > 0);
    talk_expect(talk, "01 06 20 0f a0 00 a0 00 00 00 00 00 00 00 00 00 00 07 03");
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_answer(talk);
    assert_int_equal(bluet_gap_accept_list(talk->host, NULL, 0, 0), BLUET_EBUSY);
    assert_true(bluet_gap_advertise_stop(talk->host) > 0);
    talk_answer(talk);
    assert_true(bluet_gap_scan(talk->host, 0, 10000, 10000, false) > 0);
    talk_expect(talk, "01 0b 20 07 00 10 00 10 00 00 01");
    talk_receive(talk, "04 0e 04 01 0b 20 00");
    talk_answer(talk);
    assert_int_equal(bluet_gap_accept_list(talk->host, NULL, 0, 0), BLUET_EBUSY);
    assert_true(bluet_gap_scan_stop(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);

    ticket = bluet_gap_accept_list(talk->host, NULL, 0, 0);
    talk_expect(talk, "01 10 20 00");
    talk_receive(talk, "04 0e 04 01 10 20 00");
    answered(talk, ticket, "error 0 status 0x00");
    assert_int_equal(bluet_gap_accept_list(talk->host, NULL, 0, 8), BLUET_EINVAL);
    assert_int_equal(bluet_gap_accept_list(talk->host, &(struct bluet_address){.type = 2}, 1, 0), BLUET_EINVAL);
    finish(talk);
}

/* Half a list is used by nobody. */
static void test_accept_list_is_too_long(void **state)
{
    (void)state;
    static const struct bluet_address many[200];
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_accept_list(talk->host, many, 200, 0), BLUET_ENOMEM);
    int ticket = bluet_gap_accept_list(talk->host, friends, 2, BLUET_ACCEPT_SCAN);
    talk_forget(talk);
    talk_receive(talk, "04 0e 04 01 10 20 00");
    talk_forget(talk);
    talk_receive(talk, "04 0e 04 01 11 20 07");
    answered(talk, ticket, "error -12 status 0x07");
    assert_true(bluet_gap_scan(talk->host, 0, 10000, 10000, false) > 0);
    talk_expect(talk, "01 0b 20 07 00 10 00 10 00 00 00");
    talk_receive(talk, "04 0e 04 01 0b 20 00");
    talk_answer(talk);
    finish(talk);
}

static void test_connection_to_the_list(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_true(bluet_gap_connect_listed(talk->host, 0, &wish) > 0);
    talk_expect(talk, "01 0d 20 19 60 00 60 00 01 00 00 00 00 00 00 00 00 " WISH " 00 00 00 00");
    assert_int_equal(bluet_gap_accept_list(talk->host, NULL, 0, 0), BLUET_EBUSY);
    assert_int_equal(bluet_gap_connect_listed(talk->host, 0, &wish), BLUET_EALREADY);
    talk_receive(talk, "04 0f 04 00 01 0d 20");
    talk_forget(talk);
    talk_receive(talk, "04 3e 13 01 00 41 00 00 01 06 05 04 03 02 c0 18 00 00 00 f4 01 00");
    talk_answer(talk);
    talk_peer_is_heard(talk, LINK);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00203040506");
    finish(talk);
}

static void test_directed_advertising(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_true(bluet_gap_advertise_directed(talk->host, 0, &friends[1]) > 0);
    talk_expect(talk, "01 06 20 0f 20 00 20 00 01 00 01 06 05 04 03 02 c0 07 00");
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_expect(talk, "01 0a 20 01 01");
    talk_receive(talk, "04 0e 04 01 0a 20 00");
    talk_receive(talk, "04 3e 13 01 3c 00 00 01 01 06 05 04 03 02 c0 00 00 00 00 00 00 00"); /* it was in vain */
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
    assert_true(bluet_gap_advertise_directed(talk->host, 100000, &friends[0]) > 0);
    talk_expect(talk, "01 06 20 0f a0 00 a0 00 04 00 00 06 05 04 03 02 01 07 00");
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_answer(talk);
    assert_true(bluet_gap_advertise_stop(talk->host) > 0);
    assert_int_equal(bluet_gap_advertise_directed(talk->host, 0, &(struct bluet_address){.type = 2}), BLUET_EINVAL);
    finish(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_central_updates),
        cmocka_unit_test(test_peripheral_asks_by_the_link_layer),
        cmocka_unit_test(test_central_does_not_know_the_procedure),
        cmocka_unit_test(test_controller_refuses_a_peripheral),
        cmocka_unit_test(test_peripheral_asks_by_l2cap),
        cmocka_unit_test(test_link_goes_meanwhile),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_phy_and_data_length),
        cmocka_unit_test(test_rssi),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_accept_list),
        cmocka_unit_test(test_accept_list_is_too_long),
        cmocka_unit_test(test_connection_to_the_list),
        cmocka_unit_test(test_directed_advertising),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
