/*
 * The toolbox of the Security Manager (Vol 3 Part H, 2.2): what keys and proofs are computed from. All values stand
 * most significant octet first, as the specification prints them. Each returns whether the backend could do it.
 */
#ifndef BLUET_HOST_SM_KEYS_H
#define BLUET_HOST_SM_KEYS_H

#include "bluet/bluet.h"
#include "crypto/crypto.h"
#include "host/sm_octets.h"
#include "spec/internal.h"
#include "spec/sm.h"

/* The one that began, and the other. */
enum sm_side { SM_INITIATOR, SM_RESPONDER };

/* What both sides have said, each value at the place of whose it is, and what they have in common. */
struct sm_exchange {
    uint8_t round;                           /* of twenty, of Passkey Entry */
    uint8_t features[2][SM_FEATURES_LENGTH]; /* Pairing Request and Pairing Response, as on the air */
    uint8_t nonce[2][16];
    uint8_t x[2][32];    /* of the public keys */
    uint8_t secret[32];  /* our private key, then the DHKey, then MacKey and the long-term key */
    uint8_t confirm[16]; /* the peer's, and later its DHKey Check */
};

/* `ends` are the addresses of both sides, as on the air. 2.2.3 */
BLUET_INTERNAL bool sm_c1(uint8_t out[16], const struct sm_exchange *exchange, const struct bluet_address *ends,
                          unsigned side, const uint8_t key[16]);
/* 2.2.4 */
BLUET_INTERNAL bool sm_s1(uint8_t out[16], const struct sm_exchange *exchange, const uint8_t key[16]);
/* 2.2.6 */
BLUET_INTERNAL bool sm_f4(uint8_t out[16], const uint8_t u[32], const uint8_t v[32], const uint8_t x[16], uint8_t z);
/* 2.2.7; MacKey and the long-term key take the place of the DHKey, for this is what it is for. */
BLUET_INTERNAL bool sm_f5(struct sm_exchange *exchange, const struct bluet_address *ends);
/* 2.2.8; of that side. */
BLUET_INTERNAL bool sm_f6(uint8_t out[16], const struct sm_exchange *exchange, const struct bluet_address *ends,
                          unsigned side, const uint8_t r[16]);
/* 2.2.9, cut to the six digits that are compared. */
BLUET_INTERNAL bool sm_g2(uint32_t *out, const struct sm_exchange *exchange);
/* 2.2.10, 2.2.11 */
BLUET_INTERNAL bool sm_h6(uint8_t out[16], const uint8_t key[16], const uint8_t identifier[4]);
BLUET_INTERNAL bool sm_h7(uint8_t out[16], const uint8_t salt[16], const uint8_t key[16]);
/*
 * 2.4.5: half of a signature, as it goes on the air. `message` is a PDU with its counter; it is turned round meanwhile.
 */
BLUET_INTERNAL bool sm_sign(uint8_t out[SM_SIGNATURE_LENGTH], const uint8_t csrk[16], uint8_t *message, size_t length);
/* 2.2.2 */
BLUET_INTERNAL bool sm_ah(uint8_t out[3], const uint8_t irk[16], const uint8_t random[3]);

#endif
