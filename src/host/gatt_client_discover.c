/*
 * What discoveries say and hear (Vol 3 Part G, 4.4, 4.6, 4.7). Handles in what a server lists must rise, within the
 * range that was asked for: so every answer brings a discovery forward, or ends it.
 */
#include "host/gatt_client_discover.h"

#include "host/gatt_type.h"

enum { HANDLE_LAST = 0xffff };

static int ask_range(struct gatt_client *client, const struct gatt_procedure *procedure, enum att_opcode opcode,
                     uint16_t type, const struct bluet_uuid *value)
{
    uint8_t request[7 + sizeof value->octets];
    struct writer writer = writer_of(request, sizeof request);
    write_u8(&writer, (uint8_t)opcode);
    write_u16(&writer, procedure->handle);
    write_u16(&writer, procedure->end_handle);
    if (type)
        write_u16(&writer, type);
    if (value)
        write_octets(&writer, value->octets, value->length);
    const struct bluet_span span = {request, writer.length};
    return att_send_request(client->att, procedure->bearer, &span, 1);
}

/* Where the next request starts, if there is to be one. */
static enum gatt_step go_on_after(struct gatt_procedure *procedure, uint16_t handle)
{
    if (handle >= procedure->end_handle)
        return GATT_STEP_END;
    procedure->handle = (uint16_t)(handle + 1);
    return GATT_STEP_REQUEST;
}

static struct bluet_uuid read_uuid(struct reader *reader, size_t length)
{
    struct bluet_uuid uuid = {.length = (uint8_t)length};
    read_octets(reader, uuid.octets, length);
    return uuid;
}

/* ---- Services: Vol 3 Part G, 4.4 ---- */

static void raise_service(const struct gatt_client *client, const struct link *link, uint16_t definition,
                          uint16_t start, uint16_t end, const struct bluet_uuid *uuid)
{
    struct bluet_event event = {.code = BLUET_EVENT_GATTC_SERVICE_RESULT, .conn_handle = link->handle};
    event.service_result.def_handle = definition;
    event.service_result.start_handle = start;
    event.service_result.end_handle = end;
    event.service_result.uuid = *uuid;
    event_raise(client->sink, &event);
}

static bool range_is_good(uint16_t start, uint16_t end, uint32_t expected)
{
    return start >= expected && end >= start;
}

BLUET_INTERNAL int gatt_ask_services(struct gatt_client *client, struct gatt_procedure *procedure)
{
    return ask_range(client, procedure, ATT_READ_BY_GROUP_TYPE_REQUEST, GATT_PRIMARY_SERVICE, NULL);
}

BLUET_INTERNAL enum gatt_step gatt_hear_services(struct gatt_client *client, struct link *link,
                                                 struct gatt_procedure *procedure, struct reader *response)
{
    enum { SHORT_ENTRY = 6, LONG_ENTRY = 20, HANDLES = 4 };
    size_t entry = read_u8(response);
    if ((entry != SHORT_ENTRY && entry != LONG_ENTRY) || reader_remaining(response) == 0 ||
        reader_remaining(response) % entry)
        return GATT_STEP_PROTOCOL;
    uint32_t expected = procedure->handle;
    while (reader_remaining(response)) {
        uint16_t start = read_u16(response);
        uint16_t end = read_u16(response);
        struct bluet_uuid uuid = read_uuid(response, entry - HANDLES);
        if (!range_is_good(start, end, expected))
            return GATT_STEP_PROTOCOL;
        expected = (uint32_t)end + 1;
        raise_service(client, link, start, start, end, &uuid);
    }
    return go_on_after(procedure, (uint16_t)(expected - 1));
}

BLUET_INTERNAL int gatt_ask_services_by_uuid(struct gatt_client *client, struct gatt_procedure *procedure)
{
    return ask_range(client, procedure, ATT_FIND_BY_TYPE_VALUE_REQUEST, GATT_PRIMARY_SERVICE, &procedure->uuid);
}

BLUET_INTERNAL enum gatt_step gatt_hear_services_by_uuid(struct gatt_client *client, struct link *link,
                                                         struct gatt_procedure *procedure, struct reader *response)
{
    enum { ENTRY = 4 };
    if (reader_remaining(response) == 0 || reader_remaining(response) % ENTRY)
        return GATT_STEP_PROTOCOL;
    uint32_t expected = procedure->handle;
    while (reader_remaining(response)) {
        uint16_t start = read_u16(response);
        uint16_t end = read_u16(response);
        if (!range_is_good(start, end, expected))
            return GATT_STEP_PROTOCOL;
        expected = (uint32_t)end + 1;
        raise_service(client, link, start, start, end, &procedure->uuid);
    }
    return go_on_after(procedure, (uint16_t)(expected - 1));
}

/* ---- Included services: Vol 3 Part G, 4.5.1 ---- */

enum { INCLUDED_LONG_ENTRY = 6, INCLUDED_SHORT_ENTRY = 8 };

struct included {
    uint16_t definition, start, end;
};

static struct included read_included(struct reader *reader)
{
    struct included included;
    included.definition = read_u16(reader);
    included.start = read_u16(reader);
    included.end = read_u16(reader);
    return included;
}

/* Of those that were listed without a UUID, the one that is looked at. */
static struct included current_included(const struct gatt_procedure *procedure)
{
    uint8_t entry[INCLUDED_LONG_ENTRY];
    struct writer writer = writer_of(entry, sizeof entry);
    att_write_chain(&writer, procedure->value, procedure->record, sizeof entry);
    struct reader reader = reader_of(entry, writer.length);
    return read_included(&reader);
}

BLUET_INTERNAL int gatt_ask_included(struct gatt_client *client, struct gatt_procedure *procedure)
{
    if (procedure->phase == GATT_LISTING)
        return ask_range(client, procedure, ATT_READ_BY_TYPE_REQUEST, GATT_INCLUDE, NULL);
    uint16_t start = current_included(procedure).start;
    const uint8_t request[] = {ATT_READ_REQUEST, (uint8_t)start, (uint8_t)(start >> 8)};
    const struct bluet_span span = {request, sizeof request};
    return att_send_request(client->att, procedure->bearer, &span, 1);
}

/* Goes through the entries: true, all are good. Those with a UUID are raised, if that is asked for. */
static bool read_entries(const struct gatt_client *client, const struct link *link,
                         const struct gatt_procedure *procedure, struct reader entries, size_t entry, bool raise,
                         uint16_t *out_last)
{
    uint32_t expected = procedure->handle;
    while (reader_remaining(&entries)) {
        struct included included = read_included(&entries);
        struct bluet_uuid uuid = read_uuid(&entries, entry - INCLUDED_LONG_ENTRY);
        if (included.definition < expected || included.definition > procedure->end_handle || included.start == 0 ||
            included.end < included.start)
            return false;
        expected = (uint32_t)included.definition + 1;
        if (raise)
            raise_service(client, link, included.definition, included.start, included.end, &uuid);
    }
    *out_last = (uint16_t)(expected - 1);
    return true;
}

/* UUIDs of 16 octets are read one after another, before the list goes on. */
static enum gatt_step keep_included(struct gatt_client *client, struct gatt_procedure *procedure,
                                    struct reader *entries, uint16_t last)
{
    size_t length = reader_remaining(entries);
    struct bluet_span span = {read_span(entries, length), length};
    procedure->value = buffer_copy(client->att->links->pool, &span, 1);
    if (!procedure->value)
        return GATT_STEP_NO_MEMORY;
    procedure->length = (uint16_t)length;
    procedure->record = 0;
    procedure->offset = last;
    procedure->phase = GATT_READING_UUID;
    return GATT_STEP_REQUEST;
}

static enum gatt_step hear_list(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure,
                                struct reader *response)
{
    size_t entry = read_u8(response);
    uint16_t last;
    if ((entry != INCLUDED_SHORT_ENTRY && entry != INCLUDED_LONG_ENTRY) || reader_remaining(response) == 0 ||
        reader_remaining(response) % entry ||
        !read_entries(client, link, procedure, *response, entry, entry == INCLUDED_SHORT_ENTRY, &last))
        return GATT_STEP_PROTOCOL;
    return entry == INCLUDED_SHORT_ENTRY ? go_on_after(procedure, last)
                                         : keep_included(client, procedure, response, last);
}

BLUET_INTERNAL enum gatt_step gatt_hear_included(struct gatt_client *client, struct link *link,
                                                 struct gatt_procedure *procedure, struct reader *response)
{
    if (procedure->phase == GATT_LISTING)
        return hear_list(client, link, procedure, response);
    struct included included = current_included(procedure);
    size_t length = reader_remaining(response);
    if (length != 2 && length != 16)
        return GATT_STEP_PROTOCOL;
    struct bluet_uuid uuid = read_uuid(response, length);
    raise_service(client, link, included.definition, included.start, included.end, &uuid);
    procedure->record = (uint16_t)(procedure->record + INCLUDED_LONG_ENTRY);
    if (procedure->record < procedure->length)
        return GATT_STEP_REQUEST;
    buffer_free(client->att->links->pool, procedure->value);
    procedure->value = NULL;
    procedure->phase = GATT_LISTING;
    return go_on_after(procedure, procedure->offset);
}

/* ---- Values by their UUID: Vol 3 Part G, 4.8.2 ---- */

BLUET_INTERNAL int gatt_ask_read_by_uuid(struct gatt_client *client, struct gatt_procedure *procedure)
{
    return ask_range(client, procedure, ATT_READ_BY_TYPE_REQUEST, 0, &procedure->uuid);
}

/* One answer has values of one length: the others come with the next. */
BLUET_INTERNAL enum gatt_step gatt_hear_read_by_uuid(struct gatt_client *client, struct link *link,
                                                     struct gatt_procedure *procedure, struct reader *response)
{
    enum { HANDLE = 2 };
    size_t entry = read_u8(response);
    if (entry < HANDLE || reader_remaining(response) == 0 || reader_remaining(response) % entry)
        return GATT_STEP_PROTOCOL;
    uint32_t expected = procedure->handle;
    while (reader_remaining(response)) {
        struct bluet_event event = {.code = BLUET_EVENT_GATTC_READ_RESULT, .conn_handle = link->handle};
        event.value.value_handle = read_u16(response);
        event.value.length = entry - HANDLE;
        event.value.data = read_span(response, event.value.length);
        if (event.value.value_handle < expected || event.value.value_handle > procedure->end_handle)
            return GATT_STEP_PROTOCOL;
        expected = (uint32_t)event.value.value_handle + 1;
        event_raise(client->sink, &event);
    }
    return go_on_after(procedure, (uint16_t)(expected - 1));
}

/* ---- Characteristics: Vol 3 Part G, 4.6 ---- */

static bool is_looked_for(const struct gatt_procedure *procedure, const struct bluet_uuid *uuid)
{
    if (procedure->uuid.length == 0)
        return true;
    struct gatt_type wanted = gatt_type_of(procedure->uuid.octets, procedure->uuid.length);
    struct gatt_type type = gatt_type_of(uuid->octets, uuid->length);
    return memcmp(wanted.expanded, type.expanded, sizeof type.expanded) == 0;
}

/* The characteristic before has its end now. */
static void raise_found(const struct gatt_client *client, const struct link *link,
                        const struct gatt_procedure *procedure, uint16_t end_handle)
{
    struct gatt_found *found = &gatt_client_link(client, link)->found;
    struct gatt_found characteristic = *found;
    found->def_handle = 0;
    if (characteristic.def_handle == 0 || !is_looked_for(procedure, &characteristic.uuid))
        return;
    struct bluet_event event = {.code = BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT, .conn_handle = link->handle};
    event.characteristic_result.def_handle = characteristic.def_handle;
    event.characteristic_result.value_handle = characteristic.value_handle;
    event.characteristic_result.end_handle =
        end_handle > characteristic.value_handle ? end_handle : characteristic.value_handle;
    event.characteristic_result.properties = characteristic.properties;
    event.characteristic_result.uuid = characteristic.uuid;
    event_raise(client->sink, &event);
}

/* By UUID too all are asked for: only so the ends of those that are wanted come out. */
BLUET_INTERNAL int gatt_ask_characteristics(struct gatt_client *client, struct gatt_procedure *procedure)
{
    return ask_range(client, procedure, ATT_READ_BY_TYPE_REQUEST, GATT_CHARACTERISTIC, NULL);
}

BLUET_INTERNAL enum gatt_step gatt_hear_characteristics(struct gatt_client *client, struct link *link,
                                                        struct gatt_procedure *procedure, struct reader *response)
{
    enum { SHORT_ENTRY = 7, LONG_ENTRY = 21, BEFORE_UUID = 5 };
    size_t entry = read_u8(response);
    if ((entry != SHORT_ENTRY && entry != LONG_ENTRY) || reader_remaining(response) == 0 ||
        reader_remaining(response) % entry)
        return GATT_STEP_PROTOCOL;
    struct gatt_found *found = &gatt_client_link(client, link)->found;
    uint16_t least = procedure->handle;
    while (reader_remaining(response)) {
        struct gatt_found next = {.def_handle = read_u16(response)};
        next.properties = read_u8(response);
        next.value_handle = read_u16(response);
        next.uuid = read_uuid(response, entry - BEFORE_UUID);
        bool overlaps = found->def_handle && next.def_handle <= found->value_handle;
        if (next.def_handle < least || next.def_handle > procedure->end_handle || overlaps ||
            next.value_handle <= next.def_handle)
            return GATT_STEP_PROTOCOL;
        least = next.value_handle;
        raise_found(client, link, procedure, (uint16_t)(next.def_handle - 1));
        *found = next;
    }
    enum gatt_step step = go_on_after(procedure, found->def_handle);
    if (step == GATT_STEP_END)
        raise_found(client, link, procedure, procedure->end_handle);
    return step;
}

/* ---- Descriptors: Vol 3 Part G, 4.7.1 ---- */

BLUET_INTERNAL int gatt_ask_descriptors(struct gatt_client *client, struct gatt_procedure *procedure)
{
    if (procedure->handle == 0 || procedure->handle > procedure->end_handle)
        return GATT_NOTHING_LEFT;
    return ask_range(client, procedure, ATT_FIND_INFORMATION_REQUEST, 0, NULL);
}

static void raise_descriptor(const struct gatt_client *client, const struct link *link, uint16_t handle,
                             const struct bluet_uuid *uuid)
{
    struct bluet_event event = {.code = BLUET_EVENT_GATTC_DESCRIPTOR_RESULT, .conn_handle = link->handle};
    event.descriptor_result.dsc_handle = handle;
    event.descriptor_result.uuid = *uuid;
    event_raise(client->sink, &event);
}

BLUET_INTERNAL enum gatt_step gatt_hear_descriptors(struct gatt_client *client, struct link *link,
                                                    struct gatt_procedure *procedure, struct reader *response)
{
    enum { SHORT_FORMAT = 1, LONG_FORMAT = 2, HANDLE = 2 };
    uint8_t format = read_u8(response);
    size_t uuid_length = format == SHORT_FORMAT ? 2 : 16;
    if ((format != SHORT_FORMAT && format != LONG_FORMAT) || reader_remaining(response) == 0 ||
        reader_remaining(response) % (HANDLE + uuid_length))
        return GATT_STEP_PROTOCOL;
    uint32_t expected = procedure->handle;
    while (reader_remaining(response)) {
        uint16_t handle = read_u16(response);
        struct bluet_uuid uuid = read_uuid(response, uuid_length);
        if (handle < expected || handle > procedure->end_handle)
            return GATT_STEP_PROTOCOL;
        expected = (uint32_t)handle + 1;
        raise_descriptor(client, link, handle, &uuid);
    }
    return go_on_after(procedure, (uint16_t)(expected - 1));
}

BLUET_INTERNAL enum gatt_step gatt_discovery_refused(struct gatt_client *client, struct link *link,
                                                     struct gatt_procedure *procedure, uint8_t error)
{
    bool reads_uuid = procedure->kind == GATT_DISCOVER_INCLUDED && procedure->phase == GATT_READING_UUID;
    if (error != ATT_ERROR_ATTRIBUTE_NOT_FOUND || reads_uuid)
        return GATT_STEP_REFUSED;
    if (procedure->kind == GATT_DISCOVER_CHARACTERISTICS)
        raise_found(client, link, procedure, procedure->end_handle);
    return GATT_STEP_END;
}
