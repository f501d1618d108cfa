/* One HCI packet in one line: what it is, of which link, and what codes in it mean. */
#ifndef BLUET_CLI_PACKETS_H
#define BLUET_CLI_PACKETS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* From its H4 indicator on. Whatever the octets are, something is written. */
void packets_write(FILE *stream, const uint8_t *packet, size_t length);

enum packet_names {
    PACKET_COMMANDS,
    PACKET_EVENTS,
    PACKET_LE_EVENTS,
    PACKET_ATT,
    PACKET_SMP,
    PACKET_SIGNALS,
    PACKET_NAME_TABLES
};

/* NULL: it has no name here. */
const char *packets_name(enum packet_names table, unsigned code);

#endif
