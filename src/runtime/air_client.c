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

BLUET_INTERNAL void air_client_write(struct air_client *client)
{
    size_t waiting;
    while (!client->finished && (waiting = queue_length(&client->output)) > 0) {
        ssize_t sent = send(client->source.fd, queue_front(&client->output), waiting, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0)
            finish(client, "");
        else
            queue_consume(&client->output, (size_t)sent);
    }
    bool waits = queue_length(&client->output) > 0;
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
    ssize_t length = recv(client->source.fd, space, room, MSG_DONTWAIT);
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
                                     struct bluet_air *air, int descriptor, const uint8_t address[6])
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
    socket_describe_peer(descriptor, client->name, sizeof client->name);

    memcpy(client->address, address, sizeof client->address);

    struct bluet_air_controller_config config = {.deliver = deliver, .context = client};
    memcpy(config.public_address, address, sizeof config.public_address);
    int error = h4_framer_create(&client->framer, INPUT_SIZE, H4_FROM_HOST);
    if (!error)
        error = bluet_air_attach(air, &client->controller, &config);
    if (error) {
        air_client_destroy(client);
        return error;
    }
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
