/* The address that we advertise, scan and connect with (Vol 6 Part B, 1.3; Vol 3 Part C, 10.8). */
#ifndef BLUET_HOST_GAP_ADDRESS_H
#define BLUET_HOST_GAP_ADDRESS_H

#include "bluet/bluet.h"
#include "host/hci.h"
#include "spec/internal.h"
#include "spec/writer.h"

enum { GAP_ADDRESS_TIMEOUT_DEFAULT_S = 900, GAP_ADDRESS_TIMEOUT_MOST_S = 3600 }; /* Vol 4 Part E, 7.8.45 */

struct gap_address {
    enum bluet_address_mode mode;
    bool has_public;
    bool has_static;
    uint16_t timeout_s; /* of a private address */
    const uint8_t *irk; /* our own */
    uint8_t public_octets[6];
    uint8_t static_octets[6]; /* made once, and kept as long as the host exists */
    uint8_t random_octets[6]; /* that the controller has, and since when: */
    uint64_t since;
    uint8_t changing_octets[6]; /* on their way to it, with a change of mode; */
    uint8_t rotated_octets[6];  /* in place of a private address that is too old */
};

/*
 * The controller has been started; `public_octets` NULL: it has no address of its own. The static address is made of
 * the IRK, so that with `irk_kept` it is the same after a restart. False: there is no address of that mode, for want of
 * AES.
 */
BLUET_INTERNAL bool gap_address_start(struct gap_address *address, const struct hci *hci, const uint8_t *public_octets,
                                      const uint8_t *irk, bool irk_kept);
BLUET_INTERNAL struct bluet_address gap_address_own(const struct gap_address *address);
/* The one by which peers know us for good (Vol 3 Part C, 10.8.2): the public one, or else the static. */
BLUET_INTERNAL struct bluet_address gap_address_identity(const struct gap_address *address);

/* As HCI commands have it: its type, then the octets. */
BLUET_INTERNAL void gap_write_address(struct writer *writer, const struct bluet_address *address);
/* In units of 625 us, at least `least_us`, at most what a controller understands (Vol 4 Part E, 7.8.5, 7.8.10). */
BLUET_INTERNAL uint16_t gap_time(uint32_t time_us, uint32_t least_us);

/* Takes a new mode into use; a ticket, or 0 where the controller need not know. -ENOMEM, -ENOTSUP */
BLUET_INTERNAL int gap_address_change(struct gap_address *address, struct hci *hci, enum bluet_address_mode mode);

/* A new private address, to be told to the controller. Whether there is one. */
BLUET_INTERNAL bool gap_address_renew(struct gap_address *address, const struct hci *hci);
/* The controller has it. */
BLUET_INTERNAL void gap_address_renewed(struct gap_address *address, const struct hci *hci);
/* When the present one is too old, or BLUET_NEVER. */
BLUET_INTERNAL uint64_t gap_address_deadline(const struct gap_address *address);

#endif
