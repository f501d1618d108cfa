/*
 * The whole table of what comes of a pairing: input and output of both sides, what each asks for, Legacy Pairing and
 * Secure Connections. What is expected is copied from Vol 3 Part H, 2.3.5.1, tables 2.6 to 2.8, by hand.
 */
#include "devices.h"

#include "spec/sm.h"

#include <string.h>

enum who { NOBODY, INITIATOR_SHOWS, RESPONDER_SHOWS, BOTH_TYPE, BOTH_COMPARE };

struct cell {
    enum who legacy, secure;
};

/* Table 2.8: a row for each responder, a column for each initiator: display, with yes and no, keyboard, none, both. */
static const struct cell table[5][5] = {
    /* DisplayOnly */
    {{NOBODY, NOBODY},
     {NOBODY, NOBODY},
     {RESPONDER_SHOWS, RESPONDER_SHOWS},
     {NOBODY, NOBODY},
     {RESPONDER_SHOWS, RESPONDER_SHOWS}},
    /* DisplayYesNo */
    {{NOBODY, NOBODY},
     {NOBODY, BOTH_COMPARE},
     {RESPONDER_SHOWS, RESPONDER_SHOWS},
     {NOBODY, NOBODY},
     {RESPONDER_SHOWS, BOTH_COMPARE}},
    /* KeyboardOnly */
    {{INITIATOR_SHOWS, INITIATOR_SHOWS},
     {INITIATOR_SHOWS, INITIATOR_SHOWS},
     {BOTH_TYPE, BOTH_TYPE},
     {NOBODY, NOBODY},
     {INITIATOR_SHOWS, INITIATOR_SHOWS}},
    /* NoInputNoOutput */
    {{NOBODY, NOBODY}, {NOBODY, NOBODY}, {NOBODY, NOBODY}, {NOBODY, NOBODY}, {NOBODY, NOBODY}},
    /* KeyboardDisplay */
    {{INITIATOR_SHOWS, INITIATOR_SHOWS},
     {INITIATOR_SHOWS, BOTH_COMPARE},
     {RESPONDER_SHOWS, RESPONDER_SHOWS},
     {NOBODY, NOBODY},
     {INITIATOR_SHOWS, BOTH_COMPARE}},
};

static const uint8_t actions_of[][2] = {
    [NOBODY] = {0, 0},
    [INITIATOR_SHOWS] = {BLUET_PASSKEY_ACTION_DISPLAY, BLUET_PASSKEY_ACTION_INPUT},
    [RESPONDER_SHOWS] = {BLUET_PASSKEY_ACTION_INPUT, BLUET_PASSKEY_ACTION_DISPLAY},
    [BOTH_TYPE] = {BLUET_PASSKEY_ACTION_INPUT, BLUET_PASSKEY_ACTION_INPUT},
    [BOTH_COMPARE] = {BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON, BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON},
};

struct expectation {
    bool refused;
    uint8_t actions[2];
    struct update update;
    bool secure;
};

static bool refuses(const struct bluet_security *side, bool secure, bool protected)
{
    return (side->le_secure && !secure) || (side->mitm && side->io != BLUET_IO_NO_INPUT_OUTPUT && !protected);
}

static struct expectation expect(const struct bluet_security sides[2])
{
    struct expectation expectation = {.secure = !sides[0].legacy && !sides[1].legacy};
    const struct cell *cell = &table[sides[1].io][sides[0].io];
    enum who who = expectation.secure ? cell->secure : cell->legacy;
    if (!sides[0].mitm && !sides[1].mitm)
        who = NOBODY; /* tables 2.6 and 2.7: Just Works, whatever there is */
    expectation.refused = refuses(&sides[0], expectation.secure, who) || refuses(&sides[1], expectation.secure, who);
    if (expectation.refused) {
        expectation.update.reason = SM_AUTHENTICATION_REQUIREMENTS;
        return expectation;
    }
    memcpy(expectation.actions, actions_of[who], 2);
    expectation.update = (struct update){0, true, who, sides[0].bond && sides[1].bond, 16, 0};
    return expectation;
}

static void check_keys(const struct device *initiator, const struct device *responder, bool bonded, bool secure)
{
    const struct device *sides[2] = {initiator, responder};
    static const uint8_t zeros[10];
    for (int i = 0; i < 2; i++) {
        const struct secret *ours = device_secret(sides[i], BLUET_SECRET_OURS);
        const struct secret *theirs = device_secret(sides[1 - i], BLUET_SECRET_PEER);
        if (!bonded) {
            assert_null(ours);
            assert_null(theirs);
            continue;
        }
        assert_non_null(ours);
        assert_non_null(theirs);
        assert_memory_equal(secret_ltk(ours), secret_ltk(theirs), 16);
        assert_memory_equal(secret_ltk(ours) - 10, secret_ltk(theirs) - 10, 10); /* EDIV and Rand */
        assert_int_equal(memcmp(secret_ltk(ours) - 10, zeros, 10) == 0, secure);
    }
    if (bonded) {
        const uint8_t *one = secret_ltk(device_secret(initiator, BLUET_SECRET_OURS));
        const uint8_t *other = secret_ltk(device_secret(responder, BLUET_SECRET_OURS));
        assert_int_equal(memcmp(one, other, 16) == 0, secure);
    }
}

static void check(struct device *initiator, struct device *responder, const struct bluet_security sides[2])
{
    struct device *devices[2] = {initiator, responder};
    const struct expectation expectation = expect(sides);
    for (int i = 0; i < 2; i++) {
        const struct update update = device_update(devices[i]);
        assert_int_equal(update.encrypted, expectation.update.encrypted);
        assert_int_equal(update.authenticated, expectation.update.authenticated);
        assert_int_equal(update.bonded, expectation.update.bonded);
        assert_int_equal(update.key_size, expectation.update.key_size);
        assert_int_equal(update.reason, expectation.update.reason);
        /* The responder's person may have been asked when the initiator sees that the response will not do. */
        if (!expectation.refused || i == 0) {
            assert_int_equal(devices[i]->action_count, expectation.actions[i] ? 1 : 0);
            assert_int_equal(devices[i]->action_count ? devices[i]->actions[0] : 0, expectation.actions[i]);
        }
        struct bluet_connection connection;
        assert_int_equal(bluet_connection(devices[i]->host, &connection, devices[i]->conns[0]), BLUET_OK);
        assert_int_equal(connection.encrypted, update.encrypted);
        assert_int_equal(connection.authenticated, update.authenticated);
        assert_int_equal(connection.bonded, update.bonded);
        assert_int_equal(connection.key_size, update.key_size);
    }
    assert_int_equal(initiator->number, responder->number);
    check_keys(initiator, responder, expectation.update.bonded, expectation.secure);
}

static void try_pairing(struct scene *scene, const struct bluet_security sides[2])
{
    struct device *initiator = &scene->devices[0];
    struct device *responder = &scene->devices[1];
    initiator->passkey = responder->passkey = (initiator->passkey + 77777) % 1000000;
    device_set_security(initiator, sides[0]);
    device_set_security(responder, sides[1]);
    device_connect(initiator, responder);
    devices_pair(initiator, responder);
    check(initiator, responder, sides);
    device_disconnect(initiator, responder);
    device_unbond(initiator);
    device_unbond(responder);
}

/* Which pairing a side can do: the old one, both, the new one. */
enum { MODES = 3, WISHES = 4 };

static struct bluet_security side_of(unsigned io, unsigned mode, unsigned wishes)
{
    return (struct bluet_security){
        .io = (uint8_t)io, .legacy = mode == 0, .le_secure = mode == 2, .mitm = wishes & 1, .bond = wishes & 2};
}

static void try_row(unsigned responder_io)
{
    struct scene scene;
    scene_begin(&scene);
    device_add(&scene, NULL);
    device_add(&scene, NULL);
    for (unsigned io = 0; io < 5; io++) {
        for (unsigned modes = 0; modes < MODES * MODES; modes++) {
            for (unsigned wishes = 0; wishes < WISHES * WISHES; wishes++) {
                const struct bluet_security sides[2] = {side_of(io, modes % MODES, wishes % WISHES),
                                                        side_of(responder_io, modes / MODES, wishes / WISHES)};
                try_pairing(&scene, sides);
            }
        }
    }
    scene_end(&scene);
}

static void test_responder_with_display(void **state)
{
    (void)state;
    try_row(BLUET_IO_DISPLAY_ONLY);
}

static void test_responder_with_yes_and_no(void **state)
{
    (void)state;
    try_row(BLUET_IO_DISPLAY_YESNO);
}

static void test_responder_with_keyboard(void **state)
{
    (void)state;
    try_row(BLUET_IO_KEYBOARD_ONLY);
}

static void test_responder_with_nothing(void **state)
{
    (void)state;
    try_row(BLUET_IO_NO_INPUT_OUTPUT);
}

static void test_responder_with_both(void **state)
{
    (void)state;
    try_row(BLUET_IO_KEYBOARD_DISPLAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_responder_with_display),  cmocka_unit_test(test_responder_with_yes_and_no),
        cmocka_unit_test(test_responder_with_keyboard), cmocka_unit_test(test_responder_with_nothing),
        cmocka_unit_test(test_responder_with_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
