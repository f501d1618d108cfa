/* Channels that are reconfigured, the peer's end of them and ours (Vol 3 Part A, 4.27, 4.28). */
#include "host/l2cap_channel.h"

#include "spec/l2cap.h"
#include "spec/writer.h"

/* ---- The peer's end ---- */

/* Vol 3 Part A, 4.27, 4.28: MTU never shrinks, MPS of one channel at a time may. */
static uint16_t check_peers(const struct l2cap_terms *terms, const struct l2cap_channel *channel, size_t count)
{
    if (!channel || !channel->enhanced)
        return L2CAP_RECONFIGURATION_INVALID_CID;
    if (terms->mtu < channel->outgoing.terms.mtu)
        return L2CAP_RECONFIGURATION_MTU_REDUCED;
    if (terms->mps < channel->outgoing.terms.mps && count > 1)
        return L2CAP_RECONFIGURATION_MPS_REDUCED;
    return L2CAP_RECONFIGURATION_SUCCESS;
}

/* New terms for the peer's ends: of all, or of none. */
BLUET_INTERNAL void l2cap_channels_reconfigure_request(struct l2cap_channels *channels, struct l2cap_command *command,
                                                       struct l2cap_channel *channel)
{
    enum { CIDS = 2 };
    struct l2cap_channel *peers[L2CAP_ENHANCED_MOST] = {NULL};
    uint16_t *words = command->words;
    const struct l2cap_terms terms = {.mtu = words[0], .mps = words[1], .credits = 1};
    size_t count = l2cap_command_cids(channels, command, CIDS);
    uint16_t result = count && l2cap_terms_are_valid(&terms, true) ? L2CAP_RECONFIGURATION_SUCCESS
                                                                   : L2CAP_RECONFIGURATION_UNACCEPTABLE;
    for (size_t i = 0; !result && i < count; i++) {
        peers[i] = l2cap_channel_find_peer(channels, command->link, words[CIDS + i]);
        result = check_peers(&terms, peers[i], count);
    }
    for (size_t i = 0; !result && i < count; i++) {
        channel = peers[i];
        channel->outgoing.terms.mtu = terms.mtu;
        channel->outgoing.terms.mps = terms.mps;
        if (l2cap_channel_is_bearer(channel) && channel->state == CHANNEL_OPEN)
            channels->owner.set(channels->owner.context, channel);
    }
    words[0] = result;
    (void)l2cap_channels_respond(channels, command, words + 1);
}

/* ---- Our end ---- */

BLUET_INTERNAL void l2cap_channel_reconfigured(struct l2cap_channels *channels, struct l2cap_channel *channel,
                                               uint16_t status)
{
    if (!channel->wanted_mtu)
        return;
    if (status == BLUET_OK)
        channel->incoming.terms.mtu = channel->wanted_mtu;
    l2cap_channel_settle(channels, channel);
    channel->wanted_mtu = 0;
    l2cap_channel_raise(channels, channel, BLUET_EVENT_L2CAP_RECONFIGURE_DONE, channel->incoming.terms.mtu, status);
}

/* 0; or why the channel cannot get that MTU. */
static int check_own(const struct l2cap_channel *channel, uint16_t mtu)
{
    if (!channel || channel->state != CHANNEL_OPEN || mtu < channel->incoming.terms.mtu)
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
    struct l2cap_command command;
    uint16_t *next = command.words;
    *next++ = mtu;
    *next++ = channels->local_mps;
    if (count == 0 || count > L2CAP_ENHANCED_MOST)
        return BLUET_EINVAL;
    for (size_t i = 0; i < count; i++) {
        *next++ = cids[i];
        own[i] = l2cap_channel_find_users(channels, link, cids[i]);
        int error = is_among(cids[i], cids, i) ? BLUET_EINVAL : check_own(own[i], mtu);
        if (error)
            return error;
    }
    for (size_t i = 0; i < count; i++) {
        if (!l2cap_channel_grow(channels, own[i], mtu))
            return BLUET_ENOMEM;
    }
    command.link = link;
    command.identifier = l2cap_signal_identifier(channels->signal, link);
    command.code = L2CAP_CREDIT_BASED_RECONFIGURE_REQUEST;
    int error = l2cap_channels_command_send(channels, &command, next);
    for (size_t i = 0; !error && i < count; i++) {
        own[i]->wanted_mtu = mtu;
        l2cap_channel_await(channels, own[i], L2CAP_CREDIT_BASED_RECONFIGURE_RESPONSE, command.identifier);
    }
    return error;
}
