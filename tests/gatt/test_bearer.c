/* wrap: l2cap_send */
/* What holds for every request: one answer each, unknown and malformed PDUs, MTU, no buffers. Vol 3 Part F, 3.2 to 3.4.
 */
#include "gatt/room.h"

#include <stdio.h>

static struct room *with_services(void)
{
    struct room *room = room_create();
    room_register(room);
    return room;
}

/* ---- MTU ---- */

static void test_mtu_asked_by_the_peer(void **state)
{
    (void)state;
    struct room *room = with_services();
    hear(room, 0, "02 6400");
    expect(room, 0, "03 0001");
    expect_event(room, "mtu 40 100");
    assert_int_equal(gatt_link_mtu(&room->gatt, &room->link[0]), 100);
    assert_int_equal(gatt_link_mtu(&room->gatt, &room->link[1]), 23);
    hear(room, 1, "02 ffff");
    expect(room, 1, "03 0001");
    expect_event(room, "mtu 41 256");
    room_destroy(room);
}

static void test_mtu_is_asked_for_once(void **state)
{
    (void)state;
    struct room *room = with_services();
    hear(room, 0, "02 6400");
    forget(room);
    exchange(room, 0, "02 c800", "01 02 0000 06");
    expect_protocol_errors(room, 1);
    assert_int_equal(gatt_link_mtu(&room->gatt, &room->link[0]), 100);
    room_destroy(room);
}

static void test_mtu_below_the_least(void **state)
{
    (void)state;
    struct room *room = with_services();
    static const char *const requests[] = {"02 1600", "02 0000"};
    for (unsigned i = 0; i < 2; i++) {
        hear(room, i, requests[i]);
        expect(room, i, "03 0001");
        expect_event(room, i ? "mtu 41 23" : "mtu 40 23");
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

static void test_mtu_asked_by_us(void **state)
{
    (void)state;
    struct room *room = with_services();
    struct gatt_client *client = &room->gatt.client;
    assert_int_equal(gatt_client_exchange_mtu(client, &room->link[0]), 0);
    expect(room, 0, "02 0001");
    assert_int_equal(gatt_client_exchange_mtu(client, &room->link[0]), BLUET_EALREADY);
    hear(room, 0, "03 b900");
    expect_event(room, "mtu 40 185");
    assert_int_equal(gatt_client_exchange_mtu(client, &room->link[0]), BLUET_EALREADY);
    assert_int_equal(gatt_link_mtu(&room->gatt, &room->link[0]), 185);
    /* Other links have it before them. */
    gatt_set_mtu(&room->gatt, 64);
    assert_int_equal(gatt_client_exchange_mtu(client, &room->link[1]), 0);
    expect(room, 1, "02 4000");
    hear(room, 1, "03 1600");
    expect_event(room, "mtu 41 23");
    expect_protocol_errors(room, 1);
    room_destroy(room);
}

/* Both sides ask: what was said once is said again, whatever has been set since. */
static void test_mtu_asked_by_both(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[0]), 0);
    expect(room, 0, "02 0001");
    gatt_set_mtu(&room->gatt, 50);
    hear(room, 0, "02 c800");
    expect(room, 0, "03 0001");
    expect_event(room, "mtu 40 200");
    hear(room, 0, "03 c800");
    expect_event(room, "mtu 40 200");
    room_destroy(room);
}

static void test_mtu_refused(void **state)
{
    (void)state;
    struct room *room = with_services();
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[0]), 0);
    expect(room, 0, "02 0001");
    hear(room, 0, "01 02 0000 06");
    expect_event(room, "mtu 40 23");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

static void test_mtu_response_that_makes_no_sense(void **state)
{
    (void)state;
    struct room *room = with_services();
    hear(room, 0, "03 6400");
    expect_protocol_errors(room, 1);
    assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[0]), 0);
    expect(room, 0, "02 0001");
    hear(room, 0, "03 64");
    expect_nothing(room);
    expect_protocol_errors(room, 1);
    assert_int_equal(gatt_link_mtu(&room->gatt, &room->link[0]), 23);
    assert_int_equal(gatt_deadline(&room->gatt), BLUET_NEVER);
    room_destroy(room);
}

/* ---- PDUs that are not known, or not whole ---- */

/* GATT/SR/UNS/BI-01-C, GATT/SR/UNS/BI-02-C; every opcode that means nothing here. */
static void test_unknown_opcodes(void **state)
{
    (void)state;
    struct room *room = with_services();
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        bool known = opcode <= 0x13 || (opcode >= 0x16 && opcode <= 0x19) || opcode == 0x1b || opcode == 0x1d ||
                     opcode == 0x1e || opcode == 0x20 || opcode == 0x21 || opcode == 0x23 || opcode == 0x52;
        if (known && opcode != 0)
            continue;
        const uint8_t pdu[] = {(uint8_t)opcode, 1, 2, 3};
        hear_octets(room, 0, pdu, sizeof pdu);
        expect_protocol_errors(room, 1);
        char response[32];
        snprintf(response, sizeof response, "01 %02x 0000 06", opcode);
        if (!(opcode & ATT_COMMAND_FLAG))
            expect(room, 0, response);
        expect_nothing(room);
    }
    room_destroy(room);
}

static void test_empty_pdu(void **state)
{
    (void)state;
    struct room *room = with_services();
    hear(room, 0, "");
    expect_protocol_errors(room, 1);
    expect_nothing(room);
    room_destroy(room);
}

static const char *const requests[] = {
    "02 2100",
    "04 0100 ffff",
    "06 0100 ffff 0028 0d18",
    "08 0100 ffff 0328",
    "08 0100 ffff 9ecadc240ee5a9e093f3a3b50300406e",
    "0a 1400",
    "0c 1400 0000",
    "0e 1400 1500",
    "10 0100 ffff 0028",
    "10 0100 ffff fb349b5f800000800010000000280000",
    "12 1700 0100",
    "16 1900 0000 0102",
    "18 00",
    "20 1400 1500",
};
enum { REQUESTS = sizeof requests / sizeof *requests };

/* Cut after every octet, and longer by one: each gets one answer, and the next request is served as ever. */
static void test_requests_of_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUESTS; i++) {
        uint8_t whole[64];
        size_t length = 0;
        for (const char *c = requests[i]; *c; c++) {
            unsigned octet;
            if (*c == ' ')
                continue;
            assert_int_equal(sscanf(c++, "%2x", &octet), 1);
            whole[length++] = (uint8_t)octet;
        }
        whole[length] = 0;
        for (size_t cut = 1; cut <= length + 1; cut++) {
            struct room *room = with_services();
            hear_octets(room, 0, whole, cut);
            assert_int_equal(room->sent_count, 1);
            const struct room_pdu *answer = &room->sent[0];
            bool error = answer->octets[0] == ATT_ERROR_RESPONSE;
            if (error)
                assert_int_equal(answer->octets[1], whole[0]);
            else
                assert_int_equal(answer->octets[0], whole[0] + 1);
            if (cut == length)
                assert_false(error);
            forget(room);
            exchange(room, 0, "0a 1400", "0b 0d18");
            hear(room, 0, "18 00");
            forget(room);
            room_destroy(room);
        }
    }
}

static void test_malformed_requests_name_no_handle(void **state)
{
    (void)state;
    static const char *const malformed[] = {"02",
                                            "02 17",
                                            "02 170000",
                                            "04 0100 ff",
                                            "04 0100 ffff 00",
                                            "06 0100 ffff",
                                            "06 0100 ffff 00",
                                            "08 0100 ffff 00",
                                            "0a",
                                            "0a 0a",
                                            "0a 0a0000",
                                            "0c 1400 00",
                                            "0c 1400 000000",
                                            "10 0100 ffff",
                                            "10 0100 ffff 002800",
                                            "12 0f",
                                            "16 1900 00",
                                            "18",
                                            "18 0000"};
    struct room *room = with_services();
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        hear(room, 0, malformed[i]);
        char response[32];
        snprintf(response, sizeof response, "01 %.2s 0000 04", malformed[i]);
        expect(room, 0, response);
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

static void test_commands_and_unasked_pdus_of_every_length(void **state)
{
    (void)state;
    struct room *room = with_services();
    const uint8_t octets[24] = {0};
    static const uint8_t opcodes[] = {0x01, 0x03, 0x05, 0x07, 0x09, 0x0b, 0x0d, 0x0f, 0x11,
                                      0x13, 0x17, 0x19, 0x1b, 0x1e, 0x21, 0x23, 0x52, 0xd2};
    for (size_t i = 0; i < sizeof opcodes; i++) {
        for (size_t length = 1; length < sizeof octets; length++) {
            uint8_t pdu[sizeof octets] = {opcodes[i]};
            hear_octets(room, 0, pdu, length);
            expect_nothing(room);
        }
    }
    exchange(room, 0, "0a 1400", "0b 0d18");
    room_destroy(room);
}

static void test_pdu_longer_than_the_mtu(void **state)
{
    (void)state;
    struct room *room = with_services();
    uint8_t pdu[24] = {ATT_WRITE_REQUEST, 0x0f};
    hear_octets(room, 0, pdu, 24);
    expect(room, 0, "01 12 0000 04");
    expect_protocol_errors(room, 1);
    pdu[0] = ATT_WRITE_COMMAND;
    hear_octets(room, 0, pdu, 24);
    expect_protocol_errors(room, 1);
    pdu[0] = ATT_HANDLE_VALUE_NOTIFICATION;
    hear_octets(room, 0, pdu, 24);
    expect_protocol_errors(room, 1);
    pdu[0] = ATT_MULTIPLE_HANDLE_VALUE_NOTIFICATION;
    hear_octets(room, 0, pdu, 24);
    expect_protocol_errors(room, 1);
    expect_nothing(room);
    room_destroy(room);
}

/* ---- One answer each ---- */

/* Requests without waiting for the answers: while these can go out, that does no harm (CVE-2019-19192). */
static void test_requests_back_to_back(void **state)
{
    (void)state;
    struct room *room = with_services();
    hear(room, 0, "0a 1400");
    hear(room, 0, "0a 2200");
    hear(room, 1, "0a 1400");
    hear(room, 0, "0a 1400");
    expect(room, 0, "0b 0d18");
    expect(room, 0, "0b 0a18");
    expect(room, 1, "0b 0d18");
    expect(room, 0, "0b 0d18");
    room_destroy(room);
}

static void test_request_while_the_last_answer_waits(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->no_buffers = true;
    hear(room, 0, "0a 1400");
    hear(room, 0, "0a 2200");
    expect_protocol_errors(room, 1);
    hear(room, 0, "52 1e00 61");
    expect_event(room, "write 40 001e");
    room_buffers_free(room);
    expect(room, 0, "0b 0d18");
    expect_nothing(room);
    exchange(room, 0, "0a 2200", "0b 0a18");
    room_destroy(room);
}

/* Whatever the request: its answer comes when there is a buffer, the same as if there had been one at once. */
static void test_no_answer_is_lost_for_want_of_a_buffer(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUESTS; i++) {
        struct room *room = with_services();
        hear(room, 1, requests[i]);
        assert_int_equal(room->sent_count, 1);
        struct room_pdu usual = room->sent[0];
        forget(room);

        room->no_buffers = true;
        hear(room, 0, requests[i]);
        gatt_flush(&room->gatt);
        room->first_event = room->event_count = 0;
        expect_nothing(room);
        room_buffers_free(room);
        assert_int_equal(room->sent_count, 1);
        assert_int_equal(room->sent[0].link, 0);
        assert_int_equal(room->sent[0].length, usual.length);
        assert_memory_equal(room->sent[0].octets, usual.octets, usual.length);
        forget(room);
        room_buffers_free(room);
        expect_nothing(room);
        room_destroy(room);
    }
}

/* One of 25 octets, for want of buffers; the application has been asked. */
static struct room *owe_long_answer(void)
{
    struct room *room = with_services();
    room_set_mtu(room, 0, 100);
    assert_int_equal(room_local_write(&room->gatt.server, 22, "0123456789012345678901234", 25, false), 25);
    room->no_buffers = true;
    hear(room, 0, "0a 1600");
    expect_event(room, "read-request 40 0016");
    return room;
}

/* An answer too long to keep is put together again, and the application is not asked again. */
static void test_long_answer_is_made_again(void **state)
{
    (void)state;
    struct room *room = owe_long_answer();
    gatt_flush(&room->gatt);
    expect_nothing(room);
    room_buffers_free(room);
    expect(room, 0, "0b 30313233343536373839303132333435363738393031323334");
    expect_nothing(room);
    room_destroy(room);
}

static void test_long_answer_after_the_services_were_replaced(void **state)
{
    (void)state;
    struct room *room = owe_long_answer();
    room_register(room);
    room->answer = 8;
    room_buffers_free(room);
    expect_event(room, "read-request 40 0016");
    expect(room, 0, "01 0a 1600 08");
    room_destroy(room);
}

static void test_refusal_of_the_application_is_kept(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->answer = 5;
    room->no_buffers = true;
    hear(room, 0, "0a 1600");
    expect_event(room, "read-request 40 0016");
    room_buffers_free(room);
    expect(room, 0, "01 0a 1600 05");
    room_destroy(room);
}

/* Neither the answer nor its request is short enough to be kept. */
static void test_long_request_with_a_long_answer(void **state)
{
    (void)state;
    struct room *room = with_services();
    room_set_mtu(room, 0, 100);
    room->no_buffers = true;
    hear(room, 0, "0e 0a000b000a000b000a000b000a000b000a000b000a000b00");
    room_buffers_free(room);
    expect(room, 0, "01 0e 0000 11");
    room_destroy(room);
}

static void test_prepared_write_whose_echo_cannot_go_out(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {32, 37, 64, 256};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct room *room = room_create_with(16, sizes[i], 4);
        room_register(room);
        room_set_mtu(room, 0, 60);
        assert_int_equal(room_set_buffer(&room->gatt.server, 25, 100, false), 0);
        uint8_t request[60] = {ATT_PREPARE_WRITE_REQUEST, 0x19};
        /* The first of a queue, then one behind another. */
        for (size_t before = 0; before < 3; before++) {
            for (size_t pieces = 0; pieces < 3 * before; pieces++)
                hear(room, 0, "16 1900 0000 6162636465666768696a");
            forget(room);
            uint16_t length = room->gatt.server.links[0].prepared.length;
            room->no_buffers = true;
            hear_octets(room, 0, request, sizeof request);
            room_buffers_free(room);
            expect(room, 0, "01 16 1900 11");
            assert_int_equal(room->gatt.server.links[0].prepared.length, length);
        }
        hear(room, 0, "16 1900 0a00 6b");
        hear(room, 0, "18 01");
        forget(room);
        const void *value;
        size_t octets;
        assert_int_equal(room_local_read(&room->gatt.server, &value, &octets, 25), 0);
        assert_int_equal(octets, 11);
        assert_memory_equal(value, "abcdefghijk", 11);
        room_destroy(room);
    }
}

static void test_kept_answer_goes_with_the_link(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->no_buffers = true;
    hear(room, 0, "0a 1400");
    room_lose_link(room, 0);
    room_buffers_free(room);
    expect_nothing(room);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    room_buffers_free(room);
    expect_nothing(room);
    room->no_buffers = true;
    hear(room, 0, "0a 1400");
    room->link[0].state = LINK_CLOSING;
    room_buffers_free(room);
    expect_nothing(room);
    room_destroy(room);
}

/* The same request by two peers (matched by link, not by content). */
static void test_same_request_on_two_links(void **state)
{
    (void)state;
    struct room *room = with_services();
    room->no_buffers = true;
    hear(room, 0, "0a 1400");
    hear(room, 1, "0a 2200");
    hear(room, 2, "12 1700 0100");
    room_buffers_free(room);
    expect(room, 0, "0b 0d18");
    expect(room, 1, "0b 0a18");
    expect(room, 2, "13");
    expect_nothing(room);
    exchange(room, 0, "0a 1700", "0b 0000");
    exchange(room, 2, "0a 1700", "0b 0100");
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mtu_asked_by_the_peer),
        cmocka_unit_test(test_mtu_is_asked_for_once),
        cmocka_unit_test(test_mtu_below_the_least),
        cmocka_unit_test(test_mtu_asked_by_us),
        cmocka_unit_test(test_mtu_asked_by_both),
        cmocka_unit_test(test_mtu_refused),
        cmocka_unit_test(test_mtu_response_that_makes_no_sense),
        cmocka_unit_test(test_unknown_opcodes),
        cmocka_unit_test(test_empty_pdu),
        cmocka_unit_test(test_requests_of_every_length),
        cmocka_unit_test(test_malformed_requests_name_no_handle),
        cmocka_unit_test(test_commands_and_unasked_pdus_of_every_length),
        cmocka_unit_test(test_pdu_longer_than_the_mtu),
        cmocka_unit_test(test_requests_back_to_back),
        cmocka_unit_test(test_request_while_the_last_answer_waits),
        cmocka_unit_test(test_no_answer_is_lost_for_want_of_a_buffer),
        cmocka_unit_test(test_long_answer_is_made_again),
        cmocka_unit_test(test_long_answer_after_the_services_were_replaced),
        cmocka_unit_test(test_refusal_of_the_application_is_kept),
        cmocka_unit_test(test_long_request_with_a_long_answer),
        cmocka_unit_test(test_prepared_write_whose_echo_cannot_go_out),
        cmocka_unit_test(test_kept_answer_goes_with_the_link),
        cmocka_unit_test(test_same_request_on_two_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
