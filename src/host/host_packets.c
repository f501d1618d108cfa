/* The post office: hands each event, and each whole L2CAP frame, to the room that it belongs to. */
#include "host/host.h"

#include "host/gatt_server_bond.h"
#include "host/l2cap.h"
#include "spec/hci.h"
#include "spec/l2cap.h"
#include "spec/sm.h"
#include "spec/writer.h"

struct host_event {
    uint8_t code;
    uint8_t least; /* octets of parameters */
    void (*handle)(struct bluet *host, struct reader *event);
};

/* ---- Which room it is ---- */

static void completed_packets(struct bluet *host, struct reader *event)
{
    link_completed_packets(&host->links, event);
}

static void command_complete(struct bluet *host, struct reader *event)
{
    hci_command_complete(&host->hci, event);
}

static void command_status(struct bluet *host, struct reader *event)
{
    hci_command_status(&host->hci, event);
}

static void encryption_change(struct bluet *host, struct reader *event)
{
    uint8_t status = read_u8(event);
    struct link *link = link_of_event(&host->links, read_u16(event));
    bool enabled = read_u8(event);
    if (!BLUET_HAS_SECURITY || !link)
        return;
    sm_encryption_change(&host->sm, link, status, enabled);
    gatt_server_tell_subscriptions(&host->gatt.server, link);
}

static void encryption_key_refresh_complete(struct bluet *host, struct reader *event)
{
    uint8_t status = read_u8(event);
    struct link *link = link_of_event(&host->links, read_u16(event));
    if (!BLUET_HAS_SECURITY || !link)
        return;
    sm_key_refresh(&host->sm, link, status);
    gatt_server_tell_subscriptions(&host->gatt.server, link);
}

static void connection_update_complete(struct bluet *host, struct reader *event)
{
    if (!gap_link_update_goes_on(&host->gap_link, *event))
        link_connection_update_complete(&host->links, event);
}

static void long_term_key_request(struct bluet *host, struct reader *event)
{
    struct link *link = link_of_event(&host->links, read_u16(event));
    if (BLUET_HAS_SECURITY && link)
        sm_long_term_key_request(&host->sm, link, event);
}

/* What the peer's link layer has said comes after the news that there is a connection. */
static void hear_peer(struct bluet *host, struct reader event)
{
    struct link *link = link_find(&host->links, read_u16(&event) & 0x0fff);
    if (link)
        host_link_heard(host, link);
}

static void remote_connection_parameter_request(struct bluet *host, struct reader *event)
{
    hear_peer(host, *event);
    link_remote_connection_parameter_request(&host->links, event);
}

static void data_length_change(struct bluet *host, struct reader *event)
{
    hear_peer(host, *event);
    link_data_length_change(&host->links, event);
}

static void phy_update_complete(struct bluet *host, struct reader *event)
{
    link_phy_update_complete(&host->links, event);
}

static void advertising_report(struct bluet *host, struct reader *event)
{
    if (!BLUET_HAS_CENTRAL)
        return;
    gap_scan_report(&host->scan, event, false);
    gap_connect_reported(&host->connect);
}

static void directed_advertising_report(struct bluet *host, struct reader *event)
{
    if (!BLUET_HAS_CENTRAL)
        return;
    gap_scan_report(&host->scan, event, true);
    gap_connect_reported(&host->connect);
}

static void hardware_error(struct bluet *host, struct reader *event)
{
    (void)event;
    host_end_is_due(host, BLUET_EIO, HCI_HARDWARE_FAILURE);
}

static void le_meta(struct bluet *host, struct reader *event);

/* Vol 4 Part E, 7.7; the frequent ones first */
static const struct host_event host_events[] = {
    {HCI_EVENT_LE_META, 1, le_meta},
    {HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS, 1, completed_packets},
    {HCI_EVENT_COMMAND_COMPLETE, 3, command_complete},
    {HCI_EVENT_COMMAND_STATUS, 4, command_status},
    {HCI_EVENT_DISCONNECTION_COMPLETE, 4, host_disconnection_complete},
    {HCI_EVENT_ENCRYPTION_CHANGE, 4, encryption_change},
    {HCI_EVENT_ENCRYPTION_KEY_REFRESH_COMPLETE, 3, encryption_key_refresh_complete},
    {HCI_EVENT_HARDWARE_ERROR, 1, hardware_error},
};

/* Vol 4 Part E, 7.7.65 */
static const struct host_event host_le_events[] = {
    {HCI_LE_EVENT_ADVERTISING_REPORT, 1, advertising_report},
    {HCI_LE_EVENT_CONNECTION_COMPLETE, 18, host_connection_complete},
    {HCI_LE_EVENT_ENHANCED_CONNECTION_COMPLETE, 30, host_enhanced_connection_complete},
    {HCI_LE_EVENT_READ_REMOTE_FEATURES_COMPLETE, 3, host_remote_features_complete},
    {HCI_LE_EVENT_CONNECTION_UPDATE_COMPLETE, 9, connection_update_complete},
    {HCI_LE_EVENT_LONG_TERM_KEY_REQUEST, 12, long_term_key_request},
    {HCI_LE_EVENT_REMOTE_CONNECTION_PARAMETER_REQUEST, 10, remote_connection_parameter_request},
    {HCI_LE_EVENT_DATA_LENGTH_CHANGE, 10, data_length_change},
    {HCI_LE_EVENT_PHY_UPDATE_COMPLETE, 5, phy_update_complete},
    {HCI_LE_EVENT_DIRECTED_ADVERTISING_REPORT, 1, directed_advertising_report},
};

/* ---- Events ---- */

/* An event that is in no table has nothing to say to us. */
static void event_received(struct bluet *host, const struct host_event *entry, size_t count, uint8_t code,
                           struct reader *event)
{
    for (; count && entry->code != code; count--)
        entry++;
    if (count == 0)
        return;
    if (reader_remaining(event) < entry->least)
        hci_protocol_error(&host->hci);
    else
        entry->handle(host, event);
}

static void le_meta(struct bluet *host, struct reader *event)
{
    uint8_t code = read_u8(event);
    event_received(host, host_le_events, sizeof host_le_events / sizeof *host_le_events, code, event);
}

static void hci_event(struct bluet *host, struct reader *packet)
{
    uint16_t header = read_u16(packet); /* code and length */
    uint8_t code = (uint8_t)header;
    if (!reader_ok(packet) || reader_remaining(packet) != header >> 8) {
        hci_protocol_error(&host->hci);
        return;
    }
    /* What the controller says before its Reset is answered is about another time. */
    if (host->state == HOST_ACTIVATING && code != HCI_EVENT_COMMAND_COMPLETE && code != HCI_EVENT_COMMAND_STATUS)
        return;
    event_received(host, host_events, sizeof host_events / sizeof *host_events, code, packet);
}

/* ---- Frames ---- */

/* After each PDU: tells what its client has configured, and keeps it with the bond. */
static void client_configured(struct bluet *host, struct link *link)
{
    gatt_server_tell_subscriptions(&host->gatt.server, link);
    if (BLUET_HAS_SECURITY && link->bonded && gatt_server_was_configured(&host->gatt.server, link))
        sm_save(&host->sm, link);
}

/* Pairing Not Supported, to whoever begins (Vol 3 Part H, 3.5.5). */
static void refuse_pairing(struct bluet *host, struct link *link, struct reader *frame)
{
    static const uint8_t refusal[] = {SM_PAIRING_FAILED, SM_PAIRING_NOT_SUPPORTED};
    const struct bluet_span span = {refusal, sizeof refusal};
    uint8_t code = read_u8(frame);
    if (code == SM_PAIRING_REQUEST || code == SM_SECURITY_REQUEST)
        (void)l2cap_send(&host->links, link, L2CAP_CID_SECURITY_MANAGER, &span, 1);
}

static void security_received(struct bluet *host, const struct link_frame *frame)
{
    struct reader reader = reader_of(frame->payload, frame->length);
    if (BLUET_HAS_SECURITY)
        sm_receive(&host->sm, frame->link, &reader);
    else
        refuse_pairing(host, frame->link, &reader);
}

static void frame_received(struct bluet *host, const struct link_frame *frame)
{
    host_link_heard(host, frame->link);
    if (frame->link->state != LINK_OPEN)
        return;
    if (!frame->payload) {
        /* The peer would wait for an answer in vain. */
        hci_protocol_error(&host->hci);
        host_disconnect(host, frame->link, 0, HCI_REMOTE_LOW_RESOURCES);
        return;
    }
    if (frame->cid == L2CAP_CID_ATT) {
        gatt_receive(&host->gatt, frame->link, frame->payload, frame->length);
        client_configured(host, frame->link);
    } else if (frame->cid == L2CAP_CID_SIGNALLING) {
        struct reader reader = reader_of(frame->payload, frame->length);
        l2cap_signal_receive(&host->signal, frame->link, &reader);
    } else if (frame->cid == L2CAP_CID_SECURITY_MANAGER) {
        security_received(host, frame);
    } else {
        struct reader reader = reader_of(frame->payload, frame->length);
        if (!BLUET_HAS_L2CAP_CHANNELS || !l2cap_channels_receive(&host->channels, frame->link, frame->cid, &reader))
            hci_protocol_error(&host->hci);
        else
            client_configured(host, frame->link); /* it may have been a bearer's */
    }
}

BLUET_INTERNAL void host_packet(struct bluet *host, struct reader *packet)
{
    uint8_t indicator = read_u8(packet);
    struct link_frame frame;
    if (indicator == HCI_EVENT)
        hci_event(host, packet);
    else if (indicator != HCI_ACL_DATA)
        hci_protocol_error(&host->hci);
    else if (link_receive(&host->links, packet, &frame))
        frame_received(host, &frame);
}
