/* wrap: l2cap_send */
/* Services replaced while clients are connected: Service Changed, robust caching; multiple-handle notifications; writes
 * that the application is asked about. Vol 3 Part G, 2.5.2.1, 7.1, 7.2; Part F, 3.4.7.4. */
#include "gatt/room.h"

/* 20 (14) service, 21 (15), 22 (16) a value, 23 (17) its configuration. */
static const uint16_t READ_NOTIFY_WRITE =
    BLUET_FLAG_READ | BLUET_FLAG_NOTIFY | BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE;

/* Link 0 says that it has robust caching, and is in sync. */
static void cache_robustly(struct room *room)
{
    exchange(room, 0, "12 0f00 01", "13");
    exchange(room, 0, "0a 1400", "01 0a 1400 12");
    exchange(room, 0, "0a 0f00", "0b 01");
}

/* Link 0 has robust caching, link 1 has not; both have subscribed; and then the services are others. */
static struct room *changed(void)
{
    struct room *room = room_create();
    room_register_one(room, READ_NOTIFY_WRITE);
    cache_robustly(room);
    room_register(room);
    return room;
}

static void test_out_of_sync_is_told_once(void **state)
{
    (void)state;
    static const struct {
        const char *request, *error, *response;
    } rows[] = {
        {"0a 1400", "01 0a 1400 12", "0b 0d18"},
        {"0c 1400 0000", "01 0c 1400 12", "0d 0d18"},
        {"0e 1400 1400", "01 0e 1400 12", "0f 0d18 0d18"},
        {"20 1400 1400", "01 20 1400 12", "21 0200 0d18 0200 0d18"},
        {"12 1700 0000", "01 12 1700 12", "13"},
        {"16 1700 0000 0000", "01 16 1700 12", "17 1700 0000 0000"},
        {"08 1400 1400 0028", "01 08 1400 12", "09 04 1400 0d18"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct room *room = changed();
        exchange(room, 1, rows[i].request, rows[i].response);
        hear(room, 1, "18 00");
        expect(room, 1, "19");
        exchange(room, 0, rows[i].request, rows[i].error);
        exchange(room, 0, rows[i].request, rows[i].response);
        room_destroy(room);
    }
}

static void test_discovery_goes_on_while_out_of_sync(void **state)
{
    (void)state;
    struct room *room = changed();
    for (unsigned twice = 0; twice < 2; twice++) {
        exchange(room, 0, "10 1400 ffff 0028", "11 06 1400 1b00 0d18");
        exchange(room, 0, "06 0100 ffff 0028 0d18", "07 1400 1b00");
        exchange(room, 0, "04 1400 1500", "05 01 1400 0028 1500 0328");
        exchange(room, 0, "08 1400 1500 0328", "09 07 1500 12 1600 372a");
        exchange(room, 0, "08 1400 1500 0228", "01 08 1400 0a");
        exchange(room, 0, "18 00", "19");
    }
    /* What is malformed is told so, and a Write Command is not done. */
    exchange(room, 0, "00", "01 00 0000 06");
    expect_protocol_errors(room, 1);
    hear(room, 0, "52 1e00 61");
    expect_nothing(room);
    exchange(room, 0, "0a 1400", "01 0a 1400 12");
    hear(room, 0, "52 1e00 61");
    expect_nothing(room);
    exchange(room, 0, "0a 1400", "0b 0d18");
    hear(room, 0, "52 1e00 61");
    expect_event(room, "write 40 001e");
    room_destroy(room);
}

/* Who has read the hash is in sync with the next request. */
static void test_reading_the_hash(void **state)
{
    (void)state;
    struct room *room = changed();
    hear(room, 0, "08 0100 ffff 2a2b");
    assert_int_equal(room->sent[0].length, 20);
    assert_memory_equal(room->sent[0].octets + 4, room->gatt.db.hash, 16);
    forget(room);
    assert_int_equal(room_notify(&room->gatt.server, &room->link[0], 22, "a", 1), BLUET_EBUSY);
    exchange(room, 0, "0a 1400", "0b 0d18");
    assert_int_equal(room_notify(&room->gatt.server, &room->link[0], 22, "a", 1), 0);
    expect(room, 0, "1b 1600 61");
    room_destroy(room);
}

static void test_confirming_service_changed(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, READ_NOTIFY_WRITE);
    cache_robustly(room);
    exchange(room, 0, "12 0d00 0200", "13");
    room_register(room);
    expect(room, 0, "1d 0c00 1400 3100");
    /* Meanwhile they are replaced once more: what is confirmed is not all. */
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), 0);
    hear(room, 0, "1e");
    expect(room, 0, "1d 0c00 1400 3100");
    exchange(room, 0, "08 1400 1400 0028", "01 08 1400 12");
    room_destroy(room);

    room = room_create();
    room_register_one(room, READ_NOTIFY_WRITE);
    cache_robustly(room);
    exchange(room, 0, "12 0d00 0200", "13");
    room_register(room);
    expect(room, 0, "1d 0c00 1400 3100");
    hear(room, 0, "1e");
    exchange(room, 0, "0a 1400", "0b 0d18");
    room_destroy(room);
}

/* Only what has become another attribute counts: up to there subscriptions stay. */
static void test_what_stays_is_not_told(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_characteristic rate = {uuid16(0x2a37), BLUET_FLAG_NOTIFY, NULL, 0};
    const struct bluet_service services[] = {service_of(uuid16(0x180d), &rate, 1), service_of(uuid128(1), &rate, 1),
                                             service_of(uuid128(2), NULL, 0)};
    struct gatt_server *server = &room->gatt.server;
    assert_int_equal(gatt_server_register(server, NULL, 0, services, 2), 2);
    cache_robustly(room);
    exchange(room, 0, "12 0d00 0200", "13");
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 0, "12 1b00 0100", "13");
    /* The same: nothing. */
    assert_int_equal(gatt_server_register(server, NULL, 0, services, 2), 2);
    exchange(room, 0, "0a 1b00", "0b 0100");
    /* One more behind. */
    assert_int_equal(gatt_server_register(server, NULL, 0, services, 3), 2);
    expect(room, 0, "1d 0c00 1c00 1c00");
    hear(room, 0, "1e");
    exchange(room, 0, "0a 1b00", "0b 0100");
    /* The second is another. */
    assert_int_equal(gatt_server_register(server, NULL, 0, &services[2], 1), 0);
    expect(room, 0, "1d 0c00 1400 1c00");
    hear(room, 0, "1e");
    assert_int_equal(gatt_server_register(server, NULL, 0, services, 1), 1);
    expect(room, 0, "1d 0c00 1400 1700");
    hear(room, 0, "1e");
    exchange(room, 0, "0a 1700", "0b 0000");
    exchange(room, 0, "0a 0d00", "0b 0200");
    room_destroy(room);
}

/* Updates and indications wait until the client knows the handles. */
static void test_unasked_values_wait_for_awareness(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_characteristic rates[] = {{uuid16(0x2a37), BLUET_FLAG_NOTIFY, NULL, 0},
                                                 {uuid16(0x2a38), BLUET_FLAG_INDICATE, NULL, 0}};
    const struct bluet_service one = service_of(uuid16(0x180d), rates, 2);
    const struct bluet_service two[] = {one, service_of(uuid128(2), NULL, 0)};
    struct gatt_server *server = &room->gatt.server;
    assert_int_equal(gatt_server_register(server, NULL, 0, &one, 1), 2);
    cache_robustly(room);
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 1, "12 1700 0100", "13");
    assert_int_equal(gatt_server_register(server, NULL, 0, two, 2), 2);
    assert_int_equal(room_local_write(server, 22, "a", 1, true), 1);
    expect(room, 1, "1b 1600 61");
    assert_int_equal(room_indicate(server, &room->link[0], 25, "b", 1), 0);
    gatt_flush(&room->gatt);
    expect_nothing(room);
    exchange(room, 0, "0a 1400", "01 0a 1400 12");
    gatt_flush(&room->gatt);
    expect_nothing(room);
    hear(room, 0, "04 1400 1400");
    expect(room, 0, "1d 1900 62");
    expect(room, 0, "1b 1600 61");
    expect(room, 0, "05 01 1400 0028");
    hear(room, 0, "1e");
    expect_event(room, "indicate-done 40 0019 000");
    room_destroy(room);
}

/* ---- Multiple-handle notifications ---- */

static void test_multiple_notifications(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    struct gatt_server *server = &room->gatt.server;
    static const uint16_t handles[] = {22, 25, 32, 22};
    assert_int_equal(room_local_write(server, 22, "abc", 3, false), 3);
    assert_int_equal(room_local_write(server, 25, "de", 2, false), 2);
    /* Who does not take them gets one at a time. */
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 2), 2);
    expect(room, 0, "1b 1600 616263");
    expect(room, 0, "1b 1900 6465");
    exchange(room, 0, "12 0f00 04", "13");
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 3), 3);
    expect(room, 0, "23 1600 0300 616263 1900 0200 6465 2000 0000");
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 1), 1);
    expect(room, 0, "1b 1600 616263");
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 0), 0);
    /* Filled to the octet, and one beyond; then one that fills a PDU alone. */
    assert_int_equal(room_local_write(server, 32, "0123456", 7, false), 7);
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 3), 3);
    expect(room, 0, "23 1600 0300 616263 1900 0200 6465");
    expect(room, 0, "1b 2000 30313233343536");
    assert_int_equal(room_local_write(server, 32, "01234", 5, false), 5);
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 3), 3);
    expect(room, 0, "23 1600 0300 616263 1900 0200 6465 2000 0500 3031323334");
    room_destroy(room);
}

static void test_multiple_notifications_refused(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    struct gatt_server *server = &room->gatt.server;
    static const uint16_t handles[] = {22, 25, 23};
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 3), BLUET_EINVAL);
    room->refused_send = room->sends + 2;
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 2), 1);
    expect(room, 0, "1b 1600");
    room->no_buffers = true;
    assert_int_equal(room_notify_multiple(server, &room->link[0], handles, 2), BLUET_ENOMEM);
    room_destroy(room);
}

/* ---- Writes that the application is asked about ---- */

static void test_application_is_asked_about_writes(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint16_t handle = room_register_one(room, READ_NOTIFY_WRITE | BLUET_FLAG_ASK_WRITE | BLUET_FLAG_WRITE_AUTHORIZED);
    hear(room, 0, "12 1600 616263");
    expect_event(room, "write-request 40 0016 0 616263");
    expect(room, 0, "13");
    expect_event(room, "write 40 0016");
    static const struct {
        int answer;
        const char *response;
    } rows[] = {{0x80, "01 12 1600 80"}, {1, "01 12 1600 01"}, {0x100, "01 12 1600 08"}, {-1, "01 12 1600 08"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        room->answer = rows[i].answer;
        hear(room, 0, "12 1600 7879");
        expect_event(room, "write-request 40 0016 0 7879");
        expect(room, 0, rows[i].response);
        hear(room, 0, "52 1600 7879");
        expect_event(room, "write-request 40 0016 0 7879");
        expect_nothing(room);
    }
    room->answer = 0x13;
    hear(room, 0, "16 1600 0300 7879");
    expect_event(room, "write-request 40 0016 3 7879");
    expect(room, 0, "01 16 1600 13");
    room->answer = 0;
    hear(room, 0, "16 1600 0300 7879");
    expect_event(room, "write-request 40 0016 3 7879");
    expect(room, 0, "17 1600 0300 7879");
    hear(room, 0, "18 01");
    expect(room, 0, "19");
    expect_event(room, "write 40 0016");
    const void *value;
    size_t length;
    assert_int_equal(room_local_read(&room->gatt.server, &value, &length, handle), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(value, "abcxy", 5);
    /* Nobody is asked about a configuration. */
    exchange(room, 0, "12 1700 0100", "13");
    room_destroy(room);
}

static void replace_services(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_WRITE_REQUEST)
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), 0);
}

static void test_services_replaced_while_the_application_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *request, *response;
    } rows[] = {{"12 1600 61", "01 12 1600 0e"}, {"16 1600 0000 61", "01 16 1600 0e"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct room *room = room_create();
        room_register_one(room, READ_NOTIFY_WRITE | BLUET_FLAG_ASK_WRITE);
        room->on_event = replace_services;
        hear(room, 0, rows[i].request);
        expect_event(room, "write-request 40 0016 0 61");
        expect(room, 0, rows[i].response);
        room_destroy(room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_of_sync_is_told_once),
        cmocka_unit_test(test_discovery_goes_on_while_out_of_sync),
        cmocka_unit_test(test_reading_the_hash),
        cmocka_unit_test(test_confirming_service_changed),
        cmocka_unit_test(test_what_stays_is_not_told),
        cmocka_unit_test(test_unasked_values_wait_for_awareness),
        cmocka_unit_test(test_multiple_notifications),
        cmocka_unit_test(test_multiple_notifications_refused),
        cmocka_unit_test(test_application_is_asked_about_writes),
        cmocka_unit_test(test_services_replaced_while_the_application_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
