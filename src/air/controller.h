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

enum {
    AIR_SET_TIMERS = 4, /* of an advertising set: its events, its periodic ones, answers */
    AIR_CONTROLLER_TIMERS = 7 + AIR_SET_TIMERS,
    AIR_SYNC_TIMERS = 2,
    AIR_SETS_MOST = 16,
    AIR_SYNCS_MOST = 16,
    AIR_DATA_MOST = 1650, /* of extended and periodic advertising: Vol 4 Part E, 7.8.57 */
    AIR_NO_SET = 0xff,    /* the handle of what legacy commands advertise with, and the SID of its PDUs */
    AIR_ANONYMOUS = 0xff, /* the address type of a report without an address */
    AIR_POWER_UNKNOWN = 127,
    AIR_PERIODIC_LIST_SIZE = 16
};

/* Legacy commands, and extended ones, may not be mixed: Vol 4 Part E, 3.1.1 */
enum air_family { AIR_FAMILY_ANY, AIR_FAMILY_LEGACY, AIR_FAMILY_EXTENDED };

enum air_advertiser_phase {
    AIR_ADVERTISER_WAITING, /* for its next PDU, the first of an event or a further one */
    AIR_ADVERTISER_SENDING,
    AIR_ADVERTISER_LISTENING /* for a request */
};

/* What a set advertises: Vol 4 Part E, 7.8.53. High duty cycle goes with directed. */
struct air_advertising_kind {
    bool legacy, connectable, scannable, directed, high_duty, anonymous, with_power;
};

struct air_data {
    uint16_t length;
    bool incomplete; /* the host has more to come */
    uint8_t octets[AIR_DATA_MOST];
};

/* Periodic advertising of a set: Vol 6 Part B, 4.4.2.12 */
struct air_periodic {
    uint16_t interval; /* 1.25 ms; 0: its parameters have not been set */
    bool with_power;
    bool wanted;  /* by the host */
    bool running; /* it begins with the set's first event */
    uint32_t access_address;
    uint16_t event;
    uint64_t start; /* of that event */
    uint16_t offset;
    struct air_timer timer;
    struct air_data data;
};

struct air_advertiser {
    struct air_advertiser *next;
    struct bluet_air_controller *controller;
    uint8_t handle;
    struct air_advertising_kind kind;
    uint32_t interval; /* 0.625 ms: the shortest that the host allows */
    uint8_t own_type, channel_map, filter_policy;
    struct air_address peer;
    uint8_t primary_phy, secondary_phy;
    uint8_t set_identifier;
    uint16_t data_identifier;
    bool tells_requests;
    int8_t power;
    uint8_t random_address[6]; /* of an advertising set; legacy advertising takes the controller's */
    bool random_address_set;

    bool enabled;
    enum air_advertiser_phase phase;
    uint8_t channel; /* of the present PDU, or of the next; past the primary ones: the auxiliary packet */
    uint64_t event_start;
    uint64_t due; /* when the next PDU was meant to go out */
    uint64_t end; /* of advertising: high duty cycle, or the host's duration */
    uint8_t events, events_most;
    struct air_address own, target;
    bool has_addresses; /* for this event */
    bool gave_way;      /* its last auxiliary packet, to a connection */
    struct air_auxiliary auxiliary;
    const struct air_data *sending; /* the packets of this data follow each other */
    uint16_t offset;
    struct air_link *link; /* for the connection that may come of it */
    struct air_connect request;
    struct air_timer timer;
    struct air_wait wait;
    struct air_data data, response;
    struct air_periodic periodic;
};

/* When a scanner or an initiator listens: the channel changes with each interval. */
struct air_window {
    uint64_t start;
    uint32_t interval, length; /* microseconds; 0: not on this PHY */
};

/* The primary channels are used with two PHYs: 1M and Coded. */
enum { AIR_WINDOWS = 2 };

/* Who has been reported, for the duplicate filter: a hash set that grows. */
struct air_seen {
    uint64_t *slots;
    size_t capacity, count;
};

struct air_scan_timing {
    uint16_t interval, window; /* 0.625 ms; 0: not on this PHY */
    bool active;
};

struct air_scanner {
    struct air_scan_timing timing[AIR_WINDOWS];
    uint8_t own_type, filter_policy;

    bool enabled, paused, filter_duplicates;
    uint64_t duration, period; /* microseconds; 0: without end */
    struct air_timer timer;
    struct air_window windows[AIR_WINDOWS];
    struct air_seen seen;
    uint16_t backoff, upper_limit; /* Vol 6 Part B, 4.4.3.2 */
    uint8_t successes, failures;
};

/* Event_Type of a report: Vol 4 Part E, 7.7.65.13 */
enum {
    AIR_REPORT_CONNECTABLE = 0x01,
    AIR_REPORT_SCANNABLE = 0x02,
    AIR_REPORT_DIRECTED = 0x04,
    AIR_REPORT_SCAN_RESPONSE = 0x08,
    AIR_REPORT_LEGACY = 0x10
};

/* Data_Status, of reports and of periodic ones. */
enum air_data_status { AIR_DATA_COMPLETE, AIR_DATA_MORE, AIR_DATA_TRUNCATED };

/* An advertisement for the host. */
struct air_report {
    uint16_t type; /* Event_Type, without the status of the data */
    struct air_peer peer;
    struct air_address target; /* if it is directed */
    bool unclear;              /* the target is an address that may be ours */
    uint8_t primary_phy, secondary_phy, set_identifier;
    uint16_t data_identifier;
    int8_t power, rssi;
    uint16_t periodic_interval;
    uint8_t length;
    const uint8_t *data;
};

/* What is being heard out: an answer to a scan request, or the auxiliary packets of an advertisement. */
struct air_hearing {
    enum air_advertising_pdu awaited; /* AIR_ADV_IND: none */
    bool requested;                   /* by a scan request of ours */
    bool begun;                       /* the host has been told a part of its data */
    struct air_address from;
    struct air_report report;
};

struct air_wish {
    uint16_t interval_min, interval_max, latency, timeout;
};

struct air_initiator {
    bool enabled, requesting;
    struct air_window windows[AIR_WINDOWS];
    uint8_t filter_policy, own_type;
    uint8_t peer_type; /* 2 and 3 are identities */
    uint8_t peer[6];
    uint8_t phys;
    struct air_wish wishes[3]; /* for a connection that begins with 1M, 2M, Coded */
    struct air_link *link;
};

/* A train of periodic advertising that is being followed: Vol 6 Part B, 4.4.5.1 */
struct air_sync {
    struct air_sync *next;
    struct bluet_air_controller *controller;
    uint16_t handle;
    bool established, silent;
    struct air_peer peer;
    uint8_t set_identifier, phy;
    struct air_synchronization train; /* where its next packet is to be heard */
    uint16_t skip;
    uint64_t timeout, last_heard;
    uint8_t attempts; /* without success, before it is established */
    bool begun;       /* a part of its data has been heard */
    struct air_timer timer;
    struct air_wait wait;
};

struct air_periodic_advertiser {
    struct air_address address;
    uint8_t set_identifier;
};

struct air_synchronizer {
    bool uses_list, silent;
    struct air_periodic_advertiser wanted;
    struct air_sync *pending; /* what will follow it, while it is looked for */
    uint16_t skip, timeout;   /* timeout in 10 ms */
    struct air_periodic_advertiser list[AIR_PERIODIC_LIST_SIZE];
    uint8_t list_count;
    struct air_sync *syncs;
    uint8_t sync_count;
    uint16_t next_handle;
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

    struct air_timer delivery, completion;
    uint64_t completion_delay;
    bool has_position;
    double position[3];
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
    struct air_wait wait; /* of scanner and initiator */
    struct air_hearing hearing;
    struct air_advertiser *advertisers; /* the first is the one of the legacy commands */
    uint8_t set_count;
    struct air_scanner scanner;
    struct air_initiator initiator;
    struct air_synchronizer synchronizer;
    enum air_family family;

    struct air_link *links;
    uint8_t link_count;
    uint16_t next_handle;
    struct air_buffer *buffers, *free_buffers;
    uint8_t *buffer_octets;
    uint16_t suggested_octets, suggested_time;
    uint8_t default_transmit_phys, default_receive_phys;
    uint8_t private_key[32]; /* most significant octet first, as `public_key` */
    uint8_t public_key[64];
    bool has_key;
    uint8_t agreed_private_key[32], peer_public_key[64]; /* for LE Generate DHKey */
    int16_t path_compensation[2];
    uint8_t name[248];
    uint8_t channel_map[5];

    uint64_t packets_sent, packets_received;
    uint32_t reports_dropped;
};

struct air_fault;

/* The path between two controllers that has been set. */
struct air_path {
    struct air_path *next;
    const struct bluet_air_controller *one, *other;
    int loss; /* dB */
};

struct bluet_air {
    struct air_memory memory;
    struct air_clock clock;
    uint64_t seed;
    double loss;
    struct air_random losses, host_random, faults_random;
    struct air_fault *faults;
    const struct air_fault *acted; /* the one that did so last */
    struct air_path *paths;
    void (*observe)(void *context, const struct bluet_air_observation *observation);
    void *observe_context;
    uint32_t fault_number; /* of the last one */
    struct bluet_air_controller *controllers;
    uint64_t controller_number;
    struct air_transmission *on_air[AIR_CHANNELS];
    struct air_listener *listeners;
    struct air_listener *hearing; /* the next that is told of a packet */
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
