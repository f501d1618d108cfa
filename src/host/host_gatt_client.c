/* The public functions of the GATT client: each is a question to gatt_client_begin(). */
#include "host/host.h"

/* The arguments stand where those of most functions are, so that they need not be moved. */
static int ask_client(struct bluet *host, uint16_t conn_handle, uint16_t handle, uint16_t until, const void *what,
                      size_t count, uint8_t kind)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    if (error)
        return error;
    const struct gatt_question question = {what, count, handle, until, kind};
    bool was_starved = host_sending_begins(host);
    return host_sending_ended(host, was_starved, gatt_client_begin(&host->gatt.client, link, &question));
}

int bluet_gattc_discover_services(struct bluet *host, uint16_t conn_handle, const struct bluet_uuid *uuid)
{
    uint8_t kind = uuid ? GATT_DISCOVER_SERVICES_BY_UUID : GATT_DISCOVER_SERVICES;
    return ask_client(host, conn_handle, 1, UINT16_MAX, uuid, 0, kind);
}

int bluet_gattc_discover_characteristics(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                         uint16_t end_handle, const struct bluet_uuid *uuid)
{
    return ask_client(host, conn_handle, start_handle, end_handle, uuid, 0, GATT_DISCOVER_CHARACTERISTICS);
}

int bluet_gattc_discover_included_services(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                           uint16_t end_handle)
{
    return ask_client(host, conn_handle, start_handle, end_handle, NULL, 0, GATT_DISCOVER_INCLUDED);
}

int bluet_gattc_discover_descriptors(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                     uint16_t end_handle)
{
    return ask_client(host, conn_handle, start_handle, end_handle, NULL, 0, GATT_DISCOVER_DESCRIPTORS);
}

int bluet_gattc_read(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, uint16_t offset)
{
    return ask_client(host, conn_handle, value_handle, offset, NULL, 0, GATT_READ_VALUE);
}

int bluet_gattc_read_long(struct bluet *host, uint16_t conn_handle, uint16_t value_handle)
{
    return ask_client(host, conn_handle, value_handle, 0, NULL, 0, GATT_READ_LONG_VALUE);
}

int bluet_gattc_read_by_uuid(struct bluet *host, uint16_t conn_handle, uint16_t start_handle, uint16_t end_handle,
                             const struct bluet_uuid *uuid)
{
    return ask_client(host, conn_handle, start_handle, end_handle, uuid, 0, GATT_READ_BY_UUID);
}

int bluet_gattc_read_multiple(struct bluet *host, uint16_t conn_handle, const uint16_t *value_handles,
                              size_t value_count, bool variable)
{
    uint8_t kind = variable ? GATT_READ_MULTIPLE_VARIABLE : GATT_READ_MULTIPLE;
    return ask_client(host, conn_handle, 0, 0, value_handles, value_count, kind);
}

int bluet_gattc_write_reliable(struct bluet *host, uint16_t conn_handle, const struct bluet_write *writes,
                               size_t write_count)
{
    return ask_client(host, conn_handle, 0, 0, writes, write_count, GATT_WRITE_RELIABLE);
}

int bluet_gattc_write(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data, size_t length,
                      enum bluet_write_mode mode)
{
    return ask_client(host, conn_handle, value_handle, 0, data, length, gatt_write_kind(mode));
}

int bluet_gattc_exchange_mtu(struct bluet *host, uint16_t conn_handle)
{
    return ask_client(host, conn_handle, 0, 0, NULL, 0, GATT_EXCHANGE_MTU);
}
