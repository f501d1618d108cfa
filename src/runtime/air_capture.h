/*
 * A capture of an air: what passes between each controller and its host, and what goes over the radio, on one clock. It
 * also remembers what happened last on each link, to be told in a sentence.
 */
#ifndef BLUET_RUNTIME_AIR_CAPTURE_H
#define BLUET_RUNTIME_AIR_CAPTURE_H

#include "bluet/air.h"
#include "runtime/pcapng.h"

enum { AIR_CAPTURE_NAME_SIZE = 80 };

struct air_capture_host {
    struct air_capture_host *next;
    const struct bluet_air_controller *controller;
    uint32_t interface;
    char name[AIR_CAPTURE_NAME_SIZE];
};

/* The last packet of a link that was not empty. */
struct air_capture_link {
    struct air_capture_link *next;
    uint32_t access_address;
    uint64_t time;
    bool from_central;
    char from[AIR_CAPTURE_NAME_SIZE], what[AIR_CAPTURE_NAME_SIZE], fate[AIR_CAPTURE_NAME_SIZE];
};

struct air_capture {
    struct pcapng file;
    uint64_t unix_us; /* when the air began */
    uint32_t air;     /* the interface of the radio */
    struct air_capture_host *hosts;
    struct air_capture_link *links; /* the latest first */
};

/* Begins to look on, at that moment of the world's. BLUET_EIO (see the message). */
BLUET_INTERNAL int air_capture_begin(struct air_capture *capture, struct bluet_air *air, uint64_t unix_us,
                                     const char *path);
BLUET_INTERNAL void air_capture_end(struct air_capture *capture, struct bluet_air *air);
/* A controller has come, and is called so; or one at the same place in memory. */
BLUET_INTERNAL void air_capture_add(struct air_capture *capture, const struct bluet_air_controller *controller,
                                    const char *name);
BLUET_INTERNAL void air_capture_remove(struct air_capture *capture, const struct bluet_air_controller *controller);

/* A line for each link: what happened last on it. */
BLUET_INTERNAL void air_capture_tell(const struct air_capture *capture, char *out, size_t size);

#endif
