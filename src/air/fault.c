/* The list of rules, in the order in which they were made; each packet goes by all of them until one acts. */
#include "air/fault.h"

#include "air/channel.h"
#include "spec/reader.h"

struct air_fault {
    struct air_fault *next;
    struct bluet_air_fault rule;
    uint32_t number;
    uint64_t matched, acted;
};

/* A packet as the rules see it. */
struct sight {
    const struct bluet_air_controller *from, *to;
    bool advertising, central;
    uint8_t channel;
    const struct air_flight *flight; /* of a link */
};

static bool has_opcode(const struct bluet_air_fault *rule, struct reader *octets)
{
    if (!rule->has_opcode)
        return true;
    uint8_t opcode = read_u8(octets);
    return reader_ok(octets) && opcode == rule->opcode;
}

/* The basic header: Vol 3 Part A, 3.1 */
static bool matches_l2cap(const struct bluet_air_fault *rule, const struct air_flight *flight)
{
    if (flight->llid != AIR_LLID_START)
        return false;
    struct reader octets = reader_of(flight->octets, flight->length);
    read_u16(&octets);
    uint16_t cid = read_u16(&octets);
    return (!rule->cid || rule->cid == cid) && reader_ok(&octets) && has_opcode(rule, &octets);
}

static bool matches_packet(const struct bluet_air_fault *rule, const struct sight *sight)
{
    if (rule->packet == BLUET_AIR_EVERYTHING)
        return true;
    if (sight->advertising || rule->packet == BLUET_AIR_ADVERTISING)
        return sight->advertising && rule->packet == BLUET_AIR_ADVERTISING;
    const struct air_flight *flight = sight->flight;
    if (!flight->length)
        return false;
    if (rule->packet == BLUET_AIR_L2CAP)
        return matches_l2cap(rule, flight);
    if (rule->packet == BLUET_AIR_ANY)
        return true;
    struct reader octets = reader_of(flight->octets, flight->length);
    return flight->llid == AIR_LLID_CONTROL && has_opcode(rule, &octets);
}

static bool matches_sender(const struct bluet_air_fault *rule, const struct sight *sight)
{
    if ((rule->from && rule->from != sight->from) || (rule->to && rule->to != sight->to))
        return false;
    if (rule->from_central == rule->from_peripheral)
        return true;
    return !sight->advertising && rule->from_central == sight->central;
}

/* Whether the rule acts on it. Rules that lose, and others, are asked at different times. */
static bool acts(struct bluet_air *air, struct air_fault *fault, const struct sight *sight)
{
    const struct bluet_air_fault *rule = &fault->rule;
    uint64_t now = air->clock.now;
    if (now < rule->begin || (rule->end && now >= rule->end) ||
        (rule->channels && !(rule->channels >> sight->channel & 1)) || !matches_sender(rule, sight) ||
        !matches_packet(rule, sight))
        return false;
    fault->matched++;
    if (rule->nth && fault->matched != rule->nth)
        return false;
    if (rule->probability > 0 && !air_random_chance(&air->faults_random, rule->probability))
        return false;
    fault->acted++;
    air->acted = fault;
    return true;
}

static struct sight see(const struct air_link *from)
{
    return (struct sight){
        .from = from->controller,
        .to = from->peer ? from->peer->controller : NULL,
        .central = from->central,
        .channel = air_channel(from->access_address, from->channel_map, from->event_counter),
        .flight = &from->flight,
    };
}

static bool loses(struct bluet_air *air, const struct sight *sight)
{
    bool lost = false;
    for (struct air_fault *fault = air->faults; fault && !lost; fault = fault->next)
        lost = fault->rule.action == BLUET_AIR_LOSE && acts(air, fault, sight);
    return lost;
}

BLUET_INTERNAL bool air_fault_loses(const struct air_link *from)
{
    struct bluet_air *air = from->controller->air;
    if (!air->faults)
        return false;
    struct sight sight = see(from);
    return loses(air, &sight);
}

BLUET_INTERNAL bool air_fault_loses_advertising(const struct air_transmission *packet,
                                                const struct bluet_air_controller *to)
{
    struct bluet_air *air = packet->sender->air;
    if (!air->faults)
        return false;
    const struct sight sight = {.from = packet->sender, .to = to, .advertising = true, .channel = packet->channel};
    return loses(air, &sight);
}

BLUET_INTERNAL void air_fault_judge(struct air_link *from)
{
    struct bluet_air *air = from->controller->air;
    struct air_flight *flight = &from->flight;
    bool continues = flight->length && flight->llid == AIR_LLID_CONTINUE && from->dropping;
    flight->fault = continues ? BLUET_AIR_DROP : 0;
    if (flight->llid == AIR_LLID_START)
        from->dropping = false;
    if (!air->faults || continues)
        return;
    struct sight sight = see(from);
    struct air_fault *fault = air->faults;
    while (fault && (fault->rule.action == BLUET_AIR_LOSE || !acts(air, fault, &sight)))
        fault = fault->next;
    if (!fault)
        return;
    flight->fault = (uint8_t)fault->rule.action;
    flight->fault_number = fault->number;
    flight->fault_end = fault->rule.delay ? air->clock.now + fault->rule.delay : AIR_NEVER;
    flight->fault_offset = fault->rule.offset;
    flight->fault_mask = fault->rule.mask ? fault->rule.mask : 0xff;
    if (flight->llid == AIR_LLID_START)
        from->dropping = flight->fault == BLUET_AIR_DROP;
}

static const struct air_fault *find(const struct bluet_air *air, uint32_t number)
{
    const struct air_fault *fault = air->faults;
    while (fault && fault->number != number)
        fault = fault->next;
    return fault;
}

BLUET_INTERNAL bool air_fault_withholds(const struct bluet_air *air, const struct air_flight *flight)
{
    return flight->fault == BLUET_AIR_WITHHOLD && air->clock.now < flight->fault_end && find(air, flight->fault_number);
}

BLUET_INTERNAL bool air_fault_acted(const struct bluet_air *air, struct bluet_air_observation *out)
{
    if (!air->acted)
        return false;
    out->fate = BLUET_AIR_FAULTY;
    out->fault = air->acted->number;
    out->action = air->acted->rule.action;
    return true;
}

static void remove_at(struct bluet_air *air, struct air_fault **at)
{
    struct air_fault *fault = *at;
    *at = fault->next;
    if (air->acted == fault)
        air->acted = NULL;
    air_memory_give(&air->memory, fault, sizeof *fault);
}

BLUET_INTERNAL void air_fault_forget(struct bluet_air *air, const struct bluet_air_controller *controller)
{
    struct air_fault **at = &air->faults;
    while (*at) {
        const struct bluet_air_fault *rule = &(*at)->rule;
        if (!controller || rule->from == controller || rule->to == controller)
            remove_at(air, at);
        else
            at = &(*at)->next;
    }
}

static bool is_valid(const struct bluet_air_fault *fault)
{
    bool only_lost = fault->packet == BLUET_AIR_ADVERTISING || fault->packet == BLUET_AIR_EVERYTHING;
    return (unsigned)fault->packet <= BLUET_AIR_EVERYTHING && fault->action >= BLUET_AIR_LOSE &&
           fault->action <= BLUET_AIR_CUT_AFTER && (!only_lost || fault->action == BLUET_AIR_LOSE) &&
           fault->probability >= 0 && fault->probability <= 1 && (!fault->end || fault->end > fault->begin) &&
           (!fault->cid || fault->packet == BLUET_AIR_L2CAP) &&
           (!fault->has_opcode || fault->packet == BLUET_AIR_L2CAP || fault->packet == BLUET_AIR_CONTROL);
}

int bluet_air_add_fault(struct bluet_air *air, uint32_t *out_number, const struct bluet_air_fault *fault)
{
    if (!air || !fault || !is_valid(fault))
        return BLUET_EINVAL;
    struct air_fault *added = air_memory_take(&air->memory, sizeof *added);
    if (!added)
        return BLUET_ENOMEM;
    added->rule = *fault;
    added->number = ++air->fault_number;
    struct air_fault **last = &air->faults;
    while (*last)
        last = &(*last)->next;
    *last = added;
    if (out_number)
        *out_number = added->number;
    return BLUET_OK;
}

int bluet_air_remove_fault(struct bluet_air *air, uint32_t number)
{
    struct air_fault **at = &air->faults;
    while (*at && (*at)->number != number)
        at = &(*at)->next;
    if (!*at)
        return BLUET_EINVAL;
    remove_at(air, at);
    return BLUET_OK;
}

int bluet_air_count_fault(const struct bluet_air *air, uint32_t number, uint64_t *out_matched, uint64_t *out_acted)
{
    const struct air_fault *fault = find(air, number);
    if (!fault)
        return BLUET_EINVAL;
    if (out_matched)
        *out_matched = fault->matched;
    if (out_acted)
        *out_acted = fault->acted;
    return BLUET_OK;
}
