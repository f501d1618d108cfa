/*
 * How services become attributes (Vol 3 Part G, 3). The services are gone through twice: once to see how much they
 * take, so that there is one block to ask for, then to fill it; so registration happens whole or not at all.
 */
#include "host/gatt_db_register.h"

#include "host/memory.h"

#include <string.h>

enum { EXTENDED_PROPERTIES = 0x80, PROPERTIES = 0x7f };

/* What the services take. */
struct census {
    size_t attributes, values, uuids, configurations;
};

static const struct bluet_characteristic gap_characteristics[] = {
    {.uuid = {2, {GATT_DEVICE_NAME & 0xff, GATT_DEVICE_NAME >> 8}}, .flags = BLUET_FLAG_READ},
    {.uuid = {2, {GATT_APPEARANCE & 0xff, GATT_APPEARANCE >> 8}}, .flags = BLUET_FLAG_READ},
};
static const struct bluet_characteristic gatt_characteristics[] = {
    {.uuid = {2, {GATT_SERVICE_CHANGED & 0xff, GATT_SERVICE_CHANGED >> 8}}, .flags = BLUET_FLAG_INDICATE},
};
static const struct bluet_service built_in[] = {
    {{2, {GATT_GAP_SERVICE & 0xff, GATT_GAP_SERVICE >> 8}}, gap_characteristics, 2},
    {{2, {GATT_GATT_SERVICE & 0xff, GATT_GATT_SERVICE >> 8}}, gatt_characteristics, 1},
};
enum { BUILT_IN_COUNT = sizeof built_in / sizeof *built_in };

static bool is_configured(const struct bluet_characteristic *characteristic)
{
    return characteristic->flags & (BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE);
}

static bool is_uuid(const struct bluet_uuid *uuid, uint16_t number)
{
    return uuid->length == 2 && (uuid->octets[0] | uuid->octets[1] << 8) == number;
}

static bool defines_extended_properties(const struct bluet_characteristic *characteristic)
{
    for (size_t i = 0; i < characteristic->descriptor_count; i++)
        if (is_uuid(&characteristic->descriptors[i].uuid, GATT_CHARACTERISTIC_EXTENDED_PROPERTIES))
            return true;
    return false;
}

/* Writable auxiliaries are told in a descriptor, which is made unless the application brings its own. */
static bool needs_extended_properties(const struct bluet_characteristic *characteristic)
{
    return characteristic->flags & BLUET_FLAG_AUX_WRITE && !defines_extended_properties(characteristic);
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
        census->attributes += 2u + is_configured(characteristic) + needs_extended_properties(characteristic);
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
        if (!count_service(census, &services[i]) || census->attributes > UINT16_MAX)
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

static struct gatt_attribute *add(struct builder *builder, enum gatt_attribute_kind kind, const struct bluet_uuid *uuid,
                                  uint16_t flags)
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
    struct gatt_attribute *attribute = add(builder, kind, uuid, flags);
    attribute->value = builder->values;
    attribute->size = GATT_VALUE_SIZE;
    builder->values += GATT_VALUE_SIZE;
    if (builder->handle_count < builder->handle_capacity)
        builder->out_handles[builder->handle_count] = gatt_db_handle(builder->db, attribute);
    builder->handle_count++;
}

static uint16_t properties_of(const struct bluet_characteristic *characteristic)
{
    bool extended = characteristic->flags & BLUET_FLAG_AUX_WRITE || defines_extended_properties(characteristic);
    return (uint16_t)((characteristic->flags & PROPERTIES) | (extended ? EXTENDED_PROPERTIES : 0));
}

static void add_characteristic(struct builder *builder, const struct bluet_characteristic *characteristic, bool ours)
{
    static const struct bluet_uuid extended_properties = {
        2, {GATT_CHARACTERISTIC_EXTENDED_PROPERTIES & 0xff, GATT_CHARACTERISTIC_EXTENDED_PROPERTIES >> 8}};
    add(builder, GATT_DECLARATION, NULL, properties_of(characteristic));
    if (ours)
        add(builder, GATT_CONSTANT, &characteristic->uuid, characteristic->flags);
    else
        add_value(builder, GATT_VALUE, &characteristic->uuid, characteristic->flags);
    if (is_configured(characteristic)) {
        struct gatt_attribute *configuration = add(builder, GATT_CONFIGURATION, NULL, 0);
        configuration->slot = builder->db->configuration_count++;
    }
    if (needs_extended_properties(characteristic))
        add(builder, GATT_CONSTANT, &extended_properties, BLUET_FLAG_READ);
    for (size_t i = 0; i < characteristic->descriptor_count; i++)
        add_value(builder, GATT_DESCRIPTOR, &characteristic->descriptors[i].uuid, characteristic->descriptors[i].flags);
}

static void add_services(struct builder *builder, const struct bluet_service *services, size_t count, bool ours)
{
    for (size_t i = 0; i < count; i++) {
        struct gatt_attribute *declaration = add(builder, GATT_SERVICE, &services[i].uuid, 0);
        for (size_t j = 0; j < services[i].characteristic_count; j++)
            add_characteristic(builder, &services[i].characteristics[j], ours);
        declaration->last = builder->db->count;
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

/* The configurations of the built-in services come first, and outlive the others. */
static void carry_over(struct gatt_db *db, const struct gatt_db *old)
{
    for (uint8_t i = 0; old->block && i < db->link_limit; i++)
        *gatt_db_configuration(db, 0, i) = *gatt_db_configuration(old, 0, i);
}

BLUET_INTERNAL int gatt_db_register(struct gatt_db *db, uint16_t *out_handles, size_t handle_capacity,
                                    const struct bluet_service *services, size_t service_count)
{
    struct census census = {0};
    count_services(&census, built_in, BUILT_IN_COUNT);
    size_t values_of_built_in = census.values;
    if (!count_services(&census, services, service_count))
        return BLUET_EINVAL;
    census.values -= values_of_built_in;

    struct gatt_db old = *db;
    struct builder builder = {.db = db, .out_handles = out_handles, .handle_capacity = handle_capacity};
    if (take_block(db, &census, &builder) < 0)
        return BLUET_ENOMEM;
    add_services(&builder, built_in, BUILT_IN_COUNT, true);
    add_services(&builder, services, service_count, false);
    carry_over(db, &old);
    gatt_db_forget(&old);
    db->generation++;
    return (int)builder.handle_count;
}
