/* L2CAP channels with credits: one at a time. */
#include "stranger.h"

enum { SDU_MAX = 2000 };

static struct ble_l2cap_chan *channel;
static uint16_t mtu = SDU_MAX;

static int make_ready(struct ble_l2cap_chan *it)
{
    struct os_mbuf *buffer = os_msys_get_pkthdr(mtu, 0);
    return buffer ? ble_l2cap_recv_ready(it, buffer) : BLE_HS_ENOMEM;
}

static void say_opened(struct ble_l2cap_event *event)
{
    struct ble_l2cap_chan_info it = {0};
    if (!event->connect.status) {
        channel = event->connect.chan;
        ble_l2cap_get_chan_info(channel, &it);
    }
    say("\"opened\", %d, %d, %d, %d, %d", event->connect.conn_handle, event->connect.status, it.psm, it.our_coc_mtu,
        it.peer_coc_mtu);
}

static int on_event(struct ble_l2cap_event *event, void *unused)
{
    switch (event->type) {
    case BLE_L2CAP_EVENT_COC_CONNECTED:
        say_opened(event);
        break;
    case BLE_L2CAP_EVENT_COC_DISCONNECTED:
        say("\"closed\", %d", event->disconnect.conn_handle);
        channel = NULL;
        break;
    case BLE_L2CAP_EVENT_COC_ACCEPT:
        return make_ready(event->accept.chan);
    case BLE_L2CAP_EVENT_COC_DATA_RECEIVED:
        say("\"received\", %d, \"%s\"", event->receive.conn_handle, hexadecimal_of(event->receive.sdu_rx));
        os_mbuf_free_chain(event->receive.sdu_rx);
        make_ready(event->receive.chan);
        break;
    case BLE_L2CAP_EVENT_COC_TX_UNSTALLED:
        say("\"sent\", %d, %d", event->tx_unstalled.conn_handle, event->tx_unstalled.status);
        break;
    default:
        break;
    }
    return 0;
}

/* ---- Commands ---- */

/* listen PSM MTU */
static int listen_on(const struct words *words)
{
    mtu = number16(words, 2);
    return ble_l2cap_create_server(number16(words, 1), mtu, on_event, NULL);
}

/* open CONNECTION PSM MTU */
static int open_channel(const struct words *words)
{
    mtu = number16(words, 3);
    return ble_l2cap_connect(number16(words, 1), number16(words, 2), mtu, os_msys_get_pkthdr(mtu, 0), on_event, NULL);
}

/* send OCTETS; what cannot go at once is told of when it has gone */
static int send_octets(const struct words *words)
{
    return channel ? ble_l2cap_send(channel, octets_in_buffer(words, 1)) : BLE_HS_ENOTCONN;
}

static int close_channel(const struct words *words)
{
    return channel ? ble_l2cap_disconnect(channel) : BLE_HS_ENOTCONN;
}

const struct command channel_commands[] = {
    {"listen", listen_on}, {"open", open_channel}, {"send", send_octets}, {"close", close_channel}, {NULL, NULL}};
