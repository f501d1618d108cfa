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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/air_client.h"
#include "runtime/air_place.h"
#include "runtime/message.h"
#include "runtime/socket.h"

enum { SLICE_US = 10000, MOST_LAG_US = 1000000, UNIX_LISTENER = 0, TCP_LISTENER = 1, LISTENER_COUNT = 2 };

struct bluet_air_server {
    struct bluet_air_server_config config;
    struct bluet_runtime *runtime;
    struct bluet_air *air;
    struct loop_timer timer;
    uint64_t wall_start, air_start; /* two moments that are the same on both clocks */
    struct loop_source listeners[LISTENER_COUNT];
    char *path; /* of the unix socket, to be removed; NULL: somebody else's care */
    char *name; /* of the place where that is; NULL: none */
    struct air_client *clients;
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
    return wall_of(server, bluet_air_deadline(server->air));
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
    uint64_t wall = behind - reached > SLICE_US ? reached + SLICE_US : behind;
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
    for (size_t i = 0; i < LISTENER_COUNT; i++)
        loop_change_source(server->runtime, &server->listeners[i], wanted ? EPOLLIN : 0);
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
        if (*client->reason)
            say(server, "%s is dropped: %s", client->name, client->reason);
        else
            say(server, "%s has gone", client->name);
        air_client_destroy(client);
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

/* What the client asks for, unless another has it who is still there. Zeros: nothing. */
static void choose_address(const struct bluet_air_server *server, int descriptor, uint8_t out_address[6])
{
    bool wanted = socket_wanted_address(descriptor, out_address);
    for (struct air_client *client = server->clients; wanted && client; client = client->next) {
        if (memcmp(client->address, out_address, sizeof client->address) != 0)
            continue;
        air_client_read(client);
        wanted = client->finished;
    }
    if (!wanted)
        memset(out_address, 0, 6);
}

static void add_client(struct bluet_air_server *server, int descriptor)
{
    struct air_client *client;
    uint8_t address[6];
    choose_address(server, descriptor, address);
    if (air_client_create(&client, server->runtime, server->air, descriptor, address)) {
        say(server, "a client could not be let in: no memory");
        return;
    }
    client->server = server;
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
    say(server, "%s has come", client->name);
}

static void accept_all(struct bluet_air_server *server, const struct loop_source *listener)
{
    int descriptor;
    advance(server, bluet_runtime_now(server->runtime));
    errno = 0;
    while (listener->fd >= 0 && (descriptor = socket_accept(listener->fd)) >= 0)
        add_client(server, descriptor);
    if (errno == EMFILE || errno == ENFILE) {
        say(server, "a client could not be let in: %s", strerror(errno));
        listen_for_clients(server, false);
    }
    settle(server);
}

static void unix_ready(void *context, uint32_t events)
{
    struct bluet_air_server *server = context;
    (void)events;
    loop_lock(server->runtime);
    accept_all(server, &server->listeners[UNIX_LISTENER]);
    loop_unlock(server->runtime);
}

static void tcp_ready(void *context, uint32_t events)
{
    struct bluet_air_server *server = context;
    (void)events;
    loop_lock(server->runtime);
    accept_all(server, &server->listeners[TCP_LISTENER]);
    loop_unlock(server->runtime);
}

BLUET_INTERNAL size_t air_server_accept(struct bluet_air_server *server)
{
    unix_ready(server, EPOLLIN);
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
    if (server->config.speed == 0)
        server->config.speed = 1;
    server->runtime = runtime;
    server->wall_start = bluet_runtime_now(runtime);
    for (size_t i = 0; i < LISTENER_COUNT; i++)
        server->listeners[i] = (struct loop_source){-1, EPOLLIN, i == UNIX_LISTENER ? unix_ready : tcp_ready, server};
    int error = create_air(server);
    if (error) {
        free(server);
        return error;
    }
    server->timer = (struct loop_timer){.deadline = deadline, .expire = expire, .context = server};
    bluet_runtime_lock(runtime);
    loop_add_timer(runtime, &server->timer);
    bluet_runtime_unlock(runtime);
    *out_server = server;
    return 0;
}

static int add_listener(struct bluet_air_server *server, size_t which, int descriptor)
{
    if (descriptor < 0)
        return descriptor;
    server->listeners[which].fd = descriptor;
    loop_lock(server->runtime);
    int error = loop_add_source(server->runtime, &server->listeners[which]);
    loop_unlock(server->runtime);
    return error;
}

static int listen_unix(struct bluet_air_server *server, const char *path)
{
    int error = add_listener(server, UNIX_LISTENER, socket_listen_unix(path));
    if (error)
        return error;
    server->path = strdup(path);
    return server->path ? 0 : BLUET_ENOMEM;
}

static int listen_in_place(struct bluet_air_server *server, const char *name)
{
    struct air_place place;
    int error = air_place_enter(&place, name);
    if (error)
        return error;
    error = listen_unix(server, place.socket);
    air_place_leave(&place);
    server->name = strdup(name);
    if (!error && !server->name)
        error = BLUET_ENOMEM;
    if (error)
        message_set("cannot be the air '%s': %s. One that runs already ends when its last user does", name,
                    bluet_runtime_message());
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
    if (config->air_name)
        error = listen_in_place(server, config->air_name);
    if (!error && config->unix_path)
        error = listen_unix(server, config->unix_path);
    if (!error && config->tcp_address)
        error = add_listener(server, TCP_LISTENER, socket_listen_tcp(config->tcp_address));
    if (error) {
        bluet_air_server_destroy(server);
        return error;
    }
    *out_server = server;
    return 0;
}

BLUET_INTERNAL int air_server_adopt(struct bluet_air_server **out_server, struct bluet_runtime *runtime,
                                    const struct bluet_air_server_config *config, int listener)
{
    struct bluet_air_server *server;
    int error = create_server(&server, runtime, config);
    if (error)
        return error;
    error = add_listener(server, UNIX_LISTENER, listener);
    if (error)
        bluet_air_server_destroy(server);
    else
        *out_server = server;
    return error;
}

/* Under the lock of its place, so that nobody finds a socket that is about to be removed. */
static void remove_socket(const struct bluet_air_server *server)
{
    struct air_place place;
    bool placed = server->name && air_place_enter(&place, server->name) == 0;
    socket_remove_unix(server->path);
    if (placed)
        air_place_leave(&place);
}

void bluet_air_server_destroy(struct bluet_air_server *server)
{
    if (!server)
        return;
    loop_pause(server->runtime);
    loop_remove_timer(server->runtime, &server->timer);
    for (size_t i = 0; i < LISTENER_COUNT; i++) {
        int descriptor = server->listeners[i].fd;
        loop_remove_source(server->runtime, &server->listeners[i]);
        if (descriptor >= 0)
            close(descriptor);
    }
    while (server->clients) {
        struct air_client *client = server->clients;
        server->clients = client->next;
        air_client_destroy(client);
    }
    bluet_air_destroy(server->air);
    loop_resume(server->runtime);
    if (server->path)
        remove_socket(server);
    free(server->path);
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
