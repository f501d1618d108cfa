/* One sentence for each thread. Written by whatever fails, read by whoever called it. */
#include "runtime/message.h"

#include <stdarg.h>
#include <stdio.h>

#include "bluet/runtime.h"

static _Thread_local char message[MESSAGE_SIZE];

BLUET_INTERNAL void message_set(const char *format, ...)
{
    /* Composed apart: an argument may be the message itself. */
    char text[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(message, sizeof message, "%s", text);
}

BLUET_INTERNAL void message_clear(void)
{
    message[0] = '\0';
}

const char *bluet_runtime_message(void)
{
    return message;
}
