/*
 * Faults on demand: the rules of include/bluet/air.h, and what they make of a packet. Whoever sends or receives asks
 * here, and does as it is told.
 */
#ifndef BLUET_AIR_FAULT_H
#define BLUET_AIR_FAULT_H

#include "air/controller.h"

/* The PDU that was just put into flight: what is to become of it, once it is there. */
BLUET_INTERNAL void air_fault_judge(struct air_link *from);
/* Whether a packet of a link is lost this time. */
BLUET_INTERNAL bool air_fault_loses(const struct air_link *from);
/* Whether a packet on an advertising channel is lost to this receiver. */
BLUET_INTERNAL bool air_fault_loses_advertising(const struct air_transmission *packet,
                                                const struct bluet_air_controller *to);
/* Whether it is to be kept waiting still. */
BLUET_INTERNAL bool air_fault_withholds(const struct bluet_air *air, const struct air_flight *flight);

/* Says which rule acted since `acted` was cleared, if any did. */
BLUET_INTERNAL bool air_fault_acted(const struct bluet_air *air, struct bluet_air_observation *out);

/* Removes what is about a controller; NULL: all. */
BLUET_INTERNAL void air_fault_forget(struct bluet_air *air, const struct bluet_air_controller *controller);

#endif
