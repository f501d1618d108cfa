/* Passive and active scanning, and what it hears of extended advertising: Vol 6 Part B, 4.4.3. */
#ifndef BLUET_AIR_SCANNING_H
#define BLUET_AIR_SCANNING_H

#include "air/hci_event.h"

BLUET_INTERNAL void air_scanning_init(struct bluet_air_controller *controller);

/* Begins, with what the host has set; anew if it runs. An HCI error code. */
BLUET_INTERNAL uint8_t air_scanning_start(struct bluet_air_controller *controller, bool filter_duplicates,
                                          uint64_t duration, uint64_t period);
BLUET_INTERNAL void air_scanning_stop(struct bluet_air_controller *controller);

/* Windows that begin now, and take turns. */
BLUET_INTERNAL void air_windows_begin(const struct bluet_air_controller *controller, struct air_window *windows);

/* A legacy advertisement, or AUX_ADV_IND, that reached this controller. */
BLUET_INTERNAL void air_scanning_hear(struct bluet_air_controller *controller, const struct air_transmission *packet,
                                      uint8_t primary_phy);
/* What was awaited: the answer to a scan request, or a further part of the data; or it did not come. */
BLUET_INTERNAL void air_scanning_hear_part(struct bluet_air_controller *controller,
                                           const struct air_transmission *packet);
BLUET_INTERNAL void air_scanning_miss(struct bluet_air_controller *controller);

#endif
