/* Signalling packets (Vol 3 Part A, 4.1 to 4.24). Commands that concern channels are offered to whoever has
 * some. */
#include "host/l2cap_signal.h"

#include "host/memory.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { SIGNAL_HEADER_LENGTH = 4, SIGNAL_FIELDS_MOST = 3 };
enum { SIGNAL_UPDATE_ACCEPTED = 0, SIGNAL_UPDATE_REJECTED = 1 };

struct signal_command {
    struct link *link;
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
    struct l2cap_signal_link *request = &signal->requests[link->index];
    if (request->awaited)
        signal->awaiting_count--;
    *request = (struct l2cap_signal_link){0};
    for (size_t i = 0; i < L2CAP_SIGNAL_KEPT; i++) {
        if (signal->kept[i].link == link) {
            signal->kept[i].link = NULL;
            signal->kept_count--;
        }
    }
}

BLUET_INTERNAL uint8_t l2cap_signal_identifier(struct l2cap_signal *signal, const struct link *link)
{
    const struct l2cap_signal_taker *taker = &signal->taker;
    struct l2cap_signal_link *request = &signal->requests[link->index];
    uint8_t *identifier = &request->last_identifier;
    do {
        if (++*identifier == 0)
            ++*identifier;
    } while (request->awaited == *identifier ||
             (BLUET_HAS_L2CAP_CHANNELS && taker->awaits(taker->context, link, *identifier)));
    return *identifier;
}

/* What asks for nothing must not be rejected either. */
static bool is_request(uint8_t code)
{
    static const uint32_t others = 1u << L2CAP_COMMAND_REJECT_RESPONSE | 1u << L2CAP_DISCONNECTION_RESPONSE |
                                   1u << L2CAP_CONNECTION_PARAMETER_UPDATE_RESPONSE |
                                   1u << L2CAP_LE_CREDIT_BASED_CONNECTION_RESPONSE | 1u << L2CAP_FLOW_CONTROL_CREDIT |
                                   1u << L2CAP_CREDIT_BASED_CONNECTION_RESPONSE |
                                   1u << L2CAP_CREDIT_BASED_RECONFIGURE_RESPONSE;
    return code >= 32 || !(others >> code & 1);
}

static void release_reserve(struct l2cap_signal *signal)
{
    buffer_free(signal->links->pool, signal->reserve);
    signal->reserve = NULL;
}

BLUET_INTERNAL int l2cap_signal_send(struct l2cap_signal *signal, struct link *link, uint8_t code, uint8_t identifier,
                                     const struct writer *parameters)
{
    uint8_t header[SIGNAL_HEADER_LENGTH] = {code, identifier};
    write_u16_at(header + 2, (uint16_t)parameters->length);
    struct bluet_span spans[] = {{header, sizeof header}, {parameters->start, parameters->length}};
    if (!is_request(code) && code != L2CAP_FLOW_CONTROL_CREDIT)
        release_reserve(signal);
    return l2cap_send(signal->links, link, L2CAP_CID_SIGNALLING, spans, 2);
}

/* What the commands of this room consist of. For a response there is a buffer: see keep_request(). */
static int send_fields(struct l2cap_signal *signal, const struct signal_command *command, uint8_t code,
                       const uint16_t *fields, size_t count)
{
    uint8_t octets[2 * SIGNAL_FIELDS_MOST];
    struct writer writer = writer_of(octets, sizeof octets);
    for (size_t i = 0; i < count; i++)
        write_u16(&writer, fields[i]);
    return l2cap_signal_send(signal, command->link, code, command->identifier, &writer);
}

/* Vol 3 Part A, 4.1 */
static void signal_reject(struct l2cap_signal *signal, const struct signal_command *command, const uint16_t *fields,
                          size_t count)
{
    hci_protocol_error(signal->links->hci);
    (void)send_fields(signal, command, L2CAP_COMMAND_REJECT_RESPONSE, fields, count);
}

static void signal_not_understood(struct l2cap_signal *signal, const struct signal_command *command)
{
    static const uint16_t reason = L2CAP_NOT_UNDERSTOOD;
    signal_reject(signal, command, &reason, 1);
}

BLUET_INTERNAL void l2cap_signal_reject_cid(struct l2cap_signal *signal, struct link *link, uint8_t identifier,
                                            uint16_t destination, uint16_t source)
{
    const struct signal_command command = {.link = link, .identifier = identifier};
    signal_reject(signal, &command, (uint16_t[]){L2CAP_INVALID_CID, destination, source}, 3);
}

/* ---- Requests of the peer ---- */

/* Vol 3 Part A, 4.20: only a peripheral asks, and only a central is asked. */
static void update_requested(struct l2cap_signal *signal, struct signal_command *command)
{
    struct link_parameters parameters;
    link_read_parameters(&command->parameters, &parameters);
    if (!reader_done(&command->parameters) || !link_is_central(command->link)) {
        signal_not_understood(signal, command);
        return;
    }
    bool accepted = link_parameters_are_valid(&parameters) && link_update(signal->links, command->link, &parameters);
    const uint16_t result = accepted ? SIGNAL_UPDATE_ACCEPTED : SIGNAL_UPDATE_REJECTED;
    (void)send_fields(signal, command, L2CAP_CONNECTION_PARAMETER_UPDATE_RESPONSE, &result, 1);
}

/* ---- Answers to our request ---- */

/* `status` HCI_SUCCESS: the central has accepted, and the controller tells of what comes of it. */
static void update_ended(struct l2cap_signal *signal, const struct link *link, uint8_t status)
{
    signal->requests[link->index].awaited = 0;
    signal->awaiting_count--;
    if (status != HCI_SUCCESS)
        link_raise_update(signal->links, link, status);
}

/* `status`: what it means if it is an answer to our request. Anything else is an answer that nobody waits for. */
static void update_answered(struct l2cap_signal *signal, const struct signal_command *command, uint8_t status)
{
    if (signal->requests[command->link->index].awaited == command->identifier)
        update_ended(signal, command->link, status);
    else
        hci_protocol_error(signal->links->hci);
}

/* ---- Frames ---- */

static void not_taken(struct l2cap_signal *signal, const struct signal_command *command)
{
    if (is_request(command->code))
        signal_not_understood(signal, command);
    else
        hci_protocol_error(signal->links->hci);
}

static bool is_taken(struct l2cap_signal *signal, struct signal_command *command)
{
    const struct l2cap_signal_taker *taker = &signal->taker;
    return BLUET_HAS_L2CAP_CHANNELS &&
           taker->take(taker->context, command->link, command->code, command->identifier, &command->parameters);
}

static void command_received(struct l2cap_signal *signal, struct signal_command *command)
{
    bool accepted;
    switch (command->code) {
    case L2CAP_CONNECTION_PARAMETER_UPDATE_REQUEST:
        update_requested(signal, command);
        break;
    case L2CAP_CONNECTION_PARAMETER_UPDATE_RESPONSE:
        accepted = read_u16(&command->parameters) == SIGNAL_UPDATE_ACCEPTED && reader_done(&command->parameters);
        update_answered(signal, command, accepted ? HCI_SUCCESS : HCI_UNACCEPTABLE_CONNECTION_PARAMETERS);
        break;
    default:
        if (is_taken(signal, command))
            break;
        if (command->code == L2CAP_COMMAND_REJECT_RESPONSE)
            update_answered(signal, command, HCI_UNSUPPORTED_REMOTE_FEATURE);
        else
            not_taken(signal, command);
        break;
    }
}

/* A place for the request of a link that has none kept, if there is one. */
static struct l2cap_signal_kept *place_to_keep(struct l2cap_signal *signal, const struct link *link)
{
    struct l2cap_signal_kept *place = NULL;
    for (size_t i = 0; i < L2CAP_SIGNAL_KEPT; i++) {
        if (signal->kept[i].link == link)
            return NULL;
        if (!place && !signal->kept[i].link)
            place = &signal->kept[i];
    }
    return place;
}

/*
 * Without a buffer for the response the request is kept, as the peer would wait for it in vain; one of each link, and
 * of few links, for more at a time is rare, and a peer that gets no answer gives up (Vol 3 Part A, 6.2.1).
 */
static bool keep_request(struct l2cap_signal *signal, const struct signal_command *command, const uint8_t *octets,
                         size_t length)
{
    struct link *link = command->link;
    if (!is_request(command->code))
        return false;
    signal->reserve = buffer_copy(signal->links->pool, NULL, 0);
    if (signal->reserve || (!link->transmit.head && link_allowance(signal->links, link)))
        return false;
    struct l2cap_signal_kept *place = place_to_keep(signal, link);
    if (!place || length > sizeof place->octets) {
        hci_protocol_error(signal->links->hci);
        return true;
    }
    place->link = link;
    place->length = (uint8_t)length;
    memcpy(place->octets, octets, length);
    signal->kept_count++;
    return true;
}

static void signal_command_received(struct l2cap_signal *signal, struct link *link, struct reader *frame, bool too_long)
{
    const uint8_t *start = frame->cursor;
    size_t whole = reader_remaining(frame);
    struct signal_command command;
    command.link = link;
    command.code = read_u8(frame);
    command.identifier = read_u8(frame);
    uint16_t length = read_u16(frame);
    bool has_header = reader_ok(frame);
    command.parameters = read_part(frame, length);
    if (!has_header || command.identifier == 0) {
        hci_protocol_error(signal->links->hci);
        return;
    }
    if (keep_request(signal, &command, start, whole - reader_remaining(frame)))
        return;
    if (too_long && is_request(command.code))
        signal_reject(signal, &command, (const uint16_t[]){L2CAP_MTU_EXCEEDED, L2CAP_SIGNALLING_MTU}, 2);
    else if (too_long || !reader_ok(&command.parameters))
        not_taken(signal, &command);
    else
        command_received(signal, &command);
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
    for (size_t i = 0; signal->kept_count && i < L2CAP_SIGNAL_KEPT; i++) {
        const struct l2cap_signal_kept kept = signal->kept[i];
        if (!kept.link || kept.link->state != LINK_OPEN)
            continue;
        signal->kept[i].link = NULL;
        signal->kept_count--;
        struct reader frame = reader_of(kept.octets, kept.length);
        l2cap_signal_receive(signal, kept.link, &frame);
    }
}

/* ---- Our request ---- */

BLUET_INTERNAL int l2cap_signal_request_update(struct l2cap_signal *signal, struct link *link,
                                               const struct link_parameters *parameters)
{
    struct l2cap_signal_link *request = &signal->requests[link->index];
    if (link_is_central(link) || !link_parameters_are_valid(parameters))
        return BLUET_EINVAL;
    if (request->awaited)
        return BLUET_EALREADY;
    uint8_t octets[8];
    struct writer writer = writer_of(octets, sizeof octets);
    link_put_parameters(&writer, parameters);
    uint8_t identifier = l2cap_signal_identifier(signal, link);
    int error = l2cap_signal_send(signal, link, L2CAP_CONNECTION_PARAMETER_UPDATE_REQUEST, identifier, &writer);
    if (error)
        return error;
    request->awaited = identifier;
    request->requested = (uint32_t)signal->links->hci->now;
    signal->awaiting_count++;
    return BLUET_OK;
}

/* The request that has the least time left, which is returned. */
static uint32_t most_urgent(const struct l2cap_signal *signal, const struct l2cap_signal_link **out_request)
{
    uint32_t least = LINK_NO_TIME;
    for (uint8_t i = 0; signal->awaiting_count && i < signal->links->limit; i++) {
        const struct l2cap_signal_link *request = &signal->requests[i];
        uint32_t left = link_time_left(signal->links, request->requested);
        if (request->awaited && left < least) {
            least = left;
            *out_request = request;
        }
    }
    return least;
}

BLUET_INTERNAL uint64_t l2cap_signal_deadline(const struct l2cap_signal *signal)
{
    const struct l2cap_signal_link *request;
    return link_time_after(signal->links, most_urgent(signal, &request));
}

BLUET_INTERNAL void l2cap_signal_expire(struct l2cap_signal *signal)
{
    const struct l2cap_signal_link *request;
    while (most_urgent(signal, &request) == 0)
        update_ended(signal, &signal->links->links[request - signal->requests], HCI_LL_RESPONSE_TIMEOUT);
}
