/* Stream sockets for H4: connecting within two seconds, listening, and who is at the other end. */
#include "runtime/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bluet/bluet.h"
#include "runtime/message.h"

enum { CONNECT_MS = 2000, RETRY_MS = 20, BACKLOG = 128, HOST_SIZE = 256, PORT_SIZE = 32 };

static int close_with(int descriptor, int result)
{
    if (descriptor >= 0)
        close(descriptor);
    return result;
}

/* ---- Unix ---- */

BLUET_INTERNAL int socket_check_unix(const char *path)
{
    struct sockaddr_un address;
    if (!path || !*path) {
        message_set("the transport unix needs the path of a socket: unix:PATH");
        return BLUET_EINVAL;
    }
    if (strlen(path) >= sizeof address.sun_path) {
        message_set("the path %s has %zu octets, and a unix socket's may have %zu: choose a shorter one", path,
                    strlen(path), sizeof address.sun_path - 1);
        return BLUET_EINVAL;
    }
    return 0;
}

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A server whose backlog is full answers EAGAIN at once instead of letting one wait. */
static int connect_patiently(int descriptor, const struct sockaddr_un *address)
{
    const struct timespec pause = {0, RETRY_MS * 1000000L};
    for (int waited = 0;; waited += RETRY_MS) {
        if (connect(descriptor, (const struct sockaddr *)address, sizeof *address) == 0)
            return 0;
        if ((errno != EAGAIN && errno != EINTR) || waited >= CONNECT_MS)
            return -1;
        nanosleep(&pause, NULL);
    }
}

static const char *advice_for(int error)
{
    switch (error) {
    case ENOENT:
        return ": is it running? (`bluet air --unix PATH` serves one)";
    case ECONNREFUSED:
        return ": whoever served it has gone";
    case EACCES:
        return ": ask its owner for permission";
    default:
        return "";
    }
}

/* ---- The address that a client would have, in the abstract name of its socket ---- */

static const char wish[] = "bluet public address ";

static void name_for(int descriptor, const uint8_t *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length =
        snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s%02x%02x%02x%02x%02x%02x %ld.%d", wish, address[0],
                 address[1], address[2], address[3], address[4], address[5], (long)getpid(), descriptor);
    /* Without a name the air chooses. */
    (void)bind(descriptor, (const struct sockaddr *)&name,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length));
}

BLUET_INTERNAL bool socket_wanted_address(int descriptor, uint8_t out_address[6])
{
    struct sockaddr_un name = {.sun_family = AF_UNSPEC};
    socklen_t length = sizeof name;
    unsigned octets[6];
    if (getpeername(descriptor, (struct sockaddr *)&name, &length) < 0 || name.sun_family != AF_UNIX ||
        length <= offsetof(struct sockaddr_un, sun_path) + sizeof wish || name.sun_path[0] ||
        memcmp(name.sun_path + 1, wish, sizeof wish - 1) != 0)
        return false;
    name.sun_path[sizeof name.sun_path - 1] = '\0';
    if (sscanf(name.sun_path + sizeof wish, "%2x%2x%2x%2x%2x%2x", &octets[0], &octets[1], &octets[2], &octets[3],
               &octets[4], &octets[5]) != 6)
        return false;
    for (size_t i = 0; i < 6; i++)
        out_address[i] = (uint8_t)octets[i];
    return true;
}

BLUET_INTERNAL int socket_connect_unix(const char *path, const uint8_t *address)
{
    if (socket_check_unix(path))
        return BLUET_ENODEV;
    struct sockaddr_un server = unix_address(path);
    int descriptor = unix_socket();
    if (descriptor >= 0 && address)
        name_for(descriptor, address);
    if (descriptor >= 0 && connect_patiently(descriptor, &server) == 0)
        return descriptor;
    int error = errno;
    message_set("cannot connect to %s: %s%s", path, strerror(error), advice_for(error));
    return close_with(descriptor, BLUET_ENODEV);
}

/* Whether the socket at `path` is only the remains of a server that has ended. */
static bool is_abandoned(const struct sockaddr_un *address)
{
    int probe = unix_socket();
    bool refused =
        probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    return close_with(probe, refused);
}

BLUET_INTERNAL int socket_listen_unix(const char *path)
{
    int error = socket_check_unix(path);
    if (error)
        return error;
    struct sockaddr_un address = unix_address(path);
    int descriptor = unix_socket();
    int bound = descriptor < 0 ? -1 : bind(descriptor, (const struct sockaddr *)&address, sizeof address);
    if (bound < 0 && errno == EADDRINUSE && is_abandoned(&address)) {
        unlink(path);
        bound = bind(descriptor, (const struct sockaddr *)&address, sizeof address);
    }
    if (bound == 0 && listen(descriptor, BACKLOG) == 0)
        return descriptor;
    message_set("cannot listen at %s: %s", path, strerror(errno));
    return close_with(descriptor, BLUET_EIO);
}

BLUET_INTERNAL void socket_remove_unix(const char *path)
{
    struct sockaddr_un address = unix_address(path);
    if (is_abandoned(&address))
        unlink(path);
}

/* ---- TCP ---- */

/* "HOST:PORT", "[IPv6]:PORT" */
static int split(const char *text, char host[HOST_SIZE], char port[PORT_SIZE])
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    size_t length = colon ? (size_t)(colon - text) : 0;
    if (!colon || !length || !colon[1] || strlen(colon + 1) >= PORT_SIZE || length >= HOST_SIZE) {
        message_set("'%s' is not HOST:PORT, as in localhost:9000", text ? text : "");
        return BLUET_EINVAL;
    }
    if (text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    snprintf(port, PORT_SIZE, "%s", colon + 1);
    return 0;
}

static int resolve(const char *text, struct addrinfo **out_list, int flags)
{
    char host[HOST_SIZE], port[PORT_SIZE];
    int error = split(text, host, port);
    if (error)
        return error;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    int result = getaddrinfo(host, port, &hints, out_list);
    if (result == 0)
        return 0;
    message_set("cannot find %s: %s", text, result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
    return BLUET_ENODEV;
}

BLUET_INTERNAL int socket_check_tcp(const char *host_and_port)
{
    char host[HOST_SIZE], port[PORT_SIZE];
    int error = split(host_and_port, host, port);
    if (error)
        return error;
    char *end;
    long number = strtol(port, &end, 10);
    if (*end || number < 1 || number > 65535) {
        message_set("'%s' is not a port: a number from 1 to 65535", port);
        return BLUET_EINVAL;
    }
    return 0;
}

static int tcp_socket(const struct addrinfo *address)
{
    return socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void send_at_once(int descriptor)
{
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static long milliseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether the descriptor can be written to within CONNECT_MS, whatever signals come meanwhile. */
static bool becomes_writable(int descriptor)
{
    struct pollfd waiting = {.fd = descriptor, .events = POLLOUT};
    long end = milliseconds_now() + CONNECT_MS;
    for (long left = CONNECT_MS; left >= 0; left = end - milliseconds_now()) {
        int count = poll(&waiting, 1, (int)left);
        if (count >= 0 || errno != EINTR)
            return count == 1;
    }
    return false;
}

/* 0, or -1 with errno. */
static int connect_within(int descriptor, const struct addrinfo *address)
{
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -1;
    if (!becomes_writable(descriptor)) {
        errno = ETIMEDOUT;
        return -1;
    }
    socklen_t length = sizeof errno;
    int error = 0;
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    return error ? -1 : 0;
}

BLUET_INTERNAL int socket_connect_tcp(const char *host_and_port)
{
    struct addrinfo *list;
    if (resolve(host_and_port, &list, 0))
        return BLUET_ENODEV;
    int error = ECONNREFUSED;
    for (const struct addrinfo *address = list; address; address = address->ai_next) {
        int descriptor = tcp_socket(address);
        if (descriptor >= 0 && connect_within(descriptor, address) == 0) {
            freeaddrinfo(list);
            send_at_once(descriptor);
            return descriptor;
        }
        error = errno;
        close_with(descriptor, 0);
    }
    freeaddrinfo(list);
    message_set("cannot connect to %s: %s%s", host_and_port, strerror(error),
                error == ECONNREFUSED ? ": nobody listens there (`bluet air --tcp HOST:PORT` would)" : "");
    return BLUET_ENODEV;
}

BLUET_INTERNAL int socket_listen_tcp(const char *host_and_port)
{
    struct addrinfo *list;
    int error = resolve(host_and_port, &list, AI_PASSIVE);
    if (error)
        return error == BLUET_EINVAL ? error : BLUET_EIO;
    int descriptor = tcp_socket(list);
    int on = 1;
    if (descriptor >= 0)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool listening =
        descriptor >= 0 && bind(descriptor, list->ai_addr, list->ai_addrlen) == 0 && listen(descriptor, BACKLOG) == 0;
    int reason = errno;
    freeaddrinfo(list);
    if (listening)
        return descriptor;
    message_set("cannot listen at %s: %s", host_and_port, strerror(reason));
    return close_with(descriptor, BLUET_EIO);
}

/* ---- Clients ---- */

BLUET_INTERNAL int socket_accept(int listener)
{
    int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0)
        send_at_once(descriptor); /* refused, and rightly, by unix sockets */
    return descriptor;
}

static void describe_process(pid_t process, char *out, size_t size)
{
    char path[32], name[32] = "";
    snprintf(path, sizeof path, "/proc/%ld/comm", (long)process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t length = read(file, name, sizeof name - 1);
        name[length > 0 ? length : 0] = '\0';
        name[strcspn(name, "\n")] = '\0';
        close(file);
    }
    snprintf(out, size, "%s[%ld]", *name ? name : "process", (long)process);
}

BLUET_INTERNAL void socket_describe_peer(int descriptor, char *out, size_t size)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    struct ucred peer;
    socklen_t peer_length = sizeof peer;
    char host[64], port[16];

    getpeername(descriptor, (struct sockaddr *)&address, &length);
    if (address.ss_family == AF_UNIX) {
        if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &peer_length) == 0 && peer.pid > 0)
            describe_process(peer.pid, out, size);
        else
            snprintf(out, size, "process");
    } else if (getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(out, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    } else {
        snprintf(out, size, "client");
    }
}
