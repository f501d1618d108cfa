/* Transfers by libusb, whose descriptors hang on an epoll of their own, which the loop waits for as for any other. */
#include "runtime/usb_transfers.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/h4.h"

enum {
    INPUT_LIMIT = 1 << 17,
    INPUT_ENOUGH = 1 << 15, /* when so much waits, the controller does */
    CONTROL_TIMEOUT_MS = 5000,
    END_STEP_US = 100000,
    END_STEPS = 20,
    /* Vol 4 Part B, 2.2.2: a class request to the device. */
    REQUEST_TYPE = 0x20
};

/* ---- Descriptors ---- */

static void watch(int fd, short events, void *context)
{
    const struct usb_device *device = context;
    uint32_t wanted = (events & POLLIN ? EPOLLIN : 0u) | (events & POLLOUT ? EPOLLOUT : 0u);
    struct epoll_event event = {.events = wanted, .data.fd = fd};
    epoll_ctl(device->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void unwatch(int fd, void *context)
{
    const struct usb_device *device = context;
    epoll_ctl(device->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void show_more(const struct usb_device *device)
{
    uint64_t count = 1;
    ssize_t octets;
    if (device->failure || queue_length(&device->input))
        octets = write(device->more, &count, sizeof count);
    else
        octets = read(device->more, &count, sizeof count);
    (void)octets; /* it is as it should be already */
}

static bool watch_all(struct usb_device *device)
{
    const struct libusb_pollfd **list = libusb_get_pollfds(device->context);
    if (!list)
        return false;
    for (size_t i = 0; list[i]; i++)
        watch(list[i]->fd, list[i]->events, device);
    libusb_free_pollfds(list);
    libusb_set_pollfd_notifiers(device->context, watch, unwatch, device);
    watch(device->more, POLLIN, device);
    return true;
}

/* ---- In ---- */

/* Joins what an endpoint has delivered to packets. */
static void join(struct usb_device *device, struct usb_pipe *pipe, const uint8_t *octets, size_t length)
{
    while (length > 0 && !device->failure) {
        if (!pipe->length)
            pipe->packet[pipe->length++] = pipe->indicator;
        size_t whole = h4_packet_length(pipe->packet, pipe->length);
        size_t wanted = whole ? whole - pipe->length : 1; /* the header comes octet by octet */
        size_t taken = wanted < length ? wanted : length;
        if (whole > sizeof pipe->packet) {
            device->failure = EPROTO;
            return;
        }
        memcpy(pipe->packet + pipe->length, octets, taken);
        pipe->length += taken;
        octets += taken;
        length -= taken;
        if (h4_packet_length(pipe->packet, pipe->length) != pipe->length)
            continue;
        if (!queue_append(&device->input, pipe->packet, pipe->length))
            device->failure = ENOMEM;
        pipe->length = 0;
    }
}

static void submit(struct usb_transfer *transfer)
{
    int error = libusb_submit_transfer(transfer->transfer);
    transfer->busy = error == 0;
    if (error)
        transfer->device->failure = error == LIBUSB_ERROR_NO_MEM ? ENOMEM : ENODEV;
}

static void read_on(struct usb_device *device)
{
    for (size_t i = 0; i < 2 * USB_IN_TRANSFERS; i++)
        if (!device->transfers[i].busy && !device->failure && queue_length(&device->input) < INPUT_ENOUGH)
            submit(&device->transfers[i]);
}

static void done(struct libusb_transfer *completed)
{
    struct usb_transfer *transfer = completed->user_data;
    struct usb_device *device = transfer->device;
    transfer->busy = false;
    if (completed->status == LIBUSB_TRANSFER_CANCELLED || device->failure)
        return;
    if (completed->status != LIBUSB_TRANSFER_COMPLETED)
        device->failure = completed->status == LIBUSB_TRANSFER_NO_DEVICE ? ENODEV : EIO;
    else if (transfer->pipe)
        join(device, transfer->pipe, completed->buffer, (size_t)completed->actual_length);
}

static void handle_events(struct usb_device *device, long patience_us)
{
    struct timeval patience = {0, patience_us};
    libusb_handle_events_timeout_completed(device->context, &patience, NULL);
}

static ssize_t read_usb(struct carrier *carrier, void *out, size_t room)
{
    struct usb_device *device = carrier->device;
    handle_events(device, 0);
    size_t waiting = queue_length(&device->input);
    size_t length = waiting < room ? waiting : room;
    if (length) {
        memcpy(out, queue_front(&device->input), length);
        queue_consume(&device->input, length);
    }
    read_on(device);
    show_more(device);
    if (length)
        return (ssize_t)length;
    errno = device->failure ? device->failure : EAGAIN;
    return -1;
}

/* ---- Out ---- */

static struct usb_transfer *free_transfer(struct usb_device *device)
{
    for (size_t i = 2 * USB_IN_TRANSFERS; i < USB_TRANSFERS; i++)
        if (!device->transfers[i].busy)
            return &device->transfers[i];
    return NULL;
}

/* A packet without its indicator, behind room for a setup packet. */
static size_t gather(struct usb_transfer *transfer, const struct iovec *parts, size_t count, uint8_t *out_indicator)
{
    size_t length = LIBUSB_CONTROL_SETUP_SIZE - 1;
    uint8_t *octets = transfer->buffer;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].iov_len > sizeof transfer->buffer - length)
            return 0;
        memcpy(octets + length, parts[i].iov_base, parts[i].iov_len);
        length += parts[i].iov_len;
    }
    *out_indicator = octets[LIBUSB_CONTROL_SETUP_SIZE - 1];
    return length - LIBUSB_CONTROL_SETUP_SIZE;
}

static ssize_t write_usb(struct carrier *carrier, const struct iovec *parts, size_t count)
{
    struct usb_device *device = carrier->device;
    struct usb_transfer *transfer = free_transfer(device);
    errno = device->failure ? device->failure : EAGAIN;
    if (device->failure || !transfer)
        return -1;

    uint8_t indicator = 0;
    size_t length = gather(transfer, parts, count, &indicator);
    if (indicator == HCI_COMMAND) {
        libusb_fill_control_setup(transfer->buffer, REQUEST_TYPE, 0, 0, 0, (uint16_t)length);
        libusb_fill_control_transfer(transfer->transfer, device->handle, transfer->buffer, done, transfer,
                                     CONTROL_TIMEOUT_MS);
    } else if (indicator == HCI_ACL_DATA) {
        libusb_fill_bulk_transfer(transfer->transfer, device->handle, device->data_out.address,
                                  transfer->buffer + LIBUSB_CONTROL_SETUP_SIZE, (int)length, done, transfer, 0);
    } else {
        errno = EMSGSIZE;
        return -1;
    }
    submit(transfer);
    show_more(device);
    if (transfer->busy)
        return (ssize_t)length + 1;
    errno = device->failure;
    return -1;
}

/* ---- Life ---- */

static void close_usb(struct carrier *carrier)
{
    usb_end(carrier->device);
}

const struct carrier_kind usb_carrier = {
    .read = read_usb,
    .write = write_usb,
    .close = close_usb,
    .whole_packets = true,
    .gone = "it has been unplugged, or has failed",
};

static bool prepare(struct usb_device *device)
{
    for (size_t i = 0; i < USB_TRANSFERS; i++) {
        struct usb_transfer *transfer = &device->transfers[i];
        transfer->device = device;
        transfer->transfer = libusb_alloc_transfer(0);
        if (!transfer->transfer)
            return false;
        if (i < USB_IN_TRANSFERS) {
            transfer->pipe = &device->event_pipe;
            libusb_fill_interrupt_transfer(transfer->transfer, device->handle, device->events.address, transfer->buffer,
                                           device->events.size, done, transfer, 0);
        } else if (i < 2 * USB_IN_TRANSFERS) {
            transfer->pipe = &device->data_pipe;
            libusb_fill_bulk_transfer(transfer->transfer, device->handle, device->data_in.address, transfer->buffer,
                                      device->data_in.size, done, transfer, 0);
        }
    }
    return true;
}

BLUET_INTERNAL bool usb_begin(struct usb_device *device)
{
    device->event_pipe.indicator = HCI_EVENT;
    device->data_pipe.indicator = HCI_ACL_DATA;
    device->input.limit = INPUT_LIMIT;
    device->epoll = epoll_create1(EPOLL_CLOEXEC);
    device->more = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (device->epoll < 0 || device->more < 0 || !prepare(device) || !watch_all(device))
        return false;
    read_on(device);
    return device->failure == 0;
}

static bool is_busy(const struct usb_device *device)
{
    for (size_t i = 0; i < USB_TRANSFERS; i++)
        if (device->transfers[i].busy)
            return true;
    return false;
}

/* False: the kernel does not give the transfers back. */
static bool end_transfers(struct usb_device *device)
{
    for (size_t i = 0; i < USB_TRANSFERS; i++)
        if (device->transfers[i].busy)
            libusb_cancel_transfer(device->transfers[i].transfer);
    for (unsigned i = 0; i < END_STEPS && is_busy(device); i++)
        handle_events(device, END_STEP_US);
    return !is_busy(device);
}

BLUET_INTERNAL void usb_end(struct usb_device *device)
{
    device->failure = device->failure ? device->failure : ESHUTDOWN; /* nothing that still comes is taken */
    if (!end_transfers(device))
        return; /* its memory is not ours to free */
    libusb_set_pollfd_notifiers(device->context, NULL, NULL, NULL);
    for (size_t i = 0; i < USB_TRANSFERS; i++)
        if (device->transfers[i].transfer)
            libusb_free_transfer(device->transfers[i].transfer);
    if (device->handle && device->interface >= 0)
        libusb_release_interface(device->handle, device->interface); /* and the kernel's driver takes it again */
    if (device->handle)
        libusb_close(device->handle);
    libusb_exit(device->context);
    if (device->epoll >= 0)
        close(device->epoll);
    if (device->more >= 0)
        close(device->more);
    queue_free(&device->input);
    free(device);
}
