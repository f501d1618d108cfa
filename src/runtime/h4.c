/* The framer of H4 streams (Vol 4 Part A, 2; the packets' headers: Vol 4 Part E, 5.4). */
#include "runtime/h4.h"

#include <stdlib.h>
#include <string.h>

#include "bluet/bluet.h"
#include "runtime/message.h"
#include "spec/reader.h"

enum h4_state { H4_PARTIAL, H4_WHOLE, H4_UNKNOWN_INDICATOR, H4_TOO_LONG };

enum { ISO_LENGTH_MASK = 0x3fff };

BLUET_INTERNAL int h4_framer_create(struct h4_framer *framer, size_t capacity, enum h4_direction direction)
{
    uint8_t *buffer = malloc(capacity);
    if (!buffer)
        return BLUET_ENOMEM;
    *framer = (struct h4_framer){.buffer = buffer, .capacity = capacity, .direction = direction};
    return 0;
}

BLUET_INTERNAL void h4_framer_free(struct h4_framer *framer)
{
    free(framer->buffer);
    *framer = (struct h4_framer){.buffer = NULL};
}

BLUET_INTERNAL void h4_framer_reset(struct h4_framer *framer)
{
    framer->start = framer->end = 0;
}

BLUET_INTERNAL uint8_t *h4_space(struct h4_framer *framer, size_t *out_room)
{
    size_t waiting = framer->end - framer->start;
    if (framer->start && waiting)
        memmove(framer->buffer, framer->buffer + framer->start, waiting);
    framer->start = 0;
    framer->end = waiting;
    *out_room = framer->capacity - waiting;
    return framer->buffer + waiting;
}

BLUET_INTERNAL void h4_filled(struct h4_framer *framer, size_t length)
{
    framer->end += length;
}

static size_t payload_length(struct reader *reader, uint8_t indicator)
{
    switch (indicator) {
    case HCI_COMMAND:
    case HCI_SYNCHRONOUS_DATA:
        read_u16(reader);
        return read_u8(reader);
    case HCI_ACL_DATA:
        read_u16(reader);
        return read_u16(reader);
    case HCI_ISO_DATA:
        read_u16(reader);
        return read_u16(reader) & ISO_LENGTH_MASK;
    default:
        read_u8(reader);
        return read_u8(reader);
    }
}

/* What stands at the front of the buffer; the whole packet's length, once it is known. */
static enum h4_state examine(const struct h4_framer *framer, size_t *out_length)
{
    struct reader reader = reader_of(framer->buffer + framer->start, framer->end - framer->start);
    uint8_t indicator = read_u8(&reader);
    if (!reader_ok(&reader))
        return H4_PARTIAL;
    if (indicator > HCI_ISO_DATA || !(framer->direction & 1 << indicator))
        return H4_UNKNOWN_INDICATOR;

    size_t payload = payload_length(&reader, indicator);
    if (!reader_ok(&reader))
        return H4_PARTIAL;
    size_t header = framer->end - framer->start - reader_remaining(&reader);
    *out_length = header + payload;
    if (*out_length > framer->capacity)
        return H4_TOO_LONG;
    return payload <= reader_remaining(&reader) ? H4_WHOLE : H4_PARTIAL;
}

BLUET_INTERNAL int h4_next(struct h4_framer *framer, const uint8_t **out_packet, size_t *out_length)
{
    switch (examine(framer, out_length)) {
    case H4_WHOLE:
        *out_packet = framer->buffer + framer->start;
        framer->start += *out_length;
        return 1;
    case H4_UNKNOWN_INDICATOR:
        message_set("octet 0x%02x where an HCI packet should begin: this is not H4, or octets were lost",
                    framer->buffer[framer->start]);
        return BLUET_EINVAL;
    case H4_TOO_LONG:
        message_set(
            "an HCI packet announces %zu octets, more than the %zu there may be: this is not H4, or octets were lost",
            *out_length, framer->capacity);
        return BLUET_EINVAL;
    default:
        return 0;
    }
}

BLUET_INTERNAL size_t h4_packet_length(const uint8_t *octets, size_t length)
{
    struct reader reader = reader_of(octets, length);
    uint8_t indicator = read_u8(&reader);
    if (!reader_ok(&reader) || indicator < HCI_COMMAND || indicator > HCI_ISO_DATA)
        return 0;
    size_t payload = payload_length(&reader, indicator);
    return reader_ok(&reader) ? length - reader_remaining(&reader) + payload : 0;
}

/* Command Complete of Reset (Vol 4 Part E, 7.7.14, 7.3.2), whatever its credit. */
static bool is_reset_answer(const uint8_t *octets)
{
    static const uint8_t answer[] = {HCI_EVENT, HCI_EVENT_COMMAND_COMPLETE, 4};
    struct reader reader = reader_of(octets + sizeof answer + 1, 2);
    return memcmp(octets, answer, sizeof answer) == 0 && read_u16(&reader) == HCI_RESET;
}

BLUET_INTERNAL bool h4_seek_reset(struct h4_framer *framer)
{
    enum { LOOKED_AT = 6 };
    for (; framer->end - framer->start >= LOOKED_AT; framer->start++)
        if (is_reset_answer(framer->buffer + framer->start))
            return true;
    return false;
}

BLUET_INTERNAL bool h4_waiting(const struct h4_framer *framer)
{
    size_t length;
    return examine(framer, &length) != H4_PARTIAL;
}
