/*
 * The filter accept list (Vol 6 Part B, 4.3.1) and the resolving list (4.7, 6), with resolvable private addresses made
 * and resolved (1.3.2.2, 1.3.2.3).
 */
#ifndef BLUET_AIR_LISTS_H
#define BLUET_AIR_LISTS_H

#include "air/address.h"
#include "air/random.h"

enum { AIR_ACCEPT_LIST_SIZE = 32, AIR_RESOLVING_LIST_SIZE = 16, AIR_RESOLVED_SIZE = 64 };

struct air_resolving_entry {
    struct air_address identity;
    uint8_t peer_irk[16], local_irk[16]; /* least significant octet first; all zero: none */
    uint8_t local_rpa[6], target_rpa[6]; /* those we made of the local and of the peer's key */
    uint64_t made;                       /* when; 0 with an all-zero address: not yet */
    uint8_t peer_rpa[6];                 /* the one that the peer used last */
    bool device_privacy;                 /* Vol 6 Part B, 4.7: false is network privacy mode */
};

/* What an address was found to be, to spare the block cipher for those that are heard again and again. */
struct air_resolved {
    uint8_t rpa[6];
    bool valid;
    uint8_t entry; /* its number plus one; 0: of nobody we know */
};

struct air_lists {
    struct air_address accept[AIR_ACCEPT_LIST_SIZE];
    uint8_t accept_count;
    struct air_resolving_entry resolving[AIR_RESOLVING_LIST_SIZE];
    uint8_t resolving_count;
    bool resolution_enabled;
    uint16_t rpa_timeout; /* seconds */
    struct air_resolved resolved[AIR_RESOLVED_SIZE];
};

/* A peer as HCI tells of it. */
struct air_peer {
    uint8_t type; /* 2 and 3: an identity that its resolvable private address gave away */
    uint8_t octets[6];
    uint8_t rpa[6];                    /* the address on the air, if it was resolved; else all zero */
    struct air_resolving_entry *entry; /* of its identity, or NULL */
};

BLUET_INTERNAL void air_lists_init(struct air_lists *lists);

BLUET_INTERNAL bool air_accept_list_holds(const struct air_lists *lists, uint8_t type, const uint8_t octets[6]);

/* The entry of an identity address, or NULL. */
BLUET_INTERNAL struct air_resolving_entry *air_resolving_find(struct air_lists *lists, uint8_t type,
                                                              const uint8_t octets[6]);
/* To be called whenever the resolving list changes. */
BLUET_INTERNAL void air_resolving_changed(struct air_lists *lists);

/* The entry whose peer made this address, or NULL. Asks only if resolution is enabled. */
BLUET_INTERNAL struct air_resolving_entry *air_resolve(struct air_lists *lists, const struct air_address *address);

/* Whether `address` was made of this key. */
BLUET_INTERNAL bool air_rpa_matches(const uint8_t irk[16], const struct air_address *address);

/* Makes both addresses of an entry anew if they are older than the timeout. */
BLUET_INTERNAL void air_rpa_refresh(const struct air_lists *lists, struct air_resolving_entry *entry,
                                    struct air_random *random, uint64_t now);

#endif
