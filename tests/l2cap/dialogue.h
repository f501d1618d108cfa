/*
 * What all conversations about channels begin with. MTU and MPS of the host are so small that packets can be written
 * down: MPS 0x40, MTU 0x64, and room for 5 K-frames.
 */
#ifndef BLUET_TESTS_L2CAP_DIALOGUE_H
#define BLUET_TESTS_L2CAP_DIALOGUE_H

#include "host/talk.h"

enum {
    LINK = 0x0001,
    PSM = 0x80,
    ATT = 0x0004,
    SIGNALLING = 0x0005,
    OUR_MTU = 0x64,
    OUR_CID = 0x0040,
    PEER_CID = 0x0050
};

/* An active host with one link, as central; nothing is left to look at. `limits` may be NULL. */
struct talk *dialogue_begin(const struct bluet_config *limits);
/* A command of the peer's, and one that the host must have sent. */
void dialogue_tell(struct talk *talk, const char *hex);
void dialogue_hear(struct talk *talk, const char *hex);
/* The peer has made a channel, with that many credits for us. Its CID at our end is OUR_CID, at the peer's PEER_CID. */
void dialogue_open(struct talk *talk, uint8_t credits);
/* A K-frame in either direction. */
void dialogue_tell_data(struct talk *talk, const char *hex);
void dialogue_hear_data(struct talk *talk, const char *hex);
/*
 * An ATT PDU in either direction, in one frame: on the bearer with that CID at our end, at the peer's 0x10 more, or on
 * the unenhanced one.
 */
void dialogue_tell_pdu(struct talk *talk, uint16_t cid, const char *hex);
void dialogue_hear_pdu(struct talk *talk, uint16_t cid, const char *hex);
/* The peer ends the link; the host has no more to say of it but that, and is destroyed. */
void dialogue_end(struct talk *talk);

#endif
