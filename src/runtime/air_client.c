/* One client of the air. A packet that makes no sense ends it: an H4 stream that is out of step stays so. */
#include "runtime/air_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/message.h"
#include "runtime/socket.h"

/* The longest packet of a host to our controllers: ACL data of a few hundred octets. */
enum { INPUT_SIZE = 8192, OUTPUT_SIZE = 65536 };

/* A serial line is fed a hundredth of a second at a time; what it has lost by our being late, it may catch up on. */
enum { BITS_OF_OCTET = 10, LINE_SLICES = 100, LINE_LAG_US = 20000 };

static void finish(struct air_client *client, const char *reason)
{
    if (client->finished)
        return;
    client->finished = true;
    snprintf(client->reason, sizeof client->reason, "%s", reason);
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct air_client *client = context;
    if (client->finished || queue_append(&client->output, packet, length))
        return true;
    air_client_write(client);
    client->stalled = !client->finished && !queue_append(&client->output, packet, length);
    return !client->stalled;
}

/* Terminals are no sockets. */
static ssize_t put(const struct air_client *client, const uint8_t *octets, size_t length)
{
    if (client->is_terminal)
        return write(client->source.fd, octets, length);
    return send(client->source.fd, octets, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t get(const struct air_client *client, uint8_t *octets, size_t room)
{
    if (client->is_terminal)
        return read(client->source.fd, octets, room);
    return recv(client->source.fd, octets, room, MSG_DONTWAIT);
}

/* How many octets may be written now: on a slow line, a few at a time. */
static size_t fitting(const struct air_client *client)
{
    size_t waiting = queue_length(&client->output);
    if (!client->baud)
        return waiting;
    if (bluet_runtime_now(client->runtime) < client->line_free_us)
        return 0;
    size_t most = client->baud / LINE_SLICES / BITS_OF_OCTET + 1;
    return waiting < most ? waiting : most;
}

static void sent_octets(struct air_client *client, size_t length)
{
    queue_consume(&client->output, length);
    if (!client->baud)
        return;
    uint64_t now = bluet_runtime_now(client->runtime);
    uint64_t begin = client->line_free_us + LINE_LAG_US < now ? now : client->line_free_us;
    client->line_free_us = begin + length * BITS_OF_OCTET * UINT64_C(1000000) / client->baud;
}

BLUET_INTERNAL uint64_t air_client_deadline(const struct air_client *client)
{
    bool waits_for_room = (client->source.events & EPOLLOUT) != 0;
    return client->baud && queue_length(&client->output) && !waits_for_room ? client->line_free_us : BLUET_NEVER;
}

BLUET_INTERNAL void air_client_write(struct air_client *client)
{
    size_t waiting;
    bool full = false;
    while (!client->finished && !full && (waiting = fitting(client)) > 0) {
        ssize_t sent = put(client, queue_front(&client->output), waiting);
        if (sent < 0 && errno == EINTR)
            continue;
        full = sent < 0 && errno == EAGAIN;
        if (sent < 0 && !full)
            finish(client, "");
        else if (sent > 0)
            sent_octets(client, (size_t)sent);
    }
    bool waits = full && queue_length(&client->output) > 0;
    loop_change_source(client->runtime, &client->source, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void receive(struct air_client *client)
{
    const uint8_t *packet;
    size_t length;
    int result;
    while ((result = h4_next(&client->framer, &packet, &length)) > 0 && !client->finished)
        if (bluet_air_receive(client->controller, packet, length)) {
            message_set("the length of an HCI packet (kind %u) does not fit its header", packet[0]);
            result = BLUET_EINVAL;
            break;
        }
    if (result < 0)
        finish(client, bluet_runtime_message());
}

BLUET_INTERNAL void air_client_read(struct air_client *client)
{
    size_t room;
    uint8_t *space = h4_space(&client->framer, &room);
    ssize_t length = get(client, space, room);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        finish(client, "");
        return;
    }
    h4_filled(&client->framer, (size_t)length);
    receive(client);
}

BLUET_INTERNAL int air_client_create(struct air_client **out_client, struct bluet_runtime *runtime,
                                     struct bluet_air *air, int descriptor, const struct air_client_options *options,
                                     const char *name, const uint8_t *address)
{
    struct air_client *client = calloc(1, sizeof *client);
    if (!client) {
        close(descriptor);
        return BLUET_ENOMEM;
    }
    client->runtime = runtime;
    client->source = (struct loop_source){.fd = descriptor, .events = EPOLLIN};
    client->output.limit = OUTPUT_SIZE;
    client->since_us = bluet_runtime_now(runtime);
    client->is_terminal = isatty(descriptor);
    client->baud = options->baud;
    if (name)
        snprintf(client->name, sizeof client->name, "%s", name);
    else
        socket_describe_peer(descriptor, client->name, sizeof client->name);

    struct bluet_air_controller_config config = options->controller;
    config.deliver = deliver;
    config.context = client;
    if (address)
        memcpy(config.public_address, address, sizeof config.public_address);
    int error = h4_framer_create(&client->framer, INPUT_SIZE, H4_FROM_HOST);
    if (!error)
        error = bluet_air_attach(air, &client->controller, &config);
    if (error) {
        air_client_destroy(client);
        return error;
    }
    bluet_air_set_answer_delay(client->controller, options->answer_delay_us);
    struct bluet_air_status status;
    bluet_air_status(client->controller, &status);
    memcpy(client->address, status.address.octets, sizeof client->address);
    *out_client = client;
    return 0;
}

BLUET_INTERNAL void air_client_destroy(struct air_client *client)
{
    int descriptor = client->source.fd;
    loop_remove_source(client->runtime, &client->source);
    close(descriptor);
    if (client->controller)
        bluet_air_detach(client->controller);
    h4_framer_free(&client->framer);
    queue_free(&client->output);
    free(client);
}
