/*
 * What a controller has for its host: HCI packets in the order in which they came up, kept while the host cannot take
 * them. Grows as needed, within bounds. Reports are dropped when too many wait; data of peers is refused before it gets
 * here; anything else that finds no room is a failure of the controller, which the host hears of by a Hardware Error
 * event (Vol 4 Part E, 7.7.16).
 */
#ifndef BLUET_AIR_OUTBOX_H
#define BLUET_AIR_OUTBOX_H

#include "air/timer.h"

enum {
    AIR_OUTBOX_PACKET = 260, /* the largest: an ACL packet of 251 octets, an event of 257, with their indicator */
    AIR_OUTBOX_LARGEST = 65536,
    AIR_OUTBOX_REPORTS = 64,
    AIR_OUTBOX_DATA = 16,
    AIR_OUTBOX_ANSWERS = 64
};

enum air_outbox_kind { AIR_OUTBOX_EVENT, AIR_OUTBOX_ANSWER, AIR_OUTBOX_REPORT, AIR_OUTBOX_ACL, AIR_OUTBOX_KINDS };

struct air_outbox {
    struct air_clock *clock;
    struct air_timer *timer; /* set whenever there is something to deliver */
    uint8_t *octets;
    size_t capacity, head, tail;
    uint32_t waiting[AIR_OUTBOX_KINDS];
    bool blocked;   /* the host has refused a packet, and not yet asked for more */
    bool failed;    /* something was lost that the host had to know */
    uint64_t delay; /* until what is put in comes out */

    uint8_t offered[AIR_OUTBOX_PACKET]; /* taken from the queue, and not yet accepted by the host */
    size_t offered_length;
    enum air_outbox_kind offered_kind;
};

BLUET_INTERNAL void air_outbox_init(struct air_outbox *outbox, struct air_clock *clock, struct air_timer *timer);
BLUET_INTERNAL void air_outbox_end(struct air_outbox *outbox);
/* Forgets what waits. */
BLUET_INTERNAL void air_outbox_clear(struct air_outbox *outbox);

/* False: no room. */
BLUET_INTERNAL bool air_outbox_put(struct air_outbox *outbox, enum air_outbox_kind kind, const void *packet,
                                   size_t length);

/* The same for the one packet that must find room, when no other waits: it needs no memory. */
BLUET_INTERNAL void air_outbox_offer(struct air_outbox *outbox, const void *packet, size_t length);

/* Hands over what waits, until the host refuses or nothing is left. */
BLUET_INTERNAL void air_outbox_deliver(struct air_outbox *outbox,
                                       bool (*deliver)(void *context, const uint8_t *packet, size_t length),
                                       void *context);
BLUET_INTERNAL void air_outbox_resume(struct air_outbox *outbox);

#endif
