/*
 * A peer that a command names on its command line: found on the air, connected to, and left. What the command does in
 * between happens in its own handler, which hands every event to meeting_take() first.
 */
#ifndef BLUET_CLI_MEETING_H
#define BLUET_CLI_MEETING_H

#include "cli.h"

enum meeting_type {
    MEETING_ASK_THE_AIR = -1,
    MEETING_PUBLIC = BLUET_ADDRESS_PUBLIC,
    MEETING_RANDOM = BLUET_ADDRESS_RANDOM
};

struct meeting {
    struct cli_session session;
    const char *text; /* the address as it was typed */
    double timeout;   /* seconds */
    struct bluet_address address;
    bool scanning, heard, connectable;
    bool connected, was_connected;
    bool lost;  /* the radio is */
    bool ended; /* what meeting_run() waits for: the connection has come to nothing, or the command is through */
    uint16_t conn_handle;
    uint8_t reason; /* of the disconnection */
};

/* The options that such commands have, as rows of a popt table. */
#define MEETING_OPTIONS(options)                                                                                \
    {"random", 'r', POPT_ARG_VAL, &(options).type, MEETING_RANDOM, "the address is a random one", NULL},        \
        {"public", 'p', POPT_ARG_VAL, &(options).type, MEETING_PUBLIC, "the address is a public one", NULL},    \
        {"timeout",                                                                                             \
         'T',                                                                                                   \
         POPT_ARG_DOUBLE,                                                                                       \
         &(options).timeout,                                                                                    \
         0,                                                                                                     \
         "give up after so many seconds without a connection (default: 10)",                                    \
         "N"},                                                                                                  \
        {"store", 'S', POPT_ARG_STRING, &(options).store, 0, "the file with the keys of bonded peers", "FILE"}, \
    {                                                                                                           \
        NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_radio_options, 0, NULL, NULL                                       \
    }

/* Reads the address. CLI_OK or CLI_USAGE. */
int meeting_begin(struct meeting *meeting, const char *text, int type, double timeout);

void meeting_take(struct meeting *meeting, const struct bluet_event *event);

/* Scans until the peer is heard, and with it the type of its address. Prints what goes wrong; CLI_OK, or the exit code.
 */
int meeting_find(struct meeting *meeting);
/* Connects. The same. */
int meeting_connect(struct meeting *meeting);
/* A new link that the peer has not heard of, as happens now and then: worth another attempt (Vol 6 Part B, 4.5). */
bool meeting_came_to_nothing(const struct meeting *meeting);

/* Runs until it has ended, or is interrupted, or until that moment of the runtime's clock. */
void meeting_run(struct meeting *meeting, uint64_t deadline_us);
uint64_t meeting_after(const struct meeting *meeting, double seconds);
void meeting_end(struct meeting *meeting);

/* Whether there are keys for the peer. */
bool meeting_is_bonded(const struct meeting *meeting);

#endif
