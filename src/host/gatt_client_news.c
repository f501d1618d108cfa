/* What the server says unasked: notifications and indications (Vol 3 Part F, 3.4.7). */
#include "host/gatt_client.h"

BLUET_INTERNAL void gatt_client_confirm(const struct gatt_client *client, struct att_bearer *bearer)
{
    static const uint8_t confirmation[] = {ATT_HANDLE_VALUE_CONFIRMATION};
    const struct bluet_span span = {confirmation, sizeof confirmation};
    if (bearer->confirmation_owed && att_send(client->att, bearer, &span, 1) != BLUET_ENOMEM)
        bearer->confirmation_owed = false;
}

/*
 * Goes through the values, each with its length where there are several, and raises them, if there is a sink. False:
 * what it says makes no sense.
 */
static bool deliver(const struct event_sink *sink, const struct att_bearer *bearer, const uint8_t *pdu, size_t length)
{
    struct reader reader = reader_of(pdu, length);
    uint8_t opcode = read_u8(&reader);
    struct bluet_event event;
    event.code = opcode == ATT_HANDLE_VALUE_INDICATION ? BLUET_EVENT_GATTC_INDICATE : BLUET_EVENT_GATTC_NOTIFY;
    event.conn_handle = bearer->link->handle;
    event.value.offset = 0;
    do {
        event.value.value_handle = read_u16(&reader);
        event.value.length = reader_remaining(&reader);
        if (opcode == ATT_MULTIPLE_HANDLE_VALUE_NOTIFICATION)
            event.value.length = read_u16(&reader);
        event.value.data = read_span(&reader, event.value.length);
        if (!reader_ok(&reader) || event.value.value_handle == 0)
            return false;
        if (sink)
            event_raise(sink, &event);
    } while (reader_remaining(&reader));
    return true;
}

/*
 * The confirmation says that the application has been told; it is due for a PDU that makes no sense, too (3.4.7.3). A
 * second indication before the first is confirmed breaks the rule (3.3.2).
 */
BLUET_INTERNAL void gatt_client_notification(struct gatt_client *client, struct att_bearer *bearer, const uint8_t *pdu,
                                             size_t length)
{
    bool indication = *pdu == ATT_HANDLE_VALUE_INDICATION;
    bool good = length <= bearer->mtu && !(indication && bearer->confirmation_owed);
    /* Several are delivered whole, or not at all: 3.4.7.4. */
    for (unsigned round = *pdu == ATT_MULTIPLE_HANDLE_VALUE_NOTIFICATION ? 0 : 1; good && round < 2; round++)
        good = deliver(round ? client->sink : NULL, bearer, pdu, length);
    if (!good)
        hci_protocol_error(client->att->links->hci);
    if (indication) {
        bearer->confirmation_owed = true;
        gatt_client_confirm(client, bearer);
    }
}
