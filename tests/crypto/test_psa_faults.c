/*
 * The backend for PSA Crypto over a PSA that fails at each of its calls in turn: what was made is destroyed, nothing is
 * given out, and the next call finds all as before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if __has_include(<psa/crypto.h>)
#include <psa/crypto.h>
#include <string.h>

static unsigned calls, failing; /* of the calls, from 1: which one fails; 0: none */
static unsigned keys;           /* that have been imported and not destroyed */

static psa_status_t answer(void)
{
    return ++calls == failing ? PSA_ERROR_INSUFFICIENT_MEMORY : PSA_SUCCESS;
}

/* One that fails has begun to write, and says what it likes of the length. */
static psa_status_t give(uint8_t *out, size_t size, size_t *length)
{
    psa_status_t status = answer();
    memset(out, 0x5a, status ? size / 2 : size);
    *length = size;
    return status;
}

static psa_status_t fake_init(void)
{
    return answer();
}

static psa_status_t fake_import(const psa_key_attributes_t *attributes, const uint8_t *octets, size_t length,
                                psa_key_id_t *key)
{
    (void)octets;
    assert_int_equal(psa_get_key_bits(attributes), length * 8);
    assert_int_equal(psa_get_key_lifetime(attributes), PSA_KEY_LIFETIME_VOLATILE);
    psa_status_t status = answer();
    *key = status ? 0 : 7;
    keys += !status;
    return status;
}

/* One that cannot is heard of: who asks must not think that the key is gone. */
static psa_status_t fake_destroy(psa_key_id_t key)
{
    assert_int_equal(key, 7);
    assert_true(keys > 0);
    keys--;
    return answer();
}

static psa_status_t fake_encrypt(psa_key_id_t key, psa_algorithm_t algorithm, const uint8_t *in, size_t in_length,
                                 uint8_t *out, size_t size, size_t *length)
{
    (void)in;
    assert_int_equal(key, 7);
    assert_true(algorithm == PSA_ALG_ECB_NO_PADDING && in_length == 16 && size == 16);
    return give(out, size, length);
}

static psa_status_t fake_mac(psa_key_id_t key, psa_algorithm_t algorithm, const uint8_t *in, size_t in_length,
                             uint8_t *out, size_t size, size_t *length)
{
    (void)in;
    (void)in_length;
    assert_int_equal(key, 7);
    assert_true(algorithm == PSA_ALG_CMAC && size == 16);
    return give(out, size, length);
}

static psa_status_t fake_export(psa_key_id_t key, uint8_t *out, size_t size, size_t *length)
{
    assert_int_equal(key, 7);
    assert_int_equal(size, 65);
    return give(out, size, length);
}

static psa_status_t fake_agree(psa_algorithm_t algorithm, psa_key_id_t key, const uint8_t *peer, size_t peer_length,
                               uint8_t *out, size_t size, size_t *length)
{
    assert_int_equal(key, 7);
    assert_true(algorithm == PSA_ALG_ECDH && peer[0] == 4 && peer_length == 65 && size == 32);
    return give(out, size, length);
}

#define psa_crypto_init fake_init
#define psa_import_key fake_import
#define psa_destroy_key fake_destroy
#define psa_cipher_encrypt fake_encrypt
#define psa_mac_compute fake_mac
#define psa_export_public_key fake_export
#define psa_raw_key_agreement fake_agree
#define crypto_aes128 over_fakes_aes128
#define crypto_aes_cmac over_fakes_aes_cmac
#define crypto_p256_public over_fakes_p256_public
#define crypto_p256_agree over_fakes_p256_agree
/* NOLINTNEXTLINE(bugprone-suspicious-include): whose calls are those above */
#include "crypto/crypto_psa.c"

enum { FUNCTIONS = 4, CALLS = 4 };

static bool call(int function, uint8_t out[64], size_t *out_length)
{
    static const uint8_t octets[64] = {1};
    *out_length = function == 2 ? 64 : function == 3 ? 32 : 16;
    switch (function) {
    case 0:
        return crypto_aes128(out, octets, octets);
    case 1:
        return crypto_aes_cmac(out, octets, octets, sizeof octets);
    case 2:
        return crypto_p256_public(out, octets);
    default:
        return crypto_p256_agree(out, octets, octets);
    }
}

static void test_every_call_fails(void **state)
{
    (void)state;
    for (int function = 0; function < FUNCTIONS; function++) {
        for (unsigned i = 0; i <= CALLS; i++) {
            uint8_t out[64], expected[64];
            size_t length;
            calls = 0;
            failing = i;
            memset(out, 0xff, sizeof out);
            assert_int_equal(call(function, out, &length), i == 0);
            memset(expected, i ? 0 : 0x5a, length);
            memset(expected + length, 0xff, sizeof expected - length);
            assert_memory_equal(out, expected, sizeof out);
            assert_int_equal(keys, 0);
            assert_true(i == 0 ? calls == CALLS : calls >= i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_call_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    return 0;
}
#endif
