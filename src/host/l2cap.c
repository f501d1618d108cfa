/* L2CAP frames out (Vol 3 Part A, 3.1): straight from the caller's memory where nothing has to wait. */
#include "host/l2cap.h"

#include "spec/l2cap.h"
#include "spec/writer.h"

enum { HEADERS_LENGTH = LINK_PACKET_HEADER_LENGTH + L2CAP_HEADER_LENGTH };

BLUET_INTERNAL size_t l2cap_gather(struct l2cap_cursor *cursor, struct bluet_span *out, size_t length)
{
    size_t count = 0;
    while (length && cursor->span != cursor->end) {
        size_t rest = cursor->span->length - cursor->offset;
        size_t part = rest < length ? rest : length;
        out[count++] = (struct bluet_span){(const uint8_t *)cursor->span->data + cursor->offset, part};
        cursor->offset += part;
        length -= part;
        if (part == rest) {
            cursor->span++;
            cursor->offset = 0;
        }
    }
    return count;
}

/* The headers come first in `spans`, which the caller has laid out for a packet that needs no cutting. */
static void send_in_fragments(struct link_table *links, struct link *link, uint8_t *headers,
                              const struct bluet_span *spans, size_t count, size_t length)
{
    struct l2cap_cursor cursor = {spans + 1, spans + count, 0};
    size_t header_length = HEADERS_LENGTH;
    for (bool first = true; first || length; first = false) {
        size_t room = links->hci->acl_length - (header_length - LINK_PACKET_HEADER_LENGTH);
        size_t part = length < room ? length : room;
        struct bluet_span out[1 + L2CAP_SPANS_LARGEST] = {{headers, header_length}};
        size_t out_count = 1 + l2cap_gather(&cursor, out + 1, part);
        link_send_packet(links, link, first, headers, out, out_count, part + header_length - LINK_PACKET_HEADER_LENGTH);
        length -= part;
        header_length = LINK_PACKET_HEADER_LENGTH;
    }
}

static int enqueue_copy(struct link_table *links, struct link *link, const uint8_t *headers, struct bluet_span *spans,
                        size_t count, bool in_front)
{
    spans[0] = (struct bluet_span){headers + LINK_PACKET_HEADER_LENGTH, L2CAP_HEADER_LENGTH};
    struct buffer *frame = buffer_copy(links->pool, spans, count);
    if (!frame)
        return BLUET_ENOMEM;
    if (in_front) {
        link_enqueue_first(link, frame);
        return BLUET_OK;
    }
    link_enqueue(links, link, frame);
    link_pump(links);
    return BLUET_OK;
}

static inline int send_frame(struct link_table *links, struct link *link, uint16_t cid, const struct bluet_span *spans,
                             size_t count, bool in_front)
{
    if (link->state != LINK_OPEN)
        return BLUET_ENOTCONN;
    if (count > L2CAP_SPANS_LARGEST)
        return BLUET_EINVAL;
    uint8_t headers[HEADERS_LENGTH];
    struct bluet_span out[1 + L2CAP_SPANS_LARGEST];
    out[0] = (struct bluet_span){headers, sizeof headers};
    size_t out_count = 1;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].length)
            out[out_count++] = spans[i];
        length += spans[i].length;
    }
    write_u32_at(headers + LINK_PACKET_HEADER_LENGTH, (uint32_t)length | (uint32_t)cid << 16);

    size_t frame_length = length + L2CAP_HEADER_LENGTH;
    size_t allowance = link->transmit.head && !in_front ? 0 : link_allowance(links, link);
    if (allowance && frame_length <= links->hci->acl_length)
        link_send_packet(links, link, true, headers, out, out_count, frame_length);
    else if (frame_length <= allowance * links->hci->acl_length)
        send_in_fragments(links, link, headers, out, out_count, length);
    else
        return enqueue_copy(links, link, headers, out, out_count, in_front);
    return BLUET_OK;
}

BLUET_INTERNAL int l2cap_send(struct link_table *links, struct link *link, uint16_t cid, const struct bluet_span *spans,
                              size_t count)
{
    return send_frame(links, link, cid, spans, count, false);
}

BLUET_INTERNAL int l2cap_send_first(struct link_table *links, struct link *link, uint16_t cid,
                                    const struct bluet_span *spans, size_t count)
{
    return send_frame(links, link, cid, spans, count, true);
}
