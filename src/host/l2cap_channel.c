/* The table of channels, and the data that passes through them (Vol 3 Part A, 3.4, 10.1). */
#include "host/l2cap_channel.h"

#include "host/memory.h"
#include "spec/l2cap.h"
#include "spec/writer.h"

static const struct bluet_port *channels_port(const struct l2cap_channels *channels)
{
    return channels->links->hci->port;
}

static bool send_between(void *context, struct link *link);

/* The table, and behind it what the links' peers do not know, and the bearers' rings. */
static size_t table_size(const struct l2cap_channels *channels)
{
    return channels->total * sizeof *channels->channels + channels->links->limit * sizeof *channels->plain +
           (size_t)(channels->total - channels->limit) * channels->bearer_room;
}

/* K-frames that fill one link-layer packet of the largest kind, as far as a frame may be so long. */
static uint16_t local_mps(const struct link_table *links)
{
    enum { PACKET_LARGEST = 251 };
    size_t frame = links->frame_size < PACKET_LARGEST ? links->frame_size : PACKET_LARGEST;
    return (uint16_t)(frame - L2CAP_HEADER_LENGTH);
}

BLUET_INTERNAL int l2cap_channels_open(struct l2cap_channels *channels, struct l2cap_signal *signal,
                                       const struct bluet_config *limits)
{
    struct link_table *links = signal->links;
    channels->signal = signal;
    channels->links = links;
    channels->limit = limits->channel_count;
    channels->bearer_room = limits->mtu_limit;
    channels->bearer_limit = limits->mtu_limit < L2CAP_ENHANCED_LEAST ? 0 : limits->bearer_count;
    channels->local_mps = local_mps(links);
    channels->receive_size = limits->channel_size > channels->local_mps ? limits->channel_size : channels->local_mps;
    channels->total = (uint16_t)(channels->limit + links->limit * channels->bearer_limit);
    size_t size = table_size(channels);
    channels->channels = memory_take(links->hci->port, size);
    if (!channels->channels)
        return BLUET_ENOMEM;
    channels->plain = (bool *)(channels->channels + channels->total);
    channels->bearer_rings = (uint8_t *)(channels->plain + links->limit);
    links->channels = (struct link_channels){channels, send_between};
    return BLUET_OK;
}

BLUET_INTERNAL void l2cap_channels_close(struct l2cap_channels *channels)
{
    if (!channels->links)
        return;
    const struct bluet_port *port = channels_port(channels);
    for (uint8_t i = 0; channels->channels && i < channels->limit; i++) {
        if (channels->channels[i].state != CHANNEL_FREE)
            l2cap_channel_free(channels, &channels->channels[i]);
    }
    memory_give(port, channels->channels, table_size(channels));
    memory_give(port, channels->listeners, channels->listener_count * sizeof *channels->listeners);
    *channels = (struct l2cap_channels){0};
}

/* ---- The table ---- */

/* With a CID at our end or at the peer's, by where that stands. */
static struct l2cap_channel *find_by(const struct l2cap_channels *channels, const struct link *link, uint16_t cid,
                                     bool of_peer)
{
    struct l2cap_channel *channel = channels->channels;
    for (uint16_t left = cid ? channels->total : 0; left; left--, channel++) {
        if (cid == (of_peer ? channel->peer_cid : channel->local_cid) && channel->link == link)
            return channel;
    }
    return NULL;
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find(const struct l2cap_channels *channels, const struct link *link,
                                                        uint16_t local_cid)
{
    return find_by(channels, link, local_cid, false);
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find_peer(const struct l2cap_channels *channels,
                                                             const struct link *link, uint16_t peer_cid)
{
    return find_by(channels, link, peer_cid, true);
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find_users(const struct l2cap_channels *channels,
                                                              const struct link *link, uint16_t local_cid)
{
    struct l2cap_channel *channel = l2cap_channel_find(channels, link, local_cid);
    return channel && l2cap_channel_is_bearer(channel) ? NULL : channel;
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_next_awaiting(const struct l2cap_channels *channels,
                                                                 struct l2cap_channel *channel, const struct link *link,
                                                                 uint8_t identifier)
{
    if (!channels->awaiting)
        return NULL;
    for (channel = channel ? channel + 1 : channels->channels; channel < channels->channels + channels->total;
         channel++) {
        if (channel->awaits && channel->identifier == identifier && channel->link == link)
            return channel;
    }
    return NULL;
}

BLUET_INTERNAL void l2cap_channel_await(struct l2cap_channels *channels, struct l2cap_channel *channel, uint8_t code,
                                        uint8_t identifier)
{
    l2cap_channel_settle(channels, channel);
    channels->awaiting++;
    channel->awaits = code;
    channel->identifier = identifier;
    channel->deadline = channels->links->hci->now + LINK_TRANSACTION_TIMEOUT_US;
}

BLUET_INTERNAL void l2cap_channel_settle(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    if (channel->awaits)
        channels->awaiting--;
    channel->awaits = 0;
}

static void keep_outgoing(struct l2cap_channel *channel)
{
    l2cap_outgoing_keep(&channel->outgoing, channel->incoming.ring + channel->incoming.size);
}

/* A block for both directions: behind the ring there is room for what is kept of what goes out. */
BLUET_INTERNAL bool l2cap_channel_grow(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t mtu)
{
    struct l2cap_incoming *incoming = &channel->incoming;
    size_t ring = (size_t)mtu + channels->receive_size;
    size_t copy = mtu * 2u < UINT16_MAX ? mtu * 2u : UINT16_MAX;
    if (ring <= incoming->size)
        return true;
    uint8_t *block = memory_take(channels_port(channels), ring + copy);
    if (!block)
        return false;
    uint8_t *old_block = incoming->ring;
    size_t old_size = incoming->size + channel->outgoing.size;
    if (old_block)
        l2cap_incoming_move(incoming, block);
    incoming->ring = block;
    incoming->size = ring;
    incoming->few = (uint16_t)(ring / channels->local_mps / 2);
    channel->outgoing.size = (uint16_t)copy;
    keep_outgoing(channel);
    memory_give(channels_port(channels), old_block, old_size);
    return true;
}

/* A place: one that is free, or else one that holds what nobody may ever read. */
static struct l2cap_channel *find_place(const struct l2cap_channels *channels, const struct l2cap_channel_plan *plan)
{
    struct l2cap_channel *place = channels->channels;
    size_t count = channels->limit;
    struct l2cap_channel *found = NULL;
    if (BLUET_HAS_EATT && plan->bearer) {
        place += count + (size_t)plan->link->index * channels->bearer_limit;
        count = channels->bearer_limit;
    }
    for (; count; count--, place++) {
        if (place->state == CHANNEL_FREE)
            return place;
        if (place->state == CHANNEL_UNREAD && !found)
            found = place;
    }
    return found;
}

static uint16_t worthwhile_credits(const struct l2cap_channel *channel)
{
    return l2cap_incoming_credits(&channel->incoming, l2cap_channel_is_bearer(channel) ? L2CAP_BEARER_CREDITS : 0);
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_take(struct l2cap_channels *channels,
                                                        const struct l2cap_channel_plan *plan,
                                                        enum l2cap_channel_state state)
{
    enum { CREDITS_FEW = L2CAP_BEARER_CREDITS / 2 };
    struct l2cap_channel *place = find_place(channels, plan);
    uint16_t cid = L2CAP_CID_DYNAMIC_FIRST;
    while (l2cap_channel_find(channels, plan->link, cid))
        cid++;
    if (!place || cid > L2CAP_CID_DYNAMIC_LAST)
        return NULL;
    struct l2cap_channel channel = {
        .state = state,
        .bearer = plan->bearer,
        .enhanced = plan->enhanced,
        .local_cid = cid,
        .psm = plan->psm,
        .link = plan->link,
        .incoming = {.terms = {.mtu = plan->mtu, .mps = channels->local_mps}},
    };
    if (l2cap_channel_is_bearer(&channel)) {
        size_t index = (size_t)(place - channels->channels) - channels->limit;
        channel.incoming.ring = channels->bearer_rings + index * channels->bearer_room;
        channel.incoming.size = channels->bearer_room;
        channel.incoming.few = CREDITS_FEW;
    } else if (!l2cap_channel_grow(channels, &channel, plan->mtu)) {
        return NULL;
    }
    channel.incoming.terms.credits = worthwhile_credits(&channel);
    if (place->state == CHANNEL_UNREAD)
        l2cap_channel_free(channels, place);
    *place = channel;
    return place;
}

BLUET_INTERNAL void l2cap_channel_free(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    l2cap_channel_settle(channels, channel);
    if (!l2cap_channel_is_bearer(channel))
        memory_give(channels_port(channels), channel->incoming.ring, channel->incoming.size + channel->outgoing.size);
    *channel = (struct l2cap_channel){.state = CHANNEL_FREE};
}

/* ---- What the application is told ---- */

/* The longest of these events stands for all of them. */
BLUET_INTERNAL int l2cap_channel_raise(const struct l2cap_channels *channels, const struct l2cap_channel *channel,
                                       enum bluet_event_code code, uint16_t second, uint16_t third)
{
    struct bluet_event event;
    event.code = code;
    event.conn_handle = channel->link->handle;
    event.channel.cid = channel->local_cid;
    event.channel.psm = second;
    event.channel.our_mtu = third;
    event.channel.peer_mtu = channel->outgoing.terms.mtu;
    return event_raise(channels->links->hci->sink, &event);
}

BLUET_INTERNAL void l2cap_channel_opened(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    l2cap_channel_settle(channels, channel);
    channel->state = CHANNEL_OPEN;
    if (l2cap_channel_is_bearer(channel))
        channels->owner.set(channels->owner.context, channel);
    else
        l2cap_channel_raise(channels, channel, BLUET_EVENT_L2CAP_CONNECT, channel->psm, channel->incoming.terms.mtu);
}

BLUET_INTERNAL void l2cap_channel_end(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t status)
{
    if (l2cap_channel_is_bearer(channel)) {
        l2cap_bearer_ended(channels, channel, status);
        return;
    }
    /* From the handler nothing more is begun on it. */
    channel->outgoing.next = NULL;
    if (channel->state == CHANNEL_OPEN)
        channel->state = CHANNEL_AWAIT_DISCONNECTION;
    l2cap_channel_reconfigured(channels, channel, BLUET_STATUS_DISCONNECTED);
    const struct l2cap_channel ended = *channel;
    if (channel->incoming.whole) {
        l2cap_channel_settle(channels, channel);
        channel->state = CHANNEL_UNREAD;
        channel->owes_request = false;
        channel->peer_cid = 0;
    } else {
        l2cap_channel_free(channels, channel);
    }
    l2cap_channel_raise(channels, &ended, BLUET_EVENT_L2CAP_DISCONNECT, ended.psm, status);
}

BLUET_INTERNAL void l2cap_channels_link_closed(struct l2cap_channels *channels, const struct link *link)
{
    for (uint16_t i = 0; i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        if (channel->link != link)
            continue;
        if (channel->state != CHANNEL_UNREAD)
            l2cap_channel_end(channels, channel,
                              channel->state == CHANNEL_AWAIT_RESPONSE ? BLUET_STATUS_DISCONNECTED : BLUET_OK);
        if (channel->state == CHANNEL_UNREAD && channel->link == link)
            l2cap_channel_free(channels, channel); /* its handle means nothing any more */
    }
    channels->plain[link->index] = false;
}

/* ---- Out ---- */

/*
 * Octets of information payload that make a frame fill whole packets: one packet where it takes 251 octets, about as
 * much in several where it takes fewer, so that a credit is worth the same.
 */
BLUET_INTERNAL size_t l2cap_channel_frame_limit(const struct l2cap_channel *channel)
{
    enum { FRAME_LARGEST = 251 };
    size_t packet = channel->link->transmit_octets;
    size_t frame = (size_t)channel->outgoing.terms.mps + L2CAP_HEADER_LENGTH;
    if (frame > FRAME_LARGEST)
        frame = FRAME_LARGEST;
    if (frame > packet)
        frame -= frame % packet;
    return frame - L2CAP_HEADER_LENGTH;
}

typedef int (*frame_sender)(struct link_table *, struct link *, uint16_t, const struct bluet_span *, size_t);

/* One K-frame, if there is credit; false: nothing went. */
static bool send_segment_by(struct l2cap_channels *channels, struct l2cap_channel *channel, frame_sender send)
{
    struct bluet_span spans[2];
    uint8_t head[L2CAP_SDU_LENGTH_SIZE];
    if (!l2cap_outgoing_next(&channel->outgoing, l2cap_channel_frame_limit(channel), spans, head) ||
        send(channels->links, channel->link, channel->peer_cid, spans, 2))
        return false;
    l2cap_outgoing_sent(&channel->outgoing, spans[1].length);
    return true;
}

/* The same, where nothing else of the link waits and buffers are there. */
static bool send_segment(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    struct link *link = channel->link;
    return channel->outgoing.next && !link->transmit.head && link_allowance(channels->links, link) &&
           send_segment_by(channels, channel, l2cap_send);
}

/* For struct link_channels: the channels of the link in turn. What has become of it the next flush tells. */
static bool send_between(void *context, struct link *link)
{
    struct l2cap_channels *channels = context;
    for (uint8_t i = 1; channels->waiting && i <= channels->limit; i++) {
        uint16_t turn = (uint16_t)((channels->turn + i) % channels->limit);
        struct l2cap_channel *channel = &channels->channels[turn];
        if (channel->link == link && channel->stalled && send_segment_by(channels, channel, l2cap_send_first)) {
            channels->turn = turn;
            return true;
        }
    }
    return false;
}

BLUET_INTERNAL int l2cap_channel_send(struct l2cap_channels *channels, struct l2cap_channel *channel, const void *data,
                                      size_t length)
{
    struct l2cap_outgoing *outgoing = &channel->outgoing;
    if (channel->state != CHANNEL_OPEN || length > outgoing->terms.mtu || length > outgoing->size)
        return BLUET_EINVAL;
    if (outgoing->next)
        return BLUET_EBUSY;
    static const uint8_t nothing = 0;
    l2cap_outgoing_begin(outgoing, length ? data : &nothing, length);
    while (send_segment(channels, channel))
        ;
    if (!outgoing->next)
        return 1;
    keep_outgoing(channel);
    channel->stalled = true;
    channels->waiting = true;
    return 0;
}

static void give_credits(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    struct l2cap_incoming *incoming = &channel->incoming;
    uint16_t credits = worthwhile_credits(channel);
    if (!credits || channel->state != CHANNEL_OPEN)
        return;
    struct l2cap_command command;
    command.link = channel->link;
    command.code = L2CAP_FLOW_CONTROL_CREDIT;
    command.identifier = l2cap_signal_identifier(channels->signal, channel->link); /* nothing answers it */
    command.words[0] = channel->local_cid;
    command.words[1] = credits;
    if (l2cap_channels_command_send(channels, &command, command.words + 2))
        channels->waiting = true;
    else
        incoming->terms.credits = (uint16_t)(incoming->terms.credits + credits);
}

/* What has become possible for an open channel, but for more than a frame. Whether a frame went. */
static bool serve(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    give_credits(channels, channel);
    if (l2cap_channel_is_bearer(channel))
        return false;
    bool sent = send_segment(channels, channel);
    if (channel->outgoing.next) {
        if (channel->outgoing.terms.credits)
            channels->waiting = true;
    } else if (channel->stalled) {
        channel->stalled = false;
        l2cap_channel_raise(channels, channel, BLUET_EVENT_L2CAP_SEND_READY, 0, 0);
    }
    return sent;
}

/* One frame of each channel in turn, until nothing goes any more. */
BLUET_INTERNAL void l2cap_channels_flush(struct l2cap_channels *channels)
{
    channels->waiting = false;
    for (uint16_t idle = 0; idle < channels->total;) {
        channels->turn = (uint16_t)(channels->turn + 1u < channels->total ? channels->turn + 1u : 0);
        struct l2cap_channel *channel = &channels->channels[channels->turn];
        idle++;
        if (channel->owes_request)
            l2cap_channel_send_request(channels, channel);
        else if (channel->state == CHANNEL_OPEN && serve(channels, channel))
            idle = 0;
    }
}

/* ---- In ---- */

BLUET_INTERNAL bool l2cap_channels_receive(struct l2cap_channels *channels, struct link *link, uint16_t cid,
                                           struct reader *payload)
{
    struct l2cap_channel *channel = l2cap_channel_find(channels, link, cid);
    if (!channel || (channel->state != CHANNEL_OPEN && channel->state != CHANNEL_AWAIT_DISCONNECTION))
        return false;
    if (channel->state == CHANNEL_AWAIT_DISCONNECTION)
        return true; /* was on its way when we asked for the end */
    if (!l2cap_incoming_receive(&channel->incoming, payload)) {
        l2cap_channel_broken(channels, channel);
        return true;
    }
    if (channel->incoming.awaited == 0 && l2cap_channel_is_bearer(channel))
        channels->owner.receive(channels->owner.context, channel);
    else if (channel->incoming.awaited == 0 && channel->incoming.whole)
        l2cap_channel_raise(channels, channel, BLUET_EVENT_L2CAP_RECV, 0, 0);
    give_credits(channels, channel); /* unless the application has ended it */
    return true;
}

BLUET_INTERNAL int l2cap_channel_read(struct l2cap_channels *channels, struct l2cap_channel *channel, void *out,
                                      size_t size)
{
    if (channel->state < CHANNEL_OPEN)
        return BLUET_EINVAL;
    if (!out)
        return (int)channel->incoming.whole;
    int length = (int)l2cap_incoming_read(&channel->incoming, out, size);
    if (channel->state != CHANNEL_UNREAD)
        give_credits(channels, channel);
    else if (!channel->incoming.whole)
        l2cap_channel_free(channels, channel);
    return length;
}

/* ---- Listeners ---- */

static struct l2cap_listener *listener_find(const struct l2cap_channels *channels, uint16_t psm)
{
    for (uint16_t i = 0; i < channels->listener_count; i++) {
        if (channels->listeners[i].psm == psm)
            return &channels->listeners[i];
    }
    return NULL;
}

BLUET_INTERNAL uint16_t l2cap_channel_listener_mtu(const struct l2cap_channels *channels, uint16_t psm)
{
    const struct l2cap_listener *listener = psm ? listener_find(channels, psm) : NULL;
    return listener ? listener->mtu : 0;
}

BLUET_INTERNAL int l2cap_channels_listen(struct l2cap_channels *channels, uint16_t psm, uint16_t mtu)
{
    if (!l2cap_psm_is_valid(psm))
        return BLUET_EINVAL;
    if (listener_find(channels, psm) || l2cap_psm_is_of_bearers(channels, psm))
        return BLUET_EALREADY;
    struct l2cap_listener *listener = listener_find(channels, 0);
    if (!listener) {
        size_t size = channels->listener_count * sizeof *listener;
        listener = memory_resize(channels_port(channels), channels->listeners, size, size + sizeof *listener);
        if (!listener)
            return BLUET_ENOMEM;
        channels->listeners = listener;
        listener += channels->listener_count++;
    }
    *listener = (struct l2cap_listener){psm, l2cap_mtu_clamped(mtu)};
    return BLUET_OK;
}

BLUET_INTERNAL int l2cap_channels_listen_stop(struct l2cap_channels *channels, uint16_t psm)
{
    struct l2cap_listener *listener = psm ? listener_find(channels, psm) : NULL;
    if (!listener)
        return BLUET_EINVAL;
    listener->psm = 0;
    return BLUET_OK;
}
