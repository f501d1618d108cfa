/*
 * What an application asks of one connection: other parameters (Vol 3 Part C, 9.3.9; Vol 4 Part E, 7.8.18), PHYs
 * (7.8.49), longer packets (7.8.33), how well the peer is heard (7.5.4).
 */
#ifndef BLUET_HOST_GAP_LINK_H
#define BLUET_HOST_GAP_LINK_H

#include "host/gap.h"
#include "host/l2cap_signal.h"

/* What is not given is filled in so that it goes with what is. False: out of range. */
BLUET_INTERNAL bool gap_link_parameters(struct link_parameters *out, const struct bluet_connection_parameters *given);

/* As bluet_gap_update() and its like: a ticket. */
BLUET_INTERNAL int gap_link_update(struct gap *gap, struct link *link,
                                   const struct bluet_connection_parameters *parameters);
BLUET_INTERNAL int gap_link_set_phy(struct gap *gap, const struct link *link, uint8_t transmit, uint8_t receive);
BLUET_INTERNAL int gap_link_set_data_length(struct gap *gap, const struct link *link, uint16_t octets);
BLUET_INTERNAL int gap_link_read_rssi(struct gap *gap, const struct link *link);

/* An LE Connection Update Complete: whether it only means that the peer has to be asked in another way. */
BLUET_INTERNAL bool gap_link_update_goes_on(struct gap *gap, struct link *link, uint8_t status);

#endif
