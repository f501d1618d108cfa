/* What a client has configured, its supported features too, as three octets each: the handle and the bits. */
#include "host/gatt_server_bond.h"

#include "host/gatt_server_access.h"

enum { SAVED_LENGTH = 3 };

static bool is_kept(const struct gatt_attribute *attribute)
{
    return attribute->kind == GATT_CONFIGURATION || attribute->kind == GATT_FEATURES;
}

BLUET_INTERNAL void gatt_server_save(const struct gatt_server *server, const struct link *link, struct writer *out)
{
    const struct gatt_db *db = server->db;
    for (uint16_t i = 0; i < db->count && writer_room(out) >= SAVED_LENGTH; i++) {
        const struct gatt_attribute *attribute = &db->attributes[i];
        if (!is_kept(attribute))
            continue;
        uint8_t bits = *gatt_db_configuration(db, attribute->slot, link->index);
        if (attribute->kind == GATT_CONFIGURATION)
            bits &= GATT_NOTIFICATIONS | GATT_INDICATIONS;
        if (bits) {
            write_u16(out, gatt_db_handle(db, attribute));
            write_u8(out, bits);
        }
    }
}

BLUET_INTERNAL void gatt_server_restore(const struct gatt_server *server, const struct link *link, struct reader *saved)
{
    while (reader_remaining(saved) >= SAVED_LENGTH) {
        const struct gatt_attribute *attribute = gatt_db_find(server->db, read_u16(saved));
        const uint8_t value[2] = {read_u8(saved), 0};
        if (!attribute || !is_kept(attribute))
            continue;
        struct reader reader = reader_of(value, attribute->kind == GATT_FEATURES ? 1 : sizeof value);
        uint8_t bits;
        if (gatt_may_configure(server->db, link, attribute, &reader, &bits) == 0)
            *gatt_db_configuration(server->db, attribute->slot, link->index) = bits;
    }
}

BLUET_INTERNAL bool gatt_server_was_configured(const struct gatt_server *server, const struct link *link)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    bool configured = state->configured;
    state->configured = false;
    return configured;
}
