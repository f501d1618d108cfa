/* Every single allocation refused in turn: errors are returned, nothing is leaked, and the next try succeeds. */
/* wrap: malloc */
/* wrap: calloc */
/* wrap: realloc */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/radio.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static long countdown; /* allocations that still succeed; negative: all do */
static bool refused;

static bool refuses(void)
{
    if (countdown != 0) {
        countdown -= countdown > 0;
        return false;
    }
    countdown = -1;
    refused = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuses() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return refuses() ? NULL : __real_realloc(block, size);
}

static int live(const struct bluet_runtime_config *runtime_config, const char *transport)
{
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    char store[128];
    snprintf(store, sizeof store, "%s", support_path("store"));
    const struct bluet_radio_config config = {.transport = transport, .store = store};
    int error = bluet_runtime_create(&runtime, runtime_config);
    if (error)
        return error;
    error = bluet_radio_create(&radio, runtime, &config);
    if (!error)
        error = bluet_radio_wait(radio, bluet_radio_activate(radio), NULL, NULL);
    bluet_runtime_destroy(runtime);
    return error;
}

static int live_on_virtual_air(void)
{
    return live(&(struct bluet_runtime_config){.virtual_air = true, .seed = 1}, NULL);
}

/* A server and a radio, in one loop. */
static int live_on_a_socket(void)
{
    struct bluet_runtime *runtime;
    struct bluet_air_server *server = NULL;
    struct bluet_radio *radio;
    char transport[128];
    snprintf(transport, sizeof transport, "unix:%s", support_path("memory"));
    const struct bluet_air_server_config served = {.unix_path = transport + 5, .seed = 1};
    const struct bluet_radio_config config = {.transport = transport};
    int error = bluet_runtime_create(&runtime, NULL);
    if (error)
        return error;
    error = bluet_air_server_create(&server, runtime, &served);
    if (!error)
        error = bluet_radio_create(&radio, runtime, &config);
    if (!error)
        error = bluet_radio_wait(radio, bluet_radio_activate(radio), NULL, NULL);
    bluet_air_server_destroy(server);
    bluet_runtime_destroy(runtime);
    return error;
}

static void refuse_each(int (*scenario)(void), long least)
{
    for (long n = 0;; n++) {
        countdown = n;
        refused = false;
        int error = scenario();
        bool was_refused = refused;
        countdown = -1;
        if (!was_refused) {
            assert_int_equal(error, 0);
            assert_true(n >= least);
            return;
        }
        /* The air's memory is not the radio's: a client it cannot let in finds its controller lost; one that has no
         * memory for an answer gives none. */
        if (error != BLUET_ENOMEM && error != BLUET_ENODEV && error != BLUET_ETIMEDOUT && error != 0)
            fail_msg("allocation %ld: error %d", n, error);
        assert_int_equal(scenario(), 0);
    }
}

static void test_virtual_air(void **state)
{
    (void)state;
    refuse_each(live_on_virtual_air, 8);
}

static void test_sockets(void **state)
{
    (void)state;
    refuse_each(live_on_a_socket, 12);
}

static int set_up(void **state)
{
    (void)state;
    countdown = -1;
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
        cmocka_unit_test(test_virtual_air),
        cmocka_unit_test(test_sockets),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
