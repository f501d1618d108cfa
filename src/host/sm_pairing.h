/* What the files of the Security Manager share. Whoever calls something that raises, looks at the state afresh. */
#ifndef BLUET_HOST_SM_PAIRING_H
#define BLUET_HOST_SM_PAIRING_H

#include "host/sm.h"
#include "spec/writer.h"

/* ---- sm.c ---- */

/* One PDU; the timer begins anew. Where there is no buffer for it the pairing ends, and false is returned. Raises. */
BLUET_INTERNAL bool sm_send(struct sm *sm, struct sm_pairing *pairing, uint8_t code, const struct writer *parameters);
/* The same for one value of 16 octets. */
BLUET_INTERNAL bool sm_send_value(struct sm *sm, struct sm_pairing *pairing, uint8_t code, const uint8_t value[16]);
/* Tells the peer, and ends the pairing. Raises. */
BLUET_INTERNAL void sm_fail(struct sm *sm, struct sm_pairing *pairing, enum sm_reason reason);
/* Ends what is under way, well (reason 0) or not, and tells the application. Raises. */
BLUET_INTERNAL void sm_end(struct sm *sm, struct sm_pairing *pairing, uint16_t reason);
BLUET_INTERNAL void sm_enter(struct sm *sm, struct sm_pairing *pairing, enum sm_state state);
/* The key of this pairing is there: the link is to be encrypted with it. */
BLUET_INTERNAL void sm_key_is_made(struct sm *sm, struct sm_pairing *pairing);

static inline void sm_random(const struct sm *sm, uint8_t *out, size_t length)
{
    const struct bluet_port *port = sm->links->hci->port;
    port->random(port->context, out, length);
}

/* Who began, and who answered; the link layer has the one as central. */
static inline struct sm_parties sm_parties_of(const struct sm_pairing *pairing)
{
    if (pairing->link->central)
        return (struct sm_parties){pairing->own, pairing->peer};
    return (struct sm_parties){pairing->peer, pairing->own};
}

/* Keys shorter than 16 octets have zeros for their most significant ones (Vol 3 Part H, 2.3.4). */
static inline void sm_shorten(uint8_t key[16], uint8_t key_size)
{
    memset(key, 0, 16u - key_size);
}

/* Resolvable or not: one that its owner can change at any time. */
static inline bool sm_is_private(const struct bluet_address *address)
{
    enum { KIND_MASK = 0xc0, STATIC_KIND = 0xc0 };
    return address->type == BLUET_ADDRESS_RANDOM && (address->octets[0] & KIND_MASK) != STATIC_KIND;
}

/* ---- sm_pairing.c ---- */

/* As central. Raises. */
BLUET_INTERNAL void sm_request_pairing(struct sm *sm, struct sm_pairing *pairing);
BLUET_INTERNAL void sm_pairing_request(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL void sm_pairing_response(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL uint8_t sm_authentication_request(const struct sm *sm, const struct sm_pairing *pairing);
/* Whether a key of that kind is all that the application asks for. */
BLUET_INTERNAL bool sm_suffices(const struct sm *sm, const struct sm_pairing *pairing, uint8_t secret_flags,
                                uint8_t key_size);

/* Whether that side, ours or the peer's, has the other's out of band data. */
BLUET_INTERNAL bool sm_is_flagged(const struct sm_pairing *pairing, bool own);

/* Whether this side shows the passkey, or types it. */
BLUET_INTERNAL bool sm_is_passkey_entry(const struct sm_pairing *pairing);
/*
 * Asks the user for what the model needs, and goes on with `resume` when the answer is there, at once if none is
 * needed. `wait` false: the peer's PDU comes first; whoever gets it calls sm_await_user(). Raises.
 */
BLUET_INTERNAL void sm_ask_user(struct sm *sm, struct sm_pairing *pairing, uint8_t action, uint32_t passkey);
BLUET_INTERNAL uint8_t sm_passkey_action(const struct sm_pairing *pairing);
/* Goes on with `resume`, at once or once the user has answered. */
BLUET_INTERNAL void sm_await_user(struct sm *sm, struct sm_pairing *pairing, sm_step resume);

/* ---- sm_legacy.c ---- */

BLUET_INTERNAL void sm_legacy_begin(struct sm *sm, struct sm_pairing *pairing);
BLUET_INTERNAL void sm_legacy_confirm(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL void sm_legacy_random(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);

/* ---- sm_secure.c ---- */

/* False: the generator of random numbers, or the backend, is broken. */
BLUET_INTERNAL bool sm_new_key_pair(const struct sm *sm, uint8_t out_private[32], uint8_t out_public[64]);
BLUET_INTERNAL void sm_secure_begin(struct sm *sm, struct sm_pairing *pairing);
BLUET_INTERNAL void sm_public_key(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL void sm_secure_confirm(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL void sm_secure_random(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);
BLUET_INTERNAL void sm_dhkey_check(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu);

/* ---- sm_distribution.c ---- */

/* The link is encrypted with the key of this pairing: now the others. */
BLUET_INTERNAL void sm_distribute(struct sm *sm, struct sm_pairing *pairing);
/* One PDU of the peer's keys. */
BLUET_INTERNAL void sm_key_received(struct sm *sm, struct sm_pairing *pairing, uint8_t code, struct reader *pdu);

#endif
