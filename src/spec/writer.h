/*
 * Builds packets. Every write goes through write_span(), the one bounds check; a write that does not fit changes
 * nothing and marks the writer as failed for good, so that the caller checks once, at the end. Multi-octet fields are
 * little endian (Vol 1 Part E, 2.9).
 */
#ifndef BLUET_SPEC_WRITER_H
#define BLUET_SPEC_WRITER_H

#include "spec/internal.h"

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

/* For room that is known to be there. */
static inline void write_u16_at(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static inline void write_u32_at(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}

/* Room for the next `length` octets, which the caller fills; NULL if there is none. */
BLUET_INTERNAL uint8_t *write_span(struct writer *writer, size_t length);

BLUET_INTERNAL void write_octets(struct writer *writer, const void *data, size_t length);

/* As many of the octets as there is room for; returns how many. Never fails. */
BLUET_INTERNAL size_t write_fitting(struct writer *writer, const void *data, size_t length);

BLUET_INTERNAL void write_reversed(struct writer *writer, const uint8_t *data, size_t length);
BLUET_INTERNAL void write_zeros(struct writer *writer, size_t length);
BLUET_INTERNAL void write_u8(struct writer *writer, uint8_t value);
BLUET_INTERNAL void write_u16(struct writer *writer, uint16_t value);
BLUET_INTERNAL void write_u24(struct writer *writer, uint32_t value);
BLUET_INTERNAL void write_u32(struct writer *writer, uint32_t value);
BLUET_INTERNAL void write_u64(struct writer *writer, uint64_t value);

#endif
