/*
 * The medium: how long a packet takes (Vol 6 Part B, 2.1), and who hears it on the three primary advertising channels.
 *
 * The model: every pair of controllers has the same path of 50 dB. Two packets that overlap in time on a channel
 * destroy each other, unless one is 21 dB stronger (the co-channel rejection that a receiver must have, Vol 6 Part
 * A, 4.2). A packet that nothing destroyed is lost to each receiver with the configured probability. Connections hop
 * over 37 channels and are taken not to disturb each other.
 */
#ifndef BLUET_AIR_RADIO_H
#define BLUET_AIR_RADIO_H

#include "air/address.h"
#include "air/timer.h"

enum {
    AIR_INTER_FRAME_US = 150, /* T_IFS: Vol 6 Part B, 4.1 */
    AIR_DETECTION_US = 50,    /* after which a receiver gives up to wait for an access address */
    AIR_UNIT_US = 1250,       /* of connection intervals and their windows */
    AIR_SLOT_US = 625,        /* of advertising and scanning */
    AIR_CHANNEL_FIRST = 37,
    AIR_CHANNEL_COUNT = 3,
    AIR_ADVERTISING_DATA = 31
};

enum { AIR_PHY_1M = 1, AIR_PHY_2M = 2 };

/* Preamble, access address, header and CRC; the payload includes the MIC where there is one. */
static inline uint32_t air_airtime(uint8_t phy, size_t payload)
{
    return phy == AIR_PHY_2M ? (uint32_t)(2 + 4 + 2 + payload + 3) * 4 : (uint32_t)(1 + 4 + 2 + payload + 3) * 8;
}

/* PDU types of the primary advertising channels: Vol 6 Part B, 2.3 */
enum air_advertising_pdu {
    AIR_ADV_IND = 0,
    AIR_ADV_DIRECT_IND = 1,
    AIR_ADV_NONCONN_IND = 2,
    AIR_SCAN_REQ = 3,
    AIR_SCAN_RSP = 4,
    AIR_CONNECT_IND = 5,
    AIR_ADV_SCAN_IND = 6
};

struct air_link;
struct bluet_air;
struct bluet_air_controller;

/* The link-layer data of CONNECT_IND: Vol 6 Part B, 2.3.3.1 */
struct air_connect {
    struct air_link *central; /* stands for the access address: the two ends of a link know each other */
    uint32_t access_address;
    uint8_t window_size;
    uint16_t window_offset, interval, latency, timeout;
    uint8_t channel_map[5];
};

/* A packet on an advertising channel. Each controller has one, since it has one radio. */
struct air_transmission {
    struct air_transmission *next; /* on the air in the same channel */
    struct bluet_air_controller *sender;
    struct air_timer timer;
    void (*sent)(struct bluet_air_controller *sender);
    uint64_t start, end;
    int interference; /* dBm: the strongest that overlapped */
    bool on_air;
    uint8_t channel;
    enum air_advertising_pdu type;
    struct air_address from, to;
    uint8_t length;
    uint8_t data[AIR_ADVERTISING_DATA];
    struct air_connect connect;
};

/* Told of each packet that ends on an advertising channel. */
struct air_listener {
    struct air_listener *next, *previous;
    struct bluet_air_controller *controller;
    void (*hear)(struct bluet_air_controller *controller, const struct air_transmission *packet);
};

/* Who uses a controller's radio; listening to advertising channels takes what the others leave. */
struct air_radio {
    const void *user;
    uint64_t free_since;
};

BLUET_INTERNAL void air_radio_init(struct bluet_air_controller *controller);
BLUET_INTERNAL void air_radio_take(struct bluet_air_controller *controller, const void *user);
/* Does nothing if another has it. */
BLUET_INTERNAL void air_radio_give(struct bluet_air_controller *controller, const void *user);
BLUET_INTERNAL bool air_radio_is_free(const struct bluet_air_controller *controller);
/* Whether nobody had it since then. */
BLUET_INTERNAL bool air_radio_was_free(const struct bluet_air_controller *controller, uint64_t since);

/* Sends the controller's transmission, which is filled but for its times, from `start` on; calls `sent` at its end. */
BLUET_INTERNAL void air_transmit(struct bluet_air_controller *controller, uint64_t start,
                                 void (*sent)(struct bluet_air_controller *sender));
/* Breaks it off, or does not begin it. */
BLUET_INTERNAL void air_transmit_stop(struct bluet_air_controller *controller);
/* When the packet addressed to `to` that began at `start` ends, or 0 if there is none on the air. */
BLUET_INTERNAL uint64_t air_reply_end(const struct bluet_air *air, uint8_t channel, uint64_t start,
                                      const struct air_address *to);

/* Whether one receiver got it whole. To be asked once for each. */
BLUET_INTERNAL bool air_received(const struct air_transmission *packet, const struct bluet_air_controller *receiver);
BLUET_INTERNAL bool air_lost(struct bluet_air *air);
BLUET_INTERNAL int8_t air_rssi(const struct bluet_air_controller *sender);

BLUET_INTERNAL void air_listen(struct air_listener *listener);
BLUET_INTERNAL void air_listen_stop(struct air_listener *listener);

#endif
