/*
 * Where an air waits for hosts, and what controller those get who come there: "unix:PATH", "tcp:HOST:PORT" or
 * "pty:LINK", with options behind commas.
 *
 *     address=AA:BB:CC:DD:EE:FF   public address; without this one is made up for each client
 *     without=NAME+NAME...        features that the controller lacks: encryption, parameters, ping, length, privacy,
 * 2m, coded, extended, periodic version=4.0 ... 5.4         of the controller acl=LENGTHxCOUNT            its buffers
 *     power=DBM                   with which it sends
 *     hci-delay=SECONDS           until its answers come out
 *     uart=BAUD                   octets come as fast as on such a line, ten bits each
 */
#ifndef BLUET_RUNTIME_AIR_ENTRANCE_H
#define BLUET_RUNTIME_AIR_ENTRANCE_H

#include "runtime/air_client.h"

enum air_entrance_kind { AIR_ENTRANCE_UNIX, AIR_ENTRANCE_TCP, AIR_ENTRANCE_PTY, AIR_ENTRANCE_CONTROL };

struct air_entrance {
    struct air_entrance *next;
    struct bluet_air_server *server;
    enum air_entrance_kind kind;
    struct loop_source source;
    char *path; /* of a socket or link to be removed; NULL: somebody else's care */
    struct air_client_options options;
};

/* Reads `text` and opens what it says; the caller adds the source. BLUET_EINVAL, BLUET_EIO (see the message),
 * BLUET_ENOMEM. */
BLUET_INTERNAL int air_entrance_create(struct air_entrance **out_listener, const char *text);
/* One that listens already, at `path`, if that is to be removed in the end. */
BLUET_INTERNAL int air_entrance_adopt(struct air_entrance **out_listener, enum air_entrance_kind kind, int descriptor,
                                      const char *path);
/* A pseudo-terminal whose host has gone, or has come and got it: makes a new one. BLUET_EIO. */
BLUET_INTERNAL int air_entrance_renew(struct air_entrance *listener);
BLUET_INTERNAL void air_entrance_destroy(struct air_entrance *listener);

#endif
