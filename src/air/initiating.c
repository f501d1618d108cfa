/* The initiator answers a connectable advertisement of the peer it looks for with CONNECT_IND. */
#include "air/initiating.h"

#include "air/receiver.h"

static bool is_looked_for(const struct bluet_air_controller *controller, const struct air_peer *peer)
{
    const struct air_initiator *initiator = &controller->initiator;
    if (initiator->filter_policy)
        return air_is_accepted(controller, peer);
    return (initiator->peer_type & AIR_RANDOM) == (peer->type & AIR_RANDOM) &&
           !memcmp(initiator->peer, peer->octets, 6);
}

static void request_sent(struct bluet_air_controller *controller)
{
    struct air_initiator *initiator = &controller->initiator;
    struct air_link *link = initiator->link;
    initiator->link = NULL;
    initiator->enabled = initiator->requesting = false;
    air_radio_give(controller, initiator);
    air_receiver_update(controller);
    air_connection_begin(link, &controller->transmission.connect, true, NULL);
}

static void request(struct bluet_air_controller *controller, const struct air_transmission *packet,
                    const struct air_address *own, const struct air_peer *peer)
{
    struct air_initiator *initiator = &controller->initiator;
    struct air_transmission *out = &controller->transmission;
    struct air_link *link = initiator->link;
    uint64_t start = air_now(controller) + AIR_INTER_FRAME_US;
    initiator->requesting = true;
    air_radio_take(controller, initiator);
    link->peer_type = peer->type;
    memcpy(link->peer_address, peer->octets, 6);
    memcpy(link->peer_rpa, peer->rpa, 6);
    if (initiator->own_type & AIR_IDENTITY && air_address_is_resolvable(own))
        memcpy(link->local_rpa, own->octets, 6);
    out->type = AIR_CONNECT_IND;
    out->channel = packet->channel;
    out->from = *own;
    out->to = packet->from;
    out->length = 0;
    air_connection_propose(controller, link, &out->connect, start + air_airtime(AIR_PHY_1M, 34));
    air_transmit(controller, start, request_sent);
}

BLUET_INTERNAL void air_initiating_hear(struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    struct air_initiator *initiator = &controller->initiator;
    struct air_peer peer;
    if (packet->type != AIR_ADV_IND && packet->type != AIR_ADV_DIRECT_IND)
        return;
    if (!air_radio_is_free(controller) || !air_recognise(controller, &peer, &packet->from) ||
        !is_looked_for(controller, &peer))
        return;
    struct air_address own = air_own_address(controller, initiator->own_type, peer.type, peer.octets);
    if (packet->type == AIR_ADV_DIRECT_IND && !air_is_own_address(controller, &own, &packet->to))
        return;
    request(controller, packet, &own, &peer);
}

BLUET_INTERNAL uint8_t air_initiating_start(struct bluet_air_controller *controller)
{
    struct air_initiator *initiator = &controller->initiator;
    if (!air_own_address_is_known(controller, initiator->own_type))
        return HCI_INVALID_COMMAND_PARAMETERS;
    if (controller->link_count >= AIR_LINKS_MOST)
        return HCI_CONNECTION_LIMIT_EXCEEDED;
    initiator->link = air_link_create(controller);
    if (!initiator->link)
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    initiator->window.start = air_now(controller);
    initiator->enabled = true;
    initiator->requesting = false;
    air_receiver_update(controller);
    return HCI_SUCCESS;
}

BLUET_INTERNAL bool air_initiating_stop(struct bluet_air_controller *controller)
{
    struct air_initiator *initiator = &controller->initiator;
    if (!initiator->enabled || initiator->requesting)
        return false;
    initiator->enabled = false;
    air_link_destroy(initiator->link);
    initiator->link = NULL;
    air_receiver_update(controller);
    return true;
}
