/*
 * How much gets through, in virtual time and therefore exact: a connection event holds as many pairs of packets as fit
 * before the next anchor point, each pair taking what Vol 6 Part B, 2.1 and 4.1 say.
 */
#include "streams.h"

enum { MEASURED_EVENTS = 200, LINKS = 4 };

struct setting {
    uint8_t phy;
    uint16_t octets;
    uint16_t interval; /* 1.25 ms */
    double loss;
};

static unsigned airtime(uint8_t phy, unsigned payload)
{
    return phy == 2 ? (2 + 4 + 2 + payload + 3) * 4 : (1 + 4 + 2 + payload + 3) * 8;
}

static unsigned pairs_that_fit(const struct setting *setting, unsigned there, unsigned back)
{
    unsigned pair = airtime(setting->phy, there) + 150 + airtime(setting->phy, back) + 150;
    return setting->interval * 1250u / pair;
}

static void prepare(struct host *host, const struct setting *setting)
{
    host_begin(host);
    assert_int_equal(command(host, 0x2024, BYTES(U16(setting->octets), U16(2120))), 0);
    assert_int_equal(command(host, 0x2031, BYTES(0, setting->phy, setting->phy)), 0);
}

/* The link is up, and has the PHY and the length of the setting. */
static struct pair connect(struct host *central, struct host *peripheral, const struct setting *setting)
{
    struct pair pair = pair_of(central, peripheral, setting->interval, 0, 400);
    if (setting->phy == 2) {
        assert_int_equal(command(central, 0x2032, BYTES(U16(pair.central_handle), 0, 2, 2, 0, 0)), 0);
        await_le_event(central, 0x0c, SECOND);
    }
    run_for(central->world, setting->interval * 1250u * 10u);
    return pair;
}

struct traffic {
    struct world world;
    struct streams central, peripheral;
    struct stream down, up; /* ends at the central and at the peripheral */
};

static void measure(struct traffic *traffic, const struct setting *setting, bool downward, bool upward)
{
    memset(traffic, 0, sizeof *traffic);
    world_begin(&traffic->world, 7, 0);
    struct host *central = world_add(&traffic->world);
    struct host *peripheral = world_add(&traffic->world);
    prepare(central, setting);
    prepare(peripheral, setting);
    struct pair pair = connect(central, peripheral, setting);
    central->forgets = peripheral->forgets = true;
    assert_int_equal(bluet_air_set_loss(traffic->world.air, setting->loss), BLUET_OK);
    stream_attach(central, &traffic->central, &traffic->down, pair.central_handle, setting->octets);
    stream_attach(peripheral, &traffic->peripheral, &traffic->up, pair.peripheral_handle, setting->octets);
    stream_begin(&traffic->down, downward ? setting->octets : 0, STREAM_BUFFERS);
    stream_begin(&traffic->up, upward ? setting->octets : 0, STREAM_BUFFERS);
    run_for(&traffic->world, setting->interval * 1250u * 10u);
    uint32_t down_before = traffic->down.received;
    uint32_t up_before = traffic->up.received;
    run_for(&traffic->world, setting->interval * UINT64_C(1250) * MEASURED_EVENTS);
    assert_int_equal(traffic->down.bad + traffic->up.bad, 0);
    traffic->down.received -= down_before;
    traffic->up.received -= up_before;
    world_end(&traffic->world);
}

static const struct setting settings[] = {
    {2, 251, 6, 0}, {2, 251, 12, 0}, {2, 251, 40, 0}, {1, 251, 6, 0}, {1, 251, 40, 0},
    {1, 27, 6, 0},  {1, 27, 12, 0},  {1, 27, 40, 0},  {2, 27, 6, 0},  {1, 100, 24, 0},
};

static void test_peripheral_to_central(void **state)
{
    (void)state;
    static struct traffic traffic;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        measure(&traffic, &settings[i], false, true);
        assert_int_equal(traffic.down.received, MEASURED_EVENTS * pairs_that_fit(&settings[i], 0, settings[i].octets));
    }
}

static void test_central_to_peripheral(void **state)
{
    (void)state;
    static struct traffic traffic;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        measure(&traffic, &settings[i], true, false);
        assert_int_equal(traffic.up.received, MEASURED_EVENTS * pairs_that_fit(&settings[i], settings[i].octets, 0));
    }
}

static void test_both_directions_at_once(void **state)
{
    (void)state;
    static struct traffic traffic;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        measure(&traffic, &settings[i], true, true);
        unsigned octets = settings[i].octets;
        unsigned both = MEASURED_EVENTS * pairs_that_fit(&settings[i], octets, octets);
        assert_in_range(traffic.up.received, both, both * 2);
        assert_in_range(traffic.down.received, both, both * 2);
    }
}

/* Retransmission costs what it must: a packet and its acknowledgement both have to get through. */
static void test_loss(void **state)
{
    (void)state;
    static struct traffic traffic;
    static const struct setting setting = {2, 251, 40, 0.1};
    measure(&traffic, &setting, false, true);
    unsigned most = MEASURED_EVENTS * pairs_that_fit(&setting, 0, 251);
    print_message("10 %% lost: %u of %u\n", traffic.down.received, most);
    assert_in_range(traffic.down.received, most * 6 / 10, most * 9 / 11);
}

/* ---- Several links of one central ---- */

static void test_four_links_share_evenly(void **state)
{
    (void)state;
    static struct world world;
    static struct streams central_streams, peripheral_streams[LINKS];
    static struct stream down[LINKS], up[LINKS];
    static const struct setting setting = {2, 251, 40, 0};
    world_begin(&world, 9, 0);
    memset(&central_streams, 0, sizeof central_streams);
    memset(peripheral_streams, 0, sizeof peripheral_streams);
    struct host *central = world_add(&world);
    prepare(central, &setting);
    for (size_t i = 0; i < LINKS; i++) {
        struct host *peripheral = world_add(&world);
        prepare(peripheral, &setting);
        struct pair pair = connect(central, peripheral, &setting);
        stream_attach(central, &central_streams, &down[i], pair.central_handle, setting.octets);
        stream_attach(peripheral, &peripheral_streams[i], &up[i], pair.peripheral_handle, setting.octets);
    }
    for (size_t i = 0; i < LINKS; i++)
        stream_begin(&up[i], setting.octets, STREAM_BUFFERS);
    run_for(&world, SECOND);
    uint32_t before[LINKS];
    for (size_t i = 0; i < LINKS; i++)
        before[i] = down[i].received;
    run_for(&world, setting.interval * UINT64_C(1250) * MEASURED_EVENTS);
    unsigned quarter = setting.interval * 1250u / LINKS / (airtime(2, 0) + 150 + airtime(2, 251) + 150);
    for (size_t i = 0; i < LINKS; i++)
        assert_int_equal(down[i].received - before[i], MEASURED_EVENTS * quarter);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peripheral_to_central),   cmocka_unit_test(test_central_to_peripheral),
        cmocka_unit_test(test_both_directions_at_once), cmocka_unit_test(test_loss),
        cmocka_unit_test(test_four_links_share_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
