/* What the `qemu` port can do without as it has no interrupts: critical sections of the scheduler, and sleep. */
#ifndef BLUET_TESTS_INTERRUPTS_H
#define BLUET_TESTS_INTERRUPTS_H

#include <stdint.h>

static inline uint32_t interrupts_off(void)
{
    uint32_t before;
    __asm volatile("mrs %0, primask\n cpsid i" : "=r"(before)::"memory");
    return before;
}

static inline void interrupts_restore(uint32_t before)
{
    __asm volatile("msr primask, %0" ::"r"(before) : "memory");
}

#define MICROPY_BEGIN_ATOMIC_SECTION() interrupts_off()
#define MICROPY_END_ATOMIC_SECTION(before) interrupts_restore(before)
#define MICROPY_INTERNAL_WFE(timeout_ms) __asm volatile("wfi")

#endif
