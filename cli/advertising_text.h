/* Advertising data in words, and as JSON. */
#ifndef BLUET_CLI_ADVERTISING_TEXT_H
#define BLUET_CLI_ADVERTISING_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Advertising data and the scan response that goes with it; either may be empty. */
struct advertising_pair {
    const uint8_t *data;
    size_t length;
    const uint8_t *response;
    size_t response_length;
};

/* All but the name, in one line: "services: Heart Rate (0x180d); tx power: 4 dBm". Nothing for nothing. */
void advertising_describe(FILE *stream, const struct advertising_pair *pair);

/* Adds "name", "flags", "services" and what else there is to `object`. */
void advertising_to_json(json_t *object, const struct advertising_pair *pair);

/* "ADV_IND" and its kin (Vol 6 Part B, 2.3.1) */
const char *advertising_pdu_name(uint8_t adv_type);

#endif
