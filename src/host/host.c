/* The front door: making a host, activating it, and the two ways in, packets and time. */
#include "host/host.h"

#include "host/memory.h"
#include "spec/att.h"
#include "spec/hci.h"
#include "spec/l2cap.h"

enum {
    CONNECTION_COUNT_DEFAULT = 4,
    CONNECTION_COUNT_MOST = 64,
    BUFFER_COUNT_DEFAULT = 32,
    BUFFER_SIZE_DEFAULT = 256,
    BUFFER_SIZE_LEAST = 32,
    BUFFER_SIZE_MOST = 1024,
    PROCEDURE_COUNT_DEFAULT = 16,
    COMMAND_SIZE_DEFAULT = 1024,
    COMMAND_SIZE_LEAST = 512,
    MTU_DEFAULT = 256,
    CHANNEL_COUNT_DEFAULT = 8,
    CHANNEL_SIZE_DEFAULT = 16384,
    BOND_COUNT_DEFAULT = 8,
    PAIRING_COUNT_DEFAULT = 4
};

/* ---- Life ---- */

static void fill_in_defaults(struct bluet_config *config)
{
    if (config->connection_count == 0)
        config->connection_count = CONNECTION_COUNT_DEFAULT;
    if (config->mtu_limit == 0)
        config->mtu_limit = ATT_MTU_LARGEST;
    if (config->buffer_count == 0)
        config->buffer_count = BUFFER_COUNT_DEFAULT;
    if (config->buffer_size == 0)
        config->buffer_size = BUFFER_SIZE_DEFAULT;
    if (config->procedure_count == 0)
        config->procedure_count = PROCEDURE_COUNT_DEFAULT;
    if (config->channel_count == 0)
        config->channel_count = CHANNEL_COUNT_DEFAULT;
    if (config->channel_size == 0)
        config->channel_size = CHANNEL_SIZE_DEFAULT;
    if (config->command_size == 0)
        config->command_size = COMMAND_SIZE_DEFAULT;
    if (config->bond_count == 0)
        config->bond_count = BOND_COUNT_DEFAULT;
    if (config->pairing_count == 0)
        config->pairing_count = PAIRING_COUNT_DEFAULT;
    if (!BLUET_HAS_EATT)
        config->bearer_count = 0;
    if (config->pairing_count > config->connection_count)
        config->pairing_count = config->connection_count;
}

static bool is_within(unsigned limit, unsigned least, unsigned most)
{
    return limit == 0 || (limit >= least && limit <= most);
}

static bool config_is_valid(const struct bluet_config *config)
{
    const struct bluet_port *port = &config->port;
    return port->send && port->now && port->reallocate && port->random && config->handler &&
           is_within(config->connection_count, 1, CONNECTION_COUNT_MOST) &&
           is_within(config->mtu_limit, ATT_MTU_DEFAULT, ATT_MTU_LARGEST) &&
           is_within(config->buffer_size, BUFFER_SIZE_LEAST, BUFFER_SIZE_MOST) &&
           is_within(config->command_size, COMMAND_SIZE_LEAST, UINT16_MAX) &&
           (!BLUET_HAS_EATT || config->bearer_count <= L2CAP_ENHANCED_MOST);
}

int bluet_create(struct bluet **out_host, const struct bluet_config *config)
{
    if (!config_is_valid(config))
        return BLUET_EINVAL;
    struct bluet *host = memory_take(&config->port, HOST_SIZE);
    if (!host)
        return BLUET_ENOMEM;
    host->config = *config;
    fill_in_defaults(&host->config);
    host->sink = (struct event_sink){config->handler, config->handler_context, host};
    host->hci.port = &host->config.port;
    host->hci.sink = &host->sink;
    host->gap.hci = &host->hci;
    host->gap.controller = &host->controller;
    host->gap.links = &host->links;
    host->gap.bonds = &host->sm.bonds;
    host->gap.signal = &host->signal;
    host->gap.address.timeout_s = GAP_ADDRESS_TIMEOUT_DEFAULT_S;
    if (BLUET_HAS_SECURITY)
        sm_init(&host->sm);
    gatt_init(&host->gatt, &host->config.port, &host->sink);
    gatt_set_mtu(&host->gatt, host->config.mtu_limit < MTU_DEFAULT ? host->config.mtu_limit : MTU_DEFAULT);
    *out_host = host;
    return BLUET_OK;
}

void bluet_destroy(struct bluet *host)
{
    if (!host)
        return;
    if (host->state != HOST_INACTIVE)
        host_close_rooms(host);
    gatt_destroy(&host->gatt);
    if (BLUET_HAS_SECURITY)
        crypto_wipe(host->sm.bonds.irk, sizeof host->sm.bonds.irk);
    struct bluet_port port = host->config.port;
    memory_give(&port, host, HOST_SIZE);
}

static int open_channels(struct bluet *host)
{
    if (!BLUET_HAS_L2CAP_CHANNELS)
        return l2cap_signal_open(&host->signal, &host->links, NULL);
    const struct l2cap_signal_taker taker = {&host->channels, l2cap_channels_command, l2cap_channels_await};
    int error = l2cap_signal_open(&host->signal, &host->links, &taker);
    host->gatt.att.channels = &host->channels;
    return error ? error : l2cap_channels_open(&host->channels, &host->signal, &host->config);
}

static int open_security(struct bluet *host)
{
    if (!BLUET_HAS_SECURITY)
        return BLUET_OK;
    if (BLUET_HAS_SIGNING)
        host->gatt.att.signer = host_signer(host);
    const struct sm_keeper keeper = host_keeper(host);
    return sm_open(&host->sm, &host->links, &keeper, &host->config);
}

static int open_rooms(struct bluet *host)
{
    const struct bluet_config *config = &host->config;
    const struct bluet_port *port = &config->port;
    uint16_t frame_size = (uint16_t)(config->mtu_limit + L2CAP_HEADER_LENGTH);
    int error = hci_open(&host->hci, config->command_size);
    if (!error)
        error = buffer_pool_open(&host->pool, port, config->buffer_count, config->buffer_size);
    if (!error)
        error = link_table_open(&host->links, &host->hci, &host->pool, config->connection_count, frame_size);
    if (!error)
        error = open_channels(host);
    if (!error)
        error = gatt_open(&host->gatt, &host->links, config);
    if (!error)
        error = open_security(host);
    return error;
}

/* ---- Calls of the application ---- */

BLUET_INTERNAL void host_sample_clock(struct bluet *host)
{
    if (!host->inside)
        host->hci.now = host->config.port.now(host->config.port.context);
}

BLUET_INTERNAL int host_check_active(struct bluet *host)
{
    if (host->state != HOST_ACTIVE)
        return BLUET_ENODEV;
    host_sample_clock(host);
    return BLUET_OK;
}

BLUET_INTERNAL int host_find_link(struct bluet *host, struct link **out_link, uint16_t conn_handle)
{
    int error = host_check_active(host);
    if (error)
        return error;
    *out_link = link_find_open(&host->links, conn_handle);
    return *out_link ? BLUET_OK : BLUET_ENOTCONN;
}

/* ---- Activation ---- */

static struct bluet_address choose_address(void *context)
{
    struct bluet *host = context;
    struct bluet_address own;
    if (BLUET_HAS_SECURITY)
        sm_load(&host->sm);
    if (!gap_address_start(&host->gap))
        host_end_is_due(host, BLUET_ENOTSUP, HCI_UNSUPPORTED_FEATURE_OR_PARAMETER);
    gap_address_own(&host->gap, &own);
    return own;
}

static void controller_started(void *context, int error, uint8_t status)
{
    struct bluet *host = context;
    if (host->state != HOST_ACTIVATING)
        return;
    if (error)
        host_end_is_due(host, error, status);
    else
        gap_privacy_start(&host->gap);
}

/* The controller has started, and knows our bonds. */
static void activated(struct bluet *host)
{
    host->state = HOST_ACTIVE;
    host->gatt.db.address_resolution = hci_can_resolve(&host->controller);
    hci_end_ticket(&host->hci, host->ticket, BLUET_OK, HCI_SUCCESS);
}

int bluet_activate(struct bluet *host)
{
    if (host->state == HOST_ACTIVE)
        return 0;
    if (host->state == HOST_ACTIVATING)
        return host->ticket;
    if (host->state != HOST_INACTIVE)
        return BLUET_EBUSY;
    host_sample_clock(host);
    int error = open_rooms(host);
    if (error) {
        host_close_rooms(host);
        return error;
    }
    host->state = HOST_ACTIVATING;
    host->ticket = hci_new_ticket(&host->hci);
    host->end = (struct host_end){0};
    host->send_refused = false;
    static const struct hci_controller_owner owner = {choose_address, controller_started};
    hci_controller_start(&host->controller, &host->hci, &owner, host);
    gap_open(&host->gap);
    return host->ticket;
}

bool bluet_is_active(const struct bluet *host)
{
    return host->state == HOST_ACTIVE;
}

/* ---- What is due ---- */

static bool send_is_ready(const struct bluet *host)
{
    return host->send_refused &&
           (host->pool.free_count > host->refused_pool_free || host->hci.acl_free > host->refused_controller_free);
}

static void raise_buffers_free(struct bluet *host)
{
    host->send_refused = false;
    struct bluet_event event = {.code = BLUET_EVENT_SEND_READY, .conn_handle = 0xffff};
    event_raise(&host->sink, &event);
}

/* The activation that has been overtaken ends before the deactivation goes on. */
static void go_on_with_deactivation(struct bluet *host)
{
    int ticket = host->canceled_ticket;
    host->canceled_ticket = 0;
    hci_end_ticket(&host->hci, ticket, BLUET_ECANCELED, HCI_CANCELLED_BY_HOST);
    host_close_continue(host);
}

/* Does what has become due by what came in, or by calls of the application. */
static void settle(struct bluet *host)
{
    if (host->state == HOST_DEACTIVATING)
        go_on_with_deactivation(host);
    if (host->end.due)
        host_end(host);
    if (BLUET_HAS_SECURITY && host->sm.due)
        sm_settle(&host->sm);
    if (BLUET_HAS_PRIVACY && gap_privacy_is_due(&host->gap))
        gap_privacy_settle(&host->gap);
    if (host->state == HOST_ACTIVATING && gap_privacy_is_ready(&host->gap))
        activated(host);
    if (host->links.waiting)
        link_pump(&host->links);
    if (host->pool.starved && buffer_pool_was_starved(&host->pool))
        gatt_flush(&host->gatt);
    if (host->signal.kept_count)
        l2cap_signal_flush(&host->signal);
    if (BLUET_HAS_L2CAP_CHANNELS && host->channels.waiting)
        l2cap_channels_flush(&host->channels);
    if (send_is_ready(host))
        raise_buffers_free(host);
}

static bool something_is_due(const struct bluet *host)
{
    return host->canceled_ticket || host->end.due || send_is_ready(host);
}

static void expire(struct bluet *host)
{
    if (hci_deadline(&host->hci) <= host->hci.now)
        host_end_is_due(host, BLUET_ETIMEDOUT, HCI_CONNECTION_TIMEOUT);
    if (host->end.due)
        return;
    if (BLUET_HAS_CENTRAL) {
        gap_scan_expire(&host->gap);
        gap_connect_expire(&host->gap);
    }
    if (BLUET_HAS_PRIVACY)
        gap_privacy_expire(&host->gap);
    l2cap_signal_expire(&host->signal);
    if (BLUET_HAS_L2CAP_CHANNELS)
        l2cap_channels_expire(&host->channels);
    if (BLUET_HAS_SECURITY)
        sm_expire(&host->sm);
    if (gatt_deadline(&host->gatt) <= host->hci.now)
        gatt_expire(&host->gatt);
}

void bluet_controller_lost(struct bluet *host)
{
    host_sample_clock(host);
    if (host->state != HOST_INACTIVE && host->state != HOST_ENDING)
        host_end_is_due(host, BLUET_ENODEV, HCI_HARDWARE_FAILURE);
}

void bluet_receive(struct bluet *host, const uint8_t *packet, size_t length)
{
    if (host->state == HOST_INACTIVE)
        return;
    host->hci.now = host->config.port.now(host->config.port.context);
    host->inside = true;
    struct reader reader = reader_of(packet, length);
    host_packet(host, &reader);
    settle(host);
    host->inside = false;
}

uint64_t bluet_poll(struct bluet *host)
{
    host_sample_clock(host);
    host->inside = true;
    if (host->state != HOST_INACTIVE)
        expire(host);
    settle(host);
    host->inside = false;
    return bluet_deadline(host);
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

uint64_t bluet_deadline(const struct bluet *host)
{
    if (something_is_due(host))
        return host->hci.now;
    if (host->state == HOST_INACTIVE)
        return BLUET_NEVER;
    uint64_t deadline = earlier(hci_deadline(&host->hci), host_close_deadline(host));
#if BLUET_HAS_CENTRAL
    deadline = earlier(deadline, earlier(host->gap.scan.deadline, host->gap.attempt.deadline));
#endif
    if (BLUET_HAS_PRIVACY)
        deadline = earlier(deadline, gap_privacy_deadline(&host->gap));
    deadline = earlier(deadline, l2cap_signal_deadline(&host->signal));
    if (BLUET_HAS_L2CAP_CHANNELS)
        deadline = earlier(deadline, l2cap_channels_deadline(&host->channels));
    if (BLUET_HAS_SECURITY)
        deadline = earlier(deadline, sm_deadline(&host->sm));
    return earlier(deadline, gatt_deadline(&host->gatt));
}

/* ---- Configuration ---- */

int bluet_set_gap_name(struct bluet *host, const void *name, size_t length)
{
    return gatt_db_set_device_name(&host->gatt.db, name, length);
}

const void *bluet_gap_name(const struct bluet *host, size_t *out_length)
{
    return gatt_db_device_name(&host->gatt.db, out_length);
}

int bluet_set_gap_name_writable(struct bluet *host, bool writable)
{
    return host->state == HOST_INACTIVE ? gatt_db_set_name_writable(&host->gatt.db, writable) : BLUET_EBUSY;
}

int bluet_set_preferred_parameters(struct bluet *host, const struct bluet_connection_parameters *parameters)
{
    struct link_parameters preferred = {UINT16_MAX, UINT16_MAX, 0, UINT16_MAX};
    if (parameters && !gap_link_parameters(&preferred, parameters))
        return BLUET_EINVAL;
    struct writer writer = writer_of(host->gatt.db.preferred_parameters, sizeof host->gatt.db.preferred_parameters);
    link_put_parameters(&writer, &preferred);
    return BLUET_OK;
}

bool bluet_preferred_parameters(const struct bluet *host, struct bluet_connection_parameters *out_parameters)
{
    struct reader reader = reader_of(host->gatt.db.preferred_parameters, sizeof host->gatt.db.preferred_parameters);
    struct link_parameters preferred;
    link_read_parameters(&reader, &preferred);
    out_parameters->interval_min_us = preferred.interval_min * 1250u;
    out_parameters->interval_max_us = preferred.interval_max * 1250u;
    out_parameters->latency = preferred.latency;
    out_parameters->supervision_timeout_ms = preferred.supervision_timeout * 10u;
    return preferred.interval_min != UINT16_MAX;
}

void bluet_set_appearance(struct bluet *host, uint16_t appearance)
{
    gatt_db_set_appearance(&host->gatt.db, appearance);
}

uint16_t bluet_appearance(const struct bluet *host)
{
    return gatt_db_appearance(&host->gatt.db);
}

int bluet_set_mtu(struct bluet *host, uint16_t mtu)
{
    if (mtu < ATT_MTU_DEFAULT || mtu > host->config.mtu_limit)
        return BLUET_EINVAL;
    gatt_set_mtu(&host->gatt, mtu);
    return BLUET_OK;
}

uint16_t bluet_mtu(const struct bluet *host)
{
    return host->gatt.att.preferred_mtu;
}

uint32_t bluet_dropped(const struct bluet *host)
{
    return host->hci.dropped;
}

void bluet_add_dropped(struct bluet *host, uint32_t count)
{
    host->hci.dropped += count;
}

uint32_t bluet_protocol_errors(const struct bluet *host)
{
    return host->hci.protocol_errors;
}
