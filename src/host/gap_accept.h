/*
 * The controller's filter accept list, and who looks at it (Vol 4 Part E, 7.8.15, 7.8.16; Vol 6 Part B, 4.3). Whoever
 * connects to one of the list asks so himself.
 */
#ifndef BLUET_HOST_GAP_ACCEPT_H
#define BLUET_HOST_GAP_ACCEPT_H

#include "host/gap.h"

/* As bluet_gap_accept_list(): a ticket. -EINVAL, -EBUSY, -ENOMEM */
BLUET_INTERNAL int gap_accept_set(struct gap *gap, const struct bluet_address *addresses, size_t count, unsigned uses);

#endif
