/* The methods of class BLE that begin with gattc_: discovery and values of a peer (Core Specification Vol 3 Part G, 4).
 */
#include "extension.h"

#include <stdlib.h>

/* None, or no argument, leaves NULL: any UUID. */
static bool uuid_filter(struct ble *self, PyObject *const *arguments, Py_ssize_t count, Py_ssize_t index,
                        const struct bluet_uuid **out)
{
    *out = NULL;
    if (index >= count || arguments[index] == Py_None)
        return true;
    *out = uuid_value(self->state, arguments[index]);
    if (!*out)
        PyErr_SetString(PyExc_TypeError, "uuid must be a UUID or None");
    return *out != NULL;
}

PyObject *ble_gattc_discover_services(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    const struct bluet_uuid *uuid;
    if (!argument_count("gattc_discover_services", count, 1, 2) || !argument_connection(arguments[0], &conn_handle) ||
        !uuid_filter(self, arguments, count, 1, &uuid))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gattc_discover_services(host, conn_handle, uuid)) : NULL;
}

PyObject *ble_gattc_discover_characteristics(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, start_handle, end_handle;
    const struct bluet_uuid *uuid;
    if (!argument_count("gattc_discover_characteristics", count, 3, 4) ||
        !argument_connection(arguments[0], &conn_handle) || !argument_handle(arguments[1], &start_handle) ||
        !argument_handle(arguments[2], &end_handle) || !uuid_filter(self, arguments, count, 3, &uuid))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    return ble_leave_none(self,
                          bluet_gattc_discover_characteristics(host, conn_handle, start_handle, end_handle, uuid));
}

PyObject *ble_gattc_discover_included_services(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, start_handle, end_handle;
    if (!argument_count("gattc_discover_included_services", count, 3, 3) ||
        !argument_connection(arguments[0], &conn_handle) || !argument_handle(arguments[1], &start_handle) ||
        !argument_handle(arguments[2], &end_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self,
                                 bluet_gattc_discover_included_services(host, conn_handle, start_handle, end_handle))
                : NULL;
}

PyObject *ble_gattc_discover_descriptors(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, start_handle, end_handle;
    if (!argument_count("gattc_discover_descriptors", count, 3, 3) ||
        !argument_connection(arguments[0], &conn_handle) || !argument_handle(arguments[1], &start_handle) ||
        !argument_handle(arguments[2], &end_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gattc_discover_descriptors(host, conn_handle, start_handle, end_handle))
                : NULL;
}

PyObject *ble_gattc_read(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, value_handle;
    long long offset = 0;
    if (!argument_count("gattc_read", count, 2, 3) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &value_handle) ||
        (count > 2 && !argument_in_range(arguments[2], 0, UINT16_MAX, &offset)))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gattc_read(host, conn_handle, value_handle, (uint16_t)offset)) : NULL;
}

PyObject *ble_gattc_read_long(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, value_handle;
    if (!argument_count("gattc_read_long", count, 2, 2) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &value_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gattc_read_long(host, conn_handle, value_handle)) : NULL;
}

PyObject *ble_gattc_read_by_uuid(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, start_handle, end_handle;
    if (!argument_count("gattc_read_by_uuid", count, 4, 4) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &start_handle) || !argument_handle(arguments[2], &end_handle))
        return NULL;
    const struct bluet_uuid *uuid = uuid_value(self->state, arguments[3]);
    if (!uuid) {
        PyErr_SetString(PyExc_TypeError, "uuid must be a UUID");
        return NULL;
    }
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gattc_read_by_uuid(host, conn_handle, start_handle, end_handle, uuid))
                : NULL;
}

PyObject *ble_gattc_read_multiple(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, *handles;
    size_t handle_count;
    if (!argument_count("gattc_read_multiple", count, 2, 3) || !argument_connection(arguments[0], &conn_handle))
        return NULL;
    int variable = count > 2 ? PyObject_IsTrue(arguments[2]) : 1;
    if (variable < 0 || !argument_handles(arguments[1], &handles, &handle_count))
        return NULL;
    struct bluet *host = ble_enter(self);
    PyObject *result = NULL;
    if (host)
        result = ble_leave_none(self, bluet_gattc_read_multiple(host, conn_handle, handles, handle_count, variable));
    free(handles);
    return result;
}

/* ---- Reliable writes: pairs of handle and buffer ---- */

struct writes {
    struct bluet_write *writes;
    struct buffer *buffers;
    PyObject **pairs; /* a str lives as long as what holds it */
    size_t count;
};

static bool add_write(struct writes *writes, PyObject *object)
{
    PyObject *pair = PyObject_Size(object) < 0 ? NULL : PySequence_Tuple(object);
    if (!pair)
        return false;
    writes->pairs[writes->count] = pair;
    bool good = PyTuple_Size(pair) == 2;
    if (!good)
        PyErr_Format(PyExc_ValueError, "requested length 2 but object has length %zd", PyTuple_Size(pair));
    struct bluet_write *write = &writes->writes[writes->count];
    struct buffer *buffer = &writes->buffers[writes->count++];
    good = good && argument_handle(PyTuple_GetItem(pair, 0), &write->value_handle);
    if (good) {
        good = argument_buffer(PyTuple_GetItem(pair, 1), buffer);
        write->data = buffer->data;
        write->length = buffer->length;
    }
    return good;
}

static bool add_writes(struct writes *writes, PyObject *tuple)
{
    Py_ssize_t size = PyTuple_Size(tuple);
    writes->writes = calloc((size_t)size + 1, sizeof *writes->writes);
    writes->buffers = calloc((size_t)size + 1, sizeof *writes->buffers);
    writes->pairs = calloc((size_t)size + 1, sizeof(PyObject *));
    bool good = writes->writes && writes->buffers && writes->pairs;
    if (!good)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; good && i < size; i++)
        good = add_write(writes, PyTuple_GetItem(tuple, i));
    return good;
}

PyObject *ble_gattc_write_reliable(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    if (!argument_count("gattc_write_reliable", count, 2, 2) || !argument_connection(arguments[0], &conn_handle))
        return NULL;
    PyObject *tuple = PyObject_Size(arguments[1]) < 0 ? NULL : PySequence_Tuple(arguments[1]);
    if (!tuple)
        return NULL;
    struct writes writes = {0};
    PyObject *result = NULL;
    struct bluet *host = add_writes(&writes, tuple) ? ble_enter(self) : NULL;
    if (host)
        result = ble_leave_none(self, bluet_gattc_write_reliable(host, conn_handle, writes.writes, writes.count));
    for (size_t i = 0; i < writes.count; i++) {
        buffer_release(&writes.buffers[i]);
        Py_DECREF(writes.pairs[i]);
    }
    free(writes.pairs);
    free(writes.writes);
    free(writes.buffers);
    Py_DECREF(tuple);
    return result;
}

PyObject *ble_gattc_write(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, value_handle;
    long long mode = BLUET_WRITE_NO_RESPONSE;
    if (!argument_count("gattc_write", count, 3, 4) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &value_handle) ||
        (count > 3 && !argument_in_range(arguments[3], BLUET_WRITE_NO_RESPONSE, BLUET_WRITE_SIGNED, &mode)))
        return NULL;
    struct buffer data;
    PyObject *result = NULL;
    if (argument_buffer(arguments[2], &data)) {
        struct bluet *host = ble_enter(self);
        if (host)
            result = ble_leave_none(self, bluet_gattc_write(host, conn_handle, value_handle, data.data, data.length,
                                                            (enum bluet_write_mode)mode));
    }
    buffer_release(&data);
    return result;
}

PyObject *ble_gattc_exchange_mtu(PyObject *object, PyObject *handle)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle;
    if (!argument_connection(handle, &conn_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gattc_exchange_mtu(host, conn_handle)) : NULL;
}
