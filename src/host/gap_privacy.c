/*
 * A pause, and what is done in it: a command at a time, each when the last one has been answered.
 *
 *     IDLE -> AWAIT_QUIET -> SET_ADDRESS ... ENABLE -> IDLE
 *       \_____________________^                  \_-> AWAIT_ROOM -> IDLE
 *
 * If the application has begun something in between, the controller refuses: all is tried again, a moment later.
 */
#include "host/gap_privacy.h"

#include "host/gap_address.h"
#include "host/gap_advertise.h"
#include "host/gap_connect.h"
#include "host/gap_scan.h"
#include "host/sm_keys.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { RESOLVING_ENTRY_LENGTH = 39, DEVICE_PRIVACY = 1, REFUSALS_MOST = 6 };

static const uint32_t refused_retry_us = 10000; /* after the first refusal; doubles each time */

/* ---- What is due ---- */

/* The first bond from that place on that has a key to resolve with; there may be none. */
static uint8_t next_with_irk(const struct sm_bonds *bonds, uint8_t from)
{
    while (from < bonds->limit && !sm_has_irk(&bonds->bonds[from]))
        from++;
    return from;
}

static void look_at_list(struct gap *gap)
{
    struct gap_privacy *privacy = &gap->privacy;
    if (gap_privacy_list_is_right(gap))
        return;
    privacy->list_due = privacy->enabled || next_with_irk(gap->bonds, 0) < gap->bonds->limit;
    gap->list_changes = gap->bonds->changes;
    gap->resolver.offloaded = false;
}

BLUET_INTERNAL uint64_t gap_privacy_deadline(const struct gap *gap)
{
    const struct gap_privacy *privacy = &gap->privacy;
    if (!gap_privacy_is_due(gap))
        return gap->started ? gap_address_deadline(gap) : BLUET_NEVER;
    bool waits = privacy->state == GAP_PRIVACY_IDLE || privacy->state == GAP_PRIVACY_AWAIT_ROOM;
    return waits && !gap_connect_is_changing(gap) ? gap->privacy_retry : BLUET_NEVER;
}

BLUET_INTERNAL void gap_privacy_expire(struct gap *gap)
{
    if (gap->started && gap_address_deadline(gap) <= gap->hci->now)
        gap->privacy.address_due = true;
}

/* ---- The pause ---- */

/* Whether there was room. */
static bool run(struct gap *gap, struct gap_activity *activity, uint16_t opcode, hci_done resumed)
{
    struct hci_command command = {.done = resumed, .context = gap};
    if (activity->state == GAP_OFF || activity->paused == !resumed)
        return true;
    if (!gap_enable(gap, &command, opcode, resumed))
        return false;
    activity->paused = !resumed;
    activity->resuming = resumed;
    return true;
}

/* Pauses all that runs, or lets it go on. Whether there was room. */
static bool run_all(struct gap *gap, bool on)
{
    bool done = run(gap, &gap->advertising, HCI_LE_SET_ADVERTISING_ENABLE, on ? gap_advertise_resumed : NULL);
#if BLUET_HAS_CENTRAL
    done = done && run(gap, &gap->scanning, HCI_LE_SET_SCAN_ENABLE, on ? gap_scan_resumed : NULL);
#endif
    return done;
}

static void end_pause(struct gap *gap)
{
    bool resumed = run_all(gap, true);
    gap->privacy.state = resumed ? GAP_PRIVACY_IDLE : GAP_PRIVACY_AWAIT_ROOM;
    if (!resumed)
        gap->privacy_retry = gap->hci->now + refused_retry_us;
    else if (BLUET_HAS_CENTRAL)
        gap_connect_release(gap);
}

/* ---- The work ---- */

static void forget_listed(struct gap *gap, uint8_t from)
{
    for (uint8_t i = from; i < gap->bonds->limit; i++)
        gap->bonds->bonds[i].listed = false;
}

/* Somebody has to resolve. */
static void refuse_list(struct gap *gap)
{
    gap->privacy.list_refused = true;
    gap->resolver.offloaded = false;
    gap->privacy.list_due = gap->privacy.enabled = false;
    forget_listed(gap, 0);
}

static void try_again_later(struct gap *gap)
{
    struct gap_privacy *privacy = &gap->privacy;
    gap->privacy_retry = gap->hci->now + (refused_retry_us << privacy->refusals);
    if (privacy->refusals++ >= REFUSALS_MOST) {
        privacy->refusals = 0;
        if (privacy->address_due)
            gap->address.since = gap->hci->now;
        privacy->address_due = false;
        if (privacy->list_due)
            refuse_list(gap);
    }
    end_pause(gap);
}

/* After a step that went well, or that one can do without. */
static void step_done(struct gap *gap, bool good)
{
    struct gap_privacy *privacy = &gap->privacy;
    uint8_t step = privacy->state++;
    if (step == GAP_PRIVACY_SET_ADDRESS) {
        privacy->address_due = false;
        gap->address.since = gap->hci->now;
        if (good)
            memcpy(gap->address.random_octets, gap->address.rotated_octets, sizeof gap->address.random_octets);
    } else if (step == GAP_PRIVACY_ADD) { /* a bond that the list does not take is resolved here */
        gap->bonds->bonds[privacy->next].listed = true;
        privacy->list_full = !good;
        if (!good) {
            forget_listed(gap, privacy->next);
            privacy->state = GAP_PRIVACY_ADD;
        }
    } else if (!good && step != GAP_PRIVACY_SET_TIMEOUT) {
        refuse_list(gap);
    } else if (step == GAP_PRIVACY_SET_MODE) {
        privacy->next++;
        privacy->state = GAP_PRIVACY_ADD;
    } else if (step == GAP_PRIVACY_ENABLE) {
        privacy->list_due = false;
        privacy->enabled = true;
        gap->resolver.offloaded = !privacy->list_full && gap->list_changes == gap->bonds->changes;
    }
}

static void begin_list(struct gap_privacy *privacy, enum gap_privacy_state state)
{
    privacy->state = (uint8_t)state;
    privacy->next = 0;
    privacy->list_full = false;
}

/* Passes over what need not be done. */
static void find_step(struct gap *gap)
{
    struct gap_privacy *privacy = &gap->privacy;
    if (privacy->state == GAP_PRIVACY_SET_ADDRESS &&
        (!privacy->address_due || !gap_address_is_private(gap) || !gap_address_renew(gap))) {
        privacy->address_due = false;
        privacy->state = GAP_PRIVACY_DISABLE;
    }
    if (privacy->state == GAP_PRIVACY_DISABLE && !privacy->enabled)
        privacy->state = GAP_PRIVACY_CLEAR;
    if (privacy->state == GAP_PRIVACY_ADD) {
        privacy->next = next_with_irk(gap->bonds, privacy->next);
        if (privacy->list_full || privacy->next == gap->bonds->limit)
            privacy->state = GAP_PRIVACY_SET_TIMEOUT;
    }
    if (privacy->state > GAP_PRIVACY_SET_ADDRESS && !privacy->list_due)
        privacy->state = GAP_PRIVACY_END;
}

/* The parameters of the present step. */
static void write_step(const struct gap *gap, struct writer *writer)
{
    const struct gap_privacy *privacy = &gap->privacy;
    const struct sm_bond *bond = &gap->bonds->bonds[privacy->next];
    switch (privacy->state) {
    case GAP_PRIVACY_SET_ADDRESS:
        write_reversed(writer, gap->address.rotated_octets, sizeof gap->address.rotated_octets);
        return;
    case GAP_PRIVACY_CLEAR:
        return;
    case GAP_PRIVACY_ADD:
        gap_write_address(writer, &bond->peer);
        write_reversed(writer, bond->irk, sizeof bond->irk);
        if (privacy->local)
            write_reversed(writer, gap->bonds->irk, sizeof gap->bonds->irk);
        else
            write_zeros(writer, sizeof gap->bonds->irk);
        return;
    case GAP_PRIVACY_SET_MODE:
        gap_write_address(writer, &bond->peer);
        write_u8(writer, DEVICE_PRIVACY);
        return;
    case GAP_PRIVACY_SET_TIMEOUT:
        write_u16(writer, gap->address.timeout_s);
        return;
    default: /* on or off */
        write_u8(writer, privacy->state == GAP_PRIVACY_ENABLE);
        return;
    }
}

static void work_done(void *context, const struct hci_result *result);

static void work(struct gap *gap)
{
    static const uint16_t opcodes[] = {HCI_LE_SET_RANDOM_ADDRESS,
                                       HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE,
                                       HCI_LE_CLEAR_RESOLVING_LIST,
                                       HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST,
                                       HCI_LE_SET_PRIVACY_MODE,
                                       HCI_LE_SET_RESOLVABLE_PRIVATE_ADDRESS_TIMEOUT,
                                       HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE};
    find_step(gap);
    if (gap->privacy.state == GAP_PRIVACY_END) {
        gap->privacy.refusals = 0;
        end_pause(gap);
        return;
    }
    uint8_t octets[RESOLVING_ENTRY_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    write_step(gap, &writer);
    const struct hci_command command = {
        .opcode = opcodes[gap->privacy.state - GAP_PRIVACY_SET_ADDRESS], .done = work_done, .context = gap};
    if (!hci_request(gap->hci, &command, octets, writer.length))
        try_again_later(gap);
    crypto_wipe(octets, sizeof octets);
}

static void work_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    struct gap_privacy *privacy = &gap->privacy;
    bool adding = privacy->state == GAP_PRIVACY_ADD || privacy->state == GAP_PRIVACY_SET_MODE;
    if (privacy->state < GAP_PRIVACY_SET_ADDRESS)
        return;
    if (result->status == HCI_COMMAND_DISALLOWED) {
        try_again_later(gap);
        return;
    }
    if (adding && gap->list_changes != gap->bonds->changes) {
        /* A bond has come or gone, perhaps in the place of the one that is being added: from the start. */
        gap->list_changes = gap->bonds->changes;
        begin_list(privacy, GAP_PRIVACY_CLEAR);
    } else {
        step_done(gap, result->status == HCI_SUCCESS);
    }
    work(gap);
}

/* ---- The beginning ---- */

static void begin_work(struct gap *gap)
{
    begin_list(&gap->privacy, GAP_PRIVACY_SET_ADDRESS);
    gap->privacy.local = gap->address.mode == BLUET_ADDRESS_MODE_RPA;
    if (run_all(gap, false))
        work(gap);
    else
        try_again_later(gap);
}

static void begin_pause(struct gap *gap)
{
    if (gap_connect_is_changing(gap))
        return; /* the answer to that brings us here again */
    if (BLUET_HAS_CENTRAL && !gap_connect_hold(gap))
        try_again_later(gap);
    else if (gap_connect_is_changing(gap))
        gap->privacy.state = GAP_PRIVACY_AWAIT_QUIET;
    else
        begin_work(gap);
}

BLUET_INTERNAL void gap_privacy_settle(struct gap *gap)
{
    struct gap_privacy *privacy = &gap->privacy;
    if (privacy->state == GAP_PRIVACY_IDLE)
        look_at_list(gap);
    if (privacy->state == GAP_PRIVACY_AWAIT_QUIET && !gap_connect_is_changing(gap))
        begin_work(gap);
    if (gap->privacy_retry > gap->hci->now)
        return;
    if (privacy->state == GAP_PRIVACY_AWAIT_ROOM)
        end_pause(gap);
    if (privacy->state == GAP_PRIVACY_IDLE && (privacy->address_due || privacy->list_due))
        begin_pause(gap);
}

BLUET_INTERNAL int gap_privacy_set_timeout(struct gap *gap, uint16_t seconds)
{
    if (seconds == 0 || seconds > GAP_ADDRESS_TIMEOUT_MOST_S)
        return BLUET_EINVAL;
    gap->address.timeout_s = seconds;
    gap->privacy.list_due = gap->privacy.list_due || gap->privacy.enabled;
    return BLUET_OK;
}
