/*
 * How fast the air runs on this machine: seconds of virtual time for each second of processor time, for advertisers and
 * scanners, and for connections that stream in both directions. Over 1, one core keeps up with the clock. One line of
 * JSON per case.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bluet/air.h"

enum { BUFFERS = 8, PACKET_OCTETS = 251, HOSTS_MOST = 2000 };

/* A host no bigger than it must be: it keeps its one link busy, if it is to stream. */
struct host {
    struct bluet_air_controller *controller;
    bool streams;
    bool connected;
    uint64_t reports, packets;
};

struct scene {
    struct bluet_air *air;
    struct host hosts[HOSTS_MOST];
    size_t count;
};

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static void send_octets(struct host *host, const uint8_t *octets, size_t length)
{
    if (bluet_air_receive(host->controller, octets, length) != BLUET_OK) {
        fprintf(stderr, "air_speed: a packet was refused\n");
        exit(1);
    }
}

static void send_data(struct host *host, unsigned handle, unsigned count)
{
    uint8_t packet[5 + PACKET_OCTETS] = {2, (uint8_t)handle, (uint8_t)(handle >> 8), PACKET_OCTETS, 0};
    for (; count; count--)
        send_octets(host, packet, sizeof packet);
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct host *host = context;
    (void)length;
    if (packet[0] == 2) {
        host->packets++;
    } else if (packet[1] == 0x3e && packet[3] == 0x02) {
        host->reports++;
    } else if (packet[1] == 0x3e && packet[3] == 0x01) {
        host->connected = packet[4] == 0;
        if (host->streams && host->connected)
            send_data(host, packet[5] | (unsigned)packet[6] << 8, BUFFERS);
    } else if (packet[1] == 0x13 && host->streams) {
        send_data(host, packet[4] | (unsigned)packet[5] << 8, packet[6]);
    }
    return true;
}

static struct host *add_host(struct scene *scene, bool streams)
{
    static const uint8_t start[] = {1, 0x03, 0x0c, 0,                                                 /* reset */
                                    1, 0x01, 0x0c, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, /* events */
                                    1, 0x01, 0x20, 8, 0x1f, 0,    0,    0,    0,    0,    0,    0,    /* LE events */
                                    1, 0x24, 0x20, 4, 251,  0,    0x48, 0x08};                        /* data length */
    struct host *host = &scene->hosts[scene->count];
    struct bluet_air_controller_config config = {.deliver = deliver, .context = host};
    size_t number = ++scene->count;
    for (size_t i = 0; i < 2; i++)
        config.public_address[5 - i] = (uint8_t)(number >> 8 * i);
    config.public_address[0] = 0x02;
    *host = (struct host){.streams = streams};
    if (bluet_air_attach(scene->air, &host->controller, &config) != BLUET_OK) {
        fprintf(stderr, "air_speed: no memory\n");
        exit(1);
    }
    for (size_t at = 0; at < sizeof start; at += 4u + start[at + 3])
        send_octets(host, start + at, 4u + start[at + 3]);
    return host;
}

static void advertise(struct host *host, unsigned interval)
{
    const uint8_t parameters[] = {1,
                                  0x06,
                                  0x20,
                                  15,
                                  (uint8_t)interval,
                                  (uint8_t)(interval >> 8),
                                  (uint8_t)interval,
                                  (uint8_t)(interval >> 8),
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  7,
                                  0};
    uint8_t data[4 + 32] = {1, 0x08, 0x20, 32, 31};
    static const uint8_t enable[] = {1, 0x0a, 0x20, 1, 1};
    send_octets(host, parameters, sizeof parameters);
    send_octets(host, data, sizeof data);
    send_octets(host, enable, sizeof enable);
}

static void scan(struct host *host)
{
    static const uint8_t parameters[] = {1, 0x0b, 0x20, 7, 0, 160, 0, 160, 0, 0, 0};
    static const uint8_t enable[] = {1, 0x0c, 0x20, 2, 1, 0};
    send_octets(host, parameters, sizeof parameters);
    send_octets(host, enable, sizeof enable);
}

/* The number of the peer is its address. */
static void connect(struct scene *scene, struct host *central, size_t peer, unsigned interval)
{
    const uint8_t create[] = {1,
                              0x0d,
                              0x20,
                              25,
                              16,
                              0,
                              16,
                              0,
                              0,
                              0,
                              (uint8_t)peer,
                              (uint8_t)(peer >> 8),
                              0,
                              0,
                              0,
                              2,
                              0,
                              (uint8_t)interval,
                              0,
                              (uint8_t)interval,
                              0,
                              0,
                              0,
                              100,
                              0,
                              0,
                              0,
                              0,
                              0};
    central->connected = false;
    send_octets(central, create, sizeof create);
    for (size_t i = 0; i < 1000 && !central->connected; i++)
        bluet_air_advance(scene->air, bluet_air_now(scene->air) + 10000);
    if (!central->connected) {
        fprintf(stderr, "air_speed: a connection did not come about\n");
        exit(1);
    }
}

static void begin(struct scene *scene)
{
    struct bluet_air_config config = {.reallocate = reallocate, .seed = 1};
    memset(scene, 0, sizeof *scene);
    if (bluet_air_create(&scene->air, &config) != BLUET_OK)
        exit(1);
}

static void measure(struct scene *scene, const char *what, uint64_t duration_us)
{
    uint64_t before = 0;
    uint64_t after = 0;
    for (size_t i = 0; i < scene->count; i++)
        before += scene->hosts[i].reports + scene->hosts[i].packets;
    clock_t start = clock();
    bluet_air_advance(scene->air, bluet_air_now(scene->air) + duration_us);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    for (size_t i = 0; i < scene->count; i++)
        after += scene->hosts[i].reports + scene->hosts[i].packets;
    double virtual_seconds = (double)duration_us / 1e6;
    printf("{\"case\": \"%s\", \"virtual seconds a second\": %.1f, \"packets to hosts a virtual second\": %.0f}\n",
           what, virtual_seconds / (seconds > 0 ? seconds : 1e-6), (double)(after - before) / virtual_seconds);
    bluet_air_destroy(scene->air);
}

static void advertisers(struct scene *scene, const char *what, size_t advertiser_count, size_t scanner_count,
                        unsigned interval, uint64_t duration_us)
{
    begin(scene);
    for (size_t i = 0; i < advertiser_count; i++) {
        advertise(add_host(scene, false), interval);
        bluet_air_advance(scene->air, interval * UINT64_C(625) * i / advertiser_count); /* not all in step */
    }
    for (size_t i = 0; i < scanner_count; i++)
        scan(add_host(scene, false));
    measure(scene, what, duration_us);
}

static void streams(struct scene *scene, const char *what, size_t pairs, uint64_t duration_us)
{
    begin(scene);
    for (size_t i = 0; i < pairs; i++) {
        struct host *central = add_host(scene, true);
        advertise(add_host(scene, true), 32);
        connect(scene, central, scene->count, 24);
    }
    measure(scene, what, duration_us);
}

static void idle(struct scene *scene, const char *what, size_t links, uint64_t duration_us)
{
    begin(scene);
    struct host *central = add_host(scene, false);
    for (size_t i = 0; i < links; i++) {
        advertise(add_host(scene, false), 32);
        connect(scene, central, scene->count, 80);
    }
    measure(scene, what, duration_us);
}

int main(void)
{
    static struct scene scene;
    advertisers(&scene, "2 devices: an advertiser every 100 ms, a scanner", 1, 1, 160, 600000000);
    advertisers(&scene, "20 devices: 18 advertisers every 100 ms, 2 scanners", 18, 2, 160, 100000000);
    advertisers(&scene, "200 devices: 190 advertisers every 100 ms, 10 scanners", 190, 10, 160, 10000000);
    advertisers(&scene, "1000 advertisers every second, 20 scanners", 1000, 20, 1600, 10000000);
    advertisers(&scene, "1000 advertisers every 100 ms, 20 scanners", 1000, 20, 160, 5000000);
    streams(&scene, "1 connection streaming both ways", 1, 100000000);
    streams(&scene, "64 connections streaming both ways", 64, 5000000);
    idle(&scene, "64 idle connections of one central, 100 ms", 64, 100000000);
    return 0;
}
