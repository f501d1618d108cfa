/*
 * Signed writes, from both sides, between connections and crashes: what is signed, what is taken, and what the secrets
 * say of it (Vol 3 Part H, 2.4.5; Part C, 10.2.2, 10.4; Part F, 3.4.5.4).
 */
#include "talk.h"

#include "host/host.h"
#include "host/sm_bonds.h"
#include "spec/att.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDLE = 0x40,
    OTHER_HANDLE = 0x140, /* of the same peer */
    ATT = 4,
    SIGNED_ONLY = 22,
    SIGNED_AUTHENTICATED = 24,
    SIGNED_ENCRYPTED = 26,
    NOT_SIGNED = 28,
    BLOB = 128
};

static const struct bluet_address peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, HANDLE}};
static uint16_t connection = HANDLE; /* that commands come and go on */
static const uint8_t peers_key[16] = {0xf1, 0xd8, 0xa9, 0x2b};
static const uint8_t own_key[16] = {0x39, 0x10, 0x77};

/* ---- The application's store ---- */

struct blob {
    uint8_t octets[BLOB];
    size_t length;
};

struct store {
    struct blob blobs[3]; /* by kind */
    unsigned kept;        /* how often something was */
    bool refuses;
    char events[8][TALK_EVENT_SIZE];
};

static int keep(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct store *store = context;
    (void)host;
    struct blob *blob = &store->blobs[event->set_secret.sec_type];
    assert_true(event->set_secret.length <= BLOB);
    memcpy(blob->octets, event->set_secret.value, event->set_secret.length);
    blob->length = event->set_secret.length;
    return 1;
}

static int look_up(void *context, struct bluet *host, const struct bluet_event *event)
{
    const struct store *store = context;
    (void)host;
    const struct blob *blob = &store->blobs[event->get_secret.sec_type];
    memcpy(event->get_secret.out_value, blob->octets, blob->length);
    *event->get_secret.out_length = blob->length;
    return 0;
}

static void put_secret(struct store *store, struct sm_secret *secret, uint8_t sec_type)
{
    const struct event_sink sink = {keep, store, NULL};
    const struct sm_bonds bonds = {.sink = &sink};
    assert_true(sm_bonds_write(&bonds, secret, sec_type));
}

static uint32_t counter_in(struct store *store, uint8_t sec_type)
{
    const struct event_sink sink = {look_up, store, NULL};
    const struct sm_bonds bonds = {.sink = &sink};
    struct sm_secret secret;
    assert_true(sm_bonds_read(&bonds, &secret, sec_type, &peer));
    return secret.counter;
}

/* A bond with keys for signing on both sides; their counters begin as given. */
static void fill(struct store *store, uint8_t level, uint32_t own_counter, uint32_t peers_counter)
{
    *store = (struct store){0};
    struct sm_secret secret = {.keys = {.peer = peer, .flags = level | SM_SECRET_LTK | SM_SECRET_CSRK, .key_size = 16}};
    memcpy(secret.keys.csrk, own_key, sizeof own_key);
    secret.counter = own_counter;
    put_secret(store, &secret, BLUET_SECRET_OURS);
    memcpy(secret.keys.csrk, peers_key, sizeof peers_key);
    secret.counter = peers_counter;
    secret.keys.flags |= SM_SECRET_OWN_CSRK;
    put_secret(store, &secret, BLUET_SECRET_PEER);
}

/* Secrets are not looked at as events, all others are. */
static void serve_store(struct talk *talk, const struct bluet_event *event)
{
    struct store *store = talk->on_event_context;
    talk->answer = 0;
    if (event->code == BLUET_EVENT_GET_SECRET) {
        uint8_t sec_type = event->get_secret.sec_type;
        if (sec_type <= BLUET_SECRET_PEER && (event->get_secret.key || event->get_secret.index == 0))
            look_up(store, NULL, event);
    } else if (event->code == BLUET_EVENT_SET_SECRET && !store->refuses && event->set_secret.value) {
        store->kept++;
        talk->answer = keep(store, NULL, event);
    } else if (event->code != BLUET_EVENT_SET_SECRET) {
        return;
    }
    talk->event_count--;
}

/* ---- Both ends ---- */

static void add_services(struct talk *talk)
{
    enum { SIGN = BLUET_FLAG_AUTHENTICATED_SIGNED_WRITE };
    const struct bluet_uuid uuid = {2, {0x01, 0xa0}};
    const struct bluet_characteristic characteristics[] = {
        {uuid, SIGN, NULL, 0},
        {uuid, SIGN | BLUET_FLAG_WRITE_AUTHENTICATED, NULL, 0},
        {uuid, SIGN | BLUET_FLAG_WRITE_ENCRYPTED, NULL, 0},
        {uuid, BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE, NULL, 0},
    };
    const struct bluet_service service = {uuid, characteristics, 4, NULL, 0, false};
    uint16_t handles[4];
    assert_int_equal(bluet_gatts_register_services(talk->host, handles, 4, &service, 1), 4);
    assert_int_equal(handles[0], SIGNED_ONLY);
    assert_int_equal(handles[3], NOT_SIGNED);
}

/* A host that has started with that store. */
static struct talk *start(struct store *store)
{
    struct talk *talk = talk_create(NULL);
    talk->on_event = serve_store;
    talk->on_event_context = store;
    talk->tells_questions = true;
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
    store->kept = 0;
    add_services(talk);
    return talk;
}

/* The same, with the peer connected: as central, that writes; or as server, that is written to. */
static struct talk *start_connected(struct store *store)
{
    struct talk *talk = start(store);
    talk_connect_peripheral(talk, HANDLE);
    return talk;
}

static void end(struct talk *talk)
{
    talk_forget(talk);
    talk_destroy(talk);
}

static struct link *link_of(struct talk *talk)
{
    return link_find(&talk->host->links, HANDLE);
}

/* ---- The server ---- */

struct command {
    uint8_t octets[600];
    size_t length;
};

/* What a client with that key says. */
static struct command command_of(const uint8_t key[16], uint16_t handle, uint32_t counter, size_t value_length)
{
    struct command command;
    struct writer writer = writer_of(command.octets, sizeof command.octets);
    uint8_t signature[SM_SIGNATURE_LENGTH];
    write_u8(&writer, ATT_SIGNED_WRITE_COMMAND);
    write_u16(&writer, handle);
    for (size_t i = 0; i < value_length; i++)
        write_u8(&writer, (uint8_t)('a' + i));
    write_u32(&writer, counter);
    assert_true(sm_sign(signature, key, command.octets, writer.length));
    write_octets(&writer, signature, sizeof signature);
    command.length = writer.length;
    return command;
}

static void say(struct talk *talk, const struct command *command)
{
    char hex[sizeof command->octets * 3 + 1];
    for (size_t i = 0; i < command->length; i++)
        snprintf(hex + 3 * i, 4, "%02x ", command->octets[i]);
    talk_receive_frame(talk, connection, ATT, hex);
}

/* Whether the command was done. */
static bool is_taken(struct talk *talk, const struct command *command, uint16_t handle)
{
    const void *value;
    size_t length;
    assert_int_equal(bluet_gatts_write(talk->host, handle, NULL, 0, false), 0);
    uint32_t errors = bluet_protocol_errors(talk->host);
    say(talk, command);
    assert_int_equal(bluet_gatts_read(talk->host, &value, &length, handle), 0);
    talk_expect_nothing(talk);
    bool told = talk->event_count == 1;
    if (told) {
        char text[32];
        snprintf(text, sizeof text, "GATTS_WRITE 0x%04x 0x%04x", connection, handle);
        talk_expect_event(talk, text);
        assert_int_equal(length, command->length - 3 - ATT_SIGNATURE_LENGTH);
        assert_memory_equal(value, command->octets + 3, length);
        assert_int_equal(bluet_protocol_errors(talk->host), errors);
    }
    talk_expect_no_event(talk);
    assert_int_equal(told, length != 0);
    return told;
}

static bool takes(struct talk *talk, uint32_t counter)
{
    struct command command = command_of(peers_key, SIGNED_ONLY, counter, 3);
    return is_taken(talk, &command, SIGNED_ONLY);
}

static void test_counters_go_up_only(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 0, 5);
    struct talk *talk = start_connected(&store);
    assert_false(takes(talk, 0));
    assert_false(takes(talk, 4));
    assert_true(takes(talk, 5));
    assert_false(takes(talk, 5));
    assert_true(takes(talk, 6));
    assert_true(takes(talk, 1000));
    assert_false(takes(talk, 999));
    assert_false(takes(talk, 1000));
    assert_true(takes(talk, 1001));
    end(talk);
}

/* Every octet counts, the counter's and the handle's too; and so does whose key it is. */
static void test_altered_commands(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 0, 0);
    struct talk *talk = start_connected(&store);
    const struct command good = command_of(peers_key, SIGNED_ONLY, 7, 3);
    for (size_t i = 1; i < good.length; i++) {
        struct command altered = good;
        altered.octets[i] ^= 0x01;
        assert_false(is_taken(talk, &altered, SIGNED_ONLY));
    }
    for (size_t length = 1; length < good.length; length++) {
        struct command cut = good;
        cut.length = length;
        assert_false(is_taken(talk, &cut, SIGNED_ONLY));
    }
    const struct command other = command_of(own_key, SIGNED_ONLY, 7, 3);
    assert_false(is_taken(talk, &other, SIGNED_ONLY));
    /* None of that has used the counter up, or was worth keeping. */
    assert_int_equal(store.kept, 0);
    assert_true(is_taken(talk, &good, SIGNED_ONLY));
    end(talk);
}

static void test_what_flags_ask_for(void **state)
{
    (void)state;
    static const uint16_t handles[] = {SIGNED_ONLY, SIGNED_AUTHENTICATED, SIGNED_ENCRYPTED, NOT_SIGNED};
    static const bool expected[2][4] = {{true, false, false, false}, {true, true, false, false}};
    for (unsigned authenticated = 0; authenticated < 2; authenticated++) {
        struct store store;
        fill(&store, authenticated ? SM_SECRET_AUTHENTICATED : 0, 0, 0);
        struct talk *talk = start_connected(&store);
        for (uint32_t i = 0; i < 4; i++) {
            struct command command = command_of(peers_key, handles[i], i, 3);
            assert_int_equal(is_taken(talk, &command, handles[i]), expected[authenticated][i]);
        }
        /* And without a signature, no kind of write is let in. */
        struct command plain = {{ATT_WRITE_COMMAND, SIGNED_ONLY, 0, 'x'}, 4};
        assert_false(is_taken(talk, &plain, SIGNED_ONLY));
        talk_receive_frame(talk, HANDLE, ATT, "12 16 00 78");
        talk_expect_frame(talk, HANDLE, ATT, "01 12 16 00 03");
        end(talk);
    }
}

static void test_nothing_is_signed_on_an_encrypted_link(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 0, 0);
    struct talk *talk = start_connected(&store);
    link_of(talk)->encrypted = true;
    assert_false(takes(talk, 0));
    link_of(talk)->encrypted = false;
    assert_true(takes(talk, 0));
    end(talk);
}

/* Without a bond, or with one that has no key for it, nobody is asked for secrets. */
static void test_strangers(void **state)
{
    (void)state;
    struct store store = {0};
    struct talk *talk = start_connected(&store);
    assert_false(takes(talk, 0));
    end(talk);

    struct sm_secret secret = {.keys = {.peer = peer, .flags = SM_SECRET_LTK, .key_size = 16}};
    memcpy(secret.keys.csrk, peers_key, sizeof peers_key);
    put_secret(&store, &secret, BLUET_SECRET_OURS);
    put_secret(&store, &secret, BLUET_SECRET_PEER);
    talk = start_connected(&store);
    assert_false(takes(talk, 0));
    assert_int_equal(bluet_gattc_write(talk->host, HANDLE, 1, "x", 1, BLUET_WRITE_SIGNED), BLUET_ENOKEY);
    end(talk);
}

/* The secret is kept now and then; after the end of the connection it is exact, after a crash it is ahead. */
static void test_replay_after_a_restart(void **state)
{
    (void)state;
    enum { MANY = 100, SELDOM = 5 };
    struct store store;
    fill(&store, 0, 0, 0);
    struct talk *talk = start_connected(&store);
    for (uint32_t counter = 0; counter < MANY; counter++)
        assert_true(takes(talk, counter));
    assert_in_range(store.kept, 1, SELDOM);
    struct store before_end = store;
    talk_disconnect(talk, HANDLE);
    talk_forget(talk);
    assert_int_equal(counter_in(&store, BLUET_SECRET_PEER), MANY);
    end(talk);

    talk = start_connected(&store);
    for (uint32_t counter = 0; counter < MANY; counter++)
        assert_false(takes(talk, counter));
    assert_true(takes(talk, MANY));
    end(talk);

    talk = start_connected(&before_end);
    for (uint32_t counter = 0; counter < MANY; counter++)
        assert_false(takes(talk, counter));
    uint32_t next = counter_in(&before_end, BLUET_SECRET_PEER);
    assert_in_range(next, MANY, 2 * MANY);
    assert_false(takes(talk, next - 1));
    assert_true(takes(talk, next));
    end(talk);
}

/* What cannot be kept is not done: it could be done again. */
static void test_store_that_keeps_nothing(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 0, 0);
    struct talk *talk = start_connected(&store);
    store.refuses = true;
    assert_false(takes(talk, 0));
    assert_false(takes(talk, 1));
    store.refuses = false;
    assert_true(takes(talk, 1));
    end(talk);
}

static void test_the_last_counters(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, UINT32_MAX, UINT32_MAX - 3);
    struct talk *talk = start_connected(&store);
    assert_true(takes(talk, UINT32_MAX - 2));
    assert_false(takes(talk, UINT32_MAX));
    assert_true(takes(talk, UINT32_MAX - 1));
    assert_false(takes(talk, UINT32_MAX));
    assert_false(takes(talk, 0));
    talk_disconnect(talk, HANDLE);
    talk_forget(talk);
    assert_int_equal(counter_in(&store, BLUET_SECRET_PEER), UINT32_MAX);
    talk_connect_peripheral(talk, HANDLE);
    assert_false(takes(talk, 0));
    assert_false(takes(talk, UINT32_MAX - 1));
    assert_false(takes(talk, UINT32_MAX));
    end(talk);
}

/* ---- The client ---- */

static const struct command *take_command(struct talk *talk, uint32_t counter, size_t value_length)
{
    static struct command expected;
    struct talk_packet packet = talk_take(talk);
    expected = command_of(own_key, SIGNED_ONLY, counter, value_length);
    assert_int_equal(packet.length, 9 + expected.length);
    assert_memory_equal(packet.octets + 9, expected.octets, expected.length);
    return &expected;
}

static int write_signed(struct talk *talk, const char *value)
{
    return bluet_gattc_write(talk->host, connection, SIGNED_ONLY, value, strlen(value), BLUET_WRITE_SIGNED);
}

static void expect_done(struct talk *talk, uint16_t status)
{
    char text[64];
    snprintf(text, sizeof text, "GATTC_WRITE_DONE 0x%04x 0x0016 status 0x%03x", connection, status);
    talk_expect_event(talk, text);
}

/* Signs one, and gives the counter that it was signed with. */
static uint32_t counter_of_write(struct talk *talk)
{
    assert_int_equal(write_signed(talk, "abc"), 0);
    talk_expect_nothing(talk);
    talk_pass(talk, 0);
    struct talk_packet packet = talk_take(talk);
    struct reader counter = reader_of(packet.octets + 9 + 6, 4);
    expect_done(talk, 0);
    talk_complete(talk, connection, 1);
    return read_u32(&counter);
}

static void test_writes_are_signed_in_order(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 9, 0);
    struct talk *talk = start_connected(&store);
    assert_int_equal(write_signed(talk, "abc"), 0);
    assert_int_equal(write_signed(talk, "abcdefghijkl"), 0);
    assert_int_equal(bluet_gattc_write(talk->host, HANDLE, NOT_SIGNED, "x", 1, BLUET_WRITE_NO_RESPONSE), 0);
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    talk_pass(talk, 0);
    take_command(talk, 9, 3);
    take_command(talk, 10, 23 - 15); /* cut */
    talk_expect_frame(talk, HANDLE, ATT, "52 1c 00 78");
    expect_done(talk, 0);
    expect_done(talk, 0);
    talk_expect_no_event(talk);
    end(talk);
}

/* Neither after the end of the connection, nor after a crash: not even where nothing has been kept since. */
static void test_no_counter_comes_twice(void **state)
{
    (void)state;
    enum { MANY = 100, SELDOM = 4 };
    struct store store;
    fill(&store, 0, 0, 0);
    uint32_t next = 0;
    for (unsigned crash = 0; crash < 3; crash++) {
        struct talk *talk = start_connected(&store);
        for (unsigned i = 0; i < MANY; i++) {
            uint32_t counter = counter_of_write(talk);
            assert_true(counter >= next);
            next = counter + 1;
        }
        assert_in_range(store.kept, 1, SELDOM);
        if (crash == 0)
            talk_disconnect(talk, HANDLE);
        end(talk);
    }
    assert_true(next < 5 * MANY);
}

static void test_nothing_to_sign_with(void **state)
{
    (void)state;
    struct store store = {0};
    struct talk *talk = start_connected(&store);
    assert_int_equal(write_signed(talk, "abc"), BLUET_ENOKEY);
    end(talk);

    fill(&store, 0, 0, 0);
    talk = start_connected(&store);
    link_of(talk)->encrypted = true;
    assert_int_equal(write_signed(talk, "abc"), BLUET_EALREADY);
    link_of(talk)->encrypted = false;
    /* What comes to be before it is sent. */
    assert_int_equal(write_signed(talk, "abc"), 0);
    link_of(talk)->encrypted = true;
    talk_pass(talk, 0);
    expect_done(talk, BLUET_STATUS_NOT_SIGNED);
    link_of(talk)->encrypted = false;
    store.refuses = true;
    assert_int_equal(write_signed(talk, "abc"), 0);
    talk_pass(talk, 0);
    expect_done(talk, BLUET_STATUS_NOT_SIGNED);
    store.refuses = false;
    assert_int_equal(write_signed(talk, "abc"), 0);
    assert_true(bluet_bond_delete(talk->host, &peer) > 0);
    talk_pass(talk, 0);
    expect_done(talk, BLUET_STATUS_NOT_SIGNED);
    assert_int_equal(write_signed(talk, "abc"), BLUET_ENOKEY);
    talk_expect_nothing(talk);
    end(talk);

    fill(&store, 0, UINT32_MAX - 1, 0);
    talk = start_connected(&store);
    assert_int_equal(counter_of_write(talk), UINT32_MAX - 1);
    assert_int_equal(write_signed(talk, "abc"), 0);
    talk_pass(talk, 0);
    expect_done(talk, BLUET_STATUS_NOT_SIGNED);
    end(talk);
}

/* The connection ends, or there is no buffer: one event for each in any case. */
static void test_writes_that_wait(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 0, 0);
    struct talk *talk = start_connected(&store);
    assert_int_equal(write_signed(talk, "abc"), 0);
    talk_disconnect(talk, HANDLE);
    expect_done(talk, BLUET_STATUS_DISCONNECTED);
    end(talk);

    /* Eight buffers of the controller, then those of the pool; the signature is made anew when there is room. */
    talk = start_connected(&store);
    unsigned sent = 0, events = 0;
    for (unsigned i = 0; i < 200; i++) {
        int result = write_signed(talk, "abc");
        sent += result == 0;
        assert_true(result == 0 || result == BLUET_ENOMEM);
        talk_pass(talk, 0);
    }
    uint32_t next = 0;
    for (unsigned i = 0; i < 100 && events < sent; i++) {
        while (talk->packet_count) {
            struct talk_packet packet = talk_take(talk);
            struct reader counter = reader_of(packet.octets + 9 + 6, 4);
            uint32_t now = read_u32(&counter);
            assert_true(now >= next);
            next = now + 1;
            talk_complete(talk, HANDLE, 1);
        }
        for (; talk->event_count; events++)
            if (strncmp(talk->events[talk->first_event], "GATTC_WRITE_DONE", 16) == 0)
                expect_done(talk, 0);
            else
                talk_forget(talk);
    }
    assert_true(sent > 30);
    end(talk);
}

/* ---- Two connections of one peer ---- */

static void test_two_connections_share_counters(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 0, 0);
    struct talk *talk = start_connected(&store);
    talk_connect_peripheral(talk, OTHER_HANDLE);
    bool used[200] = {false};
    for (unsigned i = 0; i < 100; i++) {
        connection = i & 1 ? OTHER_HANDLE : HANDLE;
        uint32_t counter = counter_of_write(talk);
        assert_true(counter < 200);
        assert_false(used[counter]);
        used[counter] = true;
    }
    connection = HANDLE;
    assert_true(takes(talk, 0));
    connection = OTHER_HANDLE;
    assert_false(takes(talk, 0));
    assert_true(takes(talk, 60));
    uint32_t ahead = counter_in(&store, BLUET_SECRET_PEER);
    /* What has been kept is not forgotten with the first to end; and what the one has had is not new for the other. */
    talk_disconnect(talk, HANDLE);
    talk_forget(talk);
    assert_int_equal(counter_in(&store, BLUET_SECRET_PEER), ahead);
    talk_connect_peripheral(talk, HANDLE);
    connection = HANDLE;
    assert_false(takes(talk, 60));
    assert_false(takes(talk, ahead - 1));
    talk_disconnect(talk, HANDLE);
    talk_forget(talk);
    talk_disconnect(talk, OTHER_HANDLE);
    talk_forget(talk);
    assert_int_equal(counter_in(&store, BLUET_SECRET_PEER), 61);
    end(talk);
}

/* ---- Secrets of before ---- */

/* As version 1 had them: no flag for a key of ours, and configurations without a database hash before them. */
static void test_secrets_of_version_1(void **state)
{
    (void)state;
    struct store store;
    fill(&store, 0, 3, 4);
    struct sm_secret secret;
    const struct event_sink sink = {look_up, &store, NULL};
    const struct sm_bonds bonds = {.sink = &sink};
    for (uint8_t kind = BLUET_SECRET_OURS; kind <= (uint8_t)BLUET_SECRET_PEER; kind++) {
        struct blob *blob = &store.blobs[kind];
        uint8_t key[16] = {'b', 'l', 'u', 'e', 't', ' ', 's', 'e', 'c', 'r', 'e', 't', 1, kind};
        uint8_t check[16];
        size_t content = blob->length - 8;
        blob->octets[0] = 1;
        if (kind == BLUET_SECRET_OURS) {
            memcpy(blob->octets + content, (uint8_t[]){0x17, 0x00, 0x01}, 3);
            content += 3;
        } else {
            blob->octets[1] &= (uint8_t)~SM_SECRET_OWN_CSRK;
        }
        assert_true(crypto_aes_cmac(check, key, blob->octets, content));
        memcpy(blob->octets + content, check, 8);
        blob->length = content + 8;
    }
    assert_true(sm_bonds_read(&bonds, &secret, BLUET_SECRET_OURS, &peer));
    assert_int_equal(secret.counter, 3);
    assert_int_equal(secret.tail_length, 11);
    assert_memory_equal(secret.tail, ((uint8_t[]){0, 0, 0, 0, 0, 0, 0, 0, 0x17, 0x00, 0x01}), 11);
    /* What the peer signs is taken; for what we would sign, the bond has to be made anew. */
    struct talk *talk = start_connected(&store);
    assert_false(takes(talk, 3));
    assert_true(takes(talk, 4));
    assert_int_equal(write_signed(talk, "abc"), BLUET_ENOKEY);
    end(talk);
    /* Of a version that is not known, none is. */
    store.blobs[BLUET_SECRET_OURS].octets[0] = 3;
    assert_false(sm_bonds_read(&bonds, &secret, BLUET_SECRET_OURS, &peer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_go_up_only),
        cmocka_unit_test(test_altered_commands),
        cmocka_unit_test(test_what_flags_ask_for),
        cmocka_unit_test(test_nothing_is_signed_on_an_encrypted_link),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_replay_after_a_restart),
        cmocka_unit_test(test_store_that_keeps_nothing),
        cmocka_unit_test(test_the_last_counters),
        cmocka_unit_test(test_writes_are_signed_in_order),
        cmocka_unit_test(test_no_counter_comes_twice),
        cmocka_unit_test(test_nothing_to_sign_with),
        cmocka_unit_test(test_writes_that_wait),
        cmocka_unit_test(test_two_connections_share_counters),
        cmocka_unit_test(test_secrets_of_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
