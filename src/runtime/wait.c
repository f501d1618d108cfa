/*
 * Waiting for the controller's answer: asleep where the loop runs in another thread, and otherwise by running it. No
 * verdict is missed by who holds the lock from before the call that gave the ticket: the waiter is known before the
 * lock is given back for the first time.
 */
#include <string.h>
#include <time.h>

#include "runtime/radio.h"

enum { PATIENCE_US = 30000000, ASK_US = 50000 };

struct wait {
    struct bluet_radio *radio;
    struct bluet_runtime *runtime;
    struct verdict_waiter waiter;
    bool (*interrupted)(void *context);
    void *context;
    uint64_t begun, ask; /* the runtime's clock; the wall's */
    unsigned stops;
    bool broken; /* bluet_runtime_break() was meant for the next run */
};

static uint64_t wall_clock(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (uint64_t)moment.tv_sec * 1000000 + (uint64_t)moment.tv_nsec / 1000;
}

static void conclude(struct wait *wait, int error)
{
    wait->waiter.verdict = (struct verdict){.ticket = wait->waiter.verdict.ticket, .error = error};
    wait->waiter.done = true;
}

/* Asks whether to give up, with the lock given back; the verdict may come meanwhile, and counts then. */
static void ask(struct wait *wait)
{
    if (!wait->interrupted || wall_clock() < wait->ask)
        return;
    unsigned depth = loop_release(wait->runtime);
    bool enough = wait->interrupted(wait->context);
    loop_restore(wait->runtime, depth);
    wait->ask = wall_clock() + ASK_US;
    if (enough && !wait->waiter.done)
        conclude(wait, BLUET_ECANCELED);
}

static void step(struct wait *wait)
{
    struct bluet_runtime *runtime = wait->runtime;
    uint64_t end = wait->begun + PATIENCE_US;
    if (atomic_exchange(&runtime->breaking, false))
        wait->broken = true;
    if (runtime->air) {
        loop_step_virtual(runtime, end);
        return;
    }
    uint64_t next = wait->interrupted && wait->ask < end ? wait->ask : end;
    loop_step(runtime, next);
}

static void run_or_sleep(struct wait *wait)
{
    struct bluet_runtime *runtime = wait->runtime;
    if (runtime->threaded || runtime->running) {
        bool precise = !wait->interrupted && !runtime->air;
        loop_sleep(runtime, precise ? wait->begun + PATIENCE_US : wall_clock() + ASK_US);
        return;
    }
    unsigned depth = loop_release(runtime);
    if (loop_enter(runtime)) {
        step(wait);
        loop_leave(runtime);
    }
    loop_restore(runtime, depth);
}

static void wait_for_verdict(struct wait *wait)
{
    while (!wait->waiter.done) {
        if (wait->runtime->stops != wait->stops) {
            conclude(wait, BLUET_ENODEV);
        } else if (bluet_runtime_now(wait->runtime) >= wait->begun + PATIENCE_US) {
            conclude(wait, BLUET_ETIMEDOUT);
        } else {
            run_or_sleep(wait);
            if (!wait->waiter.done)
                ask(wait);
        }
    }
    if (wait->broken)
        atomic_store(&wait->runtime->breaking, true);
}

static void hand_out(const struct verdict *verdict, uint8_t *out_hci_status, void *out_response, size_t response_size,
                     size_t *out_response_length)
{
    size_t length = verdict->response_length < response_size ? verdict->response_length : response_size;
    if (out_hci_status)
        *out_hci_status = verdict->hci_status;
    if (out_response && length)
        memcpy(out_response, verdict->response, length);
    if (out_response_length)
        *out_response_length = out_response ? length : 0;
}

int bluet_radio_wait_response(struct bluet_radio *radio, int ticket, uint8_t *out_hci_status, void *out_response,
                              size_t response_size, size_t *out_response_length, bool (*interrupted)(void *context),
                              void *context)
{
    static const struct verdict nothing;
    struct bluet_runtime *runtime = radio->runtime;
    hand_out(&nothing, out_hci_status, out_response, response_size, out_response_length);
    if (ticket <= 0)
        return ticket;
    if (bluet_runtime_in_handler(runtime) || loop_is_dispatcher(runtime))
        return 0;

    message_clear();
    bluet_runtime_lock(runtime);
    struct wait wait = {.radio = radio,
                        .runtime = runtime,
                        .interrupted = interrupted,
                        .context = context,
                        .begun = bluet_runtime_now(runtime),
                        .ask = wall_clock() + ASK_US,
                        .stops = runtime->stops};
    runtime->waiting++;
    verdicts_await(&radio->verdicts, &wait.waiter, ticket);
    if (!wait.waiter.done && !radio->open)
        conclude(&wait, BLUET_ENODEV);
    wait_for_verdict(&wait);
    verdicts_leave(&radio->verdicts, &wait.waiter);
    runtime->waiting--;
    pthread_cond_broadcast(&runtime->changed);

    const struct verdict *verdict = &wait.waiter.verdict;
    hand_out(verdict, out_hci_status, out_response, response_size, out_response_length);
    if (verdict->error == BLUET_ENODEV || (verdict->error == BLUET_ETIMEDOUT && radio->message[0]))
        message_set("%s", radio->message);
    bluet_runtime_unlock(runtime);
    return verdict->error;
}

int bluet_radio_wait(struct bluet_radio *radio, int ticket, bool (*interrupted)(void *context), void *context)
{
    return bluet_radio_wait_response(radio, ticket, NULL, NULL, 0, NULL, interrupted, context);
}
