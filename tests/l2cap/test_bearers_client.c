/*
 * Enhanced ATT bearers that our client opens and uses: found once procedures wait for one another, questions side by
 * side, events in the order in which they were asked for (Vol 3 Part G, 5.3, 5.4, 7.2).
 */
#include "dialogue.h"

#include "host/host.h"

#include <stdio.h>
#include <string.h>

enum { FIRST = 0x40, SECOND = 0x41 };

#define ASK_SERVER "08 01 00 ff ff 3a 2b"
#define ASK_CLIENT "08 01 00 ff ff 29 2b"
#define ASK_FOR_TWO "17 01 0c 00 27 00 40 00 40 00 10 00 40 00 41 00"

static void expect_read(struct talk *talk, unsigned handle, const char *value)
{
    char text[80];
    snprintf(text, sizeof text, "GATTC_READ_RESULT 0x0001 0x%04x %s", handle, value);
    talk_expect_event(talk, text);
    snprintf(text, sizeof text, "GATTC_READ_DONE 0x0001 0x%04x status 0x000", handle);
    talk_expect_event(talk, text);
}

static void expect_failed(struct talk *talk, unsigned handle, unsigned status)
{
    char text[80];
    snprintf(text, sizeof text, "GATTC_READ_DONE 0x0001 0x%04x status 0x%03x", handle, status);
    talk_expect_event(talk, text);
}

static void ask_read(struct talk *talk, uint16_t handle)
{
    assert_int_equal(bluet_gattc_read(talk->host, LINK, handle, 0), 0);
}

/* The request for it, on that bearer. */
static void hear_read(struct talk *talk, uint16_t bearer, unsigned handle)
{
    char text[16];
    snprintf(text, sizeof text, "0a %02x 00", handle);
    dialogue_hear_pdu(talk, bearer, text);
}

/* The response, and what comes of it. */
static void answer_read(struct talk *talk, uint16_t bearer, unsigned handle, const char *value)
{
    char text[16];
    snprintf(text, sizeof text, "0b %s", value);
    dialogue_tell_pdu(talk, bearer, text);
    expect_read(talk, handle, value);
}

static void serve_read(struct talk *talk, uint16_t bearer, unsigned handle, const char *value)
{
    hear_read(talk, bearer, handle);
    answer_read(talk, bearer, handle, value);
}

/* Two reads side by side, of 1 on the unenhanced bearer and of 2 on the first other one. */
static void read_on_two(struct talk *talk)
{
    ask_read(talk, 1);
    ask_read(talk, 2);
    hear_read(talk, ATT, 1);
    hear_read(talk, FIRST, 2);
}

/* `count` reads, of which three begin. */
static void read_on_all(struct talk *talk, uint16_t count)
{
    for (uint16_t handle = 1; handle <= count; handle++)
        ask_read(talk, handle);
    hear_read(talk, ATT, 1);
    hear_read(talk, FIRST, 2);
    hear_read(talk, SECOND, 3);
}

/* The peer ends the channel of the first enhanced bearer. */
static void end_first(struct talk *talk)
{
    dialogue_tell(talk, "06 05 04 00 40 00 50 00");
    dialogue_hear(talk, "07 05 04 00 40 00 50 00");
}

static struct talk *begin(uint16_t buffer_count)
{
    const struct bluet_config limits = {.bearer_count = 2, .buffer_count = buffer_count};
    struct talk *talk = dialogue_begin(&limits);
    link_find(&talk->host->links, LINK)->encrypted = true;
    return talk;
}

/* Two reads: the second waits, and before it the peer's features are looked up. */
static struct talk *seek(uint16_t buffer_count)
{
    struct talk *talk = begin(buffer_count);
    ask_read(talk, 1);
    ask_read(talk, 2);
    serve_read(talk, ATT, 1, "61");
    dialogue_hear_pdu(talk, ATT, ASK_SERVER);
    return talk;
}

/* It has bearers; does it know that we do? */
static struct talk *seek_further(uint16_t buffer_count)
{
    struct talk *talk = seek(buffer_count);
    dialogue_tell_pdu(talk, ATT, "09 03 13 00 01");
    dialogue_hear_pdu(talk, ATT, ASK_CLIENT);
    return talk;
}

static struct talk *ask_for_two(uint16_t buffer_count)
{
    struct talk *talk = seek_further(buffer_count);
    dialogue_tell_pdu(talk, ATT, "09 03 0f 00 01");
    dialogue_hear_pdu(talk, ATT, "12 0f 00 07"); /* what is set stays set */
    dialogue_tell_pdu(talk, ATT, "13");
    dialogue_hear(talk, ASK_FOR_TWO);
    serve_read(talk, ATT, 2, "62");
    return talk;
}

static struct talk *open_two_with(uint16_t buffer_count)
{
    struct talk *talk = ask_for_two(buffer_count);
    dialogue_tell(talk, "18 01 0c 00 64 00 40 00 09 00 00 00 50 00 51 00");
    talk_expect_no_event(talk);
    return talk;
}

static struct talk *open_two(void)
{
    return open_two_with(0);
}

/* What was asked for last is of no interest any more. */
static void finish(struct talk *talk)
{
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    talk_disconnect(talk, LINK);
    talk_forget(talk);
    talk_destroy(talk);
}

/* ---- Finding them ---- */

static void test_found(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    read_on_all(talk, 3); /* once is enough */
    finish(talk);
}

/* A program that asks for one thing after another is not disturbed; nor is one on a link that is not encrypted. */
static void test_not_looked_for(void **state)
{
    (void)state;
    struct talk *talk = begin(0);
    for (uint16_t handle = 1; handle <= 3; handle++) {
        ask_read(talk, handle);
        serve_read(talk, ATT, handle, "61");
    }
    link_find(&talk->host->links, LINK)->encrypted = false;
    ask_read(talk, 1);
    ask_read(talk, 2);
    serve_read(talk, ATT, 1, "61");
    hear_read(talk, ATT, 2);
    talk_forget(talk);
    talk_expect_nothing(talk);
    answer_read(talk, ATT, 2, "61");
    dialogue_end(talk);
}

/* Writes follow one another whatever bearers there are: none of them waits for a search. */
static void test_not_looked_for_by_writes(void **state)
{
    (void)state;
    struct talk *talk = begin(0);
    ask_read(talk, 1);
    for (int mode = BLUET_WRITE_NO_RESPONSE; mode <= BLUET_WRITE_LONG; mode++) {
        uint16_t handle = (uint16_t)(3 + mode);
        assert_int_equal(bluet_gattc_write(talk->host, LINK, handle, "w", 1, (enum bluet_write_mode)mode), 0);
    }
    dialogue_hear_pdu(talk, ATT, "0a 01 00");
    dialogue_hear_pdu(talk, ATT, "52 03 00 77"); /* waits for nobody */
    answer_read(talk, ATT, 1, "61");
    dialogue_hear_pdu(talk, ATT, "12 04 00 77");
    dialogue_tell_pdu(talk, ATT, "13");
    talk_expect_event(talk, "GATTC_WRITE_DONE 0x0001 0x0004 status 0x000");
    dialogue_hear_pdu(talk, ATT, "16 05 00 00 00 77");
    assert_int_equal(bluet_gattc_write(talk->host, LINK, 3, "x", 1, BLUET_WRITE_NO_RESPONSE), 0);
    dialogue_tell_pdu(talk, ATT, "17 05 00 00 00 77");
    dialogue_hear_pdu(talk, ATT, "18 01");
    dialogue_tell_pdu(talk, ATT, "19");
    talk_expect_event(talk, "GATTC_WRITE_DONE 0x0001 0x0005 status 0x000");
    dialogue_hear_pdu(talk, ATT, "52 03 00 78");
    ask_read(talk, 1);
    ask_read(talk, 2);
    serve_read(talk, ATT, 1, "61");
    dialogue_hear_pdu(talk, ATT, ASK_SERVER);
    finish(talk);
}

/* At each step the peer may have nothing for us: the procedure that waited comes next, and nothing is raised. */
static void test_peer_has_none(void **state)
{
    (void)state;
    static const char *const first[] = {"09 03 13 00 00", "01 08 01 00 0a", "09 02 13 00", "09", "09 03 13 00 02 00"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        struct talk *talk = seek(0);
        dialogue_tell_pdu(talk, ATT, first[i]);
        hear_read(talk, ATT, 2);
        ask_read(talk, 3);
        answer_read(talk, ATT, 2, "62");
        hear_read(talk, ATT, 3); /* not asked again */
        answer_read(talk, ATT, 3, "63");
        dialogue_end(talk);
    }
    struct talk *talk = seek_further(0);
    dialogue_tell_pdu(talk, ATT, "01 08 01 00 05");
    serve_read(talk, ATT, 2, "62");
    dialogue_end(talk);

    talk = seek_further(0);
    dialogue_tell_pdu(talk, ATT, "01 08 01 00 0a"); /* it does not want to know: it has bearers all the same */
    dialogue_hear(talk, ASK_FOR_TWO);
    serve_read(talk, ATT, 2, "62");
    dialogue_end(talk);

    talk = seek_further(0);
    dialogue_tell_pdu(talk, ATT, "09 03 0f 00 00");
    dialogue_hear_pdu(talk, ATT, "12 0f 00 06");
    dialogue_tell_pdu(talk, ATT, "01 12 0f 00 03");
    serve_read(talk, ATT, 2, "62");
    dialogue_end(talk);
}

static void test_request_is_refused(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "18 01 08 00 00 00 00 00 00 00 02 00", /* not served: nor by the other way */
        "18 01 08 00 00 00 00 00 00 00 05 00",
        "01 01 02 00 00 00",                               /* nor known */
        "18 01 0c 00 3f 00 40 00 09 00 00 00 50 00 51 00", /* an MTU below 64 */
        "18 01 0a 00 64 00 40 00 09 00 00 00 50 00",       /* a CID is missing */
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct talk *talk = ask_for_two(0);
        dialogue_tell(talk, answers[i]);
        ask_read(talk, 1);
        ask_read(talk, 2);
        hear_read(talk, ATT, 1);
        talk_expect_nothing(talk);
        answer_read(talk, ATT, 1, "61");
        serve_read(talk, ATT, 2, "62");
        dialogue_end(talk);
    }
}

/* Both sides have asked at the same time, and have no room for the other's: the central asks again, once (5.4). */
static void test_collision(void **state)
{
    (void)state;
    struct talk *talk = ask_for_two(0);
    dialogue_tell(talk, "17 01 0c 00 27 00 64 00 40 00 09 00 50 00 51 00");
    dialogue_hear(talk, "18 01 0c 00 00 00 00 00 00 00 04 00 00 00 00 00");
    dialogue_tell(talk, "18 01 08 00 00 00 00 00 00 00 04 00");
    talk_pass(talk, 1);
    dialogue_hear(talk, "17 02 0c 00 27 00 40 00 40 00 10 00 40 00 41 00");
    dialogue_tell(talk, "18 02 08 00 00 00 00 00 00 00 04 00");
    talk_pass(talk, 1000000);
    talk_expect_nothing(talk);
    dialogue_tell(talk, "17 05 0c 00 27 00 64 00 40 00 09 00 50 00 51 00"); /* now the peer's turn */
    dialogue_hear(talk, "18 05 0c 00 40 00 40 00 10 00 00 00 40 00 41 00");
    dialogue_end(talk);
}

static void test_peer_opens_them(void **state)
{
    (void)state;
    struct talk *talk = begin(0);
    dialogue_tell(talk, "17 01 0c 00 27 00 64 00 40 00 09 00 50 00 51 00");
    dialogue_hear(talk, "18 01 0c 00 40 00 40 00 10 00 00 00 40 00 41 00");
    read_on_two(talk);
    dialogue_tell_pdu(talk, ATT, "0b 61");
    dialogue_tell_pdu(talk, FIRST, "0b 62");
    expect_read(talk, 1, "61");
    expect_read(talk, 2, "62");
    dialogue_end(talk);
}

/* ---- Procedures side by side ---- */

static void test_events_keep_their_order(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    read_on_all(talk, 4);
    dialogue_tell_pdu(talk, SECOND, "01 0a 03 00 0e");
    dialogue_tell_pdu(talk, FIRST, "0b 62");
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    dialogue_tell_pdu(talk, FIRST, "0b 63"); /* a second answer is of nothing */
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    answer_read(talk, ATT, 1, "61");
    expect_read(talk, 2, "62");
    expect_failed(talk, 3, 0x0e);
    serve_read(talk, ATT, 4, "64");
    dialogue_end(talk);
}

static void test_a_write_waits_and_is_waited_for(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    ask_read(talk, 1);
    ask_read(talk, 2);
    assert_int_equal(bluet_gattc_write(talk->host, LINK, 3, "w", 1, BLUET_WRITE_WITH_RESPONSE), 0);
    ask_read(talk, 4);
    ask_read(talk, 5);
    hear_read(talk, ATT, 1);
    hear_read(talk, FIRST, 2);
    talk_expect_nothing(talk);
    answer_read(talk, ATT, 1, "61");
    talk_expect_nothing(talk);
    answer_read(talk, FIRST, 2, "62");
    dialogue_hear_pdu(talk, ATT, "12 03 00 77");
    talk_expect_nothing(talk);
    dialogue_tell_pdu(talk, ATT, "13");
    talk_expect_event(talk, "GATTC_WRITE_DONE 0x0001 0x0003 status 0x000");
    hear_read(talk, ATT, 4);
    hear_read(talk, FIRST, 5);
    dialogue_tell_pdu(talk, FIRST, "0b 65");
    answer_read(talk, ATT, 4, "64");
    expect_read(talk, 5, "65");
    dialogue_end(talk);
}

/* A procedure of several requests: the first may come early, the others in its turn. */
static void test_long_procedures(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    assert_int_equal(bluet_gattc_discover_services(talk->host, LINK, NULL), 0);
    assert_int_equal(bluet_gattc_discover_services(talk->host, LINK, NULL), 0);
    dialogue_hear_pdu(talk, ATT, "10 01 00 ff ff 00 28");
    dialogue_hear_pdu(talk, FIRST, "10 01 00 ff ff 00 28");
    dialogue_tell_pdu(talk, FIRST, "11 06 01 00 05 00 00 18");
    talk_expect_no_event(talk);
    dialogue_tell_pdu(talk, ATT, "11 06 01 00 05 00 00 18");
    talk_expect_event(talk, "? 0x0001");
    dialogue_hear_pdu(talk, ATT, "10 06 00 ff ff 00 28");
    dialogue_tell_pdu(talk, ATT, "01 10 06 00 0a");
    talk_expect_event(talk, "GATTC_SERVICE_DONE 0x0001 0x0000 status 0x000");
    talk_expect_event(talk, "? 0x0001");
    dialogue_hear_pdu(talk, FIRST, "10 06 00 ff ff 00 28");
    dialogue_tell_pdu(talk, FIRST, "01 10 06 00 0a");
    talk_expect_event(talk, "GATTC_SERVICE_DONE 0x0001 0x0000 status 0x000");
    dialogue_end(talk);
}

static void exchange_mtu(struct talk *talk, const char *heard, const char *told)
{
    assert_int_equal(bluet_gattc_exchange_mtu(talk->host, LINK), 0);
    dialogue_hear_pdu(talk, ATT, heard);
    dialogue_tell_pdu(talk, ATT, told);
    talk_forget(talk);
}

/* A result is as long as the unenhanced bearer could have brought it, and not shorter. */
static void test_mtu_is_not_seen(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    ask_read(talk, 1);
    ask_read(talk, 2);
    talk_forget(talk);
    talk_complete(talk, LINK, 2);
    answer_read(talk, ATT, 1, "61");
    dialogue_tell_pdu(talk, FIRST, "0b 30 31 32 33 34 35 36 37 38 39 30 31 32 33 34 35 36 37 38 39 30 31 32 33");
    expect_read(talk, 2, "30313233343536373839303132333435363738393031"); /* 22 octets */
    /* Of several values nothing is left to be read later: all comes that the bearer has brought. */
    static const uint16_t handles[] = {3, 4};
    ask_read(talk, 1);
    assert_int_equal(bluet_gattc_read_multiple(talk->host, LINK, handles, 2, false), 0);
    hear_read(talk, ATT, 1);
    dialogue_hear_pdu(talk, FIRST, "0e 03 00 04 00");
    dialogue_tell_pdu(talk, FIRST, "0f 30 31 32 33 34 35 36 37 38 39 30 31 32 33 34 35 36 37 38 39 30 31 32 33");
    answer_read(talk, ATT, 1, "61");
    talk_expect_event(talk, "GATTC_READ_RESULT 0x0001 0x0000 303132333435363738393031323334353637383930313233");
    talk_expect_event(talk, "GATTC_READ_DONE 0x0001 0x0000 status 0x000");
    dialogue_end(talk);

    const struct bluet_config limits = {.bearer_count = 1, .mtu_limit = 128};
    talk = dialogue_begin(&limits);
    link_find(&talk->host->links, LINK)->encrypted = true;
    exchange_mtu(talk, "02 80 00", "03 80 00");
    dialogue_tell(talk, "17 01 0a 00 27 00 40 00 40 00 09 00 50 00"); /* MTU 64 */
    talk_forget(talk);
    talk_complete(talk, LINK, 1);
    ask_read(talk, 1);
    ask_read(talk, 2);
    hear_read(talk, ATT, 1);
    talk_expect_nothing(talk);
    answer_read(talk, ATT, 1, "61");
    hear_read(talk, ATT, 2);
    assert_int_equal(bluet_gattc_discover_services(talk->host, LINK, NULL), 0); /* sees no MTU */
    dialogue_hear_pdu(talk, FIRST, "10 01 00 ff ff 00 28");
    finish(talk);
}

/* ---- What the server says unasked ---- */

static void test_any_bearer_brings_news(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    ask_read(talk, 1);
    hear_read(talk, ATT, 1);
    dialogue_tell_pdu(talk, FIRST, "1b 16 00 61");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0001 0x0016 length 1");
    dialogue_tell_pdu(talk, FIRST, "1d 16 00 62");
    talk_expect_event(talk, "GATTC_INDICATE 0x0001 0x0016 62");
    dialogue_hear_pdu(talk, FIRST, "1e");
    dialogue_tell_pdu(talk, SECOND, "1d 16 00 63");
    talk_expect_event(talk, "GATTC_INDICATE 0x0001 0x0016 63");
    dialogue_hear_pdu(talk, SECOND, "1e");
    answer_read(talk, ATT, 1, "64");
    dialogue_end(talk);
}

/* A response that must wait holds nothing up. */
static void test_news_pass_what_waits(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    read_on_two(talk);
    dialogue_tell_pdu(talk, FIRST, "0b 62");
    dialogue_tell_pdu(talk, FIRST, "1d 16 00 62");
    talk_expect_event(talk, "GATTC_INDICATE 0x0001 0x0016 62");
    dialogue_hear_pdu(talk, FIRST, "1e");
    answer_read(talk, ATT, 1, "61");
    expect_read(talk, 2, "62");
    dialogue_end(talk);
}

/* ---- Trouble ---- */

/* Without a buffer to hold an answer, the question is asked again in its turn. */
static void test_no_buffer_to_hold_an_answer(void **state)
{
    (void)state;
    struct talk *talk = open_two_with(1);
    read_on_two(talk);
    for (int i = 0; i < 9; i++)
        assert_int_equal(bluet_gattc_write(talk->host, LINK, 9, "x", 1, BLUET_WRITE_NO_RESPONSE), 0);
    dialogue_tell_pdu(talk, FIRST, "0b 62");
    talk_complete(talk, LINK, 8);
    talk_forget(talk);
    talk_complete(talk, LINK, 1);
    talk_expect_nothing(talk);
    answer_read(talk, ATT, 1, "61");
    serve_read(talk, ATT, 2, "63");
    dialogue_end(talk);
}

static void test_bearer_ends_half_way(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++) {
        struct talk *talk = open_two();
        read_on_two(talk);
        if (held)
            dialogue_tell_pdu(talk, FIRST, "0b 62");
        end_first(talk);
        talk_pass(talk, 1);
        talk_expect_nothing(talk);
        answer_read(talk, ATT, 1, "61");
        serve_read(talk, ATT, 2, "63");
        dialogue_end(talk);
    }
}

/* Where it was the first that had it, the question is asked again at once. */
static void test_bearer_of_the_first_ends(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    read_on_two(talk);
    answer_read(talk, ATT, 1, "61");
    end_first(talk);
    talk_pass(talk, 1);
    serve_read(talk, ATT, 2, "62");
    dialogue_end(talk);
}

/* A bearer whose server is silent is given up, alone (Vol 3 Part F, 3.3.3). */
static void test_no_answer(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    read_on_two(talk);
    answer_read(talk, ATT, 1, "61");
    ask_read(talk, 3);
    hear_read(talk, ATT, 3);
    talk_pass(talk, 29000000);
    dialogue_tell_pdu(talk, ATT, "0b 63");
    talk_expect_no_event(talk);
    talk_pass(talk, 1000000);
    expect_failed(talk, 2, BLUET_STATUS_TIMEOUT);
    expect_read(talk, 3, "63");
    dialogue_hear(talk, "06 02 04 00 50 00 40 00");
    dialogue_tell_pdu(talk, FIRST, "0b 62"); /* too late */
    dialogue_tell(talk, "07 02 04 00 50 00 40 00");
    ask_read(talk, 4);
    ask_read(talk, 5);
    hear_read(talk, ATT, 4);
    hear_read(talk, SECOND, 5);
    finish(talk);
}

/* The enhanced ones serve where the unenhanced one has timed out. */
static void test_unenhanced_bearer_times_out(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    ask_read(talk, 1);
    hear_read(talk, ATT, 1);
    talk_pass(talk, 30000000);
    expect_failed(talk, 1, BLUET_STATUS_TIMEOUT);
    ask_read(talk, 2);
    serve_read(talk, FIRST, 2, "62");
    assert_int_equal(bluet_gattc_write(talk->host, LINK, 3, "w", 1, BLUET_WRITE_WITH_RESPONSE), 0);
    talk_pass(talk, 1);
    dialogue_hear_pdu(talk, FIRST, "12 03 00 77");
    end_first(talk); /* whether it was written nobody knows */
    talk_expect_event(talk, "GATTC_WRITE_DONE 0x0001 0x0003 status 0x100");
    dialogue_tell(talk, "06 06 04 00 41 00 51 00");
    dialogue_hear(talk, "07 06 04 00 41 00 51 00");
    ask_read(talk, 4);
    talk_pass(talk, 1);
    expect_failed(talk, 4, BLUET_STATUS_TIMEOUT);
    dialogue_end(talk);
}

static void test_link_is_lost(void **state)
{
    (void)state;
    struct talk *talk = open_two();
    read_on_all(talk, 4);
    dialogue_tell_pdu(talk, SECOND, "0b 63");
    talk_disconnect(talk, LINK);
    for (unsigned handle = 1; handle <= 4; handle++)
        expect_failed(talk, handle, BLUET_STATUS_DISCONNECTED);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    talk_expect_nothing(talk);
    talk_destroy(talk);

    talk = seek(0); /* while they are looked for */
    talk_disconnect(talk, LINK);
    expect_failed(talk, 2, BLUET_STATUS_DISCONNECTED);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    talk_destroy(talk);

    talk = ask_for_two(0); /* while they are asked for */
    talk_disconnect(talk, LINK);
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0001 1/c00000000001 reason 0x13");
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER || bluet_deadline(talk->host) == 0);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_looked_for),
        cmocka_unit_test(test_not_looked_for_by_writes),
        cmocka_unit_test(test_peer_has_none),
        cmocka_unit_test(test_request_is_refused),
        cmocka_unit_test(test_collision),
        cmocka_unit_test(test_peer_opens_them),
        cmocka_unit_test(test_events_keep_their_order),
        cmocka_unit_test(test_a_write_waits_and_is_waited_for),
        cmocka_unit_test(test_long_procedures),
        cmocka_unit_test(test_mtu_is_not_seen),
        cmocka_unit_test(test_any_bearer_brings_news),
        cmocka_unit_test(test_news_pass_what_waits),
        cmocka_unit_test(test_no_buffer_to_hold_an_answer),
        cmocka_unit_test(test_bearer_ends_half_way),
        cmocka_unit_test(test_bearer_of_the_first_ends),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_unenhanced_bearer_times_out),
        cmocka_unit_test(test_link_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
