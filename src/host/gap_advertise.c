/* Advertising: each start says all that has changed, and enables anew. */
#include "host/gap_advertise.h"

#include "spec/hci.h"
#include "spec/writer.h"

enum advertising_type {
    ADV_IND = 0x00,
    ADV_DIRECT_IND_HIGH_DUTY = 0x01,
    ADV_SCAN_IND = 0x02,
    ADV_DIRECT_IND_LOW_DUTY = 0x04
};
enum { ADVERTISING_PARAMETERS_LENGTH = 15 };

BLUET_INTERNAL void gap_advertise_open(struct gap_advertise *advertise, const struct hci_controller *controller,
                                       const struct gap_address *address, struct gap_resolver *resolver)
{
    *advertise = (struct gap_advertise){
        .hci = controller->hci, .controller = controller, .address = address, .resolver = resolver};
}

static void advertise_start_done(void *context, const struct hci_result *result)
{
    struct gap_advertise *advertise = context;
    bool ended = result->status != HCI_SUCCESS || result->opcode == HCI_LE_SET_ADVERTISING_ENABLE;
    if (ended && result->ticket == advertise->starting)
        advertise->starting = 0;
    if (BLUET_HAS_SECURITY && ended)
        advertise->own = gap_address_own(advertise->address);
    if (result->status != HCI_SUCCESS && result->ticket == advertise->ticket)
        advertise->on = advertise->paused = false;
}

static void advertise_stop_done(void *context, const struct hci_result *result)
{
    struct gap_advertise *advertise = context;
    bool still_on = result->status != HCI_SUCCESS && result->status != HCI_COMMAND_DISALLOWED;
    if (still_on && result->ticket == advertise->ticket)
        advertise->on = true;
}

static bool queue_advertise_enable(struct gap_advertise *advertise, struct hci_command *command, bool enable)
{
    const uint8_t octet = enable;
    command->opcode = HCI_LE_SET_ADVERTISING_ENABLE;
    command->context = advertise;
    return hci_request(advertise->hci, command, &octet, sizeof octet);
}

static bool request_enable(struct gap_advertise *advertise, bool enable, hci_done done)
{
    struct hci_command command = {.done = done};
    return queue_advertise_enable(advertise, &command, enable);
}

/* Vol 4 Part E, 7.8.5 */
static void queue_advertise_parameters(struct gap_advertise *advertise, struct hci_command *command,
                                       uint32_t interval_us, enum advertising_type type,
                                       const struct bluet_address *peer)
{
    static const struct bluet_address none;
    uint8_t octets[ADVERTISING_PARAMETERS_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    uint8_t own_type = gap_address_own(advertise->address).type;
    const struct sm_bond *bond = BLUET_HAS_SECURITY && peer ? gap_resolve(advertise->resolver, peer) : NULL;
    /* One that uses private addresses is named by such a one, which only the controller can make (Vol 6 Part B, 6.2.2).
     */
    if (bond && bond->listed && (bond->flags & SM_SECRET_PRIVATE))
        own_type |= HCI_ADDRESS_RESOLVED;
    /* Before 5.0 what cannot be connected to was advertised every 100 ms at most (4.2, Vol 2 Part E, 7.8.5). */
    bool slow = type == ADV_SCAN_IND && advertise->controller->version < HCI_VERSION_5_0;
    uint16_t interval = gap_time(interval_us, slow ? 100000 : 20000);
    write_u16(&writer, interval);
    write_u16(&writer, interval);
    write_u8(&writer, (uint8_t)type);
    write_u8(&writer, own_type);
    gap_write_address(&writer, bond && bond->listed ? &bond->peer : peer ? peer : &none);
    write_u8(&writer, 0x07); /* all three channels */
    write_u8(&writer, peer ? 0 : advertise->filter_policy);
    command->opcode = HCI_LE_SET_ADVERTISING_PARAMETERS;
    hci_queue(advertise->hci, command, octets, sizeof octets);
}

/* The first commands of a start, with room for the others; `out` is what they have in common. A ticket. -ENOMEM */
static int begin_start(struct gap_advertise *advertise, struct hci_command *out, uint32_t interval_us,
                       enum advertising_type type, const struct bluet_address *peer)
{
    enum { ALWAYS = 1 + ADVERTISING_PARAMETERS_LENGTH + 1 };
    int ticket =
        hci_begin(advertise->hci, peer ? 3 : 5, peer ? ALWAYS : ALWAYS + 2 * sizeof(struct gap_advertising_data));
    if (ticket < 0)
        return ticket;
    advertise->ticket = advertise->starting = ticket;
    *out = (struct hci_command){.ticket = ticket, .flags = HCI_MAY_FAIL};
    /* It may have ended a moment ago with a connection, and some controllers refuse to disable what is not enabled. */
    if (advertise->on)
        queue_advertise_enable(advertise, out, false);
    out->flags = 0;
    out->done = advertise_start_done;
    out->context = advertise;
    advertise->on = true;
    advertise->paused = false;
    queue_advertise_parameters(advertise, out, interval_us, type, peer);
    return ticket;
}

static void queue_data(const struct gap_advertise *advertise, struct hci_command *command, uint16_t opcode,
                       const struct gap_advertising_data *data)
{
    command->opcode = opcode;
    hci_queue(advertise->hci, command, data, sizeof *data);
}

static void end_start(struct gap_advertise *advertise, struct hci_command *command)
{
    command->flags = HCI_LAST;
    queue_advertise_enable(advertise, command, true);
}

static void keep_data(struct gap_advertising_data *data, const struct bluet_span *given)
{
    if (!given)
        return;
    struct writer writer = writer_of(data, sizeof *data);
    write_u8(&writer, (uint8_t)given->length);
    write_octets(&writer, given->data, given->length);
    write_zeros(&writer, writer_room(&writer));
}

BLUET_INTERNAL int gap_advertise_start(struct gap_advertise *advertise, uint32_t interval_us,
                                       const struct bluet_span *data, const struct bluet_span *response,
                                       bool connectable)
{
    struct hci_command command;
    if ((data && data->length > sizeof advertise->data.octets) ||
        (response && response->length > sizeof advertise->response.octets))
        return BLUET_EINVAL;
    int ticket = begin_start(advertise, &command, interval_us, connectable ? ADV_IND : ADV_SCAN_IND, NULL);
    if (ticket < 0)
        return ticket;
    keep_data(&advertise->data, data);
    keep_data(&advertise->response, response);
    queue_data(advertise, &command, HCI_LE_SET_ADVERTISING_DATA, &advertise->data);
    queue_data(advertise, &command, HCI_LE_SET_SCAN_RESPONSE_DATA, &advertise->response);
    end_start(advertise, &command);
    return ticket;
}

BLUET_INTERNAL int gap_advertise_start_directed(struct gap_advertise *advertise, uint32_t interval_us,
                                                const struct bluet_address *peer)
{
    struct hci_command command;
    if (peer->type > BLUET_ADDRESS_RANDOM)
        return BLUET_EINVAL;
    int ticket = begin_start(advertise, &command, interval_us,
                             interval_us ? ADV_DIRECT_IND_LOW_DUTY : ADV_DIRECT_IND_HIGH_DUTY, peer);
    if (ticket > 0)
        end_start(advertise, &command);
    return ticket;
}

static void stop_with_ticket(struct gap_advertise *advertise, int ticket)
{
    struct hci_command command = {.ticket = ticket, .flags = HCI_LAST, .done = advertise_stop_done};
    if (BLUET_HAS_PRIVACY && advertise->paused)
        command.flags |= HCI_MAY_FAIL;
    advertise->ticket = ticket;
    advertise->on = false;
    advertise->paused = false;
    queue_advertise_enable(advertise, &command, false);
}

BLUET_INTERNAL int gap_advertise_stop(struct gap_advertise *advertise)
{
    if (!advertise->on)
        return 0;
    int ticket = hci_begin(advertise->hci, 1, 1);
    if (ticket > 0)
        stop_with_ticket(advertise, ticket);
    return ticket;
}

BLUET_INTERNAL void gap_advertise_end(struct gap_advertise *advertise)
{
    if (advertise->on)
        stop_with_ticket(advertise, 0);
}

/* ---- Pauses ---- */

static void advertise_resume_done(void *context, const struct hci_result *result)
{
    struct gap_advertise *advertise = context;
    advertise->resuming = false;
    if (result->status == HCI_SUCCESS)
        advertise->own = gap_address_own(advertise->address);
    else if (!advertise->starting)
        advertise->on = advertise->paused = false;
}

BLUET_INTERNAL bool gap_advertise_pause(struct gap_advertise *advertise)
{
    if (advertise->on && !advertise->paused)
        advertise->paused = request_enable(advertise, false, NULL);
    return !advertise->on || advertise->paused;
}

BLUET_INTERNAL bool gap_advertise_resume(struct gap_advertise *advertise)
{
    if (advertise->paused) {
        advertise->resuming = request_enable(advertise, true, advertise_resume_done);
        advertise->paused = !advertise->resuming;
    }
    return !advertise->paused;
}

BLUET_INTERNAL void gap_advertise_was_ended(struct gap_advertise *advertise)
{
    if (advertise->starting)
        return;
    /* The connection was made before a pause, and is told of behind it: what has been begun again is not wanted. */
    if (BLUET_HAS_PRIVACY && advertise->resuming)
        request_enable(advertise, false, NULL);
    advertise->on = advertise->paused = false;
}
