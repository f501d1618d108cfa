/*
 * `bluet gatt`: connects to a peer, finds its services, characteristics and descriptors, reads what can be read, and
 * draws it all (the discovery and read procedures of Vol 3 Part G, 4.4 to 4.8 and 4.12).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "gatt_peer.h"
#include "output.h"

enum type_choice { TYPE_ASK_THE_AIR = -1, TYPE_PUBLIC = BLUET_ADDRESS_PUBLIC, TYPE_RANDOM = BLUET_ADDRESS_RANDOM };

static struct {
    char *transport;
    double timeout;
    int type, json;
} options = {.timeout = 10, .type = TYPE_ASK_THE_AIR};

static const struct poptOption table[] = {
    {"random", 'r', POPT_ARG_VAL, &options.type, TYPE_RANDOM, "the address is a random one", NULL},
    {"public", 'p', POPT_ARG_VAL, &options.type, TYPE_PUBLIC, "the address is a public one", NULL},
    {"timeout", 'T', POPT_ARG_DOUBLE, &options.timeout, 0,
     "give up after so many seconds without a connection (default: 10)", "N"},
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "JSON instead of a tree", NULL},
    {"transport", 't', POPT_ARG_STRING, &options.transport, 0, "the radio: air, air:NAME, unix:PATH, tcp:HOST:PORT",
     "TRANSPORT"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "gatt [OPTION...] ADDRESS",
    .summary = "Connects to a peer, and draws its services, characteristics and descriptors,\n"
               "with names for the assigned numbers, and values where they can be read.",
    .details = "Whether the address is public or random is heard from the peer's advertising,\n"
               "unless it is said.\n\n"
               "Exits with 0 if everything was seen, with 1 if the peer was not found, or went\n"
               "away half way (what was found until then is shown).\n\n"
               "Examples:\n"
               "  bluet gatt C0:FF:EE:00:00:01\n"
               "  bluet gatt --json C0:FF:EE:00:00:01 | jq .services",
    .options = table,
    .argument_least = 1,
    .argument_most = 1,
};

/* Named for what is awaited:  HEARD -> SCAN_DONE -> CONNECTION -> SERVICES .. VALUES -> DISCONNECTION -> NOTHING */
enum phase {
    AWAIT_HEARD,
    AWAIT_CONNECTION,
    AWAIT_SERVICES,
    AWAIT_INCLUDED,
    AWAIT_CHARACTERISTICS,
    AWAIT_DESCRIPTORS,
    AWAIT_VALUES,
    AWAIT_DISCONNECTION,
    AWAIT_NOTHING
};

struct visit {
    struct cli_session session;
    enum phase phase;
    struct gatt_peer peer;
    uint16_t conn_handle;
    bool heard, connectable, was_connected, connected;
    uint8_t reason;  /* of the disconnection */
    size_t at;       /* the attribute that the running procedure is about */
    size_t last;     /* how many there were when the phase began */
    uint16_t offset; /* that the running read began at */
    char problem[512];
};

static void end(struct visit *visit)
{
    visit->phase = AWAIT_NOTHING;
    bluet_runtime_break(visit->session.runtime);
}

/* Keeps the first problem: those that follow come of it. */
static void set_problem(struct visit *visit, const char *what, enum bluet_code_space space, int code)
{
    if (visit->peer.problem)
        return;
    char words[384];
    cli_describe(words, sizeof words, space, code);
    snprintf(visit->problem, sizeof visit->problem, "%s: %s", what, words);
    visit->peer.problem = visit->problem;
}

/* ---- Discovery: one procedure after another, each begun when the last has ended ---- */

static void leave(struct visit *visit)
{
    visit->phase = AWAIT_DISCONNECTION;
    if (bluet_gap_disconnect(visit->session.host, visit->conn_handle) < 0)
        end(visit);
}

static bool is_readable(const struct gatt_attribute *attribute)
{
    return attribute->kind == PEER_DESCRIPTOR ||
           (attribute->kind == PEER_CHARACTERISTIC && (attribute->properties & GATT_PROPERTY_READ));
}

/* Begins this phase's procedure for the attribute at hand. 0: there is none for it. 1: begun. Negative: refused. */
static int begin_one(struct visit *visit, const struct gatt_attribute *attribute)
{
    struct bluet *host = visit->session.host;
    int error;
    switch (visit->phase) {
    case AWAIT_INCLUDED:
        if (attribute->kind != PEER_SERVICE || attribute->handle >= attribute->end_handle)
            return 0;
        error =
            bluet_gattc_discover_included_services(host, visit->conn_handle, attribute->handle, attribute->end_handle);
        break;
    case AWAIT_CHARACTERISTICS:
        if (attribute->kind != PEER_SERVICE || attribute->handle >= attribute->end_handle)
            return 0;
        error = bluet_gattc_discover_characteristics(host, visit->conn_handle, attribute->handle, attribute->end_handle,
                                                     NULL);
        break;
    case AWAIT_DESCRIPTORS:
        if (attribute->kind != PEER_CHARACTERISTIC || attribute->value_handle >= attribute->end_handle)
            return 0;
        error =
            bluet_gattc_discover_descriptors(host, visit->conn_handle, attribute->value_handle, attribute->end_handle);
        break;
    case AWAIT_VALUES:
        if (!is_readable(attribute))
            return 0;
        visit->offset = 0;
        error = bluet_gattc_read(host, visit->conn_handle, attribute->value_handle, 0);
        break;
    default:
        return 0;
    }
    return error < 0 ? error : 1;
}

static void go_on(struct visit *visit)
{
    while (visit->phase < AWAIT_DISCONNECTION) {
        for (; visit->at < visit->last; visit->at++) {
            int begun = begin_one(visit, &visit->peer.attributes[visit->at]);
            if (begun > 0)
                return;
            if (begun < 0) {
                set_problem(visit, "cannot go on", BLUET_CODE_ERROR, begun);
                leave(visit);
                return;
            }
        }
        visit->phase++;
        visit->at = 0;
        visit->last = visit->peer.count;
    }
    leave(visit);
}

/*
 * Whether the procedure may be followed by another. Beyond the ATT errors the link is of no more use; where it has
 * ended, the disconnect event follows and knows more.
 */
static bool ended_well(struct visit *visit, const char *what, uint16_t status)
{
    if (status == BLUET_STATUS_DISCONNECTED)
        return false;
    if (status > 0xff) {
        set_problem(visit, what, BLUET_CODE_ATT, status);
        leave(visit);
        return false;
    }
    return true;
}

static void discovery_done(struct visit *visit, const char *what, uint16_t status)
{
    if (!ended_well(visit, what, status))
        return;
    if (status != 0)
        set_problem(visit, what, BLUET_CODE_ATT, status);
    visit->at++;
    go_on(visit);
}

static void read_result(struct visit *visit, const struct bluet_event *event)
{
    struct gatt_attribute *attribute = &visit->peer.attributes[visit->at];
    attribute->reading = PEER_READ;
    if (!gatt_attribute_append(attribute, event->value.data, event->value.length))
        set_problem(visit, "a value was cut", BLUET_CODE_ERROR, BLUET_ENOMEM);
}

/* A value that filled its packet may go on (Vol 3 Part G, 4.8.3). */
static bool may_go_on(const struct visit *visit, const struct gatt_attribute *attribute)
{
    return attribute->length < GATT_VALUE_LARGEST && attribute->length - visit->offset == visit->peer.mtu - 1;
}

static void read_done(struct visit *visit, uint16_t status)
{
    struct gatt_attribute *attribute = &visit->peer.attributes[visit->at];
    if (!ended_well(visit, "reading a value", status))
        return;
    if (status == 0 && may_go_on(visit, attribute)) {
        visit->offset = attribute->length;
        if (bluet_gattc_read(visit->session.host, visit->conn_handle, attribute->value_handle, visit->offset) >= 0)
            return;
    }
    if (status == 0) {
        attribute->reading = PEER_READ;
    } else if (attribute->reading == PEER_NOT_READ) {
        attribute->reading = PEER_REFUSED;
        attribute->status = status;
    }
    visit->at++;
    go_on(visit);
}

/* ---- What is found ---- */

static void take(struct visit *visit, struct gatt_attribute *attribute)
{
    if (!attribute)
        set_problem(visit, "not all is shown", BLUET_CODE_ERROR, BLUET_ENOMEM);
}

static void service_result(struct visit *visit, const struct bluet_event *event)
{
    enum gatt_kind kind = visit->phase == AWAIT_INCLUDED ? PEER_INCLUDED : PEER_SERVICE;
    struct gatt_attribute *service =
        gatt_peer_add(&visit->peer, kind, event->service_result.def_handle, &event->service_result.uuid);
    if (service) {
        service->value_handle = event->service_result.start_handle;
        service->end_handle = event->service_result.end_handle;
    }
    take(visit, service);
}

static void characteristic_result(struct visit *visit, const struct bluet_event *event)
{
    struct gatt_attribute *characteristic = gatt_peer_add(
        &visit->peer, PEER_CHARACTERISTIC, event->characteristic_result.def_handle, &event->characteristic_result.uuid);
    if (characteristic) {
        characteristic->value_handle = event->characteristic_result.value_handle;
        characteristic->end_handle = event->characteristic_result.end_handle;
        characteristic->properties = event->characteristic_result.properties;
    }
    take(visit, characteristic);
}

static void descriptor_result(struct visit *visit, const struct bluet_event *event)
{
    take(visit, gatt_peer_add(&visit->peer, PEER_DESCRIPTOR, event->descriptor_result.dsc_handle,
                              &event->descriptor_result.uuid));
}

/* ---- The connection ---- */

static void report_heard(struct visit *visit, const struct bluet_event *event)
{
    const struct bluet_address *heard = &event->scan_result.peer;
    if (visit->phase != AWAIT_HEARD || event->scan_result.adv_type > 3 ||
        memcmp(heard->octets, visit->peer.address.octets, 6) != 0)
        return;
    visit->heard = true;
    if (event->scan_result.adv_type > 1)
        return;
    visit->connectable = true;
    visit->peer.address.type = heard->type;
    bluet_runtime_break(visit->session.runtime);
}

static void connected(struct visit *visit, const struct bluet_event *event)
{
    struct bluet *host = visit->session.host;
    visit->connected = visit->was_connected = true;
    visit->conn_handle = event->conn_handle;
    visit->phase = AWAIT_SERVICES;
    /* If the exchange is refused, the default holds, and no event comes: nothing waits for it. */
    bluet_gattc_exchange_mtu(host, visit->conn_handle);
    int error = bluet_gattc_discover_services(host, visit->conn_handle, NULL);
    if (error < 0) {
        set_problem(visit, "cannot discover services", BLUET_CODE_ERROR, error);
        leave(visit);
    }
}

static void disconnected(struct visit *visit, const struct bluet_event *event)
{
    visit->reason = event->disconnect.reason;
    if (visit->connected && visit->phase < AWAIT_DISCONNECTION)
        set_problem(visit, "the connection ended half way", BLUET_CODE_HCI, visit->reason);
    visit->connected = false;
    end(visit);
}

static void on_gatt_event(struct visit *visit, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_MTU_EXCHANGED:
        visit->peer.mtu = event->mtu_exchanged.mtu;
        break;
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
        service_result(visit, event);
        break;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
        characteristic_result(visit, event);
        break;
    case BLUET_EVENT_GATTC_DESCRIPTOR_RESULT:
        descriptor_result(visit, event);
        break;
    case BLUET_EVENT_GATTC_SERVICE_DONE:
        discovery_done(visit, "discovering services", event->done.status);
        break;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_DONE:
        discovery_done(visit, "discovering characteristics", event->done.status);
        break;
    case BLUET_EVENT_GATTC_DESCRIPTOR_DONE:
        discovery_done(visit, "discovering descriptors", event->done.status);
        break;
    case BLUET_EVENT_GATTC_READ_RESULT:
        if (visit->phase == AWAIT_VALUES)
            read_result(visit, event);
        break;
    case BLUET_EVENT_GATTC_READ_DONE:
        if (visit->phase == AWAIT_VALUES)
            read_done(visit, event->done.status);
        break;
    default:
        break;
    }
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)host;
    struct visit *visit = context;
    switch (event->code) {
    case BLUET_EVENT_SCAN_RESULT:
        report_heard(visit, event);
        break;
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        connected(visit, event);
        break;
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        disconnected(visit, event);
        break;
    case BLUET_EVENT_INACTIVE:
        visit->peer.problem = "the radio was lost (its process ended, or it was unplugged)";
        visit->connected = false;
        end(visit);
        break;
    default:
        if (visit->connected && visit->phase < AWAIT_DISCONNECTION)
            on_gatt_event(visit, event);
        break;
    }
    return 0;
}

/* ---- The course of it ---- */

/* The loop may also be broken by a signal, or in the middle of waiting for something else. */
static void run_until(struct visit *visit, enum phase phase, uint64_t deadline_us)
{
    enum { SLICE_US = 1000000 };
    struct bluet_runtime *runtime = visit->session.runtime;
    while (visit->phase < phase && !cli_interrupted()) {
        uint64_t now = bluet_runtime_now(runtime);
        if (now >= deadline_us || (visit->phase == AWAIT_HEARD && visit->connectable))
            return;
        uint64_t rest = deadline_us - now;
        if (bluet_runtime_run(runtime, rest < SLICE_US ? rest : SLICE_US) != 0)
            return;
    }
}

static uint64_t deadline_after(const struct visit *visit, double seconds)
{
    return bluet_runtime_now(visit->session.runtime) + (uint64_t)(seconds * 1e6);
}

static int interrupted(void)
{
    cli_error("interrupted");
    return CLI_INTERRUPTED;
}

/* Scans until the peer is heard, and with it the type of its address. */
static int find_type(struct visit *visit, const char *text)
{
    enum { INTERVAL_US = 60000 };
    struct cli_session *session = &visit->session;
    bluet_runtime_lock(session->runtime);
    int ticket = bluet_gap_scan(session->host, 0, INTERVAL_US, INTERVAL_US, false);
    int error = cli_session_wait(session, ticket);
    bluet_runtime_unlock(session->runtime);
    if (error)
        return cli_fail("cannot scan", error);
    run_until(visit, AWAIT_CONNECTION, deadline_after(visit, options.timeout));

    bluet_runtime_lock(session->runtime);
    ticket = bluet_gap_scan_stop(session->host);
    cli_session_wait(session, ticket);
    bluet_runtime_unlock(session->runtime);
    if (cli_interrupted())
        return interrupted();
    if (visit->peer.problem)
        cli_error("%s", visit->peer.problem);
    else if (!visit->heard)
        cli_error(
            "%s: not found: nobody advertised with that address within %g s (is it switched on, in range, and not "
            "connected elsewhere?)",
            text, options.timeout);
    else if (!visit->connectable)
        cli_error("%s: it advertises, but does not accept connections", text);
    return visit->connectable && !visit->peer.problem ? CLI_OK : CLI_FAILED;
}

static int connect_peer(struct visit *visit, const char *text)
{
    enum { GRACE_S = 5 };
    /* Fast: there are dozens of requests to make, one after the other, and then the link is given up. */
    static const struct bluet_connection_parameters parameters = {.interval_min_us = 7500, .interval_max_us = 15000};
    struct cli_session *session = &visit->session;
    visit->phase = AWAIT_CONNECTION;
    bluet_runtime_lock(session->runtime);
    bluet_set_mtu(session->host, 517);
    int ticket =
        bluet_gap_connect(session->host, &visit->peer.address, (uint32_t)(options.timeout * 1000), &parameters);
    int error = cli_session_wait(session, ticket);
    bluet_runtime_unlock(session->runtime);
    if (error)
        return cli_fail("cannot connect", error);
    run_until(visit, AWAIT_SERVICES, deadline_after(visit, options.timeout + GRACE_S));
    if (visit->was_connected)
        return CLI_OK;
    if (cli_interrupted())
        return interrupted();
    if (visit->peer.problem)
        cli_error("%s", visit->peer.problem);
    else
        cli_error("%s: no connection within %g s (is it switched on, in range, and not connected elsewhere?)", text,
                  options.timeout);
    return CLI_FAILED;
}

/* A new link that the peer has not heard of: worth another attempt (Vol 6 Part B, 4.5). */
static bool failed_to_be_established(const struct visit *visit)
{
    enum { CONNECTION_FAILED_TO_BE_ESTABLISHED = 0x3e };
    return visit->was_connected && !visit->connected && visit->reason == CONNECTION_FAILED_TO_BE_ESTABLISHED &&
           visit->peer.count == 0 && !cli_interrupted();
}

static int visit_peer(struct visit *visit, const char *text)
{
    enum { ATTEMPTS = 3 };
    for (int attempt = 1;; attempt++) {
        int code = connect_peer(visit, text);
        if (code != CLI_OK)
            return code;
        /* Every step ends by itself: the host gives up on an answer after 30 s, and on a silent link sooner. */
        run_until(visit, AWAIT_NOTHING, BLUET_NEVER);
        if (attempt == ATTEMPTS || !failed_to_be_established(visit))
            return CLI_OK;
        visit->peer.problem = NULL;
        visit->was_connected = false;
    }
}

static int show(struct visit *visit)
{
    gatt_peer_sort(&visit->peer);
    if (cli_interrupted() && !visit->peer.problem)
        visit->peer.problem = "interrupted";
    if (options.json) {
        if (!gatt_peer_write_json(&visit->peer))
            return CLI_FAILED;
    } else {
        gatt_peer_draw(&visit->peer);
    }
    if (!visit->peer.problem)
        return CLI_OK;
    cli_error("%s", visit->peer.problem);
    return cli_interrupted() ? CLI_INTERRUPTED : CLI_FAILED;
}

static int run(struct visit *visit, const char *text)
{
    int code = cli_session_open(&visit->session, options.transport, on_event, visit);
    if (code == CLI_OK && options.type == TYPE_ASK_THE_AIR)
        code = find_type(visit, text);
    if (code == CLI_OK)
        code = visit_peer(visit, text);
    return code == CLI_OK ? show(visit) : code;
}

int cli_gatt(int argc, const char **argv)
{
    const char *text;
    int code = cli_parse(&usage, &text, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    static struct visit visit;
    visit.peer.mtu = 23;
    visit.peer.address.type = options.type == TYPE_RANDOM ? BLUET_ADDRESS_RANDOM : BLUET_ADDRESS_PUBLIC;
    if (!output_parse_address(&visit.peer.address, text)) {
        cli_error("%s: not an address (they look like C0:FF:EE:00:00:01)", text);
        return CLI_USAGE;
    }
    if (!(options.timeout > 0 && options.timeout <= 3600)) {
        cli_error("--timeout: more than 0, at most 3600");
        return CLI_USAGE;
    }
    code = run(&visit, text);
    cli_session_close(&visit.session);
    gatt_peer_free(&visit.peer);
    return code;
}
