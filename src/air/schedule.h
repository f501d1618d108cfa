/*
 * One radio for many uses: which connection may hold its event, how long it may last, and where a new connection's
 * anchor points go (Vol 6 Part B, 4.5.1 leaves that to the implementation).
 *
 * The rules: an event ends before the next moment at which another activity of the same controller wants the radio. Of
 * two connections whose events begin too close together, the one that has waited longer has its turn; but none gives
 * way twice in a row. While the controller scans or initiates, an event lasts half an interval at most; and where the
 * events lie so close that hardly anything is left for listening, each connection gives up every other event.
 */
#ifndef BLUET_AIR_SCHEDULE_H
#define BLUET_AIR_SCHEDULE_H

#include "air/controller.h"

/* When a connection other than `except`, or a train of periodic advertising, next wants the radio; or AIR_NEVER. */
BLUET_INTERNAL uint64_t air_schedule_next_event(const struct bluet_air_controller *controller,
                                                const struct air_link *except);

/* When an advertising set next wants it, or did and could not have it; or AIR_NEVER. */
BLUET_INTERNAL uint64_t air_schedule_next_advertising(const struct bluet_air_controller *controller);

/* Whether this connection holds the event that is due now, which takes at least `needed` microseconds. */
BLUET_INTERNAL bool air_schedule_may_begin(struct air_link *link, uint64_t needed);

/* When the event that begins now must have ended. */
BLUET_INTERNAL uint64_t air_schedule_limit(const struct air_link *link);

/* An anchor point at `earliest` or less than an interval later: in the middle of the widest gap between the others. */
BLUET_INTERNAL uint64_t air_schedule_place(const struct bluet_air_controller *controller, const struct air_link *except,
                                           uint64_t earliest, uint32_t interval);

/* The interval that suits the other connections best, else the longest. */
BLUET_INTERNAL uint16_t air_schedule_interval(const struct bluet_air_controller *controller,
                                              const struct air_link *except, uint16_t least, uint16_t most);

#endif
