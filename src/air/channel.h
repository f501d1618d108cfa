/* Which of the 37 data channels an event of a connection uses: channel selection algorithm #2 (Vol 6 Part B, 4.5.8.3).
 */
#ifndef BLUET_AIR_CHANNEL_H
#define BLUET_AIR_CHANNEL_H

#include "spec/internal.h"

#include <stdint.h>

enum { AIR_DATA_CHANNELS = 37 };

/* How many channels a map names; those above 36 are reserved, and not counted. */
BLUET_INTERNAL unsigned air_channel_count(const uint8_t map[5]);
BLUET_INTERNAL uint8_t air_channel(uint32_t access_address, const uint8_t map[5], uint16_t event_counter);

#endif
