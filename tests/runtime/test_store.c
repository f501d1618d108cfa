/*
 * The file that keeps secrets: whole whenever its writer is killed, refused when it is damaged, held by one at a time,
 * and unharmed by every system call that fails.
 */
/* wrap: open */
/* wrap: write */
/* wrap: fsync */
/* wrap: ftruncate */
/* wrap: rename */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/store.h"

int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int descriptor, const void *octets, size_t length);
int __real_fsync(int descriptor);
int __real_ftruncate(int descriptor, off_t length);
int __real_rename(const char *from, const char *to);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_write(int descriptor, const void *octets, size_t length);
int __wrap_fsync(int descriptor);
int __wrap_ftruncate(int descriptor, off_t length);
int __wrap_rename(const char *from, const char *to);

static long countdown = -1; /* calls that still succeed; negative: all do */
static bool refused;
static unsigned writes, open_writes;

static bool refuses(void)
{
    if (countdown != 0) {
        countdown -= countdown > 0;
        return false;
    }
    countdown = -1;
    refused = true;
    errno = ENOSPC;
    return true;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    return refuses() ? -1 : __real_open(path, flags, mode);
}

/* In two pieces, as a disk may that is nearly full. */
ssize_t __wrap_write(int descriptor, const void *octets, size_t length)
{
    struct stat status;
    if (refuses())
        return -1;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
        writes++;
        open_writes += (status.st_mode & 07777) != 0600;
    }
    return __real_write(descriptor, octets, length > 100 ? 100 : length);
}

int __wrap_fsync(int descriptor)
{
    return refuses() ? -1 : __real_fsync(descriptor);
}

int __wrap_ftruncate(int descriptor, off_t length)
{
    return refuses() ? -1 : __real_ftruncate(descriptor, length);
}

int __wrap_rename(const char *from, const char *to)
{
    return refuses() ? -1 : __real_rename(from, to);
}

/* ---- What the tests do ---- */

static const char *place(void)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/bonds", support_folder);
    return path;
}

static const char *damaged(const char *suffix)
{
    static char path[160];
    snprintf(path, sizeof path, "%s.damaged%s", place(), suffix);
    return path;
}

static struct store *opened(void)
{
    struct store *store = NULL;
    int error = store_open(&store, place());
    if (error)
        fail_msg("error %d: %s", error, bluet_runtime_message());
    return store;
}

static void assert_refused(int expected, const char *words)
{
    struct store *store = NULL;
    assert_int_equal(store_open(&store, place()), expected);
    assert_null(store);
    if (!strstr(bluet_runtime_message(), words))
        fail_msg("'%s' does not say '%s'", bluet_runtime_message(), words);
}

static int keep(struct store *store, uint8_t sec_type, const char *key, const void *value, size_t length)
{
    const struct store_secret secret = {sec_type, (const uint8_t *)key, strlen(key), value, length};
    return store_keep(store, &secret);
}

static void assert_kept(const struct store *store, uint8_t sec_type, const char *key, const char *value)
{
    struct store_secret secret;
    assert_true(store_find(store, &secret, sec_type, 0, (const uint8_t *)key, strlen(key)));
    assert_int_equal(secret.value_length, strlen(value));
    assert_memory_equal(secret.value, value, strlen(value));
}

static bool has(const struct store *store, uint8_t sec_type, const char *key)
{
    struct store_secret secret;
    return store_find(store, &secret, sec_type, 0, (const uint8_t *)key, strlen(key));
}

static unsigned count_files(void)
{
    unsigned count = 0;
    DIR *folder = opendir(support_folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

static size_t read_file(const char *path, uint8_t *out, size_t capacity)
{
    int file = __real_open(path, O_RDONLY);
    assert_true(file >= 0);
    ssize_t length = read(file, out, capacity);
    close(file);
    assert_true(length >= 0);
    return (size_t)length;
}

static void write_file(const char *path, const void *octets, size_t length, mode_t mode)
{
    int file = __real_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(__real_write(file, octets, length), length);
    assert_int_equal(fchmod(file, mode), 0);
    close(file);
}

static void fill(void)
{
    struct store *store = opened();
    assert_int_equal(keep(store, 2, "alice", "keys of alice", 13), 0);
    assert_int_equal(keep(store, 1, "alice", "keys for alice", 14), 0);
    store_close(store);
}

/* ---- Tests ---- */

static void test_keeps(void **state)
{
    (void)state;
    struct store_secret secret;
    struct store *store = opened();
    assert_false(has(store, 2, "alice"));
    assert_int_equal(keep(store, 2, "alice", "one", 3), 0);
    assert_int_equal(keep(store, 2, "bob", "two", 3), 0);
    assert_int_equal(keep(store, 1, "alice", "three", 5), 0);
    assert_int_equal(keep(store, 2, "alice", "another", 7), 0);
    store_close(store);

    store = opened();
    assert_kept(store, 2, "alice", "another");
    assert_kept(store, 2, "bob", "two");
    assert_kept(store, 1, "alice", "three");
    assert_false(has(store, 1, "bob"));
    assert_false(has(store, 2, "alic"));
    assert_true(store_find(store, &secret, 2, 0, NULL, 0));
    assert_memory_equal(secret.key, "alice", 5);
    assert_true(store_find(store, &secret, 2, 1, NULL, 0));
    assert_memory_equal(secret.key, "bob", 3);
    assert_false(store_find(store, &secret, 2, 2, NULL, 0));
    assert_int_equal(keep(store, 2, "alice", NULL, 0), 0);
    store_close(store);

    store = opened();
    assert_false(has(store, 2, "alice"));
    assert_kept(store, 2, "bob", "two");
    store_close(store);
    assert_int_equal(count_files(), 1);
}

static void test_what_is_known_is_not_written_again(void **state)
{
    (void)state;
    fill();
    struct store *store = opened();
    writes = 0;
    assert_int_equal(keep(store, 2, "alice", "keys of alice", 13), 0);
    assert_int_equal(keep(store, 2, "nobody", NULL, 0), 0);
    assert_int_equal(writes, 0);
    assert_int_equal(keep(store, 2, "alice", "keys of Alice", 13), 0);
    assert_true(writes > 0);
    store_close(store);
}

static void test_only_the_owner_can_read(void **state)
{
    (void)state;
    struct stat status;
    mode_t before = umask(0);
    writes = open_writes = 0;
    fill();
    umask(before);
    assert_int_equal(stat(place(), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true(writes > 0);
    assert_int_equal(open_writes, 0);
}

static void test_too_much_is_refused(void **state)
{
    (void)state;
    static uint8_t much[UINT16_MAX + 1];
    fill();
    struct store *store = opened();
    assert_int_equal(keep(store, 2, "bob", much, sizeof much), BLUET_ENOMEM);
    int error = 0;
    for (int i = 0; i < 32 && !error; i++)
        error = keep(store, (uint8_t)(10 + i), "bob", much, UINT16_MAX);
    assert_int_equal(error, BLUET_ENOMEM);
    assert_kept(store, 2, "alice", "keys of alice");
    store_close(store);
    store_close(opened());
}

static void assert_damage(const uint8_t *octets, size_t length)
{
    uint8_t aside[512];
    write_file(place(), octets, length, 0600);
    assert_refused(BLUET_EIO, "is damaged; it is kept as ");
    assert_int_equal(access(place(), F_OK), -1);
    assert_int_equal(read_file(damaged(""), aside, sizeof aside), length);
    assert_memory_equal(aside, octets, length);
    assert_int_equal(unlink(damaged("")), 0);
}

static void test_every_damage_is_seen(void **state)
{
    (void)state;
    uint8_t good[512], bad[512];
    fill();
    size_t length = read_file(place(), good, sizeof good);
    for (size_t i = 0; i < length; i++) {
        memcpy(bad, good, length);
        bad[i] ^= 0x10;
        assert_damage(bad, length);
    }
    for (size_t shorter = 0; shorter < length; shorter++)
        assert_damage(good, shorter);
    memset(bad, 0, sizeof bad);
    assert_damage(bad, length);
    memcpy(bad, good, length);
    assert_damage(bad, length + 1);
}

static void test_damaged_ones_are_never_overwritten(void **state)
{
    (void)state;
    uint8_t aside[8];
    for (size_t length = 1; length <= 3; length++) {
        write_file(place(), "bluet ", length, 0600);
        assert_refused(BLUET_EIO, "is damaged");
    }
    assert_int_equal(read_file(damaged(""), aside, sizeof aside), 1);
    assert_int_equal(read_file(damaged(".2"), aside, sizeof aside), 2);
    assert_int_equal(read_file(damaged(".3"), aside, sizeof aside), 3);
    fill();
    store_close(opened());
    assert_int_equal(count_files(), 4);
}

static void test_what_is_no_store_is_left_alone(void **state)
{
    (void)state;
    uint8_t octets[64];
    write_file(place(), "dear diary, today", 17, 0600);
    assert_refused(BLUET_EIO, "is not a store");
    assert_int_equal(read_file(place(), octets, sizeof octets), 17);
    assert_int_equal(unlink(place()), 0);

    /* Version 2, with its checksum. */
    write_file(place(),
               "bluet secrets\n\2\0"
               "\x65\x22\x08\xb5",
               20, 0600);
    assert_refused(BLUET_EIO, "later version");
    assert_int_equal(read_file(place(), octets, sizeof octets), 20);
    assert_int_equal(unlink(place()), 0);

    assert_int_equal(mkdir(place(), 0700), 0);
    assert_refused(BLUET_EIO, "");
    assert_int_equal(rmdir(place()), 0);
    assert_int_equal(mkfifo(place(), 0600), 0);
    assert_refused(BLUET_EIO, "is not a file");
    assert_int_equal(count_files(), 1);
}

static void test_one_that_is_open_to_others_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602};
    fill();
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(place(), modes[i]), 0);
        assert_refused(BLUET_EIO, "chmod 600");
    }
    assert_int_equal(chmod(place(), 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(place(), 12345, (gid_t)-1), 0);
        assert_refused(BLUET_EIO, "belongs to another user");
        assert_int_equal(chown(place(), 0, (gid_t)-1), 0);
    }
    store_close(opened());
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    fill();
    struct store *store = opened();
    assert_refused(BLUET_EBUSY, "is in use by another radio");
    assert_int_equal(keep(store, 2, "bob", "one", 3), 0);
    assert_refused(BLUET_EBUSY, "is in use by another radio");

    pid_t child = fork();
    if (child == 0) {
        struct store *other = NULL;
        store_file_unlock(&store->file); /* what it has inherited */
        _exit(store_open(&other, place()) == BLUET_EBUSY ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    /* Who only looks may do so. */
    struct bluet_bond bonds[2];
    assert_int_equal(bluet_store_bonds(place(), bonds, 2), 0);
    store_close(store);
    store_close(opened());
}

static void test_links(void **state)
{
    (void)state;
    char target[128], draft[160];
    struct stat status;
    uint8_t octets[16];
    snprintf(target, sizeof target, "%s/target", support_folder);
    assert_int_equal(symlink(target, place()), 0);
    assert_refused(BLUET_EIO, "leads nowhere");

    assert_int_equal(unlink(place()), 0);
    fill();
    assert_int_equal(__real_rename(place(), target), 0);
    assert_int_equal(symlink(target, place()), 0);
    struct store *store = opened();
    assert_int_equal(keep(store, 2, "bob", "one", 3), 0);
    store_close(store);
    assert_int_equal(lstat(place(), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(unlink(place()), 0);
    assert_int_equal(__real_rename(target, place()), 0);

    /* Where the draft belongs stands something that would lead the secrets elsewhere. */
    snprintf(draft, sizeof draft, "%s.new", place());
    write_file(target, "untouched", 9, 0600);
    store = opened();
    assert_int_equal(symlink(target, draft), 0);
    assert_int_equal(keep(store, 2, "bob", "two", 3), 0);
    write_file(draft, "left over", 9, 0666);
    assert_int_equal(keep(store, 2, "bob", "three", 5), 0);
    assert_int_equal(stat(place(), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(link(target, draft), 0);
    assert_int_equal(keep(store, 2, "bob", "four", 4), 0);
    store_close(store);
    assert_int_equal(read_file(target, octets, sizeof octets), 9);
    assert_memory_equal(octets, "untouched", 9);
    assert_int_equal(count_files(), 2);
    store = opened();
    assert_kept(store, 2, "bob", "four");
    store_close(store);
}

static void test_a_folder_that_is_missing(void **state)
{
    (void)state;
    struct store *store = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/missing/bonds", support_folder);
    assert_int_equal(store_open(&store, path), BLUET_EIO);
    assert_non_null(strstr(bluet_runtime_message(), "its folder: No such file"));
    snprintf(path, sizeof path, "%s/missing/", support_folder);
    assert_int_equal(store_open(&store, path), BLUET_EIO);
    assert_int_equal(store_open(&store, ""), BLUET_EIO);
}

/* Longer than a path may be, but leading somewhere when the dots are taken out. */
static void test_long_paths(void **state)
{
    (void)state;
    for (size_t folder = PATH_MAX - 4; folder < PATH_MAX + 4; folder++) {
        struct store *store = NULL;
        char path[PATH_MAX + 64];
        size_t length = (size_t)snprintf(path, sizeof path, "%s/", support_folder);
        for (; length < folder; length++)
            path[length] = (folder - length) % 2 ? '/' : '.';
        snprintf(path + length, sizeof path - length, "bonds");
        int error = store_open(&store, path);
        assert_true(error == 0 || error == BLUET_EIO);
        if (!error)
            store_close(store);
        unlink(place());
    }
}

/* ---- Each system call refused in turn ---- */

static void test_calls_that_fail_leave_all_as_it_was(void **state)
{
    (void)state;
    fill();
    long n = 0;
    unsigned failures = 0;
    do {
        char value[16];
        struct store *store = opened();
        int length = snprintf(value, sizeof value, "value %ld", n);
        countdown = n;
        refused = false;
        int error = keep(store, 2, "bob", value, (size_t)length);
        countdown = -1;
        if (error) {
            failures++;
            assert_int_equal(error, BLUET_EIO);
            assert_non_null(strstr(bluet_runtime_message(), "No space left"));
        } else {
            assert_kept(store, 2, "bob", value);
        }
        assert_int_equal(count_files(), 1);
        store_close(store);
        store = opened();
        if (!error)
            assert_kept(store, 2, "bob", value);
        assert_kept(store, 2, "alice", "keys of alice");
        assert_kept(store, 1, "alice", "keys for alice");
        store_close(store);
        n++;
    } while (refused);
    assert_true(failures >= 5);
}

static void test_a_deletion_is_not_undone(void **state)
{
    (void)state;
    fill();
    struct store *store = opened();
    countdown = 0;
    assert_int_equal(keep(store, 2, "alice", NULL, 0), BLUET_EIO);
    assert_false(has(store, 2, "alice"));
    countdown = 0;
    assert_int_equal(keep(store, 2, "alice", NULL, 0), BLUET_EIO);
    assert_int_equal(keep(store, 2, "alice", NULL, 0), 0);
    store_close(store);
    store = opened();
    assert_false(has(store, 2, "alice"));
    assert_kept(store, 1, "alice", "keys for alice");
    store_close(store);
}

static void test_a_place_that_cannot_be_written_at_first(void **state)
{
    (void)state;
    struct store *store = NULL;
    countdown = 1; /* the file is not there: then the draft cannot be made */
    assert_int_equal(store_open(&store, place()), 0);
    assert_true(refused);
    assert_int_equal(count_files(), 0);
    assert_int_equal(keep(store, 2, "bob", "one", 3), 0);
    assert_kept(store, 2, "bob", "one");
    assert_refused(BLUET_EBUSY, "is in use");
    store_close(store);

    assert_int_equal(unlink(place()), 0);
    countdown = 1;
    assert_int_equal(store_open(&store, place()), 0);
    struct store *other = opened();
    assert_int_equal(keep(store, 2, "bob", "two", 3), BLUET_EBUSY);
    assert_int_equal(keep(other, 2, "bob", "three", 5), 0);
    store_close(store);
    store_close(other);
    store = opened();
    assert_kept(store, 2, "bob", "three");
    store_close(store);
    assert_int_equal(count_files(), 1);
}

/* ---- Killed ---- */

enum { KILLS = 300, VALUE_LARGEST = 3000 };

/* The value says how long it is and of what. */
static size_t make_value(uint8_t *out, uint32_t number)
{
    size_t length = 4 + number * 7919 % (VALUE_LARGEST - 4);
    memcpy(out, &number, 4);
    memset(out + 4, (int)number, length - 4);
    return length;
}

static void write_for_ever(uint32_t number)
{
    static uint8_t value[VALUE_LARGEST];
    struct store *store = NULL;
    if (store_open(&store, place()))
        _exit(1);
    for (;; number++)
        if (keep(store, 2, "alice", value, make_value(value, number)))
            _exit(2);
}

static uint32_t read_number(void)
{
    static uint8_t value[VALUE_LARGEST];
    uint32_t number = 0;
    struct store_secret secret;
    struct store *store = opened();
    if (store_find(store, &secret, 2, 0, (const uint8_t *)"alice", 5)) {
        memcpy(&number, secret.value, 4);
        assert_int_equal(secret.value_length, make_value(value, number));
        assert_memory_equal(secret.value, value, secret.value_length);
    }
    store_close(store);
    return number;
}

static void test_killed_at_any_moment(void **state)
{
    (void)state;
    uint32_t number = 0, drafts = 0;
    char draft[160];
    snprintf(draft, sizeof draft, "%s.new", place());
    srand(1);
    uint64_t end = support_now() + SUPPORT_PATIENCE;
    /* They have to write, and some of them to die over it, however slow the machine is. */
    for (int i = 0; i < KILLS || ((number <= KILLS / 10 || !drafts) && support_now() < end); i++) {
        pid_t child = fork();
        if (child == 0)
            write_for_ever(number + 1);
        const struct timespec pause = {0, 300000 + rand() % 4000000};
        nanosleep(&pause, NULL);
        int status;
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        drafts += access(draft, F_OK) == 0;
        uint32_t now = read_number();
        assert_true(now >= number);
        assert_int_equal(count_files(), 1);
        number = now;
    }
    assert_true(number > KILLS / 10);
    assert_true(drafts > 0);
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
    countdown = -1;
    support_remove_folder();
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keeps),
        TEST(test_what_is_known_is_not_written_again),
        TEST(test_only_the_owner_can_read),
        TEST(test_too_much_is_refused),
        TEST(test_every_damage_is_seen),
        TEST(test_damaged_ones_are_never_overwritten),
        TEST(test_what_is_no_store_is_left_alone),
        TEST(test_one_that_is_open_to_others_is_refused),
        TEST(test_one_at_a_time),
        TEST(test_links),
        TEST(test_a_folder_that_is_missing),
        TEST(test_long_paths),
        TEST(test_calls_that_fail_leave_all_as_it_was),
        TEST(test_a_deletion_is_not_undone),
        TEST(test_a_place_that_cannot_be_written_at_first),
        TEST(test_killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
