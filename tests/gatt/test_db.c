/* wrap: l2cap_send */
/* The database: how services become attributes, values and their buffers, memory refused. */
#include "gatt/room.h"

#include <stdio.h>
#include <stdlib.h>

static void test_built_in_services(void **state)
{
    (void)state;
    struct room *room = room_create();
    exchange(room, 0, "10 0100 ffff 0028", "11 06 0100 0900 0018 0a00 1300 0118");
    exchange(room, 0, "08 0100 ffff 0328", "09 07 0200 02 0300 002a 0400 02 0500 012a 0600 02 0700 042a");
    exchange(room, 0, "08 0700 ffff 0328", "09 07 0800 02 0900 a62a 0b00 20 0c00 052a 0e00 0a 0f00 292b");
    exchange(room, 0, "08 0f00 ffff 0328", "09 07 1000 02 1100 2a2b 1200 02 1300 3a2b");
    exchange(room, 0, "04 0d00 0d00", "05 01 0d00 0229");
    exchange(room, 0, "0a 0700", "0b ffffffff0000ffff");
    exchange(room, 0, "0a 0900", "0b 00");
    exchange(room, 0, "0a 0f00", "0b 00");
    exchange(room, 0, "0a 1300", "0b 00");
    exchange(room, 0, "12 0300 61", "01 12 0300 03");
    exchange(room, 0, "10 1400 ffff 0028", "01 10 1400 0a");
    room_destroy(room);
}

static void test_device_name_and_appearance_show_at_once(void **state)
{
    (void)state;
    struct room *room = room_create();
    size_t length;
    exchange(room, 0, "0a 0300", "0b");
    assert_int_equal(gatt_db_set_device_name(&room->gatt.db, "Bluet", 5), 0);
    exchange(room, 0, "0a 0300", "0b 426c756574");
    assert_memory_equal(gatt_db_device_name(&room->gatt.db, &length), "Bluet", 5);
    assert_int_equal(length, 5);
    gatt_db_set_appearance(&room->gatt.db, 0x0341);
    exchange(room, 0, "0a 0500", "0b 4103");
    assert_int_equal(gatt_db_appearance(&room->gatt.db), 0x0341);

    char long_name[249] = {0};
    assert_int_equal(gatt_db_set_device_name(&room->gatt.db, long_name, 249), BLUET_EINVAL);
    room->refused_allocation = room->allocations + 1;
    assert_int_equal(gatt_db_set_device_name(&room->gatt.db, "Others", 6), BLUET_ENOMEM);
    exchange(room, 0, "0a 0300", "0b 426c756574");
    assert_int_equal(gatt_db_set_device_name(&room->gatt.db, NULL, 0), 0);
    exchange(room, 0, "0a 0300", "0b");
    room_destroy(room);
}

static void test_configuration_follows_value_before_descriptors(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    exchange(room, 0, "04 1400 1b00", "05 01 1400 0028 1500 0328 1600 372a 1700 0229 1800 0328");
    exchange(room, 0, "04 1900 1b00", "05 01 1900 382a 1a00 0229 1b00 0129");
    room_destroy(room);
}

static void test_properties_in_declarations(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    exchange(room, 0, "0a 1500", "0b 12 1600 372a");
    exchange(room, 0, "0a 1800", "0b 2a 1900 382a");
    exchange(room, 0, "0a 1f00", "0b 32 2000 9ecadc240ee5a9e093f3a3b50300406e");
    exchange(room, 0, "0a 2300", "0b 02 2400 292a");
    room_destroy(room);
}

static void test_writable_auxiliaries_are_told_in_a_descriptor(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_descriptor own = {uuid16(0x2900), BLUET_FLAG_READ};
    const struct bluet_characteristic characteristics[] = {
        {uuid16(0x2a37), BLUET_FLAG_NOTIFY | BLUET_FLAG_AUX_WRITE, NULL, 0},
        {uuid16(0x2a38), BLUET_FLAG_READ | BLUET_FLAG_AUX_WRITE, &own, 1},
    };
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 2);
    uint16_t handles[3];
    assert_int_equal(gatt_server_register(&room->gatt.server, handles, 3, &service, 1), 3);
    assert_int_equal(handles[0], 22);
    assert_int_equal(handles[1], 26);
    assert_int_equal(handles[2], 27);
    exchange(room, 0, "0a 1500", "0b 90 1600 372a");
    exchange(room, 0, "04 1600 1800", "05 01 1600 372a 1700 0229 1800 0029");
    exchange(room, 0, "0a 1800", "0b 0200");
    exchange(room, 0, "12 1800 0000", "01 12 1800 03");
    exchange(room, 0, "0a 1900", "0b 82 1a00 382a");
    exchange(room, 0, "04 1a00 ffff", "05 01 1a00 382a 1b00 0029");
    room_destroy(room);
}

static void test_fewer_handles_are_returned_than_there_are(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_characteristic characteristics[] = {{uuid16(0x2a37), 2, NULL, 0}, {uuid16(0x2a38), 2, NULL, 0}};
    const struct bluet_service service = service_of(uuid16(0x180d), characteristics, 2);
    uint16_t handles[2] = {0xeeee, 0xeeee};
    assert_int_equal(gatt_server_register(&room->gatt.server, handles, 1, &service, 1), 2);
    assert_int_equal(handles[0], 22);
    assert_int_equal(handles[1], 0xeeee);
    room_destroy(room);
}

static void test_nothing_and_empty_services_are_legal(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), 0);
    const struct bluet_service service = service_of(uuid16(0x180d), NULL, 0);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), 0);
    exchange(room, 0, "10 1400 ffff 0028", "11 06 1400 1400 0d18");
    room_destroy(room);
}

static void test_bad_uuids_are_refused_wherever_they_stand(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    const struct bluet_uuid bad[] = {{0, {0}}, {1, {0}}, {3, {0}}, {15, {0}}, {17, {0}}, {255, {0}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bluet_descriptor descriptor = {bad[i], 2};
        struct bluet_characteristic characteristic = {uuid16(0x2a37), 2, &descriptor, 1};
        struct bluet_service service = service_of(uuid16(0x180d), &characteristic, 1);
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), BLUET_EINVAL);
        descriptor.uuid = uuid16(0x2901);
        characteristic.uuid = bad[i];
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), BLUET_EINVAL);
        characteristic.uuid = uuid16(0x2a37);
        service.uuid = bad[i];
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), BLUET_EINVAL);
    }
    exchange(room, 0, "0a 1500", "0b 12 1600 372a");
    room_destroy(room);
}

static void test_uuid_of_32_bits_goes_out_as_128(void **state)
{
    (void)state;
    struct room *room = room_create();
    const struct bluet_service service = service_of((struct bluet_uuid){4, {0x78, 0x56, 0x34, 0x12}}, NULL, 0);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), 0);
    exchange(room, 0, "10 1400 ffff 0028", "11 14 1400 1400 fb349b5f80000080001000007856 3412");
    room_destroy(room);
}

/* The census counts what is there; 65535 attributes are the end of handles. */
static void test_no_more_attributes_than_handles(void **state)
{
    (void)state;
    struct room *room = room_create();
    enum { MANY = 65535 };
    struct bluet_descriptor *descriptors = calloc(MANY, sizeof *descriptors);
    for (size_t i = 0; i < MANY; i++)
        descriptors[i].uuid = uuid16(0x2901);
    struct bluet_characteristic characteristic = {uuid16(0x2a37), 2, descriptors, MANY};
    const struct bluet_service service = service_of(uuid16(0x180d), &characteristic, 1);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), BLUET_EINVAL);
    characteristic.descriptor_count = MANY - 22 + 1;
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), BLUET_EINVAL);
    characteristic.descriptor_count = MANY - 22;
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), MANY - 22 + 1);
    exchange(room, 0, "04 ffff ffff", "05 01 ffff 0129");
    exchange(room, 0, "10 1400 ffff 0028", "11 06 1400 ffff 0d18");
    exchange(room, 0, "08 ffff ffff 0028", "01 08 ffff 0a");
    free(descriptors);
    room_destroy(room);
}

static void test_three_hundred_services(void **state)
{
    (void)state;
    struct room *room = room_create();
    enum { SERVICES = 300 };
    static struct bluet_characteristic characteristics[SERVICES];
    static struct bluet_service services[SERVICES];
    static uint16_t handles[SERVICES];
    for (unsigned n = 0; n < SERVICES; n++) {
        uint16_t i = (uint16_t)n;
        characteristics[i] =
            (struct bluet_characteristic){i % 2 ? uuid16(i) : uuid128(i), BLUET_FLAG_READ | BLUET_FLAG_NOTIFY, NULL, 0};
        services[i] = service_of(i % 2 ? uuid128(i) : uuid16(i), &characteristics[i], 1);
    }
    assert_int_equal(gatt_server_register(&room->gatt.server, handles, SERVICES, services, SERVICES), SERVICES);
    for (unsigned n = 0; n < SERVICES; n++) {
        uint16_t i = (uint16_t)n;
        assert_int_equal(handles[i], 20 + 4 * i + 2);
        assert_int_equal(room_local_write(&room->gatt.server, handles[i], &i, sizeof i, false), sizeof i);
    }
    for (unsigned n = 0; n < SERVICES; n++) {
        uint16_t i = (uint16_t)n;
        char request[16], response[16], event[32];
        const uint8_t *low = (const uint8_t *)&i;
        snprintf(request, sizeof request, "0a %02x%02x", handles[i] & 0xff, handles[i] >> 8);
        snprintf(response, sizeof response, "0b %02x%02x", low[0], low[1]);
        snprintf(event, sizeof event, "read-request 40 %04x", handles[i]);
        hear(room, 0, request);
        expect_event(room, event);
        expect(room, 0, response);
        expect_nothing(room);
    }
    room_destroy(room);
}

/* ---- Memory ---- */

static void test_refused_memory_leaves_old_services(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    size_t memory = room->memory;
    const struct bluet_service service = service_of(uuid16(0x1810), NULL, 0);
    room->refused_allocation = room->allocations + 1;
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), BLUET_ENOMEM);
    assert_int_equal(room->memory, memory);
    exchange(room, 0, "0a 1500", "0b 12 1600 372a");
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), 0);
    exchange(room, 0, "0a 1400", "0b 1018");
    room_destroy(room);
}

static void test_activation_takes_all_or_nothing(void **state)
{
    (void)state;
    struct room *room = room_create();
    for (unsigned i = 0; i < ROOM_LINKS; i++)
        room_lose_link(room, i);
    gatt_close(&room->gatt);
    size_t memory = room->memory;
    for (size_t nth = 1;; nth++) {
        room->refused_allocation = room->allocations + nth;
        int error = gatt_open(&room->gatt, &room->links, &room->limits);
        if (error == 0) {
            assert_true(nth > 4);
            break;
        }
        assert_int_equal(error, BLUET_ENOMEM);
        assert_int_equal(room->memory, memory);
    }
    room->refused_allocation = 0;
    gatt_link_opened(&room->gatt, &room->link[0]);
    room->link[0].state = LINK_OPEN;
    exchange(room, 0, "0a 0200", "0b 02 0300 002a");
    room_destroy(room);
}

static void test_local_write_grows_for_good_or_changes_nothing(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint16_t handle = room_register_one(room, BLUET_FLAG_READ | BLUET_FLAG_WRITE);
    struct gatt_server *server = &room->gatt.server;
    char text[100];
    const void *value;
    size_t length;
    memset(text, 'x', sizeof text);
    assert_int_equal(room_local_write(server, handle, "short", 5, false), 5);
    room->refused_allocation = room->allocations + 1;
    assert_int_equal(room_local_write(server, handle, text, 100, false), BLUET_ENOMEM);
    assert_int_equal(room_local_read(server, &value, &length, handle), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(value, "short", 5);
    assert_int_equal(room_local_write(server, handle, text, 100, false), 100);
    assert_int_equal(room_local_write(server, handle, "", 0, false), 0);
    room_set_mtu(room, 0, 100);
    uint8_t request[100] = {ATT_WRITE_REQUEST, 22, 0};
    hear_octets(room, 0, request, 60);
    expect(room, 0, "13");
    expect_event(room, "write 40 0016");
    assert_int_equal(room_local_read(server, &value, &length, handle), 0);
    assert_int_equal(length, 57);
    assert_int_equal(room_local_write(server, handle, text, 65536, false), BLUET_EINVAL);
    room_destroy(room);
}

static void test_buffers_of_every_size(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint16_t handle = room_register_one(room, BLUET_FLAG_READ | BLUET_FLAG_WRITE);
    struct gatt_server *server = &room->gatt.server;
    static const size_t sizes[] = {0, 1, 19, 20, 21, 300, 65535, 5, 0, 20, 100};
    room_set_mtu(room, 0, 200);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const void *value;
        size_t length;
        assert_int_equal(room_set_buffer(server, handle, sizes[i], false), 0);
        assert_int_equal(room_local_read(server, &value, &length, handle), 0);
        assert_int_equal(length, 0);
        uint8_t request[103] = {ATT_WRITE_REQUEST, 22, 0};
        memset(request + 3, 'a' + (int)i, 100);
        hear_octets(room, 0, request, sizeof request);
        expect(room, 0, "13");
        expect_event(room, "write 40 0016");
        assert_int_equal(room_local_read(server, &value, &length, handle), 0);
        assert_int_equal(length, sizes[i] < 100 ? sizes[i] : 100);
        assert_memory_equal(value, request + 3, length);
    }
    assert_int_equal(room_set_buffer(server, handle, 65536, false), BLUET_EINVAL);
    room->refused_allocation = room->allocations + 1;
    assert_int_equal(room_set_buffer(server, handle, 200, true), BLUET_ENOMEM);
    const void *value;
    size_t length;
    assert_int_equal(room_local_read(server, &value, &length, handle), 0);
    assert_int_equal(length, 100);
    assert_int_equal(room_local_read(server, &value, &length, handle), 0);
    assert_int_equal(length, 100);
    room_destroy(room);
}

static void test_joined_writes(void **state)
{
    (void)state;
    struct room *room = room_create();
    uint16_t handle = room_register_one(room, BLUET_FLAG_READ | BLUET_FLAG_WRITE);
    struct gatt_server *server = &room->gatt.server;
    const void *value;
    size_t length;
    assert_int_equal(room_set_buffer(server, handle, 10, true), 0);
    hear(room, 0, "52 1600 616263");
    hear(room, 0, "52 1600 646566");
    hear(room, 0, "52 1600 6768696a6b6c");
    expect_event(room, "write 40 0016");
    expect_event(room, "write 40 0016");
    expect_event(room, "write 40 0016");
    assert_int_equal(room_local_read(server, &value, &length, handle), 0);
    assert_int_equal(length, 10);
    assert_memory_equal(value, "abcdefghij", 10);
    assert_int_equal(room_local_read(server, &value, &length, handle), 0);
    assert_int_equal(length, 0);
    hear(room, 0, "52 1600 61");
    expect_event(room, "write 40 0016");
    assert_int_equal(room_local_write(server, handle, "new", 3, false), 3);
    hear(room, 0, "52 1600 62");
    expect_event(room, "write 40 0016");
    assert_int_equal(room_local_read(server, &value, &length, handle), 0);
    assert_int_equal(length, 4);
    assert_memory_equal(value, "newb", 4);
    room_destroy(room);
}

static void test_only_the_applications_values_are_local(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    struct gatt_server *server = &room->gatt.server;
    static const uint16_t others[] = {0, 1, 3, 5, 12, 13, 15, 17, 20, 21, 23, 26, 50, 0xffff};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const void *value;
        size_t length;
        assert_int_equal(room_local_read(server, &value, &length, others[i]), BLUET_EINVAL);
        assert_int_equal(room_local_write(server, others[i], "x", 1, true), BLUET_EINVAL);
        assert_int_equal(room_set_buffer(server, others[i], 1, true), BLUET_EINVAL);
        assert_int_equal(room_notify(server, &room->link[0], others[i], "x", 1), BLUET_EINVAL);
        assert_int_equal(room_indicate(server, &room->link[0], others[i], "x", 1), BLUET_EINVAL);
    }
    assert_int_equal(room_local_write(server, 27, "name", 4, true), 4);
    assert_int_equal(room_notify(server, &room->link[0], 27, NULL, 0), BLUET_EINVAL);
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_in_services),
        cmocka_unit_test(test_device_name_and_appearance_show_at_once),
        cmocka_unit_test(test_configuration_follows_value_before_descriptors),
        cmocka_unit_test(test_properties_in_declarations),
        cmocka_unit_test(test_writable_auxiliaries_are_told_in_a_descriptor),
        cmocka_unit_test(test_fewer_handles_are_returned_than_there_are),
        cmocka_unit_test(test_nothing_and_empty_services_are_legal),
        cmocka_unit_test(test_bad_uuids_are_refused_wherever_they_stand),
        cmocka_unit_test(test_uuid_of_32_bits_goes_out_as_128),
        cmocka_unit_test(test_no_more_attributes_than_handles),
        cmocka_unit_test(test_three_hundred_services),
        cmocka_unit_test(test_refused_memory_leaves_old_services),
        cmocka_unit_test(test_activation_takes_all_or_nothing),
        cmocka_unit_test(test_local_write_grows_for_good_or_changes_nothing),
        cmocka_unit_test(test_buffers_of_every_size),
        cmocka_unit_test(test_joined_writes),
        cmocka_unit_test(test_only_the_applications_values_are_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
