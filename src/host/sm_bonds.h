/*
 * What outlives a connection: the secrets that are kept for peers, as blobs that the application stores, and the few
 * octets of each that have to be at hand (Vol 3 Part H, 2.4; Part C, 10.7, 10.8).
 */
#ifndef BLUET_HOST_SM_BONDS_H
#define BLUET_HOST_SM_BONDS_H

#include "bluet/bluet.h"
#include "host/hci.h"
#include "spec/internal.h"

enum { SM_SECRET_SIZE = 128, SM_SECRET_TAIL_LARGEST = 56 };

enum sm_secret_flag {
    SM_SECRET_AUTHENTICATED = 0x01,
    SM_SECRET_SECURE = 0x02, /* by LE Secure Connections */
    SM_SECRET_LTK = 0x04,
    SM_SECRET_CSRK = 0x08,
    SM_SECRET_OWN_CSRK = 0x10, /* of a peer: there is one in our own secret, too */
    SM_SECRET_PRIVATE = 0x80   /* the peer uses resolvable addresses */
};

/* What both kinds of secrets have, most significant octets first, in the order in which they are stored. */
struct sm_keys {
    uint8_t flags; /* enum sm_secret_flag */
    uint8_t key_size;
    struct bluet_address peer;
    uint8_t ediv[2], random[8]; /* as on the air, both in one PDU */
    uint8_t ltk[16];
    uint8_t csrk[16];
};

/*
 * A secret of either kind, or our own identity, as it is stored; but then our identity is nothing but a tail, and keys
 * of which none signs have no counter. In memory everything is at its place.
 */
struct sm_secret {
    union {
        uint8_t blob[SM_SECRET_SIZE];
        struct {
            uint8_t version;
            struct sm_keys keys;
            uint32_t counter;                     /* the least that has not been signed with, or is taken */
            uint8_t tail[SM_SECRET_TAIL_LARGEST]; /* of a peer: its IRK. Ours: what the keeper saves */
        };
    };
    uint8_t tail_length;
};

/* What one side gives the other in a pairing; until it ends, `peer` in our own is our identity. */
struct sm_party {
    struct sm_keys keys;
    uint8_t irk[16];
};

struct sm_given {
    uint8_t sends, awaits; /* PDUs that have yet to go and to come: a bit for each */
    bool identified;       /* the peer, by its IRK */
    struct sm_party theirs, ours;
};

struct sm_bond {
    struct bluet_address peer;
    uint8_t irk[16]; /* zeros: none */
    uint8_t flags;   /* enum sm_secret_flag */
    uint8_t key_size;
    bool used;
    bool listed;        /* the controller resolves its addresses */
    int deleted_ticket; /* it is deleted, and the application is to be told; 0: not so */
};

struct sm_bonds {
    const struct bluet_port *port;
    const struct event_sink *sink;
    struct sm_bond *bonds;
    uint8_t limit;
    uint8_t deleted_count;
    uint16_t changes; /* of who is in the table, counted */
    bool irk_made, irk_kept;
    uint8_t irk[16]; /* our own; once made it lasts as long as the host */
};

static inline bool sm_is_resolvable(const struct bluet_address *address)
{
    return address->type == BLUET_ADDRESS_RANDOM && address->octets[0] >> 6 == 1;
}

BLUET_INTERNAL bool sm_bond_has_irk(const struct sm_bond *bond);

static inline bool sm_has_irk(const struct sm_bond *bond)
{
    return BLUET_HAS_SECURITY && sm_bond_has_irk(bond);
}

/* Puts a blob, which stands where the secret begins, in order. Whether it is whole. */
BLUET_INTERNAL bool sm_secret_open(struct sm_secret *secret, uint8_t sec_type, size_t length);

/* Asks the application for what it has. Raises. */
BLUET_INTERNAL void sm_bonds_load(struct sm_bonds *bonds);
/* Tells it what is deleted. Raises. */
BLUET_INTERNAL void sm_bonds_settle(struct sm_bonds *bonds, const struct hci *hci);

/* Of that address, be it an identity or one that resolves to it; NULL: a stranger. */
BLUET_INTERNAL struct sm_bond *sm_bonds_find(const struct sm_bonds *bonds, const struct bluet_address *peer);
BLUET_INTERNAL struct sm_bond *sm_bonds_find_identity(const struct sm_bonds *bonds, const struct bluet_address *peer);
/* The bond that a peer has, or a free one; NULL: there is no room. */
BLUET_INTERNAL struct sm_bond *sm_bonds_place(const struct sm_bonds *bonds, const struct bluet_address *peer);
/* The ticket ends when the application has been told. */
BLUET_INTERNAL void sm_bonds_delete(struct sm_bonds *bonds, struct sm_bond *bond, int ticket);

/* The application's secret, if it is there, whole, and of that peer. Raises. */
BLUET_INTERNAL bool sm_bonds_read(const struct sm_bonds *bonds, struct sm_secret *out_secret, uint8_t sec_type,
                                  const struct bluet_address *peer);
/* Whether the application keeps it. The secret is used up. Raises. */
BLUET_INTERNAL bool sm_bonds_write(const struct sm_bonds *bonds, struct sm_secret *secret, uint8_t sec_type);
/* Our identity, if it is not kept yet. Raises. */
BLUET_INTERNAL void sm_bonds_keep_irk(struct sm_bonds *bonds);
/*
 * After a pairing: both secrets of a peer. `secret` holds the tail of ours, and is used up. The bond, or NULL: not
 * kept. What was kept of the one is then deleted if the other is not, and what was kept of an earlier bond with it.
 * Raises.
 */
BLUET_INTERNAL struct sm_bond *sm_bonds_keep(struct sm_bonds *bonds, const struct sm_given *given,
                                             struct sm_secret *secret);

#endif
