/*
 * A hostile controller: packets, time and calls of the application in an order that the input says. What is sent may be
 * well framed, so that the fuzzer need not find the framing first, or anything at all.
 */
#include "player.h"

#include "spec/hci.h"
#include "spec/writer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next octets of the input, behind a header in which their number is right. */
static void receive_framed(struct player *player, const uint8_t *head, size_t head_length, bool wide, bool has_code)
{
    uint8_t packet[100];
    struct writer writer = writer_of(packet, sizeof packet);
    uint8_t code = has_code ? read_u8(&player->input) : 0;
    size_t length = read_u8(&player->input) % 80;
    if (length > reader_remaining(&player->input))
        length = reader_remaining(&player->input);
    write_octets(&writer, head, head_length);
    write_u8(&writer, (uint8_t)(length + has_code));
    if (wide)
        write_u8(&writer, 0);
    if (has_code)
        write_u8(&writer, code);
    write_octets(&writer, read_span(&player->input, length), length);
    player_receive(player, packet, writer.length);
}

static void receive_data(struct player *player)
{
    uint8_t flags = read_u8(&player->input);
    uint16_t handle = (uint16_t)(player->link_count ? player->handles[flags % player->link_count] : flags);
    handle = (uint16_t)(handle | (flags >> 6) << 12);
    receive_framed(player, (const uint8_t[]){HCI_ACL_DATA, (uint8_t)handle, (uint8_t)(handle >> 8)}, 3, true, false);
}

static void complete_packets(struct player *player)
{
    uint16_t handle = player->last_handle;
    uint8_t count = read_u8(&player->input);
    const uint8_t event[] = {
        HCI_EVENT, HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS, 5, 1, (uint8_t)handle, (uint8_t)(handle >> 8), count, 0};
    player_receive(player, event, sizeof event);
}

static void disconnect(struct player *player)
{
    uint16_t handle = player->link_count ? player->handles[0] : 0;
    const uint8_t event[] = {HCI_EVENT,       HCI_EVENT_DISCONNECTION_COMPLETE, 4, 0,
                             (uint8_t)handle, (uint8_t)(handle >> 8),           8};
    player_receive(player, event, sizeof event);
}

static void receive_anything(struct player *player)
{
    size_t length = read_u8(&player->input);
    if (length > reader_remaining(&player->input))
        length = reader_remaining(&player->input);
    player_receive(player, read_span(&player->input, length), length);
}

static void step(struct player *player)
{
    uint8_t what = read_u8(&player->input);
    switch (what % 11) {
    case 0:
        receive_anything(player);
        break;
    case 1:
        receive_framed(player, (const uint8_t[]){HCI_EVENT, read_u8(&player->input)}, 2, false, false);
        break;
    case 2:
        receive_framed(player, (const uint8_t[]){HCI_EVENT, HCI_EVENT_LE_META}, 2, false, true);
        break;
    case 3:
        player_answer(player, what & 0x10 ? read_u8(&player->input) : HCI_SUCCESS);
        break;
    case 4:
        player_answer_all(player);
        break;
    case 5:
        receive_data(player);
        break;
    case 6:
        player_pass(player, read_u16(&player->input) * 1000ull);
        break;
    case 7:
        player_connection(player, read_u8(&player->input) & 0x4f, what >> 4 & 1);
        break;
    case 8:
        complete_packets(player);
        break;
    case 9:
        disconnect(player);
        break;
    default:
        player_call(player);
        break;
    }
    /* A controller that has answered nothing may have been given up; its command with it. */
    if (bluet_deadline(player->host) == BLUET_NEVER && !bluet_is_active(player->host))
        player->awaiting = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct player player;
    player_open(&player, data, size);
    player.tickets[player.ticket_count++] = bluet_activate(player.host);
    /* Half of the inputs begin with an active host. */
    if (read_u8(&player.input) & 1) {
        player_answer_all(&player);
        player_register(&player);
    }
    while (reader_remaining(&player.input))
        step(&player);
    player_close(&player);
    return 0;
}
