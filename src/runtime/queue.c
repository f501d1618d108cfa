/* Octets that wait: one block of memory, taken from its front, moved together when its end is reached. */
#include "runtime/queue.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_CAPACITY = 1024 };

static bool make_room(struct queue *queue, size_t length)
{
    if (length <= queue->capacity - queue->end)
        return true;

    size_t waiting = queue_length(queue);
    if (waiting)
        memmove(queue->data, queue->data + queue->start, waiting);
    queue->start = 0;
    queue->end = waiting;
    if (length <= queue->capacity - waiting)
        return true;

    size_t capacity = queue->capacity ? queue->capacity : LEAST_CAPACITY;
    while (capacity < waiting + length)
        capacity *= 2;
    uint8_t *data = realloc(queue->data, capacity);
    if (!data)
        return false;
    queue->data = data;
    queue->capacity = capacity;
    return true;
}

BLUET_INTERNAL bool queue_append(struct queue *queue, const void *data, size_t length)
{
    if (!length)
        return true;
    if (length > queue->limit || queue_length(queue) > queue->limit - length)
        return false;
    if (!make_room(queue, length))
        return false;
    memcpy(queue->data + queue->end, data, length);
    queue->end += length;
    return true;
}

BLUET_INTERNAL void queue_consume(struct queue *queue, size_t length)
{
    queue->start += length;
    if (queue->start == queue->end)
        queue->start = queue->end = 0;
}

BLUET_INTERNAL void queue_free(struct queue *queue)
{
    free(queue->data);
    *queue = (struct queue){.limit = queue->limit};
}
