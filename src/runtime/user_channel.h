/*
 * The user channel of Linux: a controller that the kernel hands over whole, packet by packet, to one program. "N" of
 * hciN.
 */
#ifndef BLUET_RUNTIME_USER_CHANNEL_H
#define BLUET_RUNTIME_USER_CHANNEL_H

#include "runtime/carrier.h"
#include "spec/internal.h"

/* BLUET_EINVAL (see the message). */
BLUET_INTERNAL int user_channel_check(const char *argument);
/* BLUET_ENODEV (see the message). */
BLUET_INTERNAL int user_channel_open(const char *argument, struct carrier *out_carrier);

struct user_channel_interface {
    unsigned number;
    bool up; /* the kernel uses it */
};

/* Those that the kernel has; none, if it has no Bluetooth. */
BLUET_INTERNAL size_t user_channel_list(struct user_channel_interface *out, size_t capacity);

#endif
