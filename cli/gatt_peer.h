/* What `bluet gatt` finds at a peer: services, characteristics and descriptors with their values, and how it is shown.
 */
#ifndef BLUET_CLI_GATT_PEER_H
#define BLUET_CLI_GATT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluet/bluet.h"

enum gatt_kind { PEER_SERVICE, PEER_CHARACTERISTIC, PEER_DESCRIPTOR, PEER_INCLUDED };
enum { PEER_KINDS = PEER_INCLUDED + 1 };

enum gatt_reading { PEER_NOT_READ, PEER_READ, PEER_REFUSED };

struct gatt_attribute {
    enum gatt_kind kind;
    uint16_t handle;       /* of the declaration; of a descriptor, its own */
    uint16_t value_handle; /* of a characteristic; of an included service, its first; otherwise its own */
    uint16_t end_handle;
    uint8_t properties; /* of a characteristic */
    struct bluet_uuid uuid;
    enum gatt_reading reading;
    uint16_t status; /* why it was refused */
    uint16_t length;
    uint8_t *value;
};

struct gatt_peer {
    struct bluet_address address;
    uint16_t mtu;
    struct gatt_attribute *attributes;
    size_t count, capacity;
    const char *problem; /* why it is not the whole; NULL: it is */
};

enum { GATT_PROPERTY_READ = 0x02, GATT_VALUE_LARGEST = 512 };

/* Adds an attribute; NULL: no memory, or more than there can be. */
struct gatt_attribute *gatt_peer_add(struct gatt_peer *peer, enum gatt_kind kind, uint16_t handle,
                                     const struct bluet_uuid *uuid);
/* Adds octets to a value, up to the largest that there can be. */
bool gatt_attribute_append(struct gatt_attribute *attribute, const uint8_t *data, size_t length);
void gatt_peer_free(struct gatt_peer *peer);

/* In order of handles: a service, its characteristics, each followed by its descriptors. */
void gatt_peer_sort(struct gatt_peer *peer);

void gatt_peer_draw(const struct gatt_peer *peer);
bool gatt_peer_write_json(const struct gatt_peer *peer);

#endif
