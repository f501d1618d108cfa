/* What a host answers for features that it has, and for those that the build has left out: true of every build. */
#include "host/talk.h"

#include "host/features.h"

enum { HANDLE = 0x40, ATT = 4, SIGNALLING = 5, SECURITY_MANAGER = 6 };

static struct talk *connected(void)
{
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, HANDLE);
    talk_forget(talk);
    return talk;
}

static void test_server_answers(void **state)
{
    (void)state;
    struct talk *talk = connected();
    talk_receive_frame(talk, HANDLE, ATT, "02 64 00");
    talk_expect_frame(talk, HANDLE, ATT, "03 00 01");
    talk_receive_frame(talk, HANDLE, ATT, "10 01 00 ff ff 00 28");
    /* The GAP and the GATT service; the latter with a Database Hash, two attributes, where there is AES. */
    talk_expect_frame(talk, HANDLE, ATT,
                      BLUET_HAS_SECURITY ? "11 06 01 00 09 00 00 18 0a 00 13 00 01 18"
                                         : "11 06 01 00 09 00 00 18 0a 00 11 00 01 18");
    talk_forget(talk);
    talk_destroy(talk);
}

/* Vol 3 Part H, 3.5.5: Pairing Not Supported */
static void test_pairing(void **state)
{
    (void)state;
    struct talk *talk = connected();
    talk_receive_frame(talk, HANDLE, SECURITY_MANAGER, "01 03 00 09 10 00 00");
    talk_expect_frame(talk, HANDLE, SECURITY_MANAGER, BLUET_HAS_SECURITY ? "02 03 00 08 10 00 00" : "05 05");
    talk_destroy(talk);
}

static void test_pairing_without_secure_connections(void **state)
{
    (void)state;
    if (!BLUET_HAS_SECURITY)
        skip();
    struct talk *talk = connected();
    talk_receive_frame(talk, HANDLE, SECURITY_MANAGER, "01 03 00 01 10 00 00");
    /* Authentication Requirements */
    talk_expect_frame(talk, HANDLE, SECURITY_MANAGER, BLUET_HAS_LEGACY_PAIRING ? "02 03 00 08 10 00 00" : "05 03");
    talk_destroy(talk);
}

/* An LE Credit Based Connection Request: nobody listens; or Command Not Understood (Vol 3 Part A, 4.1, 4.22). */
static void test_channel(void **state)
{
    (void)state;
    struct talk *talk = connected();
    talk_receive_frame(talk, HANDLE, SIGNALLING, "14 01 0a 00 80 00 40 00 40 00 40 00 01 00");
    talk_expect_frame(talk, HANDLE, SIGNALLING,
                      BLUET_HAS_L2CAP_CHANNELS ? "15 01 0a 00 00 00 00 00 00 00 00 00 02 00" : "01 01 02 00 00 00");
    talk_destroy(talk);
}

static void test_address_modes(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    int expected = BLUET_HAS_PRIVACY ? BLUET_OK : BLUET_ENOTSUP;
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_NRPA), expected);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_RPA), expected);
    assert_int_equal(bluet_set_rpa_timeout(talk->host, 60), expected);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_STATIC), BLUET_OK);
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    talk_destroy(talk);
}

/* Of who may connect to us, even if we scan for nobody. */
static void test_accept_list(void **state)
{
    (void)state;
    static const struct bluet_address peer = {BLUET_ADDRESS_PUBLIC, {1, 2, 3, 4, 5, 6}};
    struct talk *talk = talk_activated(NULL);
    assert_true(bluet_gap_accept_list(talk->host, &peer, 1, BLUET_ACCEPT_CONNECT_REQUESTS) > 0);
    talk_expect(talk, "01 10 20 00");
    talk_receive(talk, "04 0e 04 01 10 20 00");
    talk_expect(talk, "01 11 20 07 00 06 05 04 03 02 01");
    talk_receive(talk, "04 0e 04 01 11 20 00");
    talk_forget(talk);
    talk_destroy(talk);
}

/* From beginning to end; talk_destroy() sees to it that no octet of memory is left behind. */
static void test_whole_life(void **state)
{
    (void)state;
    struct talk *talk = connected();
    size_t before = talk->memory;
    assert_true(bluet_deactivate(talk->host) > 0);
    talk_answer(talk);
    talk_disconnect(talk, HANDLE);
    talk_answer(talk);
    assert_false(bluet_is_active(talk->host));
    assert_true(talk->memory < before);
    talk_forget(talk);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_answers),
        cmocka_unit_test(test_pairing),
        cmocka_unit_test(test_pairing_without_secure_connections),
        cmocka_unit_test(test_channel),
        cmocka_unit_test(test_address_modes),
        cmocka_unit_test(test_accept_list),
        cmocka_unit_test(test_whole_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
