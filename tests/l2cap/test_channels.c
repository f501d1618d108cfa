/*
 * Channels between two of our hosts on a virtual air: what goes in at one end comes out at the other, once and in
 * order, whatever the air loses and however slow the reader is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bluet/runtime.h"

#include <cmocka.h>

enum { PSM = 0x80, NO_HANDLE = 0xffff };

struct end {
    struct bluet_radio *radio;
    struct bluet *host;
    struct channels_test *test;
    uint16_t conn_handle, cid, peer_mtu;
    uint8_t sent_seed, received_seed;
    size_t to_send, sdu_length;
    size_t received;
    bool paused; /* does not read */
    bool broken; /* received what was not sent */
    int answer;  /* to L2CAP_ACCEPT */
    unsigned ready_events, receive_events, end_events, refusals;
    uint16_t end_status;
};

struct channels_test {
    struct bluet_runtime *runtime;
    struct end central, peripheral;
};

/* Octet number `index` of what one end sends. */
static uint8_t octet(size_t index)
{
    return (uint8_t)(index * 31 + (index >> 8) * 7 + (index >> 16));
}

static void send_more(struct end *end)
{
    static uint8_t sdu[65535];
    int result = 1;
    while (end->to_send && result == 1) {
        size_t length = end->to_send < end->sdu_length ? end->to_send : end->sdu_length;
        size_t position = end->sent_seed;
        (void)position;
        size_t start = 1000000 - end->to_send;
        for (size_t i = 0; i < length; i++)
            sdu[i] = octet(start + i);
        result = bluet_l2cap_send(end->host, end->conn_handle, end->cid, sdu, length);
        assert_true(result >= 0);
        end->to_send -= length;
    }
    if (end->to_send)
        assert_int_equal(bluet_l2cap_send(end->host, end->conn_handle, end->cid, sdu, 1), BLUET_EBUSY);
}

static void read_all(struct end *end)
{
    uint8_t data[700];
    int length;
    while ((length = bluet_l2cap_receive(end->host, end->conn_handle, end->cid, data, sizeof data)) > 0) {
        for (int i = 0; i < length; i++)
            end->broken |= data[i] != octet(end->received + (size_t)i);
        end->received += (size_t)length;
    }
}

static void on_channel_event(struct end *end, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_L2CAP_CONNECT:
        end->cid = event->channel.cid;
        end->peer_mtu = event->channel.peer_mtu;
        break;
    case BLUET_EVENT_L2CAP_DISCONNECT:
        end->end_events++;
        end->end_status = event->channel_end.status;
        break;
    case BLUET_EVENT_L2CAP_RECV:
        end->receive_events++;
        if (!end->paused)
            read_all(end);
        break;
    case BLUET_EVENT_L2CAP_SEND_READY:
        end->ready_events++;
        send_more(end);
        break;
    default:
        break;
    }
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct end *end = context;
    (void)host;
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        end->conn_handle = event->conn_handle;
        break;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        end->conn_handle = NO_HANDLE;
        break;
    case BLUET_EVENT_L2CAP_ACCEPT:
        return end->answer;
    default:
        on_channel_event(end, event);
        break;
    }
    return 0;
}

static void open_end(struct channels_test *test, struct end *end)
{
    const struct bluet_radio_config config = {.host = {.handler = on_event, .handler_context = end}};
    *end = (struct end){.test = test, .conn_handle = NO_HANDLE};
    assert_int_equal(bluet_radio_create(&end->radio, test->runtime, &config), 0);
    end->host = bluet_radio_host(end->radio);
    assert_int_equal(bluet_radio_wait(end->radio, bluet_radio_activate(end->radio), NULL, NULL), 0);
}

static void run(struct channels_test *test, uint64_t milliseconds)
{
    assert_int_equal(bluet_runtime_run(test->runtime, milliseconds * 1000), 0);
}

static struct channels_test *begin(double loss)
{
    struct channels_test *test = calloc(1, sizeof *test);
    const struct bluet_runtime_config config = {.virtual_air = true, .seed = 7};
    assert_int_equal(bluet_runtime_create(&test->runtime, &config), 0);
    open_end(test, &test->central);
    open_end(test, &test->peripheral);
    struct bluet_address address;
    assert_int_equal(bluet_own_address(test->peripheral.host, &address), 0);
    assert_true(bluet_gap_advertise(test->peripheral.host, 20000, NULL, NULL, true) > 0);
    const struct bluet_connection_parameters parameters = {.interval_min_us = 15000, .interval_max_us = 15000};
    assert_true(bluet_gap_connect(test->central.host, &address, 5000, &parameters) > 0);
    run(test, 2000);
    assert_int_not_equal(test->central.conn_handle, NO_HANDLE);
    assert_int_not_equal(test->peripheral.conn_handle, NO_HANDLE);
    assert_int_equal(bluet_air_set_loss(bluet_runtime_air(test->runtime), loss), 0);
    return test;
}

static void connect_channel(struct channels_test *test, uint16_t central_mtu, uint16_t peripheral_mtu)
{
    assert_int_equal(bluet_l2cap_listen(test->peripheral.host, PSM, peripheral_mtu), 0);
    assert_int_equal(bluet_l2cap_connect(test->central.host, test->central.conn_handle, PSM, central_mtu), 0);
    run(test, 1000);
}

static void finish(struct channels_test *test)
{
    bluet_runtime_destroy(test->runtime);
    free(test);
}

static void both_ways(double loss, uint16_t central_mtu, uint16_t peripheral_mtu)
{
    struct channels_test *test = begin(loss);
    connect_channel(test, central_mtu, peripheral_mtu);
    struct end *ends[] = {&test->central, &test->peripheral};
    assert_int_equal(test->central.peer_mtu, peripheral_mtu);
    assert_int_equal(test->peripheral.peer_mtu, central_mtu);
    for (size_t i = 0; i < 2; i++) {
        size_t twice = 2u * (i ? peripheral_mtu : central_mtu);
        ends[i]->sdu_length = ends[i]->peer_mtu < twice ? ends[i]->peer_mtu : twice;
        ends[i]->to_send = 1000000;
        send_more(ends[i]);
    }
    uint64_t started = bluet_runtime_now(test->runtime);
    while ((test->central.received < 1000000 || test->peripheral.received < 1000000) &&
           bluet_runtime_now(test->runtime) - started < 600000000)
        run(test, 500);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ends[i]->received, 1000000);
        assert_false(ends[i]->broken);
        assert_int_equal(ends[i]->to_send, 0);
    }
    double seconds = (double)(bluet_runtime_now(test->runtime) - started) / 1e6;
    print_message("loss %.2f, MTU %u and %u: %.1f s\n", loss, central_mtu, peripheral_mtu, seconds);
    finish(test);
}

static void test_both_ways(void **state)
{
    (void)state;
    both_ways(0, 65535, 65535);
    both_ways(0, 245, 245);
    both_ways(0, 32, 1000);
    both_ways(0.05, 512, 512);
    both_ways(0.2, 2000, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
