/* Resolvable private addresses, made and resolved by the controllers (Vol 6 Part B, 6), and identities in the filters.
 */
#include "conversation.h"

enum { REPORT = 0x02, DIRECTED_REPORT = 0x0b, ENHANCED = 0x0a, DISCONNECTION = 0x05 };

static const uint8_t irk_a[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t irk_b[16] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10};

static struct world world;
static struct host *a, *b; /* a advertises, b scans and connects; they know each other's keys */
static uint8_t address_a[6], address_b[6];

static void know(struct host *host, const uint8_t *peer, const uint8_t *peer_irk, const uint8_t *local_irk)
{
    struct bytes parameters = bytes_join(BYTES(0), bytes_of(6, peer));
    parameters = bytes_join(bytes_join(parameters, bytes_of(16, peer_irk)), bytes_of(16, local_irk));
    assert_int_equal(command(host, 0x2027, parameters), 0);
    assert_int_equal(command(host, 0x202d, BYTES(1)), 0);
}

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 51, 0);
    a = world_add(&world);
    b = world_add(&world);
    host_begin(a);
    host_begin(b);
    assert_int_equal(command(a, 0x2001, BYTES(0xff, 0xff, 0x0f, 0, 0, 0, 0, 0)), 0);
    assert_int_equal(command(b, 0x2001, BYTES(0xff, 0xff, 0x0f, 0, 0, 0, 0, 0)), 0);
    public_address(a, address_a);
    public_address(b, address_b);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static void advertise_privately(uint8_t type, uint8_t policy, const uint8_t *peer)
{
    struct bytes parameters = bytes_join(BYTES(U16(32), U16(32), type, 2, 0), bytes_of(6, peer));
    assert_int_equal(command(a, 0x2006, bytes_join(parameters, BYTES(7, policy))), 0);
    assert_int_equal(command(a, 0x200a, BYTES(1)), 0);
}

static void scan_as(struct host *host, uint8_t own_type, uint8_t policy)
{
    assert_int_equal(command(host, 0x200b, BYTES(1, U16(16), U16(16), own_type, policy)), 0);
    assert_int_equal(command(host, 0x200c, BYTES(1, 0)), 0);
}

static void scan_stop(struct host *host)
{
    assert_int_equal(command(host, 0x200c, BYTES(0, 0)), 0);
    look_from_here(host);
}

static bool is_resolvable(const uint8_t *octets)
{
    return octets[5] >> 6 == 1;
}

/* Whoever knows the key sees the identity, others a private address, which changes with the timeout. */
static void test_reports(void **state)
{
    (void)state;
    know(a, address_b, irk_b, irk_a);
    know(b, address_a, irk_a, irk_b);
    struct host *stranger = world_add(&world);
    host_begin(stranger);
    assert_int_equal(command(a, 0x202e, BYTES(U16(2))), 0);
    advertise_privately(0, 0, address_b);
    scan_as(b, 0, 0);
    scan_as(stranger, 0, 0);
    uint8_t last[6] = {0};
    size_t changes = 0;
    for (size_t i = 0; i < 200; i++) {
        const struct packet *report = await_le_event(stranger, REPORT, SECOND);
        assert_int_equal(report->octets[6], 1);
        assert_true(is_resolvable(report->octets + 7));
        changes += memcmp(last, report->octets + 7, 6) != 0;
        memcpy(last, report->octets + 7, 6);
        struct bluet_air_status status;
        bluet_air_status(a->controller, &status);
        assert_int_equal(status.address.type, BLUET_ADDRESS_RANDOM);
    }
    uint64_t now = bluet_air_now(world.air);
    assert_in_range(changes, now / (2 * SECOND), now / (2 * SECOND) + 1);
    const struct packet *report = await_le_event(b, REPORT, SECOND);
    assert_int_equal(report->octets[6], 2); /* public identity */
    assert_memory_equal(report->octets + 7, address_a, 6);
    struct bytes identity = bytes_join(BYTES(0), bytes_of(6, address_a));
    assert_int_equal(command(b, 0x202b, identity), 0);
    assert_memory_equal(returned(b, NULL), last, 6);
    identity = bytes_join(BYTES(0), bytes_of(6, address_b));
    assert_int_equal(command(a, 0x202c, identity), 0);
    assert_memory_equal(returned(a, NULL), last, 6);

    /* Without resolution, b is as much in the dark. */
    scan_stop(b);
    assert_int_equal(command(b, 0x202d, BYTES(0)), 0);
    scan_as(b, 0, 0);
    report = await_le_event(b, REPORT, SECOND);
    assert_int_equal(report->octets[6], 1);
    assert_true(is_resolvable(report->octets + 7));
}

static void connect(uint8_t own_type, uint8_t policy, uint8_t peer_type)
{
    struct bytes parameters = bytes_join(BYTES(U16(16), U16(16), policy, peer_type), bytes_of(6, address_a));
    parameters = bytes_join(parameters, BYTES(own_type, U16(24), U16(24), U16(0), U16(100), U16(0), U16(0)));
    assert_int_equal(command(b, 0x200d, parameters), 0);
}

static void expect_connected(struct host *host, const uint8_t *peer, bool private_local, bool private_peer)
{
    const struct packet *event = await_le_event(host, ENHANCED, SECOND);
    assert_int_equal(event->octets[4], 0);
    assert_int_equal(event->octets[8], private_peer ? 2 : 0);
    assert_memory_equal(event->octets + 9, peer, 6);
    assert_int_equal(is_resolvable(event->octets + 15), private_local);
    assert_int_equal(is_resolvable(event->octets + 21), private_peer);
}

static void test_connect_by_identity(void **state)
{
    (void)state;
    know(a, address_b, irk_b, irk_a);
    know(b, address_a, irk_a, irk_b);
    advertise_privately(0, 0, address_b);
    connect(2, 0, 2);
    expect_connected(b, address_a, true, true);
    expect_connected(a, address_b, true, true);
    /* Connected already, whatever address it advertises under. */
    struct bytes parameters = bytes_join(BYTES(U16(16), U16(16), 0, 0), bytes_of(6, address_a));
    parameters = bytes_join(parameters, BYTES(0, U16(24), U16(24), U16(0), U16(100), U16(0), U16(0)));
    assert_int_equal(command(b, 0x200d, parameters), 0x0b);
}

/* The accept lists hold identities. */
static void test_filters(void **state)
{
    (void)state;
    know(a, address_b, irk_b, irk_a);
    know(b, address_a, irk_a, irk_b);
    advertise_privately(0, 3, address_b);
    scan_as(b, 2, 1);
    run_for(&world, SECOND);
    assert_null(find_le_event(b, REPORT));
    scan_stop(b);
    assert_int_equal(command(b, 0x2011, bytes_join(BYTES(0), bytes_of(6, address_a))), 0);
    scan_as(b, 2, 1);
    run_for(&world, SECOND);
    size_t answers = 0;
    for (const struct packet *report; (report = find_le_event(b, REPORT));)
        answers += report->octets[5] == 4;
    assert_int_equal(answers, 0); /* a does not accept b */
    scan_stop(b);
    advertise_stop(a);
    assert_int_equal(command(a, 0x2011, bytes_join(BYTES(0), bytes_of(6, address_b))), 0);
    assert_int_equal(command(a, 0x200a, BYTES(1)), 0);
    scan_as(b, 2, 1);
    run_for(&world, SECOND);
    for (const struct packet *report; (report = find_le_event(b, REPORT));)
        answers += report->octets[5] == 4;
    assert_true(answers > 5);
    scan_stop(b);
    connect(2, 1, 0);
    expect_connected(b, address_a, true, true);
}

/* Directed to a private address of the target: it finds itself meant, and others do not even hear of it. */
static void test_directed(void **state)
{
    (void)state;
    know(a, address_b, irk_b, irk_a);
    know(b, address_a, irk_a, irk_b);
    struct host *stranger = world_add(&world);
    host_begin(stranger);
    advertise_privately(4, 0, address_b);
    scan_as(b, 0, 0);
    scan_as(stranger, 0, 0);
    run_for(&world, SECOND);
    const struct packet *report = find_le_event(b, REPORT);
    assert_non_null(report);
    assert_int_equal(report->octets[5], 1);
    assert_int_equal(report->octets[6], 2);
    assert_int_equal(count_le_events(stranger, REPORT), 0);
    assert_int_equal(count_le_events(stranger, DIRECTED_REPORT), 0);
    /* With an extended policy a stranger is told that somebody is meant. */
    assert_int_equal(command(stranger, 0x200c, BYTES(0, 0)), 0);
    scan_as(stranger, 0, 2);
    report = await_le_event(stranger, DIRECTED_REPORT, SECOND);
    assert_int_equal(report->length, 4 + 17);
    assert_int_equal(report->octets[5], 1);
    assert_true(is_resolvable(report->octets + 7));
    assert_int_equal(report->octets[13], 1);
    assert_true(is_resolvable(report->octets + 14));
    scan_stop(b);
    connect(2, 0, 2);
    expect_connected(b, address_a, true, true);
    expect_connected(a, address_b, true, true);
}

/* Network privacy: a peer whose key is known and that shows its identity all the same is ignored; device privacy: not.
 */
static void test_privacy_modes(void **state)
{
    (void)state;
    static const uint8_t nobody[16];
    know(b, address_a, irk_a, nobody);
    advertise(a, 32, 0);
    scan_as(b, 0, 0);
    run_for(&world, SECOND);
    assert_null(find_le_event(b, REPORT));
    scan_stop(b);
    assert_int_equal(command(b, 0x204e, bytes_join(bytes_join(BYTES(0), bytes_of(6, address_a)), BYTES(1))), 0);
    scan_as(b, 0, 0);
    const struct packet *report = await_le_event(b, REPORT, SECOND);
    assert_int_equal(report->octets[6], 0);
    assert_memory_equal(report->octets + 7, address_a, 6);
    scan_stop(b);
    connect(2, 0, 0); /* no key of our own for it: the public address is used */
    expect_connected(b, address_a, false, false);
    expect_connected(a, address_b, false, false);
}

/* Random addresses, static ones as well as identities of that kind. */
static void test_random_identity(void **state)
{
    (void)state;
    static const uint8_t identity[6] = {1, 2, 3, 4, 5, 0xc6};
    static const uint8_t nobody[16];
    assert_int_equal(command(a, 0x2005, bytes_of(6, identity)), 0);
    struct bytes entry = bytes_join(BYTES(0), bytes_of(6, address_b));
    assert_int_equal(command(a, 0x2027, bytes_join(bytes_join(entry, bytes_of(16, nobody)), bytes_of(16, irk_a))), 0);
    entry = bytes_join(BYTES(1), bytes_of(6, identity));
    assert_int_equal(command(b, 0x2027, bytes_join(bytes_join(entry, bytes_of(16, irk_a)), bytes_of(16, nobody))), 0);
    assert_int_equal(command(b, 0x202d, BYTES(1)), 0);
    struct bytes parameters = bytes_join(BYTES(U16(32), U16(32), 0, 3, 0), bytes_of(6, address_b));
    assert_int_equal(command(a, 0x2006, bytes_join(parameters, BYTES(7, 0))), 0);
    assert_int_equal(command(a, 0x200a, BYTES(1)), 0);
    scan_as(b, 0, 0);
    const struct packet *report = await_le_event(b, REPORT, SECOND);
    assert_int_equal(report->octets[6], 3); /* random identity */
    assert_memory_equal(report->octets + 7, identity, 6);
    /* No entry for the peer that is named: the identity itself is shown. */
    advertise_stop(a);
    parameters = bytes_join(BYTES(U16(32), U16(32), 3, 3, 0), bytes_of(6, address_a));
    assert_int_equal(command(a, 0x2006, bytes_join(parameters, BYTES(7, 0))), 0);
    assert_int_equal(command(a, 0x200a, BYTES(1)), 0);
    struct host *stranger = world_add(&world);
    host_begin(stranger);
    scan_as(stranger, 0, 0);
    report = await_le_event(stranger, REPORT, SECOND);
    assert_int_equal(report->octets[6], 1);
    assert_memory_equal(report->octets + 7, identity, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reports, begin, end),
        cmocka_unit_test_setup_teardown(test_connect_by_identity, begin, end),
        cmocka_unit_test_setup_teardown(test_filters, begin, end),
        cmocka_unit_test_setup_teardown(test_directed, begin, end),
        cmocka_unit_test_setup_teardown(test_privacy_modes, begin, end),
        cmocka_unit_test_setup_teardown(test_random_identity, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
