/* Advertising, scanning, connections, pairing. */
#include "stranger.h"

#include <string.h>

#include <services/gap/ble_svc_gap.h>

static int on_event(struct ble_gap_event *event, void *unused);

/* ---- What happens ---- */

static void say_connection(int status, uint16_t handle)
{
    struct ble_gap_conn_desc it = {0};
    if (!status)
        ble_gap_conn_find(handle, &it);
    say("\"connected\", %d, %d, %d, %d, \"%s\", %d, \"%s\", \"%s\"", status, handle, it.role, it.peer_id_addr.type,
        hexadecimal_address(&it.peer_id_addr), it.peer_ota_addr.type, hexadecimal_address(&it.peer_ota_addr),
        hexadecimal_address(&it.our_ota_addr));
}

static void say_parameters(int status, uint16_t handle)
{
    struct ble_gap_conn_desc it = {0};
    ble_gap_conn_find(handle, &it);
    say("\"parameters\", %d, %d, %d, %d, %d", handle, status, it.conn_itvl, it.conn_latency, it.supervision_timeout);
}

static void say_security(int status, uint16_t handle)
{
    struct ble_gap_conn_desc it = {0};
    ble_gap_conn_find(handle, &it);
    say("\"security\", %d, %d, %d, %d, %d, %d", handle, status, it.sec_state.encrypted, it.sec_state.authenticated,
        it.sec_state.bonded, it.sec_state.key_size);
}

static int forget_and_pair_again(uint16_t handle)
{
    struct ble_gap_conn_desc it = {0};
    ble_gap_conn_find(handle, &it);
    ble_store_util_delete_peer(&it.peer_id_addr);
    say("\"again\", %d", handle);
    return BLE_GAP_REPEAT_PAIRING_RETRY;
}

static void on_attribute_event(struct ble_gap_event *event)
{
    switch (event->type) {
    case BLE_GAP_EVENT_NOTIFY_RX:
        say("\"%s\", %d, %d, \"%s\"", event->notify_rx.indication ? "indicated" : "notified",
            event->notify_rx.conn_handle, event->notify_rx.attr_handle, hexadecimal_of(event->notify_rx.om));
        break;
    case BLE_GAP_EVENT_NOTIFY_TX:
        if (event->notify_tx.indication)
            say("\"confirmed\", %d, %d, %d", event->notify_tx.conn_handle, event->notify_tx.attr_handle,
                event->notify_tx.status);
        break;
    case BLE_GAP_EVENT_SUBSCRIBE:
        say("\"subscribed\", %d, %d, %d, %d, %d", event->subscribe.conn_handle, event->subscribe.attr_handle,
            event->subscribe.cur_notify, event->subscribe.cur_indicate, event->subscribe.reason);
        break;
    case BLE_GAP_EVENT_MTU:
        say("\"mtu\", %d, %d, %d", event->mtu.conn_handle, event->mtu.channel_id, event->mtu.value);
        break;
    default:
        break;
    }
}

static int on_security_event(struct ble_gap_event *event)
{
    struct ble_gap_conn_desc it = {0};
    switch (event->type) {
    case BLE_GAP_EVENT_ENC_CHANGE:
        say_security(event->enc_change.status, event->enc_change.conn_handle);
        break;
    case BLE_GAP_EVENT_PASSKEY_ACTION:
        say("\"passkey\", %d, %d, %u", event->passkey.conn_handle, event->passkey.params.action,
            (unsigned)event->passkey.params.numcmp);
        break;
    case BLE_GAP_EVENT_IDENTITY_RESOLVED:
        ble_gap_conn_find(event->identity_resolved.conn_handle, &it);
        say("\"identity\", %d, %d, \"%s\"", event->identity_resolved.conn_handle, it.peer_id_addr.type,
            hexadecimal_address(&it.peer_id_addr));
        break;
    case BLE_GAP_EVENT_REPEAT_PAIRING:
        return forget_and_pair_again(event->repeat_pairing.conn_handle);
    default:
        on_attribute_event(event);
    }
    return 0;
}

static int on_event(struct ble_gap_event *event, void *unused)
{
    switch (event->type) {
    case BLE_GAP_EVENT_CONNECT:
        say_connection(event->connect.status, event->connect.conn_handle);
        break;
    case BLE_GAP_EVENT_DISCONNECT:
        say("\"disconnected\", %d, %d", event->disconnect.conn.conn_handle, event->disconnect.reason);
        break;
    case BLE_GAP_EVENT_DISC:
        say("\"report\", %d, %d, \"%s\", \"%s\"", event->disc.event_type, event->disc.addr.type,
            hexadecimal_address(&event->disc.addr), hexadecimal(event->disc.data, event->disc.length_data));
        break;
    case BLE_GAP_EVENT_DISC_COMPLETE:
        say("\"scanned\", %d", event->disc_complete.reason);
        break;
    case BLE_GAP_EVENT_ADV_COMPLETE:
        say("\"advertised\", %d", event->adv_complete.reason);
        break;
    case BLE_GAP_EVENT_CONN_UPDATE:
        say_parameters(event->conn_update.status, event->conn_update.conn_handle);
        break;
    case BLE_GAP_EVENT_CONN_UPDATE_REQ:
    case BLE_GAP_EVENT_L2CAP_UPDATE_REQ:
        say("\"asked\", %d, \"%s\", %d, %d", event->conn_update_req.conn_handle,
            event->type == BLE_GAP_EVENT_CONN_UPDATE_REQ ? "link" : "l2cap",
            event->conn_update_req.peer_params->itvl_min, event->conn_update_req.peer_params->itvl_max);
        break;
    case BLE_GAP_EVENT_PHY_UPDATE_COMPLETE:
        say("\"phy\", %d, %d, %d, %d", event->phy_updated.conn_handle, event->phy_updated.status,
            event->phy_updated.tx_phy, event->phy_updated.rx_phy);
        break;
    default:
        return on_security_event(event);
    }
    return 0;
}

/* ---- Commands ---- */

/* advertise OWN-TYPE NAME: with data of full length, since octets that are not given hold what was on the stack */
static int advertise(const struct words *words)
{
    static const uint8_t flags[] = {2, BLE_HS_ADV_TYPE_FLAGS, BLE_HS_ADV_F_DISC_GEN | BLE_HS_ADV_F_BREDR_UNSUP};
    uint8_t data[BLE_HS_ADV_MAX_SZ] = {0};
    size_t length = strnlen(text(words, 2), sizeof data - sizeof flags - 2);
    memcpy(data, flags, sizeof flags);
    data[sizeof flags] = (uint8_t)(1 + length);
    data[sizeof flags + 1] = BLE_HS_ADV_TYPE_COMP_NAME;
    memcpy(data + sizeof flags + 2, text(words, 2), length);
    struct ble_gap_adv_params params = {
        .conn_mode = BLE_GAP_CONN_MODE_UND, .disc_mode = BLE_GAP_DISC_MODE_GEN, .itvl_min = 48, .itvl_max = 80};
    int error = ble_gap_adv_set_data(data, sizeof data);
    return error ? error : ble_gap_adv_start((uint8_t)number(words, 1), NULL, BLE_HS_FOREVER, &params, on_event, NULL);
}

static int stop_advertising(const struct words *words)
{
    return ble_gap_adv_stop();
}

/* scan OWN-TYPE MILLISECONDS */
static int scan(const struct words *words)
{
    struct ble_gap_disc_params params = {.itvl = 48, .window = 48, .filter_duplicates = 1};
    return ble_gap_disc((uint8_t)number(words, 1), number(words, 2), &params, on_event, NULL);
}

static int stop_scan(const struct words *words)
{
    return ble_gap_disc_cancel();
}

/* connect OWN-TYPE TYPE ADDRESS */
static int connect_to(const struct words *words)
{
    ble_addr_t peer = address(words, 2);
    struct ble_gap_conn_params params = {
        .scan_itvl = 16, .scan_window = 16, .itvl_min = 8, .itvl_max = 8, .supervision_timeout = 256};
    return ble_gap_connect((uint8_t)number(words, 1), &peer, 10000, &params, on_event, NULL);
}

static int cancel(const struct words *words)
{
    return ble_gap_conn_cancel();
}

static int disconnect(const struct words *words)
{
    return ble_gap_terminate(number16(words, 1), BLE_ERR_REM_USER_CONN_TERM);
}

/* update CONNECTION LEAST MOST LATENCY TIMEOUT */
static int update(const struct words *words)
{
    struct ble_gap_upd_params params = {.itvl_min = number16(words, 2),
                                        .itvl_max = number16(words, 3),
                                        .latency = number16(words, 4),
                                        .supervision_timeout = number16(words, 5)};
    return ble_gap_update_params(number16(words, 1), &params);
}

static int phy(const struct words *words)
{
    uint8_t mask = (uint8_t)number(words, 2);
    return ble_gap_set_prefered_le_phy(number16(words, 1), mask, mask, 0);
}

/* settings IO BOND MITM SECURE KEYS */
static int settings(const struct words *words)
{
    ble_hs_cfg.sm_io_cap = (uint8_t)number(words, 1);
    ble_hs_cfg.sm_bonding = number(words, 2) != 0;
    ble_hs_cfg.sm_mitm = number(words, 3) != 0;
    ble_hs_cfg.sm_sc = number(words, 4) != 0;
    ble_hs_cfg.sm_our_key_dist = ble_hs_cfg.sm_their_key_dist = (uint8_t)number(words, 5);
    return 0;
}

static int pair(const struct words *words)
{
    return ble_gap_security_initiate(number16(words, 1));
}

/* passkey CONNECTION ACTION NUMBER */
static int passkey(const struct words *words)
{
    struct ble_sm_io io = {.action = (uint8_t)number(words, 2)};
    if (io.action == BLE_SM_IOACT_NUMCMP)
        io.numcmp_accept = (uint8_t)number(words, 3);
    else
        io.passkey = (uint32_t)number(words, 3);
    return ble_sm_inject_io(number16(words, 1), &io);
}

/* unpair TYPE ADDRESS */
static int unpair(const struct words *words)
{
    ble_addr_t peer = address(words, 1);
    return ble_gap_unpair(&peer);
}

/* bonds: how many there are */
static int bonds(const struct words *words)
{
    ble_addr_t peers[8];
    int count = 0;
    int error = ble_store_util_bonded_peers(peers, &count, 8);
    for (int i = 0; i < count; i++)
        say("\"bond\", %d, \"%s\"", peers[i].type, hexadecimal_address(&peers[i]));
    return error ? error : count;
}

static int take_random_address(const struct words *words)
{
    ble_addr_t made;
    int error = ble_hs_id_gen_rnd(number(words, 1), &made);
    if (!error)
        error = ble_hs_id_set_rnd(made.val);
    say("\"random\", \"%s\"", hexadecimal_address(&made));
    return error;
}

const struct command gap_commands[] = {{"advertise", advertise},
                                       {"stop-advertising", stop_advertising},
                                       {"scan", scan},
                                       {"stop-scan", stop_scan},
                                       {"connect", connect_to},
                                       {"cancel", cancel},
                                       {"disconnect", disconnect},
                                       {"update", update},
                                       {"phy", phy},
                                       {"settings", settings},
                                       {"pair", pair},
                                       {"passkey", passkey},
                                       {"unpair", unpair},
                                       {"bonds", bonds},
                                       {"random", take_random_address},
                                       {NULL, NULL}};
