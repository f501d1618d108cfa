/* Memory from the port and back: memory.h. */
#include "host/memory.h"

#include <string.h>

BLUET_INTERNAL void *memory_resize(const struct bluet_port *port, void *block, size_t old_size, size_t new_size)
{
    return port->reallocate(port->context, block, old_size, new_size);
}

BLUET_INTERNAL void *memory_take(const struct bluet_port *port, size_t size)
{
    void *block = memory_resize(port, NULL, 0, size);
    return block ? memset(block, 0, size) : NULL;
}

BLUET_INTERNAL void memory_give(const struct bluet_port *port, void *block, size_t size)
{
    if (block)
        memory_resize(port, block, size, 0);
}
