/* The methods of class BLE that begin with gattc_: discovery and values of a peer (Core Specification Vol 3 Part G, 4).
 */
#include "extension.h"

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

PyObject *ble_gattc_write(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    struct ble *self = (struct ble *)object;
    uint16_t conn_handle, value_handle;
    long long mode = BLUET_WRITE_NO_RESPONSE;
    if (!argument_count("gattc_write", count, 3, 4) || !argument_connection(arguments[0], &conn_handle) ||
        !argument_handle(arguments[1], &value_handle) ||
        (count > 3 && !argument_in_range(arguments[3], BLUET_WRITE_NO_RESPONSE, BLUET_WRITE_LONG, &mode)))
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
