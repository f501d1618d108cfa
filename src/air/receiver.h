/*
 * Listening on the primary advertising channels, for a scanner (Vol 6 Part B, 4.4.3) and an initiator (4.4.4). Windows
 * are not events of the simulation: whether one was open is asked when a packet has ended. Where both are open, the
 * radio is on the initiator's channel, and both hear what is there.
 */
#ifndef BLUET_AIR_RECEIVER_H
#define BLUET_AIR_RECEIVER_H

#include "air/connection.h"

BLUET_INTERNAL void air_receiver_init(struct bluet_air_controller *controller);
/* Scanning or initiating has been started or stopped. */
BLUET_INTERNAL void air_receiver_update(struct bluet_air_controller *controller);

#endif
