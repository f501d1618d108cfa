/* The application and the controller of the fuzz targets. */
#include "player.h"

#include "host/host.h"
#include "invariants.h"
#include "spec/hci.h"
#include "spec/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool rule, const char *text)
{
    if (rule)
        return;
    fprintf(stderr, "not kept: %s\n", text);
    abort();
}

/* ---- Port ---- */

static void player_send(void *context, const struct bluet_span *spans, size_t count)
{
    struct player *player = context;
    uint8_t packet[2048];
    struct writer writer = writer_of(packet, sizeof packet);
    for (size_t i = 0; i < count; i++)
        write_octets(&writer, spans[i].data, spans[i].length);
    demand(writer_ok(&writer), "a packet is not longer than the controller takes");
    struct reader reader = reader_of(packet, writer.length);
    uint8_t indicator = read_u8(&reader);
    uint16_t field = read_u16(&reader);
    if (indicator == HCI_COMMAND) {
        demand(read_u8(&reader) == reader_remaining(&reader), "a command has its length");
        demand(player->awaiting == 0 || field == HCI_RESET, "one command at a time, but for a Reset");
        player->awaiting = field;
    } else {
        demand(indicator == HCI_ACL_DATA, "only commands and data are sent");
        demand(read_u16(&reader) == reader_remaining(&reader), "a data packet has its length");
        player->in_flight++;
        player->last_handle = field & 0x0fff;
    }
}

static uint64_t player_now(void *context)
{
    return ((struct player *)context)->now;
}

static void *player_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct player *player = context;
    player->memory -= old_size;
    player->memory += new_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    void *result = realloc(block, new_size);
    demand(result, "there is memory");
    return result;
}

static void player_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    memset(out, 0x5a, length);
}

/* ---- Accounts ---- */

static void ticket_given(struct player *player, int ticket)
{
    if (ticket <= 0)
        return;
    for (size_t i = 0; i < player->ticket_count; i++) {
        if (player->tickets[i] == ticket)
            return; /* the same operation, asked for again */
    }
    demand(player->ticket_count < PLAYER_TICKETS, "tickets are bounded by the command queue");
    player->tickets[player->ticket_count++] = ticket;
}

static void ticket_ended(struct player *player, int ticket)
{
    size_t i = 0;
    while (i < player->ticket_count && player->tickets[i] != ticket)
        i++;
    demand(i < player->ticket_count, "a ticket that ends was given, and has not ended before");
    player->tickets[i] = player->tickets[--player->ticket_count];
}

static void connected(struct player *player, uint16_t handle)
{
    for (size_t i = 0; i < player->link_count; i++)
        demand(player->handles[i] != handle, "a connection begins once");
    demand(player->link_count < PLAYER_LINKS, "connections are bounded");
    player->handles[player->link_count++] = handle;
}

static void disconnected(struct player *player, uint16_t handle)
{
    size_t i = 0;
    while (i < player->link_count && player->handles[i] != handle)
        i++;
    demand(i < player->link_count, "a connection that ends has begun");
    player->handles[i] = player->handles[--player->link_count];
}

static void keep_account(struct player *player, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_OPERATION_DONE:
        ticket_ended(player, event->operation.ticket);
        break;
    case BLUET_EVENT_SCAN_DONE:
        demand(player->scans-- > 0, "a scan ends once");
        break;
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        demand(player->attempts-- > 0, "a connection as central was asked for");
        connected(player, event->conn_handle);
        break;
    case BLUET_EVENT_CENTRAL_CONNECT:
        connected(player, event->conn_handle);
        break;
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        if (event->conn_handle == 0xffff)
            demand(player->attempts-- > 0, "an attempt ends once");
        else
            disconnected(player, event->conn_handle);
        break;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
        disconnected(player, event->conn_handle);
        break;
    case BLUET_EVENT_GATTS_WRITE:
    case BLUET_EVENT_GATTS_READ_REQUEST:
    case BLUET_EVENT_GATTC_NOTIFY:
        demand(event->conn_handle != 0xffff, "an event of a connection has its handle");
        break;
    default:
        break;
    }
}

static int player_handler(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct player *player = context;
    check_invariants(host);
    player->depth++;
    keep_account(player, event);
    /* Sometimes the handler has something to ask, too. */
    if (reader_remaining(&player->input) && player->input.cursor[0] & 0x80)
        player_call(player);
    player->depth--;
    check_invariants(host);
    bool asks = event->code == BLUET_EVENT_GATTS_READ_REQUEST;
    /* Secrets are kept, but not by everybody. */
    if (event->code == BLUET_EVENT_SET_SECRET)
        return read_u8(&player->input) & 1;
    return asks ? read_u8(&player->input) & 0x02 : 0;
}

/* ---- Life ---- */

void player_open(struct player *player, const uint8_t *data, size_t size)
{
    *player = (struct player){.now = 1000, .input = reader_of(data, size)};
    const struct bluet_config config = {
        .port = {player, player_send, player_now, player_reallocate, player_random},
        .handler = player_handler,
        .handler_context = player,
        .connection_count = 3,
        .mtu_limit = 100,
        .buffer_count = 8,
        .buffer_size = 64,
        .channel_count = 5,
        .channel_size = 300,
        .procedure_count = 4,
        .bearer_count = 2,
    };
    demand(bluet_create(&player->host, &config) == BLUET_OK, "a host is made");
}

void player_close(struct player *player)
{
    player->input = reader_of(NULL, 0);
    bluet_controller_lost(player->host);
    bluet_poll(player->host);
    check_invariants(player->host);
    demand(!bluet_is_active(player->host), "without a controller the host is inactive");
    demand(player->ticket_count == 0, "every ticket has ended");
    demand(player->scans == 0 && player->attempts == 0, "every scan and attempt has ended");
    demand(player->link_count == 0, "every connection has ended");
    demand(bluet_deadline(player->host) == BLUET_NEVER, "there is nothing left to do");
    bluet_destroy(player->host);
    demand(player->memory == 0, "all memory is given back");
}

/* Octets drawn at random may happen to answer the command that is out. */
static void look_for_answer(struct player *player, struct reader packet)
{
    uint8_t indicator = read_u8(&packet);
    uint8_t code = read_u8(&packet);
    read_u8(&packet);                                             /* length */
    read_span(&packet, code == HCI_EVENT_COMMAND_STATUS ? 2 : 1); /* status, credits */
    uint16_t opcode = read_u16(&packet);
    bool answer = code == HCI_EVENT_COMMAND_COMPLETE || code == HCI_EVENT_COMMAND_STATUS;
    if (reader_ok(&packet) && indicator == HCI_EVENT && answer && opcode == player->awaiting)
        player->awaiting = 0;
}

void player_receive(struct player *player, const uint8_t *octets, size_t length)
{
    look_for_answer(player, reader_of(octets, length));
    uint8_t *packet = malloc(length ? length : 1);
    demand(packet, "there is memory");
    memcpy(packet, octets, length);
    bluet_receive(player->host, packet, length);
    free(packet);
    check_invariants(player->host);
}

void player_pass(struct player *player, uint64_t duration_us)
{
    uint64_t end = player->now + duration_us;
    for (unsigned turns = 0;; turns++) {
        uint64_t next = bluet_deadline(player->host);
        if (next > end)
            break;
        demand(turns < 1000, "time goes on");
        if (next > player->now)
            player->now = next;
        bluet_poll(player->host);
        check_invariants(player->host);
    }
    player->now = end;
}

/* ---- The controller ---- */

static bool is_answered_by_status(uint16_t opcode)
{
    return opcode == HCI_DISCONNECT || opcode == HCI_LE_CREATE_CONNECTION || opcode == HCI_LE_CONNECTION_UPDATE;
}

static void write_answer(struct writer *writer, uint16_t opcode)
{
    static const uint8_t address[6] = {1, 2, 3, 4, 5, 6};
    switch (opcode) {
    case HCI_READ_LOCAL_SUPPORTED_COMMANDS:
        memset(write_span(writer, 64), 0xff, 64);
        break;
    case HCI_LE_READ_BUFFER_SIZE:
        write_u16(writer, 27);
        write_u8(writer, 3);
        break;
    case HCI_READ_BD_ADDR:
        write_octets(writer, address, sizeof address);
        break;
    case HCI_READ_LOCAL_VERSION_INFORMATION:
    case HCI_READ_LOCAL_SUPPORTED_FEATURES:
    case HCI_LE_READ_LOCAL_SUPPORTED_FEATURES:
        memset(write_span(writer, 8), 0xff, 8);
        break;
    default:
        break;
    }
}

void player_answer(struct player *player, uint8_t status)
{
    uint16_t opcode = player->awaiting;
    if (opcode == 0)
        return;
    player->awaiting = 0;
    uint8_t event[80];
    struct writer writer = writer_of(event, sizeof event);
    write_u8(&writer, HCI_EVENT);
    write_u8(&writer, is_answered_by_status(opcode) ? HCI_EVENT_COMMAND_STATUS : HCI_EVENT_COMMAND_COMPLETE);
    write_u8(&writer, 0);
    if (is_answered_by_status(opcode))
        write_u8(&writer, status);
    write_u8(&writer, 1);
    write_u16(&writer, opcode);
    if (!is_answered_by_status(opcode))
        write_u8(&writer, status);
    write_answer(&writer, opcode);
    event[2] = (uint8_t)(writer.length - 3);
    player_receive(player, event, writer.length);
}

void player_answer_all(struct player *player)
{
    for (unsigned turns = 0; player->awaiting && turns < 64; turns++)
        player_answer(player, HCI_SUCCESS);
}

void player_connection(struct player *player, uint16_t handle, uint8_t role)
{
    uint8_t event[22] = {HCI_EVENT, HCI_EVENT_LE_META, 19, HCI_LE_EVENT_CONNECTION_COMPLETE};
    struct writer writer = writer_of(event + 4, sizeof event - 4);
    write_u8(&writer, HCI_SUCCESS);
    write_u16(&writer, handle);
    write_u8(&writer, role);
    write_u8(&writer, BLUET_ADDRESS_RANDOM);
    write_u32(&writer, handle);
    write_u16(&writer, 0xc000);
    write_u16(&writer, 24);
    write_u16(&writer, 0);
    write_u16(&writer, 500);
    write_u8(&writer, 0);
    player_receive(player, event, sizeof event);
}

/* ---- The application ---- */

void player_register(struct player *player)
{
    static const struct bluet_descriptor descriptor = {{2, {0x01, 0x29}}, BLUET_FLAG_READ | BLUET_FLAG_WRITE};
    static const struct bluet_characteristic characteristics[] = {
        {{2, {0x37, 0x2a}}, BLUET_FLAG_READ | BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE, &descriptor, 1},
        {{16, {1, 2, 3}},
         BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE | BLUET_FLAG_READ | BLUET_FLAG_ASK_WRITE,
         NULL,
         0},
        {{2, {0x38, 0x2a}}, BLUET_FLAG_READ | BLUET_FLAG_READ_AUTHORIZED, NULL, 0},
    };
    static const size_t included = 0;
    static const struct bluet_service services[] = {
        {{2, {0x0d, 0x18}}, characteristics, 3, NULL, 0, true},
        {{16, {9, 9, 9}}, characteristics, 1, &included, 1, false},
    };
    uint16_t handles[8];
    bluet_gatts_register_services(player->host, handles, 8, services, 2);
}

static uint16_t any_link(struct player *player)
{
    uint8_t which = read_u8(&player->input);
    return player->link_count && which < 0xf0 ? player->handles[which % player->link_count] : which;
}

static void call_gap(struct player *player, uint8_t which)
{
    struct bluet *host = player->host;
    struct reader *input = &player->input;
    const struct bluet_address peer = {which >> 4 & 1, {0xc0, 0, 0, 0, 0, which}};
    uint8_t octets[31] = {0};
    const struct bluet_span data = {octets, which % 34};
    int result = 0;
    switch (which % 11) {
    case 0:
        ticket_given(player, bluet_gap_advertise(host, read_u8(input) * 1000u, &data, NULL, which & 0x10));
        break;
    case 1:
        ticket_given(player, bluet_gap_advertise_stop(host));
        break;
    case 2:
        result = bluet_gap_scan(host, read_u8(input), read_u16(input) * 10u, read_u16(input) * 10u, which & 0x10);
        player->scans += result > 0;
        ticket_given(player, result);
        break;
    case 3:
        ticket_given(player, bluet_gap_scan_stop(host));
        break;
    case 4:
        result = bluet_gap_connect(host, &peer, read_u8(input), NULL);
        player->attempts += result > 0;
        ticket_given(player, result);
        break;
    case 5:
        ticket_given(player, bluet_gap_connect_cancel(host));
        break;
    case 6:
        ticket_given(player, bluet_gap_disconnect(host, any_link(player)));
        break;
    case 7:
        ticket_given(player, bluet_hci_command(host, read_u16(input), octets, which % 31));
        break;
    case 8:
        ticket_given(player, bluet_set_address_mode(host, (enum bluet_address_mode)(which >> 4 & 3)));
        break;
    case 9:
        ticket_given(player, bluet_activate(host));
        break;
    default:
        if (which & 0x10)
            ticket_given(player, bluet_deactivate(host));
        if (which == 0xff)
            bluet_controller_lost(host);
        break;
    }
}

static void call_gatt(struct player *player, uint8_t which)
{
    struct bluet *host = player->host;
    struct reader *input = &player->input;
    static const struct bluet_uuid uuid = {2, {0x37, 0x2a}};
    uint16_t link = any_link(player);
    uint16_t handle = read_u8(input);
    uint8_t data[120] = {0};
    size_t length = which % sizeof data;
    const void *value;
    switch (which % 13) {
    case 0:
        player_register(player);
        break;
    case 1:
        bluet_gatts_read(host, &value, &length, handle);
        break;
    case 2:
        bluet_gatts_write(host, handle, data, length, which & 0x10);
        break;
    case 3:
        bluet_gatts_notify(host, link, handle, which & 0x10 ? data : NULL, length);
        break;
    case 4:
        bluet_gatts_indicate(host, link, handle, which & 0x10 ? data : NULL, length);
        break;
    case 5:
        bluet_gatts_set_buffer(host, handle, length, which & 0x10);
        break;
    case 6:
        bluet_gattc_discover_services(host, link, which & 0x10 ? &uuid : NULL);
        break;
    case 7:
        bluet_gattc_discover_characteristics(host, link, handle, 0xffff, which & 0x10 ? &uuid : NULL);
        break;
    case 8:
        bluet_gattc_discover_descriptors(host, link, handle, 0xffff);
        break;
    case 9:
        bluet_gattc_read(host, link, handle, which >> 4);
        break;
    case 10:
    case 11:
        bluet_gattc_write(host, link, handle, data, length, (enum bluet_write_mode)(which >> 4 & 3));
        break;
    default:
        bluet_gattc_exchange_mtu(host, link);
        break;
    }
}

/* What takes lists, and channels: their CIDs are given out from 0x40 on, those of the peer are whatever it says. */
static void call_l2cap(struct player *player, uint8_t which)
{
    struct bluet *host = player->host;
    uint16_t link = any_link(player);
    uint8_t amount = read_u8(&player->input);
    uint16_t mtu = (uint16_t)(20 + amount);
    uint16_t cid = (uint16_t)(0x40 + which / 8 % 8);
    const uint16_t cids[5] = {cid, (uint16_t)(cid + 1), 0x41, 0x42, 0x43};
    uint8_t data[2 * UINT8_MAX] = {0};
    switch (which % 8) {
    case 0:
        bluet_l2cap_listen(host, PLAYER_PSM, mtu);
        break;
    case 1:
        bluet_l2cap_connect(host, link, PLAYER_PSM, mtu);
        break;
    case 2:
        bluet_l2cap_connect_several(host, link, PLAYER_PSM, mtu, which / 8u % 7);
        break;
    case 3:
        bluet_l2cap_reconfigure(host, link, cids, amount % 6, (uint16_t)(mtu + which));
        break;
    case 4:
        bluet_l2cap_disconnect(host, link, cid);
        break;
    case 5:
        bluet_l2cap_receive(host, link, cid, data, amount);
        break;
    default:
        bluet_l2cap_send(host, link, cid, data, 2u * amount);
        break;
    }
}

static void call_gattc_lists(struct player *player, uint8_t which)
{
    enum { COUNT = 4 };
    static const struct bluet_uuid uuid = {2, {0x37, 0x2a}};
    static const uint8_t octets[UINT8_MAX];
    struct bluet *host = player->host;
    uint16_t link = any_link(player);
    uint8_t amount = read_u8(&player->input);
    struct bluet_write writes[COUNT];
    uint16_t handles[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        handles[i] = (uint16_t)(which / 8 + i);
        writes[i] = (struct bluet_write){handles[i], octets, (size_t)amount >> i};
    }
    switch (which % 8) {
    case 0:
    case 1:
        bluet_gattc_write_reliable(host, link, writes, amount % (COUNT + 1));
        break;
    case 2:
        bluet_gattc_read_multiple(host, link, handles, amount % (COUNT + 1), which & 0x80);
        break;
    case 3:
        bluet_gattc_read_long(host, link, amount);
        break;
    case 4:
        bluet_gattc_read_by_uuid(host, link, 1, 0xffff, &uuid);
        break;
    case 5:
        bluet_gattc_discover_included_services(host, link, 1, 0xffff);
        break;
    case 6:
        bluet_gatts_notify_multiple(host, link, handles, amount % (COUNT + 1));
        break;
    default:
        bluet_set_mtu(host, (uint16_t)(23 + amount % 78));
        break;
    }
}

static void call_security(struct player *player, uint8_t which)
{
    struct bluet *host = player->host;
    const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, which >> 4 & 3}};
    const struct bluet_security security = {.bond = which & 0x08,
                                            .mitm = which & 0x10,
                                            .le_secure = which & 0x20,
                                            .legacy = which & 0x40,
                                            .secure_only = which & 0x80,
                                            .io = read_u8(&player->input) % 5,
                                            .key_size = which & 0x08 ? 7 : 16};
    const struct bluet_oob data = {.legacy = which & 0x08, .secure = which & 0x40};
    uint8_t confirm[16], random[16];
    uint16_t link = any_link(player);
    switch (which % 8) {
    case 0:
    case 1:
        bluet_gap_pair(host, link);
        break;
    case 2:
    case 3:
        bluet_gap_passkey(host, link, (enum bluet_passkey_action)(which >> 4 & 7), which >> 3 & 1);
        break;
    case 4:
        bluet_set_security(host, &security);
        break;
    case 5:
        bluet_oob_own(host, confirm, random);
        break;
    case 6:
        bluet_oob_peer(host, &peer, which & 0x80 ? NULL : &data);
        break;
    default:
        ticket_given(player, bluet_bond_delete(host, &peer));
        break;
    }
}

void player_call(struct player *player)
{
    uint8_t room = read_u8(&player->input);
    uint8_t which = read_u8(&player->input);
    if (room >= 0xf0)
        call_l2cap(player, which);
    else if (room >= 0xe0)
        call_gattc_lists(player, which);
    else if (room & 1)
        call_gap(player, which);
    else if (room & 2)
        call_security(player, which);
    else
        call_gatt(player, which);
    check_invariants(player->host);
    if (player->answers && player->depth == 0)
        player_answer_all(player);
}

/* The peer asks for two channels, whose CIDs at its end begin with that one. */
static void receive_connection_request(struct player *player, uint16_t handle, uint16_t psm, uint16_t first_cid)
{
    enum { FRAME_LENGTH = 20, REQUEST_LENGTH = 16 };
    uint8_t packet[5 + FRAME_LENGTH] = {HCI_ACL_DATA};
    struct writer writer = writer_of(packet + 1, sizeof packet - 1);
    write_u16(&writer, handle | HCI_BOUNDARY_FIRST_FLUSHABLE << 12);
    write_u16(&writer, FRAME_LENGTH);
    write_u16(&writer, REQUEST_LENGTH);
    write_u16(&writer, L2CAP_CID_SIGNALLING);
    write_u8(&writer, L2CAP_CREDIT_BASED_CONNECTION_REQUEST);
    write_u8(&writer, (uint8_t)first_cid);
    write_u16(&writer, REQUEST_LENGTH - 4);
    write_u16(&writer, psm);
    write_u16(&writer, 100);
    write_u16(&writer, 64);
    write_u16(&writer, 40);
    write_u16(&writer, first_cid);
    write_u16(&writer, (uint16_t)(first_cid + 1));
    player_receive(player, packet, sizeof packet);
}

/* Encryption itself is the controller's; a link counts as encrypted when the host believes so. */
void player_open_bearers(struct player *player, uint16_t handle)
{
    struct link *link = link_find(&player->host->links, handle);
    demand(link != NULL, "there is a link");
    link->encrypted = true;
    size_t before = count_channels(player->host);
    receive_connection_request(player, handle, L2CAP_PSM_EATT, 0x50);
    demand(count_channels(player->host) == before + 2, "bearers are opened");
}

void player_open_channels(struct player *player, uint16_t handle)
{
    size_t before = count_channels(player->host);
    bluet_l2cap_listen(player->host, PLAYER_PSM, 100); /* if not yet */
    receive_connection_request(player, handle, PLAYER_PSM, 0x60);
    demand(count_channels(player->host) == before + 2, "channels are opened");
}
