/* Connections: how they come about, what goes over them, and how they end (Vol 6 Part B, 4.5). */
#include "streams.h"

enum { CONNECTION_COMPLETE = 0x01, DISCONNECTION = 0x05, COMPLETED_PACKETS = 0x13 };

static struct world world;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 21, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static void test_connection_complete(void **state)
{
    (void)state;
    uint8_t address[6];
    struct host *central = world_add(&world);
    struct host *peripheral = world_add(&world);
    host_begin(central);
    host_begin(peripheral);
    advertise(peripheral, 32, 0);
    create_connection(central, peripheral, 24, 3, 100);
    const struct packet *event = await_le_event(central, CONNECTION_COMPLETE, SECOND);
    uint64_t at = event->at;
    assert_int_equal(event->length, 22);
    assert_int_equal(event->octets[4], 0);
    assert_int_equal(event->octets[7], 0); /* central */
    assert_int_equal(event->octets[8], 0);
    assert_int_equal(get_u16(event, 15), 24);
    assert_int_equal(get_u16(event, 17), 3);
    assert_int_equal(get_u16(event, 19), 100);
    uint8_t heard[6];
    memcpy(heard, event->octets + 9, 6);
    assert_non_null(find_le_event(central, 0x14)); /* channel selection algorithm */
    event = await_le_event(peripheral, CONNECTION_COMPLETE, SECOND);
    assert_int_equal(event->at, at);
    assert_int_equal(event->octets[7], 1);
    assert_int_equal(get_u16(event, 15), 24);
    struct bluet_air_status status;
    bluet_air_status(peripheral->controller, &status);
    assert_false(status.advertising);
    assert_int_equal(status.connection_count, 1);
    public_address(peripheral, address);
    assert_memory_equal(heard, address, 6);
    public_address(central, address);
    for (size_t i = 0; i < peripheral->count; i++)
        if (peripheral->packets[i].octets[1] == 0x3e && peripheral->packets[i].octets[3] == CONNECTION_COMPLETE)
            assert_memory_equal(peripheral->packets[i].octets + 9, address, 6);
    run_for(&world, 5 * SECOND);
    bluet_air_status(central->controller, &status);
    assert_int_equal(status.connection_count, 1);
    assert_false(status.initiating);
}

static void test_enhanced_connection_complete(void **state)
{
    (void)state;
    struct host *central = world_add(&world);
    struct host *peripheral = world_add(&world);
    host_begin(central);
    host_begin(peripheral);
    assert_int_equal(command(central, 0x2001, BYTES(0xff, 0xff, 0x0f, 0, 0, 0, 0, 0)), 0);
    advertise(peripheral, 32, 0);
    create_connection(central, peripheral, 24, 0, 100);
    const struct packet *event = await_le_event(central, 0x0a, SECOND);
    assert_int_equal(event->length, 34);
    assert_int_equal(get_u16(event, 27), 24);
    assert_memory_equal(event->octets + 15, ((uint8_t[12]){0}), 12);
    assert_int_equal(count_le_events(central, CONNECTION_COMPLETE), 0);
}

static void test_connection_exists_already(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    uint8_t address[6];
    public_address(pair.peripheral, address);
    struct bytes parameters = bytes_join(BYTES(U16(16), U16(16), 0, 0), bytes_of(6, address));
    parameters = bytes_join(parameters, BYTES(0, U16(24), U16(24), U16(0), U16(100), U16(0), U16(0)));
    assert_int_equal(command(pair.central, 0x200d, parameters), 0x0b);
}

/* The peer has gone before its first connection event: six intervals, and it is over. */
static void test_not_established(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 80, 0, 3200);
    uint64_t now = bluet_air_now(world.air);
    world_detach(pair.peripheral);
    const struct packet *event = await_event(pair.central, DISCONNECTION, SECOND);
    assert_int_equal(event->octets[6], 0x3e);
    assert_int_equal(event->at - now, 6 * 100 * MS);

    struct host *peripheral = world_add(&world);
    host_begin(peripheral);
    pair = pair_of(pair.central, peripheral, 80, 0, 3200);
    now = bluet_air_now(world.air);
    world_detach(pair.central);
    event = await_event(peripheral, DISCONNECTION, SECOND);
    assert_int_equal(event->octets[6], 0x3e);
    assert_int_equal(event->at - now, 6 * 100 * MS);
}

static void expect_acl(const struct packet *packet, uint16_t handle, unsigned boundary, const char *text)
{
    assert_int_equal(get_u16(packet, 1), handle | boundary << 12);
    assert_int_equal(get_u16(packet, 3), strlen(text));
    assert_int_equal(packet->length, 5 + strlen(text));
    assert_memory_equal(packet->octets + 5, text, strlen(text));
}

static void test_data(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    send_acl(pair.central, pair.central_handle, 0, "first", 5);
    send_acl(pair.central, pair.central_handle, 1, "further", 7);
    send_acl(pair.peripheral, pair.peripheral_handle, 0, "back", 4);
    expect_acl(await_acl(pair.peripheral, 100 * MS), pair.peripheral_handle, 2, "first");
    expect_acl(await_acl(pair.peripheral, 100 * MS), pair.peripheral_handle, 1, "further");
    expect_acl(await_acl(pair.central, 100 * MS), pair.central_handle, 2, "back");
    run_for(&world, 100 * MS);
    size_t completed = 0;
    const struct packet *event;
    while ((event = find_event(pair.central, COMPLETED_PACKETS))) {
        assert_int_equal(event->octets[3], 1);
        assert_int_equal(get_u16(event, 4), pair.central_handle);
        completed += get_u16(event, 6);
    }
    assert_int_equal(completed, 2);
    assert_non_null(find_event(pair.peripheral, COMPLETED_PACKETS));
}

/* Without data length extension a PDU carries 27 octets: the first is a start, the others continue it. */
static void test_fragmentation(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    uint8_t data[251];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    send_acl(pair.central, pair.central_handle, 0, data, sizeof data);
    for (size_t offset = 0; offset < sizeof data; offset += 27) {
        size_t rest = sizeof data - offset < 27 ? sizeof data - offset : 27;
        const struct packet *packet = await_acl(pair.peripheral, 100 * MS);
        assert_int_equal(get_u16(packet, 1) >> 12, offset ? 1 : 2);
        assert_int_equal(get_u16(packet, 3), rest);
        assert_memory_equal(packet->octets + 5, data + offset, rest);
        assert_int_equal(count_events(pair.central, COMPLETED_PACKETS), 0);
    }
    run_for(&world, 100 * MS);
    assert_int_equal(count_acl(pair.peripheral), 10);
    assert_int_equal(count_events(pair.central, COMPLETED_PACKETS), 1);
}

/* Every packet arrives once, in order, whatever is lost. */
static void test_loss(void **state)
{
    (void)state;
    static const double losses[] = {0, 0.1, 0.5, 0.7};
    static struct streams streams[2];
    static struct stream down, up;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        struct world lossy;
        world_begin(&lossy, 33 + i, 0);
        struct pair pair = pair_connect(&lossy, 12, 0, 3200);
        run_for(&lossy, SECOND);
        assert_int_equal(bluet_air_set_loss(lossy.air, losses[i]), 0);
        memset(streams, 0, sizeof streams);
        stream_attach(pair.central, &streams[0], &down, pair.central_handle, 100);
        stream_attach(pair.peripheral, &streams[1], &up, pair.peripheral_handle, 200);
        down.limit = 300;
        up.limit = 500;
        stream_begin(&down, 200, STREAM_BUFFERS);
        stream_begin(&up, 100, STREAM_BUFFERS);
        for (size_t tries = 0; tries < 1000 && down.completed + up.completed < 800; tries++)
            run_for(&lossy, SECOND);
        assert_int_equal(down.completed, 300);
        assert_int_equal(up.completed, 500);
        assert_int_equal(down.received, 500);
        assert_int_equal(up.received, 300);
        assert_int_equal(down.bad + up.bad, 0);
        world_end(&lossy);
    }
}

/* ---- Supervision ---- */

static void test_supervision(void **state)
{
    (void)state;
    for (unsigned central_dies = 0; central_dies <= 1; central_dies++) {
        struct pair pair = pair_connect(&world, 24, 0, 123);
        struct host *dying = central_dies ? pair.central : pair.peripheral;
        struct host *living = central_dies ? pair.peripheral : pair.central;
        run_for(&world, SECOND);
        send_acl(dying, central_dies ? pair.central_handle : pair.peripheral_handle, 0, "last words", 10);
        uint64_t heard = await_acl(living, 100 * MS)->at;
        world_detach(dying);
        const struct packet *event = await_event(living, DISCONNECTION, 5 * SECOND);
        assert_int_equal(event->octets[3], 0);
        assert_int_equal(event->octets[6], 0x08);
        assert_int_equal(event->at, heard + 1230 * MS);
        run_for(&world, SECOND);
        assert_int_equal(bluet_air_deadline(world.air), BLUET_NEVER);
    }
}

static void test_total_loss(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    run_for(&world, SECOND);
    assert_int_equal(bluet_air_set_loss(world.air, 1), 0);
    const struct packet *event = await_event(pair.central, DISCONNECTION, 2 * SECOND);
    assert_int_equal(event->octets[6], 0x08);
    event = await_event(pair.peripheral, DISCONNECTION, 50 * MS);
    assert_int_equal(event->octets[6], 0x08);
}

static void test_disconnect(void **state)
{
    (void)state;
    static const uint8_t reasons[] = {0x05, 0x13, 0x14, 0x15, 0x1a, 0x29, 0x3b};
    struct pair pair = pair_connect(&world, 24, 0, 100);
    assert_int_equal(command(pair.central, 0x0406, BYTES(U16(pair.central_handle), 0x16)), 0x12);
    for (size_t i = 0; i < 2 * sizeof reasons; i++) {
        bool by_central = i % 2;
        struct host *from = by_central ? pair.central : pair.peripheral;
        struct host *to = by_central ? pair.peripheral : pair.central;
        uint16_t handle = by_central ? pair.central_handle : pair.peripheral_handle;
        run_for(&world, 333 * MS);
        uint64_t now = bluet_air_now(world.air);
        assert_int_equal(command(from, 0x0406, BYTES(U16(handle), reasons[i / 2])), 0);
        assert_int_equal(command(from, 0x0406, BYTES(U16(handle), reasons[i / 2])), 0x0c);
        const struct packet *event = await_event(from, DISCONNECTION, 100 * MS);
        assert_int_equal(event->octets[6], 0x16);
        assert_int_equal(get_u16(event, 4), handle);
        event = await_event(to, DISCONNECTION, 100 * MS);
        assert_int_equal(event->octets[6], reasons[i / 2]);
        assert_true(event->at - now < 2 * 30 * MS + MS);
        assert_int_equal(command(from, 0x0406, BYTES(U16(handle), reasons[i / 2])), 0x02);
        pair = pair_of(pair.central, pair.peripheral, 24, 0, 100);
    }
}

/* Both at once: each is told, once. */
static void test_disconnect_from_both_sides(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    run_for(&world, SECOND);
    assert_int_equal(command(pair.central, 0x0406, BYTES(U16(pair.central_handle), 0x13)), 0);
    assert_int_equal(command(pair.peripheral, 0x0406, BYTES(U16(pair.peripheral_handle), 0x15)), 0);
    run_for(&world, 5 * SECOND);
    assert_int_equal(count_events(pair.central, DISCONNECTION), 1);
    assert_int_equal(count_events(pair.peripheral, DISCONNECTION), 1);
}

/* ---- Latency ---- */

static uint64_t packets_sent(struct host *host)
{
    struct bluet_air_status status;
    bluet_air_status(host->controller, &status);
    return status.packets_sent;
}

static void test_latency(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 9, 200);
    run_for(&world, SECOND);
    uint64_t central = packets_sent(pair.central);
    uint64_t peripheral = packets_sent(pair.peripheral);
    run_for(&world, 30 * SECOND);
    assert_int_equal(packets_sent(pair.central) - central, 1000);
    assert_int_equal(packets_sent(pair.peripheral) - peripheral, 100);

    /* It may speak at once; it hears when it wakes. */
    uint64_t now = bluet_air_now(world.air);
    send_acl(pair.peripheral, pair.peripheral_handle, 0, "now", 3);
    assert_true(await_acl(pair.central, SECOND)->at - now <= 31 * MS);
    run_for(&world, SECOND + 100 * MS);
    now = bluet_air_now(world.air);
    send_acl(pair.central, pair.central_handle, 0, "later", 5);
    assert_in_range(await_acl(pair.peripheral, SECOND)->at - now, 31 * MS, 301 * MS);
}

/* ---- Two roles, many links ---- */

/* A chain: each is central of the next and peripheral of the one before, and advertises and scans on top. */
static void test_chain(void **state)
{
    (void)state;
    enum { LENGTH = 6 };
    struct host *hosts[LENGTH];
    struct pair pairs[LENGTH - 1];
    for (size_t i = 0; i < LENGTH; i++) {
        hosts[i] = world_add(&world);
        host_begin(hosts[i]);
    }
    for (size_t i = 0; i + 1 < LENGTH; i++)
        pairs[i] = pair_of(hosts[i], hosts[i + 1], 24, 0, 200);
    for (size_t i = 0; i < LENGTH; i++) {
        scan(hosts[i], 16, 16, true, false);
        advertise(hosts[i], 160, 2);
    }
    run_for(&world, SECOND);
    for (size_t i = 0; i < LENGTH; i++)
        look_from_here(hosts[i]);
    for (size_t i = 0; i + 1 < LENGTH; i++) {
        send_acl(pairs[i].central, pairs[i].central_handle, 0, "down", 4);
        send_acl(pairs[i].peripheral, pairs[i].peripheral_handle, 0, "up", 2);
    }
    run_for(&world, 10 * SECOND);
    for (size_t i = 0; i < LENGTH; i++) {
        struct bluet_air_status status;
        bluet_air_status(hosts[i]->controller, &status);
        assert_int_equal(status.connection_count, i == 0 || i == LENGTH - 1 ? 1 : 2);
        assert_int_equal(count_acl(hosts[i]), status.connection_count);
        assert_true(count_le_events(hosts[i], 0x02) > 100);
    }
}

/* A central with as many links as it can have finds and connects them all, one more is refused, and all stay up. */
static void test_many_links(void **state)
{
    (void)state;
    enum { LINKS = 50 };
    struct host *central = world_add(&world);
    host_begin(central);
    for (size_t i = 0; i < LINKS; i++) {
        struct host *peripheral = world_add(&world);
        host_begin(peripheral);
        advertise(peripheral, 160, 0);
        create_connection(central, peripheral, 40, 0, 400);
        const struct packet *event = await_le_event(central, CONNECTION_COMPLETE, 20 * SECOND);
        assert_int_equal(event->octets[4], 0);
        assert_int_equal(get_u16(event, 5), i);
    }
    run_for(&world, 60 * SECOND);
    struct bluet_air_status status;
    bluet_air_status(central->controller, &status);
    assert_int_equal(status.connection_count, LINKS);
    /* They do not even keep each other waiting. */
    uint64_t before = packets_sent(central);
    run_for(&world, 10 * SECOND);
    assert_int_equal(packets_sent(central) - before, LINKS * 200);
}

/* Two centrals whose anchor points fall together at their common peripheral: it serves both in turn. */
static void test_peripheral_of_two(void **state)
{
    (void)state;
    static struct streams streams[3];
    static struct stream down[2], up[2];
    memset(streams, 0, sizeof streams);
    struct host *peripheral = world_add(&world);
    host_begin(peripheral);
    for (size_t i = 0; i < 2; i++) {
        struct host *central = world_add(&world);
        host_begin(central);
        struct pair pair = pair_of(central, peripheral, 24, 0, 200);
        stream_attach(central, &streams[i], &down[i], pair.central_handle, 27);
        stream_attach(peripheral, &streams[2], &up[i], pair.peripheral_handle, 27);
    }
    for (size_t i = 0; i < 2; i++) {
        stream_begin(&down[i], 27, 4);
        stream_begin(&up[i], 27, 4);
    }
    run_for(&world, 30 * SECOND);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(down[i].bad + up[i].bad, 0);
        assert_true(down[i].received > 2000 && up[i].received > 2000);
    }
    struct bluet_air_status status;
    bluet_air_status(peripheral->controller, &status);
    assert_int_equal(status.connection_count, 2);
}

/* More links than have room in an interval, all with long packets: each has its turn, none starves. */
static void test_too_many_streams(void **state)
{
    (void)state;
    enum { LINKS = 16 };
    static struct streams central_streams, peripheral_streams[LINKS];
    static struct stream down[LINKS], up[LINKS];
    memset(&central_streams, 0, sizeof central_streams);
    memset(peripheral_streams, 0, sizeof peripheral_streams);
    struct host *central = world_add(&world);
    host_begin(central);
    assert_int_equal(command(central, 0x2024, BYTES(U16(251), U16(2120))), 0);
    for (size_t i = 0; i < LINKS; i++) {
        struct host *peripheral = world_add(&world);
        host_begin(peripheral);
        assert_int_equal(command(peripheral, 0x2024, BYTES(U16(251), U16(2120))), 0);
        struct pair pair = pair_of(central, peripheral, 12, 0, 200);
        run_for(&world, 200 * MS);
        stream_attach(central, &central_streams, &down[i], pair.central_handle, 251);
        stream_attach(peripheral, &peripheral_streams[i], &up[i], pair.peripheral_handle, 251);
    }
    for (size_t i = 0; i < LINKS; i++)
        stream_begin(&up[i], 251, 8);
    run_for(&world, 20 * SECOND);
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    uint32_t sum = 0;
    for (size_t i = 0; i < LINKS; i++) {
        assert_int_equal(down[i].bad, 0);
        least = down[i].received < least ? down[i].received : least;
        most = down[i].received > most ? down[i].received : most;
        sum += down[i].received;
    }
    print_message("%u to %u, %u in all, of %llu\n", least, most, sum, (unsigned long long)(20 * SECOND / 2468));
    assert_true(least * 2 > most);
    assert_true(sum > 20 * SECOND / 2468 * 6 / 10);
    assert_int_equal(count_events(central, DISCONNECTION), 0);
}

/* A link that streams without pause leaves room to scan, to advertise, and to connect. */
static void test_streaming_leaves_room(void **state)
{
    (void)state;
    static struct streams streams[2];
    static struct stream down, up;
    memset(streams, 0, sizeof streams);
    struct pair pair = pair_connect(&world, 40, 0, 200);
    stream_attach(pair.central, &streams[0], &down, pair.central_handle, 27);
    stream_attach(pair.peripheral, &streams[1], &up, pair.peripheral_handle, 27);
    stream_begin(&down, 27, 8);
    stream_begin(&up, 27, 8);
    struct host *third = world_add(&world);
    host_begin(third);
    advertise(third, 160, 0);
    scan(pair.central, 160, 160, true, false);
    run_for(&world, 10 * SECOND);
    assert_true(count_le_events(pair.central, 0x02) > 20);
    assert_int_equal(command(pair.central, 0x200c, BYTES(0, 0)), 0);
    advertise(pair.peripheral, 160, 3);
    scan(third, 16, 16, false, false);
    run_for(&world, 10 * SECOND);
    assert_true(count_le_events(third, 0x02) > 60);
    assert_int_equal(command(third, 0x200c, BYTES(0, 0)), 0);
    create_connection(pair.central, third, 40, 0, 200);
    await_le_event(pair.central, CONNECTION_COMPLETE, 5 * SECOND);
    assert_int_equal(down.bad + up.bad, 0);
    assert_true(down.received > 10000 && up.received > 10000);
}

/* ---- The rest ---- */

static void test_power(void **state)
{
    (void)state;
    struct host *central = world_add_configured(&world, (struct bluet_air_controller_config){.transmit_power = 8});
    struct host *peripheral = world_add_configured(&world, (struct bluet_air_controller_config){.transmit_power = -20});
    host_begin(central);
    host_begin(peripheral);
    struct pair pair = pair_of(central, peripheral, 24, 0, 100);
    for (uint8_t type = 0; type <= 2; type++) {
        assert_int_equal(command(central, 0x0c2d, BYTES(U16(pair.central_handle), type)), type == 2 ? 0x12 : 0);
        assert_memory_equal(returned(central, NULL), BYTES(U16(pair.central_handle), type == 2 ? 0 : 8).octets, 3);
    }
    assert_int_equal(command(central, 0x1405, BYTES(U16(pair.central_handle))), 0);
    assert_int_equal((int8_t)returned(central, NULL)[2], -20 - 50);
    assert_int_equal(command(peripheral, 0x1405, BYTES(U16(pair.peripheral_handle))), 0);
    assert_int_equal((int8_t)returned(peripheral, NULL)[2], 8 - 50);
    world_detach(peripheral);
    assert_int_equal(command(central, 0x1405, BYTES(U16(pair.central_handle))), 0);
    assert_int_equal(returned(central, NULL)[2], 127);
}

static void test_link_limit(void **state)
{
    (void)state;
    enum { LINKS = 64 };
    struct host *central = world_add(&world);
    host_begin(central);
    struct host *last = NULL;
    for (size_t i = 0; i < LINKS; i++) {
        last = world_add(&world);
        host_begin(last);
        pair_of(central, last, 160, 0, 400);
    }
    struct bytes create =
        BYTES(U16(16), U16(16), 0, 0, 1, 2, 3, 4, 5, 6, 0, U16(24), U16(24), U16(0), U16(100), U16(0), U16(0));
    assert_int_equal(command(central, 0x200d, create), 0x09);
    assert_int_equal(command(central, 0x200a, BYTES(1)), 0x09);
    assert_int_equal(command(last, 0x0406, BYTES(U16(0), 0x13)), 0);
    await_event(central, DISCONNECTION, SECOND);
    assert_int_equal(command(central, 0x200a, BYTES(1)), 0);
}

/* Reset, cancelled or gone at each moment of the exchange: no connection where the request did not get through whole.
 */
static void test_reset_while_connecting(void **state)
{
    (void)state;
    struct host *central = world_add(&world);
    struct host *peripheral = world_add(&world);
    size_t cancelled = 0;
    size_t connected = 0;
    for (uint64_t delay = 0; delay < 100 * MS; delay += 53) {
        host_begin(central);
        host_begin(peripheral);
        advertise(peripheral, 32, 0);
        create_connection(central, peripheral, 24, 0, 100);
        run_for(&world, delay);
        look_from_here(central);
        if (delay % 2) {
            assert_int_equal(command(central, 0x0c03, NOTHING), 0);
        } else if (command(central, 0x200e, NOTHING) == 0) {
            cancelled++;
            assert_int_equal(await_le_event(central, CONNECTION_COMPLETE, 0)->octets[4], 0x02);
        } else {
            connected++;
            run_for(&world, MS);
            assert_true(count_le_events(central, CONNECTION_COMPLETE) >= connected);
        }
        run_for(&world, MS);
        assert_int_equal(count_events(central, DISCONNECTION), 0);
    }
    assert_true(cancelled > 10 && connected > 10);
}

/* An initiator takes no notice of those that cannot be connected to, nor of others. */
static void test_not_connectable(void **state)
{
    (void)state;
    struct host *central = world_add(&world);
    struct host *peripheral = world_add(&world);
    struct host *other = world_add(&world);
    host_begin(central);
    host_begin(peripheral);
    host_begin(other);
    advertise(other, 32, 0);
    create_connection(central, peripheral, 24, 0, 100);
    for (uint8_t type = 2; type <= 3; type++) {
        advertise(peripheral, 32, type);
        run_for(&world, SECOND);
        advertise_stop(peripheral);
    }
    assert_int_equal(count_le_events(central, CONNECTION_COMPLETE), 0);
    /* Directed to somebody else */
    struct bytes parameters = BYTES(U16(32), U16(32), 4, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0);
    assert_int_equal(command(peripheral, 0x2006, parameters), 0);
    assert_int_equal(command(peripheral, 0x200a, BYTES(1)), 0);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(central, CONNECTION_COMPLETE), 0);
    advertise_stop(peripheral);
    advertise(peripheral, 32, 0);
    await_le_event(central, CONNECTION_COMPLETE, SECOND);
}

/* ---- Buffers ---- */

static void test_buffer_overflow(void **state)
{
    (void)state;
    struct pair pair = pair_connect(&world, 24, 0, 100);
    for (size_t i = 0; i < 9; i++)
        send_acl(pair.central, pair.central_handle, 0, "more than fits", 14);
    run_for(&world, 0);
    const struct packet *event = find_event(pair.central, 0x1a);
    assert_non_null(event);
    assert_int_equal(event->octets[3], 1);
    assert_null(find_event(pair.central, 0x1a));
    run_for(&world, SECOND);
    assert_int_equal(count_acl(pair.peripheral), 8);

    /* What cannot be sent: unknown handle, nothing in it, a boundary flag that hosts do not use. */
    size_t before = count_events(pair.central, COMPLETED_PACKETS);
    send_acl(pair.central, 0x0eff, 0, "nobody", 6);
    run_for(&world, SECOND);
    assert_int_equal(count_events(pair.central, COMPLETED_PACKETS), before);
    send_acl(pair.central, pair.central_handle, 1, "", 0);
    send_acl(pair.central, pair.central_handle, 2, "odd", 3);
    run_for(&world, SECOND);
    assert_int_equal(count_events(pair.central, COMPLETED_PACKETS), before + 2);
    assert_int_equal(count_acl(pair.peripheral), 8);
}

static void test_small_buffers(void **state)
{
    (void)state;
    struct host *central =
        world_add_configured(&world, (struct bluet_air_controller_config){.acl_length = 27, .acl_count = 1});
    struct host *peripheral = world_add(&world);
    host_begin(central);
    host_begin(peripheral);
    struct pair pair = pair_of(central, peripheral, 24, 0, 100);
    uint8_t data[28] = {0};
    send_acl(central, pair.central_handle, 0, data, sizeof data);
    run_for(&world, 0);
    assert_non_null(find_event(central, 0x1a));
    for (size_t i = 0; i < 5; i++) {
        send_acl(central, pair.central_handle, 0, data, 27);
        assert_int_equal(get_u16(await_event(central, COMPLETED_PACKETS, 100 * MS), 6), 1);
    }
    assert_int_equal(count_acl(peripheral), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_connection_complete, begin, end),
        cmocka_unit_test_setup_teardown(test_enhanced_connection_complete, begin, end),
        cmocka_unit_test_setup_teardown(test_connection_exists_already, begin, end),
        cmocka_unit_test_setup_teardown(test_not_established, begin, end),
        cmocka_unit_test_setup_teardown(test_data, begin, end),
        cmocka_unit_test_setup_teardown(test_fragmentation, begin, end),
        cmocka_unit_test_setup_teardown(test_loss, begin, end),
        cmocka_unit_test_setup_teardown(test_supervision, begin, end),
        cmocka_unit_test_setup_teardown(test_total_loss, begin, end),
        cmocka_unit_test_setup_teardown(test_disconnect, begin, end),
        cmocka_unit_test_setup_teardown(test_disconnect_from_both_sides, begin, end),
        cmocka_unit_test_setup_teardown(test_latency, begin, end),
        cmocka_unit_test_setup_teardown(test_chain, begin, end),
        cmocka_unit_test_setup_teardown(test_many_links, begin, end),
        cmocka_unit_test_setup_teardown(test_peripheral_of_two, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many_streams, begin, end),
        cmocka_unit_test_setup_teardown(test_streaming_leaves_room, begin, end),
        cmocka_unit_test_setup_teardown(test_power, begin, end),
        cmocka_unit_test_setup_teardown(test_link_limit, begin, end),
        cmocka_unit_test_setup_teardown(test_reset_while_connecting, begin, end),
        cmocka_unit_test_setup_teardown(test_not_connectable, begin, end),
        cmocka_unit_test_setup_teardown(test_buffer_overflow, begin, end),
        cmocka_unit_test_setup_teardown(test_small_buffers, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
