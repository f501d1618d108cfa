/* Requests that read: what is there, and what it holds (Vol 3 Part F, 3.4.3, 3.4.4). */
#include "host/gatt_server_read.h"

#include "host/gatt_server_access.h"

enum { ENTRY_VALUE_LARGEST = 255 }; /* an entry of a list, its handles included, has its length in one octet */

/* Handles from `next` to `end`: wider than a handle, so that the one after 0xffff is beyond the end. */
struct range {
    uint32_t next, end;
};

static struct range read_range(struct reader *request)
{
    struct range range = {.next = read_u16(request)};
    range.end = read_u16(request);
    return range;
}

/* Vol 3 Part F, 3.4.3.1, and wherever a range is asked for; once the request is known to be well-formed. */
static int check_range(const struct range *range, struct gatt_response *response)
{
    response->error_handle = (uint16_t)range->next;
    return range->next == 0 || range->next > range->end ? ATT_ERROR_INVALID_HANDLE : 0;
}

/* The range, and the rest of the request: a UUID of 2 or 16 octets. */
static int read_range_and_type(struct reader *request, struct gatt_response *response, struct range *out_range,
                               struct gatt_type *out_type)
{
    *out_range = read_range(request);
    size_t length = reader_remaining(request);
    if (length != 2 && length != 16)
        return ATT_ERROR_INVALID_PDU;
    *out_type = gatt_type_of(read_span(request, length), length);
    return check_range(out_range, response);
}

static const struct gatt_attribute *next_in(const struct gatt_db *db, struct range *range)
{
    if (range->next > range->end)
        return NULL;
    return gatt_db_find(db, (uint16_t)range->next++);
}

static const struct gatt_attribute *next_of_type(const struct gatt_db *db, struct range *range,
                                                 const struct gatt_type *type)
{
    const struct gatt_attribute *attribute = next_in(db, range);
    while (attribute && !gatt_db_has_type(db, attribute, type))
        attribute = next_in(db, range);
    return attribute;
}

/* ---- Find Information: 3.4.3.1 ---- */

BLUET_INTERNAL int gatt_find_information(struct gatt_server *server, struct link *link, struct reader *request,
                                         struct gatt_response *response)
{
    (void)link;
    struct range range = read_range(request);
    if (!reader_done(request))
        return ATT_ERROR_INVALID_PDU;
    int error = check_range(&range, response);
    if (error)
        return error;

    struct writer *writer = &response->writer;
    uint8_t uuid_length = 0;
    for (;;) {
        const struct gatt_attribute *attribute = next_in(server->db, &range);
        if (!attribute)
            break;
        struct bluet_uuid type = gatt_db_type(server->db, attribute);
        if (uuid_length == 0) {
            uuid_length = type.length;
            write_u8(writer, ATT_FIND_INFORMATION_RESPONSE);
            write_u8(writer, uuid_length == 2 ? 1 : 2);
        }
        if (type.length != uuid_length || writer_room(writer) < 2u + uuid_length)
            break;
        write_u16(writer, gatt_db_handle(server->db, attribute));
        write_octets(writer, type.octets, type.length);
    }
    return uuid_length ? 0 : ATT_ERROR_ATTRIBUTE_NOT_FOUND;
}

/* ---- Find By Type Value: 3.4.3.3 ---- */

/* A characteristic ends before the next one or with its service (Vol 3 Part G, 2.5.3). */
static uint16_t end_of_group(const struct gatt_db *db, const struct gatt_attribute *attribute)
{
    uint16_t handle = gatt_db_handle(db, attribute);
    if (attribute->kind == GATT_SERVICE)
        return attribute->last;
    if (attribute->kind != GATT_DECLARATION)
        return handle;
    while (handle < db->count && attribute[1].kind != GATT_SERVICE && attribute[1].kind != GATT_DECLARATION) {
        attribute++;
        handle++;
    }
    return handle;
}

static bool equal(const struct bluet_span *value, const uint8_t *octets, size_t length)
{
    return value->length == length && (length == 0 || memcmp(value->data, octets, length) == 0);
}

/* What may not be read is as if it were not there; the application is asked only about what would be found. */
static bool has_value(struct gatt_server *server, struct link *link, uint16_t handle, struct gatt_response *response,
                      const uint8_t *octets, size_t length)
{
    const struct gatt_attribute *attribute = gatt_db_find(server->db, handle);
    struct bluet_span value = gatt_db_value(server->db, attribute, link->index, response->declaration);
    return equal(&value, octets, length) && gatt_read_value(server, link, handle, response, &value) == 0 &&
           equal(&value, octets, length);
}

BLUET_INTERNAL int gatt_find_by_type_value(struct gatt_server *server, struct link *link, struct reader *request,
                                           struct gatt_response *response)
{
    struct range range = read_range(request);
    const uint8_t *uuid = read_span(request, 2);
    if (!uuid)
        return ATT_ERROR_INVALID_PDU;
    int error = check_range(&range, response);
    if (error)
        return error;
    struct gatt_type type = gatt_type_of(uuid, 2);
    size_t length = reader_remaining(request);
    const uint8_t *octets = read_span(request, length);

    struct writer *writer = &response->writer;
    write_u8(writer, ATT_FIND_BY_TYPE_VALUE_RESPONSE);
    bool found = false;
    while (writer_room(writer) >= 4) {
        const struct gatt_attribute *attribute = next_of_type(server->db, &range, &type);
        if (!attribute)
            break;
        uint16_t handle = gatt_db_handle(server->db, attribute);
        uint16_t end = end_of_group(server->db, attribute);
        if (attribute->kind == GATT_SERVICE)
            range.next = (uint32_t)end + 1;
        if (!has_value(server, link, handle, response, octets, length))
            continue;
        write_u16(writer, handle);
        write_u16(writer, end);
        found = true;
    }
    return found ? 0 : ATT_ERROR_ATTRIBUTE_NOT_FOUND;
}

/* ---- Read By Type: 3.4.4.1 ---- */

/* A list whose entries have all the length of the first, which stands before them. */
struct list {
    struct writer *writer;
    size_t handles_length; /* of each entry */
    uint8_t *entry_length; /* in the response; NULL while there is no entry */
};

/* As much of a value as an entry can hold. */
static size_t fitting(const struct list *list, const struct gatt_response *response, size_t length)
{
    size_t whole =
        response->writer.capacity - 2 < ENTRY_VALUE_LARGEST ? response->writer.capacity - 2 : ENTRY_VALUE_LARGEST;
    size_t room = whole - list->handles_length;
    return length < room ? length : room;
}

static bool list_takes(const struct list *list, size_t value_length)
{
    size_t length = list->handles_length + value_length;
    return !list->entry_length || (*list->entry_length == length && writer_room(list->writer) >= length);
}

static void list_begin_entry(struct list *list, uint8_t opcode, size_t value_length)
{
    if (list->entry_length)
        return;
    write_u8(list->writer, opcode);
    list->entry_length = write_span(list->writer, 1);
    *list->entry_length = (uint8_t)(list->handles_length + value_length);
}

/* 0; an ATT error code; or -1, where the list ends before that attribute. */
static int list_value(struct gatt_server *server, struct link *link, uint16_t handle, struct gatt_response *response,
                      struct list *list)
{
    const struct gatt_attribute *attribute = gatt_db_find(server->db, handle);
    struct bluet_span value = gatt_db_value(server->db, attribute, link->index, response->declaration);
    if (!list_takes(list, fitting(list, response, value.length)))
        return -1;
    int error = gatt_read_value(server, link, handle, response, &value);
    if (error)
        return error;
    size_t length = fitting(list, response, value.length);
    if (!list_takes(list, length))
        return -1;
    list_begin_entry(list, ATT_READ_BY_TYPE_RESPONSE, length);
    write_u16(list->writer, handle);
    write_octets(list->writer, value.data, length);
    return 0;
}

BLUET_INTERNAL int gatt_read_by_type(struct gatt_server *server, struct link *link, struct reader *request,
                                     struct gatt_response *response)
{
    struct range range;
    struct gatt_type type;
    int error = read_range_and_type(request, response, &range, &type);
    if (error)
        return error;

    struct list list = {.writer = &response->writer, .handles_length = 2};
    for (;;) {
        const struct gatt_attribute *attribute = next_of_type(server->db, &range, &type);
        if (!attribute)
            break;
        uint16_t handle = gatt_db_handle(server->db, attribute);
        error = list_value(server, link, handle, response, &list);
        if (error > 0 && !list.entry_length) {
            response->error_handle = handle;
            return error;
        }
        if (error)
            break;
    }
    return list.entry_length ? 0 : ATT_ERROR_ATTRIBUTE_NOT_FOUND;
}

/* ---- Read By Group Type: 3.4.4.9 ---- */

/* Of that type of declaration. */
static const struct gatt_attribute *next_service(const struct gatt_db *db, struct range *range, uint16_t type)
{
    const struct gatt_attribute *attribute = next_in(db, range);
    while (attribute && (attribute->kind != GATT_SERVICE || attribute->flags != type)) {
        if (attribute->kind == GATT_SERVICE)
            range->next = (uint32_t)attribute->last + 1;
        attribute = next_in(db, range);
    }
    if (attribute)
        range->next = (uint32_t)attribute->last + 1;
    return attribute;
}

static void list_services(const struct gatt_server *server, const struct link *link, struct range range, uint16_t type,
                          struct gatt_response *response, struct list *list)
{
    for (;;) {
        const struct gatt_attribute *service = next_service(server->db, &range, type);
        if (!service)
            return;
        struct bluet_span uuid = gatt_db_value(server->db, service, link->index, response->declaration);
        if (!list_takes(list, uuid.length))
            return;
        list_begin_entry(list, ATT_READ_BY_GROUP_TYPE_RESPONSE, uuid.length);
        write_u16(list->writer, gatt_db_handle(server->db, service));
        write_u16(list->writer, service->last);
        write_octets(list->writer, uuid.data, uuid.length);
    }
}

BLUET_INTERNAL int gatt_read_by_group_type(struct gatt_server *server, struct link *link, struct reader *request,
                                           struct gatt_response *response)
{
    struct range range;
    struct gatt_type type;
    int error = read_range_and_type(request, response, &range, &type);
    if (error)
        return error;
    if (type.wide || (type.uuid != GATT_PRIMARY_SERVICE && type.uuid != GATT_SECONDARY_SERVICE))
        return ATT_ERROR_UNSUPPORTED_GROUP_TYPE;

    struct list list = {.writer = &response->writer, .handles_length = 4};
    list_services(server, link, range, type.uuid, response, &list);
    return list.entry_length ? 0 : ATT_ERROR_ATTRIBUTE_NOT_FOUND;
}

/* ---- Read: 3.4.4.3; Read Blob: 3.4.4.5 ---- */

static int respond_with_value(struct gatt_server *server, struct link *link, uint16_t handle, uint16_t offset,
                              enum att_opcode opcode, struct gatt_response *response)
{
    response->error_handle = handle;
    int error = gatt_read_value(server, link, handle, response, &response->tail);
    if (error)
        return error;
    if (offset > response->tail.length)
        return ATT_ERROR_INVALID_OFFSET;
    write_u8(&response->writer, (uint8_t)opcode);
    size_t rest = response->tail.length - offset;
    size_t room = writer_room(&response->writer);
    if (offset)
        response->tail.data = (const uint8_t *)response->tail.data + offset;
    response->tail.length = rest < room ? rest : room;
    return 0;
}

BLUET_INTERNAL int gatt_read(struct gatt_server *server, struct link *link, struct reader *request,
                             struct gatt_response *response)
{
    uint16_t handle = read_u16(request);
    if (!reader_done(request))
        return ATT_ERROR_INVALID_PDU;
    return respond_with_value(server, link, handle, 0, ATT_READ_RESPONSE, response);
}

BLUET_INTERNAL int gatt_read_blob(struct gatt_server *server, struct link *link, struct reader *request,
                                  struct gatt_response *response)
{
    uint16_t handle = read_u16(request);
    uint16_t offset = read_u16(request);
    if (!reader_done(request))
        return ATT_ERROR_INVALID_PDU;
    return respond_with_value(server, link, handle, offset, ATT_READ_BLOB_RESPONSE, response);
}

/* ---- Read Multiple: 3.4.4.7; Read Multiple Variable: 3.4.4.11 ---- */

/* All must be readable, those included that no room is left for. */
static int read_each(struct gatt_server *server, struct link *link, struct reader *request,
                     struct gatt_response *response, bool with_lengths)
{
    if (reader_remaining(request) < 4 || reader_remaining(request) % 2)
        return ATT_ERROR_INVALID_PDU;
    while (reader_remaining(request)) {
        uint16_t handle = read_u16(request);
        struct bluet_span value;
        int error = gatt_read_value(server, link, handle, response, &value);
        if (error) {
            response->error_handle = handle;
            return error;
        }
        if (with_lengths) {
            const uint8_t length[2] = {(uint8_t)value.length, (uint8_t)(value.length >> 8)};
            write_fitting(&response->writer, length, sizeof length);
        }
        write_fitting(&response->writer, value.data, value.length);
    }
    return 0;
}

BLUET_INTERNAL int gatt_read_multiple(struct gatt_server *server, struct link *link, struct reader *request,
                                      struct gatt_response *response)
{
    write_u8(&response->writer, ATT_READ_MULTIPLE_RESPONSE);
    return read_each(server, link, request, response, false);
}

BLUET_INTERNAL int gatt_read_multiple_variable(struct gatt_server *server, struct link *link, struct reader *request,
                                               struct gatt_response *response)
{
    write_u8(&response->writer, ATT_READ_MULTIPLE_VARIABLE_RESPONSE);
    return read_each(server, link, request, response, true);
}
