/* Who may read, write and hear what: the permissions of attributes (Vol 3 Part F, 3.2.5; Part C, 10.3). */
#include "host/gatt_server_access.h"

enum {
    WRITABLE = BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE,
    READ_ON_ENCRYPTED_LINK = BLUET_FLAG_READ_ENCRYPTED | BLUET_FLAG_READ_AUTHENTICATED,
    WRITE_ON_ENCRYPTED_LINK = BLUET_FLAG_WRITE_ENCRYPTED | BLUET_FLAG_WRITE_AUTHENTICATED
};

/* Vol 3 Part C, 10.3.1: without a key it is pairing that is lacking, with one only encryption. */
static int check_security(const struct link *link, bool encrypted, bool authenticated)
{
    if (encrypted && !link->encrypted)
        return link->key_known ? ATT_ERROR_INSUFFICIENT_ENCRYPTION : ATT_ERROR_INSUFFICIENT_AUTHENTICATION;
    if (encrypted && link->key_short)
        return ATT_ERROR_ENCRYPTION_KEY_SIZE_TOO_SHORT;
    if (authenticated && !link->authenticated)
        return ATT_ERROR_INSUFFICIENT_AUTHENTICATION;
    return 0;
}

static int check_read_security(const struct link *link, const struct gatt_attribute *attribute)
{
    return check_security(link, attribute->flags & READ_ON_ENCRYPTED_LINK,
                          attribute->flags & BLUET_FLAG_READ_AUTHENTICATED);
}

static bool has_flags(const struct gatt_attribute *attribute)
{
    return gatt_is_users(attribute) || attribute->kind >= GATT_FEATURES;
}

static int may_read(const struct link *link, const struct gatt_attribute *attribute)
{
    if (!has_flags(attribute))
        return 0;
    if (!(attribute->flags & BLUET_FLAG_READ))
        return ATT_ERROR_READ_NOT_PERMITTED;
    return check_read_security(link, attribute);
}

static int check_unsigned(const struct link *link, const struct gatt_attribute *attribute)
{
    if (attribute->kind == GATT_CONFIGURATION)
        return check_read_security(link, gatt_db_configured_value(attribute));
    if (attribute->kind != GATT_BROADCAST && !(has_flags(attribute) && attribute->flags & WRITABLE))
        return ATT_ERROR_WRITE_NOT_PERMITTED;
    return check_security(link, attribute->flags & WRITE_ON_ENCRYPTED_LINK,
                          attribute->flags & BLUET_FLAG_WRITE_AUTHENTICATED);
}

/* A signature shows who has written, and hides nothing. */
static int check_signed(const struct gatt_attribute *attribute, enum gatt_signature signature)
{
    if (attribute->kind != GATT_VALUE || !(attribute->flags & BLUET_FLAG_AUTHENTICATED_SIGNED_WRITE))
        return ATT_ERROR_WRITE_NOT_PERMITTED;
    if (attribute->flags & BLUET_FLAG_WRITE_ENCRYPTED)
        return ATT_ERROR_INSUFFICIENT_ENCRYPTION;
    bool weak = attribute->flags & BLUET_FLAG_WRITE_AUTHENTICATED && signature != GATT_SIGNED_AUTHENTICATED;
    return weak ? ATT_ERROR_INSUFFICIENT_AUTHENTICATION : 0;
}

BLUET_INTERNAL int gatt_may_write(const struct link *link, const struct gatt_attribute *attribute,
                                  enum gatt_signature signature)
{
    int error = signature == GATT_UNSIGNED ? check_unsigned(link, attribute) : check_signed(attribute, signature);
    if (error)
        return error;
    bool refused =
        (attribute->flags & (BLUET_FLAG_WRITE_AUTHORIZED | BLUET_FLAG_ASK_WRITE)) == BLUET_FLAG_WRITE_AUTHORIZED;
    return refused ? ATT_ERROR_INSUFFICIENT_AUTHORIZATION : 0;
}

static uint16_t configuration_bits(const struct gatt_attribute *value)
{
    return (uint16_t)((value->flags & BLUET_FLAG_NOTIFY ? GATT_NOTIFICATIONS : 0) |
                      (value->flags & BLUET_FLAG_INDICATE ? GATT_INDICATIONS : 0));
}

/* Vol 3 Part G, 7.2: the octets may become more, and no bit is taken back. */
static int may_support(const struct gatt_db *db, uint8_t features, struct reader *value, uint8_t *out_features)
{
    uint8_t octet = read_u8(value);
    *out_features = octet & (GATT_ROBUST_CACHING | GATT_ENHANCED_BEARER | GATT_MULTIPLE_NOTIFICATIONS);
    if (!db->hashed)
        *out_features &= (uint8_t)~GATT_ROBUST_CACHING;
    if (!reader_ok(value))
        return ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH;
    return features & ~octet ? ATT_ERROR_VALUE_NOT_ALLOWED : 0;
}

/* Bits without a meaning are for later versions and pass; those of a property that is not there do not. */
BLUET_INTERNAL int gatt_may_configure(const struct gatt_db *db, const struct link *link,
                                      const struct gatt_attribute *configuration, struct reader *value,
                                      uint8_t *out_bits)
{
    if (configuration->kind == GATT_FEATURES)
        return may_support(db, *gatt_db_configuration(db, configuration->slot, link->index), value, out_bits);
    *out_bits = (uint8_t)(read_u16(value) & (GATT_NOTIFICATIONS | GATT_INDICATIONS));
    if (!reader_done(value))
        return ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH;
    if (configuration->kind == GATT_BROADCAST) {
        *out_bits &= GATT_BROADCASTS;
        return 0;
    }
    return *out_bits & ~configuration_bits(gatt_db_configured_value(configuration)) ? ATT_ERROR_VALUE_NOT_ALLOWED : 0;
}

BLUET_INTERNAL void gatt_configure(struct gatt_server *server, const struct link *link,
                                   struct gatt_attribute *configuration, uint8_t bits)
{
    uint8_t *kept = gatt_db_configuration(server->db, configuration->slot, link->index);
    uint8_t untold = *kept & GATT_SUBSCRIPTION_UNTOLD;
    bool changes = (*kept ^ bits) & (GATT_NOTIFICATIONS | GATT_INDICATIONS);
    if (changes && server->subscriptions && gatt_is_subscribed_to(configuration)) {
        untold = GATT_SUBSCRIPTION_UNTOLD;
        gatt_server_link(server, link)->subscriptions_untold = true;
    }
    *kept = bits | untold;
}

BLUET_INTERNAL bool gatt_may_hear(const struct link *link, const struct gatt_attribute *value)
{
    return check_read_security(link, value) == 0;
}

/* Any answer but an ATT error code is a refusal without a reason. */
static int error_of_answer(int answer, bool authorizes)
{
    if (answer > 0 && answer <= 0xff)
        return answer;
    return authorizes ? ATT_ERROR_INSUFFICIENT_AUTHORIZATION : ATT_ERROR_UNLIKELY;
}

static int ask_application(struct gatt_server *server, const struct bluet_event *question, bool authorizes)
{
    uint16_t generation = server->db->generation;
    int answer = event_raise(server->sink, question);
    if (answer)
        return error_of_answer(answer, authorizes);
    /* What it has agreed to is gone if it has replaced the services meanwhile. */
    return generation == server->db->generation ? 0 : ATT_ERROR_UNLIKELY;
}

static int ask_read_of(struct gatt_server *server, const struct link *link, uint16_t handle, uint16_t flags)
{
    struct bluet_event question;
    question.code = BLUET_EVENT_GATTS_READ_REQUEST;
    question.conn_handle = link->handle;
    question.attribute.attr_handle = handle;
    return ask_application(server, &question, flags & BLUET_FLAG_READ_AUTHORIZED);
}

BLUET_INTERNAL int gatt_ask_write_of(struct gatt_server *server, const struct link *link,
                                     const struct gatt_attribute *attribute, uint16_t offset,
                                     const struct bluet_span *value)
{
    if (!gatt_is_users(attribute) || !(attribute->flags & BLUET_FLAG_ASK_WRITE))
        return 0;
    struct bluet_event question = {.code = BLUET_EVENT_GATTS_WRITE_REQUEST, .conn_handle = link->handle};
    question.write_request.attr_handle = gatt_db_handle(server->db, attribute);
    question.write_request.offset = offset;
    question.write_request.data = value->data;
    question.write_request.length = value->length;
    return ask_application(server, &question, attribute->flags & BLUET_FLAG_WRITE_AUTHORIZED);
}

BLUET_INTERNAL int gatt_read_value(struct gatt_server *server, const struct link *link, uint16_t handle,
                                   struct gatt_response *response, struct bluet_span *out_value)
{
    const struct gatt_attribute *attribute = gatt_db_find(server->db, handle);
    if (!attribute)
        return ATT_ERROR_INVALID_HANDLE;
    int error = may_read(link, attribute);
    if (error)
        return error;
    if (gatt_is_users(attribute) && !response->authorized) {
        error = ask_read_of(server, link, handle, attribute->flags);
        if (error)
            return error;
        attribute = gatt_db_find(server->db, handle);
    }
    *out_value = gatt_db_value(server->db, attribute, link->index, response->declaration);
    return 0;
}
