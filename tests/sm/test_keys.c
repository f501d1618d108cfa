/* The toolbox against the sample data of the specification (Vol 3 Part H, appendix D) and of RFC 4493. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/sm_keys.h"

#include <stdlib.h>
#include <string.h>

enum { OCTETS_LARGEST = 64 };

struct octets {
    uint8_t data[OCTETS_LARGEST];
    size_t length;
};

static struct octets from(const char *hex)
{
    struct octets octets = {.length = strlen(hex) / 2};
    assert_true(octets.length <= OCTETS_LARGEST);
    for (size_t i = 0; i < octets.length; i++)
        octets.data[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
    return octets;
}

static void assert_octets(const uint8_t *actual, const char *hex)
{
    struct octets expected = from(hex);
    assert_memory_equal(actual, expected.data, expected.length);
}

/* As it goes over the air: the other way round. */
static struct octets reversed(const char *hex)
{
    struct octets octets = from(hex);
    struct octets out = {.length = octets.length};
    for (size_t i = 0; i < octets.length; i++)
        out.data[i] = octets.data[octets.length - 1 - i];
    return out;
}

static struct bluet_address address(uint8_t type, const char *hex)
{
    struct bluet_address result = {.type = type};
    memcpy(result.octets, from(hex).data, sizeof result.octets);
    return result;
}
static const char private_a[] = "3f49f6d4a3c55f3874c9b3e3d2103f504aff607beb40b7995899b8a6cd3c1abd";
static const char private_b[] = "55188b3d32f6bb9a900afcfbeed4e72a59cb9ac2f19d7cfb6b4fdd49f47fc5fd";
static const char public_a[] = "20b003d2f297be2c5e2c83a7e9f9a5b9eff49111acf4fddbcc0301480e359de6"
                               "dc809c49652aeb6d63329abf5a52155c766345c28fed3024741c8ed01589d28b";
static const char public_b[] = "1ea1f0f01faf1d9609592284f19e4c0047b58afd8615a69f559077b22faaa190"
                               "4c55f33e429dad377356703a9ab85160472d1130e28e36765f89aff915b1214a";
static const char dhkey[] = "ec0234a357c8ad05341010a60a397d9b99796b13b4f866f1868d34f373bfa698";
static const char n1[] = "d5cb8454d177733effffb2ec712baeab";
static const char n2[] = "a6e8e7cc25a75f6e216583f7ff3dc4cf";
static const char mac_key[] = "2965f176a1084a02fd3f6a20ce636e20";
static const char irk[] = "ec0234a357c8ad05341010a60a397d9b";

static void put(uint8_t *out, const char *hex)
{
    struct octets octets = from(hex);
    memcpy(out, octets.data, octets.length);
}

static struct bluet_address ends_ab[2];

/* What A and B have said in appendix D. */
static struct sm_exchange exchange_ab(void)
{
    struct sm_exchange exchange = {0};
    ends_ab[0] = address(0x00, "56123737bfce");
    ends_ab[1] = address(0x00, "a713702dcfc1");
    put(exchange.x[0], "20b003d2f297be2c5e2c83a7e9f9a5b9eff49111acf4fddbcc0301480e359de6");
    put(exchange.x[1], "55188b3d32f6bb9a900afcfbeed4e72a59cb9ac2f19d7cfb6b4fdd49f47fc5fd");
    put(exchange.nonce[0], n1);
    put(exchange.nonce[1], n2);
    return exchange;
}

static void test_public_key(void **state)
{
    (void)state;
    uint8_t key[64];
    assert_true(crypto_p256_public(key, from(private_a).data));
    assert_octets(key, public_a);
    assert_true(crypto_p256_public(key, from(private_b).data));
    assert_octets(key, public_b);
    /* No private keys: 0, and the order of the group. */
    static const uint8_t zeros[64];
    assert_false(crypto_p256_public(key, zeros));
    assert_memory_equal(key, zeros, sizeof key);
    assert_false(
        crypto_p256_public(key, from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").data));
}

static void test_agreement(void **state)
{
    (void)state;
    uint8_t secret[32];
    assert_true(crypto_p256_agree(secret, from(private_a).data, from(public_b).data));
    assert_octets(secret, dhkey);
    assert_true(crypto_p256_agree(secret, from(private_b).data, from(public_a).data));
    assert_octets(secret, dhkey);
}

static void test_points_that_are_on_no_curve(void **state)
{
    (void)state;
    uint8_t secret[32];
    static const uint8_t zeros[64];
    struct octets point = from(public_b);
    point.data[63] ^= 1; /* only y is altered, as in CVE-2018-5383 */
    assert_false(crypto_p256_agree(secret, from(private_a).data, point.data));
    memset(point.data + 32, 0, 32);
    assert_false(crypto_p256_agree(secret, from(private_a).data, point.data));
    assert_false(crypto_p256_agree(secret, from(private_a).data, zeros));
    /* x plus the prime of the field does not fit; an x that is the prime is none either. */
    point = from("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
                 "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4");
    assert_false(crypto_p256_agree(secret, from(private_a).data, point.data));
    assert_memory_equal(secret, zeros, sizeof secret);
}

static void test_cmac(void **state)
{
    (void)state;
    uint8_t mac[16];
    assert_true(crypto_aes_cmac(mac, from("2b7e151628aed2a6abf7158809cf4f3c").data, from("").data, 0));
    assert_octets(mac, "bb1d6929e95937287fa37d129b756746");
    assert_true(crypto_aes_cmac(mac, from("2b7e151628aed2a6abf7158809cf4f3c").data,
                                from("6bc1bee22e409f96e93d7e117393172a").data, 16));
    assert_octets(mac, "070a16b46b4d4144f79bdd9dd04a287c");
    assert_true(crypto_aes_cmac(
        mac, from("2b7e151628aed2a6abf7158809cf4f3c").data,
        from("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411").data, 40));
    assert_octets(mac, "dfa66747de9ae63030ca32611497c827");
    assert_true(crypto_aes_cmac(mac, from("2b7e151628aed2a6abf7158809cf4f3c").data,
                                from("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e"
                                     "5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
                                    .data,
                                64));
    assert_octets(mac, "51f0bebf7e3b9d92fc49741779363cfe");
}

static void test_c1(void **state)
{
    (void)state;
    static const uint8_t zeros[16];
    uint8_t out[16];
    const struct bluet_address ends[2] = {address(1, "a1a2a3a4a5a6"), address(0, "b1b2b3b4b5b6")};
    struct sm_exchange exchange = {0};
    memcpy(exchange.features[0], reversed("07071000000101").data, 7);
    memcpy(exchange.features[1], reversed("05000800000302").data, 7);
    for (unsigned side = 0; side < 2; side++) {
        put(exchange.nonce[side], "5783d52156ad6f0e6388274ec6702ee0");
        assert_true(sm_c1(out, &exchange, ends, side, zeros));
        assert_octets(out, "1e1e3fef878988ead2a74dc5bef13b86");
        memset(exchange.nonce[side], 0, 16);
    }
}

static void test_s1(void **state)
{
    (void)state;
    uint8_t out[16] = {0};
    struct sm_exchange exchange = {0};
    put(exchange.nonce[SM_RESPONDER], "000f0e0d0c0b0a091122334455667788");
    put(exchange.nonce[SM_INITIATOR], "010203040506070899aabbccddeeff00");
    assert_true(sm_s1(out, &exchange, out));
    assert_octets(out, "9a1fe1f0e8b0f49b5b4216ae796da062");
}

static void test_f4(void **state)
{
    (void)state;
    uint8_t out[16];
    assert_true(sm_f4(out, from("20b003d2f297be2c5e2c83a7e9f9a5b9eff49111acf4fddbcc0301480e359de6").data,
                      from("55188b3d32f6bb9a900afcfbeed4e72a59cb9ac2f19d7cfb6b4fdd49f47fc5fd").data,
                      from("d5cb8454d177733effffb2ec712baeab").data, 0));
    assert_octets(out, "f2c916f107a9bd1cf1eda1bea974872d");
}

static void test_f5(void **state)
{
    (void)state;
    struct sm_exchange exchange = exchange_ab();
    put(exchange.secret, dhkey);
    assert_true(sm_f5(&exchange, ends_ab));
    assert_octets(exchange.secret, mac_key);
    assert_octets(exchange.secret + 16, "6986791169d7cd23980522b594750a38");
}

/* Of A; and of B, if all that they have said were the other way round. */
static void test_f6(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        uint8_t out[16];
        struct sm_exchange exchange = exchange_ab();
        const struct bluet_address ends[2] = {ends_ab[side], ends_ab[!side]};
        put(exchange.secret, mac_key);
        put(exchange.nonce[side], n1);
        put(exchange.nonce[!side], n2);
        put(exchange.features[side], "01020101");
        put(exchange.features[!side], "02030000");
        assert_true(sm_f6(out, &exchange, ends, side, from("12a3343bb453bb5408da42d20c2d0fc8").data));
        assert_octets(out, "e3c473989cd0e8c5d26c0b09da958f61");
    }
}

static void test_g2(void **state)
{
    (void)state;
    uint32_t number;
    const struct sm_exchange exchange = exchange_ab();
    assert_true(sm_g2(&number, &exchange));
    assert_int_equal(number, 0x2f9ed5ba % 1000000);
}

static void test_h6_h7(void **state)
{
    (void)state;
    uint8_t out[16];
    assert_true(sm_h6(out, from("ec0234a357c8ad05341010a60a397d9b").data, from("6c656272").data));
    assert_octets(out, "2d9ae102e76dc91ce8d3a9e280b16399");
    assert_true(
        sm_h7(out, from("000000000000000000000000746d7031").data, from("ec0234a357c8ad05341010a60a397d9b").data));
    assert_octets(out, "fb173597c6a3c0ecd2998c2a75a57011");
}

/* What other hosts make of RFC 4493's messages, and of a command. The PDU is as it was, afterwards. */
static void test_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *key, *message, *signature;
    } rows[] = {
        {"2b7e151628aed2a6abf7158809cf4f3c", "00000000", "b3a8594127ebc2c0"},
        {"2b7e151628aed2a6abf7158809cf4f3c", "6bc1bee22e409f96e93d7e117393172a00000000", "273974f4392a232a"},
        {"611b64ebfbcd1fd372ec9196df425e50", "d21200133701000000", "f1871e933c900ff2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets message = from(rows[i].message);
        uint8_t signature[SM_SIGNATURE_LENGTH];
        assert_true(sm_sign(signature, from(rows[i].key).data, message.data, message.length));
        assert_octets(signature, rows[i].signature);
        assert_octets(message.data, rows[i].message);
    }
}

static void test_ah(void **state)
{
    (void)state;
    uint8_t out[3];
    assert_true(sm_ah(out, from(irk).data, from("708194").data));
    assert_octets(out, "0dfbaa");
}

static void test_comparing_and_wiping(void **state)
{
    (void)state;
    uint8_t one[4] = {1, 2, 3, 4};
    uint8_t other[4] = {1, 2, 3, 5};
    assert_false(crypto_equal(one, other, 4));
    assert_true(crypto_equal(one, other, 3));
    crypto_wipe(one, 3);
    assert_memory_equal(one, ((uint8_t[]){0, 0, 0, 4}), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_key),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_points_that_are_on_no_curve),
        cmocka_unit_test(test_cmac),
        cmocka_unit_test(test_c1),
        cmocka_unit_test(test_s1),
        cmocka_unit_test(test_f4),
        cmocka_unit_test(test_f5),
        cmocka_unit_test(test_f6),
        cmocka_unit_test(test_g2),
        cmocka_unit_test(test_h6_h7),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_ah),
        cmocka_unit_test(test_comparing_and_wiping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
