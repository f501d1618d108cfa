/*
 * Prepared writes that wait for their execution: records in a chain of buffers (Vol 3 Part F, 3.4.6). A record is a
 * length, and the parameters of the request.
 */
#include "host/gatt_prepared.h"

#include "host/att.h"

enum { RECORD_LENGTH = 2, RECORD_HEADER = 6 };

BLUET_INTERNAL bool gatt_prepared_append(struct gatt_prepared_store *store, struct gatt_prepared *queue,
                                         const struct bluet_span *request)
{
    struct buffer_pool *pool = store->pool;
    uint16_t before = queue->length;
    uint16_t free_before = pool->free_count;
    uint8_t length[RECORD_LENGTH];
    if (before + RECORD_LENGTH + request->length > GATT_PREPARED_LARGEST)
        return false;
    write_u16_at(length, (uint16_t)request->length);
    bool whole = buffer_append(pool, &queue->chain, length, RECORD_LENGTH) &&
                 buffer_append(pool, &queue->chain, request->data, request->length);
    queue->length = (uint16_t)(before + RECORD_LENGTH + request->length);
    store->left = (int16_t)(store->left - (free_before - pool->free_count));
    if (whole && store->left >= 0)
        return true;
    gatt_prepared_cut(store, queue, before);
    return false;
}

BLUET_INTERNAL void gatt_prepared_cut(struct gatt_prepared_store *store, struct gatt_prepared *queue, uint16_t length)
{
    struct buffer **end = &queue->chain;
    uint16_t free_before = store->pool->free_count;
    queue->length = length;
    for (; length; end = &(*end)->next) {
        if ((*end)->length > length)
            (*end)->length = length;
        length = (uint16_t)(length - (*end)->length);
    }
    buffer_free(store->pool, *end);
    *end = NULL;
    store->left = (int16_t)(store->left + store->pool->free_count - free_before);
}

BLUET_INTERNAL bool gatt_prepared_next(struct gatt_prepared_cursor *cursor)
{
    uint8_t header[RECORD_HEADER] = {0};
    struct writer writer = writer_of(header, sizeof header);
    if (cursor->end == cursor->queue->length)
        return false;
    att_write_chain(&writer, cursor->queue->chain, cursor->end, sizeof header);
    uint16_t handle = read_u16_at(header + RECORD_LENGTH);
    cursor->begins = handle != cursor->handle;
    cursor->handle = handle;
    cursor->offset = read_u16_at(header + 4);
    cursor->length = (uint16_t)(read_u16_at(header) + RECORD_LENGTH - RECORD_HEADER);
    cursor->end = (uint16_t)(cursor->end + RECORD_HEADER + cursor->length);
    return true;
}
