/*
 * The host as a whole: it owns every room, and each room knows those beneath it only. host.c has the entry points and
 * the life cycle, host_packets.c the post office, host_links.c what a connection's begin and end mean to all rooms,
 * host_close.c the ways in which it all ends; host_gap.c, host_gatt.c, host_l2cap.c and host_security.c are the public
 * functions by those names.
 */
#ifndef BLUET_HOST_HOST_H
#define BLUET_HOST_HOST_H

#include "bluet/bluet.h"
#include "host/buffer.h"
#include "host/event.h"
#include "host/features.h"
#include "host/gap.h"
#include "host/gap_accept.h"
#include "host/gap_address.h"
#include "host/gap_advertise.h"
#include "host/gap_connect.h"
#include "host/gap_link.h"
#include "host/gap_privacy.h"
#include "host/gap_resolve.h"
#include "host/gap_scan.h"
#include "host/gatt.h"
#include "host/hci.h"
#include "host/hci_controller.h"
#include "host/l2cap_channel.h"
#include "host/l2cap_signal.h"
#include "host/link.h"
#include "host/sm.h"
#include "spec/internal.h"

/*
 *     INACTIVE -> ACTIVATING -> ACTIVE -> DEACTIVATING -> ENDING -> INACTIVE
 *
 * Activation may turn into deactivation, and everything into an end when the controller is lost or fails.
 */
enum host_state {
    HOST_INACTIVE,
    HOST_ACTIVATING,
    HOST_ACTIVE,
    HOST_DEACTIVATING,
    HOST_ENDING /* reports are being raised of what has ended */
};

enum host_close_step {
    HOST_CLOSE_ADVERTISING,
    HOST_CLOSE_SCAN,
    HOST_CLOSE_CONNECT,
    HOST_CLOSE_LINKS,
    HOST_CLOSE_RESET,
    HOST_CLOSE_DONE
};

/* An end that is due, and why. */
struct host_end {
    int16_t error; /* that tickets end with */
    uint8_t status;
    bool due;
};

/* Why a connection has ended. */
struct host_ended {
    uint16_t handle;
    uint8_t reason;
    bool known;
};

enum { HOST_ENDED_KEPT = 8 };

struct bluet {
    uint8_t state;      /* enum host_state */
    uint8_t close_step; /* enum host_close_step */
    bool inside;        /* bluet_receive() or bluet_poll() is under way */
    bool send_refused;  /* the application has been, for want of buffers; there was so much free then: */
    uint8_t ended_next;
    uint16_t refused_pool_free, refused_controller_free;
    struct host_end end;
    int ticket;                 /* of the activation or deactivation under way */
    int canceled_ticket;        /* of an activation that was overtaken by deactivation; 0: none */
    struct bluet_config config; /* no limit is zero any more */
    struct event_sink sink;
    uint64_t close_deadline;

    struct hci hci;
    struct link_table links;
    struct buffer_pool pool;
    struct hci_controller controller;
    struct l2cap_signal signal;
    struct gatt gatt;
    struct gap gap;
    struct host_ended ended[HOST_ENDED_KEPT]; /* a ring */
#if BLUET_HAS_L2CAP_CHANNELS
    struct l2cap_channels channels;
#endif
#if BLUET_HAS_SECURITY
    struct sm sm;
#endif
    /* No memory is taken for rooms that are not built. Nobody enters them; they have names for the compiler alone. */
    union {
        uint8_t absent;
#if !BLUET_HAS_L2CAP_CHANNELS
        struct l2cap_channels channels;
#endif
#if !BLUET_HAS_SECURITY
        struct sm sm;
#endif
    };
};

enum { HOST_SIZE = offsetof(struct bluet, absent) };

/* host.c: the instant of a call of the application's own; one from within an event handler happens at the instant of
 * the event. */
BLUET_INTERNAL void host_sample_clock(struct bluet *host);
/* Before a call of the application's own. 0, or BLUET_ENODEV. */
BLUET_INTERNAL int host_check_active(struct bluet *host);
/* The open link of that handle; otherwise BLUET_ENODEV or BLUET_ENOTCONN. */
BLUET_INTERNAL int host_find_link(struct bluet *host, struct link **out_link, uint16_t conn_handle);

/* host_packets.c */
BLUET_INTERNAL void host_packet(struct bluet *host, struct reader *packet);

/* host_links.c: events, as struct host_event hands them on */
BLUET_INTERNAL void host_connection_complete(struct bluet *host, struct reader *event, struct link *link,
                                             uint8_t status);
BLUET_INTERNAL void host_enhanced_connection_complete(struct bluet *host, struct reader *event, struct link *link,
                                                      uint8_t status);
BLUET_INTERNAL void host_disconnection_complete(struct bluet *host, struct reader *event, struct link *link,
                                                uint8_t status);
BLUET_INTERNAL void host_remote_features_complete(struct bluet *host, struct reader *event, struct link *link,
                                                  uint8_t status);
/* A packet, or an answer, has come from the peer: raises the connect event of a central, if it has not been. */
BLUET_INTERNAL void host_link_heard(struct bluet *host, struct link *link);
/* Raises what ends with the link, then its disconnect event. */
BLUET_INTERNAL void host_link_ended(struct bluet *host, struct link *link, uint8_t reason);
/* Asks the controller to end the link. With ticket 0 it is the host's own wish. Whether there was room. */
BLUET_INTERNAL bool host_disconnect(struct bluet *host, struct link *link, int ticket, uint8_t reason);

/* host_security.c */
BLUET_INTERNAL struct sm_keeper host_keeper(struct bluet *host);

/* host_signing.c */
BLUET_INTERNAL struct att_signer host_signer(struct bluet *host);

/* host_gatt.c: who is refused for want of buffers is told when there are some. */
/* Until host_sending_ended() the pool forgets who else was refused, and hides the buffers that it keeps for peers. */
BLUET_INTERNAL bool host_sending_begins(struct bluet *host);
/* `result` */
BLUET_INTERNAL int host_sending_ended(struct bluet *host, bool was_starved, int result);

/* host_close.c */
BLUET_INTERNAL void host_end_is_due(struct bluet *host, int error, uint8_t status);
/* The next step of a deactivation, once the last one is answered. */
BLUET_INTERNAL void host_close_continue(struct bluet *host);
BLUET_INTERNAL uint64_t host_close_deadline(const struct bluet *host);
/* Raises what has ended with the controller, and gives all memory back. */
BLUET_INTERNAL void host_end(struct bluet *host);
/* Gives the memory of all rooms back, without a word. */
BLUET_INTERNAL void host_close_rooms(struct bluet *host);

#endif
