/*
 * Advertising data and scan response data, taken apart (Vol 3 Part C, 11; Core Specification Supplement, Part A).
 * Whatever is in them comes from a stranger: nothing is believed, and what is broken is left out and said.
 */
#ifndef BLUET_CLI_ADVERTISING_DATA_H
#define BLUET_CLI_ADVERTISING_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluet/bluet.h"
#include "spec/reader.h"

/* Assigned Numbers, 2.3 */
enum advertising_type {
    ADVERTISING_FLAGS = 0x01,
    ADVERTISING_SERVICES_16_INCOMPLETE = 0x02,
    ADVERTISING_SERVICES_16 = 0x03,
    ADVERTISING_SERVICES_32_INCOMPLETE = 0x04,
    ADVERTISING_SERVICES_32 = 0x05,
    ADVERTISING_SERVICES_128_INCOMPLETE = 0x06,
    ADVERTISING_SERVICES_128 = 0x07,
    ADVERTISING_NAME_SHORTENED = 0x08,
    ADVERTISING_NAME = 0x09,
    ADVERTISING_TRANSMIT_POWER = 0x0a,
    ADVERTISING_CONNECTION_INTERVAL_RANGE = 0x12,
    ADVERTISING_SOLICITED_16 = 0x14,
    ADVERTISING_SOLICITED_128 = 0x15,
    ADVERTISING_SERVICE_DATA_16 = 0x16,
    ADVERTISING_PUBLIC_TARGET_ADDRESS = 0x17,
    ADVERTISING_RANDOM_TARGET_ADDRESS = 0x18,
    ADVERTISING_APPEARANCE = 0x19,
    ADVERTISING_INTERVAL = 0x1a,
    ADVERTISING_DEVICE_ADDRESS = 0x1b,
    ADVERTISING_ROLE = 0x1c,
    ADVERTISING_SOLICITED_32 = 0x1f,
    ADVERTISING_SERVICE_DATA_32 = 0x20,
    ADVERTISING_SERVICE_DATA_128 = 0x21,
    ADVERTISING_URI = 0x24,
    ADVERTISING_MANUFACTURER = 0xff
};

struct advertising_element {
    uint8_t type;
    struct reader value;
};

/*
 * The next element, false at the end. Afterwards reader_ok() of `data` tells whether the end was a proper one: an
 * element that announces more than there is, is not returned.
 */
bool advertising_next(struct reader *data, struct advertising_element *out_element);

/* For element types that hold UUIDs, their length: 2, 4 or 16; otherwise 0. `..._list`: nothing but UUIDs. */
size_t advertising_uuid_length(uint8_t type);
bool advertising_is_uuid_list(uint8_t type);

/* The next UUID of such an element's value; false when less than one is left. */
bool advertising_next_uuid(struct reader *value, uint8_t type, struct bluet_uuid *out_uuid);

/* What there is once at most. Where a type is repeated, its first good element counts. */
struct advertising_summary {
    bool has_flags, has_transmit_power, has_appearance, has_manufacturer, name_is_complete;
    uint8_t flags;
    int8_t transmit_power;
    uint16_t appearance;
    uint16_t manufacturer;
    const uint8_t *name; /* NULL: none */
    size_t name_length;
    const char *fault; /* what is wrong with the data, in words; NULL: nothing */
};

/* Adds what `data` holds to `summary`, which begins as all zero. */
void advertising_summarize(struct advertising_summary *summary, const uint8_t *data, size_t length);

#endif
