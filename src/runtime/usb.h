/*
 * Controllers on USB (Vol 4 Part B), by libusb: commands by control transfers, events by the interrupt endpoint, ACL
 * data by bulk transfers. "VID:PID" in hexadecimal, or "N": the N-th device of the class for Bluetooth.
 */
#ifndef BLUET_RUNTIME_USB_H
#define BLUET_RUNTIME_USB_H

#include "runtime/carrier.h"
#include "spec/internal.h"

/* BLUET_EINVAL (see the message). */
BLUET_INTERNAL int usb_check(const char *argument);
/* BLUET_ENODEV (see the message). */
BLUET_INTERNAL int usb_open(const char *argument, struct carrier *out_carrier);

struct usb_identity {
    unsigned vendor, product;
    unsigned bus, address;
    char name[96]; /* what it says of itself, if it may be asked */
};

/* The devices of the class for Bluetooth, in the order of their numbers. */
BLUET_INTERNAL size_t usb_list(struct usb_identity *out, size_t capacity);

#endif
