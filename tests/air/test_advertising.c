/* Advertising and scanning: when PDUs go out, who hears them, and what is reported (Vol 6 Part B, 4.4.2 and 4.4.3). */
#include "conversation.h"

enum { REPORT = 0x02, DIRECTED_REPORT = 0x0b, PERIOD = 20 };

static const uint8_t data[] = {2, 1, 6, 5, 9, 'B', 'l', 'u', 'e'};
static const uint8_t response[] = {3, 0xff, 1, 2};

static struct world world;
static struct host *advertiser, *scanner;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 11, 0);
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

static void set_data(struct host *host, uint16_t opcode, const uint8_t *octets, size_t length)
{
    struct bytes parameters = {.length = 32, .octets = {(uint8_t)length}};
    memcpy(parameters.octets + 1, octets, length);
    assert_int_equal(command(host, opcode, parameters), 0);
}

static void advertise_as(struct host *host, uint16_t interval, uint8_t type, uint8_t channels, uint8_t policy,
                         const uint8_t peer[6])
{
    static const uint8_t nobody[6];
    struct bytes parameters =
        bytes_join(BYTES(U16(interval), U16(interval), type, 0, 0), bytes_of(6, peer ? peer : nobody));
    assert_int_equal(command(host, 0x2006, bytes_join(parameters, BYTES(channels, policy))), 0);
    assert_int_equal(command(host, 0x200a, BYTES(1)), 0);
}

static void expect_report(const struct packet *packet, uint8_t type, const uint8_t *octets, size_t length)
{
    uint8_t address[6];
    struct host *from = advertiser;
    size_t next = scanner->next;
    public_address(from, address);
    scanner->next = next;
    assert_int_equal(packet->length, 15 + length);
    assert_int_equal(packet->octets[2], packet->length - 3);
    assert_int_equal(packet->octets[4], 1);
    assert_int_equal(packet->octets[5], type);
    assert_int_equal(packet->octets[6], 0);
    assert_memory_equal(packet->octets + 7, address, 6);
    assert_int_equal(packet->octets[13], length);
    assert_memory_equal(packet->octets + 14, octets, length);
    assert_int_equal((int8_t)packet->octets[14 + length], -50);
}

/* One channel, so one PDU an event: from one to the next it takes the interval and a delay of 0 to 10 ms, at random. */
static void test_interval(void **state)
{
    (void)state;
    set_data(advertiser, 0x2008, data, sizeof data);
    scan(scanner, 0x4000, 0x4000, false, false);
    advertise_as(advertiser, 160, 3, 1, 0, NULL);
    uint64_t last = 0;
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (size_t i = 0; i < 80; i++) {
        const struct packet *packet = await_le_event(scanner, REPORT, 200 * MS);
        uint64_t gap = packet->at - last;
        if (i) {
            assert_in_range(gap, 100000, 110000);
            least = gap < least ? gap : least;
            most = gap > most ? gap : most;
        }
        last = packet->at;
        expect_report(packet, 3, data, sizeof data);
    }
    assert_true(least < 101000 && most > 109000);
}

/* A scan window as long as its interval hears one channel at a time, and each event once. */
static void test_three_channels(void **state)
{
    (void)state;
    scan(scanner, 160, 160, false, false);
    advertise(advertiser, 160, 3);
    run_for(&world, 10 * SECOND);
    size_t events = count_le_events(scanner, REPORT);
    assert_in_range(events, 85, 100); /* some fall on a change of channels */
    struct bluet_air_status status;
    bluet_air_status(advertiser->controller, &status);
    assert_in_range(status.packets_sent, 3 * 92, 3 * 101);
    bluet_air_status(scanner->controller, &status);
    assert_true(status.scanning);
    assert_int_equal(status.packets_received, events);
}

/* A window of a tenth hears about a tenth. */
static void test_window(void **state)
{
    (void)state;
    scan(scanner, 1600, 160, false, false);
    advertise(advertiser, 32, 3);
    run_for(&world, 60 * SECOND);
    assert_in_range(count_le_events(scanner, REPORT), 60000 / 25 / 10 * 8 / 10, 60000 / 25 / 10 * 12 / 10);
    for (size_t i = 0; i < scanner->count; i++)
        if (scanner->packets[i].octets[1] == 0x3e)
            assert_true((scanner->packets[i].at) % SECOND <= 100 * MS);
}

static void test_types(void **state)
{
    (void)state;
    static const uint8_t report_of[] = {0, 1, 2, 3, 1};
    uint8_t address[6];
    public_address(scanner, address);
    set_data(advertiser, 0x2008, data, sizeof data);
    set_data(advertiser, 0x2009, response, sizeof response);
    for (uint8_t type = 0; type <= 4; type++) {
        bool directed = type == 1 || type == 4;
        bool scannable = type == 0 || type == 2;
        for (unsigned active = 0; active <= 1; active++) {
            scan(scanner, 16, 16, active, false);
            advertise_as(advertiser, 32, type, 7, 0, address);
            look_from_here(scanner);
            const struct packet *packet = await_le_event(scanner, REPORT, SECOND);
            expect_report(packet, report_of[type], data, directed ? 0 : sizeof data);
            if (active && scannable) {
                /* SCAN_REQ and SCAN_RSP, each after an inter-frame space */
                uint64_t at = packet->at;
                packet = await_le_event(scanner, REPORT, SECOND);
                expect_report(packet, 4, response, sizeof response);
                assert_int_equal(packet->at - at, 150 + 176 + 150 + (10 + 6 + sizeof response) * 8);
            }
            size_t responses = 0;
            run_for(&world, SECOND);
            while ((packet = find_le_event(scanner, REPORT)))
                responses += packet->octets[5] == 4;
            assert_int_equal(responses > 0, active && scannable);
            if (type != 1)
                advertise_stop(advertiser);
            else
                run_for(&world, 2 * SECOND);
            assert_int_equal(command(scanner, 0x200c, BYTES(0, 0)), 0);
        }
    }
}

/* Directed to another: not reported. */
static void test_directed_to_another(void **state)
{
    (void)state;
    scan(scanner, 16, 16, true, false);
    advertise_as(advertiser, 32, 4, 7, 0, (const uint8_t[]){1, 2, 3, 4, 5, 6});
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 0);
}

/* High duty cycle: an event at least every 3.75 ms, for 1.28 s, and then the host is told. */
static void test_high_duty_cycle(void **state)
{
    (void)state;
    scan(scanner, 16, 16, false, false);
    uint8_t address[6];
    public_address(scanner, address);
    uint64_t start = bluet_air_now(world.air);
    advertise_as(advertiser, 0, 1, 7, 0, address);
    const struct packet *packet = await_le_event(advertiser, 0x01, 2 * SECOND);
    assert_int_equal(packet->octets[4], 0x3c);
    assert_int_equal(packet->octets[7], 1); /* peripheral */
    assert_in_range(packet->at - start, 1276 * MS, 1284 * MS);
    assert_in_range(count_le_events(scanner, REPORT), 250, 345);
    struct bluet_air_status status;
    bluet_air_status(advertiser->controller, &status);
    assert_false(status.advertising);
    assert_int_equal(bluet_air_deadline(world.air), BLUET_NEVER);
}

static void test_duplicate_filter(void **state)
{
    (void)state;
    set_data(advertiser, 0x2008, data, sizeof data);
    set_data(advertiser, 0x2009, response, sizeof response);
    scan(scanner, 16, 16, true, true);
    advertise(advertiser, 32, 0);
    run_for(&world, 5 * SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 2);
    assert_int_equal(command(scanner, 0x200c, BYTES(1, 1)), 0); /* enabling it again forgets */
    run_for(&world, 5 * SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 4);
}

static void test_duplicate_filter_of_many(void **state)
{
    (void)state;
    scan(scanner, 16, 16, false, true);
    for (size_t i = 2; i < HOSTS_MOST; i++) {
        struct host *host = world_add(&world);
        host_begin(host);
        advertise(host, 800, 3);
    }
    run_for(&world, 30 * SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), HOSTS_MOST - 2);
}

/* ---- Filters ---- */

static void test_scanner_accept_list(void **state)
{
    (void)state;
    struct host *other = world_add(&world);
    host_begin(other);
    uint8_t address[6];
    public_address(advertiser, address);
    assert_int_equal(command(scanner, 0x2011, bytes_join(BYTES(0), bytes_of(6, address))), 0);
    assert_int_equal(command(scanner, 0x200b, BYTES(0, U16(16), U16(16), 0, 1)), 0);
    assert_int_equal(command(scanner, 0x200c, BYTES(1, 0)), 0);
    advertise(other, 32, 3);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(scanner, REPORT), 0);
    advertise(advertiser, 32, 3);
    run_for(&world, SECOND);
    assert_true(count_le_events(scanner, REPORT) > 10);
}

/* Policies of the advertiser: 1 for scan requests, 2 for connection requests, 3 for both. */
static void test_advertiser_accept_list(void **state)
{
    (void)state;
    uint8_t address[6];
    public_address(scanner, address);
    for (uint8_t policy = 0; policy < 4; policy++) {
        for (unsigned listed = 0; listed <= 1; listed++) {
            assert_int_equal(command(advertiser, 0x2010, NOTHING), 0);
            if (listed)
                assert_int_equal(command(advertiser, 0x2011, bytes_join(BYTES(0), bytes_of(6, address))), 0);
            advertise_as(advertiser, 32, 0, 7, policy, NULL);
            look_from_here(scanner);
            scan(scanner, 16, 16, true, true);
            run_for(&world, SECOND);
            size_t reports = 0;
            while (find_le_event(scanner, REPORT))
                reports++;
            assert_int_equal(reports, listed || !(policy & 1) ? 2 : 1);
            assert_int_equal(command(scanner, 0x200c, BYTES(0, 0)), 0);

            create_connection(scanner, advertiser, 24, 0, 100);
            run_for(&world, SECOND);
            struct bluet_air_status status;
            bluet_air_status(advertiser->controller, &status);
            assert_int_equal(status.connection_count, listed || !(policy & 2));
            /* Whoever is connected by now is let go; the initiator may believe that it is, for a while. */
            assert_int_equal(command(scanner, 0x0c03, NOTHING), 0);
            host_begin(scanner);
            run_for(&world, 2 * SECOND);
            advertise_stop(advertiser);
        }
    }
}

/* ---- Collisions, power and loss ---- */

/* Two that send at the same moment on the same channel are both lost, unless one is much stronger. */
static void test_collision(void **state)
{
    (void)state;
    for (unsigned strong = 0; strong <= 1; strong++) {
        struct world two;
        world_begin(&two, 5, 0);
        struct bluet_air_controller_config power = {.transmit_power = strong ? 20 : 0};
        struct host *hearer = world_add(&two);
        host_begin(hearer);
        scan(hearer, 0x4000, 0x4000, false, false);
        struct host *first = world_add_configured(&two, power);
        struct host *second = world_add_configured(&two, (struct bluet_air_controller_config){.transmit_power = -20});
        host_begin(first);
        host_begin(second);
        /* Directed with high duty cycle, they begin at once, and stay in step. */
        uint8_t address[6];
        public_address(hearer, address);
        advertise_as(first, 0, 1, 7, 0, address);
        advertise_as(second, 0, 1, 7, 0, address);
        run_for(&two, SECOND);
        if (!strong)
            assert_int_equal(count_le_events(hearer, REPORT), 0);
        else
            assert_true(count_le_events(hearer, REPORT) > 100);
        for (size_t i = 0; i < hearer->count; i++)
            if (hearer->packets[i].octets[1] == 0x3e)
                assert_int_equal((int8_t)hearer->packets[i].octets[14], 20 - 50);
        world_end(&two);
    }
}

static void test_loss(void **state)
{
    (void)state;
    static const double losses[] = {0, 0.25, 0.9, 1};
    scan(scanner, 0x4000, 0x4000, false, false);
    advertise_as(advertiser, 32, 3, 1, 0, NULL);
    assert_int_equal(bluet_air_set_loss(world.air, 1.5), BLUET_EINVAL);
    assert_int_equal(bluet_air_set_loss(world.air, -0.5), BLUET_EINVAL);
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        assert_int_equal(bluet_air_set_loss(world.air, losses[i]), BLUET_OK);
        look_from_here(scanner);
        run_until(&world, 3 * 10240 * MS * i + 10 * MS);
        look_from_here(scanner);
        run_for(&world, 10 * SECOND); /* within a window on channel 37 */
        size_t heard = 0;
        while (find_le_event(scanner, REPORT))
            heard++;
        double expected = 400 * (1 - losses[i]);
        assert_in_range(heard, (size_t)(expected * 0.8), (size_t)(expected * 1.1));
    }
}

/* Of twenty active scanners most get an answer after a while. Without backoff every request would collide. */
static void test_backoff(void **state)
{
    (void)state;
    set_data(advertiser, 0x2009, response, sizeof response);
    struct host *scanners[PERIOD];
    for (size_t i = 0; i < PERIOD; i++) {
        scanners[i] = world_add(&world);
        host_begin(scanners[i]);
        scan(scanners[i], 16, 16, true, true);
    }
    advertise(advertiser, 32, 2);
    run_for(&world, 60 * SECOND);
    size_t answered = 0;
    for (size_t i = 0; i < PERIOD; i++)
        answered += count_le_events(scanners[i], REPORT) == 2;
    assert_true(answered >= PERIOD / 2);
}

/* What is set while it advertises shows from the next PDU on; stopped in the middle of a PDU, nothing is left behind.
 */
static void test_changes_under_way(void **state)
{
    (void)state;
    scan(scanner, 0x4000, 0x4000, false, false);
    advertise_as(advertiser, 32, 0, 1, 0, NULL);
    expect_report(await_le_event(scanner, REPORT, SECOND), 0, data, 0);
    set_data(advertiser, 0x2008, data, sizeof data);
    look_from_here(scanner);
    expect_report(await_le_event(scanner, REPORT, SECOND), 0, data, sizeof data);
    for (size_t i = 0; i < 200; i++) {
        run_for(&world, 100 + 177 * i);
        advertise_stop(advertiser);
        assert_int_equal(bluet_air_deadline(world.air), BLUET_NEVER);
        assert_int_equal(command(advertiser, 0x200a, BYTES(1)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_interval, begin, end),
        cmocka_unit_test_setup_teardown(test_three_channels, begin, end),
        cmocka_unit_test_setup_teardown(test_window, begin, end),
        cmocka_unit_test_setup_teardown(test_types, begin, end),
        cmocka_unit_test_setup_teardown(test_directed_to_another, begin, end),
        cmocka_unit_test_setup_teardown(test_high_duty_cycle, begin, end),
        cmocka_unit_test_setup_teardown(test_duplicate_filter, begin, end),
        cmocka_unit_test_setup_teardown(test_duplicate_filter_of_many, begin, end),
        cmocka_unit_test_setup_teardown(test_scanner_accept_list, begin, end),
        cmocka_unit_test_setup_teardown(test_advertiser_accept_list, begin, end),
        cmocka_unit_test_setup_teardown(test_collision, begin, end),
        cmocka_unit_test_setup_teardown(test_loss, begin, end),
        cmocka_unit_test_setup_teardown(test_backoff, begin, end),
        cmocka_unit_test_setup_teardown(test_changes_under_way, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
