/*
 * Scanning. A scan that was accepted ends with exactly one BLUET_EVENT_SCAN_DONE, raised when the controller has
 * confirmed that it has stopped, or has refused to start. A new scan may be asked for while the last one is being
 * stopped.
 */
#include "host/gap_scan.h"

#include "spec/hci.h"
#include "spec/writer.h"

enum { SCAN_PARAMETERS_LENGTH = 7, SCAN_ENABLE_LENGTH = 2, SCAN_LEAST_US = 2500 };
enum { ADVERTISING_DATA_LARGEST = 31, ADV_DIRECT_IND = 1, SCAN_RSP = 4, SEEK_INTERVAL_US = 60000 };

static const uint32_t scan_retry_us = 10000;

BLUET_INTERNAL void gap_scan_open(struct gap_scan *scan, struct hci *hci, const struct gap_address *address,
                                  struct gap_resolver *resolver)
{
    *scan = (struct gap_scan){.hci = hci, .address = address, .resolver = resolver, .deadline = BLUET_NEVER};
}

static void raise_scan_done(const struct gap_scan *scan)
{
    struct bluet_event event = {.code = BLUET_EVENT_SCAN_DONE, .conn_handle = 0xffff};
    event_raise(scan->hci->sink, &event);
}

BLUET_INTERNAL void gap_scan_close(struct gap_scan *scan)
{
    uint32_t ends = scan->stops + (uint32_t)gap_scan_is_on(scan);
    gap_scan_open(scan, scan->hci, scan->address, scan->resolver);
    while (ends--)
        raise_scan_done(scan);
}

/* ---- Start and stop ---- */

static void scan_ended(struct gap_scan *scan)
{
    scan->state = GAP_SCAN_OFF;
    scan->paused = false;
    scan->deadline = BLUET_NEVER;
    raise_scan_done(scan);
}

static void scan_start_done(void *context, const struct hci_result *result)
{
    struct gap_scan *scan = context;
    if (result->ticket != scan->ticket || scan->state != GAP_SCAN_AWAIT_START)
        return;
    if (result->status != HCI_SUCCESS) {
        scan_ended(scan);
    } else if (result->opcode == HCI_LE_SET_SCAN_ENABLE) {
        scan->state = GAP_SCAN_ON;
        scan->deadline = scan->duration_ms ? scan->hci->now + scan->duration_ms * 1000ull : BLUET_NEVER;
    }
}

/* Duplicates are not filtered (Vol 4 Part E, 7.8.11). */
static bool queue_scan_enable(const struct gap_scan *scan, struct hci_command *command, bool enable)
{
    const uint8_t parameters[SCAN_ENABLE_LENGTH] = {enable, 0};
    command->opcode = HCI_LE_SET_SCAN_ENABLE;
    return hci_request(scan->hci, command, parameters, sizeof parameters);
}

/* Both commands of a start (7.8.10). */
static void queue_scan(const struct gap_scan *scan, struct hci_command *command, uint32_t interval_us,
                       uint32_t window_us, uint8_t active, uint8_t filter_policy)
{
    uint8_t octets[SCAN_PARAMETERS_LENGTH];
    struct writer parameters = writer_of(octets, sizeof octets);
    write_u8(&parameters, active);
    write_u16(&parameters, gap_time(interval_us, SCAN_LEAST_US));
    write_u16(&parameters, gap_time(window_us, SCAN_LEAST_US));
    write_u8(&parameters, gap_address_own(scan->address).type);
    write_u8(&parameters, filter_policy);
    command->opcode = HCI_LE_SET_SCAN_PARAMETERS;
    command->flags = 0;
    hci_queue(scan->hci, command, octets, sizeof octets);
    command->flags = HCI_LAST;
    queue_scan_enable(scan, command, true);
}

BLUET_INTERNAL int gap_scan_start(struct gap_scan *scan, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us,
                                  bool active)
{
    if (gap_scan_is_on(scan))
        return BLUET_EALREADY;
    if (window_us > interval_us)
        return BLUET_EINVAL;
    struct hci_command command = {.done = scan_start_done, .context = scan};
    command.ticket = hci_begin(scan->hci, 2, SCAN_PARAMETERS_LENGTH + SCAN_ENABLE_LENGTH);
    if (command.ticket < 0)
        return command.ticket;
    scan->state = GAP_SCAN_AWAIT_START;
    scan->ticket = command.ticket;
    scan->duration_ms = duration_ms;
    queue_scan(scan, &command, interval_us, window_us, active, scan->filter_policy);
    return scan->ticket;
}

/* A refusal too means that it does not scan. */
static void scan_stop_done(void *context, const struct hci_result *result)
{
    struct gap_scan *scan = context;
    (void)result;
    scan->stops--;
    raise_scan_done(scan);
}

BLUET_INTERNAL bool gap_scan_end(struct gap_scan *scan, int ticket, uint8_t flags)
{
    /* In a pause there is nothing to disable, and some controllers say so. */
    if (BLUET_HAS_PRIVACY && scan->paused)
        flags |= HCI_MAY_FAIL;
    struct hci_command command = {.ticket = ticket, .flags = flags, .done = scan_stop_done, .context = scan};
    if (!queue_scan_enable(scan, &command, false))
        return false;
    scan->state = GAP_SCAN_OFF;
    scan->paused = false;
    scan->deadline = BLUET_NEVER;
    scan->stops++;
    return true;
}

BLUET_INTERNAL int gap_scan_stop(struct gap_scan *scan)
{
    if (!gap_scan_is_on(scan))
        return 0;
    int ticket = hci_begin(scan->hci, 1, SCAN_ENABLE_LENGTH);
    if (ticket > 0)
        gap_scan_end(scan, ticket, HCI_LAST);
    return ticket;
}

BLUET_INTERNAL void gap_scan_expire(struct gap_scan *scan)
{
    if (scan->deadline <= scan->hci->now && !gap_scan_end(scan, 0, 0))
        scan->deadline = scan->hci->now + scan_retry_us;
}

/* ---- Pauses ---- */

static void scan_resume_done(void *context, const struct hci_result *result)
{
    struct gap_scan *scan = context;
    if (result->status != HCI_SUCCESS && gap_scan_is_on(scan) && result->argument == (uint16_t)scan->ticket)
        scan_ended(scan);
}

BLUET_INTERNAL bool gap_scan_pause(struct gap_scan *scan)
{
    struct hci_command command = {0};
    if (gap_scan_is_on(scan) && !scan->paused)
        scan->paused = queue_scan_enable(scan, &command, false);
    return !gap_scan_is_on(scan) || scan->paused;
}

BLUET_INTERNAL bool gap_scan_resume(struct gap_scan *scan)
{
    struct hci_command command = {.done = scan_resume_done, .context = scan, .argument = (uint16_t)scan->ticket};
    if (scan->paused)
        scan->paused = !queue_scan_enable(scan, &command, true);
    return !scan->paused;
}

/* ---- For somebody who is known ---- */

BLUET_INTERNAL void gap_scan_seek(struct gap_scan *scan, struct hci_command *command,
                                  const struct bluet_address *identity)
{
    scan->sought.wanted = true;
    scan->sought.found = false;
    scan->sought.identity = *identity;
    queue_scan(scan, command, SEEK_INTERVAL_US, SEEK_INTERVAL_US, false, 0);
}

BLUET_INTERNAL bool gap_scan_seek_end(struct gap_scan *scan, struct hci_command *command)
{
    bool ended = queue_scan_enable(scan, command, false);
    if (ended)
        scan->sought.wanted = false;
    return ended;
}

/* ---- Reports ---- */

/* Those that may be connected to. `address` is as on the air; the event has the identity, if it could be resolved. */
static void look_for_sought(struct gap_sought *sought, const struct bluet_event *event,
                            const struct bluet_address *address)
{
    if (!sought->wanted || sought->found || event->scan_result.adv_type > ADV_DIRECT_IND ||
        !hci_address_equal(&event->scan_result.peer, &sought->identity))
        return;
    sought->found = true;
    sought->address = *address;
}

/* False: it is cut off. A report that comes after the end of its scan is of no interest to anybody. */
static bool take_report(struct gap_scan *scan, struct reader *event, bool directed)
{
    struct bluet_event raised;
    struct bluet_address *peer = &raised.scan_result.peer;
    uint16_t types = read_u16(event); /* of the event, and of the address */
    uint8_t address_type = (uint8_t)(types >> 8);
    read_reversed(event, peer->octets, sizeof peer->octets);
    raised.scan_result.length = directed ? 0 : read_u8(event);
    raised.scan_result.data = read_span(event, raised.scan_result.length);
    if (directed)
        read_span(event, 7); /* to whom */
    raised.scan_result.rssi = (int8_t)read_u8(event);
    if (!reader_ok(event))
        return false;
    bool reported = gap_scan_is_on(scan) || scan->stops;
    if (!reported && !scan->sought.wanted)
        return true;
    raised.scan_result.adv_type = (uint8_t)types;
    /* 2 and 3 are identity addresses that the controller has resolved (Vol 4 Part E, 7.7.65.2). */
    if (address_type > HCI_ADDRESS_TYPE_LARGEST || raised.scan_result.adv_type > SCAN_RSP ||
        raised.scan_result.length > ADVERTISING_DATA_LARGEST ||
        (directed && raised.scan_result.adv_type != ADV_DIRECT_IND)) {
        scan->hci->dropped++;
        return true;
    }
    raised.code = BLUET_EVENT_SCAN_RESULT;
    raised.conn_handle = 0xffff;
    raised.scan_result.primary_phy = 1;
    raised.scan_result.secondary_phy = 0;
    peer->type = address_type & 1;
    const struct bluet_address address = *peer;
    if (BLUET_HAS_SECURITY && address_type == BLUET_ADDRESS_RANDOM)
        gap_resolve_reported(scan->resolver, peer);
    look_for_sought(&scan->sought, &raised, &address);
    if (reported)
        event_raise(scan->hci->sink, &raised);
    return true;
}

/* Reports stand one behind the other. What is cut off at the end counts as one. */
BLUET_INTERNAL void gap_scan_report(struct gap_scan *scan, struct reader *event, bool directed)
{
    uint8_t count = read_u8(event);
    bool whole = count > 0;
    while (count-- && whole)
        whole = take_report(scan, event, directed);
    if (!whole)
        scan->hci->dropped++;
}
