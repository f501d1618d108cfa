/*
 * What the server says unasked: notifications, indications, Service Changed (Vol 3 Part F, 3.4.7; Part G, 4.10, 4.11).
 */
#include "host/gatt_server_push.h"

#include "host/gatt_server.h"
#include "host/gatt_server_access.h"

enum { PUSH_HEADER = 3 };

/*
 * Notifications all take the unenhanced bearer, while it works: on several a client need not see them in the order in
 * which they were sent, and none of them waits for an answer.
 */
static struct att_bearer *push_bearer(const struct gatt_server *server, const struct link *link)
{
    struct att_bearer *plain = att_bearer(server->att, link);
    struct att_bearer *bearer = plain;
    while (bearer && bearer->expired)
        bearer = gatt_next_bearer(server, bearer);
    return bearer ? bearer : plain;
}

BLUET_INTERNAL bool gatt_push_is_over(const struct gatt_server *server, const struct link *link)
{
    return push_bearer(server, link)->expired;
}

static size_t cut_to_mtu(const struct att_bearer *bearer, size_t length)
{
    size_t room = bearer->mtu - (size_t)PUSH_HEADER;
    return length < room ? length : room;
}

/* An indication has the same length whatever bearer it takes. */
static int send_push(const struct gatt_push *push, struct att_bearer *bearer, enum att_opcode opcode)
{
    const struct att *att = push->server->att;
    const struct att_bearer *measure = opcode == ATT_HANDLE_VALUE_INDICATION ? att_bearer(att, push->link) : bearer;
    uint8_t header[PUSH_HEADER];
    header[0] = (uint8_t)opcode;
    write_u16_at(header + 1, push->handle);
    const struct bluet_span spans[] = {{header, PUSH_HEADER},
                                       {push->value.data, cut_to_mtu(measure, push->value.length)}};
    return att_push(att, bearer, spans, 2);
}

/* The value is what is given, or the local one. -EINVAL: there is none, or the link is not good enough for it. */
static int find_value(struct gatt_push *push)
{
    const struct gatt_db *db = push->server->db;
    const struct gatt_attribute *value = gatt_db_find(db, push->handle);
    if (!value || value->kind != GATT_VALUE || !gatt_may_hear(push->link, value))
        return BLUET_EINVAL;
    const struct gatt_value *local = &db->values[value->slot];
    if (!push->value.data)
        push->value = (struct bluet_span){local->octets, local->length};
    return BLUET_OK;
}

static int find_local_value(struct gatt_push *push, uint16_t handle)
{
    push->value.data = NULL;
    push->handle = handle;
    return find_value(push);
}

static int send_notification(const struct gatt_push *push)
{
    return send_push(push, push_bearer(push->server, push->link), ATT_HANDLE_VALUE_NOTIFICATION);
}

/* ---- Indications: one under way on each bearer, the others in turn ---- */

/*
 * A bearer for an indication: the unenhanced one first, another only if it takes the whole of it at once. NULL: it must
 * wait, for a bearer, for the one of the same value before it, or for Service Changed.
 */
static struct att_bearer *indication_bearer(const struct gatt_push *push)
{
    const struct att *att = push->server->att;
    struct att_bearer *plain = att_bearer(att, push->link);
    struct att_bearer *found = NULL;
    for (struct att_bearer *bearer = plain; bearer; bearer = gatt_next_bearer(push->server, bearer)) {
        uint16_t indicated = gatt_server_bearer(push->server, bearer)->indicated;
        if (bearer->indication && (indicated == 0 || indicated == push->handle))
            return NULL;
        size_t length = push->value.length;
        bool ready = !bearer->channel || (BLUET_HAS_EATT && l2cap_bearer_is_ready(bearer->channel) &&
                                          cut_to_mtu(plain, length) <= cut_to_mtu(bearer, length));
        if (!found && ready && !bearer->indication && !bearer->expired)
            found = bearer;
    }
    return found;
}

/* `indicated` as in struct gatt_server_bearer. -EBUSY: it must wait. */
static int send_indication(const struct gatt_push *push, uint16_t indicated)
{
    struct att_bearer *bearer = indication_bearer(push);
    if (!bearer)
        return BLUET_EBUSY;
    int error = send_push(push, bearer, ATT_HANDLE_VALUE_INDICATION);
    if (error)
        return error;
    att_await_confirmation(push->server->att, bearer);
    gatt_server_bearer(push->server, bearer)->indicated = indicated;
    return BLUET_OK;
}

/* Those that wait are one chain: the first buffer of each has its handle for an offset, the others none. */
static struct buffer *last_of_first(struct buffer *chain)
{
    while (chain->next && !chain->next->offset)
        chain = chain->next;
    return chain;
}

static int queue_indication(const struct gatt_push *push)
{
    struct gatt_server *server = push->server;
    struct bluet_span value = push->value;
    if (value.length > ATT_VALUE_LARGEST)
        value.length = ATT_VALUE_LARGEST;
    struct buffer *chain = server->indications_left ? buffer_copy(server->att->links->pool, &value, 1) : NULL;
    if (!chain)
        return BLUET_ENOMEM;
    chain->offset = push->handle;
    server->indications_left--;
    struct buffer **end = &gatt_server_link(server, push->link)->indications;
    while (*end)
        end = &(*end)->next;
    *end = chain;
    return BLUET_OK;
}

/* Returns its handle. */
static uint16_t take_first(struct gatt_server *server, struct gatt_server_link *state)
{
    struct buffer *first = state->indications;
    struct buffer *last = last_of_first(first);
    uint16_t handle = first->offset;
    state->indications = last->next;
    last->next = NULL;
    buffer_free(server->att->links->pool, first);
    server->indications_left++;
    return handle;
}

static int indicate(const struct gatt_push *push)
{
    struct gatt_server *server = push->server;
    const struct gatt_server_link *state = gatt_server_link(server, push->link);
    if (!att_bearer(server->att, push->link)->link || gatt_push_is_over(server, push->link))
        return BLUET_ENOTCONN;
    bool waits = state->indications || state->change_owed.first || gatt_is_unaware(server, push->link);
    int error = waits ? BLUET_EBUSY : send_indication(push, push->handle);
    return error == BLUET_EBUSY ? queue_indication(push) : error;
}

/* Whether it has gone out. */
static bool send_first_indication(struct gatt_server *server, struct link *link, struct gatt_server_link *state)
{
    struct gatt_push push = {server, link, {NULL, 0}, state->indications->offset};
    struct buffer *last = last_of_first(state->indications);
    struct buffer *rest = last->next;
    struct writer writer = writer_of(server->att->scratch, server->att->scratch_size);
    last->next = NULL;
    att_write_chain(&writer, state->indications, 0, server->att->scratch_size);
    last->next = rest;
    push.value = (struct bluet_span){writer.start, writer.length};
    if (send_indication(&push, push.handle))
        return false;
    take_first(server, state);
    return true;
}

static void raise_indicated(const struct gatt_server *server, const struct link *link, uint16_t handle, uint16_t status)
{
    struct bluet_event event;
    event.code = BLUET_EVENT_GATTS_INDICATE_DONE;
    event.conn_handle = link->handle;
    event.done.value_handle = handle;
    event.done.status = status;
    event_raise(server->sink, &event);
}

BLUET_INTERNAL void gatt_push_indicated(struct gatt_server *server, const struct link *link,
                                        struct gatt_server_bearer *bearer, uint16_t status)
{
    uint16_t handle = bearer->indicated;
    bearer->indicated = 0;
    if (handle)
        raise_indicated(server, link, handle, status);
}

BLUET_INTERNAL void gatt_push_drop(struct gatt_server *server, const struct link *link, uint16_t status)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    state->change_owed = (struct gatt_change){0, 0};
    while (state->indications)
        raise_indicated(server, link, take_first(server, state), status);
}

/* ---- Service Changed: Vol 3 Part G, 7.1 ---- */

BLUET_INTERNAL void gatt_push_changed_to(struct gatt_server *server, struct link *link,
                                         const struct gatt_change *change)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    struct gatt_change *owed = &state->change_owed;
    bool hears = *gatt_db_configuration(server->db, GATT_SERVICE_CHANGED_SLOT, link->index) & GATT_INDICATIONS;
    bool caches = *gatt_db_configuration(server->db, GATT_FEATURES_SLOT, link->index) & GATT_ROBUST_CACHING;
    if (!hears && !caches)            /* it keeps nothing of what it has found */
        gatt_now_aware(server, link); /* as far as is to be kept with the bond */
    state->awareness = GATT_UNAWARE;
    if (!hears)
        return;
    if (owed->first == 0 || change->first < owed->first)
        owed->first = change->first;
    if (change->last > owed->last)
        owed->last = change->last;
    gatt_push_waiting(server, link);
}

BLUET_INTERNAL void gatt_push_service_changed(struct gatt_server *server, const struct gatt_change *change)
{
    for (uint8_t i = 0; i < server->att->count; i++)
        if (server->att->bearers[i].link)
            gatt_push_changed_to(server, server->att->bearers[i].link, change);
}

static void send_service_changed(struct gatt_server *server, struct link *link, struct gatt_server_link *state)
{
    uint8_t range[4];
    write_u16_at(range, state->change_owed.first);
    write_u16_at(range + 2, state->change_owed.last);
    const struct gatt_push push = {server, link, {range, sizeof range}, GATT_SERVICE_CHANGED_HANDLE};
    if (send_indication(&push, 0) == 0)
        state->change_owed = (struct gatt_change){0, 0};
}

/* ---- Updates ---- */

/* Notification where both bits are set. */
static int push_to_subscriber(const struct gatt_push *push, uint8_t bits)
{
    return bits & GATT_NOTIFICATIONS ? send_notification(push) : indicate(push);
}

BLUET_INTERNAL int gatt_push_update(struct gatt_server *server, const struct gatt_attribute *value, const void *data,
                                    size_t length)
{
    const struct gatt_attribute *configuration = gatt_db_configuration_of(server->db, value);
    struct gatt_push push = {server, NULL, {data, length}, gatt_db_handle(server->db, value)};
    bool told = false;
    for (uint8_t i = 0; configuration && i < server->att->count; i++) {
        push.link = server->att->bearers[i].link;
        uint8_t *bits = gatt_db_configuration(server->db, configuration->slot, i);
        if (!push.link || !(*bits & (GATT_NOTIFICATIONS | GATT_INDICATIONS)) || !gatt_may_hear(push.link, value))
            continue;
        bool unaware = gatt_is_unaware(server, push.link);
        int error = unaware ? BLUET_EBUSY : push_to_subscriber(&push, *bits);
        if (error == BLUET_ENOMEM && !told)
            return BLUET_ENOMEM;
        if (error == BLUET_ENOMEM || unaware) {
            *bits |= GATT_UPDATE_OWED;
            server->links[i].updates_owed = true;
        }
        told |= error == BLUET_OK;
    }
    return BLUET_OK;
}

static void send_owed_updates(struct gatt_server *server, struct link *link, struct gatt_server_link *state)
{
    struct gatt_push push = {.server = server, .link = link};
    uint16_t handle = 0;
    uint8_t *bits;
    while ((bits = gatt_db_next_configuration(server->db, link->index, &handle)) != NULL) {
        if (!(*bits & GATT_UPDATE_OWED))
            continue;
        /* The value is just before its configuration. */
        if (find_local_value(&push, (uint16_t)(handle - 1)) == 0 && push_to_subscriber(&push, *bits) == BLUET_ENOMEM)
            return; /* there is again no buffer */
        *bits &= (uint8_t)~GATT_UPDATE_OWED;
    }
    state->updates_owed = false;
}

BLUET_INTERNAL void gatt_push_waiting(struct gatt_server *server, struct link *link)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    if (state->change_owed.first)
        send_service_changed(server, link, state);
    else if (state->indications && !gatt_is_unaware(server, link))
        while (send_first_indication(server, link, state) && state->indications)
            ;
    if (state->updates_owed && !gatt_is_unaware(server, link))
        send_owed_updates(server, link, state);
}

/* ---- What the application asks for ---- */

BLUET_INTERNAL int gatt_server_notify(struct gatt_push *push)
{
    int error = find_value(push);
    if (!error && gatt_is_unaware(push->server, push->link))
        error = BLUET_EBUSY;
    return error ? error : send_notification(push);
}

/* The values that fit one PDU together; each for itself where the client takes no other (Vol 3 Part F, 3.4.7.4). */
BLUET_INTERNAL int gatt_server_notify_multiple(struct gatt_push *push)
{
    struct gatt_server *server = push->server;
    const uint16_t *handles = push->value.data;
    size_t count = push->value.length;
    bool takes =
        *gatt_db_configuration(server->db, GATT_FEATURES_SLOT, push->link->index) & GATT_MULTIPLE_NOTIFICATIONS;
    for (size_t i = 0; i < count; i++)
        if (find_local_value(push, handles[i]))
            return BLUET_EINVAL;
    if (gatt_is_unaware(server, push->link))
        return BLUET_EBUSY;
    size_t sent = 0;
    while (sent < count) {
        struct att_bearer *bearer = push_bearer(server, push->link);
        struct writer writer = writer_of(server->att->scratch, bearer->mtu);
        size_t next = sent;
        int error;
        write_u8(&writer, ATT_MULTIPLE_HANDLE_VALUE_NOTIFICATION);
        for (; takes && next < count; next++) {
            find_local_value(push, handles[next]);
            if (writer_room(&writer) < 4 + push->value.length)
                break;
            write_u16(&writer, push->handle);
            write_u16(&writer, (uint16_t)push->value.length);
            write_octets(&writer, push->value.data, push->value.length);
        }
        if (next > sent + 1) {
            const struct bluet_span span = {writer.start, writer.length};
            error = att_push(server->att, bearer, &span, 1);
        } else {
            find_local_value(push, handles[sent]);
            error = send_notification(push);
            next = sent + 1;
        }
        if (error)
            return sent ? (int)sent : error;
        sent = next;
    }
    return (int)sent;
}

BLUET_INTERNAL int gatt_server_indicate(struct gatt_push *push)
{
    int error = find_value(push);
    return error ? error : indicate(push);
}
