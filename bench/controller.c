/* A controller that only answers (Vol 4 Part E, 7): the least that a host needs to be active and connected. */
#include "controller.h"

#include <string.h>

#include "spec/hci.h"
#include "spec/writer.h"

void controller_take(void *context, const struct bluet_span *spans, size_t count)
{
    struct controller *controller = context;
    const uint8_t *first = spans[0].data;
    (void)count;
    if (first[0] == HCI_ACL_DATA) {
        controller->acl_count++;
        return;
    }
    if (controller->command_count < CONTROLLER_COMMANDS)
        controller->commands[controller->command_count++] = (uint16_t)(first[1] | first[2] << 8);
}

/* Return parameters that follow the status. */
static void write_answer(struct writer *event, uint16_t opcode)
{
    switch (opcode) {
    case HCI_READ_LOCAL_VERSION_INFORMATION:
        write_u8(event, 0x0d); /* 5.4 */
        write_zeros(event, 7);
        break;
    case HCI_READ_LOCAL_SUPPORTED_COMMANDS:
        memset(write_span(event, 64), 0xff, 64);
        break;
    case HCI_READ_LOCAL_SUPPORTED_FEATURES:
        write_u64(event, 1ull << 38 | 1ull << 37); /* LE supported, BR/EDR not supported: Vol 2 Part C, 3.3 */
        break;
    case HCI_LE_READ_LOCAL_SUPPORTED_FEATURES:
        write_u64(event, 1ull << 5); /* data length extension: Vol 6 Part B, 4.6 */
        break;
    case HCI_LE_READ_BUFFER_SIZE:
        write_u16(event, CONTROLLER_ACL_LENGTH);
        write_u8(event, CONTROLLER_ACL_COUNT);
        break;
    case HCI_READ_BD_ADDR:
        write_octets(event, "\x01\x02\x03\x04\x05\x06", 6);
        break;
    default:
        break;
    }
}

static void answer(struct controller *controller, uint16_t opcode)
{
    uint8_t packet[80];
    struct writer event = writer_of(packet, sizeof packet);
    write_u8(&event, HCI_EVENT);
    write_u8(&event, HCI_EVENT_COMMAND_COMPLETE);
    uint8_t *length = write_span(&event, 1);
    write_u8(&event, 1); /* commands that it takes */
    write_u16(&event, opcode);
    write_u8(&event, HCI_SUCCESS);
    write_answer(&event, opcode);
    *length = (uint8_t)(event.length - 3);
    bluet_receive(controller->host, packet, event.length);
}

void controller_complete(struct controller *controller, uint16_t handle, uint16_t count)
{
    uint8_t packet[8];
    struct writer event = writer_of(packet, sizeof packet);
    write_u8(&event, HCI_EVENT);
    write_u8(&event, HCI_EVENT_NUMBER_OF_COMPLETED_PACKETS);
    write_u8(&event, 5);
    write_u8(&event, 1);
    write_u16(&event, handle);
    write_u16(&event, count);
    bluet_receive(controller->host, packet, event.length);
}

void controller_settle(struct controller *controller)
{
    do {
        if (controller->command_count) {
            uint16_t opcode = controller->commands[0];
            controller->command_count--;
            memmove(controller->commands, controller->commands + 1, controller->command_count * sizeof opcode);
            answer(controller, opcode);
        }
        if (controller->acl_count) {
            uint16_t count = (uint16_t)controller->acl_count;
            controller->acl_count = 0;
            controller_complete(controller, controller->acl_handle, count);
        }
        bluet_poll(controller->host);
    } while (controller->command_count || controller->acl_count);
}

bool controller_activate(struct controller *controller)
{
    if (bluet_activate(controller->host) < 0)
        return false;
    controller_settle(controller);
    return bluet_is_active(controller->host);
}

/* LE Connection Complete: Vol 4 Part E, 7.7.65.1 */
void controller_connect(struct controller *controller, uint16_t handle)
{
    bluet_gap_advertise(controller->host, 100000, &(struct bluet_span){"", 0}, NULL, true);
    controller_settle(controller);

    uint8_t packet[22];
    struct writer event = writer_of(packet, sizeof packet);
    write_u8(&event, HCI_EVENT);
    write_u8(&event, HCI_EVENT_LE_META);
    write_u8(&event, 19);
    write_u8(&event, HCI_LE_EVENT_CONNECTION_COMPLETE);
    write_u8(&event, HCI_SUCCESS);
    write_u16(&event, handle);
    write_u8(&event, 1); /* we are the peripheral */
    write_u8(&event, BLUET_ADDRESS_PUBLIC);
    write_u16(&event, handle);
    write_octets(&event, "\x22\x23\x24\x25", 4);
    write_u16(&event, 24);
    write_u16(&event, 0);
    write_u16(&event, 500);
    write_u8(&event, 0);
    bluet_receive(controller->host, packet, event.length);
    controller->acl_handle = handle;
    controller_settle(controller);
}

size_t controller_frame(uint8_t *out, uint16_t handle, uint16_t cid, const void *payload, size_t length)
{
    struct writer packet = writer_of(out, length + 9);
    write_u8(&packet, HCI_ACL_DATA);
    write_u16(&packet, (uint16_t)(handle | HCI_BOUNDARY_FIRST_FLUSHABLE << 12));
    write_u16(&packet, (uint16_t)(length + 4));
    write_u16(&packet, (uint16_t)length);
    write_u16(&packet, cid);
    write_octets(&packet, payload, length);
    return packet.length;
}

/* LE Advertising Report: Vol 4 Part E, 7.7.65.2 */
size_t controller_advertising_report(uint8_t *out)
{
    struct writer event = writer_of(out, 46);
    write_u8(&event, HCI_EVENT);
    write_u8(&event, HCI_EVENT_LE_META);
    write_u8(&event, 43);
    write_u8(&event, HCI_LE_EVENT_ADVERTISING_REPORT);
    write_u8(&event, 1);
    write_u8(&event, 3); /* ADV_NONCONN_IND */
    write_u8(&event, BLUET_ADDRESS_PUBLIC);
    write_octets(&event, "\x11\x12\x13\x14\x15\x16", 6);
    write_u8(&event, 31);
    write_zeros(&event, 31);
    write_u8(&event, (uint8_t)-60);
    return event.length;
}
