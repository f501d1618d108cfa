/*
 * The cryptography that host and air ask for, one function per primitive; each backend is a file of this folder. Octets
 * stand most significant first, as in FIPS-197 and RFC 4493: whoever has them from the air turns them round. Each
 * function returns false, with zeros in `out`, where the backend has no memory or is not there. `out` may be where one
 * of the inputs is.
 */
#ifndef BLUET_CRYPTO_CRYPTO_H
#define BLUET_CRYPTO_CRYPTO_H

#include "spec/internal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One block of AES-128 (FIPS-197), encrypted. */
BLUET_INTERNAL bool crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16]);

/* AES-CMAC (RFC 4493). */
BLUET_INTERNAL bool crypto_aes_cmac(uint8_t out[16], const uint8_t key[16], const uint8_t *message, size_t length);

/* The public key, x and then y, of a private key on P-256 (FIPS 186-4, D.1.2.3). False too if that is 0, or too large.
 */
BLUET_INTERNAL bool crypto_p256_public(uint8_t out_public[64], const uint8_t private_key[32]);

/* The x coordinate of what two keys agree on (SP 800-56A, 5.7.1.2). False too if the peer's is no point of the curve.
 */
BLUET_INTERNAL bool crypto_p256_agree(uint8_t out_secret[32], const uint8_t private_key[32],
                                      const uint8_t peer_public[64]);

/* Overwrites a secret; no compiler leaves it out. */
static inline void crypto_wipe(void *secret, size_t length)
{
    volatile uint8_t *octet = secret;
    while (length--)
        *octet++ = 0;
}

/* Takes as long whether the octets differ or not. */
static inline bool crypto_equal(const void *one, const void *other, size_t length)
{
    const uint8_t *a = one;
    const uint8_t *b = other;
    volatile uint8_t difference = 0; /* so that no compiler finds out when it has seen enough */
    while (length--)
        difference = (uint8_t)(difference | (*a++ ^ *b++));
    return difference == 0;
}

#endif
