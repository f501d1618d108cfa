/*
 * Prepared writes that wait for their execution: records in a chain of buffers, a queue per link, bounded (Vol 3 Part
 * F, 3.4.6).
 */
#ifndef BLUET_HOST_GATT_PREPARED_H
#define BLUET_HOST_GATT_PREPARED_H

#include "host/buffer.h"
#include "spec/internal.h"

enum { GATT_PREPARED_LARGEST = 1024 /* octets of a queue, 6 of each write included */ };

struct gatt_prepared {
    struct buffer *head, *tail;
    uint16_t length;     /* octets of the writes */
    uint16_t generation; /* of the database, when the first was queued */
};

/* What a queue was like. */
struct gatt_prepared_mark {
    struct gatt_prepared queue;
    uint16_t tail_length;
};

/*
 * A record is within one buffer: a write becomes several, one behind the other in the value, where a buffer ends. Only
 * what has one or two octets, as a configuration has, stays whole.
 */
struct gatt_prepared_write {
    uint16_t handle;
    uint16_t offset;
    struct bluet_span value;
};

/* One record after the other. */
struct gatt_prepared_cursor {
    const struct buffer *buffer;
    size_t position;                  /* of the next */
    struct gatt_prepared_write write; /* this one */
    bool begins;                      /* the one before was of another attribute */
};

/* What all queues take, which is not more than `left` buffers. */
struct gatt_prepared_store {
    struct buffer_pool *pool;
    uint16_t left;
};

/* False: there is no room, and what has been appended is to be taken back. */
BLUET_INTERNAL bool gatt_prepared_append(struct gatt_prepared_store *store, struct gatt_prepared *queue,
                                         const struct gatt_prepared_write *write);
static inline struct gatt_prepared_mark gatt_prepared_mark(const struct gatt_prepared *queue)
{
    return (struct gatt_prepared_mark){*queue, queue->tail ? queue->tail->length : 0};
}

/* Takes back what has been appended since. */
BLUET_INTERNAL void gatt_prepared_cut(struct gatt_prepared_store *store, struct gatt_prepared *queue,
                                      const struct gatt_prepared_mark *mark);
BLUET_INTERNAL void gatt_prepared_free(struct gatt_prepared_store *store, struct buffer *chain);

static inline struct gatt_prepared_cursor gatt_prepared_first(const struct buffer *chain)
{
    return (struct gatt_prepared_cursor){.buffer = chain};
}

/* The next record. False: no more. */
BLUET_INTERNAL bool gatt_prepared_next(struct gatt_prepared_cursor *cursor);

#endif
