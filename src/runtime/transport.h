/*
 * Ways to a controller. Each kind is one row of a table in transport.c: what its name is, whether an argument makes
 * sense, and how to open it. All end in a carrier of H4.
 */
#ifndef BLUET_RUNTIME_TRANSPORT_H
#define BLUET_RUNTIME_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/carrier.h"
#include "spec/internal.h"

struct transport_kind {
    const char *name;
    const char *usage;
    /* NULL where there is none; 0, or BLUET_EINVAL with a message. */
    int (*check)(const char *argument);
    /* 0, or BLUET_ENODEV with a message. */
    int (*open)(const char *argument, const uint8_t *address, struct carrier *out_carrier);
};

struct transport {
    const struct transport_kind *kind;
    char *name; /* as the user wrote it */
    bool has_address;
    uint8_t address[6]; /* to be had of an air, if it has one */
};

/* `name` NULL: the environment's BLUET_TRANSPORT, or "air". BLUET_EINVAL (see the message), BLUET_ENOMEM. */
BLUET_INTERNAL int transport_create(struct transport *transport, const char *name);
/* BLUET_ENODEV (see the message). */
BLUET_INTERNAL int transport_open(const struct transport *transport, struct carrier *out_carrier);
BLUET_INTERNAL void transport_free(struct transport *transport);

#endif
