/* The value of an attribute in words. */
#ifndef BLUET_CLI_GATT_VALUE_H
#define BLUET_CLI_GATT_VALUE_H

#include <stddef.h>
#include <stdio.h>

#include "gatt_peer.h"

/*
 * Decoded where it is one of the few that everybody has; otherwise as text if it is text, or in hexadecimal, and then
 * at most `limit` octets of it.
 */
void gatt_value_write(FILE *stream, const struct gatt_attribute *attribute, size_t limit);

#endif
