/*
 * Reads packets from outside. Every read goes through read_span(), the one bounds check. A read past the end marks the
 * reader as failed, yields zeros, and leaves nothing remaining, so that loops over it end. Multi-octet fields are
 * little endian (Vol 1 Part E, 2.9).
 */
#ifndef BLUET_SPEC_READER_H
#define BLUET_SPEC_READER_H

#include "spec/internal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
    const uint8_t *cursor;
    const uint8_t *end;
    bool failed;
};

static inline struct reader reader_of(const void *data, size_t length)
{
    const uint8_t *start = data;
    return (struct reader){start, length ? start + length : start, false};
}

static inline size_t reader_remaining(const struct reader *reader)
{
    return (size_t)(reader->end - reader->cursor);
}

/* The next octet, which stays; 0 if there is none. */
static inline uint8_t reader_peek(const struct reader *reader)
{
    return reader->cursor != reader->end ? *reader->cursor : 0;
}

/* Nothing was missing: for a PDU whose tail may grow in later versions. */
static inline bool reader_ok(const struct reader *reader)
{
    return !reader->failed;
}

/* Nothing was missing and nothing is left over. */
static inline bool reader_done(const struct reader *reader)
{
    return !reader->failed && reader->cursor == reader->end;
}

/* For octets that are known to be there. */
static inline uint16_t read_u16_at(const uint8_t *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static inline uint32_t read_u32_at(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* The next `length` octets, or NULL if there are not that many. */
BLUET_INTERNAL const uint8_t *read_span(struct reader *reader, size_t length);

/* A reader of the next `length` octets only: for parts that announce their own length. Fails with its parent. */
BLUET_INTERNAL struct reader read_part(struct reader *reader, size_t length);

BLUET_INTERNAL void read_octets(struct reader *reader, void *out, size_t length);

/* Octets that stand in the other order on the air: addresses and keys are shown most significant first. */
BLUET_INTERNAL void read_reversed(struct reader *reader, uint8_t *out, size_t length);

BLUET_INTERNAL uint8_t read_u8(struct reader *reader);
BLUET_INTERNAL uint16_t read_u16(struct reader *reader);
BLUET_INTERNAL uint32_t read_u24(struct reader *reader);
BLUET_INTERNAL uint32_t read_u32(struct reader *reader);
BLUET_INTERNAL uint64_t read_u64(struct reader *reader);

#endif
