/*
 * Signed data on a link that is not encrypted: whose it is, and that it is new (Vol 3 Part H, 2.4.5; Part C, 10.4).
 *
 * A secret says which counters may still come: ours is ahead of what we have used, the peer's is ahead of what it has
 * used. A crash can so make us skip some of ours, and refuse some of the peer's, but never take one for a second time.
 * The largest counter is never used: it says that a key is used up.
 */
#include "host/sm_signing.h"

#include "host/sm_pairing.h"
#include "spec/att.h"

enum { STRIDE = 32 }; /* how far ahead */

static struct sm_signing *signing_of(struct sm_pairing *pairing, uint8_t sec_type)
{
    return &pairing->signing[sec_type - BLUET_SECRET_OURS];
}

/* As the secret has it. */
static bool is_known(struct sm_pairing *pairing, uint8_t sec_type)
{
    struct sm_signing *signing = signing_of(pairing, sec_type);
    uint8_t bit = (uint8_t)(1 << sec_type);
    struct sm_secret secret;
    if (pairing->signing_known & bit)
        return true;
    bool found = sm_read_kept(pairing, &secret, sec_type, SM_SECRET_CSRK);
    if (found) {
        pairing->signing_known |= bit;
        signing->next = signing->kept = secret.counter;
        sm_copy(signing->csrk, secret.keys.csrk, sizeof signing->csrk);
    }
    sm_wipe(&secret, sizeof secret);
    return found;
}

/* The secret, if it still has that key. */
static bool read_again(struct sm_pairing *pairing, struct sm_secret *out_secret, uint8_t sec_type)
{
    return sm_read_kept(pairing, out_secret, sec_type, SM_SECRET_CSRK) &&
           sm_is_equal(out_secret->keys.csrk, signing_of(pairing, sec_type)->csrk, 16);
}

/*
 * Has the secret say that counters from `next` on are taken, a stride of them. Another connection of the same peer may
 * have moved it on meanwhile: then it is from there.
 */
static bool move_on(struct sm_pairing *pairing, uint8_t sec_type, uint32_t next)
{
    struct sm_signing *signing = signing_of(pairing, sec_type);
    struct sm_secret secret;
    bool good = read_again(pairing, &secret, sec_type);
    if (good && secret.counter > next)
        next = secret.counter;
    good = good && next < UINT32_MAX;
    if (good) {
        uint32_t kept = UINT32_MAX - next > STRIDE ? next + STRIDE : UINT32_MAX;
        secret.counter = kept;
        good = sm_bonds_write(&pairing->sm->bonds, &secret, sec_type);
        if (good) {
            signing->next = next;
            signing->kept = kept;
        }
    }
    sm_wipe(&secret, sizeof secret);
    return good;
}

/* ---- Out ---- */

BLUET_INTERNAL bool sm_may_sign(const struct sm *sm, const struct link *link)
{
    const struct sm_bond *bond = sm_pairing_of(sm, link)->bond;
    return !link->encrypted && bond && (bond->flags & SM_SECRET_OWN_CSRK);
}

static bool has_counter(const struct sm_signing *signing)
{
    return signing->next < signing->kept;
}

BLUET_INTERNAL bool sm_signing_prepare(struct sm *sm, struct link *link)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    const struct sm_signing *own = signing_of(pairing, BLUET_SECRET_OURS);
    if (!sm_may_sign(sm, link))
        return false;
    if (has_counter(own))
        return true;
    return is_known(pairing, BLUET_SECRET_OURS) && move_on(pairing, BLUET_SECRET_OURS, own->next);
}

BLUET_INTERNAL bool sm_signing_sign(struct sm *sm, const struct link *link, struct writer *pdu)
{
    struct sm_signing *own = signing_of(sm_pairing_of(sm, link), BLUET_SECRET_OURS);
    uint8_t signature[SM_SIGNATURE_LENGTH];
    if (!sm_may_sign(sm, link) || !has_counter(own))
        return false;
    write_u32(pdu, own->next++);
    bool done = writer_ok(pdu) && sm_sign(signature, own->csrk, pdu->start, pdu->length);
    write_octets(pdu, signature, sizeof signature);
    return done && writer_ok(pdu);
}

/* ---- In ---- */

/* Whether the peer has signed it, with the counter that it says. */
static bool is_genuine(const struct sm_signing *peer, struct reader pdu, uint8_t *scratch, uint32_t *out_counter)
{
    uint8_t signature[SM_SIGNATURE_LENGTH];
    size_t length = reader_remaining(&pdu) - SM_SIGNATURE_LENGTH;
    read_octets(&pdu, scratch, length);
    *out_counter = read_u32_at(scratch + length - 4);
    return sm_sign(signature, peer->csrk, scratch, length) &&
           sm_is_equal(signature, read_span(&pdu, sizeof signature), sizeof signature);
}

static bool take_counter(struct sm_pairing *pairing, uint32_t counter)
{
    struct sm_signing *peer = signing_of(pairing, BLUET_SECRET_PEER);
    if (counter < peer->next)
        return false;
    if (counter >= peer->kept && (!move_on(pairing, BLUET_SECRET_PEER, counter) || peer->next != counter))
        return false;
    peer->next = counter + 1;
    return true;
}

BLUET_INTERNAL bool sm_signing_verify(struct sm *sm, struct link *link, const struct reader *pdu, uint8_t *scratch,
                                      bool *out_authenticated)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    const struct sm_signing *peer = signing_of(pairing, BLUET_SECRET_PEER);
    uint32_t counter;
    if (link->encrypted || reader_remaining(pdu) < ATT_SIGNATURE_LENGTH || !pairing->bond ||
        !(pairing->bond->flags & SM_SECRET_CSRK))
        return false;
    *out_authenticated = pairing->bond->flags & SM_SECRET_AUTHENTICATED;
    return is_known(pairing, BLUET_SECRET_PEER) && is_genuine(peer, *pdu, scratch, &counter) &&
           take_counter(pairing, counter);
}

/* ---- The end ---- */

/* Only if it says what this connection had it say. */
BLUET_INTERNAL void sm_signing_end(struct sm_pairing *pairing)
{
    const struct sm_signing *peer = signing_of(pairing, BLUET_SECRET_PEER);
    struct sm_secret secret;
    if (!has_counter(peer))
        return;
    if (read_again(pairing, &secret, BLUET_SECRET_PEER) && secret.counter == peer->kept) {
        secret.counter = peer->next;
        sm_bonds_write(&pairing->sm->bonds, &secret, BLUET_SECRET_PEER);
    }
    sm_wipe(&secret, sizeof secret);
}

BLUET_INTERNAL void sm_signing_forget(struct sm_pairing *pairing)
{
    sm_wipe(pairing->signing, sizeof pairing->signing);
    pairing->signing_known = 0;
}
