/*
 * The GATT server: hands requests and commands to those who serve them, sees to it that every request gets its one
 * answer (Vol 3 Part F, 3.3.2, 3.4.1.1, 3.4.9), and the local side of values.
 */
#include "host/gatt_server.h"

#include "host/gatt_server_push.h"
#include "host/gatt_server_read.h"
#include "host/gatt_server_write.h"
#include "host/memory.h"

static size_t indications_size(const struct gatt_server *server)
{
    return server->indication_count * sizeof(struct gatt_indication);
}

static size_t server_links_size(const struct gatt_server *server)
{
    return server->link_count * sizeof(struct gatt_server_link) +
           server->att->bearer_count * sizeof(struct gatt_server_bearer);
}

static const struct bluet_port *server_port(const struct gatt_server *server)
{
    return server->att->links->hci->port;
}

BLUET_INTERNAL int gatt_server_open(struct gatt_server *server, struct att *att, struct gatt_db *db,
                                    const struct event_sink *sink, const struct bluet_config *limits)
{
    *server = (struct gatt_server){.att = att, .db = db, .sink = sink, .subscriptions = server->subscriptions};
    server->link_count = att->count;
    server->indication_count = limits->procedure_count;
    server->links = memory_take(server_port(server), server_links_size(server));
    if (server->links)
        server->indications = memory_take(server_port(server), indications_size(server));
    if (!server->links || !server->indications) {
        gatt_server_close(server);
        return BLUET_ENOMEM;
    }
    memset(server->links, 0, server_links_size(server));
    server->bearers = (struct gatt_server_bearer *)(server->links + server->link_count);
    for (size_t i = server->indication_count; i-- > 0;) {
        server->indications[i].next = server->free_indication;
        server->free_indication = &server->indications[i];
    }
    return BLUET_OK;
}

BLUET_INTERNAL void gatt_server_close(struct gatt_server *server)
{
    if (!server->links)
        return;
    memory_give(server_port(server), server->indications, indications_size(server));
    memory_give(server_port(server), server->links, server_links_size(server));
    *server = (struct gatt_server){.subscriptions = server->subscriptions};
}

/* ---- Subscriptions ---- */

static void raise_subscription(const struct gatt_server *server, const struct link *link, uint16_t value_handle,
                               uint8_t bits)
{
    struct bluet_event event = {.code = BLUET_EVENT_GATTS_SUBSCRIPTION, .conn_handle = link->handle};
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
    for (uint16_t i = 0; i < server->db->count; i++) {
        const struct gatt_attribute *attribute = &server->db->attributes[i];
        if (attribute->kind != GATT_CONFIGURATION)
            continue;
        uint8_t *bits = gatt_db_configuration(server->db, attribute->slot, link->index);
        bool untold = *bits & GATT_SUBSCRIPTION_UNTOLD;
        *bits &= (uint8_t)~GATT_SUBSCRIPTION_UNTOLD;
        if (untold) /* the value is just before its configuration: its handle is the index of that */
            raise_subscription(server, link, i, *bits);
    }
}

/* With the link. */
static void end_subscriptions(struct gatt_server *server, struct link *link)
{
    for (uint16_t i = 0; server->subscriptions && i < server->db->count; i++) {
        struct gatt_attribute *attribute = &server->db->attributes[i];
        if (attribute->kind == GATT_CONFIGURATION)
            gatt_configure(server, link, attribute, 0);
    }
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
    buffer_free(server->att->links->pool, gatt_prepared_detach(&state->prepared));
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

static void write_error(struct gatt_response *response, const struct bluet_span *request, uint16_t handle, int error)
{
    struct reader reader = reader_of(request->data, request->length);
    response->writer = writer_of(response->writer.start, response->writer.capacity);
    response->tail = (struct bluet_span){response->declaration, 0};
    write_u8(&response->writer, ATT_ERROR_RESPONSE);
    write_u8(&response->writer, read_u8(&reader));
    write_u16(&response->writer, handle);
    write_u8(&response->writer, (uint8_t)error);
}

static void keep_sent(struct gatt_server_bearer *state, enum gatt_kept what, const struct bluet_span *spans,
                      size_t count)
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
static void keep_response(struct gatt_server *server, struct gatt_response *response, const struct bluet_span *request)
{
    struct gatt_server_bearer *state = gatt_server_bearer(server, response->bearer);
    struct gatt_prepared *prepared = &gatt_server_link(server, response->bearer->link)->prepared;
    struct bluet_span spans[] = {{response->writer.start, response->writer.length}, response->tail};
    if (spans[0].length + spans[1].length <= sizeof state->kept_pdu) {
        keep_sent(state, GATT_KEPT_RESPONSE, spans, 2);
        return;
    }
    if (request->length <= sizeof state->kept_pdu && !response->prepared) {
        keep_sent(state, GATT_KEPT_REQUEST, request, 1);
        state->kept_generation = server->db->generation;
        return;
    }
    if (response->prepared)
        gatt_prepared_cut(prepared, server->att->links->pool, response->prepared_length);
    write_error(response, request, response->prepared ? response->error_handle : 0, ATT_ERROR_INSUFFICIENT_RESOURCES);
    spans[0].length = response->writer.length;
    keep_sent(state, GATT_KEPT_RESPONSE, spans, 1);
}

static int exchange_mtu(struct gatt_server *server, struct link *link, struct reader *request,
                        struct gatt_response *response);

typedef int (*request_server)(struct gatt_server *, struct link *, struct reader *, struct gatt_response *);

/* Vol 3 Part F, 3.4.8; by half the opcode, as requests are even. */
static const request_server request_servers[] = {
    [ATT_EXCHANGE_MTU_REQUEST / 2] = exchange_mtu,
    [ATT_FIND_INFORMATION_REQUEST / 2] = gatt_find_information,
    [ATT_FIND_BY_TYPE_VALUE_REQUEST / 2] = gatt_find_by_type_value,
    [ATT_READ_BY_TYPE_REQUEST / 2] = gatt_read_by_type,
    [ATT_READ_REQUEST / 2] = gatt_read,
    [ATT_READ_BLOB_REQUEST / 2] = gatt_read_blob,
    [ATT_READ_MULTIPLE_REQUEST / 2] = gatt_read_multiple,
    [ATT_READ_BY_GROUP_TYPE_REQUEST / 2] = gatt_read_by_group_type,
    [ATT_WRITE_REQUEST / 2] = gatt_write,
    [ATT_PREPARE_WRITE_REQUEST / 2] = gatt_prepare_write,
    [ATT_EXECUTE_WRITE_REQUEST / 2] = gatt_execute_write,
    [ATT_READ_MULTIPLE_VARIABLE_REQUEST / 2] = gatt_read_multiple_variable,
};

static request_server find_server(uint8_t opcode)
{
    bool known = opcode % 2 == 0 && opcode / 2u < sizeof request_servers / sizeof *request_servers;
    return known ? request_servers[opcode / 2] : NULL;
}

/* ---- Robust caching: Vol 3 Part G, 2.5.2.1 ---- */

/* Whether the request names handles that a client must know; discovery goes on, and so it can learn. */
static bool relies_on_handles(uint8_t opcode, struct reader *request, uint16_t *out_handle)
{
    *out_handle = read_u16(request);
    if (opcode != ATT_READ_BY_TYPE_REQUEST)
        return opcode == ATT_READ_REQUEST || opcode == ATT_READ_BLOB_REQUEST || opcode == ATT_READ_MULTIPLE_REQUEST ||
               opcode == ATT_READ_MULTIPLE_VARIABLE_REQUEST || opcode == ATT_WRITE_REQUEST ||
               opcode == ATT_PREPARE_WRITE_REQUEST;
    uint16_t end = read_u16(request);
    uint16_t type = read_u16(request);
    bool discovers = reader_done(request) && (type == GATT_INCLUDE || type == GATT_CHARACTERISTIC);
    return !discovers && (*out_handle != 1 || end != UINT16_MAX);
}

static bool asks_for_hash(uint8_t opcode, struct reader *request)
{
    read_u32(request);
    return opcode == ATT_READ_BY_TYPE_REQUEST && read_u16(request) == GATT_DATABASE_HASH && reader_done(request);
}

/* 0, or that the client is out of sync. */
static int check_awareness(struct gatt_server *server, struct link *link, uint8_t opcode, const struct reader *request,
                           struct gatt_response *response)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    struct reader handles = *request;
    struct reader range = *request;
    if (state->awareness == GATT_TOLD) {
        gatt_now_aware(server, link);
        gatt_push_waiting(server, link);
    } else if (relies_on_handles(opcode, &handles, &response->error_handle)) {
        /* With several bearers another request may be on its way: such a client must read the hash. */
        state->awareness = att_next(server->att, att_bearer(server->att, link)) ? GATT_UNAWARE : GATT_TOLD;
        return ATT_ERROR_DATABASE_OUT_OF_SYNC;
    } else if (asks_for_hash(opcode, &range)) {
        state->awareness = GATT_TOLD;
    }
    response->error_handle = 0;
    return 0;
}

static int respond(struct gatt_server *server, struct link *link, const struct bluet_span *request,
                   struct gatt_response *response)
{
    struct reader reader = reader_of(request->data, request->length);
    uint8_t opcode = read_u8(&reader);
    request_server serve = find_server(opcode);
    bool of_plain = opcode == ATT_EXCHANGE_MTU_REQUEST; /* 3.4.2.1: not on an enhanced bearer */
    if (!serve || (of_plain && response->bearer->channel))
        return ATT_ERROR_REQUEST_NOT_SUPPORTED;
    if (request->length > response->writer.capacity)
        return ATT_ERROR_INVALID_PDU;
    int error = gatt_is_unaware(server, link) ? check_awareness(server, link, opcode, &reader, response) : 0;
    return error ? error : serve(server, link, &reader, response);
}

static void serve_request(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu, size_t length,
                          bool authorized)
{
    const struct bluet_span request = {pdu, length};
    struct link *link = bearer->link;
    struct gatt_response response;
    response.bearer = bearer;
    response.writer = writer_of(server->att->scratch, bearer->mtu);
    response.tail = (struct bluet_span){response.declaration, 0};
    response.error_handle = 0;
    response.authorized = authorized;
    response.prepared = false;
    response.sequel = NULL;

    int error = respond(server, link, &request, &response);
    if (error) {
        if (error == ATT_ERROR_INVALID_PDU || error == ATT_ERROR_REQUEST_NOT_SUPPORTED)
            hci_protocol_error(server->att->links->hci);
        write_error(&response, &request, response.error_handle, error);
    }
    const struct bluet_span spans[] = {{response.writer.start, response.writer.length}, response.tail};
    if (att_send(server->att, bearer, spans, 2) == BLUET_ENOMEM)
        keep_response(server, &response, &request);
    if (response.sequel)
        response.sequel(server, link, &response);
}

/* A second request before the first is answered breaks the rule (3.3.2); where the answer could go out, it did. */
BLUET_INTERNAL void gatt_server_request(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu,
                                        size_t length)
{
    if (gatt_server_bearer(server, bearer)->kept != GATT_KEPT_NOTHING) {
        hci_protocol_error(server->att->links->hci);
        return;
    }
    serve_request(server, bearer, pdu, length, false);
}

/* What the peer has signed, and not before. */
static bool is_signed(struct gatt_server *server, struct link *link, const uint8_t *pdu, size_t length,
                      enum gatt_signature *out_signature)
{
    enum { LEAST = 3 + ATT_SIGNATURE_LENGTH };
    const struct att_signer *signer = &server->att->signer;
    struct reader whole = reader_of(pdu, length);
    bool authenticated;
    if (length < LEAST || !signer->verify ||
        !signer->verify(signer->context, link, &whole, server->att->scratch, &authenticated))
        return false;
    *out_signature = authenticated ? GATT_SIGNED_AUTHENTICATED : GATT_SIGNED;
    return true;
}

/*
 * A command that is not known, or is signed and should not be, or not like this, is ignored (3.3.1, 3.4.5.4); so is one
 * of a client that does not know the database any more (Vol 3 Part G, 2.5.2.1).
 */
BLUET_INTERNAL void gatt_server_command(struct gatt_server *server, struct att_bearer *bearer, const uint8_t *pdu,
                                        size_t length)
{
    struct link *link = bearer->link;
    struct reader command = reader_of(pdu, length);
    uint8_t opcode = read_u8(&command);
    enum gatt_signature signature = GATT_UNSIGNED;
    bool good = length <= bearer->mtu && opcode == ATT_WRITE_COMMAND;
    if (length <= bearer->mtu && opcode == ATT_SIGNED_WRITE_COMMAND && !bearer->channel) {
        good = is_signed(server, link, pdu, length, &signature);
        command = reader_of(pdu, length - (good ? ATT_SIGNATURE_LENGTH : 0));
        read_u8(&command);
    }
    if (!good)
        hci_protocol_error(server->att->links->hci);
    else if (!gatt_is_unaware(server, link))
        gatt_write_command(server, link, &command, signature);
}

BLUET_INTERNAL void gatt_server_confirmation(struct gatt_server *server, struct att_bearer *bearer, size_t length)
{
    if (length != 1 || !att_take_confirmation(bearer)) {
        hci_protocol_error(server->att->links->hci);
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
    for (struct att_bearer *bearer = att_bearer(server->att, link); bearer; bearer = att_next(server->att, bearer))
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

static void tell_mtu(struct gatt_server *server, struct link *link, const struct gatt_response *response)
{
    struct bluet_event event = {.code = BLUET_EVENT_MTU_EXCHANGED, .conn_handle = link->handle};
    event.mtu_exchanged.mtu = att_settle_mtu(server->att, link, response->offered_mtu);
    event_raise(server->sink, &event);
}

/* A client asks once (3.4.2.1); to grant a second request would leave the two sides with different MTUs. */
static int exchange_mtu(struct gatt_server *server, struct link *link, struct reader *request,
                        struct gatt_response *response)
{
    struct att_bearer *bearer = att_bearer(server->att, link);
    response->offered_mtu = read_u16(request);
    if (!reader_done(request))
        return ATT_ERROR_INVALID_PDU;
    if (bearer->was_asked)
        return ATT_ERROR_REQUEST_NOT_SUPPORTED;
    bearer->was_asked = true;
    write_u8(&response->writer, ATT_EXCHANGE_MTU_RESPONSE);
    write_u16(&response->writer, att_offer_mtu(server->att, link));
    response->sequel = tell_mtu;
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

/* A value that is broadcast has its own descriptor, somewhere before the next characteristic. */
static int broadcast_bits(const struct gatt_db *db, uint16_t value_handle)
{
    for (uint16_t handle = (uint16_t)(value_handle + 1); handle && handle <= db->count; handle++) {
        const struct gatt_attribute *attribute = gatt_db_find(db, handle);
        if (attribute->kind == GATT_BROADCAST)
            return attribute->bits;
        if (attribute->kind == GATT_DECLARATION || attribute->kind == GATT_SERVICE)
            break;
    }
    return 0;
}

BLUET_INTERNAL int gatt_server_configuration(const struct gatt_server *server, const struct link *link,
                                             uint16_t value_handle)
{
    const struct gatt_attribute *value = gatt_db_find(server->db, value_handle);
    if (!value || value->kind != GATT_VALUE)
        return BLUET_EINVAL;
    if (!link)
        return broadcast_bits(server->db, value_handle);
    const struct gatt_attribute *configuration = gatt_db_configuration_of(server->db, value);
    if (!configuration)
        return 0;
    return *gatt_db_configuration(server->db, configuration->slot, link->index) &
           (GATT_NOTIFICATIONS | GATT_INDICATIONS);
}

BLUET_INTERNAL int gatt_server_local_read(struct gatt_server *server, const void **out_value, size_t *out_length,
                                          uint16_t value_handle)
{
    struct gatt_attribute *attribute = gatt_db_find_users(server->db, value_handle);
    if (!attribute)
        return BLUET_EINVAL;
    *out_value = attribute->value;
    *out_length = attribute->length;
    if (attribute->append)
        attribute->length = 0;
    return BLUET_OK;
}

/* The clients are told first, from the caller's memory: if that cannot be, nothing has changed. */
BLUET_INTERNAL int gatt_server_local_write(struct gatt_server *server, uint16_t value_handle, const void *data,
                                           size_t length, bool send_update)
{
    struct gatt_attribute *attribute = gatt_db_find_users(server->db, value_handle);
    if (!attribute)
        return BLUET_EINVAL;
    int error = gatt_db_reserve(server->db, attribute, length);
    if (!error && send_update)
        error = gatt_push_update(server, attribute, data, length);
    if (error)
        return error;
    gatt_db_write_local(attribute, data, length);
    return (int)length;
}

BLUET_INTERNAL int gatt_server_set_buffer(struct gatt_server *server, uint16_t value_handle, size_t length, bool append)
{
    struct gatt_attribute *attribute = gatt_db_find_users(server->db, value_handle);
    return attribute ? gatt_db_set_buffer(server->db, attribute, length, append) : BLUET_EINVAL;
}
