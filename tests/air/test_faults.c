/* Faults on demand: which packets a rule finds, and what becomes of them. */
#include "conversation.h"

enum { DISCONNECTION = 0x05, COMPLETED_PACKETS = 0x13, KEY_REQUEST = 0x05, ENCRYPTION_CHANGE = 0x08, TIMED_OUT = 0x08 };

static const uint8_t frame[12] = {8, 0, 4, 0, 0x12, 1, 2, 3, 4, 5, 6, 7}; /* ATT Write Request */
static const uint8_t other[6] = {2, 0, 6, 0, 0x12, 9};                    /* the Security Manager's channel */

static struct world world;
static struct pair pair;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 71, 0);
    pair = pair_connect(&world, 24, 0, 200);
    run_for(&world, SECOND);
    look_from_here(pair.central);
    look_from_here(pair.peripheral);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static uint32_t add(struct bluet_air_fault fault)
{
    uint32_t number;
    assert_int_equal(bluet_air_add_fault(world.air, &number, &fault), BLUET_OK);
    return number;
}

static void expect_counts(uint32_t number, uint64_t matched, uint64_t acted)
{
    uint64_t was_matched;
    uint64_t has_acted;
    assert_int_equal(bluet_air_count_fault(world.air, number, &was_matched, &has_acted), BLUET_OK);
    assert_int_equal(was_matched, matched);
    assert_int_equal(has_acted, acted);
}

static void say(const void *data, size_t length)
{
    send_acl(pair.central, pair.central_handle, 0, data, length);
}

static void expect_heard(const void *data, size_t length)
{
    const struct packet *packet = await_acl(pair.peripheral, SECOND);
    assert_int_equal(packet->length, 5 + length);
    assert_memory_equal(packet->octets + 5, data, length);
}

static void expect_timeouts(void)
{
    assert_int_equal(await_event(pair.central, DISCONNECTION, 5 * SECOND)->octets[6], TIMED_OUT);
    assert_int_equal(await_event(pair.peripheral, DISCONNECTION, 5 * SECOND)->octets[6], TIMED_OUT);
}

static void test_nonsense(void **state)
{
    (void)state;
    uint32_t number;
    const struct bluet_air_fault wrong[] = {
        {.action = 0},
        {.action = (enum bluet_air_action)7},
        {.action = BLUET_AIR_LOSE, .packet = (enum bluet_air_packet)5},
        {.action = BLUET_AIR_DROP, .packet = BLUET_AIR_ADVERTISING},
        {.action = BLUET_AIR_CUT, .packet = BLUET_AIR_EVERYTHING},
        {.action = BLUET_AIR_LOSE, .probability = 1.5},
        {.action = BLUET_AIR_LOSE, .begin = 5, .end = 5},
        {.action = BLUET_AIR_DROP, .cid = 4},
        {.action = BLUET_AIR_DROP, .has_opcode = true},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(bluet_air_add_fault(world.air, &number, &wrong[i]), BLUET_EINVAL);
    assert_int_equal(bluet_air_remove_fault(world.air, 1), BLUET_EINVAL);
    assert_int_equal(bluet_air_count_fault(world.air, 1, NULL, NULL), BLUET_EINVAL);
    const struct bluet_air_fault right = {.action = BLUET_AIR_LOSE};
    world.refuse_from = world.refuse_to = world.allocations + 1;
    assert_int_equal(bluet_air_add_fault(world.air, &number, &right), BLUET_ENOMEM);
    world.refuse_from = world.refuse_to = 0;
    assert_int_equal(bluet_air_remove_fault(world.air, add(right)), BLUET_OK);
    add(right); /* and the end gives it back */
}

static void test_drop(void **state)
{
    (void)state;
    uint32_t number =
        add((struct bluet_air_fault){.packet = BLUET_AIR_L2CAP, .cid = 4, .nth = 2, .action = BLUET_AIR_DROP});
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t numbered[sizeof frame];
        memcpy(numbered, frame, sizeof frame);
        numbered[5] = i;
        say(numbered, sizeof numbered);
    }
    say(other, sizeof other);
    run_for(&world, SECOND);
    assert_int_equal(find_acl(pair.peripheral)->octets[10], 0);
    assert_int_equal(find_acl(pair.peripheral)->octets[10], 2);
    expect_heard(other, sizeof other);
    assert_null(find_acl(pair.peripheral));
    expect_counts(number, 3, 1);
    /* It was acknowledged: the host has all its buffers back. */
    unsigned completed = 0;
    for (const struct packet *event = find_event(pair.central, COMPLETED_PACKETS); event;
         event = find_event(pair.central, COMPLETED_PACKETS))
        completed += get_u16(event, 6);
    assert_int_equal(completed, 4);
}

/* Of a frame in several PDUs nothing arrives, and the next one whole. */
static void test_drop_fragments(void **state)
{
    (void)state;
    uint8_t longer[100] = {96, 0, 4, 0, 0x12};
    add((struct bluet_air_fault){
        .packet = BLUET_AIR_L2CAP, .has_opcode = true, .opcode = 0x12, .nth = 1, .action = BLUET_AIR_DROP});
    say(longer, 60);
    send_acl(pair.central, pair.central_handle, 1, longer + 60, 40);
    say(frame, sizeof frame);
    expect_heard(frame, sizeof frame);
    assert_int_equal(count_acl(pair.peripheral), 1);
}

static void test_direction(void **state)
{
    (void)state;
    uint32_t number = add((struct bluet_air_fault){.from_peripheral = true, .action = BLUET_AIR_DROP});
    uint32_t by_radio = add((struct bluet_air_fault){
        .from = pair.peripheral->controller, .to = pair.central->controller, .action = BLUET_AIR_DROP});
    uint32_t against =
        add((struct bluet_air_fault){.from = pair.central->controller, .nth = 2, .action = BLUET_AIR_DROP});
    say(frame, sizeof frame);
    expect_heard(frame, sizeof frame);
    send_acl(pair.peripheral, pair.peripheral_handle, 0, frame, sizeof frame);
    run_for(&world, SECOND);
    assert_int_equal(count_acl(pair.central), 0);
    expect_counts(number, 1, 1);
    expect_counts(by_radio, 0, 0); /* the first has had it already */
    expect_counts(against, 1, 0);
    world_detach(pair.peripheral);
    assert_int_equal(bluet_air_count_fault(world.air, by_radio, NULL, NULL), BLUET_EINVAL);
    expect_counts(number, 1, 1);
}

static void test_lose(void **state)
{
    (void)state;
    uint64_t start = bluet_air_now(world.air);
    uint32_t number = add((struct bluet_air_fault){
        .packet = BLUET_AIR_L2CAP, .begin = start + 100 * MS, .end = start + 500 * MS, .action = BLUET_AIR_LOSE});
    say(frame, sizeof frame);
    expect_heard(frame, sizeof frame);
    run_until(&world, start + 100 * MS);
    expect_counts(number, 0, 0);
    say(frame, sizeof frame);
    assert_in_range(await_acl(pair.peripheral, SECOND)->at, start + 500 * MS, start + 600 * MS);
    uint64_t acted;
    assert_int_equal(bluet_air_count_fault(world.air, number, NULL, &acted), BLUET_OK);
    assert_true(acted >= 10); /* an attempt in each event of 30 ms, at least */
}

static void test_withhold(void **state)
{
    (void)state;
    uint64_t start = bluet_air_now(world.air);
    add((struct bluet_air_fault){.nth = 1, .action = BLUET_AIR_WITHHOLD, .delay = 700 * MS});
    say(frame, sizeof frame);
    say(other, sizeof other);
    const struct packet *packet = await_acl(pair.peripheral, SECOND);
    assert_in_range(packet->at, start + 700 * MS, start + 800 * MS);
    assert_memory_equal(packet->octets + 5, frame, sizeof frame);
    expect_heard(other, sizeof other);

    uint32_t number = add((struct bluet_air_fault){.action = BLUET_AIR_WITHHOLD});
    say(frame, sizeof frame);
    run_for(&world, 20 * SECOND);
    assert_null(find_acl(pair.peripheral));
    assert_int_equal(count_events(pair.central, DISCONNECTION), 0);
    assert_int_equal(bluet_air_remove_fault(world.air, number), BLUET_OK);
    expect_heard(frame, sizeof frame);
}

static void test_corrupt(void **state)
{
    (void)state;
    add((struct bluet_air_fault){.nth = 1, .action = BLUET_AIR_CORRUPT, .offset = 5, .mask = 0x80});
    say(frame, sizeof frame);
    uint8_t changed[sizeof frame];
    memcpy(changed, frame, sizeof frame);
    changed[5] ^= 0x80;
    expect_heard(changed, sizeof changed);
    say(frame, sizeof frame);
    expect_heard(frame, sizeof frame);
}

static void test_cut(void **state)
{
    (void)state;
    add((struct bluet_air_fault){.nth = 2, .action = BLUET_AIR_CUT});
    say(frame, sizeof frame);
    expect_heard(frame, sizeof frame);
    say(frame, sizeof frame);
    expect_timeouts();
    assert_int_equal(count_acl(pair.peripheral), 1);
}

static struct bytes encryption(void)
{
    uint8_t rest[26] = {0};
    return bytes_join(BYTES(U16(pair.central_handle)), bytes_of(sizeof rest, rest));
}

static void test_cut_after_encryption_request(void **state)
{
    (void)state;
    add((struct bluet_air_fault){
        .packet = BLUET_AIR_CONTROL, .has_opcode = true, .opcode = 0x03, .action = BLUET_AIR_CUT_AFTER});
    say(frame, sizeof frame);
    expect_heard(frame, sizeof frame);
    assert_int_equal(command(pair.central, 0x2019, encryption()), 0);
    await_le_event(pair.peripheral, KEY_REQUEST, SECOND);
    expect_timeouts();
}

static void test_corrupt_ends_encrypted_link(void **state)
{
    (void)state;
    assert_int_equal(command(pair.central, 0x2019, encryption()), 0);
    await_le_event(pair.peripheral, KEY_REQUEST, SECOND);
    uint8_t key[16] = {0};
    assert_int_equal(
        command(pair.peripheral, 0x201a, bytes_join(BYTES(U16(pair.peripheral_handle)), bytes_of(16, key))), 0);
    assert_int_equal(await_event(pair.peripheral, ENCRYPTION_CHANGE, SECOND)->octets[3], 0);
    add((struct bluet_air_fault){.packet = BLUET_AIR_L2CAP, .action = BLUET_AIR_CORRUPT});
    say(frame, sizeof frame);
    assert_int_equal(await_event(pair.peripheral, DISCONNECTION, SECOND)->octets[6], 0x3d);
    assert_int_equal(count_acl(pair.peripheral), 0);
}

/* A radio that hears nothing more, and one that is heard by all but one. */
static void test_dead_radio(void **state)
{
    (void)state;
    struct host *third = world_add(&world);
    host_begin(third);
    add((struct bluet_air_fault){
        .to = pair.peripheral->controller, .packet = BLUET_AIR_EVERYTHING, .action = BLUET_AIR_LOSE});
    expect_timeouts();
    advertise(third, 32, 0);
    scan(pair.peripheral, 16, 16, false, false);
    scan(pair.central, 16, 16, false, false);
    await_le_event(pair.central, 0x02, SECOND);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(pair.peripheral, 0x02), 0);
}

static void test_jammed_channel(void **state)
{
    (void)state;
    struct host *third = world_add(&world);
    host_begin(third);
    add((struct bluet_air_fault){
        .packet = BLUET_AIR_ADVERTISING, .channels = UINT64_C(1) << 37 | UINT64_C(1) << 38, .action = BLUET_AIR_LOSE});
    advertise(third, 160, 3);
    scan(pair.central, 16000, 16000, false, false); /* ten seconds on 37, on 38, on 39 */
    run_for(&world, 19 * SECOND);
    assert_int_equal(count_le_events(pair.central, 0x02), 0);
    await_le_event(pair.central, 0x02, 2 * SECOND);
}

static void test_probability(void **state)
{
    (void)state;
    uint32_t number =
        add((struct bluet_air_fault){.packet = BLUET_AIR_L2CAP, .probability = 0.25, .action = BLUET_AIR_DROP});
    for (unsigned i = 0; i < 200; i++) {
        say(frame, sizeof frame);
        run_for(&world, 60 * MS);
    }
    uint64_t acted;
    assert_int_equal(bluet_air_count_fault(world.air, number, NULL, &acted), BLUET_OK);
    assert_in_range(acted, 30, 70);
    assert_int_equal(count_acl(pair.peripheral), 200 - acted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nonsense, begin, end),
        cmocka_unit_test_setup_teardown(test_drop, begin, end),
        cmocka_unit_test_setup_teardown(test_drop_fragments, begin, end),
        cmocka_unit_test_setup_teardown(test_direction, begin, end),
        cmocka_unit_test_setup_teardown(test_lose, begin, end),
        cmocka_unit_test_setup_teardown(test_withhold, begin, end),
        cmocka_unit_test_setup_teardown(test_corrupt, begin, end),
        cmocka_unit_test_setup_teardown(test_cut, begin, end),
        cmocka_unit_test_setup_teardown(test_cut_after_encryption_request, begin, end),
        cmocka_unit_test_setup_teardown(test_corrupt_ends_encrypted_link, begin, end),
        cmocka_unit_test_setup_teardown(test_dead_radio, begin, end),
        cmocka_unit_test_setup_teardown(test_jammed_channel, begin, end),
        cmocka_unit_test_setup_teardown(test_probability, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
