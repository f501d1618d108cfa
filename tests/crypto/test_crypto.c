/* The primitives, whichever backend gives them: sample data of their standards, and keys that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t nothing[64];

static const uint8_t *from(const char *hex)
{
    static uint8_t octets[4][64];
    static unsigned next;
    uint8_t *out = octets[next++ % 4];
    size_t length = strlen(hex) / 2;
    assert_true(length <= 64);
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
    return out;
}

static void assert_octets(const uint8_t *actual, const char *hex)
{
    assert_memory_equal(actual, from(hex), strlen(hex) / 2);
}

/* FIPS-197, appendix C.1 */
static void test_aes(void **state)
{
    (void)state;
    uint8_t block[16];
    assert_true(
        crypto_aes128(block, from("000102030405060708090a0b0c0d0e0f"), from("00112233445566778899aabbccddeeff")));
    assert_octets(block, "69c4e0d86a7b0430d8cdb78070b4c55a");
    /* In place. */
    memcpy(block, from("00112233445566778899aabbccddeeff"), 16);
    assert_true(crypto_aes128(block, from("000102030405060708090a0b0c0d0e0f"), block));
    assert_octets(block, "69c4e0d86a7b0430d8cdb78070b4c55a");
}

/* What is computed may take the place of what it is computed from. */
static void test_in_place(void **state)
{
    (void)state;
    static const char key[] = "2b7e151628aed2a6abf7158809cf4f3c";
    uint8_t octets[16], secret[64], expected[64];
    memcpy(octets, from(key), 16);
    assert_true(crypto_aes128(octets, octets, from("6bc1bee22e409f96e93d7e117393172a")));
    assert_octets(octets, "3ad77bb40d7a3660a89ecaf32466ef97"); /* SP 800-38A, F.1.1 */
    memcpy(octets, from(key), 16);
    assert_true(crypto_aes_cmac(octets, octets, from("6bc1bee22e409f96e93d7e117393172a"), 16));
    assert_octets(octets, "070a16b46b4d4144f79bdd9dd04a287c");
    memcpy(octets, from("6bc1bee22e409f96e93d7e117393172a"), 16);
    assert_true(crypto_aes_cmac(octets, from(key), octets, 16));
    assert_octets(octets, "070a16b46b4d4144f79bdd9dd04a287c");
    memset(secret, 0x17, sizeof secret);
    assert_true(crypto_p256_public(expected, secret));
    assert_true(crypto_p256_public(secret, secret));
    assert_memory_equal(secret, expected, 64);
    memset(secret + 32, 0x23, 32);
    memcpy(secret, secret + 32, 32);
    assert_true(crypto_p256_agree(expected, secret, expected));
    memset(expected + 32, 0x17, 32);
    assert_true(crypto_p256_public(secret, expected + 32));
    memset(expected + 32, 0x23, 32);
    assert_true(crypto_p256_agree(expected + 32, expected + 32, secret));
    assert_memory_equal(expected, expected + 32, 32);
}

/* RFC 4493, 4 */
static void test_cmac(void **state)
{
    (void)state;
    static const char key[] = "2b7e151628aed2a6abf7158809cf4f3c";
    static const char message[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                  "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    static const struct {
        size_t length;
        const char *tag;
    } cases[] = {{0, "bb1d6929e95937287fa37d129b756746"},
                 {16, "070a16b46b4d4144f79bdd9dd04a287c"},
                 {40, "dfa66747de9ae63030ca32611497c827"},
                 {64, "51f0bebf7e3b9d92fc49741779363cfe"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t tag[16];
        assert_true(crypto_aes_cmac(tag, from(key), from(message), cases[i].length));
        assert_octets(tag, cases[i].tag);
    }
}

/* FIPS 186-4, D.1.2.3: the generator, and the order of its group. */
static const char generator[] = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                                "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
static const char one[] = "0000000000000000000000000000000000000000000000000000000000000001";

static void test_public_keys(void **state)
{
    (void)state;
    uint8_t key[64], largest[32];
    assert_true(crypto_p256_public(key, from(one)));
    assert_octets(key, generator);
    memcpy(largest, from(order), 32);
    largest[31]--;
    assert_true(crypto_p256_public(key, largest));
    assert_memory_equal(key, from(generator), 32); /* the same x: it is the negative of the generator */
    assert_memory_not_equal(key + 32, from(generator) + 32, 32);
}

static void test_private_keys_that_are_none(void **state)
{
    (void)state;
    static const char *const keys[] = {"0000000000000000000000000000000000000000000000000000000000000000", order,
                                       "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        uint8_t out[64];
        memset(out, 0xff, sizeof out);
        assert_false(crypto_p256_public(out, from(keys[i])));
        assert_memory_equal(out, nothing, 64);
        memset(out, 0xff, sizeof out);
        assert_false(crypto_p256_agree(out, from(keys[i]), from(generator)));
        assert_memory_equal(out, nothing, 32);
    }
}

/* RFC 5903, 8.1 */
static void test_agreement(void **state)
{
    (void)state;
    static const char i_private[] = "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433";
    static const char i_public[] = "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
                                   "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3";
    static const char r_private[] = "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53";
    static const char r_public[] = "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
                                   "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab";
    static const char secret[] = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de";
    uint8_t out[64];
    assert_true(crypto_p256_public(out, from(i_private)));
    assert_octets(out, i_public);
    assert_true(crypto_p256_public(out, from(r_private)));
    assert_octets(out, r_public);
    assert_true(crypto_p256_agree(out, from(i_private), from(r_public)));
    assert_octets(out, secret);
    assert_true(crypto_p256_agree(out, from(r_private), from(i_public)));
    assert_octets(out, secret);
}

static void test_points_that_are_none(void **state)
{
    (void)state;
    uint8_t points[4][64];
    memcpy(points[0], from(generator), 64);
    points[0][63] ^= 1; /* beside the curve */
    memset(points[1], 0, 64);
    memcpy(points[2], from(generator), 64);
    memset(points[2], 0xff, 32); /* x beyond the field */
    memcpy(points[3], from(generator), 64);
    memset(points[3] + 32, 0, 32); /* of another curve */
    for (size_t i = 0; i < 4; i++) {
        uint8_t out[32];
        memset(out, 0xff, sizeof out);
        assert_false(crypto_p256_agree(out, from(one), points[i]));
        assert_memory_equal(out, nothing, sizeof out);
    }
}

static void test_comparing_and_wiping(void **state)
{
    (void)state;
    uint8_t octets[16];
    memset(octets, 0xaa, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) {
        uint8_t other[16];
        memcpy(other, octets, sizeof other);
        assert_true(crypto_equal(octets, other, sizeof other));
        other[i] ^= 0x80;
        assert_false(crypto_equal(octets, other, sizeof other));
        assert_true(crypto_equal(octets, other, i));
    }
    crypto_wipe(octets, 15);
    assert_memory_equal(octets, nothing, 15);
    assert_int_equal(octets[15], 0xaa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aes),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_cmac),
        cmocka_unit_test(test_public_keys),
        cmocka_unit_test(test_private_keys_that_are_none),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_points_that_are_none),
        cmocka_unit_test(test_comparing_and_wiping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
