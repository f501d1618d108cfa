/* Connections come and go (Vol 4 Part E, 7.1.6, 7.7.5, 7.7.65.1, 7.7.65.10). */
#include "host/host.h"

#include "spec/hci.h"
#include "spec/writer.h"

enum { ROLE_CENTRAL = 0, ROLE_PERIPHERAL = 1 };

/* A command that names a connection, with up to four octets behind that. */
static bool request_of(struct bluet *host, const struct hci_command *command, uint16_t handle, uint32_t rest,
                       size_t rest_length)
{
    uint8_t parameters[6];
    write_u16_at(parameters, handle);
    write_u32_at(parameters + 2, rest);
    return hci_request(&host->hci, command, parameters, 2 + rest_length);
}

/* ---- The application hears of it ---- */

static void raise_connect(struct bluet *host, const struct link *link)
{
    struct bluet_event event = {.conn_handle = link->handle};
    event.code = link_is_central(link) ? BLUET_EVENT_PERIPHERAL_CONNECT : BLUET_EVENT_CENTRAL_CONNECT;
    event.connect.peer = link->peer;
    event_raise(&host->sink, &event);
}

BLUET_INTERNAL void host_link_heard(struct bluet *host, struct link *link)
{
    if (!BLUET_HAS_CENTRAL || !link->central || link->heard || link->state != LINK_OPEN)
        return;
    link->heard = true;
    gap_connect_succeeded(&host->gap);
    raise_connect(host, link);
}

/* ---- The end ---- */

/* Whether it was the peer, or the silence after its packets, that ended the link. */
static bool end_was_heard(const struct bluet *host, uint8_t reason)
{
    return host->state == HOST_ACTIVE && !host->end.due && reason != HCI_CONNECTION_FAILED_TO_BE_ESTABLISHED &&
           reason != HCI_LOCAL_HOST_TERMINATED;
}

/* The application does not know of the link. Its attempt goes on, or has failed. */
static void unheard_link_ended(struct bluet *host, uint8_t reason)
{
    if (!BLUET_HAS_CENTRAL)
        return;
    bool again = reason == HCI_CONNECTION_FAILED_TO_BE_ESTABLISHED && host->state == HOST_ACTIVE;
    if (!again || !gap_connect_again(&host->gap))
        gap_connect_failed(&host->gap, reason);
}

BLUET_INTERNAL void host_link_ended(struct bluet *host, struct link *link, uint8_t reason)
{
    struct bluet_event event = {.conn_handle = link->handle};
    event.code = link_is_central(link) ? BLUET_EVENT_PERIPHERAL_DISCONNECT : BLUET_EVENT_CENTRAL_DISCONNECT;
    event.disconnect.peer = link->peer;
    event.disconnect.reason = reason;
    host->ended[host->ended_next++ % HOST_ENDED_KEPT] = (struct host_ended){link->handle, reason, true};
    bool canceled = host->state == HOST_DEACTIVATING;
    if (end_was_heard(host, reason))
        host_link_heard(host, link);
    bool unheard = link_is_central(link) && !link->heard;
    link->state = LINK_CLOSING;
    l2cap_signal_link_closed(&host->signal, link);
    if (BLUET_HAS_L2CAP_CHANNELS)
        l2cap_channels_link_closed(&host->channels, link);
    if (BLUET_HAS_SECURITY)
        sm_link_closed(&host->sm, link);
    gatt_link_closed(&host->gatt, link, canceled ? BLUET_STATUS_CANCELED : BLUET_STATUS_DISCONNECTED);
    link_close(&host->links, link);
    if (unheard)
        unheard_link_ended(host, reason);
    else
        event_raise(&host->sink, &event);
}

static void disconnect_done(void *context, const struct hci_result *result)
{
    struct bluet *host = context;
    struct link *link = link_find(&host->links, result->argument);
    if (!link || result->status == HCI_SUCCESS)
        return;
    if (result->status == HCI_UNKNOWN_CONNECTION_IDENTIFIER)
        host_link_ended(host, link, HCI_LOCAL_HOST_TERMINATED);
    else if (host->state == HOST_ACTIVE)
        link->state = LINK_OPEN;
}

BLUET_INTERNAL bool host_disconnect(struct bluet *host, struct link *link, int ticket, uint8_t reason)
{
    const struct hci_command command = {.opcode = HCI_DISCONNECT,
                                        .ticket = ticket,
                                        .flags = HCI_LAST,
                                        .done = disconnect_done,
                                        .context = host,
                                        .argument = link->handle};
    if (!request_of(host, &command, link->handle, reason, 1))
        return false;
    link->state = LINK_CLOSING;
    return true;
}

BLUET_INTERNAL void host_disconnection_complete(struct bluet *host, struct reader *event, struct link *link,
                                                uint8_t status)
{
    if (status == HCI_SUCCESS)
        host_link_ended(host, link, read_u8(event));
    else if (host->state == HOST_ACTIVE)
        link->state = LINK_OPEN;
}

/* ---- The beginning ---- */

static void connection_failed(struct bluet *host, uint8_t status)
{
    if (status == HCI_ADVERTISING_TIMEOUT)
        gap_advertise_was_ended(&host->gap);
    else if (BLUET_HAS_CENTRAL && gap_connect_is_wanted(&host->gap))
        gap_connect_ended(&host->gap, status);
    else
        hci_protocol_error(&host->hci);
}

/* A connection that we have no use for, or no room. */
static void refuse_connection(struct bluet *host, uint16_t handle)
{
    static const struct hci_command command = {.opcode = HCI_DISCONNECT};
    hci_protocol_error(&host->hci);
    request_of(host, &command, handle, HCI_REMOTE_LOW_RESOURCES, 1);
}

/* Asks for the largest packets where the controller would not ask by itself. It knows what the peer can do. Smaller
 * packets work too. */
static void request_data_length(struct bluet *host, const struct link *link)
{
    static const struct hci_command command = {.opcode = HCI_LE_SET_DATA_LENGTH};
    if (hci_has_feature(&host->controller, HCI_FEATURE_DATA_LENGTH_EXTENSION) &&
        hci_has_command(&host->controller, HCI_SUPPORTS_LE_SET_DATA_LENGTH))
        request_of(host, &command, link->handle, HCI_DATA_LENGTH_OCTETS | (uint32_t)HCI_DATA_LENGTH_US << 16, 4);
}

/* ---- Signs of life ---- */

/* Whatever the peer's features are: they have come from the peer, or it has said that it does not tell them. */
BLUET_INTERNAL void host_remote_features_complete(struct bluet *host, struct reader *event, struct link *link,
                                                  uint8_t status)
{
    (void)event;
    if (status == HCI_SUCCESS || status == HCI_UNSUPPORTED_REMOTE_FEATURE)
        host_link_heard(host, link);
}

/* A controller that cannot ask leaves no way to know. */
static void remote_features_asked(void *context, const struct hci_result *result)
{
    struct bluet *host = context;
    struct link *link = link_find(&host->links, result->argument);
    if (link && result->status != HCI_SUCCESS)
        host_link_heard(host, link);
}

/* Any question that the link layer of the peer must answer would do; the peer's first packet does it too. */
static void request_remote_features(struct bluet *host, const struct link *link)
{
    const struct hci_command command = {.opcode = HCI_LE_READ_REMOTE_FEATURES,
                                        .done = remote_features_asked,
                                        .context = host,
                                        .argument = link->handle};
    request_of(host, &command, link->handle, 0, 0);
}

/* An address that the controller has made; if it has made none, `address` stays as it is. */
static void read_private(struct reader *event, struct bluet_address *address)
{
    static const uint8_t none[6];
    uint8_t octets[6];
    read_reversed(event, octets, sizeof octets);
    if (memcmp(octets, none, sizeof none) == 0)
        return;
    address->type = BLUET_ADDRESS_RANDOM;
    memcpy(address->octets, octets, sizeof octets);
}

/* The addresses that both ends have used: those that we know of, unless the controller has made private ones. */
static void read_ends(const struct bluet *host, struct reader *event, const struct link *link, struct sm_ends *ends,
                      bool enhanced)
{
    if (BLUET_HAS_CENTRAL && link->central)
        ends->own = *gap_connect_own(&host->gap);
    else if (gap_advertise_is_on(&host->gap))
        ends->own = host->gap.advertising_own;
    else
        gap_address_own(&host->gap, &ends->own);
    ends->peer = link->identity;
    gap_address_identity(&host->gap, &ends->identity);
    if (enhanced) {
        read_private(event, &ends->own);
        read_private(event, &ends->peer);
    }
}

/* `event` goes on with the peer's address, perhaps resolved. */
static void link_opened(struct bluet *host, struct link *link, struct reader *event, uint8_t peer_type, bool enhanced)
{
    struct sm_ends ends;
    link->identity.type = peer_type & 1;
    read_reversed(event, link->identity.octets, sizeof link->identity.octets);
    read_ends(host, event, link, &ends, enhanced);
    const struct sm_bond *bond = BLUET_HAS_SECURITY ? gap_resolve(&host->gap, &link->identity) : NULL;
    if (bond)
        link->identity = bond->peer;
    const struct bluet_address *asked_for =
        BLUET_HAS_CENTRAL && link->central ? gap_connect_await_peer(&host->gap) : NULL;
    link->peer = asked_for ? *asked_for : link->identity;
    link->interval = read_u16(event);
    link->latency = read_u16(event);
    link->supervision_timeout = read_u16(event);
    gatt_link_opened(&host->gatt, link);
    if (BLUET_HAS_SECURITY)
        sm_link_opened(&host->sm, link, &ends);
    if (BLUET_HAS_CENTRAL && link->central) {
        request_remote_features(host, link);
        request_data_length(host, link);
    } else {
        gap_advertise_was_ended(&host->gap);
        raise_connect(host, link);
    }
}

static void connection_complete(struct bluet *host, struct reader *event, bool enhanced)
{
    uint8_t status = read_u8(event);
    uint16_t handle = read_u16(event);
    uint8_t role = read_u8(event);
    uint8_t peer_type = read_u8(event);
    bool central = role == ROLE_CENTRAL;
    if (status != HCI_SUCCESS) {
        connection_failed(host, status);
        return;
    }
    if (handle > HCI_HANDLE_LARGEST || role > ROLE_PERIPHERAL || link_find(&host->links, handle)) {
        hci_protocol_error(&host->hci);
        return;
    }
    if (central && !(BLUET_HAS_CENTRAL && gap_connect_is_wanted(&host->gap))) {
        refuse_connection(host, handle);
        return;
    }
    struct link *link = peer_type <= HCI_ADDRESS_TYPE_LARGEST ? link_open(&host->links, handle) : NULL;
    if (link) {
        link->central = central;
        link_opened(host, link, event, peer_type, enhanced);
        return;
    }
    refuse_connection(host, handle);
    if (BLUET_HAS_CENTRAL && central)
        gap_connect_failed(&host->gap, HCI_CONNECTION_LIMIT_EXCEEDED);
    else
        gap_advertise_was_ended(&host->gap);
}

BLUET_INTERNAL void host_connection_complete(struct bluet *host, struct reader *event, struct link *link,
                                             uint8_t status)
{
    (void)link, (void)status;
    connection_complete(host, event, false);
}

BLUET_INTERNAL void host_enhanced_connection_complete(struct bluet *host, struct reader *event, struct link *link,
                                                      uint8_t status)
{
    (void)link, (void)status;
    connection_complete(host, event, true);
}
