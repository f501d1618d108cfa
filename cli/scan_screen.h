/* The live table of `bluet scan` on a terminal. */
#ifndef BLUET_CLI_SCAN_SCREEN_H
#define BLUET_CLI_SCAN_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices.h"

struct scan_screen {
    bool (*wanted)(const struct device *device); /* NULL: all are */
    bool begun;
    size_t line_count; /* drawn, and to be drawn over */
};

void scan_screen_draw(struct scan_screen *screen, const struct devices *devices, uint64_t now_us);

/* Draws it a last time, all devices and, if the terminal is wide enough, all data; and gives the cursor back. */
void scan_screen_end(struct scan_screen *screen, const struct devices *devices, uint64_t now_us);

#endif
