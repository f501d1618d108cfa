/*
 * What passes through a channel, as a conversation with the peer: segments, credits, and every way of breaking the
 * rules about them (Vol 3 Part A, 3.4.3, 4.24, 4.27, 4.28, 10.1).
 */
#include "dialogue.h"

#include <stdio.h>
#include <string.h>

static void expect_read(struct talk *talk, const char *text)
{
    char read[300] = {0};
    int length = bluet_l2cap_available(talk->host, LINK, OUR_CID);
    assert_int_equal(length, strlen(text));
    assert_int_equal(bluet_l2cap_receive(talk->host, LINK, OUR_CID, read, sizeof read), length);
    assert_string_equal(read, text);
}

/* A K-frame with so many octets of an SDU, which is said to be of `sdu_length`; -1: not the first of its SDU. */
static void tell_segment(struct talk *talk, int sdu_length, size_t octets)
{
    char hex[600] = "";
    size_t length = 0;
    if (sdu_length >= 0)
        length += (size_t)snprintf(hex, sizeof hex, "%02x %02x ", sdu_length & 0xff, sdu_length >> 8);
    for (size_t i = 0; i < octets; i++)
        length += (size_t)snprintf(hex + length, sizeof hex - length, "61 ");
    dialogue_tell_data(talk, hex);
}

/* ---- In ---- */

static void test_one_frame(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    dialogue_tell_data(talk, "03 00 61 62 63");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    expect_read(talk, "abc");
    dialogue_end(talk);
}

static void test_sdus_of_none_and_one_octet(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    dialogue_tell_data(talk, "00 00");
    talk_expect_no_event(talk); /* there is nothing to read */
    dialogue_tell_data(talk, "01 00 61");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    dialogue_tell_data(talk, "00 00");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    expect_read(talk, "a");
    dialogue_hear(talk, "16 01 04 00 40 00 03 00");
    dialogue_end(talk);
}

/* The length may come alone, and an empty frame is a frame. */
static void test_segments(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    dialogue_tell_data(talk, "05 00");
    dialogue_tell_data(talk, "61 62");
    dialogue_tell_data(talk, "");
    dialogue_hear(talk, "16 01 04 00 40 00 03 00");
    assert_int_equal(bluet_l2cap_available(talk->host, LINK, OUR_CID), 0);
    dialogue_tell_data(talk, "63 64 65");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    expect_read(talk, "abcde");
    dialogue_end(talk);
}

/* Frames of several channels and links lie between each other's. */
static void test_segments_are_mixed(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    dialogue_tell(talk, "14 02 0a 00 80 00 51 00 c8 00 40 00 00 00");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_hear(talk, "15 02 0a 00 41 00 64 00 40 00 05 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_tell_data(talk, "04 00 61 62");
    talk_receive_frame(talk, LINK, 0x0041, "02 00 78");
    dialogue_tell_data(talk, "63 64");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    talk_receive_frame(talk, LINK, 0x0041, "79");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0041");
    expect_read(talk, "abcd");
    uint8_t octets[4];
    assert_int_equal(bluet_l2cap_receive(talk->host, LINK, 0x0041, octets, sizeof octets), 2);
    assert_memory_equal(octets, "xy", 2);
    dialogue_end(talk);
}

/* No credits while something is unread; then so many that the ring can hold what they bring. */
static void test_credits_come_back_when_all_is_read(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    for (int i = 0; i < 5; i++) {
        tell_segment(talk, 62, 62);
        talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    }
    char octets[400];
    assert_int_equal(bluet_l2cap_receive(talk->host, LINK, OUR_CID, octets, 300), 300);
    talk_expect_nothing(talk);
    assert_int_equal(bluet_l2cap_receive(talk->host, LINK, OUR_CID, octets, 300), 10);
    dialogue_hear(talk, "16 01 04 00 40 00 05 00");
    dialogue_end(talk);
}

static void test_rules_are_broken(void **state)
{
    (void)state;
    static const struct {
        int sdu_length;
        size_t octets, then; /* of the first frame, and of one behind it */
    } rows[] = {
        {101, 0, 0},                  /* longer than our MTU */
        {65535, 10, 0}, {3, 4, 0},    /* more octets than the SDU has */
        {0, 1, 0},      {100, 63, 0}, /* a frame longer than our MPS */
        {70, 10, 61},                 /* more octets than are left */
        {100, 10, 65},                /* a frame longer than our MPS, later */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk *talk = dialogue_begin(&(struct bluet_config){.mtu_limit = 100});
        assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
        dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 40 00 00 00");
        talk_forget(talk);
        talk_complete(talk, LINK, 1);
        /* With an MTU limit of 100 our MPS is 100; frames above are made longer by as much. */
        size_t more = rows[i].octets > 62 || rows[i].then > 64 ? 36 : 0;
        tell_segment(talk, rows[i].sdu_length, rows[i].octets + (rows[i].then ? 0 : more));
        if (rows[i].then)
            tell_segment(talk, -1, rows[i].then + more);
        dialogue_hear(talk, "06 01 04 00 50 00 40 00");
        assert_int_equal(bluet_protocol_errors(talk->host), 1);
        dialogue_tell(talk, "07 01 04 00 50 00 40 00");
        talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 cid 0x0040 psm 0x80 status 0x000");
        dialogue_tell(talk, "14 02 0a 00 80 00 50 00 c8 00 40 00 00 00"); /* and it may try again */
        talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
        talk_forget(talk);
        dialogue_end(talk);
    }
}

static void test_half_a_length(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    dialogue_tell_data(talk, "03");
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    dialogue_end(talk);
}

static void test_more_frames_than_credits(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    for (int i = 0; i < 5; i++) {
        dialogue_tell_data(talk, "01 00 61");
        talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    }
    dialogue_tell_data(talk, "01 00 61");
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    expect_read(talk, "aaaaa");
    dialogue_end(talk);
}

/* To nobody, to a channel that is another's, to one that is not there yet. */
static void test_frames_to_nobody(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 0);
    talk_receive_frame(talk, LINK, 0x0041, "01 00 61");
    talk_receive_frame(talk, LINK, 0x0007, "01 00 61");
    talk_receive_frame(talk, LINK, 0x0000, "01 00 61");
    talk_receive_frame(talk, LINK, 0xffff, "01 00 61");
    talk_connect_central(talk, 2);
    talk_receive_frame(talk, 2, OUR_CID, "01 00 61");
    assert_int_equal(bluet_l2cap_available(talk->host, 2, OUR_CID), BLUET_EINVAL);
    assert_int_equal(bluet_protocol_errors(talk->host), 5);
    talk_disconnect(talk, 2);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0002 1/c00000000002 reason 0x13");
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, "17 01 0a 00 80 00 64 00 40 00 05 00 41 00");
    talk_receive_frame(talk, LINK, 0x0041, "01 00 61");
    assert_int_equal(bluet_protocol_errors(talk->host), 6);
    dialogue_end(talk);
}

/* What came before the end can be read after it; its CID is not another's till then. */
static void test_unread_after_the_end(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 3);
    dialogue_tell_data(talk, "03 00 61 62 63");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    dialogue_tell_data(talk, "04 00 64 65"); /* half an SDU is none */
    dialogue_tell(talk, "06 02 04 00 40 00 50 00");
    dialogue_hear(talk, "07 02 04 00 40 00 50 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 cid 0x0040 psm 0x80 status 0x000");
    dialogue_tell_data(talk, "66 67");
    dialogue_tell(talk, "16 03 04 00 50 00 01 00");
    dialogue_tell(talk, "06 04 04 00 40 00 50 00");
    dialogue_hear(talk, "01 04 06 00 02 00 40 00 50 00");
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, "x", 1), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), BLUET_EINVAL);
    dialogue_tell(talk, "14 05 0a 00 80 00 50 00 c8 00 40 00 03 00");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_hear(talk, "15 05 0a 00 41 00 64 00 40 00 05 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    expect_read(talk, "abc");
    assert_int_equal(bluet_l2cap_available(talk->host, LINK, OUR_CID), BLUET_EINVAL);
    dialogue_end(talk);
}

/* Its place is needed. */
static void test_unread_gives_way(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(&(struct bluet_config){.channel_count = 1});
    dialogue_open(talk, 3);
    dialogue_tell_data(talk, "03 00 61 62 63");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    dialogue_tell(talk, "06 02 04 00 40 00 50 00");
    dialogue_hear(talk, "07 02 04 00 40 00 50 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 cid 0x0040 psm 0x80 status 0x000");
    talk->refused_after = talk->allocations + 1;
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), BLUET_ENOMEM);
    assert_int_equal(bluet_l2cap_available(talk->host, LINK, OUR_CID), 3);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, "17 01 0a 00 80 00 64 00 40 00 05 00 41 00");
    assert_int_equal(bluet_l2cap_available(talk->host, LINK, OUR_CID), BLUET_EINVAL);
    dialogue_end(talk);
}

/* ---- Out ---- */

static void test_sdu_goes_in_segments(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    const char *sdu = "abcdefghijklmnopqrstuvwxyz012345";
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 20 00 17 00 02 00"); /* MTU 32, MPS 23, 2 credits */
    talk_forget(talk);
    talk_complete(talk, LINK, 1);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, 33), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, 32), 1);
    dialogue_hear_data(talk, "20 00 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70 71 72 73 74 75");
    dialogue_hear_data(talk, "76 77 78 79 7a 30 31 32 33 34 35");
    talk_expect_no_event(talk);
    dialogue_end(talk);
}

static void test_sdu_waits_for_credits(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    char sdu[80];
    memset(sdu, 'a', sizeof sdu);
    dialogue_open(talk, 1);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, 51), 0);
    memset(sdu, 'z', sizeof sdu); /* it was copied */
    talk_take(talk);
    talk_complete(talk, LINK, 1);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, 1), BLUET_EBUSY);
    talk_expect_no_event(talk);
    dialogue_tell(talk, "16 07 04 00 50 00 01 00");
    dialogue_hear_data(talk, "61 61 61");
    talk_expect_event(talk, "L2CAP_SEND_READY 0x0001 cid 0x0040");
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, "x", 1), 0);
    dialogue_tell(talk, "16 08 04 00 50 00 02 00");
    dialogue_hear_data(talk, "01 00 78");
    talk_expect_event(talk, "L2CAP_SEND_READY 0x0001 cid 0x0040");
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, NULL, 0), 1);
    dialogue_hear_data(talk, "00 00");
    dialogue_end(talk);
}

/* The controller's buffers are the limit, not the credits; whatever comes free is used. */
static void test_sdu_waits_for_buffers(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    uint8_t sdu[150] = {0};
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 17 00 ff ff"); /* MPS 23: 7 frames */
    talk_forget(talk);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, sizeof sdu), 1); /* 1 + 7 buffers are taken */
    assert_int_equal(talk->packet_count, 7);
    talk_forget(talk);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, sizeof sdu), 0);
    assert_int_equal(talk->packet_count, 0);
    talk_complete(talk, LINK, 3);
    assert_int_equal(talk->packet_count, 3);
    talk_complete(talk, LINK, 4);
    assert_int_equal(talk->packet_count, 7);
    talk_forget(talk);
    talk_complete(talk, LINK, 8);
    dialogue_end(talk);
}

static void test_sdu_beyond_twice_our_mtu(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    uint8_t sdu[201] = {0};
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 ff ff 40 00 00 00");
    talk_forget(talk);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, 201), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, 200), 0);
    talk_forget(talk);
    dialogue_end(talk);
}

static void test_wrong_credits(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 1);
    dialogue_tell(talk, "16 02 04 00 50 00 00 00"); /* none */
    dialogue_tell(talk, "16 03 04 00 40 00 01 00"); /* our CID, not the peer's */
    dialogue_tell(talk, "16 04 04 00 05 00 01 00");
    dialogue_tell(talk, "16 05 03 00 50 00 01");
    dialogue_tell(talk, "16 05 05 00 50 00 01 00 00");
    talk_expect_nothing(talk);
    assert_int_equal(bluet_protocol_errors(talk->host), 5);
    dialogue_tell(talk, "16 06 04 00 50 00 fe ff"); /* 65535 in all */
    talk_expect_nothing(talk);
    dialogue_tell(talk, "16 07 04 00 50 00 01 00");
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    dialogue_tell(talk, "16 08 04 00 50 00 01 00"); /* was on its way */
    assert_int_equal(bluet_protocol_errors(talk->host), 6);
    dialogue_end(talk);
}

/* ---- New terms ---- */

static void test_reconfiguration(void **state)
{
    (void)state;
    static const struct {
        const char *told;
        uint8_t result;
    } rows[] = {
        {"19 02 06 00 c8 00 40 00 50 00", 0},       {"19 02 06 00 ff ff fd ff 51 00", 0},
        {"19 02 08 00 2c 01 40 00 50 00 51 00", 0}, {"19 02 06 00 c7 00 40 00 50 00", 1}, /* a smaller MTU */
        {"19 02 08 00 c8 00 40 00 50 00 51 00", 0}, {"19 02 06 00 c8 00 40 00 52 00", 3}, /* no such channel */
        {"19 02 06 00 c8 00 40 00 40 00", 3},       {"19 02 06 00 c8 00 40 00 04 00", 3}, /* our CID; a fixed one */
        {"19 02 06 00 3f 00 40 00 50 00", 4},       {"19 02 06 00 c8 00 3f 00 50 00", 4}, /* below the least */
        {"19 02 06 00 c8 00 fe ff 50 00", 4},       {"19 02 04 00 c8 00 40 00", 4},       /* no CID */
        {"19 02 05 00 c8 00 40 00 50", 4},          {"19 02 0e 00 c8 00 40 00 50 00 50 00 50 00 50 00 50 00", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk *talk = dialogue_begin(NULL);
        char response[40];
        assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
        dialogue_tell(talk, "17 01 0c 00 80 00 c8 00 40 00 03 00 50 00 51 00");
        talk_forget(talk);
        talk_complete(talk, LINK, 1);
        dialogue_tell(talk, rows[i].told);
        snprintf(response, sizeof response, "1a 02 02 00 %02x 00", rows[i].result);
        dialogue_hear(talk, response);
        talk_forget(talk);
        dialogue_end(talk);
    }
}

/* The MPS of one channel may shrink, of several not; the next frames are cut to it. */
static void test_reconfigured_mps(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    uint8_t sdu[150] = {0};
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    dialogue_tell(talk, "17 01 0c 00 80 00 c8 00 80 00 03 00 50 00 51 00");
    talk_forget(talk);
    talk_complete(talk, LINK, 1);
    dialogue_tell(talk, "19 02 08 00 c8 00 40 00 50 00 51 00");
    dialogue_hear(talk, "1a 02 02 00 02 00");
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, sizeof sdu), 1);
    assert_int_equal(talk_take(talk).length, 5 + 4 + 104); /* four packets of 27 octets */
    assert_int_equal(talk->packet_count, 1);
    talk_forget(talk);
    talk_complete(talk, LINK, 2);
    dialogue_tell(talk, "19 03 06 00 c8 00 40 00 50 00");
    dialogue_hear(talk, "1a 03 02 00 00 00");
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, 60), 0);
    assert_int_equal(talk_take(talk).length, 5 + 54);
    talk_forget(talk);
    dialogue_end(talk);
}

static void test_reconfiguration_of_a_plain_channel(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    dialogue_open(talk, 1);
    dialogue_tell(talk, "19 02 06 00 c8 00 40 00 50 00");
    dialogue_hear(talk, "1a 02 02 00 03 00");
    dialogue_tell(talk, "19 02 03 00 c8 00 40");
    dialogue_hear(talk, "01 02 02 00 00 00");
    dialogue_end(talk);
}

/* ---- Turns ---- */

/* Sends notifications whenever there is room, so that the link's own queue is never empty. */
static void keep_queue_full(struct talk *talk)
{
    while (bluet_gattc_write(talk->host, LINK, 3, "notify", 6, BLUET_WRITE_NO_RESPONSE) == 0)
        ;
}

/* What goes out meanwhile: a letter for each packet, q of the queue, c of the channel, - a fragment of the one before.
 */
static void collect(struct talk *talk, char *letters, size_t size)
{
    size_t count = strlen(letters);
    while (talk->packet_count && count + 1 < size) {
        struct talk_packet packet = talk_take(talk);
        bool goes_on = (packet.octets[2] >> 4 & 3) == HCI_BOUNDARY_CONTINUING;
        letters[count++] = goes_on ? '-' : packet.octets[7] == PEER_CID ? 'c' : 'q';
    }
    letters[count] = 0;
}

/* A program that writes without an end does not starve the channels of its link, nor is it starved by them. */
static void test_queue_and_channel_take_turns(void **state)
{
    (void)state;
    static const struct bluet_config limits = {.buffer_count = 4};
    struct talk *talk = dialogue_begin(&limits);
    dialogue_open(talk, 20);
    char letters[64] = "";
    uint8_t sdu[200];
    memset(sdu, 's', sizeof sdu);
    keep_queue_full(talk);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, sizeof sdu), 0); /* 5 frames */
    talk_forget(talk);
    for (int i = 0; i < 12; i++) {
        talk_complete(talk, LINK, 1);
        keep_queue_full(talk);
    }
    collect(talk, letters, sizeof letters);
    assert_string_equal(letters, "qcqcqcqcqcqq");
    unsigned ready = 0;
    for (; talk->event_count; talk->event_count--)
        ready += strcmp(talk->events[talk->first_event++ % TALK_EVENTS], "L2CAP_SEND_READY 0x0001 cid 0x0040") == 0;
    assert_int_equal(ready, 1);
    talk_disconnect(talk, LINK);
    talk_forget(talk);
    talk_destroy(talk);
}

/* Where a frame takes several packets, those of another are not put between them. */
static void test_frames_stay_whole(void **state)
{
    (void)state;
    static const struct bluet_config limits = {.buffer_count = 8, .mtu_limit = 64, .channel_size = 256};
    struct talk *talk = talk_create(&limits);
    talk->controller.le_acl_length = 27;
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
    talk_connect_central(talk, LINK);
    talk_forget(talk);
    dialogue_open(talk, 20);
    char letters[128] = "";
    uint8_t sdu[100];
    memset(sdu, 's', sizeof sdu);
    keep_queue_full(talk);
    bluet_gattc_write(talk->host, LINK, 3, sdu, 20, BLUET_WRITE_NO_RESPONSE);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, OUR_CID, sdu, sizeof sdu), 0);
    talk_forget(talk);
    for (int i = 0; i < 16; i++) {
        talk_complete(talk, LINK, 1);
        keep_queue_full(talk);
    }
    collect(talk, letters, sizeof letters);
    assert_string_equal(letters, "qc-qc-qcqqqqqqqq");
    talk_forget(talk);
    talk_disconnect(talk, LINK);
    talk_forget(talk);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_frame),
        cmocka_unit_test(test_sdus_of_none_and_one_octet),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_segments_are_mixed),
        cmocka_unit_test(test_credits_come_back_when_all_is_read),
        cmocka_unit_test(test_rules_are_broken),
        cmocka_unit_test(test_half_a_length),
        cmocka_unit_test(test_more_frames_than_credits),
        cmocka_unit_test(test_frames_to_nobody),
        cmocka_unit_test(test_unread_after_the_end),
        cmocka_unit_test(test_unread_gives_way),
        cmocka_unit_test(test_sdu_goes_in_segments),
        cmocka_unit_test(test_sdu_waits_for_credits),
        cmocka_unit_test(test_sdu_waits_for_buffers),
        cmocka_unit_test(test_sdu_beyond_twice_our_mtu),
        cmocka_unit_test(test_wrong_credits),
        cmocka_unit_test(test_reconfiguration),
        cmocka_unit_test(test_reconfigured_mps),
        cmocka_unit_test(test_reconfiguration_of_a_plain_channel),
        cmocka_unit_test(test_queue_and_channel_take_turns),
        cmocka_unit_test(test_frames_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
