/* Commands about the filter accept list (Vol 4 Part E, 7.8.14 to 7.8.17) and the resolving list (7.8.38 to 7.8.45). */
#include "air/advertising.h"
#include "air/hci_command.h"

enum { ANONYMOUS = 0xff, RPA_TIMEOUT_MOST = 0x0e10 };

static bool is_active(const struct bluet_air_controller *controller)
{
    return air_is_advertising(controller) || controller->scanner.enabled || controller->initiator.enabled;
}

static bool accept_list_is_used(const struct bluet_air_controller *controller)
{
    for (const struct air_advertiser *set = controller->advertisers; set; set = set->next)
        if (set->enabled && set->filter_policy)
            return true;
    return (controller->scanner.enabled && controller->scanner.filter_policy & 1) ||
           (controller->initiator.enabled && controller->initiator.filter_policy);
}

static struct air_address read_address(struct reader *in)
{
    struct air_address address = {.type = read_u8(in)};
    read_octets(in, address.octets, 6);
    return address;
}

static uint8_t le_read_filter_accept_list_size(struct bluet_air_controller *controller, struct reader *in,
                                               struct writer *out)
{
    (void)controller;
    (void)in;
    write_u8(out, AIR_ACCEPT_LIST_SIZE);
    return HCI_SUCCESS;
}

static uint8_t le_clear_filter_accept_list(struct bluet_air_controller *controller, struct reader *in,
                                           struct writer *out)
{
    (void)in;
    (void)out;
    if (accept_list_is_used(controller))
        return HCI_COMMAND_DISALLOWED;
    controller->lists.accept_count = 0;
    return HCI_SUCCESS;
}

static uint8_t le_add_device_to_filter_accept_list(struct bluet_air_controller *controller, struct reader *in,
                                                   struct writer *out)
{
    struct air_lists *lists = &controller->lists;
    struct air_address address = read_address(in);
    (void)out;
    if (accept_list_is_used(controller))
        return HCI_COMMAND_DISALLOWED;
    if (address.type == ANONYMOUS)
        memset(address.octets, 0, 6); /* for advertisements without an address: the octets do not count */
    else if (address.type > AIR_RANDOM)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (air_accept_list_holds(lists, address.type, address.octets))
        return HCI_SUCCESS;
    if (lists->accept_count == AIR_ACCEPT_LIST_SIZE)
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    lists->accept[lists->accept_count++] = address;
    return HCI_SUCCESS;
}

static uint8_t le_remove_device_from_filter_accept_list(struct bluet_air_controller *controller, struct reader *in,
                                                        struct writer *out)
{
    struct air_lists *lists = &controller->lists;
    struct air_address address = read_address(in);
    (void)out;
    if (accept_list_is_used(controller))
        return HCI_COMMAND_DISALLOWED;
    if (address.type == ANONYMOUS)
        memset(address.octets, 0, 6);
    for (size_t i = 0; i < lists->accept_count; i++) {
        if (!air_address_equal(&lists->accept[i], &address))
            continue;
        lists->accept[i] = lists->accept[--lists->accept_count];
        return HCI_SUCCESS;
    }
    return HCI_INVALID_COMMAND_PARAMETERS;
}

/* ---- The resolving list; it is not to change while it is being used. ---- */

static bool resolving_list_is_used(const struct bluet_air_controller *controller)
{
    return controller->lists.resolution_enabled && is_active(controller);
}

static uint8_t le_add_device_to_resolving_list(struct bluet_air_controller *controller, struct reader *in,
                                               struct writer *out)
{
    struct air_lists *lists = &controller->lists;
    struct air_resolving_entry entry = {.identity = read_address(in)};
    read_octets(in, entry.peer_irk, 16);
    read_octets(in, entry.local_irk, 16);
    (void)out;
    if (resolving_list_is_used(controller))
        return HCI_COMMAND_DISALLOWED;
    if (entry.identity.type > AIR_RANDOM || air_resolving_find(lists, entry.identity.type, entry.identity.octets))
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (lists->resolving_count == AIR_RESOLVING_LIST_SIZE)
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    lists->resolving[lists->resolving_count++] = entry;
    air_resolving_changed(lists);
    return HCI_SUCCESS;
}

static uint8_t le_remove_device_from_resolving_list(struct bluet_air_controller *controller, struct reader *in,
                                                    struct writer *out)
{
    struct air_lists *lists = &controller->lists;
    struct air_address address = read_address(in);
    (void)out;
    if (resolving_list_is_used(controller))
        return HCI_COMMAND_DISALLOWED;
    struct air_resolving_entry *entry = air_resolving_find(lists, address.type, address.octets);
    if (!entry)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    *entry = lists->resolving[--lists->resolving_count];
    air_resolving_changed(lists);
    return HCI_SUCCESS;
}

static uint8_t le_clear_resolving_list(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    (void)out;
    if (resolving_list_is_used(controller))
        return HCI_COMMAND_DISALLOWED;
    controller->lists.resolving_count = 0;
    air_resolving_changed(&controller->lists);
    return HCI_SUCCESS;
}

static uint8_t le_read_resolving_list_size(struct bluet_air_controller *controller, struct reader *in,
                                           struct writer *out)
{
    (void)controller;
    (void)in;
    write_u8(out, AIR_RESOLVING_LIST_SIZE);
    return HCI_SUCCESS;
}

static uint8_t le_read_peer_resolvable_address(struct bluet_air_controller *controller, struct reader *in,
                                               struct writer *out)
{
    struct air_address address = read_address(in);
    const struct air_resolving_entry *entry = air_resolving_find(&controller->lists, address.type, address.octets);
    if (!entry)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    write_octets(out, entry->peer_rpa, 6);
    return HCI_SUCCESS;
}

static uint8_t le_read_local_resolvable_address(struct bluet_air_controller *controller, struct reader *in,
                                                struct writer *out)
{
    struct air_address address = read_address(in);
    struct air_resolving_entry *entry = air_resolving_find(&controller->lists, address.type, address.octets);
    if (!entry)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    air_rpa_refresh(&controller->lists, entry, &controller->random, air_now(controller));
    write_octets(out, entry->local_rpa, 6);
    return HCI_SUCCESS;
}

static uint8_t le_set_address_resolution_enable(struct bluet_air_controller *controller, struct reader *in,
                                                struct writer *out)
{
    uint8_t enable = read_u8(in);
    (void)out;
    if (enable > 1)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (is_active(controller))
        return HCI_COMMAND_DISALLOWED;
    controller->lists.resolution_enabled = enable;
    return HCI_SUCCESS;
}

static uint8_t le_set_resolvable_private_address_timeout(struct bluet_air_controller *controller, struct reader *in,
                                                         struct writer *out)
{
    uint16_t timeout = read_u16(in);
    (void)out;
    if (!timeout || timeout > RPA_TIMEOUT_MOST)
        return HCI_INVALID_COMMAND_PARAMETERS;
    controller->lists.rpa_timeout = timeout;
    return HCI_SUCCESS;
}

static uint8_t le_set_privacy_mode(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_address address = read_address(in);
    uint8_t mode = read_u8(in);
    (void)out;
    if (resolving_list_is_used(controller))
        return HCI_COMMAND_DISALLOWED;
    if (address.type > AIR_RANDOM || mode > 1)
        return HCI_INVALID_COMMAND_PARAMETERS;
    struct air_resolving_entry *entry = air_resolving_find(&controller->lists, address.type, address.octets);
    if (!entry)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    entry->device_privacy = mode;
    return HCI_SUCCESS;
}

static const struct air_command commands[] = {
    {HCI_LE_READ_FILTER_ACCEPT_LIST_SIZE, 0, 26, 6, AIR_ANSWER_COMPLETE, 1, le_read_filter_accept_list_size},
    {HCI_LE_CLEAR_FILTER_ACCEPT_LIST, 0, 26, 7, AIR_ANSWER_COMPLETE, 0, le_clear_filter_accept_list},
    {HCI_LE_ADD_DEVICE_TO_FILTER_ACCEPT_LIST, 7, 27, 0, AIR_ANSWER_COMPLETE, 0, le_add_device_to_filter_accept_list},
    {HCI_LE_REMOVE_DEVICE_FROM_FILTER_ACCEPT_LIST, 7, 27, 1, AIR_ANSWER_COMPLETE, 0,
     le_remove_device_from_filter_accept_list},
    {HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST, 39, 34, 3, AIR_ANSWER_COMPLETE, 0, le_add_device_to_resolving_list},
    {HCI_LE_REMOVE_DEVICE_FROM_RESOLVING_LIST, 7, 34, 4, AIR_ANSWER_COMPLETE, 0, le_remove_device_from_resolving_list},
    {HCI_LE_CLEAR_RESOLVING_LIST, 0, 34, 5, AIR_ANSWER_COMPLETE, 0, le_clear_resolving_list},
    {HCI_LE_READ_RESOLVING_LIST_SIZE, 0, 34, 6, AIR_ANSWER_COMPLETE, 1, le_read_resolving_list_size},
    {HCI_LE_READ_PEER_RESOLVABLE_ADDRESS, 7, 34, 7, AIR_ANSWER_COMPLETE, 6, le_read_peer_resolvable_address},
    {HCI_LE_READ_LOCAL_RESOLVABLE_ADDRESS, 7, 35, 0, AIR_ANSWER_COMPLETE, 6, le_read_local_resolvable_address},
    {HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE, 1, 35, 1, AIR_ANSWER_COMPLETE, 0, le_set_address_resolution_enable},
    {HCI_LE_SET_RESOLVABLE_PRIVATE_ADDRESS_TIMEOUT, 2, 35, 2, AIR_ANSWER_COMPLETE, 0,
     le_set_resolvable_private_address_timeout},
    {HCI_LE_SET_PRIVACY_MODE, 8, 39, 2, AIR_ANSWER_COMPLETE, 0, le_set_privacy_mode},
};

BLUET_INTERNAL struct air_command_table air_list_commands(void)
{
    return (struct air_command_table){commands, sizeof commands / sizeof *commands};
}
