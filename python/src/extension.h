/*
 * The CPython extension `bluet._bluetooth`: what its files share.
 *
 * Everything lives in the state of the module. Two locks are met here: the interpreter's (GIL) and the runtime's. The
 * runtime's is the leaf: whoever holds it never waits for the GIL. So methods take it with the GIL held, and give it
 * back before they wait; and the runtime's thread gives it back before it asks for the GIL (runner.c).
 */
#ifndef BLUET_PYTHON_EXTENSION_H
#define BLUET_PYTHON_EXTENSION_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "bluet/runtime.h"

#pragma GCC visibility push(hidden)

/* The highest event code of the document is 31 (_IRQ_PASSKEY_ACTION); the others come from beyond it. */
#define EVENT_CODES 35

struct state {
    PyTypeObject *uuid_type;
    PyTypeObject *ble_type;
    PyTypeObject *air_type;
    PyTypeObject *event_types[EVENT_CODES]; /* struct sequences; NULL where there is no such event */
    PyObject *no_data;                      /* () */
    PyObject *release;                      /* "release" */
    struct runner *runner;                  /* the runtime of this process, made with its first radio */
    PyObject *ble;                          /* the singleton */
    bool closed;                            /* the interpreter exits */
};

/* Types are final, so that an object's own type leads to the state. */
static inline struct state *state_of(PyObject *object)
{
    return PyType_GetModuleState(Py_TYPE(object));
}

/* ---- arguments.c ---- */

/* Raises TypeError unless `least` <= `count` <= `most`. Returns whether it is so. */
bool argument_count(const char *function, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most);

/* An integer, held to the range of long long. Raises TypeError if it is none. */
bool argument_integer(PyObject *object, long long *out);

/* The same within a range; outside of it raises OSError(EINVAL). */
bool argument_in_range(PyObject *object, long long least, long long most, long long *out);

/* A connection handle; what cannot be one becomes 0xffff, which no connection has. */
bool argument_connection(PyObject *object, uint16_t *out);

/* An attribute handle; what cannot be one becomes 0, which no attribute has. */
bool argument_handle(PyObject *object, uint16_t *out);

/* A sized iterable of them; `out_handles` is for the caller to free. */
bool argument_handles(PyObject *object, uint16_t **out_handles, size_t *out_count);

/* A buffer, or a str, which counts as its UTF-8. To be released by buffer_release(), also when this has failed. */
struct buffer {
    const void *data;
    size_t length;
    Py_buffer view;
};
bool argument_buffer(PyObject *object, struct buffer *out);
void buffer_release(struct buffer *buffer);

/* ---- errors.c ---- */

/* Raises the OSError for a negative `error`; `hci_status`, if not 0, says why the controller refused. Returns NULL. */
PyObject *raise_error(int error, uint8_t hci_status);
/* The same in the runtime's words. */
PyObject *raise_message(int error);

/* ---- uuid.c ---- */

extern PyType_Spec uuid_spec;
PyObject *uuid_new(struct state *state, const struct bluet_uuid *uuid);
/* NULL if it is no UUID object. */
const struct bluet_uuid *uuid_value(struct state *state, PyObject *object);

/* ---- events.c ---- */

int events_initialise(PyObject *module, struct state *state);
/* Whether the application hears of such an event. */
bool event_is_public(const struct bluet_event *event);
/* Calls `handler` with the event; the memoryviews in it are dead afterwards. NULL if it raised. */
PyObject *event_call(struct state *state, PyObject *handler, const struct bluet_event *event);
/* What the handler's answer means to the host; a secret is copied to where the event wants it. Raises nothing. */
int event_answer(const struct bluet_event *event, PyObject *answer);

/* ---- runner.c ---- */

struct ble;

/* A radio and the BLE object that it serves. It outlives the object until the radio has come to rest. */
struct link {
    struct link *next;
    struct runner *runner;
    struct bluet_radio *radio;
    struct ble *ble; /* NULL: the object is gone. Touched with the GIL held only */
};

struct runner;

/* `air` NULL: the runtime of the process. Otherwise one that holds a virtual air. Raises and returns NULL. */
struct runner_air {
    uint64_t seed;
    double loss;
};
struct runner *runner_new(struct state *state, const struct runner_air *air);
/* Stops all, and frees it. Its BLE objects are without a radio then. Not from a handler. */
void runner_free(struct runner *runner);
/* In a child that fork() has made: nothing of its parent's is used, or told, any more. */
void runner_disinherit(struct runner *runner);
/* Ends every radio properly, waiting for their controllers, without a word to handlers. Not from a handler. */
void runner_deactivate(struct runner *runner);
struct bluet_runtime *runner_runtime(struct runner *runner);

struct link *runner_add(struct runner *runner, struct ble *ble, const char *transport);
/* The BLE object is going: its radio ends in its own time. */
void runner_abandon(struct link *link);

/* Whether the caller may use the radios now; raises RuntimeError if another thread is running a virtual air. */
bool runner_enter(struct runner *runner);
bool runner_in_handler(struct runner *runner);

/* Opens the transport and starts the host, waiting for it unless inside a handler. -1: raised. */
int runner_activate(struct link *link);

/*
 * Waits for `ticket` unless inside a handler, and gives the verdict: 0 or an enum bluet_error. -1 with an exception
 * set: interrupted. Called with the runtime locked since before the ticket was given, and unlocks it.
 */
struct verdict {
    uint8_t hci_status;
    uint8_t response[256];
    size_t response_length;
};
int runner_wait(struct link *link, int ticket, struct verdict *out_verdict);

/* Lets a virtual air run until `until`, or with `stop_at_event` until the batch after which something was raised. */
int runner_run(struct runner *runner, uint64_t until, bool stop_at_event);

/* ---- ble.c ---- */

struct ble {
    PyObject ob_base;
    struct state *state;
    struct link *link; /* NULL: its air was closed, or the interpreter exits */
    PyObject *air;     /* the Air that it is on, or NULL */
    PyObject *handler; /* or NULL */
    bool gap_name_writable;
};

extern PyType_Spec ble_spec;
/* A further radio. */
PyObject *ble_new(struct state *state, struct runner *runner, PyObject *air, const char *transport);

/*
 * The frame of every method that uses the host: ble_enter() locks the runtime, or raises and returns NULL; ble_leave()
 * unlocks it, waits if `result` is a ticket, and raises if it is, or becomes, an error. Returns what it became.
 */
struct bluet *ble_enter(struct ble *self);
int ble_leave(struct ble *self, int result);
PyObject *ble_leave_none(struct ble *self, int result);

/* Methods, each in the file of its part. */
PyObject *ble_gap_advertise(PyObject *self, PyObject *arguments, PyObject *keywords);
PyObject *ble_gap_scan(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gap_connect(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gap_disconnect(PyObject *self, PyObject *handle);
PyObject *ble_gap_pair(PyObject *self, PyObject *handle);
PyObject *ble_gap_passkey(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gap_oob(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gap_bonds(PyObject *self, PyObject *unused);
PyObject *ble_gap_unpair(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gap_update(PyObject *self, PyObject *arguments, PyObject *keywords);
PyObject *ble_gap_phy(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gap_data_length(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gap_rssi(PyObject *self, PyObject *handle);
PyObject *ble_gap_disconnect_reason(PyObject *self, PyObject *handle);
PyObject *ble_gap_accept_list(PyObject *self, PyObject *arguments, PyObject *keywords);
PyObject *ble_gap_connect_listed(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
/* An address as its two parts, and as a pair of them. */
bool argument_address(PyObject *type, PyObject *octets, struct bluet_address *out);
bool argument_peer(PyObject *object, struct bluet_address *out);
PyObject *ble_hci_cmd(PyObject *self, PyObject *const *arguments, Py_ssize_t count);

PyObject *ble_gatts_register_services(PyObject *self, PyObject *services);
PyObject *ble_gatts_read(PyObject *self, PyObject *handle);
PyObject *ble_gatts_write(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gatts_notify(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gatts_indicate(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gatts_notify_multiple(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gatts_subscription(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gatts_set_buffer(PyObject *self, PyObject *const *arguments, Py_ssize_t count);

PyObject *ble_gattc_discover_services(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_discover_included_services(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_discover_characteristics(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_discover_descriptors(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_read(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_read_long(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_read_by_uuid(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_read_multiple(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_write_reliable(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_write(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_gattc_exchange_mtu(PyObject *self, PyObject *handle);

PyObject *ble_l2cap_listen(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_l2cap_connect(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_l2cap_reconfigure(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_l2cap_disconnect(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_l2cap_send(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *ble_l2cap_recvinto(PyObject *self, PyObject *const *arguments, Py_ssize_t count);

/* ---- config.c ---- */

PyObject *ble_config(PyObject *self, PyObject *arguments, PyObject *keywords);
/* Names the file in which secrets are kept, None: none of its own. */
bool ble_set_store(struct ble *self, PyObject *path);

/* ---- air.c ---- */

extern PyType_Spec air_spec;

#pragma GCC visibility pop

#endif
