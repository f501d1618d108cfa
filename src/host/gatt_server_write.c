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

static void configure(const struct gatt_exchange *exchange, struct gatt_attribute *configuration, int bits)
{
    if (bits < 0) /* a bit was to be taken back that another write of the same queue has set */
        return;
    gatt_configure(exchange->server, exchange->link, configuration, bits);
    if (configuration->kind != GATT_BROADCAST)
        gatt_server_link(exchange->server, exchange->link)->configured = true;
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
    if (gatt_is_configured(attribute)) {
        int bits = gatt_may_configure(db, exchange->link, attribute, &value);
        if (bits < 0)
            return -bits;
        configure(exchange, attribute, bits);
        return 0;
    }
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
    struct gatt_attribute *attribute;
    struct gatt_prepared_write write;
    write.handle = read_u16(&exchange->request);
    write.offset = read_u16(&exchange->request);
    if (!reader_ok(&exchange->request))
        return ATT_ERROR_INVALID_PDU;
    exchange->handle = write.handle;
    int error = gatt_check_write(exchange, write.offset, &attribute, &write.value);
    if (error)
        return error;
    if (!queue->head)
        queue->generation = server->db->generation;
    exchange->before = gatt_prepared_mark(queue);
    exchange->prepared = gatt_prepared_append(&server->prepared, queue, &write);
    if (!exchange->prepared) {
        gatt_prepared_cut(&server->prepared, queue, &exchange->before);
        return ATT_ERROR_PREPARE_QUEUE_FULL;
    }
    write_u16(&exchange->writer, write.handle);
    write_u16(&exchange->writer, write.offset);
    exchange->tail = write.value;
    return 0;
}

/* ---- Execute Write: 3.4.6.3 ---- */

/*
 * Records of one attribute that follow one another are one write: the first may keep the beginning of the old value,
 * the others go on from it or over it. Joined values keep all of the old one, and their writes begin at 0.
 */

/* How long the value will be when the records before that one have been executed, were its buffer endless. */
static size_t length_before(struct gatt_db *db, const struct buffer *chain, const struct gatt_prepared_cursor *record,
                            const struct gatt_attribute *attribute)
{
    struct gatt_prepared_cursor cursor = gatt_prepared_first(chain);
    size_t length = gatt_db_buffer(db, attribute)->length;
    if (record->begins && attribute->append)
        return 0;
    while (gatt_prepared_next(&cursor) && cursor.write.value.data != record->write.value.data) {
        size_t end = cursor.write.offset + cursor.write.value.length;
        if (cursor.write.handle == record->write.handle && (cursor.begins || end > length))
            length = end;
    }
    return length;
}

static int check_record(struct gatt_db *db, const struct buffer *chain, const struct gatt_prepared_cursor *record,
                        const struct gatt_attribute *attribute)
{
    if (record->write.offset > length_before(db, chain, record, attribute))
        return ATT_ERROR_INVALID_OFFSET;
    size_t largest = attribute->kind == GATT_NAME ? GATT_DEVICE_NAME_LARGEST : ATT_VALUE_LARGEST;
    return record->write.offset + record->write.value.length > largest ? ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH : 0;
}

/* A configuration is written in one piece, or not at all. */
static int may_configure_by(const struct gatt_exchange *exchange, const struct gatt_prepared_write *write,
                            const struct gatt_attribute *configuration)
{
    if (write->offset || write->value.length > 2)
        return -ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH;
    return gatt_may_configure(exchange->server->db, exchange->link, configuration, &write->value);
}

/* Only checks, or does it. The attributes are there: they were when prepared, and the database is the same. */
static int execute(struct gatt_exchange *exchange, const struct buffer *chain, bool checks)
{
    struct gatt_db *db = exchange->server->db;
    struct gatt_prepared_cursor record = gatt_prepared_first(chain);
    size_t base = 0; /* where offset 0 of the value is */
    int error = 0;
    while (!error && gatt_prepared_next(&record)) {
        const struct gatt_prepared_write *write = &record.write;
        struct gatt_attribute *attribute = gatt_db_find(db, write->handle);
        if (checks) {
            exchange->handle = write->handle;
            error = gatt_may_write(exchange->link, attribute, GATT_UNSIGNED);
        }
        if (error)
            continue;
        if (gatt_is_configured(attribute)) {
            int bits = may_configure_by(exchange, write, attribute);
            if (!checks)
                configure(exchange, attribute, bits);
            else if (bits < 0)
                error = -bits;
        } else if (checks) {
            error = check_record(db, chain, &record, attribute);
        } else {
            if (record.begins)
                base = gatt_db_begin_write(db, attribute, write->offset) - write->offset;
            gatt_db_put(db, attribute, base + write->offset, &write->value);
        }
    }
    return error;
}

static void tell_executed(struct gatt_exchange *exchange)
{
    struct gatt_server *server = exchange->server;
    uint16_t generation = server->db->generation;
    struct gatt_prepared_cursor cursor = gatt_prepared_first(exchange->executed);
    while (generation == server->db->generation && gatt_prepared_next(&cursor))
        if (cursor.begins && !gatt_is_configured(gatt_db_find(server->db, cursor.write.handle)))
            raise_written(exchange, cursor.write.handle);
    gatt_prepared_free(&server->prepared, exchange->executed);
}

/* All or nothing, and the queue is empty afterwards in any case. */
BLUET_INTERNAL int gatt_execute_write(struct gatt_exchange *exchange)
{
    enum { CANCEL = 0, WRITE = 1 };
    struct gatt_server *server = exchange->server;
    uint8_t flags = read_u8(&exchange->request);
    struct gatt_prepared *queue = &gatt_server_link(server, exchange->link)->prepared;
    struct buffer *chain = queue->head;
    int error = reader_done(&exchange->request) && flags <= WRITE ? 0 : ATT_ERROR_INVALID_PDU;
    if (!error && chain && flags == WRITE)
        error = queue->generation == server->db->generation ? execute(exchange, chain, true) : ATT_ERROR_UNLIKELY;
    *queue = (struct gatt_prepared){.head = NULL};
    if (error || flags == CANCEL) {
        gatt_prepared_free(&server->prepared, chain);
        return error;
    }
    execute(exchange, chain, false);
    exchange->executed = chain;
    exchange->sequel = tell_executed;
    return 0;
}
