/* wrap: l2cap_send */
/* Reads, writes, and what a server says unasked. Vol 3 Part G, 4.8 to 4.11; Part F, 3.4.7. */
#include "gatt/room.h"

#include <stdio.h>

static int read_value(struct room *room, unsigned link, uint16_t handle, uint16_t offset)
{
    return gatt_client_read(&room->gatt.client, &room->link[link], handle, offset);
}

static int write_value(struct room *room, unsigned link, uint16_t handle, const char *data, enum bluet_write_mode mode)
{
    return gatt_client_write(&room->gatt.client, &room->link[link], handle, data, strlen(data), mode);
}

/* ---- Reads ---- */

static void test_read(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 0x0c, 0), 0);
    expect(room, 0, "0a 0c00");
    hear(room, 0, "0b 616263");
    expect_event(room, "read-result 40 000c 616263");
    expect_event(room, "read-done 40 000c 000");
    assert_int_equal(read_value(room, 0, 0x0c, 22), 0);
    expect(room, 0, "0c 0c00 1600");
    hear(room, 0, "0d");
    expect_event(room, "read-result 40 000c ");
    expect_event(room, "read-done 40 000c 000");
    assert_int_equal(read_value(room, 0, 0xffff, 0xffff), 0);
    expect(room, 0, "0c ffff ffff");
    hear(room, 0, "01 0c ffff 07");
    expect_event(room, "read-done 40 ffff 007");
    assert_int_equal(read_value(room, 0, 0, 0), BLUET_EINVAL);
    room_destroy(room);
}

static void test_response_to_another_request(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 0x0c, 0), 0);
    forget(room);
    static const char *const others[] = {"0d 61",         "13", "05 01 0100 0028", "01 0c 0c00 01",
                                         "01 0b 0c00 01", "19", "21 0000",         "01 00 0000 06"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        hear(room, 0, others[i]);
        expect_nothing(room);
        expect_protocol_errors(room, 1);
    }
    hear(room, 1, "0b 61");
    expect_nothing(room);
    expect_protocol_errors(room, 1);
    hear(room, 0, "0b 61");
    expect_event(room, "read-result 40 000c 61");
    expect_event(room, "read-done 40 000c 000");
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

static void test_answers_that_make_no_sense(void **state)
{
    (void)state;
    static const char *const answers[] = {"01",
                                          "01 0a",
                                          "01 0a 0c00",
                                          "01 0a 0c00 01 00",
                                          "01 0a 0c00 00",
                                          "0b 0000000000000000000000000000000000000000000000"};
    struct room *room = room_create();
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        assert_int_equal(read_value(room, 0, 0x0c, 0), 0);
        expect(room, 0, "0a 0c00");
        hear(room, 0, answers[i]);
        expect_event(room, "read-done 40 000c 102");
        expect_nothing(room);
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

/* ---- Writes ---- */

static void test_write_without_response(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(write_value(room, 0, 0x0c, "abc", BLUET_WRITE_NO_RESPONSE), 0);
    expect(room, 0, "52 0c00 616263");
    assert_int_equal(write_value(room, 0, 0x0c, "", BLUET_WRITE_NO_RESPONSE), 0);
    expect(room, 0, "52 0c00");
    assert_int_equal(gatt_client_write(&room->gatt.client, &room->link[0], 0x0c, NULL, 0, BLUET_WRITE_NO_RESPONSE), 0);
    expect(room, 0, "52 0c00");
    assert_int_equal(write_value(room, 0, 0x0c, "0123456789012345678901234", BLUET_WRITE_NO_RESPONSE), 0);
    expect(room, 0, "52 0c00 3031323334353637383930313233343536373839");
    room->no_buffers = true;
    assert_int_equal(write_value(room, 0, 0x0c, "abc", BLUET_WRITE_NO_RESPONSE), BLUET_ENOMEM);
    room_buffers_free(room);
    expect_nothing(room);
    assert_int_equal(write_value(room, 0, 0, "abc", BLUET_WRITE_NO_RESPONSE), BLUET_EINVAL);
    assert_int_equal(write_value(room, 0, 1, "abc", (enum bluet_write_mode)4), BLUET_EINVAL);
    room->link[0].state = LINK_CLOSING;
    assert_int_equal(write_value(room, 0, 0x0c, "abc", BLUET_WRITE_NO_RESPONSE), BLUET_ENOTCONN);
    room_destroy(room);
}

static void test_write_with_response(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(write_value(room, 0, 0x0c, "abc", BLUET_WRITE_WITH_RESPONSE), 0);
    expect(room, 0, "12 0c00 616263");
    hear(room, 0, "13");
    expect_event(room, "write-done 40 000c 000");
    assert_int_equal(write_value(room, 0, 0x0c, "0123456789012345678901234", BLUET_WRITE_WITH_RESPONSE), 0);
    expect(room, 0, "12 0c00 3031323334353637383930313233343536373839");
    hear(room, 0, "01 12 0c00 03");
    expect_event(room, "write-done 40 000c 003");
    assert_int_equal(write_value(room, 0, 0x0c, "", BLUET_WRITE_WITH_RESPONSE), 0);
    expect(room, 0, "12 0c00");
    hear(room, 0, "13 00");
    expect_event(room, "write-done 40 000c 102");
    expect_protocol_errors(room, 1);
    room_destroy(room);
}

/* A value that waits is cut when it goes out: to the MTU of then, whatever the size of buffers. */
static void test_waiting_write_is_cut_when_it_goes_out(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {32, 64, 512};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct room *room = room_create_with(24, sizes[i], 8);
        char value[601] = {0};
        memset(value, 'v', 600);
        assert_int_equal(gatt_client_exchange_mtu(&room->gatt.client, &room->link[0]), 0);
        assert_int_equal(write_value(room, 0, 0x0c, value, BLUET_WRITE_WITH_RESPONSE), 0);
        value[0] = 'w';
        expect(room, 0, "02 0001");
        hear(room, 0, "03 0002");
        expect_event(room, "mtu 40 256");
        assert_int_equal(room->sent[0].length, 256);
        assert_int_equal(room->sent[0].octets[3], 'v');
        assert_int_equal(room->sent[0].octets[255], 'v');
        forget(room);
        hear(room, 0, "13");
        expect_event(room, "write-done 40 000c 000");
        room_destroy(room);
    }
}

/* Writes keep their order; other procedures do not hold up a write without response. */
static void test_order_of_writes(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(read_value(room, 0, 0x0c, 0), 0);
    assert_int_equal(write_value(room, 0, 0x0c, "0", BLUET_WRITE_NO_RESPONSE), 0);
    expect(room, 0, "0a 0c00");
    expect(room, 0, "52 0c00 30");
    assert_int_equal(write_value(room, 0, 0x0c, "1", BLUET_WRITE_WITH_RESPONSE), 0);
    assert_int_equal(write_value(room, 0, 0x0c, "2", BLUET_WRITE_NO_RESPONSE), 0);
    assert_int_equal(write_value(room, 0, 0x0c, "3", BLUET_WRITE_NO_RESPONSE), 0);
    expect_nothing(room);
    hear(room, 0, "0b");
    forget(room);
    assert_int_equal(write_value(room, 0, 0x0c, "4", BLUET_WRITE_WITH_RESPONSE), 0);
    hear(room, 0, "13");
    expect_event(room, "write-done 40 000c 000");
    expect(room, 0, "52 0c00 32");
    expect(room, 0, "52 0c00 33");
    expect(room, 0, "12 0c00 34");
    /* The one under way is gone already. */
    assert_int_equal(write_value(room, 0, 0x0c, "5", BLUET_WRITE_NO_RESPONSE), 0);
    expect(room, 0, "52 0c00 35");
    hear(room, 0, "13");
    expect_event(room, "write-done 40 000c 000");
    room_destroy(room);
}

/* ---- Long writes ---- */

static void test_long_write(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(write_value(room, 0, 0x0c, "0123456789012345678901234", BLUET_WRITE_LONG), 0);
    expect(room, 0, "16 0c00 0000 303132333435363738393031323334353637");
    hear(room, 0, "17 0c00 0000 303132333435363738393031323334353637");
    expect(room, 0, "16 0c00 1200 38393031323334");
    hear(room, 0, "17 0c00 1200 38393031323334");
    expect(room, 0, "18 01");
    hear(room, 0, "19");
    expect_event(room, "write-done 40 000c 000");
    assert_int_equal(write_value(room, 0, 0x0c, "", BLUET_WRITE_LONG), 0);
    expect(room, 0, "16 0c00 0000");
    hear(room, 0, "17 0c00 0000");
    expect(room, 0, "18 01");
    hear(room, 0, "01 18 0c00 0d");
    expect_event(room, "write-done 40 000c 00d");
    char value[514] = {0};
    memset(value, 'v', 513);
    assert_int_equal(write_value(room, 0, 0x0c, value, BLUET_WRITE_LONG), BLUET_EINVAL);
    expect_protocol_errors(room, 0);
    room_destroy(room);
}

/* Every size of piece against every size of buffer: the server gets what was written. */
static void test_long_write_to_a_real_server(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {32, 50, 64, 1024}, mtus[] = {23, 37, 69, 256};
    for (size_t i = 0; i < 16; i++) {
        struct room *room = room_create_with(64, sizes[i % 4], 4);
        room_register_one(room, BLUET_FLAG_READ | BLUET_FLAG_WRITE);
        for (unsigned link = 0; i / 4 && link < 2; link++)
            room_set_mtu(room, link, mtus[i / 4]);
        assert_int_equal(room_set_buffer(&room->gatt.server, 22, 512, false), 0);
        char value[513] = {0};
        for (size_t octet = 0; octet < 512; octet++)
            value[octet] = (char)('0' + octet % 71);
        assert_int_equal(write_value(room, 0, 0x16, value, BLUET_WRITE_LONG), 0);
        for (size_t next = 0; next < room->sent_count; next++) {
            struct room_pdu pdu = room->sent[next];
            hear_octets(room, pdu.link == 0 ? 1 : 0, pdu.octets, pdu.length);
        }
        expect_event(room, "write 41 0016");
        expect_event(room, "write-done 40 0016 000");
        const void *stored;
        size_t length;
        assert_int_equal(room_local_read(&room->gatt.server, &stored, &length, 22), 0);
        assert_int_equal(length, 512);
        assert_memory_equal(stored, value, 512);
        forget(room);
        room_destroy(room);
    }
}

/* An echo that differs anywhere: the server is told to forget, and the end is an error. */
static void test_long_write_with_a_false_echo(void **state)
{
    (void)state;
    static const char *const echoes[] = {
        "17",
        "17 0c",
        "17 0c00 00",
        "17 0c00 0000",
        "17 0d00 0000 303132333435363738393031323334353637",
        "17 0c00 0100 303132333435363738393031323334353637",
        "17 0c00 0000 3031323334353637383930313233343536",
        "17 0c00 0000 303132333435363738393031323334353638",
        "17 0c00 0000 313132333435363738393031323334353637",
    };
    struct room *room = room_create_with(16, 32, 4);
    for (size_t i = 0; i < sizeof echoes / sizeof *echoes; i++) {
        assert_int_equal(write_value(room, 0, 0x0c, "0123456789012345678901234", BLUET_WRITE_LONG), 0);
        expect(room, 0, "16 0c00 0000 303132333435363738393031323334353637");
        hear(room, 0, echoes[i]);
        expect(room, 0, "18 00");
        expect_nothing(room);
        hear(room, 0, i % 2 ? "19" : "01 18 0000 0e");
        expect_event(room, "write-done 40 000c 102");
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

static void test_long_write_refused(void **state)
{
    (void)state;
    struct room *room = room_create();
    assert_int_equal(write_value(room, 0, 0x0c, "0123456789012345678901234", BLUET_WRITE_LONG), 0);
    expect(room, 0, "16 0c00 0000 303132333435363738393031323334353637");
    hear(room, 0, "01 16 0c00 05");
    expect_event(room, "write-done 40 000c 005");
    expect_nothing(room);
    /* After the first piece there is something to forget. */
    assert_int_equal(write_value(room, 0, 0x0c, "0123456789012345678901234", BLUET_WRITE_LONG), 0);
    forget(room);
    hear(room, 0, "17 0c00 0000 303132333435363738393031323334353637");
    forget(room);
    hear(room, 0, "01 16 0c00 09");
    expect(room, 0, "18 00");
    hear(room, 0, "19");
    expect_event(room, "write-done 40 000c 009");
    room_destroy(room);
}

/* ---- Unasked ---- */

static void test_notifications(void **state)
{
    (void)state;
    struct room *room = room_create();
    hear(room, 0, "1b 0c00 616263");
    expect_event(room, "notify 40 000c 616263");
    hear(room, 2, "1b 0c00");
    expect_event(room, "notify 42 000c ");
    expect_protocol_errors(room, 0);
    static const char *const bad[] = {"1b", "1b 0c", "1b 0000 61",
                                      "1b 0c00 303132333435363738393031323334353637383930"}; /* beyond the MTU */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hear(room, 0, bad[i]);
        expect_nothing(room);
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

static void test_multiple_notifications(void **state)
{
    (void)state;
    struct room *room = room_create();
    hear(room, 0, "23 0c00 0300 616263 0d00 0000 0e00 0100 64");
    expect_event(room, "notify 40 000c 616263");
    expect_event(room, "notify 40 000d ");
    expect_event(room, "notify 40 000e 64");
    hear(room, 0, "23 0c00 0100 61");
    expect_event(room, "notify 40 000c 61");
    expect_protocol_errors(room, 0);
    /* Filled to the last octet of the MTU. */
    hear(room, 0, "23 0c00 0200 6162 0d00 0c00 303132333435363738393031");
    expect_event(room, "notify 40 000c 6162");
    expect_event(room, "notify 40 000d 303132333435363738393031");
    static const char *const bad[] = {"23",
                                      "23 0c",
                                      "23 0c00",
                                      "23 0c00 01",
                                      "23 0c00 0100",
                                      "23 0c00 ffff 61",
                                      "23 0000 0100 61",
                                      "23 0c00 0100 61 0d",
                                      "23 0c00 0100 61 0d00 0200 61",
                                      "23 0c00 0100 61 0000 0100 61"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hear(room, 0, bad[i]);
        expect_nothing(room);
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

static void test_indications(void **state)
{
    (void)state;
    struct room *room = room_create();
    hear(room, 0, "1d 0c00 616263");
    expect_event(room, "indicate 40 000c 616263");
    expect(room, 0, "1e");
    expect_protocol_errors(room, 0);
    /* What makes no sense is confirmed too, so that the server can go on. */
    static const char *const bad[] = {"1d", "1d 0c", "1d 0000 61",
                                      "1d 0c00 303132333435363738393031323334353637383930"}; /* beyond the MTU */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hear(room, 0, bad[i]);
        expect(room, 0, "1e");
        expect_nothing(room);
        expect_protocol_errors(room, 1);
    }
    room_destroy(room);
}

static void test_confirmation_is_not_lost(void **state)
{
    (void)state;
    struct room *room = room_create();
    room->no_buffers = true;
    hear(room, 0, "1d 0c00 61");
    expect_event(room, "indicate 40 000c 61");
    gatt_flush(&room->gatt);
    expect_nothing(room);
    /* One more is against the rule, and there is nowhere to note it. */
    hear(room, 0, "1d 0c00 62");
    expect_protocol_errors(room, 1);
    expect_nothing(room);
    hear(room, 1, "1d 0c00 63");
    expect_event(room, "indicate 41 000c 63");
    room_buffers_free(room);
    expect(room, 0, "1e");
    expect(room, 1, "1e");
    expect_nothing(room);
    room->no_buffers = true;
    hear(room, 0, "1d 0c00 61");
    forget(room);
    room_lose_link(room, 0);
    room->link[0].state = LINK_OPEN;
    gatt_link_opened(&room->gatt, &room->link[0]);
    room_buffers_free(room);
    expect_nothing(room);
    room_destroy(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_response_to_another_request),
        cmocka_unit_test(test_answers_that_make_no_sense),
        cmocka_unit_test(test_write_without_response),
        cmocka_unit_test(test_write_with_response),
        cmocka_unit_test(test_waiting_write_is_cut_when_it_goes_out),
        cmocka_unit_test(test_order_of_writes),
        cmocka_unit_test(test_long_write),
        cmocka_unit_test(test_long_write_to_a_real_server),
        cmocka_unit_test(test_long_write_with_a_false_echo),
        cmocka_unit_test(test_long_write_refused),
        cmocka_unit_test(test_notifications),
        cmocka_unit_test(test_multiple_notifications),
        cmocka_unit_test(test_indications),
        cmocka_unit_test(test_confirmation_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
