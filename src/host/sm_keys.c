/* The toolbox functions, each as its section has it (Vol 3 Part H, 2.2). */
#include "host/sm_keys.h"

#include "spec/writer.h"

static void exclusive_or(uint8_t *out, const uint8_t *other)
{
    for (size_t i = 0; i < 16; i++)
        out[i] ^= other[i];
}

static void write_address(struct writer *writer, const struct bluet_address *address)
{
    write_u8(writer, address->type);
    write_octets(writer, address->octets, sizeof address->octets);
}

BLUET_INTERNAL bool sm_c1(uint8_t out[16], const uint8_t key[16], const uint8_t random[16], const uint8_t *request,
                          const uint8_t *response, const struct sm_parties *parties)
{
    uint8_t p[16];
    struct writer writer = writer_of(p, sizeof p);
    write_reversed(&writer, response, SM_FEATURES_LENGTH);
    write_reversed(&writer, request, SM_FEATURES_LENGTH);
    write_u8(&writer, parties->responder.type);
    write_u8(&writer, parties->initiator.type);
    exclusive_or(p, random);
    if (!crypto_aes128(out, key, p))
        return false;
    writer = writer_of(p, sizeof p);
    write_zeros(&writer, 4);
    write_octets(&writer, parties->initiator.octets, 6);
    write_octets(&writer, parties->responder.octets, 6);
    exclusive_or(p, out);
    return crypto_aes128(out, key, p);
}

BLUET_INTERNAL bool sm_s1(uint8_t out[16], const uint8_t key[16], const uint8_t r1[16], const uint8_t r2[16])
{
    uint8_t r[16];
    memcpy(r, r1 + 8, 8);
    memcpy(r + 8, r2 + 8, 8);
    return crypto_aes128(out, key, r);
}

BLUET_INTERNAL bool sm_f4(uint8_t out[16], const uint8_t u[32], const uint8_t v[32], const uint8_t x[16], uint8_t z)
{
    uint8_t message[65];
    memcpy(message, u, 32);
    memcpy(message + 32, v, 32);
    message[64] = z;
    return crypto_aes_cmac(out, x, message, sizeof message);
}

BLUET_INTERNAL bool sm_f5(uint8_t out_mac_key[16], uint8_t out_ltk[16], const uint8_t dhkey[32], const uint8_t n1[16],
                          const uint8_t n2[16], const struct sm_parties *parties)
{
    static const uint8_t salt[16] = {0x6c, 0x88, 0x83, 0x91, 0xaa, 0xf5, 0xa5, 0x38,
                                     0x60, 0x37, 0x0b, 0xdb, 0x5a, 0x60, 0x83, 0xbe};
    uint8_t message[53];
    struct writer writer = writer_of(message, sizeof message);
    write_u8(&writer, 0);
    write_octets(&writer, "btle", 4);
    write_octets(&writer, n1, 16);
    write_octets(&writer, n2, 16);
    write_address(&writer, &parties->initiator);
    write_address(&writer, &parties->responder);
    write_octets(&writer, "\x01\x00", 2); /* length of the key, in bits */
    uint8_t key[16];
    bool done = crypto_aes_cmac(key, salt, dhkey, 32) && crypto_aes_cmac(out_mac_key, key, message, sizeof message);
    message[0] = 1;
    done = done && crypto_aes_cmac(out_ltk, key, message, sizeof message);
    crypto_wipe(key, sizeof key);
    return done;
}

BLUET_INTERNAL bool sm_f6(uint8_t out[16], const uint8_t mac_key[16], const uint8_t n1[16], const uint8_t n2[16],
                          const uint8_t r[16], const uint8_t io[3], const struct sm_parties *parties)
{
    uint8_t message[65];
    struct writer writer = writer_of(message, sizeof message);
    write_octets(&writer, n1, 16);
    write_octets(&writer, n2, 16);
    write_octets(&writer, r, 16);
    write_octets(&writer, io, 3);
    write_address(&writer, &parties->initiator);
    write_address(&writer, &parties->responder);
    return crypto_aes_cmac(out, mac_key, message, sizeof message);
}

BLUET_INTERNAL bool sm_g2(uint32_t *out, const uint8_t u[32], const uint8_t v[32], const uint8_t x[16],
                          const uint8_t y[16])
{
    uint8_t message[80];
    uint8_t mac[16];
    memcpy(message, u, 32);
    memcpy(message + 32, v, 32);
    memcpy(message + 64, y, 16);
    bool done = crypto_aes_cmac(mac, x, message, sizeof message);
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
    uint8_t encrypted[16];
    memcpy(padded + 13, random, 3);
    bool done = crypto_aes128(encrypted, irk, padded);
    memcpy(out, encrypted + 13, 3);
    return done;
}

static void turn_round(uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length / 2; i++) {
        uint8_t octet = octets[i];
        octets[i] = octets[length - 1 - i];
        octets[length - 1 - i] = octet;
    }
}

BLUET_INTERNAL bool sm_sign(uint8_t out[SM_SIGNATURE_LENGTH], const uint8_t csrk[16], uint8_t *message, size_t length)
{
    uint8_t mac[16];
    struct writer writer = writer_of(out, SM_SIGNATURE_LENGTH);
    turn_round(message, length);
    bool done = crypto_aes_cmac(mac, csrk, message, length);
    turn_round(message, length);
    write_reversed(&writer, mac, SM_SIGNATURE_LENGTH);
    return done;
}
