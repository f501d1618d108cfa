/* Writes what passes between a host and its controller into a btsnoop file (version 1, datalink 1002: H4). */
#ifndef BLUET_RUNTIME_CAPTURE_H
#define BLUET_RUNTIME_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluet/bluet.h"
#include "spec/internal.h"

struct capture {
    int fd; /* -1: no capture */
};

/* BLUET_EIO (see the message). Replaces the file. */
BLUET_INTERNAL int capture_open(struct capture *capture, const char *path);
BLUET_INTERNAL void capture_close(struct capture *capture);

static inline bool capture_is_open(const struct capture *capture)
{
    return capture->fd >= 0;
}

/* One packet, from its indicator on. `unix_us` is the time in microseconds since 1970. Ends the capture if it fails. */
BLUET_INTERNAL void capture_packet(struct capture *capture, uint64_t unix_us, bool received,
                                   const struct bluet_span *spans, size_t count);

#endif
