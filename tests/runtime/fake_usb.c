/* A libusb that is not there. Transfers end when handle_events is called, as those of the real one do. */
#include "fake_usb.h"

#include <libusb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support.h"

enum { MOST_TRANSFERS = 64, MOST_PACKETS = 8192, EVENT_SIZE = 16, DATA_SIZE = 64 };

struct packets {
    uint8_t *packets[MOST_PACKETS];
    size_t lengths[MOST_PACKETS];
    size_t first, count, offset;
};

struct transfers {
    struct libusb_transfer *list[MOST_TRANSFERS];
    size_t count;
};

struct fake_usb_state fake_usb;

static struct {
    pthread_mutex_t mutex;
    pthread_t thread;
    bool stop, unplugged;
    int ready; /* an eventfd: transfers have ended */
    struct bluet_air *air;
    struct bluet_air_controller *controller;
    struct packets events, data;
    struct transfers waiting, ended;
} bus = {.mutex = PTHREAD_MUTEX_INITIALIZER, .ready = -1};

/* Declared here, as they are not in any header. */
#define WRAPPED(result, name, ...)            \
    result __wrap_libusb_##name(__VA_ARGS__); \
    result __wrap_libusb_##name(__VA_ARGS__)

/* ---- Devices: a keyboard, a dongle, and one that does not say what it is for ---- */

static const struct libusb_endpoint_descriptor endpoints[] = {
    {.bEndpointAddress = 0x81, .bmAttributes = LIBUSB_TRANSFER_TYPE_INTERRUPT, .wMaxPacketSize = EVENT_SIZE},
    {.bEndpointAddress = 0x02, .bmAttributes = LIBUSB_TRANSFER_TYPE_BULK, .wMaxPacketSize = DATA_SIZE},
    {.bEndpointAddress = 0x82, .bmAttributes = LIBUSB_TRANSFER_TYPE_BULK, .wMaxPacketSize = DATA_SIZE},
};
static const struct libusb_interface_descriptor keyboard_interface = {
    .bInterfaceClass = 3, .bNumEndpoints = 1, .endpoint = endpoints};
static const struct libusb_interface_descriptor radio_interface = {.bInterfaceNumber = 1,
                                                                   .bInterfaceClass = 0xe0,
                                                                   .bInterfaceSubClass = 1,
                                                                   .bInterfaceProtocol = 1,
                                                                   .bNumEndpoints = 3,
                                                                   .endpoint = endpoints};
static const struct libusb_interface_descriptor vendor_interface = {
    .bInterfaceClass = 0xff, .bNumEndpoints = 3, .endpoint = endpoints};
static const struct libusb_interface interfaces[][2] = {
    {{&keyboard_interface, 1}},
    {{&keyboard_interface, 1}, {&radio_interface, 1}},
    {{&vendor_interface, 1}},
};
static struct libusb_config_descriptor configurations[] = {
    {.bNumInterfaces = 1, .interface = interfaces[0]},
    {.bNumInterfaces = 2, .interface = interfaces[1]},
    {.bNumInterfaces = 1, .interface = interfaces[2]},
};
static const struct libusb_device_descriptor abouts[] = {
    {.idVendor = 0x046d, .idProduct = 0xc31c},
    {.bDeviceClass = 0xef, .idVendor = 0x0a12, .idProduct = 0x0001, .iProduct = 2},
    {.bDeviceClass = 0xff, .idVendor = 0x1234, .idProduct = 0x5678},
};
static uint8_t devices[3];

static size_t index_of(const void *device)
{
    return (size_t)((const uint8_t *)device - devices);
}

WRAPPED(int, init, libusb_context **context)
{
    fake_usb.contexts++;
    *context = (libusb_context *)&bus;
    return 0;
}

WRAPPED(void, exit, libusb_context *context)
{
    assert_ptr_equal(context, &bus);
    fake_usb.contexts--;
}

WRAPPED(ssize_t, get_device_list, libusb_context *context, libusb_device ***list)
{
    (void)context;
    *list = calloc(4, sizeof **list);
    for (size_t i = 0; i < 3; i++)
        (*list)[i] = (libusb_device *)&devices[i];
    return bus.unplugged ? 1 : 3;
}

WRAPPED(void, free_device_list, libusb_device **list, int unreference)
{
    assert_int_equal(unreference, 1);
    free(list);
}

WRAPPED(int, get_device_descriptor, libusb_device *device, struct libusb_device_descriptor *out)
{
    *out = abouts[index_of(device)];
    return 0;
}

WRAPPED(int, get_active_config_descriptor, libusb_device *device, struct libusb_config_descriptor **out)
{
    *out = &configurations[index_of(device)];
    return 0;
}

WRAPPED(void, free_config_descriptor, struct libusb_config_descriptor *configuration)
{
    (void)configuration;
}

WRAPPED(uint8_t, get_bus_number, libusb_device *device)
{
    (void)device;
    return 1;
}

WRAPPED(uint8_t, get_device_address, libusb_device *device)
{
    return (uint8_t)(4 + index_of(device));
}

WRAPPED(int, open, libusb_device *device, libusb_device_handle **out)
{
    if (fake_usb.open_error)
        return fake_usb.open_error;
    fake_usb.handles++;
    *out = (libusb_device_handle *)device;
    return 0;
}

WRAPPED(void, close, libusb_device_handle *handle)
{
    (void)handle;
    assert_int_equal(bus.waiting.count + bus.ended.count, 0);
    fake_usb.handles--;
}

WRAPPED(int, get_string_descriptor_ascii, libusb_device_handle *handle, uint8_t number, unsigned char *out, int size)
{
    (void)handle;
    assert_int_equal(number, 2);
    return snprintf((char *)out, (size_t)size, "CSR8510 A10");
}

WRAPPED(int, set_auto_detach_kernel_driver, libusb_device_handle *handle, int enable)
{
    (void)handle;
    fake_usb.auto_detach = enable == 1;
    return 0;
}

WRAPPED(int, claim_interface, libusb_device_handle *handle, int interface)
{
    assert_int_equal(interface, index_of(handle) == 1);
    if (!fake_usb.claim_error)
        fake_usb.claims++;
    return fake_usb.claim_error;
}

WRAPPED(int, release_interface, libusb_device_handle *handle, int interface)
{
    assert_int_equal(interface, index_of(handle) == 1);
    fake_usb.claims--;
    return 0;
}

/* ---- Transfers ---- */

WRAPPED(struct libusb_transfer *, alloc_transfer, int packets)
{
    assert_int_equal(packets, 0);
    if (!fake_usb.transfers_left)
        return NULL;
    fake_usb.transfers_left--;
    fake_usb.transfers++;
    return calloc(1, sizeof(struct libusb_transfer));
}

WRAPPED(void, free_transfer, struct libusb_transfer *transfer)
{
    fake_usb.transfers--;
    free(transfer);
}

static void end(struct libusb_transfer *transfer, enum libusb_transfer_status status, size_t length)
{
    const uint64_t one = 1;
    transfer->status = status;
    transfer->actual_length = (int)length;
    bus.ended.list[bus.ended.count++] = transfer;
    assert_int_equal(write(bus.ready, &one, sizeof one), sizeof one);
}

static void take_out(struct transfers *transfers, size_t i)
{
    transfers->count--;
    memmove(&transfers->list[i], &transfers->list[i + 1], (transfers->count - i) * sizeof transfers->list[0]);
}

/* What the controller has said goes into the transfers that wait for it, an endpoint's packet each. */
static void fill(struct packets *packets, uint8_t endpoint)
{
    for (size_t i = 0; i < bus.waiting.count && packets->count;) {
        struct libusb_transfer *transfer = bus.waiting.list[i];
        if (transfer->endpoint != endpoint) {
            i++;
            continue;
        }
        size_t left = packets->lengths[packets->first] - packets->offset;
        size_t length = left < (size_t)transfer->length ? left : (size_t)transfer->length;
        memcpy(transfer->buffer, packets->packets[packets->first] + packets->offset, length);
        packets->offset += length;
        if (length == left) {
            free(packets->packets[packets->first]);
            packets->first = (packets->first + 1) % MOST_PACKETS;
            packets->count--;
            packets->offset = 0;
        }
        take_out(&bus.waiting, i);
        end(transfer, LIBUSB_TRANSFER_COMPLETED, length);
    }
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    (void)context;
    struct packets *packets = packet[0] == 0x04 ? &bus.events : &bus.data;
    if (packets->count == MOST_PACKETS)
        return false;
    size_t place = (packets->first + packets->count++) % MOST_PACKETS;
    packets->packets[place] = malloc(length);
    packets->lengths[place] = length - 1;
    memcpy(packets->packets[place], packet + 1, length - 1);
    return true;
}

static void take_from_host(const struct libusb_transfer *transfer)
{
    uint8_t packet[2048];
    const uint8_t *octets = transfer->buffer;
    size_t length = (size_t)transfer->length;
    if (transfer->type == LIBUSB_TRANSFER_TYPE_CONTROL) {
        static const uint8_t setup[] = {0x20, 0, 0, 0, 0, 0};
        assert_memory_equal(octets, setup, sizeof setup);
        assert_int_equal(octets[6] | octets[7] << 8, length - 8);
        octets += 8;
        length -= 8;
        packet[0] = 0x01;
    } else {
        assert_int_equal(transfer->type, LIBUSB_TRANSFER_TYPE_BULK);
        assert_int_equal(transfer->endpoint, 0x02);
        packet[0] = 0x02;
        fake_usb.data_sent += length;
    }
    memcpy(packet + 1, octets, length);
    assert_int_equal(bluet_air_receive(bus.controller, packet, length + 1), 0);
}

WRAPPED(int, submit_transfer, struct libusb_transfer *transfer)
{
    int error = 0;
    pthread_mutex_lock(&bus.mutex);
    if (bus.unplugged) {
        error = LIBUSB_ERROR_NO_DEVICE;
    } else if (transfer->endpoint == fake_usb.refused_endpoint) {
        end(transfer, LIBUSB_TRANSFER_STALL, 0);
    } else if (transfer->endpoint & 0x80) {
        bus.waiting.list[bus.waiting.count++] = transfer;
    } else {
        take_from_host(transfer);
        end(transfer, LIBUSB_TRANSFER_COMPLETED, (size_t)transfer->length);
    }
    pthread_mutex_unlock(&bus.mutex);
    return error;
}

WRAPPED(int, cancel_transfer, struct libusb_transfer *transfer)
{
    pthread_mutex_lock(&bus.mutex);
    for (size_t i = 0; i < bus.waiting.count; i++) {
        if (bus.waiting.list[i] != transfer)
            continue;
        take_out(&bus.waiting, i);
        end(transfer, LIBUSB_TRANSFER_CANCELLED, 0);
    }
    pthread_mutex_unlock(&bus.mutex);
    return 0;
}

WRAPPED(int, handle_events_timeout_completed, libusb_context *context, struct timeval *patience, int *completed)
{
    uint64_t count;
    struct pollfd ready = {bus.ready, POLLIN, 0};
    (void)context, (void)completed;
    poll(&ready, 1, (int)(patience->tv_usec / 1000));
    pthread_mutex_lock(&bus.mutex);
    if (bus.ended.count)
        assert_int_equal(read(bus.ready, &count, sizeof count), sizeof count);
    struct transfers ended = bus.ended;
    bus.ended.count = 0;
    pthread_mutex_unlock(&bus.mutex);
    for (size_t i = 0; i < ended.count; i++)
        ended.list[i]->callback(ended.list[i]);
    return 0;
}

/* ---- Descriptors: none at first, so that whoever forgets the notifiers waits in vain ---- */

WRAPPED(const struct libusb_pollfd **, get_pollfds, libusb_context *context)
{
    (void)context;
    return calloc(1, sizeof(struct libusb_pollfd *));
}

WRAPPED(void, free_pollfds, const struct libusb_pollfd **list)
{
    free((void *)(uintptr_t)list);
}

WRAPPED(void, set_pollfd_notifiers, libusb_context *context, libusb_pollfd_added_cb added,
        libusb_pollfd_removed_cb removed, void *user)
{
    (void)context;
    assert_true(!added == !removed);
    if (added)
        added(bus.ready, POLLIN, user);
}

/* ---- The bus ---- */

static void *run(void *context)
{
    uint64_t start = support_now();
    (void)context;
    for (bool stop = false; !stop; support_sleep(1)) {
        pthread_mutex_lock(&bus.mutex);
        bluet_air_advance(bus.air, (support_now() - start) * 1000);
        fill(&bus.events, 0x81);
        fill(&bus.data, 0x82);
        stop = bus.stop;
        pthread_mutex_unlock(&bus.mutex);
    }
    return NULL;
}

void fake_usb_start(void)
{
    fake_usb = (struct fake_usb_state){.transfers_left = 1000, .refused_endpoint = -1};
    bus.stop = bus.unplugged = false;
    bus.ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const struct bluet_air_config air = {.reallocate = support_reallocate, .seed = 1};
    assert_int_equal(bluet_air_create(&bus.air, &air), 0);
    const struct bluet_air_controller_config controller = {.deliver = deliver};
    assert_int_equal(bluet_air_attach(bus.air, &bus.controller, &controller), 0);
    assert_int_equal(pthread_create(&bus.thread, NULL, run, NULL), 0);
}

static void forget(struct packets *packets)
{
    for (; packets->count; packets->count--, packets->first = (packets->first + 1) % MOST_PACKETS)
        free(packets->packets[packets->first]);
    packets->offset = 0;
}

void fake_usb_stop(void)
{
    pthread_mutex_lock(&bus.mutex);
    bus.stop = true;
    pthread_mutex_unlock(&bus.mutex);
    pthread_join(bus.thread, NULL);
    bluet_air_destroy(bus.air);
    forget(&bus.events);
    forget(&bus.data);
    close(bus.ready);
}

void fake_usb_unplug(bool unplugged)
{
    pthread_mutex_lock(&bus.mutex);
    bus.unplugged = unplugged;
    while (unplugged && bus.waiting.count)
        end(bus.waiting.list[--bus.waiting.count], LIBUSB_TRANSFER_NO_DEVICE, 0);
    pthread_mutex_unlock(&bus.mutex);
}

void fake_usb_inject(const uint8_t *packet, size_t length)
{
    pthread_mutex_lock(&bus.mutex);
    assert_true(deliver(NULL, packet, length));
    pthread_mutex_unlock(&bus.mutex);
}
