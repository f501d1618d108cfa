/* The public functions of L2CAP channels. */
#include "host/host.h"

int bluet_l2cap_listen(struct bluet *host, uint16_t psm, uint16_t mtu)
{
    int error = host_check_active(host);
    return error ? error : l2cap_channels_listen(&host->channels, psm, mtu);
}

int bluet_l2cap_listen_stop(struct bluet *host, uint16_t psm)
{
    int error = host_check_active(host);
    return error ? error : l2cap_channels_listen_stop(&host->channels, psm);
}

int bluet_l2cap_connect_several(struct bluet *host, uint16_t conn_handle, uint16_t psm, uint16_t mtu,
                                size_t channel_count)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : l2cap_channels_connect(&host->channels, link, psm, mtu, channel_count);
}

int bluet_l2cap_connect(struct bluet *host, uint16_t conn_handle, uint16_t psm, uint16_t mtu)
{
    return bluet_l2cap_connect_several(host, conn_handle, psm, mtu, 1);
}

int bluet_l2cap_reconfigure(struct bluet *host, uint16_t conn_handle, const uint16_t *cids, size_t cid_count,
                            uint16_t mtu)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : l2cap_channels_reconfigure(&host->channels, link, cids, cid_count, mtu);
}

int bluet_l2cap_disconnect(struct bluet *host, uint16_t conn_handle, uint16_t cid)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : l2cap_channels_disconnect(&host->channels, link, cid);
}

int bluet_l2cap_send(struct bluet *host, uint16_t conn_handle, uint16_t cid, const void *data, size_t length)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : l2cap_channels_send(&host->channels, link, cid, data, length);
}

int bluet_l2cap_receive(struct bluet *host, uint16_t conn_handle, uint16_t cid, void *out_data, size_t size)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : l2cap_channels_read(&host->channels, link, cid, out_data, size);
}

int bluet_l2cap_available(struct bluet *host, uint16_t conn_handle, uint16_t cid)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : l2cap_channels_read(&host->channels, link, cid, NULL, 0);
}
