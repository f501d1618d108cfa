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
    PSM = 0x80
};

enum kind { NOTIFICATIONS, WRITES, CHANNEL_TO_CENTRAL, CHANNEL_TO_PERIPHERAL, CHANNEL_BOTH_WAYS };

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
    {"notifications, 2M, 251 octets, 50 ms, 4 links", NOTIFICATIONS, 2, 251, 50000, 4, 0, 0.95},
    {"notifications, 2M, 251 octets, 50 ms, 10 % lost", NOTIFICATIONS, 2, 251, 50000, 1, 0.1, 0.95 * 0.9},
    {"channel to the central, 2M, 251 octets, 15 ms", CHANNEL_TO_CENTRAL, 2, 251, 15000, 1, 0, 0.98},
    {"channel to the central, 2M, 251 octets, 50 ms", CHANNEL_TO_CENTRAL, 2, 251, 50000, 1, 0, 0.98},
    {"channel to the peripheral, 2M, 251 octets, 50 ms", CHANNEL_TO_PERIPHERAL, 2, 251, 50000, 1, 0, 0.98},
    {"channel both ways at once, 2M, 251 octets, 15 ms", CHANNEL_BOTH_WAYS, 2, 251, 15000, 1, 0, 0.98},
    {"channel both ways at once, 2M, 251 octets, 50 ms", CHANNEL_BOTH_WAYS, 2, 251, 50000, 1, 0, 0.98},
    {"channel both ways at once, 1M, 27 octets, 50 ms", CHANNEL_BOTH_WAYS, 1, 27, 50000, 1, 0, 0.98},
    {"channel both ways at once, 2M, 251 octets, 50 ms, 4 links", CHANNEL_BOTH_WAYS, 2, 251, 50000, 4, 0, 0.95},
    {"channel to the central, 2M, 251 octets, 50 ms, 10 % lost", CHANNEL_TO_CENTRAL, 2, 251, 50000, 1, 0.1, 0.95 * 0.9},
};

struct peer {
    struct bench *bench;
    struct bluet_radio *radio;
    struct bluet *host;
    uint16_t conn_handle;  /* of a peripheral: its one link */
    uint16_t value_handle; /* of a peripheral: its characteristic */
    bool connected;
    bool mtu_agreed;
    bool has_channel;
    uint16_t cid, central_cid; /* of a peripheral: its channel, at both ends */
    uint64_t octets;           /* received, of a link of the central by index of its peripheral */
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

static bool is_channel(const struct share_case *share_case)
{
    return share_case->kind >= CHANNEL_TO_CENTRAL;
}

/* Less the header of L2CAP, and that of ATT or the length of the SDU. Where packets are small, a frame takes several.
 */
static uint16_t value_length(const struct share_case *share_case)
{
    enum { SHORT_PACKET = 27, FRAME_IN_SHORT_PACKETS = 9 * SHORT_PACKET };
    if (is_channel(share_case) && share_case->packet_octets == SHORT_PACKET)
        return FRAME_IN_SHORT_PACKETS - 6;
    return (uint16_t)(share_case->packet_octets - (is_channel(share_case) ? 6 : 7));
}

/* Link-layer packets that carry such a value. */
static unsigned packets_of_value(const struct share_case *share_case)
{
    return (value_length(share_case) + 6u + share_case->packet_octets - 1) / share_case->packet_octets;
}

static void fail(const char *what)
{
    fprintf(stderr, "share: %s\n", what);
    exit(1);
}

/* ---- Sending as fast as the host takes it ---- */

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

static void pump_channel(struct peer *sender, uint16_t conn_handle, uint16_t cid)
{
    static const uint8_t data[512];
    while (bluet_l2cap_send(sender->host, conn_handle, cid, data, value_length(sender->bench->share_case)) > 0)
        ;
}

/* Of a peripheral, from both of its ends, where they send. */
static void pump_channels(struct peer *peer)
{
    struct bench *bench = peer->bench;
    enum kind kind = bench->share_case->kind;
    for (size_t i = 0; i < bench->share_case->links; i++) {
        struct peer *peripheral = &bench->peripherals[i];
        if (peer == &bench->central && kind != CHANNEL_TO_CENTRAL)
            pump_channel(peer, bench->central_handles[i], peripheral->central_cid);
        if (peer == peripheral && kind != CHANNEL_TO_PERIPHERAL)
            pump_channel(peer, peer->conn_handle, peer->cid);
    }
}

static void pump(struct peer *peer)
{
    if (!peer->bench->running)
        return;
    if (peer->bench->share_case->kind == WRITES && peer == &peer->bench->central)
        pump_writes(peer->bench);
    if (peer->bench->share_case->kind == NOTIFICATIONS && peer != &peer->bench->central)
        pump_notifications(peer);
    if (is_channel(peer->bench->share_case))
        pump_channels(peer);
}

/* ---- Events ---- */

static struct peer *peripheral_of(struct bench *bench, uint16_t central_handle)
{
    for (size_t i = 0; i < bench->share_case->links; i++)
        if (bench->central_handles[i] == central_handle)
            return &bench->peripherals[i];
    return NULL;
}

static void take_all(struct peer *receiver, struct peer *peripheral, const struct bluet_event *event)
{
    static uint8_t data[4096];
    int length;
    while ((length = bluet_l2cap_receive(receiver->host, event->conn_handle, event->channel_data.cid, data,
                                         sizeof data)) > 0)
        peripheral->octets += (uint64_t)length;
}

static void handle_channel_event(struct peer *peer, const struct bluet_event *event)
{
    bool at_central = peer == &peer->bench->central;
    struct peer *peripheral = at_central ? peripheral_of(peer->bench, event->conn_handle) : peer;
    if (event->code == BLUET_EVENT_L2CAP_CONNECT && at_central) {
        peripheral->central_cid = event->channel.cid;
        peripheral->has_channel = true;
    } else if (event->code == BLUET_EVENT_L2CAP_CONNECT) {
        peripheral->cid = event->channel.cid;
    } else if (event->code == BLUET_EVENT_L2CAP_RECV) {
        take_all(peer, peripheral, event);
    } else if (event->code == BLUET_EVENT_L2CAP_SEND_READY) {
        pump(peer);
    }
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
        handle_channel_event(peer, event);
        break;
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
    struct bluet_service service = {{2, {0x00, 0xa0}}, &characteristic, 1};
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
    uint16_t handle = bench->central_handles[index];
    set_link_layer(&bench->central, handle);
    set_link_layer(peer, peer->conn_handle);
    if (bench->share_case->packet_octets - 4 > 23) {
        if (bluet_gattc_exchange_mtu(bench->central.host, handle))
            fail("no exchange of MTUs");
        run_until(bench, &peer->mtu_agreed);
    }
    uint16_t mtu = value_length(bench->share_case);
    if (is_channel(bench->share_case)) {
        if (bluet_l2cap_listen(peer->host, PSM, mtu) || bluet_l2cap_connect(bench->central.host, handle, PSM, mtu))
            fail("no channel");
        run_until(bench, &peer->has_channel);
    }
}

/* ---- What is possible ---- */

static double packet_us(const struct share_case *share_case, uint16_t payload)
{
    unsigned preamble = share_case->phy; /* octets: one at 1 Mb/s, two at 2 Mb/s */
    return (preamble + 4u + 2u + payload + 3u) * 8.0 / share_case->phy;
}

/*
 * Octets of values in a second, on all links together: each event holds as many whole pairs as fit; and where both ends
 * send, behind them one that is answered by an empty packet, if it fits.
 */
static double most_per_second(const struct share_case *share_case)
{
    bool both_ways = share_case->kind == CHANNEL_BOTH_WAYS;
    double one_way = packet_us(share_case, share_case->packet_octets) + 150 + packet_us(share_case, 0) + 150;
    double pair = both_ways ? 2 * (packet_us(share_case, share_case->packet_octets) + 150) : one_way;
    double event = share_case->interval_us / (double)share_case->links;
    unsigned pairs = (unsigned)(event / pair);
    double packets = pairs * (both_ways ? 2.0 : 1.0);
    if (both_ways && event - pairs * pair >= one_way)
        packets++;
    double values = packets / packets_of_value(share_case);
    return values * value_length(share_case) * share_case->links * 1e6 / share_case->interval_us;
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
    double total = 0;
    double worst = 0;
    for (size_t i = 0; i < share_case->links; i++) {
        double octets = (double)bench->peripherals[i].octets;
        total += octets;
        if (i == 0 || octets < worst)
            worst = octets;
    }
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
