/* A pseudo-terminal in raw mode, found by a symbolic link: for hosts that want a UART. */
#ifndef BLUET_RUNTIME_PTY_H
#define BLUET_RUNTIME_PTY_H

#include "spec/internal.h"

/* Its master, non-blocking; `link` points to the other end, and may be there already. BLUET_EIO (see the message). */
BLUET_INTERNAL int pty_open(const char *link);
/* Removes the link, if it points to this one. */
BLUET_INTERNAL void pty_close(int master, const char *link);

#endif
