/* In place of a backend, for the programs that weigh the host: cryptography is counted apart, and none of them pairs.
 */
#include "crypto/crypto.h"

bool crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    (void)out;
    (void)key;
    (void)in;
    return false;
}

bool crypto_aes_cmac(uint8_t out[16], const uint8_t key[16], const uint8_t *message, size_t length)
{
    (void)out;
    (void)key;
    (void)message;
    (void)length;
    return false;
}

bool crypto_p256_public(uint8_t out_public[64], const uint8_t private_key[32])
{
    (void)out_public;
    (void)private_key;
    return false;
}

bool crypto_p256_agree(uint8_t out_secret[32], const uint8_t private_key[32], const uint8_t peer_public[64])
{
    (void)out_secret;
    (void)private_key;
    (void)peer_public;
    return false;
}
