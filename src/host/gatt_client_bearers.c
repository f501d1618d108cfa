/*
 * Enhanced bearers from the client's side: the server says whether it has them, the client that it knows them, and then
 * asks for some (Vol 3 Part G, 5.3.1, 7.2, 7.4). What begins early on one of them is held until its turn comes.
 */
#include "host/gatt_client_bearers.h"

#include "host/gatt_db.h"

enum { OUR_FEATURES = GATT_ENHANCED_BEARER | GATT_MULTIPLE_NOTIFICATIONS };

/* ---- To look for them ---- */

static void set_type(struct gatt_procedure *procedure, uint16_t type)
{
    procedure->uuid.length = 2;
    procedure->uuid.octets[0] = (uint8_t)type;
    procedure->uuid.octets[1] = (uint8_t)(type >> 8);
    procedure->handle = 1;
    procedure->end_handle = UINT16_MAX;
    procedure->request = ATT_READ_BY_TYPE_REQUEST;
}

BLUET_INTERNAL void gatt_seek_bearers(struct gatt_client *client, const struct link *link)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    struct gatt_procedure *procedure = client->spare;
    if (!procedure || state->sought || !link->encrypted || att_next(client->att, att_bearer(client->att, link)))
        return;
    state->sought = true;
    client->spare = NULL;
    *procedure = (struct gatt_procedure){.next = state->first->next, .kind = GATT_FIND_BEARERS};
    set_type(procedure, GATT_SERVER_SUPPORTED_FEATURES);
    state->first->next = procedure;
}

static int connect(const struct gatt_client *client, const struct gatt_procedure *procedure)
{
    l2cap_bearers_connect(client->att->channels, procedure->bearer->link);
    return BLUET_OK;
}

static int write_client_features(struct gatt_procedure *procedure, uint16_t handle, uint8_t features)
{
    procedure->uuid.octets[0] = features | OUR_FEATURES;
    procedure->direct = procedure->uuid.octets;
    procedure->length = 1;
    procedure->handle = handle;
    procedure->request = ATT_WRITE_REQUEST;
    return GATT_GOES_ON;
}

static bool asks_server(const struct gatt_procedure *procedure)
{
    return procedure->uuid.octets[0] == (uint8_t)GATT_SERVER_SUPPORTED_FEATURES;
}

BLUET_INTERNAL int gatt_hear_bearers(const struct gatt_client *client, struct gatt_procedure *procedure,
                                     struct reader *response)
{
    enum { LEAST = 3 };
    if (procedure->request == ATT_WRITE_REQUEST)
        return connect(client, procedure);
    uint8_t entry = read_u8(response);
    uint16_t handle = read_u16(response);
    uint8_t features = read_u8(response);
    if (!reader_ok(response) || entry < LEAST)
        return BLUET_STATUS_PROTOCOL;
    if (!asks_server(procedure))
        return (features & OUR_FEATURES) == OUR_FEATURES ? connect(client, procedure)
                                                         : write_client_features(procedure, handle, features);
    set_type(procedure, GATT_CLIENT_SUPPORTED_FEATURES);
    return features & GATT_SERVER_HAS_BEARERS ? GATT_GOES_ON : BLUET_OK;
}

BLUET_INTERNAL int gatt_bearers_refused(const struct gatt_client *client, const struct gatt_procedure *procedure,
                                        uint8_t error)
{
    bool nothing_to_write = procedure->request == ATT_READ_BY_TYPE_REQUEST && !asks_server(procedure) &&
                            error == ATT_ERROR_ATTRIBUTE_NOT_FOUND;
    return nothing_to_write ? connect(client, procedure) : BLUET_OK;
}

/* ---- To use them ---- */

/* What a program sees must be the same, so that for all but discoveries the MTU must be as long as the link's. */
BLUET_INTERNAL struct att_bearer *gatt_free_bearer(const struct gatt_client *client, const struct link *link,
                                                   const struct gatt_procedure *procedure)
{
    struct att_bearer *plain = att_bearer(client->att, link);
    if (gatt_is_of_plain(procedure))
        return NULL;
    for (struct att_bearer *bearer = att_next(client->att, plain); bearer; bearer = att_next(client->att, bearer)) {
        bool fits = procedure->kind <= GATT_DISCOVER_DESCRIPTORS || bearer->mtu >= plain->mtu;
        if (fits && !bearer->expired && l2cap_bearer_is_ready(bearer->channel) && !gatt_procedure_on(client, bearer))
            return bearer;
    }
    return NULL;
}

BLUET_INTERNAL void gatt_put_off(const struct gatt_client *client, struct gatt_procedure *procedure)
{
    buffer_free(client->pool, procedure->held);
    procedure->held = NULL;
    procedure->bearer->request = 0;
    procedure->bearer = NULL;
    procedure->late = true;
}

BLUET_INTERNAL struct att_bearer *gatt_take_bearer(const struct gatt_client *client, const struct gatt_procedure *first)
{
    for (struct gatt_procedure *other = first->next; other; other = other->next) {
        struct att_bearer *bearer = other->bearer;
        if (!other->held || (gatt_is_of_plain(first) && bearer->channel))
            continue;
        gatt_put_off(client, other);
        return bearer;
    }
    return NULL;
}

BLUET_INTERNAL void gatt_hold(const struct gatt_client *client, struct gatt_procedure *procedure, const uint8_t *pdu,
                              size_t length)
{
    struct att_bearer *bearer = procedure->bearer;
    struct reader response = reader_of(pdu, length);
    uint8_t request = bearer->request;
    uint8_t error;
    if (procedure->held || att_take_response(bearer, &response, &error) == ATT_ANSWER_NONE) {
        hci_protocol_error(client->att->links->hci);
        return;
    }
    const struct bluet_span span = {pdu, length};
    if (length <= client->pool->size)
        procedure->held = buffer_copy(client->pool, &span, 1);
    if (!procedure->held) {
        gatt_put_off(client, procedure);
        return;
    }
    bearer->request = request;
    bearer->answered = true;
}
