/* The end: by deactivation, by the loss of the controller, by its failure; whatever was under way. */
#include "talk.h"

#include "host/host.h"

#include <stdio.h>

static const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, 0x77}};

/* Advertising, scanning, two links, a procedure on one of them. Tickets to 6 are used. */
static struct talk *busy(void)
{
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    talk_connect_central(talk, 0x41);
    assert_int_equal(bluet_gap_advertise(talk->host, 500000, &(struct bluet_span){"x", 1}, NULL, true), 3);
    assert_int_equal(bluet_gap_scan(talk->host, 0, 20000, 10000, false), 4);
    talk_answer(talk);
    assert_int_equal(bluet_gattc_read(talk->host, 0x41, 0x0010, 0), BLUET_OK);
    talk_forget(talk);
    return talk;
}

static void expect_gone(struct talk *talk)
{
    assert_false(bluet_is_active(talk->host));
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    assert_int_equal(bluet_gap_advertise_stop(talk->host), BLUET_ENODEV);
    talk_expect_no_event(talk);
    /* And it can begin again, without what was before. */
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 0);
    assert_int_equal(bluet_gap_scan_stop(talk->host), 0);
    assert_int_equal(bluet_gap_connect_cancel(talk->host), BLUET_EALREADY);
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(talk->host, &connection, 0x40), BLUET_ENOTCONN);
    talk_destroy(talk);
}

static void test_deactivation(void **state)
{
    (void)state;
    struct talk *talk = busy();
    assert_int_equal(bluet_deactivate(talk->host), 5);
    assert_false(bluet_is_active(talk->host));
    talk_expect(talk, "01 0a 20 01 00");
    talk_receive(talk, "04 0e 04 01 0a 20 00");
    talk_expect(talk, "01 0c 20 02 00 00");
    talk_receive(talk, "04 0e 04 01 0c 20 00");
    talk_expect_event(talk, "SCAN_DONE");
    talk_expect(talk, "01 06 04 03 40 00 15");
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_expect(talk, "01 06 04 03 41 00 15");
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_expect_nothing(talk);
    talk_receive(talk, "04 05 04 00 41 00 16");
    talk_expect_event(talk, "GATTC_READ_DONE 0x0041 0x0010 status 0x104");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0041 1/c00000000041 reason 0x16");
    talk_receive(talk, "04 05 04 00 40 00 16");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x16");
    talk_expect(talk, "01 03 0c 00");
    talk_expect_no_event(talk);
    talk_receive(talk, "04 0e 04 01 03 0c 00");
    talk_expect_event(talk, "OPERATION_DONE 5 error 0 status 0x00");
    expect_gone(talk);
}

static void test_deactivation_of_idle_host(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_deactivate(talk->host), 2);
    talk_expect(talk, "01 03 0c 00");
    talk_receive(talk, "04 0e 04 01 03 0c 00");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    expect_gone(talk);
}

/* Peers that do not confirm are not waited for longer than 2 s. */
static void test_deactivation_is_bounded(void **state)
{
    (void)state;
    struct talk *talk = busy();
    assert_int_equal(bluet_deactivate(talk->host), 5);
    talk_answer(talk);
    talk_expect_event(talk, "SCAN_DONE");
    talk_pass(talk, 1999999);
    talk_expect_nothing(talk);
    talk_pass(talk, 1);
    talk_expect(talk, "01 03 0c 00");
    talk_receive(talk, "04 0e 04 01 03 0c 00");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x16");
    talk_expect_event(talk, "GATTC_READ_DONE 0x0041 0x0010 status 0x104");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0041 1/c00000000041 reason 0x16");
    talk_expect_event(talk, "OPERATION_DONE 5 error 0 status 0x00");
    expect_gone(talk);
}

/* A controller that refuses everything, or answers nothing, does not keep us. */
static void test_deactivation_refused(void **state)
{
    (void)state;
    static const uint16_t refused[] = {HCI_LE_SET_ADVERTISING_ENABLE, HCI_LE_SET_SCAN_ENABLE, HCI_DISCONNECT,
                                       HCI_RESET};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct talk *talk = busy();
        talk->controller.refused = refused[i];
        talk->controller.status = HCI_HARDWARE_FAILURE;
        assert_int_equal(bluet_deactivate(talk->host), 5);
        talk_answer(talk);
        talk_pass(talk, 2000000);
        talk_answer(talk);
        assert_false(bluet_is_active(talk->host));
        assert_int_equal(talk->host->state, HOST_INACTIVE);
        talk->controller.refused = 0;
        talk_forget(talk);
        expect_gone(talk);
    }
    struct talk *talk = busy();
    assert_int_equal(bluet_deactivate(talk->host), 5);
    talk_forget(talk);
    talk_pass(talk, 2000000);
    assert_int_equal(talk->host->state, HOST_INACTIVE);
    talk_forget(talk);
    expect_gone(talk);
}

/* The time for the peers passes while the controller has yet to answer: its own time counts then. */
static void test_deactivation_of_slow_controller(void **state)
{
    (void)state;
    struct talk *talk = busy();
    assert_int_equal(bluet_deactivate(talk->host), 5);
    talk_answer_until(talk, HCI_DISCONNECT);
    talk_expect_event(talk, "SCAN_DONE");
    talk_take(talk);
    talk_pass(talk, 1500000);
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_expect(talk, "01 06 04 03 41 00 15");
    talk_pass(talk, 1000000);
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_expect(talk, "01 03 0c 00");
    talk_receive(talk, "04 0e 04 01 03 0c 00");
    talk_forget(talk);
    expect_gone(talk);
}

static void test_deactivation_while_connecting(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    assert_int_equal(bluet_deactivate(talk->host), 3);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_receive(talk, "04 3e 13 01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x02");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    expect_gone(talk);

    /* And the connection is made all the same. */
    talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    assert_int_equal(bluet_deactivate(talk->host), 3);
    talk_answer_until(talk, HCI_LE_CREATE_CONNECTION_CANCEL);
    talk_receive(talk, "04 3e 13 01 00 42 00 00 01 77 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_answer_until(talk, HCI_DISCONNECT);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_answer(talk);
    talk_receive(talk, "04 05 04 00 42 00 16");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x16");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    expect_gone(talk);
}

/* ---- Loss ---- */

static void expect_end_of_busy(struct talk *talk, uint8_t status)
{
    char text[TALK_EVENT_SIZE];
    snprintf(text, sizeof text, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x%02x", status);
    talk_expect_event(talk, text);
    talk_expect_event(talk, "GATTC_READ_DONE 0x0041 0x0010 status 0x100");
    snprintf(text, sizeof text, "PERIPHERAL_DISCONNECT 0x0041 1/c00000000041 reason 0x%02x", status);
    talk_expect_event(talk, text);
    talk_expect_event(talk, "SCAN_DONE");
}

static void test_controller_lost(void **state)
{
    (void)state;
    struct talk *talk = busy();
    assert_int_equal(bluet_hci_command(talk->host, 0xfc01, NULL, 0), 5);
    assert_int_equal(bluet_gap_advertise_stop(talk->host), 6);
    talk_forget(talk);
    bluet_controller_lost(talk->host);
    talk_expect_no_event(talk);
    assert_true(bluet_deadline(talk->host) <= talk->now);
    assert_true(bluet_poll(talk->host) == BLUET_NEVER);
    expect_end_of_busy(talk, 0x03);
    talk_expect_event(talk, "OPERATION_DONE 5 error -19 status 0x03");
    talk_expect_event(talk, "OPERATION_DONE 6 error -19 status 0x03");
    talk_expect_event(talk, "INACTIVE status 0x03");
    expect_gone(talk);
}

static void test_controller_lost_while_connecting(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    talk_answer(talk);
    talk_forget(talk);
    bluet_controller_lost(talk->host);
    bluet_poll(talk->host);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 255/000000000000 reason 0x03");
    talk_expect_event(talk, "INACTIVE status 0x03");
    expect_gone(talk);
}

static void test_hardware_error(void **state)
{
    (void)state;
    struct talk *talk = busy();
    talk_receive(talk, "04 10 01 42");
    expect_end_of_busy(talk, 0x03);
    talk_expect_event(talk, "INACTIVE status 0x03");
    expect_gone(talk);
}

static void test_lost_while_deactivating(void **state)
{
    (void)state;
    static const uint16_t stages[] = {HCI_LE_SET_ADVERTISING_ENABLE, HCI_LE_SET_SCAN_ENABLE, HCI_DISCONNECT};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        struct talk *talk = busy();
        assert_int_equal(bluet_deactivate(talk->host), 5);
        talk_answer_until(talk, stages[i]);
        talk_forget(talk);
        bluet_controller_lost(talk->host);
        bluet_poll(talk->host);
        assert_int_equal(talk->host->state, HOST_INACTIVE);
        talk->first_event = (talk->first_event + talk->event_count - 1) % TALK_EVENTS;
        talk->event_count = 1;
        talk_expect_event(talk, "OPERATION_DONE 5 error 0 status 0x00");
        expect_gone(talk);
    }
}

/* Whatever a handler tries while it all ends: it is refused, and begins again only when it is over. */
static int refusals;

static void try_everything(struct talk *talk, const struct bluet_event *event)
{
    struct bluet *host = talk->host;
    if (event->code == BLUET_EVENT_INACTIVE) {
        assert_true(bluet_activate(host) > 0);
        return;
    }
    assert_int_equal(bluet_activate(host), BLUET_EBUSY);
    assert_int_equal(bluet_deactivate(host), 0);
    assert_int_equal(bluet_gap_scan(host, 0, 20000, 10000, false), BLUET_ENODEV);
    assert_int_equal(bluet_gap_connect(host, &peer, 0, NULL), BLUET_ENODEV);
    assert_int_equal(bluet_gattc_read(host, 0x41, 1, 0), BLUET_ENODEV);
    assert_int_equal(bluet_gap_disconnect(host, 0x41), BLUET_ENODEV);
    bluet_controller_lost(host);
    refusals++;
}

static void test_handler_at_the_end(void **state)
{
    (void)state;
    struct talk *talk = busy();
    talk->on_event = try_everything;
    refusals = 0;
    bluet_controller_lost(talk->host);
    bluet_poll(talk->host);
    talk->on_event = NULL;
    expect_end_of_busy(talk, 0x03);
    talk_expect_event(talk, "INACTIVE status 0x03");
    assert_int_equal(refusals, 4);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 5 error 0 status 0x00");
    assert_true(bluet_is_active(talk->host));
    talk_destroy(talk);
}

/* A handler that deactivates, at every event of a busy life. */
static unsigned event_number, deactivate_at;

static void deactivate_once(struct talk *talk, const struct bluet_event *event)
{
    (void)event;
    if (++event_number == deactivate_at)
        bluet_deactivate(talk->host);
}

static void test_deactivation_in_every_event(void **state)
{
    (void)state;
    bool reached = true;
    for (deactivate_at = 1; reached; deactivate_at++) {
        struct talk *talk = talk_create(NULL);
        event_number = 0;
        talk->on_event = deactivate_once;
        bluet_activate(talk->host);
        talk_answer(talk);
        bluet_gap_scan(talk->host, 100, 20000, 10000, false);
        talk_answer(talk);
        talk_receive(talk, "04 3e 0f 02 01 00 01 01 02 03 04 05 c6 03 02 01 06 c3");
        bluet_gap_connect(talk->host, &peer, 0, NULL);
        talk_answer(talk);
        talk_receive(talk, "04 3e 13 01 00 41 00 00 01 77 00 00 00 00 c0 18 00 00 00 f4 01 00");
        bluet_gattc_read(talk->host, 0x41, 0x0010, 0);
        bluet_gattc_read(talk->host, 0x41, 0x0011, 0);
        talk_answer(talk);
        talk_receive(talk, "04 3e 0a 03 00 41 00 50 00 02 00 64 00");
        talk_receive(talk, "04 05 04 00 41 00 08");
        talk_forget(talk);
        reached = event_number >= deactivate_at;
        talk->on_event = NULL;
        bluet_deactivate(talk->host);
        talk_forget(talk);
        talk_pass(talk, 5000000);
        assert_int_equal(talk->host->state, HOST_INACTIVE);
        talk_forget(talk);
        talk_destroy(talk);
    }
    assert_true(deactivate_at > 8);
}

static void test_destroy_while_busy(void **state)
{
    (void)state;
    talk_destroy(busy());
    struct talk *talk = busy();
    bluet_deactivate(talk->host);
    talk_forget(talk);
    talk_destroy(talk);
    bluet_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deactivation),
        cmocka_unit_test(test_deactivation_of_idle_host),
        cmocka_unit_test(test_deactivation_is_bounded),
        cmocka_unit_test(test_deactivation_refused),
        cmocka_unit_test(test_deactivation_of_slow_controller),
        cmocka_unit_test(test_deactivation_while_connecting),
        cmocka_unit_test(test_controller_lost),
        cmocka_unit_test(test_controller_lost_while_connecting),
        cmocka_unit_test(test_hardware_error),
        cmocka_unit_test(test_lost_while_deactivating),
        cmocka_unit_test(test_handler_at_the_end),
        cmocka_unit_test(test_deactivation_in_every_event),
        cmocka_unit_test(test_destroy_while_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
