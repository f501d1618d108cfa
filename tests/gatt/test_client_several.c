/* wrap: l2cap_send */
/* Included services, long reads, reads by UUID and of several values, reliable writes. Vol 3 Part G, 4.5.1, 4.8, 4.9.5.
 */
#include "gatt/room.h"

#include <stdio.h>

static struct gatt_client *client_of(struct room *room)
{
    return &room->gatt.client;
}

/* What link 0 sends, link 1 hears, and the other way round, until all is said. Returns how many PDUs that were. */
static size_t converse(struct room *room)
{
    size_t next = 0;
    for (; next < room->sent_count; next++) {
        struct room_pdu pdu = room->sent[next];
        hear_octets(room, pdu.link == 0 ? 1 : 0, pdu.octets, pdu.length);
    }
    room->first_sent = room->sent_count = 0;
    return next;
}

/* ---- Included services ---- */

static void test_included_services(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(gatt_client_discover_included(client_of(room), &room->link[0], 1, 0xffff), 0);
    expect(room, 0, "08 0100 ffff 0228");
    hear(room, 0, "09 08 0500 1000 1f00 0f18 0600 2000 2f00 0a18");
    expect_event(room, "service 40 0010-001f 180f");
    expect_event(room, "service 40 0020-002f 180a");
    expect(room, 0, "08 0700 ffff 0228");
    hear(room, 0, "09 06 0800 3000 3f00 0900 4000 4f00");
    expect(room, 0, "0a 3000");
    hear(room, 0, "0b 9ecadc240ee5a9e093f3a3b50100406e");
    expect_event(room, "service 40 0030-003f 6e400001b5a3f393e0a9e50e24dcca9e");
    expect(room, 0, "0a 4000");
    hear(room, 0, "0b 9ecadc240ee5a9e093f3a3b50200406e");
    expect_event(room, "service 40 0040-004f 6e400002b5a3f393e0a9e50e24dcca9e");
    expect(room, 0, "08 0a00 ffff 0228");
    hear(room, 0, "01 08 0a00 0a");
    expect_event(room, "service-done 40 0000 000");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

static void test_included_services_that_make_no_sense(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "09",
        "09 08",
        "09 07 05001000 1f0000",
        "09 08 0500 1000 1f00 0f",
        "09 08 0500 2000 1f00 0f18",
        "09 08 0500 0000 1f00 0f18",
        "09 08 0000 1000 1f00 0f18",
        "09 08 3100 1000 1f00 0f18",
        "09 06 0500 1000 1f00 0500 1000 1f00",
        "09 06 0500 1000",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct room *room = room_create();
        assert_int_equal(gatt_client_discover_included(client_of(room), &room->link[0], 1, 0x30), 0);
        hear(room, 0, answers[i]);
        assert_string_equal(room->events[room->event_count - 1], "service-done 40 0000 102");
        forget(room);
        room_destroy(room);
    }
}

/* The UUID is refused, or none; the link is lost; there is no buffer to keep the list in. */
static void test_included_service_whose_uuid_cannot_be_had(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *done;
    } rows[] = {{"01 0a 3000 05", "service-done 40 0000 005"},
                {"01 0a 3000 0a", "service-done 40 0000 00a"},
                {"0b 010203", "service-done 40 0000 102"},
                {NULL, "service-done 40 0000 100"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct room *room = room_create();
        assert_int_equal(gatt_client_discover_included(client_of(room), &room->link[0], 1, 0xffff), 0);
        hear(room, 0, "09 06 0800 3000 3f00");
        forget(room);
        if (rows[i].answer)
            hear(room, 0, rows[i].answer);
        else
            room_lose_link(room, 0);
        expect_event(room, rows[i].done);
        room_destroy(room);
    }
    struct room *room = room_create_with(1, 64, 8);
    assert_int_equal(gatt_client_discover_included(client_of(room), &room->link[0], 1, 0xffff), 0);
    struct bluet_span span = {"", 0};
    struct buffer *last = buffer_copy(&room->pool, &span, 1);
    forget(room);
    hear(room, 0, "09 06 0800 3000 3f00");
    expect_event(room, "service-done 40 0000 103");
    buffer_free(&room->pool, last);
    room_destroy(room);
}

static void test_included_services_of_a_real_server(void **state)
{
    (void)state;
    static const size_t included[] = {0, 1, 2};
    const struct bluet_service services[] = {{uuid16(0x180f), NULL, 0, NULL, 0, true},
                                             {uuid128(1), NULL, 0, included, 1, true},
                                             {uuid128(2), NULL, 0, NULL, 0, true},
                                             {uuid16(0x180d), NULL, 0, included, 3, false}};
    struct room *room = room_create();
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, services, 4), 0);
    assert_int_equal(gatt_client_discover_included(client_of(room), &room->link[0], 20, 0xffff), 0);
    /* Both of 16 bits in one list, those to be read in another, two reads, the end. */
    assert_int_equal(converse(room), 2 * (1 + 1 + 2 + 1));
    expect_event(room, "service 40 0014-0014 180f");
    expect_event(room, "service 40 0014-0014 180f");
    expect_event(room, "service 40 0015-0016 6e400001b5a3f393e0a9e50e24dcca9e");
    expect_event(room, "service 40 0017-0017 6e400002b5a3f393e0a9e50e24dcca9e");
    expect_event(room, "service-done 40 0000 000");
    room_destroy(room);
}

/* ---- Long reads ---- */

static void test_long_reads_of_every_length(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 512; length += length < 70 ? 1 : 13) {
        struct room *room = room_create();
        uint16_t handle = room_register_one(room, BLUET_FLAG_READ);
        uint8_t value[512], found[600];
        for (size_t i = 0; i < sizeof value; i++)
            value[i] = (uint8_t)(i * 7);
        assert_int_equal(room_local_write(&room->gatt.server, handle, value, length, false), (int)length);
        assert_int_equal(gatt_client_read_long(client_of(room), &room->link[0], handle), 0);
        assert_int_equal(converse(room), 2 * (length / 22 + 1));
        size_t done = 0;
        for (size_t i = 0; i < room->event_count; i++) {
            const char *text = strstr(room->events[i], "read-result 40 0016 ");
            if (text != room->events[i])
                continue;
            for (text += strlen("read-result 40 0016 "); *text; text += 2) {
                unsigned octet;
                assert_int_equal(sscanf(text, "%2x", &octet), 1);
                found[done++] = (uint8_t)octet;
            }
        }
        assert_int_equal(done, length);
        assert_memory_equal(found, value, length);
        assert_string_equal(room->events[room->event_count - 1], "read-done 40 0016 000");
        forget(room);
        room_destroy(room);
    }
}

static void test_long_read_that_ends_with_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *error, *done;
    } rows[] = {{"01 0c 0c00 07", "read-done 40 000c 000"},
                {"01 0c 0c00 0b", "read-done 40 000c 000"},
                {"01 0c 0c00 0e", "read-done 40 000c 00e"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct room *room = room_create();
        assert_int_equal(gatt_client_read_long(client_of(room), &room->link[0], 12), 0);
        expect(room, 0, "0a 0c00");
        hear(room, 0, "0b 30313233343536373839303132333435363738393031");
        expect(room, 0, "0c 0c00 1600");
        forget(room);
        hear(room, 0, rows[i].error);
        expect_event(room, rows[i].done);
        room_destroy(room);
    }
    struct room *room = room_create();
    assert_int_equal(gatt_client_read_long(client_of(room), &room->link[0], 12), 0);
    forget(room);
    hear(room, 0, "01 0a 0c00 07");
    expect_event(room, "read-done 40 000c 007");
    assert_int_equal(gatt_client_read_long(client_of(room), &room->link[0], 0), BLUET_EINVAL);
    room_destroy(room);
}

/* ---- Reads by UUID ---- */

static void test_reads_by_uuid(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_uuid uuid = uuid16(0x2a37), wide = uuid128(3);
    assert_int_equal(gatt_client_read_by_uuid(client_of(room), &room->link[0], 1, 0xffff, &uuid), 0);
    expect(room, 0, "08 0100 ffff 372a");
    hear(room, 0, "09 03 0500 61 0700 62");
    expect_event(room, "read-result 40 0005 61");
    expect_event(room, "read-result 40 0007 62");
    expect(room, 0, "08 0800 ffff 372a");
    hear(room, 0, "09 02 ffff");
    expect_event(room, "read-result 40 ffff ");
    expect_event(room, "read-done 40 0000 000");
    assert_int_equal(gatt_client_read_by_uuid(client_of(room), &room->link[0], 3, 9, &wide), 0);
    expect(room, 0, "08 0300 0900 9ecadc240ee5a9e093f3a3b50300406e");
    hear(room, 0, "01 08 0300 05");
    expect_event(room, "read-done 40 0000 005");
    assert_int_equal(gatt_client_read_by_uuid(client_of(room), &room->link[0], 0, 9, &wide), BLUET_EINVAL);
    assert_int_equal(gatt_client_read_by_uuid(client_of(room), &room->link[0], 9, 8, &wide), BLUET_EINVAL);
    static const char *const senseless[] = {
        "09", "09 01 00", "09 02", "09 03 0500 61 00", "09 03 0200 61", "09 03 0500 61 0500 62", "09 03 0a00 61"};
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        assert_int_equal(gatt_client_read_by_uuid(client_of(room), &room->link[0], 3, 9, &uuid), 0);
        hear(room, 0, senseless[i]);
        assert_string_equal(room->events[room->event_count - 1], "read-done 40 0000 102");
        forget(room);
    }
    room_destroy(room);
}

/* ---- Reads of several values ---- */

static int read_two(struct room *room, bool variable)
{
    static const uint16_t handles[] = {5, 0x1234};
    return gatt_client_read_multiple(client_of(room), &room->link[0], handles, 2, variable);
}

static void test_reads_of_several_values(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_two(room, false), 0);
    expect(room, 0, "0e 0500 3412");
    hear(room, 0, "0f 616263");
    expect_event(room, "read-result 40 0000 616263");
    expect_event(room, "read-done 40 0000 000");
    assert_int_equal(read_two(room, true), 0);
    expect(room, 0, "20 0500 3412");
    hear(room, 0, "21 0100 61 0000");
    expect_event(room, "read-result 40 0005 61");
    expect_event(room, "read-result 40 1234 ");
    expect_event(room, "read-done 40 0000 000");
    assert_int_equal(read_two(room, true), 0);
    expect(room, 0, "20 0500 3412");
    hear(room, 0, "01 20 3412 02");
    expect_event(room, "read-done 40 0000 002");
    /* Full: the second is cut, then there is none of it. */
    assert_int_equal(read_two(room, true), 0);
    forget(room);
    hear(room, 0, "21 0100 61 2000 3031323334353637383930313233343536");
    expect_event(room, "read-result 40 0005 61");
    expect_event(room, "read-result 40 1234 3031323334353637383930313233343536");
    expect_event(room, "read-done 40 0000 000");
    assert_int_equal(read_two(room, true), 0);
    forget(room);
    hear(room, 0, "21 2000 3031323334353637383930313233343536373839");
    expect_event(room, "read-result 40 0005 3031323334353637383930313233343536373839");
    expect_event(room, "read-done 40 0000 000");
    expect_protocol_errors(room, 0);
    static const char *const senseless[] = {
        "21", "21 01", "21 0100 61", "21 0100 61 0200 62", "21 0100 61 0000 00", "21 ffff 61 0000"};
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        assert_int_equal(read_two(room, true), 0);
        hear(room, 0, senseless[i]);
        assert_string_equal(room->events[room->event_count - 1], "read-done 40 0000 102");
        forget(room);
    }
    room_destroy(room);
}

static void test_reads_of_several_values_refused(void **state)
{
    (void)state;
    struct room *room = room_create_with(1, 64, 8);
    uint16_t handles[12];
    for (size_t i = 0; i < 12; i++)
        handles[i] = 1;
    struct gatt_client *client = client_of(room);
    assert_int_equal(gatt_client_read_multiple(client, &room->link[0], handles, 1, true), BLUET_EINVAL);
    assert_int_equal(gatt_client_read_multiple(client, &room->link[0], handles, 12, true), BLUET_EINVAL);
    assert_int_equal(gatt_client_read_multiple(client, &room->link[0], handles, 11, true), 0);
    assert_int_equal(gatt_client_read_multiple(client, &room->link[0], handles, 2, true), BLUET_ENOMEM);
    handles[1] = 0;
    assert_int_equal(gatt_client_read_multiple(client, &room->link[0], handles, 2, true), BLUET_EINVAL);
    room_lose_link(room, 0);
    assert_int_equal(gatt_client_read_multiple(client, &room->link[0], handles, 1, true), BLUET_ENOTCONN);
    forget(room);
    room_destroy(room);
}

/* ---- Reliable writes ---- */

static const struct bluet_write both[] = {{25, "0123456789012345678901234", 25}, {30, "ab", 2}};

static void test_reliable_write(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(gatt_client_write_reliable(client_of(room), &room->link[0], both, 2), 0);
    expect(room, 0, "16 1900 0000 303132333435363738393031323334353637");
    hear(room, 0, "17 1900 0000 303132333435363738393031323334353637");
    expect(room, 0, "16 1900 1200 38393031323334");
    hear(room, 0, "17 1900 1200 38393031323334");
    expect(room, 0, "16 1e00 0000 6162");
    hear(room, 0, "17 1e00 0000 6162");
    expect(room, 0, "18 01");
    hear(room, 0, "19");
    expect_event(room, "write-done 40 001e 000");
    room_destroy(room);
}

/* At each step an echo that differs, a refusal, a lost link: nothing takes effect, one DONE. */
static void test_reliable_write_that_fails_at_each_step(void **state)
{
    (void)state;
    static const struct {
        const char *echo, *false_echo, *error;
    } steps[] = {
        {"17 1900 0000 303132333435363738393031323334353637", "17 1900 0000 303132333435363738393031323334353638",
         "01 16 1900 05"},
        {"17 1900 1200 38393031323334", "17 1900 1300 38393031323334", "01 16 1900 09"},
        {"17 1e00 0000 6162", "17 1e00 0000 6163", "01 16 1e00 03"},
        {"19", "19 00", "01 18 1e00 0d"},
    };
    static const char *const refused[] = {"write-done 40 0019 005", "write-done 40 0019 009", "write-done 40 001e 003",
                                          "write-done 40 001e 00d"};
    for (size_t step = 0; step < 4; step++) {
        for (size_t way = 0; way < 3; way++) {
            struct room *room = room_create();
            assert_int_equal(gatt_client_write_reliable(client_of(room), &room->link[0], both, 2), 0);
            for (size_t i = 0; i < step; i++)
                hear(room, 0, steps[i].echo);
            forget(room);
            if (way == 2)
                room_lose_link(room, 0);
            else
                hear(room, 0, way ? steps[step].error : steps[step].false_echo);
            if (way < 2 && step < 3 && (way == 0 || step > 0)) {
                expect(room, 0, "18 00");
                hear(room, 0, "19");
            }
            if (way == 1)
                expect_event(room, refused[step]);
            else
                assert_int_equal(room->event_count, 1);
            forget(room);
            room_destroy(room);
        }
    }
}

static void test_reliable_write_to_a_real_server(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {32, 50, 64, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct room *room = room_create_with(32, sizes[i], 4);
        room_register(room);
        const struct bluet_write writes[] = {both[0], {30, NULL, 0}, {27, "text", 4}, {36, "no", 2}};
        assert_int_equal(room_set_buffer(&room->gatt.server, 25, 30, false), 0);
        assert_int_equal(gatt_client_write_reliable(client_of(room), &room->link[0], writes, 3), 0);
        converse(room);
        expect_event(room, "write 41 0019");
        expect_event(room, "write 41 001e");
        expect_event(room, "write 41 001b");
        expect_event(room, "write-done 40 001b 000");
        const void *value;
        size_t length;
        assert_int_equal(room_local_read(&room->gatt.server, &value, &length, 25), 0);
        assert_int_equal(length, 25);
        assert_memory_equal(value, both[0].data, 25);
        /* One of them may not be written: none is. */
        assert_int_equal(room_local_write(&room->gatt.server, 25, "", 0, false), 0);
        assert_int_equal(gatt_client_write_reliable(client_of(room), &room->link[0], writes, 4), 0);
        converse(room);
        expect_event(room, "write-done 40 0024 003");
        assert_int_equal(room_local_read(&room->gatt.server, &value, &length, 25), 0);
        assert_int_equal(length, 0);
        room_destroy(room);
    }
}

static void test_reliable_write_refused(void **state)
{
    (void)state;
    struct room *room = room_create_with(1, 32, 8);
    struct gatt_client *client = client_of(room);
    static uint8_t value[513];
    const struct bluet_write long_one = {25, value, 513}, none = {0, "", 0}, large = {25, value, 512};
    const struct bluet_write many[] = {large, large, large, large, large, large, large, large};
    assert_int_equal(gatt_client_write_reliable(client, &room->link[0], &long_one, 1), BLUET_EINVAL);
    assert_int_equal(gatt_client_write_reliable(client, &room->link[0], &none, 1), BLUET_EINVAL);
    assert_int_equal(gatt_client_write_reliable(client, &room->link[0], many, 0), BLUET_EINVAL);
    assert_int_equal(gatt_client_write_reliable(client, &room->link[0], many, 8), BLUET_EINVAL);
    assert_int_equal(gatt_client_write_reliable(client, &room->link[0], both, 2), BLUET_ENOMEM);
    assert_int_equal(gatt_client_write_reliable(client, &room->link[0], &both[1], 1), 0);
    forget(room);
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_included_services),
        cmocka_unit_test(test_included_services_that_make_no_sense),
        cmocka_unit_test(test_included_service_whose_uuid_cannot_be_had),
        cmocka_unit_test(test_included_services_of_a_real_server),
        cmocka_unit_test(test_long_reads_of_every_length),
        cmocka_unit_test(test_long_read_that_ends_with_an_error),
        cmocka_unit_test(test_reads_by_uuid),
        cmocka_unit_test(test_reads_of_several_values),
        cmocka_unit_test(test_reads_of_several_values_refused),
        cmocka_unit_test(test_reliable_write),
        cmocka_unit_test(test_reliable_write_that_fails_at_each_step),
        cmocka_unit_test(test_reliable_write_to_a_real_server),
        cmocka_unit_test(test_reliable_write_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
