/* Passive and active scanning: Vol 6 Part B, 4.4.3. */
#ifndef BLUET_AIR_SCANNING_H
#define BLUET_AIR_SCANNING_H

#include "air/hci_event.h"

BLUET_INTERNAL void air_scanning_init(struct bluet_air_controller *controller);

/* Begins, with what the host has set; anew if it runs. An HCI error code. */
BLUET_INTERNAL uint8_t air_scanning_start(struct bluet_air_controller *controller, bool filter_duplicates);
BLUET_INTERNAL void air_scanning_stop(struct bluet_air_controller *controller);

/* An advertisement that reached this controller. */
BLUET_INTERNAL void air_scanning_hear(struct bluet_air_controller *controller, const struct air_transmission *packet);
/* Any packet, while the answer to a SCAN_REQ is awaited. */
BLUET_INTERNAL void air_scanning_hear_response(struct bluet_air_controller *controller,
                                               const struct air_transmission *packet);

#endif
