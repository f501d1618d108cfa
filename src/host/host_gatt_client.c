/* The public functions of the GATT client: is the host active, and which link is it? */
#include "host/host.h"

int bluet_gattc_discover_services(struct bluet *host, uint16_t conn_handle, const struct bluet_uuid *uuid)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gatt_client_discover_services(&host->gatt.client, link, uuid);
}

int bluet_gattc_discover_characteristics(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                         uint16_t end_handle, const struct bluet_uuid *uuid)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    if (error)
        return error;
    return gatt_client_discover_characteristics(&host->gatt.client, link, start_handle, end_handle, uuid);
}

int bluet_gattc_discover_included_services(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                           uint16_t end_handle)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gatt_client_discover_included(&host->gatt.client, link, start_handle, end_handle);
}

int bluet_gattc_discover_descriptors(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                     uint16_t end_handle)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gatt_client_discover_descriptors(&host->gatt.client, link, start_handle, end_handle);
}

int bluet_gattc_read(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, uint16_t offset)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gatt_client_read(&host->gatt.client, link, value_handle, offset);
}

int bluet_gattc_read_long(struct bluet *host, uint16_t conn_handle, uint16_t value_handle)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gatt_client_read_long(&host->gatt.client, link, value_handle);
}

int bluet_gattc_read_by_uuid(struct bluet *host, uint16_t conn_handle, uint16_t start_handle, uint16_t end_handle,
                             const struct bluet_uuid *uuid)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gatt_client_read_by_uuid(&host->gatt.client, link, start_handle, end_handle, uuid);
}

int bluet_gattc_read_multiple(struct bluet *host, uint16_t conn_handle, const uint16_t *value_handles,
                              size_t value_count, bool variable)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    if (error)
        return error;
    bool was_starved = host_sending_begins(host);
    return host_sending_ended(
        host, was_starved, gatt_client_read_multiple(&host->gatt.client, link, value_handles, value_count, variable));
}

int bluet_gattc_write_reliable(struct bluet *host, uint16_t conn_handle, const struct bluet_write *writes,
                               size_t write_count)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    if (error)
        return error;
    bool was_starved = host_sending_begins(host);
    return host_sending_ended(host, was_starved,
                              gatt_client_write_reliable(&host->gatt.client, link, writes, write_count));
}

int bluet_gattc_write(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data, size_t length,
                      enum bluet_write_mode mode)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    if (error)
        return error;
    bool was_starved = host_sending_begins(host);
    return host_sending_ended(host, was_starved,
                              gatt_client_write(&host->gatt.client, link, value_handle, data, length, mode));
}

int bluet_gattc_exchange_mtu(struct bluet *host, uint16_t conn_handle)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gatt_client_exchange_mtu(&host->gatt.client, link);
}
