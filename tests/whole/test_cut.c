/*
 * The link dies at each step of each procedure: after every packet that crosses between a host and its controller, by
 * loss, by the wish of either side, with either controller, and with either host; the same while buffers are scarce,
 * and from within the handler of each event. Every procedure ends in exactly one event, all memory comes back, and the
 * next connection works.
 */
#include "whole/stage.h"

#include <stdio.h>
#include <string.h>

struct scene {
    const char *name;
    void (*prepare)(struct stage *stage); /* NULL: nothing */
    void (*begin)(struct stage *stage);
    bool (*complete)(const struct stage *stage); /* NULL: all procedures have ended */
    unsigned procedures[ACTORS];                 /* that have an event for their end */
    unsigned channels;                           /* that are asked for, by the central */
    unsigned least;                              /* packets, so that no scene is empty by mistake */
};

static const struct scene *playing;

static uint16_t central_link(const struct stage *stage)
{
    return stage->actors[CENTRAL].conn_handle;
}

static uint16_t peripheral_link(const struct stage *stage)
{
    return stage->actors[PERIPHERAL].conn_handle;
}

/* ---- The GATT client ---- */

static const struct bluet_uuid heart_rate_service = {2, {0x0d, 0x18}};
static const struct bluet_uuid heart_rate = {2, {0x37, 0x2a}};
static const uint8_t octets[512] = {9, 8, 7};

static void services(struct stage *stage)
{
    assert_int_equal(bluet_gattc_discover_services(central_host(stage), central_link(stage), NULL), 0);
}

static void services_by_uuid(struct stage *stage)
{
    assert_int_equal(bluet_gattc_discover_services(central_host(stage), central_link(stage), &heart_rate_service), 0);
}

static void included(struct stage *stage)
{
    assert_int_equal(bluet_gattc_discover_included_services(central_host(stage), central_link(stage), 1, 0xffff), 0);
}

static void characteristics(struct stage *stage)
{
    assert_int_equal(bluet_gattc_discover_characteristics(central_host(stage), central_link(stage), 1, 0xffff, NULL),
                     0);
}

static void characteristics_by_uuid(struct stage *stage)
{
    assert_int_equal(
        bluet_gattc_discover_characteristics(central_host(stage), central_link(stage), 1, 0xffff, &heart_rate), 0);
}

static void descriptors(struct stage *stage)
{
    assert_int_equal(bluet_gattc_discover_descriptors(central_host(stage), central_link(stage), 1, 0xffff), 0);
}

static void read_value(struct stage *stage)
{
    assert_int_equal(bluet_gattc_read(central_host(stage), central_link(stage), stage_handles.rate, 0), 0);
}

static void read_rest(struct stage *stage)
{
    assert_int_equal(bluet_gattc_read(central_host(stage), central_link(stage), stage_handles.rate, 100), 0);
}

static void read_long(struct stage *stage)
{
    assert_int_equal(bluet_gattc_read_long(central_host(stage), central_link(stage), stage_handles.rate), 0);
}

static void read_by_uuid(struct stage *stage)
{
    assert_int_equal(bluet_gattc_read_by_uuid(central_host(stage), central_link(stage), 1, 0xffff, &heart_rate), 0);
}

static void read_multiple(struct stage *stage)
{
    const uint16_t handles[] = {3, stage_handles.rate, 5};
    assert_int_equal(bluet_gattc_read_multiple(central_host(stage), central_link(stage), handles, 3, false), 0);
}

static void read_multiple_variable(struct stage *stage)
{
    const uint16_t handles[] = {3, stage_handles.rate, 5};
    assert_int_equal(bluet_gattc_read_multiple(central_host(stage), central_link(stage), handles, 3, true), 0);
}

static void write_mode(struct stage *stage, size_t length, enum bluet_write_mode mode)
{
    assert_int_equal(
        bluet_gattc_write(central_host(stage), central_link(stage), stage_handles.rate, octets, length, mode), 0);
}

static void write_value(struct stage *stage)
{
    write_mode(stage, 20, BLUET_WRITE_WITH_RESPONSE);
}

static void write_long(struct stage *stage)
{
    write_mode(stage, 400, BLUET_WRITE_LONG);
}

static void write_reliable(struct stage *stage)
{
    const struct bluet_write writes[] = {
        {stage_handles.rate, octets, 70}, {stage_handles.control, octets, 9}, {stage_handles.description, octets, 20}};
    assert_int_equal(bluet_gattc_write_reliable(central_host(stage), central_link(stage), writes, 3), 0);
}

static void many_at_once(struct stage *stage)
{
    services(stage);
    write_long(stage);
    read_long(stage);
    write_mode(stage, 20, BLUET_WRITE_NO_RESPONSE);
    write_reliable(stage);
    included(stage);
    read_value(stage);
}

/* Both ends are clients, and servers. */
static void both_ways(struct stage *stage)
{
    const uint16_t link = peripheral_link(stage);
    characteristics(stage);
    write_long(stage);
    assert_int_equal(bluet_gattc_discover_services(peripheral_host(stage), link, NULL), 0);
    assert_int_equal(bluet_gattc_write(peripheral_host(stage), link, stage_handles.rate, octets, 60, BLUET_WRITE_LONG),
                     0);
}

static void exchange_mtu(struct stage *stage)
{
    assert_int_equal(bluet_gattc_exchange_mtu(central_host(stage), central_link(stage)), 0);
}

static void exchange_mtu_both(struct stage *stage)
{
    exchange_mtu(stage);
    assert_int_equal(bluet_gattc_exchange_mtu(peripheral_host(stage), peripheral_link(stage)), 0);
}

static bool mtu_exchanged(const struct stage *stage)
{
    const struct actor *actors = stage->actors;
    assert_true(actors[CENTRAL].events[BLUET_EVENT_MTU_EXCHANGED] <= 1);
    assert_true(actors[PERIPHERAL].events[BLUET_EVENT_MTU_EXCHANGED] <= 1);
    return actors[CENTRAL].events[BLUET_EVENT_MTU_EXCHANGED] && actors[PERIPHERAL].events[BLUET_EVENT_MTU_EXCHANGED];
}

static bool mtu_exchanged_twice(const struct stage *stage)
{
    const struct actor *actors = stage->actors;
    assert_true(actors[CENTRAL].events[BLUET_EVENT_MTU_EXCHANGED] <= 2);
    return actors[CENTRAL].events[BLUET_EVENT_MTU_EXCHANGED] == 2 &&
           actors[PERIPHERAL].events[BLUET_EVENT_MTU_EXCHANGED] == 2;
}

/* ---- The GATT server ---- */

static void indicate(struct stage *stage)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            bluet_gatts_indicate(peripheral_host(stage), peripheral_link(stage), stage_handles.rate, octets, 20), 0);
}

static unsigned notifications;

static void notify(struct stage *stage)
{
    int error = 0;
    for (notifications = 0; error == 0; notifications++)
        error = bluet_gatts_notify(peripheral_host(stage), peripheral_link(stage), stage_handles.rate, octets, 20);
    notifications--;
    assert_int_equal(error, BLUET_ENOMEM);
    assert_int_equal(
        bluet_gatts_indicate(peripheral_host(stage), peripheral_link(stage), stage_handles.rate, octets, 20),
        BLUET_ENOMEM);
}

static bool notified(const struct stage *stage)
{
    return stage->actors[PERIPHERAL].events[BLUET_EVENT_SEND_READY] &&
           stage->actors[CENTRAL].events[BLUET_EVENT_GATTC_NOTIFY] == notifications;
}

static void subscribe(struct stage *stage)
{
    const uint16_t configuration = (uint16_t)(stage_handles.rate + 1);
    assert_int_equal(
        bluet_gattc_write(central_host(stage), central_link(stage), configuration, "\3", 2, BLUET_WRITE_WITH_RESPONSE),
        0);
    stage_run(stage, 100000, NULL);
}

static void subscribe_to_changes(struct stage *stage)
{
    const uint16_t configuration = 13;
    stage_register(&stage->actors[PERIPHERAL]);
    assert_int_equal(
        bluet_gattc_write(central_host(stage), central_link(stage), configuration, "\2", 2, BLUET_WRITE_WITH_RESPONSE),
        0);
    stage_run(stage, 100000, NULL);
}

static void replace_services(struct stage *stage)
{
    const struct bluet_service service = {.uuid = {2, {0x0a, 0x18}}};
    assert_true(bluet_gatts_register_services(peripheral_host(stage), NULL, 0, &service, 1) >= 0);
    characteristics(stage);
}

static bool told_of_change(const struct stage *stage)
{
    return stage->actors[CENTRAL].events[BLUET_EVENT_GATTC_INDICATE] && stage->actors[CENTRAL].ended;
}

/* ---- Channels ---- */

static void connect_channel(struct stage *stage)
{
    assert_int_equal(bluet_l2cap_connect(central_host(stage), central_link(stage), STAGE_PSM, 300), 0);
}

static void connect_channels(struct stage *stage)
{
    for (int i = 0; i < 3; i++)
        connect_channel(stage);
}

static bool channels_made(const struct stage *stage)
{
    const struct actor *actors = stage->actors;
    return actors[CENTRAL].channels_opened + actors[CENTRAL].channels_refused == playing->channels &&
           actors[PERIPHERAL].channels_opened == actors[CENTRAL].channels_opened;
}

static void connect_refused(struct stage *stage)
{
    assert_int_equal(bluet_l2cap_connect(central_host(stage), central_link(stage), STAGE_PSM + 1, 300), 0);
}

static void with_channel(struct stage *stage)
{
    connect_channel(stage);
    stage_run(stage, 200000, NULL);
    assert_int_equal(stage->actors[CENTRAL].cid_count, 1);
    assert_int_equal(stage->actors[PERIPHERAL].cid_count, 1);
}

static size_t sent[ACTORS];

static void send_both_ways(struct stage *stage)
{
    for (size_t i = 0; i < ACTORS; i++) {
        const struct actor *actor = &stage->actors[i];
        int result = 1;
        for (sent[i] = 0; result == 1; sent[i] += 300)
            result = bluet_l2cap_send(actor->host, actor->conn_handle, actor->cids[0], octets, 300);
        assert_int_equal(result, 0);
    }
}

static bool sent_both_ways(const struct stage *stage)
{
    const struct actor *actors = stage->actors;
    bool ready = true;
    for (size_t i = 0; i < ACTORS; i++) {
        assert_true(actors[i].events[BLUET_EVENT_L2CAP_SEND_READY] <= 1);
        ready = ready && actors[i].events[BLUET_EVENT_L2CAP_SEND_READY] && actors[i].received == sent[1 - i];
    }
    return ready;
}

static void disconnect_ours(struct stage *stage)
{
    assert_int_equal(bluet_l2cap_disconnect(central_host(stage), central_link(stage), stage->actors[CENTRAL].cids[0]),
                     0);
}

static void disconnect_theirs(struct stage *stage)
{
    send_both_ways(stage);
    assert_int_equal(
        bluet_l2cap_disconnect(peripheral_host(stage), peripheral_link(stage), stage->actors[PERIPHERAL].cids[0]), 0);
}

static void disconnect_both(struct stage *stage)
{
    send_both_ways(stage);
    disconnect_ours(stage);
    assert_int_equal(
        bluet_l2cap_disconnect(peripheral_host(stage), peripheral_link(stage), stage->actors[PERIPHERAL].cids[0]), 0);
}

static bool channels_gone(const struct stage *stage)
{
    return stage->actors[CENTRAL].cid_count == 0 && stage->actors[PERIPHERAL].cid_count == 0;
}

/* ---- The connection itself ---- */

static void take_ticket(struct stage *stage, size_t actor, int ticket)
{
    assert_true(ticket > 0);
    stage->actors[actor].ticket = ticket;
}

static void update(struct stage *stage)
{
    const struct bluet_connection_parameters parameters = {.interval_min_us = 15000, .interval_max_us = 15000};
    take_ticket(stage, CENTRAL, bluet_gap_update(central_host(stage), central_link(stage), &parameters));
}

static void update_by_peripheral(struct stage *stage)
{
    const struct bluet_connection_parameters parameters = {.interval_min_us = 15000, .interval_max_us = 15000};
    take_ticket(stage, PERIPHERAL, bluet_gap_update(peripheral_host(stage), peripheral_link(stage), &parameters));
}

static void set_phy(struct stage *stage)
{
    take_ticket(stage, CENTRAL, bluet_gap_set_phy(central_host(stage), central_link(stage), 2, 2));
}

static void read_rssi(struct stage *stage)
{
    take_ticket(stage, PERIPHERAL, bluet_gap_read_rssi(peripheral_host(stage), peripheral_link(stage)));
}

static bool ticket_ended(const struct stage *stage)
{
    const struct actor *actors = stage->actors;
    return actors[CENTRAL].ticket_ends == (actors[CENTRAL].ticket != 0) &&
           actors[PERIPHERAL].ticket_ends == (actors[PERIPHERAL].ticket != 0);
}

/* ---- Pairing ---- */

static uint32_t passkey = 1; /* another each time: one with which a pairing has failed is not taken again */

static int answer_passkey(struct stage *stage, struct actor *actor, const struct bluet_event *event)
{
    if (event->code != BLUET_EVENT_PASSKEY_ACTION || stage->was_cut)
        return 0;
    bool compares = event->passkey_action.action == BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON;
    assert_int_equal(bluet_gap_passkey(actor->host, event->conn_handle,
                                       (enum bluet_passkey_action)event->passkey_action.action, compares ? 1 : passkey),
                     0);
    return 0;
}

static void secure_as(struct stage *stage, const struct bluet_security *central,
                      const struct bluet_security *peripheral)
{
    struct bluet_address peer;
    stage->answer = answer_passkey;
    passkey++;
    assert_int_equal(bluet_set_security(central_host(stage), central), 0);
    assert_int_equal(bluet_set_security(peripheral_host(stage), peripheral), 0);
    for (size_t i = 0; i < ACTORS; i++)
        if (bluet_bonds(stage->actors[i].host, &peer, 1))
            assert_true(bluet_bond_delete(stage->actors[i].host, &peer) > 0);
    stage_run(stage, 1000, NULL);
}

static void legacy_just_works(struct stage *stage)
{
    const struct bluet_security security = {.bond = true, .legacy = true, .io = BLUET_IO_NO_INPUT_OUTPUT};
    secure_as(stage, &security, &security);
}

static void legacy_passkey(struct stage *stage)
{
    const struct bluet_security central = {.mitm = true, .legacy = true, .io = BLUET_IO_KEYBOARD_ONLY};
    const struct bluet_security peripheral = {.mitm = true, .legacy = true, .io = BLUET_IO_DISPLAY_ONLY};
    secure_as(stage, &central, &peripheral);
}

static void secure_comparison(struct stage *stage)
{
    const struct bluet_security security = {
        .bond = true, .mitm = true, .le_secure = true, .io = BLUET_IO_DISPLAY_YESNO};
    secure_as(stage, &security, &security);
}

static bool encrypted(const struct stage *stage)
{
    return stage->actors[CENTRAL].encryptions == 1 && stage->actors[PERIPHERAL].encryptions == 1;
}

static void pair(struct stage *stage)
{
    assert_int_equal(bluet_gap_pair(central_host(stage), central_link(stage)), 0);
}

static void pair_by_peripheral(struct stage *stage)
{
    assert_int_equal(bluet_gap_pair(peripheral_host(stage), peripheral_link(stage)), 0);
}

/* A new connection with keys that are kept. */
static void bonded(struct stage *stage)
{
    legacy_just_works(stage);
    pair(stage);
    assert_true(stage_run(stage, STAGE_DURATION, encrypted));
    stage_run(stage, 1000000, NULL);
    stage->armed = false;
    assert_true(bluet_gap_disconnect(central_host(stage), central_link(stage)) > 0);
    stage_recover(stage);
    stage_connect(stage);
}

/* Where bearers are opened, and procedures asked over all of them. */
static void on_encrypted_link(struct stage *stage)
{
    legacy_just_works(stage);
    pair(stage);
    assert_true(stage_run(stage, STAGE_DURATION, encrypted));
    stage_run(stage, 1000000, NULL);
    for (size_t i = 0; i < ACTORS; i++) {
        stage->actors[i].events[BLUET_EVENT_ENCRYPTION_UPDATE] = 0;
        stage->actors[i].encryptions = 0;
    }
}

/* ---- Playing ---- */

static bool complete(const struct stage *stage)
{
    if (playing->complete)
        return playing->complete(stage);
    return stage->actors[CENTRAL].ended == playing->procedures[CENTRAL] &&
           stage->actors[PERIPHERAL].ended == playing->procedures[PERIPHERAL];
}

static bool complete_or_cut(const struct stage *stage)
{
    return complete(stage) || stage->was_cut;
}

/* Whoever has asked is told, once. */
static void check_pairing(const struct stage *stage)
{
    size_t asked = playing->begin == pair_by_peripheral ? PERIPHERAL : CENTRAL;
    assert_int_equal(stage->actors[asked].events[BLUET_EVENT_ENCRYPTION_UPDATE], 1);
}

static void check_procedures(const struct stage *stage)
{
    for (size_t i = 0; i < ACTORS; i++)
        assert_int_equal(stage->actors[i].ended, playing->procedures[i]);
}

static void check_end(const struct stage *stage, enum stage_cut cut)
{
    bool may_refuse = stage->scarce || cut == CUT_REPLACED;
    check_procedures(stage);
    for (size_t i = 0; i < ACTORS; i++) {
        const struct actor *actor = &stage->actors[i];
        /* The peer has no reason to refuse, unless it is for want of buffers, or of the attribute. */
        assert_true(may_refuse || actor->ended_well + actor->ended_badly == actor->ended);
        assert_int_equal(actor->cid_count, 0);
        assert_int_equal(actor->ticket_ends, actor->ticket != 0);
        assert_true(actor->events[BLUET_EVENT_ENCRYPTION_UPDATE] <= 1);
    }
    if (playing->complete == encrypted)
        check_pairing(stage);
    if (playing->channels)
        assert_int_equal(stage->actors[CENTRAL].channels_opened + stage->actors[CENTRAL].channels_refused,
                         playing->channels);
}

static void end_connection(struct stage *stage)
{
    stage->armed = false;
    stage->cut = CUT_OURS;
    assert_true(bluet_gap_disconnect(central_host(stage), central_link(stage)) > 0);
}

/* Whether the scene was over before the cut; then all went well. */
static bool play_scene(struct stage *stage, unsigned cut_at, enum stage_cut cut)
{
    stage_connect(stage);
    if (playing->prepare)
        playing->prepare(stage);
    stage_arm(stage, cut_at, cut);
    playing->begin(stage);
    assert_true(stage_run(stage, STAGE_DURATION, complete_or_cut));
    bool whole = !stage->was_cut;
    if (cut == CUT_REPLACED && !whole) {
        stage_run(stage, 2000000, complete);
        check_procedures(stage);
        end_connection(stage);
    }
    if (whole) {
        assert_true(stage->in_handlers || stage->steps >= playing->least);
        assert_int_equal(stage->actors[CENTRAL].ended_badly + stage->actors[PERIPHERAL].ended_badly, 0);
        end_connection(stage);
    }
    stage_recover(stage);
    check_end(stage, cut);
    return whole;
}

static void play_all(const struct scene *scene, bool scarce, bool in_handlers)
{
    struct stage *stage = stage_create(scarce);
    stage->in_handlers = in_handlers;
    playing = scene;
    for (unsigned cut = 0; cut < (scarce ? CUT_LOST : CUT_KINDS); cut++) {
        unsigned at = 1;
        while (!play_scene(stage, at, (enum stage_cut)cut))
            at++;
    }
    stage_destroy(stage);
}

static const struct scene scenes[] = {
    {"services", NULL, services, NULL, {1, 0}, 0, 20},
    {"services by UUID", NULL, services_by_uuid, NULL, {1, 0}, 0, 10},
    {"included services", NULL, included, NULL, {1, 0}, 0, 20},
    {"characteristics", NULL, characteristics, NULL, {1, 0}, 0, 40},
    {"characteristics by UUID", NULL, characteristics_by_uuid, NULL, {1, 0}, 0, 40},
    {"descriptors", NULL, descriptors, NULL, {1, 0}, 0, 40},
    {"read", NULL, read_value, NULL, {1, 0}, 0, 5},
    {"read a part", NULL, read_rest, NULL, {1, 0}, 0, 5},
    {"read to the end", NULL, read_long, NULL, {1, 0}, 0, 70},
    {"read by UUID", NULL, read_by_uuid, NULL, {1, 0}, 0, 9},
    {"read several", NULL, read_multiple, NULL, {1, 0}, 0, 5},
    {"read several, with lengths", NULL, read_multiple_variable, NULL, {1, 0}, 0, 5},
    {"write", NULL, write_value, NULL, {1, 0}, 0, 5},
    {"long write", NULL, write_long, NULL, {1, 0}, 0, 100},
    {"reliable write", NULL, write_reliable, NULL, {1, 0}, 0, 40},
    {"many at once", NULL, many_at_once, NULL, {6, 0}, 0, 250},
    {"many at once, over several bearers", on_encrypted_link, many_at_once, NULL, {6, 0}, 0, 250},
    {"both ways, over several bearers", on_encrypted_link, both_ways, NULL, {2, 2}, 0, 150},
    {"both ways", NULL, both_ways, NULL, {2, 2}, 0, 150},
    {"MTU", NULL, exchange_mtu, mtu_exchanged, {0, 0}, 0, 4},
    {"MTU from both sides", NULL, exchange_mtu_both, mtu_exchanged_twice, {0, 0}, 0, 8},
    {"indications", subscribe, indicate, NULL, {0, 3}, 0, 14},
    {"notifications", subscribe, notify, notified, {0, 0}, 0, 20},
    {"services replaced", subscribe_to_changes, replace_services, told_of_change, {1, 0}, 0, 20},
    {"channel", NULL, connect_channel, channels_made, {0, 0}, 1, 4},
    {"channels", NULL, connect_channels, channels_made, {0, 0}, 3, 12},
    {"channel refused", NULL, connect_refused, channels_made, {0, 0}, 1, 8},
    {"channel, both send", with_channel, send_both_ways, sent_both_ways, {0, 0}, 0, 30},
    {"channel, ended by us", with_channel, disconnect_ours, channels_gone, {0, 0}, 0, 4},
    {"channel, ended by the peer", with_channel, disconnect_theirs, channels_gone, {0, 0}, 0, 10},
    {"channel, ended by both", with_channel, disconnect_both, channels_gone, {0, 0}, 0, 10},
    {"update", NULL, update, ticket_ended, {0, 0}, 0, 2},
    {"update by the peripheral", NULL, update_by_peripheral, ticket_ended, {0, 0}, 0, 2},
    {"PHY", NULL, set_phy, ticket_ended, {0, 0}, 0, 2},
    {"Legacy Pairing, Just Works", legacy_just_works, pair, encrypted, {0, 0}, 0, 40},
    {"Legacy Pairing, passkey, asked for by the peripheral",
     legacy_passkey,
     pair_by_peripheral,
     encrypted,
     {0, 0},
     0,
     20},
    {"Secure Connections, comparison", secure_comparison, pair, encrypted, {0, 0}, 0, 40},
    {"encryption with keys that are kept", bonded, pair, encrypted, {0, 0}, 0, 5},
    {"RSSI", NULL, read_rssi, ticket_ended, {0, 0}, 0, 2},
};

static void test_scene(void **state)
{
    play_all(*state, false, false);
}

/* So few buffers that much has to wait for them. */
static void test_scarce_scene(void **state)
{
    play_all(*state, true, false);
}

/* The application ends it itself, from within its handler, at each event. */
static void test_scene_cut_by_handler(void **state)
{
    play_all(*state, false, true);
}

int main(void)
{
    static const CMUnitTestFunction plays[] = {test_scene, test_scarce_scene, test_scene_cut_by_handler};
    enum { COUNT = sizeof scenes / sizeof *scenes, PLAYS = sizeof plays / sizeof *plays };
    struct CMUnitTest tests[PLAYS * COUNT];
    for (size_t i = 0; i < PLAYS * COUNT; i++)
        tests[i] = (struct CMUnitTest){.name = scenes[i % COUNT].name,
                                       .test_func = plays[i / COUNT],
                                       .initial_state = (void *)(uintptr_t)&scenes[i % COUNT]};
    return _cmocka_run_group_tests("cut", tests, PLAYS * COUNT, NULL, NULL);
}
