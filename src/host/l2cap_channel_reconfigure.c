/* Channels that are reconfigured, the peer's end of them and ours (Vol 3 Part A, 4.27, 4.28). */
#include "host/l2cap_channel.h"

#include "spec/l2cap.h"
#include "spec/writer.h"

static const uint64_t reconfigure_timeout_us = 30000000; /* RTX: Vol 3 Part A, 6.2.1 */

/* ---- The peer's end ---- */

/* Vol 3 Part A, 4.27, 4.28: new terms for the peer's ends; MTU never shrinks, MPS of one channel at a time may. */
static uint16_t reconfigure(struct l2cap_channels *channels, const struct link *link,
                            const struct l2cap_channel_terms *terms, struct reader cids, bool apply)
{
    size_t count = reader_remaining(&cids) / sizeof(uint16_t);
    for (size_t i = 0; i < count; i++) {
        struct l2cap_channel *channel = l2cap_channel_find_peer(channels, link, read_u16(&cids));
        if (!channel || !channel->enhanced)
            return L2CAP_RECONFIGURATION_INVALID_CID;
        if (terms->mtu < channel->peer_mtu)
            return L2CAP_RECONFIGURATION_MTU_REDUCED;
        if (terms->mps < channel->outgoing.mps && count > 1)
            return L2CAP_RECONFIGURATION_MPS_REDUCED;
        if (apply) {
            channel->peer_mtu = terms->mtu;
            channel->outgoing.mps = terms->mps;
            if (l2cap_channel_is_bearer(channels, channel) && channel->state == CHANNEL_OPEN)
                l2cap_bearer_set(channels, channel);
        }
    }
    return L2CAP_RECONFIGURATION_SUCCESS;
}

BLUET_INTERNAL bool l2cap_channels_reconfigure_request(struct l2cap_channels *channels, struct link *link,
                                                       uint8_t identifier, struct reader *parameters)
{
    struct l2cap_channel_terms terms = {.credits = 1};
    terms.mtu = read_u16(parameters);
    terms.mps = read_u16(parameters);
    if (!reader_ok(parameters))
        return false;
    size_t length = reader_remaining(parameters);
    bool countable = length && length % 2 == 0 && length <= 2 * L2CAP_ENHANCED_MOST;
    uint16_t result = L2CAP_RECONFIGURATION_UNACCEPTABLE;
    if (!countable)
        hci_protocol_error(channels->links->hci);
    else if (l2cap_channel_terms_are_valid(&terms, true))
        result = reconfigure(channels, link, &terms, *parameters, false);
    if (result == L2CAP_RECONFIGURATION_SUCCESS)
        (void)reconfigure(channels, link, &terms, *parameters, true);
    uint8_t octets[2];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, result);
    (void)l2cap_signal_send(channels->signal, link, L2CAP_CREDIT_BASED_RECONFIGURE_RESPONSE, identifier, &writer);
    return true;
}

/* ---- Our end ---- */

static void await_mtu(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t mtu, uint8_t identifier)
{
    channels->awaiting = (uint16_t)(channels->awaiting - l2cap_channel_awaits(channel));
    channel->wanted_mtu = mtu;
    channel->identifier = identifier;
    channel->deadline = channels->links->hci->now + reconfigure_timeout_us;
    channels->awaiting = (uint16_t)(channels->awaiting + l2cap_channel_awaits(channel));
}

BLUET_INTERNAL void l2cap_channel_reconfigured(struct l2cap_channels *channels, struct l2cap_channel *channel,
                                               uint16_t status)
{
    if (!channel->wanted_mtu)
        return;
    if (status == BLUET_OK)
        channel->incoming.mtu = channel->wanted_mtu;
    channels->awaiting = (uint16_t)(channels->awaiting - l2cap_channel_awaits(channel));
    channel->wanted_mtu = 0;
    channels->awaiting = (uint16_t)(channels->awaiting + l2cap_channel_awaits(channel));
    struct bluet_event event = {.code = BLUET_EVENT_L2CAP_RECONFIGURE_DONE, .conn_handle = channel->link->handle};
    event.channel_reconfigured.cid = channel->local_cid;
    event.channel_reconfigured.our_mtu = channel->incoming.mtu;
    event.channel_reconfigured.status = status;
    event_raise(channels->links->hci->sink, &event);
}

/* 0; or why the channel cannot get that MTU. */
static int check_own(const struct l2cap_channel *channel, uint16_t mtu)
{
    if (!channel || channel->state != CHANNEL_OPEN || mtu < channel->incoming.mtu)
        return BLUET_EINVAL;
    if (!channel->enhanced)
        return BLUET_ENOTSUP;
    return channel->wanted_mtu ? BLUET_EALREADY : BLUET_OK;
}

static bool is_among(uint16_t cid, const uint16_t *cids, size_t count)
{
    while (count && cids[count - 1] != cid)
        count--;
    return count;
}

/*
 * Our MPS is the same for all channels and stays, so that it is never reduced. The rooms grow first: once the peer has
 * agreed there must be no way back.
 */
BLUET_INTERNAL int l2cap_channels_reconfigure(struct l2cap_channels *channels, struct link *link, const uint16_t *cids,
                                              size_t count, uint16_t mtu)
{
    struct l2cap_channel *own[L2CAP_ENHANCED_MOST];
    uint8_t octets[4 + 2 * L2CAP_ENHANCED_MOST];
    struct writer writer = writer_of(octets, sizeof octets);
    if (count == 0 || count > L2CAP_ENHANCED_MOST)
        return BLUET_EINVAL;
    for (size_t i = 0; i < count; i++) {
        own[i] = l2cap_channel_find_users(channels, link, cids[i]);
        int error = is_among(cids[i], cids, i) ? BLUET_EINVAL : check_own(own[i], mtu);
        if (error)
            return error;
    }
    for (size_t i = 0; i < count; i++) {
        if (!l2cap_channel_grow(channels, own[i], mtu))
            return BLUET_ENOMEM;
    }
    write_u16(&writer, mtu);
    write_u16(&writer, own[0]->incoming.mps);
    for (size_t i = 0; i < count; i++)
        write_u16(&writer, cids[i]);
    uint8_t identifier = l2cap_signal_identifier(channels->signal, link);
    int error = l2cap_signal_send(channels->signal, link, L2CAP_CREDIT_BASED_RECONFIGURE_REQUEST, identifier, &writer);
    for (size_t i = 0; !error && i < count; i++)
        await_mtu(channels, own[i], mtu, identifier);
    return error;
}

BLUET_INTERNAL bool l2cap_channels_reconfigure_ended(struct l2cap_channels *channels, const struct link *link,
                                                     uint8_t identifier, uint16_t status)
{
    bool found = false;
    for (uint16_t i = 0; channels->awaiting && i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        if (channel->state != CHANNEL_OPEN || channel->link != link || !channel->wanted_mtu ||
            channel->identifier != identifier)
            continue;
        found = true;
        l2cap_channel_reconfigured(channels, channel, status);
    }
    return found;
}

BLUET_INTERNAL bool l2cap_channels_reconfigure_response(struct l2cap_channels *channels, struct link *link,
                                                        uint8_t identifier, struct reader *parameters)
{
    uint16_t result = read_u16(parameters);
    uint16_t status = reader_done(parameters) ? result : BLUET_STATUS_PROTOCOL;
    if (!l2cap_channels_reconfigure_ended(channels, link, identifier, status))
        hci_protocol_error(channels->links->hci);
    return true;
}
