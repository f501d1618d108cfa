/* Commands out, their answers in (Vol 4 Part E, 4.4, 7.7.14, 7.7.15). */
#include "host/hci.h"

#include "host/memory.h"
#include "spec/hci.h"
#include "spec/writer.h"

#include <limits.h>
#include <string.h>

enum { COMMAND_HEADER_LENGTH = 4 };

static const uint64_t command_timeout_us = 2000000;

BLUET_INTERNAL int hci_open(struct hci *hci, uint16_t queue_size)
{
    hci->queue = memory_take(hci->port, queue_size);
    if (!hci->queue)
        return BLUET_ENOMEM;
    hci->queue_size = queue_size;
    hci->credits = 1; /* before the first answer: Vol 4 Part E, 4.4 */
    hci->deadline = BLUET_NEVER;
    return BLUET_OK;
}

BLUET_INTERNAL void hci_close(struct hci *hci)
{
    memory_give(hci->port, hci->queue, hci->queue_size);
    hci->queue = NULL;
    hci->queue_size = hci->queue_length = 0;
    hci->awaiting = false;
    hci->acl_count = hci->acl_free = 0;
}

/* ---- The queue ---- */

static struct hci_command *queue_at(const struct hci *hci, size_t offset)
{
    return (void *)(hci->queue + offset);
}

/* Entries begin where a struct hci_command may lie. */
static size_t entry_size(size_t parameter_length)
{
    const size_t alignment = HCI_ENTRY_ALIGNMENT;
    return (sizeof(struct hci_command) + parameter_length + alignment - 1) / alignment * alignment;
}

static void queue_remove(struct hci *hci, size_t offset)
{
    size_t size = entry_size(queue_at(hci, offset)->length);
    hci->queue_length = (uint16_t)(hci->queue_length - size);
    memmove(hci->queue + offset, hci->queue + offset + size, hci->queue_length - offset);
    memset(hci->queue + hci->queue_length, 0, size); /* it may have been a key */
}

/* For the answer to the first command, from now. */
static void set_deadline(struct hci *hci)
{
    hci->deadline = hci->queue_length ? hci->now + command_timeout_us : BLUET_NEVER;
}

static struct hci_command queue_take(struct hci *hci)
{
    struct hci_command command = *queue_at(hci, 0);
    queue_remove(hci, 0);
    hci->awaiting = false;
    set_deadline(hci);
    return command;
}

static void queue_drop_ticket(struct hci *hci, int ticket)
{
    for (size_t offset = 0; offset < hci->queue_length;) {
        const struct hci_command *command = queue_at(hci, offset);
        if (command->ticket == ticket)
            queue_remove(hci, offset);
        else
            offset += entry_size(command->length);
    }
    if (hci->queue_length == 0)
        hci->deadline = BLUET_NEVER;
}

static void queue_send(struct hci *hci)
{
    if (hci->awaiting || hci->credits == 0 || hci->queue_length == 0)
        return;
    const struct hci_command *command = queue_at(hci, 0);
    uint8_t header[COMMAND_HEADER_LENGTH] = {HCI_COMMAND};
    write_u16_at(header + 1, command->opcode);
    header[3] = command->length;
    struct bluet_span spans[] = {{header, sizeof header}, {command + 1, command->length}};
    hci->awaiting = true;
    hci->credits--;
    set_deadline(hci);
    hci->port->send(hci->port->context, spans, command->length ? 2 : 1);
}

BLUET_INTERNAL int hci_new_ticket(struct hci *hci)
{
    hci->last_ticket = hci->last_ticket == INT_MAX ? 1 : hci->last_ticket + 1;
    return hci->last_ticket;
}

BLUET_INTERNAL bool hci_has_room(const struct hci *hci, size_t command_count, size_t parameter_length)
{
    size_t needed = command_count * (sizeof(struct hci_command) + HCI_ENTRY_ALIGNMENT) + parameter_length;
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
    if (length > HCI_PARAMETERS_LARGEST || hci->queue_length + entry_size(length) > hci->queue_size)
        return false;
    struct hci_command *entry = queue_at(hci, hci->queue_length);
    *entry = *command;
    entry->length = (uint8_t)length;
    if (length)
        memcpy(entry + 1, parameters, length);
    bool first = hci->queue_length == 0;
    hci->queue_length = (uint16_t)(hci->queue_length + entry_size(length));
    if (first)
        set_deadline(hci);
    queue_send(hci);
    return true;
}

BLUET_INTERNAL int hci_ask(struct hci *hci, struct hci_command *command, const void *parameters, size_t length)
{
    command->ticket = hci_begin(hci, 1, length);
    command->flags |= HCI_LAST;
    if (command->ticket > 0)
        hci_queue(hci, command, parameters, length);
    return command->ticket;
}

/* ---- Tickets ---- */

/* `response` NULL: none. */
static void raise_operation_done(const struct hci *hci, int ticket, int error, uint8_t status,
                                 const struct reader *response)
{
    struct bluet_event event = {.code = BLUET_EVENT_OPERATION_DONE, .conn_handle = 0xffff};
    event.operation.ticket = ticket;
    event.operation.error = error;
    event.operation.hci_status = status;
    if (response) {
        event.operation.response = response->cursor;
        event.operation.response_length = reader_remaining(response);
    }
    event_raise(hci->sink, &event);
}

BLUET_INTERNAL void hci_end_ticket(const struct hci *hci, int ticket, int error, uint8_t status)
{
    if (ticket)
        raise_operation_done(hci, ticket, error, status, NULL);
}

/* The enum bluet_error for a command's status. */
static int error_of(uint16_t opcode, uint8_t status)
{
    static const struct {
        uint8_t status;
        int8_t error;
    } errors[] = {
        {HCI_SUCCESS, BLUET_OK},
        {HCI_COMMAND_DISALLOWED, BLUET_EBUSY},
        {HCI_CONTROLLER_BUSY, BLUET_EBUSY},
        {HCI_CONNECTION_ALREADY_EXISTS, BLUET_EISCONN},
        {HCI_UNKNOWN_CONNECTION_IDENTIFIER, BLUET_ENOTCONN},
        {HCI_INVALID_COMMAND_PARAMETERS, BLUET_EINVAL},
        {HCI_PARAMETER_OUT_OF_RANGE, BLUET_EINVAL},
        {HCI_INVALID_LL_PARAMETERS, BLUET_EINVAL},
        {HCI_UNACCEPTABLE_CONNECTION_PARAMETERS, BLUET_EINVAL},
        {HCI_MEMORY_CAPACITY_EXCEEDED, BLUET_ENOMEM},
        {HCI_CONNECTION_LIMIT_EXCEEDED, BLUET_ENOMEM},
        {HCI_UNKNOWN_COMMAND, BLUET_ENOTSUP},
        {HCI_UNSUPPORTED_FEATURE_OR_PARAMETER, BLUET_ENOTSUP},
        {HCI_UNSUPPORTED_REMOTE_FEATURE, BLUET_ENOTSUP},
        {HCI_UNSUPPORTED_LL_PARAMETER_VALUE, BLUET_ENOTSUP},
    };
    /* The connection was made before it could be given up. */
    if (status == HCI_COMMAND_DISALLOWED && opcode == HCI_LE_CREATE_CONNECTION_CANCEL)
        return BLUET_EALREADY;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].status == status)
            return errors[i].error;
    }
    return BLUET_EIO;
}

/* ---- Answers ---- */

/* `parameters` begins behind the status, `response` with it. */
static void command_finished(struct hci *hci, uint8_t status, struct reader *parameters, const struct reader *response)
{
    const struct hci_command command = queue_take(hci);
    if (status == HCI_SUCCESS && reader_remaining(parameters) < command.least)
        status = HCI_UNSPECIFIED_ERROR;
    if (status != HCI_SUCCESS)
        parameters->cursor = parameters->end;
    bool ended = status != HCI_SUCCESS && !(command.flags & HCI_MAY_FAIL);
    if (ended && command.ticket)
        queue_drop_ticket(hci, command.ticket);
    if (command.done) {
        const struct hci_result result = {command.ticket, command.opcode, command.argument, status, *parameters};
        command.done(command.context, &result);
    }
    if (!ended)
        status = HCI_SUCCESS;
    if (command.ticket && (ended || command.flags & HCI_LAST))
        raise_operation_done(hci, command.ticket, error_of(command.opcode, status), status,
                             command.flags & HCI_RAW ? response : NULL);
}

/* Whether the answer is to the command that the controller has; other answers come too late, or were never asked for.
 */
static bool answer_is_awaited(struct hci *hci, uint8_t credits, uint16_t opcode)
{
    const struct hci_command *asked = hci->awaiting ? queue_at(hci, 0) : NULL;
    bool awaited = asked && asked->opcode == opcode;
    /* Until the answer to a Reset nothing counts that was sent before it (Vol 4 Part E, 7.3.2). */
    if (!awaited && asked && asked->opcode == HCI_RESET)
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
    if (answer_is_awaited(hci, credits, opcode)) {
        const struct reader response = *event;
        bool raw = queue_at(hci, 0)->flags & HCI_RAW;
        uint8_t status = read_u8(event);
        if (!reader_ok(event))
            status = raw ? HCI_SUCCESS : HCI_UNSPECIFIED_ERROR;
        command_finished(hci, status, event, &response);
    }
    queue_send(hci);
}

BLUET_INTERNAL void hci_command_status(struct hci *hci, struct reader *event)
{
    const struct reader response = reader_of(event->cursor, 1);
    uint8_t status = read_u8(event);
    uint8_t credits = read_u8(event);
    uint16_t opcode = read_u16(event);
    event->cursor = event->end;
    if (answer_is_awaited(hci, credits, opcode))
        command_finished(hci, status, event, &response);
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
