/*
 * Cuts a stream of octets into HCI packets (UART transport, "H4": Vol 4 Part A, 2). The stream has no marks to find the
 * way back by: an indicator that does not exist, or a length that cannot be, means that it is lost for good.
 */
#ifndef BLUET_RUNTIME_H4_H
#define BLUET_RUNTIME_H4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/hci.h"
#include "spec/internal.h"

enum h4_direction {
    H4_FROM_CONTROLLER = 1 << HCI_EVENT | 1 << HCI_ACL_DATA | 1 << HCI_SYNCHRONOUS_DATA | 1 << HCI_ISO_DATA,
    H4_FROM_HOST = 1 << HCI_COMMAND | 1 << HCI_ACL_DATA | 1 << HCI_SYNCHRONOUS_DATA | 1 << HCI_ISO_DATA
};

struct h4_framer {
    uint8_t *buffer;
    size_t capacity;
    size_t start, end; /* what waits in the buffer */
    enum h4_direction direction;
};

/* BLUET_ENOMEM. No packet may be longer than `capacity`. */
BLUET_INTERNAL int h4_framer_create(struct h4_framer *framer, size_t capacity, enum h4_direction direction);
BLUET_INTERNAL void h4_framer_free(struct h4_framer *framer);
BLUET_INTERNAL void h4_framer_reset(struct h4_framer *framer);

/* Where the next octets of the stream go. Ends the life of packets handed out before. */
BLUET_INTERNAL uint8_t *h4_space(struct h4_framer *framer, size_t *out_room);
BLUET_INTERNAL void h4_filled(struct h4_framer *framer, size_t length);

/*
 * The next whole packet, beginning with its indicator: 1; none yet: 0. BLUET_EINVAL: the stream is out of step; the
 * message says how.
 */
BLUET_INTERNAL int h4_next(struct h4_framer *framer, const uint8_t **out_packet, size_t *out_length);

/*
 * Drops what stands before the answer to a Reset, the one thing that a host that has just begun can recognize. False:
 * it has not come yet; what cannot be its beginning is dropped.
 */
BLUET_INTERNAL bool h4_seek_reset(struct h4_framer *framer);

/* The length of the packet that begins with the indicator at `octets`; 0: not known yet, or there is no such packet. */
BLUET_INTERNAL size_t h4_packet_length(const uint8_t *octets, size_t length);

/* Whether h4_next() has something to say without more octets. */
BLUET_INTERNAL bool h4_waiting(const struct h4_framer *framer);

#endif
