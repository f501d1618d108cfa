/*
 * A connection: handle, peer, parameters, encryption; its outgoing frames, cut into fragments as controller buffers come
 * free; and the frame that its incoming fragments are joined into (Vol 4 Part E, 5.4.2; Vol 3 Part A, 7.2.1).
 */
#ifndef BLUET_HOST_LINK_H
#define BLUET_HOST_LINK_H

#include "bluet/bluet.h"
#include "host/buffer.h"
#include "host/hci.h"
#include "spec/internal.h"
#include "spec/reader.h"

enum link_state {
    LINK_FREE,
    LINK_OPEN,
    LINK_CLOSING /* we have asked for its end: nothing more is sent */
};

struct link {
    enum link_state state;
    uint8_t index; /* in the table: rooms above keep arrays of their own, by this */
    uint16_t handle;
    bool central; /* our role */
    struct bluet_address peer;
    uint16_t interval, latency, supervision_timeout;
    bool encrypted, authenticated, bonded;
    bool key_known; /* a key for this peer is stored */
    uint8_t key_size;
    uint16_t transmit_octets;
    uint8_t transmit_phy, receive_phy;
};

#endif
