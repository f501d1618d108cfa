/* Tickets, credits and answers: Vol 4 Part E, 4.4, 7.7.14, 7.7.15. */
#include "talk.h"

#include "host/host.h"

#include <stdio.h>

/* Tickets go on from that of activation, which is 1. */
static void test_raw_command(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_hci_command(talk->host, 0x2018, NULL, 0), 2);
    talk_expect(talk, "01 18 20 00");
    talk_receive(talk, "04 0e 0c 01 18 20 00 01 02 03 04 05 06 07 08");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00 000102030405060708");

    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, "\xaa\xbb", 2), 3);
    talk_expect(talk, "01 01 fc 02 aa bb");
    talk_receive(talk, "04 0e 05 01 01 fc 0d 77");
    talk_expect_event(talk, "OPERATION_DONE 3 error -5 status 0x0d 0d77");

    /* Answered by a status only, or by nothing but its opcode. */
    assert_int_equal(bluet_hci_command(talk->host, 0x2016, "\x40\x00", 2), 4);
    talk_expect(talk, "01 16 20 02 40 00");
    talk_receive(talk, "04 0f 04 02 01 16 20");
    talk_expect_event(talk, "OPERATION_DONE 4 error -107 status 0x02 02");
    assert_int_equal(bluet_hci_command(talk->host, 0xfc02, NULL, 0), 5);
    talk_expect(talk, "01 02 fc 00");
    talk_receive(talk, "04 0e 03 01 02 fc");
    talk_expect_event(talk, "OPERATION_DONE 5 error 0 status 0x00");
    talk_destroy(talk);
}

static void test_raw_command_refused(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    uint8_t parameters[256] = {0};
    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, parameters, 256), BLUET_EINVAL);
    assert_int_equal(bluet_hci_command(talk->host, HCI_RESET, NULL, 0), BLUET_ENOTSUP);
    assert_int_equal(bluet_hci_command(talk->host, HCI_HOST_NUMBER_OF_COMPLETED_PACKETS, NULL, 0), BLUET_ENOTSUP);
    assert_int_equal(bluet_hci_command(talk->host, HCI_SET_CONTROLLER_TO_HOST_FLOW_CONTROL, "\1", 1), BLUET_ENOTSUP);
    assert_true(bluet_hci_command(talk->host, 0xfc01, parameters, 255) > 0);
    assert_int_equal(talk_take(talk).length, 4 + 255);
    talk_receive(talk, "04 0e 04 01 01 fc 00");
    talk_forget(talk);
    talk_destroy(talk);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, NULL, 0), 2);
    assert_int_equal(bluet_hci_command(talk->host, 0xfc02, NULL, 0), 3);
    talk_expect(talk, "01 01 fc 00");
    talk_expect_nothing(talk);
    /* An answer to something else, as it may come too late (CVE-2023-1901), ends nothing. */
    talk_receive(talk, "04 0e 04 05 02 fc 00");
    talk_receive(talk, "04 0f 04 00 05 03 fc");
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    assert_int_equal(bluet_protocol_errors(talk->host), 2);
    /* No credit: the next one waits for one. */
    talk_receive(talk, "04 0e 04 00 01 fc 00");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00 00");
    talk_expect_nothing(talk);
    talk_receive(talk, "04 0f 04 00 01 00 00");
    talk_expect(talk, "01 02 fc 00");
    talk_receive(talk, "04 0e 04 01 02 fc 00");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00 00");
    talk_destroy(talk);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        uint8_t status;
        int error;
    } rows[] = {
        {0x01, -95}, {0x02, -107}, {0x03, -5},  {0x07, -12}, {0x09, -12}, {0x0b, -106},
        {0x0c, -16}, {0x11, -95},  {0x12, -22}, {0x1a, -95}, {0x1e, -22}, {0x20, -95},
        {0x30, -22}, {0x3a, -16},  {0x3b, -22}, {0x1f, -5},  {0xff, -5},
    };
    struct talk *talk = talk_activated(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int ticket = bluet_hci_command(talk->host, 0xfc01, NULL, 0);
        talk_expect(talk, "01 01 fc 00");
        const uint8_t answer[] = {0x04, 0x0e, 0x04, 0x01, 0x01, 0xfc, rows[i].status};
        talk_receive_octets(talk, answer, sizeof answer);
        char text[TALK_EVENT_SIZE];
        snprintf(text, sizeof text, "OPERATION_DONE %d error %d status 0x%02x %02x", ticket, rows[i].error,
                 rows[i].status, rows[i].status);
        talk_expect_event(talk, text);
    }
    talk_destroy(talk);
}

/* The first refusal ends the ticket, and the rest of its commands is not sent; other tickets go on. */
static void test_first_refusal_ends_ticket(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, &(struct bluet_span){"a", 1}, NULL, true), 2);
    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, NULL, 0), 3);
    talk_expect(talk, "01 06 20 0f 20 03 20 03 00 00 00 00 00 00 00 00 00 07 00");
    talk_receive(talk, "04 0e 04 01 06 20 12");
    talk_expect_event(talk, "OPERATION_DONE 2 error -22 status 0x12");
    talk_expect(talk, "01 01 fc 00");
    talk_receive(talk, "04 0e 04 01 01 fc 00");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00 00");
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
    talk_destroy(talk);
}

/* A full queue refuses whole tickets, and leaves room for what the host itself must say. */
static void test_queue_full(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(&(struct bluet_config){.command_size = 512});
    talk_connect_peripheral(talk, 0x40);
    int accepted = 0;
    int ticket;
    while ((ticket = bluet_gap_advertise(talk->host, 500000, NULL, NULL, true)) > 0)
        accepted++;
    assert_int_equal(ticket, BLUET_ENOMEM);
    assert_true(accepted >= 1);
    struct talk_packet first = talk_take(talk);
    assert_int_equal(first.octets[1], 0x06);
    talk_receive(talk, "04 3e 0d 05 40 00 00 00 00 00 00 00 00 00 00 00"); /* LE Long Term Key Request */
    uint32_t errors = bluet_protocol_errors(talk->host);
    assert_int_equal(errors, 0);
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_answer_until(talk, HCI_LE_LONG_TERM_KEY_REQUEST_NEGATIVE_REPLY);
    talk_expect(talk, "01 1b 20 02 40 00");
    talk_receive(talk, "04 0e 06 01 1b 20 00 40 00");
    talk_answer(talk);
    talk_forget(talk);
    assert_true(bluet_gap_advertise(talk->host, 500000, NULL, NULL, true) > 0);
    talk_answer(talk);
    talk_forget(talk);
    talk_destroy(talk);
}

static void test_command_timeout(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, NULL, 0), 2);
    assert_int_equal(bluet_gap_scan(talk->host, 0, 20000, 10000, false), 3);
    talk_expect(talk, "01 01 fc 00");
    talk_pass(talk, 1999999);
    talk_expect_no_event(talk);
    talk_pass(talk, 1);
    talk_expect_event(talk, "SCAN_DONE");
    talk_expect_event(talk, "OPERATION_DONE 2 error -110 status 0x08");
    talk_expect_event(talk, "OPERATION_DONE 3 error -110 status 0x08");
    talk_expect_event(talk, "INACTIVE status 0x08");
    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, NULL, 0), BLUET_ENODEV);
    /* The answer that comes too late meets nobody. */
    talk_receive(talk, "04 0e 04 01 01 fc 00");
    talk_destroy(talk);
}

/* What a handler does at the end of one ticket begins another. */
static void chain_commands(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_OPERATION_DONE && event->operation.ticket < 5)
        assert_int_equal(bluet_hci_command(talk->host, 0xfc01, NULL, 0), event->operation.ticket + 1);
}

static void test_commands_from_handler(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk->on_event = chain_commands;
    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, NULL, 0), 2);
    for (int ticket = 2; ticket <= 5; ticket++) {
        talk_expect(talk, "01 01 fc 00");
        talk_expect_nothing(talk);
        talk_receive(talk, "04 0e 04 01 01 fc 00");
        char text[TALK_EVENT_SIZE];
        snprintf(text, sizeof text, "OPERATION_DONE %d error 0 status 0x00 00", ticket);
        talk_expect_event(talk, text);
    }
    talk_destroy(talk);
}

/* Inactive: ENODEV from all that needs the radio. */
static void test_inactive(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    struct bluet *host = talk->host;
    const struct bluet_address peer = {0};
    struct bluet_connection connection;
    const void *value;
    size_t length;
    assert_int_equal(bluet_gap_advertise(host, 500000, NULL, NULL, true), BLUET_ENODEV);
    assert_int_equal(bluet_gap_advertise_stop(host), BLUET_ENODEV);
    assert_int_equal(bluet_gap_scan(host, 0, 20000, 10000, false), BLUET_ENODEV);
    assert_int_equal(bluet_gap_scan_stop(host), BLUET_ENODEV);
    assert_int_equal(bluet_gap_connect(host, &peer, 0, NULL), BLUET_ENODEV);
    assert_int_equal(bluet_gap_connect_cancel(host), BLUET_ENODEV);
    assert_int_equal(bluet_gap_disconnect(host, 0), BLUET_ENODEV);
    assert_int_equal(bluet_hci_command(host, 0xfc01, NULL, 0), BLUET_ENODEV);
    assert_int_equal(bluet_connection(host, &connection, 0), BLUET_ENOTCONN);
    assert_int_equal(bluet_gatts_register_services(host, NULL, 0, NULL, 0), BLUET_ENODEV);
    assert_int_equal(bluet_gatts_read(host, &value, &length, 1), BLUET_ENODEV);
    assert_int_equal(bluet_gatts_write(host, 1, NULL, 0, false), BLUET_ENODEV);
    assert_int_equal(bluet_gatts_notify(host, 0, 1, NULL, 0), BLUET_ENODEV);
    assert_int_equal(bluet_gatts_indicate(host, 0, 1, NULL, 0), BLUET_ENODEV);
    assert_int_equal(bluet_gatts_set_buffer(host, 1, 1, false), BLUET_ENODEV);
    assert_int_equal(bluet_gattc_discover_services(host, 0, NULL), BLUET_ENODEV);
    assert_int_equal(bluet_gattc_discover_characteristics(host, 0, 1, 2, NULL), BLUET_ENODEV);
    assert_int_equal(bluet_gattc_discover_descriptors(host, 0, 1, 2), BLUET_ENODEV);
    assert_int_equal(bluet_gattc_read(host, 0, 1, 0), BLUET_ENODEV);
    assert_int_equal(bluet_gattc_write(host, 0, 1, NULL, 0, BLUET_WRITE_NO_RESPONSE), BLUET_ENODEV);
    assert_int_equal(bluet_gattc_exchange_mtu(host, 0), BLUET_ENODEV);
    assert_int_equal(bluet_deactivate(host), 0);
    bluet_controller_lost(host);
    assert_true(bluet_poll(host) == BLUET_NEVER);
    talk_destroy(talk);
}

/* Active, but no such connection: ENOTCONN. */
static void test_no_connection(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    struct bluet *host = talk->host;
    struct bluet_connection connection;
    talk_connect_peripheral(talk, 0x40);
    for (uint16_t handle = 0x41; handle < 0xff00; handle = (uint16_t)(handle + 0x1fff)) {
        assert_int_equal(bluet_gap_disconnect(host, handle), BLUET_ENOTCONN);
        assert_int_equal(bluet_connection(host, &connection, handle), BLUET_ENOTCONN);
        assert_int_equal(bluet_gatts_notify(host, handle, 1, NULL, 0), BLUET_ENOTCONN);
        assert_int_equal(bluet_gatts_indicate(host, handle, 1, NULL, 0), BLUET_ENOTCONN);
        assert_int_equal(bluet_gattc_discover_services(host, handle, NULL), BLUET_ENOTCONN);
        assert_int_equal(bluet_gattc_discover_characteristics(host, handle, 1, 2, NULL), BLUET_ENOTCONN);
        assert_int_equal(bluet_gattc_discover_descriptors(host, handle, 1, 2), BLUET_ENOTCONN);
        assert_int_equal(bluet_gattc_read(host, handle, 1, 0), BLUET_ENOTCONN);
        assert_int_equal(bluet_gattc_write(host, handle, 1, NULL, 0, BLUET_WRITE_WITH_RESPONSE), BLUET_ENOTCONN);
        assert_int_equal(bluet_gattc_exchange_mtu(host, handle), BLUET_ENOTCONN);
    }
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_command),
        cmocka_unit_test(test_raw_command_refused),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_first_refusal_ends_ticket),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_command_timeout),
        cmocka_unit_test(test_commands_from_handler),
        cmocka_unit_test(test_inactive),
        cmocka_unit_test(test_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
