/* Puts advertising data into words and into JSON (Core Specification Supplement, Part A; Assigned Numbers, 2.3 to 2.7).
 */
#include "advertising_text.h"

#include <stdlib.h>
#include <string.h>

#include "advertising_data.h"
#include "output.h"

/* Bits of the flags (Supplement, Part A, 1.3.2). */
static const char *const flag_names[] = {
    "LE Limited Discoverable",
    "LE General Discoverable",
    "BR/EDR Not Supported",
    "Simultaneous LE and BR/EDR (Controller)",
    "Simultaneous LE and BR/EDR (Host)",
};

static const char *const role_names[] = {
    "peripheral only",
    "central only",
    "peripheral preferred",
    "central preferred",
};

enum { FLAG_COUNT = sizeof flag_names / sizeof flag_names[0], ROLE_COUNT = sizeof role_names / sizeof role_names[0] };

/* The schemes that a URI in an advertisement is likely to have, by their code point (Assigned Numbers, 2.7). */
static const struct {
    uint8_t code;
    const char *scheme;
} uri_schemes[] = {
    {0x01, ""},     {0x09, "coap:"}, {0x0a, "coaps:"}, {0x0c, "data:"},   {0x10, "file:"}, {0x11, "ftp:"},
    {0x12, "geo:"}, {0x16, "http:"}, {0x17, "https:"}, {0x26, "mailto:"}, {0x3c, "sip:"},  {0x3e, "sms:"},
    {0x45, "tel:"}, {0x4e, "urn:"},  {0x50, "ws:"},    {0x51, "wss:"},
};

const char *advertising_pdu_name(uint8_t adv_type)
{
    static const char *const names[] = {"ADV_IND", "ADV_DIRECT_IND", "ADV_SCAN_IND", "ADV_NONCONN_IND", "SCAN_RSP"};
    return adv_type < sizeof names / sizeof names[0] ? names[adv_type] : "unknown";
}

static void rest_hex(FILE *stream, struct reader value)
{
    size_t length = reader_remaining(&value);
    output_hex(stream, read_span(&value, length), length);
}

static json_t *rest_json(struct reader value)
{
    size_t length = reader_remaining(&value);
    return output_json_hex(read_span(&value, length), length);
}

/* The scheme that a URI begins with, and the rest left in `value`. */
static const char *uri_scheme(struct reader *value)
{
    struct reader rest = *value;
    uint8_t code = read_u8(&rest);
    for (size_t i = 0; reader_ok(&rest) && i < sizeof uri_schemes / sizeof uri_schemes[0]; i++) {
        if (uri_schemes[i].code == code) {
            *value = rest;
            return uri_schemes[i].scheme;
        }
    }
    return "";
}

static void write_uri(FILE *stream, struct reader value)
{
    fputs(uri_scheme(&value), stream);
    size_t length = reader_remaining(&value);
    output_text(stream, read_span(&value, length), length);
}

/* ---- In words ---- */

static void describe_flags(FILE *stream, uint8_t flags)
{
    const char *separator = "";
    fputs("flags: ", stream);
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (flags & 1u << i) {
            fprintf(stream, "%s%s", separator, flag_names[i]);
            separator = ", ";
        }
    }
    if (flags >> FLAG_COUNT || flags == 0)
        fprintf(stream, "%s0x%02x", separator, flags);
}

static bool is_incomplete(uint8_t type)
{
    return type == ADVERTISING_SERVICES_16_INCOMPLETE || type == ADVERTISING_SERVICES_32_INCOMPLETE ||
           type == ADVERTISING_SERVICES_128_INCOMPLETE;
}

static bool is_solicitation(uint8_t type)
{
    return type == ADVERTISING_SOLICITED_16 || type == ADVERTISING_SOLICITED_32 || type == ADVERTISING_SOLICITED_128;
}

static void describe_uuids(FILE *stream, uint8_t type, struct reader value)
{
    const char *separator = is_solicitation(type) ? "solicits: " : "services: ";
    struct bluet_uuid uuid;
    while (advertising_next_uuid(&value, type, &uuid)) {
        fputs(separator, stream);
        output_named_uuid(stream, &numbers_services, &uuid);
        separator = ", ";
    }
    if (is_incomplete(type))
        fprintf(stream, "%sand more", separator);
}

static void describe_service_data(FILE *stream, uint8_t type, struct reader value)
{
    struct bluet_uuid uuid;
    if (!advertising_next_uuid(&value, type, &uuid))
        return;
    fputs("data of ", stream);
    output_named_uuid(stream, &numbers_services, &uuid);
    fputs(": ", stream);
    rest_hex(stream, value);
}

static void describe_manufacturer(FILE *stream, struct reader value)
{
    uint16_t company = read_u16(&value);
    const char *name = numbers_value(&numbers_companies, company);
    if (!reader_ok(&value))
        return;
    fprintf(stream, "%s (0x%04x): ", name ? name : "company", company);
    rest_hex(stream, value);
}

static void describe_appearance(FILE *stream, uint16_t appearance)
{
    const char *name = numbers_appearance(appearance);
    fprintf(stream, name ? "appearance: %s (0x%04x)" : "appearance: %s0x%04x", name ? name : "", appearance);
}

static void describe_other(FILE *stream, uint8_t type, struct reader value)
{
    fprintf(stream, "type 0x%02x: ", type);
    rest_hex(stream, value);
}

static void describe_interval(FILE *stream, struct reader value)
{
    struct reader rest = value;
    unsigned interval = read_u16(&rest);
    if (reader_ok(&rest))
        fprintf(stream, "advertising interval: %.4g ms", interval * 0.625);
    else
        describe_other(stream, ADVERTISING_INTERVAL, value);
}

static void describe_role(FILE *stream, struct reader value)
{
    struct reader rest = value;
    uint8_t role = read_u8(&rest);
    if (reader_ok(&rest) && role < ROLE_COUNT)
        fprintf(stream, "role: %s", role_names[role]);
    else
        describe_other(stream, ADVERTISING_ROLE, value);
}

static void describe_element(FILE *stream, struct advertising_element element)
{
    switch (element.type) {
    case ADVERTISING_FLAGS:
        describe_flags(stream, read_u8(&element.value));
        break;
    case ADVERTISING_TRANSMIT_POWER:
        if (reader_remaining(&element.value))
            fprintf(stream, "tx power: %d dBm", (int8_t)read_u8(&element.value));
        break;
    case ADVERTISING_APPEARANCE:
        if (reader_remaining(&element.value) >= 2)
            describe_appearance(stream, read_u16(&element.value));
        break;
    case ADVERTISING_URI:
        fputs("uri: ", stream);
        write_uri(stream, element.value);
        break;
    case ADVERTISING_INTERVAL:
        describe_interval(stream, element.value);
        break;
    case ADVERTISING_ROLE:
        describe_role(stream, element.value);
        break;
    case ADVERTISING_MANUFACTURER:
        describe_manufacturer(stream, element.value);
        break;
    default:
        if (advertising_is_uuid_list(element.type))
            describe_uuids(stream, element.type, element.value);
        else if (advertising_uuid_length(element.type))
            describe_service_data(stream, element.type, element.value);
        else
            describe_other(stream, element.type, element.value);
        break;
    }
}

static bool is_name(uint8_t type)
{
    return type == ADVERTISING_NAME || type == ADVERTISING_NAME_SHORTENED;
}

/* Many devices say the same in the advertisement and in the scan response. */
static bool is_said_in(const uint8_t *data, size_t length, const struct advertising_element *wanted)
{
    struct reader reader = reader_of(data, length);
    struct advertising_element element;
    size_t wanted_length = reader_remaining(&wanted->value);
    while (advertising_next(&reader, &element)) {
        if (element.type == wanted->type && reader_remaining(&element.value) == wanted_length &&
            (wanted_length == 0 || memcmp(element.value.cursor, wanted->value.cursor, wanted_length) == 0))
            return true;
    }
    return false;
}

/* Calls `visit` for every element of both parts, leaving out of the second what the first has said. */
static void visit_elements(const struct advertising_pair *pair,
                           void (*visit)(void *context, const struct advertising_element *element), void *context)
{
    struct advertising_element element;
    struct reader reader = reader_of(pair->data, pair->length);
    while (advertising_next(&reader, &element))
        visit(context, &element);
    reader = reader_of(pair->response, pair->response_length);
    while (advertising_next(&reader, &element))
        if (!is_said_in(pair->data, pair->length, &element))
            visit(context, &element);
}

static struct advertising_summary summarize(const struct advertising_pair *pair)
{
    struct advertising_summary summary = {0};
    advertising_summarize(&summary, pair->data, pair->length);
    advertising_summarize(&summary, pair->response, pair->response_length);
    return summary;
}

static void describe_one(void *context, const struct advertising_element *element)
{
    FILE *stream = context;
    char *text = NULL;
    size_t length = 0;
    FILE *memory = is_name(element->type) ? NULL : open_memstream(&text, &length);
    if (!memory)
        return;
    describe_element(memory, *element);
    fclose(memory);
    if (length)
        fprintf(stream, "%s%s", ftell(stream) > 0 ? "; " : "", text);
    free(text);
}

void advertising_describe(FILE *stream, const struct advertising_pair *pair)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return;
    visit_elements(pair, describe_one, memory);
    struct advertising_summary summary = summarize(pair);
    if (summary.fault)
        fprintf(memory, "%smalformed: %s", ftell(memory) > 0 ? "; " : "", summary.fault);
    fclose(memory);
    if (text)
        fputs(text, stream);
    free(text);
}

/* ---- As JSON ---- */

/* The array of that name, made if it is not there. */
static json_t *array_in(json_t *object, const char *key)
{
    json_t *array = json_object_get(object, key);
    if (!array) {
        array = json_array();
        json_object_set_new(object, key, array);
    }
    return array;
}

static json_t *named_uuid(const struct bluet_uuid *uuid)
{
    json_t *object = json_object();
    json_object_set_new(object, "uuid", output_json_uuid(uuid));
    output_json_name(object, numbers_uuid(&numbers_services, uuid));
    return object;
}

static void add_uuids(json_t *object, uint8_t type, struct reader value)
{
    json_t *array = array_in(object, is_solicitation(type) ? "solicited_services" : "services");
    struct bluet_uuid uuid;
    while (advertising_next_uuid(&value, type, &uuid))
        json_array_append_new(array, named_uuid(&uuid));
}

static void add_service_data(json_t *object, uint8_t type, struct reader value)
{
    struct bluet_uuid uuid;
    if (!advertising_next_uuid(&value, type, &uuid))
        return;
    json_t *entry = named_uuid(&uuid);
    json_object_set_new(entry, "data", rest_json(value));
    json_array_append_new(array_in(object, "service_data"), entry);
}

static void add_manufacturer(json_t *object, struct reader value)
{
    uint16_t company = read_u16(&value);
    if (!reader_ok(&value))
        return;
    json_t *entry = json_object();
    json_object_set_new(entry, "company", json_integer(company));
    output_json_name(entry, numbers_value(&numbers_companies, company));
    json_object_set_new(entry, "data", rest_json(value));
    json_array_append_new(array_in(object, "manufacturer_data"), entry);
}

static void add_uri(json_t *object, struct reader value)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return;
    write_uri(memory, value);
    fclose(memory);
    json_object_set_new(object, "uri", json_string(text));
    free(text);
}

static void add_other(json_t *object, const struct advertising_element *element)
{
    json_t *entry = json_object();
    json_object_set_new(entry, "type", json_integer(element->type));
    json_object_set_new(entry, "data", rest_json(element->value));
    json_array_append_new(array_in(object, "other"), entry);
}

static void add_element(void *context, const struct advertising_element *element)
{
    json_t *object = context;
    switch (element->type) {
    case ADVERTISING_FLAGS:
    case ADVERTISING_NAME:
    case ADVERTISING_NAME_SHORTENED:
    case ADVERTISING_TRANSMIT_POWER:
    case ADVERTISING_APPEARANCE:
        break; /* in the summary */
    case ADVERTISING_URI:
        add_uri(object, element->value);
        break;
    case ADVERTISING_MANUFACTURER:
        add_manufacturer(object, element->value);
        break;
    default:
        if (advertising_is_uuid_list(element->type))
            add_uuids(object, element->type, element->value);
        else if (advertising_uuid_length(element->type))
            add_service_data(object, element->type, element->value);
        else
            add_other(object, element);
        break;
    }
}

static void add_flags(json_t *object, uint8_t flags)
{
    json_t *entry = json_object();
    json_t *names = json_array();
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (flags & 1u << i)
            json_array_append_new(names, json_string(flag_names[i]));
    json_object_set_new(entry, "value", json_integer(flags));
    json_object_set_new(entry, "names", names);
    json_object_set_new(object, "flags", entry);
}

static void add_appearance(json_t *object, uint16_t appearance)
{
    json_t *entry = json_object();
    json_object_set_new(entry, "value", json_integer(appearance));
    output_json_name(entry, numbers_appearance(appearance));
    json_object_set_new(object, "appearance", entry);
}

void advertising_to_json(json_t *object, const struct advertising_pair *pair)
{
    struct advertising_summary summary = summarize(pair);
    if (summary.name) {
        json_object_set_new(object, "name", output_json_text(summary.name, summary.name_length));
        json_object_set_new(object, "name_complete", json_boolean(summary.name_is_complete));
    }
    if (summary.has_flags)
        add_flags(object, summary.flags);
    if (summary.has_transmit_power)
        json_object_set_new(object, "tx_power", json_integer(summary.transmit_power));
    if (summary.has_appearance)
        add_appearance(object, summary.appearance);
    visit_elements(pair, add_element, object);
    if (summary.fault)
        json_object_set_new(object, "malformed", json_string(summary.fault));
}
