/* The sentence that says what went wrong last in this thread, for people: bluet_runtime_message(). */
#ifndef BLUET_RUNTIME_MESSAGE_H
#define BLUET_RUNTIME_MESSAGE_H

#include "spec/internal.h"

enum { MESSAGE_SIZE = 320 };

BLUET_INTERNAL void message_set(const char *format, ...) __attribute__((format(printf, 1, 2)));
BLUET_INTERNAL void message_clear(void);

#endif
