/* Radios on a virtual air: time passes only when it is asked to, exactly, and in the same way every time. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/radio.h"

enum { READ_BD_ADDR = 0x1009, LOG_SIZE = 1 << 16, MOST_RADIOS = 6 };

struct world {
    struct bluet_runtime *runtime;
    struct bluet_radio *radios[MOST_RADIOS];
    struct seat {
        struct world *world;
        size_t index;
    } seats[MOST_RADIOS];
    bool batch;
    bool connect; /* to whom is heard first */
    unsigned reports, connects, disconnects;
    char *log; /* every event with its time */
    size_t log_length;
};

static void write_log(struct world *world, size_t index, const struct bluet_event *event)
{
    uint64_t now = bluet_runtime_now(world->runtime);
    if (LOG_SIZE - world->log_length > 64)
        world->log_length += (size_t)snprintf(world->log + world->log_length, 64, "%llu radio %zu event %d %u\n",
                                              (unsigned long long)now, index, (int)event->code, event->conn_handle);
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct seat *seat = context;
    struct world *world = seat->world;
    assert_true(world->batch);
    assert_true(bluet_runtime_in_handler(world->runtime));
    assert_int_equal(bluet_radio_wait(world->radios[seat->index], 1, NULL, NULL), 0); /* never waits in here */
    write_log(world, seat->index, event);
    switch (event->code) {
    case BLUET_EVENT_SCAN_RESULT:
        world->reports++;
        if (world->connect && bluet_gap_connect(host, &event->scan_result.peer, 0, NULL) > 0)
            world->connect = false;
        break;
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        world->connects++;
        break;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        world->disconnects++;
        break;
    default:
        break;
    }
    return 0;
}

static void on_batch(void *context, bool begin)
{
    struct world *world = context;
    assert_true(world->batch != begin);
    world->batch = begin;
}

static int wait_for(struct world *world, size_t index, int ticket)
{
    return bluet_radio_wait(world->radios[index], ticket, NULL, NULL);
}

static struct bluet *host(struct world *world, size_t index)
{
    return bluet_radio_host(world->radios[index]);
}

static struct world *begin(uint64_t seed, size_t count)
{
    struct world *world = calloc(1, sizeof *world);
    world->log = calloc(1, LOG_SIZE);
    const struct bluet_runtime_config config = {
        .virtual_air = true, .seed = seed, .batch = on_batch, .batch_context = world};
    assert_int_equal(bluet_runtime_create(&world->runtime, &config), 0);
    for (size_t i = 0; i < count; i++) {
        world->seats[i] = (struct seat){world, i};
        const struct bluet_radio_config radio = {.host = {.handler = on_event, .handler_context = &world->seats[i]}};
        assert_int_equal(bluet_radio_create(&world->radios[i], world->runtime, &radio), 0);
        assert_int_equal(wait_for(world, i, bluet_radio_activate(world->radios[i])), 0);
    }
    return world;
}

static void finish(struct world *world)
{
    assert_false(world->batch);
    bluet_runtime_destroy(world->runtime);
    free(world->log);
    free(world);
}

static void advertise(struct world *world, size_t index)
{
    const struct bluet_span data = {"\x02\x01\x06", 3};
    assert_int_equal(wait_for(world, index, bluet_gap_advertise(host(world, index), 100000, &data, NULL, true)), 0);
}

static void scan(struct world *world, size_t index, uint32_t duration_ms)
{
    assert_int_equal(wait_for(world, index, bluet_gap_scan(host(world, index), duration_ms, 30000, 30000, false)), 0);
}

static void test_time_passes_exactly(void **state)
{
    (void)state;
    struct world *world = begin(1, 2);
    uint64_t start = bluet_runtime_now(world->runtime);
    assert_true(start < 1000000); /* two activations */
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(bluet_runtime_run(world->runtime, 123457), 0);
        assert_int_equal(bluet_runtime_now(world->runtime), start + 123457 * i);
    }
    assert_int_equal(bluet_air_now(bluet_runtime_air(world->runtime)), start + 123457 * 5);
    assert_int_equal(bluet_runtime_run(world->runtime, 0), 0);
    assert_int_equal(bluet_runtime_now(world->runtime), start + 123457 * 5);
    assert_int_equal(bluet_runtime_run(world->runtime, BLUET_NEVER), 0); /* nothing is left to happen */
    assert_int_equal(bluet_runtime_start(world->runtime), BLUET_EINVAL);
    finish(world);
}

static void live_through(struct world *world)
{
    for (size_t i = 1; i < 4; i++)
        advertise(world, i);
    world->connect = true;
    scan(world, 0, 0);
    bluet_runtime_run(world->runtime, 2000000);
    scan(world, 0, 1500);
    bluet_runtime_run(world->runtime, 2000000);
    bluet_radio_destroy(world->radios[0]); /* like a battery that falls out */
    bluet_runtime_run(world->runtime, 8000000);
}

static void test_same_seed_same_events(void **state)
{
    (void)state;
    struct world *first = begin(7, 4), *second = begin(7, 4), *third = begin(8, 4);
    live_through(first);
    live_through(second);
    live_through(third);
    assert_true(first->reports > 20);
    assert_int_equal(first->connects, 2);
    assert_int_equal(first->disconnects, 1); /* by supervision timeout */
    assert_string_equal(first->log, second->log);
    assert_string_not_equal(first->log, third->log);
    finish(first);
    finish(second);
    finish(third);
}

static void test_waits_are_bounded(void **state)
{
    (void)state;
    struct world *world = begin(1, 1);
    uint64_t start = bluet_runtime_now(world->runtime);
    assert_int_equal(wait_for(world, 0, 30000), BLUET_ETIMEDOUT); /* a ticket that nobody has given */
    assert_int_equal(bluet_runtime_now(world->runtime), start + 30000000);

    /* A break that strikes while a call waits is for the run that follows. */
    bluet_runtime_break(world->runtime);
    assert_int_equal(wait_for(world, 0, bluet_hci_command(host(world, 0), READ_BD_ADDR, NULL, 0)), 0);
    uint64_t now = bluet_runtime_now(world->runtime);
    assert_int_equal(bluet_runtime_run(world->runtime, 1000000), 0);
    assert_int_equal(bluet_runtime_now(world->runtime), now);
    finish(world);
}

static void test_life_on_the_air(void **state)
{
    (void)state;
    struct world *world = begin(1, 1);
    struct bluet_address first, second;
    struct bluet_runtime *runtime = world->runtime;
    assert_int_equal(bluet_own_address(host(world, 0), &first), 0);
    assert_int_equal(wait_for(world, 0, bluet_deactivate(host(world, 0))), 0);
    bluet_runtime_run(runtime, 1000);
    assert_false(world->radios[0]->open);
    assert_int_equal(wait_for(world, 0, bluet_radio_activate(world->radios[0])), 0);
    assert_int_equal(bluet_own_address(host(world, 0), &second), 0);
    assert_memory_equal(&first, &second, sizeof first);

    struct bluet_radio *radio;
    const struct bluet_radio_config config = {.transport = "air"};
    assert_int_equal(bluet_radio_create(&radio, runtime, &config), BLUET_EINVAL);
    assert_non_null(strstr(bluet_runtime_message(), "give none"));
    struct bluet_air_server *server;
    assert_int_equal(bluet_air_server_create(&server, runtime, &(struct bluet_air_server_config){.air_name = "x"}),
                     BLUET_EINVAL);
    assert_int_equal(bluet_runtime_create(&runtime, &(struct bluet_runtime_config){.virtual_air = true, .loss = 2}),
                     BLUET_EINVAL);
    assert_non_null(strstr(bluet_runtime_message(), "from 0 to 1"));
    finish(world);
}

static void test_captures_show_virtual_time(void **state)
{
    (void)state;
    uint8_t record[40];
    for (unsigned i = 0; i < 2; i++) {
        struct world *world = begin(1, 1);
        assert_int_equal(bluet_radio_capture(world->radios[0], support_path(i ? "two" : "one")), 0);
        bluet_runtime_run(world->runtime, 1000000 - bluet_runtime_now(world->runtime));
        assert_int_equal(wait_for(world, 0, bluet_hci_command(host(world, 0), READ_BD_ADDR, NULL, 0)), 0);
        finish(world);

        FILE *file = fopen(support_path(i ? "two" : "one"), "rb");
        assert_non_null(file);
        assert_int_equal(fread(record, 1, sizeof record, file), sizeof record);
        fclose(file);
        uint64_t time = 0;
        for (size_t k = 0; k < 8; k++)
            time = time << 8 | record[32 + k];
        assert_int_equal(time, 0x00dcddb30f2f8000u + 1704067200000000u + 1000000u);
    }
}

static void *wait_in_thread(void *context)
{
    struct world *world = context;
    uintptr_t wrong = 0;
    for (unsigned i = 0; i < 50; i++) {
        bluet_runtime_lock(world->runtime);
        int ticket = bluet_hci_command(host(world, i % 3), READ_BD_ADDR, NULL, 0);
        if (ticket <= 0 || wait_for(world, i % 3, ticket))
            wrong++;
        bluet_runtime_unlock(world->runtime);
    }
    return (void *)wrong;
}

static void test_threads_take_turns_in_running_it(void **state)
{
    (void)state;
    struct world *world = begin(1, 3);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_in_thread, world), 0);
    for (size_t i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    finish(world);
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
        cmocka_unit_test(test_time_passes_exactly),        cmocka_unit_test(test_same_seed_same_events),
        cmocka_unit_test(test_waits_are_bounded),          cmocka_unit_test(test_life_on_the_air),
        cmocka_unit_test(test_captures_show_virtual_time), cmocka_unit_test(test_threads_take_turns_in_running_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
