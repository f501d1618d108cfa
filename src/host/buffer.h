/*
 * A pool of buffers of one size, taken once at activation, for what has to wait: outgoing L2CAP frames, the values of
 * client procedures, and incoming frames of which pieces have come, on several links at once. A longer content is a
 * chain. Who waits for buffers learns that there is room again (buffer_pool_was_starved()).
 */
#ifndef BLUET_HOST_BUFFER_H
#define BLUET_HOST_BUFFER_H

#include "bluet/bluet.h"
#include "spec/internal.h"

struct buffer {
    struct buffer *next; /* of the same content */
    uint16_t offset;     /* what has been consumed already */
    uint16_t length;     /* octets in `data`, consumed ones included */
    uint8_t data[];
};

struct buffer_pool {
    struct buffer *free;
    void *memory;
    size_t memory_size;
    uint16_t free_count; /* that may be taken now */
    uint16_t hidden;     /* free too, but not for whoever asks now */
    uint16_t count;
    uint16_t size;
    bool starved;
};

/* -ENOMEM */
BLUET_INTERNAL int buffer_pool_open(struct buffer_pool *pool, const struct bluet_port *port, uint16_t count,
                                    uint16_t size);
BLUET_INTERNAL void buffer_pool_close(struct buffer_pool *pool, const struct bluet_port *port);

/* A chain that holds a copy of the spans, or NULL (and the pool is marked starved). At least one buffer, also if empty.
 */
BLUET_INTERNAL struct buffer *buffer_copy(struct buffer_pool *pool, const struct bluet_span *spans, size_t count);
/* Puts a copy behind what a chain holds; `*chain` NULL begins one. False: there was no buffer for all of it, and what
 * had room is there. Does not mark the pool. */
BLUET_INTERNAL bool buffer_append(struct buffer_pool *pool, struct buffer **chain, const void *data, size_t length);
BLUET_INTERNAL void buffer_free(struct buffer_pool *pool, struct buffer *chain);

/* Whether somebody was refused and there is room again; asks once. */
BLUET_INTERNAL bool buffer_pool_was_starved(struct buffer_pool *pool);

#endif
