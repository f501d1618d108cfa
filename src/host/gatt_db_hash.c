/*
 * The Database Hash: AES-CMAC, with a key of zeros, over what clients may keep of a database (Vol 3 Part G, 7.3.1; RFC
 * 4493). Block after block, so that it takes no memory, however large the database.
 */
#include "host/gatt_db_hash.h"

#include "crypto/crypto.h"
#include "spec/writer.h"

enum { BLOCK = 16 };

/*
 * The last two blocks are not in the state yet: the last one is treated differently, and the one before is joined with
 * the state, so that a CMAC of these two is that of the whole.
 */
struct hash {
    uint8_t blocks[2 * BLOCK];
    size_t length;
    bool failed;
};

static const uint8_t hash_key[BLOCK];

static void hash_add(struct hash *hash, const uint8_t *octets, size_t length)
{
    for (; length; length--) {
        if (hash->length == sizeof hash->blocks) {
            uint8_t state[BLOCK] = {0};
            hash->failed |= !crypto_aes128(state, hash_key, hash->blocks);
            for (size_t i = 0; i < BLOCK; i++)
                hash->blocks[i] = state[i] ^ hash->blocks[BLOCK + i];
            hash->length = BLOCK;
        }
        hash->blocks[hash->length++] = *octets++;
    }
}

/* What of an attribute counts: nothing; handle and type; or the value, too. */
enum part { NOTHING, TYPE, VALUE };

enum { HANDLE_LENGTH = 2, TYPE_LENGTH = 2 };

static enum part part_of(const struct gatt_attribute *attribute, uint16_t type)
{
    if (attribute->kind == GATT_VALUE)
        return NOTHING;
    switch (type) {
    case GATT_PRIMARY_SERVICE:
    case GATT_SECONDARY_SERVICE:
    case GATT_INCLUDE:
    case GATT_CHARACTERISTIC:
    case GATT_CHARACTERISTIC_EXTENDED_PROPERTIES:
        return VALUE;
    case GATT_CHARACTERISTIC_USER_DESCRIPTION:
    case GATT_CLIENT_CHARACTERISTIC_CONFIGURATION:
    case GATT_SERVER_CHARACTERISTIC_CONFIGURATION:
    case GATT_CHARACTERISTIC_PRESENTATION_FORMAT:
    case GATT_CHARACTERISTIC_AGGREGATE_FORMAT:
        return TYPE;
    default:
        return NOTHING;
    }
}

static void hash_attribute(struct hash *hash, struct gatt_db *db, const struct gatt_attribute *attribute)
{
    uint8_t header[HANDLE_LENGTH + 16] = {0};
    struct writer writer = writer_of(header, sizeof header);
    write_u16(&writer, gatt_db_handle(db, attribute));
    gatt_db_write_type(db, attribute, &writer);
    enum part part = part_of(attribute, (uint16_t)(header[2] | header[3] << 8));
    if (part == NOTHING || writer.length > HANDLE_LENGTH + TYPE_LENGTH)
        return;
    hash_add(hash, header, writer.length);
    if (part != VALUE)
        return;
    uint8_t declaration[GATT_DECLARATION_LARGEST];
    struct bluet_span value;
    gatt_db_value(db, attribute, 0, declaration, &value);
    hash_add(hash, value.data, value.length);
}

BLUET_INTERNAL bool gatt_db_can_hash(void)
{
    uint8_t state[BLOCK];
    return crypto_aes128(state, hash_key, hash_key);
}

BLUET_INTERNAL bool gatt_db_hash(struct gatt_db *db)
{
    struct hash hash = {.length = 0};
    for (uint16_t i = 0; i < db->count; i++)
        hash_attribute(&hash, db, &db->attributes[i]);
    uint8_t code[BLOCK] = {0};
    hash.failed |= !crypto_aes_cmac(code, hash_key, hash.blocks, hash.length);
    struct writer writer = writer_of(db->hash, sizeof db->hash);
    write_reversed(&writer, code, sizeof code);
    return !hash.failed;
}
