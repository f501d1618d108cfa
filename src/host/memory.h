/* The port's allocator, by its three uses. Taken at activation and by calls that say so; never while sending or
 * receiving. */
#ifndef BLUET_HOST_MEMORY_H
#define BLUET_HOST_MEMORY_H

#include "bluet/bluet.h"

static inline void *memory_take(const struct bluet_port *port, size_t size)
{
    return port->reallocate(port->context, NULL, 0, size);
}

static inline void *memory_resize(const struct bluet_port *port, void *block, size_t old_size, size_t new_size)
{
    return port->reallocate(port->context, block, old_size, new_size);
}

static inline void memory_give(const struct bluet_port *port, void *block, size_t size)
{
    if (block)
        port->reallocate(port->context, block, size, 0);
}

#endif
