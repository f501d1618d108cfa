/*
 * How services become attributes (Vol 3 Part G, 3). The services are gone through twice: once to see how much they
 * take, so that there is one block to ask for, then to fill it; so registration happens whole or not at all.
 */
#include "host/gatt_db_register.h"

#include "host/gatt_db_hash.h"
#include "host/memory.h"

#include <string.h>

enum { EXTENDED_PROPERTIES = 0x80, PROPERTIES = 0x7f };

/* Characteristic Extended Properties (Vol 3 Part G, 3.3.3.1) */
enum { RELIABLE_WRITE = 0x01, WRITABLE_AUXILIARIES = 0x02 };

/* What the services take. */
struct census {
    size_t attributes, values, uuids, configurations;
};

/* The built-in services (Vol 3 Part C, 12; Part G, 7). */
struct built_in {
    uint16_t uuid; /* of a service, or of a characteristic of the one before */
    uint16_t flags;
    uint8_t kind; /* of the value */
};

static const struct built_in built_in[] = {
    {GATT_GAP_SERVICE, GATT_PRIMARY_SERVICE, GATT_SERVICE},
    {GATT_DEVICE_NAME, BLUET_FLAG_READ, GATT_NAME},
    {GATT_APPEARANCE, BLUET_FLAG_READ, GATT_CONSTANT},
    {GATT_PERIPHERAL_PREFERRED_CONNECTION_PARAMETERS, BLUET_FLAG_READ, GATT_CONSTANT},
    {GATT_CENTRAL_ADDRESS_RESOLUTION, BLUET_FLAG_READ, GATT_CONSTANT},
    {GATT_GATT_SERVICE, GATT_PRIMARY_SERVICE, GATT_SERVICE},
    {GATT_SERVICE_CHANGED, BLUET_FLAG_INDICATE, GATT_CONSTANT},
    {GATT_CLIENT_SUPPORTED_FEATURES, BLUET_FLAG_READ | BLUET_FLAG_WRITE, GATT_FEATURES},
    {GATT_DATABASE_HASH, BLUET_FLAG_READ, GATT_CONSTANT},
    {GATT_SERVER_SUPPORTED_FEATURES, BLUET_FLAG_READ, GATT_CONSTANT},
};

/*
 * Their attributes, those of the Database Hash, and what of them is kept for each client: one configuration, and its
 * features.
 */
enum { BUILT_IN_ATTRIBUTES = 19, HASH_ATTRIBUTES = 2, BUILT_IN_CONFIGURATIONS = 2 };

static bool is_configured(const struct bluet_characteristic *characteristic)
{
    return characteristic->flags & (BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE);
}

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

static bool has_extended_properties(const struct bluet_characteristic *characteristic)
{
    return characteristic->flags & (BLUET_FLAG_AUX_WRITE | BLUET_FLAG_RELIABLE_WRITE);
}

/* These two descriptors are made unless the application brings its own. */

static bool needs_extended_properties(const struct bluet_characteristic *characteristic)
{
    return has_extended_properties(characteristic) && !defines(characteristic, GATT_CHARACTERISTIC_EXTENDED_PROPERTIES);
}

static bool needs_broadcast(const struct bluet_characteristic *characteristic)
{
    return characteristic->flags & BLUET_FLAG_BROADCAST &&
           !defines(characteristic, GATT_SERVER_CHARACTERISTIC_CONFIGURATION);
}

/* ---- The census ---- */

/* False: a bad UUID. */
static bool count_descriptors(struct census *census, const struct bluet_characteristic *characteristic)
{
    for (size_t i = 0; i < characteristic->descriptor_count; i++) {
        if (!gatt_uuid_is_good(&characteristic->descriptors[i].uuid))
            return false;
        census->uuids += characteristic->descriptors[i].uuid.length > 2;
    }
    census->attributes += characteristic->descriptor_count;
    census->values += characteristic->descriptor_count;
    return true;
}

/* A service includes earlier ones only, so that there is no circle (Vol 3 Part G, 3.2). */
static bool count_included(struct census *census, const struct bluet_service *service, size_t position)
{
    for (size_t i = 0; i < service->included_count; i++)
        if (service->included[i] >= position)
            return false;
    census->attributes += service->included_count;
    return true;
}

static bool count_service(struct census *census, const struct bluet_service *service)
{
    if (!gatt_uuid_is_good(&service->uuid))
        return false;
    census->uuids += service->uuid.length > 2;
    census->attributes++;
    for (size_t i = 0; i < service->characteristic_count; i++) {
        const struct bluet_characteristic *characteristic = &service->characteristics[i];
        if (!gatt_uuid_is_good(&characteristic->uuid) || !count_descriptors(census, characteristic))
            return false;
        census->uuids += characteristic->uuid.length > 2;
        census->attributes += 2u + is_configured(characteristic) + needs_extended_properties(characteristic) +
                              needs_broadcast(characteristic);
        census->configurations += is_configured(characteristic);
        census->values++;
        if (census->attributes > UINT16_MAX)
            return false;
    }
    return true;
}

static bool count_services(struct census *census, const struct bluet_service *services, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!count_included(census, &services[i], i) || !count_service(census, &services[i]) ||
            census->attributes > UINT16_MAX)
            return false;
    return true;
}

/* ---- The filling ---- */

/* A database under construction. */
struct builder {
    struct gatt_db *db;
    uint8_t *values; /* the next */
    uint16_t uuid_count;
    uint16_t *out_handles;
    size_t handle_capacity;
    size_t handle_count;
};

static struct gatt_attribute *add_attribute(struct builder *builder, enum gatt_attribute_kind kind,
                                            const struct bluet_uuid *uuid, uint16_t flags)
{
    struct gatt_db *db = builder->db;
    struct gatt_attribute *attribute = &db->attributes[db->count++];
    *attribute = (struct gatt_attribute){.kind = (uint8_t)kind, .flags = flags};
    if (!uuid)
        return attribute;
    if (uuid->length == 2) {
        attribute->uuid = (uint16_t)(uuid->octets[0] | uuid->octets[1] << 8);
        return attribute;
    }
    struct gatt_type type = gatt_type_of(uuid->octets, uuid->length);
    memcpy(db->uuids[builder->uuid_count], type.expanded, sizeof type.expanded);
    attribute->wide = true;
    attribute->uuid = builder->uuid_count++;
    return attribute;
}

static void add_value(struct builder *builder, enum gatt_attribute_kind kind, const struct bluet_uuid *uuid,
                      uint16_t flags)
{
    struct gatt_attribute *attribute = add_attribute(builder, kind, uuid, flags);
    attribute->value = builder->values;
    attribute->size = GATT_VALUE_SIZE;
    builder->values += GATT_VALUE_SIZE;
    if (builder->handle_count < builder->handle_capacity)
        builder->out_handles[builder->handle_count] = gatt_db_handle(builder->db, attribute);
    builder->handle_count++;
}

static uint16_t properties_of(const struct bluet_characteristic *characteristic)
{
    bool extended =
        has_extended_properties(characteristic) || defines(characteristic, GATT_CHARACTERISTIC_EXTENDED_PROPERTIES);
    return (uint16_t)((characteristic->flags & PROPERTIES) | (extended ? EXTENDED_PROPERTIES : 0));
}

/* One of our own, of 16 bits. */
static struct gatt_attribute *add_own(struct builder *builder, enum gatt_attribute_kind kind, uint16_t uuid,
                                      uint16_t flags)
{
    struct gatt_attribute *attribute = add_attribute(builder, kind, NULL, flags);
    attribute->uuid = uuid;
    return attribute;
}

static void add_configuration(struct builder *builder)
{
    add_attribute(builder, GATT_CONFIGURATION, NULL, 0)->slot = builder->db->configuration_count++;
}

static void add_characteristic(struct builder *builder, const struct bluet_characteristic *characteristic)
{
    uint16_t flags = characteristic->flags;
    add_attribute(builder, GATT_DECLARATION, NULL, properties_of(characteristic));
    add_value(builder, GATT_VALUE, &characteristic->uuid, flags);
    if (is_configured(characteristic))
        add_configuration(builder);
    if (needs_extended_properties(characteristic)) {
        struct gatt_attribute *extended =
            add_own(builder, GATT_PROPERTIES, GATT_CHARACTERISTIC_EXTENDED_PROPERTIES, BLUET_FLAG_READ);
        extended->bits = (uint16_t)((flags & BLUET_FLAG_RELIABLE_WRITE ? RELIABLE_WRITE : 0) |
                                    (flags & BLUET_FLAG_AUX_WRITE ? WRITABLE_AUXILIARIES : 0));
    }
    /* Who may write the value, as far as the link goes, may have it broadcast (Vol 3 Part G, 3.3.3.4). */
    if (needs_broadcast(characteristic))
        add_own(builder, GATT_BROADCAST, GATT_SERVER_CHARACTERISTIC_CONFIGURATION,
                (uint16_t)(flags & (BLUET_FLAG_WRITE_ENCRYPTED | BLUET_FLAG_WRITE_AUTHENTICATED)));
    for (size_t i = 0; i < characteristic->descriptor_count; i++)
        add_value(builder, GATT_DESCRIPTOR, &characteristic->descriptors[i].uuid, characteristic->descriptors[i].flags);
}

/* The declaration of the user's service at that position. */
static uint16_t service_handle(const struct gatt_db *db, size_t position)
{
    uint16_t handle = gatt_db_first_users_handle(db);
    for (; position; position--)
        handle = (uint16_t)(gatt_db_find(db, handle)->last + 1);
    return handle;
}

static void add_services(struct builder *builder, const struct bluet_service *services, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct bluet_service *service = &services[i];
        struct gatt_attribute *declaration = add_attribute(
            builder, GATT_SERVICE, &service->uuid, service->secondary ? GATT_SECONDARY_SERVICE : GATT_PRIMARY_SERVICE);
        for (size_t j = 0; j < service->included_count; j++)
            add_attribute(builder, GATT_INCLUDED, NULL, 0)->included =
                service_handle(builder->db, service->included[j]);
        for (size_t j = 0; j < service->characteristic_count; j++)
            add_characteristic(builder, &service->characteristics[j]);
        declaration->last = builder->db->count;
    }
}

/* A name that clients may write is written where it is. */
static void add_built_in_value(struct builder *builder, const struct built_in *row)
{
    const struct gatt_db *db = builder->db;
    uint16_t writable = row->kind == GATT_NAME && db->name_writable ? BLUET_FLAG_WRITE : 0;
    add_attribute(builder, GATT_DECLARATION, NULL, (uint16_t)(row->flags | writable));
    struct gatt_attribute *value =
        add_own(builder, (enum gatt_attribute_kind)row->kind, row->uuid, (uint16_t)(row->flags | writable));
    if (writable) {
        value->value = db->name;
        value->size = db->name_size;
        value->length = db->name_length;
    }
    if (row->kind == GATT_FEATURES)
        value->slot = builder->db->configuration_count++;
    if (row->flags & BLUET_FLAG_INDICATE)
        add_configuration(builder);
}

static void add_built_in(struct builder *builder)
{
    struct gatt_attribute *service = NULL;
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
        if (built_in[i].uuid == GATT_DATABASE_HASH && !builder->db->hashed)
            continue;
        if (built_in[i].kind == GATT_SERVICE)
            service = add_own(builder, GATT_SERVICE, built_in[i].uuid, built_in[i].flags);
        else
            add_built_in_value(builder, &built_in[i]);
        if (service) /* the first is one */
            service->last = builder->db->count;
    }
}

/* One block: attributes first, for their alignment, then what is octets. */
static int take_block(struct gatt_db *db, const struct census *census, struct builder *out_builder)
{
    size_t attributes = census->attributes * sizeof(struct gatt_attribute);
    size_t uuids = census->uuids * sizeof *db->uuids;
    size_t configurations = census->configurations * db->link_limit;
    size_t size = attributes + uuids + configurations + census->values * GATT_VALUE_SIZE;
    uint8_t *block = memory_take(db->port, size);
    if (!block)
        return BLUET_ENOMEM;
    db->block = block;
    db->block_size = size;
    db->attributes = (void *)block;
    db->uuids = (void *)(block + attributes);
    db->configurations = block + attributes + uuids;
    memset(db->configurations, 0, configurations);
    db->count = 0;
    db->configuration_count = 0;
    out_builder->values = db->configurations + configurations;
    return BLUET_OK;
}

BLUET_INTERNAL void gatt_db_forget(struct gatt_db *db)
{
    for (uint16_t i = 0; i < db->count; i++) {
        struct gatt_attribute *attribute = &db->attributes[i];
        if (attribute->grown)
            memory_give(db->port, attribute->value, attribute->size ? attribute->size : 1);
    }
    memory_give(db->port, db->block, db->block_size);
    db->block = NULL;
}

static bool is_same(const struct gatt_db *db, const struct gatt_db *old, uint16_t handle)
{
    const struct gatt_attribute *one = gatt_db_find(db, handle);
    const struct gatt_attribute *other = gatt_db_find(old, handle);
    bool links = one->kind == GATT_SERVICE || one->kind == GATT_INCLUDED;
    if (one->kind != other->kind || one->flags != other->flags || one->wide != other->wide ||
        (links && one->last != other->last))
        return false;
    return one->wide ? memcmp(db->uuids[one->uuid], old->uuids[other->uuid], sizeof *db->uuids) == 0
                     : one->uuid == other->uuid;
}

/* Handles from the first that has become another attribute's, or none's. */
static struct gatt_change compare(const struct gatt_db *db, const struct gatt_db *old)
{
    uint16_t least = db->count < old->count ? db->count : old->count;
    uint16_t most = db->count < old->count ? old->count : db->count;
    uint16_t handle = 1;
    while (handle <= least && is_same(db, old, handle))
        handle++;
    return handle <= most ? (struct gatt_change){handle, most} : (struct gatt_change){0, 0};
}

/* What clients have configured of the attributes that have stayed. */
static void carry_over(struct gatt_db *db, const struct gatt_db *old, uint16_t first_changed)
{
    uint16_t slots = first_changed ? 0 : db->configuration_count;
    for (uint16_t handle = 1; handle < first_changed; handle++) {
        uint8_t kind = gatt_db_find(db, handle)->kind;
        slots = (uint16_t)(slots + (kind == GATT_CONFIGURATION || kind == GATT_FEATURES));
    }
    memcpy(db->configurations, old->configurations, (size_t)slots * db->link_limit);
}

BLUET_INTERNAL int gatt_db_register(struct gatt_db *db, struct gatt_change *out_change, uint16_t *out_handles,
                                    size_t handle_capacity, const struct bluet_service *services, size_t service_count)
{
    struct census census = {.attributes = BUILT_IN_ATTRIBUTES, .configurations = BUILT_IN_CONFIGURATIONS};
    if (!count_services(&census, services, service_count))
        return BLUET_EINVAL;

    if (!db->hashed)
        census.attributes -= HASH_ATTRIBUTES;
    struct gatt_db old = *db;
    struct builder builder = {.db = db, .out_handles = out_handles, .handle_capacity = handle_capacity};
    *out_change = (struct gatt_change){0};
    if (take_block(db, &census, &builder) < 0)
        return BLUET_ENOMEM;
    add_built_in(&builder);
    add_services(&builder, services, service_count);
    if (BLUET_HAS_SECURITY && db->hashed && !gatt_db_hash(db)) {
        gatt_db_forget(db);
        *db = old;
        return BLUET_ENOMEM;
    }
    if (old.block) {
        *out_change = compare(db, &old);
        carry_over(db, &old, out_change->first);
        gatt_db_forget(&old);
    }
    db->generation++;
    return (int)builder.handle_count;
}
