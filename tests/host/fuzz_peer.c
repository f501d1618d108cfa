/* A hostile peer: L2CAP frames, whole and in fragments, to a host with two links, one in each role. */
#include "player.h"

#include "spec/hci.h"
#include "spec/l2cap.h"
#include "spec/writer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CENTRAL_HANDLE = 1, PERIPHERAL_HANDLE = 2, FRAME_LARGEST = 300 };

static void receive_fragment(struct player *player, uint16_t handle, uint16_t boundary, const uint8_t *octets,
                             size_t length)
{
    uint8_t packet[5 + 4 + FRAME_LARGEST];
    struct writer writer = writer_of(packet, sizeof packet);
    write_u8(&writer, HCI_ACL_DATA);
    write_u16(&writer, (uint16_t)(handle | boundary << 12));
    write_u16(&writer, (uint16_t)length);
    write_octets(&writer, octets, length);
    player_receive(player, packet, writer.length);
}

/* The next octets of the input, as one frame; cut where the input says. */
static void receive_frame(struct player *player, uint16_t handle, uint16_t cid)
{
    uint8_t frame[4 + FRAME_LARGEST];
    struct writer writer = writer_of(frame, sizeof frame);
    size_t length = read_u8(&player->input);
    size_t fragment = read_u8(&player->input);
    if (length > reader_remaining(&player->input))
        length = reader_remaining(&player->input);
    write_u16(&writer, (uint16_t)length);
    write_u16(&writer, cid);
    write_octets(&writer, read_span(&player->input, length), length);
    if (fragment == 0 || fragment > writer.length)
        fragment = writer.length;
    for (size_t start = 0; start < writer.length; start += fragment) {
        size_t part = writer.length - start < fragment ? writer.length - start : fragment;
        uint16_t boundary = start ? HCI_BOUNDARY_CONTINUING : HCI_BOUNDARY_FIRST_FLUSHABLE;
        receive_fragment(player, handle, boundary, frame + start, part);
    }
}

static void receive_raw_fragment(struct player *player, uint16_t handle, uint8_t what)
{
    size_t length = read_u8(&player->input);
    if (length > reader_remaining(&player->input))
        length = reader_remaining(&player->input);
    receive_fragment(player, handle, what >> 6, read_span(&player->input, length), length);
}

/* The controller has sent what it had. */
static void complete_packets(struct player *player, uint16_t handle)
{
    const uint8_t event[] = {HCI_EVENT, HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS, 5, 1, (uint8_t)handle, 0, 3, 0};
    player->in_flight = 0;
    player_receive(player, event, sizeof event);
}

/* The controller tells of encryption, or asks for the key: whether there is one or not. */
static void encrypt(struct player *player, uint16_t handle, uint8_t what)
{
    const uint8_t change[] = {HCI_EVENT, HCI_EVENT_ENCRYPTION_CHANGE, 4, what & 0x20 ? 0x06 : 0, (uint8_t)handle, 0, 1};
    const uint8_t request[16] = {HCI_EVENT, HCI_EVENT_LE_META, 13, HCI_LE_EVENT_LONG_TERM_KEY_REQUEST, (uint8_t)handle};
    if (what & 0x80)
        player_receive(player, request, sizeof request);
    player_answer_all(player);
    player_receive(player, change, sizeof change);
}

static void step(struct player *player)
{
    uint8_t what = read_u8(&player->input);
    uint16_t handle = what & 0x10 ? CENTRAL_HANDLE : PERIPHERAL_HANDLE;
    switch (what % 9) {
    case 0:
    case 1:
    case 2:
        receive_frame(player, handle, L2CAP_CID_ATT);
        break;
    case 3:
        receive_frame(player, handle, L2CAP_CID_SIGNALLING);
        break;
    case 4:
        receive_frame(player, handle, read_u8(&player->input));
        break;
    case 5:
        receive_raw_fragment(player, handle, what);
        break;
    case 6:
        player_pass(player, read_u8(&player->input) * 200000ull);
        break;
    case 7:
        player_call(player);
        break;
    default:
        if (what & 0x40)
            encrypt(player, handle, what);
        else
            complete_packets(player, handle);
        break;
    }
    player_answer_all(player);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct player player;
    player_open(&player, NULL, 0);
    player.answers = true;
    player.tickets[player.ticket_count++] = bluet_activate(player.host);
    player_answer_all(&player);
    player_register(&player);
    const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, CENTRAL_HANDLE}};
    player.tickets[player.ticket_count++] = bluet_gap_connect(player.host, &peer, 0, NULL);
    player.attempts++;
    player_answer_all(&player);
    player_connection(&player, CENTRAL_HANDLE, 0);
    player_connection(&player, PERIPHERAL_HANDLE, 1);
    player_answer_all(&player);
    player_open_bearers(&player, CENTRAL_HANDLE);
    player_open_bearers(&player, PERIPHERAL_HANDLE);
    player_open_channels(&player, CENTRAL_HANDLE);
    player_open_channels(&player, PERIPHERAL_HANDLE);
    player_answer_all(&player);

    player.input = reader_of(data, size);
    while (reader_remaining(&player.input))
        step(&player);
    player_close(&player);
    return 0;
}
