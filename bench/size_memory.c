/*
 * How much memory a host takes, run on a Cortex-M4 by QEMU, where pointers and alignments are those of the target:
 * after activation, with services, and how deep the stack goes. Speaks through semihosting (Arm DUI 0471).
 */
#include <string.h>

#include "controller.h"
#include "spec/l2cap.h"

enum { HEAP_SIZE = 256 * 1024, SEMIHOSTING_WRITE0 = 0x04, SEMIHOSTING_EXIT = 0x18 };

void size_main(void);
extern uint8_t size_stack_bottom[];
extern uint8_t size_stack_top[];

/* Given out from below, and never taken back: only the sum counts. */
static _Alignas(8) uint8_t heap[HEAP_SIZE];
static size_t heap_used;
static size_t bytes_held;

static int semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void say(const char *name, size_t value)
{
    char digits[12] = "";
    size_t at = sizeof digits - 2;
    digits[at] = '\n';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    semihosting(SEMIHOSTING_WRITE0, name);
    semihosting(SEMIHOSTING_WRITE0, " ");
    semihosting(SEMIHOSTING_WRITE0, &digits[at]);
}

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    bytes_held += new_size - old_size;
    if (!new_size)
        return NULL;
    size_t start = (heap_used + 7) & ~(size_t)7;
    if (new_size > HEAP_SIZE - start)
        return NULL;
    heap_used = start + new_size;
    if (block)
        memcpy(heap + start, block, old_size < new_size ? old_size : new_size);
    return heap + start;
}

static uint64_t now(void *context)
{
    (void)context;
    return 0;
}

static void fill(void *context, uint8_t *out, size_t length)
{
    (void)context;
    memset(out, 0x5a, length);
}

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)context;
    (void)host;
    (void)event;
    return 0;
}

/* Everything beneath what is in use now is painted; what has lost its paint later has been used. */
static void paint_stack(void)
{
    uintptr_t end = (uintptr_t)__builtin_frame_address(0) - 256;
    for (uint8_t *octet = size_stack_bottom; (uintptr_t)octet < end; octet++)
        *octet = 0xa5;
}

static size_t stack_used(void)
{
    const uint8_t *octet = size_stack_bottom;
    while (*octet == 0xa5)
        octet++;
    return (uintptr_t)size_stack_top - (uintptr_t)octet;
}

static size_t activate(struct controller *controller, const struct bluet_config *limits)
{
    struct bluet_config config = *limits;
    config.port = (struct bluet_port){controller, controller_take, now, reallocate, fill};
    config.handler = handle_event;
    bytes_held = 0;
    if (bluet_create(&controller->host, &config) || !controller_activate(controller))
        return 0;
    return bytes_held;
}

/* A service of five characteristics that notify: what an attribute costs. */
static size_t register_service(struct bluet *host)
{
    static const struct bluet_characteristic characteristics[5] = {
        {.uuid = {2, {1, 0xa0}}, .flags = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY},
        {.uuid = {2, {2, 0xa0}}, .flags = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY},
        {.uuid = {2, {3, 0xa0}}, .flags = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY},
        {.uuid = {2, {4, 0xa0}}, .flags = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY},
        {.uuid = {2, {5, 0xa0}}, .flags = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY},
    };
    static const struct bluet_service service = {
        .uuid = {2, {0, 0xa0}}, .characteristics = characteristics, .characteristic_count = 5};
    size_t before = bytes_held;
    uint16_t handles[5];
    return bluet_gatts_register_services(host, handles, 5, &service, 1) == 5 ? bytes_held - before : 0;
}

static void work(struct controller *controller)
{
    uint8_t packet[64];
    controller_connect(controller, CONTROLLER_FIRST_HANDLE);
    size_t length = controller_frame(packet, CONTROLLER_FIRST_HANDLE, L2CAP_CID_ATT, "\x10\x01\x00\xff\xff\x00\x28", 7);
    bluet_receive(controller->host, packet, length);
    controller_settle(controller);
}

void size_main(void)
{
    static const struct bluet_config defaults;
    /* As MicroPython has its hosts, but for fewer buffers. */
    static const struct bluet_config small = {.connection_count = 4,
                                              .mtu_limit = 247,
                                              .buffer_count = 8,
                                              .buffer_size = 256,
                                              .procedure_count = 4,
                                              .channel_count = 1,
                                              .command_size = 512,
                                              .bond_count = 3,
                                              .pairing_count = 1};
    static struct controller controllers[5];
    static struct bluet_config fewer, more, tiny;
    fewer = more = tiny = small;
    fewer.connection_count = 1;
    more.connection_count = 5;
    tiny.mtu_limit = 65;
    tiny.buffer_size = 64;

    paint_stack();
    say("defaults", activate(&controllers[0], &defaults));
    say("service", register_service(controllers[0].host));
    work(&controllers[0]);
    say("stack", stack_used());
    say("one_link", activate(&controllers[1], &fewer));
    say("five_links", activate(&controllers[2], &more));
    say("small", activate(&controllers[3], &small));
    say("tiny", activate(&controllers[4], &tiny));
    semihosting(SEMIHOSTING_EXIT, (const void *)0x20026); /* ADP_Stopped_ApplicationExit */
    for (;;)
        continue;
}
