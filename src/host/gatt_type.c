/* UUIDs to compare: a 16-bit one and its 128-bit expansion are the same (Vol 3 Part B, 2.5.1). */
#include "host/gatt_type.h"

#include <string.h>

/* Least significant octet first: the 16 or 32 bits are at the end. */
static const uint8_t base_uuid[16] = {0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10};
enum { BASE_PREFIX = 12 };

BLUET_INTERNAL struct gatt_type gatt_type_of(const uint8_t *uuid, size_t length)
{
    struct gatt_type type;
    memcpy(type.expanded, base_uuid, sizeof base_uuid);
    memcpy(type.expanded + (length < sizeof base_uuid ? BASE_PREFIX : 0), uuid, length);
    type.uuid = (uint16_t)(type.expanded[12] | type.expanded[13] << 8);
    type.wide = memcmp(type.expanded, base_uuid, BASE_PREFIX) != 0 || type.expanded[14] || type.expanded[15];
    return type;
}

BLUET_INTERNAL struct bluet_uuid gatt_air_uuid(const struct bluet_uuid *uuid)
{
    struct bluet_uuid air = *uuid;
    if (uuid->length == 4) {
        struct gatt_type type = gatt_type_of(uuid->octets, uuid->length);
        air.length = sizeof type.expanded;
        memcpy(air.octets, type.expanded, sizeof type.expanded);
    }
    return air;
}
