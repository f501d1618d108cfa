/* Periodic advertising: Vol 6 Part B, 4.4.2.12. */
#ifndef BLUET_AIR_PERIODIC_H
#define BLUET_AIR_PERIODIC_H

#include "air/controller.h"

BLUET_INTERNAL void air_periodic_init(struct air_advertiser *set);
/* Begins if the host wants it. */
BLUET_INTERNAL void air_periodic_start(struct air_advertiser *set);
BLUET_INTERNAL void air_periodic_stop(struct air_advertiser *set);
/* What an auxiliary packet says of it. */
BLUET_INTERNAL void air_periodic_describe(const struct air_advertiser *set, struct air_synchronization *out);

/*
 * Puts the next part of `data`, from `offset` on, into the controller's transmission, whose header is filled but for
 * the pointer to the part that follows, and sends it at `start`. Returns how many octets those are.
 */
BLUET_INTERNAL uint16_t air_send_part(struct bluet_air_controller *controller, const struct air_data *data,
                                      uint16_t offset, uint64_t start, void (*sent)(void *owner), void *owner);
/* A channel for an auxiliary packet: any that is in use. */
BLUET_INTERNAL uint8_t air_auxiliary_channel(struct bluet_air_controller *controller);

#endif
