/* Bounds-checked reading: reader.h. */
#include "spec/reader.h"

BLUET_INTERNAL const uint8_t *read_span(struct reader *reader, size_t length)
{
    const uint8_t *start = reader->cursor;
    if (length > reader_remaining(reader)) {
        reader->cursor = reader->end;
        reader->failed = true;
        return NULL;
    }
    reader->cursor = start + length;
    return start;
}

BLUET_INTERNAL struct reader read_part(struct reader *reader, size_t length)
{
    const uint8_t *start = read_span(reader, length);
    if (!start)
        return (struct reader){reader->end, reader->end, true};
    return reader_of(start, length);
}

BLUET_INTERNAL void read_octets(struct reader *reader, void *out, size_t length)
{
    const uint8_t *start = read_span(reader, length);
    if (start)
        memcpy(out, start, length);
    else
        memset(out, 0, length);
}

BLUET_INTERNAL void read_reversed(struct reader *reader, uint8_t *out, size_t length)
{
    const uint8_t *from = read_span(reader, length);
    if (!from) {
        memset(out, 0, length);
        return;
    }
    for (uint8_t *to = out + length; to != out;)
        *--to = *from++;
}

BLUET_INTERNAL uint8_t read_u8(struct reader *reader)
{
    const uint8_t *p = read_span(reader, 1);
    return p ? p[0] : 0;
}

BLUET_INTERNAL uint16_t read_u16(struct reader *reader)
{
    const uint8_t *p = read_span(reader, 2);
    return p ? read_u16_at(p) : 0;
}

BLUET_INTERNAL uint32_t read_u24(struct reader *reader)
{
    const uint8_t *p = read_span(reader, 3);
    return p ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 : 0;
}

BLUET_INTERNAL uint32_t read_u32(struct reader *reader)
{
    const uint8_t *p = read_span(reader, 4);
    return p ? read_u32_at(p) : 0;
}

BLUET_INTERNAL uint64_t read_u64(struct reader *reader)
{
    uint64_t low = read_u32(reader);
    return low | (uint64_t)read_u32(reader) << 32;
}
