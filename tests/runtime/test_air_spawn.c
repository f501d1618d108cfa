/* The transport `air`: started by whoever needs it first, by one only, and gone when the last has gone. */
#include "support.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/radio.h"

enum { STARTERS = 6, CHURNERS = 4, TURNS = 12 };

struct meeting {
    struct bluet_address heard[STARTERS];
    unsigned count;
};

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct meeting *meeting = context;
    (void)host;
    if (event->code != BLUET_EVENT_SCAN_RESULT)
        return 0;
    for (unsigned i = 0; i < meeting->count; i++)
        if (memcmp(&meeting->heard[i], &event->scan_result.peer, sizeof meeting->heard[i]) == 0)
            return 0;
    if (meeting->count < STARTERS)
        meeting->heard[meeting->count++] = event->scan_result.peer;
    return 0;
}

static int open_radio(struct bluet_runtime **out_runtime, struct bluet_radio **out_radio, const char *transport,
                      struct meeting *meeting)
{
    const struct bluet_radio_config config = {.transport = transport,
                                              .host = {.handler = on_event, .handler_context = meeting}};
    if (bluet_runtime_create(out_runtime, NULL) || bluet_radio_create(out_radio, *out_runtime, &config))
        return 1;
    int ticket = bluet_radio_activate(*out_radio);
    int error = bluet_radio_wait(*out_radio, ticket, NULL, NULL);
    if (error)
        fprintf(stderr, "[%ld] %d: %s\n", (long)getpid(), error, bluet_runtime_message());
    return error;
}

static bool everybody_was_heard(void *context)
{
    return ((struct meeting *)context)->count >= STARTERS - 1;
}

/*
 * Advertises and scans until all the others have been heard: so they are on the same air. Says so by an octet, and
 * stays until the other pipe ends: some are later.
 */
static int meet(int heard, int over)
{
    char octet = 0;
    struct meeting meeting = {.count = 0};
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    const struct bluet_span data = {"\x02\x01\x06", 3};
    if (open_radio(&runtime, &radio, "air:race", &meeting))
        return 1;
    struct bluet *host = bluet_radio_host(radio);
    if (bluet_radio_wait(radio, bluet_gap_advertise(host, 30000, &data, NULL, false), NULL, NULL) ||
        bluet_radio_wait(radio, bluet_gap_scan(host, 0, 60000, 50000, false), NULL, NULL))
        return 2;
    if (!support_until(runtime, everybody_was_heard, &meeting, SUPPORT_PATIENCE))
        return 3;
    if (write(heard, &octet, 1) != 1)
        return 4;
    struct pollfd end = {over, POLLIN, 0};
    while (poll(&end, 1, 0) == 0)
        bluet_runtime_run(runtime, 5000);
    bluet_runtime_destroy(runtime);
    return 0;
}

static void expect_success(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool vanishes(const char *path)
{
    for (unsigned i = 0; i < SUPPORT_PATIENCE; i++) {
        if (access(path, F_OK) < 0)
            return true;
        support_sleep(1);
    }
    return false;
}

static void test_race_of_starters(void **state)
{
    (void)state;
    pid_t children[STARTERS];
    int heard[2], over[2];
    char octet;
    assert_int_equal(pipe(heard), 0);
    assert_int_equal(pipe(over), 0);
    for (size_t i = 0; i < STARTERS; i++)
        if ((children[i] = fork()) == 0) {
            close(heard[0]);
            close(over[1]);
            _exit(meet(heard[1], over[0]));
        }
    close(heard[1]);
    for (size_t i = 0; i < STARTERS; i++)
        assert_int_equal(read(heard[0], &octet, 1), 1);
    close(heard[0]);
    close(over[0]);
    close(over[1]);
    for (size_t i = 0; i < STARTERS; i++)
        expect_success(children[i]);
    assert_true(vanishes(support_path("bluet/race.socket")));
}

/* Comes and goes: again and again it is the first one, the last one, or one who comes while the air is leaving. */
static int come_and_go(unsigned number)
{
    for (unsigned i = 0; i < TURNS; i++) {
        struct meeting meeting = {.count = 0};
        struct bluet_runtime *runtime;
        struct bluet_radio *radio;
        if (open_radio(&runtime, &radio, "air:churn", &meeting))
            return 1;
        bluet_runtime_destroy(runtime);
        support_sleep((number * 7 + i * 3) % 11);
    }
    return 0;
}

static void test_leaving_and_coming_at_once(void **state)
{
    (void)state;
    pid_t children[CHURNERS];
    for (unsigned i = 0; i < CHURNERS; i++)
        if ((children[i] = fork()) == 0)
            _exit(come_and_go(i));
    for (unsigned i = 0; i < CHURNERS; i++)
        expect_success(children[i]);
    assert_true(vanishes(support_path("bluet/churn.socket")));
}

/* The inode of the socket that listens at `path`. */
static unsigned long listener_at(const char *path)
{
    char line[300];
    unsigned long inode = 0;
    FILE *file = fopen("/proc/net/unix", "r");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long flags, number;
        if (strstr(line, path) && sscanf(line, "%*s %*s %*s %lx %*s %*s %lu", &flags, &number) == 2 && flags & 0x10000)
            inode = number;
    }
    if (file)
        fclose(file);
    return inode;
}

/* The process that has it as descriptor 3. */
static pid_t holder_of(unsigned long inode)
{
    char path[300], link[64], wanted[64];
    pid_t process = 0;
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    while (!process && directory && (entry = readdir(directory))) {
        snprintf(path, sizeof path, "/proc/%s/fd/3", entry->d_name);
        ssize_t length = readlink(path, link, sizeof link - 1);
        link[length > 0 ? length : 0] = '\0';
        if (strcmp(link, wanted) == 0)
            process = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (directory)
        closedir(directory);
    return process;
}

static void expect_link(pid_t process, const char *name, const char *expected)
{
    char path[64], link[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)process, name);
    ssize_t length = readlink(path, link, sizeof link - 1);
    link[length > 0 ? length : 0] = '\0';
    assert_string_equal(link, expected);
}

static void expect_name(pid_t process, const char *file_name, const char *expected)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)process, file_name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(name, sizeof name, file));
    fclose(file);
    assert_string_equal(name, expected);
}

static unsigned count_descriptors(pid_t process)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)process);
    DIR *directory = opendir(path);
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count - 2; /* . and .. */
}

static void test_the_air_stands_alone(void **state)
{
    (void)state;
    struct meeting meeting = {.count = 0};
    struct bluet_runtime *runtime;
    struct bluet_radio *radio = NULL;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(open_radio(&runtime, &radio, "air:alone", &meeting), 0);

    /* It is nobody's child, and holds nothing of ours: 0, 1, 2, the listener, epoll, timer, wakeup, one client. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    pid_t air = holder_of(listener_at(support_path("bluet/alone.socket")));
    assert_true(air > 0);
    expect_name(air, "comm", "bluet-air\n");
    expect_name(air, "cmdline", "bluet-air"); /* whoever kills its starter by name must not hit it */
    expect_link(air, "cwd", "/");
    expect_link(air, "fd/0", "/dev/null");
    expect_link(air, "fd/2", "/dev/null");
    assert_int_equal(getsid(air), air);
    assert_int_equal(count_descriptors(air), 8);
    close(ends[0]);
    close(ends[1]);

    /* A second radio, on the same runtime, to the same air; the default name is another air. */
    struct bluet_radio *second, *other;
    const struct bluet_radio_config same = {.transport = "air:alone"}, apart = {.transport = NULL};
    assert_int_equal(bluet_radio_create(&second, runtime, &same), 0);
    assert_int_equal(bluet_radio_wait(second, bluet_radio_activate(second), NULL, NULL), 0);
    assert_int_equal(bluet_radio_create(&other, runtime, &apart), 0);
    assert_int_equal(bluet_radio_wait(other, bluet_radio_activate(other), NULL, NULL), 0);
    assert_int_equal(access(support_path("bluet/air.socket"), F_OK), 0);
    bluet_radio_destroy(other);
    assert_true(vanishes(support_path("bluet/air.socket")));

    bluet_radio_destroy(radio);
    support_sleep(100);
    assert_int_equal(access(support_path("bluet/alone.socket"), F_OK), 0); /* the second is still there */
    bluet_runtime_destroy(runtime);
    assert_true(vanishes(support_path("bluet/alone.socket")));
}

static void test_served_by_name(void **state)
{
    (void)state;
    struct meeting meeting = {.count = 0};
    struct bluet_runtime *server_runtime, *runtime;
    struct bluet_air_server *server;
    struct bluet_radio *radio;
    const struct bluet_air_server_config config = {.air_name = "served"};
    assert_int_equal(bluet_runtime_create(&server_runtime, NULL), 0);
    assert_int_equal(bluet_air_server_create(&server, server_runtime, &config), 0);
    assert_int_equal(bluet_runtime_start(server_runtime), 0);
    assert_int_equal(open_radio(&runtime, &radio, "air:served", &meeting), 0);
    bluet_runtime_destroy(runtime);
    support_sleep(50);
    assert_int_equal(access(support_path("bluet/served.socket"), F_OK), 0); /* it stays */
    bluet_air_server_destroy(server);
    bluet_runtime_destroy(server_runtime);
    assert_int_not_equal(access(support_path("bluet/served.socket"), F_OK), 0);
}

static bool is_inactive(void *context)
{
    return !bluet_is_active(bluet_radio_host(context));
}

/* Killed, the air leaves its socket behind; the next user starts another. */
static void test_remains_of_a_dead_air(void **state)
{
    (void)state;
    struct meeting meeting = {.count = 0};
    struct bluet_runtime *runtime;
    struct bluet_radio *radio = NULL;
    assert_int_equal(open_radio(&runtime, &radio, "air:dead", &meeting), 0);
    pid_t air = holder_of(listener_at(support_path("bluet/dead.socket")));
    assert_true(air > 0);
    kill(air, SIGKILL);
    assert_true(support_until(runtime, is_inactive, radio, SUPPORT_PATIENCE));
    assert_int_equal(access(support_path("bluet/dead.socket"), F_OK), 0);
    assert_int_equal(bluet_radio_wait(radio, bluet_radio_activate(radio), NULL, NULL), 0);
    bluet_runtime_destroy(runtime);
    assert_true(vanishes(support_path("bluet/dead.socket")));
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
        cmocka_unit_test(test_race_of_starters),      cmocka_unit_test(test_leaving_and_coming_at_once),
        cmocka_unit_test(test_the_air_stands_alone),  cmocka_unit_test(test_served_by_name),
        cmocka_unit_test(test_remains_of_a_dead_air),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
