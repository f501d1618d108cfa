/* The methods of class BLE that begin with gatts_: services and their values (Core Specification Vol 3 Part G). */
#include "extension.h"

#include <stdlib.h>
#include <string.h>

/* ---- gatts_register_services: from nested iterables to one array each of services, characteristics, descriptors ----
 */

struct definition {
    struct state *state;
    struct bluet_service *services;
    size_t service_count;
    struct bluet_characteristic *characteristics;
    size_t characteristic_count;
    struct bluet_descriptor *descriptors;
    size_t descriptor_count;
    size_t *included;
    size_t included_count;
};

/* Any sized iterable. */
static PyObject *as_tuple(PyObject *iterable)
{
    return PyObject_Size(iterable) < 0 ? NULL : PySequence_Tuple(iterable);
}

/* Room for `more` elements; NULL with MemoryError. */
static void *grow(void *array, size_t count, size_t more, size_t size)
{
    void *grown = realloc(array, (count + more + 1) * size);
    if (!grown)
        PyErr_NoMemory();
    return grown;
}

static bool uuid_argument(struct state *state, PyObject *object, const char *mistake, struct bluet_uuid *out)
{
    const struct bluet_uuid *uuid = uuid_value(state, object);
    if (!uuid) {
        PyErr_SetString(PyExc_ValueError, mistake);
        return false;
    }
    *out = *uuid;
    return true;
}

static bool flags_argument(PyObject *object, uint16_t *out)
{
    long long flags;
    if (!argument_integer(object, &flags))
        return false;
    *out = (uint16_t)(flags & 0xffff);
    return true;
}

/* A pair, as a descriptor is. */
static PyObject *as_pair(PyObject *object)
{
    PyObject *pair = as_tuple(object);
    Py_ssize_t size = pair ? PyTuple_Size(pair) : 2;
    if (size != 2) {
        PyErr_Format(PyExc_ValueError, "requested length 2 but object has length %zd", size);
        Py_CLEAR(pair);
    }
    return pair;
}

static bool add_descriptor(struct definition *definition, PyObject *object)
{
    PyObject *pair = as_pair(object);
    if (!pair)
        return false;
    struct bluet_descriptor *descriptor = &definition->descriptors[definition->descriptor_count];
    *descriptor = (struct bluet_descriptor){0};
    bool good =
        uuid_argument(definition->state, PyTuple_GetItem(pair, 0), "invalid descriptor UUID", &descriptor->uuid) &&
        flags_argument(PyTuple_GetItem(pair, 1), &descriptor->flags);
    definition->descriptor_count += good;
    Py_DECREF(pair);
    return good;
}

static bool add_descriptors(struct definition *definition, PyObject *iterable)
{
    PyObject *tuple = as_tuple(iterable);
    if (!tuple)
        return false;
    Py_ssize_t size = PyTuple_Size(tuple);
    void *grown =
        grow(definition->descriptors, definition->descriptor_count, (size_t)size, sizeof *definition->descriptors);
    if (grown)
        definition->descriptors = grown;
    bool good = grown != NULL;
    for (Py_ssize_t i = 0; good && i < size; i++)
        good = add_descriptor(definition, PyTuple_GetItem(tuple, i));
    Py_DECREF(tuple);
    return good;
}

static bool add_characteristic(struct definition *definition, PyObject *object)
{
    PyObject *tuple = as_tuple(object);
    if (!tuple)
        return false;
    struct bluet_characteristic *characteristic = &definition->characteristics[definition->characteristic_count];
    *characteristic = (struct bluet_characteristic){0};
    Py_ssize_t size = PyTuple_Size(tuple);
    bool good = size == 2 || size == 3;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "invalid characteristic tuple");
    good = good &&
           uuid_argument(definition->state, PyTuple_GetItem(tuple, 0), "invalid characteristic UUID",
                         &characteristic->uuid) &&
           flags_argument(PyTuple_GetItem(tuple, 1), &characteristic->flags);
    size_t before = definition->descriptor_count;
    if (good && size == 3)
        good = add_descriptors(definition, PyTuple_GetItem(tuple, 2));
    characteristic->descriptor_count = definition->descriptor_count - before;
    definition->characteristic_count += good;
    Py_DECREF(tuple);
    return good;
}

static bool add_characteristics(struct definition *definition, PyObject *iterable)
{
    PyObject *tuple = as_tuple(iterable);
    if (!tuple)
        return false;
    Py_ssize_t size = PyTuple_Size(tuple);
    void *grown = grow(definition->characteristics, definition->characteristic_count, (size_t)size,
                       sizeof *definition->characteristics);
    if (grown)
        definition->characteristics = grown;
    bool good = grown != NULL;
    for (Py_ssize_t i = 0; good && i < size; i++)
        good = add_characteristic(definition, PyTuple_GetItem(tuple, i));
    Py_DECREF(tuple);
    return good;
}

static bool add_included(struct definition *definition, PyObject *iterable)
{
    PyObject *tuple = as_tuple(iterable);
    if (!tuple)
        return false;
    Py_ssize_t size = PyTuple_Size(tuple);
    void *grown = grow(definition->included, definition->included_count, (size_t)size, sizeof *definition->included);
    if (grown)
        definition->included = grown;
    bool good = grown != NULL;
    for (Py_ssize_t i = 0; good && i < size; i++) {
        long long position;
        good = argument_in_range(PyTuple_GetItem(tuple, i), 0, UINT16_MAX, &position);
        if (good)
            definition->included[definition->included_count++] = (size_t)position;
    }
    Py_DECREF(tuple);
    return good;
}

/* (uuid, characteristics); and beyond the document, included services, and whether it is a secondary one. */
static PyObject *as_service(PyObject *object)
{
    PyObject *tuple = as_tuple(object);
    Py_ssize_t size = tuple ? PyTuple_Size(tuple) : 2;
    if (size < 2 || size > 4) {
        PyErr_Format(PyExc_ValueError, "requested length 2 but object has length %zd", size);
        Py_CLEAR(tuple);
    }
    return tuple;
}

static bool add_service(struct definition *definition, PyObject *object)
{
    PyObject *tuple = as_service(object);
    if (!tuple)
        return false;
    struct bluet_service *service = &definition->services[definition->service_count];
    *service = (struct bluet_service){0};
    size_t before = definition->characteristic_count;
    size_t included_before = definition->included_count;
    Py_ssize_t size = PyTuple_Size(tuple);
    bool good = uuid_argument(definition->state, PyTuple_GetItem(tuple, 0), "invalid service UUID", &service->uuid) &&
                add_characteristics(definition, PyTuple_GetItem(tuple, 1)) &&
                (size < 3 || add_included(definition, PyTuple_GetItem(tuple, 2)));
    int secondary = good && size > 3 ? PyObject_IsTrue(PyTuple_GetItem(tuple, 3)) : 0;
    good = good && secondary >= 0;
    service->secondary = secondary > 0;
    service->characteristic_count = definition->characteristic_count - before;
    service->included_count = definition->included_count - included_before;
    definition->service_count += good;
    Py_DECREF(tuple);
    return good;
}

static bool add_services(struct definition *definition, PyObject *iterable)
{
    PyObject *tuple = as_tuple(iterable);
    if (!tuple)
        return false;
    Py_ssize_t size = PyTuple_Size(tuple);
    definition->services = grow(NULL, 0, (size_t)size, sizeof *definition->services);
    bool good = definition->services != NULL;
    for (Py_ssize_t i = 0; good && i < size; i++)
        good = add_service(definition, PyTuple_GetItem(tuple, i));
    Py_DECREF(tuple);
    return good;
}

/* The arrays have grown while they were filled: what points into them is set at the end. */
static void connect_arrays(struct definition *definition)
{
    struct bluet_characteristic *characteristic = definition->characteristics;
    struct bluet_descriptor *descriptor = definition->descriptors;
    const size_t *included = definition->included;
    for (size_t i = 0; i < definition->service_count; i++) {
        definition->services[i].characteristics = characteristic;
        definition->services[i].included = included;
        included += definition->services[i].included_count;
        for (size_t left = definition->services[i].characteristic_count; left > 0; left--, characteristic++) {
            characteristic->descriptors = descriptor;
            descriptor += characteristic->descriptor_count;
        }
    }
}

/* A tuple of value handles, characteristics and descriptors in the order of their definition. */
static PyObject *service_handles(const struct bluet_service *service, const uint16_t **handles)
{
    Py_ssize_t count = (Py_ssize_t)service->characteristic_count;
    for (size_t i = 0; i < service->characteristic_count; i++)
        count += (Py_ssize_t)service->characteristics[i].descriptor_count;
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple && i < count; i++) {
        PyObject *handle = PyLong_FromLong(*(*handles)++);
        if (!handle || PyTuple_SetItem(tuple, i, handle) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *all_handles(const struct definition *definition, const uint16_t *handles)
{
    PyObject *result = PyTuple_New((Py_ssize_t)definition->service_count);
    for (size_t i = 0; result && i < definition->service_count; i++) {
        PyObject *tuple = service_handles(&definition->services[i], &handles);
        if (!tuple || PyTuple_SetItem(result, (Py_ssize_t)i, tuple) < 0)
            Py_CLEAR(result);
    }
    return result;
}

static PyObject *register_definition(struct ble *self, const struct definition *definition)
{
    size_t count = definition->characteristic_count + definition->descriptor_count;
    uint16_t *handles = grow(NULL, 0, count, sizeof *handles);
    struct bluet *host = handles ? ble_enter(self) : NULL;
    PyObject *result = NULL;
    if (host) {
        int error =
            bluet_gatts_register_services(host, handles, count, definition->services, definition->service_count);
        if (ble_leave(self, error < 0 ? error : 0) == 0)
            result = all_handles(definition, handles);
    }
    free(handles);
    return result;
}

static bool require_active(struct ble *self)
{
    struct bluet *host = ble_enter(self);
    return host && ble_leave(self, bluet_is_active(host) ? 0 : BLUET_ENODEV) == 0;
}

PyObject *ble_gatts_register_services(PyObject *object, PyObject *services)
{
    struct ble *self = (struct ble *)object;
    if (!require_active(self))
        return NULL;
    struct definition definition = {.state = self->state};
    PyObject *result = NULL;
    if (add_services(&definition, services)) {
        connect_arrays(&definition);
        result = register_definition(self, &definition);
    }
    free(definition.services);
    free(definition.characteristics);
    free(definition.descriptors);
    free(definition.included);
    return result;
}

/* ---- Values ---- */

/* Never raises for what is not there: b"" then. */
PyObject *ble_gatts_read(PyObject *object, PyObject *handle)
{
    struct ble *self = (struct ble *)object;
    uint16_t value_handle;
    if (!argument_handle(handle, &value_handle))
        return NULL;
    if (!self->link)
        return PyBytes_FromStringAndSize(NULL, 0);
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    const void *value = NULL;
    size_t length = 0;
    if (bluet_gatts_read(host, &value, &length, value_handle) < 0)
        length = 0;
    PyObject *bytes = PyBytes_FromStringAndSize(length ? value : NULL, (Py_ssize_t)length);
    ble_leave(self, 0);
    return bytes;
}

PyObject *ble_gatts_write(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t value_handle;
    if (!argument_count("gatts_write", count, 2, 3) || !argument_handle(arguments[0], &value_handle))
        return NULL;
    int send_update = count > 2 ? PyObject_IsTrue(arguments[2]) : 0;
    struct buffer data;
    if (send_update < 0 || !argument_buffer(arguments[1], &data))
        return NULL;
    PyObject *result = NULL;
    struct bluet *host = ble_enter(self);
    if (host) {
        int written = bluet_gatts_write(host, value_handle, data.data, data.length, send_update);
        if (ble_leave(self, written < 0 ? written : 0) == 0)
            result = PyLong_FromLong(written);
    }
    buffer_release(&data);
    return result;
}

typedef int (*send_function)(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data,
                             size_t length);

static PyObject *send_value(PyObject *object, PyObject *const *arguments, Py_ssize_t count, const char *name,
                            send_function function)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, value_handle;
    if (!argument_count(name, count, 2, 3) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &value_handle))
        return NULL;
    struct buffer data = {0};
    if (count > 2 && arguments[2] != Py_None && !argument_buffer(arguments[2], &data))
        return NULL;
    struct bluet *host = ble_enter(self);
    PyObject *result =
        host ? ble_leave_none(self, function(host, conn_handle, value_handle, data.data, data.length)) : NULL;
    buffer_release(&data);
    return result;
}

PyObject *ble_gatts_notify(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return send_value(self, arguments, count, "gatts_notify", bluet_gatts_notify);
}

PyObject *ble_gatts_indicate(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return send_value(self, arguments, count, "gatts_indicate", bluet_gatts_indicate);
}

PyObject *ble_gatts_notify_multiple(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, *handles;
    size_t handle_count;
    if (!argument_count("gatts_notify_multiple", count, 2, 2) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handles(arguments[1], &handles, &handle_count))
        return NULL;
    struct bluet *host = ble_enter(self);
    PyObject *result = NULL;
    if (host) {
        int sent = bluet_gatts_notify_multiple(host, conn_handle, handles, handle_count);
        if (ble_leave(self, sent < 0 ? sent : 0) == 0)
            result = PyLong_FromLong(sent);
    }
    free(handles);
    return result;
}

PyObject *ble_gatts_subscription(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle = UINT16_MAX, value_handle;
    if (!argument_count("gatts_subscription", count, 2, 2) || !argument_handle(arguments[1], &value_handle))
        return NULL;
    bool nobody = arguments[0] == Py_None;
    if (!nobody && !argument_connection(arguments[0], &conn_handle))
        return NULL;
    struct bluet *host = ble_enter(self);
    if (!host)
        return NULL;
    int bits = !nobody && conn_handle == UINT16_MAX ? BLUET_ENOTCONN
                                                    : bluet_gatts_subscription(host, conn_handle, value_handle);
    return ble_leave(self, bits < 0 ? bits : 0) == 0 ? PyLong_FromLong(bits) : NULL;
}

PyObject *ble_gatts_set_buffer(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t value_handle;
    long long length;
    if (!argument_count("gatts_set_buffer", count, 2, 3) || !argument_handle(arguments[0], &value_handle) ||
        !argument_in_range(arguments[1], 0, UINT16_MAX, &length))
        return NULL;
    int append = count > 2 ? PyObject_IsTrue(arguments[2]) : 0;
    if (append < 0)
        return NULL;
    struct bluet *host = ble_enter(self);
    return host ? ble_leave_none(self, bluet_gatts_set_buffer(host, value_handle, (size_t)length, append)) : NULL;
}
