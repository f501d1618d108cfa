/*
 * Several channels by one request of ours, and new MTUs for our ends of them, as a conversation with the peer (Vol 3
 * Part A, 4.25 to 4.28).
 */
#include "dialogue.h"

#include <stdio.h>
#include <string.h>

#define REQUEST "17 01 0e 00 80 00 64 00 40 00 05 00 40 00 41 00 42 00"

static struct talk *ask_for_three(const struct bluet_config *limits)
{
    struct talk *talk = dialogue_begin(limits);
    assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, OUR_MTU, 3), 0);
    dialogue_hear(talk, REQUEST);
    return talk;
}

static void expect_made(struct talk *talk, uint16_t cid)
{
    char text[80];
    snprintf(text, sizeof text, "L2CAP_CONNECT 0x0001 cid 0x%04x psm 0x80 mtu 100 200", cid);
    talk_expect_event(talk, text);
}

static void expect_refused(struct talk *talk, uint16_t cid, uint16_t status)
{
    char text[80];
    snprintf(text, sizeof text, "L2CAP_DISCONNECT 0x0001 cid 0x%04x psm 0x80 status 0x%03x", cid, status);
    talk_expect_event(talk, text);
}

static void test_all_are_made(void **state)
{
    (void)state;
    struct talk *talk = ask_for_three(NULL);
    dialogue_tell(talk, "18 01 0e 00 c8 00 40 00 03 00 00 00 50 00 51 00 52 00");
    for (uint16_t cid = 0x40; cid < 0x43; cid++)
        expect_made(talk, cid);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, 0x41, "abc", 3), 1);
    talk_expect_frame(talk, LINK, 0x51, "03 00 61 62 63");
    talk_complete(talk, LINK, 1);
    dialogue_end(talk);
}

static void test_five_fit_and_six_do_not(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, OUR_MTU, 0), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, OUR_MTU, 6), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, OUR_MTU, 5), 0);
    dialogue_hear(talk, "17 01 12 00 80 00 64 00 40 00 05 00 40 00 41 00 42 00 43 00 44 00");
    dialogue_end(talk);
}

/* Results that say so of some: a CID of 0 is of one that was not made (4.26). */
static void test_some_are_made(void **state)
{
    (void)state;
    static const unsigned results[] = {0x04, 0x09, 0x0a};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        char response[80];
        struct talk *talk = ask_for_three(NULL);
        snprintf(response, sizeof response, "18 01 0e 00 c8 00 40 00 03 00 %02x 00 50 00 00 00 52 00", results[i]);
        dialogue_tell(talk, response);
        expect_made(talk, 0x40);
        expect_refused(talk, 0x41, (uint16_t)results[i]);
        expect_made(talk, 0x42);
        dialogue_end(talk);
    }
}

static void test_none_is_made(void **state)
{
    (void)state;
    struct talk *talk = ask_for_three(NULL);
    dialogue_tell(talk, "18 01 08 00 00 00 00 00 00 00 05 00");
    for (uint16_t cid = 0x40; cid < 0x43; cid++)
        expect_refused(talk, cid, 5);
    dialogue_end(talk);

    talk = ask_for_three(NULL);
    talk_pass(talk, 30000000);
    for (uint16_t cid = 0x40; cid < 0x43; cid++)
        expect_refused(talk, cid, BLUET_STATUS_TIMEOUT);
    dialogue_end(talk);
}

static void test_response_makes_no_sense(void **state)
{
    (void)state;
    static const char *const responses[] = {
        "18 01 0c 00 c8 00 40 00 03 00 00 00 50 00 51 00",             /* two for three */
        "18 01 10 00 c8 00 40 00 03 00 00 00 50 00 51 00 52 00 53 00", /* four */
        "18 01 06 00 c8 00 40 00 03 00",
        "18 01 0e 00 c8 00 3f 00 03 00 00 00 50 00 51 00 52 00", /* MPS 63 */
        "18 01 0e 00 c8 00 40 00 03 00 00 00 00 00 00 00 00 00", /* made, but where? */
    };
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++) {
        struct talk *talk = ask_for_three(NULL);
        dialogue_tell(talk, responses[i]);
        for (uint16_t cid = 0x40; cid < 0x43; cid++)
            expect_refused(talk, cid, BLUET_STATUS_PROTOCOL);
        dialogue_end(talk);
    }
    struct talk *talk = ask_for_three(NULL); /* the same CID twice */
    dialogue_tell(talk, "18 01 0e 00 c8 00 40 00 03 00 00 00 50 00 50 00 52 00");
    expect_made(talk, 0x40);
    expect_refused(talk, 0x41, BLUET_STATUS_PROTOCOL);
    expect_made(talk, 0x42);
    dialogue_end(talk);
}

/* Each of them is asked for the other way, and that is remembered. */
static void test_peer_does_not_know_the_enhanced_way(void **state)
{
    (void)state;
    struct talk *talk = ask_for_three(NULL);
    dialogue_tell(talk, "01 01 02 00 00 00");
    dialogue_hear(talk, "14 02 0a 00 80 00 40 00 64 00 40 00 05 00");
    dialogue_hear(talk, "14 03 0a 00 80 00 41 00 64 00 40 00 05 00");
    dialogue_hear(talk, "14 04 0a 00 80 00 42 00 64 00 40 00 05 00");
    dialogue_tell(talk, "15 03 0a 00 51 00 c8 00 40 00 03 00 00 00");
    expect_made(talk, 0x41);
    dialogue_tell(talk, "15 02 0a 00 00 00 00 00 00 00 00 00 04 00");
    expect_refused(talk, 0x40, 4);
    assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, OUR_MTU, 2), 0);
    dialogue_hear(talk, "14 05 0a 00 80 00 40 00 64 00 40 00 05 00");
    dialogue_hear(talk, "14 06 0a 00 80 00 43 00 64 00 40 00 05 00");
    dialogue_end(talk);
}

static void test_request_is_owed(void **state)
{
    (void)state;
    const struct bluet_config limits = {.buffer_count = 1};
    struct talk *talk = dialogue_begin(&limits);
    for (int i = 0; i < 7; i++)
        assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, 32, 1), 0);
    assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, 32, 2), BLUET_ENOMEM); /* no channel */
    for (int i = 0; i < 7; i++)
        talk_take(talk);
    talk_pass(talk, 30000000);
    while (talk->event_count)
        talk_forget(talk);
    assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, 32, 3), 0); /* one sent, one in the buffer */
    talk_expect_frame(talk, LINK, SIGNALLING, "14 08 0a 00 80 00 40 00 20 00 40 00 04 00");
    talk_expect_nothing(talk);
    talk_complete(talk, LINK, 8);
    talk_expect_frame(talk, LINK, SIGNALLING, "14 09 0a 00 80 00 41 00 20 00 40 00 04 00");
    talk_expect_frame(talk, LINK, SIGNALLING, "14 0a 0a 00 80 00 42 00 20 00 40 00 04 00");
    dialogue_end(talk);
}

/* For every allocation: all or nothing. */
static void test_memory_is_refused(void **state)
{
    (void)state;
    for (size_t nth = 1; nth <= 3; nth++) {
        struct talk *talk = dialogue_begin(NULL);
        talk->refused_after = talk->allocations + nth;
        size_t memory = talk->memory;
        assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, OUR_MTU, 3), BLUET_ENOMEM);
        assert_int_equal(talk->memory, memory);
        talk->refused_after = 0;
        assert_int_equal(bluet_l2cap_connect_several(talk->host, LINK, PSM, OUR_MTU, 3), 0);
        dialogue_hear(talk, REQUEST);
        dialogue_end(talk);
    }
}

static void test_link_is_lost(void **state)
{
    (void)state;
    struct talk *talk = ask_for_three(NULL);
    talk_disconnect(talk, LINK);
    for (uint16_t cid = 0x40; cid < 0x43; cid++)
        expect_refused(talk, cid, BLUET_STATUS_DISCONNECTED);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    talk_destroy(talk);
}

/* ---- New MTUs ---- */

static const uint16_t cids[] = {0x40, 0x41, 0x42, 0x40, 0x43, 0x44};

static struct talk *open_three(void)
{
    struct talk *talk = ask_for_three(NULL);
    dialogue_tell(talk, "18 01 0e 00 c8 00 40 00 03 00 00 00 50 00 51 00 52 00");
    for (uint16_t cid = 0x40; cid < 0x43; cid++)
        expect_made(talk, cid);
    return talk;
}

static void expect_reconfigured(struct talk *talk, uint16_t cid, unsigned mtu, unsigned status)
{
    char text[80];
    snprintf(text, sizeof text, "L2CAP_RECONFIGURE_DONE 0x0001 cid 0x%04x mtu %u status 0x%03x", cid, mtu, status);
    talk_expect_event(talk, text);
}

/* What the peer has begun to send before it hears of it stays, what it sends afterwards may be longer. */
static void test_longer(void **state)
{
    (void)state;
    struct talk *talk = open_three();
    talk_receive_frame(talk, LINK, 0x40, "02 00 61 62");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    talk_receive_frame(talk, LINK, 0x40, "04 00 63 64");
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 2, 300), 0);
    dialogue_hear(talk, "19 02 08 00 2c 01 40 00 40 00 41 00");
    talk_receive_frame(talk, LINK, 0x40, "65 66");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 300), BLUET_EALREADY);
    dialogue_tell(talk, "1a 02 02 00 00 00");
    expect_reconfigured(talk, 0x40, 300, 0);
    expect_reconfigured(talk, 0x41, 300, 0);
    char octets[8] = "";
    assert_int_equal(bluet_l2cap_receive(talk->host, LINK, 0x40, octets, sizeof octets), 6);
    assert_string_equal(octets, "abcdef");
    talk_forget(talk); /* credits */
    talk_receive_frame(talk, LINK, 0x40, "2c 01 61");
    talk_receive_frame(talk, LINK, 0x42, "65 00 61"); /* its MTU is still 100 */
    dialogue_hear(talk, "06 04 04 00 52 00 42 00");
    dialogue_end(talk);
}

static void test_what_waits_to_be_sent_goes_on(void **state)
{
    (void)state;
    struct talk *talk = open_three();
    char sdu[160];
    memset(sdu, 'x', sizeof sdu);
    sdu[sizeof sdu - 1] = 'z';
    for (int i = 0; i < 2; i++)
        assert_int_equal(bluet_l2cap_send(talk->host, LINK, 0x40, "a", 1), 1);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, 0x40, sdu, sizeof sdu), 0);
    talk_complete(talk, LINK, 3);
    talk_forget(talk);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 1000), 0);
    dialogue_hear(talk, "19 02 06 00 e8 03 40 00 40 00");
    dialogue_tell(talk, "1a 02 02 00 00 00");
    expect_reconfigured(talk, 0x40, 1000, 0);
    dialogue_tell(talk, "16 09 04 00 50 00 05 00");
    size_t length = 0;
    uint8_t last = 0;
    while (talk->packet_count) {
        struct talk_packet packet = talk_take(talk);
        if (packet.octets[7] != 0x50)
            continue; /* there is room for more credits of the peer's */
        length += packet.length - 9;
        last = packet.octets[packet.length - 1];
    }
    assert_int_equal(length, sizeof sdu - 48);
    assert_int_equal(last, 'z');
    talk_expect_event(talk, "L2CAP_SEND_READY 0x0001 cid 0x0040");
    talk_complete(talk, LINK, 2);
    dialogue_end(talk);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *response;
        unsigned status;
    } rows[] = {
        {"1a 02 02 00 01 00", 1},
        {"1a 02 02 00 02 00", 2},
        {"1a 02 02 00 03 00", 3},
        {"1a 02 02 00 04 00", 4},
        {"1a 02 01 00 00", BLUET_STATUS_PROTOCOL},
        {"1a 02 03 00 00 00 00", BLUET_STATUS_PROTOCOL},
        {"01 02 02 00 00 00", BLUET_STATUS_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk *talk = open_three();
        assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 300), 0);
        dialogue_hear(talk, "19 02 06 00 2c 01 40 00 40 00");
        dialogue_tell(talk, "1a 03 02 00 00 00"); /* of something else */
        talk_expect_no_event(talk);
        dialogue_tell(talk, rows[i].response);
        expect_reconfigured(talk, 0x40, OUR_MTU, rows[i].status);
        talk_receive_frame(talk, LINK, 0x40, "65 00 61"); /* longer than our MTU, as it is */
        dialogue_hear(talk, "06 03 04 00 50 00 40 00");
        dialogue_end(talk);
    }
}

static void test_arguments(void **state)
{
    (void)state;
    struct talk *talk = open_three();
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, 7, cids, 1, 300), BLUET_ENOTCONN);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 0, 300), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 6, 300), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 4, 300), BLUET_EINVAL);     /* one twice */
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids + 4, 1, 300), BLUET_EINVAL); /* not there */
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, OUR_MTU - 1), BLUET_EINVAL);
    dialogue_end(talk);

    talk = dialogue_begin(NULL);
    dialogue_open(talk, 1);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 300), BLUET_ENOTSUP);
    dialogue_end(talk);

    talk = open_three();
    talk->refused_after = talk->allocations + 2;
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 2, 300), BLUET_ENOMEM);
    talk_expect_nothing(talk);
    dialogue_end(talk);
}

/* It has one end, whatever happens to the channel. */
static void test_something_ends_it(void **state)
{
    (void)state;
    struct talk *talk = open_three();
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 300), 0);
    dialogue_hear(talk, "19 02 06 00 2c 01 40 00 40 00");
    talk_pass(talk, 30000000);
    expect_reconfigured(talk, 0x40, OUR_MTU, BLUET_STATUS_TIMEOUT);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 300), 0);
    dialogue_hear(talk, "19 03 06 00 2c 01 40 00 40 00");
    dialogue_tell(talk, "06 05 04 00 40 00 50 00");
    dialogue_hear(talk, "07 05 04 00 40 00 50 00");
    expect_reconfigured(talk, 0x40, OUR_MTU, BLUET_STATUS_DISCONNECTED);
    expect_refused(talk, 0x40, 0);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids + 1, 1, 300), 0);
    dialogue_hear(talk, "19 04 06 00 2c 01 40 00 41 00");
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, 0x41), 0);
    dialogue_hear(talk, "06 05 04 00 51 00 41 00");
    dialogue_tell(talk, "07 05 04 00 51 00 41 00");
    expect_reconfigured(talk, 0x41, OUR_MTU, BLUET_STATUS_DISCONNECTED);
    expect_refused(talk, 0x41, 0);
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids + 2, 1, 300), 0);
    talk_forget(talk);
    talk_disconnect(talk, LINK);
    expect_reconfigured(talk, 0x42, OUR_MTU, BLUET_STATUS_DISCONNECTED);
    expect_refused(talk, 0x42, 0);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    talk_destroy(talk);
}

static int again;

static void ask_again(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_L2CAP_RECONFIGURE_DONE)
        again = bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 300);
}

/* Who asks again as soon as it has failed does not get a second procedure, of which there would be no end. */
static void test_asked_again_at_the_end(void **state)
{
    (void)state;
    struct talk *talk = open_three();
    talk->on_event = ask_again;
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, cids, 1, 300), 0);
    dialogue_hear(talk, "19 02 06 00 2c 01 40 00 40 00");
    dialogue_tell(talk, "06 05 04 00 40 00 50 00");
    assert_int_equal(again, BLUET_EINVAL);
    dialogue_hear(talk, "07 05 04 00 40 00 50 00");
    talk_expect_nothing(talk);
    expect_reconfigured(talk, 0x40, OUR_MTU, BLUET_STATUS_DISCONNECTED);
    expect_refused(talk, 0x40, 0);
    dialogue_end(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_made),
        cmocka_unit_test(test_five_fit_and_six_do_not),
        cmocka_unit_test(test_some_are_made),
        cmocka_unit_test(test_none_is_made),
        cmocka_unit_test(test_response_makes_no_sense),
        cmocka_unit_test(test_peer_does_not_know_the_enhanced_way),
        cmocka_unit_test(test_request_is_owed),
        cmocka_unit_test(test_memory_is_refused),
        cmocka_unit_test(test_link_is_lost),
        cmocka_unit_test(test_longer),
        cmocka_unit_test(test_what_waits_to_be_sent_goes_on),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_something_ends_it),
        cmocka_unit_test(test_asked_again_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
