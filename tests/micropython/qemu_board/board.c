/*
 * A board for the tests: what a port with an HCI UART gives a Bluetooth stack, on the MPS2 (AN385) that MicroPython's
 * `qemu` port runs on. The controller is at the second UART of the CMSDK (ARM DDI 0479, 4.3), with an interrupt for
 * what comes in; SysTick counts milliseconds.
 */
#include "mpbthciport.h"

#include <py/mphal.h>
#include <py/runtime.h>

#include <extmod/mpbthci.h>

struct uart {
    volatile uint32_t data, state, control, interrupt, divider;
};

enum { TRANSMIT_FULL = 1, RECEIVE_FULL = 2 };
enum { TRANSMIT_ENABLE = 1, RECEIVE_ENABLE = 2, RECEIVE_INTERRUPT_ENABLE = 8 };
enum { RECEIVE_INTERRUPT = 2 };
enum { VECTOR_COUNT = 48, SYSTICK_VECTOR = 15, UART1_RECEIVE_IRQ = 2, FIRST_IRQ_VECTOR = 16 };
#define SYSTICK_PENDING (1u << 26)
enum { CYCLES_PER_MS = 25000, QUEUE_SIZE = 1024 };

static struct uart *const uart1 = (struct uart *)0x40005000;
static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010; /* control, reload, current */
static volatile uint32_t *const interrupt_enable = (volatile uint32_t *)0xe000e100;
static volatile uint32_t *const interrupt_disable = (volatile uint32_t *)0xe000e180;
static volatile uint32_t *const vector_table = (volatile uint32_t *)0xe000ed08;
static volatile uint32_t *const interrupt_state = (volatile uint32_t *)0xe000ed04;

static volatile uint32_t milliseconds;
static volatile uint32_t poll_at;
static volatile bool poll_wanted;

/* ---- The scheduler ---- */

static mp_sched_node_t node;

static void run_scheduled(mp_sched_node_t *scheduled)
{
    (void)scheduled;
    mp_bluetooth_hci_poll();
}

void mp_bluetooth_hci_poll_now(void)
{
    mp_sched_schedule_node(&node, run_scheduled);
}

void mp_bluetooth_hci_poll_in_ms(uint32_t ms)
{
    poll_at = milliseconds + ms;
    poll_wanted = true;
}

/* ---- Interrupts ---- */

static void on_systick(void)
{
    milliseconds++;
    if (!poll_wanted || (int32_t)(milliseconds - poll_at) < 0)
        return;
    poll_wanted = false;
    mp_bluetooth_hci_poll_now();
}

/* What has come and has not been read. Full, it leaves the next octets to flow control. */
static uint8_t queue[QUEUE_SIZE];
static volatile uint32_t queue_in, queue_out;

static void on_receive(void)
{
    uart1->interrupt = RECEIVE_INTERRUPT;
    while (uart1->state & RECEIVE_FULL && queue_in - queue_out < QUEUE_SIZE)
        queue[queue_in++ % QUEUE_SIZE] = (uint8_t)uart1->data;
    if (queue_in - queue_out == QUEUE_SIZE)
        *interrupt_disable = 1u << UART1_RECEIVE_IRQ;
    mp_bluetooth_hci_poll_now();
}

static void take_interrupts(void)
{
    static uint32_t vectors[VECTOR_COUNT] __attribute__((aligned(256)));
    const uint32_t *before = (const uint32_t *)*vector_table;
    for (size_t i = 0; i < FIRST_IRQ_VECTOR; i++)
        vectors[i] = before[i];
    vectors[SYSTICK_VECTOR] = (uint32_t)on_systick;
    vectors[FIRST_IRQ_VECTOR + UART1_RECEIVE_IRQ] = (uint32_t)on_receive;
    *vector_table = (uint32_t)vectors;
    systick[1] = CYCLES_PER_MS - 1;
    systick[2] = 0;
    systick[0] = 7;
}

mp_uint_t mp_hal_ticks_us(void)
{
    uint32_t before = interrupts_off();
    uint32_t part = CYCLES_PER_MS - 1 - systick[2];
    bool begun_again = *interrupt_state & SYSTICK_PENDING;
    if (begun_again)
        part = CYCLES_PER_MS - 1 - systick[2];
    uint32_t whole = milliseconds + begun_again;
    interrupts_restore(before);
    return whole * 1000 + part / (CYCLES_PER_MS / 1000);
}

/* ---- The UART ---- */

int mp_bluetooth_hci_uart_init(uint32_t port, uint32_t baudrate)
{
    (void)port;
    (void)baudrate;
    if (!systick[0])
        take_interrupts();
    queue_in = queue_out = 0;
    uart1->divider = 16;
    uart1->control = TRANSMIT_ENABLE | RECEIVE_ENABLE | RECEIVE_INTERRUPT_ENABLE;
    *interrupt_enable = 1u << UART1_RECEIVE_IRQ;
    return 0;
}

int mp_bluetooth_hci_uart_deinit(void)
{
    *interrupt_disable = 1u << UART1_RECEIVE_IRQ;
    uart1->control = 0;
    poll_wanted = false;
    return 0;
}

int mp_bluetooth_hci_uart_set_baudrate(uint32_t baudrate)
{
    (void)baudrate;
    return 0;
}

int mp_bluetooth_hci_uart_readchar(void)
{
    if (queue_in == queue_out)
        return -1;
    uint8_t octet = queue[queue_out++ % QUEUE_SIZE];
    *interrupt_enable = 1u << UART1_RECEIVE_IRQ;
    return octet;
}

int mp_bluetooth_hci_uart_write(const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        while (uart1->state & TRANSMIT_FULL) {}
        uart1->data = buf[i];
    }
    return 0;
}

/* ---- The controller: nothing to be done for it ---- */

int mp_bluetooth_hci_controller_init(void)
{
    return 0;
}

int mp_bluetooth_hci_controller_deinit(void)
{
    return 0;
}

int mp_bluetooth_hci_controller_sleep_maybe(void)
{
    return 0;
}

bool mp_bluetooth_hci_controller_woken(void)
{
    return true;
}

int mp_bluetooth_hci_controller_wakeup(void)
{
    return 0;
}

/* Chance enough for a test. */
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t len, size_t *olen)
{
    static uint32_t state = 1;
    (void)data;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u + systick[2];
        output[i] = (unsigned char)(state >> 24);
    }
    *olen = len;
    return 0;
}
