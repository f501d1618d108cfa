/*
 * An air for hosts in other processes: listens, gives each client a controller, and lets the air's time follow the
 * wall's.
 *
 * The air's clock runs `speed` times as fast as the runtime's. When the process could not keep up, or was stopped, the
 * air catches up in slices, between which clients are heard; what is more than a second behind is written off, so that
 * links do not die of a pause that nobody could have used.
 */
#include "runtime/air_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "runtime/air_capture.h"
#include "runtime/air_entrance.h"
#include "runtime/air_place.h"
#include "runtime/air_steering.h"
#include "runtime/message.h"
#include "runtime/pty.h"
#include "runtime/socket.h"

enum { SLICE_US = 10000, MOST_LAG_US = 1000000, PATH_SIZE = 4096 };

struct bluet_air_server {
    struct bluet_air_server_config config;
    struct bluet_runtime *runtime;
    struct bluet_air *air;
    struct loop_timer timer;
    uint64_t wall_start, air_start; /* two moments that are the same on both clocks */
    struct air_entrance *listeners;
    char *name; /* of the place where one of them is; NULL: none */
    struct air_client *clients;
    unsigned long client_number; /* of the last one */
    struct air_capture capture;
    struct air_console control;
    struct air_steerer *steerers;
};

__attribute__((format(printf, 2, 3))) static void say(const struct bluet_air_server *server, const char *format, ...)
{
    if (!server->config.log)
        return;
    char line[AIR_CLIENT_NAME_SIZE + AIR_CLIENT_REASON_SIZE + 32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    server->config.log(server->config.log_context, line);
}

/* ---- Time ---- */

/* The wall's moment at which the air's is reached. */
static uint64_t wall_of(const struct bluet_air_server *server, uint64_t moment)
{
    if (moment == BLUET_NEVER)
        return BLUET_NEVER;
    if (moment <= server->air_start)
        return server->wall_start;
    double wait = (double)(moment - server->air_start) / server->config.speed;
    return wait < 1e18 ? server->wall_start + (uint64_t)wait + 1 : BLUET_NEVER;
}

static uint64_t deadline(void *context)
{
    const struct bluet_air_server *server = context;
    uint64_t earliest = wall_of(server, bluet_air_deadline(server->air));
    for (const struct air_client *client = server->clients; client; client = client->next) {
        uint64_t due = air_client_deadline(client);
        earliest = due < earliest ? due : earliest;
    }
    return earliest;
}

/* Brings the air forward to now, or by a slice. */
static void advance(struct bluet_air_server *server, uint64_t now)
{
    uint64_t behind = now - server->wall_start;
    uint64_t reached = (uint64_t)((double)(bluet_air_now(server->air) - server->air_start) / server->config.speed);
    if (reached > behind)
        return;
    if (behind - reached > MOST_LAG_US) {
        server->wall_start = now - MOST_LAG_US;
        server->air_start = bluet_air_now(server->air);
        behind = MOST_LAG_US;
        reached = 0;
    }
    /* Where nothing is due there is nothing to be cut into slices. */
    bool idle = wall_of(server, bluet_air_deadline(server->air)) > now;
    uint64_t wall = behind - reached > SLICE_US && !idle ? reached + SLICE_US : behind;
    uint64_t moment = server->air_start + (uint64_t)((double)wall * server->config.speed);
    if (moment >= bluet_air_now(server->air))
        bluet_air_advance(server->air, moment);
}

/* ---- Clients ---- */

BLUET_INTERNAL size_t air_server_client_count(struct bluet_air_server *server)
{
    size_t count = 0;
    loop_lock(server->runtime);
    for (const struct air_client *client = server->clients; client; client = client->next)
        count++;
    loop_unlock(server->runtime);
    return count;
}

static void listen_for_clients(struct bluet_air_server *server, bool wanted)
{
    for (struct air_entrance *listener = server->listeners; listener; listener = listener->next)
        if (listener->source.fd >= 0)
            loop_change_source(server->runtime, &listener->source, wanted ? EPOLLIN : 0);
}

/* The next host finds a fresh pseudo-terminal under the same name. */
static void renew(struct bluet_air_server *server, struct air_entrance *listener)
{
    if (air_entrance_renew(listener) || loop_add_source(server->runtime, &listener->source))
        say(server, "%s is given up: %s", listener->path, bluet_runtime_message());
}

static void add_client(struct bluet_air_server *server, struct air_entrance *listener, int descriptor);

/*
 * A host has closed a pseudo-terminal, whose name leads to a fresh one now. Another one may have opened it in between,
 * before its leaving was noticed: who is there stays.
 */
static void leave_terminal(struct bluet_air_server *server, struct air_entrance *listener, int descriptor)
{
    if (pty_is_left(descriptor)) {
        close(descriptor);
        return;
    }
    tcflush(descriptor, TCOFLUSH); /* what the other one has not read */
    add_client(server, listener, descriptor);
}

/* The client is taken off the air; its terminal may live on. */
static void remove_client(struct bluet_air_server *server, struct air_client *client)
{
    char name[AIR_CLIENT_NAME_SIZE];
    char reason[AIR_CLIENT_REASON_SIZE];
    memcpy(name, client->name, sizeof name);
    memcpy(reason, client->reason, sizeof reason);
    struct air_entrance *listener = client->listener;
    bool terminal = listener && listener->kind == AIR_ENTRANCE_PTY;
    int left = terminal && !*reason ? fcntl(client->source.fd, F_DUPFD_CLOEXEC, 0) : -1;
    air_capture_remove(&server->capture, client->controller);
    air_client_destroy(client);
    if (terminal && listener->source.fd < 0)
        renew(server, listener);
    if (*reason)
        say(server, "%s is dropped: %s", name, reason);
    else
        say(server, "%s has gone", name);
    if (left >= 0)
        leave_terminal(server, listener, left);
}

static void remove_finished(struct bluet_air_server *server)
{
    bool removed = false;
    struct air_client **place = &server->clients;
    while (*place) {
        struct air_client *client = *place;
        if (!client->finished) {
            place = &client->next;
            continue;
        }
        *place = client->next;
        remove_client(server, client);
        removed = true;
    }
    if (!removed)
        return;
    listen_for_clients(server, true);
    if (!server->clients && server->config.leave_when_empty)
        bluet_runtime_break(server->runtime);
}

/* After anything has happened: sends what that gave rise to, resumes who can take more, and sees who has finished. */
static void settle(struct bluet_air_server *server)
{
    for (struct air_client *client = server->clients; client; client = client->next) {
        air_client_write(client);
        if (client->stalled && !client->finished && queue_length(&client->output) == 0) {
            client->stalled = false;
            bluet_air_resume(client->controller);
        }
    }
    remove_finished(server);
}

static void expire(void *context, uint64_t now)
{
    struct bluet_air_server *server = context;
    loop_lock(server->runtime);
    advance(server, now);
    settle(server);
    loop_unlock(server->runtime);
}

static void client_ready(void *context, uint32_t events)
{
    struct air_client *client = context;
    struct bluet_air_server *server = client->server;
    loop_lock(server->runtime);
    advance(server, bluet_runtime_now(server->runtime));
    if (events & ~(uint32_t)EPOLLOUT)
        air_client_read(client);
    settle(server);
    loop_unlock(server->runtime);
}

/* What the client asks for, unless another has it who is still there. False: nothing. */
static bool choose_address(const struct bluet_air_server *server, int descriptor, uint8_t out_address[6])
{
    bool wanted = socket_wanted_address(descriptor, out_address);
    for (struct air_client *client = server->clients; wanted && client; client = client->next) {
        if (memcmp(client->address, out_address, sizeof client->address) != 0)
            continue;
        air_client_read(client);
        wanted = client->finished;
    }
    return wanted;
}

static void add_client(struct bluet_air_server *server, struct air_entrance *listener, int descriptor)
{
    struct air_client *client;
    uint8_t address[6];
    bool wanted = choose_address(server, descriptor, address);
    const char *name = listener->kind == AIR_ENTRANCE_PTY ? listener->path : NULL;
    if (air_client_create(&client, server->runtime, server->air, descriptor, &listener->options, name,
                          wanted ? address : NULL)) {
        say(server, "a client could not be let in: no memory");
        return;
    }
    client->server = server;
    client->listener = listener;
    client->number = ++server->client_number;
    client->source.ready = client_ready;
    client->source.context = client;
    if (loop_add_source(server->runtime, &client->source)) {
        say(server, "%s could not be let in: %s", client->name, bluet_runtime_message());
        air_client_destroy(client);
        return;
    }
    struct air_client **place = &server->clients;
    while (*place)
        place = &(*place)->next;
    *place = client;
    air_capture_add(&server->capture, client->controller, client->name);
    say(server, "%s has come", client->name);
}

/* A host has opened the terminal, and says something; or has only looked in. */
static void accept_terminal(struct bluet_air_server *server, struct air_entrance *listener, bool speaks)
{
    int descriptor = listener->source.fd;
    loop_remove_source(server->runtime, &listener->source);
    if (speaks) {
        add_client(server, listener, descriptor);
        return;
    }
    renew(server, listener);
    leave_terminal(server, listener, descriptor);
}

static void accept_all(struct bluet_air_server *server, struct air_entrance *listener)
{
    int descriptor;
    errno = 0;
    while (listener->source.fd >= 0 && (descriptor = socket_accept(listener->source.fd)) >= 0) {
        if (listener->kind == AIR_ENTRANCE_CONTROL)
            air_steerer_create(&server->steerers, server->runtime, &server->control, descriptor);
        else
            add_client(server, listener, descriptor);
    }
    if (errno == EMFILE || errno == ENFILE) {
        say(server, "a client could not be let in: %s", strerror(errno));
        listen_for_clients(server, false);
    }
}

static void listener_ready(void *context, uint32_t events)
{
    struct air_entrance *listener = context;
    struct bluet_air_server *server = listener->server;
    loop_lock(server->runtime);
    advance(server, bluet_runtime_now(server->runtime));
    if (listener->kind == AIR_ENTRANCE_PTY)
        accept_terminal(server, listener, events & EPOLLIN);
    else
        accept_all(server, listener);
    settle(server);
    loop_unlock(server->runtime);
}

BLUET_INTERNAL size_t air_server_accept(struct bluet_air_server *server)
{
    for (struct air_entrance *listener = server->listeners; listener; listener = listener->next)
        if (listener->kind != AIR_ENTRANCE_PTY)
            listener_ready(listener, EPOLLIN);
    return air_server_client_count(server);
}

/* ---- Life ---- */

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static int create_air(struct bluet_air_server *server)
{
    struct bluet_air_config config = {
        .reallocate = reallocate, .seed = server->config.seed, .loss = server->config.loss};
    if (!config.seed && getrandom(&config.seed, sizeof config.seed, 0) < 0)
        config.seed = bluet_runtime_now(server->runtime);
    int error = bluet_air_create(&server->air, &config);
    if (error == BLUET_EINVAL)
        message_set("the loss is a probability, from 0 to 1");
    return error;
}

static uint64_t unix_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000) + (uint64_t)now.tv_nsec / 1000;
}

static void refresh(void *context)
{
    struct bluet_air_server *server = context;
    advance(server, bluet_runtime_now(server->runtime));
}

static struct air_client *find_client(const struct bluet_air_server *server, unsigned long number)
{
    struct air_client *client = server->clients;
    while (client && client->number != number)
        client = client->next;
    return client;
}

static struct bluet_air_controller *find_radio(void *context, unsigned long number)
{
    const struct air_client *client = find_client(context, number);
    return client ? client->controller : NULL;
}

static bool name_radio(void *context, unsigned long number, char *out, size_t size)
{
    const struct bluet_air_server *server = context;
    const struct air_client *client = find_client(server, number);
    if (client)
        snprintf(out, size, "%s", client->name);
    return number <= server->client_number;
}

static int create_server(struct bluet_air_server **out_server, struct bluet_runtime *runtime,
                         const struct bluet_air_server_config *config)
{
    message_clear();
    if (runtime->air) {
        message_set("a runtime with a virtual air cannot serve one");
        return BLUET_EINVAL;
    }
    if (!(config->speed >= 0 && config->speed <= 1e6)) {
        message_set("the speed of an air is a positive number, at most a million");
        return BLUET_EINVAL;
    }
    struct bluet_air_server *server = calloc(1, sizeof *server);
    if (!server)
        return BLUET_ENOMEM;
    server->config = *config;
    server->config.air_name = server->config.unix_path = server->config.tcp_address = NULL; /* the caller's */
    server->config.capture = server->config.control_path = NULL;
    server->config.listeners = NULL;
    if (server->config.speed == 0)
        server->config.speed = 1;
    server->runtime = runtime;
    server->wall_start = bluet_runtime_now(runtime);
    server->capture.file.fd = -1;
    int error = create_air(server);
    if (error) {
        free(server);
        return error;
    }
    server->control = (struct air_console){
        .air = server->air, .find = find_radio, .name = name_radio, .refresh = refresh, .context = server};
    server->timer = (struct loop_timer){.deadline = deadline, .expire = expire, .context = server};
    bluet_runtime_lock(runtime);
    loop_add_timer(runtime, &server->timer);
    bluet_runtime_unlock(runtime);
    *out_server = server;
    return 0;
}

static int add_listener(struct bluet_air_server *server, struct air_entrance *listener)
{
    listener->server = server;
    listener->source.ready = listener_ready;
    listener->source.context = listener;
    loop_lock(server->runtime);
    listener->next = server->listeners;
    server->listeners = listener;
    int error = loop_add_source(server->runtime, &listener->source);
    loop_unlock(server->runtime);
    return error;
}

/* `kind`: what stands before the place in a listener's text. */
static int listen_at(struct bluet_air_server *server, const char *kind, const char *place)
{
    struct air_entrance *listener;
    char text[PATH_SIZE];
    if (!place)
        return 0;
    int length = snprintf(text, sizeof text, "%s%s", kind, place);
    if (length < 0 || (size_t)length >= sizeof text) {
        message_set("%s: too long", place);
        return BLUET_EINVAL;
    }
    int error = air_entrance_create(&listener, text);
    if (error)
        return error;
    if (!listener->options.answer_delay_us)
        listener->options.answer_delay_us = server->config.answer_delay_us;
    if (!listener->options.baud)
        listener->options.baud = server->config.baud;
    return add_listener(server, listener);
}

static int listen_in_place(struct bluet_air_server *server, const char *name)
{
    struct air_place place;
    int error = air_place_enter(&place, name);
    if (error)
        return error;
    error = listen_at(server, "unix:", place.socket);
    air_place_leave(&place);
    server->name = strdup(name);
    if (!error && !server->name)
        error = BLUET_ENOMEM;
    if (error)
        message_set("cannot be the air '%s': %s. One that runs already ends when its last user does", name,
                    bluet_runtime_message());
    return error;
}

static int open_all(struct bluet_air_server *server, const struct bluet_air_server_config *config)
{
    int error = config->capture ? air_capture_begin(&server->capture, server->air, unix_now(), config->capture) : 0;
    server->control.capture = config->capture && !error ? &server->capture : NULL;
    if (!error && config->air_name)
        error = listen_in_place(server, config->air_name);
    if (!error)
        error = listen_at(server, "unix:", config->unix_path);
    if (!error)
        error = listen_at(server, "tcp:", config->tcp_address);
    if (!error)
        error = listen_at(server, "control:", config->control_path);
    for (const char *const *text = config->listeners; text && *text && !error; text++)
        error = listen_at(server, "", *text);
    return error;
}

int bluet_air_server_create(struct bluet_air_server **out_server, struct bluet_runtime *runtime,
                            const struct bluet_air_server_config *config)
{
    if (config->air_name && config->unix_path) {
        message_set("an air listens at one unix socket: give its name or a path, not both");
        return BLUET_EINVAL;
    }
    struct bluet_air_server *server;
    int error = create_server(&server, runtime, config);
    if (error)
        return error;
    error = open_all(server, config);
    if (error) {
        bluet_air_server_destroy(server);
        return error;
    }
    *out_server = server;
    return 0;
}

BLUET_INTERNAL int air_server_adopt(struct bluet_air_server **out_server, struct bluet_runtime *runtime,
                                    const struct bluet_air_server_config *config, int descriptor)
{
    struct bluet_air_server *server;
    struct air_entrance *listener;
    int error = create_server(&server, runtime, config);
    if (error)
        return error;
    error = air_entrance_adopt(&listener, AIR_ENTRANCE_UNIX, descriptor, NULL);
    if (!error)
        error = add_listener(server, listener);
    if (error)
        bluet_air_server_destroy(server);
    else
        *out_server = server;
    return error;
}

/* Under the lock of its place, so that nobody finds a socket that is about to be removed. */
static void remove_listeners(struct bluet_air_server *server)
{
    struct air_place place;
    bool placed = server->name && air_place_enter(&place, server->name) == 0;
    while (server->listeners) {
        struct air_entrance *listener = server->listeners;
        int descriptor = listener->source.fd;
        loop_remove_source(server->runtime, &listener->source);
        listener->source.fd = descriptor;
        server->listeners = listener->next;
        air_entrance_destroy(listener);
    }
    if (placed)
        air_place_leave(&place);
}

void bluet_air_server_destroy(struct bluet_air_server *server)
{
    if (!server)
        return;
    loop_pause(server->runtime);
    loop_remove_timer(server->runtime, &server->timer);
    while (server->steerers)
        air_steerer_destroy(server->steerers);
    air_capture_end(&server->capture, server->air);
    while (server->clients) {
        struct air_client *client = server->clients;
        server->clients = client->next;
        air_client_destroy(client);
    }
    bluet_air_destroy(server->air);
    remove_listeners(server);
    loop_resume(server->runtime);
    free(server->name);
    free(server);
}

void bluet_air_server_visit(struct bluet_air_server *server,
                            void (*visit)(void *context, const char *client, uint64_t since_us,
                                          const struct bluet_air_status *status),
                            void *context)
{
    bluet_runtime_lock(server->runtime);
    for (const struct air_client *client = server->clients; client; client = client->next) {
        struct bluet_air_status status;
        bluet_air_status(client->controller, &status);
        visit(context, client->name, client->since_us, &status);
    }
    bluet_runtime_unlock(server->runtime);
}

struct bluet_air *bluet_air_server_air(struct bluet_air_server *server)
{
    return server->air;
}
