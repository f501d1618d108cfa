/*
 * A runtime with its radios, as Python sees it: who holds the GIL when, how calls wait, how events reach a handler.
 *
 * The runtime of the process has a thread of its own. That thread takes the GIL at the first event of a batch and keeps
 * it to the batch's end, so that nothing of the application runs between events that belong together. A runtime with a
 * virtual air has no thread: whoever calls, runs it, with the GIL held throughout.
 */
#include "extension.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A desktop has memory: limits well above a microcontroller's. */
#define CONNECTION_COUNT 64
#define BUFFER_COUNT 512
#define BUFFER_SIZE 544
#define PROCEDURE_COUNT 255
#define COMMAND_SIZE 8192
#define BOND_COUNT 255
#define BEARER_COUNT 2

/* Virtual time between two looks at signals and other threads. */
#define SLICE_US 100000

struct runner {
    struct bluet_runtime *runtime;
    struct state *state;
    struct link *links;
    bool closing;
    size_t waiting; /* calls that wait with the GIL released */

    /* Of the runtime with a thread. */
    PyInterpreterState *interpreter;
    PyThreadState *thread; /* of that thread, from its first event on */
    bool started;
    bool holds_gil; /* touched by that thread only */

    /* Of a virtual air. */
    bool is_virtual;
    bool running;
    unsigned long owner; /* the thread that runs it */
    bool stop_at_event;
    bool event_seen;
    PyObject *interrupt; /* a KeyboardInterrupt on its way from a handler to who runs the air */
};

/* ---- Events: called by the runtime with its lock held ---- */

static void take_gil(struct runner *runner)
{
    if (runner->is_virtual || runner->holds_gil)
        return;
    if (!runner->thread)
        runner->thread = PyThreadState_New(runner->interpreter);
    PyEval_RestoreThread(runner->thread);
    runner->holds_gil = true;
}

static void on_batch(void *context, bool begin)
{
    struct runner *runner = context;
    if (begin)
        return;
    if (runner->holds_gil) {
        runner->holds_gil = false;
        runner->thread = PyEval_SaveThread();
    }
    if (runner->stop_at_event && runner->event_seen)
        bluet_runtime_break(runner->runtime);
}

/* Ctrl-C that strikes in a handler belongs to the program, everything else is printed. */
static void report_exception(struct runner *runner, PyObject *handler)
{
    bool interrupt = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    if (interrupt && runner->is_virtual) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        PyErr_NormalizeException(&type, &value, &traceback);
        if (traceback)
            PyException_SetTraceback(value, traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
        Py_XDECREF(runner->interrupt);
        runner->interrupt = value;
        bluet_runtime_break(runner->runtime);
        return;
    }
    PyErr_WriteUnraisable(handler);
    /* As Ctrl-C does it: a main thread that sleeps in a system call has to wake. */
    if (interrupt)
        kill(getpid(), SIGINT);
}

static int call_handler(struct runner *runner, struct ble *ble, const struct bluet_event *event)
{
    PyObject *handler = ble->handler;
    if (!handler)
        return 0;
    Py_INCREF(handler);
    Py_INCREF((PyObject *)ble);
    PyObject *answer = event_call(runner->state, handler, event);
    int code = answer ? event_answer(event, answer) : 0;
    if (!answer)
        report_exception(runner, handler);
    Py_XDECREF(answer);
    Py_DECREF((PyObject *)ble);
    Py_DECREF(handler);
    return code;
}

/* Why, for people: what became of its transport, or else what it said last. With the runtime's lock held. */
static void tell_loss(char *out, size_t size, const struct link *link, uint8_t hci_status)
{
    const char *trouble = bluet_radio_trouble(link->radio);
    const struct bluet_explanation *reason = hci_status ? bluet_explain(BLUET_CODE_HCI, hci_status) : NULL;
    const char *words = reason ? reason->words : "it has failed, was reset, or answers no more";
    snprintf(out, size, "%s", trouble[0] ? trouble : words);
}

static void warn_inactive(const char *why)
{
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "the Bluetooth controller is gone (%s); active(True) begins again",
                         why) < 0)
        PyErr_WriteUnraisable(NULL);
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)host;
    struct link *link = context;
    struct runner *runner = link->runner;
    if (!event_is_public(event) && event->code != BLUET_EVENT_INACTIVE)
        return 0;

    char why[512] = "";
    if (event->code == BLUET_EVENT_INACTIVE)
        tell_loss(why, sizeof why, link, event->inactive.hci_status);
    bluet_runtime_unlock(runner->runtime);
    take_gil(runner);
    runner->event_seen = true;
    int answer = 0;
    if (link->ble && event->code == BLUET_EVENT_INACTIVE)
        warn_inactive(why);
    else if (link->ble)
        answer = call_handler(runner, link->ble, event);
    bluet_runtime_lock(runner->runtime);
    return answer;
}

static void warn_not_kept(void *context, const char *why)
{
    struct link *link = context;
    struct runner *runner = link->runner;
    bluet_runtime_unlock(runner->runtime);
    take_gil(runner);
    if (link->ble && PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "a pairing is not kept: %s", why) < 0)
        PyErr_WriteUnraisable(NULL);
    bluet_runtime_lock(runner->runtime);
}

/* ---- Life ---- */

struct runner *runner_new(struct state *state, const struct runner_air *air)
{
    struct runner *runner = calloc(1, sizeof *runner);
    if (!runner) {
        PyErr_NoMemory();
        return NULL;
    }
    runner->state = state;
    runner->interpreter = PyInterpreterState_Get();
    runner->is_virtual = air != NULL;
    struct bluet_runtime_config config = {.batch = on_batch, .batch_context = runner};
    if (air) {
        config.virtual_air = true;
        config.seed = air->seed;
        config.loss = air->loss;
    }
    int error = bluet_runtime_create(&runner->runtime, &config);
    if (error) {
        free(runner);
        raise_message(error);
        return NULL;
    }
    return runner;
}

struct bluet_runtime *runner_runtime(struct runner *runner)
{
    return runner->runtime;
}

bool runner_in_handler(struct runner *runner)
{
    return bluet_runtime_in_handler(runner->runtime);
}

bool runner_enter(struct runner *runner)
{
    if (!runner->running || runner->owner == PyThread_get_thread_ident())
        return true;
    PyErr_SetString(PyExc_RuntimeError, "this air is being run by another thread");
    return false;
}

static int start_thread(struct runner *runner)
{
    if (runner->started || runner->is_virtual)
        return 0;
    int error = bluet_runtime_start(runner->runtime);
    runner->started = error == 0;
    return error;
}

static void stop_thread(struct runner *runner)
{
    if (!runner->started)
        return;
    Py_BEGIN_ALLOW_THREADS bluet_runtime_stop(runner->runtime);
    Py_END_ALLOW_THREADS runner->started = false;
    if (runner->thread) {
        PyThreadState_Clear(runner->thread);
        PyThreadState_Delete(runner->thread);
        runner->thread = NULL;
    }
}

void runner_free(struct runner *runner)
{
    stop_thread(runner);
    for (struct link *link = runner->links; link; link = link->next)
        if (link->ble)
            link->ble->link = NULL;
    Py_CLEAR(runner->interrupt);
    /* A daemon thread may still be inside a call that waits, while the interpreter exits: it keeps what it stands on.
     */
    if (runner->waiting)
        return;
    Py_BEGIN_ALLOW_THREADS bluet_runtime_destroy(runner->runtime);
    Py_END_ALLOW_THREADS while (runner->links)
    {
        struct link *link = runner->links;
        runner->links = link->next;
        free(link);
    }
    free(runner);
}

/* What it stands on stays in memory: the thread that would give it back is not here. */
void runner_disinherit(struct runner *runner)
{
    for (struct link *link = runner->links; link; link = link->next)
        if (link->ble)
            link->ble->link = NULL;
    bluet_runtime_disinherit(runner->runtime);
}

/* ---- Waiting ---- */

struct waiting {
    struct runner *runner;
    PyThreadState *thread;
};

/* Asked by the runtime now and then, without its lock. The exception, if any, stays set in this thread. */
static bool interrupted(void *context)
{
    struct waiting *waiting = context;
    if (waiting->runner->is_virtual)
        return waiting->runner->interrupt || PyErr_CheckSignals() < 0;
    PyEval_RestoreThread(waiting->thread);
    bool raised = PyErr_CheckSignals() < 0;
    waiting->thread = PyEval_SaveThread();
    return raised;
}

static void begin_waiting(struct waiting *waiting)
{
    waiting->runner->waiting++;
    if (!waiting->runner->is_virtual) {
        waiting->thread = PyEval_SaveThread();
        return;
    }
    waiting->runner->running = true;
    waiting->runner->owner = PyThread_get_thread_ident();
}

static void end_waiting(struct waiting *waiting)
{
    if (!waiting->runner->is_virtual)
        PyEval_RestoreThread(waiting->thread);
    waiting->runner->running = false;
    waiting->runner->waiting--;
}

/* Whether an exception came up while it ran: one of this thread, or a KeyboardInterrupt in a handler. */
static bool raise_interrupt(struct runner *runner)
{
    if (runner->interrupt) {
        PyErr_SetObject((PyObject *)Py_TYPE(runner->interrupt), runner->interrupt);
        Py_CLEAR(runner->interrupt);
    }
    return PyErr_Occurred() != NULL;
}

/* ---- Radios ---- */

/* Takes from the list one radio whose object has gone and that has come to rest, or returns NULL. */
static struct link *take_idle(struct runner *runner)
{
    struct link **place = &runner->links;
    while (*place && ((*place)->ble || bluet_deactivate(bluet_radio_host((*place)->radio)) != 0))
        place = &(*place)->next;
    struct link *link = *place;
    if (link)
        *place = link->next;
    return link;
}

/* Frees what the application has dropped. Destroying a radio waits for a running handler, which may want the GIL. */
static void reap(struct runner *runner)
{
    while (!runner->closing && !runner->running && !runner_in_handler(runner)) {
        bluet_runtime_lock(runner->runtime);
        struct link *link = take_idle(runner);
        bluet_runtime_unlock(runner->runtime);
        if (!link)
            return;
        struct waiting waiting = {.runner = runner};
        begin_waiting(&waiting);
        bluet_radio_destroy(link->radio);
        end_waiting(&waiting);
        free(link);
    }
}

struct link *runner_add(struct runner *runner, struct ble *ble, const char *transport)
{
    reap(runner);
    struct link *link = calloc(1, sizeof *link);
    if (!link) {
        PyErr_NoMemory();
        return NULL;
    }
    struct bluet_radio_config config = {
        .transport = transport,
        .store_failed = warn_not_kept,
        .host = {.handler = on_event,
                 .handler_context = link,
                 .connection_count = CONNECTION_COUNT,
                 .buffer_count = BUFFER_COUNT,
                 .buffer_size = BUFFER_SIZE,
                 .procedure_count = PROCEDURE_COUNT,
                 .command_size = COMMAND_SIZE,
                 .bond_count = BOND_COUNT,
                 .bearer_count = BEARER_COUNT},
    };
    link->runner = runner;
    int error = bluet_radio_create(&link->radio, runner->runtime, &config);
    if (error) {
        free(link);
        raise_message(error);
        return NULL;
    }
    link->ble = ble;
    link->next = runner->links;
    runner->links = link;
    return link;
}

void runner_abandon(struct link *link)
{
    struct runner *runner = link->runner;
    link->ble = NULL;
    bluet_runtime_lock(runner->runtime);
    bluet_deactivate(bluet_radio_host(link->radio));
    bluet_runtime_unlock(runner->runtime);
    reap(runner);
}

/* ---- Calls that wait ---- */

int runner_wait(struct link *link, int ticket, struct verdict *out_verdict)
{
    struct bluet_runtime *runtime = link->runner->runtime;
    *out_verdict = (struct verdict){0};
    if (runner_in_handler(link->runner)) {
        bluet_runtime_unlock(runtime);
        return 0;
    }
    struct waiting waiting = {.runner = link->runner};
    begin_waiting(&waiting);
    int error =
        bluet_radio_wait_response(link->radio, ticket, &out_verdict->hci_status, out_verdict->response,
                                  sizeof out_verdict->response, &out_verdict->response_length, interrupted, &waiting);
    bluet_runtime_unlock(runtime);
    end_waiting(&waiting);
    return raise_interrupt(link->runner) ? -1 : error;
}

/*
 * Opening may take a moment, if the user's air has to be started first: others go on meanwhile. With the lock held from
 * before the ticket was given, as runner_wait() wants it.
 */
static int open_and_wait(struct link *link, uint8_t *out_hci_status)
{
    struct runner *runner = link->runner;
    struct waiting waiting = {.runner = runner};
    begin_waiting(&waiting);
    bluet_runtime_lock(runner->runtime);
    int result = bluet_radio_activate(link->radio);
    if (result > 0)
        result = bluet_radio_wait_response(link->radio, result, out_hci_status, NULL, 0, NULL, interrupted, &waiting);
    bluet_runtime_unlock(runner->runtime);
    end_waiting(&waiting);
    return result;
}

/* Inside a handler, which does not wait. */
static int open_only(struct link *link)
{
    int result = bluet_radio_activate(link->radio);
    return result > 0 ? 0 : result;
}

int runner_activate(struct link *link)
{
    struct runner *runner = link->runner;
    uint8_t hci_status = 0;
    int error = start_thread(runner);
    if (!error)
        error = runner_in_handler(runner) ? open_only(link) : open_and_wait(link, &hci_status);
    if (raise_interrupt(runner)) {
        bluet_runtime_lock(runner->runtime);
        bluet_deactivate(bluet_radio_host(link->radio));
        bluet_runtime_unlock(runner->runtime);
        return -1;
    }
    if (!error)
        return 0;
    if (hci_status)
        raise_error(error, hci_status);
    else
        raise_message(error);
    return -1;
}

void runner_deactivate(struct runner *runner)
{
    runner->closing = true; /* the list of links stays as it is from here on */
    for (struct link *link = runner->links; link; link = link->next)
        if (link->ble)
            Py_CLEAR(link->ble->handler);
    for (struct link *link = runner->links; link; link = link->next) {
        bluet_runtime_lock(runner->runtime);
        int ticket = bluet_deactivate(bluet_radio_host(link->radio));
        struct verdict verdict;
        if (ticket <= 0)
            bluet_runtime_unlock(runner->runtime);
        else if (runner_wait(link, ticket, &verdict) < 0 && PyErr_Occurred())
            return;
    }
}

int runner_run(struct runner *runner, uint64_t until, bool stop_at_event)
{
    runner->event_seen = false;
    for (;;) {
        if (!runner_enter(runner))
            return -1;
        uint64_t now = bluet_runtime_now(runner->runtime);
        uint64_t duration = until > now ? until - now : 0;
        struct waiting waiting = {.runner = runner};
        runner->stop_at_event = stop_at_event;
        begin_waiting(&waiting);
        int error = bluet_runtime_run(runner->runtime, duration < SLICE_US ? duration : SLICE_US);
        end_waiting(&waiting);
        runner->stop_at_event = false;
        if (raise_interrupt(runner) || PyErr_CheckSignals() < 0)
            return -1;
        if (error) {
            raise_message(error);
            return -1;
        }
        if (bluet_runtime_now(runner->runtime) >= until || (stop_at_event && runner->event_seen))
            return 0;
        Py_BEGIN_ALLOW_THREADS Py_END_ALLOW_THREADS
    }
}
