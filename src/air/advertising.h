/* Legacy advertising: Vol 6 Part B, 4.4.2. */
#ifndef BLUET_AIR_ADVERTISING_H
#define BLUET_AIR_ADVERTISING_H

#include "air/connection.h"

BLUET_INTERNAL void air_advertising_init(struct bluet_air_controller *controller);

/* Begins, with what the host has set; anew if it runs. An HCI error code. */
BLUET_INTERNAL uint8_t air_advertising_start(struct bluet_air_controller *controller);
BLUET_INTERNAL void air_advertising_stop(struct bluet_air_controller *controller);

#endif
