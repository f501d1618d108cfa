/* How things are written for people and for programs: addresses, UUIDs, octets, text from strangers, JSON. */
#ifndef BLUET_CLI_OUTPUT_H
#define BLUET_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bluet/bluet.h"
#include "numbers.h"

enum { OUTPUT_ADDRESS_SIZE = 18, OUTPUT_UUID_SIZE = 37 };

/* "C0:FF:EE:00:00:01" */
void output_address(char out[OUTPUT_ADDRESS_SIZE], const struct bluet_address *address);

/* "public", "random static", "random resolvable", "random non-resolvable" (Vol 6 Part B, 1.3) */
const char *output_address_kind(const struct bluet_address *address);

/* Reads an address as output_address() writes it, in either case; also with '-' between. */
bool output_parse_address(struct bluet_address *out_address, const char *text);

/* "0x180d", "0x0000fd6f", or with dashes for 128 bits. */
void output_uuid(char out[OUTPUT_UUID_SIZE], const struct bluet_uuid *uuid);

/* "Heart Rate (0x180d)", or without a name "0x1234". */
void output_named_uuid(FILE *stream, const struct numbers *names, const struct bluet_uuid *uuid);

/* "01 02 03" */
void output_hex(FILE *stream, const uint8_t *octets, size_t length);

/* Whether it is UTF-8, and none of it would move the cursor or turn the direction of writing. */
bool output_is_text(const uint8_t *text, size_t length);

/* The text, with what output_is_text() does not like as \xNN. */
void output_text(FILE *stream, const uint8_t *text, size_t length);

/* "hex" as one string without spaces; text that may be in any state; "Success"-like objects of a code. */
json_t *output_json_hex(const uint8_t *octets, size_t length);
json_t *output_json_text(const uint8_t *text, size_t length);
json_t *output_json_address(const struct bluet_address *address);
json_t *output_json_uuid(const struct bluet_uuid *uuid);

/* Adds "name" to `object` if there is one. */
void output_json_name(json_t *object, const char *name);

/* Writes the value on stdout (`flags` as for json_dumpf) with a new line, and gives it back. False: cannot write. */
bool output_json(json_t *value, size_t flags);

#endif
