/*
 * A man in the middle on the air. With radios that call themselves by his victims' addresses he pairs with each of them
 * by himself, or passes on what they say and alters it. What each model gives against him (docs/security.md).
 */
#include "devices.h"

#include "spec/hci.h"
#include "spec/l2cap.h"
#include "spec/sm.h"

#include <string.h>

#define SECOND UINT64_C(1000000)

static const uint8_t central_address[6] = {0xc4, 0, 0, 0, 0, 0x01};
static const uint8_t peripheral_address[6] = {0xc4, 0, 0, 0, 0, 0x02};

enum model { JUST_WORKS, CENTRAL_SHOWS, PERIPHERAL_SHOWS, BOTH_TYPE, COMPARISON, OUT_OF_BAND, MODELS };

static const uint8_t ios[MODELS][2] = {
    [JUST_WORKS] = {BLUET_IO_NO_INPUT_OUTPUT, BLUET_IO_NO_INPUT_OUTPUT},
    [CENTRAL_SHOWS] = {BLUET_IO_DISPLAY_ONLY, BLUET_IO_KEYBOARD_ONLY},
    [PERIPHERAL_SHOWS] = {BLUET_IO_KEYBOARD_ONLY, BLUET_IO_DISPLAY_ONLY},
    [BOTH_TYPE] = {BLUET_IO_KEYBOARD_ONLY, BLUET_IO_KEYBOARD_ONLY},
    [COMPARISON] = {BLUET_IO_DISPLAY_YESNO, BLUET_IO_DISPLAY_YESNO},
    [OUT_OF_BAND] = {BLUET_IO_NO_INPUT_OUTPUT, BLUET_IO_NO_INPUT_OUTPUT},
};

static struct scene scene;
static struct device *central, *peripheral;             /* the victims */
static struct device *false_central, *false_peripheral; /* the man's radios */

/* ---- The victims ---- */

static void give_data(bool legacy)
{
    const struct bluet_address addresses[2] = {device_address(central), device_address(peripheral)};
    struct bluet_oob data[2] = {{.legacy = legacy, .secure = !legacy, .temporary_key = {1, 2, 3, 4, 5, 6, 7, 8, 9}}};
    data[1] = data[0];
    assert_int_equal(bluet_oob_own(central->host, data[0].confirm, data[0].random), BLUET_OK);
    assert_int_equal(bluet_oob_own(peripheral->host, data[1].confirm, data[1].random), BLUET_OK);
    assert_int_equal(bluet_oob_peer(central->host, &addresses[1], &data[1]), BLUET_OK);
    assert_int_equal(bluet_oob_peer(peripheral->host, &addresses[0], &data[0]), BLUET_OK);
}

static void begin(enum model model, bool legacy, bool with_hosts)
{
    scene_begin(&scene);
    central = device_add_as(&scene, NULL, central_address, false);
    peripheral = device_add_as(&scene, NULL, peripheral_address, false);
    false_central = device_add_as(&scene, NULL, central_address, !with_hosts);
    false_peripheral = device_add_as(&scene, NULL, peripheral_address, !with_hosts);
    const struct bluet_security security = {.mitm = model != JUST_WORKS, .legacy = legacy};
    struct device *const devices[4] = {central, peripheral, false_central, false_peripheral};
    for (int i = 0; i < (with_hosts ? 4 : 2); i++) {
        struct bluet_security wanted = security;
        wanted.io = ios[model][i % 2];
        device_set_security(devices[i], wanted);
    }
    central->absent = peripheral->absent = model == COMPARISON;
    if (model == OUT_OF_BAND)
        give_data(legacy);
}

/* People look at both numbers; who is asked alone has nothing to agree to. */
static void compare(void)
{
    struct device *const devices[2] = {central, peripheral};
    bool same = central->action_count && peripheral->action_count && central->number == peripheral->number;
    for (int i = 0; i < 2; i++) {
        if (devices[i]->action_count)
            (void)bluet_gap_passkey(devices[i]->host, devices[i]->conns[0], BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON,
                                    same);
    }
}

static void expect_refused(const struct device *device)
{
    const struct update update = device_update(device);
    assert_false(update.encrypted || update.authenticated || update.bonded);
    assert_int_not_equal(update.reason, 0);
    struct bluet_connection connection;
    assert_int_equal(bluet_connection(device->host, &connection, device->conns[0]), BLUET_OK);
    assert_false(connection.encrypted || connection.authenticated);
}

/* ---- He pairs with each of them ---- */

static void pair_with_both(enum model model)
{
    /* The peripheral first: then it no longer advertises, and the central finds the other of that name. */
    device_connect(false_central, peripheral);
    device_connect(central, false_peripheral);
    assert_int_equal(bluet_gap_pair(false_central->host, false_central->conns[0]), BLUET_OK);
    assert_int_equal(bluet_gap_pair(central->host, central->conns[0]), BLUET_OK);
    scene_run(&scene, 5 * SECOND, NULL);
    if (model == COMPARISON) {
        assert_int_equal(central->action_count + peripheral->action_count, 2);
        assert_int_not_equal(central->number, peripheral->number);
        compare();
    }
    scene_run(&scene, 5 * SECOND, NULL);
}

/* Out of band: he says that he has data, too, or that he has none. */
static void pretend(bool legacy, bool has_data)
{
    struct device *const devices[2] = {false_central, false_peripheral};
    for (int i = 0; has_data && i < 2; i++) {
        struct bluet_oob data = {.legacy = legacy, .secure = !legacy};
        const struct bluet_address peer = device_address(i ? central : peripheral);
        assert_int_equal(bluet_oob_own(devices[i]->host, data.confirm, data.random), BLUET_OK);
        if (legacy)
            assert_int_equal(bluet_oob_peer(devices[i]->host, &peer, &data), BLUET_OK);
    }
    for (int i = 0; i < 2; i++)
        device_set_security(devices[i], (struct bluet_security){.legacy = legacy, .io = BLUET_IO_NO_INPUT_OUTPUT});
}

static void test_pairing_with_both(void **state)
{
    (void)state;
    for (unsigned model = CENTRAL_SHOWS; model < MODELS + 1; model++) {
        for (int legacy = 0; legacy < 2; legacy++) {
            if (model == COMPARISON && legacy)
                continue;
            begin(model < MODELS ? (enum model)model : OUT_OF_BAND, legacy, true);
            false_central->passkey = false_peripheral->passkey = 654321; /* what the victims have is 123456 */
            if (model >= OUT_OF_BAND)
                pretend(legacy, model == OUT_OF_BAND);
            pair_with_both((enum model)model);
            expect_refused(central);
            expect_refused(peripheral);
            scene_end(&scene);
        }
    }
}

/* Without protection nothing keeps him out, and nobody is told otherwise. */
static void test_just_works_lets_him_in(void **state)
{
    (void)state;
    for (int legacy = 0; legacy < 2; legacy++) {
        begin(JUST_WORKS, legacy, true);
        pair_with_both(JUST_WORKS);
        struct device *const devices[2] = {central, peripheral};
        for (int i = 0; i < 2; i++) {
            assert_true(device_update(devices[i]).encrypted);
            assert_false(device_update(devices[i]).authenticated);
        }
        scene_end(&scene);
    }
}

/* ---- He passes on what they say, and alters it ---- */

static struct relay {
    uint8_t frame[300]; /* what has come of it */
    size_t length;
    bool connected;
    uint16_t handle;
    struct device *to;
} relays[2]; /* what comes from the central, and from the peripheral */

/* What he alters: the PDU of that code, in that direction; an octet of it, with these bits. */
static struct {
    int from;
    uint8_t code;
    size_t octet;
    uint8_t bits;
    unsigned skip; /* so many of them */
    unsigned done;
} alteration;

static void send(const struct device *device, uint16_t handle, const uint8_t *frame, size_t length)
{
    uint8_t packet[5 + 300] = {HCI_ACL_DATA, (uint8_t)handle, (uint8_t)(handle >> 8), (uint8_t)length,
                               (uint8_t)(length >> 8)};
    memcpy(packet + 5, frame, length);
    assert_int_equal(bluet_air_receive(device->controller, packet, 5 + length), BLUET_OK);
}

static void pass_on(int from)
{
    struct relay *relay = &relays[from];
    uint8_t *pdu = relay->frame + 4;
    bool meant = from == alteration.from && relay->frame[2] == L2CAP_CID_SECURITY_MANAGER && pdu[0] == alteration.code;
    if (meant && alteration.skip)
        alteration.skip--;
    else if (meant && alteration.octet < relay->length - 4) {
        pdu[alteration.octet] ^= alteration.bits;
        alteration.done++;
    }
    if (relays[1 - from].connected)
        send(relay->to, relays[1 - from].handle, relay->frame, relay->length);
}

static bool overhear(struct device *device, const uint8_t *packet, size_t length)
{
    int from = device == false_peripheral ? 0 : 1;
    struct relay *relay = &relays[from];
    if (packet[0] == HCI_EVENT && packet[1] == HCI_EVENT_LE_META && packet[3] == HCI_LE_EVENT_CONNECTION_COMPLETE)
        relay->connected = true, relay->handle = (uint16_t)(packet[5] | packet[6] << 8);
    if (packet[0] == HCI_EVENT && packet[1] == HCI_EVENT_LE_META && packet[3] == 0x05) {
        /* He has no key to give. */
        const uint8_t reply[] = {HCI_COMMAND, 0x1b, 0x20, 2, packet[4], packet[5]};
        assert_int_equal(bluet_air_receive(device->controller, reply, sizeof reply), BLUET_OK);
    }
    if (packet[0] != HCI_ACL_DATA)
        return true;
    if ((packet[2] >> 4 & 3) != HCI_BOUNDARY_CONTINUING)
        relay->length = 0;
    assert_true(relay->length + length - 5 <= sizeof relay->frame);
    memcpy(relay->frame + relay->length, packet + 5, length - 5);
    relay->length += length - 5;
    if (relay->length >= 4 && relay->length == 4u + (size_t)(relay->frame[0] | relay->frame[1] << 8))
        pass_on(from);
    return true;
}

static bool are_there(struct scene *unused)
{
    (void)unused;
    return central->conn_count && peripheral->conn_count && relays[0].connected && relays[1].connected;
}

/* His radios: one is connected to by the central, the other connects to the peripheral. */
static void place_relay(void)
{
    static const uint8_t mask[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f};
    static const uint8_t advertising[15] = {0x20, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0};
    const struct bluet_address peer = device_address(peripheral);
    memset(relays, 0, sizeof relays);
    relays[0].to = false_central;
    relays[1].to = false_peripheral;
    false_central->hear = false_peripheral->hear = overhear;
    device_command(false_central, 0x0c01, mask, sizeof mask);
    device_command(false_peripheral, 0x0c01, mask, sizeof mask);
    assert_true(bluet_gap_advertise(peripheral->host, 20000, &(struct bluet_span){"\x02\x01\x06", 3}, NULL, true) > 0);
    uint8_t connect[25] = {0x20, 0, 0x20, 0, 0, 0};
    for (size_t i = 0; i < 6; i++)
        connect[6 + i] = peer.octets[5 - i];
    const uint8_t timing[] = {0, 40, 0, 40, 0, 0, 0, 0xf4, 1, 0, 0, 0, 0};
    memcpy(connect + 12, timing, sizeof timing);
    device_command(false_central, 0x200d, connect, sizeof connect);
    scene_run(&scene, SECOND, NULL);
    assert_true(relays[1].connected);
    device_command(false_peripheral, 0x2006, advertising, sizeof advertising);
    device_command(false_peripheral, 0x200a, (const uint8_t[]){1}, 1);
    const struct bluet_connection_parameters slow = {50000, 50000, 0, 5000};
    assert_true(bluet_gap_connect(central->host, &peer, 0, &slow) > 0);
    assert_true(scene_run(&scene, 5 * SECOND, are_there));
}

static bool is_told(struct scene *unused)
{
    (void)unused;
    return central->update_count;
}

/* What the central has been told in the end. */
static uint16_t relay(enum model model, bool legacy)
{
    begin(model, legacy, false);
    place_relay();
    alteration.done = 0;
    assert_int_equal(bluet_gap_pair(central->host, central->conns[0]), BLUET_OK);
    scene_run(&scene, 5 * SECOND, is_told);
    if (model == COMPARISON && !central->update_count)
        compare();
    scene_run(&scene, 40 * SECOND, is_told);
    scene_run(&scene, SECOND, NULL);
    expect_refused(central);
    /* The peripheral may not have heard of a pairing, or waits for the central's encryption for half a minute. */
    if (peripheral->update_count)
        expect_refused(peripheral);
    uint16_t reason = device_update(central).reason;
    scene_end(&scene);
    return reason;
}

/* Who alters nothing gets as far as the encryption, for which he has no key. */
static void test_relay_of_what_is_said(void **state)
{
    (void)state;
    memset(&alteration, 0, sizeof alteration);
    for (unsigned model = JUST_WORKS; model < MODELS; model++) {
        for (int legacy = 0; legacy < 2; legacy++) {
            if (model != COMPARISON || !legacy)
                assert_int_equal(relay((enum model)model, legacy), BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
        }
    }
}

struct attempt {
    uint8_t code, from;
    size_t octet;
    uint8_t bits;
    unsigned skip;
};

static void expect_noticed(enum model model, bool legacy, const struct attempt *attempt)
{
    alteration.from = attempt->from;
    alteration.code = attempt->code;
    alteration.octet = attempt->octet;
    alteration.bits = attempt->bits;
    alteration.skip = attempt->skip;
    uint16_t reason = relay(model, legacy);
    assert_true(alteration.done > 0);
    /* Two that were led to different models wait for each other in vain. */
    assert_true((reason > 0 && reason <= SM_REASON_LARGEST) || reason == BLUET_STATUS_TIMEOUT);
}

/* Protected and secure: nothing that counts can be altered. */
static void test_altered_secure_connections(void **state)
{
    (void)state;
    static const struct attempt attempts[] = {
        /* Lesser features: what can be shown, data out of band, protection, Secure Connections, size of keys. */
        {SM_PAIRING_REQUEST, 0, 1, 0x03, 0},
        {SM_PAIRING_REQUEST, 0, 2, 0x01, 0},
        {SM_PAIRING_REQUEST, 0, 3, SM_MITM, 0},
        {SM_PAIRING_REQUEST, 0, 3, SM_SECURE_CONNECTIONS, 0},
        {SM_PAIRING_REQUEST, 0, 4, 0x17, 0},
        {SM_PAIRING_RESPONSE, 1, 1, 0x03, 0},
        {SM_PAIRING_RESPONSE, 1, 2, 0x01, 0},
        {SM_PAIRING_RESPONSE, 1, 3, SM_MITM, 0},
        {SM_PAIRING_RESPONSE, 1, 3, SM_SECURE_CONNECTIONS, 0},
        {SM_PAIRING_RESPONSE, 1, 4, 0x17, 0},
        {SM_PAIRING_PUBLIC_KEY, 0, 7, 0x80, 0},
        {SM_PAIRING_PUBLIC_KEY, 1, 60, 0x01, 0},
        {SM_PAIRING_RANDOM, 0, 1, 0x01, 0},
        {SM_PAIRING_RANDOM, 1, 16, 0x80, 0},
        {SM_PAIRING_DHKEY_CHECK, 0, 9, 0x10, 0},
        {SM_PAIRING_DHKEY_CHECK, 1, 16, 0x80, 0},
    };
    for (unsigned model = CENTRAL_SHOWS; model < MODELS; model++) {
        for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
            expect_noticed((enum model)model, false, &attempts[i]);
    }
    static const struct attempt confirms[] = {
        {SM_PAIRING_CONFIRM, 1, 1, 0x01, 0},  {SM_PAIRING_CONFIRM, 0, 1, 0x01, 0}, {SM_PAIRING_CONFIRM, 0, 5, 0x01, 19},
        {SM_PAIRING_CONFIRM, 1, 5, 0x01, 19}, {SM_PAIRING_RANDOM, 0, 5, 0x01, 19}, {SM_PAIRING_RANDOM, 1, 5, 0x01, 19}};
    expect_noticed(COMPARISON, false, &confirms[0]);
    for (unsigned model = CENTRAL_SHOWS; model <= BOTH_TYPE; model++) {
        for (size_t i = 0; i < sizeof confirms / sizeof *confirms; i++)
            expect_noticed((enum model)model, false, &confirms[i]);
    }
}

/* Legacy Pairing confirms the features, too. */
static void test_altered_legacy(void **state)
{
    (void)state;
    static const struct attempt attempts[] = {
        {SM_PAIRING_REQUEST, 0, 1, 0x03, 0},  {SM_PAIRING_REQUEST, 0, 3, SM_MITM, 0},
        {SM_PAIRING_REQUEST, 0, 4, 0x17, 0},  {SM_PAIRING_REQUEST, 0, 5, SM_SIGNING_KEY, 0},
        {SM_PAIRING_RESPONSE, 1, 1, 0x03, 0}, {SM_PAIRING_RESPONSE, 1, 4, 0x17, 0},
        {SM_PAIRING_CONFIRM, 0, 1, 0x01, 0},  {SM_PAIRING_CONFIRM, 1, 16, 0x80, 0},
        {SM_PAIRING_RANDOM, 0, 1, 0x01, 0},   {SM_PAIRING_RANDOM, 1, 16, 0x80, 0},
    };
    for (unsigned model = CENTRAL_SHOWS; model < MODELS; model++) {
        for (size_t i = 0; model != COMPARISON && i < sizeof attempts / sizeof *attempts; i++)
            expect_noticed((enum model)model, true, &attempts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairing_with_both),     cmocka_unit_test(test_just_works_lets_him_in),
        cmocka_unit_test(test_relay_of_what_is_said), cmocka_unit_test(test_altered_secure_connections),
        cmocka_unit_test(test_altered_legacy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
