/* Commands out, their answers in (Vol 4 Part E, 4.4, 7.7.14, 7.7.15). */
#include "host/hci.h"

#include "host/memory.h"
#include "spec/hci.h"
#include "spec/writer.h"

#include <limits.h>
#include <string.h>

enum { COMMAND_HEADER_LENGTH = 4 };

static const uint64_t command_timeout_us = 2000000;

BLUET_INTERNAL int hci_open(struct hci *hci, const struct bluet_port *port, const struct event_sink *sink,
                            size_t queue_size)
{
    uint8_t *queue = memory_take(port, queue_size);
    if (!queue)
        return BLUET_ENOMEM;
    *hci = (struct hci){
        .port = port,
        .sink = sink,
        .now = hci->now,
        .queue = queue,
        .queue_size = (uint16_t)queue_size,
        .credits = 1, /* before the first answer: Vol 4 Part E, 4.4 */
        .last_ticket = hci->last_ticket,
        .deadline = BLUET_NEVER,
        .protocol_errors = hci->protocol_errors,
    };
    return BLUET_OK;
}

BLUET_INTERNAL void hci_close(struct hci *hci)
{
    memory_give(hci->port, hci->queue, hci->queue_size);
    hci->queue = NULL;
    hci->queue_size = 0;
    hci->queue_length = 0;
    hci->awaiting = false;
    hci->deadline = BLUET_NEVER;
    hci->acl_count = hci->acl_free = 0;
}

/* ---- The queue ---- */

static struct hci_command queue_at(const struct hci *hci, size_t offset)
{
    struct hci_command command;
    memcpy(&command, hci->queue + offset, sizeof command);
    return command;
}

static size_t entry_length(const struct hci_command *command)
{
    return sizeof *command + command->length;
}

static void queue_remove(struct hci *hci, size_t offset, size_t length)
{
    size_t behind = hci->queue_length - offset - length;
    memmove(hci->queue + offset, hci->queue + offset + length, behind);
    hci->queue_length = (uint16_t)(hci->queue_length - length);
    memset(hci->queue + hci->queue_length, 0, length); /* it may have been a key */
}

static struct hci_command queue_take(struct hci *hci)
{
    struct hci_command command = queue_at(hci, 0);
    queue_remove(hci, 0, entry_length(&command));
    hci->awaiting = false;
    hci->deadline = hci->queue_length ? hci->now + command_timeout_us : BLUET_NEVER;
    return command;
}

static void queue_drop_ticket(struct hci *hci, int ticket)
{
    for (size_t offset = 0; offset < hci->queue_length;) {
        struct hci_command command = queue_at(hci, offset);
        if (command.ticket == ticket)
            queue_remove(hci, offset, entry_length(&command));
        else
            offset += entry_length(&command);
    }
    if (hci->queue_length == 0)
        hci->deadline = BLUET_NEVER;
}

static void queue_send(struct hci *hci)
{
    if (hci->awaiting || hci->credits == 0 || hci->queue_length == 0)
        return;
    struct hci_command command = queue_at(hci, 0);
    uint8_t header[COMMAND_HEADER_LENGTH];
    struct writer writer = writer_of(header, sizeof header);
    write_u8(&writer, HCI_COMMAND);
    write_u16(&writer, command.opcode);
    write_u8(&writer, command.length);
    struct bluet_span spans[] = {{header, sizeof header}, {hci->queue + sizeof command, command.length}};
    hci->awaiting = true;
    hci->credits--;
    hci->deadline = hci->now + command_timeout_us;
    hci->port->send(hci->port->context, spans, command.length ? 2 : 1);
}

BLUET_INTERNAL int hci_new_ticket(struct hci *hci)
{
    hci->last_ticket = hci->last_ticket == INT_MAX ? 1 : hci->last_ticket + 1;
    return hci->last_ticket;
}

BLUET_INTERNAL bool hci_has_room(const struct hci *hci, size_t command_count, size_t parameter_length)
{
    size_t needed = command_count * sizeof(struct hci_command) + parameter_length;
    size_t kept = hci->queue_size / 4u; /* for hci_request(): what the controller or the peer waits for */
    return hci->queue_length + needed + kept <= hci->queue_size;
}

BLUET_INTERNAL int hci_begin(struct hci *hci, size_t command_count, size_t parameter_length)
{
    return hci_has_room(hci, command_count, parameter_length) ? hci_new_ticket(hci) : BLUET_ENOMEM;
}

BLUET_INTERNAL bool hci_request(struct hci *hci, const struct hci_command *command, const void *parameters,
                                size_t length)
{
    size_t entry_size = sizeof *command + length;
    if (length > HCI_PARAMETERS_LARGEST || hci->queue_length + entry_size > hci->queue_size)
        return false;
    uint8_t *entry = hci->queue + hci->queue_length;
    memcpy(entry, command, sizeof *command);
    entry[offsetof(struct hci_command, length)] = (uint8_t)length;
    if (length)
        memcpy(entry + sizeof *command, parameters, length);
    if (hci->queue_length == 0)
        hci->deadline = hci->now + command_timeout_us;
    hci->queue_length = (uint16_t)(hci->queue_length + entry_size);
    queue_send(hci);
    return true;
}

/* ---- Tickets ---- */

static void raise_operation_done(const struct hci *hci, int ticket, int error, uint8_t status, struct reader response)
{
    struct bluet_event event = {.code = BLUET_EVENT_OPERATION_DONE, .conn_handle = 0xffff};
    event.operation.ticket = ticket;
    event.operation.error = error;
    event.operation.hci_status = status;
    event.operation.response = response.cursor;
    event.operation.response_length = reader_remaining(&response);
    event_raise(hci->sink, &event);
}

BLUET_INTERNAL void hci_end_ticket(const struct hci *hci, int ticket, int error, uint8_t status)
{
    if (ticket)
        raise_operation_done(hci, ticket, error, status, reader_of(NULL, 0));
}

/* The enum bluet_error for a command's status. */
static int error_of(uint16_t opcode, uint8_t status)
{
    switch (status) {
    case HCI_SUCCESS:
        return BLUET_OK;
    case HCI_COMMAND_DISALLOWED:
        /* The connection was made before it could be given up. */
        return opcode == HCI_LE_CREATE_CONNECTION_CANCEL ? BLUET_EALREADY : BLUET_EBUSY;
    case HCI_CONTROLLER_BUSY:
        return BLUET_EBUSY;
    case HCI_CONNECTION_ALREADY_EXISTS:
        return BLUET_EISCONN;
    case HCI_UNKNOWN_CONNECTION_IDENTIFIER:
        return BLUET_ENOTCONN;
    case HCI_INVALID_COMMAND_PARAMETERS:
    case HCI_PARAMETER_OUT_OF_RANGE:
    case HCI_INVALID_LL_PARAMETERS:
    case HCI_UNACCEPTABLE_CONNECTION_PARAMETERS:
        return BLUET_EINVAL;
    case HCI_MEMORY_CAPACITY_EXCEEDED:
    case HCI_CONNECTION_LIMIT_EXCEEDED:
        return BLUET_ENOMEM;
    case HCI_UNKNOWN_COMMAND:
    case HCI_UNSUPPORTED_FEATURE_OR_PARAMETER:
    case HCI_UNSUPPORTED_REMOTE_FEATURE:
    case HCI_UNSUPPORTED_LL_PARAMETER_VALUE:
        return BLUET_ENOTSUP;
    default:
        return BLUET_EIO;
    }
}

/* ---- Answers ---- */

static void command_finished(struct hci *hci, uint8_t status, struct reader parameters, struct reader response)
{
    struct hci_command command = queue_take(hci);
    if (status == HCI_SUCCESS && reader_remaining(&parameters) < command.least)
        status = HCI_UNSPECIFIED_ERROR;
    bool ended = status != HCI_SUCCESS && !(command.flags & HCI_MAY_FAIL);
    if (ended && command.ticket)
        queue_drop_ticket(hci, command.ticket);
    if (command.done) {
        struct hci_result result = {command.ticket, command.opcode, command.argument, status, parameters};
        if (status != HCI_SUCCESS)
            result.parameters = reader_of(NULL, 0);
        command.done(command.context, &result);
    }
    if (!ended && command.flags & HCI_MAY_FAIL)
        status = HCI_SUCCESS;
    if (command.ticket && (ended || command.flags & HCI_LAST))
        raise_operation_done(hci, command.ticket, error_of(command.opcode, status), status,
                             command.flags & HCI_RAW ? response : reader_of(NULL, 0));
}

/* Whether the answer is to the command that the controller has; other answers come too late, or were never asked for.
 */
static bool answer_is_awaited(struct hci *hci, const struct reader *event, uint8_t credits, uint16_t opcode)
{
    if (!reader_ok(event)) {
        hci_protocol_error(hci);
        return false;
    }
    bool awaited = hci->awaiting && queue_at(hci, 0).opcode == opcode;
    /* Until the answer to a Reset nothing counts that was sent before it (Vol 4 Part E, 7.3.2). */
    if (!awaited && hci->awaiting && queue_at(hci, 0).opcode == HCI_RESET)
        return false;
    hci->credits = credits;
    if (!awaited && opcode != 0)
        hci_protocol_error(hci);
    return awaited;
}

BLUET_INTERNAL void hci_command_complete(struct hci *hci, struct reader *event)
{
    uint8_t credits = read_u8(event);
    uint16_t opcode = read_u16(event);
    if (answer_is_awaited(hci, event, credits, opcode)) {
        struct reader response = *event;
        bool raw = queue_at(hci, 0).flags & HCI_RAW;
        uint8_t status = read_u8(event);
        if (!reader_ok(event))
            status = raw ? HCI_SUCCESS : HCI_UNSPECIFIED_ERROR;
        command_finished(hci, status, *event, response);
    }
    queue_send(hci);
}

BLUET_INTERNAL void hci_command_status(struct hci *hci, struct reader *event)
{
    struct reader response = *event;
    uint8_t status = read_u8(event);
    uint8_t credits = read_u8(event);
    uint16_t opcode = read_u16(event);
    response = read_part(&response, 1);
    if (answer_is_awaited(hci, event, credits, opcode))
        command_finished(hci, status, reader_of(NULL, 0), response);
    queue_send(hci);
}

BLUET_INTERNAL uint64_t hci_deadline(const struct hci *hci)
{
    return hci->deadline;
}

BLUET_INTERNAL void hci_abandon(struct hci *hci, int error, uint8_t status)
{
    while (hci->queue_length) {
        struct hci_command command = queue_take(hci);
        if (command.flags & HCI_LAST)
            hci_end_ticket(hci, command.ticket, error, status);
    }
    hci->deadline = BLUET_NEVER;
}

BLUET_INTERNAL bool hci_address_equal(const struct bluet_address *one, const struct bluet_address *other)
{
    return one->type == other->type && memcmp(one->octets, other->octets, sizeof one->octets) == 0;
}
