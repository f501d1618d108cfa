/* What passes, for whoever looks on: PDUs as they stand in the specification (Vol 6 Part B, 2.3, 2.4). */
#ifndef BLUET_AIR_OBSERVATION_H
#define BLUET_AIR_OBSERVATION_H

#include "air/controller.h"

BLUET_INTERNAL void air_observe_hci(const struct bluet_air_controller *controller, enum bluet_air_place place,
                                    const uint8_t *packet, size_t length);
/* The packet in flight, which ends now. */
BLUET_INTERNAL void air_observe_link(const struct air_link *link, enum bluet_air_fate fate);
BLUET_INTERNAL void air_observe_advertising(const struct air_transmission *packet, bool collided);

#endif
