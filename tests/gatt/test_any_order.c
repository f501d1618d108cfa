/* wrap: l2cap_send */
/*
 * Everything in any order: peers that send what they like, an application that calls what it likes, also from its
 * handler, buffers and memory that come and go. What must hold all the same: every procedure and every indication ends
 * once, nothing goes out that is longer than the MTU, no buffer and no memory is lost, and afterwards a peer is served.
 */
#include "gatt/room.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 300, STEPS = 400, DEEPEST_HANDLER = 3 };

static uint64_t random_state;
static size_t begun, ended;

static uint32_t any(uint32_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static uint16_t any_handle(void)
{
    static const uint16_t edges[] = {0, 1, 15, 19, 20, 49, 50, 0xfffe, 0xffff};
    static const uint16_t writable[] = {15, 23, 25, 26, 27, 30};
    switch (any(8)) {
    case 0:
        return edges[any(9)];
    case 1:
    case 2:
    case 3:
        return writable[any(6)];
    default:
        return (uint16_t)any(52);
    }
}

static struct link *any_link(struct room *room)
{
    return &room->link[any(ROOM_LINKS)];
}

/* ---- The application ---- */

static void count_begun(int result)
{
    assert_true(result == 0 || result == BLUET_ENOMEM || result == BLUET_EINVAL || result == BLUET_ENOTCONN ||
                result == BLUET_EALREADY);
    begun += result == 0;
}

static void call_client(struct room *room)
{
    struct gatt_client *client = &room->gatt.client;
    struct link *link = any_link(room);
    const struct bluet_uuid uuid = any(2) ? uuid16(0x2a37) : uuid128(3);
    char value[600] = {0};
    switch (any(7)) {
    case 0:
        count_begun(gatt_client_discover_services(client, link, any(2) ? &uuid : NULL));
        break;
    case 1:
        count_begun(
            gatt_client_discover_characteristics(client, link, any_handle(), any_handle(), any(2) ? &uuid : NULL));
        break;
    case 2:
        count_begun(gatt_client_discover_descriptors(client, link, any_handle(), any_handle()));
        break;
    case 3:
        count_begun(gatt_client_read(client, link, any_handle(), any(2) ? 0 : any_handle()));
        break;
    case 4:
        gatt_client_write(client, link, any_handle(), value, any(600), BLUET_WRITE_NO_RESPONSE);
        break;
    case 5:
        count_begun(gatt_client_write(client, link, any_handle(), value, any(600),
                                      any(2) ? BLUET_WRITE_WITH_RESPONSE : BLUET_WRITE_LONG));
        break;
    default:
        gatt_client_exchange_mtu(client, link);
    }
}

/* Under way or waiting. */
static size_t indications(const struct room *room)
{
    size_t count = room->limits.procedure_count - room->gatt.server.indications_left;
    for (unsigned i = 0; i < ROOM_LINKS; i++)
        count += room->gatt.server.bearers[i].indicated != 0;
    return count;
}

static void update(struct room *room, uint16_t handle, const void *value, size_t length)
{
    size_t before = indications(room);
    room_local_write(&room->gatt.server, handle, value, length, true);
    begun += indications(room) - before;
}

static void call_server(struct room *room)
{
    struct gatt_server *server = &room->gatt.server;
    struct link *link = any_link(room);
    char value[600] = {0};
    const void *read;
    size_t length;
    switch (any(7)) {
    case 0:
        if (any(8) == 0)
            gatt_server_register(server, NULL, 0, NULL, 0);
        else if (any(4) == 0 && !room->refused_allocation)
            room_register(room);
        break;
    case 1:
        room_local_read(server, &read, &length, any_handle());
        break;
    case 2:
        if (any(2))
            update(room, any_handle(), value, any(600));
        else
            room_local_write(server, any_handle(), value, any(600), false);
        break;
    case 3:
        room_set_buffer(server, any_handle(), any(600), any(2));
        break;
    case 4:
        room_notify(server, link, any_handle(), any(2) ? value : NULL, any(600));
        break;
    default:
        count_begun(room_indicate(server, link, any_handle(), any(2) ? value : NULL, any(600)));
    }
}

static void call_anything(struct room *room)
{
    if (any(2))
        call_client(room);
    else
        call_server(room);
}

static void act(struct room *room, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_DONE:
    case BLUET_EVENT_GATTC_CHARACTERISTIC_DONE:
    case BLUET_EVENT_GATTC_DESCRIPTOR_DONE:
    case BLUET_EVENT_GATTC_READ_DONE:
    case BLUET_EVENT_GATTC_WRITE_DONE:
    case BLUET_EVENT_GATTS_INDICATE_DONE:
        ended++;
        break;
    default:
        break;
    }
    forget(room);
    room->answer = any(8) ? 0 : (int)any(300);
    if (room->depth < DEEPEST_HANDLER && any(4) == 0)
        call_anything(room);
}

/* ---- Peers ---- */

/* What a peer of good will would say, or nearly. */
static size_t put_likely_pdu(struct room *room, unsigned link, uint8_t *pdu, size_t size)
{
    static const uint8_t opcodes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
                                      0x0b, 0x0c, 0x0d, 0x0e, 0x10, 0x11, 0x12, 0x13, 0x16, 0x16,
                                      0x16, 0x17, 0x18, 0x19, 0x1b, 0x1d, 0x1e, 0x20, 0x23, 0x52};
    uint8_t awaited = room->gatt.att.bearers[link].request;
    struct writer writer = writer_of(pdu, size);
    uint8_t opcode = awaited && any(2) ? (uint8_t)(awaited + 1) : opcodes[any(sizeof opcodes)];
    write_u8(&writer, opcode);
    if (opcode == ATT_EXECUTE_WRITE_REQUEST && any(8)) {
        write_u8(&writer, any(8) != 0);
        return writer.length;
    }
    if (opcode == ATT_PREPARE_WRITE_REQUEST) {
        write_u16(&writer, any_handle());
        write_u16(&writer, any(4) ? (uint16_t)(any(3) * 6) : any_handle());
    }
    if (opcode == ATT_ERROR_RESPONSE)
        write_u8(&writer, awaited);
    else if (opcode == ATT_FIND_INFORMATION_RESPONSE)
        write_u8(&writer, (uint8_t)(1 + any(2)));
    else if (opcode == ATT_READ_BY_TYPE_RESPONSE)
        write_u8(&writer, any(2) ? 7 : 21);
    else if (opcode == ATT_READ_BY_GROUP_TYPE_RESPONSE)
        write_u8(&writer, any(2) ? 6 : 20);
    for (uint32_t left = any(6); left > 0; left--)
        write_u16(&writer, any_handle());
    if (any(3) == 0)
        write_u16(&writer, any(2) ? GATT_CHARACTERISTIC : GATT_PRIMARY_SERVICE);
    if (any(3) == 0)
        write_u8(&writer, (uint8_t)any(3));
    return writer.length;
}

static void send_anything(struct room *room)
{
    uint8_t pdu[64] = {0};
    unsigned link = any(ROOM_LINKS);
    size_t length = put_likely_pdu(room, link, pdu, sizeof pdu);
    if (any(8) == 0)
        length = any(sizeof pdu);
    if (any(8) == 0)
        pdu[any(sizeof pdu)] = (uint8_t)any(256);
    hear_octets(room, link, pdu, length);
}

/* What the host has sent comes back to it, as from a peer that is like it. */
static void pass_on(struct room *room)
{
    if (room->first_sent == room->sent_count)
        return;
    struct room_pdu pdu = room->sent[room->sent_count - 1];
    forget(room);
    hear_octets(room, (pdu.link + 1u) % ROOM_LINKS, pdu.octets, pdu.length);
}

static void renew_link(struct room *room)
{
    unsigned link = any(ROOM_LINKS);
    room_lose_link(room, link);
    room->link[link].state = LINK_OPEN;
    room->link[link].encrypted = any(2);
    gatt_link_opened(&room->gatt, &room->link[link]);
}

static void step(struct room *room)
{
    room->refused_allocation = any(4) ? 0 : room->allocations + 1;
    switch (any(16)) {
    case 0:
        room->no_buffers = any(2);
        gatt_flush(&room->gatt);
        break;
    case 1:
        room_wait(room, any(100) ? any(100000) : 31000000);
        break;
    case 2:
        if (any(4) == 0)
            renew_link(room);
        break;
    case 3:
    case 4:
        call_client(room);
        break;
    case 5:
    case 6:
        call_server(room);
        break;
    case 7:
    case 8:
    case 9:
        pass_on(room);
        break;
    default:
        send_anything(room);
    }
    room->refused_allocation = 0;
    if (room->sent_count > 1)
        room->first_sent = room->sent_count - 1;
    if (room->sent_count > ROOM_PDUS / 2)
        forget(room);
    room->first_event = room->event_count = 0;
}

static void play(uint64_t seed)
{
    random_state = seed;
    begun = ended = 0;
    struct room *room = room_create_with((uint16_t)(1 + any(20)), (uint16_t)(32 + any(300)), (uint8_t)(1 + any(10)));
    room->on_event = act;
    room_register(room);
    for (size_t i = 0; i < STEPS; i++)
        step(room);
    for (unsigned i = 0; i < ROOM_LINKS; i++)
        room_lose_link(room, i);
    assert_int_equal(begun, ended);
    room->on_event = NULL;
    room->no_buffers = false;
    forget(room);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    exchange(room, 0, "0a 0200", "0b 02 0300 002a");
    room_destroy(room);
}

static void test_any_order(void **state)
{
    (void)state;
    const char *chosen = getenv("SEED");
    uint64_t first = chosen ? strtoull(chosen, NULL, 0) : 1;
    for (uint64_t seed = first; seed < first + (chosen ? 1 : ROUNDS); seed++) {
        print_message("SEED=%llu\r", (unsigned long long)seed);
        play(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
