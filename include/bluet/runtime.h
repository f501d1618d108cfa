/*
 * The runtime: what a host needs of an operating system. An event loop (epoll, one thread), transports to a controller,
 * captures, and calls that wait for the controller's answer.
 *
 * A runtime carries any number of radios. It runs against the wall clock, in a thread of its own or in yours; or holds
 * a virtual air, and then time passes only in bluet_runtime_run() and while a call waits.
 *
 * Locking: a radio's host may be used by any thread that holds the runtime's lock (bluet_runtime_lock()), which is
 * recursive and short: nobody sleeps in it. Event handlers are called with it held; a handler that has to wait for a
 * lock of its own (an interpreter's, say) gives the runtime's back meanwhile with bluet_runtime_unlock(): the host is
 * in a consistent state at every event. A program with one thread needs no lock.
 *
 * Errors are those of `enum bluet_error`. Functions that can fail for a reason that a person should read, leave it in
 * bluet_runtime_message().
 */
#ifndef BLUET_RUNTIME_H
#define BLUET_RUNTIME_H

#include "bluet/air.h"
#include "bluet/bluet.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bluet_runtime;
struct bluet_radio;

/* Zero in any member means its default. */
struct bluet_runtime_config {
    bool virtual_air; /* hold an air in virtual time, on which every radio of this runtime is */
    uint64_t seed;    /* of that air */
    double loss;      /* of that air */

    /* Called in the runtime's thread around each batch: all the events that one packet or deadline gave rise to. */
    void (*batch)(void *context, bool begin);
    void *batch_context;
};

/* BLUET_ENOMEM, BLUET_EINVAL, BLUET_EIO (no epoll). */
BLUET_API int bluet_runtime_create(struct bluet_runtime **out_runtime, const struct bluet_runtime_config *config);

/* Stops its thread, destroys its radios, and gives everything back. Not from a handler. */
BLUET_API void bluet_runtime_destroy(struct bluet_runtime *runtime);

/*
 * In a child that fork() has made of a process whose runtime has a thread: closes what the child has inherited, so that
 * nothing stays open or locked for its sake. The controllers, and the parent, notice nothing. The runtime, of which the
 * child has no thread, must not be used any more, and its memory stays; another one may be made.
 */
BLUET_API void bluet_runtime_disinherit(struct bluet_runtime *runtime);

/* Starts the thread that runs the loop; not with a virtual air. BLUET_EALREADY, BLUET_ENOMEM, BLUET_EINVAL. */
BLUET_API int bluet_runtime_start(struct bluet_runtime *runtime);

/* Ends that thread and waits for it, and for its handlers as bluet_radio_destroy() does. Not from a handler. */
BLUET_API void bluet_runtime_stop(struct bluet_runtime *runtime);

/*
 * Runs the loop in this thread for `duration_us` of its clock; BLUET_NEVER: until bluet_runtime_break(). BLUET_EBUSY:
 * it has a thread, or runs already.
 */
BLUET_API int bluet_runtime_run(struct bluet_runtime *runtime, uint64_t duration_us);

/*
 * Makes bluet_runtime_run() return after the batch at hand; when none runs, the next one returns at once. From any
 * thread, a handler, or a signal handler.
 */
BLUET_API void bluet_runtime_break(struct bluet_runtime *runtime);

/* The clock of its hosts, in microseconds: CLOCK_MONOTONIC, or the virtual air's. */
BLUET_API uint64_t bluet_runtime_now(const struct bluet_runtime *runtime);

/* The virtual air, or NULL. */
BLUET_API struct bluet_air *bluet_runtime_air(struct bluet_runtime *runtime);

BLUET_API void bluet_runtime_lock(struct bluet_runtime *runtime);
BLUET_API void bluet_runtime_unlock(struct bluet_runtime *runtime);
/* Whether the caller is inside an event handler of this runtime, and must therefore not wait. */
BLUET_API bool bluet_runtime_in_handler(const struct bluet_runtime *runtime);

/* What went wrong last in this thread, in a sentence that says what to do; "" if nothing. */
BLUET_API const char *bluet_runtime_message(void);

/* ---- Radios: a host with its transport ---- */

struct bluet_radio_config {
    const char *transport;    /* see bluet_radio_create(); NULL: the environment's BLUET_TRANSPORT, or "air" */
    const char *store;        /* see bluet_radio_set_store() */
    struct bluet_config host; /* port ignored: the runtime is the port */
    /* The store cannot keep a secret: a peer with which the host has paired will be a stranger when this program begins
     * anew. Called as the handler is, and with its context; once, until something is kept again. */
    void (*store_failed)(void *context, const char *why);
    size_t receive_size; /* octets read ahead from the controller; default 65536. When so much waits that it is full,
                                advertising reports in it are dropped and counted (bluet_dropped()) */
};

/*
 * Makes a radio with an inactive host. Transports:
 *
 *   air          the user's own air: a socket in $XDG_RUNTIME_DIR/bluet (or /tmp/bluet-UID), started when none is
 *                there, and gone when its last user goes
 *   air:NAME     another one of that name
 *   unix:PATH    H4 on a unix stream socket
 *   tcp:HOST:PORT  H4 on TCP
 *   hci:N        hciN of Linux, through its user channel: the interface must be down, and the program privileged
 *   serial:DEVICE[,BAUD][,rtscts]  H4 on a serial line or a pseudo-terminal; 115200 baud unless it says otherwise
 *   usb:N, usb:VID:PID  a device on USB: the N-th that is for Bluetooth, or by its numbers in hexadecimal
 *
 * With a virtual air the transport is that air, and must be NULL. BLUET_EINVAL: no such transport (see the message).
 * BLUET_ENOMEM.
 */
BLUET_API int bluet_radio_create(struct bluet_radio **out_radio, struct bluet_runtime *runtime,
                                 const struct bluet_radio_config *config);

/*
 * Closes the transport without a word, and frees it. Not from a handler; it waits until a handler that runs in another
 * thread has returned, so the caller must hold no lock that a handler may want.
 */
BLUET_API void bluet_radio_destroy(struct bluet_radio *radio);

/*
 * Why the radio lost its controller last, in a sentence; "" if it has not since it was activated. Called with the lock
 * held; valid until the next activation.
 */
BLUET_API const char *bluet_radio_trouble(const struct bluet_radio *radio);

BLUET_API struct bluet *bluet_radio_host(struct bluet_radio *radio);
BLUET_API struct bluet_runtime *bluet_radio_runtime(struct bluet_radio *radio);

/*
 * Opens the transport and begins bluet_activate(); returns its ticket, 0 if already active. BLUET_ENODEV: nothing is
 * there (see the message). BLUET_EIO: the capture that the environment's BLUET_SNOOP asks for cannot be written (see
 * the message). The transport closes by itself when the host has become inactive. May be called from a handler.
 */
BLUET_API int bluet_radio_activate(struct bluet_radio *radio);

/*
 * Waits for the verdict on `ticket` and returns it. With a thread of the runtime's own it sleeps; without, or with a
 * virtual air, it runs the loop. Not from a handler: there it returns 0 at once. `interrupted`, if not NULL, is asked
 * every 50 ms whether to give up waiting (BLUET_ECANCELED), with the lock not held.
 *
 * Best called with the lock held since before the call that gave the ticket: like a condition variable it gives the
 * lock back while it waits and holds it again when it returns, and no verdict can be missed. It may be called without
 * the lock too; then a verdict is lost when 64 others for which nobody waits have come since.
 *
 * Besides the operation's own verdict: BLUET_ENODEV: the controller is lost, or the runtime was stopped meanwhile.
 * BLUET_ETIMEDOUT: nothing within 30 s of the runtime's clock.
 */
BLUET_API int bluet_radio_wait(struct bluet_radio *radio, int ticket, bool (*interrupted)(void *context),
                               void *context);

/*
 * The same, with what the operation answered: the controller's error code and the return parameters of a raw command,
 * at most `response_size` octets of them. Any out_ may be NULL.
 */
BLUET_API int bluet_radio_wait_response(struct bluet_radio *radio, int ticket, uint8_t *out_hci_status,
                                        void *out_response, size_t response_size, size_t *out_response_length,
                                        bool (*interrupted)(void *context), void *context);

/* Changes `receive_size` from the next activation on. BLUET_EINVAL: under 1024. */
BLUET_API int bluet_radio_set_receive_size(struct bluet_radio *radio, size_t size);
BLUET_API size_t bluet_radio_receive_size(const struct bluet_radio *radio);

/*
 * The file in which the host's secrets are kept. The handler then gets no BLUET_EVENT_GET_SECRET and no
 * BLUET_EVENT_SET_SECRET. The file is made, readable for its owner alone; it is replaced as a whole, so that it is what
 * it was or what it is to be whenever the program or the machine stops. While the radio is active nobody else may use
 * it. NULL: the environment's BLUET_STORE, if there is one and the air is not virtual; otherwise, and with "", the
 * handler is asked. BLUET_EBUSY: the radio is active. BLUET_ENOMEM.
 *
 * The file is opened by bluet_radio_activate(), which may then return besides (see the message) BLUET_EBUSY: another
 * radio uses it; BLUET_EIO: it cannot be read, is open to others, or is damaged. A damaged one is renamed, to
 * FILE.damaged or FILE.damaged.2 and so on, and the next activation begins with an empty one. Where it can only not be
 * written, pairing goes on and `store_failed` is called.
 */
BLUET_API int bluet_radio_set_store(struct bluet_radio *radio, const char *path);
/* The name, or NULL. Valid until it is set again. */
BLUET_API const char *bluet_radio_store(const struct bluet_radio *radio);

/* The bonds in a store, be it in use or not. How many there are; none if there is no file. BLUET_EIO, BLUET_ENOMEM (see
 * the message). */
BLUET_API int bluet_store_bonds(const char *path, struct bluet_bond *out_bonds, size_t capacity);
/* Forgets a peer. BLUET_EBUSY: a radio uses the store. BLUET_EINVAL: not bonded. BLUET_EIO, BLUET_ENOMEM. */
BLUET_API int bluet_store_forget(const char *path, const struct bluet_address *peer);

/* Writes a btsnoop capture of what passes from now on (btmon's format); NULL ends it. BLUET_EIO (see the message). */
BLUET_API int bluet_radio_capture(struct bluet_radio *radio, const char *path);

/* ---- What there is ---- */

struct bluet_controller {
    const char *transport; /* the word for bluet_radio_create() */
    const char *name;      /* what it is, for people */
    const char *problem;   /* what stands in the way at present; NULL: nothing that is known */
};

/* Calls `visit` for each controller that a transport could be asked for. What it gets is valid during the call. */
BLUET_API void bluet_controllers(void (*visit)(void *context, const struct bluet_controller *controller),
                                 void *context);

/* ---- An air for other processes ---- */

struct bluet_air_server;

struct bluet_air_server_config {
    const char *air_name;    /* be the air that the transport `air:NAME` finds; "air" is the default one's name */
    const char *unix_path;   /* or listen there */
    const char *tcp_address; /* and on HOST:PORT */
    /*
     * And at all of these, up to NULL: "unix:PATH", "tcp:HOST:PORT", "pty:LINK" (a symbolic link to a pseudo-terminal),
     * each with options behind commas, as docs/air.md has them: "pty:/tmp/tty,address=C0:FF:EE:00:00:01,version=4.2".
     */
    const char *const *listeners;
    uint64_t answer_delay_us; /* until a controller's answers come out */
    uint32_t baud;            /* pace of a serial line for every host; 0: none */
    const char *control_path; /* a unix socket for commands, a line each: docs/air.md */
    const char *capture;      /* a pcapng file of all hosts' HCI and of the radio */
    uint64_t seed;            /* 0: from the clock */
    double loss;
    double speed;          /* of the air's clock against the wall's; default 1 */
    bool leave_when_empty; /* bluet_runtime_break() when the last client has gone */
    /* One line for people: a client came, went, or was dropped and why. */
    void (*log)(void *context, const char *line);
    void *log_context;
};

/* Serves an air on the runtime's loop. BLUET_EIO: cannot listen (see the message). BLUET_EINVAL, BLUET_ENOMEM. */
BLUET_API int bluet_air_server_create(struct bluet_air_server **out_server, struct bluet_runtime *runtime,
                                      const struct bluet_air_server_config *config);
BLUET_API void bluet_air_server_destroy(struct bluet_air_server *server);

/* Calls `visit` for each client, in the order in which they came. */
BLUET_API void bluet_air_server_visit(struct bluet_air_server *server,
                                      void (*visit)(void *context, const char *client, uint64_t since_us,
                                                    const struct bluet_air_status *status),
                                      void *context);
BLUET_API struct bluet_air *bluet_air_server_air(struct bluet_air_server *server);

/* The same for the virtual air of a runtime; call them before its first radio is made. Radios are numbered from 1. */

/* Writes a pcapng capture of all that passes from now on. BLUET_EINVAL: no virtual air. BLUET_EIO (see the message). */
BLUET_API int bluet_runtime_capture(struct bluet_runtime *runtime, const char *path);
/* A command of docs/air.md; `out`: its answer. BLUET_EINVAL: `out` says what is wrong. BLUET_ENOMEM. */
BLUET_API int bluet_runtime_control(struct bluet_runtime *runtime, const char *line, char *out, size_t size);

/* ---- Words ---- */

enum bluet_code_space {
    BLUET_CODE_HCI,   /* HCI error codes: status and reason (Vol 1 Part F) */
    BLUET_CODE_ATT,   /* ATT error codes and the status of a DONE event */
    BLUET_CODE_SMP,   /* reasons of Pairing Failed (Vol 3 Part H, 3.5.5) */
    BLUET_CODE_L2CAP, /* results of a channel's connection (Vol 3 Part A, 4.23) */
    BLUET_CODE_ERROR, /* enum bluet_error */
    BLUET_CODE_SPACES
};

struct bluet_explanation {
    const char *name;   /* as the Core Specification names it */
    const char *words;  /* what it means, in a sentence */
    const char *causes; /* likely causes */
    const char *remedy; /* what to do */
};

/* NULL: no such code. */
BLUET_API const struct bluet_explanation *bluet_explain(enum bluet_code_space space, int code);
BLUET_API const char *bluet_code_space_name(enum bluet_code_space space);

#ifdef __cplusplus
}
#endif

#endif
