/* wrap: l2cap_send */
/* Procedures in turn: order, links, buffers and procedures short, time running out, the link lost, handlers that act.
 */
#include "gatt/room.h"

#include <stdio.h>

static int read_value(struct room *room, unsigned link, uint16_t handle)
{
    return gatt_client_read(&room->gatt.client, &room->link[link], handle, 0);
}

static int write_value(struct room *room, unsigned link, uint16_t handle, const char *data, enum bluet_write_mode mode)
{
    return gatt_client_write(&room->gatt.client, &room->link[link], handle, data, strlen(data), mode);
}

static void test_procedures_take_turns(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(gatt_client_discover_services(&room->gatt.client, &room->link[0], NULL), 0);
    assert_int_equal(write_value(room, 0, 3, "abc", BLUET_WRITE_WITH_RESPONSE), 0);
    assert_int_equal(read_value(room, 0, 4), 0);
    expect(room, 0, "0a 0100");
    expect_nothing(room);
    hear(room, 0, "01 0a 0100 02");
    expect_event(room, "read-done 40 0001 002");
    expect(room, 0, "10 0100 ffff 0028");
    hear(room, 0, "01 10 0100 0a");
    expect_event(room, "service-done 40 0000 000");
    expect(room, 0, "12 0300 616263");
    hear(room, 0, "13");
    expect_event(room, "write-done 40 0003 000");
    expect(room, 0, "0a 0400");
    hear(room, 0, "0b 61");
    expect_event(room, "read-result 40 0004 61");
    expect_event(room, "read-done 40 0004 000");
    room_destroy(room);
}

static void test_links_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(read_value(room, 1, 1), 0);
    assert_int_equal(read_value(room, 2, 1), 0);
    expect(room, 0, "0a 0100");
    expect(room, 1, "0a 0100");
    expect(room, 2, "0a 0100");
    hear(room, 2, "0b 63");
    expect_event(room, "read-result 42 0001 63");
    expect_event(room, "read-done 42 0001 000");
    hear(room, 0, "0b 61");
    expect_event(room, "read-result 40 0001 61");
    expect_event(room, "read-done 40 0001 000");
    hear(room, 1, "0b 62");
    expect_event(room, "read-result 41 0001 62");
    expect_event(room, "read-done 41 0001 000");
    room_destroy(room);
}

/* Requests and responses of both directions pass each other. */
static void test_client_and_server_at_once(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 1), 0);
    expect(room, 0, "0a 0100");
    exchange(room, 0, "0a 0100", "0b 0018");
    hear(room, 0, "0b 61");
    expect_event(room, "read-result 40 0001 61");
    expect_event(room, "read-done 40 0001 000");
    room_destroy(room);
}

static void test_too_many_procedures(void **state)
{
    (void)state;
    struct room *room = room_create_with(16, 64, 3);
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(read_value(room, 0, 2), 0);
    assert_int_equal(read_value(room, 1, 3), 0);
    assert_int_equal(read_value(room, 1, 4), BLUET_ENOMEM);
    assert_int_equal(write_value(room, 2, 4, "a", BLUET_WRITE_WITH_RESPONSE), BLUET_ENOMEM);
    assert_int_equal(write_value(room, 0, 4, "a", BLUET_WRITE_WITH_RESPONSE), BLUET_ENOMEM);
    assert_int_equal(write_value(room, 2, 4, "a", BLUET_WRITE_LONG), BLUET_ENOMEM);
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[2]), BLUET_ENOMEM);
    forget(room);
    hear(room, 1, "0b");
    forget(room);
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[2]), 0);
    expect(room, 2, "02 0001");
    hear(room, 2, "03 1700");
    expect_event(room, "mtu 42 23");
    hear(room, 0, "0b");
    forget(room);
    hear(room, 0, "0b");
    forget(room);
    room_destroy(room);
}

/* ---- Buffers ---- */

static void test_requests_wait_for_buffers(void **state)
{
    (void)state;
    struct room *room = room_create();
    room->no_buffers = true;
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(read_value(room, 0, 2), 0);
    gatt_flush(&room->gatt);
    expect_nothing(room);
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    room_buffers_free(room);
    expect(room, 0, "0a 0100");
    expect_nothing(room);
    room->no_buffers = true;
    hear(room, 0, "0b");
    expect_event(room, "read-result 40 0001 ");
    expect_event(room, "read-done 40 0001 000");
    expect_nothing(room);
    room_buffers_free(room);
    expect(room, 0, "0a 0200");
    hear(room, 0, "0b");
    forget(room);
    room_destroy(room);
}

/* In the midst of a procedure, too: at each of its requests there is no buffer. */
static void test_buffers_refused_at_each_send(void **state)
{
    (void)state;
    for (size_t nth = 1; nth <= 6; nth++) {
        struct room *room = room_create();
        room_register(room);
        room->refused_send = nth;
        assert_int_equal(gatt_client_discover_characteristics(&room->gatt.client, &room->link[0], 20, 27, NULL), 0);
        assert_int_equal(write_value(room, 0, 25, "0123456789012345678901234", BLUET_WRITE_LONG), 0);
        for (size_t next = 0, idle = 0; idle < 2; idle++) {
            for (; next < room->sent_count; next++, idle = 0) {
                struct room_pdu pdu = room->sent[next];
                hear_octets(room, pdu.link == 0 ? 1 : 0, pdu.octets, pdu.length);
            }
            gatt_flush(&room->gatt);
        }
        expect_event(room, "characteristic 40 0015 0016-0017 12 2a37");
        expect_event(room, "characteristic 40 0018 0019-001b 2a 2a38");
        expect_event(room, "characteristic-done 40 0000 000");
        expect_event(room, "write 41 0019");
        expect_event(room, "write-done 40 0019 000");
        forget(room);
        room_destroy(room);
    }
}

static void test_write_refused_for_want_of_buffers(void **state)
{
    (void)state;
    struct room *room = room_create_with(2, 32, 8);
    room->no_buffers = true;
    assert_int_equal(write_value(room, 0, 1, "a", BLUET_WRITE_WITH_RESPONSE), BLUET_ENOMEM);
    room_buffers_free(room);
    expect_nothing(room);
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    char value[66];
    memset(value, 'v', 65);
    value[65] = 0;
    assert_int_equal(write_value(room, 0, 1, value, BLUET_WRITE_LONG), BLUET_ENOMEM);
    assert_int_equal(write_value(room, 0, 1, "a", BLUET_WRITE_WITH_RESPONSE), 0);
    assert_int_equal(write_value(room, 0, 1, value, BLUET_WRITE_WITH_RESPONSE), BLUET_ENOMEM);
    assert_int_equal(write_value(room, 0, 1, "b", BLUET_WRITE_WITH_RESPONSE), 0);
    assert_int_equal(write_value(room, 0, 1, "c", BLUET_WRITE_NO_RESPONSE), 0);
    assert_int_equal(write_value(room, 0, 1, "d", BLUET_WRITE_NO_RESPONSE), BLUET_ENOMEM);
    expect(room, 0, "12 0100 61");
    hear(room, 0, "13");
    expect_event(room, "write-done 40 0001 000");
    expect(room, 0, "12 0100 62");
    hear(room, 0, "13");
    expect_event(room, "write-done 40 0001 000");
    expect(room, 0, "52 0100 63");
    room_destroy(room);
}

/* ---- Time ---- */

static void test_no_answer_in_time(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(read_value(room, 1, 7), 0);
    room_wait(room, 1000000);
    assert_int_equal(write_value(room, 0, 2, "a", BLUET_WRITE_WITH_RESPONSE), 0);
    assert_int_equal(gatt_client_discover_services(&room->gatt.client, &room->link[0], NULL), 0);
    hear(room, 1, "0b");
    forget(room);
    assert_int_equal(read_value(room, 1, 8), 0);
    expect(room, 1, "0a 0800");
    room_wait(room, 28999999);
    expect_nothing(room);
    room_wait(room, 1);
    expect_event(room, "read-done 40 0001 101");
    expect_event(room, "write-done 40 0002 101");
    expect_event(room, "service-done 40 0000 101");
    expect_nothing(room);
    hear(room, 0, "0b 61");
    expect_nothing(room);
    expect_protocol_errors(room, 1);
    /* The other link has a second left, and its server answers in it. */
    hear(room, 1, "0b 61");
    expect_event(room, "read-result 41 0008 61");
    expect_event(room, "read-done 41 0008 000");
    room_destroy(room);
}

static void test_nothing_begins_on_an_expired_bearer(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(room_indicate(&room->gatt.server, &room->link[0], 1, "a", 1), BLUET_EINVAL);
    forget(room);
    room_wait(room, 30000000);
    expect_event(room, "read-done 40 0001 101");
    assert_int_equal(read_value(room, 0, 2), 0);
    assert_int_equal(write_value(room, 0, 3, "a", BLUET_WRITE_WITH_RESPONSE), 0);
    assert_int_equal(write_value(room, 0, 4, "a", BLUET_WRITE_LONG), 0);
    assert_int_equal(gatt_client_discover_descriptors(&room->gatt.client, &room->link[0], 1, 1), 0);
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[0]), 0);
    expect_nothing(room);
    assert_int_equal(gatt_deadline(&room->gatt), 0);
    room_wait(room, 0);
    expect_event(room, "read-done 40 0002 101");
    expect_event(room, "write-done 40 0003 101");
    expect_event(room, "write-done 40 0004 101");
    expect_event(room, "descriptor-done 40 0000 101");
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    static const enum bluet_write_mode modes[] = {BLUET_WRITE_WITH_RESPONSE, BLUET_WRITE_LONG};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(write_value(room, 0, 3, "a", modes[i]), 0);
        assert_int_equal(gatt_deadline(&room->gatt), 0);
        room_wait(room, 0);
        expect_event(room, "write-done 40 0003 101");
    }
    /* A new link is a new bearer. */
    room_lose_link(room, 0);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    assert_int_equal(read_value(room, 0, 2), 0);
    expect(room, 0, "0a 0200");
    hear(room, 0, "0b");
    forget(room);
    room_destroy(room);
}

/* Each request has its own 30 s; a PDU that is no answer does not prolong them. */
static void test_time_is_of_the_transaction(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint64_t begin = room->hci.now = UINT32_MAX - 9999999; /* times of transactions have 32 bits */
    assert_int_equal(gatt_client_discover_services(&room->gatt.client, &room->link[0], NULL), 0);
    assert_int_equal(gatt_deadline(&room->gatt), begin + 30000000);
    room_wait(room, 20000000);
    hear(room, 0, "1b 0100 61");
    hear(room, 0, "0d 61");
    assert_int_equal(gatt_deadline(&room->gatt), begin + 30000000);
    hear(room, 0, "11 06 0100 0500 0018");
    assert_int_equal(gatt_deadline(&room->gatt), begin + 50000000);
    forget(room);
    room_wait(room, 30000000);
    expect_event(room, "service-done 40 0000 101");
    room_destroy(room);
}

/* Request and indication of one link expire in one go. */
static void test_both_transactions_expire(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(room_indicate(&room->gatt.server, &room->link[0], 25, "a", 1), 0);
    assert_int_equal(room_indicate(&room->gatt.server, &room->link[0], 32, "b", 1), 0);
    forget(room);
    room_wait(room, 40000000);
    expect_event(room, "read-done 40 0001 101");
    expect_event(room, "indicate-done 40 0020 101");
    expect_event(room, "indicate-done 40 0019 101");
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    room_destroy(room);
}

/* ---- Links that end ---- */

static void begin_on_a_lost_link(struct room *room, const struct bluet_event *event)
{
    (void)event;
    assert_int_equal(read_value(room, 0, 9), BLUET_ENOTCONN);
    assert_int_equal(write_value(room, 0, 9, "a", BLUET_WRITE_NO_RESPONSE), BLUET_ENOTCONN);
    assert_int_equal(write_value(room, 0, 9, "a", BLUET_WRITE_WITH_RESPONSE), BLUET_ENOTCONN);
    assert_int_equal(write_value(room, 0, 9, "a", BLUET_WRITE_LONG), BLUET_ENOTCONN);
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[0]), BLUET_ENOTCONN);
}

static void test_link_lost(void **state)
{
    (void)state;
    struct room *room = room_create();
    room->on_event = begin_on_a_lost_link;
    assert_int_equal(write_value(room, 0, 1, "0123456789012345678901234", BLUET_WRITE_LONG), 0);
    assert_int_equal(write_value(room, 0, 2, "a", BLUET_WRITE_WITH_RESPONSE), 0);
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[0]), 0);
    assert_int_equal(gatt_client_discover_services(&room->gatt.client, &room->link[0], NULL), 0);
    assert_int_equal(read_value(room, 1, 3), 0);
    forget(room);
    gatt_link_closed(&room->gatt, &room->link[0], BLUET_STATUS_CANCELED);
    expect_event(room, "write-done 40 0001 104");
    expect_event(room, "write-done 40 0002 104");
    expect_event(room, "service-done 40 0000 104");
    expect_nothing(room);
    room->on_event = NULL;
    hear(room, 1, "0b");
    forget(room);
    room_destroy(room);
}

static void test_closing_link(void **state)
{
    (void)state;
    struct room *room = room_create();
    room->link[0].state = LINK_CLOSING;
    assert_int_equal(read_value(room, 0, 1), 0);
    assert_int_equal(write_value(room, 0, 1, "a", BLUET_WRITE_LONG), 0);
    gatt_flush(&room->gatt);
    room_wait(room, 60000000);
    expect_nothing(room);
    room_lose_link(room, 0);
    expect_event(room, "read-done 40 0001 100");
    expect_event(room, "write-done 40 0001 100");
    assert_int_equal(write_value(room, 1, 1, "a", BLUET_WRITE_WITH_RESPONSE), 0);
    forget(room);
    room->link[1].state = LINK_CLOSING;
    assert_int_equal(write_value(room, 2, 1, "a", BLUET_WRITE_WITH_RESPONSE), 0);
    forget(room);
    hear(room, 2, "13");
    forget(room);
    room_lose_link(room, 1);
    expect_event(room, "write-done 41 0001 100");
    room_destroy(room);
}

/* ---- Handlers that act ---- */

static void read_next(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTC_READ_DONE && event->done.value_handle < 5)
        assert_int_equal(read_value(room, 0, (uint16_t)(event->done.value_handle + 1)), 0);
}

static void test_beginning_from_the_event(void **state)
{
    (void)state;
    struct room *room = room_create_with(16, 64, 1);
    room->on_event = read_next;
    assert_int_equal(read_value(room, 0, 1), 0);
    for (unsigned handle = 1; handle <= 5; handle++) {
        char text[40];
        snprintf(text, sizeof text, "0a %02x00", handle);
        expect(room, 0, text);
        expect_nothing(room);
        hear(room, 0, "0b");
        snprintf(text, sizeof text, "read-result 40 %04x ", handle);
        expect_event(room, text);
        snprintf(text, sizeof text, "read-done 40 %04x 000", handle);
        expect_event(room, text);
    }
    room_destroy(room);
}

static void read_results(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT) {
        assert_int_equal(read_value(room, 0, event->characteristic_result.value_handle), 0);
        assert_int_equal(write_value(room, 0, 1, "x", BLUET_WRITE_NO_RESPONSE), 0);
    }
}

/* What is begun in a result waits for the end of the discovery; the packet's other results are not disturbed. */
static void test_beginning_from_a_result(void **state)
{
    (void)state;
    struct room *room = room_create();
    room->on_event = read_results;
    assert_int_equal(gatt_client_discover_characteristics(&room->gatt.client, &room->link[0], 10, 30, NULL), 0);
    expect(room, 0, "08 0a00 1e00 0328");
    hear(room, 0, "09 07 0b00 12 0c00 372a 0e00 02 0f00 382a 1e00 02 1f00 382a");
    expect_event(room, "characteristic 40 000b 000c-000d 12 2a37");
    expect_event(room, "characteristic 40 000e 000f-001d 02 2a38");
    expect_event(room, "characteristic 40 001e 001f-001f 02 2a38");
    expect_event(room, "characteristic-done 40 0000 000");
    expect(room, 0, "52 0100 78");
    expect(room, 0, "52 0100 78");
    expect(room, 0, "52 0100 78");
    expect(room, 0, "0a 0c00");
    for (unsigned i = 0; i < 3; i++) {
        hear(room, 0, "01 0a 0000 02");
        room->first_event = room->event_count = 0;
    }
    expect(room, 0, "0a 0f00");
    expect(room, 0, "0a 1f00");
    room_destroy(room);
}

static void discover_nothing_again(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTC_DESCRIPTOR_DONE)
        assert_int_equal(gatt_client_discover_descriptors(&room->gatt.client, &room->link[0], 7, 7), 0);
}

/* A handler that begins anew what ends at once keeps no call from returning. */
static void test_what_always_begins_anew(void **state)
{
    (void)state;
    struct room *room = room_create();
    room->on_event = discover_nothing_again;
    assert_int_equal(gatt_client_discover_descriptors(&room->gatt.client, &room->link[0], 7, 7), 0);
    room_wait(room, 0);
    assert_true(room->event_count >= 1 && room->event_count <= 16);
    assert_int_equal(gatt_deadline(&room->gatt), 0);
    room->on_event = NULL;
    forget(room);
    room_wait(room, 0);
    expect_event(room, "descriptor-done 40 0000 000");
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    room_destroy(room);
}

static void read_after_time_ran_out(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTC_READ_DONE)
        assert_int_equal(read_value(room, 0, event->done.value_handle), 0);
}

static void test_what_always_begins_anew_on_an_expired_bearer(void **state)
{
    (void)state;
    struct room *room = room_create();
    room->on_event = read_after_time_ran_out;
    assert_int_equal(read_value(room, 0, 1), 0);
    forget(room);
    room_wait(room, 30000000);
    assert_true(room->event_count >= 1 && room->event_count <= 16);
    assert_int_equal(gatt_deadline(&room->gatt), 0);
    forget(room);
    room_wait(room, 0);
    assert_true(room->event_count >= 1 && room->event_count <= 16);
    room->on_event = NULL;
    forget(room);
    room_lose_link(room, 0);
    expect_event(room, "read-done 40 0001 100");
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_procedures_take_turns),
        cmocka_unit_test(test_links_do_not_wait_for_each_other),
        cmocka_unit_test(test_client_and_server_at_once),
        cmocka_unit_test(test_too_many_procedures),
        cmocka_unit_test(test_requests_wait_for_buffers),
        cmocka_unit_test(test_buffers_refused_at_each_send),
        cmocka_unit_test(test_write_refused_for_want_of_buffers),
        cmocka_unit_test(test_no_answer_in_time),
        cmocka_unit_test(test_nothing_begins_on_an_expired_bearer),
        cmocka_unit_test(test_time_is_of_the_transaction),
        cmocka_unit_test(test_both_transactions_expire),
        cmocka_unit_test(test_link_lost),
        cmocka_unit_test(test_closing_link),
        cmocka_unit_test(test_beginning_from_the_event),
        cmocka_unit_test(test_beginning_from_a_result),
        cmocka_unit_test(test_what_always_begins_anew),
        cmocka_unit_test(test_what_always_begins_anew_on_an_expired_bearer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
