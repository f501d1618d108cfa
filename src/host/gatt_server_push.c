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
        bearer = att_next(server->att, bearer);
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

static void write_header(uint8_t header[PUSH_HEADER], enum att_opcode opcode, uint16_t handle)
{
    struct writer writer = writer_of(header, PUSH_HEADER);
    write_u8(&writer, (uint8_t)opcode);
    write_u16(&writer, handle);
}

static int send_notification(struct gatt_server *server, struct link *link, uint16_t handle, const void *data,
                             size_t length)
{
    uint8_t header[PUSH_HEADER];
    struct att_bearer *bearer = push_bearer(server, link);
    write_header(header, ATT_HANDLE_VALUE_NOTIFICATION, handle);
    const struct bluet_span spans[] = {{header, sizeof header}, {data, cut_to_mtu(bearer, length)}};
    return att_push(server->att, bearer, spans, 2);
}

/* ---- Indications: one under way on each bearer, the others in turn ---- */

/*
 * A bearer for an indication: the unenhanced one first, another only if it takes the whole of it at once. NULL: it must
 * wait, for a bearer, for the one of the same value before it, or for Service Changed.
 */
static struct att_bearer *indication_bearer(const struct gatt_server *server, const struct link *link, uint16_t handle,
                                            size_t length)
{
    struct att_bearer *plain = att_bearer(server->att, link);
    struct att_bearer *found = NULL;
    for (struct att_bearer *bearer = plain; bearer; bearer = att_next(server->att, bearer)) {
        uint16_t indicated = gatt_server_bearer(server, bearer)->indicated;
        if (bearer->indication && (indicated == 0 || indicated == handle))
            return NULL;
        bool ready = !bearer->channel || (BLUET_HAS_EATT && l2cap_bearer_is_ready(bearer->channel) &&
                                          cut_to_mtu(plain, length) <= cut_to_mtu(bearer, length));
        if (!found && ready && !bearer->indication && !bearer->expired)
            found = bearer;
    }
    return found;
}

static int send_indication(struct gatt_server *server, struct att_bearer *bearer, uint16_t handle, const void *data,
                           size_t length)
{
    uint8_t header[PUSH_HEADER];
    write_header(header, ATT_HANDLE_VALUE_INDICATION, handle);
    size_t cut = cut_to_mtu(att_bearer(server->att, bearer->link), length);
    const struct bluet_span spans[] = {{header, sizeof header}, {data, cut_to_mtu(bearer, cut)}};
    return att_send_indication(server->att, bearer, spans, 2);
}

static int queue_indication(struct gatt_server *server, struct link *link, uint16_t handle, const void *data,
                            size_t length)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    struct gatt_indication *indication = server->free_indication;
    if (!indication)
        return BLUET_ENOMEM;
    struct bluet_span span = {data, length < ATT_VALUE_LARGEST ? length : ATT_VALUE_LARGEST};
    struct buffer *value = buffer_copy(server->att->links->pool, &span, 1);
    if (!value)
        return BLUET_ENOMEM;
    server->free_indication = indication->next;
    *indication = (struct gatt_indication){.value = value, .handle = handle};
    if (state->first_indication)
        state->last_indication->next = indication;
    else
        state->first_indication = indication;
    state->last_indication = indication;
    return BLUET_OK;
}

/* Returns its handle. */
static uint16_t take_first(struct gatt_server *server, struct gatt_server_link *state)
{
    struct gatt_indication *indication = state->first_indication;
    uint16_t handle = indication->handle;
    state->first_indication = indication->next;
    buffer_free(server->att->links->pool, indication->value);
    indication->next = server->free_indication;
    server->free_indication = indication;
    return handle;
}

static int indicate(struct gatt_server *server, struct link *link, uint16_t handle, const void *data, size_t length)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    if (!att_bearer(server->att, link)->link || gatt_push_is_over(server, link))
        return BLUET_ENOTCONN;
    bool waits = state->first_indication || state->change_owed.first || gatt_is_unaware(server, link);
    struct att_bearer *bearer = waits ? NULL : indication_bearer(server, link, handle, length);
    if (!bearer)
        return queue_indication(server, link, handle, data, length);
    int error = send_indication(server, bearer, handle, data, length);
    if (!error)
        gatt_server_bearer(server, bearer)->indicated = handle;
    return error;
}

/* Whether it has gone out. */
static bool send_first_indication(struct gatt_server *server, struct link *link, struct gatt_server_link *state)
{
    const struct gatt_indication *indication = state->first_indication;
    struct writer writer = writer_of(server->att->scratch, server->att->scratch_size);
    att_write_chain(&writer, indication->value, 0, ATT_VALUE_LARGEST);
    struct att_bearer *bearer = indication_bearer(server, link, indication->handle, writer.length);
    if (!bearer || send_indication(server, bearer, indication->handle, writer.start, writer.length))
        return false;
    gatt_server_bearer(server, bearer)->indicated = take_first(server, state);
    return true;
}

static void raise_indicated(const struct gatt_server *server, const struct link *link, uint16_t handle, uint16_t status)
{
    struct bluet_event event = {.code = BLUET_EVENT_GATTS_INDICATE_DONE, .conn_handle = link->handle};
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
    state->change_owed.first = 0;
    while (state->first_indication)
        raise_indicated(server, link, take_first(server, state), status);
}

/* ---- Service Changed: Vol 3 Part G, 7.1 ---- */

/* Both changes in one. */
static struct gatt_change join(const struct gatt_change *owed, const struct gatt_change *change)
{
    if (owed->first == 0)
        return *change;
    return (struct gatt_change){owed->first < change->first ? owed->first : change->first,
                                owed->last > change->last ? owed->last : change->last};
}

BLUET_INTERNAL void gatt_push_changed_to(struct gatt_server *server, struct link *link,
                                         const struct gatt_change *change)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    if (!gatt_wants_changes(server, link))
        gatt_now_aware(server, link); /* as far as is to be kept with the bond */
    state->awareness = GATT_UNAWARE;
    if (!(*gatt_db_configuration(server->db, GATT_SERVICE_CHANGED_SLOT, link->index) & GATT_INDICATIONS))
        return;
    state->change_owed = join(&state->change_owed, change);
    gatt_push_waiting(server, link);
}

BLUET_INTERNAL void gatt_push_service_changed(struct gatt_server *server, const struct gatt_change *change)
{
    for (uint8_t i = 0; i < server->link_count; i++)
        if (server->att->bearers[i].link)
            gatt_push_changed_to(server, server->att->bearers[i].link, change);
}

static void send_service_changed(struct gatt_server *server, struct link *link, struct gatt_server_link *state)
{
    uint8_t range[4];
    struct writer writer = writer_of(range, sizeof range);
    write_u16(&writer, state->change_owed.first);
    write_u16(&writer, state->change_owed.last);
    struct att_bearer *bearer = indication_bearer(server, link, GATT_SERVICE_CHANGED_HANDLE, sizeof range);
    if (bearer && send_indication(server, bearer, GATT_SERVICE_CHANGED_HANDLE, range, sizeof range) == 0)
        state->change_owed.first = 0;
}

/* ---- Updates ---- */

/* Notification where both bits are set. */
static int push_to_subscriber(struct gatt_server *server, struct link *link, uint8_t bits, uint16_t handle,
                              const void *data, size_t length)
{
    if (bits & GATT_NOTIFICATIONS)
        return send_notification(server, link, handle, data, length);
    return indicate(server, link, handle, data, length);
}

BLUET_INTERNAL int gatt_push_update(struct gatt_server *server, const struct gatt_attribute *value, const void *data,
                                    size_t length)
{
    const struct gatt_attribute *configuration = gatt_db_configuration_of(server->db, value);
    bool told = false;
    for (uint8_t i = 0; configuration && i < server->link_count; i++) {
        struct link *link = server->att->bearers[i].link;
        uint8_t *bits = gatt_db_configuration(server->db, configuration->slot, i);
        if (!link || !(*bits & (GATT_NOTIFICATIONS | GATT_INDICATIONS)) || !gatt_may_hear(link, value))
            continue;
        bool unaware = gatt_is_unaware(server, link);
        int error = unaware ? BLUET_EBUSY
                            : push_to_subscriber(server, link, *bits, gatt_db_handle(server->db, value), data, length);
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

/* False: there is again no buffer. */
static bool send_owed_update(struct gatt_server *server, struct link *link, const struct gatt_attribute *configuration)
{
    uint8_t *bits = gatt_db_configuration(server->db, configuration->slot, link->index);
    const struct gatt_attribute *value = gatt_db_configured_value(configuration);
    if (!(*bits & GATT_UPDATE_OWED))
        return true;
    const struct gatt_value *buffer = gatt_db_buffer(server->db, value);
    if (gatt_may_hear(link, value) && push_to_subscriber(server, link, *bits, gatt_db_handle(server->db, value),
                                                         buffer->octets, buffer->length) == BLUET_ENOMEM)
        return false;
    *bits &= (uint8_t)~GATT_UPDATE_OWED;
    return true;
}

static bool send_owed_updates(struct gatt_server *server, struct link *link)
{
    for (uint16_t i = 0; i < server->db->count; i++) {
        const struct gatt_attribute *attribute = &server->db->attributes[i];
        if (attribute->kind == GATT_CONFIGURATION && !send_owed_update(server, link, attribute))
            return false;
    }
    return true;
}

BLUET_INTERNAL void gatt_push_waiting(struct gatt_server *server, struct link *link)
{
    struct gatt_server_link *state = gatt_server_link(server, link);
    if (state->change_owed.first)
        send_service_changed(server, link, state);
    else if (state->first_indication && !gatt_is_unaware(server, link))
        while (send_first_indication(server, link, state) && state->first_indication)
            ;
    if (state->updates_owed && !gatt_is_unaware(server, link) && send_owed_updates(server, link))
        state->updates_owed = false;
}

/* ---- What the application asks for ---- */

/* The value to push: what is given, or the local one. -EINVAL: not a value, or the link is not good enough for it. */
static int find_value(const struct gatt_server *server, const struct link *link, uint16_t value_handle,
                      const void *data, size_t length, struct bluet_span *out_value)
{
    const struct gatt_attribute *value = gatt_db_find(server->db, value_handle);
    if (!value || value->kind != GATT_VALUE || !gatt_may_hear(link, value))
        return BLUET_EINVAL;
    const struct gatt_value *buffer = gatt_db_buffer(server->db, value);
    *out_value = data ? (struct bluet_span){data, length} : (struct bluet_span){buffer->octets, buffer->length};
    return BLUET_OK;
}

BLUET_INTERNAL int gatt_server_notify(struct gatt_server *server, struct link *link, uint16_t value_handle,
                                      const void *data, size_t length)
{
    struct bluet_span value;
    int error = find_value(server, link, value_handle, data, length, &value);
    if (!error && gatt_is_unaware(server, link))
        error = BLUET_EBUSY;
    return error ? error : send_notification(server, link, value_handle, value.data, value.length);
}

/* The values that fit one PDU, and at least one; `out_count` tells how many (Vol 3 Part F, 3.4.7.4). All are there. */
static int send_notifications(struct gatt_server *server, struct link *link, const uint16_t *handles, size_t count,
                              size_t *out_count)
{
    struct att_bearer *bearer = push_bearer(server, link);
    struct writer writer = writer_of(server->att->scratch, bearer->mtu);
    struct bluet_span value = {NULL, 0};
    write_u8(&writer, ATT_MULTIPLE_HANDLE_VALUE_NOTIFICATION);
    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        find_value(server, link, handles[i], NULL, 0, &value);
        if (writer_room(&writer) < 4 + value.length)
            break;
        write_u16(&writer, handles[i]);
        write_u16(&writer, (uint16_t)value.length);
        write_octets(&writer, value.data, value.length);
        ++*out_count;
    }
    const struct bluet_span span = {writer.start, writer.length};
    if (*out_count > 1)
        return att_push(server->att, bearer, &span, 1);
    *out_count = 1;
    return gatt_server_notify(server, link, handles[0], NULL, 0);
}

BLUET_INTERNAL int gatt_server_notify_multiple(struct gatt_server *server, struct link *link, const uint16_t *handles,
                                               size_t count)
{
    bool takes = *gatt_db_configuration(server->db, GATT_FEATURES_SLOT, link->index) & GATT_MULTIPLE_NOTIFICATIONS;
    struct bluet_span value;
    for (size_t i = 0; i < count; i++)
        if (find_value(server, link, handles[i], NULL, 0, &value))
            return BLUET_EINVAL;
    if (gatt_is_unaware(server, link))
        return BLUET_EBUSY;
    size_t sent = 0;
    while (sent < count) {
        size_t more;
        int error = send_notifications(server, link, handles + sent, takes ? count - sent : 1, &more);
        if (error)
            return sent ? (int)sent : error;
        sent += more;
    }
    return (int)sent;
}

BLUET_INTERNAL int gatt_server_indicate(struct gatt_server *server, struct link *link, uint16_t value_handle,
                                        const void *data, size_t length)
{
    struct bluet_span value;
    int error = find_value(server, link, value_handle, data, length, &value);
    return error ? error : indicate(server, link, value_handle, value.data, value.length);
}
