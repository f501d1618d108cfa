/*
 * Names for the assigned numbers: services, characteristics, descriptors, companies, appearances. The tables are made
 * at build time by numbers.py, sorted for a binary search.
 */
#ifndef BLUET_CLI_NUMBERS_H
#define BLUET_CLI_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "bluet/bluet.h"

struct number {
    uint32_t value;
    const char *name;
};

/* UUIDs of 128 bits, least significant octet first, as in struct bluet_uuid. */
struct long_number {
    uint8_t value[16];
    const char *name;
};

struct numbers {
    const struct number *numbers;
    size_t count;
    const struct long_number *long_numbers;
    size_t long_count;
};

extern const struct numbers numbers_services;
extern const struct numbers numbers_characteristics;
extern const struct numbers numbers_descriptors;
extern const struct numbers numbers_companies;
extern const struct numbers numbers_appearances;

/* NULL: no name is assigned. UUIDs over the Bluetooth Base UUID are found in any of their lengths. */
const char *numbers_uuid(const struct numbers *table, const struct bluet_uuid *uuid);
const char *numbers_value(const struct numbers *table, uint32_t value);

/* Appearance (Vol 3 Part C, 12.2): where the kind within its category has no name, the category's. */
const char *numbers_appearance(uint16_t appearance);

#endif
