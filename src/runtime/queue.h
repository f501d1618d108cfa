/* Octets that wait for a slow reader: a queue that grows as needed, up to a limit. */
#ifndef BLUET_RUNTIME_QUEUE_H
#define BLUET_RUNTIME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/internal.h"

struct queue {
    uint8_t *data;
    size_t start, end, capacity;
    size_t limit; /* most octets that may wait */
};

static inline size_t queue_length(const struct queue *queue)
{
    return queue->end - queue->start;
}

static inline const uint8_t *queue_front(const struct queue *queue)
{
    return queue->data + queue->start;
}

/* All of it or nothing: false when it would exceed the limit, or for want of memory. */
BLUET_INTERNAL bool queue_append(struct queue *queue, const void *data, size_t length);
BLUET_INTERNAL void queue_consume(struct queue *queue, size_t length);
/* Gives the memory back; the queue is empty then and can be used again. */
BLUET_INTERNAL void queue_free(struct queue *queue);

#endif
