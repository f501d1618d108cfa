/*
 * `bluet air`: runs the virtual radio for other processes. On a terminal a live table of who is on it; in a pipe a line
 * for each client that comes or goes; with --json the same as one JSON object a line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"

enum { REDRAW_US = 500000, LINE_SIZE = 320, PLACES_MOST = 64 };

static struct {
    char *unix_path, *name, *tcp_address, *control_path, *capture;
    char **ptys, **listeners;
    long long seed;
    double loss, speed, hci_delay;
    int uart, json;
} options = {.speed = 1};

static const struct poptOption table[] = {
    {"name", 'n', POPT_ARG_STRING, &options.name, 0, "be the air that the transport air:NAME finds (default: air)",
     "NAME"},
    {"unix", 'u', POPT_ARG_STRING, &options.unix_path, 0, "listen at this unix socket instead: unix:PATH", "PATH"},
    {"tcp", 't', POPT_ARG_STRING, &options.tcp_address, 0, "listen there: tcp:HOST:PORT", "HOST:PORT"},
    {"pty", 'p', POPT_ARG_ARGV, &options.ptys, 0, "a pseudo-terminal, found by this symbolic link; may be repeated",
     "LINK"},
    {"listen", 0, POPT_ARG_ARGV, &options.listeners, 0, "one place more: unix:PATH, tcp:HOST:PORT, pty:LINK; repeated",
     "WHERE"},
    {"control", 0, POPT_ARG_STRING, &options.control_path, 0, "take commands at this unix socket (air control --help)",
     "PATH"},
    {"capture", 0, POPT_ARG_STRING, &options.capture, 0, "write the HCI of all hosts and the radio, for Wireshark",
     "FILE.pcapng"},
    {"hci-delay", 0, POPT_ARG_DOUBLE, &options.hci_delay, 0, "until a controller's answers come out", "SECONDS"},
    {"uart", 0, POPT_ARG_INT, &options.uart, 0, "pace octets as on a serial line of this speed", "BAUD"},
    {"seed", 's', POPT_ARG_LONGLONG, &options.seed, 0, "of everything random; 0: from the clock (default)", "N"},
    {"loss", 'l', POPT_ARG_DOUBLE, &options.loss, 0, "the part of all packets that is lost, 0 to 1 (default: 0)", "P"},
    {"speed", 0, POPT_ARG_DOUBLE, &options.speed, 0, "how fast time passes on the air (default: 1)", "FACTOR"},
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "one JSON object a line", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "air [OPTION...]",
    .summary = "Runs the virtual radio for other processes. On a terminal it shows who is on it;\n"
               "in a pipe it writes a line for each client that comes or goes. Ctrl-C ends it.",
    .details = "Without --unix and --tcp it is the user's own air, which every program of Bluet\n"
               "uses that is not told otherwise.\n\n"
               "Behind a place, after commas, options of the controllers there: address=...,\n"
               "without=privacy+2m+coded+extended+periodic+length, version=4.2, acl=27x4,\n"
               "power=-10, hci-delay=0.01, uart=115200.\n\n"
               "Examples:\n"
               "  bluet air\n"
               "  bluet air --name lab --loss 0.1 --seed 7\n"
               "  bluet air --tcp localhost:9000 --json\n"
               "  bluet air --pty /tmp/ttyBLE,version=4.2,without=extended\n"
               "  bluet air --control /tmp/lab --capture air.pcapng\n"
               "  bluet air control /tmp/lab fault drop packet=l2cap cid=6",
    .options = table,
};

struct air {
    struct bluet_runtime *runtime;
    struct bluet_air_server *server;
    bool live;
    size_t line_count;   /* drawn, and to be drawn over */
    size_t client_count; /* visited */
    size_t room;         /* lines of the terminal that are left for clients */
    uint64_t started_us;
    char news[LINE_SIZE]; /* what happened last */
};

/* ---- Lines ---- */

/* The events that the log's lines tell of: what stands after the client's name. */
static const struct {
    const char *words, *event;
} kinds[] = {{" has come", "come"}, {" has gone", "gone"}, {" is dropped: ", "dropped"}};

static void write_json(const struct air *air, const char *line)
{
    json_t *object = json_object();
    json_object_set_new(object, "time", json_real((double)(bluet_runtime_now(air->runtime) - air->started_us) / 1e6));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *found = strstr(line, kinds[i].words);
        if (!found)
            continue;
        const char *reason = found + strlen(kinds[i].words);
        json_object_set_new(object, "event", json_string(kinds[i].event));
        json_object_set_new(object, "client", json_stringn(line, (size_t)(found - line)));
        if (*reason)
            json_object_set_new(object, "reason", json_string(reason));
        break;
    }
    if (!json_object_get(object, "event"))
        json_object_set_new(object, "event", json_string(line));
    output_json(object, JSON_COMPACT);
}

static void on_log(void *context, const char *line)
{
    struct air *air = context;
    if (air->live)
        snprintf(air->news, sizeof air->news, "%s", line);
    else if (options.json)
        write_json(air, line);
    else
        puts(line);
}

/* The line to copy for each kind of host. */
static void print_recipes(void)
{
    for (char **link = options.ptys; link && *link; link++) {
        int length = (int)strcspn(*link, ",");
        printf("serves pty:%.*s\n", length, *link);
        printf("  Linux, BlueZ    btattach -B %.*s -P h4 -S 1000000\n", length, *link);
        printf("  BTstack         the serial port %.*s, any speed, no flow control\n", length, *link);
        printf("  noble, bleno    BLUETOOTH_HCI_SOCKET_UART_PORT=%.*s node app.js\n", length, *link);
        printf("  MicroPython     MICROPYBTUART=%.*s micropython (unix port, variant with Bluetooth)\n", length, *link);
    }
    for (char **place = options.listeners; place && *place; place++)
        printf("serves %.*s\n", (int)strcspn(*place, ","), *place);
    if (options.tcp_address) {
        int length = (int)strcspn(options.tcp_address, ",");
        printf("  Bumble          tcp-client:%.*s\n", length, options.tcp_address);
        printf("  Zephyr          zephyr.exe --bt-dev=%.*s (native_sim, an IPv4 address)\n", length,
               options.tcp_address);
        const char *port = strrchr(options.tcp_address, ':');
        if (port)
            printf("  NimBLE          built with BLE_SOCK_USE_TCP=1 BLE_SOCK_TCP_PORT=%.*s (Linux, on 127.0.0.1)\n",
                   (int)strcspn(port + 1, ","), port + 1);
    }
    if (options.unix_path)
        printf("  Bumble          unix:%.*s\n", (int)strcspn(options.unix_path, ","), options.unix_path);
}

static void announce(void)
{
    char line[LINE_SIZE];
    const struct {
        const char *prefix, *argument;
    } transports[] = {{"air:", options.name}, {"unix:", options.unix_path}, {"tcp:", options.tcp_address}};
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        if (!transports[i].argument)
            continue;
        snprintf(line, sizeof line, "%s%s", transports[i].prefix, transports[i].argument);
        if (options.json)
            output_json(json_pack("{s:s, s:s}", "event", "serves", "transport", line), JSON_COMPACT);
        else
            printf("serves %s\n", line);
    }
    if (!options.json)
        print_recipes();
}

/* ---- The screen ---- */

static size_t terminal_rows(void)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row >= 6;
    return known ? size.ws_row : 24;
}

static void write_doing(char *out, size_t size, const struct bluet_air_status *status)
{
    const char *words[] = {status->advertising ? "advertises" : NULL, status->scanning ? "scans" : NULL,
                           status->initiating ? "connects" : NULL};
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i] && length < size)
            length += (size_t)snprintf(out + length, size - length, "%s%s", length ? ", " : "", words[i]);
    if (length == 0)
        snprintf(out, size, "-");
}

static void draw_client(void *context, const char *client, uint64_t since_us, const struct bluet_air_status *status)
{
    struct air *air = context;
    air->client_count++;
    if (air->client_count > air->room)
        return;
    char address[OUTPUT_ADDRESS_SIZE], doing[40];
    output_address(address, &status->address);
    write_doing(doing, sizeof doing, status);
    uint64_t seconds = (bluet_runtime_now(air->runtime) - since_us) / 1000000;
    printf("%-24.24s %4" PRIu64 ":%02" PRIu64 "  %s  %-26.26s %5u %9" PRIu64 " %9" PRIu64 " %8" PRIu32 "\033[K\n",
           client, seconds / 60, seconds % 60, address, doing, status->connection_count, status->packets_sent,
           status->packets_received, status->reports_dropped);
    air->line_count++;
}

static void draw(struct air *air)
{
    fputs("\033[?7l", stdout); /* a narrow terminal cuts lines off, so that they can be counted */
    if (air->line_count)
        printf("\033[%zuA\r", air->line_count);
    printf("%-24s %7s  %-17s  %-26s %5s %9s %9s %8s\033[K\n", "CLIENT", "SINCE", "ADDRESS", "DOES", "LINKS", "SENT",
           "RECEIVED", "DROPPED");
    air->line_count = 1;
    air->client_count = 0;
    air->room = terminal_rows() - 4;
    bluet_air_server_visit(air->server, draw_client, air);
    if (air->client_count > air->room) {
        printf("and %zu more\033[K\n", air->client_count - air->room);
        air->line_count++;
    }
    printf("%s\033[K\n\033[J\033[?7h", air->client_count || air->news[0] ? air->news : "nobody is here");
    air->line_count++;
    fflush(stdout);
}

/* ---- The command ---- */

static int parse(int argc, const char **argv)
{
    int code = cli_parse(&usage, NULL, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    const char *wrong = NULL;
    if (!(options.loss >= 0 && options.loss <= 1))
        wrong = "--loss: 0 to 1";
    else if (!(options.speed > 0 && options.speed <= 1e6))
        wrong = "--speed: more than 0, at most 1000000";
    else if (!(options.hci_delay >= 0 && options.hci_delay <= 60))
        wrong = "--hci-delay: 0 to 60 seconds";
    else if (options.uart && options.uart < 1200)
        wrong = "--uart: at least 1200";
    else if (options.name && options.unix_path)
        wrong = "--name and --unix: an air has one unix socket, so choose one of them";
    if (wrong) {
        cli_error("%s", wrong);
        return CLI_USAGE;
    }
    static char default_name[] = "air";
    if (!options.name && !options.unix_path && !options.tcp_address && !options.ptys && !options.listeners)
        options.name = default_name;
    return CLI_GO_ON;
}

/* The repeated options as one list. */
static bool collect_places(const char *out_listeners[PLACES_MOST + 1], char texts[PLACES_MOST][LINE_SIZE])
{
    char **lists[] = {options.ptys, options.listeners};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++)
        for (char **place = lists[i]; place && *place; place++) {
            if (count == PLACES_MOST)
                return false;
            int length = snprintf(texts[count], LINE_SIZE, "%s%s", i ? "" : "pty:", *place);
            if (length < 0 || length >= LINE_SIZE)
                return false;
            out_listeners[count] = texts[count];
            count++;
        }
    out_listeners[count] = NULL;
    return true;
}

static int open_air(struct air *air)
{
    int error = bluet_runtime_create(&air->runtime, NULL);
    if (error)
        return cli_fail("cannot start", error);
    const char *listeners[PLACES_MOST + 1];
    char texts[PLACES_MOST][LINE_SIZE];
    if (!collect_places(listeners, texts)) {
        cli_error("more than %d places, or one with too long a name", PLACES_MOST);
        return CLI_USAGE;
    }
    const struct bluet_air_server_config config = {
        .listeners = listeners,
        .control_path = options.control_path,
        .capture = options.capture,
        .answer_delay_us = (uint64_t)(options.hci_delay * 1e6),
        .baud = (uint32_t)options.uart,
        .air_name = options.name,
        .unix_path = options.unix_path,
        .tcp_address = options.tcp_address,
        .seed = (uint64_t)options.seed,
        .loss = options.loss,
        .speed = options.speed,
        .log = on_log,
        .log_context = air,
    };
    error = bluet_air_server_create(&air->server, air->runtime, &config);
    if (error) {
        cli_fail("cannot run the air", error);
        return error == BLUET_EINVAL ? CLI_USAGE : CLI_FAILED;
    }
    air->started_us = bluet_runtime_now(air->runtime);
    return CLI_OK;
}

static int run(struct air *air)
{
    cli_catch_signals(air->runtime);
    announce();
    while (!cli_interrupted()) {
        if (air->live)
            draw(air);
        else if (ferror(stdout) || cli_reader_gone())
            break;
        if (bluet_runtime_run(air->runtime, REDRAW_US))
            break;
    }
    cli_catch_signals(NULL);
    return CLI_OK;
}

int cli_air(int argc, const char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "control"))
        return cli_air_control(argc - 1, argv + 1);
    int code = parse(argc, argv);
    if (code != CLI_GO_ON)
        return code;

    struct air air = {0};
    const char *terminal = getenv("TERM");
    air.live = cli_is_terminal() && !options.json && terminal && strcmp(terminal, "dumb") != 0;
    setvbuf(stdout, NULL, air.live ? _IOFBF : _IOLBF, BUFSIZ);
    code = open_air(&air);
    if (code == CLI_OK)
        code = run(&air);
    bluet_air_server_destroy(air.server);
    bluet_runtime_destroy(air.runtime);
    if (!air.live && (ferror(stdout) || cli_reader_gone()))
        cli_die_of_pipe();
    return code;
}
