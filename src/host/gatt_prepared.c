/* Prepared writes that wait for their execution: records in a chain of buffers (Vol 3 Part F, 3.4.6). */
#include "host/gatt_prepared.h"

#include "spec/reader.h"
#include "spec/writer.h"

enum { RECORD_HEADER = 6, PART_LEAST = 3 };

static bool add_buffer(struct gatt_prepared_store *store, struct gatt_prepared *queue)
{
    struct buffer *more = store->left && store->pool->free_count ? buffer_copy(store->pool, NULL, 0) : NULL;
    if (!more)
        return false;
    store->left--;
    if (queue->tail)
        queue->tail->next = more;
    else
        queue->head = more;
    queue->tail = more;
    return true;
}

BLUET_INTERNAL bool gatt_prepared_append(struct gatt_prepared_store *store, struct gatt_prepared *queue,
                                         const struct gatt_prepared_write *write)
{
    const size_t size = store->pool->size;
    struct reader value = reader_of(write->value.data, write->value.length);
    uint16_t offset = write->offset;
    if (queue->length + RECORD_HEADER + write->value.length > GATT_PREPARED_LARGEST)
        return false;
    queue->length = (uint16_t)(queue->length + RECORD_HEADER + write->value.length);
    do {
        size_t rest = reader_remaining(&value);
        size_t needed = RECORD_HEADER + (rest < PART_LEAST ? rest : PART_LEAST);
        if ((!queue->tail || size - queue->tail->length < needed) && !add_buffer(store, queue))
            return false;
        struct buffer *tail = queue->tail;
        size_t room = size - tail->length - RECORD_HEADER;
        uint16_t part = (uint16_t)(rest < room ? rest : room);
        struct writer writer = writer_of(tail->data, size);
        writer.length = tail->length;
        write_u16(&writer, write->handle);
        write_u16(&writer, offset);
        write_u16(&writer, part);
        write_octets(&writer, read_span(&value, part), part);
        tail->length = (uint16_t)writer.length;
        offset = (uint16_t)(offset + part);
    } while (reader_remaining(&value));
    return true;
}

BLUET_INTERNAL void gatt_prepared_cut(struct gatt_prepared_store *store, struct gatt_prepared *queue,
                                      const struct gatt_prepared_mark *mark)
{
    struct buffer *tail = mark->queue.tail;
    gatt_prepared_free(store, tail ? tail->next : queue->head);
    *queue = mark->queue;
    if (tail) {
        tail->next = NULL;
        tail->length = mark->tail_length;
    }
}

BLUET_INTERNAL void gatt_prepared_free(struct gatt_prepared_store *store, struct buffer *chain)
{
    uint16_t before = store->pool->free_count;
    buffer_free(store->pool, chain);
    store->left = (uint16_t)(store->left + store->pool->free_count - before);
}

BLUET_INTERNAL bool gatt_prepared_next(struct gatt_prepared_cursor *cursor)
{
    if (cursor->buffer && cursor->position == cursor->buffer->length) {
        cursor->buffer = cursor->buffer->next;
        cursor->position = 0;
    }
    if (!cursor->buffer)
        return false;
    struct reader reader = reader_of(cursor->buffer->data, cursor->buffer->length);
    read_span(&reader, cursor->position);
    uint16_t handle = read_u16(&reader);
    cursor->begins = handle != cursor->write.handle;
    cursor->write.handle = handle;
    cursor->write.offset = read_u16(&reader);
    cursor->write.value.length = read_u16(&reader);
    cursor->write.value.data = read_span(&reader, cursor->write.value.length);
    cursor->position += RECORD_HEADER + cursor->write.value.length;
    return true;
}
