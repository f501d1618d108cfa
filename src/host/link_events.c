/* What the controller reports of a connection while it lasts (Vol 4 Part E, 7.7.65.3 to 7.7.65.12). */
#include "host/link.h"

#include "spec/hci.h"
#include "spec/writer.h"

/* ---- Connection parameters ---- */

BLUET_INTERNAL bool link_parameters_are_valid(const struct link_parameters *parameters)
{
    /* The supervision timeout is longer than (1 + latency) * interval_max * 2, here both in units of 2.5 ms. */
    uint32_t least = (1u + parameters->latency) * parameters->interval_max;
    return parameters->interval_min >= 6 && parameters->interval_min <= parameters->interval_max &&
           parameters->interval_max <= 3200 && parameters->latency <= 499 && parameters->supervision_timeout >= 10 &&
           parameters->supervision_timeout <= 3200 && parameters->supervision_timeout * 4u > least;
}

BLUET_INTERNAL void link_read_parameters(struct reader *reader, struct link_parameters *out_parameters)
{
    out_parameters->interval_min = read_u16(reader);
    out_parameters->interval_max = read_u16(reader);
    out_parameters->latency = read_u16(reader);
    out_parameters->supervision_timeout = read_u16(reader);
}

BLUET_INTERNAL void link_put_parameters(struct writer *writer, const struct link_parameters *parameters)
{
    write_u16(writer, parameters->interval_min);
    write_u16(writer, parameters->interval_max);
    write_u16(writer, parameters->latency);
    write_u16(writer, parameters->supervision_timeout);
}

/* Sends those parameters with a command, or instead of them a refusal. Whether there was room. */
static bool send_parameters(struct link_table *links, const struct link *link, uint16_t opcode,
                            const struct link_parameters *parameters)
{
    uint8_t octets[14];
    struct writer writer = writer_of(octets, sizeof octets);
    const struct hci_command command = {.opcode = opcode};
    write_u16(&writer, link->handle);
    if (opcode == HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_NEGATIVE_REPLY) {
        write_u8(&writer, HCI_UNACCEPTABLE_CONNECTION_PARAMETERS);
    } else {
        link_put_parameters(&writer, parameters);
        write_u32(&writer, 0); /* length of connection events: as the controller likes */
    }
    return hci_request(links->hci, &command, octets, writer.length);
}

BLUET_INTERNAL bool link_update(struct link_table *links, const struct link *link,
                                const struct link_parameters *parameters)
{
    return send_parameters(links, link, HCI_LE_CONNECTION_UPDATE, parameters);
}

BLUET_INTERNAL void link_remote_connection_parameter_request(struct link_table *links, const struct link *link,
                                                             struct reader *event)
{
    struct link_parameters parameters;
    link_read_parameters(event, &parameters);
    uint16_t opcode = link_parameters_are_valid(&parameters)
                          ? HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_REPLY
                          : HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_NEGATIVE_REPLY;
    if (!send_parameters(links, link, opcode, &parameters))
        hci_protocol_error(links->hci);
}

BLUET_INTERNAL void link_raise_update(const struct link_table *links, const struct link *link, uint8_t status)
{
    struct bluet_event event = {.code = BLUET_EVENT_CONNECTION_UPDATE, .conn_handle = link->handle};
    event.connection_update.interval = link->interval;
    event.connection_update.latency = link->latency;
    event.connection_update.supervision_timeout = link->supervision_timeout;
    event.connection_update.status = status;
    event_raise(links->hci->sink, &event);
}

BLUET_INTERNAL void link_connection_update_complete(struct link_table *links, struct link *link, struct reader *event,
                                                    uint8_t status)
{
    struct link_parameters parameters;
    parameters.interval_min = parameters.interval_max = read_u16(event);
    parameters.latency = read_u16(event);
    parameters.supervision_timeout = read_u16(event);
    if (status == HCI_SUCCESS) {
        if (!link_parameters_are_valid(&parameters)) {
            hci_protocol_error(links->hci);
            return;
        }
        link->interval = parameters.interval_max;
        link->latency = parameters.latency;
        link->supervision_timeout = parameters.supervision_timeout;
    }
    link_raise_update(links, link, status);
}

/* ---- The link layer's packets ---- */

BLUET_INTERNAL void link_data_length_change(struct link *link, struct reader *event)
{
    uint16_t octets = read_u16(event);
    if (octets >= 27 && octets <= 251)
        link->transmit_octets = octets;
}

BLUET_INTERNAL void link_phy_update_complete(struct link *link, struct reader *event, uint8_t status)
{
    uint8_t transmit = read_u8(event);
    uint8_t receive = read_u8(event);
    bool known = transmit >= 1 && transmit <= 3 && receive >= 1 && receive <= 3;
    if (status == HCI_SUCCESS && known) {
        link->transmit_phy = transmit;
        link->receive_phy = receive;
    }
}
