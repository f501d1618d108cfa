/* Signalling packets (Vol 3 Part A, 4.1 to 4.24). Commands that concern channels are offered to whoever has
 * some. */
#include "host/l2cap_signal.h"

#include "host/event.h"
#include "host/memory.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { SIGNAL_HEADER_LENGTH = 4, SIGNAL_PARAMETERS_LARGEST = 10 };
enum { SIGNAL_UPDATE_ACCEPTED = 0, SIGNAL_UPDATE_REJECTED = 1 };

/* RTX: at least 1 s, at most 60 s (Vol 3 Part A, 6.2.1); the same as an ATT transaction. */
static const uint64_t signal_timeout_us = 30000000;

struct signal_command {
    uint8_t code;
    uint8_t identifier;
    struct reader parameters;
};

BLUET_INTERNAL int l2cap_signal_open(struct l2cap_signal *signal, struct link_table *links,
                                     const struct l2cap_signal_taker *taker)
{
    size_t size = links->limit * sizeof *signal->requests;
    *signal = (struct l2cap_signal){.links = links, .requests = memory_take(links->hci->port, size)};
    if (!signal->requests)
        return BLUET_ENOMEM;
    if (BLUET_HAS_L2CAP_CHANNELS)
        signal->taker = *taker;
    memset(signal->requests, 0, size);
    return BLUET_OK;
}

BLUET_INTERNAL void l2cap_signal_close(struct l2cap_signal *signal)
{
    if (signal->links)
        memory_give(signal->links->hci->port, signal->requests, signal->links->limit * sizeof *signal->requests);
    *signal = (struct l2cap_signal){0};
}

BLUET_INTERNAL void l2cap_signal_link_closed(struct l2cap_signal *signal, const struct link *link)
{
    if (signal->requests[link->index].awaiting)
        signal->awaiting_count--;
    if (signal->requests[link->index].kept.length)
        signal->kept_count--;
    signal->requests[link->index] = (struct l2cap_signal_link){0};
}

BLUET_INTERNAL uint8_t l2cap_signal_identifier(struct l2cap_signal *signal, const struct link *link)
{
    const struct l2cap_signal_taker *taker = &signal->taker;
    struct l2cap_signal_link *request = &signal->requests[link->index];
    uint8_t *identifier = &request->last_identifier;
    do {
        *identifier = *identifier == 0xff ? 1 : (uint8_t)(*identifier + 1);
    } while ((request->awaiting && request->identifier == *identifier) ||
             (BLUET_HAS_L2CAP_CHANNELS && taker->awaits(taker->context, link, *identifier)));
    return *identifier;
}

/* What asks for nothing must not be rejected either. */
static bool is_request(uint8_t code)
{
    switch (code) {
    case L2CAP_COMMAND_REJECT_RESPONSE:
    case L2CAP_DISCONNECTION_RESPONSE:
    case L2CAP_CONNECTION_PARAMETER_UPDATE_RESPONSE:
    case L2CAP_LE_CREDIT_BASED_CONNECTION_RESPONSE:
    case L2CAP_FLOW_CONTROL_CREDIT:
    case L2CAP_CREDIT_BASED_CONNECTION_RESPONSE:
    case L2CAP_CREDIT_BASED_RECONFIGURE_RESPONSE:
        return false;
    default:
        return true;
    }
}

static void release_reserve(struct l2cap_signal *signal)
{
    buffer_free(signal->links->pool, signal->reserve);
    signal->reserve = NULL;
}

BLUET_INTERNAL int l2cap_signal_send(struct l2cap_signal *signal, struct link *link, uint8_t code, uint8_t identifier,
                                     const struct writer *parameters)
{
    uint8_t header[SIGNAL_HEADER_LENGTH];
    struct writer writer = writer_of(header, sizeof header);
    write_u8(&writer, code);
    write_u8(&writer, identifier);
    write_u16(&writer, (uint16_t)parameters->length);
    struct bluet_span spans[] = {{header, sizeof header}, {parameters->start, parameters->length}};
    if (!is_request(code) && code != L2CAP_FLOW_CONTROL_CREDIT)
        release_reserve(signal);
    return l2cap_send(signal->links, link, L2CAP_CID_SIGNALLING, spans, 2);
}

/* There is a buffer for it: see keep_request(). */
static void signal_respond(struct l2cap_signal *signal, struct link *link, uint8_t code, uint8_t identifier,
                           const struct writer *parameters)
{
    (void)l2cap_signal_send(signal, link, code, identifier, parameters);
}

/* Vol 3 Part A, 4.1 */
static void signal_reject(struct l2cap_signal *signal, struct link *link, uint8_t identifier, uint16_t reason,
                          const uint16_t *data, size_t count)
{
    uint8_t parameters[6];
    struct writer writer = writer_of(parameters, sizeof parameters);
    write_u16(&writer, reason);
    for (size_t i = 0; i < count; i++)
        write_u16(&writer, data[i]);
    hci_protocol_error(signal->links->hci);
    signal_respond(signal, link, L2CAP_COMMAND_REJECT_RESPONSE, identifier, &writer);
}

static void signal_not_understood(struct l2cap_signal *signal, struct link *link, uint8_t identifier)
{
    signal_reject(signal, link, identifier, L2CAP_NOT_UNDERSTOOD, NULL, 0);
}

BLUET_INTERNAL void l2cap_signal_reject_cid(struct l2cap_signal *signal, struct link *link, uint8_t identifier,
                                            uint16_t destination, uint16_t source)
{
    signal_reject(signal, link, identifier, L2CAP_INVALID_CID, (uint16_t[]){destination, source}, 2);
}

/* ---- Requests of the peer ---- */

/* Vol 3 Part A, 4.20: only a peripheral asks, and only a central is asked. */
static void update_requested(struct l2cap_signal *signal, struct link *link, struct signal_command *command)
{
    struct link_parameters parameters;
    parameters.interval_min = read_u16(&command->parameters);
    parameters.interval_max = read_u16(&command->parameters);
    parameters.latency = read_u16(&command->parameters);
    parameters.supervision_timeout = read_u16(&command->parameters);
    if (!reader_done(&command->parameters) || !link->central) {
        signal_not_understood(signal, link, command->identifier);
        return;
    }
    bool accepted = link_parameters_are_valid(&parameters) && link_update(signal->links, link, &parameters);
    uint8_t result[2];
    struct writer writer = writer_of(result, sizeof result);
    write_u16(&writer, accepted ? SIGNAL_UPDATE_ACCEPTED : SIGNAL_UPDATE_REJECTED);
    signal_respond(signal, link, L2CAP_CONNECTION_PARAMETER_UPDATE_RESPONSE, command->identifier, &writer);
}

/* ---- Answers to our request ---- */

static void update_ended(struct l2cap_signal *signal, const struct link *link)
{
    signal->requests[link->index].awaiting = false;
    signal->awaiting_count--;
}

static void update_refused(struct l2cap_signal *signal, const struct link *link, uint8_t status)
{
    update_ended(signal, link);
    struct bluet_event event = {.code = BLUET_EVENT_CONNECTION_UPDATE, .conn_handle = link->handle};
    event.connection_update.interval = link->interval;
    event.connection_update.latency = link->latency;
    event.connection_update.supervision_timeout = link->supervision_timeout;
    event.connection_update.status = status;
    event_raise(signal->links->hci->sink, &event);
}

/* Anything else is an answer that nobody waits for. */
static bool update_awaits(struct l2cap_signal *signal, const struct link *link, uint8_t identifier)
{
    const struct l2cap_signal_link *request = &signal->requests[link->index];
    bool awaits = request->awaiting && request->identifier == identifier;
    if (!awaits)
        hci_protocol_error(signal->links->hci);
    return awaits;
}

static void update_answered(struct l2cap_signal *signal, struct link *link, struct signal_command *command)
{
    uint16_t result = read_u16(&command->parameters);
    if (!update_awaits(signal, link, command->identifier))
        return;
    if (reader_done(&command->parameters) && result == SIGNAL_UPDATE_ACCEPTED)
        update_ended(signal, link);
    else
        update_refused(signal, link, HCI_UNACCEPTABLE_CONNECTION_PARAMETERS);
}

static void request_rejected(struct l2cap_signal *signal, struct link *link, struct signal_command *command)
{
    const struct l2cap_signal_taker *taker = &signal->taker;
    if (BLUET_HAS_L2CAP_CHANNELS &&
        taker->take(taker->context, link, command->code, command->identifier, &command->parameters))
        return;
    if (update_awaits(signal, link, command->identifier))
        update_refused(signal, link, HCI_UNSUPPORTED_REMOTE_FEATURE);
}

/* ---- Frames ---- */

static void not_taken(struct l2cap_signal *signal, struct link *link, const struct signal_command *command)
{
    if (is_request(command->code))
        signal_not_understood(signal, link, command->identifier);
    else
        hci_protocol_error(signal->links->hci);
}

static void command_received(struct l2cap_signal *signal, struct link *link, struct signal_command *command)
{
    const struct l2cap_signal_taker *taker = &signal->taker;
    switch (command->code) {
    case L2CAP_COMMAND_REJECT_RESPONSE:
        request_rejected(signal, link, command);
        break;
    case L2CAP_CONNECTION_PARAMETER_UPDATE_REQUEST:
        update_requested(signal, link, command);
        break;
    case L2CAP_CONNECTION_PARAMETER_UPDATE_RESPONSE:
        update_answered(signal, link, command);
        break;
    default:
        if (!BLUET_HAS_L2CAP_CHANNELS ||
            !taker->take(taker->context, link, command->code, command->identifier, &command->parameters))
            not_taken(signal, link, command);
        break;
    }
}

/*
 * Without a buffer for the response the request is kept, as the peer would wait for it in vain; one of each link, for
 * more than one request at a time is rare, and a peer that gets no answer gives up (Vol 3 Part A, 6.2.1).
 */
static bool keep_request(struct l2cap_signal *signal, struct link *link, struct reader whole, uint8_t code)
{
    struct l2cap_signal_link *request = &signal->requests[link->index];
    if (!is_request(code))
        return false;
    signal->reserve = buffer_copy(signal->links->pool, NULL, 0);
    if (signal->reserve || (!link->transmit.head && link_allowance(signal->links, link)))
        return false;
    if (request->kept.length || reader_remaining(&whole) > sizeof request->kept.octets) {
        hci_protocol_error(signal->links->hci);
        return true;
    }
    request->link = link;
    request->kept.length = (uint8_t)reader_remaining(&whole);
    read_octets(&whole, request->kept.octets, request->kept.length);
    signal->kept_count++;
    return true;
}

static void signal_command_received(struct l2cap_signal *signal, struct link *link, struct reader *frame, bool too_long)
{
    struct reader whole = *frame;
    struct signal_command command = {.code = read_u8(frame)};
    command.identifier = read_u8(frame);
    size_t length = read_u16(frame);
    bool has_header = reader_ok(frame);
    command.parameters = read_part(frame, length);
    if (!has_header || command.identifier == 0) {
        hci_protocol_error(signal->links->hci);
        return;
    }
    size_t used = reader_remaining(&whole) - reader_remaining(frame);
    if (keep_request(signal, link, read_part(&whole, used), command.code))
        return;
    if (too_long && is_request(command.code))
        signal_reject(signal, link, command.identifier, L2CAP_MTU_EXCEEDED, (uint16_t[]){L2CAP_SIGNALLING_MTU}, 1);
    else if (too_long)
        hci_protocol_error(signal->links->hci);
    else if (!reader_ok(&command.parameters))
        not_taken(signal, link, &command);
    else
        command_received(signal, link, &command);
    release_reserve(signal);
}

BLUET_INTERNAL void l2cap_signal_receive(struct l2cap_signal *signal, struct link *link, struct reader *frame)
{
    bool too_long = reader_remaining(frame) > L2CAP_SIGNALLING_MTU;
    do {
        signal_command_received(signal, link, frame, too_long);
    } while (!too_long && reader_remaining(frame) && link->state == LINK_OPEN);
}

BLUET_INTERNAL void l2cap_signal_flush(struct l2cap_signal *signal)
{
    for (uint8_t i = 0; signal->kept_count && i < signal->links->limit; i++) {
        struct l2cap_signal_link *request = &signal->requests[i];
        if (request->kept.length == 0 || request->link->state != LINK_OPEN)
            continue;
        const struct l2cap_signal_kept kept = request->kept;
        request->kept.length = 0;
        signal->kept_count--;
        struct reader frame = reader_of(kept.octets, kept.length);
        l2cap_signal_receive(signal, request->link, &frame);
    }
}

/* ---- Our request ---- */

BLUET_INTERNAL int l2cap_signal_request_update(struct l2cap_signal *signal, struct link *link,
                                               const struct link_parameters *parameters)
{
    struct l2cap_signal_link *request = &signal->requests[link->index];
    if (link->central || !link_parameters_are_valid(parameters))
        return BLUET_EINVAL;
    if (request->awaiting)
        return BLUET_EALREADY;
    uint8_t octets[8];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, parameters->interval_min);
    write_u16(&writer, parameters->interval_max);
    write_u16(&writer, parameters->latency);
    write_u16(&writer, parameters->supervision_timeout);
    uint8_t identifier = l2cap_signal_identifier(signal, link);
    int error = l2cap_signal_send(signal, link, L2CAP_CONNECTION_PARAMETER_UPDATE_REQUEST, identifier, &writer);
    if (error)
        return error;
    request->link = link;
    request->identifier = identifier;
    request->awaiting = true;
    request->deadline = signal->links->hci->now + signal_timeout_us;
    signal->awaiting_count++;
    return BLUET_OK;
}

BLUET_INTERNAL uint64_t l2cap_signal_deadline(const struct l2cap_signal *signal)
{
    uint64_t deadline = BLUET_NEVER;
    for (uint8_t i = 0; signal->awaiting_count && i < signal->links->limit; i++) {
        const struct l2cap_signal_link *request = &signal->requests[i];
        if (request->awaiting && request->deadline < deadline)
            deadline = request->deadline;
    }
    return deadline;
}

BLUET_INTERNAL void l2cap_signal_expire(struct l2cap_signal *signal)
{
    for (uint8_t i = 0; signal->awaiting_count && i < signal->links->limit; i++) {
        const struct l2cap_signal_link *request = &signal->requests[i];
        if (request->awaiting && request->deadline <= signal->links->hci->now)
            update_refused(signal, request->link, HCI_LL_RESPONSE_TIMEOUT);
    }
}
