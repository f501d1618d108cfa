/* What the controller reports of a connection while it lasts (Vol 4 Part E, 7.7.65.3 to 7.7.65.12). */
#include "host/link.h"

#include "spec/hci.h"
#include "spec/writer.h"

/* Counted if there is none. */
BLUET_INTERNAL struct link *link_of_event(struct link_table *links, uint16_t handle)
{
    struct link *link = link_find(links, handle & 0x0fff);
    if (!link)
        hci_protocol_error(links->hci);
    return link;
}

/* ---- Connection parameters ---- */

BLUET_INTERNAL bool link_parameters_are_valid(const struct link_parameters *parameters)
{
    /* The supervision timeout is longer than (1 + latency) * interval_max * 2, here both in units of 2.5 ms. */
    uint32_t least = (1u + parameters->latency) * parameters->interval_max;
    return parameters->interval_min >= 6 && parameters->interval_min <= parameters->interval_max &&
           parameters->interval_max <= 3200 && parameters->latency <= 499 && parameters->supervision_timeout >= 10 &&
           parameters->supervision_timeout <= 3200 && parameters->supervision_timeout * 4u > least;
}

BLUET_INTERNAL void link_write_parameters(struct writer *writer, const struct link *link,
                                          const struct link_parameters *parameters)
{
    write_u16(writer, link->handle);
    write_u16(writer, parameters->interval_min);
    write_u16(writer, parameters->interval_max);
    write_u16(writer, parameters->latency);
    write_u16(writer, parameters->supervision_timeout);
    write_u16(writer, 0); /* length of connection events: as the controller likes */
    write_u16(writer, 0);
}

BLUET_INTERNAL bool link_update(struct link_table *links, const struct link *link,
                                const struct link_parameters *parameters)
{
    uint8_t octets[14];
    struct writer writer = writer_of(octets, sizeof octets);
    link_write_parameters(&writer, link, parameters);
    struct hci_command command = {.opcode = HCI_LE_CONNECTION_UPDATE};
    return hci_request(links->hci, &command, octets, writer.length);
}

BLUET_INTERNAL void link_remote_connection_parameter_request(struct link_table *links, struct reader *event)
{
    const struct link *link = link_of_event(links, read_u16(event));
    struct link_parameters parameters;
    parameters.interval_min = read_u16(event);
    parameters.interval_max = read_u16(event);
    parameters.latency = read_u16(event);
    parameters.supervision_timeout = read_u16(event);
    if (!link)
        return;
    uint8_t octets[14];
    struct writer writer = writer_of(octets, sizeof octets);
    struct hci_command command = {.opcode = HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_REPLY};
    if (link_parameters_are_valid(&parameters)) {
        link_write_parameters(&writer, link, &parameters);
    } else {
        command.opcode = HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_NEGATIVE_REPLY;
        write_u16(&writer, link->handle);
        write_u8(&writer, HCI_UNACCEPTABLE_CONNECTION_PARAMETERS);
    }
    if (!hci_request(links->hci, &command, octets, writer.length))
        hci_protocol_error(links->hci);
}

BLUET_INTERNAL void link_connection_update_complete(struct link_table *links, struct reader *event)
{
    uint8_t status = read_u8(event);
    struct link *link = link_of_event(links, read_u16(event));
    uint16_t interval = read_u16(event);
    uint16_t latency = read_u16(event);
    struct link_parameters parameters = {interval, interval, latency, read_u16(event)};
    if (!link)
        return;
    if (status == HCI_SUCCESS) {
        if (!link_parameters_are_valid(&parameters)) {
            hci_protocol_error(links->hci);
            return;
        }
        link->interval = interval;
        link->latency = latency;
        link->supervision_timeout = parameters.supervision_timeout;
    }
    struct bluet_event raised = {.code = BLUET_EVENT_CONNECTION_UPDATE, .conn_handle = link->handle};
    raised.connection_update.interval = link->interval;
    raised.connection_update.latency = link->latency;
    raised.connection_update.supervision_timeout = link->supervision_timeout;
    raised.connection_update.status = status;
    event_raise(links->hci->sink, &raised);
}

/* ---- The link layer's packets ---- */

BLUET_INTERNAL void link_data_length_change(struct link_table *links, struct reader *event)
{
    struct link *link = link_of_event(links, read_u16(event));
    uint16_t octets = read_u16(event);
    if (link && octets >= 27 && octets <= 251)
        link->transmit_octets = octets;
}

BLUET_INTERNAL void link_phy_update_complete(struct link_table *links, struct reader *event)
{
    uint8_t status = read_u8(event);
    struct link *link = link_of_event(links, read_u16(event));
    uint8_t transmit = read_u8(event);
    uint8_t receive = read_u8(event);
    bool known = transmit >= 1 && transmit <= 3 && receive >= 1 && receive <= 3;
    if (link && status == HCI_SUCCESS && known) {
        link->transmit_phy = transmit;
        link->receive_phy = receive;
    }
}
