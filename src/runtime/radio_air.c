/*
 * A radio on the runtime's own virtual air. What its controller delivers is kept until the air has come to rest at that
 * moment of its time, and handed to the host then.
 */
#include "runtime/radio.h"

#include <stdio.h>

#include "runtime/air_capture.h"
#include "spec/reader.h"
#include "spec/writer.h"

enum { LONGEST_PACKET = 1024, LENGTH_OCTETS = 2 };

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct bluet_radio *radio = context;
    if (!radio->open)
        return true;
    uint8_t header[LENGTH_OCTETS] = {(uint8_t)length, (uint8_t)(length >> 8)};
    size_t waiting = queue_length(&radio->inbox);
    if (waiting > radio->inbox.limit - sizeof header - length || !queue_append(&radio->inbox, header, sizeof header)) {
        radio->stalled = true;
        return false;
    }
    loop_hurry(radio->runtime, &radio->timer);
    if (!queue_append(&radio->inbox, packet, length))
        radio_fail(radio, "no memory for a packet of the air");
    return true;
}

/* The controller that it has now, in the place of the former one. */
static void name_in_capture(const struct bluet_radio *radio, const struct bluet_air_controller *former)
{
    struct bluet_runtime *runtime = radio->runtime;
    char name[32];
    if (!runtime->capture)
        return;
    if (former)
        air_capture_remove(runtime->capture, former);
    snprintf(name, sizeof name, "radio %lu", radio->number ? radio->number : runtime->radio_number + 1);
    air_capture_add(runtime->capture, radio->controller, name);
}

BLUET_INTERNAL int radio_air_attach(struct bluet_radio *radio)
{
    struct bluet_air_controller_config config = {.deliver = deliver, .context = radio};
    struct bluet_air_controller *former = radio->controller;
    if (radio->transport.has_address)
        memcpy(config.public_address, radio->transport.address, sizeof config.public_address);
    int error = bluet_air_attach(radio->runtime->air, &radio->controller, &config);
    if (!error && former)
        bluet_air_detach(former);
    if (!error)
        name_in_capture(radio, former);
    return error;
}

static int air_open(struct bluet_radio *radio)
{
    if (!radio->transport.has_address || radio->placed)
        return 0;
    int error = radio_air_attach(radio);
    radio->placed = !error;
    return error;
}

static void air_send(struct bluet_radio *radio, const struct bluet_span *spans, size_t count)
{
    uint8_t packet[LONGEST_PACKET];
    struct writer writer = writer_of(packet, sizeof packet);
    for (size_t i = 0; i < count; i++)
        write_octets(&writer, spans[i].data, spans[i].length);
    if (!writer_ok(&writer) || bluet_air_receive(radio->controller, packet, writer.length))
        radio_fail(radio, "the air does not take a packet of the host");
}

static void air_close(struct bluet_radio *radio)
{
    queue_free(&radio->inbox);
    if (radio->stalled)
        bluet_air_resume(radio->controller);
    radio->stalled = false;
}

static bool air_waiting(const struct bluet_radio *radio)
{
    return queue_length(&radio->inbox) > 0;
}

static bool next_packet(struct bluet_radio *radio, const uint8_t **out_packet, size_t *out_length)
{
    loop_lock(radio->runtime);
    struct reader reader = reader_of(queue_front(&radio->inbox), queue_length(&radio->inbox));
    *out_length = read_u16(&reader);
    *out_packet = read_span(&reader, *out_length);
    bool found = radio->open && !radio->failed && reader_ok(&reader);
    if (found)
        queue_consume(&radio->inbox, LENGTH_OCTETS + *out_length);
    if (!air_waiting(radio) && radio->stalled) {
        radio->stalled = false;
        bluet_air_resume(radio->controller);
    }
    loop_unlock(radio->runtime);
    return found;
}

static void air_receive(struct bluet_radio *radio)
{
    const uint8_t *packet;
    size_t length;
    while (!loop_should_yield(radio->runtime) && next_packet(radio, &packet, &length))
        radio_receive(radio, packet, length);
}

const struct radio_wire radio_air = {
    .open = air_open,
    .send = air_send,
    .close = air_close,
    .waiting = air_waiting,
    .receive = air_receive,
};
