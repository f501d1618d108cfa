/*
 * AES-128, AES-CMAC and P-256 through the PSA Cryptography API, by the calls that mbedTLS 2.28 and 3.x have in common.
 * The key slots of mbedTLS 2.28 are not safe against threads, and two hosts may live in two of them: calls are made one
 * at a time. Who waits, spins: threads of different priority on one core, and processors whose atomic accesses are none
 * (Cortex-M0), want all hosts in one thread.
 */
#include "crypto/crypto.h"

#include <psa/crypto.h>
#include <stdatomic.h>
#include <string.h>

static atomic_flag crypto_in_use = ATOMIC_FLAG_INIT;

static void crypto_lock(void)
{
    while (atomic_flag_test_and_set_explicit(&crypto_in_use, memory_order_acquire)) {}
}

/* Passes on whether all went well; otherwise there is nothing in `out`. */
static bool crypto_unlock(bool done, uint8_t *out, size_t length)
{
    atomic_flag_clear_explicit(&crypto_in_use, memory_order_release);
    if (!done)
        memset(out, 0, length);
    return done;
}

struct crypto_key {
    psa_key_type_t type;
    psa_key_usage_t usage;
    psa_algorithm_t algorithm;
    size_t length;
};

static bool key_import(psa_key_id_t *out_identifier, const struct crypto_key *key, const uint8_t *octets)
{
    *out_identifier = 0;
    if (psa_crypto_init() != PSA_SUCCESS)
        return false;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, key->type);
    psa_set_key_bits(&attributes, key->length * 8);
    psa_set_key_usage_flags(&attributes, key->usage);
    psa_set_key_algorithm(&attributes, key->algorithm);
    return psa_import_key(&attributes, octets, key->length, out_identifier) == PSA_SUCCESS;
}

/* A key that PSA could not get rid of is a failure too: it may be there, and in its slot. */
static bool key_conclude(psa_key_id_t identifier, psa_status_t status)
{
    return psa_destroy_key(identifier) == PSA_SUCCESS && status == PSA_SUCCESS;
}

/* ---- AES ---- */

static bool encrypt_block(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    const struct crypto_key aes = {PSA_KEY_TYPE_AES, PSA_KEY_USAGE_ENCRYPT, PSA_ALG_ECB_NO_PADDING, 16};
    psa_key_id_t identifier;
    if (!key_import(&identifier, &aes, key))
        return false;
    size_t length = 0;
    psa_status_t status = psa_cipher_encrypt(identifier, PSA_ALG_ECB_NO_PADDING, in, 16, out, 16, &length);
    return key_conclude(identifier, status) && length == 16;
}

BLUET_INTERNAL bool crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    crypto_lock();
    return crypto_unlock(encrypt_block(out, key, in), out, 16);
}

static bool mac_compute(uint8_t out[16], const uint8_t key[16], const uint8_t *message, size_t length)
{
    const struct crypto_key cmac = {PSA_KEY_TYPE_AES, PSA_KEY_USAGE_SIGN_HASH | PSA_KEY_USAGE_SIGN_MESSAGE,
                                    PSA_ALG_CMAC, 16};
    psa_key_id_t identifier;
    if (!key_import(&identifier, &cmac, key))
        return false;
    size_t made = 0;
    psa_status_t status = psa_mac_compute(identifier, PSA_ALG_CMAC, message, length, out, 16, &made);
    return key_conclude(identifier, status) && made == 16;
}

BLUET_INTERNAL bool crypto_aes_cmac(uint8_t out[16], const uint8_t key[16], const uint8_t *message, size_t length)
{
    crypto_lock();
    return crypto_unlock(mac_compute(out, key, message, length), out, 16);
}

/* ---- P-256 ---- */

enum { POINT_UNCOMPRESSED = 0x04 }; /* SEC 1, 2.3.3 */

static bool key_pair_import(psa_key_id_t *out_identifier, const uint8_t private_key[32])
{
    const struct crypto_key pair = {PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), PSA_KEY_USAGE_DERIVE,
                                    PSA_ALG_ECDH, 32};
    return key_import(out_identifier, &pair, private_key);
}

static bool export_public(uint8_t out_public[64], const uint8_t private_key[32])
{
    psa_key_id_t identifier;
    if (!key_pair_import(&identifier, private_key))
        return false;
    uint8_t point[65];
    size_t length = 0;
    psa_status_t status = psa_export_public_key(identifier, point, sizeof point, &length);
    if (!key_conclude(identifier, status) || length != sizeof point)
        return false;
    memcpy(out_public, point + 1, 64);
    return true;
}

BLUET_INTERNAL bool crypto_p256_public(uint8_t out_public[64], const uint8_t private_key[32])
{
    crypto_lock();
    return crypto_unlock(export_public(out_public, private_key), out_public, 64);
}

static bool agree(uint8_t out_secret[32], const uint8_t private_key[32], const uint8_t peer_public[64])
{
    psa_key_id_t identifier;
    if (!key_pair_import(&identifier, private_key))
        return false;
    uint8_t point[65] = {POINT_UNCOMPRESSED};
    memcpy(point + 1, peer_public, 64);
    size_t length = 0;
    psa_status_t status = psa_raw_key_agreement(PSA_ALG_ECDH, identifier, point, sizeof point, out_secret, 32, &length);
    return key_conclude(identifier, status) && length == 32;
}

BLUET_INTERNAL bool crypto_p256_agree(uint8_t out_secret[32], const uint8_t private_key[32],
                                      const uint8_t peer_public[64])
{
    crypto_lock();
    return crypto_unlock(agree(out_secret, private_key, peer_public), out_secret, 32);
}
