/*
 * The air: a virtual radio in virtual time, with Bluetooth Low Energy controllers that any host can attach to.
 *
 * It is a discrete-event simulation without I/O: a host's HCI packets go in by bluet_air_receive(), the controller's
 * come out by `deliver`, and time is handed in by bluet_air_advance(). The same seed and the same calls at the same
 * times give the same result, to the microsecond. No globals, no locks: one thread at a time for an air and all its
 * controllers.
 *
 * Errors are those of `enum bluet_error` (bluet.h). Times are microseconds of the air's own clock, which begins at 0.
 */
#ifndef BLUET_AIR_H
#define BLUET_AIR_H

#include "bluet/bluet.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bluet_air;
struct bluet_air_controller;

struct bluet_air_config {
    /* As in struct bluet_port. */
    void *(*reallocate)(void *context, void *block, size_t old_size, size_t new_size);
    void *context;
    uint64_t seed; /* of everything drawn: advertising delays, loss, access addresses, random numbers */
    double loss;   /* probability, 0 to 1, that a packet is lost on its way to one receiver */
};

/* BLUET_EINVAL: a callback missing, loss out of range. BLUET_ENOMEM. */
BLUET_API int bluet_air_create(struct bluet_air **out_air, const struct bluet_air_config *config);

/* Detaches every controller and gives all memory back. Not from `deliver`. */
BLUET_API void bluet_air_destroy(struct bluet_air *air);

BLUET_API uint64_t bluet_air_now(const struct bluet_air *air);

/* When the next thing happens, or BLUET_NEVER. */
BLUET_API uint64_t bluet_air_deadline(const struct bluet_air *air);

/*
 * Lets everything happen that is due up to and including `until`, in order, delivering packets to hosts; time is
 * `until` then. What a host sends from within `deliver` is taken at that moment. Not from `deliver`.
 */
BLUET_API void bluet_air_advance(struct bluet_air *air, uint64_t until);

/* Octets from the air's seed: for the random of a host that is to be repeatable too. */
BLUET_API void bluet_air_random(struct bluet_air *air, uint8_t *out, size_t length);

/* Loss for all links and advertisements, from now on. BLUET_EINVAL. */
BLUET_API int bluet_air_set_loss(struct bluet_air *air, double loss);

/* Zero in any member means its default. */
struct bluet_air_controller_config {
    /*
     * One HCI packet for the host, beginning with its H4 packet indicator. Returns false when the host cannot take it
     * now: the air keeps it, holds the peer's data back (no acknowledgement on the link), drops advertising reports
     * once too much waits, and goes on when bluet_air_resume() is called. Must not call bluet_air_advance() or
     * _detach().
     */
    bool (*deliver)(void *context, const uint8_t *packet, size_t length);
    void *context;

    uint8_t public_address[6]; /* display order; default: made from the seed and the number of the controller */
    bool no_public_address;    /* Read BD_ADDR answers all zero */
    uint16_t acl_length;       /* octets of an ACL buffer, 27 to 251; default 251 */
    uint8_t acl_count;         /* ACL buffers; default 8 */
    int8_t transmit_power;     /* dBm; RSSI at a peer is this less the path between them */
    uint64_t without_features; /* LE features (Vol 6 Part B, 4.6) that it lacks, with the commands that need them */
    uint8_t version;           /* of HCI and link layer: 6 is 4.0; default 13, which is 5.4 */
};

/* Puts a controller on the air. BLUET_EINVAL, BLUET_ENOMEM. May be called from `deliver` of another one. */
BLUET_API int bluet_air_attach(struct bluet_air *air, struct bluet_air_controller **out_controller,
                               const struct bluet_air_controller_config *config);

/* Takes it off the air without a word, like a radio whose battery falls out: peers notice by supervision timeout. */
BLUET_API void bluet_air_detach(struct bluet_air_controller *controller);

/*
 * One HCI packet from the host, beginning with its H4 packet indicator (1 command, 2 ACL data). Answers are delivered
 * from bluet_air_advance(), never from here. BLUET_EINVAL: no such kind of packet, or its length lies: a byte stream
 * that carried it is out of step, and is best dropped.
 */
BLUET_API int bluet_air_receive(struct bluet_air_controller *controller, const uint8_t *packet, size_t length);

/* The host can take packets again, after `deliver` had returned false. */
BLUET_API void bluet_air_resume(struct bluet_air_controller *controller);

/*
 * Faults: what is to go wrong, and with which packets. A rule looks at every packet that goes over the air, counts
 * those that it matches, and does something to them. Several rules may match a packet: the first that acts on it
 * decides.
 */
enum bluet_air_packet {
    BLUET_AIR_ANY,         /* of a link, but not the empty ones that only acknowledge */
    BLUET_AIR_CONTROL,     /* LL control PDUs; `opcode` is theirs (Vol 6 Part B, 2.4.2) */
    BLUET_AIR_L2CAP,       /* the beginning of an L2CAP frame; `opcode` is the first octet behind the basic header */
    BLUET_AIR_ADVERTISING, /* and scanning, and connecting: all that goes over advertising channels; lost only */
    BLUET_AIR_EVERYTHING   /* all of these, empty ones too; lost only */
};

enum bluet_air_action {
    /* Not received, as if by interference: a link sends it again, and each time is matched and counted anew. */
    BLUET_AIR_LOSE = 1,
    /* Acknowledged and then forgotten: the peer's host never sees it. Of an L2CAP frame, all parts of it. */
    BLUET_AIR_DROP,
    BLUET_AIR_WITHHOLD, /* not acknowledged before `delay` has passed; what is behind it waits too */
    /* Received with the bits of `mask` turned over in the octet at `offset` of its payload. Ends an encrypted link. */
    BLUET_AIR_CORRUPT,
    BLUET_AIR_CUT,      /* neither it nor anything after it gets through, either way: both ends time out */
    BLUET_AIR_CUT_AFTER /* the same, when it has been received */
};

/* Zero in any member but `action`: all packets, without a bound. */
struct bluet_air_fault {
    const struct bluet_air_controller *from, *to; /* whose packets; NULL: anybody's */
    bool from_central, from_peripheral;           /* of links; neither or both: either's */
    enum bluet_air_packet packet;
    uint16_t cid;       /* BLUET_AIR_L2CAP: of this channel only */
    bool has_opcode;    /* only those with `opcode` */
    uint8_t opcode;     /* 0x03 with BLUET_AIR_CONTROL is LL_ENC_REQ */
    uint64_t channels;  /* bit n: those on channel n, 0 to 39 */
    uint64_t begin;     /* the air's time from which on it acts and counts */
    uint64_t end;       /* and before which */
    uint32_t nth;       /* acts on the n-th match only, counted from 1 */
    double probability; /* with which it acts on a match; 0 means 1 */
    enum bluet_air_action action;
    uint64_t delay; /* BLUET_AIR_WITHHOLD: microseconds; 0: until the rule is removed */
    uint16_t offset;
    uint8_t mask; /* 0 means 0xff */
};

/*
 * Puts a rule behind those that there are. It goes when it is removed, or one of its controllers is detached. A packet
 * of a link is matched when it is first sent, save for BLUET_AIR_LOSE. BLUET_EINVAL, BLUET_ENOMEM.
 */
BLUET_API int bluet_air_add_fault(struct bluet_air *air, uint32_t *out_number, const struct bluet_air_fault *fault);
/* BLUET_EINVAL: there is none of that number. */
BLUET_API int bluet_air_remove_fault(struct bluet_air *air, uint32_t number);
/* How often it has matched, and acted; either may be NULL. BLUET_EINVAL. */
BLUET_API int bluet_air_count_fault(const struct bluet_air *air, uint32_t number, uint64_t *out_matched,
                                    uint64_t *out_acted);

/* ---- Faults of a controller, towards its host ---- */

enum bluet_air_failure {
    BLUET_AIR_HARDWARE_ERROR, /* it resets itself, and says so by a Hardware Error event */
    BLUET_AIR_SILENT_RESET    /* it resets itself, and says nothing */
};
BLUET_API void bluet_air_fail(struct bluet_air_controller *controller, enum bluet_air_failure failure);

/* How long it takes until what it has for its host comes out, in microseconds: 0 at first. */
BLUET_API void bluet_air_set_answer_delay(struct bluet_air_controller *controller, uint64_t delay);

/* How long it keeps Number Of Completed Packets back, in microseconds: 0 at first; BLUET_NEVER: until it is changed. */
BLUET_API void bluet_air_set_completion_delay(struct bluet_air_controller *controller, uint64_t delay);

/* ---- Distance ---- */

/*
 * The path between two controllers, in dB, both ways; 50 at first. What arrives with less than -100 dBm is not heard.
 * BLUET_ENOMEM; BLUET_EINVAL: negative, over 200, or the same controller twice.
 */
BLUET_API int bluet_air_set_path_loss(struct bluet_air_controller *one, struct bluet_air_controller *other, int loss);

/* Where it is, in metres: between controllers that have a position and no path loss of their own, 40 dB at 1 m or less
 * and 20 dB more for ten times the distance. */
BLUET_API void bluet_air_set_position(struct bluet_air_controller *controller, double x, double y, double z);

/* ---- Looking on ---- */

enum bluet_air_place { BLUET_AIR_FROM_HOST, BLUET_AIR_TO_HOST, BLUET_AIR_ON_AIR };

enum bluet_air_fate {
    BLUET_AIR_RECEIVED, /* or sent to whoever listened */
    BLUET_AIR_UNHEARD,  /* of a link: the peer did not listen */
    BLUET_AIR_LOST,     /* of a link: by chance, or the peer is too far away */
    BLUET_AIR_COLLIDED, /* with another packet of advertising */
    BLUET_AIR_FAULTY    /* `fault` acted on it */
};

/* A packet, when it has passed. */
struct bluet_air_observation {
    enum bluet_air_place place;
    uint64_t time;                                 /* when it began */
    const struct bluet_air_controller *controller; /* whose host's; or who sent it */
    const uint8_t *packet; /* an HCI packet with its H4 indicator; a link-layer PDU with its header, without MIC */
    size_t length;

    /* On the air: */
    bool link, from_central; /* of a link, or of advertising */
    bool encrypted;          /* on a real air it would be, and carry a MIC */
    uint8_t channel;         /* index, 0 to 39 */
    uint8_t phy;             /* 1 1M, 2 2M, 3 Coded with S=8, 4 Coded with S=2 */
    int8_t rssi;             /* at the peer; of advertising: at 50 dB */
    uint32_t access_address, crc_initial;
    enum bluet_air_fate fate;
    uint32_t fault; /* the rule's number */
    enum bluet_air_action action;
};

/* `observe` NULL: nobody looks on, as at first. It must not call into the air. */
BLUET_API void bluet_air_observe(struct bluet_air *air,
                                 void (*observe)(void *context, const struct bluet_air_observation *observation),
                                 void *context);

/* What a controller is doing, for people and tests. */
struct bluet_air_status {
    struct bluet_address address; /* the one it uses now */
    bool advertising, scanning, initiating;
    uint8_t connection_count;
    uint64_t packets_sent, packets_received; /* link-layer packets of connections and advertising */
    uint32_t reports_dropped;                /* advertising reports that its host was too slow for */
};
BLUET_API void bluet_air_status(const struct bluet_air_controller *controller, struct bluet_air_status *out_status);

#ifdef __cplusplus
}
#endif

#endif
