/* Takes advertising data apart (Vol 3 Part C, 11; Core Specification Supplement, Part A, 1). */
#include "advertising_data.h"

bool advertising_next(struct reader *data, struct advertising_element *out_element)
{
    if (reader_remaining(data) == 0)
        return false;
    uint8_t length = read_u8(data);
    if (length == 0) {
        /* Early termination: what follows is padding (Vol 3 Part C, 11). */
        read_span(data, reader_remaining(data));
        return false;
    }
    struct reader element = read_part(data, length);
    if (!reader_ok(&element))
        return false;
    out_element->type = read_u8(&element);
    out_element->value = element;
    return true;
}

size_t advertising_uuid_length(uint8_t type)
{
    switch (type) {
    case ADVERTISING_SERVICES_16_INCOMPLETE:
    case ADVERTISING_SERVICES_16:
    case ADVERTISING_SOLICITED_16:
    case ADVERTISING_SERVICE_DATA_16:
        return 2;
    case ADVERTISING_SERVICES_32_INCOMPLETE:
    case ADVERTISING_SERVICES_32:
    case ADVERTISING_SOLICITED_32:
    case ADVERTISING_SERVICE_DATA_32:
        return 4;
    case ADVERTISING_SERVICES_128_INCOMPLETE:
    case ADVERTISING_SERVICES_128:
    case ADVERTISING_SOLICITED_128:
    case ADVERTISING_SERVICE_DATA_128:
        return 16;
    default:
        return 0;
    }
}

bool advertising_is_uuid_list(uint8_t type)
{
    return advertising_uuid_length(type) != 0 && type != ADVERTISING_SERVICE_DATA_16 &&
           type != ADVERTISING_SERVICE_DATA_32 && type != ADVERTISING_SERVICE_DATA_128;
}

bool advertising_next_uuid(struct reader *value, uint8_t type, struct bluet_uuid *out_uuid)
{
    size_t length = advertising_uuid_length(type);
    if (length == 0 || reader_remaining(value) < length)
        return false;
    *out_uuid = (struct bluet_uuid){.length = (uint8_t)length};
    read_octets(value, out_uuid->octets, length);
    return true;
}

static void note_fault(struct advertising_summary *summary, const char *fault)
{
    if (!summary->fault)
        summary->fault = fault;
}

static void take_name(struct advertising_summary *summary, struct reader *value, bool complete)
{
    if (summary->name && (summary->name_is_complete || !complete))
        return;
    summary->name_length = reader_remaining(value);
    summary->name = read_span(value, summary->name_length);
    summary->name_is_complete = complete;
}

static void take_flags(struct advertising_summary *summary, struct reader *value)
{
    if (summary->has_flags)
        return;
    /* Trailing octets that are zero may be left out, even all of them (Supplement, Part A, 1.3.2). */
    summary->flags = reader_remaining(value) ? read_u8(value) : 0;
    summary->has_flags = true;
}

static void take_transmit_power(struct advertising_summary *summary, struct reader *value)
{
    int8_t power = (int8_t)read_u8(value);
    if (!reader_ok(value)) {
        note_fault(summary, "a transmit power without a value");
    } else if (!summary->has_transmit_power) {
        summary->transmit_power = power;
        summary->has_transmit_power = true;
    }
}

static void take_appearance(struct advertising_summary *summary, struct reader *value)
{
    uint16_t appearance = read_u16(value);
    if (!reader_ok(value)) {
        note_fault(summary, "an appearance of less than 2 octets");
    } else if (!summary->has_appearance) {
        summary->appearance = appearance;
        summary->has_appearance = true;
    }
}

static void take_manufacturer(struct advertising_summary *summary, struct reader *value)
{
    uint16_t manufacturer = read_u16(value);
    if (!reader_ok(value)) {
        note_fault(summary, "manufacturer data of less than 2 octets");
    } else if (!summary->has_manufacturer) {
        summary->manufacturer = manufacturer;
        summary->has_manufacturer = true;
    }
}

static void check_uuids(struct advertising_summary *summary, const struct advertising_element *element)
{
    size_t length = advertising_uuid_length(element->type);
    size_t remaining = reader_remaining(&element->value);
    if (length == 0)
        return;
    if (!advertising_is_uuid_list(element->type)) {
        if (remaining < length)
            note_fault(summary, "service data shorter than its UUID");
    } else if (remaining % length) {
        note_fault(summary, "a list of service UUIDs that ends in half a UUID");
    }
}

static void take_element(struct advertising_summary *summary, struct advertising_element *element)
{
    switch (element->type) {
    case ADVERTISING_FLAGS:
        take_flags(summary, &element->value);
        break;
    case ADVERTISING_NAME_SHORTENED:
    case ADVERTISING_NAME:
        take_name(summary, &element->value, element->type == ADVERTISING_NAME);
        break;
    case ADVERTISING_TRANSMIT_POWER:
        take_transmit_power(summary, &element->value);
        break;
    case ADVERTISING_APPEARANCE:
        take_appearance(summary, &element->value);
        break;
    case ADVERTISING_MANUFACTURER:
        take_manufacturer(summary, &element->value);
        break;
    default:
        check_uuids(summary, element);
        break;
    }
}

void advertising_summarize(struct advertising_summary *summary, const uint8_t *data, size_t length)
{
    struct reader reader = reader_of(data, length);
    struct advertising_element element;
    while (advertising_next(&reader, &element))
        take_element(summary, &element);
    if (!reader_ok(&reader))
        note_fault(summary, "an element that is longer than the rest of the data");
}
