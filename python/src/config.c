/* BLE.config(): a table of parameters, each with what reads and what sets it. */
#include "extension.h"

#include <string.h>

#define IO_CAPABILITIES 5

/* Both return with an exception set if they fail. NULL: not to be set. */
struct parameter {
    const char *name;
    PyObject *(*get)(struct ble *self);
    bool (*set)(struct ble *self, PyObject *value);
};

/* Nothing of Python is called while the runtime is locked: it could wait for the GIL. */
static void unlock(struct ble *self)
{
    bluet_runtime_unlock(runner_runtime(self->link->runner));
}

static PyObject *get_mac(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    struct bluet_address address;
    if (ble_leave(self, bluet_own_address(host, &address)) < 0)
        return NULL;
    return Py_BuildValue("(iy#)", address.type, address.octets, (Py_ssize_t)sizeof address.octets);
}

static PyObject *get_address_mode(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    enum bluet_address_mode mode = bluet_address_mode(host);
    unlock(self);
    return PyLong_FromLong((long)mode);
}

static bool set_address_mode(struct ble *self, PyObject *value)
{
    long long mode;
    if (!argument_in_range(value, BLUET_ADDRESS_MODE_PUBLIC, BLUET_ADDRESS_MODE_NRPA, &mode))
        return false;
    struct bluet *host = ble_enter(self);
    return host && ble_leave(self, bluet_set_address_mode(host, (enum bluet_address_mode)mode)) >= 0;
}

static PyObject *get_gap_name(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    size_t length = 0;
    const void *name = bluet_gap_name(host, &length);
    PyObject *bytes = PyBytes_FromStringAndSize(name, (Py_ssize_t)length);
    unlock(self);
    return bytes;
}

static bool set_gap_name(struct ble *self, PyObject *value)
{
    struct buffer name;
    bool good = argument_buffer(value, &name);
    struct bluet *host = good ? ble_enter(self) : NULL;
    good = host && ble_leave(self, bluet_set_gap_name(host, name.data, name.length)) >= 0;
    buffer_release(&name);
    return good;
}

static PyObject *get_gap_name_writable(struct ble *self)
{
    return PyBool_FromLong(self->gap_name_writable);
}

static bool set_gap_name_writable(struct ble *self, PyObject *value)
{
    int writable = PyObject_IsTrue(value);
    struct bluet *host = writable < 0 ? NULL : ble_enter(self);
    bool good = host && ble_leave(self, bluet_set_gap_name_writable(host, writable)) >= 0;
    if (good)
        self->gap_name_writable = writable;
    return good;
}

static PyObject *get_rxbuf(struct ble *self)
{
    if (!ble_enter(self))
        return NULL;
    size_t size = bluet_radio_receive_size(self->link->radio);
    unlock(self);
    return PyLong_FromSize_t(size);
}

static bool set_rxbuf(struct ble *self, PyObject *value)
{
    long long size;
    if (!argument_in_range(value, 0, INT32_MAX, &size) || !ble_enter(self))
        return false;
    return ble_leave(self, bluet_radio_set_receive_size(self->link->radio, (size_t)size)) >= 0;
}

static PyObject *get_mtu(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    uint16_t mtu = bluet_mtu(host);
    unlock(self);
    return PyLong_FromLong(mtu);
}

static bool set_mtu(struct ble *self, PyObject *value)
{
    long long mtu;
    if (!argument_in_range(value, 0, UINT16_MAX, &mtu))
        return false;
    struct bluet *host = ble_enter(self);
    return host && ble_leave(self, bluet_set_mtu(host, (uint16_t)mtu)) >= 0;
}

static PyObject *get_dropped(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    uint32_t dropped = bluet_dropped(host);
    unlock(self);
    return PyLong_FromUnsignedLong(dropped);
}

/* ---- What pairing will be asked for ---- */

static PyObject *get_bond(struct ble *self)
{
    return PyBool_FromLong(self->bond);
}

static PyObject *get_mitm(struct ble *self)
{
    return PyBool_FromLong(self->mitm);
}

static PyObject *get_le_secure(struct ble *self)
{
    return PyBool_FromLong(self->le_secure);
}

static PyObject *get_io(struct ble *self)
{
    return PyLong_FromLong(self->io);
}

static bool truth(PyObject *value, bool *out)
{
    int wanted = PyObject_IsTrue(value);
    if (wanted >= 0)
        *out = wanted;
    return wanted >= 0;
}

static bool set_bond(struct ble *self, PyObject *value)
{
    return truth(value, &self->bond);
}

static bool set_mitm(struct ble *self, PyObject *value)
{
    return truth(value, &self->mitm);
}

static bool set_le_secure(struct ble *self, PyObject *value)
{
    return truth(value, &self->le_secure);
}

static bool set_io(struct ble *self, PyObject *value)
{
    long long io;
    if (!argument_in_range(value, 0, IO_CAPABILITIES - 1, &io))
        return false;
    self->io = (uint8_t)io;
    return true;
}

static const struct parameter parameters[] = {
    {"mac", get_mac, NULL},
    {"addr_mode", get_address_mode, set_address_mode},
    {"gap_name", get_gap_name, set_gap_name},
    {"gap_name_writable", get_gap_name_writable, set_gap_name_writable},
    {"rxbuf", get_rxbuf, set_rxbuf},
    {"mtu", get_mtu, set_mtu},
    {"bond", get_bond, set_bond},
    {"mitm", get_mitm, set_mitm},
    {"io", get_io, set_io},
    {"le_secure", get_le_secure, set_le_secure},
    {"dropped", get_dropped, NULL},
};

static const struct parameter *find_parameter(PyObject *name)
{
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++)
        if (PyUnicode_CompareWithASCIIString(name, parameters[i].name) == 0)
            return &parameters[i];
    return NULL;
}

static PyObject *query(struct ble *self, PyObject *name)
{
    if (!PyUnicode_Check(name))
        return PyErr_Format(PyExc_TypeError, "the name of a parameter must be str, not %R", Py_TYPE(name));
    const struct parameter *parameter = find_parameter(name);
    if (!parameter)
        return PyErr_Format(PyExc_ValueError, "unknown config param");
    return parameter->get(self);
}

static bool set(struct ble *self, PyObject *name, PyObject *value)
{
    const struct parameter *parameter = find_parameter(name);
    if (!parameter || !parameter->set) {
        PyErr_SetString(PyExc_ValueError, "unknown config param");
        return false;
    }
    return parameter->set(self, value);
}

PyObject *ble_config(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    struct ble *self = (struct ble *)object;
    Py_ssize_t count = PyTuple_Size(arguments);
    if (!keywords || PyDict_Size(keywords) == 0) {
        if (count == 1)
            return query(self, PyTuple_GetItem(arguments, 0));
        PyErr_SetString(PyExc_TypeError, "must query one param");
        return NULL;
    }
    if (count) {
        PyErr_SetString(PyExc_TypeError, "can't specify pos and kw args");
        return NULL;
    }
    Py_ssize_t position = 0;
    PyObject *name, *value;
    while (PyDict_Next(keywords, &position, &name, &value))
        if (!set(self, name, value))
            return NULL;
    return Py_NewRef(Py_None);
}
