/*
 * The GATT client: procedures of each link, one after another as an application sees them, side by side on several
 * bearers where it cannot tell (Vol 3 Part F, 3.3.2).
 */
#include "host/gatt_client.h"

#include "host/gatt_client_access.h"
#include "host/gatt_client_bearers.h"
#include "host/gatt_client_discover.h"
#include "host/gatt_type.h"
#include "host/memory.h"

struct procedure_row {
    /* A negative enum bluet_error, or enum gatt_sent */
    int (*ask)(struct gatt_client *, struct gatt_procedure *);
    /* NULL: there is no response */
    enum gatt_step (*hear)(struct gatt_client *, struct link *, struct gatt_procedure *, struct reader *);
    /* NULL: an error of the peer ends it */
    enum gatt_step (*refused)(struct gatt_client *, struct link *, struct gatt_procedure *, uint8_t error);
    uint16_t done; /* enum bluet_event_code; 0: no event tells of the end */
    bool of_value; /* the event has the handle */
};

static const struct procedure_row rows[GATT_PROCEDURE_KINDS] = {
    [GATT_DISCOVER_SERVICES] = {gatt_ask_services, gatt_hear_services, gatt_discovery_refused,
                                BLUET_EVENT_GATTC_SERVICE_DONE, false},
    [GATT_DISCOVER_SERVICES_BY_UUID] = {gatt_ask_services_by_uuid, gatt_hear_services_by_uuid, gatt_discovery_refused,
                                        BLUET_EVENT_GATTC_SERVICE_DONE, false},
    [GATT_DISCOVER_INCLUDED] = {gatt_ask_included, gatt_hear_included, gatt_discovery_refused,
                                BLUET_EVENT_GATTC_SERVICE_DONE, false},
    [GATT_DISCOVER_CHARACTERISTICS] = {gatt_ask_characteristics, gatt_hear_characteristics, gatt_discovery_refused,
                                       BLUET_EVENT_GATTC_CHARACTERISTIC_DONE, false},
    [GATT_DISCOVER_DESCRIPTORS] = {gatt_ask_descriptors, gatt_hear_descriptors, gatt_discovery_refused,
                                   BLUET_EVENT_GATTC_DESCRIPTOR_DONE, false},
    [GATT_READ_VALUE] = {gatt_ask_read, gatt_hear_read, NULL, BLUET_EVENT_GATTC_READ_DONE, true},
    [GATT_READ_LONG_VALUE] = {gatt_ask_read, gatt_hear_read_long, gatt_read_long_refused, BLUET_EVENT_GATTC_READ_DONE,
                              true},
    [GATT_READ_BY_UUID] = {gatt_ask_read_by_uuid, gatt_hear_read_by_uuid, gatt_discovery_refused,
                           BLUET_EVENT_GATTC_READ_DONE, false},
    [GATT_READ_MULTIPLE] = {gatt_ask_read_multiple, gatt_hear_read_multiple, NULL, BLUET_EVENT_GATTC_READ_DONE, false},
    [GATT_READ_MULTIPLE_VARIABLE] = {gatt_ask_read_multiple, gatt_hear_read_multiple_variable, NULL,
                                     BLUET_EVENT_GATTC_READ_DONE, false},
    [GATT_WRITE_WITHOUT_RESPONSE] = {gatt_command_write, NULL, NULL, 0, false},
    [GATT_WRITE_SIGNED] = {gatt_command_signed_write, NULL, NULL, BLUET_EVENT_GATTC_WRITE_DONE, true},
    [GATT_WRITE_VALUE] = {gatt_ask_write, gatt_hear_write, NULL, BLUET_EVENT_GATTC_WRITE_DONE, true},
    [GATT_WRITE_LONG_VALUE] = {gatt_ask_write_long, gatt_hear_write_long, gatt_write_long_refused,
                               BLUET_EVENT_GATTC_WRITE_DONE, true},
    [GATT_WRITE_RELIABLE] = {gatt_ask_write_long, gatt_hear_write_long, gatt_write_long_refused,
                             BLUET_EVENT_GATTC_WRITE_DONE, true},
    [GATT_EXCHANGE_MTU] = {gatt_ask_mtu, gatt_hear_mtu, gatt_mtu_refused, 0, false},
    [GATT_FIND_BEARERS] = {BLUET_HAS_EATT ? gatt_ask_bearers : NULL, BLUET_HAS_EATT ? gatt_hear_bearers : NULL,
                           BLUET_HAS_EATT ? gatt_bearers_refused : NULL, 0, false},
};

static size_t client_links_size(const struct gatt_client *client)
{
    return client->link_count * sizeof(struct gatt_client_link);
}

static size_t procedures_size(const struct gatt_client *client)
{
    size_t spare = client->att->enhanced_limit ? 1 : 0;
    return (client->procedure_count + spare) * sizeof(struct gatt_procedure);
}

static const struct bluet_port *client_port(const struct gatt_client *client)
{
    return client->att->links->hci->port;
}

BLUET_INTERNAL int gatt_client_open(struct gatt_client *client, struct att *att, const struct event_sink *sink,
                                    const struct bluet_config *limits)
{
    *client = (struct gatt_client){.att = att, .sink = sink};
    client->link_count = att->count;
    client->procedure_count = limits->procedure_count;
    client->links = memory_take(client_port(client), client_links_size(client));
    if (client->links)
        client->procedures = memory_take(client_port(client), procedures_size(client));
    if (!client->links || !client->procedures) {
        gatt_client_close(client);
        return BLUET_ENOMEM;
    }
    memset(client->links, 0, client_links_size(client));
    if (client->att->enhanced_limit)
        client->spare = &client->procedures[client->procedure_count];
    for (size_t i = client->procedure_count; i-- > 0;) {
        client->procedures[i].next = client->free_procedure;
        client->free_procedure = &client->procedures[i];
    }
    return BLUET_OK;
}

BLUET_INTERNAL void gatt_client_close(struct gatt_client *client)
{
    if (!client->links)
        return;
    memory_give(client_port(client), client->procedures, procedures_size(client));
    memory_give(client_port(client), client->links, client_links_size(client));
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
    if (!procedure)
        return NULL;
    client->free_procedure = procedure->next;
    *procedure = *what;
    procedure->next = NULL;
    if (state->first)
        state->last->next = procedure;
    else
        state->first = procedure;
    state->last = procedure;
    return procedure;
}

static void release(struct gatt_client *client, struct gatt_procedure *procedure)
{
    buffer_free(client->att->links->pool, procedure->value);
    buffer_free(client->att->links->pool, procedure->held);
    procedure->value = NULL;
    procedure->held = NULL;
    if (procedure->kind == GATT_FIND_BEARERS) {
        client->spare = procedure;
        return;
    }
    procedure->next = client->free_procedure;
    client->free_procedure = procedure;
}

static void remove_first(struct gatt_client *client, struct gatt_client_link *state)
{
    struct gatt_procedure *procedure = state->first;
    state->first = procedure->next;
    state->found.def_handle = 0;
    release(client, procedure);
}

/* The procedure is gone before its event is raised, so that there is room for what the application begins in it. */
static void end_first(struct gatt_client *client, const struct link *link, uint16_t status)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    const struct procedure_row *row = &rows[state->first->kind];
    struct bluet_event event = {.code = (enum bluet_event_code)row->done, .conn_handle = link->handle};
    event.done.value_handle = row->of_value ? state->first->handle : 0;
    event.done.status = status;
    remove_first(client, state);
    if (row->done)
        event_raise(client->sink, &event);
}

/* ---- Bearers ---- */

static struct gatt_procedure *procedure_on(const struct gatt_client *client, const struct att_bearer *bearer)
{
    struct gatt_procedure *procedure = gatt_client_link(client, bearer->link)->first;
    while (procedure && procedure->bearer != bearer)
        procedure = procedure->next;
    return procedure;
}

/*
 * The unenhanced bearer if it is free. On another one what a program sees must be the same, so that for all but
 * discoveries its MTU must be as long.
 */
static struct att_bearer *free_bearer(const struct gatt_client *client, const struct link *link,
                                      const struct gatt_procedure *procedure)
{
    struct att_bearer *plain = att_bearer(client->att, link);
    if (!plain->expired && !procedure_on(client, plain))
        return plain;
    if (gatt_is_of_plain(procedure))
        return NULL;
    for (struct att_bearer *bearer = att_next(client->att, plain); bearer; bearer = att_next(client->att, bearer)) {
        bool fits = procedure->kind <= GATT_DISCOVER_DESCRIPTORS || bearer->mtu >= plain->mtu;
        if (fits && BLUET_HAS_EATT && !bearer->expired && l2cap_bearer_is_ready(bearer->channel) &&
            !procedure_on(client, bearer))
            return bearer;
    }
    return NULL;
}

/* It is asked again when its turn has come. */
static void put_off(struct gatt_client *client, struct gatt_procedure *procedure)
{
    buffer_free(client->att->links->pool, procedure->held);
    procedure->held = NULL;
    procedure->bearer->request = 0;
    procedure->bearer = NULL;
    procedure->late = true;
}

/* A bearer for the first, where others that have begun early have them all. */
static struct att_bearer *take_bearer(struct gatt_client *client, const struct gatt_procedure *first)
{
    for (struct gatt_procedure *other = first->next; other; other = other->next) {
        struct att_bearer *bearer = other->bearer;
        if (!other->held || (gatt_is_of_plain(first) && bearer->channel))
            continue;
        put_off(client, other);
        return bearer;
    }
    return NULL;
}

/* A negative enum bluet_error, or enum gatt_sent. */
static int ask(struct gatt_client *client, struct gatt_procedure *procedure)
{
    int sent = rows[procedure->kind].ask(client, procedure);
    if (sent != GATT_SENT)
        procedure->bearer = NULL;
    return sent;
}

/* -EBUSY: every bearer awaits a response. -ETIMEDOUT: there is no bearer any more. */
static int ask_first(struct gatt_client *client, struct link *link)
{
    struct gatt_procedure *first = gatt_client_link(client, link)->first;
    if (!first->bearer)
        first->bearer = free_bearer(client, link, first);
    if (!first->bearer)
        first->bearer = take_bearer(client, first);
    if (!first->bearer)
        return att_bearer(client->att, link)->expired ? BLUET_ETIMEDOUT : BLUET_EBUSY;
    return ask(client, first);
}

/* Those behind the first begin early, as long as they and all before them only ask. */
static void begin_early(struct gatt_client *client, struct link *link)
{
    struct gatt_procedure *procedure = gatt_client_link(client, link)->first;
    bool begun = client->att->enhanced_limit && procedure && procedure->bearer;
    while (begun && gatt_only_asks(procedure) && procedure->next && gatt_only_asks(procedure->next)) {
        procedure = procedure->next;
        if (procedure->bearer || procedure->late)
            continue;
        procedure->bearer = free_bearer(client, link, procedure);
        begun = procedure->bearer && ask(client, procedure) == GATT_SENT;
    }
}

static void answered(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure,
                     const uint8_t *pdu, size_t length);

static void answered_before(struct gatt_client *client, struct link *link, struct gatt_procedure *first)
{
    struct buffer *held = first->held;
    first->held = NULL;
    answered(client, link, first, held->data, held->length);
    buffer_free(client->att->links->pool, held);
}

/* Goes on where no response is awaited. Raises. */
static void pump(struct gatt_client *client, struct link *link)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    const struct att_bearer *plain = att_bearer(client->att, link);
    for (size_t left = client->procedure_count; left > 0; left--) {
        struct gatt_procedure *first = state->first;
        if (!plain->link || !first)
            return;
        if (first->held) {
            answered_before(client, link, first);
            continue;
        }
        int sent = first->bearer && first->bearer->request ? GATT_SENT : ask_first(client, link);
        if (sent == BLUET_ETIMEDOUT) {
            end_first(client, link, BLUET_STATUS_TIMEOUT);
        } else if (sent == BLUET_ENOKEY) {
            end_first(client, link, BLUET_STATUS_NOT_SIGNED);
        } else if (sent == GATT_NOTHING_LEFT || sent == GATT_SENT_ALL) {
            end_first(client, link, BLUET_OK);
        } else { /* sent; or no buffer: until gatt_client_flush(); or closing: until gatt_client_link_closed() */
            begin_early(client, link);
            return;
        }
    }
    /* An application that always begins anew what has just ended is not served forever at one go. */
    client->unsettled |= state->first != NULL;
}

BLUET_INTERNAL void gatt_client_flush(struct gatt_client *client, struct link *link)
{
    for (struct att_bearer *bearer = att_bearer(client->att, link); bearer; bearer = att_next(client->att, bearer))
        gatt_client_confirm(client, bearer);
    pump(client, link);
}

BLUET_INTERNAL void gatt_client_expired(struct gatt_client *client, struct att_bearer *bearer, enum att_wait wait)
{
    struct link *link = bearer->link;
    struct gatt_procedure *procedure = procedure_on(client, bearer);
    if (wait == ATT_WAIT_REQUEST && procedure == gatt_client_link(client, link)->first && procedure)
        end_first(client, link, BLUET_STATUS_TIMEOUT);
    else if (wait == ATT_WAIT_REQUEST && procedure)
        put_off(client, procedure);
    pump(client, link);
}

/* A question may be asked again; whether a write has been done nobody knows. */
BLUET_INTERNAL void gatt_client_bearer_closed(struct gatt_client *client, struct att_bearer *bearer)
{
    struct gatt_procedure *procedure = procedure_on(client, bearer);
    if (procedure && gatt_only_asks(procedure))
        put_off(client, procedure);
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
    for (uint8_t i = 0; i < client->link_count; i++) {
        struct link *link = client->att->bearers[i].link;
        if (!link)
            continue;
        if (BLUET_HAS_EATT && client->links[i].ask_again)
            (void)l2cap_bearers_connect(client->att->channels, link);
        client->links[i].ask_again = false;
        pump(client, link);
    }
}

BLUET_INTERNAL void gatt_client_link_closed(struct gatt_client *client, struct link *link, uint16_t status)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    while (state->first)
        end_first(client, link, status);
}

/* ---- What comes in ---- */

static uint16_t status_of(enum gatt_step step, const struct gatt_procedure *procedure, uint8_t error)
{
    switch (step) {
    case GATT_STEP_REFUSED:
        return error;
    case GATT_STEP_PROTOCOL:
        return BLUET_STATUS_PROTOCOL;
    case GATT_STEP_NO_MEMORY:
        return BLUET_STATUS_NO_MEMORY;
    default:
        return procedure->status;
    }
}

static enum gatt_step refuse_procedure(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure,
                                       uint8_t error)
{
    const struct procedure_row *row = &rows[procedure->kind];
    return row->refused ? row->refused(client, link, procedure, error) : GATT_STEP_REFUSED;
}

/* `procedure` is the first. Raises. */
static void answered(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure,
                     const uint8_t *pdu, size_t length)
{
    struct reader response = reader_of(pdu, length);
    uint8_t error = 0;
    enum att_answer answer = att_take_response(procedure->bearer, &response, &error);
    enum gatt_step step = GATT_STEP_PROTOCOL;
    if (answer == ATT_ANSWER_ERROR)
        step = refuse_procedure(client, link, procedure, error);
    else if (answer == ATT_ANSWER_RESPONSE)
        step = rows[procedure->kind].hear(client, link, procedure, &response);
    if (step == GATT_STEP_PROTOCOL)
        hci_protocol_error(client->att->links->hci);
    if (answer != ATT_ANSWER_NONE && step != GATT_STEP_REQUEST)
        end_first(client, link, status_of(step, procedure, error));
}

/* Keeps the response of one that has begun early. Without a buffer for it, it is asked again in its turn. */
static void hold(struct gatt_client *client, struct gatt_procedure *procedure, const uint8_t *pdu, size_t length)
{
    struct buffer_pool *pool = client->att->links->pool;
    struct att_bearer *bearer = procedure->bearer;
    struct reader response = reader_of(pdu, length);
    uint8_t request = bearer->request;
    uint8_t error;
    if (procedure->held || att_take_response(bearer, &response, &error) == ATT_ANSWER_NONE) {
        hci_protocol_error(client->att->links->hci);
        return;
    }
    const struct bluet_span span = {pdu, length};
    if (length <= pool->size)
        procedure->held = buffer_copy(pool, &span, 1);
    if (!procedure->held) {
        put_off(client, procedure);
        return;
    }
    bearer->request = request;
    bearer->request_deadline = BLUET_NEVER;
}

BLUET_INTERNAL void gatt_client_response(struct gatt_client *client, struct att_bearer *bearer, const uint8_t *pdu,
                                         size_t length)
{
    struct link *link = bearer->link;
    struct gatt_procedure *procedure = procedure_on(client, bearer);
    if (!procedure)
        hci_protocol_error(client->att->links->hci);
    else if (procedure == gatt_client_link(client, link)->first && !procedure->held)
        answered(client, link, procedure, pdu, length);
    else
        hold(client, procedure, pdu, length);
    pump(client, link);
}

/* ---- What the application asks for ---- */

/* Where procedures wait for one another, enhanced bearers are worth looking for, before the next: once. */
static void seek_bearers(struct gatt_client *client, const struct link *link)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    struct gatt_procedure *procedure = client->spare;
    if (!procedure || state->sought || !link->encrypted || att_next(client->att, att_bearer(client->att, link)))
        return;
    state->sought = true;
    client->spare = NULL;
    *procedure = (struct gatt_procedure){.next = state->first->next, .kind = GATT_FIND_BEARERS};
    state->first->next = procedure;
}

static int begin_procedure(struct gatt_client *client, struct link *link, const struct gatt_procedure *what)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    if (!att_bearer(client->att, link)->link)
        return BLUET_ENOTCONN;
    bool first = !state->first;
    if (!enqueue(client, state, what))
        return BLUET_ENOMEM;
    if (!first) {
        seek_bearers(client, link);
        begin_early(client, link);
        return BLUET_OK;
    }
    int sent = ask_first(client, link);
    if (sent == BLUET_ETIMEDOUT || sent == GATT_NOTHING_LEFT)
        client->unsettled = true;
    return BLUET_OK;
}

BLUET_INTERNAL int gatt_client_discover_services(struct gatt_client *client, struct link *link,
                                                 const struct bluet_uuid *uuid)
{
    struct gatt_procedure procedure = {.kind = GATT_DISCOVER_SERVICES, .handle = 1, .end_handle = UINT16_MAX};
    if (uuid && !gatt_uuid_is_good(uuid))
        return BLUET_EINVAL;
    if (uuid) {
        procedure.kind = GATT_DISCOVER_SERVICES_BY_UUID;
        procedure.uuid = gatt_air_uuid(uuid);
    }
    return begin_procedure(client, link, &procedure);
}

BLUET_INTERNAL int gatt_client_discover_characteristics(struct gatt_client *client, struct link *link,
                                                        uint16_t start_handle, uint16_t end_handle,
                                                        const struct bluet_uuid *uuid)
{
    struct gatt_procedure procedure = {
        .kind = GATT_DISCOVER_CHARACTERISTICS, .handle = start_handle, .end_handle = end_handle};
    if (start_handle == 0 || start_handle > end_handle || (uuid && !gatt_uuid_is_good(uuid)))
        return BLUET_EINVAL;
    if (uuid)
        procedure.uuid = *uuid;
    return begin_procedure(client, link, &procedure);
}

BLUET_INTERNAL int gatt_client_discover_included(struct gatt_client *client, struct link *link, uint16_t start_handle,
                                                 uint16_t end_handle)
{
    struct gatt_procedure procedure = {
        .kind = GATT_DISCOVER_INCLUDED, .handle = start_handle, .end_handle = end_handle};
    return start_handle == 0 || start_handle > end_handle ? BLUET_EINVAL : begin_procedure(client, link, &procedure);
}

BLUET_INTERNAL int gatt_client_read_by_uuid(struct gatt_client *client, struct link *link, uint16_t start_handle,
                                            uint16_t end_handle, const struct bluet_uuid *uuid)
{
    struct gatt_procedure procedure = {.kind = GATT_READ_BY_UUID, .handle = start_handle, .end_handle = end_handle};
    if (start_handle == 0 || start_handle > end_handle || !gatt_uuid_is_good(uuid))
        return BLUET_EINVAL;
    procedure.uuid = gatt_air_uuid(uuid);
    return begin_procedure(client, link, &procedure);
}

BLUET_INTERNAL int gatt_client_read_long(struct gatt_client *client, struct link *link, uint16_t value_handle)
{
    struct gatt_procedure procedure = {.kind = GATT_READ_LONG_VALUE, .handle = value_handle};
    return value_handle ? begin_procedure(client, link, &procedure) : BLUET_EINVAL;
}

BLUET_INTERNAL int gatt_client_discover_descriptors(struct gatt_client *client, struct link *link,
                                                    uint16_t start_handle, uint16_t end_handle)
{
    if (start_handle == 0 || start_handle > end_handle)
        return BLUET_EINVAL;
    struct gatt_procedure procedure = {
        .kind = GATT_DISCOVER_DESCRIPTORS, .handle = (uint16_t)(start_handle + 1), .end_handle = end_handle};
    return begin_procedure(client, link, &procedure);
}

BLUET_INTERNAL int gatt_client_read(struct gatt_client *client, struct link *link, uint16_t value_handle,
                                    uint16_t offset)
{
    struct gatt_procedure procedure = {.kind = GATT_READ_VALUE, .handle = value_handle, .offset = offset};
    return value_handle ? begin_procedure(client, link, &procedure) : BLUET_EINVAL;
}

BLUET_INTERNAL int gatt_client_exchange_mtu(struct gatt_client *client, struct link *link)
{
    struct gatt_procedure procedure = {.kind = GATT_EXCHANGE_MTU};
    struct att_bearer *bearer = att_bearer(client->att, link);
    if (bearer->asked)
        return BLUET_EALREADY;
    int error = begin_procedure(client, link, &procedure);
    bearer->asked = !error;
    return error;
}

/* ---- Writes ---- */

/* A write of before has yet to go out: what is written now must not overtake it. */
static bool write_waits(const struct gatt_client *client, const struct link *link)
{
    const struct gatt_procedure *first = gatt_client_link(client, link)->first;
    bool under_way = first && first->bearer && first->bearer->request;
    for (const struct gatt_procedure *procedure = first; procedure; procedure = procedure->next) {
        bool gone = procedure == first && under_way && procedure->kind == GATT_WRITE_VALUE;
        bool writes = procedure->kind >= GATT_WRITE_WITHOUT_RESPONSE && procedure->kind <= GATT_WRITE_RELIABLE;
        if (writes && !gone)
            return true;
    }
    return false;
}

/* Puts a write last, with a copy of its value. */
static int begin_later(struct gatt_client *client, const struct link *link, struct gatt_procedure *procedure)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    struct bluet_span span = {procedure->direct, procedure->length};
    procedure->value = buffer_copy(client->att->links->pool, &span, 1);
    procedure->direct = NULL;
    if (!procedure->value)
        return BLUET_ENOMEM;
    if (!enqueue(client, state, procedure)) {
        buffer_free(client->att->links->pool, procedure->value);
        return BLUET_ENOMEM;
    }
    client->unsettled |= att_bearer(client->att, link)->expired;
    return BLUET_OK;
}

static int write_without_response(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure)
{
    if (write_waits(client, link))
        return begin_later(client, link, procedure);
    procedure->bearer = att_bearer(client->att, link);
    int sent = gatt_command_write(client, procedure);
    return sent < 0 ? sent : BLUET_OK;
}

/* The key is asked for, which raises; so it goes out later in any case. */
static int write_signed(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure)
{
    const struct att_signer *signer = &client->att->signer;
    if (link->encrypted)
        return BLUET_EALREADY;
    if (!signer->may_sign || !signer->may_sign(signer->context, link))
        return BLUET_ENOKEY;
    int error = begin_later(client, link, procedure);
    client->unsettled |= !error;
    return error;
}

/* Where nothing is under way it goes out from the caller's memory, and no copy is made. */
static int write_with_response(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    if (state->first || att_bearer(client->att, link)->expired)
        return begin_later(client, link, procedure);
    struct gatt_procedure *first = enqueue(client, state, procedure);
    if (!first)
        return BLUET_ENOMEM;
    int sent = ask_first(client, link);
    first->direct = NULL;
    if (sent < 0)
        remove_first(client, state);
    return sent;
}

/* All but the first piece goes out after this call. */
static int write_long(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure)
{
    struct gatt_client_link *state = gatt_client_link(client, link);
    const void *data = procedure->direct;
    int error = begin_later(client, link, procedure);
    if (error || state->first != state->last || att_bearer(client->att, link)->expired)
        return error;
    state->first->direct = data;
    ask_first(client, link); /* where there is no buffer: from gatt_client_flush() on */
    state->first->direct = NULL;
    return BLUET_OK;
}

/* ---- What has to be kept from the first moment on: lists of handles, and of values ---- */

/* Begins a procedure whose `value` is in place; it is given back if that cannot be. */
static int begin_with_value(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure)
{
    int error = begin_procedure(client, link, procedure);
    if (error)
        buffer_free(client->att->links->pool, procedure->value);
    return error;
}

/* Lengthens a chain by a copy of the spans. Where there is no buffer all of it is given back. */
static bool append_value(struct gatt_client *client, struct gatt_procedure *procedure, const struct bluet_span *spans,
                         size_t count)
{
    struct buffer *more = buffer_copy(client->att->links->pool, spans, count);
    struct buffer **end = &procedure->value;
    while (*end)
        end = &(*end)->next;
    *end = more;
    for (size_t i = 0; i < count; i++)
        procedure->length = (uint16_t)(procedure->length + spans[i].length);
    if (more)
        return true;
    buffer_free(client->att->links->pool, procedure->value);
    procedure->value = NULL;
    return false;
}

BLUET_INTERNAL int gatt_client_read_multiple(struct gatt_client *client, struct link *link, const uint16_t *handles,
                                             size_t count, bool variable)
{
    struct gatt_procedure procedure = {.kind = variable ? GATT_READ_MULTIPLE_VARIABLE : GATT_READ_MULTIPLE};
    struct writer writer = writer_of(client->att->scratch, att_bearer(client->att, link)->mtu - 1u);
    if (!att_bearer(client->att, link)->link)
        return BLUET_ENOTCONN;
    if (count < 2 || count > writer.capacity / 2)
        return BLUET_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (handles[i] == 0)
            return BLUET_EINVAL;
        write_u16(&writer, handles[i]);
    }
    const struct bluet_span span = {writer.start, writer.length};
    return append_value(client, &procedure, &span, 1) ? begin_with_value(client, link, &procedure) : BLUET_ENOMEM;
}

BLUET_INTERNAL int gatt_client_write_reliable(struct gatt_client *client, struct link *link,
                                              const struct bluet_write *writes, size_t count)
{
    enum { LARGEST = 4096 }; /* more than any server queues */
    struct gatt_procedure procedure = {.kind = GATT_WRITE_RELIABLE};
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (writes[i].value_handle == 0 || writes[i].length > ATT_VALUE_LARGEST || length > LARGEST)
            return BLUET_EINVAL;
        length += GATT_RELIABLE_HEADER + writes[i].length;
    }
    if (count == 0 || length > LARGEST)
        return BLUET_EINVAL;
    if (!att_bearer(client->att, link)->link)
        return BLUET_ENOTCONN;
    for (size_t i = 0; i < count; i++) {
        uint8_t header[GATT_RELIABLE_HEADER];
        struct writer writer = writer_of(header, sizeof header);
        write_u16(&writer, writes[i].value_handle);
        write_u16(&writer, (uint16_t)writes[i].length);
        const struct bluet_span spans[] = {{header, sizeof header}, {writes[i].data, writes[i].length}};
        if (!append_value(client, &procedure, spans, 2))
            return BLUET_ENOMEM;
    }
    gatt_next_record(&procedure);
    return begin_with_value(client, link, &procedure);
}

BLUET_INTERNAL int gatt_client_write(struct gatt_client *client, struct link *link, uint16_t value_handle,
                                     const void *data, size_t length, enum bluet_write_mode mode)
{
    enum { SENDABLE = ATT_MTU_LARGEST - 3 };
    if (value_handle == 0 || (mode == BLUET_WRITE_LONG && length > ATT_VALUE_LARGEST))
        return BLUET_EINVAL;
    if (!att_bearer(client->att, link)->link)
        return BLUET_ENOTCONN;
    struct gatt_procedure procedure = {.handle = value_handle, .direct = data ? data : ""};
    procedure.length = (uint16_t)(length < SENDABLE ? length : SENDABLE);
    switch (mode) {
    case BLUET_WRITE_NO_RESPONSE:
        procedure.kind = GATT_WRITE_WITHOUT_RESPONSE;
        return write_without_response(client, link, &procedure);
    case BLUET_WRITE_WITH_RESPONSE:
        procedure.kind = GATT_WRITE_VALUE;
        return write_with_response(client, link, &procedure);
    case BLUET_WRITE_LONG:
        procedure.kind = GATT_WRITE_LONG_VALUE;
        return write_long(client, link, &procedure);
    case BLUET_WRITE_SIGNED:
        procedure.kind = GATT_WRITE_SIGNED;
        return write_signed(client, link, &procedure);
    default:
        return BLUET_EINVAL;
    }
}
