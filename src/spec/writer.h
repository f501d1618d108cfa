/*
 * Builds packets. Every write goes through write_span(), the one bounds check; a write that does not fit changes
 * nothing and marks the writer as failed for good, so that the caller checks once, at the end. Multi-octet fields are
 * little endian (Vol 1 Part E, 2.9).
 */
#ifndef BLUET_SPEC_WRITER_H
#define BLUET_SPEC_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t *start;
    size_t length;
    size_t capacity;
    bool failed;
};

static inline struct writer writer_of(void *data, size_t capacity)
{
    return (struct writer){data, 0, capacity, false};
}

static inline size_t writer_room(const struct writer *writer)
{
    return writer->failed ? 0 : writer->capacity - writer->length;
}

static inline bool writer_ok(const struct writer *writer)
{
    return !writer->failed;
}

/* Room for the next `length` octets, which the caller fills; NULL if there is none. */
static inline uint8_t *write_span(struct writer *writer, size_t length)
{
    if (length > writer_room(writer)) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *span = writer->start + writer->length;
    writer->length += length;
    return span;
}

static inline void write_octets(struct writer *writer, const void *data, size_t length)
{
    uint8_t *span = write_span(writer, length);
    if (span && length)
        memcpy(span, data, length);
}

/* As many of the octets as there is room for; returns how many. Never fails. */
static inline size_t write_fitting(struct writer *writer, const void *data, size_t length)
{
    size_t room = writer_room(writer);
    size_t fitting = length < room ? length : room;
    write_octets(writer, data, fitting);
    return fitting;
}

static inline void write_reversed(struct writer *writer, const uint8_t *data, size_t length)
{
    uint8_t *span = write_span(writer, length);
    for (size_t i = 0; span && i < length; i++)
        span[i] = data[length - 1 - i];
}

static inline void write_zeros(struct writer *writer, size_t length)
{
    uint8_t *span = write_span(writer, length);
    if (span)
        memset(span, 0, length);
}

static inline void write_u8(struct writer *writer, uint8_t value)
{
    uint8_t *p = write_span(writer, 1);
    if (p)
        p[0] = value;
}

static inline void write_u16(struct writer *writer, uint16_t value)
{
    uint8_t *p = write_span(writer, 2);
    if (p) {
        p[0] = (uint8_t)value;
        p[1] = (uint8_t)(value >> 8);
    }
}

static inline void write_u24(struct writer *writer, uint32_t value)
{
    uint8_t *p = write_span(writer, 3);
    for (unsigned i = 0; p && i < 3; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static inline void write_u32(struct writer *writer, uint32_t value)
{
    uint8_t *p = write_span(writer, 4);
    for (unsigned i = 0; p && i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static inline void write_u64(struct writer *writer, uint64_t value)
{
    uint8_t *p = write_span(writer, 8);
    for (unsigned i = 0; p && i < 8; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

#endif
