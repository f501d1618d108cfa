/*
 * The control procedures of the link layer (Vol 6 Part B, 5.1): this end begins one at a time, answers those of the
 * peer, and gives a link up when an answer does not come within 40 s (5.2). A link that has to end is marked, in
 * `closing`; it is closed by connection.c.
 */
#ifndef BLUET_AIR_LINK_CONTROL_H
#define BLUET_AIR_LINK_CONTROL_H

#include "air/hci_event.h"

/* The features of a controller, as bits: Vol 6 Part B, 4.6. */
enum air_feature {
    AIR_FEATURE_ENCRYPTION = 0,
    AIR_FEATURE_PARAMETERS = 1,
    AIR_FEATURE_PERIPHERAL_FEATURES = 3,
    AIR_FEATURE_PING = 4,
    AIR_FEATURE_LENGTH = 5,
    AIR_FEATURE_PRIVACY = 6,
    AIR_FEATURE_2M = 8,
    AIR_FEATURE_CODED = 11,
    AIR_FEATURE_EXTENDED = 12,
    AIR_FEATURE_PERIODIC = 13
};
BLUET_INTERNAL uint64_t air_features(const struct bluet_air_controller *controller);
BLUET_INTERNAL bool air_has_feature(const struct bluet_air_controller *controller, enum air_feature feature);
/* The PHYs that it knows. */
BLUET_INTERNAL uint8_t air_phys(const struct bluet_air_controller *controller);

enum { AIR_VERSION = 0x0d, AIR_COMPANY = 0xffff, AIR_SUBVERSION = 1 }; /* Core 5.4; a company identifier for tests */

/* The link has come up. */
BLUET_INTERNAL void air_control_begin(struct air_link *link);

/* Asks for a procedure; it begins as soon as it may. `by_host`: the host waits for its event. */
BLUET_INTERNAL void air_control_want(struct air_link *link, enum air_procedure procedure, bool by_host);
/* Begins what is asked for, if it may begin now. To be called before a PDU is chosen. */
BLUET_INTERNAL void air_control_run(struct air_link *link);

/* A control PDU of the peer. */
BLUET_INTERNAL void air_control_receive(struct air_link *link, const uint8_t *pdu, size_t length);
/* A new connection event is about to begin: what has been put off to it takes effect. */
BLUET_INTERNAL void air_control_instant(struct air_link *link);

/* The host's answer to the peer's connection parameter request. */
BLUET_INTERNAL void air_control_accept_parameters(struct air_link *link, uint16_t interval_min,
                                                  const struct air_parameters *parameters);
BLUET_INTERNAL void air_control_reject_parameters(struct air_link *link, uint8_t reason);

#endif
