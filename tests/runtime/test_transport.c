/* Transports by name: which there are, what is wrong with the others, and what is said when nobody is there. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/air_place.h"
#include "runtime/socket.h"
#include "runtime/transport.h"

static void refuse(const char *name, const char *words)
{
    struct transport transport;
    assert_int_equal(transport_create(&transport, name), BLUET_EINVAL);
    if (!strstr(bluet_runtime_message(), words))
        fail_msg("%s: \"%s\" lacks \"%s\"", name, bluet_runtime_message(), words);
}

static void test_names_that_make_no_sense(void **state)
{
    (void)state;
    char long_path[200] = "unix:/tmp/";
    memset(long_path + strlen(long_path), 'x', 150);
    long_path[160] = '\0';

    refuse("ubs:0", "there are air, air:NAME, unix:PATH, tcp:HOST:PORT, hci:N, "
                    "serial:DEVICE[,BAUD][,rtscts], usb:N, usb:VID:PID");
    refuse("ai", "no transport is named 'ai'");
    refuse("airy", "no transport is named 'airy'");
    refuse("unix", "needs the path");
    refuse("unix:", "needs the path");
    refuse(long_path, "choose a shorter one");
    refuse("tcp", "not HOST:PORT");
    refuse("tcp:localhost", "not HOST:PORT");
    refuse("tcp:localhost:", "not HOST:PORT");
    refuse("tcp::9000", "not HOST:PORT");
    refuse("tcp:localhost:http", "not a port");
    refuse("tcp:localhost:0", "not a port");
    refuse("tcp:localhost:65536", "not a port");
    refuse("hci", "needs the number of an interface");
    refuse("hci:", "needs the number of an interface");
    refuse("hci:x", "needs the number of an interface");
    refuse("hci:0x", "needs the number of an interface");
    refuse("hci:65535", "needs the number of an interface");
    refuse("usb", "needs a device");
    refuse("usb:", "needs a device");
    refuse("usb:256", "needs a device");
    refuse("usb:0a12", "needs a device");
    refuse("usb:0a12:", "needs a device");
    refuse("usb:0a12:10000", "needs a device");
    refuse("usb:0a12:0001:3", "needs a device");
    refuse("usb:-1", "needs a device");
    refuse("serial:/dev/ttyUSB0,0", "a speed of a serial line");
    refuse("air:", "name of an air");
    refuse("air:../../etc/passwd", "name of an air");
    refuse("air:.hidden", "name of an air");
}

static void refuse_open(const char *name, const char *words)
{
    struct transport transport;
    assert_int_equal(transport_create(&transport, name), 0);
    struct carrier carrier;
    assert_int_equal(transport_open(&transport, &carrier), BLUET_ENODEV);
    if (!strstr(bluet_runtime_message(), words))
        fail_msg("%s: \"%s\" lacks \"%s\"", name, bluet_runtime_message(), words);
    transport_free(&transport);
}

static void test_nobody_there(void **state)
{
    (void)state;
    char name[200];
    snprintf(name, sizeof name, "unix:%s", support_path("nothing"));
    refuse_open(name, "No such file");
    refuse_open("tcp:127.0.0.1:1", "nobody listens");
    refuse_open("tcp:[::1]:1", "cannot connect");
    refuse_open("tcp:no.such.host.invalid:9000", "cannot find no.such.host.invalid:9000");

    int listener = socket_listen_unix(support_path("left"));
    assert_true(listener >= 0);
    close(listener);
    snprintf(name, sizeof name, "unix:%s", support_path("left"));
    refuse_open(name, "whoever served it has gone");
}

static void test_environment_chooses(void **state)
{
    (void)state;
    struct transport transport;
    assert_int_equal(transport_create(&transport, NULL), 0);
    assert_string_equal(transport.name, "air");
    transport_free(&transport);

    setenv("BLUET_TRANSPORT", "tcp:localhost:1", 1);
    assert_int_equal(transport_create(&transport, NULL), 0);
    assert_string_equal(transport.name, "tcp:localhost:1");
    transport_free(&transport);

    assert_int_equal(transport_create(&transport, "unix:/x"), 0);
    assert_string_equal(transport.name, "unix:/x");
    transport_free(&transport);

    setenv("BLUET_TRANSPORT", "nonsense", 1);
    assert_int_equal(transport_create(&transport, NULL), BLUET_EINVAL);
    unsetenv("BLUET_TRANSPORT");
}

static void test_unix_socket_left_by_the_dead_is_replaced(void **state)
{
    (void)state;
    int first = socket_listen_unix(support_path("again"));
    assert_true(first >= 0);
    assert_int_equal(socket_listen_unix(support_path("again")), BLUET_EIO); /* it is alive */
    assert_non_null(strstr(bluet_runtime_message(), "Address already in use"));
    close(first);
    int second = socket_listen_unix(support_path("again"));
    assert_true(second >= 0);

    socket_remove_unix(support_path("again"));
    assert_int_equal(access(support_path("again"), F_OK), 0); /* alive: kept */
    close(second);
    socket_remove_unix(support_path("again"));
    assert_int_not_equal(access(support_path("again"), F_OK), 0);
}

static void test_unusable_runtime_folder(void **state)
{
    (void)state;
    struct air_place place;
    setenv("XDG_RUNTIME_DIR", support_path("none/there"), 1);
    assert_int_equal(air_place_enter(&place, "air"), BLUET_EIO);
    assert_non_null(strstr(bluet_runtime_message(), "none/there/bluet: No such file"));
    assert_non_null(strstr(bluet_runtime_message(), "XDG_RUNTIME_DIR"));
    refuse_open("air", "XDG_RUNTIME_DIR");

    /* Also for root, who may write everywhere: a file is no folder. */
    int file = open(support_path("file"), O_CREAT | O_WRONLY, 0600);
    close(file);
    setenv("XDG_RUNTIME_DIR", support_path("file"), 1);
    assert_int_equal(air_place_enter(&place, "air"), BLUET_EIO);
    setenv("XDG_RUNTIME_DIR", "/proc/self", 1);
    assert_int_equal(air_place_enter(&place, "air"), BLUET_EIO);

    char deep[90];
    memset(deep, 'd', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(mkdir(support_path(deep), 0700), 0);
    setenv("XDG_RUNTIME_DIR", support_path(deep), 1);
    assert_int_equal(air_place_enter(&place, "air"), BLUET_EINVAL);
    assert_non_null(strstr(bluet_runtime_message(), "choose a shorter one"));
    char inner[160];
    snprintf(inner, sizeof inner, "%s/bluet", support_path(deep));
    rmdir(inner);
    setenv("XDG_RUNTIME_DIR", support_folder, 1);
}

static void test_place_is_locked(void **state)
{
    (void)state;
    struct air_place place, other;
    assert_int_equal(air_place_enter(&place, "one"), 0);
    assert_int_equal(air_place_enter(&other, "two"), 0);
    air_place_leave(&other);
    air_place_leave(&place);
    assert_int_equal(air_place_enter(&place, "one"), 0);
    air_place_leave(&place);
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
        cmocka_unit_test(test_names_that_make_no_sense),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_environment_chooses),
        cmocka_unit_test(test_unix_socket_left_by_the_dead_is_replaced),
        cmocka_unit_test(test_unusable_runtime_folder),
        cmocka_unit_test(test_place_is_locked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
