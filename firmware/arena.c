/*
 * First fit, over blocks that stand one behind the other, each after a word that has its size and whether it is taken.
 * Free neighbours are joined while looking for room. A host takes few blocks, and most of them once.
 */
#include "arena.h"

#include <stdint.h>
#include <string.h>

enum { ARENA_SIZE = 40 * 1024, UNIT = 8, TAKEN = 1 };

struct head {
    uint32_t size; /* this head included; a multiple of UNIT, and TAKEN */
    uint32_t unused;
};

static union {
    struct head first;
    uint64_t aligned;
    uint8_t octets[ARENA_SIZE];
} arena;

static struct head *head_at(size_t offset)
{
    return (struct head *)(void *)(arena.octets + offset);
}

static size_t size_of(const struct head *head)
{
    return head->size & ~(uint32_t)TAKEN;
}

static void *take(size_t size)
{
    if (arena.first.size == 0)
        arena.first.size = ARENA_SIZE;
    if (size > ARENA_SIZE)
        return NULL;
    size = (size + sizeof(struct head) + UNIT - 1) / UNIT * UNIT;
    for (size_t offset = 0; offset < ARENA_SIZE; offset += size_of(head_at(offset))) {
        struct head *head = head_at(offset);
        if (head->size & TAKEN)
            continue;
        while (offset + head->size < ARENA_SIZE && !(head_at(offset + head->size)->size & TAKEN))
            head->size += head_at(offset + head->size)->size;
        if (head->size < size)
            continue;
        if (head->size > size)
            head_at(offset + size)->size = (uint32_t)(head->size - size);
        head->size = (uint32_t)size | TAKEN;
        return head + 1;
    }
    return NULL;
}

void *arena_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    void *other = NULL;
    if (new_size) {
        if (block && new_size + sizeof(struct head) <= size_of((struct head *)block - 1))
            return block;
        other = take(new_size);
        if (!other)
            return NULL;
        if (block)
            memcpy(other, block, old_size < new_size ? old_size : new_size);
    }
    arena_free(block);
    return other;
}

void *arena_calloc(size_t count, size_t size)
{
    void *block = size && count > ARENA_SIZE / size ? NULL : take(count * size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

void arena_free(void *block)
{
    if (block)
        ((struct head *)block - 1)->size &= ~(uint32_t)TAKEN;
}
