/* Reports, the duplicate filter, and the exchange of SCAN_REQ and SCAN_RSP with its backoff. */
#include "air/scanning.h"

#include "air/receiver.h"
#include "air/schedule.h"

enum {
    REPORT_DIRECTED = 1,
    REPORT_SCAN_RESPONSE = 4,
    UPPER_LIMIT_MOST = 256, /* 4.4.3.2 */
    IN_A_ROW = 2,
    SEEN_FIRST = 64
};

/* ---- Duplicates ---- */

static uint64_t seen_key(const struct air_report *report)
{
    uint64_t key = 1; /* never zero, which marks a free slot */
    key = key << 8 | report->type;
    key = key << 4 | report->peer.type;
    for (size_t i = 0; i < 6; i++)
        key = key << 8 | report->peer.octets[i];
    return key;
}

/* The key's slot, or the free one where it belongs. */
static uint64_t *seen_slot(const struct air_seen *seen, uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    while (seen->slots[i % seen->capacity] && seen->slots[i % seen->capacity] != key)
        i++;
    return &seen->slots[i % seen->capacity];
}

static bool seen_grow(const struct air_memory *memory, struct air_seen *seen)
{
    struct air_seen larger = {NULL, seen->capacity ? seen->capacity * 2 : SEEN_FIRST, seen->count};
    larger.slots = air_memory_take(memory, larger.capacity * sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->slots[i])
            *seen_slot(&larger, seen->slots[i]) = seen->slots[i];
    air_memory_give(memory, seen->slots, seen->capacity * sizeof *seen->slots);
    *seen = larger;
    return true;
}

/* Where there is no memory to remember it, it counts as new: better twice than never. */
static bool seen_before(struct bluet_air_controller *controller, const struct air_report *report)
{
    struct air_seen *seen = &controller->scanner.seen;
    if (!controller->scanner.filter_duplicates)
        return false;
    if (seen->count * 2 >= seen->capacity && !seen_grow(&controller->air->memory, seen))
        return false;
    uint64_t key = seen_key(report);
    uint64_t *slot = seen_slot(seen, key);
    if (*slot)
        return true;
    *slot = key;
    seen->count++;
    return false;
}

static void seen_forget(struct bluet_air_controller *controller)
{
    struct air_seen *seen = &controller->scanner.seen;
    air_memory_give(&controller->air->memory, seen->slots, seen->capacity * sizeof *seen->slots);
    *seen = (struct air_seen){NULL, 0, 0};
}

/* ---- Exchange ---- */

static void choose_backoff(struct bluet_air_controller *controller)
{
    struct air_scanner *scanner = &controller->scanner;
    scanner->backoff = (uint16_t)(1 + air_random_below(&controller->random, scanner->upper_limit));
}

static void exchange_ended(struct bluet_air_controller *controller, bool success)
{
    struct air_scanner *scanner = &controller->scanner;
    scanner->exchanging = false;
    air_stop(controller, &scanner->timer);
    air_radio_give(controller, scanner);
    scanner->successes = success ? (uint8_t)(scanner->successes + 1) : 0;
    scanner->failures = success ? 0 : (uint8_t)(scanner->failures + 1);
    if (scanner->successes == IN_A_ROW) {
        scanner->successes = 0;
        scanner->upper_limit = scanner->upper_limit > 1 ? scanner->upper_limit / 2 : 1;
    } else if (scanner->failures == IN_A_ROW) {
        scanner->failures = 0;
        scanner->upper_limit =
            scanner->upper_limit < UPPER_LIMIT_MOST ? (uint16_t)(scanner->upper_limit * 2) : (uint16_t)UPPER_LIMIT_MOST;
    }
    choose_backoff(controller);
}

/* The answer should have begun by now. */
static void response_due(void *owner)
{
    struct bluet_air_controller *controller = owner;
    struct air_scanner *scanner = &controller->scanner;
    const struct air_transmission *packet = controller->air->on_air[scanner->channel - AIR_CHANNEL_FIRST];
    while (packet && packet->start != scanner->response_start)
        packet = packet->next;
    if (packet)
        air_set(controller, &scanner->timer, packet->end + 1);
    else
        exchange_ended(controller, false);
}

static void request_sent(struct bluet_air_controller *controller)
{
    struct air_scanner *scanner = &controller->scanner;
    scanner->response_start = air_now(controller) + AIR_INTER_FRAME_US;
    air_set(controller, &scanner->timer, scanner->response_start + AIR_DETECTION_US);
}

static void request(struct bluet_air_controller *controller, const struct air_transmission *packet,
                    const struct air_peer *peer)
{
    struct air_scanner *scanner = &controller->scanner;
    struct air_transmission *out = &controller->transmission;
    uint64_t start = air_now(controller) + AIR_INTER_FRAME_US;
    uint64_t end = start + air_airtime(AIR_PHY_1M, 12) + AIR_INTER_FRAME_US + air_airtime(AIR_PHY_1M, 6 + 31);
    if (!air_radio_is_free(controller) || air_schedule_next_event(controller, NULL) < end)
        return;
    if (scanner->backoff > 1) {
        scanner->backoff--;
        return;
    }
    scanner->exchanging = true;
    scanner->channel = packet->channel;
    scanner->asked = packet->from;
    scanner->response_start = AIR_NEVER;
    air_radio_take(controller, scanner);
    out->type = AIR_SCAN_REQ;
    out->channel = packet->channel;
    out->from = air_own_address(controller, scanner->own_type, peer->type, peer->octets);
    out->to = packet->from;
    out->length = 0;
    air_transmit(controller, start, request_sent);
}

/* ---- What is heard ---- */

static bool is_filtered(const struct bluet_air_controller *controller, const struct air_peer *peer)
{
    return controller->scanner.filter_policy & 1 && !air_is_accepted(controller, peer);
}

static uint8_t report_type(enum air_advertising_pdu type)
{
    switch (type) {
    case AIR_ADV_DIRECT_IND:
        return REPORT_DIRECTED;
    case AIR_ADV_SCAN_IND:
        return 2;
    case AIR_ADV_NONCONN_IND:
        return 3;
    case AIR_SCAN_RSP:
        return REPORT_SCAN_RESPONSE;
    default:
        return 0;
    }
}

static void report(struct bluet_air_controller *controller, const struct air_transmission *packet,
                   const struct air_peer *peer)
{
    struct air_report entry = {report_type(packet->type), *peer, air_rssi(packet->sender), packet->length,
                               packet->data};
    if (packet->type != AIR_ADV_DIRECT_IND) {
        if (!seen_before(controller, &entry))
            air_event_advertising_report(controller, &entry);
        return;
    }
    /* One that is meant for another is not reported; nor is one to an address that nobody can tell, unless asked for.
     */
    struct air_address own = air_own_address(controller, controller->scanner.own_type, peer->type, peer->octets);
    entry.length = 0;
    bool ours = air_is_own_address(controller, &own, &packet->to);
    bool unclear = controller->scanner.filter_policy & 2 && air_address_is_resolvable(&packet->to);
    if ((!ours && !unclear) || seen_before(controller, &entry))
        return;
    if (ours)
        air_event_advertising_report(controller, &entry);
    else
        air_event_directed_report(controller, &entry, &packet->to);
}

BLUET_INTERNAL void air_scanning_hear(struct bluet_air_controller *controller, const struct air_transmission *packet)
{
    struct air_peer peer;
    if (!air_recognise(controller, &peer, &packet->from) || is_filtered(controller, &peer))
        return;
    report(controller, packet, &peer);
    if (controller->scanner.active && (packet->type == AIR_ADV_IND || packet->type == AIR_ADV_SCAN_IND))
        request(controller, packet, &peer);
}

BLUET_INTERNAL void air_scanning_hear_response(struct bluet_air_controller *controller,
                                               const struct air_transmission *packet)
{
    struct air_scanner *scanner = &controller->scanner;
    struct air_peer peer;
    if (packet->start != scanner->response_start || packet->channel != scanner->channel ||
        packet->type != AIR_SCAN_RSP || !air_address_equal(&packet->from, &scanner->asked))
        return;
    bool whole = air_received(packet, controller);
    exchange_ended(controller, whole);
    if (!whole || !air_recognise(controller, &peer, &packet->from))
        return;
    controller->packets_received++;
    report(controller, packet, &peer);
}

/* ---- */

BLUET_INTERNAL void air_scanning_init(struct bluet_air_controller *controller)
{
    struct air_scanner *scanner = &controller->scanner;
    memset(scanner, 0, sizeof *scanner);
    scanner->interval = scanner->window_length = 0x0010; /* the defaults of Vol 4 Part E, 7.8.10 */
    air_timer_init(&scanner->timer, response_due, controller);
}

BLUET_INTERNAL uint8_t air_scanning_start(struct bluet_air_controller *controller, bool filter_duplicates)
{
    struct air_scanner *scanner = &controller->scanner;
    if (scanner->active && !air_own_address_is_known(controller, scanner->own_type))
        return HCI_INVALID_COMMAND_PARAMETERS;
    seen_forget(controller);
    scanner->filter_duplicates = filter_duplicates;
    if (scanner->enabled)
        return HCI_SUCCESS;
    scanner->enabled = true;
    scanner->window = (struct air_window){air_now(controller), scanner->interval * (uint32_t)AIR_SLOT_US,
                                          scanner->window_length * (uint32_t)AIR_SLOT_US};
    scanner->upper_limit = scanner->backoff = 1;
    scanner->successes = scanner->failures = 0;
    air_receiver_update(controller);
    return HCI_SUCCESS;
}

BLUET_INTERNAL void air_scanning_stop(struct bluet_air_controller *controller)
{
    struct air_scanner *scanner = &controller->scanner;
    if (!scanner->enabled)
        return;
    scanner->enabled = false;
    seen_forget(controller);
    if (scanner->exchanging) {
        scanner->exchanging = false;
        air_stop(controller, &scanner->timer);
        air_transmit_stop(controller);
        air_radio_give(controller, scanner);
    }
    air_receiver_update(controller);
}
