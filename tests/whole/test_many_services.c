/*
 * A server with 300 services, whose UUIDs have 16 and 128 bits, and a client that reads it all: both have the same
 * database, and it takes as many transactions as the procedures of the specification need, and not one more (Vol 3 Part
 * G, 4.4 to 4.9). How many that are is computed here from the sizes of what is listed.
 */
#include "whole/stage.h"

#include <stdlib.h>
#include <string.h>

enum {
    SERVICES = 300,
    CHARACTERISTICS_MOST = 3,
    ATTRIBUTES_MOST = 4096,
    COMMON_SERVICE = 0x1234,
    LONGEST = 512,
    LAST = 0xffff
};

/* An attribute as a client finds it. */
struct found {
    uint16_t type; /* of a declaration: what is declared; otherwise 0 */
    uint16_t handle, start, end;
    uint8_t properties;
    struct bluet_uuid uuid;
};

struct list {
    struct found entries[ATTRIBUTES_MOST];
    size_t count;
};

static struct list defined; /* in the server, user's services only */
static struct list heard;   /* by the client */
static uint16_t first_handle, long_value, value_handles[SERVICES * CHARACTERISTICS_MOST * 2];

/* ---- The server ---- */

static struct bluet_uuid uuid_of(bool wide, size_t number)
{
    struct bluet_uuid uuid = {2, {(uint8_t)number, (uint8_t)(0x40 + (number >> 8))}};
    if (wide)
        uuid =
            (struct bluet_uuid){16, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, (uint8_t)number, (uint8_t)(number >> 8)}};
    return uuid;
}

static struct bluet_uuid service_uuid(size_t i)
{
    static const struct bluet_uuid common = {2, {COMMON_SERVICE & 0xff, COMMON_SERVICE >> 8}};
    return i % 7 == 1 ? common : uuid_of(i % 3 == 0 || i % 16 == 5, i);
}

static struct bluet_uuid characteristic_uuid(size_t i, size_t j)
{
    return uuid_of((i / 4 + j) % 2, 0x800 + i * 4 + j);
}

static bool is_notified(size_t i, size_t j)
{
    return (i + j) % 3 == 0;
}

static size_t descriptor_count(size_t i, size_t j)
{
    return (i + j) % 5 == 0 ? 1 : 0;
}

static size_t characteristic_count(size_t i)
{
    return i % (CHARACTERISTICS_MOST + 1);
}

static bool includes(size_t i)
{
    return i % 10 == 9;
}

struct definitions {
    struct bluet_service services[SERVICES];
    struct bluet_characteristic characteristics[SERVICES][CHARACTERISTICS_MOST];
    struct bluet_descriptor descriptors[SERVICES][CHARACTERISTICS_MOST];
    size_t included[SERVICES][2];
};

static void register_all(struct stage *stage)
{
    static struct definitions all;
    for (size_t i = 0; i < SERVICES; i++) {
        for (size_t j = 0; j < characteristic_count(i); j++) {
            const uint16_t notify = is_notified(i, j) ? BLUET_FLAG_NOTIFY : 0;
            all.descriptors[i][j] = (struct bluet_descriptor){uuid_of(i % 2, i), BLUET_FLAG_READ};
            all.characteristics[i][j] = (struct bluet_characteristic){
                characteristic_uuid(i, j), (uint16_t)(BLUET_FLAG_READ | BLUET_FLAG_WRITE | notify),
                &all.descriptors[i][j], descriptor_count(i, j)};
        }
        all.included[i][0] = i ? i - 1 : 0;
        all.included[i][1] = i / 2;
        all.services[i] = (struct bluet_service){.uuid = service_uuid(i),
                                                 .characteristics = all.characteristics[i],
                                                 .characteristic_count = characteristic_count(i),
                                                 .included = all.included[i],
                                                 .included_count = includes(i) ? 2 : 0};
    }
    size_t room = sizeof value_handles / sizeof *value_handles;
    int count = bluet_gatts_register_services(peripheral_host(stage), value_handles, room, all.services, SERVICES);
    assert_in_range(count, 450, room);
    long_value = value_handles[count - 1];
}

/* ---- What a client must find there ---- */

static struct found *define(uint16_t type, const struct bluet_uuid *uuid)
{
    struct found *entry = &defined.entries[defined.count];
    assert_true(defined.count < ATTRIBUTES_MOST);
    *entry = (struct found){.type = type, .handle = (uint16_t)(first_handle + defined.count), .uuid = *uuid};
    entry->start = entry->end = entry->handle;
    defined.count++;
    return entry;
}

static uint16_t last_handle(void)
{
    return (uint16_t)(first_handle + defined.count - 1);
}

static const struct found *service_at(size_t position)
{
    const struct found *entry = defined.entries;
    while (entry->type != 0x2800 || position--)
        entry++;
    return entry;
}

static void define_included(size_t position)
{
    const struct found *service = service_at(position);
    struct found *entry = define(0x2802, &service->uuid);
    entry->start = service->start;
    entry->end = service->end;
}

static void define_characteristic(size_t i, size_t j)
{
    static const struct bluet_uuid configuration = {2, {0x02, 0x29}};
    const struct bluet_uuid uuid = characteristic_uuid(i, j), descriptor = uuid_of(i % 2, i);
    struct found *declaration = define(0x2803, &uuid);
    declaration->properties =
        (uint8_t)(BLUET_FLAG_READ | BLUET_FLAG_WRITE | (is_notified(i, j) ? BLUET_FLAG_NOTIFY : 0));
    declaration->start = define(0, &uuid)->handle;
    if (is_notified(i, j))
        define(0, &configuration);
    if (descriptor_count(i, j))
        define(0, &descriptor);
    declaration->end = last_handle();
}

static void define_all(void)
{
    first_handle = (uint16_t)(value_handles[0] - 3); /* service 0 has only its declaration */
    defined.count = 0;
    for (size_t i = 0; i < SERVICES; i++) {
        const struct bluet_uuid uuid = service_uuid(i);
        struct found *service = define(0x2800, &uuid);
        if (includes(i)) {
            define_included(i - 1);
            define_included(i / 2);
        }
        for (size_t j = 0; j < characteristic_count(i); j++)
            define_characteristic(i, j);
        service->end = last_handle();
    }
}

/* ---- What it hears ---- */

static void hear_entry(uint16_t type, uint16_t handle, uint16_t start, uint16_t end, const struct bluet_uuid *uuid)
{
    if (handle < first_handle && type == 0x2800)
        return; /* of the host's own services */
    assert_true(heard.count < ATTRIBUTES_MOST);
    heard.entries[heard.count++] =
        (struct found){.type = type, .handle = handle, .start = start, .end = end, .uuid = *uuid};
}

static uint16_t listing; /* the type of declaration */
static size_t octets_read;
static unsigned own_services;

static int on_event(struct stage *stage, struct actor *actor, const struct bluet_event *event)
{
    (void)stage;
    (void)actor;
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
        own_services += event->service_result.start_handle < first_handle;
        hear_entry(listing, event->service_result.def_handle, event->service_result.start_handle,
                   event->service_result.end_handle, &event->service_result.uuid);
        break;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
        hear_entry(0x2803, event->characteristic_result.def_handle, event->characteristic_result.value_handle,
                   event->characteristic_result.end_handle, &event->characteristic_result.uuid);
        heard.entries[heard.count - 1].properties = event->characteristic_result.properties;
        break;
    case BLUET_EVENT_GATTC_DESCRIPTOR_RESULT:
        hear_entry(0, event->descriptor_result.dsc_handle, 0, 0, &event->descriptor_result.uuid);
        break;
    case BLUET_EVENT_GATTC_READ_RESULT:
        octets_read += event->value.length;
        break;
    default:
        break;
    }
    return 0;
}

static bool ended(const struct stage *stage)
{
    return stage->actors[CENTRAL].ended == 1;
}

/* Until the procedure that was begun has ended; how many requests it took. */
static unsigned finish(struct stage *stage)
{
    assert_true(stage_run(stage, 600000000, ended));
    assert_int_equal(stage->actors[CENTRAL].ended_well, 1);
    return stage->actors[CENTRAL].att_requests;
}

static void begin(struct stage *stage, uint16_t type)
{
    heard.count = 0;
    listing = type;
    own_services = 0;
    octets_read = 0;
    stage_arm(stage, 0, CUT_AIR);
}

static void check_heard(uint16_t type)
{
    size_t found = 0;
    for (size_t i = 0; i < defined.count; i++) {
        const struct found *expected = &defined.entries[i];
        if (expected->type != type)
            continue;
        const struct found *entry = &heard.entries[found++];
        assert_true(found <= heard.count);
        assert_int_equal(entry->handle, expected->handle);
        assert_int_equal(entry->start, expected->start);
        assert_int_equal(entry->end, expected->end);
        assert_int_equal(entry->properties, expected->properties);
        assert_memory_equal(&entry->uuid, &expected->uuid, sizeof entry->uuid);
    }
    assert_int_equal(found, heard.count);
}

/* ---- How many requests a list takes ---- */

/* Entries of one length, one behind the other, as many as fit; and each answer is behind `header` octets. */
struct tally {
    size_t mtu, header;
    size_t entry, used;
    unsigned answers;
};

static void tally_entry(struct tally *tally, size_t length)
{
    if (tally->entry != length || tally->used + length > tally->mtu) {
        tally->answers++;
        tally->entry = length;
        tally->used = tally->header;
    }
    tally->used += length;
}

/* Octets of the attribute's type. */
static size_t type_length(const struct found *entry)
{
    return entry->type ? 2 : entry->uuid.length;
}

/* ---- The procedures ---- */

static void find_services(struct stage *stage, uint16_t mtu)
{
    begin(stage, 0x2800);
    assert_int_equal(bluet_gattc_discover_services(central_host(stage), 0, NULL), 0);
    unsigned requests = finish(stage);
    check_heard(0x2800);
    struct tally tally = {.mtu = mtu, .header = 2};
    for (unsigned i = 0; i < own_services; i++)
        tally_entry(&tally, 4 + 2);
    for (size_t i = 0; i < heard.count; i++)
        tally_entry(&tally, 4u + heard.entries[i].uuid.length);
    assert_int_equal(requests, tally.answers + 1);
}

static void find_services_by_uuid(struct stage *stage, uint16_t mtu)
{
    const struct bluet_uuid uuids[] = {service_uuid(1), service_uuid(3)};
    for (size_t i = 0; i < 2; i++) {
        begin(stage, 0x2800);
        assert_int_equal(bluet_gattc_discover_services(central_host(stage), 0, &uuids[i]), 0);
        unsigned requests = finish(stage);
        struct tally tally = {.mtu = mtu, .header = 1};
        size_t found = 0;
        for (size_t position = 0; position < SERVICES; position++) {
            const struct found *service = service_at(position);
            if (memcmp(&service->uuid, &uuids[i], sizeof uuids[i]) != 0)
                continue;
            tally_entry(&tally, 4);
            assert_int_equal(heard.entries[found++].start, service->start);
        }
        assert_int_equal(found, heard.count);
        assert_int_equal(requests, tally.answers + 1);
    }
}

static void find_included(struct stage *stage, uint16_t mtu)
{
    begin(stage, 0x2802);
    assert_int_equal(bluet_gattc_discover_included_services(central_host(stage), 0, first_handle, LAST), 0);
    unsigned requests = finish(stage);
    check_heard(0x2802);
    struct tally tally = {.mtu = mtu, .header = 2};
    unsigned reads = 0;
    for (size_t i = 0; i < heard.count; i++) {
        bool wide = heard.entries[i].uuid.length == 16;
        tally_entry(&tally, wide ? 6 : 8);
        reads += wide;
    }
    assert_int_equal(requests, tally.answers + reads + 1);
}

static void find_characteristics(struct stage *stage, uint16_t mtu)
{
    begin(stage, 0x2803);
    assert_int_equal(bluet_gattc_discover_characteristics(central_host(stage), 0, first_handle, LAST, NULL), 0);
    unsigned requests = finish(stage);
    struct tally tally = {.mtu = mtu, .header = 2};
    for (size_t i = 0; i < heard.count; i++)
        tally_entry(&tally, 5u + heard.entries[i].uuid.length);
    assert_int_equal(requests, tally.answers + 1);
}

/* Service by service, as programs do: so all the ends are known. */
static void find_characteristics_of_each(struct stage *stage, uint16_t mtu)
{
    static struct list all;
    all.count = 0;
    for (size_t i = 0; i < SERVICES; i++) {
        const struct found *service = service_at(i);
        struct tally tally = {.mtu = mtu, .header = 2};
        begin(stage, 0x2803);
        assert_int_equal(
            bluet_gattc_discover_characteristics(central_host(stage), 0, service->start, service->end, NULL), 0);
        unsigned requests = finish(stage);
        for (size_t j = 0; j < heard.count; j++) {
            tally_entry(&tally, 5u + heard.entries[j].uuid.length);
            all.entries[all.count++] = heard.entries[j];
        }
        assert_int_equal(requests, tally.answers + 1);
    }
    heard = all;
    check_heard(0x2803);
}

static void find_descriptors(struct stage *stage, uint16_t mtu)
{
    begin(stage, 0);
    assert_int_equal(bluet_gattc_discover_descriptors(central_host(stage), 0, first_handle, LAST), 0);
    unsigned requests = finish(stage);
    struct tally tally = {.mtu = mtu, .header = 2};
    assert_int_equal(heard.count, defined.count - 1);
    for (size_t i = 0; i < heard.count; i++) {
        const struct found *expected = &defined.entries[i + 1];
        const struct bluet_uuid type = {2, {(uint8_t)expected->type, (uint8_t)(expected->type >> 8)}};
        assert_int_equal(heard.entries[i].handle, expected->handle);
        assert_memory_equal(&heard.entries[i].uuid, expected->type ? &type : &expected->uuid, sizeof type);
        tally_entry(&tally, 2 + type_length(expected));
    }
    assert_int_equal(requests, tally.answers + 1);
}

static void read_and_write(struct stage *stage, uint16_t mtu)
{
    static const uint8_t value[LONGEST];
    const size_t lengths[] = {0, 1, mtu - 2u, mtu - 1u, mtu, 2u * mtu - 2, 2u * mtu - 10, 511, 512};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t length = lengths[i] < LONGEST ? lengths[i] : LONGEST;
        unsigned pieces = (unsigned)(length / (mtu - 5u) + (length % (mtu - 5u) != 0));
        begin(stage, 0);
        assert_int_equal(bluet_gattc_write(central_host(stage), 0, long_value, value, length, BLUET_WRITE_LONG), 0);
        assert_int_equal(finish(stage), (pieces ? pieces : 1) + 1);
        begin(stage, 0);
        assert_int_equal(bluet_gattc_read_long(central_host(stage), 0, long_value), 0);
        unsigned requests = finish(stage);
        assert_int_equal(octets_read, length);
        /* A full answer may not be all, unless no value can be longer (Vol 3 Part F, 3.2.9). */
        bool known = length == LONGEST && length % (mtu - 1u) == 0;
        assert_int_equal(requests, length / (mtu - 1u) + !known);
    }
}

static bool mtu_exchanged(const struct stage *stage)
{
    return stage->actors[CENTRAL].events[BLUET_EVENT_MTU_EXCHANGED] == 1;
}

static void set_mtu(struct stage *stage, uint16_t mtu)
{
    if (mtu == 23)
        return;
    assert_int_equal(bluet_set_mtu(central_host(stage), mtu), 0);
    assert_int_equal(bluet_set_mtu(peripheral_host(stage), mtu), 0);
    assert_int_equal(bluet_gattc_exchange_mtu(central_host(stage), 0), 0);
    assert_true(stage_run(stage, STAGE_DURATION, mtu_exchanged));
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(central_host(stage), &connection, 0), 0);
    assert_int_equal(connection.mtu, mtu);
}

static void visit(uint16_t mtu)
{
    struct stage *stage = stage_create(false);
    register_all(stage);
    define_all();
    assert_int_equal(last_handle(), peripheral_host(stage)->gatt.db.count);
    assert_int_equal(bluet_gatts_set_buffer(peripheral_host(stage), long_value, LONGEST, false), 0);
    stage_connect(stage);
    assert_int_equal(stage->actors[CENTRAL].conn_handle, 0);
    stage->answer = on_event;
    set_mtu(stage, mtu);
    find_services(stage, mtu);
    find_services_by_uuid(stage, mtu);
    find_included(stage, mtu);
    find_characteristics(stage, mtu);
    find_characteristics_of_each(stage, mtu);
    find_descriptors(stage, mtu);
    read_and_write(stage, mtu);
    stage_destroy(stage);
}

static void test_mtu_23(void **state)
{
    (void)state;
    visit(23);
}

static void test_mtu_517(void **state)
{
    (void)state;
    visit(517);
}

static void test_mtus_between(void **state)
{
    (void)state;
    visit(24);
    visit(65);
    visit(247);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mtu_23),
        cmocka_unit_test(test_mtu_517),
        cmocka_unit_test(test_mtus_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
