/* What reads, writes and the MTU exchange say and hear (Vol 3 Part G, 4.3.1, 4.8, 4.9). */
#include "host/gatt_client_access.h"

/* ---- Reads: Vol 3 Part G, 4.8.1, 4.8.3 ---- */

BLUET_INTERNAL int gatt_ask_read(struct gatt_client *client, struct gatt_procedure *procedure)
{
    uint8_t request[5];
    struct writer writer = writer_of(request, sizeof request);
    write_u8(&writer, procedure->offset ? ATT_READ_BLOB_REQUEST : ATT_READ_REQUEST);
    write_u16(&writer, procedure->handle);
    if (procedure->offset)
        write_u16(&writer, procedure->offset);
    const struct bluet_span span = {request, writer.length};
    return att_send_request(client->att, procedure->bearer, &span, 1);
}

static void raise_read_value(const struct gatt_client *client, const struct link *link, uint16_t handle,
                             uint16_t offset, const uint8_t *data, size_t length)
{
    struct bluet_event event;
    event.code = BLUET_EVENT_GATTC_READ_RESULT;
    event.conn_handle = link->handle;
    event.value.value_handle = handle;
    event.value.offset = offset;
    event.value.length = length;
    event.value.data = data;
    event_raise(client->sink, &event);
}

BLUET_INTERNAL enum gatt_step gatt_hear_read(struct gatt_client *client, struct link *link,
                                             struct gatt_procedure *procedure, struct reader *response)
{
    size_t room = att_bearer(client->att, link)->mtu - 1u; /* which a program may reckon with, whatever the bearer */
    size_t length = reader_remaining(response) < room ? reader_remaining(response) : room;
    raise_read_value(client, link, procedure->handle, procedure->offset, read_span(response, length), length);
    return GATT_STEP_END;
}

/* A piece that does not fill the response is the last (Vol 3 Part G, 4.8.3). */
BLUET_INTERNAL enum gatt_step gatt_hear_read_long(struct gatt_client *client, struct link *link,
                                                  struct gatt_procedure *procedure, struct reader *response)
{
    size_t length = reader_remaining(response);
    uint16_t offset = procedure->offset;
    bool last = length + 1 < procedure->bearer->mtu || offset + length >= ATT_VALUE_LARGEST;
    procedure->offset = (uint16_t)(offset + length);
    if (length || offset == 0)
        raise_read_value(client, link, procedure->handle, offset, read_span(response, length), length);
    return last ? GATT_STEP_END : GATT_STEP_REQUEST;
}

/* It ended with the piece before: some say it like this. */
BLUET_INTERNAL enum gatt_step gatt_read_long_refused(struct gatt_client *client, struct link *link,
                                                     struct gatt_procedure *procedure, uint8_t error)
{
    (void)client;
    (void)link;
    bool ended = procedure->offset && (error == ATT_ERROR_INVALID_OFFSET || error == ATT_ERROR_ATTRIBUTE_NOT_LONG);
    return ended ? GATT_STEP_END : GATT_STEP_REFUSED;
}

/* ---- Reads of several values: Vol 3 Part G, 4.8.4, 4.8.5 ---- */

BLUET_INTERNAL int gatt_ask_read_multiple(struct gatt_client *client, struct gatt_procedure *procedure)
{
    bool variable = procedure->kind == GATT_READ_MULTIPLE_VARIABLE;
    struct writer request = writer_of(client->att->scratch, client->att->scratch_size);
    write_u8(&request, variable ? ATT_READ_MULTIPLE_VARIABLE_REQUEST : ATT_READ_MULTIPLE_REQUEST);
    att_write_chain(&request, procedure->value, 0, procedure->length);
    const struct bluet_span span = {request.start, request.length};
    return att_send_request(client->att, procedure->bearer, &span, 1);
}

/* Where one value ends and the next begins is known only to who knows how long they are. */
BLUET_INTERNAL enum gatt_step gatt_hear_read_multiple(struct gatt_client *client, struct link *link,
                                                      struct gatt_procedure *procedure, struct reader *response)
{
    (void)procedure;
    size_t length = reader_remaining(response);
    raise_read_value(client, link, 0, 0, read_span(response, length), length);
    return GATT_STEP_END;
}

/* Values come as far as the response has room; the last may be cut, and those behind it are missing. */
BLUET_INTERNAL enum gatt_step gatt_hear_read_multiple_variable(struct gatt_client *client, struct link *link,
                                                               struct gatt_procedure *procedure,
                                                               struct reader *response)
{
    bool full = reader_remaining(response) + 1 == procedure->bearer->mtu;
    for (size_t next = 0; next < procedure->length; next += 2) {
        if (full && reader_remaining(response) < 2)
            return GATT_STEP_END;
        size_t length = read_u16(response);
        if (full && length > reader_remaining(response))
            length = reader_remaining(response);
        const uint8_t *data = read_span(response, length);
        if (!reader_ok(response))
            return GATT_STEP_PROTOCOL;
        uint8_t octets[2];
        struct writer handle = writer_of(octets, sizeof octets);
        att_write_chain(&handle, procedure->value, next, sizeof octets);
        raise_read_value(client, link, (uint16_t)(octets[0] | octets[1] << 8), 0, data, length);
    }
    return reader_done(response) ? GATT_STEP_END : GATT_STEP_PROTOCOL;
}

/* ---- Writes: Vol 3 Part G, 4.9.1, 4.9.3 ---- */

static size_t cut_to(const struct gatt_procedure *procedure, size_t header_length, size_t length)
{
    size_t room = procedure->bearer->mtu - header_length;
    return length < room ? length : room;
}

/* Of the value that is being written. */
static size_t whole_length(const struct gatt_procedure *procedure)
{
    return procedure->kind == GATT_WRITE_RELIABLE ? procedure->record_length : procedure->length;
}

/* The header, and of the procedure's value what fits behind it. */
static size_t write_request(const struct gatt_client *client, const struct gatt_procedure *procedure,
                            const struct writer *header, struct bluet_span out_spans[2])
{
    size_t length = cut_to(procedure, header->length, whole_length(procedure) - procedure->offset);
    out_spans[0] = (struct bluet_span){header->start, header->length};
    if (procedure->direct) {
        out_spans[1] = (struct bluet_span){(const uint8_t *)procedure->direct + procedure->offset, length};
    } else {
        struct writer value = writer_of(client->att->scratch, length);
        att_write_chain(&value, procedure->value, (size_t)procedure->record + procedure->offset, length);
        out_spans[1] = (struct bluet_span){value.start, value.length};
    }
    return length;
}

BLUET_INTERNAL int gatt_ask_write(struct gatt_client *client, struct gatt_procedure *procedure)
{
    uint8_t header[3];
    struct writer writer = writer_of(header, sizeof header);
    write_u8(&writer, ATT_WRITE_REQUEST);
    write_u16(&writer, procedure->handle);
    struct bluet_span spans[2];
    write_request(client, procedure, &writer, spans);
    return att_send_request(client->att, procedure->bearer, spans, 2);
}

BLUET_INTERNAL enum gatt_step gatt_hear_write(struct gatt_client *client, struct link *link,
                                              struct gatt_procedure *procedure, struct reader *response)
{
    (void)client;
    (void)link;
    (void)procedure;
    return reader_done(response) ? GATT_STEP_END : GATT_STEP_PROTOCOL;
}

BLUET_INTERNAL int gatt_command_write(struct gatt_client *client, struct gatt_procedure *procedure)
{
    uint8_t header[3];
    struct writer writer = writer_of(header, sizeof header);
    write_u8(&writer, ATT_WRITE_COMMAND);
    write_u16(&writer, procedure->handle);
    struct bluet_span spans[2];
    write_request(client, procedure, &writer, spans);
    int error = att_push(client->att, procedure->bearer, spans, 2);
    return error ? error : GATT_SENT_ALL;
}

/* Vol 3 Part G, 4.9.2. What is raised may change anything; the PDU is put together after it. */
BLUET_INTERNAL int gatt_command_signed_write(struct gatt_client *client, struct gatt_procedure *procedure)
{
    struct link *link = procedure->bearer->link;
    const struct att_signer *signer = &client->att->signer;
    if (!signer->prepare(signer->context, link))
        return BLUET_ENOKEY;
    struct writer pdu = writer_of(client->att->scratch, procedure->bearer->mtu);
    write_u8(&pdu, ATT_SIGNED_WRITE_COMMAND);
    write_u16(&pdu, procedure->handle);
    size_t length = cut_to(procedure, pdu.length + ATT_SIGNATURE_LENGTH, procedure->length);
    att_write_chain(&pdu, procedure->value, 0, length);
    if (!signer->sign(signer->context, link, &pdu))
        return BLUET_ENOKEY;
    const struct bluet_span span = {pdu.start, pdu.length};
    int error = att_push(client->att, procedure->bearer, &span, 1);
    return error ? error : GATT_SENT_ALL;
}

/* ---- Long writes: Vol 3 Part G, 4.9.4 ---- */

static int ask_prepare(struct gatt_client *client, struct gatt_procedure *procedure)
{
    uint8_t header[5];
    struct writer writer = writer_of(header, sizeof header);
    write_u8(&writer, ATT_PREPARE_WRITE_REQUEST);
    write_u16(&writer, procedure->handle);
    write_u16(&writer, procedure->offset);
    struct bluet_span spans[2];
    procedure->piece = (uint16_t)write_request(client, procedure, &writer, spans);
    return att_send_request(client->att, procedure->bearer, spans, 2);
}

BLUET_INTERNAL int gatt_ask_write_long(struct gatt_client *client, struct gatt_procedure *procedure)
{
    if (procedure->phase == GATT_PREPARING)
        return ask_prepare(client, procedure);
    const uint8_t request[] = {ATT_EXECUTE_WRITE_REQUEST, procedure->phase == GATT_EXECUTING};
    const struct bluet_span span = {request, sizeof request};
    return att_send_request(client->att, procedure->bearer, &span, 1);
}

static bool is_echo(const struct gatt_procedure *procedure, struct reader *response)
{
    uint16_t handle = read_u16(response);
    uint16_t offset = read_u16(response);
    if (handle != procedure->handle || offset != procedure->offset || reader_remaining(response) != procedure->piece)
        return false;
    size_t skip = (size_t)procedure->record + offset;
    for (const struct buffer *buffer = procedure->value; buffer && reader_remaining(response); buffer = buffer->next) {
        if (skip >= buffer->length) {
            skip -= buffer->length;
            continue;
        }
        size_t here = buffer->length - skip;
        size_t part = here < reader_remaining(response) ? here : reader_remaining(response);
        if (memcmp(buffer->data + skip, read_span(response, part), part) != 0)
            return false;
        skip = 0;
    }
    return reader_done(response);
}

static enum gatt_step cancel(struct gatt_procedure *procedure, uint16_t status)
{
    procedure->phase = GATT_CANCELING;
    procedure->status = status;
    return GATT_STEP_REQUEST;
}

/* Vol 3 Part G, 4.9.5 */
BLUET_INTERNAL bool gatt_next_record(struct gatt_procedure *procedure)
{
    size_t next = (size_t)procedure->record + procedure->record_length;
    if (procedure->kind != GATT_WRITE_RELIABLE || next >= procedure->length)
        return false;
    uint8_t header[GATT_RELIABLE_HEADER];
    struct writer writer = writer_of(header, sizeof header);
    att_write_chain(&writer, procedure->value, next, sizeof header);
    struct reader reader = reader_of(header, writer.length);
    procedure->handle = read_u16(&reader);
    procedure->record_length = read_u16(&reader);
    procedure->record = (uint16_t)(next + sizeof header);
    procedure->offset = 0;
    return true;
}

static enum gatt_step hear_prepare(struct gatt_procedure *procedure, struct reader *response)
{
    if (!is_echo(procedure, response))
        return cancel(procedure, BLUET_STATUS_PROTOCOL);
    procedure->offset = (uint16_t)(procedure->offset + procedure->piece);
    if (procedure->offset == whole_length(procedure) && !gatt_next_record(procedure))
        procedure->phase = GATT_EXECUTING;
    return GATT_STEP_REQUEST;
}

BLUET_INTERNAL enum gatt_step gatt_hear_write_long(struct gatt_client *client, struct link *link,
                                                   struct gatt_procedure *procedure, struct reader *response)
{
    (void)client;
    (void)link;
    if (procedure->phase == GATT_PREPARING)
        return hear_prepare(procedure, response);
    return reader_done(response) ? GATT_STEP_END : GATT_STEP_PROTOCOL;
}

/* What the server has queued of it must not be there for the next one; a refused cancel changes nothing. */
BLUET_INTERNAL enum gatt_step gatt_write_long_refused(struct gatt_client *client, struct link *link,
                                                      struct gatt_procedure *procedure, uint8_t error)
{
    (void)client;
    (void)link;
    if (procedure->phase == GATT_PREPARING && (procedure->offset || procedure->record > GATT_RELIABLE_HEADER))
        return cancel(procedure, error);
    return procedure->phase == GATT_CANCELING ? GATT_STEP_END : GATT_STEP_REFUSED;
}

/* ---- MTU: Vol 3 Part G, 4.3.1 ---- */

BLUET_INTERNAL int gatt_ask_mtu(struct gatt_client *client, struct gatt_procedure *procedure)
{
    uint8_t request[3];
    struct writer writer = writer_of(request, sizeof request);
    write_u8(&writer, ATT_EXCHANGE_MTU_REQUEST);
    write_u16(&writer, att_offer_mtu(client->att, procedure->bearer->link));
    const struct bluet_span span = {request, sizeof request};
    return att_send_request(client->att, procedure->bearer, &span, 1);
}

static void raise_mtu(const struct gatt_client *client, const struct link *link)
{
    struct bluet_event event = {.code = BLUET_EVENT_MTU_EXCHANGED, .conn_handle = link->handle};
    event.mtu_exchanged.mtu = att_bearer(client->att, link)->mtu;
    event_raise(client->sink, &event);
}

BLUET_INTERNAL enum gatt_step gatt_hear_mtu(struct gatt_client *client, struct link *link,
                                            struct gatt_procedure *procedure, struct reader *response)
{
    (void)procedure;
    uint16_t offer = read_u16(response);
    if (!reader_done(response))
        return GATT_STEP_PROTOCOL;
    att_settle_mtu(client->att, link, offer);
    raise_mtu(client, link);
    return GATT_STEP_END;
}

/* A server that does not know the request has the default MTU: that is an answer too. */
BLUET_INTERNAL enum gatt_step gatt_mtu_refused(struct gatt_client *client, struct link *link,
                                               struct gatt_procedure *procedure, uint8_t error)
{
    (void)procedure;
    (void)error;
    raise_mtu(client, link);
    return GATT_STEP_END;
}
