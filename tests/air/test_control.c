/* Control procedures: both ends come to the same, at the same moment (Vol 6 Part B, 5.1). */
#include "streams.h"

#include "air/controller.h"
#include "air/link_control.h"

enum {
    UPDATE_COMPLETE = 0x03,
    REMOTE_FEATURES = 0x04,
    PARAMETER_REQUEST = 0x06,
    DATA_LENGTH_CHANGE = 0x07,
    PHY_UPDATE = 0x0c,
    REMOTE_VERSION = 0x0c,
    DISCONNECTION = 0x05
};

static struct world world;
static struct pair pair;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 31, 0);
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

/* The controller's end of the pair's link, to play a peer that no host can make. */
static struct air_link *link_of(struct host *host)
{
    return host->controller->links;
}

static void test_version(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct host *host = i % 2 ? pair.central : pair.peripheral;
        uint16_t handle = i % 2 ? pair.central_handle : pair.peripheral_handle;
        assert_int_equal(command(host, 0x041d, BYTES(U16(handle))), 0);
        const struct packet *event = await_event(host, REMOTE_VERSION, 100 * MS);
        assert_memory_equal(event->octets + 3, BYTES(0, U16(handle), 0x0d, U16(0xffff), U16(1)).octets, 8);
    }
    assert_int_equal(count_events(pair.central, REMOTE_VERSION), 2);
}

static void test_features(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct host *host = i % 2 ? pair.central : pair.peripheral;
        uint16_t handle = i % 2 ? pair.central_handle : pair.peripheral_handle;
        assert_int_equal(command(host, 0x2016, BYTES(U16(handle))), 0);
        const struct packet *event = await_le_event(host, REMOTE_FEATURES, 100 * MS);
        assert_memory_equal(event->octets + 4, BYTES(0, U16(handle), 0xff, 0x79, 0, 0x08, 0, 0, 0, 0).octets, 11);
    }
}

/* ---- Data length ---- */

static void expect_lengths(struct host *host, uint16_t transmit, uint16_t transmit_time, uint16_t receive,
                           uint16_t receive_time)
{
    const struct packet *event = await_le_event(host, DATA_LENGTH_CHANGE, 200 * MS);
    assert_int_equal(get_u16(event, 6), transmit);
    assert_int_equal(get_u16(event, 8), transmit_time);
    assert_int_equal(get_u16(event, 10), receive);
    assert_int_equal(get_u16(event, 12), receive_time);
}

static void test_data_length(void **state)
{
    (void)state;
    struct bytes handle = BYTES(U16(pair.central_handle));
    assert_int_equal(command(pair.central, 0x2022, bytes_join(handle, BYTES(U16(26), U16(328)))), 0x12);
    assert_int_equal(command(pair.central, 0x2022, bytes_join(handle, BYTES(U16(100), U16(17040)))), 0);
    expect_lengths(pair.central, 100, 17040, 27, 328);
    expect_lengths(pair.peripheral, 27, 328, 100, 17040);
    uint8_t data[101] = {0};
    send_acl(pair.central, pair.central_handle, 0, data, sizeof data);
    assert_int_equal(get_u16(await_acl(pair.peripheral, 100 * MS), 3), 100);
    assert_int_equal(get_u16(await_acl(pair.peripheral, 100 * MS), 3), 1);
    /* Nothing changes: nobody is told. */
    assert_int_equal(command(pair.central, 0x2022, bytes_join(handle, BYTES(U16(100), U16(17040)))), 0);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(pair.central, DATA_LENGTH_CHANGE), 1);
    assert_int_equal(count_le_events(pair.peripheral, DATA_LENGTH_CHANGE), 1);

    /* The time counts as well: 1000 us at 1 Mb/s, of which 112 are not payload. */
    assert_int_equal(command(pair.central, 0x2022, bytes_join(handle, BYTES(U16(251), U16(1000)))), 0);
    expect_lengths(pair.central, 251, 1000, 27, 328);
    uint8_t whole[251] = {0};
    send_acl(pair.central, pair.central_handle, 0, whole, sizeof whole);
    assert_int_equal(get_u16(await_acl(pair.peripheral, 100 * MS), 3), 111);
}

/* A controller with a suggested default begins by itself, once the link is up. */
static void test_suggested_data_length(void **state)
{
    (void)state;
    for (unsigned which = 1; which <= 3; which++) {
        struct host *central = world_add(&world);
        struct host *peripheral = world_add(&world);
        host_begin(central);
        host_begin(peripheral);
        uint16_t down = which & 1 ? 251 : 27;
        uint16_t up = which & 2 ? 200 : 27;
        assert_int_equal(command(central, 0x2024, BYTES(U16(down), U16(which & 1 ? 2120 : 328))), 0);
        assert_int_equal(command(peripheral, 0x2024, BYTES(U16(up), U16(which & 2 ? 2120 : 328))), 0);
        pair_of(central, peripheral, 24, 0, 200);
        run_for(&world, SECOND);
        expect_lengths(central, down, which & 1 ? 2120 : 328, up, which & 2 ? 2120 : 328);
        expect_lengths(peripheral, up, which & 2 ? 2120 : 328, down, which & 1 ? 2120 : 328);
        assert_int_equal(count_le_events(central, DATA_LENGTH_CHANGE), 1);
        assert_int_equal(count_le_events(peripheral, DATA_LENGTH_CHANGE), 1);
    }
}

/* ---- PHY ---- */

static uint8_t set_phy(struct host *host, uint16_t handle, uint8_t all, uint8_t transmit, uint8_t receive)
{
    return command(host, 0x2032, BYTES(U16(handle), all, transmit, receive, U16(0)));
}

static void expect_phy(struct host *host, uint8_t status, uint8_t transmit, uint8_t receive)
{
    const struct packet *event = await_le_event(host, PHY_UPDATE, SECOND);
    assert_int_equal(event->octets[4], status);
    assert_int_equal(event->octets[7], transmit);
    assert_int_equal(event->octets[8], receive);
    assert_int_equal(command(host, 0x2030, BYTES(event->octets[5], event->octets[6])), 0);
    assert_memory_equal(returned(host, NULL) + 2, BYTES(transmit, receive).octets, 2);
}

static void test_phy(void **state)
{
    (void)state;
    uint16_t central = pair.central_handle;
    uint16_t peripheral = pair.peripheral_handle;
    assert_int_equal(set_phy(pair.central, central, 0, 8, 1), 0x11);
    assert_int_equal(set_phy(pair.central, central, 0, 0, 1), 0x12);
    assert_int_equal(set_phy(pair.central, central, 0, 2, 1), 0);
    assert_int_equal(set_phy(pair.central, central, 0, 2, 1), 0x0c);
    expect_phy(pair.central, 0, 2, 1);
    expect_phy(pair.peripheral, 0, 1, 2);
    assert_int_equal(set_phy(pair.peripheral, peripheral, 3, 0, 0), 0);
    expect_phy(pair.peripheral, 0, 1,
               2); /* the central still prefers to receive at 1M: told all the same, having asked */
    assert_int_equal(count_le_events(pair.central, PHY_UPDATE), 1);
    assert_int_equal(set_phy(pair.central, central, 3, 0, 0), 0);
    expect_phy(pair.central, 0, 2, 2);
    expect_phy(pair.peripheral, 0, 2, 2);
    assert_int_equal(set_phy(pair.peripheral, peripheral, 0, 1, 1), 0);
    expect_phy(pair.peripheral, 0, 1, 1);
    expect_phy(pair.central, 0, 1, 1);
    send_acl(pair.central, central, 0, "ping", 4);
    await_acl(pair.peripheral, 100 * MS);
    send_acl(pair.peripheral, peripheral, 0, "pong", 4);
    await_acl(pair.central, 100 * MS);
}

/* Both at once: the central's goes on, the peripheral's is refused. */
/* Airtime with Coded PHY (Vol 6 Part B, 2.2): 80 + 256 + 16 + 24 us of S=8, then octets at 64 us and 24, or at 16
 * and 6. */
static void test_coded_phy(void **state)
{
    (void)state;
    static const struct {
        uint16_t options;
        uint32_t us; /* of 27 octets and an empty packet back, which is S=8 */
    } rows[] = {{2, 376 + 32 * 64 + 24}, {1, 376 + 32 * 16 + 6}};
    for (size_t i = 0; i < 2; i++) {
        struct bytes phys = BYTES(U16(pair.central_handle), 0, 4, 4, U16(rows[i].options));
        assert_int_equal(command(pair.central, 0x2032, phys), 0);
        expect_phy(pair.central, 0, 3, 3);
        assert_int_equal(command(pair.central, 0x2032, BYTES(U16(pair.central_handle), 0, 2, 2, U16(0))), 0);
        expect_phy(pair.central, 0, 2, 2);
        assert_int_equal(command(pair.central, 0x2032, phys), 0);
        expect_phy(pair.central, 0, 3, 3);
        run_for(&world, SECOND);
        look_from_here(pair.peripheral);
        uint8_t data[54] = {0};
        send_acl(pair.central, pair.central_handle, 0, data, sizeof data);
        uint64_t first = await_acl(pair.peripheral, SECOND)->at;
        uint64_t second = await_acl(pair.peripheral, SECOND)->at;
        assert_int_equal(second - first, rows[i].us + 2 * 150 + 376 + 5 * 64 + 24);
    }
}

static void test_phy_collision(void **state)
{
    (void)state;
    assert_int_equal(set_phy(pair.central, pair.central_handle, 0, 2, 2), 0);
    assert_int_equal(set_phy(pair.peripheral, pair.peripheral_handle, 0, 2, 2), 0);
    run_for(&world, SECOND);
    expect_phy(pair.central, 0, 2, 2);
    const struct packet *event = find_le_event(pair.peripheral, PHY_UPDATE);
    assert_non_null(event);
    assert_int_equal(event->octets[4], 0x23);
    expect_phy(pair.peripheral, 0, 2, 2);
    assert_int_equal(count_le_events(pair.peripheral, PHY_UPDATE), 2);
}

/* ---- Parameters ---- */

static struct bytes parameters_of(uint16_t handle, uint16_t least, uint16_t most, uint16_t latency, uint16_t timeout)
{
    return BYTES(U16(handle), U16(least), U16(most), U16(latency), U16(timeout), U16(0), U16(0));
}

static uint64_t expect_update(struct host *host, uint8_t status, uint16_t interval, uint16_t latency, uint16_t timeout)
{
    const struct packet *event = await_le_event(host, UPDATE_COMPLETE, SECOND);
    assert_int_equal(event->octets[4], status);
    assert_int_equal(get_u16(event, 7), interval);
    assert_int_equal(get_u16(event, 9), latency);
    assert_int_equal(get_u16(event, 11), timeout);
    return event->at;
}

static uint64_t events_in(uint64_t duration)
{
    struct bluet_air_status before;
    struct bluet_air_status after;
    bluet_air_status(pair.peripheral->controller, &before);
    run_for(&world, duration);
    bluet_air_status(pair.peripheral->controller, &after);
    return after.packets_sent - before.packets_sent;
}

static void test_update(void **state)
{
    (void)state;
    uint16_t handle = pair.central_handle;
    assert_int_equal(command(pair.central, 0x2013, parameters_of(handle, 5, 6, 0, 100)), 0x12);
    assert_int_equal(command(pair.central, 0x2013, parameters_of(handle, 24, 24, 0, 6)), 0x12);
    assert_int_equal(command(pair.central, 0x2013, parameters_of(handle, 40, 80, 0, 300)), 0);
    assert_int_equal(command(pair.central, 0x2013, parameters_of(handle, 40, 80, 0, 300)), 0x0c);
    expect_update(pair.central, 0, 80, 0, 300);
    expect_update(pair.peripheral, 0, 80, 0, 300);
    run_for(&world, SECOND);
    assert_int_equal(events_in(10 * SECOND), 100);
    assert_int_equal(command(pair.central, 0x2013, parameters_of(handle, 6, 6, 4, 50)), 0);
    expect_update(pair.central, 0, 6, 4, 50);
    expect_update(pair.peripheral, 0, 6, 4, 50);
    run_for(&world, SECOND);
    assert_in_range(events_in(15 * SECOND), 399, 401);
    /* The same again: the host that asked is told, the other is not. */
    assert_int_equal(command(pair.central, 0x2013, parameters_of(handle, 6, 6, 4, 50)), 0);
    expect_update(pair.central, 0, 6, 4, 50);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(pair.peripheral, UPDATE_COMPLETE), 2);
    /* The new timeout holds. */
    world_detach(pair.central);
    uint64_t now = bluet_air_now(world.air);
    const struct packet *event = await_event(pair.peripheral, DISCONNECTION, SECOND);
    assert_in_range(event->at - now, 500 * MS - 5 * 7500 - MS, 500 * MS);
}

/* The peripheral asks, the central's host decides. */
static void test_parameter_request(void **state)
{
    (void)state;
    assert_int_equal(command(pair.peripheral, 0x2013, parameters_of(pair.peripheral_handle, 10, 12, 2, 300)), 0);
    const struct packet *event = await_le_event(pair.central, PARAMETER_REQUEST, SECOND);
    assert_memory_equal(event->octets + 4, BYTES(U16(pair.central_handle), U16(10), U16(12), U16(2), U16(300)).octets,
                        10);
    assert_int_equal(command(pair.central, 0x2020, parameters_of(pair.central_handle, 10, 3, 2, 300)), 0x12);
    assert_int_equal(command(pair.central, 0x2020, parameters_of(pair.central_handle, 10, 12, 2, 300)), 0);
    assert_memory_equal(returned(pair.central, NULL), BYTES(U16(pair.central_handle)).octets, 2);
    assert_int_equal(command(pair.central, 0x2020, parameters_of(pair.central_handle, 10, 12, 2, 300)), 0x0c);
    expect_update(pair.peripheral, 0, 12, 2, 300);
    expect_update(pair.central, 0, 12, 2, 300);

    assert_int_equal(command(pair.peripheral, 0x2013, parameters_of(pair.peripheral_handle, 20, 20, 0, 300)), 0);
    await_le_event(pair.central, PARAMETER_REQUEST, SECOND);
    assert_int_equal(command(pair.central, 0x2021, BYTES(U16(pair.central_handle), 0x3b)), 0);
    assert_int_equal(command(pair.central, 0x2021, BYTES(U16(pair.central_handle), 0x3b)), 0x0c);
    expect_update(pair.peripheral, 0x3b, 12, 2, 300);

    /* A host that does not know the event is not asked. */
    assert_int_equal(command(pair.central, 0x2001, BYTES(0x1f, 0, 0, 0, 0, 0, 0, 0)), 0);
    assert_int_equal(command(pair.peripheral, 0x2013, parameters_of(pair.peripheral_handle, 20, 20, 0, 300)), 0);
    expect_update(pair.peripheral, 0x1a, 12, 2, 300);
    assert_int_equal(count_le_events(pair.central, PARAMETER_REQUEST), 2);
}

/* Until the link's end does that with its radio. */
static void step_until(struct host *host, enum air_link_state state)
{
    while (link_of(host)->state != state)
        run_until(&world, bluet_air_deadline(world.air));
}

/* The central announces an update; the peripheral does not get it, and asks for one of its own meanwhile. */
static void collide(uint8_t expected)
{
    step_until(pair.central, AIR_LINK_SENDING);
    assert_int_equal(bluet_air_set_loss(world.air, 1), 0);
    step_until(pair.peripheral, AIR_LINK_SENDING);
    assert_int_equal(bluet_air_set_loss(world.air, 0), 0);
    assert_int_equal(link_of(pair.peripheral)->running, AIR_PROCEDURE_UPDATE);
    const struct packet *event = await_le_event(pair.peripheral, UPDATE_COMPLETE, 5 * SECOND);
    assert_int_equal(event->octets[4], expected);
    assert_int_equal(count_le_events(pair.central, PARAMETER_REQUEST), 0);
}

static void test_update_collision(void **state)
{
    (void)state;
    assert_int_equal(command(pair.central, 0x2013, parameters_of(pair.central_handle, 40, 40, 0, 300)), 0);
    assert_int_equal(command(pair.peripheral, 0x2013, parameters_of(pair.peripheral_handle, 20, 20, 0, 300)), 0);
    collide(0x23);
    expect_update(pair.peripheral, 0, 40, 0, 300);
    expect_update(pair.central, 0, 40, 0, 300);

    /* Another procedure with an instant is in the way. */
    assert_int_equal(command(pair.central, 0x2014, BYTES(0xff, 0, 0, 0, 0)), 0);
    assert_int_equal(command(pair.peripheral, 0x2013, parameters_of(pair.peripheral_handle, 20, 20, 0, 300)), 0);
    collide(0x2a);

    /* Where the central comes first, the peripheral waits, and asks after that. */
    run_for(&world, SECOND);
    step_until(pair.peripheral, AIR_LINK_SENDING);
    step_until(pair.peripheral, AIR_LINK_ASLEEP);
    assert_int_equal(command(pair.central, 0x2013, parameters_of(pair.central_handle, 50, 50, 0, 300)), 0);
    assert_int_equal(command(pair.peripheral, 0x2013, parameters_of(pair.peripheral_handle, 20, 20, 0, 300)), 0);
    uint64_t updated = expect_update(pair.central, 0, 50, 0, 300);
    assert_true(await_le_event(pair.central, PARAMETER_REQUEST, SECOND)->at > updated);
}

/* While the host thinks about a wish, the host of the peripheral gives up hope after 40 s. */
static void test_response_timeout(void **state)
{
    (void)state;
    assert_int_equal(command(pair.peripheral, 0x2013, parameters_of(pair.peripheral_handle, 10, 12, 2, 300)), 0);
    uint64_t asked = await_le_event(pair.central, PARAMETER_REQUEST, SECOND)->at;
    const struct packet *event = await_event(pair.peripheral, DISCONNECTION, 60 * SECOND);
    assert_int_equal(event->octets[6], 0x22);
    assert_in_range(event->at, asked + 40 * SECOND - 61 * MS, asked + 40 * SECOND);
    event = await_event(pair.central, DISCONNECTION, 5 * SECOND);
    assert_int_equal(event->octets[6], 0x08);
}

static void test_channel_map(void **state)
{
    (void)state;
    assert_int_equal(command(pair.central, 0x2014, BYTES(0x03, 0, 0, 0, 0xf0)), 0);
    run_for(&world, SECOND);
    static const uint8_t map[] = {0x03, 0, 0, 0, 0x10};
    assert_int_equal(command(pair.central, 0x2015, BYTES(U16(pair.central_handle))), 0);
    assert_memory_equal(returned(pair.central, NULL) + 2, map, 5);
    assert_int_equal(command(pair.peripheral, 0x2015, BYTES(U16(pair.peripheral_handle))), 0);
    assert_memory_equal(returned(pair.peripheral, NULL) + 2, map, 5);
    send_acl(pair.central, pair.central_handle, 0, "still", 5);
    await_acl(pair.peripheral, 100 * MS);
}

/* An instant that the peripheral hears of too late ends the link. */
static void test_instant_passed(void **state)
{
    (void)state;
    const uint8_t pdu[] = {
        AIR_LL_CHANNEL_MAP_IND, 0xff, 0xff, 0xff, 0xff, 0x1f, U16(link_of(pair.central)->event_counter)};
    air_link_put_control(link_of(pair.central), pdu, sizeof pdu);
    const struct packet *event = await_event(pair.peripheral, DISCONNECTION, SECOND);
    assert_int_equal(event->octets[6], 0x28);
}

/* The host asks for everything at once, while data flows and packets are lost: all of it comes to an end. */
static void test_everything_at_once(void **state)
{
    (void)state;
    static struct streams streams[2];
    static struct stream down, up;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world lossy;
        world_begin(&lossy, seed, 0);
        pair = pair_connect(&lossy, 12, 0, 1000);
        run_for(&lossy, SECOND);
        bluet_air_set_loss(lossy.air, 0.2);
        memset(streams, 0, sizeof streams);
        stream_attach(pair.central, &streams[0], &down, pair.central_handle, 100);
        stream_attach(pair.peripheral, &streams[1], &up, pair.peripheral_handle, 100);
        stream_begin(&down, 100, 4);
        stream_begin(&up, 100, 4);
        for (unsigned side = 0; side < 2; side++) {
            struct host *host = side ? pair.central : pair.peripheral;
            uint16_t handle = side ? pair.central_handle : pair.peripheral_handle;
            assert_int_equal(command(host, 0x041d, BYTES(U16(handle))), 0);
            assert_int_equal(command(host, 0x2016, BYTES(U16(handle))), 0);
            assert_int_equal(command(host, 0x2022, BYTES(U16(handle), U16(251), U16(2120))), 0);
            assert_int_equal(command(host, 0x2013, parameters_of(handle, 20, 20, 1, 1000)), 0);
            assert_int_equal(set_phy(host, handle, 0, 2, 2), 0);
            if (side)
                assert_int_equal(command(host, 0x2014, BYTES(0xff, 0, 0, 0, 0)), 0);
        }
        run_for(&lossy, 20 * SECOND);
        for (unsigned side = 0; side < 2; side++) {
            struct host *host = side ? pair.central : pair.peripheral;
            assert_int_equal(count_events(host, DISCONNECTION), 0);
            assert_int_equal(count_events(host, REMOTE_VERSION), 1);
            assert_int_equal(count_le_events(host, REMOTE_FEATURES), 1);
            assert_true(count_le_events(host, UPDATE_COMPLETE) >= 1);
            assert_true(count_le_events(host, PHY_UPDATE) >= 1);
            assert_true(count_le_events(host, DATA_LENGTH_CHANGE) >= 1);
            struct air_link *link = link_of(host);
            assert_int_equal(link->transmit_phy, 2);
            assert_int_equal(link->receive_phy, 2);
            assert_int_equal(link->parameters.interval, 20);
            assert_int_equal(link->running, AIR_PROCEDURE_NONE);
            assert_int_equal(link->effective.transmit_octets, 251);
        }
        assert_int_equal(down.bad + up.bad, 0);
        assert_true(down.received > 1000 && up.received > 1000);
        world_end(&lossy);
    }
}

/* ---- PDUs that no controller of ours sends ---- */

static void test_unknown_pdus(void **state)
{
    (void)state;
    struct air_link *link = link_of(pair.central);
    for (unsigned opcode = 0x19; opcode < 0x100; opcode += 3) {
        const uint8_t pdu[] = {(uint8_t)opcode, 1, 2, 3};
        air_control_receive(link, pdu, sizeof pdu);
        assert_int_equal(link->control_count, 1);
        assert_memory_equal(link->control[0].octets, BYTES(AIR_LL_UNKNOWN_RSP, (uint8_t)opcode).octets, 2);
        run_for(&world, 100 * MS);
        assert_int_equal(link->control_count, 0);
    }
    /* Too short, for the other role, or empty. */
    static const uint8_t bad[][2] = {
        {AIR_LL_LENGTH_REQ, 1}, {AIR_LL_CONNECTION_UPDATE_IND, 1}, {AIR_LL_FEATURE_REQ, 1}, {AIR_LL_PHY_UPDATE_IND, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        air_control_receive(link, bad[i], 2);
        assert_memory_equal(link->control[0].octets, BYTES(AIR_LL_UNKNOWN_RSP, bad[i][0]).octets, 2);
        run_for(&world, 100 * MS);
    }
    air_control_receive(link, NULL, 0);
    run_for(&world, 100 * MS);
    assert_int_equal(count_events(pair.central, DISCONNECTION), 0);
}

/* The peer does not know what it is asked: the host is told, and the link goes on. */
static void test_peer_knows_nothing(void **state)
{
    (void)state;
    struct air_link *link = link_of(pair.central);
    assert_int_equal(command(pair.central, 0x2016, BYTES(U16(pair.central_handle))), 0);
    air_control_run(link);
    assert_int_equal(link->running, AIR_PROCEDURE_FEATURES);
    link->control_count = 0;
    air_control_receive(link, BYTES(AIR_LL_UNKNOWN_RSP, AIR_LL_FEATURE_REQ).octets, 2);
    assert_int_equal(await_le_event(pair.central, REMOTE_FEATURES, 0)->octets[4], 0x1a);

    assert_int_equal(set_phy(pair.central, pair.central_handle, 0, 2, 2), 0);
    air_control_run(link);
    link->control_count = 0;
    air_control_receive(link, BYTES(AIR_LL_UNKNOWN_RSP, AIR_LL_PHY_REQ).octets, 2);
    assert_int_equal(await_le_event(pair.central, PHY_UPDATE, 0)->octets[4], 0x1a);

    air_control_want(link, AIR_PROCEDURE_PING, false);
    air_control_run(link);
    link->control_count = 0;
    air_control_receive(link, BYTES(AIR_LL_UNKNOWN_RSP, AIR_LL_PING_REQ).octets, 2);
    air_control_want(link, AIR_PROCEDURE_LENGTH, false);
    air_control_run(link);
    link->control_count = 0;
    air_control_receive(link, BYTES(AIR_LL_REJECT_EXT_IND, AIR_LL_LENGTH_REQ, 0x1a).octets, 3);
    assert_int_equal(link->running, AIR_PROCEDURE_NONE);
    run_for(&world, 60 * SECOND);
    assert_int_equal(count_events(pair.central, DISCONNECTION), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_version, begin, end),
        cmocka_unit_test_setup_teardown(test_features, begin, end),
        cmocka_unit_test_setup_teardown(test_data_length, begin, end),
        cmocka_unit_test_setup_teardown(test_suggested_data_length, begin, end),
        cmocka_unit_test_setup_teardown(test_phy, begin, end),
        cmocka_unit_test_setup_teardown(test_coded_phy, begin, end),
        cmocka_unit_test_setup_teardown(test_phy_collision, begin, end),
        cmocka_unit_test_setup_teardown(test_update, begin, end),
        cmocka_unit_test_setup_teardown(test_parameter_request, begin, end),
        cmocka_unit_test_setup_teardown(test_update_collision, begin, end),
        cmocka_unit_test_setup_teardown(test_response_timeout, begin, end),
        cmocka_unit_test_setup_teardown(test_channel_map, begin, end),
        cmocka_unit_test_setup_teardown(test_instant_passed, begin, end),
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test_setup_teardown(test_unknown_pdus, begin, end),
        cmocka_unit_test_setup_teardown(test_peer_knows_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
