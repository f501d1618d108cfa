/* A controller from its attachment to its end, and its reset (Vol 4 Part E, 7.3.2). */
#ifndef BLUET_AIR_LIFE_H
#define BLUET_AIR_LIFE_H

#include "air/controller.h"

/* NULL: no memory. */
BLUET_INTERNAL struct bluet_air_controller *air_controller_create(struct bluet_air *air,
                                                                  const struct bluet_air_controller_config *config);
BLUET_INTERNAL void air_controller_destroy(struct bluet_air_controller *controller);

/* Everything that it does ends without a word, everything that it was told is forgotten. What waits for the host too.
 */
BLUET_INTERNAL void air_controller_reset(struct bluet_air_controller *controller);

#endif
