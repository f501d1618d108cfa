/* class BLE: the object, its life, and what it does beyond the roles: active(), irq(), hci_cmd(). */
#include "extension.h"

#include <string.h>

struct bluet *ble_enter(struct ble *self)
{
    if (!self->link) {
        raise_error(BLUET_ENODEV, 0);
        return NULL;
    }
    if (!runner_enter(self->link->runner))
        return NULL;
    bluet_runtime_lock(runner_runtime(self->link->runner));
    return bluet_radio_host(self->link->radio);
}

int ble_leave(struct ble *self, int result)
{
    struct link *link = self->link;
    struct verdict verdict = {0};
    if (result > 0)
        result = runner_wait(link, result, &verdict);
    else
        bluet_runtime_unlock(runner_runtime(link->runner));
    if (result >= 0)
        return result;
    if (!PyErr_Occurred())
        raise_error(result, verdict.hci_status);
    return result;
}

PyObject *ble_leave_none(struct ble *self, int result)
{
    return ble_leave(self, result) < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- Life ---- */

PyObject *ble_new(struct state *state, struct runner *runner, PyObject *air, const char *transport)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(state->ble_type, Py_tp_alloc);
    struct ble *self = (struct ble *)allocate(state->ble_type, 0);
    if (!self)
        return NULL;
    self->state = state;
    self->air = Py_XNewRef(air);
    self->link = runner_add(runner, self, transport);
    if (!self->link)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* The runtime of the process, made when it is first needed. */
static struct runner *process_runner(struct state *state)
{
    if (state->closed) {
        raise_error(BLUET_ENODEV, 0);
        return NULL;
    }
    /* An interpreter cannot end while a thread is in it, and is told of its end too late. */
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
        PyErr_SetString(PyExc_RuntimeError, "the radios of a process belong to its main interpreter");
        return NULL;
    }
    if (!state->runner)
        state->runner = runner_new(state, NULL);
    return state->runner;
}

static PyObject *ble_type_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"transport", "store", NULL};
    const char *transport = NULL;
    PyObject *store = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|$zO:BLE", names, &transport, &store))
        return NULL;
    struct state *state = PyType_GetModuleState(type);
    bool known = !transport && state->ble;
    struct runner *runner = known ? NULL : process_runner(state);
    if (!known && !runner)
        return NULL;
    PyObject *ble = known ? Py_NewRef(state->ble) : ble_new(state, runner, NULL, transport);
    if (ble && store != Py_None && !ble_set_store((struct ble *)ble, store))
        Py_CLEAR(ble);
    if (!ble || transport)
        return ble;
    /* Making it may have let other threads on, and one of them been quicker. */
    if (!state->ble)
        state->ble = Py_NewRef(ble);
    Py_DECREF(ble);
    return Py_NewRef(state->ble);
}

static int ble_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct ble *self = (struct ble *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->handler);
    Py_VISIT(self->air);
    return 0;
}

static int ble_clear(PyObject *object)
{
    struct ble *self = (struct ble *)object;
    Py_CLEAR(self->handler);
    return 0;
}

static void ble_dealloc(PyObject *object)
{
    struct ble *self = (struct ble *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    ble_clear(object);
    if (self->link)
        runner_abandon(self->link);
    Py_CLEAR(self->air);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- Methods ---- */

static bool activate(struct ble *self)
{
    if (self->link)
        return runner_enter(self->link->runner) && runner_activate(self->link) == 0;
    raise_error(BLUET_ENODEV, 0);
    return false;
}

static bool deactivate(struct ble *self)
{
    if (!self->link)
        return true;
    struct bluet *host = ble_enter(self);
    return host && ble_leave(self, bluet_deactivate(host)) >= 0;
}

static PyObject *is_active(struct ble *self)
{
    if (!self->link)
        return Py_NewRef(Py_False);
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    bool active = bluet_is_active(host);
    bluet_runtime_unlock(runner_runtime(self->link->runner));
    return PyBool_FromLong(active);
}

static PyObject *ble_active(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    if (!argument_count("active", count, 0, 1))
        return NULL;
    if (count) {
        int wanted = PyObject_IsTrue(arguments[0]);
        if (wanted < 0 || !(wanted ? activate(self) : deactivate(self)))
            return NULL;
    }
    return is_active(self);
}

static PyObject *ble_irq(PyObject *object, PyObject *handler)
{
    struct ble *self = (struct ble *)object;
    if (handler != Py_None && !PyCallable_Check(handler)) {
        PyErr_SetString(PyExc_ValueError, "invalid handler");
        return NULL;
    }
    PyObject *before = self->handler;
    self->handler = handler == Py_None ? NULL : Py_NewRef(handler);
    Py_XDECREF(before);
    return Py_NewRef(Py_None);
}

/* The return parameters after the status (Vol 4 Part E, 7.7.14) go into `response`, as many as it takes. */
static PyObject *send_command(struct ble *self, uint16_t opcode, const Py_buffer *request, const Py_buffer *response)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    int ticket = bluet_hci_command(host, opcode, request->buf, (size_t)request->len);
    if (ticket <= 0)
        return ble_leave_none(self, ticket);
    bool in_handler = runner_in_handler(self->link->runner);
    struct verdict verdict;
    int error = runner_wait(self->link, ticket, &verdict);
    if (in_handler)
        return Py_NewRef(Py_None);
    if (error < 0 && (PyErr_Occurred() || verdict.hci_status == 0))
        return PyErr_Occurred() ? NULL : raise_error(error, 0);
    size_t length = verdict.response_length > 1 ? verdict.response_length - 1 : 0;
    if (length > (size_t)response->len)
        length = (size_t)response->len;
    if (length)
        memcpy(response->buf, verdict.response + 1, length);
    return PyLong_FromLong(verdict.hci_status);
}

PyObject *ble_hci_cmd(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    long long group, command;
    if (!argument_count("hci_cmd", count, 4, 4) || !argument_in_range(arguments[0], 0, 0x3f, &group) ||
        !argument_in_range(arguments[1], 0, 0x3ff, &command))
        return NULL;
    Py_buffer request, response;
    if (PyObject_GetBuffer(arguments[2], &request, PyBUF_SIMPLE) < 0)
        return NULL;
    if (PyObject_GetBuffer(arguments[3], &response, PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&request);
        return NULL;
    }
    PyObject *status = send_command((struct ble *)object, (uint16_t)(group << 10 | command), &request, &response);
    PyBuffer_Release(&request);
    PyBuffer_Release(&response);
    return status;
}

/* Beyond the document: a btsnoop capture of what passes between host and controller. */
static PyObject *ble_capture(PyObject *object, PyObject *path)
{
    struct ble *self = (struct ble *)object;
    PyObject *name = NULL;
    if (path != Py_None && !PyUnicode_FSConverter(path, &name))
        return NULL;
    if (!ble_enter(self)) {
        Py_XDECREF(name);
        return NULL;
    }
    int error = bluet_radio_capture(self->link->radio, name ? PyBytes_AsString(name) : NULL);
    bluet_runtime_unlock(runner_runtime(self->link->runner));
    Py_XDECREF(name);
    return error ? raise_message(error) : Py_NewRef(Py_None);
}

#define FAST(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef ble_methods[] = {
    {"active", FAST(ble_active), METH_FASTCALL,
     "active([active])\n--\n\nSwitch the radio on or off, if told; returns whether it is on."},
    {"config", FAST(ble_config), METH_VARARGS | METH_KEYWORDS,
     "config('param'), or config(param=value, ...)\n--\n\nQuery one parameter, or set some."},
    {"irq", ble_irq, METH_O,
     "irq($self, handler, /)\n--\n\nhandler(event, data) receives the events; None: nobody does."},
    {"gap_advertise", FAST(ble_gap_advertise), METH_VARARGS | METH_KEYWORDS,
     "gap_advertise($self, interval_us=500000, adv_data=None, *, resp_data=None, connectable=True, "
     "peer=None)\n--\n\n"
     "Advertise; interval_us None stops. Data None: as last time. peer, a pair (addr_type, addr): to it alone, without "
     "data, and with interval_us 0 as fast as can be, for 1.28 s."},
    {"gap_scan", FAST(ble_gap_scan), METH_FASTCALL,
     "gap_scan($self, duration_ms=0, interval_us=1280000, window_us=11250, active=False, /)\n--\n\n"
     "Scan for so long, 0: until stopped; None stops."},
    {"gap_connect", FAST(ble_gap_connect), METH_FASTCALL,
     "gap_connect($self, addr_type, addr, scan_duration_ms=2000, min_conn_interval_us=None, "
     "max_conn_interval_us=None, /)\n--\n\nConnect to a peripheral; gap_connect(None) gives up."},
    {"gap_disconnect", ble_gap_disconnect, METH_O,
     "gap_disconnect($self, conn_handle, /)\n--\n\nFalse if there is no such connection."},
    {"gap_pair", ble_gap_pair, METH_O,
     "gap_pair($self, conn_handle, /)\n--\n\nEncrypt the connection: with the key that is kept, or by pairing."},
    {"gap_passkey", FAST(ble_gap_passkey), METH_FASTCALL,
     "gap_passkey($self, conn_handle, action, passkey, /)\n--\n\n"
     "Answer IRQ_PASSKEY_ACTION; action PASSKEY_ACTION_NONE refuses."},
    {"gap_oob", FAST(ble_gap_oob), METH_FASTCALL,
     "gap_oob(), gap_oob(addr_type, addr), gap_oob(addr_type, addr, temporary_key), gap_oob(addr_type, addr, confirm, "
     "random)\n\n"
     "Out of band data for pairing: without arguments ours, as (confirm, random); with an address and a temporary key, "
     "or a peer's confirm and random, what the next pairing with that peer uses; with an address alone, forget it."},
    {"gap_bonds", ble_gap_bonds, METH_NOARGS,
     "gap_bonds($self, /)\n--\n\nThe peers whose keys are kept, as (addr_type, addr)."},
    {"gap_unpair", FAST(ble_gap_unpair), METH_FASTCALL,
     "gap_unpair($self, addr_type, addr, /)\n--\n\nForget a peer; False if it is not known."},
    {"gap_disconnect_reason", ble_gap_disconnect_reason, METH_O,
     "gap_disconnect_reason($self, conn_handle, /)\n--\n\n"
     "The HCI error code that the last connection of that handle ended with, or None; see bluet.explain."},
    {"gap_update", FAST(ble_gap_update), METH_VARARGS | METH_KEYWORDS,
     "gap_update($self, conn_handle, min_conn_interval_us=None, max_conn_interval_us=None, latency=None, "
     "supervision_timeout_ms=None)\n--\n\n"
     "Ask for other connection parameters; IRQ_CONNECTION_UPDATE tells what came of it."},
    {"gap_phy", FAST(ble_gap_phy), METH_FASTCALL,
     "gap_phy($self, conn_handle, tx=None, rx=None, /)\n--\n\n"
     "The PHYs in force, a pair: 1 1M, 2 2M, 3 coded. With tx, or tx and rx: ask for one of a sum of 1 1M, 2 2M, "
     "4 coded; 0: no preference."},
    {"gap_data_length", FAST(ble_gap_data_length), METH_FASTCALL,
     "gap_data_length($self, conn_handle, octets=None, /)\n--\n\n"
     "The most octets of a link-layer packet that is sent. With octets, 27 to 251: ask for as much."},
    {"gap_rssi", ble_gap_rssi, METH_O,
     "gap_rssi($self, conn_handle, /)\n--\n\n"
     "How well the peer is heard, in dBm, or None. Inside a handler: when it was last asked for."},
    {"gap_accept_list", FAST(ble_gap_accept_list), METH_VARARGS | METH_KEYWORDS,
     "gap_accept_list($self, peers, *, scan=False, scan_requests=False, connect_requests=False)\n--\n\n"
     "Replace the accept list by pairs (addr_type, addr), and say what looks at it: what a scan reports, whose scan "
     "requests and whose connections are taken while advertising."},
    {"gap_connect_listed", FAST(ble_gap_connect_listed), METH_FASTCALL,
     "gap_connect_listed($self, scan_duration_ms=2000, min_conn_interval_us=None, max_conn_interval_us=None, /)\n--\n\n"
     "Connect to whoever of the accept list is heard first."},
    {"gatts_register_services", ble_gatts_register_services, METH_O,
     "gatts_register_services($self, services_definition, /)\n--\n\n"
     "Replace the services; returns a tuple of value handles for each."},
    {"gatts_read", ble_gatts_read, METH_O, "gatts_read($self, value_handle, /)\n--\n\nThe local value."},
    {"gatts_write", FAST(ble_gatts_write), METH_FASTCALL,
     "gatts_write($self, value_handle, data, send_update=False, /)\n--\n\n"
     "Write the local value, and tell subscribers if asked; returns the number of bytes."},
    {"gatts_notify", FAST(ble_gatts_notify), METH_FASTCALL,
     "gatts_notify($self, conn_handle, value_handle, data=None, /)\n--\n\nNotify a client; None: the local value."},
    {"gatts_indicate", FAST(ble_gatts_indicate), METH_FASTCALL,
     "gatts_indicate($self, conn_handle, value_handle, data=None, /)\n--\n\nThe same, to be confirmed."},
    {"gatts_notify_multiple", FAST(ble_gatts_notify_multiple), METH_FASTCALL,
     "gatts_notify_multiple($self, conn_handle, value_handles, /)\n--\n\n"
     "Notify a client of several local values at once; returns of how many."},
    {"gatts_subscription", FAST(ble_gatts_subscription), METH_FASTCALL,
     "gatts_subscription($self, conn_handle, value_handle, /)\n--\n\n"
     "1: notifications, 2: indications, 3: both; connection None: whether a client wants it broadcast."},
    {"gatts_set_buffer", FAST(ble_gatts_set_buffer), METH_FASTCALL,
     "gatts_set_buffer($self, value_handle, len, append=False, /)\n--\n\nSize of a value; empties it."},
    {"gattc_discover_services", FAST(ble_gattc_discover_services), METH_FASTCALL,
     "gattc_discover_services($self, conn_handle, uuid=None, /)\n--\n\n"},
    {"gattc_discover_included_services", FAST(ble_gattc_discover_included_services), METH_FASTCALL,
     "gattc_discover_included_services($self, conn_handle, start_handle, end_handle, /)\n--\n\n"
     "Raises IRQ_GATTC_SERVICE_RESULT for each, and IRQ_GATTC_SERVICE_DONE."},
    {"gattc_discover_characteristics", FAST(ble_gattc_discover_characteristics), METH_FASTCALL,
     "gattc_discover_characteristics($self, conn_handle, start_handle, end_handle, uuid=None, /)\n--\n\n"},
    {"gattc_discover_descriptors", FAST(ble_gattc_discover_descriptors), METH_FASTCALL,
     "gattc_discover_descriptors($self, conn_handle, start_handle, end_handle, /)\n--\n\n"},
    {"gattc_read", FAST(ble_gattc_read), METH_FASTCALL,
     "gattc_read($self, conn_handle, value_handle, offset=0, /)\n--\n\n"},
    {"gattc_read_long", FAST(ble_gattc_read_long), METH_FASTCALL,
     "gattc_read_long($self, conn_handle, value_handle, /)\n--\n\nThe whole value, in pieces with their offset."},
    {"gattc_read_by_uuid", FAST(ble_gattc_read_by_uuid), METH_FASTCALL,
     "gattc_read_by_uuid($self, conn_handle, start_handle, end_handle, uuid, /)\n--\n\nAll values of that type."},
    {"gattc_read_multiple", FAST(ble_gattc_read_multiple), METH_FASTCALL,
     "gattc_read_multiple($self, conn_handle, value_handles, variable=True, /)\n--\n\n"
     "Several values with one request; variable False: one behind the other, in one result."},
    {"gattc_write_reliable", FAST(ble_gattc_write_reliable), METH_FASTCALL,
     "gattc_write_reliable($self, conn_handle, values, /)\n--\n\n"
     "Write all of some (value_handle, data), or none; what the server has got is compared first."},
    {"gattc_write", FAST(ble_gattc_write), METH_FASTCALL,
     "gattc_write($self, conn_handle, value_handle, data, mode=0, /)\n--\n\n"
     "mode 0: no response; 1: with response; 2: long write; 3: signed, no response."},
    {"gattc_exchange_mtu", ble_gattc_exchange_mtu, METH_O, "gattc_exchange_mtu($self, conn_handle, /)\n--\n\n"},
    {"l2cap_listen", FAST(ble_l2cap_listen), METH_FASTCALL,
     "l2cap_listen($self, psm, mtu, /)\n--\n\nTake channels on a PSM; mtu None: no more."},
    {"l2cap_connect", FAST(ble_l2cap_connect), METH_FASTCALL,
     "l2cap_connect($self, conn_handle, psm, mtu, count=1, /)\n--\n\nBeyond MicroPython: count channels, up to 5, by "
     "one request."},
    {"l2cap_reconfigure", FAST(ble_l2cap_reconfigure), METH_FASTCALL,
     "l2cap_reconfigure($self, conn_handle, cid, mtu, /)\n--\n\nMakes the MTU of our end longer; cid may be a sequence "
     "of up to 5. IRQ_L2CAP_RECONFIGURE_DONE tells what came of it. Beyond MicroPython."},
    {"l2cap_disconnect", FAST(ble_l2cap_disconnect), METH_FASTCALL,
     "l2cap_disconnect($self, conn_handle, cid, /)\n--\n\n"},
    {"l2cap_send", FAST(ble_l2cap_send), METH_FASTCALL,
     "l2cap_send($self, conn_handle, cid, buf, /)\n--\n\n"
     "Send an SDU, taken whole; False: wait for IRQ_L2CAP_SEND_READY before the next."},
    {"l2cap_recvinto", FAST(ble_l2cap_recvinto), METH_FASTCALL,
     "l2cap_recvinto($self, conn_handle, cid, buf, /)\n--\n\n"
     "Take what has come, at most the size of buf; None: only tell how much there is."},
    {"hci_cmd", FAST(ble_hci_cmd), METH_FASTCALL,
     "hci_cmd($self, ogf, ocf, request, response, /)\n--\n\n"
     "Send an HCI command; fills response, returns the status (None inside a handler)."},
    {"capture", ble_capture, METH_O,
     "capture($self, path, /)\n--\n\nWrite what passes from now on to a btsnoop file; None ends it."},
    {0},
};

static PyType_Slot ble_slots[] = {
    {Py_tp_doc, "BLE(*, transport=None, store=None)\n--\n\n"
                "The radio of this process; with a transport, a further one. store: the file that keeps the secrets of "
                "its pairings."},
    {Py_tp_new, ble_type_new},
    {Py_tp_dealloc, ble_dealloc},
    {Py_tp_traverse, ble_traverse},
    {Py_tp_clear, ble_clear},
    {Py_tp_methods, ble_methods},
    {0, NULL},
};

PyType_Spec ble_spec = {
    .name = "bluet.bluetooth.BLE",
    .basicsize = sizeof(struct ble),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = ble_slots,
};
