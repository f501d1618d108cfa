/* What the files of the Security Manager share. Whoever calls something that raises, looks at the state afresh. */
#ifndef BLUET_HOST_SM_PAIRING_H
#define BLUET_HOST_SM_PAIRING_H

#include "host/sm.h"
#include "spec/writer.h"

#include <string.h>

/*
 * A step returns 0 if it is done, even if the pairing is over with it; or why the pairing fails: an enum sm_reason,
 * which the peer is told, or an enum bluet_reason beyond those, which it is not. Then the step does nothing more. Steps
 * raise.
 */
typedef uint16_t sm_result;

/* ---- sm.c ---- */

/* A PDU, as long as its code says. SM_SUCCESS, BLUET_STATUS_NO_MEMORY, BLUET_STATUS_DISCONNECTED */
BLUET_INTERNAL sm_result sm_send(const struct sm_pairing *pairing, const uint8_t *pdu);
/* The same for one value of 16 octets. */
BLUET_INTERNAL sm_result sm_send_value(const struct sm_pairing *pairing, uint8_t code, const uint8_t value[16]);
/* Ends what is under way, well (reason 0) or not, and tells the application. Raises. */
BLUET_INTERNAL void sm_end(struct sm_pairing *pairing, uint16_t reason);
/* The timer begins anew. */
BLUET_INTERNAL void sm_enter(struct sm_pairing *pairing, enum sm_state state);
/* The key of this pairing is there: the link is to be encrypted with it. */
BLUET_INTERNAL sm_result sm_key_is_made(struct sm_pairing *pairing);
/* Nobody has a bond any more that is out of the table. */
BLUET_INTERNAL void sm_forget_bonds(struct sm *sm);
/* 16 octets. */
BLUET_INTERNAL void sm_random(const struct sm *sm, uint8_t out[16]);
/* The secret of a bond, if it has what the flags say. Raises. */
BLUET_INTERNAL bool sm_read_kept(const struct sm_pairing *pairing, struct sm_secret *out_secret, uint8_t sec_type,
                                 uint8_t flags);

/* Keys shorter than 16 octets have zeros for their most significant ones (Vol 3 Part H, 2.3.4). */
BLUET_INTERNAL void sm_shorten(const struct sm_pairing *pairing, uint8_t key[16]);
/* Resolvable or not: one that its owner can change at any time. */
BLUET_INTERNAL bool sm_is_private(const struct bluet_address *address);
/* As it is on the air. */
BLUET_INTERNAL const struct bluet_address *sm_peer(const struct sm_pairing *pairing);

static inline bool sm_is_secure(const struct sm_pairing *pairing)
{
    return pairing->secret_flags & SM_SECRET_SECURE;
}

/* enum sm_side */
static inline unsigned sm_peer_side(const struct sm_pairing *pairing)
{
    return pairing->side ^ 1u;
}

/* ---- sm_pairing.c ---- */

BLUET_INTERNAL struct sm_pairing *sm_pairing_of(const struct sm *sm, const struct link *link);

/* Who begins. */
BLUET_INTERNAL sm_result sm_request_pairing(struct sm_pairing *pairing);
BLUET_INTERNAL sm_result sm_pairing_request(struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL sm_result sm_pairing_response(struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL uint8_t sm_authentication_request(const struct sm_pairing *pairing);
/* Whether a key of that kind is all that the application asks for. */
BLUET_INTERNAL bool sm_suffices(const struct sm_pairing *pairing, uint8_t secret_flags, uint8_t key_size);

/* Whether one side shows the passkey, or types it. */
BLUET_INTERNAL bool sm_is_passkey_entry(const struct sm_pairing *pairing);
/* Asks the user for what the model needs. Raises. */
BLUET_INTERNAL void sm_ask_user(struct sm_pairing *pairing, uint8_t action, uint32_t passkey);
/* The user has been asked, and has not answered. */
static inline bool sm_is_asking(const struct sm_pairing *pairing)
{
    return pairing->action && !pairing->answered;
}

/* ---- sm_authentication.c ---- */

/* The keys that it takes, if any, are there. */
BLUET_INTERNAL sm_result sm_authenticate(struct sm_pairing *pairing);
BLUET_INTERNAL sm_result sm_send_confirm(struct sm_pairing *pairing);
BLUET_INTERNAL sm_result sm_pairing_confirm(struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL sm_result sm_pairing_random(struct sm_pairing *pairing, struct reader *pdu);
/* The passkey as a value of 16 octets; of models without one it is 0. */
BLUET_INTERNAL void sm_write_passkey(const struct sm_pairing *pairing, uint8_t out[16]);

/* ---- sm_legacy.c ---- */

/* The confirm value of a side. */
BLUET_INTERNAL bool sm_legacy_confirm(const struct sm_pairing *pairing, uint8_t out[16], unsigned side);
BLUET_INTERNAL bool sm_make_short_term_key(const struct sm_pairing *pairing);

/* ---- sm_secure.c ---- */

/* False: the generator of random numbers, or the backend, is broken. */
BLUET_INTERNAL bool sm_new_key_pair(const struct sm *sm, uint8_t out_private[32], uint8_t out_public[64]);
BLUET_INTERNAL sm_result sm_secure_begin(struct sm_pairing *pairing);
BLUET_INTERNAL sm_result sm_public_key(struct sm_pairing *pairing, struct reader *pdu);
/* Both nonces are there, and good. */
BLUET_INTERNAL sm_result sm_begin_check(struct sm_pairing *pairing);
BLUET_INTERNAL sm_result sm_dhkey_check(struct sm_pairing *pairing, struct reader *pdu);
/* The user has agreed. */
BLUET_INTERNAL sm_result sm_check(struct sm_pairing *pairing);

/* ---- sm_distribution.c ---- */

/* The link is encrypted with the key of this pairing: now the others. */
BLUET_INTERNAL sm_result sm_distribute(struct sm_pairing *pairing);
/* One PDU of the peer's keys. */
BLUET_INTERNAL sm_result sm_key_received(struct sm_pairing *pairing, uint8_t code, struct reader *pdu);

#endif
