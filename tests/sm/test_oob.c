/* Pairing with out of band data: who knows of whom, what it is good for, and how long (Vol 3 Part H, 2.3.5). */
#include "devices.h"

#include "host/host.h"

#include <string.h>

static struct scene scene;
static struct device *central, *peripheral;

static void begin(void)
{
    scene_begin(&scene);
    central = device_add(&scene, NULL);
    peripheral = device_add(&scene, NULL);
}

/* What the owner gives away comes to the other by a way that nobody listens to. */
static struct bluet_oob data_of(struct device *owner)
{
    struct bluet_oob data = {.secure = true};
    assert_int_equal(bluet_oob_own(owner->host, data.confirm, data.random), BLUET_OK);
    return data;
}

static void tell(struct device *device, struct device *of, const struct bluet_oob *data)
{
    const struct bluet_address address = device_address(of);
    assert_int_equal(bluet_oob_peer(device->host, &address, data), BLUET_OK);
}

static void expect_protected(const struct device *device, bool bonded)
{
    const struct update update = device_update(device);
    assert_int_equal(update.reason, 0);
    assert_true(update.encrypted && update.authenticated);
    assert_int_equal(update.bonded, bonded);
    assert_int_equal(update.key_size, 16);
    assert_int_equal(device->action_count, 0);
}

static void expect_both_protected(void)
{
    expect_protected(central, false);
    expect_protected(peripheral, false);
}

static void expect_failure(uint16_t reason)
{
    struct device *const devices[2] = {central, peripheral};
    for (int i = 0; i < 2; i++) {
        const struct update update = device_update(devices[i]);
        assert_int_equal(update.reason, reason);
        assert_false(update.encrypted || update.authenticated || update.bonded);
    }
}

static void pair(void)
{
    device_connect(central, peripheral);
    devices_pair(central, peripheral);
}

static bool knows_own(const struct device *device)
{
    return sm_oob_has_own(&device->host->sm);
}

/* One side, the other, both; begun by either; whatever the sides can show and type, and without having asked for it. */
static void test_secure_connections(void **state)
{
    (void)state;
    for (int knows = 1; knows <= 3; knows++) {
        for (int by_peripheral = 0; by_peripheral < 2; by_peripheral++) {
            begin();
            struct bluet_oob of_central = data_of(central);
            struct bluet_oob of_peripheral = data_of(peripheral);
            if (knows & 1)
                tell(central, peripheral, &of_peripheral);
            if (knows & 2)
                tell(peripheral, central, &of_central);
            device_connect(central, peripheral);
            devices_pair(by_peripheral ? peripheral : central, by_peripheral ? central : peripheral);
            expect_both_protected();
            /* Used up where it was used, and nowhere else. */
            assert_int_equal(knows_own(central), !(knows & 2));
            assert_int_equal(knows_own(peripheral), !(knows & 1));
            scene_end(&scene);
        }
    }
}

static void test_bond_by_it(void **state)
{
    (void)state;
    begin();
    const struct bluet_security security = {.bond = true, .secure_only = true, .io = BLUET_IO_NO_INPUT_OUTPUT};
    device_set_security(central, security);
    device_set_security(peripheral, security);
    struct bluet_oob data = data_of(peripheral);
    tell(central, peripheral, &data);
    pair();
    expect_protected(central, true);
    expect_protected(peripheral, true);
    device_disconnect(central, peripheral);
    pair(); /* with the key that is kept */
    expect_protected(central, true);
    expect_protected(peripheral, true);
    scene_end(&scene);
}

/* What is sent is not what was told: of another, or altered. No nonce is given away before that is seen. */
static void test_wrong_data(void **state)
{
    (void)state;
    for (int knows = 1; knows <= 2; knows++) {
        for (int what = 0; what < 3; what++) {
            begin();
            struct device *owner = knows == 1 ? peripheral : central;
            struct device *other = knows == 1 ? central : peripheral;
            struct bluet_oob data = data_of(owner);
            if (what == 0)
                data.confirm[3] ^= 0x10;
            else if (what == 1)
                data.random[15] ^= 0x80;
            else
                data_of(owner); /* asked for anew: another key */
            tell(other, owner, &data);
            pair();
            expect_failure(SM_CONFIRM_VALUE_FAILED);
            scene_end(&scene);
        }
    }
}

static struct device *listener;
static size_t randoms_heard;

static bool count_randoms(struct device *device, const uint8_t *packet, size_t length)
{
    randoms_heard +=
        device == listener && packet[0] == 0x02 && length > 9 && packet[7] == 6 && packet[9] == SM_PAIRING_RANDOM;
    return true;
}

static void test_no_nonce_before_the_check(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        begin();
        struct bluet_oob data = data_of(peripheral);
        data.confirm[0] ^= (uint8_t)wrong;
        tell(central, peripheral, &data);
        listener = peripheral;
        peripheral->hear = count_randoms;
        randoms_heard = 0;
        pair();
        assert_int_equal(randoms_heard, wrong ? 0 : 1);
        scene_end(&scene);
    }
}

/* Who claims to have data that were never given. */
static void test_data_that_were_not_given(void **state)
{
    (void)state;
    for (int knows = 1; knows <= 2; knows++) {
        begin();
        const struct bluet_oob data = {.secure = true, .confirm = {1}, .random = {2}};
        tell(knows == 1 ? central : peripheral, knows == 1 ? peripheral : central, &data);
        pair();
        expect_failure(SM_OOB_NOT_AVAILABLE);
        scene_end(&scene);
    }
}

/* A peer that has our commitment, but not our random, cannot prove that it was told. */
static void test_random_is_proved(void **state)
{
    (void)state;
    for (int knows = 1; knows <= 2; knows++) {
        begin();
        struct device *owner = knows == 1 ? peripheral : central;
        struct device *other = knows == 1 ? central : peripheral;
        struct bluet_oob data = data_of(owner);
        tell(other, owner, &data);
        owner->host->sm.oob->random[5] ^= 1;
        pair();
        expect_failure(SM_DHKEY_CHECK_FAILED);
        assert_true(knows_own(owner));
        scene_end(&scene);
    }
}

/* Three failures, then another key pair is wanted (2.3.6). */
static void test_key_pair_is_given_up(void **state)
{
    (void)state;
    begin();
    struct bluet_oob data = data_of(peripheral);
    data.confirm[0] ^= 1;
    tell(central, peripheral, &data);
    device_connect(central, peripheral);
    for (int i = 0; i < 3; i++) {
        assert_true(knows_own(peripheral));
        devices_pair(central, peripheral);
        expect_failure(SM_CONFIRM_VALUE_FAILED);
        scene_run(&scene, 10000000, NULL);
    }
    assert_false(knows_own(peripheral));
    devices_pair(central, peripheral);
    expect_failure(SM_OOB_NOT_AVAILABLE);
    scene_end(&scene);
}

static void test_each_is_another(void **state)
{
    (void)state;
    begin();
    const struct bluet_oob one = data_of(central);
    const struct bluet_oob other = data_of(central);
    assert_memory_not_equal(one.confirm, other.confirm, 16);
    assert_memory_not_equal(one.random, other.random, 16);
    scene_end(&scene);
}

/* ---- Legacy Pairing ---- */

static void test_legacy(void **state)
{
    (void)state;
    const struct bluet_oob key = {.legacy = true, .temporary_key = "\x5a\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"};
    struct bluet_oob wrong = key;
    wrong.temporary_key[15] = 1; /* beyond what a passkey reaches */
    for (int legacy = 0; legacy < 2; legacy++) {
        begin();
        device_set_security(peripheral, (struct bluet_security){.legacy = legacy, .io = BLUET_IO_NO_INPUT_OUTPUT});
        tell(central, peripheral, &key);
        tell(peripheral, central, &wrong);
        pair();
        expect_failure(SM_CONFIRM_VALUE_FAILED);
        scene_run(&scene, 2000000, NULL);
        tell(peripheral, central, &key);
        devices_pair(central, peripheral);
        expect_both_protected();
        scene_end(&scene);
    }
}

/* One side alone has it: as if nobody had. */
static void test_legacy_one_sided(void **state)
{
    (void)state;
    const struct bluet_oob key = {.legacy = true, .temporary_key = {1}};
    for (int knows = 1; knows <= 2; knows++) {
        begin();
        const struct bluet_security security = {.io = BLUET_IO_KEYBOARD_ONLY, .mitm = true, .legacy = true};
        device_set_security(central, security);
        device_set_security(peripheral, security);
        tell(knows == 1 ? central : peripheral, knows == 1 ? peripheral : central, &key);
        pair();
        assert_int_equal(device_update(central).authenticated, 1);
        assert_int_equal(central->action_count, 1);
        assert_int_equal(peripheral->action_count, 1);
        scene_end(&scene);
    }
}

/* Who has both kinds uses what both sides can; who will have Secure Connections has no use for a temporary key. */
static void test_both_kinds(void **state)
{
    (void)state;
    for (int legacy = 0; legacy < 2; legacy++) {
        begin();
        device_set_security(peripheral, (struct bluet_security){.legacy = legacy, .io = BLUET_IO_NO_INPUT_OUTPUT});
        struct bluet_oob of_peripheral = data_of(peripheral);
        of_peripheral.legacy = true;
        of_peripheral.temporary_key[0] = 9;
        const struct bluet_oob key = {.legacy = true, .temporary_key = {9}};
        tell(central, peripheral, &of_peripheral);
        tell(peripheral, central, &key);
        pair();
        expect_both_protected();
        assert_int_equal(knows_own(peripheral), legacy);
        scene_end(&scene);
    }
    begin();
    const struct bluet_oob key = {.legacy = true, .temporary_key = {9}};
    device_set_security(central, (struct bluet_security){.le_secure = true, .io = BLUET_IO_NO_INPUT_OUTPUT});
    tell(central, peripheral, &key);
    tell(peripheral, central, &key);
    pair();
    assert_true(device_update(central).encrypted);
    assert_false(device_update(central).authenticated);
    scene_end(&scene);
}

/* Data for Secure Connections are of no use to a peer that knows Legacy Pairing only, but nor are they in the way. */
static void test_peer_knows_no_better(void **state)
{
    (void)state;
    begin();
    device_set_security(peripheral, (struct bluet_security){.legacy = true, .io = BLUET_IO_NO_INPUT_OUTPUT});
    struct bluet_oob data = data_of(peripheral);
    tell(central, peripheral, &data);
    pair();
    assert_true(device_update(central).encrypted);
    assert_false(device_update(central).authenticated);
    scene_end(&scene);
}

/* ---- Calls ---- */

static void test_arguments(void **state)
{
    (void)state;
    begin();
    struct bluet_oob data = {.secure = true};
    struct bluet_address address = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, 1}};
    const struct bluet_oob nothing = {0};
    assert_int_equal(bluet_oob_peer(central->host, &address, &nothing), BLUET_EINVAL);
    assert_int_equal(bluet_oob_peer(central->host, &address, NULL), BLUET_OK);
    for (uint8_t i = 0; i < (uint8_t)SM_OOB_PEERS; i++) {
        address.octets[5] = i;
        assert_int_equal(bluet_oob_peer(central->host, &address, &data), BLUET_OK);
        assert_int_equal(bluet_oob_peer(central->host, &address, &data), BLUET_OK);
    }
    address.octets[5] = 0x80;
    assert_int_equal(bluet_oob_peer(central->host, &address, &data), BLUET_ENOMEM);
    address.octets[5] = 0;
    assert_int_equal(bluet_oob_peer(central->host, &address, NULL), BLUET_OK);
    address.octets[5] = 0x80;
    assert_int_equal(bluet_oob_peer(central->host, &address, &data), BLUET_OK);
    address.type = 2;
    assert_int_equal(bluet_oob_peer(central->host, &address, &data), BLUET_EINVAL);
    uint8_t confirm[16], random[16];
    assert_true(bluet_deactivate(peripheral->host) > 0);
    scene_run(&scene, 1000000, NULL);
    assert_int_equal(bluet_oob_own(peripheral->host, confirm, random), BLUET_ENODEV);
    assert_int_equal(bluet_oob_peer(peripheral->host, &address, &data), BLUET_ENODEV);
    scene_end(&scene);
}

static void test_memory_refused(void **state)
{
    (void)state;
    begin();
    const struct bluet_address address = device_address(peripheral);
    struct bluet_oob data = data_of(peripheral);
    uint8_t confirm[16], random[16];
    central->refused_allocation = central->allocations + 1;
    assert_int_equal(bluet_oob_peer(central->host, &address, &data), BLUET_ENOMEM);
    central->refused_allocation = central->allocations + 1;
    assert_int_equal(bluet_oob_own(central->host, confirm, random), BLUET_ENOMEM);
    pair(); /* nothing is known of anybody */
    assert_false(device_update(central).authenticated);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secure_connections),
        cmocka_unit_test(test_bond_by_it),
        cmocka_unit_test(test_wrong_data),
        cmocka_unit_test(test_no_nonce_before_the_check),
        cmocka_unit_test(test_data_that_were_not_given),
        cmocka_unit_test(test_random_is_proved),
        cmocka_unit_test(test_key_pair_is_given_up),
        cmocka_unit_test(test_each_is_another),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_legacy_one_sided),
        cmocka_unit_test(test_both_kinds),
        cmocka_unit_test(test_peer_knows_no_better),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_memory_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
