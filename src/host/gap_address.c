/* Public, static, resolvable and non-resolvable private addresses (Vol 6 Part B, 1.3). */
#include "host/gap_address.h"

#include "host/sm_keys.h"
#include "spec/hci.h"
#include "spec/writer.h"

/* The two most significant bits tell the kinds of random address apart (Vol 6 Part B, 1.3.2.1, 1.3.2.2). */
enum { STATIC_BITS = 0xc0, RESOLVABLE_BITS = 0x40, NON_RESOLVABLE_BITS = 0x00, RANDOM_MASK = 0x3f };
enum { ADDRESS_LENGTH = 6, RANDOM_PART = 3 /* of a resolvable address; the rest is a hash of it */ };

/* The random part is neither all zeros nor all ones. */
static void mark(uint8_t *octets, size_t length, uint8_t bits)
{
    uint8_t all = octets[0] | (uint8_t)~RANDOM_MASK;
    uint8_t any = octets[0] & RANDOM_MASK;
    for (size_t i = 1; i < length; i++) {
        all &= octets[i];
        any |= octets[i];
    }
    if (all == 0xff || any == 0x00)
        octets[length - 1] ^= 0x01;
    octets[0] = (uint8_t)((octets[0] & RANDOM_MASK) | bits);
}

static void make_random(const struct gap *gap, uint8_t *out, size_t length, uint8_t bits)
{
    const struct bluet_port *port = gap->hci->port;
    port->random(port->context, out, length);
    mark(out, length, bits);
}

static void make_static(struct gap *gap)
{
    uint8_t *octets = gap->address.static_octets;
    uint8_t hash[16];
    gap->address.has_static = true;
    if (BLUET_HAS_SECURITY && sm_h6(hash, gap->bonds->irk, (const uint8_t *)"addr")) {
        memcpy(octets, hash, ADDRESS_LENGTH);
        mark(octets, ADDRESS_LENGTH, STATIC_BITS);
    } else { /* there is no AES */
        make_random(gap, octets, ADDRESS_LENGTH, STATIC_BITS);
    }
}

/* The random address of a mode. */
static bool make(const struct gap *gap, enum bluet_address_mode mode, uint8_t out[ADDRESS_LENGTH])
{
    if (BLUET_HAS_PRIVACY && mode == BLUET_ADDRESS_MODE_NRPA) {
        make_random(gap, out, ADDRESS_LENGTH, NON_RESOLVABLE_BITS);
        return true;
    }
    if (BLUET_HAS_PRIVACY && mode == BLUET_ADDRESS_MODE_RPA) {
        make_random(gap, out, RANDOM_PART, RESOLVABLE_BITS);
        return sm_ah(out + RANDOM_PART, gap->bonds->irk, out);
    }
    memcpy(out, gap->address.static_octets, ADDRESS_LENGTH);
    return true;
}

BLUET_INTERNAL bool gap_address_start(struct gap *gap)
{
    struct gap_address *address = &gap->address;
    if (!address->has_static || (BLUET_HAS_SECURITY && gap->bonds->irk_kept))
        make_static(gap);
    address->since = gap->hci->now;
    return make(gap, address->mode, address->random_octets);
}

static void choose(const struct gap *gap, struct bluet_address *out, uint8_t type, const uint8_t *random_octets)
{
    out->type = type;
    memcpy(out->octets, type == BLUET_ADDRESS_PUBLIC ? gap->controller->public_octets : random_octets, ADDRESS_LENGTH);
}

BLUET_INTERNAL uint8_t gap_address_type(const struct gap *gap)
{
    bool is_public = gap->address.mode == BLUET_ADDRESS_MODE_PUBLIC && gap->controller->has_public;
    return is_public ? BLUET_ADDRESS_PUBLIC : BLUET_ADDRESS_RANDOM;
}

BLUET_INTERNAL void gap_address_own(const struct gap *gap, struct bluet_address *out)
{
    choose(gap, out, gap_address_type(gap), gap->address.random_octets);
}

BLUET_INTERNAL void gap_address_identity(const struct gap *gap, struct bluet_address *out)
{
    bool is_public = gap->address.mode != BLUET_ADDRESS_MODE_STATIC && gap->controller->has_public;
    choose(gap, out, is_public ? BLUET_ADDRESS_PUBLIC : BLUET_ADDRESS_RANDOM, gap->address.static_octets);
}

BLUET_INTERNAL void gap_write_address(struct writer *writer, const struct bluet_address *address)
{
    write_u8(writer, address->type);
    write_reversed(writer, address->octets, sizeof address->octets);
}

BLUET_INTERNAL uint16_t gap_time(uint32_t time_us, uint32_t least_us)
{
    enum { MOST_US = 10240000, UNIT_US = 625 };
    if (time_us < least_us)
        time_us = least_us;
    return (uint16_t)((time_us < MOST_US ? time_us : MOST_US) / UNIT_US);
}

/* ---- Changes ---- */

static void change_done(void *context, const struct hci_result *result)
{
    struct gap_address *address = &((struct gap *)context)->address;
    if (result->status == HCI_SUCCESS)
        memcpy(address->random_octets, address->changing_octets, ADDRESS_LENGTH);
    else
        address->mode = (enum bluet_address_mode)result->argument;
}

BLUET_INTERNAL int gap_address_change(struct gap *gap, enum bluet_address_mode mode)
{
    struct gap_address *address = &gap->address;
    int ticket = 0;
    if (mode != BLUET_ADDRESS_MODE_PUBLIC || !gap->controller->has_public) {
        uint8_t octets[ADDRESS_LENGTH];
        uint8_t parameters[ADDRESS_LENGTH];
        struct writer writer = writer_of(parameters, sizeof parameters);
        struct hci_command command = {.opcode = HCI_LE_SET_RANDOM_ADDRESS,
                                      .done = change_done,
                                      .context = gap,
                                      .argument = (uint16_t)address->mode};
        if (!make(gap, mode, octets))
            return BLUET_ENOTSUP;
        write_reversed(&writer, octets, ADDRESS_LENGTH);
        ticket = hci_ask(gap->hci, &command, parameters, ADDRESS_LENGTH);
        if (ticket < 0)
            return ticket;
        memcpy(address->changing_octets, octets, ADDRESS_LENGTH);
    }
    address->mode = mode;
    address->since = gap->hci->now;
    return ticket;
}

BLUET_INTERNAL bool gap_address_renew(struct gap *gap)
{
    return make(gap, gap->address.mode, gap->address.rotated_octets);
}

BLUET_INTERNAL uint64_t gap_address_deadline(const struct gap *gap)
{
    const struct gap_address *address = &gap->address;
    return gap_address_is_private(gap) ? address->since + address->timeout_s * UINT64_C(1000000) : BLUET_NEVER;
}
