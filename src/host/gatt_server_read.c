/* Requests that read: what is there, and what it holds (Vol 3 Part F, 3.4.3, 3.4.4). */
#include "host/gatt_server_read.h"

#include "host/gatt_server_access.h"

/* ---- Those that search a range of handles, and answer with a list ---- */

/*
 * They differ in what an entry is:
 *
 *     Find Information (3.4.3.1)    of every attribute: handle and type
 *     Find By Type Value (3.4.3.3)  of those of that type and value: handle, and last handle of the group
 *     Read By Type (3.4.4.1)        of those of that type: handle and value
 *     Read By Group Type (3.4.4.9)  of services of that type: handle, last handle, and value
 *
 * All entries are as long as the first. Unless there is no doubt, its length, or a format, stands before them.
 */
struct search {
    size_t handles_length; /* of an entry */
    size_t entry_length;   /* 0: there is none yet */
    uint32_t next, end;    /* wider than a handle, so that the one after 0xffff is beyond the end */
    struct gatt_type type;
};

enum { ENTRY_LARGEST = 255 };

/* What is left of the request is the value that is looked for. */
static int read_search(struct gatt_exchange *exchange, struct search *search)
{
    struct reader *request = &exchange->request;
    uint8_t opcode = exchange->opcode;
    search->next = read_u16(request);
    search->end = read_u16(request);
    search->entry_length = 0;
    search->handles_length =
        opcode == ATT_FIND_BY_TYPE_VALUE_REQUEST || opcode == ATT_READ_BY_GROUP_TYPE_REQUEST ? 4 : 2;
    size_t length = opcode == ATT_FIND_BY_TYPE_VALUE_REQUEST ? 2 : reader_remaining(request);
    const uint8_t *uuid = read_span(request, length);
    if (!reader_ok(request) ||
        (opcode == ATT_FIND_INFORMATION_REQUEST ? length != 0 : length != 2 && length != sizeof search->type.expanded))
        return ATT_ERROR_INVALID_PDU;
    exchange->handle = (uint16_t)search->next;
    if (search->next == 0 || search->next > search->end)
        return ATT_ERROR_INVALID_HANDLE;
    if (exchange->last_listed) { /* it is made again */
        search->next = exchange->first_listed;
        search->end = exchange->last_listed;
    }
    if (length == 0)
        return 0;
    gatt_type_of(&search->type, uuid, length);
    bool grouping = !search->type.wide &&
                    (search->type.uuid == GATT_PRIMARY_SERVICE || search->type.uuid == GATT_SECONDARY_SERVICE);
    return opcode == ATT_READ_BY_GROUP_TYPE_REQUEST && !grouping ? ATT_ERROR_UNSUPPORTED_GROUP_TYPE : 0;
}

/* A characteristic ends before the next one or with its service (Vol 3 Part G, 2.5.3). */
static uint16_t end_of_group(const struct gatt_db *db, uint16_t handle)
{
    const struct gatt_attribute *attribute = gatt_db_find(db, handle);
    if (attribute->kind == GATT_SERVICE)
        return attribute->last;
    if (attribute->kind == GATT_DECLARATION)
        while (handle < db->count && (++attribute)->kind > GATT_DECLARATION)
            handle++;
    return handle;
}

enum verdict { ENTRY_IS_NEXT, ENTRY_IS_NONE, ENTRY_IS_TOO_MUCH };

/* What of the value goes into the entry is left of it. */
static enum verdict judge(const struct gatt_exchange *exchange, const struct search *search, struct bluet_span *value)
{
    if (exchange->opcode == ATT_FIND_BY_TYPE_VALUE_REQUEST) {
        size_t length = reader_remaining(&exchange->request);
        if (value->length != length || (length && memcmp(value->data, exchange->request.cursor, length) != 0))
            return ENTRY_IS_NONE;
        value->length = 0;
    }
    size_t whole = exchange->writer.capacity - 2 < ENTRY_LARGEST ? exchange->writer.capacity - 2 : ENTRY_LARGEST;
    size_t length = search->handles_length + value->length;
    if (length > whole)
        length = whole;
    value->length = length - search->handles_length;
    bool fits = !search->entry_length || (search->entry_length == length && writer_room(&exchange->writer) >= length);
    return fits ? ENTRY_IS_NEXT : ENTRY_IS_TOO_MUCH;
}

static void write_list_entry(struct gatt_exchange *exchange, struct search *search, uint16_t handle,
                             const struct bluet_span *value)
{
    struct writer *writer = &exchange->writer;
    exchange->last_listed = handle;
    if (!search->entry_length) {
        exchange->first_listed = handle;
        search->entry_length = search->handles_length + value->length;
        if (exchange->opcode == ATT_FIND_INFORMATION_REQUEST)
            write_u8(writer, value->length == 2 ? 1 : 2);
        else if (exchange->opcode != ATT_FIND_BY_TYPE_VALUE_REQUEST)
            write_u8(writer, (uint8_t)search->entry_length);
    }
    write_u16(writer, handle);
    if (search->handles_length > 2)
        write_u16(writer, end_of_group(exchange->server->db, handle));
    write_octets(writer, value->data, value->length);
}

/*
 * 0; an ATT error code; or -1, where the list ends before that attribute. What may not be read is found by its type,
 * not by its value; the application is asked only about what would be in the list, and may change it: so a value is
 * judged twice. What it refuses is not in between: so all of a list may be put together again.
 */
static int add_list_entry(struct gatt_exchange *exchange, struct search *search, uint16_t handle)
{
    struct gatt_db *db = exchange->server->db;
    const struct gatt_attribute *attribute = gatt_db_find(db, handle);
    struct bluet_span value = {exchange->declaration, 0};
    bool of_type = exchange->opcode == ATT_FIND_INFORMATION_REQUEST;
    for (int round = of_type; round < 2; round++) {
        int error = 0;
        if (of_type) {
            struct writer writer = writer_of(exchange->declaration, sizeof exchange->declaration);
            gatt_db_write_type(db, attribute, &writer);
            value.length = writer.length;
        } else if (round == 0) {
            gatt_db_value(db, attribute, exchange->link->index, exchange->declaration, &value);
        } else {
            error = gatt_read_value(exchange, handle, &value);
        }
        if (error && exchange->opcode == ATT_FIND_BY_TYPE_VALUE_REQUEST && !(exchange->refused && search->entry_length))
            return 0;
        if (error) {
            exchange->handle = handle;
            return error;
        }
        enum verdict verdict = judge(exchange, search, &value);
        if (verdict != ENTRY_IS_NEXT)
            return verdict == ENTRY_IS_NONE ? 0 : -1;
    }
    write_list_entry(exchange, search, handle, &value);
    return 0;
}

BLUET_INTERNAL int gatt_search(struct gatt_exchange *exchange)
{
    const struct gatt_db *db = exchange->server->db;
    struct search search;
    int error = read_search(exchange, &search);
    while (!error && search.next <= search.end) {
        uint16_t handle = (uint16_t)search.next++;
        const struct gatt_attribute *attribute = gatt_db_find(db, handle);
        if (!attribute)
            break;
        if (exchange->opcode != ATT_FIND_INFORMATION_REQUEST && !gatt_db_has_type(db, attribute, &search.type))
            continue;
        if (search.handles_length > 2 && attribute->kind == GATT_SERVICE)
            search.next = (uint32_t)attribute->last + 1;
        error = add_list_entry(exchange, &search, handle);
    }
    if (search.entry_length)
        return 0;
    return error > 0 ? error : ATT_ERROR_ATTRIBUTE_NOT_FOUND;
}

/* ---- Read: 3.4.4.3; Read Blob: 3.4.4.5 ---- */

BLUET_INTERNAL int gatt_read(struct gatt_exchange *exchange)
{
    struct bluet_span *tail = &exchange->tail;
    uint16_t handle = read_u16(&exchange->request);
    uint16_t offset = exchange->opcode == ATT_READ_BLOB_REQUEST ? read_u16(&exchange->request) : 0;
    if (!reader_done(&exchange->request))
        return ATT_ERROR_INVALID_PDU;
    exchange->handle = handle;
    int error = gatt_read_value(exchange, handle, tail);
    if (error)
        return error;
    if (offset > tail->length)
        return ATT_ERROR_INVALID_OFFSET;
    size_t rest = tail->length - offset;
    size_t room = writer_room(&exchange->writer);
    if (offset)
        tail->data = (const uint8_t *)tail->data + offset;
    tail->length = rest < room ? rest : room;
    return 0;
}

/* ---- Read Multiple: 3.4.4.7; Read Multiple Variable: 3.4.4.11 ---- */

/* All must be readable, those included that no room is left for. */
BLUET_INTERNAL int gatt_read_multiple(struct gatt_exchange *exchange)
{
    struct reader *handles = &exchange->request;
    if (reader_remaining(handles) < 4 || reader_remaining(handles) % 2)
        return ATT_ERROR_INVALID_PDU;
    while (reader_remaining(handles)) {
        exchange->handle = read_u16(handles);
        struct bluet_span value;
        int error = gatt_read_value(exchange, exchange->handle, &value);
        if (error)
            return error;
        if (exchange->opcode == ATT_READ_MULTIPLE_VARIABLE_REQUEST) {
            const uint8_t length[2] = {(uint8_t)value.length, (uint8_t)(value.length >> 8)};
            write_fitting(&exchange->writer, length, sizeof length);
        }
        write_fitting(&exchange->writer, value.data, value.length);
    }
    return 0;
}
