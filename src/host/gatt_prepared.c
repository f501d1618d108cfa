/* Prepared writes that wait for their execution: records in a chain of buffers (Vol 3 Part F, 3.4.6). */
#include "host/gatt_prepared.h"

#include "spec/reader.h"
#include "spec/writer.h"

enum { RECORD_HEADER = 6 };

/* The octets go behind the last ones; only what does not fit there takes buffers, and there are enough. */
static void append_octets(struct gatt_prepared *queue, struct buffer_pool *pool, const uint8_t *data, size_t length)
{
    size_t room = queue->tail ? (size_t)pool->size - queue->tail->length : 0;
    size_t here = length < room ? length : room;
    if (here) {
        memcpy(queue->tail->data + queue->tail->length, data, here);
        queue->tail->length = (uint16_t)(queue->tail->length + here);
    }
    queue->length = (uint16_t)(queue->length + length);
    if (here == length)
        return;
    const struct bluet_span rest = {data + here, length - here};
    struct buffer *more = buffer_copy(pool, &rest, 1);
    if (queue->tail)
        queue->tail->next = more;
    else
        queue->head = more;
    for (; more; more = more->next) {
        queue->tail = more;
        queue->buffers++;
    }
}

static bool has_room(const struct gatt_prepared *queue, const struct buffer_pool *pool, size_t allowance, size_t length)
{
    size_t tail_room = queue->tail ? (size_t)pool->size - queue->tail->length : 0;
    size_t beyond = length > tail_room ? length - tail_room : 0;
    size_t buffers = (beyond + pool->size - 1) / pool->size;
    return queue->length + length <= GATT_PREPARED_LARGEST && buffers <= allowance && buffers <= pool->free_count;
}

BLUET_INTERNAL bool gatt_prepared_append(struct gatt_prepared *queue, struct buffer_pool *pool, size_t allowance,
                                         const struct gatt_prepared_write *write, const void *data)
{
    uint8_t header[RECORD_HEADER] = {0};
    struct writer writer = writer_of(header, sizeof header);
    write_u16(&writer, write->handle);
    write_u16(&writer, write->offset);
    write_u16(&writer, write->length);
    if (!has_room(queue, pool, allowance, sizeof header + write->length))
        return false;
    append_octets(queue, pool, header, sizeof header);
    append_octets(queue, pool, data, write->length);
    return true;
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
    queue->buffers = 1;
    for (; left > buffer->length; buffer = buffer->next) {
        left = (uint16_t)(left - buffer->length);
        queue->buffers++;
    }
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
    uint8_t header[RECORD_HEADER] = {0};
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
