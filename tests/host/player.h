/*
 * Plays an application and a controller against a host as an input of the fuzzer says, and keeps account: every ticket,
 * scan, attempt and connection has one end, and all memory comes back. Aborts where it does not.
 */
#ifndef BLUET_TESTS_HOST_PLAYER_H
#define BLUET_TESTS_HOST_PLAYER_H

#include "bluet/bluet.h"
#include "spec/reader.h"

enum { PLAYER_TICKETS = 256, PLAYER_LINKS = 64, PLAYER_PSM = 0x80 };

struct player {
    struct bluet *host;
    uint64_t now;
    struct reader input;
    bool answers;       /* the controller answers by itself */
    uint16_t awaiting;  /* opcode of the command that the controller has; 0: none */
    uint16_t in_flight; /* data packets that it has, and of which link the last was */
    uint16_t last_handle;
    unsigned depth; /* of calls from within the handler */
    size_t memory;
    int tickets[PLAYER_TICKETS]; /* without an end so far */
    size_t ticket_count;
    uint16_t handles[PLAYER_LINKS]; /* of the connections that were reported */
    size_t link_count;
    unsigned scans, attempts;
};

void player_open(struct player *player, const uint8_t *data, size_t size);
/* The controller is lost; everything must have ended then. */
void player_close(struct player *player);

/* The controller's packet, checked before and after. */
void player_receive(struct player *player, const uint8_t *octets, size_t length);
/* The controller's answer to the command that it has. */
void player_answer(struct player *player, uint8_t status);
/* Answers until nothing is left to be answered. */
void player_answer_all(struct player *player);
void player_pass(struct player *player, uint64_t duration_us);
/* One call of the application, as the input says. */
void player_call(struct player *player);
void player_connection(struct player *player, uint16_t handle, uint8_t role);

/* The link counts as encrypted from now on, and its peer opens two enhanced ATT bearers, CIDs 0x40 and 0x41. */
void player_open_bearers(struct player *player, uint16_t handle);
/* The peer opens two channels of the application's, CIDs 0x60 and 0x61. */
void player_open_channels(struct player *player, uint16_t handle);

/* A service with a characteristic of every kind. */
void player_register(struct player *player);

#endif
