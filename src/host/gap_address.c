/* Public, static and non-resolvable private addresses (Vol 6 Part B, 1.3). */
#include "host/gap_address.h"

#include "spec/hci.h"
#include "spec/writer.h"

/* The two most significant bits tell the kinds of random address apart (Vol 6 Part B, 1.3.2.1, 1.3.2.2). */
enum { STATIC_BITS = 0xc0, NON_RESOLVABLE_BITS = 0x00, RANDOM_MASK = 0x3f };

static bool octets_all(const uint8_t *octets, uint8_t first, uint8_t rest)
{
    bool all = octets[0] == first;
    for (size_t i = 1; i < 6; i++)
        all = all && octets[i] == rest;
    return all;
}

static void generate_octets(const struct bluet_port *port, uint8_t *octets, uint8_t bits)
{
    port->random(port->context, octets, 6);
    octets[0] &= RANDOM_MASK;
    /* The random part is neither all zeros nor all ones. */
    if (octets_all(octets, 0x00, 0x00) || octets_all(octets, RANDOM_MASK, 0xff))
        octets[5] ^= 0x01;
    octets[0] |= bits;
}

static void gap_address_generate(struct gap_address *address, const struct bluet_port *port)
{
    if (!address->has_static)
        generate_octets(port, address->static_octets, STATIC_BITS);
    address->has_static = true;
    generate_octets(port, address->non_resolvable_octets, NON_RESOLVABLE_BITS);
}

BLUET_INTERNAL void gap_address_start(struct gap_address *address, const struct bluet_port *port,
                                      const uint8_t *public_octets)
{
    address->has_public = public_octets;
    if (public_octets)
        memcpy(address->public_octets, public_octets, sizeof address->public_octets);
    gap_address_generate(address, port);
}

BLUET_INTERNAL struct bluet_address gap_address_own(const struct gap_address *address)
{
    struct bluet_address own = {.type = BLUET_ADDRESS_RANDOM};
    const uint8_t *octets = address->static_octets;
    if (address->mode == BLUET_ADDRESS_MODE_NRPA)
        octets = address->non_resolvable_octets;
    if (address->mode == BLUET_ADDRESS_MODE_PUBLIC && address->has_public) {
        own.type = BLUET_ADDRESS_PUBLIC;
        octets = address->public_octets;
    }
    memcpy(own.octets, octets, sizeof own.octets);
    return own;
}

BLUET_INTERNAL struct bluet_address gap_address_identity(const struct gap_address *address)
{
    struct bluet_address identity = {.type = BLUET_ADDRESS_RANDOM};
    if (address->has_public)
        identity.type = BLUET_ADDRESS_PUBLIC;
    memcpy(identity.octets, address->has_public ? address->public_octets : address->static_octets,
           sizeof identity.octets);
    return identity;
}

static void change_done(void *context, const struct hci_result *result)
{
    struct gap_address *address = context;
    if (result->status != HCI_SUCCESS)
        address->mode = (enum bluet_address_mode)result->argument;
}

BLUET_INTERNAL int gap_address_change(struct gap_address *address, struct hci *hci, enum bluet_address_mode mode)
{
    struct gap_address next = *address;
    next.mode = mode;
    gap_address_generate(&next, hci->port);
    struct bluet_address own = gap_address_own(&next);
    int ticket = 0;
    if (own.type == BLUET_ADDRESS_RANDOM) {
        uint8_t parameters[6];
        struct writer writer = writer_of(parameters, sizeof parameters);
        write_reversed(&writer, own.octets, sizeof own.octets);
        ticket = hci_begin(hci, 1, sizeof parameters);
        if (ticket < 0)
            return ticket;
        struct hci_command command = {.opcode = HCI_LE_SET_RANDOM_ADDRESS,
                                      .ticket = ticket,
                                      .flags = HCI_LAST,
                                      .done = change_done,
                                      .context = address,
                                      .argument = (uint16_t)address->mode};
        hci_queue(hci, command, parameters, sizeof parameters);
    }
    *address = next;
    return ticket;
}
