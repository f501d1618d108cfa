/*
 * QEMU's mps2-an385: Cortex-M3 at 25 MHz, SysTick for the clock, CMSDK UART 0 for HCI (ARM DDI 0479, 4.3). Octets come
 * and go by interrupts, through a ring each way. An octet for which there is no room stays in the UART, which takes no
 * other meanwhile: that is the flow control. A board with RTS and CTS lets its UART drive them.
 */
#include "board.h"

enum { CLOCK_HZ = 25000000, TICK_US = 1000, TICK_CYCLES = CLOCK_HZ / 1000000 * TICK_US, BAUD = 115200 };
enum { RING_SIZE = 2048 }; /* a power of two */

struct uart {
    uint32_t data;
    uint32_t state;
    uint32_t control;
    uint32_t interrupts; /* reads which are pending; writing clears */
    uint32_t divider;
};

enum { UART_SEND_FULL = 0x01, UART_RECEIVE_FULL = 0x02 };
enum { UART_ENABLE = 0x03, UART_ENABLE_INTERRUPTS = 0x0c };
enum { UART_SENT = 0x01, UART_RECEIVED = 0x02 };

struct tick {
    uint32_t control;
    uint32_t reload;
    uint32_t value;
};

enum { TICK_RUN = 0x07, TICK_PENDING = 1 << 26 };

static volatile struct uart *const uart = (volatile struct uart *)0x40004000;
static volatile struct tick *const tick = (volatile struct tick *)0xe000e010;
static volatile uint32_t *const interrupt_enable = (volatile uint32_t *)0xe000e100;
static volatile uint32_t *const interrupt_state = (volatile uint32_t *)0xe000ed04;

/* One side only moves `head`, the other only `tail`. */
struct ring {
    volatile uint32_t head, tail;
    uint8_t octets[RING_SIZE];
};

static struct ring received, sending;
static volatile uint64_t now_us;

static void lock(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
}

static void unlock(void)
{
    __asm__ volatile("cpsie i" ::: "memory");
}

static bool is_empty(const struct ring *ring)
{
    return ring->head == ring->tail;
}

static bool is_full(const struct ring *ring)
{
    return ring->head - ring->tail == RING_SIZE;
}

/* Interrupts are off, or this is one. */
static void move_received(void)
{
    while (!is_full(&received) && (uart->state & UART_RECEIVE_FULL)) {
        received.octets[received.head % RING_SIZE] = (uint8_t)uart->data;
        received.head++;
    }
}

static void move_sending(void)
{
    while (!is_empty(&sending) && !(uart->state & UART_SEND_FULL)) {
        uart->data = sending.octets[sending.tail % RING_SIZE];
        sending.tail++;
    }
}

/* ---- Interrupts ---- */

static void on_tick(void)
{
    now_us += TICK_US;
}

static void on_received(void)
{
    uart->interrupts = UART_RECEIVED;
    move_received();
}

static void on_sent(void)
{
    uart->interrupts = UART_SENT;
    move_sending();
}

static void on_fault(void)
{
    for (;;) {}
}

/* ---- What board.h says ---- */

void board_start(void)
{
    tick->reload = TICK_CYCLES - 1;
    tick->value = 0;
    tick->control = TICK_RUN;
    uart->divider = CLOCK_HZ / BAUD;
    uart->control = UART_ENABLE | UART_ENABLE_INTERRUPTS;
    *interrupt_enable = 0x03; /* 0: UART 0 has received, 1: has sent */
}

uint64_t board_now(void)
{
    lock();
    uint32_t cycles = tick->value;
    uint64_t now = now_us;
    if (*interrupt_state & TICK_PENDING) { /* it went round after `now_us` was last counted up */
        cycles = tick->value;
        now += TICK_US;
    }
    unlock();
    return now + (TICK_CYCLES - 1 - cycles) / (CLOCK_HZ / 1000000);
}

void board_send(uint8_t octet)
{
    while (is_full(&sending))
        board_sleep();
    sending.octets[sending.head % RING_SIZE] = octet;
    lock();
    sending.head++;
    move_sending();
    unlock();
}

bool board_receive(uint8_t *out_octet)
{
    lock();
    move_received(); /* what has waited in the UART for room */
    unlock();
    if (is_empty(&received))
        return false;
    *out_octet = received.octets[received.tail % RING_SIZE];
    received.tail++;
    return true;
}

void board_sleep(void)
{
    lock(); /* an interrupt that comes now still ends the sleep */
    if (is_empty(&received))
        __asm__ volatile("wfi" ::: "memory");
    unlock();
}

/* ---- Start ---- */

extern uint32_t board_data[], board_data_end[], board_bss[], board_bss_end[], board_stack_top[];
extern const uint32_t board_data_image[];
int main(void);

void board_reset(void);

void board_reset(void)
{
    const uint32_t *image = board_data_image;
    for (uint32_t *word = board_data; word < board_data_end; word++)
        *word = *image++;
    for (uint32_t *word = board_bss; word < board_bss_end; word++)
        *word = 0;
    main();
    on_fault();
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    board_stack_top,
    (const void *)board_reset,
    (const void *)on_fault, /* NMI */
    (const void *)on_fault, /* hard fault */
    (const void *)on_fault,
    (const void *)on_fault,
    (const void *)on_fault,
    NULL,
    NULL,
    NULL,
    NULL,
    (const void *)on_fault, /* SVCall */
    (const void *)on_fault,
    NULL,
    (const void *)on_fault, /* PendSV */
    (const void *)on_tick,
    (const void *)on_received,
    (const void *)on_sent,
};
