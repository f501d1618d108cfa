/*
 * Instructions that the host spends on its everyday work, from the API call to the port's `send` and from
 * bluet_receive() to the event. To be run under callgrind with --collect-atstart=no: each operation is dumped under its
 * name. The controller only answers, the handler only returns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "controller.h"
#include "spec/att.h"
#include "spec/l2cap.h"

enum { REPETITIONS = 100, VALUE_LENGTH = 20, PSM = 0x80, SDU_LENGTH = 240 };

struct bench {
    struct controller controller;
    struct bluet *host;
    uint16_t conn_handle;
    uint16_t value_handle;
    uint16_t cid; /* of a channel, when there is one */
    uint8_t packet[512];
    size_t packet_length;
};

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static uint64_t now(void *context)
{
    return ((struct bench *)context)->controller.now;
}

static void send_packet(void *context, const struct bluet_span *spans, size_t count)
{
    controller_take(&((struct bench *)context)->controller, spans, count);
}

static void fill(void *context, uint8_t *out, size_t length)
{
    (void)context;
    memset(out, 0x5a, length);
}

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct bench *bench = context;
    uint8_t sdu[SDU_LENGTH];
    if (event->code == BLUET_EVENT_L2CAP_CONNECT)
        bench->cid = event->channel.cid;
    if (event->code == BLUET_EVENT_L2CAP_RECV)
        bluet_l2cap_receive(host, bench->conn_handle, bench->cid, sdu, sizeof sdu);
    return 0;
}

/* A service with as many characteristics as asked for, each readable, writable and notifying. */
static bool register_services(struct bench *bench, size_t count)
{
    struct bluet_characteristic *characteristics = calloc(count, sizeof *characteristics);
    uint16_t *handles = calloc(count, sizeof *handles);
    bool done = false;
    if (characteristics && handles) {
        for (size_t i = 0; i < count; i++) {
            characteristics[i].uuid = (struct bluet_uuid){2, {(uint8_t)i, (uint8_t)(0xa0 + (i >> 8))}};
            characteristics[i].flags = BLUET_FLAG_READ | BLUET_FLAG_WRITE | BLUET_FLAG_NOTIFY;
        }
        struct bluet_service service = {{2, {0x00, 0x9f}}, characteristics, count};
        done = bluet_gatts_register_services(bench->host, handles, count, &service, 1) == (int)count;
        bench->value_handle = handles[count - 1];
    }
    free(characteristics);
    free(handles);
    const uint8_t value[VALUE_LENGTH] = {1};
    return done && bluet_gatts_write(bench->host, bench->value_handle, value, sizeof value, false) == VALUE_LENGTH;
}

static void receive_att(struct bench *bench, const void *pdu, size_t length)
{
    bench->packet_length = controller_frame(bench->packet, bench->conn_handle, L2CAP_CID_ATT, pdu, length);
    bluet_receive(bench->host, bench->packet, bench->packet_length);
    controller_settle(&bench->controller);
}

static void open_bench(struct bench *bench, size_t characteristic_count, uint8_t connection_count)
{
    struct bluet_config config = {
        .port = {bench, send_packet, now, reallocate, fill},
        .handler = handle_event,
        .handler_context = bench,
        .connection_count = connection_count,
    };
    bool ready = bluet_create(&bench->host, &config) == 0;
    bench->controller.host = bench->host;
    ready = ready && controller_activate(&bench->controller) && bluet_set_mtu(bench->host, 247) >= 0 &&
            register_services(bench, characteristic_count);
    for (uint8_t i = 0; ready && i < connection_count; i++) {
        bench->conn_handle = (uint16_t)(CONTROLLER_FIRST_HANDLE + i);
        controller_connect(&bench->controller, bench->conn_handle);
    }
    struct bluet_connection connection;
    receive_att(bench, "\x02\xf7\x00", 3); /* Exchange MTU Request, 247 */
    if (!ready || bluet_connection(bench->host, &connection, bench->conn_handle) || connection.mtu != 247) {
        fputs("the host did not come up\n", stderr);
        exit(1);
    }
}

static void close_bench(struct bench *bench)
{
    bluet_destroy(bench->host);
}

/* ---- Operations ---- */

static void do_nothing(struct bench *bench)
{
    (void)bench;
}

static void notify_20(struct bench *bench)
{
    static const uint8_t data[20] = {1};
    bluet_gatts_notify(bench->host, bench->conn_handle, bench->value_handle, data, sizeof data);
}

static void notify_244(struct bench *bench)
{
    static const uint8_t data[244] = {1};
    bluet_gatts_notify(bench->host, bench->conn_handle, bench->value_handle, data, sizeof data);
}

static void channel_send(struct bench *bench)
{
    static const uint8_t data[SDU_LENGTH] = {1};
    bluet_l2cap_send(bench->host, bench->conn_handle, bench->cid, data, sizeof data);
}

static void receive(struct bench *bench)
{
    bluet_receive(bench->host, bench->packet, bench->packet_length);
}

struct operation {
    const char *name;
    void (*run)(struct bench *bench);
    uint8_t opcode;      /* of the ATT PDU that is received; 0: see `prepare` */
    size_t value_length; /* what follows opcode and handle in it */
    void (*prepare)(struct bench *bench);
};

static void prepare_report(struct bench *bench)
{
    bluet_gap_scan(bench->host, 0, 30000, 30000, false);
    controller_settle(&bench->controller);
    bench->packet_length = controller_advertising_report(bench->packet);
}

/* The peer connects a channel, with credits enough for all (Vol 3 Part A, 4.22). */
static void prepare_channel(struct bench *bench)
{
    static const uint8_t request[] = {
        L2CAP_LE_CREDIT_BASED_CONNECTION_REQUEST, 1, 10, 0, PSM, 0, 0x40, 0, 0x00, 0x04, 0xf7, 0x00, 0xff, 0xff};
    if (bench->cid == 0) {
        uint8_t packet[32];
        bluet_l2cap_listen(bench->host, PSM, 1024);
        size_t length = controller_frame(packet, bench->conn_handle, L2CAP_CID_SIGNALLING, request, sizeof request);
        bluet_receive(bench->host, packet, length);
        controller_settle(&bench->controller);
    }
    if (bench->cid == 0) {
        fputs("no channel\n", stderr);
        exit(1);
    }
    uint8_t frame[SDU_LENGTH + 2] = {SDU_LENGTH};
    bench->packet_length = controller_frame(bench->packet, bench->conn_handle, bench->cid, frame, sizeof frame);
}

/* Number Of Completed Packets for one; a packet is sent before each, outside of what is measured. */
static void prepare_completion(struct bench *bench)
{
    static const uint8_t event[] = {0x04, 0x13, 0x05, 0x01, 0, 0, 0x01, 0x00};
    memcpy(bench->packet, event, sizeof event);
    bench->packet[4] = (uint8_t)bench->conn_handle;
    bench->packet[5] = (uint8_t)(bench->conn_handle >> 8);
    bench->packet_length = sizeof event;
}

static const struct operation operations[] = {
    {"nothing", do_nothing, 0, 0, NULL},
    {"notify_20", notify_20, 0, 0, NULL},
    {"notify_244", notify_244, 0, 0, NULL},
    {"completed_packets", receive, 0, 0, prepare_completion},
    {"receive_20", receive, ATT_HANDLE_VALUE_NOTIFICATION, 20, NULL},
    {"receive_244", receive, ATT_HANDLE_VALUE_NOTIFICATION, 244, NULL},
    {"read_request_20", receive, ATT_READ_REQUEST, 0, NULL},
    {"write_request_20", receive, ATT_WRITE_REQUEST, 20, NULL},
    {"channel_send_240", channel_send, 0, 0, prepare_channel},
    {"channel_receive_240", receive, 0, 0, prepare_channel},
    {"advertising_report_31", receive, 0, 0, prepare_report},
};

static void prepare(struct bench *bench, const struct operation *operation)
{
    if (operation->prepare) {
        operation->prepare(bench);
    } else if (operation->opcode) {
        uint8_t pdu[247] = {operation->opcode, (uint8_t)bench->value_handle, (uint8_t)(bench->value_handle >> 8)};
        bench->packet_length =
            controller_frame(bench->packet, bench->conn_handle, L2CAP_CID_ATT, pdu, operation->value_length + 3);
    }
}

/* A completion is measured by itself: the packet is sent before, and taken off the controller's list. */
static void before(struct bench *bench, const struct operation *operation)
{
    if (operation->prepare == prepare_completion) {
        notify_20(bench);
        bench->controller.acl_count = 0;
    }
}

static void measure(struct bench *bench, const struct operation *operation, const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", operation->name, suffix);
    prepare(bench, operation);
    for (int i = 0; i < 2; i++) { /* once to warm up */
        CALLGRIND_ZERO_STATS;
        for (int n = 0; n < REPETITIONS; n++) {
            before(bench, operation);
            CALLGRIND_TOGGLE_COLLECT;
            operation->run(bench);
            CALLGRIND_TOGGLE_COLLECT;
            controller_settle(&bench->controller);
        }
    }
    CALLGRIND_DUMP_STATS_AT(name);
}

static const struct operation *operation_named(const char *name)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

int main(void)
{
    static struct bench plain, many_attributes, many_connections;

    open_bench(&plain, 3, 1);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        measure(&plain, &operations[i], "");
    close_bench(&plain);

    /* Cost must not grow with the number of attributes, nor of connections. */
    open_bench(&many_attributes, 333, 1);
    measure(&many_attributes, operation_named("notify_20"), "_attributes_1000");
    measure(&many_attributes, operation_named("read_request_20"), "_attributes_1000");
    close_bench(&many_attributes);
    open_bench(&many_connections, 3, 32);
    measure(&many_connections, operation_named("notify_20"), "_connections_32");
    measure(&many_connections, operation_named("receive_20"), "_connections_32");
    close_bench(&many_connections);
    printf("%d repetitions\n", REPETITIONS);
    return 0;
}
