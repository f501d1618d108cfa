/* A pseudo-terminal in raw mode, found by a symbolic link: for hosts that want a UART. */
#ifndef BLUET_RUNTIME_PTY_H
#define BLUET_RUNTIME_PTY_H

#include <stdbool.h>

#include "spec/internal.h"

/* Its master, non-blocking; `link` points to the other end, and may be there already. BLUET_EIO (see the message). */
BLUET_INTERNAL int pty_open(const char *link);
/* Nobody has the other end open, and nobody can open it any more: to be asked when the link leads elsewhere. */
BLUET_INTERNAL bool pty_is_left(int master);
/* Removes the link, if it points to this one. */
BLUET_INTERNAL void pty_close(int master, const char *link);

#endif
