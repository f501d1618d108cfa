/* wrap: l2cap_send */
/* Notifications, indications, updates, Service Changed. Vol 3 Part F, 3.4.7; Part G, 4.10, 4.11, 7.1. */
#include "gatt/room.h"

static struct room *with_services(void)
{
    struct room *room = room_create();
    room_register(room);
    return room;
}

static int notify(struct room *room, unsigned link, uint16_t handle, const char *data)
{
    return room_notify(&room->gatt.server, &room->link[link], handle, data, data ? strlen(data) : 0);
}

static int indicate(struct room *room, unsigned link, uint16_t handle, const char *data)
{
    return room_indicate(&room->gatt.server, &room->link[link], handle, data, data ? strlen(data) : 0);
}

static int update(struct room *room, uint16_t handle, const char *data)
{
    return room_local_write(&room->gatt.server, handle, data, strlen(data), true);
}

static void expect_local(struct room *room, uint16_t handle, const char *expected)
{
    const void *value;
    size_t length;
    assert_int_equal(room_local_read(&room->gatt.server, &value, &length, handle), 0);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(value, expected, length);
}

/* ---- Notifications ---- */

static void test_notify(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(room_local_write(&room->gatt.server, 22, "local", 5, false), 5);
    assert_int_equal(notify(room, 0, 22, "abc"), 0);
    expect(room, 0, "1b 1600 616263");
    assert_int_equal(notify(room, 1, 22, NULL), 0);
    expect(room, 1, "1b 1600 6c6f63616c");
    assert_int_equal(notify(room, 1, 22, ""), 0);
    expect(room, 1, "1b 1600");
    /* A value without the property, too. */
    assert_int_equal(notify(room, 0, 30, "x"), 0);
    expect(room, 0, "1b 1e00 78");
    expect_local(room, 22, "local");
    room_destroy(room);
}

static void test_notification_is_cut_to_the_mtu(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(notify(room, 0, 22, "0123456789012345678901234"), 0);
    expect(room, 0, "1b 1600 3031323334353637383930313233343536373839");
    room_set_mtu(room, 0, 27);
    assert_int_equal(notify(room, 0, 22, "0123456789012345678901234"), 0);
    expect(room, 0, "1b 1600 303132333435363738393031323334353637383930313233");
    room_destroy(room);
}

static void test_notification_refused(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->no_buffers = true;
    assert_int_equal(notify(room, 0, 22, "abc"), BLUET_ENOMEM);
    room_buffers_free(room);
    expect_nothing(room);
    room->link[0].state = LINK_CLOSING;
    assert_int_equal(notify(room, 0, 22, "abc"), BLUET_ENOTCONN);
    room_lose_link(room, 0);
    assert_int_equal(notify(room, 0, 22, "abc"), BLUET_ENOTCONN);
    assert_int_equal(indicate(room, 0, 22, "abc"), BLUET_ENOTCONN);
    room_destroy(room);
}

/* A value that needs encryption to be read goes over no other link in the clear. */
static void test_secret_values_stay_on_good_links(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(notify(room, 0, 48, "x"), BLUET_EINVAL);
    assert_int_equal(indicate(room, 0, 48, "x"), BLUET_EINVAL);
    room->link[0].encrypted = true;
    assert_int_equal(notify(room, 0, 48, "x"), 0);
    expect(room, 0, "1b 3000 78");
    exchange(room, 0, "12 3100 0100", "13");
    assert_int_equal(update(room, 48, "y"), 1);
    expect(room, 0, "1b 3000 79");
    room->link[0].encrypted = false;
    assert_int_equal(update(room, 48, "z"), 1);
    expect_nothing(room);
    room_destroy(room);
}

/* ---- Indications ---- */

static void test_indicate(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(indicate(room, 0, 25, "abc"), 0);
    expect(room, 0, "1d 1900 616263");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    assert_int_equal(indicate(room, 0, 25, NULL), 0);
    expect(room, 0, "1d 1900");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

static void test_indications_take_turns(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    assert_int_equal(indicate(room, 0, 32, "b"), 0);
    assert_int_equal(indicate(room, 1, 25, "c"), 0);
    assert_int_equal(indicate(room, 0, 22, "d"), 0);
    expect(room, 0, "1d 1900 61");
    expect(room, 1, "1d 1900 63");
    expect_nothing(room);
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect(room, 0, "1d 2000 62");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0020 000");
    expect(room, 0, "1d 1600 64");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0016 000");
    hear(room, 1, "1e");
    expect_event(room, "indicate-done 41 0019 000");
    room_destroy(room);
}

static void test_queue_of_indications_is_bounded(void **state)
{
    (void)state;
    struct room *room = room_create_with(16, 64, 3);
    room_register(room);
    for (int i = 0; i < 4; i++)
        assert_int_equal(indicate(room, 0, 25, "a"), 0);
    assert_int_equal(indicate(room, 0, 25, "a"), BLUET_ENOMEM);
    assert_int_equal(indicate(room, 1, 25, "a"), 0);
    forget(room);
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect(room, 0, "1d 1900 61");
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    forget(room);
    room_lose_link(room, 0);
    for (int i = 0; i < 4; i++)
        expect_event(room, "indicate-done 40 0019 100");
    expect_nothing(room);
    hear(room, 1, "1e");
    expect_event(room, "indicate-done 41 0019 000");
    room_destroy(room);
}

static void test_waiting_indication_waits_for_a_buffer_too(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    assert_int_equal(indicate(room, 0, 25, "b"), 0);
    expect(room, 0, "1d 1900 61");
    room->no_buffers = true;
    assert_int_equal(indicate(room, 1, 25, "c"), BLUET_ENOMEM);
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect_nothing(room);
    /* It keeps its place before one that comes later. */
    assert_int_equal(indicate(room, 0, 25, "d"), 0);
    room_buffers_free(room);
    expect(room, 0, "1d 1900 62");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect(room, 0, "1d 1900 64");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    room_destroy(room);
}

static void test_confirmation_that_nothing_awaits(void **state)
{
    (void)state;
    struct room *room = with_services();
    hear(room, 0, "1e");
    expect_protocol_errors(room, 1);
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    forget(room);
    hear(room, 1, "1e");
    expect_protocol_errors(room, 1);
    hear(room, 0, "1e 00");
    expect_protocol_errors(room, 1);
    expect_nothing(room);
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    hear(room, 0, "1e");
    expect_protocol_errors(room, 1);
    room_destroy(room);
}

static void indicate_again(struct room *room, const struct bluet_event *event)
{
    if (event->code != BLUET_EVENT_GATTS_INDICATE_DONE || event->done.status)
        return;
    room->on_event = NULL;
    assert_int_equal(indicate(room, 0, 22, "z"), 0);
}

static void test_indicating_from_the_event(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->on_event = indicate_again;
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    assert_int_equal(indicate(room, 0, 25, "b"), 0);
    expect(room, 0, "1d 1900 61");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect(room, 0, "1d 1900 62");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect(room, 0, "1d 1600 7a");
    room->on_event = indicate_again;
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0016 000");
    expect(room, 0, "1d 1600 7a");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0016 000");
    room_destroy(room);
}

static void indicate_on_a_lost_link(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_INDICATE_DONE)
        assert_int_equal(indicate(room, 0, 22, "z"), BLUET_ENOTCONN);
}

static void test_indications_end_with_the_link(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->on_event = indicate_on_a_lost_link;
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    assert_int_equal(indicate(room, 0, 32, "b"), 0);
    expect(room, 0, "1d 1900 61");
    room_lose_link(room, 0);
    expect_event(room, "indicate-done 40 0019 100");
    expect_event(room, "indicate-done 40 0020 100");
    room_destroy(room);
}

static void test_indication_without_confirmation(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    assert_int_equal(indicate(room, 0, 32, "b"), 0);
    forget(room);
    assert_int_equal(gatt_deadline(&room->gatt), room->hci.now + 30000000);
    room_wait(room, 29999999);
    expect_nothing(room);
    room_wait(room, 1);
    expect_event(room, "indicate-done 40 0019 101");
    expect_event(room, "indicate-done 40 0020 101");
    expect_nothing(room);
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    /* The bearer is done with: nothing goes out any more, but responses and confirmations. */
    hear(room, 0, "1e");
    expect_protocol_errors(room, 1);
    assert_int_equal(notify(room, 0, 22, "a"), BLUET_ENOTCONN);
    assert_int_equal(indicate(room, 0, 22, "a"), BLUET_ENOTCONN);
    assert_int_equal(gatt_client_write(&room->gatt.client, &room->link[0], 3, "a", 1, BLUET_WRITE_NO_RESPONSE),
                     BLUET_ENOTCONN);
    assert_int_equal(gatt_client_read(&room->gatt.client, &room->link[0], 3, 0), 0);
    assert_int_equal(gatt_deadline(&room->gatt), 0);
    room_wait(room, 0);
    expect_event(room, "read-done 40 0003 101");
    exchange(room, 0, "0a 1400", "0b 0d18");
    exchange(room, 0, "12 1700 0100", "13");
    assert_int_equal(update(room, 22, "x"), 1);
    expect_nothing(room);
    hear(room, 0, "1d 0300 61");
    expect_event(room, "indicate 40 0003 61");
    expect(room, 0, "1e");
    /* The other links do not mind. */
    assert_int_equal(notify(room, 1, 22, "a"), 0);
    expect(room, 1, "1b 1600 61");
    room_destroy(room);
}

/* ---- Updates ---- */

static void test_update(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(update(room, 22, "nobody"), 6);
    expect_nothing(room);
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 2, "12 1700 0100", "13");
    assert_int_equal(update(room, 22, "abc"), 3);
    expect(room, 0, "1b 1600 616263");
    expect(room, 2, "1b 1600 616263");
    expect_nothing(room);
    assert_int_equal(room_local_write(&room->gatt.server, 22, "quiet", 5, false), 5);
    expect_nothing(room);
    /* Indication where only that is subscribed to, notification where both are. */
    exchange(room, 0, "12 2100 0200", "13");
    exchange(room, 1, "12 2100 0300", "13");
    assert_int_equal(update(room, 32, "d"), 1);
    expect(room, 0, "1d 2000 64");
    expect(room, 1, "1b 2000 64");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0020 000");
    /* Without a configuration it is just written. */
    assert_int_equal(update(room, 30, "e"), 1);
    assert_int_equal(update(room, 27, "f"), 1);
    expect_local(room, 30, "e");
    room_destroy(room);
}

static void test_update_longer_than_the_buffer_and_the_mtu(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 1700 0100", "13");
    assert_int_equal(update(room, 22, "0123456789012345678901234"), 25);
    expect(room, 0, "1b 1600 3031323334353637383930313233343536373839");
    expect_local(room, 22, "0123456789012345678901234");
    room_destroy(room);
}

static void test_update_refused_changes_nothing(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 1700 0100", "13");
    assert_int_equal(update(room, 22, "old"), 3);
    expect(room, 0, "1b 1600 6f6c64");
    room->no_buffers = true;
    assert_int_equal(update(room, 22, "new"), BLUET_ENOMEM);
    expect_local(room, 22, "old");
    room_buffers_free(room);
    expect_nothing(room);
    assert_int_equal(update(room, 22, "new"), 3);
    expect(room, 0, "1b 1600 6e6577");
    expect_local(room, 22, "new");
    room_destroy(room);
}

/* The one who was told cannot be untold: the other is told what holds when there is a buffer. */
static void test_update_that_reached_some(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 1, "12 1700 0100", "13");
    exchange(room, 2, "12 1700 0100", "13");
    room->refused_send = room->sends + 2;
    assert_int_equal(update(room, 22, "one"), 3);
    expect(room, 0, "1b 1600 6f6e65");
    expect(room, 2, "1b 1600 6f6e65");
    expect_nothing(room);
    exchange(room, 1, "0a 1700", "0b 0100");
    assert_int_equal(room_local_write(&room->gatt.server, 22, "two", 3, false), 3);
    room->no_buffers = true;
    gatt_flush(&room->gatt);
    expect_nothing(room);
    room_buffers_free(room);
    expect(room, 1, "1b 1600 74776f");
    expect_nothing(room);
    room_buffers_free(room);
    expect_nothing(room);
    room_destroy(room);
}

static void test_owed_update_is_forgotten_with_the_subscription(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 1, "12 1700 0100", "13");
    room->refused_send = room->sends + 2;
    assert_int_equal(update(room, 22, "one"), 3);
    expect(room, 0, "1b 1600 6f6e65");
    exchange(room, 1, "12 1700 0000", "13");
    room_buffers_free(room);
    expect_nothing(room);
    room_destroy(room);
}

/* ---- Service Changed ---- */

static void test_service_changed(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 0d00 0200", "13");
    exchange(room, 0, "12 1700 0100", "13");
    room_register_one(room, BLUET_FLAG_READ | BLUET_FLAG_NOTIFY);
    expect(room, 0, "1d 0c00 1400 3100");
    expect_nothing(room);
    /* The application's subscriptions are gone with its services, this one is not. */
    exchange(room, 0, "0a 1700", "0b 0000");
    exchange(room, 0, "0a 0d00", "0b 0200");
    hear(room, 0, "1e");
    expect_nothing(room);
    room_destroy(room);
}

static void test_service_changed_waits_and_goes_first(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 0d00 0200", "13");
    assert_int_equal(indicate(room, 0, 25, "a"), 0);
    assert_int_equal(indicate(room, 0, 25, "b"), 0);
    expect(room, 0, "1d 1900 61");
    room_register_one(room, BLUET_FLAG_READ);
    room_register(room);
    expect_nothing(room);
    room->no_buffers = true;
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    expect_nothing(room);
    room_buffers_free(room);
    expect(room, 0, "1d 0c00 1400 3100");
    hear(room, 0, "1e");
    expect(room, 0, "1d 1900 62");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    room_destroy(room);
}

static void test_service_changed_without_confirmation(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 0d00 0200", "13");
    room_register_one(room, BLUET_FLAG_READ);
    expect(room, 0, "1d 0c00 1400 3100");
    assert_int_equal(indicate(room, 0, 22, "b"), 0);
    room_wait(room, 30000000);
    expect_event(room, "indicate-done 40 0016 101");
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notify),
        cmocka_unit_test(test_notification_is_cut_to_the_mtu),
        cmocka_unit_test(test_notification_refused),
        cmocka_unit_test(test_secret_values_stay_on_good_links),
        cmocka_unit_test(test_indicate),
        cmocka_unit_test(test_indications_take_turns),
        cmocka_unit_test(test_queue_of_indications_is_bounded),
        cmocka_unit_test(test_waiting_indication_waits_for_a_buffer_too),
        cmocka_unit_test(test_confirmation_that_nothing_awaits),
        cmocka_unit_test(test_indicating_from_the_event),
        cmocka_unit_test(test_indications_end_with_the_link),
        cmocka_unit_test(test_indication_without_confirmation),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_update_longer_than_the_buffer_and_the_mtu),
        cmocka_unit_test(test_update_refused_changes_nothing),
        cmocka_unit_test(test_update_that_reached_some),
        cmocka_unit_test(test_owed_update_is_forgotten_with_the_subscription),
        cmocka_unit_test(test_service_changed),
        cmocka_unit_test(test_service_changed_waits_and_goes_first),
        cmocka_unit_test(test_service_changed_without_confirmation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
