/* Hands what is heard on the advertising channels to the initiator and the scanner. */
#include "air/receiver.h"

#include "air/initiating.h"
#include "air/scanning.h"

/* Whether the window is open at `at`; on which channel, and until when it stays as it is. */
static bool window_at(const struct air_window *window, uint64_t at, uint8_t *out_channel, uint64_t *out_until)
{
    if (at < window->start) {
        *out_until = window->start;
        return false;
    }
    uint64_t number = (at - window->start) / window->interval;
    uint64_t begin = window->start + number * window->interval;
    *out_channel = (uint8_t)(AIR_CHANNEL_FIRST + number % AIR_CHANNEL_COUNT);
    bool open = at - begin < window->length;
    *out_until = begin + (open ? window->length : window->interval);
    return open;
}

/* Whether the radio listened on the packet's channel from its begin to its end. */
static bool was_tuned(const struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    uint8_t channel = 0;
    uint64_t until = AIR_NEVER;
    if (controller->initiator.enabled) {
        bool open = window_at(&controller->initiator.window, packet->start, &channel, &until);
        if (until < packet->end)
            return false;
        if (open)
            return channel == packet->channel;
    }
    if (!controller->scanner.enabled)
        return false;
    bool open = window_at(&controller->scanner.window, packet->start, &channel, &until);
    return open && until >= packet->end && channel == packet->channel;
}

static void hear(struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    if (controller->scanner.exchanging) {
        air_scanning_hear_response(controller, packet);
        return;
    }
    bool advertises = packet->type <= AIR_ADV_NONCONN_IND || packet->type == AIR_ADV_SCAN_IND;
    if (!advertises || !air_radio_was_free(controller, packet->start) || !was_tuned(controller, packet) ||
        !air_received(packet, controller))
        return;
    controller->packets_received++;
    if (controller->initiator.enabled)
        air_initiating_hear(controller, packet);
    if (controller->scanner.enabled)
        air_scanning_hear(controller, packet);
}

BLUET_INTERNAL void air_receiver_init(struct bluet_air_controller *controller)
{
    controller->receiver = (struct air_listener){.controller = controller, .hear = hear};
}

BLUET_INTERNAL void air_receiver_update(struct bluet_air_controller *controller)
{
    air_listen_stop(&controller->receiver);
    if (controller->scanner.enabled || controller->initiator.enabled)
        air_listen(&controller->receiver);
}
