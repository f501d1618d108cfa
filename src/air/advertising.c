/*
 * An advertising event is a PDU on each channel in use, one after the other. After one that may be answered, the
 * advertiser listens.
 *
 *     WAITING -> SENDING -> LISTENING -request-> RESPONDING
 *        ^__________|___________|____________________|
 */
#include "air/advertising.h"

#include "air/schedule.h"

enum {
    DELAY_MOST_US = 10000,  /* advDelay: 4.4.2.2.1 */
    START_MOST_US = 100000, /* within which the first event begins */
    HIGH_DUTY_EVENT_US = 3750,
    HIGH_DUTY_MOST_US = 1280000, /* 4.4.2.4.3 */
    PDU_GAP_US = 150,
    PATIENCE_US = 10000 /* for which connections go first */
};

static void next_pdu(struct bluet_air_controller *controller);

static bool is_directed(const struct air_advertiser *advertiser)
{
    return advertiser->type == AIR_ADVERTISE_DIRECTED_HIGH_DUTY || advertiser->type == AIR_ADVERTISE_DIRECTED_LOW_DUTY;
}

static bool is_connectable(const struct air_advertiser *advertiser)
{
    return advertiser->type == AIR_ADVERTISE_CONNECTABLE || is_directed(advertiser);
}

static bool is_scannable(const struct air_advertiser *advertiser)
{
    return advertiser->type == AIR_ADVERTISE_CONNECTABLE || advertiser->type == AIR_ADVERTISE_SCANNABLE;
}

static enum air_advertising_pdu pdu_type(const struct air_advertiser *advertiser)
{
    switch (advertiser->type) {
    case AIR_ADVERTISE_SCANNABLE:
        return AIR_ADV_SCAN_IND;
    case AIR_ADVERTISE_NON_CONNECTABLE:
        return AIR_ADV_NONCONN_IND;
    case AIR_ADVERTISE_CONNECTABLE:
        return AIR_ADV_IND;
    default:
        return AIR_ADV_DIRECT_IND;
    }
}

static void wait_until(struct bluet_air_controller *controller, uint64_t due)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    advertiser->phase = AIR_ADVERTISER_WAITING;
    advertiser->due = due;
    air_set(controller, &advertiser->timer, due);
}

static bool uses_channel(const struct air_advertiser *advertiser, uint8_t channel)
{
    return advertiser->channel_map >> (channel - AIR_CHANNEL_FIRST) & 1;
}

/* Addresses may change between events, not within one. */
static void choose_addresses(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    advertiser->has_addresses = true;
    advertiser->own = air_own_address(controller, advertiser->own_type, advertiser->peer.type, advertiser->peer.octets);
    advertiser->target = advertiser->peer;
    struct air_resolving_entry *entry =
        air_resolving_find(&controller->lists, advertiser->peer.type, advertiser->peer.octets);
    if (!is_directed(advertiser) || !(advertiser->own_type & AIR_IDENTITY) || !entry)
        return;
    air_rpa_refresh(&controller->lists, entry, &controller->random, air_now(controller));
    if (!air_octets_are_zero(entry->target_rpa, 6)) {
        advertiser->target.type = AIR_RANDOM;
        memcpy(advertiser->target.octets, entry->target_rpa, 6);
    }
}

static void begin_event(struct bluet_air_controller *controller, uint64_t start)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    advertiser->event_start = start;
    advertiser->has_addresses = false;
    advertiser->channel = AIR_CHANNEL_FIRST - 1;
    next_pdu(controller);
}

static void end_event(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    uint64_t start = advertiser->event_start;
    if (advertiser->type == AIR_ADVERTISE_DIRECTED_HIGH_DUTY)
        start += HIGH_DUTY_EVENT_US;
    else
        start +=
            advertiser->interval * (uint64_t)AIR_SLOT_US + air_random_below(&controller->random, DELAY_MOST_US + 1);
    begin_event(controller, start);
}

/* On to the next channel in use, or to the next event. */
static void next_pdu(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    bool first = advertiser->channel < AIR_CHANNEL_FIRST;
    do {
        advertiser->channel++;
    } while (advertiser->channel < AIR_CHANNEL_FIRST + AIR_CHANNEL_COUNT &&
             !uses_channel(advertiser, advertiser->channel));
    if (advertiser->channel == AIR_CHANNEL_FIRST + AIR_CHANNEL_COUNT)
        end_event(controller);
    else
        wait_until(controller, first ? advertiser->event_start : air_now(controller) + PDU_GAP_US);
}

static void leave_radio(struct bluet_air_controller *controller)
{
    next_pdu(controller);
    air_radio_give(controller, &controller->advertiser);
}

static void pdu_sent(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    if (advertiser->type == AIR_ADVERTISE_NON_CONNECTABLE) {
        leave_radio(controller);
        return;
    }
    advertiser->phase = AIR_ADVERTISER_LISTENING;
    air_listen(&advertiser->listener);
    air_set(controller, &advertiser->timer, air_now(controller) + AIR_INTER_FRAME_US + AIR_DETECTION_US);
}

static void listened(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    uint64_t start = controller->transmission.end + AIR_INTER_FRAME_US;
    uint64_t end = air_reply_end(controller->air, advertiser->channel, start, &advertiser->own);
    if (end) {
        air_set(controller, &advertiser->timer, end + 1);
        return;
    }
    air_listen_stop(&advertiser->listener);
    leave_radio(controller);
}

static void fill_transmission(struct bluet_air_controller *controller, enum air_advertising_pdu type,
                              const uint8_t *data, uint8_t length)
{
    struct air_transmission *packet = &controller->transmission;
    packet->type = type;
    packet->channel = controller->advertiser.channel;
    packet->from = controller->advertiser.own;
    packet->to = controller->advertiser.target;
    packet->length = length;
    memcpy(packet->data, data, length);
}

static void send_pdu(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    advertiser->phase = AIR_ADVERTISER_SENDING;
    air_radio_take(controller, advertiser);
    fill_transmission(controller, pdu_type(advertiser), advertiser->data,
                      is_directed(advertiser) ? 0 : advertiser->data_length);
    air_transmit(controller, air_now(controller), pdu_sent);
}

/* How long a PDU keeps the radio, if nobody answers. */
static uint64_t pdu_us(const struct air_advertiser *advertiser)
{
    size_t payload = is_directed(advertiser) ? 12 : 6u + advertiser->data_length;
    return air_airtime(AIR_PHY_1M, payload) + (uint64_t)AIR_INTER_FRAME_US + AIR_DETECTION_US;
}

static void time_is_up(struct bluet_air_controller *controller)
{
    air_advertising_stop(controller);
    air_event_connection_complete(controller, HCI_ADVERTISING_TIMEOUT, NULL, false);
}

/* The PDU goes out now, unless the radio is taken, or soon will be. air_radio_give() calls again when it is free. */
static void try_to_send(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    uint64_t now = air_now(controller);
    if (advertiser->type == AIR_ADVERTISE_DIRECTED_HIGH_DUTY && now >= advertiser->directed_end) {
        time_is_up(controller);
        return;
    }
    if (!advertiser->has_addresses)
        choose_addresses(controller);
    if (!air_radio_is_free(controller))
        return;
    uint64_t other = air_schedule_next_event(controller, NULL);
    if (other >= now + pdu_us(advertiser) || now > advertiser->due + PATIENCE_US)
        send_pdu(controller);
    else
        air_set(controller, &advertiser->timer, other + 1);
}

static void timer_due(void *owner)
{
    struct bluet_air_controller *controller = owner;
    if (controller->advertiser.phase == AIR_ADVERTISER_LISTENING)
        listened(controller);
    else
        try_to_send(controller);
}

/* ---- Requests ---- */

static bool answers(struct bluet_air_controller *controller, const struct air_transmission *request,
                    struct air_peer *out_peer, unsigned policy_bit)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    if (!air_recognise(controller, out_peer, &request->from))
        return false;
    if (is_directed(advertiser)) {
        bool same = air_address_equal(&request->from, &advertiser->target);
        bool known = out_peer->entry && air_address_equal(&out_peer->entry->identity, &advertiser->peer);
        return same || known;
    }
    return !(advertiser->filter_policy & policy_bit) || air_is_accepted(controller, out_peer);
}

static void respond(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    air_listen_stop(&advertiser->listener);
    air_stop(controller, &advertiser->timer);
    advertiser->phase = AIR_ADVERTISER_RESPONDING;
    fill_transmission(controller, AIR_SCAN_RSP, advertiser->response, advertiser->response_length);
    air_transmit(controller, air_now(controller) + AIR_INTER_FRAME_US, leave_radio);
}

static void connect(struct bluet_air_controller *controller, const struct air_transmission *request,
                    const struct air_peer *peer)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    struct air_link *link = advertiser->link;
    advertiser->link = NULL;
    link->peer_type = peer->type;
    memcpy(link->peer_address, peer->octets, 6);
    memcpy(link->peer_rpa, peer->rpa, 6);
    if (air_address_is_resolvable(&advertiser->own) && advertiser->own_type & AIR_IDENTITY)
        memcpy(link->local_rpa, advertiser->own.octets, 6);
    air_advertising_stop(controller);
    air_connection_begin(link, &request->connect, false, request->connect.central);
}

static void hear(struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    if (packet->channel != advertiser->channel || !air_address_equal(&packet->to, &advertiser->own) ||
        packet->start < controller->transmission.end ||
        (packet->type != AIR_SCAN_REQ && packet->type != AIR_CONNECT_IND) || !air_received(packet, controller))
        return;
    controller->packets_received++;
    struct air_peer peer;
    if (packet->type == AIR_SCAN_REQ) {
        if (is_scannable(advertiser) && answers(controller, packet, &peer, 1))
            respond(controller);
    } else if (is_connectable(advertiser) && answers(controller, packet, &peer, 2)) {
        connect(controller, packet, &peer);
    }
}

/* ---- */

BLUET_INTERNAL void air_advertising_init(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    memset(advertiser, 0, sizeof *advertiser);
    advertiser->interval = 0x0800; /* the defaults of Vol 4 Part E, 7.8.5 */
    advertiser->channel_map = 0x07;
    advertiser->listener.controller = controller;
    advertiser->listener.hear = hear;
    air_timer_init(&advertiser->timer, timer_due, controller);
}

BLUET_INTERNAL uint8_t air_advertising_start(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    if (!air_own_address_is_known(controller, advertiser->own_type))
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (is_connectable(advertiser) && !advertiser->link) {
        if (controller->link_count >= AIR_LINKS_MOST)
            return HCI_CONNECTION_LIMIT_EXCEEDED;
        advertiser->link = air_link_create(controller);
        if (!advertiser->link)
            return HCI_MEMORY_CAPACITY_EXCEEDED;
    }
    if (advertiser->enabled)
        return HCI_SUCCESS;
    uint64_t now = air_now(controller);
    bool at_once = advertiser->type == AIR_ADVERTISE_DIRECTED_HIGH_DUTY;
    advertiser->enabled = true;
    choose_addresses(controller);
    advertiser->directed_end = now + HIGH_DUTY_MOST_US;
    /* Hosts that start together in virtual time would otherwise collide for a long while: they are in step. */
    uint32_t interval = advertiser->interval * (uint32_t)AIR_SLOT_US;
    uint32_t spread = interval < START_MOST_US ? interval : START_MOST_US;
    begin_event(controller, at_once ? now : now + air_random_below(&controller->random, spread));
    return HCI_SUCCESS;
}

BLUET_INTERNAL void air_advertising_stop(struct bluet_air_controller *controller)
{
    struct air_advertiser *advertiser = &controller->advertiser;
    if (advertiser->link)
        air_link_destroy(advertiser->link);
    advertiser->link = NULL;
    if (!advertiser->enabled)
        return;
    advertiser->enabled = false;
    air_stop(controller, &advertiser->timer);
    air_listen_stop(&advertiser->listener);
    if (controller->radio.user == advertiser)
        air_transmit_stop(controller);
    air_radio_give(controller, advertiser);
}
