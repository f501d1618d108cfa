/* The methods of class BLE that begin with gap_: advertise, scan, connect (Core Specification Vol 3 Part C). */
#include "extension.h"

#include <string.h>

/* ---- gap_advertise ---- */

struct advertisement {
    uint32_t interval_us;
    struct buffer advertising, response;
    struct bluet_span advertising_span, response_span;
    bool connectable;
};

/* None stays NULL: the data of the last call. */
static bool data_argument(PyObject *object, struct buffer *buffer, struct bluet_span *span)
{
    if (object == Py_None)
        return true;
    if (!argument_buffer(object, buffer))
        return false;
    *span = (struct bluet_span){buffer->data, buffer->length};
    return true;
}

static PyObject *advertise(struct ble *self, const struct advertisement *what)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    int result =
        bluet_gap_advertise(host, what->interval_us, what->advertising_span.data ? &what->advertising_span : NULL,
                            what->response_span.data ? &what->response_span : NULL, what->connectable);
    return ble_leave_none(self, result);
}

static PyObject *advertise_stop(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_advertise_stop(host)) : NULL;
}

static PyObject *advertise_directed(struct ble *self, uint32_t interval_us, PyObject *peer)
{
    struct bluet_address address;
    if (!argument_peer(peer, &address))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_advertise_directed(host, interval_us, &address)) : NULL;
}

PyObject *ble_gap_advertise(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"interval_us", "adv_data", "resp_data", "connectable", "peer", NULL};
    PyObject *peer = Py_None, *interval = NULL, *advertising_data = Py_None, *response_data = Py_None;
    int connectable = 1;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO$OpO:gap_advertise", names, &interval, &advertising_data,
                                     &response_data, &connectable, &peer))
        return NULL;
    struct ble *self = (struct ble *)object;
    if (interval == Py_None)
        return advertise_stop(self);

    long long interval_us = 500000;
    if (interval && !argument_in_range(interval, 0, UINT32_MAX, &interval_us))
        return NULL;
    if (peer != Py_None)
        return advertise_directed(self, (uint32_t)interval_us, peer);
    struct advertisement what = {.interval_us = (uint32_t)interval_us, .connectable = connectable};
    PyObject *result = NULL;
    if (data_argument(advertising_data, &what.advertising, &what.advertising_span) &&
        data_argument(response_data, &what.response, &what.response_span))
        result = advertise(self, &what);
    buffer_release(&what.advertising);
    buffer_release(&what.response);
    return result;
}

/* ---- gap_scan ---- */

/* Out of range is clamped, by the host at the latest. */
static bool microseconds(PyObject *object, uint32_t *out)
{
    long long value;
    if (!argument_integer(object, &value))
        return false;
    if (value < 0)
        value = 0;
    *out = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

static PyObject *scan_stop(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_scan_stop(host)) : NULL;
}

PyObject *ble_gap_scan(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    long long duration_ms = 0;
    uint32_t interval_us = 1280000, window_us = 11250;
    if (!argument_count("gap_scan", count, 0, 4))
        return NULL;
    if (count > 0 && arguments[0] == Py_None)
        return scan_stop(self);
    if ((count > 0 && !argument_in_range(arguments[0], 0, UINT32_MAX, &duration_ms)) ||
        (count > 1 && !microseconds(arguments[1], &interval_us)) ||
        (count > 2 && !microseconds(arguments[2], &window_us)))
        return NULL;
    int active = count > 3 ? PyObject_IsTrue(arguments[3]) : 0;
    if (active < 0)
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    return ble_leave_none(self, bluet_gap_scan(host, (uint32_t)duration_ms, interval_us, window_us, active));
}

/* ---- gap_connect, gap_disconnect ---- */

static PyObject *connect_cancel(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_connect_cancel(host)) : NULL;
}

bool argument_address(PyObject *type, PyObject *octets, struct bluet_address *out)
{
    long long number;
    if (!argument_integer(type, &number))
        return false;
    struct buffer buffer;
    bool good = argument_buffer(octets, &buffer);
    if (good && buffer.length != sizeof out->octets) {
        PyErr_SetString(PyExc_ValueError, "invalid addr");
        good = false;
    } else if (good && number != BLUET_ADDRESS_PUBLIC && number != BLUET_ADDRESS_RANDOM) {
        raise_error(BLUET_EINVAL, 0);
        good = false;
    } else if (good) {
        out->type = (uint8_t)number;
        memcpy(out->octets, buffer.data, sizeof out->octets);
    }
    buffer_release(&buffer);
    return good;
}

/* None, or too few arguments, leave the default. */
static bool optional(PyObject *const *arguments, Py_ssize_t count, Py_ssize_t index, uint32_t *out)
{
    long long value;
    if (index >= count || arguments[index] == Py_None)
        return true;
    if (!argument_in_range(arguments[index], 0, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

PyObject *ble_gap_connect(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    if (!argument_count("gap_connect", count, 1, 5))
        return NULL;
    if (count == 1 && arguments[0] == Py_None)
        return connect_cancel(self);
    if (count == 1) {
        PyErr_SetString(PyExc_TypeError, "invalid addr");
        return NULL;
    }
    struct bluet_address peer;
    uint32_t timeout_ms = 0;
    struct bluet_connection_parameters parameters = {0};
    if (!argument_address(arguments[0], arguments[1], &peer) || !optional(arguments, count, 2, &timeout_ms) ||
        !optional(arguments, count, 3, &parameters.interval_min_us) ||
        !optional(arguments, count, 4, &parameters.interval_max_us))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_connect(host, &peer, timeout_ms, &parameters)) : NULL;
}

PyObject *ble_gap_disconnect(PyObject *object, PyObject *handle)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    if (!argument_connection(handle, &conn_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    int result = ble_leave(self, bluet_gap_disconnect(host, conn_handle));
    if (result == BLUET_ENOTCONN && PyErr_ExceptionMatches(PyExc_OSError)) {
        /* Whether we know, or the controller: the peer may have been quicker. */
        PyErr_Clear();
        return Py_NewRef(Py_False);
    }
    return result < 0 ? NULL : Py_NewRef(Py_True);
}
