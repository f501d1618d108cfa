/* Stream sockets, unix and TCP: made non-blocking, with a sentence for whatever goes wrong. */
#ifndef BLUET_RUNTIME_SOCKET_H
#define BLUET_RUNTIME_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "spec/internal.h"

/* BLUET_EINVAL (see the message): missing or too long; no HOST:PORT. */
BLUET_INTERNAL int socket_check_unix(const char *path);
BLUET_INTERNAL int socket_check_tcp(const char *host_and_port);

/*
 * A connected descriptor, or BLUET_ENODEV (see the message). `address` NULL, or the six octets of a public address that
 * the client would have of an air: its end of the socket is named for it, which means nothing to another server.
 */
BLUET_INTERNAL int socket_connect_unix(const char *path, const uint8_t *address);
BLUET_INTERNAL int socket_connect_tcp(const char *host_and_port);

/* A listening descriptor, or BLUET_EIO, BLUET_EINVAL (see the message). Replaces a unix socket that nobody serves. */
BLUET_INTERNAL int socket_listen_unix(const char *path);
BLUET_INTERNAL int socket_listen_tcp(const char *host_and_port);

/* Removes a unix socket that nobody serves any more. */
BLUET_INTERNAL void socket_remove_unix(const char *path);

/* The next client, non-blocking; -1 with errno. */
BLUET_INTERNAL int socket_accept(int listener);

/* The address that a client has asked for in that way. */
BLUET_INTERNAL bool socket_wanted_address(int descriptor, uint8_t out_address[6]);

/* Who is at the other end, for people: "python3[1234]", "127.0.0.1:4711". */
BLUET_INTERNAL void socket_describe_peer(int descriptor, char *out, size_t size);

#endif
