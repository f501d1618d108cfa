/* The table of transports, and how a name such as "tcp:localhost:9000" chooses one. */
#include "runtime/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bluet/bluet.h"
#include "runtime/air_place.h"
#include "runtime/air_spawn.h"
#include "runtime/message.h"
#include "runtime/serial.h"
#include "runtime/socket.h"
#include "runtime/usb.h"
#include "runtime/user_channel.h"

static const char default_name[] = "air";

static int check_air(const char *argument)
{
    return air_place_check(argument ? argument : AIR_PLACE_DEFAULT);
}

static int take(int descriptor, struct carrier *out_carrier)
{
    if (descriptor < 0)
        return BLUET_ENODEV;
    *out_carrier = carrier_of_socket(descriptor);
    return 0;
}

static int open_air(const char *argument, const uint8_t *address, struct carrier *out_carrier)
{
    return take(air_spawn_connect(argument ? argument : AIR_PLACE_DEFAULT, address), out_carrier);
}

static int open_unix(const char *argument, const uint8_t *address, struct carrier *out_carrier)
{
    return take(socket_connect_unix(argument, address), out_carrier);
}

static int open_tcp(const char *argument, const uint8_t *address, struct carrier *out_carrier)
{
    (void)address;
    return take(socket_connect_tcp(argument), out_carrier);
}

static int open_serial(const char *argument, const uint8_t *address, struct carrier *out_carrier)
{
    (void)address;
    return serial_open(argument, out_carrier);
}

static int open_user_channel(const char *argument, const uint8_t *address, struct carrier *out_carrier)
{
    (void)address;
    return user_channel_open(argument, out_carrier);
}

static int open_usb(const char *argument, const uint8_t *address, struct carrier *out_carrier)
{
    (void)address;
    return usb_open(argument, out_carrier);
}

static const struct transport_kind kinds[] = {
    {"air", "air, air:NAME", check_air, open_air},
    {"unix", "unix:PATH", socket_check_unix, open_unix},
    {"tcp", "tcp:HOST:PORT", socket_check_tcp, open_tcp},
    {"hci", "hci:N", user_channel_check, open_user_channel},
    {"serial", "serial:DEVICE[,BAUD][,rtscts]", serial_check, open_serial},
    {"usb", "usb:N, usb:VID:PID", usb_check, open_usb},
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static const char *argument_of(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon ? colon + 1 : NULL;
}

static const struct transport_kind *find_kind(const char *name)
{
    size_t length = strcspn(name, ":");
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0)
            return &kinds[i];
    return NULL;
}

static void say_what_there_is(const char *name)
{
    char list[256] = "";
    for (size_t i = 0, length = 0; i < KIND_COUNT && length < sizeof list; i++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "", kinds[i].usage);
    message_set("no transport is named '%s': there are %s", name, list);
}

BLUET_INTERNAL int transport_create(struct transport *transport, const char *name)
{
    if (!name)
        name = getenv("BLUET_TRANSPORT");
    if (!name || !*name)
        name = default_name;

    const struct transport_kind *kind = find_kind(name);
    if (!kind) {
        say_what_there_is(name);
        return BLUET_EINVAL;
    }
    int error = kind->check(argument_of(name));
    if (error)
        return error;

    char *copy = strdup(name);
    if (!copy)
        return BLUET_ENOMEM;
    *transport = (struct transport){.kind = kind, .name = copy};
    return 0;
}

BLUET_INTERNAL int transport_open(const struct transport *transport, struct carrier *out_carrier)
{
    return transport->kind->open(argument_of(transport->name), transport->has_address ? transport->address : NULL,
                                 out_carrier);
}

BLUET_INTERNAL void transport_free(struct transport *transport)
{
    free(transport->name);
    *transport = (struct transport){0};
}
