/* The channels of ATT's enhanced bearers (Vol 3 Part A, 10.2; Part G, 5.3). */
#include "host/l2cap_channel_bearer.h"

#include "host/event.h"
#include "spec/l2cap.h"
#include "spec/writer.h"

enum { SPANS_MOST = 4 };

BLUET_INTERNAL void l2cap_bearers_connect(struct l2cap_channels *channels, struct link *link)
{
    int mtu = channels->owner.mtu(channels->owner.context, link);
    const struct l2cap_channel_plan plan = {
        .link = link,
        .psm = L2CAP_PSM_EATT,
        .mtu = (uint16_t)mtu,
        .bearer = true,
        .enhanced = true,
    };
    if (mtu > 0)
        (void)l2cap_channels_ask(channels, &plan, L2CAP_ENHANCED_MOST);
}

/* One that waits for the peer's word about its end has no room any more, and its owner knows of the end already. */
BLUET_INTERNAL void l2cap_bearer_ended(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t result)
{
    const struct l2cap_bearer_owner *owner = &channels->owner;
    struct link *link = channel->link;
    bool known = !channel->incoming.size;
    buffer_free(channels->links->pool, channel->outgoing.head);
    channel->outgoing.head = NULL;
    channel->incoming.size = 0;
    if (known || channel->state != CHANNEL_AWAIT_DISCONNECTION)
        l2cap_channel_free(channels, channel);
    if (!known)
        owner->ended(owner->context, channel, link, result);
}

BLUET_INTERNAL void l2cap_bearer_close(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    if (channel->state == CHANNEL_OPEN)
        l2cap_channel_request_end(channels, channel);
}

/* ---- Out ---- */

/* One K-frame: out, if there are credits and none waits; otherwise into the queue. The first span is for its header. */
static int put_frame(struct l2cap_channels *channels, struct l2cap_channel *channel, struct bluet_span *spans,
                     size_t count, size_t length)
{
    if (l2cap_bearer_is_ready(channel)) {
        int error = l2cap_send(channels->links, channel->link, channel->peer_cid, spans + 1, count - 1);
        if (!error)
            channel->outgoing.terms.credits--;
        return error;
    }
    uint8_t header[L2CAP_HEADER_LENGTH];
    struct writer writer = writer_of(header, sizeof header);
    write_u32(&writer, (uint32_t)length | (uint32_t)channel->peer_cid << 16);
    spans[0] = (struct bluet_span){header, sizeof header};
    struct buffer **end = &channel->outgoing.head;
    while (*end)
        end = &(*end)->next;
    *end = buffer_copy(channels->links->pool, spans, count);
    spans[0] = (struct bluet_span){NULL, 0};
    return *end ? BLUET_OK : BLUET_ENOMEM;
}

/* A PDU of several frames begins only if there are buffers for all of it: none can be called back. */
static bool has_buffers(struct buffer_pool *pool, size_t length, size_t limit)
{
    size_t frames = (length + limit - 1) / limit;
    size_t each = (limit + L2CAP_HEADER_LENGTH + pool->size - 1) / pool->size;
    if (frames == 1 || frames * each <= pool->free_count)
        return true;
    pool->starved = true;
    return false;
}

BLUET_INTERNAL int l2cap_bearer_send(struct l2cap_channels *channels, struct l2cap_channel *channel,
                                     const struct bluet_span *spans, size_t count)
{
    uint8_t head[L2CAP_SDU_LENGTH_SIZE];
    struct bluet_span sdu[1 + SPANS_MOST];
    sdu[0] = (struct bluet_span){head, sizeof head};
    size_t length = sizeof head;
    for (size_t i = 0; i < count; i++) {
        sdu[1 + i] = spans[i];
        length += spans[i].length;
    }
    struct writer writer = writer_of(head, sizeof head);
    write_u16(&writer, (uint16_t)(length - sizeof head));
    size_t limit = l2cap_channel_frame_limit(channel);
    if (channel->link->state != LINK_OPEN)
        return BLUET_ENOTCONN;
    if (!has_buffers(channels->links->pool, length, limit))
        return BLUET_ENOMEM;
    struct l2cap_cursor cursor = {sdu, sdu + 1 + count, 0};
    int error = BLUET_OK;
    while (length && !error) {
        struct bluet_span frame[1 + 1 + SPANS_MOST];
        size_t part = length < limit ? length : limit;
        size_t used = l2cap_gather(&cursor, frame + 1, part);
        error = put_frame(channels, channel, frame, 1 + used, part);
        length -= part;
    }
    return error;
}

/* The first K-frame of the queue: it begins with a buffer, and ends with one. */
static struct buffer *take_frame(struct l2cap_channel *channel)
{
    struct buffer *frame = channel->outgoing.head;
    struct reader header = reader_of(frame->data, L2CAP_HEADER_LENGTH);
    size_t left = (size_t)read_u16(&header) + L2CAP_HEADER_LENGTH;
    struct buffer *last = frame;
    for (; left > last->length; last = last->next)
        left -= last->length;
    channel->outgoing.head = last->next;
    last->next = NULL;
    return frame;
}

BLUET_INTERNAL void l2cap_bearer_flush(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    while (channel->link->state == LINK_OPEN && channel->outgoing.head && channel->outgoing.terms.credits) {
        channel->outgoing.terms.credits--;
        link_enqueue(channels->links, channel->link, take_frame(channel));
    }
    link_pump(channels->links);
}
