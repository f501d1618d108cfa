/* Events and ACL data packets, as the host gets them. */
#include "air/hci_event.h"

#include "spec/reader.h"
#include "spec/writer.h"

enum {
    EVENT_HEADER = 3,
    EVENT_LARGEST = EVENT_HEADER + 255,
    ACL_HEADER = 5,
    COMMANDS_AT_ONCE = 1,
    EXTENDED_REPORT_DATA = 229,
    PERIODIC_REPORT_DATA = 247,
    UNRESOLVED = 0xfe /* the type of a target address that may be ours */
};

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

static void put_report(struct bluet_air_controller *controller, uint8_t code, struct writer *event)
{
    if (air_le_event_is_wanted(controller, code) && !event_end(controller, event, AIR_OUTBOX_REPORT))
        controller->reports_dropped++;
}

static uint8_t legacy_type(uint16_t type)
{
    if (type & AIR_REPORT_SCAN_RESPONSE)
        return 4;
    if (type & AIR_REPORT_DIRECTED)
        return 1;
    if (type & AIR_REPORT_CONNECTABLE)
        return 0;
    return type & AIR_REPORT_SCANNABLE ? 2 : 3;
}

static void legacy_report(struct bluet_air_controller *controller, const struct air_report *report)
{
    uint8_t packet[EVENT_LARGEST];
    uint8_t code = report->unclear ? HCI_LE_EVENT_DIRECTED_ADVERTISING_REPORT : HCI_LE_EVENT_ADVERTISING_REPORT;
    struct writer event = le_event_begin(packet, code);
    write_u8(&event, 1);
    write_u8(&event, legacy_type(report->type));
    write_u8(&event, report->peer.type);
    write_octets(&event, report->peer.octets, 6);
    if (report->unclear) {
        write_u8(&event, report->target.type);
        write_octets(&event, report->target.octets, 6);
    } else {
        write_u8(&event, report->length);
        write_octets(&event, report->data, report->length);
    }
    write_u8(&event, (uint8_t)report->rssi);
    put_report(controller, code, &event);
}

static void extended_report(struct bluet_air_controller *controller, const struct air_report *report,
                            enum air_data_status status, struct reader *data)
{
    static const struct air_address nobody;
    const struct air_address *target = report->type & AIR_REPORT_DIRECTED ? &report->target : &nobody;
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_EXTENDED_ADVERTISING_REPORT);
    size_t rest = reader_remaining(data);
    size_t part = rest < EXTENDED_REPORT_DATA ? rest : EXTENDED_REPORT_DATA;
    write_u8(&event, 1);
    write_u16(&event, (uint16_t)(report->type | (part < rest ? AIR_DATA_MORE : status) << 5));
    write_u8(&event, report->peer.type);
    write_octets(&event, report->peer.octets, 6);
    write_u8(&event, air_phy_number(report->primary_phy));
    write_u8(&event, air_phy_number(report->secondary_phy));
    write_u8(&event, report->set_identifier);
    write_u8(&event, (uint8_t)report->power);
    write_u8(&event, (uint8_t)report->rssi);
    write_u16(&event, report->periodic_interval);
    write_u8(&event, report->unclear ? UNRESOLVED : target->type);
    write_octets(&event, target->octets, 6);
    write_u8(&event, (uint8_t)part);
    write_octets(&event, read_span(data, part), part);
    put_report(controller, HCI_LE_EVENT_EXTENDED_ADVERTISING_REPORT, &event);
}

/* In the form that goes with the commands by which the host scans. */
BLUET_INTERNAL void air_event_advertising_report(struct bluet_air_controller *controller,
                                                 const struct air_report *report, enum air_data_status status)
{
    struct reader data = reader_of(report->data, report->length);
    if (controller->family != AIR_FAMILY_EXTENDED) {
        legacy_report(controller, report);
        return;
    }
    do {
        extended_report(controller, report, status, &data);
    } while (reader_remaining(&data));
}

BLUET_INTERNAL void air_event_scan_timeout(struct bluet_air_controller *controller)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_SCAN_TIMEOUT);
    put_le_event(controller, HCI_LE_EVENT_SCAN_TIMEOUT, &event);
}

BLUET_INTERNAL void air_event_set_terminated(const struct air_advertiser *set, uint8_t status, uint16_t handle,
                                             uint8_t events)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_ADVERTISING_SET_TERMINATED);
    write_u8(&event, status);
    write_u8(&event, set->handle);
    write_u16(&event, handle);
    write_u8(&event, events);
    put_le_event(set->controller, HCI_LE_EVENT_ADVERTISING_SET_TERMINATED, &event);
}

BLUET_INTERNAL void air_event_scan_request(const struct air_advertiser *set, const struct air_peer *peer)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_SCAN_REQUEST_RECEIVED);
    write_u8(&event, set->handle);
    write_u8(&event, peer->type);
    write_octets(&event, peer->octets, 6);
    put_report(set->controller, HCI_LE_EVENT_SCAN_REQUEST_RECEIVED, &event);
}

BLUET_INTERNAL void air_event_sync_established(struct bluet_air_controller *controller, const struct air_sync *sync,
                                               uint8_t status)
{
    static const struct air_sync nothing;
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_PERIODIC_ADVERTISING_SYNC_ESTABLISHED);
    if (!sync)
        sync = &nothing;
    write_u8(&event, status);
    write_u16(&event, sync->handle);
    write_u8(&event, sync->set_identifier);
    write_u8(&event, sync->peer.type);
    write_octets(&event, sync->peer.octets, 6);
    write_u8(&event, air_phy_number(sync->phy));
    write_u16(&event, sync->train.interval);
    write_u8(&event, 0); /* clock accuracy: 500 ppm */
    put_le_event(controller, HCI_LE_EVENT_PERIODIC_ADVERTISING_SYNC_ESTABLISHED, &event);
}

BLUET_INTERNAL void air_event_sync_lost(const struct air_sync *sync)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_PERIODIC_ADVERTISING_SYNC_LOST);
    write_u16(&event, sync->handle);
    put_le_event(sync->controller, HCI_LE_EVENT_PERIODIC_ADVERTISING_SYNC_LOST, &event);
}

static void periodic_report(const struct air_sync *sync, const struct air_transmission *from,
                            enum air_data_status status, struct reader *data)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_PERIODIC_ADVERTISING_REPORT);
    size_t rest = reader_remaining(data);
    size_t part = rest < PERIODIC_REPORT_DATA ? rest : PERIODIC_REPORT_DATA;
    write_u16(&event, sync->handle);
    write_u8(&event, (uint8_t)(from && from->extended.has_power ? from->extended.power : AIR_POWER_UNKNOWN));
    write_u8(&event, (uint8_t)(from ? air_rssi(from->sender, sync->controller, from->power) : AIR_POWER_UNKNOWN));
    write_u8(&event, 0xff); /* no constant tone extension */
    write_u8(&event, (uint8_t)(part < rest ? AIR_DATA_MORE : status));
    write_u8(&event, (uint8_t)part);
    write_octets(&event, read_span(data, part), part);
    put_report(sync->controller, HCI_LE_EVENT_PERIODIC_ADVERTISING_REPORT, &event);
}

BLUET_INTERNAL void air_event_periodic_report(const struct air_sync *sync, const struct air_transmission *from,
                                              enum air_data_status status)
{
    struct reader data = reader_of(from ? from->data : NULL, from ? from->length : 0);
    do {
        periodic_report(sync, from, status, &data);
    } while (reader_remaining(&data));
}

/* Keys come most significant octet first; HCI wants them the other way round. */
BLUET_INTERNAL void air_event_public_key(struct bluet_air_controller *controller, uint8_t status, const uint8_t *key)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_READ_LOCAL_P256_PUBLIC_KEY_COMPLETE);
    write_u8(&event, status);
    write_reversed(&event, key, 32);
    write_reversed(&event, key + 32, 32);
    put_le_event(controller, HCI_LE_EVENT_READ_LOCAL_P256_PUBLIC_KEY_COMPLETE, &event);
}

BLUET_INTERNAL void air_event_dhkey(struct bluet_air_controller *controller, uint8_t status, const uint8_t *key)
{
    uint8_t packet[EVENT_LARGEST];
    struct writer event = le_event_begin(packet, HCI_LE_EVENT_GENERATE_DHKEY_COMPLETE);
    write_u8(&event, status);
    write_reversed(&event, key, 32);
    put_le_event(controller, HCI_LE_EVENT_GENERATE_DHKEY_COMPLETE, &event);
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
    struct bluet_air_controller *controller = link->controller;
    uint64_t now = air_now(controller);
    if (!link->completed)
        return;
    if (!link->completed_since)
        link->completed_since = now;
    if (now - link->completed_since < controller->completion_delay) {
        if (!air_timer_is_set(&controller->completion) && controller->completion_delay != BLUET_NEVER)
            air_set(controller, &controller->completion, link->completed_since + controller->completion_delay);
        return;
    }
    link->completed_since = 0;
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
    write_u8(&event, air_phy_number(link->transmit_phy));
    write_u8(&event, air_phy_number(link->receive_phy));
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
