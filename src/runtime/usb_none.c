/* Stands in for usb.c where there is no libusb to build it with. */
#include "runtime/usb.h"

#include "bluet/bluet.h"
#include "runtime/message.h"
#include "runtime/usb_argument.h"

BLUET_INTERNAL int usb_check(const char *argument)
{
    struct usb_argument parsed;
    return usb_argument_parse(argument, &parsed);
}

BLUET_INTERNAL int usb_open(const char *argument, struct carrier *out_carrier)
{
    (void)argument, (void)out_carrier;
    message_set("this Bluet was built without USB: install libusb-1.0-0-dev and build it again, or use hci:N");
    return BLUET_ENODEV;
}

BLUET_INTERNAL size_t usb_list(struct usb_identity *out, size_t capacity)
{
    (void)out, (void)capacity;
    return 0;
}
