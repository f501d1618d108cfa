/* The filter accept list is replaced as a whole: cleared, then filled. */
#include "host/gap_accept.h"

#include "host/gap_address.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum { ENTRY_LENGTH = 7, LIST_LARGEST = 255 };

static bool list_is_in_use(const struct gap *gap)
{
#if BLUET_HAS_CENTRAL
    if ((gap_scan_is_on(gap) && gap->scanning.filter_policy) || gap->scan.stops ||
        (gap_connect_is_on(gap) && gap->connect.listed))
        return true;
#endif
    return gap_advertise_is_on(gap) && gap->advertising.filter_policy;
}

/* The bits for advertising are as the controller wants them, one place higher. */
static void set_uses(struct gap *gap, unsigned uses)
{
#if BLUET_HAS_CENTRAL
    gap->scanning.filter_policy = uses & BLUET_ACCEPT_SCAN;
#endif
    gap->advertising.filter_policy = (uint8_t)(uses >> 1);
}

/* Half a list is of no use to anybody. */
static void entry_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    if (result->status != HCI_SUCCESS && result->ticket == gap->accept_ticket)
        set_uses(gap, 0);
}

BLUET_INTERNAL int gap_accept_set(struct gap *gap, const struct bluet_address *addresses, size_t count, unsigned uses)
{
    const unsigned all = BLUET_ACCEPT_SCAN | BLUET_ACCEPT_SCAN_REQUESTS | BLUET_ACCEPT_CONNECT_REQUESTS;
    if (uses & ~all || count > LIST_LARGEST)
        return BLUET_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].type > BLUET_ADDRESS_RANDOM)
            return BLUET_EINVAL;
    }
    if (list_is_in_use(gap))
        return BLUET_EBUSY;
    struct hci_command command = {.opcode = HCI_LE_CLEAR_FILTER_ACCEPT_LIST, .done = entry_done, .context = gap};
    command.ticket = hci_begin(gap->hci, 1 + count, ENTRY_LENGTH * count);
    if (command.ticket < 0)
        return command.ticket;
    gap->accept_ticket = command.ticket;
    set_uses(gap, uses);
    for (size_t i = 0; i <= count; i++) {
        uint8_t octets[ENTRY_LENGTH];
        struct writer writer = writer_of(octets, sizeof octets);
        if (i > 0) {
            command.opcode = HCI_LE_ADD_DEVICE_TO_FILTER_ACCEPT_LIST;
            gap_write_address(&writer, &addresses[i - 1]);
        }
        if (i == count)
            command.flags = HCI_LAST;
        hci_queue(gap->hci, &command, octets, writer.length);
    }
    return command.ticket;
}
