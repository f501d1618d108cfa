/*
 * One end of a connection: its parameters, what it sends and what is acknowledged (Vol 6 Part B, 4.5), and the state of
 * its control procedures (5.1). What happens to it stands in connection.c, link_control.c and link_encryption.c.
 */
#ifndef BLUET_AIR_LINK_H
#define BLUET_AIR_LINK_H

#include "air/radio.h"

enum {
    AIR_LINKS_MOST = 64,
    AIR_LINK_TIMERS = 4,
    AIR_OCTETS_LEAST = 27,
    AIR_OCTETS_MOST = 251,
    AIR_TIME_LEAST_US = 328,
    AIR_TIME_MOST_US = 17040,       /* 251 octets and a MIC with Coded PHY, S=8 */
    AIR_TIME_LEAST_CODED_US = 2704, /* 27 octets: Vol 6 Part B, 4.5.10 */
    AIR_MIC = 4,
    AIR_CONTROL_OCTETS = 24, /* the largest control PDU: LL_CONNECTION_PARAM_REQ */
    AIR_CONTROL_QUEUE = 12
};

enum { AIR_LLID_CONTINUE = 1, AIR_LLID_START = 2, AIR_LLID_CONTROL = 3 };

/* LL control PDUs: Vol 6 Part B, 2.4.2 */
enum air_control_opcode {
    AIR_LL_CONNECTION_UPDATE_IND = 0x00,
    AIR_LL_CHANNEL_MAP_IND = 0x01,
    AIR_LL_TERMINATE_IND = 0x02,
    AIR_LL_ENC_REQ = 0x03,
    AIR_LL_ENC_RSP = 0x04,
    AIR_LL_START_ENC_REQ = 0x05,
    AIR_LL_START_ENC_RSP = 0x06,
    AIR_LL_UNKNOWN_RSP = 0x07,
    AIR_LL_FEATURE_REQ = 0x08,
    AIR_LL_FEATURE_RSP = 0x09,
    AIR_LL_PAUSE_ENC_REQ = 0x0a,
    AIR_LL_PAUSE_ENC_RSP = 0x0b,
    AIR_LL_VERSION_IND = 0x0c,
    AIR_LL_REJECT_IND = 0x0d,
    AIR_LL_PERIPHERAL_FEATURE_REQ = 0x0e,
    AIR_LL_CONNECTION_PARAM_REQ = 0x0f,
    AIR_LL_CONNECTION_PARAM_RSP = 0x10,
    AIR_LL_REJECT_EXT_IND = 0x11,
    AIR_LL_PING_REQ = 0x12,
    AIR_LL_PING_RSP = 0x13,
    AIR_LL_LENGTH_REQ = 0x14,
    AIR_LL_LENGTH_RSP = 0x15,
    AIR_LL_PHY_REQ = 0x16,
    AIR_LL_PHY_RSP = 0x17,
    AIR_LL_PHY_UPDATE_IND = 0x18
};

/* Procedures that this end may begin, in the order of their precedence. */
enum air_procedure {
    AIR_PROCEDURE_NONE,
    AIR_PROCEDURE_ENCRYPTION,
    AIR_PROCEDURE_LENGTH,
    AIR_PROCEDURE_FEATURES,
    AIR_PROCEDURE_VERSION,
    AIR_PROCEDURE_UPDATE, /* of the connection's parameters, by either role */
    AIR_PROCEDURE_PHY,
    AIR_PROCEDURE_CHANNEL_MAP,
    AIR_PROCEDURE_PING,
    AIR_PROCEDURE_COUNT
};

/* What this end does with its radio. */
enum air_link_state {
    AIR_LINK_ASLEEP,  /* between connection events */
    AIR_LINK_TURNING, /* T_IFS before it sends */
    AIR_LINK_SENDING,
    AIR_LINK_LISTENING, /* for the other's packet to begin */
    AIR_LINK_RECEIVING
};

/* How far encryption is: Vol 6 Part B, 5.1.3 */
enum air_encryption_state {
    AIR_ENCRYPTION_IDLE,
    AIR_ENCRYPTION_AWAIT_PAUSE,         /* central: LL_PAUSE_ENC_RSP; peripheral: the central's */
    AIR_ENCRYPTION_AWAIT_RESPONSE,      /* central: LL_ENC_RSP */
    AIR_ENCRYPTION_AWAIT_REQUEST,       /* peripheral, paused: LL_ENC_REQ */
    AIR_ENCRYPTION_AWAIT_KEY,           /* peripheral: the host's long-term key */
    AIR_ENCRYPTION_AWAIT_START_REQUEST, /* central: LL_START_ENC_REQ */
    AIR_ENCRYPTION_AWAIT_START_RESPONSE /* both: LL_START_ENC_RSP */
};

struct air_control_pdu {
    uint8_t length;
    uint8_t octets[AIR_CONTROL_OCTETS];
};

/* ACL data of the host, sent in as many PDUs as it takes. */
struct air_buffer {
    struct air_buffer *next;
    uint16_t length, offset;
    uint8_t first_llid;
    uint8_t *octets;
};

/* The PDU that is being sent until the peer acknowledges it. */
struct air_flight {
    bool present;
    bool encrypted;
    uint8_t llid;
    uint8_t length; /* without the MIC */
    uint32_t tag;   /* stands for the MIC */
    const uint8_t *octets;
    struct air_buffer *buffer; /* that it is a part of, or NULL */
    uint8_t control[AIR_CONTROL_OCTETS];

    uint8_t fault; /* an enum bluet_air_action for its receiver; 0: none */
    uint8_t fault_mask;
    uint16_t fault_offset;
    uint32_t fault_number;
    uint64_t fault_end;
};

struct air_lengths {
    uint16_t transmit_octets, transmit_time, receive_octets, receive_time;
};

struct air_parameters {
    uint16_t interval, latency, timeout; /* 1.25 ms, events, 10 ms */
};

/* What changes at an instant; one at a time. */
struct air_instant {
    enum air_procedure procedure; /* UPDATE, PHY, CHANNEL_MAP or NONE */
    uint16_t event;
    struct air_parameters parameters;
    uint32_t shift;  /* how far the anchor points move: exact at the central, to the window's start at the peripheral */
    uint32_t window; /* peripheral: microseconds */
    uint8_t transmit_phy, receive_phy; /* 0: unchanged */
    uint8_t channel_map[5];
};

struct air_encryption {
    enum air_encryption_state state;
    bool transmit, receive; /* in force */
    bool restart;           /* the link was encrypted when this began: key refresh */
    uint8_t key[16];        /* the long-term key, central; least significant octet first, as all below */
    uint8_t random[8];
    uint16_t diversifier;
    uint8_t session_diversifier[16]; /* the central's half first */
    uint32_t tag;                    /* what the session key makes of a fixed block: equal if the keys are */
};

struct air_link {
    struct air_link *next;
    struct bluet_air_controller *controller;
    struct air_link *peer; /* NULL: its controller is gone, or has given the link up */
    uint16_t handle;
    bool central;
    bool established;

    uint8_t peer_type; /* as HCI tells it: 2 and 3 are identities */
    uint8_t peer_address[6], local_rpa[6], peer_rpa[6];

    struct air_parameters parameters;
    uint32_t access_address;
    uint8_t channel_map[5];
    uint8_t transmit_phy, receive_phy;
    uint16_t event_counter; /* of the event at `anchor` */
    uint64_t anchor;
    uint32_t window;      /* peripheral: how long after `anchor` the first packet may come; 0 once it is in step */
    uint16_t heard_event; /* peripheral: the last event in which it heard its central */
    bool overslept;       /* peripheral: an event it listened in brought nothing, so no latency now */
    struct air_instant instant;

    enum air_link_state state;
    struct air_timer timer, supervision, response, authentication;
    uint64_t limit;      /* when the present event must end */
    uint64_t last_turn;  /* when this link last had its share of the radio */
    uint64_t last_heard; /* end of the last packet received in order */
    uint8_t bad_packets; /* in a row, in this event */
    bool first_in_event;
    bool heard;    /* the peer receives what is being sent */
    bool gave_way; /* its last event, to another connection */
    bool gave_up;  /* its last event, for the sake of listening */
    bool sent_more, peer_more;
    bool dropping; /* the rest of an L2CAP frame */

    bool sequence, expected; /* transmitSeqNum, nextExpectedSeqNum */
    struct air_flight flight;
    struct air_buffer *buffers, *last_buffer;
    uint16_t completed;       /* buffers to be reported as free */
    uint64_t completed_since; /* when the first of them became free */
    uint16_t host_owes;       /* packets that the host has not yet completed, under its own flow control */

    struct air_control_pdu control[AIR_CONTROL_QUEUE];
    uint8_t control_count;

    enum air_procedure running;
    uint16_t wanted;    /* procedures, a bit each */
    uint16_t asked;     /* those among them and running that the host asked for */
    bool terminating;   /* LL_TERMINATE_IND is on its way */
    uint8_t terminated; /* by the peer, with this reason */
    uint8_t closing;    /* to be closed as soon as nothing depends on it */

    struct air_lengths local, remote, effective;
    uint8_t wanted_transmit_phys, wanted_receive_phys;
    bool prefers_s2; /* when it sends with Coded PHY */
    struct air_parameters wanted_parameters;
    uint16_t wanted_interval_min;
    bool answering_parameters; /* the host has been asked about the peripheral's wish */
    uint16_t peer_company, peer_subversion;
    uint8_t peer_version;
    bool version_sent, version_known, features_known;
    uint8_t peer_features[8];
    struct air_encryption encryption;
    uint16_t authenticated_timeout; /* 10 ms */
    uint64_t last_authenticated;
};

static inline uint32_t air_link_interval_us(const struct air_link *link)
{
    return link->parameters.interval * (uint32_t)AIR_UNIT_US;
}

/* NULL: no memory. */
BLUET_INTERNAL struct air_link *air_link_create(struct bluet_air_controller *controller);
/* Stops its timers, gives back its buffers and itself. Says nothing to anybody. */
BLUET_INTERNAL void air_link_destroy(struct air_link *link);
BLUET_INTERNAL struct air_link *air_link_find(const struct bluet_air_controller *controller, uint16_t handle);

/* Whether it has anything but empty PDUs to send. */
BLUET_INTERNAL bool air_link_has_more(const struct air_link *link);
/* Puts the next PDU into flight, if none is; one of at most `budget` microseconds, if need be an empty one. False: one
 * was. */
BLUET_INTERNAL bool air_link_load(struct air_link *link, uint64_t budget);
/* How long that would be on the air. */
BLUET_INTERNAL uint32_t air_flight_airtime(const struct air_link *link);
/* How long the next PDU would be, without choosing it. */
BLUET_INTERNAL uint32_t air_link_next_airtime(const struct air_link *link);

/* Queues a control PDU. */
BLUET_INTERNAL void air_link_put_control(struct air_link *link, const void *octets, size_t length);
/* Begins the termination procedure: Vol 6 Part B, 5.1.6. Data that waits is not sent any more. */
BLUET_INTERNAL void air_link_terminate(struct air_link *link, uint8_t reason);
/* The procedure that runs has ended; returns whether the host waits for its event. */
BLUET_INTERNAL bool air_link_procedure_end(struct air_link *link);

#endif
