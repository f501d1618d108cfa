/* Every command: what it answers when all is well, and what to each thing that is wrong with it (Vol 4 Part E, 7). */
#include "conversation.h"

enum {
    OK = 0,
    UNKNOWN_COMMAND = 0x01,
    UNKNOWN_CONNECTION = 0x02,
    MEMORY = 0x07,
    EXISTS = 0x0b,
    DISALLOWED = 0x0c,
    UNSUPPORTED = 0x11,
    INVALID = 0x12
};

enum { NO_HANDLE = 0x0123 };

struct row {
    uint16_t opcode;
    uint8_t status;
    struct bytes parameters;
};

static void try_rows(struct host *host, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t status = command(host, rows[i].opcode, rows[i].parameters);
        if (status != rows[i].status)
            fail_msg("row %zu: command 0x%04x gave 0x%02x, not 0x%02x", i, rows[i].opcode, status, rows[i].status);
    }
}

#define TRY(host, ...)                                    \
    do {                                                  \
        const struct row rows[] = {__VA_ARGS__};          \
        try_rows(host, rows, sizeof rows / sizeof *rows); \
    } while (0)

static struct world world;
static struct host *host;

static int begin(void **state)
{
    (void)state;
    world_begin(&world, 1, 0);
    host = world_add(&world);
    host_begin(host);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&world);
    return 0;
}

static void expect_returned(struct bytes expected)
{
    size_t length;
    const uint8_t *octets = returned(host, &length);
    assert_int_equal(length, expected.length);
    assert_memory_equal(octets, expected.octets, length);
}

static void test_information(void **state)
{
    (void)state;
    TRY(host, {0x1001, OK, NOTHING});
    expect_returned(BYTES(0x0d, U16(1), 0x0d, U16(0xffff), U16(1)));
    TRY(host, {0x1003, OK, NOTHING});
    expect_returned(BYTES(0, 0, 0, 0, 0x60, 0, 0, 0));
    TRY(host, {0x1005, OK, NOTHING});
    expect_returned(BYTES(0, 0, 0, 0, 0, 0, 0));
    TRY(host, {0x2002, OK, NOTHING});
    expect_returned(BYTES(U16(251), 8));
    TRY(host, {0x2003, OK, NOTHING});
    expect_returned(BYTES(0xff, 0x79, 0, 0x08, 0, 0, 0, 0));
    TRY(host, {0x201c, OK, NOTHING});
    expect_returned(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0, 0));
    TRY(host, {0x202f, OK, NOTHING});
    expect_returned(BYTES(U16(251), U16(17040), U16(251), U16(17040)));
    TRY(host, {0x200f, OK, NOTHING});
    expect_returned(BYTES(32));
    TRY(host, {0x202a, OK, NOTHING});
    expect_returned(BYTES(16));
    TRY(host, {0x2007, OK, NOTHING});
    expect_returned(BYTES(0));
}

static void test_addresses(void **state)
{
    (void)state;
    uint8_t first[6];
    uint8_t second[6];
    public_address(host, first);
    public_address(world_add(&world), second);
    assert_memory_not_equal(first, second, 6);
    struct host *configured = world_add_configured(
        &world, (struct bluet_air_controller_config){
                    .public_address = {1, 2, 3, 4, 5, 6}, .acl_length = 27, .acl_count = 3, .transmit_power = -8});
    public_address(configured, first);
    assert_memory_equal(first, ((uint8_t[]){6, 5, 4, 3, 2, 1}), 6);
    struct bluet_air_status status;
    bluet_air_status(configured->controller, &status);
    assert_memory_equal(status.address.octets, ((uint8_t[]){1, 2, 3, 4, 5, 6}), 6);
    assert_int_equal(command(configured, 0x2002, NOTHING), OK);
    assert_memory_equal(returned(configured, NULL), ((uint8_t[]){27, 0, 3}), 3);
    assert_int_equal(command(configured, 0x2007, NOTHING), OK);
    assert_int_equal((int8_t)returned(configured, NULL)[0], -8);

    struct host *nameless =
        world_add_configured(&world, (struct bluet_air_controller_config){.no_public_address = true});
    public_address(nameless, first);
    assert_memory_equal(first, ((uint8_t[6]){0}), 6);
    TRY(nameless, {0x200a, INVALID, BYTES(1)}, {0x2005, OK, BYTES(1, 2, 3, 4, 5, 0xc6)},
        {0x2006, OK, BYTES(U16(32), U16(32), 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0)}, {0x200a, OK, BYTES(1)});
    run_for(&world, SECOND);
    bluet_air_status(nameless->controller, &status);
    assert_true(status.advertising);
    assert_int_equal(status.address.type, BLUET_ADDRESS_RANDOM);
    assert_memory_equal(status.address.octets, ((uint8_t[]){0xc6, 5, 4, 3, 2, 1}), 6);
}

static const uint16_t all_commands[] = {
    0x0406, 0x041d, 0x0c01, 0x0c03, 0x0c13, 0x0c14, 0x0c2d, 0x0c31, 0x0c33, 0x0c63, 0x0c7b, 0x0c7c, 0x1001, 0x1002,
    0x1003, 0x1004, 0x1005, 0x1009, 0x1405, 0x2001, 0x2002, 0x2003, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a,
    0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2016, 0x2017, 0x2018,
    0x2019, 0x201a, 0x201b, 0x201c, 0x2020, 0x2021, 0x2022, 0x2023, 0x2024, 0x2025, 0x2026, 0x2027, 0x2028, 0x2029,
    0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x202f, 0x2030, 0x2031, 0x2032, 0x2035, 0x2036, 0x2037, 0x2038, 0x2039,
    0x203a, 0x203b, 0x203c, 0x203d, 0x203e, 0x203f, 0x2040, 0x2041, 0x2042, 0x2043, 0x2044, 0x2045, 0x2046, 0x2047,
    0x2048, 0x2049, 0x204a, 0x204b, 0x204c, 0x204d, 0x204e, 0x2059, 0x205e, 0x2060,
};

/* The bit of a command: Vol 4 Part E, 6.27. Those of LE commands stand in the order of their opcodes, with gaps. */
static uint16_t opcode_of(size_t octet, size_t bit)
{
    static const struct {
        uint8_t octet, bit;
        uint16_t opcode;
    } others[] = {
        {0, 5, 0x0406},  {2, 7, 0x041d},  {5, 6, 0x0c01},  {5, 7, 0x0c03},  {7, 0, 0x0c13},  {7, 1, 0x0c14},
        {10, 2, 0x0c2d}, {10, 5, 0x0c31}, {10, 6, 0x0c33}, {10, 7, 0x0c35}, {14, 3, 0x1001}, {14, 4, 0x1002},
        {14, 5, 0x1003}, {14, 6, 0x1004}, {14, 7, 0x1005}, {15, 1, 0x1009}, {15, 5, 0x1405}, {22, 2, 0x0c63},
        {24, 5, 0x0c6c}, {24, 6, 0x0c6d}, {32, 4, 0x0c7b}, {32, 5, 0x0c7c}, {41, 3, 0x100c},
    };
    size_t number = octet * 8 + bit;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].octet == octet && others[i].bit == bit)
            return others[i].opcode;
    if (octet == 25)
        return (uint16_t)(bit == 3 ? 0 : bit < 3 ? 0x2001 + bit : 0x2005 + bit - 4);
    if (octet >= 26 && number <= 28 * 8 + 6)
        return (uint16_t)(0x2009 + number - 26 * 8);
    if (number >= 33 * 8 + 4 && number < 41 * 8 + 3)
        return (uint16_t)(0x2020 + number - (33 * 8 + 4));
    if (number > 41 * 8 + 3 && octet < 46)
        return (uint16_t)(0x205f + number - (41 * 8 + 4));
    return 0;
}

/* A command whose bit is set is there, one whose bit is not is unknown, and no bit stands for anything else. */
static void test_supported_commands(void **state)
{
    (void)state;
    uint8_t supported[64];
    uint8_t zeros[41] = {0};
    size_t bits = 0;
    TRY(host, {0x1002, OK, NOTHING});
    memcpy(supported, returned(host, NULL), sizeof supported);
    for (size_t octet = 0; octet < sizeof supported; octet++) {
        for (size_t bit = 0; bit < 8; bit++) {
            bool is_set = supported[octet] >> bit & 1;
            uint16_t opcode = opcode_of(octet, bit);
            bits += is_set;
            if (!opcode && is_set)
                fail_msg("octet %zu, bit %zu", octet, bit);
            if (opcode && (command(host, opcode, bytes_of(sizeof zeros, zeros)) != UNKNOWN_COMMAND) != is_set)
                fail_msg("command 0x%04x, octet %zu, bit %zu", opcode, octet, bit);
        }
    }
    assert_int_equal(bits, sizeof all_commands / sizeof *all_commands + 1); /* Host Number Of Completed Packets */
}

static void test_wrong_lengths(void **state)
{
    (void)state;
    uint8_t octets[41] = {0};
    for (size_t i = 0; i < sizeof all_commands / sizeof *all_commands; i++)
        assert_int_equal(command(host, all_commands[i], bytes_of(sizeof octets, octets)), INVALID);
    for (size_t i = 0; i < sizeof all_commands / sizeof *all_commands; i++) {
        uint8_t status = command(host, all_commands[i], BYTES(0xff));
        bool one_octet = all_commands[i] == 0x200a || all_commands[i] == 0x203c;
        assert_true(status == INVALID || one_octet || status == DISALLOWED);
    }
}

static void test_unknown_commands(void **state)
{
    (void)state;
    TRY(host, {0x0401, UNKNOWN_COMMAND, NOTHING}, {0x201d, UNKNOWN_COMMAND, BYTES(1)},
        {0x201f, UNKNOWN_COMMAND, NOTHING}, {0x0c52, UNKNOWN_COMMAND, BYTES(1, 2, 3)},
        {0x2076, UNKNOWN_COMMAND, BYTES(0, 0, 1)}, {0xfc01, UNKNOWN_COMMAND, NOTHING},
        {0x0000, UNKNOWN_COMMAND, NOTHING});
}

/* Commands about a connection that is not there: refused, and by name where the answer names it. */
static void test_no_connection(void **state)
{
    (void)state;
    struct bytes handle = BYTES(U16(NO_HANDLE));
    uint8_t zeros[32] = {0};
    static const struct {
        uint16_t opcode;
        uint8_t further;
        bool named;
    } rows[] = {
        {0x0406, 1, false}, {0x041d, 0, false},  {0x0c2d, 1, true},  {0x0c7b, 0, true},  {0x0c7c, 2, true},
        {0x1405, 0, true},  {0x2013, 12, false}, {0x2015, 0, true},  {0x2016, 0, false}, {0x2019, 26, false},
        {0x201a, 16, true}, {0x201b, 0, true},   {0x2020, 12, true}, {0x2021, 1, true},  {0x2022, 4, true},
        {0x2030, 0, true},  {0x2032, 5, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes parameters = bytes_join(handle, bytes_of(rows[i].further, zeros));
        assert_int_equal(command(host, rows[i].opcode, parameters), UNKNOWN_CONNECTION);
        if (rows[i].named)
            assert_memory_equal(returned(host, NULL), handle.octets, 2);
    }
}

static void test_random_and_encrypt(void **state)
{
    (void)state;
    uint8_t first[8];
    TRY(host, {0x2018, OK, NOTHING});
    memcpy(first, returned(host, NULL), 8);
    TRY(host, {0x2018, OK, NOTHING});
    assert_memory_not_equal(first, returned(host, NULL), 8);
    /* FIPS-197, appendix C.1, least significant octet first */
    TRY(host, {0x2017, OK,
               BYTES(0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x00,
                     0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00)});
    expect_returned(
        BYTES(0x5a, 0xc5, 0xb4, 0x70, 0x80, 0xb7, 0xcd, 0xd8, 0x30, 0x04, 0x7b, 0x6a, 0xd8, 0xe0, 0xc4, 0x69));
}

static void test_data_lengths_and_phys(void **state)
{
    (void)state;
    TRY(host, {0x2023, OK, NOTHING});
    expect_returned(BYTES(U16(27), U16(328)));
    TRY(host, {0x2024, OK, BYTES(U16(251), U16(2120))}, {0x2024, INVALID, BYTES(U16(26), U16(328))},
        {0x2024, INVALID, BYTES(U16(252), U16(2120))}, {0x2024, INVALID, BYTES(U16(27), U16(327))},
        {0x2024, INVALID, BYTES(U16(27), U16(17041))}, {0x2023, OK, NOTHING});
    expect_returned(BYTES(U16(251), U16(2120)));
    TRY(host, {0x2031, OK, BYTES(0, 1, 2)}, {0x2031, OK, BYTES(3, 0, 0)}, {0x2031, INVALID, BYTES(0, 0, 1)},
        {0x2031, INVALID, BYTES(1, 0, 0)}, {0x2031, OK, BYTES(0, 4, 1)}, {0x2031, UNSUPPORTED, BYTES(0, 8, 1)},
        {0x2031, UNSUPPORTED, BYTES(0, 1, 0x83)});
    TRY(host, {0x2014, OK, BYTES(0xff, 0, 0, 0, 0)}, {0x2014, INVALID, BYTES(0x01, 0, 0, 0, 0)},
        {0x2014, INVALID, BYTES(0, 0, 0, 0, 0xe0)});
}

#define ADVERTISING(least, most, type, own, peer_type, channels, policy) \
    BYTES(U16(least), U16(most), type, own, peer_type, 1, 2, 3, 4, 5, 6, channels, policy)

static void test_advertising(void **state)
{
    (void)state;
    TRY(host, {0x2006, OK, ADVERTISING(0x20, 0x4000, 0, 0, 0, 7, 0)},
        {0x2006, INVALID, ADVERTISING(0x1f, 0x20, 0, 0, 0, 7, 0)},
        {0x2006, INVALID, ADVERTISING(0x20, 0x4001, 0, 0, 0, 7, 0)},
        {0x2006, INVALID, ADVERTISING(0x21, 0x20, 0, 0, 0, 7, 0)},
        {0x2006, INVALID, ADVERTISING(32, 32, 5, 0, 0, 7, 0)}, {0x2006, INVALID, ADVERTISING(32, 32, 0, 4, 0, 7, 0)},
        {0x2006, INVALID, ADVERTISING(32, 32, 0, 0, 2, 7, 0)}, {0x2006, INVALID, ADVERTISING(32, 32, 0, 0, 0, 0, 0)},
        {0x2006, INVALID, ADVERTISING(32, 32, 0, 0, 0, 8, 0)}, {0x2006, INVALID, ADVERTISING(32, 32, 0, 0, 0, 7, 4)},
        {0x2006, OK, ADVERTISING(0, 0, 1, 0, 0, 7, 0)});
    uint8_t data[32] = {31};
    TRY(host, {0x2008, OK, bytes_of(32, data)}, {0x2009, OK, bytes_of(32, data)});
    data[0] = 32;
    TRY(host, {0x2008, INVALID, bytes_of(32, data)}, {0x2009, INVALID, bytes_of(32, data)});
    TRY(host, {0x200a, INVALID, BYTES(2)}, {0x2006, OK, ADVERTISING(32, 32, 0, 1, 0, 7, 0)},
        {0x200a, INVALID, BYTES(1)}, {0x2005, OK, BYTES(1, 2, 3, 4, 5, 0xc0)}, {0x200a, OK, BYTES(1)},
        {0x200a, OK, BYTES(1)}, {0x2006, DISALLOWED, ADVERTISING(32, 32, 0, 0, 0, 7, 0)},
        {0x2005, DISALLOWED, BYTES(1, 2, 3, 4, 5, 0xc0)}, {0x200a, OK, BYTES(0)}, {0x200a, OK, BYTES(0)},
        {0x2005, OK, BYTES(1, 2, 3, 4, 5, 0xc0)});
}

static void test_scanning(void **state)
{
    (void)state;
    TRY(host, {0x200b, OK, BYTES(0, U16(0x4000), U16(4), 0, 0)}, {0x200b, INVALID, BYTES(2, U16(16), U16(16), 0, 0)},
        {0x200b, INVALID, BYTES(0, U16(0x4001), U16(16), 0, 0)}, {0x200b, INVALID, BYTES(0, U16(16), U16(3), 0, 0)},
        {0x200b, INVALID, BYTES(0, U16(16), U16(17), 0, 0)}, {0x200b, INVALID, BYTES(0, U16(16), U16(16), 4, 0)},
        {0x200b, INVALID, BYTES(0, U16(16), U16(16), 0, 4)}, {0x200c, INVALID, BYTES(2, 0)},
        {0x200c, INVALID, BYTES(1, 2)}, {0x200b, OK, BYTES(1, U16(16), U16(16), 1, 0)}, {0x200c, INVALID, BYTES(1, 0)},
        {0x2005, OK, BYTES(1, 2, 3, 4, 5, 0xc0)}, {0x200c, OK, BYTES(1, 0)}, {0x200c, OK, BYTES(1, 1)},
        {0x200b, DISALLOWED, BYTES(0, U16(16), U16(16), 0, 0)}, {0x2005, DISALLOWED, BYTES(1, 2, 3, 4, 5, 0xc0)},
        {0x200c, OK, BYTES(0, 0)}, {0x200c, OK, BYTES(0, 0)});
}

#define CREATE(scan, window, policy, peer_type, own, least, most, latency, timeout, event_least, event_most)     \
    BYTES(U16(scan), U16(window), policy, peer_type, 1, 2, 3, 4, 5, 6, own, U16(least), U16(most), U16(latency), \
          U16(timeout), U16(event_least), U16(event_most))

static void test_create_connection(void **state)
{
    (void)state;
    TRY(host, {0x200e, DISALLOWED, NOTHING}, {0x200d, INVALID, CREATE(3, 3, 0, 0, 0, 6, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 17, 0, 0, 0, 6, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(0x4001, 16, 0, 0, 0, 6, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 2, 0, 0, 6, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 4, 0, 6, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 4, 6, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 1, 6, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 5, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 7, 6, 0, 10, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 6, 0xc81, 0, 0xc80, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 6, 6, 500, 0xc80, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 6, 6, 0, 9, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 6, 6, 0, 0xc81, 0, 0)},
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 6, 40, 0, 10, 0, 0)}, /* exactly two intervals */
        {0x200d, INVALID, CREATE(16, 16, 0, 0, 0, 6, 6, 0, 10, 2, 1)},
        {0x200d, OK, CREATE(16, 16, 0, 0, 0, 6, 39, 0, 10, 0, 0)},
        {0x200d, DISALLOWED, CREATE(16, 16, 0, 0, 0, 6, 6, 0, 10, 0, 0)},
        {0x2005, DISALLOWED, BYTES(1, 2, 3, 4, 5, 0xc0)});
    look_from_here(host);
    TRY(host, {0x200e, OK, NOTHING});
    const struct packet *event = find_le_event(host, 0x01);
    assert_non_null(event);
    assert_int_equal(event->octets[4], UNKNOWN_CONNECTION);
    assert_int_equal(host->packets[host->count - 2].octets[1], 0x0e); /* the answer comes first */
    TRY(host, {0x200e, DISALLOWED, NOTHING});
    run_for(&world, SECOND);
    assert_null(find_le_event(host, 0x01));
}

static void test_accept_list(void **state)
{
    (void)state;
    TRY(host, {0x2011, INVALID, BYTES(2, 1, 2, 3, 4, 5, 6)}, {0x2012, INVALID, BYTES(0, 1, 2, 3, 4, 5, 6)},
        {0x2011, OK, BYTES(0xff, 1, 2, 3, 4, 5, 6)}, {0x2012, OK, BYTES(0xff, 6, 5, 4, 3, 2, 1)});
    for (uint8_t i = 0; i < 32; i++)
        TRY(host, {0x2011, OK, BYTES(i & 1, i, 2, 3, 4, 5, 6)}, {0x2011, OK, BYTES(i & 1, i, 2, 3, 4, 5, 6)});
    TRY(host, {0x2011, MEMORY, BYTES(0, 32, 2, 3, 4, 5, 6)}, {0x2012, OK, BYTES(0, 4, 2, 3, 4, 5, 6)},
        {0x2012, INVALID, BYTES(0, 4, 2, 3, 4, 5, 6)}, {0x2011, OK, BYTES(0, 32, 2, 3, 4, 5, 6)},
        {0x200b, OK, BYTES(0, U16(16), U16(16), 0, 1)}, {0x200c, OK, BYTES(1, 0)},
        {0x2011, DISALLOWED, BYTES(0, 33, 2, 3, 4, 5, 6)}, {0x2012, DISALLOWED, BYTES(0, 2, 2, 3, 4, 5, 6)},
        {0x2010, DISALLOWED, NOTHING}, {0x200c, OK, BYTES(0, 0)}, {0x2010, OK, NOTHING},
        {0x2012, INVALID, BYTES(0, 2, 2, 3, 4, 5, 6)}, {0x2006, OK, ADVERTISING(32, 32, 0, 0, 0, 7, 2)},
        {0x200a, OK, BYTES(1)}, {0x2010, DISALLOWED, NOTHING}, {0x200a, OK, BYTES(0)},
        {0x200d, OK, CREATE(16, 16, 1, 0, 0, 6, 6, 0, 10, 0, 0)}, {0x2010, DISALLOWED, NOTHING}, {0x200e, OK, NOTHING},
        {0x2010, OK, NOTHING});
}

static struct bytes resolving(uint8_t type, uint8_t number)
{
    uint8_t keys[32];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)(number + i);
    return bytes_join(BYTES(type, number, 2, 3, 4, 5, 6), bytes_of(sizeof keys, keys));
}

static void test_resolving_list(void **state)
{
    (void)state;
    TRY(host, {0x2027, INVALID, resolving(2, 0)}, {0x2028, UNKNOWN_CONNECTION, BYTES(0, 1, 2, 3, 4, 5, 6)},
        {0x202b, UNKNOWN_CONNECTION, BYTES(0, 1, 2, 3, 4, 5, 6)},
        {0x202c, UNKNOWN_CONNECTION, BYTES(0, 1, 2, 3, 4, 5, 6)},
        {0x204e, UNKNOWN_CONNECTION, BYTES(0, 1, 2, 3, 4, 5, 6, 0)});
    for (uint8_t i = 0; i < 16; i++)
        TRY(host, {0x2027, OK, resolving(0, i)}, {0x2027, INVALID, resolving(0, i)});
    TRY(host, {0x2027, MEMORY, resolving(0, 16)}, {0x204e, INVALID, BYTES(0, 1, 2, 3, 4, 5, 6, 2)},
        {0x204e, OK, BYTES(0, 1, 2, 3, 4, 5, 6, 1)}, {0x202c, OK, BYTES(0, 1, 2, 3, 4, 5, 6)});
    assert_int_equal(returned(host, NULL)[5] >> 6, 1);
    TRY(host, {0x202d, INVALID, BYTES(2)}, {0x202d, OK, BYTES(1)}, {0x202e, INVALID, BYTES(U16(0))},
        {0x202e, INVALID, BYTES(U16(0x0e11))}, {0x202e, OK, BYTES(U16(0x0e10))},
        {0x2028, OK, BYTES(0, 1, 2, 3, 4, 5, 6)}, {0x200c, OK, BYTES(1, 0)}, {0x202d, DISALLOWED, BYTES(0)},
        {0x2027, DISALLOWED, resolving(0, 1)}, {0x2028, DISALLOWED, BYTES(0, 2, 2, 3, 4, 5, 6)},
        {0x2029, DISALLOWED, NOTHING}, {0x204e, DISALLOWED, BYTES(0, 2, 2, 3, 4, 5, 6, 1)}, {0x200c, OK, BYTES(0, 0)},
        {0x202d, OK, BYTES(0)}, {0x2029, OK, NOTHING}, {0x2028, UNKNOWN_CONNECTION, BYTES(0, 2, 2, 3, 4, 5, 6)});
}

static void test_event_masks(void **state)
{
    (void)state;
    struct host *peer = world_add(&world);
    host_begin(peer);
    advertise(peer, 32, 3);
    TRY(host, {0x2001, OK, BYTES(0xfd, 0xff, 0xff, 0, 0, 0, 0, 0)});
    scan(host, 16, 16, false, false);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(host, 0x02), 0);
    TRY(host, {0x2001, OK, BYTES(0x02, 0, 0, 0, 0, 0, 0, 0)});
    run_for(&world, SECOND);
    assert_true(count_le_events(host, 0x02) > 0);
    TRY(host, {0x0c01, OK, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0)});
    size_t before = count_le_events(host, 0x02);
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(host, 0x02), before);
    TRY(host, {0x0c03, OK, NOTHING});
    scan(host, 16, 16, false, false); /* the default mask has no LE events */
    run_for(&world, SECOND);
    assert_int_equal(count_le_events(host, 0x02), before);
}

static void test_reset(void **state)
{
    (void)state;
    TRY(host, {0x2024, OK, BYTES(U16(251), U16(2120))}, {0x2005, OK, BYTES(1, 2, 3, 4, 5, 0xc0)},
        {0x2006, OK, ADVERTISING(32, 32, 0, 1, 0, 7, 0)}, {0x200a, OK, BYTES(1)}, {0x200c, OK, BYTES(1, 0)},
        {0x200d, OK, CREATE(16, 16, 0, 0, 0, 6, 6, 0, 10, 0, 0)});
    struct bluet_air_status status;
    bluet_air_status(host->controller, &status);
    assert_true(status.advertising && status.scanning && status.initiating);
    look_from_here(host);
    TRY(host, {0x0c03, OK, NOTHING});
    bluet_air_status(host->controller, &status);
    assert_false(status.advertising || status.scanning || status.initiating);
    run_for(&world, SECOND);
    assert_int_equal(host->count - host->next, 1); /* nothing but the answer */
    TRY(host, {0x2023, OK, NOTHING});
    expect_returned(BYTES(U16(27), U16(328)));
    assert_int_equal(bluet_air_deadline(world.air), BLUET_NEVER);
}

static void test_host_flow_control_commands(void **state)
{
    (void)state;
    TRY(host, {0x0c31, INVALID, BYTES(4)}, {0x0c31, DISALLOWED, BYTES(1)},
        {0x0c33, INVALID, BYTES(U16(0), 0, U16(4), U16(0))}, {0x0c33, INVALID, BYTES(U16(251), 0, U16(0), U16(0))},
        {0x0c33, OK, BYTES(U16(251), 0, U16(4), U16(0))}, {0x0c31, OK, BYTES(1)}, {0x0c31, OK, BYTES(0)});
    /* Answered only if wrong. */
    size_t before = host->count;
    send_command(host, 0x0c35, BYTES(1, U16(0), U16(1)));
    send_command(host, 0x0c35, BYTES(0));
    run_for(&world, 0);
    assert_int_equal(host->count, before);
    assert_int_equal(command(host, 0x0c35, BYTES(2, U16(0), U16(1))), INVALID);
    assert_int_equal(command(host, 0x0c35, NOTHING), INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_information, begin, end),
        cmocka_unit_test_setup_teardown(test_addresses, begin, end),
        cmocka_unit_test_setup_teardown(test_supported_commands, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong_lengths, begin, end),
        cmocka_unit_test_setup_teardown(test_unknown_commands, begin, end),
        cmocka_unit_test_setup_teardown(test_no_connection, begin, end),
        cmocka_unit_test_setup_teardown(test_random_and_encrypt, begin, end),
        cmocka_unit_test_setup_teardown(test_data_lengths_and_phys, begin, end),
        cmocka_unit_test_setup_teardown(test_advertising, begin, end),
        cmocka_unit_test_setup_teardown(test_scanning, begin, end),
        cmocka_unit_test_setup_teardown(test_create_connection, begin, end),
        cmocka_unit_test_setup_teardown(test_accept_list, begin, end),
        cmocka_unit_test_setup_teardown(test_resolving_list, begin, end),
        cmocka_unit_test_setup_teardown(test_event_masks, begin, end),
        cmocka_unit_test_setup_teardown(test_reset, begin, end),
        cmocka_unit_test_setup_teardown(test_host_flow_control_commands, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
