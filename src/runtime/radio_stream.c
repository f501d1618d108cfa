/* A radio on a stream of H4: reads ahead, and keeps what the controller does not take at once. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/radio.h"
#include "spec/reader.h"

enum { PACKETS_AT_ONCE = 64, MOST_SPANS = 8 };

static void stream_fail(struct bluet_radio *radio, const char *what)
{
    loop_remove_source(radio->runtime, &radio->source);
    radio_fail(radio, "lost the controller at %s: %s", radio->transport.name, what);
}

/* ---- Out ---- */

static void wait_for_room(struct bluet_radio *radio)
{
    bool waits = queue_length(&radio->output) > 0;
    loop_change_source(radio->runtime, &radio->source, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* How many octets the stream took; 0 if it takes none now. A broken stream takes all, and forgets them. */
static size_t send_now(struct bluet_radio *radio, struct iovec *parts, size_t count, size_t length)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;
    do {
        sent = sendmsg(radio->descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return (size_t)sent;
    if (errno == EAGAIN)
        return 0;
    stream_fail(radio, strerror(errno));
    return length;
}

static void flush(struct bluet_radio *radio)
{
    size_t waiting;
    while ((waiting = queue_length(&radio->output)) > 0) {
        struct iovec part = {(void *)(uintptr_t)queue_front(&radio->output), waiting};
        size_t sent = send_now(radio, &part, 1, waiting);
        if (!sent)
            break;
        queue_consume(&radio->output, sent);
    }
    wait_for_room(radio);
}

static void stream_send(struct bluet_radio *radio, const struct bluet_span *spans, size_t count)
{
    struct iovec parts[MOST_SPANS];
    size_t length = 0, sent = 0;
    for (size_t i = 0; i < count; i++) {
        if (i < MOST_SPANS)
            parts[i] = (struct iovec){(void *)(uintptr_t)spans[i].data, spans[i].length};
        length += spans[i].length;
    }
    if (count <= MOST_SPANS && queue_length(&radio->output) == 0)
        sent = send_now(radio, parts, count, length);

    bool kept = true;
    for (size_t i = 0; i < count && kept; i++) {
        size_t skipped = sent < spans[i].length ? sent : spans[i].length;
        sent -= skipped;
        kept = queue_append(&radio->output, (const uint8_t *)spans[i].data + skipped, spans[i].length - skipped);
    }
    if (!kept)
        stream_fail(radio, "it has taken nothing for too long");
    wait_for_room(radio);
}

/* ---- In ---- */

/* How many advertising reports a packet holds (Vol 4 Part E, 7.7.65.2, 7.7.65.11, 7.7.65.13). */
static uint32_t count_reports(const uint8_t *packet, size_t length)
{
    struct reader reader = reader_of(packet, length);
    uint8_t indicator = read_u8(&reader), event = read_u8(&reader);
    read_u8(&reader);
    uint8_t subevent = read_u8(&reader);
    if (indicator != HCI_EVENT || event != HCI_EVENT_LE_META)
        return 0;
    if (subevent != HCI_LE_EVENT_ADVERTISING_REPORT && subevent != HCI_LE_EVENT_DIRECTED_ADVERTISING_REPORT &&
        subevent != HCI_LE_EVENT_EXTENDED_ADVERTISING_REPORT)
        return 0;
    return read_u8(&reader);
}

static bool next_packet(struct bluet_radio *radio, const uint8_t **out_packet, size_t *out_length)
{
    int result = 0;
    loop_lock(radio->runtime);
    while (radio->open && !radio->failed && (result = h4_next(&radio->framer, out_packet, out_length)) > 0) {
        uint32_t reports = radio->flooded ? count_reports(*out_packet, *out_length) : 0;
        if (!reports)
            break;
        bluet_add_dropped(radio->host, reports);
        result = 0;
    }
    if (result < 0)
        stream_fail(radio, bluet_runtime_message());
    if (!h4_waiting(&radio->framer))
        radio->flooded = false;
    loop_unlock(radio->runtime);
    return result > 0;
}

static void stream_receive(struct bluet_radio *radio)
{
    const uint8_t *packet;
    size_t length;
    for (unsigned i = 0; i < PACKETS_AT_ONCE && !loop_should_yield(radio->runtime); i++) {
        if (!next_packet(radio, &packet, &length))
            break;
        radio_receive(radio, packet, length);
    }
}

static bool stream_waiting(const struct bluet_radio *radio)
{
    return h4_waiting(&radio->framer);
}

static void read_ahead(struct bluet_radio *radio)
{
    size_t room;
    uint8_t *space = h4_space(&radio->framer, &room);
    ssize_t length = recv(radio->descriptor, space, room, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        stream_fail(radio, length < 0 ? strerror(errno) : "it has closed the connection");
        return;
    }
    h4_filled(&radio->framer, (size_t)length);
    radio->flooded = (size_t)length == room;
}

static void stream_ready(void *context, uint32_t events)
{
    struct bluet_radio *radio = context;
    loop_lock(radio->runtime);
    bool usable = radio->open && !radio->failed;
    if (usable && events & EPOLLOUT)
        flush(radio);
    /* What has been read is handed over first; the controller waits meanwhile. */
    if (usable && !radio->failed && events & ~(uint32_t)EPOLLOUT && !h4_waiting(&radio->framer))
        read_ahead(radio);
    loop_unlock(radio->runtime);
    stream_receive(radio);
}

/* ---- Open and close ---- */

static int prepare_framer(struct bluet_radio *radio)
{
    radio->flooded = false;
    h4_framer_reset(&radio->framer);
    if (radio->framer.capacity == radio->receive_size)
        return 0;
    h4_framer_free(&radio->framer);
    return h4_framer_create(&radio->framer, radio->receive_size, H4_FROM_CONTROLLER);
}

static int stream_open(struct bluet_radio *radio)
{
    struct bluet_runtime *runtime = radio->runtime;
    int error = prepare_framer(radio);
    if (error)
        return error;
    unsigned depth = loop_release(runtime);
    int descriptor = transport_open(&radio->transport);
    loop_restore(runtime, depth);
    if (descriptor < 0)
        return BLUET_ENODEV;

    radio->source = (struct loop_source){descriptor, EPOLLIN, stream_ready, radio};
    if (loop_add_source(runtime, &radio->source)) {
        radio->source.fd = -1;
        close(descriptor);
        return BLUET_ENODEV;
    }
    radio->descriptor = descriptor;
    return 0;
}

static void stream_close(struct bluet_radio *radio)
{
    loop_remove_source(radio->runtime, &radio->source);
    if (radio->descriptor >= 0)
        close(radio->descriptor);
    radio->descriptor = -1;
    queue_free(&radio->output);
}

const struct radio_wire radio_stream = {
    .open = stream_open,
    .send = stream_send,
    .close = stream_close,
    .waiting = stream_waiting,
    .receive = stream_receive,
};
