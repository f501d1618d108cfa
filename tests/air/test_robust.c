/* Hosts that misbehave, are slow, or vanish; memory that runs out; and the same seed twice. */
#include "streams.h"

enum { REPORT = 0x02, CONNECTION_COMPLETE = 0x01, DISCONNECTION = 0x05, HARDWARE_ERROR = 0x10 };

static struct world world;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 61, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static void test_arguments(void **state)
{
    (void)state;
    struct bluet_air *air;
    struct bluet_air_controller *controller;
    struct bluet_air_config config = {0};
    struct bluet_air_controller_config without_deliver = {0};
    assert_int_equal(bluet_air_create(NULL, &config), BLUET_EINVAL);
    assert_int_equal(bluet_air_create(&air, NULL), BLUET_EINVAL);
    assert_int_equal(bluet_air_create(&air, &config), BLUET_EINVAL);
    assert_int_equal(bluet_air_attach(world.air, &controller, &without_deliver), BLUET_EINVAL);
    struct host *host = world_add(&world);
    struct bluet_air_controller_config bad = {.deliver = NULL};
    assert_int_equal(bluet_air_attach(world.air, &controller, &bad), BLUET_EINVAL);
    bad =
        (struct bluet_air_controller_config){.deliver = (bool (*)(void *, const uint8_t *, size_t))1, .acl_length = 26};
    assert_int_equal(bluet_air_attach(world.air, &controller, &bad), BLUET_EINVAL);
    bad.acl_length = 252;
    assert_int_equal(bluet_air_attach(world.air, &controller, &bad), BLUET_EINVAL);
    world_detach(host);
    bluet_air_detach(NULL);
    bluet_air_destroy(NULL);
    uint8_t first[7];
    uint8_t second[7];
    bluet_air_random(world.air, first, sizeof first);
    bluet_air_random(world.air, second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
}

/* Lengths that lie, kinds that there are not: the transport is told, and the controller goes on as if it had not been.
 */
static void test_broken_framing(void **state)
{
    (void)state;
    struct host *host = world_add(&world);
    host_begin(host);
    static const struct {
        uint8_t length;
        uint8_t octets[8];
    } packets[] = {
        {0, {0}},
        {1, {0}},
        {1, {1}},
        {3, {1, 0x03, 0x0c}},
        {4, {1, 0x03, 0x0c, 1}},
        {5, {1, 0x03, 0x0c, 0, 0}},
        {1, {2}},
        {4, {2, 0, 0, 1}},
        {5, {2, 0, 0, 1, 0}},
        {6, {2, 0, 0, 0, 0, 0}},
        {6, {2, 0, 0, 0xff, 0xff, 0}},
        {4, {3, 0, 0, 0}},
        {3, {4, 0x0e, 0}},
        {5, {5, 0, 0, 0, 0}},
        {4, {0xff, 0, 0, 0}},
    };
    size_t before = host->count;
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++)
        assert_int_equal(bluet_air_receive(host->controller, packets[i].octets, packets[i].length), BLUET_EINVAL);
    run_for(&world, SECOND);
    assert_int_equal(host->count, before);
    assert_int_equal(command(host, 0x1009, NOTHING), 0);
}

/* ---- The same again ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

/* Everything that happens in an eventful minute, with its times, in one number. */
static uint64_t trace(uint64_t seed)
{
    struct world eventful = {0};
    static struct streams streams[2];
    static struct stream down, up;
    memset(streams, 0, sizeof streams);
    world_begin(&eventful, seed, 0.1);
    struct pair pair = pair_connect(&eventful, 12, 0, 400);
    stream_attach(pair.central, &streams[0], &down, pair.central_handle, 27);
    stream_attach(pair.peripheral, &streams[1], &up, pair.peripheral_handle, 27);
    down.limit = up.limit = 500;
    stream_begin(&down, 27, 4);
    stream_begin(&up, 27, 4);
    for (size_t i = 0; i < 10; i++) {
        struct host *host = world_add(&eventful);
        host_begin(host);
        if (i % 2)
            advertise(host, (uint16_t)(32 + i), 0);
        else
            scan(host, 32, (uint16_t)(16 + i), true, false);
    }
    run_for(&eventful, 20 * SECOND);
    assert_int_equal(command(pair.central, 0x2032, BYTES(U16(pair.central_handle), 0, 2, 2, 0, 0)), 0);
    run_for(&eventful, 10 * SECOND);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < eventful.host_count; i++) {
        for (size_t k = 0; k < eventful.hosts[i].count; k++) {
            const struct packet *packet = &eventful.hosts[i].packets[k];
            hash = mix(hash, packet->at);
            for (size_t octet = 0; octet < packet->length; octet++)
                hash = mix(hash, packet->octets[octet]);
        }
    }
    world_end(&eventful);
    return hash;
}

static void test_same_seed_same_trace(void **state)
{
    (void)state;
    uint64_t first = trace(1);
    assert_true(trace(1) == first);
    uint64_t second = trace(2);
    assert_true(first != second);
    assert_true(trace(2) == second);
}

/* ---- Memory ---- */

/* Everything once, whatever comes of it. Returns whether the controllers have kept all they promised. */
static bool use_memory(struct world *scarce)
{
    struct host *hosts[4];
    if (!scarce->air)
        return false;
    for (size_t i = 0; i < 4; i++) {
        hosts[i] = world_add(scarce);
        if (!hosts[i])
            return false;
    }
    for (size_t i = 0; i < 4; i++) {
        send_command(hosts[i], 0x0c03, NOTHING);
        send_command(hosts[i], 0x0c01, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f));
        send_command(hosts[i], 0x2001, BYTES(0xff, 0xfd, 0x0f, 0, 0, 0, 0, 0));
        run_for(scarce, MS);
        send_command(hosts[i], 0x2006, BYTES(U16(32), U16(32), 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0));
        send_command(hosts[i], 0x200a, BYTES(1));
        send_command(hosts[i], 0x200b, BYTES(0, U16(16), U16(16), 0, 0)); /* passive: requests would collide */
        send_command(hosts[i], 0x200c, BYTES(1, 1));
        struct bytes create = bytes_join(BYTES(U16(16), U16(16), 1, 0), BYTES(0, 0, 0, 0, 0, 0));
        uint8_t address[6] = {0};
        struct bluet_air_status status;
        bluet_air_status(hosts[(i + 1) % 4]->controller, &status);
        for (size_t k = 0; k < 6; k++)
            address[k] = status.address.octets[5 - k];
        send_command(hosts[i], 0x2011, bytes_join(BYTES(0), bytes_of(6, address)));
        send_command(hosts[i], 0x200d,
                     bytes_join(create, BYTES(0, U16(24), U16(24), U16(0), U16(100), U16(0), U16(0))));
    }
    run_for(scarce, 3 * SECOND);
    for (size_t i = 0; i < 4; i++) {
        hosts[i]->refuses = true;
        for (uint16_t handle = 0; handle < 3; handle++)
            send_acl(hosts[i], handle, 0, "something", 9);
    }
    run_for(scarce, 3 * SECOND);
    for (size_t i = 0; i < 4; i++) {
        hosts[i]->refuses = false;
        bluet_air_resume(hosts[i]->controller);
    }
    run_for(scarce, SECOND);
    bool whole = true;
    for (size_t i = 0; i < 4; i++) {
        struct bluet_air_status status;
        bluet_air_status(hosts[i]->controller, &status);
        whole = whole && status.connection_count > 0 && !count_events(hosts[i], HARDWARE_ERROR);
    }
    return whole;
}

/* The n-th allocation is refused, or all from the n-th on: nothing breaks, and afterwards all is well again. */
static void test_refused_allocations(void **state)
{
    (void)state;
    for (unsigned all = 0; all <= 1; all++) {
        size_t n = 1;
        bool reached;
        do {
            struct world scarce = {.refuse_from = n, .refuse_to = all ? SIZE_MAX : n};
            world_begin(&scarce, 3, 0);
            bool whole = use_memory(&scarce);
            reached = scarce.allocations >= n;
            if (!reached)
                assert_true(whole);
            scarce.refuse_from = SIZE_MAX;
            for (size_t i = 0; i < scarce.host_count; i++) {
                look_from_here(&scarce.hosts[i]);
                host_begin(&scarce.hosts[i]);
                assert_int_equal(count_events(&scarce.hosts[i], 0x0e) > 0, 1);
            }
            if (scarce.host_count == 4)
                pair_of(&scarce.hosts[0], &scarce.hosts[1], 24, 0, 100);
            world_end(&scarce);
            n++;
        } while (reached);
        assert_in_range(n, 20, 200);
    }
}

/* Out of memory for what its host must know: it says so, and has forgotten everything else. */
static void test_hardware_error(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    pair.central->refuses = true;
    world.refuse_from = 1;
    world.refuse_to = SIZE_MAX;
    for (size_t i = 0; i < 2000 && count_events(pair.central, HARDWARE_ERROR) == 0; i++) {
        send_acl(pair.peripheral, pair.peripheral_handle, 0, "much", 4);
        send_command(pair.central, 0x2018, NOTHING);
        run_for(&world, MS);
        if (i == 1000) {
            pair.central->refuses = false;
            bluet_air_resume(pair.central->controller);
        }
    }
    assert_int_equal(count_events(pair.central, HARDWARE_ERROR), 1);
    struct bluet_air_status status;
    bluet_air_status(pair.central->controller, &status);
    assert_int_equal(status.connection_count, 0);
    world.refuse_from = SIZE_MAX;
    await_event(pair.peripheral, DISCONNECTION, 2 * SECOND);
    host_begin(pair.central);
    pair_of(pair.central, pair.peripheral, 24, 0, 100);
}

/* ---- Slow hosts ---- */

static void test_reports_are_dropped(void **state)
{
    (void)state;
    struct host *slow = world_add(&world);
    struct host *beacon = world_add(&world);
    host_begin(slow);
    host_begin(beacon);
    scan(slow, 16, 16, false, false);
    advertise(beacon, 32, 3);
    slow->refuses = true;
    size_t before = slow->count;
    run_for(&world, 100 * SECOND);
    assert_int_equal(slow->count, before);
    struct bluet_air_status status;
    bluet_air_status(slow->controller, &status);
    assert_in_range(status.reports_dropped, 2000, 4000);
    assert_true(world.octets < 100000);
    slow->refuses = false;
    bluet_air_resume(slow->controller);
    run_for(&world, 0);
    assert_in_range(slow->count - before, 60, 65);
}

/* A host that takes nothing holds its peer back; nothing is lost. */
static void test_data_is_held_back(void **state)
{
    (void)state;
    static struct streams streams[2];
    static struct stream down, up;
    struct pair pair = pair_connect(&world, 12, 0, 400);
    memset(streams, 0, sizeof streams);
    stream_attach(pair.central, &streams[0], &down, pair.central_handle, 27);
    stream_attach(pair.peripheral, &streams[1], &up, pair.peripheral_handle, 27);
    pair.central->forgets = pair.peripheral->forgets = true;
    up.limit = 2000;
    stream_begin(&up, 27, STREAM_BUFFERS);
    for (size_t i = 0; i < 20; i++) {
        run_for(&world, 100 * MS);
        uint32_t before = down.received;
        pair.central->refuses = true;
        run_for(&world, 5 * SECOND); /* longer than the supervision timeout: the link is alive */
        assert_true(down.received == before);
        assert_true(up.completed - before <= 16 + 1);
        pair.central->refuses = false;
        bluet_air_resume(pair.central->controller);
    }
    run_for(&world, 10 * SECOND);
    assert_int_equal(down.received, 2000);
    assert_int_equal(down.bad, 0);
}

/* The host's own flow control: never more than it has buffers for, cut to their size. */
static void test_host_flow_control(void **state)
{
    (void)state;
    static struct streams streams[2];
    static struct stream down, up;
    struct host *central = world_add(&world);
    struct host *peripheral = world_add(&world);
    host_begin(central);
    host_begin(peripheral);
    assert_int_equal(command(peripheral, 0x2024, BYTES(U16(251), U16(2120))), 0);
    assert_int_equal(command(central, 0x0c33, BYTES(U16(100), 0, U16(4), U16(0))), 0);
    assert_int_equal(command(central, 0x0c31, BYTES(1)), 0);
    struct pair pair = pair_of(central, peripheral, 12, 0, 400);
    assert_int_equal(command(central, 0x0c31, BYTES(0)), 0x0c);
    assert_int_equal(command(central, 0x0c33, BYTES(U16(100), 0, U16(4), U16(0))), 0x0c);
    run_for(&world, SECOND);
    uint8_t data[200] = {0};
    for (size_t i = 0; i < 5; i++)
        send_acl(peripheral, pair.peripheral_handle, 0, data, sizeof data);
    run_for(&world, SECOND);
    assert_int_equal(count_acl(central), 4);
    assert_int_equal(get_u16(await_acl(central, 0), 3), 100);
    assert_int_equal(get_u16(await_acl(central, 0), 1) >> 12, 1);
    /* More than it has had, and for another link. */
    assert_int_equal(command(central, 0x0c35, BYTES(1, U16(pair.central_handle), U16(5))), 0x12);
    send_command(central, 0x0c35, BYTES(1, U16(0x0e00), U16(5)));
    run_for(&world, SECOND);
    assert_int_equal(count_acl(central), 4);
    /* One is not enough for two. */
    send_command(central, 0x0c35, BYTES(1, U16(pair.central_handle), U16(1)));
    run_for(&world, SECOND);
    assert_int_equal(count_acl(central), 4);
    send_command(central, 0x0c35, BYTES(1, U16(pair.central_handle), U16(3)));
    run_for(&world, SECOND);
    assert_int_equal(count_acl(central), 8);
    send_command(central, 0x0c35, BYTES(1, U16(pair.central_handle), U16(4)));
    run_for(&world, SECOND);
    assert_int_equal(count_acl(central), 10);
    send_command(central, 0x0c35, BYTES(1, U16(pair.central_handle), U16(2)));

    memset(streams, 0, sizeof streams);
    streams[0].takes = true;
    stream_attach(central, &streams[0], &down, pair.central_handle, 200);
    stream_attach(peripheral, &streams[1], &up, pair.peripheral_handle, 27);
    up.limit = 500;
    stream_begin(&up, 200, STREAM_BUFFERS);
    run_for(&world, 20 * SECOND);
    assert_int_equal(down.received, 500);
    assert_int_equal(down.bad, 0);
    /* What it owes is forgiven when the link ends. */
    central->hook = NULL;
    up.limit = 502;
    stream_begin(&up, 200, STREAM_BUFFERS);
    run_for(&world, SECOND);
    assert_int_equal(command(peripheral, 0x0406, BYTES(U16(pair.peripheral_handle), 0x13)), 0);
    await_event(central, DISCONNECTION, SECOND);
    pair = pair_of(central, peripheral, 12, 0, 400);
    run_for(&world, SECOND);
    send_acl(peripheral, pair.peripheral_handle, 0, data, sizeof data);
    look_from_here(central);
    await_acl(central, SECOND);
}

/* A host that goes on sending commands without taking the answers gets the first of them, and the controller no bigger.
 */
static void test_answers_are_bounded(void **state)
{
    (void)state;
    struct host *host = world_add(&world);
    host_begin(host);
    host->refuses = true;
    size_t before = host->count;
    for (size_t i = 0; i < 10000; i++)
        send_command(host, 0x1002, NOTHING);
    run_for(&world, SECOND);
    assert_true(world.octets < 100000);
    host->refuses = false;
    bluet_air_resume(host->controller);
    run_for(&world, 0);
    assert_int_equal(host->count - before, 64);
    assert_int_equal(command(host, 0x1009, NOTHING), 0);
}

/* ---- From within `deliver` ---- */

static void reset_at_once(struct host *host, const uint8_t *packet, size_t length)
{
    (void)length;
    if (packet[1] == 0x3e && packet[3] == REPORT) {
        host->sent++;
        send_command(host, 0x0c03, NOTHING);
    }
    if (packet[1] == 0x3e && packet[3] == CONNECTION_COMPLETE)
        world_add(host->world);
}

static void test_commands_from_deliver(void **state)
{
    (void)state;
    struct host *host = world_add(&world);
    struct host *beacon = world_add(&world);
    host_begin(host);
    host_begin(beacon);
    advertise(beacon, 32, 3);
    scan(host, 16, 16, false, false);
    host->hook = reset_at_once;
    run_for(&world, 10 * SECOND);
    assert_int_equal(host->sent, 1);
    struct bluet_air_status status;
    bluet_air_status(host->controller, &status);
    assert_false(status.scanning);

    host_begin(host);
    advertise_stop(beacon);
    size_t before = world.host_count;
    pair_of(host, beacon, 24, 0, 100); /* another one is attached from within */
    assert_int_equal(world.host_count, before + 1);
    assert_int_equal(command(&world.hosts[before], 0x1009, NOTHING), 0);
}

/* ---- Vanishing ---- */

/* At every stage of everything: others are left with their timeouts, and nothing is left of it. */
static void test_detach_at_any_time(void **state)
{
    (void)state;
    for (uint64_t delay = 0; delay < 300 * MS; delay += 1777) {
        struct world short_lived;
        world_begin(&short_lived, 5, 0.1);
        struct host *a = world_add(&short_lived);
        struct host *b = world_add(&short_lived);
        struct host *c = world_add(&short_lived);
        host_begin(a);
        host_begin(b);
        host_begin(c);
        advertise(a, 32, 0);
        scan(b, 16, 16, true, false);
        create_connection(c, a, 6, 0, 50);
        run_for(&short_lived, delay);
        world_detach(delay % 2 ? a : c);
        run_for(&short_lived, 3 * SECOND);
        struct bluet_air_status status;
        bluet_air_status((delay % 2 ? c : a)->controller, &status);
        assert_int_equal(status.connection_count, 0);
        world_detach(delay % 2 ? c : a);
        world_detach(b);
        assert_int_equal(bluet_air_deadline(short_lived.air), BLUET_NEVER);
        world_end(&short_lived);
    }
}

/* Reset with links open is as sudden. */
static void test_reset_with_links(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    run_for(&world, SECOND);
    assert_int_equal(command(pair.central, 0x0c03, NOTHING), 0);
    assert_int_equal(await_event(pair.peripheral, DISCONNECTION, 2 * SECOND)->octets[6], 0x08);
    assert_int_equal(count_events(pair.central, DISCONNECTION), 0);
    host_begin(pair.central);
    pair = pair_of(pair.central, pair.peripheral, 24, 0, 100);
    assert_int_equal(pair.central_handle, 0);
    assert_int_equal(pair.peripheral_handle, 1); /* not used again at once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arguments, begin, end),
        cmocka_unit_test_setup_teardown(test_broken_framing, begin, end),
        cmocka_unit_test(test_same_seed_same_trace),
        cmocka_unit_test(test_refused_allocations),
        cmocka_unit_test_setup_teardown(test_hardware_error, begin, end),
        cmocka_unit_test_setup_teardown(test_reports_are_dropped, begin, end),
        cmocka_unit_test_setup_teardown(test_data_is_held_back, begin, end),
        cmocka_unit_test_setup_teardown(test_host_flow_control, begin, end),
        cmocka_unit_test_setup_teardown(test_answers_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(test_commands_from_deliver, begin, end),
        cmocka_unit_test(test_detach_at_any_time),
        cmocka_unit_test_setup_teardown(test_reset_with_links, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
