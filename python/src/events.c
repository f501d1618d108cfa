/*
 * From struct bluet_event to what the handler gets as `data`: a struct sequence for each event, which unpacks as the
 * document says and has the rest by name. Its memoryviews die when the handler returns.
 */
#include "extension.h"

#include <string.h>

/* ---- The struct sequences: the fields of the tuple, then those that are there by name only ---- */

static PyStructSequence_Field connect_fields[] = {{"conn_handle", NULL}, {"addr_type", NULL}, {"addr", NULL}, {0}};
static PyStructSequence_Field disconnect_fields[] = {
    {"conn_handle", NULL}, {"addr_type", NULL}, {"addr", NULL}, {"reason", "HCI error code"}, {0}};
static PyStructSequence_Field attribute_fields[] = {{"conn_handle", NULL}, {"attr_handle", NULL}, {0}};
static PyStructSequence_Field scan_result_fields[] = {
    {"addr_type", NULL}, {"addr", NULL},        {"adv_type", NULL},      {"rssi", "dBm"},
    {"adv_data", NULL},  {"primary_phy", NULL}, {"secondary_phy", NULL}, {0}};
static PyStructSequence_Field service_fields[] = {{"conn_handle", NULL},
                                                  {"start_handle", NULL},
                                                  {"end_handle", NULL},
                                                  {"uuid", NULL},
                                                  {"def_handle", "where it is declared, or included"},
                                                  {0}};
static PyStructSequence_Field characteristic_fields[] = {{"conn_handle", NULL},
                                                         {"end_handle", "the last handle of the characteristic"},
                                                         {"value_handle", NULL},
                                                         {"properties", NULL},
                                                         {"uuid", NULL},
                                                         {"def_handle", "the handle of its declaration"},
                                                         {0}};
static PyStructSequence_Field descriptor_fields[] = {{"conn_handle", NULL}, {"dsc_handle", NULL}, {"uuid", NULL}, {0}};
static PyStructSequence_Field discovered_fields[] = {{"conn_handle", NULL}, {"status", NULL}, {0}};
static PyStructSequence_Field done_fields[] = {{"conn_handle", NULL}, {"value_handle", NULL}, {"status", NULL}, {0}};
static PyStructSequence_Field read_fields[] = {
    {"conn_handle", NULL}, {"value_handle", NULL}, {"char_data", NULL}, {"offset", "of a piece of a value"}, {0}};
static PyStructSequence_Field write_request_fields[] = {
    {"conn_handle", NULL}, {"attr_handle", NULL}, {"offset", NULL}, {"data", NULL}, {0}};
static PyStructSequence_Field subscription_fields[] = {
    {"conn_handle", NULL}, {"value_handle", NULL}, {"subscribed", "0 to nothing, 1 notifications, 2 indications"}, {0}};
static PyStructSequence_Field notify_fields[] = {
    {"conn_handle", NULL}, {"value_handle", NULL}, {"notify_data", NULL}, {0}};
static PyStructSequence_Field mtu_fields[] = {{"conn_handle", NULL}, {"mtu", NULL}, {0}};
static PyStructSequence_Field channel_fields[] = {{"conn_handle", NULL}, {"cid", NULL},      {"psm", NULL},
                                                  {"our_mtu", NULL},     {"peer_mtu", NULL}, {0}};
static PyStructSequence_Field channel_end_fields[] = {
    {"conn_handle", NULL}, {"cid", NULL}, {"psm", NULL}, {"status", NULL}, {0}};
static PyStructSequence_Field channel_data_fields[] = {{"conn_handle", NULL}, {"cid", NULL}, {0}};
static PyStructSequence_Field channel_ready_fields[] = {{"conn_handle", NULL}, {"cid", NULL}, {"status", NULL}, {0}};
static PyStructSequence_Field channel_reconfigured_fields[] = {
    {"conn_handle", NULL}, {"cid", NULL}, {"our_mtu", NULL}, {"status", NULL}, {0}};
static PyStructSequence_Field update_fields[] = {{"conn_handle", NULL},        {"conn_interval", "1.25 ms"},
                                                 {"conn_latency", NULL},       {"supervision_timeout", "10 ms"},
                                                 {"status", "HCI error code"}, {0}};

static PyStructSequence_Field encryption_fields[] = {{"conn_handle", NULL},
                                                     {"encrypted", NULL},
                                                     {"authenticated", NULL},
                                                     {"bonded", NULL},
                                                     {"key_size", NULL},
                                                     {"reason", "0, or why it failed"},
                                                     {0}};
static PyStructSequence_Field get_secret_fields[] = {{"sec_type", NULL}, {"index", NULL}, {"key", NULL}, {0}};
static PyStructSequence_Field set_secret_fields[] = {{"sec_type", NULL}, {"key", NULL}, {"value", NULL}, {0}};
static PyStructSequence_Field passkey_fields[] = {{"conn_handle", NULL}, {"action", NULL}, {"passkey", NULL}, {0}};

/* Filled field by field; a failure sticks. */
struct builder {
    struct state *state;
    PyObject *sequence;
    Py_ssize_t field_count;
    PyObject *views[2]; /* borrowed from the sequence */
    size_t view_count;
    bool failed;
};

static void put(struct builder *builder, PyObject *value)
{
    if (value)
        PyStructSequence_SetItem(builder->sequence, builder->field_count++, value);
    else
        builder->failed = true;
}

static void put_number(struct builder *builder, long number)
{
    if (!builder->failed)
        put(builder, PyLong_FromLong(number));
}

static void put_uuid(struct builder *builder, const struct bluet_uuid *uuid)
{
    if (!builder->failed)
        put(builder, uuid_new(builder->state, uuid));
}

/* Over a copy: a slice that the handler makes of the view outlives it, and must not read other data then. */
static void put_view(struct builder *builder, const uint8_t *data, size_t length)
{
    if (builder->failed)
        return;
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)length);
    PyObject *view = bytes ? PyMemoryView_FromObject(bytes) : NULL;
    Py_XDECREF(bytes);
    put(builder, view);
    if (view)
        builder->views[builder->view_count++] = view;
}

static void put_view_or_none(struct builder *builder, const uint8_t *data, size_t length)
{
    if (data)
        put_view(builder, data, length);
    else if (!builder->failed)
        put(builder, Py_NewRef(Py_None));
}

static void put_address(struct builder *builder, const struct bluet_address *address)
{
    put_number(builder, address->type);
    put_view(builder, address->octets, sizeof address->octets);
}

static void build_connect(struct builder *builder, const struct bluet_event *event)
{
    put_address(builder, &event->connect.peer);
}

static void build_disconnect(struct builder *builder, const struct bluet_event *event)
{
    put_address(builder, &event->disconnect.peer);
    put_number(builder, event->disconnect.reason);
}

static void build_attribute(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->attribute.attr_handle);
}

static void build_scan_result(struct builder *builder, const struct bluet_event *event)
{
    put_address(builder, &event->scan_result.peer);
    put_number(builder, event->scan_result.adv_type);
    put_number(builder, event->scan_result.rssi);
    put_view(builder, event->scan_result.data, event->scan_result.length);
    put_number(builder, event->scan_result.primary_phy);
    put_number(builder, event->scan_result.secondary_phy);
}

static void build_service(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->service_result.start_handle);
    put_number(builder, event->service_result.end_handle);
    put_uuid(builder, &event->service_result.uuid);
    put_number(builder, event->service_result.def_handle);
}

static void build_characteristic(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->characteristic_result.end_handle);
    put_number(builder, event->characteristic_result.value_handle);
    put_number(builder, event->characteristic_result.properties);
    put_uuid(builder, &event->characteristic_result.uuid);
    put_number(builder, event->characteristic_result.def_handle);
}

static void build_descriptor(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->descriptor_result.dsc_handle);
    put_uuid(builder, &event->descriptor_result.uuid);
}

static void build_discovered(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->done.status);
}

static void build_done(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->done.value_handle);
    put_number(builder, event->done.status);
}

static void build_value(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->value.value_handle);
    put_view(builder, event->value.data, event->value.length);
}

static void build_read(struct builder *builder, const struct bluet_event *event)
{
    build_value(builder, event);
    put_number(builder, event->value.offset);
}

static void build_write_request(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->write_request.attr_handle);
    put_number(builder, event->write_request.offset);
    put_view(builder, event->write_request.data, event->write_request.length);
}

static void build_subscription(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->subscription.value_handle);
    put_number(builder, event->subscription.subscribed);
}

static void build_mtu(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->mtu_exchanged.mtu);
}

static void build_channel(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->channel.cid);
    put_number(builder, event->channel.psm);
    put_number(builder, event->channel.our_mtu);
    put_number(builder, event->channel.peer_mtu);
}

static void build_channel_end(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->channel_end.cid);
    put_number(builder, event->channel_end.psm);
    put_number(builder, event->channel_end.status);
}

static void build_channel_data(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->channel_data.cid);
}

static void build_channel_ready(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->channel_data.cid);
    put_number(builder, event->channel_data.status);
}

static void build_channel_reconfigured(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->channel_reconfigured.cid);
    put_number(builder, event->channel_reconfigured.our_mtu);
    put_number(builder, event->channel_reconfigured.status);
}

static void build_update(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->connection_update.interval);
    put_number(builder, event->connection_update.latency);
    put_number(builder, event->connection_update.supervision_timeout);
    put_number(builder, event->connection_update.status);
}

static void build_encryption(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->encryption_update.encrypted);
    put_number(builder, event->encryption_update.authenticated);
    put_number(builder, event->encryption_update.bonded);
    put_number(builder, event->encryption_update.key_size);
    put_number(builder, event->encryption_update.reason);
}

static void build_get_secret(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->get_secret.sec_type);
    put_number(builder, event->get_secret.index);
    put_view_or_none(builder, event->get_secret.key, event->get_secret.key_length);
}

static void build_set_secret(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->set_secret.sec_type);
    put_view(builder, event->set_secret.key, event->set_secret.key_length);
    put_view_or_none(builder, event->set_secret.value, event->set_secret.length);
}

static void build_passkey(struct builder *builder, const struct bluet_event *event)
{
    put_number(builder, event->passkey_action.action);
    put_number(builder, (long)event->passkey_action.passkey);
}

struct event_kind {
    void (*build)(struct builder *builder, const struct bluet_event *event);
    const char *name;
    PyStructSequence_Field *fields;
    int visible; /* how many of them the tuple has */
};

/* By event code. All but those of is_about_no_link() begin with the connection. */
static const struct event_kind event_kinds[EVENT_CODES] = {
    [BLUET_EVENT_CENTRAL_CONNECT] = {build_connect, "bluet.events.CentralConnect", connect_fields, 3},
    [BLUET_EVENT_CENTRAL_DISCONNECT] = {build_disconnect, "bluet.events.CentralDisconnect", disconnect_fields, 3},
    [BLUET_EVENT_GATTS_WRITE] = {build_attribute, "bluet.events.GattsWrite", attribute_fields, 2},
    [BLUET_EVENT_GATTS_READ_REQUEST] = {build_attribute, "bluet.events.GattsReadRequest", attribute_fields, 2},
    [BLUET_EVENT_SCAN_RESULT] = {build_scan_result, "bluet.events.ScanResult", scan_result_fields, 5},
    [BLUET_EVENT_PERIPHERAL_CONNECT] = {build_connect, "bluet.events.PeripheralConnect", connect_fields, 3},
    [BLUET_EVENT_PERIPHERAL_DISCONNECT] = {build_disconnect, "bluet.events.PeripheralDisconnect", disconnect_fields, 3},
    [BLUET_EVENT_GATTC_SERVICE_RESULT] = {build_service, "bluet.events.GattcServiceResult", service_fields, 4},
    [BLUET_EVENT_GATTC_SERVICE_DONE] = {build_discovered, "bluet.events.GattcServiceDone", discovered_fields, 2},
    [BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT] = {build_characteristic, "bluet.events.GattcCharacteristicResult",
                                                 characteristic_fields, 5},
    [BLUET_EVENT_GATTC_CHARACTERISTIC_DONE] = {build_discovered, "bluet.events.GattcCharacteristicDone",
                                               discovered_fields, 2},
    [BLUET_EVENT_GATTC_DESCRIPTOR_RESULT] = {build_descriptor, "bluet.events.GattcDescriptorResult", descriptor_fields,
                                             3},
    [BLUET_EVENT_GATTC_DESCRIPTOR_DONE] = {build_discovered, "bluet.events.GattcDescriptorDone", discovered_fields, 2},
    [BLUET_EVENT_GATTC_READ_RESULT] = {build_read, "bluet.events.GattcReadResult", read_fields, 3},
    [BLUET_EVENT_GATTC_READ_DONE] = {build_done, "bluet.events.GattcReadDone", done_fields, 3},
    [BLUET_EVENT_GATTC_WRITE_DONE] = {build_done, "bluet.events.GattcWriteDone", done_fields, 3},
    [BLUET_EVENT_GATTC_NOTIFY] = {build_value, "bluet.events.GattcNotify", notify_fields, 3},
    [BLUET_EVENT_GATTC_INDICATE] = {build_value, "bluet.events.GattcIndicate", notify_fields, 3},
    [BLUET_EVENT_GATTS_INDICATE_DONE] = {build_done, "bluet.events.GattsIndicateDone", done_fields, 3},
    [BLUET_EVENT_MTU_EXCHANGED] = {build_mtu, "bluet.events.MtuExchanged", mtu_fields, 2},
    [BLUET_EVENT_L2CAP_ACCEPT] = {build_channel, "bluet.events.L2capAccept", channel_fields, 5},
    [BLUET_EVENT_L2CAP_CONNECT] = {build_channel, "bluet.events.L2capConnect", channel_fields, 5},
    [BLUET_EVENT_L2CAP_DISCONNECT] = {build_channel_end, "bluet.events.L2capDisconnect", channel_end_fields, 4},
    [BLUET_EVENT_L2CAP_RECV] = {build_channel_data, "bluet.events.L2capRecv", channel_data_fields, 2},
    [BLUET_EVENT_L2CAP_SEND_READY] = {build_channel_ready, "bluet.events.L2capSendReady", channel_ready_fields, 3},
    [BLUET_EVENT_CONNECTION_UPDATE] = {build_update, "bluet.events.ConnectionUpdate", update_fields, 5},
    [BLUET_EVENT_ENCRYPTION_UPDATE] = {build_encryption, "bluet.events.EncryptionUpdate", encryption_fields, 5},
    [BLUET_EVENT_GET_SECRET] = {build_get_secret, "bluet.events.GetSecret", get_secret_fields, 3},
    [BLUET_EVENT_SET_SECRET] = {build_set_secret, "bluet.events.SetSecret", set_secret_fields, 3},
    [BLUET_EVENT_PASSKEY_ACTION] = {build_passkey, "bluet.events.PasskeyAction", passkey_fields, 3},
    [BLUET_EVENT_GATTS_WRITE_REQUEST] = {build_write_request, "bluet.events.GattsWriteRequest", write_request_fields,
                                         4},
    [BLUET_EVENT_GATTS_SUBSCRIPTION] = {build_subscription, "bluet.events.GattsSubscription", subscription_fields, 3},
    [BLUET_EVENT_L2CAP_RECONFIGURE_DONE] = {build_channel_reconfigured, "bluet.events.L2capReconfigureDone",
                                            channel_reconfigured_fields, 4},
};

int events_initialise(PyObject *module, struct state *state)
{
    for (size_t code = 0; code < EVENT_CODES; code++) {
        const struct event_kind *kind = &event_kinds[code];
        if (!kind->name)
            continue;
        PyStructSequence_Desc description = {
            .name = kind->name,
            .doc = "Data of an event; see bluet.events.",
            .fields = kind->fields,
            .n_in_sequence = kind->visible,
        };
        state->event_types[code] = PyStructSequence_NewType(&description);
        if (!state->event_types[code] || PyModule_AddType(module, state->event_types[code]) < 0)
            return -1;
    }
    state->no_data = PyTuple_New(0);
    state->release = PyUnicode_InternFromString("release");
    return state->no_data && state->release ? 0 : -1;
}

bool event_is_public(const struct bluet_event *event)
{
    unsigned int code = (unsigned int)event->code;
    return code == BLUET_EVENT_SCAN_DONE || (code < EVENT_CODES && event_kinds[code].build);
}

static bool is_about_no_link(const struct bluet_event *event)
{
    return event->code == BLUET_EVENT_SCAN_RESULT || event->code == BLUET_EVENT_GET_SECRET ||
           event->code == BLUET_EVENT_SET_SECRET;
}

static PyObject *build(struct builder *builder, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_SCAN_DONE)
        return Py_NewRef(builder->state->no_data);
    builder->sequence = PyStructSequence_New(builder->state->event_types[event->code]);
    if (!builder->sequence)
        return NULL;
    if (!is_about_no_link(event))
        put_number(builder, event->conn_handle);
    event_kinds[event->code].build(builder, event);
    if (builder->failed) {
        builder->view_count = 0;
        Py_CLEAR(builder->sequence);
    }
    return builder->sequence;
}

/* A view that someone has exported from cannot be released; it reads the copy then. */
static void release_views(const struct builder *builder)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    for (size_t i = 0; i < builder->view_count; i++) {
        PyObject *none = PyObject_CallMethodObjArgs(builder->views[i], builder->state->release, NULL);
        if (!none)
            PyErr_Clear();
        Py_XDECREF(none);
    }
    PyErr_Restore(type, value, traceback);
}

PyObject *event_call(struct state *state, PyObject *handler, const struct bluet_event *event)
{
    struct builder builder = {.state = state};
    PyObject *data = build(&builder, event);
    PyObject *code = data ? PyLong_FromLong(event->code) : NULL;
    PyObject *answer = code ? PyObject_CallFunctionObjArgs(handler, code, data, NULL) : NULL;
    release_views(&builder);
    Py_XDECREF(code);
    Py_XDECREF(data);
    return answer;
}

/* A secret is copied to where the event wants it; what is no buffer, or too long, is none. */
static void answer_secret(const struct bluet_event *event, PyObject *answer)
{
    struct buffer secret;
    if (answer == Py_None || !(PyObject_CheckBuffer(answer) || PyUnicode_Check(answer)))
        return;
    if (!argument_buffer(answer, &secret))
        PyErr_Clear();
    else if (secret.length <= event->get_secret.capacity && secret.length)
        memcpy(event->get_secret.out_value, secret.data, *event->get_secret.out_length = secret.length);
    buffer_release(&secret);
}

/* Answer to a read request whose handler returned what is no ATT error code (Vol 3 Part F, 3.4.1.1). */
#define ATT_ERROR_UNLIKELY 0x0e

static int answer_code(PyObject *answer)
{
    if (!PyLong_Check(answer))
        return 0;
    int overflow;
    long code = PyLong_AsLongAndOverflow(answer, &overflow);
    return overflow || code < 0 || code > 0xff ? ATT_ERROR_UNLIKELY : (int)code;
}

int event_answer(const struct bluet_event *event, PyObject *answer)
{
    if (event->code == BLUET_EVENT_SET_SECRET) {
        int kept = PyObject_IsTrue(answer);
        if (kept < 0)
            PyErr_Clear();
        return kept == 1;
    }
    if (event->code != BLUET_EVENT_GET_SECRET)
        return answer_code(answer);
    answer_secret(event, answer);
    return 0;
}
