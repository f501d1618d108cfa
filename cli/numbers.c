/* Looks names up in the tables of assigned numbers. */
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

static int compare_value(const void *key, const void *entry)
{
    uint32_t value = *(const uint32_t *)key;
    uint32_t other = ((const struct number *)entry)->value;
    return (value > other) - (value < other);
}

static int compare_long_value(const void *key, const void *entry)
{
    return memcmp(key, ((const struct long_number *)entry)->value, 16);
}

const char *numbers_value(const struct numbers *table, uint32_t value)
{
    const struct number *found =
        table->count ? bsearch(&value, table->numbers, table->count, sizeof *table->numbers, compare_value) : NULL;
    return found ? found->name : NULL;
}

/* The last 12 octets of the Bluetooth Base UUID (Vol 3 Part B, 2.5.1), least significant first. */
static const uint8_t base_uuid[12] = {0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x00};

static uint32_t short_value(const uint8_t *octets, size_t length)
{
    uint32_t value = 0;
    for (size_t i = length; i > 0; i--)
        value = value << 8 | octets[i - 1];
    return value;
}

const char *numbers_uuid(const struct numbers *table, const struct bluet_uuid *uuid)
{
    if (uuid->length != 16)
        return numbers_value(table, short_value(uuid->octets, uuid->length));
    if (memcmp(uuid->octets, base_uuid, sizeof base_uuid) == 0)
        return numbers_value(table, short_value(uuid->octets + sizeof base_uuid, 4));
    const struct long_number *found = table->long_count ? bsearch(uuid->octets, table->long_numbers, table->long_count,
                                                                  sizeof *table->long_numbers, compare_long_value)
                                                        : NULL;
    return found ? found->name : NULL;
}

const char *numbers_appearance(uint16_t appearance)
{
    const char *name = numbers_value(&numbers_appearances, appearance);
    return name ? name : numbers_value(&numbers_appearances, appearance & 0xffc0u);
}
