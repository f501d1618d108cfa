/* The toolbox functions, each as its section has it (Vol 3 Part H, 2.2). */
#include "host/sm_keys.h"

#include <string.h>

_Static_assert(sizeof(struct bluet_address) == 7, "an address is its type and six octets, as the toolbox wants it");

static void exclusive_or(uint8_t *out, const uint8_t *other, size_t length)
{
    while (length--)
        *out++ ^= *other++;
}

BLUET_INTERNAL bool sm_c1(uint8_t out[16], const struct sm_exchange *exchange, const struct bluet_address *ends,
                          unsigned side, const uint8_t key[16])
{
    uint8_t p[16];
    sm_reverse(p, (const uint8_t *)exchange->features, sizeof exchange->features);
    p[14] = ends[SM_RESPONDER].type;
    p[15] = ends[SM_INITIATOR].type;
    exclusive_or(p, exchange->nonce[side], 16);
    if (!crypto_aes128(out, key, p))
        return false;
    exclusive_or(out + 4, ends[SM_INITIATOR].octets, 6);
    exclusive_or(out + 10, ends[SM_RESPONDER].octets, 6);
    return crypto_aes128(out, key, out);
}

BLUET_INTERNAL bool sm_s1(uint8_t out[16], const struct sm_exchange *exchange, const uint8_t key[16])
{
    uint8_t r[16];
    sm_copy(r, exchange->nonce[SM_RESPONDER] + 8, 8);
    sm_copy(r + 8, exchange->nonce[SM_INITIATOR] + 8, 8);
    return crypto_aes128(out, key, r);
}

BLUET_INTERNAL bool sm_f4(uint8_t out[16], const uint8_t u[32], const uint8_t v[32], const uint8_t x[16], uint8_t z)
{
    uint8_t message[65];
    sm_copy(message, u, 32);
    sm_copy(message + 32, v, 32);
    message[64] = z;
    return crypto_aes_cmac(out, x, message, sizeof message);
}

BLUET_INTERNAL bool sm_f5(struct sm_exchange *exchange, const struct bluet_address *ends)
{
    static const uint8_t salt[16] = {0x6c, 0x88, 0x83, 0x91, 0xaa, 0xf5, 0xa5, 0x38,
                                     0x60, 0x37, 0x0b, 0xdb, 0x5a, 0x60, 0x83, 0xbe};
    static const uint8_t name[4] = {'b', 't', 'l', 'e'};
    uint8_t message[53] = {0};
    uint8_t key[16];
    sm_copy(message + 1, name, sizeof name);
    sm_copy(message + 5, exchange->nonce, sizeof exchange->nonce);
    sm_copy(message + 37, ends, 2 * sizeof *ends);
    message[51] = 256 >> 8; /* with the last octet the length of the key, in bits */
    bool done = crypto_aes_cmac(key, salt, exchange->secret, sizeof exchange->secret) &&
                crypto_aes_cmac(exchange->secret, key, message, sizeof message);
    message[0] = 1;
    done = done && crypto_aes_cmac(exchange->secret + 16, key, message, sizeof message);
    sm_wipe(key, sizeof key);
    return done;
}

BLUET_INTERNAL bool sm_f6(uint8_t out[16], const struct sm_exchange *exchange, const struct bluet_address *ends,
                          unsigned side, const uint8_t r[16])
{
    uint8_t message[65];
    sm_copy(message, exchange->nonce[side], 16);
    sm_copy(message + 16, exchange->nonce[side ^ 1], 16);
    sm_copy(message + 32, r, 16);
    sm_reverse(message + 48, &exchange->features[side][SM_FEATURE_IO], 3);
    sm_copy(message + 51, &ends[side], sizeof *ends);
    sm_copy(message + 58, &ends[side ^ 1], sizeof *ends);
    bool done = crypto_aes_cmac(out, exchange->secret, message, sizeof message);
    sm_wipe(message, sizeof message);
    return done;
}

BLUET_INTERNAL bool sm_g2(uint32_t *out, const struct sm_exchange *exchange)
{
    uint8_t message[80];
    uint8_t mac[16];
    sm_copy(message, exchange->x, sizeof exchange->x);
    sm_copy(message + 64, exchange->nonce[SM_RESPONDER], 16);
    bool done = crypto_aes_cmac(mac, exchange->nonce[SM_INITIATOR], message, sizeof message);
    *out = ((uint32_t)mac[12] << 24 | (uint32_t)mac[13] << 16 | (uint32_t)mac[14] << 8 | mac[15]) % 1000000;
    return done;
}

BLUET_INTERNAL bool sm_h6(uint8_t out[16], const uint8_t key[16], const uint8_t identifier[4])
{
    return crypto_aes_cmac(out, key, identifier, 4);
}

BLUET_INTERNAL bool sm_h7(uint8_t out[16], const uint8_t salt[16], const uint8_t key[16])
{
    return crypto_aes_cmac(out, salt, key, 16);
}

BLUET_INTERNAL bool sm_ah(uint8_t out[3], const uint8_t irk[16], const uint8_t random[3])
{
    uint8_t padded[16] = {0};
    memcpy(padded + 13, random, 3);
    bool done = crypto_aes128(padded, irk, padded);
    memcpy(out, padded + 13, 3);
    return done;
}

static void turn_round(uint8_t *octets, size_t length)
{
    for (uint8_t *last = octets + length; octets < last;) {
        uint8_t octet = *octets;
        *octets++ = *--last;
        *last = octet;
    }
}

BLUET_INTERNAL bool sm_sign(uint8_t out[SM_SIGNATURE_LENGTH], const uint8_t csrk[16], uint8_t *message, size_t length)
{
    uint8_t mac[16];
    turn_round(message, length);
    bool done = crypto_aes_cmac(mac, csrk, message, length);
    turn_round(message, length);
    sm_reverse(out, mac, SM_SIGNATURE_LENGTH);
    return done;
}
