/* Scanning, and the reports that it yields (Vol 6 Part B, 4.4.3; Vol 4 Part E, 7.7.65.2, 7.7.65.11, 7.8.10, 7.8.11). */
#ifndef BLUET_HOST_GAP_SCAN_H
#define BLUET_HOST_GAP_SCAN_H

#include "host/gap_address.h"
#include "host/gap_resolve.h"

enum gap_scan_state { GAP_SCAN_OFF, GAP_SCAN_AWAIT_START, GAP_SCAN_ON };

/* A bonded peer that is to be connected to, and the address under which it has been heard. */
struct gap_sought {
    bool wanted, found;
    struct bluet_address identity, address;
};

struct gap_scan {
    struct hci *hci;
    const struct gap_address *address;
    struct gap_resolver *resolver;
    int ticket; /* of the last start */
    enum gap_scan_state state;
    bool paused;           /* it is on, but the controller has been told to stop for a moment */
    uint8_t filter_policy; /* 1: only who is in the accept list is reported */
    uint16_t stops;        /* scans that have been told to stop, and have not ended */
    uint32_t duration_ms;  /* 0: until stopped */
    uint64_t deadline;     /* of what runs */
    struct gap_sought sought;
};

BLUET_INTERNAL void gap_scan_open(struct gap_scan *scan, struct hci *hci, const struct gap_address *address,
                                  struct gap_resolver *resolver);
/* Every scan that runs or is about to end has ended. Raises. */
BLUET_INTERNAL void gap_scan_close(struct gap_scan *scan);

/* As bluet_gap_scan(): a ticket. -EALREADY, -EINVAL, -ENOMEM */
BLUET_INTERNAL int gap_scan_start(struct gap_scan *scan, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us,
                                  bool active);
/* A ticket; 0 if not scanning. -ENOMEM */
BLUET_INTERNAL int gap_scan_stop(struct gap_scan *scan);
static inline bool gap_scan_is_on(const struct gap_scan *scan)
{
    return BLUET_HAS_CENTRAL && scan->state != GAP_SCAN_OFF;
}
/* The same as part of a ticket that has room for one command with two octets, or with ticket 0 as one of its own. */
BLUET_INTERNAL bool gap_scan_end(struct gap_scan *scan, int ticket, uint8_t flags);

/* The controller is quiet for a moment, of which the application does not hear. Whether there was room. */
BLUET_INTERNAL bool gap_scan_pause(struct gap_scan *scan);
BLUET_INTERNAL bool gap_scan_resume(struct gap_scan *scan);

/* Listens for connectable advertisements, all the time, for whoever seeks; the reports go no further. */
BLUET_INTERNAL void gap_scan_seek(struct gap_scan *scan, struct hci_command *command,
                                  const struct bluet_address *identity);
enum { GAP_SCAN_SEEK_COMMANDS = 2, GAP_SCAN_SEEK_LENGTH = 9, GAP_SCAN_STOP_LENGTH = 2 };
/* What has been told to the controller by the last one ends. Whether there was room. */
BLUET_INTERNAL bool gap_scan_seek_end(struct gap_scan *scan, struct hci_command *command);

/* LE Advertising Report, or LE Directed Advertising Report. Raises. */
BLUET_INTERNAL void gap_scan_report(struct gap_scan *scan, struct reader *event, bool directed);

static inline uint64_t gap_scan_deadline(const struct gap_scan *scan)
{
    return scan->deadline;
}
BLUET_INTERNAL void gap_scan_expire(struct gap_scan *scan);

#endif
