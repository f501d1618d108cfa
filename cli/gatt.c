/*
 * `bluet gatt`: connects to a peer, finds its services, characteristics and descriptors, reads what can be read, and
 * draws it all (the discovery and read procedures of Vol 3 Part G, 4.4 to 4.8 and 4.12).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "gatt_peer.h"
#include "meeting.h"
#include "output.h"

static struct {
    char *store;
    double timeout;
    int type, json;
} options = {.timeout = 10, .type = MEETING_ASK_THE_AIR};

static const struct poptOption table[] = {
    MEETING_OPTIONS(options),
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "JSON instead of a tree", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "gatt [OPTION...] ADDRESS",
    .summary = "Connects to a peer, and draws its services, characteristics and descriptors,\n"
               "with names for the assigned numbers, and values where they can be read.",
    .details = "Whether the address is public or random is heard from the peer's advertising,\n"
               "unless it is said. With a peer that has been paired with (bluet pair) the link\n"
               "is encrypted first, so that what it shows to no stranger can be read.\n\n"
               "Exits with 0 if everything was seen, with 1 if the peer was not found, or went\n"
               "away half way (what was found until then is shown).\n\n"
               "Examples:\n"
               "  bluet gatt C0:FF:EE:00:00:01\n"
               "  bluet gatt --json C0:FF:EE:00:00:01 | jq .services",
    .options = table,
    .argument_least = 1,
    .argument_most = 1,
};

/* Named for what is awaited, in this order. */
enum phase {
    AWAIT_ENCRYPTION,
    AWAIT_SERVICES,
    AWAIT_INCLUDED,
    AWAIT_CHARACTERISTICS,
    AWAIT_DESCRIPTORS,
    AWAIT_VALUES,
    AWAIT_DISCONNECTION
};

struct visit {
    struct meeting meeting; /* the first: it is the context of events */
    enum phase phase;
    struct gatt_peer peer;
    size_t at;       /* the attribute that the running procedure is about */
    size_t last;     /* how many there were when the phase began */
    uint16_t offset; /* that the running read began at */
    char problem[512];
};

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
    if (bluet_gap_disconnect(visit->meeting.session.host, visit->meeting.conn_handle) < 0)
        meeting_end(&visit->meeting);
}

static bool is_readable(const struct gatt_attribute *attribute)
{
    return attribute->kind == PEER_DESCRIPTOR ||
           (attribute->kind == PEER_CHARACTERISTIC && (attribute->properties & GATT_PROPERTY_READ));
}

/* Begins this phase's procedure for the attribute at hand. 0: there is none for it. 1: begun. Negative: refused. */
static int begin_one(struct visit *visit, const struct gatt_attribute *attribute)
{
    struct bluet *host = visit->meeting.session.host;
    int error;
    switch (visit->phase) {
    case AWAIT_INCLUDED:
        if (attribute->kind != PEER_SERVICE || attribute->handle >= attribute->end_handle)
            return 0;
        error = bluet_gattc_discover_included_services(host, visit->meeting.conn_handle, attribute->handle,
                                                       attribute->end_handle);
        break;
    case AWAIT_CHARACTERISTICS:
        if (attribute->kind != PEER_SERVICE || attribute->handle >= attribute->end_handle)
            return 0;
        error = bluet_gattc_discover_characteristics(host, visit->meeting.conn_handle, attribute->handle,
                                                     attribute->end_handle, NULL);
        break;
    case AWAIT_DESCRIPTORS:
        if (attribute->kind != PEER_CHARACTERISTIC || attribute->value_handle >= attribute->end_handle)
            return 0;
        error = bluet_gattc_discover_descriptors(host, visit->meeting.conn_handle, attribute->value_handle,
                                                 attribute->end_handle);
        break;
    case AWAIT_VALUES:
        if (!is_readable(attribute))
            return 0;
        visit->offset = 0;
        error = bluet_gattc_read(host, visit->meeting.conn_handle, attribute->value_handle, 0);
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
        if (bluet_gattc_read(visit->meeting.session.host, visit->meeting.conn_handle, attribute->value_handle,
                             visit->offset) >= 0)
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

static void discover(struct visit *visit)
{
    struct bluet *host = visit->meeting.session.host;
    visit->phase = AWAIT_SERVICES;
    /* If the exchange is refused, the default holds, and no event comes: nothing waits for it. */
    bluet_gattc_exchange_mtu(host, visit->meeting.conn_handle);
    int error = bluet_gattc_discover_services(host, visit->meeting.conn_handle, NULL);
    if (error < 0) {
        set_problem(visit, "cannot discover services", BLUET_CODE_ERROR, error);
        leave(visit);
    }
}

/* With the keys that there are; nobody is paired with here. */
static void connected(struct visit *visit)
{
    visit->phase = AWAIT_ENCRYPTION;
    if (!meeting_is_bonded(&visit->meeting) ||
        bluet_gap_pair(visit->meeting.session.host, visit->meeting.conn_handle) < 0)
        discover(visit);
}

static void encrypted(struct visit *visit, const struct bluet_event *event)
{
    if (visit->phase != AWAIT_ENCRYPTION)
        return;
    if (!event->encryption_update.encrypted)
        cli_error("%s: the link is not encrypted: the peer does not know the keys any more (bluet bonds --remove %s, "
                  "and pair again)",
                  visit->meeting.text, visit->meeting.text);
    discover(visit);
}

static void disconnected(struct visit *visit)
{
    if (visit->meeting.was_connected && visit->phase < AWAIT_DISCONNECTION)
        set_problem(visit, "the connection ended half way", BLUET_CODE_HCI, visit->meeting.reason);
}

static void on_gatt_event(struct visit *visit, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_ENCRYPTION_UPDATE:
        encrypted(visit, event);
        break;
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
    meeting_take(&visit->meeting, event);
    switch (event->code) {
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        connected(visit);
        break;
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        disconnected(visit);
        break;
    case BLUET_EVENT_INACTIVE:
        visit->peer.problem = cli_session_loss(&visit->meeting.session);
        break;
    default:
        if (visit->meeting.connected && visit->phase < AWAIT_DISCONNECTION)
            on_gatt_event(visit, event);
        break;
    }
    return 0;
}

/* ---- The course of it ---- */

static int visit_peer(struct visit *visit)
{
    enum { ATTEMPTS = 3 };
    struct meeting *meeting = &visit->meeting;
    for (int attempt = 1;; attempt++) {
        int code = meeting_connect(meeting);
        if (code != CLI_OK)
            return code;
        /* Every step ends by itself: the host gives up on an answer after 30 s, and on a silent link sooner. */
        meeting_run(meeting, BLUET_NEVER);
        if (attempt == ATTEMPTS || visit->peer.count || !meeting_came_to_nothing(meeting))
            return CLI_OK;
        visit->peer.problem = NULL;
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

static int run(struct visit *visit)
{
    struct meeting *meeting = &visit->meeting;
    const char *store = cli_store(options.store, false);
    const struct cli_radio radio = {
        .store = access(store, F_OK) == 0 ? store : NULL, .store_if_free = true, .handler = on_event, .context = visit};
    /* Whatever a kept key is worth: the peer decides what it shows for it. */
    const struct bluet_security security = {.io = BLUET_IO_NO_INPUT_OUTPUT, .key_size = 7};
    int code = cli_session_open(&meeting->session, &radio);
    if (code == CLI_OK && options.type == MEETING_ASK_THE_AIR)
        code = meeting_find(meeting);
    if (code == CLI_OK && bluet_set_security(meeting->session.host, &security) == 0)
        code = visit_peer(visit);
    visit->peer.address = meeting->address;
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
    code = meeting_begin(&visit.meeting, text, options.type, options.timeout);
    if (code != CLI_OK)
        return code;
    code = run(&visit);
    cli_session_close(&visit.meeting.session);
    gatt_peer_free(&visit.peer);
    return code;
}
