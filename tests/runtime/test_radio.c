/* Radios against the wall clock: tickets, threads, batches, lost and misbehaving controllers. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/radio.h"

enum { READ_BD_ADDR = 0x1009, READ_LOCAL_VERSION = 0x1001, READ_RSSI = 0x1405, UNKNOWN_COMMAND = 0xfc7f };

struct record {
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    atomic_uint reports, inactive, done, others;
    atomic_int depth; /* of batches */
    atomic_uint batches, events_outside;
    atomic_bool hold; /* the handler waits, with the lock given back */
    atomic_bool held;
    atomic_bool broken_on_report;
    uint8_t last_data[31];
};

static struct wire wire;

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct record *record = context;
    (void)host;
    if (atomic_load(&record->depth) != 1 || !bluet_runtime_in_handler(record->runtime))
        atomic_fetch_add(&record->events_outside, 1);
    if (event->code == BLUET_EVENT_SCAN_RESULT) {
        atomic_fetch_add(&record->reports, 1);
        if (atomic_load(&record->broken_on_report))
            bluet_runtime_break(record->runtime);
        bluet_runtime_unlock(record->runtime);
        while (atomic_load(&record->hold)) {
            atomic_store(&record->held, true);
            support_sleep(1);
        }
        bluet_runtime_lock(record->runtime);
    } else if (event->code == BLUET_EVENT_INACTIVE) {
        atomic_fetch_add(&record->inactive, 1);
    } else if (event->code == BLUET_EVENT_OPERATION_DONE) {
        atomic_fetch_add(&record->done, 1);
    } else {
        atomic_fetch_add(&record->others, 1);
    }
    return 0;
}

static void on_batch(void *context, bool begin)
{
    struct record *record = context;
    atomic_fetch_add(&record->depth, begin ? 1 : -1);
    atomic_fetch_add(&record->batches, 1);
}

/* A runtime with a radio at the wire. */
static struct record *begin_sized(bool threaded, size_t receive_size)
{
    struct record *record = calloc(1, sizeof *record);
    char transport[128];
    wire_start(&wire, "wire");
    const struct bluet_runtime_config config = {.batch = on_batch, .batch_context = record};
    assert_int_equal(bluet_runtime_create(&record->runtime, &config), 0);
    snprintf(transport, sizeof transport, "unix:%s", wire.path);
    const struct bluet_radio_config radio = {
        .transport = transport, .receive_size = receive_size, .host = {.handler = on_event, .handler_context = record}};
    assert_int_equal(bluet_radio_create(&record->radio, record->runtime, &radio), 0);
    if (threaded)
        assert_int_equal(bluet_runtime_start(record->runtime), 0);
    return record;
}

static struct record *begin(bool threaded)
{
    return begin_sized(threaded, 0);
}

static void activate(struct record *record)
{
    int ticket = bluet_radio_activate(record->radio);
    assert_true(ticket > 0);
    assert_int_equal(bluet_radio_wait(record->radio, ticket, NULL, NULL), 0);
    assert_true(bluet_is_active(bluet_radio_host(record->radio)));
}

static void finish(struct record *record)
{
    assert_int_equal(atomic_load(&record->events_outside), 0);
    bluet_runtime_destroy(record->runtime);
    assert_int_equal(atomic_load(&record->depth), 0);
    wire_stop(&wire);
    free(record);
}

static bool wire_is_closed(void *context)
{
    (void)context;
    return atomic_load(&wire.descriptor) < 0;
}

static bool is_inactive(void *context)
{
    const struct record *record = context;
    return atomic_load(&record->inactive) > 0;
}

/* ---- Life ---- */

static void live_once(struct record *record)
{
    activate(record);
    assert_int_equal(bluet_radio_activate(record->radio), 0);
    bluet_runtime_lock(record->runtime);
    int ticket = bluet_deactivate(bluet_radio_host(record->radio));
    assert_true(ticket > 0);
    assert_int_equal(bluet_radio_wait(record->radio, ticket, NULL, NULL), 0);
    assert_false(bluet_is_active(bluet_radio_host(record->radio)));
    bluet_runtime_unlock(record->runtime);
    assert_true(support_until(record->runtime, wire_is_closed, NULL, SUPPORT_PATIENCE));
}

static void test_active_and_inactive_in_turn(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        struct record *record = begin(threaded);
        for (unsigned i = 1; i <= 3; i++) {
            live_once(record);
            assert_int_equal(atomic_load(&wire.connections), i);
        }
        assert_int_equal(atomic_load(&record->inactive), 0);
        finish(record);
    }
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct record *record = begin(true);
    wire_stop(&wire);
    assert_int_equal(bluet_radio_activate(record->radio), BLUET_ENODEV);
    assert_non_null(strstr(bluet_runtime_message(), "cannot connect to"));
    wire_start(&wire, "wire");
    activate(record); /* now there is */
    assert_string_equal(bluet_runtime_message(), "");
    finish(record);
}

static void test_controller_that_does_not_answer(void **state)
{
    (void)state;
    struct record *record = begin(true);
    atomic_store(&wire.mute, true);
    uint64_t start = support_now();
    assert_int_equal(bluet_radio_wait(record->radio, bluet_radio_activate(record->radio), NULL, NULL), BLUET_ETIMEDOUT);
    assert_true(support_now() - start >= 1900);
    assert_true(support_until(record->runtime, wire_is_closed, NULL, SUPPORT_PATIENCE));
    atomic_store(&wire.mute, false);
    activate(record);
    finish(record);
}

/* A call that waits with the lock held has not freed it before: the sleeping loop must learn of the deadline. */
static void test_command_that_is_not_answered(void **state)
{
    (void)state;
    struct record *record = begin(true);
    activate(record);
    support_sleep(50);
    atomic_store(&wire.mute, true);
    uint64_t start = support_now();
    bluet_runtime_lock(record->runtime);
    int ticket = bluet_hci_command(bluet_radio_host(record->radio), READ_BD_ADDR, NULL, 0);
    assert_true(bluet_radio_wait(record->radio, ticket, NULL, NULL) < 0);
    bluet_runtime_unlock(record->runtime);
    assert_true(support_now() - start >= 1500);
    finish(record);
}

static void test_second_start_and_runs_are_refused(void **state)
{
    (void)state;
    struct record *record = begin(true);
    assert_int_equal(bluet_runtime_start(record->runtime), BLUET_EALREADY);
    assert_int_equal(bluet_runtime_run(record->runtime, 0), BLUET_EBUSY);
    bluet_runtime_stop(record->runtime);
    bluet_runtime_stop(record->runtime);
    assert_int_equal(bluet_runtime_run(record->runtime, 0), 0);
    assert_int_equal(bluet_runtime_start(record->runtime), 0);
    activate(record);
    finish(record);
}

/* ---- Lost ---- */

static void expect_loss(struct record *record, const char *words)
{
    assert_true(support_until(record->runtime, is_inactive, record, SUPPORT_PATIENCE));
    assert_true(support_until(record->runtime, wire_is_closed, NULL, SUPPORT_PATIENCE));
    assert_false(bluet_is_active(bluet_radio_host(record->radio)));
    bluet_runtime_lock(record->runtime);
    assert_int_equal(bluet_hci_command(bluet_radio_host(record->radio), READ_BD_ADDR, NULL, 0), BLUET_ENODEV);
    if (!strstr(record->radio->message, words))
        fail_msg("\"%s\" lacks \"%s\"", record->radio->message, words);
    bluet_runtime_unlock(record->runtime);
    atomic_store(&record->inactive, 0);
    activate(record);
    assert_int_equal(atomic_load(&record->inactive), 0);
}

static void test_lost_controllers(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        struct record *record = begin(threaded);
        activate(record);
        atomic_store(&wire.hang_up, true);
        expect_loss(record, "closed the connection");
        wire_inject(&wire, "GET / HTTP/1.0\r\n", 16);
        expect_loss(record, "this is not H4");
        wire_inject(&wire, "\x02\x40\x20\xff\xff", 5);
        expect_loss(record, "announces 65540 octets");
        finish(record);
    }
}

static void *wait_for_answer(void *context)
{
    struct record *record = context;
    bluet_runtime_lock(record->runtime);
    int ticket = bluet_hci_command(bluet_radio_host(record->radio), READ_BD_ADDR, NULL, 0);
    int error = ticket < 0 ? ticket : bluet_radio_wait(record->radio, ticket, NULL, NULL);
    bluet_runtime_unlock(record->runtime);
    return (void *)(intptr_t)error;
}

static void until_it_waits(struct record *record)
{
    unsigned waiting = 0;
    while (!waiting) {
        bluet_runtime_lock(record->runtime);
        waiting = record->runtime->waiting;
        bluet_runtime_unlock(record->runtime);
        support_sleep(1);
    }
}

static void end_a_wait(struct record *record, void (*how)(struct record *record))
{
    pthread_t thread;
    void *result;
    activate(record);
    atomic_store(&wire.mute, true);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_answer, record), 0);
    until_it_waits(record);
    how(record);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, BLUET_ENODEV); /* a wait that had run out would end with BLUET_ETIMEDOUT */
    atomic_store(&wire.mute, false);
}

static void lose(struct record *record)
{
    (void)record;
    atomic_store(&wire.hang_up, true);
}

static void stop(struct record *record)
{
    bluet_runtime_stop(record->runtime);
}

static void test_waits_end_with_the_controller_and_with_the_runtime(void **state)
{
    (void)state;
    struct record *record = begin(true);
    end_a_wait(record, lose);
    assert_true(support_until(record->runtime, wire_is_closed, NULL, SUPPORT_PATIENCE));
    end_a_wait(record, stop);
    finish(record);
}

static void test_destroying_a_radio_ends_waits(void **state)
{
    (void)state;
    struct record *record = begin(true);
    pthread_t thread;
    void *result;
    activate(record);
    atomic_store(&wire.mute, true);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_answer, record), 0);
    until_it_waits(record);
    bluet_radio_destroy(record->radio);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, BLUET_ENODEV);
    finish(record);
}

/* ---- Tickets ---- */

static void test_responses(void **state)
{
    (void)state;
    struct record *record = begin(true);
    struct bluet *host = bluet_radio_host(record->radio);
    uint8_t response[16], status;
    size_t length;
    activate(record);

    bluet_runtime_lock(record->runtime);
    int ticket = bluet_hci_command(host, READ_BD_ADDR, NULL, 0);
    assert_int_equal(
        bluet_radio_wait_response(record->radio, ticket, &status, response, sizeof response, &length, NULL, NULL), 0);
    assert_int_equal(status, 0);
    assert_int_equal(length, 7);
    assert_int_equal(response[0], 0);

    ticket = bluet_hci_command(host, READ_BD_ADDR, NULL, 0);
    assert_int_equal(bluet_radio_wait_response(record->radio, ticket, NULL, response, 3, &length, NULL, NULL), 0);
    assert_int_equal(length, 3);
    assert_int_equal(bluet_radio_wait_response(record->radio, bluet_hci_command(host, READ_BD_ADDR, NULL, 0), NULL,
                                               NULL, 0, &length, NULL, NULL),
                     0);
    assert_int_equal(length, 0);

    ticket = bluet_hci_command(host, UNKNOWN_COMMAND, NULL, 0);
    bluet_radio_wait_response(record->radio, ticket, &status, response, sizeof response, &length, NULL, NULL);
    assert_int_equal(status, 0x01);
    bluet_runtime_unlock(record->runtime);

    assert_int_equal(bluet_radio_wait(record->radio, 0, NULL, NULL), 0);
    assert_int_equal(bluet_radio_wait(record->radio, BLUET_EINVAL, NULL, NULL), BLUET_EINVAL);
    finish(record);
}

static void test_verdict_that_came_before_the_wait(void **state)
{
    (void)state;
    struct record *record = begin(true);
    activate(record);
    bluet_runtime_lock(record->runtime);
    int ticket = bluet_hci_command(bluet_radio_host(record->radio), READ_BD_ADDR, NULL, 0);
    bluet_runtime_unlock(record->runtime);
    support_sleep(100);
    uint8_t response[16];
    size_t length;
    assert_int_equal(
        bluet_radio_wait_response(record->radio, ticket, NULL, response, sizeof response, &length, NULL, NULL), 0);
    assert_int_equal(length, 7);
    finish(record);
}

enum { ASKERS = 8, QUESTIONS = 60 };

static void *ask_often(void *context)
{
    struct record *record = context;
    struct bluet *host = bluet_radio_host(record->radio);
    uintptr_t wrong = 0;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        uint8_t response[16] = {0xff};
        size_t length;
        bool version = i & 1;
        bluet_runtime_lock(record->runtime);
        int ticket;
        while ((ticket = bluet_hci_command(host, version ? READ_LOCAL_VERSION : READ_BD_ADDR, NULL, 0)) ==
               BLUET_ENOMEM) {
            bluet_runtime_unlock(record->runtime);
            support_sleep(1);
            bluet_runtime_lock(record->runtime);
        }
        bool keeps = i % 3;
        if (!keeps)
            bluet_runtime_unlock(record->runtime);
        int error =
            bluet_radio_wait_response(record->radio, ticket, NULL, response, sizeof response, &length, NULL, NULL);
        if (keeps)
            bluet_runtime_unlock(record->runtime);
        if (error || length != (version ? 9 : 7) || response[0])
            wrong++;
    }
    return (void *)wrong;
}

static void ask_from_many_threads(bool threaded)
{
    struct record *record = begin(threaded);
    pthread_t threads[ASKERS];
    activate(record);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, record), 0);
    for (size_t i = 0; i < ASKERS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    finish(record);
}

static void test_tickets_of_many_threads(void **state)
{
    (void)state;
    ask_from_many_threads(true);
    ask_from_many_threads(false);
}

static bool count_to_three(void *context)
{
    unsigned *count = context;
    return ++*count == 3;
}

static void test_interrupted_wait(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        struct record *record = begin(threaded);
        unsigned count = 0;
        activate(record);
        atomic_store(&wire.mute, true);
        bluet_runtime_lock(record->runtime);
        int ticket = bluet_hci_command(bluet_radio_host(record->radio), READ_BD_ADDR, NULL, 0);
        uint64_t start = support_now();
        assert_int_equal(bluet_radio_wait(record->radio, ticket, count_to_three, &count), BLUET_ECANCELED);
        assert_in_range(support_now() - start, 140, 25000); /* not by its own patience */
        bluet_runtime_unlock(record->runtime);
        finish(record);
    }
}

/* ---- Reports ---- */

static size_t make_report(uint8_t out[64], uint8_t number)
{
    const uint8_t head[] = {0x04, 0x3e, 0, 0x02, 1, 0x00, 0x01, 1, 2, 3, 4, 5, 0xc6, 31};
    memcpy(out, head, sizeof head);
    memset(out + sizeof head, number, 31);
    out[sizeof head + 31] = 0xd0;
    out[2] = (uint8_t)(sizeof head - 3 + 31 + 1);
    return sizeof head + 31 + 1;
}

static void scan(struct record *record)
{
    bluet_runtime_lock(record->runtime);
    int ticket = bluet_gap_scan(bluet_radio_host(record->radio), 0, 30000, 30000, false);
    assert_int_equal(bluet_radio_wait(record->radio, ticket, NULL, NULL), 0);
    bluet_runtime_unlock(record->runtime);
}

static void *flood(void *context)
{
    uint8_t block[100 * 64];
    size_t length = 0;
    for (uint8_t i = 0; i < 100; i++)
        length += make_report(block + length, i);
    for (unsigned i = 0; i < 20; i++)
        wire_inject(&wire, block, length);
    (void)context;
    return NULL;
}

static bool all_have_come(void *context)
{
    struct record *record = context;
    return atomic_load(&record->reports) + bluet_dropped(bluet_radio_host(record->radio)) >= 2000;
}

/* Until reports have been dropped, or more wait than can be read ahead, so that they will be. */
static void until_flooded(struct record *record)
{
    uint32_t dropped = 0;
    for (int waiting = 0; !dropped && waiting <= 4096; support_sleep(1)) {
        bluet_runtime_lock(record->runtime);
        dropped = bluet_dropped(bluet_radio_host(record->radio));
        assert_int_equal(ioctl(record->radio->carrier.fd, FIONREAD, &waiting), 0);
        bluet_runtime_unlock(record->runtime);
    }
}

/* A handler that is too slow for a flood of reports: some are dropped, all are counted, and nothing else is touched. */
static void test_flood_of_reports(void **state)
{
    (void)state;
    struct record *record = begin_sized(true, 4096);
    pthread_t thread;
    activate(record);
    scan(record);
    atomic_store(&record->hold, true);
    assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
    until_flooded(record);
    atomic_store(&record->hold, false);
    pthread_join(thread, NULL);
    assert_true(support_until(record->runtime, all_have_come, record, SUPPORT_PATIENCE));
    bluet_runtime_lock(record->runtime);
    uint32_t dropped = bluet_dropped(bluet_radio_host(record->radio));
    assert_true(dropped > 0);
    assert_int_equal(atomic_load(&record->reports) + dropped, 2000);
    bluet_runtime_unlock(record->runtime);
    ask_often(record);
    finish(record);
}

static void test_few_reports_are_all_delivered(void **state)
{
    (void)state;
    struct record *record = begin(true);
    pthread_t thread;
    activate(record);
    scan(record);
    /* 2000 reports fit into what is read ahead twice over; the handler is quick. */
    assert_int_equal(bluet_radio_receive_size(record->radio), 65536);
    assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
    pthread_join(thread, NULL);
    assert_true(support_until(record->runtime, all_have_come, record, SUPPORT_PATIENCE));
    finish(record);
}

/* ---- Handlers ---- */

static void test_host_is_free_while_a_handler_waits(void **state)
{
    (void)state;
    struct record *record = begin(true);
    struct bluet *host = bluet_radio_host(record->radio);
    uint8_t report[64];
    activate(record);
    scan(record);
    atomic_store(&record->hold, true);
    wire_inject(&wire, report, make_report(report, 1));
    while (!atomic_load(&record->held))
        support_sleep(1);

    assert_false(bluet_runtime_in_handler(record->runtime)); /* another thread is */
    bluet_runtime_lock(record->runtime);
    int ticket = bluet_hci_command(host, READ_BD_ADDR, NULL, 0);
    assert_true(ticket > 0);
    bluet_runtime_unlock(record->runtime);
    atomic_store(&record->hold, false);
    assert_int_equal(bluet_radio_wait(record->radio, ticket, NULL, NULL), 0);

    /* The radio is not taken away under a handler. */
    atomic_store(&record->held, false);
    atomic_store(&record->hold, true);
    wire_inject(&wire, report, make_report(report, 2));
    while (!atomic_load(&record->held))
        support_sleep(1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, (void *(*)(void *))(void *)bluet_radio_destroy, record->radio), 0);
    support_sleep(50);
    assert_int_equal(pthread_tryjoin_np(thread, NULL), EBUSY);
    atomic_store(&record->hold, false);
    pthread_join(thread, NULL);
    finish(record);
}

static void test_break_after_the_batch_at_hand(void **state)
{
    (void)state;
    struct record *record = begin(false);
    activate(record);
    scan(record);
    uint8_t block[3 * 64];
    size_t length = 0;
    for (uint8_t i = 0; i < 3; i++)
        length += make_report(block + length, i);
    atomic_store(&record->broken_on_report, true);
    wire_inject(&wire, block, length);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(bluet_runtime_run(record->runtime, BLUET_NEVER), 0);
        assert_int_equal(atomic_load(&record->reports), i);
    }

    bluet_runtime_break(record->runtime); /* while none runs: the next one returns at once */
    assert_int_equal(bluet_runtime_run(record->runtime, BLUET_NEVER), 0);
    uint64_t start = bluet_runtime_now(record->runtime);
    assert_int_equal(bluet_runtime_run(record->runtime, 20000), 0);
    assert_in_range(bluet_runtime_now(record->runtime) - start, 20000, 500000);
    finish(record);
}

static void *work_and_look_away(void *context)
{
    struct record *record = context;
    for (unsigned i = 0; i < 200; i++) {
        bluet_runtime_lock(record->runtime);
        bluet_runtime_lock(record->runtime);
        bluet_mtu(bluet_radio_host(record->radio));
        bluet_runtime_unlock(record->runtime);
        bluet_gap_scan_stop(bluet_radio_host(record->radio));
        bluet_gap_scan(bluet_radio_host(record->radio), 5, 30000, 30000, false);
        bluet_runtime_unlock(record->runtime);
    }
    return NULL;
}

/* Scans of 5 ms that other threads begin: their ends are deadlines that a sleeping loop learns of when the lock is
 * freed. */
static void test_deadlines_of_other_threads(void **state)
{
    (void)state;
    struct record *record = begin(true);
    pthread_t threads[3];
    activate(record);
    for (size_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work_and_look_away, record);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);

    assert_null(ask_often(record)); /* until the controller has worked off what it was told */
    bluet_runtime_lock(record->runtime);
    int ticket = bluet_gap_scan_stop(bluet_radio_host(record->radio));
    assert_int_equal(bluet_radio_wait(record->radio, ticket, NULL, NULL), 0);
    bluet_runtime_unlock(record->runtime);
    support_sleep(50);
    unsigned before = atomic_load(&record->others);
    bluet_runtime_lock(record->runtime);
    ticket = bluet_gap_scan(bluet_radio_host(record->radio), 30, 30000, 30000, false);
    assert_int_equal(bluet_radio_wait(record->radio, ticket, NULL, NULL), 0);
    bluet_runtime_unlock(record->runtime);
    uint64_t start = support_now();
    while (atomic_load(&record->others) == before && support_now() - start < SUPPORT_PATIENCE)
        support_sleep(1);
    assert_int_equal(atomic_load(&record->others), before + 1); /* the end of the scan */
    assert_true(support_now() - start < 25000);                 /* not when something else wakes the loop */
    finish(record);
}

/* ---- Output ---- */

static void test_controller_that_takes_nothing(void **state)
{
    (void)state;
    struct record *record = begin(true);
    static const uint8_t packet[1004] = {0x02, 0x40, 0x00, 0xe7, 0x03};
    const struct bluet_span spans[] = {{packet, 5}, {packet + 5, 500}, {packet + 505, 499}};
    activate(record);
    unsigned before = atomic_load(&wire.packets);
    atomic_store(&wire.deaf, true);
    support_sleep(20);

    /* More than the kernel keeps, less than the queue: all of it arrives, whole and in order. */
    bluet_runtime_lock(record->runtime);
    for (unsigned i = 0; i < 800; i++)
        record->radio->wire->send(record->radio, spans, 3);
    assert_true(queue_length(&record->radio->output) > 0);
    assert_false(record->radio->failed);
    bluet_runtime_unlock(record->runtime);
    atomic_store(&wire.mute, true);
    atomic_store(&wire.deaf, false);
    for (unsigned i = 0; i < SUPPORT_PATIENCE && atomic_load(&wire.packets) < before + 800; i++)
        support_sleep(1);
    assert_int_equal(atomic_load(&wire.packets), before + 800);

    /* More than the queue: the controller is given up. */
    atomic_store(&wire.deaf, true);
    support_sleep(20);
    bluet_runtime_lock(record->runtime);
    for (unsigned i = 0; i < 4000 && !record->radio->failed; i++)
        record->radio->wire->send(record->radio, spans, 3);
    assert_true(record->radio->failed);
    bluet_runtime_unlock(record->runtime);
    assert_true(support_until(record->runtime, is_inactive, record, SUPPORT_PATIENCE));
    finish(record);
}

/* ---- Captures ---- */

static void test_captures(void **state)
{
    (void)state;
    struct record *record = begin(true);
    setenv("BLUET_SNOOP", support_path("snoop"), 1);
    activate(record);
    unsetenv("BLUET_SNOOP");
    assert_int_equal(bluet_radio_capture(record->radio, support_path("none/here")), BLUET_EIO);
    assert_int_equal(bluet_radio_capture(record->radio, support_path("later")), 0);
    ask_often(record);
    assert_int_equal(bluet_radio_capture(record->radio, NULL), 0);
    ask_often(record);

    struct stat status;
    assert_int_equal(stat(support_path("snoop"), &status), 0);
    assert_true(status.st_size > 200);
    assert_int_equal(stat(support_path("later"), &status), 0);
    /* A command of 4 octets and its answer, 14 or 16 octets, each with 24 of header. */
    assert_int_equal(status.st_size, 16 + QUESTIONS / 2 * (28 + 24 + 13 + 28 + 24 + 15));
    finish(record);

    record = begin(true);
    setenv("BLUET_SNOOP", support_path("none/here"), 1);
    assert_int_equal(bluet_radio_activate(record->radio), BLUET_EIO);
    assert_non_null(strstr(bluet_runtime_message(), "none/here"));
    unsetenv("BLUET_SNOOP");
    finish(record);
}

static int set_up(void **state)
{
    (void)state;
    support_make_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_remove_folder();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_active_and_inactive_in_turn),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_controller_that_does_not_answer),
        cmocka_unit_test(test_command_that_is_not_answered),
        cmocka_unit_test(test_second_start_and_runs_are_refused),
        cmocka_unit_test(test_lost_controllers),
        cmocka_unit_test(test_waits_end_with_the_controller_and_with_the_runtime),
        cmocka_unit_test(test_destroying_a_radio_ends_waits),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_verdict_that_came_before_the_wait),
        cmocka_unit_test(test_tickets_of_many_threads),
        cmocka_unit_test(test_interrupted_wait),
        cmocka_unit_test(test_flood_of_reports),
        cmocka_unit_test(test_few_reports_are_all_delivered),
        cmocka_unit_test(test_host_is_free_while_a_handler_waits),
        cmocka_unit_test(test_break_after_the_batch_at_hand),
        cmocka_unit_test(test_deadlines_of_other_threads),
        cmocka_unit_test(test_controller_that_takes_nothing),
        cmocka_unit_test(test_captures),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
