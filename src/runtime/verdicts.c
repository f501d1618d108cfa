/* Verdicts on tickets: kept in a ring, or handed to who waits. All under the runtime's lock. */
#include "runtime/verdicts.h"

#include <string.h>

static void fill(struct verdict *verdict, const struct bluet_event *event)
{
    size_t length = event->operation.response ? event->operation.response_length : 0;
    if (length > RESPONSE_SIZE)
        length = RESPONSE_SIZE;
    verdict->ticket = event->operation.ticket;
    verdict->error = event->operation.error;
    verdict->hci_status = event->operation.hci_status;
    verdict->response_length = (uint8_t)length;
    if (length)
        memcpy(verdict->response, event->operation.response, length);
}

static void keep(struct verdicts *verdicts, const struct bluet_event *event)
{
    fill(&verdicts->kept[verdicts->next], event);
    verdicts->next = (verdicts->next + 1) % VERDICTS_KEPT;
}

BLUET_INTERNAL void verdicts_record(struct verdicts *verdicts, const struct bluet_event *event)
{
    bool awaited = false;
    for (struct verdict_waiter *waiter = verdicts->waiters; waiter; waiter = waiter->next) {
        if (waiter->done || waiter->verdict.ticket != event->operation.ticket)
            continue;
        fill(&waiter->verdict, event);
        waiter->done = awaited = true;
    }
    if (!awaited)
        keep(verdicts, event);
}

BLUET_INTERNAL void verdicts_await(struct verdicts *verdicts, struct verdict_waiter *waiter, int ticket)
{
    waiter->done = false;
    waiter->verdict.ticket = ticket;
    waiter->next = verdicts->waiters;
    verdicts->waiters = waiter;
    for (size_t i = 0; i < VERDICTS_KEPT && !waiter->done; i++) {
        struct verdict *kept = &verdicts->kept[i];
        if (kept->ticket != ticket)
            continue;
        waiter->verdict = *kept;
        waiter->done = true;
        kept->ticket = 0;
    }
}

BLUET_INTERNAL void verdicts_leave(struct verdicts *verdicts, struct verdict_waiter *waiter)
{
    struct verdict_waiter **place = &verdicts->waiters;
    while (*place && *place != waiter)
        place = &(*place)->next;
    if (*place)
        *place = waiter->next;
}

BLUET_INTERNAL void verdicts_abandon(struct verdicts *verdicts, int error)
{
    for (struct verdict_waiter *waiter = verdicts->waiters; waiter; waiter = waiter->next) {
        if (waiter->done)
            continue;
        waiter->verdict = (struct verdict){.ticket = waiter->verdict.ticket, .error = error};
        waiter->done = true;
    }
}
