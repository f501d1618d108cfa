/* Reports, the duplicate filter, the exchange of SCAN_REQ and SCAN_RSP with its backoff, and data in several packets.
 */
#include "air/scanning.h"

#include "air/receiver.h"
#include "air/schedule.h"

enum {
    UPPER_LIMIT_MOST = 256, /* 4.4.3.2 */
    IN_A_ROW = 2,
    SEEN_FIRST = 64
};

/* ---- Duplicates ---- */

/* Extended advertisements differ by their data identifier too: 4.4.3.5 */
static uint64_t seen_key(const struct air_report *report)
{
    uint64_t identifier = (uint64_t)report->set_identifier << 16 | report->data_identifier;
    uint64_t key = report->type & AIR_REPORT_LEGACY ? 0 : identifier * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t address = 1; /* never zero, which marks a free slot */
    address = address << 8 | report->type;
    address = address << 4 | (report->peer.type & 0x0f);
    for (size_t i = 0; i < 6; i++)
        address = address << 8 | report->peer.octets[i];
    key ^= address;
    return key ? key : 1;
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
    controller->hearing.requested = false;
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

static void request_sent(void *owner)
{
    struct bluet_air_controller *controller = owner;
    const struct air_transmission *request = &controller->transmission;
    air_wait_for_answer(&controller->wait, request->channel, request->phy);
}

/* `type`: of the answer. */
static void request(struct bluet_air_controller *controller, const struct air_transmission *packet,
                    const struct air_report *report, enum air_advertising_pdu type)
{
    struct air_scanner *scanner = &controller->scanner;
    struct air_hearing *hearing = &controller->hearing;
    uint64_t start = air_now(controller) + AIR_INTER_FRAME_US;
    uint64_t end = start + air_airtime(packet->phy, 12) + AIR_INTER_FRAME_US + air_airtime(packet->phy, 6 + 31);
    bool free = air_radio_is_free(controller) || controller->radio.user == &controller->wait;
    if (!free || air_schedule_next_event(controller, NULL) < end)
        return;
    if (scanner->backoff > 1) {
        scanner->backoff--;
        return;
    }
    *hearing = (struct air_hearing){.awaited = type, .requested = true, .from = packet->from, .report = *report};
    hearing->report.type |= AIR_REPORT_SCAN_RESPONSE;
    hearing->report.type &= (uint16_t) ~(type == AIR_AUX_SCAN_RSP ? AIR_REPORT_CONNECTABLE : 0);
    air_radio_take(controller, &controller->wait);
    struct air_address own = air_own_address(controller, scanner->own_type, report->peer.type, report->peer.octets);
    struct air_transmission *out = air_transmission(controller, AIR_SCAN_REQ, packet->channel, packet->phy);
    out->from = own;
    out->to = packet->from;
    air_transmit(controller, start, request_sent, controller);
}

/* ---- What is heard ---- */

static bool is_filtered(const struct bluet_air_controller *controller, const struct air_peer *peer)
{
    return controller->scanner.filter_policy & 1 && !air_is_accepted(controller, peer);
}

static uint16_t report_type(const struct air_transmission *packet)
{
    switch (packet->type) {
    case AIR_ADV_IND:
        return AIR_REPORT_LEGACY | AIR_REPORT_CONNECTABLE | AIR_REPORT_SCANNABLE;
    case AIR_ADV_DIRECT_IND:
        return AIR_REPORT_LEGACY | AIR_REPORT_CONNECTABLE | AIR_REPORT_DIRECTED;
    case AIR_ADV_SCAN_IND:
        return AIR_REPORT_LEGACY | AIR_REPORT_SCANNABLE;
    case AIR_ADV_NONCONN_IND:
        return AIR_REPORT_LEGACY;
    default:
        return (uint16_t)((packet->extended.connectable ? AIR_REPORT_CONNECTABLE : 0) |
                          (packet->extended.scannable ? AIR_REPORT_SCANNABLE : 0) |
                          (packet->extended.has_to ? AIR_REPORT_DIRECTED : 0));
    }
}

/* The parts that each packet may change. */
static void take_data(struct air_report *report, const struct air_transmission *packet,
                      const struct bluet_air_controller *receiver)
{
    report->rssi = air_rssi(packet->sender, receiver, packet->power);
    report->length = packet->type == AIR_ADV_DIRECT_IND ? 0 : packet->length;
    report->data = packet->data;
}

static struct air_report report_of(const struct bluet_air_controller *controller, const struct air_transmission *packet,
                                   const struct air_peer *peer, uint8_t primary_phy)
{
    const struct air_extended *extended = &packet->extended;
    bool legacy = packet->type < AIR_ADV_EXT_IND;
    struct air_report report = {
        .type = report_type(packet),
        .peer = *peer,
        .target = packet->to,
        .primary_phy = primary_phy,
        .secondary_phy = legacy ? 0 : packet->phy,
        .set_identifier = legacy ? AIR_NO_SET : extended->set_identifier,
        .data_identifier = extended->data_identifier,
        .power = extended->has_power ? extended->power : AIR_POWER_UNKNOWN,
        .periodic_interval = extended->synchronization.present ? extended->synchronization.interval : 0,
    };
    take_data(&report, packet, controller);
    return report;
}

/* One that is meant for another is not reported; nor is one to an address that nobody can tell, unless asked for. */
static bool concerns_us(struct bluet_air_controller *controller, struct air_report *report)
{
    if (!(report->type & AIR_REPORT_DIRECTED))
        return true;
    const struct air_scanner *scanner = &controller->scanner;
    struct air_address own = air_own_address(controller, scanner->own_type, report->peer.type, report->peer.octets);
    bool ours = air_is_own_address(controller, &own, &report->target);
    report->unclear = !ours;
    return ours || (scanner->filter_policy & 2 && air_address_is_resolvable(&report->target));
}

/* Tells the host, and awaits what there is more of. */
static void tell(struct bluet_air_controller *controller, const struct air_report *report,
                 const struct air_transmission *packet)
{
    struct air_hearing *hearing = &controller->hearing;
    const struct air_auxiliary *next = &packet->extended.auxiliary;
    bool more =
        packet->type > AIR_ADV_EXT_IND && next->present && air_schedule_next_event(controller, NULL) > next->latest;
    air_event_advertising_report(controller, report,
                                 !next->present ? AIR_DATA_COMPLETE
                                 : more         ? AIR_DATA_MORE
                                                : AIR_DATA_TRUNCATED);
    if (!more)
        return;
    *hearing = (struct air_hearing){.awaited = AIR_AUX_CHAIN_IND, .begun = true, .report = *report};
    air_wait_for(&controller->wait, next, 0);
}

BLUET_INTERNAL void air_scanning_hear(struct bluet_air_controller *controller, const struct air_transmission *packet,
                                      uint8_t primary_phy)
{
    bool extended = packet->type == AIR_AUX_ADV_IND;
    struct air_peer peer = {.type = AIR_ANONYMOUS};
    if ((!extended || packet->extended.has_from) && !air_recognise(controller, &peer, &packet->from))
        return;
    if (is_filtered(controller, &peer))
        return;
    struct air_report report = report_of(controller, packet, &peer, primary_phy);
    if (!concerns_us(controller, &report))
        return;
    if (!seen_before(controller, &report))
        tell(controller, &report, packet);
    unsigned which = primary_phy == AIR_PHY_CODED;
    if (controller->scanner.timing[which].active && report.type & AIR_REPORT_SCANNABLE)
        request(controller, packet, &report, extended ? AIR_AUX_SCAN_RSP : AIR_SCAN_RSP);
}

BLUET_INTERNAL void air_scanning_hear_part(struct bluet_air_controller *controller,
                                           const struct air_transmission *packet)
{
    struct air_hearing *hearing = &controller->hearing;
    struct air_report report = hearing->report;
    bool answer = hearing->requested;
    hearing->awaited = AIR_ADV_IND;
    controller->packets_received++;
    take_data(&report, packet, controller);
    if (answer)
        exchange_ended(controller, true);
    if (!answer || !seen_before(controller, &report))
        tell(controller, &report, packet);
}

BLUET_INTERNAL void air_scanning_miss(struct bluet_air_controller *controller)
{
    struct air_hearing *hearing = &controller->hearing;
    if (hearing->requested)
        exchange_ended(controller, false);
    if (hearing->begun) {
        hearing->report.length = 0;
        air_event_advertising_report(controller, &hearing->report, AIR_DATA_TRUNCATED);
    }
    hearing->awaited = AIR_ADV_IND;
}

/* ---- Life ---- */

BLUET_INTERNAL void air_windows_begin(const struct bluet_air_controller *controller, struct air_window *windows)
{
    windows[0].start = windows[1].start = air_now(controller);
    if (windows[0].length < windows[0].interval)
        windows[1].start += windows[0].length;
}

static void begin_windows(struct bluet_air_controller *controller)
{
    struct air_scanner *scanner = &controller->scanner;
    for (size_t i = 0; i < AIR_WINDOWS; i++)
        scanner->windows[i] = (struct air_window){.interval = scanner->timing[i].interval * (uint32_t)AIR_SLOT_US,
                                                  .length = scanner->timing[i].window * (uint32_t)AIR_SLOT_US};
    air_windows_begin(controller, scanner->windows);
}

/* The duration is over, or the pause until the next period: Vol 4 Part E, 7.8.65 */
static void timer_due(void *owner)
{
    struct bluet_air_controller *controller = owner;
    struct air_scanner *scanner = &controller->scanner;
    if (!scanner->period) {
        air_scanning_stop(controller);
        air_event_scan_timeout(controller);
        return;
    }
    scanner->paused = !scanner->paused;
    if (!scanner->paused) {
        seen_forget(controller);
        begin_windows(controller);
    }
    uint64_t wait = scanner->paused ? scanner->period - scanner->duration : scanner->duration;
    air_set(controller, &scanner->timer, air_now(controller) + wait);
}

BLUET_INTERNAL void air_scanning_init(struct bluet_air_controller *controller)
{
    struct air_scanner *scanner = &controller->scanner;
    memset(scanner, 0, sizeof *scanner);
    scanner->timing[0] = (struct air_scan_timing){0x0010, 0x0010, false}; /* the defaults of Vol 4 Part E, 7.8.10 */
    air_timer_init(&scanner->timer, timer_due, controller);
}

BLUET_INTERNAL uint8_t air_scanning_start(struct bluet_air_controller *controller, bool filter_duplicates,
                                          uint64_t duration, uint64_t period)
{
    struct air_scanner *scanner = &controller->scanner;
    bool active = scanner->timing[0].active || scanner->timing[1].active;
    if (active && !air_own_address_is_known(controller, scanner->own_type))
        return HCI_INVALID_COMMAND_PARAMETERS;
    seen_forget(controller);
    scanner->filter_duplicates = filter_duplicates;
    scanner->duration = duration;
    scanner->period = period;
    if (duration)
        air_set(controller, &scanner->timer, air_now(controller) + duration);
    else
        air_stop(controller, &scanner->timer);
    if (scanner->enabled && !scanner->paused)
        return HCI_SUCCESS;
    scanner->enabled = true;
    scanner->paused = false;
    begin_windows(controller);
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
    air_stop(controller, &scanner->timer);
    if (controller->radio.user == &controller->wait) {
        air_transmit_stop(controller);
        air_wait_stop(&controller->wait);
        air_radio_give(controller, &controller->wait);
        controller->hearing.awaited = AIR_ADV_IND;
    }
    air_receiver_update(controller);
}
