/* The port's allocator, by its three uses. Taken at activation and by calls that say so; never while sending or
 * receiving. */
#ifndef BLUET_HOST_MEMORY_H
#define BLUET_HOST_MEMORY_H

#include "bluet/bluet.h"
#include "spec/internal.h"

/* All zeros, or NULL. */
BLUET_INTERNAL void *memory_take(const struct bluet_port *port, size_t size);
BLUET_INTERNAL void *memory_resize(const struct bluet_port *port, void *block, size_t old_size, size_t new_size);
/* `block` may be NULL. */
BLUET_INTERNAL void memory_give(const struct bluet_port *port, void *block, size_t size);

#endif
