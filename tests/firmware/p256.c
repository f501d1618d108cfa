/*
 * How many instructions the two computations of a pairing take on a Cortex-M3. QEMU counts a nanosecond for each
 * (-icount shift=0), and SysTick's clock has 40; the sums are told through semihosting (Arm DUI 0471).
 */
#include <stdbool.h>
#include <stdint.h>

#include "bluet.h"

enum { CLOCK_NS = 40, TICK_MOST = 0xffffff, WRITE0 = 0x04, EXIT = 0x18 };

static volatile uint32_t *const tick = (volatile uint32_t *)0xe000e010; /* control, reload, value */

extern uint32_t board_data[], board_data_end[], board_bss[], board_bss_end[], board_stack_top[];
extern const uint32_t board_data_image[];
void board_reset(void);

static void semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void say(const char *name, uint32_t value)
{
    char digits[12] = "";
    unsigned at = sizeof digits - 2;
    digits[at] = '\n';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    semihosting(WRITE0, name);
    semihosting(WRITE0, &digits[at]);
}

static uint32_t since(uint32_t start)
{
    return ((start - tick[2]) & TICK_MOST) * CLOCK_NS;
}

void board_reset(void)
{
    const uint32_t *image = board_data_image;
    for (uint32_t *word = board_data; word < board_data_end; word++)
        *word = *image++;
    for (uint32_t *word = board_bss; word < board_bss_end; word++)
        *word = 0;
    tick[1] = TICK_MOST;
    tick[2] = 0;
    tick[0] = 5;

    static const uint8_t private_key[32] = {0x3f, 0x49, 0xf6, 0xd4, 0xa3, 0xc5, 0x5f, 0x38, 0x74, 0xc9, 0xb3};
    uint8_t public_key[64], secret[32];
    uint32_t start = tick[2];
    bool done = bluet_crypto_p256_public(public_key, private_key);
    say("public ", done ? since(start) : 0);
    start = tick[2];
    done = bluet_crypto_p256_agree(secret, private_key, public_key);
    say("agree ", done ? since(start) : 0);
    semihosting(EXIT, (const void *)0x20026);
    for (;;) {}
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {board_stack_top,
                                                                                 (const void *)board_reset};
