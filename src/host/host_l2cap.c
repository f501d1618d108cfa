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

static int find_channel(struct bluet *host, struct l2cap_channel **out_channel, uint16_t conn_handle, uint16_t cid)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    if (error)
        return error;
    *out_channel = l2cap_channel_find_users(&host->channels, link, cid);
    return *out_channel ? BLUET_OK : BLUET_EINVAL;
}

int bluet_l2cap_disconnect(struct bluet *host, uint16_t conn_handle, uint16_t cid)
{
    struct l2cap_channel *channel;
    int error = find_channel(host, &channel, conn_handle, cid);
    return error ? error : l2cap_channel_disconnect(&host->channels, channel);
}

int bluet_l2cap_send(struct bluet *host, uint16_t conn_handle, uint16_t cid, const void *data, size_t length)
{
    struct l2cap_channel *channel;
    int error = find_channel(host, &channel, conn_handle, cid);
    return error ? error : l2cap_channel_send(&host->channels, channel, data, length);
}

int bluet_l2cap_receive(struct bluet *host, uint16_t conn_handle, uint16_t cid, void *out_data, size_t size)
{
    struct l2cap_channel *channel;
    int error = find_channel(host, &channel, conn_handle, cid);
    return error ? error : l2cap_channel_read(&host->channels, channel, out_data, size);
}

int bluet_l2cap_available(struct bluet *host, uint16_t conn_handle, uint16_t cid)
{
    return bluet_l2cap_receive(host, conn_handle, cid, NULL, 0);
}
