/*
 * Making a connection. An attempt that was accepted ends either in a connection or in gap_connect_failed(). A
 * connection that is made while the attempt is being given up is a connection: the controller decides the race.
 *
 * A controller reports a connection when it has sent the request. One request in some is lost, and that shows six
 * intervals later only (Vol 6 Part B, 4.5.2); so the application hears of a connection when the peer has been heard,
 * and a request that was lost is sent again. It may have met the request of another central, who will not hear the peer
 * either: so that the two do not meet again, each waits for a time of its own.
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

#include "host/gap_address.h"
#include "host/gap_link.h"
#include "host/gap_resolve.h"
#include "host/gap_scan.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { CREATE_CONNECTION_LENGTH = 25, SCAN_INTERVAL = 0x60 /* 60 ms, all of it */, SEEK_INTERVAL_US = 60000 };
enum { TIMEOUT_DEFAULT_MS = 2000 };

/* How long after a cancellation the controller may take to report how the attempt ended. */
static const uint32_t cancel_timeout_us = 2000000;
static const uint32_t retry_us = 10000;
static const uint32_t again_step_us = 1000; /* up to a quarter of a second */

static void go_to(struct gap *gap, enum gap_connect_state state, uint64_t deadline)
{
    gap->connect.state = (uint8_t)state;
    gap->attempt.deadline = deadline;
}

/* Without a deadline of its own. */
static void await(struct gap *gap, enum gap_connect_state state)
{
    go_to(gap, state, BLUET_NEVER);
}

static void expire_in(struct gap *gap, uint32_t time_us)
{
    gap->attempt.deadline = gap->hci->now + time_us;
}

/* The controller knows of it. */
static bool attempt_is_begun(const struct gap *gap)
{
    uint8_t state = gap->connect.state;
    return state != GAP_CONNECT_OFF && state != GAP_CONNECT_AWAIT_PEER && state != GAP_CONNECT_AWAIT_AGAIN;
}

BLUET_INTERNAL bool gap_connect_is_wanted(const struct gap *gap)
{
    return attempt_is_begun(gap) && !gap->connect.seeking;
}

BLUET_INTERNAL void gap_connect_succeeded(struct gap *gap)
{
    await(gap, GAP_CONNECT_OFF);
}

BLUET_INTERNAL void gap_connect_failed(struct gap *gap, uint8_t reason)
{
    if (!gap_connect_is_on(gap))
        return;
    await(gap, GAP_CONNECT_OFF);
    gap->connect.held = gap->connect.sought = false;
    struct bluet_event event = {.code = BLUET_EVENT_PERIPHERAL_DISCONNECT, .conn_handle = 0xffff};
    event.disconnect.peer.type = 0xff;
    event.disconnect.reason = reason;
    event_raise(gap->hci->sink, &event);
}

static void create_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    struct gap_connect *connect = &gap->connect;
    struct gap_attempt *attempt = &gap->attempt;
    if (result->argument != attempt->number || !attempt_is_begun(gap))
        return;
    /* A refusal ends the ticket; where there is none, the scan begins all the same, as the last one was. */
    if (result->opcode == HCI_LE_SET_SCAN_PARAMETERS && (result->status == HCI_SUCCESS || !result->ticket))
        return;
    if (result->status != HCI_SUCCESS) {
        gap_connect_failed(gap, result->status);
    } else if (connect->state == GAP_CONNECT_AWAIT_START) {
        if (attempt->give_up == 0)
            attempt->give_up = gap->hci->now + attempt->timeout_ms * 1000ull;
        gap_address_own(gap, &attempt->own);
        go_to(gap, connect->seeking ? GAP_CONNECT_SEEK : GAP_CONNECT_ON, attempt->give_up);
    }
}

/* ---- Start and cancel ---- */

static int check_start(struct gap *gap, const struct bluet_address *peer)
{
    if (peer && peer->type > BLUET_ADDRESS_RANDOM)
        return BLUET_EINVAL;
    if (gap_connect_is_on(gap))
        return BLUET_EALREADY;
    const struct sm_bond *bond = BLUET_HAS_SECURITY && peer ? gap_resolve(gap, peer) : NULL;
    if (peer && (link_find_peer(gap->links, peer) || (bond && link_find_peer(gap->links, &bond->peer))))
        return BLUET_EISCONN;
    return gap->links->count == gap->links->limit ? BLUET_ENOMEM : BLUET_OK;
}

/*
 * Whom the controller is to look for. One that it resolves may be using any address, and so may we: whoever advertises
 * to us alone may do so to any of ours.
 */
static void choose_target(struct gap *gap)
{
    struct gap_connect *connect = &gap->connect;
    const struct bluet_address *target = &gap->attempt.peer;
    const struct sm_bond *bond = BLUET_HAS_SECURITY && !connect->listed ? gap_resolve(gap, target) : NULL;
    connect->own_type = gap_address_type(gap);
    connect->seeking = connect->found = false;
    if (bond) {
        target = &bond->peer;
        connect->seeking = !bond->listed && sm_has_irk(bond);
        if (bond->listed && gap->address.mode == BLUET_ADDRESS_MODE_RPA)
            connect->own_type |= HCI_ADDRESS_RESOLVED;
    }
    connect->sought = connect->seeking;
    gap->attempt.target = *target;
}

/* Vol 4 Part E, 7.8.12. Whether there was room. */
static bool queue_create_connection(struct gap *gap, struct hci_command *command)
{
    const struct gap_connect *connect = &gap->connect;
    const struct gap_attempt *attempt = &gap->attempt;
    uint8_t octets[CREATE_CONNECTION_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, SCAN_INTERVAL);
    write_u16(&writer, SCAN_INTERVAL);
    write_u8(&writer, connect->listed); /* to one of the accept list, or the one that follows */
    gap_write_address(&writer, &attempt->target);
    write_u8(&writer, connect->own_type);
    link_put_parameters(&writer, &attempt->parameters);
    write_u32(&writer, 0); /* length of connection events: as the controller likes */
    command->opcode = HCI_LE_CREATE_CONNECTION;
    return hci_request(gap->hci, command, octets, sizeof octets);
}

static struct hci_command command_of(struct gap *gap, int ticket)
{
    return (struct hci_command){
        .ticket = ticket, .flags = HCI_LAST, .done = create_done, .context = gap, .argument = gap->attempt.number};
}

/* There is room. */
static void queue_attempt(struct gap *gap, int ticket)
{
    static const struct gap_scan_parameters seek = {SEEK_INTERVAL_US, SEEK_INTERVAL_US, false, 0};
    struct hci_command command = command_of(gap, ticket);
    await(gap, GAP_CONNECT_AWAIT_START);
    choose_target(gap);
    if (gap->connect.seeking)
        gap_scan_queue(gap, &command, &seek);
    else
        queue_create_connection(gap, &command);
}

BLUET_INTERNAL int gap_connect_start(struct gap *gap, const struct bluet_address *peer, uint32_t timeout_ms,
                                     const struct bluet_connection_parameters *given)
{
    static const struct bluet_connection_parameters defaults = {0};
    static const struct bluet_address nobody = {0};
    struct link_parameters parameters;
    int error = gap_link_parameters(&parameters, given ? given : &defaults) ? check_start(gap, peer) : BLUET_EINVAL;
    if (error)
        return error;
    int ticket = hci_begin(gap->hci, 1 + GAP_SCAN_COMMANDS, GAP_SCAN_STOP_LENGTH + CREATE_CONNECTION_LENGTH);
    if (ticket < 0)
        return ticket;
    struct gap_attempt *attempt = &gap->attempt;
    gap->connect.listed = !peer;
    attempt->number++;
    attempt->peer = *(peer ? peer : &nobody);
    attempt->parameters = parameters;
    attempt->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_DEFAULT_MS;
    attempt->give_up = 0;
    if (gap_scan_is_on(gap))
        gap_scan_end(gap, ticket, HCI_MAY_FAIL);
    queue_attempt(gap, ticket);
    return ticket;
}

BLUET_INTERNAL void gap_connect_reported(struct gap *gap)
{
    struct gap_connect *connect = &gap->connect;
    if (connect->state != GAP_CONNECT_SEEK || !connect->found)
        return;
    struct hci_command end = {0};
    struct hci_command begin = command_of(gap, 0);
    connect->found = false;
    if (!gap_enable(gap, &end, HCI_LE_SET_SCAN_ENABLE, false)) /* it will be heard again */
        return;
    connect->sought = connect->seeking = false;
    gap->attempt.target = gap->attempt.found_address;
    await(gap, GAP_CONNECT_AWAIT_START);
    if (!queue_create_connection(gap, &begin))
        go_to(gap, GAP_CONNECT_AWAIT_AGAIN, gap->hci->now + retry_us);
}

BLUET_INTERNAL const struct bluet_address *gap_connect_await_peer(struct gap *gap)
{
    await(gap, GAP_CONNECT_AWAIT_PEER);
    gap->connect.held = false;
    return gap->connect.listed ? NULL : &gap->attempt.peer;
}

BLUET_INTERNAL const struct bluet_address *gap_connect_own(const struct gap *gap)
{
    return &gap->attempt.own;
}

BLUET_INTERNAL bool gap_connect_again(struct gap *gap)
{
    const struct gap_attempt *attempt = &gap->attempt;
    const struct bluet_port *port = gap->hci->port;
    uint8_t random;
    port->random(port->context, &random, sizeof random);
    expire_in(gap, random * again_step_us);
    if (gap->connect.state != GAP_CONNECT_AWAIT_PEER || attempt->deadline >= attempt->give_up)
        return false;
    gap->connect.state = GAP_CONNECT_AWAIT_AGAIN;
    return true;
}

/* However it was answered: a report of how the attempt ended is on its way, unless it was but a scan. */
static void cancel_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    if (result->argument != gap->attempt.number || gap->connect.state != GAP_CONNECT_AWAIT_CANCEL)
        return;
    if (result->opcode == HCI_LE_CREATE_CONNECTION_CANCEL)
        expire_in(gap, cancel_timeout_us);
    else
        gap_connect_ended(gap, HCI_UNKNOWN_CONNECTION_IDENTIFIER);
}

/* Whether there was room. */
static bool request_cancel(struct gap *gap, int ticket)
{
    struct gap_connect *connect = &gap->connect;
    struct hci_command command = command_of(gap, ticket);
    command.done = cancel_done;
    command.opcode = HCI_LE_CREATE_CONNECTION_CANCEL;
    if (connect->seeking)
        command.flags |= HCI_MAY_FAIL;
    bool done = connect->seeking ? gap_enable(gap, &command, HCI_LE_SET_SCAN_ENABLE, false)
                                 : hci_request(gap->hci, &command, NULL, 0);
    if (done) {
        connect->sought = false;
        await(gap, GAP_CONNECT_AWAIT_CANCEL);
    }
    return done;
}

BLUET_INTERNAL bool gap_connect_end(struct gap *gap, int ticket)
{
    struct gap_connect *connect = &gap->connect;
    connect->held = false;
    if (connect->state == GAP_CONNECT_OFF || connect->state == GAP_CONNECT_AWAIT_CANCEL)
        return true;
    /* While it waits to begin again, the controller knows nothing of it: it has failed as soon as that may be said. */
    if (connect->state == GAP_CONNECT_AWAIT_AGAIN)
        go_to(gap, GAP_CONNECT_AWAIT_CANCEL, gap->hci->now);
    else if (connect->state != GAP_CONNECT_AWAIT_PEER && !request_cancel(gap, ticket))
        return false;
    gap->attempt.give_up = gap->hci->now;
    return true;
}

BLUET_INTERNAL int gap_connect_cancel(struct gap *gap)
{
    const struct gap_connect *connect = &gap->connect;
    if (connect->state == GAP_CONNECT_OFF || (connect->state == GAP_CONNECT_AWAIT_CANCEL && !connect->held))
        return BLUET_EALREADY;
    bool silent = connect->state == GAP_CONNECT_AWAIT_AGAIN || connect->held;
    int ticket = silent ? 0 : hci_begin(gap->hci, 1, GAP_SCAN_STOP_LENGTH);
    if (ticket >= 0)
        gap_connect_end(gap, ticket);
    return ticket;
}

static void begin_again(struct gap *gap)
{
    const struct gap_attempt *attempt = &gap->attempt;
    if (!hci_has_room(gap->hci, GAP_SCAN_COMMANDS, CREATE_CONNECTION_LENGTH))
        expire_in(gap, retry_us);
    else if (attempt->give_up && attempt->give_up <= gap->hci->now)
        gap_connect_failed(gap, HCI_UNKNOWN_CONNECTION_IDENTIFIER);
    else
        queue_attempt(gap, 0);
}

/* ---- Pauses ---- */

BLUET_INTERNAL bool gap_connect_hold(struct gap *gap)
{
    struct gap_connect *connect = &gap->connect;
    bool runs = connect->state == GAP_CONNECT_ON || connect->state == GAP_CONNECT_SEEK;
    bool waits = connect->state == GAP_CONNECT_AWAIT_AGAIN;
    if (runs && !request_cancel(gap, 0))
        return false;
    if (waits)
        gap->attempt.deadline = BLUET_NEVER;
    connect->held = runs || waits;
    return true;
}

BLUET_INTERNAL void gap_connect_release(struct gap *gap)
{
    if (gap->connect.held && gap->connect.state == GAP_CONNECT_AWAIT_AGAIN)
        gap->attempt.deadline = gap->hci->now;
    gap->connect.held = false;
}

BLUET_INTERNAL void gap_connect_ended(struct gap *gap, uint8_t reason)
{
    if (gap->connect.held)
        await(gap, GAP_CONNECT_AWAIT_AGAIN);
    else
        gap_connect_failed(gap, reason);
}

BLUET_INTERNAL void gap_connect_expire(struct gap *gap)
{
    if (gap->attempt.deadline > gap->hci->now)
        return;
    if (gap->connect.state == GAP_CONNECT_AWAIT_CANCEL)
        gap_connect_ended(gap, HCI_UNKNOWN_CONNECTION_IDENTIFIER);
    else if (gap->connect.state == GAP_CONNECT_AWAIT_AGAIN)
        begin_again(gap);
    else if (!gap_connect_end(gap, 0))
        expire_in(gap, retry_us);
}
