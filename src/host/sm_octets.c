/* Out of line, each by what memcpy and the header of the cryptography have. */
#include "host/sm_octets.h"

#include "crypto/crypto.h"

#include <string.h>

BLUET_INTERNAL void sm_copy(void *out, const void *octets, size_t length)
{
    memcpy(out, octets, length);
}

BLUET_INTERNAL void sm_reverse(uint8_t *out, const uint8_t *octets, size_t length)
{
    while (length--)
        *out++ = octets[length];
}

BLUET_INTERNAL bool sm_is_equal(const void *one, const void *other, size_t length)
{
    return crypto_equal(one, other, length);
}

BLUET_INTERNAL void sm_wipe(void *secret, size_t length)
{
    crypto_wipe(secret, length);
}
