/* Advertising sets, the one of the legacy commands among them: Vol 6 Part B, 4.4.2. */
#ifndef BLUET_AIR_ADVERTISING_H
#define BLUET_AIR_ADVERTISING_H

#include "air/connection.h"

BLUET_INTERNAL void air_advertiser_init(struct air_advertiser *set, struct bluet_air_controller *controller,
                                        uint8_t handle);
/* NULL: no memory. Puts it behind the others. */
BLUET_INTERNAL struct air_advertiser *air_advertiser_create(struct bluet_air_controller *controller, uint8_t handle);
BLUET_INTERNAL void air_advertiser_destroy(struct air_advertiser *set);
BLUET_INTERNAL struct air_advertiser *air_advertiser_find(const struct bluet_air_controller *controller,
                                                          uint8_t handle);

/* What is wrong with beginning to advertise; and beginning, with what the host has set, anew if it runs. HCI error
 * codes. */
BLUET_INTERNAL uint8_t air_advertising_check(const struct air_advertiser *set);
BLUET_INTERNAL uint8_t air_advertising_start(struct air_advertiser *set, uint64_t duration, uint8_t events_most);
BLUET_INTERNAL void air_advertising_stop(struct air_advertiser *set);

/* Whether any set advertises. */
BLUET_INTERNAL bool air_is_advertising(const struct bluet_air_controller *controller);

#endif
