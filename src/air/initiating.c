/* The initiator answers a connectable advertisement of the peer it looks for with CONNECT_IND. */
#include "air/initiating.h"

#include "air/receiver.h"
#include "air/scanning.h"

static bool is_looked_for(const struct bluet_air_controller *controller, const struct air_peer *peer)
{
    const struct air_initiator *initiator = &controller->initiator;
    if (initiator->filter_policy)
        return air_is_accepted(controller, peer);
    return (initiator->peer_type & AIR_RANDOM) == (peer->type & AIR_RANDOM) &&
           !memcmp(initiator->peer, peer->octets, 6);
}

static void connected(struct bluet_air_controller *controller, struct air_link *peripheral)
{
    struct air_initiator *initiator = &controller->initiator;
    struct air_link *link = initiator->link;
    struct air_connect connect = controller->transmission.connect;
    initiator->link = NULL;
    initiator->enabled = initiator->requesting = false;
    air_radio_give(controller, initiator);
    air_receiver_update(controller);
    air_connection_begin(link, &connect, true, peripheral);
}

static void request_sent(void *owner)
{
    connected(owner, NULL);
}

/* The other has to answer, or it has not heard the request. */
static void auxiliary_request_sent(void *owner)
{
    struct bluet_air_controller *controller = owner;
    const struct air_transmission *request = &controller->transmission;
    controller->hearing = (struct air_hearing){.awaited = AIR_AUX_CONNECT_RSP, .requested = true, .from = request->to};
    air_wait_for_answer(&controller->wait, request->channel, request->phy);
}

BLUET_INTERNAL void air_initiating_answered(struct bluet_air_controller *controller,
                                            const struct air_transmission *packet)
{
    controller->hearing.awaited = AIR_ADV_IND;
    controller->hearing.requested = false;
    if (packet) {
        controller->packets_received++;
        connected(controller, packet->connect.peripheral);
        return;
    }
    controller->initiator.requesting = false;
    air_radio_give(controller, &controller->initiator);
}

static void request(struct bluet_air_controller *controller, const struct air_transmission *packet,
                    const struct air_address *own, const struct air_peer *peer)
{
    struct air_initiator *initiator = &controller->initiator;
    struct air_link *link = initiator->link;
    bool auxiliary = packet->type == AIR_AUX_ADV_IND;
    uint64_t start = air_now(controller) + AIR_INTER_FRAME_US;
    initiator->requesting = true;
    air_radio_take(controller, initiator);
    link->peer_type = peer->type;
    memcpy(link->peer_address, peer->octets, 6);
    memcpy(link->peer_rpa, peer->rpa, 6);
    if (initiator->own_type & AIR_IDENTITY && air_address_is_resolvable(own))
        memcpy(link->local_rpa, own->octets, 6);
    struct air_transmission *out = air_transmission(controller, AIR_CONNECT_IND, packet->channel, packet->phy);
    out->from = *own;
    out->to = packet->from;
    air_connection_propose(controller, link, &out->connect, start + air_transmission_us(out),
                           packet->phy & AIR_PHY_MASK, auxiliary);
    air_transmit(controller, start, auxiliary ? auxiliary_request_sent : request_sent, controller);
}

BLUET_INTERNAL void air_initiating_hear(struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    struct air_initiator *initiator = &controller->initiator;
    struct air_peer peer;
    bool auxiliary = packet->type == AIR_AUX_ADV_IND;
    bool directed = auxiliary ? packet->extended.has_to : packet->type == AIR_ADV_DIRECT_IND;
    bool connectable = auxiliary ? packet->extended.connectable : directed || packet->type == AIR_ADV_IND;
    bool free = air_radio_is_free(controller) || controller->radio.user == &controller->wait;
    if (!connectable || !free || !(initiator->phys & packet->phy))
        return;
    if (!air_recognise(controller, &peer, &packet->from) || !is_looked_for(controller, &peer))
        return;
    struct air_address own = air_own_address(controller, initiator->own_type, peer.type, peer.octets);
    if (directed && !air_is_own_address(controller, &own, &packet->to))
        return;
    request(controller, packet, &own, &peer);
}

BLUET_INTERNAL bool air_is_connected(const struct bluet_air_controller *controller, uint8_t type,
                                     const uint8_t octets[6])
{
    for (const struct air_link *link = controller->links; link; link = link->next)
        if ((link->peer_type & AIR_RANDOM) == (type & AIR_RANDOM) && !memcmp(link->peer_address, octets, 6))
            return true;
    return false;
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
    air_windows_begin(controller, initiator->windows);
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
