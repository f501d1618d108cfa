/* Commands about periodic advertising: Vol 4 Part E, 7.8.61 to 7.8.63, 7.8.67 to 7.8.73, 7.8.88. */
#include "air/advertising.h"
#include "air/hci_command.h"
#include "air/periodic.h"
#include "air/synchronizing.h"

enum {
    INTERVAL_LEAST = 0x0006,
    WITH_POWER = 0x40,
    OPERATION_COMPLETE = 3,
    FRAGMENT_MOST = 252,
    IDENTIFIER_MOST = 0x0f,
    SKIP_MOST = 0x01f3,
    TIMEOUT_LEAST = 0x000a,
    TIMEOUT_MOST = 0x4000,
    USE_LIST = 1,
    SILENT = 2
};

static uint8_t le_set_parameters(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_advertiser *set = air_advertiser_find(controller, read_u8(in));
    uint16_t interval_min = read_u16(in);
    uint16_t interval_max = read_u16(in);
    uint16_t properties = read_u16(in);
    (void)out;
    if (!set)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    const struct air_advertising_kind *kind = &set->kind;
    if (interval_min < INTERVAL_LEAST || interval_min > interval_max || properties & ~WITH_POWER || kind->legacy ||
        kind->connectable || kind->scannable || kind->anonymous)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (set->periodic.wanted)
        return HCI_COMMAND_DISALLOWED;
    set->periodic.interval = interval_min;
    set->periodic.with_power = properties & WITH_POWER;
    return HCI_SUCCESS;
}

static uint8_t le_set_data(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_advertiser *set = air_advertiser_find(controller, read_u8(in));
    uint8_t operation = read_u8(in);
    uint8_t length = read_u8(in);
    (void)out;
    if (!reader_ok(in) || reader_remaining(in) != length || length > FRAGMENT_MOST)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (!set)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    struct air_periodic *periodic = &set->periodic;
    if (!periodic->interval || (periodic->wanted && operation != OPERATION_COMPLETE))
        return HCI_COMMAND_DISALLOWED;
    return air_data_add(&periodic->data, operation, in, AIR_DATA_MOST);
}

static uint8_t le_set_enable(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint8_t enable = read_u8(in);
    struct air_advertiser *set = air_advertiser_find(controller, read_u8(in));
    (void)out;
    if (!set)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    if (enable > 1) /* bit 1 would ask for data identifiers, which there are not */
        return enable > 3 ? HCI_INVALID_COMMAND_PARAMETERS : HCI_UNSUPPORTED_FEATURE_OR_PARAMETER;
    if (enable && (!set->periodic.interval || set->periodic.data.incomplete))
        return HCI_COMMAND_DISALLOWED;
    set->periodic.wanted = enable;
    if (!enable)
        air_periodic_stop(set);
    else if (set->enabled)
        air_periodic_start(set);
    return HCI_SUCCESS;
}

/* ---- Following ---- */

static struct air_periodic_advertiser read_advertiser(struct reader *in)
{
    struct air_periodic_advertiser advertiser;
    advertiser.address.type = read_u8(in);
    read_octets(in, advertiser.address.octets, 6);
    advertiser.set_identifier = read_u8(in);
    return advertiser;
}

static bool is_looking(const struct bluet_air_controller *controller)
{
    const struct air_sync *sync = controller->synchronizer.syncs;
    while (sync && sync->established)
        sync = sync->next;
    return sync || controller->synchronizer.pending;
}

static uint8_t le_create_sync(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_synchronizer *synchronizer = &controller->synchronizer;
    uint8_t options = read_u8(in);
    struct air_periodic_advertiser wanted;
    wanted.set_identifier = read_u8(in);
    wanted.address.type = read_u8(in);
    read_octets(in, wanted.address.octets, 6);
    uint16_t skip = read_u16(in);
    uint16_t timeout = read_u16(in);
    uint8_t extension = read_u8(in);
    (void)out;
    if (is_looking(controller))
        return HCI_COMMAND_DISALLOWED;
    if (options & ~(USE_LIST | SILENT))
        return HCI_UNSUPPORTED_FEATURE_OR_PARAMETER;
    bool uses_list = options & USE_LIST;
    if ((!uses_list && (wanted.address.type > AIR_RANDOM || wanted.set_identifier > IDENTIFIER_MOST)) ||
        skip > SKIP_MOST || timeout < TIMEOUT_LEAST || timeout > TIMEOUT_MOST || extension & 0xe0)
        return HCI_INVALID_COMMAND_PARAMETERS;
    for (const struct air_sync *sync = synchronizer->syncs; sync && !uses_list; sync = sync->next)
        if (sync->set_identifier == wanted.set_identifier && (sync->peer.type & AIR_RANDOM) == wanted.address.type &&
            !memcmp(sync->peer.octets, wanted.address.octets, 6))
            return HCI_CONNECTION_ALREADY_EXISTS;
    synchronizer->uses_list = uses_list;
    synchronizer->silent = options & SILENT;
    synchronizer->wanted = wanted;
    synchronizer->skip = skip;
    synchronizer->timeout = timeout;
    return air_synchronizing_start(controller);
}

static void report_cancellation(struct bluet_air_controller *controller)
{
    air_event_sync_established(controller, NULL, HCI_CANCELLED_BY_HOST);
}

static uint8_t le_create_sync_cancel(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    (void)out;
    if (!air_synchronizing_stop(controller))
        return HCI_COMMAND_DISALLOWED;
    controller->after = report_cancellation;
    return HCI_SUCCESS;
}

/* One that is established. */
static struct air_sync *read_sync(const struct bluet_air_controller *controller, struct reader *in)
{
    struct air_sync *sync = air_sync_find(controller, read_u16(in));
    return sync && sync->established ? sync : NULL;
}

static uint8_t le_terminate_sync(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_sync *sync = read_sync(controller, in);
    (void)out;
    if (!sync)
        return is_looking(controller) ? HCI_COMMAND_DISALLOWED : HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    air_sync_drop(sync);
    return HCI_SUCCESS;
}

static uint8_t le_set_receive_enable(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_sync *sync = read_sync(controller, in);
    uint8_t enable = read_u8(in);
    (void)out;
    if (!sync)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    if (enable > 1)
        return enable > 3 ? HCI_INVALID_COMMAND_PARAMETERS : HCI_UNSUPPORTED_FEATURE_OR_PARAMETER;
    sync->silent = !enable;
    return HCI_SUCCESS;
}

/* ---- The periodic advertiser list ---- */

/* Its place, or its end. */
static size_t list_find(const struct air_synchronizer *synchronizer, const struct air_periodic_advertiser *advertiser)
{
    size_t i = 0;
    while (i < synchronizer->list_count && (synchronizer->list[i].set_identifier != advertiser->set_identifier ||
                                            !air_address_equal(&synchronizer->list[i].address, &advertiser->address)))
        i++;
    return i;
}

static uint8_t le_add_to_list(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_synchronizer *synchronizer = &controller->synchronizer;
    struct air_periodic_advertiser advertiser = read_advertiser(in);
    (void)out;
    if (is_looking(controller))
        return HCI_COMMAND_DISALLOWED;
    if (advertiser.address.type > AIR_RANDOM || advertiser.set_identifier > IDENTIFIER_MOST ||
        list_find(synchronizer, &advertiser) < synchronizer->list_count)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (synchronizer->list_count == AIR_PERIODIC_LIST_SIZE)
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    synchronizer->list[synchronizer->list_count++] = advertiser;
    return HCI_SUCCESS;
}

static uint8_t le_remove_from_list(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_synchronizer *synchronizer = &controller->synchronizer;
    struct air_periodic_advertiser advertiser = read_advertiser(in);
    size_t at = list_find(synchronizer, &advertiser);
    (void)out;
    if (is_looking(controller))
        return HCI_COMMAND_DISALLOWED;
    if (at == synchronizer->list_count)
        return HCI_UNKNOWN_ADVERTISING_IDENTIFIER;
    synchronizer->list[at] = synchronizer->list[--synchronizer->list_count];
    return HCI_SUCCESS;
}

static uint8_t le_clear_list(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    (void)out;
    if (is_looking(controller))
        return HCI_COMMAND_DISALLOWED;
    controller->synchronizer.list_count = 0;
    return HCI_SUCCESS;
}

static uint8_t le_read_list_size(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)controller;
    (void)in;
    write_u8(out, AIR_PERIODIC_LIST_SIZE);
    return HCI_SUCCESS;
}

static const struct air_command commands[] = {
    {HCI_LE_SET_PERIODIC_ADVERTISING_PARAMETERS, 7, 37, 2, AIR_ANSWER_COMPLETE, 0, le_set_parameters},
    {HCI_LE_SET_PERIODIC_ADVERTISING_DATA, AIR_ANY_LENGTH, 37, 3, AIR_ANSWER_COMPLETE, 0, le_set_data},
    {HCI_LE_SET_PERIODIC_ADVERTISING_ENABLE, 2, 37, 4, AIR_ANSWER_COMPLETE, 0, le_set_enable},
    {HCI_LE_PERIODIC_ADVERTISING_CREATE_SYNC, 14, 38, 0, AIR_ANSWER_STATUS, 0, le_create_sync},
    {HCI_LE_PERIODIC_ADVERTISING_CREATE_SYNC_CANCEL, 0, 38, 1, AIR_ANSWER_COMPLETE, 0, le_create_sync_cancel},
    {HCI_LE_PERIODIC_ADVERTISING_TERMINATE_SYNC, 2, 38, 2, AIR_ANSWER_COMPLETE, 0, le_terminate_sync},
    {HCI_LE_ADD_DEVICE_TO_PERIODIC_ADVERTISER_LIST, 8, 38, 3, AIR_ANSWER_COMPLETE, 0, le_add_to_list},
    {HCI_LE_REMOVE_DEVICE_FROM_PERIODIC_ADVERTISER_LIST, 8, 38, 4, AIR_ANSWER_COMPLETE, 0, le_remove_from_list},
    {HCI_LE_CLEAR_PERIODIC_ADVERTISER_LIST, 0, 38, 5, AIR_ANSWER_COMPLETE, 0, le_clear_list},
    {HCI_LE_READ_PERIODIC_ADVERTISER_LIST_SIZE, 0, 38, 6, AIR_ANSWER_COMPLETE, 1, le_read_list_size},
    {HCI_LE_SET_PERIODIC_ADVERTISING_RECEIVE_ENABLE, 3, 40, 5, AIR_ANSWER_COMPLETE, 0, le_set_receive_enable},
};

BLUET_INTERNAL struct air_command_table air_periodic_commands(void)
{
    return (struct air_command_table){commands, sizeof commands / sizeof *commands};
}
