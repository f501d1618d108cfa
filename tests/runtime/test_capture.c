/* Captures: the octets of a btsnoop file, and that the programs which read them find nothing wrong. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/capture.h"

static const uint8_t reset[] = {0x01, 0x03, 0x0c, 0x00};
static const uint8_t answer[] = {0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00};

static size_t read_file(const char *path, uint8_t *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(out, 1, size, file);
    fclose(file);
    return length;
}

static void write_some(const char *path)
{
    struct capture capture = {-1};
    assert_int_equal(capture_open(&capture, path), 0);
    const struct bluet_span command[] = {{reset, 1}, {reset + 1, 3}};
    const struct bluet_span event[] = {{answer, sizeof answer}};
    capture_packet(&capture, 1000000, false, command, 2);
    capture_packet(&capture, 1000001, true, event, 1);
    assert_true(capture_is_open(&capture));
    capture_close(&capture);
    assert_false(capture_is_open(&capture));
    capture_packet(&capture, 1000002, true, event, 1); /* after the end: nothing */
}

static const char expected[] = "btsnoop\0\0\0\0\1\0\0\x03\xea"
                               /* length twice, sent and a command, no drops, a second after 1970 */
                               "\0\0\0\4\0\0\0\4\0\0\0\2\0\0\0\0\x00\xdc\xdd\xb3\x0f\x3e\xc2\x40"
                               "\x01\x03\x0c\x00"
                               /* length twice, received and an event, no drops, a microsecond later */
                               "\0\0\0\7\0\0\0\7\0\0\0\3\0\0\0\0\x00\xdc\xdd\xb3\x0f\x3e\xc2\x41"
                               "\x04\x0e\x04\x01\x03\x0c\x00";

static void test_octets(void **state)
{
    (void)state;
    uint8_t found[256];
    write_some(support_path("octets.btsnoop"));
    assert_int_equal(read_file(support_path("octets.btsnoop"), found, sizeof found), sizeof expected - 1);
    assert_memory_equal(found, expected, sizeof expected - 1);
    write_some(support_path("octets.btsnoop")); /* replaces, does not append */
    assert_int_equal(read_file(support_path("octets.btsnoop"), found, sizeof found), sizeof expected - 1);
}

static bool is_installed(const char *program)
{
    char path[300];
    const char *folders = getenv("PATH");
    for (const char *folder = folders ? folders : ""; *folder;
         folder += strcspn(folder, ":"), folder += *folder == ':') {
        snprintf(path, sizeof path, "%.*s/%s", (int)strcspn(folder, ":"), folder, program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static void expect_output(const char *command, const char *words)
{
    char output[8192];
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = fread(output, 1, sizeof output - 1, pipe);
    output[length] = '\0';
    assert_int_equal(pclose(pipe), 0);
    if (!strstr(output, words))
        fail_msg("%s: no \"%s\" in:\n%s", command, words, output);
    assert_null(strstr(output, "Malformed"));
}

static void test_readers(void **state)
{
    (void)state;
    char command[300];
    write_some(support_path("readers.btsnoop"));
    if (!is_installed("btmon") && !is_installed("tshark"))
        skip();
    if (is_installed("btmon")) {
        snprintf(command, sizeof command, "btmon -r %s 2>&1", support_path("readers.btsnoop"));
        expect_output(command, "HCI Command: Reset");
        expect_output(command, "HCI Event: Command Complete");
    }
    if (is_installed("tshark")) {
        snprintf(command, sizeof command, "tshark -r %s 2>/dev/null", support_path("readers.btsnoop"));
        expect_output(command, "Sent Reset");
        expect_output(command, "Rcvd Command Complete (Reset)");
    }
}

static void test_unwritable(void **state)
{
    (void)state;
    struct capture capture = {-1};
    assert_int_equal(capture_open(&capture, support_path("no/such/folder")), BLUET_EIO);
    assert_false(capture_is_open(&capture));
    assert_non_null(strstr(bluet_runtime_message(), "no/such/folder: No such file"));
}

static void test_full_disk_ends_it(void **state)
{
    (void)state;
    struct capture capture = {-1};
    if (access("/dev/full", W_OK) < 0)
        skip();
    assert_int_equal(capture_open(&capture, "/dev/full"), BLUET_EIO);
    assert_non_null(strstr(bluet_runtime_message(), "No space left"));
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
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_full_disk_ends_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
