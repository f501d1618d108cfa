/*
 * A connection: handle, peer, parameters, encryption; its outgoing frames, cut into fragments as controller buffers
 * come free; and the frame that its incoming fragments are joined into (Vol 4 Part E, 5.4.2; Vol 3 Part A, 7.2.1).
 *
 * A frame that comes in one packet is handed up where it lies. One that comes in several is joined in memory which is
 * taken for that time only: on the desk, of which there is one for all links, or in buffers of the pool, while the desk
 * has a frame of another link on it. So there is always room for one frame, and mostly for one of each link. Where the
 * pool has no buffer either, the frame is lost, and whoever hands up frames hears of it.
 */
#ifndef BLUET_HOST_LINK_H
#define BLUET_HOST_LINK_H

#include "bluet/bluet.h"
#include "host/buffer.h"
#include "host/hci.h"
#include "spec/internal.h"
#include "spec/reader.h"
#include "spec/writer.h"

enum link_state {
    LINK_FREE,
    LINK_OPEN,
    LINK_CLOSING /* we have asked for its end: nothing more is sent */
};

/* Frames that wait, one behind the other in one chain; where one ends is told by the length in its own header. */
struct link_transmit {
    struct buffer *head, *tail;
    struct link *next;   /* behind this one in the ring of links that wait for their turn */
    uint16_t frame_left; /* octets of the frame at the head that have yet to go; 0: it has not begun */
    uint16_t in_flight;  /* packets that hold a buffer of the controller */
};

/* The frame being joined. */
struct link_receive {
    struct buffer *chain; /* what has come; NULL if it is on the desk */
    uint16_t length;      /* octets had so far */
    bool open;
};

/* As both L2CAP and HCI carry them: in units of 1.25 ms and 10 ms. */
struct link_parameters {
    uint16_t interval_min, interval_max;
    uint16_t latency;
    uint16_t supervision_timeout;
};

struct link {
    enum link_state state;
    uint8_t index; /* in the table: rooms above keep arrays of their own, by this */
    uint16_t handle;
    bool central;                  /* our role */
    bool heard;                    /* as central: the peer has been, and the application was told of the connection */
    struct bluet_address peer;     /* as the application was told */
    struct bluet_address identity; /* by which the Security Manager knows it; of a stranger the same as `peer` */
    uint16_t interval, latency, supervision_timeout;
    bool encrypted, authenticated, bonded; /* these six are the Security Manager's */
    bool key_short;                        /* the application has come to ask for a longer one */
    bool key_known;                        /* a key for this peer is stored */
    uint8_t key_size;
    uint16_t transmit_octets;
    uint8_t transmit_phy, receive_phy;
    int8_t rssi; /* when it was last asked for; 127: never */
    bool update_asked;
    bool channels_turn;            /* to transmit: a frame of the queue was the last */
    struct link_parameters wanted; /* of the last update that was asked for */

    struct link_transmit transmit;
    struct link_receive receive;
};

/*
 * Whoever has frames that are not in the queue, as channels that wait for credits have: between two frames of a queue
 * it may send one of its own, or put it in front. Whether it has. Must not raise.
 */
struct link_channels {
    void *context;
    bool (*send)(void *context, struct link *link);
};

struct link_table {
    struct hci *hci;
    struct link_channels channels;
    struct buffer_pool *pool;
    struct link *links;         /* `limit` of them, each at the place that its handle says, or not far behind it */
    uint8_t *desk;              /* where a frame is joined, and handed up from: room for `frame_size` octets */
    const struct link *at_desk; /* whose frame is being joined there; NULL: nobody's */
    uint16_t frame_size;        /* of a longer frame the octets are counted, not kept */
    uint8_t limit;
    uint8_t count;  /* links that are not free */
    uint8_t silent; /* of those, how many hold no buffer of the controller */
    uint8_t waiting;
    struct link *last_waiting; /* behind which the first comes */
};

static inline bool link_is_central(const struct link *link)
{
    return BLUET_HAS_CENTRAL && link->central;
}

/* One whole frame (Vol 3 Part A, 3.1). */
struct link_frame {
    struct link *link;
    uint16_t cid;
    const uint8_t *payload; /* lives until the next packet is received; NULL: the frame was lost for want of memory */
    size_t length;
};

/* -ENOMEM */
BLUET_INTERNAL int link_table_open(struct link_table *links, struct hci *hci, struct buffer_pool *pool, uint8_t limit,
                                   uint16_t frame_size);
BLUET_INTERNAL void link_table_close(struct link_table *links);

/* A new link in state LINK_OPEN, or NULL: none free, or the handle is in use. */
BLUET_INTERNAL struct link *link_open(struct link_table *links, uint16_t handle);
/* The link is free again; what waited is dropped, and the controller's buffers count as free. */
BLUET_INTERNAL void link_close(struct link_table *links, struct link *link);

BLUET_INTERNAL struct link *link_find(const struct link_table *links, uint16_t handle);
/* The same, but NULL too if the link is on its way out. */
BLUET_INTERNAL struct link *link_find_open(const struct link_table *links, uint16_t handle);
/* By either of its addresses. */
BLUET_INTERNAL struct link *link_find_peer(const struct link_table *links, const struct bluet_address *peer);

/* Takes one ACL data packet, beginning with its indicator. Whether a frame is whole with it, or lost. */
BLUET_INTERNAL bool link_receive(struct link_table *links, struct reader *packet, struct link_frame *out_frame);

/* At least one octet (Vol 4 Part E, 7.7.19). */
BLUET_INTERNAL void link_completed_packets(struct link_table *links, struct reader *event);

/* Events that concern one connection, from behind its handle (Vol 4 Part E, 7.7.65). */
BLUET_INTERNAL void link_connection_update_complete(struct link_table *links, struct link *link, struct reader *event,
                                                    uint8_t status);
BLUET_INTERNAL void link_remote_connection_parameter_request(struct link_table *links, const struct link *link,
                                                             struct reader *event);
BLUET_INTERNAL void link_data_length_change(struct link *link, struct reader *event);
BLUET_INTERNAL void link_phy_update_complete(struct link *link, struct reader *event, uint8_t status);

/* BLUET_EVENT_CONNECTION_UPDATE, with the parameters that are in force */
BLUET_INTERNAL void link_raise_update(const struct link_table *links, const struct link *link, uint8_t status);

/* The four of them, as L2CAP and GAP have them too. */
BLUET_INTERNAL void link_read_parameters(struct reader *reader, struct link_parameters *out_parameters);
BLUET_INTERNAL void link_put_parameters(struct writer *writer, const struct link_parameters *parameters);
/* Vol 4 Part E, 7.8.18 */
BLUET_INTERNAL bool link_parameters_are_valid(const struct link_parameters *parameters);
/* Asks the controller for new ones. Whether there was room for the command. */
BLUET_INTERNAL bool link_update(struct link_table *links, const struct link *link,
                                const struct link_parameters *parameters);

/* How many of the controller's buffers the link may take now: the last ones are kept for links that hold none. */
BLUET_INTERNAL uint16_t link_allowance(const struct link_table *links, const struct link *link);

/* How long the peer has for its answer: in ATT, in signalling, in pairing (Vol 3 Part F, 3.3.3; A, 6.2.1; H, 3.4). */
enum { LINK_TRANSACTION_TIMEOUT_US = 30000000 };
#define LINK_NO_TIME UINT32_MAX
/* Microseconds that are left of it; 0: none. `since` is when it began, without the upper half. */
BLUET_INTERNAL uint32_t link_time_left(const struct link_table *links, uint32_t since);
/* When they will have passed; of LINK_NO_TIME BLUET_NEVER. */
BLUET_INTERNAL uint64_t link_time_after(const struct link_table *links, uint32_t time_us);

enum { LINK_PACKET_HEADER_LENGTH = 5 };

/* One ACL data packet of `length` octets. Its header is put into `header`, with which the first span begins. */
BLUET_INTERNAL void link_send_packet(struct link_table *links, struct link *link, bool first, uint8_t *header,
                                     const struct bluet_span *spans, size_t count, size_t length);

/* Puts a frame, header included, behind those that wait. */
BLUET_INTERNAL void link_enqueue(struct link_table *links, struct link *link, struct buffer *frame);

/* The same, but in front of them: none of them has begun. Does not pump. */
BLUET_INTERNAL void link_enqueue_first(struct link *link, struct buffer *frame);

/*
 * Hands the controller's free buffers to the links that wait, in turn, a fragment at a time; on each link the queue and
 * the channels take turns, a frame at a time.
 */
BLUET_INTERNAL void link_pump(struct link_table *links);

#endif
