/* What an application asks of one connection, of the controller or, for other parameters, of the peer by L2CAP. */
#include "host/gap_link.h"

#include "host/event.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { INTERVAL_MIN_DEFAULT_US = 30000, INTERVAL_MAX_DEFAULT_US = 50000, SUPERVISION_TIMEOUT_DEFAULT_MS = 5000 };

BLUET_INTERNAL struct link_parameters gap_link_parameters(const struct bluet_connection_parameters *given)
{
    uint32_t min = given->interval_min_us;
    uint32_t max = given->interval_max_us;
    if (min == 0)
        min = max && max < INTERVAL_MIN_DEFAULT_US ? max : INTERVAL_MIN_DEFAULT_US;
    if (max == 0)
        max = min > INTERVAL_MAX_DEFAULT_US ? min : INTERVAL_MAX_DEFAULT_US;
    uint64_t timeout_ms = given->supervision_timeout_ms;
    uint64_t least_ms = (1ull + given->latency) * max * 2 / 1000 + 10;
    if (timeout_ms == 0)
        timeout_ms = least_ms > SUPERVISION_TIMEOUT_DEFAULT_MS ? least_ms : SUPERVISION_TIMEOUT_DEFAULT_MS;

    struct link_parameters parameters = {0};
    if (min > 4000000 || max > 4000000 || timeout_ms > 32000)
        return parameters;
    parameters.interval_min = (uint16_t)(min / 1250);
    parameters.interval_max = (uint16_t)(max / 1250);
    parameters.latency = given->latency;
    parameters.supervision_timeout = (uint16_t)(timeout_ms / 10);
    return parameters;
}

/* One command that names the connection, with a ticket. */
static int ask_controller(const struct gap_link *gap, const struct link *link, struct hci_command command,
                          const struct writer *parameters)
{
    int ticket = hci_begin(gap->links->hci, 1, parameters->length);
    if (ticket < 0)
        return ticket;
    command.ticket = ticket;
    command.flags |= HCI_LAST;
    command.argument = link->handle;
    hci_queue(gap->links->hci, &command, parameters->start, parameters->length);
    return ticket;
}

/* ---- Parameters ---- */

static void raise_update_failed(const struct gap_link *gap, const struct link *link, uint8_t status)
{
    struct bluet_event event = {.code = BLUET_EVENT_CONNECTION_UPDATE, .conn_handle = link->handle};
    event.connection_update.interval = link->interval;
    event.connection_update.latency = link->latency;
    event.connection_update.supervision_timeout = link->supervision_timeout;
    event.connection_update.status = status;
    event_raise(gap->links->hci->sink, &event);
}

/* The link layer of one of the two does not know how a peripheral asks: then by L2CAP (Vol 3 Part A, 4.20). */
static void peripheral_update_done(void *context, const struct hci_result *result)
{
    struct gap_link *gap = context;
    struct link *link = link_find_open(gap->links, result->argument);
    if (!link || result->status == HCI_SUCCESS || !link->update_asked)
        return;
    link->update_asked = false;
    if (l2cap_signal_request_update(gap->signal, link, &link->wanted))
        raise_update_failed(gap, link, result->status);
}

static int update_by_controller(struct gap_link *gap, struct link *link)
{
    uint8_t octets[14];
    struct writer writer = writer_of(octets, sizeof octets);
    link_write_parameters(&writer, link, &link->wanted);
    struct hci_command command = {.opcode = HCI_LE_CONNECTION_UPDATE};
    if (!link->central)
        command = (struct hci_command){
            .opcode = HCI_LE_CONNECTION_UPDATE, .flags = HCI_MAY_FAIL, .done = peripheral_update_done, .context = gap};
    return ask_controller(gap, link, command, &writer);
}

BLUET_INTERNAL int gap_link_update(struct gap_link *gap, struct link *link,
                                   const struct bluet_connection_parameters *given)
{
    struct link_parameters parameters = gap_link_parameters(given);
    if (!link_parameters_are_valid(&parameters))
        return BLUET_EINVAL;
    if (!link->central && !hci_has_feature(gap->controller, HCI_FEATURE_CONNECTION_PARAMETERS_REQUEST))
        return l2cap_signal_request_update(gap->signal, link, &parameters);
    link->wanted = parameters;
    int ticket = update_by_controller(gap, link);
    if (ticket > 0)
        link->update_asked = !link->central;
    return ticket;
}

BLUET_INTERNAL bool gap_link_update_goes_on(struct gap_link *gap, struct reader event)
{
    uint8_t status = read_u8(&event);
    struct link *link = link_find_open(gap->links, read_u16(&event) & 0x0fff);
    if (!link || !link->update_asked)
        return false;
    link->update_asked = false;
    return status == HCI_UNSUPPORTED_REMOTE_FEATURE &&
           l2cap_signal_request_update(gap->signal, link, &link->wanted) == BLUET_OK;
}

/* ---- The link layer's packets ---- */

BLUET_INTERNAL int gap_link_set_phy(struct gap_link *gap, const struct link *link, uint8_t transmit, uint8_t receive)
{
    enum { ALL_PHYS = 0x07, NO_TRANSMIT_PREFERENCE = 0x01, NO_RECEIVE_PREFERENCE = 0x02 };
    if ((transmit | receive) & ~ALL_PHYS)
        return BLUET_EINVAL;
    uint8_t octets[7];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, link->handle);
    write_u8(&writer, (uint8_t)((transmit ? 0 : NO_TRANSMIT_PREFERENCE) | (receive ? 0 : NO_RECEIVE_PREFERENCE)));
    write_u8(&writer, transmit);
    write_u8(&writer, receive);
    write_u16(&writer, 0); /* coded: as the controller likes */
    return ask_controller(gap, link, (struct hci_command){.opcode = HCI_LE_SET_PHY}, &writer);
}

BLUET_INTERNAL int gap_link_set_data_length(struct gap_link *gap, const struct link *link, uint16_t length)
{
    enum { LEAST = 27, OVERHEAD = 14 /* octets of a packet around its payload, at 1 Mb/s */ };
    if (length < LEAST || length > HCI_DATA_LENGTH_OCTETS)
        return BLUET_EINVAL;
    uint8_t octets[6];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, link->handle);
    write_u16(&writer, length);
    write_u16(&writer, (uint16_t)((length + OVERHEAD) * 8));
    return ask_controller(gap, link, (struct hci_command){.opcode = HCI_LE_SET_DATA_LENGTH}, &writer);
}

static void rssi_done(void *context, const struct hci_result *result)
{
    struct gap_link *gap = context;
    struct reader answer = result->parameters;
    struct link *link = link_find(gap->links, read_u16(&answer) & 0x0fff);
    int8_t rssi = (int8_t)read_u8(&answer);
    if (link && reader_ok(&answer))
        link->rssi = rssi;
}

BLUET_INTERNAL int gap_link_read_rssi(struct gap_link *gap, const struct link *link)
{
    uint8_t octets[2];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, link->handle);
    struct hci_command command = {.opcode = HCI_READ_RSSI, .least = 3, .done = rssi_done, .context = gap};
    return ask_controller(gap, link, command, &writer);
}
