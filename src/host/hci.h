/*
 * The Host Controller Interface: commands that wait for the controller, one at a time and within its credits; the
 * controller's answers; the count of its ACL data buffers (Vol 4 Part E, 4.1, 4.4, 7.7.14, 7.7.15).
 *
 * A ticket stands for what one call asked of the controller, be it one command or several. When one of them is refused
 * the rest is dropped, and the ticket ends with that refusal; otherwise it ends with its last command.
 */
#ifndef BLUET_HOST_HCI_H
#define BLUET_HOST_HCI_H

#include "bluet/bluet.h"
#include "host/event.h"
#include "host/features.h"
#include "spec/internal.h"
#include "spec/reader.h"

#include <string.h>

/* What a command came to. */
struct hci_result {
    int ticket;
    uint16_t opcode;
    uint16_t argument;
    uint8_t status;           /* HCI error code */
    struct reader parameters; /* return parameters behind the status; none where the status is an error */
};

typedef void (*hci_done)(void *context, const struct hci_result *result);

enum hci_command_flag {
    HCI_LAST = 0x01,     /* of its ticket */
    HCI_MAY_FAIL = 0x02, /* a refusal does not end the ticket */
    HCI_RAW = 0x04       /* the application wants the return parameters as they are */
};

struct hci_command {
    hci_done done; /* NULL: nobody is interested */
    void *context; /* handed to `done` */
    int ticket;    /* 0: none */
    uint16_t opcode;
    uint16_t argument; /* handed to `done` */
    uint8_t least;     /* octets that must follow the status; with fewer the command counts as failed */
    uint8_t flags;     /* enum hci_command_flag */
    uint8_t length;    /* of the parameters, which follow in the queue, and which tell it */
};

enum { HCI_PARAMETERS_LARGEST = 255, HCI_HANDLE_LARGEST = 0x0eff };
/* In the queue each command begins at a multiple of this. */
enum { HCI_ENTRY_ALIGNMENT = _Alignof(struct hci_command) };

struct hci {
    const struct bluet_port *port;
    const struct event_sink *sink;
    uint64_t now; /* the instant of the entry point under way */

    uint8_t *queue; /* commands, each a struct hci_command and its parameters; the first may be with the controller */
    uint16_t queue_size;
    uint16_t queue_length;
    bool awaiting; /* the first command is with the controller */
    uint8_t credits;
    int last_ticket;
    uint64_t deadline; /* of the first command */

    uint16_t acl_length; /* octets in one ACL data packet, its header not included */
    uint16_t acl_count;  /* buffers that the controller has */
    uint16_t acl_free;

    uint32_t protocol_errors;
    uint32_t dropped; /* reports that were malformed, or that the application could not take */
};

/* -ENOMEM */
BLUET_INTERNAL int hci_open(struct hci *hci, uint16_t queue_size);
BLUET_INTERNAL void hci_close(struct hci *hci);

/* Whether so many commands with so many octets of parameters in all fit into the queue, beside what is kept free. */
BLUET_INTERNAL bool hci_has_room(const struct hci *hci, size_t command_count, size_t parameter_length);
/* A ticket if so many commands with so many octets of parameters in all fit into the queue. -ENOMEM */
BLUET_INTERNAL int hci_begin(struct hci *hci, size_t command_count, size_t parameter_length);
/* The same for one command, which is queued: the last of its ticket. */
BLUET_INTERNAL int hci_ask(struct hci *hci, struct hci_command *command, const void *parameters, size_t length);
/* A command of the host's own making, without a ticket; it may use the room that hci_begin() holds back. Whether it
 * fit. */
BLUET_INTERNAL bool hci_request(struct hci *hci, const struct hci_command *command, const void *parameters,
                                size_t length);
/* One of the commands that hci_begin() has made sure of. */
static inline void hci_queue(struct hci *hci, const struct hci_command *command, const void *parameters, size_t length)
{
    (void)hci_request(hci, command, parameters, length);
}
/* Nothing waits and nothing is with the controller. */
static inline bool hci_idle(const struct hci *hci)
{
    return hci->queue_length == 0;
}

/* Command Complete and Command Status; their own parameters are there. */
BLUET_INTERNAL void hci_command_complete(struct hci *hci, struct reader *event);
BLUET_INTERNAL void hci_command_status(struct hci *hci, struct reader *event);

/* When the controller will have been silent for too long, or BLUET_NEVER. */
BLUET_INTERNAL uint64_t hci_deadline(const struct hci *hci);
/* Drops all commands; every ticket among them ends with `error`. */
BLUET_INTERNAL void hci_abandon(struct hci *hci, int error, uint8_t status);
/* Ends a ticket that no command in the queue stands for. */
BLUET_INTERNAL void hci_end_ticket(const struct hci *hci, int ticket, int error, uint8_t status);
BLUET_INTERNAL int hci_new_ticket(struct hci *hci);

BLUET_INTERNAL bool hci_address_equal(const struct bluet_address *one, const struct bluet_address *other);

static inline void hci_protocol_error(struct hci *hci)
{
    hci->protocol_errors++;
}

#endif
