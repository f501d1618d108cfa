/*
 * A heart-rate monitor: finds a sensor, connects, discovers the measurement, subscribes, and prints each rate. An
 * argument says how many to print before it ends; otherwise Ctrl-C does. Against the public headers only.
 */
#define _POSIX_C_SOURCE 200809L /* sigaction */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bluet/runtime.h"

enum { CONNECT_MS = 5000, SCAN_INTERVAL_US = 50000, RUN_US = 1000000 };

static const struct bluet_uuid heart_rate = {2, {0x0d, 0x18}};
static const struct bluet_uuid measurement = {2, {0x37, 0x2a}};
static const struct bluet_uuid configuration = {2, {0x02, 0x29}};

static struct bluet_runtime *runtime;
static volatile sig_atomic_t ended;

static struct monitor {
    bool found;
    uint16_t first_handle, last_handle;         /* of the service */
    uint16_t value_handle, characteristic_last; /* of the measurement */
    uint16_t configuration_handle;
    long count, wanted;
    int result;
} monitor;

static void end(int result)
{
    monitor.result = result;
    ended = 1;
    bluet_runtime_break(runtime);
}

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    end(1);
    return 0;
}

static void scan(struct bluet *host)
{
    monitor = (struct monitor){.count = monitor.count, .wanted = monitor.wanted};
    printf("scanning\n");
    if (bluet_gap_scan(host, 0, SCAN_INTERVAL_US, SCAN_INTERVAL_US, false) < 0)
        fail("cannot scan");
}

/* Whether the advertising data lists the heart-rate service (16-bit UUIDs: types 2 and 3). */
static bool offers_heart_rate(const uint8_t *data, size_t length)
{
    for (size_t at = 0; at + 1 < length && data[at] && at + data[at] < length; at += (size_t)data[at] + 1)
        if (data[at + 1] == 0x02 || data[at + 1] == 0x03)
            for (size_t i = at + 2; i + 1 <= at + data[at]; i += 2)
                if (memcmp(data + i, heart_rate.octets, 2) == 0)
                    return true;
    return false;
}

static void on_report(struct bluet *host, const struct bluet_event *event)
{
    if (monitor.found || !offers_heart_rate(event->scan_result.data, event->scan_result.length))
        return;
    const uint8_t *octets = event->scan_result.peer.octets;
    printf("found %02x:%02x:%02x:%02x:%02x:%02x\n", octets[0], octets[1], octets[2], octets[3], octets[4], octets[5]);
    monitor.found = true;
    if (bluet_gap_connect(host, &event->scan_result.peer, CONNECT_MS, NULL) < 0)
        fail("cannot connect");
}

static void on_value(struct bluet *host, const struct bluet_event *event)
{
    if (event->value.value_handle != monitor.value_handle || event->value.length < 2)
        return;
    printf("heart rate %u\n", event->value.data[1]);
    if (++monitor.count == monitor.wanted)
        bluet_gap_disconnect(host, event->conn_handle);
}

static void on_disconnect(struct bluet *host, const struct bluet_event *event)
{
    if (event->conn_handle == 0xffff)
        printf("the connection failed\n");
    else
        printf("disconnected (reason 0x%02x)\n", event->disconnect.reason);
    if (monitor.wanted && monitor.count >= monitor.wanted)
        end(0);
    else
        scan(host);
}

/* Each step of the discovery ends in an event that begins the next one. */
static int on_discovery(struct bluet *host, const struct bluet_event *event)
{
    uint16_t connection = event->conn_handle;
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_RESULT:
        monitor.first_handle = event->service_result.start_handle;
        monitor.last_handle = event->service_result.end_handle;
        return 0;
    case BLUET_EVENT_GATTC_SERVICE_DONE:
        if (!monitor.first_handle)
            return fail("it has no heart-rate service");
        return bluet_gattc_discover_characteristics(host, connection, monitor.first_handle, monitor.last_handle,
                                                    &measurement);
    case BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT:
        monitor.value_handle = event->characteristic_result.value_handle;
        monitor.characteristic_last = event->characteristic_result.end_handle;
        return 0;
    case BLUET_EVENT_GATTC_CHARACTERISTIC_DONE:
        if (!monitor.value_handle)
            return fail("it has no heart-rate measurement");
        return bluet_gattc_discover_descriptors(host, connection, monitor.value_handle, monitor.characteristic_last);
    case BLUET_EVENT_GATTC_DESCRIPTOR_RESULT:
        if (memcmp(&event->descriptor_result.uuid, &configuration, sizeof configuration) == 0)
            monitor.configuration_handle = event->descriptor_result.dsc_handle;
        return 0;
    case BLUET_EVENT_GATTC_DESCRIPTOR_DONE:
        if (!monitor.configuration_handle)
            return fail("its measurement cannot be subscribed to");
        return bluet_gattc_write(host, connection, monitor.configuration_handle, "\x01\x00", 2,
                                 BLUET_WRITE_WITH_RESPONSE);
    default:
        return 0;
    }
}

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)context;
    switch (event->code) {
    case BLUET_EVENT_SCAN_RESULT:
        on_report(host, event);
        break;
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        printf("connected\n");
        bluet_gattc_discover_services(host, event->conn_handle, &heart_rate);
        break;
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        on_disconnect(host, event);
        break;
    case BLUET_EVENT_GATTC_WRITE_DONE:
        printf(event->done.status ? "cannot subscribe (status 0x%02x)\n" : "subscribed\n", event->done.status);
        break;
    case BLUET_EVENT_GATTC_NOTIFY:
        on_value(host, event);
        break;
    case BLUET_EVENT_INACTIVE:
        return fail("the radio is lost");
    default:
        if (on_discovery(host, event) < 0)
            fail("the discovery cannot go on");
        break;
    }
    return 0;
}

static void on_signal(int number)
{
    (void)number;
    ended = 1;
    bluet_runtime_break(runtime);
}

int main(int argc, char **argv)
{
    struct bluet_radio *radio = NULL;
    const struct bluet_radio_config config = {.host.handler = on_event};
    monitor.wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
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
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    scan(host);
    while (!ended)
        bluet_runtime_run(runtime, RUN_US);
    bluet_radio_wait(radio, bluet_deactivate(host), NULL, NULL);
    bluet_runtime_destroy(runtime);
    return monitor.result;
}
