/* What surrounds the packets: distance, controllers that fail or tarry or lack features, and those who look on. */
#include "conversation.h"

enum { DISCONNECTION = 0x05, HARDWARE_ERROR = 0x10, COMPLETED_PACKETS = 0x13, REPORT = 0x02, UNKNOWN_COMMAND = 0x01 };

static struct world world;
static struct pair pair;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 61, 0);
    pair = pair_connect(&world, 24, 0, 100);
    run_for(&world, SECOND);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static int8_t rssi(void)
{
    assert_int_equal(command(pair.central, 0x1405, BYTES(U16(pair.central_handle))), 0);
    return (int8_t)returned(pair.central, NULL)[2];
}

static void test_distance(void **state)
{
    (void)state;
    struct bluet_air_controller *central = pair.central->controller;
    struct bluet_air_controller *peripheral = pair.peripheral->controller;
    assert_int_equal(rssi(), -50);
    bluet_air_set_position(central, 0, 0, 0);
    assert_int_equal(rssi(), -50);
    bluet_air_set_position(peripheral, 0.5, 0, 0);
    assert_int_equal(rssi(), -40);
    bluet_air_set_position(peripheral, 6, 8, 0);
    assert_in_range(-rssi(), 59, 60);
    bluet_air_set_position(peripheral, 0, 0, 100);
    assert_in_range(-rssi(), 79, 80);
    assert_int_equal(bluet_air_set_path_loss(central, peripheral, 70), BLUET_OK);
    assert_int_equal(bluet_air_set_path_loss(peripheral, central, 72), BLUET_OK);
    assert_int_equal(rssi(), -72);
    assert_int_equal(bluet_air_set_path_loss(central, central, 70), BLUET_EINVAL);
    assert_int_equal(bluet_air_set_path_loss(central, peripheral, -1), BLUET_EINVAL);
    assert_int_equal(bluet_air_set_path_loss(central, peripheral, 201), BLUET_EINVAL);
    run_for(&world, 3 * SECOND);
    assert_int_equal(count_events(pair.central, DISCONNECTION), 0);
    assert_int_equal(bluet_air_set_path_loss(central, peripheral, 101), BLUET_OK);
    assert_int_equal(await_event(pair.central, DISCONNECTION, 3 * SECOND)->octets[6], 0x08);
    await_event(pair.peripheral, DISCONNECTION, 3 * SECOND);
    advertise(pair.peripheral, 32, 3);
    scan(pair.central, 16, 16, false, false);
    run_for(&world, SECOND);
    assert_null(find_le_event(pair.central, REPORT));
    assert_int_equal(bluet_air_set_path_loss(central, peripheral, 99), BLUET_OK);
    const struct packet *report = await_le_event(pair.central, REPORT, SECOND);
    assert_int_equal((int8_t)report->octets[report->length - 1], -99);
    world_detach(pair.peripheral);
}

static void test_failures(void **state)
{
    (void)state;
    bluet_air_fail(pair.central->controller, BLUET_AIR_HARDWARE_ERROR);
    await_event(pair.central, HARDWARE_ERROR, SECOND);
    assert_int_equal(await_event(pair.peripheral, DISCONNECTION, 3 * SECOND)->octets[6], 0x08);
    assert_int_equal(command(pair.central, 0x0c03, NOTHING), 0);
    look_from_here(pair.central);
    bluet_air_fail(pair.central->controller, BLUET_AIR_SILENT_RESET);
    run_for(&world, SECOND);
    assert_null(find_event(pair.central, HARDWARE_ERROR));
}

static void test_delays(void **state)
{
    (void)state;
    uint64_t start = bluet_air_now(world.air);
    bluet_air_set_answer_delay(pair.central->controller, 40 * MS);
    look_from_here(pair.central);
    send_command(pair.central, 0x2018, NOTHING);
    assert_int_equal(await_event(pair.central, 0x0e, SECOND)->at, start + 40 * MS);
    bluet_air_set_answer_delay(pair.central->controller, 0);

    start = bluet_air_now(world.air);
    bluet_air_set_completion_delay(pair.central->controller, 500 * MS);
    send_acl(pair.central, pair.central_handle, 0, "data", 4);
    await_acl(pair.peripheral, SECOND);
    assert_in_range(await_event(pair.central, COMPLETED_PACKETS, SECOND)->at, start + 500 * MS, start + 600 * MS);
    bluet_air_set_completion_delay(pair.central->controller, BLUET_NEVER);
    send_acl(pair.central, pair.central_handle, 0, "data", 4);
    run_for(&world, 10 * SECOND);
    assert_null(find_event(pair.central, COMPLETED_PACKETS));
    bluet_air_set_completion_delay(pair.central->controller, 0);
    assert_int_equal(get_u16(await_event(pair.central, COMPLETED_PACKETS, SECOND), 6), 1);
}

/* A controller of Core 4.0: what it has not, is unknown to its host and to its peer. */
static void test_without_features(void **state)
{
    (void)state;
    static const uint16_t lacking[] = {0x2022, 0x2024, 0x2027, 0x202d, 0x202f, 0x2030, 0x2036, 0x2041, 0x2044, 0x204e};
    uint8_t zeros[41] = {0};
    struct host *old = world_add_configured(
        &world, (struct bluet_air_controller_config){.without_features = ~UINT64_C(1), .version = 6, .acl_length = 27});
    assert_int_equal(command(old, 0x1001, NOTHING), 0);
    assert_int_equal(returned(old, NULL)[0], 6);
    assert_int_equal(command(old, 0x2003, NOTHING), 0);
    assert_memory_equal(returned(old, NULL), ((uint8_t[8]){1}), 8);
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++)
        assert_int_equal(command(old, lacking[i], bytes_of(sizeof zeros, zeros)), UNKNOWN_COMMAND);
    assert_int_equal(command(old, 0x1002, NOTHING), 0);
    assert_int_equal(returned(old, NULL)[36], 0);
    assert_int_equal(returned(old, NULL)[37], 0);
    assert_int_equal(command(old, 0x0c01, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f)), 0);
    assert_int_equal(command(old, 0x2001, BYTES(0xff, 0, 0, 0, 0, 0, 0, 0)), 0);
    advertise(old, 32, 0);
    create_connection(pair.central, old, 24, 0, 100);
    const struct packet *event = await_le_event(pair.central, 0x01, SECOND);
    uint16_t handle = get_u16(event, 5);
    assert_int_equal(command(pair.central, 0x2022, BYTES(U16(handle), U16(251), U16(2120))), 0);
    assert_int_equal(command(pair.central, 0x2032, BYTES(U16(handle), 0, 2, 2, U16(0))), 0);
    assert_int_equal(await_le_event(pair.central, 0x0c, 3 * SECOND)->octets[4], 0x1a);
    run_for(&world, 60 * SECOND);
    assert_int_equal(count_events(pair.central, DISCONNECTION), 0);
    assert_int_equal(count_le_events(pair.central, 0x07), 0);
}

struct onlooker {
    size_t hci, advertising, link, empty, faulty;
    uint64_t last;
    bool wrong;
};

static void look_on(void *context, const struct bluet_air_observation *seen)
{
    struct onlooker *onlooker = context;
    onlooker->wrong |= seen->length < 2;
    if (seen->place != BLUET_AIR_ON_AIR) {
        onlooker->hci++;
        return;
    }
    onlooker->wrong |= seen->packet[1] + 2u != seen->length || seen->channel > 39 || seen->phy < 1 || seen->phy > 4;
    onlooker->wrong |= (seen->access_address == 0x8e89bed6) == seen->link;
    onlooker->faulty += seen->fate == BLUET_AIR_FAULTY;
    *(seen->link ? &onlooker->link : &onlooker->advertising) += 1;
    onlooker->empty += seen->link && seen->length == 2;
    onlooker->last = seen->time;
}

static void test_onlooker(void **state)
{
    (void)state;
    struct onlooker onlooker = {0};
    bluet_air_observe(world.air, look_on, &onlooker);
    run_for(&world, 300 * MS);
    assert_int_equal(onlooker.link, 20); /* ten events of 30 ms, in each a pair of empty packets */
    assert_int_equal(onlooker.empty, 20);
    const struct bluet_air_fault fault = {.nth = 1, .action = BLUET_AIR_DROP};
    assert_int_equal(bluet_air_add_fault(world.air, NULL, &fault), BLUET_OK);
    send_acl(pair.central, pair.central_handle, 0, "data", 4);
    run_for(&world, 300 * MS);
    assert_int_equal(onlooker.faulty, 1);
    assert_true(onlooker.hci >= 2);
    struct host *third = world_add(&world);
    host_begin(third);
    advertise(third, 32, 3);
    run_for(&world, SECOND);
    assert_true(onlooker.advertising > 60);
    assert_false(onlooker.wrong);
    bluet_air_observe(world.air, NULL, NULL);
    size_t before = onlooker.advertising;
    run_for(&world, SECOND);
    assert_int_equal(onlooker.advertising, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_distance, begin, end),
        cmocka_unit_test_setup_teardown(test_failures, begin, end),
        cmocka_unit_test_setup_teardown(test_delays, begin, end),
        cmocka_unit_test_setup_teardown(test_without_features, begin, end),
        cmocka_unit_test_setup_teardown(test_onlooker, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
