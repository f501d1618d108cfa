/* The options are read from the end of the text, so that a path may have commas where no option stands behind. */
#include "runtime/air_entrance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/message.h"
#include "runtime/pty.h"
#include "runtime/socket.h"

enum { BAUD_MOST = 100000000 };

#define DELAY_MOST_S 60.0

static const struct {
    const char *name;
    uint8_t bit;
} features[] = {
    {"encryption", 0}, {"parameters", 1}, {"ping", 4},      {"length", 5},    {"privacy", 6},
    {"2m", 8},         {"coded", 11},     {"extended", 12}, {"periodic", 13},
};

static const char *const versions[] = {"4.0", "4.1", "4.2", "5.0", "5.1", "5.2", "5.3", "5.4"};

enum { VERSION_FIRST = 6 };

static bool read_address(const char *text, struct air_client_options *options)
{
    unsigned octets[6];
    char end;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &octets[0], &octets[1], &octets[2], &octets[3], &octets[4],
               &octets[5], &end) != 6)
        return false;
    for (size_t i = 0; i < 6; i++)
        options->controller.public_address[i] = (uint8_t)octets[i];
    return true;
}

static bool read_features(const char *text, struct air_client_options *options)
{
    while (*text) {
        size_t length = strcspn(text, "+");
        size_t i = 0;
        while (i < sizeof features / sizeof *features &&
               (strlen(features[i].name) != length || strncmp(features[i].name, text, length) != 0))
            i++;
        if (i == sizeof features / sizeof *features)
            return false;
        options->controller.without_features |= UINT64_C(1) << features[i].bit;
        text += length + (text[length] == '+');
    }
    return true;
}

static bool read_version(const char *text, struct air_client_options *options)
{
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (strcmp(versions[i], text) != 0)
            continue;
        options->controller.version = (uint8_t)(VERSION_FIRST + i);
        return true;
    }
    return false;
}

static bool read_buffers(const char *text, struct air_client_options *options)
{
    unsigned length;
    unsigned count;
    char end;
    if (sscanf(text, "%ux%u%c", &length, &count, &end) != 2 || length < 27 || length > 251 || !count || count > 255)
        return false;
    options->controller.acl_length = (uint16_t)length;
    options->controller.acl_count = (uint8_t)count;
    return true;
}

static bool read_power(const char *text, struct air_client_options *options)
{
    char *end;
    long power = strtol(text, &end, 10);
    options->controller.transmit_power = (int8_t)power;
    return end != text && !*end && power >= -127 && power <= 20;
}

static bool read_delay(const char *text, struct air_client_options *options)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds <= DELAY_MOST_S))
        return false;
    options->answer_delay_us = (uint64_t)(seconds * 1e6);
    return true;
}

static bool read_baud(const char *text, struct air_client_options *options)
{
    char *end;
    unsigned long baud = strtoul(text, &end, 10);
    options->baud = (uint32_t)baud;
    return end != text && !*end && baud >= 1200 && baud <= BAUD_MOST;
}

static const struct {
    const char *key;
    bool (*read)(const char *text, struct air_client_options *options);
} keys[] = {
    {"address=", read_address}, {"without=", read_features}, {"version=", read_version}, {"acl=", read_buffers},
    {"power=", read_power},     {"hci-delay=", read_delay},  {"uart=", read_baud},
};

/* Takes the options off the end of the text. */
static int read_options(char *text, struct air_client_options *options)
{
    char *comma;
    while ((comma = strrchr(text, ','))) {
        size_t i = 0;
        while (i < sizeof keys / sizeof *keys && strncmp(comma + 1, keys[i].key, strlen(keys[i].key)) != 0)
            i++;
        if (i == sizeof keys / sizeof *keys)
            return 0;
        if (!keys[i].read(comma + 1 + strlen(keys[i].key), options)) {
            message_set("%s: no such value", comma + 1);
            return BLUET_EINVAL;
        }
        *comma = '\0';
    }
    return 0;
}

static int open_listener(enum air_entrance_kind kind, const char *where)
{
    switch (kind) {
    case AIR_ENTRANCE_TCP:
        return socket_listen_tcp(where);
    case AIR_ENTRANCE_PTY:
        return pty_open(where);
    default:
        return socket_listen_unix(where);
    }
}

static int create(struct air_entrance **out_listener, char *text)
{
    static const char *const kinds[] = {"unix:", "tcp:", "pty:", "control:"};
    struct air_client_options options = {0};
    int error = read_options(text, &options);
    if (error)
        return error;
    for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        size_t length = strlen(kinds[kind]);
        if (strncmp(text, kinds[kind], length) != 0)
            continue;
        int descriptor = open_listener((enum air_entrance_kind)kind, text + length);
        if (descriptor < 0)
            return descriptor;
        error = air_entrance_adopt(out_listener, (enum air_entrance_kind)kind, descriptor,
                                   kind == AIR_ENTRANCE_TCP ? NULL : text + length);
        if (!error)
            (*out_listener)->options = options;
        return error;
    }
    message_set("%s: an air listens at unix:PATH, tcp:HOST:PORT or pty:LINK", text);
    return BLUET_EINVAL;
}

BLUET_INTERNAL int air_entrance_create(struct air_entrance **out_listener, const char *text)
{
    char *copy = strdup(text);
    int error = copy ? create(out_listener, copy) : BLUET_ENOMEM;
    free(copy);
    return error;
}

BLUET_INTERNAL int air_entrance_adopt(struct air_entrance **out_listener, enum air_entrance_kind kind, int descriptor,
                                      const char *path)
{
    struct air_entrance *listener = calloc(1, sizeof *listener);
    char *copy = path ? strdup(path) : NULL;
    if (!listener || (path && !copy)) {
        free(listener);
        free(copy);
        close(descriptor);
        return BLUET_ENOMEM;
    }
    listener->kind = kind;
    listener->path = copy;
    listener->source = (struct loop_source){.fd = descriptor, .events = EPOLLIN};
    *out_listener = listener;
    return 0;
}

BLUET_INTERNAL int air_entrance_renew(struct air_entrance *listener)
{
    listener->source.fd = pty_open(listener->path);
    return listener->source.fd < 0 ? BLUET_EIO : 0;
}

BLUET_INTERNAL void air_entrance_destroy(struct air_entrance *listener)
{
    if (listener->kind == AIR_ENTRANCE_PTY && listener->source.fd >= 0)
        pty_close(listener->source.fd, listener->path);
    else if (listener->kind == AIR_ENTRANCE_PTY)
        unlink(listener->path);
    else {
        if (listener->source.fd >= 0)
            close(listener->source.fd);
        if (listener->path)
            socket_remove_unix(listener->path);
    }
    free(listener->path);
    free(listener);
}
