/*
 * The btsnoop file format: a header, and for each packet its length twice, flags, a count of drops and a time, all most
 * significant octet first. Each packet is one write, so that the file is whole however the program ends.
 */
#include "runtime/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/message.h"
#include "spec/hci.h"

enum {
    VERSION = 1,
    DATALINK_H4 = 1002,
    FLAG_RECEIVED = 0x01,
    FLAG_COMMAND_OR_EVENT = 0x02,
    RECORD_HEADER_LENGTH = 24,
    MOST_SPANS = 15
};

/* Microseconds from midnight, January 1st, 0 AD, to 1970, as btsnoop counts them. */
#define EPOCH_UNIX 0x00dcddb30f2f8000u

static void put_u32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_u64(uint8_t *out, uint64_t value)
{
    put_u32(out, (uint32_t)(value >> 32));
    put_u32(out + 4, (uint32_t)value);
}

BLUET_INTERNAL int capture_open(struct capture *capture, const char *path)
{
    uint8_t header[16] = "btsnoop";
    put_u32(header + 8, VERSION);
    put_u32(header + 12, DATALINK_H4);

    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, header, sizeof header) != (ssize_t)sizeof header) {
        message_set("cannot write the capture %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return BLUET_EIO;
    }
    capture->fd = fd;
    return 0;
}

BLUET_INTERNAL void capture_close(struct capture *capture)
{
    if (capture->fd >= 0)
        close(capture->fd);
    capture->fd = -1;
}

BLUET_INTERNAL void capture_packet(struct capture *capture, uint64_t unix_us, bool received,
                                   const struct bluet_span *spans, size_t count)
{
    if (!capture_is_open(capture) || !count || count > MOST_SPANS || !spans[0].length)
        return;

    uint8_t header[RECORD_HEADER_LENGTH];
    struct iovec parts[1 + MOST_SPANS] = {{header, sizeof header}};
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        parts[1 + i] = (struct iovec){(void *)(uintptr_t)spans[i].data, spans[i].length};
        length += spans[i].length;
    }

    uint8_t indicator = *(const uint8_t *)spans[0].data;
    uint32_t flags = received ? FLAG_RECEIVED : 0;
    if (indicator == HCI_COMMAND || indicator == HCI_EVENT)
        flags |= FLAG_COMMAND_OR_EVENT;
    put_u32(header, (uint32_t)length);
    put_u32(header + 4, (uint32_t)length);
    put_u32(header + 8, flags);
    put_u32(header + 12, 0);
    put_u64(header + 16, EPOCH_UNIX + unix_us);

    if (writev(capture->fd, parts, (int)(1 + count)) != (ssize_t)(sizeof header + length))
        capture_close(capture);
}
