/* Who may read, write and hear what: the permissions of attributes (Vol 3 Part F, 3.2.5; Part C, 10.3). */
#include "host/gatt_server_access.h"

enum {
    WRITABLE = BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE,
    ON_ENCRYPTED_LINK = BLUET_FLAG_READ_ENCRYPTED | BLUET_FLAG_READ_AUTHENTICATED,
    READ_TO_WRITE = BLUET_FLAG_WRITE_ENCRYPTED / BLUET_FLAG_READ_ENCRYPTED /* between the flags that say the same */
};

/* By the flags for reading. Vol 3 Part C, 10.3.1: without a key it is pairing that is lacking, else only encryption. */
static int check_security(const struct link *link, unsigned flags)
{
    if (!(flags & ON_ENCRYPTED_LINK))
        return 0;
    if (!link->encrypted)
        return link->key_known ? ATT_ERROR_INSUFFICIENT_ENCRYPTION : ATT_ERROR_INSUFFICIENT_AUTHENTICATION;
    if (link->key_short)
        return ATT_ERROR_ENCRYPTION_KEY_SIZE_TOO_SHORT;
    if (flags & BLUET_FLAG_READ_AUTHENTICATED && !link->authenticated)
        return ATT_ERROR_INSUFFICIENT_AUTHENTICATION;
    return 0;
}

/* What is read by everybody comes first. */
static int may_read(const struct link *link, const struct gatt_attribute *attribute)
{
    if (attribute->kind <= GATT_CONFIGURATION)
        return 0;
    if (!(attribute->flags & BLUET_FLAG_READ))
        return ATT_ERROR_READ_NOT_PERMITTED;
    return check_security(link, attribute->flags);
}

static int check_unsigned(const struct link *link, const struct gatt_attribute *attribute)
{
    if (attribute->kind == GATT_CONFIGURATION)
        return check_security(link, gatt_db_configured_value(attribute)->flags);
    if (attribute->kind < GATT_CONFIGURATION || !(attribute->flags & WRITABLE))
        return ATT_ERROR_WRITE_NOT_PERMITTED;
    return check_security(link, attribute->flags / READ_TO_WRITE);
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
    bool is_signed = BLUET_HAS_SIGNING && signature != GATT_UNSIGNED;
    int error = is_signed ? check_signed(attribute, signature) : check_unsigned(link, attribute);
    if (error)
        return error;
    bool refused =
        (attribute->flags & (BLUET_FLAG_WRITE_AUTHORIZED | BLUET_FLAG_ASK_WRITE)) == BLUET_FLAG_WRITE_AUTHORIZED;
    return refused ? ATT_ERROR_INSUFFICIENT_AUTHORIZATION : 0;
}

/*
 * Bits without a meaning are for later versions and pass; those of a property that is not there do not. Supported
 * features may become more octets, and no bit of them is taken back (Vol 3 Part G, 7.2).
 */
BLUET_INTERNAL int gatt_configure(struct gatt_server *server, const struct link *link,
                                  struct gatt_attribute *configuration, const struct bluet_span *value, bool checks)
{
    enum { ALL_FEATURES = GATT_ROBUST_CACHING | GATT_ENHANCED_BEARER | GATT_MULTIPLE_NOTIFICATIONS };
    struct gatt_server_link *state = gatt_server_link(server, link);
    bool is_features = configuration->kind == GATT_FEATURES;
    if (is_features ? value->length == 0 : value->length != 2)
        return ATT_ERROR_INVALID_ATTRIBUTE_VALUE_LENGTH;
    unsigned bits = *(const uint8_t *)value->data;
    if (configuration->kind == GATT_BROADCAST) {
        if (!checks)
            configuration->bits = bits & GATT_BROADCASTS;
        return 0;
    }
    uint8_t *kept = gatt_db_configuration(server->db, configuration->slot, link->index);
    unsigned forbidden;
    if (is_features) {
        forbidden = *kept & ~bits;
        bits &= server->db->hashed ? ALL_FEATURES : ALL_FEATURES & ~GATT_ROBUST_CACHING;
    } else {
        bits &= GATT_NOTIFICATIONS | GATT_INDICATIONS;
        forbidden = bits & ~(gatt_db_configured_value(configuration)->flags / (unsigned)BLUET_FLAG_NOTIFY);
    }
    if (forbidden)
        return ATT_ERROR_VALUE_NOT_ALLOWED;
    if (checks)
        return 0;
    bool changes = (*kept ^ bits) & (GATT_NOTIFICATIONS | GATT_INDICATIONS);
    bits |= *kept & GATT_SUBSCRIPTION_UNTOLD;
    if (changes && server->subscriptions && gatt_is_subscribed_to(configuration)) {
        bits |= GATT_SUBSCRIPTION_UNTOLD;
        state->subscriptions_untold = true;
    }
    *kept = (uint8_t)bits;
    state->configured = true;
    return 0;
}

BLUET_INTERNAL bool gatt_may_hear(const struct link *link, const struct gatt_attribute *value)
{
    return check_security(link, value->flags) == 0;
}

/* Any answer but an ATT error code is a refusal without a reason. */
static int ask_application(struct gatt_server *server, const struct bluet_event *question, bool authorizes)
{
    uint16_t generation = server->db->generation;
    int answer = event_raise(server->sink, question);
    if (answer > 0 && answer <= 0xff)
        return answer;
    if (answer)
        return authorizes ? ATT_ERROR_INSUFFICIENT_AUTHORIZATION : ATT_ERROR_UNLIKELY;
    /* What it has agreed to is gone if it has replaced the services meanwhile. */
    return generation == server->db->generation ? 0 : ATT_ERROR_UNLIKELY;
}

BLUET_INTERNAL int gatt_check_write(struct gatt_exchange *exchange, uint16_t offset,
                                    struct gatt_attribute **out_attribute, struct bluet_span *out_value)
{
    struct gatt_attribute *attribute = gatt_db_find(exchange->server->db, exchange->handle);
    if (!attribute)
        return ATT_ERROR_INVALID_HANDLE;
    *out_attribute = attribute;
    out_value->length = reader_remaining(&exchange->request);
    out_value->data = read_span(&exchange->request, out_value->length);
    int error = gatt_may_write(exchange->link, attribute, (enum gatt_signature)exchange->signature);
    if (error || !gatt_is_users(attribute) || !(attribute->flags & BLUET_FLAG_ASK_WRITE))
        return error;
    struct bluet_event question;
    question.code = BLUET_EVENT_GATTS_WRITE_REQUEST;
    question.conn_handle = exchange->link->handle;
    question.write_request.attr_handle = exchange->handle;
    question.write_request.offset = offset;
    question.write_request.data = out_value->data;
    question.write_request.length = out_value->length;
    return ask_application(exchange->server, &question, attribute->flags & BLUET_FLAG_WRITE_AUTHORIZED);
}

BLUET_INTERNAL int gatt_read_value(struct gatt_exchange *exchange, uint16_t handle, struct bluet_span *out_value)
{
    struct gatt_server *server = exchange->server;
    const struct gatt_attribute *attribute = gatt_db_find(server->db, handle);
    if (!attribute)
        return ATT_ERROR_INVALID_HANDLE;
    int error = may_read(exchange->link, attribute);
    if (!error && gatt_is_users(attribute) && !exchange->authorized) {
        struct bluet_event question;
        question.code = BLUET_EVENT_GATTS_READ_REQUEST;
        question.conn_handle = exchange->link->handle;
        question.attribute.attr_handle = handle;
        exchange->asked = true;
        error = ask_application(server, &question, attribute->flags & BLUET_FLAG_READ_AUTHORIZED);
        exchange->refused |= error != 0;
    }
    if (error)
        return error;
    gatt_db_value(server->db, attribute, exchange->link->index, exchange->declaration, out_value);
    return 0;
}

/* ---- What the rooms of the server ask of its state ---- */

BLUET_INTERNAL bool gatt_is_out_of_sync(const struct gatt_server *server, const struct link *link)
{
    return gatt_server_link(server, link)->awareness != GATT_AWARE &&
           *gatt_db_configuration(server->db, GATT_FEATURES_SLOT, link->index) & GATT_ROBUST_CACHING;
}

BLUET_INTERNAL void gatt_now_aware(const struct gatt_server *server, const struct link *link)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    state->awareness = GATT_AWARE;
    state->configured = true;
    memcpy(state->known, server->db->hash, sizeof state->known);
}

BLUET_INTERNAL struct gatt_server_bearer *gatt_server_bearer(const struct gatt_server *server,
                                                             const struct att_bearer *bearer)
{
    return &server->bearers[att_index(server->att, bearer)];
}
