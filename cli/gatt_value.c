/* Puts the values that nearly every peer has into words (Vol 3 Part C, 12; Vol 3 Part G, 3.3.3; GATT Supplement). */
#include "gatt_value.h"

#include "output.h"
#include "spec/reader.h"

/* UUIDs, from the Assigned Numbers. */
enum {
    CLIENT_CHARACTERISTIC_CONFIGURATION = 0x2902,
    APPEARANCE = 0x2a01,
    PERIPHERAL_PREFERRED_CONNECTION_PARAMETERS = 0x2a04,
    BATTERY_LEVEL = 0x2a19,
    PNP_ID = 0x2a50
};

/* True: it was written. False: the value is not as it should be, and nothing was written. */
static bool write_appearance(FILE *stream, struct reader value)
{
    uint16_t appearance = read_u16(&value);
    const char *name = numbers_appearance(appearance);
    if (!reader_done(&value) || !name)
        return false;
    fprintf(stream, "%s (0x%04x)", name, appearance);
    return true;
}

/* Vol 3 Part C, 12.3; 0xffff: nothing in particular is preferred. */
static void write_interval(FILE *stream, uint16_t interval)
{
    if (interval == 0xffff)
        fputs("any", stream);
    else
        fprintf(stream, "%.4g ms", interval * 1.25);
}

static bool write_preferred_parameters(FILE *stream, struct reader value)
{
    uint16_t least = read_u16(&value), most = read_u16(&value), latency = read_u16(&value), timeout = read_u16(&value);
    if (!reader_done(&value))
        return false;
    fputs("interval ", stream);
    write_interval(stream, least);
    fputs(" to ", stream);
    write_interval(stream, most);
    fprintf(stream, ", latency %u, supervision timeout ", latency);
    if (timeout == 0xffff)
        fputs("any", stream);
    else
        fprintf(stream, "%u ms", timeout * 10u);
    return true;
}

static bool write_client_configuration(FILE *stream, struct reader value)
{
    static const char *const words[] = {"off", "notifications on", "indications on",
                                        "notifications and indications on"};
    uint16_t bits = read_u16(&value);
    if (!reader_done(&value) || bits > 3)
        return false;
    fputs(words[bits], stream);
    return true;
}

static bool write_battery_level(FILE *stream, struct reader value)
{
    uint8_t level = read_u8(&value);
    if (!reader_done(&value) || level > 100)
        return false;
    fprintf(stream, "%u %%", level);
    return true;
}

static bool write_pnp_id(FILE *stream, struct reader value)
{
    uint8_t source = read_u8(&value);
    uint16_t vendor = read_u16(&value), product = read_u16(&value), version = read_u16(&value);
    if (!reader_done(&value))
        return false;
    const char *name = source == 1 ? numbers_value(&numbers_companies, vendor) : NULL;
    fprintf(stream, "vendor %s%s0x%04x%s, product 0x%04x, version 0x%04x",
            name          ? name
            : source == 2 ? "USB"
                          : "",
            name          ? " ("
            : source == 2 ? " "
                          : "",
            vendor, name ? ")" : "", product, version);
    return true;
}

static bool write_known(FILE *stream, const struct gatt_attribute *attribute)
{
    struct reader value = reader_of(attribute->value, attribute->length);
    struct reader uuid = reader_of(attribute->uuid.octets, 2);
    if (attribute->uuid.length != 2)
        return false;
    switch (read_u16(&uuid)) {
    case APPEARANCE:
        return write_appearance(stream, value);
    case PERIPHERAL_PREFERRED_CONNECTION_PARAMETERS:
        return write_preferred_parameters(stream, value);
    case CLIENT_CHARACTERISTIC_CONFIGURATION:
        return write_client_configuration(stream, value);
    case BATTERY_LEVEL:
        return write_battery_level(stream, value);
    case PNP_ID:
        return write_pnp_id(stream, value);
    default:
        return false;
    }
}

static void write_hex(FILE *stream, const struct gatt_attribute *attribute, size_t limit)
{
    bool cut = attribute->length > limit;
    output_hex(stream, attribute->value, cut ? limit : attribute->length);
    if (cut)
        fprintf(stream, " ... (%u octets)", attribute->length);
}

void gatt_value_write(FILE *stream, const struct gatt_attribute *attribute, size_t limit)
{
    if (attribute->length == 0 || write_known(stream, attribute)) {
        if (attribute->length == 0)
            fputs("empty", stream);
        return;
    }
    /* Some peers count the terminating zero of a C string in. */
    size_t length = attribute->length;
    if (length > 1 && attribute->value[length - 1] == '\0')
        length--;
    if (!output_is_text(attribute->value, length)) {
        write_hex(stream, attribute, limit);
        return;
    }
    /* A few octets may be text by accident: both. */
    if (attribute->length <= 4) {
        output_hex(stream, attribute->value, attribute->length);
        fputc(' ', stream);
    }
    fputc('"', stream);
    output_text(stream, attribute->value, length);
    fputc('"', stream);
}
