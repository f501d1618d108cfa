/* Commands about the controller as a whole: Vol 4 Part E, 7.3 and 7.4, and their like of 7.8. */
#include "air/hci_command.h"
#include "air/life.h"
#include "air/link_control.h"
#include "crypto/crypto.h"

/* LMP features (Vol 2 Part C, 3.3): BR/EDR not supported, LE supported. */
#define LMP_FEATURES_OCTET_4 0x60

enum { KEY_ATTEMPTS = 4 }; /* a random number is no private key once in 2^32 */

/* Combinations of roles (Vol 4 Part E, 7.8.27): all 42. */
#define LE_STATES ((UINT64_C(1) << 42) - 1)

static uint8_t reset(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    (void)out;
    air_controller_reset(controller);
    return HCI_SUCCESS;
}

static uint8_t set_event_mask(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    controller->masks.events = read_u64(in);
    return HCI_SUCCESS;
}

static uint8_t set_event_mask_page_2(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    controller->masks.events_2 = read_u64(in);
    return HCI_SUCCESS;
}

static uint8_t le_set_event_mask(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    controller->masks.le_events = read_u64(in);
    return HCI_SUCCESS;
}

static uint8_t set_host_flow_control(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint8_t mode = read_u8(in);
    (void)out;
    if (mode > 3)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (controller->links || (mode & 1 && !controller->flow.count))
        return HCI_COMMAND_DISALLOWED;
    controller->flow.enabled = mode & 1;
    return HCI_SUCCESS;
}

static uint8_t host_buffer_size(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint16_t length = read_u16(in);
    read_u8(in); /* synchronous data */
    uint16_t count = read_u16(in);
    (void)out;
    if (!length || !count)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (controller->links)
        return HCI_COMMAND_DISALLOWED;
    controller->flow.length = length;
    controller->flow.count = count;
    return HCI_SUCCESS;
}

/* Answered only if something is wrong with it: 7.3.40. */
static uint8_t host_number_of_completed_packets(struct bluet_air_controller *controller, struct reader *in,
                                                struct writer *out)
{
    uint8_t count = read_u8(in);
    (void)out;
    if (!reader_ok(in) || reader_remaining(in) != count * 4u)
        return HCI_INVALID_COMMAND_PARAMETERS;
    for (; count; count--) {
        struct air_link *link = air_link_find(controller, read_u16(in) & 0x0fff);
        uint16_t packets = read_u16(in);
        if (!link)
            continue; /* it may have ended meanwhile, and with it all that the host owed */
        if (packets > link->host_owes)
            return HCI_INVALID_COMMAND_PARAMETERS;
        link->host_owes = (uint16_t)(link->host_owes - packets);
        controller->flow.outstanding -= packets;
    }
    return HCI_SUCCESS;
}

static uint8_t read_local_version_information(struct bluet_air_controller *controller, struct reader *in,
                                              struct writer *out)
{
    (void)in;
    write_u8(out, controller->config.version);
    write_u16(out, AIR_SUBVERSION);
    write_u8(out, controller->config.version);
    write_u16(out, AIR_COMPANY);
    write_u16(out, AIR_SUBVERSION);
    return HCI_SUCCESS;
}

static uint8_t read_local_supported_features(struct bluet_air_controller *controller, struct reader *in,
                                             struct writer *out)
{
    (void)controller;
    (void)in;
    write_zeros(out, 4);
    write_u8(out, LMP_FEATURES_OCTET_4);
    return HCI_SUCCESS;
}

/* One page, as above. */
static uint8_t read_local_extended_features(struct bluet_air_controller *controller, struct reader *in,
                                            struct writer *out)
{
    uint8_t page = read_u8(in);
    if (page)
        return HCI_INVALID_COMMAND_PARAMETERS;
    write_u16(out, 0); /* this page, and the last */
    return read_local_supported_features(controller, in, out);
}

static uint8_t write_local_name(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    read_octets(in, controller->name, sizeof controller->name);
    return HCI_SUCCESS;
}

static uint8_t read_local_name(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    write_octets(out, controller->name, sizeof controller->name);
    return HCI_SUCCESS;
}

static uint8_t read_bd_addr(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    write_octets(out, controller->public_address, 6);
    return HCI_SUCCESS;
}

/* No buffers for BR/EDR: LE has its own. */
static uint8_t read_buffer_size(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)controller;
    (void)in;
    (void)out;
    return HCI_SUCCESS;
}

static uint8_t le_read_buffer_size(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    write_u16(out, controller->config.acl_length);
    write_u8(out, controller->config.acl_count);
    return HCI_SUCCESS;
}

/* No isochronous ones. */
static uint8_t le_read_buffer_size_v2(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    return le_read_buffer_size(controller, in, out);
}

static uint8_t le_read_local_supported_features(struct bluet_air_controller *controller, struct reader *in,
                                                struct writer *out)
{
    (void)in;
    write_u64(out, air_features(controller));
    return HCI_SUCCESS;
}

static uint8_t le_read_supported_states(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)controller;
    (void)in;
    write_u64(out, LE_STATES);
    return HCI_SUCCESS;
}

static uint8_t le_encrypt(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    uint8_t key[16];
    uint8_t plain[16];
    uint8_t cipher[16];
    (void)controller;
    read_reversed(in, key, sizeof key);
    read_reversed(in, plain, sizeof plain);
    if (!crypto_aes128(cipher, key, plain))
        return HCI_HARDWARE_FAILURE;
    write_reversed(out, cipher, sizeof cipher);
    return HCI_SUCCESS;
}

static uint8_t le_rand(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)in;
    write_u64(out, air_random_next(&controller->random));
    return HCI_SUCCESS;
}

/* ---- P-256: 7.8.36, 7.8.37 ---- */

static void report_public_key(struct bluet_air_controller *controller)
{
    static const uint8_t nothing[64];
    bool made = false;
    for (unsigned attempt = 0; attempt < KEY_ATTEMPTS && !made; attempt++) {
        air_random_octets(&controller->random, controller->private_key, sizeof controller->private_key);
        made = crypto_p256_public(controller->public_key, controller->private_key);
    }
    controller->has_key = made;
    air_event_public_key(controller, made ? HCI_SUCCESS : HCI_HARDWARE_FAILURE,
                         made ? controller->public_key : nothing);
}

static uint8_t le_read_local_p256_public_key(struct bluet_air_controller *controller, struct reader *in,
                                             struct writer *out)
{
    (void)in;
    (void)out;
    controller->after = report_public_key;
    return HCI_SUCCESS;
}

/* A key that is no point of the curve gives a result that is none: all ones (7.7.65.9). */
static void report_dhkey(struct bluet_air_controller *controller)
{
    uint8_t secret[32];
    bool agreed = crypto_p256_agree(secret, controller->agreed_private_key, controller->peer_public_key);
    if (!agreed)
        memset(secret, 0xff, sizeof secret);
    air_event_dhkey(controller, agreed ? HCI_SUCCESS : HCI_INVALID_COMMAND_PARAMETERS, secret);
}

static uint8_t generate_dhkey(struct bluet_air_controller *controller, struct reader *in, const uint8_t *private_key)
{
    read_reversed(in, controller->peer_public_key, 32);
    read_reversed(in, controller->peer_public_key + 32, 32);
    memcpy(controller->agreed_private_key, private_key, sizeof controller->agreed_private_key);
    controller->after = report_dhkey;
    return HCI_SUCCESS;
}

static uint8_t le_generate_dhkey(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    (void)out;
    if (!controller->has_key)
        return HCI_COMMAND_DISALLOWED;
    return generate_dhkey(controller, in, controller->private_key);
}

/* With the private debug key, if the host says so: Vol 3 Part H, 2.3.5.6.1 */
static uint8_t le_generate_dhkey_v2(struct bluet_air_controller *controller, struct reader *in, struct writer *out)
{
    static const uint8_t debug_key[32] = {0x3f, 0x49, 0xf6, 0xd4, 0xa3, 0xc5, 0x5f, 0x38, 0x74, 0xc9, 0xb3,
                                          0xe3, 0xd2, 0x10, 0x3f, 0x50, 0x4a, 0xff, 0x60, 0x7b, 0xeb, 0x40,
                                          0xb7, 0x99, 0x58, 0x99, 0xb8, 0xa6, 0xcd, 0x3c, 0x1a, 0xbd};
    struct reader point = read_part(in, 64);
    uint8_t type = read_u8(in);
    (void)out;
    if (type > 1)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (!type && !controller->has_key)
        return HCI_COMMAND_DISALLOWED;
    return generate_dhkey(controller, &point, type ? debug_key : controller->private_key);
}

static uint8_t le_read_suggested_default_data_length(struct bluet_air_controller *controller, struct reader *in,
                                                     struct writer *out)
{
    (void)in;
    write_u16(out, controller->suggested_octets);
    write_u16(out, controller->suggested_time);
    return HCI_SUCCESS;
}

static uint8_t le_write_suggested_default_data_length(struct bluet_air_controller *controller, struct reader *in,
                                                      struct writer *out)
{
    uint16_t octets = read_u16(in);
    uint16_t time = read_u16(in);
    (void)out;
    if (!air_lengths_are_valid(octets, time))
        return HCI_INVALID_COMMAND_PARAMETERS;
    controller->suggested_octets = octets;
    controller->suggested_time = time;
    return HCI_SUCCESS;
}

static uint8_t le_read_maximum_data_length(struct bluet_air_controller *controller, struct reader *in,
                                           struct writer *out)
{
    (void)controller;
    (void)in;
    for (unsigned direction = 0; direction < 2; direction++) {
        write_u16(out, AIR_OCTETS_MOST);
        write_u16(out, AIR_TIME_MOST_US);
    }
    return HCI_SUCCESS;
}

static const struct air_command commands[] = {
    {HCI_RESET, 0, 5, 7, AIR_ANSWER_COMPLETE, 0, reset},
    {HCI_SET_EVENT_MASK, 8, 5, 6, AIR_ANSWER_COMPLETE, 0, set_event_mask},
    {HCI_SET_EVENT_MASK_PAGE_2, 8, 22, 2, AIR_ANSWER_COMPLETE, 0, set_event_mask_page_2},
    {HCI_SET_CONTROLLER_TO_HOST_FLOW_CONTROL, 1, 10, 5, AIR_ANSWER_COMPLETE, 0, set_host_flow_control},
    {HCI_HOST_BUFFER_SIZE, 7, 10, 6, AIR_ANSWER_COMPLETE, 0, host_buffer_size},
    {HCI_HOST_NUMBER_OF_COMPLETED_PACKETS, AIR_ANY_LENGTH, 10, 7, AIR_ANSWER_NONE, 0, host_number_of_completed_packets},
    {HCI_READ_LOCAL_VERSION_INFORMATION, 0, 14, 3, AIR_ANSWER_COMPLETE, 8, read_local_version_information},
    {HCI_READ_LOCAL_SUPPORTED_FEATURES, 0, 14, 5, AIR_ANSWER_COMPLETE, 8, read_local_supported_features},
    {HCI_READ_LOCAL_EXTENDED_FEATURES, 1, 14, 6, AIR_ANSWER_COMPLETE, 10, read_local_extended_features},
    {HCI_WRITE_LOCAL_NAME, 248, 7, 0, AIR_ANSWER_COMPLETE, 0, write_local_name},
    {HCI_READ_LOCAL_NAME, 0, 7, 1, AIR_ANSWER_COMPLETE, 248, read_local_name},
    {HCI_READ_BUFFER_SIZE, 0, 14, 7, AIR_ANSWER_COMPLETE, 7, read_buffer_size},
    {HCI_READ_BD_ADDR, 0, 15, 1, AIR_ANSWER_COMPLETE, 6, read_bd_addr},
    {HCI_LE_SET_EVENT_MASK, 8, 25, 0, AIR_ANSWER_COMPLETE, 0, le_set_event_mask},
    {HCI_LE_READ_BUFFER_SIZE, 0, 25, 1, AIR_ANSWER_COMPLETE, 3, le_read_buffer_size},
    {HCI_LE_READ_BUFFER_SIZE_V2, 0, 41, 5, AIR_ANSWER_COMPLETE, 6, le_read_buffer_size_v2},
    {HCI_LE_READ_LOCAL_P256_PUBLIC_KEY, 0, 34, 1, AIR_ANSWER_STATUS, 0, le_read_local_p256_public_key},
    {HCI_LE_GENERATE_DHKEY, 64, 34, 2, AIR_ANSWER_STATUS, 0, le_generate_dhkey},
    {HCI_LE_GENERATE_DHKEY_V2, 65, 41, 2, AIR_ANSWER_STATUS, 0, le_generate_dhkey_v2},
    {HCI_LE_READ_LOCAL_SUPPORTED_FEATURES, 0, 25, 2, AIR_ANSWER_COMPLETE, 8, le_read_local_supported_features},
    {HCI_LE_ENCRYPT, 32, 27, 6, AIR_ANSWER_COMPLETE, 16, le_encrypt},
    {HCI_LE_RAND, 0, 27, 7, AIR_ANSWER_COMPLETE, 8, le_rand},
    {HCI_LE_READ_SUPPORTED_STATES, 0, 28, 3, AIR_ANSWER_COMPLETE, 8, le_read_supported_states},
    {HCI_LE_READ_SUGGESTED_DEFAULT_DATA_LENGTH, 0, 33, 7, AIR_ANSWER_COMPLETE, 4,
     le_read_suggested_default_data_length},
    {HCI_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH, 4, 34, 0, AIR_ANSWER_COMPLETE, 0,
     le_write_suggested_default_data_length},
    {HCI_LE_READ_MAXIMUM_DATA_LENGTH, 0, 35, 3, AIR_ANSWER_COMPLETE, 8, le_read_maximum_data_length},
};

BLUET_INTERNAL struct air_command_table air_controller_commands(void)
{
    return (struct air_command_table){commands, sizeof commands / sizeof *commands};
}
