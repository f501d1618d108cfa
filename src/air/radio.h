/*
 * The medium: how long a packet takes (Vol 6 Part B, 2.1, 2.2), and who hears it on the advertising channels.
 *
 * The model: every pair of controllers has a path of 50 dB, unless positions or a set path say
 * otherwise; that decides on the signal's strength, and whether it is heard at all. Two packets of advertising that
 * overlap in time on a channel destroy each other, unless one is 21 dB stronger (the co-channel rejection that a
 * receiver must have, Vol 6 Part A, 4.2). A packet that nothing destroyed is lost to each receiver with the configured
 * probability. Connections hop over 37 channels and are taken not to disturb anybody.
 */
#ifndef BLUET_AIR_RADIO_H
#define BLUET_AIR_RADIO_H

#include "air/address.h"
#include "air/timer.h"

enum {
    AIR_INTER_FRAME_US = 150,     /* T_IFS: Vol 6 Part B, 4.1 */
    AIR_AUXILIARY_FRAME_US = 300, /* T_MAFS, from a packet to the auxiliary one that it points to */
    AIR_DETECTION_US = 50,        /* after which a receiver gives up to wait for an access address */
    AIR_UNIT_US = 1250,           /* of connection intervals and their windows */
    AIR_SLOT_US = 625,            /* of advertising and scanning */
    AIR_CHANNELS = 40,
    AIR_CHANNEL_FIRST = 37, /* of the primary advertising channels */
    AIR_CHANNEL_COUNT = 3,
    AIR_LEGACY_DATA = 31,
    AIR_PDU_MOST = 255 /* octets of payload */
};

/* As bits, the way HCI asks for them; both codings are received as one (Vol 6 Part B, 2.2). */
enum { AIR_PHY_1M = 1, AIR_PHY_2M = 2, AIR_PHY_CODED = 4, AIR_PHY_CODED_S2 = 12, AIR_PHY_MASK = 7 };

static inline bool air_phy_is_same(uint8_t one, uint8_t other)
{
    return (one & AIR_PHY_MASK) == (other & AIR_PHY_MASK);
}

/* As HCI reports it. */
static inline uint8_t air_phy_number(uint8_t phy)
{
    return phy & AIR_PHY_CODED ? 3 : phy;
}

/* Of one octet. */
static inline uint32_t air_octet_us(uint8_t phy)
{
    return phy == AIR_PHY_CODED ? 64 : phy == AIR_PHY_CODED_S2 ? 16 : phy == AIR_PHY_2M ? 4 : 8;
}

/* Preamble, access address, header and CRC; the payload includes the MIC where there is one. */
static inline uint32_t air_airtime(uint8_t phy, size_t payload)
{
    uint32_t octets = (uint32_t)payload + 2 + 3;
    if (phy & AIR_PHY_CODED) /* the access address and the coding indicator are always S=8; then two terminators */
        return 80 + 256 + 16 + 24 + octets * air_octet_us(phy) + (phy == AIR_PHY_CODED ? 24 : 6);
    return (octets + 4 + (phy == AIR_PHY_2M ? 2 : 1)) * air_octet_us(phy);
}

/* PDU types of the advertising channels: Vol 6 Part B, 2.3. From ADV_EXT_IND on they are one type on the air. */
enum air_advertising_pdu {
    AIR_ADV_IND = 0,
    AIR_ADV_DIRECT_IND = 1,
    AIR_ADV_NONCONN_IND = 2,
    AIR_SCAN_REQ = 3, /* and AUX_SCAN_REQ */
    AIR_SCAN_RSP = 4,
    AIR_CONNECT_IND = 5, /* and AUX_CONNECT_REQ */
    AIR_ADV_SCAN_IND = 6,
    AIR_ADV_EXT_IND = 7,
    AIR_AUX_ADV_IND,
    AIR_AUX_SCAN_RSP,
    AIR_AUX_SYNC_IND,
    AIR_AUX_CHAIN_IND,
    AIR_AUX_CONNECT_RSP
};

struct air_link;
struct bluet_air;
struct bluet_air_controller;

/* The link-layer data of CONNECT_IND: Vol 6 Part B, 2.3.3.1 */
struct air_connect {
    struct air_link *central;    /* stands for the access address: the two ends of a link know each other */
    struct air_link *peripheral; /* the same, in AUX_CONNECT_RSP */
    uint32_t access_address;
    uint8_t window_size;
    uint16_t window_offset, interval, latency, timeout;
    uint8_t channel_map[5];
    uint8_t phy;
    uint64_t window_start; /* what the window's offset counts from */
};

/* Where to listen for the auxiliary packet: AuxPtr, 2.3.4.5 */
struct air_auxiliary {
    bool present;
    uint8_t channel, phy;
    uint64_t start, latest; /* between these it begins */
};

/* SyncInfo: 2.3.4.6 */
struct air_synchronization {
    bool present;
    uint32_t access_address;
    uint16_t interval; /* 1.25 ms */
    uint16_t event;    /* number of the next packet */
    uint64_t start;    /* when it begins */
    uint8_t channel_map[5];
};

/* The common extended advertising payload: Vol 6 Part B, 2.3.4 */
struct air_extended {
    bool connectable, scannable, has_from, has_to, has_identifier, has_power;
    uint16_t data_identifier;
    uint8_t set_identifier;
    int8_t power;
    struct air_auxiliary auxiliary;
    struct air_synchronization synchronization;
};

/* A packet on an advertising channel. Each controller has one, since it has one radio. */
struct air_transmission {
    struct air_transmission *next; /* on the air in the same channel */
    struct bluet_air_controller *sender;
    struct air_timer timer;
    void (*sent)(void *owner);
    void *owner;
    uint64_t start, end;
    int interference; /* dBm: the strongest that overlapped */
    bool on_air;
    uint8_t channel, phy;
    int8_t power;
    uint32_t access_address; /* 0: that of advertising; else of periodic advertising */
    enum air_advertising_pdu type;
    struct air_address from, to;
    uint8_t length;
    uint8_t data[AIR_PDU_MOST];
    struct air_connect connect;
    struct air_extended extended;
};

/* Told of each packet that ends on an advertising channel. */
struct air_listener {
    struct air_listener *next, *previous;
    struct bluet_air_controller *controller;
    void (*hear)(void *owner, const struct air_transmission *packet);
    void *owner;
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

/* The octets that come before the data in the payload of an extended advertising PDU. */
BLUET_INTERNAL size_t air_extended_header(const struct air_extended *extended);
/* The controller's transmission, empty but for these. */
BLUET_INTERNAL struct air_transmission *air_transmission(struct bluet_air_controller *controller,
                                                         enum air_advertising_pdu type, uint8_t channel, uint8_t phy);
/* How long it will take. */
BLUET_INTERNAL uint32_t air_transmission_us(const struct air_transmission *packet);
/* Sends the controller's transmission, which is filled but for its times, from `start` on; calls `sent` at its end. */
BLUET_INTERNAL void air_transmit(struct bluet_air_controller *controller, uint64_t start, void (*sent)(void *owner),
                                 void *owner);
/* Breaks it off, or does not begin it. */
BLUET_INTERNAL void air_transmit_stop(struct bluet_air_controller *controller);

/* Whether one receiver got it whole. To be asked once for each. */
BLUET_INTERNAL bool air_received(const struct air_transmission *packet, const struct bluet_air_controller *receiver);
BLUET_INTERNAL bool air_lost(struct bluet_air *air);
/* What arrives of a packet that was sent with so much power. */
BLUET_INTERNAL int8_t air_rssi(const struct bluet_air_controller *sender, const struct bluet_air_controller *receiver,
                               int power);
/* Whether it is enough. */
BLUET_INTERNAL bool air_is_near(const struct bluet_air_controller *sender, const struct bluet_air_controller *receiver,
                                int power);

BLUET_INTERNAL void air_listen(struct air_listener *listener);
BLUET_INTERNAL void air_listen_stop(struct air_listener *listener);

/*
 * To listen for one packet that is to come, between two moments, on a channel: an answer, or an auxiliary packet. `got`
 * is called for each that is received whole, and stops it if that was the one; `missed` when none has come. Whose radio
 * it is, is the caller's care.
 */
struct air_wait {
    struct air_listener listener;
    struct air_timer timer;
    bool active;
    uint8_t channel, phy;
    uint32_t access_address;
    uint64_t start, latest;
    void (*got)(void *owner, const struct air_transmission *packet);
    void (*missed)(void *owner);
    void *owner;
};

BLUET_INTERNAL void air_wait_init(struct air_wait *wait, struct bluet_air_controller *controller,
                                  void (*got)(void *owner, const struct air_transmission *packet),
                                  void (*missed)(void *owner), void *owner);
BLUET_INTERNAL void air_wait_for(struct air_wait *wait, const struct air_auxiliary *where, uint32_t access_address);
/* For an answer to a packet that ends now: after T_IFS, on the same channel. */
BLUET_INTERNAL void air_wait_for_answer(struct air_wait *wait, uint8_t channel, uint8_t phy);
BLUET_INTERNAL void air_wait_stop(struct air_wait *wait);

#endif
