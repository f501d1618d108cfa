/* Methods of class BLE that MicroPython has not: what can be asked of a connection, and the accept list. */
#include "extension.h"

#include <string.h>

/* ---- A connection ---- */

static bool keyword_number(PyObject *object, long long least, long long most, long long *out)
{
    return !object || object == Py_None || argument_in_range(object, least, most, out);
}

PyObject *ble_gap_update(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"conn_handle", "min_conn_interval_us",   "max_conn_interval_us",
                            "latency",     "supervision_timeout_ms", NULL};
    PyObject *handle, *least = NULL, *most = NULL, *latency = NULL, *timeout = NULL;
    long long numbers[4] = {0};
    uint16_t conn_handle;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|OOOO:gap_update", names, &handle, &least, &most, &latency,
                                     &timeout) ||
        !argument_connection(handle, &conn_handle) || !keyword_number(least, 0, UINT32_MAX, &numbers[0]) ||
        !keyword_number(most, 0, UINT32_MAX, &numbers[1]) || !keyword_number(latency, 0, UINT16_MAX, &numbers[2]) ||
        !keyword_number(timeout, 0, UINT16_MAX, &numbers[3]))
        return NULL;
    const struct bluet_connection_parameters parameters = {
        .interval_min_us = (uint32_t)numbers[0],
        .interval_max_us = (uint32_t)numbers[1],
        .latency = (uint16_t)numbers[2],
        .supervision_timeout_ms = (uint16_t)numbers[3],
    };
    struct ble *self = (struct ble *)object;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_update(host, conn_handle, &parameters)) : NULL;
}

/* What is in force, without waiting. */
static bool connection_now(struct ble *self, uint16_t conn_handle, struct bluet_connection *out)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return false;
    int error = bluet_is_active(host) ? bluet_connection(host, out, conn_handle) : BLUET_ENODEV;
    return ble_leave(self, error) >= 0;
}

PyObject *ble_gap_phy(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    long long transmit, receive;
    if (!argument_count("gap_phy", count, 1, 3) || !argument_connection(arguments[0], &conn_handle))
        return NULL;
    if (count == 1) {
        struct bluet_connection connection = {0};
        if (!connection_now(self, conn_handle, &connection))
            return NULL;
        return Py_BuildValue("(ii)", connection.transmit_phy, connection.receive_phy);
    }
    if (!argument_in_range(arguments[1], 0, UINT8_MAX, &transmit) ||
        !argument_in_range(arguments[count - 1], 0, UINT8_MAX, &receive))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    return ble_leave_none(self, bluet_gap_set_phy(host, conn_handle, (uint8_t)transmit, (uint8_t)receive));
}

PyObject *ble_gap_data_length(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    long long octets;
    if (!argument_count("gap_data_length", count, 1, 2) || !argument_connection(arguments[0], &conn_handle))
        return NULL;
    if (count == 1) {
        struct bluet_connection connection = {0};
        return connection_now(self, conn_handle, &connection) ? PyLong_FromLong(connection.transmit_octets) : NULL;
    }
    if (!argument_in_range(arguments[1], 0, UINT16_MAX, &octets))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_set_data_length(host, conn_handle, (uint16_t)octets)) : NULL;
}

/* Inside a handler nothing is waited for: it is what was heard when it was last asked for. */
PyObject *ble_gap_rssi(PyObject *object, PyObject *handle)
{
    enum { NOT_KNOWN = 127 };
    struct ble *self = (struct ble *)object;
    struct bluet_connection connection = {0};
    uint16_t conn_handle;
    if (!argument_connection(handle, &conn_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host || ble_leave(self, bluet_gap_read_rssi(host, conn_handle)) < 0 ||
        !connection_now(self, conn_handle, &connection))
        return NULL;
    return connection.rssi == NOT_KNOWN ? Py_NewRef(Py_None) : PyLong_FromLong(connection.rssi);
}

PyObject *ble_gap_disconnect_reason(PyObject *object, PyObject *handle)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    if (!argument_connection(handle, &conn_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    int reason = bluet_gap_disconnect_reason(host, conn_handle);
    if (ble_leave(self, 0) < 0)
        return NULL;
    return reason < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(reason);
}

/* ---- The accept list ---- */

/* (addr_type, addr) */
bool argument_peer(PyObject *object, struct bluet_address *out)
{
    PyObject *pair = PySequence_Tuple(object);
    bool good = pair && PyTuple_Size(pair) == 2;
    if (pair && !good)
        PyErr_SetString(PyExc_ValueError, "an address is a pair of its type and its octets");
    good = good && argument_address(PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1), out);
    Py_XDECREF(pair);
    return good;
}

static PyObject *set_accept_list(struct ble *self, PyObject *peers, unsigned uses)
{
    Py_ssize_t count = PyTuple_Size(peers);
    struct bluet_address *addresses = PyMem_Malloc((size_t)(count + 1) * sizeof *addresses);
    bool good = addresses != NULL;
    if (!good)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; good && i < count; i++)
        good = argument_peer(PyTuple_GetItem(peers, i), &addresses[i]);
    struct bluet *host = good ? ble_enter(self) : NULL;
    PyObject *result = NULL;
    if (host)
        result = ble_leave_none(self, bluet_gap_accept_list(host, addresses, (size_t)count, uses));
    PyMem_Free(addresses);
    return result;
}

PyObject *ble_gap_accept_list(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"peers", "scan", "scan_requests", "connect_requests", NULL};
    PyObject *sequence;
    int scan = 0, scan_requests = 0, connect_requests = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|$ppp:gap_accept_list", names, &sequence, &scan,
                                     &scan_requests, &connect_requests))
        return NULL;
    PyObject *peers = PySequence_Tuple(sequence);
    if (!peers)
        return NULL;
    unsigned uses = (scan ? BLUET_ACCEPT_SCAN : 0u) | (scan_requests ? BLUET_ACCEPT_SCAN_REQUESTS : 0u) |
                    (connect_requests ? BLUET_ACCEPT_CONNECT_REQUESTS : 0u);
    PyObject *result = set_accept_list((struct ble *)object, peers, uses);
    Py_DECREF(peers);
    return result;
}

PyObject *ble_gap_connect_listed(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    long long numbers[3] = {0};
    if (!argument_count("gap_connect_listed", count, 0, 3))
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!keyword_number(arguments[i], 0, UINT32_MAX, &numbers[i]))
            return NULL;
    }
    const struct bluet_connection_parameters parameters = {.interval_min_us = (uint32_t)numbers[1],
                                                           .interval_max_us = (uint32_t)numbers[2]};
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_connect_listed(host, (uint32_t)numbers[0], &parameters)) : NULL;
}
