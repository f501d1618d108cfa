/*
 * AES-128 through the PSA Cryptography API, by the calls that mbedTLS 2.28 and 3.x have in common. The key slots of
 * mbedTLS 2.28 are not safe against threads, and two hosts may live in two of them: calls are made one at a time.
 */
#include "crypto/crypto.h"

#include <psa/crypto.h>
#include <stdatomic.h>
#include <string.h>

static atomic_flag crypto_in_use = ATOMIC_FLAG_INIT;

static bool encrypt_block(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    if (psa_crypto_init() != PSA_SUCCESS)
        return false;

    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_AES);
    psa_set_key_bits(&attributes, 128);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_ENCRYPT);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECB_NO_PADDING);

    psa_key_id_t identifier = 0;
    if (psa_import_key(&attributes, key, 16, &identifier) != PSA_SUCCESS)
        return false;
    size_t length = 0;
    psa_status_t status = psa_cipher_encrypt(identifier, PSA_ALG_ECB_NO_PADDING, in, 16, out, 16, &length);
    psa_destroy_key(identifier);
    return status == PSA_SUCCESS && length == 16;
}

BLUET_INTERNAL bool crypto_aes128(uint8_t out[16], const uint8_t key[16], const uint8_t in[16])
{
    while (atomic_flag_test_and_set_explicit(&crypto_in_use, memory_order_acquire)) {}
    bool done = encrypt_block(out, key, in);
    atomic_flag_clear_explicit(&crypto_in_use, memory_order_release);
    if (!done)
        memset(out, 0, 16);
    return done;
}
