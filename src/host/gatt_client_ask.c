/* What procedures ask: of each request, what stands in it, and in which order (Vol 3 Part F, 3.4). */
#include "host/gatt_client_ask.h"

#include "spec/writer.h"

enum { HAS_HANDLE = 1, HAS_END = 2, HAS_OFFSET = 4, HAS_VALUE = 8 };

/* By half the opcode. A command is made like its request. */
static const uint8_t parts[] = {
    [ATT_EXCHANGE_MTU_REQUEST / 2] = HAS_HANDLE, /* the MTU stands in its place */
    [ATT_FIND_INFORMATION_REQUEST / 2] = HAS_HANDLE | HAS_END,
    [ATT_FIND_BY_TYPE_VALUE_REQUEST / 2] = HAS_HANDLE | HAS_END,
    [ATT_READ_BY_TYPE_REQUEST / 2] = HAS_HANDLE | HAS_END,
    [ATT_READ_REQUEST / 2] = HAS_HANDLE,
    [ATT_READ_BLOB_REQUEST / 2] = HAS_HANDLE | HAS_OFFSET,
    [ATT_READ_MULTIPLE_REQUEST / 2] = HAS_VALUE,
    [ATT_READ_BY_GROUP_TYPE_REQUEST / 2] = HAS_HANDLE | HAS_END,
    [ATT_WRITE_REQUEST / 2] = HAS_HANDLE | HAS_VALUE,
    [ATT_PREPARE_WRITE_REQUEST / 2] = HAS_HANDLE | HAS_OFFSET | HAS_VALUE,
    [ATT_READ_MULTIPLE_VARIABLE_REQUEST / 2] = HAS_VALUE,
};
enum { METHOD_MASK = 0x3f };

BLUET_INTERNAL uint16_t gatt_value_u16(const struct gatt_procedure *procedure, size_t position)
{
    uint8_t octets[2];
    struct writer writer = writer_of(octets, sizeof octets);
    att_write_chain(&writer, procedure->value, position, sizeof octets);
    return (uint16_t)(octets[0] | octets[1] << 8);
}

BLUET_INTERNAL bool gatt_next_record(struct gatt_procedure *procedure)
{
    size_t next = (size_t)procedure->record + procedure->record_length;
    if (next >= procedure->length)
        return false;
    procedure->handle = gatt_value_u16(procedure, next);
    procedure->record_length = gatt_value_u16(procedure, next + 2);
    procedure->record = (uint16_t)(next + GATT_RECORD_HEADER);
    procedure->offset = 0;
    return true;
}

/* The UUID of the declarations, and the value that they are to have; or the UUID of the values. */
static void write_types(struct writer *pdu, const struct gatt_procedure *procedure)
{
    static const uint16_t types[] = {GATT_PRIMARY_SERVICE, GATT_PRIMARY_SERVICE, GATT_INCLUDE, GATT_CHARACTERISTIC};
    if (procedure->kind <= GATT_DISCOVER_CHARACTERISTICS)
        write_u16(pdu, types[procedure->kind]);
    /* By UUID too all characteristics are asked for: only so the ends of those that are wanted come out. */
    if (procedure->kind != GATT_DISCOVER_CHARACTERISTICS)
        write_octets(pdu, procedure->uuid.octets, procedure->uuid.length);
}

/* What fits of the value; `out` is for what stays where it is. */
static void write_value(struct writer *pdu, struct gatt_procedure *procedure, struct bluet_span *out)
{
    size_t room = writer_room(pdu);
    if (procedure->direct) {
        *out = (struct bluet_span){procedure->direct, procedure->length < room ? procedure->length : room};
        return;
    }
    size_t start = (size_t)procedure->record + procedure->offset;
    att_write_chain(pdu, procedure->value, start, (size_t)procedure->record_length - procedure->offset);
    procedure->piece = (uint16_t)(room - writer_room(pdu));
}

/* Vol 3 Part G, 4.9.2: a signature stands behind the value. Raises, before anything is written. */
static int sign_pdu(const struct gatt_client *client, const struct gatt_procedure *procedure, struct writer *pdu)
{
    const struct att_signer *signer = &client->att->signer;
    pdu->capacity += ATT_SIGNATURE_LENGTH;
    return signer->sign(signer->context, procedure->bearer->link, pdu) ? BLUET_OK : BLUET_STATUS_NOT_SIGNED;
}

BLUET_INTERNAL int gatt_ask(const struct gatt_client *client, struct gatt_procedure *procedure)
{
    struct att *att = client->att;
    struct att_bearer *bearer = procedure->bearer;
    uint8_t request = procedure->request;
    uint8_t has = parts[(request & METHOD_MASK) / 2];
    bool is_signed = BLUET_HAS_SIGNING && request == ATT_SIGNED_WRITE_COMMAND;
    if (has & HAS_END && procedure->handle > procedure->end_handle)
        return BLUET_OK;
    if (is_signed && !att->signer.prepare(att->signer.context, bearer->link))
        return BLUET_STATUS_NOT_SIGNED;
    uint16_t room = bearer->mtu < att->scratch_size ? bearer->mtu : att->scratch_size;
    struct writer pdu = writer_of(att->scratch, is_signed ? room - ATT_SIGNATURE_LENGTH : room);
    struct bluet_span spans[2] = {{pdu.start, 0}, {NULL, 0}};
    write_u8(&pdu, request);
    if (request == ATT_EXCHANGE_MTU_REQUEST)
        procedure->handle = att_offer_mtu(att, bearer->link);
    if (request == ATT_EXECUTE_WRITE_REQUEST)
        write_u8(&pdu, procedure->status == 0);
    if (has & HAS_HANDLE)
        write_u16(&pdu, procedure->handle);
    if (has & HAS_OFFSET)
        write_u16(&pdu, procedure->offset);
    if (has & HAS_END) {
        write_u16(&pdu, procedure->end_handle);
        write_types(&pdu, procedure);
    }
    if (has & HAS_VALUE)
        write_value(&pdu, procedure, &spans[1]);
    int error = is_signed ? sign_pdu(client, procedure, &pdu) : BLUET_OK;
    spans[0].length = pdu.length;
    if (error)
        return error;
    if (request & ATT_COMMAND_FLAG)
        return att_push(att, bearer, spans, 2);
    error = att_send_request(att, bearer, spans, 2);
    return error ? error : GATT_GOES_ON;
}
