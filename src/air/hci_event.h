/*
 * HCI events (Vol 4 Part E, 7.7), each built where its layout is described: once. Those that the host has masked out
 * are not queued.
 */
#ifndef BLUET_AIR_HCI_EVENT_H
#define BLUET_AIR_HCI_EVENT_H

#include "air/identity.h"
#include "spec/hci.h"

BLUET_INTERNAL bool air_le_event_is_wanted(const struct bluet_air_controller *controller, uint8_t code);

BLUET_INTERNAL void air_event_command_complete(struct bluet_air_controller *controller, uint16_t opcode,
                                               const void *parameters, size_t length);
BLUET_INTERNAL void air_event_command_status(struct bluet_air_controller *controller, uint16_t opcode, uint8_t status);
/* To be called when nothing else waits for the host. */
BLUET_INTERNAL void air_event_hardware_error(struct bluet_air_controller *controller);
BLUET_INTERNAL void air_event_data_buffer_overflow(struct bluet_air_controller *controller);
BLUET_INTERNAL void air_event_advertising_report(struct bluet_air_controller *controller,
                                                 const struct air_report *report, enum air_data_status status);
BLUET_INTERNAL void air_event_scan_timeout(struct bluet_air_controller *controller);
BLUET_INTERNAL void air_event_set_terminated(const struct air_advertiser *set, uint8_t status, uint16_t handle,
                                             uint8_t events);
BLUET_INTERNAL void air_event_scan_request(const struct air_advertiser *set, const struct air_peer *peer);
/* `sync` NULL: none was found. */
BLUET_INTERNAL void air_event_sync_established(struct bluet_air_controller *controller, const struct air_sync *sync,
                                               uint8_t status);
BLUET_INTERNAL void air_event_sync_lost(const struct air_sync *sync);
/* `from` NULL: the rest of the data did not come. */
BLUET_INTERNAL void air_event_periodic_report(const struct air_sync *sync, const struct air_transmission *from,
                                              enum air_data_status status);
BLUET_INTERNAL void air_event_public_key(struct bluet_air_controller *controller, uint8_t status, const uint8_t *key);
BLUET_INTERNAL void air_event_dhkey(struct bluet_air_controller *controller, uint8_t status, const uint8_t *key);

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
