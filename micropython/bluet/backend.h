/*
 * The backend that gives MicroPython's `bluetooth` module (extmod/modbluetooth.c) this host: what its files share.
 *
 * All of it lives in one object on MicroPython's heap, found by a root pointer, as does every block that the host
 * takes. The object has a finaliser, so that a soft reset ends the host also on ports that know nothing of it.
 */
#ifndef BLUET_MICROPYTHON_BACKEND_H
#define BLUET_MICROPYTHON_BACKEND_H

#include <py/runtime.h>

#include <extmod/modbluetooth.h>

#include "bluet/bluet.h"

/* Limits, for a board to override. Those of struct bluet_config. */
#ifndef BLUET_CONNECTION_COUNT
#define BLUET_CONNECTION_COUNT 4
#endif
#ifndef BLUET_BUFFER_COUNT
#define BLUET_BUFFER_COUNT 16
#endif
#ifndef BLUET_BUFFER_SIZE
#define BLUET_BUFFER_SIZE 256
#endif
#ifndef BLUET_PROCEDURE_COUNT
#define BLUET_PROCEDURE_COUNT 16
#endif
#ifndef BLUET_CHANNEL_SIZE
#define BLUET_CHANNEL_SIZE 2048
#endif
#ifndef BLUET_BOND_COUNT
#define BLUET_BOND_COUNT 8
#endif
/* The longest HCI packet that a controller sends. */
#ifndef BLUET_PACKET_SIZE
#define BLUET_PACKET_SIZE 272
#endif

enum { AWAITED_COUNT = 8, RESPONSE_SIZE = 255 };

/* What a raw command has answered. */
struct response {
    uint8_t hci_status;
    uint8_t length;
    uint8_t octets[RESPONSE_SIZE];
};

/* An operation whose verdict somebody waits for; one whose waiter was interrupted gives way to others. */
struct awaited {
    int ticket; /* 0: none */
    bool done;
    int error;
    struct response *response; /* or NULL */
};

/* A service as modbluetooth.c gives it, until all are there. */
struct registration {
    struct registration *next;
    struct bluet_service service;
    uint16_t *out_handles; /* modbluetooth.c's */
    size_t handle_count;
};

struct block;

struct backend {
    mp_obj_base_t base;
    struct bluet *host;
    struct block *blocks; /* the host's memory */

    bool open;    /* the wire is */
    bool lost;    /* the controller is, and the host does not know yet */
    bool busy;    /* the host is being fed */
    bool more;    /* there may be packets that wait to be read */
    bool verdict; /* somebody's has come */
    bool silent;  /* the heap is being cleared: nothing of Python can be called */
    bool handling;
    uintptr_t handler_thread;

    bool address_known;
    uint8_t address[6]; /* the public one that the controller had first */

    size_t packet_length;
    uint8_t packet[BLUET_PACKET_SIZE];

    struct awaited awaited[AWAITED_COUNT];

    struct registration *registrations;
};

/* The backend, if there is one already. */
static inline struct backend *backend_existing(void)
{
    return MP_STATE_VM(bluet_backend);
}

/* The same, made if need be. Raises MemoryError. */
struct backend *backend_get(void);

/*
 * The frame of every function that uses the host. backend_enter() locks, and may raise MemoryError; backend_leave()
 * unlocks, waits if `result` is a ticket, and gives what modbluetooth.c wants: 0, or an errno.
 */
struct bluet *backend_enter(void);
int backend_leave(int result);
int backend_leave_response(int result, struct response *out_response);
/* The same for functions of modbluetooth.h that return nothing. */
void backend_leave_raise(int result);

/* Feeds the host with what has come, unless that is being done already. */
void backend_poll(void);

int backend_event(void *context, struct bluet *host, const struct bluet_event *event);

/* Opens the wire and starts the host. A ticket, or an error. With the lock held. */
int backend_activate(struct backend *self);

static inline struct bluet_uuid backend_uuid(const mp_obj_bluetooth_uuid_t *uuid)
{
    struct bluet_uuid copy = {.length = uuid->type};
    for (size_t i = 0; i < uuid->type; i++)
        copy.octets[i] = uuid->data[i];
    return copy;
}

#endif
