/*
 * AES-128, AES-CMAC and P-256 through the older interface of mbedTLS, as 2.28 and 3.x have it, for systems that have no
 * PSA Crypto. CMAC is made of AES here: what a small configuration of mbedTLS leaves out of it would take more room
 * than this does. Nothing is shared between calls.
 */
#include "crypto/crypto.h"

#include <mbedtls/aes.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <string.h>

enum { BLOCK_LENGTH = 16, SCALAR_LENGTH = 32, POINT_LENGTH = 65 };
enum { POINT_UNCOMPRESSED = 0x04 }; /* SEC 1, 2.3.3 */

/* Passes on whether all went well; otherwise there is nothing in `out`. */
static bool crypto_conclude(bool done, uint8_t *out, size_t length)
{
    if (!done)
        memset(out, 0, length);
    return done;
}

/* ---- AES ---- */

BLUET_INTERNAL bool crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    mbedtls_aes_context context;
    mbedtls_aes_init(&context);
    bool done = mbedtls_aes_setkey_enc(&context, key, 128) == 0 &&
                mbedtls_aes_crypt_ecb(&context, MBEDTLS_AES_ENCRYPT, in, out) == 0;
    mbedtls_aes_free(&context);
    return crypto_conclude(done, out, BLOCK_LENGTH);
}

/* RFC 4493, 2.3: the next subkey. */
static void shift_subkey(uint8_t subkey[BLOCK_LENGTH])
{
    uint8_t carry = subkey[0] >> 7;
    for (size_t i = 0; i < BLOCK_LENGTH - 1; i++)
        subkey[i] = (uint8_t)(subkey[i] << 1 | subkey[i + 1] >> 7);
    subkey[BLOCK_LENGTH - 1] = (uint8_t)(subkey[BLOCK_LENGTH - 1] << 1 ^ (0x87 & -carry));
}

static void mix(uint8_t block[BLOCK_LENGTH], const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length; i++)
        block[i] ^= octets[i];
}

/* RFC 4493, 2.4 */
BLUET_INTERNAL bool crypto_aes_cmac(uint8_t out[16], const uint8_t key[16], const uint8_t *message, size_t length)
{
    static const uint8_t padding = 0x80;
    uint8_t subkey[BLOCK_LENGTH] = {0}, chain[BLOCK_LENGTH] = {0};
    bool done = crypto_aes128(subkey, key, chain);
    for (; done && length > BLOCK_LENGTH; message += BLOCK_LENGTH, length -= BLOCK_LENGTH) {
        mix(chain, message, BLOCK_LENGTH);
        done = crypto_aes128(chain, key, chain);
    }
    shift_subkey(subkey);
    mix(chain, message, length);
    if (length < BLOCK_LENGTH) {
        shift_subkey(subkey);
        mix(chain + length, &padding, 1);
    }
    mix(chain, subkey, BLOCK_LENGTH);
    done = done && crypto_aes128(out, key, chain);
    crypto_wipe(subkey, sizeof subkey);
    crypto_wipe(chain, sizeof chain);
    return crypto_conclude(done, out, BLOCK_LENGTH);
}

/* ---- P-256 ---- */

/*
 * What blinds a multiplication against those who measure it: octets that nobody can know who does not know the private
 * key, as mbedTLS 2.28 makes them for itself and 3.x wants them given.
 */
struct blinding {
    uint8_t key[BLOCK_LENGTH];
    uint8_t counter[BLOCK_LENGTH];
};

static int blind(void *context, unsigned char *out, size_t length)
{
    struct blinding *blinding = context;
    uint8_t block[BLOCK_LENGTH];
    while (length > 0) {
        size_t part = length < sizeof block ? length : sizeof block;
        for (size_t i = 0; i < sizeof blinding->counter && ++blinding->counter[i] == 0; i++) {}
        if (!crypto_aes128(block, blinding->key, blinding->counter))
            return MBEDTLS_ERR_ECP_RANDOM_FAILED;
        memcpy(out, block, part);
        out += part;
        length -= part;
    }
    crypto_wipe(block, sizeof block);
    return 0;
}

struct curve {
    mbedtls_ecp_group group;
    mbedtls_mpi scalar;
    mbedtls_ecp_point peer, product;
    struct blinding blinding;
};

static bool multiply(struct curve *curve, uint8_t out[POINT_LENGTH], const uint8_t private_key[SCALAR_LENGTH],
                     const uint8_t *peer)
{
    size_t length = 0;
    if (mbedtls_ecp_group_load(&curve->group, MBEDTLS_ECP_DP_SECP256R1) != 0 ||
        mbedtls_mpi_read_binary(&curve->scalar, private_key, SCALAR_LENGTH) != 0 ||
        mbedtls_ecp_check_privkey(&curve->group, &curve->scalar) != 0)
        return false;
    if (peer && (mbedtls_ecp_point_read_binary(&curve->group, &curve->peer, peer, POINT_LENGTH) != 0 ||
                 mbedtls_ecp_check_pubkey(&curve->group, &curve->peer) != 0))
        return false;
    return crypto_aes_cmac(curve->blinding.key, private_key, private_key, SCALAR_LENGTH) &&
           mbedtls_ecp_mul(&curve->group, &curve->product, &curve->scalar, peer ? &curve->peer : &curve->group.G, blind,
                           &curve->blinding) == 0 &&
           mbedtls_ecp_point_write_binary(&curve->group, &curve->product, MBEDTLS_ECP_PF_UNCOMPRESSED, &length, out,
                                          POINT_LENGTH) == 0 &&
           length == POINT_LENGTH;
}

/* A private key times a point, or times the generator. */
static bool multiply_once(uint8_t out[POINT_LENGTH], const uint8_t private_key[SCALAR_LENGTH], const uint8_t *peer)
{
    struct curve curve = {.blinding = {{0}, {0}}};
    mbedtls_ecp_group_init(&curve.group);
    mbedtls_mpi_init(&curve.scalar);
    mbedtls_ecp_point_init(&curve.peer);
    mbedtls_ecp_point_init(&curve.product);
    bool done = multiply(&curve, out, private_key, peer);
    mbedtls_ecp_point_free(&curve.product);
    mbedtls_ecp_point_free(&curve.peer);
    mbedtls_mpi_free(&curve.scalar);
    mbedtls_ecp_group_free(&curve.group);
    crypto_wipe(&curve.blinding, sizeof curve.blinding);
    return done;
}

BLUET_INTERNAL bool crypto_p256_public(uint8_t out_public[64], const uint8_t private_key[32])
{
    uint8_t point[POINT_LENGTH];
    bool done = multiply_once(point, private_key, NULL);
    if (done)
        memcpy(out_public, point + 1, 64);
    return crypto_conclude(done, out_public, 64);
}

BLUET_INTERNAL bool crypto_p256_agree(uint8_t out_secret[32], const uint8_t private_key[32],
                                      const uint8_t peer_public[64])
{
    uint8_t point[POINT_LENGTH], peer[POINT_LENGTH] = {POINT_UNCOMPRESSED};
    memcpy(peer + 1, peer_public, 64);
    bool done = multiply_once(point, private_key, peer);
    if (done)
        memcpy(out_secret, point + 1, 32);
    crypto_wipe(point, sizeof point);
    return crypto_conclude(done, out_secret, 32);
}
