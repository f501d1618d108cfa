/*
 * `bluet scan`: lists who advertises. On a terminal a live table; in a pipe a line for each device when it is first
 * heard and when what it says changes; with --json the same as JSON, one object a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "devices.h"
#include "output.h"
#include "scan_screen.h"

enum { SECONDS_UNSET = -1 };

static struct {
    char *name, *address_text;
    double seconds;
    int passive, all, json;
    bool has_address;
    struct bluet_address address;
} options = {.seconds = SECONDS_UNSET};

static const struct poptOption table[] = {
    {"seconds", 's', POPT_ARG_DOUBLE, &options.seconds, 0,
     "scan for so long; 0 until interrupted (default: 0 on a terminal, 10 in a pipe)", "N"},
    {"active", 0, POPT_ARG_VAL, &options.passive, 0, "ask advertisers for their scan response (default)", NULL},
    {"passive", 'p', POPT_ARG_VAL, &options.passive, 1, "only listen", NULL},
    {"all", 'a', POPT_ARG_NONE, &options.all, 0, "a line for every report, not only for news", NULL},
    {"name", 'n', POPT_ARG_STRING, &options.name, 0, "only devices whose name contains this", "TEXT"},
    {"address", 'd', POPT_ARG_STRING, &options.address_text, 0, "only the device with this address", "ADDRESS"},
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "one JSON object a line", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_radio_options, 0, NULL, NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "scan [OPTION...]",
    .summary = "Lists who advertises, with decoded advertising data. On a terminal the list is\n"
               "live, and Ctrl-C ends it; in a pipe there is a line for each device when it is\n"
               "first heard, and when what it says changes.",
    .details = "Exits with 0 if a device was heard, with 1 if none was.\n\n"
               "Examples:\n"
               "  bluet scan\n"
               "  bluet scan | head -1\n"
               "  bluet scan --seconds 3 --json | jq -r .name",
    .options = table,
};

struct scan {
    struct cli_session session;
    struct devices devices;
    struct scan_screen screen;
    bool live, done, lost, full;
    size_t shown;
    uint8_t hci_status;
};

static bool is_wanted(const struct device *device)
{
    if (options.has_address && memcmp(device->address.octets, options.address.octets, 6) != 0)
        return false;
    return !options.name || device_name_contains(device, options.name);
}

static void show(struct scan *scan, struct device *device)
{
    device->waiting = false;
    if (!is_wanted(device))
        return;
    scan->shown++;
    if (scan->live)
        return;
    if (options.json)
        output_json(device_to_json(device), JSON_COMPACT);
    else
        device_write_line(stdout, device);
    if (ferror(stdout))
        bluet_runtime_break(scan->session.runtime);
}

/* One report by itself, as if nothing had been heard from that device before. */
static void show_report(struct scan *scan, const struct bluet_event *event)
{
    struct devices alone = {0};
    struct device *device;
    devices_take(&alone, &device, event, 0);
    if (device) {
        device->adv_type = event->scan_result.adv_type;
        show(scan, device);
    }
    devices_free(&alone);
}

static void take_report(struct scan *scan, const struct bluet_event *event)
{
    if (options.all && !scan->live) {
        show_report(scan, event);
        return;
    }
    struct device *device;
    enum device_news news = devices_take(&scan->devices, &device, event, bluet_runtime_now(scan->session.runtime));
    bool is_response = event->scan_result.adv_type == 4;
    if (news == DEVICE_NOT_KEPT) {
        scan->full = true;
    } else if (news == DEVICE_NEW && !is_response && !options.passive && device_is_scannable(device)) {
        /* Its scan response follows at once, if it comes at all: one line for both. */
        device->waiting = true;
    } else if (device->waiting || news != DEVICE_KNOWN) {
        show(scan, device);
    }
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)host;
    struct scan *scan = context;
    switch (event->code) {
    case BLUET_EVENT_SCAN_RESULT:
        take_report(scan, event);
        break;
    case BLUET_EVENT_SCAN_DONE:
        scan->done = true;
        bluet_runtime_break(scan->session.runtime);
        break;
    case BLUET_EVENT_INACTIVE:
        scan->lost = true;
        scan->hci_status = event->inactive.hci_status;
        bluet_runtime_break(scan->session.runtime);
        break;
    default:
        break;
    }
    return 0;
}

static int start(struct scan *scan)
{
    enum { INTERVAL_US = 100000 };
    struct cli_session *session = &scan->session;
    bluet_runtime_lock(session->runtime);
    int ticket =
        bluet_gap_scan(session->host, (uint32_t)(options.seconds * 1000), INTERVAL_US, INTERVAL_US, !options.passive);
    int error = cli_session_wait(session, ticket);
    bluet_runtime_unlock(session->runtime);
    return error ? cli_fail("cannot scan", error) : CLI_OK;
}

static void run(struct scan *scan)
{
    enum { REDRAW_US = 250000 };
    struct bluet_runtime *runtime = scan->session.runtime;
    while (!scan->done && !scan->lost && !cli_interrupted() && !ferror(stdout)) {
        if (scan->live)
            scan_screen_draw(&scan->screen, &scan->devices, bluet_runtime_now(runtime));
        else if (cli_reader_gone())
            break;
        if (bluet_runtime_run(runtime, REDRAW_US) != 0)
            break;
    }
}

static int finish(struct scan *scan)
{
    for (size_t i = 0; i < scan->devices.count; i++)
        if (scan->devices.list[i].waiting)
            show(scan, &scan->devices.list[i]);
    if (scan->live)
        scan_screen_end(&scan->screen, &scan->devices, bluet_runtime_now(scan->session.runtime));
    if (!scan->live && cli_reader_gone())
        cli_die_of_pipe();
    if (ferror(stdout))
        return CLI_FAILED; /* main() says so */
    if (scan->full)
        cli_error("more than %d addresses were heard; the later ones are not listed", DEVICES_LIMIT);
    if (scan->lost) {
        cli_error("%s", cli_session_loss(&scan->session));
        return CLI_FAILED;
    }
    if (scan->shown)
        return CLI_OK;
    cli_error(options.name || options.has_address ? "no such advertiser was heard" : "no advertiser was heard");
    return CLI_FAILED;
}

static int parse(int argc, const char **argv)
{
    int code = cli_parse(&usage, NULL, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    if (!(options.seconds >= 0 && options.seconds <= 1000000) && options.seconds != SECONDS_UNSET) {
        cli_error("--seconds: 0 to 1000000");
        return CLI_USAGE;
    }
    options.has_address = options.address_text != NULL;
    if (options.has_address && !output_parse_address(&options.address, options.address_text)) {
        cli_error("%s: not an address (they look like C0:FF:EE:00:00:01)", options.address_text);
        return CLI_USAGE;
    }
    return CLI_GO_ON;
}

int cli_scan(int argc, const char **argv)
{
    int code = parse(argc, argv);
    if (code != CLI_GO_ON)
        return code;

    static struct scan scan;
    const char *terminal = getenv("TERM");
    scan.live = cli_is_terminal() && !options.json && !options.all && terminal && strcmp(terminal, "dumb") != 0;
    scan.screen.wanted = is_wanted;
    if (options.seconds == SECONDS_UNSET)
        options.seconds = cli_is_terminal() ? 0 : 10;
    setvbuf(stdout, NULL, scan.live ? _IOFBF : _IOLBF, BUFSIZ);

    code = cli_session_open(&scan.session, &(struct cli_radio){.handler = on_event, .context = &scan});
    if (code == CLI_OK)
        code = start(&scan);
    if (code == CLI_OK) {
        run(&scan);
        code = finish(&scan);
    }
    cli_session_close(&scan.session);
    devices_free(&scan.devices);
    return code;
}
