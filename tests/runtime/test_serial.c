/* Serial lines, as pseudo-terminals: names, what is refused, noise on the line, and its end. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/radio.h"
#include "runtime/serial.h"
#include "runtime/socket.h"

/* A line whose other end is the controller of a wire: octets are passed on, both ways. */
struct line {
    int master;
    char path[64];
    pthread_t thread;
    atomic_bool stop;
    atomic_bool noisy; /* noise comes before what the controller says first */
};

static struct wire wire;
static struct line line;
static atomic_uint inactive;

static const uint8_t noise[] = {0x00, 0xff, 0x04, 0x3e, 0x2b, 0x02, 0x01, 0x04, 0x0e, 0x04, 0x01, 0x05, 0x20, 0x00};

static bool pass(int from, int to)
{
    uint8_t octets[512];
    ssize_t length = read(from, octets, sizeof octets);
    if (length <= 0)
        return length < 0 && (errno == EAGAIN || errno == EIO); /* EIO: nobody has the line open */
    for (ssize_t sent = 0, now; sent<length; sent += now> 0 ? now : 0) {
        now = write(to, octets + sent, (size_t)(length - sent));
        if (now < 0 && errno != EAGAIN)
            return false;
    }
    return true;
}

static void *bridge(void *context)
{
    int controller = socket_connect_unix(wire.path, NULL);
    (void)context;
    while (!atomic_load(&line.stop)) {
        struct pollfd ends[] = {{line.master, POLLIN, 0}, {controller, POLLIN, 0}};
        poll(ends, 2, 1);
        if (ends[0].revents && !pass(line.master, controller))
            break;
        if (ends[1].revents && atomic_exchange(&line.noisy, false))
            assert_int_equal(write(line.master, noise, sizeof noise), sizeof noise);
        if (ends[1].revents && !pass(controller, line.master))
            break;
        if (ends[0].revents & POLLHUP)
            support_sleep(1);
    }
    close(controller);
    return NULL;
}

static void line_start(void)
{
    int slave;
    wire_start(&wire, "wire");
    assert_int_equal(openpty(&line.master, &slave, line.path, NULL, NULL), 0);
    fcntl(line.master, F_SETFL, O_NONBLOCK);
    close(slave);
    atomic_store(&line.stop, false);
    assert_int_equal(pthread_create(&line.thread, NULL, bridge, NULL), 0);
}

static void line_stop(void)
{
    atomic_store(&line.stop, true);
    pthread_join(line.thread, NULL);
    if (line.master >= 0)
        close(line.master);
    wire_stop(&wire);
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)context, (void)host;
    if (event->code == BLUET_EVENT_INACTIVE)
        atomic_fetch_add(&inactive, 1);
    return 0;
}

static struct bluet_radio *make_radio(struct bluet_runtime **out_runtime, const char *options)
{
    char transport[128];
    struct bluet_radio *radio;
    snprintf(transport, sizeof transport, "serial:%s%s", line.path, options);
    atomic_store(&inactive, 0);
    assert_int_equal(bluet_runtime_create(out_runtime, &(struct bluet_runtime_config){0}), 0);
    const struct bluet_radio_config config = {.transport = transport, .host.handler = on_event};
    assert_int_equal(bluet_radio_create(&radio, *out_runtime, &config), 0);
    assert_int_equal(bluet_runtime_start(*out_runtime), 0);
    return radio;
}

static int activate(struct bluet_radio *radio)
{
    return bluet_radio_wait(radio, bluet_radio_activate(radio), NULL, NULL);
}

/* ---- Names ---- */

static void refuse(const char *argument, const char *words)
{
    assert_int_equal(serial_check(argument), BLUET_EINVAL);
    if (!strstr(bluet_runtime_message(), words))
        fail_msg("%s: \"%s\" lacks \"%s\"", argument ? argument : "", bluet_runtime_message(), words);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(serial_check("/dev/ttyUSB0"), 0);
    assert_int_equal(serial_check("/dev/ttyUSB0,1000000,rtscts"), 0);
    assert_int_equal(serial_check("/dev/ttyUSB0,rtscts,9600"), 0);
    refuse(NULL, "needs the path of a device");
    refuse("", "needs the path of a device");
    refuse(",115200", "needs the path of a device");
    refuse("/dev/ttyUSB0,", "'' is neither");
    refuse("/dev/ttyUSB0,fast", "'fast' is neither 'rtscts' nor a speed");
    refuse("/dev/ttyUSB0,115201", "'115201' is neither");
    refuse("/dev/ttyUSB0,115200,then=3000000", "'then=3000000' is neither");
    refuse("/dev/ttyUSB0,115200 ,rtscts", "'115200 ' is neither");
}

static void refuse_open(const char *argument, const char *words)
{
    struct carrier carrier;
    assert_int_equal(serial_open(argument, &carrier), BLUET_ENODEV);
    if (!strstr(bluet_runtime_message(), words))
        fail_msg("%s: \"%s\" lacks \"%s\"", argument, bluet_runtime_message(), words);
}

static void test_what_is_no_line(void **state)
{
    (void)state;
    refuse_open("/dev/ttyNOWHERE", "/dev/ttyNOWHERE: No such file or directory: is it plugged in?");
    refuse_open("/dev/null", "/dev/null is not a serial line");
}

static void test_line_in_use(void **state)
{
    (void)state;
    struct carrier first, second;
    int master, slave;
    char path[64];
    struct termios settings;
    assert_int_equal(openpty(&master, &slave, path, NULL, NULL), 0);
    char argument[80];
    snprintf(argument, sizeof argument, "%s,1000000,rtscts", path);
    assert_int_equal(serial_open(argument, &first), 0);
    assert_int_equal(tcgetattr(slave, &settings), 0);
    assert_int_equal(cfgetospeed(&settings), B1000000);
    assert_true(settings.c_cflag & CRTSCTS);
    assert_false(settings.c_lflag & (ICANON | ECHO | ISIG));
    refuse_open(path, "it is in use: another program uses it");
    first.kind->close(&first);
    assert_int_equal(serial_open(path, &second), 0);
    assert_int_equal(tcgetattr(slave, &settings), 0);
    assert_int_equal(cfgetospeed(&settings), B115200);
    assert_false(settings.c_cflag & CRTSCTS);
    second.kind->close(&second);

    int discipline = N_SLIP;
    if (ioctl(slave, TIOCSETD, &discipline) == 0)
        refuse_open(path, "the kernel uses");
    close(slave);
    close(master);
}

/* ---- Life ---- */

static void test_controller_behind_a_line(void **state)
{
    (void)state;
    struct bluet_runtime *runtime;
    line_start();
    struct bluet_radio *radio = make_radio(&runtime, ",3000000,rtscts");
    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&line.noisy, i == 1); /* it was joined while the controller was talking */
        assert_int_equal(activate(radio), 0);
        bluet_runtime_lock(runtime);
        assert_int_equal(bluet_radio_wait(radio, bluet_deactivate(bluet_radio_host(radio)), NULL, NULL), 0);
        bluet_runtime_unlock(runtime);
    }
    bluet_runtime_destroy(runtime);
    line_stop();
}

static bool is_inactive(void *context)
{
    (void)context;
    return atomic_load(&inactive) > 0;
}

static void expect_loss(struct bluet_radio *radio, const char *words)
{
    assert_true(support_until(bluet_radio_runtime(radio), is_inactive, NULL, SUPPORT_PATIENCE));
    assert_false(bluet_is_active(bluet_radio_host(radio)));
    atomic_store(&inactive, 0);
    if (!strstr(radio->message, words))
        fail_msg("\"%s\" lacks \"%s\"", radio->message, words);
}

static void test_noise_and_the_end(void **state)
{
    (void)state;
    struct bluet_runtime *runtime;
    line_start();
    struct bluet_radio *radio = make_radio(&runtime, "");
    assert_int_equal(activate(radio), 0);
    wire_inject(&wire, "\x99", 1);
    expect_loss(radio, "octet 0x99 where an HCI packet should begin");
    assert_non_null(strstr(radio->message, "check the speed"));
    assert_int_equal(activate(radio), 0); /* in step again */

    /* Octets that never make sense, as of a wrong speed. */
    bluet_runtime_lock(runtime);
    bluet_radio_wait(radio, bluet_deactivate(bluet_radio_host(radio)), NULL, NULL);
    bluet_runtime_unlock(runtime);
    atomic_store(&wire.mute, true);
    int ticket = bluet_radio_activate(radio);
    support_sleep(100);
    wire_inject(&wire, noise, sizeof noise);
    assert_int_equal(bluet_radio_wait(radio, ticket, NULL, NULL), BLUET_ETIMEDOUT);
    assert_non_null(strstr(bluet_runtime_message(), "says something, but does not answer: check the speed"));
    atomic_store(&wire.mute, false);
    assert_int_equal(activate(radio), 0);

    atomic_store(&line.stop, true);
    support_sleep(50);
    close(line.master);
    line.master = -1;
    expect_loss(radio, "the line has been hung up");
    assert_int_equal(bluet_radio_activate(radio), BLUET_ENODEV);
    assert_non_null(strstr(bluet_runtime_message(), "is it plugged in?"));
    bluet_runtime_destroy(runtime);
    line_stop();
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
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_no_line),
        cmocka_unit_test(test_line_in_use),
        cmocka_unit_test(test_controller_behind_a_line),
        cmocka_unit_test(test_noise_and_the_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
