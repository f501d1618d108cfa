/* Procedures as tables: what begins each of them, and what answers each PDU. */
#include "air/link_control.h"

#include "air/channel.h"
#include "air/link_encryption.h"
#include "air/schedule.h"
#include "spec/writer.h"

#define RESPONSE_TIMEOUT_US UINT64_C(40000000) /* Vol 6 Part B, 5.2 */

enum { INSTANT_EVENTS = 6, INSTANT_PAST = 32767 };

/*
 * Encryption, connection parameters request, extended reject, peripheral-initiated features exchange, ping, data packet
 * length extension, privacy, extended scanner filter policies; 2M and Coded PHY, extended and periodic advertising,
 * channel selection algorithm #2; validation of a remote public key.
 */
#define FEATURES UINT64_C(0x080079ff)

BLUET_INTERNAL uint64_t air_features(const struct bluet_air_controller *controller)
{
    return FEATURES & ~controller->config.without_features;
}

BLUET_INTERNAL bool air_has_feature(const struct bluet_air_controller *controller, enum air_feature feature)
{
    return air_features(controller) >> feature & 1;
}

BLUET_INTERNAL uint8_t air_phys(const struct bluet_air_controller *controller)
{
    return (uint8_t)(AIR_PHY_1M | (air_has_feature(controller, AIR_FEATURE_2M) ? AIR_PHY_2M : 0) |
                     (air_has_feature(controller, AIR_FEATURE_CODED) ? AIR_PHY_CODED : 0));
}

static void put(struct air_link *link, const struct writer *pdu)
{
    air_link_put_control(link, pdu->start, pdu->length);
}

static void put_features(struct air_link *link, uint8_t opcode)
{
    uint8_t octets[AIR_CONTROL_OCTETS];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, opcode);
    write_u64(&pdu, air_features(link->controller));
    put(link, &pdu);
}

static void put_reject(struct air_link *link, uint8_t opcode, uint8_t reason)
{
    const uint8_t octets[] = {AIR_LL_REJECT_EXT_IND, opcode, reason};
    air_link_put_control(link, octets, sizeof octets);
}

static void put_lengths(struct air_link *link, uint8_t opcode)
{
    uint8_t octets[AIR_CONTROL_OCTETS];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, opcode);
    write_u16(&pdu, link->local.receive_octets);
    write_u16(&pdu, link->local.receive_time);
    write_u16(&pdu, link->local.transmit_octets);
    write_u16(&pdu, link->local.transmit_time);
    put(link, &pdu);
}

static void put_version(struct air_link *link)
{
    uint8_t octets[AIR_CONTROL_OCTETS];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, AIR_LL_VERSION_IND);
    write_u8(&pdu, link->controller->config.version);
    write_u16(&pdu, AIR_COMPANY);
    write_u16(&pdu, AIR_SUBVERSION);
    put(link, &pdu);
    link->version_sent = true;
}

/* ---- Instants: Vol 6 Part B, 5.5 ---- */

/* Far enough ahead for the peripheral to hear of it, also if it sleeps. */
static uint16_t instant_ahead(const struct air_link *link)
{
    return (uint16_t)(link->event_counter + link->parameters.latency + INSTANT_EVENTS);
}

/* What the central has announced; false: too late, and the link is lost. */
static bool instant_is_ahead(struct air_link *link, uint16_t event)
{
    uint16_t ahead = (uint16_t)(event - link->event_counter);
    if (ahead && ahead < INSTANT_PAST && !link->instant.procedure)
        return true;
    link->closing = HCI_INSTANT_PASSED;
    return false;
}

static bool ends_with(struct air_link *link, enum air_procedure procedure)
{
    return link->running == procedure && air_link_procedure_end(link);
}

static void update_now(struct air_link *link, const struct air_instant *instant)
{
    struct bluet_air_controller *controller = link->controller;
    const struct air_parameters *old = &link->parameters;
    const struct air_parameters *new = &instant->parameters;
    bool changed = old->interval != new->interval || old->latency != new->latency || old->timeout != new->timeout;
    link->parameters = *new;
    link->anchor += instant->shift;
    link->window = link->central ? 0 : instant->window;
    air_set(controller, &link->supervision, link->last_heard + new->timeout *UINT64_C(10000));
    if (ends_with(link, AIR_PROCEDURE_UPDATE) || changed)
        air_event_connection_update_complete(link, HCI_SUCCESS);
}

static void phy_now(struct air_link *link, const struct air_instant *instant)
{
    uint8_t transmit = link->transmit_phy;
    uint8_t receive = link->receive_phy;
    link->transmit_phy = instant->transmit_phy ? instant->transmit_phy : transmit;
    link->receive_phy = instant->receive_phy ? instant->receive_phy : receive;
    if (link->transmit_phy & AIR_PHY_CODED)
        link->transmit_phy = link->prefers_s2 ? AIR_PHY_CODED_S2 : AIR_PHY_CODED;
    bool changed = !air_phy_is_same(link->transmit_phy, transmit) || link->receive_phy != receive;
    if (ends_with(link, AIR_PROCEDURE_PHY) || changed)
        air_event_phy_update_complete(link, HCI_SUCCESS);
}

BLUET_INTERNAL void air_control_instant(struct air_link *link)
{
    if (!link->instant.procedure || link->instant.event != link->event_counter)
        return;
    struct air_instant instant = link->instant;
    link->instant.procedure = AIR_PROCEDURE_NONE;
    if (instant.procedure == AIR_PROCEDURE_UPDATE) {
        update_now(link, &instant);
    } else if (instant.procedure == AIR_PROCEDURE_PHY) {
        phy_now(link, &instant);
    } else {
        memcpy(link->channel_map, instant.channel_map, sizeof link->channel_map);
        ends_with(link, AIR_PROCEDURE_CHANNEL_MAP);
    }
}

/* ---- The central decides ---- */

static void announce_update(struct air_link *link, uint16_t interval_min, const struct air_parameters *wish)
{
    const struct bluet_air_controller *controller = link->controller;
    struct air_instant *instant = &link->instant;
    *instant = (struct air_instant){.procedure = AIR_PROCEDURE_UPDATE, .event = instant_ahead(link)};
    instant->parameters = *wish;
    instant->parameters.interval = air_schedule_interval(controller, link, interval_min, wish->interval);
    if (instant->parameters.interval != link->parameters.interval) {
        uint16_t events = (uint16_t)(instant->event - link->event_counter);
        uint64_t old = link->anchor + (uint64_t)events * air_link_interval_us(link);
        uint32_t interval = instant->parameters.interval * (uint32_t)AIR_UNIT_US;
        instant->shift = (uint32_t)(air_schedule_place(controller, link, old, interval) - old);
    }
    uint8_t octets[AIR_CONTROL_OCTETS];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, AIR_LL_CONNECTION_UPDATE_IND);
    write_u8(&pdu, 1); /* the window: 1.25 ms */
    write_u16(&pdu, (uint16_t)(instant->shift / AIR_UNIT_US));
    write_u16(&pdu, instant->parameters.interval);
    write_u16(&pdu, instant->parameters.latency);
    write_u16(&pdu, instant->parameters.timeout);
    write_u16(&pdu, instant->event);
    put(link, &pdu);
}

/* The fastest PHY of those that sender and receiver want; 0: it stays as it is. */
static uint8_t choose_phy(uint8_t present, uint8_t sender, uint8_t receiver)
{
    uint8_t common = sender & receiver;
    uint8_t chosen = common & AIR_PHY_2M ? AIR_PHY_2M : common & AIR_PHY_1M ? AIR_PHY_1M : common & AIR_PHY_CODED;
    return air_phy_is_same(chosen, present) ? 0 : chosen;
}

static void announce_phy(struct air_link *link, uint8_t peer_transmits, uint8_t peer_receives)
{
    uint8_t transmit = choose_phy(link->transmit_phy, link->wanted_transmit_phys, peer_receives);
    uint8_t receive = choose_phy(link->receive_phy, peer_transmits, link->wanted_receive_phys);
    struct air_instant instant = {.procedure = AIR_PROCEDURE_PHY, .event = instant_ahead(link)};
    instant.transmit_phy = transmit;
    instant.receive_phy = receive;
    uint8_t octets[AIR_CONTROL_OCTETS];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, AIR_LL_PHY_UPDATE_IND);
    write_u8(&pdu, transmit);
    write_u8(&pdu, receive);
    write_u16(&pdu, transmit || receive ? instant.event : 0);
    put(link, &pdu);
    if (transmit || receive)
        link->instant = instant;
    else
        phy_now(link, &instant);
}

/* ---- What this end begins. Each returns whether an answer is awaited. ---- */

static bool begin_encryption(struct air_link *link)
{
    air_encryption_begin(link);
    return true;
}

static bool begin_length(struct air_link *link)
{
    put_lengths(link, AIR_LL_LENGTH_REQ);
    return true;
}

static bool begin_features(struct air_link *link)
{
    if (link->features_known) {
        if (air_link_procedure_end(link))
            air_event_remote_features(link, HCI_SUCCESS);
        return false;
    }
    put_features(link, link->central ? AIR_LL_FEATURE_REQ : AIR_LL_PERIPHERAL_FEATURE_REQ);
    return true;
}

static bool begin_version(struct air_link *link)
{
    if (link->version_known) {
        if (air_link_procedure_end(link))
            air_event_remote_version(link, HCI_SUCCESS);
        return false;
    }
    if (!link->version_sent)
        put_version(link);
    return true;
}

static bool begin_update(struct air_link *link)
{
    const struct air_parameters *wish = &link->wanted_parameters;
    if (link->central) {
        announce_update(link, link->wanted_interval_min, wish);
        return false;
    }
    uint8_t octets[AIR_CONTROL_OCTETS];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, AIR_LL_CONNECTION_PARAM_REQ);
    write_u16(&pdu, link->wanted_interval_min);
    write_u16(&pdu, wish->interval);
    write_u16(&pdu, wish->latency);
    write_u16(&pdu, wish->timeout);
    write_u8(&pdu, 0); /* no preferred periodicity */
    write_u16(&pdu, link->event_counter);
    for (unsigned i = 0; i < 6; i++)
        write_u16(&pdu, 0xffff); /* no preferred offsets */
    put(link, &pdu);
    return true;
}

static bool begin_phy(struct air_link *link)
{
    const uint8_t octets[] = {AIR_LL_PHY_REQ, link->wanted_transmit_phys, link->wanted_receive_phys};
    air_link_put_control(link, octets, sizeof octets);
    return true;
}

static bool begin_channel_map(struct air_link *link)
{
    struct air_instant *instant = &link->instant;
    *instant = (struct air_instant){.procedure = AIR_PROCEDURE_CHANNEL_MAP, .event = instant_ahead(link)};
    memcpy(instant->channel_map, link->controller->channel_map, sizeof instant->channel_map);
    uint8_t octets[AIR_CONTROL_OCTETS];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, AIR_LL_CHANNEL_MAP_IND);
    write_octets(&pdu, instant->channel_map, sizeof instant->channel_map);
    write_u16(&pdu, instant->event);
    put(link, &pdu);
    return false;
}

static bool begin_ping(struct air_link *link)
{
    const uint8_t opcode = AIR_LL_PING_REQ;
    air_link_put_control(link, &opcode, 1);
    return true;
}

static const struct {
    bool (*begin)(struct air_link *link);
    bool has_instant;
} procedures[AIR_PROCEDURE_COUNT] = {
    [AIR_PROCEDURE_ENCRYPTION] = {begin_encryption, false},  [AIR_PROCEDURE_LENGTH] = {begin_length, false},
    [AIR_PROCEDURE_FEATURES] = {begin_features, false},      [AIR_PROCEDURE_VERSION] = {begin_version, false},
    [AIR_PROCEDURE_UPDATE] = {begin_update, true},           [AIR_PROCEDURE_PHY] = {begin_phy, true},
    [AIR_PROCEDURE_CHANNEL_MAP] = {begin_channel_map, true}, [AIR_PROCEDURE_PING] = {begin_ping, false},
};

BLUET_INTERNAL void air_control_run(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    if (!link->wanted || link->running || link->encryption.state != AIR_ENCRYPTION_IDLE || link->terminating)
        return;
    for (unsigned i = AIR_PROCEDURE_NONE + 1; i < AIR_PROCEDURE_COUNT && !link->running; i++) {
        bool may = !procedures[i].has_instant || (!link->instant.procedure && !link->answering_parameters);
        if (!(link->wanted >> i & 1) || !may)
            continue;
        link->wanted &= (uint16_t) ~(1u << i);
        link->running = (enum air_procedure)i;
        if (procedures[i].begin(link))
            air_set(controller, &link->response, air_now(controller) + RESPONSE_TIMEOUT_US);
    }
}

BLUET_INTERNAL void air_control_want(struct air_link *link, enum air_procedure procedure, bool by_host)
{
    uint16_t bit = (uint16_t)(1u << procedure);
    link->wanted |= bit;
    if (by_host)
        link->asked |= bit;
}

BLUET_INTERNAL void air_control_begin(struct air_link *link)
{
    if (link->local.transmit_octets > AIR_OCTETS_LEAST || link->local.transmit_time > AIR_TIME_LEAST_US)
        air_control_want(link, AIR_PROCEDURE_LENGTH, false);
}

BLUET_INTERNAL void air_control_accept_parameters(struct air_link *link, uint16_t interval_min,
                                                  const struct air_parameters *parameters)
{
    link->answering_parameters = false;
    announce_update(link, interval_min, parameters);
}

BLUET_INTERNAL void air_control_reject_parameters(struct air_link *link, uint8_t reason)
{
    link->answering_parameters = false;
    put_reject(link, AIR_LL_CONNECTION_PARAM_REQ, reason);
}

/* ---- What the peer sends ---- */

static void receive_update(struct air_link *link, struct reader *pdu)
{
    struct air_instant instant = {.procedure = AIR_PROCEDURE_UPDATE};
    instant.window = read_u8(pdu) * (uint32_t)AIR_UNIT_US;
    instant.shift = read_u16(pdu) * (uint32_t)AIR_UNIT_US;
    instant.parameters.interval = read_u16(pdu);
    instant.parameters.latency = read_u16(pdu);
    instant.parameters.timeout = read_u16(pdu);
    instant.event = read_u16(pdu);
    if (!instant_is_ahead(link, instant.event))
        return;
    link->instant = instant;
    if (link->running == AIR_PROCEDURE_UPDATE)
        air_stop(link->controller, &link->response);
}

static void receive_channel_map(struct air_link *link, struct reader *pdu)
{
    struct air_instant instant = {.procedure = AIR_PROCEDURE_CHANNEL_MAP};
    read_octets(pdu, instant.channel_map, sizeof instant.channel_map);
    instant.event = read_u16(pdu);
    if (instant_is_ahead(link, instant.event))
        link->instant = instant;
}

static void receive_terminate(struct air_link *link, struct reader *pdu)
{
    uint8_t reason = read_u8(pdu);
    link->terminated = reason ? reason : HCI_UNSPECIFIED_ERROR;
}

static void take_features(struct air_link *link, struct reader *pdu)
{
    read_octets(pdu, link->peer_features, sizeof link->peer_features);
    link->features_known = true;
}

static void receive_feature_request(struct air_link *link, struct reader *pdu)
{
    take_features(link, pdu);
    put_features(link, AIR_LL_FEATURE_RSP);
}

static void receive_feature_response(struct air_link *link, struct reader *pdu)
{
    take_features(link, pdu);
    if (ends_with(link, AIR_PROCEDURE_FEATURES))
        air_event_remote_features(link, HCI_SUCCESS);
}

static void receive_version(struct air_link *link, struct reader *pdu)
{
    link->peer_version = read_u8(pdu);
    link->peer_company = read_u16(pdu);
    link->peer_subversion = read_u16(pdu);
    link->version_known = true;
    if (!link->version_sent)
        put_version(link);
    if (ends_with(link, AIR_PROCEDURE_VERSION))
        air_event_remote_version(link, HCI_SUCCESS);
}

static uint16_t least_of(uint16_t a, uint16_t b)
{
    return a < b ? a : b;
}

static void take_lengths(struct air_link *link, struct reader *pdu)
{
    const struct air_lengths *local = &link->local;
    const struct air_lengths *remote = &link->remote;
    struct air_lengths before = link->effective;
    link->remote.receive_octets = read_u16(pdu);
    link->remote.receive_time = read_u16(pdu);
    link->remote.transmit_octets = read_u16(pdu);
    link->remote.transmit_time = read_u16(pdu);
    link->effective = (struct air_lengths){
        least_of(local->transmit_octets, remote->receive_octets), least_of(local->transmit_time, remote->receive_time),
        least_of(local->receive_octets, remote->transmit_octets), least_of(local->receive_time, remote->transmit_time)};
    if (memcmp(&before, &link->effective, sizeof before) != 0)
        air_event_data_length_change(link);
}

static void receive_length_request(struct air_link *link, struct reader *pdu)
{
    take_lengths(link, pdu);
    put_lengths(link, AIR_LL_LENGTH_RSP);
    /* The answer says all that a request of our own would. */
    link->wanted &= (uint16_t) ~(1u << AIR_PROCEDURE_LENGTH);
}

static void receive_length_response(struct air_link *link, struct reader *pdu)
{
    take_lengths(link, pdu);
    ends_with(link, AIR_PROCEDURE_LENGTH);
}

/* Of two procedures that exclude each other, the central's goes on: Vol 6 Part B, 5.3 */
static bool collides(struct air_link *link, uint8_t opcode, enum air_procedure procedure)
{
    enum air_procedure other = link->running;
    if (!procedures[other].has_instant)
        other = link->instant.procedure;
    if (other == AIR_PROCEDURE_NONE && link->answering_parameters)
        other = AIR_PROCEDURE_UPDATE;
    if (other == AIR_PROCEDURE_NONE)
        return false;
    put_reject(link, opcode, other == procedure ? HCI_LL_PROCEDURE_COLLISION : HCI_DIFFERENT_TRANSACTION_COLLISION);
    return true;
}

static void receive_phy_request(struct air_link *link, struct reader *pdu)
{
    uint8_t transmits = read_u8(pdu);
    uint8_t receives = read_u8(pdu);
    if (!link->central) {
        const uint8_t octets[] = {AIR_LL_PHY_RSP, link->wanted_transmit_phys, link->wanted_receive_phys};
        air_link_put_control(link, octets, sizeof octets);
    } else if (!collides(link, AIR_LL_PHY_REQ, AIR_PROCEDURE_PHY)) {
        announce_phy(link, transmits, receives);
    }
}

static void receive_phy_response(struct air_link *link, struct reader *pdu)
{
    uint8_t transmits = read_u8(pdu);
    uint8_t receives = read_u8(pdu);
    if (link->running != AIR_PROCEDURE_PHY)
        return;
    air_stop(link->controller, &link->response);
    announce_phy(link, transmits, receives);
}

static void receive_phy_update(struct air_link *link, struct reader *pdu)
{
    struct air_instant instant = {.procedure = AIR_PROCEDURE_PHY};
    instant.receive_phy = read_u8(pdu); /* central to peripheral comes first */
    instant.transmit_phy = read_u8(pdu);
    instant.event = read_u16(pdu);
    if (!instant.receive_phy && !instant.transmit_phy) {
        phy_now(link, &instant);
    } else if (instant_is_ahead(link, instant.event)) {
        link->instant = instant;
        if (link->running == AIR_PROCEDURE_PHY)
            air_stop(link->controller, &link->response);
    }
}

static void receive_parameter_request(struct air_link *link, struct reader *pdu)
{
    struct air_parameters wish;
    uint16_t interval_min = read_u16(pdu);
    wish.interval = read_u16(pdu);
    wish.latency = read_u16(pdu);
    wish.timeout = read_u16(pdu);
    if (collides(link, AIR_LL_CONNECTION_PARAM_REQ, AIR_PROCEDURE_UPDATE))
        return;
    if (!air_le_event_is_wanted(link->controller, HCI_LE_EVENT_REMOTE_CONNECTION_PARAMETER_REQUEST)) {
        put_reject(link, AIR_LL_CONNECTION_PARAM_REQ, HCI_UNSUPPORTED_REMOTE_FEATURE);
        return;
    }
    link->answering_parameters = true;
    air_event_parameter_request(link, interval_min, &wish);
}

/* What of ours has been refused. */
static void refused(struct air_link *link, uint8_t opcode, uint8_t reason)
{
    if (opcode == AIR_LL_ENC_REQ && link->running == AIR_PROCEDURE_ENCRYPTION) {
        air_encryption_refused(link, reason);
    } else if (opcode == AIR_LL_CONNECTION_PARAM_REQ) {
        if (ends_with(link, AIR_PROCEDURE_UPDATE))
            air_event_connection_update_complete(link, reason);
    } else if (opcode == AIR_LL_PHY_REQ) {
        if (ends_with(link, AIR_PROCEDURE_PHY))
            air_event_phy_update_complete(link, reason);
    } else if (opcode == AIR_LL_FEATURE_REQ || opcode == AIR_LL_PERIPHERAL_FEATURE_REQ) {
        if (ends_with(link, AIR_PROCEDURE_FEATURES))
            air_event_remote_features(link, reason);
    } else if (opcode == AIR_LL_LENGTH_REQ) {
        ends_with(link, AIR_PROCEDURE_LENGTH);
    } else if (opcode == AIR_LL_PING_REQ) {
        ends_with(link, AIR_PROCEDURE_PING);
    }
}

static void receive_reject(struct air_link *link, struct reader *pdu)
{
    uint8_t reason = read_u8(pdu);
    refused(link, AIR_LL_ENC_REQ, reason);
}

static void receive_reject_extended(struct air_link *link, struct reader *pdu)
{
    uint8_t opcode = read_u8(pdu);
    uint8_t reason = read_u8(pdu);
    refused(link, opcode, reason);
}

static void receive_unknown(struct air_link *link, struct reader *pdu)
{
    refused(link, read_u8(pdu), HCI_UNSUPPORTED_REMOTE_FEATURE);
}

static void receive_ping(struct air_link *link, struct reader *pdu)
{
    const uint8_t opcode = AIR_LL_PING_RSP;
    (void)pdu;
    air_link_put_control(link, &opcode, 1);
}

static void receive_ping_response(struct air_link *link, struct reader *pdu)
{
    (void)pdu;
    ends_with(link, AIR_PROCEDURE_PING);
}

enum { TO_CENTRAL = 1, TO_PERIPHERAL = 2, TO_BOTH = 3 };

static const struct {
    uint8_t length;
    uint8_t to;
    void (*receive)(struct air_link *link, struct reader *pdu);
} answers[] = {
    [AIR_LL_CONNECTION_UPDATE_IND] = {11, TO_PERIPHERAL, receive_update},
    [AIR_LL_CHANNEL_MAP_IND] = {7, TO_PERIPHERAL, receive_channel_map},
    [AIR_LL_TERMINATE_IND] = {1, TO_BOTH, receive_terminate},
    [AIR_LL_UNKNOWN_RSP] = {1, TO_BOTH, receive_unknown},
    [AIR_LL_FEATURE_REQ] = {8, TO_PERIPHERAL, receive_feature_request},
    [AIR_LL_FEATURE_RSP] = {8, TO_BOTH, receive_feature_response},
    [AIR_LL_VERSION_IND] = {5, TO_BOTH, receive_version},
    [AIR_LL_REJECT_IND] = {1, TO_BOTH, receive_reject},
    [AIR_LL_PERIPHERAL_FEATURE_REQ] = {8, TO_CENTRAL, receive_feature_request},
    [AIR_LL_CONNECTION_PARAM_REQ] = {23, TO_CENTRAL, receive_parameter_request},
    [AIR_LL_REJECT_EXT_IND] = {2, TO_BOTH, receive_reject_extended},
    [AIR_LL_PING_REQ] = {0, TO_BOTH, receive_ping},
    [AIR_LL_PING_RSP] = {0, TO_BOTH, receive_ping_response},
    [AIR_LL_LENGTH_REQ] = {8, TO_BOTH, receive_length_request},
    [AIR_LL_LENGTH_RSP] = {8, TO_BOTH, receive_length_response},
    [AIR_LL_PHY_REQ] = {2, TO_BOTH, receive_phy_request},
    [AIR_LL_PHY_RSP] = {2, TO_CENTRAL, receive_phy_response},
    [AIR_LL_PHY_UPDATE_IND] = {4, TO_PERIPHERAL, receive_phy_update},
};

static bool understands(const struct air_link *link, uint8_t opcode)
{
    const struct bluet_air_controller *controller = link->controller;
    switch (opcode) {
    case AIR_LL_CONNECTION_PARAM_REQ:
        return air_has_feature(controller, AIR_FEATURE_PARAMETERS);
    case AIR_LL_PERIPHERAL_FEATURE_REQ:
        return air_has_feature(controller, AIR_FEATURE_PERIPHERAL_FEATURES);
    case AIR_LL_PING_REQ:
        return air_has_feature(controller, AIR_FEATURE_PING);
    case AIR_LL_LENGTH_REQ:
        return air_has_feature(controller, AIR_FEATURE_LENGTH);
    case AIR_LL_PHY_REQ:
        return air_phys(controller) != AIR_PHY_1M;
    default:
        return true;
    }
}

BLUET_INTERNAL void air_control_receive(struct air_link *link, const uint8_t *octets, size_t length)
{
    struct reader pdu = reader_of(octets, length);
    uint8_t opcode = read_u8(&pdu);
    uint8_t role = link->central ? TO_CENTRAL : TO_PERIPHERAL;
    if (air_encryption_receive(link, opcode, &pdu))
        return;
    if (opcode < sizeof answers / sizeof *answers && answers[opcode].to & role && understands(link, opcode) &&
        reader_remaining(&pdu) >= answers[opcode].length) {
        answers[opcode].receive(link, &pdu);
        return;
    }
    const uint8_t unknown[] = {AIR_LL_UNKNOWN_RSP, opcode};
    if (opcode != AIR_LL_UNKNOWN_RSP)
        air_link_put_control(link, unknown, sizeof unknown);
}
