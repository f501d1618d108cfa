/* Connections: their begin, what is reported of them, their end. Vol 4 Part E, 7.7. */
#include "talk.h"

#include "host/host.h"

#include <stdio.h>

/* ---- Begin ---- */

static void test_peripheral(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    talk_expect_nothing(talk);
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(talk->host, &connection, 0x40), BLUET_OK);
    assert_false(connection.central);
    assert_int_equal(connection.peer.type, BLUET_ADDRESS_RANDOM);
    assert_int_equal(connection.peer.octets[5], 0x40);
    talk_destroy(talk);
}

static void test_enhanced_connection_complete(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_receive(talk, "04 3e 1f 0a 00 05 00 01 03 01 02 03 04 05 c6 00 00 00 00 00 00 11 11 11 11 11 41 "
                       "18 00 01 00 f4 01 00");
    talk_expect_event(talk, "CENTRAL_CONNECT 0x0005 1/c60504030201");
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(talk->host, &connection, 5), BLUET_OK);
    assert_int_equal(connection.latency, 1);
    talk_destroy(talk);
}

/* CVE-2025-53477: a second report of a handle, handles and roles that cannot be. */
static void test_impossible_connections(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    talk_receive(talk, "04 3e 13 01 00 40 00 01 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_receive(talk, "04 3e 13 01 00 40 00 00 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_receive(talk, "04 3e 13 01 00 00 0f 01 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_receive(talk, "04 3e 13 01 00 ff ff 01 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_receive(talk, "04 3e 13 01 00 41 00 02 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    assert_int_equal(bluet_protocol_errors(talk->host), 5);
    assert_int_equal(talk->host->links.count, 1);
    /* A failure that nobody waits for. */
    talk_receive(talk, "04 3e 13 01 3e 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    talk_expect_no_event(talk);
    /* As central, without having been asked. */
    talk_receive(talk, "04 3e 13 01 00 42 00 00 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_expect(talk, "01 06 04 03 42 00 14");
    talk_destroy(talk);
}

static void test_no_room(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(&(struct bluet_config){.connection_count = 2});
    talk_connect_peripheral(talk, 0x40);
    talk_connect_peripheral(talk, 0x41);
    talk_receive(talk, "04 3e 13 01 00 42 00 01 01 42 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_expect(talk, "01 06 04 03 42 00 14");
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_receive(talk, "04 05 04 00 42 00 16");
    talk_expect_no_event(talk);
    /* When one has gone there is room again. */
    talk_receive(talk, "04 05 04 00 40 00 13");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x13");
    talk_connect_peripheral(talk, 0x42);
    talk_destroy(talk);
}

/* Many links, whose handles want the same places: each is found, in whatever order they end. */
static void test_many_links(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(&(struct bluet_config){.connection_count = 64});
    for (uint16_t i = 0; i < 64; i++)
        talk_connect_peripheral(talk, (uint16_t)(i * 16));
    for (uint16_t i = 0; i < 64; i++) {
        uint16_t handle = (uint16_t)((i * 37 % 64) * 16);
        struct bluet_connection connection;
        assert_int_equal(bluet_connection(talk->host, &connection, handle), BLUET_OK);
        assert_int_equal(connection.peer.octets[5], handle & 0xff);
        uint8_t event[] = {0x04, 0x05, 0x04, 0x00, (uint8_t)handle, (uint8_t)(handle >> 8), 0x08};
        talk_receive_octets(talk, event, sizeof event);
        char text[TALK_EVENT_SIZE];
        snprintf(text, sizeof text, "CENTRAL_DISCONNECT 0x%04x 1/c000000000%02x reason 0x08", handle, handle & 0xff);
        talk_expect_event(talk, text);
        assert_int_equal(bluet_connection(talk->host, &connection, handle), BLUET_ENOTCONN);
    }
    talk_destroy(talk);
}

/* A controller with data length extension is asked to use it by the central; one without is not asked. */
static void test_data_length(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, 0x40);
    talk_receive(talk, "04 3e 0b 07 40 00 fb 00 48 08 fb 00 48 08");
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(talk->host, &connection, 0x40), BLUET_OK);
    assert_int_equal(connection.transmit_octets, 251);
    talk_receive(talk, "04 3e 0b 07 40 00 1a 00 48 08 fb 00 48 08");
    talk_receive(talk, "04 3e 0b 07 40 00 fc 00 48 08 fb 00 48 08");
    talk_receive(talk, "04 3e 0b 07 99 00 1b 00 48 08 fb 00 48 08");
    assert_int_equal(bluet_connection(talk->host, &connection, 0x40), BLUET_OK);
    assert_int_equal(connection.transmit_octets, 251);
    talk_destroy(talk);

    talk = talk_create(NULL);
    talk->controller.le_features = 0x01;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_forget(talk);
    const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, 0x40}};
    assert_int_equal(bluet_gap_connect(talk->host, &peer, 0, NULL), 2);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    talk_receive(talk, "04 3e 13 01 00 40 00 00 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_expect(talk, "01 16 20 02 40 00"); /* LE Read Remote Features, and nothing of data length */
    talk_receive(talk, "04 0f 04 00 01 16 20");
    talk_peer_is_heard(talk, 0x40);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0040 1/c00000000040");
    talk_expect_nothing(talk);
    talk_destroy(talk);
}

/* ---- While it lasts ---- */

static void test_phy_update(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    struct bluet_connection connection;
    talk_connect_peripheral(talk, 0x40);
    talk_receive(talk, "04 3e 06 0c 00 40 00 02 03");
    talk_receive(talk, "04 3e 06 0c 0c 40 00 01 01");
    talk_receive(talk, "04 3e 06 0c 00 40 00 04 00");
    talk_receive(talk, "04 3e 06 0c 00 99 00 01 01");
    assert_int_equal(bluet_connection(talk->host, &connection, 0x40), BLUET_OK);
    assert_int_equal(connection.transmit_phy, 2);
    assert_int_equal(connection.receive_phy, 3);
    talk_destroy(talk);
}

static void test_connection_update(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    struct bluet_connection connection;
    talk_connect_peripheral(talk, 0x40);
    talk_receive(talk, "04 3e 0a 03 00 40 00 50 00 02 00 64 00");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0040 80 2 100 status 0x00");
    talk_receive(talk, "04 3e 0a 03 3b 40 00 00 00 00 00 00 00");
    talk_expect_event(talk, "CONNECTION_UPDATE 0x0040 80 2 100 status 0x3b");
    uint32_t errors = bluet_protocol_errors(talk->host);
    talk_receive(talk, "04 3e 0a 03 00 40 00 00 00 00 00 00 00"); /* an interval of 0 */
    talk_receive(talk, "04 3e 0a 03 00 99 00 50 00 02 00 64 00"); /* of nobody */
    assert_int_equal(bluet_protocol_errors(talk->host), errors + 2);
    talk_expect_no_event(talk);
    assert_int_equal(bluet_connection(talk->host, &connection, 0x40), BLUET_OK);
    assert_int_equal(connection.interval, 80);
    talk_destroy(talk);
}

static void test_remote_parameter_request(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    talk_receive(talk, "04 3e 0b 06 40 00 18 00 28 00 00 00 f4 01");
    talk_expect(talk, "01 20 20 0e 40 00 18 00 28 00 00 00 f4 01 00 00 00 00");
    talk_receive(talk, "04 0e 06 01 20 20 00 40 00");
    talk_receive(talk, "04 3e 0b 06 40 00 05 00 28 00 00 00 f4 01");
    talk_expect(talk, "01 21 20 03 40 00 3b");
    talk_receive(talk, "04 0e 06 01 21 20 00 40 00");
    talk_receive(talk, "04 3e 0b 06 99 00 18 00 28 00 00 00 f4 01");
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    talk_destroy(talk);
}

/* CVE-2026-45816: for a handle that there is not, nothing; for one that there is, no key. */
static void test_long_term_key_request(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_receive(talk, "04 3e 0d 05 40 00 00 00 00 00 00 00 00 00 00 00");
    talk_expect_nothing(talk);
    talk_connect_peripheral(talk, 0x40);
    talk_receive(talk, "04 3e 0d 05 40 00 00 00 00 00 00 00 00 00 00 00");
    talk_expect(talk, "01 1b 20 02 40 00");
    talk_expect_event(talk, "ENCRYPTION_UPDATE 0x0040 000 key 0 reason 0x206");
    talk_destroy(talk);
}

/* CVE-2024-5754: that a link is encrypted is believed only of a key that we gave. */
static void test_encryption_that_nobody_asked_for(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    struct bluet_connection connection;
    talk_connect_peripheral(talk, 0x40);
    talk_receive(talk, "04 08 04 06 40 00 01");
    talk_receive(talk, "04 08 04 00 40 00 00");
    talk_receive(talk, "04 08 04 00 99 00 01");
    talk_receive(talk, "04 30 03 05 40 00");
    talk_receive(talk, "04 08 04 00 40 00 01");
    talk_receive(talk, "04 30 03 00 40 00");
    talk_expect_no_event(talk);
    assert_int_equal(bluet_connection(talk->host, &connection, 0x40), BLUET_OK);
    assert_false(connection.encrypted);
    assert_int_equal(bluet_protocol_errors(talk->host), 3);
    talk_destroy(talk);
}

/* ---- End ---- */

/* Central Address Resolution says what the controller can (Vol 3 Part C, 12.4). */
static void test_central_address_resolution(void **state)
{
    (void)state;
    for (unsigned resolves = 0; resolves < 2; resolves++) {
        struct talk *talk = talk_create(NULL);
        if (!resolves)
            talk->controller.le_features &= ~(uint64_t)0x40;
        assert_true(bluet_activate(talk->host) > 0);
        talk_answer(talk);
        talk_forget(talk);
        talk_connect_peripheral(talk, 0x40);
        talk_receive_frame(talk, 0x40, 4, "0a 09 00");
        talk_expect_frame(talk, 0x40, 4, resolves ? "0b 01" : "0b 00");
        talk_destroy(talk);
    }
}

/* What the application comes to ask for holds for a link that is encrypted already. */
static void test_keys_that_are_too_short(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    const struct bluet_characteristic secret = {{2, {0x29, 0x2a}}, BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_ENCRYPTED, 0, 0};
    const struct bluet_service service = {{2, {0x0a, 0x18}}, &secret, 1, NULL, 0, false};
    assert_int_equal(bluet_gatts_register_services(talk->host, NULL, 0, &service, 1), 1);
    talk_connect_peripheral(talk, 0x40);
    struct link *link = link_find(&talk->host->links, 0x40);
    link->encrypted = true;
    link->key_size = 15;
    struct bluet_security security = bluet_get_security(talk->host);
    for (uint8_t size = 14; size <= 16; size++) {
        security.key_size = size;
        assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
        talk_receive_frame(talk, 0x40, 4, "12 16 00 61");
        talk_expect_frame(talk, 0x40, 4, size <= 15 ? "13" : "01 12 16 00 0c");
        talk_complete(talk, 0x40, 1);
    }
    talk_forget(talk);
    talk_destroy(talk);
}

static void test_disconnect(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, 0x40);
    assert_int_equal(bluet_gap_disconnect(talk->host, 0x40), 3);
    assert_int_equal(bluet_gap_disconnect(talk->host, 0x40), 0);
    talk_expect(talk, "01 06 04 03 40 00 13");
    talk_receive(talk, "04 0f 04 00 01 06 04");
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    /* On its way out nothing is begun. */
    assert_int_equal(bluet_gattc_read(talk->host, 0x40, 1, 0), BLUET_ENOTCONN);
    talk_receive_frame(talk, 0x40, 4, "0a 01 00");
    talk_expect_nothing(talk);
    talk_receive(talk, "04 05 04 00 40 00 16");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0040 1/c00000000040 reason 0x16");
    talk_receive(talk, "04 05 04 00 40 00 16");
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gap_disconnect(talk->host, 0x40), BLUET_ENOTCONN);
    talk_destroy(talk);
}

static void test_disconnect_refused(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    assert_int_equal(bluet_gap_disconnect(talk->host, 0x40), 2);
    talk_take(talk);
    talk_receive(talk, "04 0f 04 0c 01 06 04");
    talk_expect_event(talk, "OPERATION_DONE 2 error -16 status 0x0c");
    /* Still there; the next time it is agreed to, and fails, and then the controller knows of no such link. */
    assert_int_equal(bluet_gap_disconnect(talk->host, 0x40), 3);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_receive(talk, "04 05 04 1f 40 00 00");
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gap_disconnect(talk->host, 0x40), 4);
    talk_take(talk);
    talk_receive(talk, "04 0f 04 02 01 06 04");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x16");
    talk_expect_event(talk, "OPERATION_DONE 4 error -107 status 0x02");
    talk_destroy(talk);
}

/* Procedures end before the link, and what the handler asks of it then is refused. */
static void ask_dead_link(struct talk *talk, const struct bluet_event *event)
{
    if (event->code != BLUET_EVENT_GATTC_READ_DONE && event->code != BLUET_EVENT_CENTRAL_DISCONNECT)
        return;
    assert_int_equal(bluet_gattc_read(talk->host, 0x40, 1, 0), BLUET_ENOTCONN);
    assert_int_equal(bluet_gatts_notify(talk->host, 0x40, 3, "x", 1), BLUET_ENOTCONN);
    int expected = event->code == BLUET_EVENT_GATTC_READ_DONE ? 0 : BLUET_ENOTCONN;
    assert_int_equal(bluet_gap_disconnect(talk->host, 0x40), expected);
}

static void test_procedures_end_first(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    assert_int_equal(bluet_gattc_read(talk->host, 0x40, 0x0010, 0), BLUET_OK);
    assert_int_equal(bluet_gattc_read(talk->host, 0x40, 0x0011, 0), BLUET_OK);
    talk_expect_frame(talk, 0x40, 4, "0a 10 00");
    talk->on_event = ask_dead_link;
    talk_receive(talk, "04 05 04 00 40 00 08");
    talk_expect_event(talk, "GATTC_READ_DONE 0x0040 0x0010 status 0x100");
    talk_expect_event(talk, "GATTC_READ_DONE 0x0040 0x0011 status 0x100");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x08");
    talk_destroy(talk);
}

/* A handler may connect again to the peer that has just gone, and take its place. */
static void connect_again(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_PERIPHERAL_DISCONNECT)
        assert_int_equal(bluet_gap_connect(talk->host, &event->disconnect.peer, 0, NULL), 3);
}

static void test_connect_again_in_handler(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(&(struct bluet_config){.connection_count = 1});
    talk_connect_central(talk, 0x40);
    talk->on_event = connect_again;
    talk_receive(talk, "04 05 04 00 40 00 08");
    talk_expect_event(talk, "PERIPHERAL_DISCONNECT 0x0040 1/c00000000040 reason 0x08");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    talk_receive(talk, "04 3e 13 01 00 40 00 00 01 40 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_peer_is_heard(talk, 0x40);
    talk_expect_event(talk, "PERIPHERAL_CONNECT 0x0040 1/c00000000040");
    talk_answer(talk);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peripheral),
        cmocka_unit_test(test_enhanced_connection_complete),
        cmocka_unit_test(test_impossible_connections),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_many_links),
        cmocka_unit_test(test_data_length),
        cmocka_unit_test(test_phy_update),
        cmocka_unit_test(test_connection_update),
        cmocka_unit_test(test_remote_parameter_request),
        cmocka_unit_test(test_long_term_key_request),
        cmocka_unit_test(test_encryption_that_nobody_asked_for),
        cmocka_unit_test(test_keys_that_are_too_short),
        cmocka_unit_test(test_central_address_resolution),
        cmocka_unit_test(test_disconnect),
        cmocka_unit_test(test_disconnect_refused),
        cmocka_unit_test(test_procedures_end_first),
        cmocka_unit_test(test_connect_again_in_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
