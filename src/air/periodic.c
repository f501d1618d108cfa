/*
 * A train of packets at fixed times; a packet that finds the radio taken is left out. And how data that is too long for
 * one packet goes out in a chain of them, which holds for extended advertising as well (Vol 6 Part B, 4.4.2.11).
 */
#include "air/periodic.h"

#include "air/channel.h"
#include "air/connection.h"

enum { AUXILIARY_POINTER = 3, FIRST_US = 20000, OFFSET_UNIT_US = 30 };

BLUET_INTERNAL uint8_t air_auxiliary_channel(struct bluet_air_controller *controller)
{
    return air_channel((uint32_t)air_random_next(&controller->random), controller->channel_map, 0);
}

BLUET_INTERNAL uint16_t air_send_part(struct bluet_air_controller *controller, const struct air_data *data,
                                      uint16_t offset, uint64_t start, void (*sent)(void *owner), void *owner)
{
    struct air_transmission *packet = &controller->transmission;
    struct air_auxiliary *next = &packet->extended.auxiliary;
    size_t rest = data->length > offset ? (size_t)(data->length - offset) : 0;
    size_t room = AIR_PDU_MOST - air_extended_header(&packet->extended);
    next->present = rest > room;
    if (next->present)
        rest = AIR_PDU_MOST - air_extended_header(&packet->extended);
    packet->length = (uint8_t)rest;
    memcpy(packet->data, data->octets + offset, rest);
    if (next->present) {
        next->channel = air_auxiliary_channel(controller);
        next->phy = packet->phy;
        next->start = start + air_transmission_us(packet) + AIR_AUXILIARY_FRAME_US;
        next->latest = next->start + OFFSET_UNIT_US;
    }
    air_transmit(controller, start, sent, owner);
    return (uint16_t)rest;
}

/* The radio is everybody's again, and the next event is to come. */
static void event_over(struct air_advertiser *set)
{
    struct air_periodic *periodic = &set->periodic;
    struct bluet_air_controller *controller = set->controller;
    do {
        periodic->start += periodic->interval * (uint64_t)AIR_UNIT_US;
        periodic->event++;
    } while (periodic->start < air_now(controller));
    air_set(controller, &periodic->timer, periodic->start);
    air_radio_give(controller, periodic);
}

static void part_sent(void *owner)
{
    struct air_advertiser *set = owner;
    struct bluet_air_controller *controller = set->controller;
    struct air_auxiliary next = controller->transmission.extended.auxiliary;
    if (!next.present) {
        event_over(set);
        return;
    }
    uint32_t access_address = set->periodic.access_address;
    struct air_transmission *packet = air_transmission(controller, AIR_AUX_CHAIN_IND, next.channel, next.phy);
    packet->access_address = access_address;
    packet->power = set->power;
    set->periodic.offset =
        (uint16_t)(set->periodic.offset +
                   air_send_part(controller, &set->periodic.data, set->periodic.offset, next.start, part_sent, set));
}

static void timer_due(void *owner)
{
    struct air_advertiser *set = owner;
    struct air_periodic *periodic = &set->periodic;
    struct bluet_air_controller *controller = set->controller;
    if (!air_radio_is_free(controller)) {
        event_over(set);
        return;
    }
    air_radio_take(controller, periodic);
    uint8_t channel = air_channel(periodic->access_address, controller->channel_map, periodic->event);
    struct air_transmission *packet = air_transmission(controller, AIR_AUX_SYNC_IND, channel, set->secondary_phy);
    packet->access_address = periodic->access_address;
    packet->power = set->power;
    packet->extended.has_power = periodic->with_power;
    packet->extended.power = set->power;
    periodic->offset = air_send_part(controller, &periodic->data, 0, periodic->start, part_sent, set);
}

BLUET_INTERNAL void air_periodic_init(struct air_advertiser *set)
{
    air_timer_init(&set->periodic.timer, timer_due, set);
}

BLUET_INTERNAL void air_periodic_start(struct air_advertiser *set)
{
    struct air_periodic *periodic = &set->periodic;
    struct bluet_air_controller *controller = set->controller;
    if (!periodic->wanted || periodic->running)
        return;
    periodic->running = true;
    periodic->access_address = (uint32_t)air_random_next(&controller->random) | 1;
    periodic->event = 0;
    periodic->start = air_now(controller) + FIRST_US;
    air_set(controller, &periodic->timer, periodic->start);
}

BLUET_INTERNAL void air_periodic_stop(struct air_advertiser *set)
{
    struct bluet_air_controller *controller = set->controller;
    if (!set->periodic.running)
        return;
    set->periodic.running = false;
    air_stop(controller, &set->periodic.timer);
    if (controller->radio.user == &set->periodic)
        air_transmit_stop(controller);
    air_radio_give(controller, &set->periodic);
}

BLUET_INTERNAL void air_periodic_describe(const struct air_advertiser *set, struct air_synchronization *out)
{
    const struct air_periodic *periodic = &set->periodic;
    *out = (struct air_synchronization){.present = periodic->running,
                                        .access_address = periodic->access_address,
                                        .interval = periodic->interval,
                                        .event = periodic->event,
                                        .start = periodic->start};
    memcpy(out->channel_map, set->controller->channel_map, sizeof out->channel_map);
}
