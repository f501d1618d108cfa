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

BLUET_INTERNAL bool l2cap_outgoing_next(const struct l2cap_outgoing *outgoing, size_t limit, struct bluet_span *spans,
                                        uint8_t *head)
{
    if (!outgoing->next || !outgoing->terms.credits)
        return false;
    size_t head_length = outgoing->sent ? 0 : L2CAP_SDU_LENGTH_SIZE;
    size_t rest = (size_t)(outgoing->length - outgoing->sent);
    size_t room = limit - head_length;
    head[0] = (uint8_t)outgoing->length;
    head[1] = (uint8_t)(outgoing->length >> 8);
    spans[0] = (struct bluet_span){head, head_length};
    spans[1] = (struct bluet_span){outgoing->next, rest < room ? rest : room};
    return true;
}

BLUET_INTERNAL void l2cap_outgoing_sent(struct l2cap_outgoing *outgoing, size_t octets)
{
    outgoing->terms.credits--;
    outgoing->sent = (uint16_t)(outgoing->sent + octets);
    outgoing->next = outgoing->sent < outgoing->length ? outgoing->next + octets : NULL;
}

BLUET_INTERNAL void l2cap_outgoing_keep(struct l2cap_outgoing *outgoing, uint8_t *copy)
{
    if (!outgoing->next)
        return;
    copy += outgoing->sent;
    memcpy(copy, outgoing->next, (size_t)(outgoing->length - outgoing->sent));
    outgoing->next = copy;
}

/* ---- In ---- */

/* A division would cost more than all the rest. */
static size_t ring_wrapped(const struct l2cap_incoming *incoming, size_t position)
{
    return position < incoming->size ? position : position - incoming->size;
}

static size_t ring_room(const struct l2cap_incoming *incoming)
{
    return incoming->size - incoming->whole - incoming->joined;
}

static void ring_put(struct l2cap_incoming *incoming, const uint8_t *data, size_t length)
{
    size_t position = ring_wrapped(incoming, incoming->start + incoming->whole + incoming->joined);
    size_t before_wrap = incoming->size - position;
    size_t part = length < before_wrap ? length : before_wrap;
    memcpy(incoming->ring + position, data, part);
    if (part < length)
        memcpy(incoming->ring, data + part, length - part);
    incoming->joined = (uint16_t)(incoming->joined + length);
}

BLUET_INTERNAL bool l2cap_incoming_receive(struct l2cap_incoming *incoming, struct reader *payload)
{
    struct l2cap_terms *terms = &incoming->terms;
    size_t awaited = incoming->awaited;
    bool broken = reader_remaining(payload) > terms->mps;
    if (awaited == 0) {
        awaited = read_u16(payload);
        broken = broken || awaited > terms->mtu;
    }
    size_t length = reader_remaining(payload);
    if (broken || !reader_ok(payload) || !terms->credits || length > awaited || length > ring_room(incoming))
        return false;

    terms->credits--;
    ring_put(incoming, payload->cursor, length);
    incoming->awaited = (uint16_t)(awaited - length);
    if (incoming->awaited == 0) {
        incoming->whole += incoming->joined;
        incoming->joined = 0;
    }
    return true;
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
BLUET_INTERNAL uint16_t l2cap_incoming_credits(const struct l2cap_incoming *incoming, size_t most)
{
    size_t granted = incoming->terms.credits;
    if (incoming->whole || granted > incoming->few)
        return 0;
    size_t frames = most ? most : ring_room(incoming) / incoming->terms.mps;
    if (frames > UINT16_MAX)
        frames = UINT16_MAX;
    return (uint16_t)(frames > granted ? frames - granted : 0);
}
