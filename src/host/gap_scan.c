/*
 * Scanning. A scan that was accepted ends with exactly one BLUET_EVENT_SCAN_DONE, raised when the controller has
 * confirmed that it has stopped, or has refused to start. A new scan may be asked for while the last one is being
 * stopped.
 */
#include "host/gap_scan.h"

#include "host/gap_address.h"
#include "host/gap_resolve.h"
#include "spec/hci.h"
#include "spec/writer.h"

/* Of a report: its type, an address with its type, and the length of the data; of a directed one the type of a second
 * address, of which the octets stand where otherwise the data are. */
enum { REPORT_HEAD_LENGTH = 9, DIRECTED_LENGTH = 6 };
enum { SCAN_LEAST_US = 2500, ADVERTISING_DATA_LARGEST = 31, ADV_DIRECT_IND = 1, SCAN_RSP = 4 };

static const uint32_t scan_retry_us = 10000;

static void raise_scan_done(const struct gap *gap)
{
    struct bluet_event event = {.code = BLUET_EVENT_SCAN_DONE, .conn_handle = 0xffff};
    event_raise(gap->hci->sink, &event);
}

static void scan_off(struct gap *gap)
{
    gap_set(&gap->scanning, GAP_OFF);
    gap->scan.deadline = BLUET_NEVER;
}

BLUET_INTERNAL void gap_scan_close(struct gap *gap)
{
    uint32_t ends = gap->scan.stops + (uint32_t)gap_scan_is_on(gap);
    scan_off(gap);
    gap->scan.stops = 0;
    while (ends--)
        raise_scan_done(gap);
}

/* ---- Start and stop ---- */

static void scan_start_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    if (!gap_start_done(&gap->scanning, gap->scanning_ticket, result))
        return;
    if (!gap_scan_is_on(gap))
        raise_scan_done(gap);
    else if (gap->scan.duration_ms)
        gap->scan.deadline = gap->hci->now + gap->scan.duration_ms * 1000ull;
}

BLUET_INTERNAL void gap_scan_queue(struct gap *gap, struct hci_command *command,
                                   const struct gap_scan_parameters *parameters)
{
    uint8_t octets[GAP_SCAN_LENGTH - GAP_SCAN_STOP_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u8(&writer, parameters->active);
    write_u16(&writer, gap_time(parameters->interval_us, SCAN_LEAST_US));
    write_u16(&writer, gap_time(parameters->window_us, SCAN_LEAST_US));
    write_u8(&writer, gap_address_type(gap));
    write_u8(&writer, parameters->filter_policy);
    command->opcode = HCI_LE_SET_SCAN_PARAMETERS;
    command->flags = 0;
    hci_queue(gap->hci, command, octets, sizeof octets);
    command->flags = HCI_LAST;
    gap_enable(gap, command, HCI_LE_SET_SCAN_ENABLE, true);
}

BLUET_INTERNAL int gap_scan_start(struct gap *gap, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us,
                                  bool active)
{
    if (gap_connect_is_on(gap))
        return BLUET_EBUSY;
    if (gap_scan_is_on(gap))
        return BLUET_EALREADY;
    if (window_us > interval_us)
        return BLUET_EINVAL;
    struct hci_command command = {.done = scan_start_done, .context = gap};
    command.ticket = hci_begin(gap->hci, GAP_SCAN_COMMANDS, GAP_SCAN_LENGTH);
    if (command.ticket < 0)
        return command.ticket;
    gap->scanning.state = GAP_AWAIT_START;
    gap->scanning_ticket = command.ticket;
    gap->scan.duration_ms = duration_ms;
    const struct gap_scan_parameters parameters = {interval_us, window_us, active, gap->scanning.filter_policy};
    gap_scan_queue(gap, &command, &parameters);
    return command.ticket;
}

/* A refusal too means that it does not scan. */
static void scan_stop_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    (void)result;
    gap->scan.stops--;
    raise_scan_done(gap);
}

BLUET_INTERNAL bool gap_scan_end(struct gap *gap, int ticket, uint8_t flags)
{
    struct hci_command command = {
        .ticket = ticket, .flags = flags | gap_stop_flags(&gap->scanning), .done = scan_stop_done, .context = gap};
    if (!gap_enable(gap, &command, HCI_LE_SET_SCAN_ENABLE, false))
        return false;
    scan_off(gap);
    gap->scan.stops++;
    return true;
}

BLUET_INTERNAL int gap_scan_stop(struct gap *gap)
{
    if (!gap_scan_is_on(gap))
        return 0;
    int ticket = hci_begin(gap->hci, 1, GAP_SCAN_STOP_LENGTH);
    if (ticket > 0)
        gap_scan_end(gap, ticket, HCI_LAST);
    return ticket;
}

BLUET_INTERNAL void gap_scan_expire(struct gap *gap)
{
    if (gap->scan.deadline <= gap->hci->now && !gap_scan_end(gap, 0, 0))
        gap->scan.deadline = gap->hci->now + scan_retry_us;
}

BLUET_INTERNAL void gap_scan_resumed(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    if (result->status == HCI_SUCCESS || gap->scanning.state != GAP_ON)
        return;
    scan_off(gap);
    raise_scan_done(gap);
}

/* ---- Reports ---- */

/* Perhaps the peer that is sought, if it may be connected to. `address` is as on the air; the event has the identity,
 * where it could be resolved. */
static void look_for_sought(struct gap *gap, const struct bluet_event *event, const struct bluet_address *address)
{
    if (gap->connect.found || event->scan_result.adv_type > ADV_DIRECT_IND ||
        !hci_address_equal(&event->scan_result.peer, &gap->attempt.target))
        return;
    gap->connect.found = true;
    gap->attempt.found_address = *address;
}

/* One whole report: `head` is all up to the data, or to whom it is directed, `tail` the rest. */
static void take_report(struct gap *gap, const uint8_t *head, const uint8_t *tail, uint8_t length, bool directed)
{
    struct bluet_event raised;
    bool reported = gap_scan_is_on(gap) || gap->scan.stops;
    if (!reported && !gap->connect.sought) /* its scan has ended: of no interest to anybody */
        return;
    /* 2 and 3 are identity addresses that the controller has resolved (Vol 4 Part E, 7.7.65.2). */
    if (head[1] > HCI_ADDRESS_TYPE_LARGEST || head[0] > SCAN_RSP || length > ADVERTISING_DATA_LARGEST ||
        (directed && head[0] != ADV_DIRECT_IND)) {
        gap->hci->dropped++;
        return;
    }
    raised.code = BLUET_EVENT_SCAN_RESULT;
    raised.conn_handle = 0xffff;
    raised.scan_result.peer.type = head[1] & 1;
    for (size_t i = 0; i < sizeof raised.scan_result.peer.octets; i++)
        raised.scan_result.peer.octets[i] = head[REPORT_HEAD_LENGTH - 2 - i];
    raised.scan_result.adv_type = head[0];
    raised.scan_result.rssi = (int8_t)tail[length];
    raised.scan_result.primary_phy = 1;
    raised.scan_result.secondary_phy = 0;
    raised.scan_result.data = tail;
    raised.scan_result.length = directed ? 0 : length;
    const struct bluet_address address = raised.scan_result.peer;
    if (BLUET_HAS_SECURITY && head[1] == BLUET_ADDRESS_RANDOM)
        gap_resolve_reported(gap, &raised.scan_result.peer);
    if (gap->connect.sought)
        look_for_sought(gap, &raised, &address);
    if (reported)
        event_raise(gap->hci->sink, &raised);
}

/* Reports stand one behind the other. What is cut off at the end counts as one. */
BLUET_INTERNAL void gap_scan_report(struct gap *gap, struct reader *event, bool directed)
{
    uint8_t count = read_u8(event);
    bool whole = count > 0;
    while (count-- && whole) {
        const uint8_t *head = read_span(event, REPORT_HEAD_LENGTH);
        uint8_t length = directed ? DIRECTED_LENGTH : head ? head[REPORT_HEAD_LENGTH - 1] : 0;
        const uint8_t *tail = read_span(event, length + 1u); /* and the signal strength */
        whole = head && tail;
        if (whole)
            take_report(gap, head, tail, length, directed);
    }
    if (!whole)
        gap->hci->dropped++;
}
