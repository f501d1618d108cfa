/* An air for other processes: clients that come, go, stall, die, and talk nonsense, without anybody else noticing. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/air_console.h"
#include "runtime/air_server.h"
#include "runtime/socket.h"

enum { LOG_SIZE = 8192, CLIENTS = 2 };

struct server {
    void (*noticed)(const char *line); /* called with each line; NULL: nobody */
    struct bluet_runtime *runtime;
    struct bluet_air_server *server;
    pthread_mutex_t mutex;
    char log[LOG_SIZE];
};

struct user {
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    struct bluet *host;
    atomic_uint reports, connects, disconnects, inactive, scans_done;
    atomic_uint reason;
};

static void on_log(void *context, const char *line)
{
    struct server *server = context;
    if (server->noticed)
        server->noticed(line);
    pthread_mutex_lock(&server->mutex);
    size_t length = strlen(server->log);
    snprintf(server->log + length, LOG_SIZE - length, "%s\n", line);
    pthread_mutex_unlock(&server->mutex);
}

static struct server *serve(const struct bluet_air_server_config *wish)
{
    struct server *server = calloc(1, sizeof *server);
    pthread_mutex_init(&server->mutex, NULL);
    struct bluet_air_server_config config = *wish;
    config.log = on_log;
    config.log_context = server;
    config.seed = 1;
    assert_int_equal(bluet_runtime_create(&server->runtime, NULL), 0);
    if (bluet_air_server_create(&server->server, server->runtime, &config))
        fail_msg("%s", bluet_runtime_message());
    assert_int_equal(bluet_runtime_start(server->runtime), 0);
    return server;
}

static void end(struct server *server)
{
    bluet_air_server_destroy(server->server);
    bluet_runtime_destroy(server->runtime);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

static bool has_logged(struct server *server, const char *words)
{
    for (uint64_t end = support_now() + SUPPORT_PATIENCE;;) {
        pthread_mutex_lock(&server->mutex);
        bool found = strstr(server->log, words);
        pthread_mutex_unlock(&server->mutex);
        if (found || support_now() >= end)
            return found;
        support_sleep(1);
    }
}

static uint64_t air_now(struct server *server)
{
    bluet_runtime_lock(server->runtime);
    uint64_t now = bluet_air_now(bluet_air_server_air(server->server));
    bluet_runtime_unlock(server->runtime);
    return now;
}

/* Until so much of the air's time has passed. */
static void let_pass(struct server *server, uint64_t duration_us)
{
    uint64_t end = air_now(server) + duration_us;
    while (air_now(server) < end)
        support_sleep(1);
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct user *user = context;
    (void)host;
    if (event->code == BLUET_EVENT_SCAN_RESULT)
        atomic_fetch_add(&user->reports, 1);
    if (event->code == BLUET_EVENT_SCAN_DONE)
        atomic_fetch_add(&user->scans_done, 1);
    if (event->code == BLUET_EVENT_PERIPHERAL_CONNECT)
        atomic_fetch_add(&user->connects, 1);
    if (event->code == BLUET_EVENT_PERIPHERAL_DISCONNECT) {
        atomic_store(&user->reason, event->disconnect.reason);
        atomic_fetch_add(&user->disconnects, 1);
    }
    if (event->code == BLUET_EVENT_INACTIVE)
        atomic_fetch_add(&user->inactive, 1);
    return 0;
}

static struct user *join(const char *transport)
{
    struct user *user = calloc(1, sizeof *user);
    const struct bluet_radio_config config = {.transport = transport,
                                              .host = {.handler = on_event, .handler_context = user}};
    assert_int_equal(bluet_runtime_create(&user->runtime, NULL), 0);
    assert_int_equal(bluet_radio_create(&user->radio, user->runtime, &config), 0);
    assert_int_equal(bluet_runtime_start(user->runtime), 0);
    int error = bluet_radio_wait(user->radio, bluet_radio_activate(user->radio), NULL, NULL);
    if (error)
        fail_msg("%d: %s", error, bluet_runtime_message());
    user->host = bluet_radio_host(user->radio);
    return user;
}

static void leave(struct user *user)
{
    bluet_runtime_destroy(user->runtime);
    free(user);
}

static void advertise(struct user *user)
{
    const struct bluet_span data = {"\x02\x01\x06", 3};
    bluet_runtime_lock(user->runtime);
    int ticket = bluet_gap_advertise(user->host, 20000, &data, NULL, true);
    assert_int_equal(bluet_radio_wait(user->radio, ticket, NULL, NULL), 0);
    bluet_runtime_unlock(user->runtime);
}

static void scan(struct user *user, uint32_t duration_ms)
{
    bluet_runtime_lock(user->runtime);
    int ticket = bluet_gap_scan(user->host, duration_ms, 30000, 30000, false);
    assert_int_equal(bluet_radio_wait(user->radio, ticket, NULL, NULL), 0);
    bluet_runtime_unlock(user->runtime);
}

static void connect_to(struct user *user, const struct bluet_address *peer)
{
    bluet_runtime_lock(user->runtime);
    const struct bluet_connection_parameters parameters = {.supervision_timeout_ms = 500};
    int ticket = bluet_gap_connect(user->host, peer, 2000, &parameters);
    assert_int_equal(bluet_radio_wait(user->radio, ticket, NULL, NULL), 0);
    bluet_runtime_unlock(user->runtime);
}

static bool reaches(const atomic_uint *count, unsigned least)
{
    for (uint64_t end = support_now() + SUPPORT_PATIENCE; atomic_load(count) < least && support_now() < end;)
        support_sleep(1);
    return atomic_load(count) >= least;
}

static struct bluet_address address_of(struct user *user)
{
    struct bluet_address address;
    bluet_runtime_lock(user->runtime);
    assert_int_equal(bluet_own_address(user->host, &address), 0);
    bluet_runtime_unlock(user->runtime);
    return address;
}

/* ---- Clients that behave ---- */

struct visit {
    unsigned count, advertising, scanning, connections;
    char names[256];
};

static void on_visit(void *context, const char *client, uint64_t since_us, const struct bluet_air_status *status)
{
    struct visit *visit = context;
    assert_true(since_us > 0);
    visit->count++;
    visit->advertising += status->advertising;
    visit->scanning += status->scanning;
    visit->connections += status->connection_count;
    size_t length = strlen(visit->names);
    snprintf(visit->names + length, sizeof visit->names - length, "%s ", client);
}

static void test_two_hosts_meet(void **state)
{
    (void)state;
    char transport[128], own_name[32];
    snprintf(transport, sizeof transport, "unix:%s", support_path("air"));
    struct server *server = serve(&(struct bluet_air_server_config){.unix_path = transport + 5});
    struct user *peripheral = join(transport), *central = join(transport);
    advertise(peripheral);
    scan(central, 0);
    assert_true(reaches(&central->reports, 3));

    struct visit visit = {0};
    bluet_air_server_visit(server->server, on_visit, &visit);
    assert_int_equal(visit.count, 2);
    assert_int_equal(visit.advertising, 1);
    assert_int_equal(visit.scanning, 1);
    snprintf(own_name, sizeof own_name, "[%ld]", (long)getpid());
    assert_non_null(strstr(visit.names, own_name));

    struct bluet_address peer = address_of(peripheral);
    connect_to(central, &peer);
    assert_true(reaches(&central->connects, 1));
    visit = (struct visit){0};
    bluet_air_server_visit(server->server, on_visit, &visit);
    assert_int_equal(visit.connections, 2);
    let_pass(server, 400000); /* until the link has been established for good */
    leave(peripheral);
    assert_true(reaches(&central->disconnects, 1));
    assert_int_equal(atomic_load(&central->reason), 0x08); /* the supervision timeout */
    assert_true(has_logged(server, "has gone"));
    leave(central);
    end(server);
    assert_int_not_equal(access(transport + 5, F_OK), 0);
}

static void test_tcp(void **state)
{
    (void)state;
    char transport[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&address, &length), 0);
    close(probe);
    snprintf(transport, sizeof transport, "tcp:127.0.0.1:%u", ntohs(address.sin_port));

    struct server *server = serve(&(struct bluet_air_server_config){.tcp_address = transport + 4});
    struct bluet_runtime *runtime;
    struct bluet_air_server *second;
    assert_int_equal(bluet_runtime_create(&runtime, NULL), 0);
    assert_int_equal(
        bluet_air_server_create(&second, runtime, &(struct bluet_air_server_config){.tcp_address = transport + 4}),
        BLUET_EIO);
    assert_non_null(strstr(bluet_runtime_message(), "Address already in use"));
    bluet_runtime_destroy(runtime);

    struct user *user = join(transport);
    assert_true(has_logged(server, "127.0.0.1:"));
    end(server);
    assert_true(reaches(&user->inactive, 1)); /* the air has gone under it */
    leave(user);
}

static void test_speed(void **state)
{
    (void)state;
    char transport[128];
    snprintf(transport, sizeof transport, "unix:%s", support_path("fast"));
    struct server *server = serve(&(struct bluet_air_server_config){.unix_path = transport + 5, .speed = 20});
    struct user *advertiser = join(transport), *scanner = join(transport);
    advertise(advertiser);
    scan(scanner, 0);
    uint64_t before = support_now();
    uint64_t air_before = air_now(server);
    let_pass(server, 10000000);                 /* ten seconds of the air: some 400 advertisements */
    assert_true(support_now() - before >= 450); /* of which twenty last one of the wall's */
    assert_true(reaches(&scanner->reports, 100));
    unsigned reports = atomic_load(&scanner->reports);
    assert_true(reports <= (air_now(server) - air_before) / 20000 + 2);
    leave(advertiser);
    leave(scanner);
    end(server);
}

static void test_refused_configurations(void **state)
{
    (void)state;
    struct bluet_runtime *runtime;
    struct bluet_air_server *server;
    assert_int_equal(bluet_runtime_create(&runtime, NULL), 0);
    const struct {
        struct bluet_air_server_config config;
        int error;
        const char *words;
    } rows[] = {
        {{.loss = 1.5}, BLUET_EINVAL, "probability"},
        {{.loss = -1}, BLUET_EINVAL, "probability"},
        {{.speed = -1}, BLUET_EINVAL, "speed"},
        {{.speed = 1e300}, BLUET_EINVAL, "speed"},
        {{.air_name = "a", .unix_path = "b"}, BLUET_EINVAL, "not both"},
        {{.air_name = "../a"}, BLUET_EINVAL, "name of an air"},
        {{.unix_path = "/no/such/folder/socket"}, BLUET_EIO, "No such file"},
        {{.tcp_address = "nonsense"}, BLUET_EINVAL, "HOST:PORT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(bluet_air_server_create(&server, runtime, &rows[i].config), rows[i].error);
        assert_non_null(strstr(bluet_runtime_message(), rows[i].words));
    }

    assert_int_equal(bluet_air_server_create(&server, runtime, &(struct bluet_air_server_config){.air_name = "mine"}),
                     0);
    struct bluet_air_server *second;
    assert_int_equal(bluet_air_server_create(&second, runtime, &(struct bluet_air_server_config){.air_name = "mine"}),
                     BLUET_EIO);
    assert_non_null(strstr(bluet_runtime_message(), "cannot be the air 'mine'"));
    assert_int_equal(access(support_path("bluet/mine.socket"), F_OK), 0); /* the first is not disturbed */
    bluet_air_server_destroy(server);
    assert_int_not_equal(access(support_path("bluet/mine.socket"), F_OK), 0);
    bluet_runtime_destroy(runtime);
}

static void test_leaves_when_empty(void **state)
{
    (void)state;
    struct bluet_runtime *runtime;
    struct bluet_air_server *server;
    const struct bluet_air_server_config config = {.unix_path = support_path("empty"), .leave_when_empty = true};
    assert_int_equal(bluet_runtime_create(&runtime, NULL), 0);
    assert_int_equal(bluet_air_server_create(&server, runtime, &config), 0);
    int client = socket_connect_unix(support_path("empty"), NULL);
    assert_true(client >= 0);
    assert_int_equal(bluet_runtime_run(runtime, 50000), 0);
    assert_int_equal(air_server_client_count(server), 1);
    close(client);
    assert_int_equal(bluet_runtime_run(runtime, BLUET_NEVER), 0);
    assert_int_equal(air_server_client_count(server), 0);
    bluet_air_server_destroy(server);
    bluet_runtime_destroy(runtime);
}

/* ---- Clients that do not ---- */

static const struct {
    const char *octets;
    size_t length;
    const char *words;
} nonsense[] = {
    {"GET / HTTP/1.0\r\n\r\n", 18, "octet 0x47"},
    {"\x04\x0e\x00", 3, "octet 0x04"},
    {"\x02\x40\x00\xff\xff", 5, "announces 65540 octets"},
    {"\x01\x03\x0c\x00\xee", 5, "octet 0xee"},
};

/* Two that are connected while others talk nonsense, half packets, or noise: their link lives on. */
static void test_garbage(void **state)
{
    (void)state;
    char transport[128];
    snprintf(transport, sizeof transport, "unix:%s", support_path("garbage"));
    const char *path = transport + 5;
    struct server *server = serve(&(struct bluet_air_server_config){.unix_path = path});
    struct user *peripheral = join(transport), *central = join(transport);
    struct bluet_address peer = address_of(peripheral);
    advertise(peripheral);
    connect_to(central, &peer);
    assert_true(reaches(&central->connects, 1));

    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        int client = socket_connect_unix(path, NULL);
        assert_int_equal(send(client, nonsense[i].octets, nonsense[i].length, 0), nonsense[i].length);
        assert_true(has_logged(server, nonsense[i].words));
        char rest[64];
        struct pollfd end_of_stream = {client, POLLIN, 0};
        do
            assert_int_equal(poll(&end_of_stream, 1, SUPPORT_PATIENCE), 1);
        while (recv(client, rest, sizeof rest, 0) > 0); /* until it is closed at the other end */
        close(client);
    }
    assert_true(has_logged(server, "is dropped: "));

    uint32_t noise = 1;
    for (unsigned i = 0; i < 60; i++) {
        int client = socket_connect_unix(path, NULL);
        uint8_t block[300];
        block[0] = (uint8_t)(1 + i % 2);
        for (size_t k = 1; k < sizeof block; k++)
            block[k] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
        send(client, block, i % 3 ? sizeof block : i % sizeof block, MSG_NOSIGNAL);
        close(client);
    }
    int half = socket_connect_unix(path, NULL);
    assert_int_equal(send(half, "\x01\x03", 2, 0), 2);
    let_pass(server, 700000); /* longer than the supervision timeout */
    assert_int_equal(atomic_load(&central->disconnects), 0);
    close(half);
    leave(central);
    leave(peripheral);
    end(server);
}

static const uint8_t reset[] = {0x01, 0x03, 0x0c, 0x00}, reset_done[] = {0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00};

/* Sends Reset, and takes its answer octet by octet. */
static void expect_reset(int descriptor)
{
    uint8_t answer[sizeof reset_done];
    assert_int_equal(write(descriptor, reset, sizeof reset), sizeof reset);
    for (size_t i = 0; i < sizeof answer; i++) {
        struct pollfd ready = {descriptor, POLLIN, 0};
        assert_int_equal(poll(&ready, 1, SUPPORT_PATIENCE), 1);
        assert_int_equal(read(descriptor, &answer[i], 1), 1);
    }
    assert_memory_equal(answer, reset_done, sizeof answer);
}

static const uint8_t scan_commands[] = {
    0x01, 0x01, 0x0c, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, /* event mask: LE events too */
    0x01, 0x0b, 0x20, 0x07, 0x00, 0x10, 0x00, 0x10, 0x00, 0x00, 0x00,       /* scan parameters */
    0x01, 0x0c, 0x20, 0x02, 0x01, 0x00,                                     /* scan enable */
};

/* One that scans and does not read: it is sent no more than it takes, others hear each other, and it can go on later.
 */
static void test_slow_client(void **state)
{
    (void)state;
    char transport[128];
    snprintf(transport, sizeof transport, "unix:%s", support_path("slow"));
    struct server *server = serve(&(struct bluet_air_server_config){.unix_path = transport + 5, .speed = 1000});
    struct user *advertiser = join(transport);
    int client = socket_connect_unix(transport + 5, NULL);
    int size = 4096;
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    assert_int_equal(send(client, scan_commands, sizeof scan_commands, 0), sizeof scan_commands);
    advertise(advertiser);
    let_pass(server, 600000000); /* ten minutes: 24000 advertisements, well over a megabyte */
    struct user *other = join(transport);
    scan(other, 0);
    assert_true(reaches(&other->reports, 10));
    leave(advertiser);

    /* What was kept comes now, and then there is silence again. */
    size_t taken = 0;
    char block[65536];
    for (unsigned quiet = 0; quiet < 50;) {
        ssize_t length = recv(client, block, sizeof block, 0);
        if (length > 0) {
            taken += (size_t)length;
            quiet = 0;
        } else {
            quiet++;
            support_sleep(2);
        }
    }
    assert_in_range(taken, 1000, 1000000);
    expect_reset(client);
    close(client);
    leave(other);
    end(server);
}

/* ---- Lines ---- */

/* Ten bits for each octet; what is more than a hundredth of a second's worth waits its turn. */
static void test_octets_come_as_on_a_slow_line(void **state)
{
    (void)state;
    static const uint8_t read_address[] = {0x01, 0x09, 0x10, 0x00}, done[] = {0x04, 0x0e, 0x0a, 0x01, 0x09, 0x10, 0x00};
    enum { COUNT = 40, ANSWER = 13, BAUD = 9600, LEAST_MS = COUNT * ANSWER * 10 * 1000 / BAUD - 50 };
    char listener[128];
    snprintf(listener, sizeof listener, "unix:%s,uart=%d", support_path("paced"), BAUD);
    struct server *server = serve(&(struct bluet_air_server_config){.listeners = (const char *[]){listener, NULL}});
    int client = socket_connect_unix(support_path("paced"), NULL);
    uint64_t start = support_now();
    uint8_t block[COUNT * ANSWER];
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(send(client, read_address, sizeof read_address, 0), sizeof read_address);
    for (size_t length = 0; length < sizeof block;) {
        struct pollfd ready = {client, POLLIN, 0};
        assert_int_equal(poll(&ready, 1, SUPPORT_PATIENCE), 1);
        ssize_t octets = recv(client, block + length, sizeof block - length, 0);
        assert_true(octets > 0);
        length += (size_t)octets;
    }
    assert_true(support_now() - start >= LEAST_MS);
    assert_memory_equal(block, done, sizeof done);
    assert_memory_equal(block + sizeof block - ANSWER, done, sizeof done);
    close(client);
    end(server);
}

static uint64_t processor_milliseconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

/* A host on a line who does not read: the air waits for him, asleep. */
static void test_slow_line_that_is_not_read(void **state)
{
    (void)state;
    char listener[128];
    snprintf(listener, sizeof listener, "unix:%s,uart=100000000", support_path("unread"));
    struct server *server =
        serve(&(struct bluet_air_server_config){.listeners = (const char *[]){listener, NULL}, .speed = 1000});
    snprintf(listener, sizeof listener, "unix:%s", support_path("unread"));
    struct user *advertiser = join(listener);
    int client = socket_connect_unix(support_path("unread"), NULL);
    assert_int_equal(send(client, scan_commands, sizeof scan_commands, 0), sizeof scan_commands);
    advertise(advertiser);
    let_pass(server, 600000000); /* more than a megabyte of reports */
    leave(advertiser);
    assert_true(has_logged(server, "has gone"));
    uint64_t before = processor_milliseconds();
    support_sleep(500);
    assert_true(processor_milliseconds() - before < 20);
    close(client);
    end(server);
}

/* The next host of a pseudo-terminal, who opens it when the one before has left and the air is about to see to it. */
static int next_host = -1;
static char terminal[128];

static void open_at_once(const char *line)
{
    if (next_host < 0 && strstr(line, "has gone"))
        next_host = open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static void test_next_host_of_a_terminal_comes_at_once(void **state)
{
    (void)state;
    char listener[128];
    snprintf(listener, sizeof listener, "pty:%s", support_path("line"));
    struct server *server = serve(&(struct bluet_air_server_config){.listeners = (const char *[]){listener, NULL}});
    server->noticed = open_at_once;
    assert_true(readlink(support_path("line"), terminal, sizeof terminal - 1) > 0);
    int host = open(support_path("line"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    expect_reset(host);
    assert_int_equal(write(host, reset, sizeof reset), sizeof reset); /* whose answer it does not read */
    close(host);
    assert_true(has_logged(server, "has gone"));
    assert_true(next_host >= 0);
    expect_reset(next_host);
    expect_reset(next_host);

    /* A third one meets neither. */
    host = open(support_path("line"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    expect_reset(host);
    expect_reset(next_host);
    server->noticed = NULL;
    close(next_host);
    expect_reset(host);
    close(host);
    end(server);
    assert_int_not_equal(access(support_path("line"), F_OK), 0);
}

/* ---- Commands ---- */

static struct bluet_air_controller *find_late_radio(void *context, unsigned long number)
{
    return number == 1000000 ? context : NULL;
}

static bool ignore(void *context, const uint8_t *packet, size_t length)
{
    (void)context;
    (void)packet;
    (void)length;
    return true;
}

/* An air that has seen a million hosts. */
static void test_commands_about_a_late_radio(void **state)
{
    (void)state;
    struct bluet_air *air;
    struct bluet_air_controller *controller;
    char out[AIR_CONSOLE_ANSWER_SIZE];
    assert_int_equal(bluet_air_create(&air, &(struct bluet_air_config){.reallocate = support_reallocate}), 0);
    assert_int_equal(bluet_air_attach(air, &controller, &(struct bluet_air_controller_config){.deliver = ignore}), 0);
    const struct air_console console = {.air = air, .find = find_late_radio, .context = controller};
    assert_int_equal(air_console_run(&console, "dead 1000000", out, sizeof out), 0);
    assert_int_equal(air_console_run(&console, "dead 1000001", out, sizeof out), BLUET_EINVAL);
    assert_string_equal(out, "there is no radio 1000001: `radios` lists them");
    bluet_air_destroy(air);
}

static int advertise_until_killed(const char *transport, int out)
{
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    const struct bluet_radio_config config = {.transport = transport};
    const struct bluet_span data = {"\x02\x01\x06", 3};
    struct bluet_address address;
    if (bluet_runtime_create(&runtime, NULL) || bluet_radio_create(&radio, runtime, &config) ||
        bluet_radio_wait(radio, bluet_radio_activate(radio), NULL, NULL) ||
        bluet_radio_wait(radio, bluet_gap_advertise(bluet_radio_host(radio), 20000, &data, NULL, true), NULL, NULL) ||
        bluet_own_address(bluet_radio_host(radio), &address))
        return 1;
    if (write(out, &address, sizeof address) != (ssize_t)sizeof address)
        return 1;
    bluet_runtime_run(runtime, 20000000);
    return 0;
}

static pid_t start_victim(const char *transport, struct bluet_address *out_address)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(advertise_until_killed(transport, ends[1]));
    close(ends[1]);
    assert_int_equal(read(ends[0], out_address, sizeof *out_address), sizeof *out_address);
    close(ends[0]);
    return child;
}

/* Server and central run in this process's one thread, for the victim is forked. */
static bool is_connected(void *context)
{
    return atomic_load(&((struct user *)context)->connects) > 0;
}

static bool is_disconnected(void *context)
{
    return atomic_load(&((struct user *)context)->disconnects) > 0;
}

static void test_killed_client(void **state)
{
    (void)state;
    char transport[128];
    snprintf(transport, sizeof transport, "unix:%s", support_path("killed"));
    pid_t air = fork();
    if (air == 0) {
        struct bluet_runtime *runtime;
        struct bluet_air_server *server;
        const struct bluet_air_server_config config = {.unix_path = transport + 5};
        if (bluet_runtime_create(&runtime, NULL) || bluet_air_server_create(&server, runtime, &config))
            _exit(1);
        bluet_runtime_run(runtime, 30000000);
        _exit(0);
    }
    int probe = -1;
    for (unsigned i = 0; i < SUPPORT_PATIENCE && (probe = socket_connect_unix(transport + 5, NULL)) < 0; i++)
        support_sleep(1);
    assert_true(probe >= 0);
    close(probe);

    struct bluet_address address;
    struct user user = {0};
    const struct bluet_radio_config config = {.transport = transport,
                                              .host = {.handler = on_event, .handler_context = &user}};
    assert_int_equal(bluet_runtime_create(&user.runtime, NULL), 0);
    assert_int_equal(bluet_radio_create(&user.radio, user.runtime, &config), 0);
    assert_int_equal(bluet_radio_wait(user.radio, bluet_radio_activate(user.radio), NULL, NULL), 0);
    user.host = bluet_radio_host(user.radio);
    for (unsigned i = 0; i < 2; i++) { /* and again, with one that has been started anew */
        pid_t victim = start_victim(transport, &address);
        atomic_store(&user.connects, 0);
        atomic_store(&user.disconnects, 0);
        connect_to(&user, &address);
        assert_true(support_until(user.runtime, is_connected, &user, SUPPORT_PATIENCE));
        uint64_t start = support_now();
        kill(victim, SIGKILL);
        waitpid(victim, NULL, 0);
        assert_true(support_until(user.runtime, is_disconnected, &user, SUPPORT_PATIENCE));
        assert_int_equal(atomic_load(&user.reason), 0x08);
        assert_true(support_now() - start >= 350);
    }
    bluet_runtime_destroy(user.runtime);
    kill(air, SIGKILL);
    waitpid(air, NULL, 0);
}

/* Stopped for longer than the supervision timeout: the air writes the time off, and the link lives. */
static void test_stall_of_the_air(void **state)
{
    (void)state;
    char transport[128];
    snprintf(transport, sizeof transport, "unix:%s", support_path("stall"));
    struct server *server = serve(&(struct bluet_air_server_config){.unix_path = transport + 5});
    struct user *peripheral = join(transport), *central = join(transport);
    struct bluet_address peer = address_of(peripheral);
    advertise(peripheral);
    connect_to(central, &peer);
    assert_true(reaches(&central->connects, 1));
    let_pass(server, 100000);

    bluet_runtime_lock(server->runtime); /* nothing moves */
    uint64_t before = bluet_air_now(bluet_air_server_air(server->server));
    support_sleep(3000);
    uint64_t resumed = support_now();
    bluet_runtime_unlock(server->runtime);
    while (air_now(server) - before < 900000)
        support_sleep(1);
    uint64_t made_up = air_now(server) - before;
    assert_true(made_up <= 1100000 + (support_now() - resumed) * 1000); /* and not all three seconds */
    support_sleep(300);
    assert_int_equal(atomic_load(&central->disconnects), 0);
    leave(central);
    leave(peripheral);
    end(server);
}

static int set_up(void **state)
{
    (void)state;
    support_make_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_remove_folder();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_hosts_meet),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_speed),
        cmocka_unit_test(test_refused_configurations),
        cmocka_unit_test(test_leaves_when_empty),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_slow_client),
        cmocka_unit_test(test_octets_come_as_on_a_slow_line),
        cmocka_unit_test(test_slow_line_that_is_not_read),
        cmocka_unit_test(test_next_host_of_a_terminal_comes_at_once),
        cmocka_unit_test(test_commands_about_a_late_radio),
        cmocka_unit_test(test_killed_client),
        cmocka_unit_test(test_stall_of_the_air),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
