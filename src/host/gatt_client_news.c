/* What the server says unasked: notifications and indications (Vol 3 Part F, 3.4.7). */
#include "host/gatt_client.h"

BLUET_INTERNAL void gatt_client_confirm(const struct gatt_client *client, struct att_bearer *bearer)
{
    static const uint8_t confirmation[] = {ATT_HANDLE_VALUE_CONFIRMATION};
    const struct bluet_span span = {confirmation, sizeof confirmation};
    if (bearer->confirmation_owed && att_send(client->att, bearer, &span, 1) != BLUET_ENOMEM)
        bearer->confirmation_owed = false;
}

static void raise_value(const struct gatt_client *client, const struct link *link, enum bluet_event_code code,
                        uint16_t handle, const uint8_t *data, size_t length)
{
    struct bluet_event event;
    event.code = code;
    event.conn_handle = link->handle;
    event.value.value_handle = handle;
    event.value.offset = 0;
    event.value.data = data;
    event.value.length = length;
    event_raise(client->sink, &event);
}

/* False: the values lie about their lengths. */
static bool deliver(const struct gatt_client *client, const struct link *link, struct reader *pdu,
                    enum bluet_event_code code)
{
    uint16_t handle = read_u16(pdu);
    if (!reader_ok(pdu) || handle == 0)
        return false;
    size_t length = reader_remaining(pdu);
    raise_value(client, link, code, handle, read_span(pdu, length), length);
    return true;
}

/* Multiple Handle Value Notification: 3.4.7.4. Looked through first: it is delivered whole, or not at all. */
static bool deliver_multiple(const struct gatt_client *client, const struct link *link, struct reader pdu)
{
    struct reader look = pdu;
    do {
        uint16_t handle = read_u16(&look);
        read_span(&look, read_u16(&look));
        if (!reader_ok(&look) || handle == 0)
            return false;
    } while (reader_remaining(&look));
    while (reader_remaining(&pdu)) {
        uint16_t handle = read_u16(&pdu);
        size_t length = read_u16(&pdu);
        raise_value(client, link, BLUET_EVENT_GATTC_NOTIFY, handle, read_span(&pdu, length), length);
    }
    return true;
}

/*
 * The confirmation says that the application has been told; it is due for a PDU that makes no sense, too (3.4.7.3). A
 * second indication before the first is confirmed breaks the rule (3.3.2).
 */
static bool deliver_indication(struct gatt_client *client, struct att_bearer *bearer, struct reader *pdu)
{
    if (bearer->confirmation_owed)
        return false;
    bool good = deliver(client, bearer->link, pdu, BLUET_EVENT_GATTC_INDICATE);
    bearer->confirmation_owed = true;
    gatt_client_confirm(client, bearer);
    return good;
}

BLUET_INTERNAL void gatt_client_notification(struct gatt_client *client, struct att_bearer *bearer, const uint8_t *pdu,
                                             size_t length)
{
    const struct link *link = bearer->link;
    struct reader reader = reader_of(pdu, length);
    uint8_t opcode = read_u8(&reader);
    bool good = length <= bearer->mtu;
    if (opcode == ATT_HANDLE_VALUE_INDICATION)
        good = deliver_indication(client, bearer, &reader) && good;
    else if (good && opcode == ATT_HANDLE_VALUE_NOTIFICATION)
        good = deliver(client, link, &reader, BLUET_EVENT_GATTC_NOTIFY);
    else if (good)
        good = deliver_multiple(client, link, reader);
    if (!good)
        hci_protocol_error(client->att->links->hci);
}
