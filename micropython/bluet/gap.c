/* Functions of extmod/modbluetooth.h: life, configuration, GAP, security, raw commands. */
#include "backend.h"

#include <string.h>

#include <py/mperrno.h>

#include "wire.h"

#if MICROPY_PY_BLUETOOTH

/* ---- Life ---- */

int mp_bluetooth_init(void)
{
    backend_enter();
    return backend_leave(backend_activate(backend_existing()));
}

static int deactivate(void)
{
    return backend_existing() ? backend_leave(bluet_deactivate(backend_enter())) : 0;
}

#if MICROPY_VERSION_MAJOR == 1 && MICROPY_VERSION_MINOR < 26
void mp_bluetooth_deinit(void)
{
    deactivate();
}
#else
int mp_bluetooth_deinit(void)
{
    return deactivate();
}
#endif

bool mp_bluetooth_is_active(void)
{
    struct backend *self = backend_existing();
    return self && bluet_is_active(self->host);
}

/* ---- Configuration ---- */

void mp_bluetooth_get_current_address(uint8_t *addr_type, uint8_t *addr)
{
    struct bluet_address address = {0};
    backend_leave_raise(bluet_own_address(backend_enter(), &address));
    *addr_type = address.type;
    memcpy(addr, address.octets, sizeof address.octets);
}

void mp_bluetooth_set_address_mode(uint8_t addr_mode)
{
    backend_leave_raise(bluet_set_address_mode(backend_enter(), (enum bluet_address_mode)addr_mode));
}

size_t mp_bluetooth_gap_get_device_name(const uint8_t **buf)
{
    size_t length;
    *buf = bluet_gap_name(backend_enter(), &length);
    backend_leave(0);
    return length;
}

int mp_bluetooth_gap_set_device_name(const uint8_t *buf, size_t len)
{
    return backend_leave(bluet_set_gap_name(backend_enter(), buf, len));
}

int mp_bluetooth_get_preferred_mtu(void)
{
    int mtu = bluet_mtu(backend_enter());
    backend_leave(0);
    return mtu;
}

int mp_bluetooth_set_preferred_mtu(uint16_t mtu)
{
    return backend_leave(bluet_set_mtu(backend_enter(), mtu));
}

/* ---- Advertising ---- */

int mp_bluetooth_gap_advertise_start(bool connectable, int32_t interval_us, const uint8_t *adv_data,
                                     size_t adv_data_len, const uint8_t *sr_data, size_t sr_data_len)
{
    const struct bluet_span advertising = {adv_data, adv_data_len}, response = {sr_data, sr_data_len};
    return backend_leave(bluet_gap_advertise(backend_enter(), interval_us < 0 ? 0 : (uint32_t)interval_us,
                                             adv_data ? &advertising : NULL, sr_data ? &response : NULL, connectable));
}

void mp_bluetooth_gap_advertise_stop(void)
{
    backend_leave_raise(bluet_gap_advertise_stop(backend_enter()));
}

int mp_bluetooth_gap_disconnect(uint16_t conn_handle)
{
    return backend_leave(bluet_gap_disconnect(backend_enter(), conn_handle));
}

/* ---- The central ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE

static bool any_negative(int32_t a, int32_t b, int32_t c)
{
    return a < 0 || b < 0 || c < 0;
}

int mp_bluetooth_gap_scan_start(int32_t duration_ms, int32_t interval_us, int32_t window_us, bool active_scan)
{
    if (any_negative(duration_ms, interval_us, window_us))
        return MP_EINVAL;
    return backend_leave(bluet_gap_scan(backend_enter(), (uint32_t)duration_ms, (uint32_t)interval_us,
                                        (uint32_t)window_us, active_scan));
}

int mp_bluetooth_gap_scan_stop(void)
{
    return backend_leave(bluet_gap_scan_stop(backend_enter()));
}

int mp_bluetooth_gap_peripheral_connect(uint8_t addr_type, const uint8_t *addr, int32_t duration_ms,
                                        int32_t min_conn_interval_us, int32_t max_conn_interval_us)
{
    if (any_negative(duration_ms, min_conn_interval_us, max_conn_interval_us))
        return MP_EINVAL;
    struct bluet_address peer = {.type = addr_type};
    memcpy(peer.octets, addr, sizeof peer.octets);
    const struct bluet_connection_parameters parameters = {
        .interval_min_us = (uint32_t)min_conn_interval_us,
        .interval_max_us = (uint32_t)max_conn_interval_us,
    };
    return backend_leave(bluet_gap_connect(backend_enter(), &peer, (uint32_t)duration_ms, &parameters));
}

int mp_bluetooth_gap_peripheral_connect_cancel(void)
{
    return backend_leave(bluet_gap_connect_cancel(backend_enter()));
}

#endif

/* ---- Security ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_PAIRING_BONDING

void mp_bluetooth_set_bonding(bool enabled)
{
    struct bluet *host = backend_enter();
    struct bluet_security security = bluet_get_security(host);
    security.bond = enabled;
    backend_leave_raise(bluet_set_security(host, &security));
}

void mp_bluetooth_set_mitm_protection(bool enabled)
{
    struct bluet *host = backend_enter();
    struct bluet_security security = bluet_get_security(host);
    security.mitm = enabled;
    backend_leave_raise(bluet_set_security(host, &security));
}

void mp_bluetooth_set_le_secure(bool enabled)
{
    struct bluet *host = backend_enter();
    struct bluet_security security = bluet_get_security(host);
    security.le_secure = enabled;
    backend_leave_raise(bluet_set_security(host, &security));
}

void mp_bluetooth_set_io_capability(uint8_t capability)
{
    struct bluet *host = backend_enter();
    struct bluet_security security = bluet_get_security(host);
    security.io = capability;
    backend_leave_raise(bluet_set_security(host, &security));
}

int mp_bluetooth_gap_pair(uint16_t conn_handle)
{
    return backend_leave(bluet_gap_pair(backend_enter(), conn_handle));
}

int mp_bluetooth_gap_passkey(uint16_t conn_handle, uint8_t action, mp_int_t passkey)
{
    if (passkey < 0 || passkey > 999999)
        return MP_EINVAL;
    return backend_leave(
        bluet_gap_passkey(backend_enter(), conn_handle, (enum bluet_passkey_action)action, (uint32_t)passkey));
}

#endif

/* ---- Raw commands ---- */

#if MICROPY_PY_BLUETOOTH_ENABLE_HCI_CMD

/*
 * The response is what follows the status (Vol 4 Part E, 7.7.14). In a handler, which cannot wait for the answer, the
 * status is 0 and the response is left as it was.
 */
int mp_bluetooth_hci_cmd(uint16_t ogf, uint16_t ocf, const uint8_t *req, size_t req_len, uint8_t *resp, size_t resp_len,
                         uint8_t *status)
{
    if (ogf > 0x3f || ocf > 0x3ff)
        return MP_EINVAL;
    struct response *response = m_new0(struct response, 1);
    int ticket = bluet_hci_command(backend_enter(), (uint16_t)(ogf << 10 | ocf), req, req_len);
    int error = backend_leave_response(ticket, response);
    *status = response->hci_status;
    if (error && !*status)
        return error;
    size_t length = response->length > 1 ? response->length - 1u : 0;
    memcpy(resp, response->octets + 1, resp_len < length ? resp_len : length);
    return 0;
}

#endif

#endif
