/* Functions of extmod/modbluetooth.h: GATT server, GATT client, L2CAP channels. */
#include "backend.h"

#include <string.h>

#include <py/mperrno.h>

#include "wire.h"

#if MICROPY_PY_BLUETOOTH

/* There is no event by which the application could be asked. */
#define FLAGS_SUPPORTED (0xffff & ~BLUET_FLAG_ASK_WRITE)

/* ---- Registering: modbluetooth.c brings one service at a time, the host wants all at once ---- */

int mp_bluetooth_gatts_register_service_begin(bool append)
{
    if (append)
        return MP_EOPNOTSUPP;
    struct backend *self = backend_get();
    self->registrations = NULL;
    return mp_bluetooth_is_active() ? 0 : MP_ENODEV;
}

struct descriptor_list {
    mp_obj_bluetooth_uuid_t **uuids;
    uint16_t *flags;
};

static void copy_descriptors(struct bluet_characteristic *characteristic, struct descriptor_list *from, size_t count)
{
    struct bluet_descriptor *descriptors = m_new0(struct bluet_descriptor, count);
    for (size_t i = 0; i < count; i++) {
        descriptors[i].uuid = backend_uuid(*from->uuids++);
        descriptors[i].flags = *from->flags++ & FLAGS_SUPPORTED;
    }
    characteristic->descriptors = descriptors;
    characteristic->descriptor_count = count;
}

int mp_bluetooth_gatts_register_service(mp_obj_bluetooth_uuid_t *service_uuid,
                                        mp_obj_bluetooth_uuid_t **characteristic_uuids, uint16_t *characteristic_flags,
                                        mp_obj_bluetooth_uuid_t **descriptor_uuids, uint16_t *descriptor_flags,
                                        uint8_t *num_descriptors, uint16_t *handles, size_t num_characteristics)
{
    struct registration *registration = m_new0(struct registration, 1);
    struct bluet_characteristic *characteristics = m_new0(struct bluet_characteristic, num_characteristics);
    struct descriptor_list descriptors = {descriptor_uuids, descriptor_flags};
    registration->service.uuid = backend_uuid(service_uuid);
    registration->service.characteristics = characteristics;
    registration->service.characteristic_count = num_characteristics;
    registration->out_handles = handles;
    registration->handle_count = num_characteristics;
    for (size_t i = 0; i < num_characteristics; i++) {
        characteristics[i].uuid = backend_uuid(characteristic_uuids[i]);
        characteristics[i].flags = characteristic_flags[i] & FLAGS_SUPPORTED;
        copy_descriptors(&characteristics[i], &descriptors, num_descriptors[i]);
        registration->handle_count += num_descriptors[i];
    }

    struct registration **place = &backend_get()->registrations;
    while (*place)
        place = &(*place)->next;
    *place = registration;
    return 0;
}

static void hand_out(const struct registration *registration, const uint16_t *handles)
{
    for (; registration; registration = registration->next) {
        memcpy(registration->out_handles, handles, registration->handle_count * sizeof *handles);
        handles += registration->handle_count;
    }
}

int mp_bluetooth_gatts_register_service_end(void)
{
    struct backend *self = backend_get();
    struct registration *first = self->registrations;
    size_t service_count = 0, handle_count = 0;
    for (struct registration *each = first; each; each = each->next) {
        service_count++;
        handle_count += each->handle_count;
    }
    struct bluet_service *services = m_new0(struct bluet_service, service_count);
    uint16_t *handles = m_new0(uint16_t, handle_count);
    size_t position = 0;
    for (struct registration *each = first; each; each = each->next)
        services[position++] = each->service;
    self->registrations = NULL;

    int result = bluet_gatts_register_services(backend_enter(), handles, handle_count, services, service_count);
    if (result >= 0)
        hand_out(first, handles);
    int error = backend_leave(result < 0 ? result : 0);
    m_del(struct bluet_service, services, service_count);
    m_del(uint16_t, handles, handle_count);
    return error;
}

/* ---- The server ---- */

int mp_bluetooth_gatts_read(uint16_t value_handle, const uint8_t **value, size_t *value_len)
{
    const void *data = NULL;
    size_t length = 0;
    if (!backend_existing())
        return MP_ENODEV;
    int error = backend_leave(bluet_gatts_read(backend_enter(), &data, &length, value_handle));
    *value = data;
    *value_len = error ? 0 : length;
    return error;
}

int mp_bluetooth_gatts_write(uint16_t value_handle, const uint8_t *value, size_t value_len, bool send_update)
{
    int result = bluet_gatts_write(backend_enter(), value_handle, value, value_len, send_update);
    return backend_leave(result < 0 ? result : 0);
}

int mp_bluetooth_gatts_notify_indicate(uint16_t conn_handle, uint16_t value_handle, int gatts_op, const uint8_t *value,
                                       size_t value_len)
{
    struct bluet *host = backend_enter();
    if (gatts_op == MP_BLUETOOTH_GATTS_OP_INDICATE)
        return backend_leave(bluet_gatts_indicate(host, conn_handle, value_handle, value, value_len));
    return backend_leave(bluet_gatts_notify(host, conn_handle, value_handle, value, value_len));
}

int mp_bluetooth_gatts_set_buffer(uint16_t value_handle, size_t len, bool append)
{
    return backend_leave(bluet_gatts_set_buffer(backend_enter(), value_handle, len, append));
}

/* ---- The client ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_GATT_CLIENT

int mp_bluetooth_gattc_discover_primary_services(uint16_t conn_handle, const mp_obj_bluetooth_uuid_t *uuid)
{
    const struct bluet_uuid wanted = uuid ? backend_uuid(uuid) : (struct bluet_uuid){0};
    return backend_leave(bluet_gattc_discover_services(backend_enter(), conn_handle, uuid ? &wanted : NULL));
}

int mp_bluetooth_gattc_discover_characteristics(uint16_t conn_handle, uint16_t start_handle, uint16_t end_handle,
                                                const mp_obj_bluetooth_uuid_t *uuid)
{
    const struct bluet_uuid wanted = uuid ? backend_uuid(uuid) : (struct bluet_uuid){0};
    return backend_leave(bluet_gattc_discover_characteristics(backend_enter(), conn_handle, start_handle, end_handle,
                                                              uuid ? &wanted : NULL));
}

int mp_bluetooth_gattc_discover_descriptors(uint16_t conn_handle, uint16_t start_handle, uint16_t end_handle)
{
    return backend_leave(bluet_gattc_discover_descriptors(backend_enter(), conn_handle, start_handle, end_handle));
}

int mp_bluetooth_gattc_read(uint16_t conn_handle, uint16_t value_handle)
{
    return backend_leave(bluet_gattc_read(backend_enter(), conn_handle, value_handle, 0));
}

int mp_bluetooth_gattc_write(uint16_t conn_handle, uint16_t value_handle, const uint8_t *value, size_t value_len,
                             unsigned int mode)
{
    if (mode > BLUET_WRITE_LONG)
        return MP_EINVAL;
    return backend_leave(
        bluet_gattc_write(backend_enter(), conn_handle, value_handle, value, value_len, (enum bluet_write_mode)mode));
}

int mp_bluetooth_gattc_exchange_mtu(uint16_t conn_handle)
{
    return backend_leave(bluet_gattc_exchange_mtu(backend_enter(), conn_handle));
}

#endif

/* ---- Channels ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_L2CAP_CHANNELS

int mp_bluetooth_l2cap_listen(uint16_t psm, uint16_t mtu)
{
    return backend_leave(bluet_l2cap_listen(backend_enter(), psm, mtu));
}

int mp_bluetooth_l2cap_connect(uint16_t conn_handle, uint16_t psm, uint16_t mtu)
{
    return backend_leave(bluet_l2cap_connect(backend_enter(), conn_handle, psm, mtu));
}

int mp_bluetooth_l2cap_disconnect(uint16_t conn_handle, uint16_t cid)
{
    return backend_leave(bluet_l2cap_disconnect(backend_enter(), conn_handle, cid));
}

int mp_bluetooth_l2cap_send(uint16_t conn_handle, uint16_t cid, const uint8_t *buf, size_t len, bool *stalled)
{
    int result = bluet_l2cap_send(backend_enter(), conn_handle, cid, buf, len);
    *stalled = result == 0;
    return backend_leave(result < 0 ? result : 0);
}

int mp_bluetooth_l2cap_recvinto(uint16_t conn_handle, uint16_t cid, uint8_t *buf, size_t *len)
{
    struct bluet *host = backend_enter();
    int result =
        buf ? bluet_l2cap_receive(host, conn_handle, cid, buf, *len) : bluet_l2cap_available(host, conn_handle, cid);
    *len = result < 0 ? 0 : (size_t)result;
    return backend_leave(result < 0 ? result : 0);
}

#endif

#endif
