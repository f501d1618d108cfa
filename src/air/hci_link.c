/* Commands about a connection: Vol 4 Part E, 7.1, 7.3 and 7.5, and their like of 7.8. */
#include "air/channel.h"
#include "air/connection.h"
#include "air/hci_command.h"
#include "air/link_encryption.h"

enum { PREFER_S2 = 1, NO_TRANSMIT_PREFERENCE = 1, NO_RECEIVE_PREFERENCE = 2, RSSI_UNKNOWN = 127 };

static struct air_link *read_link(const struct bluet_air_controller *controller, struct reader *in)
{
    return air_link_find(controller, read_u16(in));
}

/* The same for commands whose answer names the connection, whether there is one or not. */
static struct air_link *read_and_name_link(const struct bluet_air_controller *controller, struct reader *in,
                                           struct writer *out)
{
    uint16_t handle = read_u16(in);
    write_u16(out, handle);
    return air_link_find(controller, handle);
}

static uint8_t disconnect(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_link *link = read_link(controller, in);
    (void)out;
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    uint8_t reason = read_u8(in);
    switch (reason) {
    case HCI_AUTHENTICATION_FAILURE:
    case HCI_REMOTE_USER_TERMINATED:
    case HCI_REMOTE_LOW_RESOURCES:
    case HCI_REMOTE_POWER_OFF:
    case HCI_UNSUPPORTED_REMOTE_FEATURE:
    case HCI_PAIRING_WITH_UNIT_KEY_NOT_SUPPORTED:
    case HCI_UNACCEPTABLE_CONNECTION_PARAMETERS:
        break;
    default:
        return HCI_INVALID_COMMAND_PARAMETERS;
    }
    if (link->terminating)
        return HCI_COMMAND_DISALLOWED;
    air_link_terminate(link, reason);
    return HCI_SUCCESS;
}

/* For commands that ask for a procedure, and name nothing but the connection. */
static uint8_t want(struct bluet_air_controller *controller, struct reader *in, enum air_procedure procedure)
{
    struct air_link *link = read_link(controller, in);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    air_control_want(link, procedure, true);
    return HCI_SUCCESS;
}

static uint8_t read_remote_version_information(struct bluet_air_controller *controller, struct reader *in,
                                               struct writer *out)
{
    (void)out;
    return want(controller, in, AIR_PROCEDURE_VERSION);
}

static uint8_t le_read_remote_features(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    return want(controller, in, AIR_PROCEDURE_FEATURES);
}

static uint8_t read_transmit_power_level(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    const struct air_link *link = read_and_name_link(controller, in, out);
    uint8_t type = read_u8(in);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (type > 1)
        return HCI_INVALID_COMMAND_PARAMETERS;
    write_u8(out, (uint8_t)controller->config.transmit_power);
    return HCI_SUCCESS;
}

static int8_t rssi_of(const struct air_link *link)
{
    if (!link->peer)
        return RSSI_UNKNOWN;
    const struct bluet_air_controller *peer = link->peer->controller;
    return air_rssi(peer, link->controller, peer->config.transmit_power);
}

static uint8_t read_rssi(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    const struct air_link *link = read_and_name_link(controller, in, out);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    write_u8(out, (uint8_t)rssi_of(link));
    return HCI_SUCCESS;
}

static uint8_t read_authenticated_payload_timeout(struct bluet_air_controller *controller, struct reader *in,
                                                  struct writer *out)
{
    const struct air_link *link = read_and_name_link(controller, in, out);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    write_u16(out, link->authenticated_timeout);
    return HCI_SUCCESS;
}

static uint8_t write_authenticated_payload_timeout(struct bluet_air_controller *controller, struct reader *in,
                                                   struct writer *out)
{
    struct air_link *link = read_and_name_link(controller, in, out);
    uint16_t timeout = read_u16(in);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    uint64_t least = (uint64_t)air_link_interval_us(link) * (link->parameters.latency + 1u);
    if (!timeout || timeout * UINT64_C(10000) < least)
        return HCI_INVALID_COMMAND_PARAMETERS;
    link->authenticated_timeout = timeout;
    if (link->encryption.transmit && link->encryption.receive)
        air_set(controller, &link->authentication, air_now(controller));
    return HCI_SUCCESS;
}

static uint8_t le_connection_update(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_link *link = read_link(controller, in);
    struct air_parameters wish;
    uint16_t interval_min = read_u16(in);
    wish.interval = read_u16(in);
    wish.latency = read_u16(in);
    wish.timeout = read_u16(in);
    uint16_t event_min = read_u16(in);
    uint16_t event_max = read_u16(in);
    (void)out;
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (!air_parameters_are_valid(interval_min, wish.interval, wish.latency, wish.timeout) || event_min > event_max)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (link->asked >> AIR_PROCEDURE_UPDATE & 1)
        return HCI_COMMAND_DISALLOWED;
    link->wanted_interval_min = interval_min;
    link->wanted_parameters = wish;
    air_control_want(link, AIR_PROCEDURE_UPDATE, true);
    return HCI_SUCCESS;
}

static uint8_t le_set_host_channel_classification(struct bluet_air_controller *controller, struct reader *in,
                                                  struct writer *out)
{
    uint8_t map[5];
    read_octets(in, map, sizeof map);
    (void)out;
    map[4] &= 0x1f;
    if (air_channel_count(map) < 2) /* the least a connection can do with: Vol 6 Part B, 1.4.1 */
        return HCI_INVALID_COMMAND_PARAMETERS;
    memcpy(controller->channel_map, map, sizeof map);
    for (struct air_link *link = controller->links; link; link = link->next)
        if (link->central)
            air_control_want(link, AIR_PROCEDURE_CHANNEL_MAP, false);
    return HCI_SUCCESS;
}

static uint8_t le_read_channel_map(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    const struct air_link *link = read_and_name_link(controller, in, out);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    write_octets(out, link->channel_map, sizeof link->channel_map);
    return HCI_SUCCESS;
}

static uint8_t le_enable_encryption(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_link *link = read_link(controller, in);
    (void)out;
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (!link->central || link->asked >> AIR_PROCEDURE_ENCRYPTION & 1)
        return HCI_COMMAND_DISALLOWED;
    read_octets(in, link->encryption.random, 8);
    link->encryption.diversifier = read_u16(in);
    read_octets(in, link->encryption.key, 16);
    air_control_want(link, AIR_PROCEDURE_ENCRYPTION, true);
    return HCI_SUCCESS;
}

static uint8_t answer_key_request(struct bluet_air_controller *controller, struct reader *in, struct writer *out,
                                  bool has_key)
{
    struct air_link *link = read_and_name_link(controller, in, out);
    uint8_t key[16];
    read_octets(in, key, has_key ? sizeof key : 0);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (link->encryption.state != AIR_ENCRYPTION_AWAIT_KEY)
        return HCI_COMMAND_DISALLOWED;
    air_encryption_key(link, has_key ? key : NULL);
    return HCI_SUCCESS;
}

static uint8_t le_long_term_key_request_reply(struct bluet_air_controller *controller, struct reader *in,
                                              struct writer *out)
{
    return answer_key_request(controller, in, out, true);
}

static uint8_t le_long_term_key_request_negative_reply(struct bluet_air_controller *controller, struct reader *in,
                                                       struct writer *out)
{
    return answer_key_request(controller, in, out, false);
}

static uint8_t le_remote_parameter_request_reply(struct bluet_air_controller *controller, struct reader *in,
                                                 struct writer *out)
{
    struct air_link *link = read_and_name_link(controller, in, out);
    struct air_parameters parameters;
    uint16_t interval_min = read_u16(in);
    parameters.interval = read_u16(in);
    parameters.latency = read_u16(in);
    parameters.timeout = read_u16(in);
    uint16_t event_min = read_u16(in);
    uint16_t event_max = read_u16(in);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (!air_parameters_are_valid(interval_min, parameters.interval, parameters.latency, parameters.timeout) ||
        event_min > event_max)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (!link->answering_parameters)
        return HCI_COMMAND_DISALLOWED;
    air_control_accept_parameters(link, interval_min, &parameters);
    return HCI_SUCCESS;
}

static uint8_t le_remote_parameter_request_negative_reply(struct bluet_air_controller *controller, struct reader *in,
                                                          struct writer *out)
{
    struct air_link *link = read_and_name_link(controller, in, out);
    uint8_t reason = read_u8(in);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (!link->answering_parameters)
        return HCI_COMMAND_DISALLOWED;
    air_control_reject_parameters(link, reason);
    return HCI_SUCCESS;
}

static uint8_t le_set_data_length(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_link *link = read_and_name_link(controller, in, out);
    uint16_t octets = read_u16(in);
    uint16_t time = read_u16(in);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (!air_lengths_are_valid(octets, time))
        return HCI_INVALID_COMMAND_PARAMETERS;
    link->local.transmit_octets = octets;
    link->local.transmit_time = time;
    air_control_want(link, AIR_PROCEDURE_LENGTH, false);
    return HCI_SUCCESS;
}

static uint8_t le_read_phy(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    const struct air_link *link = read_and_name_link(controller, in, out);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    write_u8(out, air_phy_number(link->transmit_phy));
    write_u8(out, air_phy_number(link->receive_phy));
    return HCI_SUCCESS;
}

/* Preferences (Vol 4 Part E, 7.8.48): no preference means all. */
static uint8_t read_phys(const struct bluet_air_controller *controller, struct reader *in, uint8_t *out_transmit,
                         uint8_t *out_receive)
{
    uint8_t known = air_phys(controller);
    uint8_t all = read_u8(in);
    uint8_t transmit = read_u8(in);
    uint8_t receive = read_u8(in);
    *out_transmit = all & NO_TRANSMIT_PREFERENCE ? known : transmit;
    *out_receive = all & NO_RECEIVE_PREFERENCE ? known : receive;
    if ((*out_transmit | *out_receive) & ~known)
        return HCI_UNSUPPORTED_FEATURE_OR_PARAMETER;
    if (!*out_transmit || !*out_receive)
        return HCI_INVALID_COMMAND_PARAMETERS;
    return HCI_SUCCESS;
}

static uint8_t le_set_default_phy(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint8_t transmit;
    uint8_t receive;
    (void)out;
    uint8_t error = read_phys(controller, in, &transmit, &receive);
    if (error)
        return error;
    controller->default_transmit_phys = transmit;
    controller->default_receive_phys = receive;
    return HCI_SUCCESS;
}

static uint8_t le_set_phy(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    struct air_link *link = read_link(controller, in);
    uint8_t transmit;
    uint8_t receive;
    (void)out;
    uint8_t error = read_phys(controller, in, &transmit, &receive);
    uint16_t options = read_u16(in);
    if (!link)
        return HCI_UNKNOWN_CONNECTION_IDENTIFIER;
    if (error)
        return error;
    if (link->asked >> AIR_PROCEDURE_PHY & 1)
        return HCI_COMMAND_DISALLOWED;
    link->wanted_transmit_phys = transmit;
    link->wanted_receive_phys = receive;
    link->prefers_s2 = options == PREFER_S2;
    air_control_want(link, AIR_PROCEDURE_PHY, true);
    return HCI_SUCCESS;
}

static const struct air_command commands[] = {
    {HCI_DISCONNECT, 3, 0, 5, AIR_ANSWER_STATUS, 0, disconnect},
    {HCI_READ_REMOTE_VERSION_INFORMATION, 2, 2, 7, AIR_ANSWER_STATUS, 0, read_remote_version_information},
    {HCI_READ_TRANSMIT_POWER_LEVEL, 3, 10, 2, AIR_ANSWER_COMPLETE, 3, read_transmit_power_level},
    {HCI_READ_RSSI, 2, 15, 5, AIR_ANSWER_COMPLETE, 3, read_rssi},
    {HCI_READ_AUTHENTICATED_PAYLOAD_TIMEOUT, 2, 32, 4, AIR_ANSWER_COMPLETE, 4, read_authenticated_payload_timeout},
    {HCI_WRITE_AUTHENTICATED_PAYLOAD_TIMEOUT, 4, 32, 5, AIR_ANSWER_COMPLETE, 2, write_authenticated_payload_timeout},
    {HCI_LE_CONNECTION_UPDATE, 14, 27, 2, AIR_ANSWER_STATUS, 0, le_connection_update},
    {HCI_LE_SET_HOST_CHANNEL_CLASSIFICATION, 5, 27, 3, AIR_ANSWER_COMPLETE, 0, le_set_host_channel_classification},
    {HCI_LE_READ_CHANNEL_MAP, 2, 27, 4, AIR_ANSWER_COMPLETE, 7, le_read_channel_map},
    {HCI_LE_READ_REMOTE_FEATURES, 2, 27, 5, AIR_ANSWER_STATUS, 0, le_read_remote_features},
    {HCI_LE_ENABLE_ENCRYPTION, 28, 28, 0, AIR_ANSWER_STATUS, 0, le_enable_encryption},
    {HCI_LE_LONG_TERM_KEY_REQUEST_REPLY, 18, 28, 1, AIR_ANSWER_COMPLETE, 2, le_long_term_key_request_reply},
    {HCI_LE_LONG_TERM_KEY_REQUEST_NEGATIVE_REPLY, 2, 28, 2, AIR_ANSWER_COMPLETE, 2,
     le_long_term_key_request_negative_reply},
    {HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_REPLY, 14, 33, 4, AIR_ANSWER_COMPLETE, 2,
     le_remote_parameter_request_reply},
    {HCI_LE_REMOTE_CONNECTION_PARAMETER_REQUEST_NEGATIVE_REPLY, 3, 33, 5, AIR_ANSWER_COMPLETE, 2,
     le_remote_parameter_request_negative_reply},
    {HCI_LE_SET_DATA_LENGTH, 6, 33, 6, AIR_ANSWER_COMPLETE, 2, le_set_data_length},
    {HCI_LE_READ_PHY, 2, 35, 4, AIR_ANSWER_COMPLETE, 4, le_read_phy},
    {HCI_LE_SET_DEFAULT_PHY, 3, 35, 5, AIR_ANSWER_COMPLETE, 0, le_set_default_phy},
    {HCI_LE_SET_PHY, 7, 35, 6, AIR_ANSWER_STATUS, 0, le_set_phy},
};

BLUET_INTERNAL struct air_command_table air_link_commands(void)
{
    return (struct air_command_table){commands, sizeof commands / sizeof *commands};
}
