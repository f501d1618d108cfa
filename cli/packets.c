/* HCI packets in words (Vol 4 Part E, 5.4 and 7.7; L2CAP and above: Vol 3). */
#include "packets.h"

#include <stdbool.h>

#include "cli.h"
#include "output.h"
#include "spec/reader.h"

static void write_name(FILE *stream, enum packet_names table, unsigned code)
{
    const char *name = packets_name(table, code);
    if (name)
        fputs(name, stream);
    else
        fprintf(stream, "%s 0x%0*x", table == PACKET_COMMANDS ? "command" : "code", table == PACKET_COMMANDS ? 4 : 2,
                code);
}

static void write_rest(FILE *stream, struct reader *reader)
{
    size_t length = reader_remaining(reader);
    if (!length)
        return;
    fputc(' ', stream);
    output_hex(stream, read_span(reader, length), length);
}

/* Nothing where all is well: then the rest says more. */
static bool write_status(FILE *stream, enum bluet_code_space space, unsigned status)
{
    const struct bluet_explanation *words = bluet_explain(space, (int)status);
    if (status)
        fprintf(stream, ": %s (0x%02x)", words ? words->name : "failed", status);
    return status != 0;
}

static void write_address(FILE *stream, struct reader *reader)
{
    struct bluet_address address = {.type = read_u8(reader)};
    char text[OUTPUT_ADDRESS_SIZE];
    read_reversed(reader, address.octets, sizeof address.octets);
    output_address(text, &address);
    fprintf(stream, " %s", text);
}

/* ---- Events ---- */

static void write_command_complete(FILE *stream, struct reader *reader)
{
    read_u8(reader); /* how many commands it would take */
    uint16_t opcode = read_u16(reader);
    if (!opcode)
        return;
    fputs(": ", stream);
    write_name(stream, PACKET_COMMANDS, opcode);
    if (reader_remaining(reader) && !write_status(stream, BLUET_CODE_HCI, read_u8(reader)))
        write_rest(stream, reader);
}

static void write_command_status(FILE *stream, struct reader *reader)
{
    uint8_t status = read_u8(reader);
    read_u8(reader);
    fputs(": ", stream);
    write_name(stream, PACKET_COMMANDS, read_u16(reader));
    write_status(stream, BLUET_CODE_HCI, status);
}

static void write_disconnection(FILE *stream, struct reader *reader)
{
    uint8_t status = read_u8(reader);
    uint16_t handle = read_u16(reader);
    uint8_t reason = read_u8(reader);
    fprintf(stream, " link %u", handle);
    if (!write_status(stream, BLUET_CODE_HCI, status))
        write_status(stream, BLUET_CODE_HCI, reason);
}

static void write_report(FILE *stream, struct reader *reader)
{
    uint8_t count = read_u8(reader);
    uint8_t type = read_u8(reader);
    write_address(stream, reader);
    read_span(reader, read_u8(reader));
    int8_t rssi = (int8_t)read_u8(reader);
    fprintf(stream, " type %u, %d dBm", type, rssi);
    if (count > 1)
        fprintf(stream, ", and %u more", count - 1u);
}

static void write_connection(FILE *stream, struct reader *reader)
{
    uint8_t status = read_u8(reader);
    uint16_t handle = read_u16(reader);
    uint8_t role = read_u8(reader);
    if (write_status(stream, BLUET_CODE_HCI, status))
        return;
    fprintf(stream, " link %u with", handle);
    write_address(stream, reader);
    fprintf(stream, " as %s", role ? "peripheral" : "central");
}

static void write_le_event(FILE *stream, struct reader *reader)
{
    enum { CONNECTION = 0x01, REPORT = 0x02, ENHANCED_CONNECTION = 0x0a };
    uint8_t subevent = read_u8(reader);
    write_name(stream, PACKET_LE_EVENTS, subevent);
    if (subevent == CONNECTION || subevent == ENHANCED_CONNECTION)
        write_connection(stream, reader);
    else if (subevent == REPORT)
        write_report(stream, reader);
    else
        write_rest(stream, reader);
}

static void write_event(FILE *stream, struct reader *reader)
{
    enum { DISCONNECTION = 0x05, COMMAND_COMPLETE = 0x0e, COMMAND_STATUS = 0x0f, LE_META = 0x3e };
    uint8_t code = read_u8(reader);
    struct reader part = read_part(reader, read_u8(reader));
    if (code != LE_META)
        write_name(stream, PACKET_EVENTS, code);
    if (code == LE_META)
        write_le_event(stream, &part);
    else if (code == COMMAND_COMPLETE)
        write_command_complete(stream, &part);
    else if (code == COMMAND_STATUS)
        write_command_status(stream, &part);
    else if (code == DISCONNECTION)
        write_disconnection(stream, &part);
    else
        write_rest(stream, &part);
    reader->failed |= part.failed;
}

/* ---- Data ---- */

static void write_att(FILE *stream, struct reader *reader)
{
    enum { ERROR_RESPONSE = 0x01 };
    uint8_t opcode = read_u8(reader);
    fputs("ATT ", stream);
    write_name(stream, PACKET_ATT, opcode);
    if (opcode != ERROR_RESPONSE) {
        write_rest(stream, reader);
        return;
    }
    uint8_t request = read_u8(reader);
    uint16_t handle = read_u16(reader);
    fputs(" to ", stream);
    write_name(stream, PACKET_ATT, request);
    fprintf(stream, ", handle 0x%04x", handle);
    write_status(stream, BLUET_CODE_ATT, read_u8(reader));
}

static void write_smp(FILE *stream, struct reader *reader)
{
    enum { PAIRING_FAILED = 0x05 };
    uint8_t code = read_u8(reader);
    fputs("SMP ", stream);
    write_name(stream, PACKET_SMP, code);
    if (code == PAIRING_FAILED)
        write_status(stream, BLUET_CODE_SMP, read_u8(reader));
    else
        write_rest(stream, reader);
}

static void write_signal(FILE *stream, struct reader *reader)
{
    fputs("L2CAP ", stream);
    write_name(stream, PACKET_SIGNALS, read_u8(reader));
    read_u8(reader);  /* identifier */
    read_u16(reader); /* length */
    write_rest(stream, reader);
}

static void write_data(FILE *stream, struct reader *reader)
{
    enum { CID_ATT = 4, CID_SIGNALS = 5, CID_SMP = 6, HANDLE_MASK = 0xfff, CONTINUED = 1 };
    uint16_t handle = read_u16(reader);
    uint16_t announced = read_u16(reader);
    struct reader part = read_part(reader, announced);
    fprintf(stream, "link %u: ", handle & HANDLE_MASK);
    if ((handle >> 12 & 3) == CONTINUED) {
        fputs("continued", stream);
        write_rest(stream, &part);
        return;
    }
    uint16_t length = read_u16(&part);
    uint16_t cid = read_u16(&part);
    if (cid == CID_ATT) {
        write_att(stream, &part);
    } else if (cid == CID_SIGNALS) {
        write_signal(stream, &part);
    } else if (cid == CID_SMP) {
        write_smp(stream, &part);
    } else {
        fprintf(stream, "L2CAP channel 0x%04x, %u octets", cid, length);
        write_rest(stream, &part);
    }
    reader->failed |= part.failed;
}

static void write_command(FILE *stream, struct reader *reader)
{
    write_name(stream, PACKET_COMMANDS, read_u16(reader));
    struct reader part = read_part(reader, read_u8(reader));
    write_rest(stream, &part);
}

void packets_write(FILE *stream, const uint8_t *packet, size_t length)
{
    enum { COMMAND = 1, DATA = 2, EVENT = 4 };
    struct reader reader = reader_of(packet, length);
    uint8_t indicator = read_u8(&reader);
    if (indicator == COMMAND)
        write_command(stream, &reader);
    else if (indicator == DATA)
        write_data(stream, &reader);
    else if (indicator == EVENT)
        write_event(stream, &reader);
    else {
        fprintf(stream, "packet of kind 0x%02x", indicator);
        write_rest(stream, &reader);
        return;
    }
    if (!reader_done(&reader))
        fputs(" [malformed]", stream);
}
