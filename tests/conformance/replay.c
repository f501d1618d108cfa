/* Exchanges of the Bluetooth SIG's test suites, replayed: the player. See replay.h. */
#include "replay.h"

#include "host/host.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLE = 0x0001, EVENTS = 64, EVENT_SIZE = 200, STEP_SIZE = 600, WORDS = 8, OWN_SIZE = 256 };

struct replay {
    struct talk *talk;
    uint16_t first_handle; /* of the user's services */
    char events[EVENTS][EVENT_SIZE];
    size_t first_event, event_count;
};

static struct replay playing;

/* ---- Events ---- */

static void put_hex(char *out, size_t size, const uint8_t *octets, size_t length)
{
    size_t used = strlen(out);
    snprintf(out + used, size - used, " ");
    for (size_t i = 0; i < length; i++) {
        used = strlen(out);
        snprintf(out + used, size - used, "%02x", octets[i]);
    }
}

static void put_uuid(char *out, size_t size, const struct bluet_uuid *uuid)
{
    uint8_t display[16];
    for (uint8_t i = 0; i < uuid->length; i++)
        display[i] = uuid->octets[uuid->length - 1 - i];
    put_hex(out, size, display, uuid->length);
}

static void put_done(char *out, size_t size, const char *what, const struct bluet_event *event)
{
    snprintf(out, size, "%s-done %04x %03x", what, event->done.value_handle, event->done.status);
}

static void put_value(char *out, size_t size, const char *what, const struct bluet_event *event)
{
    snprintf(out, size, "%s %04x", what, event->value.value_handle);
    put_hex(out, size, event->value.data, event->value.length);
}

static void put_channel(char *out, size_t size, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_L2CAP_ACCEPT:
    case BLUET_EVENT_L2CAP_CONNECT:
        snprintf(out, size, "%s %04x %u %u", event->code == BLUET_EVENT_L2CAP_ACCEPT ? "accept" : "connected",
                 event->channel.cid, event->channel.our_mtu, event->channel.peer_mtu);
        break;
    case BLUET_EVENT_L2CAP_DISCONNECT:
        snprintf(out, size, "disconnected %04x %03x", event->channel_end.cid, event->channel_end.status);
        break;
    case BLUET_EVENT_L2CAP_RECV:
        snprintf(out, size, "recv %04x", event->channel_data.cid);
        break;
    case BLUET_EVENT_L2CAP_SEND_READY:
        snprintf(out, size, "ready %04x", event->channel_data.cid);
        break;
    case BLUET_EVENT_CONNECTION_UPDATE:
        snprintf(out, size, "updated %u %02x", event->connection_update.interval, event->connection_update.status);
        break;
    default:
        break;
    }
}

static void put_server_event(char *out, size_t size, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_GATTS_WRITE:
        snprintf(out, size, "written %04x", event->attribute.attr_handle);
        break;
    case BLUET_EVENT_GATTS_INDICATE_DONE:
        put_done(out, size, "indicate", event);
        break;
    case BLUET_EVENT_MTU_EXCHANGED:
        snprintf(out, size, "mtu %u", event->mtu_exchanged.mtu);
        break;
    default:
        put_channel(out, size, event);
    }
}

static void put_found(char *out, size_t size, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
        snprintf(out, size, "service %04x-%04x", event->service_result.start_handle, event->service_result.end_handle);
        put_uuid(out, size, &event->service_result.uuid);
        break;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
        snprintf(out, size, "characteristic %04x %04x-%04x %02x", event->characteristic_result.def_handle,
                 event->characteristic_result.value_handle, event->characteristic_result.end_handle,
                 event->characteristic_result.properties);
        put_uuid(out, size, &event->characteristic_result.uuid);
        break;
    case BLUET_EVENT_GATTC_DESCRIPTOR_RESULT:
        snprintf(out, size, "descriptor %04x", event->descriptor_result.dsc_handle);
        put_uuid(out, size, &event->descriptor_result.uuid);
        break;
    default:
        put_server_event(out, size, event);
    }
}

static void put_event(char *out, size_t size, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_DONE:
        put_done(out, size, "service", event);
        break;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_DONE:
        put_done(out, size, "characteristic", event);
        break;
    case BLUET_EVENT_GATTC_DESCRIPTOR_DONE:
        put_done(out, size, "descriptor", event);
        break;
    case BLUET_EVENT_GATTC_READ_RESULT:
        put_value(out, size, "read", event);
        break;
    case BLUET_EVENT_GATTC_READ_DONE:
        put_done(out, size, "read", event);
        break;
    case BLUET_EVENT_GATTC_WRITE_DONE:
        put_done(out, size, "write", event);
        break;
    case BLUET_EVENT_GATTC_NOTIFY:
        put_value(out, size, "notified", event);
        break;
    case BLUET_EVENT_GATTC_INDICATE:
        put_value(out, size, "indicated", event);
        break;
    default:
        put_found(out, size, event);
    }
}

/* Those that have a text are looked at. */
static void on_event(struct talk *talk, const struct bluet_event *event)
{
    char text[EVENT_SIZE] = "";
    put_event(text, sizeof text, event);
    talk->event_count = 0;
    if (!text[0])
        return;
    assert_true(playing.event_count < EVENTS);
    memcpy(playing.events[playing.event_count++], text, sizeof text);
}

/* ---- Calls of the application ---- */

struct words {
    size_t count;
    char *of[WORDS];
};

static struct bluet *host(void)
{
    return playing.talk->host;
}

static uint16_t number(const struct words *words, size_t index)
{
    return index < words->count ? (uint16_t)strtoul(words->of[index], NULL, 16) : 0;
}

static size_t octets(const struct words *words, size_t index, uint8_t *out)
{
    size_t length = 0;
    const char *hex = index < words->count ? words->of[index] : "";
    for (; hex[0] && hex[1]; hex += 2) {
        const char pair[] = {hex[0], hex[1], 0};
        out[length++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return length;
}

/* As it is written in events. */
static struct bluet_uuid uuid(const struct words *words, size_t index)
{
    uint8_t display[OWN_SIZE];
    struct bluet_uuid uuid = {.length = (uint8_t)octets(words, index, display)};
    for (uint8_t i = 0; i < uuid.length; i++)
        uuid.octets[i] = display[uuid.length - 1 - i];
    return uuid;
}

static int call_services(const struct words *words)
{
    const struct bluet_uuid wanted = uuid(words, 1);
    return bluet_gattc_discover_services(host(), HANDLE, wanted.length ? &wanted : NULL);
}

static int call_included(const struct words *words)
{
    return bluet_gattc_discover_included_services(host(), HANDLE, number(words, 1), number(words, 2));
}

static int call_characteristics(const struct words *words)
{
    const struct bluet_uuid wanted = uuid(words, 3);
    return bluet_gattc_discover_characteristics(host(), HANDLE, number(words, 1), number(words, 2),
                                                wanted.length ? &wanted : NULL);
}

static int call_descriptors(const struct words *words)
{
    return bluet_gattc_discover_descriptors(host(), HANDLE, number(words, 1), number(words, 2));
}

static int call_read(const struct words *words)
{
    return bluet_gattc_read(host(), HANDLE, number(words, 1), number(words, 2));
}

static int call_read_long(const struct words *words)
{
    return bluet_gattc_read_long(host(), HANDLE, number(words, 1));
}

static int call_read_by_uuid(const struct words *words)
{
    const struct bluet_uuid wanted = uuid(words, 3);
    return bluet_gattc_read_by_uuid(host(), HANDLE, number(words, 1), number(words, 2), &wanted);
}

static int read_several(const struct words *words, bool variable)
{
    const uint16_t handles[] = {number(words, 1), number(words, 2)};
    return bluet_gattc_read_multiple(host(), HANDLE, handles, 2, variable);
}

static int call_read_multiple(const struct words *words)
{
    return read_several(words, false);
}

static int call_read_variable(const struct words *words)
{
    return read_several(words, true);
}

static int write_mode(const struct words *words, enum bluet_write_mode mode)
{
    uint8_t value[OWN_SIZE];
    size_t length = octets(words, 2, value);
    return bluet_gattc_write(host(), HANDLE, number(words, 1), value, length, mode);
}

static int call_write(const struct words *words)
{
    return write_mode(words, BLUET_WRITE_WITH_RESPONSE);
}

static int call_command(const struct words *words)
{
    return write_mode(words, BLUET_WRITE_NO_RESPONSE);
}

static int call_write_long(const struct words *words)
{
    return write_mode(words, BLUET_WRITE_LONG);
}

static int call_reliable(const struct words *words)
{
    uint8_t one[OWN_SIZE], other[OWN_SIZE];
    struct bluet_write writes[] = {{number(words, 1), one, 0}, {number(words, 3), other, 0}};
    writes[0].length = octets(words, 2, one);
    writes[1].length = octets(words, 4, other);
    return bluet_gattc_write_reliable(host(), HANDLE, writes, 2);
}

static int call_mtu(const struct words *words)
{
    (void)words;
    return bluet_gattc_exchange_mtu(host(), HANDLE);
}

static int call_notify(const struct words *words)
{
    uint8_t value[OWN_SIZE];
    size_t length = octets(words, 2, value);
    return bluet_gatts_notify(host(), HANDLE, number(words, 1), value, length);
}

static int call_indicate(const struct words *words)
{
    uint8_t value[OWN_SIZE];
    size_t length = octets(words, 2, value);
    return bluet_gatts_indicate(host(), HANDLE, number(words, 1), value, length);
}

static int call_notify_multiple(const struct words *words)
{
    const uint16_t handles[] = {number(words, 1), number(words, 2)};
    return bluet_gatts_notify_multiple(host(), HANDLE, handles, 2) == 2 ? 0 : -1;
}

/* The notification is refused, with that error, in decimals. */
static int call_not_notify(const struct words *words)
{
    return call_notify(words) == (int)strtol(words->of[3], NULL, 10) ? 0 : -1;
}

/* The value that the application can read is that. */
static int call_value(const struct words *words)
{
    uint8_t expected[OWN_SIZE];
    size_t length = octets(words, 2, expected);
    const void *value;
    size_t value_length;
    if (bluet_gatts_read(host(), &value, &value_length, number(words, 1)))
        return -1;
    return value_length == length && memcmp(value, expected, length) == 0 ? 0 : -1;
}

/* The services are replaced by one. */
static int call_replace(const struct words *words)
{
    (void)words;
    const struct bluet_service service = {.uuid = {2, {0x0a, 0x18}}};
    return bluet_gatts_register_services(host(), NULL, 0, &service, 1);
}

static int call_answer(const struct words *words)
{
    playing.talk->answer = number(words, 1);
    return 0;
}

static int call_encrypted(const struct words *words)
{
    struct link *link = link_find(&host()->links, HANDLE);
    (void)words;
    link->encrypted = true;
    link->key_size = 16;
    return 0;
}

/* With a key that is shorter than the least. */
static int call_weak(const struct words *words)
{
    link_find(&host()->links, HANDLE)->key_short = true;
    return call_encrypted(words);
}

/* Seconds, in decimals. */
static int call_wait(const struct words *words)
{
    talk_pass(playing.talk, strtoull(words->of[1], NULL, 10) * 1000000);
    return 0;
}

static int call_connect(const struct words *words)
{
    return bluet_l2cap_connect(host(), HANDLE, number(words, 1), 100);
}

static int call_disconnect(const struct words *words)
{
    return bluet_l2cap_disconnect(host(), HANDLE, number(words, 1));
}

static int send_data(const struct words *words)
{
    uint8_t data[OWN_SIZE];
    size_t length = octets(words, 2, data);
    return bluet_l2cap_send(host(), HANDLE, number(words, 1), data, length);
}

static int call_send(const struct words *words)
{
    return send_data(words) == 1 ? 0 : -1;
}

/* Part of it waits for credits. */
static int call_send_part(const struct words *words)
{
    return send_data(words);
}

static int call_receive(const struct words *words)
{
    uint8_t expected[OWN_SIZE], data[OWN_SIZE];
    size_t length = octets(words, 2, expected);
    int received = bluet_l2cap_receive(host(), HANDLE, number(words, 1), data, sizeof data);
    return received == (int)length && memcmp(data, expected, length) == 0 ? 0 : -1;
}

static const struct {
    const char *name;
    int (*call)(const struct words *words);
} calls[] = {
    {"services", call_services},
    {"included", call_included},
    {"characteristics", call_characteristics},
    {"descriptors", call_descriptors},
    {"read", call_read},
    {"read-long", call_read_long},
    {"read-by-uuid", call_read_by_uuid},
    {"read-multiple", call_read_multiple},
    {"read-variable", call_read_variable},
    {"write", call_write},
    {"command", call_command},
    {"write-long", call_write_long},
    {"reliable", call_reliable},
    {"mtu", call_mtu},
    {"notify", call_notify},
    {"indicate", call_indicate},
    {"notify-multiple", call_notify_multiple},
    {"not-notify", call_not_notify},
    {"value", call_value},
    {"replace", call_replace},
    {"answer", call_answer},
    {"encrypted", call_encrypted},
    {"weak", call_weak},
    {"wait", call_wait},
    {"connect", call_connect},
    {"disconnect", call_disconnect},
    {"send", call_send},
    {"send-part", call_send_part},
    {"receive", call_receive},
};

static void make_call(char *text)
{
    struct words words = {0};
    while (*text && words.count < WORDS) {
        words.of[words.count++] = text;
        text += strcspn(text, " ");
        while (*text == ' ')
            *text++ = 0;
    }
    assert_true(words.count > 0);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!words.of[0] || strcmp(calls[i].name, words.of[0]) != 0)
            continue;
        int result = calls[i].call(&words);
        if (result < 0)
            fail_msg("%s %s: %d", words.of[0], words.count > 1 ? words.of[1] : "", result);
        talk_pass(playing.talk, 0);
        return;
    }
    fail_msg("no such call: %s", words.of[0]);
}

/* ---- Steps ---- */

/* The value of one of the host's own characteristics. */
static uint16_t own_handle(uint16_t type)
{
    const struct gatt_db *db = &host()->gatt.db;
    for (uint16_t handle = 1; handle < playing.first_handle; handle++)
        if (gatt_db_find(db, handle)->kind >= GATT_FEATURES && gatt_db_find(db, handle)->uuid == type)
            return handle;
    fail_msg("the host has no %04x", type);
    return 0;
}

/* Handles in the place of what stands for them. */
static void put_handles(char *out, const char *step, bool packet)
{
    enum { DIGITS = 4 };
    while (*step) {
        if (*step != '@' && *step != '$') {
            *out++ = *step++;
            continue;
        }
        bool own = *step == '$';
        char *end;
        unsigned long name = strtoul(step + 1, &end, own ? 16 : 10);
        uint16_t handle = own ? own_handle((uint16_t)name) : (uint16_t)(playing.first_handle + name);
        if (*end == '+')
            handle = (uint16_t)(handle + strtoul(end + 1, &end, 10));
        if (packet)
            handle = (uint16_t)(handle << 8 | handle >> 8);
        snprintf(out, DIGITS + 1, "%04x", handle);
        out += DIGITS;
        step = end;
    }
    *out = 0;
}

static void expect_told(const char *text)
{
    if (playing.first_event == playing.event_count)
        fail_msg("not told: %s", text);
    assert_string_equal(playing.events[playing.first_event++], text);
}

/* Up to "...", where anything may follow. */
static void expect_beginning(uint16_t cid, const char *hex)
{
    char found[2 * TALK_PACKET_SIZE] = "";
    const struct talk_packet packet = talk_take(playing.talk);
    const size_t header = 9; /* of HCI and L2CAP */
    assert_true(packet.length > header);
    assert_int_equal(packet.octets[7] | packet.octets[8] << 8, cid);
    for (size_t i = header; i < packet.length; i++)
        snprintf(found + 2 * (i - header), 3, "%02x", packet.octets[i]);
    for (const char *c = found; strncmp(hex, "...", 3) != 0; hex++)
        if (*hex != ' ')
            assert_int_equal(*hex, *c++);
}

static void play_step(const char *step)
{
    char text[STEP_SIZE] = "";
    bool packet = step[0] == '>' || step[0] == '<';
    assert_true(strlen(step) < STEP_SIZE / 2);
    put_handles(text, step, packet);
    char *rest = text + 1;
    uint16_t cid = 4;
    if (packet && isdigit((unsigned char)*rest))
        cid = (uint16_t)strtoul(rest, &rest, 10);
    while (*rest == ' ')
        rest++;
    switch (text[0]) {
    case '>':
        talk_receive_frame(playing.talk, HANDLE, cid, rest);
        break;
    case '<':
        if (playing.talk->packet_count == 0)
            fail_msg("not sent: %s", text);
        if (cid == 0)
            talk_expect(playing.talk, rest);
        else if (strstr(rest, "..."))
            expect_beginning(cid, rest);
        else
            talk_expect_frame(playing.talk, HANDLE, cid, rest);
        if (cid)
            talk_complete(playing.talk, HANDLE, 1);
        break;
    case '!':
        expect_told(rest);
        break;
    case '=':
        make_call(rest);
        break;
    default:
        fail_msg("what is %s?", text);
    }
}

static void play(const struct replay_case *replay)
{
    const char *steps = replay->steps;
    talk_forget(playing.talk);
    playing.talk->on_event = on_event;
    while (*steps) {
        char step[STEP_SIZE] = "";
        size_t length = strcspn(steps, ";");
        assert_true(length < sizeof step);
        memcpy(step, steps, length);
        play_step(step);
        steps += length;
        while (*steps == ';' || *steps == ' ')
            steps++;
    }
    talk_expect_nothing(playing.talk);
    if (playing.first_event != playing.event_count)
        fail_msg("told besides: %s", playing.events[playing.first_event]);
}

static void begin(struct talk *talk)
{
    memset(&playing, 0, sizeof playing);
    playing.talk = talk;
}

static void end(void)
{
    playing.talk->on_event = NULL;
    playing.talk->answer = 0;
    talk_disconnect(playing.talk, HANDLE);
    talk_forget(playing.talk);
    talk_destroy(playing.talk);
}

/* ---- GATT ---- */

static const uint8_t base[16] = {0xc5, 0x9c, 0xc0, 0x9c, 0x1d, 0x3b, 0x48, 0x84,
                                 0x38, 0x47, 0xc4, 0x8a, 0x5c, 0x50, 0xdb, 0x50};

static void set_values(const uint16_t *handles)
{
    static const struct {
        size_t index, size, length;
    } values[] = {{0, 20, 2},  {2, 44, 44}, {3, 60, 40}, {4, 20, 3},  {5, 20, 3}, {6, 20, 3},
                  {7, 100, 2}, {8, 20, 2},  {9, 20, 2},  {10, 20, 1}, {11, 20, 7}};
    uint8_t value[OWN_SIZE];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)(i + 1);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint16_t handle = handles[values[i].index];
        assert_int_equal(bluet_gatts_set_buffer(host(), handle, values[i].size, false), 0);
        assert_true(bluet_gatts_write(host(), handle, value, values[i].length, false) >= 0);
    }
}

static void register_services(void)
{
    enum {
        READ = BLUET_FLAG_READ,
        BOTH = READ | BLUET_FLAG_WRITE,
        ENCRYPTED = BLUET_FLAG_READ_ENCRYPTED | BLUET_FLAG_WRITE_ENCRYPTED,
        AUTHORIZED = BLUET_FLAG_READ_AUTHORIZED | BLUET_FLAG_WRITE_AUTHORIZED,
        AUTHENTICATED = BLUET_FLAG_READ_AUTHENTICATED | BLUET_FLAG_WRITE_AUTHENTICATED,
        ANY_WRITE = BOTH | BLUET_FLAG_WRITE_NO_RESPONSE | BLUET_FLAG_RELIABLE_WRITE
    };
    const struct bluet_descriptor description = {{2, {0x01, 0x29}}, BOTH};
    const struct bluet_descriptor presentation = {{2, {0x04, 0x29}}, READ};
    const struct bluet_characteristic heart[] = {
        {{2, {0x37, 0x2a}}, BOTH | BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE, NULL, 0},
        {{2, {0x38, 0x2a}}, BLUET_FLAG_WRITE, NULL, 0},
        {{2, {0x29, 0x2a}}, READ, &description, 1},
        {{2, {0xf1, 0x2a}}, BOTH | ENCRYPTED, NULL, 0},
        {{2, {0xf2, 0x2a}}, BOTH | AUTHORIZED, NULL, 0},
        {{2, {0xf3, 0x2a}}, BOTH | AUTHENTICATED, NULL, 0},
        {{2, {0xf4, 0x2a}}, ANY_WRITE, NULL, 0},
        {{2, {0xf5, 0x2a}}, BOTH, NULL, 0}};
    const struct bluet_characteristic battery = {{2, {0x19, 0x2a}}, READ, &presentation, 1};
    struct bluet_characteristic wide = {.flags = READ, .uuid = {.length = 16}};
    static const size_t included[] = {0, 1};
    struct bluet_service services[] = {{.uuid = {2, {0x0d, 0x18}}, .characteristics = heart, .characteristic_count = 8},
                                       {.uuid = {.length = 16},
                                        .characteristics = &wide,
                                        .characteristic_count = 1,
                                        .included = included,
                                        .included_count = 1},
                                       {.uuid = {2, {0x0f, 0x18}},
                                        .characteristics = &battery,
                                        .characteristic_count = 1,
                                        .included = included + 1,
                                        .included_count = 1}};
    uint16_t handles[12];
    memcpy(services[1].uuid.octets, base, sizeof base);
    memcpy(wide.uuid.octets, base, sizeof base);
    wide.uuid.octets[12]++;
    assert_int_equal(bluet_gatts_register_services(host(), handles, 12, services, 3), 12);
    playing.first_handle = (uint16_t)(handles[0] - 2);
    set_values(handles);
}

void replay_gatt(void **state)
{
    begin(talk_activated(NULL));
    register_services();
    talk_connect_peripheral(playing.talk, HANDLE);
    play(*state);
    end();
}

/* ---- L2CAP ---- */

void replay_l2cap(void **state)
{
    const struct bluet_config config = {.mtu_limit = 64, .channel_size = 256};
    begin(talk_activated(&config));
    assert_int_equal(bluet_l2cap_listen(host(), 0x80, 100), 0);
    talk_connect_central(playing.talk, HANDLE);
    play(*state);
    end();
}

int replay_all(const struct replay_case *cases, size_t count, void (*replay)(void **state))
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    assert_non_null(tests);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = cases[i].id, .test_func = replay, .initial_state = (void *)(uintptr_t)&cases[i]};
    int failed = _cmocka_run_group_tests("replay", tests, count, NULL, NULL);
    free(tests);
    return failed;
}
