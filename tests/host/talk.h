/*
 * Conversations with a host whose controller is a script. Packets are hex ("04 0e 04 01 03 0c 00", ".." for any octet);
 * events are text, as talk_event() in talk.c puts them. Time passes only when told to.
 */
#ifndef BLUET_TESTS_HOST_TALK_H
#define BLUET_TESTS_HOST_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bluet/bluet.h"
#include "spec/hci.h"

enum { TALK_PACKETS = 128, TALK_PACKET_SIZE = 1100, TALK_EVENTS = 256, TALK_EVENT_SIZE = 160 };

struct talk_packet {
    size_t length;
    uint8_t octets[TALK_PACKET_SIZE];
};

/* How the script's controller answers by itself, in talk_answer(). */
struct talk_controller {
    uint8_t version;
    uint64_t features, le_features;
    uint8_t commands[64];
    uint16_t le_acl_length, acl_length;
    uint8_t le_acl_count, acl_count;
    uint8_t address[6]; /* display order */
    uint16_t refused;   /* opcode that is answered by `status` */
    uint8_t status;
    uint16_t short_answer; /* opcode whose return parameters lack their last octet */
    uint16_t silent;       /* opcode that is not answered */
};

struct talk {
    struct bluet *host;
    uint64_t now;
    struct talk_controller controller;
    struct talk_packet packets[TALK_PACKETS]; /* sent by the host, not looked at */
    size_t first_packet, packet_count;
    char events[TALK_EVENTS][TALK_EVENT_SIZE]; /* raised by the host, not looked at */
    size_t first_event, event_count;
    void (*on_event)(struct talk *talk, const struct bluet_event *event);
    void *on_event_context;
    int answer;           /* of the handler */
    bool tells_questions; /* GET_SECRET is an event to look at; otherwise it is answered: there is none */
    size_t memory;        /* octets that the host has */
    size_t allocations;   /* so far */
    size_t refused_after; /* the allocation of this number, from 1, is refused; 0: none */
    uint8_t random;       /* what the port's random fills in, counting up */
};

/* A controller with everything, 251-octet buffers, and a public address. */
struct talk_controller talk_full_controller(void);

/* A host that is inactive; `limits` may be NULL. */
struct talk *talk_create(const struct bluet_config *limits);
/* A host that is active; nothing is left to look at. */
struct talk *talk_activated(const struct bluet_config *limits);
/* Fails if the host keeps memory, or if something was sent or raised that nobody has looked at. */
void talk_destroy(struct talk *talk);

/* One packet from the controller. */
void talk_receive(struct talk *talk, const char *hex);
void talk_receive_octets(struct talk *talk, const uint8_t *octets, size_t length);
/* The next packet that the host has sent is this one. */
void talk_expect(struct talk *talk, const char *hex);
void talk_expect_nothing(struct talk *talk);
/* Takes the next packet that the host has sent. */
struct talk_packet talk_take(struct talk *talk);
/* The next event that the host has raised is this one. */
void talk_expect_event(struct talk *talk, const char *text);
void talk_expect_no_event(struct talk *talk);
/* Forgets what has been sent and raised. */
void talk_forget(struct talk *talk);

/* Answers commands as the controller would, until none is left or one is met with silence. Passes over data. */
void talk_answer(struct talk *talk);
/* The same, but this command is left to be looked at. */
void talk_answer_until(struct talk *talk, uint16_t opcode);
/* The clock goes on; the host is polled whenever it wants to be. */
void talk_pass(struct talk *talk, uint64_t duration_us);
/* From its beginning to 10 s before the lower half of the clock begins anew for the second time. */
void talk_pass_to_wrap(struct talk *talk);

/* A connection, reported by the controller, with its events looked at. The peer's address ends in the handle's low
 * octet. */
/* The answer to LE Read Remote Features: the sign of life for which a central waits. */
void talk_peer_is_heard(struct talk *talk, uint16_t handle);
void talk_connect_central(struct talk *talk, uint16_t handle);
void talk_connect_peripheral(struct talk *talk, uint16_t handle);
/* A whole L2CAP frame from a peer, given as hex behind its header. */
void talk_receive_frame(struct talk *talk, uint16_t handle, uint16_t cid, const char *hex);
/* The controller has sent so many packets of that link. */
void talk_complete(struct talk *talk, uint16_t handle, uint8_t count);
/* The link ends, by the peer's wish. */
void talk_disconnect(struct talk *talk, uint16_t handle);
/* The next packet sent is that frame, whole. */
void talk_expect_frame(struct talk *talk, uint16_t handle, uint16_t cid, const char *hex);

#endif
