/* The host's port to a board: packets in H4's framing (Vol 4 Part A), time, memory, chance. */
#ifndef FIRMWARE_PORT_H
#define FIRMWARE_PORT_H

#include "bluet.h"

/* Waits for the controller, and asks it for random numbers; what the host is to be created with. */
struct bluet_port port_start(void);

/* Hands on what has come, does what is due, sleeps. */
void port_run(struct bluet *host);

#endif
