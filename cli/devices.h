/* Who has been heard in a scan: one entry for each address, with what it said last. */
#ifndef BLUET_CLI_DEVICES_H
#define BLUET_CLI_DEVICES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "advertising_text.h"
#include "bluet/bluet.h"

struct device {
    struct bluet_address address;
    uint8_t adv_type; /* of its last advertisement, a scan response aside */
    int8_t rssi;
    bool waiting; /* not shown yet: its scan response may be about to come */
    uint32_t reports;
    uint64_t first_us, last_us;
    uint8_t data_length, response_length;
    uint8_t data[255], response[255];
};

struct devices {
    struct device *list;
    size_t count, capacity;
};

/* As many as are remembered; an air full of changing addresses must not fill the memory. */
enum { DEVICES_LIMIT = 16384 };

/* What a report changed. */
enum device_news { DEVICE_KNOWN, DEVICE_NEW, DEVICE_CHANGED, DEVICE_NOT_KEPT };

/* Takes a report in; `out_device` is the entry, NULL if it was not kept. It is valid until the next call. */
enum device_news devices_take(struct devices *devices, struct device **out_device, const struct bluet_event *report,
                              uint64_t now_us);
void devices_free(struct devices *devices);

bool device_is_scannable(const struct device *device);
bool device_is_connectable(const struct device *device);
struct advertising_pair device_data(const struct device *device);

/* Its name, with nothing in it that harms a terminal; "" if it has none. */
void device_write_name(FILE *stream, const struct device *device);
bool device_name_contains(const struct device *device, const char *text);

/* "C0:FF:EE:00:00:01  random static  -60 dBm  ADV_IND  "Name"  services: ..." and a new line. */
void device_write_line(FILE *stream, const struct device *device);
json_t *device_to_json(const struct device *device);

#endif
