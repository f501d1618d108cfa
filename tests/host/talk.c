/* The scripted controller and its port. */
#include "talk.h"

#include "host/features.h"
#include "invariants.h"
#include "spec/hci.h"
#include "spec/reader.h"
#include "spec/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Hex ---- */

static size_t octets_of(const char *hex, uint8_t *out, bool *any, size_t capacity)
{
    size_t count = 0;
    while (*hex) {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        assert_true(count < capacity);
        any[count] = hex[0] == '.';
        out[count] = any[count] ? 0 : (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
        count++;
        hex += 2;
    }
    return count;
}

static void print_octets(const char *title, const uint8_t *octets, size_t length)
{
    fprintf(stderr, "%s", title);
    for (size_t i = 0; i < length; i++)
        fprintf(stderr, " %02x", octets[i]);
    fprintf(stderr, "\n");
}

/* ---- Port ---- */

static void talk_send(void *context, const struct bluet_span *spans, size_t count)
{
    struct talk *talk = context;
    assert_true(talk->packet_count < TALK_PACKETS);
    struct talk_packet *packet = &talk->packets[(talk->first_packet + talk->packet_count++) % TALK_PACKETS];
    packet->length = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(packet->length + spans[i].length <= TALK_PACKET_SIZE);
        memcpy(packet->octets + packet->length, spans[i].data, spans[i].length);
        packet->length += spans[i].length;
    }
}

static uint64_t talk_now(void *context)
{
    return ((struct talk *)context)->now;
}

static void *talk_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct talk *talk = context;
    if (new_size && ++talk->allocations == talk->refused_after)
        return NULL;
    if (new_size == 0) {
        free(block);
        talk->memory -= old_size;
        return NULL;
    }
    void *result = realloc(block, new_size);
    talk->memory = talk->memory - old_size + new_size;
    return result;
}

static void talk_random(void *context, uint8_t *out, size_t length)
{
    struct talk *talk = context;
    for (size_t i = 0; i < length; i++)
        out[i] = talk->random++;
}

/* ---- Events ---- */

static const char *event_name(enum bluet_event_code code)
{
    static const struct {
        enum bluet_event_code code;
        const char *name;
    } names[] = {
        {BLUET_EVENT_CENTRAL_CONNECT, "CENTRAL_CONNECT"},
        {BLUET_EVENT_CENTRAL_DISCONNECT, "CENTRAL_DISCONNECT"},
        {BLUET_EVENT_SCAN_RESULT, "SCAN_RESULT"},
        {BLUET_EVENT_SCAN_DONE, "SCAN_DONE"},
        {BLUET_EVENT_PERIPHERAL_CONNECT, "PERIPHERAL_CONNECT"},
        {BLUET_EVENT_PERIPHERAL_DISCONNECT, "PERIPHERAL_DISCONNECT"},
        {BLUET_EVENT_CONNECTION_UPDATE, "CONNECTION_UPDATE"},
        {BLUET_EVENT_ENCRYPTION_UPDATE, "ENCRYPTION_UPDATE"},
        {BLUET_EVENT_PASSKEY_ACTION, "PASSKEY_ACTION"},
        {BLUET_EVENT_GET_SECRET, "GET_SECRET"},
        {BLUET_EVENT_SET_SECRET, "SET_SECRET"},
        {BLUET_EVENT_OPERATION_DONE, "OPERATION_DONE"},
        {BLUET_EVENT_SEND_READY, "SEND_READY"},
        {BLUET_EVENT_INACTIVE, "INACTIVE"},
        {BLUET_EVENT_GATTS_WRITE, "GATTS_WRITE"},
        {BLUET_EVENT_GATTS_READ_REQUEST, "GATTS_READ_REQUEST"},
        {BLUET_EVENT_GATTS_INDICATE_DONE, "GATTS_INDICATE_DONE"},
        {BLUET_EVENT_GATTS_SUBSCRIPTION, "GATTS_SUBSCRIPTION"},
        {BLUET_EVENT_GATTC_SERVICE_DONE, "GATTC_SERVICE_DONE"},
        {BLUET_EVENT_GATTC_READ_RESULT, "GATTC_READ_RESULT"},
        {BLUET_EVENT_GATTC_READ_DONE, "GATTC_READ_DONE"},
        {BLUET_EVENT_GATTC_WRITE_DONE, "GATTC_WRITE_DONE"},
        {BLUET_EVENT_GATTC_NOTIFY, "GATTC_NOTIFY"},
        {BLUET_EVENT_GATTC_INDICATE, "GATTC_INDICATE"},
        {BLUET_EVENT_MTU_EXCHANGED, "MTU_EXCHANGED"},
        {BLUET_EVENT_L2CAP_ACCEPT, "L2CAP_ACCEPT"},
        {BLUET_EVENT_L2CAP_CONNECT, "L2CAP_CONNECT"},
        {BLUET_EVENT_L2CAP_DISCONNECT, "L2CAP_DISCONNECT"},
        {BLUET_EVENT_L2CAP_RECV, "L2CAP_RECV"},
        {BLUET_EVENT_L2CAP_SEND_READY, "L2CAP_SEND_READY"},
        {BLUET_EVENT_L2CAP_RECONFIGURE_DONE, "L2CAP_RECONFIGURE_DONE"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].code == code)
            return names[i].name;
    }
    return "?";
}

static void put_address(char *out, size_t size, const struct bluet_address *address)
{
    size_t length = strlen(out);
    const uint8_t *o = address->octets;
    snprintf(out + length, size - length, " %u/%02x%02x%02x%02x%02x%02x", address->type, o[0], o[1], o[2], o[3], o[4],
             o[5]);
}

static void put_octets(char *out, size_t size, const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%02x", i ? "" : " ", octets[i]);
    }
}

static void put_gatt_event(char *out, size_t size, const struct bluet_event *event)
{
    size_t length = strlen(out);
    switch (event->code) {
    case BLUET_EVENT_GATTS_WRITE:
    case BLUET_EVENT_GATTS_READ_REQUEST:
        snprintf(out + length, size - length, " 0x%04x", event->attribute.attr_handle);
        break;
    case BLUET_EVENT_GATTS_SUBSCRIPTION:
        snprintf(out + length, size - length, " 0x%04x %u", event->subscription.value_handle,
                 event->subscription.subscribed);
        break;
    case BLUET_EVENT_GATTS_INDICATE_DONE:
    case BLUET_EVENT_GATTC_SERVICE_DONE:
    case BLUET_EVENT_GATTC_READ_DONE:
    case BLUET_EVENT_GATTC_WRITE_DONE:
        snprintf(out + length, size - length, " 0x%04x status 0x%03x", event->done.value_handle, event->done.status);
        break;
    case BLUET_EVENT_GATTC_NOTIFY:
        snprintf(out + length, size - length, " 0x%04x length %zu", event->value.value_handle, event->value.length);
        break;
    case BLUET_EVENT_GATTC_READ_RESULT:
    case BLUET_EVENT_GATTC_INDICATE:
        snprintf(out + length, size - length, " 0x%04x", event->value.value_handle);
        put_octets(out, size, event->value.data, event->value.length);
        break;
    default:
        break;
    }
}

static void put_channel_event(char *out, size_t size, const struct bluet_event *event)
{
    size_t length = strlen(out);
    if (event->code == BLUET_EVENT_L2CAP_DISCONNECT)
        snprintf(out + length, size - length, " cid 0x%04x psm 0x%02x status 0x%03x", event->channel_end.cid,
                 event->channel_end.psm, event->channel_end.status);
    else if (event->code == BLUET_EVENT_L2CAP_ACCEPT || event->code == BLUET_EVENT_L2CAP_CONNECT)
        snprintf(out + length, size - length, " cid 0x%04x psm 0x%02x mtu %u %u", event->channel.cid,
                 event->channel.psm, event->channel.our_mtu, event->channel.peer_mtu);
    else if (event->code == BLUET_EVENT_L2CAP_RECONFIGURE_DONE)
        snprintf(out + length, size - length, " cid 0x%04x mtu %u status 0x%03x", event->channel_reconfigured.cid,
                 event->channel_reconfigured.our_mtu, event->channel_reconfigured.status);
    else if (event->code == BLUET_EVENT_L2CAP_RECV || event->code == BLUET_EVENT_L2CAP_SEND_READY)
        snprintf(out + length, size - length, " cid 0x%04x", event->channel_data.cid);
}

/* The name, the handle where there is one, and the members in their order. */
static void talk_event(char *out, size_t size, const struct bluet_event *event)
{
    snprintf(out, size, "%s", event_name(event->code));
    if (event->conn_handle != 0xffff)
        snprintf(out + strlen(out), size - strlen(out), " 0x%04x", event->conn_handle);
    size_t length = strlen(out);
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        put_address(out, size, &event->connect.peer);
        break;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        put_address(out, size, &event->disconnect.peer);
        length = strlen(out);
        snprintf(out + length, size - length, " reason 0x%02x", event->disconnect.reason);
        break;
    case BLUET_EVENT_SCAN_RESULT:
        put_address(out, size, &event->scan_result.peer);
        length = strlen(out);
        snprintf(out + length, size - length, " type %u rssi %d", event->scan_result.adv_type, event->scan_result.rssi);
        put_octets(out, size, event->scan_result.data, event->scan_result.length);
        break;
    case BLUET_EVENT_CONNECTION_UPDATE:
        snprintf(out + length, size - length, " %u %u %u status 0x%02x", event->connection_update.interval,
                 event->connection_update.latency, event->connection_update.supervision_timeout,
                 event->connection_update.status);
        break;
    case BLUET_EVENT_ENCRYPTION_UPDATE:
        snprintf(out + length, size - length, " %d%d%d key %u reason 0x%03x", event->encryption_update.encrypted,
                 event->encryption_update.authenticated, event->encryption_update.bonded,
                 event->encryption_update.key_size, event->encryption_update.reason);
        break;
    case BLUET_EVENT_PASSKEY_ACTION:
        snprintf(out + length, size - length, " %u %06u", event->passkey_action.action,
                 (unsigned)event->passkey_action.passkey);
        break;
    case BLUET_EVENT_GET_SECRET:
        snprintf(out + length, size - length, " %u index %u", event->get_secret.sec_type, event->get_secret.index);
        put_octets(out, size, event->get_secret.key, event->get_secret.key_length);
        break;
    case BLUET_EVENT_SET_SECRET:
        snprintf(out + length, size - length, " %u length %zu", event->set_secret.sec_type, event->set_secret.length);
        put_octets(out, size, event->set_secret.key, event->set_secret.key_length);
        break;
    case BLUET_EVENT_OPERATION_DONE:
        snprintf(out + length, size - length, " %d error %d status 0x%02x", event->operation.ticket,
                 event->operation.error, event->operation.hci_status);
        put_octets(out, size, event->operation.response, event->operation.response_length);
        break;
    case BLUET_EVENT_INACTIVE:
        snprintf(out + length, size - length, " status 0x%02x", event->inactive.hci_status);
        break;
    default:
        put_gatt_event(out, size, event);
        put_channel_event(out, size, event);
        break;
    }
}

static int talk_handler(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct talk *talk = context;
    check_invariants(host);
    if (event->code == BLUET_EVENT_GET_SECRET && !talk->tells_questions)
        return 1;
    assert_true(talk->event_count < TALK_EVENTS);
    talk_event(talk->events[(talk->first_event + talk->event_count++) % TALK_EVENTS], TALK_EVENT_SIZE, event);
    if (talk->on_event)
        talk->on_event(talk, event);
    check_invariants(host);
    return talk->answer;
}

/* ---- Life ---- */

struct talk_controller talk_full_controller(void)
{
    struct talk_controller controller = {
        .version = 12,
        .features = 1ull << 38,
        .le_features = 0x1ffull,
        .le_acl_length = 251,
        .le_acl_count = 8,
        .acl_length = 1021,
        .acl_count = 4,
        .address = {0xc4, 0x11, 0x22, 0x33, 0x44, 0x55},
    };
    memset(controller.commands, 0xff, sizeof controller.commands);
    return controller;
}

struct talk *talk_create(const struct bluet_config *limits)
{
    struct talk *talk = calloc(1, sizeof *talk);
    assert_non_null(talk);
    talk->controller = talk_full_controller();
    talk->now = 1000000;
    struct bluet_config config = {0};
    if (limits)
        config = *limits;
    config.port = (struct bluet_port){talk, talk_send, talk_now, talk_reallocate, talk_random};
    config.handler = talk_handler;
    config.handler_context = talk;
    assert_int_equal(bluet_create(&talk->host, &config), BLUET_OK);
    return talk;
}

struct talk *talk_activated(const struct bluet_config *limits)
{
    struct talk *talk = talk_create(limits);
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    return talk;
}

void talk_destroy(struct talk *talk)
{
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    bluet_destroy(talk->host);
    assert_int_equal(talk->memory, 0);
    free(talk);
}

/* ---- Packets ---- */

void talk_receive_octets(struct talk *talk, const uint8_t *octets, size_t length)
{
    uint8_t *packet = malloc(length ? length : 1); /* so that a sanitizer sees a read beyond it */
    assert_non_null(packet);
    memcpy(packet, octets, length);
    bluet_receive(talk->host, packet, length);
    free(packet);
    check_invariants(talk->host);
}

void talk_receive(struct talk *talk, const char *hex)
{
    uint8_t octets[TALK_PACKET_SIZE];
    bool any[TALK_PACKET_SIZE];
    talk_receive_octets(talk, octets, octets_of(hex, octets, any, sizeof octets));
}

struct talk_packet talk_take(struct talk *talk)
{
    assert_true(talk->packet_count > 0);
    struct talk_packet packet = talk->packets[talk->first_packet];
    talk->first_packet = (talk->first_packet + 1) % TALK_PACKETS;
    talk->packet_count--;
    return packet;
}

void talk_expect(struct talk *talk, const char *hex)
{
    uint8_t octets[TALK_PACKET_SIZE];
    bool any[TALK_PACKET_SIZE];
    size_t length = octets_of(hex, octets, any, sizeof octets);
    struct talk_packet packet = talk_take(talk);
    bool equal = packet.length == length;
    for (size_t i = 0; equal && i < length; i++)
        equal = any[i] || packet.octets[i] == octets[i];
    if (!equal) {
        print_octets("expected", octets, length);
        print_octets("sent    ", packet.octets, packet.length);
        fail_msg("expected %s", hex);
    }
}

void talk_expect_nothing(struct talk *talk)
{
    if (talk->packet_count) {
        struct talk_packet packet = talk_take(talk);
        print_octets("unexpected", packet.octets, packet.length);
        fail_msg("the host has sent a packet");
    }
}

void talk_expect_event(struct talk *talk, const char *text)
{
    if (talk->event_count == 0)
        fail_msg("no event, but expected %s", text);
    const char *event = talk->events[talk->first_event];
    talk->first_event = (talk->first_event + 1) % TALK_EVENTS;
    talk->event_count--;
    assert_string_equal(event, text);
}

void talk_expect_no_event(struct talk *talk)
{
    if (talk->event_count)
        fail_msg("unexpected event: %s", talk->events[talk->first_event]);
}

void talk_forget(struct talk *talk)
{
    talk->packet_count = 0;
    talk->event_count = 0;
}

void talk_pass(struct talk *talk, uint64_t duration_us)
{
    uint64_t end = talk->now + duration_us;
    uint64_t next;
    for (unsigned turns = 0; (next = bluet_deadline(talk->host)) <= end; turns++) {
        assert_true(turns < 1000);
        if (next > talk->now)
            talk->now = next;
        bluet_poll(talk->host);
        check_invariants(talk->host);
    }
    talk->now = end;
    bluet_poll(talk->host);
    check_invariants(talk->host);
}

void talk_pass_to_wrap(struct talk *talk)
{
    talk_pass(talk, (UINT64_C(2) << 32) - 10000000 - talk->now);
}

/* ---- The controller's answers ---- */

static bool is_answered_by_status(uint16_t opcode)
{
    return opcode == HCI_DISCONNECT || opcode == HCI_LE_CREATE_CONNECTION || opcode == HCI_LE_CONNECTION_UPDATE ||
           opcode == HCI_LE_READ_REMOTE_FEATURES;
}

static void write_return_parameters(struct writer *writer, const struct talk_controller *controller, uint16_t opcode)
{
    switch (opcode) {
    case HCI_READ_LOCAL_VERSION_INFORMATION:
        write_u8(writer, controller->version);
        write_zeros(writer, 7);
        break;
    case HCI_READ_LOCAL_SUPPORTED_COMMANDS:
        write_octets(writer, controller->commands, sizeof controller->commands);
        break;
    case HCI_READ_LOCAL_SUPPORTED_FEATURES:
        write_u64(writer, controller->features);
        break;
    case HCI_LE_READ_LOCAL_SUPPORTED_FEATURES:
        write_u64(writer, controller->le_features);
        break;
    case HCI_LE_READ_BUFFER_SIZE:
        write_u16(writer, controller->le_acl_length);
        write_u8(writer, controller->le_acl_count);
        break;
    case HCI_READ_BUFFER_SIZE:
        write_u16(writer, controller->acl_length);
        write_u8(writer, 0);
        write_u16(writer, controller->acl_count);
        write_u16(writer, 0);
        break;
    case HCI_READ_BD_ADDR:
        write_reversed(writer, controller->address, sizeof controller->address);
        break;
    default:
        break;
    }
}

static void answer_command(struct talk *talk, uint16_t opcode)
{
    const struct talk_controller *controller = &talk->controller;
    uint8_t status = opcode == controller->refused ? controller->status : HCI_SUCCESS;
    uint8_t answer[96];
    struct writer writer = writer_of(answer, sizeof answer);
    write_u8(&writer, HCI_EVENT);
    write_u8(&writer, HCI_EVENT_COMMAND_COMPLETE);
    write_u8(&writer, 0);
    if (is_answered_by_status(opcode)) {
        answer[1] = HCI_EVENT_COMMAND_STATUS;
        write_u8(&writer, status);
        write_u8(&writer, 1);
        write_u16(&writer, opcode);
    } else {
        write_u8(&writer, 1);
        write_u16(&writer, opcode);
        write_u8(&writer, status);
        if (status == HCI_SUCCESS)
            write_return_parameters(&writer, controller, opcode);
    }
    if (opcode == controller->short_answer)
        writer.length--;
    answer[2] = (uint8_t)(writer.length - 3);
    talk_receive_octets(talk, answer, writer.length);
}

/* 0: it is not a command. */
static uint16_t next_opcode(const struct talk *talk)
{
    const struct talk_packet *packet = &talk->packets[talk->first_packet];
    struct reader reader = reader_of(packet->octets, packet->length);
    return read_u8(&reader) == HCI_COMMAND ? read_u16(&reader) : 0;
}

void talk_answer_until(struct talk *talk, uint16_t opcode)
{
    while (talk->packet_count) {
        uint16_t next = next_opcode(talk);
        if (opcode && next == opcode)
            return;
        talk_take(talk);
        if (next && next == talk->controller.silent)
            return;
        if (next)
            answer_command(talk, next);
    }
}

void talk_answer(struct talk *talk)
{
    talk_answer_until(talk, 0);
}

/* ---- Connections ---- */

static void connection_complete(struct talk *talk, uint16_t handle, uint8_t role)
{
    uint8_t event[22] = {HCI_EVENT, HCI_EVENT_LE_META, 19};
    struct writer writer = writer_of(event + 3, sizeof event - 3);
    const uint8_t peer[6] = {0xc0, 0, 0, 0, 0, (uint8_t)handle};
    write_u8(&writer, HCI_LE_EVENT_CONNECTION_COMPLETE);
    write_u8(&writer, HCI_SUCCESS);
    write_u16(&writer, handle);
    write_u8(&writer, role);
    write_u8(&writer, BLUET_ADDRESS_RANDOM);
    write_reversed(&writer, peer, sizeof peer);
    write_u16(&writer, 24);
    write_u16(&writer, 0);
    write_u16(&writer, 500);
    write_u8(&writer, 0);
    talk_receive_octets(talk, event, sizeof event);
}

void talk_peer_is_heard(struct talk *talk, uint16_t handle)
{
    uint8_t event[15] = {HCI_EVENT, HCI_EVENT_LE_META, 12, HCI_LE_EVENT_READ_REMOTE_FEATURES_COMPLETE, HCI_SUCCESS};
    struct writer writer = writer_of(event + 5, sizeof event - 5);
    write_u16(&writer, handle);
    talk_receive_octets(talk, event, sizeof event);
}

void talk_connect_central(struct talk *talk, uint16_t handle)
{
    const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, (uint8_t)handle}};
    char text[TALK_EVENT_SIZE];
    int ticket = BLUET_HAS_CENTRAL ? bluet_gap_connect(talk->host, &peer, 0, NULL) : BLUET_ENOTSUP;
    assert_true(ticket > 0);
    talk_answer(talk);
    snprintf(text, sizeof text, "OPERATION_DONE %d error 0 status 0x00", ticket);
    talk_expect_event(talk, text);
    connection_complete(talk, handle, 0);
    talk_answer(talk);
    talk_peer_is_heard(talk, handle);
    snprintf(text, sizeof text, "PERIPHERAL_CONNECT 0x%04x 1/c000000000%02x", handle, handle & 0xff);
    talk_expect_event(talk, text);
}

void talk_connect_peripheral(struct talk *talk, uint16_t handle)
{
    char text[TALK_EVENT_SIZE];
    connection_complete(talk, handle, 1);
    snprintf(text, sizeof text, "CENTRAL_CONNECT 0x%04x 1/c000000000%02x", handle, handle & 0xff);
    talk_expect_event(talk, text);
}

static size_t frame_of(uint8_t *out, uint16_t handle, uint16_t boundary, uint16_t cid, const char *hex)
{
    uint8_t octets[TALK_PACKET_SIZE];
    bool any[TALK_PACKET_SIZE];
    size_t length = octets_of(hex, octets, any, sizeof octets);
    struct writer writer = writer_of(out, TALK_PACKET_SIZE);
    write_u8(&writer, HCI_ACL_DATA);
    write_u16(&writer, (uint16_t)(handle | boundary << 12));
    write_u16(&writer, (uint16_t)(length + 4));
    write_u16(&writer, (uint16_t)length);
    write_u16(&writer, cid);
    write_octets(&writer, octets, length);
    return writer.length;
}

void talk_receive_frame(struct talk *talk, uint16_t handle, uint16_t cid, const char *hex)
{
    uint8_t packet[TALK_PACKET_SIZE];
    talk_receive_octets(talk, packet, frame_of(packet, handle, HCI_BOUNDARY_FIRST_FLUSHABLE, cid, hex));
}

void talk_complete(struct talk *talk, uint16_t handle, uint8_t count)
{
    const uint8_t event[] = {
        HCI_EVENT, HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS, 5, 1, (uint8_t)handle, (uint8_t)(handle >> 8), count, 0};
    talk_receive_octets(talk, event, sizeof event);
}

void talk_disconnect(struct talk *talk, uint16_t handle)
{
    const uint8_t event[] = {HCI_EVENT,
                             HCI_EVENT_DISCONNECTION_COMPLETE,
                             4,
                             HCI_SUCCESS,
                             (uint8_t)handle,
                             (uint8_t)(handle >> 8),
                             HCI_REMOTE_USER_TERMINATED};
    talk_receive_octets(talk, event, sizeof event);
}

void talk_expect_frame(struct talk *talk, uint16_t handle, uint16_t cid, const char *hex)
{
    uint8_t expected[TALK_PACKET_SIZE];
    size_t length = frame_of(expected, handle, HCI_BOUNDARY_FIRST_NON_FLUSHABLE, cid, hex);
    struct talk_packet packet = talk_take(talk);
    if (packet.length != length || memcmp(packet.octets, expected, length) != 0) {
        print_octets("expected", expected, length);
        print_octets("sent    ", packet.octets, packet.length);
        fail_msg("expected another frame");
    }
}
