/* What a server must answer, worked out from the specification alone: see oracle.h. */
#include "gatt/oracle.h"

#include <string.h>

enum { READS_ENCRYPTED = BLUET_FLAG_READ_ENCRYPTED | BLUET_FLAG_READ_AUTHENTICATED };
enum { WRITES_ENCRYPTED = BLUET_FLAG_WRITE_ENCRYPTED | BLUET_FLAG_WRITE_AUTHENTICATED };

/* Error codes: Vol 3 Part F, table 3.4 */
enum {
    INVALID_HANDLE = 0x01,
    READ_NOT_PERMITTED = 0x02,
    WRITE_NOT_PERMITTED = 0x03,
    INVALID_PDU = 0x04,
    INSUFFICIENT_AUTHENTICATION = 0x05,
    REQUEST_NOT_SUPPORTED = 0x06,
    INVALID_OFFSET = 0x07,
    INSUFFICIENT_AUTHORIZATION = 0x08,
    PREPARE_QUEUE_FULL = 0x09,
    ATTRIBUTE_NOT_FOUND = 0x0a,
    KEY_TOO_SHORT = 0x0c,
    INVALID_LENGTH = 0x0d,
    INSUFFICIENT_ENCRYPTION = 0x0f,
    UNSUPPORTED_GROUP_TYPE = 0x10,
    VALUE_NOT_ALLOWED = 0x13
};

/* ---- The database ---- */

static struct oracle_attribute *add(struct oracle *oracle, enum oracle_kind kind, uint16_t type)
{
    struct oracle_attribute *attribute = &oracle->attributes[oracle->count++];
    *attribute = (struct oracle_attribute){.kind = kind, .type_length = 2, .group_end = oracle->count};
    attribute->type[0] = (uint8_t)type;
    attribute->type[1] = (uint8_t)(type >> 8);
    return attribute;
}

static bool is_type(const struct oracle_attribute *attribute, uint16_t type)
{
    return attribute->type_length == 2 && attribute->type[0] == (type & 0xff) && attribute->type[1] == type >> 8;
}

static bool is_service(const struct oracle_attribute *attribute)
{
    return is_type(attribute, 0x2800) || is_type(attribute, 0x2801);
}

/* The last attribute belongs to the groups that are open. */
static void extend_groups(struct oracle *oracle)
{
    bool characteristic = true;
    for (uint16_t i = oracle->count; i-- > 0;) {
        struct oracle_attribute *attribute = &oracle->attributes[i];
        if (is_service(attribute)) {
            attribute->group_end = oracle->count;
            return;
        }
        if (is_type(attribute, 0x2803) && characteristic) {
            attribute->group_end = oracle->count;
            characteristic = false;
        }
    }
}

static void put(struct oracle_attribute *attribute, const void *octets, size_t length)
{
    if (length)
        memcpy(attribute->value + attribute->length, octets, length);
    attribute->length += length;
}

static void put_u16(struct oracle_attribute *attribute, uint16_t value)
{
    const uint8_t octets[] = {(uint8_t)value, (uint8_t)(value >> 8)};
    put(attribute, octets, sizeof octets);
}

void oracle_service(struct oracle *oracle, const struct bluet_uuid *uuid, bool secondary)
{
    put(add(oracle, ORACLE_DECLARATION, secondary ? 0x2801 : 0x2800), uuid->octets, uuid->length);
}

void oracle_include(struct oracle *oracle, uint16_t service)
{
    const struct oracle_attribute *of = &oracle->attributes[service - 1];
    struct oracle_attribute *attribute = add(oracle, ORACLE_DECLARATION, 0x2802);
    put_u16(attribute, service);
    put_u16(attribute, of->group_end);
    if (of->length == 2)
        put(attribute, of->value, 2);
    extend_groups(oracle);
}

static struct oracle_attribute *add_value(struct oracle *oracle, enum oracle_kind kind, const struct bluet_uuid *uuid,
                                          uint16_t flags, const void *value, size_t length)
{
    struct oracle_attribute *attribute = add(oracle, kind, 0);
    attribute->type_length = uuid->length;
    memcpy(attribute->type, uuid->octets, uuid->length);
    attribute->flags = flags;
    attribute->size = length > 20 ? length : 20;
    put(attribute, value, length);
    extend_groups(oracle);
    return attribute;
}

uint16_t oracle_characteristic(struct oracle *oracle, const struct bluet_uuid *uuid, uint16_t flags,
                               enum oracle_kind kind, const void *value, size_t length)
{
    struct oracle_attribute *declaration = add(oracle, ORACLE_DECLARATION, 0x2803);
    uint8_t properties = (uint8_t)(flags & 0x7f);
    bool extended = flags & (BLUET_FLAG_RELIABLE_WRITE | BLUET_FLAG_AUX_WRITE);
    properties = (uint8_t)(properties | (extended ? 0x80 : 0));
    put(declaration, &properties, 1);
    put_u16(declaration, (uint16_t)(oracle->count + 1));
    put(declaration, uuid->octets, uuid->length);
    extend_groups(oracle);
    add_value(oracle, kind, uuid, flags, value, length);
    uint16_t handle = oracle->count;
    if (flags & (BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE)) {
        put_u16(add(oracle, ORACLE_CONFIGURATION, 0x2902), 0);
        extend_groups(oracle);
    }
    return handle;
}

uint16_t oracle_descriptor(struct oracle *oracle, const struct bluet_uuid *uuid, uint16_t flags, const void *value,
                           size_t length)
{
    add_value(oracle, ORACLE_USERS, uuid, flags, value, length);
    return oracle->count;
}

void oracle_extended_properties(struct oracle *oracle, uint8_t bits)
{
    put_u16(add(oracle, ORACLE_DECLARATION, 0x2900), bits);
    extend_groups(oracle);
}

static struct oracle_attribute *find(struct oracle *oracle, uint16_t handle)
{
    return handle >= 1 && handle <= oracle->count ? &oracle->attributes[handle - 1] : NULL;
}

/* ---- Permissions: Vol 3 Part F, 3.2.5; Part C, 10.3.1 ---- */

static int check_link(const struct oracle *oracle, bool encrypted, bool authenticated)
{
    if ((encrypted || authenticated) && !oracle->encrypted)
        return oracle->key_known ? INSUFFICIENT_ENCRYPTION : INSUFFICIENT_AUTHENTICATION;
    if ((encrypted || authenticated) && oracle->key_short)
        return KEY_TOO_SHORT;
    return authenticated && !oracle->authenticated ? INSUFFICIENT_AUTHENTICATION : 0;
}

static int check_read(const struct oracle *oracle, const struct oracle_attribute *attribute)
{
    if (attribute->kind == ORACLE_DECLARATION || attribute->kind == ORACLE_CONFIGURATION)
        return 0;
    if (!(attribute->flags & BLUET_FLAG_READ))
        return READ_NOT_PERMITTED;
    int error =
        check_link(oracle, attribute->flags & READS_ENCRYPTED, attribute->flags & BLUET_FLAG_READ_AUTHENTICATED);
    return error || attribute->kind != ORACLE_USERS ? error : oracle->answer;
}

static int check_write(const struct oracle *oracle, const struct oracle_attribute *attribute)
{
    const struct oracle_attribute *configured = attribute - 1;
    if (attribute->kind == ORACLE_CONFIGURATION)
        return check_link(oracle, configured->flags & READS_ENCRYPTED,
                          configured->flags & BLUET_FLAG_READ_AUTHENTICATED);
    if (attribute->kind == ORACLE_DECLARATION ||
        !(attribute->flags & (BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE)))
        return WRITE_NOT_PERMITTED;
    int error =
        check_link(oracle, attribute->flags & WRITES_ENCRYPTED, attribute->flags & BLUET_FLAG_WRITE_AUTHENTICATED);
    if (error)
        return error;
    if (attribute->flags & BLUET_FLAG_ASK_WRITE)
        return oracle->answer;
    return attribute->flags & BLUET_FLAG_WRITE_AUTHORIZED ? INSUFFICIENT_AUTHORIZATION : 0;
}

/* ---- PDUs ---- */

struct request {
    const uint8_t *pdu;
    size_t length;
};

static uint16_t u16_at(const struct request *request, size_t position)
{
    return (uint16_t)(request->pdu[position] | request->pdu[position + 1] << 8);
}

static void say(struct oracle *oracle, const void *octets, size_t length)
{
    size_t room = (size_t)oracle->mtu - oracle->response_length;
    size_t fitting = length < room ? length : room;
    if (fitting)
        memcpy(oracle->response + oracle->response_length, octets, fitting);
    oracle->response_length += fitting;
}

static void say_u8(struct oracle *oracle, unsigned value)
{
    const uint8_t octet = (uint8_t)value;
    say(oracle, &octet, 1);
}

static void say_u16(struct oracle *oracle, unsigned value)
{
    say_u8(oracle, value & 0xff);
    say_u8(oracle, value >> 8);
}

static void say_error(struct oracle *oracle, const struct request *request, uint16_t handle, int error)
{
    oracle->response_length = 0;
    say_u8(oracle, 0x01);
    say_u8(oracle, request->pdu[0]);
    say_u16(oracle, handle);
    say_u8(oracle, (unsigned)error);
}

static size_t room(const struct oracle *oracle)
{
    return oracle->mtu - oracle->response_length;
}

/* A range of handles that is none; says so. */
static bool bad_range(struct oracle *oracle, const struct request *request)
{
    uint16_t start = u16_at(request, 1);
    if (start != 0 && start <= u16_at(request, 3))
        return false;
    say_error(oracle, request, start, INVALID_HANDLE);
    return true;
}

static bool in_range(const struct request *request, uint16_t handle)
{
    return handle >= u16_at(request, 1) && handle <= u16_at(request, 3);
}

/* As 128-bit UUIDs (Vol 3 Part B, 2.5.1). */
static void expand(uint8_t out[16], const uint8_t *uuid, size_t length)
{
    static const uint8_t base[16] = {0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x00};
    memcpy(out, length == 2 ? base : uuid, 16);
    if (length == 2)
        memcpy(out + 12, uuid, 2);
}

static bool same_type(const struct oracle_attribute *attribute, const uint8_t *type, size_t length)
{
    uint8_t one[16], other[16];
    expand(one, attribute->type, attribute->type_length);
    expand(other, type, length);
    return memcmp(one, other, 16) == 0;
}

/* ---- Finding: 3.4.3 ---- */

static void find_information(struct oracle *oracle, const struct request *request)
{
    uint8_t type_length = 0;
    if (request->length != 5) {
        say_error(oracle, request, 0, INVALID_PDU);
        return;
    }
    if (bad_range(oracle, request))
        return;
    for (uint16_t handle = 1; handle <= oracle->count; handle++) {
        const struct oracle_attribute *attribute = find(oracle, handle);
        if (!in_range(request, handle))
            continue;
        if (type_length == 0) {
            type_length = attribute->type_length;
            say_u8(oracle, 0x05);
            say_u8(oracle, type_length == 2 ? 1 : 2);
        }
        if (attribute->type_length != type_length || room(oracle) < 2u + type_length)
            break;
        say_u16(oracle, handle);
        say(oracle, attribute->type, type_length);
    }
    if (type_length == 0)
        say_error(oracle, request, u16_at(request, 1), ATTRIBUTE_NOT_FOUND);
}

static void find_by_type_value(struct oracle *oracle, const struct request *request)
{
    if (request->length < 7) {
        say_error(oracle, request, 0, INVALID_PDU);
        return;
    }
    if (bad_range(oracle, request))
        return;
    size_t length = request->length - 7;
    say_u8(oracle, 0x07);
    for (uint16_t handle = 1; handle <= oracle->count && room(oracle) >= 4; handle++) {
        const struct oracle_attribute *attribute = find(oracle, handle);
        bool equal =
            attribute->length == length && (length == 0 || memcmp(attribute->value, request->pdu + 7, length) == 0);
        if (!in_range(request, handle) || !same_type(attribute, request->pdu + 5, 2) || !equal ||
            check_read(oracle, attribute))
            continue;
        say_u16(oracle, handle);
        say_u16(oracle, attribute->group_end);
    }
    if (oracle->response_length == 1)
        say_error(oracle, request, u16_at(request, 1), ATTRIBUTE_NOT_FOUND);
}

/* ---- Reading lists: 3.4.4.1, 3.4.4.9 ---- */

static bool bad_list_request(struct oracle *oracle, const struct request *request)
{
    if (request->length == 7 || request->length == 21)
        return bad_range(oracle, request);
    say_error(oracle, request, 0, INVALID_PDU);
    return true;
}

static size_t at_most(size_t length, size_t most)
{
    return length < most ? length : most;
}

static void read_by_type(struct oracle *oracle, const struct request *request)
{
    size_t entry = 0;
    uint16_t failed = u16_at(request, 1);
    int error = ATTRIBUTE_NOT_FOUND;
    for (uint16_t handle = 1; handle <= oracle->count; handle++) {
        const struct oracle_attribute *attribute = find(oracle, handle);
        if (!in_range(request, handle) || !same_type(attribute, request->pdu + 5, request->length - 5))
            continue;
        int refused = check_read(oracle, attribute);
        size_t length = at_most(attribute->length, at_most(oracle->mtu - 4u, 253));
        if (refused && entry == 0) {
            failed = handle;
            error = refused;
        }
        if (refused || (entry && (length + 2 != entry || room(oracle) < entry)))
            break;
        if (entry == 0) {
            entry = length + 2;
            say_u8(oracle, 0x09);
            say_u8(oracle, (unsigned)entry);
        }
        say_u16(oracle, handle);
        say(oracle, attribute->value, length);
    }
    if (entry == 0)
        say_error(oracle, request, failed, error);
}

static void read_by_group_type(struct oracle *oracle, const struct request *request)
{
    static const uint8_t primary[] = {0x00, 0x28}, secondary[] = {0x01, 0x28};
    uint8_t wanted[16], one[16], other[16];
    size_t entry = 0;
    expand(wanted, request->pdu + 5, request->length - 5);
    expand(one, primary, 2);
    expand(other, secondary, 2);
    if (memcmp(wanted, one, 16) != 0 && memcmp(wanted, other, 16) != 0) {
        say_error(oracle, request, u16_at(request, 1), UNSUPPORTED_GROUP_TYPE);
        return;
    }
    for (uint16_t handle = 1; handle <= oracle->count; handle++) {
        const struct oracle_attribute *attribute = find(oracle, handle);
        if (!in_range(request, handle) || !same_type(attribute, request->pdu + 5, request->length - 5))
            continue;
        if (entry && (attribute->length + 4 != entry || room(oracle) < entry))
            break;
        if (entry == 0) {
            entry = attribute->length + 4;
            say_u8(oracle, 0x11);
            say_u8(oracle, (unsigned)entry);
        }
        say_u16(oracle, handle);
        say_u16(oracle, attribute->group_end);
        say(oracle, attribute->value, attribute->length);
    }
    if (entry == 0)
        say_error(oracle, request, u16_at(request, 1), ATTRIBUTE_NOT_FOUND);
}

static void read_list(struct oracle *oracle, const struct request *request)
{
    if (bad_list_request(oracle, request))
        return;
    if (request->pdu[0] == 0x08)
        read_by_type(oracle, request);
    else
        read_by_group_type(oracle, request);
}

/* ---- Reading values: 3.4.4.3 to 3.4.4.7, 3.4.4.11 ---- */

static void read_one(struct oracle *oracle, const struct request *request)
{
    bool blob = request->pdu[0] == 0x0c;
    if (request->length != (blob ? 5 : 3)) {
        say_error(oracle, request, 0, INVALID_PDU);
        return;
    }
    uint16_t handle = u16_at(request, 1);
    size_t offset = blob ? u16_at(request, 3) : 0;
    const struct oracle_attribute *attribute = find(oracle, handle);
    int error = attribute ? check_read(oracle, attribute) : INVALID_HANDLE;
    if (!error && offset > attribute->length)
        error = INVALID_OFFSET;
    if (error) {
        say_error(oracle, request, handle, error);
        return;
    }
    say_u8(oracle, request->pdu[0] + 1u);
    say(oracle, attribute->value + offset, attribute->length - offset);
}

static void read_several(struct oracle *oracle, const struct request *request)
{
    bool lengths = request->pdu[0] == 0x20;
    if (request->length < 5 || request->length % 2 == 0) {
        say_error(oracle, request, 0, INVALID_PDU);
        return;
    }
    say_u8(oracle, request->pdu[0] + 1u);
    for (size_t i = 1; i < request->length; i += 2) {
        uint16_t handle = u16_at(request, i);
        const struct oracle_attribute *attribute = find(oracle, handle);
        int error = attribute ? check_read(oracle, attribute) : INVALID_HANDLE;
        if (error) {
            say_error(oracle, request, handle, error);
            return;
        }
        if (lengths)
            say_u16(oracle, (unsigned)attribute->length);
        say(oracle, attribute->value, attribute->length);
    }
}

/* ---- Writing: 3.4.5, 3.4.6 ---- */

/* What a configuration of `length` octets becomes; an error (Vol 3 Part G, 3.3.3.3 and 7.2). */
static int check_bits(const struct oracle_attribute *attribute, const uint8_t *octets, size_t length, uint8_t *out)
{
    if (attribute->kind == ORACLE_FEATURES) {
        if (length < 1)
            return INVALID_LENGTH;
        *out = octets[0] & 0x07;
        return attribute->value[0] & ~octets[0] ? VALUE_NOT_ALLOWED : 0;
    }
    const struct oracle_attribute *configured = attribute - 1;
    if (length != 2)
        return INVALID_LENGTH;
    *out = octets[0] & 0x03;
    if ((*out & 1 && !(configured->flags & BLUET_FLAG_NOTIFY)) ||
        (*out & 2 && !(configured->flags & BLUET_FLAG_INDICATE)))
        return VALUE_NOT_ALLOWED;
    return 0;
}

static bool is_bits(const struct oracle_attribute *attribute)
{
    return attribute->kind == ORACLE_CONFIGURATION || attribute->kind == ORACLE_FEATURES;
}

static int write_whole(struct oracle *oracle, uint16_t handle, const uint8_t *octets, size_t length)
{
    struct oracle_attribute *attribute = find(oracle, handle);
    if (!attribute)
        return INVALID_HANDLE;
    int error = check_write(oracle, attribute);
    if (error)
        return error;
    if (is_bits(attribute)) {
        uint8_t bits;
        error = check_bits(attribute, octets, length, &bits);
        if (!error)
            attribute->value[0] = bits;
        return error;
    }
    attribute->length = 0;
    put(attribute, octets, at_most(length, attribute->size));
    oracle->written[oracle->written_count++] = handle;
    return 0;
}

static void write_value(struct oracle *oracle, const struct request *request)
{
    if (request->length < 3) {
        say_error(oracle, request, 0, INVALID_PDU);
        return;
    }
    uint16_t handle = u16_at(request, 1);
    int error = write_whole(oracle, handle, request->pdu + 3, request->length - 3);
    if (error)
        say_error(oracle, request, handle, error);
    else
        say_u8(oracle, 0x13);
}

static void prepare(struct oracle *oracle, const struct request *request)
{
    if (request->length < 5) {
        say_error(oracle, request, 0, INVALID_PDU);
        return;
    }
    uint16_t handle = u16_at(request, 1);
    size_t length = request->length - 5;
    const struct oracle_attribute *attribute = find(oracle, handle);
    int error = attribute ? check_write(oracle, attribute) : INVALID_HANDLE;
    if (!error && oracle->queued_octets + 6 + length > ORACLE_QUEUE_OCTETS)
        error = PREPARE_QUEUE_FULL;
    if (error) {
        say_error(oracle, request, handle, error);
        return;
    }
    struct oracle_write *write = &oracle->queue[oracle->queued++];
    *write = (struct oracle_write){.handle = handle, .offset = u16_at(request, 3), .length = length};
    memcpy(write->octets, request->pdu + 5, length);
    oracle->queued_octets += 6 + length;
    say_u8(oracle, 0x17);
    say(oracle, request->pdu + 1, request->length - 1);
}

/* A value while the queue is executed, as if its buffer were endless. */
static int execute_value(struct oracle_attribute *attribute, const struct oracle_write *write, bool first)
{
    if (write->offset > attribute->length)
        return INVALID_OFFSET;
    if (write->offset + write->length > ORACLE_VALUE)
        return INVALID_LENGTH;
    size_t end = write->offset + write->length;
    memcpy(attribute->value + write->offset, write->octets, write->length);
    attribute->length = first || end > attribute->length ? end : attribute->length;
    return 0;
}

static int execute_bits(struct oracle_attribute *attribute, const struct oracle_write *write)
{
    uint8_t bits;
    if (write->offset || write->length > 2)
        return INVALID_LENGTH;
    int error = check_bits(attribute, write->octets, write->length, &bits);
    if (!error)
        attribute->value[0] = bits;
    return error;
}

/* All in turn, on attributes that are put back if one fails. */
static int execute_all(struct oracle *oracle, uint16_t *out_failed)
{
    static struct oracle_attribute before[ORACLE_ATTRIBUTES];
    memcpy(before, oracle->attributes, sizeof before);
    for (size_t i = 0; i < oracle->queued; i++) {
        const struct oracle_write *write = &oracle->queue[i];
        struct oracle_attribute *attribute = find(oracle, write->handle);
        bool first = i == 0 || oracle->queue[i - 1].handle != write->handle;
        int error = is_bits(attribute) ? execute_bits(attribute, write) : execute_value(attribute, write, first);
        if (error) {
            memcpy(oracle->attributes, before, sizeof before);
            oracle->written_count = 0;
            *out_failed = write->handle;
            return error;
        }
        if (first && !is_bits(attribute))
            oracle->written[oracle->written_count++] = write->handle;
    }
    for (uint16_t i = 0; i < oracle->count; i++)
        if (oracle->attributes[i].kind == ORACLE_USERS)
            oracle->attributes[i].length = at_most(oracle->attributes[i].length, oracle->attributes[i].size);
    return 0;
}

static void execute(struct oracle *oracle, const struct request *request)
{
    uint16_t failed = 0;
    int error = request->length != 2 || request->pdu[1] > 1 ? INVALID_PDU : 0;
    if (!error && request->pdu[1] == 1)
        error = execute_all(oracle, &failed);
    oracle->queued = oracle->queued_octets = 0;
    if (error)
        say_error(oracle, request, failed, error);
    else
        say_u8(oracle, 0x19);
}

/* ---- All of it ---- */

static bool is_from_a_server(uint8_t opcode)
{
    static const uint8_t opcodes[] = {0x01, 0x03, 0x05, 0x07, 0x09, 0x0b, 0x0d, 0x0f,
                                      0x11, 0x13, 0x17, 0x19, 0x1b, 0x1d, 0x21, 0x23};
    return memchr(opcodes, opcode, sizeof opcodes) != NULL;
}

static void answer_request(struct oracle *oracle, const struct request *request)
{
    switch (request->pdu[0]) {
    case 0x04:
        find_information(oracle, request);
        break;
    case 0x06:
        find_by_type_value(oracle, request);
        break;
    case 0x08:
    case 0x10:
        read_list(oracle, request);
        break;
    case 0x0a:
    case 0x0c:
        read_one(oracle, request);
        break;
    case 0x0e:
    case 0x20:
        read_several(oracle, request);
        break;
    case 0x12:
        write_value(oracle, request);
        break;
    case 0x16:
        prepare(oracle, request);
        break;
    case 0x18:
        execute(oracle, request);
        break;
    default:
        say_error(oracle, request, 0, REQUEST_NOT_SUPPORTED);
    }
}

void oracle_ask(struct oracle *oracle, const uint8_t *pdu, size_t length)
{
    const struct request request = {pdu, length};
    oracle->response_length = 0;
    oracle->written_count = 0;
    if (length == 0 || is_from_a_server(pdu[0]) || pdu[0] == 0x1e)
        return;
    if (pdu[0] & 0x40) {
        if (pdu[0] == 0x52 && length >= 3 && length <= oracle->mtu)
            write_whole(oracle, u16_at(&request, 1), pdu + 3, length - 3);
        return;
    }
    if (length > oracle->mtu && pdu[0] % 2 == 0 && pdu[0] <= 0x20 && pdu[0] != 0x14 && pdu[0] != 0x1a &&
        pdu[0] != 0x1c && pdu[0] != 0x00)
        say_error(oracle, &request, 0, INVALID_PDU);
    else
        answer_request(oracle, &request);
}
