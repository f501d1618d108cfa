/*
 * Prepared writes that wait for their execution: records in a chain of buffers, a queue per client, bounded (Vol 3 Part
 * F, 3.4.6).
 */
#ifndef BLUET_HOST_GATT_PREPARED_H
#define BLUET_HOST_GATT_PREPARED_H

#include "host/buffer.h"
#include "spec/internal.h"

enum { GATT_PREPARED_LARGEST = 1024 /* octets of a queue, 6 of each write included */ };

struct gatt_prepared {
    struct buffer *chain;
    uint16_t length;     /* octets in it */
    uint16_t generation; /* of the database, when the first was queued */
};

/* One record after the other: what it says, and where its octets end in the queue, which the next one begins at. */
struct gatt_prepared_cursor {
    const struct gatt_prepared *queue;
    uint16_t end;
    uint16_t handle;
    uint16_t offset;
    uint16_t length;
    bool begins; /* the one before was of another attribute */
};

/* What all queues take, which is not more than `left` buffers. */
struct gatt_prepared_store {
    struct buffer_pool *pool;
    int16_t left;
};

/* The parameters of a Prepare Write Request. False: there is no room. */
BLUET_INTERNAL bool gatt_prepared_append(struct gatt_prepared_store *store, struct gatt_prepared *queue,
                                         const struct bluet_span *request);
/* Leaves only the first `length` octets. */
BLUET_INTERNAL void gatt_prepared_cut(struct gatt_prepared_store *store, struct gatt_prepared *queue, uint16_t length);

/* The next record. False: no more. */
BLUET_INTERNAL bool gatt_prepared_next(struct gatt_prepared_cursor *cursor);

#endif
