/*
 * Captures in the pcapng format (draft-ietf-opsawg-pcapng): a section, interfaces that are added as they turn up, and
 * packets with comments. Each block is one write, so that a reader can follow the file while it grows.
 */
#ifndef BLUET_RUNTIME_PCAPNG_H
#define BLUET_RUNTIME_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#include "spec/internal.h"

enum pcapng_link_type { PCAPNG_HCI_H4_WITH_PHDR = 201, PCAPNG_BLUETOOTH_LE_LL_WITH_PHDR = 256 };

enum { PCAPNG_PACKET_MOST = 2048, PCAPNG_TEXT_MOST = 200 };

struct pcapng {
    int fd;
    uint32_t interface_count;
};

/* BLUET_EIO (see the message). */
BLUET_INTERNAL int pcapng_open(struct pcapng *file, const char *path);
/* Does nothing if it is closed. A file that cannot be written any more closes by itself. */
BLUET_INTERNAL void pcapng_close(struct pcapng *file);
/* Its number. */
BLUET_INTERNAL uint32_t pcapng_add_interface(struct pcapng *file, enum pcapng_link_type type, const char *name);
/* `comment` NULL or "": none. */
BLUET_INTERNAL void pcapng_add_packet(struct pcapng *file, uint32_t interface, uint64_t unix_us, const uint8_t *packet,
                                      size_t length, const char *comment);

#endif
