/* Hosts that send as fast as their controller lets them, and hosts that check what arrives. */
#ifndef BLUET_TESTS_AIR_STREAMS_H
#define BLUET_TESTS_AIR_STREAMS_H

#include "conversation.h"

enum { STREAM_BUFFERS = 8, STREAM_HANDLES = 64 };

/*
 * One end of a link that streams: ACL packets of `length` octets, whose first four carry a running number. At most
 * `limit` of them, if it is not 0.
 */
struct stream {
    struct host *host;
    uint16_t handle;
    size_t length;
    size_t buffers; /* of the controller that this link may use */
    uint32_t limit;
    uint32_t sent, completed;

    uint32_t received, bad; /* of the peer's packets: in order, and not */
    size_t octets;          /* of them */
    uint32_t expected_length;
    uint8_t whole[256]; /* of a packet that comes in fragments */
    size_t filled;
};

/* The streams of a host; its hook_context. */
struct streams {
    struct stream *of[STREAM_HANDLES];
    size_t count;
    bool takes; /* acknowledges data by Host Number Of Completed Packets */
};

void stream_attach(struct host *host, struct streams *streams, struct stream *stream, uint16_t handle,
                   size_t peer_length);
/* Sends packets of that length from now on. */
void stream_begin(struct stream *stream, size_t length, size_t buffers);

#endif
