/*
 * Conversations (talk.h) with a host that has bonds with peers 0 and 1, each under a public identity and with a key of
 * its own; and lines of a script about commands and their answers.
 */
#ifndef BLUET_TESTS_HOST_BONDED_H
#define BLUET_TESTS_HOST_BONDED_H

#include "talk.h"

enum { BONDED_COUNT = 2, BONDED_PERIOD_US = 900000000 /* that private addresses last, at first */ };

/* A secret as the application keeps it. */
struct bonded_blob {
    uint8_t octets[128];
    size_t length;
};

/* A handler of events, which keeps the value of SET_SECRET in the blob that is its context. */
int bonded_keep_blob(void *context, struct bluet *host, const struct bluet_event *event);

struct bluet_address bonded_identity(uint8_t index);
/* The private addresses of a peer, by number. */
struct bluet_address bonded_resolvable(uint8_t index, uint8_t number);

/* A host that is inactive, will be given the bonds, and tells what it is asked; `flags`: enum sm_secret_flag. */
struct talk *bonded_create(enum bluet_address_mode mode, uint8_t flags);
/* A host that is active; the controller has refused one command, if it was ever given. Nothing is left to look at. */
struct talk *bonded_begin(enum bluet_address_mode mode, uint16_t refused, uint8_t status);
/* The same with a controller that does not resolve. */
struct talk *bonded_begin_without_list(enum bluet_address_mode mode);
void bonded_end(struct talk *talk);

/* The host has sent that command, and gets that answer. */
void bonded_step(struct talk *talk, const char *command, uint8_t status);
/* The same of one that is answered by Command Status. */
void bonded_step_begun(struct talk *talk, const char *command, uint8_t status);

/* As in packets; good for the next four calls. */
const char *bonded_hex(const struct bluet_address *address);
void bonded_report(struct talk *talk, uint8_t adv_type, uint8_t address_type, const struct bluet_address *address);
void bonded_expect_report(struct talk *talk, uint8_t adv_type, const struct bluet_address *peer);
void bonded_connection(struct talk *talk, uint8_t role, uint8_t type, const struct bluet_address *peer);
/* What the Security Manager takes for an address, ours or the peer's, of the first connection. */
const struct bluet_address *bonded_on_air(const struct talk *talk, bool own);
void bonded_start_scan(struct talk *talk);
void bonded_start_advertising(struct talk *talk);

#endif
