/*
 * Hosts on the air whose controllers can, or cannot, resolve private addresses: the application sees no difference (Vol
 * 3 Part C, 10.7, 10.8.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bluet/air.h"
#include "bluet/bluet.h"
#include "invariants.h"
#include "spec/hci.h"

#include <stdlib.h>
#include <string.h>

enum { SECRETS = 8, SECOND = 1000000, REPORTS = 2048, LE_PRIVACY_BIT = 0x40 };

struct secret {
    uint8_t sec_type, key[8], value[128];
    size_t key_length, length;
};

struct radio {
    struct bluet *host;
    struct bluet_air_controller *controller;
    struct bluet_air *air;
    bool resolves; /* the controller */
    struct secret secrets[SECRETS];
    size_t secret_count;
    struct bluet_address reports[REPORTS];
    size_t report_count, scan_count;
    struct bluet_address peer, gone; /* of the last connect and disconnect events */
    uint16_t handle;                 /* 0xffff: not connected */
    size_t connections, failures, updates;
    bool encrypted, bonded;
};

struct world {
    struct bluet_air *air;
    struct radio radios[4];
    size_t count;
    struct radio *central, *peripheral;
    struct bluet_address of_central, of_peripheral; /* identities */
};

/* ---- Ports ---- */

static void *take(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static void send_packet(void *context, const struct bluet_span *spans, size_t count)
{
    struct radio *radio = context;
    uint8_t packet[512];
    size_t length = 0;
    for (size_t i = 0; i < count; length += spans[i++].length)
        memcpy(packet + length, spans[i].data, spans[i].length);
    assert_int_equal(bluet_air_receive(radio->controller, packet, length), BLUET_OK);
}

static uint64_t now_of(void *context)
{
    return bluet_air_now(((struct radio *)context)->air);
}

static void random_of(void *context, uint8_t *out, size_t length)
{
    bluet_air_random(((struct radio *)context)->air, out, length);
}

/* A controller that does not resolve says so in its features. */
static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct radio *radio = context;
    uint8_t copy[512];
    static const uint8_t features[] = {HCI_EVENT, HCI_EVENT_COMMAND_COMPLETE, 12};
    memcpy(copy, packet, length);
    if (!radio->resolves && length == 15 && !memcmp(copy, features, 3) && copy[4] == 0x03 && copy[5] == 0x20)
        copy[7] &= (uint8_t)~LE_PRIVACY_BIT;
    bluet_receive(radio->host, copy, length);
    check_invariants(radio->host);
    return true;
}

/* ---- The application ---- */

static int get_secret(const struct radio *radio, const struct bluet_event *event)
{
    size_t index = 0;
    for (size_t i = 0; i < radio->secret_count; i++) {
        const struct secret *secret = &radio->secrets[i];
        bool wanted = secret->sec_type == event->get_secret.sec_type;
        if (event->get_secret.key)
            wanted = wanted && secret->key_length == event->get_secret.key_length &&
                     !memcmp(secret->key, event->get_secret.key, secret->key_length);
        else
            wanted = wanted && index++ == event->get_secret.index;
        if (!wanted)
            continue;
        memcpy(event->get_secret.out_value, secret->value, secret->length);
        *event->get_secret.out_length = secret->length;
        return 0;
    }
    return 1;
}

static int set_secret(struct radio *radio, const struct bluet_event *event)
{
    size_t i = 0;
    while (i < radio->secret_count &&
           (radio->secrets[i].sec_type != event->set_secret.sec_type ||
            memcmp(radio->secrets[i].key, event->set_secret.key, event->set_secret.key_length) != 0))
        i++;
    assert_true(i < SECRETS);
    if (i == radio->secret_count)
        radio->secret_count++;
    struct secret *secret = &radio->secrets[i];
    *secret = (struct secret){.sec_type = event->set_secret.sec_type,
                              .key_length = event->set_secret.key_length,
                              .length = event->set_secret.length};
    memcpy(secret->key, event->set_secret.key, secret->key_length);
    if (secret->length)
        memcpy(secret->value, event->set_secret.value, secret->length);
    return 1;
}

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct radio *radio = context;
    check_invariants(host);
    switch (event->code) {
    case BLUET_EVENT_GET_SECRET:
        return get_secret(radio, event);
    case BLUET_EVENT_SET_SECRET:
        return set_secret(radio, event);
    case BLUET_EVENT_SCAN_RESULT:
        if (radio->report_count < REPORTS)
            radio->reports[radio->report_count++] = event->scan_result.peer;
        break;
    case BLUET_EVENT_SCAN_DONE:
        radio->scan_count++;
        break;
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        radio->peer = event->connect.peer;
        radio->handle = event->conn_handle;
        radio->connections++;
        break;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        radio->gone = event->disconnect.peer;
        radio->failures += event->conn_handle == 0xffff;
        if (event->conn_handle != 0xffff)
            radio->handle = 0xffff;
        break;
    case BLUET_EVENT_ENCRYPTION_UPDATE:
        radio->updates++;
        radio->encrypted = event->encryption_update.encrypted;
        radio->bonded = event->encryption_update.bonded;
        break;
    case BLUET_EVENT_PASSKEY_ACTION:
        bluet_gap_passkey(host, event->conn_handle, event->passkey_action.action, 123456);
        break;
    case BLUET_EVENT_OPERATION_DONE:
        assert_int_equal(event->operation.error, BLUET_OK);
        break;
    default:
        break;
    }
    return 0;
}

/* ---- Time ---- */

static void run(struct world *world, uint64_t duration)
{
    uint64_t end = bluet_air_now(world->air) + duration;
    for (;;) {
        uint64_t next = bluet_air_deadline(world->air);
        for (size_t i = 0; i < world->count; i++) {
            uint64_t deadline = bluet_deadline(world->radios[i].host);
            next = deadline < next ? deadline : next;
        }
        if (next > end)
            break;
        bluet_air_advance(world->air, next > bluet_air_now(world->air) ? next : bluet_air_now(world->air));
        for (size_t i = 0; i < world->count; i++)
            bluet_poll(world->radios[i].host);
    }
    bluet_air_advance(world->air, end);
}

static bool is_reached(const size_t *counter, size_t value)
{
    return *counter >= value;
}

/* Until something has been counted; microseconds that it took. */
static uint64_t run_until(struct world *world, const size_t *counter, size_t value, uint64_t most)
{
    uint64_t start = bluet_air_now(world->air);
    while (!is_reached(counter, value) && bluet_air_now(world->air) < start + most)
        run(world, 1000);
    assert_true(is_reached(counter, value));
    return bluet_air_now(world->air) - start;
}

/* ---- The world ---- */

static void activate(struct world *world, struct radio *radio)
{
    assert_true(bluet_activate(radio->host) > 0);
    run(world, SECOND / 10);
    assert_true(bluet_is_active(radio->host));
}

static void set_security(struct radio *radio, uint8_t io)
{
    const struct bluet_security security = {.bond = true, .mitm = io != BLUET_IO_NO_INPUT_OUTPUT, .io = io};
    assert_int_equal(bluet_set_security(radio->host, &security), BLUET_OK);
}

static void make_host(struct radio *radio, enum bluet_address_mode mode)
{
    const struct bluet_config config = {
        .port = {radio, send_packet, now_of, take, random_of}, .handler = handle_event, .handler_context = radio};
    assert_int_equal(bluet_create(&radio->host, &config), BLUET_OK);
    set_security(radio, BLUET_IO_NO_INPUT_OUTPUT);
    assert_int_equal(bluet_set_address_mode(radio->host, mode), BLUET_OK);
}

static struct radio *add_radio(struct world *world, bool resolves, enum bluet_address_mode mode)
{
    struct radio *radio = &world->radios[world->count];
    *radio = (struct radio){.air = world->air, .resolves = resolves, .handle = 0xffff};
    const struct bluet_air_controller_config controller = {.deliver = deliver, .context = radio};
    make_host(radio, mode);
    assert_int_equal(bluet_air_attach(world->air, &radio->controller, &controller), BLUET_OK);
    world->count++;
    activate(world, radio);
    return radio;
}

static void advertise(struct radio *radio)
{
    const struct bluet_span data = {"\x02\x01\x06", 3};
    assert_true(bluet_gap_advertise(radio->host, 100000, &data, NULL, true) > 0);
}

static void connect_to(struct world *world, const struct bluet_address *peer, uint32_t timeout_ms)
{
    size_t connections = world->peripheral->connections;
    assert_true(bluet_gap_connect(world->central->host, peer, timeout_ms, NULL) > 0);
    run_until(world, &world->peripheral->connections, connections + 1, timeout_ms * UINT64_C(1000));
    run(world, SECOND / 2);
    assert_int_not_equal(world->central->handle, 0xffff);
}

static void disconnect(struct world *world)
{
    assert_true(bluet_gap_disconnect(world->central->host, world->central->handle) > 0);
    run(world, SECOND);
    assert_int_equal(world->central->handle, 0xffff);
    assert_int_equal(world->peripheral->handle, 0xffff);
}

/* Two that have bonded, and are not connected any more. */
static void begin(struct world *world, bool resolves, enum bluet_address_mode central,
                  enum bluet_address_mode peripheral)
{
    const struct bluet_air_config config = {.reallocate = take, .seed = 7};
    *world = (struct world){0};
    assert_int_equal(bluet_air_create(&world->air, &config), BLUET_OK);
    world->central = add_radio(world, resolves, central);
    world->peripheral = add_radio(world, resolves, peripheral);
    struct bluet_address address;
    assert_int_equal(bluet_own_address(world->peripheral->host, &address), BLUET_OK);
    advertise(world->peripheral);
    connect_to(world, &address, 3000);
    assert_memory_equal(&world->central->peer, &address, sizeof address);
    assert_int_equal(bluet_gap_pair(world->central->host, world->central->handle), BLUET_OK);
    run_until(world, &world->peripheral->updates, 1, SECOND);
    run(world, SECOND);
    assert_true(world->central->bonded && world->peripheral->bonded);
    assert_int_equal(bluet_bonds(world->central->host, &world->of_peripheral, 1), 1);
    assert_int_equal(bluet_bonds(world->peripheral->host, &world->of_central, 1), 1);
    /* Known by the new name, too, and told of by the old one. */
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(world->central->host, &connection, world->central->handle), BLUET_OK);
    assert_memory_equal(&connection.peer, &address, sizeof address);
    assert_memory_equal(&connection.identity, &world->of_peripheral, sizeof address);
    assert_int_equal(bluet_gap_connect(world->central->host, &world->of_peripheral, 0, NULL), BLUET_EISCONN);
    assert_int_equal(bluet_gap_connect(world->central->host, &address, 0, NULL), BLUET_EISCONN);
    disconnect(world);
    assert_memory_equal(&world->central->gone, &address, sizeof address);
}

static void end(struct world *world)
{
    for (size_t i = 0; i < world->count; i++)
        bluet_destroy(world->radios[i].host);
    bluet_air_destroy(world->air);
}

static bool is_equal(const struct bluet_address *one, const struct bluet_address *other)
{
    return one->type == other->type && !memcmp(one->octets, other->octets, 6);
}

static void expect_reports_of(struct world *world, const struct bluet_address *peer)
{
    struct radio *radio = world->central;
    radio->report_count = 0;
    assert_true(bluet_gap_scan(radio->host, 1000, 30000, 30000, true) > 0);
    run(world, 2 * SECOND);
    assert_in_range(radio->report_count, 5, 25);
    for (size_t i = 0; i < radio->report_count; i++)
        assert_true(is_equal(&radio->reports[i], peer));
}

static void expect_connection(struct world *world, uint32_t timeout_ms)
{
    world->central->report_count = world->central->scan_count = 0;
    connect_to(world, &world->of_peripheral, timeout_ms);
    assert_true(is_equal(&world->central->peer, &world->of_peripheral));
    assert_true(is_equal(&world->peripheral->peer, &world->of_central));
    assert_int_equal(world->central->report_count + world->central->scan_count, 0);
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(world->central->host, &connection, world->central->handle), BLUET_OK);
    assert_true(is_equal(&connection.identity, &world->of_peripheral));
    assert_int_equal(bluet_gap_connect(world->central->host, &world->of_peripheral, 0, NULL), BLUET_EISCONN);
}

static const enum bluet_address_mode modes[] = {BLUET_ADDRESS_MODE_PUBLIC, BLUET_ADDRESS_MODE_STATIC,
                                                BLUET_ADDRESS_MODE_RPA};

/* ---- Tests ---- */

/* In scans, in connections, in the key that is found; as either role, after a restart of both. */
static void test_known_by_identity(void **state)
{
    (void)state;
    for (size_t i = 0; i < 18; i++) {
        struct world world;
        begin(&world, i & 1, modes[i / 2 % 3], modes[i / 6]);
        for (int restart = 0; restart < 2; restart++) {
            struct bluet_address before, address;
            advertise(world.peripheral);
            run(&world, 1000);
            assert_int_equal(bluet_own_address(world.peripheral->host, &address), BLUET_OK);
            assert_int_equal(is_equal(&address, &world.of_peripheral), modes[i / 6] != BLUET_ADDRESS_MODE_RPA);
            assert_true(restart == 0 || modes[i / 6] != BLUET_ADDRESS_MODE_RPA || !is_equal(&address, &before));
            before = address;
            expect_reports_of(&world, &world.of_peripheral);
            expect_connection(&world, 2000);
            size_t updates = world.central->updates;
            assert_int_equal(bluet_gap_pair(world.central->host, world.central->handle), BLUET_OK);
            run_until(&world, &world.central->updates, updates + 1, SECOND);
            assert_true(world.central->encrypted && world.central->bonded);
            disconnect(&world);
            assert_true(is_equal(&world.central->gone, &world.of_peripheral));
            assert_true(is_equal(&world.peripheral->gone, &world.of_central));
            for (size_t j = 0; j < 2; j++) {
                bluet_deactivate(world.radios[j].host);
                run(&world, SECOND);
                activate(&world, &world.radios[j]);
            }
            assert_int_equal(world.central->secret_count, 3);
        }
        end(&world);
    }
}

/* The peer comes late, and has changed its address by then; so has the central, several times. */
static void test_late_peer(void **state)
{
    (void)state;
    for (int resolves = 0; resolves < 2; resolves++) {
        struct world world;
        begin(&world, resolves, BLUET_ADDRESS_MODE_RPA, BLUET_ADDRESS_MODE_RPA);
        bluet_set_rpa_timeout(world.central->host, 1);
        bluet_set_rpa_timeout(world.peripheral->host, 1);
        world.central->report_count = world.central->scan_count = 0;
        assert_true(bluet_gap_connect(world.central->host, &world.of_peripheral, 20000, NULL) > 0);
        run(&world, 7 * SECOND + SECOND / 2);
        size_t connections = world.peripheral->connections;
        advertise(world.peripheral);
        assert_true(run_until(&world, &world.peripheral->connections, connections + 1, 5 * SECOND) < SECOND);
        run(&world, SECOND);
        assert_true(is_equal(&world.central->peer, &world.of_peripheral));
        assert_true(is_equal(&world.peripheral->peer, &world.of_central));
        assert_int_equal(world.central->report_count + world.central->scan_count + world.central->failures, 0);
        disconnect(&world);
        end(&world);
    }
}

/* All inside the time that was given; and whoever gives up is told once. */
static void test_peer_that_is_away(void **state)
{
    (void)state;
    for (int resolves = 0; resolves < 2; resolves++) {
        struct world world;
        begin(&world, resolves, BLUET_ADDRESS_MODE_RPA, BLUET_ADDRESS_MODE_RPA);
        struct radio *central = world.central;
        struct radio *other = add_radio(&world, true, BLUET_ADDRESS_MODE_RPA);
        advertise(other);
        run(&world, SECOND);
        central->report_count = 0;
        assert_true(bluet_gap_connect(central->host, &world.of_peripheral, 3000, NULL) > 0);
        assert_int_equal(bluet_gap_scan(central->host, 0, 30000, 30000, false), BLUET_EBUSY);
        assert_int_equal(bluet_gap_connect(central->host, &world.of_peripheral, 0, NULL), BLUET_EALREADY);
        assert_in_range(run_until(&world, &central->failures, 1, 4 * SECOND), 2990000, 3010000);
        run(&world, 4 * SECOND);
        assert_int_equal(central->failures, 1);
        for (uint64_t moment = 0; moment < 3; moment++) {
            assert_true(bluet_gap_connect(central->host, &world.of_peripheral, 30000, NULL) > 0);
            run(&world, moment * moment * SECOND / 4);
            assert_true(bluet_gap_connect_cancel(central->host) >= 0);
            run_until(&world, &central->failures, moment + 2, SECOND);
            run(&world, SECOND);
            assert_int_equal(central->failures, moment + 2);
            struct bluet_air_status status;
            bluet_air_status(central->controller, &status);
            assert_false(status.scanning || status.initiating);
        }
        assert_int_equal(central->report_count + central->scan_count + central->connections, 1);
        assert_true(bluet_gap_connect(central->host, &world.of_peripheral, 30000, NULL) > 0);
        run(&world, SECOND / 2);
        assert_true(bluet_deactivate(central->host) > 0);
        run(&world, 3 * SECOND);
        assert_false(bluet_is_active(central->host));
        assert_int_equal(central->failures, 5);
        end(&world);
    }
}

/* What runs goes on under each new address; nobody is told, and nobody loses a report for more than a moment. */
static void test_rotation_while_everything_runs(void **state)
{
    (void)state;
    for (int resolves = 0; resolves < 2; resolves++) {
        struct world world;
        begin(&world, resolves, BLUET_ADDRESS_MODE_PUBLIC, BLUET_ADDRESS_MODE_RPA);
        struct radio *peripheral = world.peripheral;
        bluet_set_rpa_timeout(peripheral->host, 2);
        advertise(peripheral);
        advertise(world.central);
        assert_true(bluet_gap_scan(peripheral->host, 20000, 30000, 30000, true) > 0);
        struct radio *stranger = add_radio(&world, true, BLUET_ADDRESS_MODE_PUBLIC);
        assert_true(bluet_gap_scan(stranger->host, 0, 30000, 30000, true) > 0);
        expect_reports_of(&world, &world.of_peripheral);
        run(&world, 17 * SECOND);
        assert_int_equal(peripheral->scan_count, 0);
        run(&world, 2 * SECOND);
        assert_int_equal(peripheral->scan_count, 1);
        size_t changes = 0;
        struct bluet_address last = {0};
        for (size_t i = 0; i < stranger->report_count; i++) {
            if (is_equal(&stranger->reports[i], &world.of_central) || is_equal(&stranger->reports[i], &last))
                continue;
            changes++;
            last = stranger->reports[i];
            assert_int_equal(last.type, BLUET_ADDRESS_RANDOM);
            assert_int_equal(last.octets[0] >> 6, 1);
        }
        assert_in_range(changes, 10, 12);
        assert_in_range(peripheral->report_count, 150, 450);
        end(&world);
    }
}

/*
 * A device that has been reset has another key, and comes as a stranger who claims a known identity. That is had by one
 * who proves himself to the user, or when the bond has been deleted; the new key takes the place of the old one.
 */
static void test_new_key_of_a_known_peer(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        bool proven = i / 2 == 1, deleted = i / 2 == 2;
        struct world world;
        begin(&world, i & 1, BLUET_ADDRESS_MODE_PUBLIC, BLUET_ADDRESS_MODE_RPA);
        struct radio *peripheral = world.peripheral;
        assert_true(bluet_deactivate(peripheral->host) > 0);
        run(&world, SECOND);
        bluet_destroy(peripheral->host);
        peripheral->secret_count = 0;
        make_host(peripheral, BLUET_ADDRESS_MODE_RPA);
        set_security(peripheral, proven ? BLUET_IO_KEYBOARD_ONLY : BLUET_IO_NO_INPUT_OUTPUT);
        set_security(world.central, proven ? BLUET_IO_DISPLAY_ONLY : BLUET_IO_NO_INPUT_OUTPUT);
        activate(&world, peripheral);
        if (deleted)
            assert_true(bluet_bond_delete(world.central->host, &world.of_peripheral) > 0);
        struct bluet_address address;
        assert_int_equal(bluet_own_address(peripheral->host, &address), BLUET_OK);
        advertise(peripheral);
        expect_reports_of(&world, &address);
        connect_to(&world, &address, 3000);
        size_t updates = world.central->updates;
        assert_int_equal(bluet_gap_pair(world.central->host, world.central->handle), BLUET_OK);
        run_until(&world, &world.central->updates, updates + 1, 10 * SECOND);
        run(&world, SECOND);
        assert_int_equal(world.central->encrypted, proven || deleted);
        assert_int_equal(bluet_bonds(world.central->host, NULL, 0), 1);
        disconnect(&world);
        advertise(peripheral);
        expect_reports_of(&world, proven || deleted ? &world.of_peripheral : &address);
        end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_by_identity),       cmocka_unit_test(test_late_peer),
        cmocka_unit_test(test_peer_that_is_away),       cmocka_unit_test(test_rotation_while_everything_runs),
        cmocka_unit_test(test_new_key_of_a_known_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
