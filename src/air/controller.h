/*
 * A controller: one radio, and what its host has set. And the air: its clock, and what is on it. The rooms that act on
 * them (advertising.c, scanning.c, connection.c, hci_*.c and so on) keep their state in the parts named after them.
 */
#ifndef BLUET_AIR_CONTROLLER_H
#define BLUET_AIR_CONTROLLER_H

#include "air/link.h"
#include "air/lists.h"
#include "air/outbox.h"
#include "air/radio.h"
#include "air/random.h"
#include "bluet/air.h"

enum { AIR_CONTROLLER_TIMERS = 4 };

/* Advertising_Type of LE Set Advertising Parameters: Vol 4 Part E, 7.8.5 */
enum air_advertising_type {
    AIR_ADVERTISE_CONNECTABLE = 0,
    AIR_ADVERTISE_DIRECTED_HIGH_DUTY = 1,
    AIR_ADVERTISE_SCANNABLE = 2,
    AIR_ADVERTISE_NON_CONNECTABLE = 3,
    AIR_ADVERTISE_DIRECTED_LOW_DUTY = 4
};

enum air_advertiser_phase {
    AIR_ADVERTISER_WAITING, /* for its next PDU, the first of an event or a further one */
    AIR_ADVERTISER_SENDING,
    AIR_ADVERTISER_LISTENING, /* for a request */
    AIR_ADVERTISER_RESPONDING
};

struct air_advertiser {
    uint16_t interval; /* 0.625 ms: the shortest that the host allows */
    uint8_t type, own_type, channel_map, filter_policy;
    struct air_address peer;
    uint8_t data_length, response_length;
    uint8_t data[AIR_ADVERTISING_DATA], response[AIR_ADVERTISING_DATA];

    bool enabled;
    enum air_advertiser_phase phase;
    uint8_t channel; /* of the present PDU, or of the next */
    uint64_t event_start;
    uint64_t due;          /* when the next PDU was meant to go out */
    uint64_t directed_end; /* high duty cycle: Vol 6 Part B, 4.4.2.4.3 */
    struct air_address own, target;
    bool has_addresses;    /* for this event */
    struct air_link *link; /* for the connection that may come of it */
    struct air_timer timer;
    struct air_listener listener;
};

/* When a scanner or an initiator listens: the channel changes with each interval. */
struct air_window {
    uint64_t start;
    uint32_t interval, length; /* microseconds */
};

/* Who has been reported, for the duplicate filter: a hash set that grows. */
struct air_seen {
    uint64_t *slots;
    size_t capacity, count;
};

struct air_scanner {
    uint16_t interval, window_length; /* 0.625 ms */
    bool active;
    uint8_t own_type, filter_policy;

    bool enabled, filter_duplicates;
    struct air_window window;
    struct air_seen seen;
    uint16_t backoff, upper_limit; /* Vol 6 Part B, 4.4.3.2 */
    uint8_t successes, failures;
    bool exchanging; /* SCAN_REQ is on its way, or its answer */
    uint8_t channel;
    uint64_t response_start;
    struct air_address asked, own;
    struct air_timer timer;
};

struct air_initiator {
    bool enabled, requesting;
    struct air_window window;
    uint8_t filter_policy, own_type;
    uint8_t peer_type; /* 2 and 3 are identities */
    uint8_t peer[6];
    uint16_t interval_min, interval_max, latency, timeout;
    struct air_link *link;
};

struct air_masks {
    uint64_t events, events_2, le_events;
};

/* Set Controller To Host Flow Control: Vol 4 Part E, 4.2, 7.3.38 */
struct air_host_flow {
    bool enabled;
    uint16_t length, count;
    uint32_t outstanding;
};

struct bluet_air_controller {
    struct bluet_air *air;
    struct bluet_air_controller *next, *previous;
    struct bluet_air_controller_config config;
    struct air_random random;

    struct air_timer delivery;
    struct air_outbox outbox;
    bool hardware_error;                                    /* owed to the host */
    void (*after)(struct bluet_air_controller *controller); /* what follows when the answer of a command is queued */

    uint8_t public_address[6], random_address[6]; /* least significant octet first */
    bool random_address_set;
    struct air_masks masks;
    struct air_host_flow flow;
    struct air_lists lists;

    struct air_radio radio;
    struct air_transmission transmission;
    struct air_listener receiver;
    struct air_advertiser advertiser;
    struct air_scanner scanner;
    struct air_initiator initiator;

    struct air_link *links;
    uint8_t link_count;
    uint16_t next_handle;
    struct air_buffer *buffers, *free_buffers;
    uint8_t *buffer_octets;
    uint16_t suggested_octets, suggested_time;
    uint8_t default_transmit_phys, default_receive_phys;
    uint8_t channel_map[5];

    uint64_t packets_sent, packets_received;
    uint32_t reports_dropped;
};

struct air_fault;

struct bluet_air {
    struct air_memory memory;
    struct air_clock clock;
    uint64_t seed;
    double loss;
    struct air_random losses, host_random, faults_random;
    struct air_fault *faults;
    uint32_t fault_number; /* of the last one */
    struct bluet_air_controller *controllers;
    uint64_t controller_number;
    struct air_transmission *on_air[AIR_CHANNEL_COUNT];
    struct air_listener *listeners;
    bool advancing;
};

static inline uint64_t air_now(const struct bluet_air_controller *controller)
{
    return controller->air->clock.now;
}

static inline void air_set(struct bluet_air_controller *controller, struct air_timer *timer, uint64_t at)
{
    air_timer_set(&controller->air->clock, timer, at);
}

static inline void air_stop(struct bluet_air_controller *controller, struct air_timer *timer)
{
    air_timer_stop(&controller->air->clock, timer);
}

#endif
