/* A radio on a stream of H4: reads ahead, and keeps what the controller does not take at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

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
static size_t send_now(struct bluet_radio *radio, const struct iovec *parts, size_t count, size_t length)
{
    struct carrier *carrier = &radio->carrier;
    ssize_t sent;
    do {
        sent = carrier->kind->write(carrier, parts, count);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return (size_t)sent;
    if (errno == EAGAIN)
        return 0;
    stream_fail(radio, carrier_words(carrier, errno));
    return length;
}

static void flush(struct bluet_radio *radio)
{
    size_t waiting;
    while ((waiting = queue_length(&radio->output)) > 0) {
        if (radio->carrier.kind->whole_packets)
            waiting = h4_packet_length(queue_front(&radio->output), waiting);
        const struct iovec part = {(void *)(uintptr_t)queue_front(&radio->output), waiting};
        size_t sent = send_now(radio, &part, 1, waiting);
        if (!sent)
            break;
        queue_consume(&radio->output, sent);
    }
    wait_for_room(radio);
}

static void stream_send(struct bluet_radio *radio, const struct bluet_span *spans, size_t count)
{
    struct iovec parts[MOST_SPANS] = {{NULL, 0}};
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

static bool has_packet(const struct bluet_radio *radio)
{
    return !radio->seeking && h4_waiting(&radio->framer);
}

/* The message says how the stream is out of step. */
static void lose_step(struct bluet_radio *radio)
{
    const char *advice = radio->carrier.kind->advice;
    char text[MESSAGE_SIZE];
    snprintf(text, sizeof text, "%s%s%s", bluet_runtime_message(), advice ? ": " : "", advice ? advice : "");
    stream_fail(radio, text);
}

static bool next_packet(struct bluet_radio *radio, const uint8_t **out_packet, size_t *out_length)
{
    int result = 0;
    loop_lock(radio->runtime);
    while (radio->open && !radio->failed && !radio->seeking &&
           (result = h4_next(&radio->framer, out_packet, out_length)) > 0) {
        uint32_t reports = radio->flooded ? count_reports(*out_packet, *out_length) : 0;
        if (!reports)
            break;
        bluet_add_dropped(radio->host, reports);
        result = 0;
    }
    if (result < 0)
        lose_step(radio);
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
    return has_packet(radio);
}

/* What a stream says that was joined midway, until it answers. */
static void seek(struct bluet_radio *radio)
{
    radio->seeking = !h4_seek_reset(&radio->framer);
    if (radio->seeking)
        snprintf(radio->message, sizeof radio->message, "%s says something, but does not answer: %s",
                 radio->transport.name, radio->carrier.kind->advice);
    else
        radio->message[0] = '\0';
}

static void read_ahead(struct bluet_radio *radio)
{
    struct carrier *carrier = &radio->carrier;
    size_t room;
    uint8_t *space = h4_space(&radio->framer, &room);
    ssize_t length = carrier->kind->read(carrier, space, room);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        stream_fail(radio, carrier_words(carrier, length < 0 ? errno : 0));
        return;
    }
    h4_filled(&radio->framer, (size_t)length);
    radio->flooded = (size_t)length == room;
    if (radio->seeking)
        seek(radio);
}

static void stream_ready(void *context, uint32_t events)
{
    struct bluet_radio *radio = context;
    loop_lock(radio->runtime);
    bool usable = radio->open && !radio->failed;
    /* What has been read is handed over first; the controller waits meanwhile. */
    if (usable && events & ~(uint32_t)EPOLLOUT && !has_packet(radio))
        read_ahead(radio);
    if (usable && !radio->failed && queue_length(&radio->output))
        flush(radio);
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
    struct carrier carrier = {.kind = NULL};
    error = transport_open(&radio->transport, &carrier);
    loop_restore(runtime, depth);
    if (error)
        return error;

    radio->source = (struct loop_source){carrier.fd, EPOLLIN, stream_ready, radio};
    if (loop_add_source(runtime, &radio->source)) {
        radio->source.fd = -1;
        carrier.kind->close(&carrier);
        return BLUET_ENODEV;
    }
    radio->carrier = carrier;
    radio->seeking = carrier.kind->joined_midway;
    return 0;
}

static void stream_close(struct bluet_radio *radio)
{
    loop_remove_source(radio->runtime, &radio->source);
    if (radio->carrier.kind)
        radio->carrier.kind->close(&radio->carrier);
    radio->carrier.kind = NULL;
    queue_free(&radio->output);
}

const struct radio_wire radio_stream = {
    .open = stream_open,
    .send = stream_send,
    .close = stream_close,
    .waiting = stream_waiting,
    .receive = stream_receive,
};
