/*
 * The attributes of the server: a pure data structure, that sends and raises nothing (Vol 3 Part F, 3.2; Part G, 3).
 * How services become attributes is in gatt_db_register.c.
 */
#include "host/gatt_db.h"

#include "host/gatt_db_hash.h"
#include "host/gatt_db_register.h"
#include "host/memory.h"
#include "spec/writer.h"

enum { WIDE_UUID_LENGTH = 16 };

/* Peripheral Preferred Connection Parameters: nothing is preferred (Vol 3 Part C, 12.3). */
static const uint8_t no_preference[8] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0xff, 0xff};

BLUET_INTERNAL void gatt_db_init(struct gatt_db *db, const struct bluet_port *port)
{
    *db = (struct gatt_db){.port = port};
    memcpy(db->preferred_parameters, no_preference, sizeof no_preference);
}

BLUET_INTERNAL void gatt_db_destroy(struct gatt_db *db)
{
    memory_give(db->port, db->name, db->name_size);
    db->name = NULL;
    db->name_length = 0;
    db->name_size = 0;
}

BLUET_INTERNAL int gatt_db_open(struct gatt_db *db, uint8_t link_limit)
{
    db->link_limit = link_limit;
    db->hashed = BLUET_HAS_SECURITY && gatt_db_can_hash();
    struct gatt_change change;
    return gatt_db_register(db, &change, NULL, 0, NULL, 0) < 0 ? BLUET_ENOMEM : BLUET_OK;
}

BLUET_INTERNAL void gatt_db_close(struct gatt_db *db)
{
    gatt_db_forget(db);
    db->count = 0;
    db->configuration_count = 0;
}

static int resize_name(struct gatt_db *db, size_t size)
{
    uint8_t *name = memory_resize(db->port, db->name, db->name_size, size);
    if (!name)
        return BLUET_ENOMEM;
    db->name = name;
    db->name_size = (uint8_t)size;
    return BLUET_OK;
}

BLUET_INTERNAL int gatt_db_set_device_name(struct gatt_db *db, const void *name, size_t length)
{
    if (length > GATT_DEVICE_NAME_LARGEST)
        return BLUET_EINVAL;
    int error = length > db->name_size ? resize_name(db, length) : BLUET_OK;
    if (error)
        return error;
    if (length)
        memmove(db->name, name, length);
    db->name_length = (uint8_t)length;
    if (db->block)
        gatt_db_find(db, GATT_NAME_HANDLE)->length = (uint16_t)length;
    return BLUET_OK;
}

/* Receiving takes no memory: what clients may write has room for the longest. */
BLUET_INTERNAL int gatt_db_set_name_writable(struct gatt_db *db, bool writable)
{
    int error = writable && db->name_size < GATT_DEVICE_NAME_LARGEST ? resize_name(db, GATT_DEVICE_NAME_LARGEST) : 0;
    if (!error)
        db->name_writable = writable;
    return error;
}

BLUET_INTERNAL const void *gatt_db_device_name(const struct gatt_db *db, size_t *out_length)
{
    *out_length = db->name_length;
    return db->name;
}

BLUET_INTERNAL void gatt_db_set_appearance(struct gatt_db *db, uint16_t appearance)
{
    struct writer writer = writer_of(db->appearance, sizeof db->appearance);
    write_u16(&writer, appearance);
}

BLUET_INTERNAL uint16_t gatt_db_appearance(const struct gatt_db *db)
{
    return (uint16_t)(db->appearance[0] | db->appearance[1] << 8);
}

BLUET_INTERNAL struct gatt_attribute *gatt_db_find_users(const struct gatt_db *db, uint16_t handle)
{
    struct gatt_attribute *attribute = gatt_db_find(db, handle);
    return attribute && gatt_is_users(attribute) ? attribute : NULL;
}

/* ---- Types ---- */

static uint16_t declaration_type(const struct gatt_attribute *attribute)
{
    switch (attribute->kind) {
    case GATT_SERVICE:
        return attribute->flags;
    case GATT_INCLUDED:
        return GATT_INCLUDE;
    case GATT_DECLARATION:
        return GATT_CHARACTERISTIC;
    case GATT_CONFIGURATION:
        return GATT_CLIENT_CHARACTERISTIC_CONFIGURATION;
    default:
        return attribute->uuid;
    }
}

static bool has_wide_type(const struct gatt_attribute *attribute)
{
    return attribute->wide && gatt_is_users(attribute);
}

static void write_uuid(const struct gatt_db *db, bool wide, uint16_t uuid, struct writer *out)
{
    if (wide)
        write_octets(out, db->uuids[uuid], WIDE_UUID_LENGTH);
    else
        write_u16(out, uuid);
}

BLUET_INTERNAL void gatt_db_write_type(const struct gatt_db *db, const struct gatt_attribute *attribute,
                                       struct writer *out)
{
    bool wide = has_wide_type(attribute);
    write_uuid(db, wide, wide ? attribute->uuid : declaration_type(attribute), out);
}

BLUET_INTERNAL bool gatt_db_has_type(const struct gatt_db *db, const struct gatt_attribute *attribute,
                                     const struct gatt_type *type)
{
    if (has_wide_type(attribute))
        return memcmp(db->uuids[attribute->uuid], type->expanded, WIDE_UUID_LENGTH) == 0;
    return !type->wide && declaration_type(attribute) == type->uuid;
}

/* ---- Values ---- */

static struct bluet_span constant_value(const struct gatt_db *db, uint16_t uuid)
{
    switch (uuid) {
    case GATT_APPEARANCE:
        return (struct bluet_span){db->appearance, sizeof db->appearance};
    case GATT_PERIPHERAL_PREFERRED_CONNECTION_PARAMETERS:
        return (struct bluet_span){db->preferred_parameters, sizeof db->preferred_parameters};
    case GATT_CENTRAL_ADDRESS_RESOLUTION:
        return (struct bluet_span){&db->address_resolution, 1};
    case GATT_DATABASE_HASH:
        return (struct bluet_span){db->hash, sizeof db->hash};
    case GATT_SERVER_SUPPORTED_FEATURES:
        return (struct bluet_span){&db->server_features, 1};
    default:
        return (struct bluet_span){NULL, 0};
    }
}

/* What is put together for each read. False: there is no need to. */
static bool write_own_value(const struct gatt_db *db, const struct gatt_attribute *attribute, uint8_t link_index,
                            struct writer *out)
{
    const struct gatt_attribute *named = attribute; /* whose UUID it ends with */
    switch (attribute->kind) {
    case GATT_SERVICE:
        break;
    case GATT_DECLARATION: /* Vol 3 Part G, 3.3.1 */
        write_u8(out, (uint8_t)attribute->flags);
        write_u16(out, (uint16_t)(gatt_db_handle(db, attribute) + 1));
        named = attribute + 1;
        break;
    case GATT_INCLUDED: /* 3.2: a UUID of 16 octets is left to be read from the service itself */
        named = gatt_db_find(db, attribute->included);
        write_u16(out, attribute->included);
        write_u16(out, named->last);
        if (named->wide)
            return true;
        break;
    case GATT_CONFIGURATION: /* 3.3.3.3: the bits that are ours are not shown */
        write_u16(out,
                  *gatt_db_configuration(db, attribute->slot, link_index) & (GATT_NOTIFICATIONS | GATT_INDICATIONS));
        return true;
    case GATT_BROADCAST:
    case GATT_PROPERTIES:
        write_u16(out, attribute->bits);
        return true;
    default:
        return false;
    }
    write_uuid(db, named->wide, named->uuid, out);
    return true;
}

/* A value beyond the largest is kept, but its end is out of reach (Vol 3 Part F, 3.2.9). */
BLUET_INTERNAL void gatt_db_value(const struct gatt_db *db, const struct gatt_attribute *attribute, uint8_t link_index,
                                  uint8_t *scratch, struct bluet_span *out_value)
{
    struct writer writer = writer_of(scratch, GATT_DECLARATION_LARGEST);
    if (write_own_value(db, attribute, link_index, &writer))
        *out_value = (struct bluet_span){scratch, writer.length};
    else if (attribute->kind == GATT_FEATURES)
        *out_value = (struct bluet_span){gatt_db_configuration(db, attribute->slot, link_index), 1};
    else if (attribute->kind == GATT_NAME)
        *out_value = (struct bluet_span){db->name, db->name_length};
    else if (attribute->kind == GATT_CONSTANT)
        *out_value = constant_value(db, attribute->uuid);
    else
        *out_value = (struct bluet_span){attribute->value,
                                         attribute->length < ATT_VALUE_LARGEST ? attribute->length : ATT_VALUE_LARGEST};
}

BLUET_INTERNAL const struct gatt_attribute *gatt_db_configuration_of(const struct gatt_db *db,
                                                                     const struct gatt_attribute *value)
{
    const struct gatt_attribute *next = value + 1;
    bool has = next < db->attributes + db->count && next->kind == GATT_CONFIGURATION;
    return has ? next : NULL;
}

BLUET_INTERNAL void gatt_db_clear_configurations(struct gatt_db *db, uint8_t link_index)
{
    for (uint16_t slot = 0; slot < db->configuration_count; slot++)
        *gatt_db_configuration(db, slot, link_index) = 0;
}

BLUET_INTERNAL size_t gatt_db_begin_write(struct gatt_attribute *attribute, size_t offset)
{
    if (attribute->append)
        return attribute->length + offset;
    if (offset < attribute->length)
        attribute->length = (uint16_t)offset;
    return offset;
}

BLUET_INTERNAL void gatt_db_put(struct gatt_attribute *attribute, size_t position, const uint8_t *data, size_t length)
{
    if (position >= attribute->size || length == 0)
        return;
    size_t room = attribute->size - position;
    size_t fitting = length < room ? length : room;
    memcpy(attribute->value + position, data, fitting);
    if (position + fitting > attribute->length)
        attribute->length = (uint16_t)(position + fitting);
}

BLUET_INTERNAL void gatt_db_written(struct gatt_db *db, const struct gatt_attribute *attribute)
{
    if (attribute->kind == GATT_NAME)
        db->name_length = (uint8_t)attribute->length;
}

/* A block for a value is never empty, so that a size of 0 is not taken for giving it back. */
static size_t block_size_of(size_t size)
{
    return size ? size : 1;
}

/* A block of exactly that size; the octets that fit stay as they are. */
static int resize(struct gatt_db *db, struct gatt_attribute *attribute, size_t size)
{
    uint8_t *block = attribute->grown ? attribute->value : NULL;
    size_t old_size = attribute->grown ? block_size_of(attribute->size) : 0;
    uint8_t *value = memory_resize(db->port, block, old_size, block_size_of(size));
    if (!value)
        return BLUET_ENOMEM;
    if (!attribute->grown && attribute->length)
        memcpy(value, attribute->value, attribute->length < size ? attribute->length : size);
    attribute->value = value;
    attribute->size = (uint16_t)size;
    attribute->grown = true;
    return BLUET_OK;
}

BLUET_INTERNAL int gatt_db_reserve(struct gatt_db *db, struct gatt_attribute *attribute, size_t size)
{
    if (size > UINT16_MAX)
        return BLUET_EINVAL;
    return size > attribute->size ? resize(db, attribute, size) : BLUET_OK;
}

BLUET_INTERNAL void gatt_db_write_local(struct gatt_attribute *attribute, const void *data, size_t length)
{
    if (length)
        memmove(attribute->value, data, length);
    attribute->length = (uint16_t)length;
}

BLUET_INTERNAL int gatt_db_set_buffer(struct gatt_db *db, struct gatt_attribute *attribute, size_t size, bool append)
{
    if (size > UINT16_MAX)
        return BLUET_EINVAL;
    if (attribute->grown || size > GATT_VALUE_SIZE) {
        int error = resize(db, attribute, size);
        if (error)
            return error;
    }
    attribute->size = (uint16_t)size;
    attribute->length = 0;
    attribute->append = append;
    return BLUET_OK;
}
