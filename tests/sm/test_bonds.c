/* A store that does not keep what it is given: a bond is whole, or there is none. */
#include "devices.h"

#include "host/host.h"
#include "host/sm_bonds.h"
#include "spec/hci.h"
#include "spec/l2cap.h"
#include "spec/sm.h"

#include <string.h>

static struct scene scene;
static struct device *central, *peripheral;

static void begin(bool legacy)
{
    const struct bluet_security security = {.bond = true, .legacy = legacy, .io = BLUET_IO_NO_INPUT_OUTPUT};
    scene_begin(&scene);
    central = device_add(&scene, NULL);
    peripheral = device_add(&scene, NULL);
    device_set_security(central, security);
    device_set_security(peripheral, security);
    device_connect(central, peripheral);
}

static void expect_bond(const struct device *device)
{
    assert_int_equal(bluet_bonds(device->host, NULL, 0), 1);
    assert_non_null(device_secret(device, BLUET_SECRET_OURS));
    assert_non_null(device_secret(device, BLUET_SECRET_PEER));
}

static void expect_no_bond(const struct device *device)
{
    assert_int_equal(bluet_bonds(device->host, NULL, 0), 0);
    assert_null(device_secret(device, BLUET_SECRET_OURS));
    assert_null(device_secret(device, BLUET_SECRET_PEER));
    assert_false(device->host->links.links[0].bonded);
    assert_false(device->host->links.links[0].key_known);
}

static void connect_again(void)
{
    device_disconnect(central, peripheral);
    device_connect(central, peripheral);
}

/* The application was told of a bond before it was asked to keep it; the next pairing is one of strangers. */
static void refuse(struct device *refusing, uint8_t type)
{
    const struct device *other = refusing == central ? peripheral : central;
    refusing->refused_type = type;
    devices_pair(central, peripheral);
    assert_true(device_update(refusing).encrypted && device_update(refusing).bonded);
    expect_no_bond(refusing);
    expect_bond(other);
    refusing->refused_type = 0;
    if (refusing == central) /* nobody pairs in the name of a central that the peripheral knows */
        device_unbond(peripheral);
    connect_again();
    devices_pair(central, peripheral);
    if (refusing == peripheral) /* the central has tried the key that it keeps */
        devices_pair(central, peripheral);
    assert_true(device_update(refusing).encrypted && device_update(refusing).bonded);
    expect_bond(refusing);
}

static void test_one_secret_is_refused(void **state)
{
    (void)state;
    for (int legacy = 0; legacy < 2; legacy++) {
        for (uint8_t type = BLUET_SECRET_OURS; type <= (uint8_t)BLUET_SECRET_PEER; type++) {
            for (int by_central = 0; by_central < 2; by_central++) {
                begin(legacy);
                refuse(by_central ? central : peripheral, type);
                scene_end(&scene);
            }
        }
    }
}

/* Half of a new bond does not go with half of an old one. Where nothing of the new one was kept, the old one stays. */
static void test_refused_anew(void **state)
{
    (void)state;
    for (uint8_t type = BLUET_SECRET_OURS; type <= (uint8_t)BLUET_SECRET_PEER; type++) {
        begin(true);
        devices_pair(central, peripheral);
        expect_bond(central);
        const struct secret ours = *device_secret(central, BLUET_SECRET_OURS);
        device_unbond(peripheral);
        connect_again();
        devices_pair(central, peripheral); /* the peripheral does not know the key any more */
        assert_int_equal(device_update(central).reason, BLUET_REASON_HCI | 0x06);
        central->refused_type = type;
        devices_pair(central, peripheral);
        assert_true(device_update(central).encrypted);
        if (type == BLUET_SECRET_PEER) {
            expect_no_bond(central);
        } else {
            expect_bond(central);
            assert_false(central->host->links.links[0].bonded);
            assert_memory_equal(device_secret(central, BLUET_SECRET_OURS), &ours, sizeof ours);
        }
        scene_end(&scene);
    }
}

/* Two at once, and room for one bond: the other pairing is told so, and nothing of it is kept. */
static void test_room_for_one(void **state)
{
    (void)state;
    const struct bluet_config limits = {.bond_count = 1};
    const struct bluet_security security = {.bond = true, .mitm = true, .io = BLUET_IO_DISPLAY_YESNO};
    scene_begin(&scene);
    peripheral = device_add(&scene, &limits);
    device_set_security(peripheral, security);
    struct device *centrals[2];
    for (int i = 0; i < 2; i++) {
        centrals[i] = device_add(&scene, NULL);
        device_set_security(centrals[i], security);
        device_connect(centrals[i], peripheral);
    }
    device_forget(peripheral);
    for (int i = 0; i < 2; i++)
        assert_int_equal(bluet_gap_pair(centrals[i]->host, centrals[i]->conns[0]), BLUET_OK);
    scene_run(&scene, 10000000, NULL);
    assert_int_equal(peripheral->update_count, 2);
    assert_true(peripheral->updates[0].encrypted && peripheral->updates[0].bonded);
    assert_true(peripheral->updates[1].encrypted && !peripheral->updates[1].bonded);
    expect_bond(peripheral);
    size_t kept = 0;
    for (size_t i = 0; i < peripheral->secret_count; i++)
        kept += peripheral->secrets[i].type != BLUET_SECRET_IRK;
    assert_int_equal(kept, 2);
    scene_end(&scene);
}

/* ---- Keys that not both sides give ---- */

static unsigned signing_sides; /* that the request asks for keys to sign with: 1: the initiator, 2: the responder */

static bool ask_for_keys(struct device *device, const uint8_t *packet, size_t length)
{
    enum { CID = 7, CODE = 9, KEYS = 14 };
    uint8_t altered[64];
    if (packet[0] != HCI_ACL_DATA || packet[CID] != L2CAP_CID_SECURITY_MANAGER || packet[CODE] != SM_PAIRING_REQUEST)
        return true;
    memcpy(altered, packet, length);
    for (unsigned side = 0; side < 2; side++) {
        if (!(signing_sides >> side & 1))
            altered[KEYS + side] &= (uint8_t)~SM_SIGNING_KEY;
    }
    assert_int_equal(bluet_air_receive(device->controller, altered, length), BLUET_OK);
    return false;
}

/* Whether there is a key in a secret to sign with; it is new, and has signed nothing yet. */
static bool is_to_sign(const struct device *device, uint8_t type)
{
    const struct secret *kept = device_secret(device, type);
    struct sm_secret secret;
    assert_non_null(kept);
    memcpy(secret.blob, kept->value, kept->length);
    assert_true(sm_secret_open(&secret, type, kept->length));
    if (secret.keys.flags & SM_SECRET_CSRK)
        assert_int_equal(secret.counter, 0);
    return secret.keys.flags & SM_SECRET_CSRK;
}

static void test_counters_begin_at_zero(void **state)
{
    (void)state;
    for (signing_sides = 0; signing_sides < 4; signing_sides++) {
        begin(false);
        central->say = ask_for_keys;
        /* What is kept of configurations is longer than nothing. */
        assert_true(bluet_gattc_write(central->host, central->conns[0], GATT_SERVICE_CHANGED_HANDLE + 1, "\x02", 2,
                                      BLUET_WRITE_WITH_RESPONSE) >= 0);
        scene_run(&scene, 1000000, NULL);
        devices_pair(central, peripheral);
        for (unsigned side = 0; side < 2; side++) {
            bool signs = BLUET_HAS_SIGNING && (signing_sides >> side & 1);
            assert_int_equal(is_to_sign(side ? peripheral : central, BLUET_SECRET_OURS), signs);
            assert_int_equal(is_to_sign(side ? central : peripheral, BLUET_SECRET_PEER), signs);
        }
        scene_end(&scene);
    }
}

/* ---- What those who list secrets have ---- */

static void test_no_secret_at_all(void **state)
{
    (void)state;
    static const uint8_t longer[SM_SECRET_SIZE + 1] = {2};
    struct bluet_bond bond;
    for (uint8_t type = BLUET_SECRET_OURS; type <= (uint8_t)BLUET_SECRET_PEER; type++) {
        assert_int_equal(bluet_bond_read(&bond, type, NULL, 0), BLUET_EINVAL);
        for (size_t length = 0; length <= sizeof longer; length++)
            assert_int_equal(bluet_bond_read(&bond, type, longer, length), BLUET_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_secret_is_refused), cmocka_unit_test(test_refused_anew),
        cmocka_unit_test(test_room_for_one),          cmocka_unit_test(test_counters_begin_at_zero),
        cmocka_unit_test(test_no_secret_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
