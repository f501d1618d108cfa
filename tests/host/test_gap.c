/* Advertising, scanning, connecting: Vol 4 Part E, 7.8.5 to 7.8.13. */
#include "talk.h"

#include "host/host.h"

#include <stdio.h>

static const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, 0x41}};

static const char connection_complete[] = "04 3e 13 01 00 41 00 00 01 41 00 00 00 00 c0 18 00 00 00 f4 01 00";
static const char connection_canceled[] = "04 3e 13 01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";

/* ---- Advertising ---- */

static void test_advertise(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    const struct bluet_span data = {"\x02\x01\x06", 3};
    const struct bluet_span response = {"\x02\x09x", 3};
    assert_int_equal(bluet_gap_advertise(talk->host, 100624, &data, &response, true), 2);
    talk_expect(talk, "01 06 20 0f a0 00 a0 00 00 00 00 00 00 00 00 00 00 07 00");
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_expect(talk, "01 08 20 20 03 02 01 06 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                      "00 00 00 00 00");
    talk_receive(talk, "04 0e 04 01 08 20 00");
    talk_expect(talk, "01 09 20 20 03 02 09 78 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                      "00 00 00 00 00");
    talk_receive(talk, "04 0e 04 01 09 20 00");
    talk_expect(talk, "01 0a 20 01 01");
    talk_expect_no_event(talk);
    talk_receive(talk, "04 0e 04 01 0a 20 00");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    assert_int_equal(bluet_gatts_register_services(talk->host, NULL, 0, NULL, 0), BLUET_EBUSY);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_STATIC), BLUET_EBUSY);

    /* Again, without data: what was given last. Not connectable: ADV_SCAN_IND. */
    assert_int_equal(bluet_gap_advertise(talk->host, 0, NULL, NULL, false), 3);
    talk_expect(talk, "01 0a 20 01 00");
    talk_receive(talk, "04 0e 04 01 0a 20 0c"); /* that it is off already does no harm */
    talk_expect(talk, "01 06 20 0f 20 00 20 00 02 00 00 00 00 00 00 00 00 07 00");
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_expect(talk, "01 08 20 20 03 02 01 06 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                      "00 00 00 00 00");
    talk_receive(talk, "04 0e 04 01 08 20 00");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");

    assert_int_equal(bluet_gap_advertise_stop(talk->host), 4);
    talk_expect(talk, "01 0a 20 01 00");
    talk_receive(talk, "04 0e 04 01 0a 20 00");
    talk_expect_event(talk, "OPERATION_DONE 4 error 0 status 0x00");
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
    talk_destroy(talk);
}

static void test_advertise_arguments(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    uint8_t octets[32] = {0};
    const struct bluet_span long_data = {octets, 32};
    const struct bluet_span full_data = {octets, 31};
    const struct bluet_span no_data = {NULL, 0};
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, &long_data, NULL, true), BLUET_EINVAL);
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, NULL, &long_data, true), BLUET_EINVAL);
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, &full_data, &no_data, true), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    assert_int_equal(bluet_gap_advertise(talk->host, UINT32_MAX, &no_data, &full_data, true), 3);
    talk_answer_until(talk, HCI_LE_SET_ADVERTISING_PARAMETERS);
    talk_expect(talk, "01 06 20 0f 00 40 00 40 00 00 00 00 00 00 00 00 00 07 00");
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_destroy(talk);
}

/* Before 5.0, scannable advertising has an interval of 100 ms at least. */
static void test_advertise_before_5_0(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    talk->controller.version = 8;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_forget(talk);
    assert_int_equal(bluet_gap_advertise(talk->host, 20000, NULL, NULL, false), 2);
    talk_expect(talk, "01 06 20 0f a0 00 a0 00 02 00 00 00 00 00 00 00 00 07 00");
    talk_receive(talk, "04 0e 04 01 06 20 00");
    talk_answer(talk);
    talk_forget(talk);
    talk_destroy(talk);
}

/* Refused at each step: not advertising then. */
static void test_advertise_refused(void **state)
{
    (void)state;
    static const uint16_t steps[] = {HCI_LE_SET_ADVERTISING_PARAMETERS, HCI_LE_SET_ADVERTISING_DATA,
                                     HCI_LE_SET_SCAN_RESPONSE_DATA, HCI_LE_SET_ADVERTISING_ENABLE};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct talk *talk = talk_activated(NULL);
        talk->controller.refused = steps[i];
        talk->controller.status = HCI_COMMAND_DISALLOWED;
        assert_int_equal(bluet_gap_advertise(talk->host, 500000, NULL, NULL, true), 2);
        talk_answer(talk);
        talk_expect_event(talk, "OPERATION_DONE 2 error -16 status 0x0c");
        assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
        talk_destroy(talk);
    }
}

/* A refusal to stop leaves it on, unless it was off already. */
static void test_advertise_stop_refused(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, NULL, NULL, true), 2);
    talk_answer(talk);
    talk->controller.refused = HCI_LE_SET_ADVERTISING_ENABLE;
    talk->controller.status = HCI_HARDWARE_FAILURE;
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 3);
    talk_answer(talk);
    talk->controller.status = HCI_COMMAND_DISALLOWED;
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 4);
    talk_answer(talk);
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_expect_event(talk, "OPERATION_DONE 3 error -5 status 0x03");
    talk_expect_event(talk, "OPERATION_DONE 4 error -16 status 0x0c");
    talk_destroy(talk);
}

static void test_connection_ends_advertising(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, NULL, NULL, true), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_connect_peripheral(talk, 0x40);
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);

    /* A connection that comes while advertising begins anew does not end what is yet to begin. */
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, NULL, NULL, true), 3);
    talk_answer_until(talk, HCI_LE_SET_ADVERTISING_ENABLE);
    talk_connect_peripheral(talk, 0x41);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 4);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 4 error 0 status 0x00");
    talk_destroy(talk);
}

/* ---- Scanning ---- */

static void test_scan_with_duration(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_scan(talk->host, 1500, 30000, 30000, true), 2);
    assert_int_equal(bluet_gap_scan(talk->host, 1500, 30000, 30000, true), BLUET_EALREADY);
    talk_expect(talk, "01 0b 20 07 01 30 00 30 00 00 00");
    talk_receive(talk, "04 0e 04 01 0b 20 00");
    talk_expect(talk, "01 0c 20 02 01 00");
    talk_pass(talk, 5000);
    talk_receive(talk, "04 0e 04 01 0c 20 00");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_pass(talk, 1499999);
    talk_expect_nothing(talk);
    talk_pass(talk, 1);
    talk_expect(talk, "01 0c 20 02 00 00");
    talk_expect_no_event(talk);
    talk_receive(talk, "04 0e 04 01 0c 20 00");
    talk_expect_event(talk, "SCAN_DONE");
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    talk_destroy(talk);
}

static void test_scan_arguments(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_scan(talk->host, 0, 20000, 20001, false), BLUET_EINVAL);
    assert_int_equal(bluet_gap_scan(talk->host, 0, UINT32_MAX, 0, false), 2);
    talk_expect(talk, "01 0b 20 07 00 00 40 04 00 00 00");
    talk_receive(talk, "04 0e 04 01 0b 20 00");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    assert_int_equal(bluet_gap_scan_stop(talk->host), 3);
    talk_answer(talk);
    talk_expect_event(talk, "SCAN_DONE");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    assert_int_equal(bluet_gap_scan_stop(talk->host), 0);
    talk_destroy(talk);
}

static void test_scan_refused(void **state)
{
    (void)state;
    static const uint16_t steps[] = {HCI_LE_SET_SCAN_PARAMETERS, HCI_LE_SET_SCAN_ENABLE};
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = talk_activated(NULL);
        talk->controller.refused = steps[i];
        talk->controller.status = HCI_INVALID_COMMAND_PARAMETERS;
        assert_int_equal(bluet_gap_scan(talk->host, 0, 20000, 10000, false), 2);
        talk_answer(talk);
        talk_expect_event(talk, "SCAN_DONE");
        talk_expect_event(talk, "OPERATION_DONE 2 error -22 status 0x12");
        assert_int_equal(bluet_gap_scan_stop(talk->host), 0);
        talk_destroy(talk);
    }
}

/* Stopped before it has started, and begun anew before it has stopped: each scan has its end. */
static void test_scan_stop_and_start(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_scan(talk->host, 1000, 20000, 10000, false), 2);
    assert_int_equal(bluet_gap_scan_stop(talk->host), 3);
    assert_int_equal(bluet_gap_scan_stop(talk->host), 0);
    assert_int_equal(bluet_gap_scan(talk->host, 2000, 20000, 10000, false), 4);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_expect_event(talk, "SCAN_DONE");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_expect_event(talk, "OPERATION_DONE 4 error 0 status 0x00");
    talk_pass(talk, 1999999);
    talk_expect_nothing(talk);
    talk_pass(talk, 1);
    talk_answer(talk);
    talk_expect_event(talk, "SCAN_DONE");
    talk_destroy(talk);
}

static struct talk *scanning(void)
{
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_scan(talk->host, 0, 20000, 10000, false), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    return talk;
}

/* CVE-2026-45812: every report of an event, once each. */
static void test_reports(void **state)
{
    (void)state;
    struct talk *talk = scanning();
    talk_receive(talk, "04 3e 0f 02 01 00 01 01 02 03 04 05 c6 03 02 01 06 c3");
    talk_expect_event(talk, "SCAN_RESULT 1/c60504030201 type 0 rssi -61 020106");
    talk_receive(talk, "04 3e 23 02 03 "
                       "00 00 01 02 03 04 05 06 01 aa c3 "
                       "04 01 11 12 13 14 15 16 00 7f "
                       "02 03 21 22 23 24 25 26 02 bb cc 80");
    talk_expect_event(talk, "SCAN_RESULT 0/060504030201 type 0 rssi -61 aa");
    talk_expect_event(talk, "SCAN_RESULT 1/161514131211 type 4 rssi 127");
    talk_expect_event(talk, "SCAN_RESULT 1/262524232221 type 2 rssi -128 bbcc");
    talk_receive(talk, "04 3e 12 0b 01 01 01 01 02 03 04 05 c6 00 09 09 09 09 09 09 d0");
    talk_expect_event(talk, "SCAN_RESULT 1/c60504030201 type 1 rssi -48");
    assert_int_equal(bluet_dropped(talk->host), 0);
    talk_destroy(talk);
}

/* CVE-2024-47250, CVE-2023-4424: what is cut off or makes no sense is dropped and counted, what came before it is not.
 */
static void test_malformed_reports(void **state)
{
    (void)state;
    struct talk *talk = scanning();
    uint32_t dropped = 0;
    talk_receive(talk, "04 3e 0f 02 01 00 01 01 02 03 04 05 c6 04 02 01 06 c3"); /* data longer than the event */
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk, "04 3e 0f 02 01 00 01 01 02 03 04 05 c6 ff 02 01 06 c3");
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk, "04 3e 02 02 00"); /* no report */
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk, "04 3e 02 02 ff"); /* announced only */
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk, "04 3e 0f 02 01 05 01 01 02 03 04 05 c6 03 02 01 06 c3"); /* no such type */
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk, "04 3e 0f 02 01 00 04 01 02 03 04 05 c6 03 02 01 06 c3"); /* no such address type */
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk,
                 "04 3e 2c 02 01 00 01 01 02 03 04 05 c6 20 " /* 32 octets of data */
                 "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f c3");
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk, "04 3e 12 0b 01 00 01 01 02 03 04 05 c6 00 09 09 09 09 09 09 d0"); /* directed, but ADV_IND */
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_receive(talk, "04 3e 11 0b 01 01 01 01 02 03 04 05 c6 00 09 09 09 09 09 09"); /* directed, cut off */
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    talk_expect_no_event(talk);
    talk_receive(talk, "04 3e 17 02 02 00 01 01 02 03 04 05 c6 03 02 01 06 c3 00 01 01 02 03 04 05 c6");
    talk_expect_event(talk, "SCAN_RESULT 1/c60504030201 type 0 rssi -61 020106");
    assert_int_equal(bluet_dropped(talk->host), ++dropped);
    bluet_add_dropped(talk->host, 5);
    assert_int_equal(bluet_dropped(talk->host), dropped + 5);
    talk_destroy(talk);
}

static void stop_scan(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_SCAN_RESULT)
        bluet_gap_scan_stop(talk->host);
}

static void test_scan_stopped_by_handler(void **state)
{
    (void)state;
    struct talk *talk = scanning();
    talk->on_event = stop_scan;
    talk_receive(talk, "04 3e 0f 02 01 00 01 01 02 03 04 05 c6 03 02 01 06 c3");
    talk_expect_event(talk, "SCAN_RESULT 1/c60504030201 type 0 rssi -61 020106");
    talk_answer(talk);
    talk_expect_event(talk, "SCAN_DONE");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    /* A report behind the end is nobody's. */
    talk_receive(talk, "04 3e 0f 02 01 00 01 01 02 03 04 05 c6 03 02 01 06 c3");
    talk_expect_no_event(talk);
    talk_destroy(talk);
}

/* ---- Connecting ---- */

static void test_connect(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), BLUET_EALREADY);
    assert_int_equal(bluet_gap_scan(talk->host, 0, 20000, 10000, false), BLUET_EBUSY);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_STATIC), BLUET_EBUSY);
    talk_expect(talk, "01 0d 20 19 60 00 60 00 00 01 41 00 00 00 00 c0 00 18 00 28 00 00 00 f4 01 00 00 00 00");
    talk_receive(talk, "04 0f 04 00 01 0d 20");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    /* The controller may have resolved the address: the application hears the one it gave. */
    talk_receive(talk, "04 3e 13 01 00 41 00 00 02 99 99 99 99 99 99 18 00 00 00 f4 01 00");
    talk_expect(talk, "01 16 20 02 41 00"); /* LE Read Remote Features */
    talk_receive(talk, "04 0f 04 00 01 16 20");
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), BLUET_EALREADY);
    talk_peer_is_heard(talk, 0x41);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_expect(talk, "01 22 20 06 41 00 fb 00 48 08"); /* LE Set Data Length */
    talk_receive(talk, "04 0e 06 01 22 20 00 41 00");
    talk_expect_no_event(talk);
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);

    struct bluet_connection connection;
    assert_int_equal(bluet_connection(talk->host, &connection, 0x41), BLUET_OK);
    assert_true(connection.central);
    assert_int_equal(connection.interval, 24);
    assert_int_equal(connection.supervision_timeout, 500);
    assert_int_equal(connection.mtu, 23);
    assert_int_equal(connection.transmit_octets, 27);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), BLUET_EISCONN);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), BLUET_EALREADY);
    talk_destroy(talk);
}

static struct talk *connecting(uint32_t timeout_ms)
{
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, timeout_ms, NULL), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    return talk;
}

/* A request that the peer has not heard is sent again, as long as the attempt lasts. */
static void test_request_is_lost(void **state)
{
    (void)state;
    struct talk *talk = connecting(2000);
    for (unsigned i = 0; i < 3; i++) {
        talk_receive(talk, connection_complete);
        talk_answer(talk);
        talk_pass(talk, 300000);
        talk_receive(talk, "04 05 04 00 41 00 3e");
        talk_expect_nothing(talk);
        talk_pass(talk, 255000); /* a moment that is drawn */
        talk_expect_no_event(talk);
        talk_expect(talk, "01 0d 20 19 60 00 60 00 00 01 41 00 00 00 00 c0 00 18 00 28 00 00 00 f4 01 00 00 00 00");
        talk_receive(talk, "04 0f 04 00 01 0d 20");
    }
    talk_receive(talk, connection_complete);
    talk_answer(talk);
    talk_peer_is_heard(talk, 0x41);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_receive(talk, "04 05 04 00 41 00 3e"); /* has been heard before: an end like any other */
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0041 1/c00000000041 reason 0x3e");
    talk_destroy(talk);
}

/* Time is up, another reason, a cancellation: then the attempt has failed. */
static void test_request_is_lost_for_good(void **state)
{
    (void)state;
    struct talk *talk = connecting(1000);
    talk_receive(talk, connection_complete);
    talk_answer(talk);
    talk_pass(talk, 1000000);
    talk_receive(talk, "04 05 04 00 41 00 3e");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x3e");
    talk_expect_nothing(talk);
    talk_destroy(talk);

    talk = connecting(1000);
    talk_receive(talk, connection_complete);
    talk_answer(talk);
    talk_receive(talk, "04 05 04 00 41 00 13"); /* the peer has heard, and leaves at once */
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0041 1/c00000000041 reason 0x13");
    talk_expect_nothing(talk);
    talk_destroy(talk);

    talk = connecting(1000);
    talk_receive(talk, connection_complete);
    talk_answer(talk);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), BLUET_EALREADY);
    talk_expect(talk, "01 06 04 03 41 00 13");
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_receive(talk, "04 05 04 00 41 00 16");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x16");
    talk_destroy(talk);
}

/* The link is told to end while the controller finds out by itself that nobody has heard. */
static void test_canceled_request_is_lost(void **state)
{
    (void)state;
    struct talk *talk = connecting(2000);
    talk_receive(talk, connection_complete);
    talk_answer(talk);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    talk_expect(talk, "01 06 04 03 41 00 13");
    talk_receive(talk, "04 05 04 00 41 00 3e");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x3e");
    talk_receive(talk, "04 0f 04 02 01 06 04");
    talk_expect_event(talk, "OPERATION_DONE 3 error -107 status 0x02");
    talk_pass(talk, 10000000);
    talk_expect_nothing(talk);
    talk_destroy(talk);
}

/* Of a connection to whoever is heard first, nobody knows the peer before there is a link. */
static void test_cancel_of_listed(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect_listed(talk->host, 0, NULL), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_receive(talk, connection_complete);
    talk_answer(talk);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), BLUET_EALREADY);
    talk_expect(talk, "01 06 04 03 41 00 13");
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_receive(talk, "04 05 04 00 41 00 16");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x16");
    talk_destroy(talk);
}

static void test_cancel_between_requests(void **state)
{
    (void)state;
    struct talk *talk = connecting(2000);
    talk_receive(talk, connection_complete);
    talk_answer(talk);
    talk_receive(talk, "04 05 04 00 41 00 3e");
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), BLUET_EALREADY);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 0);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), BLUET_EALREADY);
    talk_expect_no_event(talk);
    talk_pass(talk, 0);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x02");
    talk_pass(talk, 10000000);
    talk_expect_nothing(talk);
    talk_destroy(talk);
}

/* What comes from the peer is a sign of life too, and is heard after the news of the connection. */
static void test_first_packet_is_heard(void **state)
{
    (void)state;
    struct talk *talk = connecting(1000);
    talk_receive(talk, connection_complete);
    talk_receive_frame(talk, 0x41, 4, "1b 10 00 05");
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0041 0x0010 length 1");
    talk_answer(talk);
    talk_peer_is_heard(talk, 0x41);
    talk_expect_no_event(talk);
    talk_destroy(talk);

    talk = connecting(1000);
    talk_receive(talk, connection_complete);
    talk_take(talk);
    talk_receive(talk, "04 0f 04 01 01 16 20"); /* a controller that cannot ask */
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_answer(talk);
    talk_destroy(talk);
}

static void test_connect_arguments(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    static const struct bluet_connection_parameters bad[] = {
        {.interval_min_us = 7499},
        {.interval_max_us = 4001250},
        {.interval_min_us = 50000, .interval_max_us = 30000},
        {.latency = 500},
        {.supervision_timeout_ms = 99},
        {.supervision_timeout_ms = 32001},
        {.interval_max_us = 100000, .supervision_timeout_ms = 200}, /* not longer than two intervals */
        {.interval_min_us = UINT32_MAX, .interval_max_us = UINT32_MAX},
        {.interval_max_us = 4000000, .latency = 499},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, &bad[i]), BLUET_EINVAL);
    const struct bluet_address wrong = {2, {0}};
    assert_int_equal(bluet_gap_connect(talk->host, &wrong, 0, NULL), BLUET_EINVAL);

    /* What is not given goes with what is. */
    const struct bluet_connection_parameters slow = {.interval_min_us = 4000000};
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, &slow), 2);
    talk_expect(talk, "01 0d 20 19 60 00 60 00 00 01 41 00 00 00 00 c0 00 80 0c 80 0c 00 00 21 03 00 00 00 00");
    talk_receive(talk, "04 0f 04 00 01 0d 20");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_destroy(talk);

    talk = talk_activated(NULL);
    const struct bluet_connection_parameters seldom = {.interval_max_us = 11250, .latency = 499};
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, &seldom), 2);
    talk_expect(talk, "01 0d 20 19 60 00 60 00 00 01 41 00 00 00 00 c0 00 09 00 09 00 f3 01 66 04 00 00 00 00");
    talk_destroy(talk);
}

static void test_connect_refused(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    talk_take(talk);
    talk_receive(talk, "04 0f 04 0b 01 0d 20");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x0b");
    talk_expect_event(talk, "OPERATION_DONE 2 error -106 status 0x0b");
    assert_int_equal(bluet_gap_connect_cancel(talk->host), BLUET_EALREADY);
    talk_destroy(talk);
}

static void test_connect_timeout(void **state)
{
    (void)state;
    struct talk *talk = connecting(300);
    talk_pass(talk, 299999);
    talk_expect_nothing(talk);
    talk_pass(talk, 1);
    talk_expect(talk, "01 0e 20 00");
    talk_receive(talk, "04 0e 04 01 0e 20 00");
    talk_expect_no_event(talk);
    talk_receive(talk, connection_canceled);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x02");
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 3);
    talk_answer(talk);
    talk_forget(talk);
    talk_destroy(talk);
}

static void test_connect_canceled(void **state)
{
    (void)state;
    struct talk *talk = connecting(0);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), BLUET_EALREADY);
    talk_expect(talk, "01 0e 20 00");
    talk_receive(talk, "04 0e 04 01 0e 20 00");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_receive(talk, connection_canceled);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x02");
    talk_receive(talk, connection_canceled);
    talk_expect_no_event(talk);
    talk_destroy(talk);
}

/* The connection is made before the cancellation is there: the controller says so, and there is a connection. */
static void test_cancel_meets_success(void **state)
{
    (void)state;
    struct talk *talk = connecting(0);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    talk_take(talk);
    talk_receive(talk, connection_complete);
    talk_peer_is_heard(talk, 0x41);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_receive(talk, "04 0e 04 01 0e 20 0c");
    talk_expect_event(talk, "OPERATION_DONE 3 error -114 status 0x0c");
    talk_answer(talk);
    talk_pass(talk, 10000000);
    talk_expect_no_event(talk);
    talk_destroy(talk);

    talk = connecting(0);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    talk_take(talk);
    talk_receive(talk, "04 0e 04 01 0e 20 0c");
    talk_expect_event(talk, "OPERATION_DONE 3 error -114 status 0x0c");
    talk_receive(talk, connection_complete);
    talk_peer_is_heard(talk, 0x41);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_answer(talk);
    talk_pass(talk, 10000000);
    talk_expect_no_event(talk);
    talk_destroy(talk);
}

/* Canceled before the controller has begun. */
static void test_cancel_before_start(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_receive(talk, connection_canceled);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x02");
    talk_destroy(talk);

    /* And the start is refused: the attempt ends once, and the cancellation of it does not touch the next. */
    talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), 3);
    talk_take(talk);
    talk_receive(talk, "04 0f 04 0c 01 0d 20");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x0c");
    talk_expect_event(talk, "OPERATION_DONE 2 error -16 status 0x0c");
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 4);
    talk_expect(talk, "01 0e 20 00");
    talk_receive(talk, "04 0e 04 01 0e 20 0c");
    talk_expect_event(talk, "OPERATION_DONE 3 error -114 status 0x0c");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 4 error 0 status 0x00");
    talk_receive(talk, connection_complete);
    talk_peer_is_heard(talk, 0x41);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_answer(talk);
    talk_destroy(talk);
}

/* A controller that never says how it ended. */
static void test_cancel_without_end(void **state)
{
    (void)state;
    struct talk *talk = connecting(0);
    talk_pass(talk, 2000000);
    talk_answer(talk);
    talk_pass(talk, 1999999);
    talk_expect_no_event(talk);
    talk_pass(talk, 1);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x02");
    /* CVE-2023-1902: it comes late. It is not what anybody asked for, and is ended. */
    talk_receive(talk, connection_complete);
    talk_expect(talk, "01 06 04 03 41 00 14");
    talk_expect_no_event(talk);
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_receive(talk, "04 05 04 00 41 00 16");
    talk_expect_no_event(talk);
    talk_destroy(talk);
}

static void test_connect_stops_scan(void **state)
{
    (void)state;
    struct talk *talk = scanning();
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 3);
    talk_expect(talk, "01 0c 20 02 00 00");
    talk_expect_nothing(talk);
    talk_receive(talk, "04 0e 04 01 0c 20 00");
    talk_expect_event(talk, "SCAN_DONE");
    talk_expect_no_event(talk);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_receive(talk, connection_complete);
    talk_peer_is_heard(talk, 0x41);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0041 1/c00000000041");
    talk_answer(talk);
    talk_destroy(talk);
}

static void test_connect_no_room(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(&(struct bluet_config){.connection_count = 1});
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_connect_peripheral(talk, 0x40);
    /* The last place was taken meanwhile. */
    talk_receive(talk, connection_complete);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x09");
    talk_expect(talk, "01 06 04 03 41 00 14");
    talk_receive(talk, "04 0f 04 00 01 06 04");
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), BLUET_ENOMEM);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_advertise),
        cmocka_unit_test(test_advertise_arguments),
        cmocka_unit_test(test_advertise_before_5_0),
        cmocka_unit_test(test_advertise_refused),
        cmocka_unit_test(test_advertise_stop_refused),
        cmocka_unit_test(test_connection_ends_advertising),
        cmocka_unit_test(test_scan_with_duration),
        cmocka_unit_test(test_scan_arguments),
        cmocka_unit_test(test_scan_refused),
        cmocka_unit_test(test_scan_stop_and_start),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_malformed_reports),
        cmocka_unit_test(test_scan_stopped_by_handler),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_request_is_lost),
        cmocka_unit_test(test_request_is_lost_for_good),
        cmocka_unit_test(test_canceled_request_is_lost),
        cmocka_unit_test(test_cancel_of_listed),
        cmocka_unit_test(test_cancel_between_requests),
        cmocka_unit_test(test_first_packet_is_heard),
        cmocka_unit_test(test_connect_arguments),
        cmocka_unit_test(test_connect_refused),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_connect_canceled),
        cmocka_unit_test(test_cancel_meets_success),
        cmocka_unit_test(test_cancel_before_start),
        cmocka_unit_test(test_cancel_without_end),
        cmocka_unit_test(test_connect_stops_scan),
        cmocka_unit_test(test_connect_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
