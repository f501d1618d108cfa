/*
 * Every step of a pairing, in both roles: another PDU in the place of the one that is awaited, one too many, the end of
 * the link; and several pairings at once.
 */
#include "devices.h"

#include "host/host.h"
#include "spec/hci.h"
#include "spec/l2cap.h"
#include "spec/sm.h"

#include <string.h>

#define SECOND UINT64_C(1000000)

enum model { LEGACY, COMPARISON, PASSKEY, OUT_OF_BAND, MODELS };

static const uint8_t lengths[] = {0, 6, 6, 16, 16, 1, 16, 10, 16, 7, 16, 1, 64, 16, 1};

static struct scene scene;
static struct device *central, *peripheral;

static void begin(enum model model)
{
    static const uint8_t ios[MODELS][2] = {{BLUET_IO_KEYBOARD_ONLY, BLUET_IO_DISPLAY_ONLY},
                                           {BLUET_IO_DISPLAY_YESNO, BLUET_IO_DISPLAY_YESNO},
                                           {BLUET_IO_KEYBOARD_ONLY, BLUET_IO_KEYBOARD_ONLY},
                                           {BLUET_IO_NO_INPUT_OUTPUT, BLUET_IO_NO_INPUT_OUTPUT}};
    scene_begin(&scene);
    central = device_add(&scene, NULL);
    peripheral = device_add(&scene, NULL);
    struct bluet_security security = {.bond = true, .mitm = true, .legacy = model == LEGACY, .io = ios[model][0]};
    device_set_security(central, security);
    security.io = ios[model][1];
    device_set_security(peripheral, security);
    if (model == OUT_OF_BAND) {
        struct bluet_oob data = {.secure = true};
        const struct bluet_address address = device_address(peripheral);
        assert_int_equal(bluet_oob_own(peripheral->host, data.confirm, data.random), BLUET_OK);
        assert_int_equal(bluet_oob_peer(central->host, &address, &data), BLUET_OK);
    }
    device_connect(central, peripheral);
}

static void expect_whole(const struct device *device)
{
    const struct update update = device_update(device);
    assert_true(update.encrypted && update.authenticated && update.bonded);
    assert_int_equal(update.reason, 0);
}

/* The victim has been told once, and has nothing. */
static uint16_t expect_nothing(const struct device *device)
{
    const struct update update = device_update(device);
    assert_false(update.encrypted || update.authenticated || update.bonded);
    assert_int_not_equal(update.reason, 0);
    assert_int_equal(bluet_bonds(device->host, NULL, 0), 0);
    assert_null(device_secret(device, BLUET_SECRET_OURS));
    assert_null(device_secret(device, BLUET_SECRET_PEER));
    return update.reason;
}

/* ---- Another PDU, and one too many ---- */

static struct {
    unsigned step; /* of the PDUs that the victim gets */
    unsigned seen;
    uint8_t code; /* of what it gets in its place, or, if `besides`, besides; 0: nothing is done */
    bool besides;
    bool done, dropping, same;
} change;

static void give_pdu(struct device *device, const uint8_t *packet)
{
    /* A request that would do well at its place; else zeros. */
    static const uint8_t features[6] = {3, 0, SM_BONDING | SM_SECURE_CONNECTIONS, 16, 7, 7};
    uint8_t length = lengths[change.code];
    uint8_t other[5 + 4 + 1 + 64] = {HCI_ACL_DATA,
                                     packet[1],
                                     packet[2],
                                     (uint8_t)(5 + length),
                                     0,
                                     (uint8_t)(1 + length),
                                     0,
                                     L2CAP_CID_SECURITY_MANAGER,
                                     0,
                                     change.code};
    if (length == sizeof features)
        memcpy(other + 10, features, sizeof features);
    bluet_receive(device->host, other, (size_t)10 + length);
}

static bool change_pdu(struct device *device, const uint8_t *packet, size_t length)
{
    if (packet[0] != HCI_ACL_DATA || length < 10)
        return true;
    bool continues = (packet[2] >> 4 & 3) == HCI_BOUNDARY_CONTINUING;
    if (continues)
        return !change.dropping;
    change.dropping = false;
    if (packet[7] != L2CAP_CID_SECURITY_MANAGER || change.done || change.seen++ != change.step || !change.code)
        return true;
    change.done = true;
    change.same = !change.besides && packet[9] == change.code;
    if (change.same)
        return true;
    give_pdu(device, packet);
    change.dropping = !change.besides;
    return change.besides;
}

/* Whether there was such a step. */
static bool try_change(enum model model, bool at_central, unsigned step, uint8_t code, bool besides)
{
    begin(model);
    struct device *victim = at_central ? central : peripheral;
    memset(&change, 0, sizeof change);
    change.step = step;
    change.code = code;
    change.besides = besides;
    victim->hear = change_pdu;
    devices_pair(central, peripheral);
    victim->hear = NULL;
    if (!change.done || change.same || (besides && code == SM_KEYPRESS_NOTIFICATION)) {
        expect_whole(central);
        expect_whole(peripheral);
    } else if (!besides && step == 0 && !at_central) {
        assert_int_equal(peripheral->update_count, 0); /* there was no pairing yet */
    } else if (!besides) {
        uint16_t reason = expect_nothing(victim);
        /* What is let pass does not take the place of what is awaited, either. */
        bool passes = code == SM_KEYPRESS_NOTIFICATION || (at_central && code == SM_SECURITY_REQUEST);
        assert_true(reason <= SM_REASON_LARGEST || (passes && reason == BLUET_STATUS_TIMEOUT));
    }
    bool there = change.done;
    scene_end(&scene);
    return there;
}

/* Of twenty rounds the first few, and the last steps: those between are as these. */
static unsigned next_step(enum model model, unsigned step)
{
    return model == PASSKEY && step == 4 ? 39 : step + 1;
}

static void try_other_pdus(enum model model)
{
    for (int at_central = 0; at_central < 2; at_central++) {
        for (uint8_t code = 1; code < (uint8_t)sizeof lengths; code++) {
            unsigned step = 0;
            while (try_change(model, at_central, step, code, false))
                step = next_step(model, step);
            assert_true(step >= 5);
        }
    }
}

static void test_other_pdus_legacy(void **state)
{
    (void)state;
    try_other_pdus(LEGACY);
}

static void test_other_pdus_comparison(void **state)
{
    (void)state;
    try_other_pdus(COMPARISON);
}

static void test_other_pdus_passkey(void **state)
{
    (void)state;
    try_other_pdus(PASSKEY);
}

static void test_other_pdus_out_of_band(void **state)
{
    (void)state;
    try_other_pdus(OUT_OF_BAND);
}

/* Keys that are pressed are accepted at every step. */
static void test_keypresses(void **state)
{
    (void)state;
    for (unsigned model = LEGACY; model <= PASSKEY; model++) {
        for (int at_central = 0; at_central < 2; at_central++) {
            unsigned step = at_central ? 0 : 1; /* nobody presses a key before there is a pairing */
            while (try_change((enum model)model, at_central, step, SM_KEYPRESS_NOTIFICATION, true))
                step = next_step((enum model)model, step);
        }
    }
}

static unsigned told[16]; /* PDUs, by code */

static bool tell_pdus(struct device *device, const uint8_t *packet, size_t length)
{
    (void)device;
    bool begins = packet[0] == HCI_ACL_DATA && length > 9 && (packet[2] >> 4 & 3) != HCI_BOUNDARY_CONTINUING;
    if (begins && packet[7] == L2CAP_CID_SECURITY_MANAGER)
        told[packet[9] % 16]++;
    return true;
}

/* Both sides alike could leave out rounds, and would notice nothing. */
static void test_twenty_rounds(void **state)
{
    (void)state;
    begin(PASSKEY);
    memset(told, 0, sizeof told);
    central->hear = tell_pdus;
    devices_pair(central, peripheral);
    expect_whole(central);
    assert_int_equal(told[SM_PAIRING_CONFIRM], 20);
    assert_int_equal(told[SM_PAIRING_RANDOM], 20);
    assert_int_equal(told[SM_PAIRING_DHKEY_CHECK], 1);
    scene_end(&scene);
}

/* ---- The end of the link ---- */

static struct {
    unsigned step, seen;
    bool due;
} end;

static bool count_pdu(struct device *device, const uint8_t *packet, size_t length)
{
    (void)device;
    bool begins = packet[0] == HCI_ACL_DATA && length > 9 && (packet[2] >> 4 & 3) != HCI_BOUNDARY_CONTINUING;
    if (begins && packet[7] == L2CAP_CID_SECURITY_MANAGER && end.seen++ == end.step)
        end.due = true;
    return true;
}

static bool is_due(struct scene *unused)
{
    (void)unused;
    return end.due;
}

/* Nothing is kept by halves, and what is not whole has failed. */
static void check_end(const struct device *device)
{
    assert_int_equal(device->conn_count, 0);
    bool bonded = device_secret(device, BLUET_SECRET_PEER);
    if (device->update_count)
        assert_true(device->updates[0].reason == 0 || device->updates[0].reason == BLUET_STATUS_DISCONNECTED);
    assert_int_equal(bonded, device->update_count && device->updates[0].bonded);
    assert_int_equal(bonded, device_secret(device, BLUET_SECRET_OURS) != NULL);
    assert_int_equal(bonded, bluet_bonds(device->host, NULL, 0));
}

static bool try_end(enum model model, unsigned step, bool by_peripheral)
{
    begin(model);
    struct device *first = by_peripheral ? peripheral : central;
    struct device *second = by_peripheral ? central : peripheral;
    memset(&end, 0, sizeof end);
    end.step = step;
    central->hear = peripheral->hear = count_pdu;
    device_forget(central);
    device_forget(peripheral);
    assert_int_equal(bluet_gap_pair(central->host, central->conns[0]), BLUET_OK);
    bool there = scene_run(&scene, 20 * SECOND, is_due);
    /* The one is off the air without a word; the other notices when it has heard nothing for too long. */
    bluet_air_detach(first->controller);
    first->controller = NULL;
    bluet_controller_lost(first->host);
    scene_run(&scene, 8 * SECOND, NULL);
    assert_int_equal(second->conn_count, 0);
    check_end(second);
    assert_int_equal(first->conn_count, 0);
    assert_true(first->update_count <= 1);
    scene_end(&scene);
    return there;
}

static void test_end_of_the_link(void **state)
{
    (void)state;
    for (unsigned model = LEGACY; model < MODELS; model++) {
        for (int by_peripheral = 0; by_peripheral < 2; by_peripheral++) {
            unsigned step = 0;
            while (try_end((enum model)model, step, by_peripheral))
                step = model == PASSKEY && step == 12 ? 80 : step + 1;
            assert_true(step > 12);
        }
    }
}

/* ---- Several at once ---- */

enum { MANY = 6 };

static struct device *others[MANY];

static void connect_all(uint8_t pairing_count, bool as_central)
{
    const struct bluet_config limits = {.connection_count = MANY, .pairing_count = pairing_count};
    const struct bluet_security security = {.bond = true, .mitm = true, .io = BLUET_IO_DISPLAY_YESNO};
    scene_begin(&scene);
    central = device_add(&scene, &limits);
    device_set_security(central, security);
    for (int i = 0; i < MANY; i++) {
        others[i] = device_add(&scene, NULL);
        device_set_security(others[i], security);
        device_connect(as_central ? central : others[i], as_central ? others[i] : central);
    }
}

static size_t count_reasons(const struct device *device, uint16_t reason)
{
    size_t count = 0;
    for (size_t i = 0; i < device->update_count; i++)
        count += device->updates[i].reason == reason;
    return count;
}

static void pair_all(bool as_central)
{
    central->action_count = 0;
    device_forget(central);
    for (int i = 0; i < MANY; i++) {
        struct device *initiator = as_central ? central : others[i];
        device_forget(others[i]);
        (void)bluet_gap_pair(initiator->host, initiator->conns[as_central ? i : 0]);
    }
    scene_run(&scene, 20 * SECOND, NULL);
}

static void test_all_at_once(void **state)
{
    (void)state;
    for (int as_central = 0; as_central < 2; as_central++) {
        connect_all(MANY, as_central);
        pair_all(as_central);
        assert_int_equal(count_reasons(central, 0), MANY);
        assert_int_equal(bluet_bonds(central->host, NULL, 0), MANY);
        for (int i = 0; i < MANY; i++)
            expect_whole(others[i]);
        scene_end(&scene);
    }
}

/* More than there is room for: those fail, and can try again. */
static void test_more_than_there_is_room_for(void **state)
{
    (void)state;
    for (int as_central = 0; as_central < 2; as_central++) {
        connect_all(2, as_central);
        pair_all(as_central);
        assert_int_equal(count_reasons(central, 0), 2);
        /* A peripheral that has no room refuses; it was not its wish, and it is not told. */
        assert_int_equal(count_reasons(central, BLUET_STATUS_NO_MEMORY), as_central ? MANY - 2 : 0);
        assert_int_equal(central->update_count, as_central ? MANY : 2);
        pair_all(as_central);
        assert_int_equal(count_reasons(central, 0), 2);
        pair_all(as_central);
        assert_int_equal(bluet_bonds(central->host, NULL, 0), MANY);
        scene_end(&scene);
    }
}

/* No host has a key any longer than it needs it; the application has. And none has what came out of band. */
static void test_keys_are_gone(void **state)
{
    (void)state;
    for (unsigned model = LEGACY; model < MODELS; model++) {
        begin((enum model)model);
        struct device *const devices[2] = {central, peripheral};
        uint8_t random[16] = {0};
        if (model == OUT_OF_BAND)
            memcpy(random, central->host->sm.oob->peers[0].random, sizeof random);
        devices_pair(central, peripheral);
        device_disconnect(central, peripheral);
        device_connect(central, peripheral);
        devices_pair(central, peripheral); /* with the key that is kept */
        for (int i = 0; i < 2; i++) {
            expect_whole(devices[i]);
            assert_int_equal(device_holds(devices[i], secret_ltk(device_secret(devices[i], BLUET_SECRET_OURS)), 16), 0);
            assert_int_equal(device_holds(devices[i], secret_ltk(device_secret(devices[i], BLUET_SECRET_PEER)), 16), 0);
            if (model == OUT_OF_BAND)
                assert_int_equal(device_holds(devices[i], random, sizeof random), 0);
        }
        scene_end(&scene);
    }
}

/* Who proves who it is takes nobody else's delay away. */
static void test_delays_of_others(void **state)
{
    (void)state;
    begin(PASSKEY);
    struct sm_holdoff *holdoffs = peripheral->host->sm.holdoffs;
    for (uint8_t i = 0; i < (uint8_t)SM_HOLDOFF_COUNT; i++)
        holdoffs[i] = (struct sm_holdoff){.peer = {.octets = {1, 2, 3, 4, 5, i}}, .failures = 3, .until = 1};
    devices_pair(central, peripheral);
    assert_true(device_update(peripheral).authenticated);
    for (uint8_t i = 0; i < (uint8_t)SM_HOLDOFF_COUNT; i++)
        assert_true(holdoffs[i].failures == 3 && holdoffs[i].peer.octets[5] == i);
    scene_end(&scene);
}

/* A pairing takes no memory: none can be refused to it. */
static void test_memory(void **state)
{
    (void)state;
    for (unsigned model = LEGACY; model < MODELS; model++) {
        begin((enum model)model);
        size_t before[2] = {central->allocations, peripheral->allocations};
        devices_pair(central, peripheral);
        expect_whole(central);
        assert_int_equal(central->allocations, before[0]);
        assert_int_equal(peripheral->allocations, before[1]);
        scene_end(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_pdus_legacy),  cmocka_unit_test(test_other_pdus_comparison),
        cmocka_unit_test(test_other_pdus_passkey), cmocka_unit_test(test_other_pdus_out_of_band),
        cmocka_unit_test(test_keypresses),         cmocka_unit_test(test_end_of_the_link),
        cmocka_unit_test(test_all_at_once),        cmocka_unit_test(test_more_than_there_is_room_for),
        cmocka_unit_test(test_twenty_rounds),      cmocka_unit_test(test_keys_are_gone),
        cmocka_unit_test(test_delays_of_others),   cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
