/*
 * Which address a controller shows, and whom it takes a peer for: privacy in the controller (Vol 6 Part B, 6), and the
 * filters that go by it (4.3).
 */
#ifndef BLUET_AIR_IDENTITY_H
#define BLUET_AIR_IDENTITY_H

#include "air/controller.h"

/* Whether the host has given what an Own_Address_Type needs. */
BLUET_INTERNAL bool air_own_address_is_known(const struct bluet_air_controller *controller, uint8_t own_type);

/* Own_Address_Type (Vol 4 Part E, 7.8.5) to an address; `peer_*` chooses the entry of the resolving list, or is NULL.
 */
BLUET_INTERNAL struct air_address air_own_address(struct bluet_air_controller *controller, uint8_t own_type,
                                                  uint8_t peer_type, const uint8_t *peer);

/* The same for a set that has a random address of its own. */
BLUET_INTERNAL struct air_address air_address_of(struct bluet_air_controller *controller, const uint8_t *random,
                                                 uint8_t own_type, uint8_t peer_type, const uint8_t *peer);

/* Whether `address` is that, or a resolvable private address made of one of our own keys. */
BLUET_INTERNAL bool air_is_own_address(struct bluet_air_controller *controller, const struct air_address *own,
                                       const struct air_address *address);

/* Resolves `address`. False: privacy mode says that its sender is to be ignored (Vol 6 Part B, 4.7). */
BLUET_INTERNAL bool air_recognise(struct bluet_air_controller *controller, struct air_peer *out_peer,
                                  const struct air_address *address);

BLUET_INTERNAL bool air_is_accepted(const struct bluet_air_controller *controller, const struct air_peer *peer);

#endif
