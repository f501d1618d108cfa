/* Requests and commands that write (Vol 3 Part F, 3.4.5, 3.4.6). */
#include "host/gatt_server_write.h"

#include "host/gatt_server_access.h"

static void raise_written(const struct gatt_exchange *exchange, uint16_t handle)
{
    struct bluet_event event;
    event.code = BLUET_EVENT_GATTS_WRITE;
    event.conn_handle = exchange->link->handle;
    event.attribute.attr_handle = handle;
    event_raise(exchange->server->sink, &event);
}

/* ---- Write Request: 3.4.5.1; Write Command: 3.4.5.3 ---- */

static void tell_written(struct gatt_exchange *exchange)
{
    raise_written(exchange, exchange->handle);
}

BLUET_INTERNAL int gatt_write(struct gatt_exchange *exchange)
{
    struct gatt_db *db = exchange->server->db;
    struct gatt_attribute *attribute;
    struct bluet_span value;
    exchange->handle = read_u16(&exchange->request);
    if (!reader_ok(&exchange->request))
        return ATT_ERROR_INVALID_PDU;
    int error = gatt_check_write(exchange, 0, &attribute, &value);
    if (error)
        return error;
    if (gatt_is_configured(attribute))
        return gatt_configure(exchange->server, exchange->link, attribute, &value, false);
    if (attribute->kind == GATT_NAME && value.length > db->name.size)
        return ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH;
    gatt_db_put(db, attribute, gatt_db_begin_write(db, attribute, 0), &value);
    exchange->sequel = tell_written;
    return 0;
}

/* ---- Prepare Write: 3.4.6.1 ---- */

BLUET_INTERNAL int gatt_prepare_write(struct gatt_exchange *exchange)
{
    struct gatt_server *server = exchange->server;
    struct gatt_prepared *queue = &gatt_server_link(server, exchange->link)->prepared;
    const struct bluet_span whole = {exchange->request.cursor, reader_remaining(&exchange->request)};
    struct gatt_attribute *attribute;
    struct bluet_span value;
    uint16_t handle = read_u16(&exchange->request);
    uint16_t offset = read_u16(&exchange->request);
    if (!reader_ok(&exchange->request))
        return ATT_ERROR_INVALID_PDU;
    exchange->handle = handle;
    int error = gatt_check_write(exchange, offset, &attribute, &value);
    if (error)
        return error;
    if (queue->length == 0)
        queue->generation = server->db->generation;
    exchange->prepared_before = queue->length;
    exchange->prepared = gatt_prepared_append(&server->prepared, queue, &whole);
    exchange->tail = whole;
    return exchange->prepared ? 0 : ATT_ERROR_PREPARE_QUEUE_FULL;
}

/* ---- Execute Write: 3.4.6.3 ---- */

/*
 * Records of one attribute that follow one another are one write: the first may keep the beginning of the old value,
 * the others go on from it or over it. Joined values keep all of the old one, and their writes begin at 0.
 */

/* How long the value will be when the records before that one have been executed, were its buffer endless. */
static size_t length_before(struct gatt_db *db, const struct gatt_prepared_cursor *record,
                            const struct gatt_attribute *attribute)
{
    struct gatt_prepared_cursor cursor = {.queue = record->queue};
    size_t length = gatt_db_buffer(db, attribute)->length;
    if (record->begins && attribute->append)
        return 0;
    while (gatt_prepared_next(&cursor) && cursor.end != record->end) {
        size_t end = (size_t)cursor.offset + cursor.length;
        if (cursor.handle == record->handle && (cursor.begins || end > length))
            length = end;
    }
    return length;
}

static int check_record(struct gatt_db *db, const struct gatt_prepared_cursor *record,
                        const struct gatt_attribute *attribute)
{
    if (record->offset > length_before(db, record, attribute))
        return ATT_ERROR_INVALID_OFFSET;
    size_t largest = attribute->kind == GATT_NAME ? GATT_DEVICE_NAME_LARGEST : ATT_VALUE_LARGEST;
    return (size_t)record->offset + record->length > largest ? ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH : 0;
}

/*
 * Only checks, or does it. The attributes are there: they were when prepared, and the database is the same. What is
 * refused only when it is done is a bit to be taken back that another write of the same queue has set; it stays.
 */
static int execute(struct gatt_exchange *exchange, bool checks)
{
    struct gatt_server *server = exchange->server;
    struct gatt_prepared_cursor record = {.queue = &exchange->executed};
    size_t base = 0; /* where offset 0 of the value is */
    int error = 0;
    while (!(checks && error) && gatt_prepared_next(&record)) {
        struct gatt_attribute *attribute = gatt_db_find(server->db, record.handle);
        struct writer writer = writer_of(server->att->scratch, server->att->scratch_size);
        att_write_chain(&writer, record.queue->chain, (size_t)record.end - record.length, record.length);
        const struct bluet_span value = {writer.start, writer.length};
        exchange->handle = record.handle;
        error = gatt_may_write(exchange->link, attribute, GATT_UNSIGNED);
        if (error)
            continue;
        if (gatt_is_configured(attribute)) { /* in one piece, or not at all */
            error = record.offset || record.length > 2
                        ? ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH
                        : gatt_configure(server, exchange->link, attribute, &value, checks);
        } else if (checks) {
            error = check_record(server->db, &record, attribute);
        } else {
            if (record.begins)
                base = gatt_db_begin_write(server->db, attribute, record.offset) - record.offset;
            gatt_db_put(server->db, attribute, base + record.offset, &value);
        }
    }
    return error;
}

static void tell_executed(struct gatt_exchange *exchange)
{
    struct gatt_server *server = exchange->server;
    uint16_t generation = server->db->generation;
    struct gatt_prepared_cursor record = {.queue = &exchange->executed};
    while (generation == server->db->generation && gatt_prepared_next(&record))
        if (record.begins && !gatt_is_configured(gatt_db_find(server->db, record.handle)))
            raise_written(exchange, record.handle);
    gatt_prepared_cut(&server->prepared, &exchange->executed, 0);
}

/* All or nothing, and the queue is empty afterwards in any case. */
BLUET_INTERNAL int gatt_execute_write(struct gatt_exchange *exchange)
{
    enum { CANCEL = 0, WRITE = 1 };
    struct gatt_server *server = exchange->server;
    uint8_t flags = read_u8(&exchange->request);
    struct gatt_prepared *queue = &gatt_server_link(server, exchange->link)->prepared;
    int error = reader_done(&exchange->request) && flags <= WRITE ? 0 : ATT_ERROR_INVALID_PDU;
    exchange->executed = *queue;
    *queue = (struct gatt_prepared){.chain = NULL};
    if (!error && exchange->executed.length && flags == WRITE)
        error = exchange->executed.generation == server->db->generation ? execute(exchange, true) : ATT_ERROR_UNLIKELY;
    if (error || flags == CANCEL) {
        gatt_prepared_cut(&server->prepared, &exchange->executed, 0);
        return error;
    }
    execute(exchange, false);
    exchange->sequel = tell_executed;
    return 0;
}
