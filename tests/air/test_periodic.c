/* Periodic advertising and following it (Vol 6 Part B, 4.4.2.12, 4.4.5.1), by the commands of Vol 4 Part E, 7.8. */
#include "conversation.h"

enum {
    OK = 0,
    EXISTS = 0x0b,
    DISALLOWED = 0x0c,
    INVALID = 0x12,
    UNKNOWN_SET = 0x42,
    CANCELLED = 0x44,
    ESTABLISHED = 0x0e,
    PERIODIC_REPORT = 0x0f,
    LOST = 0x10,
    INTERVAL = 80, /* 100 ms */
    SID = 7
};

static struct world world;
static struct host *advertiser;
static struct host *follower;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 91, 0);
    advertiser = world_add(&world);
    follower = world_add(&world);
    host_begin(advertiser);
    host_begin(follower);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static uint8_t octet_at(size_t i)
{
    return (uint8_t)(i * 5 + i / 256);
}

static uint8_t set_data(size_t length)
{
    uint8_t octets[1700];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = octet_at(i);
    uint8_t status = OK;
    for (size_t offset = 0; !status && (offset < length || !length); offset += 252) {
        size_t part = length - offset < 252 ? length - offset : 252;
        bool last = offset + part == length;
        uint8_t operation = !offset && last ? 3 : !offset ? 1 : last ? 2 : 0;
        status = command(advertiser, 0x203f,
                         bytes_join(BYTES(1, operation, (uint8_t)part), bytes_of(part, octets + offset)));
        if (!length)
            break;
    }
    return status;
}

static void set_parameters(uint8_t phy)
{
    struct bytes parameters =
        BYTES(1, U16(0), 160, 0, 0, 160, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 1, 0, phy, SID, 0);
    assert_int_equal(command(advertiser, 0x2036, parameters), OK);
}

static void start_train(uint8_t phy, size_t length)
{
    set_parameters(phy);
    assert_int_equal(command(advertiser, 0x203e, BYTES(1, U16(INTERVAL), U16(INTERVAL), U16(0))), OK);
    assert_int_equal(set_data(length), OK);
    assert_int_equal(command(advertiser, 0x2040, BYTES(1, 1)), OK);
    assert_int_equal(command(advertiser, 0x2039, BYTES(1, 1, 1, 0, 0, 0)), OK);
}

static void begin_scan(void)
{
    assert_int_equal(command(follower, 0x2041, BYTES(0, 0, 1, 0, U16(96), U16(96))), OK);
    assert_int_equal(command(follower, 0x2042, BYTES(1, 1, U16(0), U16(0))), OK);
}

static uint8_t create_sync(uint8_t options, uint8_t sid, uint16_t skip, uint16_t timeout)
{
    uint8_t address[6];
    public_address(advertiser, address);
    struct bytes head = bytes_join(BYTES(options, sid, 0), bytes_of(6, address));
    return command(follower, 0x2044, bytes_join(head, BYTES(U16(skip), U16(timeout), 0)));
}

static uint16_t follow(uint8_t options, uint16_t skip, uint16_t timeout)
{
    assert_int_equal(create_sync(options, SID, skip, timeout), OK);
    const struct packet *event = await_le_event(follower, ESTABLISHED, 2 * SECOND);
    assert_int_equal(event->octets[4], OK);
    assert_int_equal(event->octets[7], SID);
    assert_int_equal(get_u16(event, 16), INTERVAL);
    return get_u16(event, 5);
}

/* The data of a whole event; its time. */
static uint64_t expect_train(uint16_t handle, size_t length)
{
    size_t had = 0;
    uint8_t status;
    uint64_t at = 0;
    do {
        const struct packet *event = await_le_event(follower, PERIODIC_REPORT, SECOND);
        assert_int_equal(get_u16(event, 4), handle);
        assert_int_equal(event->octets[6], 127);
        assert_int_equal((int8_t)event->octets[7], -50);
        status = event->octets[9];
        assert_int_equal(event->length, 11 + event->octets[10]);
        for (size_t i = 0; i < event->octets[10]; i++)
            assert_int_equal(event->octets[11 + i], octet_at(had + i));
        had += event->octets[10];
        at = event->at;
    } while (status == 1);
    assert_int_equal(status, 0);
    assert_int_equal(had, length);
    return at;
}

static void test_train(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 10, 247, 252, 1650};
    static const uint8_t phys[] = {1, 2, 3};
    begin_scan();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        start_train(phys[i % 3], lengths[i]);
        uint16_t handle = follow(0, 0, 100);
        uint64_t first = expect_train(handle, lengths[i]);
        for (unsigned n = 1; n < 8; n++)
            assert_int_equal(expect_train(handle, lengths[i]) - first, n * 100 * MS);
        assert_int_equal(command(follower, 0x2046, BYTES(U16(handle))), OK);
        assert_int_equal(command(follower, 0x2046, BYTES(U16(handle))), UNKNOWN_SET);
        run_for(&world, 200 * MS);
        look_from_here(follower);
        run_for(&world, SECOND);
        assert_null(find_le_event(follower, PERIODIC_REPORT));
        assert_int_equal(command(advertiser, 0x2039, BYTES(0, 0)), OK);
        assert_int_equal(command(advertiser, 0x2040, BYTES(0, 1)), OK);
        assert_int_equal(command(advertiser, 0x203d, NOTHING), OK);
    }
}

/* The train goes on when the set advertises no more, with new data, and is lost when it ends. */
static void test_end_of_train(void **state)
{
    (void)state;
    begin_scan();
    start_train(1, 10);
    uint16_t handle = follow(0, 0, 50);
    expect_train(handle, 10);
    assert_int_equal(command(advertiser, 0x2039, BYTES(0, 1, 1, 0, 0, 0)), OK);
    assert_int_equal(command(follower, 0x2042, BYTES(0, 0, U16(0), U16(0))), OK);
    assert_int_equal(set_data(20), OK);
    look_from_here(follower);
    expect_train(handle, 20);
    assert_int_equal(create_sync(0, SID, 0, 100), EXISTS);
    uint64_t last = expect_train(handle, 20);
    assert_int_equal(command(advertiser, 0x2040, BYTES(0, 1)), OK);
    const struct packet *event = await_le_event(follower, LOST, SECOND);
    assert_int_equal(get_u16(event, 4), handle);
    assert_in_range(event->at, last + 500 * MS, last + 700 * MS);
}

static void test_skip_and_silence(void **state)
{
    (void)state;
    begin_scan();
    start_train(2, 10);
    uint16_t handle = follow(0, 4, 200);
    uint64_t first = expect_train(handle, 10);
    assert_int_equal(expect_train(handle, 10) - first, 500 * MS);
    assert_int_equal(command(follower, 0x2059, BYTES(U16(handle), 0)), OK);
    size_t before = count_le_events(follower, PERIODIC_REPORT);
    run_for(&world, 3 * SECOND);
    assert_int_equal(count_le_events(follower, PERIODIC_REPORT), before);
    assert_int_equal(command(follower, 0x2059, BYTES(U16(handle), 1)), OK);
    look_from_here(follower);
    expect_train(handle, 10);
    assert_int_equal(command(follower, 0x2059, BYTES(U16(9), 1)), UNKNOWN_SET);
    assert_int_equal(count_le_events(follower, LOST), 0);
}

/* What is asked for by the list, and what is given up. */
static void test_list_and_cancel(void **state)
{
    (void)state;
    uint8_t address[6];
    public_address(advertiser, address);
    struct bytes entry = bytes_join(bytes_join(BYTES(0), bytes_of(6, address)), BYTES(SID));
    begin_scan();
    start_train(1, 10);
    assert_int_equal(create_sync(0, SID + 1, 0, 100), OK); /* another set */
    assert_int_equal(create_sync(0, SID, 0, 100), DISALLOWED);
    assert_int_equal(command(follower, 0x2047, entry), DISALLOWED);
    run_for(&world, 2 * SECOND);
    assert_null(find_le_event(follower, ESTABLISHED));
    assert_int_equal(command(follower, 0x2045, NOTHING), OK);
    assert_int_equal(await_le_event(follower, ESTABLISHED, SECOND)->octets[4], CANCELLED);
    assert_int_equal(command(follower, 0x2045, NOTHING), DISALLOWED);

    assert_int_equal(command(follower, 0x204a, NOTHING), OK);
    assert_int_equal(returned(follower, NULL)[0], 16);
    assert_int_equal(create_sync(1, 0, 0, 100), OK);
    run_for(&world, SECOND);
    assert_null(find_le_event(follower, ESTABLISHED));
    assert_int_equal(command(follower, 0x2045, NOTHING), OK);
    assert_int_equal(await_le_event(follower, ESTABLISHED, SECOND)->octets[4], CANCELLED);
    assert_int_equal(command(follower, 0x2047, entry), OK);
    assert_int_equal(command(follower, 0x2047, entry), INVALID);
    uint16_t handle = follow(1, 0, 100);
    expect_train(handle, 10);
    assert_int_equal(command(follower, 0x2048, entry), OK);
    assert_int_equal(command(follower, 0x2048, entry), UNKNOWN_SET);
    assert_int_equal(command(follower, 0x2049, NOTHING), OK);
}

/* A train that is told of, but cannot be heard. */
static void test_not_established(void **state)
{
    (void)state;
    begin_scan();
    start_train(1, 10);
    /* On the secondary channels, the packets of the set itself alone come through: one in each 100 ms. */
    assert_int_equal(create_sync(0, SID, 0, 100), OK);
    const struct packet *report = await_le_event(follower, 0x0d, SECOND);
    assert_int_equal(get_u16(report, 19), INTERVAL);
    assert_int_equal(command(advertiser, 0x2040, BYTES(0, 1)), OK);
    const struct packet *event = await_le_event(follower, ESTABLISHED, 2 * SECOND);
    assert_int_equal(event->octets[4], 0x3e);
}

static void test_refusals(void **state)
{
    (void)state;
    struct bytes parameters = BYTES(1, U16(INTERVAL), U16(INTERVAL), U16(0));
    assert_int_equal(command(advertiser, 0x203e, parameters), UNKNOWN_SET);
    assert_int_equal(command(advertiser, 0x2040, BYTES(1, 1)), UNKNOWN_SET);
    set_parameters(1);
    assert_int_equal(command(advertiser, 0x2040, BYTES(1, 1)), DISALLOWED); /* no parameters yet */
    assert_int_equal(set_data(1), DISALLOWED);
    assert_int_equal(command(advertiser, 0x203e, BYTES(1, U16(5), U16(5), U16(0))), INVALID);
    assert_int_equal(command(advertiser, 0x203e, BYTES(1, U16(7), U16(6), U16(0))), INVALID);
    assert_int_equal(command(advertiser, 0x203e, parameters), OK);
    assert_int_equal(set_data(1651), 0x07);
    assert_int_equal(command(advertiser, 0x2040, BYTES(3, 1)), 0x11);
    assert_int_equal(command(advertiser, 0x2040, BYTES(4, 1)), INVALID);
    assert_int_equal(command(advertiser, 0x2040, BYTES(1, 1)), OK);
    assert_int_equal(command(advertiser, 0x203e, parameters), DISALLOWED);
    assert_int_equal(command(advertiser, 0x203c, BYTES(1)), DISALLOWED);
    assert_int_equal(create_sync(4, SID, 0, 100), 0x11);
    assert_int_equal(create_sync(0, 16, 0, 100), INVALID);
    assert_int_equal(create_sync(0, SID, 500, 100), INVALID);
    assert_int_equal(create_sync(0, SID, 0, 9), INVALID);
}

/* Trains and links of the same radios take turns. */
static void test_beside_a_link(void **state)
{
    (void)state;
    struct host *third = world_add(&world);
    host_begin(third);
    begin_scan();
    start_train(1, 500);
    uint16_t handle = follow(0, 0, 100);
    advertise(third, 32, 0);
    uint8_t peer[6];
    public_address(third, peer);
    struct bytes head = bytes_join(BYTES(0, 0, 0), bytes_of(6, peer));
    struct bytes one = BYTES(1, U16(96), U16(96), U16(24), U16(24), U16(0), U16(100), U16(0), U16(0));
    assert_int_equal(command(follower, 0x2043, bytes_join(head, one)), OK);
    await_le_event(follower, 0x01, 2 * SECOND);
    look_from_here(follower);
    run_for(&world, 10 * SECOND);
    size_t reports = 0;
    while (find_le_event(follower, PERIODIC_REPORT))
        reports++;
    assert_true(reports > 100);
    assert_int_equal(count_events(follower, 0x05), 0);
    assert_int_equal(count_le_events(follower, LOST), 0);
    assert_int_equal(command(follower, 0x2046, BYTES(U16(handle))), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_train, begin, end),
        cmocka_unit_test_setup_teardown(test_end_of_train, begin, end),
        cmocka_unit_test_setup_teardown(test_skip_and_silence, begin, end),
        cmocka_unit_test_setup_teardown(test_list_and_cancel, begin, end),
        cmocka_unit_test_setup_teardown(test_not_established, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_beside_a_link, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
