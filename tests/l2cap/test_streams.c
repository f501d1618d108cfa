/* wrap: malloc */
/* wrap: calloc */
/* wrap: realloc */
/* wrap: free */
/*
 * Channels between hosts on a virtual air: what goes in at one end comes out at the other, once and in order, whatever
 * the air loses and however slow the reader is; and no memory is taken while it flows.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bluet/runtime.h"

#include <cmocka.h>

enum {
    PSM = 0x80,
    PERIPHERALS_MOST = 4,
    CHANNELS_MOST = 8,
    LONGEST = 65535,
    MEMORY_SLACK = 96 * 1024,
    MEGABYTE = 1000000,
    INTERVAL_US = 50000
};

struct air_test;

/* One end of a channel. */
struct end {
    struct bluet *host;
    uint16_t conn_handle, cid, peer_mtu, our_mtu;
    uint8_t salt; /* so that no two streams are alike */
    size_t to_send, total, sdu_length, received;
    size_t pause_at; /* stops reading there; 0: never */
    bool open, paused, broken;
    unsigned stalls, ready_events;
};

struct device {
    struct air_test *test;
    struct bluet_radio *radio;
    struct bluet *host;
    uint16_t conn_handle; /* of a peripheral */
};

struct air_test {
    struct bluet_runtime *runtime;
    struct device central, peripherals[PERIPHERALS_MOST];
    size_t connected, channel_count;
    uint64_t last_received;            /* when */
    struct end ends[CHANNELS_MOST][2]; /* the central's, the peripheral's */
};

/* ---- Memory ---- */

static size_t memory_in_use;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    void *block = __real_malloc(size);
    memory_in_use += malloc_usable_size(block);
    return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *block = __real_calloc(count, size);
    memory_in_use += malloc_usable_size(block);
    return block;
}

void *__wrap_realloc(void *block, size_t size)
{
    size_t before = malloc_usable_size(block);
    void *grown = __real_realloc(block, size);
    if (grown)
        memory_in_use += malloc_usable_size(grown) - before;
    return grown;
}

void __wrap_free(void *block)
{
    memory_in_use -= malloc_usable_size(block);
    __real_free(block);
}

/* ---- What flows ---- */

static uint8_t octet(uint8_t salt, size_t index)
{
    return (uint8_t)(salt + index * 31 + (index >> 8) * 7 + (index >> 16));
}

static void send_more(struct end *end)
{
    static uint8_t sdu[LONGEST];
    int result = 1;
    while (end->to_send && result == 1) {
        size_t length = end->to_send < end->sdu_length ? end->to_send : end->sdu_length;
        for (size_t i = 0; i < length; i++)
            sdu[i] = octet(end->salt, end->total - end->to_send + i);
        result = bluet_l2cap_send(end->host, end->conn_handle, end->cid, sdu, length);
        assert_true(result >= 0);
        end->to_send -= length;
        end->stalls += result == 0;
    }
    if (result == 0)
        assert_int_equal(bluet_l2cap_send(end->host, end->conn_handle, end->cid, sdu, 1), BLUET_EBUSY);
}

static void read_all(struct end *end, uint8_t salt)
{
    uint8_t data[700];
    int length;
    while (!end->paused &&
           (length = bluet_l2cap_receive(end->host, end->conn_handle, end->cid, data, sizeof data)) > 0) {
        for (int i = 0; i < length; i++)
            end->broken |= data[i] != octet(salt, end->received + (size_t)i);
        end->received += (size_t)length;
        if (end->pause_at && end->received >= end->pause_at) {
            end->paused = true;
            end->pause_at = 0;
        }
    }
}

/* Its channel, and which of its ends. */
static struct end *find_end(struct device *device, const struct bluet_event *event, struct end **out_other)
{
    struct air_test *test = device->test;
    *out_other = &test->ends[0][1];
    for (size_t i = 0; i < test->channel_count; i++) {
        for (size_t side = 0; side < 2; side++) {
            struct end *end = &test->ends[i][side];
            *out_other = &test->ends[i][1 - side];
            if (end->open && end->host == device->host && end->conn_handle == event->conn_handle &&
                end->cid == event->channel_data.cid)
                return end;
        }
    }
    fail_msg("an event of a channel that is not open");
    return &test->ends[0][0];
}

static void channel_made(struct device *device, const struct bluet_event *event)
{
    bool at_central = device == &device->test->central;
    struct end *end = &device->test->ends[event->channel.psm - PSM][at_central ? 0 : 1];
    end->host = device->host;
    end->conn_handle = event->conn_handle;
    end->cid = event->channel.cid;
    end->peer_mtu = event->channel.peer_mtu;
    end->our_mtu = event->channel.our_mtu;
    end->open = true;
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct device *device = context;
    struct end *other;
    struct end *end;
    (void)host;
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        device->conn_handle = event->conn_handle;
        device->test->connected++;
        break;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
    case BLUET_EVENT_L2CAP_DISCONNECT:
        fail_msg("event %d", event->code);
        break;
    case BLUET_EVENT_L2CAP_CONNECT:
        channel_made(device, event);
        break;
    case BLUET_EVENT_L2CAP_RECV:
        end = find_end(device, event, &other);
        read_all(end, other->salt);
        device->test->last_received = bluet_runtime_now(device->test->runtime);
        break;
    case BLUET_EVENT_L2CAP_SEND_READY:
        end = find_end(device, event, &other);
        end->ready_events++;
        send_more(end);
        break;
    default:
        break;
    }
    return 0;
}

/* ---- The air ---- */

static void run(struct air_test *test, uint64_t milliseconds)
{
    assert_int_equal(bluet_runtime_run(test->runtime, milliseconds * 1000), 0);
}

static void open_device(struct air_test *test, struct device *device)
{
    const struct bluet_radio_config config = {.host = {.handler = on_event, .handler_context = device}};
    device->test = test;
    assert_int_equal(bluet_radio_create(&device->radio, test->runtime, &config), 0);
    device->host = bluet_radio_host(device->radio);
    assert_int_equal(bluet_radio_wait(device->radio, bluet_radio_activate(device->radio), NULL, NULL), 0);
}

static void connect_device(struct air_test *test, struct device *peripheral, const uint16_t *psms, size_t count,
                           const uint16_t mtus[2])
{
    struct bluet_address address;
    const struct bluet_connection_parameters parameters = {
        .interval_min_us = INTERVAL_US, .interval_max_us = INTERVAL_US, .supervision_timeout_ms = 20000};
    size_t wanted = test->connected + 2;
    open_device(test, peripheral);
    assert_int_equal(bluet_own_address(peripheral->host, &address), 0);
    assert_true(bluet_gap_advertise(peripheral->host, 20000, NULL, NULL, true) > 0);
    assert_true(bluet_gap_connect(test->central.host, &address, 5000, &parameters) > 0);
    for (int i = 0; i < 20 && test->connected < wanted; i++)
        run(test, 100);
    assert_int_equal(test->connected, wanted);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(bluet_l2cap_listen(peripheral->host, psms[i], mtus[1]), 0);
        assert_int_equal(bluet_l2cap_connect(test->central.host, test->central.conn_handle, psms[i], mtus[0]), 0);
    }
    run(test, 500);
}

struct scene {
    double loss;
    uint16_t mtus[2]; /* the central's, the peripheral's */
    size_t peripherals, channels;
    size_t octets; /* each way through each channel */
    bool pause;
};

static struct air_test *open_air(const struct scene *scene)
{
    struct air_test *test = calloc(1, sizeof *test);
    const struct bluet_runtime_config config = {.virtual_air = true, .seed = 7};
    assert_non_null(test);
    assert_int_equal(bluet_runtime_create(&test->runtime, &config), 0);
    test->channel_count = scene->channels;
    open_device(test, &test->central);
    size_t of_each = scene->channels / scene->peripherals;
    for (size_t i = 0; i < scene->peripherals; i++) {
        uint16_t psms[CHANNELS_MOST];
        for (size_t j = 0; j < of_each; j++)
            psms[j] = (uint16_t)(PSM + i * of_each + j);
        connect_device(test, &test->peripherals[i], psms, of_each, scene->mtus);
    }
    assert_int_equal(bluet_air_set_loss(bluet_runtime_air(test->runtime), scene->loss), 0);
    return test;
}

static void begin_flow(struct air_test *test, const struct scene *scene)
{
    for (size_t i = 0; i < scene->channels * 2; i++) {
        struct end *end = &test->ends[i / 2][i % 2];
        assert_true(end->open);
        assert_int_equal(end->our_mtu, scene->mtus[i % 2]);
        assert_int_equal(end->peer_mtu, scene->mtus[1 - i % 2]);
        size_t twice = 2u * end->our_mtu;
        end->sdu_length = end->peer_mtu < twice ? end->peer_mtu : twice;
        end->to_send = end->total = scene->octets;
        end->salt = (uint8_t)(i * 17);
        end->pause_at = scene->pause ? scene->octets / 3 : 0;
    }
    for (size_t i = 0; i < scene->channels * 2; i++)
        send_more(&test->ends[i / 2][i % 2]);
}

static bool all_received(const struct air_test *test, const struct scene *scene)
{
    bool all = true;
    for (size_t i = 0; i < scene->channels * 2; i++)
        all = all && test->ends[i / 2][i % 2].received == scene->octets;
    return all;
}

/* Those who have stopped reading go on. What has come meanwhile fits into what they had. */
static void wake_readers(struct air_test *test, const struct scene *scene)
{
    for (size_t i = 0; i < scene->channels * 2; i++) {
        struct end *end = &test->ends[i / 2][i % 2];
        if (!end->paused)
            continue;
        int waiting = bluet_l2cap_available(end->host, end->conn_handle, end->cid);
        assert_in_range(waiting, 0, end->our_mtu + 16384);
        end->paused = false;
        read_all(end, test->ends[i / 2][1 - i % 2].salt);
    }
}

/*
 * The share of the most that the link layer allows, both ways together, at 1 Mb/s and with packets of 251 octets (Vol 6
 * Part B, 2.1, 4.1): a packet each way, with its pauses, as often as it fits between two anchor points.
 */
static double share(const struct scene *scene, uint64_t duration)
{
    enum { PACKET_US = (1 + 4 + 2 + 251 + 3) * 8, PAUSE_US = 150, FRAME_HEADER = 4, SDU_HEADER = 2, PACKET = 251 };
    unsigned pairs = INTERVAL_US / (unsigned)scene->peripherals / (2 * (PACKET_US + PAUSE_US));
    double sdu = scene->mtus[0];
    double packets = (double)(uint32_t)((sdu + SDU_HEADER + PACKET - FRAME_HEADER - 1) / (PACKET - FRAME_HEADER));
    double most = 2 * pairs * sdu / packets * (double)scene->peripherals * 1e6 / INTERVAL_US;
    return (double)(2 * scene->channels * scene->octets) * 1e6 / (double)duration / most;
}

/* An SDU of each fills packets; where they differ, or stop reading, the share says nothing. */
static void check_share(const struct air_test *test, const struct scene *scene, uint64_t started)
{
    if (scene->pause || scene->mtus[0] != scene->mtus[1])
        return;
    double reached = share(scene, test->last_received - started);
    print_message("%zu channels on %zu links, MTU %u, %.0f %% lost: %.3f of what can be\n", scene->channels,
                  scene->peripherals, scene->mtus[0], scene->loss * 100, reached);
    if (scene->loss == 0)
        assert_true(reached >= (scene->peripherals == 1 ? 0.98 : 0.95));
}

static void flow(const struct scene *scene)
{
    struct air_test *test = open_air(scene);
    begin_flow(test, scene);
    size_t memory = memory_in_use;
    size_t most = memory;
    uint64_t started = bluet_runtime_now(test->runtime);
    while (!all_received(test, scene) && bluet_runtime_now(test->runtime) - started < 3000000000) {
        run(test, 1500);
        wake_readers(test, scene);
        most = memory_in_use > most ? memory_in_use : most;
    }
    for (size_t i = 0; i < scene->channels * 2; i++) {
        const struct end *end = &test->ends[i / 2][i % 2];
        assert_int_equal(end->received, scene->octets);
        assert_false(end->broken);
        assert_int_equal(end->to_send, 0);
        assert_int_equal(end->stalls, end->ready_events);
    }
    assert_true(most <= memory + MEMORY_SLACK); /* the queues of the air */
    check_share(test, scene, started);
    bluet_runtime_destroy(test->runtime);
    free(test);
}

static const uint16_t mtus[][2] = {{32, 1000}, {245, 245}, {2000, 100}, {65535, 65535}};
static const double losses[] = {0, 0.05, 0.2};

static void flows(size_t peripherals, size_t channels, size_t octets, bool pause)
{
    for (size_t i = 0; i < sizeof mtus / sizeof *mtus * 3; i++) {
        const struct scene scene = {losses[i % 3], {mtus[i / 3][0], mtus[i / 3][1]}, peripherals, channels, octets,
                                    pause};
        flow(&scene);
    }
}

static void test_one_channel(void **state)
{
    (void)state;
    flows(1, 1, MEGABYTE, false);
}

static void test_eight_channels(void **state)
{
    (void)state;
    flows(4, 8, MEGABYTE, false);
}

static void test_readers_that_stop(void **state)
{
    (void)state;
    flows(1, 1, MEGABYTE, true);
    flows(4, 8, MEGABYTE / 8, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_channel),
        cmocka_unit_test(test_eight_channels),
        cmocka_unit_test(test_readers_that_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
