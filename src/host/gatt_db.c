/*
 * The attributes of the server: a pure data structure, that sends and raises nothing (Vol 3 Part F, 3.2; Part G, 3).
 * How services become attributes is in gatt_db_register.c.
 */
#include "host/gatt_db.h"

#include "host/gatt_db_hash.h"
#include "host/gatt_db_register.h"
#include "host/memory.h"
#include "spec/reader.h"
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
    gatt_db_give_value(db, &db->name);
    db->name = (struct gatt_value){NULL, 0, 0};
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

/* A block for a value is never empty, so that a size of 0 is not taken for giving it back. */
static size_t block_size_of(size_t size)
{
    return size ? size : 1;
}

BLUET_INTERNAL void gatt_db_give_value(const struct gatt_db *db, const struct gatt_value *value)
{
    memory_give(db->port, value->octets, block_size_of(value->size));
}

/* A block of exactly that size, in place of the one it has; the octets that fit stay as they are. */
static int resize(const struct gatt_db *db, struct gatt_value *value, bool has_block, size_t size)
{
    uint8_t *block = has_block ? value->octets : NULL;
    uint8_t *octets = memory_resize(db->port, block, block ? block_size_of(value->size) : 0, block_size_of(size));
    if (!octets)
        return BLUET_ENOMEM;
    if (!block && value->octets)
        memcpy(octets, value->octets, value->length < size ? value->length : size);
    value->octets = octets;
    value->size = (uint16_t)size;
    return BLUET_OK;
}

BLUET_INTERNAL int gatt_db_set_device_name(struct gatt_db *db, const void *name, size_t length)
{
    if (length > GATT_DEVICE_NAME_LARGEST)
        return BLUET_EINVAL;
    int error = length > db->name.size ? resize(db, &db->name, true, length) : BLUET_OK;
    if (!error)
        gatt_db_write_local(&db->name, name, length);
    return error;
}

/* Receiving takes no memory: what clients may write has room for the longest. */
BLUET_INTERNAL int gatt_db_set_name_writable(struct gatt_db *db, bool writable)
{
    bool grows = writable && db->name.size < GATT_DEVICE_NAME_LARGEST;
    int error = grows ? resize(db, &db->name, true, GATT_DEVICE_NAME_LARGEST) : BLUET_OK;
    if (!error)
        db->name_writable = writable;
    return error;
}

BLUET_INTERNAL const void *gatt_db_device_name(const struct gatt_db *db, size_t *out_length)
{
    *out_length = db->name.length;
    return db->name.octets;
}

BLUET_INTERNAL void gatt_db_set_appearance(struct gatt_db *db, uint16_t appearance)
{
    write_u16_at(db->appearance, appearance);
}

BLUET_INTERNAL uint16_t gatt_db_appearance(const struct gatt_db *db)
{
    return read_u16_at(db->appearance);
}

BLUET_INTERNAL struct gatt_attribute *gatt_db_find(const struct gatt_db *db, uint16_t handle)
{
    return handle && handle <= db->count ? &db->attributes[handle - 1] : NULL;
}

BLUET_INTERNAL struct gatt_attribute *gatt_db_find_users(const struct gatt_db *db, uint16_t handle)
{
    struct gatt_attribute *attribute = gatt_db_find(db, handle);
    return attribute && gatt_is_users(attribute) ? attribute : NULL;
}

/* ---- Types ---- */

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
    bool service = attribute->kind == GATT_SERVICE;
    write_uuid(db, attribute->wide && !service, service ? attribute->flags : attribute->uuid, out);
}

BLUET_INTERNAL bool gatt_db_has_type(const struct gatt_db *db, const struct gatt_attribute *attribute,
                                     const struct gatt_type *type)
{
    bool service = attribute->kind == GATT_SERVICE;
    if (attribute->wide && !service)
        return memcmp(db->uuids[attribute->uuid], type->expanded, WIDE_UUID_LENGTH) == 0;
    return !type->wide && type->uuid == (service ? attribute->flags : attribute->uuid);
}

/* ---- Values ---- */

BLUET_INTERNAL struct gatt_value *gatt_db_buffer(struct gatt_db *db, const struct gatt_attribute *attribute)
{
    return attribute->kind == GATT_NAME ? &db->name : &db->values[attribute->slot];
}

BLUET_INTERNAL uint8_t *gatt_db_configuration(const struct gatt_db *db, uint16_t slot, uint8_t link_index)
{
    return &db->configurations[(size_t)slot * db->link_limit + link_index];
}

/* What is put together for each read. */
static void write_own_value(const struct gatt_db *db, const struct gatt_attribute *attribute, uint8_t link_index,
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
            return;
        break;
    case GATT_CONFIGURATION: /* 3.3.3.3: the bits that are ours are not shown */
        write_u16(out,
                  *gatt_db_configuration(db, attribute->slot, link_index) & (GATT_NOTIFICATIONS | GATT_INDICATIONS));
        return;
    default: /* GATT_BROADCAST, GATT_PROPERTIES */
        write_u16(out, attribute->bits);
        return;
    }
    write_uuid(db, named->wide, named->uuid, out);
}

/* A value beyond the largest is kept, but its end is out of reach (Vol 3 Part F, 3.2.9). */
BLUET_INTERNAL void gatt_db_value(struct gatt_db *db, const struct gatt_attribute *attribute, uint8_t link_index,
                                  uint8_t *scratch, struct bluet_span *out_value)
{
    struct writer writer = writer_of(scratch, GATT_DECLARATION_LARGEST);
    if (attribute->kind >= GATT_NAME) {
        const struct gatt_value *value = gatt_db_buffer(db, attribute);
        out_value->data = value->octets;
        out_value->length = value->length < ATT_VALUE_LARGEST ? value->length : ATT_VALUE_LARGEST;
    } else if (attribute->kind == GATT_CONSTANT) {
        out_value->data = (const uint8_t *)db + (attribute->slot & 0xff);
        out_value->length = attribute->slot >> 8;
    } else if (attribute->kind == GATT_FEATURES) {
        out_value->data = gatt_db_configuration(db, attribute->slot, link_index);
        out_value->length = 1;
    } else {
        write_own_value(db, attribute, link_index, &writer);
        out_value->data = scratch;
        out_value->length = writer.length;
    }
}

BLUET_INTERNAL const struct gatt_attribute *gatt_db_configuration_of(const struct gatt_db *db,
                                                                     const struct gatt_attribute *value)
{
    const struct gatt_attribute *next = value + 1;
    bool has = next < db->attributes + db->count && next->kind == GATT_CONFIGURATION;
    return has ? next : NULL;
}

BLUET_INTERNAL uint8_t *gatt_db_next_configuration(const struct gatt_db *db, uint8_t link_index, uint16_t *handle)
{
    while (*handle < db->count) {
        const struct gatt_attribute *attribute = &db->attributes[(*handle)++];
        if (gatt_is_kept(attribute))
            return gatt_db_configuration(db, attribute->slot, link_index);
    }
    return NULL;
}

BLUET_INTERNAL void gatt_db_clear_configurations(struct gatt_db *db, uint8_t link_index)
{
    for (uint16_t slot = 0; slot < db->configuration_count; slot++)
        *gatt_db_configuration(db, slot, link_index) = 0;
}

BLUET_INTERNAL size_t gatt_db_begin_write(struct gatt_db *db, const struct gatt_attribute *attribute, size_t offset)
{
    struct gatt_value *value = gatt_db_buffer(db, attribute);
    if (attribute->append)
        return value->length + offset;
    if (offset < value->length)
        value->length = (uint16_t)offset;
    return offset;
}

BLUET_INTERNAL void gatt_db_put(struct gatt_db *db, const struct gatt_attribute *attribute, size_t position,
                                const struct bluet_span *data)
{
    struct gatt_value *value = gatt_db_buffer(db, attribute);
    if (position >= value->size || data->length == 0)
        return;
    size_t room = value->size - position;
    size_t fitting = data->length < room ? data->length : room;
    memcpy(value->octets + position, data->data, fitting);
    if (position + fitting > value->length)
        value->length = (uint16_t)(position + fitting);
}

BLUET_INTERNAL int gatt_db_resize(struct gatt_db *db, struct gatt_attribute *attribute, size_t size)
{
    if (size > UINT16_MAX)
        return BLUET_EINVAL;
    int error = resize(db, &db->values[attribute->slot], attribute->grown, size);
    if (!error)
        attribute->grown = true;
    return error;
}

BLUET_INTERNAL void gatt_db_read_local(struct gatt_db *db, const struct gatt_attribute *attribute,
                                       const void **out_value, size_t *out_length)
{
    struct gatt_value *value = gatt_db_buffer(db, attribute);
    *out_value = value->octets;
    *out_length = value->length;
    if (attribute->append)
        value->length = 0;
}

BLUET_INTERNAL void gatt_db_write_local(struct gatt_value *value, const void *data, size_t length)
{
    if (length)
        memmove(value->octets, data, length);
    value->length = (uint16_t)length;
}

BLUET_INTERNAL int gatt_db_set_buffer(struct gatt_db *db, struct gatt_attribute *attribute, size_t size, bool append)
{
    struct gatt_value *value = &db->values[attribute->slot];
    int error = attribute->grown || size > GATT_VALUE_SIZE ? gatt_db_resize(db, attribute, size) : BLUET_OK;
    if (error)
        return error;
    value->size = (uint16_t)size;
    value->length = 0;
    attribute->append = append;
    return BLUET_OK;
}
