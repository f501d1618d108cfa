/* The public functions of the GATT server: is the host active, which link is it, and has the application to be told of
 * buffers? */
#include "host/host.h"

/* ---- Who is refused for want of buffers is told when there are some (BLUET_EVENT_SEND_READY) ---- */

/* Buffers that the application does not get: for frames that come in pieces, and for answers. A small pool has none. */
static uint16_t kept_for_peers(const struct buffer_pool *pool)
{
    return pool->count / 16;
}

BLUET_INTERNAL bool host_sending_begins(struct bluet *host)
{
    struct buffer_pool *pool = &host->pool;
    bool was_starved = pool->starved;
    uint16_t kept = kept_for_peers(pool);
    pool->hidden = pool->free_count < kept ? pool->free_count : kept;
    pool->free_count = (uint16_t)(pool->free_count - pool->hidden);
    pool->starved = false;
    return was_starved;
}

BLUET_INTERNAL int host_sending_ended(struct bluet *host, bool was_starved, int result)
{
    struct buffer_pool *pool = &host->pool;
    pool->free_count = (uint16_t)(pool->free_count + pool->hidden);
    pool->hidden = 0;
    if (result == BLUET_ENOMEM && pool->starved) {
        uint16_t kept = kept_for_peers(pool);
        host->send_refused = true;
        host->refused_pool_free = pool->free_count > kept ? pool->free_count : kept;
        host->refused_controller_free = host->hci.acl_free;
    }
    pool->starved |= was_starved;
    return result;
}

/* ---- Server ---- */

int bluet_gatts_register_services(struct bluet *host, uint16_t *out_handles, size_t handle_capacity,
                                  const struct bluet_service *services, size_t service_count)
{
    int error = host_check_active(host);
    if (error)
        return error;
    if (gap_advertise_is_on(&host->gap))
        return BLUET_EBUSY;
    return gatt_server_register(&host->gatt.server, out_handles, handle_capacity, services, service_count);
}

static int find_value_by_handle(struct bluet *host, struct gatt_attribute **out_attribute, uint16_t handle)
{
    int error = host_check_active(host);
    if (error)
        return error;
    *out_attribute = gatt_db_find_users(&host->gatt.db, handle);
    return *out_attribute ? BLUET_OK : BLUET_EINVAL;
}

int bluet_gatts_read(struct bluet *host, const void **out_value, size_t *out_length, uint16_t value_handle)
{
    struct gatt_attribute *attribute;
    int error = find_value_by_handle(host, &attribute, value_handle);
    if (!error)
        gatt_db_read_local(&host->gatt.db, attribute, out_value, out_length);
    return error;
}

int bluet_gatts_write(struct bluet *host, uint16_t value_handle, const void *data, size_t length, bool send_update)
{
    struct gatt_attribute *attribute;
    int error = find_value_by_handle(host, &attribute, value_handle);
    if (error)
        return error;
    bool was_starved = host_sending_begins(host);
    return host_sending_ended(host, was_starved,
                              gatt_server_local_write(&host->gatt.server, attribute, data, length, send_update));
}

static int push_by(struct bluet *host, uint16_t conn_handle, struct gatt_push *push, int (*how)(struct gatt_push *))
{
    int error = host_find_link(host, &push->link, conn_handle);
    if (error)
        return error;
    push->server = &host->gatt.server;
    bool was_starved = host_sending_begins(host);
    return host_sending_ended(host, was_starved, how(push));
}

int bluet_gatts_notify(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data, size_t length)
{
    struct gatt_push push;
    push.handle = value_handle;
    push.value = (struct bluet_span){data, length};
    return push_by(host, conn_handle, &push, gatt_server_notify);
}

int bluet_gatts_indicate(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data,
                         size_t length)
{
    struct gatt_push push;
    push.handle = value_handle;
    push.value = (struct bluet_span){data, length};
    return push_by(host, conn_handle, &push, gatt_server_indicate);
}

int bluet_gatts_notify_multiple(struct bluet *host, uint16_t conn_handle, const uint16_t *value_handles,
                                size_t value_count)
{
    struct gatt_push push;
    push.value = (struct bluet_span){value_handles, value_count};
    return push_by(host, conn_handle, &push, gatt_server_notify_multiple);
}

int bluet_gatts_subscription(struct bluet *host, uint16_t conn_handle, uint16_t value_handle)
{
    struct link *link = NULL;
    int error = conn_handle == UINT16_MAX ? host_check_active(host) : host_find_link(host, &link, conn_handle);
    return error ? error : gatt_server_configuration(&host->gatt.server, link, value_handle);
}

void bluet_set_subscription_events(struct bluet *host, bool wanted)
{
    host->gatt.server.subscriptions = wanted;
}

bool bluet_subscription_events(const struct bluet *host)
{
    return host->gatt.server.subscriptions;
}

int bluet_gatts_set_buffer(struct bluet *host, uint16_t value_handle, size_t length, bool append)
{
    struct gatt_attribute *attribute;
    int error = find_value_by_handle(host, &attribute, value_handle);
    return error ? error : gatt_db_set_buffer(&host->gatt.db, attribute, length, append);
}
