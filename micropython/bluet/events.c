/* The host's events, as modbluetooth.c wants them. */
#include "backend.h"

#include <string.h>

#include "wire.h"

#if MICROPY_PY_BLUETOOTH

/* Results of _IRQ_GATTS_INDICATE_DONE have an octet; what ended an indication on this side has more. */
enum { LOCAL_CAUSE = 0xff };

static void uuid_object(mp_obj_bluetooth_uuid_t *out, const struct bluet_uuid *uuid)
{
    out->base.type = &mp_type_bluetooth_uuid;
    out->type = uuid->length;
    memcpy(out->data, uuid->octets, uuid->length);
}

/* None would be passed for an address that is NULL. */
static const uint8_t *not_null(const uint8_t *data)
{
    return data ? data : (const uint8_t *)"";
}

static void connection_event(const struct bluet_event *event)
{
    const struct bluet_address *peer = &event->connect.peer;
    if (event->code == BLUET_EVENT_CENTRAL_DISCONNECT || event->code == BLUET_EVENT_PERIPHERAL_DISCONNECT)
        peer = &event->disconnect.peer;
    mp_bluetooth_gap_on_connected_disconnected((uint8_t)event->code, event->conn_handle, peer->type, peer->octets);
}

/* ---- The server ---- */

static int server_event(const struct bluet_event *event)
{
    uint16_t status = event->done.status;
    switch (event->code) {
    case BLUET_EVENT_GATTS_WRITE:
        mp_bluetooth_gatts_on_write(event->conn_handle, event->attribute.attr_handle);
        return 0;
    case BLUET_EVENT_GATTS_READ_REQUEST:
        return (int)mp_bluetooth_gatts_on_read_request(event->conn_handle, event->attribute.attr_handle);
    case BLUET_EVENT_GATTS_INDICATE_DONE:
        mp_bluetooth_gatts_on_indicate_complete(event->conn_handle, event->done.value_handle,
                                                (uint8_t)(status > LOCAL_CAUSE ? LOCAL_CAUSE : status));
        return 0;
    default:
        mp_bluetooth_gatts_on_mtu_exchanged(event->conn_handle, event->mtu_exchanged.mtu);
        return 0;
    }
}

/* ---- The central and the client ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE
static void scan_event(const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_SCAN_DONE) {
        mp_bluetooth_gap_on_scan_complete();
        return;
    }
    mp_bluetooth_gap_on_scan_result(event->scan_result.peer.type, event->scan_result.peer.octets,
                                    event->scan_result.adv_type, event->scan_result.rssi,
                                    not_null(event->scan_result.data), (uint16_t)event->scan_result.length);
}
#endif

#if MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT
static void discovery_event(const struct bluet_event *event)
{
    mp_obj_bluetooth_uuid_t uuid;
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
        uuid_object(&uuid, &event->service_result.uuid);
        mp_bluetooth_gattc_on_primary_service_result(event->conn_handle, event->service_result.start_handle,
                                                     event->service_result.end_handle, &uuid);
        break;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
        uuid_object(&uuid, &event->characteristic_result.uuid);
        mp_bluetooth_gattc_on_characteristic_result(event->conn_handle, event->characteristic_result.value_handle,
                                                    event->characteristic_result.end_handle,
                                                    event->characteristic_result.properties, &uuid);
        break;
    default:
        uuid_object(&uuid, &event->descriptor_result.uuid);
        mp_bluetooth_gattc_on_descriptor_result(event->conn_handle, event->descriptor_result.dsc_handle, &uuid);
        break;
    }
}

static void client_event(const struct bluet_event *event)
{
    const uint8_t *data = not_null(event->value.data);
    uint16_t length = (uint16_t)event->value.length;
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
    case BLUET_EVENT_GATTC_DESCRIPTOR_RESULT:
        discovery_event(event);
        break;
    case BLUET_EVENT_GATTC_SERVICE_DONE:
    case BLUET_EVENT_GATTC_CHARACTERISTIC_DONE:
    case BLUET_EVENT_GATTC_DESCRIPTOR_DONE:
        mp_bluetooth_gattc_on_discover_complete((uint8_t)event->code, event->conn_handle, event->done.status);
        break;
    case BLUET_EVENT_GATTC_READ_DONE:
    case BLUET_EVENT_GATTC_WRITE_DONE:
        mp_bluetooth_gattc_on_read_write_status((uint8_t)event->code, event->conn_handle, event->done.value_handle,
                                                event->done.status);
        break;
    default:
        mp_bluetooth_gattc_on_data_available((uint8_t)event->code, event->conn_handle, event->value.value_handle, &data,
                                             &length, 1);
        break;
    }
}
#endif

/* ---- Channels ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS
static int channel_event(const struct bluet_event *event)
{
    uint16_t handle = event->conn_handle;
    switch (event->code) {
    case BLUET_EVENT_L2CAP_ACCEPT:
        return (int)mp_bluetooth_on_l2cap_accept(handle, event->channel.cid, event->channel.psm, event->channel.our_mtu,
                                                 event->channel.peer_mtu);
    case BLUET_EVENT_L2CAP_CONNECT:
        mp_bluetooth_on_l2cap_connect(handle, event->channel.cid, event->channel.psm, event->channel.our_mtu,
                                      event->channel.peer_mtu);
        return 0;
    case BLUET_EVENT_L2CAP_DISCONNECT:
        mp_bluetooth_on_l2cap_disconnect(handle, event->channel_end.cid, event->channel_end.psm,
                                         event->channel_end.status);
        return 0;
    case BLUET_EVENT_L2CAP_RECV:
        mp_bluetooth_on_l2cap_recv(handle, event->channel_data.cid);
        return 0;
    default:
        mp_bluetooth_on_l2cap_send_ready(handle, event->channel_data.cid, (uint8_t)event->channel_data.status);
        return 0;
    }
}
#endif

/* ---- Security ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING
static void get_secret(const struct bluet_event *event)
{
    const uint8_t *value;
    size_t length;
    if (!mp_bluetooth_gap_on_get_secret(event->get_secret.sec_type, event->get_secret.index, event->get_secret.key,
                                        (uint16_t)event->get_secret.key_length, &value, &length))
        return;
    if (length > event->get_secret.capacity)
        return;
    memcpy(event->get_secret.out_value, value, length);
    *event->get_secret.out_length = length;
}

static int security_event(const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_GET_SECRET:
        get_secret(event);
        return 0;
    case BLUET_EVENT_SET_SECRET:
        return mp_bluetooth_gap_on_set_secret(event->set_secret.sec_type, event->set_secret.key,
                                              event->set_secret.key_length, event->set_secret.value,
                                              event->set_secret.length);
    case BLUET_EVENT_ENCRYPTION_UPDATE:
        mp_bluetooth_gatts_on_encryption_update(event->conn_handle, event->encryption_update.encrypted,
                                                event->encryption_update.authenticated, event->encryption_update.bonded,
                                                event->encryption_update.key_size);
        return 0;
    default:
        mp_bluetooth_gap_on_passkey_action(event->conn_handle, event->passkey_action.action,
                                           (mp_int_t)event->passkey_action.passkey);
        return 0;
    }
}
#endif

/* ---- All ---- */

static int dispatch(const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        connection_event(event);
        return 0;
    case BLUET_EVENT_CONNECTION_UPDATE:
        mp_bluetooth_gap_on_connection_update(
            event->conn_handle, event->connection_update.interval, event->connection_update.latency,
            event->connection_update.supervision_timeout, event->connection_update.status);
        return 0;
    case BLUET_EVENT_GATTS_WRITE:
    case BLUET_EVENT_GATTS_READ_REQUEST:
    case BLUET_EVENT_GATTS_INDICATE_DONE:
    case BLUET_EVENT_MTU_EXCHANGED:
        return server_event(event);
#if MICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE
    case BLUET_EVENT_SCAN_RESULT:
    case BLUET_EVENT_SCAN_DONE:
        scan_event(event);
        return 0;
#endif
#if MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING
    case BLUET_EVENT_ENCRYPTION_UPDATE:
    case BLUET_EVENT_GET_SECRET:
    case BLUET_EVENT_SET_SECRET:
    case BLUET_EVENT_PASSKEY_ACTION:
        return security_event(event);
#endif
    default:
        break;
    }
#if MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT
    if (event->code >= BLUET_EVENT_GATTC_SERVICE_RESULT && event->code <= BLUET_EVENT_GATTC_INDICATE)
        client_event(event);
#endif
#if MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS
    if (event->code >= BLUET_EVENT_L2CAP_ACCEPT && event->code <= BLUET_EVENT_L2CAP_SEND_READY)
        return channel_event(event);
#endif
    return 0;
}

static void operation_done(struct backend *self, const struct bluet_event *event)
{
    for (size_t i = 0; i < AWAITED_COUNT; i++) {
        struct awaited *awaited = &self->awaited[i];
        if (awaited->ticket != event->operation.ticket)
            continue;
        awaited->done = true;
        self->verdict = true;
        awaited->error = event->operation.error;
        struct response *response = awaited->response;
        if (!response)
            continue;
        size_t length = event->operation.response_length;
        response->hci_status = event->operation.hci_status;
        response->length = (uint8_t)(length < RESPONSE_SIZE ? length : RESPONSE_SIZE);
        if (response->length)
            memcpy(response->octets, event->operation.response, response->length);
    }
}

/*
 * modbluetooth.c catches what a handler raises, but not what its answers raise, nor an interrupt that comes just before
 * or after: that is raised again where it does no harm.
 */
static int call_handler(const struct bluet_event *event)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int answer = dispatch(event);
        nlr_pop();
        return answer;
    }
    mp_obj_t raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    if (mp_obj_exception_match(raised, MP_OBJ_FROM_PTR(&mp_type_KeyboardInterrupt)))
        mp_sched_exception(raised);
    else
        mp_obj_print_exception(&mp_plat_print, raised);
    return 0;
}

static void note_address(struct backend *self)
{
    struct bluet_address address;
    if (self->address_known || bluet_own_address(self->host, &address) || address.type != BLUET_ADDRESS_PUBLIC)
        return;
    memcpy(self->address, address.octets, sizeof self->address);
    self->address_known = true;
}

int backend_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)host;
    struct backend *self = context;
    if (event->code == BLUET_EVENT_OPERATION_DONE) {
        note_address(self);
        operation_done(self, event);
    }
    if (event->code >= BLUET_EVENT_GATTS_WRITE_REQUEST || self->silent)
        return 0;
    self->handling = true;
    self->handler_thread = wire_thread();
    unsigned depth = wire_release();
    int answer = call_handler(event);
    wire_restore(depth);
    self->handling = false;
    return answer;
}

#endif
