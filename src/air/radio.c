/* The medium and a controller's radio. See radio.h for the model. */
#include "air/fault.h"
#include "air/observation.h"

enum { CAPTURE_DB = 21, SILENCE_DBM = -200 };

static struct air_transmission **channel_of(struct bluet_air *air, uint8_t channel)
{
    return &air->on_air[channel];
}

static int power_of(const struct air_transmission *packet)
{
    return packet->power;
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
    struct bluet_air *air = packet->sender->air;
    leave_channel(packet);
    air->acted = NULL;
    air->hearing = air->listeners;
    while (air->hearing) {
        struct air_listener *listener = air->hearing;
        air->hearing = listener->next;
        if (listener->controller != packet->sender)
            listener->hear(listener->owner, packet);
    }
    if (air->observe)
        air_observe_advertising(packet, power_of(packet) - packet->interference < CAPTURE_DB);
    packet->sent(packet->owner);
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
    for (struct air_advertiser *set = controller->advertisers; set; set = set->next)
        if (set->enabled && set->phase == AIR_ADVERTISER_WAITING && !air_timer_is_set(&set->timer))
            air_set(controller, &set->timer, air_now(controller));
}

BLUET_INTERNAL bool air_radio_is_free(const struct bluet_air_controller *controller)
{
    return !controller->radio.user;
}

BLUET_INTERNAL bool air_radio_was_free(const struct bluet_air_controller *controller, uint64_t since)
{
    return !controller->radio.user && controller->radio.free_since <= since;
}

/* Vol 6 Part B, 2.3.4: what is there says which flags are set; none, and there is no octet of flags. */
BLUET_INTERNAL size_t air_extended_header(const struct air_extended *extended)
{
    size_t fields = (extended->has_from ? 6u : 0) + (extended->has_to ? 6u : 0) + (extended->has_identifier ? 2u : 0) +
                    (extended->auxiliary.present ? 3u : 0) + (extended->synchronization.present ? 18u : 0) +
                    (extended->has_power ? 1u : 0);
    return 1 + (fields ? 1 + fields : 0);
}

/* The payload of an advertising channel PDU: Vol 6 Part B, 2.3.1 to 2.3.4 */
static size_t payload_length(const struct air_transmission *packet)
{
    if (packet->type >= AIR_ADV_EXT_IND)
        return air_extended_header(&packet->extended) + packet->length;
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

BLUET_INTERNAL struct air_transmission *air_transmission(struct bluet_air_controller *controller,
                                                         enum air_advertising_pdu type, uint8_t channel, uint8_t phy)
{
    struct air_transmission *packet = &controller->transmission;
    packet->type = type;
    packet->channel = channel;
    packet->phy = phy;
    packet->power = controller->config.transmit_power;
    packet->access_address = 0;
    packet->length = 0;
    memset(&packet->extended, 0, sizeof packet->extended);
    return packet;
}

BLUET_INTERNAL uint32_t air_transmission_us(const struct air_transmission *packet)
{
    return air_airtime(packet->phy, payload_length(packet));
}

BLUET_INTERNAL void air_transmit(struct bluet_air_controller *controller, uint64_t start, void (*sent)(void *owner),
                                 void *owner)
{
    struct air_transmission *packet = &controller->transmission;
    packet->start = start;
    packet->end = start + air_transmission_us(packet);
    packet->sent = sent;
    packet->owner = owner;
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

BLUET_INTERNAL bool air_lost(struct bluet_air *air)
{
    return air->loss > 0 && air_random_chance(&air->losses, air->loss);
}

BLUET_INTERNAL bool air_received(const struct air_transmission *packet, const struct bluet_air_controller *receiver)
{
    return power_of(packet) - packet->interference >= CAPTURE_DB &&
           air_is_near(packet->sender, receiver, packet->power) && !air_lost(packet->sender->air) &&
           !air_fault_loses_advertising(packet, receiver);
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
    if (air->hearing == listener)
        air->hearing = listener->next;
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

/* ---- Waiting for a packet ---- */

static bool is_awaited(const struct air_wait *wait, const struct air_transmission *packet)
{
    return packet->channel == wait->channel && packet->start >= wait->start && packet->start <= wait->latest &&
           packet->access_address == wait->access_address && air_phy_is_same(packet->phy, wait->phy);
}

static void wait_hears(void *owner, const struct air_transmission *packet)
{
    struct air_wait *wait = owner;
    if (is_awaited(wait, packet) && air_received(packet, wait->listener.controller))
        wait->got(wait->owner, packet);
}

/* It should have begun by now. */
static void wait_due(void *owner)
{
    struct air_wait *wait = owner;
    struct bluet_air_controller *controller = wait->listener.controller;
    uint64_t end = 0;
    for (const struct air_transmission *packet = controller->air->on_air[wait->channel]; packet; packet = packet->next)
        if (is_awaited(wait, packet) && packet->end > end)
            end = packet->end;
    if (end) {
        air_set(controller, &wait->timer, end + 1);
        return;
    }
    air_wait_stop(wait);
    wait->missed(wait->owner);
}

BLUET_INTERNAL void air_wait_init(struct air_wait *wait, struct bluet_air_controller *controller,
                                  void (*got)(void *owner, const struct air_transmission *packet),
                                  void (*missed)(void *owner), void *owner)
{
    memset(wait, 0, sizeof *wait);
    wait->listener = (struct air_listener){.controller = controller, .hear = wait_hears, .owner = wait};
    air_timer_init(&wait->timer, wait_due, wait);
    wait->got = got;
    wait->missed = missed;
    wait->owner = owner;
}

BLUET_INTERNAL void air_wait_for(struct air_wait *wait, const struct air_auxiliary *where, uint32_t access_address)
{
    wait->channel = where->channel;
    wait->phy = where->phy;
    wait->access_address = access_address;
    wait->start = where->start;
    wait->latest = where->latest;
    if (!wait->active)
        air_listen(&wait->listener);
    wait->active = true;
    air_set(wait->listener.controller, &wait->timer, where->latest + AIR_DETECTION_US);
}

BLUET_INTERNAL void air_wait_for_answer(struct air_wait *wait, uint8_t channel, uint8_t phy)
{
    uint64_t start = air_now(wait->listener.controller) + AIR_INTER_FRAME_US;
    const struct air_auxiliary answer = {.channel = channel, .phy = phy, .start = start, .latest = start};
    air_wait_for(wait, &answer, 0);
}

BLUET_INTERNAL void air_wait_stop(struct air_wait *wait)
{
    if (!wait->active)
        return;
    wait->active = false;
    air_listen_stop(&wait->listener);
    air_stop(wait->listener.controller, &wait->timer);
}
