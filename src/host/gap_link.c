/* What an application asks of one connection, of the controller or, for other parameters, of the peer by L2CAP. */
#include "host/gap_link.h"

#include "host/event.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { INTERVAL_MIN_DEFAULT_US = 30000, INTERVAL_MAX_DEFAULT_US = 50000, SUPERVISION_TIMEOUT_DEFAULT_MS = 5000 };

BLUET_INTERNAL bool gap_link_parameters(struct link_parameters *out, const struct bluet_connection_parameters *given)
{
    enum { MOST_US = 4000000, MOST_MS = 32000, LATENCY_MOST = 499, UNIT_US = 1250, TIMEOUT_UNIT_MS = 10 };
    uint32_t min = given->interval_min_us;
    uint32_t max = given->interval_max_us;
    uint32_t timeout_ms = given->supervision_timeout_ms;
    if (min == 0)
        min = max && max < INTERVAL_MIN_DEFAULT_US ? max : INTERVAL_MIN_DEFAULT_US;
    if (max == 0)
        max = min > INTERVAL_MAX_DEFAULT_US ? min : INTERVAL_MAX_DEFAULT_US;
    if (min > MOST_US || max > MOST_US || timeout_ms > MOST_MS || given->latency > LATENCY_MOST)
        return false;
    out->interval_min = (uint16_t)(min / UNIT_US);
    out->interval_max = (uint16_t)(max / UNIT_US);
    out->latency = given->latency;
    uint32_t least_ms = (1u + given->latency) * max / 500 + TIMEOUT_UNIT_MS; /* twice the silence of a peripheral */
    if (timeout_ms == 0)
        timeout_ms = least_ms > SUPERVISION_TIMEOUT_DEFAULT_MS ? least_ms : SUPERVISION_TIMEOUT_DEFAULT_MS;
    out->supervision_timeout = (uint16_t)(timeout_ms / TIMEOUT_UNIT_MS);
    return timeout_ms <= MOST_MS && link_parameters_are_valid(out);
}

static void link_command_done(void *context, const struct hci_result *result);

/* One command with a ticket: the connection, and so many octets of what stands behind it. */
static int ask_controller(struct gap *gap, const struct link *link, uint16_t opcode, const uint16_t *words,
                          size_t length)
{
    uint8_t octets[14];
    struct hci_command command = {
        .opcode = opcode, .done = link_command_done, .context = gap, .argument = link->handle};
    if (opcode == HCI_READ_RSSI)
        command.least = 3;
    if (opcode == HCI_LE_CONNECTION_UPDATE && !link->central)
        command.flags = HCI_MAY_FAIL;
    write_u16_at(octets, link->handle);
    for (size_t i = 0; i < length; i += sizeof *words)
        write_u16_at(octets + 2 + i, *words++);
    return hci_ask(gap->hci, &command, octets, length + 2);
}

/* ---- Parameters ---- */

/* The link layer of one of the two does not know how a peripheral asks: then by L2CAP (Vol 3 Part A, 4.20). */
static void update_by_peripheral_failed(const struct gap *gap, struct link *link, uint8_t status)
{
    if (!link->update_asked)
        return;
    link->update_asked = false;
    if (l2cap_signal_request_update(gap->signal, link, &link->wanted))
        link_raise_update(gap->links, link, status);
}

BLUET_INTERNAL int gap_link_update(struct gap *gap, struct link *link, const struct bluet_connection_parameters *given)
{
    struct link_parameters wanted;
    if (!gap_link_parameters(&wanted, given))
        return BLUET_EINVAL;
    if (!link->central && !hci_has_feature(gap->controller, HCI_FEATURE_CONNECTION_PARAMETERS_REQUEST))
        return l2cap_signal_request_update(gap->signal, link, &wanted);
    link->wanted = wanted;
    /* Last the length of connection events: as the controller likes. */
    const uint16_t words[] = {
        wanted.interval_min, wanted.interval_max, wanted.latency, wanted.supervision_timeout, 0, 0};
    int ticket = ask_controller(gap, link, HCI_LE_CONNECTION_UPDATE, words, sizeof words);
    if (ticket > 0)
        link->update_asked = !link->central;
    return ticket;
}

BLUET_INTERNAL bool gap_link_update_goes_on(struct gap *gap, struct link *link, uint8_t status)
{
    if (link->state != LINK_OPEN || !link->update_asked)
        return false;
    link->update_asked = false;
    return status == HCI_UNSUPPORTED_REMOTE_FEATURE &&
           l2cap_signal_request_update(gap->signal, link, &link->wanted) == BLUET_OK;
}

/* ---- The link layer's packets ---- */

BLUET_INTERNAL int gap_link_set_phy(struct gap *gap, const struct link *link, uint8_t transmit, uint8_t receive)
{
    enum { ALL_PHYS = 0x07, NO_TRANSMIT_PREFERENCE = 0x01, NO_RECEIVE_PREFERENCE = 0x02, LENGTH = 5 };
    if ((transmit | receive) & ~ALL_PHYS)
        return BLUET_EINVAL;
    unsigned preference = (transmit ? 0 : NO_TRANSMIT_PREFERENCE) | (receive ? 0 : NO_RECEIVE_PREFERENCE);
    const uint16_t words[] = {(uint16_t)(preference | (unsigned)transmit << 8), receive,
                              0}; /* coded: as the controller likes */
    return ask_controller(gap, link, HCI_LE_SET_PHY, words, LENGTH);
}

BLUET_INTERNAL int gap_link_set_data_length(struct gap *gap, const struct link *link, uint16_t length)
{
    enum { LEAST = 27, OVERHEAD = 14 /* octets of a packet around its payload, at 1 Mb/s */ };
    if (length < LEAST || length > HCI_DATA_LENGTH_OCTETS)
        return BLUET_EINVAL;
    const uint16_t words[] = {length, (uint16_t)((length + OVERHEAD) * 8)};
    return ask_controller(gap, link, HCI_LE_SET_DATA_LENGTH, words, sizeof words);
}

BLUET_INTERNAL int gap_link_read_rssi(struct gap *gap, const struct link *link)
{
    return ask_controller(gap, link, HCI_READ_RSSI, NULL, 0);
}

static void link_command_done(void *context, const struct hci_result *result)
{
    const struct gap *gap = context;
    struct link *link = link_find(gap->links, result->argument);
    bool good = result->status == HCI_SUCCESS;
    if (!link)
        return;
    if (result->opcode == HCI_READ_RSSI && good) {
        struct reader answer = result->parameters;
        read_u16(&answer);
        link->rssi = (int8_t)read_u8(&answer);
    } else if (result->opcode == HCI_LE_CONNECTION_UPDATE && !good && link->state == LINK_OPEN) {
        update_by_peripheral_failed(gap, link, result->status);
    }
}
