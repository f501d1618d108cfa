/* Commands to advertise, scan and connect: Vol 4 Part E, 7.8.4 to 7.8.13. */
#include "air/advertising.h"
#include "air/hci_command.h"
#include "air/initiating.h"
#include "air/scanning.h"

/* Advertising_Type of LE Set Advertising Parameters: Vol 4 Part E, 7.8.5 */
enum { CONNECTABLE = 0, DIRECTED_HIGH_DUTY = 1, SCANNABLE = 2, DIRECTED_LOW_DUTY = 4 };

enum { ADVERTISING_INTERVAL_LEAST = 0x0020, INTERVAL_MOST = 0x4000, SCAN_INTERVAL_LEAST = 0x0004, OWN_TYPE_MOST = 3 };

static bool in_range(unsigned value, unsigned least, unsigned most)
{
    return value >= least && value <= most;
}

static uint8_t le_set_random_address(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    if (controller->advertisers->enabled || controller->scanner.enabled || controller->initiator.enabled)
        return HCI_COMMAND_DISALLOWED;
    read_octets(in, controller->random_address, 6);
    controller->random_address_set = true;
    return HCI_SUCCESS;
}

static uint8_t le_set_advertising_parameters(struct bluet_air_controller *controller, struct reader *in,
                                             struct writer *out)
{
    struct air_advertiser *advertiser = controller->advertisers;
    uint16_t interval_min = read_u16(in);
    uint16_t interval_max = read_u16(in);
    uint8_t type = read_u8(in);
    uint8_t own_type = read_u8(in);
    struct air_address peer = {.type = read_u8(in)};
    read_octets(in, peer.octets, 6);
    uint8_t channel_map = read_u8(in);
    uint8_t filter_policy = read_u8(in);
    (void)out;
    if (advertiser->enabled)
        return HCI_COMMAND_DISALLOWED;
    bool intervals = type == DIRECTED_HIGH_DUTY || (in_range(interval_min, ADVERTISING_INTERVAL_LEAST, interval_max) &&
                                                    interval_max <= INTERVAL_MOST);
    if (type > DIRECTED_LOW_DUTY || own_type > OWN_TYPE_MOST || peer.type > AIR_RANDOM || !intervals ||
        !in_range(channel_map, 1, 7) || filter_policy > 3)
        return HCI_INVALID_COMMAND_PARAMETERS;
    advertiser->interval = interval_min;
    bool directed = type == DIRECTED_HIGH_DUTY || type == DIRECTED_LOW_DUTY;
    advertiser->kind = (struct air_advertising_kind){.legacy = true,
                                                     .connectable = directed || type == CONNECTABLE,
                                                     .scannable = type == CONNECTABLE || type == SCANNABLE,
                                                     .directed = directed,
                                                     .high_duty = type == DIRECTED_HIGH_DUTY};
    advertiser->own_type = own_type;
    advertiser->peer = peer;
    advertiser->channel_map = channel_map;
    advertiser->filter_policy = filter_policy;
    return HCI_SUCCESS;
}

static uint8_t le_read_advertising_channel_tx_power(struct bluet_air_controller *controller, struct reader *in,
                                                    struct writer *out)
{
    (void)in;
    write_u8(out, (uint8_t)controller->config.transmit_power);
    return HCI_SUCCESS;
}

static uint8_t set_data(struct reader *in, struct air_data *data)
{
    uint8_t announced = read_u8(in);
    if (announced > AIR_LEGACY_DATA)
        return HCI_INVALID_COMMAND_PARAMETERS;
    data->length = announced;
    read_octets(in, data->octets, AIR_LEGACY_DATA);
    return HCI_SUCCESS;
}

static uint8_t le_set_advertising_data(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    return set_data(in, &controller->advertisers->data);
}

static uint8_t le_set_scan_response_data(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    return set_data(in, &controller->advertisers->response);
}

static uint8_t le_set_advertising_enable(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint8_t enable = read_u8(in);
    (void)out;
    if (enable > 1)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (enable)
        return air_advertising_start(controller->advertisers, 0, 0);
    air_advertising_stop(controller->advertisers);
    return HCI_SUCCESS;
}

static uint8_t le_set_scan_parameters(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_scanner *scanner = &controller->scanner;
    uint8_t active = read_u8(in);
    uint16_t interval = read_u16(in);
    uint16_t window = read_u16(in);
    uint8_t own_type = read_u8(in);
    uint8_t filter_policy = read_u8(in);
    (void)out;
    if (scanner->enabled)
        return HCI_COMMAND_DISALLOWED;
    if (active > 1 || !in_range(window, SCAN_INTERVAL_LEAST, interval) || interval > INTERVAL_MOST ||
        own_type > OWN_TYPE_MOST || filter_policy > 3)
        return HCI_INVALID_COMMAND_PARAMETERS;
    scanner->timing[0] = (struct air_scan_timing){interval, window, active};
    scanner->own_type = own_type;
    scanner->filter_policy = filter_policy;
    return HCI_SUCCESS;
}

static uint8_t le_set_scan_enable(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint8_t enable = read_u8(in);
    uint8_t filter_duplicates = read_u8(in);
    (void)out;
    if (enable > 1 || filter_duplicates > 1)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (enable)
        return air_scanning_start(controller, filter_duplicates, 0, 0);
    air_scanning_stop(controller);
    return HCI_SUCCESS;
}

static uint8_t le_create_connection(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_initiator next = {.phys = AIR_PHY_1M};
    struct air_wish *wish = &next.wishes[0];
    uint16_t scan_interval = read_u16(in);
    uint16_t scan_window = read_u16(in);
    next.filter_policy = read_u8(in);
    next.peer_type = read_u8(in);
    read_octets(in, next.peer, 6);
    next.own_type = read_u8(in);
    wish->interval_min = read_u16(in);
    wish->interval_max = read_u16(in);
    wish->latency = read_u16(in);
    wish->timeout = read_u16(in);
    uint16_t event_min = read_u16(in);
    uint16_t event_max = read_u16(in);
    (void)out;
    if (controller->initiator.enabled)
        return HCI_COMMAND_DISALLOWED;
    if (!in_range(scan_window, SCAN_INTERVAL_LEAST, scan_interval) || scan_interval > INTERVAL_MOST ||
        next.filter_policy > 1 || next.peer_type > AIR_RANDOM_IDENTITY || next.own_type > OWN_TYPE_MOST ||
        !air_parameters_are_valid(wish->interval_min, wish->interval_max, wish->latency, wish->timeout) ||
        event_min > event_max)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (!next.filter_policy && air_is_connected(controller, next.peer_type, next.peer))
        return HCI_CONNECTION_ALREADY_EXISTS;
    next.windows[0].interval = scan_interval * (uint32_t)AIR_SLOT_US;
    next.windows[0].length = scan_window * (uint32_t)AIR_SLOT_US;
    controller->initiator = next;
    return air_initiating_start(controller);
}

static void report_cancellation(struct bluet_air_controller *controller)
{
    air_event_connection_complete(controller, HCI_UNKNOWN_CONNECTION_IDENTIFIER, NULL, true);
}

static uint8_t le_create_connection_cancel(struct bluet_air_controller *controller, struct reader *in,
                                           struct writer *out)
{
    (void)in;
    (void)out;
    if (!air_initiating_stop(controller))
        return HCI_COMMAND_DISALLOWED;
    controller->after = report_cancellation;
    return HCI_SUCCESS;
}

static const struct air_command commands[] = {
    {HCI_LE_SET_RANDOM_ADDRESS, 6, 25, 4, AIR_ANSWER_COMPLETE, 0, le_set_random_address},
    {HCI_LE_SET_ADVERTISING_PARAMETERS, 15, 25, 5, AIR_ANSWER_COMPLETE, 0, le_set_advertising_parameters},
    {HCI_LE_READ_ADVERTISING_CHANNEL_TX_POWER, 0, 25, 6, AIR_ANSWER_COMPLETE, 1, le_read_advertising_channel_tx_power},
    {HCI_LE_SET_ADVERTISING_DATA, 32, 25, 7, AIR_ANSWER_COMPLETE, 0, le_set_advertising_data},
    {HCI_LE_SET_SCAN_RESPONSE_DATA, 32, 26, 0, AIR_ANSWER_COMPLETE, 0, le_set_scan_response_data},
    {HCI_LE_SET_ADVERTISING_ENABLE, 1, 26, 1, AIR_ANSWER_COMPLETE, 0, le_set_advertising_enable},
    {HCI_LE_SET_SCAN_PARAMETERS, 7, 26, 2, AIR_ANSWER_COMPLETE, 0, le_set_scan_parameters},
    {HCI_LE_SET_SCAN_ENABLE, 2, 26, 3, AIR_ANSWER_COMPLETE, 0, le_set_scan_enable},
    {HCI_LE_CREATE_CONNECTION, 25, 26, 4, AIR_ANSWER_STATUS, 0, le_create_connection},
    {HCI_LE_CREATE_CONNECTION_CANCEL, 0, 26, 5, AIR_ANSWER_COMPLETE, 0, le_create_connection_cancel},
};

BLUET_INTERNAL struct air_command_table air_gap_commands(void)
{
    return (struct air_command_table){commands, sizeof commands / sizeof *commands};
}
