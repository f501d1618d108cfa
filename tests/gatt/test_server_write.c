/* wrap: l2cap_send */
/* Requests and commands that write, configurations, prepared writes. Vol 3 Part F, 3.4.5, 3.4.6. */
#include "gatt/room.h"

#include <stdio.h>

static struct room *with_services(void)
{
    struct room *room = room_create();
    room_register(room);
    return room;
}

static void expect_local(struct room *room, uint16_t handle, const char *expected)
{
    const void *value;
    size_t length;
    assert_int_equal(room_local_read(&room->gatt.server, &value, &length, handle), 0);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(value, expected, length);
}

/* ---- Write ---- */

static struct room *observed;

static void value_is_there_already(struct room *room, const struct bluet_event *event)
{
    observed = room;
    if (event->code == BLUET_EVENT_GATTS_WRITE)
        expect_local(room, event->attribute.attr_handle, "abc");
}

static void test_write_request(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->on_event = value_is_there_already;
    hear(room, 0, "12 1900 616263");
    expect(room, 0, "13");
    expect_event(room, "write 40 0019");
    hear(room, 1, "12 1b00 616263");
    expect(room, 1, "13");
    expect_event(room, "write 41 001b");
    assert_ptr_equal(observed, room);
    room_destroy(room);
}

static void test_write_command(void **state)
{
    (void)state;
    struct room *room = with_services();
    hear(room, 0, "52 1e00 616263");
    expect_event(room, "write 40 001e");
    expect_local(room, 30, "abc");
    hear(room, 0, "52 1e00");
    expect_event(room, "write 40 001e");
    expect_local(room, 30, "");
    /* Either kind of write is let in by either flag. */
    hear(room, 0, "52 1900 64");
    expect_event(room, "write 40 0019");
    expect_local(room, 25, "d");
    hear(room, 0, "12 1e00 65");
    expect(room, 0, "13");
    expect_event(room, "write 40 001e");
    room_destroy(room);
}

static void test_write_is_cut_silently(void **state)
{
    (void)state;
    struct room *room = with_services();
    room_set_mtu(room, 0, 50);
    hear(room, 0, "12 1900 303132333435363738393031323334353637383940414243");
    expect(room, 0, "13");
    expect_event(room, "write 40 0019");
    expect_local(room, 25, "01234567890123456789");
    room_destroy(room);
}

static void test_write_errors(void **state)
{
    (void)state;
    struct room *room = with_services();
    const struct {
        const char *handle, *error;
    } rows[] = {
        {"0000", "01"}, {"3200", "01"}, {"ffff", "01"},                 /* no such handle */
        {"1400", "03"}, {"1500", "03"}, {"0300", "03"}, {"0800", "03"}, /* declarations, and values of ours */
        {"1600", "03"},                                                 /* no flag to write */
        {"2a00", "05"}, {"2c00", "05"}, {"2e00", "08"},                 /* security */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char request[32], response[32];
        snprintf(request, sizeof request, "12 %s 0000", rows[i].handle);
        snprintf(response, sizeof response, "01 12 %s %s", rows[i].handle, rows[i].error);
        exchange(room, 0, request, response);
        snprintf(request, sizeof request, "16 %s 0000 00", rows[i].handle);
        snprintf(response, sizeof response, "01 16 %s %s", rows[i].handle, rows[i].error);
        exchange(room, 0, request, response);
        snprintf(request, sizeof request, "52 %s 0000", rows[i].handle);
        hear(room, 0, request);
        expect_nothing(room);
    }
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

static void test_security_of_writing(void **state)
{
    (void)state;
    struct room *room = with_services();
    struct link *link = &room->link[0];
    const struct {
        bool key_known, encrypted, authenticated;
        const char *of_encrypted, *of_authenticated;
    } rows[] = {
        {false, false, false, "01 12 2a00 05", "01 12 2c00 05"},
        {true, false, false, "01 12 2a00 0f", "01 12 2c00 0f"},
        {true, true, false, "13", "01 12 2c00 05"},
        {true, true, true, "13", "13"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        link->key_known = rows[i].key_known;
        link->encrypted = rows[i].encrypted;
        link->authenticated = rows[i].authenticated;
        hear(room, 0, "12 2a00 00");
        expect(room, 0, rows[i].of_encrypted);
        hear(room, 0, "12 2c00 00");
        expect(room, 0, rows[i].of_authenticated);
        forget(room);
        exchange(room, 0, "12 2e00 00", "01 12 2e00 08");
    }
    room_destroy(room);
}

/* ---- Configurations ---- */

static void test_configuration(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 0, "0a 1700", "0b 0100");
    exchange(room, 1, "0a 1700", "0b 0000");
    exchange(room, 0, "12 1700 0000", "13");
    exchange(room, 0, "0a 1700", "0b 0000");
    exchange(room, 0, "12 2100 0300", "13");
    exchange(room, 0, "0a 2100", "0b 0300");
    exchange(room, 0, "12 0d00 0200", "13");
    hear(room, 0, "52 1700 0100");
    exchange(room, 0, "0a 1700", "0b 0100");
    /* It is gone with the link. */
    room_lose_link(room, 0);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    exchange(room, 0, "0a 1700", "0b 0000");
    exchange(room, 0, "0a 2100", "0b 0000");
    room_destroy(room);
}

static void test_configuration_errors(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "12 1700", "01 12 1700 0d");
    exchange(room, 0, "12 1700 01", "01 12 1700 0d");
    exchange(room, 0, "12 1700 010000", "01 12 1700 0d");
    exchange(room, 0, "12 1700 0200", "01 12 1700 13");
    exchange(room, 0, "12 1700 0300", "01 12 1700 13");
    exchange(room, 0, "12 1a00 0100", "01 12 1a00 13");
    exchange(room, 0, "12 0d00 0100", "01 12 0d00 13");
    exchange(room, 0, "0a 1700", "0b 0000");
    /* Bits that have no meaning yet pass, and are not kept. */
    exchange(room, 0, "12 1700 fdff", "13");
    exchange(room, 0, "0a 1700", "0b 0100");
    /* Who may not read may not subscribe. */
    exchange(room, 0, "12 3100 0100", "01 12 3100 05");
    room->link[0].key_known = true;
    exchange(room, 0, "12 3100 0100", "01 12 3100 0f");
    room->link[0].encrypted = true;
    exchange(room, 0, "12 3100 0100", "13");
    room_destroy(room);
}

/* ---- Prepared writes ---- */

static void test_long_write(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(room_set_buffer(&room->gatt.server, 25, 100, false), 0);
    exchange(room, 0, "16 1900 0000 303132333435363738393031323334353637",
             "17 1900 0000 303132333435363738393031323334353637");
    exchange(room, 0, "16 1900 1200 3839", "17 1900 1200 3839");
    exchange(room, 0, "16 1900 1400 6162", "17 1900 1400 6162");
    expect_local(room, 25, "");
    hear(room, 0, "18 01");
    expect(room, 0, "19");
    expect_event(room, "write 40 0019");
    expect_local(room, 25, "01234567890123456789ab");
    /* The queue is empty. */
    exchange(room, 0, "18 01", "19");
    room_destroy(room);
}

static void test_prepared_writes_of_several_values(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "16 1900 0000 6162", "17 1900 0000 6162");
    exchange(room, 0, "16 1e00 0000 6364", "17 1e00 0000 6364");
    exchange(room, 0, "16 1a00 0000 0200", "17 1a00 0000 0200");
    exchange(room, 0, "16 1900 0200 6566", "17 1900 0200 6566");
    exchange(room, 0, "16 1b00 0000", "17 1b00 0000");
    hear(room, 0, "18 01");
    expect(room, 0, "19");
    expect_event(room, "write 40 0019");
    expect_event(room, "write 40 001e");
    expect_event(room, "write 40 0019");
    expect_event(room, "write 40 001b");
    expect_local(room, 25, "abef");
    expect_local(room, 30, "cd");
    exchange(room, 0, "0a 1a00", "0b 0200");
    room_destroy(room);
}

static void test_canceled_writes_write_nothing(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "16 1900 0000 6162", "17 1900 0000 6162");
    exchange(room, 0, "18 00", "19");
    exchange(room, 0, "18 01", "19");
    expect_local(room, 25, "");
    room_destroy(room);
}

static void test_links_have_queues_of_their_own(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "16 1900 0000 6162", "17 1900 0000 6162");
    exchange(room, 1, "16 1900 0000 6364", "17 1900 0000 6364");
    exchange(room, 0, "18 00", "19");
    hear(room, 1, "18 01");
    expect(room, 1, "19");
    expect_event(room, "write 41 0019");
    expect_local(room, 25, "cd");
    room_destroy(room);
}

/* An Execute Write that is refused writes nothing, and leaves no queue behind. */
static void test_all_or_nothing(void **state)
{
    (void)state;
    const struct {
        const char *bad, *error;
    } rows[] = {
        {"16 1900 0300 00", "01 18 1900 07"}, /* a gap after 0 to 2 */
        {"16 1e00 0100 00", "01 18 1e00 07"},   {"16 1e00 ffff 00", "01 18 1e00 07"},
        {"16 1a00 0000 02", "01 18 1a00 0d"},   {"16 1a00 0000 020000", "01 18 1a00 0d"},
        {"16 1a00 0100 0200", "01 18 1a00 0d"}, {"16 1a00 0000 0100", "01 18 1a00 13"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct room *room = with_services();
        hear(room, 0, "16 1900 0000 6162");
        hear(room, 0, rows[i].bad);
        forget(room);
        exchange(room, 0, "18 01", rows[i].error);
        expect_local(room, 25, "");
        exchange(room, 0, "18 01", "19");
        expect_local(room, 25, "");
        room_destroy(room);
    }
}

static void test_flags_of_execute(void **state)
{
    (void)state;
    struct room *room = with_services();
    static const char *const bad[] = {"18 02", "18 ff", "18", "18 0100"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hear(room, 0, "16 1900 0000 6162");
        forget(room);
        exchange(room, 0, bad[i], "01 18 0000 04");
        expect_protocol_errors(room, 1);
        exchange(room, 0, "18 01", "19");
        expect_local(room, 25, "");
    }
    room_destroy(room);
}

static void test_offsets_within_the_old_value(void **state)
{
    (void)state;
    struct room *room = with_services();
    struct gatt_server *server = &room->gatt.server;
    assert_int_equal(room_local_write(server, 25, "0123456789", 10, false), 10);
    exchange(room, 0, "16 1900 0400 6162", "17 1900 0400 6162");
    hear(room, 0, "18 01");
    expect(room, 0, "19");
    expect_event(room, "write 40 0019");
    expect_local(room, 25, "0123ab");
    /* Over what the piece before has put there. */
    hear(room, 0, "16 1900 0200 78787878");
    hear(room, 0, "16 1900 0300 7979");
    hear(room, 0, "18 01");
    forget(room);
    expect_local(room, 25, "01xyyx");
    hear(room, 0, "16 1900 0600 65");
    hear(room, 0, "18 01");
    forget(room);
    expect_local(room, 25, "01xyyxe");
    room_destroy(room);
}

static void test_joined_values_take_long_writes(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(room_set_buffer(&room->gatt.server, 30, 12, true), 0);
    hear(room, 0, "52 1e00 616263");
    hear(room, 0, "16 1e00 0000 303132");
    hear(room, 0, "16 1e00 0300 333435");
    hear(room, 0, "16 1900 0000 00");
    hear(room, 0, "16 1e00 0000 78787878");
    forget(room);
    hear(room, 0, "18 01");
    expect(room, 0, "19");
    forget(room);
    expect_local(room, 30, "abc012345xxx");
    /* There is no keeping only a part of what is there. */
    hear(room, 0, "52 1e00 616263");
    hear(room, 0, "16 1e00 0100 30");
    forget(room);
    exchange(room, 0, "18 01", "01 18 1e00 07");
    room_destroy(room);
}

static void prepare(struct room *room, unsigned link, uint16_t handle, uint16_t offset, size_t length)
{
    uint8_t request[600] = {ATT_PREPARE_WRITE_REQUEST, (uint8_t)handle, (uint8_t)(handle >> 8), (uint8_t)offset,
                            (uint8_t)(offset >> 8)};
    for (size_t i = 0; i < length; i++)
        request[5 + i] = (uint8_t)(offset + i);
    hear_octets(room, link, request, 5 + length);
}

/* 512 octets are the end, however the pieces lie. */
static void test_no_value_beyond_the_largest(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct room *room = room_create_with(40, 64, 4);
        room_register(room);
        assert_int_equal(room_set_buffer(&room->gatt.server, 25, 600, false), 0);
        uint16_t offset = 0;
        for (; offset + 18 <= 512; offset = (uint16_t)(offset + 18))
            prepare(room, 0, 25, offset, 18);
        prepare(room, 0, 25, offset, 512u - offset + over);
        assert_int_equal(room->sent[room->sent_count - 1].octets[0], ATT_PREPARE_WRITE_RESPONSE);
        forget(room);
        hear(room, 0, "18 01");
        expect(room, 0, over ? "01 18 1900 0d" : "19");
        forget(room);
        const void *value;
        size_t length;
        assert_int_equal(room_local_read(&room->gatt.server, &value, &length, 25), 0);
        assert_int_equal(length, over ? 0 : 512);
        for (size_t i = 0; i < length; i++)
            assert_int_equal(((const uint8_t *)value)[i], (uint8_t)i);
        room_destroy(room);
    }
}

/* What the queue refuses is not in it; half the pool is left to others. */
static void test_queue_is_bounded(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {32, 33, 40, 64, 100, 256, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct room *room = room_create_with(12, sizes[i], 4);
        room_register(room);
        assert_int_equal(room_set_buffer(&room->gatt.server, 25, 600, false), 0);
        size_t taken = 0;
        for (;; taken++) {
            prepare(room, 0, 25, (uint16_t)(taken * 5), 5);
            if (room->sent[0].octets[0] != ATT_PREPARE_WRITE_RESPONSE)
                break;
            forget(room);
        }
        expect(room, 0, "01 16 1900 09");
        assert_true(taken * 11 <= GATT_PREPARED_LARGEST);
        assert_true(room->pool.free_count >= room->pool.count / 2);
        prepare(room, 1, 25, 0, 18);
        forget(room);
        hear(room, 1, "18 00");
        expect(room, 1, "19");
        hear(room, 0, "18 01");
        expect(room, 0, "19");
        expect_event(room, "write 40 0019");
        const void *value;
        size_t length;
        assert_int_equal(room_local_read(&room->gatt.server, &value, &length, 25), 0);
        assert_int_equal(length, taken * 5);
        for (size_t octet = 0; octet < length; octet++)
            assert_int_equal(((const uint8_t *)value)[octet], (uint8_t)octet);
        room_destroy(room);
    }
}

/* room_destroy() misses the buffers if they are not given back. */
static void test_link_lost_with_writes_prepared(void **state)
{
    (void)state;
    struct room *room = with_services();
    prepare(room, 0, 25, 0, 18);
    prepare(room, 0, 25, 18, 18);
    forget(room);
    room_lose_link(room, 0);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    exchange(room, 0, "18 01", "19");
    expect_local(room, 25, "");
    prepare(room, 0, 25, 0, 18);
    forget(room);
    room_destroy(room);
}

static void test_permission_lost_before_execution(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->link[0].encrypted = true;
    prepare(room, 0, 25, 0, 2);
    prepare(room, 0, 42, 0, 2);
    forget(room);
    room->link[0].encrypted = false;
    exchange(room, 0, "18 01", "01 18 2a00 05");
    expect_local(room, 25, "");
    room_destroy(room);
}

/* Handles mean something else now. */
static void test_services_replaced_before_execution(void **state)
{
    (void)state;
    struct room *room = with_services();
    prepare(room, 0, 25, 0, 2);
    forget(room);
    room_register(room);
    prepare(room, 0, 25, 2, 2);
    forget(room);
    exchange(room, 0, "18 01", "01 18 0000 0e");
    expect_local(room, 25, "");
    prepare(room, 0, 25, 0, 2);
    forget(room);
    hear(room, 0, "18 01");
    expect(room, 0, "19");
    expect_event(room, "write 40 0019");
    room_destroy(room);
}

static void replace_services(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_WRITE)
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), 0);
}

static void test_services_replaced_in_the_write_event(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->on_event = replace_services;
    prepare(room, 0, 25, 0, 2);
    prepare(room, 0, 30, 0, 2);
    forget(room);
    hear(room, 0, "18 01");
    expect(room, 0, "19");
    expect_event(room, "write 40 0019");
    expect_nothing(room);
    exchange(room, 0, "0a 1900", "01 0a 1900 01");
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_request),
        cmocka_unit_test(test_write_command),
        cmocka_unit_test(test_write_is_cut_silently),
        cmocka_unit_test(test_write_errors),
        cmocka_unit_test(test_security_of_writing),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_configuration_errors),
        cmocka_unit_test(test_long_write),
        cmocka_unit_test(test_prepared_writes_of_several_values),
        cmocka_unit_test(test_canceled_writes_write_nothing),
        cmocka_unit_test(test_links_have_queues_of_their_own),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_flags_of_execute),
        cmocka_unit_test(test_offsets_within_the_old_value),
        cmocka_unit_test(test_joined_values_take_long_writes),
        cmocka_unit_test(test_no_value_beyond_the_largest),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_link_lost_with_writes_prepared),
        cmocka_unit_test(test_permission_lost_before_execution),
        cmocka_unit_test(test_services_replaced_before_execution),
        cmocka_unit_test(test_services_replaced_in_the_write_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
