/* What a controller needs all its life is taken when it is attached. */
#include "air/life.h"

#include "air/advertising.h"
#include "air/distance.h"
#include "air/fault.h"
#include "air/initiating.h"
#include "air/observation.h"
#include "air/receiver.h"
#include "air/scanning.h"
#include "air/synchronizing.h"

/* The defaults of Vol 4 Part E, 7.3.1 and 7.8.1. */
#define EVENT_MASK_DEFAULT UINT64_C(0x00001fffffffffff)
#define LE_EVENT_MASK_DEFAULT UINT64_C(0x1f)

static void stop_everything(struct bluet_air_controller *controller)
{
    struct air_advertiser *legacy = controller->advertisers;
    air_advertising_stop(legacy);
    while (legacy->next)
        air_advertiser_destroy(legacy->next);
    air_scanning_stop(controller);
    while (air_synchronizing_stop(controller))
        continue;
    while (controller->synchronizer.syncs)
        air_sync_drop(controller->synchronizer.syncs);
    if (controller->initiator.requesting) {
        air_transmit_stop(controller);
        air_wait_stop(&controller->wait);
        controller->hearing.awaited = AIR_ADV_IND;
        air_radio_give(controller, &controller->initiator);
        controller->initiator.requesting = false;
    }
    air_initiating_stop(controller);
    while (controller->links)
        air_connection_drop(controller->links);
    air_wait_stop(&controller->wait); /* whoever waited for an answer is no more */
}

static void forget_everything(struct bluet_air_controller *controller)
{
    air_advertiser_init(controller->advertisers, controller, AIR_NO_SET);
    air_scanning_init(controller);
    air_lists_init(&controller->lists);
    memset(&controller->initiator, 0, sizeof controller->initiator);
    memset(&controller->synchronizer, 0, sizeof controller->synchronizer);
    memset(controller->path_compensation, 0, sizeof controller->path_compensation);
    memset(controller->name, 0, sizeof controller->name);
    controller->has_key = false;
    controller->family = AIR_FAMILY_ANY;
    memset(&controller->flow, 0, sizeof controller->flow);
    controller->masks = (struct air_masks){EVENT_MASK_DEFAULT, 0, LE_EVENT_MASK_DEFAULT};
    memset(controller->random_address, 0, sizeof controller->random_address);
    controller->random_address_set = false;
    controller->next_handle = 0;
    controller->suggested_octets = AIR_OCTETS_LEAST;
    controller->suggested_time = AIR_TIME_LEAST_US;
    controller->default_transmit_phys = controller->default_receive_phys = air_phys(controller);
    memset(controller->channel_map, 0xff, 4);
    controller->channel_map[4] = 0x1f;
}

BLUET_INTERNAL void air_controller_reset(struct bluet_air_controller *controller)
{
    stop_everything(controller);
    forget_everything(controller);
    air_outbox_clear(&controller->outbox);
    controller->hardware_error = false;
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct bluet_air_controller *controller = context;
    bool taken = controller->config.deliver(controller->config.context, packet, length);
    if (taken && controller->air->observe)
        air_observe_hci(controller, BLUET_AIR_TO_HOST, packet, length);
    return taken;
}

static void completion_due(void *owner)
{
    struct bluet_air_controller *controller = owner;
    for (struct air_link *link = controller->links; link; link = link->next)
        air_event_completed_packets(link);
}

/* Delivers, and if the controller has failed, says so when the host has taken what it was being offered. */
static void delivery_due(void *owner)
{
    struct bluet_air_controller *controller = owner;
    if (controller->outbox.failed) {
        uint64_t masks = controller->masks.events;
        air_controller_reset(controller);
        controller->masks.events = masks;
        controller->hardware_error = true;
    }
    if (controller->hardware_error && !controller->outbox.blocked) {
        controller->hardware_error = false;
        air_event_hardware_error(controller);
    }
    air_outbox_deliver(&controller->outbox, deliver, controller);
}

static bool take_buffers(struct bluet_air_controller *controller)
{
    const struct air_memory *memory = &controller->air->memory;
    size_t count = controller->config.acl_count;
    size_t length = controller->config.acl_length;
    controller->buffers = air_memory_take(memory, count * sizeof *controller->buffers);
    controller->buffer_octets = air_memory_take(memory, count * length);
    controller->advertisers = air_memory_take(memory, sizeof *controller->advertisers);
    if (!controller->buffers || !controller->buffer_octets || !controller->advertisers)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct air_buffer *buffer = &controller->buffers[i];
        buffer->octets = controller->buffer_octets + i * length;
        buffer->next = controller->free_buffers;
        controller->free_buffers = buffer;
    }
    return true;
}

static void give_memory(struct bluet_air_controller *controller)
{
    struct bluet_air *air = controller->air;
    size_t count = controller->config.acl_count;
    air_outbox_end(&controller->outbox);
    air_memory_give(&air->memory, controller->buffers, count * sizeof *controller->buffers);
    air_memory_give(&air->memory, controller->buffer_octets, count * controller->config.acl_length);
    air_memory_give(&air->memory, controller->advertisers, sizeof *controller->advertisers);
    air_memory_give(&air->memory, controller, sizeof *controller);
    air_clock_release(&air->clock, AIR_CONTROLLER_TIMERS);
}

static void choose_address(struct bluet_air_controller *controller)
{
    const struct bluet_air_controller_config *config = &controller->config;
    if (config->no_public_address)
        return;
    for (size_t i = 0; i < 6; i++)
        controller->public_address[i] = config->public_address[5 - i];
    if (!air_octets_are_zero(config->public_address, 6))
        return;
    struct air_random addresses;
    air_random_seed(&addresses, controller->air->seed, ~controller->air->controller_number);
    air_random_octets(&addresses, controller->public_address, 6);
}

BLUET_INTERNAL struct bluet_air_controller *air_controller_create(struct bluet_air *air,
                                                                  const struct bluet_air_controller_config *config)
{
    if (!air_clock_reserve(&air->clock, AIR_CONTROLLER_TIMERS))
        return NULL;
    struct bluet_air_controller *controller = air_memory_take(&air->memory, sizeof *controller);
    if (!controller) {
        air_clock_release(&air->clock, AIR_CONTROLLER_TIMERS);
        return NULL;
    }
    controller->air = air;
    controller->config = *config;
    air_timer_init(&controller->delivery, delivery_due, controller);
    air_timer_init(&controller->completion, completion_due, controller);
    air_outbox_init(&controller->outbox, &air->clock, &controller->delivery);
    if (!take_buffers(controller)) {
        give_memory(controller);
        return NULL;
    }
    air->controller_number++;
    air_random_seed(&controller->random, air->seed, air->controller_number);
    choose_address(controller);
    air_radio_init(controller);
    air_receiver_init(controller);
    forget_everything(controller);
    controller->next = air->controllers;
    if (air->controllers)
        air->controllers->previous = controller;
    air->controllers = controller;
    return controller;
}

BLUET_INTERNAL void air_controller_destroy(struct bluet_air_controller *controller)
{
    struct bluet_air *air = controller->air;
    stop_everything(controller);
    air_fault_forget(air, controller);
    air_distance_forget(air, controller);
    air_stop(controller, &controller->completion);
    air_stop(controller, &controller->delivery);
    if (controller->previous)
        controller->previous->next = controller->next;
    else
        air->controllers = controller->next;
    if (controller->next)
        controller->next->previous = controller->previous;
    give_memory(controller);
}
