/* Scanning, and the reports that it yields (Vol 6 Part B, 4.4.3; Vol 4 Part E, 7.7.65.2, 7.7.65.11, 7.8.10, 7.8.11). */
#ifndef BLUET_HOST_GAP_SCAN_H
#define BLUET_HOST_GAP_SCAN_H

#include "host/gap_address.h"

enum gap_scan_state { GAP_SCAN_OFF, GAP_SCAN_AWAIT_START, GAP_SCAN_ON };

struct gap_scan {
    struct hci *hci;
    const struct gap_address *address;
    enum gap_scan_state state;
    int ticket;           /* of the last start */
    uint16_t stops;       /* scans that have been told to stop, and have not ended */
    uint64_t duration_us; /* 0: until stopped */
    uint64_t deadline;
    uint8_t filter_policy; /* 1: only who is in the accept list is reported */
    uint32_t dropped;      /* reports that were malformed */
};

BLUET_INTERNAL void gap_scan_open(struct gap_scan *scan, struct hci *hci, const struct gap_address *address);
/* Every scan that runs or is about to end has ended. Raises. */
BLUET_INTERNAL void gap_scan_close(struct gap_scan *scan);

/* As bluet_gap_scan(): a ticket. -EALREADY, -EINVAL, -ENOMEM */
BLUET_INTERNAL int gap_scan_start(struct gap_scan *scan, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us,
                                  bool active);
/* A ticket; 0 if not scanning. -ENOMEM */
BLUET_INTERNAL int gap_scan_stop(struct gap_scan *scan);
static inline bool gap_scan_is_on(const struct gap_scan *scan)
{
    return scan->state != GAP_SCAN_OFF;
}
/* The same as part of a ticket that has room for one command with two octets, or with ticket 0 as one of its own. */
BLUET_INTERNAL bool gap_scan_end(struct gap_scan *scan, int ticket, uint8_t flags);

BLUET_INTERNAL void gap_scan_report(struct gap_scan *scan, struct reader *event);
BLUET_INTERNAL void gap_scan_directed_report(struct gap_scan *scan, struct reader *event);

static inline uint64_t gap_scan_deadline(const struct gap_scan *scan)
{
    return scan->deadline;
}
BLUET_INTERNAL void gap_scan_expire(struct gap_scan *scan);

#endif
