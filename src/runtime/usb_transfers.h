/*
 * The traffic of an open device on USB (Vol 4 Part B, 2.1): transfers under way in both directions, packets joined from
 * what endpoints deliver, and a descriptor that becomes readable when there is something to do. The endpoints' packets
 * are read one by one: a controller need not mark the end of a packet that fills them.
 */
#ifndef BLUET_RUNTIME_USB_TRANSFERS_H
#define BLUET_RUNTIME_USB_TRANSFERS_H

#include <libusb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/carrier.h"
#include "runtime/queue.h"
#include "spec/internal.h"

enum {
    USB_IN_TRANSFERS = 4, /* of each endpoint */
    USB_OUT_TRANSFERS = 8,
    USB_TRANSFERS = 2 * USB_IN_TRANSFERS + USB_OUT_TRANSFERS,
    USB_LARGEST_PACKET = 2048,
    USB_LARGEST_ENDPOINT = 1024
};

/* What has come of one packet, from its indicator on. */
struct usb_pipe {
    uint8_t indicator;
    size_t length;
    uint8_t packet[USB_LARGEST_PACKET];
};

struct usb_device;

struct usb_transfer {
    struct usb_device *device;
    struct libusb_transfer *transfer;
    struct usb_pipe *pipe; /* NULL: to the controller */
    bool busy;
    uint8_t buffer[LIBUSB_CONTROL_SETUP_SIZE + USB_LARGEST_PACKET];
};

struct usb_endpoint {
    uint8_t address;
    uint16_t size;
};

struct usb_device {
    libusb_context *context;
    libusb_device_handle *handle;
    int interface; /* -1: not claimed */
    struct usb_endpoint events, data_in, data_out;
    int epoll, more; /* `more` is readable while something waits that libusb knows nothing of */
    int failure;     /* an errno; 0: it works */
    struct queue input;
    struct usb_pipe event_pipe, data_pipe;
    struct usb_transfer transfers[USB_TRANSFERS];
};

BLUET_INTERNAL extern const struct carrier_kind usb_carrier;

/* Begins to read. The handle is open and its interface claimed. False: no memory, no descriptors, or it has gone. */
BLUET_INTERNAL bool usb_begin(struct usb_device *device);
/* Ends all transfers, closes, and frees the device; also after a begin that failed. */
BLUET_INTERNAL void usb_end(struct usb_device *device);

#endif
