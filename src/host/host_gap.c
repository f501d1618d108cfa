/* The public functions of GAP. */
#include "host/host.h"

#include "spec/hci.h"

int bluet_set_address_mode(struct bluet *host, enum bluet_address_mode mode)
{
    if ((unsigned)mode > BLUET_ADDRESS_MODE_NRPA)
        return BLUET_EINVAL;
    if (!BLUET_HAS_PRIVACY && mode > BLUET_ADDRESS_MODE_STATIC)
        return BLUET_ENOTSUP;
    if (host->state == HOST_INACTIVE) {
        host->gap.address.mode = mode;
        return BLUET_OK;
    }
    host_sample_clock(host);
    if (host->state != HOST_ACTIVE || gap_advertise_is_on(&host->gap) || gap_scan_is_on(&host->gap) ||
        gap_connect_is_on(&host->gap))
        return BLUET_EBUSY;
    return gap_address_change(&host->gap, mode);
}

enum bluet_address_mode bluet_address_mode(const struct bluet *host)
{
    return host->gap.address.mode;
}

int bluet_set_rpa_timeout(struct bluet *host, uint16_t seconds)
{
    return !BLUET_HAS_PRIVACY ? BLUET_ENOTSUP : gap_privacy_set_timeout(&host->gap, seconds);
}

uint16_t bluet_rpa_timeout(const struct bluet *host)
{
    return host->gap.address.timeout_s;
}

int bluet_own_address(const struct bluet *host, struct bluet_address *out_address)
{
    if (host->state != HOST_ACTIVE)
        return BLUET_ENODEV;
    gap_address_own(&host->gap, out_address);
    return BLUET_OK;
}

int bluet_gap_advertise(struct bluet *host, uint32_t interval_us, const struct bluet_span *advertising_data,
                        const struct bluet_span *response_data, bool connectable)
{
    int error = host_check_active(host);
    if (error)
        return error;
    return gap_advertise_start(&host->gap, interval_us, advertising_data, response_data, connectable);
}

int bluet_gap_advertise_stop(struct bluet *host)
{
    int error = host_check_active(host);
    return error ? error : gap_advertise_stop(&host->gap);
}

int bluet_gap_disconnect(struct bluet *host, uint16_t conn_handle)
{
    int error = host_check_active(host);
    if (error)
        return error;
    struct link *link = link_find(&host->links, conn_handle);
    if (!link)
        return BLUET_ENOTCONN;
    if (link->state == LINK_CLOSING)
        return 0;
    int ticket = hci_begin(&host->hci, 1, 3);
    if (ticket > 0)
        host_disconnect(host, link, ticket, HCI_REMOTE_USER_TERMINATED);
    return ticket;
}

int bluet_gap_advertise_directed(struct bluet *host, uint32_t interval_us, const struct bluet_address *peer)
{
    int error = host_check_active(host);
    return error ? error : gap_advertise_start_directed(&host->gap, interval_us, peer);
}

int bluet_gap_accept_list(struct bluet *host, const struct bluet_address *addresses, size_t count, unsigned uses)
{
    int error = host_check_active(host);
    return error ? error : gap_accept_set(&host->gap, addresses, count, uses);
}

/* ---- A connection ---- */

int bluet_gap_update(struct bluet *host, uint16_t conn_handle, const struct bluet_connection_parameters *parameters)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gap_link_update(&host->gap, link, parameters);
}

int bluet_gap_set_phy(struct bluet *host, uint16_t conn_handle, uint8_t transmit, uint8_t receive)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gap_link_set_phy(&host->gap, link, transmit, receive);
}

int bluet_gap_set_data_length(struct bluet *host, uint16_t conn_handle, uint16_t octets)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gap_link_set_data_length(&host->gap, link, octets);
}

int bluet_gap_read_rssi(struct bluet *host, uint16_t conn_handle)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : gap_link_read_rssi(&host->gap, link);
}

int bluet_gap_disconnect_reason(const struct bluet *host, uint16_t conn_handle)
{
    for (unsigned back = 1; back <= HOST_ENDED_KEPT; back++) {
        const struct host_ended *ended = &host->ended[(uint8_t)(host->ended_next - back) % HOST_ENDED_KEPT];
        if (ended->known && ended->handle == conn_handle)
            return ended->reason;
    }
    return BLUET_ENOTCONN;
}

int bluet_connection(const struct bluet *host, struct bluet_connection *out_connection, uint16_t conn_handle)
{
    const struct link *link = link_find(&host->links, conn_handle);
    if (!link)
        return BLUET_ENOTCONN;
    out_connection->peer = link->peer;
    out_connection->identity = link->identity;
    out_connection->central = link->central;
    out_connection->interval = link->interval;
    out_connection->latency = link->latency;
    out_connection->supervision_timeout = link->supervision_timeout;
    out_connection->mtu = gatt_link_mtu(&host->gatt, link);
    out_connection->encrypted = link->encrypted;
    out_connection->authenticated = link->authenticated;
    out_connection->bonded = link->bonded;
    out_connection->key_size = link->key_size;
    out_connection->transmit_octets = link->transmit_octets;
    out_connection->transmit_phy = link->transmit_phy;
    out_connection->receive_phy = link->receive_phy;
    out_connection->rssi = link->rssi;
    return BLUET_OK;
}

/* These would take from under the host what it keeps count of: links, and buffers. */
static bool is_ours(uint16_t opcode)
{
    return opcode == HCI_RESET || opcode == HCI_SET_CONTROLLER_TO_HOST_FLOW_CONTROL || opcode == HCI_HOST_BUFFER_SIZE ||
           opcode == HCI_HOST_NUMBER_OF_COMPLETED_PACKETS;
}

int bluet_hci_command(struct bluet *host, uint16_t opcode, const void *parameters, size_t length)
{
    int error = host_check_active(host);
    if (error)
        return error;
    if (length > HCI_PARAMETERS_LARGEST)
        return BLUET_EINVAL;
    if (is_ours(opcode))
        return BLUET_ENOTSUP;
    struct hci_command command = {.opcode = opcode, .flags = HCI_RAW};
    return hci_ask(&host->hci, &command, parameters, length);
}
