/* The medium and a controller's radio. See radio.h for the model. */
#include "air/fault.h"

enum { PATH_LOSS_DB = 50, CAPTURE_DB = 21, SILENCE_DBM = -200 };

static struct air_transmission **channel_of(struct bluet_air *air, uint8_t channel)
{
    return &air->on_air[channel - AIR_CHANNEL_FIRST];
}

static int power_of(const struct air_transmission *packet)
{
    return packet->sender->config.transmit_power;
}

static void leave_channel(struct air_transmission *packet)
{
    struct air_transmission **at = channel_of(packet->sender->air, packet->channel);
    while (*at != packet)
        at = &(*at)->next;
    *at = packet->next;
    packet->on_air = false;
}

static void begin(struct air_transmission *packet)
{
    struct air_transmission **channel = channel_of(packet->sender->air, packet->channel);
    int power = power_of(packet);
    packet->interference = SILENCE_DBM;
    for (struct air_transmission *other = *channel; other; other = other->next) {
        if (other->end <= packet->start)
            continue;
        int other_power = power_of(other);
        other->interference = other->interference > power ? other->interference : power;
        packet->interference = packet->interference > other_power ? packet->interference : other_power;
    }
    packet->next = *channel;
    *channel = packet;
    packet->on_air = true;
    packet->sender->packets_sent++;
    air_set(packet->sender, &packet->timer, packet->end);
}

static void finish(struct air_transmission *packet)
{
    leave_channel(packet);
    struct air_listener *next;
    for (struct air_listener *listener = packet->sender->air->listeners; listener; listener = next) {
        next = listener->next;
        if (listener->controller != packet->sender)
            listener->hear(listener->controller, packet);
    }
    packet->sent(packet->sender);
}

static void transmission_due(void *owner)
{
    struct air_transmission *packet = owner;
    if (packet->on_air)
        finish(packet);
    else
        begin(packet);
}

BLUET_INTERNAL void air_radio_init(struct bluet_air_controller *controller)
{
    controller->transmission.sender = controller;
    air_timer_init(&controller->transmission.timer, transmission_due, &controller->transmission);
}

BLUET_INTERNAL void air_radio_take(struct bluet_air_controller *controller, const void *user)
{
    controller->radio.user = user;
}

BLUET_INTERNAL void air_radio_give(struct bluet_air_controller *controller, const void *user)
{
    if (controller->radio.user != user)
        return;
    controller->radio.user = NULL;
    controller->radio.free_since = air_now(controller);
    struct air_advertiser *advertiser = &controller->advertiser;
    if (advertiser->enabled && advertiser->phase == AIR_ADVERTISER_WAITING && !air_timer_is_set(&advertiser->timer))
        air_set(controller, &advertiser->timer, air_now(controller));
}

BLUET_INTERNAL bool air_radio_is_free(const struct bluet_air_controller *controller)
{
    return !controller->radio.user;
}

BLUET_INTERNAL bool air_radio_was_free(const struct bluet_air_controller *controller, uint64_t since)
{
    return !controller->radio.user && controller->radio.free_since <= since;
}

/* The payload of an advertising channel PDU: Vol 6 Part B, 2.3.1 to 2.3.3 */
static size_t payload_length(const struct air_transmission *packet)
{
    switch (packet->type) {
    case AIR_ADV_DIRECT_IND:
    case AIR_SCAN_REQ:
        return 12;
    case AIR_CONNECT_IND:
        return 34;
    default:
        return 6u + packet->length;
    }
}

BLUET_INTERNAL void air_transmit(struct bluet_air_controller *controller, uint64_t start,
                                 void (*sent)(struct bluet_air_controller *sender))
{
    struct air_transmission *packet = &controller->transmission;
    packet->start = start;
    packet->end = start + air_airtime(AIR_PHY_1M, payload_length(packet));
    packet->sent = sent;
    if (start > air_now(controller))
        air_set(controller, &packet->timer, start);
    else
        begin(packet);
}

BLUET_INTERNAL void air_transmit_stop(struct bluet_air_controller *controller)
{
    if (controller->transmission.on_air)
        leave_channel(&controller->transmission);
    air_stop(controller, &controller->transmission.timer);
}

BLUET_INTERNAL uint64_t air_reply_end(const struct bluet_air *air, uint8_t channel, uint64_t start,
                                      const struct air_address *to)
{
    for (const struct air_transmission *packet = air->on_air[channel - AIR_CHANNEL_FIRST]; packet;
         packet = packet->next)
        if (packet->start == start && air_address_equal(&packet->to, to))
            return packet->end;
    return 0;
}

BLUET_INTERNAL bool air_lost(struct bluet_air *air)
{
    return air->loss > 0 && air_random_chance(&air->losses, air->loss);
}

BLUET_INTERNAL bool air_received(const struct air_transmission *packet, const struct bluet_air_controller *receiver)
{
    return power_of(packet) - packet->interference >= CAPTURE_DB && !air_lost(packet->sender->air) &&
           !air_fault_loses_advertising(packet, receiver);
}

BLUET_INTERNAL int8_t air_rssi(const struct bluet_air_controller *sender)
{
    int rssi = sender->config.transmit_power - PATH_LOSS_DB;
    return (int8_t)(rssi < -127 ? -127 : rssi);
}

BLUET_INTERNAL void air_listen(struct air_listener *listener)
{
    struct bluet_air *air = listener->controller->air;
    listener->previous = NULL;
    listener->next = air->listeners;
    if (air->listeners)
        air->listeners->previous = listener;
    air->listeners = listener;
}

BLUET_INTERNAL void air_listen_stop(struct air_listener *listener)
{
    struct bluet_air *air = listener->controller->air;
    if (listener->previous)
        listener->previous->next = listener->next;
    else if (air->listeners == listener)
        air->listeners = listener->next;
    else
        return;
    if (listener->next)
        listener->next->previous = listener->previous;
    listener->next = listener->previous = NULL;
}
