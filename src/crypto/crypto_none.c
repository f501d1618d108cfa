/* No cryptography: for a host that is to neither pair nor encrypt. Everything that would need it is refused. */
#include "crypto/crypto.h"

#include <string.h>

BLUET_INTERNAL bool crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    (void)key;
    (void)in;
    memset(out, 0, 16);
    return false;
}

BLUET_INTERNAL bool crypto_aes_cmac(uint8_t out[16], const uint8_t key[16], const uint8_t *message, size_t length)
{
    (void)key;
    (void)message;
    (void)length;
    memset(out, 0, 16);
    return false;
}

BLUET_INTERNAL bool crypto_p256_public(uint8_t out_public[64], const uint8_t private_key[32])
{
    (void)private_key;
    memset(out_public, 0, 64);
    return false;
}

BLUET_INTERNAL bool crypto_p256_agree(uint8_t out_secret[32], const uint8_t private_key[32],
                                      const uint8_t peer_public[64])
{
    (void)private_key;
    (void)peer_public;
    memset(out_secret, 0, 32);
    return false;
}
