/* Events and ACL data packets, as the host gets them. */
#include "air/hci_event.h"

#include "spec/writer.h"

enum { EVENT_HEADER = 3, EVENT_LARGEST = EVENT_HEADER + 255, ACL_HEADER = 5, COMMANDS_AT_ONCE = 1 };

static struct writer event_begin(uint8_t *packet, uint8_t code)
{
    struct writer event = writer_of(packet, EVENT_LARGEST);
    write_u8(&event, HCI_EVENT);
    write_u8(&event, code);
    write_u8(&event, 0);
    return event;
}

static struct writer le_event_begin(uint8_t *packet, uint8_t code)
{
    struct writer event = event_begin(packet, HCI_EVENT_LE_META);
    write_u8(&event, code);
    return event;
}

static bool event_end(struct bluet_air_controller *controller, struct writer *event, enum air_outbox_kind kind)
{
    struct writer length = writer_of(event->start + EVENT_HEADER - 1, 1);
    write_u8(&length, (uint8_t)(event->length - EVENT_HEADER));
    return air_outbox_put(&controller->outbox, kind, event->start, event->length);
}

/* The masks number events from 1 (Vol 4 Part E, 7.3.1, 7.3.69), page 2 those from 0x40, and LE events from 1 (7.8.1).
 */
static bool is_wanted(const struct bluet_air_controller *controller, uint8_t code)
{
    if (code >= 0x40)
        return controller->masks.events_2 >> (code - 0x40) & 1;
    return controller->masks.events >> (code - 1) & 1;
}

BLUET_INTERNAL bool air_le_event_is_wanted(const struct bluet_air_controller *controller, uint8_t code)
{
    return is_wanted(controller, HCI_EVENT_LE_META) && (controller->masks.le_events >> (code - 1) & 1);
}

static void put_event(struct bluet_air_controller *controller, uint8_t code, struct writer *event)
{
    if (is_wanted(controller, code))
        event_end(controller, event, AIR_OUTBOX_EVENT);
}

static void put_le_event(struct bluet_air_controller *controller, uint8_t code, struct writer *event)
{
    if (air_le_event_is_wanted(controller, code))
        event_end(controller, event, AIR_OUTBOX_EVENT);
}

BLUET_INTERNAL void air_event_command_complete(struct bluet_air_controller *controller, uint16_t opcode,
                                               const void *parameters, size_t length)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_COMMAND_COMPLETE);
    write_u8(&event, COMMANDS_AT_ONCE);
    write_u16(&event, opcode);
    write_octets(&event, parameters, length);
    event_end(controller, &event, AIR_OUTBOX_ANSWER);
}

BLUET_INTERNAL void air_event_command_status(struct bluet_air_controller *controller, uint16_t opcode, uint8_t status)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_COMMAND_STATUS);
    write_u8(&event, status);
    write_u8(&event, COMMANDS_AT_ONCE);
    write_u16(&event, opcode);
    event_end(controller, &event, AIR_OUTBOX_ANSWER);
}

BLUET_INTERNAL void air_event_hardware_error(struct bluet_air_controller *controller)
{
    const uint8_t packet[] = {HCI_EVENT, HCI_EVENT_HARDWARE_ERROR, 1, HCI_MEMORY_CAPACITY_EXCEEDED};
    if (is_wanted(controller, HCI_EVENT_HARDWARE_ERROR))
        air_outbox_offer(&controller->outbox, packet, sizeof packet);
}

BLUET_INTERNAL void air_event_data_buffer_overflow(struct bluet_air_controller *controller)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_DATA_BUFFER_OVERFLOW);
    write_u8(&event, 0x01); /* ACL */
    put_event(controller, HCI_EVENT_DATA_BUFFER_OVERFLOW, &event);
}

BLUET_INTERNAL void air_event_advertising_report(struct bluet_air_controller *controller,
                                                 const struct air_report *report)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_ADVERTISING_REPORT);
    write_u8(&event, 1);
    write_u8(&event, report->type);
    write_u8(&event, report->peer.type);
    write_octets(&event, report->peer.octets, 6);
    write_u8(&event, report->length);
    write_octets(&event, report->data, report->length);
    write_u8(&event, (uint8_t)report->rssi);
    if (air_le_event_is_wanted(controller, HCI_LE_EVENT_ADVERTISING_REPORT) &&
        !event_end(controller, &event, AIR_OUTBOX_REPORT))
        controller->reports_dropped++;
}

BLUET_INTERNAL void air_event_directed_report(struct bluet_air_controller *controller, const struct air_report *report,
                                              const struct air_address *target)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_DIRECTED_ADVERTISING_REPORT);
    write_u8(&event, 1);
    write_u8(&event, report->type);
    write_u8(&event, report->peer.type);
    write_octets(&event, report->peer.octets, 6);
    write_u8(&event, target->type);
    write_octets(&event, target->octets, 6);
    write_u8(&event, (uint8_t)report->rssi);
    if (air_le_event_is_wanted(controller, HCI_LE_EVENT_DIRECTED_ADVERTISING_REPORT) &&
        !event_end(controller, &event, AIR_OUTBOX_REPORT))
        controller->reports_dropped++;
}

/* The plain event, or the one with resolvable private addresses if the host asked for it: 7.7.65.1, 7.7.65.10 */
BLUET_INTERNAL void air_event_connection_complete(struct bluet_air_controller *controller, uint8_t status,
                                                  const struct air_link *link, bool central)
{
    static const struct air_link nothing;
    bool enhanced = air_le_event_is_wanted(controller, HCI_LE_EVENT_ENHANCED_CONNECTION_COMPLETE);
    uint8_t code = enhanced ? HCI_LE_EVENT_ENHANCED_CONNECTION_COMPLETE : HCI_LE_EVENT_CONNECTION_COMPLETE;
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, code);
    if (!link)
        link = &nothing;
    write_u8(&event, status);
    write_u16(&event, link->handle);
    write_u8(&event, central ? 0 : 1);
    write_u8(&event, enhanced ? link->peer_type : link->peer_type & AIR_RANDOM);
    write_octets(&event, link->peer_address, 6);
    if (enhanced) {
        write_octets(&event, link->local_rpa, 6);
        write_octets(&event, link->peer_rpa, 6);
    }
    write_u16(&event, link->parameters.interval);
    write_u16(&event, link->parameters.latency);
    write_u16(&event, link->parameters.timeout);
    write_u8(&event, 0); /* central clock accuracy: 500 ppm */
    put_le_event(controller, code, &event);
}

BLUET_INTERNAL void air_event_channel_selection(const struct air_link *link)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_CHANNEL_SELECTION_ALGORITHM);
    write_u16(&event, link->handle);
    write_u8(&event, 1); /* #2 */
    put_le_event(link->controller, HCI_LE_EVENT_CHANNEL_SELECTION_ALGORITHM, &event);
}

BLUET_INTERNAL void air_event_disconnection_complete(const struct air_link *link, uint8_t reason)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_DISCONNECTION_COMPLETE);
    write_u8(&event, HCI_SUCCESS);
    write_u16(&event, link->handle);
    write_u8(&event, reason);
    put_event(link->controller, HCI_EVENT_DISCONNECTION_COMPLETE, &event);
}

/* Cannot be masked out. */
BLUET_INTERNAL void air_event_completed_packets(struct air_link *link)
{
    if (!link->completed)
        return;
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS);
    write_u8(&event, 1);
    write_u16(&event, link->handle);
    write_u16(&event, link->completed);
    link->completed = 0;
    event_end(link->controller, &event, AIR_OUTBOX_EVENT);
}

BLUET_INTERNAL void air_event_connection_update_complete(const struct air_link *link, uint8_t status)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_CONNECTION_UPDATE_COMPLETE);
    write_u8(&event, status);
    write_u16(&event, link->handle);
    write_u16(&event, link->parameters.interval);
    write_u16(&event, link->parameters.latency);
    write_u16(&event, link->parameters.timeout);
    put_le_event(link->controller, HCI_LE_EVENT_CONNECTION_UPDATE_COMPLETE, &event);
}

BLUET_INTERNAL void air_event_parameter_request(const struct air_link *link, uint16_t interval_min,
                                                const struct air_parameters *wish)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_REMOTE_CONNECTION_PARAMETER_REQUEST);
    write_u16(&event, link->handle);
    write_u16(&event, interval_min);
    write_u16(&event, wish->interval);
    write_u16(&event, wish->latency);
    write_u16(&event, wish->timeout);
    put_le_event(link->controller, HCI_LE_EVENT_REMOTE_CONNECTION_PARAMETER_REQUEST, &event);
}

BLUET_INTERNAL void air_event_data_length_change(const struct air_link *link)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_DATA_LENGTH_CHANGE);
    write_u16(&event, link->handle);
    write_u16(&event, link->effective.transmit_octets);
    write_u16(&event, link->effective.transmit_time);
    write_u16(&event, link->effective.receive_octets);
    write_u16(&event, link->effective.receive_time);
    put_le_event(link->controller, HCI_LE_EVENT_DATA_LENGTH_CHANGE, &event);
}

BLUET_INTERNAL void air_event_phy_update_complete(const struct air_link *link, uint8_t status)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_PHY_UPDATE_COMPLETE);
    write_u8(&event, status);
    write_u16(&event, link->handle);
    write_u8(&event, link->transmit_phy);
    write_u8(&event, link->receive_phy);
    put_le_event(link->controller, HCI_LE_EVENT_PHY_UPDATE_COMPLETE, &event);
}

BLUET_INTERNAL void air_event_remote_version(const struct air_link *link, uint8_t status)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_READ_REMOTE_VERSION_INFORMATION_COMPLETE);
    write_u8(&event, status);
    write_u16(&event, link->handle);
    write_u8(&event, link->peer_version);
    write_u16(&event, link->peer_company);
    write_u16(&event, link->peer_subversion);
    put_event(link->controller, HCI_EVENT_READ_REMOTE_VERSION_INFORMATION_COMPLETE, &event);
}

BLUET_INTERNAL void air_event_remote_features(const struct air_link *link, uint8_t status)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_READ_REMOTE_FEATURES_COMPLETE);
    write_u8(&event, status);
    write_u16(&event, link->handle);
    write_octets(&event, link->peer_features, 8);
    put_le_event(link->controller, HCI_LE_EVENT_READ_REMOTE_FEATURES_COMPLETE, &event);
}

BLUET_INTERNAL void air_event_encryption_change(const struct air_link *link, uint8_t status, bool enabled)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_ENCRYPTION_CHANGE);
    write_u8(&event, status);
    write_u16(&event, link->handle);
    write_u8(&event, enabled ? 1 : 0); /* AES-CCM */
    put_event(link->controller, HCI_EVENT_ENCRYPTION_CHANGE, &event);
}

BLUET_INTERNAL void air_event_key_refresh(const struct air_link *link, uint8_t status)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_ENCRYPTION_KEY_REFRESH_COMPLETE);
    write_u8(&event, status);
    write_u16(&event, link->handle);
    put_event(link->controller, HCI_EVENT_ENCRYPTION_KEY_REFRESH_COMPLETE, &event);
}

BLUET_INTERNAL void air_event_long_term_key_request(const struct air_link *link)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_LONG_TERM_KEY_REQUEST);
    write_u16(&event, link->handle);
    write_octets(&event, link->encryption.random, 8);
    write_u16(&event, link->encryption.diversifier);
    put_le_event(link->controller, HCI_LE_EVENT_LONG_TERM_KEY_REQUEST, &event);
}

BLUET_INTERNAL void air_event_payload_timeout(const struct air_link *link)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = event_begin(packet, HCI_EVENT_AUTHENTICATED_PAYLOAD_TIMEOUT_EXPIRED);
    write_u16(&event, link->handle);
    put_event(link->controller, HCI_EVENT_AUTHENTICATED_PAYLOAD_TIMEOUT_EXPIRED, &event);
}

static size_t acl_most(const struct bluet_air_controller *controller)
{
    const struct air_host_flow *flow = &controller->flow;
    return flow->enabled && flow->length && flow->length < AIR_OCTETS_MOST ? flow->length : AIR_OCTETS_MOST;
}

BLUET_INTERNAL uint32_t air_acl_packets(const struct bluet_air_controller *controller, size_t length)
{
    size_t most = acl_most(controller);
    return (uint32_t)((length + most - 1) / most);
}

BLUET_INTERNAL void air_acl_deliver(struct air_link *link, uint8_t llid, const uint8_t *data, size_t length)
{
    struct bluet_air_controller *controller = link->controller;
    size_t most = acl_most(controller);
    unsigned boundary = llid == AIR_LLID_START ? HCI_BOUNDARY_FIRST_FLUSHABLE : HCI_BOUNDARY_CONTINUING;
    for (size_t offset = 0; offset < length; offset += most) {
        uint8_t packet[ACL_HEADER + AIR_OCTETS_MOST];
        size_t rest = length - offset;
        size_t part = rest < most ? rest : most;
        struct writer acl = writer_of(packet, sizeof packet);
        write_u8(&acl, HCI_ACL_DATA);
        write_u16(&acl, (uint16_t)(link->handle | boundary << 12));
        write_u16(&acl, (uint16_t)part);
        write_octets(&acl, data + offset, part);
        air_outbox_put(&controller->outbox, AIR_OUTBOX_ACL, packet, acl.length);
        boundary = HCI_BOUNDARY_CONTINUING;
        if (controller->flow.enabled) {
            controller->flow.outstanding++;
            link->host_owes++;
        }
    }
}
