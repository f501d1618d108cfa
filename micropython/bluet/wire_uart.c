/*
 * The wire on boards: the port's own HCI UART (extmod/mpbthci.h, the port's mpbthciport.h), which has the scheduler
 * call mp_bluetooth_hci_poll() when octets have come, and the entropy that the port gives to mbedTLS.
 */
#include "wire.h"

#include <extmod/mpbthci.h>
#include <mpbthciport.h>
#include <py/mphal.h>
#include <py/runtime.h>

#include <string.h>

#include "backend.h"

#if MICROPY_PY_BLUETOOTH

#ifndef MICROPY_PY_BLUETOOTH_HCI_READ_MODE
#define MICROPY_PY_BLUETOOTH_HCI_READ_MODE MICROPY_PY_BLUETOOTH_HCI_READ_MODE_BYTE
#endif
#ifndef MICROPY_HW_BLE_UART_ID
#define MICROPY_HW_BLE_UART_ID 0
#endif
#ifndef MICROPY_HW_BLE_UART_BAUDRATE
#define MICROPY_HW_BLE_UART_BAUDRATE 115200
#endif

/* A look now and then does no harm: not every UART tells of its last octet. */
enum { LONGEST_PAUSE_MS = 128 };

extern int mbedtls_hardware_poll(void *data, unsigned char *output, size_t len, size_t *olen);

/* ---- Time and chance ---- */

/* Of 32 bits, that begin again every 71 minutes and, with a careless timer, go back a little now and then. */
uint64_t wire_now(void)
{
    static uint64_t now;
    static uint32_t last;
    uint32_t ticks = (uint32_t)mp_hal_ticks_us();
    if (ticks - last < UINT32_MAX / 2)
        now += ticks - last;
    last = ticks;
    return now;
}

void wire_random(void *context, uint8_t *out, size_t length)
{
    while (length) {
        size_t made = 0;
        mbedtls_hardware_poll(context, out, length, &made);
        out += made;
        length -= made;
    }
}

/* ---- Threads: MicroPython's scheduler is the only one that calls ---- */

void wire_lock(void)
{
}

void wire_unlock(void)
{
}

unsigned wire_release(void)
{
    return 0;
}

void wire_restore(unsigned depth)
{
    (void)depth;
}

uintptr_t wire_thread(void)
{
    return 0;
}

/* ---- Being called ---- */

void mp_bluetooth_hci_poll(void)
{
    backend_poll();
}

void wire_expect(uint64_t deadline)
{
    uint64_t now = wire_now();
    uint64_t pause = deadline > now ? (deadline - now + 999) / 1000 : 0;
    mp_bluetooth_hci_poll_in_ms(pause < LONGEST_PAUSE_MS ? (uint32_t)pause : LONGEST_PAUSE_MS);
}

void wire_wait(bool quietly)
{
    if (!quietly)
        mp_event_wait_ms(1);
}

/* ---- Octets ---- */

int wire_open(const uint8_t *address)
{
    (void)address;
    if (mp_bluetooth_hci_uart_init(MICROPY_HW_BLE_UART_ID, MICROPY_HW_BLE_UART_BAUDRATE))
        return BLUET_ENODEV;
    if (mp_bluetooth_hci_controller_init()) {
        mp_bluetooth_hci_uart_deinit();
        return BLUET_ENODEV;
    }
#ifdef MICROPY_HW_BLE_UART_BAUDRATE_SECONDARY
    mp_bluetooth_hci_uart_set_baudrate(MICROPY_HW_BLE_UART_BAUDRATE_SECONDARY);
#endif
    return 0;
}

void wire_close(void)
{
    mp_bluetooth_hci_controller_deinit();
    mp_bluetooth_hci_uart_deinit();
}

#if MICROPY_PY_BLUETOOTH_HCI_READ_MODE == MICROPY_PY_BLUETOOTH_HCI_READ_MODE_PACKET

/* Whole packets come by a callback for each octet. */
static uint8_t packet[BLUET_PACKET_SIZE];
static size_t packet_length, packet_read;

static void take(uint8_t octet)
{
    if (packet_length < sizeof packet)
        packet[packet_length++] = octet;
}

int wire_read(uint8_t *out, size_t size)
{
    if (packet_read == packet_length) {
        packet_read = packet_length = 0;
        mp_bluetooth_hci_controller_woken();
        mp_bluetooth_hci_uart_readpacket(take);
    }
    size_t length = packet_length - packet_read < size ? packet_length - packet_read : size;
    memcpy(out, packet + packet_read, length);
    packet_read += length;
    return (int)length;
}

#else

int wire_read(uint8_t *out, size_t size)
{
    size_t length = 0;
    bool woken = mp_bluetooth_hci_controller_woken();
    while (length < size) {
        int octet = mp_bluetooth_hci_uart_readchar();
        if (octet < 0)
            break;
        out[length++] = (uint8_t)octet;
    }
    if (woken && length < size)
        mp_bluetooth_hci_controller_sleep_maybe();
    return (int)length;
}

#endif

/* Some controllers want a packet in one piece. */
bool wire_write(const struct bluet_span *spans, size_t count)
{
    static uint8_t whole[BLUET_PACKET_SIZE];
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].length > sizeof whole - length)
            return false;
        memcpy(whole + length, spans[i].data, spans[i].length);
        length += spans[i].length;
    }
    mp_bluetooth_hci_uart_write(whole, length);
    return true;
}

#endif
