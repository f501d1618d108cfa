/*
 * Secrets as the application keeps them. Each is one blob: its version, what is in struct sm_secret, and eight octets
 * of a CMAC over all of it and its kind, so that one which is damaged, or stands in the place of another, is not
 * trusted.
 */
#include "host/sm_bonds.h"

#include "host/sm_keys.h"
#include "spec/hci.h"
#include "spec/reader.h"
#include "spec/writer.h"

enum {
    SECRET_VERSION = 2,
    SECRET_GAP_OF_VERSION_1 = 8, /* what the keeper saves had no database hash before it */
    SECRET_CHECK_LENGTH = 8
};

_Static_assert(offsetof(struct sm_secret, tail) + SM_SECRET_TAIL_LARGEST + 16 <= SM_SECRET_SIZE,
               "a check fits behind it");

static const uint8_t irk_name[3] = {'i', 'r', 'k'};

/* ---- Blobs ---- */

/* Eight octets of it count; there is room for all. The blob begins with its version. */
static bool secret_check(uint8_t out[16], uint8_t sec_type, const uint8_t *blob, size_t length)
{
    static const uint8_t name[16] = {'b', 'l', 'u', 'e', 't', ' ', 's', 'e', 'c', 'r', 'e', 't'};
    uint8_t key[16];
    sm_copy(key, name, sizeof key);
    key[12] = blob[0];
    key[13] = sec_type;
    return crypto_aes_cmac(out, key, blob, length);
}

/* Where the tail is in a blob: behind what this kind of secret has before it. */
static size_t tail_place(const struct sm_secret *secret, uint8_t sec_type)
{
    if (sec_type == BLUET_SECRET_IRK)
        return offsetof(struct sm_secret, keys);
    return secret->keys.flags & SM_SECRET_CSRK ? offsetof(struct sm_secret, tail)
                                               : offsetof(struct sm_secret, keys.csrk);
}

static bool are_sound(const struct sm_keys *keys)
{
    return keys->peer.type <= BLUET_ADDRESS_RANDOM && keys->key_size >= SM_KEY_SIZE_LEAST &&
           keys->key_size <= SM_KEY_SIZE_MOST;
}

BLUET_INTERNAL bool sm_secret_open(struct sm_secret *secret, uint8_t sec_type, size_t length)
{
    uint8_t *blob = secret->blob;
    uint8_t check[16];
    size_t content = length - SECRET_CHECK_LENGTH;
    if (length <= SECRET_CHECK_LENGTH || blob[0] == 0 || blob[0] > SECRET_VERSION ||
        !secret_check(check, sec_type, blob, content) || !sm_is_equal(check, blob + content, SECRET_CHECK_LENGTH))
        return false;
    size_t place = tail_place(secret, sec_type);
    size_t tail = content - place; /* beyond all limits if it ends before its place */
    size_t gap = blob[0] == 1 && sec_type == BLUET_SECRET_OURS && tail ? SECRET_GAP_OF_VERSION_1 : 0;
    if (tail > SM_SECRET_TAIL_LARGEST - gap || (sec_type != BLUET_SECRET_IRK && !are_sound(&secret->keys)))
        return false;
    memmove(secret->tail + gap, blob + place, tail);
    memset(secret->tail, 0, gap);
    secret->tail_length = (uint8_t)(tail + gap);
    secret->counter = read_u32_at((const uint8_t *)&secret->counter);
    return true;
}

/* ---- The application ---- */

static size_t key_length_of(uint8_t sec_type)
{
    return sec_type == BLUET_SECRET_IRK ? sizeof irk_name : sizeof(struct bluet_address);
}

enum secret_found { NO_SECRET, DAMAGED_SECRET, WHOLE_SECRET };

/* By its key, or, if that is NULL, by its number. */
static enum secret_found fetch_secret(const struct sm_bonds *bonds, struct sm_secret *out, uint8_t sec_type,
                                      const void *key, unsigned index)
{
    size_t length = 0;
    const struct bluet_event event = {.code = BLUET_EVENT_GET_SECRET,
                                      .conn_handle = 0xffff,
                                      .get_secret = {sec_type, (uint8_t)index, key, key ? key_length_of(sec_type) : 0,
                                                     out->blob, SM_SECRET_SIZE, &length}};
    if (event_raise(bonds->sink, &event) != 0 || length == 0 || length > SM_SECRET_SIZE)
        return NO_SECRET;
    return sm_secret_open(out, sec_type, length) ? WHOLE_SECRET : DAMAGED_SECRET;
}

static bool set_blob(const struct sm_bonds *bonds, uint8_t sec_type, const void *key, const uint8_t *blob,
                     size_t length)
{
    const struct bluet_event event = {.code = BLUET_EVENT_SET_SECRET,
                                      .conn_handle = 0xffff,
                                      .set_secret = {sec_type, key, key_length_of(sec_type), blob, length}};
    return event_raise(bonds->sink, &event) == 1;
}

/* Both secrets of a peer. */
static void delete_blobs(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    const struct bluet_address key = *peer;
    set_blob(bonds, BLUET_SECRET_OURS, &key, NULL, 0);
    set_blob(bonds, BLUET_SECRET_PEER, &key, NULL, 0);
}

BLUET_INTERNAL bool sm_bonds_read(const struct sm_bonds *bonds, struct sm_secret *out_secret, uint8_t sec_type,
                                  const struct bluet_address *peer)
{
    const struct bluet_address key = *peer;
    return fetch_secret(bonds, out_secret, sec_type, &key, 0) == WHOLE_SECRET &&
           hci_address_equal(&out_secret->keys.peer, &key);
}

BLUET_INTERNAL bool sm_bonds_write(const struct sm_bonds *bonds, struct sm_secret *secret, uint8_t sec_type)
{
    uint8_t *blob = secret->blob;
    size_t place = tail_place(secret, sec_type);
    size_t content = place + secret->tail_length;
    uint32_t counter;
    write_u32_at((uint8_t *)&counter, secret->counter);
    secret->counter = counter;
    secret->version = SECRET_VERSION;
    memmove(blob + place, secret->tail, secret->tail_length);
    const void *key = sec_type == BLUET_SECRET_IRK ? (const void *)irk_name : &secret->keys.peer;
    return secret_check(blob + content, sec_type, blob, content) &&
           set_blob(bonds, sec_type, key, blob, content + SECRET_CHECK_LENGTH);
}

/* ---- Our identity ---- */

static void load_irk(struct sm_bonds *bonds, struct sm_secret *secret)
{
    enum secret_found found = fetch_secret(bonds, secret, BLUET_SECRET_IRK, irk_name, 0);
    bonds->irk_kept = found == WHOLE_SECRET && secret->tail_length == sizeof bonds->irk;
    if (bonds->irk_kept)
        sm_copy(bonds->irk, secret->tail, sizeof bonds->irk);
    else if (!bonds->irk_made)
        bonds->port->random(bonds->port->context, bonds->irk, sizeof bonds->irk);
    bonds->irk_made = true;
}

BLUET_INTERNAL void sm_bonds_keep_irk(struct sm_bonds *bonds)
{
    struct sm_secret secret = {.tail_length = sizeof bonds->irk};
    if (bonds->irk_kept)
        return;
    sm_copy(secret.tail, bonds->irk, sizeof bonds->irk);
    bonds->irk_kept = sm_bonds_write(bonds, &secret, BLUET_SECRET_IRK);
    sm_wipe(&secret, sizeof secret);
}

/* ---- The table ---- */

BLUET_INTERNAL struct sm_bond *sm_bonds_find_identity(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    for (uint8_t i = 0; i < bonds->limit; i++) {
        struct sm_bond *bond = &bonds->bonds[i];
        if (bond->used && hci_address_equal(&bond->peer, peer))
            return bond;
    }
    return NULL;
}

BLUET_INTERNAL struct sm_bond *sm_bonds_place(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    struct sm_bond *place = sm_bonds_find_identity(bonds, peer);
    for (uint8_t i = 0; !place && i < bonds->limit; i++) {
        struct sm_bond *bond = &bonds->bonds[i];
        if (!bond->used && !bond->deleted_ticket)
            place = bond;
    }
    return place;
}

/* `irk`: NULL: none */
static void fill_in(struct sm_bonds *bonds, struct sm_bond *bond, const struct sm_keys *keys, const uint8_t *irk)
{
    bonds->changes++;
    memset(bond, 0, sizeof *bond);
    sm_copy(&bond->peer, &keys->peer, sizeof bond->peer);
    bond->flags = keys->flags;
    bond->key_size = keys->key_size;
    bond->used = true;
    if (irk)
        sm_copy(bond->irk, irk, sizeof bond->irk);
}

BLUET_INTERNAL void sm_bonds_load(struct sm_bonds *bonds)
{
    struct sm_secret secret;
    load_irk(bonds, &secret);
    enum secret_found found = DAMAGED_SECRET;
    for (unsigned index = 0; found != NO_SECRET && index <= UINT8_MAX; index++) {
        found = fetch_secret(bonds, &secret, BLUET_SECRET_PEER, NULL, index);
        if (found != WHOLE_SECRET)
            continue;
        struct sm_bond *bond = sm_bonds_place(bonds, &secret.keys.peer);
        if (bond && !bond->used)
            fill_in(bonds, bond, &secret.keys, secret.tail_length == sizeof bond->irk ? secret.tail : NULL);
    }
    sm_wipe(&secret, sizeof secret);
}

BLUET_INTERNAL bool sm_bond_has_irk(const struct sm_bond *bond)
{
    uint8_t any = 0;
    for (size_t i = 0; i < sizeof bond->irk; i++)
        any |= bond->irk[i];
    return bond->used && any;
}

/* Vol 6 Part B, 1.3.2.3 */
static bool resolves(const struct sm_bond *bond, const struct bluet_address *peer)
{
    uint8_t hash[3];
    return sm_bond_has_irk(bond) && sm_ah(hash, bond->irk, peer->octets) &&
           memcmp(hash, peer->octets + 3, sizeof hash) == 0;
}

BLUET_INTERNAL struct sm_bond *sm_bonds_find(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    if (!sm_is_resolvable(peer))
        return sm_bonds_find_identity(bonds, peer);
    for (uint8_t i = 0; i < bonds->limit; i++) {
        struct sm_bond *bond = &bonds->bonds[i];
        if (resolves(bond, peer))
            return bond;
    }
    return NULL;
}

static void take_out(struct sm_bonds *bonds, struct sm_bond *bond)
{
    bond->used = false;
    sm_wipe(bond->irk, sizeof bond->irk);
    bonds->changes++;
}

BLUET_INTERNAL struct sm_bond *sm_bonds_keep(struct sm_bonds *bonds, const struct sm_given *given,
                                             struct sm_secret *secret)
{
    sm_copy(&secret->keys, &given->ours.keys, sizeof secret->keys);
    secret->counter = 0;
    if (!sm_bonds_write(bonds, secret, BLUET_SECRET_OURS))
        return NULL;
    sm_copy(&secret->keys, &given->theirs.keys, sizeof secret->keys);
    secret->counter = 0;
    secret->tail_length = given->identified ? sizeof given->theirs.irk : 0;
    sm_copy(secret->tail, given->theirs.irk, sizeof given->theirs.irk);
    bool kept = sm_bonds_write(bonds, secret, BLUET_SECRET_PEER);
    struct sm_bond *bond = sm_bonds_place(bonds, &given->theirs.keys.peer);
    if (kept && bond) {
        fill_in(bonds, bond, &given->theirs.keys, given->identified ? given->theirs.irk : NULL);
        return bond;
    }
    if (bond && bond->used)
        take_out(bonds, bond);
    delete_blobs(bonds, &given->theirs.keys.peer);
    return NULL;
}

BLUET_INTERNAL void sm_bonds_delete(struct sm_bonds *bonds, struct sm_bond *bond, int ticket)
{
    take_out(bonds, bond);
    bond->deleted_ticket = ticket;
    bonds->deleted_count++;
}

BLUET_INTERNAL void sm_bonds_settle(struct sm_bonds *bonds, const struct hci *hci)
{
    for (uint8_t i = 0; bonds->deleted_count && i < bonds->limit; i++) {
        struct sm_bond *bond = &bonds->bonds[i];
        int ticket = bond->deleted_ticket;
        if (!ticket)
            continue;
        bond->deleted_ticket = 0;
        bonds->deleted_count--;
        delete_blobs(bonds, &bond->peer);
        hci_end_ticket(hci, ticket, BLUET_OK, HCI_SUCCESS);
    }
}
