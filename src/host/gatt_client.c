/*
 * The GATT client: procedures of each link, one after another as an application sees them, side by side on several
 * bearers where it cannot tell (Vol 3 Part F, 3.3.2).
 */
#include "host/gatt_client.h"

#include "host/gatt_client_bearers.h"
#include "host/gatt_type.h"
#include "host/memory.h"

/* Its first request, and the event that tells of its end; 0: none does. */
struct procedure_row {
    uint8_t request, done;
};

static const struct procedure_row rows[GATT_PROCEDURE_KINDS] = {
    [GATT_DISCOVER_SERVICES] = {ATT_READ_BY_GROUP_TYPE_REQUEST, BLUET_EVENT_GATTC_SERVICE_DONE},
    [GATT_DISCOVER_SERVICES_BY_UUID] = {ATT_FIND_BY_TYPE_VALUE_REQUEST, BLUET_EVENT_GATTC_SERVICE_DONE},
    [GATT_DISCOVER_INCLUDED] = {ATT_READ_BY_TYPE_REQUEST, BLUET_EVENT_GATTC_SERVICE_DONE},
    [GATT_DISCOVER_CHARACTERISTICS] = {ATT_READ_BY_TYPE_REQUEST, BLUET_EVENT_GATTC_CHARACTERISTIC_DONE},
    [GATT_DISCOVER_DESCRIPTORS] = {ATT_FIND_INFORMATION_REQUEST, BLUET_EVENT_GATTC_DESCRIPTOR_DONE},
    [GATT_READ_BY_UUID] = {ATT_READ_BY_TYPE_REQUEST, BLUET_EVENT_GATTC_READ_DONE},
    [GATT_READ_MULTIPLE] = {ATT_READ_MULTIPLE_REQUEST, BLUET_EVENT_GATTC_READ_DONE},
    [GATT_READ_MULTIPLE_VARIABLE] = {ATT_READ_MULTIPLE_VARIABLE_REQUEST, BLUET_EVENT_GATTC_READ_DONE},
    [GATT_READ_VALUE] = {ATT_READ_REQUEST, BLUET_EVENT_GATTC_READ_DONE},
    [GATT_READ_LONG_VALUE] = {ATT_READ_REQUEST, BLUET_EVENT_GATTC_READ_DONE},
    [GATT_WRITE_WITHOUT_RESPONSE] = {ATT_WRITE_COMMAND, 0},
    [GATT_WRITE_VALUE] = {ATT_WRITE_REQUEST, BLUET_EVENT_GATTC_WRITE_DONE},
    [GATT_WRITE_LONG_VALUE] = {ATT_PREPARE_WRITE_REQUEST, BLUET_EVENT_GATTC_WRITE_DONE},
    [GATT_WRITE_SIGNED] = {ATT_SIGNED_WRITE_COMMAND, BLUET_EVENT_GATTC_WRITE_DONE},
    [GATT_WRITE_RELIABLE] = {ATT_PREPARE_WRITE_REQUEST, BLUET_EVENT_GATTC_WRITE_DONE},
    [GATT_EXCHANGE_MTU] = {ATT_EXCHANGE_MTU_REQUEST, 0},
};

static const struct bluet_port *client_port(const struct gatt_client *client)
{
    return client->att->links->hci->port;
}

/* One block: the links, then the procedures. */
static size_t client_size(const struct gatt_client *client)
{
    size_t spare = client->att->enhanced_limit ? 1 : 0;
    return client->att->count * sizeof(struct gatt_client_link) +
           (client->procedure_count + spare) * sizeof(struct gatt_procedure);
}

BLUET_INTERNAL int gatt_client_open(struct gatt_client *client, struct att *att, const struct event_sink *sink,
                                    const struct bluet_config *limits)
{
    *client = (struct gatt_client){
        .att = att, .pool = att->links->pool, .sink = sink, .procedure_count = limits->procedure_count};
    size_t size = client_size(client);
    client->links = memory_take(client_port(client), size);
    if (!client->links)
        return BLUET_ENOMEM;
    struct gatt_procedure *procedures = (void *)(client->links + att->count);
    if (att->enhanced_limit)
        client->spare = &procedures[client->procedure_count];
    for (size_t i = client->procedure_count; i-- > 0;) {
        procedures[i].next = client->free_procedure;
        client->free_procedure = &procedures[i];
    }
    return BLUET_OK;
}

BLUET_INTERNAL void gatt_client_close(struct gatt_client *client)
{
    if (!client->links)
        return;
    memory_give(client_port(client), client->links, client_size(client));
    *client = (struct gatt_client){.links = NULL};
}

BLUET_INTERNAL void gatt_client_link_opened(struct gatt_client *client, const struct link *link)
{
    *gatt_client_link(client, link) = (struct gatt_client_link){.first = NULL};
}

/* ---- The queue ---- */

static struct gatt_procedure *enqueue(struct gatt_client *client, struct gatt_client_link *state,
                                      const struct gatt_procedure *what)
{
    struct gatt_procedure *procedure = client->free_procedure;
    struct gatt_procedure **end = &state->first;
    if (!procedure)
        return NULL;
    client->free_procedure = procedure->next;
    *procedure = *what;
    while (*end)
        end = &(*end)->next;
    *end = procedure;
    return procedure;
}

static void remove_first(struct gatt_client *client, struct gatt_client_link *state)
{
    struct gatt_procedure *procedure = state->first;
    state->first = procedure->next;
    state->found.def_handle = 0;
    buffer_free(client->pool, procedure->value);
    buffer_free(client->pool, procedure->held);
    if (procedure->kind == GATT_FIND_BEARERS) {
        client->spare = procedure;
        return;
    }
    procedure->next = client->free_procedure;
    client->free_procedure = procedure;
}

/* The procedure is gone before its event is raised, so that there is room for what the application begins in it. */
static void end_first(struct gatt_client *client, const struct link *link, int status)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    uint8_t kind = state->first->kind;
    struct bluet_event event;
    event.code = (enum bluet_event_code)rows[kind].done;
    event.conn_handle = link->handle;
    event.done.value_handle = kind < GATT_READ_VALUE ? 0 : state->first->handle;
    event.done.status = (uint16_t)status;
    remove_first(client, state);
    if (rows[kind].done)
        event_raise(client->sink, &event);
}

static struct att_bearer *free_bearer(const struct gatt_client *client, const struct link *link,
                                      const struct gatt_procedure *procedure)
{
    struct att_bearer *plain = att_bearer(client->att, link);
    if (!plain->expired && !gatt_procedure_on(client, plain))
        return plain;
    return BLUET_HAS_EATT ? gatt_free_bearer(client, link, procedure) : NULL;
}

/* As gatt_ask(). */
static int ask_on(const struct gatt_client *client, struct gatt_procedure *procedure)
{
    int sent = gatt_ask(client, procedure);
    if (sent != GATT_GOES_ON)
        procedure->bearer = NULL;
    return sent;
}

/* The same. -EBUSY: every bearer awaits a response. */
static int ask_first(const struct gatt_client *client, const struct link *link)
{
    struct gatt_procedure *first = gatt_client_link(client, link)->first;
    if (!first->bearer)
        first->bearer = free_bearer(client, link, first);
    if (BLUET_HAS_EATT && !first->bearer)
        first->bearer = gatt_take_bearer(client, first);
    if (!first->bearer)
        return att_bearer(client->att, link)->expired ? BLUET_STATUS_TIMEOUT : BLUET_EBUSY;
    return ask_on(client, first);
}

/* Those behind the first begin early, as long as they and all before them only ask. */
static void begin_early(const struct gatt_client *client, const struct link *link)
{
    struct gatt_procedure *procedure = gatt_client_link(client, link)->first;
    bool begun = BLUET_HAS_EATT && client->att->enhanced_limit && procedure && procedure->bearer;
    while (begun && gatt_only_asks(procedure) && procedure->next && gatt_only_asks(procedure->next)) {
        procedure = procedure->next;
        if (procedure->bearer || procedure->late)
            continue;
        procedure->bearer = free_bearer(client, link, procedure);
        begun = procedure->bearer && ask_on(client, procedure) == GATT_GOES_ON;
    }
}

/* `procedure` is the first. Raises. */
static void answered(struct gatt_client *client, struct gatt_procedure *procedure, const uint8_t *pdu, size_t length)
{
    const struct link *link = procedure->bearer->link;
    struct reader response = reader_of(pdu, length);
    uint8_t error = 0;
    enum att_answer answer = att_take_response(procedure->bearer, &response, &error);
    int step = BLUET_STATUS_PROTOCOL;
    if (answer == ATT_ANSWER_ERROR)
        step = gatt_refused(client, procedure, error);
    else if (answer == ATT_ANSWER_RESPONSE)
        step = gatt_hear(client, procedure, &response);
    if (step == BLUET_STATUS_PROTOCOL)
        hci_protocol_error(client->att->links->hci);
    if (answer != ATT_ANSWER_NONE && step != GATT_GOES_ON)
        end_first(client, link, step);
}

static void answered_before(struct gatt_client *client, struct gatt_procedure *first)
{
    struct buffer *held = first->held;
    first->held = NULL;
    answered(client, first, held->data, held->length);
    buffer_free(client->pool, held);
}

static bool is_under_way(const struct gatt_procedure *first)
{
    return first->bearer && first->bearer->request;
}

/* Goes on where no response is awaited. Raises. */
static void pump(struct gatt_client *client, struct link *link)
{
    const struct gatt_client_link *state = gatt_client_link(client, link);
    const struct att_bearer *plain = att_bearer(client->att, link);
    for (size_t left = client->procedure_count; left > 0; left--) {
        struct gatt_procedure *first = state->first;
        if (!plain->link || !first)
            return;
        if (BLUET_HAS_EATT && first->held) {
            answered_before(client, first);
            continue;
        }
        int status = is_under_way(first) ? GATT_GOES_ON : ask_first(client, link);
        /* Sent; or no buffer: until gatt_client_flush(); or closing: until gatt_client_link_closed(). */
        if (status < 0) {
            begin_early(client, link);
            return;
        }
        end_first(client, link, status);
    }
    /* An application that always begins anew what has just ended is not served forever at one go. */
    client->unsettled |= state->first != NULL;
}

/* ---- What happens ---- */

BLUET_INTERNAL void gatt_client_flush(struct gatt_client *client, struct link *link)
{
    for (struct att_bearer *bearer = att_bearer(client->att, link); bearer; bearer = att_next(client->att, bearer))
        gatt_client_confirm(client, bearer);
    pump(client, link);
}

BLUET_INTERNAL void gatt_client_expired(struct gatt_client *client, struct att_bearer *bearer, enum att_wait wait)
{
    struct link *link = bearer->link;
    struct gatt_procedure *procedure = wait == ATT_WAIT_REQUEST ? gatt_procedure_on(client, bearer) : NULL;
    if (BLUET_HAS_EATT && procedure && procedure != gatt_client_link(client, link)->first)
        gatt_put_off(client, procedure);
    else if (procedure)
        end_first(client, link, BLUET_STATUS_TIMEOUT);
    pump(client, link);
}

/* A question may be asked again; whether a write has been done nobody knows. */
BLUET_INTERNAL void gatt_client_bearer_closed(struct gatt_client *client, struct att_bearer *bearer)
{
    struct gatt_procedure *procedure = gatt_procedure_on(client, bearer);
    if (BLUET_HAS_EATT && procedure && gatt_only_asks(procedure))
        gatt_put_off(client, procedure);
    else if (procedure)
        end_first(client, bearer->link, BLUET_STATUS_DISCONNECTED);
    client->unsettled = true;
}

/*
 * Where both sides ask at the same time, each may refuse the other for want of room. The central may ask again at once;
 * the peripheral would have to wait (Vol 3 Part G, 5.4), and leaves it to the central.
 */
BLUET_INTERNAL void gatt_client_bearer_refused(struct gatt_client *client, struct link *link, uint16_t result)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    bool again = link->central && link->state == LINK_OPEN && result == L2CAP_RESULT_NO_RESOURCES && !state->insisted;
    if (!again)
        return;
    state->insisted = true;
    state->ask_again = true;
    client->unsettled = true;
}

BLUET_INTERNAL void gatt_client_settle(struct gatt_client *client)
{
    client->unsettled = false;
    for (uint8_t i = 0; i < client->att->count; i++) {
        struct link *link = client->att->bearers[i].link;
        if (!link)
            continue;
        if (BLUET_HAS_EATT && client->links[i].ask_again)
            l2cap_bearers_connect(client->att->channels, link);
        client->links[i].ask_again = false;
        pump(client, link);
    }
}

BLUET_INTERNAL void gatt_client_link_closed(struct gatt_client *client, struct link *link, uint16_t status)
{
    const struct gatt_client_link *state = gatt_client_link(client, link);
    while (state->first)
        end_first(client, link, status);
}

BLUET_INTERNAL void gatt_client_response(struct gatt_client *client, struct att_bearer *bearer, const uint8_t *pdu,
                                         size_t length)
{
    struct link *link = bearer->link;
    struct gatt_procedure *procedure = gatt_procedure_on(client, bearer);
    if (!procedure)
        hci_protocol_error(client->att->links->hci);
    else if (!BLUET_HAS_EATT || (procedure == gatt_client_link(client, link)->first && !procedure->held))
        answered(client, procedure, pdu, length);
    else
        gatt_hold(client, procedure, pdu, length);
    pump(client, link);
}

/* ---- What the application asks for ---- */

/* Lengthens its value by a copy. BLUET_OK or -ENOMEM, or `error` if that is one. */
static int append_value(const struct gatt_client *client, struct gatt_procedure *procedure, const void *data,
                        size_t length, int error)
{
    procedure->length = (uint16_t)(procedure->length + length);
    if (error || buffer_append(client->pool, &procedure->value, data, length))
        return error;
    client->pool->starved = true;
    return BLUET_ENOMEM;
}

static int take_handles(const struct gatt_client *client, const struct link *link, struct gatt_procedure *procedure,
                        const struct gatt_question *question)
{
    const uint16_t *handles = question->what;
    size_t most = (att_bearer(client->att, link)->mtu - 1u) / 2;
    int error = BLUET_OK;
    if (question->count < 2 || question->count > most)
        return BLUET_EINVAL;
    for (size_t i = 0; i < question->count; i++) {
        uint8_t octets[2];
        write_u16_at(octets, handles[i]);
        if (handles[i] == 0)
            return BLUET_EINVAL;
        error = append_value(client, procedure, octets, sizeof octets, error);
    }
    procedure->record_length = procedure->length;
    return error;
}

/* Each value has its handle and length before it. */
static int take_writes(const struct gatt_client *client, struct gatt_procedure *procedure,
                       const struct bluet_write *writes, size_t count)
{
    enum { LARGEST = 4096 }; /* more than any server queues */
    int error = BLUET_OK;
    for (; count; count--, writes++) {
        uint8_t header[GATT_RECORD_HEADER];
        write_u16_at(header, writes->value_handle);
        write_u16_at(header + 2, (uint16_t)writes->length);
        bool too_long = writes->length > ATT_VALUE_LARGEST && procedure->request == ATT_PREPARE_WRITE_REQUEST;
        if (writes->value_handle == 0 || too_long || procedure->length > LARGEST)
            return BLUET_EINVAL;
        error = append_value(client, procedure, header, sizeof header, error);
        error = append_value(client, procedure, writes->data, writes->length, error);
    }
    if (procedure->length == 0 || procedure->length > LARGEST)
        return BLUET_EINVAL;
    if (!error)
        gatt_next_record(procedure);
    return error;
}

/* A write of before has yet to go out: what is written now must not overtake it. */
static bool write_waits(const struct gatt_procedure *first)
{
    const struct gatt_procedure *procedure = first;
    if (first && first->kind == GATT_WRITE_VALUE && is_under_way(first))
        procedure = first->next;
    while (procedure && (procedure->kind < GATT_WRITE_WITHOUT_RESPONSE || procedure->kind > GATT_WRITE_RELIABLE))
        procedure = procedure->next;
    return procedure;
}

/* Where nothing is before it, it goes out from the caller's memory, and no copy is made. */
static int take_value(const struct gatt_client *client, const struct link *link, struct gatt_procedure *procedure,
                      const struct gatt_question *question)
{
    enum { SENDABLE = ATT_MTU_LARGEST - 3 };
    const struct gatt_procedure *first = gatt_client_link(client, link)->first;
    const struct att_signer *signer = &client->att->signer;
    bool direct = (question->kind == GATT_WRITE_WITHOUT_RESPONSE && !write_waits(first)) ||
                  (question->kind == GATT_WRITE_VALUE && !first && !att_bearer(client->att, link)->expired);
    size_t length = question->count < SENDABLE ? question->count : SENDABLE;
    if (question->kind == GATT_WRITE_SIGNED && link->encrypted)
        return BLUET_EALREADY;
    if (question->kind == GATT_WRITE_SIGNED &&
        (!BLUET_HAS_SIGNING || !signer->may_sign || !signer->may_sign(signer->context, link)))
        return BLUET_ENOKEY;
    if (!direct) {
        const struct bluet_write write = {.value_handle = question->handle, .data = question->what, .length = length};
        return take_writes(client, procedure, &write, 1);
    }
    procedure->direct = question->what ? question->what : "";
    procedure->length = (uint16_t)length;
    return BLUET_OK;
}

static int take_range(struct gatt_procedure *procedure, const struct gatt_question *question)
{
    const struct bluet_uuid *uuid = question->what;
    procedure->end_handle = question->until;
    if (question->handle == 0 || question->handle > question->until || (uuid && !gatt_uuid_is_good(uuid)))
        return BLUET_EINVAL;
    if (uuid)
        procedure->uuid = gatt_air_uuid(uuid);
    if (question->kind != GATT_DISCOVER_DESCRIPTORS)
        return BLUET_OK;
    if (procedure->handle++ == question->until) {
        procedure->handle = 1; /* there is nothing to ask */
        procedure->end_handle = 0;
    }
    return BLUET_OK;
}

/* What the procedure needs to know, and to keep. -EINVAL, -ENOMEM, -EALREADY, -ENOKEY */
static int take_question(const struct gatt_client *client, const struct link *link, struct gatt_procedure *procedure,
                         const struct gatt_question *question)
{
    if (question->kind <= GATT_READ_BY_UUID)
        return take_range(procedure, question);
    if (question->kind <= GATT_READ_MULTIPLE_VARIABLE)
        return take_handles(client, link, procedure, question);
    if (question->kind == GATT_WRITE_RELIABLE)
        return take_writes(client, procedure, question->what, question->count);
    if (question->kind == GATT_EXCHANGE_MTU)
        return att_bearer(client->att, link)->asked ? BLUET_EALREADY : BLUET_OK;
    if (question->handle == 0)
        return BLUET_EINVAL;
    if (question->kind >= GATT_WRITE_WITHOUT_RESPONSE)
        return take_value(client, link, procedure, question);
    procedure->offset = question->until;
    if (procedure->offset)
        procedure->request = ATT_READ_BLOB_REQUEST;
    return BLUET_OK;
}

static int begin_procedure(struct gatt_client *client, const struct link *link, const struct gatt_procedure *what)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    struct gatt_procedure *procedure = enqueue(client, state, what);
    if (!procedure)
        return BLUET_ENOMEM;
    int sent = BLUET_OK; /* a signature raises events; so that goes out later in any case */
    if (state->first != procedure) {
        /* The write of a value is not done sooner with them, and would wait for the search. */
        bool seeks = what->kind < GATT_WRITE_WITHOUT_RESPONSE || what->kind > GATT_WRITE_SIGNED;
        if (BLUET_HAS_EATT && seeks)
            gatt_seek_bearers(client, link);
        begin_early(client, link);
        return BLUET_OK;
    }
    if (what->kind != GATT_WRITE_SIGNED)
        sent = ask_first(client, link);
    procedure->direct = NULL;
    if (what->direct && sent < GATT_GOES_ON) {
        remove_first(client, state);
        return sent;
    }
    client->unsettled |= sent >= 0;
    return BLUET_OK;
}

BLUET_INTERNAL int gatt_client_begin(struct gatt_client *client, const struct link *link,
                                     const struct gatt_question *question)
{
    struct att_bearer *plain = att_bearer(client->att, link);
    struct gatt_procedure what = {.kind = question->kind, .handle = question->handle};
    if (!plain->link)
        return BLUET_ENOTCONN;
    if (what.kind >= GATT_FIND_BEARERS)
        return BLUET_EINVAL;
    what.request = rows[what.kind].request;
    int error = take_question(client, link, &what, question);
    if (!error && what.direct && what.kind == GATT_WRITE_WITHOUT_RESPONSE) {
        what.bearer = plain;
        return gatt_ask(client, &what);
    }
    if (!error)
        error = begin_procedure(client, link, &what);
    if (error)
        buffer_free(client->pool, what.value);
    else if (what.kind == GATT_EXCHANGE_MTU)
        plain->asked = true;
    return error;
}
