/* The address that we advertise, scan and connect with (Vol 6 Part B, 1.3; Vol 3 Part C, 10.8). */
#ifndef BLUET_HOST_GAP_ADDRESS_H
#define BLUET_HOST_GAP_ADDRESS_H

#include "bluet/bluet.h"
#include "host/hci.h"
#include "spec/internal.h"

struct gap_address {
    enum bluet_address_mode mode;
    bool has_public;
    bool has_static;
    uint8_t public_octets[6];
    uint8_t static_octets[6];         /* generated once, and kept as long as the host exists */
    uint8_t non_resolvable_octets[6]; /* generated at every activation and change of mode */
};

/* The controller has been started; NULL: it has no address of its own. */
BLUET_INTERNAL void gap_address_start(struct gap_address *address, const struct bluet_port *port,
                                      const uint8_t *public_octets);
BLUET_INTERNAL struct bluet_address gap_address_own(const struct gap_address *address);
/* The one by which peers know us for good (Vol 3 Part C, 10.8.2): the public one, or else the static. */
BLUET_INTERNAL struct bluet_address gap_address_identity(const struct gap_address *address);

/* Takes a new mode into use; a ticket, or 0 where the controller need not know. -ENOMEM */
BLUET_INTERNAL int gap_address_change(struct gap_address *address, struct hci *hci, enum bluet_address_mode mode);

#endif
