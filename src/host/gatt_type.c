/* UUIDs to compare: a 16-bit one and its 128-bit expansion are the same (Vol 3 Part B, 2.5.1). */
#include "host/gatt_type.h"

#include "spec/reader.h"

#include <string.h>

enum { UUID_LENGTH = 16 };

/* Least significant octet first: the 16 or 32 bits are behind it. */
static const uint8_t base_uuid[] = {0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x00};

BLUET_INTERNAL void gatt_expand_uuid(uint8_t *out, const uint8_t *uuid, size_t length)
{
    memcpy(out, base_uuid, sizeof base_uuid);
    memset(out + sizeof base_uuid, 0, UUID_LENGTH - sizeof base_uuid);
    memcpy(length < UUID_LENGTH ? out + sizeof base_uuid : out, uuid, length);
}

BLUET_INTERNAL void gatt_type_of(struct gatt_type *out, const uint8_t *uuid, size_t length)
{
    const uint8_t *number = out->expanded + sizeof base_uuid;
    gatt_expand_uuid(out->expanded, uuid, length);
    out->uuid = read_u16_at(number);
    out->wide = memcmp(out->expanded, base_uuid, sizeof base_uuid) != 0 || read_u16_at(number + 2);
}

BLUET_INTERNAL struct bluet_uuid gatt_air_uuid(const struct bluet_uuid *uuid)
{
    struct bluet_uuid air = *uuid;
    if (uuid->length == 4) {
        air.length = UUID_LENGTH;
        gatt_expand_uuid(air.octets, uuid->octets, uuid->length);
    }
    return air;
}
