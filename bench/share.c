/*
 * The share of the air that an application gets: octets of attribute values that go through in virtual time, against
 * the most that the link layer allows (Vol 6 Part B, 2.1 and 4.1: packets, inter-frame spaces). Exact, and the same on
 * every machine. One line of JSON per case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bluet/runtime.h"

enum {
    LINKS_MOST = 4,
    WARM_UP_US = 1000000,
    MEASURED_US = 5000000,
    HCI_SET_DATA_LENGTH = 0x2022,
    HCI_SET_PHY = 0x2032,
    CHARACTERISTIC = 0xa001,
    PSM = 0x80,
    SDU_FRAMES = 8 /* K-frames that one SDU fills */
};

enum kind { NOTIFICATIONS, WRITES, CHANNEL_TO_CENTRAL, CHANNEL_TO_PERIPHERAL, CHANNEL_BOTH };

struct share_case {
    const char *name;
    enum kind kind;
    uint8_t phy;            /* 1 or 2: Mb/s */
    uint16_t packet_octets; /* payload of a link-layer packet */
    uint32_t interval_us;   /* of the connection */
    uint8_t links;
    double loss;
    double target; /* share to reach */
};

static const struct share_case cases[] = {
    {"notifications, 2M, 251 octets, 7.5 ms", NOTIFICATIONS, 2, 251, 7500, 1, 0, 0.99},
    {"notifications, 2M, 251 octets, 15 ms", NOTIFICATIONS, 2, 251, 15000, 1, 0, 0.99},
    {"notifications, 2M, 251 octets, 50 ms", NOTIFICATIONS, 2, 251, 50000, 1, 0, 0.99},
    {"notifications, 1M, 27 octets, 7.5 ms", NOTIFICATIONS, 1, 27, 7500, 1, 0, 0.99},
    {"notifications, 1M, 27 octets, 50 ms", NOTIFICATIONS, 1, 27, 50000, 1, 0, 0.99},
    {"writes without response, 2M, 251 octets, 15 ms", WRITES, 2, 251, 15000, 1, 0, 0.99},
    {"writes without response, 2M, 251 octets, 50 ms", WRITES, 2, 251, 50000, 1, 0, 0.99},
    {"channel to the central, 2M, 251 octets, 50 ms", CHANNEL_TO_CENTRAL, 2, 251, 50000, 1, 0, 0.98},
    {"channel to the peripheral, 2M, 251 octets, 50 ms", CHANNEL_TO_PERIPHERAL, 2, 251, 50000, 1, 0, 0.98},
    {"channel both ways at once, 2M, 251 octets, 50 ms", CHANNEL_BOTH, 2, 251, 50000, 1, 0, 0.98},
    {"channel to the central, 2M, 251 octets, 50 ms, 10 % lost", CHANNEL_TO_CENTRAL, 2, 251, 50000, 1, 0.1, 0.95 * 0.9},
    {"notifications, 2M, 251 octets, 50 ms, 4 links", NOTIFICATIONS, 2, 251, 50000, 4, 0, 0.95},
    {"notifications, 2M, 251 octets, 50 ms, 10 % lost", NOTIFICATIONS, 2, 251, 50000, 1, 0.1, 0.95 * 0.9},
};

struct peer {
    struct bench *bench;
    struct bluet_radio *radio;
    struct bluet *host;
    uint16_t conn_handle;  /* of a peripheral: its one link */
    uint16_t value_handle; /* of a peripheral: its characteristic */
    uint16_t cid;          /* of its end of the channel; 0: none */
    bool connected;
    bool channel_open;
    bool reached; /* of a peripheral: the central knows of the link, too */
    bool mtu_agreed;
    uint64_t octets; /* received, of a link of the central by index of its peripheral */
};

struct bench {
    const struct share_case *share_case;
    struct bluet_runtime *runtime;
    struct peer central;
    struct peer peripherals[LINKS_MOST];
    uint16_t central_handles[LINKS_MOST]; /* the central's handle of the link to each peripheral */
    size_t connected_count;
    bool running;
};

static uint16_t value_length(const struct share_case *share_case)
{
    return (uint16_t)(share_case->packet_octets - 7); /* less the headers of L2CAP and of ATT */
}

static void fail(const char *what)
{
    fprintf(stderr, "share: %s\n", what);
    exit(1);
}

static bool is_channel(const struct share_case *share_case)
{
    return share_case->kind >= CHANNEL_TO_CENTRAL;
}

/* The first K-frame of an SDU says its length, in two octets; each has a header of four. */
static uint16_t sdu_length(const struct share_case *share_case)
{
    return (uint16_t)((share_case->packet_octets - 4) * SDU_FRAMES - 2);
}

/* ---- Sending as fast as the host takes it ---- */

static bool sends_on_channel(const struct peer *peer)
{
    enum kind kind = peer->bench->share_case->kind;
    bool central = peer == &peer->bench->central;
    return kind == CHANNEL_BOTH || kind == (central ? CHANNEL_TO_PERIPHERAL : CHANNEL_TO_CENTRAL);
}

static void pump_channel(struct peer *peer)
{
    static const uint8_t data[4096];
    uint16_t length = sdu_length(peer->bench->share_case);
    while (bluet_l2cap_send(peer->host, peer->conn_handle, peer->cid, data, length) == 1)
        continue;
}

static void pump_notifications(struct peer *peripheral)
{
    static const uint8_t data[512];
    const struct share_case *share_case = peripheral->bench->share_case;
    int error = 0;
    while (peripheral->connected && error == 0)
        error = bluet_gatts_notify(peripheral->host, peripheral->conn_handle, peripheral->value_handle, data,
                                   value_length(share_case));
}

static void pump_writes(struct bench *bench)
{
    static const uint8_t data[512];
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < bench->share_case->links; i++)
            more |=
                bluet_gattc_write(bench->central.host, bench->central_handles[i], bench->peripherals[i].value_handle,
                                  data, value_length(bench->share_case), BLUET_WRITE_NO_RESPONSE) == 0;
    }
}

static void pump(struct peer *peer)
{
    if (!peer->bench->running)
        return;
    if (is_channel(peer->bench->share_case) && sends_on_channel(peer))
        pump_channel(peer);
    if (peer->bench->share_case->kind == WRITES && peer == &peer->bench->central)
        pump_writes(peer->bench);
    if (peer->bench->share_case->kind == NOTIFICATIONS && peer != &peer->bench->central)
        pump_notifications(peer);
}

/* ---- Events ---- */

static struct peer *peripheral_of(struct bench *bench, uint16_t central_handle)
{
    for (size_t i = 0; i < bench->share_case->links; i++)
        if (bench->central_handles[i] == central_handle)
            return &bench->peripherals[i];
    return NULL;
}

static void take_sdus(struct peer *peer)
{
    static uint8_t data[8192];
    int length;
    do {
        length = bluet_l2cap_receive(peer->host, peer->conn_handle, peer->cid, data, sizeof data);
        peer->octets += length > 0 ? (uint64_t)length : 0;
    } while (length > 0);
}

static int handle_channel_event(struct peer *peer, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_L2CAP_CONNECT:
        peer->cid = event->channel.cid;
        peer->channel_open = true;
        break;
    case BLUET_EVENT_L2CAP_RECV:
        take_sdus(peer);
        break;
    case BLUET_EVENT_L2CAP_SEND_READY:
        pump(peer);
        break;
    default:
        break;
    }
    return 0;
}

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct peer *peer = context;
    (void)host;
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
        peer->conn_handle = event->conn_handle;
        peer->connected = true;
        break;
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        peer->bench->peripherals[peer->bench->connected_count].reached = true;
        peer->conn_handle = event->conn_handle;
        peer->bench->central_handles[peer->bench->connected_count++] = event->conn_handle;
        break;
    case BLUET_EVENT_MTU_EXCHANGED:
        peer->mtu_agreed = true;
        break;
    case BLUET_EVENT_GATTC_NOTIFY:
        peripheral_of(peer->bench, event->conn_handle)->octets += event->value.length;
        break;
    case BLUET_EVENT_GATTS_WRITE:
        peer->octets += value_length(peer->bench->share_case);
        break;
    case BLUET_EVENT_SEND_READY:
        pump(peer);
        break;
    default:
        return handle_channel_event(peer, event);
    }
    return 0;
}

/* ---- Setting up ---- */

static void command(struct peer *peer, uint16_t opcode, const void *parameters, size_t length)
{
    int ticket = bluet_hci_command(peer->host, opcode, parameters, length);
    if (ticket < 0 || bluet_radio_wait(peer->radio, ticket, NULL, NULL))
        fail("the controller refused a command");
}

static void open_peer(struct bench *bench, struct peer *peer)
{
    const struct share_case *share_case = bench->share_case;
    peer->bench = bench;
    struct bluet_radio_config config = {
        .host = {.handler = handle_event, .handler_context = peer, .connection_count = LINKS_MOST}};
    if (bluet_radio_create(&peer->radio, bench->runtime, &config))
        fail(bluet_runtime_message());
    peer->host = bluet_radio_host(peer->radio);
    int ticket = bluet_radio_activate(peer->radio);
    if (ticket < 0 || bluet_radio_wait(peer->radio, ticket, NULL, NULL))
        fail("no activation");
    if (bluet_set_mtu(peer->host, (uint16_t)(share_case->packet_octets - 4)))
        fail("no such MTU");
}

static void open_peripheral(struct bench *bench, struct peer *peer)
{
    open_peer(bench, peer);
    struct bluet_characteristic characteristic = {
        .uuid = {2, {CHARACTERISTIC & 0xff, CHARACTERISTIC >> 8}},
        .flags = BLUET_FLAG_NOTIFY | BLUET_FLAG_WRITE_NO_RESPONSE,
    };
    struct bluet_service service = {
        .uuid = {2, {0x00, 0xa0}}, .characteristics = &characteristic, .characteristic_count = 1};
    if (bluet_gatts_register_services(peer->host, &peer->value_handle, 1, &service, 1) != 1 ||
        bluet_gatts_set_buffer(peer->host, peer->value_handle, 512, false))
        fail("no service");
}

static void run_until(struct bench *bench, const bool *condition)
{
    for (int i = 0; i < 1000 && !*condition; i++)
        bluet_runtime_run(bench->runtime, 10000);
    if (!*condition)
        fail("nothing happens");
}

/* Vol 4 Part E, 7.8.33 and 7.8.49 */
static void set_link_layer(struct peer *peer, uint16_t handle)
{
    const struct share_case *share_case = peer->bench->share_case;
    uint8_t low = (uint8_t)handle;
    uint8_t high = (uint8_t)(handle >> 8);
    uint16_t time = (uint16_t)(share_case->packet_octets * 8 + 112);
    command(peer, HCI_SET_DATA_LENGTH,
            (uint8_t[]){low, high, (uint8_t)share_case->packet_octets, 0, (uint8_t)time, (uint8_t)(time >> 8)}, 6);
    if (peer == &peer->bench->central)
        command(peer, HCI_SET_PHY, (uint8_t[]){low, high, 0, share_case->phy, share_case->phy, 0, 0}, 7);
}

static void connect_channel(struct bench *bench, struct peer *peripheral)
{
    uint16_t mtu = sdu_length(bench->share_case);
    if (bluet_l2cap_listen(peripheral->host, PSM, mtu) ||
        bluet_l2cap_connect(bench->central.host, bench->central.conn_handle, PSM, mtu) < 0)
        fail("no channel");
    run_until(bench, &bench->central.channel_open);
    run_until(bench, &peripheral->channel_open);
}

static void connect_peripheral(struct bench *bench, size_t index)
{
    struct peer *peer = &bench->peripherals[index];
    struct bluet_connection_parameters parameters = {.interval_min_us = bench->share_case->interval_us,
                                                     .interval_max_us = bench->share_case->interval_us};
    struct bluet_address address;
    if (bluet_gap_advertise(peer->host, 30000, &(struct bluet_span){"\x02\x01\x06", 3}, NULL, true) < 0 ||
        bluet_own_address(peer->host, &address) ||
        bluet_gap_connect(bench->central.host, &address, 10000, &parameters) < 0)
        fail("no connection");
    run_until(bench, &peer->connected);
    run_until(bench, &peer->reached);
    uint16_t handle = bench->central_handles[index];
    set_link_layer(&bench->central, handle);
    set_link_layer(peer, peer->conn_handle);
    if (bench->share_case->packet_octets - 4 > 23) {
        if (bluet_gattc_exchange_mtu(bench->central.host, handle))
            fail("no exchange of MTUs");
        run_until(bench, &peer->mtu_agreed);
    }
    if (is_channel(bench->share_case))
        connect_channel(bench, peer);
}

/* ---- What is possible ---- */

static double packet_us(const struct share_case *share_case, uint16_t payload)
{
    unsigned preamble = share_case->phy; /* octets: one at 1 Mb/s, two at 2 Mb/s */
    return (preamble + 4u + 2u + payload + 3u) * 8.0 / share_case->phy;
}

/* Octets of values in a second, on all links together: each event holds as many whole pairs as fit. */
static double most_per_second(const struct share_case *share_case)
{
    bool both = share_case->kind == CHANNEL_BOTH;
    double answer = packet_us(share_case, both ? share_case->packet_octets : 0);
    double pair = packet_us(share_case, share_case->packet_octets) + 150 + answer + 150;
    double event = share_case->interval_us / (double)share_case->links;
    unsigned pairs = (unsigned)(event / pair);
    double octets =
        is_channel(share_case) ? sdu_length(share_case) / (double)SDU_FRAMES : (double)value_length(share_case);
    return pairs * octets * (both ? 2 : 1) * share_case->links * 1e6 / share_case->interval_us;
}

/* ---- Measuring ---- */

static void fail_link(const struct bluet_connection *connection)
{
    fprintf(stderr, "share: a link has %u octets, %u Mb/s, an interval of %u us\n", connection->transmit_octets,
            connection->transmit_phy, connection->interval * 1250u);
    exit(1);
}

static void check_links(struct bench *bench)
{
    for (size_t i = 0; i < bench->share_case->links; i++) {
        struct bluet_connection connection;
        if (bluet_connection(bench->central.host, &connection, bench->central_handles[i]))
            fail("a link was lost");
        if (connection.transmit_octets != bench->share_case->packet_octets ||
            connection.transmit_phy != bench->share_case->phy ||
            connection.interval * 1250u != bench->share_case->interval_us)
            fail_link(&connection);
    }
}

static void report(const struct bench *bench)
{
    const struct share_case *share_case = bench->share_case;
    double total = (double)bench->central.octets;
    double worst = 0;
    for (size_t i = 0; i < share_case->links; i++) {
        double octets = (double)bench->peripherals[i].octets;
        total += octets;
        if (i == 0 || octets < worst)
            worst = octets;
    }
    if (share_case->links == 1)
        worst = total;
    double per_second = total * 1e6 / MEASURED_US;
    double most = most_per_second(share_case);
    printf("{\"case\": \"%s\", \"octets_per_second\": %.0f, \"possible\": %.0f, \"share\": %.4f, \"target\": %.4f, "
           "\"worst_link\": %.4f}\n",
           share_case->name, per_second, most, per_second / most, share_case->target,
           total > 0 ? worst * share_case->links / total : 0);
}

static void run_case(const struct share_case *share_case)
{
    static struct bench bench;
    memset(&bench, 0, sizeof bench);
    bench.share_case = share_case;
    if (bluet_runtime_create(&bench.runtime, &(struct bluet_runtime_config){.virtual_air = true, .seed = 1}))
        fail(bluet_runtime_message());
    open_peer(&bench, &bench.central);
    for (size_t i = 0; i < share_case->links; i++) {
        open_peripheral(&bench, &bench.peripherals[i]);
        connect_peripheral(&bench, i);
    }
    bluet_air_set_loss(bluet_runtime_air(bench.runtime), share_case->loss);
    bench.running = true;
    pump(&bench.central);
    for (size_t i = 0; i < share_case->links; i++)
        pump(&bench.peripherals[i]);
    bluet_runtime_run(bench.runtime, WARM_UP_US);
    check_links(&bench);
    for (size_t i = 0; i < share_case->links; i++)
        bench.peripherals[i].octets = 0;
    bench.central.octets = 0;
    bluet_runtime_run(bench.runtime, MEASURED_US);
    report(&bench);
    bench.running = false;
    bluet_runtime_destroy(bench.runtime);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
    return 0;
}
