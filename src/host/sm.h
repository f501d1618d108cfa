/*
 * The Security Manager (Vol 3 Part H): pairing in both roles, Legacy and Secure Connections, encryption with kept keys,
 * and what is kept. sm.c is the front: dispatch, timeouts, encryption; sm_pairing.c exchanges features and asks the
 * user; sm_authentication.c has both prove what they know, by sm_legacy.c or sm_secure.c, with what sm_oob.c has where
 * there is such; sm_distribution.c distributes keys; sm_bonds.c keeps them; sm_signing.c signs.
 *
 *     IDLE -> BEGIN -> AWAIT_PAIRING_RESPONSE --.
 *       |       '----> AWAIT_PAIRING_REQUEST    |
 *       |                     |                 |
 *       '---------------------+--(features)-----'
 *                                    |
 *          Legacy: AWAIT_CONFIRM -> AWAIT_RANDOM ---------------------------------------------.
 *          Secure: AWAIT_PUBLIC_KEY -> AWAIT_CONFIRM <-> AWAIT_RANDOM -> AWAIT_DHKEY_CHECK -> AWAIT_ENCRYPTION
 *                                                                                             |
 *          with a kept key: AWAIT_KEPT_ENCRYPTION -> IDLE          IDLE <-  AWAIT_KEYS <------'
 *
 * AWAIT_PASSKEY stands before the first confirm value of ours, AWAIT_COMPARISON before the DHKey Check, while the user
 * has not answered. Whatever fails leads to IDLE.
 */
#ifndef BLUET_HOST_SM_H
#define BLUET_HOST_SM_H

#include "host/l2cap.h"
#include "host/sm_bonds.h"
#include "host/sm_keys.h"
#include "host/sm_oob.h"
#include "spec/reader.h"

enum sm_state {
    SM_IDLE,
    SM_BEGIN, /* the application has asked; what that means is decided at the next poll */
    SM_AWAIT_PAIRING_REQUEST,
    SM_AWAIT_PAIRING_RESPONSE,
    SM_AWAIT_PUBLIC_KEY,
    SM_AWAIT_PASSKEY,
    SM_AWAIT_CONFIRM,
    SM_AWAIT_RANDOM,
    SM_AWAIT_COMPARISON,
    SM_AWAIT_DHKEY_CHECK,
    SM_AWAIT_ENCRYPTION,
    SM_AWAIT_KEYS,
    SM_AWAIT_KEPT_ENCRYPTION
};

/* Association models (Vol 3 Part H, 2.3.5.1) */
enum sm_model {
    SM_JUST_WORKS,
    SM_INITIATOR_DISPLAYS,
    SM_RESPONDER_DISPLAYS,
    SM_BOTH_TYPE,
    SM_NUMERIC_COMPARISON,
    SM_OUT_OF_BAND
};

/* What a pairing needs between its features and its end. There are fewer of them than links. */
struct sm_work {
    bool used; /* beyond the end of the pairing, until its secrets are written */
    union {
        struct sm_exchange exchange; /* until the link is encrypted */
        struct sm_given given;       /* while keys are distributed */
    };
};

/* A key that signs, and what is left of its counter; not known before it is needed. */
struct sm_signing {
    uint8_t csrk[16];
    uint32_t next; /* the least that is new */
    uint32_t kept; /* as the secret has it: ahead, so that it need not be kept anew for each */
};

struct sm;

struct sm_pairing {
    struct sm *sm;
    struct link *link; /* NULL: there is none with this index */
    struct sm_bond *bond;
    struct sm_work *work; /* NULL: no features have been exchanged */
    uint8_t state;        /* enum sm_state; what follows down to `side` begins and ends with what is under way */
    uint8_t model;        /* enum sm_model */
    uint8_t action;       /* that the user was asked for; 0: none */
    bool answered;
    bool refused;         /* by the user */
    bool due;             /* there is something to be done at the next poll */
    bool kept_only;       /* the peer has asked; no pairing comes of that where there is a bond */
    bool oob_flagged;     /* in this pairing we have the peer's out of band data, */
    uint8_t side;         /* ours, enum sm_side: the link layer has who begins as central */
    uint8_t key_size;     /* of the key that is being made, or that is about to be used: */
    uint8_t secret_flags; /* enum sm_secret_flag */
    uint8_t held_flags;   /* of the key that the link is encrypted with */
    bool oob_known : 1;   /* and the peer has ours */
    bool bonding : 1;
    bool dead : 1;                /* after a timeout, until the link ends (Vol 3 Part H, 3.4) */
    bool key_missing : 1;         /* the peer has said so: the next pairing is the application's wish */
    uint8_t signing_known;        /* a bit for each kind of secret */
    struct bluet_address ends[2]; /* by side, as on the air */
    uint32_t passkey;
    uint32_t since;               /* it is in this state: microseconds, without the upper half */
    struct sm_signing signing[2]; /* by kind of secret: ours, the peer's */
};

/* A peer that has failed to prove itself (Vol 3 Part H, 2.3.6), under the name by which it is known. */
struct sm_holdoff {
    struct bluet_address peer;
    uint8_t failures; /* 0: none */
    uint64_t until;
};

enum { SM_HOLDOFF_COUNT = 4 };

/* What else is kept with a bond, of a room above: octets for its client, at most SM_SECRET_TAIL_LARGEST. */
struct sm_keeper {
    void *context;
    uint8_t (*save)(void *context, const struct link *link, uint8_t *out);
    void (*restore)(void *context, struct link *link, const uint8_t *octets, uint8_t length);
};

struct sm {
    struct bluet_security security;
    uint8_t busy_count; /* pairings that are not idle */
    bool due;
    uint8_t work_count;
    struct link_table *links;
    struct sm_pairing *pairings; /* by index of the link */
    struct sm_work *works;
    struct sm_oob *oob; /* NULL: none has been asked for or given */
    struct sm_bonds bonds;
    struct sm_keeper keeper;
    struct bluet_address identity; /* our own */
    uint32_t burnt_passkey;        /* with which a pairing has failed; above 999999: none */
    struct sm_holdoff strangers;   /* who have private addresses */
    struct sm_holdoff holdoffs[SM_HOLDOFF_COUNT];
};

BLUET_INTERNAL void sm_init(struct sm *sm);
/* At activation. -ENOMEM */
BLUET_INTERNAL int sm_open(struct sm *sm, struct link_table *links, const struct sm_keeper *keeper,
                           const struct bluet_config *limits);
BLUET_INTERNAL void sm_close(struct sm *sm);
/* The controller has started: asks for what is kept. Raises. */
BLUET_INTERNAL void sm_load(struct sm *sm);

/* Who is at the ends of a connection: addresses as on the air, and the one by which peers are to know us for good. */
struct sm_ends {
    struct bluet_address own, peer;
    struct bluet_address identity;
};

/* Before the connect event. */
BLUET_INTERNAL void sm_link_opened(struct sm *sm, struct link *link, const struct sm_ends *ends);
/* Before the disconnect event. Raises. */
BLUET_INTERNAL void sm_link_closed(struct sm *sm, struct link *link);
/* One frame of channel 6. Raises. */
BLUET_INTERNAL void sm_receive(struct sm *sm, struct link *link, struct reader *frame);
/* Events of the controller. Raise. */
BLUET_INTERNAL void sm_encryption_change(struct sm *sm, struct link *link, uint8_t status, bool enabled);
BLUET_INTERNAL void sm_key_refresh(struct sm *sm, struct link *link, uint8_t status);
BLUET_INTERNAL void sm_long_term_key_request(struct sm *sm, struct link *link, struct reader *event);
/* What the keeper saves has changed. Raises. */
BLUET_INTERNAL void sm_save(struct sm *sm, const struct link *link);

/* What the public functions of these names do. */
BLUET_INTERNAL int sm_set_security(struct sm *sm, const struct bluet_security *security);
BLUET_INTERNAL int sm_pair(struct sm *sm, struct link *link);
BLUET_INTERNAL int sm_passkey(struct sm *sm, struct link *link, enum bluet_passkey_action action, uint32_t passkey);
BLUET_INTERNAL int sm_bond_delete(struct sm *sm, const struct bluet_address *peer);

/* BLUET_NEVER, or when sm_expire() is due; 0: sm_settle() is, at once. */
BLUET_INTERNAL uint64_t sm_deadline(const struct sm *sm);
BLUET_INTERNAL void sm_expire(struct sm *sm);
/* Does what calls of the application have left to be done. Raises. */
BLUET_INTERNAL void sm_settle(struct sm *sm);

#endif
