/*
 * Exchanges of the Bluetooth SIG's test suites, replayed against a host at its public functions. An exchange is a text
 * of steps, divided by ";":
 *
 *     > 0a @2          the peer sends that on the channel of ATT; ">5 0a" on channel 5
 *     < 0b 61 ...      the host has sent that, and with "..." anything behind it; "<5 0b" on channel 5, "<0 01" to the
 * controller ! read-done ...  the application has been told that: see put_event() in replay.c = read 000c      the
 * application calls that: see calls[] in replay.c
 *
 * "@2" is the handle 2 after the first of the user's services, "$2a05" that of a characteristic's value of the host's
 * own: as octets in packets, as a number elsewhere. Whatever is sent or told is looked at, in its order.
 */
#ifndef BLUET_TESTS_CONFORMANCE_REPLAY_H
#define BLUET_TESTS_CONFORMANCE_REPLAY_H

#include "host/talk.h"

struct replay_case {
    const char *id; /* of the test suite */
    const char *steps;
};

/*
 * A link as peripheral, and these services, from the first handle of a user's on; values are 1, 2, 3 ...:
 *
 *      0  service 180d
 *      1   2 2a37 read, write, notify, indicate; 2 octets; 3 its configuration
 *      4   5 2a38 write
 *      6   7 2a29 read; 44 octets; 8 2901 read, write; 40 octets
 *      9  10 2af1 read and write, encrypted
 *     11  12 2af2 read and write, authorized
 *     13  14 2af3 read and write, authenticated
 *     15  16 2af4 read, any write; room for 100 octets; 17 Extended Properties: reliable write
 *     18  19 2af5 read, write
 *     20  service 50db505c-8ac4-4738-8448-3b1d9cc09cc5
 *     21  includes 0
 *     22  23 50db505d-8ac4-4738-8448-3b1d9cc09cc5 read; 2 octets
 *     24  service 180f
 *     25  includes 20
 *     26  27 2a19 read; 1 octet; 28 2904 read; 7 octets
 */
void replay_gatt(void **state);
/* A link as central, MTU and MPS 64, an application that listens on PSM 0x80 with an MTU of 100. */
void replay_l2cap(void **state);

/* Runs them all, each a test by its id. */
int replay_all(const struct replay_case *cases, size_t count, void (*replay)(void **state));

#endif
