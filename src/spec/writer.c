/* Bounds-checked writing: writer.h. */
#include "spec/writer.h"

BLUET_INTERNAL uint8_t *write_span(struct writer *writer, size_t length)
{
    if (length > writer_room(writer)) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *span = writer->start + writer->length;
    writer->length += length;
    return span;
}

BLUET_INTERNAL void write_octets(struct writer *writer, const void *data, size_t length)
{
    uint8_t *span = write_span(writer, length);
    if (span && length)
        memcpy(span, data, length);
}

BLUET_INTERNAL size_t write_fitting(struct writer *writer, const void *data, size_t length)
{
    size_t room = writer_room(writer);
    size_t fitting = length < room ? length : room;
    write_octets(writer, data, fitting);
    return fitting;
}

BLUET_INTERNAL void write_reversed(struct writer *writer, const uint8_t *data, size_t length)
{
    uint8_t *span = write_span(writer, length);
    for (size_t i = 0; span && i < length; i++)
        span[i] = data[length - 1 - i];
}

BLUET_INTERNAL void write_zeros(struct writer *writer, size_t length)
{
    uint8_t *span = write_span(writer, length);
    if (span)
        memset(span, 0, length);
}

BLUET_INTERNAL void write_u8(struct writer *writer, uint8_t value)
{
    uint8_t *p = write_span(writer, 1);
    if (p)
        p[0] = value;
}

BLUET_INTERNAL void write_u16(struct writer *writer, uint16_t value)
{
    uint8_t *p = write_span(writer, 2);
    if (p)
        write_u16_at(p, value);
}

BLUET_INTERNAL void write_u24(struct writer *writer, uint32_t value)
{
    uint8_t *p = write_span(writer, 3);
    if (!p)
        return;
    write_u16_at(p, (uint16_t)value);
    p[2] = (uint8_t)(value >> 16);
}

BLUET_INTERNAL void write_u32(struct writer *writer, uint32_t value)
{
    uint8_t *p = write_span(writer, 4);
    if (p)
        write_u32_at(p, value);
}

BLUET_INTERNAL void write_u64(struct writer *writer, uint64_t value)
{
    uint8_t *p = write_span(writer, 8);
    if (!p)
        return;
    write_u32_at(p, (uint32_t)value);
    write_u32_at(p + 4, (uint32_t)(value >> 32));
}
