/* The one way in which the air takes and gives memory: through the callback of its configuration. */
#ifndef BLUET_AIR_MEMORY_H
#define BLUET_AIR_MEMORY_H

#include <stddef.h>
#include <string.h>

struct air_memory {
    void *(*reallocate)(void *context, void *block, size_t old_size, size_t new_size);
    void *context;
};

static inline void *air_memory_resize(const struct air_memory *memory, void *block, size_t old_size, size_t new_size)
{
    return memory->reallocate(memory->context, block, old_size, new_size);
}

/* Zeroed; NULL if there is none. */
static inline void *air_memory_take(const struct air_memory *memory, size_t size)
{
    void *block = air_memory_resize(memory, NULL, 0, size);
    if (block)
        memset(block, 0, size);
    return block;
}

static inline void air_memory_give(const struct air_memory *memory, void *block, size_t size)
{
    if (block)
        air_memory_resize(memory, block, size, 0);
}

#endif
