/* What a packet loses on its way: paths that were set, and positions. */
#ifndef BLUET_AIR_DISTANCE_H
#define BLUET_AIR_DISTANCE_H

#include "air/controller.h"

/* Forgets the paths from and to a controller; NULL: all. */
BLUET_INTERNAL void air_distance_forget(struct bluet_air *air, const struct bluet_air_controller *controller);

#endif
