/*
 * Channels in trouble, as a conversation with the peer: memory and buffers that are refused, and an application that
 * does anything from any event.
 */
#include "dialogue.h"

#include <stdio.h>

#define CHANNEL "cid 0x0040 psm 0x80 "
#define ENHANCED_REQUEST "17 01 0a 00 80 00 64 00 40 00 05 00 40 00"

struct exchange {
    const char *told, *heard;
};

/* ---- Memory and buffers refused ---- */

static void test_memory_is_refused(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(NULL);
    talk->refused_after = talk->allocations + 1;
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), BLUET_ENOMEM);
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    talk->refused_after = talk->allocations + 1;
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), BLUET_ENOMEM);
    talk->refused_after = talk->allocations + 1;
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 40 00 03 00");
    dialogue_hear(talk, "15 01 0a 00 00 00 00 00 00 00 00 00 04 00");
    talk->refused_after = talk->allocations + 2;
    dialogue_tell(talk, "17 02 0e 00 80 00 c8 00 40 00 03 00 50 00 51 00 52 00");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_hear(talk, "18 02 0e 00 64 00 40 00 05 00 04 00 40 00 00 00 41 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0040 psm 0x80 mtu 100 200");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 cid 0x0041 psm 0x80 mtu 100 200");
    dialogue_end(talk);
}

/* All buffers are taken: those of the controller, and those of the host. */
static void take_buffers(struct talk *talk)
{
    while (bluet_gattc_write(talk->host, LINK, 3, "x", 1, BLUET_WRITE_NO_RESPONSE) == 0)
        ;
    talk_forget(talk);
}

static struct talk *begin_without_buffers(bool open)
{
    struct talk *talk = dialogue_begin(&(struct bluet_config){.buffer_count = 2});
    if (open)
        dialogue_open(talk, 0);
    else
        assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    take_buffers(talk);
    return talk;
}

/* What was in the way goes out. */
static void free_buffers(struct talk *talk)
{
    talk_complete(talk, LINK, 8);
    for (int i = 0; i < 2; i++)
        talk_take(talk);
}

static void finish(struct talk *talk)
{
    talk_expect_event(talk, "SEND_READY");
    dialogue_end(talk);
}

static void test_request_finds_no_buffer_for_its_answer(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"14 01 0a 00 81 00 50 00 c8 00 40 00 03 00", "15 01 0a 00 00 00 00 00 00 00 00 00 02 00"},
        {"17 01 12 00 81 00 c8 00 40 00 03 00 50 00 51 00 52 00 53 00 54 00",
         "18 01 12 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00"},
        {"19 01 06 00 c8 00 40 00 50 00", "1a 01 02 00 03 00"},
        {"06 05 04 00 06 00 06 00", "01 05 06 00 02 00 06 00 06 00"},
        {"20 05 00 00", "01 05 02 00 00 00"},
        {"14 05 20 00 01", "01 05 02 00 00 00"},
    };
    for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
        struct talk *talk = begin_without_buffers(false);
        dialogue_tell(talk, exchanges[i].told);
        dialogue_tell(talk, "20 07 00 00"); /* a second one is lost */
        talk_expect_nothing(talk);
        free_buffers(talk);
        dialogue_hear(talk, exchanges[i].heard);
        finish(talk);
    }
}

static void test_channel_is_made_once_there_is_a_buffer(void **state)
{
    (void)state;
    struct talk *talk = begin_without_buffers(false);
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 40 00 03 00");
    talk_expect_no_event(talk); /* the application is asked when it can be answered */
    free_buffers(talk);
    talk_expect_event(talk, "L2CAP_ACCEPT 0x0001 " CHANNEL "mtu 100 200");
    dialogue_hear(talk, "15 01 0a 00 40 00 64 00 40 00 05 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 " CHANNEL "mtu 100 200");
    finish(talk);
}

static void test_kept_request_goes_with_its_link(void **state)
{
    (void)state;
    struct talk *talk = begin_without_buffers(false);
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 40 00 03 00");
    talk_disconnect(talk, LINK);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    talk_expect_event(talk, "SEND_READY");
    talk_destroy(talk);
}

static void take_all(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_L2CAP_ACCEPT)
        take_buffers(talk);
}

/* What the application sends meanwhile does not take the buffer of the response. */
static void test_buffer_is_kept_for_the_response(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(&(struct bluet_config){.buffer_count = 2});
    assert_int_equal(bluet_l2cap_listen(talk->host, PSM, OUR_MTU), 0);
    talk->on_event = take_all;
    dialogue_tell(talk, "14 01 0a 00 80 00 50 00 c8 00 40 00 03 00");
    talk->on_event = NULL;
    free_buffers(talk);
    talk->first_packet--; /* the last of them is the response */
    talk->packet_count++;
    dialogue_hear(talk, "15 01 0a 00 40 00 64 00 40 00 05 00 00 00");
    talk_expect_event(talk, "L2CAP_CONNECT 0x0001 " CHANNEL "mtu 100 200");
    finish(talk);
}

static void test_our_request_finds_no_buffer(void **state)
{
    (void)state;
    struct talk *talk = begin_without_buffers(false);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), BLUET_ENOMEM);
    free_buffers(talk);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    talk_take(talk);
    talk_complete(talk, LINK, 1);
    finish(talk);
}

static void test_fall_back_finds_no_buffer(void **state)
{
    (void)state;
    struct talk *talk = dialogue_begin(&(struct bluet_config){.buffer_count = 2});
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, ENHANCED_REQUEST);
    take_buffers(talk);
    dialogue_tell(talk, "01 01 02 00 00 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x103");
    free_buffers(talk);
    finish(talk);
}

static void test_end_is_owed(void **state)
{
    (void)state;
    struct talk *talk = begin_without_buffers(true);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    talk_pass(talk, 1000);
    talk_expect_nothing(talk);
    free_buffers(talk);
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    talk_expect_event(talk, "SEND_READY");
    talk_pass(talk, 1000);
    talk_expect_nothing(talk); /* it went once */
    dialogue_tell(talk, "07 01 04 00 50 00 40 00");
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");
    dialogue_end(talk);
}

/* The peer ends it first, and something is left to be read: the request is not owed any more. */
static void test_end_is_not_owed_any_more(void **state)
{
    (void)state;
    struct talk *talk = begin_without_buffers(true);
    dialogue_tell_data(talk, "03 00 61 62 63");
    talk_expect_event(talk, "L2CAP_RECV 0x0001 cid 0x0040");
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, OUR_CID), 0);
    talk_pass(talk, 30000000); /* no buffer was ever free */
    talk_expect_event(talk, "L2CAP_DISCONNECT 0x0001 " CHANNEL "status 0x000");
    free_buffers(talk);
    talk_expect_nothing(talk);
    assert_int_equal(bluet_l2cap_available(talk->host, LINK, OUR_CID), 3);
    finish(talk);
}

/* ---- Whatever the application does in an event ---- */

typedef void (*deed)(struct talk *talk);

struct plan {
    enum bluet_event_code code;
    deed act;
};

static void end_channel(struct talk *talk)
{
    bluet_l2cap_disconnect(talk->host, LINK, OUR_CID);
}

static void end_link(struct talk *talk)
{
    bluet_gap_disconnect(talk->host, LINK);
}

static void end_host(struct talk *talk)
{
    bluet_deactivate(talk->host);
}

static void lose_controller(struct talk *talk)
{
    bluet_controller_lost(talk->host);
}

static void make_more(struct talk *talk)
{
    for (int i = 0; i < 10; i++)
        bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU);
}

static void read_and_send(struct talk *talk)
{
    uint8_t octets[8];
    bluet_l2cap_receive(talk->host, LINK, OUR_CID, octets, sizeof octets);
    bluet_l2cap_send(talk->host, LINK, OUR_CID, octets, sizeof octets);
}

static void stop_listening(struct talk *talk)
{
    bluet_l2cap_listen_stop(talk->host, PSM);
}

static void carry_out(struct talk *talk, const struct bluet_event *event)
{
    const struct plan *plan = talk->on_event_context;
    if (event->code == plan->code)
        plan->act(talk);
}

/* Each event of a channel's life. */
static void live(struct talk *talk)
{
    bluet_l2cap_listen(talk->host, PSM, OUR_MTU);
    dialogue_tell(talk, "17 01 0c 00 80 00 c8 00 40 00 01 00 50 00 51 00");
    talk_complete(talk, LINK, 1);
    dialogue_tell_data(talk, "03 00 61 62 63");
    bluet_l2cap_send(talk->host, LINK, OUR_CID, "abc", 3);
    bluet_l2cap_send(talk->host, LINK, OUR_CID, "abc", 3);
    dialogue_tell(talk, "16 09 04 00 50 00 01 00");
    talk_complete(talk, LINK, 8);
    dialogue_tell_data(talk, "ff 00 61 62 63");
    dialogue_tell(talk, "06 05 04 00 40 00 50 00");
    talk_pass(talk, 31000000);
}

static void test_application_does_anything(void **state)
{
    (void)state;
    static const enum bluet_event_code codes[] = {BLUET_EVENT_L2CAP_ACCEPT, BLUET_EVENT_L2CAP_CONNECT,
                                                  BLUET_EVENT_L2CAP_RECV, BLUET_EVENT_L2CAP_SEND_READY,
                                                  BLUET_EVENT_L2CAP_DISCONNECT};
    static const deed deeds[] = {end_channel, end_link,      end_host,      lose_controller,
                                 make_more,   read_and_send, stop_listening};
    for (size_t i = 0; i < sizeof codes / sizeof *codes * (sizeof deeds / sizeof *deeds); i++) {
        struct plan plan = {codes[i % 5], deeds[i / 5]};
        struct talk *talk = dialogue_begin(NULL);
        talk->on_event = carry_out;
        talk->on_event_context = &plan;
        live(talk);
        talk->on_event = NULL;
        talk_forget(talk);
        bluet_controller_lost(talk->host);
        bluet_poll(talk->host);
        talk_forget(talk);
        assert_false(bluet_is_active(talk->host));
        talk_destroy(talk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_refused),
        cmocka_unit_test(test_request_finds_no_buffer_for_its_answer),
        cmocka_unit_test(test_channel_is_made_once_there_is_a_buffer),
        cmocka_unit_test(test_kept_request_goes_with_its_link),
        cmocka_unit_test(test_buffer_is_kept_for_the_response),
        cmocka_unit_test(test_our_request_finds_no_buffer),
        cmocka_unit_test(test_fall_back_finds_no_buffer),
        cmocka_unit_test(test_end_is_owed),
        cmocka_unit_test(test_end_is_not_owed_any_more),
        cmocka_unit_test(test_application_does_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
