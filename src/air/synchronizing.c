/* A train is found by an advertisement that tells of it; it is there once a packet of it has been heard. */
#include "air/synchronizing.h"

#include "air/channel.h"

enum { ATTEMPTS_MOST = 6, WIDENING_US = 30, HANDLE_LAST = 0x0eff };

static void next_event(struct air_sync *sync, unsigned events)
{
    struct bluet_air_controller *controller = sync->controller;
    struct air_synchronization *train = &sync->train;
    do {
        train->event = (uint16_t)(train->event + events);
        train->start += (uint64_t)events * train->interval * (uint64_t)AIR_UNIT_US;
        events = 1;
    } while (train->start < air_now(controller));
    sync->begun = false;
    air_set(controller, &sync->timer, train->start);
    air_radio_give(controller, sync);
}

static void lost(struct air_sync *sync)
{
    air_event_sync_lost(sync);
    air_sync_drop(sync);
}

/* Nothing was heard of this event. */
static void pass_event(struct air_sync *sync)
{
    uint64_t now = air_now(sync->controller);
    if (!sync->established && ++sync->attempts == ATTEMPTS_MOST) {
        air_event_sync_established(sync->controller, sync, HCI_CONNECTION_FAILED_TO_BE_ESTABLISHED);
        air_sync_drop(sync);
    } else if (sync->established && now - sync->last_heard >= sync->timeout) {
        lost(sync);
    } else {
        next_event(sync, 1);
    }
}

static void got(void *owner, const struct air_transmission *packet)
{
    struct air_sync *sync = owner;
    struct bluet_air_controller *controller = sync->controller;
    const struct air_auxiliary *next = &packet->extended.auxiliary;
    air_wait_stop(&sync->wait);
    controller->packets_received++;
    sync->last_heard = air_now(controller);
    if (!sync->established)
        air_event_sync_established(controller, sync, HCI_SUCCESS);
    sync->established = true;
    if (!sync->silent)
        air_event_periodic_report(sync, packet, next->present ? AIR_DATA_MORE : AIR_DATA_COMPLETE);
    sync->begun = next->present;
    if (next->present)
        air_wait_for(&sync->wait, next, sync->train.access_address);
    else
        next_event(sync, sync->skip + 1u);
}

static void missed(void *owner)
{
    struct air_sync *sync = owner;
    if (!sync->begun) {
        pass_event(sync);
        return;
    }
    if (!sync->silent)
        air_event_periodic_report(sync, NULL, AIR_DATA_TRUNCATED);
    next_event(sync, sync->skip + 1u);
}

static void timer_due(void *owner)
{
    struct air_sync *sync = owner;
    struct bluet_air_controller *controller = sync->controller;
    const struct air_synchronization *train = &sync->train;
    if (!air_radio_is_free(controller)) {
        pass_event(sync);
        return;
    }
    air_radio_take(controller, sync);
    const struct air_auxiliary where = {
        .channel = air_channel(train->access_address, train->channel_map, train->event),
        .phy = sync->phy,
        .start = train->start,
        .latest = train->start + WIDENING_US,
    };
    air_wait_for(&sync->wait, &where, train->access_address);
}

static bool is_wanted(const struct bluet_air_controller *controller, const struct air_peer *peer, uint8_t identifier)
{
    const struct air_synchronizer *synchronizer = &controller->synchronizer;
    const struct air_periodic_advertiser *wanted = synchronizer->uses_list ? synchronizer->list : &synchronizer->wanted;
    size_t count = synchronizer->uses_list ? synchronizer->list_count : 1;
    for (size_t i = 0; i < count; i++)
        if (wanted[i].set_identifier == identifier && wanted[i].address.type == (peer->type & AIR_RANDOM) &&
            !memcmp(wanted[i].address.octets, peer->octets, 6))
            return true;
    return false;
}

static bool is_followed(const struct bluet_air_controller *controller, uint32_t access_address)
{
    const struct air_sync *sync = controller->synchronizer.syncs;
    while (sync && sync->train.access_address != access_address)
        sync = sync->next;
    return sync;
}

static uint16_t take_handle(struct bluet_air_controller *controller)
{
    struct air_synchronizer *synchronizer = &controller->synchronizer;
    uint16_t handle;
    do {
        handle = synchronizer->next_handle;
        synchronizer->next_handle = (uint16_t)(handle == HANDLE_LAST ? 0 : handle + 1);
    } while (air_sync_find(controller, handle));
    return handle;
}

BLUET_INTERNAL void air_synchronizing_hear(struct bluet_air_controller *controller,
                                           const struct air_transmission *packet)
{
    struct air_synchronizer *synchronizer = &controller->synchronizer;
    const struct air_extended *extended = &packet->extended;
    struct air_peer peer;
    if (!synchronizer->pending || !controller->scanner.enabled || !extended->synchronization.present ||
        !extended->has_from || !air_recognise(controller, &peer, &packet->from) ||
        !is_wanted(controller, &peer, extended->set_identifier) ||
        is_followed(controller, extended->synchronization.access_address))
        return;
    struct air_sync *sync = synchronizer->pending;
    synchronizer->pending = NULL;
    sync->peer = peer;
    sync->handle = take_handle(controller);
    sync->set_identifier = extended->set_identifier;
    sync->phy = packet->phy;
    sync->train = extended->synchronization;
    sync->last_heard = air_now(controller);
    sync->next = synchronizer->syncs;
    synchronizer->syncs = sync;
    next_event(sync, 0);
}

BLUET_INTERNAL uint8_t air_synchronizing_start(struct bluet_air_controller *controller)
{
    struct bluet_air *air = controller->air;
    struct air_synchronizer *synchronizer = &controller->synchronizer;
    if (synchronizer->sync_count == AIR_SYNCS_MOST || !air_clock_reserve(&air->clock, AIR_SYNC_TIMERS))
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    struct air_sync *sync = air_memory_take(&air->memory, sizeof *sync);
    if (!sync) {
        air_clock_release(&air->clock, AIR_SYNC_TIMERS);
        return HCI_MEMORY_CAPACITY_EXCEEDED;
    }
    sync->controller = controller;
    sync->silent = synchronizer->silent;
    sync->skip = synchronizer->skip;
    sync->timeout = synchronizer->timeout * UINT64_C(10000);
    air_timer_init(&sync->timer, timer_due, sync);
    air_wait_init(&sync->wait, controller, got, missed, sync);
    synchronizer->pending = sync;
    synchronizer->sync_count++;
    return HCI_SUCCESS;
}

/* Also of one that has found its train, and has not yet heard it. */
BLUET_INTERNAL bool air_synchronizing_stop(struct bluet_air_controller *controller)
{
    struct air_sync *sync = controller->synchronizer.pending;
    if (!sync)
        for (sync = controller->synchronizer.syncs; sync && sync->established;)
            sync = sync->next;
    if (!sync)
        return false;
    air_sync_drop(sync);
    return true;
}

BLUET_INTERNAL struct air_sync *air_sync_find(const struct bluet_air_controller *controller, uint16_t handle)
{
    struct air_sync *sync = controller->synchronizer.syncs;
    while (sync && sync->handle != handle)
        sync = sync->next;
    return sync;
}

BLUET_INTERNAL void air_sync_drop(struct air_sync *sync)
{
    struct bluet_air_controller *controller = sync->controller;
    struct bluet_air *air = controller->air;
    struct air_synchronizer *synchronizer = &controller->synchronizer;
    if (synchronizer->pending == sync)
        synchronizer->pending = NULL;
    struct air_sync **at = &synchronizer->syncs;
    while (*at && *at != sync)
        at = &(*at)->next;
    if (*at)
        *at = sync->next;
    synchronizer->sync_count--;
    air_stop(controller, &sync->timer);
    air_wait_stop(&sync->wait);
    air_radio_give(controller, sync);
    air_memory_give(&air->memory, sync, sizeof *sync);
    air_clock_release(&air->clock, AIR_SYNC_TIMERS);
}
