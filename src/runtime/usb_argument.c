/* Reads the name of a device on USB; with libusb or without. */
#include "runtime/usb_argument.h"

#include <ctype.h>
#include <stdlib.h>

#include "bluet/bluet.h"
#include "runtime/message.h"

static bool parse_number(const char **text, int base, unsigned long most, unsigned long *out_number)
{
    char *end;
    if (!isxdigit((unsigned char)**text))
        return false;
    *out_number = strtoul(*text, &end, base);
    bool good = end != *text && *out_number <= most;
    *text = end;
    return good;
}

BLUET_INTERNAL int usb_argument_parse(const char *text, struct usb_argument *out_argument)
{
    unsigned long vendor = 0, product = 0, number = 0;
    const char *cursor = text ? text : "";
    if (parse_number(&cursor, 10, 255, &number) && !*cursor) {
        *out_argument = (struct usb_argument){.by_number = true, .number = (unsigned)number};
        return 0;
    }
    cursor = text ? text : "";
    if (parse_number(&cursor, 16, 0xffff, &vendor) && *cursor++ == ':' && parse_number(&cursor, 16, 0xffff, &product) &&
        !*cursor) {
        *out_argument = (struct usb_argument){.vendor = (uint16_t)vendor, .product = (uint16_t)product};
        return 0;
    }
    message_set("the transport usb needs a device: usb:0 is the first that is for Bluetooth, usb:0a12:0001 one by its "
                "maker's and its own number (`bluet controllers` lists them)");
    return BLUET_EINVAL;
}
