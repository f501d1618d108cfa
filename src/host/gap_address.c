/* Public, static, resolvable and non-resolvable private addresses (Vol 6 Part B, 1.3). */
#include "host/gap_address.h"

#include "host/sm_keys.h"
#include "spec/hci.h"
#include "spec/writer.h"

/* The two most significant bits tell the kinds of random address apart (Vol 6 Part B, 1.3.2.1, 1.3.2.2). */
enum { STATIC_BITS = 0xc0, RESOLVABLE_BITS = 0x40, NON_RESOLVABLE_BITS = 0x00, RANDOM_MASK = 0x3f };
enum { RANDOM_PART = 3 }; /* of a resolvable address; the rest is a hash of it */

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

static void make_static(struct gap_address *address, const struct bluet_port *port)
{
    uint8_t hash[16];
    if (!BLUET_HAS_SECURITY || !sm_h6(hash, address->irk, (const uint8_t *)"addr"))
        port->random(port->context, hash, sizeof hash); /* there is no AES */
    memcpy(address->static_octets, hash, sizeof address->static_octets);
    mark(address->static_octets, sizeof address->static_octets, STATIC_BITS);
    address->has_static = true;
}

/* The random address of a mode. */
static bool make(const struct gap_address *address, const struct bluet_port *port, enum bluet_address_mode mode,
                 uint8_t out[6])
{
    if (BLUET_HAS_PRIVACY && mode == BLUET_ADDRESS_MODE_NRPA) {
        port->random(port->context, out, 6);
        mark(out, 6, NON_RESOLVABLE_BITS);
        return true;
    }
    if (BLUET_HAS_PRIVACY && mode == BLUET_ADDRESS_MODE_RPA) {
        port->random(port->context, out, RANDOM_PART);
        mark(out, RANDOM_PART, RESOLVABLE_BITS);
        return sm_ah(out + RANDOM_PART, address->irk, out);
    }
    memcpy(out, address->static_octets, 6);
    return true;
}

static void take(struct gap_address *address, const struct hci *hci, const uint8_t octets[6])
{
    memcpy(address->random_octets, octets, sizeof address->random_octets);
    address->since = hci->now;
}

BLUET_INTERNAL bool gap_address_start(struct gap_address *address, const struct hci *hci, const uint8_t *public_octets,
                                      const uint8_t *irk, bool irk_kept)
{
    uint8_t octets[6];
    address->irk = irk;
    address->has_public = public_octets;
    if (public_octets)
        memcpy(address->public_octets, public_octets, sizeof address->public_octets);
    if (irk_kept || !address->has_static)
        make_static(address, hci->port);
    bool made = make(address, hci->port, address->mode, octets);
    take(address, hci, octets);
    return made;
}

static struct bluet_address choose(const struct gap_address *address, bool is_public, const uint8_t *random_octets)
{
    struct bluet_address chosen = {.type = is_public ? BLUET_ADDRESS_PUBLIC : BLUET_ADDRESS_RANDOM};
    memcpy(chosen.octets, is_public ? address->public_octets : random_octets, sizeof chosen.octets);
    return chosen;
}

BLUET_INTERNAL struct bluet_address gap_address_own(const struct gap_address *address)
{
    bool is_public = address->mode == BLUET_ADDRESS_MODE_PUBLIC && address->has_public;
    return choose(address, is_public, address->random_octets);
}

BLUET_INTERNAL struct bluet_address gap_address_identity(const struct gap_address *address)
{
    bool is_public = address->mode != BLUET_ADDRESS_MODE_STATIC && address->has_public;
    return choose(address, is_public, address->static_octets);
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
    struct gap_address *address = context;
    if (result->status == HCI_SUCCESS)
        memcpy(address->random_octets, address->changing_octets, sizeof address->random_octets);
    else
        address->mode = (enum bluet_address_mode)result->argument;
}

BLUET_INTERNAL int gap_address_change(struct gap_address *address, struct hci *hci, enum bluet_address_mode mode)
{
    uint8_t octets[6];
    int ticket = 0;
    if (mode != BLUET_ADDRESS_MODE_PUBLIC || !address->has_public) {
        if (!make(address, hci->port, mode, octets))
            return BLUET_ENOTSUP;
        uint8_t parameters[6];
        struct writer writer = writer_of(parameters, sizeof parameters);
        write_reversed(&writer, octets, sizeof octets);
        ticket = hci_begin(hci, 1, sizeof parameters);
        if (ticket < 0)
            return ticket;
        memcpy(address->changing_octets, octets, sizeof octets);
        struct hci_command command = {.opcode = HCI_LE_SET_RANDOM_ADDRESS,
                                      .ticket = ticket,
                                      .flags = HCI_LAST,
                                      .done = change_done,
                                      .context = address,
                                      .argument = (uint16_t)address->mode};
        hci_queue(hci, &command, parameters, sizeof parameters);
    }
    address->mode = mode;
    address->since = hci->now;
    return ticket;
}

BLUET_INTERNAL bool gap_address_renew(struct gap_address *address, const struct hci *hci)
{
    return make(address, hci->port, address->mode, address->rotated_octets);
}

BLUET_INTERNAL void gap_address_renewed(struct gap_address *address, const struct hci *hci)
{
    take(address, hci, address->rotated_octets);
}

BLUET_INTERNAL uint64_t gap_address_deadline(const struct gap_address *address)
{
    if (address->mode != BLUET_ADDRESS_MODE_RPA && address->mode != BLUET_ADDRESS_MODE_NRPA)
        return BLUET_NEVER;
    return address->since + address->timeout_s * UINT64_C(1000000);
}
