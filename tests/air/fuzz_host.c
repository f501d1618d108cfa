/*
 * Hostile hosts: several controllers on one air get packets, and time goes by, in an order that the input says. What is
 * sent may be a command with parameters from the input, a step towards a connection with everything right, or anything
 * at all.
 */
#include "bluet/air.h"
#include "spec/reader.h"
#include "spec/writer.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROLLERS = 4, OPERATIONS_MOST = 400 };

#define TIME_MOST_US UINT64_C(20000000)

struct player {
    struct bluet_air *air;
    struct bluet_air_controller *controllers[CONTROLLERS];
    bool refuses[CONTROLLERS];
    struct seat {
        struct player *player;
        size_t number;
    } seats[CONTROLLERS];
    struct reader input;
    size_t blocks, octets;
    uint8_t refuse_memory; /* one allocation in so many fails */
    uint32_t allocations;
};

static void expect(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct player *player = context;
    if (!new_size) {
        player->blocks -= block != NULL;
        player->octets -= block ? old_size : 0;
        free(block);
        return NULL;
    }
    if (player->refuse_memory && ++player->allocations % player->refuse_memory == 0)
        return NULL;
    void *moved = realloc(block, new_size);
    player->blocks += block == NULL;
    player->octets += new_size - (block ? old_size : 0);
    return moved;
}

/* What an onlooker may count on. */
static void observe(void *context, const struct bluet_air_observation *seen)
{
    (void)context;
    expect(seen->length >= 1, "an empty packet");
    if (seen->place == BLUET_AIR_ON_AIR)
        expect(seen->length >= 2 && seen->length == seen->packet[1] + 2u && seen->channel < 40, "no such packet");
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    const struct seat *seat = context;
    if (seat->player->refuses[seat->number])
        return false;
    /* What a host may count on: a known kind of packet, and a length that does not lie. */
    struct reader reader = reader_of(packet, length);
    uint8_t kind = read_u8(&reader);
    expect(kind == 2 || kind == 4, "neither an event nor data");
    (void)read_u8(&reader);
    size_t announced = 0;
    if (kind == 4) {
        announced = read_u8(&reader);
    } else {
        (void)read_u8(&reader);
        announced = read_u16(&reader);
    }
    expect(reader_ok(&reader) && reader_remaining(&reader) == announced, "a packet's length lies");
    return true;
}

static void attach(struct player *player, size_t number)
{
    if (player->controllers[number]) {
        bluet_air_detach(player->controllers[number]);
        player->controllers[number] = NULL;
        return;
    }
    player->seats[number] = (struct seat){player, number};
    player->refuses[number] = false;
    struct bluet_air_controller_config config = {.deliver = deliver, .context = &player->seats[number]};
    config.public_address[5] = (uint8_t)(number + 1);
    config.acl_count = 3;
    config.without_features = number == 3 ? UINT64_C(0x2100) : 0;
    if (bluet_air_attach(player->air, &player->controllers[number], &config) != BLUET_OK)
        player->controllers[number] = NULL;
}

static void send(struct player *player, size_t number, const void *packet, size_t length)
{
    if (player->controllers[number])
        (void)bluet_air_receive(player->controllers[number], packet, length);
}

static void send_command(struct player *player, size_t number, uint16_t opcode, const void *parameters, size_t length)
{
    uint8_t packet[4 + 255];
    struct writer writer = writer_of(packet, sizeof packet);
    write_u8(&writer, 1);
    write_u16(&writer, opcode);
    write_u8(&writer, (uint8_t)length);
    write_octets(&writer, parameters, length);
    send(player, number, packet, writer.length);
}

/* Opcodes that there are, with the length of their parameters, so that these need not be guessed. */
static const struct {
    uint16_t opcode;
    uint8_t length;
} commands[] = {
    {0x0406, 3},  {0x041d, 2},  {0x0c01, 8},  {0x0c03, 0},  {0x0c2d, 3}, {0x0c31, 1},  {0x0c33, 7},  {0x0c35, 5},
    {0x0c63, 8},  {0x0c7b, 2},  {0x0c7c, 4},  {0x1002, 0},  {0x1405, 2}, {0x2001, 8},  {0x2005, 6},  {0x2006, 15},
    {0x2008, 32}, {0x2009, 32}, {0x200a, 1},  {0x200b, 7},  {0x200c, 2}, {0x200d, 25}, {0x200e, 0},  {0x2010, 0},
    {0x2011, 7},  {0x2012, 7},  {0x2013, 14}, {0x2014, 5},  {0x2015, 2}, {0x2016, 2},  {0x2017, 32}, {0x2018, 0},
    {0x2019, 28}, {0x201a, 18}, {0x201b, 2},  {0x2020, 14}, {0x2021, 3}, {0x2022, 6},  {0x2023, 0},  {0x2024, 4},
    {0x2027, 39}, {0x2028, 7},  {0x2029, 0},  {0x202b, 7},  {0x202c, 7}, {0x202d, 1},  {0x202e, 2},  {0x2030, 2},
    {0x2031, 3},  {0x2032, 7},  {0x204e, 8},  {0x2025, 0},  {0x2035, 7}, {0x2036, 25}, {0x2037, 40}, {0x2038, 40},
    {0x2039, 6},  {0x203a, 0},  {0x203c, 1},  {0x203d, 0},  {0x203e, 7}, {0x203f, 40}, {0x2040, 2},  {0x2041, 8},
    {0x2042, 6},  {0x2043, 26}, {0x2044, 14}, {0x2045, 0},  {0x2046, 2}, {0x2047, 8},  {0x2048, 8},  {0x2049, 0},
    {0x204b, 0},  {0x2059, 3},  {0x2060, 0},
};

static void some_command(struct player *player, size_t number)
{
    size_t which = read_u8(&player->input) % (sizeof commands / sizeof *commands);
    uint8_t parameters[64];
    read_octets(&player->input, parameters, commands[which].length);
    send_command(player, number, commands[which].opcode, parameters, commands[which].length);
}

static void any_packet(struct player *player, size_t number)
{
    size_t length = read_u8(&player->input);
    if (length > reader_remaining(&player->input))
        length = reader_remaining(&player->input);
    send(player, number, read_span(&player->input, length), length);
}

static void some_data(struct player *player, size_t number)
{
    uint8_t packet[5 + 255];
    uint8_t flags = read_u8(&player->input);
    uint8_t length = read_u8(&player->input);
    struct writer writer = writer_of(packet, sizeof packet);
    write_u8(&writer, 2);
    write_u16(&writer, (uint16_t)((flags & 7) | (flags >> 6) << 12));
    write_u16(&writer, length);
    write_zeros(&writer, length);
    send(player, number, packet, writer.length);
}

static void begin_advertising(struct player *player, size_t number)
{
    const uint8_t parameters[15] = {32, 0, 32, 0, [13] = 7};
    const uint8_t enable = 1;
    send_command(player, number, 0x2006, parameters, sizeof parameters);
    send_command(player, number, 0x200a, &enable, 1);
}

static void begin_connecting(struct player *player, size_t number)
{
    uint8_t peer = read_u8(&player->input);
    const uint8_t parameters[25] = {
        16, 0, 16, 0, [6] = (uint8_t)(peer % CONTROLLERS + 1), [13] = 6, [15] = 8, [17] = peer >> 4, [19] = 100};
    send_command(player, number, 0x200d, parameters, sizeof parameters);
}

/* A set, with periodic advertising if its kind allows that, and data in as many fragments as the input says. */
static void begin_extended_advertising(struct player *player, size_t number)
{
    uint8_t properties = read_u8(&player->input);
    uint8_t how = read_u8(&player->input);
    uint8_t handle = how & 3;
    uint8_t phy = (uint8_t)(1 + (how >> 2) % 3);
    const uint8_t parameters[25] = {handle,     properties & 0x7f,         0, 32,  0,      0,       32, [9] = 7,
                                    [19] = 127, [20] = how & 0x40 ? 3 : 1, 0, phy, handle, how >> 7};
    send_command(player, number, 0x2036, parameters, sizeof parameters);
    const uint8_t train[7] = {handle, 8, 0, 8, 0};
    send_command(player, number, 0x203e, train, sizeof train);
    uint8_t data[4 + 251] = {handle, 1, 0, 251};
    for (unsigned fragments = how >> 4 & 7; fragments; fragments--) {
        send_command(player, number, properties & 2 ? 0x2038 : 0x2037, data, sizeof data);
        data[1] = fragments > 2 ? 0 : 2;
    }
    const uint8_t train_on[2] = {1, handle};
    send_command(player, number, 0x2040, train_on, sizeof train_on);
    const uint8_t on[6] = {1, 1, handle, [3] = properties & 8 ? 100 : 0};
    send_command(player, number, 0x2039, on, sizeof on);
}

static void begin_extended_scanning(struct player *player, size_t number)
{
    uint8_t how = read_u8(&player->input);
    const uint8_t parameters[13] = {0, how >> 6, 5, how & 1, 16, 0, 16, 0, how >> 1 & 1, 32, 0, 8, 0};
    send_command(player, number, 0x2041, parameters, sizeof parameters);
    const uint8_t on[6] = {1, how >> 2 & 1, how & 0x10 ? 20 : 0, 0, how & 0x20 ? 1 : 0, 0};
    send_command(player, number, 0x2042, on, sizeof on);
    const uint8_t follow[14] = {how & 2, how >> 4 & 3, 0, [3] = (uint8_t)((how & 3) + 1), [9] = how >> 7, [11] = 20};
    send_command(player, number, 0x2044, follow, sizeof follow);
}

static void begin_extended_connecting(struct player *player, size_t number)
{
    uint8_t peer = read_u8(&player->input);
    const uint8_t parameters[26] = {
        0, 0, 0, (uint8_t)(peer % CONTROLLERS + 1), [9] = 1, 16, 0, 16, 0, 6, 0, 8, 0, peer >> 4, 0, 100};
    send_command(player, number, 0x2043, parameters, sizeof parameters);
}

static void some_fault(struct player *player, size_t number)
{
    uint8_t how = read_u8(&player->input);
    const struct bluet_air_fault fault = {
        .from = how & 0x40 ? player->controllers[number] : NULL,
        .packet = (enum bluet_air_packet)(how >> 3 & 7),
        .channels = how & 0x80 ? read_u64(&player->input) : 0,
        .nth = read_u8(&player->input) % 8,
        .delay = read_u8(&player->input) * UINT64_C(1000),
        .action = (enum bluet_air_action)(how & 7),
        .offset = how,
    };
    (void)bluet_air_add_fault(player->air, NULL, &fault);
    if (player->controllers[number]) {
        if (how >> 4 == 0x0e)
            bluet_air_fail(player->controllers[number], how & 1 ? BLUET_AIR_SILENT_RESET : BLUET_AIR_HARDWARE_ERROR);
        if (how >> 4 == 0x0d)
            bluet_air_set_completion_delay(player->controllers[number], how & 1 ? BLUET_NEVER : how * UINT64_C(500));
        if (how >> 4 == 0x0c)
            bluet_air_set_answer_delay(player->controllers[number], how * UINT64_C(50));
        if (how >> 4 == 0x0b)
            (void)bluet_air_set_path_loss(player->controllers[number], player->controllers[(number + 1) % CONTROLLERS],
                                          (how & 15) * 8);
    }
    if (how == 0xff)
        for (uint32_t i = 0; i < 100; i++)
            (void)bluet_air_remove_fault(player->air, i);
}

/* What only current controllers do. */
static void something_extended(struct player *player, size_t number)
{
    switch (read_u8(&player->input) & 3) {
    case 0:
        begin_extended_advertising(player, number);
        break;
    case 1:
        begin_extended_scanning(player, number);
        break;
    case 2:
        begin_extended_connecting(player, number);
        break;
    default:
        some_fault(player, number);
        break;
    }
}

static void all_events(struct player *player, size_t number)
{
    static const uint8_t all[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f};
    send_command(player, number, 0x0c01, all, 8);
    send_command(player, number, 0x2001, all, 8);
    send_command(player, number, 0x0c63, all, 8);
}

static void pass_time(struct player *player)
{
    uint8_t how_long = read_u8(&player->input);
    uint64_t duration = how_long & 0x80 ? (how_long & 0x7fu) * UINT64_C(20000) : how_long * UINT64_C(97);
    uint64_t until = bluet_air_now(player->air) + duration;
    if (until > TIME_MOST_US)
        return;
    bluet_air_advance(player->air, until);
    expect(bluet_air_now(player->air) == until, "time has not passed");
    expect(bluet_air_deadline(player->air) > until, "something due was left undone");
    expect(player->octets < 4 * 400000, "memory grows without end");
}

static void step(struct player *player)
{
    uint8_t operation = read_u8(&player->input);
    size_t number = operation >> 6;
    switch (operation & 0x0f) {
    case 0:
    case 1:
    case 2:
        pass_time(player);
        break;
    case 3:
    case 4:
    case 5:
        some_command(player, number);
        break;
    case 6:
        some_data(player, number);
        break;
    case 7:
        something_extended(player, number);
        break;
    case 8:
        any_packet(player, number);
        break;
    case 9:
        begin_advertising(player, number);
        break;
    case 10:
        begin_connecting(player, number);
        break;
    case 11:
        all_events(player, number);
        break;
    case 12:
        player->refuses[number] = !player->refuses[number];
        if (!player->refuses[number] && player->controllers[number])
            bluet_air_resume(player->controllers[number]);
        break;
    case 13:
        (void)bluet_air_set_loss(player->air, read_u8(&player->input) / 255.0);
        break;
    case 14:
        player->refuse_memory = operation & 0x20 ? read_u8(&player->input) : 0;
        break;
    default:
        attach(player, number);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct player player = {.input = reader_of(data, size)};
    struct bluet_air_config config = {.reallocate = reallocate, .context = &player, .seed = size};
    if (bluet_air_create(&player.air, &config) != BLUET_OK)
        return 0;
    bluet_air_observe(player.air, observe, NULL);
    for (size_t i = 0; i < CONTROLLERS; i++)
        attach(&player, i);
    for (size_t i = 0; i < OPERATIONS_MOST && reader_remaining(&player.input); i++)
        step(&player);
    for (size_t i = 0; i < CONTROLLERS; i++) {
        struct bluet_air_status status;
        if (player.controllers[i])
            bluet_air_status(player.controllers[i], &status);
    }
    bluet_air_destroy(player.air);
    expect(!player.blocks && !player.octets, "memory is left behind");
    return 0;
}
