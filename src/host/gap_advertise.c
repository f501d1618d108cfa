/* Advertising: each start says all that has changed, and enables anew. */
#include "host/gap_advertise.h"

#include "host/gap_address.h"
#include "host/gap_resolve.h"
#include "spec/hci.h"
#include "spec/writer.h"

enum advertising_type {
    ADV_IND = 0x00,
    ADV_DIRECT_IND_HIGH_DUTY = 0x01,
    ADV_SCAN_IND = 0x02,
    ADV_DIRECT_IND_LOW_DUTY = 0x04
};
enum { ADVERTISING_PARAMETERS_LENGTH = 15, DATA_LENGTH = sizeof(struct gap_advertising_data) };

/* What is asked for: of everybody, with data, or of one peer. */
struct advertising {
    uint32_t interval_us;
    enum advertising_type type;
    const struct bluet_address *peer;
    const struct bluet_span *data[2]; /* and the scan response; NULL: as it was */
};

static void advertise_start_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    if (BLUET_HAS_SECURITY)
        gap_address_own(gap, &gap->advertising_own);
    (void)gap_start_done(&gap->advertising, gap->advertising_ticket, result);
}

static void advertise_stop_done(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    bool still_on = result->status != HCI_SUCCESS && result->status != HCI_COMMAND_DISALLOWED;
    if (still_on && result->ticket == gap->advertising_ticket)
        gap->advertising.state = GAP_ON;
}

/* Vol 4 Part E, 7.8.5 */
static void queue_advertising_parameters(struct gap *gap, struct hci_command *command, const struct advertising *asked)
{
    static const struct bluet_address none;
    uint8_t octets[ADVERTISING_PARAMETERS_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    uint8_t own_type = gap_address_type(gap);
    const struct bluet_address *peer = asked->peer ? asked->peer : &none;
    const struct sm_bond *bond = BLUET_HAS_SECURITY && asked->peer ? gap_resolve(gap, peer) : NULL;
    if (bond && bond->listed) {
        peer = &bond->peer;
        /* One that uses private addresses is named by such a one, which only the controller can make (Vol 6 Part B,
         * 6.2.2). */
        if (bond->flags & SM_SECRET_PRIVATE)
            own_type |= HCI_ADDRESS_RESOLVED;
    }
    /* Before 5.0 what cannot be connected to was advertised every 100 ms at most (4.2, Vol 2 Part E, 7.8.5). */
    bool slow = asked->type == ADV_SCAN_IND && gap->controller->version < HCI_VERSION_5_0;
    uint16_t interval = gap_time(asked->interval_us, slow ? 100000 : 20000);
    write_u16(&writer, interval);
    write_u16(&writer, interval);
    write_u8(&writer, (uint8_t)asked->type);
    write_u8(&writer, own_type);
    gap_write_address(&writer, peer);
    write_u8(&writer, 0x07); /* all three channels */
    write_u8(&writer, asked->peer ? 0 : gap->advertising.filter_policy);
    command->opcode = HCI_LE_SET_ADVERTISING_PARAMETERS;
    hci_queue(gap->hci, command, octets, sizeof octets);
}

/* Vol 4 Part E, 7.8.7, 7.8.8 */
static void queue_data(struct gap *gap, struct hci_command *command, const struct advertising *asked)
{
    for (size_t i = 0; i < 2; i++) {
        struct gap_advertising_data *data = &gap->advertising_data[i];
        const struct bluet_span *given = asked->data[i];
        if (given) {
            memset(data, 0, sizeof *data);
            data->length = (uint8_t)given->length;
            if (given->length)
                memcpy(data->octets, given->data, given->length);
        }
        command->opcode = i == 0 ? HCI_LE_SET_ADVERTISING_DATA : HCI_LE_SET_SCAN_RESPONSE_DATA;
        hci_queue(gap->hci, command, data, sizeof *data);
    }
}

/* A ticket. -ENOMEM */
static int begin_advertising(struct gap *gap, const struct advertising *asked)
{
    enum { ALWAYS = 1 + ADVERTISING_PARAMETERS_LENGTH + 1 };
    struct hci_command command = {.flags = HCI_MAY_FAIL};
    command.ticket = hci_begin(gap->hci, asked->peer ? 3 : 5, asked->peer ? ALWAYS : ALWAYS + 2 * DATA_LENGTH);
    if (command.ticket < 0)
        return command.ticket;
    /* It may have ended a moment ago with a connection, and some controllers refuse to disable what is not enabled. */
    if (gap_advertise_is_on(gap))
        gap_enable(gap, &command, HCI_LE_SET_ADVERTISING_ENABLE, false);
    gap_set(&gap->advertising, GAP_AWAIT_START);
    gap->advertising_ticket = command.ticket;
    command.flags = 0;
    command.done = advertise_start_done;
    command.context = gap;
    queue_advertising_parameters(gap, &command, asked);
    if (!asked->peer)
        queue_data(gap, &command, asked);
    command.flags = HCI_LAST;
    gap_enable(gap, &command, HCI_LE_SET_ADVERTISING_ENABLE, true);
    return command.ticket;
}

static bool data_fits(const struct bluet_span *data)
{
    return !data || data->length < DATA_LENGTH;
}

BLUET_INTERNAL int gap_advertise_start(struct gap *gap, uint32_t interval_us, const struct bluet_span *data,
                                       const struct bluet_span *response, bool connectable)
{
    const struct advertising asked = {interval_us, connectable ? ADV_IND : ADV_SCAN_IND, .data = {data, response}};
    return data_fits(data) && data_fits(response) ? begin_advertising(gap, &asked) : BLUET_EINVAL;
}

BLUET_INTERNAL int gap_advertise_start_directed(struct gap *gap, uint32_t interval_us, const struct bluet_address *peer)
{
    const struct advertising asked = {interval_us, interval_us ? ADV_DIRECT_IND_LOW_DUTY : ADV_DIRECT_IND_HIGH_DUTY,
                                      .peer = peer};
    return peer->type <= BLUET_ADDRESS_RANDOM ? begin_advertising(gap, &asked) : BLUET_EINVAL;
}

static void stop_with_ticket(struct gap *gap, int ticket)
{
    struct hci_command command = {.ticket = ticket,
                                  .flags = HCI_LAST | gap_stop_flags(&gap->advertising),
                                  .done = advertise_stop_done,
                                  .context = gap};
    gap->advertising_ticket = ticket;
    gap_set(&gap->advertising, GAP_OFF);
    gap_enable(gap, &command, HCI_LE_SET_ADVERTISING_ENABLE, false);
}

BLUET_INTERNAL int gap_advertise_stop(struct gap *gap)
{
    if (!gap_advertise_is_on(gap))
        return 0;
    int ticket = hci_begin(gap->hci, 1, 1);
    if (ticket > 0)
        stop_with_ticket(gap, ticket);
    return ticket;
}

BLUET_INTERNAL void gap_advertise_end(struct gap *gap)
{
    if (gap_advertise_is_on(gap))
        stop_with_ticket(gap, 0);
}

BLUET_INTERNAL void gap_advertise_resumed(void *context, const struct hci_result *result)
{
    struct gap *gap = context;
    gap->advertising.resuming = false;
    if (result->status == HCI_SUCCESS)
        gap_address_own(gap, &gap->advertising_own);
    else if (gap->advertising.state == GAP_ON)
        gap_set(&gap->advertising, GAP_OFF);
}

BLUET_INTERNAL void gap_advertise_was_ended(struct gap *gap)
{
    struct hci_command command = {0};
    if (gap->advertising.state != GAP_ON)
        return;
    /* The connection was made before a pause, and is told of behind it: what has been begun again is not wanted. */
    if (BLUET_HAS_PRIVACY && gap->advertising.resuming)
        gap_enable(gap, &command, HCI_LE_SET_ADVERTISING_ENABLE, false);
    gap_set(&gap->advertising, GAP_OFF);
}
