/* Advertising with legacy PDUs (Vol 6 Part B, 4.4.2; Vol 4 Part E, 7.8.5 to 7.8.9). */
#ifndef BLUET_HOST_GAP_ADVERTISE_H
#define BLUET_HOST_GAP_ADVERTISE_H

#include "host/gap.h"

/* As bluet_gap_advertise(): a ticket. -EINVAL, -ENOMEM */
BLUET_INTERNAL int gap_advertise_start(struct gap *gap, uint32_t interval_us, const struct bluet_span *data,
                                       const struct bluet_span *response, bool connectable);
/* As bluet_gap_advertise_directed(): a ticket. -EINVAL, -ENOMEM */
BLUET_INTERNAL int gap_advertise_start_directed(struct gap *gap, uint32_t interval_us,
                                                const struct bluet_address *peer);
/* A ticket; 0 if not advertising. -ENOMEM */
BLUET_INTERNAL int gap_advertise_stop(struct gap *gap);
/* The same without a ticket, when the command queue is empty. */
BLUET_INTERNAL void gap_advertise_end(struct gap *gap);
/* What became of going on after a pause. */
BLUET_INTERNAL void gap_advertise_resumed(void *context, const struct hci_result *result);
/* A central has connected: the controller has stopped by itself. */
BLUET_INTERNAL void gap_advertise_was_ended(struct gap *gap);

#endif
