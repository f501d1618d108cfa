/* The signalling channel, and the Security Manager's, which only refuses. Vol 3 Part A, 4; Part H, 3.5.5. */
#include "talk.h"

#include "host/host.h"

static const char update_request[] = "12 07 08 00 18 00 28 00 00 00 f4 01";

static struct talk *as_peripheral(void)
{
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    return talk;
}

static struct talk *as_central(void)
{
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, 0x40);
    return talk;
}

/* Another frame is served as if nothing had happened. */
static void expect_well(struct talk *talk)
{
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    talk_receive_frame(talk, 0x40, 5, "14 09 0a 00 81 00 40 00 17 00 17 00 01 00");
    talk_expect_frame(talk, 0x40, 5, "15 09 0a 00 00 00 00 00 00 00 00 00 02 00");
    talk_expect_nothing(talk);
}

static void test_unknown_commands(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    for (unsigned code = 0; code < 256; code++) {
        static const uint8_t known[] = {0x01, 0x06, 0x07, 0x12, 0x13, 0x14, 0x15, 0x16, 0x18, 0x1a};
        if (memchr(known, (int)code, sizeof known))
            continue;
        const uint8_t packet[] = {2, 0x40, 0x20, 8, 0, 4, 0, 5, 0, (uint8_t)code, 0x33, 0, 0};
        talk_receive_octets(talk, packet, sizeof packet);
        talk_expect_frame(talk, 0x40, 5, "01 33 02 00 00 00");
        talk_receive(talk, "04 13 05 01 40 00 01 00");
    }
    expect_well(talk);
    talk_destroy(talk);
}

/* Answers that nobody asked for (CVE-2025-10457, CVE-2025-10458), and credits for no channel. */
static void test_unasked_responses(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "01 01 02 00 00 00",
        "01 01 00 00",
        "07 01 04 00 40 00 41 00",
        "13 01 02 00 00 00",
        "13 01 00 00",
        "15 01 0a 00 40 00 17 00 17 00 ff ff 00 00",
        "15 01 0a 00 04 00 00 00 00 00 00 00 00 00",
        "16 01 04 00 40 00 ff ff",
        "16 01 04 00 04 00 00 00",
        "18 01 08 00 17 00 17 00 01 00 00 00",
        "1a 01 02 00 00 00",
    };
    struct talk *talk = as_central();
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        talk_receive_frame(talk, 0x40, 5, frames[i]);
        assert_int_equal(bluet_protocol_errors(talk->host), i + 1);
    }
    expect_well(talk);
    talk_destroy(talk);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *frame, *answer; /* NULL: none */
    } rows[] = {
        {"", NULL},
        {"12", NULL},
        {"12 07", NULL},
        {"12 07 08", NULL},
        {"12 00 08 00 18 00 28 00 00 00 f4 01", NULL},             /* identifier 0 */
        {"12 07 08 00 18 00 28 00 00 00 f4", "01 07 02 00 00 00"}, /* length beyond the frame */
        {"12 07 ff ff 18 00 28 00 00 00 f4 01", "01 07 02 00 00 00"},
        {"12 07 07 00 18 00 28 00 00 00 f4", "01 07 02 00 00 00"},       /* too short for what it is */
        {"12 07 09 00 18 00 28 00 00 00 f4 01 00", "01 07 02 00 00 00"}, /* too long */
        {"12 07 00 00", "01 07 02 00 00 00"},
        {"14 07 09 00 81 00 40 00 17 00 17 00 01", "01 07 02 00 00 00"},
        {"14 07 00 00", "01 07 02 00 00 00"},
        {"06 07 03 00 40 00 41", "01 07 02 00 00 00"},
        {"06 07 04 00 04 00 04 00", "01 07 06 00 02 00 04 00 04 00"}, /* CVE-2025-10456: a fixed CID */
        {"06 07 04 00 40 00 50 00", "01 07 06 00 02 00 40 00 50 00"},
        {"17 07 08 00 81 00 40 00 40 00 01 00", "18 07 08 00 00 00 00 00 00 00 0c 00"}, /* for no channel */
        {"17 07 09 00 81 00 40 00 40 00 01 00 40", "18 07 08 00 00 00 00 00 00 00 0c 00"},
        {"19 07 04 00 40 00 40 00", "1a 07 02 00 04 00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk *talk = as_central();
        talk_receive_frame(talk, 0x40, 5, rows[i].frame);
        if (rows[i].answer)
            talk_expect_frame(talk, 0x40, 5, rows[i].answer);
        assert_int_equal(bluet_protocol_errors(talk->host), 1);
        expect_well(talk);
        talk_destroy(talk);
    }
}

/* More than the 23 octets of the channel: Vol 3 Part A, 4.1. */
static void test_mtu_exceeded(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    talk_receive_frame(talk, 0x40, 5, "12 07 14 00 18 00 28 00 00 00 f4 01 00 00 00 00 00 00 00 00 00 00 00 00");
    talk_expect_frame(talk, 0x40, 5, "01 07 04 00 01 00 17 00");
    talk_receive_frame(talk, 0x40, 5, "13 07 14 00 18 00 28 00 00 00 f4 01 00 00 00 00 00 00 00 00 00 00 00 00");
    talk_receive_frame(talk, 0x40, 5, "12 00 14 00 18 00 28 00 00 00 f4 01 00 00 00 00 00 00 00 00 00 00 00 00");
    assert_int_equal(bluet_protocol_errors(talk->host), 3);
    expect_well(talk);
    talk_destroy(talk);
}

static void test_several_commands(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    talk_receive_frame(talk, 0x40, 5, "20 01 00 00 06 02 04 00 40 00 41 00 21 03 00 00");
    talk_expect_frame(talk, 0x40, 5, "01 01 02 00 00 00");
    talk_expect_frame(talk, 0x40, 5, "01 02 06 00 02 00 40 00 41 00");
    talk_expect_frame(talk, 0x40, 5, "01 03 02 00 00 00");
    /* The second one is cut off. */
    talk_receive_frame(talk, 0x40, 5, "20 01 00 00 20 02");
    talk_expect_frame(talk, 0x40, 5, "01 01 02 00 00 00");
    expect_well(talk);
    talk_destroy(talk);
}

/* ---- Parameters ---- */

static void test_update_request_to_central(void **state)
{
    (void)state;
    struct talk *talk = as_central();
    talk_receive_frame(talk, 0x40, 5, update_request);
    talk_expect(talk, "01 13 20 0e 40 00 18 00 28 00 00 00 f4 01 00 00 00 00");
    talk_expect_frame(talk, 0x40, 5, "13 07 02 00 00 00");
    talk_receive(talk, "04 0f 04 00 01 13 20");
    talk_receive(talk, "04 3e 0a 03 00 40 00 28 00 00 00 f4 01");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0040 40 0 500 status 0x00");
    talk_destroy(talk);
}

static void test_update_request_out_of_range(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "12 07 08 00 05 00 28 00 00 00 f4 01", /* interval */
        "12 07 08 00 18 00 81 0c 00 00 80 0c",
        "12 07 08 00 28 00 18 00 00 00 f4 01", /* upside down */
        "12 07 08 00 18 00 28 00 f4 01 80 0c", /* latency */
        "12 07 08 00 18 00 28 00 00 00 09 00", /* timeout */
        "12 07 08 00 18 00 28 00 00 00 81 0c",
        "12 07 08 00 28 00 28 00 00 00 0a 00", /* timeout not longer than two intervals */
        "12 07 08 00 00 00 00 00 00 00 00 00",
        "12 07 08 00 ff ff ff ff ff ff ff ff",
    };
    struct talk *talk = as_central();
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        talk_receive_frame(talk, 0x40, 5, frames[i]);
        talk_expect_frame(talk, 0x40, 5, "13 07 02 00 01 00");
        talk_receive(talk, "04 13 05 01 40 00 01 00");
    }
    expect_well(talk);
    talk_destroy(talk);
}

static void test_update_request_to_peripheral(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    talk_receive_frame(talk, 0x40, 5, update_request);
    talk_expect_frame(talk, 0x40, 5, "01 07 02 00 00 00");
    expect_well(talk);
    talk_destroy(talk);
}

static int request_update(struct talk *talk, uint16_t interval_max)
{
    struct link *link = link_find(&talk->host->links, 0x40);
    const struct link_parameters parameters = {24, interval_max, 0, 500};
    talk->host->hci.now = talk->now;
    return l2cap_signal_request_update(&talk->host->signal, link, &parameters);
}

static void test_our_update_request(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    assert_int_equal(request_update(talk, 5), BLUET_EINVAL);
    assert_int_equal(request_update(talk, 40), BLUET_OK);
    assert_int_equal(request_update(talk, 40), BLUET_EALREADY);
    talk_expect_frame(talk, 0x40, 5, "12 01 08 00 18 00 28 00 00 00 f4 01");
    talk_receive_frame(talk, 0x40, 5, "13 02 02 00 01 00"); /* of another request */
    talk_receive_frame(talk, 0x40, 5, "13 01 02 00 00 00");
    talk_expect_no_event(talk);
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);

    assert_int_equal(request_update(talk, 40), BLUET_OK);
    talk_expect_frame(talk, 0x40, 5, "12 02 08 00 18 00 28 00 00 00 f4 01");
    talk_receive_frame(talk, 0x40, 5, "13 02 02 00 01 00");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0040 24 0 500 status 0x3b");

    assert_int_equal(request_update(talk, 40), BLUET_OK);
    talk_take(talk);
    talk_receive_frame(talk, 0x40, 5, "01 03 02 00 00 00");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0040 24 0 500 status 0x1a");

    assert_int_equal(request_update(talk, 40), BLUET_OK);
    talk_take(talk);
    talk_receive_frame(talk, 0x40, 5, "13 04 01 00 00"); /* cut off */
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0040 24 0 500 status 0x3b");

    talk_pass_to_wrap(talk);
    assert_int_equal(request_update(talk, 40), BLUET_OK);
    talk_take(talk);
    talk_pass(talk, 29999999);
    talk_expect_no_event(talk);
    talk_pass(talk, 1);
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0040 24 0 500 status 0x22");

    /* The link ends first: nothing more is heard of it. */
    assert_int_equal(request_update(talk, 40), BLUET_OK);
    talk_take(talk);
    talk_receive(talk, "04 05 04 00 40 00 08");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x08");
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    talk_destroy(talk);

    talk = as_central();
    assert_int_equal(request_update(talk, 40), BLUET_EINVAL);
    talk_destroy(talk);
}

/* ---- Refused channels ---- */

/* CVE-2022-42896: an SPSM of 0 too. */
static void test_connection_request(void **state)
{
    (void)state;
    struct talk *talk = as_peripheral();
    talk_receive_frame(talk, 0x40, 5, "14 01 0a 00 00 00 40 00 17 00 17 00 01 00");
    talk_expect_frame(talk, 0x40, 5, "15 01 0a 00 00 00 00 00 00 00 00 00 02 00");
    expect_well(talk);
    talk_destroy(talk);
}

/* CVE-2020-12351: frames for channels that there are not. */
static void test_unknown_channels(void **state)
{
    (void)state;
    static const uint16_t cids[] = {0x0000, 0x0001, 0x0002, 0x0003, 0x0007, 0x003f, 0x0040, 0x007f, 0xffff};
    struct talk *talk = as_peripheral();
    for (size_t i = 0; i < sizeof cids / sizeof *cids; i++) {
        talk_receive_frame(talk, 0x40, cids[i], "01 02 03");
        talk_receive_frame(talk, 0x40, cids[i], "");
        assert_int_equal(bluet_protocol_errors(talk->host), 2 * i + 2);
    }
    expect_well(talk);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_commands),
        cmocka_unit_test(test_unasked_responses),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_mtu_exceeded),
        cmocka_unit_test(test_several_commands),
        cmocka_unit_test(test_update_request_to_central),
        cmocka_unit_test(test_update_request_out_of_range),
        cmocka_unit_test(test_update_request_to_peripheral),
        cmocka_unit_test(test_our_update_request),
        cmocka_unit_test(test_connection_request),
        cmocka_unit_test(test_unknown_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
