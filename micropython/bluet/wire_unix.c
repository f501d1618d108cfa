/*
 * The wire on the unix port: the transports of the runtime, by the same words in BLUET_TRANSPORT. A thread sleeps on
 * the descriptor; it touches nothing of MicroPython's but the scheduler's queue. When there is something to do it has
 * backend_poll() scheduled, and interrupts the system call in which the main thread may be sleeping, as a signal does;
 * MicroPython then looks at its queue, and goes on sleeping.
 */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <py/mphal.h>
#include <py/mpthread.h>
#include <py/runtime.h>

#include "backend.h"
#include "runtime/transport.h"

#if MICROPY_PY_BLUETOOTH

#if !MICROPY_PY_THREAD
#error "Bluet needs MICROPY_PY_THREAD on the unix port"
#endif

enum { MOST_SPANS = 8, SEND_PATIENCE_MS = 2000, WAIT_MS = 20, NUDGE_MS = 1, LAZIEST_NUDGE_MS = 16 };

/* The thread must not collide with what MicroPython's own threads use: SIGRTMIN + 5, or SIGUSR1. */
static int nudge_signal(void)
{
    return SIGRTMIN + 7;
}

static struct carrier carrier;
static int bell = -1; /* wakes the thread: the deadline has changed, backend_poll() has run, or it is to end */
static pthread_t thread;
static _Atomic uint64_t deadline;
static atomic_bool ending;

uint64_t wire_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

void wire_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    mp_hal_get_random(length, out);
}

uintptr_t wire_thread(void)
{
    return (uintptr_t)pthread_self();
}

/* ---- The lock ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uintptr_t owner;
static unsigned depth;
static sigset_t mask_before;

/* MicroPython raises KeyboardInterrupt out of the signal's handler, wherever that finds the program. */
void wire_restore(unsigned wanted)
{
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt, &before);
    pthread_mutex_lock(&mutex);
    mask_before = before;
    owner = wire_thread();
    depth = wanted;
}

unsigned wire_release(void)
{
    unsigned given_back = depth;
    sigset_t before = mask_before;
    depth = 0;
    owner = 0;
    pthread_mutex_unlock(&mutex);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return given_back;
}

void wire_lock(void)
{
    if (owner == wire_thread())
        depth++;
    else
        wire_restore(1);
}

void wire_unlock(void)
{
    if (depth > 1)
        depth--;
    else
        wire_release();
}

/* ---- The thread ---- */

/* The scheduler would print what is raised here, and go on; KeyboardInterrupt is meant for the program. */
static mp_obj_t poll_scheduled(mp_obj_t none)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        backend_poll();
        nlr_pop();
    } else {
        mp_sched_exception(MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    return none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(poll_object, poll_scheduled);

static void on_nudge(int number)
{
    (void)number;
}

static void ring(void)
{
    const uint64_t one = 1;
    while (write(bell, &one, sizeof one) < 0 && errno == EINTR) {}
}

/* Whether the bell has been rung. */
static bool answer(short events)
{
    uint64_t count;
    return events && read(bell, &count, sizeof count) > 0;
}

static int milliseconds_left(void)
{
    uint64_t until = deadline, now = wire_now();
    if (until <= now)
        return 0;
    uint64_t left = (until - now + 999) / 1000;
    return left < 60000 ? (int)left : 60000;
}

/* The main thread has the process's own number. */
static void nudge(void)
{
    pid_t process = getpid();
    syscall(SYS_tgkill, process, process, nudge_signal());
}

/* Until backend_poll() has run, which rings the bell. */
static void have_polled(void)
{
    bool scheduled = false;
    for (int pause = NUDGE_MS; !ending; pause = pause < LAZIEST_NUDGE_MS ? 2 * pause : pause) {
        if (!scheduled)
            scheduled = mp_sched_schedule(MP_OBJ_FROM_PTR(&poll_object), mp_const_none);
        nudge();
        struct pollfd rung = {.fd = bell, .events = POLLIN};
        poll(&rung, 1, pause);
        if (answer(rung.revents))
            return;
    }
}

static void *run(void *unused)
{
    (void)unused;
    while (!ending) {
        struct pollfd sources[] = {{.fd = bell, .events = POLLIN}, {.fd = carrier.fd, .events = POLLIN}};
        int ready = poll(sources, 2, milliseconds_left());
        if (answer(sources[0].revents))
            continue;
        if (sources[1].revents || (ready == 0 && wire_now() >= deadline))
            have_polled();
    }
    return NULL;
}

static int start_thread(void)
{
    struct sigaction action = {.sa_handler = on_nudge};
    sigset_t all, before;
    sigaction(nudge_signal(), &action, NULL);
    ending = false;
    deadline = BLUET_NEVER;
    bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0)
        return BLUET_ENODEV;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error)
        return 0;
    close(bell);
    return BLUET_ENODEV;
}

void wire_expect(uint64_t at)
{
    deadline = at;
    ring();
}

/* ---- Octets ---- */

int wire_open(const uint8_t *address)
{
    struct transport transport;
    if (transport_create(&transport, NULL))
        return BLUET_ENODEV;
    transport.has_address = address != NULL;
    if (address)
        memcpy(transport.address, address, sizeof transport.address);
    int error = transport_open(&transport, &carrier);
    transport_free(&transport);
    if (error)
        return error;
    error = start_thread();
    if (error)
        carrier.kind->close(&carrier);
    return error;
}

void wire_close(void)
{
    ending = true;
    ring();
    pthread_join(thread, NULL);
    close(bell);
    bell = -1;
    carrier.kind->close(&carrier);
}

int wire_read(uint8_t *out, size_t size)
{
    ssize_t length;
    do {
        length = carrier.kind->read(&carrier, out, size);
    } while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN)
        return 0;
    return length > 0 ? (int)length : -1;
}

/* The controller takes few packets at once: it can be waited for. */
static bool write_all(const uint8_t *data, size_t length)
{
    while (length) {
        const struct iovec part = {(void *)(uintptr_t)data, length};
        ssize_t sent = carrier.kind->write(&carrier, &part, 1);
        if (sent >= 0) {
            data += sent;
            length -= (size_t)sent;
            continue;
        }
        struct pollfd room = {.fd = carrier.fd, .events = POLLOUT};
        if (errno != EINTR && (errno != EAGAIN || poll(&room, 1, SEND_PATIENCE_MS) == 0))
            return false;
    }
    return true;
}

bool wire_write(const struct bluet_span *spans, size_t count)
{
    struct iovec parts[MOST_SPANS];
    size_t sent = 0;
    if (count <= MOST_SPANS) {
        for (size_t i = 0; i < count; i++)
            parts[i] = (struct iovec){(void *)(uintptr_t)spans[i].data, spans[i].length};
        ssize_t result = carrier.kind->write(&carrier, parts, count);
        sent = result > 0 ? (size_t)result : 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t skipped = sent < spans[i].length ? sent : spans[i].length;
        sent -= skipped;
        if (!write_all((const uint8_t *)spans[i].data + skipped, spans[i].length - skipped))
            return false;
    }
    return true;
}

void wire_wait(bool quietly)
{
    struct pollfd source = {.fd = carrier.fd, .events = POLLIN};
    MP_THREAD_GIL_EXIT();
    poll(&source, 1, WAIT_MS);
    MP_THREAD_GIL_ENTER();
    if (!quietly)
        mp_handle_pending(true);
}

#endif
