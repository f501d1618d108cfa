/* ATT and GATT as one: hands each PDU to the room that it concerns. */
#include "host/gatt.h"

BLUET_INTERNAL void gatt_init(struct gatt *gatt, const struct bluet_port *port, const struct event_sink *sink)
{
    *gatt = (struct gatt){.sink = sink};
    gatt_db_init(&gatt->db, port);
}

BLUET_INTERNAL void gatt_destroy(struct gatt *gatt)
{
    gatt_db_destroy(&gatt->db);
}

/* Who is concerned by a PDU that came in. */
enum att_kind {
    ATT_KIND_REQUEST,      /* the server, which must answer; unknown ones too */
    ATT_KIND_COMMAND,      /* the server, which does not answer; unknown ones too */
    ATT_KIND_RESPONSE,     /* the client: also Error Response */
    ATT_KIND_NOTIFICATION, /* the client: notifications and indications */
    ATT_KIND_CONFIRMATION  /* the server */
};

/* By opcode; what is not named is a request, and above these also a command. */
static const uint8_t att_kinds[] = {
    [ATT_ERROR_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_EXCHANGE_MTU_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_FIND_INFORMATION_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_FIND_BY_TYPE_VALUE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_READ_BY_TYPE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_READ_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_READ_BLOB_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_READ_MULTIPLE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_READ_BY_GROUP_TYPE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_WRITE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_PREPARE_WRITE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_EXECUTE_WRITE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_HANDLE_VALUE_NOTIFICATION] = ATT_KIND_NOTIFICATION,
    [ATT_HANDLE_VALUE_INDICATION] = ATT_KIND_NOTIFICATION,
    [ATT_HANDLE_VALUE_CONFIRMATION] = ATT_KIND_CONFIRMATION,
    [ATT_READ_MULTIPLE_VARIABLE_RESPONSE] = ATT_KIND_RESPONSE,
    [ATT_MULTIPLE_HANDLE_VALUE_NOTIFICATION] = ATT_KIND_NOTIFICATION,
};

static enum att_kind kind_of(uint8_t opcode)
{
    if (opcode < sizeof att_kinds)
        return att_kinds[opcode];
    return opcode & ATT_COMMAND_FLAG ? ATT_KIND_COMMAND : ATT_KIND_REQUEST;
}

static void receive_by(struct gatt *gatt, struct att_bearer *bearer, const uint8_t *pdu, size_t length)
{
    if (length == 0) {
        hci_protocol_error(gatt->att.links->hci);
        return;
    }
    switch (kind_of(*pdu)) {
    case ATT_KIND_REQUEST:
        gatt_server_request(&gatt->server, bearer, pdu, length);
        break;
    case ATT_KIND_COMMAND:
        gatt_server_command(&gatt->server, bearer, pdu, length);
        break;
    case ATT_KIND_RESPONSE:
        if (BLUET_HAS_GATT_CLIENT)
            gatt_client_response(&gatt->client, bearer, pdu, length);
        break;
    case ATT_KIND_NOTIFICATION:
        if (BLUET_HAS_GATT_CLIENT)
            gatt_client_notification(&gatt->client, bearer, pdu, length);
        break;
    case ATT_KIND_CONFIRMATION:
        gatt_server_confirmation(&gatt->server, bearer, length);
        break;
    }
}

/* ---- Enhanced bearers: Vol 3 Part G, 5.3 ---- */

/* Only on an encrypted link, and for SDUs of 64 octets at least. */
static int bearer_mtu(void *context, const struct link *link)
{
    const struct gatt *gatt = context;
    uint16_t mtu = gatt->att.preferred_mtu;
    if (link->encrypted)
        return mtu < L2CAP_ENHANCED_LEAST ? L2CAP_ENHANCED_LEAST : mtu;
    return link->key_known ? -L2CAP_RESULT_INSUFFICIENT_ENCRYPTION : -L2CAP_RESULT_INSUFFICIENT_AUTHENTICATION;
}

/* They stand behind the unenhanced ones as their channels do behind the application's. */
static struct att_bearer *enhanced(const struct gatt *gatt, const struct l2cap_channel *channel)
{
    const struct l2cap_channels *channels = gatt->att.channels;
    return &gatt->att.bearers[gatt->att.count + (channel - channels->channels - channels->limit)];
}

static void bearer_set(void *context, struct l2cap_channel *channel)
{
    struct gatt *gatt = context;
    struct att_bearer *bearer = enhanced(gatt, channel);
    uint16_t ours = channel->incoming.terms.mtu;
    uint16_t theirs = channel->outgoing.terms.mtu;
    if (!bearer->link) {
        *bearer = (struct att_bearer){.link = channel->link, .channel = channel};
        gatt_server_bearer_opened(&gatt->server, bearer);
    }
    bearer->mtu = theirs < ours ? theirs : ours;
    gatt->client.unsettled = BLUET_HAS_GATT_CLIENT; /* more procedures may begin */
}

/* The ring is empty before each SDU, which therefore lies in one piece. */
static void bearer_received(void *context, struct l2cap_channel *channel)
{
    struct gatt *gatt = context;
    size_t length = channel->incoming.whole;
    channel->incoming.whole = 0;
    receive_by(gatt, enhanced(gatt, channel), channel->incoming.ring, length);
}

static void bearer_ended(void *context, const struct l2cap_channel *channel, struct link *link, uint16_t result)
{
    struct gatt *gatt = context;
    struct att_bearer *bearer = enhanced(gatt, channel);
    if (!bearer->link) {
        if (BLUET_HAS_GATT_CLIENT)
            gatt_client_bearer_refused(&gatt->client, link, result);
        return;
    }
    bearer->expired = true; /* from the handler nothing more goes out on it */
    gatt_server_bearer_closed(&gatt->server, bearer);
    if (BLUET_HAS_GATT_CLIENT)
        gatt_client_bearer_closed(&gatt->client, bearer);
    *bearer = (struct att_bearer){.link = NULL};
    if (link->state == LINK_OPEN)
        gatt_server_flush(&gatt->server, link);
}

BLUET_INTERNAL int gatt_open(struct gatt *gatt, struct link_table *links, const struct bluet_config *limits)
{
    int error = att_open(&gatt->att, links, limits->mtu_limit);
    if (BLUET_HAS_EATT && gatt->att.channels)
        gatt->att.channels->owner =
            (struct l2cap_bearer_owner){gatt, bearer_mtu, bearer_set, bearer_received, bearer_ended};
    if (!error)
        error = gatt_db_open(&gatt->db, links->limit);
    if (!error)
        error = gatt_server_open(&gatt->server, &gatt->att, &gatt->db, gatt->sink, limits);
    if (BLUET_HAS_GATT_CLIENT && !error)
        error = gatt_client_open(&gatt->client, &gatt->att, gatt->sink, limits);
    gatt->db.server_features = gatt->att.enhanced_limit ? GATT_SERVER_HAS_BEARERS : 0;
    if (error)
        gatt_close(gatt);
    return error;
}

BLUET_INTERNAL void gatt_close(struct gatt *gatt)
{
    if (BLUET_HAS_GATT_CLIENT)
        gatt_client_close(&gatt->client);
    gatt_server_close(&gatt->server);
    gatt_db_close(&gatt->db);
    att_close(&gatt->att);
}

BLUET_INTERNAL void gatt_link_opened(struct gatt *gatt, struct link *link)
{
    att_link_opened(&gatt->att, link);
    gatt_server_link_opened(&gatt->server, link);
    if (BLUET_HAS_GATT_CLIENT)
        gatt_client_link_opened(&gatt->client, link);
}

BLUET_INTERNAL void gatt_link_closed(struct gatt *gatt, struct link *link, uint16_t status)
{
    att_link_closed(&gatt->att, link);
    if (BLUET_HAS_GATT_CLIENT)
        gatt_client_link_closed(&gatt->client, link, status);
    gatt_server_link_closed(&gatt->server, link, status);
}

BLUET_INTERNAL void gatt_receive(struct gatt *gatt, struct link *link, const uint8_t *pdu, size_t length)
{
    receive_by(gatt, att_bearer(&gatt->att, link), pdu, length);
}

/* What the peer waits for comes before what it does not. */
BLUET_INTERNAL void gatt_flush(struct gatt *gatt)
{
    for (uint8_t i = 0; i < gatt->att.count; i++) {
        struct link *link = gatt->att.bearers[i].link;
        if (!link)
            continue;
        gatt_server_flush(&gatt->server, link);
        if (BLUET_HAS_GATT_CLIENT)
            gatt_client_flush(&gatt->client, link);
    }
}

BLUET_INTERNAL uint64_t gatt_deadline(const struct gatt *gatt)
{
    return gatt->client.unsettled ? 0 : att_deadline(&gatt->att);
}

BLUET_INTERNAL void gatt_expire(struct gatt *gatt)
{
    if (BLUET_HAS_GATT_CLIENT && gatt->client.unsettled)
        gatt_client_settle(&gatt->client);
    struct att_bearer *bearer;
    for (enum att_wait wait = att_expire(&gatt->att, &bearer); wait != ATT_WAIT_NOTHING;
         wait = att_expire(&gatt->att, &bearer)) {
        if (BLUET_HAS_GATT_CLIENT)
            gatt_client_expired(&gatt->client, bearer, wait);
        gatt_server_expired(&gatt->server, bearer, wait);
        if (BLUET_HAS_EATT && bearer->channel)
            l2cap_bearer_close(gatt->att.channels, bearer->channel);
    }
}

BLUET_INTERNAL void gatt_set_mtu(struct gatt *gatt, uint16_t mtu)
{
    gatt->att.preferred_mtu = mtu;
}

BLUET_INTERNAL uint16_t gatt_link_mtu(const struct gatt *gatt, const struct link *link)
{
    return att_bearer(&gatt->att, link)->mtu;
}
