/* wrap: l2cap_send */
/* Discoveries: what they ask, what they report, and servers that lie. Vol 3 Part G, 4.4, 4.6, 4.7. */
#include "gatt/room.h"

#include <stdio.h>

static int discover_services(struct room *room, const struct bluet_uuid *uuid)
{
    return gatt_client_discover_services(&room->gatt.client, &room->link[0], uuid);
}

static int discover_characteristics(struct room *room, uint16_t start, uint16_t end, const struct bluet_uuid *uuid)
{
    return gatt_client_discover_characteristics(&room->gatt.client, &room->link[0], start, end, uuid);
}

static int discover_descriptors(struct room *room, uint16_t start, uint16_t end)
{
    return gatt_client_discover_descriptors(&room->gatt.client, &room->link[0], start, end);
}

/* ---- Services ---- */

static void test_all_services(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(discover_services(room, NULL), 0);
    expect(room, 0, "10 0100 ffff 0028");
    hear(room, 0, "11 06 0100 0500 0018 0600 0900 0118");
    expect_event(room, "service 40 0001-0005 1800");
    expect_event(room, "service 40 0006-0009 1801");
    expect(room, 0, "10 0a00 ffff 0028");
    hear(room, 0, "11 14 1000 1700 9ecadc240ee5a9e093f3a3b50100406e");
    expect_event(room, "service 40 0010-0017 6e400001b5a3f393e0a9e50e24dcca9e");
    expect(room, 0, "10 1800 ffff 0028");
    hear(room, 0, "01 10 1800 0a");
    expect_event(room, "service-done 40 0000 000");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

/* No request more than it takes: the last handle is the end (4.4.1). */
static void test_services_end_with_the_last_handle(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(discover_services(room, NULL), 0);
    expect(room, 0, "10 0100 ffff 0028");
    hear(room, 0, "11 06 0100 ffff 0018");
    expect_event(room, "service 40 0001-ffff 1800");
    expect_event(room, "service-done 40 0000 000");
    room_destroy(room);
}

static void test_services_by_uuid(void **state)
{
    (void)state;
    struct room *room = room_create();
    struct bluet_uuid uuid = uuid16(0x180d);
    assert_int_equal(discover_services(room, &uuid), 0);
    expect(room, 0, "06 0100 ffff 0028 0d18");
    hear(room, 0, "07 1000 1700 2000 2100");
    expect_event(room, "service 40 0010-0017 180d");
    expect_event(room, "service 40 0020-0021 180d");
    expect(room, 0, "06 2200 ffff 0028 0d18");
    hear(room, 0, "01 06 2200 0a");
    expect_event(room, "service-done 40 0000 000");
    uuid = uuid128(1);
    assert_int_equal(discover_services(room, &uuid), 0);
    expect(room, 0, "06 0100 ffff 0028 9ecadc240ee5a9e093f3a3b50100406e");
    hear(room, 0, "07 1000 ffff");
    expect_event(room, "service 40 0010-ffff 6e400001b5a3f393e0a9e50e24dcca9e");
    expect_event(room, "service-done 40 0000 000");
    uuid = (struct bluet_uuid){4, {0x78, 0x56, 0x34, 0x12}};
    assert_int_equal(discover_services(room, &uuid), 0);
    expect(room, 0, "06 0100 ffff 0028 fb349b5f8000008000100000 78563412");
    hear(room, 0, "01 06 0100 0a");
    expect_event(room, "service-done 40 0000 000");
    uuid.length = 3;
    assert_int_equal(discover_services(room, &uuid), BLUET_EINVAL);
    room_destroy(room);
}

/* ---- Characteristics ---- */

static void test_characteristics(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(discover_characteristics(room, 10, 30, NULL), 0);
    expect(room, 0, "08 0a00 1e00 0328");
    hear(room, 0, "09 07 0b00 12 0c00 372a 0e00 02 0f00 382a");
    expect_event(room, "characteristic 40 000b 000c-000d 12 2a37");
    expect(room, 0, "08 0f00 1e00 0328");
    hear(room, 0, "09 15 1300 0c 1400 9ecadc240ee5a9e093f3a3b50200406e");
    expect_event(room, "characteristic 40 000e 000f-0012 02 2a38");
    expect(room, 0, "08 1400 1e00 0328");
    hear(room, 0, "01 08 1400 0a");
    expect_event(room, "characteristic 40 0013 0014-001e 0c 6e400002b5a3f393e0a9e50e24dcca9e");
    expect_event(room, "characteristic-done 40 0000 000");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

static void test_characteristics_end_with_the_range(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(discover_characteristics(room, 10, 11, NULL), 0);
    expect(room, 0, "08 0a00 0b00 0328");
    hear(room, 0, "09 07 0b00 12 0c00 372a");
    expect_event(room, "characteristic 40 000b 000c-000c 12 2a37");
    expect_event(room, "characteristic-done 40 0000 000");
    assert_int_equal(discover_characteristics(room, 1, 0xffff, NULL), 0);
    expect(room, 0, "08 0100 ffff 0328");
    hear(room, 0, "01 08 0100 0a");
    expect_event(room, "characteristic-done 40 0000 000");
    room_destroy(room);
}

/* By UUID the ends are the same as those without. */
static void test_characteristics_by_uuid(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_uuid uuids[] = {
        uuid16(0x2a38),
        {16, {0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x00, 0x38, 0x2a, 0, 0}}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(discover_characteristics(room, 10, 30, &uuids[i]), 0);
        expect(room, 0, "08 0a00 1e00 0328");
        hear(room, 0, "09 07 0b00 12 0c00 372a 0e00 02 0f00 382a 1200 02 1300 392a");
        expect_event(room, "characteristic 40 000e 000f-0011 02 2a38");
        expect(room, 0, "08 1300 1e00 0328");
        hear(room, 0, "09 07 1400 02 1500 382a");
        expect(room, 0, "08 1500 1e00 0328");
        hear(room, 0, "01 08 1500 0a");
        expect_event(room, "characteristic 40 0014 0015-001e 02 2a38");
        expect_event(room, "characteristic-done 40 0000 000");
    }
    const struct bluet_uuid none = uuid16(0x2a00);
    assert_int_equal(discover_characteristics(room, 10, 30, &none), 0);
    expect(room, 0, "08 0a00 1e00 0328");
    hear(room, 0, "09 07 0b00 12 0c00 372a");
    expect(room, 0, "08 0c00 1e00 0328");
    hear(room, 0, "01 08 0c00 0a");
    expect_event(room, "characteristic-done 40 0000 000");
    room_destroy(room);
}

/* ---- Descriptors ---- */

static void test_descriptors(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(discover_descriptors(room, 12, 16), 0);
    expect(room, 0, "04 0d00 1000");
    hear(room, 0, "05 01 0d00 0229 0e00 0129");
    expect_event(room, "descriptor 40 000d 2902");
    expect_event(room, "descriptor 40 000e 2901");
    expect(room, 0, "04 0f00 1000");
    hear(room, 0, "05 02 0f00 9ecadc240ee5a9e093f3a3b50200406e");
    expect_event(room, "descriptor 40 000f 6e400002b5a3f393e0a9e50e24dcca9e");
    expect(room, 0, "04 1000 1000");
    hear(room, 0, "01 04 1000 0a");
    expect_event(room, "descriptor-done 40 0000 000");
    assert_int_equal(discover_descriptors(room, 12, 13), 0);
    expect(room, 0, "04 0d00 0d00");
    hear(room, 0, "05 01 0d00 0229");
    expect_event(room, "descriptor 40 000d 2902");
    expect_event(room, "descriptor-done 40 0000 000");
    room_destroy(room);
}

/* Nothing lies between: nothing is asked, and the end is still told, but not from within the call. */
static void test_no_room_for_descriptors(void **state)
{
    (void)state;
    struct room *room = room_create();
    static const uint16_t handles[] = {1, 12, 0xffff};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(discover_descriptors(room, handles[i], handles[i]), 0);
        expect_nothing(room);
        assert_int_equal(gatt_deadline(&room->gatt), 0);
        room_wait(room, 0);
        expect_event(room, "descriptor-done 40 0000 000");
        assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    }
    /* The same behind another procedure, and before one. */
    assert_int_equal(gatt_client_read(&room->gatt.client, &room->link[0], 3, 0), 0);
    assert_int_equal(discover_descriptors(room, 12, 12), 0);
    assert_int_equal(gatt_client_read(&room->gatt.client, &room->link[0], 5, 0), 0);
    expect(room, 0, "0a 0300");
    hear(room, 0, "0b");
    expect_event(room, "read-result 40 0003 ");
    expect_event(room, "read-done 40 0003 000");
    expect_event(room, "descriptor-done 40 0000 000");
    expect(room, 0, "0a 0500");
    hear(room, 0, "0b");
    forget(room);
    assert_int_equal(discover_descriptors(room, 12, 12), 0);
    assert_int_equal(gatt_client_read(&room->gatt.client, &room->link[0], 5, 0), 0);
    expect_nothing(room);
    room_wait(room, 0);
    expect_event(room, "descriptor-done 40 0000 000");
    expect(room, 0, "0a 0500");
    hear(room, 0, "0b");
    forget(room);
    room_destroy(room);
}

/* ---- Arguments ---- */

static void test_arguments(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_uuid bad = {5, {0}};
    assert_int_equal(discover_characteristics(room, 0, 5, NULL), BLUET_EINVAL);
    assert_int_equal(discover_characteristics(room, 6, 5, NULL), BLUET_EINVAL);
    assert_int_equal(discover_characteristics(room, 1, 5, &bad), BLUET_EINVAL);
    assert_int_equal(discover_descriptors(room, 0, 5), BLUET_EINVAL);
    assert_int_equal(discover_descriptors(room, 6, 5), BLUET_EINVAL);
    expect_nothing(room);
    room_destroy(room);
}

/* ---- Errors and lies ---- */

enum discovery { ALL_SERVICES, SERVICES_BY_UUID, CHARACTERISTICS, DESCRIPTORS, DISCOVERIES };

static const char *const done_events[DISCOVERIES] = {"service-done", "service-done", "characteristic-done",
                                                     "descriptor-done"};

/* All start at handle 5 and end at 0x20, but services, which have the range of all handles. */
static void begin(struct room *room, enum discovery discovery)
{
    const struct bluet_uuid uuid = uuid16(0x180d);
    switch (discovery) {
    case ALL_SERVICES:
        assert_int_equal(discover_services(room, NULL), 0);
        break;
    case SERVICES_BY_UUID:
        assert_int_equal(discover_services(room, &uuid), 0);
        break;
    case CHARACTERISTICS:
        assert_int_equal(discover_characteristics(room, 5, 0x20, NULL), 0);
        break;
    default:
        assert_int_equal(discover_descriptors(room, 4, 0x20), 0);
    }
    forget(room);
}

static void expect_end(struct room *room, enum discovery discovery, unsigned status)
{
    char text[64];
    snprintf(text, sizeof text, "%s 40 0000 %03x", done_events[discovery], status);
    expect_event(room, text);
    expect_nothing(room);
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
}

static void test_errors_of_the_peer(void **state)
{
    (void)state;
    static const char *const opcodes[DISCOVERIES] = {"10", "06", "08", "04"};
    struct room *room = room_create();
    for (enum discovery discovery = 0; discovery < DISCOVERIES; discovery++) {
        for (unsigned error = 1; error < 256; error++) {
            char text[32];
            begin(room, discovery);
            snprintf(text, sizeof text, "01 %s 0100 %02x", opcodes[discovery], error);
            hear(room, 0, text);
            expect_end(room, discovery, error == ATT_ERROR_ATTRIBUTE_NOT_FOUND ? 0 : error);
        }
    }
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

/* Lists that are empty, do not divide, go back, overlap, or leave the range: each ends the discovery, once. */
static const struct {
    enum discovery discovery;
    const char *response;
    const char *result; /* of what was true before the lie; NULL: none */
} lies[] = {
    {ALL_SERVICES, "11", NULL},
    {ALL_SERVICES, "11 00", NULL},
    {ALL_SERVICES, "11 06", NULL},
    {ALL_SERVICES, "11 01 00", NULL},
    {ALL_SERVICES, "11 04 0100 0200", NULL},
    {ALL_SERVICES, "11 05 0100 0200 00", NULL},
    {ALL_SERVICES, "11 06 0100 0200 00", NULL},
    {ALL_SERVICES, "11 06 0100 0200 0018 00", NULL},
    {ALL_SERVICES, "11 ff 0100 0200 0018", NULL},
    {ALL_SERVICES, "11 06 0000 0200 0018", NULL},
    {ALL_SERVICES, "11 06 0200 0100 0018", NULL},
    {ALL_SERVICES, "11 06 0100 0500 0018 0500 0600 0118", "service 40 0001-0005 1800"},
    {ALL_SERVICES, "11 06 0600 0700 0018 0100 0500 0118", "service 40 0006-0007 1800"},
    {ALL_SERVICES, "11 06 0100 ffff 0018 0100 ffff 0018", "service 40 0001-ffff 1800"},
    {SERVICES_BY_UUID, "07", NULL},
    {SERVICES_BY_UUID, "07 01", NULL},
    {SERVICES_BY_UUID, "07 0100", NULL},
    {SERVICES_BY_UUID, "07 0100 02", NULL},
    {SERVICES_BY_UUID, "07 0100 0200 01", NULL},
    {SERVICES_BY_UUID, "07 0000 0200", NULL},
    {SERVICES_BY_UUID, "07 0200 0100", NULL},
    {SERVICES_BY_UUID, "07 0100 ffff 0100 0200", "service 40 0001-ffff 180d"},
    {CHARACTERISTICS, "09", NULL},
    {CHARACTERISTICS, "09 07", NULL},
    {CHARACTERISTICS, "09 00 00", NULL},
    {CHARACTERISTICS, "09 01 00", NULL},
    {CHARACTERISTICS, "09 05 0500 02 0600", NULL},
    {CHARACTERISTICS, "09 06 0500 02 0600 00", NULL},
    {CHARACTERISTICS, "09 07 0500 02 0600 37", NULL},
    {CHARACTERISTICS, "09 07 0500 02 0600 372a 00", NULL},
    {CHARACTERISTICS, "09 07 0400 02 0600 372a", NULL},
    {CHARACTERISTICS, "09 07 2100 02 2200 372a", NULL},
    {CHARACTERISTICS, "09 07 0500 02 0500 372a", NULL},
    {CHARACTERISTICS, "09 07 0500 02 0400 372a", NULL},
    {CHARACTERISTICS, "09 07 0500 02 0000 372a", NULL},
    {CHARACTERISTICS, "09 07 0500 02 0600 372a 0500 02 0600 372a", NULL},
    {CHARACTERISTICS, "09 07 0500 02 0600 372a 0600 02 0700 372a", NULL},
    {CHARACTERISTICS, "09 07 0800 02 0900 372a 0500 02 0600 372a", NULL},
    {DESCRIPTORS, "05", NULL},
    {DESCRIPTORS, "05 00", NULL},
    {DESCRIPTORS, "05 01", NULL},
    {DESCRIPTORS, "05 02", NULL},
    {DESCRIPTORS, "05 03 0500 0229", NULL},
    {DESCRIPTORS, "05 01 0500", NULL},
    {DESCRIPTORS, "05 01 0500 02", NULL},
    {DESCRIPTORS, "05 01 0500 0229 00", NULL},
    {DESCRIPTORS, "05 02 0500 0229", NULL},
    {DESCRIPTORS, "05 01 0400 0229", NULL},
    {DESCRIPTORS, "05 01 0000 0229", NULL},
    {DESCRIPTORS, "05 01 2100 0229", NULL},
    {DESCRIPTORS, "05 01 0500 0229 0500 0229", "descriptor 40 0005 2902"},
    {DESCRIPTORS, "05 01 0600 0229 0500 0229", "descriptor 40 0006 2902"},
};

static void test_lies(void **state)
{
    (void)state;
    struct room *room = room_create();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        begin(room, lies[i].discovery);
        hear(room, 0, lies[i].response);
        if (lies[i].result)
            expect_event(room, lies[i].result);
        expect_end(room, lies[i].discovery, BLUET_STATUS_PROTOCOL);
        expect_protocol_errors(room, 1);
        /* It is over: the same again is not asked for. */
        hear(room, 0, lies[i].response);
        expect_nothing(room);
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

/* The second answer says what the first has said. */
static void test_answers_that_do_not_go_on(void **state)
{
    (void)state;
    const struct {
        const char *response, *result;
    } rows[DISCOVERIES] = {
        {"11 06 0100 0500 0018", "service 40 0001-0005 1800"},
        {"07 0100 0500", "service 40 0001-0005 180d"},
        {"09 07 0500 02 0600 372a", NULL},
        {"05 01 0500 0229", "descriptor 40 0005 2902"},
    };
    struct room *room = room_create();
    for (enum discovery discovery = 0; discovery < DISCOVERIES; discovery++) {
        begin(room, discovery);
        hear(room, 0, rows[discovery].response);
        if (rows[discovery].result)
            expect_event(room, rows[discovery].result);
        assert_int_equal(room->sent_count, 1);
        forget(room);
        hear(room, 0, rows[discovery].response);
        expect_end(room, discovery, BLUET_STATUS_PROTOCOL);
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

/* The slowest server that tells the truth still comes to an end. */
static void test_one_handle_at_a_time(void **state)
{
    (void)state;
    struct room *room = room_create();
    begin(room, DESCRIPTORS);
    for (unsigned handle = 5; handle <= 0x20; handle++) {
        char text[32];
        snprintf(text, sizeof text, "05 01 %02x00 0129", handle);
        hear(room, 0, text);
        snprintf(text, sizeof text, "descriptor 40 %04x 2901", handle);
        expect_event(room, text);
        assert_int_equal(room->sent_count, handle < 0x20 ? 1 : 0);
        room->sent_count = 0;
    }
    expect_end(room, DESCRIPTORS, 0);
    room_destroy(room);
}

static void test_link_lost_between_results(void **state)
{
    (void)state;
    struct room *room = room_create();
    begin(room, CHARACTERISTICS);
    hear(room, 0, "09 07 0500 02 0600 372a 0800 02 0900 382a");
    expect_event(room, "characteristic 40 0005 0006-0007 02 2a37");
    forget(room);
    room_lose_link(room, 0);
    expect_event(room, "characteristic-done 40 0000 100");
    expect_nothing(room);
    /* The next one on that place knows nothing of it. */
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    begin(room, CHARACTERISTICS);
    hear(room, 0, "01 08 0500 0a");
    expect_end(room, CHARACTERISTICS, 0);
    room_destroy(room);
}

/* Client and server of one host in conversation: every service of the server is found again. */
static void test_discovery_of_a_real_server(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    assert_int_equal(discover_services(room, NULL), 0);
    for (size_t next = 0; next < room->sent_count; next++) {
        struct room_pdu pdu = room->sent[next];
        hear_octets(room, pdu.link == 0 ? 1 : 0, pdu.octets, pdu.length);
    }
    expect_event(room, "service 40 0001-0009 1800");
    expect_event(room, "service 40 000a-0013 1801");
    expect_event(room, "service 40 0014-001b 180d");
    expect_event(room, "service 40 001c-0021 6e400001b5a3f393e0a9e50e24dcca9e");
    expect_event(room, "service 40 0022-0031 180a");
    expect_event(room, "service-done 40 0000 000");
    forget(room);
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_services),
        cmocka_unit_test(test_services_end_with_the_last_handle),
        cmocka_unit_test(test_services_by_uuid),
        cmocka_unit_test(test_characteristics),
        cmocka_unit_test(test_characteristics_end_with_the_range),
        cmocka_unit_test(test_characteristics_by_uuid),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_no_room_for_descriptors),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_errors_of_the_peer),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_answers_that_do_not_go_on),
        cmocka_unit_test(test_one_handle_at_a_time),
        cmocka_unit_test(test_link_lost_between_results),
        cmocka_unit_test(test_discovery_of_a_real_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
