/* How a device on USB is named: "VID:PID" in hexadecimal, or its number among those of the class for Bluetooth. */
#ifndef BLUET_RUNTIME_USB_ARGUMENT_H
#define BLUET_RUNTIME_USB_ARGUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/internal.h"

struct usb_argument {
    bool by_number;
    unsigned number;
    uint16_t vendor, product;
};

/* BLUET_EINVAL (see the message). */
BLUET_INTERNAL int usb_argument_parse(const char *text, struct usb_argument *out_argument);

#endif
