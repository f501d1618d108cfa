/* The upper half of the host alone: the surroundings, the double of l2cap_send(), and what conversations are made of.
 */
#include "gatt/room.h"

#include "host/l2cap.h"
#include "spec/l2cap.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int __wrap_l2cap_send(struct link_table *links, struct link *link, uint16_t cid, const struct bluet_span *spans,
                      size_t count);

static struct room *current;

/* ---- Surroundings ---- */

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct room *room = context;
    if (new_size == 0) {
        assert_non_null(block);
        room->memory -= old_size;
        free(block);
        return NULL;
    }
    if (++room->allocations == room->refused_allocation)
        return NULL;
    /* Always moved, so that a pointer that was kept is found out. */
    void *moved = malloc(new_size);
    assert_non_null(moved);
    memset(moved, 0xa5, new_size);
    if (block)
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
    free(block);
    room->memory += new_size - old_size;
    return moved;
}

int __wrap_l2cap_send(struct link_table *links, struct link *link, uint16_t cid, const struct bluet_span *spans,
                      size_t count)
{
    struct room *room = current;
    assert_ptr_equal(links, &room->links);
    assert_int_equal(cid, L2CAP_CID_ATT);
    assert_true(count <= L2CAP_SPANS_LARGEST);
    if (link->state != LINK_OPEN)
        return BLUET_ENOTCONN;
    if (++room->sends == room->refused_send || room->no_buffers)
        return BLUET_ENOMEM;
    assert_true(room->sent_count < ROOM_PDUS);
    struct room_pdu *pdu = &room->sent[room->sent_count++];
    *pdu = (struct room_pdu){.link = link->index};
    for (size_t i = 0; i < count; i++) {
        assert_true(pdu->length + spans[i].length <= sizeof pdu->octets);
        if (spans[i].length)
            memcpy(pdu->octets + pdu->length, spans[i].data, spans[i].length);
        pdu->length += spans[i].length;
    }
    assert_true(pdu->length <= gatt_link_mtu(&room->gatt, link));
    return BLUET_OK;
}

static void put_hex(char *out, size_t size, const uint8_t *octets, size_t length)
{
    size_t end = strlen(out);
    for (size_t i = 0; i < length && end + 3 < size; i++, end += 2)
        snprintf(out + end, size - end, "%02x", octets[i]);
}

static void put_uuid(char *out, size_t size, const struct bluet_uuid *uuid)
{
    uint8_t display[16];
    for (uint8_t i = 0; i < uuid->length; i++)
        display[i] = uuid->octets[uuid->length - 1 - i];
    put_hex(out, size, display, uuid->length);
}

static const char *name_of(enum bluet_event_code code)
{
    switch (code) {
    case BLUET_EVENT_GATTS_WRITE:
        return "write";
    case BLUET_EVENT_GATTS_READ_REQUEST:
        return "read-request";
    case BLUET_EVENT_GATTS_WRITE_REQUEST:
        return "write-request";
    case BLUET_EVENT_GATTS_SUBSCRIPTION:
        return "subscription";
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
        return "service";
    case BLUET_EVENT_GATTC_SERVICE_DONE:
        return "service-done";
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
        return "characteristic";
    case BLUET_EVENT_GATTC_CHARACTERISTIC_DONE:
        return "characteristic-done";
    case BLUET_EVENT_GATTC_DESCRIPTOR_RESULT:
        return "descriptor";
    case BLUET_EVENT_GATTC_DESCRIPTOR_DONE:
        return "descriptor-done";
    case BLUET_EVENT_GATTC_READ_RESULT:
        return "read-result";
    case BLUET_EVENT_GATTC_READ_DONE:
        return "read-done";
    case BLUET_EVENT_GATTC_WRITE_DONE:
        return "write-done";
    case BLUET_EVENT_GATTC_NOTIFY:
        return "notify";
    case BLUET_EVENT_GATTC_INDICATE:
        return "indicate";
    case BLUET_EVENT_GATTS_INDICATE_DONE:
        return "indicate-done";
    case BLUET_EVENT_MTU_EXCHANGED:
        return "mtu";
    default:
        return "?";
    }
}

static void put_fields(char *out, size_t size, const struct bluet_event *event)
{
    size_t end = strlen(out);
    switch (event->code) {
    case BLUET_EVENT_GATTS_WRITE:
    case BLUET_EVENT_GATTS_READ_REQUEST:
        snprintf(out + end, size - end, " %04x", event->attribute.attr_handle);
        break;
    case BLUET_EVENT_GATTS_WRITE_REQUEST:
        snprintf(out + end, size - end, " %04x %u ", event->write_request.attr_handle, event->write_request.offset);
        put_hex(out, size, event->write_request.data, event->write_request.length);
        break;
    case BLUET_EVENT_GATTS_SUBSCRIPTION:
        snprintf(out + end, size - end, " %04x %u", event->subscription.value_handle, event->subscription.subscribed);
        break;
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
        snprintf(out + end, size - end, " %04x-%04x ", event->service_result.start_handle,
                 event->service_result.end_handle);
        put_uuid(out, size, &event->service_result.uuid);
        break;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
        snprintf(out + end, size - end, " %04x %04x-%04x %02x ", event->characteristic_result.def_handle,
                 event->characteristic_result.value_handle, event->characteristic_result.end_handle,
                 event->characteristic_result.properties);
        put_uuid(out, size, &event->characteristic_result.uuid);
        break;
    case BLUET_EVENT_GATTC_DESCRIPTOR_RESULT:
        snprintf(out + end, size - end, " %04x ", event->descriptor_result.dsc_handle);
        put_uuid(out, size, &event->descriptor_result.uuid);
        break;
    case BLUET_EVENT_GATTC_READ_RESULT:
    case BLUET_EVENT_GATTC_NOTIFY:
    case BLUET_EVENT_GATTC_INDICATE:
        snprintf(out + end, size - end, " %04x ", event->value.value_handle);
        put_hex(out, size, event->value.data, event->value.length);
        break;
    case BLUET_EVENT_MTU_EXCHANGED:
        snprintf(out + end, size - end, " %u", event->mtu_exchanged.mtu);
        break;
    default:
        snprintf(out + end, size - end, " %04x %03x", event->done.value_handle, event->done.status);
    }
}

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct room *room = context;
    assert_null(host);
    assert_true(room->event_count < ROOM_EVENTS);
    char *text = room->events[room->event_count++];
    snprintf(text, ROOM_EVENT_SIZE, "%s %02x", name_of(event->code), event->conn_handle);
    put_fields(text, ROOM_EVENT_SIZE, event);
    if (room->on_event) {
        room->depth++;
        room->on_event(room, event);
        room->depth--;
    }
    return room->answer;
}

/* ---- Life cycle ---- */

struct room *room_create_with(uint16_t buffer_count, uint16_t buffer_size, uint8_t procedure_count)
{
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    current = room;
    room->port = (struct bluet_port){.context = room, .reallocate = reallocate};
    room->sink = (struct event_sink){.handler = handle_event, .context = room};
    room->hci = (struct hci){.port = &room->port, .sink = &room->sink, .now = 1000};
    room->limits = (struct bluet_config){
        .connection_count = ROOM_LINKS, .mtu_limit = ATT_MTU_LARGEST, .procedure_count = procedure_count};
    assert_int_equal(buffer_pool_open(&room->pool, &room->port, buffer_count, buffer_size), 0);
    room->links = (struct link_table){.hci = &room->hci, .pool = &room->pool, .links = room->link, .limit = ROOM_LINKS};
    gatt_init(&room->gatt, &room->port, &room->sink);
    gatt_set_mtu(&room->gatt, 256);
    assert_int_equal(gatt_open(&room->gatt, &room->links, &room->limits), 0);
    for (unsigned i = 0; i < ROOM_LINKS; i++) {
        room->link[i] =
            (struct link){.state = LINK_OPEN, .index = (uint8_t)i, .handle = (uint16_t)(ROOM_FIRST_CONNECTION + i)};
        gatt_link_opened(&room->gatt, &room->link[i]);
    }
    return room;
}

struct room *room_create(void)
{
    return room_create_with(16, 64, 8);
}

void room_lose_link(struct room *room, unsigned link)
{
    gatt_link_closed(&room->gatt, &room->link[link], BLUET_STATUS_DISCONNECTED);
    room->link[link].state = LINK_FREE;
}

void room_destroy(struct room *room)
{
    expect_nothing(room);
    room->on_event = NULL;
    for (unsigned i = 0; i < ROOM_LINKS; i++)
        if (room->link[i].state != LINK_FREE)
            room_lose_link(room, i);
    assert_int_equal(room->pool.free_count, room->pool.count);
    gatt_close(&room->gatt);
    gatt_destroy(&room->gatt);
    buffer_pool_close(&room->pool, &room->port);
    assert_int_equal(room->memory, 0);
    free(room);
    current = NULL;
}

/* ---- Services ---- */

struct bluet_uuid uuid16(uint16_t uuid)
{
    return (struct bluet_uuid){2, {(uint8_t)uuid, (uint8_t)(uuid >> 8)}};
}

struct bluet_uuid uuid128(uint16_t number)
{
    return (struct bluet_uuid){16,
                               {0x9e, 0xca, 0xdc, 0x24, 0x0e, 0xe5, 0xa9, 0xe0, 0x93, 0xf3, 0xa3, 0xb5, (uint8_t)number,
                                (uint8_t)(number >> 8), 0x40, 0x6e}};
}

struct bluet_service service_of(struct bluet_uuid uuid, const struct bluet_characteristic *characteristics,
                                size_t characteristic_count)
{
    return (struct bluet_service){
        .uuid = uuid, .characteristics = characteristics, .characteristic_count = characteristic_count};
}

/*
 * 20 (14) service 180d
 *     21 (15), 22 (16)  2a37 read, notify; 23 (17) its configuration
 *     24 (18), 25 (19)  2a38 read, write, indicate; 26 (1a) its configuration; 27 (1b) 2901 read, write
 * 28 (1c) service of 128 bits
 *     29 (1d), 30 (1e)  0002 write, write without response
 *     31 (1f), 32 (20)  0003 read, notify, indicate; 33 (21) its configuration
 * 34 (22) service 180a
 *     35 (23), 36 (24)  2a29 read encrypted
 *     37 (25), 38 (26)  2a24 read authenticated
 *     39 (27), 40 (28)  2a25 read authorized
 *     41 (29), 42 (2a)  2a26 write encrypted
 *     43 (2b), 44 (2c)  2a27 write authenticated
 *     45 (2d), 46 (2e)  2a28 write authorized
 *     47 (2f), 48 (30)  2a2a read encrypted, notify; 49 (31) its configuration
 */
void room_register(struct room *room)
{
    const struct bluet_descriptor description = {uuid16(0x2901), BLUET_FLAG_READ | BLUET_FLAG_WRITE};
    const struct bluet_characteristic heart[] = {
        {uuid16(0x2a37), BLUET_FLAG_READ | BLUET_FLAG_NOTIFY, NULL, 0},
        {uuid16(0x2a38), BLUET_FLAG_READ | BLUET_FLAG_WRITE | BLUET_FLAG_INDICATE, &description, 1},
    };
    const struct bluet_characteristic uart[] = {
        {uuid128(2), BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE, NULL, 0},
        {uuid128(3), BLUET_FLAG_READ | BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE, NULL, 0},
    };
    const struct bluet_characteristic secret[] = {
        {uuid16(0x2a29), BLUET_FLAG_READ | BLUET_FLAG_READ_ENCRYPTED, NULL, 0},
        {uuid16(0x2a24), BLUET_FLAG_READ | BLUET_FLAG_READ_AUTHENTICATED, NULL, 0},
        {uuid16(0x2a25), BLUET_FLAG_READ | BLUET_FLAG_READ_AUTHORIZED, NULL, 0},
        {uuid16(0x2a26), BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_ENCRYPTED, NULL, 0},
        {uuid16(0x2a27), BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_AUTHENTICATED, NULL, 0},
        {uuid16(0x2a28), BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_AUTHORIZED, NULL, 0},
        {uuid16(0x2a2a), BLUET_FLAG_READ | BLUET_FLAG_READ_ENCRYPTED | BLUET_FLAG_NOTIFY, NULL, 0},
    };
    const struct bluet_service services[] = {service_of(uuid16(0x180d), heart, 2), service_of(uuid128(1), uart, 2),
                                             service_of(uuid16(0x180a), secret, 7)};
    static const uint16_t expected[] = {22, 25, 27, 30, 32, 36, 38, 40, 42, 44, 46, 48};
    uint16_t handles[12];
    assert_int_equal(gatt_server_register(&room->gatt.server, handles, 12, services, 3), 12);
    assert_memory_equal(handles, expected, sizeof expected);
}

uint16_t room_register_one(struct room *room, uint16_t flags)
{
    const struct bluet_characteristic characteristic = {uuid16(0x2a37), flags, NULL, 0};
    const struct bluet_service service = service_of(uuid16(0x180d), &characteristic, 1);
    uint16_t handle;
    assert_int_equal(gatt_server_register(&room->gatt.server, &handle, 1, &service, 1), 1);
    return handle;
}

/* ---- Conversations ---- */

static size_t parse_hex(const char *hex, uint8_t *out, size_t size)
{
    size_t length = 0;
    for (const char *c = hex; *c;) {
        unsigned octet;
        if (isspace((unsigned char)*c)) {
            c++;
            continue;
        }
        assert_true(length < size);
        assert_true(isxdigit((unsigned char)c[0]) && isxdigit((unsigned char)c[1]));
        assert_int_equal(sscanf(c, "%2x", &octet), 1);
        out[length++] = (uint8_t)octet;
        c += 2;
    }
    return length;
}

void hear_octets(struct room *room, unsigned link, const uint8_t *pdu, size_t length)
{
    uint8_t *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    if (length)
        memcpy(exact, pdu, length);
    gatt_receive(&room->gatt, &room->link[link], exact, length);
    free(exact);
}

void hear(struct room *room, unsigned link, const char *hex)
{
    uint8_t pdu[600];
    hear_octets(room, link, pdu, parse_hex(hex, pdu, sizeof pdu));
}

/* Both lines, and a mark under where they part. */
static void fail_at(const char *what, const char *expected, const char *found)
{
    size_t same = 0;
    while (expected[same] && expected[same] == found[same])
        same++;
    print_error("%s\n  expected %s\n  found    %s\n           %*s^\n", what, expected, found, (int)same, "");
    fail();
}

void expect(struct room *room, unsigned link, const char *hex)
{
    uint8_t octets[600];
    char expected[1300], found[1300];
    size_t length = parse_hex(hex, octets, sizeof octets);
    snprintf(expected, sizeof expected, "link %u: ", link);
    put_hex(expected, sizeof expected, octets, length);
    if (room->first_sent == room->sent_count) {
        fail_at("sent", expected, "nothing");
        return;
    }
    const struct room_pdu *pdu = &room->sent[room->first_sent++];
    snprintf(found, sizeof found, "link %u: ", pdu->link);
    put_hex(found, sizeof found, pdu->octets, pdu->length);
    if (strcmp(expected, found) != 0)
        fail_at("sent", expected, found);
    if (room->first_sent == room->sent_count)
        room->first_sent = room->sent_count = 0;
}

void expect_event(struct room *room, const char *text)
{
    if (room->first_event == room->event_count) {
        fail_at("event", text, "nothing");
        return;
    }
    const char *found = room->events[room->first_event++];
    if (strcmp(text, found) != 0)
        fail_at("event", text, found);
    if (room->first_event == room->event_count)
        room->first_event = room->event_count = 0;
}

void expect_nothing(struct room *room)
{
    if (room->first_sent != room->sent_count) {
        char found[1300] = "";
        put_hex(found, sizeof found, room->sent[room->first_sent].octets, room->sent[room->first_sent].length);
        fail_at("sent", "nothing", found);
    }
    if (room->first_event != room->event_count)
        fail_at("event", "nothing", room->events[room->first_event]);
}

void exchange(struct room *room, unsigned link, const char *request, const char *response)
{
    hear(room, link, request);
    expect(room, link, response);
    expect_nothing(room);
}

void forget(struct room *room)
{
    room->first_sent = room->sent_count = 0;
    room->first_event = room->event_count = 0;
}

void expect_protocol_errors(struct room *room, uint32_t count)
{
    assert_int_equal(room->hci.protocol_errors, count);
    room->hci.protocol_errors = 0;
}

void room_buffers_free(struct room *room)
{
    room->no_buffers = false;
    gatt_flush(&room->gatt);
}

void room_wait(struct room *room, uint64_t microseconds)
{
    room->hci.now += microseconds;
    if (gatt_deadline(&room->gatt) <= room->hci.now)
        gatt_expire(&room->gatt);
}

/* Both sides have exchanged it, whoever began. */
void room_set_mtu(struct room *room, unsigned link, uint16_t mtu)
{
    char text[32];
    gatt_set_mtu(&room->gatt, mtu);
    const uint8_t request[] = {ATT_EXCHANGE_MTU_REQUEST, (uint8_t)mtu, (uint8_t)(mtu >> 8)};
    hear_octets(room, link, request, sizeof request);
    snprintf(text, sizeof text, "03%02x%02x", mtu & 0xff, mtu >> 8);
    expect(room, link, text);
    snprintf(text, sizeof text, "mtu %02x %u", ROOM_FIRST_CONNECTION + link, mtu);
    expect_event(room, text);
}

int room_notify(struct gatt_server *server, struct link *link, uint16_t handle, const void *data, size_t length)
{
    return gatt_server_notify(&(struct gatt_push){server, link, {data, length}, handle});
}

int room_indicate(struct gatt_server *server, struct link *link, uint16_t handle, const void *data, size_t length)
{
    return gatt_server_indicate(&(struct gatt_push){server, link, {data, length}, handle});
}

int room_notify_multiple(struct gatt_server *server, struct link *link, const uint16_t *handles, size_t count)
{
    return gatt_server_notify_multiple(&(struct gatt_push){server, link, {handles, count}, 0});
}

int room_local_read(struct gatt_server *server, const void **out_value, size_t *out_length, uint16_t handle)
{
    struct gatt_attribute *attribute = gatt_db_find_users(server->db, handle);
    if (!attribute)
        return BLUET_EINVAL;
    gatt_db_read_local(server->db, attribute, out_value, out_length);
    return BLUET_OK;
}

int room_local_write(struct gatt_server *server, uint16_t handle, const void *data, size_t length, bool send_update)
{
    struct gatt_attribute *attribute = gatt_db_find_users(server->db, handle);
    return attribute ? gatt_server_local_write(server, attribute, data, length, send_update) : BLUET_EINVAL;
}

int room_set_buffer(struct gatt_server *server, uint16_t handle, size_t length, bool append)
{
    struct gatt_attribute *attribute = gatt_db_find_users(server->db, handle);
    return attribute ? gatt_db_set_buffer(server->db, attribute, length, append) : BLUET_EINVAL;
}
