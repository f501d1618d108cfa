/*
 * How services become attributes (Vol 3 Part G, 3). The services are gone through twice: once to see how much they
 * take, so that there is one block to ask for, then to fill it; so registration happens whole or not at all.
 */
#include "host/gatt_db_register.h"

#include "host/gatt_db_hash.h"
#include "host/memory.h"
#include "spec/reader.h"

#include <string.h>

enum { EXTENDED_PROPERTIES = 0x80, PROPERTIES = 0x7f };

/* The built-in services (Vol 3 Part C, 12; Part G, 7). */
struct built_in {
    uint16_t uuid; /* of a service, of a characteristic of the one before, or of its configuration */
    uint16_t flags;
    uint16_t slot; /* of a constant: where it is in struct gatt_db, and above that its length */
    uint8_t kind;  /* of the value */
};

static const struct built_in built_in[] = {
    {GATT_GAP_SERVICE, GATT_PRIMARY_SERVICE, 0, GATT_SERVICE},
    {GATT_DEVICE_NAME, BLUET_FLAG_READ, 0, GATT_NAME},
    {GATT_APPEARANCE, BLUET_FLAG_READ, 2 << 8 | offsetof(struct gatt_db, appearance), GATT_CONSTANT},
    {GATT_PERIPHERAL_PREFERRED_CONNECTION_PARAMETERS, BLUET_FLAG_READ,
     8 << 8 | offsetof(struct gatt_db, preferred_parameters), GATT_CONSTANT},
    {GATT_CENTRAL_ADDRESS_RESOLUTION, BLUET_FLAG_READ, 1 << 8 | offsetof(struct gatt_db, address_resolution),
     GATT_CONSTANT},
    {GATT_GATT_SERVICE, GATT_PRIMARY_SERVICE, 0, GATT_SERVICE},
    {GATT_SERVICE_CHANGED, BLUET_FLAG_INDICATE, 0, GATT_CONSTANT},
    {GATT_CLIENT_CHARACTERISTIC_CONFIGURATION, 0, GATT_SERVICE_CHANGED_SLOT, GATT_CONFIGURATION},
    {GATT_CLIENT_SUPPORTED_FEATURES, BLUET_FLAG_READ | BLUET_FLAG_WRITE, GATT_FEATURES_SLOT, GATT_FEATURES},
    {GATT_DATABASE_HASH, BLUET_FLAG_READ, 16 << 8 | offsetof(struct gatt_db, hash), GATT_CONSTANT},
    {GATT_SERVER_SUPPORTED_FEATURES, BLUET_FLAG_READ, 1 << 8 | offsetof(struct gatt_db, server_features),
     GATT_CONSTANT},
};

static bool is_uuid(const struct bluet_uuid *uuid, uint16_t number)
{
    return uuid->length == 2 && (uuid->octets[0] | uuid->octets[1] << 8) == number;
}

static bool defines(const struct bluet_characteristic *characteristic, enum gatt_uuid descriptor)
{
    for (size_t i = 0; i < characteristic->descriptor_count; i++)
        if (is_uuid(&characteristic->descriptors[i].uuid, (uint16_t)descriptor))
            return true;
    return false;
}

/* A database under construction, or while its attributes are only counted, one of them that stands for all. */
struct builder {
    struct gatt_db *db;
    size_t attributes, values, uuids, configurations; /* so far */
    struct gatt_attribute *service;                   /* the last one */
    uint8_t *octets;                                  /* of the next value */
    uint16_t *out_handles;
    size_t handle_capacity;
    bool counting;
    bool bad; /* what is to be registered */
    struct gatt_attribute counted;
};

static struct gatt_attribute *add_attribute(struct builder *builder, enum gatt_attribute_kind kind, uint16_t uuid,
                                            unsigned flags)
{
    struct gatt_attribute *attribute =
        builder->counting ? &builder->counted : &builder->db->attributes[builder->attributes];
    builder->attributes++;
    *attribute = (struct gatt_attribute){.kind = (uint8_t)kind, .uuid = uuid, .flags = (uint16_t)flags};
    if (kind == GATT_SERVICE)
        builder->service = attribute;
    builder->service->last = (uint16_t)builder->attributes;
    return attribute;
}

/* One of the application's. */
static struct gatt_attribute *add_users(struct builder *builder, enum gatt_attribute_kind kind,
                                        const struct bluet_uuid *uuid, unsigned flags)
{
    if (uuid->length == 2)
        return add_attribute(builder, kind, read_u16_at(uuid->octets), flags);
    struct gatt_attribute *attribute = add_attribute(builder, kind, (uint16_t)builder->uuids, flags);
    attribute->wide = true;
    builder->bad |= !gatt_uuid_is_good(uuid);
    if (!builder->counting)
        gatt_expand_uuid(builder->db->uuids[builder->uuids], uuid->octets, uuid->length);
    builder->uuids++;
    return attribute;
}

static void add_value(struct builder *builder, enum gatt_attribute_kind kind, const struct bluet_uuid *uuid,
                      uint16_t flags)
{
    size_t slot = builder->values++;
    add_users(builder, kind, uuid, flags)->slot = (uint16_t)slot;
    if (builder->counting)
        return;
    builder->db->values[slot] = (struct gatt_value){builder->octets, 0, GATT_VALUE_SIZE};
    builder->octets += GATT_VALUE_SIZE;
    if (slot < builder->handle_capacity)
        builder->out_handles[slot] = (uint16_t)builder->attributes;
}

/* Two descriptors are made unless the application brings its own: Extended Properties, and Server Configuration. */
static void add_characteristic(struct builder *builder, const struct bluet_characteristic *characteristic)
{
    unsigned flags = characteristic->flags;
    unsigned extended = flags & (BLUET_FLAG_AUX_WRITE | BLUET_FLAG_RELIABLE_WRITE);
    bool brings_extended = defines(characteristic, GATT_CHARACTERISTIC_EXTENDED_PROPERTIES);
    add_attribute(builder, GATT_DECLARATION, GATT_CHARACTERISTIC,
                  (flags & PROPERTIES) | (extended || brings_extended ? EXTENDED_PROPERTIES : 0));
    add_value(builder, GATT_VALUE, &characteristic->uuid, characteristic->flags);
    if (flags & (BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE))
        add_attribute(builder, GATT_CONFIGURATION, GATT_CLIENT_CHARACTERISTIC_CONFIGURATION, 0)->slot =
            (uint16_t)builder->configurations++;
    if (extended && !brings_extended) /* the two bits are in the same order, from the lowest on */
        add_attribute(builder, GATT_PROPERTIES, GATT_CHARACTERISTIC_EXTENDED_PROPERTIES, BLUET_FLAG_READ)->bits =
            (uint16_t)(extended / BLUET_FLAG_RELIABLE_WRITE);
    /* Who may write the value, as far as the link goes, may have it broadcast (Vol 3 Part G, 3.3.3.4). */
    if (flags & BLUET_FLAG_BROADCAST && !defines(characteristic, GATT_SERVER_CHARACTERISTIC_CONFIGURATION))
        add_attribute(builder, GATT_BROADCAST, GATT_SERVER_CHARACTERISTIC_CONFIGURATION,
                      BLUET_FLAG_READ | BLUET_FLAG_WRITE |
                          (flags & (BLUET_FLAG_WRITE_ENCRYPTED | BLUET_FLAG_WRITE_AUTHENTICATED)));
    for (size_t i = 0; i < characteristic->descriptor_count; i++)
        add_value(builder, GATT_DESCRIPTOR, &characteristic->descriptors[i].uuid, characteristic->descriptors[i].flags);
}

/* The declaration of the user's service at that position. */
static uint16_t service_handle(const struct gatt_db *db, size_t position)
{
    uint16_t handle = db->users_handle;
    for (; position; position--)
        handle = (uint16_t)(gatt_db_find(db, handle)->last + 1);
    return handle;
}

/* A service includes earlier ones only, so that there is no circle (Vol 3 Part G, 3.2). */
static void add_services(struct builder *builder, const struct bluet_service *services, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct bluet_service *service = &services[i];
        add_users(builder, GATT_SERVICE, &service->uuid,
                  service->secondary ? GATT_SECONDARY_SERVICE : GATT_PRIMARY_SERVICE);
        for (size_t j = 0; j < service->included_count; j++) {
            struct gatt_attribute *included = add_attribute(builder, GATT_INCLUDED, GATT_INCLUDE, 0);
            builder->bad |= service->included[j] >= i;
            if (!builder->counting)
                included->included = service_handle(builder->db, service->included[j]);
        }
        for (size_t j = 0; j < service->characteristic_count; j++)
            add_characteristic(builder, &service->characteristics[j]);
    }
}

/* A name that clients may write is written where it is. */
static void add_built_in(struct builder *builder)
{
    for (const struct built_in *row = built_in; row < built_in + sizeof built_in / sizeof *built_in; row++) {
        unsigned flags = row->flags;
        if (row->uuid == GATT_DATABASE_HASH && !builder->db->hashed)
            continue;
        if (row->kind == GATT_NAME && builder->db->name_writable)
            flags |= BLUET_FLAG_WRITE;
        if (row->kind > GATT_CONFIGURATION)
            add_attribute(builder, GATT_DECLARATION, GATT_CHARACTERISTIC, flags);
        add_attribute(builder, (enum gatt_attribute_kind)row->kind, row->uuid, flags)->slot = row->slot;
    }
    builder->configurations = GATT_BUILT_IN_SLOTS;
    builder->db->users_handle = (uint16_t)(builder->attributes + 1);
}

/* One block for what has been counted: first what has to be aligned, then what is octets. */
static int take_block(struct builder *builder)
{
    struct gatt_db *db = builder->db;
    size_t configurations = builder->configurations * db->link_limit;
    size_t size = builder->values * (sizeof *db->values + GATT_VALUE_SIZE) +
                  builder->attributes * sizeof *db->attributes + builder->uuids * sizeof *db->uuids + configurations;
    void *block = memory_take(db->port, size);
    if (!block)
        return BLUET_ENOMEM;
    db->block_size = size;
    db->values = block;
    db->attributes = (void *)(db->values + builder->values);
    db->uuids = (void *)(db->attributes + builder->attributes);
    db->configurations = (void *)(db->uuids + builder->uuids);
    db->count = (uint16_t)builder->attributes;
    db->configuration_count = (uint16_t)builder->configurations;
    builder->octets = db->configurations + configurations;
    return BLUET_OK;
}

BLUET_INTERNAL void gatt_db_forget(struct gatt_db *db)
{
    for (uint16_t i = 0; i < db->count; i++)
        if (db->attributes[i].grown)
            gatt_db_give_value(db, &db->values[db->attributes[i].slot]);
    memory_give(db->port, db->values, db->block_size);
    db->values = NULL;
}

/* The slots are the same if all before them are. */
static bool is_same(const struct gatt_db *db, const struct gatt_db *old, uint16_t index)
{
    const struct gatt_attribute *one = &db->attributes[index];
    const struct gatt_attribute *other = &old->attributes[index];
    if (one->kind != other->kind || one->flags != other->flags || one->wide != other->wide ||
        one->uuid != other->uuid || (one->kind <= GATT_INCLUDED && one->last != other->last))
        return false;
    return !one->wide || memcmp(db->uuids[one->uuid], old->uuids[one->uuid], sizeof *db->uuids) == 0;
}

/*
 * Handles from the first that has become another attribute's, or none's. What clients have configured of those before
 * is carried over.
 */
static void compare(struct gatt_db *db, const struct gatt_db *old, struct gatt_change *out_change)
{
    uint16_t least = db->count < old->count ? db->count : old->count;
    uint16_t same = 0;
    size_t slots = 0;
    for (; same < least && is_same(db, old, same); same++)
        slots += gatt_is_kept(&db->attributes[same]);
    memcpy(db->configurations, old->configurations, slots * db->link_limit);
    if (same == db->count && same == old->count)
        return;
    out_change->first = (uint16_t)(same + 1);
    out_change->last = db->count < old->count ? old->count : db->count;
}

BLUET_INTERNAL int gatt_db_register(struct gatt_db *db, struct gatt_change *out_change, uint16_t *out_handles,
                                    size_t handle_capacity, const struct bluet_service *services, size_t service_count)
{
    struct gatt_db old = *db;
    struct builder builder = {.db = db, .out_handles = out_handles, .handle_capacity = handle_capacity};
    builder.service = &builder.counted;
    *out_change = (struct gatt_change){0, 0};
    for (int pass = 0; pass < 2; pass++) {
        builder.counting = pass == 0;
        builder.attributes = builder.values = builder.uuids = builder.configurations = 0;
        add_built_in(&builder);
        add_services(&builder, services, service_count);
        if (builder.bad || builder.attributes > UINT16_MAX)
            return BLUET_EINVAL;
        if (builder.counting && take_block(&builder))
            return BLUET_ENOMEM;
    }
    if (BLUET_HAS_SECURITY && db->hashed && !gatt_db_hash(db)) {
        gatt_db_forget(db);
        *db = old;
        return BLUET_ENOMEM;
    }
    if (old.values) {
        compare(db, &old, out_change);
        gatt_db_forget(&old);
    }
    db->generation++;
    return (int)builder.values;
}
