/* The rules of schedule.h. */
#include "air/schedule.h"

enum {
    SHORTEST_PAIR_US = 2 * (80 + AIR_INTER_FRAME_US), /* two empty PDUs at 1 Mb/s */
    PATIENCE_US =
        10000, /* for which advertising lets connections go first: the longest gap between two PDUs of an event */
    OFFSETS_MOST = 256
};

/* The first anchor point not before now; changes that are pending are not foreseen. */
static uint64_t next_anchor(const struct air_link *link, uint64_t now)
{
    uint64_t interval = air_link_interval_us(link);
    uint64_t anchor = link->anchor;
    if (anchor >= now)
        return anchor;
    return anchor + (now - anchor + interval - 1) / interval * interval;
}

BLUET_INTERNAL uint64_t air_schedule_next_event(const struct bluet_air_controller *controller,
                                                const struct air_link *except)
{
    uint64_t now = air_now(controller);
    uint64_t next = AIR_NEVER;
    for (const struct air_link *link = controller->links; link; link = link->next) {
        uint64_t anchor = link == except ? AIR_NEVER : next_anchor(link, now);
        next = anchor < next ? anchor : next;
    }
    for (const struct air_advertiser *set = controller->advertisers; set; set = set->next)
        next = set->periodic.running && set->periodic.start < next ? set->periodic.start : next;
    for (const struct air_sync *sync = controller->synchronizer.syncs; sync; sync = sync->next)
        next = sync->train.start < next ? sync->train.start : next;
    return next;
}

BLUET_INTERNAL uint64_t air_schedule_next_advertising(const struct bluet_air_controller *controller)
{
    uint64_t next = AIR_NEVER;
    for (const struct air_advertiser *set = controller->advertisers; set; set = set->next)
        next = set->enabled && set->due < next ? set->due : next;
    return next;
}

static bool is_listening(const struct bluet_air_controller *controller)
{
    return controller->scanner.enabled || controller->initiator.enabled;
}

/* Whether the shortest events of all connections together take more than a quarter of the time. */
static bool is_crowded(const struct bluet_air_controller *controller)
{
    uint64_t parts_per_million = 0;
    for (const struct air_link *link = controller->links; link; link = link->next)
        parts_per_million += UINT64_C(1000000) * SHORTEST_PAIR_US / air_link_interval_us(link);
    return parts_per_million > 250000;
}

static bool gives_up(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    uint64_t silent = air_now(controller) - link->last_heard;
    bool may = !link->gave_up && link->established && silent < link->parameters.timeout * UINT64_C(2500);
    link->gave_up = may && is_listening(controller) && is_crowded(controller);
    return link->gave_up;
}

static bool advertising_insists(const struct bluet_air_controller *controller)
{
    for (const struct air_advertiser *set = controller->advertisers; set; set = set->next)
        if (set->enabled && set->phase == AIR_ADVERTISER_WAITING && set->due + PATIENCE_US < air_now(controller))
            return true;
    return false;
}

/* Whether another, which has waited longer, would be kept from its event. */
static bool gives_way(const struct air_link *link, uint64_t needed)
{
    uint64_t now = air_now(link->controller);
    for (const struct air_link *other = link->controller->links; other && !link->gave_way; other = other->next)
        if (other->last_turn < link->last_turn && next_anchor(other, now) - now < needed)
            return true;
    return false;
}

BLUET_INTERNAL bool air_schedule_may_begin(struct air_link *link, uint64_t needed)
{
    struct bluet_air_controller *controller = link->controller;
    if (!air_radio_is_free(controller) || advertising_insists(controller) || gives_up(link))
        return false;
    link->gave_way = gives_way(link, needed > SHORTEST_PAIR_US ? needed : SHORTEST_PAIR_US);
    if (link->gave_way)
        return false;
    link->last_turn = air_now(controller);
    return true;
}

BLUET_INTERNAL uint64_t air_schedule_limit(const struct air_link *link)
{
    const struct bluet_air_controller *controller = link->controller;
    uint64_t limit = link->anchor + air_link_interval_us(link);
    if (is_listening(controller))
        limit -= air_link_interval_us(link) / 2;
    uint64_t other = air_schedule_next_event(controller, link);
    limit = other < limit ? other : limit;
    uint64_t due = air_schedule_next_advertising(controller);
    return due < limit ? due : limit;
}

static size_t insert_sorted(uint32_t *offsets, size_t count, uint32_t offset)
{
    size_t i = count;
    if (count == OFFSETS_MOST)
        return count;
    for (; i > 0 && offsets[i - 1] > offset; i--)
        offsets[i] = offsets[i - 1];
    offsets[i] = offset;
    return count + 1;
}

BLUET_INTERNAL uint64_t air_schedule_place(const struct bluet_air_controller *controller, const struct air_link *except,
                                           uint64_t earliest, uint32_t interval)
{
    uint32_t offsets[OFFSETS_MOST];
    size_t count = 0;
    for (const struct air_link *link = controller->links; link; link = link->next) {
        if (link == except)
            continue;
        uint64_t first = next_anchor(link, earliest);
        uint32_t offset = (uint32_t)((first - earliest) % interval);
        do {
            count = insert_sorted(offsets, count, offset);
            offset += air_link_interval_us(link);
        } while (offset < interval);
    }
    if (!count)
        return earliest;

    uint32_t widest = 0;
    uint32_t middle = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t end = i + 1 < count ? offsets[i + 1] : offsets[0] + interval;
        if (end - offsets[i] > widest) {
            widest = end - offsets[i];
            middle = offsets[i] + widest / 2;
        }
    }
    return earliest + middle % interval;
}

BLUET_INTERNAL uint16_t air_schedule_interval(const struct bluet_air_controller *controller,
                                              const struct air_link *except, uint16_t least, uint16_t most)
{
    for (const struct air_link *link = controller->links; link; link = link->next)
        if (link != except && link->parameters.interval >= least && link->parameters.interval <= most)
            return link->parameters.interval;
    return most;
}
