/* What all conversations about channels begin and end with. */
#include "dialogue.h"

#include <stdio.h>
#include <string.h>

struct talk *dialogue_begin(const struct bluet_config *limits)
{
    struct bluet_config config = {0};
    if (limits)
        config = *limits;
    config.mtu_limit = config.mtu_limit ? config.mtu_limit : 64;
    config.channel_size = 256;
    struct talk *talk = talk_activated(&config);
    talk_connect_central(talk, LINK);
    talk_forget(talk);
    return talk;
}

void dialogue_tell(struct talk *talk, const char *hex)
{
    talk_receive_frame(talk, LINK, SIGNALLING, hex);
}

void dialogue_hear(struct talk *talk, const char *hex)
{
    talk_expect_frame(talk, LINK, SIGNALLING, hex);
    talk_complete(talk, LINK, 1);
}

void dialogue_open(struct talk *talk, uint8_t credits)
{
    char request[64];
    snprintf(request, sizeof request, "14 01 0a 00 80 00 50 00 c8 00 40 00 %02x 00", credits);
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, request);
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
    dialogue_hear(talk, "15 01 0a 00 40 00 64 00 40 00 05 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
}

void dialogue_tell_data(struct talk *talk, const char *hex)
{
    talk_receive_frame(talk, LINK, OUR_CID, hex);
}

void dialogue_hear_data(struct talk *talk, const char *hex)
{
    talk_expect_frame(talk, LINK, PEER_CID, hex);
    talk_complete(talk, LINK, 1);
}

static const char *sdu_of(char *out, size_t size, uint16_t cid, const char *hex)
{
    size_t digits = 0;
    for (const char *c = hex; *c; c++)
        digits += *c != ' ';
    if (cid == ATT)
        return hex;
    snprintf(out, size, "%02zx 00 %s", digits / 2, hex);
    return out;
}

void dialogue_tell_pdu(struct talk *talk, uint16_t cid, const char *hex)
{
    char sdu[400];
    talk_receive_frame(talk, LINK, cid, sdu_of(sdu, sizeof sdu, cid, hex));
}

void dialogue_hear_pdu(struct talk *talk, uint16_t cid, const char *hex)
{
    char sdu[400];
    uint16_t peer_cid = cid == ATT ? ATT : (uint16_t)(cid + 0x10);
    talk_expect_frame(talk, LINK, peer_cid, sdu_of(sdu, sizeof sdu, cid, hex));
    talk_complete(talk, LINK, 1);
}

void dialogue_end(struct talk *talk)
{
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    talk_disconnect(talk, LINK);
    while (talk->event_count > 1) {
        const char *event = talk->events[talk->first_event];
        if (strncmp(event, "L2CAP_DISCONNECT", 16) != 0)
            fail_msg("unexpected event: %s", event);
        talk->first_event = (talk->first_event + 1) % TALK_EVENTS;
        talk->event_count--;
    }
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    talk_destroy(talk);
}
