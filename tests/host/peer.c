/* The peer's side of a pairing, as the script has it. */
#include "peer.h"

#include "spec/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct bluet_address usual_peer = {BLUET_ADDRESS_RANDOM, {0xc0, 0, 0, 0, 0, HANDLE}};

struct talk *as_peripheral(void)
{
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, HANDLE);
    return talk;
}

struct talk *as_central(void)
{
    struct talk *talk = talk_activated(NULL);
    talk_connect_central(talk, HANDLE);
    return talk;
}

/* The controller has sent what it had. */
void complete_packets(struct talk *talk)
{
    const struct link *link = link_find(&talk->host->links, HANDLE);
    uint8_t event[] = {HCI_EVENT, HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS, 5, 1, HANDLE, 0, 0, 0};
    event[6] = (uint8_t)(link ? link->transmit.in_flight : 0);
    if (event[6])
        talk_receive_octets(talk, event, sizeof event);
}

void say(struct talk *talk, const char *hex)
{
    complete_packets(talk);
    talk_receive_frame(talk, HANDLE, SM, hex);
}

void hear(struct talk *talk, const char *hex)
{
    talk_expect_frame(talk, HANDLE, SM, hex);
}

/* What the host has sent: the PDU without its headers. */
void take(struct talk *talk, uint8_t *out, size_t length)
{
    struct talk_packet packet = talk_take(talk);
    assert_int_equal(packet.length, 9 + length);
    memcpy(out, packet.octets + 9, length);
}

void say_octets(struct talk *talk, uint8_t code, const uint8_t *value, size_t length)
{
    char hex[3 * 80];
    int used = snprintf(hex, sizeof hex, "%02x", code);
    for (size_t i = 0; i < length; i++)
        used += snprintf(hex + used, sizeof hex - (size_t)used, " %02x", value[i]);
    say(talk, hex);
}

void say_reversed(struct talk *talk, uint8_t code, const uint8_t *value, size_t length)
{
    uint8_t octets[64] = {0};
    struct writer writer = writer_of(octets, sizeof octets);
    write_reversed(&writer, value, length);
    say_octets(talk, code, octets, length);
}

void expect_failure(struct talk *talk, uint16_t reason)
{
    char text[64];
    snprintf(text, sizeof text, "ENCRYPTION_UPDATE 0x0040 000 key 0 reason 0x%03x", reason);
    talk_expect_event(talk, text);
    talk_expect_no_event(talk);
}

/* The host has said so, and has told the application. */
void expect_refusal(struct talk *talk, uint8_t reason)
{
    char hex[8];
    snprintf(hex, sizeof hex, "05 %02x", reason);
    hear(talk, hex);
    expect_failure(talk, reason);
    talk_expect_nothing(talk);
}

/* A peer that keeps the rules is served as if nothing had happened. */
void expect_well(struct talk *talk)
{
    talk_expect_nothing(talk);
    talk_expect_no_event(talk);
    say(talk, LEGACY_REQUEST);
    hear(talk, LEGACY_RESPONSE);
    say(talk, "05 08");
    expect_failure(talk, SM_UNSPECIFIED_REASON);
}

void end(struct talk *talk)
{
    talk_forget(talk);
    talk_destroy(talk);
}

/* Pairs as the central's host would, by Legacy Pairing, up to the encrypted link. */
void make_key_as_central(struct talk *talk, const struct bluet_address *peer, const char *request, const char *response)
{
    const struct bluet_address own = {BLUET_ADDRESS_PUBLIC, {0xc4, 0x11, 0x22, 0x33, 0x44, 0x55}};
    const struct bluet_address ends[2] = {*peer, own};
    static const uint8_t zeros[16];
    struct sm_exchange exchange = {.nonce = {{0x77}}};
    uint8_t confirm[16], pdu[17];
    for (size_t i = 0; i < 7; i++) {
        exchange.features[SM_INITIATOR][i] = (uint8_t)strtoul(request + 3 * i, NULL, 16);
        exchange.features[SM_RESPONDER][i] = (uint8_t)strtoul(response + 3 * i, NULL, 16);
    }
    say(talk, request);
    hear(talk, response);
    assert_true(sm_c1(confirm, &exchange, ends, SM_INITIATOR, zeros));
    say_reversed(talk, SM_PAIRING_CONFIRM, confirm, 16);
    take(talk, pdu, 17);
    say_reversed(talk, SM_PAIRING_RANDOM, exchange.nonce[SM_INITIATOR], 16);
    take(talk, pdu, 17);
    assert_int_equal(pdu[0], SM_PAIRING_RANDOM);
}

void pair_as_central(struct talk *talk, const struct bluet_address *peer, const char *request, const char *response)
{
    make_key_as_central(talk, peer, request, response);
    talk_receive(talk, KEY_REQUEST);
    struct talk_packet reply = talk_take(talk);
    assert_int_equal(reply.octets[1], 0x1a); /* LE Long Term Key Request Reply */
    talk_receive(talk, "04 0e 06 01 1a 20 00 40 00");
    talk_receive(talk, "04 08 04 00 40 00 01");
}

struct talk *as_bonding_peripheral(void)
{
    struct talk *talk = talk_activated(NULL);
    struct bluet_security security = {.bond = true, .io = BLUET_IO_NO_INPUT_OUTPUT};
    assert_int_equal(bluet_set_security(talk->host, &security), BLUET_OK);
    return talk;
}

void disconnect(struct talk *talk)
{
    talk_receive(talk, "04 05 04 00 40 00 13");
    talk_answer(talk); /* the controller's resolving list follows the bonds */
    talk_forget(talk);
}

void bond_as_central(struct talk *talk)
{
    static const char *const keys[] = {LTK, EDIV, IRK, IDENTITY};
    talk->answer = 1;
    pair_as_central(talk, &usual_peer, BONDING_REQUEST, BONDING_RESPONSE);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        say(talk, keys[i]);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 1);
    talk_answer(talk); /* the controller's resolving list follows the bonds */
    talk_forget(talk);
}
