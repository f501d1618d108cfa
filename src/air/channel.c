/* Channel selection algorithm #2: a permutation of the event counter, remapped where the channel is not in use. */
#include "air/channel.h"

static unsigned is_used(const uint8_t map[5], unsigned channel)
{
    return (unsigned)map[channel / 8] >> channel % 8 & 1;
}

BLUET_INTERNAL unsigned air_channel_count(const uint8_t map[5])
{
    unsigned count = 0;
    for (unsigned channel = 0; channel < AIR_DATA_CHANNELS; channel++)
        count += is_used(map, channel);
    return count;
}

/* Turns the bits of each octet round: figure 4.47 */
static uint16_t permute(uint16_t value)
{
    value = (uint16_t)((value & 0xaaaa) >> 1 | (value & 0x5555) << 1);
    value = (uint16_t)((value & 0xcccc) >> 2 | (value & 0x3333) << 2);
    return (uint16_t)((value & 0xf0f0) >> 4 | (value & 0x0f0f) << 4);
}

BLUET_INTERNAL uint8_t air_channel(uint32_t access_address, const uint8_t map[5], uint16_t event_counter)
{
    uint16_t identifier = (uint16_t)(access_address >> 16 ^ access_address);
    uint16_t value = event_counter ^ identifier;
    for (unsigned round = 0; round < 3; round++)
        value = (uint16_t)(permute(value) * 17u + identifier);
    value ^= identifier;

    unsigned channel = value % AIR_DATA_CHANNELS;
    if (is_used(map, channel))
        return (uint8_t)channel;
    unsigned index = air_channel_count(map) * value >> 16;
    for (channel = 0; channel < AIR_DATA_CHANNELS; channel++)
        if (is_used(map, channel) && index-- == 0)
            break;
    return (uint8_t)channel;
}
