/* BLE.config(): a table of parameters, each with what reads and what sets it. */
#include "extension.h"

#include <string.h>

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

static PyObject *get_rpa_timeout(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    uint16_t seconds = bluet_rpa_timeout(host);
    unlock(self);
    return PyLong_FromLong(seconds);
}

static bool set_rpa_timeout(struct ble *self, PyObject *value)
{
    long long seconds;
    if (!argument_in_range(value, 0, UINT16_MAX, &seconds))
        return false;
    struct bluet *host = ble_enter(self);
    return host && ble_leave(self, bluet_set_rpa_timeout(host, (uint16_t)seconds)) >= 0;
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

static PyObject *get_appearance(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    uint16_t appearance = bluet_appearance(host);
    unlock(self);
    return PyLong_FromLong(appearance);
}

static bool set_appearance(struct ble *self, PyObject *value)
{
    long long appearance;
    struct bluet *host = argument_in_range(value, 0, UINT16_MAX, &appearance) ? ble_enter(self) : NULL;
    if (!host)
        return false;
    bluet_set_appearance(host, (uint16_t)appearance);
    unlock(self);
    return true;
}

/* (interval_min_us, interval_max_us, latency, timeout_ms), or None: nothing is preferred. */
static PyObject *get_preferred_parameters(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    struct bluet_connection_parameters preferred;
    bool any = bluet_preferred_parameters(host, &preferred);
    unlock(self);
    if (!any)
        return Py_NewRef(Py_None);
    return Py_BuildValue("(IIHH)", preferred.interval_min_us, preferred.interval_max_us, preferred.latency,
                         preferred.supervision_timeout_ms);
}

static bool connection_parameters(PyObject *value, struct bluet_connection_parameters *out)
{
    PyObject *tuple = PyObject_Size(value) < 0 ? NULL : PySequence_Tuple(value);
    if (!tuple)
        return false;
    long long numbers[4];
    bool good = PyTuple_Size(tuple) == 4;
    if (!good)
        PyErr_Format(PyExc_ValueError, "requested length 4 but object has length %zd", PyTuple_Size(tuple));
    for (Py_ssize_t i = 0; good && i < 4; i++)
        good = argument_in_range(PyTuple_GetItem(tuple, i), 0, i < 2 ? UINT32_MAX : UINT16_MAX, &numbers[i]);
    Py_DECREF(tuple);
    if (good)
        *out = (struct bluet_connection_parameters){(uint32_t)numbers[0], (uint32_t)numbers[1], (uint16_t)numbers[2],
                                                    (uint16_t)numbers[3]};
    return good;
}

static bool set_preferred_parameters(struct ble *self, PyObject *value)
{
    struct bluet_connection_parameters preferred;
    bool any = value != Py_None;
    struct bluet *host = !any || connection_parameters(value, &preferred) ? ble_enter(self) : NULL;
    return host && ble_leave(self, bluet_set_preferred_parameters(host, any ? &preferred : NULL)) >= 0;
}

static PyObject *get_subscriptions(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    bool wanted = bluet_subscription_events(host);
    unlock(self);
    return PyBool_FromLong(wanted);
}

static bool set_subscriptions(struct ble *self, PyObject *value)
{
    int wanted = PyObject_IsTrue(value);
    struct bluet *host = wanted < 0 ? NULL : ble_enter(self);
    if (!host)
        return false;
    bluet_set_subscription_events(host, wanted);
    unlock(self);
    return true;
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

/* ---- What keeps secrets ---- */

static PyObject *get_store(struct ble *self)
{
    if (!ble_enter(self))
        return NULL;
    const char *name = bluet_radio_store(self->link->radio);
    PyObject *path = name ? PyUnicode_DecodeFSDefault(name) : Py_NewRef(Py_None);
    unlock(self);
    return path;
}

bool ble_set_store(struct ble *self, PyObject *path)
{
    PyObject *name = NULL;
    if (path != Py_None && !PyUnicode_FSConverter(path, &name))
        return false;
    int error = BLUET_ENODEV;
    bool entered = ble_enter(self);
    if (entered) {
        error = bluet_radio_set_store(self->link->radio, name ? PyBytes_AsString(name) : NULL);
        unlock(self);
    }
    Py_XDECREF(name);
    if (entered && error)
        raise_message(error);
    return !error;
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

static bool get_security(struct ble *self, struct bluet_security *out)
{
    struct bluet *host = ble_enter(self);
    if (!host)
        return false;
    *out = bluet_get_security(host);
    unlock(self);
    return true;
}

static bool set_security(struct ble *self, const struct bluet_security *security)
{
    struct bluet *host = ble_enter(self);
    return host && ble_leave(self, bluet_set_security(host, security)) >= 0;
}

static bool truth(PyObject *value, bool *out)
{
    int wanted = PyObject_IsTrue(value);
    if (wanted >= 0)
        *out = wanted;
    return wanted >= 0;
}

/* The members of struct bluet_security that are true or false, each with the two functions of its name. */
#define SECURITY_FLAG(name)                                                                                    \
    static PyObject *get_##name(struct ble *self)                                                              \
    {                                                                                                          \
        struct bluet_security security;                                                                        \
        return get_security(self, &security) ? PyBool_FromLong(security.name) : NULL;                          \
    }                                                                                                          \
    static bool set_##name(struct ble *self, PyObject *value)                                                  \
    {                                                                                                          \
        struct bluet_security security;                                                                        \
        return get_security(self, &security) && truth(value, &security.name) && set_security(self, &security); \
    }

SECURITY_FLAG(bond)
SECURITY_FLAG(mitm)
SECURITY_FLAG(le_secure)
SECURITY_FLAG(legacy)
SECURITY_FLAG(secure_only)

static PyObject *get_io(struct ble *self)
{
    struct bluet_security security;
    return get_security(self, &security) ? PyLong_FromLong(security.io) : NULL;
}

static bool set_io(struct ble *self, PyObject *value)
{
    long long io;
    struct bluet_security security;
    if (!argument_in_range(value, 0, BLUET_IO_KEYBOARD_DISPLAY, &io) || !get_security(self, &security))
        return false;
    security.io = (uint8_t)io;
    return set_security(self, &security);
}

static PyObject *get_key_size(struct ble *self)
{
    struct bluet_security security;
    return get_security(self, &security) ? PyLong_FromLong(security.key_size) : NULL;
}

static bool set_key_size(struct ble *self, PyObject *value)
{
    long long size;
    struct bluet_security security;
    if (!argument_in_range(value, 7, 16, &size) || !get_security(self, &security))
        return false;
    security.key_size = (uint8_t)size;
    return set_security(self, &security);
}

static const struct parameter parameters[] = {
    {"mac", get_mac, NULL},
    {"addr_mode", get_address_mode, set_address_mode},
    {"rpa_timeout", get_rpa_timeout, set_rpa_timeout},
    {"gap_name", get_gap_name, set_gap_name},
    {"gap_name_writable", get_gap_name_writable, set_gap_name_writable},
    {"appearance", get_appearance, set_appearance},
    {"preferred_parameters", get_preferred_parameters, set_preferred_parameters},
    {"subscriptions", get_subscriptions, set_subscriptions},
    {"rxbuf", get_rxbuf, set_rxbuf},
    {"mtu", get_mtu, set_mtu},
    {"bond", get_bond, set_bond},
    {"mitm", get_mitm, set_mitm},
    {"io", get_io, set_io},
    {"le_secure", get_le_secure, set_le_secure},
    {"legacy", get_legacy, set_legacy},
    {"secure_only", get_secure_only, set_secure_only},
    {"key_size", get_key_size, set_key_size},
    {"store", get_store, ble_set_store},
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
