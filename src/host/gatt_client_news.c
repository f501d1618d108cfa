/* What the server says unasked: notifications and indications (Vol 3 Part F, 3.4.7). */
#include "host/gatt_client.h"

BLUET_INTERNAL void gatt_client_confirm(const struct gatt_client *client, struct att_bearer *bearer)
{
    static const uint8_t confirmation[] = {ATT_HANDLE_VALUE_CONFIRMATION};
    const struct bluet_span span = {confirmation, sizeof confirmation};
    if (bearer->confirmation_owed && att_send(client->att, bearer, &span, 1) != BLUET_ENOMEM)
        bearer->confirmation_owed = false;
}

static void raise_value(const struct gatt_client *client, struct bluet_event *event, struct reader *pdu, size_t length)
{
    event->value.offset = 0;
    event->value.length = length;
    event->value.data = read_span(pdu, length);
    event_raise(client->sink, event);
}

/* Multiple Handle Value Notification: 3.4.7.4. It is delivered whole, or not at all. */
static bool is_good(struct reader pdu, bool multiple)
{
    do {
        uint16_t handle = read_u16(&pdu);
        if (multiple)
            read_span(&pdu, read_u16(&pdu));
        if (!reader_ok(&pdu) || handle == 0)
            return false;
    } while (multiple && reader_remaining(&pdu));
    return true;
}

/* False: what it says makes no sense. */
static bool deliver(const struct gatt_client *client, const struct link *link, struct reader *pdu, uint8_t opcode)
{
    bool multiple = opcode == ATT_MULTIPLE_HANDLE_VALUE_NOTIFICATION;
    if (!is_good(*pdu, multiple))
        return false;
    struct bluet_event event;
    event.conn_handle = link->handle;
    do {
        event.code = opcode == ATT_HANDLE_VALUE_INDICATION ? BLUET_EVENT_GATTC_INDICATE : BLUET_EVENT_GATTC_NOTIFY;
        event.value.value_handle = read_u16(pdu);
        size_t length = multiple ? read_u16(pdu) : reader_remaining(pdu);
        raise_value(client, &event, pdu, length);
    } while (reader_remaining(pdu));
    return true;
}

/*
 * The confirmation says that the application has been told; it is due for a PDU that makes no sense, too (3.4.7.3). A
 * second indication before the first is confirmed breaks the rule (3.3.2).
 */
BLUET_INTERNAL void gatt_client_notification(struct gatt_client *client, struct att_bearer *bearer, const uint8_t *pdu,
                                             size_t length)
{
    struct reader reader = reader_of(pdu, length);
    uint8_t opcode = read_u8(&reader);
    bool indication = opcode == ATT_HANDLE_VALUE_INDICATION;
    bool good = length <= bearer->mtu && !(indication && bearer->confirmation_owed);
    if (good)
        good = deliver(client, bearer->link, &reader, opcode);
    if (indication) {
        bearer->confirmation_owed = true;
        gatt_client_confirm(client, bearer);
    }
    if (!good)
        hci_protocol_error(client->att->links->hci);
}
