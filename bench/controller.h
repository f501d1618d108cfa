/*
 * A controller that only answers: it says yes to every command and takes every packet, so that what is measured is the
 * host. Needs no operating system, and runs on a Cortex-M as well.
 */
#ifndef BLUET_BENCH_CONTROLLER_H
#define BLUET_BENCH_CONTROLLER_H

#include "bluet/bluet.h"

enum { CONTROLLER_COMMANDS = 8, CONTROLLER_ACL_COUNT = 8, CONTROLLER_ACL_LENGTH = 251, CONTROLLER_FIRST_HANDLE = 0x40 };

struct controller {
    struct bluet *host;
    uint16_t commands[CONTROLLER_COMMANDS]; /* opcodes that wait to be answered */
    size_t command_count;
    size_t acl_count; /* packets that the host has sent, not yet reported as completed */
    uint16_t acl_handle;
    uint64_t now;
    int operation_error;
};

/* The port's `send`. */
void controller_take(void *context, const struct bluet_span *spans, size_t count);

/* Answers commands, and completes packets, until the host is quiet. */
void controller_settle(struct controller *controller);

/* Activates the host and registers nothing; returns whether it worked. */
bool controller_activate(struct controller *controller);

/* A central connects to the host, which has advertised. */
void controller_connect(struct controller *controller, uint16_t handle);

/* Reports `count` packets of a connection as sent on the air. */
void controller_complete(struct controller *controller, uint16_t handle, uint16_t count);

/* Writes into `out` an ACL packet from the peer that holds one L2CAP frame; returns its length. */
size_t controller_frame(uint8_t *out, uint16_t handle, uint16_t cid, const void *payload, size_t length);

/* Writes into `out` a report of a non-connectable advertisement with 31 octets; returns its length. */
size_t controller_advertising_report(uint8_t *out);

#endif
