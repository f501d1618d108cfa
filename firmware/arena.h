/* A fixed piece of memory that blocks are taken of: what stands in for a heap. */
#ifndef FIRMWARE_ARENA_H
#define FIRMWARE_ARENA_H

#include <stddef.h>

/* As struct bluet_port, `reallocate`. */
void *arena_reallocate(void *context, void *block, size_t old_size, size_t new_size);

/* For mbedTLS. */
void *arena_calloc(size_t count, size_t size);
void arena_free(void *block);

#endif
