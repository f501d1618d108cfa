/* Starting the controller: a table of commands, one behind the other, each with what it asks for and what it learns. */
#include "host/hci_controller.h"

#include "spec/hci.h"
#include "spec/writer.h"

struct hci_controller_step {
    uint16_t opcode;
    uint8_t least;                                      /* octets of the answer, its status not counted */
    bool is_needed;                                     /* there is no going on without it */
    bool (*applies)(struct hci_controller *controller); /* NULL: always */
    void (*write)(const struct hci_controller *controller, struct writer *parameters);
    bool (*read)(struct hci_controller *controller, struct reader *answer); /* false: of no use */
};

static bool read_version(struct hci_controller *controller, struct reader *answer)
{
    controller->version = read_u8(answer);
    return true;
}

static bool read_commands(struct hci_controller *controller, struct reader *answer)
{
    read_octets(answer, controller->commands, sizeof controller->commands);
    return true;
}

/* "LE Supported (Controller)": Vol 2 Part C, 3.3, bit 38 */
static bool read_lmp_features(struct hci_controller *controller, struct reader *answer)
{
    (void)controller;
    return read_u64(answer) >> 38 & 1;
}

static bool read_le_features(struct hci_controller *controller, struct reader *answer)
{
    controller->features = read_u64(answer);
    return true;
}

static bool buffers_are_usable(struct hci *hci, uint16_t length, uint16_t count)
{
    hci->acl_length = length;
    hci->acl_count = hci->acl_free = count;
    return length >= 27 && count > 0; /* Vol 4 Part E, 7.8.2 */
}

static bool read_le_buffer_size(struct hci_controller *controller, struct reader *answer)
{
    uint16_t length = read_u16(answer);
    uint8_t count = read_u8(answer);
    /* Either being zero means that the buffers are shared with BR/EDR. */
    return buffers_are_usable(controller->hci, length, count) || length == 0 || count == 0;
}

static bool has_shared_buffers(struct hci_controller *controller)
{
    return controller->hci->acl_length == 0 || controller->hci->acl_count == 0;
}

static bool read_buffer_size(struct hci_controller *controller, struct reader *answer)
{
    uint16_t length = read_u16(answer);
    read_u8(answer);
    return buffers_are_usable(controller->hci, length, read_u16(answer));
}

/* Disconnection Complete, Encryption Change, Hardware Error, Encryption Key Refresh Complete, LE Meta */
static void write_event_mask(const struct hci_controller *controller, struct writer *parameters)
{
    (void)controller;
    write_u64(parameters, 1ull << 4 | 1ull << 7 | 1ull << 15 | 1ull << 47 | 1ull << 61);
}

/* Vol 4 Part E, 7.8.1. An older controller may refuse bits that it does not know. */
static void write_le_event_mask(const struct hci_controller *controller, struct writer *parameters)
{
    uint64_t mask = 0x0f; /* connections, reports, updates, remote features */
    if (BLUET_HAS_SECURITY)
        mask |= 1 << 4; /* long term key requests, which are refused otherwise */
    if (hci_has_feature(controller, HCI_FEATURE_CONNECTION_PARAMETERS_REQUEST))
        mask |= 1 << 5;
    if (hci_has_feature(controller, HCI_FEATURE_DATA_LENGTH_EXTENSION))
        mask |= 1 << 6;
    if (hci_has_feature(controller, HCI_FEATURE_LL_PRIVACY))
        mask |= 1 << 9; /* connections, with the private addresses of both sides */
    if (hci_has_feature(controller, HCI_FEATURE_EXTENDED_SCANNER_FILTER))
        mask |= 1 << 10;
    if (hci_has_feature(controller, HCI_FEATURE_LE_2M_PHY) || hci_has_feature(controller, HCI_FEATURE_LE_CODED_PHY))
        mask |= 1 << 11;
    write_u64(parameters, mask);
}

/* All zeros, or all ones, is a controller without an address of its own. */
static bool read_bd_addr(struct hci_controller *controller, struct reader *answer)
{
    read_reversed(answer, controller->public_octets, sizeof controller->public_octets);
    uint8_t all = 0xff;
    uint8_t any = 0x00;
    for (size_t i = 0; i < sizeof controller->public_octets; i++) {
        all &= controller->public_octets[i];
        any |= controller->public_octets[i];
    }
    controller->has_public = any != 0x00 && all != 0xff;
    return true;
}

static bool needs_random_address(struct hci_controller *controller)
{
    const struct hci_controller_owner *owner = &controller->owner;
    const uint8_t *octets = controller->has_public ? controller->public_octets : NULL;
    controller->address = owner->choose_address(owner->context, octets);
    return controller->address.type == BLUET_ADDRESS_RANDOM;
}

static void write_random_address(const struct hci_controller *controller, struct writer *parameters)
{
    write_reversed(parameters, controller->address.octets, sizeof controller->address.octets);
}

static bool suggests_data_length(struct hci_controller *controller)
{
    return hci_has_feature(controller, HCI_FEATURE_DATA_LENGTH_EXTENSION) &&
           hci_has_command(controller, HCI_SUPPORTS_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH);
}

static void write_data_length(const struct hci_controller *controller, struct writer *parameters)
{
    (void)controller;
    write_u16(parameters, HCI_DATA_LENGTH_OCTETS);
    write_u16(parameters, HCI_DATA_LENGTH_US);
}

static const struct hci_controller_step controller_steps[] = {
    {HCI_RESET, 0, true, NULL, NULL, NULL},
    {HCI_READ_LOCAL_VERSION_INFORMATION, 8, true, NULL, NULL, read_version},
    {HCI_READ_LOCAL_SUPPORTED_COMMANDS, 64, false, NULL, NULL, read_commands},
    {HCI_READ_LOCAL_SUPPORTED_FEATURES, 8, false, NULL, NULL, read_lmp_features},
    {HCI_LE_READ_LOCAL_SUPPORTED_FEATURES, 8, true, NULL, NULL, read_le_features},
    {HCI_LE_READ_BUFFER_SIZE, 3, true, NULL, NULL, read_le_buffer_size},
    {HCI_READ_BUFFER_SIZE, 7, true, has_shared_buffers, NULL, read_buffer_size},
    {HCI_SET_EVENT_MASK, 0, true, NULL, write_event_mask, NULL},
    {HCI_LE_SET_EVENT_MASK, 0, true, NULL, write_le_event_mask, NULL},
    {HCI_READ_BD_ADDR, 6, false, NULL, NULL, read_bd_addr},
    {HCI_LE_SET_RANDOM_ADDRESS, 0, true, needs_random_address, write_random_address, NULL},
    {HCI_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH, 0, false, suggests_data_length, write_data_length, NULL},
};

enum { CONTROLLER_STEP_COUNT = sizeof controller_steps / sizeof *controller_steps };

static void controller_start_from(struct hci_controller *controller, size_t index);

static void controller_step_done(void *context, const struct hci_result *result)
{
    struct hci_controller *controller = context;
    if (controller->stopped)
        return;
    const struct hci_controller_step *step = &controller_steps[result->argument];
    struct reader answer = result->parameters;
    bool useful = result->status == HCI_SUCCESS && (!step->read || step->read(controller, &answer));
    bool refused = result->status != HCI_SUCCESS && !step->is_needed;
    bool unknown = result->status == HCI_UNKNOWN_COMMAND && result->opcode == HCI_LE_SET_RANDOM_ADDRESS;
    if (useful || refused)
        controller_start_from(controller, result->argument + 1u);
    else
        controller->owner.started(controller->owner.context, unknown ? BLUET_ENOTSUP : BLUET_EIO, result->status);
}

static void controller_start_from(struct hci_controller *controller, size_t index)
{
    while (index < CONTROLLER_STEP_COUNT && controller_steps[index].applies &&
           !controller_steps[index].applies(controller))
        index++;
    if (controller->stopped) /* by the application, when it was asked for secrets */
        return;
    if (index == CONTROLLER_STEP_COUNT) {
        controller->owner.started(controller->owner.context, BLUET_OK, HCI_SUCCESS);
        return;
    }
    const struct hci_controller_step *step = &controller_steps[index];
    uint8_t parameters[8] = {0};
    struct writer writer = writer_of(parameters, sizeof parameters);
    if (step->write)
        step->write(controller, &writer);
    struct hci_command command = {.opcode = step->opcode,
                                  .done = controller_step_done,
                                  .context = controller,
                                  .argument = (uint16_t)index,
                                  .least = step->least};
    hci_request(controller->hci, &command, parameters, writer.length);
}

BLUET_INTERNAL void hci_controller_start(struct hci_controller *controller, struct hci *hci,
                                         const struct hci_controller_owner *owner)
{
    *controller = (struct hci_controller){.hci = hci, .owner = *owner};
    controller_start_from(controller, 0);
}
