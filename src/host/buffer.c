/* The pool of buffers for what has to wait: one block of memory, a list of what is free in it. */
#include "host/buffer.h"

#include "host/memory.h"

#include <string.h>

static size_t pool_stride(uint16_t size)
{
    size_t stride = sizeof(struct buffer) + size;
    size_t alignment = _Alignof(struct buffer);
    return (stride + alignment - 1) / alignment * alignment;
}

BLUET_INTERNAL int buffer_pool_open(struct buffer_pool *pool, const struct bluet_port *port, uint16_t count,
                                    uint16_t size)
{
    size_t stride = pool_stride(size);
    *pool = (struct buffer_pool){.memory_size = stride * count, .count = count, .size = size};
    pool->memory = memory_take(port, pool->memory_size);
    if (!pool->memory)
        return BLUET_ENOMEM;
    for (size_t i = count; i-- > 0;) {
        struct buffer *buffer = (void *)((uint8_t *)pool->memory + i * stride);
        buffer->next = pool->free;
        pool->free = buffer;
    }
    pool->free_count = count;
    return BLUET_OK;
}

BLUET_INTERNAL void buffer_pool_close(struct buffer_pool *pool, const struct bluet_port *port)
{
    memory_give(port, pool->memory, pool->memory_size);
    *pool = (struct buffer_pool){0};
}

static struct buffer *pool_take(struct buffer_pool *pool)
{
    struct buffer *buffer = pool->free_count ? pool->free : NULL;
    if (buffer) {
        pool->free = buffer->next;
        pool->free_count--;
        buffer->next = NULL;
        buffer->offset = buffer->length = 0;
    }
    return buffer;
}

static void pool_give(struct buffer_pool *pool, struct buffer *buffer)
{
    memset(buffer->data, 0, buffer->length); /* it may have been a key */
    buffer->next = pool->free;
    pool->free = buffer;
    pool->free_count++;
}

BLUET_INTERNAL bool buffer_append(struct buffer_pool *pool, struct buffer **chain, const void *data, size_t length)
{
    const uint8_t *next = data;
    while (*chain && (*chain)->next)
        chain = &(*chain)->next;
    while (length) {
        if (*chain && (*chain)->length == pool->size)
            chain = &(*chain)->next;
        if (!*chain && !(*chain = pool_take(pool)))
            return false;
        struct buffer *tail = *chain;
        size_t room = (size_t)pool->size - tail->length;
        size_t part = length < room ? length : room;
        memcpy(tail->data + tail->length, next, part);
        tail->length = (uint16_t)(tail->length + part);
        next += part;
        length -= part;
    }
    return true;
}

BLUET_INTERNAL struct buffer *buffer_copy(struct buffer_pool *pool, const struct bluet_span *spans, size_t count)
{
    struct buffer *chain = pool_take(pool);
    bool whole = chain;
    for (size_t i = 0; whole && i < count; i++)
        whole = buffer_append(pool, &chain, spans[i].data, spans[i].length);
    if (whole)
        return chain;
    buffer_free(pool, chain);
    pool->starved = true;
    return NULL;
}

BLUET_INTERNAL void buffer_free(struct buffer_pool *pool, struct buffer *chain)
{
    while (chain) {
        struct buffer *next = chain->next;
        pool_give(pool, chain);
        chain = next;
    }
}

BLUET_INTERNAL bool buffer_pool_was_starved(struct buffer_pool *pool)
{
    if (!pool->starved || pool->free_count == 0)
        return false;
    pool->starved = false;
    return true;
}
