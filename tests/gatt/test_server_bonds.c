/* wrap: l2cap_send crypto_aes128 */
/*
 * Clients that come back: what a bond keeps of them, and what they are told of a database that has changed meanwhile;
 * subscriptions as events; a server without cryptography. Vol 3 Part G, 2.5.2.1, 3.3.3.3, 7.1 to 7.3.
 */
#include "gatt/room.h"

#include "crypto/crypto.h"
#include "host/gatt_server_bond.h"

#include <stdio.h>
#include <string.h>

enum { SAVED = 64 };

static bool no_cryptography;
static unsigned encryptions_left = UINT16_MAX; /* then there is no cryptography any more */

bool __real_crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16]);
bool __wrap_crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16]);

bool __wrap_crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    if (no_cryptography || encryptions_left == 0) {
        memset(out, 0, 16);
        return false;
    }
    encryptions_left -= encryptions_left < UINT16_MAX;
    return __real_crypto_aes128(out, key, in);
}

static const uint16_t ALL = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE | BLUET_FLAG_WRITE;

/* ---- What a bond keeps ---- */

struct saved {
    uint8_t octets[SAVED];
    size_t length;
};

static struct saved save(struct room *room, unsigned link)
{
    struct saved saved;
    struct writer writer = writer_of(saved.octets, sizeof saved.octets);
    gatt_server_save(&room->gatt.server, &room->link[link], &writer);
    assert_true(writer_ok(&writer));
    saved.length = writer.length;
    return saved;
}

static void restore(struct room *room, unsigned link, const struct saved *saved)
{
    struct reader reader = reader_of(saved->octets, saved->length);
    gatt_server_restore(&room->gatt.server, &room->link[link], &reader);
}

/* The connection ends; the client comes back and is known again. */
static void come_back(struct room *room, unsigned link)
{
    struct saved saved = save(room, link);
    room_lose_link(room, link);
    room->link[link].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[link]);
    restore(room, link, &saved);
}

static bool was_configured(struct room *room, unsigned link)
{
    return gatt_server_was_configured(&room->gatt.server, &room->link[link]);
}

static void subscribe_to_changes(struct room *room)
{
    exchange(room, 0, "12 0d00 0200", "13");
}

static void test_nothing_is_kept_of_nothing(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    assert_int_equal(save(room, 0).length, 0);
    exchange(room, 0, "12 1700 0100", "13");
    assert_int_equal(save(room, 0).length, GATT_KNOWN_LENGTH + 3);
    exchange(room, 0, "12 1700 0000", "13");
    assert_int_equal(save(room, 0).length, 0);
    come_back(room, 0);
    exchange(room, 0, "0a 1700", "0b 0000");
    room_destroy(room);
}

static void test_subscriptions_come_back(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    exchange(room, 0, "12 1700 0300", "13");
    subscribe_to_changes(room);
    exchange(room, 0, "12 0f00 05", "13");
    assert_true(was_configured(room, 0));
    assert_false(was_configured(room, 0));
    come_back(room, 0);
    exchange(room, 0, "0a 1700", "0b 0300");
    exchange(room, 0, "0a 0f00", "0b 05");
    exchange(room, 0, "0a 0d00", "0b 0200");
    assert_false(was_configured(room, 0));
    /* What was written meanwhile was for those who were there. */
    room_local_write(&room->gatt.server, 22, "x", 1, true);
    expect(room, 0, "1b 1600 78");
    room_destroy(room);
}

/* Nobody knows what the handles of the application were: the client subscribes anew, once it has learnt of the change.
 */
static void test_change_while_away(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    subscribe_to_changes(room);
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 0, "12 0f00 01", "13");
    struct saved before = save(room, 0);
    room_lose_link(room, 0);
    room_register(room);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    restore(room, 0, &before);
    expect(room, 0, "1d 0c00 0100 ffff");
    expect_nothing(room);
    assert_false(was_configured(room, 0));
    /* The connection is lost before the confirmation: all of it again. */
    come_back(room, 0);
    expect(room, 0, "1d 0c00 0100 ffff");
    assert_int_equal(room_notify(&room->gatt.server, &room->link[0], 22, "a", 1), BLUET_EBUSY);
    hear(room, 0, "1e");
    assert_true(was_configured(room, 0));
    exchange(room, 0, "0a 1700", "0b 0000");
    struct saved after = save(room, 0);
    assert_memory_not_equal(after.octets, before.octets, GATT_KNOWN_LENGTH);
    come_back(room, 0);
    expect_nothing(room);
    exchange(room, 0, "0a 1400", "0b 0d18");
    room_destroy(room);
}

/* Robust caching alone: the client is told by the error, and not again after it has come back aware. */
static void test_unaware_across_connections(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    exchange(room, 0, "12 0f00 01", "13");
    room_register(room);
    come_back(room, 0);
    exchange(room, 0, "0a 1400", "01 0a 1400 12");
    /* Told, but it has not been seen to know: it still does not. */
    come_back(room, 0);
    exchange(room, 0, "0a 1400", "01 0a 1400 12");
    exchange(room, 0, "0a 1400", "0b 0d18");
    assert_true(was_configured(room, 0));
    come_back(room, 0);
    exchange(room, 0, "0a 1400", "0b 0d18");
    room_destroy(room);
}

/* Who does not want to know is not told; what is kept of it is of the new database. */
static void test_client_without_interest(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    exchange(room, 0, "12 1700 0100", "13");
    struct saved before = save(room, 0);
    room_lose_link(room, 0);
    room_register(room);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    restore(room, 0, &before);
    exchange(room, 0, "0a 1700", "0b 0000");
    assert_true(was_configured(room, 0));
    assert_int_equal(save(room, 0).length, 0);
    /* Replaced while it is there, up to the first handle that differs all stays, across connections too. */
    exchange(room, 0, "12 1700 0100", "13");
    const struct bluet_characteristic characteristic = {uuid16(0x2a37), BLUET_FLAG_READ | BLUET_FLAG_NOTIFY, NULL, 0};
    const struct bluet_service service = service_of(uuid16(0x180d), &characteristic, 1);
    room_register(room);
    exchange(room, 0, "0a 1700", "0b 0100");
    was_configured(room, 0);
    const struct bluet_service two[] = {service, service};
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, &service, 1), 1);
    exchange(room, 0, "12 1700 0100", "13");
    was_configured(room, 0);
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, two, 2), 2);
    assert_true(was_configured(room, 0));
    come_back(room, 0);
    exchange(room, 0, "0a 1700", "0b 0100");
    /* Who begins to care now, knows what there is now. */
    subscribe_to_changes(room);
    come_back(room, 0);
    expect_nothing(room);
    room_destroy(room);
}

static void test_what_was_saved_is_cut(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    subscribe_to_changes(room);
    exchange(room, 0, "12 1700 0200", "13");
    struct saved saved = save(room, 0);
    assert_int_equal(saved.length, GATT_KNOWN_LENGTH + 6);
    for (size_t length = 0; length < saved.length; length++) {
        struct saved cut = saved;
        cut.length = length;
        room_lose_link(room, 0);
        room->link[0].state = LINK_OPEN;
        gatt_link_opened(&room->gatt, &room->link[0]);
        restore(room, 0, &cut);
        expect_nothing(room);
        exchange(room, 0, "0a 0d00", length < GATT_KNOWN_LENGTH + 3 ? "0b 0000" : "0b 0200");
        exchange(room, 0, "0a 1700", "0b 0000");
    }
    room_destroy(room);
}

/* ---- Subscriptions as events ---- */

static void tell(struct room *room, unsigned link)
{
    gatt_server_tell_subscriptions(&room->gatt.server, &room->link[link]);
}

static void test_subscriptions_are_told(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    exchange(room, 0, "12 1700 0100", "13");
    tell(room, 0);
    expect_nothing(room);
    room->gatt.server.subscriptions = true;
    exchange(room, 0, "12 1700 0100", "13");
    tell(room, 0);
    expect_nothing(room);
    exchange(room, 0, "12 1700 0300", "13");
    tell(room, 0);
    expect_event(room, "subscription 40 0016 3");
    exchange(room, 1, "12 1700 0200", "13");
    tell(room, 1);
    expect_event(room, "subscription 41 0016 2");
    exchange(room, 0, "16 1700 0000 0000", "17 1700 0000 0000");
    tell(room, 0);
    expect_nothing(room);
    exchange(room, 0, "18 01", "19");
    tell(room, 0);
    expect_event(room, "subscription 40 0016 0");
    tell(room, 0);
    expect_nothing(room);
    /* One that was refused, and what is not the application's. */
    exchange(room, 0, "12 1700 01", "01 12 1700 0d");
    subscribe_to_changes(room);
    exchange(room, 0, "12 0f00 03", "13");
    tell(room, 0);
    expect_nothing(room);
    /* What ends with the connection, and what comes back with the bond. */
    struct saved saved = save(room, 1);
    room_lose_link(room, 1);
    expect_event(room, "subscription 41 0016 0");
    room_lose_link(room, 0);
    expect_nothing(room);
    room->link[1].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[1]);
    restore(room, 1, &saved);
    expect_nothing(room);
    tell(room, 1);
    expect_event(room, "subscription 41 0016 2");
    room->gatt.server.subscriptions = false;
    room_lose_link(room, 1);
    expect_nothing(room);
    room_destroy(room);
}

static void register_nothing(struct room *room, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_SUBSCRIPTION)
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), 0);
}

static void test_services_replaced_while_they_are_told(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    room->gatt.server.subscriptions = true;
    exchange(room, 0, "12 1700 0100", "13");
    exchange(room, 0, "12 1a00 0200", "13");
    room->on_event = register_nothing;
    tell(room, 0);
    expect_event(room, "subscription 40 0016 1");
    expect_nothing(room);
    room_destroy(room);
}

/* ---- Keys that are too short by now ---- */

static void test_short_key(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register(room);
    room->link[0].encrypted = room->link[0].authenticated = true;
    room->link[0].key_short = true;
    exchange(room, 0, "0a 2400", "01 0a 2400 0c");
    exchange(room, 0, "0a 2600", "01 0a 2600 0c");
    exchange(room, 0, "12 2a00 61", "01 12 2a00 0c");
    exchange(room, 0, "12 2c00 61", "01 12 2c00 0c");
    exchange(room, 0, "12 3100 0100", "01 12 3100 0c");
    exchange(room, 0, "12 1700 0100", "13");
    room->link[0].key_short = false;
    hear(room, 0, "0a 2400");
    expect_event(room, "read-request 40 0024");
    expect(room, 0, "0b");
    room_destroy(room);
}

/* ---- Without cryptography ---- */

/* No Database Hash, and so no robust caching: both are optional (Vol 3 Part G, 7.3). */
static void test_no_hash(void **state)
{
    (void)state;
    no_cryptography = true;
    struct room *room = room_create();
    no_cryptography = false;
    exchange(room, 0, "10 0100 ffff 0028", "11 06 0100 0900 0018 0a00 1100 0118");
    exchange(room, 0, "08 0a00 ffff 0328", "09 07 0b00 20 0c00 052a 0e00 0a 0f00 292b 1000 02 1100 3a2b");
    exchange(room, 0, "08 0100 ffff 2a2b", "01 08 0100 0a");
    room_register_one(room, ALL);
    exchange(room, 0, "10 1200 ffff 0028", "11 06 1200 1500 0d18");
    exchange(room, 0, "12 0f00 05", "13");
    exchange(room, 0, "0a 0f00", "0b 04");
    const struct bluet_service first = service_of(uuid16(0x180a), NULL, 0);
    struct bluet_service services[] = {first, service_of(uuid16(0x180d), NULL, 0)};
    static const size_t zero[] = {0};
    services[1].included = zero;
    services[1].included_count = 1;
    assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, services, 2), 0);
    exchange(room, 0, "0a 1400", "0b 1200 1200 0a18");
    room_destroy(room);
}

/* Cryptography that fails later: services stay as they are. */
static void test_hash_fails(void **state)
{
    (void)state;
    struct room *room = room_create();
    room_register_one(room, ALL);
    exchange(room, 0, "12 1700 0100", "13");
    for (encryptions_left = 0; encryptions_left < 3; encryptions_left++) {
        unsigned left = encryptions_left;
        assert_int_equal(gatt_server_register(&room->gatt.server, NULL, 0, NULL, 0), BLUET_ENOMEM);
        encryptions_left = left;
    }
    encryptions_left = UINT16_MAX;
    exchange(room, 0, "0a 1700", "0b 0100");
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_kept_of_nothing),
        cmocka_unit_test(test_subscriptions_come_back),
        cmocka_unit_test(test_change_while_away),
        cmocka_unit_test(test_unaware_across_connections),
        cmocka_unit_test(test_client_without_interest),
        cmocka_unit_test(test_what_was_saved_is_cut),
        cmocka_unit_test(test_subscriptions_are_told),
        cmocka_unit_test(test_services_replaced_while_they_are_told),
        cmocka_unit_test(test_short_key),
        cmocka_unit_test(test_no_hash),
        cmocka_unit_test(test_hash_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
