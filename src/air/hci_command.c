/* The dispatch of commands, and their answers. */
#include "air/hci_command.h"

#include "air/link_control.h"

enum { RETURN_MOST = 252, SUPPORTED_COMMANDS = 64, TABLES = 8 };

static uint8_t read_local_supported_commands(struct bluet_air_controller *controller, struct reader *in,
                                             struct writer *out);

/* The one command that is about all others. */
static const struct air_command own_commands[] = {
    {HCI_READ_LOCAL_SUPPORTED_COMMANDS, 0, 14, 4, AIR_ANSWER_COMPLETE, SUPPORTED_COMMANDS,
     read_local_supported_commands},
};

static struct air_command_table table(size_t number)
{
    switch (number) {
    case 0:
        return air_controller_commands();
    case 1:
        return air_gap_commands();
    case 2:
        return air_list_commands();
    case 3:
        return air_link_commands();
    case 4:
        return air_advertising_commands();
    case 5:
        return air_scanning_commands();
    case 6:
        return air_periodic_commands();
    default:
        return (struct air_command_table){own_commands, sizeof own_commands / sizeof *own_commands};
    }
}

/* The feature without which there is no such command, or -1. */
static int feature_of(uint16_t opcode)
{
    static const struct {
        uint16_t first, last;
        enum air_feature feature;
    } ranges[] = {
        {HCI_LE_ENABLE_ENCRYPTION, HCI_LE_LONG_TERM_KEY_REQUEST_NEGATIVE_REPLY, AIR_FEATURE_ENCRYPTION},
        {HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_REPLY, HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_NEGATIVE_REPLY,
         AIR_FEATURE_PARAMETERS},
        {HCI_LE_SET_DATA_LENGTH, HCI_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH, AIR_FEATURE_LENGTH},
        {HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST, HCI_LE_SET_RESOLVABLE_PRIVATE_ADDRESS_TIMEOUT, AIR_FEATURE_PRIVACY},
        {HCI_LE_READ_MAXIMUM_DATA_LENGTH, HCI_LE_READ_MAXIMUM_DATA_LENGTH, AIR_FEATURE_LENGTH},
        {HCI_LE_SET_ADVERTISING_SET_RANDOM_ADDRESS, HCI_LE_CLEAR_ADVERTISING_SETS, AIR_FEATURE_EXTENDED},
        {HCI_LE_SET_PERIODIC_ADVERTISING_PARAMETERS, HCI_LE_SET_PERIODIC_ADVERTISING_ENABLE, AIR_FEATURE_PERIODIC},
        {HCI_LE_SET_EXTENDED_SCAN_PARAMETERS, HCI_LE_EXTENDED_CREATE_CONNECTION, AIR_FEATURE_EXTENDED},
        {HCI_LE_PERIODIC_ADVERTISING_CREATE_SYNC, HCI_LE_READ_PERIODIC_ADVERTISER_LIST_SIZE, AIR_FEATURE_PERIODIC},
        {HCI_LE_SET_PRIVACY_MODE, HCI_LE_SET_PRIVACY_MODE, AIR_FEATURE_PRIVACY},
        {HCI_LE_SET_PERIODIC_ADVERTISING_RECEIVE_ENABLE, HCI_LE_SET_PERIODIC_ADVERTISING_RECEIVE_ENABLE,
         AIR_FEATURE_PERIODIC},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (opcode >= ranges[i].first && opcode <= ranges[i].last)
            return (int)ranges[i].feature;
    return -1;
}

static bool exists(const struct bluet_air_controller *controller, uint16_t opcode)
{
    if (opcode >= HCI_LE_READ_PHY && opcode <= HCI_LE_SET_PHY)
        return air_phys(controller) != AIR_PHY_1M;
    int feature = feature_of(opcode);
    return feature < 0 || air_has_feature(controller, (enum air_feature)feature);
}

static uint8_t read_local_supported_commands(struct bluet_air_controller *controller, struct reader *in,
                                             struct writer *out)
{
    (void)in;
    uint8_t supported[SUPPORTED_COMMANDS] = {0};
    for (size_t number = 0; number < TABLES; number++) {
        struct air_command_table of = table(number);
        for (size_t i = 0; i < of.count; i++)
            if (exists(controller, of.commands[i].opcode))
                supported[of.commands[i].octet] |= (uint8_t)(1 << of.commands[i].bit);
    }
    write_octets(out, supported, sizeof supported);
    return HCI_SUCCESS;
}

static const struct air_command *find(const struct bluet_air_controller *controller, uint16_t opcode)
{
    for (size_t number = 0; number < TABLES; number++) {
        struct air_command_table of = table(number);
        for (size_t i = 0; i < of.count; i++)
            if (of.commands[i].opcode == opcode && exists(controller, opcode))
                return &of.commands[i];
    }
    return NULL;
}

BLUET_INTERNAL bool air_parameters_are_valid(uint16_t interval_min, uint16_t interval_max, uint16_t latency,
                                             uint16_t timeout)
{
    /* Units: 10 ms is eight times 1.25 ms. The timeout is to outlast two intervals with latency. */
    return interval_min >= 0x0006 && interval_min <= interval_max && interval_max <= 0x0c80 && latency <= 0x01f3 &&
           timeout >= 0x000a && timeout <= 0x0c80 && timeout * 8u > (latency + 1u) * interval_max * 2u;
}

BLUET_INTERNAL bool air_lengths_are_valid(uint16_t octets, uint16_t time)
{
    return octets >= AIR_OCTETS_LEAST && octets <= AIR_OCTETS_MOST && time >= AIR_TIME_LEAST_US && time <= 0x4290;
}

/* Those that do something: what only reads, goes with both. */
static enum air_family family_of(uint16_t opcode)
{
    switch (opcode) {
    case HCI_LE_SET_ADVERTISING_PARAMETERS:
    case HCI_LE_SET_ADVERTISING_DATA:
    case HCI_LE_SET_SCAN_RESPONSE_DATA:
    case HCI_LE_SET_ADVERTISING_ENABLE:
    case HCI_LE_SET_SCAN_PARAMETERS:
    case HCI_LE_SET_SCAN_ENABLE:
    case HCI_LE_CREATE_CONNECTION:
        return AIR_FAMILY_LEGACY;
    case HCI_LE_READ_MAXIMUM_ADVERTISING_DATA_LENGTH:
    case HCI_LE_READ_NUMBER_OF_SUPPORTED_ADVERTISING_SETS:
    case HCI_LE_READ_PERIODIC_ADVERTISER_LIST_SIZE:
        return AIR_FAMILY_ANY;
    case HCI_LE_SET_PERIODIC_ADVERTISING_RECEIVE_ENABLE:
        return AIR_FAMILY_EXTENDED;
    default:
        return opcode >= HCI_LE_SET_ADVERTISING_SET_RANDOM_ADDRESS && opcode < HCI_LE_READ_PERIODIC_ADVERTISER_LIST_SIZE
                   ? AIR_FAMILY_EXTENDED
                   : AIR_FAMILY_ANY;
    }
}

/* What the host did first since the reset, it has to keep to: Vol 4 Part E, 3.1.1 */
static uint8_t run(struct bluet_air_controller *controller, const struct air_command *command, struct reader *in,
                   struct writer *out)
{
    if (command->length != AIR_ANY_LENGTH && reader_remaining(in) != command->length)
        return HCI_INVALID_COMMAND_PARAMETERS;
    enum air_family family = family_of(command->opcode);
    if (family && controller->family && family != controller->family)
        return HCI_COMMAND_DISALLOWED;
    if (family)
        controller->family = family;
    return command->handle(controller, in, out);
}

static void complete(struct bluet_air_controller *controller, const struct air_command *command, struct reader *in)
{
    uint8_t octets[1 + RETURN_MOST];
    struct writer out = writer_of(octets + 1, command->return_length);
    octets[0] = run(controller, command, in, &out);
    write_zeros(&out, command->return_length - out.length);
    if (command->answer == AIR_ANSWER_COMPLETE || octets[0])
        air_event_command_complete(controller, command->opcode, octets, 1 + out.length);
}

static void start(struct bluet_air_controller *controller, const struct air_command *command, struct reader *in)
{
    air_event_command_status(controller, command->opcode, run(controller, command, in, NULL));
}

/* What a command gives rise to comes after its answer. */
static void run_after(struct bluet_air_controller *controller)
{
    void (*after)(struct bluet_air_controller *) = controller->after;
    controller->after = NULL;
    if (after)
        after(controller);
}

BLUET_INTERNAL bool air_command_receive(struct bluet_air_controller *controller, struct reader *packet)
{
    uint16_t opcode = read_u16(packet);
    uint8_t length = read_u8(packet);
    if (!reader_ok(packet) || reader_remaining(packet) != length)
        return false;
    /* A host that takes no answers and yet goes on has left the rules of flow control (Vol 4 Part E, 4.4). */
    if (controller->outbox.waiting[AIR_OUTBOX_ANSWER] >= AIR_OUTBOX_ANSWERS)
        return true;
    const struct air_command *command = find(controller, opcode);
    if (!command)
        air_event_command_status(controller, opcode, HCI_UNKNOWN_COMMAND);
    else if (command->answer == AIR_ANSWER_STATUS)
        start(controller, command, packet);
    else
        complete(controller, command, packet);
    run_after(controller);
    return true;
}
