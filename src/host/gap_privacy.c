/*
 * A pause, and what is done in it: a command at a time, each when the last one has been answered.
 *
 *     IDLE -> AWAIT_QUIET -> WORKING -> IDLE
 *       \_____________________^  \_-> AWAIT_ROOM -> IDLE
 *
 * If the application has begun something in between, the controller refuses: all is tried again, a moment later.
 */
#include "host/gap_privacy.h"

#include "host/sm_keys.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { RESOLVING_ENTRY_LENGTH = 39, DEVICE_PRIVACY = 1, REFUSALS_MOST = 6 };

static const uint32_t refused_retry_us = 10000; /* after the first refusal; doubles each time */

static uint64_t now_of(const struct gap_privacy *privacy)
{
    return privacy->controller->hci->now;
}

static bool any_irk(const struct gap_privacy *privacy)
{
    for (uint8_t i = 0; i < privacy->bonds->limit; i++) {
        if (sm_has_irk(&privacy->bonds->bonds[i]))
            return true;
    }
    return false;
}

/* ---- What is due ---- */

static bool uses_resolvable(const struct gap_privacy *privacy)
{
    return privacy->address->mode == BLUET_ADDRESS_MODE_RPA;
}

/* Who is in the list, and whether our key is, are as they should be. */
static bool list_is_right(const struct gap_privacy *privacy)
{
    return privacy->list_refused || (privacy->changes == privacy->bonds->changes &&
                                     (!privacy->enabled || privacy->local == uses_resolvable(privacy)));
}

static void look_at_list(struct gap_privacy *privacy)
{
    if (list_is_right(privacy))
        return;
    privacy->list_due = privacy->enabled || any_irk(privacy);
    privacy->changes = privacy->bonds->changes;
    privacy->resolver->offloaded = false;
}

BLUET_INTERNAL uint64_t gap_privacy_deadline(const struct gap_privacy *privacy)
{
    bool idle = privacy->state == GAP_PRIVACY_IDLE;
    bool due = privacy->address_due || privacy->list_due || !list_is_right(privacy);
    if (!privacy->started || (!idle && privacy->state != GAP_PRIVACY_AWAIT_ROOM))
        return BLUET_NEVER;
    if (idle && !due)
        return gap_address_deadline(privacy->address);
    return gap_connect_is_changing(privacy->connect) ? BLUET_NEVER : privacy->retry;
}

BLUET_INTERNAL void gap_privacy_expire(struct gap_privacy *privacy)
{
    if (privacy->started && gap_address_deadline(privacy->address) <= now_of(privacy))
        privacy->address_due = true;
}

/* ---- The work ---- */

static void work(struct gap_privacy *privacy);

static void end_pause(struct gap_privacy *privacy)
{
    bool resumed = gap_advertise_resume(privacy->advertise) && (!BLUET_HAS_CENTRAL || gap_scan_resume(privacy->scan));
    privacy->state = resumed ? GAP_PRIVACY_IDLE : GAP_PRIVACY_AWAIT_ROOM;
    if (!resumed)
        privacy->retry = now_of(privacy) + refused_retry_us;
    else if (BLUET_HAS_CENTRAL)
        gap_connect_release(privacy->connect);
}

/* Somebody has to resolve. */
static void refuse_list(struct gap_privacy *privacy)
{
    privacy->list_refused = true;
    privacy->resolver->offloaded = false;
    privacy->list_due = privacy->enabled = false;
    for (uint8_t i = 0; i < privacy->bonds->limit; i++)
        privacy->bonds->bonds[i].listed = false;
}

static void try_again_later(struct gap_privacy *privacy)
{
    privacy->retry = now_of(privacy) + (refused_retry_us << privacy->refusals);
    if (privacy->refusals++ < REFUSALS_MOST) {
        end_pause(privacy);
        return;
    }
    privacy->refusals = 0;
    if (privacy->address_due)
        privacy->address->since = now_of(privacy);
    privacy->address_due = false;
    if (privacy->list_due)
        refuse_list(privacy);
    end_pause(privacy);
}

static void list_is_written(struct gap_privacy *privacy)
{
    privacy->list_due = false;
    privacy->enabled = true;
    privacy->resolver->offloaded = true;
    for (uint8_t i = 0; i < privacy->bonds->limit; i++) {
        const struct sm_bond *bond = &privacy->bonds->bonds[i];
        if (sm_has_irk(bond) && !bond->listed)
            privacy->resolver->offloaded = false;
    }
}

/* After a step that went well, or that one can do without. */
static void step_done(struct gap_privacy *privacy, bool good)
{
    struct sm_bond *bond = &privacy->bonds->bonds[privacy->next];
    switch ((enum gap_privacy_step)privacy->step) {
    case GAP_PRIVACY_SET_ADDRESS:
        privacy->address_due = false;
        if (good)
            gap_address_renewed(privacy->address, privacy->controller->hci);
        else
            privacy->address->since = now_of(privacy);
        privacy->step = GAP_PRIVACY_DISABLE;
        return;
    case GAP_PRIVACY_DISABLE:
    case GAP_PRIVACY_CLEAR:
        if (!good)
            refuse_list(privacy);
        privacy->step++;
        return;
    case GAP_PRIVACY_ADD: /* a bond that the list does not take is resolved here */
        privacy->list_full = !good;
        bond->listed = good && sm_has_irk(bond);
        privacy->step = good ? GAP_PRIVACY_SET_MODE : GAP_PRIVACY_ADD;
        privacy->next = (uint8_t)(privacy->next + !good);
        return;
    case GAP_PRIVACY_SET_MODE:
        if (!good)
            refuse_list(privacy);
        privacy->next++;
        privacy->step = GAP_PRIVACY_ADD;
        return;
    case GAP_PRIVACY_SET_TIMEOUT:
        privacy->step = GAP_PRIVACY_ENABLE;
        return;
    default:
        if (good)
            list_is_written(privacy);
        else
            refuse_list(privacy);
        privacy->step = GAP_PRIVACY_END;
        return;
    }
}

/* A bond has come or gone, perhaps in the place of the one that is being added: the list is written from the start. */
static void write_list_anew(struct gap_privacy *privacy)
{
    privacy->changes = privacy->bonds->changes;
    privacy->step = GAP_PRIVACY_CLEAR;
    privacy->next = 0;
    privacy->list_full = false;
}

static void work_done(void *context, const struct hci_result *result)
{
    struct gap_privacy *privacy = context;
    bool adding = privacy->step == GAP_PRIVACY_ADD || privacy->step == GAP_PRIVACY_SET_MODE;
    if (privacy->state != GAP_PRIVACY_WORKING)
        return;
    if (result->status == HCI_COMMAND_DISALLOWED)
        try_again_later(privacy);
    else if (adding && privacy->changes != privacy->bonds->changes)
        write_list_anew(privacy);
    else
        step_done(privacy, result->status == HCI_SUCCESS);
    if (privacy->state == GAP_PRIVACY_WORKING)
        work(privacy);
}

static void write_entry(const struct gap_privacy *privacy, const struct sm_bond *bond, struct writer *writer)
{
    write_reversed(writer, bond->irk, sizeof bond->irk);
    if (privacy->local)
        write_reversed(writer, privacy->bonds->irk, sizeof privacy->bonds->irk);
    else
        write_zeros(writer, sizeof privacy->bonds->irk);
}

/* The command of the present step and its parameters. */
static uint16_t write_step(struct gap_privacy *privacy, struct writer *writer)
{
    const struct sm_bond *bond = &privacy->bonds->bonds[privacy->next];
    switch ((enum gap_privacy_step)privacy->step) {
    case GAP_PRIVACY_SET_ADDRESS:
        write_reversed(writer, privacy->address->rotated_octets, sizeof privacy->address->rotated_octets);
        return HCI_LE_SET_RANDOM_ADDRESS;
    case GAP_PRIVACY_CLEAR:
        return HCI_LE_CLEAR_RESOLVING_LIST;
    case GAP_PRIVACY_ADD:
    case GAP_PRIVACY_SET_MODE:
        gap_write_address(writer, &bond->peer);
        if (privacy->step == GAP_PRIVACY_ADD) {
            write_entry(privacy, bond, writer);
            return HCI_LE_ADD_DEVICE_TO_RESOLVING_LIST;
        }
        write_u8(writer, DEVICE_PRIVACY);
        return HCI_LE_SET_PRIVACY_MODE;
    case GAP_PRIVACY_SET_TIMEOUT:
        write_u16(writer, privacy->address->timeout_s);
        return HCI_LE_SET_RESOLVABLE_PRIVATE_ADDRESS_TIMEOUT;
    default: /* on or off */
        write_u8(writer, privacy->step == GAP_PRIVACY_ENABLE);
        return HCI_LE_SET_ADDRESS_RESOLUTION_ENABLE;
    }
}

/* Passes over what need not be done. */
static void find_step(struct gap_privacy *privacy)
{
    const struct gap_address *address = privacy->address;
    if (privacy->step == GAP_PRIVACY_SET_ADDRESS &&
        (!privacy->address_due || gap_address_deadline(address) == BLUET_NEVER ||
         !gap_address_renew(privacy->address, privacy->controller->hci))) {
        privacy->address_due = false;
        privacy->step = GAP_PRIVACY_DISABLE;
    }
    if (privacy->step == GAP_PRIVACY_DISABLE && !privacy->enabled)
        privacy->step = GAP_PRIVACY_CLEAR;
    while (privacy->step == GAP_PRIVACY_ADD && privacy->next < privacy->bonds->limit &&
           (privacy->list_full || !sm_has_irk(&privacy->bonds->bonds[privacy->next])))
        privacy->bonds->bonds[privacy->next++].listed = false;
    if (privacy->step == GAP_PRIVACY_ADD && privacy->next == privacy->bonds->limit)
        privacy->step = GAP_PRIVACY_SET_TIMEOUT;
    if (privacy->step > GAP_PRIVACY_SET_ADDRESS && !privacy->list_due)
        privacy->step = GAP_PRIVACY_END;
}

static void work(struct gap_privacy *privacy)
{
    uint8_t octets[RESOLVING_ENTRY_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    find_step(privacy);
    if (privacy->step == GAP_PRIVACY_END) {
        privacy->refusals = 0;
        end_pause(privacy);
        return;
    }
    struct hci_command command = {.opcode = write_step(privacy, &writer), .done = work_done, .context = privacy};
    if (!hci_request(privacy->controller->hci, &command, octets, writer.length))
        try_again_later(privacy);
    crypto_wipe(octets, sizeof octets);
}

/* ---- The pause ---- */

static void begin_work(struct gap_privacy *privacy)
{
    privacy->state = GAP_PRIVACY_WORKING;
    privacy->step = GAP_PRIVACY_SET_ADDRESS;
    privacy->next = 0;
    privacy->list_full = false;
    privacy->local = uses_resolvable(privacy);
    if (gap_advertise_pause(privacy->advertise) && (!BLUET_HAS_CENTRAL || gap_scan_pause(privacy->scan)))
        work(privacy);
    else
        try_again_later(privacy);
}

static void begin_pause(struct gap_privacy *privacy)
{
    if (gap_connect_is_changing(privacy->connect))
        return; /* the answer to that brings us here again */
    if (BLUET_HAS_CENTRAL && !gap_connect_hold(privacy->connect))
        try_again_later(privacy);
    else if (gap_connect_is_changing(privacy->connect))
        privacy->state = GAP_PRIVACY_AWAIT_QUIET;
    else
        begin_work(privacy);
}

BLUET_INTERNAL void gap_privacy_settle(struct gap_privacy *privacy)
{
    if (!privacy->started)
        return;
    if (privacy->state == GAP_PRIVACY_IDLE)
        look_at_list(privacy);
    if (privacy->state == GAP_PRIVACY_AWAIT_QUIET && !gap_connect_is_changing(privacy->connect))
        begin_work(privacy);
    if (privacy->retry > now_of(privacy))
        return;
    if (privacy->state == GAP_PRIVACY_AWAIT_ROOM)
        end_pause(privacy);
    if (privacy->state == GAP_PRIVACY_IDLE && (privacy->address_due || privacy->list_due))
        begin_pause(privacy);
}

BLUET_INTERNAL int gap_privacy_set_timeout(struct gap_privacy *privacy, struct gap_address *address, uint16_t seconds)
{
    if (seconds == 0 || seconds > GAP_ADDRESS_TIMEOUT_MOST_S)
        return BLUET_EINVAL;
    address->timeout_s = seconds;
    privacy->list_due = privacy->list_due || privacy->enabled;
    return BLUET_OK;
}
