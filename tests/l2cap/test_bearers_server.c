/*
 * Enhanced ATT bearers that a client opens: who may, each with transactions of its own, indications side by side, and
 * the end of one alone (Vol 3 Part F, 3.2.11, 3.3; Part G, 5.3).
 */
#include "dialogue.h"

#include "host/host.h"

#include <stdio.h>
#include <string.h>

enum { FIRST = 0x40, SECOND = 0x41, VALUE = 0x16, OTHER = 0x19, THIRD = 0x1c };

#define ASK_FOR_TWO "17 01 0c 00 27 00 64 00 40 00 09 00 50 00 51 00"

static struct talk *begin_with(const struct bluet_config *limits, bool encrypted)
{
    static const struct bluet_characteristic characteristics[] = {
        {{2, {1, 0xa0}}, BLUET_FLAG_READ | BLUET_FLAG_WRITE | BLUET_FLAG_INDICATE, NULL, 0},
        {{2, {2, 0xa0}}, BLUET_FLAG_READ | BLUET_FLAG_INDICATE, NULL, 0},
        {{2, {3, 0xa0}}, BLUET_FLAG_READ | BLUET_FLAG_INDICATE, NULL, 0},
    };
    static const struct bluet_service service = {
        .uuid = {2, {0, 0xa0}}, .characteristics = characteristics, .characteristic_count = 3};
    uint16_t handles[3];
    struct talk *talk = dialogue_begin(limits);
    link_find(&talk->host->links, LINK)->encrypted = encrypted;
    assert_int_equal(bluet_gatts_register_services(talk->host, handles, 3, &service, 1), 3);
    assert_int_equal(handles[0], VALUE);
    assert_int_equal(handles[1], OTHER);
    assert_int_equal(handles[2], THIRD);
    return talk;
}

static struct talk *begin(uint8_t bearer_count)
{
    const struct bluet_config limits = {.bearer_count = bearer_count};
    return begin_with(&limits, true);
}

static struct talk *open_two_with(const struct bluet_config *limits)
{
    struct talk *talk = begin_with(limits, true);
    dialogue_tell(talk, ASK_FOR_TWO);
    dialogue_hear(talk, "18 01 0c 00 40 00 40 00 10 00 00 00 40 00 41 00");
    talk_expect_no_event(talk);
    return talk;
}

static struct talk *open_two(void)
{
    const struct bluet_config limits = {.bearer_count = 2};
    return open_two_with(&limits);
}

/* ---- Who may open them ---- */

static void test_link_is_not_encrypted(void **state)
{
    (void)state;
    const struct bluet_config limits = {.bearer_count = 2};
    struct talk *talk = begin_with(&limits, false);
    dialogue_tell(talk, ASK_FOR_TWO);
    dialogue_hear(talk, "18 01 0c 00 00 00 00 00 00 00 05 00 00 00 00 00");
    link_find(&talk->host->links, LINK)->key_known = true;
    dialogue_tell(talk, ASK_FOR_TWO);
    dialogue_hear(talk, "18 01 0c 00 00 00 00 00 00 00 08 00 00 00 00 00");
    dialogue_end(talk);
}

static void test_there_are_none(void **state)
{
    (void)state;
    struct talk *talk = begin(0);
    dialogue_tell(talk, ASK_FOR_TWO);
    dialogue_hear(talk, "18 01 0c 00 00 00 00 00 00 00 02 00 00 00 00 00");
    dialogue_tell_pdu(talk, ATT, "08 01 00 ff ff 3a 2b");
    dialogue_hear_pdu(talk, ATT, "09 03 13 00 00");
    assert_int_equal(bluet_l2cap_listen(talk->host, 0x27, 100), 0); /* the PSM is the application's */
    dialogue_end(talk);

    talk = begin(2);
    dialogue_tell_pdu(talk, ATT, "08 01 00 ff ff 3a 2b");
    dialogue_hear_pdu(talk, ATT, "09 03 13 00 01");
    assert_int_equal(bluet_l2cap_listen(talk->host, 0x27, 100), BLUET_EALREADY);
    dialogue_tell(talk, "14 01 0a 00 27 00 50 00 c8 00 40 00 03 00"); /* not by the plain way */
    dialogue_hear(talk, "15 01 0a 00 00 00 00 00 00 00 00 00 02 00");
    dialogue_end(talk);
}

static void test_limit(void **state)
{
    (void)state;
    struct talk *talk = begin(2);
    dialogue_tell(talk, "17 01 0e 00 27 00 64 00 40 00 09 00 50 00 51 00 52 00");
    dialogue_hear(talk, "18 01 0e 00 40 00 40 00 10 00 04 00 40 00 41 00 00 00");
    dialogue_tell(talk, "06 02 04 00 40 00 50 00");
    dialogue_hear(talk, "07 02 04 00 40 00 50 00");
    dialogue_tell(talk, "17 03 0a 00 27 00 64 00 40 00 09 00 52 00");
    dialogue_hear(talk, "18 03 0a 00 40 00 40 00 10 00 00 00 40 00");
    dialogue_tell(talk, "17 04 0a 00 27 00 3f 00 40 00 09 00 53 00"); /* MTU 63 */
    dialogue_hear(talk, "18 04 0a 00 00 00 00 00 00 00 0b 00 00 00");
    dialogue_end(talk);
}

static void test_limits_out_of_range(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    struct bluet_config config = talk->host->config;
    struct bluet *host;
    config.bearer_count = 6;
    assert_int_equal(bluet_create(&host, &config), BLUET_EINVAL);
    talk_destroy(talk);

    const struct bluet_config small = {.bearer_count = 5, .mtu_limit = 63}; /* bearers need 64 */
    talk = begin_with(&small, true);
    dialogue_tell(talk, ASK_FOR_TWO);
    dialogue_hear(talk, "18 01 0c 00 00 00 00 00 00 00 02 00 00 00 00 00");
    dialogue_end(talk);
}

/* An application knows nothing of them, and has all its channels. */
static void test_application_does_not_see_them(void **state)
{
    (void)state;
    const struct bluet_config limits = {.bearer_count = 2, .channel_count = 1};
    struct talk *talk = open_two_with(&limits);
    assert_int_equal(bluet_l2cap_send(talk->host, LINK, FIRST, "a", 1), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_available(talk->host, LINK, FIRST), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_disconnect(talk->host, LINK, FIRST), BLUET_EINVAL);
    const uint16_t cid = FIRST;
    assert_int_equal(bluet_l2cap_reconfigure(talk->host, LINK, &cid, 1, 200), BLUET_EINVAL);
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), 0);
    dialogue_hear(talk, "17 01 0a 00 80 00 64 00 40 00 05 00 42 00");
    assert_int_equal(bluet_l2cap_connect(talk->host, LINK, PSM, OUR_MTU), BLUET_ENOMEM);
    dialogue_end(talk);
}

/* ---- Transactions ---- */

static void test_each_has_its_own_transactions(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    assert_int_equal(bluet_gatts_write(talk->host, VALUE, "abc", 3, false), 3);
    static const uint16_t bearers[] = {FIRST, ATT, SECOND};
    for (size_t i = 0; i < 3; i++) {
        dialogue_tell_pdu(talk, bearers[i], "0a 16 00");
        talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x0016");
        dialogue_hear_pdu(talk, bearers[i], "0b 61 62 63");
    }
    dialogue_tell_pdu(talk, SECOND, "12 16 00 78");
    dialogue_hear_pdu(talk, SECOND, "13");
    talk_expect_event(talk, "GATTS_WRITE 0x0001 0x0016");
    dialogue_tell_pdu(talk, FIRST, "52 16 00 79");
    talk_expect_event(talk, "GATTS_WRITE 0x0001 0x0016");
    dialogue_tell_pdu(talk, FIRST, "02 40 00"); /* no MTU is exchanged on them */
    dialogue_hear_pdu(talk, FIRST, "01 02 00 00 06");
    dialogue_end(talk);
}

/* The queue is the client's, not the bearer's (3.4.6). */
static void test_prepared_writes_are_the_clients(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    dialogue_tell_pdu(talk, FIRST, "16 16 00 00 00 61");
    dialogue_hear_pdu(talk, FIRST, "17 16 00 00 00 61");
    dialogue_tell_pdu(talk, SECOND, "16 16 00 01 00 62");
    dialogue_hear_pdu(talk, SECOND, "17 16 00 01 00 62");
    dialogue_tell_pdu(talk, ATT, "18 01");
    dialogue_hear_pdu(talk, ATT, "19");
    talk_expect_event(talk, "GATTS_WRITE 0x0001 0x0016");
    dialogue_tell_pdu(talk, FIRST, "0a 16 00");
    talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x0016");
    dialogue_hear_pdu(talk, FIRST, "0b 61 62");
    dialogue_end(talk);
}

/* An answer longer than a frame, to a peer whose credits end in the middle: the rest waits, others do not. */
static void test_answer_waits_for_credits(void **state)
{
    (void)state;
    const struct bluet_config limits = {.bearer_count = 2, .mtu_limit = 128};
    struct talk *talk = begin_with(&limits, true);
    dialogue_tell(talk, "17 01 0c 00 27 00 64 00 40 00 01 00 50 00 51 00");
    dialogue_hear(talk, "18 01 0c 00 80 00 80 00 10 00 00 00 40 00 41 00");
    uint8_t value[99];
    memset(value, 'v', sizeof value);
    assert_int_equal(bluet_gatts_write(talk->host, VALUE, value, sizeof value, false), sizeof value);
    dialogue_tell_pdu(talk, FIRST, "0a 16 00");
    talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x0016");
    struct talk_packet packet = talk_take(talk);
    size_t first = packet.length - 9 - 2; /* octets of the PDU, the opcode included */
    assert_int_equal(packet.octets[9], 100);
    talk_expect_nothing(talk);
    talk_complete(talk, LINK, 1);
    talk_expect_nothing(talk);
    dialogue_tell_pdu(talk, SECOND, "0a 19 00");
    talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x0019");
    dialogue_hear_pdu(talk, SECOND, "0b");
    dialogue_tell(talk, "16 02 04 00 50 00 08 00");
    size_t rest = 0;
    while (talk->packet_count)
        rest += talk_take(talk).length - 9;
    assert_int_equal(first + rest, 100);
    talk_complete(talk, LINK, 2);
    dialogue_tell_pdu(talk, SECOND, "0a 19 00"); /* without credit: kept whole */
    talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x0019");
    talk_expect_nothing(talk);
    dialogue_end(talk);
}

/* Without a buffer the response of each is kept, and goes where it belongs. */
static void test_no_buffer_for_the_answers(void **state)
{
    (void)state;
    const struct bluet_config limits = {.bearer_count = 2, .buffer_count = 1};
    struct talk *talk = open_two_with(&limits);
    for (int i = 0; i < 9; i++)
        assert_int_equal(bluet_gatts_notify(talk->host, LINK, VALUE, "n", 1), 0);
    for (int i = 0; i < 8; i++)
        talk_take(talk);
    dialogue_tell_pdu(talk, SECOND, "12 16 00 62");
    dialogue_tell_pdu(talk, FIRST, "0a 15 00");
    dialogue_tell_pdu(talk, ATT, "0a 16 00");
    talk_expect_event(talk, "GATTS_WRITE 0x0001 0x0016");
    talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x0016");
    talk_expect_nothing(talk);
    talk_complete(talk, LINK, 8);
    talk_expect_frame(talk, LINK, ATT, "1b 16 00 6e");
    talk_expect_frame(talk, LINK, ATT, "0b 62");
    talk_expect_frame(talk, LINK, 0x50, "06 00 0b 2a 16 00 01 a0");
    talk_expect_frame(talk, LINK, 0x51, "01 00 13");
    talk_complete(talk, LINK, 4);
    dialogue_end(talk);
}

/* ---- Indications ---- */

static void test_indications_side_by_side(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "1", 1), 0);
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, OTHER, "2", 1), 0);
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, OTHER, "3", 1), 0); /* behind the one of the same value */
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, THIRD, "4", 1), 0); /* and behind that */
    dialogue_hear_pdu(talk, ATT, "1d 16 00 31");
    dialogue_hear_pdu(talk, FIRST, "1d 19 00 32");
    talk_expect_nothing(talk);
    dialogue_tell_pdu(talk, SECOND, "1e"); /* of nothing */
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    dialogue_tell_pdu(talk, FIRST, "1e");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0019 status 0x000");
    dialogue_hear_pdu(talk, FIRST, "1d 19 00 33");
    dialogue_hear_pdu(talk, SECOND, "1d 1c 00 34");
    dialogue_tell_pdu(talk, SECOND, "1e");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x001c status 0x000");
    dialogue_tell_pdu(talk, ATT, "1e");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x000");
    dialogue_tell_pdu(talk, FIRST, "0a 1c 00"); /* a request is answered while an indication waits */
    talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x001c");
    dialogue_hear_pdu(talk, FIRST, "0b");
    dialogue_tell_pdu(talk, FIRST, "1e");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0019 status 0x000");
    dialogue_end(talk);
}

/* The bearer alone ends; the link, and what comes by the others, goes on. */
static void test_indication_is_not_confirmed(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "1", 1), 0);
    dialogue_hear_pdu(talk, ATT, "1d 16 00 31");
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, OTHER, "2", 1), 0);
    dialogue_hear_pdu(talk, FIRST, "1d 19 00 32");
    dialogue_tell_pdu(talk, ATT, "1e");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x000");
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, OTHER, "3", 1), 0);
    talk_pass(talk, 30000000);
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0019 status 0x101");
    dialogue_hear_pdu(talk, ATT, "1d 19 00 33");
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    dialogue_tell_pdu(talk, FIRST, "0a 16 00"); /* not served any more */
    talk_expect_nothing(talk);
    dialogue_tell_pdu(talk, SECOND, "0a 15 00");
    dialogue_hear_pdu(talk, SECOND, "0b 2a 16 00 01 a0");
    dialogue_tell(talk, "07 01 04 00 50 00 40 00");
    dialogue_tell_pdu(talk, ATT, "1e");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0019 status 0x000");
    dialogue_end(talk);
}

/* Where it is the unenhanced one that has timed out, the enhanced ones still serve. */
static void test_unenhanced_bearer_times_out(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "1", 1), 0);
    dialogue_hear_pdu(talk, ATT, "1d 16 00 31");
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "2", 1), 0);
    talk_pass(talk, 30000000);
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x101");
    dialogue_hear_pdu(talk, FIRST, "1d 16 00 32");
    assert_int_equal(bluet_gatts_notify(talk->host, LINK, OTHER, "n", 1), 0);
    dialogue_hear_pdu(talk, FIRST, "1b 19 00 6e");
    talk_pass(talk, 30000000);
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x101");
    dialogue_hear(talk, "06 01 04 00 50 00 40 00");
    dialogue_tell(talk, "06 02 04 00 41 00 51 00");
    dialogue_hear(talk, "07 02 04 00 41 00 51 00");
    assert_int_equal(bluet_gatts_notify(talk->host, LINK, OTHER, "n", 1), BLUET_ENOTCONN);
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, OTHER, "n", 1), BLUET_ENOTCONN);
    dialogue_end(talk);
}

static void notify(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_GATTS_INDICATE_DONE)
        assert_int_equal(bluet_gatts_notify(talk->host, LINK, OTHER, "n", 1), 0);
}

/* What the handler sends meanwhile goes by one that stays. */
static void test_handler_notifies_as_a_bearer_ends(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "1", 1), 0);
    dialogue_hear_pdu(talk, ATT, "1d 16 00 31");
    talk_pass(talk, 30000000);
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x101");
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "2", 1), 0);
    dialogue_hear_pdu(talk, FIRST, "1d 16 00 32");
    talk->on_event = notify;
    dialogue_tell(talk, "06 02 04 00 40 00 50 00");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x100");
    dialogue_hear(talk, "07 02 04 00 40 00 50 00");
    dialogue_hear_pdu(talk, SECOND, "1b 19 00 6e");
    dialogue_end(talk);
}

/* ---- The peer's faults, and ends ---- */

static void test_a_fault_ends_one_bearer(void **state)
{
    (void)state;
    static const char *const frames[] = {"41 00 0a", "02 00 0a 16 00", "01"};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct talk *talk = open_two();
        assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "1", 1), 0);
        assert_int_equal(bluet_gatts_indicate(talk->host, LINK, OTHER, "2", 1), 0);
        dialogue_hear_pdu(talk, ATT, "1d 16 00 31");
        dialogue_hear_pdu(talk, FIRST, "1d 19 00 32");
        talk_receive_frame(talk, LINK, FIRST, frames[i]);
        talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0019 status 0x100");
        dialogue_hear(talk, "06 01 04 00 50 00 40 00");
        dialogue_tell_pdu(talk, SECOND, "0a 15 00");
        dialogue_hear_pdu(talk, SECOND, "0b 2a 16 00 01 a0");
        dialogue_tell(talk, "07 01 04 00 50 00 40 00");
        dialogue_tell_pdu(talk, ATT, "1e");
        talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x000");
        dialogue_end(talk);
    }
}

static void test_malformed_pdus(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    talk_receive_frame(talk, LINK, FIRST, "00 00"); /* an empty SDU */
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    dialogue_tell_pdu(talk, FIRST, "0a 16");
    dialogue_hear_pdu(talk, FIRST, "01 0a 00 00 04");
    dialogue_tell_pdu(talk, FIRST, "3e");
    dialogue_hear_pdu(talk, FIRST, "01 3e 00 00 06");
    dialogue_tell_pdu(talk, FIRST, "0b 00");              /* an answer to nothing */
    talk_receive_frame(talk, LINK, FIRST, "03 00 0a 16"); /* in two frames */
    talk_receive_frame(talk, LINK, FIRST, "00");
    talk_expect_event(talk, "GATTS_READ_REQUEST 0x0001 0x0016");
    dialogue_hear_pdu(talk, FIRST, "0b");
    dialogue_end(talk);
}

static void test_credits_come_back_in_batches(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    for (int i = 0; i < 7; i++)
        dialogue_tell_pdu(talk, FIRST, "52 16 00 61");
    talk_expect_nothing(talk);
    dialogue_tell_pdu(talk, FIRST, "52 16 00 61");
    dialogue_hear(talk, "16 01 04 00 40 00 08 00");
    for (int i = 0; i < 8; i++)
        talk_expect_event(talk, "GATTS_WRITE 0x0001 0x0016");
    dialogue_end(talk);
}

/* Of the link's first enhanced bearer. */
static uint16_t enhanced_mtu(const struct bluet *host)
{
    const struct att *att = &host->gatt.att;
    return att_next(att, att_bearer(att, link_find(&host->links, LINK)))->mtu;
}

/* The MTU is the lesser of both ends', also after the peer's has grown. */
static void test_mtu_grows(void **state)
{
    (void)state;
    const struct bluet_config limits = {.bearer_count = 1, .mtu_limit = 128};
    struct talk *talk = begin_with(&limits, true);
    dialogue_tell(talk, "17 01 0a 00 27 00 40 00 80 00 09 00 50 00");
    dialogue_hear(talk, "18 01 0a 00 80 00 80 00 10 00 00 00 40 00");
    assert_int_equal(enhanced_mtu(talk->host), 0x40);
    dialogue_tell(talk, "19 02 06 00 00 02 80 00 50 00");
    dialogue_hear(talk, "1a 02 02 00 00 00");
    assert_int_equal(enhanced_mtu(talk->host), 0x80);
    dialogue_end(talk);
}

static void test_link_is_lost(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "1", 1), 0);
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, OTHER, "2", 1), 0);
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "3", 1), 0);
    talk_forget(talk);
    talk_disconnect(talk, LINK);
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0019 status 0x100");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x100");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x100");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    talk_connect_central(talk, LINK);
    talk_forget(talk);
    link_find(&talk->host->links, LINK)->encrypted = true;
    dialogue_tell(talk, ASK_FOR_TWO);
    dialogue_hear(talk, "18 01 0c 00 40 00 40 00 10 00 00 00 40 00 41 00");
    dialogue_end(talk);
}

static void test_memory_is_refused(void **state)
{
    (void)state;
    const struct bluet_config limits = {.bearer_count = 2, .mtu_limit = 64};
    struct talk *talk = talk_activated(&limits);
    size_t count = talk->allocations;
    talk_destroy(talk);
    for (size_t nth = 2; nth <= count; nth++) {
        talk = talk_create(&limits);
        size_t memory = talk->memory;
        talk->refused_after = nth;
        assert_int_equal(bluet_activate(talk->host), BLUET_ENOMEM);
        assert_int_equal(talk->memory, memory);
        talk_destroy(talk);
    }
}

/* A client that uses several bearers may have a request under way on each: only the hash tells it (Part G, 2.5.2.1). */
static void test_client_out_of_sync(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    dialogue_tell_pdu(talk, ATT, "12 0f 00 01"); /* robust caching */
    dialogue_hear_pdu(talk, ATT, "13");
    assert_int_equal(bluet_gatts_register_services(talk->host, NULL, 0, NULL, 0), 0);
    static const uint16_t bearers[] = {FIRST, SECOND, ATT, FIRST};
    for (size_t i = 0; i < 4; i++) {
        dialogue_tell_pdu(talk, bearers[i], "0a 03 00");
        dialogue_hear_pdu(talk, bearers[i], "01 0a 03 00 12");
    }
    dialogue_tell_pdu(talk, SECOND, "08 01 00 ff ff 2a 2b");
    talk_take(talk);
    talk_complete(talk, LINK, 1);
    dialogue_tell_pdu(talk, FIRST, "0a 05 00");
    dialogue_hear_pdu(talk, FIRST, "0b 00 00");
    dialogue_end(talk);
}

/* Service Changed goes by any bearer; if that ends before it is confirmed, it goes by another. */
static void test_service_changed(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    dialogue_tell_pdu(talk, ATT, "12 0d 00 02 00");
    dialogue_hear_pdu(talk, ATT, "13");
    assert_int_equal(bluet_gatts_indicate(talk->host, LINK, VALUE, "1", 1), 0);
    dialogue_hear_pdu(talk, ATT, "1d 16 00 31");
    assert_int_equal(bluet_gatts_register_services(talk->host, NULL, 0, NULL, 0), 0);
    dialogue_hear_pdu(talk, FIRST, "1d 0c 00 14 00 1d 00");
    dialogue_tell(talk, "06 09 04 00 40 00 50 00"); /* the client ends the bearer */
    dialogue_hear(talk, "07 09 04 00 40 00 50 00");
    dialogue_hear_pdu(talk, SECOND, "1d 0c 00 01 00 ff ff");
    dialogue_tell_pdu(talk, SECOND, "1e");
    talk_expect_nothing(talk);
    dialogue_tell(talk, "06 0a 04 00 41 00 51 00"); /* confirmed: no more of it */
    dialogue_hear(talk, "07 0a 04 00 41 00 51 00");
    talk_expect_nothing(talk);
    dialogue_tell_pdu(talk, ATT, "1e");
    talk_expect_event(talk, "GATTS_INDICATE_DONE 0x0001 0x0016 status 0x000");
    dialogue_end(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_is_not_encrypted),
        cmocka_unit_test(test_there_are_none),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limits_out_of_range),
        cmocka_unit_test(test_application_does_not_see_them),
        cmocka_unit_test(test_each_has_its_own_transactions),
        cmocka_unit_test(test_prepared_writes_are_the_clients),
        cmocka_unit_test(test_answer_waits_for_credits),
        cmocka_unit_test(test_no_buffer_for_the_answers),
        cmocka_unit_test(test_indications_side_by_side),
        cmocka_unit_test(test_indication_is_not_confirmed),
        cmocka_unit_test(test_unenhanced_bearer_times_out),
        cmocka_unit_test(test_handler_notifies_as_a_bearer_ends),
        cmocka_unit_test(test_a_fault_ends_one_bearer),
        cmocka_unit_test(test_malformed_pdus),
        cmocka_unit_test(test_credits_come_back_in_batches),
        cmocka_unit_test(test_mtu_grows),
        cmocka_unit_test(test_link_is_lost),
        cmocka_unit_test(test_memory_is_refused),
        cmocka_unit_test(test_client_out_of_sync),
        cmocka_unit_test(test_service_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
