/*
 * The numbers are those of Linux's <net/bluetooth/hci_sock.h>, which it does not export. A socket bound to the user
 * channel takes and gives one packet at a time, from its H4 indicator on. The kernel gives the channel only to a
 * program that may administer networks, and only of an interface that is down.
 */
#include "runtime/user_channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bluet/bluet.h"
#include "runtime/message.h"

enum { PROTOCOL_HCI = 1, CHANNEL_USER = 1, FLAG_UP = 1, MOST_INTERFACES = 16, LARGEST_NUMBER = 0xfffe };

struct hci_address {
    sa_family_t family;
    uint16_t device;
    uint16_t channel;
};

struct device_request {
    uint16_t device;
    uint32_t flags;
};

struct device_list {
    uint16_t count;
    struct device_request devices[MOST_INTERFACES];
};

#define GET_DEVICE_LIST _IOR('H', 210, int)

static int parse(const char *argument, uint16_t *out_number)
{
    char *end = NULL;
    const char *digits = argument && strncmp(argument, "hci", 3) == 0 ? argument + 3 : argument;
    unsigned long number = digits && *digits >= '0' && *digits <= '9' ? strtoul(digits, &end, 10) : 0;
    if (!end || *end || number > LARGEST_NUMBER) {
        message_set(
            "the transport hci needs the number of an interface: hci:0 is hci0 (`bluet controllers` lists them)");
        return BLUET_EINVAL;
    }
    *out_number = (uint16_t)number;
    return 0;
}

BLUET_INTERNAL int user_channel_check(const char *argument)
{
    uint16_t number;
    return parse(argument, &number);
}

/* ---- The socket ---- */

static ssize_t read_packet(struct carrier *carrier, void *out, size_t room)
{
    return recv(carrier->fd, out, room, MSG_DONTWAIT);
}

static ssize_t write_packet(struct carrier *carrier, const struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
    return sendmsg(carrier->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static const struct carrier_kind user_channel = {
    .read = read_packet,
    .write = write_packet,
    .close = carrier_close_descriptor,
    .whole_packets = true,
    .gone = "the kernel has taken it away (unplugged?)",
};

static int hci_socket(void)
{
    return socket(AF_BLUETOOTH, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, PROTOCOL_HCI);
}

static int no_socket(int error)
{
    if (error == EAFNOSUPPORT || error == EPROTONOSUPPORT)
        message_set("this kernel has no Bluetooth (%s): load its module (`sudo modprobe bluetooth`), or drive the "
                    "controller directly by usb: or serial:",
                    strerror(error));
    else if (error == EPERM || error == EACCES)
        message_set("no permission for Bluetooth sockets (%s): containers and sandboxes forbid them", strerror(error));
    else
        message_set("cannot make a Bluetooth socket: %s", strerror(error));
    return BLUET_ENODEV;
}

static int no_channel(unsigned number, int error)
{
    switch (error) {
    case ENODEV:
        message_set("there is no hci%u: `bluet controllers` lists what is there", number);
        break;
    case EPERM:
    case EACCES:
        message_set("no permission for hci%u: be root, or give the program the right to administer networks (`sudo "
                    "setcap cap_net_admin+ep PROGRAM`)",
                    number);
        break;
    case EBUSY:
        message_set("hci%u is in use by the kernel: take it down first (`sudo systemctl stop bluetooth`, then `sudo "
                    "hciconfig hci%u down` or `sudo btmgmt --index %u power off`)",
                    number, number, number);
        break;
    case EUSERS:
        message_set("another program has hci%u to itself; end that first", number);
        break;
    case ERFKILL:
        message_set("hci%u is switched off: `sudo rfkill unblock bluetooth`", number);
        break;
    default:
        message_set("cannot get hci%u from the kernel: %s", number, strerror(error));
        break;
    }
    return BLUET_ENODEV;
}

BLUET_INTERNAL int user_channel_open(const char *argument, struct carrier *out_carrier)
{
    uint16_t number;
    if (parse(argument, &number))
        return BLUET_ENODEV;
    int descriptor = hci_socket();
    if (descriptor < 0)
        return no_socket(errno);
    const struct hci_address address = {AF_BLUETOOTH, number, CHANNEL_USER};
    if (bind(descriptor, (const struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(descriptor);
        return no_channel(number, error);
    }
    *out_carrier = (struct carrier){.kind = &user_channel, .fd = descriptor};
    return 0;
}

BLUET_INTERNAL size_t user_channel_list(struct user_channel_interface *out, size_t capacity)
{
    struct device_list list = {.count = MOST_INTERFACES};
    int descriptor = hci_socket();
    if (descriptor < 0)
        return 0;
    if (ioctl(descriptor, GET_DEVICE_LIST, &list) < 0)
        list.count = 0;
    close(descriptor);
    size_t count = list.count < MOST_INTERFACES ? list.count : MOST_INTERFACES;
    for (size_t i = 0; i < count && i < capacity; i++)
        out[i] = (struct user_channel_interface){list.devices[i].device, list.devices[i].flags & FLAG_UP};
    return count < capacity ? count : capacity;
}
