/* Requests and commands that write (Vol 3 Part F, 3.4.5, 3.4.6). */
#include "host/gatt_server_write.h"

#include "host/gatt_server_access.h"

static void raise_written(const struct gatt_server *server, const struct link *link, uint16_t handle)
{
    struct bluet_event event;
    event.code = BLUET_EVENT_GATTS_WRITE;
    event.conn_handle = link->handle;
    event.attribute.attr_handle = handle;
    event_raise(server->sink, &event);
}

static void configure(struct gatt_server *server, const struct link *link, struct gatt_attribute *configuration,
                      uint8_t bits)
{
    if (configuration->kind == GATT_BROADCAST) {
        configuration->bits = bits;
        return;
    }
    gatt_configure(server, link, configuration, bits);
    gatt_server_link(server, link)->configured = true;
}

/* The application hears of writes to what is its own, and to the device name, if it lets clients write that. */
static bool is_told(const struct gatt_attribute *attribute)
{
    return gatt_is_users(attribute) || attribute->kind == GATT_NAME;
}

/* ---- Write Request: 3.4.5.1; Write Command: 3.4.5.3 ---- */

/* `out_written` is 0 where the application is not told. */
static int write_whole(struct gatt_server *server, struct link *link, uint16_t handle, struct reader *value,
                       enum gatt_signature signature, uint16_t *out_written)
{
    struct gatt_attribute *attribute = gatt_db_find(server->db, handle);
    *out_written = 0;
    if (!attribute)
        return ATT_ERROR_INVALID_HANDLE;
    int error = gatt_may_write(link, attribute, signature);
    if (error)
        return error;
    struct reader rest = *value;
    size_t length = reader_remaining(value);
    struct bluet_span octets = {read_span(&rest, length), length};
    error = gatt_ask_write_of(server, link, attribute, 0, &octets);
    if (error)
        return error;
    if (gatt_is_configured(attribute)) {
        uint8_t bits;
        error = gatt_may_configure(server->db, link, attribute, value, &bits);
        if (!error)
            configure(server, link, attribute, bits);
        return error;
    }
    if (attribute->kind == GATT_NAME && octets.length > attribute->size)
        return ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH;
    gatt_db_put(attribute, gatt_db_begin_write(attribute, 0), octets.data, octets.length);
    gatt_db_written(server->db, attribute);
    *out_written = handle;
    return 0;
}

static void tell_written(struct gatt_server *server, struct link *link, const struct gatt_response *response)
{
    raise_written(server, link, response->written_handle);
}

BLUET_INTERNAL int gatt_write(struct gatt_server *server, struct link *link, struct reader *request,
                              struct gatt_response *response)
{
    uint16_t handle = read_u16(request);
    if (!reader_ok(request))
        return ATT_ERROR_INVALID_PDU;
    response->error_handle = handle;
    int error = write_whole(server, link, handle, request, GATT_UNSIGNED, &response->written_handle);
    if (error)
        return error;
    write_u8(&response->writer, ATT_WRITE_RESPONSE);
    if (response->written_handle)
        response->sequel = tell_written;
    return 0;
}

BLUET_INTERNAL void gatt_write_command(struct gatt_server *server, struct link *link, struct reader *request,
                                       enum gatt_signature signature)
{
    uint16_t handle = read_u16(request);
    if (!reader_ok(request)) {
        hci_protocol_error(server->att->links->hci);
        return;
    }
    uint16_t written;
    if (write_whole(server, link, handle, request, signature, &written) == 0 && written)
        raise_written(server, link, written);
}

/* ---- Prepare Write: 3.4.6.1 ---- */

/* The queues of all links together leave half of the pool to others. */
static size_t buffers_left(const struct gatt_server *server)
{
    size_t left = server->att->links->pool->count / 2u;
    for (uint8_t i = 0; i < server->link_count; i++)
        left -= server->links[i].prepared.buffers;
    return left;
}

BLUET_INTERNAL int gatt_prepare_write(struct gatt_server *server, struct link *link, struct reader *request,
                                      struct gatt_response *response)
{
    struct gatt_prepared_write write = {.handle = read_u16(request)};
    write.offset = read_u16(request);
    if (!reader_ok(request))
        return ATT_ERROR_INVALID_PDU;
    response->error_handle = write.handle;
    write.length = (uint16_t)reader_remaining(request);
    const uint8_t *value = read_span(request, write.length);
    const struct gatt_attribute *attribute = gatt_db_find(server->db, write.handle);
    if (!attribute)
        return ATT_ERROR_INVALID_HANDLE;
    struct bluet_span octets = {value, write.length};
    int error = gatt_may_write(link, attribute, GATT_UNSIGNED);
    if (!error)
        error = gatt_ask_write_of(server, link, attribute, write.offset, &octets);
    if (error)
        return error;

    struct gatt_prepared *queue = &gatt_server_link(server, link)->prepared;
    if (!queue->head)
        queue->generation = server->db->generation;
    if (!gatt_prepared_append(queue, server->att->links->pool, buffers_left(server), &write, value))
        return ATT_ERROR_PREPARE_QUEUE_FULL;
    write_u8(&response->writer, ATT_PREPARE_WRITE_RESPONSE);
    write_u16(&response->writer, write.handle);
    write_u16(&response->writer, write.offset);
    write_octets(&response->writer, value, write.length);
    response->prepared = true;
    response->prepared_length = write.length;
    return 0;
}

/* ---- Execute Write: 3.4.6.3 ---- */

/*
 * Records of one attribute that follow one another are one write: the first may keep the beginning of the old value,
 * the others go on from it or over it. Joined values keep all of the old one, and their writes begin at 0.
 */
struct run {
    uint16_t handle; /* of the record before; 0: none */
};

static bool begins_run(struct run *run, const struct gatt_prepared_write *write)
{
    bool begins = run->handle != write->handle;
    run->handle = write->handle;
    return begins;
}

/* How long the value will be when the records before the one at `limit` have been executed, were its buffer endless. */
static size_t length_before(const struct buffer *chain, const struct gatt_prepared_cursor *limit,
                            const struct gatt_attribute *attribute, uint16_t handle, bool begins)
{
    struct gatt_prepared_cursor cursor = gatt_prepared_first(chain);
    struct run run = {0};
    struct gatt_prepared_write write;
    size_t length = attribute->length;
    while ((cursor.buffer != limit->buffer || cursor.position != limit->position) &&
           gatt_prepared_next(&cursor, &write)) {
        bool first = begins_run(&run, &write);
        gatt_prepared_skip(&cursor, write.length);
        if (write.handle != handle)
            continue;
        size_t end = (size_t)write.offset + write.length;
        length = first || end > length ? end : length;
    }
    return begins && attribute->append ? 0 : length;
}

/* A configuration is written in one piece, or not at all. */
static int check_configuration(const struct gatt_db *db, const struct link *link,
                               const struct gatt_attribute *configuration, struct gatt_prepared_cursor cursor,
                               const struct gatt_prepared_write *write, uint8_t *out_bits)
{
    uint8_t octets[2] = {0};
    struct writer writer = writer_of(octets, sizeof octets);
    att_write_chain(&writer, cursor.buffer, cursor.position, write->length);
    struct reader value = reader_of(octets, writer.length);
    if (write->offset || write->length > sizeof octets)
        return ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH;
    return gatt_may_configure(db, link, configuration, &value, out_bits);
}

/*
 * `cursor` stands before the octets of the record, which starts at `start`. The attribute is there: it was when the
 * write was prepared, and the database is the same.
 */
static int check_record(struct gatt_server *server, const struct link *link, const struct buffer *chain,
                        const struct gatt_prepared_cursor *start, const struct gatt_prepared_cursor *cursor,
                        const struct gatt_prepared_write *write, bool begins)
{
    const struct gatt_attribute *attribute = gatt_db_find(server->db, write->handle);
    int error = gatt_may_write(link, attribute, GATT_UNSIGNED);
    if (error)
        return error;
    uint8_t bits;
    if (gatt_is_configured(attribute))
        return check_configuration(server->db, link, attribute, *cursor, write, &bits);
    if (write->offset > length_before(chain, start, attribute, write->handle, begins))
        return ATT_ERROR_INVALID_OFFSET;
    int largest = attribute->kind == GATT_NAME ? GATT_DEVICE_NAME_LARGEST : ATT_VALUE_LARGEST;
    return write->offset + write->length > largest ? ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH : 0;
}

static int check_prepared(struct gatt_server *server, const struct link *link, const struct buffer *chain,
                          uint16_t *out_handle)
{
    struct gatt_prepared_cursor cursor = gatt_prepared_first(chain);
    struct gatt_prepared_cursor start = cursor;
    struct gatt_prepared_write write;
    struct run run = {0};
    while (gatt_prepared_next(&cursor, &write)) {
        *out_handle = write.handle;
        int error = check_record(server, link, chain, &start, &cursor, &write, begins_run(&run, &write));
        if (error)
            return error;
        gatt_prepared_skip(&cursor, write.length);
        start = cursor;
    }
    return 0;
}

static void apply_prepared(struct gatt_server *server, const struct link *link, const struct buffer *chain)
{
    struct gatt_prepared_cursor cursor = gatt_prepared_first(chain);
    struct gatt_prepared_write write;
    struct run run = {0};
    size_t base = 0; /* where offset 0 of the run is */
    while (gatt_prepared_next(&cursor, &write)) {
        struct gatt_attribute *attribute = gatt_db_find(server->db, write.handle);
        if (gatt_is_configured(attribute)) {
            uint8_t bits = 0;
            check_configuration(server->db, link, attribute, cursor, &write, &bits);
            configure(server, link, attribute, bits);
            begins_run(&run, &write);
            gatt_prepared_skip(&cursor, write.length);
            continue;
        }
        if (begins_run(&run, &write))
            base = gatt_db_begin_write(attribute, write.offset) - write.offset;
        for (size_t done = 0; done < write.length;) {
            struct bluet_span part = gatt_prepared_octets(&cursor, write.length - done);
            gatt_db_put(attribute, base + write.offset + done, part.data, part.length);
            done += part.length;
        }
        gatt_db_written(server->db, attribute);
    }
}

static void tell_executed(struct gatt_server *server, struct link *link, const struct gatt_response *response)
{
    uint16_t generation = server->db->generation;
    struct gatt_prepared_cursor cursor = gatt_prepared_first(response->executed);
    struct gatt_prepared_write write;
    struct run run = {0};
    while (generation == server->db->generation && gatt_prepared_next(&cursor, &write)) {
        gatt_prepared_skip(&cursor, write.length);
        if (begins_run(&run, &write) && is_told(gatt_db_find(server->db, write.handle)))
            raise_written(server, link, write.handle);
    }
    buffer_free(server->att->links->pool, response->executed);
}

/* All or nothing, and the queue is empty afterwards in any case. */
BLUET_INTERNAL int gatt_execute_write(struct gatt_server *server, struct link *link, struct reader *request,
                                      struct gatt_response *response)
{
    enum { CANCEL = 0, WRITE = 1 };
    uint8_t flags = read_u8(request);
    bool good = reader_done(request) && flags <= WRITE;
    struct gatt_prepared *queue = &gatt_server_link(server, link)->prepared;
    uint16_t generation = queue->generation;
    struct buffer *chain = gatt_prepared_detach(queue);
    int error = good ? 0 : ATT_ERROR_INVALID_PDU;
    if (!error && chain && flags == WRITE)
        error = generation == server->db->generation ? check_prepared(server, link, chain, &response->error_handle)
                                                     : ATT_ERROR_UNLIKELY;
    if (error || flags == CANCEL) {
        buffer_free(server->att->links->pool, chain);
        chain = NULL;
    }
    if (error)
        return error;
    apply_prepared(server, link, chain);
    write_u8(&response->writer, ATT_EXECUTE_WRITE_RESPONSE);
    if (chain) {
        response->executed = chain;
        response->sequel = tell_executed;
    }
    return 0;
}
