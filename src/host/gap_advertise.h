/* Advertising with legacy PDUs (Vol 6 Part B, 4.4.2; Vol 4 Part E, 7.8.5 to 7.8.9). */
#ifndef BLUET_HOST_GAP_ADVERTISE_H
#define BLUET_HOST_GAP_ADVERTISE_H

#include "host/gap_address.h"
#include "host/gap_resolve.h"
#include "host/hci_controller.h"

/* As the controller is told: what is behind `length` is zero. */
struct gap_advertising_data {
    uint8_t length;
    uint8_t octets[31];
};

struct gap_advertise {
    struct hci *hci;
    const struct hci_controller *controller;
    const struct gap_address *address;
    struct gap_resolver *resolver;
    struct bluet_address own; /* under which it has begun */
    bool on;                  /* once all that is queued is done */
    bool paused;              /* it is on, but the controller has been told to stop for a moment */
    bool resuming;            /* and to go on */
    int starting;             /* ticket of a start that the controller has not confirmed; 0: none */
    int ticket;               /* the last start or stop */
    uint8_t filter_policy;    /* whose requests are taken (Vol 4 Part E, 7.8.5) */
    struct gap_advertising_data data, response;
};

BLUET_INTERNAL void gap_advertise_open(struct gap_advertise *advertise, const struct hci_controller *controller,
                                       const struct gap_address *address, struct gap_resolver *resolver);
/* As bluet_gap_advertise(): a ticket. -EINVAL, -ENOMEM */
BLUET_INTERNAL int gap_advertise_start(struct gap_advertise *advertise, uint32_t interval_us,
                                       const struct bluet_span *data, const struct bluet_span *response,
                                       bool connectable);
/* As bluet_gap_advertise_directed(): a ticket. -EINVAL, -ENOMEM */
BLUET_INTERNAL int gap_advertise_start_directed(struct gap_advertise *advertise, uint32_t interval_us,
                                                const struct bluet_address *peer);
/* A ticket; 0 if not advertising. -ENOMEM */
BLUET_INTERNAL int gap_advertise_stop(struct gap_advertise *advertise);
/* The same without a ticket, when the command queue is empty. */
BLUET_INTERNAL void gap_advertise_end(struct gap_advertise *advertise);
/* The controller is quiet for a moment, of which the application does not hear. Whether there was room. */
BLUET_INTERNAL bool gap_advertise_pause(struct gap_advertise *advertise);
BLUET_INTERNAL bool gap_advertise_resume(struct gap_advertise *advertise);
/* A central has connected: the controller has stopped by itself. */
BLUET_INTERNAL void gap_advertise_was_ended(struct gap_advertise *advertise);

#endif
