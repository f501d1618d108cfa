/*
 * The cryptography that host and air ask for, one function per primitive; each backend is a file of this folder. Octets
 * stand most significant first, as in FIPS-197: whoever has them from the air turns them round.
 */
#ifndef BLUET_CRYPTO_CRYPTO_H
#define BLUET_CRYPTO_CRYPTO_H

#include "spec/internal.h"

#include <stdbool.h>
#include <stdint.h>

/* One block of AES-128 (FIPS-197), encrypted. False: the backend has no memory, or is not there; `out` is zeros then.
 */
BLUET_INTERNAL bool crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16]);

#endif
