/* wrap: l2cap_send */
/* Secondary and included services, descriptors that follow from flags, the built-in services, the Database Hash. Vol 3
 * Part G, 3.1, 3.2, 3.3.3, 7; Part C, 12. */
#include "gatt/room.h"

#include <stdio.h>

/*
 * 20 (14) secondary service 180f: 21 (15), 22 (16) 2a19 read
 * 23 (17) secondary service of 128 bits
 * 24 (18) service 180d: 25 (19) includes 180f, 26 (1a) includes that of 128 bits; 27 (1b), 28 (1c) 2a37 read
 */
static struct room *with_included_services(void)
{
    static const size_t both[] = {0, 1};
    const struct bluet_characteristic level = {uuid16(0x2a19), BLUET_FLAG_READ, NULL, 0};
    const struct bluet_characteristic rate = {uuid16(0x2a37), BLUET_FLAG_READ, NULL, 0};
    const struct bluet_service services[] = {{uuid16(0x180f), &level, 1, NULL, 0, true},
                                             {uuid128(1), NULL, 0, NULL, 0, true},
                                             {uuid16(0x180d), &rate, 1, both, 2, false}};
    struct room *room = room_create();
    uint16_t handles[2];
    assert_int_equal(gatt_server_register(&room->gatt.server, handles, 2, services, 3), 2);
    assert_int_equal(handles[0], 22);
    assert_int_equal(handles[1], 28);
    return room;
}

static void test_secondary_and_included_services(void **state)
{
    (void)state;
    struct room *room = with_included_services();
    exchange(room, 0, "10 1400 ffff 0028", "11 06 1800 1c00 0d18");
    exchange(room, 0, "10 1400 ffff 0128", "11 06 1400 1600 0f18");
    exchange(room, 0, "10 1700 ffff 0128", "11 14 1700 1700 9ecadc240ee5a9e093f3a3b50100406e");
    exchange(room, 0, "10 1800 ffff 0128", "01 10 1800 0a");
    exchange(room, 0, "06 0100 ffff 0128 0f18", "07 1400 1600");
    exchange(room, 0, "06 0100 ffff 0028 0f18", "01 06 0100 0a");
    exchange(room, 0, "08 1800 1c00 0228", "09 08 1900 1400 1600 0f18");
    exchange(room, 0, "08 1a00 1c00 0228", "09 06 1a00 1700 1700");
    exchange(room, 0, "0a 1400", "0b 0f18");
    exchange(room, 0, "0a 1900", "0b 1400 1600 0f18");
    exchange(room, 0, "0a 1a00", "0b 1700 1700");
    exchange(room, 0, "12 1900 00", "01 12 1900 03");
    exchange(room, 0, "04 1400 1a00", "05 01 1400 0128 1500 0328 1600 192a 1700 0128 1800 0028");
    room_destroy(room);
}

static void test_a_service_includes_earlier_ones_only(void **state)
{
    (void)state;
    struct room *room = room_create();
    for (size_t position = 0; position < 3; position++) {
        const struct bluet_service services[] = {{uuid16(0x180f), NULL, 0, NULL, 0, false},
                                                 {uuid16(0x180d), NULL, 0, &position, 1, false},
                                                 {uuid16(0x180a), NULL, 0, NULL, 0, false}};
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, services, 3), position ? BLUET_EINVAL : 0);
    }
    room_destroy(room);
}

static void test_broadcast(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_descriptor own = {uuid16(0x2903), BLUET_FLAG_READ};
    const struct bluet_characteristic characteristics[] = {
        {uuid16(0x2a37), BLUET_FLAG_READ | BLUET_FLAG_BROADCAST | BLUET_FLAG_NOTIFY, NULL, 0},
        {uuid16(0x2a38), BLUET_FLAG_READ | BLUET_FLAG_BROADCAST | BLUET_FLAG_WRITE_ENCRYPTED, NULL, 0},
        {uuid16(0x2a39), BLUET_FLAG_READ | BLUET_FLAG_BROADCAST, &own, 1},
    };
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 3);
    struct gatt_server *server = &room->gatt.server;
    assert_int_equal(gatt_server_register(server, NULL, 0, &service, 1), 4);
    exchange(room, 0, "04 1500 1800", "05 01 1500 0328 1600 372a 1700 0229 1800 0329");
    exchange(room, 0, "04 1900 ffff", "05 01 1900 0328 1a00 382a 1b00 0329 1c00 0328 1d00 392a");
    exchange(room, 0, "0a 1500", "0b 13 1600 372a");
    exchange(room, 0, "0a 1800", "0b 0000");
    assert_int_equal(gatt_server_configuration(server, NULL, 22), 0);
    exchange(room, 0, "12 1800 0100", "13");
    assert_int_equal(gatt_server_configuration(server, NULL, 22), 1);
    assert_int_equal(gatt_server_configuration(server, &room->link[0], 22), 0);
    exchange(room, 1, "0a 1800", "0b 0100");
    exchange(room, 1, "12 1800 feff", "13");
    exchange(room, 0, "0a 1800", "0b 0000");
    exchange(room, 0, "12 1800 01", "01 12 1800 0d");
    exchange(room, 0, "12 1b00 0100", "01 12 1b00 05");
    room->link[0].encrypted = true;
    exchange(room, 0, "12 1b00 0100", "13");
    hear(room, 0, "16 1800 0000 0100");
    hear(room, 0, "18 01");
    forget(room);
    exchange(room, 0, "0a 1800", "0b 0100");
    assert_int_equal(gatt_server_configuration(server, NULL, 29), 0);
    assert_int_equal(gatt_server_configuration(server, NULL, 21), BLUET_EINVAL);
    room_destroy(room);
}

static void test_extended_properties(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_characteristic characteristics[] = {
        {uuid16(0x2a37), BLUET_FLAG_READ | BLUET_FLAG_RELIABLE_WRITE, NULL, 0},
        {uuid16(0x2a38), BLUET_FLAG_READ | BLUET_FLAG_RELIABLE_WRITE | BLUET_FLAG_AUX_WRITE, NULL, 0},
    };
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 2);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), 2);
    exchange(room, 0, "0a 1500", "0b 82 1600 372a");
    exchange(room, 0, "0a 1700", "0b 0100");
    exchange(room, 0, "0a 1a00", "0b 0300");
    room_destroy(room);
}

static void test_subscriptions_can_be_asked_for(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    struct gatt_server *server = &room->gatt.server;
    assert_int_equal(gatt_server_configuration(server, &room->link[1], 25), 0);
    exchange(room, 1, "12 1a00 0200", "13");
    assert_int_equal(gatt_server_configuration(server, &room->link[1], 25), 2);
    assert_int_equal(gatt_server_configuration(server, &room->link[0], 25), 0);
    assert_int_equal(gatt_server_configuration(server, &room->link[1], 30), 0);
    assert_int_equal(gatt_server_configuration(server, &room->link[1], 27), BLUET_EINVAL);
    room_destroy(room);
}

/* ---- The built-in services ---- */

static void test_device_name_that_clients_may_write(void **state)
{
    (void)state;
    struct room *room = room_create();
    struct gatt_db *db = &room->gatt.db;
    room->refused_allocation = room->allocations + 1;
    assert_int_equal(gatt_db_set_name_writable(db, true), BLUET_ENOMEM);
    assert_int_equal(gatt_db_set_name_writable(db, true), 0);
    assert_int_equal(gatt_db_set_device_name(db, "Old", 3), 0);
    room_register(room);
    exchange(room, 0, "0a 0200", "0b 0a 0300 002a");
    hear(room, 0, "12 0300 4e6577");
    expect(room, 0, "13");
    expect_event(room, "write 40 0003");
    size_t length;
    assert_memory_equal(gatt_db_device_name(db, &length), "New", 3);
    assert_int_equal(length, 3);
    exchange(room, 0, "0a 0300", "0b 4e6577");
    /* A long one, whose end lies beyond what there is; then what this side sets meanwhile. */
    hear(room, 0, "16 0300 0300 6572");
    hear(room, 0, "18 01");
    expect(room, 0, "17 0300 0300 6572");
    expect(room, 0, "19");
    expect_event(room, "write 40 0003");
    assert_memory_equal(gatt_db_device_name(db, &length), "Newer", 5);
    assert_int_equal(gatt_db_set_device_name(db, "Ours", 4), 0);
    exchange(room, 0, "0a 0300", "0b 4f757273");
    room_destroy(room);
}

static void test_device_name_of_every_length(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(gatt_db_set_name_writable(&room->gatt.db, true), 0);
    room_register(room);
    room_set_mtu(room, 0, 300);
    for (size_t length = 0; length <= 250; length++) {
        uint8_t request[300] = {ATT_WRITE_REQUEST, 3, 0};
        memset(request + 3, 'n', length);
        hear_octets(room, 0, request, length + 3);
        expect(room, 0, length <= 248 ? "13" : "01 12 0300 0d");
        size_t kept;
        gatt_db_device_name(&room->gatt.db, &kept);
        assert_int_equal(kept, length <= 248 ? length : 248);
        forget(room);
    }
    room_destroy(room);
}

static void test_client_supported_features(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    exchange(room, 0, "0a 0f00", "0b 00");
    exchange(room, 0, "12 0f00", "01 12 0f00 0d");
    exchange(room, 0, "12 0f00 04", "13");
    exchange(room, 0, "12 0f00 00", "01 12 0f00 13");
    exchange(room, 0, "12 0f00 01", "01 12 0f00 13");
    /* Bits and octets of later versions. */
    exchange(room, 0, "12 0f00 fdff", "13");
    exchange(room, 0, "0a 0f00", "01 0a 0f00 12"); /* with robust caching: it has not heard of the services yet */
    exchange(room, 0, "0a 0f00", "0b 05");
    exchange(room, 1, "0a 0f00", "0b 00");
    hear(room, 0, "16 0f00 0000 04");
    forget(room);
    exchange(room, 0, "18 01", "01 18 0f00 13");
    hear(room, 0, "16 0f00 0100 04");
    forget(room);
    exchange(room, 0, "18 01", "01 18 0f00 0d");
    hear(room, 0, "16 0f00 0000 07");
    forget(room);
    exchange(room, 0, "18 01", "19");
    exchange(room, 0, "0a 0f00", "0b 07");
    /* They go with the link. */
    room_lose_link(room, 0);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    exchange(room, 0, "0a 0f00", "0b 00");
    room_destroy(room);
}

/* ---- The Database Hash ---- */

static void expect_hash(struct room *room, const char *hex)
{
    char response[64];
    snprintf(response, sizeof response, "0b %s", hex);
    exchange(room, 0, "0a 1100", response);
}

static void test_hash_follows_the_definitions(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint8_t first[16];
    memcpy(first, room->gatt.db.hash, sizeof first);
    room_register(room);
    uint8_t second[16];
    memcpy(second, room->gatt.db.hash, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    /* Values do not count, subscriptions neither. */
    assert_int_equal(room_local_write(&room->gatt.server, 22, "abc", 3, false), 3);
    exchange(room, 0, "12 1700 0100", "13");
    room_register(room);
    assert_memory_equal(room->gatt.db.hash, second, sizeof second);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), 0);
    assert_memory_equal(room->gatt.db.hash, first, sizeof first);
    room_destroy(room);
}

/* Computed apart from this code, by a program that gives the hash of the specification's own example (Part G, B). */
static void test_hash_of_known_databases(void **state)
{
    (void)state;
    struct room *room = room_create();
    expect_hash(room, "503ccc37757f2992b48862de02758111");
    static const size_t included = 0;
    const struct bluet_characteristic level = {uuid16(0x2a19), BLUET_FLAG_READ, NULL, 0};
    const struct bluet_characteristic glucose = {uuid16(0x2a18),
                                                 BLUET_FLAG_READ | BLUET_FLAG_INDICATE | BLUET_FLAG_AUX_WRITE, NULL, 0};
    const struct bluet_service services[] = {{uuid16(0x180f), &level, 1, NULL, 0, true},
                                             {uuid16(0x1808), &glucose, 1, &included, 1, false}};
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, services, 2), 2);
    expect_hash(room, "93d61f43404276bca9be7893eb67b6d0");
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secondary_and_included_services),
        cmocka_unit_test(test_a_service_includes_earlier_ones_only),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_extended_properties),
        cmocka_unit_test(test_subscriptions_can_be_asked_for),
        cmocka_unit_test(test_device_name_that_clients_may_write),
        cmocka_unit_test(test_device_name_of_every_length),
        cmocka_unit_test(test_client_supported_features),
        cmocka_unit_test(test_hash_follows_the_definitions),
        cmocka_unit_test(test_hash_of_known_databases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
