/*
 * A conversation with controllers on an air: each host keeps what its controller tells it, with the time, and says what
 * a test has it say. It knows HCI by itself: nothing of src/air or src/host is in it.
 */
#ifndef BLUET_TESTS_AIR_CONVERSATION_H
#define BLUET_TESTS_AIR_CONVERSATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bluet/air.h"

enum { HOSTS_MOST = 70, PACKET_MOST = 260, ANY = -1 };

/* Milliseconds and seconds in microseconds. */
#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)

struct packet {
    uint64_t at;
    size_t length;
    uint8_t octets[PACKET_MOST];
};

struct world;

struct host {
    struct world *world;
    struct bluet_air_controller *controller;
    struct packet *packets;
    size_t count, capacity;
    size_t next; /* packets before it have been looked at */
    bool refuses;
    bool forgets; /* packets are not kept */
    /* For hosts that act on what they hear; called before the packet is kept. */
    void (*hook)(struct host *host, const uint8_t *packet, size_t length);
    void *hook_context;
    size_t sent, received; /* for hooks */
};

struct world {
    struct bluet_air *air;
    struct host hosts[HOSTS_MOST];
    size_t host_count;
    size_t blocks, octets;                      /* memory that the air holds */
    size_t allocations, refuse_from, refuse_to; /* the allocations in that range are refused */
};

void world_begin(struct world *world, uint64_t seed, double loss);
void world_end(struct world *world); /* checks that no memory is left behind */
struct host *world_add(struct world *world);
struct host *world_add_configured(struct world *world, struct bluet_air_controller_config config);
void world_detach(struct host *host);
void run_for(struct world *world, uint64_t duration);
void run_until(struct world *world, uint64_t time);

/* Octets of a command, ACL packet or address, least significant octet first. */
struct bytes {
    size_t length;
    uint8_t octets[PACKET_MOST];
};
#define BYTES(...) bytes_of(sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})
#define NOTHING bytes_of(0, NULL)
#define U16(value) (uint8_t)(value), (uint8_t)((value) >> 8)
struct bytes bytes_of(size_t length, const uint8_t *octets);
struct bytes bytes_join(struct bytes first, struct bytes second);

int send_packet(struct host *host, uint8_t indicator, struct bytes bytes);
void send_command(struct host *host, uint16_t opcode, struct bytes parameters);
void send_acl(struct host *host, uint16_t handle, unsigned boundary, const void *data, size_t length);

/* Sends a command and returns the status of its answer, which must come at once; both kinds of answers. */
uint8_t command(struct host *host, uint16_t opcode, struct bytes parameters);
/* The return parameters of the last Command Complete, after the status. */
const uint8_t *returned(struct host *host, size_t *out_length);

/* The next packet of a kind after those looked at, passing over others; NULL if there is none yet. */
const struct packet *find_event(struct host *host, uint8_t code);
const struct packet *find_le_event(struct host *host, uint8_t code);
const struct packet *find_acl(struct host *host);
/* The same, running until it comes or the time is over; fails the test if it does not come. */
const struct packet *await_event(struct host *host, uint8_t code, uint64_t timeout);
const struct packet *await_le_event(struct host *host, uint8_t code, uint64_t timeout);
const struct packet *await_acl(struct host *host, uint64_t timeout);
/* From the beginning. */
size_t count_events(const struct host *host, uint8_t code);
size_t count_le_events(const struct host *host, uint8_t code);
size_t count_acl(const struct host *host);
void look_from_here(struct host *host);

uint16_t get_u16(const struct packet *packet, size_t offset);

/* All events unmasked but the enhanced connection complete, suggested data length 27. */
void host_begin(struct host *host);
void public_address(struct host *host, uint8_t out[6]);
void advertise(struct host *host, uint16_t interval, uint8_t type);
void advertise_stop(struct host *host);
void scan(struct host *host, uint16_t interval, uint16_t window, bool active, bool filter_duplicates);
void create_connection(struct host *host, struct host *peer, uint16_t interval, uint16_t latency, uint16_t timeout);

struct pair {
    struct host *central, *peripheral;
    uint16_t central_handle, peripheral_handle;
};
/* Both are set up, connected, and have nothing unread. */
struct pair pair_connect(struct world *world, uint16_t interval, uint16_t latency, uint16_t timeout);
struct pair pair_of(struct host *central, struct host *peripheral, uint16_t interval, uint16_t latency,
                    uint16_t timeout);

#endif
