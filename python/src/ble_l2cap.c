/* The methods of class BLE that begin with l2cap_: credit-based channels (Core Specification Vol 3 Part A, 10.1, 10.2).
 */
#include "extension.h"

/* What cannot be a PSM, or a CID, becomes 0, which is none. */
static bool argument_mtu(PyObject *object, uint16_t *out)
{
    long long mtu;
    if (!argument_integer(object, &mtu))
        return false;
    *out = (uint16_t)(mtu < 0 ? 0 : mtu > UINT16_MAX ? UINT16_MAX : mtu);
    return true;
}

PyObject *ble_l2cap_listen(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t psm, mtu = 0;
    if (!argument_count("l2cap_listen", count, 2, 2) || !argument_handle(arguments[0], &psm))
        return NULL;
    bool stop = arguments[1] == Py_None;
    if (!stop && !argument_mtu(arguments[1], &mtu))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    return ble_leave_none(self, stop ? bluet_l2cap_listen_stop(host, psm) : bluet_l2cap_listen(host, psm, mtu));
}

PyObject *ble_l2cap_connect(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, psm, mtu, channel_count = 1;
    if (!argument_count("l2cap_connect", count, 3, 4) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &psm) || !argument_mtu(arguments[2], &mtu) ||
        (count > 3 && !argument_handle(arguments[3], &channel_count)))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    return ble_leave_none(self, bluet_l2cap_connect_several(host, conn_handle, psm, mtu, channel_count));
}

/* One CID, or a sequence of them; more than can be named at once are too many. */
static bool argument_cids(PyObject *object, uint16_t *out, size_t capacity, size_t *out_count)
{
    *out_count = 1;
    if (PyLong_Check(object))
        return argument_handle(object, out);
    Py_ssize_t length = PySequence_Check(object) ? PySequence_Size(object) : -1;
    if (length < 0) {
        PyErr_SetString(PyExc_TypeError, "cid must be an int or a sequence of them");
        return false;
    }
    *out_count = (size_t)length;
    for (size_t i = 0; i < *out_count && i < capacity; i++) {
        PyObject *cid = PySequence_GetItem(object, (Py_ssize_t)i);
        bool good = cid && argument_handle(cid, &out[i]);
        Py_XDECREF(cid);
        if (!good)
            return false;
    }
    return true;
}

PyObject *ble_l2cap_reconfigure(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    enum { MOST = 5 };
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, mtu, cids[MOST];
    size_t cid_count;
    if (!argument_count("l2cap_reconfigure", count, 3, 3) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_cids(arguments[1], cids, MOST, &cid_count) || !argument_mtu(arguments[2], &mtu))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_l2cap_reconfigure(host, conn_handle, cids, cid_count, mtu)) : NULL;
}

PyObject *ble_l2cap_disconnect(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, cid;
    if (!argument_count("l2cap_disconnect", count, 2, 2) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &cid))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_l2cap_disconnect(host, conn_handle, cid)) : NULL;
}

PyObject *ble_l2cap_send(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, cid;
    if (!argument_count("l2cap_send", count, 3, 3) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &cid))
        return NULL;
    struct buffer data;
    PyObject *result = NULL;
    if (argument_buffer(arguments[2], &data)) {
        struct bluet *host = ble_enter(self);
        bool through = false;
        if (host) {
            int sent = bluet_l2cap_send(host, conn_handle, cid, data.data, data.length);
            through = sent > 0;
            if (ble_leave(self, sent < 0 ? sent : 0) >= 0)
                result = PyBool_FromLong(through);
        }
    }
    buffer_release(&data);
    return result;
}

/* The writable buffer to receive into; None only asks how much there is. */
static bool receive_buffer(PyObject *object, Py_buffer *view)
{
    *view = (Py_buffer){0};
    if (object == Py_None || PyObject_GetBuffer(object, view, PyBUF_WRITABLE) == 0)
        return true;
    PyErr_SetString(PyExc_TypeError, "buf must be a writable buffer or None");
    return false;
}

PyObject *ble_l2cap_recvinto(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, cid;
    Py_buffer view;
    if (!argument_count("l2cap_recvinto", count, 3, 3) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &cid) || !receive_buffer(arguments[2], &view))
        return NULL;
    PyObject *result = NULL;
    struct bluet *host = ble_enter(self);
    if (host) {
        int length = view.obj ? bluet_l2cap_receive(host, conn_handle, cid, view.buf, (size_t)view.len)
                              : bluet_l2cap_available(host, conn_handle, cid);
        if (ble_leave(self, length < 0 ? length : 0) >= 0)
            result = PyLong_FromLong(length);
    }
    if (view.obj)
        PyBuffer_Release(&view);
    return result;
}
