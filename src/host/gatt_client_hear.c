/*
 * What procedures make of the answers (Vol 3 Part G, 4). Handles in what a server lists must rise, within the range
 * that was asked for: so every answer brings a procedure forward, or ends it.
 */
#include "host/gatt_client_ask.h"

#include "host/gatt_client_bearers.h"
#include "host/gatt_type.h"

/* Where the next request starts, if there is to be one. */
static int go_on_after(struct gatt_procedure *procedure, uint32_t handle)
{
    procedure->handle = (uint16_t)(handle + 1);
    return handle < procedure->end_handle ? GATT_GOES_ON : BLUET_OK;
}

static void raise_event(const struct gatt_client *client, const struct gatt_procedure *procedure,
                        struct bluet_event *event, enum bluet_event_code code)
{
    event->code = code;
    event->conn_handle = procedure->bearer->link->handle;
    event_raise(client->sink, event);
}

static void raise_read_value(const struct gatt_client *client, const struct gatt_procedure *procedure, uint16_t handle,
                             struct reader *response, size_t length)
{
    struct bluet_event event;
    event.value.value_handle = handle;
    event.value.offset = procedure->offset;
    event.value.length = length;
    event.value.data = read_span(response, length);
    raise_event(client, procedure, &event, BLUET_EVENT_GATTC_READ_RESULT);
}

/* ---- What stands in a range: Vol 3 Part G, 4.4 to 4.7, 4.8.2 ---- */

/* Of an entry, the octets before its UUID, or value; and how long that may be beside 2. */
struct entry_shape {
    uint8_t head, other;
};
enum { INCLUDED_HEAD = 6, ANY = 0xff };

static const struct entry_shape shapes[] = {
    [GATT_DISCOVER_SERVICES] = {4, 16},
    [GATT_DISCOVER_SERVICES_BY_UUID] = {4, 0},
    [GATT_DISCOVER_INCLUDED] = {INCLUDED_HEAD, 0},
    [GATT_DISCOVER_CHARACTERISTICS] = {5, 16},
    [GATT_DISCOVER_DESCRIPTORS] = {2, 16},
    [GATT_READ_BY_UUID] = {2, ANY},
};

static void read_uuid(struct reader *reader, struct bluet_uuid *out, size_t length)
{
    memset(out, 0, sizeof *out); /* so that two of them can be compared whole */
    out->length = (uint8_t)length;
    read_octets(reader, out->octets, length);
}

static bool is_looked_for(const struct gatt_procedure *procedure, const struct bluet_uuid *uuid)
{
    if (procedure->uuid.length == 0)
        return true;
    uint8_t wanted[16];
    uint8_t found[16];
    gatt_expand_uuid(wanted, procedure->uuid.octets, procedure->uuid.length);
    gatt_expand_uuid(found, uuid->octets, uuid->length);
    return memcmp(wanted, found, sizeof found) == 0;
}

/* The characteristic before has its end now. */
static void raise_found(const struct gatt_client *client, const struct gatt_procedure *procedure, uint16_t end_handle)
{
    struct gatt_found *found = &gatt_client_link(client, procedure->bearer->link)->found;
    struct bluet_event event;
    event.characteristic_result.def_handle = found->def_handle;
    event.characteristic_result.value_handle = found->value_handle;
    event.characteristic_result.end_handle = end_handle > found->value_handle ? end_handle : found->value_handle;
    event.characteristic_result.properties = found->properties;
    event.characteristic_result.uuid = found->uuid;
    found->def_handle = 0;
    if (event.characteristic_result.def_handle && is_looked_for(procedure, &found->uuid))
        raise_event(client, procedure, &event, BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT);
}

/* Returns the last handle of it; 0: it makes no sense. */
static uint16_t hear_characteristic(const struct gatt_client *client, const struct gatt_procedure *procedure,
                                    struct reader *entry, uint16_t handle, size_t uuid_length)
{
    struct gatt_found *found = &gatt_client_link(client, procedure->bearer->link)->found;
    uint8_t properties = read_u8(entry);
    uint16_t value_handle = read_u16(entry);
    if (value_handle <= handle || (found->def_handle && handle <= found->value_handle))
        return 0;
    raise_found(client, procedure, (uint16_t)(handle - 1));
    found->def_handle = handle;
    found->value_handle = value_handle;
    found->properties = properties;
    read_uuid(entry, &found->uuid, uuid_length);
    return value_handle;
}

/* The same, of any. An included service without its UUID is not raised yet. */
static uint16_t hear_entry(const struct gatt_client *client, const struct gatt_procedure *procedure,
                           struct reader *entry, uint16_t handle, size_t uuid_length)
{
    struct bluet_event event;
    uint16_t last = handle;
    switch (procedure->kind) {
    case GATT_DISCOVER_CHARACTERISTICS:
        return hear_characteristic(client, procedure, entry, handle, uuid_length);
    case GATT_DISCOVER_DESCRIPTORS:
        event.descriptor_result.dsc_handle = handle;
        read_uuid(entry, &event.descriptor_result.uuid, uuid_length);
        raise_event(client, procedure, &event, BLUET_EVENT_GATTC_DESCRIPTOR_RESULT);
        return last;
    case GATT_READ_BY_UUID:
        raise_read_value(client, procedure, handle, entry, uuid_length);
        return last;
    default:
        event.service_result.def_handle = event.service_result.start_handle = handle;
        if (procedure->kind == GATT_DISCOVER_INCLUDED)
            event.service_result.start_handle = read_u16(entry);
        event.service_result.end_handle = read_u16(entry);
        event.service_result.uuid = procedure->uuid;
        if (uuid_length)
            read_uuid(entry, &event.service_result.uuid, uuid_length);
        if (event.service_result.start_handle == 0 ||
            event.service_result.end_handle < event.service_result.start_handle)
            return 0;
        if (event.service_result.uuid.length)
            raise_event(client, procedure, &event, BLUET_EVENT_GATTC_SERVICE_RESULT);
        return procedure->kind == GATT_DISCOVER_INCLUDED ? handle : event.service_result.end_handle;
    }
}

/* UUIDs of 16 octets are read one after another, before the list goes on. */
static int keep_included(struct gatt_client *client, struct gatt_procedure *procedure, struct reader *entries,
                         uint16_t last)
{
    size_t length = reader_remaining(entries);
    const struct bluet_span span = {read_span(entries, length), length};
    procedure->value = buffer_copy(client->pool, &span, 1);
    if (!procedure->value)
        return BLUET_STATUS_NO_MEMORY;
    procedure->length = (uint16_t)length;
    procedure->record = 0;
    procedure->offset = last;
    procedure->request = ATT_READ_REQUEST;
    procedure->handle = gatt_value_u16(procedure, 2);
    return GATT_GOES_ON;
}

static int hear_included_uuid(struct gatt_client *client, struct gatt_procedure *procedure, struct reader *response)
{
    struct bluet_event event;
    size_t length = reader_remaining(response);
    if (length != 2 && length != 16)
        return BLUET_STATUS_PROTOCOL;
    event.service_result.def_handle = gatt_value_u16(procedure, procedure->record);
    event.service_result.start_handle = procedure->handle;
    event.service_result.end_handle = gatt_value_u16(procedure, procedure->record + 4u);
    read_uuid(response, &event.service_result.uuid, length);
    raise_event(client, procedure, &event, BLUET_EVENT_GATTC_SERVICE_RESULT);
    procedure->record = (uint16_t)(procedure->record + INCLUDED_HEAD);
    if (procedure->record < procedure->length) {
        procedure->handle = gatt_value_u16(procedure, procedure->record + 2u);
        return GATT_GOES_ON;
    }
    buffer_free(client->pool, procedure->value);
    procedure->value = NULL;
    procedure->request = ATT_READ_BY_TYPE_REQUEST;
    return go_on_after(procedure, procedure->offset);
}

/* How long UUID or value of the entries that follow are; negative: it makes no sense. */
static int read_entry_shape(const struct gatt_procedure *procedure, struct reader *response)
{
    enum { SHORT_FORMAT = 1, LONG_FORMAT = 2 };
    const struct entry_shape *shape = &shapes[procedure->kind];
    int entry = shape->head;
    if (procedure->request != ATT_FIND_BY_TYPE_VALUE_REQUEST)
        entry = read_u8(response);
    if (procedure->request == ATT_FIND_INFORMATION_REQUEST)
        entry = entry == SHORT_FORMAT ? 4 : entry == LONG_FORMAT ? 18 : 0;
    int rest = entry - shape->head;
    size_t length = reader_remaining(response);
    bool fits = entry > 0 && (rest == 2 || rest == shape->other || shape->other == ANY);
    return fits && length && length % (size_t)entry == 0 ? rest : -1;
}

static int hear_list(struct gatt_client *client, struct gatt_procedure *procedure, struct reader *response)
{
    int rest = read_entry_shape(procedure, response);
    struct reader entries = *response;
    uint32_t expected = procedure->handle;
    uint16_t handle = 0;
    if (rest < 0)
        return BLUET_STATUS_PROTOCOL;
    while (reader_remaining(response)) {
        handle = read_u16(response);
        if (handle < expected || handle > procedure->end_handle)
            return BLUET_STATUS_PROTOCOL;
        uint16_t last = hear_entry(client, procedure, response, handle, (size_t)rest);
        if (last == 0)
            return BLUET_STATUS_PROTOCOL;
        expected = last + 1u;
    }
    if (procedure->kind == GATT_DISCOVER_INCLUDED && rest == 0)
        return keep_included(client, procedure, &entries, (uint16_t)(expected - 1));
    bool of_characteristics = procedure->kind == GATT_DISCOVER_CHARACTERISTICS;
    int step = go_on_after(procedure, of_characteristics ? handle : expected - 1);
    if (of_characteristics && step == BLUET_OK)
        raise_found(client, procedure, procedure->end_handle);
    return step;
}

/* ---- Values: Vol 3 Part G, 4.8 ---- */

/* One value, or several whose ends are known only to who knows how long they are. */
static int hear_value(const struct gatt_client *client, struct gatt_procedure *procedure, struct reader *response)
{
    const struct att_bearer *bearer = procedure->bearer;
    size_t length = reader_remaining(response);
    size_t room =
        att_bearer(client->att, bearer->link)->mtu - 1u; /* that a program reckons with, whatever the bearer */
    /* A piece that does not fill the response is the last (4.8.3). */
    bool goes_on = procedure->kind == GATT_READ_LONG_VALUE && length + 1 >= bearer->mtu &&
                   procedure->offset + length < ATT_VALUE_LARGEST;
    if (procedure->kind == GATT_READ_VALUE && length > room)
        length = room;
    if (length || procedure->request != ATT_READ_BLOB_REQUEST || procedure->kind != GATT_READ_LONG_VALUE)
        raise_read_value(client, procedure, procedure->handle, response, length);
    procedure->offset = (uint16_t)(procedure->offset + length);
    procedure->request = ATT_READ_BLOB_REQUEST;
    return goes_on ? GATT_GOES_ON : BLUET_OK;
}

/* Values come as far as the response has room; the last may be cut, and those behind it are missing. */
static int hear_values(const struct gatt_client *client, const struct gatt_procedure *procedure,
                       struct reader *response)
{
    bool full = reader_remaining(response) + 1 == procedure->bearer->mtu;
    for (size_t next = 0; next < procedure->length; next += 2) {
        if (full && reader_remaining(response) < 2)
            return BLUET_OK;
        size_t length = read_u16(response);
        if (full && length > reader_remaining(response))
            length = reader_remaining(response);
        if (!reader_ok(response) || length > reader_remaining(response))
            return BLUET_STATUS_PROTOCOL;
        raise_read_value(client, procedure, gatt_value_u16(procedure, next), response, length);
    }
    return reader_done(response) ? BLUET_OK : BLUET_STATUS_PROTOCOL;
}

/* ---- Long writes: Vol 3 Part G, 4.9.4, 4.9.5 ---- */

static int cancel(struct gatt_procedure *procedure, uint16_t status)
{
    procedure->request = ATT_EXECUTE_WRITE_REQUEST;
    procedure->status = status;
    return GATT_GOES_ON;
}

static bool is_echo(const struct gatt_client *client, const struct gatt_procedure *procedure, struct reader *response)
{
    uint16_t handle = read_u16(response);
    uint16_t offset = read_u16(response);
    struct writer sent = writer_of(client->att->scratch, procedure->piece);
    att_write_chain(&sent, procedure->value, (size_t)procedure->record + offset, procedure->piece);
    return handle == procedure->handle && offset == procedure->offset &&
           reader_remaining(response) == procedure->piece &&
           memcmp(sent.start, read_span(response, procedure->piece), procedure->piece) == 0;
}

static int hear_prepare(const struct gatt_client *client, struct gatt_procedure *procedure, struct reader *response)
{
    if (!is_echo(client, procedure, response))
        return cancel(procedure, BLUET_STATUS_PROTOCOL);
    procedure->offset = (uint16_t)(procedure->offset + procedure->piece);
    if (procedure->offset == procedure->record_length && !gatt_next_record(procedure))
        procedure->request = ATT_EXECUTE_WRITE_REQUEST;
    return GATT_GOES_ON;
}

/* ---- MTU: Vol 3 Part G, 4.3.1 ---- */

static int raise_mtu(const struct gatt_client *client, const struct gatt_procedure *procedure)
{
    struct bluet_event event;
    event.mtu_exchanged.mtu = procedure->bearer->mtu;
    raise_event(client, procedure, &event, BLUET_EVENT_MTU_EXCHANGED);
    return BLUET_OK;
}

static int hear_mtu(const struct gatt_client *client, const struct gatt_procedure *procedure, struct reader *response)
{
    uint16_t offer = read_u16(response);
    if (!reader_done(response))
        return BLUET_STATUS_PROTOCOL;
    att_settle_mtu(client->att, procedure->bearer->link, offer);
    return raise_mtu(client, procedure);
}

/* ---- All of them ---- */

BLUET_INTERNAL int gatt_hear(struct gatt_client *client, struct gatt_procedure *procedure, struct reader *response)
{
    if (BLUET_HAS_EATT && procedure->kind == GATT_FIND_BEARERS)
        return gatt_hear_bearers(client, procedure, response);
    if (procedure->kind == GATT_EXCHANGE_MTU)
        return hear_mtu(client, procedure, response);
    if (procedure->kind == GATT_READ_MULTIPLE_VARIABLE)
        return hear_values(client, procedure, response);
    if (procedure->request == ATT_PREPARE_WRITE_REQUEST)
        return hear_prepare(client, procedure, response);
    if (procedure->kind >= GATT_WRITE_WITHOUT_RESPONSE)
        return reader_done(response) ? procedure->status : BLUET_STATUS_PROTOCOL;
    if (procedure->kind > GATT_READ_BY_UUID)
        return hear_value(client, procedure, response);
    if (procedure->request == ATT_READ_REQUEST)
        return hear_included_uuid(client, procedure, response);
    return hear_list(client, procedure, response);
}

BLUET_INTERNAL int gatt_refused(struct gatt_client *client, struct gatt_procedure *procedure, uint8_t error)
{
    uint8_t request = procedure->request;
    switch (procedure->kind) {
    case GATT_FIND_BEARERS:
        return BLUET_HAS_EATT ? gatt_bearers_refused(client, procedure, error) : BLUET_OK;
    case GATT_EXCHANGE_MTU: /* who does not know the request has the default MTU: that is an answer too */
        return raise_mtu(client, procedure);
    case GATT_READ_LONG_VALUE: /* it ended with the piece before: some say it like this */
        if (procedure->offset && (error == ATT_ERROR_INVALID_OFFSET || error == ATT_ERROR_ATTRIBUTE_NOT_LONG))
            return BLUET_OK;
        return error;
    case GATT_WRITE_LONG_VALUE:
    case GATT_WRITE_RELIABLE:
        /* What the server has queued must not be there for the next one; a refused cancel changes nothing. */
        if (request == ATT_EXECUTE_WRITE_REQUEST)
            return procedure->status ? procedure->status : error;
        return procedure->offset || procedure->record > GATT_RECORD_HEADER ? cancel(procedure, error) : error;
    default: /* what ends every search is that there is no more (4.4.1) */
        if (procedure->kind > GATT_READ_BY_UUID || request == ATT_READ_REQUEST ||
            error != ATT_ERROR_ATTRIBUTE_NOT_FOUND)
            return error;
        if (procedure->kind == GATT_DISCOVER_CHARACTERISTICS)
            raise_found(client, procedure, procedure->end_handle);
        return BLUET_OK;
    }
}
