/*
 * Making a connection. An attempt that was accepted ends either in a connection or in gap_connect_failed(). A
 * connection that is made while the attempt is being given up is a connection: the controller decides the race.
 *
 * A controller reports a connection when it has sent the request. One request in some is lost, and that shows six
 * intervals later only (Vol 6 Part B, 4.5.2); so the application hears of a connection when the peer has been heard,
 * and a request that was lost is sent again. It may have met
 * the request of another central, who will not hear the peer either: so that the two do not meet again, each waits for
 * a time of its own.
 *
 *     OFF -> AWAIT_START -> ON -> AWAIT_PEER -> OFF
 *              ^     ^      |          |
 *            SEEK    | AWAIT_CANCEL    v
 *                    +----- '--> AWAIT_AGAIN
 *
 * A bonded peer is found by its identity under any private address: by the controller, where it has the peer in its
 * resolving list, otherwise by a scan for one that resolves (SEEK).
 */
#include "host/gap_connect.h"

#include "host/gap_link.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { CREATE_CONNECTION_LENGTH = 25, SCAN_INTERVAL = 0x60 /* 60 ms, all of it */, TIMEOUT_DEFAULT_MS = 2000 };

/* How long after a cancellation the controller may take to report how the attempt ended. */
static const uint64_t cancel_timeout_us = 2000000;
static const uint32_t retry_us = 10000;
static const uint32_t again_step_us = 1000; /* up to a quarter of a second */

BLUET_INTERNAL void gap_connect_open(struct gap_connect *connect, struct link_table *links, struct gap_scan *scan,
                                     const struct gap_address *address, struct gap_resolver *resolver)
{
    *connect = (struct gap_connect){
        .links = links, .scan = scan, .address = address, .resolver = resolver, .deadline = BLUET_NEVER};
}

static void go_to(struct gap_connect *connect, enum gap_connect_state state, uint64_t deadline)
{
    connect->state = state;
    connect->deadline = deadline;
}

BLUET_INTERNAL void gap_connect_succeeded(struct gap_connect *connect)
{
    go_to(connect, GAP_CONNECT_OFF, BLUET_NEVER);
}

BLUET_INTERNAL void gap_connect_failed(struct gap_connect *connect, uint8_t reason)
{
    if (!gap_connect_is_on(connect))
        return;
    go_to(connect, GAP_CONNECT_OFF, BLUET_NEVER);
    connect->held = connect->scan->sought.wanted = false;
    struct bluet_event event = {.code = BLUET_EVENT_PERIPHERAL_DISCONNECT, .conn_handle = 0xffff};
    event.disconnect.peer.type = 0xff;
    event.disconnect.reason = reason;
    event_raise(connect->links->hci->sink, &event);
}

static void create_done(void *context, const struct hci_result *result)
{
    struct gap_connect *connect = context;
    if (result->argument != connect->attempt || !gap_connect_is_begun(connect))
        return;
    /* A refusal ends the ticket; where there is none, the scan begins all the same, as the last one was. */
    if (result->opcode == HCI_LE_SET_SCAN_PARAMETERS && (result->status == HCI_SUCCESS || !result->ticket))
        return;
    if (result->status != HCI_SUCCESS) {
        gap_connect_failed(connect, result->status);
    } else if (connect->state == GAP_CONNECT_AWAIT_START) {
        if (connect->give_up == 0)
            connect->give_up = connect->links->hci->now + connect->timeout_ms * 1000ull;
        connect->own = gap_address_own(connect->address);
        go_to(connect, connect->seeking ? GAP_CONNECT_SEEK : GAP_CONNECT_ON, connect->give_up);
    }
}

/* ---- Start and cancel ---- */

/* Vol 4 Part E, 7.8.12 */
static void write_create_connection(struct writer *writer, const struct gap_connect *connect)
{
    const struct link_parameters *parameters = &connect->parameters;
    write_u16(writer, SCAN_INTERVAL);
    write_u16(writer, SCAN_INTERVAL);
    write_u8(writer, connect->listed); /* to one of the accept list, or the one that follows */
    gap_write_address(writer, &connect->target);
    write_u8(writer, connect->own_type);
    write_u16(writer, parameters->interval_min);
    write_u16(writer, parameters->interval_max);
    write_u16(writer, parameters->latency);
    write_u16(writer, parameters->supervision_timeout);
    write_u16(writer, 0); /* length of connection events: as the controller likes */
    write_u16(writer, 0);
}

static int check_start(const struct gap_connect *connect, const struct bluet_address *peer)
{
    if (peer && peer->type > BLUET_ADDRESS_RANDOM)
        return BLUET_EINVAL;
    if (gap_connect_is_on(connect))
        return BLUET_EALREADY;
    const struct sm_bond *bond = BLUET_HAS_SECURITY && peer ? gap_resolve(connect->resolver, peer) : NULL;
    if (peer && (link_find_peer(connect->links, peer) || (bond && link_find_peer(connect->links, &bond->peer))))
        return BLUET_EISCONN;
    return connect->links->count == connect->links->limit ? BLUET_ENOMEM : BLUET_OK;
}

/*
 * Whom the controller is to look for. One that it resolves may be using any address, and so may we: whoever advertises
 * to us alone may do so to any of ours.
 */
static void choose_target(struct gap_connect *connect)
{
    const struct sm_bond *bond =
        BLUET_HAS_SECURITY && !connect->listed ? gap_resolve(connect->resolver, &connect->peer) : NULL;
    connect->target = bond ? bond->peer : connect->peer;
    connect->own_type = gap_address_own(connect->address).type;
    if (bond && bond->listed && connect->address->mode == BLUET_ADDRESS_MODE_RPA)
        connect->own_type |= HCI_ADDRESS_RESOLVED;
    connect->seeking = bond && !bond->listed && sm_has_irk(bond);
}

static struct hci_command command_of(struct gap_connect *connect, int ticket)
{
    return (struct hci_command){
        .ticket = ticket, .flags = HCI_LAST, .done = create_done, .context = connect, .argument = connect->attempt};
}

/* Whether there was room. */
static bool queue_create_connection(struct gap_connect *connect, struct hci_command *command)
{
    uint8_t octets[CREATE_CONNECTION_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    write_create_connection(&writer, connect);
    command->opcode = HCI_LE_CREATE_CONNECTION;
    return hci_request(connect->links->hci, command, octets, sizeof octets);
}

/* There is room. */
static void queue_attempt(struct gap_connect *connect, int ticket)
{
    struct hci_command command = command_of(connect, ticket);
    choose_target(connect);
    if (connect->seeking)
        gap_scan_seek(connect->scan, &command, &connect->target);
    else
        queue_create_connection(connect, &command);
}

BLUET_INTERNAL int gap_connect_start(struct gap_connect *connect, const struct bluet_address *peer, uint32_t timeout_ms,
                                     const struct bluet_connection_parameters *given)
{
    static const struct bluet_connection_parameters defaults = {0};
    struct link_parameters parameters;
    int error = gap_link_parameters(&parameters, given ? given : &defaults) ? check_start(connect, peer) : BLUET_EINVAL;
    if (error)
        return error;
    struct hci *hci = connect->links->hci;
    int ticket = hci_begin(hci, 1 + GAP_SCAN_SEEK_COMMANDS, GAP_SCAN_STOP_LENGTH + CREATE_CONNECTION_LENGTH);
    if (ticket < 0)
        return ticket;
    connect->state = GAP_CONNECT_AWAIT_START;
    connect->attempt++;
    connect->listed = !peer;
    connect->peer = peer ? *peer : (struct bluet_address){0};
    connect->parameters = parameters;
    connect->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_DEFAULT_MS;
    connect->give_up = 0;
    if (gap_scan_is_on(connect->scan))
        gap_scan_end(connect->scan, ticket, HCI_MAY_FAIL);
    queue_attempt(connect, ticket);
    return ticket;
}

BLUET_INTERNAL void gap_connect_reported(struct gap_connect *connect)
{
    struct gap_sought *sought = &connect->scan->sought;
    if (connect->state != GAP_CONNECT_SEEK || !sought->found)
        return;
    struct hci_command end = {0};
    struct hci_command begin = command_of(connect, 0);
    connect->target = sought->address;
    sought->found = gap_scan_seek_end(connect->scan, &end);
    if (!sought->found) /* it will be heard again */
        return;
    connect->seeking = false;
    if (queue_create_connection(connect, &begin))
        go_to(connect, GAP_CONNECT_AWAIT_START, BLUET_NEVER);
    else
        go_to(connect, GAP_CONNECT_AWAIT_AGAIN, connect->links->hci->now + retry_us);
}

BLUET_INTERNAL void gap_connect_await_peer(struct gap_connect *connect)
{
    go_to(connect, GAP_CONNECT_AWAIT_PEER, BLUET_NEVER);
    connect->held = false;
}

BLUET_INTERNAL bool gap_connect_again(struct gap_connect *connect)
{
    struct hci *hci = connect->links->hci;
    uint8_t random;
    hci->port->random(hci->port->context, &random, sizeof random);
    connect->deadline = hci->now + random * again_step_us;
    if (connect->state != GAP_CONNECT_AWAIT_PEER || connect->deadline >= connect->give_up)
        return false;
    connect->state = GAP_CONNECT_AWAIT_AGAIN;
    return true;
}

/* However it was answered: a report of how the attempt ended is on its way, unless it was but a scan. */
static void cancel_done(void *context, const struct hci_result *result)
{
    struct gap_connect *connect = context;
    if (result->argument != connect->attempt || connect->state != GAP_CONNECT_AWAIT_CANCEL)
        return;
    if (result->opcode == HCI_LE_CREATE_CONNECTION_CANCEL)
        connect->deadline = connect->links->hci->now + cancel_timeout_us;
    else
        gap_connect_ended(connect, HCI_UNKNOWN_CONNECTION_IDENTIFIER);
}

/* Whether there was room. */
static bool request_cancel(struct gap_connect *connect, int ticket)
{
    struct hci_command command = command_of(connect, ticket);
    command.done = cancel_done;
    if (connect->seeking) {
        command.flags |= HCI_MAY_FAIL;
        return gap_scan_seek_end(connect->scan, &command);
    }
    command.opcode = HCI_LE_CREATE_CONNECTION_CANCEL;
    return hci_request(connect->links->hci, &command, NULL, 0);
}

BLUET_INTERNAL bool gap_connect_end(struct gap_connect *connect, int ticket)
{
    connect->held = false;
    if (connect->state == GAP_CONNECT_OFF || connect->state == GAP_CONNECT_AWAIT_PEER ||
        connect->state == GAP_CONNECT_AWAIT_CANCEL)
        return true;
    /* While it waits to begin again, the controller knows nothing of it: it has failed as soon as that may be said. */
    bool again = connect->state == GAP_CONNECT_AWAIT_AGAIN;
    if (!again && !request_cancel(connect, ticket))
        return false;
    connect->give_up = connect->links->hci->now;
    go_to(connect, GAP_CONNECT_AWAIT_CANCEL, again ? connect->give_up : BLUET_NEVER);
    return true;
}

BLUET_INTERNAL int gap_connect_cancel(struct gap_connect *connect)
{
    if (connect->state == GAP_CONNECT_OFF || (connect->state == GAP_CONNECT_AWAIT_CANCEL && !connect->held))
        return BLUET_EALREADY;
    if (connect->state == GAP_CONNECT_AWAIT_AGAIN || connect->held) {
        gap_connect_end(connect, 0);
        return 0;
    }
    int ticket = hci_begin(connect->links->hci, 1, GAP_SCAN_STOP_LENGTH);
    if (ticket > 0)
        gap_connect_end(connect, ticket);
    return ticket;
}

static void begin_again(struct gap_connect *connect)
{
    struct hci *hci = connect->links->hci;
    if (!hci_has_room(hci, GAP_SCAN_SEEK_COMMANDS, CREATE_CONNECTION_LENGTH)) {
        connect->deadline = hci->now + retry_us;
    } else if (connect->give_up && connect->give_up <= hci->now) {
        gap_connect_failed(connect, HCI_UNKNOWN_CONNECTION_IDENTIFIER);
    } else {
        go_to(connect, GAP_CONNECT_AWAIT_START, BLUET_NEVER);
        queue_attempt(connect, 0);
    }
}

/* ---- Pauses ---- */

BLUET_INTERNAL bool gap_connect_hold(struct gap_connect *connect)
{
    bool runs = connect->state == GAP_CONNECT_ON || connect->state == GAP_CONNECT_SEEK;
    if (runs && !request_cancel(connect, 0))
        return false;
    if (runs)
        go_to(connect, GAP_CONNECT_AWAIT_CANCEL, BLUET_NEVER);
    else if (connect->state == GAP_CONNECT_AWAIT_AGAIN)
        connect->deadline = BLUET_NEVER;
    connect->held = runs || connect->state == GAP_CONNECT_AWAIT_AGAIN;
    return true;
}

BLUET_INTERNAL void gap_connect_release(struct gap_connect *connect)
{
    if (connect->held && connect->state == GAP_CONNECT_AWAIT_AGAIN)
        connect->deadline = connect->links->hci->now;
    connect->held = false;
}

BLUET_INTERNAL void gap_connect_ended(struct gap_connect *connect, uint8_t reason)
{
    if (connect->held)
        go_to(connect, GAP_CONNECT_AWAIT_AGAIN, BLUET_NEVER);
    else
        gap_connect_failed(connect, reason);
}

BLUET_INTERNAL void gap_connect_expire(struct gap_connect *connect)
{
    if (connect->deadline > connect->links->hci->now)
        return;
    if (connect->state == GAP_CONNECT_AWAIT_CANCEL)
        gap_connect_ended(connect, HCI_UNKNOWN_CONNECTION_IDENTIFIER);
    else if (connect->state == GAP_CONNECT_AWAIT_AGAIN)
        begin_again(connect);
    else if (!gap_connect_end(connect, 0))
        connect->deadline = connect->links->hci->now + retry_us;
}
