/* wrap: l2cap_send */
/*
 * Every request with every handle, range, offset and length at the edges, in every state of the link's security: the
 * answer is that of the oracle, octet for octet, and so are the values afterwards. Vol 3 Part F, 3.4; Part G, 3, 4.
 */
#include "gatt/oracle.h"
#include "gatt/room.h"

#include "spec/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { READ = BLUET_FLAG_READ, WRITE = BLUET_FLAG_WRITE, NO_RESPONSE = BLUET_FLAG_WRITE_NO_RESPONSE };
enum { NOTIFY = BLUET_FLAG_NOTIFY, INDICATE = BLUET_FLAG_INDICATE, REFUSAL = 0x80 };

static struct room *room;
static struct oracle *oracle;
static unsigned long asked;

/* ---- The database, once for the server and once for the oracle ---- */

struct row {
    enum { SERVICE, SECONDARY, INCLUDE, CHARACTERISTIC, DESCRIPTOR } what;
    uint16_t uuid; /* below 0x100: one of 128 bits; of INCLUDE: the position of the service */
    uint16_t flags;
    uint16_t length; /* of the value */
};

static const struct row rows[] = {
    {SERVICE, 0x180d, 0, 0},
    {CHARACTERISTIC, 0x2a37, READ | NOTIFY, 3},
    {CHARACTERISTIC, 0x2a38, READ | WRITE | INDICATE, 5},
    {DESCRIPTOR, 0x2901, READ | WRITE, 12},
    {DESCRIPTOR, 0x07, READ, 1},
    {SERVICE, 0x01, 0, 0},
    {INCLUDE, 0, 0, 0},
    {CHARACTERISTIC, 0x02, WRITE | NO_RESPONSE, 0},
    {CHARACTERISTIC, 0x03, READ | NOTIFY | INDICATE, 20},
    {CHARACTERISTIC, 0x2a37, READ, 3},
    {SECONDARY, 0x180f, 0, 0},
    {INCLUDE, 1, 0, 0},
    {INCLUDE, 0, 0, 0},
    {CHARACTERISTIC, 0x2a19, READ, 1},
    {SERVICE, 0x180a, 0, 0},
    {CHARACTERISTIC, 0x2a29, READ, 5},
    {CHARACTERISTIC, 0x2a29, READ, 5},
    {CHARACTERISTIC, 0x2a29, READ | BLUET_FLAG_READ_ENCRYPTED, 5},
    {CHARACTERISTIC, 0x2a29, READ, 7},
    {CHARACTERISTIC, 0x2a24, READ | BLUET_FLAG_READ_AUTHENTICATED, 4},
    {CHARACTERISTIC, 0x2a25, READ | BLUET_FLAG_READ_AUTHORIZED, 4},
    {CHARACTERISTIC, 0x2a26, READ | WRITE | BLUET_FLAG_WRITE_ENCRYPTED, 4},
    {CHARACTERISTIC, 0x2a27, READ | WRITE | BLUET_FLAG_WRITE_AUTHENTICATED, 4},
    {CHARACTERISTIC, 0x2a28, WRITE | BLUET_FLAG_WRITE_AUTHORIZED, 4},
    {CHARACTERISTIC, 0x2a2a, WRITE | BLUET_FLAG_WRITE_AUTHORIZED | BLUET_FLAG_ASK_WRITE, 4},
    {CHARACTERISTIC, 0x2a2b, READ | BLUET_FLAG_READ_ENCRYPTED | NOTIFY, 4},
    {DESCRIPTOR, 0x2904, READ | BLUET_FLAG_READ_AUTHENTICATED, 7},
    {CHARACTERISTIC, 0x2a2c, READ | BLUET_FLAG_READ_AUTHENTICATED | INDICATE, 4},
    {DESCRIPTOR, 0x2901, WRITE | BLUET_FLAG_WRITE_ENCRYPTED | BLUET_FLAG_ASK_WRITE, 4},
    {SERVICE, 0x180b, 0, 0},
    {CHARACTERISTIC, 0x2af1, READ, 22},
    {CHARACTERISTIC, 0x2af2, READ, 21},
    {CHARACTERISTIC, 0x2af3, READ | WRITE, 512},
    {CHARACTERISTIC, 0x2af4, READ, 0},
    {CHARACTERISTIC, 0x2af5, READ | WRITE | BLUET_FLAG_RELIABLE_WRITE, 300},
    {SERVICE, 0x08, 0, 0},
    {SERVICE, 0x1812, 0, 0},
};
enum { ROWS = sizeof rows / sizeof *rows, SERVICES_MOST = 8 };

static struct bluet_uuid row_uuid(const struct row *row)
{
    return row->uuid < 0x100 ? uuid128(row->uuid) : uuid16(row->uuid);
}

static uint8_t *row_value(const struct row *row)
{
    static uint8_t value[512];
    for (size_t i = 0; i < row->length; i++)
        value[i] = (uint8_t)(row->uuid + i);
    return value;
}

/* ---- For the server ---- */

struct definitions {
    struct bluet_service services[SERVICES_MOST + 1];
    struct bluet_characteristic characteristics[ROWS];
    struct bluet_descriptor descriptors[ROWS];
    size_t included[ROWS];
    size_t service_count, characteristic_count, descriptor_count, included_count;
};

static void define_row(struct definitions *all, const struct row *row)
{
    struct bluet_service *service = all->services + all->service_count;
    switch (row->what) {
    case INCLUDE:
        all->included[all->included_count++] = row->uuid;
        service[-1].included_count++;
        break;
    case CHARACTERISTIC:
        all->characteristics[all->characteristic_count++] =
            (struct bluet_characteristic){row_uuid(row), row->flags, &all->descriptors[all->descriptor_count], 0};
        service[-1].characteristic_count++;
        break;
    case DESCRIPTOR:
        all->descriptors[all->descriptor_count++] = (struct bluet_descriptor){row_uuid(row), row->flags};
        all->characteristics[all->characteristic_count - 1].descriptor_count++;
        break;
    default:
        all->service_count++;
        *service = (struct bluet_service){.uuid = row_uuid(row),
                                          .characteristics = &all->characteristics[all->characteristic_count],
                                          .included = &all->included[all->included_count],
                                          .secondary = row->what == SECONDARY};
    }
}

static void fill_server(void)
{
    static struct definitions all;
    uint16_t handles[ROWS];
    size_t next = 0;
    all = (struct definitions){.service_count = 0};
    for (size_t i = 0; i < ROWS; i++)
        define_row(&all, &rows[i]);
    int count = gatt_server_register(&room->gatt.server, handles, ROWS, all.services, all.service_count);
    assert_int_equal(count, all.characteristic_count + all.descriptor_count);
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].what != CHARACTERISTIC && rows[i].what != DESCRIPTOR)
            continue;
        assert_int_equal(
            room_local_write(&room->gatt.server, handles[next++], row_value(&rows[i]), rows[i].length, false),
            rows[i].length);
    }
}

/* ---- For the oracle ---- */

static void built_in(uint16_t uuid, uint16_t flags, enum oracle_kind kind, const void *value, size_t length)
{
    const struct bluet_uuid type = uuid16(uuid);
    oracle_characteristic(oracle, &type, flags, kind, value, length);
}

/* Vol 3 Part C, 12; Part G, 7 */
static void fill_built_in(void)
{
    static const uint8_t zeros[2], no_preference[8] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff};
    const struct bluet_uuid gap = uuid16(0x1800), gatt = uuid16(0x1801);
    oracle_service(oracle, &gap, false);
    built_in(0x2a00, READ, ORACLE_BUILT_IN, "oracle", 6);
    built_in(0x2a01, READ, ORACLE_BUILT_IN, zeros, 2);
    built_in(0x2a04, READ, ORACLE_BUILT_IN, no_preference, 8);
    built_in(0x2aa6, READ, ORACLE_BUILT_IN, &room->gatt.db.address_resolution, 1);
    oracle_service(oracle, &gatt, false);
    built_in(0x2a05, INDICATE, ORACLE_BUILT_IN, NULL, 0);
    built_in(0x2b29, READ | WRITE, ORACLE_FEATURES, zeros, 1);
    built_in(0x2b2a, READ, ORACLE_BUILT_IN, room->gatt.db.hash, 16);
    built_in(0x2b3a, READ, ORACLE_BUILT_IN, &room->gatt.db.server_features, 1);
}

static void fill_oracle(void)
{
    uint16_t services[SERVICES_MOST];
    size_t service_count = 0;
    oracle->count = 0;
    fill_built_in();
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        const struct bluet_uuid uuid = row_uuid(row);
        switch (row->what) {
        case INCLUDE:
            oracle_include(oracle, services[row->uuid]);
            break;
        case CHARACTERISTIC:
            oracle_characteristic(oracle, &uuid, row->flags, ORACLE_USERS, row_value(row), row->length);
            if (row->flags & BLUET_FLAG_RELIABLE_WRITE)
                oracle_extended_properties(oracle, 1);
            break;
        case DESCRIPTOR:
            oracle_descriptor(oracle, &uuid, row->flags, row_value(row), row->length);
            break;
        default:
            services[service_count++] = (uint16_t)(oracle->count + 1);
            oracle_service(oracle, &uuid, row->what == SECONDARY);
        }
    }
    assert_int_equal(oracle->count, room->gatt.db.count);
}

/* ---- Asking both ---- */

static void print_pdu(const char *what, const uint8_t *pdu, size_t length)
{
    char text[3 * ORACLE_PDU] = "";
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, sizeof text - 2 * i, "%02x", pdu[i]);
    print_error("%s %s\n", what, text);
}

static void fail_answer(const uint8_t *pdu, size_t length)
{
    print_error("MTU %u, key %d, encrypted %d, authenticated %d, short %d, the application answers %d\n", oracle->mtu,
                oracle->key_known, oracle->encrypted, oracle->authenticated, oracle->key_short, oracle->answer);
    print_pdu("asked   ", pdu, length);
    print_pdu("expected", oracle->response, oracle->response_length);
    for (size_t i = 0; i < room->sent_count; i++)
        print_pdu("heard   ", room->sent[i].octets, room->sent[i].length);
    fail();
}

static void check_response(const uint8_t *pdu, size_t length)
{
    size_t expected = oracle->response_length ? 1 : 0;
    const struct room_pdu *sent = &room->sent[0];
    if (room->sent_count != expected || (expected && (sent->length != oracle->response_length ||
                                                      memcmp(sent->octets, oracle->response, sent->length) != 0)))
        fail_answer(pdu, length);
}

/* The application hears of each value that has been written, in that order, and what it can read then is right. */
static void check_written(const uint8_t *pdu, size_t length)
{
    size_t found = 0;
    for (size_t i = 0; i < room->event_count; i++) {
        char text[32];
        if (strncmp(room->events[i], "write ", 6) != 0)
            continue;
        if (found == oracle->written_count)
            fail_answer(pdu, length);
        snprintf(text, sizeof text, "write 40 %04x", oracle->written[found++]);
        assert_string_equal(room->events[i], text);
    }
    assert_int_equal(found, oracle->written_count);
    for (size_t i = 0; i < found; i++) {
        const struct oracle_attribute *attribute = &oracle->attributes[oracle->written[i] - 1];
        const void *value;
        size_t value_length;
        assert_int_equal(room_local_read(&room->gatt.server, &value, &value_length, oracle->written[i]), 0);
        if (value_length != attribute->length || memcmp(value, attribute->value, value_length) != 0) {
            print_pdu("value   ", value, value_length);
            print_pdu("expected", attribute->value, attribute->length);
            fail_answer(pdu, length);
        }
    }
}

static void ask(const uint8_t *pdu, size_t length)
{
    asked++;
    oracle_ask(oracle, pdu, length);
    hear_octets(room, 0, pdu, length);
    check_response(pdu, length);
    check_written(pdu, length);
    forget(room);
}

/* A request of an opcode, up to three fields of 16 bits, and octets. */
struct question {
    uint8_t opcode;
    size_t field_count;
    uint16_t fields[3];
    const void *octets;
    size_t length;
};

static void ask_question(const struct question *question)
{
    uint8_t pdu[ORACLE_PDU];
    struct writer writer = writer_of(pdu, sizeof pdu);
    write_u8(&writer, question->opcode);
    for (size_t i = 0; i < question->field_count; i++)
        write_u16(&writer, question->fields[i]);
    write_octets(&writer, question->octets, question->length);
    assert_true(writer_ok(&writer));
    ask(pdu, writer.length);
}

/* ---- States ---- */

struct state {
    uint16_t mtu;
    bool key_known, encrypted, authenticated, key_short;
    int answer;
};

static void begin(const struct state *state)
{
    room = room_create_with(64, 256, 8);
    oracle = calloc(1, sizeof *oracle);
    assert_non_null(oracle);
    assert_int_equal(gatt_db_set_device_name(&room->gatt.db, "oracle", 6), 0);
    fill_server();
    fill_oracle();
    /* As a client that has not seen other services before these. */
    gatt_link_closed(&room->gatt, &room->link[0], BLUET_STATUS_DISCONNECTED);
    gatt_link_opened(&room->gatt, &room->link[0]);
    forget(room);
    if (state->mtu != 23)
        room_set_mtu(room, 0, state->mtu);
    struct link *link = &room->link[0];
    link->key_known = oracle->key_known = state->key_known;
    link->encrypted = oracle->encrypted = state->encrypted;
    link->authenticated = oracle->authenticated = state->authenticated;
    link->key_short = oracle->key_short = state->key_short;
    room->answer = oracle->answer = state->answer;
    oracle->mtu = state->mtu;
}

static void end(void)
{
    room->hci.protocol_errors = 0;
    room_destroy(room);
    free(oracle);
}

static const struct state securities[] = {
    {.key_known = false},
    {.key_known = true},
    {.key_known = true, .encrypted = true},
    {.key_known = true, .encrypted = true, .authenticated = true},
    {.encrypted = true},
    {.key_known = true, .encrypted = true, .authenticated = true, .key_short = true},
    {.key_known = true, .encrypted = true, .authenticated = true, .answer = REFUSAL},
};
static const uint16_t mtus[] = {23, 517, 24, 64}; /* the last two are for what is random */
enum { MTUS = sizeof mtus / sizeof *mtus };

static void in_states(void (*body)(void), size_t mtu_count)
{
    for (size_t i = 0; i < mtu_count; i++) {
        for (size_t j = 0; j < sizeof securities / sizeof *securities; j++) {
            struct state state = securities[j];
            state.mtu = mtus[i];
            begin(&state);
            body();
            end();
        }
    }
}

static void in_every_state(void (*body)(void))
{
    in_states(body, 2);
}

/* ---- Reading ---- */

static uint16_t edge_handle(size_t index)
{
    uint16_t last = oracle->count;
    const uint16_t beyond[] = {0, (uint16_t)(last + 1), 0x8000, 0xfffe, 0xffff};
    return index < last ? (uint16_t)(index + 1) : beyond[index - last];
}

static size_t edge_handle_count(void)
{
    return oracle->count + 5u;
}

static size_t length_of(uint16_t handle)
{
    return handle >= 1 && handle <= oracle->count ? oracle->attributes[handle - 1].length : 0;
}

static void read_each(void)
{
    for (size_t i = 0; i < edge_handle_count(); i++) {
        uint16_t handle = edge_handle(i);
        size_t length = length_of(handle);
        const size_t offsets[] = {0, 1, length - 1, length, length + 1, oracle->mtu - 1u, 512, 513, 0xffff};
        ask_question(&(struct question){0x0a, 1, {handle}, NULL, 0});
        for (size_t j = 0; j < sizeof offsets / sizeof *offsets; j++)
            ask_question(&(struct question){0x0c, 2, {handle, (uint16_t)offsets[j]}, NULL, 0});
    }
}

static void test_read(void **state)
{
    (void)state;
    in_every_state(read_each);
}

static void read_several(void)
{
    for (size_t i = 0; i < edge_handle_count(); i++) {
        for (size_t j = 0; j < edge_handle_count(); j++) {
            const struct question question = {
                0x0e, 3, {edge_handle(i), edge_handle(j), edge_handle(i + j < oracle->count ? i + j : 0)}, NULL, 0};
            struct question other = question;
            ask_question(&question);
            other.opcode = 0x20;
            ask_question(&other);
            other.field_count = 2;
            ask_question(&other);
        }
    }
}

static void test_read_multiple(void **state)
{
    (void)state;
    in_every_state(read_several);
}

/* ---- Ranges ---- */

static const uint16_t types[] = {0x2800, 0x2801, 0x2802, 0x2803, 0x2900, 0x2901, 0x2902, 0x2904, 0x2a00, 0x2a05,
                                 0x2a37, 0x2a29, 0x2a24, 0x2a25, 0x2af1, 0x2af2, 0x2af3, 0x2af4, 0x2af5, 0x1234};

static void ask_types(uint16_t start, uint16_t end, uint8_t opcode)
{
    for (uint16_t i = 0; i < 9; i++) {
        const struct bluet_uuid wide = uuid128(i);
        ask_question(&(struct question){opcode, 2, {start, end}, wide.octets, 16});
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        uint8_t expanded[16] = {0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x00};
        expanded[12] = (uint8_t)types[i];
        expanded[13] = (uint8_t)(types[i] >> 8);
        ask_question(&(struct question){opcode, 3, {start, end, types[i]}, NULL, 0});
        ask_question(&(struct question){opcode, 2, {start, end}, expanded, 16});
    }
}

static void ask_values(uint16_t start, uint16_t end)
{
    for (uint16_t handle = 1; handle <= oracle->count; handle++) {
        const struct oracle_attribute *attribute = &oracle->attributes[handle - 1];
        uint16_t type = (uint16_t)(attribute->type[0] | attribute->type[1] << 8);
        uint16_t most = (uint16_t)(oracle->mtu - 7);
        if (attribute->type_length != 2 || attribute->length > most)
            continue;
        struct question question = {0x06, 3, {start, end, type}, attribute->value, attribute->length};
        ask_question(&question);
        if (question.length--)
            ask_question(&question);
    }
}

static void ask_range(uint16_t start, uint16_t end)
{
    ask_question(&(struct question){0x04, 2, {start, end}, NULL, 0});
    ask_types(start, end, 0x08);
    ask_types(start, end, 0x10);
    ask_values(start, end);
}

static void ask_ranges(void)
{
    const uint16_t last = oracle->count;
    const uint16_t edges[] = {
        0, 1, 2, 19, 20, 21, 29, 30, 45, (uint16_t)(last - 1), last, (uint16_t)(last + 1), 0xfffe, 0xffff};
    enum { EDGES = sizeof edges / sizeof *edges };
    for (size_t i = 0; i < EDGES; i++)
        for (size_t j = 0; j < EDGES; j++)
            ask_range(edges[i], edges[j]);
}

static void test_ranges(void **state)
{
    (void)state;
    in_every_state(ask_ranges);
}

/* Each handle alone, and all from there on. */
static void ask_starts(void)
{
    for (uint16_t handle = 1; handle <= oracle->count; handle++) {
        ask_range(handle, handle);
        ask_question(&(struct question){0x04, 2, {handle, 0xffff}, NULL, 0});
        ask_types(handle, 0xffff, 0x08);
    }
}

static void test_each_handle(void **state)
{
    (void)state;
    in_every_state(ask_starts);
}

/* ---- Writing ---- */

static uint8_t sample[ORACLE_PDU];

static void write_each(void)
{
    const size_t lengths[] = {0, 1, 2, 3, 19, 20, 21, oracle->mtu - 4u, oracle->mtu - 3u, oracle->mtu - 2u};
    for (size_t i = 0; i < edge_handle_count(); i++) {
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            for (unsigned bits = 0; bits < 6; bits++) {
                const uint8_t first = (uint8_t)(bits < 4 ? bits : bits == 4 ? 0xfc : 0xff);
                sample[0] = first;
                struct question question = {0x12, 1, {edge_handle(i)}, sample, lengths[j]};
                ask_question(&question);
                question.opcode = 0x52;
                ask_question(&question);
            }
        }
    }
    read_each();
}

static void test_write(void **state)
{
    (void)state;
    in_every_state(write_each);
}

static void execute(uint8_t flags)
{
    ask_question(&(struct question){0x18, 0, {0}, &flags, 1});
}

static void prepare_and_execute(uint16_t handle, uint16_t offset, size_t length)
{
    const uint8_t all_flags[] = {1, 0, 2, 0xff};
    for (size_t i = 0; i < sizeof all_flags; i++) {
        sample[0] = (uint8_t)(offset + length);
        ask_question(&(struct question){0x16, 2, {handle, offset}, sample, length});
        execute(all_flags[i]);
    }
}

static void prepare_each(void)
{
    for (size_t i = 0; i < edge_handle_count(); i++) {
        uint16_t handle = edge_handle(i);
        const size_t lengths[] = {0, 1, 2, 3, oracle->mtu - 5u, oracle->mtu - 4u};
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            size_t old = length_of(handle);
            const size_t offsets[] = {0, 1, old - 1, old, old + 1, 19, 20, 511, 512, 513, 0xffff};
            for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++)
                prepare_and_execute(handle, (uint16_t)offsets[k], lengths[j]);
        }
    }
    execute(1);
    read_each();
}

static void test_prepare(void **state)
{
    (void)state;
    in_every_state(prepare_each);
}

/* As many as there is room for, and more. */
static void fill_queue(void)
{
    const uint16_t handle = (uint16_t)(oracle->count - 3);
    assert_int_equal(oracle->attributes[handle - 1].size, 300);
    for (size_t length = 0; length <= oracle->mtu - 5u && length < 130; length += 6) {
        for (unsigned i = 0; i < 180; i++)
            ask_question(&(struct question){0x16, 2, {handle, (uint16_t)(i * length)}, sample, length});
        execute(1);
        ask_question(&(struct question){0x0c, 2, {handle, 0}, NULL, 0});
    }
}

static void test_queue(void **state)
{
    (void)state;
    in_every_state(fill_queue);
}

/* ---- PDUs that are too short, too long, or nothing ---- */

static void ask_lengths(void)
{
    static const uint8_t pdu[ORACLE_PDU] = {0, 1, 0, 9, 0, 0, 0x28, 1, 0};
    uint8_t request[ORACLE_PDU];
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        /* The exchange of MTUs, and what concerns the client. */
        if (opcode == 0x02 || opcode == 0x1b || opcode == 0x1d || opcode == 0x23)
            continue;
        memcpy(request, pdu, sizeof request);
        request[0] = (uint8_t)opcode;
        for (size_t length = 1; length < 30; length++)
            ask(request, length);
        for (size_t length = oracle->mtu - 1u; length < oracle->mtu + 3u; length++)
            ask(request, length);
    }
    ask(request, 0);
    execute(0);
}

static void test_lengths(void **state)
{
    (void)state;
    in_every_state(ask_lengths);
}

/* ---- Anything ---- */

static uint32_t random_state;

static uint32_t any(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static uint16_t any_handle(void)
{
    return any(10) ? (uint16_t)(1 + any(oracle->count)) : edge_handle(any((uint32_t)edge_handle_count()));
}

static void ask_anything(void)
{
    static const uint8_t opcodes[] = {0x04, 0x06, 0x08, 0x0a, 0x0c, 0x0e, 0x10, 0x12,
                                      0x16, 0x16, 0x16, 0x18, 0x20, 0x52, 0x08};
    uint8_t pdu[ORACLE_PDU];
    struct writer writer = writer_of(pdu, sizeof pdu);
    write_u8(&writer, opcodes[any(sizeof opcodes)]);
    uint16_t handle = any_handle();
    write_u16(&writer, handle);
    uint16_t second = any(2) ? any_handle() : (uint16_t)any(40);
    if (any(3))
        write_u16(&writer, second);
    if (any(3) == 0)
        write_u16(&writer, types[any(sizeof types / sizeof *types)]);
    if (any(2)) {
        sample[0] = (uint8_t)any(256);
        sample[1] = (uint8_t)any(2);
        write_octets(&writer, sample, any(any(4) ? 4 : 30));
    }
    size_t length = any(20) ? writer.length : any((uint32_t)writer.length);
    if (pdu[0] == 0x18 && any(10))
        pdu[1] = (uint8_t)any(2), length = 2;
    ask(pdu, length ? length : 1);
}

static void ask_at_random(void)
{
    for (int i = 0; i < 4000; i++)
        ask_anything();
    execute(0);
    read_each();
}

static void test_at_random(void **state)
{
    (void)state;
    random_state = 20;
    in_states(ask_at_random, MTUS);
}

static void test_many(void **state)
{
    (void)state;
    print_message("%lu requests were answered\n", asked);
    assert_true(asked > 1000000);
}

int main(void)
{
    for (size_t i = 0; i < sizeof sample; i++)
        sample[i] = (uint8_t)(i * 7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),        cmocka_unit_test(test_read_multiple), cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_each_handle), cmocka_unit_test(test_write),         cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_queue),       cmocka_unit_test(test_lengths),       cmocka_unit_test(test_at_random),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
