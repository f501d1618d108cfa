/* The start of the programs that ./do size weighs: a vector table and a reset that keeps the functions in question. */
#include <stdint.h>

extern uint8_t size_stack_top[];
void size_reset(void);

__attribute__((section(".vectors"), used)) static const void *const vectors[2] = {size_stack_top,
                                                                                  (const void *)size_reset};

#ifdef SIZE_RUNS
void size_main(void);

void size_reset(void)
{
    size_main();
}
#else
typedef void (*any)(void);
extern const any volatile size_roots[];

void size_reset(void)
{
    size_roots[0]();
}
#endif
