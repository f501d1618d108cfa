/* The address that we advertise, scan and connect with (Vol 6 Part B, 1.3; Vol 3 Part C, 10.8). */
#ifndef BLUET_HOST_GAP_ADDRESS_H
#define BLUET_HOST_GAP_ADDRESS_H

#include "host/gap.h"

/*
 * The controller has been started, and its own address is known. The static address is made of the IRK, so that where
 * that is kept it is the same after a restart. False: there is no address of that mode, for want of AES.
 */
BLUET_INTERNAL bool gap_address_start(struct gap *gap);
BLUET_INTERNAL void gap_address_own(const struct gap *gap, struct bluet_address *out);
/* The one by which peers know us for good (Vol 3 Part C, 10.8.2): the public one, or else the static. */
BLUET_INTERNAL void gap_address_identity(const struct gap *gap, struct bluet_address *out);
/* Of our own address. */
BLUET_INTERNAL uint8_t gap_address_type(const struct gap *gap);
static inline bool gap_address_is_private(const struct gap *gap)
{
    return gap->address.mode >= BLUET_ADDRESS_MODE_RPA;
}

/* As HCI commands have it: its type, then the octets. */
BLUET_INTERNAL void gap_write_address(struct writer *writer, const struct bluet_address *address);
/* In units of 625 us, at least `least_us`, at most what a controller understands (Vol 4 Part E, 7.8.5, 7.8.10). */
BLUET_INTERNAL uint16_t gap_time(uint32_t time_us, uint32_t least_us);

/* Takes a new mode into use; a ticket, or 0 where the controller need not know. -ENOMEM, -ENOTSUP */
BLUET_INTERNAL int gap_address_change(struct gap *gap, enum bluet_address_mode mode);

/* A new private address, to be told to the controller. Whether there is one. */
BLUET_INTERNAL bool gap_address_renew(struct gap *gap);
/* When the present one is too old, or BLUET_NEVER. */
BLUET_INTERNAL uint64_t gap_address_deadline(const struct gap *gap);

#endif
