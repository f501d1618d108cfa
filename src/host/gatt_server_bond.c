/*
 * What is kept of a bonded client: the beginning of the hash of the database that it knows; and then what it has
 * configured, its supported features too, as three octets each, the handle and the bits. Nothing, if it has not.
 */
#include "host/gatt_server_bond.h"

#include "host/gatt_server_access.h"
#include "host/gatt_server_push.h"

enum { SAVED_LENGTH = 3 };

BLUET_INTERNAL void gatt_server_save(const struct gatt_server *server, const struct link *link, struct writer *out)
{
    uint16_t handle = 0;
    const uint8_t *bits;
    write_octets(out, gatt_server_link(server, link)->known, GATT_KNOWN_LENGTH);
    while (writer_room(out) >= SAVED_LENGTH &&
           (bits = gatt_db_next_configuration(server->db, link->index, &handle)) != NULL) {
        if (!(*bits & (uint8_t)~GATT_BITS_OF_OURS))
            continue;
        write_u16(out, handle);
        write_u8(out, *bits & (uint8_t)~GATT_BITS_OF_OURS);
    }
    if (out->length == GATT_KNOWN_LENGTH)
        *out = writer_of(out->start, out->capacity);
}

BLUET_INTERNAL void gatt_server_restore(struct gatt_server *server, struct link *link, struct reader *saved)
{
    static const struct gatt_change all = {1, UINT16_MAX};
    struct gatt_server_link *state = gatt_server_link(server, link);
    bool configured = state->configured;
    uint8_t known[GATT_KNOWN_LENGTH];
    read_octets(saved, known, sizeof known);
    if (!reader_ok(saved))
        return;
    bool same = memcmp(known, server->db->hash, sizeof known) == 0;
    while (reader_remaining(saved) >= SAVED_LENGTH) {
        uint16_t handle = read_u16(saved);
        const uint8_t octets[2] = {read_u8(saved), 0};
        const struct bluet_span value = {octets, sizeof octets};
        struct gatt_attribute *attribute = gatt_db_find(server->db, handle);
        if (attribute && gatt_is_kept(attribute) && (same || handle < server->db->users_handle))
            (void)gatt_configure(server, link, attribute, &value, false);
    }
    state->configured = configured;
    if (same)
        return;
    memcpy(state->known, known, sizeof known);
    gatt_push_changed_to(server, link, &all);
}

BLUET_INTERNAL bool gatt_server_was_configured(const struct gatt_server *server, const struct link *link)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    bool configured = state->configured;
    state->configured = false;
    return configured;
}
