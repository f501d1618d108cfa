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
enum { ADVERTISING_PARAMETERS_LENGTH = 15, ADVERTISING_DATA_LENGTH = 32 };

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
    if (ended)
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

static void advertise_queue(struct gap_advertise *advertise, struct hci_command command,
                            const struct writer *parameters)
{
    command.ticket = advertise->ticket;
    command.context = advertise;
    hci_queue(advertise->hci, &command, parameters->start, parameters->length);
}

static bool request_enable(struct gap_advertise *advertise, bool enable, hci_done done)
{
    const uint8_t octet = enable;
    struct hci_command command = {.opcode = HCI_LE_SET_ADVERTISING_ENABLE, .done = done, .context = advertise};
    return hci_request(advertise->hci, &command, &octet, sizeof octet);
}

static void queue_advertise_enable(struct gap_advertise *advertise, bool enable, uint8_t flags, hci_done done)
{
    uint8_t octet[1];
    struct writer writer = writer_of(octet, sizeof octet);
    write_u8(&writer, enable);
    struct hci_command command = {.opcode = HCI_LE_SET_ADVERTISING_ENABLE, .flags = flags, .done = done};
    advertise_queue(advertise, command, &writer);
}

/* Vol 4 Part E, 7.8.5 */
static void queue_advertise_parameters(struct gap_advertise *advertise, uint32_t interval_us,
                                       enum advertising_type type, const struct bluet_address *peer, uint8_t own_type)
{
    /* Before 5.0 what cannot be connected to was advertised every 100 ms at most (4.2, Vol 2 Part E, 7.8.5). */
    uint32_t least = type != ADV_SCAN_IND || advertise->controller->version >= HCI_VERSION_5_0 ? 20000 : 100000;
    uint32_t most = 10240000;
    if (interval_us < least)
        interval_us = least;
    if (interval_us > most)
        interval_us = most;
    uint8_t octets[ADVERTISING_PARAMETERS_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, (uint16_t)(interval_us / 625));
    write_u16(&writer, (uint16_t)(interval_us / 625));
    write_u8(&writer, (uint8_t)type);
    write_u8(&writer, own_type);
    write_u8(&writer, peer ? peer->type : 0);
    if (peer)
        write_reversed(&writer, peer->octets, sizeof peer->octets);
    else
        write_zeros(&writer, 6);
    write_u8(&writer, 0x07); /* all three channels */
    write_u8(&writer, peer ? 0 : advertise->filter_policy);
    struct hci_command command = {.opcode = HCI_LE_SET_ADVERTISING_PARAMETERS, .done = advertise_start_done};
    advertise_queue(advertise, command, &writer);
}

static void queue_data(struct gap_advertise *advertise, uint16_t opcode, struct gap_advertising_data *data,
                       const struct bluet_span *given)
{
    if (given) {
        struct writer kept = writer_of(data->octets, sizeof data->octets);
        write_octets(&kept, given->data, given->length);
        data->length = (uint8_t)kept.length;
    }
    uint8_t octets[ADVERTISING_DATA_LENGTH];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u8(&writer, data->length);
    write_octets(&writer, data->octets, data->length);
    write_zeros(&writer, writer_room(&writer));
    struct hci_command command = {.opcode = opcode, .done = advertise_start_done};
    advertise_queue(advertise, command, &writer);
}

static void begin_start(struct gap_advertise *advertise, int ticket)
{
    advertise->ticket = advertise->starting = ticket;
    /* It may have ended a moment ago with a connection, and some controllers refuse to disable what is not enabled. */
    if (advertise->on)
        queue_advertise_enable(advertise, false, HCI_MAY_FAIL, NULL);
    advertise->on = true;
    advertise->paused = false;
}

BLUET_INTERNAL int gap_advertise_start(struct gap_advertise *advertise, uint32_t interval_us,
                                       const struct bluet_span *data, const struct bluet_span *response,
                                       bool connectable)
{
    if ((data && data->length > sizeof advertise->data.octets) ||
        (response && response->length > sizeof advertise->response.octets))
        return BLUET_EINVAL;
    int ticket = hci_begin(advertise->hci, 5, 1 + ADVERTISING_PARAMETERS_LENGTH + 2 * ADVERTISING_DATA_LENGTH + 1);
    if (ticket < 0)
        return ticket;
    begin_start(advertise, ticket);
    queue_advertise_parameters(advertise, interval_us, connectable ? ADV_IND : ADV_SCAN_IND, NULL,
                               gap_address_own(advertise->address).type);
    queue_data(advertise, HCI_LE_SET_ADVERTISING_DATA, &advertise->data, data);
    queue_data(advertise, HCI_LE_SET_SCAN_RESPONSE_DATA, &advertise->response, response);
    queue_advertise_enable(advertise, true, HCI_LAST, advertise_start_done);
    return ticket;
}

BLUET_INTERNAL int gap_advertise_start_directed(struct gap_advertise *advertise, uint32_t interval_us,
                                                const struct bluet_address *peer)
{
    if (peer->type > BLUET_ADDRESS_RANDOM)
        return BLUET_EINVAL;
    int ticket = hci_begin(advertise->hci, 3, 1 + ADVERTISING_PARAMETERS_LENGTH + 1);
    if (ticket < 0)
        return ticket;
    begin_start(advertise, ticket);
    /* One that uses private addresses is named by such a one, which only the controller can make (Vol 6 Part B, 6.2.2).
     */
    const struct sm_bond *bond = BLUET_HAS_SECURITY ? gap_resolve(advertise->resolver, peer) : NULL;
    uint8_t own_type = gap_address_own(advertise->address).type;
    if (bond && bond->listed && (bond->flags & SM_SECRET_PRIVATE))
        own_type |= HCI_ADDRESS_RESOLVED;
    queue_advertise_parameters(advertise, interval_us, interval_us ? ADV_DIRECT_IND_LOW_DUTY : ADV_DIRECT_IND_HIGH_DUTY,
                               bond && bond->listed ? &bond->peer : peer, own_type);
    queue_advertise_enable(advertise, true, HCI_LAST, advertise_start_done);
    return ticket;
}

static void stop_with_ticket(struct gap_advertise *advertise, int ticket)
{
    advertise->ticket = ticket;
    advertise->on = false;
    queue_advertise_enable(advertise, false, advertise->paused ? HCI_LAST | HCI_MAY_FAIL : HCI_LAST,
                           advertise_stop_done);
    advertise->paused = false;
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
    if (advertise->resuming)
        request_enable(advertise, false, NULL);
    advertise->on = advertise->paused = false;
}
