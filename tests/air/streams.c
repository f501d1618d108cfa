/* Streams over ACL data: sent as buffers come free, checked for order and completeness where they arrive. */
#include "streams.h"

static void fill(struct stream *stream)
{
    while (stream->length && stream->sent - stream->completed < stream->buffers &&
           (!stream->limit || stream->sent < stream->limit)) {
        uint8_t data[256];
        for (size_t i = 0; i < stream->length; i++)
            data[i] = (uint8_t)(stream->sent + i);
        for (size_t i = 0; i < 4; i++)
            data[i] = (uint8_t)(stream->sent >> 8 * i);
        stream->sent++;
        send_acl(stream->host, stream->handle, 0, data, stream->length);
    }
}

static struct stream *stream_of(struct streams *streams, uint16_t handle)
{
    for (size_t i = 0; i < streams->count; i++)
        if (streams->of[i]->handle == handle)
            return streams->of[i];
    return NULL;
}

static void check(struct stream *stream)
{
    const uint8_t *data = stream->whole;
    uint32_t number = (uint32_t)(data[0] | data[1] << 8 | data[2] << 16) | (uint32_t)data[3] << 24;
    bool good = number == stream->received;
    for (size_t i = 4; i < stream->filled; i++)
        good = good && data[i] == (uint8_t)(number + i);
    stream->received++;
    stream->bad += !good;
    stream->octets += stream->filled;
    stream->filled = 0;
}

static void take(struct stream *stream, const uint8_t *packet, size_t length)
{
    bool first = (packet[2] >> 4 & 3) == 2;
    stream->bad += first != (stream->filled == 0);
    if (stream->filled + length - 5 > sizeof stream->whole) {
        stream->bad++;
        return;
    }
    memcpy(stream->whole + stream->filled, packet + 5, length - 5);
    stream->filled += length - 5;
    if (stream->filled >= stream->expected_length)
        check(stream);
}

static void hook(struct host *host, const uint8_t *packet, size_t length)
{
    struct streams *streams = host->hook_context;
    if (packet[0] == 2) {
        struct stream *stream = stream_of(streams, (uint16_t)((packet[1] | packet[2] << 8) & 0x0fff));
        if (stream)
            take(stream, packet, length);
        if (stream && streams->takes)
            send_command(host, 0x0c35, BYTES(1, U16(stream->handle), U16(1)));
    } else if (packet[1] == 0x13) {
        for (size_t i = 0; i < packet[3]; i++) {
            const uint8_t *entry = packet + 4 + 4 * i;
            struct stream *stream = stream_of(streams, (uint16_t)(entry[0] | entry[1] << 8));
            if (!stream)
                continue;
            stream->completed += (uint32_t)(entry[2] | entry[3] << 8);
            fill(stream);
        }
    }
}

void stream_attach(struct host *host, struct streams *streams, struct stream *stream, uint16_t handle,
                   size_t peer_length)
{
    memset(stream, 0, sizeof *stream);
    stream->host = host;
    stream->handle = handle;
    stream->expected_length = (uint32_t)peer_length;
    assert_true(streams->count < STREAM_HANDLES);
    streams->of[streams->count++] = stream;
    host->hook = hook;
    host->hook_context = streams;
}

void stream_begin(struct stream *stream, size_t length, size_t buffers)
{
    stream->length = length;
    stream->buffers = buffers;
    fill(stream);
}
