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
