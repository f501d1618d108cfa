/*
 * What discoveries say and hear (Vol 3 Part G, 4.4, 4.6, 4.7). Handles in what a server lists must rise, within the
 * range that was asked for: so every answer brings a discovery forward, or ends it.
 */
#include "host/gatt_client_discover.h"

#include "host/gatt_type.h"

enum { HANDLE_LAST = 0xffff };

static int ask_range(struct gatt_client *client, struct link *link, const struct gatt_procedure *procedure,
                     enum att_opcode opcode, uint16_t type, const struct bluet_uuid *value)
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
    return att_send_request(client->att, link, &span, 1);
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

static void raise_service(const struct gatt_client *client, const struct link *link, uint16_t start, uint16_t end,
                          const struct bluet_uuid *uuid)
{
    struct bluet_event event = {.code = BLUET_EVENT_GATTC_SERVICE_RESULT, .conn_handle = link->handle};
    event.service_result.start_handle = start;
    event.service_result.end_handle = end;
    event.service_result.uuid = *uuid;
    event_raise(client->sink, &event);
}

static bool range_is_good(uint16_t start, uint16_t end, uint32_t expected)
{
    return start >= expected && end >= start;
}

BLUET_INTERNAL int gatt_ask_services(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure)
{
    return ask_range(client, link, procedure, ATT_READ_BY_GROUP_TYPE_REQUEST, GATT_PRIMARY_SERVICE, NULL);
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
        raise_service(client, link, start, end, &uuid);
    }
    return go_on_after(procedure, (uint16_t)(expected - 1));
}

BLUET_INTERNAL int gatt_ask_services_by_uuid(struct gatt_client *client, struct link *link,
                                             struct gatt_procedure *procedure)
{
    return ask_range(client, link, procedure, ATT_FIND_BY_TYPE_VALUE_REQUEST, GATT_PRIMARY_SERVICE, &procedure->uuid);
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
        raise_service(client, link, start, end, &procedure->uuid);
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
BLUET_INTERNAL int gatt_ask_characteristics(struct gatt_client *client, struct link *link,
                                            struct gatt_procedure *procedure)
{
    return ask_range(client, link, procedure, ATT_READ_BY_TYPE_REQUEST, GATT_CHARACTERISTIC, NULL);
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

BLUET_INTERNAL int gatt_ask_descriptors(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure)
{
    if (procedure->handle == 0 || procedure->handle > procedure->end_handle)
        return GATT_NOTHING_LEFT;
    return ask_range(client, link, procedure, ATT_FIND_INFORMATION_REQUEST, 0, NULL);
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
    if (error != ATT_ERROR_ATTRIBUTE_NOT_FOUND)
        return GATT_STEP_REFUSED;
    if (procedure->kind == GATT_DISCOVER_CHARACTERISTICS)
        raise_found(client, link, procedure, procedure->end_handle);
    return GATT_STEP_END;
}
