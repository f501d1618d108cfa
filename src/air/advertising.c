/*
 * An advertising event is a PDU on each primary channel in use, one after the other; an extended one has a further PDU
 * behind them, which they point to, on one of the other channels, and as many as its data takes. After a PDU that may
 * be answered, the advertiser listens.
 *
 *     WAITING -> SENDING -> LISTENING -request-> SENDING
 *        ^__________|___________|___________________|
 */
#include "air/advertising.h"

#include "air/periodic.h"
#include "air/schedule.h"

enum {
    DELAY_MOST_US = 10000,  /* advDelay: 4.4.2.2.1 */
    START_MOST_US = 100000, /* within which the first event begins */
    HIGH_DUTY_EVENT_US = 3750,
    HIGH_DUTY_MOST_US = 1280000, /* 4.4.2.4.3 */
    PDU_GAP_US = 150,
    PATIENCE_US = 10000, /* for which connections go first */
    OFFSET_UNIT_US = 30,
    AUXILIARY_STEP = AIR_CHANNEL_FIRST + AIR_CHANNEL_COUNT
};

static void next_pdu(struct air_advertiser *set);

static bool is_answerable(const struct air_advertiser *set)
{
    return set->kind.connectable || set->kind.scannable;
}

static enum air_advertising_pdu pdu_type(const struct air_advertising_kind *kind)
{
    if (!kind->legacy)
        return AIR_ADV_EXT_IND;
    if (kind->directed)
        return AIR_ADV_DIRECT_IND;
    if (kind->connectable)
        return AIR_ADV_IND;
    return kind->scannable ? AIR_ADV_SCAN_IND : AIR_ADV_NONCONN_IND;
}

static void wait_until(struct air_advertiser *set, uint64_t due)
{
    set->phase = AIR_ADVERTISER_WAITING;
    set->due = due;
    air_set(set->controller, &set->timer, set->end && set->end < due ? set->end : due);
}

static bool uses_channel(const struct air_advertiser *set, uint8_t channel)
{
    return set->channel_map >> (channel - AIR_CHANNEL_FIRST) & 1;
}

static void fill_pointer(struct air_advertiser *set)
{
    struct air_transmission *packet =
        air_transmission(set->controller, AIR_ADV_EXT_IND, set->channel, set->primary_phy);
    packet->power = set->power;
    packet->extended.connectable = set->kind.connectable;
    packet->extended.scannable = set->kind.scannable;
    packet->extended.has_identifier = true;
    packet->extended.data_identifier = set->data_identifier;
    packet->extended.set_identifier = set->set_identifier;
    packet->extended.auxiliary = set->auxiliary;
}

static uint32_t pointer_us(const struct air_advertiser *set)
{
    const struct air_extended header = {.has_identifier = true, .auxiliary.present = true};
    return air_airtime(set->primary_phy, air_extended_header(&header));
}

/* Addresses may change between events, not within one. */
static void choose_addresses(struct air_advertiser *set)
{
    struct bluet_air_controller *controller = set->controller;
    const uint8_t *random = set->handle == AIR_NO_SET ? controller->random_address : set->random_address;
    set->has_addresses = true;
    set->own = air_address_of(controller, random, set->own_type, set->peer.type, set->peer.octets);
    set->target = set->peer;
    struct air_resolving_entry *entry = air_resolving_find(&controller->lists, set->peer.type, set->peer.octets);
    if (!set->kind.directed || !(set->own_type & AIR_IDENTITY) || !entry)
        return;
    air_rpa_refresh(&controller->lists, entry, &controller->random, air_now(controller));
    if (!air_octets_are_zero(entry->target_rpa, 6)) {
        set->target.type = AIR_RANDOM;
        memcpy(set->target.octets, entry->target_rpa, 6);
    }
}

/* When, and where, the auxiliary packet will go out: behind all the primary ones. */
static void place_auxiliary(struct air_advertiser *set)
{
    uint64_t lead = AIR_AUXILIARY_FRAME_US;
    for (uint8_t channel = AIR_CHANNEL_FIRST; channel < (uint8_t)AUXILIARY_STEP; channel++)
        if (uses_channel(set, channel))
            lead += pointer_us(set) + (uint64_t)PDU_GAP_US;
    uint64_t start = air_now(set->controller) + lead;
    set->auxiliary = (struct air_auxiliary){.present = true,
                                            .channel = air_auxiliary_channel(set->controller),
                                            .phy = set->secondary_phy,
                                            .start = start,
                                            .latest = start + OFFSET_UNIT_US};
}

static void prepare_event(struct air_advertiser *set)
{
    choose_addresses(set);
    if (!set->kind.legacy)
        place_auxiliary(set);
}

static void begin_event(struct air_advertiser *set, uint64_t start)
{
    set->event_start = start;
    set->has_addresses = false;
    set->channel = AIR_CHANNEL_FIRST - 1;
    next_pdu(set);
}

static void time_is_up(struct air_advertiser *set, uint8_t status)
{
    struct bluet_air_controller *controller = set->controller;
    uint8_t events = set->events;
    bool directed = set->kind.high_duty;
    air_advertising_stop(set);
    if (set->handle != AIR_NO_SET)
        air_event_set_terminated(set, status, 0, events);
    else if (directed)
        air_event_connection_complete(controller, HCI_ADVERTISING_TIMEOUT, NULL, false);
}

static void end_event(struct air_advertiser *set)
{
    uint64_t start = set->event_start;
    set->events = (uint8_t)(set->events + (set->events < UINT8_MAX));
    if (set->events_most && set->events >= set->events_most) {
        time_is_up(set, HCI_LIMIT_REACHED);
        return;
    }
    if (set->kind.high_duty)
        start += HIGH_DUTY_EVENT_US;
    else
        start += set->interval * (uint64_t)AIR_SLOT_US + air_random_below(&set->controller->random, DELAY_MOST_US + 1);
    begin_event(set, start);
}

/* On to the next channel in use, to the auxiliary packet, or to the next event. */
static void next_pdu(struct air_advertiser *set)
{
    uint64_t now = air_now(set->controller);
    bool first = set->channel < AIR_CHANNEL_FIRST;
    if (set->channel == AUXILIARY_STEP) {
        end_event(set);
        return;
    }
    do {
        set->channel++;
    } while (set->channel < AUXILIARY_STEP && !uses_channel(set, set->channel));
    if (set->channel < AUXILIARY_STEP)
        wait_until(set, first ? set->event_start : now + PDU_GAP_US);
    else if (set->kind.legacy)
        end_event(set);
    else
        wait_until(set, set->auxiliary.start);
}

static void leave_radio(struct air_advertiser *set)
{
    next_pdu(set);
    air_radio_give(set->controller, set);
}

static void listen_for_requests(struct air_advertiser *set)
{
    const struct air_transmission *packet = &set->controller->transmission;
    set->phase = AIR_ADVERTISER_LISTENING;
    air_wait_for_answer(&set->wait, packet->channel, packet->phy);
}

static void no_request(void *owner)
{
    leave_radio(owner);
}

static void primary_sent(void *owner)
{
    struct air_advertiser *set = owner;
    if (set->kind.legacy && is_answerable(set))
        listen_for_requests(set);
    else
        leave_radio(set);
}

static void fill_legacy(struct air_advertiser *set, enum air_advertising_pdu type, const struct air_data *data)
{
    struct air_transmission *packet = air_transmission(set->controller, type, set->channel, AIR_PHY_1M);
    packet->power = set->power;
    packet->from = set->own;
    packet->to = set->target;
    packet->length = (uint8_t)data->length;
    memcpy(packet->data, data->octets, data->length);
}

static void send_primary(struct air_advertiser *set)
{
    static const struct air_data nothing;
    set->phase = AIR_ADVERTISER_SENDING;
    air_radio_take(set->controller, set);
    if (!set->kind.legacy)
        fill_pointer(set);
    else
        fill_legacy(set, pdu_type(&set->kind), set->kind.directed ? &nothing : &set->data);
    air_transmit(set->controller, air_now(set->controller), primary_sent, set);
}

/* ---- Auxiliary packets ---- */

static void part_sent(void *owner)
{
    struct air_advertiser *set = owner;
    struct bluet_air_controller *controller = set->controller;
    struct air_auxiliary next = controller->transmission.extended.auxiliary;
    if (next.present) {
        struct air_transmission *packet = air_transmission(controller, AIR_AUX_CHAIN_IND, next.channel, next.phy);
        packet->power = set->power;
        packet->extended.has_identifier = true;
        packet->extended.data_identifier = set->data_identifier;
        packet->extended.set_identifier = set->set_identifier;
        uint16_t length = air_send_part(controller, set->sending, set->offset, next.start, part_sent, set);
        set->offset = (uint16_t)(set->offset + length);
    } else if (controller->transmission.type == AIR_AUX_ADV_IND && is_answerable(set)) {
        listen_for_requests(set);
    } else {
        leave_radio(set);
    }
}

/* AUX_ADV_IND or AUX_SCAN_RSP, and what follows. */
static void send_auxiliary(struct air_advertiser *set, enum air_advertising_pdu type, const struct air_data *data,
                           uint64_t start)
{
    set->phase = AIR_ADVERTISER_SENDING;
    air_radio_take(set->controller, set);
    struct air_transmission *packet =
        air_transmission(set->controller, type, set->auxiliary.channel, set->secondary_phy);
    bool answer = type == AIR_AUX_SCAN_RSP;
    packet->power = set->power;
    packet->from = set->own;
    packet->to = set->target;
    packet->extended = (struct air_extended){.connectable = !answer && set->kind.connectable,
                                             .scannable = !answer && set->kind.scannable,
                                             .has_from = !set->kind.anonymous,
                                             .has_to = !answer && set->kind.directed,
                                             .has_identifier = true,
                                             .has_power = set->kind.with_power,
                                             .data_identifier = set->data_identifier,
                                             .set_identifier = set->set_identifier,
                                             .power = set->power};
    if (!answer && !is_answerable(set))
        air_periodic_describe(set, &packet->extended.synchronization);
    set->sending = data;
    set->offset = air_send_part(set->controller, data, 0, start, part_sent, set);
}

/* How long the auxiliary packets keep the radio. */
static uint64_t auxiliary_us(const struct air_advertiser *set)
{
    uint32_t chained = set->data.length / 200u;
    uint32_t octets = set->data.length + 40u * (chained + 1);
    return (uint64_t)octets * air_octet_us(set->secondary_phy) + (chained + 1) * (uint64_t)AIR_AUXILIARY_FRAME_US;
}

/* It goes out at the moment that was announced, or not at all. */
static void try_auxiliary(struct air_advertiser *set)
{
    struct bluet_air_controller *controller = set->controller;
    static const struct air_data nothing;
    uint64_t now = air_now(controller);
    bool late = now > set->auxiliary.latest || !air_radio_is_free(controller);
    bool yields = !set->gave_way && air_schedule_next_event(controller, NULL) < now + auxiliary_us(set);
    set->gave_way = !late && yields;
    if (late || yields)
        end_event(set);
    else
        send_auxiliary(set, AIR_AUX_ADV_IND, set->kind.scannable ? &nothing : &set->data, now);
}

/* ---- When PDUs go out ---- */

/* How long a primary PDU keeps the radio, if nobody answers. */
static uint64_t primary_us(const struct air_advertiser *set)
{
    if (!set->kind.legacy)
        return pointer_us(set);
    size_t payload = set->kind.directed ? 12 : 6u + set->data.length;
    return air_airtime(AIR_PHY_1M, payload) + (uint64_t)AIR_INTER_FRAME_US + AIR_DETECTION_US;
}

/* A primary PDU goes out now, unless the radio is taken, or soon will be. air_radio_give() calls again when it is free.
 */
static void try_primary(struct air_advertiser *set)
{
    struct bluet_air_controller *controller = set->controller;
    uint64_t now = air_now(controller);
    bool first = !set->has_addresses;
    if (first)
        prepare_event(set);
    if (!air_radio_is_free(controller)) {
        set->has_addresses = !first || set->kind.legacy;
        return;
    }
    if (!set->kind.legacy && now + pointer_us(set) + AIR_AUXILIARY_FRAME_US > set->auxiliary.start) {
        set->channel = AUXILIARY_STEP;
        wait_until(set, set->auxiliary.start);
        return;
    }
    uint64_t other = air_schedule_next_event(controller, NULL);
    if (other >= now + primary_us(set) || now > set->due + PATIENCE_US)
        send_primary(set);
    else if (first)
        set->has_addresses = set->kind.legacy;
}

static void timer_due(void *owner)
{
    struct air_advertiser *set = owner;
    if (set->end && air_now(set->controller) >= set->end)
        time_is_up(set, HCI_ADVERTISING_TIMEOUT);
    else if (set->channel == AUXILIARY_STEP)
        try_auxiliary(set);
    else
        try_primary(set);
}

/* ---- Requests ---- */

static bool answers(struct air_advertiser *set, const struct air_transmission *request, struct air_peer *out_peer,
                    unsigned policy_bit)
{
    if (!air_recognise(set->controller, out_peer, &request->from))
        return false;
    if (set->kind.directed) {
        bool same = air_address_equal(&request->from, &set->target);
        bool known = out_peer->entry && air_address_equal(&out_peer->entry->identity, &set->peer);
        return same || known;
    }
    return !(set->filter_policy & policy_bit) || air_is_accepted(set->controller, out_peer);
}

static void response_sent(void *owner)
{
    leave_radio(owner);
}

static void respond(struct air_advertiser *set, const struct air_peer *peer)
{
    uint64_t start = air_now(set->controller) + AIR_INTER_FRAME_US;
    set->phase = AIR_ADVERTISER_SENDING;
    if (set->tells_requests)
        air_event_scan_request(set, peer);
    if (!set->kind.legacy) {
        send_auxiliary(set, AIR_AUX_SCAN_RSP, &set->response, start);
        return;
    }
    fill_legacy(set, AIR_SCAN_RSP, &set->response);
    air_transmit(set->controller, start, response_sent, set);
}

/* The set has served its purpose. */
static void connect(struct air_advertiser *set, struct air_link *central)
{
    struct air_link *link = set->link;
    uint8_t events = set->events;
    struct air_connect request = set->request;
    set->link = NULL;
    air_advertising_stop(set);
    air_connection_begin(link, &request, false, central);
    if (set->handle != AIR_NO_SET)
        air_event_set_terminated(set, HCI_SUCCESS, link->handle, events);
}

static void connect_response_sent(void *owner)
{
    connect(owner, NULL);
}

static void take_request(struct air_advertiser *set, const struct air_transmission *packet, const struct air_peer *peer)
{
    struct bluet_air_controller *controller = set->controller;
    struct air_link *link = set->link;
    link->peer_type = peer->type;
    memcpy(link->peer_address, peer->octets, 6);
    memcpy(link->peer_rpa, peer->rpa, 6);
    if (air_address_is_resolvable(&set->own) && set->own_type & AIR_IDENTITY)
        memcpy(link->local_rpa, set->own.octets, 6);
    set->request = packet->connect;
    if (set->kind.legacy) {
        connect(set, packet->connect.central);
        return;
    }
    set->phase = AIR_ADVERTISER_SENDING;
    struct air_transmission *answer = air_transmission(controller, AIR_AUX_CONNECT_RSP, packet->channel, packet->phy);
    answer->from = set->own;
    answer->to = packet->from;
    answer->extended.has_from = answer->extended.has_to = true;
    answer->connect.peripheral = link;
    air_transmit(controller, air_now(controller) + AIR_INTER_FRAME_US, connect_response_sent, set);
}

static void hear_request(void *owner, const struct air_transmission *packet)
{
    struct air_advertiser *set = owner;
    bool scans = packet->type == AIR_SCAN_REQ;
    struct air_peer peer;
    if (!air_address_equal(&packet->to, &set->own) || (!scans && packet->type != AIR_CONNECT_IND))
        return;
    set->controller->packets_received++;
    if (!(scans ? set->kind.scannable : set->kind.connectable) || !answers(set, packet, &peer, scans ? 1 : 2))
        return;
    air_wait_stop(&set->wait);
    if (scans)
        respond(set, &peer);
    else
        take_request(set, packet, &peer);
}

/* ---- Life ---- */

BLUET_INTERNAL void air_advertiser_init(struct air_advertiser *set, struct bluet_air_controller *controller,
                                        uint8_t handle)
{
    struct air_advertiser *next = set->next;
    memset(set, 0, sizeof *set);
    set->next = next;
    set->controller = controller;
    set->handle = handle;
    set->set_identifier = AIR_NO_SET;
    set->power = controller->config.transmit_power;
    set->interval = 0x0800; /* the defaults of Vol 4 Part E, 7.8.5 */
    set->channel_map = 0x07;
    set->kind = (struct air_advertising_kind){.legacy = true, .connectable = true, .scannable = true};
    set->primary_phy = set->secondary_phy = AIR_PHY_1M;
    air_timer_init(&set->timer, timer_due, set);
    air_wait_init(&set->wait, controller, hear_request, no_request, set);
    air_periodic_init(set);
}

BLUET_INTERNAL struct air_advertiser *air_advertiser_create(struct bluet_air_controller *controller, uint8_t handle)
{
    struct bluet_air *air = controller->air;
    if (!air_clock_reserve(&air->clock, AIR_SET_TIMERS))
        return NULL;
    struct air_advertiser *set = air_memory_take(&air->memory, sizeof *set);
    if (!set) {
        air_clock_release(&air->clock, AIR_SET_TIMERS);
        return NULL;
    }
    air_advertiser_init(set, controller, handle);
    struct air_advertiser **last = &controller->advertisers;
    while (*last)
        last = &(*last)->next;
    *last = set;
    controller->set_count++;
    return set;
}

BLUET_INTERNAL void air_advertiser_destroy(struct air_advertiser *set)
{
    struct bluet_air_controller *controller = set->controller;
    struct bluet_air *air = controller->air;
    air_advertising_stop(set);
    air_periodic_stop(set);
    struct air_advertiser **at = &controller->advertisers;
    while (*at != set)
        at = &(*at)->next;
    *at = set->next;
    controller->set_count--;
    air_memory_give(&air->memory, set, sizeof *set);
    air_clock_release(&air->clock, AIR_SET_TIMERS);
}

BLUET_INTERNAL struct air_advertiser *air_advertiser_find(const struct bluet_air_controller *controller, uint8_t handle)
{
    struct air_advertiser *set = controller->advertisers->next;
    while (set && set->handle != handle)
        set = set->next;
    return set;
}

BLUET_INTERNAL bool air_is_advertising(const struct bluet_air_controller *controller)
{
    const struct air_advertiser *set = controller->advertisers;
    while (set && !set->enabled)
        set = set->next;
    return set;
}

BLUET_INTERNAL uint8_t air_advertising_check(const struct air_advertiser *set)
{
    const struct bluet_air_controller *controller = set->controller;
    bool has_random = set->handle == AIR_NO_SET ? controller->random_address_set : set->random_address_set;
    if (set->own_type & AIR_RANDOM ? !has_random : controller->config.no_public_address)
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (set->data.incomplete || set->response.incomplete ||
        (!set->kind.legacy && set->kind.scannable && !set->response.length))
        return HCI_COMMAND_DISALLOWED;
    return HCI_SUCCESS;
}

BLUET_INTERNAL uint8_t air_advertising_start(struct air_advertiser *set, uint64_t duration, uint8_t events_most)
{
    struct bluet_air_controller *controller = set->controller;
    uint8_t error = air_advertising_check(set);
    if (error)
        return error;
    if (set->kind.connectable && !set->link) {
        if (controller->link_count >= AIR_LINKS_MOST)
            return HCI_CONNECTION_LIMIT_EXCEEDED;
        set->link = air_link_create(controller);
        if (!set->link)
            return HCI_MEMORY_CAPACITY_EXCEEDED;
    }
    uint64_t now = air_now(controller);
    if (set->kind.high_duty && !duration)
        duration = HIGH_DUTY_MOST_US;
    set->end = duration ? now + duration : 0;
    set->events_most = events_most;
    set->events = 0;
    if (set->enabled)
        return HCI_SUCCESS;
    set->enabled = true;
    choose_addresses(set);
    air_periodic_start(set);
    /* Hosts that start together in virtual time would otherwise collide for a long while: they are in step. */
    uint64_t interval = set->interval * (uint64_t)AIR_SLOT_US;
    uint32_t spread = interval < START_MOST_US ? (uint32_t)interval : START_MOST_US;
    begin_event(set, set->kind.high_duty ? now : now + air_random_below(&controller->random, spread));
    return HCI_SUCCESS;
}

BLUET_INTERNAL void air_advertising_stop(struct air_advertiser *set)
{
    struct bluet_air_controller *controller = set->controller;
    if (set->link)
        air_link_destroy(set->link);
    set->link = NULL;
    if (!set->enabled)
        return;
    set->enabled = false;
    air_stop(controller, &set->timer);
    air_wait_stop(&set->wait);
    if (controller->radio.user == set)
        air_transmit_stop(controller);
    air_radio_give(controller, set);
}
