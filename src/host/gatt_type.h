/* UUIDs to compare: a 16-bit one and its 128-bit expansion are the same (Vol 3 Part B, 2.5.1). */
#ifndef BLUET_HOST_GATT_TYPE_H
#define BLUET_HOST_GATT_TYPE_H

#include "bluet/bluet.h"
#include "spec/internal.h"

struct gatt_type {
    uint8_t expanded[16];
    uint16_t uuid;
    bool wide; /* has no 16-bit form */
};

/* Of 2, 4 or 16 octets, least significant first: 16 of them. */
BLUET_INTERNAL void gatt_expand_uuid(uint8_t *out, const uint8_t *uuid, size_t length);
BLUET_INTERNAL void gatt_type_of(struct gatt_type *out, const uint8_t *uuid, size_t length);

static inline bool gatt_uuid_is_good(const struct bluet_uuid *uuid)
{
    return uuid->length == 2 || uuid->length == 4 || uuid->length == 16;
}

/* The form that goes on the air: 2 or 16 octets (Vol 3 Part F, 3.2.1). */
BLUET_INTERNAL struct bluet_uuid gatt_air_uuid(const struct bluet_uuid *uuid);

#endif
