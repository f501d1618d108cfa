/*
 * Prepared writes that wait for their execution: records in a chain of buffers, a queue per link, bounded (Vol 3 Part
 * F, 3.4.6).
 */
#ifndef BLUET_HOST_GATT_PREPARED_H
#define BLUET_HOST_GATT_PREPARED_H

#include "host/buffer.h"
#include "spec/internal.h"

enum { GATT_PREPARED_LARGEST = 1024 /* octets of a queue, 6 of each record included */ };

struct gatt_prepared {
    struct buffer *head, *tail;
    uint16_t length;     /* octets in the chain */
    uint16_t buffers;    /* in the chain */
    uint16_t generation; /* of the database, when the first was queued */
};

struct gatt_prepared_write {
    uint16_t handle;
    uint16_t offset;
    uint16_t length; /* of the part value, which gatt_prepared_octets() yields */
};

/* Where in a chain the next octet is. */
struct gatt_prepared_cursor {
    const struct buffer *buffer;
    size_t position;
};

/* False: the queue is full, or would take more than `allowance` buffers. */
BLUET_INTERNAL bool gatt_prepared_append(struct gatt_prepared *queue, struct buffer_pool *pool, size_t allowance,
                                         const struct gatt_prepared_write *write, const void *data);
/* Takes the last octets back: as many as the last append has put there. */
BLUET_INTERNAL void gatt_prepared_cut(struct gatt_prepared *queue, struct buffer_pool *pool, uint16_t length);
/* The queue is empty after it, the chain is the caller's. */
BLUET_INTERNAL struct buffer *gatt_prepared_detach(struct gatt_prepared *queue);

static inline struct gatt_prepared_cursor gatt_prepared_first(const struct buffer *chain)
{
    return (struct gatt_prepared_cursor){chain, 0};
}

/* The next record; its octets must be taken before the one after it. False: no more. */
BLUET_INTERNAL bool gatt_prepared_next(struct gatt_prepared_cursor *cursor, struct gatt_prepared_write *out_write);
/* The next octets that lie together, at most `length`. */
BLUET_INTERNAL struct bluet_span gatt_prepared_octets(struct gatt_prepared_cursor *cursor, size_t length);
BLUET_INTERNAL void gatt_prepared_skip(struct gatt_prepared_cursor *cursor, size_t length);

#endif
