/* Extended advertising, scanning and connecting (Vol 6 Part B, 4.4.2 to 4.4.4), by the commands of Vol 4 Part E, 7.8.
 */
#include "conversation.h"

enum {
    OK = 0,
    DISALLOWED = 0x0c,
    INVALID = 0x12,
    MEMORY = 0x07,
    UNKNOWN_SET = 0x42,
    TOO_LONG = 0x45,
    REPORT = 0x0d,
    TERMINATED = 0x12,
    SCAN_REQUEST = 0x13,
    SCAN_TIMEOUT = 0x11,
    CONNECTION_COMPLETE = 0x01,
    DISCONNECTION = 0x05
};

/* Advertising event properties. */
enum { CONNECTABLE = 1, SCANNABLE = 2, DIRECTED = 4, LEGACY = 0x10, ANONYMOUS = 0x20, POWER = 0x40 };

static struct world world;
static struct host *advertiser;
static struct host *scanner;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 81, 0);
    advertiser = world_add(&world);
    scanner = world_add(&world);
    host_begin(advertiser);
    host_begin(scanner);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static uint8_t set_parameters(uint8_t handle, uint16_t properties, uint8_t primary, uint8_t secondary)
{
    uint8_t peer[6] = {0};
    if (properties & DIRECTED)
        public_address(scanner, peer);
    struct bytes head = BYTES(handle, U16(properties), 160, 0, 0, 160, 0, 0, 7, 0, 0);
    struct bytes tail = BYTES(0, 0x7f, primary, 0, secondary, (uint8_t)(handle & 0x0f), 1);
    return command(advertiser, 0x2036, bytes_join(bytes_join(head, bytes_of(6, peer)), tail));
}

static uint8_t octet_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 256);
}

/* Data in fragments of at most 251 octets. */
static uint8_t set_data(uint16_t opcode, uint8_t handle, size_t length)
{
    uint8_t octets[1700];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = octet_at(i);
    size_t offset = 0;
    uint8_t status = OK;
    do {
        size_t part = length - offset < 251 ? length - offset : 251;
        bool first = offset == 0;
        bool last = offset + part == length;
        uint8_t operation = first && last ? 3 : first ? 1 : last ? 2 : 0;
        struct bytes head = BYTES(handle, operation, 1, (uint8_t)part);
        status = command(advertiser, opcode, bytes_join(head, bytes_of(part, octets + offset)));
        offset += part;
    } while (offset < length && !status);
    return status;
}

static uint8_t enable(uint8_t on, uint8_t handle, uint16_t duration, uint8_t events)
{
    return command(advertiser, 0x2039, BYTES(on, 1, handle, U16(duration), events));
}

static uint8_t scan_extended(uint8_t phys, bool active, bool filter)
{
    struct bytes one = BYTES(active, U16(0x60), U16(0x60));
    struct bytes parameters = BYTES(0, 0, phys);
    for (unsigned bits = phys; bits; bits >>= 1)
        if (bits & 1)
            parameters = bytes_join(parameters, one);
    uint8_t status = command(scanner, 0x2041, parameters);
    return status ? status : command(scanner, 0x2042, BYTES(1, filter, U16(0), U16(0)));
}

/* A whole advertisement, put together from its reports. */
struct heard {
    uint16_t type; /* without the status of the data */
    uint8_t status, address_type, address[6], primary, secondary, sid, power, direct_type;
    int8_t rssi;
    uint16_t interval;
    size_t length, reports;
    uint8_t data[1700];
};

static struct heard await_whole(uint64_t timeout)
{
    struct heard heard = {0};
    do {
        const struct packet *event = await_le_event(scanner, REPORT, timeout);
        const uint8_t *octets = event->octets + 4;
        assert_int_equal(octets[0], 1);
        heard.type = get_u16(event, 5) & 0x1f;
        heard.status = octets[1] >> 5 & 3;
        heard.address_type = octets[3];
        memcpy(heard.address, octets + 4, 6);
        heard.primary = octets[10];
        heard.secondary = octets[11];
        heard.sid = octets[12];
        heard.power = octets[13];
        heard.rssi = (int8_t)octets[14];
        heard.interval = get_u16(event, 19);
        heard.direct_type = octets[17];
        assert_int_equal(event->length, 4 + 25 + octets[24]);
        memcpy(heard.data + heard.length, octets + 25, octets[24]);
        heard.length += octets[24];
        heard.reports++;
    } while (heard.status == 1);
    return heard;
}

static void expect_data(const struct heard *heard, size_t length)
{
    assert_int_equal(heard->status, 0);
    assert_int_equal(heard->length, length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(heard->data[i], octet_at(i));
}

/* Lengths around the limits of a report and of a PDU, up to the most there may be; on each PHY. */
static void test_data_of_any_length(void **state)
{
    (void)state;
    static const struct {
        uint8_t primary, secondary;
        size_t length;
    } rows[] = {{1, 1, 0},   {1, 1, 31},   {1, 2, 229},  {1, 2, 230},  {1, 1, 244},
                {1, 1, 247}, {1, 2, 1650}, {1, 1, 1650}, {3, 3, 1000}, {3, 2, 1650}};
    assert_int_equal(scan_extended(5, false, false), OK);
    uint8_t address[6];
    public_address(advertiser, address);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(set_parameters(3, POWER, rows[i].primary, rows[i].secondary), OK);
        assert_int_equal(set_data(0x2037, 3, rows[i].length), OK);
        look_from_here(scanner);
        assert_int_equal(enable(1, 3, 0, 0), OK);
        struct heard heard = await_whole(3 * SECOND);
        expect_data(&heard, rows[i].length);
        assert_int_equal(heard.type, 0);
        assert_int_equal(heard.primary, rows[i].primary);
        assert_int_equal(heard.secondary, rows[i].secondary);
        assert_int_equal(heard.sid, 3);
        assert_int_equal(heard.power, 0);
        assert_int_equal(heard.rssi, -50);
        assert_int_equal(heard.address_type, 0);
        assert_memory_equal(heard.address, address, 6);
        assert_int_equal(enable(0, 3, 0, 0), OK);
        run_for(&world, 500 * MS);
    }
    assert_int_equal(count_le_events(scanner, 0x02), 0);
}

/* Legacy PDUs as a host sees them that knows extended commands; and those of a host that knows legacy ones only. */
static void test_legacy_pdus(void **state)
{
    (void)state;
    static const uint16_t properties[] = {0x13, 0x12, 0x10, 0x15};
    assert_int_equal(scan_extended(1, true, true), OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(set_parameters(1, properties[i], 1, 1), OK);
        assert_int_equal(set_data(0x2037, 1, 20), properties[i] == 0x15 ? INVALID : OK);
        if (properties[i] & SCANNABLE)
            assert_int_equal(set_data(0x2038, 1, 10), OK);
        look_from_here(scanner);
        assert_int_equal(enable(1, 1, 0, 0), OK);
        struct heard heard = await_whole(SECOND);
        assert_int_equal(heard.type, properties[i]);
        assert_int_equal(heard.secondary, 0);
        assert_int_equal(heard.sid, 0xff);
        assert_int_equal(heard.power, 127);
        assert_int_equal(heard.length, properties[i] == 0x15 ? 0 : 20);
        if (properties[i] & SCANNABLE) {
            heard = await_whole(SECOND);
            assert_int_equal(heard.type, properties[i] | 8);
            expect_data(&heard, 10);
            await_le_event(advertiser, SCAN_REQUEST, SECOND);
        }
        assert_int_equal(enable(0, 1, 0, 0), OK);
        assert_int_equal(command(advertiser, 0x203c, BYTES(1)), OK);
    }
    struct host *old = world_add(&world);
    host_begin(old);
    advertise(old, 32, 0);
    look_from_here(scanner);
    assert_int_equal(await_whole(SECOND).type, 0x13);
    scan(old, 16, 16, false, false);
    assert_int_equal(set_parameters(1, 0, 1, 1), OK);
    assert_int_equal(enable(1, 1, 0, 0), OK);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(old, REPORT), 0);
    assert_int_equal(count_le_events(old, 0x02), 0); /* extended PDUs are nothing to it */
    assert_int_equal(set_parameters(2, 0x10, 1, 1), OK);
    assert_int_equal(enable(1, 2, 0, 0), OK);
    await_le_event(old, 0x02, SECOND);
}

static void test_scan_response(void **state)
{
    (void)state;
    assert_int_equal(set_parameters(2, SCANNABLE, 1, 2), OK);
    assert_int_equal(set_data(0x2037, 2, 5), INVALID);
    assert_int_equal(enable(1, 2, 0, 0), DISALLOWED); /* no scan response data yet */
    assert_int_equal(set_data(0x2038, 2, 700), OK);
    assert_int_equal(enable(1, 2, 0, 0), OK);
    assert_int_equal(scan_extended(1, false, true), OK);
    struct heard heard = await_whole(SECOND);
    assert_int_equal(heard.type, SCANNABLE);
    assert_int_equal(heard.length, 0);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 1);
    assert_int_equal(count_le_events(advertiser, SCAN_REQUEST), 0);
    assert_int_equal(command(scanner, 0x2042, BYTES(0, 0, U16(0), U16(0))), OK);
    assert_int_equal(scan_extended(1, true, true), OK);
    heard = await_whole(SECOND);
    assert_int_equal(heard.type, SCANNABLE);
    heard = await_whole(SECOND);
    assert_int_equal(heard.type, SCANNABLE | 8);
    expect_data(&heard, 700);
    const struct packet *request = await_le_event(advertiser, SCAN_REQUEST, SECOND);
    assert_int_equal(request->octets[4], 2);
    uint8_t address[6];
    public_address(scanner, address);
    assert_memory_equal(request->octets + 6, address, 6);
}

static void test_anonymous_and_directed(void **state)
{
    (void)state;
    assert_int_equal(set_parameters(4, ANONYMOUS | CONNECTABLE, 1, 1), INVALID);
    assert_int_equal(set_parameters(4, ANONYMOUS, 1, 1), OK);
    assert_int_equal(enable(1, 4, 0, 0), OK);
    assert_int_equal(scan_extended(1, false, true), OK);
    struct heard heard = await_whole(SECOND);
    assert_int_equal(heard.address_type, 0xff);
    assert_memory_equal(heard.address, ((uint8_t[6]){0}), 6);
    assert_int_equal(enable(0, 4, 0, 0), OK);

    struct host *third = world_add(&world);
    host_begin(third);
    struct host *target = scanner;
    scanner = third;
    assert_int_equal(scan_extended(1, false, false), OK);
    scanner = target;
    assert_int_equal(set_parameters(5, DIRECTED, 1, 1), OK);
    assert_int_equal(set_data(0x2037, 5, 12), OK);
    assert_int_equal(enable(1, 5, 0, 0), OK);
    heard = await_whole(SECOND);
    assert_int_equal(heard.type, DIRECTED);
    assert_int_equal(heard.direct_type, 0);
    expect_data(&heard, 12);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(third, REPORT), 0);
}

/* Told once, and again when the data are others. */
static void test_duplicates(void **state)
{
    (void)state;
    assert_int_equal(set_parameters(1, 0, 1, 1), OK);
    assert_int_equal(set_parameters(2, 0, 1, 2), OK);
    assert_int_equal(enable(1, 1, 0, 0), OK);
    assert_int_equal(enable(1, 2, 0, 0), OK);
    assert_int_equal(scan_extended(1, false, true), OK);
    run_for(&world, 2 * SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 2);
    assert_int_equal(set_data(0x2037, 1, 40), OK);
    run_for(&world, 2 * SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 3);
    assert_int_equal(command(advertiser, 0x2037, BYTES(1, 4, 0, 0)), OK); /* unchanged, with a new identifier */
    run_for(&world, 2 * SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 4);
}

/* A chain that breaks off is reported as what it is. */
static void test_lost_chain(void **state)
{
    (void)state;
    assert_int_equal(set_parameters(1, 0, 1, 1), OK);
    assert_int_equal(set_data(0x2037, 1, 600), OK);
    assert_int_equal(scan_extended(1, false, true), OK);
    /* The primary PDU, the first auxiliary one, and then no more. */
    const struct bluet_air_fault fault = {
        .packet = BLUET_AIR_ADVERTISING, .channels = (UINT64_C(1) << 37) - 1, .nth = 2, .action = BLUET_AIR_LOSE};
    assert_int_equal(bluet_air_add_fault(world.air, NULL, &fault), OK);
    assert_int_equal(enable(1, 1, 0, 0), OK);
    struct heard heard = await_whole(SECOND);
    assert_int_equal(heard.status, 2);
    assert_in_range(heard.length, 200, 255);
    assert_true(heard.reports > 1);
}

static void test_ends(void **state)
{
    (void)state;
    assert_int_equal(set_parameters(1, 0, 1, 1), OK);
    uint64_t start = bluet_air_now(world.air);
    assert_int_equal(enable(1, 1, 50, 0), OK);
    const struct packet *event = await_le_event(advertiser, TERMINATED, SECOND);
    assert_memory_equal(event->octets + 4, ((uint8_t[]){0x3c, 1}), 2);
    assert_int_equal(event->at, start + 500 * MS);
    assert_int_equal(enable(1, 1, 0, 3), OK);
    event = await_le_event(advertiser, TERMINATED, SECOND);
    assert_memory_equal(event->octets + 4, ((uint8_t[]){0x43, 1, 0, 0, 3}), 5);
    assert_int_equal(enable(1, 1, 0, 0), OK); /* it can begin anew */

    assert_int_equal(set_parameters(2, 0x1d, 1, 1), OK);
    assert_int_equal(enable(1, 2, 0, 0), INVALID); /* high duty cycle has to end */
    assert_int_equal(enable(1, 2, 129, 0), INVALID);
    assert_int_equal(enable(1, 2, 100, 0), OK);
    event = await_le_event(advertiser, TERMINATED, 2 * SECOND);
    assert_memory_equal(event->octets + 4, ((uint8_t[]){0x3c, 2}), 2);

    start = bluet_air_now(world.air);
    assert_int_equal(command(scanner, 0x2042, BYTES(1, 0, U16(30), U16(0))), OK);
    assert_int_equal(await_le_event(scanner, SCAN_TIMEOUT, SECOND)->at, start + 300 * MS);
    size_t before = count_le_events(scanner, REPORT);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), before);
}

/* A period of 1.28 s, of which it listens for a tenth. */
static void test_scan_period(void **state)
{
    (void)state;
    assert_int_equal(set_parameters(1, LEGACY, 1, 1), OK);
    assert_int_equal(enable(1, 1, 0, 0), OK);
    assert_int_equal(command(scanner, 0x2042, BYTES(1, 2, U16(0), U16(0))), INVALID);
    assert_int_equal(command(scanner, 0x2042, BYTES(1, 2, U16(128), U16(1))), INVALID);
    uint64_t start = bluet_air_now(world.air);
    assert_int_equal(command(scanner, 0x2042, BYTES(1, 2, U16(64), U16(1))), OK);
    run_for(&world, 10 * SECOND);
    size_t count = 0;
    const struct packet *event;
    while ((event = find_le_event(scanner, REPORT))) {
        assert_true((event->at - start) % 1280000 < 641 * MS);
        count++;
    }
    assert_in_range(count, 6, 8); /* once in each period */
    assert_int_equal(count_le_events(scanner, SCAN_TIMEOUT), 0);
}

static struct bytes connect_parameters(uint8_t phys)
{
    uint8_t peer[6];
    public_address(advertiser, peer);
    struct bytes parameters = bytes_join(bytes_join(BYTES(0, 0, 0), bytes_of(6, peer)), BYTES(phys));
    struct bytes one = BYTES(U16(96), U16(96), U16(24), U16(24), U16(0), U16(200), U16(0), U16(0));
    for (unsigned bits = phys; bits; bits >>= 1)
        if (bits & 1)
            parameters = bytes_join(parameters, one);
    return parameters;
}

/* Connections that begin on each PHY, and carry data. */
static void test_connect(void **state)
{
    (void)state;
    static const uint8_t phys[][2] = {{1, 1}, {1, 2}, {3, 3}, {1, 3}, {3, 1}};
    for (size_t i = 0; i < sizeof phys / sizeof *phys; i++) {
        assert_int_equal(set_parameters(6, CONNECTABLE, phys[i][0], phys[i][1]), OK);
        assert_int_equal(enable(1, 6, 0, 0), OK);
        assert_int_equal(command(scanner, 0x2043, connect_parameters(7)), OK);
        assert_int_equal(command(scanner, 0x2043, connect_parameters(7)), DISALLOWED);
        const struct packet *event = await_le_event(scanner, CONNECTION_COMPLETE, 3 * SECOND);
        uint16_t central = get_u16(event, 5);
        assert_int_equal(event->octets[4], OK);
        event = await_le_event(advertiser, CONNECTION_COMPLETE, SECOND);
        uint16_t peripheral = get_u16(event, 5);
        event = await_le_event(advertiser, TERMINATED, SECOND);
        assert_memory_equal(event->octets + 4, BYTES(0, 6, U16(peripheral)).octets, 4);
        assert_int_equal(command(scanner, 0x2030, BYTES(U16(central))), OK);
        assert_memory_equal(returned(scanner, NULL) + 2, BYTES(phys[i][1], phys[i][1]).octets, 2);
        uint8_t data[60] = {56, 0, 4, 0, 1};
        send_acl(scanner, central, 0, data, sizeof data);
        send_acl(advertiser, peripheral, 0, data, sizeof data);
        size_t length = 0;
        while (length < sizeof data)
            length += await_acl(advertiser, SECOND)->length - 5;
        for (length = 0; length < sizeof data;)
            length += await_acl(scanner, SECOND)->length - 5;
        run_for(&world, 3 * SECOND);
        assert_int_equal(command(scanner, 0x0406, BYTES(U16(central), 0x13)), OK);
        assert_int_equal(await_event(scanner, DISCONNECTION, SECOND)->octets[6], 0x16);
        assert_int_equal(await_event(advertiser, DISCONNECTION, SECOND)->octets[6], 0x13);
    }
    assert_int_equal(command(scanner, 0x2043, connect_parameters(2)), INVALID);
    assert_int_equal(command(scanner, 0x2043, connect_parameters(1)), OK);
    assert_int_equal(command(scanner, 0x200e, NOTHING), OK);
    assert_int_equal(await_le_event(scanner, CONNECTION_COMPLETE, SECOND)->octets[4], 0x02);
}

/* AUX_CONNECT_RSP does not come through: the central goes on looking, the peripheral gives up, and both meet again. */
static void test_connect_response_lost(void **state)
{
    (void)state;
    const struct bluet_air_fault fault = {.from = advertiser->controller,
                                          .packet = BLUET_AIR_ADVERTISING,
                                          .channels = (UINT64_C(1) << 37) - 1,
                                          .nth = 2,
                                          .action = BLUET_AIR_LOSE};
    assert_int_equal(bluet_air_add_fault(world.air, NULL, &fault), OK);
    assert_int_equal(set_parameters(6, CONNECTABLE, 1, 1), OK);
    assert_int_equal(enable(1, 6, 0, 0), OK);
    assert_int_equal(command(scanner, 0x2043, connect_parameters(1)), OK);
    await_le_event(advertiser, CONNECTION_COMPLETE, SECOND);
    assert_int_equal(await_event(advertiser, DISCONNECTION, SECOND)->octets[6], 0x3e);
    assert_null(find_le_event(scanner, CONNECTION_COMPLETE));
    assert_int_equal(enable(1, 6, 0, 0), OK);
    await_le_event(scanner, CONNECTION_COMPLETE, SECOND);
}

/* Several sets with several ways, while a link carries on: all are heard. */
static void test_many_sets(void **state)
{
    (void)state;
    assert_int_equal(set_parameters(15, CONNECTABLE, 1, 1), OK);
    assert_int_equal(enable(1, 15, 0, 0), OK);
    assert_int_equal(command(scanner, 0x2043, connect_parameters(1)), OK);
    await_le_event(scanner, CONNECTION_COMPLETE, SECOND);
    for (uint8_t handle = 0; handle < 15; handle++) {
        assert_int_equal(set_parameters(handle, handle % 3 ? 0 : LEGACY, 1, handle % 2 ? 2 : 1), OK);
        if (handle % 3)
            assert_int_equal(set_data(0x2037, handle, 100u + handle * 20u), OK);
        assert_int_equal(enable(1, handle, 0, 0), OK);
    }
    assert_int_equal(set_parameters(16, 0, 1, 1), MEMORY); /* sixteen sets there are */
    assert_int_equal(command(advertiser, 0x203d, NOTHING), DISALLOWED);
    assert_int_equal(scan_extended(1, false, true), OK);
    run_for(&world, 20 * SECOND);
    bool sids[16] = {false};
    size_t legacy = 0;
    const struct packet *event;
    while ((event = find_le_event(scanner, REPORT))) {
        legacy += (size_t)(event->octets[16] == 0xff);
        if (event->octets[16] < 16)
            sids[event->octets[16]] = true;
    }
    assert_int_equal(legacy, 1); /* five sets, but the same address and the same kind */
    for (unsigned handle = 0; handle < 15; handle++)
        assert_int_equal(sids[handle], handle % 3 != 0);
    assert_int_equal(count_events(scanner, DISCONNECTION), 0);
    assert_int_equal(command(advertiser, 0x2039, BYTES(0, 0)), OK);
    assert_int_equal(command(advertiser, 0x203d, NOTHING), OK);
    assert_int_equal(enable(1, 0, 0, 0), UNKNOWN_SET);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(enable(1, 1, 0, 0), UNKNOWN_SET);
    assert_int_equal(set_data(0x2037, 1, 1), UNKNOWN_SET);
    assert_int_equal(command(advertiser, 0x203c, BYTES(1)), UNKNOWN_SET);
    assert_int_equal(set_parameters(1, 0x08, 1, 1), INVALID);
    assert_int_equal(set_parameters(1, CONNECTABLE | SCANNABLE, 1, 1), INVALID);
    assert_int_equal(set_parameters(1, LEGACY | CONNECTABLE, 1, 1), INVALID);
    assert_int_equal(set_parameters(1, LEGACY, 3, 1), INVALID);
    assert_int_equal(set_parameters(1, 0, 2, 1), INVALID);
    assert_int_equal(set_parameters(1, 0, 1, 4), INVALID);
    assert_int_equal(set_parameters(0xf0, 0, 1, 1), INVALID);
    assert_int_equal(set_parameters(1, 0, 1, 1), OK);
    assert_int_equal(set_data(0x2037, 1, 1651), MEMORY);
    assert_int_equal(set_data(0x2037, 1, 1650), OK);
    assert_int_equal(set_parameters(1, LEGACY, 1, 1), INVALID);
    assert_int_equal(set_parameters(1, CONNECTABLE, 1, 1), TOO_LONG);
    assert_int_equal(set_data(0x2038, 1, 3), INVALID);
    assert_int_equal(command(advertiser, 0x2037, BYTES(1, 2, 1, 1, 9)), DISALLOWED); /* the last, without a first */
    assert_int_equal(command(advertiser, 0x2037, BYTES(1, 1, 1, 1, 9)), OK);
    assert_int_equal(enable(1, 1, 0, 0), DISALLOWED); /* there is more to come */
    assert_int_equal(command(advertiser, 0x2037, BYTES(1, 2, 1, 1, 9)), OK);
    assert_int_equal(command(advertiser, 0x2039, BYTES(1, 0)), INVALID);
    assert_int_equal(command(advertiser, 0x2039, BYTES(1, 2, 1, 0, 0, 0, 1, 0, 0, 0)), INVALID);
    assert_int_equal(enable(1, 1, 0, 0), OK);
    assert_int_equal(set_parameters(1, 0, 1, 1), DISALLOWED);
    assert_int_equal(command(advertiser, 0x2037, BYTES(1, 1, 1, 1, 9)), DISALLOWED);
    assert_int_equal(command(advertiser, 0x203c, BYTES(1)), DISALLOWED);
    assert_int_equal(command(scanner, 0x2041, BYTES(0, 0, 2, 0, U16(16), U16(16))), 0x11);
    assert_int_equal(command(scanner, 0x2041, BYTES(0, 0, 1, 0, U16(16), U16(17))), INVALID);
    assert_int_equal(command(scanner, 0x2041, BYTES(0, 0, 5, 0, U16(16), U16(16))), INVALID);

    /* A set with a random address of its own. */
    struct bytes head = BYTES(2, U16(0), 160, 0, 0, 160, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(command(advertiser, 0x2036, bytes_join(head, BYTES(0, 0x7f, 1, 0, 1, 2, 0))), OK);
    assert_int_equal(enable(1, 2, 0, 0), INVALID);
    assert_int_equal(command(advertiser, 0x2035, BYTES(2, 1, 2, 3, 4, 5, 0xc6)), OK);
    assert_int_equal(enable(1, 2, 0, 0), OK);
    assert_int_equal(enable(0, 1, 0, 0), OK);
    assert_int_equal(scan_extended(1, false, false), OK);
    struct heard heard = await_whole(SECOND);
    assert_int_equal(heard.address_type, 1);
    assert_memory_equal(heard.address, ((uint8_t[]){1, 2, 3, 4, 5, 0xc6}), 6);
}

/* Vol 4 Part E, 3.1.1; commands that only read go with both, and a reset begins anew. */
static void test_families(void **state)
{
    (void)state;
    static const uint16_t legacy[] = {0x2006, 0x2008, 0x2009, 0x200a, 0x200b, 0x200c, 0x200d};
    static const uint8_t legacy_lengths[] = {15, 32, 32, 1, 7, 2, 25};
    uint8_t zeros[32] = {0};
    assert_int_equal(command(advertiser, 0x203a, NOTHING), OK);
    assert_memory_equal(returned(advertiser, NULL), BYTES(U16(1650)).octets, 2);
    assert_int_equal(command(advertiser, 0x203b, NOTHING), OK);
    assert_int_equal(returned(advertiser, NULL)[0], 16);
    assert_int_equal(command(advertiser, 0x200a, BYTES(0)), OK);
    assert_int_equal(set_parameters(1, 0, 1, 1), DISALLOWED);
    assert_int_equal(enable(0, 1, 0, 0), DISALLOWED);
    assert_int_equal(command(advertiser, 0x2043, connect_parameters(1)), DISALLOWED);
    assert_int_equal(command(advertiser, 0x0c03, NOTHING), OK);
    assert_int_equal(set_parameters(1, 0, 1, 1), OK);
    assert_int_equal(command(advertiser, 0x203b, NOTHING), OK);
    assert_int_equal(command(advertiser, 0x2007, NOTHING), OK);
    for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++)
        assert_int_equal(command(advertiser, legacy[i], bytes_of(legacy_lengths[i], zeros)), DISALLOWED);
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t keys[2][64];
    uint8_t shared[2][32];
    struct host *hosts[] = {advertiser, scanner};
    uint8_t zeros[64] = {0};
    assert_int_equal(command(advertiser, 0x2026, bytes_of(64, zeros)), DISALLOWED);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(command(hosts[i], 0x2025, NOTHING), OK);
        const struct packet *event = await_le_event(hosts[i], 0x08, SECOND);
        assert_int_equal(event->octets[4], OK);
        memcpy(keys[i], event->octets + 5, 64);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(command(hosts[i], 0x2026, bytes_of(64, keys[1 - i])), OK);
        const struct packet *event = await_le_event(hosts[i], 0x09, SECOND);
        assert_int_equal(event->octets[4], OK);
        memcpy(shared[i], event->octets + 5, 32);
    }
    assert_memory_equal(shared[0], shared[1], 32);
    assert_memory_not_equal(shared[0], zeros, 32);
    /* No point of the curve. */
    assert_int_equal(command(advertiser, 0x2026, bytes_of(64, zeros)), OK);
    assert_int_not_equal(await_le_event(advertiser, 0x09, SECOND)->octets[4], OK);
    /* The debug keys of Vol 3 Part H, 2.3.5.6.1: they agree with themselves alike from both ends. */
    assert_int_equal(command(advertiser, 0x205e, bytes_join(bytes_of(64, keys[1]), BYTES(1))), OK);
    assert_int_equal(await_le_event(advertiser, 0x09, SECOND)->octets[4], OK);
    assert_int_equal(command(advertiser, 0x205e, bytes_join(bytes_of(64, keys[1]), BYTES(2))), INVALID);
}

static void test_names_and_power(void **state)
{
    (void)state;
    uint8_t name[248] = "Bluet";
    assert_int_equal(command(scanner, 0x0c13, bytes_of(sizeof name, name)), OK);
    assert_int_equal(command(scanner, 0x0c14, NOTHING), OK);
    assert_memory_equal(returned(scanner, NULL), name, sizeof name);
    assert_int_equal(command(scanner, 0x1004, BYTES(0)), OK);
    assert_memory_equal(returned(scanner, NULL), BYTES(0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0).octets, 10);
    assert_int_equal(command(scanner, 0x1004, BYTES(1)), INVALID);
    assert_int_equal(command(scanner, 0x2060, NOTHING), OK);
    assert_memory_equal(returned(scanner, NULL), BYTES(U16(251), 8, 0, 0, 0).octets, 6);
    assert_int_equal(command(scanner, 0x204b, NOTHING), OK);
    assert_memory_equal(returned(scanner, NULL), ((uint8_t[]){(uint8_t)-40, 0}), 2);
    assert_int_equal(command(scanner, 0x204d, BYTES(U16(1281), U16(0))), INVALID);
    assert_int_equal(command(scanner, 0x204d, BYTES(U16(1280), U16(0xfb00))), OK);
    assert_int_equal(command(scanner, 0x204c, NOTHING), OK);
    assert_memory_equal(returned(scanner, NULL), BYTES(U16(1280), U16(0xfb00)).octets, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_data_of_any_length, begin, end),
        cmocka_unit_test_setup_teardown(test_legacy_pdus, begin, end),
        cmocka_unit_test_setup_teardown(test_scan_response, begin, end),
        cmocka_unit_test_setup_teardown(test_anonymous_and_directed, begin, end),
        cmocka_unit_test_setup_teardown(test_duplicates, begin, end),
        cmocka_unit_test_setup_teardown(test_lost_chain, begin, end),
        cmocka_unit_test_setup_teardown(test_ends, begin, end),
        cmocka_unit_test_setup_teardown(test_scan_period, begin, end),
        cmocka_unit_test_setup_teardown(test_connect, begin, end),
        cmocka_unit_test_setup_teardown(test_connect_response_lost, begin, end),
        cmocka_unit_test_setup_teardown(test_many_sets, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_families, begin, end),
        cmocka_unit_test_setup_teardown(test_keys, begin, end),
        cmocka_unit_test_setup_teardown(test_names_and_power, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
