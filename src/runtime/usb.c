/*
 * Finds devices on USB by number or class (Vol 4 Part B, 3.1: 0xe0, 0x01, 0x01), and opens them. The kernel's driver is
 * detached while a device is used, and gets it back.
 */
#include "runtime/usb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bluet/bluet.h"
#include "runtime/message.h"
#include "runtime/usb_argument.h"
#include "runtime/usb_transfers.h"

enum { CLASS_WIRELESS = 0xe0, SUBCLASS_RADIO = 0x01, PROTOCOL_BLUETOOTH = 0x01 };

BLUET_INTERNAL int usb_check(const char *argument)
{
    struct usb_argument parsed;
    return usb_argument_parse(argument, &parsed);
}

/* ---- What a device is ---- */

static bool is_class(uint8_t class, uint8_t subclass, uint8_t protocol)
{
    return class == CLASS_WIRELESS && subclass == SUBCLASS_RADIO && protocol == PROTOCOL_BLUETOOTH;
}

static void take_endpoint(struct usb_device *device, const struct libusb_endpoint_descriptor *endpoint)
{
    bool in = (endpoint->bEndpointAddress & LIBUSB_ENDPOINT_IN) != 0;
    uint8_t kind = endpoint->bmAttributes & LIBUSB_TRANSFER_TYPE_MASK;
    struct usb_endpoint found = {endpoint->bEndpointAddress, endpoint->wMaxPacketSize & 0x7ff};
    if (found.size == 0 || found.size > USB_LARGEST_ENDPOINT)
        return;
    if (kind == LIBUSB_TRANSFER_TYPE_INTERRUPT && in)
        device->events = found;
    else if (kind == LIBUSB_TRANSFER_TYPE_BULK && in)
        device->data_in = found;
    else if (kind == LIBUSB_TRANSFER_TYPE_BULK)
        device->data_out = found;
}

static bool take_interface(struct usb_device *device, const struct libusb_interface_descriptor *interface)
{
    device->events = device->data_in = device->data_out = (struct usb_endpoint){0, 0};
    for (uint8_t i = 0; i < interface->bNumEndpoints; i++)
        take_endpoint(device, &interface->endpoint[i]);
    device->interface = interface->bInterfaceNumber;
    return device->events.address && device->data_in.address && device->data_out.address;
}

/*
 * Finds the interface with a controller's three endpoints; `any_class`: also where nothing says that it is for
 * Bluetooth.
 */
static bool examine(struct usb_device *out, libusb_device *device, bool any_class)
{
    struct libusb_device_descriptor about;
    struct libusb_config_descriptor *configuration;
    if (libusb_get_device_descriptor(device, &about) || libusb_get_active_config_descriptor(device, &configuration))
        return false;
    bool whole = any_class || is_class(about.bDeviceClass, about.bDeviceSubClass, about.bDeviceProtocol);
    bool found = false;
    for (uint8_t i = 0; i < configuration->bNumInterfaces && !found; i++) {
        if (configuration->interface[i].num_altsetting < 1)
            continue;
        const struct libusb_interface_descriptor *interface = &configuration->interface[i].altsetting[0];
        if (whole || is_class(interface->bInterfaceClass, interface->bInterfaceSubClass, interface->bInterfaceProtocol))
            found = take_interface(out, interface);
    }
    libusb_free_config_descriptor(configuration);
    return found;
}

static bool fits(const struct usb_argument *wanted, unsigned *number, struct usb_device *out, libusb_device *device)
{
    struct libusb_device_descriptor about;
    if (libusb_get_device_descriptor(device, &about))
        return false;
    if (wanted->by_number)
        return examine(out, device, false) && (*number)++ == wanted->number;
    return about.idVendor == wanted->vendor && about.idProduct == wanted->product && examine(out, device, true);
}

/* ---- Opening ---- */

static void say_what_failed(const char *argument, libusb_device *device, int error)
{
    struct libusb_device_descriptor about = {.idVendor = 0};
    libusb_get_device_descriptor(device, &about);
    if (error == LIBUSB_ERROR_ACCESS)
        message_set("no permission for /dev/bus/usb/%03u/%03u: be root, or have udev give it to you, by a line in "
                    "/etc/udev/rules.d/60-bluet.rules: SUBSYSTEM==\"usb\", ATTR{idVendor}==\"%04x\", "
                    "ATTR{idProduct}==\"%04x\", TAG+=\"uaccess\"",
                    libusb_get_bus_number(device), libusb_get_device_address(device), about.idVendor, about.idProduct);
    else if (error == LIBUSB_ERROR_BUSY)
        message_set("another program uses usb:%s (%04x:%04x); end that first", argument, about.idVendor,
                    about.idProduct);
    else if (error == LIBUSB_ERROR_NO_DEVICE)
        message_set("usb:%s has just been unplugged", argument);
    else
        message_set("cannot open usb:%s (%04x:%04x): %s", argument, about.idVendor, about.idProduct,
                    libusb_strerror((enum libusb_error)error));
}

static int open_found(struct usb_device *device, libusb_device *found, const char *argument)
{
    int interface = device->interface;
    device->interface = -1;
    int error = libusb_open(found, &device->handle);
    if (!error) {
        libusb_set_auto_detach_kernel_driver(device->handle, 1);
        error = libusb_claim_interface(device->handle, interface);
    }
    if (!error)
        device->interface = interface;
    if (!error && !usb_begin(device))
        error = device->failure ? LIBUSB_ERROR_NO_DEVICE : LIBUSB_ERROR_NO_MEM;
    if (error)
        say_what_failed(argument, found, error);
    return error;
}

static int find_and_open(struct usb_device *device, const struct usb_argument *wanted, const char *argument)
{
    libusb_device **list = NULL;
    libusb_device *found = NULL;
    unsigned number = 0;
    ssize_t count = libusb_get_device_list(device->context, &list);
    for (ssize_t i = 0; i < count && !found; i++)
        if (fits(wanted, &number, device, list[i]))
            found = list[i];
    int error = LIBUSB_ERROR_NO_DEVICE;
    if (found)
        error = open_found(device, found, argument);
    else if (wanted->by_number)
        message_set("there is no usb:%u: %u devices for Bluetooth are plugged in (`bluet controllers` lists them)",
                    wanted->number, number);
    else
        message_set("no controller %s is plugged in (`bluet controllers` lists what is)", argument);
    if (count >= 0)
        libusb_free_device_list(list, 1);
    return error;
}

BLUET_INTERNAL int usb_open(const char *argument, struct carrier *out_carrier)
{
    struct usb_argument wanted;
    if (usb_argument_parse(argument, &wanted))
        return BLUET_ENODEV;
    struct usb_device *device = calloc(1, sizeof *device);
    int error = device ? libusb_init(&device->context) : LIBUSB_ERROR_NO_MEM;
    if (error) {
        message_set("cannot use USB: %s", libusb_strerror((enum libusb_error)error));
        free(device);
        return BLUET_ENODEV;
    }
    device->interface = device->epoll = device->more = -1;
    if (find_and_open(device, &wanted, argument)) {
        usb_end(device);
        return BLUET_ENODEV;
    }
    *out_carrier = (struct carrier){&usb_carrier, device->epoll, device};
    return 0;
}

/* ---- Listing ---- */

static struct usb_identity identify(libusb_device *device)
{
    struct libusb_device_descriptor about = {.idVendor = 0};
    struct usb_identity identity = {.bus = libusb_get_bus_number(device), .address = libusb_get_device_address(device)};
    libusb_device_handle *handle;
    libusb_get_device_descriptor(device, &about);
    identity.vendor = about.idVendor;
    identity.product = about.idProduct;
    if (libusb_open(device, &handle) == 0) {
        if (!about.iProduct || libusb_get_string_descriptor_ascii(
                                   handle, about.iProduct, (unsigned char *)identity.name, sizeof identity.name) < 0)
            identity.name[0] = '\0';
        libusb_close(handle);
    }
    return identity;
}

BLUET_INTERNAL size_t usb_list(struct usb_identity *out, size_t capacity)
{
    libusb_context *context;
    libusb_device **list = NULL;
    size_t found = 0;
    struct usb_device *looked_at = calloc(1, sizeof *looked_at);
    if (!looked_at || libusb_init(&context)) {
        free(looked_at);
        return 0;
    }
    ssize_t count = libusb_get_device_list(context, &list);
    for (ssize_t i = 0; i < count && found < capacity; i++)
        if (examine(looked_at, list[i], false))
            out[found++] = identify(list[i]);
    if (count >= 0)
        libusb_free_device_list(list, 1);
    libusb_exit(context);
    free(looked_at);
    return found;
}
