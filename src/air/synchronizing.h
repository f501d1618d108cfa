/* Finding trains of periodic advertising, and following them: Vol 6 Part B, 4.4.5.1. */
#ifndef BLUET_AIR_SYNCHRONIZING_H
#define BLUET_AIR_SYNCHRONIZING_H

#include "air/hci_event.h"

/* Begins to look for the train that the host wants. An HCI error code. */
BLUET_INTERNAL uint8_t air_synchronizing_start(struct bluet_air_controller *controller);
/* False: none is looked for. */
BLUET_INTERNAL bool air_synchronizing_stop(struct bluet_air_controller *controller);
BLUET_INTERNAL struct air_sync *air_sync_find(const struct bluet_air_controller *controller, uint16_t handle);
/* Says nothing to the host. */
BLUET_INTERNAL void air_sync_drop(struct air_sync *sync);

/* AUX_ADV_IND that reached this controller. */
BLUET_INTERNAL void air_synchronizing_hear(struct bluet_air_controller *controller,
                                           const struct air_transmission *packet);

#endif
