/* Keeps who has been heard in a scan, and says it as a line or as JSON. */
#include "devices.h"

#include <stdlib.h>
#include <string.h>

#include "advertising_data.h"
#include "output.h"

enum { SCAN_RESPONSE = 4, RSSI_UNKNOWN = 127 };

static struct device *find(struct devices *devices, const struct bluet_address *address)
{
    for (size_t i = 0; i < devices->count; i++) {
        struct device *device = &devices->list[i];
        if (device->address.type == address->type && memcmp(device->address.octets, address->octets, 6) == 0)
            return device;
    }
    return NULL;
}

static struct device *add(struct devices *devices, const struct bluet_address *address, uint64_t now_us)
{
    if (devices->count == DEVICES_LIMIT)
        return NULL;
    if (devices->count == devices->capacity) {
        size_t capacity = devices->capacity ? 2 * devices->capacity : 32;
        struct device *list = realloc(devices->list, capacity * sizeof *list);
        if (!list)
            return NULL;
        devices->list = list;
        devices->capacity = capacity;
    }
    struct device *device = &devices->list[devices->count++];
    *device = (struct device){.address = *address, .first_us = now_us};
    return device;
}

/* Whether the octets differ from what was kept. */
static bool keep(uint8_t *kept, uint8_t *kept_length, const uint8_t *data, size_t length)
{
    if (length > 255)
        length = 255;
    if (length == *kept_length && (length == 0 || memcmp(kept, data, length) == 0))
        return false;
    memcpy(kept, data, length);
    *kept_length = (uint8_t)length;
    return true;
}

enum device_news devices_take(struct devices *devices, struct device **out_device, const struct bluet_event *report,
                              uint64_t now_us)
{
    const struct bluet_address *address = &report->scan_result.peer;
    struct device *device = find(devices, address);
    bool known = device != NULL;
    if (!known)
        device = add(devices, address, now_us);
    *out_device = device;
    if (!device)
        return DEVICE_NOT_KEPT;

    device->rssi = report->scan_result.rssi;
    device->last_us = now_us;
    device->reports++;

    bool changed;
    if (report->scan_result.adv_type == SCAN_RESPONSE) {
        changed =
            keep(device->response, &device->response_length, report->scan_result.data, report->scan_result.length);
    } else {
        changed = device->adv_type != report->scan_result.adv_type;
        device->adv_type = report->scan_result.adv_type;
        changed |= keep(device->data, &device->data_length, report->scan_result.data, report->scan_result.length);
    }
    return !known ? DEVICE_NEW : changed ? DEVICE_CHANGED : DEVICE_KNOWN;
}

void devices_free(struct devices *devices)
{
    free(devices->list);
    *devices = (struct devices){0};
}

bool device_is_scannable(const struct device *device)
{
    return device->adv_type == 0 || device->adv_type == 2;
}

bool device_is_connectable(const struct device *device)
{
    return device->adv_type <= 1;
}

struct advertising_pair device_data(const struct device *device)
{
    return (struct advertising_pair){device->data, device->data_length, device->response, device->response_length};
}

static struct advertising_summary summarize(const struct device *device)
{
    struct advertising_summary summary = {0};
    advertising_summarize(&summary, device->data, device->data_length);
    advertising_summarize(&summary, device->response, device->response_length);
    return summary;
}

void device_write_name(FILE *stream, const struct device *device)
{
    struct advertising_summary summary = summarize(device);
    if (summary.name)
        output_text(stream, summary.name, summary.name_length);
}

bool device_name_contains(const struct device *device, const char *text)
{
    struct advertising_summary summary = summarize(device);
    return summary.name && memmem(summary.name, summary.name_length, text, strlen(text)) != NULL;
}

void device_write_line(FILE *stream, const struct device *device)
{
    char address[OUTPUT_ADDRESS_SIZE];
    output_address(address, &device->address);
    fprintf(stream, "%s  %s  ", address, output_address_kind(&device->address));
    if (device->rssi != RSSI_UNKNOWN)
        fprintf(stream, "%d dBm  ", device->rssi);
    fputs(advertising_pdu_name(device->adv_type), stream);

    struct advertising_summary summary = summarize(device);
    if (summary.name) {
        fputs("  \"", stream);
        output_text(stream, summary.name, summary.name_length);
        fputc('"', stream);
    }

    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (memory) {
        struct advertising_pair pair = device_data(device);
        advertising_describe(memory, &pair);
        fclose(memory);
        fprintf(stream, "%s%s", length ? "  " : "", text);
        free(text);
    }
    fputc('\n', stream);
}

json_t *device_to_json(const struct device *device)
{
    struct advertising_pair pair = device_data(device);
    json_t *object = json_object();
    json_object_set_new(object, "address", output_json_address(&device->address));
    json_object_set_new(object, "address_type", json_string(device->address.type ? "random" : "public"));
    json_object_set_new(object, "address_kind", json_string(output_address_kind(&device->address)));
    json_object_set_new(object, "rssi", device->rssi == RSSI_UNKNOWN ? json_null() : json_integer(device->rssi));
    json_object_set_new(object, "pdu", json_string(advertising_pdu_name(device->adv_type)));
    json_object_set_new(object, "connectable", json_boolean(device_is_connectable(device)));
    json_object_set_new(object, "data", output_json_hex(pair.data, pair.length));
    json_object_set_new(object, "response", output_json_hex(pair.response, pair.response_length));
    advertising_to_json(object, &pair);
    return object;
}
