/*
 * What the backend asks of the port of MicroPython that it runs on: octets to and from a controller, time, chance, and
 * to be called when there is something to do. There are two: wire_unix.c, and wire_uart.c for boards.
 */
#ifndef BLUET_MICROPYTHON_WIRE_H
#define BLUET_MICROPYTHON_WIRE_H

#include "bluet/bluet.h"

/*
 * 0; BLUET_ENODEV: nothing is there. `address`: the public one that the controller had before, which an air gives
 * again; NULL: none is known.
 */
int wire_open(const uint8_t *address);
void wire_close(void);

/* How many octets were read, 0 if none wait; -1: the controller is lost. */
int wire_read(uint8_t *out, size_t size);
/* Sends a whole packet; false: the controller is lost. */
bool wire_write(const struct bluet_span *spans, size_t count);

uint64_t wire_now(void);
void wire_random(void *context, uint8_t *out, size_t length);

/* Has the scheduler call backend_poll() when there is something to read, and not later than at `deadline`. */
void wire_expect(uint64_t deadline);
/*
 * Sleeps for a moment, or until there is something to read. Unless `quietly`, lets Python have its turn too: raises
 * what comes up meanwhile (KeyboardInterrupt).
 */
void wire_wait(bool quietly);

/*
 * A lock around every use of the host, where there are threads and no lock of the interpreter keeps them apart.
 * Recursive; while it is held no signal handler raises an exception. wire_release() gives it back wholly.
 */
void wire_lock(void);
void wire_unlock(void);
unsigned wire_release(void);
void wire_restore(unsigned depth);
/* Some number of the calling thread's own. */
uintptr_t wire_thread(void);

#endif
