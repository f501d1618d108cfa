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

BLUET_INTERNAL int gatt_open(struct gatt *gatt, struct link_table *links, const struct bluet_config *limits)
{
    int error = att_open(&gatt->att, links, limits->mtu_limit);
    if (!error)
        error = gatt_db_open(&gatt->db, links->limit);
    if (!error)
        error = gatt_server_open(&gatt->server, &gatt->att, &gatt->db, gatt->sink, limits);
    if (!error)
        error = gatt_client_open(&gatt->client, &gatt->att, gatt->sink, limits);
    if (error)
        gatt_close(gatt);
    return error;
}

BLUET_INTERNAL void gatt_close(struct gatt *gatt)
{
    gatt_client_close(&gatt->client);
    gatt_server_close(&gatt->server);
    gatt_db_close(&gatt->db);
    att_close(&gatt->att);
}

BLUET_INTERNAL void gatt_link_opened(struct gatt *gatt, struct link *link)
{
    att_link_opened(&gatt->att, link);
    gatt_server_link_opened(&gatt->server, link);
    gatt_client_link_opened(&gatt->client, link);
}

BLUET_INTERNAL void gatt_link_closed(struct gatt *gatt, struct link *link, uint16_t status)
{
    att_link_closed(&gatt->att, link);
    gatt_client_link_closed(&gatt->client, link, status);
    gatt_server_link_closed(&gatt->server, link, status);
}

BLUET_INTERNAL void gatt_receive(struct gatt *gatt, struct link *link, const uint8_t *pdu, size_t length)
{
    struct reader reader = reader_of(pdu, length);
    uint8_t opcode = read_u8(&reader);
    if (!reader_ok(&reader)) {
        hci_protocol_error(gatt->att.links->hci);
        return;
    }
    switch (att_kind(opcode)) {
    case ATT_KIND_REQUEST:
        gatt_server_request(&gatt->server, link, pdu, length);
        break;
    case ATT_KIND_COMMAND:
        gatt_server_command(&gatt->server, link, pdu, length);
        break;
    case ATT_KIND_RESPONSE:
        gatt_client_response(&gatt->client, link, pdu, length);
        break;
    case ATT_KIND_NOTIFICATION:
        gatt_client_notification(&gatt->client, link, pdu, length);
        break;
    case ATT_KIND_CONFIRMATION:
        gatt_server_confirmation(&gatt->server, link, length);
        break;
    }
}

/* What the peer waits for comes before what it does not. */
BLUET_INTERNAL void gatt_flush(struct gatt *gatt)
{
    for (uint8_t i = 0; i < gatt->att.count; i++) {
        struct link *link = gatt->att.bearers[i].link;
        if (!link)
            continue;
        gatt_server_flush(&gatt->server, link);
        gatt_client_flush(&gatt->client, link);
    }
}

BLUET_INTERNAL uint64_t gatt_deadline(const struct gatt *gatt)
{
    return gatt->client.unsettled ? 0 : att_deadline(&gatt->att);
}

BLUET_INTERNAL void gatt_expire(struct gatt *gatt)
{
    if (gatt->client.unsettled)
        gatt_client_settle(&gatt->client);
    struct link *link;
    for (enum att_wait wait = att_expire(&gatt->att, &link); wait != ATT_WAIT_NOTHING;
         wait = att_expire(&gatt->att, &link)) {
        gatt_client_expired(&gatt->client, link, wait);
        gatt_server_expired(&gatt->server, link, wait);
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
