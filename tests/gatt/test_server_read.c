/* wrap: l2cap_send */
/* Requests that read: answers, error codes and their handles, the application's say. Vol 3 Part F, 3.4.3, 3.4.4. */
#include "gatt/room.h"

#include <stdio.h>

static struct room *with_services(void)
{
    struct room *room = room_create();
    room_register(room);
    return room;
}

static void put(struct room *room, uint16_t handle, const char *value)
{
    int length = (int)strlen(value);
    assert_int_equal(room_local_write(&room->gatt.server, handle, value, (size_t)length, false), length);
}

/* ---- Find Information ---- */

static void test_find_information(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "04 1c00 2200", "05 01 1c00 0028 1d00 0328");
    exchange(room, 0, "04 1e00 ffff", "05 02 1e00 9ecadc240ee5a9e093f3a3b50200406e");
    exchange(room, 0, "04 3100 3100", "05 01 3100 0229");
    exchange(room, 0, "04 3100 ffff", "05 01 3100 0229");
    room_destroy(room);
}

static void test_find_information_errors(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "04 0000 ffff", "01 04 0000 01");
    exchange(room, 0, "04 0500 0400", "01 04 0500 01");
    exchange(room, 0, "04 3200 ffff", "01 04 3200 0a");
    exchange(room, 0, "04 ffff ffff", "01 04 ffff 0a");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

/* The response fills the MTU to the octet, and not one beyond. */
static void test_find_information_at_every_mtu(void **state)
{
    (void)state;
    for (uint16_t mtu = 23; mtu < 60; mtu++) {
        struct room *room = with_services();
        room_set_mtu(room, 0, mtu);
        hear(room, 0, "04 0100 1d00");
        size_t length = room->sent[room->first_sent].length;
        assert_true(length <= mtu);
        assert_true(length + 4 > mtu || length == 2 + 19 * 4);
        forget(room);
        room_destroy(room);
    }
}

/* ---- Find By Type Value ---- */

static void test_find_by_type_value(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "06 0100 ffff 0028 0d18", "07 1400 1b00");
    exchange(room, 0, "06 0100 ffff 0028 9ecadc240ee5a9e093f3a3b50100406e", "07 1c00 2100");
    exchange(room, 0, "06 1500 ffff 0028 0d18", "01 06 1500 0a");
    exchange(room, 0, "06 0000 ffff 0028 0d18", "01 06 0000 01");
    exchange(room, 0, "06 0300 0200 0028 0d18", "01 06 0300 01");
    exchange(room, 0, "06 0100 ffff 0028 0d", "01 06 0100 0a");
    exchange(room, 0, "06 0100 ffff 0028", "01 06 0100 0a");
    exchange(room, 0, "06 0100 ffff 0128 0d18", "01 06 0100 0a");
    exchange(room, 0, "06 0100 ffff 052a", "01 06 0100 0a");
    room_destroy(room);
}

static void test_find_by_type_value_of_other_types(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "06 0100 ffff 0328 2a1900382a", "07 1800 1b00");
    exchange(room, 0, "06 0100 ffff 0229 0000", "07 0d00 0d00 1700 1700 1a00 1a00 2100 2100 3100 3100");
    room_destroy(room);
}

/* The application is asked about what would be found, and about nothing else. */
static void test_find_by_type_value_asks(void **state)
{
    (void)state;
    struct room *room = with_services();
    put(room, 22, "abc");
    exchange(room, 0, "06 0100 ffff 372a 616264", "01 06 0100 0a");
    hear(room, 0, "06 0100 ffff 372a 616263");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "07 1600 1600");
    room->answer = 8;
    hear(room, 0, "06 0100 ffff 372a 616263");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "01 06 0100 0a");
    room_destroy(room);
}

static void test_find_by_type_value_fills_the_mtu(void **state)
{
    (void)state;
    struct room *room = room_create();
    struct bluet_service services[8];
    for (size_t i = 0; i < 8; i++)
        services[i] = service_of(uuid16(0x180d), NULL, 0);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, services, 8), 0);
    exchange(room, 0, "06 0100 ffff 0028 0d18", "07 14001400 15001500 16001600 17001700 18001800");
    exchange(room, 0, "06 1900 ffff 0028 0d18", "07 19001900 1a001a00 1b001b00");
    room_destroy(room);
}

/* ---- Read By Type ---- */

static void test_read_by_type(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "08 1400 1b00 0328", "09 07 1500 12 1600 372a 1800 2a 1900 382a");
    exchange(room, 0, "08 1c00 2100 0328", "09 15 1d00 0c 1e00 9ecadc240ee5a9e093f3a3b50200406e");
    exchange(room, 0, "08 0100 ffff fb349b5f8000008000100000 00280000", "09 04 0100 0018 0a00 0118 1400 0d18");
    exchange(room, 0, "08 0100 ffff 0229", "09 04 0d00 0000 1700 0000 1a00 0000 2100 0000 3100 0000");
    room_destroy(room);
}

static void test_read_by_type_errors(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "08 0000 ffff 0328", "01 08 0000 01");
    exchange(room, 0, "08 0200 0100 0328", "01 08 0200 01");
    exchange(room, 0, "08 3200 ffff 0328", "01 08 3200 0a");
    exchange(room, 0, "08 0100 ffff 0b2a", "01 08 0100 0a");
    exchange(room, 0, "08 0100 ffff 9ecadc240ee5a9e093f3a3b50900406e", "01 08 0100 0a");
    expect_protocol_errors(room, 0);
    /* UUIDs of any other length. */
    exchange(room, 0, "08 0100 ffff", "01 08 0000 04");
    exchange(room, 0, "08 0100 ffff 03", "01 08 0000 04");
    exchange(room, 0, "08 0100 ffff 032800", "01 08 0000 04");
    exchange(room, 0, "08 0100 ffff 03280000", "01 08 0000 04");
    exchange(room, 0, "08 0100 ffff 9ecadc240ee5a9e093f3a3b5020040", "01 08 0000 04");
    expect_protocol_errors(room, 5);
    room_destroy(room);
}

static void test_read_by_type_of_values(void **state)
{
    (void)state;
    struct room *room = with_services();
    put(room, 22, "hello");
    put(room, 32, "0123456789");
    hear(room, 0, "08 0100 ffff 372a");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "09 07 1600 68656c6c6f");
    hear(room, 0, "08 0100 ffff 9ecadc240ee5a9e093f3a3b50300406e");
    expect_event(room, "read-request 40 0020");
    expect(room, 0, "09 0c 2000 30313233343536373839");
    room_destroy(room);
}

/* The first that cannot be read is the error; a later one ends the list (3.4.4.1). */
static void test_read_by_type_stops_at_what_may_not_be_read(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_characteristic characteristics[] = {
        {uuid16(0x2a37), BLUET_FLAG_READ, NULL, 0},
        {uuid16(0x2a37), BLUET_FLAG_WRITE, NULL, 0},
        {uuid16(0x2a37), BLUET_FLAG_READ | BLUET_FLAG_READ_ENCRYPTED, NULL, 0},
    };
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 3);
    uint16_t handles[3];
    assert_int_equal(gatt_server_register(&room->gatt.server, handles, 3, &service, 1), 3);
    hear(room, 0, "08 0100 ffff 372a");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "09 02 1600");
    exchange(room, 0, "08 1700 ffff 372a", "01 08 1800 02");
    exchange(room, 0, "08 1900 ffff 372a", "01 08 1a00 05");
    room->answer = 0x80;
    hear(room, 0, "08 0100 ffff 372a");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "01 08 1600 80");
    room_destroy(room);
}

static void test_read_by_type_lists_equal_lengths(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_characteristic characteristics[] = {
        {uuid16(0x2a37), 2, NULL, 0}, {uuid16(0x2a37), 2, NULL, 0}, {uuid16(0x2a37), 2, NULL, 0}};
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 3);
    uint16_t handles[3];
    assert_int_equal(gatt_server_register(&room->gatt.server, handles, 3, &service, 1), 3);
    put(room, handles[0], "ab");
    put(room, handles[1], "cd");
    put(room, handles[2], "efg");
    hear(room, 0, "08 0100 ffff 372a");
    expect_event(room, "read-request 40 0016");
    expect_event(room, "read-request 40 0018");
    expect(room, 0, "09 04 1600 6162 1800 6364");
    expect_nothing(room);
    room_destroy(room);
}

static void lengthen_when_asked(struct room *room, const struct bluet_event *event)
{
    if (event->attribute.attr_handle == 24)
        put(room, 24, "longer");
}

/* The answer of the application may change the length that was looked at before it. */
static void test_read_by_type_of_a_value_that_grows_meanwhile(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_characteristic characteristics[] = {{uuid16(0x2a37), 2, NULL, 0}, {uuid16(0x2a37), 2, NULL, 0}};
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 2);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), 2);
    room->on_event = lengthen_when_asked;
    hear(room, 0, "08 0100 ffff 372a");
    expect_event(room, "read-request 40 0016");
    expect_event(room, "read-request 40 0018");
    expect(room, 0, "09 02 1600");
    room_destroy(room);
}

/* At most 253 octets of a value, however large the MTU. */
static void test_read_by_type_of_long_values(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint16_t handle = room_register_one(room, BLUET_FLAG_READ);
    uint8_t value[600];
    memset(value, 'v', sizeof value);
    assert_int_equal(room_local_write(&room->gatt.server, handle, value, sizeof value, false), sizeof value);
    hear(room, 0, "08 0100 ffff 372a");
    assert_int_equal(room->sent[0].length, 23);
    assert_int_equal(room->sent[0].octets[1], 21);
    forget(room);
    room_set_mtu(room, 0, 517);
    hear(room, 0, "08 0100 ffff 372a");
    assert_int_equal(room->sent[0].length, 257);
    assert_int_equal(room->sent[0].octets[1], 255);
    forget(room);
    room_destroy(room);
}

/* ---- Read By Group Type ---- */

static void test_read_by_group_type(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "10 0100 ffff 0028", "11 06 0100 0900 0018 0a00 1300 0118 1400 1b00 0d18");
    exchange(room, 0, "10 1500 ffff 0028", "11 14 1c00 2100 9ecadc240ee5a9e093f3a3b50100406e");
    exchange(room, 0, "10 2200 ffff 0028", "11 06 2200 3100 0a18");
    exchange(room, 0, "10 2200 2200 0028", "11 06 2200 3100 0a18");
    exchange(room, 0, "10 2300 ffff 0028", "01 10 2300 0a");
    exchange(room, 0, "10 0100 ffff fb349b5f8000008000100000 00280000",
             "11 06 0100 0900 0018 0a00 1300 0118 1400 1b00 0d18");
    room_destroy(room);
}

static void test_read_by_group_type_errors(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "10 0000 ffff 0028", "01 10 0000 01");
    exchange(room, 0, "10 0200 0100 0028", "01 10 0200 01");
    exchange(room, 0, "10 0100 ffff 0328", "01 10 0100 10");
    exchange(room, 0, "10 0100 ffff 372a", "01 10 0100 10");
    exchange(room, 0, "10 0100 ffff 9ecadc240ee5a9e093f3a3b50100406e", "01 10 0100 10");
    exchange(room, 0, "10 0100 ffff 0128", "01 10 0100 0a");
    expect_protocol_errors(room, 0);
    exchange(room, 0, "10 0100 ffff 002800", "01 10 0000 04");
    expect_protocol_errors(room, 1);
    room_destroy(room);
}

/* What is no request at all is not looked at any further. */
static void test_form_comes_before_range(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "04 0000 ffff 00", "01 04 0000 04");
    exchange(room, 0, "06 0500 0400 00", "01 06 0000 04");
    exchange(room, 0, "08 0500 0400", "01 08 0000 04");
    exchange(room, 0, "10 0500 0400 002800", "01 10 0000 04");
    expect_protocol_errors(room, 4);
    room_destroy(room);
}

/* ---- Read and Read Blob ---- */

static void test_read(void **state)
{
    (void)state;
    struct room *room = with_services();
    put(room, 22, "0123456789012345678901234567890123456789");
    hear(room, 0, "0a 1600");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "0b 30313233343536373839303132333435363738393031");
    hear(room, 1, "0c 1600 1600");
    expect_event(room, "read-request 41 0016");
    expect(room, 1, "0d 323334353637383930313233343536373839");
    exchange(room, 0, "0a 1400", "0b 0d18");
    exchange(room, 0, "0a 1a00", "0b 0000");
    exchange(room, 0, "0c 1f00 0300", "0d 9ecadc240ee5a9e093f3a3b50300406e");
    room_destroy(room);
}

static void test_read_errors(void **state)
{
    (void)state;
    struct room *room = with_services();
    exchange(room, 0, "0a 0000", "01 0a 0000 01");
    exchange(room, 0, "0a 3200", "01 0a 3200 01");
    exchange(room, 0, "0a ffff", "01 0a ffff 01");
    exchange(room, 0, "0a 1e00", "01 0a 1e00 02");
    exchange(room, 0, "0a 0c00", "01 0a 0c00 02");
    exchange(room, 0, "0c 1e00 0000", "01 0c 1e00 02");
    exchange(room, 0, "0c 3200 0000", "01 0c 3200 01");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

static void test_read_blob_offsets(void **state)
{
    (void)state;
    struct room *room = with_services();
    put(room, 22, "0123");
    hear(room, 0, "0c 1600 0400");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "0d");
    hear(room, 0, "0c 1600 0500");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "01 0c 1600 07");
    hear(room, 0, "0c 1600 ffff");
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "01 0c 1600 07");
    /* Values of our own, too. */
    exchange(room, 0, "0c 0300 0100", "01 0c 0300 07");
    exchange(room, 0, "0c 0500 0200", "0d");
    exchange(room, 0, "0c 0500 0300", "01 0c 0500 07");
    exchange(room, 0, "0c 1700 ff00", "01 0c 1700 07");
    exchange(room, 0, "0c 1500 0600", "01 0c 1500 07");
    room_destroy(room);
}

/* A value is 512 octets at most on the air, whatever is kept. */
static void test_what_lies_beyond_512_octets_is_out_of_reach(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint16_t handle = room_register_one(room, BLUET_FLAG_READ);
    uint8_t value[600];
    memset(value, 'v', sizeof value);
    assert_int_equal(room_local_write(&room->gatt.server, handle, value, sizeof value, false), sizeof value);
    room_set_mtu(room, 0, 517);
    hear(room, 0, "0a 1600");
    assert_int_equal(room->sent[0].length, 513);
    hear(room, 0, "0c 1600 fe01");
    assert_int_equal(room->sent[1].length, 3);
    forget(room);
    hear(room, 0, "0c 1600 0102");
    expect(room, 0, "01 0c 1600 07");
    forget(room);
    room_destroy(room);
}

/* ---- Read Multiple ---- */

static void test_read_multiple(void **state)
{
    (void)state;
    struct room *room = with_services();
    put(room, 22, "abc");
    put(room, 25, "de");
    hear(room, 0, "0e 1600 1900 1400");
    expect_event(room, "read-request 40 0016");
    expect_event(room, "read-request 40 0019");
    expect(room, 0, "0f 6162636465 0d18");
    hear(room, 0, "20 1600 1900 1400 2000");
    expect_event(room, "read-request 40 0016");
    expect_event(room, "read-request 40 0019");
    expect_event(room, "read-request 40 0020");
    expect(room, 0, "21 0300 616263 0200 6465 0200 0d18 0000");
    exchange(room, 0, "0e 1400 1400", "0f 0d18 0d18");
    room_destroy(room);
}

static void test_read_multiple_is_cut_to_the_mtu(void **state)
{
    (void)state;
    struct room *room = with_services();
    put(room, 22, "0123456789abcdefghij");
    put(room, 25, "ABC");
    hear(room, 0, "0e 1600 1900");
    expect(room, 0, "0f 303132333435363738396162636465666768696a 4142");
    forget(room);
    hear(room, 0, "20 1600 1900");
    expect(room, 0, "21 1400 303132333435363738396162636465666768696a");
    forget(room);
    put(room, 22, "0123456789abcdefghi");
    hear(room, 0, "20 1600 1900");
    expect(room, 0, "21 1300 3031323334353637383961626364656667686903");
    forget(room);
    room_destroy(room);
}

static void test_read_multiple_errors(void **state)
{
    (void)state;
    struct room *room = with_services();
    static const char *const opcodes[] = {"0e", "20"};
    for (size_t i = 0; i < 2; i++) {
        const struct {
            const char *handles, *error;
            uint32_t protocol_errors;
        } rows[] = {
            {"", "0000 04", 1},          {"0a", "0000 04", 1},           {"1400", "0000 04", 1},
            {"1400 0a", "0000 04", 1},   {"1400 1400 0a", "0000 04", 1}, {"0000 1400", "0000 01", 0},
            {"1400 0000", "0000 01", 0}, {"1400 3200", "3200 01", 0},    {"1400 ffff 0000", "ffff 01", 0},
            {"1400 1e00", "1e00 02", 0}, {"1400 2400", "2400 05", 0},
        };
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            char request[40], response[40];
            snprintf(request, sizeof request, "%s %s", opcodes[i], rows[j].handles);
            snprintf(response, sizeof response, "01 %s %s", opcodes[i], rows[j].error);
            exchange(room, 0, request, response);
            expect_protocol_errors(room, rows[j].protocol_errors);
        }
    }
    room_destroy(room);
}

/* ---- The application's say ---- */

static void test_answers_of_the_application(void **state)
{
    (void)state;
    struct room *room = with_services();
    const struct {
        int answer;
        const char *normal, *authorized;
    } rows[] = {
        {0, "0b", "0b"},
        {1, "01 0a 1600 01", "01 0a 2800 01"},
        {2, "01 0a 1600 02", "01 0a 2800 02"},
        {0x0f, "01 0a 1600 0f", "01 0a 2800 0f"},
        {0xff, "01 0a 1600 ff", "01 0a 2800 ff"},
        {0x100, "01 0a 1600 0e", "01 0a 2800 08"},
        {-1, "01 0a 1600 0e", "01 0a 2800 08"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        room->answer = rows[i].answer;
        hear(room, 0, "0a 1600");
        expect_event(room, "read-request 40 0016");
        expect(room, 0, rows[i].normal);
        hear(room, 0, "0a 2800");
        expect_event(room, "read-request 40 0028");
        expect(room, 0, rows[i].authorized);
    }
    room->answer = 0;
    room_destroy(room);
}

static void write_when_asked(struct room *room, const struct bluet_event *event)
{
    if (event->code != BLUET_EVENT_GATTS_READ_REQUEST)
        return;
    char value[100];
    memset(value, 'n', sizeof value);
    assert_int_equal(room_local_write(&room->gatt.server, event->attribute.attr_handle, value, 100, false), 100);
    assert_int_equal(room_local_write(&room->gatt.server, event->attribute.attr_handle, "new", 3, false), 3);
}

static void test_what_the_handler_writes_is_what_is_read(void **state)
{
    (void)state;
    struct room *room = with_services();
    put(room, 22, "old value");
    room->on_event = write_when_asked;
    hear(room, 0, "0a 1600");
    expect(room, 0, "0b 6e6577");
    put(room, 22, "old");
    hear(room, 0, "08 1600 1600 372a");
    expect(room, 0, "09 05 1600 6e6577");
    hear(room, 0, "0e 1600 2000");
    expect(room, 0, "0f 6e65776e6577");
    forget(room);
    room_destroy(room);
}

static void register_when_asked(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_READ_REQUEST)
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), 0);
}

/* Each request that asks, and the services are gone when the answer comes. */
static void test_services_replaced_while_the_application_is_asked(void **state)
{
    (void)state;
    const struct {
        const char *request, *response;
    } rows[] = {
        {"0a 1600", "01 0a 1600 0e"},           {"0c 1600 0000", "01 0c 1600 0e"},
        {"08 0100 ffff 372a", "01 08 1600 0e"}, {"06 0100 ffff 372a", "01 06 0100 0a"},
        {"0e 1400 1600", "01 0e 1600 0e"},      {"20 1600 1400", "01 20 1600 0e"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct room *room = with_services();
        room->on_event = register_when_asked;
        hear(room, 0, rows[i].request);
        assert_int_equal(room->event_count, 1);
        room->first_event = room->event_count = 0;
        expect(room, 0, rows[i].response);
        exchange(room, 0, "0a 1600", "01 0a 1600 01");
        room_destroy(room);
    }
}

static void disconnect_when_asked(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_READ_REQUEST)
        room->link[0].state = LINK_CLOSING;
}

static void test_link_closed_while_the_application_is_asked(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->on_event = disconnect_when_asked;
    hear(room, 0, "0a 1600");
    expect_event(room, "read-request 40 0016");
    expect_nothing(room);
    room_lose_link(room, 0);
    room_destroy(room);
}

/* ---- Security ---- */

static void test_security_of_reading(void **state)
{
    (void)state;
    struct room *room = with_services();
    struct link *link = &room->link[0];
    const struct {
        bool key_known, encrypted, authenticated;
        const char *of_encrypted, *of_authenticated;
    } rows[] = {
        {false, false, false, "01 0a 2400 05", "01 0a 2600 05"},
        {true, false, false, "01 0a 2400 0f", "01 0a 2600 0f"},
        {true, false, true, "01 0a 2400 0f", "01 0a 2600 0f"},
        {true, true, false, "0b", "01 0a 2600 05"},
        {false, true, false, "0b", "01 0a 2600 05"},
        {true, true, true, "0b", "0b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        link->key_known = rows[i].key_known;
        link->encrypted = rows[i].encrypted;
        link->authenticated = rows[i].authenticated;
        hear(room, 0, "0a 2400");
        expect(room, 0, rows[i].of_encrypted);
        hear(room, 0, "0a 2600");
        expect(room, 0, rows[i].of_authenticated);
        /* The other links are none the better for it. */
        hear(room, 1, "0a 2400");
        expect(room, 1, "01 0a 2400 05");
        forget(room);
    }
    room_destroy(room);
}

static void notify_two(struct room *room, const struct bluet_event *event)
{
    static const uint16_t handles[] = {22, 25};
    if (event->code == BLUET_EVENT_GATTS_READ_REQUEST)
        assert_int_equal(room_notify_multiple(&room->gatt.server, &room->link[1], handles, 2), 2);
}

/* Whatever an application sends while it is asked, the response is what it would have been. */
static void test_sending_while_a_list_is_put_together(void **state)
{
    (void)state;
    static const struct {
        const char *request, *response;
    } rows[] = {
        {"0a 1900", "0b 6162"},
        {"0e 1900 1900", "0f 6162 6162"},
        {"20 1900 1900", "21 0200 6162 0200 6162"},
        {"08 1800 1a00 382a", "09 04 1900 6162"},
        {"06 1800 1a00 382a 6162", "07 1900 1900"},
    };
    struct room *room = with_services();
    put(room, 25, "ab");
    exchange(room, 1, "12 0f00 04", "13");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        room->on_event = notify_two;
        hear(room, 0, rows[i].request);
        room->on_event = NULL;
        while (room->sent[room->first_sent].link == 1)
            expect(room, 1, "23 1600 0000 1900 0200 6162");
        expect(room, 0, rows[i].response);
        forget(room);
    }
    room_destroy(room);
}

static const char refused_text[] = "01234567890123456789";

/* Handles 22, 24, 26: values of one type, of which the application refuses the second. */
static struct room *with_three(void)
{
    struct room *room = room_create();
    struct bluet_characteristic characteristics[3];
    for (size_t i = 0; i < 3; i++)
        characteristics[i] = (struct bluet_characteristic){uuid16(0x2a37), BLUET_FLAG_READ, NULL, 0};
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 3);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), 3);
    for (uint16_t handle = 22; handle <= 26; handle = (uint16_t)(handle + 2))
        put(room, handle, refused_text);
    return room;
}

static void refuse_second(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_READ_REQUEST)
        room->answer = event->attribute.attr_handle == 24 ? 8 : 0;
}

/* What the application refuses is not in the list, whatever it has agreed to before and after. */
static void test_list_without_what_was_refused(void **state)
{
    (void)state;
    struct room *room = with_three();
    room->on_event = refuse_second;
    room_set_mtu(room, 0, 100);
    hear(room, 0, "08 0100 ffff 372a");
    expect_event(room, "read-request 40 0016");
    expect_event(room, "read-request 40 0018");
    expect(room, 0, "09 16 1600 3031323334353637383930313233343536373839");
    hear(room, 0, "08 1700 ffff 372a");
    expect_event(room, "read-request 40 0018");
    expect(room, 0, "01 08 1800 08");
    hear(room, 0, "06 0100 1900 372a 3031323334353637383930313233343536373839");
    expect_event(room, "read-request 40 0016");
    expect_event(room, "read-request 40 0018");
    expect(room, 0, "07 1600 1600");
    hear(room, 0, "06 1700 ffff 372a 3031323334353637383930313233343536373839");
    expect_event(room, "read-request 40 0018");
    expect_event(room, "read-request 40 001a");
    expect(room, 0, "07 1a00 1a00");
    room->answer = 0;
    room_destroy(room);
}

/* A list that has no buffer to go out from is made again, and what was refused is asked about again. */
static void test_refused_list_that_is_made_again(void **state)
{
    (void)state;
    struct room *room = with_three();
    room->on_event = refuse_second;
    room_set_mtu(room, 0, 100);
    room->no_buffers = true;
    hear(room, 0, "08 0100 ffff 372a");
    forget(room);
    room_buffers_free(room);
    expect(room, 0, "09 16 1600 3031323334353637383930313233343536373839");
    forget(room);
    room->answer = 0;
    room_destroy(room);
}

static void replace_at_second(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_READ_REQUEST && event->attribute.attr_handle == 24)
        room_register_one(room, BLUET_FLAG_READ);
}

/* Nobody has agreed to a value of the new services. */
static void test_services_replaced_while_a_list_is_put_together(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"08 0100 ffff 372a", "01 08 1800 0e"},
        {"06 0100 ffff 372a 3031323334353637383930313233343536373839", "01 06 1800 0e"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct room *room = with_three();
        room->on_event = replace_at_second;
        room_set_mtu(room, 0, 100);
        hear(room, 0, rows[i][0]);
        expect_event(room, "read-request 40 0016");
        expect_event(room, "read-request 40 0018");
        expect(room, 0, rows[i][1]);
        room_destroy(room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_information),
        cmocka_unit_test(test_find_information_errors),
        cmocka_unit_test(test_find_information_at_every_mtu),
        cmocka_unit_test(test_find_by_type_value),
        cmocka_unit_test(test_find_by_type_value_of_other_types),
        cmocka_unit_test(test_find_by_type_value_asks),
        cmocka_unit_test(test_find_by_type_value_fills_the_mtu),
        cmocka_unit_test(test_read_by_type),
        cmocka_unit_test(test_read_by_type_errors),
        cmocka_unit_test(test_read_by_type_of_values),
        cmocka_unit_test(test_read_by_type_stops_at_what_may_not_be_read),
        cmocka_unit_test(test_read_by_type_lists_equal_lengths),
        cmocka_unit_test(test_read_by_type_of_a_value_that_grows_meanwhile),
        cmocka_unit_test(test_read_by_type_of_long_values),
        cmocka_unit_test(test_read_by_group_type),
        cmocka_unit_test(test_read_by_group_type_errors),
        cmocka_unit_test(test_form_comes_before_range),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_read_blob_offsets),
        cmocka_unit_test(test_what_lies_beyond_512_octets_is_out_of_reach),
        cmocka_unit_test(test_read_multiple),
        cmocka_unit_test(test_read_multiple_is_cut_to_the_mtu),
        cmocka_unit_test(test_read_multiple_errors),
        cmocka_unit_test(test_answers_of_the_application),
        cmocka_unit_test(test_what_the_handler_writes_is_what_is_read),
        cmocka_unit_test(test_services_replaced_while_the_application_is_asked),
        cmocka_unit_test(test_link_closed_while_the_application_is_asked),
        cmocka_unit_test(test_security_of_reading),
        cmocka_unit_test(test_sending_while_a_list_is_put_together),
        cmocka_unit_test(test_list_without_what_was_refused),
        cmocka_unit_test(test_refused_list_that_is_made_again),
        cmocka_unit_test(test_services_replaced_while_a_list_is_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
