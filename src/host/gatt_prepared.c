/* Prepared writes that wait for their execution: records in a chain of buffers (Vol 3 Part F, 3.4.6). */
#include "host/gatt_prepared.h"

#include "spec/reader.h"
#include "spec/writer.h"

enum { RECORD_HEADER = 6 };

/* The octets go behind the last ones; only what does not fit there takes buffers. False: too few are free. */
static bool append(struct gatt_prepared *queue, struct buffer_pool *pool, const uint8_t *data, size_t length)
{
    size_t room = queue->tail ? (size_t)pool->size - queue->tail->length : 0;
    size_t here = length < room ? length : room;
    struct bluet_span rest = {data + here, length - here};
    if (rest.length) {
        struct buffer *more = buffer_copy(pool, &rest, 1);
        if (!more)
            return false;
        if (here)
            memcpy(queue->tail->data + queue->tail->length, data, here);
        if (queue->tail) {
            queue->tail->length = (uint16_t)(queue->tail->length + here);
            queue->tail->next = more;
        } else {
            queue->head = more;
        }
        queue->tail = more;
        while (queue->tail->next)
            queue->tail = queue->tail->next;
    } else if (here) {
        memcpy(queue->tail->data + queue->tail->length, data, here);
        queue->tail->length = (uint16_t)(queue->tail->length + here);
    }
    queue->length = (uint16_t)(queue->length + length);
    return true;
}

static bool has_room(const struct gatt_prepared *queue, const struct buffer_pool *pool, size_t length)
{
    size_t tail_room = queue->tail ? (size_t)pool->size - queue->tail->length : 0;
    size_t beyond = length > tail_room ? length - tail_room : 0;
    size_t buffers = (beyond + pool->size - 1) / pool->size;
    return queue->length + length <= GATT_PREPARED_LARGEST && buffers + pool->count / 2 <= pool->free_count;
}

BLUET_INTERNAL bool gatt_prepared_append(struct gatt_prepared *queue, struct buffer_pool *pool, uint16_t handle,
                                         uint16_t offset, const void *data, size_t length)
{
    uint8_t header[RECORD_HEADER];
    struct writer writer = writer_of(header, sizeof header);
    write_u16(&writer, handle);
    write_u16(&writer, offset);
    write_u16(&writer, (uint16_t)length);
    if (!has_room(queue, pool, sizeof header + length))
        return false;
    return append(queue, pool, header, sizeof header) && append(queue, pool, data, length);
}

BLUET_INTERNAL void gatt_prepared_cut(struct gatt_prepared *queue, struct buffer_pool *pool, uint16_t length)
{
    uint16_t left = (uint16_t)(queue->length - length - RECORD_HEADER);
    queue->length = left;
    if (left == 0) {
        buffer_free(pool, queue->head);
        *queue = (struct gatt_prepared){.generation = queue->generation};
        return;
    }
    struct buffer *buffer = queue->head;
    for (; left > buffer->length; buffer = buffer->next)
        left = (uint16_t)(left - buffer->length);
    buffer->length = left;
    buffer_free(pool, buffer->next);
    buffer->next = NULL;
    queue->tail = buffer;
}

BLUET_INTERNAL struct buffer *gatt_prepared_detach(struct gatt_prepared *queue)
{
    struct buffer *chain = queue->head;
    *queue = (struct gatt_prepared){0};
    return chain;
}

BLUET_INTERNAL struct bluet_span gatt_prepared_octets(struct gatt_prepared_cursor *cursor, size_t length)
{
    while (cursor->buffer && cursor->position == cursor->buffer->length)
        *cursor = (struct gatt_prepared_cursor){cursor->buffer->next, 0};
    if (!cursor->buffer)
        return (struct bluet_span){NULL, 0};
    size_t here = cursor->buffer->length - cursor->position;
    struct bluet_span span = {cursor->buffer->data + cursor->position, here < length ? here : length};
    cursor->position += span.length;
    return span;
}

BLUET_INTERNAL void gatt_prepared_skip(struct gatt_prepared_cursor *cursor, size_t length)
{
    while (length) {
        size_t part = gatt_prepared_octets(cursor, length).length;
        if (part == 0)
            return;
        length -= part;
    }
}

BLUET_INTERNAL bool gatt_prepared_next(struct gatt_prepared_cursor *cursor, struct gatt_prepared_write *out_write)
{
    uint8_t header[RECORD_HEADER];
    struct writer writer = writer_of(header, sizeof header);
    while (writer_room(&writer)) {
        struct bluet_span part = gatt_prepared_octets(cursor, writer_room(&writer));
        if (part.length == 0)
            return false;
        write_octets(&writer, part.data, part.length);
    }
    struct reader reader = reader_of(header, sizeof header);
    *out_write = (struct gatt_prepared_write){.handle = read_u16(&reader)};
    out_write->offset = read_u16(&reader);
    out_write->length = read_u16(&reader);
    return true;
}
