/*
 * HCI events (Vol 4 Part E, 7.7), each built where its layout is described: once. Those that the host has masked out
 * are not queued.
 */
#ifndef BLUET_AIR_HCI_EVENT_H
#define BLUET_AIR_HCI_EVENT_H

#include "air/identity.h"
#include "spec/hci.h"

struct air_report {
    uint8_t type; /* Event_Type: Vol 4 Part E, 7.7.65.2 */
    struct air_peer peer;
    int8_t rssi;
    uint8_t length;
    const uint8_t *data;
};

BLUET_INTERNAL bool air_le_event_is_wanted(const struct bluet_air_controller *controller, uint8_t code);

BLUET_INTERNAL void air_event_command_complete(struct bluet_air_controller *controller, uint16_t opcode,
                                               const void *parameters, size_t length);
BLUET_INTERNAL void air_event_command_status(struct bluet_air_controller *controller, uint16_t opcode, uint8_t status);
/* To be called when nothing else waits for the host. */
BLUET_INTERNAL void air_event_hardware_error(struct bluet_air_controller *controller);
BLUET_INTERNAL void air_event_data_buffer_overflow(struct bluet_air_controller *controller);
BLUET_INTERNAL void air_event_advertising_report(struct bluet_air_controller *controller,
                                                 const struct air_report *report);
/* A directed advertisement to a resolvable private address that is not known to be ours. */
BLUET_INTERNAL void air_event_directed_report(struct bluet_air_controller *controller, const struct air_report *report,
                                              const struct air_address *target);

/* `link` NULL: no connection came about, for the reason in `status`. */
BLUET_INTERNAL void air_event_connection_complete(struct bluet_air_controller *controller, uint8_t status,
                                                  const struct air_link *link, bool central);
BLUET_INTERNAL void air_event_channel_selection(const struct air_link *link);
BLUET_INTERNAL void air_event_disconnection_complete(const struct air_link *link, uint8_t reason);
/* All buffers that have become free on this link. */
BLUET_INTERNAL void air_event_completed_packets(struct air_link *link);
BLUET_INTERNAL void air_event_connection_update_complete(const struct air_link *link, uint8_t status);
BLUET_INTERNAL void air_event_parameter_request(const struct air_link *link, uint16_t interval_min,
                                                const struct air_parameters *wish);
BLUET_INTERNAL void air_event_data_length_change(const struct air_link *link);
BLUET_INTERNAL void air_event_phy_update_complete(const struct air_link *link, uint8_t status);
BLUET_INTERNAL void air_event_remote_version(const struct air_link *link, uint8_t status);
BLUET_INTERNAL void air_event_remote_features(const struct air_link *link, uint8_t status);
BLUET_INTERNAL void air_event_encryption_change(const struct air_link *link, uint8_t status, bool enabled);
BLUET_INTERNAL void air_event_key_refresh(const struct air_link *link, uint8_t status);
BLUET_INTERNAL void air_event_long_term_key_request(const struct air_link *link);
BLUET_INTERNAL void air_event_payload_timeout(const struct air_link *link);

/* Data from the peer, in as many packets as the host's buffers ask for; and how many those are. */
BLUET_INTERNAL void air_acl_deliver(struct air_link *link, uint8_t llid, const uint8_t *data, size_t length);
BLUET_INTERNAL uint32_t air_acl_packets(const struct bluet_air_controller *controller, size_t length);

#endif
