/* Stream sockets as carriers, and what all carriers say when they break. */
#include "runtime/carrier.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t read_socket(struct carrier *carrier, void *out, size_t room)
{
    return recv(carrier->fd, out, room, MSG_DONTWAIT);
}

static ssize_t write_socket(struct carrier *carrier, const struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
    return sendmsg(carrier->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

BLUET_INTERNAL void carrier_close_descriptor(struct carrier *carrier)
{
    close(carrier->fd);
}

const struct carrier_kind carrier_socket = {
    .read = read_socket,
    .write = write_socket,
    .close = carrier_close_descriptor,
    .gone = "it has closed the connection",
};

BLUET_INTERNAL const char *carrier_words(const struct carrier *carrier, int error)
{
    bool gone = error == 0 || error == ENODEV || error == EIO || error == EPIPE;
    return gone && (carrier->kind != &carrier_socket || error == 0) ? carrier->kind->gone : strerror(error);
}
