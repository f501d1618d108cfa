/* Commands about advertising sets: Vol 4 Part E, 7.8.52 to 7.8.60, and 7.8.74. */
#include "air/advertising.h"
#include "air/hci_command.h"
#include "air/periodic.h"

/* Advertising_Event_Properties: 7.8.53 */
enum {
    CONNECTABLE = 0x01,
    SCANNABLE = 0x02,
    DIRECTED = 0x04,
    HIGH_DUTY = 0x08,
    LEGACY = 0x10,
    ANONYMOUS = 0x20,
    WITH_POWER = 0x40,
    PROPERTIES = 0x7f
};

/* Operation of the commands that set data: 7.8.54 */
enum { INTERMEDIATE = 0, FIRST = 1, LAST = 2, COMPLETE = 3, UNCHANGED = 4 };

enum {
    INTERVAL_LEAST = 0x20,
    OWN_TYPE_MOST = 3,
    HANDLE_MOST = 0xef,
    IDENTIFIER_MOST = 0x0f,
    FRAGMENT_MOST = 251,
    POWER_LEAST = -40,
    POWER_MOST = 20,
    PDU_DATA_MOST = AIR_PDU_MOST - 1 - 1 - 6 - 6 - 2 - 1, /* with both addresses, identifier and power */
    HIGH_DUTY_UNITS_MOST = 128,                           /* 1.28 s */
    UNIT_US = 10000
};

static struct air_advertiser *read_set(const struct bluet_air_controller *controller, struct reader *in)
{
    return air_advertiser_find(controller, read_u8(in));
}

static uint8_t le_set_random_address(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_advertiser *set = read_set(controller, in);
    (void)out;
    if (!set)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    if (set->enabled && set->kind.connectable)
        return HCI_COMMAND_DISALLOWED;
    read_octets(in, set->random_address, 6);
    set->random_address_set = true;
    return HCI_SUCCESS;
}

/* Table 7.2 of that section, for legacy PDUs; what excludes each other, for extended ones. */
static bool are_properties_valid(uint16_t properties)
{
    if (!(properties & LEGACY))
        return !(properties & ~PROPERTIES) && !(properties & HIGH_DUTY) &&
               (properties & (CONNECTABLE | SCANNABLE)) != (CONNECTABLE | SCANNABLE) &&
               !(properties & ANONYMOUS && properties & (CONNECTABLE | SCANNABLE));
    switch (properties & ~LEGACY) {
    case CONNECTABLE | SCANNABLE:
    case CONNECTABLE | DIRECTED:
    case CONNECTABLE | DIRECTED | HIGH_DUTY:
    case SCANNABLE:
    case 0:
        return true;
    default:
        return false;
    }
}

static struct air_advertising_kind kind_of(uint16_t properties)
{
    return (struct air_advertising_kind){
        .legacy = properties & LEGACY,
        .connectable = properties & CONNECTABLE,
        .scannable = properties & SCANNABLE,
        .directed = properties & DIRECTED,
        .high_duty = properties & HIGH_DUTY,
        .anonymous = properties & ANONYMOUS,
        .with_power = properties & WITH_POWER,
    };
}

/* How much data goes with this kind of advertising. */
static uint16_t data_most(const struct air_advertising_kind *kind, bool response)
{
    if (kind->legacy)
        return kind->directed ? 0 : AIR_LEGACY_DATA;
    if (kind->scannable && !response)
        return 0;
    return kind->connectable ? PDU_DATA_MOST : AIR_DATA_MOST;
}

static uint8_t phy_of(uint8_t number)
{
    return number == 3 ? AIR_PHY_CODED : number;
}

struct parameters {
    uint16_t properties;
    uint32_t interval_min, interval_max;
    uint8_t channel_map, own_type;
    struct air_address peer;
    uint8_t filter_policy;
    int8_t power;
    uint8_t primary, skip, secondary, identifier, tells;
};

static struct parameters read_parameters(struct reader *in)
{
    struct parameters parameters;
    parameters.properties = read_u16(in);
    parameters.interval_min = read_u24(in);
    parameters.interval_max = read_u24(in);
    parameters.channel_map = read_u8(in);
    parameters.own_type = read_u8(in);
    parameters.peer.type = read_u8(in);
    read_octets(in, parameters.peer.octets, 6);
    parameters.filter_policy = read_u8(in);
    parameters.power = (int8_t)read_u8(in);
    parameters.primary = read_u8(in);
    parameters.skip = read_u8(in);
    parameters.secondary = read_u8(in);
    parameters.identifier = read_u8(in);
    parameters.tells = read_u8(in);
    return parameters;
}

static bool are_valid(const struct parameters *parameters)
{
    bool legacy = parameters->properties & LEGACY;
    bool phys = (parameters->primary == 1 || (parameters->primary == 3 && !legacy)) &&
                (legacy || (parameters->secondary >= 1 && parameters->secondary <= 3));
    bool intervals = parameters->properties & HIGH_DUTY || (parameters->interval_min >= INTERVAL_LEAST &&
                                                            parameters->interval_min <= parameters->interval_max);
    return are_properties_valid(parameters->properties) && phys && intervals && parameters->channel_map >= 1 &&
           parameters->channel_map <= 7 && parameters->own_type <= OWN_TYPE_MOST &&
           parameters->peer.type <= AIR_RANDOM && parameters->filter_policy <= 3 &&
           parameters->identifier <= IDENTIFIER_MOST && parameters->tells <= 1;
}

static int8_t choose_power(const struct bluet_air_controller *controller, int8_t wish)
{
    int8_t most = controller->config.transmit_power;
    if (wish > most)
        return most;
    return wish < POWER_LEAST && most >= POWER_LEAST ? (int8_t)POWER_LEAST : wish;
}

static uint8_t le_set_extended_parameters(struct bluet_air_controller *controller, struct reader *in,
                                          struct writer *out)
{
    uint8_t handle = read_u8(in);
    struct parameters parameters = read_parameters(in);
    struct air_advertiser *set = air_advertiser_find(controller, handle);
    if (handle > HANDLE_MOST || !are_valid(&parameters))
        return HCI_INVALID_COMMAND_PARAMETERS;
    struct air_advertising_kind kind = kind_of(parameters.properties);
    bool plain = !kind.legacy && !kind.connectable && !kind.scannable && !kind.anonymous;
    if (set && (set->enabled || (set->periodic.wanted && !plain)))
        return HCI_COMMAND_DISALLOWED;
    if (set && set->periodic.interval && !plain)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (set && (set->data.length > data_most(&kind, false) || set->response.length > data_most(&kind, true)))
        return kind.legacy ? HCI_INVALID_COMMAND_PARAMETERS : HCI_PACKET_TOO_LONG;
    if (!set && controller->set_count < AIR_SETS_MOST)
        set = air_advertiser_create(controller, handle);
    if (!set)
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    set->kind = kind;
    set->interval = parameters.interval_min;
    set->channel_map = parameters.channel_map;
    set->own_type = parameters.own_type;
    set->peer = parameters.peer;
    set->filter_policy = parameters.filter_policy;
    set->power = choose_power(controller, parameters.power);
    set->primary_phy = phy_of(parameters.primary);
    set->secondary_phy = kind.legacy ? AIR_PHY_1M : phy_of(parameters.secondary);
    set->set_identifier = parameters.identifier;
    set->tells_requests = parameters.tells;
    write_u8(out, (uint8_t)set->power);
    return HCI_SUCCESS;
}

BLUET_INTERNAL uint8_t air_data_add(struct air_data *data, uint8_t operation, struct reader *in, uint16_t most)
{
    size_t length = reader_remaining(in);
    bool begins = operation == FIRST || operation == COMPLETE;
    bool whole = operation == COMPLETE;
    if (operation > COMPLETE || (!length && !whole))
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (!begins && !data->incomplete)
        return HCI_COMMAND_DISALLOWED;
    if (begins)
        data->length = 0;
    data->incomplete = operation == FIRST || operation == INTERMEDIATE;
    if (data->length + length > most) {
        data->length = 0;
        data->incomplete = false;
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    }
    read_octets(in, data->octets + data->length, length);
    data->length = (uint16_t)(data->length + length);
    return HCI_SUCCESS;
}

static uint8_t set_data(struct bluet_air_controller *controller, struct reader *in, bool response)
{
    struct air_advertiser *set = read_set(controller, in);
    uint8_t operation = read_u8(in);
    read_u8(in); /* how to cut it: as we like */
    uint8_t length = read_u8(in);
    if (!reader_ok(in) || reader_remaining(in) != length || length > FRAGMENT_MOST)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (!set)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    const struct air_advertising_kind *kind = &set->kind;
    struct air_data *data = response ? &set->response : &set->data;
    uint16_t most = data_most(kind, response);
    if (!most && !(response && !kind->scannable && !length))
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (response && !kind->scannable && length)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (kind->legacy && (operation != COMPLETE || length > AIR_LEGACY_DATA))
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (operation == UNCHANGED && !response) {
        if (!set->enabled || length || !data->length || kind->legacy)
            return HCI_INVALID_COMMAND_PARAMETERS;
        set->data_identifier = (set->data_identifier + 1u) & 0x0fff;
        return HCI_SUCCESS;
    }
    if (set->enabled && (operation != COMPLETE || (response && !kind->legacy && !length)))
        return HCI_COMMAND_DISALLOWED;
    uint8_t error = air_data_add(data, operation, in, most);
    if (!error)
        set->data_identifier = (set->data_identifier + 1u) & 0x0fff;
    return error;
}

static uint8_t le_set_extended_data(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    return set_data(controller, in, false);
}

static uint8_t le_set_extended_response(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    return set_data(controller, in, true);
}

struct enable {
    struct air_advertiser *set;
    uint16_t duration;
    uint8_t events;
};

static uint8_t read_enable(const struct bluet_air_controller *controller, struct reader *in, struct enable *out)
{
    out->set = read_set(controller, in);
    out->duration = read_u16(in);
    out->events = read_u8(in);
    if (!out->set)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    bool high_duty = out->set->kind.high_duty;
    if (high_duty && (!out->duration || out->duration > HIGH_DUTY_UNITS_MOST))
        return HCI_INVALID_COMMAND_PARAMETERS;
    return HCI_SUCCESS;
}

/* All sets, or none: what is wrong with any of them is found before the first begins. */
static uint8_t enable_sets(const struct bluet_air_controller *controller, struct reader *in, uint8_t count, bool on)
{
    struct enable wanted[AIR_SETS_MOST];
    for (size_t i = 0; i < count; i++) {
        uint8_t error = read_enable(controller, in, &wanted[i]);
        for (size_t j = 0; j < i && !error; j++)
            error = wanted[i].set == wanted[j].set ? HCI_INVALID_COMMAND_PARAMETERS : HCI_SUCCESS;
        if (!error && on)
            error = air_advertising_check(wanted[i].set);
        if (error && (on || error == HCI_UNKNOWN_ADVERTISING_IDENTIFIER))
            return error;
    }
    for (size_t i = 0; i < count; i++) {
        if (!on)
            air_advertising_stop(wanted[i].set);
        uint64_t duration = wanted[i].duration * (uint64_t)UNIT_US;
        uint8_t error = on ? air_advertising_start(wanted[i].set, duration, wanted[i].events) : (uint8_t)HCI_SUCCESS;
        if (error)
            return error;
    }
    return HCI_SUCCESS;
}

static uint8_t le_set_extended_enable(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint8_t on = read_u8(in);
    uint8_t count = read_u8(in);
    (void)out;
    if (!reader_ok(in) || reader_remaining(in) != count * 4u || on > 1 || (on && !count) || count > AIR_SETS_MOST)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (count)
        return enable_sets(controller, in, count, on);
    for (struct air_advertiser *set = controller->advertisers->next; set; set = set->next)
        air_advertising_stop(set);
    return HCI_SUCCESS;
}

static uint8_t le_read_maximum_data_length(struct bluet_air_controller *controller, struct reader *in,
                                           struct writer *out)
{
    (void)controller;
    (void)in;
    write_u16(out, AIR_DATA_MOST);
    return HCI_SUCCESS;
}

static uint8_t le_read_number_of_sets(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)controller;
    (void)in;
    write_u8(out, AIR_SETS_MOST);
    return HCI_SUCCESS;
}

static uint8_t le_remove_set(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_advertiser *set = read_set(controller, in);
    (void)out;
    if (!set)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    if (set->enabled || set->periodic.wanted)
        return HCI_COMMAND_DISALLOWED;
    air_advertiser_destroy(set);
    return HCI_SUCCESS;
}

static uint8_t le_clear_sets(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_advertiser *legacy = controller->advertisers;
    (void)in;
    (void)out;
    for (const struct air_advertiser *set = legacy->next; set; set = set->next)
        if (set->enabled || set->periodic.wanted)
            return HCI_COMMAND_DISALLOWED;
    while (legacy->next)
        air_advertiser_destroy(legacy->next);
    return HCI_SUCCESS;
}

static uint8_t le_read_transmit_power(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    int8_t most = controller->config.transmit_power;
    (void)in;
    write_u8(out, (uint8_t)(most < POWER_LEAST ? most : (int8_t)POWER_LEAST));
    write_u8(out, (uint8_t)most);
    return HCI_SUCCESS;
}

static uint8_t le_read_path_compensation(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    for (size_t i = 0; i < 2; i++)
        write_u16(out, (uint16_t)controller->path_compensation[i]);
    return HCI_SUCCESS;
}

/* In 0.1 dB; kept, and of no consequence. */
static uint8_t le_write_path_compensation(struct bluet_air_controller *controller, struct reader *in,
                                          struct writer *out)
{
    enum { COMPENSATION_MOST = 1280 };
    int16_t transmit = (int16_t)read_u16(in);
    int16_t receive = (int16_t)read_u16(in);
    (void)out;
    if (transmit < -COMPENSATION_MOST || transmit > COMPENSATION_MOST || receive < -COMPENSATION_MOST ||
        receive > COMPENSATION_MOST)
        return HCI_INVALID_COMMAND_PARAMETERS;
    controller->path_compensation[0] = transmit;
    controller->path_compensation[1] = receive;
    return HCI_SUCCESS;
}

static const struct air_command commands[] = {
    {HCI_LE_SET_ADVERTISING_SET_RANDOM_ADDRESS, 7, 36, 1, AIR_ANSWER_COMPLETE, 0, le_set_random_address},
    {HCI_LE_SET_EXTENDED_ADVERTISING_PARAMETERS, 25, 36, 2, AIR_ANSWER_COMPLETE, 1, le_set_extended_parameters},
    {HCI_LE_SET_EXTENDED_ADVERTISING_DATA, AIR_ANY_LENGTH, 36, 3, AIR_ANSWER_COMPLETE, 0, le_set_extended_data},
    {HCI_LE_SET_EXTENDED_SCAN_RESPONSE_DATA, AIR_ANY_LENGTH, 36, 4, AIR_ANSWER_COMPLETE, 0, le_set_extended_response},
    {HCI_LE_SET_EXTENDED_ADVERTISING_ENABLE, AIR_ANY_LENGTH, 36, 5, AIR_ANSWER_COMPLETE, 0, le_set_extended_enable},
    {HCI_LE_READ_MAXIMUM_ADVERTISING_DATA_LENGTH, 0, 36, 6, AIR_ANSWER_COMPLETE, 2, le_read_maximum_data_length},
    {HCI_LE_READ_NUMBER_OF_SUPPORTED_ADVERTISING_SETS, 0, 36, 7, AIR_ANSWER_COMPLETE, 1, le_read_number_of_sets},
    {HCI_LE_REMOVE_ADVERTISING_SET, 1, 37, 0, AIR_ANSWER_COMPLETE, 0, le_remove_set},
    {HCI_LE_CLEAR_ADVERTISING_SETS, 0, 37, 1, AIR_ANSWER_COMPLETE, 0, le_clear_sets},
    {HCI_LE_READ_TRANSMIT_POWER, 0, 38, 7, AIR_ANSWER_COMPLETE, 2, le_read_transmit_power},
    {HCI_LE_READ_RF_PATH_COMPENSATION, 0, 39, 0, AIR_ANSWER_COMPLETE, 4, le_read_path_compensation},
    {HCI_LE_WRITE_RF_PATH_COMPENSATION, 4, 39, 1, AIR_ANSWER_COMPLETE, 0, le_write_path_compensation},
};

BLUET_INTERNAL struct air_command_table air_advertising_commands(void)
{
    return (struct air_command_table){commands, sizeof commands / sizeof *commands};
}
