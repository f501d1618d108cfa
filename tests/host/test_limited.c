/*
 * A controller of version 4.0 with nothing that may be missing: buffers shared with BR/EDR, of 27 octets, no data
 * length, no PHY but 1M, no resolving list, no P-256, and one that takes no random address. The host does what it can,
 * and says what it cannot.
 */
#include "talk.h"

#include "host/host.h"
#include "host/l2cap.h"
#include "spec/hci.h"

#include <stdio.h>

enum { HANDLE = 0x40, FEATURE_ENCRYPTION = 0x01, VERSION_4_0 = 6, OCTETS_OF_4_0 = 29 };

static struct talk *limited(void)
{
    struct talk *talk = talk_create(NULL);
    talk->controller.version = VERSION_4_0;
    talk->controller.le_features = FEATURE_ENCRYPTION;
    memset(talk->controller.commands + OCTETS_OF_4_0, 0, sizeof talk->controller.commands - OCTETS_OF_4_0);
    talk->controller.le_acl_length = 0;
    talk->controller.le_acl_count = 0;
    talk->controller.acl_length = 27;
    talk->controller.acl_count = 2;
    talk->controller.status = HCI_UNKNOWN_COMMAND;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    return talk;
}

static bool is_data(const struct talk_packet *packet)
{
    return packet->octets[0] == HCI_ACL_DATA;
}

/* A frame of 64 octets is three fragments; of the two buffers none is used twice. */
static void test_two_small_shared_buffers(void **state)
{
    (void)state;
    static const uint8_t octets[60] = {0xa5};
    const struct bluet_span span = {octets, sizeof octets};
    struct talk *talk = limited();
    talk_connect_central(talk, HANDLE);
    talk_answer(talk);
    talk_forget(talk);
    assert_int_equal(l2cap_send(&talk->host->links, link_find(&talk->host->links, HANDLE), 0x0044, &span, 1), 0);
    static const size_t lengths[] = {27, 27, 10};
    for (size_t i = 0; i < 3; i++) {
        if (i == 2) {
            talk_expect_nothing(talk);
            talk_complete(talk, HANDLE, 1);
        }
        struct talk_packet packet = talk_take(talk);
        assert_true(is_data(&packet));
        assert_int_equal(packet.length, 5 + lengths[i]);
    }
    talk_expect_nothing(talk);
    talk_complete(talk, HANDLE, 2);
    talk_destroy(talk);
}

/* What is asked of such a controller nevertheless fails by itself, and hurts nothing. */
static void test_what_it_cannot_do(void **state)
{
    (void)state;
    struct talk *talk = limited();
    talk_connect_central(talk, HANDLE);
    talk_answer(talk);
    talk_forget(talk);
    char expected[64];
    for (unsigned i = 0; i < 2; i++) {
        int ticket =
            i ? bluet_gap_set_phy(talk->host, HANDLE, 2, 2) : bluet_gap_set_data_length(talk->host, HANDLE, 251);
        assert_true(ticket > 0);
        talk->controller.refused = i ? HCI_LE_SET_PHY : HCI_LE_SET_DATA_LENGTH;
        talk_answer(talk);
        snprintf(expected, sizeof expected, "OPERATION_DONE %d error -95 status 0x01", ticket);
        talk_expect_event(talk, expected);
        talk_expect_no_event(talk);
    }
    assert_non_null(link_find(&talk->host->links, HANDLE));
    assert_true(bluet_is_active(talk->host));
    talk_destroy(talk);
}

/* Without random addresses there is no private mode; with its public one all goes on. */
static void test_no_random_addresses(void **state)
{
    (void)state;
    struct talk *talk = limited();
    struct bluet_address own;
    char expected[64];
    talk->controller.refused = HCI_LE_SET_RANDOM_ADDRESS;
    int ticket = bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_NRPA);
    assert_true(ticket > 0);
    talk_answer(talk);
    snprintf(expected, sizeof expected, "OPERATION_DONE %d error -95 status 0x01", ticket);
    talk_expect_event(talk, expected);
    assert_int_equal(bluet_address_mode(talk->host), BLUET_ADDRESS_MODE_PUBLIC);
    assert_int_equal(bluet_own_address(talk->host, &own), 0);
    assert_int_equal(own.type, BLUET_ADDRESS_PUBLIC);

    ticket = bluet_gap_scan(talk->host, 0, 30000, 30000, false);
    talk_answer(talk);
    snprintf(expected, sizeof expected, "OPERATION_DONE %d error 0 status 0x00", ticket);
    talk_expect_event(talk, expected);
    ticket = bluet_gap_advertise(talk->host, 100000, &(struct bluet_span){"\x02\x01\x06", 3}, NULL, true);
    talk_answer(talk);
    snprintf(expected, sizeof expected, "OPERATION_DONE %d error 0 status 0x00", ticket);
    talk_expect_event(talk, expected);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_small_shared_buffers),
        cmocka_unit_test(test_what_it_cannot_do),
        cmocka_unit_test(test_no_random_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
