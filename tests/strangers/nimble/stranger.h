/* A host made of NimBLE that does what it is told, a command a line, and tells what happens, a list in JSON a line.
   All of it runs in NimBLE's own task. */
#ifndef STRANGER_H
#define STRANGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <host/ble_hs.h>

enum { WORDS_MAX = 12, OCTETS_MAX = 4096 };

/* What a command was called with; what is not there is 0, or empty. */
struct words {
    char *word[WORDS_MAX];
    int count;
};

struct command {
    const char *name;
    int (*run)(const struct words *words); /* gives NimBLE's own error, or 0 */
};

extern const struct command gap_commands[], server_commands[], client_commands[], channel_commands[];

int number(const struct words *words, int place);
uint16_t number16(const struct words *words, int place);
const char *text(const struct words *words, int place);

/* Octets that are written in hexadecimal digits, in a buffer of its own. */
const uint8_t *octets(const struct words *words, int place, size_t *out_length);
struct os_mbuf *octets_in_buffer(const struct words *words, int place);
ble_addr_t address(const struct words *words, int place);

__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* For say(): what it gives stays until it is asked for the fourth time. */
const char *hexadecimal(const uint8_t *octets, size_t length);
const char *hexadecimal_of(const struct os_mbuf *buffer);
const char *hexadecimal_address(const ble_addr_t *address);

void server_init(void);

#endif
