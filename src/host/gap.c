/* What the procedures of GAP have in common. */
#include "host/gap.h"

#include "spec/hci.h"

BLUET_INTERNAL void gap_open(struct gap *gap)
{
    const size_t rest = offsetof(struct gap, advertising_ticket);
    memset(gap, 0, offsetof(struct gap, hci));
    memset((uint8_t *)gap + rest, 0, sizeof *gap - rest);
#if BLUET_HAS_CENTRAL
    gap->scan.deadline = gap->attempt.deadline = BLUET_NEVER;
#endif
#if BLUET_HAS_PRIVACY
    gap->list_changes = gap->bonds->changes;
#endif
}

BLUET_INTERNAL bool gap_enable(const struct gap *gap, struct hci_command *command, uint16_t opcode, bool enable)
{
    /* Of scanning the second: duplicates are not filtered (Vol 4 Part E, 7.8.11). */
    const uint8_t parameters[] = {enable, 0};
    command->opcode = opcode;
    return hci_request(gap->hci, command, parameters, BLUET_HAS_CENTRAL && opcode == HCI_LE_SET_SCAN_ENABLE ? 2 : 1);
}

BLUET_INTERNAL bool gap_start_done(struct gap_activity *activity, int ticket, const struct hci_result *result)
{
    bool good = result->status == HCI_SUCCESS;
    bool last = result->opcode == HCI_LE_SET_ADVERTISING_ENABLE ||
                (BLUET_HAS_CENTRAL && result->opcode == HCI_LE_SET_SCAN_ENABLE);
    if (result->ticket != ticket || activity->state != GAP_AWAIT_START || (good && !last))
        return false;
    if (good)
        activity->state = GAP_ON; /* or paused already */
    else
        gap_set(activity, GAP_OFF);
    return true;
}
