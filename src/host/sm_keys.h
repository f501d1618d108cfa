/*
 * The toolbox of the Security Manager (Vol 3 Part H, 2.2): what keys and proofs are computed from. All values stand
 * most significant octet first, as the specification prints them. Each returns whether the backend could do it.
 */
#ifndef BLUET_HOST_SM_KEYS_H
#define BLUET_HOST_SM_KEYS_H

#include "bluet/bluet.h"
#include "crypto/crypto.h"
#include "spec/internal.h"
#include "spec/sm.h"

/* Who takes part: the one that began, and the other. */
struct sm_parties {
    struct bluet_address initiator, responder;
};

/* 2.2.3; the PDUs of the exchange of features stand as they went over the air. */
BLUET_INTERNAL bool sm_c1(uint8_t out[16], const uint8_t key[16], const uint8_t random[16], const uint8_t *request,
                          const uint8_t *response, const struct sm_parties *parties);
/* 2.2.4 */
BLUET_INTERNAL bool sm_s1(uint8_t out[16], const uint8_t key[16], const uint8_t r1[16], const uint8_t r2[16]);
/* 2.2.6 */
BLUET_INTERNAL bool sm_f4(uint8_t out[16], const uint8_t u[32], const uint8_t v[32], const uint8_t x[16], uint8_t z);
/* 2.2.7 */
BLUET_INTERNAL bool sm_f5(uint8_t out_mac_key[16], uint8_t out_ltk[16], const uint8_t dhkey[32], const uint8_t n1[16],
                          const uint8_t n2[16], const struct sm_parties *parties);
/* 2.2.8; `io` is AuthReq, OOB data flag, IO capability. The parties stand in the order of the nonces. */
BLUET_INTERNAL bool sm_f6(uint8_t out[16], const uint8_t mac_key[16], const uint8_t n1[16], const uint8_t n2[16],
                          const uint8_t r[16], const uint8_t io[3], const struct sm_parties *parties);
/* 2.2.9, cut to the six digits that are compared. */
BLUET_INTERNAL bool sm_g2(uint32_t *out, const uint8_t u[32], const uint8_t v[32], const uint8_t x[16],
                          const uint8_t y[16]);
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
