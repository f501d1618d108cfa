/* Controllers on USB, on a libusb that is not there: finding, packets, refusals, a device that is pulled out. */
/* wrap: libusb_init libusb_exit libusb_get_device_list libusb_free_device_list libusb_get_device_descriptor */
/* wrap: libusb_get_active_config_descriptor libusb_free_config_descriptor libusb_get_bus_number */
/* wrap: libusb_get_device_address libusb_open libusb_close libusb_get_string_descriptor_ascii */
/* wrap: libusb_set_auto_detach_kernel_driver libusb_claim_interface libusb_release_interface libusb_alloc_transfer */
/* wrap: libusb_free_transfer libusb_submit_transfer libusb_cancel_transfer libusb_get_pollfds libusb_free_pollfds */
/* wrap: libusb_handle_events_timeout_completed libusb_set_pollfd_notifiers */
#include "support.h"

#include <errno.h>
#include <libusb.h>
#include <poll.h>
#include <string.h>

#include "fake_usb.h"
#include "runtime/radio.h"
#include "runtime/usb.h"

static atomic_uint inactive;

static void expect_nothing_kept(void)
{
    assert_int_equal(fake_usb.contexts, 0);
    assert_int_equal(fake_usb.handles, 0);
    assert_int_equal(fake_usb.claims, 0);
    assert_int_equal(fake_usb.transfers, 0);
}

static void refuse(const char *argument, const char *words)
{
    struct carrier carrier;
    assert_int_equal(usb_open(argument, &carrier), BLUET_ENODEV);
    if (!strstr(bluet_runtime_message(), words))
        fail_msg("%s: \"%s\" lacks \"%s\"", argument, bluet_runtime_message(), words);
    expect_nothing_kept();
}

static void test_refusals(void **state)
{
    (void)state;
    fake_usb_start();
    refuse("1", "there is no usb:1: 1 devices for Bluetooth");
    refuse("dead:beef", "no controller dead:beef is plugged in");
    refuse("046d:c31c", "no controller 046d:c31c"); /* a keyboard */
    fake_usb.open_error = LIBUSB_ERROR_ACCESS;
    refuse("0", "no permission for /dev/bus/usb/001/005: be root, or have udev");
    refuse("0", "ATTR{idVendor}==\"0a12\", ATTR{idProduct}==\"0001\", TAG+=\"uaccess\"");
    fake_usb.open_error = LIBUSB_ERROR_IO;
    refuse("0", "cannot open usb:0 (0a12:0001): ");
    fake_usb.open_error = 0;
    fake_usb.claim_error = LIBUSB_ERROR_BUSY;
    refuse("0A12:0001", "another program uses usb:0A12:0001");
    fake_usb.claim_error = LIBUSB_ERROR_NO_DEVICE;
    refuse("0", "has just been unplugged");
    fake_usb.claim_error = 0;
    for (unsigned left = 0; left < 16; left++) {
        fake_usb.transfers_left = left;
        refuse("0", "nsufficient memory");
    }
    fake_usb_stop();
}

static void test_list(void **state)
{
    (void)state;
    struct usb_identity found[4];
    fake_usb_start();
    assert_int_equal(usb_list(found, 4), 1);
    assert_int_equal(found[0].vendor, 0x0a12);
    assert_int_equal(found[0].product, 1);
    assert_int_equal(found[0].address, 5);
    assert_string_equal(found[0].name, "CSR8510 A10");
    fake_usb.open_error = LIBUSB_ERROR_ACCESS;
    assert_int_equal(usb_list(found, 4), 1);
    assert_string_equal(found[0].name, "");
    expect_nothing_kept();
    fake_usb_stop();
}

/* ---- Packets ---- */

static struct carrier open_device(const char *argument)
{
    struct carrier carrier;
    assert_int_equal(usb_open(argument, &carrier), 0);
    assert_true(fake_usb.auto_detach);
    return carrier;
}

static void expect_octets(struct carrier *carrier, const uint8_t *octets, size_t length, size_t at_once)
{
    uint8_t read[4096];
    while (length > 0) {
        struct pollfd ready = {carrier->fd, POLLIN, 0};
        assert_int_equal(poll(&ready, 1, 10000), 1); /* as the loop waits */
        ssize_t count = carrier->kind->read(carrier, read, at_once);
        if (count < 0) {
            assert_int_equal(errno, EAGAIN);
            continue;
        }
        assert_in_range(count, 1, length);
        assert_memory_equal(read, octets, (size_t)count);
        octets += count;
        length -= (size_t)count;
    }
}

/* Packets of every length around those of the endpoints, read in pieces of several sizes. */
static void test_packets_that_come(void **state)
{
    (void)state;
    fake_usb_start();
    struct carrier carrier = open_device("1234:5678");
    for (size_t length = 0; length < 200; length++) {
        uint8_t packet[5 + 200] = {0x04, 0x3e, (uint8_t)length};
        memset(packet + 3, (int)length, length);
        fake_usb_inject(packet, 3 + length);
        expect_octets(&carrier, packet, 3 + length, length % 3 ? sizeof packet : 7);
        memset(packet, 0, sizeof packet);
        packet[0] = 0x02;
        packet[3] = (uint8_t)length;
        memset(packet + 5, (int)length, length);
        fake_usb_inject(packet, 5 + length);
        expect_octets(&carrier, packet, 5 + length, length % 3 ? sizeof packet : 5);
    }
    carrier.kind->close(&carrier);
    expect_nothing_kept();
    fake_usb_stop();
}

/* Much more than is read ahead: the device waits, and nothing is lost. */
static void test_reader_that_is_slow(void **state)
{
    (void)state;
    enum { PACKETS = 6000, LENGTH = 50 };
    static uint8_t packets[PACKETS * LENGTH];
    fake_usb_start();
    struct carrier carrier = open_device("0");
    for (size_t i = 0; i < PACKETS; i++) {
        uint8_t *packet = packets + i * LENGTH;
        memset(packet, (int)i, LENGTH);
        packet[0] = 0x04;
        packet[2] = LENGTH - 3;
        fake_usb_inject(packet, LENGTH);
    }
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t nothing;
        assert_true(carrier.kind->read(&carrier, &nothing, 0) < 0);
    }
    expect_octets(&carrier, packets, sizeof packets, 1000);
    carrier.kind->close(&carrier);
    expect_nothing_kept();
    fake_usb_stop();
}

static void test_packet_that_lies(void **state)
{
    (void)state;
    static const uint8_t packet[] = {0x02, 0x40, 0x00, 0xff, 0xff, 1, 2, 3};
    uint8_t read[16];
    fake_usb_start();
    struct carrier carrier = open_device("0");
    fake_usb_inject(packet, sizeof packet);
    ssize_t count;
    do {
        count = carrier.kind->read(&carrier, read, sizeof read);
    } while (count < 0 && errno == EAGAIN);
    assert_int_equal(errno, EPROTO);
    carrier.kind->close(&carrier);
    expect_nothing_kept();
    fake_usb_stop();
}

/* ---- A host on it ---- */

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

static void expect_loss(struct bluet_radio *radio)
{
    assert_true(support_until(bluet_radio_runtime(radio), is_inactive, NULL, SUPPORT_PATIENCE));
    assert_false(bluet_is_active(bluet_radio_host(radio)));
    assert_non_null(strstr(radio->message, "usb:0: it has been unplugged, or has failed"));
    atomic_store(&inactive, 0);
    expect_nothing_kept();
}

static void test_host(void **state)
{
    (void)state;
    enum { PACKETS = 2000 };
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    fake_usb_start();
    atomic_store(&inactive, 0);
    assert_int_equal(bluet_runtime_create(&runtime, &(struct bluet_runtime_config){0}), 0);
    const struct bluet_radio_config config = {.transport = "usb:0", .host.handler = on_event};
    assert_int_equal(bluet_radio_create(&radio, runtime, &config), 0);
    assert_int_equal(bluet_runtime_start(runtime), 0);
    assert_int_equal(activate(radio), 0);

    /* More than there are transfers. */
    static const uint8_t packet[105] = {0x02, 0x40, 0x00, 100, 0};
    const struct bluet_span spans[] = {{packet, 5}, {packet + 5, 100}};
    bluet_runtime_lock(runtime);
    for (unsigned i = 0; i < PACKETS; i++)
        radio->wire->send(radio, spans, 2);
    assert_true(queue_length(&radio->output) > 0);
    bluet_runtime_unlock(runtime);
    for (unsigned i = 0; i < 10000; i++) {
        bluet_runtime_lock(runtime);
        bool sent = queue_length(&radio->output) == 0;
        bluet_runtime_unlock(runtime);
        if (sent)
            break;
        support_sleep(1);
    }
    assert_int_equal(fake_usb.data_sent, PACKETS * 104);

    fake_usb_unplug(true);
    expect_loss(radio);
    assert_int_equal(bluet_radio_activate(radio), BLUET_ENODEV);
    fake_usb_unplug(false);
    assert_int_equal(activate(radio), 0);
    bluet_runtime_lock(runtime);
    fake_usb.refused_endpoint = 0x02;
    radio->wire->send(radio, spans, 2);
    bluet_runtime_unlock(runtime);
    expect_loss(radio);
    fake_usb.refused_endpoint = -1;
    assert_int_equal(activate(radio), 0);
    bluet_runtime_destroy(runtime);
    expect_nothing_kept();
    fake_usb_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),          cmocka_unit_test(test_list),
        cmocka_unit_test(test_packets_that_come), cmocka_unit_test(test_reader_that_is_slow),
        cmocka_unit_test(test_packet_that_lies),  cmocka_unit_test(test_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
