/* The table of channels, and the data that passes through them (Vol 3 Part A, 3.4, 10.1). */
#include "host/l2cap_channel.h"

#include "host/memory.h"
#include "spec/l2cap.h"
#include "spec/writer.h"

enum { CHANNEL_SDU_LARGEST = 65535 };

static const struct bluet_port *channels_port(const struct l2cap_channels *channels)
{
    return channels->links->hci->port;
}

static bool send_between(void *context, struct link *link);

/* The table, and behind it what the links' peers do not know. */
static size_t table_size(const struct l2cap_channels *channels)
{
    return channels->total * sizeof *channels->channels + channels->links->limit * sizeof *channels->plain;
}

static size_t rings_size(const struct l2cap_channels *channels)
{
    return (size_t)(channels->total - channels->limit) * channels->bearer_room;
}

BLUET_INTERNAL int l2cap_channels_open(struct l2cap_channels *channels, struct l2cap_signal *signal,
                                       const struct bluet_config *limits)
{
    *channels = (struct l2cap_channels){
        .signal = signal,
        .links = signal->links,
        .limit = limits->channel_count,
        .receive_size = limits->channel_size,
        .bearer_room = limits->mtu_limit,
        .bearer_limit = limits->mtu_limit < L2CAP_ENHANCED_LEAST ? 0 : limits->bearer_count,
    };
    channels->total = (uint16_t)(channels->limit + channels->links->limit * channels->bearer_limit);
    channels->channels = memory_take(channels_port(channels), table_size(channels));
    if (!channels->channels)
        return BLUET_ENOMEM;
    memset(channels->channels, 0, table_size(channels));
    if (channels->bearer_limit)
        channels->bearer_rings = memory_take(channels_port(channels), rings_size(channels));
    if (channels->bearer_limit && !channels->bearer_rings) {
        l2cap_channels_close(channels);
        return BLUET_ENOMEM;
    }
    channels->links->channels = (struct link_channels){channels, send_between};
    channels->plain = (bool *)(channels->channels + channels->total);
    return BLUET_OK;
}

BLUET_INTERNAL void l2cap_channels_close(struct l2cap_channels *channels)
{
    if (!channels->links)
        return;
    const struct bluet_port *port = channels_port(channels);
    for (uint8_t i = 0; channels->channels && i < channels->limit; i++) {
        if (channels->channels[i].block)
            l2cap_channel_free(channels, &channels->channels[i]);
    }
    memory_give(port, channels->channels, table_size(channels));
    memory_give(port, channels->bearer_rings, rings_size(channels));
    memory_give(port, channels->listeners, channels->listener_room * sizeof *channels->listeners);
    *channels = (struct l2cap_channels){0};
}

/* ---- The table ---- */

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find(const struct l2cap_channels *channels, const struct link *link,
                                                        uint16_t local_cid)
{
    for (uint16_t i = 0; i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        if (channel->state != CHANNEL_FREE && channel->link == link && channel->local_cid == local_cid)
            return channel;
    }
    return NULL;
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find_users(const struct l2cap_channels *channels,
                                                              const struct link *link, uint16_t local_cid)
{
    struct l2cap_channel *channel = l2cap_channel_find(channels, link, local_cid);
    return channel && l2cap_channel_is_bearer(channels, channel) ? NULL : channel;
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_find_peer(const struct l2cap_channels *channels,
                                                             const struct link *link, uint16_t peer_cid)
{
    for (uint16_t i = 0; i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        bool joined = channel->state == CHANNEL_OPEN || channel->state == CHANNEL_AWAIT_DISCONNECTION ||
                      channel->state == CHANNEL_AWAIT_ACCEPTANCE;
        if (joined && channel->link == link && channel->peer_cid == peer_cid)
            return channel;
    }
    return NULL;
}

static struct l2cap_channel *channel_of_state(const struct l2cap_channels *channels, enum l2cap_channel_state state)
{
    for (uint8_t i = 0; i < channels->limit; i++) {
        if (channels->channels[i].state == state)
            return &channels->channels[i];
    }
    return NULL;
}

BLUET_INTERNAL uint16_t l2cap_channel_free_cid(const struct l2cap_channels *channels, const struct link *link)
{
    for (unsigned cid = L2CAP_CID_DYNAMIC_FIRST; cid <= L2CAP_CID_DYNAMIC_LAST; cid++) {
        if (!l2cap_channel_find(channels, link, (uint16_t)cid))
            return (uint16_t)cid;
    }
    return 0;
}

/* K-frames that fill one link-layer packet of the largest kind, as far as a frame may be so long. */
BLUET_INTERNAL uint16_t l2cap_channel_local_mps(const struct l2cap_channels *channels)
{
    enum { PACKET_LARGEST = 251 };
    size_t frame = channels->links->frame_size < PACKET_LARGEST ? channels->links->frame_size : PACKET_LARGEST;
    return (uint16_t)(frame - L2CAP_HEADER_LENGTH);
}

BLUET_INTERNAL void l2cap_channel_set_state(struct l2cap_channels *channels, struct l2cap_channel *channel,
                                            enum l2cap_channel_state state)
{
    channels->awaiting = (uint16_t)(channels->awaiting - l2cap_channel_awaits(channel));
    channel->state = state;
    channels->awaiting = (uint16_t)(channels->awaiting + l2cap_channel_awaits(channel));
}

/* Room for what comes in, and for what is kept of what goes out. */
static size_t ring_size(const struct l2cap_channels *channels, uint16_t mtu)
{
    uint16_t mps = l2cap_channel_local_mps(channels);
    return (size_t)mtu + (channels->receive_size > mps ? channels->receive_size : mps);
}

static size_t copy_size(uint16_t mtu)
{
    return mtu * 2u < CHANNEL_SDU_LARGEST ? mtu * 2u : CHANNEL_SDU_LARGEST;
}

static void put_block(struct l2cap_channel *channel, uint8_t *block, size_t ring, size_t copy)
{
    channel->block = block;
    channel->block_size = ring + copy;
    channel->incoming.ring = block;
    channel->incoming.size = ring;
    channel->incoming.few = (uint16_t)(ring / channel->incoming.mps / 2);
    channel->outgoing.copy = block + ring;
    channel->outgoing.size = copy;
}

BLUET_INTERNAL struct l2cap_channel *l2cap_channel_take(struct l2cap_channels *channels, struct link *link,
                                                        uint16_t psm, uint16_t mtu, enum l2cap_channel_state state)
{
    struct l2cap_channel *channel = channel_of_state(channels, CHANNEL_FREE);
    if (!channel)
        channel = channel_of_state(channels, CHANNEL_UNREAD);
    uint16_t cid = l2cap_channel_free_cid(channels, link);
    if (!channel || !cid)
        return NULL;
    uint8_t *block = memory_take(channels_port(channels), ring_size(channels, mtu) + copy_size(mtu));
    if (!block)
        return NULL;
    if (channel->state == CHANNEL_UNREAD)
        l2cap_channel_free(channels, channel);
    channels->count++;
    *channel = (struct l2cap_channel){
        .link = link,
        .local_cid = cid,
        .psm = psm,
        .incoming = {.mtu = mtu, .mps = l2cap_channel_local_mps(channels)},
    };
    put_block(channel, block, ring_size(channels, mtu), copy_size(mtu));
    channel->incoming.granted = l2cap_incoming_credits(&channel->incoming);
    l2cap_channel_set_state(channels, channel, state);
    return channel;
}

BLUET_INTERNAL bool l2cap_channel_grow(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t mtu)
{
    struct l2cap_incoming *incoming = &channel->incoming;
    struct l2cap_outgoing *outgoing = &channel->outgoing;
    if (ring_size(channels, mtu) <= incoming->size)
        return true;
    uint8_t *block = memory_take(channels_port(channels), ring_size(channels, mtu) + copy_size(mtu));
    if (!block)
        return false;
    void *old_block = channel->block;
    size_t old_size = channel->block_size;
    const uint8_t *rest = outgoing->next;
    l2cap_incoming_move(incoming, block);
    put_block(channel, block, ring_size(channels, mtu), copy_size(mtu));
    if (rest) {
        memcpy(outgoing->copy + outgoing->sent, rest, (size_t)(outgoing->length - outgoing->sent));
        outgoing->next = outgoing->copy + outgoing->sent;
    }
    memory_give(channels_port(channels), old_block, old_size);
    return true;
}

BLUET_INTERNAL void l2cap_channel_free(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    channels->count--;
    channels->awaiting = (uint16_t)(channels->awaiting - l2cap_channel_awaits(channel));
    if (l2cap_channel_is_bearer(channels, channel))
        buffer_free(channels->links->pool, channel->head);
    else
        memory_give(channels_port(channels), channel->block, channel->block_size);
    *channel = (struct l2cap_channel){.state = CHANNEL_FREE};
}

/* ---- What the application is told ---- */

BLUET_INTERNAL void l2cap_channel_opened(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    l2cap_channel_set_state(channels, channel, CHANNEL_OPEN);
    if (l2cap_channel_is_bearer(channels, channel)) {
        l2cap_bearer_set(channels, channel);
        return;
    }
    struct bluet_event event = {.code = BLUET_EVENT_L2CAP_CONNECT, .conn_handle = channel->link->handle};
    event.channel.cid = channel->local_cid;
    event.channel.psm = channel->psm;
    event.channel.our_mtu = channel->incoming.mtu;
    event.channel.peer_mtu = channel->peer_mtu;
    event_raise(channels->links->hci->sink, &event);
}

BLUET_INTERNAL void l2cap_channel_end(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t status)
{
    if (l2cap_channel_is_bearer(channels, channel)) {
        l2cap_bearer_ended(channels, channel, status);
        return;
    }
    /* From the handler nothing more is begun on it. */
    if (channel->state == CHANNEL_OPEN)
        l2cap_channel_set_state(channels, channel, CHANNEL_AWAIT_DISCONNECTION);
    l2cap_channel_reconfigured(channels, channel, BLUET_STATUS_DISCONNECTED);
    struct bluet_event event = {.code = BLUET_EVENT_L2CAP_DISCONNECT, .conn_handle = channel->link->handle};
    event.channel_end.cid = channel->local_cid;
    event.channel_end.psm = channel->psm;
    event.channel_end.status = status;
    channel->owes_request = false;
    channel->outgoing.next = NULL;
    if (channel->incoming.whole)
        l2cap_channel_set_state(channels, channel, CHANNEL_UNREAD);
    else
        l2cap_channel_free(channels, channel);
    event_raise(channels->links->hci->sink, &event);
}

static void raise_received(const struct l2cap_channels *channels, const struct l2cap_channel *channel)
{
    struct bluet_event event = {.code = BLUET_EVENT_L2CAP_RECV, .conn_handle = channel->link->handle};
    event.channel_data.cid = channel->local_cid;
    event_raise(channels->links->hci->sink, &event);
}

BLUET_INTERNAL void l2cap_channels_link_closed(struct l2cap_channels *channels, const struct link *link)
{
    for (uint16_t i = 0; i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        if (channel->state == CHANNEL_FREE || channel->link != link)
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
BLUET_INTERNAL size_t l2cap_channel_frame_limit(const struct link *link, uint16_t mps)
{
    enum { FRAME_LARGEST = 251 };
    size_t packet = link->transmit_octets;
    size_t frame =
        (size_t)mps + L2CAP_HEADER_LENGTH < FRAME_LARGEST ? (size_t)mps + L2CAP_HEADER_LENGTH : FRAME_LARGEST;
    if (frame > packet)
        frame -= frame % packet;
    return frame - L2CAP_HEADER_LENGTH;
}

typedef int (*frame_sender)(struct link_table *, struct link *, uint16_t, const struct bluet_span *, size_t);

/* One K-frame, if there is credit; false: nothing went. */
static bool send_segment_by(struct l2cap_channels *channels, struct l2cap_channel *channel, frame_sender send,
                            bool *out_through)
{
    struct l2cap_outgoing *outgoing = &channel->outgoing;
    struct link *link = channel->link;
    struct l2cap_segment segment;
    if (!l2cap_outgoing_next(outgoing, l2cap_channel_frame_limit(link, outgoing->mps), &segment))
        return false;
    struct bluet_span spans[] = {{segment.sdu_length, segment.first ? L2CAP_SDU_LENGTH_SIZE : 0},
                                 {outgoing->next, segment.octets}};
    size_t skipped = segment.first ? 0 : 1;
    if (send(channels->links, link, channel->peer_cid, spans + skipped, 2 - skipped))
        return false;
    *out_through = l2cap_outgoing_sent(outgoing, &segment);
    return true;
}

/* The same, where nothing else of the link waits and buffers are there. */
static bool send_segment(struct l2cap_channels *channels, struct l2cap_channel *channel, bool *out_through)
{
    struct link *link = channel->link;
    return channel->state == CHANNEL_OPEN && !link->transmit.head && link_allowance(channels->links, link) &&
           send_segment_by(channels, channel, l2cap_send, out_through);
}

/* For struct link_channels: the channels of the link in turn. What has become of it the next flush tells. */
static bool send_between(void *context, struct link *link)
{
    struct l2cap_channels *channels = context;
    for (uint8_t i = 1; channels->waiting && i <= channels->limit; i++) {
        uint16_t turn = (uint16_t)((channels->turn + i) % channels->limit);
        struct l2cap_channel *channel = &channels->channels[turn];
        bool through;
        if (channel->state != CHANNEL_OPEN || channel->link != link || !channel->stalled ||
            !send_segment_by(channels, channel, l2cap_send_first, &through))
            continue;
        channels->turn = turn;
        return true;
    }
    return false;
}

BLUET_INTERNAL int l2cap_channels_send(struct l2cap_channels *channels, struct link *link, uint16_t cid,
                                       const void *data, size_t length)
{
    struct l2cap_channel *channel = l2cap_channel_find_users(channels, link, cid);
    if (!channel || channel->state != CHANNEL_OPEN || length > channel->peer_mtu || length > channel->outgoing.size)
        return BLUET_EINVAL;
    if (channel->outgoing.next)
        return BLUET_EBUSY;
    static const uint8_t nothing = 0;
    l2cap_outgoing_begin(&channel->outgoing, length ? data : &nothing, length);
    bool through = false;
    while (!through && send_segment(channels, channel, &through))
        ;
    l2cap_outgoing_keep(&channel->outgoing);
    channel->stalled = !through;
    channels->waiting = channels->waiting || !through;
    return through;
}

static void raise_channel_ready(const struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    channel->stalled = false;
    struct bluet_event event = {.code = BLUET_EVENT_L2CAP_SEND_READY, .conn_handle = channel->link->handle};
    event.channel_data.cid = channel->local_cid;
    event_raise(channels->links->hci->sink, &event);
}

static void give_credits(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    uint16_t credits = 0;
    if (channel->state == CHANNEL_OPEN)
        credits = l2cap_channel_is_bearer(channels, channel) ? l2cap_bearer_credits(channel)
                                                             : l2cap_incoming_credits(&channel->incoming);
    if (!credits)
        return;
    uint8_t octets[4];
    struct writer parameters = writer_of(octets, sizeof octets);
    write_u16(&parameters, channel->local_cid);
    write_u16(&parameters, credits);
    uint8_t identifier = l2cap_signal_identifier(channels->signal, channel->link); /* nothing answers it */
    if (l2cap_signal_send(channels->signal, channel->link, L2CAP_FLOW_CONTROL_CREDIT, identifier, &parameters))
        channels->waiting = true;
    else
        channel->incoming.granted = (uint16_t)(channel->incoming.granted + credits);
}

/* One frame of each channel in turn, until nothing goes any more. */
BLUET_INTERNAL void l2cap_channels_flush(struct l2cap_channels *channels)
{
    channels->waiting = false;
    for (uint16_t idle = 0; idle < channels->total;) {
        channels->turn = (uint16_t)(channels->turn + 1u < channels->total ? channels->turn + 1u : 0);
        struct l2cap_channel *channel = &channels->channels[channels->turn];
        bool through = false;
        idle++;
        if (channel->state == CHANNEL_OPEN) {
            give_credits(channels, channel);
            if (send_segment(channels, channel, &through))
                idle = 0;
            if (!channel->outgoing.next && channel->stalled)
                raise_channel_ready(channels, channel);
            channels->waiting = channels->waiting || channel->outgoing.next;
        } else if (channel->owes_request) {
            l2cap_channel_send_owed_request(channels, channel);
        }
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
    enum l2cap_outcome outcome = l2cap_incoming_receive(&channel->incoming, payload);
    if (outcome == L2CAP_SDU_BROKEN) {
        hci_protocol_error(channels->links->hci);
        l2cap_channel_request_end(channels, channel);
        return true;
    }
    if (outcome == L2CAP_SDU_WHOLE && l2cap_channel_is_bearer(channels, channel))
        l2cap_bearer_receive(channels, channel);
    else if (outcome == L2CAP_SDU_WHOLE && channel->incoming.whole)
        raise_received(channels, channel);
    give_credits(channels, channel); /* unless the application has ended it */
    return true;
}

BLUET_INTERNAL int l2cap_channels_read(struct l2cap_channels *channels, struct link *link, uint16_t cid, void *out,
                                       size_t size)
{
    struct l2cap_channel *channel = l2cap_channel_find_users(channels, link, cid);
    bool readable = channel && (channel->state == CHANNEL_OPEN || channel->state == CHANNEL_AWAIT_DISCONNECTION ||
                                channel->state == CHANNEL_UNREAD);
    if (!readable)
        return BLUET_EINVAL;
    if (!out)
        return (int)channel->incoming.whole;
    int length = (int)l2cap_incoming_read(&channel->incoming, out, size);
    if (channel->incoming.whole)
        return length;
    if (channel->state == CHANNEL_UNREAD)
        l2cap_channel_free(channels, channel);
    else
        give_credits(channels, channel);
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
    const struct l2cap_listener *listener = listener_find(channels, psm);
    return listener ? listener->mtu : 0;
}

BLUET_INTERNAL int l2cap_channels_listen(struct l2cap_channels *channels, uint16_t psm, uint16_t mtu)
{
    if (!l2cap_psm_is_valid(psm))
        return BLUET_EINVAL;
    if (listener_find(channels, psm) || l2cap_psm_is_of_bearers(channels, psm))
        return BLUET_EALREADY;
    if (channels->listener_count == channels->listener_room) {
        size_t size = channels->listener_room * sizeof *channels->listeners;
        struct l2cap_listener *grown =
            memory_resize(channels_port(channels), channels->listeners, size, size + sizeof *channels->listeners);
        if (!grown)
            return BLUET_ENOMEM;
        channels->listeners = grown;
        channels->listener_room++;
    }
    channels->listeners[channels->listener_count++] = (struct l2cap_listener){psm, l2cap_mtu_clamped(mtu)};
    return BLUET_OK;
}

BLUET_INTERNAL int l2cap_channels_listen_stop(struct l2cap_channels *channels, uint16_t psm)
{
    struct l2cap_listener *listener = listener_find(channels, psm);
    if (!listener)
        return BLUET_EINVAL;
    *listener = channels->listeners[--channels->listener_count];
    return BLUET_OK;
}
