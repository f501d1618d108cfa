/*
 * The two pseudo-headers: a direction before each HCI packet (LINKTYPE_BLUETOOTH_HCI_H4_WITH_PHDR), and channel, power
 * and flags before each packet of the air (LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR), which is followed by its CRC (Vol 6
 * Part B, 3.1.1).
 */
#include "runtime/air_capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/reader.h"
#include "spec/writer.h"

/* Flags of the radio's pseudo-header. */
enum {
    DEWHITENED = 0x0001,
    POWER_VALID = 0x0002,
    REFERENCE_VALID = 0x0010,
    PDU_SHIFT = 7,
    CRC_CHECKED = 0x0400,
    CRC_VALID = 0x0800,
    PHY_SHIFT = 14
};

/* PDU types of that header. */
enum { PDU_ADVERTISING = 0, PDU_FROM_CENTRAL = 2, PDU_FROM_PERIPHERAL = 3 };

enum { ADVERTISING_CHANNEL = 37, CODED = 3, CRC_OCTETS = 3, LINKS_MOST = 256 };

#define CRC_POLYNOMIAL UINT32_C(0x00da6000) /* x24 + x10 + x9 + x6 + x4 + x3 + x + 1, bits reversed */

/* Vol 6 Part B, 3.1.1; the least significant bit of each octet goes first, the CRC's most significant one. */
static uint32_t crc_of(uint32_t initial, const uint8_t *octets, size_t length)
{
    uint32_t state = 0;
    for (unsigned bit = 0; bit < 24; bit++)
        state |= (initial >> bit & 1) << (23 - bit);
    for (size_t i = 0; i < length; i++) {
        state ^= octets[i];
        for (unsigned bit = 0; bit < 8; bit++)
            state = state & 1 ? state >> 1 ^ CRC_POLYNOMIAL : state >> 1;
    }
    return state;
}

/* The number of the radio frequency: Vol 6 Part B, 1.4.1 */
static uint8_t frequency_of(uint8_t channel)
{
    static const uint8_t advertising[] = {0, 12, 39};
    if (channel >= ADVERTISING_CHANNEL)
        return advertising[channel - ADVERTISING_CHANNEL];
    return (uint8_t)(channel + (channel < 11 ? 1 : 2));
}

static const char *action_word(enum bluet_air_action action)
{
    switch (action) {
    case BLUET_AIR_LOSE:
        return "lost";
    case BLUET_AIR_DROP:
        return "dropped";
    case BLUET_AIR_WITHHOLD:
        return "withheld";
    case BLUET_AIR_CORRUPT:
        return "corrupted";
    case BLUET_AIR_CUT:
        return "the link is cut before it";
    case BLUET_AIR_CUT_AFTER:
        return "the link is cut behind it";
    }
    return "";
}

static void describe(const struct bluet_air_observation *seen, char *out, size_t size)
{
    const char *encrypted = seen->encrypted ? "encrypted on the air, without its MIC here" : "";
    const char *separator = seen->encrypted && seen->fate != BLUET_AIR_RECEIVED ? "; " : "";
    const char *fate = "";
    char fault[64] = "";
    switch (seen->fate) {
    case BLUET_AIR_RECEIVED:
        break;
    case BLUET_AIR_UNHEARD:
        fate = "not heard: the peer did not listen";
        break;
    case BLUET_AIR_LOST:
        fate = "lost by chance, or for want of power";
        break;
    case BLUET_AIR_COLLIDED:
        fate = "collided with another packet";
        break;
    case BLUET_AIR_FAULTY:
        fate = action_word(seen->action);
        snprintf(fault, sizeof fault, " (fault %u)", (unsigned)seen->fault);
        break;
    }
    snprintf(out, size, "%s%s%s%s", encrypted, separator, fate, fault);
}

static uint16_t flags_of(const struct bluet_air_observation *seen)
{
    unsigned type = !seen->link ? PDU_ADVERTISING : seen->from_central ? PDU_FROM_CENTRAL : PDU_FROM_PERIPHERAL;
    unsigned phy = seen->phy == 2 ? 1 : seen->phy >= CODED ? 2 : 0;
    return (uint16_t)(DEWHITENED | POWER_VALID | REFERENCE_VALID | CRC_CHECKED | CRC_VALID | type << PDU_SHIFT |
                      phy << PHY_SHIFT);
}

static void add_radio(struct air_capture *capture, const struct bluet_air_observation *seen)
{
    uint8_t octets[PCAPNG_PACKET_MOST];
    char comment[PCAPNG_TEXT_MOST];
    struct writer packet = writer_of(octets, sizeof octets);
    write_u8(&packet, frequency_of(seen->channel));
    write_u8(&packet, (uint8_t)seen->rssi);
    write_u8(&packet, 0); /* noise: not measured */
    write_u8(&packet, 0); /* no error in the access address */
    write_u32(&packet, seen->access_address);
    write_u16(&packet, flags_of(seen));
    write_u32(&packet, seen->access_address);
    if (seen->phy >= CODED)
        write_u8(&packet, (uint8_t)(seen->phy - CODED)); /* coding indicator */
    write_octets(&packet, seen->packet, seen->length);
    write_u24(&packet, crc_of(seen->crc_initial, seen->packet, seen->length));
    describe(seen, comment, sizeof comment);
    pcapng_add_packet(&capture->file, capture->air, capture->unix_us + seen->time, octets, packet.length, comment);
}

static void add_hci(struct air_capture *capture, const struct bluet_air_observation *seen)
{
    uint8_t octets[PCAPNG_PACKET_MOST];
    const struct air_capture_host *host = capture->hosts;
    while (host && host->controller != seen->controller)
        host = host->next;
    struct writer packet = writer_of(octets, sizeof octets);
    write_zeros(&packet, 3);
    write_u8(&packet, seen->place == BLUET_AIR_TO_HOST); /* a direction of 32 bits, most significant octet first */
    write_octets(&packet, seen->packet, seen->length);
    if (host && writer_ok(&packet))
        pcapng_add_packet(&capture->file, host->interface, capture->unix_us + seen->time, octets, packet.length, NULL);
}

/* ---- What happened last ---- */

static void describe_packet(const struct bluet_air_observation *seen, char *out, size_t size)
{
    enum { CONTINUES = 1, STARTS = 2 };
    struct reader pdu = reader_of(seen->packet, seen->length);
    uint8_t llid = read_u8(&pdu) & 3;
    read_u8(&pdu);
    if (llid == CONTINUES) {
        snprintf(out, size, "more of an L2CAP frame");
    } else if (llid == STARTS) {
        read_u16(&pdu);
        unsigned cid = read_u16(&pdu);
        unsigned opcode = read_u8(&pdu);
        snprintf(out, size, "opcode 0x%02x on CID 0x%04x", opcode, cid);
    } else {
        unsigned opcode = read_u8(&pdu);
        snprintf(out, size, "LL control PDU 0x%02x", opcode);
    }
}

/* The one of that access address, or a new one; where there are LINKS_MOST already, in the place of the oldest. */
static struct air_capture_link *find_link(struct air_capture *capture, uint32_t access_address)
{
    struct air_capture_link **at = &capture->links;
    for (size_t count = 1; *at && (*at)->access_address != access_address && count < LINKS_MOST; count++)
        at = &(*at)->next;
    struct air_capture_link *link = *at;
    if (link)
        *at = link->next;
    else
        link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->access_address = access_address;
    link->next = capture->links;
    capture->links = link;
    return link;
}

static void remember(struct air_capture *capture, const struct bluet_air_observation *seen)
{
    enum { HEADER = 2 };
    struct air_capture_link *link =
        seen->link && seen->length > HEADER ? find_link(capture, seen->access_address) : NULL;
    if (!link)
        return;
    const struct air_capture_host *host = capture->hosts;
    while (host && host->controller != seen->controller)
        host = host->next;
    link->time = seen->time;
    link->from_central = seen->from_central;
    snprintf(link->from, sizeof link->from, "%s", host ? host->name : "a radio that is gone");
    describe_packet(seen, link->what, sizeof link->what);
    struct bluet_air_observation plain = *seen;
    plain.encrypted = false;
    describe(&plain, link->fate, sizeof link->fate);
}

BLUET_INTERNAL void air_capture_tell(const struct air_capture *capture, char *out, size_t size)
{
    size_t length = 0;
    for (const struct air_capture_link *link = capture->links; link && length < size; link = link->next) {
        int written =
            snprintf(out + length, size - length, "link 0x%08x: at %.6f s %s (%s) sent %s%s%s\n",
                     (unsigned)link->access_address, (double)link->time / 1e6, link->from,
                     link->from_central ? "central" : "peripheral", link->what, *link->fate ? ": " : "", link->fate);
        length += written > 0 ? (size_t)written : 0;
    }
}

static void observe(void *context, const struct bluet_air_observation *seen)
{
    if (seen->place == BLUET_AIR_ON_AIR) {
        add_radio(context, seen);
        remember(context, seen);
    } else {
        add_hci(context, seen);
    }
}

BLUET_INTERNAL int air_capture_begin(struct air_capture *capture, struct bluet_air *air, uint64_t unix_us,
                                     const char *path)
{
    int error = pcapng_open(&capture->file, path);
    if (error)
        return error;
    capture->unix_us = unix_us - bluet_air_now(air);
    capture->air = pcapng_add_interface(&capture->file, PCAPNG_BLUETOOTH_LE_LL_WITH_PHDR, "air");
    bluet_air_observe(air, observe, capture);
    return 0;
}

BLUET_INTERNAL void air_capture_end(struct air_capture *capture, struct bluet_air *air)
{
    if (air)
        bluet_air_observe(air, NULL, NULL);
    pcapng_close(&capture->file);
    while (capture->links) {
        struct air_capture_link *link = capture->links;
        capture->links = link->next;
        free(link);
    }
    while (capture->hosts)
        air_capture_remove(capture, capture->hosts->controller);
}

BLUET_INTERNAL void air_capture_add(struct air_capture *capture, const struct bluet_air_controller *controller,
                                    const char *name)
{
    struct air_capture_host *host = capture->file.fd >= 0 ? calloc(1, sizeof *host) : NULL;
    if (!host)
        return;
    host->controller = controller;
    snprintf(host->name, sizeof host->name, "%s", name);
    host->interface = pcapng_add_interface(&capture->file, PCAPNG_HCI_H4_WITH_PHDR, name);
    host->next = capture->hosts;
    capture->hosts = host;
}

BLUET_INTERNAL void air_capture_remove(struct air_capture *capture, const struct bluet_air_controller *controller)
{
    struct air_capture_host **at = &capture->hosts;
    while (*at && (*at)->controller != controller)
        at = &(*at)->next;
    if (!*at)
        return;
    struct air_capture_host *host = *at;
    *at = host->next;
    free(host);
}
