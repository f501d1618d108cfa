/*
 * What carries packets between a radio and its controller once a transport has been opened: a descriptor to wait for,
 * and how to read and write. It yields a stream of H4 (Vol 4 Part A, 2), whatever it is beneath.
 */
#ifndef BLUET_RUNTIME_CARRIER_H
#define BLUET_RUNTIME_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "spec/internal.h"

struct carrier;

struct carrier_kind {
    /* Neither of them waits. The octets that were read or taken; 0 of `read`: the other end has gone; -1 with errno. */
    ssize_t (*read)(struct carrier *carrier, void *out, size_t room);
    ssize_t (*write)(struct carrier *carrier, const struct iovec *parts, size_t count);
    void (*close)(struct carrier *carrier);
    bool whole_packets; /* `write` wants one packet at a time, whole, and takes it whole */
    bool joined_midway; /* the controller may have been talking before: what comes before its answer is noise */
    const char *gone;   /* what the end of the stream means, for people */
    const char *advice; /* when what comes is no H4; NULL: none */
};

struct carrier {
    const struct carrier_kind *kind; /* NULL: closed */
    int fd;
    void *device; /* what the kind keeps besides */
};

BLUET_INTERNAL extern const struct carrier_kind carrier_socket;

/* What has gone wrong, by errno; 0: the other end has gone. */
BLUET_INTERNAL const char *carrier_words(const struct carrier *carrier, int error);

/* Closes a descriptor, and nothing else. */
BLUET_INTERNAL void carrier_close_descriptor(struct carrier *carrier);

/* A descriptor in a stream socket's way. */
static inline struct carrier carrier_of_socket(int descriptor)
{
    return (struct carrier){.kind = &carrier_socket, .fd = descriptor};
}

#endif
