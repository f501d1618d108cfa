/* Hands what is heard on the advertising channels to the initiator, the scanner, and whoever looks for a train. */
#include "air/receiver.h"

#include "air/initiating.h"
#include "air/scanning.h"
#include "air/schedule.h"
#include "air/synchronizing.h"

/* Whether the window is open at `at`; on which channel, in which interval, and until when it stays as it is. */
static bool window_at(const struct air_window *window, uint64_t at, uint64_t *out_number, uint64_t *out_until)
{
    *out_number = 0;
    *out_until = window->length ? window->start : AIR_NEVER;
    if (!window->length || at < window->start)
        return false;
    *out_number = (at - window->start) / window->interval;
    uint64_t begin = window->start + *out_number * window->interval;
    bool open = at - begin < window->length;
    *out_until = begin + (open ? window->length : window->interval);
    return open;
}

/*
 * Whether the radio listened on the packet's channel from its begin to its end. Where the windows of both PHYs are open
 * they take turns, from one interval to the next. `out_busy`: it listened to something.
 */
static bool are_tuned(const struct air_window windows[AIR_WINDOWS], const struct air_transmission *packet,
                      bool *out_busy)
{
    unsigned which = packet->phy == AIR_PHY_1M ? 0 : 1;
    uint64_t number[AIR_WINDOWS];
    uint64_t until[AIR_WINDOWS];
    bool open[AIR_WINDOWS];
    for (unsigned i = 0; i < AIR_WINDOWS; i++)
        open[i] = window_at(&windows[i], packet->start, &number[i], &until[i]);
    *out_busy = open[0] || open[1] || until[0] < packet->end || until[1] < packet->end;
    if (open[0] && open[1] && number[0] % 2 != which)
        return false;
    return open[which] && until[which] >= packet->end &&
           packet->channel == AIR_CHANNEL_FIRST + number[which] % AIR_CHANNEL_COUNT;
}

static bool was_tuned(const struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    bool busy = false;
    bool tuned = controller->initiator.enabled && are_tuned(controller->initiator.windows, packet, &busy);
    if (tuned || busy || !controller->scanner.enabled || controller->scanner.paused)
        return tuned;
    return are_tuned(controller->scanner.windows, packet, &busy);
}

static void leave_radio(struct bluet_air_controller *controller)
{
    if (!controller->hearing.awaited)
        air_radio_give(controller, &controller->wait);
}

/* On to the auxiliary packet. Legacy commands know nothing of it. */
static void follow(struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    const struct air_auxiliary *where = &packet->extended.auxiliary;
    if (controller->family != AIR_FAMILY_EXTENDED || air_schedule_next_event(controller, NULL) <= where->latest)
        return;
    controller->hearing = (struct air_hearing){.awaited = AIR_AUX_ADV_IND, .report.primary_phy = packet->phy};
    air_radio_take(controller, &controller->wait);
    air_wait_for(&controller->wait, where, 0);
}

static void hear(void *owner, const struct air_transmission *packet)
{
    struct bluet_air_controller *controller = owner;
    bool advertises =
        packet->type <= AIR_ADV_NONCONN_IND || packet->type == AIR_ADV_SCAN_IND || packet->type == AIR_ADV_EXT_IND;
    if (!advertises || !air_radio_was_free(controller, packet->start) || !was_tuned(controller, packet) ||
        !air_received(packet, controller))
        return;
    controller->packets_received++;
    if (packet->type == AIR_ADV_EXT_IND) {
        follow(controller, packet);
        return;
    }
    if (controller->initiator.enabled)
        air_initiating_hear(controller, packet);
    if (controller->scanner.enabled)
        air_scanning_hear(controller, packet, packet->phy);
}

static void hear_auxiliary(struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    uint8_t primary_phy = controller->hearing.report.primary_phy;
    controller->hearing.awaited = AIR_ADV_IND;
    controller->packets_received++;
    air_synchronizing_hear(controller, packet);
    if (controller->initiator.enabled)
        air_initiating_hear(controller, packet);
    if (controller->scanner.enabled && !controller->initiator.requesting)
        air_scanning_hear(controller, packet, primary_phy);
}

static void got(void *owner, const struct air_transmission *packet)
{
    struct bluet_air_controller *controller = owner;
    const struct air_hearing *hearing = &controller->hearing;
    if (packet->type != hearing->awaited || (hearing->requested && !air_address_equal(&packet->from, &hearing->from)))
        return;
    air_wait_stop(&controller->wait);
    if (packet->type == AIR_AUX_ADV_IND)
        hear_auxiliary(controller, packet);
    else if (packet->type == AIR_AUX_CONNECT_RSP)
        air_initiating_answered(controller, packet);
    else
        air_scanning_hear_part(controller, packet);
    leave_radio(controller);
}

static void missed(void *owner)
{
    struct bluet_air_controller *controller = owner;
    if (controller->hearing.awaited == AIR_AUX_CONNECT_RSP)
        air_initiating_answered(controller, NULL);
    else
        air_scanning_miss(controller);
    leave_radio(controller);
}

BLUET_INTERNAL void air_receiver_init(struct bluet_air_controller *controller)
{
    controller->receiver = (struct air_listener){.controller = controller, .hear = hear, .owner = controller};
    air_wait_init(&controller->wait, controller, got, missed, controller);
}

BLUET_INTERNAL void air_receiver_update(struct bluet_air_controller *controller)
{
    air_listen_stop(&controller->receiver);
    if (controller->scanner.enabled || controller->initiator.enabled)
        air_listen(&controller->receiver);
}
