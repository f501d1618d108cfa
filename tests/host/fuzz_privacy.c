/*
 * A host that has bonds, and a controller that answers as the input says: private addresses are replaced and lists
 * written while whatever runs is paused, given up, begun anew, refused, or ended by a connection. What must hold after
 * each step is in invariants.c and player.c.
 */
#include "invariants.h"
#include "player.h"

#include "host/host.h"
#include "spec/hci.h"
#include "spec/writer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BONDS = 3 };

/* As after a pairing. */
static void put_bond(struct player *player, uint8_t index)
{
    struct sm_bonds *bonds = &player->host->sm.bonds;
    if (!bonds->bonds || bonds->bonds[index].deleted_ticket)
        return;
    bonds->bonds[index] = (struct sm_bond){.peer = {BLUET_ADDRESS_PUBLIC, {1, 2, 3, 4, 5, index}}, .key_size = 16};
    bonds->bonds[index].flags = index & 1 ? SM_SECRET_PRIVATE : 0;
    bonds->bonds[index].used = true;
    memset(bonds->bonds[index].irk, index + 1, 16);
    bonds->changes++;
}

/* Somebody we know, under the identity or a private address; or nobody. */
static struct bluet_address somebody(struct player *player)
{
    uint8_t which = read_u8(&player->input);
    uint8_t irk[16];
    struct bluet_address address = {BLUET_ADDRESS_PUBLIC, {1, 2, 3, 4, 5, which % (BONDS + 1)}};
    if (which < 0x80)
        return address;
    address = (struct bluet_address){BLUET_ADDRESS_RANDOM, {0x40, 0, which}};
    memset(irk, which % (BONDS + 1) + 1, sizeof irk);
    sm_ah(address.octets + 3, irk, address.octets);
    return address;
}

static void count_ticket(struct player *player, int ticket)
{
    if (ticket > 0)
        player->tickets[player->ticket_count++] = ticket;
}

static void begin_something(struct player *player)
{
    struct bluet *host = player->host;
    uint8_t which = read_u8(&player->input);
    const struct bluet_address peer = somebody(player);
    int ticket;
    switch (which % 6) {
    case 0:
        ticket = bluet_gap_connect(host, &peer, which * 10u, NULL);
        player->attempts += ticket > 0;
        count_ticket(player, ticket);
        break;
    case 1:
        count_ticket(player, bluet_gap_advertise_directed(host, which & 0x10 ? 0 : 20000, &peer));
        break;
    case 2:
        count_ticket(player, bluet_set_address_mode(host, (enum bluet_address_mode)(which >> 4 & 3)));
        break;
    case 3:
        bluet_set_rpa_timeout(host, which >> 4);
        break;
    case 4:
        count_ticket(player, bluet_bond_delete(host, &peer));
        break;
    default:
        put_bond(player, which >> 4 & 1);
        break;
    }
}

static void report(struct player *player)
{
    uint8_t types = read_u8(&player->input);
    const struct bluet_address peer = somebody(player);
    uint8_t event[15] = {HCI_EVENT, HCI_EVENT_LE_META, 12, HCI_LE_EVENT_ADVERTISING_REPORT, 1};
    struct writer writer = writer_of(event + 5, sizeof event - 5);
    write_u8(&writer, types & 7);
    write_u8(&writer, types & 0x80 ? types >> 4 : peer.type);
    write_reversed(&writer, peer.octets, 6);
    player_receive(player, event, sizeof event);
}

static void connection(struct player *player)
{
    uint8_t what = read_u8(&player->input);
    uint8_t type = read_u8(&player->input);
    const struct bluet_address peer = somebody(player);
    uint8_t event[34] = {HCI_EVENT, HCI_EVENT_LE_META, 31, HCI_LE_EVENT_ENHANCED_CONNECTION_COMPLETE};
    struct writer writer = writer_of(event + 4, sizeof event - 4);
    write_u8(&writer, what & 1 ? HCI_SUCCESS : HCI_UNKNOWN_CONNECTION_IDENTIFIER);
    write_u16(&writer, what >> 6);
    write_u8(&writer, what >> 1 & 1);
    write_u8(&writer, type & 0x80 ? type : peer.type);
    write_reversed(&writer, peer.octets, 6);
    memset(write_span(&writer, 6), what & 4 ? 0x41 : 0, 6);
    memset(write_span(&writer, 6), what & 8 ? 0x42 : 0, 6);
    write_u16(&writer, 24);
    write_u16(&writer, 0);
    write_u16(&writer, 500);
    player_receive(player, event, sizeof event);
}

static void step(struct player *player)
{
    uint8_t what = read_u8(&player->input);
    switch (what % 8) {
    case 0:
    case 1:
        player_answer(player, what & 0x80 ? HCI_COMMAND_DISALLOWED : (uint8_t)(what & 0x40 ? what : HCI_SUCCESS));
        break;
    case 2:
        player_answer_all(player);
        break;
    case 3:
        player_pass(player, read_u8(&player->input) * 20000ull);
        break;
    case 4:
        report(player);
        break;
    case 5:
        connection(player);
        break;
    case 6:
        begin_something(player);
        break;
    default:
        player_call(player);
        break;
    }
    if (bluet_deadline(player->host) == BLUET_NEVER && !bluet_is_active(player->host))
        player->awaiting = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct player player;
    player_open(&player, data, size);
    bluet_set_address_mode(player.host, (enum bluet_address_mode)(read_u8(&player.input) & 3));
    bluet_set_rpa_timeout(player.host, 1);
    count_ticket(&player, bluet_activate(player.host));
    for (uint8_t i = 0; i < (uint8_t)BONDS; i++)
        put_bond(&player, i);
    player_answer_all(&player);
    while (reader_remaining(&player.input))
        step(&player);
    player_close(&player);
    return 0;
}
