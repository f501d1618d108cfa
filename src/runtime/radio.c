/*
 * A radio: the host's port, the events' way to the application, the life of the wire, and waiting for the controller's
 * answers.
 */
#include "runtime/radio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { DEFAULT_RECEIVE_SIZE = 65536, LEAST_RECEIVE_SIZE = 1024, OUTPUT_LIMIT = 1 << 20 };

/* ---- The port ---- */

static void port_send(void *context, const struct bluet_span *spans, size_t count)
{
    struct bluet_radio *radio = context;
    if (!radio->open) {
        radio_fail(radio, "the host was activated without its radio: use bluet_radio_activate()");
        return;
    }
    if (radio->failed)
        return;
    struct bluet_runtime *runtime = radio->runtime;
    if (capture_is_open(&radio->capture))
        capture_packet(&radio->capture, runtime->epoch_unix_us + bluet_runtime_now(runtime), false, spans, count);
    radio->wire->send(radio, spans, count);
}

static uint64_t port_now(void *context)
{
    const struct bluet_radio *radio = context;
    return bluet_runtime_now(radio->runtime);
}

static void *port_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

BLUET_INTERNAL void radio_random(const struct bluet_radio *radio, uint8_t *out, size_t length)
{
    if (radio->runtime->air) {
        bluet_air_random(radio->runtime->air, out, length);
        return;
    }
    while (length > 0) {
        ssize_t octets = getrandom(out, length, 0);
        if (octets < 0 && errno != EINTR)
            abort(); /* without random numbers nothing that follows would be safe */
        if (octets > 0) {
            out += octets;
            length -= (size_t)octets;
        }
    }
}

static void port_random(void *context, uint8_t *out, size_t length)
{
    radio_random(context, out, length);
}

/* ---- Events ---- */

/* The controller's own, for the next time that the stream is opened. */
static void note_address(struct bluet_radio *radio)
{
    struct transport *transport = &radio->transport;
    struct bluet_address address;
    if (radio->wire != &radio_stream || transport->has_address || bluet_own_address(radio->host, &address) ||
        address.type != BLUET_ADDRESS_PUBLIC)
        return;
    memcpy(transport->address, address.octets, sizeof transport->address);
    transport->has_address = true;
}

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct bluet_radio *radio = context;
    struct bluet_runtime *runtime = radio->runtime;
    if (event->code == BLUET_EVENT_OPERATION_DONE) {
        note_address(radio);
        verdicts_record(&radio->verdicts, event);
        pthread_cond_broadcast(&runtime->changed);
    }
    bool for_store = radio->store && (event->code == BLUET_EVENT_GET_SECRET || event->code == BLUET_EVENT_SET_SECRET);
    if (!radio->handler && !for_store)
        return 0;
    struct handler_frame frame;
    loop_handler_begin(&frame, runtime);
    int answer = for_store ? radio_store_answer(radio, event) : radio->handler(radio->handler_context, host, event);
    loop_handler_end(&frame);
    return answer;
}

BLUET_INTERNAL void radio_fail(struct bluet_radio *radio, const char *format, ...)
{
    if (radio->failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(radio->message, sizeof radio->message, format, arguments);
    va_end(arguments);
    radio->failed = true;
    loop_hurry(radio->runtime, &radio->timer);
}

/* Closes the wire of a host that has become inactive, and lets nobody wait for what will not come. */
static void settle(struct bluet_radio *radio)
{
    if (radio->failed || bluet_is_active(radio->host) || bluet_deadline(radio->host) != BLUET_NEVER)
        return;
    if (radio->open) {
        radio->open = false;
        radio->wire->close(radio);
    }
    radio_store_close(radio);
    verdicts_abandon(&radio->verdicts, BLUET_ENODEV);
    pthread_cond_broadcast(&radio->runtime->changed);
}

BLUET_INTERNAL void radio_receive(struct bluet_radio *radio, const uint8_t *packet, size_t length)
{
    struct bluet_runtime *runtime = radio->runtime;
    loop_batch_begin(runtime);
    if (capture_is_open(&radio->capture)) {
        const struct bluet_span span = {packet, length};
        capture_packet(&radio->capture, runtime->epoch_unix_us + bluet_runtime_now(runtime), true, &span, 1);
    }
    bluet_receive(radio->host, packet, length);
    if (bluet_deadline(radio->host) <= bluet_runtime_now(runtime))
        bluet_poll(radio->host);
    settle(radio);
    loop_batch_end(runtime);
}

static bool has_packets(const struct bluet_radio *radio)
{
    return radio->open && !radio->failed && radio->wire->waiting(radio);
}

static uint64_t deadline(void *context)
{
    const struct bluet_radio *radio = context;
    return radio->failed || has_packets(radio) ? 0 : bluet_deadline(radio->host);
}

static void expire(void *context, uint64_t now)
{
    struct bluet_radio *radio = context;
    struct bluet_runtime *runtime = radio->runtime;
    loop_lock(runtime);
    bool packets = has_packets(radio);
    loop_unlock(runtime);
    if (packets)
        radio->wire->receive(radio);

    loop_lock(runtime);
    bool due = radio->failed || bluet_deadline(radio->host) <= now;
    loop_unlock(runtime);
    if (!due)
        return;
    loop_batch_begin(runtime);
    if (radio->failed) {
        radio->failed = false;
        bluet_controller_lost(radio->host);
    }
    bluet_poll(radio->host);
    settle(radio);
    loop_batch_end(runtime);
}

/* ---- Life ---- */

static int prepare_wire(struct bluet_radio *radio, const struct bluet_radio_config *config)
{
    radio->output.limit = radio->inbox.limit = OUTPUT_LIMIT;
    radio->source.fd = radio->capture.fd = -1;
    if (radio->runtime->air) {
        radio->wire = &radio_air;
        if (!config->transport)
            return radio_air_attach(radio);
        message_set("the runtime's virtual air is the transport of its radios: give none");
        return BLUET_EINVAL;
    }
    radio->wire = &radio_stream;
    return transport_create(&radio->transport, config->transport);
}

static int create_host(struct bluet_radio *radio, const struct bluet_radio_config *config)
{
    struct bluet_config host = config->host;
    radio->handler = host.handler;
    radio->handler_context = host.handler_context;
    host.handler = handle_event;
    host.handler_context = radio;
    radio->store_failed = config->store_failed;
    host.port = (struct bluet_port){radio, port_send, port_now, port_reallocate, port_random};
    return bluet_create(&radio->host, &host);
}

static void free_radio(struct bluet_radio *radio)
{
    if (radio->host)
        bluet_destroy(radio->host);
    if (radio->controller)
        bluet_air_detach(radio->controller);
    capture_close(&radio->capture);
    radio_store_close(radio);
    free(radio->store_name);
    transport_free(&radio->transport);
    h4_framer_free(&radio->framer);
    queue_free(&radio->output);
    queue_free(&radio->inbox);
    free(radio);
}

static void add_to_runtime(struct bluet_radio *radio)
{
    struct bluet_radio **place = &radio->runtime->radios;
    while (*place)
        place = &(*place)->next;
    *place = radio;
    radio->number = ++radio->runtime->radio_number;
    radio->timer = (struct loop_timer){.deadline = deadline, .expire = expire, .context = radio};
    loop_add_timer(radio->runtime, &radio->timer);
}

static void remove_from_runtime(struct bluet_radio *radio)
{
    struct bluet_radio **place = &radio->runtime->radios;
    while (*place && *place != radio)
        place = &(*place)->next;
    if (*place)
        *place = radio->next;
    loop_remove_timer(radio->runtime, &radio->timer);
}

int bluet_radio_create(struct bluet_radio **out_radio, struct bluet_runtime *runtime,
                       const struct bluet_radio_config *config)
{
    static const struct bluet_radio_config defaults;
    message_clear();
    struct bluet_radio *radio = calloc(1, sizeof *radio);
    if (!radio)
        return BLUET_ENOMEM;
    radio->runtime = runtime;
    radio->receive_size = config && config->receive_size ? config->receive_size : DEFAULT_RECEIVE_SIZE;
    if (radio->receive_size < LEAST_RECEIVE_SIZE)
        radio->receive_size = LEAST_RECEIVE_SIZE;

    bluet_runtime_lock(runtime);
    int error = prepare_wire(radio, config ? config : &defaults);
    if (!error && config && config->store)
        error = bluet_radio_set_store(radio, config->store);
    if (!error)
        error = create_host(radio, config ? config : &defaults);
    if (error) {
        free_radio(radio);
    } else {
        add_to_runtime(radio);
        *out_radio = radio;
    }
    bluet_runtime_unlock(runtime);
    return error;
}

void bluet_radio_destroy(struct bluet_radio *radio)
{
    if (!radio)
        return;
    struct bluet_runtime *runtime = radio->runtime;
    loop_pause(runtime);
    verdicts_abandon(&radio->verdicts, BLUET_ENODEV);
    pthread_cond_broadcast(&runtime->changed);
    while (radio->verdicts.waiters)
        loop_sleep(runtime, BLUET_NEVER);
    remove_from_runtime(radio);
    if (radio->open)
        radio->wire->close(radio);
    free_radio(radio);
    loop_resume(runtime);
}

/* A descriptor of libusb's it does not tell; what the parent does with the device does not depend on it. */
BLUET_INTERNAL void radio_disinherit(struct bluet_radio *radio)
{
    if (radio->carrier.kind)
        close(radio->carrier.fd);
    if (radio->store)
        store_file_unlock(&radio->store->file);
    capture_close(&radio->capture);
}

const char *bluet_radio_trouble(const struct bluet_radio *radio)
{
    return radio->message;
}

struct bluet *bluet_radio_host(struct bluet_radio *radio)
{
    return radio->host;
}

struct bluet_runtime *bluet_radio_runtime(struct bluet_radio *radio)
{
    return radio->runtime;
}

int bluet_radio_set_receive_size(struct bluet_radio *radio, size_t size)
{
    if (size < LEAST_RECEIVE_SIZE)
        return BLUET_EINVAL;
    loop_lock(radio->runtime);
    radio->receive_size = size;
    loop_unlock(radio->runtime);
    return 0;
}

size_t bluet_radio_receive_size(const struct bluet_radio *radio)
{
    loop_lock(radio->runtime);
    size_t size = radio->receive_size;
    loop_unlock(radio->runtime);
    return size;
}

/* ---- Captures ---- */

static int capture_to(struct bluet_radio *radio, const char *path)
{
    capture_close(&radio->capture);
    return path ? capture_open(&radio->capture, path) : 0;
}

int bluet_radio_capture(struct bluet_radio *radio, const char *path)
{
    message_clear();
    loop_lock(radio->runtime);
    int error = capture_to(radio, path);
    loop_unlock(radio->runtime);
    return error;
}

/* BLUET_SNOOP=FILE: the first radio of this process that is activated writes FILE, the second FILE.2, and so on. */
static int capture_as_environment_says(struct bluet_radio *radio)
{
    static atomic_uint captures;
    const char *name = getenv("BLUET_SNOOP");
    if (!name || !*name || capture_is_open(&radio->capture))
        return 0;
    char path[4096];
    unsigned number = atomic_fetch_add(&captures, 1) + 1;
    int length =
        number == 1 ? snprintf(path, sizeof path, "%s", name) : snprintf(path, sizeof path, "%s.%u", name, number);
    if (length >= (int)sizeof path) {
        message_set("the path in BLUET_SNOOP is too long");
        return BLUET_EIO;
    }
    return capture_to(radio, path);
}

/* ---- Activation ---- */

static int open_wire(struct bluet_radio *radio)
{
    int error = capture_as_environment_says(radio);
    if (!error)
        error = radio_store_open(radio);
    if (error)
        return error;
    radio->message[0] = '\0';
    radio->opening = true;
    error = radio->wire->open(radio);
    radio->opening = false;
    radio->open = error == 0;
    if (error)
        radio_store_close(radio);
    pthread_cond_broadcast(&radio->runtime->changed);
    return error;
}

int bluet_radio_activate(struct bluet_radio *radio)
{
    message_clear();
    bluet_runtime_lock(radio->runtime);
    while (radio->opening)
        loop_sleep(radio->runtime, BLUET_NEVER);
    int result = radio->open ? 0 : open_wire(radio);
    if (result == 0) {
        result = bluet_activate(radio->host);
        if (result < 0)
            settle(radio);
    }
    bluet_runtime_unlock(radio->runtime);
    return result;
}
