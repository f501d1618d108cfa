/*
 * A page of code is all that a port takes: `send`, `now`, `reallocate` and `random`, and a loop that feeds
 * bluet_receive() and bluet_poll(). Nothing of the host is called by an interrupt.
 *
 * Chance comes of the controller, which has a noise source: 16 octets by LE Rand (Vol 4 Part E, 7.8.23) are the key of
 * AES in counter mode, and the next key is drawn from it after each use.
 */
#include "port.h"

#include "arena.h"
#include "board.h"

#include <string.h>

enum { ACL_DATA = 0x02, EVENT = 0x04 };
enum { COMMAND_COMPLETE = 0x0e, RESET = 0x0c03, LE_RAND = 0x2018 };
enum { PACKET_SIZE = 5 + 1024, ANSWER_US = 500000, RAND_LENGTH = 8, BLOCK = 16 };

/* What has come of a packet. */
static struct {
    uint8_t octets[PACKET_SIZE];
    size_t length;
} packet;

static uint8_t key[BLOCK];

/* ---- Packets ---- */

/* As far as can be told by now: of a packet without its length yet, up to that. 0: this is no packet. */
static size_t whole_length(void)
{
    if (packet.octets[0] == EVENT)
        return packet.length < 3 ? 3 : 3 + (size_t)packet.octets[2];
    if (packet.octets[0] == ACL_DATA)
        return packet.length < 5 ? 5 : 5 + ((size_t)packet.octets[3] | (size_t)packet.octets[4] << 8);
    return 0;
}

/* Whether a packet is whole. `*out_lost`: what comes is none; nobody knows any more where the next begins. */
static bool take_packet(bool *out_lost)
{
    uint8_t octet;
    while (board_receive(&octet)) {
        packet.octets[packet.length++] = octet;
        size_t length = whole_length();
        if (length == 0 || length > PACKET_SIZE) {
            packet.length = 0;
            *out_lost = true;
            return false;
        }
        if (packet.length == length)
            return true;
    }
    return false;
}

static void send(void *context, const struct bluet_span *spans, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *octets = spans[i].data;
        for (size_t j = 0; j < spans[i].length; j++)
            board_send(octets[j]);
    }
}

static uint64_t now(void *context)
{
    (void)context;
    return board_now();
}

void port_run(struct bluet *host)
{
    bool lost = false;
    while (take_packet(&lost)) {
        bluet_receive(host, packet.octets, packet.length);
        packet.length = 0;
    }
    if (lost)
        bluet_controller_lost(host);
    if (bluet_poll(host) > board_now())
        board_sleep();
}

/* ---- Chance ---- */

static void fill_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    uint8_t counter[BLOCK] = {0}, block[BLOCK];
    while (length) {
        size_t part = length < BLOCK ? length : BLOCK;
        for (size_t i = 0; ++counter[i] == 0; i++) {}
        bluet_crypto_aes128(block, key, counter);
        memcpy(out, block, part);
        out += part;
        length -= part;
    }
    memset(counter, 0, sizeof counter);
    bluet_crypto_aes128(block, key, counter);
    memcpy(key, block, sizeof key);
}

/* Sends a command without parameters, and waits for what it returns; without, for none of the right length. */
static bool ask(uint16_t opcode, uint8_t *out, size_t length)
{
    const uint8_t command[] = {0x01, (uint8_t)opcode, (uint8_t)(opcode >> 8), 0};
    const struct bluet_span span = {command, sizeof command};
    send(NULL, &span, 1);
    for (uint64_t until = board_now() + ANSWER_US; board_now() < until; board_sleep()) {
        bool lost = false;
        while (take_packet(&lost)) {
            const uint8_t *octets = packet.octets;
            bool good = packet.length == 7 + length && octets[0] == EVENT && octets[1] == COMMAND_COMPLETE &&
                        octets[4] == command[1] && octets[5] == command[2] && octets[6] == 0;
            packet.length = 0;
            if (good) {
                memcpy(out, octets + 7, length);
                return true;
            }
        }
    }
    return false;
}

struct bluet_port port_start(void)
{
    board_start();
    while (!ask(RESET, NULL, 0) || !ask(LE_RAND, key, RAND_LENGTH) || !ask(LE_RAND, key + RAND_LENGTH, RAND_LENGTH)) {}
    return (struct bluet_port){.send = send, .now = now, .reallocate = arena_reallocate, .random = fill_random};
}
