/* The methods of class BLE that have to do with pairing and bonding. */
#include "extension.h"

#include <string.h>

PyObject *ble_gap_pair(PyObject *object, PyObject *handle)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    if (!argument_connection(handle, &conn_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gap_pair(host, conn_handle)) : NULL;
}

PyObject *ble_gap_passkey(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    long long action, passkey;
    if (!argument_count("gap_passkey", count, 3, 3) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_in_range(arguments[1], 0, BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON, &action) ||
        !argument_in_range(arguments[2], 0, UINT32_MAX, &passkey))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    return ble_leave_none(self,
                          bluet_gap_passkey(host, conn_handle, (enum bluet_passkey_action)action, (uint32_t)passkey));
}

static PyObject *own_oob(struct ble *self)
{
    uint8_t confirm[16], random[16];
    struct bluet *host = ble_enter(self);
    if (!host || ble_leave(self, bluet_oob_own(host, confirm, random)) < 0)
        return NULL;
    return Py_BuildValue("(y#y#)", confirm, (Py_ssize_t)sizeof confirm, random, (Py_ssize_t)sizeof random);
}

static bool get_octets(PyObject *object, uint8_t *out, size_t length, const char *error)
{
    struct buffer buffer;
    bool good = argument_buffer(object, &buffer);
    if (good && buffer.length != length) {
        PyErr_SetString(PyExc_ValueError, error);
        good = false;
    }
    if (good)
        memcpy(out, buffer.data, length);
    buffer_release(&buffer);
    return good;
}

PyObject *ble_gap_oob(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    static const char wrong[] = "out of band data has 16 octets";
    struct bluet_address peer;
    struct bluet_oob data = {.legacy = count == 3, .secure = count == 4};
    long long type;
    if (count == 0)
        return own_oob(self);
    if (!argument_count("gap_oob", count, 2, 4) || !argument_in_range(arguments[0], 0, 1, &type) ||
        !get_octets(arguments[1], peer.octets, sizeof peer.octets, "invalid addr"))
        return NULL;
    peer.type = (uint8_t)type;
    if (data.legacy && !get_octets(arguments[2], data.temporary_key, sizeof data.temporary_key, wrong))
        return NULL;
    if (data.secure && (!get_octets(arguments[2], data.confirm, sizeof data.confirm, wrong) ||
                        !get_octets(arguments[3], data.random, sizeof data.random, wrong)))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_oob_peer(host, &peer, count > 2 ? &data : NULL)) : NULL;
}

static PyObject *address_list(const struct bluet_address *peers, int count)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < count; i++) {
        PyObject *peer = Py_BuildValue("(iy#)", peers[i].type, peers[i].octets, (Py_ssize_t)sizeof peers[i].octets);
        if (!peer || PyList_Append(list, peer) < 0)
            Py_CLEAR(list);
        Py_XDECREF(peer);
    }
    return list;
}

PyObject *ble_gap_bonds(PyObject *object, PyObject *unused)
{
    struct ble *self = (struct ble *)object;
    struct bluet_address peers[UINT8_MAX];
    (void)unused;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    int count = bluet_bonds(host, peers, UINT8_MAX);
    if (ble_leave(self, count < 0 ? count : 0) < 0)
        return NULL;
    return address_list(peers, count);
}

PyObject *ble_gap_unpair(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    struct bluet_address peer;
    long long type;
    if (!argument_count("gap_unpair", count, 2, 2) || !argument_in_range(arguments[0], 0, 1, &type) ||
        !get_octets(arguments[1], peer.octets, sizeof peer.octets, "invalid addr"))
        return NULL;
    peer.type = (uint8_t)type;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    int error = bluet_bond_delete(host, &peer);
    if (ble_leave(self, error == BLUET_EINVAL ? 0 : error) < 0)
        return NULL;
    return PyBool_FromLong(error != BLUET_EINVAL);
}
