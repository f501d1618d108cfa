/* The user channel of Linux, with sockets that are made here in the kernel's place. */
/* wrap: socket bind ioctl */
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/h4.h"
#include "runtime/radio.h"
#include "runtime/socket.h"
#include "runtime/user_channel.h"

int __real_socket(int family, int kind, int protocol);
int __real_bind(int descriptor, const struct sockaddr *address, socklen_t length);
int __wrap_socket(int family, int kind, int protocol);
int __wrap_bind(int descriptor, const struct sockaddr *address, socklen_t length);
int __wrap_ioctl(int descriptor, unsigned long request, void *argument);

/* The kernel: what it refuses, and the far end of the channel that it has given. */
static struct {
    int socket_error, bind_error;
    atomic_int far; /* -1: none */
    uint16_t bound[3];
    pthread_t thread;
    atomic_bool stop;
    atomic_uint badly_cut; /* packets that were not one to a message */
} kernel = {.far = -1};
static struct wire wire;
static atomic_uint inactive;

int __wrap_socket(int family, int kind, int protocol)
{
    int ends[2];
    if (family != AF_BLUETOOTH)
        return __real_socket(family, kind, protocol);
    assert_int_equal(kind & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), SOCK_RAW);
    assert_int_equal(protocol, 1);
    errno = kernel.socket_error;
    if (errno)
        return -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    int former = atomic_exchange(&kernel.far, ends[1]);
    if (former >= 0)
        close(former);
    return ends[0];
}

int __wrap_bind(int descriptor, const struct sockaddr *address, socklen_t length)
{
    if (address->sa_family != AF_BLUETOOTH)
        return __real_bind(descriptor, address, length);
    assert_int_equal(length, sizeof kernel.bound);
    memcpy(kernel.bound, address, sizeof kernel.bound);
    errno = kernel.bind_error;
    return errno ? -1 : 0;
}

/* Two interfaces, hci0 up and hci3 down; the layout of struct hci_dev_list_req. */
int __wrap_ioctl(int descriptor, unsigned long request, void *argument)
{
    const uint16_t count = 2, numbers[] = {0, 3};
    const uint32_t flags[] = {5, 4};
    (void)descriptor;
    assert_int_equal(request, 0x800448d2);
    memcpy(argument, &count, 2);
    for (size_t i = 0; i < count; i++) {
        memcpy((uint8_t *)argument + 4 + 8 * i, &numbers[i], 2);
        memcpy((uint8_t *)argument + 8 + 8 * i, &flags[i], 4);
    }
    return 0;
}

/* ---- The controller behind it ---- */

static void to_controller(int far, int controller)
{
    uint8_t packet[2048];
    ssize_t length = recv(far, packet, sizeof packet, MSG_DONTWAIT);
    if (length <= 0)
        return;
    if (h4_packet_length(packet, (size_t)length) != (size_t)length)
        atomic_fetch_add(&kernel.badly_cut, 1);
    for (ssize_t sent = 0; sent < length;) {
        struct pollfd room = {controller, POLLOUT, 0};
        poll(&room, 1, 100);
        ssize_t now = send(controller, packet + sent, (size_t)(length - sent), MSG_NOSIGNAL);
        if (now < 0 && errno != EAGAIN)
            return;
        sent += now > 0 ? now : 0;
    }
}

static void from_controller(int far, int controller, struct h4_framer *framer)
{
    size_t room, length;
    const uint8_t *packet;
    uint8_t *space = h4_space(framer, &room);
    ssize_t octets = recv(controller, space, room, MSG_DONTWAIT);
    if (octets > 0)
        h4_filled(framer, (size_t)octets);
    while (h4_next(framer, &packet, &length) > 0)
        send(far, packet, length, MSG_NOSIGNAL);
}

static void *serve(void *context)
{
    struct h4_framer framer;
    int controller = socket_connect_unix(wire.path, NULL);
    (void)context;
    if (h4_framer_create(&framer, 4096, H4_FROM_CONTROLLER))
        abort();
    while (!atomic_load(&kernel.stop)) {
        int far = atomic_load(&kernel.far);
        struct pollfd ends[] = {{far, POLLIN, 0}, {controller, POLLIN, 0}};
        poll(ends, 2, 1);
        if (ends[0].revents & POLLIN)
            to_controller(far, controller);
        if (ends[1].revents & POLLIN)
            from_controller(far, controller, &framer);
        if (ends[0].revents & POLLHUP)
            support_sleep(1);
    }
    h4_framer_free(&framer);
    close(controller);
    return NULL;
}

static void hang_up(void)
{
    atomic_store(&kernel.stop, true);
    pthread_join(kernel.thread, NULL);
    close(atomic_exchange(&kernel.far, -1));
}

static void plug_in(void)
{
    atomic_store(&kernel.stop, false);
    assert_int_equal(pthread_create(&kernel.thread, NULL, serve, NULL), 0);
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)context, (void)host;
    if (event->code == BLUET_EVENT_INACTIVE)
        atomic_fetch_add(&inactive, 1);
    return 0;
}

static bool is_inactive(void *context)
{
    (void)context;
    return atomic_load(&inactive) > 0;
}

static int activate(struct bluet_radio *radio)
{
    return bluet_radio_wait(radio, bluet_radio_activate(radio), NULL, NULL);
}

/* ---- Tests ---- */

static void test_controller(void **state)
{
    (void)state;
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    atomic_store(&inactive, 0);
    wire_start(&wire, "wire");
    plug_in();
    assert_int_equal(bluet_runtime_create(&runtime, &(struct bluet_runtime_config){0}), 0);
    const struct bluet_radio_config config = {.transport = "hci:3", .host.handler = on_event};
    assert_int_equal(bluet_radio_create(&radio, runtime, &config), 0);
    assert_int_equal(bluet_runtime_start(runtime), 0);
    assert_int_equal(activate(radio), 0);
    const uint16_t bound[] = {AF_BLUETOOTH, 3, 1};
    assert_memory_equal(kernel.bound, bound, sizeof bound);

    /* What the socket does not take at once goes out packet by packet too. */
    static const uint8_t packet[105] = {0x02, 0x40, 0x00, 100, 0};
    const struct bluet_span spans[] = {{packet, 5}, {packet + 5, 100}};
    bluet_runtime_lock(runtime);
    unsigned before = atomic_load(&wire.packets);
    for (unsigned i = 0; i < 3000; i++)
        radio->wire->send(radio, spans, 2);
    assert_true(queue_length(&radio->output) > 0);
    bluet_runtime_unlock(runtime);
    for (unsigned i = 0; i < SUPPORT_PATIENCE && atomic_load(&wire.packets) < before + 3000; i++)
        support_sleep(1);
    assert_int_equal(atomic_load(&wire.packets), before + 3000);
    assert_int_equal(atomic_load(&kernel.badly_cut), 0);

    hang_up();
    assert_true(support_until(runtime, is_inactive, NULL, SUPPORT_PATIENCE));
    assert_non_null(strstr(radio->message, "hci:3: the kernel has taken it away"));
    support_sleep(50);
    plug_in();
    assert_int_equal(activate(radio), 0);
    bluet_runtime_destroy(runtime);
    hang_up();
    wire_stop(&wire);
}

static void refuse(const char *words)
{
    struct carrier carrier;
    assert_int_equal(user_channel_open("0", &carrier), BLUET_ENODEV);
    if (!strstr(bluet_runtime_message(), words))
        fail_msg("\"%s\" lacks \"%s\"", bluet_runtime_message(), words);
}

static void test_what_is_said_of_refusals(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *words;
    } sockets[] = {{EAFNOSUPPORT, "modprobe bluetooth"}, {EPERM, "containers"}, {EMFILE, "Too many open files"}},
      binds[] = {{ENODEV, "there is no hci0"},         {EPERM, "setcap cap_net_admin"}, {EBUSY, "hciconfig hci0 down"},
                 {EUSERS, "another program has hci0"}, {ERFKILL, "rfkill unblock"},     {EINVAL, "Invalid argument"}};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        kernel.socket_error = sockets[i].error;
        refuse(sockets[i].words);
    }
    kernel.socket_error = 0;
    for (size_t i = 0; i < sizeof binds / sizeof binds[0]; i++) {
        kernel.bind_error = binds[i].error;
        refuse(binds[i].words);
    }
    kernel.bind_error = 0;
    close(atomic_exchange(&kernel.far, -1));
}

static void test_list(void **state)
{
    (void)state;
    struct user_channel_interface found[4];
    assert_int_equal(user_channel_list(found, 4), 2);
    assert_int_equal(found[0].number, 0);
    assert_true(found[0].up);
    assert_int_equal(found[1].number, 3);
    assert_false(found[1].up);
    assert_int_equal(user_channel_list(found, 1), 1);
    kernel.socket_error = EAFNOSUPPORT;
    assert_int_equal(user_channel_list(found, 4), 0);
    kernel.socket_error = 0;
    close(atomic_exchange(&kernel.far, -1));
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
        cmocka_unit_test(test_what_is_said_of_refusals),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_controller),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
