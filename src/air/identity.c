/* Own addresses, and peers resolved to their identities. */
#include "air/identity.h"

BLUET_INTERNAL bool air_own_address_is_known(const struct bluet_air_controller *controller, uint8_t own_type)
{
    return own_type & AIR_RANDOM ? controller->random_address_set : !controller->config.no_public_address;
}

BLUET_INTERNAL struct air_address air_own_address(struct bluet_air_controller *controller, uint8_t own_type,
                                                  uint8_t peer_type, const uint8_t *peer)
{
    return air_address_of(controller, controller->random_address, own_type, peer_type, peer);
}

BLUET_INTERNAL struct air_address air_address_of(struct bluet_air_controller *controller, const uint8_t *random,
                                                 uint8_t own_type, uint8_t peer_type, const uint8_t *peer)
{
    struct air_address own = {own_type & AIR_RANDOM, {0}};
    memcpy(own.octets, own_type & AIR_RANDOM ? random : controller->public_address, 6);
    if (!(own_type & AIR_IDENTITY) || !peer)
        return own;
    struct air_resolving_entry *entry = air_resolving_find(&controller->lists, peer_type & AIR_RANDOM, peer);
    if (!entry)
        return own;
    air_rpa_refresh(&controller->lists, entry, &controller->random, air_now(controller));
    if (!air_octets_are_zero(entry->local_rpa, 6)) {
        own.type = AIR_RANDOM;
        memcpy(own.octets, entry->local_rpa, 6);
    }
    return own;
}

BLUET_INTERNAL bool air_is_own_address(struct bluet_air_controller *controller, const struct air_address *own,
                                       const struct air_address *address)
{
    if (air_address_equal(own, address))
        return true;
    struct air_lists *lists = &controller->lists;
    for (size_t i = 0; lists->resolution_enabled && i < lists->resolving_count; i++)
        if (air_rpa_matches(lists->resolving[i].local_irk, address))
            return true;
    return false;
}

BLUET_INTERNAL bool air_recognise(struct bluet_air_controller *controller, struct air_peer *out_peer,
                                  const struct air_address *address)
{
    struct air_lists *lists = &controller->lists;
    *out_peer = (struct air_peer){.type = address->type};
    memcpy(out_peer->octets, address->octets, 6);
    out_peer->entry = air_resolve(lists, address);
    if (out_peer->entry) {
        out_peer->type = out_peer->entry->identity.type | AIR_IDENTITY;
        memcpy(out_peer->octets, out_peer->entry->identity.octets, 6);
        memcpy(out_peer->rpa, address->octets, 6);
        return true;
    }
    out_peer->entry = air_resolving_find(lists, address->type, address->octets);
    return !out_peer->entry || !lists->resolution_enabled || out_peer->entry->device_privacy ||
           air_octets_are_zero(out_peer->entry->peer_irk, 16);
}

BLUET_INTERNAL bool air_is_accepted(const struct bluet_air_controller *controller, const struct air_peer *peer)
{
    return air_accept_list_holds(&controller->lists, peer->type & AIR_RANDOM, peer->octets);
}
