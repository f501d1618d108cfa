/*
 * Enhanced bearers from the client's side: the server says whether it has them, the client that it knows them, and then
 * asks for some (Vol 3 Part G, 5.3.1, 7.2, 7.4).
 */
#include "host/gatt_client_bearers.h"

#include "host/gatt_db.h"

enum { OUR_FEATURES = GATT_ENHANCED_BEARER | GATT_MULTIPLE_NOTIFICATIONS };

BLUET_INTERNAL int gatt_ask_bearers(struct gatt_client *client, struct gatt_procedure *procedure)
{
    uint8_t request[7];
    struct writer writer = writer_of(request, sizeof request);
    if (procedure->phase == GATT_WRITING_CLIENT) {
        write_u8(&writer, ATT_WRITE_REQUEST);
        write_u16(&writer, procedure->handle);
        write_u8(&writer, (uint8_t)procedure->offset);
    } else {
        write_u8(&writer, ATT_READ_BY_TYPE_REQUEST);
        write_u16(&writer, 1);
        write_u16(&writer, UINT16_MAX);
        write_u16(&writer, procedure->phase == GATT_READING_SERVER ? GATT_SERVER_SUPPORTED_FEATURES
                                                                   : GATT_CLIENT_SUPPORTED_FEATURES);
    }
    const struct bluet_span span = {request, writer.length};
    return att_send_request(client->att, procedure->bearer, &span, 1);
}

/* Whether the response has a value; its first octet. */
static bool read_server_features(struct reader *response, uint16_t *out_handle, uint8_t *out_features)
{
    enum { LEAST = 3 };
    uint8_t entry = read_u8(response);
    *out_handle = read_u16(response);
    *out_features = read_u8(response);
    return reader_ok(response) && entry >= LEAST;
}

static enum gatt_step connect(const struct gatt_client *client, struct link *link)
{
    (void)l2cap_bearers_connect(client->att->channels, link);
    return GATT_STEP_END;
}

BLUET_INTERNAL enum gatt_step gatt_hear_bearers(struct gatt_client *client, struct link *link,
                                                struct gatt_procedure *procedure, struct reader *response)
{
    uint8_t features;
    if (procedure->phase == GATT_WRITING_CLIENT)
        return connect(client, link);
    if (!read_server_features(response, &procedure->handle, &features))
        return GATT_STEP_PROTOCOL;
    if (procedure->phase == GATT_READING_SERVER) {
        procedure->phase = GATT_READING_CLIENT;
        return features & GATT_SERVER_HAS_BEARERS ? GATT_STEP_REQUEST : GATT_STEP_END;
    }
    if ((features & OUR_FEATURES) == OUR_FEATURES)
        return connect(client, link);
    procedure->phase = GATT_WRITING_CLIENT;
    procedure->offset = features | OUR_FEATURES;
    return GATT_STEP_REQUEST;
}

BLUET_INTERNAL enum gatt_step gatt_bearers_refused(struct gatt_client *client, struct link *link,
                                                   struct gatt_procedure *procedure, uint8_t error)
{
    bool nothing_to_write = procedure->phase == GATT_READING_CLIENT && error == ATT_ERROR_ATTRIBUTE_NOT_FOUND;
    return nothing_to_write ? connect(client, link) : GATT_STEP_END;
}
