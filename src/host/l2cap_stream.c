/* SDUs cut into K-frames and joined again, within credits (Vol 3 Part A, 3.4.3, 10.1). */
#include "host/l2cap_stream.h"

#include "spec/writer.h"

/* ---- Out ---- */

BLUET_INTERNAL void l2cap_outgoing_begin(struct l2cap_outgoing *outgoing, const void *data, size_t length)
{
    outgoing->next = data;
    outgoing->length = (uint16_t)length;
    outgoing->sent = 0;
}

BLUET_INTERNAL bool l2cap_outgoing_next(const struct l2cap_outgoing *outgoing, size_t limit,
                                        struct l2cap_segment *out_segment)
{
    if (!outgoing->next || outgoing->credits == 0)
        return false;
    *out_segment = (struct l2cap_segment){.first = outgoing->sent == 0};
    size_t room = limit < outgoing->mps ? limit : outgoing->mps;
    if (out_segment->first) {
        struct writer writer = writer_of(out_segment->sdu_length, sizeof out_segment->sdu_length);
        write_u16(&writer, outgoing->length);
        room -= L2CAP_SDU_LENGTH_SIZE;
    }
    size_t rest = (size_t)(outgoing->length - outgoing->sent);
    out_segment->octets = (uint16_t)(rest < room ? rest : room);
    return true;
}

BLUET_INTERNAL bool l2cap_outgoing_sent(struct l2cap_outgoing *outgoing, const struct l2cap_segment *segment)
{
    outgoing->credits--;
    outgoing->sent = (uint16_t)(outgoing->sent + segment->octets);
    outgoing->next += segment->octets;
    if (outgoing->sent < outgoing->length)
        return false;
    outgoing->next = NULL;
    return true;
}

BLUET_INTERNAL void l2cap_outgoing_keep(struct l2cap_outgoing *outgoing)
{
    if (!outgoing->next)
        return;
    memcpy(outgoing->copy + outgoing->sent, outgoing->next, (size_t)(outgoing->length - outgoing->sent));
    outgoing->next = outgoing->copy + outgoing->sent;
}

/* ---- In ---- */

/* A division would cost more than all the rest. */
static size_t ring_wrapped(const struct l2cap_incoming *incoming, size_t position)
{
    return position < incoming->size ? position : position - incoming->size;
}

static void ring_put(struct l2cap_incoming *incoming, const uint8_t *data, size_t length)
{
    size_t position = ring_wrapped(incoming, incoming->start + incoming->whole + incoming->joined);
    size_t before_wrap = incoming->size - position;
    size_t part = length < before_wrap ? length : before_wrap;
    memcpy(incoming->ring + position, data, part);
    if (part < length)
        memcpy(incoming->ring, data + part, length - part);
    incoming->joined += length;
}

static size_t ring_room(const struct l2cap_incoming *incoming)
{
    return incoming->size - incoming->whole - incoming->joined;
}

BLUET_INTERNAL enum l2cap_outcome l2cap_incoming_receive(struct l2cap_incoming *incoming, struct reader *payload)
{
    if (incoming->granted == 0 || reader_remaining(payload) > incoming->mps)
        return L2CAP_SDU_BROKEN;
    incoming->granted--;
    bool first = incoming->awaited == 0;
    size_t awaited = first ? read_u16(payload) : incoming->awaited;
    size_t length = reader_remaining(payload);
    if (!reader_ok(payload) || (first && awaited > incoming->mtu) || length > awaited || length > ring_room(incoming))
        return L2CAP_SDU_BROKEN;

    if (length)
        ring_put(incoming, read_span(payload, length), length);
    incoming->awaited = awaited - length;
    if (incoming->awaited)
        return L2CAP_SDU_GOES_ON;
    incoming->whole += incoming->joined;
    incoming->joined = 0;
    return L2CAP_SDU_WHOLE;
}

static void ring_copy(const struct l2cap_incoming *incoming, uint8_t *out, size_t length)
{
    size_t before_wrap = incoming->size - incoming->start;
    size_t part = length < before_wrap ? length : before_wrap;
    if (part)
        memcpy(out, incoming->ring + incoming->start, part);
    if (part < length)
        memcpy(out + part, incoming->ring, length - part);
}

BLUET_INTERNAL void l2cap_incoming_move(struct l2cap_incoming *incoming, uint8_t *ring)
{
    ring_copy(incoming, ring, incoming->whole + incoming->joined);
    incoming->ring = ring;
    incoming->start = 0;
}

BLUET_INTERNAL size_t l2cap_incoming_read(struct l2cap_incoming *incoming, void *out, size_t size)
{
    size_t length = size < incoming->whole ? size : incoming->whole;
    ring_copy(incoming, out, length);
    incoming->start = ring_wrapped(incoming, incoming->start + length);
    incoming->whole -= length;
    return length;
}

/*
 * So many that each could bring a full K-frame; but only once the application has taken all that is whole, and not for
 * less than half of what the ring could hold, so that the credits travel in batches.
 */
BLUET_INTERNAL uint16_t l2cap_incoming_credits(const struct l2cap_incoming *incoming)
{
    if (incoming->whole || incoming->granted > incoming->few)
        return 0;
    size_t frames = ring_room(incoming) / incoming->mps;
    if (frames > UINT16_MAX)
        frames = UINT16_MAX;
    return frames > incoming->granted ? (uint16_t)(frames - incoming->granted) : 0;
}
