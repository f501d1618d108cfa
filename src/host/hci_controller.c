/* Starting the controller: a table of commands, one behind the other, each with what it asks for and what it learns. */
#include "host/hci_controller.h"

#include "spec/hci.h"
#include "spec/writer.h"

enum controller_step {
    STEP_RESET,
    STEP_VERSION,
    STEP_COMMANDS,
    STEP_LMP_FEATURES,
    STEP_LE_FEATURES,
    STEP_LE_BUFFERS,
    STEP_BUFFERS,
    STEP_EVENT_MASK,
    STEP_LE_EVENT_MASK,
    STEP_PUBLIC_ADDRESS,
    STEP_RANDOM_ADDRESS,
    STEP_DATA_LENGTH,
    STEP_COUNT
};

static const struct {
    uint16_t opcode;
    uint8_t least;  /* octets of the answer, its status not counted */
    bool is_needed; /* there is no going on without it */
} controller_steps[STEP_COUNT] = {
    [STEP_RESET] = {HCI_RESET, 0, true},
    [STEP_VERSION] = {HCI_READ_LOCAL_VERSION_INFORMATION, 8, true},
    [STEP_COMMANDS] = {HCI_READ_LOCAL_SUPPORTED_COMMANDS, 64, false},
    [STEP_LMP_FEATURES] = {HCI_READ_LOCAL_SUPPORTED_FEATURES, 8, false},
    [STEP_LE_FEATURES] = {HCI_LE_READ_LOCAL_SUPPORTED_FEATURES, 8, true},
    [STEP_LE_BUFFERS] = {HCI_LE_READ_BUFFER_SIZE, 3, true},
    [STEP_BUFFERS] = {HCI_READ_BUFFER_SIZE, 7, true},
    [STEP_EVENT_MASK] = {HCI_SET_EVENT_MASK, 0, true},
    [STEP_LE_EVENT_MASK] = {HCI_LE_SET_EVENT_MASK, 0, true},
    [STEP_PUBLIC_ADDRESS] = {HCI_READ_BD_ADDR, 6, false},
    [STEP_RANDOM_ADDRESS] = {HCI_LE_SET_RANDOM_ADDRESS, 0, true},
    [STEP_DATA_LENGTH] = {HCI_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH, 0, false},
};

/* ---- What is asked ---- */

static bool needs_random_address(struct hci_controller *controller)
{
    controller->address = controller->owner->choose_address(controller->context);
    return controller->address.type == BLUET_ADDRESS_RANDOM;
}

static bool step_applies(struct hci_controller *controller, enum controller_step step)
{
    switch (step) {
    case STEP_BUFFERS: /* either being zero means that they are shared with BR/EDR */
        return controller->hci->acl_length == 0 || controller->hci->acl_count == 0;
    case STEP_RANDOM_ADDRESS:
        return needs_random_address(controller);
    case STEP_DATA_LENGTH:
        return hci_has_feature(controller, HCI_FEATURE_DATA_LENGTH_EXTENSION) &&
               hci_has_command(controller, HCI_SUPPORTS_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH);
    default:
        return true;
    }
}

/* Vol 4 Part E, 7.8.1. An older controller may refuse bits that it does not know. */
static uint32_t le_event_mask(const struct hci_controller *controller)
{
    uint32_t mask = 0x0f; /* connections, reports, updates, remote features */
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
    return mask;
}

static void step_write(const struct hci_controller *controller, enum controller_step step, struct writer *parameters)
{
    /* Disconnection Complete, Encryption Change, Hardware Error, Encryption Key Refresh Complete, LE Meta */
    static const uint64_t event_mask = 1ull << 4 | 1ull << 7 | 1ull << 15 | 1ull << 47 | 1ull << 61;

    switch (step) {
    case STEP_EVENT_MASK:
        write_u64(parameters, event_mask);
        break;
    case STEP_LE_EVENT_MASK:
        write_u64(parameters, le_event_mask(controller));
        break;
    case STEP_RANDOM_ADDRESS:
        write_reversed(parameters, controller->address.octets, sizeof controller->address.octets);
        break;
    case STEP_DATA_LENGTH:
        write_u32(parameters, HCI_DATA_LENGTH_OCTETS | (uint32_t)HCI_DATA_LENGTH_US << 16);
        break;
    default:
        break;
    }
}

/* ---- What is learned ---- */

static bool buffers_are_usable(struct hci *hci, uint16_t length, uint16_t count)
{
    hci->acl_length = length;
    hci->acl_count = hci->acl_free = count;
    return length >= 27 && count > 0; /* Vol 4 Part E, 7.8.2 */
}

/* All zeros, or all ones, is a controller without an address of its own. */
static void read_public_address(struct hci_controller *controller, struct reader *answer)
{
    uint8_t all = 0xff;
    uint8_t any = 0x00;
    read_reversed(answer, controller->public_octets, sizeof controller->public_octets);
    for (size_t i = 0; i < sizeof controller->public_octets; i++) {
        all &= controller->public_octets[i];
        any |= controller->public_octets[i];
    }
    controller->has_public = any != 0x00 && all != 0xff;
}

/* False: a controller that is of no use. */
static bool step_read(struct hci_controller *controller, enum controller_step step, struct reader *answer)
{
    uint16_t length;
    switch (step) {
    case STEP_VERSION:
        controller->version = read_u8(answer);
        return true;
    case STEP_COMMANDS:
        read_span(answer, HCI_COMMANDS_BEGIN);
        read_octets(answer, controller->commands, sizeof controller->commands);
        return true;
    case STEP_LMP_FEATURES: /* "LE Supported (Controller)": Vol 2 Part C, 3.3, bit 38 */
        return read_u64(answer) >> 38 & 1;
    case STEP_LE_FEATURES:
        controller->features = read_u32(answer);
        return true;
    case STEP_LE_BUFFERS:
        length = read_u16(answer);
        return buffers_are_usable(controller->hci, length, read_u8(answer)) || step_applies(controller, STEP_BUFFERS);
    case STEP_BUFFERS:
        length = read_u16(answer);
        read_u8(answer);
        return buffers_are_usable(controller->hci, length, read_u16(answer));
    case STEP_PUBLIC_ADDRESS:
        read_public_address(controller, answer);
        return true;
    default:
        return true;
    }
}

/* ---- One behind the other ---- */

static void controller_start_from(struct hci_controller *controller, enum controller_step step);

static void controller_step_done(void *context, const struct hci_result *result)
{
    struct hci_controller *controller = context;
    enum controller_step step = (enum controller_step)result->argument;
    if (controller->stopped)
        return;
    struct reader answer = result->parameters;
    bool good =
        result->status == HCI_SUCCESS ? step_read(controller, step, &answer) : !controller_steps[step].is_needed;
    bool unknown = result->status == HCI_UNKNOWN_COMMAND && step == STEP_RANDOM_ADDRESS;
    if (good)
        controller_start_from(controller, step + 1);
    else
        controller->owner->started(controller->context, unknown ? BLUET_ENOTSUP : BLUET_EIO, result->status);
}

static void controller_start_from(struct hci_controller *controller, enum controller_step step)
{
    while (!step_applies(controller, step))
        step++;
    if (controller->stopped) /* by the application, when it was asked for secrets */
        return;
    if (step == STEP_COUNT) {
        controller->owner->started(controller->context, BLUET_OK, HCI_SUCCESS);
        return;
    }
    uint8_t parameters[8] = {0};
    struct writer writer = writer_of(parameters, sizeof parameters);
    step_write(controller, step, &writer);
    const struct hci_command command = {.opcode = controller_steps[step].opcode,
                                        .done = controller_step_done,
                                        .context = controller,
                                        .argument = (uint16_t)step,
                                        .least = controller_steps[step].least};
    hci_request(controller->hci, &command, parameters, writer.length);
}

BLUET_INTERNAL void hci_controller_start(struct hci_controller *controller, struct hci *hci,
                                         const struct hci_controller_owner *owner, void *context)
{
    *controller = (struct hci_controller){.hci = hci, .owner = owner, .context = context};
    controller_start_from(controller, STEP_RESET);
}
