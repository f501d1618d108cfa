/*
 * How channels are made and ended, as a conversation with the peer: both ways of flow control, every result, every
 * wrong field, time that runs out (Vol 3 Part A, 4.6, 4.7, 4.22 to 4.28).
 */
#include "dialogue.h"

#include <stdio.h>
#include <string.h>

#define CHANNEL "cid 0x0040 psm 0x80 "

struct exchange {
    const char *told, *heard;
};

static void play(const struct bluet_config *limits, const struct exchange *exchanges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct talk *talk = dialogue_begin(limits);
        assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
        dialogue_tell(talk, exchanges[i].told);
        dialogue_hear(talk, exchanges[i].heard);
        dialogue_end(talk);
    }
}

/* ---- The peer asks ---- */

static void test_request_is_refused(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"14 01 0a 00 81 00 50 00 c8 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 02 00"}, /* nobody listens */
        {"14 01 0a 00 00 00 50 00 c8 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 02 00"}, /* SPSM 0 */
        {"14 01 0a 00 00 01 50 00 c8 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 02 00"}, /* reserved */
        {"14 01 0a 00 80 00 3f 00 c8 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 09 00"}, /* a fixed CID */
        {"14 01 0a 00 80 00 00 00 c8 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 09 00"},
        {"14 01 0a 00 80 00 80 00 c8 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 09 00"}, /* beyond LE */
        {"14 01 0a 00 80 00 50 00 16 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 0b 00"}, /* MTU 22 */
        {"14 01 0a 00 80 00 50 00 c8 00 16 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 0b 00"}, /* MPS 22 */
        {"14 01 0a 00 80 00 50 00 c8 00 fe ff 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 0b 00"}, /* MPS 65534 */
        {"14 01 09 00 80 00 50 00 c8 00 40 00 03", "01 01 02 00 00 00"},                            /* too short */
        {"14 01 0b 00 80 00 50 00 c8 00 40 00 03 00 00", "01 01 02 00 00 00"},                      /* too long */
        {"14 01 20 00 80 00 50 00 c8 00 40 00 03 00", "01 01 02 00 00 00"},                         /* cut off */
    };
    play(NULL, exchanges, sizeof exchanges / sizeof *exchanges);
}

static void test_enhanced_request_is_refused(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"17 01 0a 00 81 00 64 00 40 00 03 00 50 00", "18 01 0a 00 00 00 00 00 00 00 02 00 00 00"},
        {"17 01 0c 00 81 00 64 00 40 00 03 00 50 00 51 00", "18 01 0c 00 00 00 00 00 00 00 02 00 00 00 00 00"},
        {"17 01 0a 00 80 00 3f 00 40 00 03 00 50 00", "18 01 0a 00 00 00 00 00 00 00 0b 00 00 00"}, /* MTU 63 */
        {"17 01 0a 00 80 00 64 00 3f 00 03 00 50 00", "18 01 0a 00 00 00 00 00 00 00 0b 00 00 00"}, /* MPS 63 */
        {"17 01 0a 00 80 00 64 00 40 00 00 00 50 00", "18 01 0a 00 00 00 00 00 00 00 0b 00 00 00"}, /* no credit */
        {"17 01 0a 00 80 00 64 00 40 00 03 00 06 00", "18 01 0a 00 00 00 00 00 00 00 09 00 00 00"}, /* a fixed CID */
        {"17 01 08 00 80 00 64 00 40 00 03 00", "18 01 08 00 00 00 00 00 00 00 0c 00"},             /* no CID */
        {"17 01 09 00 80 00 64 00 40 00 03 00 50", "18 01 08 00 00 00 00 00 00 00 0c 00"},          /* half a CID */
        {"17 01 07 00 80 00 64 00 40 00 03", "01 01 02 00 00 00"},
    };
    play(NULL, exchanges, sizeof exchanges / sizeof *exchanges);
}

/* Six CIDs take more than the signalling MTU. */
static void test_enhanced_request_for_six(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "17 01 14 00 80 00 64 00 40 00 03 00 50 00 51 00 52 00 53 00 54 00 55 00");
    dialogue_hear(talk, "01 01 04 00 01 00 17 00");
    dialogue_end(talk);
}

static void test_enhanced_request_for_five(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "17 01 12 00 80 00 c8 00 40 00 03 00 50 00 51 00 52 00 53 00 54 00");
    for (int i = 0; i < 5; i++) {
        char text[80];
        snprintf(text, sizeof text, "L2CAP_ACCEPT 0x0001 cid 0x%04x psm 0x80 mtu 100 200", OUR_CID + i);
        talk_expect_event(talk, text);
    }
    dialogue_hear(talk, "18 01 12 00 64 00 40 00 05 00 00 00 40 00 41 00 42 00 43 00 44 00");
    for (int i = 0; i < 5; i++) {
        char text[80];
        snprintf(text, sizeof text, "L2CAP_CONNECT 0x0001 cid 0x%04x psm 0x80 mtu 100 200", OUR_CID + i);
        talk_expect_event(talk, text);
    }
    dialogue_end(talk);
}

/* The same CID twice, and a fixed one: the others are made. */
static void test_enhanced_request_is_refused_in_part(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "17 01 10 00 80 00 c8 00 40 00 03 00 50 00 05 00 50 00 51 00");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_hear(talk, "18 01 10 00 64 00 40 00 05 00 0a 00 40 00 00 00 00 00 41 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_end(talk);
}

static void refuse_second(struct talk *talk, const struct bluet_event *event)
{
    talk->answer = event->code == BLUET_EVENT_L2CAP_ACCEPT && event->channel.cid == 0x0041 ? 0x0005 : 0;
}

/* "All connections refused" is not true of one. */
static void test_application_refuses_one_of_two(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    talk->on_event = refuse_second;
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "17 01 0c 00 80 00 c8 00 40 00 03 00 50 00 51 00");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_hear(talk, "18 01 0c 00 64 00 40 00 05 00 04 00 40 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
    dialogue_end(talk);
}

static void test_application_refuses(void **state)
{
    (void)state;
    static const struct {
        int answer;
        uint8_t result;
    } rows[] = {{1, 4}, {2, 2}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 8}, {0x0b, 0x0b}, {0x0f, 0x0f}, {0x10, 4}, {-1, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk *talk = dialogue_begin(NULL);
        char response[64];
        talk->answer = rows[i].answer;
        assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
        dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 40 00 03 00");
        talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
        snprintf(response, sizeof response, "15 01 0a 00 00 00 00 00 00 00 00 00 %02x 00", rows[i].result);
        dialogue_hear(talk, response);
        dialogue_end(talk);
    }
}

static void test_request_for_a_cid_in_use(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 3);
    dialogue_tell(talk, "14 02 0a 00 80 00 50 00 c8 00 40 00 03 00");
    dialogue_hear(talk, "15 02 0a 00 00 00 00 00 00 00 00 00 0a 00");
    dialogue_end(talk);
}

static void test_no_channel_left(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(&(struct bluet_config){.channel_count = 1});
    dialogue_open(talk, 3);
    dialogue_tell(talk, "14 02 0a 00 80 00 51 00 c8 00 40 00 03 00");
    dialogue_hear(talk, "15 02 0a 00 00 00 00 00 00 00 00 00 04 00");
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), BLUET_ENOMEM);
    dialogue_end(talk);
}

static void test_listening(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_listen(talk->host, 0, OUR_MTU), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_listen(talk->host, 0x100, OUR_MTU), BLUET_EINVAL);
    for (uint16_t psm = 1; psm <= 0xff; psm++)
        assert_int_equal(bluet_l2cap_listen(talk->host, psm, 1), 0);
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), BLUET_EALREADY);
    assert_int_equal(bluet_l2cap_listen_stop(talk->host, PSM), 0);
    assert_int_equal(bluet_l2cap_listen_stop(talk->host, PSM), BLUET_EINVAL);
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 40 00 03 00");
    dialogue_hear(talk, "15 01 0a 00 00 00 00 00 00 00 00 00 02 00");
    dialogue_tell(talk, "14 02 0a 00 81 00 50 00 c8 00 40 00 03 00");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0040 psm 0x81 mtu 32 200"); /* 32 is the least */
    dialogue_hear(talk, "15 02 0a 00 40 00 20 00 40 00 04 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0040 psm 0x81 mtu 32 200");
    dialogue_end(talk);
}

/* ---- We ask ---- */

#define ENHANCED_REQUEST "17 01 0a 00 80 00 64 00 40 00 05 00 40 00"
#define PLAIN_REQUEST "14 02 0a 00 80 00 40 00 64 00 40 00 05 00"

static struct talk *ask(void)
{
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, ENHANCED_REQUEST);
    return talk;
}

/* The peer does not know the enhanced way. */
static struct talk *ask_plainly(void)
{
    struct talk *talk = ask();
    dialogue_tell(talk, "01 01 02 00 00 00");
    dialogue_hear(talk, PLAIN_REQUEST);
    return talk;
}

static void test_enhanced_connection(void **state)
{
    (void)state;
    struct talk *talk = ask();
    dialogue_tell(talk, "18 01 0a 00 c8 00 40 00 03 00 00 00 50 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 " CHANNEL "mtu 100 200");
    dialogue_end(talk);
}

static void test_fall_back_is_remembered(void **state)
{
    (void)state;
    struct talk *talk = ask_plainly();
    dialogue_tell(talk, "15 02 0a 00 50 00 c8 00 40 00 03 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 " CHANNEL "mtu 100 200");
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, "14 03 0a 00 80 00 41 00 64 00 40 00 05 00");
    dialogue_end(talk);
}

/* Too small for the enhanced way. */
static void test_small_mtu_is_asked_plainly(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, 63), 0);
    dialogue_hear(talk, "14 01 0a 00 80 00 40 00 3f 00 40 00 04 00");
    dialogue_end(talk);
    talk = dialogue_begin(&(struct bluet_config){.mtu_limit = 40});
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, "14 01 0a 00 80 00 40 00 64 00 28 00 08 00");
    dialogue_end(talk);
}

static void test_every_result(void **state)
{
    (void)state;
    for (unsigned result = 1; result <= 0x10; result++) {
        char response[64], event[80];
        struct talk *talk = ask_plainly();
        snprintf(response, sizeof response, "15 02 0a 00 00 00 00 00 00 00 00 00 %02x 00", result);
        snprintf(event, sizeof event, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x%03x", result);
        dialogue_tell(talk, response);
        talk_expect_event(talk, event);
        dialogue_end(talk);

        if (result == 2 || (result >= 0x0d && result <= 0x0f))
            continue;
        talk = ask();
        snprintf(response, sizeof response, "18 01 0a 00 00 00 00 00 00 00 %02x 00 00 00", result);
        dialogue_tell(talk, response);
        talk_expect_event(talk, event);
        dialogue_end(talk);
    }
}

/* Another response is to come, for which there is more time (Vol 3 Part A, 6.2.2). */
static void test_response_is_pending(void **state)
{
    (void)state;
    struct talk *talk = ask();
    dialogue_tell(talk, "18 01 08 00 00 00 00 00 00 00 0d 00");
    talk_pass(talk, 60000000);
    dialogue_tell(talk, "18 01 0a 00 00 00 00 00 00 00 0e 00 00 00");
    talk_pass(talk, 60000000);
    talk_expect_no_event(talk);
    dialogue_tell(talk, "18 01 0a 00 c8 00 40 00 03 00 00 00 50 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 " CHANNEL "mtu 100 200");
    dialogue_end(talk);

    talk = ask();
    dialogue_tell(talk, "18 01 08 00 00 00 00 00 00 00 0f 00");
    talk_pass(talk, 120000000);
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x101");
    dialogue_end(talk);
}

/* It may serve the PSM by the other way only. */
static void test_psm_not_supported_by_this_way(void **state)
{
    (void)state;
    struct talk *talk = ask();
    dialogue_tell(talk, "18 01 08 00 00 00 00 00 00 00 02 00");
    dialogue_hear(talk, PLAIN_REQUEST);
    dialogue_tell(talk, "15 02 0a 00 00 00 00 00 00 00 00 00 02 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x002");
    dialogue_end(talk);
}

static void test_both_ways_rejected(void **state)
{
    (void)state;
    struct talk *talk = ask_plainly();
    dialogue_tell(talk, "01 02 02 00 00 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x102");
    dialogue_end(talk);
}

static void test_response_makes_no_sense(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "15 02 0a 00 3f 00 c8 00 40 00 03 00 00 00",    /* a fixed CID */
        "15 02 0a 00 80 00 c8 00 40 00 03 00 00 00",    /* not of LE */
        "15 02 0a 00 50 00 16 00 40 00 03 00 00 00",    /* MTU 22 */
        "15 02 0a 00 50 00 c8 00 16 00 03 00 00 00",    /* MPS 22 */
        "15 02 0a 00 50 00 c8 00 fe ff 03 00 00 00",    /* MPS 65534 */
        "15 02 09 00 50 00 c8 00 40 00 03 00 00",       /* too short */
        "15 02 0b 00 50 00 c8 00 40 00 03 00 00 00 00", /* too long */
        "15 02 00 00",
    };
    static const char *const enhanced[] = {
        "18 01 0a 00 3f 00 40 00 03 00 00 00 50 00",       /* MTU 63 */
        "18 01 0a 00 c8 00 3f 00 03 00 00 00 50 00",       /* MPS 63 */
        "18 01 0a 00 c8 00 40 00 00 00 00 00 50 00",       /* no credit */
        "18 01 0a 00 c8 00 40 00 03 00 00 00 04 00",       /* a fixed CID */
        "18 01 08 00 c8 00 40 00 03 00 00 00",             /* no CID */
        "18 01 0c 00 c8 00 40 00 03 00 00 00 50 00 51 00", /* more CIDs than were asked for */
        "18 01 06 00 c8 00 40 00 03 00",
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        struct talk *talk = ask_plainly();
        dialogue_tell(talk, plain[i]);
        talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x102");
        dialogue_end(talk);
    }
    for (size_t i = 0; i < sizeof enhanced / sizeof *enhanced; i++) {
        struct talk *talk = ask();
        dialogue_tell(talk, enhanced[i]);
        talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x102");
        dialogue_end(talk);
    }
}

static void test_response_with_a_cid_in_use(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 1);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, "17 01 0a 00 80 00 64 00 40 00 05 00 41 00");
    dialogue_tell(talk, "18 01 0a 00 c8 00 40 00 03 00 00 00 50 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 cid 0x0041 psm 0x80 status 0x102");
    dialogue_end(talk);
}

/* Nobody asked, or not by that identifier, or not that way: the attempt goes on. */
static void test_response_to_something_else(void **state)
{
    (void)state;
    static const char *const responses[] = {
        "15 01 0a 00 50 00 c8 00 40 00 03 00 00 00",
        "18 02 0a 00 c8 00 40 00 03 00 00 00 50 00",
        "18 ff 0a 00 c8 00 40 00 03 00 00 00 50 00",
        "01 07 02 00 00 00",
        "07 01 04 00 50 00 40 00",
        "1a 01 02 00 00 00",
    };
    struct talk *talk = ask();
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
        dialogue_tell(talk, responses[i]);
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    assert_int_equal(bluet_protocol_errors(talk->host), sizeof responses / sizeof *responses);
    dialogue_tell(talk, "18 01 0a 00 c8 00 40 00 03 00 00 00 50 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 " CHANNEL "mtu 100 200");
    dialogue_tell(talk, "18 01 0a 00 c8 00 40 00 03 00 00 00 50 00");
    dialogue_end(talk);
}

static void test_no_response(void **state)
{
    (void)state;
    struct talk *talk = ask();
    talk_pass(talk, 29999999);
    talk_expect_no_event(talk);
    talk_pass(talk, 1);
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x101");
    dialogue_tell(talk, "18 01 0a 00 c8 00 40 00 03 00 00 00 50 00");
    dialogue_end(talk);
}

/* An identifier is not used for another request while the first awaits its response (Vol 3 Part A, 4). */
static void test_identifiers(void **state)
{
    (void)state;
    struct talk *talk = ask();
    for (unsigned i = 0; i < 300; i++) {
        char response[64];
        assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
        struct talk_packet packet = talk_take(talk);
        uint8_t identifier = packet.octets[10];
        assert_int_equal(identifier, i % 254 + 2);
        talk_complete(talk, LINK, 1);
        snprintf(response, sizeof response, "18 %02x 0a 00 00 00 00 00 00 00 04 00 00 00", identifier);
        dialogue_tell(talk, response);
        talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 cid 0x0041 psm 0x80 status 0x004");
    }
    dialogue_tell(talk, "18 01 0a 00 c8 00 40 00 03 00 00 00 50 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 " CHANNEL "mtu 100 200");
    dialogue_end(talk);
}

static void test_arguments(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_connect(talk->host, 7, PSM, OUR_MTU), BLUET_ENOTCONN);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, 0, OUR_MTU), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, 0x100, OUR_MTU), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, "", 1), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_available(talk->host, LINK, OUR_CID), BLUET_EINVAL);
    dialogue_end(talk);
}

/* ---- The end ---- */

static void test_we_disconnect(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, "abc", 3), 0);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, "abc", 3), BLUET_EINVAL);
    dialogue_tell_data(talk, "03 00 61 62 63"); /* was on its way */
    dialogue_tell(talk, "16 09 04 00 50 00 01 00");
    dialogue_tell(talk, "07 01 04 00 51 00 40 00"); /* not these CIDs */
    dialogue_tell(talk, "07 01 04 00 50 00 41 00");
    dialogue_tell(talk, "07 02 04 00 50 00 40 00"); /* not this identifier */
    dialogue_tell(talk, "07 01 03 00 50 00 40");
    talk_expect_no_event(talk);
    dialogue_tell(talk, "07 01 04 00 50 00 40 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");
    dialogue_end(talk);
}

static void test_nobody_answers_a_disconnection(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    talk_pass(talk, 29999999);
    talk_expect_no_event(talk);
    talk_pass(talk, 1);
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");
    dialogue_end(talk);
}

static void test_disconnection_is_rejected(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    dialogue_tell(talk, "01 01 06 00 02 00 50 00 40 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");
    dialogue_end(talk);
}

static void test_both_disconnect(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    dialogue_tell(talk, "06 05 04 00 40 00 50 00");
    dialogue_hear(talk, "07 05 04 00 40 00 50 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");
    dialogue_tell(talk, "07 01 04 00 50 00 40 00");
    dialogue_end(talk);
}

static void test_peer_disconnects(void **state)
{
    (void)state;
    static const struct exchange rejected[] = {
        {"06 05 04 00 04 00 04 00", "01 05 06 00 02 00 04 00 04 00"}, /* fixed channels have no end */
        {"06 05 04 00 05 00 05 00", "01 05 06 00 02 00 05 00 05 00"},
        {"06 05 04 00 06 00 06 00", "01 05 06 00 02 00 06 00 06 00"},
        {"06 05 04 00 00 00 50 00", "01 05 06 00 02 00 00 00 50 00"},
        {"06 05 04 00 41 00 50 00", "01 05 06 00 02 00 41 00 50 00"},
        {"06 05 03 00 40 00 50", "01 05 02 00 00 00"},
        {"06 05 05 00 40 00 50 00 00", "01 05 02 00 00 00"},
    };
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    for (size_t i = 0; i < sizeof rejected / sizeof *rejected; i++) {
        dialogue_tell(talk, rejected[i].told);
        dialogue_hear(talk, rejected[i].heard);
    }
    dialogue_tell(talk, "06 05 04 00 40 00 51 00"); /* another's partner: dropped */
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    dialogue_tell(talk, "06 05 04 00 40 00 50 00");
    dialogue_hear(talk, "07 05 04 00 40 00 50 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");
    dialogue_tell(talk, "06 06 04 00 40 00 50 00");
    dialogue_hear(talk, "01 06 06 00 02 00 40 00 50 00");
    dialogue_end(talk);
}

static void end_of_link(struct talk *talk, const char *event)
{
    talk_forget(talk);
    talk_disconnect(talk, LINK);
    if (event)
        talk_expect_event(talk, event);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    talk_connect_central(talk, LINK); /* and the next one works */
    talk_forget(talk);
    dialogue_open(talk, 1);
    dialogue_end(talk);
}

static void test_link_is_lost(void **state)
{
    (void)state;
    end_of_link(ask(), "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x100");
    end_of_link(ask_plainly(), "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x100");

    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    assert_int_equal(bluet_l2cap_listen_stop(talk->host, PSM), 0);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, "abc", 3), 0);
    dialogue_tell_data(talk, "06 00 61 62 63");
    end_of_link(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");

    talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    assert_int_equal(bluet_l2cap_listen_stop(talk->host, PSM), 0);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    end_of_link(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");

    talk = dialogue_begin(NULL); /* the end was told before */
    dialogue_open(talk, 0);
    assert_int_equal(bluet_l2cap_listen_stop(talk->host, PSM), 0);
    dialogue_tell_data(talk, "03 00 61 62 63");
    dialogue_tell(talk, "06 05 04 00 40 00 50 00");
    end_of_link(talk, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_is_refused),
        cmocka_unit_test(test_enhanced_request_is_refused),
        cmocka_unit_test(test_enhanced_request_for_six),
        cmocka_unit_test(test_enhanced_request_for_five),
        cmocka_unit_test(test_enhanced_request_is_refused_in_part),
        cmocka_unit_test(test_application_refuses_one_of_two),
        cmocka_unit_test(test_application_refuses),
        cmocka_unit_test(test_request_for_a_cid_in_use),
        cmocka_unit_test(test_no_channel_left),
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_enhanced_connection),
        cmocka_unit_test(test_fall_back_is_remembered),
        cmocka_unit_test(test_small_mtu_is_asked_plainly),
        cmocka_unit_test(test_every_result),
        cmocka_unit_test(test_response_is_pending),
        cmocka_unit_test(test_psm_not_supported_by_this_way),
        cmocka_unit_test(test_both_ways_rejected),
        cmocka_unit_test(test_response_makes_no_sense),
        cmocka_unit_test(test_response_with_a_cid_in_use),
        cmocka_unit_test(test_response_to_something_else),
        cmocka_unit_test(test_no_response),
        cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_we_disconnect),
        cmocka_unit_test(test_nobody_answers_a_disconnection),
        cmocka_unit_test(test_disconnection_is_rejected),
        cmocka_unit_test(test_both_disconnect),
        cmocka_unit_test(test_peer_disconnects),
        cmocka_unit_test(test_link_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
