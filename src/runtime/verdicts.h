/*
 * What the controller has said about tickets, and who waits for it. A verdict goes to those who wait for it; where
 * nobody does yet, it is kept until it is fetched or 64 others have come.
 */
#ifndef BLUET_RUNTIME_VERDICTS_H
#define BLUET_RUNTIME_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluet/bluet.h"
#include "spec/internal.h"

enum { VERDICTS_KEPT = 64, RESPONSE_SIZE = 255 };

struct verdict {
    int ticket; /* 0: no verdict */
    int error;
    uint8_t hci_status;
    uint8_t response_length;
    uint8_t response[RESPONSE_SIZE];
};

/* Lives on the stack of who waits. */
struct verdict_waiter {
    struct verdict verdict;
    bool done;
    struct verdict_waiter *next;
};

struct verdicts {
    struct verdict_waiter *waiters;
    struct verdict kept[VERDICTS_KEPT];
    size_t next; /* place of the oldest */
};

/* An OPERATION_DONE has come. */
BLUET_INTERNAL void verdicts_record(struct verdicts *verdicts, const struct bluet_event *event);

/* Begins to wait: `done` at once if the verdict is kept. Ends with verdicts_leave(), done or not. */
BLUET_INTERNAL void verdicts_await(struct verdicts *verdicts, struct verdict_waiter *waiter, int ticket);
BLUET_INTERNAL void verdicts_leave(struct verdicts *verdicts, struct verdict_waiter *waiter);

/* No more will come: who waits still is told `error`. */
BLUET_INTERNAL void verdicts_abandon(struct verdicts *verdicts, int error);

#endif
