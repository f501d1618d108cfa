/* The post office: hands each event, and each whole L2CAP frame, to the room that it belongs to. */
#include "host/host.h"

#include "host/gatt_server_bond.h"
#include "host/l2cap.h"
#include "spec/hci.h"
#include "spec/l2cap.h"
#include "spec/sm.h"
#include "spec/writer.h"

/* What an event begins with, and what is read before it is handed on. */
enum host_event_head {
    HOST_EVENT_PLAIN,
    HOST_EVENT_LINK,       /* the handle of a link; where there is none by it the event is counted, and that is all */
    HOST_EVENT_STATUS_LINK /* the same behind a status */
};

struct host_event {
    uint16_t code; /* of an LE event with HOST_LE */
    uint8_t head;  /* enum host_event_head */
    uint8_t least; /* octets of parameters */
    void (*handle)(struct bluet *host, struct reader *event, struct link *link, uint8_t status);
};

enum { HOST_LE = 0x100 };

/* ---- Which room it is ---- */

static void completed_packets(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)link, (void)status;
    link_completed_packets(&host->links, event);
}

static void command_complete(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)link, (void)status;
    hci_command_complete(&host->hci, event);
}

static void command_status(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)link, (void)status;
    hci_command_status(&host->hci, event);
}

static void encryption_change(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    if (!BLUET_HAS_SECURITY)
        return;
    sm_encryption_change(&host->sm, link, status, read_u8(event));
    gatt_server_tell_subscriptions(&host->gatt.server, link);
}

static void encryption_key_refresh_complete(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)event;
    if (!BLUET_HAS_SECURITY)
        return;
    sm_key_refresh(&host->sm, link, status);
    gatt_server_tell_subscriptions(&host->gatt.server, link);
}

static void connection_update_complete(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    if (!gap_link_update_goes_on(&host->gap, link, status))
        link_connection_update_complete(&host->links, link, event, status);
}

static void long_term_key_request(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)status;
    if (BLUET_HAS_SECURITY)
        sm_long_term_key_request(&host->sm, link, event);
}

/* What the peer's link layer has said comes after the news that there is a connection. */
static void parameter_request(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)status;
    host_link_heard(host, link);
    link_remote_connection_parameter_request(&host->links, link, event);
}

static void data_length_change(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)status;
    host_link_heard(host, link);
    link_data_length_change(link, event);
}

static void phy_update_complete(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)host;
    link_phy_update_complete(link, event, status);
}

static void advertising_report(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)link, (void)status;
    if (!BLUET_HAS_CENTRAL)
        return;
    gap_scan_report(&host->gap, event, false);
    gap_connect_reported(&host->gap);
}

static void directed_report(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)link, (void)status;
    if (!BLUET_HAS_CENTRAL)
        return;
    gap_scan_report(&host->gap, event, true);
    gap_connect_reported(&host->gap);
}

static void hardware_error(struct bluet *host, struct reader *event, struct link *link, uint8_t status)
{
    (void)event, (void)link, (void)status;
    host_end_is_due(host, BLUET_EIO, HCI_HARDWARE_FAILURE);
}

/* Vol 4 Part E, 7.7 and 7.7.65; the frequent ones first */
static const struct host_event host_events[] = {
    {HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS, HOST_EVENT_PLAIN, 1, completed_packets},
    {HOST_LE | HCI_LE_EVENT_ADVERTISING_REPORT, HOST_EVENT_PLAIN, 1, advertising_report},
    {HCI_EVENT_COMMAND_COMPLETE, HOST_EVENT_PLAIN, 3, command_complete},
    {HCI_EVENT_COMMAND_STATUS, HOST_EVENT_PLAIN, 4, command_status},
    {HCI_EVENT_DISCONNECTION_COMPLETE, HOST_EVENT_STATUS_LINK, 4, host_disconnection_complete},
    {HCI_EVENT_ENCRYPTION_CHANGE, HOST_EVENT_STATUS_LINK, 4, encryption_change},
    {HCI_EVENT_ENCRYPTION_KEY_REFRESH_COMPLETE, HOST_EVENT_STATUS_LINK, 3, encryption_key_refresh_complete},
    {HCI_EVENT_HARDWARE_ERROR, HOST_EVENT_PLAIN, 1, hardware_error},
    {HOST_LE | HCI_LE_EVENT_CONNECTION_COMPLETE, HOST_EVENT_PLAIN, 18, host_connection_complete},
    {HOST_LE | HCI_LE_EVENT_ENHANCED_CONNECTION_COMPLETE, HOST_EVENT_PLAIN, 30, host_enhanced_connection_complete},
    {HOST_LE | HCI_LE_EVENT_READ_REMOTE_FEATURES_COMPLETE, HOST_EVENT_STATUS_LINK, 3, host_remote_features_complete},
    {HOST_LE | HCI_LE_EVENT_CONNECTION_UPDATE_COMPLETE, HOST_EVENT_STATUS_LINK, 9, connection_update_complete},
    {HOST_LE | HCI_LE_EVENT_LONG_TERM_KEY_REQUEST, HOST_EVENT_LINK, 12, long_term_key_request},
    {HOST_LE | HCI_LE_EVENT_REMOTE_CONNECTION_PARAMETER_REQUEST, HOST_EVENT_LINK, 10, parameter_request},
    {HOST_LE | HCI_LE_EVENT_DATA_LENGTH_CHANGE, HOST_EVENT_LINK, 10, data_length_change},
    {HOST_LE | HCI_LE_EVENT_PHY_UPDATE_COMPLETE, HOST_EVENT_STATUS_LINK, 5, phy_update_complete},
    {HOST_LE | HCI_LE_EVENT_DIRECTED_ADVERTISING_REPORT, HOST_EVENT_PLAIN, 1, directed_report},
};

/* ---- Events ---- */

static void event_received(struct bluet *host, const struct host_event *entry, struct reader *event)
{
    struct link *link = NULL;
    uint8_t status = entry->head == HOST_EVENT_STATUS_LINK ? read_u8(event) : HCI_SUCCESS;
    if (entry->head != HOST_EVENT_PLAIN) {
        link = link_find(&host->links, read_u16(event) & 0x0fff);
        if (!link) {
            hci_protocol_error(&host->hci);
            return;
        }
    }
    entry->handle(host, event, link, status);
}

static void hci_event(struct bluet *host, struct reader *packet)
{
    const uint8_t *header = read_span(packet, 3);
    if (!header || reader_remaining(packet) != header[2]) {
        hci_protocol_error(&host->hci);
        return;
    }
    uint16_t code = header[1];
    /* What the controller says before its Reset is answered is about another time. */
    if (host->state == HOST_ACTIVATING && code != HCI_EVENT_COMMAND_COMPLETE && code != HCI_EVENT_COMMAND_STATUS)
        return;
    if (code == HCI_EVENT_LE_META) {
        code = (uint16_t)(HOST_LE | read_u8(packet));
        if (!reader_ok(packet))
            hci_protocol_error(&host->hci);
    }
    /* An event that is not in the table has nothing to say to us. */
    for (size_t i = 0; i < sizeof host_events / sizeof *host_events; i++) {
        const struct host_event *entry = &host_events[i];
        if (entry->code != code)
            continue;
        if (reader_remaining(packet) < entry->least)
            hci_protocol_error(&host->hci);
        else
            event_received(host, entry, packet);
        return;
    }
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

static void frame_received(struct bluet *host, const struct link_frame *frame)
{
    struct link *link = frame->link;
    host_link_heard(host, link);
    if (link->state != LINK_OPEN)
        return;
    struct reader reader = reader_of(frame->payload, frame->length);
    if (!frame->payload) {
        /* The peer would wait for an answer in vain. */
        hci_protocol_error(&host->hci);
        host_disconnect(host, link, 0, HCI_REMOTE_LOW_RESOURCES);
    } else if (frame->cid == L2CAP_CID_ATT) {
        gatt_receive(&host->gatt, link, frame->payload, frame->length);
        client_configured(host, link);
    } else if (frame->cid == L2CAP_CID_SIGNALLING) {
        l2cap_signal_receive(&host->signal, link, &reader);
    } else if (frame->cid == L2CAP_CID_SECURITY_MANAGER) {
        if (BLUET_HAS_SECURITY)
            sm_receive(&host->sm, link, &reader);
        else
            refuse_pairing(host, link, &reader);
    } else if (BLUET_HAS_L2CAP_CHANNELS && l2cap_channels_receive(&host->channels, link, frame->cid, &reader)) {
        client_configured(host, link); /* it may have been a bearer's */
    } else {
        hci_protocol_error(&host->hci);
    }
}

BLUET_INTERNAL void host_packet(struct bluet *host, struct reader *packet)
{
    uint8_t indicator = reader_peek(packet);
    struct link_frame frame;
    if (indicator == HCI_EVENT)
        hci_event(host, packet);
    else if (indicator != HCI_ACL_DATA)
        hci_protocol_error(&host->hci);
    else if (link_receive(&host->links, packet, &frame))
        frame_received(host, &frame);
}
