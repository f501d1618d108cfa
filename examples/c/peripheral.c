/*
 * A heart-rate sensor: advertises, and notifies a rate that wanders once a second to whoever subscribes; with a battery
 * service. Ctrl-C ends it. A whole peripheral against the public headers.
 */
#define _POSIX_C_SOURCE 200809L /* sigaction */

#include <signal.h>
#include <stdio.h>

#include "bluet/runtime.h"

static struct bluet_runtime *runtime;
static volatile sig_atomic_t ended;

static const uint8_t advertisement[] = "\x02\x01\x06\x03\x03\x0d\x18\x0b\x09Heart Rate"; /* flags, services, name */
static const struct bluet_characteristic heart_rate[] = {
    {.uuid = {2, {0x37, 0x2a}}, .flags = BLUET_FLAG_NOTIFY}, /* Heart Rate Measurement */
    {.uuid = {2, {0x38, 0x2a}}, .flags = BLUET_FLAG_READ},   /* Body Sensor Location */
};
static const struct bluet_characteristic battery[] = {
    {.uuid = {2, {0x19, 0x2a}}, .flags = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY}, /* Battery Level */
};
static const struct bluet_service services[] = {
    {.uuid = {2, {0x0d, 0x18}}, .characteristics = heart_rate, .characteristic_count = 2},
    {.uuid = {2, {0x0f, 0x18}}, .characteristics = battery, .characteristic_count = 1},
};
enum { MEASUREMENT, LOCATION, LEVEL, HANDLE_COUNT, CHEST = 1, SECOND = 1000000 };

static int advertise(struct bluet *host)
{
    const struct bluet_span data = {advertisement, sizeof advertisement - 1};
    return bluet_gap_advertise(host, 100000, &data, NULL, true);
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)context;
    if (event->code == BLUET_EVENT_CENTRAL_CONNECT) {
        printf("connected\n");
    } else if (event->code == BLUET_EVENT_CENTRAL_DISCONNECT) {
        printf("disconnected (reason 0x%02x)\n", event->disconnect.reason);
        advertise(host);
    } else if (event->code == BLUET_EVENT_INACTIVE) {
        ended = 1;
        bluet_runtime_break(runtime);
    }
    return 0;
}

static void on_signal(int number)
{
    (void)number;
    ended = 1;
    bluet_runtime_break(runtime);
}

static void measure(struct bluet *host, const uint16_t *handles, unsigned beat)
{
    const uint8_t measurement[] = {0, (uint8_t)(72 + beat % 7)}; /* no flags, beats a minute */
    bluet_gatts_write(host, handles[MEASUREMENT], measurement, sizeof measurement, true);
    printf("heart rate %u\n", measurement[1]);
}

int main(void)
{
    struct bluet_radio *radio = NULL;
    const struct bluet_radio_config config = {.host.handler = on_event};
    uint16_t handles[HANDLE_COUNT];
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    int error = bluet_runtime_create(&runtime, NULL);
    if (!error)
        error = bluet_radio_create(&radio, runtime, &config);
    if (!error)
        error = bluet_radio_wait(radio, bluet_radio_activate(radio), NULL, NULL);
    if (error) {
        fprintf(stderr, "no radio: %s (%d)\n", bluet_runtime_message(), error);
        return 1;
    }

    struct bluet *host = bluet_radio_host(radio);
    bluet_set_gap_name(host, "Heart Rate", 10);
    bluet_gatts_register_services(host, handles, HANDLE_COUNT, services, 2);
    bluet_gatts_write(host, handles[LOCATION], &(uint8_t){CHEST}, 1, false);
    bluet_gatts_write(host, handles[LEVEL], &(uint8_t){100}, 1, false);
    error = bluet_radio_wait(radio, advertise(host), NULL, NULL);

    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    for (unsigned beat = 0; !error && !ended; beat++)
        if (bluet_runtime_run(runtime, SECOND) == 0 && !ended)
            measure(host, handles, beat);
    bluet_radio_wait(radio, bluet_deactivate(host), NULL, NULL);
    bluet_runtime_destroy(runtime);
    return error != 0;
}
