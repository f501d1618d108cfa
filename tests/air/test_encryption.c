/* Encryption of a link: started, refused, with a wrong key, renewed (Vol 6 Part B, 5.1.3; Vol 4 Part E, 7.8.24). */
#include "streams.h"

enum { ENCRYPTION_CHANGE = 0x08, KEY_REFRESH = 0x30, KEY_REQUEST = 0x05, DISCONNECTION = 0x05, PAYLOAD_TIMEOUT = 0x57 };

static const uint8_t key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t other_key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17};

static struct world world;
static struct pair pair;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 41, 0);
    pair = pair_connect(&world, 24, 0, 200);
    run_for(&world, SECOND);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static struct bytes enable(const uint8_t *with)
{
    struct bytes parameters = BYTES(U16(pair.central_handle), 1, 2, 3, 4, 5, 6, 7, 8, U16(0xabcd));
    return bytes_join(parameters, bytes_of(16, with));
}

static void expect_key_request(void)
{
    const struct packet *event = await_le_event(pair.peripheral, KEY_REQUEST, SECOND);
    struct bytes expected = BYTES(U16(pair.peripheral_handle), 1, 2, 3, 4, 5, 6, 7, 8, U16(0xabcd));
    assert_memory_equal(event->octets + 4, expected.octets, expected.length);
}

static uint8_t reply(const uint8_t *with)
{
    struct bytes handle = BYTES(U16(pair.peripheral_handle));
    uint8_t status = with ? command(pair.peripheral, 0x201a, bytes_join(handle, bytes_of(16, with)))
                          : command(pair.peripheral, 0x201b, handle);
    assert_memory_equal(returned(pair.peripheral, NULL), handle.octets, 2);
    return status;
}

static void expect_change(struct host *host, uint8_t code, uint8_t status, uint8_t enabled)
{
    const struct packet *event = await_event(host, code, SECOND);
    assert_int_equal(event->octets[3], status);
    if (code == ENCRYPTION_CHANGE)
        assert_int_equal(event->octets[6], enabled);
}

static void exchange(void)
{
    send_acl(pair.central, pair.central_handle, 0, "secret", 6);
    assert_memory_equal(await_acl(pair.peripheral, 200 * MS)->octets + 5, "secret", 6);
    send_acl(pair.peripheral, pair.peripheral_handle, 0, "reply", 5);
    assert_memory_equal(await_acl(pair.central, 200 * MS)->octets + 5, "reply", 5);
}

static void encrypt(void)
{
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0);
    expect_key_request();
    assert_int_equal(reply(key), 0);
    expect_change(pair.central, ENCRYPTION_CHANGE, 0, 1);
    expect_change(pair.peripheral, ENCRYPTION_CHANGE, 0, 1);
}

static void test_start(void **state)
{
    (void)state;
    assert_int_equal(reply(key), 0x0c); /* not asked */
    assert_int_equal(reply(NULL), 0x0c);
    struct bytes wrong_role = enable(key);
    memcpy(wrong_role.octets, BYTES(U16(pair.peripheral_handle)).octets, 2);
    assert_int_equal(command(pair.peripheral, 0x2019, wrong_role), 0x0c);
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0);
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0x0c); /* it runs */
    expect_key_request();
    run_for(&world, SECOND);
    assert_int_equal(count_events(pair.central, ENCRYPTION_CHANGE), 0);
    assert_int_equal(reply(key), 0);
    assert_int_equal(reply(key), 0x0c);
    expect_change(pair.central, ENCRYPTION_CHANGE, 0, 1);
    expect_change(pair.peripheral, ENCRYPTION_CHANGE, 0, 1);
    exchange();
}

/* While it starts, no data goes: what is queued follows encrypted. */
static void test_data_waits(void **state)
{
    (void)state;
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0);
    expect_key_request();
    send_acl(pair.central, pair.central_handle, 0, "down", 4);
    send_acl(pair.peripheral, pair.peripheral_handle, 0, "up", 2);
    run_for(&world, SECOND);
    assert_int_equal(count_acl(pair.central) + count_acl(pair.peripheral), 0);
    assert_int_equal(reply(key), 0);
    uint64_t changed = await_event(pair.central, ENCRYPTION_CHANGE, SECOND)->at;
    assert_true(await_acl(pair.peripheral, SECOND)->at >= changed);
    assert_true(await_acl(pair.central, SECOND)->at >= changed);
}

static void test_no_key(void **state)
{
    (void)state;
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0);
    expect_key_request();
    assert_int_equal(reply(NULL), 0);
    expect_change(pair.central, ENCRYPTION_CHANGE, 0x06, 0);
    exchange();
    encrypt(); /* another try may succeed */
    exchange();
    assert_int_equal(count_events(pair.peripheral, ENCRYPTION_CHANGE), 1);

    /* A host that does not know the event has no key either. */
    struct host *simple = world_add(&world);
    host_begin(simple);
    assert_int_equal(command(simple, 0x2001, BYTES(0x0f, 0, 0, 0, 0, 0, 0, 0)), 0);
    pair = pair_of(pair.central, simple, 24, 0, 200);
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0);
    expect_change(pair.central, ENCRYPTION_CHANGE, 0x06, 0);
}

/* Keys that differ, by one bit in one octet: the peripheral finds it out first, the central by supervision timeout. */
static void test_wrong_key(void **state)
{
    (void)state;
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0);
    expect_key_request();
    assert_int_equal(reply(other_key), 0);
    assert_int_equal(await_event(pair.peripheral, DISCONNECTION, SECOND)->octets[6], 0x3d);
    assert_int_equal(await_event(pair.central, DISCONNECTION, 3 * SECOND)->octets[6], 0x08);
    assert_int_equal(count_events(pair.central, ENCRYPTION_CHANGE), 0);
    assert_int_equal(count_events(pair.peripheral, ENCRYPTION_CHANGE), 0);
}

static void test_key_refresh(void **state)
{
    (void)state;
    encrypt();
    assert_int_equal(command(pair.central, 0x2019, enable(other_key)), 0);
    expect_key_request();
    assert_int_equal(reply(other_key), 0);
    expect_change(pair.central, KEY_REFRESH, 0, 0);
    expect_change(pair.peripheral, KEY_REFRESH, 0, 0);
    exchange();
    assert_int_equal(count_events(pair.central, ENCRYPTION_CHANGE), 1);

    /* Without a key this time: the link does not go on in the clear. */
    assert_int_equal(command(pair.central, 0x2019, enable(key)), 0);
    expect_key_request();
    assert_int_equal(reply(NULL), 0);
    assert_int_equal(await_event(pair.central, DISCONNECTION, SECOND)->octets[6], 0x06);
    assert_int_equal(await_event(pair.peripheral, DISCONNECTION, SECOND)->octets[6], 0x16);
}

/* An encrypted PDU is four octets longer: a pair of 251 octets at 1 Mb/s takes 2500 us, not 2468. */
static void test_throughput(void **state)
{
    (void)state;
    static struct streams streams[2];
    static struct stream down, up;
    memset(streams, 0, sizeof streams);
    assert_int_equal(command(pair.central, 0x2022, BYTES(U16(pair.central_handle), U16(251), U16(2120))), 0);
    run_for(&world, SECOND);
    encrypt();
    stream_attach(pair.central, &streams[0], &down, pair.central_handle, 27);
    stream_attach(pair.peripheral, &streams[1], &up, pair.peripheral_handle, 251);
    stream_begin(&down, 251, STREAM_BUFFERS);
    run_for(&world, SECOND);
    uint32_t before = up.received;
    run_for(&world, 100 * 30 * MS);
    assert_int_equal(up.received - before, 100 * (30000 / 2500));
    assert_int_equal(up.bad, 0);
}

/* Under loss, from both sides busy, again and again. */
static void test_loss(void **state)
{
    (void)state;
    static struct streams streams[2];
    static struct stream down, up;
    memset(streams, 0, sizeof streams);
    bluet_air_set_loss(world.air, 0.3);
    stream_attach(pair.central, &streams[0], &down, pair.central_handle, 27);
    stream_attach(pair.peripheral, &streams[1], &up, pair.peripheral_handle, 27);
    stream_begin(&down, 27, 2);
    stream_begin(&up, 27, 2);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(command(pair.central, 0x2019, enable(i % 2 ? key : other_key)), 0);
        await_le_event(pair.peripheral, KEY_REQUEST, 5 * SECOND);
        assert_int_equal(reply(i % 2 ? key : other_key), 0);
        await_event(pair.central, i ? KEY_REFRESH : ENCRYPTION_CHANGE, 5 * SECOND);
        await_event(pair.peripheral, i ? KEY_REFRESH : ENCRYPTION_CHANGE, 5 * SECOND);
        run_for(&world, 200 * MS);
    }
    assert_int_equal(down.bad + up.bad, 0);
    assert_true(down.received > 100 && up.received > 100);
}

/* Another procedure is under way, at any stage: it is finished after encryption has started, or before. */
static void test_crossing_procedures(void **state)
{
    (void)state;
    for (uint64_t delay = 0; delay < 70 * MS; delay += 101) {
        struct world crossing;
        world_begin(&crossing, delay, 0);
        pair = pair_connect(&crossing, 24, 0, 200);
        run_for(&crossing, 100 * MS);
        assert_int_equal(command(pair.peripheral, 0x2022, BYTES(U16(pair.peripheral_handle), U16(100), U16(2120))), 0);
        run_for(&crossing, delay);
        encrypt();
        run_for(&crossing, 200 * MS);
        assert_int_equal(count_le_events(pair.central, 0x07), 1);
        assert_int_equal(count_le_events(pair.peripheral, 0x07), 1);
        exchange();
        world_end(&crossing);
    }
}

/* ---- The authenticated payload timeout: Vol 6 Part B, 5.4 ---- */

static void test_ping(void **state)
{
    (void)state;
    encrypt();
    assert_int_equal(command(pair.central, 0x0c7c, BYTES(U16(pair.central_handle), U16(2))), 0x12);
    assert_int_equal(command(pair.central, 0x0c7c, BYTES(U16(pair.central_handle), U16(100))), 0);
    assert_int_equal(command(pair.central, 0x0c7b, BYTES(U16(pair.central_handle))), 0);
    assert_memory_equal(returned(pair.central, NULL) + 2, BYTES(U16(100)).octets, 2);
    struct bluet_air_status before;
    struct bluet_air_status after;
    bluet_air_status(pair.central->controller, &before);
    run_for(&world, 60 * SECOND);
    bluet_air_status(pair.central->controller, &after);
    assert_int_equal(after.connection_count, 1);
    assert_int_equal(count_events(pair.central, PAYLOAD_TIMEOUT), 0); /* pings kept it alive */
}

static void test_payload_timeout(void **state)
{
    (void)state;
    encrypt();
    assert_int_equal(command(pair.central, 0x0c7c, BYTES(U16(pair.central_handle), U16(50))), 0);
    run_for(&world, 10 * SECOND);
    assert_int_equal(count_events(pair.central, PAYLOAD_TIMEOUT), 0);
    world_detach(pair.peripheral);
    const struct packet *event = await_event(pair.central, PAYLOAD_TIMEOUT, SECOND);
    assert_int_equal(get_u16(event, 3), pair.central_handle);
    await_event(pair.central, DISCONNECTION, 3 * SECOND);
    assert_in_range(count_events(pair.central, PAYLOAD_TIMEOUT), 3, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start, begin, end),
        cmocka_unit_test_setup_teardown(test_data_waits, begin, end),
        cmocka_unit_test_setup_teardown(test_no_key, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong_key, begin, end),
        cmocka_unit_test_setup_teardown(test_key_refresh, begin, end),
        cmocka_unit_test_setup_teardown(test_throughput, begin, end),
        cmocka_unit_test_setup_teardown(test_loss, begin, end),
        cmocka_unit_test(test_crossing_procedures),
        cmocka_unit_test_setup_teardown(test_ping, begin, end),
        cmocka_unit_test_setup_teardown(test_payload_timeout, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
