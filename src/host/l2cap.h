/*
 * L2CAP frames on LE links (Vol 3 Part A, 3.1): the basic header, out and in. Signalling and channels have rooms of
 * their own above this one.
 */
#ifndef BLUET_HOST_L2CAP_H
#define BLUET_HOST_L2CAP_H

#include "bluet/bluet.h"
#include "host/link.h"
#include "spec/internal.h"

enum { L2CAP_SPANS_LARGEST = 6 };

/* Where in a gather list the next octet is. */
struct l2cap_cursor {
    const struct bluet_span *span, *end;
    size_t offset;
};

/* Lists the next `length` octets; returns how many spans they take. */
BLUET_INTERNAL size_t l2cap_gather(struct l2cap_cursor *cursor, struct bluet_span *out, size_t length);

/*
 * Sends one frame: at once from the caller's memory when nothing waits and the controller has buffers free, otherwise
 * from a copy, in order. -ENOMEM: no buffer free for the copy, nothing sent. -ENOTCONN: the link is closing. -EINVAL:
 * more than L2CAP_SPANS_LARGEST spans.
 */
BLUET_INTERNAL int l2cap_send(struct link_table *links, struct link *link, uint16_t cid, const struct bluet_span *spans,
                              size_t count);

/* The same, but before the frames that wait, none of which has begun: for struct link_channels. */
BLUET_INTERNAL int l2cap_send_first(struct link_table *links, struct link *link, uint16_t cid,
                                    const struct bluet_span *spans, size_t count);

#endif
