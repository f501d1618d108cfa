/* Commands to scan and to connect, on several PHYs: Vol 4 Part E, 7.8.64 to 7.8.66. */
#include "air/hci_command.h"
#include "air/initiating.h"
#include "air/scanning.h"

enum {
    INTERVAL_LEAST = 0x0004,
    OWN_TYPE_MOST = 3,
    PHYS_TO_SCAN = AIR_PHY_1M | AIR_PHY_CODED,
    DUPLICATES_MOST = 2,
    DURATION_US = 10000,
    PERIOD_US = 1280000
};

static size_t count_bits(uint8_t bits)
{
    size_t count = 0;
    for (; bits; bits >>= 1)
        count += bits & 1;
    return count;
}

static uint8_t le_set_extended_scan_parameters(struct bluet_air_controller *controller, struct reader *in,
                                               struct writer *out)
{
    struct air_scanner *scanner = &controller->scanner;
    struct air_scan_timing timing[AIR_WINDOWS] = {{0}};
    uint8_t own_type = read_u8(in);
    uint8_t filter_policy = read_u8(in);
    uint8_t phys = read_u8(in);
    (void)out;
    if (!reader_ok(in) || reader_remaining(in) != count_bits(phys) * 5)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (scanner->enabled)
        return HCI_COMMAND_DISALLOWED;
    if (phys & ~PHYS_TO_SCAN)
        return HCI_UNSUPPORTED_FEATURE_OR_PARAMETER;
    if (own_type > OWN_TYPE_MOST || filter_policy > 3 || !phys)
        return HCI_INVALID_COMMAND_PARAMETERS;
    for (size_t i = 0; i < AIR_WINDOWS; i++) {
        if (!(phys & (i ? AIR_PHY_CODED : AIR_PHY_1M)))
            continue;
        uint8_t active = read_u8(in);
        timing[i].interval = read_u16(in);
        timing[i].window = read_u16(in);
        timing[i].active = active;
        if (active > 1 || timing[i].window < INTERVAL_LEAST || timing[i].window > timing[i].interval)
            return HCI_INVALID_COMMAND_PARAMETERS;
    }
    memcpy(scanner->timing, timing, sizeof timing);
    scanner->own_type = own_type;
    scanner->filter_policy = filter_policy;
    return HCI_SUCCESS;
}

static uint8_t le_set_extended_scan_enable(struct bluet_air_controller *controller, struct reader *in,
                                           struct writer *out)
{
    uint8_t enable = read_u8(in);
    uint8_t filter_duplicates = read_u8(in);
    uint64_t duration = read_u16(in) * (uint64_t)DURATION_US;
    uint64_t period = read_u16(in) * (uint64_t)PERIOD_US;
    (void)out;
    if (enable > 1 || filter_duplicates > DUPLICATES_MOST ||
        (enable && ((period && duration >= period) || (period && !duration) || (filter_duplicates == 2 && !period))))
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (enable)
        return air_scanning_start(controller, filter_duplicates, duration, period);
    air_scanning_stop(controller);
    return HCI_SUCCESS;
}

/* The parameters for one PHY: how to listen on it, if one can, and what a connection is to begin with. */
static bool read_phy(struct reader *in, struct air_initiator *initiator, unsigned which)
{
    uint16_t interval = read_u16(in);
    uint16_t window = read_u16(in);
    struct air_wish *wish = &initiator->wishes[which];
    wish->interval_min = read_u16(in);
    wish->interval_max = read_u16(in);
    wish->latency = read_u16(in);
    wish->timeout = read_u16(in);
    uint16_t event_min = read_u16(in);
    uint16_t event_max = read_u16(in);
    if (!air_parameters_are_valid(wish->interval_min, wish->interval_max, wish->latency, wish->timeout) ||
        event_min > event_max)
        return false;
    if (which == 1) /* nobody advertises on primary channels with 2M */
        return true;
    struct air_window *listens = &initiator->windows[which / 2];
    listens->interval = interval * (uint32_t)AIR_SLOT_US;
    listens->length = window * (uint32_t)AIR_SLOT_US;
    return window >= INTERVAL_LEAST && window <= interval;
}

static uint8_t le_extended_create_connection(struct bluet_air_controller *controller, struct reader *in,
                                             struct writer *out)
{
    struct air_initiator next = {0};
    next.filter_policy = read_u8(in);
    next.own_type = read_u8(in);
    next.peer_type = read_u8(in);
    read_octets(in, next.peer, 6);
    next.phys = read_u8(in);
    (void)out;
    if (!reader_ok(in) || reader_remaining(in) != count_bits(next.phys) * 16)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (controller->initiator.enabled)
        return HCI_COMMAND_DISALLOWED;
    if (next.phys & ~AIR_PHY_MASK)
        return HCI_UNSUPPORTED_FEATURE_OR_PARAMETER;
    if (next.filter_policy > 1 || next.own_type > OWN_TYPE_MOST || next.peer_type > AIR_RANDOM_IDENTITY ||
        !(next.phys & PHYS_TO_SCAN))
        return HCI_INVALID_COMMAND_PARAMETERS;
    for (unsigned which = 0; which < 3; which++)
        if (next.phys >> which & 1 && !read_phy(in, &next, which))
            return HCI_INVALID_COMMAND_PARAMETERS;
    if (!next.filter_policy && air_is_connected(controller, next.peer_type, next.peer))
        return HCI_CONNECTION_ALREADY_EXISTS;
    controller->initiator = next;
    return air_initiating_start(controller);
}

static const struct air_command commands[] = {
    {HCI_LE_SET_EXTENDED_SCAN_PARAMETERS, AIR_ANY_LENGTH, 37, 5, AIR_ANSWER_COMPLETE, 0,
     le_set_extended_scan_parameters},
    {HCI_LE_SET_EXTENDED_SCAN_ENABLE, 6, 37, 6, AIR_ANSWER_COMPLETE, 0, le_set_extended_scan_enable},
    {HCI_LE_EXTENDED_CREATE_CONNECTION, AIR_ANY_LENGTH, 37, 7, AIR_ANSWER_STATUS, 0, le_extended_create_connection},
};

BLUET_INTERNAL struct air_command_table air_scanning_commands(void)
{
    return (struct air_command_table){commands, sizeof commands / sizeof *commands};
}
