/* The filter accept list is replaced as a whole: cleared, then filled. */
#include "host/gap_accept.h"

#include "spec/hci.h"
#include "spec/writer.h"

enum { ENTRY_LENGTH = 7, LIST_LARGEST = 255 };

static bool list_is_in_use(const struct gap_accept *accept)
{
    if (accept->advertise->on && accept->advertise->filter_policy)
        return true;
    return BLUET_HAS_CENTRAL && ((gap_scan_is_on(accept->scan) && accept->scan->filter_policy) || accept->scan->stops ||
                                 (gap_connect_is_on(accept->connect) && accept->connect->listed));
}

static void set_uses(struct gap_accept *accept, unsigned uses)
{
    if (BLUET_HAS_CENTRAL)
        accept->scan->filter_policy = uses & BLUET_ACCEPT_SCAN ? 1 : 0;
    accept->advertise->filter_policy =
        (uint8_t)((uses & BLUET_ACCEPT_SCAN_REQUESTS ? 1 : 0) | (uses & BLUET_ACCEPT_CONNECT_REQUESTS ? 2 : 0));
}

/* Half a list is of no use to anybody. */
static void entry_done(void *context, const struct hci_result *result)
{
    struct gap_accept *accept = context;
    if (result->status != HCI_SUCCESS && result->ticket == accept->ticket)
        set_uses(accept, 0);
}

BLUET_INTERNAL int gap_accept_set(struct gap_accept *accept, const struct bluet_address *addresses, size_t count,
                                  unsigned uses)
{
    const unsigned all = BLUET_ACCEPT_SCAN | BLUET_ACCEPT_SCAN_REQUESTS | BLUET_ACCEPT_CONNECT_REQUESTS;
    struct hci *hci = accept->advertise->hci;
    if (uses & ~all || count > LIST_LARGEST)
        return BLUET_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].type > BLUET_ADDRESS_RANDOM)
            return BLUET_EINVAL;
    }
    if (list_is_in_use(accept))
        return BLUET_EBUSY;
    int ticket = hci_begin(hci, 1 + count, ENTRY_LENGTH * count);
    if (ticket < 0)
        return ticket;
    accept->ticket = ticket;
    set_uses(accept, uses);
    struct hci_command command = {
        .opcode = HCI_LE_CLEAR_FILTER_ACCEPT_LIST, .ticket = ticket, .done = entry_done, .context = accept};
    uint8_t octets[ENTRY_LENGTH];
    struct writer writer = writer_of(octets, 0);
    for (size_t i = 0;; i++) {
        command.flags = i == count ? HCI_LAST : 0;
        hci_queue(hci, &command, octets, writer.length);
        if (i == count)
            return ticket;
        command.opcode = HCI_LE_ADD_DEVICE_TO_FILTER_ACCEPT_LIST;
        writer = writer_of(octets, sizeof octets);
        gap_write_address(&writer, &addresses[i]);
    }
}
