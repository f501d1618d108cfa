/* Scanning, and the reports that it yields (Vol 6 Part B, 4.4.3; Vol 4 Part E, 7.7.65.2, 7.7.65.11, 7.8.10, 7.8.11). */
#ifndef BLUET_HOST_GAP_SCAN_H
#define BLUET_HOST_GAP_SCAN_H

#include "host/gap.h"

/* Every scan that runs or is about to end has ended. Raises. */
BLUET_INTERNAL void gap_scan_close(struct gap *gap);

/* As bluet_gap_scan(): a ticket. -EBUSY, -EALREADY, -EINVAL, -ENOMEM */
BLUET_INTERNAL int gap_scan_start(struct gap *gap, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us,
                                  bool active);
/* A ticket; 0 if not scanning. -ENOMEM */
BLUET_INTERNAL int gap_scan_stop(struct gap *gap);
/* The same as part of a ticket that has room for one command with two octets, or with ticket 0 as one of its own.
 * Whether there was room. */
BLUET_INTERNAL bool gap_scan_end(struct gap *gap, int ticket, uint8_t flags);
/* What became of going on after a pause. */
BLUET_INTERNAL void gap_scan_resumed(void *context, const struct hci_result *result);

struct gap_scan_parameters {
    uint32_t interval_us, window_us;
    bool active;
    uint8_t filter_policy;
};
enum { GAP_SCAN_COMMANDS = 2, GAP_SCAN_LENGTH = 9, GAP_SCAN_STOP_LENGTH = 2 };
/* Both commands of a start, whoever it is for. */
BLUET_INTERNAL void gap_scan_queue(struct gap *gap, struct hci_command *command,
                                   const struct gap_scan_parameters *parameters);

/* LE Advertising Report, or LE Directed Advertising Report. Raises. */
BLUET_INTERNAL void gap_scan_report(struct gap *gap, struct reader *event, bool directed);

BLUET_INTERNAL void gap_scan_expire(struct gap *gap);

#endif
