/* The public face of the air: include/bluet/air.h. */
#include "air/advertising.h"
#include "air/distance.h"
#include "air/fault.h"
#include "air/hci_command.h"
#include "air/life.h"
#include "air/observation.h"

enum {
    ACL_LENGTH_DEFAULT = 251,
    ACL_COUNT_DEFAULT = 8,
    VERSION_LEAST = 6,
    HOST_STREAM = 0x486f7374,
    FAULT_STREAM = 0x4661756c
};

static bool is_probability(double value)
{
    return value >= 0 && value <= 1;
}

int bluet_air_create(struct bluet_air **out_air, const struct bluet_air_config *config)
{
    if (!out_air || !config || !config->reallocate || !is_probability(config->loss))
        return BLUET_EINVAL;
    struct air_memory memory = {config->reallocate, config->context};
    struct bluet_air *air = air_memory_take(&memory, sizeof *air);
    if (!air)
        return BLUET_ENOMEM;
    air->memory = memory;
    air->clock.memory = &air->memory;
    air->seed = config->seed;
    air->loss = config->loss;
    air_random_seed(&air->losses, air->seed, 0);
    air_random_seed(&air->host_random, air->seed, HOST_STREAM);
    air_random_seed(&air->faults_random, air->seed, FAULT_STREAM);
    *out_air = air;
    return BLUET_OK;
}

void bluet_air_destroy(struct bluet_air *air)
{
    if (!air)
        return;
    while (air->controllers)
        air_controller_destroy(air->controllers);
    air_fault_forget(air, NULL);
    air_distance_forget(air, NULL);
    air_clock_end(&air->clock);
    struct air_memory memory = air->memory;
    air_memory_give(&memory, air, sizeof *air);
}

uint64_t bluet_air_now(const struct bluet_air *air)
{
    return air->clock.now;
}

uint64_t bluet_air_deadline(const struct bluet_air *air)
{
    return air_clock_deadline(&air->clock);
}

void bluet_air_advance(struct bluet_air *air, uint64_t until)
{
    if (air->advancing)
        return;
    air->advancing = true;
    air_clock_advance(&air->clock, until);
    air->advancing = false;
}

void bluet_air_random(struct bluet_air *air, uint8_t *out, size_t length)
{
    air_random_octets(&air->host_random, out, length);
}

int bluet_air_set_loss(struct bluet_air *air, double loss)
{
    if (!is_probability(loss))
        return BLUET_EINVAL;
    air->loss = loss;
    return BLUET_OK;
}

int bluet_air_attach(struct bluet_air *air, struct bluet_air_controller **out_controller,
                     const struct bluet_air_controller_config *config)
{
    if (!air || !out_controller || !config || !config->deliver)
        return BLUET_EINVAL;
    struct bluet_air_controller_config complete = *config;
    if (!complete.acl_length)
        complete.acl_length = ACL_LENGTH_DEFAULT;
    if (!complete.acl_count)
        complete.acl_count = ACL_COUNT_DEFAULT;
    if (!complete.version)
        complete.version = AIR_VERSION;
    if (complete.version < VERSION_LEAST || complete.version > AIR_VERSION)
        return BLUET_EINVAL;
    if (complete.acl_length < AIR_OCTETS_LEAST || complete.acl_length > AIR_OCTETS_MOST)
        return BLUET_EINVAL;
    struct bluet_air_controller *controller = air_controller_create(air, &complete);
    if (!controller)
        return BLUET_ENOMEM;
    *out_controller = controller;
    return BLUET_OK;
}

void bluet_air_detach(struct bluet_air_controller *controller)
{
    if (controller)
        air_controller_destroy(controller);
}

/* Vol 4 Part E, 5.4.2 */
static bool receive_acl(struct bluet_air_controller *controller, struct reader *packet)
{
    uint16_t field = read_u16(packet);
    uint16_t length = read_u16(packet);
    if (!reader_ok(packet) || reader_remaining(packet) != length)
        return false;
    air_connection_send(controller, field & 0x0fff, field >> 12 & 3u, packet);
    return true;
}

int bluet_air_receive(struct bluet_air_controller *controller, const uint8_t *packet, size_t length)
{
    struct reader reader = reader_of(packet, length);
    bool in_step = false;
    switch (read_u8(&reader)) {
    case HCI_COMMAND:
        in_step = air_command_receive(controller, &reader);
        break;
    case HCI_ACL_DATA:
        in_step = receive_acl(controller, &reader);
        break;
    default:
        break;
    }
    if (in_step && controller->air->observe)
        air_observe_hci(controller, BLUET_AIR_FROM_HOST, packet, length);
    return in_step ? BLUET_OK : BLUET_EINVAL;
}

void bluet_air_fail(struct bluet_air_controller *controller, enum bluet_air_failure failure)
{
    uint64_t masks = controller->masks.events;
    air_controller_reset(controller);
    if (failure == BLUET_AIR_SILENT_RESET)
        return;
    controller->masks.events = masks;
    controller->hardware_error = true;
    air_set(controller, &controller->delivery, air_now(controller));
}

void bluet_air_set_answer_delay(struct bluet_air_controller *controller, uint64_t delay)
{
    controller->outbox.delay = delay;
}

void bluet_air_set_completion_delay(struct bluet_air_controller *controller, uint64_t delay)
{
    controller->completion_delay = delay;
    for (struct air_link *link = controller->links; link; link = link->next)
        air_event_completed_packets(link);
}

void bluet_air_resume(struct bluet_air_controller *controller)
{
    air_outbox_resume(&controller->outbox);
    if (controller->hardware_error)
        air_set(controller, &controller->delivery, air_now(controller));
}

/* The address that it advertises under, else its public one, else its random one. */
static struct air_address present_address(const struct bluet_air_controller *controller)
{
    for (const struct air_advertiser *set = controller->advertisers; set; set = set->next)
        if (set->enabled)
            return set->own;
    bool random = controller->config.no_public_address && controller->random_address_set;
    struct air_address address = {.type = random ? AIR_RANDOM : AIR_PUBLIC};
    memcpy(address.octets, random ? controller->random_address : controller->public_address, 6);
    return address;
}

void bluet_air_status(const struct bluet_air_controller *controller, struct bluet_air_status *out_status)
{
    struct air_address address = present_address(controller);
    *out_status = (struct bluet_air_status){
        .address = {.type = address.type},
        .advertising = air_is_advertising(controller),
        .scanning = controller->scanner.enabled,
        .initiating = controller->initiator.enabled,
        .connection_count = controller->link_count,
        .packets_sent = controller->packets_sent,
        .packets_received = controller->packets_received,
        .reports_dropped = controller->reports_dropped,
    };
    for (size_t i = 0; i < 6; i++)
        out_status->address.octets[i] = address.octets[5 - i];
}
