/*
 * A peer that pairs as a script says, on connection 0x40. What it has to compute, it computes by the toolbox, which has
 * tests of its own.
 */
#ifndef BLUET_TESTS_HOST_PEER_H
#define BLUET_TESTS_HOST_PEER_H

#include "talk.h"

#include "host/host.h"

enum { HANDLE = 0x40, SM = 6 };

/* Features: of the peer's, and what we answer; the latter with bonding. */
#define LEGACY_REQUEST "01 03 00 00 10 00 00"
#define LEGACY_RESPONSE "02 03 00 08 10 00 00"
#define SECURE_REQUEST "01 03 00 08 10 00 00"
/* A point of the curve: the public key of the private key 1, its generator. */
#define GENERATOR                                                                                        \
    "0c 96 c2 98 d8 45 39 a1 f4 a0 33 eb 2d 81 7d 03 77 f2 40 a4 63 e5 e6 bc f8 47 42 2c e1 f2 d1 17 6b" \
    " f5 51 bf 37 68 40 b6 cb ce 5e 31 6b 57 33 ce 2b 16 9e 0f 7c 4a eb e7 8e 9b 7f 1a fe e2 42 e3 4f"
/* The controller's, with Rand and EDIV zero. */
#define KEY_REQUEST "04 3e 0d 05 40 00 00 00 00 00 00 00 00 00 00 00"
#define BONDING_REQUEST "01 03 00 01 10 03 00"
#define BONDING_RESPONSE "02 03 00 09 10 03 00"
/* PDUs of the peer's keys. */
#define IRK "08 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10"
#define LTK "06 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10"
#define EDIV "07 01 02 03 04 05 06 07 08 09 0a"

#define IDENTITY "09 01 40 00 00 00 00 c0"

extern const struct bluet_address usual_peer;

/* An active host with that connection; nothing is left to look at. */
struct talk *as_peripheral(void);
struct talk *as_central(void);
/* One that bonds, not connected. */
struct talk *as_bonding_peripheral(void);
/* Nothing more is looked at. */
void end(struct talk *talk);
void disconnect(struct talk *talk);

/* The controller has sent what it had. */
void complete_packets(struct talk *talk);
/* PDUs of the Security Manager, the peer's and ours. */
void say(struct talk *talk, const char *hex);
void say_octets(struct talk *talk, uint8_t code, const uint8_t *value, size_t length);
void say_reversed(struct talk *talk, uint8_t code, const uint8_t *value, size_t length);
void hear(struct talk *talk, const char *hex);
/* What the host has sent: the PDU without its headers. */
void take(struct talk *talk, uint8_t *out, size_t length);

/* The application has been told, and nothing else. */
void expect_failure(struct talk *talk, uint16_t reason);
/* The peer has been told, too. */
void expect_refusal(struct talk *talk, uint8_t reason);
/* A peer that keeps the rules is served as if nothing had happened. */
void expect_well(struct talk *talk);

/* Legacy Pairing, with the peer as central, up to the key; and up to the encrypted link. */
void make_key_as_central(struct talk *talk, const struct bluet_address *peer, const char *request,
                         const char *response);
void pair_as_central(struct talk *talk, const struct bluet_address *peer, const char *request, const char *response);
/* And its keys: there is a bond, and the link is still there. */
void bond_as_central(struct talk *talk);

#endif
