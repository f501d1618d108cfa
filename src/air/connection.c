/*
 * One connection event after the other. The central wakes at its anchor points; a peripheral is woken by the packet
 * that it would hear, so that a quiet link costs next to nothing.
 *
 *     central       ASLEEP -anchor-> SENDING -> LISTENING -> RECEIVING -> TURNING -> SENDING ... -> ASLEEP
 *     peripheral    ASLEEP -packet-> RECEIVING -> TURNING -> SENDING -> LISTENING -> RECEIVING ... -> ASLEEP
 */
#include "air/connection.h"

#include "air/channel.h"
#include "air/fault.h"
#include "air/link_encryption.h"
#include "air/observation.h"
#include "air/schedule.h"

enum {
    TRANSMIT_WINDOW_DELAY_US = 1250, /* Vol 6 Part B, 4.5.3; twice that after AUX_CONNECT_REQ, thrice with Coded */
    ESTABLISHMENT_EVENTS = 6,        /* 4.5.2 */
    BAD_PACKETS_MOST = 2,            /* in a row close an event: 4.5.6 */
    PING_EVENTS = 4,                 /* before the authenticated payload timeout, for the ping to be answered */
    HANDLE_LAST = 0x0eff             /* Vol 4 Part E, 5.3.1 */
};

static void event_end(struct air_link *link);

/* Drops the link, and tells the host why. */
static void close_link(struct air_link *link, uint8_t reason)
{
    air_event_disconnection_complete(link, reason);
    air_connection_drop(link);
}

/* The two ends hear nothing of each other any more. */
static void sever(struct air_link *link)
{
    if (link->peer)
        link->peer->peer = NULL;
    link->peer = NULL;
}

static uint64_t timeout_us(const struct air_link *link)
{
    if (!link->established)
        return (uint64_t)ESTABLISHMENT_EVENTS * air_link_interval_us(link);
    return link->parameters.timeout * UINT64_C(10000);
}

static void supervision_due(void *owner)
{
    struct air_link *link = owner;
    uint64_t end = link->last_heard + timeout_us(link);
    if (end > air_now(link->controller))
        air_set(link->controller, &link->supervision, end);
    else if (!link->established)
        close_link(link, HCI_CONNECTION_FAILED_TO_BE_ESTABLISHED);
    else
        close_link(link, link->terminating ? HCI_LOCAL_HOST_TERMINATED : HCI_CONNECTION_TIMEOUT);
}

static void response_due(void *owner)
{
    struct air_link *link = owner;
    close_link(link, HCI_LL_RESPONSE_TIMEOUT);
}

/* Vol 6 Part B, 5.4: a ping in good time, and the host is told if it was of no avail. */
static void authentication_due(void *owner)
{
    struct air_link *link = owner;
    uint64_t now = air_now(link->controller);
    uint64_t end = link->last_authenticated + link->authenticated_timeout * UINT64_C(10000);
    uint64_t early = (uint64_t)PING_EVENTS * (link->parameters.latency + 1u) * air_link_interval_us(link);
    if (now >= end) {
        air_event_payload_timeout(link);
        link->last_authenticated = now;
        end = now + link->authenticated_timeout * UINT64_C(10000);
    } else if (now + early >= end) {
        air_control_want(link, AIR_PROCEDURE_PING, false);
        early = 0;
    }
    air_set(link->controller, &link->authentication, end - early > now ? end - early : end);
}

static void next_event(struct air_link *link)
{
    link->event_counter++;
    link->anchor += air_link_interval_us(link);
    air_control_instant(link);
}

/* A peripheral's clock has gone on while it slept. */
static void catch_up(struct air_link *link)
{
    uint64_t now = air_now(link->controller);
    while (link->anchor + link->window < now)
        next_event(link);
}

static bool receives_host_data(const struct bluet_air_controller *controller, size_t length)
{
    const struct air_host_flow *flow = &controller->flow;
    if (controller->outbox.blocked && controller->outbox.waiting[AIR_OUTBOX_ACL] >= AIR_OUTBOX_DATA)
        return false;
    return !flow->enabled || flow->outstanding + air_acl_packets(controller, length) <= flow->count;
}

static void buffer_is_sent(struct air_link *link, struct air_buffer *buffer)
{
    struct bluet_air_controller *controller = link->controller;
    link->buffers = buffer->next;
    buffer->next = controller->free_buffers;
    controller->free_buffers = buffer;
    link->completed++;
    /* Enough at once to be worth an event, and soon enough that the host never runs dry. */
    if (link->completed > controller->config.acl_count / 4)
        air_event_completed_packets(link);
}

/* The acknowledgement in a packet's header: Vol 6 Part B, 4.5.9 */
static void take_acknowledgement(struct air_link *link, bool peer_expects)
{
    struct air_flight *flight = &link->flight;
    if (!flight->present || peer_expects == link->sequence)
        return;
    link->sequence = !link->sequence;
    flight->present = false;
    if (flight->llid == AIR_LLID_CONTROL && flight->octets[0] == AIR_LL_TERMINATE_IND)
        link->closing = HCI_LOCAL_HOST_TERMINATED;
    if (!flight->buffer)
        return;
    flight->buffer->offset += flight->length;
    if (flight->buffer->offset == flight->buffer->length)
        buffer_is_sent(link, flight->buffer);
}

static void deliver_payload(struct air_link *link, const struct air_flight *packet)
{
    if (packet->llid == AIR_LLID_CONTROL)
        air_control_receive(link, packet->octets, packet->length);
    else if (packet->length)
        air_acl_deliver(link, packet->llid, packet->octets, packet->length);
}

static void deliver_corrupted(struct air_link *link, const struct air_flight *packet)
{
    uint8_t octets[AIR_OCTETS_MOST];
    struct air_flight changed = *packet;
    memcpy(octets, packet->octets, packet->length);
    octets[packet->fault_offset % packet->length] ^= packet->fault_mask;
    changed.octets = octets;
    deliver_payload(link, &changed);
}

static void take_payload(struct air_link *link, const struct air_flight *packet)
{
    bool corrupted = packet->fault == BLUET_AIR_CORRUPT;
    if (!air_encryption_matches(link, packet) || (corrupted && packet->encrypted)) {
        link->closing = HCI_MIC_FAILURE;
        return;
    }
    bool is_data = packet->length && packet->llid != AIR_LLID_CONTROL;
    if ((is_data && !receives_host_data(link->controller, packet->length)) ||
        air_fault_withholds(link->controller->air, packet))
        return; /* not acknowledged: the peer sends it again */
    link->expected = !link->expected;
    if (packet->encrypted)
        link->last_authenticated = air_now(link->controller);
    if (corrupted)
        deliver_corrupted(link, packet);
    else if (packet->fault != BLUET_AIR_DROP)
        deliver_payload(link, packet);
    if (packet->fault == BLUET_AIR_CUT_AFTER)
        sever(link);
}

static void take_packet(struct air_link *link, const struct air_link *from)
{
    struct bluet_air_controller *controller = link->controller;
    uint64_t now = air_now(controller);
    controller->packets_received++;
    link->last_heard = now;
    link->bad_packets = 0;
    link->peer_more = from->sent_more;
    link->heard_event = link->event_counter;
    link->overslept = false;
    if (!link->established) {
        link->established = true;
        air_set(controller, &link->supervision, now + timeout_us(link));
    }
    take_acknowledgement(link, from->expected);
    if (from->sequence == link->expected)
        take_payload(link, &from->flight);
}

/* The longest that the peer may send, if it has said that there is more; else an empty PDU. */
static uint32_t expected_airtime(const struct air_link *link)
{
    if (!link->peer_more && !link->bad_packets)
        return air_airtime(link->receive_phy, 0);
    size_t mic = link->encryption.receive ? AIR_MIC : 0;
    return air_airtime(link->receive_phy, link->effective.receive_octets + mic);
}

/* What the central has to leave room for, if it sends `airtime` and gets its answer. */
static uint64_t pair_us(const struct air_link *link, uint32_t airtime)
{
    return airtime + (uint64_t)AIR_INTER_FRAME_US + expected_airtime(link) + AIR_INTER_FRAME_US;
}

static bool central_goes_on(struct air_link *link)
{
    uint64_t start = air_now(link->controller) + AIR_INTER_FRAME_US;
    bool refused = link->flight.present && link->flight.length;
    if (!link->sent_more && !link->peer_more && !link->bad_packets && !refused)
        return false;
    uint32_t next = air_link_next_airtime(link);
    uint32_t empty = air_airtime(link->transmit_phy, 0);
    if (start + pair_us(link, next) <= link->limit)
        return true;
    return link->peer_more && !link->flight.present && start + pair_us(link, empty) <= link->limit;
}

/* The answer to the first packet of an event is always sent; later ones if they fit, cut to an empty PDU if need be. */
static bool peripheral_answers(const struct air_link *link)
{
    if (link->first_in_event)
        return true;
    uint64_t start = air_now(link->controller) + AIR_INTER_FRAME_US;
    uint32_t least = link->flight.present ? air_flight_airtime(link) : air_airtime(link->transmit_phy, 0);
    return start + least + AIR_INTER_FRAME_US <= link->limit;
}

/* What is done after a packet, whole or not. */
static void go_on(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    bool goes_on = link->bad_packets < BAD_PACKETS_MOST;
    goes_on = goes_on && (link->central ? central_goes_on(link) : peripheral_answers(link));
    if (!goes_on) {
        event_end(link);
        return;
    }
    link->state = AIR_LINK_TURNING;
    air_set(controller, &link->timer, air_now(controller) + AIR_INTER_FRAME_US);
}

/* False: it was lost. */
static bool received(struct air_link *link, const struct air_link *from)
{
    const struct bluet_air_controller *sender = from->controller;
    if (!air_is_near(sender, link->controller, sender->config.transmit_power) || air_lost(sender->air) ||
        air_fault_loses(from)) {
        link->bad_packets++;
        go_on(link);
        return false;
    }
    take_packet(link, from);
    if (link->closing)
        close_link(link, link->closing);
    else
        go_on(link);
    return true;
}

/* Whether a peripheral wakes for the event of its next anchor point: Vol 6 Part B, 4.5.1 */
static bool peripheral_wakes(const struct air_link *link)
{
    uint16_t slept = (uint16_t)(link->event_counter - link->heard_event);
    bool busy = link->overslept || link->wanted || link->running || link->instant.procedure ||
                air_link_has_more(link) || (link->flight.present && link->flight.length);
    return !link->established || busy || slept > link->parameters.latency;
}

/* The peripheral's event begins with the packet that its central sends now, if it listens for it. */
static bool peripheral_hears(struct air_link *link, const struct air_link *central)
{
    catch_up(link);
    uint64_t now = air_now(link->controller);
    if (now < link->anchor || !air_phy_is_same(link->receive_phy, central->transmit_phy) ||
        air_channel(link->access_address, link->channel_map, link->event_counter) !=
            air_channel(central->access_address, central->channel_map, central->event_counter))
        return false;
    if (!peripheral_wakes(link) || !air_schedule_may_begin(link, pair_us(link, air_link_next_airtime(link))))
        return false;
    link->anchor = now;
    link->window = 0;
    link->overslept = true;
    air_radio_take(link->controller, link);
    link->limit = air_schedule_limit(link);
    link->first_in_event = true;
    link->bad_packets = 0;
    link->peer_more = false;
    return true;
}

static bool peer_hears(struct air_link *peer, const struct air_link *link)
{
    if (peer->state == AIR_LINK_LISTENING)
        return air_phy_is_same(peer->receive_phy, link->transmit_phy);
    return !peer->central && peer->state == AIR_LINK_ASLEEP && peripheral_hears(peer, link);
}

static void send(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    uint64_t now = air_now(controller);
    uint64_t after = now + (link->central ? pair_us(link, 0) : AIR_INTER_FRAME_US);
    uint64_t budget = link->limit > after ? link->limit - after : 0;
    air_control_run(link);
    if (air_link_load(link, link->first_in_event ? AIR_NEVER : budget))
        air_fault_judge(link);
    if (link->flight.fault == BLUET_AIR_CUT)
        sever(link);
    link->first_in_event = false;
    link->sent_more = air_link_has_more(link);
    link->state = AIR_LINK_SENDING;
    controller->packets_sent++;
    air_set(controller, &link->timer, now + air_flight_airtime(link));

    struct air_link *peer = link->peer;
    link->heard = peer && peer_hears(peer, link);
    if (link->heard) {
        peer->state = AIR_LINK_RECEIVING;
        air_stop(peer->controller, &peer->timer);
    }
}

/* After its packet, a peripheral listens on if there is more to come, and nothing else to do meanwhile. */
static bool peripheral_listens_on(const struct air_link *link)
{
    if (!link->sent_more && !link->peer_more && !link->bad_packets)
        return false;
    uint64_t start = air_now(link->controller) + AIR_INTER_FRAME_US;
    uint64_t shortest = 2 * (air_airtime(link->transmit_phy, 0) + (uint64_t)AIR_INTER_FRAME_US);
    uint64_t other = air_schedule_next_event(link->controller, link);
    uint64_t due = air_schedule_next_advertising(link->controller);
    other = due < other ? due : other;
    return start + shortest <= link->anchor + air_link_interval_us(link) &&
           (other == AIR_NEVER || start + pair_us(link, 0) <= other);
}

/* The packet gets to the peer, or not; and whoever looks on, sees it. */
static void pass_over(struct air_link *link)
{
    struct bluet_air *air = link->controller->air;
    enum bluet_air_fate fate = BLUET_AIR_UNHEARD;
    air->acted = NULL;
    if (link->heard)
        fate = received(link->peer, link) ? BLUET_AIR_RECEIVED : BLUET_AIR_LOST;
    link->heard = false;
    if (air->observe)
        air_observe_link(link, fate);
}

static void sent(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    bool listens = link->central || peripheral_listens_on(link);
    link->state = AIR_LINK_LISTENING;
    air_set(controller, &link->timer, air_now(controller) + AIR_INTER_FRAME_US + AIR_DETECTION_US);
    pass_over(link);
    if (link->terminated)
        close_link(link, link->terminated);
    else if (!listens)
        event_end(link);
}

static void event_begin(struct air_link *link)
{
    if (!air_schedule_may_begin(link, pair_us(link, air_link_next_airtime(link)))) {
        next_event(link);
        air_set(link->controller, &link->timer, link->anchor);
        return;
    }
    air_radio_take(link->controller, link);
    link->limit = air_schedule_limit(link);
    link->first_in_event = true;
    link->bad_packets = 0;
    link->peer_more = false;
    send(link);
}

static void event_end(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    link->state = AIR_LINK_ASLEEP;
    air_stop(controller, &link->timer);
    air_radio_give(controller, link);
    air_event_completed_packets(link);
    next_event(link);
    if (link->central)
        air_set(controller, &link->timer, link->anchor);
}

static void timer_due(void *owner)
{
    struct air_link *link = owner;
    switch (link->state) {
    case AIR_LINK_ASLEEP:
        event_begin(link);
        break;
    case AIR_LINK_TURNING:
        send(link);
        break;
    case AIR_LINK_SENDING:
        sent(link);
        break;
    case AIR_LINK_LISTENING:
    case AIR_LINK_RECEIVING:
        event_end(link);
        break;
    }
}

BLUET_INTERNAL void air_connection_propose(struct bluet_air_controller *controller, struct air_link *link,
                                           struct air_connect *out_connect, uint64_t end, uint8_t phy, bool auxiliary)
{
    unsigned which = air_phy_number(phy) - 1u;
    const struct air_wish *wish = &controller->initiator.wishes[which];
    uint16_t interval = air_schedule_interval(controller, NULL, wish->interval_min, wish->interval_max);
    uint64_t earliest = end + (!auxiliary ? 1u : phy == AIR_PHY_CODED ? 3u : 2u) * TRANSMIT_WINDOW_DELAY_US;
    link->anchor = air_schedule_place(controller, NULL, earliest, interval * (uint32_t)AIR_UNIT_US);
    *out_connect = (struct air_connect){
        .central = link,
        .access_address = (uint32_t)air_random_next(&controller->random),
        .window_size = 1,
        .window_offset = (uint16_t)((link->anchor - earliest) / AIR_UNIT_US),
        .interval = interval,
        .latency = wish->latency,
        .timeout = wish->timeout,
        .phy = phy,
        .window_start = earliest,
    };
    memcpy(out_connect->channel_map, controller->channel_map, sizeof out_connect->channel_map);
}

static uint16_t take_handle(struct bluet_air_controller *controller)
{
    uint16_t handle;
    do {
        handle = controller->next_handle;
        controller->next_handle = (uint16_t)(handle == HANDLE_LAST ? 0 : handle + 1);
    } while (air_link_find(controller, handle));
    return handle;
}

static void take_parameters(struct air_link *link, const struct air_connect *connect)
{
    const struct bluet_air_controller *controller = link->controller;
    const struct air_lengths least = {AIR_OCTETS_LEAST, AIR_TIME_LEAST_US, AIR_OCTETS_LEAST, AIR_TIME_LEAST_US};
    link->parameters = (struct air_parameters){connect->interval, connect->latency, connect->timeout};
    link->access_address = connect->access_address;
    memcpy(link->channel_map, connect->channel_map, sizeof link->channel_map);
    link->transmit_phy = link->receive_phy = connect->phy;
    link->wanted_transmit_phys = controller->default_transmit_phys;
    link->wanted_receive_phys = controller->default_receive_phys;
    link->remote = link->effective = least;
    link->local = (struct air_lengths){controller->suggested_octets, controller->suggested_time, AIR_OCTETS_MOST,
                                       AIR_TIME_MOST_US};
}

BLUET_INTERNAL void air_connection_begin(struct air_link *link, const struct air_connect *connect, bool central,
                                         struct air_link *peer)
{
    struct bluet_air_controller *controller = link->controller;
    uint64_t now = air_now(controller);
    air_timer_init(&link->timer, timer_due, link);
    air_timer_init(&link->supervision, supervision_due, link);
    air_timer_init(&link->response, response_due, link);
    air_timer_init(&link->authentication, authentication_due, link);
    take_parameters(link, connect);
    link->handle = take_handle(controller);
    link->central = central;
    link->next = controller->links;
    controller->links = link;
    controller->link_count++;
    link->last_heard = link->last_turn = now;
    link->authenticated_timeout = 3000; /* Vol 4 Part E, 7.3.93: 30 s */
    if (peer) {
        link->peer = peer;
        peer->peer = link;
    }
    if (central) {
        air_set(controller, &link->timer, link->anchor);
    } else {
        link->anchor = connect->window_start + connect->window_offset * (uint64_t)AIR_UNIT_US;
        link->window = connect->window_size * (uint32_t)AIR_UNIT_US;
    }
    air_set(controller, &link->supervision, now + timeout_us(link));
    air_event_connection_complete(controller, HCI_SUCCESS, link, central);
    air_event_channel_selection(link);
    air_control_begin(link);
}

BLUET_INTERNAL void air_connection_drop(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    struct air_link *peer = link->peer;
    if (peer) {
        peer->peer = NULL;
        peer->heard = false;
        if (peer->state == AIR_LINK_RECEIVING && link->state == AIR_LINK_SENDING)
            air_set(peer->controller, &peer->timer, air_now(peer->controller) + AIR_DETECTION_US);
    }
    struct air_link **at = &controller->links;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    controller->link_count--;
    controller->flow.outstanding -= link->host_owes;
    air_radio_give(controller, link);
    air_link_destroy(link);
}

BLUET_INTERNAL void air_connection_send(struct bluet_air_controller *controller, uint16_t handle, unsigned boundary,
                                        struct reader *data)
{
    struct air_link *link = air_link_find(controller, handle);
    size_t length = reader_remaining(data);
    if (!link)
        return; /* it has just ended: its buffers are the host's again */
    struct air_buffer *buffer = controller->free_buffers;
    if (!buffer || length > controller->config.acl_length) {
        air_event_data_buffer_overflow(controller);
        return;
    }
    if (!length || boundary > HCI_BOUNDARY_CONTINUING) {
        link->completed++;
        air_event_completed_packets(link);
        return;
    }
    controller->free_buffers = buffer->next;
    buffer->next = NULL;
    buffer->offset = 0;
    buffer->length = (uint16_t)length;
    buffer->first_llid = boundary == HCI_BOUNDARY_CONTINUING ? AIR_LLID_CONTINUE : AIR_LLID_START;
    read_octets(data, buffer->octets, length);
    if (link->buffers)
        link->last_buffer->next = buffer;
    else
        link->buffers = buffer;
    link->last_buffer = buffer;
}
