/* L2CAP frames out (Vol 3 Part A, 3.1): straight from the caller's memory where nothing has to wait. */
#include "host/l2cap.h"

#include "spec/l2cap.h"
#include "spec/writer.h"

enum { HEADERS_LENGTH = LINK_PACKET_HEADER_LENGTH + L2CAP_HEADER_LENGTH };

/* Where in a gather list the next octet is. */
struct span_cursor {
    const struct bluet_span *span;
    size_t offset;
};

/* Lists the next `length` octets; returns how many spans they take. */
static size_t cursor_gather(struct span_cursor *cursor, struct bluet_span *out, size_t length)
{
    size_t count = 0;
    while (length) {
        size_t rest = cursor->span->length - cursor->offset;
        size_t part = rest < length ? rest : length;
        if (part)
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

static void send_in_fragments(struct link_table *links, struct link *link, uint8_t *headers,
                              const struct bluet_span *spans, size_t length)
{
    struct span_cursor cursor = {spans, 0};
    size_t header_length = HEADERS_LENGTH;
    for (bool first = true; first || length; first = false) {
        size_t room = links->hci->acl_length - (header_length - LINK_PACKET_HEADER_LENGTH);
        size_t part = length < room ? length : room;
        struct bluet_span out[1 + L2CAP_SPANS_LARGEST] = {{headers, header_length}};
        size_t count = 1 + cursor_gather(&cursor, out + 1, part);
        link_send_packet(links, link, first, headers, out, count, part + header_length - LINK_PACKET_HEADER_LENGTH);
        length -= part;
        header_length = LINK_PACKET_HEADER_LENGTH;
    }
}

static bool may_send_at_once(const struct link_table *links, const struct link *link, size_t frame_length)
{
    if (link->transmit.head)
        return false;
    size_t allowance = link_allowance(links, link);
    return frame_length <= links->hci->acl_length ? allowance > 0 : frame_length <= allowance * links->hci->acl_length;
}

static int enqueue_copy(struct link_table *links, struct link *link, uint8_t *headers, const struct bluet_span *spans,
                        size_t count)
{
    struct bluet_span out[1 + L2CAP_SPANS_LARGEST] = {{headers + LINK_PACKET_HEADER_LENGTH, L2CAP_HEADER_LENGTH}};
    if (count)
        memcpy(out + 1, spans, count * sizeof *spans);
    struct buffer *frame = buffer_copy(links->pool, out, 1 + count);
    if (!frame)
        return BLUET_ENOMEM;
    link_enqueue(links, link, frame);
    link_pump(links);
    return BLUET_OK;
}

BLUET_INTERNAL int l2cap_send(struct link_table *links, struct link *link, uint16_t cid, const struct bluet_span *spans,
                              size_t count)
{
    if (link->state != LINK_OPEN)
        return BLUET_ENOTCONN;
    if (count > L2CAP_SPANS_LARGEST)
        return BLUET_EINVAL;
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += spans[i].length;

    uint8_t headers[HEADERS_LENGTH];
    struct writer writer = writer_of(headers + LINK_PACKET_HEADER_LENGTH, L2CAP_HEADER_LENGTH);
    write_u16(&writer, (uint16_t)length);
    write_u16(&writer, cid);

    if (!may_send_at_once(links, link, length + L2CAP_HEADER_LENGTH))
        return enqueue_copy(links, link, headers, spans, count);
    send_in_fragments(links, link, headers, spans, length);
    return BLUET_OK;
}
