/*
 * The GATT server: hands requests and commands to those who serve them, sees to it that every request gets its one
 * answer (Vol 3 Part F, 3.3.2, 3.4.1.1, 3.4.9), and the local side of values.
 */
#include "host/gatt_server.h"

#include "host/gatt_server_push.h"
#include "host/gatt_server_read.h"
#include "host/gatt_server_write.h"
#include "host/memory.h"

static size_t server_links_size(const struct gatt_server *server)
{
    return server->att->count * sizeof(struct gatt_server_link) +
           server->att->bearer_count * sizeof(struct gatt_server_bearer);
}

static const struct bluet_port *server_port(const struct gatt_server *server)
{
    return server->att->links->hci->port;
}

static void count_server_error(const struct gatt_server *server)
{
    hci_protocol_error(server->att->links->hci);
}

BLUET_INTERNAL int gatt_server_open(struct gatt_server *server, struct att *att, struct gatt_db *db,
                                    const struct event_sink *sink, const struct bluet_config *limits)
{
    server->att = att;
    server->db = db;
    server->sink = sink;
    server->prepared = (struct gatt_prepared_store){att->links->pool, (int16_t)(att->links->pool->count / 2)};
    server->indications_left = limits->procedure_count;
    size_t size = server_links_size(server);
    server->links = memory_take(server_port(server), size);
    if (!server->links)
        return BLUET_ENOMEM;
    server->bearers = (struct gatt_server_bearer *)(server->links + server->att->count);
    return BLUET_OK;
}

BLUET_INTERNAL void gatt_server_close(struct gatt_server *server)
{
    if (server->links)
        memory_give(server_port(server), server->links, server_links_size(server));
    server->links = NULL;
}

/* ---- Subscriptions ---- */

static void raise_subscription(const struct gatt_server *server, const struct link *link, uint16_t value_handle,
                               uint8_t bits)
{
    struct bluet_event event;
    event.code = BLUET_EVENT_GATTS_SUBSCRIPTION;
    event.conn_handle = link->handle;
    event.subscription.value_handle = value_handle;
    event.subscription.subscribed = bits & (GATT_NOTIFICATIONS | GATT_INDICATIONS);
    event_raise(server->sink, &event);
}

/* The application may replace services meanwhile; bits that have been told are not told again. */
BLUET_INTERNAL void gatt_server_tell_subscriptions(struct gatt_server *server, struct link *link)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    if (!state->subscriptions_untold)
        return;
    state->subscriptions_untold = false;
    uint16_t handle = 0;
    uint8_t *bits;
    while ((bits = gatt_db_next_configuration(server->db, link->index, &handle)) != NULL) {
        bool untold = *bits & GATT_SUBSCRIPTION_UNTOLD;
        *bits &= (uint8_t)~GATT_SUBSCRIPTION_UNTOLD;
        if (untold) /* the value is just before its configuration */
            raise_subscription(server, link, (uint16_t)(handle - 1), *bits);
    }
}

/* With the link. */
static void end_subscriptions(struct gatt_server *server, struct link *link)
{
    static const uint8_t nothing[2];
    const struct bluet_span value = {nothing, sizeof nothing};
    uint16_t handle = 0;
    while (server->subscriptions && gatt_db_next_configuration(server->db, link->index, &handle))
        (void)gatt_configure(server, link, gatt_db_find(server->db, handle), &value, false);
    gatt_server_tell_subscriptions(server, link);
    gatt_db_clear_configurations(server->db, link->index);
}

BLUET_INTERNAL void gatt_server_link_opened(struct gatt_server *server, const struct link *link)
{
    *gatt_server_link(server, link) = (struct gatt_server_link){.awareness = GATT_AWARE};
    gatt_server_bearer_opened(server, att_bearer(server->att, link));
    gatt_db_clear_configurations(server->db, link->index);
    memcpy(gatt_server_link(server, link)->known, server->db->hash, GATT_KNOWN_LENGTH);
}

BLUET_INTERNAL void gatt_server_link_closed(struct gatt_server *server, struct link *link, uint16_t status)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    struct gatt_server_bearer *bearer = gatt_server_bearer(server, att_bearer(server->att, link));
    bearer->kept = GATT_KEPT_NOTHING;
    gatt_prepared_cut(&server->prepared, &state->prepared, 0);
    gatt_push_indicated(server, link, bearer, status);
    gatt_push_drop(server, link, status);
    end_subscriptions(server, link);
}

BLUET_INTERNAL void gatt_server_bearer_opened(struct gatt_server *server, const struct att_bearer *bearer)
{
    *gatt_server_bearer(server, bearer) = (struct gatt_server_bearer){.kept = GATT_KEPT_NOTHING};
}

BLUET_INTERNAL void gatt_server_bearer_closed(struct gatt_server *server, struct att_bearer *bearer)
{
    struct gatt_server_bearer *state = gatt_server_bearer(server, bearer);
    state->kept = GATT_KEPT_NOTHING;
    /* Which range Service Changed had is not known any more; that something has changed is still to be told. */
    if (bearer->indication && state->indicated == 0)
        gatt_server_link(server, bearer->link)->change_owed = (struct gatt_change){1, UINT16_MAX};
    gatt_push_indicated(server, bearer->link, state, BLUET_STATUS_DISCONNECTED);
}

/* ---- Responses ---- */

static void write_error(struct gatt_exchange *exchange, int error)
{
    uint8_t *pdu = exchange->writer.start;
    pdu[0] = ATT_ERROR_RESPONSE;
    pdu[1] = exchange->opcode;
    write_u16_at(pdu + 2, exchange->handle);
    pdu[4] = (uint8_t)error;
    exchange->writer.length = 5;
    exchange->tail.length = 0;
}

/* What is kept is short enough. */
static void keep(struct gatt_server_bearer *state, enum gatt_kept what, const struct bluet_span *spans, size_t count)
{
    struct writer writer = writer_of(state->kept_pdu, sizeof state->kept_pdu);
    for (size_t i = 0; i < count; i++)
        write_octets(&writer, spans[i].data, spans[i].length);
    state->kept = (uint8_t)what;
    state->kept_length = (uint8_t)writer.length;
}

/*
 * There is no buffer for the response. A short one is kept; instead of a long one its request, if that is short, to be
 * served again. A write that has only been queued is undone, so that the client may try again.
 */
static void keep_response(struct gatt_exchange *exchange, struct bluet_span spans[2], const struct bluet_span *request)
{
    struct gatt_server *server = exchange->server;
    struct gatt_server_bearer *state = gatt_server_bearer(server, exchange->bearer);
    bool fits = spans[0].length + spans[1].length <= sizeof state->kept_pdu;
    if (!fits && request->length <= sizeof state->kept_pdu && !exchange->prepared) {
        keep(state, GATT_KEPT_REQUEST, request, 1);
        /* What has been refused is not to be had unasked. */
        state->kept_generation = (uint16_t)(server->db->generation - exchange->refused);
        return;
    }
    if (!fits) {
        if (exchange->prepared)
            gatt_prepared_cut(&server->prepared, &gatt_server_link(server, exchange->link)->prepared,
                              exchange->prepared_before);
        else
            exchange->handle = 0;
        write_error(exchange, ATT_ERROR_INSUFFICIENT_RESOURCES);
        spans[0].length = exchange->writer.length;
        spans[1].length = 0;
    }
    keep(state, GATT_KEPT_RESPONSE, spans, 2);
}

static int exchange_mtu(struct gatt_exchange *exchange);

typedef int (*request_server)(struct gatt_exchange *);

/* Vol 3 Part F, 3.4.8; by half the opcode, as requests are even. */
static const request_server request_servers[] = {
    [ATT_EXCHANGE_MTU_REQUEST / 2] = exchange_mtu,
    [ATT_FIND_INFORMATION_REQUEST / 2] = gatt_search,
    [ATT_FIND_BY_TYPE_VALUE_REQUEST / 2] = gatt_search,
    [ATT_READ_BY_TYPE_REQUEST / 2] = gatt_search,
    [ATT_READ_REQUEST / 2] = gatt_read,
    [ATT_READ_BLOB_REQUEST / 2] = gatt_read,
    [ATT_READ_MULTIPLE_REQUEST / 2] = gatt_read_multiple,
    [ATT_READ_BY_GROUP_TYPE_REQUEST / 2] = gatt_search,
    [ATT_WRITE_REQUEST / 2] = gatt_write,
    [ATT_PREPARE_WRITE_REQUEST / 2] = gatt_prepare_write,
    [ATT_EXECUTE_WRITE_REQUEST / 2] = gatt_execute_write,
    [ATT_READ_MULTIPLE_VARIABLE_REQUEST / 2] = gatt_read_multiple,
};

static request_server find_server(uint8_t opcode)
{
    bool known = opcode % 2 == 0 && opcode / 2u < sizeof request_servers / sizeof *request_servers;
    return known ? request_servers[opcode / 2] : NULL;
}

/* ---- Robust caching: Vol 3 Part G, 2.5.2.1 ---- */

/* Whether the request names handles that a client must know; discovery goes on, and so it can learn. */
static bool relies_on_handles(uint8_t opcode, uint16_t start, uint16_t end, uint16_t type, bool is_short)
{
    enum {
        RELYING = 1 << ATT_READ_REQUEST / 2 | 1 << ATT_READ_BLOB_REQUEST / 2 | 1 << ATT_READ_MULTIPLE_REQUEST / 2 |
                  1 << ATT_READ_MULTIPLE_VARIABLE_REQUEST / 2 | 1 << ATT_WRITE_REQUEST / 2 |
                  1 << ATT_PREPARE_WRITE_REQUEST / 2
    };
    if (opcode != ATT_READ_BY_TYPE_REQUEST)
        return RELYING >> opcode / 2 & 1;
    bool discovers = is_short && (type == GATT_INCLUDE || type == GATT_CHARACTERISTIC);
    return !discovers && (start != 1 || end != UINT16_MAX);
}

/* 0, or that the client is out of sync. */
static int check_awareness(struct gatt_exchange *exchange)
{
    struct gatt_server *server = exchange->server;
    struct gatt_server_link *state = gatt_server_link(server, exchange->link);
    if (state->awareness == GATT_TOLD) {
        gatt_now_aware(server, exchange->link);
        gatt_push_waiting(server, exchange->link);
        return 0;
    }
    struct reader request = exchange->request;
    uint16_t start = read_u16(&request);
    uint16_t end = read_u16(&request);
    uint16_t type = read_u16(&request);
    bool is_short = reader_done(&request);
    if (relies_on_handles(exchange->opcode, start, end, type, is_short)) {
        /* With several bearers another request may be on its way: such a client must read the hash. */
        state->awareness = gatt_next_bearer(server, att_bearer(server->att, exchange->link)) ? GATT_UNAWARE : GATT_TOLD;
        exchange->handle = start;
        return ATT_ERROR_DATABASE_OUT_OF_SYNC;
    }
    if (exchange->opcode == ATT_READ_BY_TYPE_REQUEST && type == GATT_DATABASE_HASH && is_short)
        state->awareness = GATT_TOLD;
    return 0;
}

static int respond(struct gatt_exchange *exchange)
{
    request_server serve = find_server(exchange->opcode);
    bool of_plain = exchange->opcode == ATT_EXCHANGE_MTU_REQUEST; /* 3.4.2.1: not on an enhanced bearer */
    if (!serve || (of_plain && exchange->bearer->channel))
        return ATT_ERROR_REQUEST_NOT_SUPPORTED;
    if (reader_remaining(&exchange->request) >= exchange->writer.capacity)
        return ATT_ERROR_INVALID_PDU;
    int error = gatt_is_unaware(exchange->server, exchange->link) ? check_awareness(exchange) : 0;
    return error ? error : serve(exchange);
}

static void begin_exchange(struct gatt_exchange *exchange, struct gatt_server *server, struct att_bearer *bearer,
                           const struct bluet_span *pdu, bool authorized)
{
    exchange->server = server;
    exchange->link = bearer->link;
    exchange->bearer = bearer;
    exchange->request = reader_of(pdu->data, pdu->length);
    exchange->opcode = read_u8(&exchange->request);
    exchange->writer = writer_of(server->att->scratch, bearer->mtu);
    exchange->writer.length = 1; /* the opcode comes last */
    exchange->tail = (struct bluet_span){exchange->declaration, 0};
    exchange->sequel = NULL;
    exchange->handle = 0;
    exchange->signature = GATT_UNSIGNED;
    exchange->authorized = authorized;
    exchange->asked = false;
    exchange->refused = false;
    exchange->prepared = false;
    exchange->first_listed = exchange->last_listed = 0;
}

/*
 * An application that is asked may send something, and that takes the same scratch: what has been put there before is
 * put there once more, now that it has agreed; unless it has replaced the services after that.
 */
static int respond_intact(struct gatt_exchange *exchange, const struct bluet_span *request)
{
    const struct gatt_db *db = exchange->server->db;
    uint16_t generation = db->generation;
    int error = respond(exchange);
    if (error || !exchange->asked || exchange->writer.length == 1)
        return error;
    if (generation != db->generation)
        return ATT_ERROR_UNLIKELY;
    exchange->request = reader_of(request->data, request->length);
    read_u8(&exchange->request);
    exchange->writer.length = 1;
    exchange->authorized = true;
    return respond(exchange);
}

static void serve_request(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu, size_t length,
                          bool authorized)
{
    const struct bluet_span request = {pdu, length};
    struct gatt_exchange exchange;
    begin_exchange(&exchange, server, bearer, &request, authorized);
    int error = respond_intact(&exchange, &request);
    if (error) {
        if (error == ATT_ERROR_INVALID_PDU || error == ATT_ERROR_REQUEST_NOT_SUPPORTED)
            count_server_error(server);
        write_error(&exchange, error);
    } else {
        *exchange.writer.start = (uint8_t)(exchange.opcode + 1);
    }
    struct bluet_span spans[] = {{exchange.writer.start, exchange.writer.length}, exchange.tail};
    if (att_send(server->att, bearer, spans, 2) == BLUET_ENOMEM)
        keep_response(&exchange, spans, &request);
    if (exchange.sequel)
        exchange.sequel(&exchange);
}

/* A second request before the first is answered breaks the rule (3.3.2); where the answer could go out, it did. */
BLUET_INTERNAL void gatt_server_request(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu,
                                        size_t length)
{
    if (gatt_server_bearer(server, bearer)->kept != GATT_KEPT_NOTHING) {
        count_server_error(server);
        return;
    }
    serve_request(server, bearer, pdu, length, false);
}

/* What the peer has signed, and not before; the signature is cut off. */
static bool check_signature(struct gatt_exchange *exchange, const uint8_t *pdu, size_t length)
{
    enum { LEAST = 3 + ATT_SIGNATURE_LENGTH };
    struct att *att = exchange->server->att;
    struct reader whole = reader_of(pdu, length);
    bool authenticated;
    if (exchange->bearer->channel || length < LEAST || !att->signer.verify ||
        !att->signer.verify(att->signer.context, exchange->link, &whole, att->scratch, &authenticated))
        return false;
    exchange->signature = authenticated ? GATT_SIGNED_AUTHENTICATED : GATT_SIGNED;
    exchange->request = read_part(&exchange->request, reader_remaining(&exchange->request) - ATT_SIGNATURE_LENGTH);
    return true;
}

/*
 * A command that is not known, or is signed and should not be, or not like this, is ignored (3.3.1, 3.4.5.4); so is one
 * of a client that does not know the database any more (Vol 3 Part G, 2.5.2.1).
 */
BLUET_INTERNAL void gatt_server_command(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu,
                                        size_t length)
{
    struct gatt_exchange exchange;
    begin_exchange(&exchange, server, bearer, &(struct bluet_span){pdu, length}, false);
    bool good =
        length <= bearer->mtu &&
        (exchange.opcode == ATT_WRITE_COMMAND ||
         (BLUET_HAS_SIGNING && exchange.opcode == ATT_SIGNED_WRITE_COMMAND && check_signature(&exchange, pdu, length)));
    if (good && gatt_is_unaware(server, exchange.link))
        return;
    if (!good || reader_remaining(&exchange.request) < sizeof exchange.handle)
        count_server_error(server);
    else if (gatt_write(&exchange) == 0 && exchange.sequel)
        exchange.sequel(&exchange);
}

BLUET_INTERNAL void gatt_server_confirmation(struct gatt_server *server, struct att_bearer *bearer, size_t length)
{
    if (length != 1 || !att_take_confirmation(bearer)) {
        count_server_error(server);
        return;
    }
    struct link *link = bearer->link;
    struct gatt_server_link *state = gatt_server_link(server, link);
    bool of_change = gatt_server_bearer(server, bearer)->indicated == 0;
    if (of_change && state->change_owed.first == 0)
        gatt_now_aware(server, link);
    gatt_push_indicated(server, link, gatt_server_bearer(server, bearer), BLUET_OK);
    gatt_push_waiting(server, link);
}

static void send_kept(struct gatt_server *server, struct att_bearer *bearer)
{
    struct gatt_server_bearer *state = gatt_server_bearer(server, bearer);
    if (state->kept == GATT_KEPT_NOTHING)
        return;
    const struct bluet_span kept = {state->kept_pdu, state->kept_length};
    if (state->kept == GATT_KEPT_RESPONSE) {
        if (att_send(server->att, bearer, &kept, 1) != BLUET_ENOMEM)
            state->kept = GATT_KEPT_NOTHING;
        return;
    }
    uint8_t request[sizeof state->kept_pdu];
    memcpy(request, kept.data, kept.length);
    state->kept = GATT_KEPT_NOTHING;
    serve_request(server, bearer, request, kept.length, state->kept_generation == server->db->generation);
}

BLUET_INTERNAL void gatt_server_flush(struct gatt_server *server, struct link *link)
{
    for (struct att_bearer *bearer = att_bearer(server->att, link); bearer; bearer = gatt_next_bearer(server, bearer))
        send_kept(server, bearer);
    gatt_push_waiting(server, link);
}

/* What waits goes by other bearers, if there are any. */
BLUET_INTERNAL void gatt_server_expired(struct gatt_server *server, struct att_bearer *bearer, enum att_wait wait)
{
    struct link *link = bearer->link;
    if (wait == ATT_WAIT_INDICATION)
        gatt_push_indicated(server, link, gatt_server_bearer(server, bearer), BLUET_STATUS_TIMEOUT);
    if (gatt_push_is_over(server, link))
        gatt_push_drop(server, link, BLUET_STATUS_TIMEOUT);
    else
        gatt_push_waiting(server, link);
}

/* ---- MTU: 3.4.2 ---- */

static void tell_mtu(struct gatt_exchange *exchange)
{
    const struct gatt_server *server = exchange->server;
    struct bluet_event event;
    event.code = BLUET_EVENT_MTU_EXCHANGED;
    event.conn_handle = exchange->link->handle;
    event.mtu_exchanged.mtu = att_settle_mtu(server->att, exchange->link, exchange->offered_mtu);
    event_raise(server->sink, &event);
}

/* A client asks once (3.4.2.1); to grant a second request would leave the two sides with different MTUs. */
static int exchange_mtu(struct gatt_exchange *exchange)
{
    struct att_bearer *bearer = exchange->bearer;
    exchange->offered_mtu = read_u16(&exchange->request);
    if (!reader_done(&exchange->request))
        return ATT_ERROR_INVALID_PDU;
    if (bearer->was_asked)
        return ATT_ERROR_REQUEST_NOT_SUPPORTED;
    bearer->was_asked = true;
    write_u16(&exchange->writer, att_offer_mtu(exchange->server->att, exchange->link));
    exchange->sequel = tell_mtu;
    return 0;
}

/* ---- The local side ---- */

BLUET_INTERNAL int gatt_server_register(struct gatt_server *server, uint16_t *out_handles, size_t handle_capacity,
                                        const struct bluet_service *services, size_t service_count)
{
    struct gatt_change change;
    int handle_count = gatt_db_register(server->db, &change, out_handles, handle_capacity, services, service_count);
    if (handle_count >= 0 && change.first)
        gatt_push_service_changed(server, &change);
    return handle_count;
}

/* The descriptor in question is somewhere before the next characteristic. */
BLUET_INTERNAL int gatt_server_configuration(const struct gatt_server *server, const struct link *link,
                                             uint16_t value_handle)
{
    const struct gatt_db *db = server->db;
    const struct gatt_attribute *attribute = gatt_db_find(db, value_handle);
    const enum gatt_attribute_kind wanted = link ? GATT_CONFIGURATION : GATT_BROADCAST;
    if (!attribute || attribute->kind != GATT_VALUE)
        return BLUET_EINVAL;
    while (++attribute < db->attributes + db->count && attribute->kind > GATT_DECLARATION)
        if (attribute->kind == wanted)
            return link ? *gatt_db_configuration(db, attribute->slot, link->index) & (uint8_t)~GATT_BITS_OF_OURS
                        : attribute->bits;
    return 0;
}

/* The clients are told first, from the caller's memory: if that cannot be, nothing has changed. */
BLUET_INTERNAL int gatt_server_local_write(struct gatt_server *server, struct gatt_attribute *attribute,
                                           const void *data, size_t length, bool send_update)
{
    struct gatt_value *value = gatt_db_buffer(server->db, attribute);
    int error = length > value->size ? gatt_db_resize(server->db, attribute, length) : BLUET_OK;
    if (!error && send_update)
        error = gatt_push_update(server, attribute, data, length);
    if (error)
        return error;
    gatt_db_write_local(value, data, length);
    return (int)length;
}
