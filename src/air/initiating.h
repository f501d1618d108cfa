/* Initiating a connection: Vol 6 Part B, 4.4.4. */
#ifndef BLUET_AIR_INITIATING_H
#define BLUET_AIR_INITIATING_H

#include "air/connection.h"

/* Begins, with what the host has set, and the windows. An HCI error code. */
BLUET_INTERNAL uint8_t air_initiating_start(struct bluet_air_controller *controller);
/* False: the request is already on its way, or there is none. */
BLUET_INTERNAL bool air_initiating_stop(struct bluet_air_controller *controller);

/* Whether there is a connection with that peer. */
BLUET_INTERNAL bool air_is_connected(const struct bluet_air_controller *controller, uint8_t type,
                                     const uint8_t octets[6]);

/* An advertisement that reached this controller; AUX_ADV_IND too. */
BLUET_INTERNAL void air_initiating_hear(struct bluet_air_controller *controller, const struct air_transmission *packet);
/* AUX_CONNECT_RSP; NULL: it did not come. */
BLUET_INTERNAL void air_initiating_answered(struct bluet_air_controller *controller,
                                            const struct air_transmission *packet);

#endif
