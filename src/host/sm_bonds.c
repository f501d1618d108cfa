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
    SECRET_SIZE = 128,
    SECRET_CHECK_LENGTH = 8
};

static const uint8_t irk_name[3] = {'i', 'r', 'k'};

/* ---- Blobs ---- */

/* The blob begins with its version. */
static bool secret_check(uint8_t out[16], uint8_t sec_type, const uint8_t *blob, size_t length)
{
    uint8_t key[16] = {'b', 'l', 'u', 'e', 't', ' ', 's', 'e', 'c', 'r', 'e', 't'};
    key[12] = blob[0];
    key[13] = sec_type;
    return crypto_aes_cmac(out, key, blob, length);
}

/* Its version, with a reader of what it says, if it can be trusted; otherwise 0. */
static uint8_t open_blob(struct reader *out_content, uint8_t sec_type, const uint8_t *blob, size_t length)
{
    uint8_t check[16];
    size_t content = length - SECRET_CHECK_LENGTH;
    bool good = length > SECRET_CHECK_LENGTH && blob[0] <= SECRET_VERSION &&
                secret_check(check, sec_type, blob, content) && sm_is_equal(check, blob + content, SECRET_CHECK_LENGTH);
    *out_content = reader_of(blob, good ? content : 0);
    return read_u8(out_content);
}

BLUET_INTERNAL bool sm_secret_read(struct sm_secret *out, uint8_t sec_type, const uint8_t *blob, size_t length)
{
    struct reader reader;
    memset(out, 0, sizeof *out);
    uint8_t version = open_blob(&reader, sec_type, blob, length);
    read_octets(&reader, &out->keys, offsetof(struct sm_keys, csrk));
    if (out->keys.flags & SM_SECRET_CSRK) {
        read_octets(&reader, out->keys.csrk, sizeof out->keys.csrk);
        out->counter = read_u32(&reader);
    }
    size_t tail = reader_remaining(&reader);
    size_t gap = version == 1 && sec_type == BLUET_SECRET_OURS && tail ? SECRET_GAP_OF_VERSION_1 : 0;
    if (!version || !reader_ok(&reader) || gap + tail > sizeof out->tail ||
        out->keys.peer.type > BLUET_ADDRESS_RANDOM || out->keys.key_size < SM_KEY_SIZE_LEAST ||
        out->keys.key_size > SM_KEY_SIZE_MOST)
        return false;
    out->tail_length = (uint8_t)(gap + tail);
    read_octets(&reader, out->tail + gap, tail);
    return true;
}

/* ---- The application ---- */

/* By its key, or, if that is NULL, by its number. */
static size_t get_blob(const struct sm_bonds *bonds, uint8_t out[SECRET_SIZE], uint8_t sec_type, const void *key,
                       unsigned index)
{
    size_t length = 0;
    struct bluet_event event = {.code = BLUET_EVENT_GET_SECRET, .conn_handle = 0xffff};
    event.get_secret.sec_type = sec_type;
    event.get_secret.index = (uint8_t)index;
    event.get_secret.key = key;
    if (key)
        event.get_secret.key_length = sec_type == BLUET_SECRET_IRK ? sizeof irk_name : sizeof(struct bluet_address);
    event.get_secret.out_value = out;
    event.get_secret.capacity = SECRET_SIZE;
    event.get_secret.out_length = &length;
    int answer = event_raise(bonds->sink, &event);
    return answer == 0 && length <= SECRET_SIZE ? length : 0;
}

static bool set_blob(const struct sm_bonds *bonds, uint8_t sec_type, const void *key, const struct writer *blob)
{
    struct bluet_event event = {.code = BLUET_EVENT_SET_SECRET, .conn_handle = 0xffff};
    event.set_secret.sec_type = sec_type;
    event.set_secret.key = key;
    event.set_secret.key_length = sec_type == BLUET_SECRET_IRK ? sizeof irk_name : sizeof(struct bluet_address);
    event.set_secret.value = blob->start;
    event.set_secret.length = blob->length;
    return event_raise(bonds->sink, &event) == 1;
}

/* With its check. */
static bool keep_blob(const struct sm_bonds *bonds, uint8_t sec_type, const void *key, struct writer *blob)
{
    uint8_t check[16];
    bool done = secret_check(check, sec_type, blob->start, blob->length);
    write_octets(blob, check, SECRET_CHECK_LENGTH);
    return done && writer_ok(blob) && set_blob(bonds, sec_type, key, blob);
}

/* Both secrets of a peer. */
static void delete_blobs(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    const struct writer none = {0};
    const struct bluet_address key = *peer;
    set_blob(bonds, BLUET_SECRET_OURS, &key, &none);
    set_blob(bonds, BLUET_SECRET_PEER, &key, &none);
}

BLUET_INTERNAL bool sm_bonds_read(const struct sm_bonds *bonds, struct sm_secret *out_secret, uint8_t sec_type,
                                  const struct bluet_address *peer)
{
    uint8_t blob[SECRET_SIZE];
    const struct bluet_address key = *peer;
    size_t length = get_blob(bonds, blob, sec_type, &key, 0);
    bool good = sm_secret_read(out_secret, sec_type, blob, length) && hci_address_equal(&out_secret->keys.peer, &key);
    sm_wipe(blob, sizeof blob);
    return good;
}

BLUET_INTERNAL bool sm_bonds_write(const struct sm_bonds *bonds, const struct sm_secret *secret, uint8_t sec_type)
{
    uint8_t blob[SECRET_SIZE];
    struct writer writer = writer_of(blob, sizeof blob);
    write_u8(&writer, SECRET_VERSION);
    write_octets(&writer, &secret->keys, offsetof(struct sm_keys, csrk));
    if (secret->keys.flags & SM_SECRET_CSRK) {
        write_octets(&writer, secret->keys.csrk, sizeof secret->keys.csrk);
        write_u32(&writer, secret->counter);
    }
    write_octets(&writer, secret->tail, secret->tail_length);
    bool kept = keep_blob(bonds, sec_type, &secret->keys.peer, &writer);
    sm_wipe(blob, sizeof blob);
    return kept;
}

/* ---- Our identity ---- */

static void load_irk(struct sm_bonds *bonds)
{
    uint8_t blob[SECRET_SIZE];
    struct reader reader;
    size_t length = get_blob(bonds, blob, BLUET_SECRET_IRK, irk_name, 0);
    bool good = open_blob(&reader, BLUET_SECRET_IRK, blob, length);
    const uint8_t *irk = read_span(&reader, sizeof bonds->irk);
    bonds->irk_kept = good && reader_done(&reader);
    if (bonds->irk_kept)
        sm_copy(bonds->irk, irk, sizeof bonds->irk);
    else if (!bonds->irk_made)
        bonds->port->random(bonds->port->context, bonds->irk, sizeof bonds->irk);
    bonds->irk_made = true;
    sm_wipe(blob, sizeof blob);
}

BLUET_INTERNAL void sm_bonds_keep_irk(struct sm_bonds *bonds)
{
    uint8_t blob[1 + 16 + SECRET_CHECK_LENGTH];
    struct writer writer = writer_of(blob, sizeof blob);
    if (bonds->irk_kept)
        return;
    write_u8(&writer, SECRET_VERSION);
    write_octets(&writer, bonds->irk, sizeof bonds->irk);
    bonds->irk_kept = keep_blob(bonds, BLUET_SECRET_IRK, irk_name, &writer);
    sm_wipe(blob, sizeof blob);
}

/* ---- The table ---- */

BLUET_INTERNAL struct sm_bond *sm_bonds_find_identity(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    for (uint8_t i = 0; i < bonds->limit; i++) {
        if (bonds->bonds[i].used && hci_address_equal(&bonds->bonds[i].peer, peer))
            return &bonds->bonds[i];
    }
    return NULL;
}

BLUET_INTERNAL struct sm_bond *sm_bonds_place(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    struct sm_bond *place = sm_bonds_find_identity(bonds, peer);
    for (uint8_t i = 0; !place && i < bonds->limit; i++) {
        if (!bonds->bonds[i].used && !bonds->bonds[i].deleted_ticket)
            place = &bonds->bonds[i];
    }
    return place;
}

static void fill_in(struct sm_bonds *bonds, struct sm_bond *bond, const struct sm_secret *theirs)
{
    const struct sm_keys *keys = &theirs->keys;
    bonds->changes++;
    memset(bond, 0, sizeof *bond);
    sm_copy(&bond->peer, &keys->peer, sizeof bond->peer);
    bond->flags = keys->flags;
    bond->key_size = keys->key_size;
    bond->used = true;
    if (theirs->tail_length == sizeof bond->irk)
        sm_copy(bond->irk, theirs->tail, sizeof bond->irk);
}

BLUET_INTERNAL void sm_bonds_load(struct sm_bonds *bonds)
{
    uint8_t blob[SECRET_SIZE];
    struct sm_secret secret;
    load_irk(bonds);
    size_t length = 1;
    for (unsigned index = 0; length && index <= UINT8_MAX; index++) {
        length = get_blob(bonds, blob, BLUET_SECRET_PEER, NULL, index);
        if (!sm_secret_read(&secret, BLUET_SECRET_PEER, blob, length))
            continue;
        struct sm_bond *bond = sm_bonds_place(bonds, &secret.keys.peer);
        if (bond && !bond->used)
            fill_in(bonds, bond, &secret);
    }
    sm_wipe(blob, sizeof blob);
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
        if (resolves(&bonds->bonds[i], peer))
            return &bonds->bonds[i];
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
    sm_copy(&secret->keys, &given->ours, sizeof secret->keys);
    secret->counter = 0;
    if (!sm_bonds_write(bonds, secret, BLUET_SECRET_OURS))
        return NULL;
    sm_copy(&secret->keys, &given->theirs, sizeof secret->keys);
    secret->tail_length = given->identified ? sizeof given->irk : 0;
    sm_copy(secret->tail, given->irk, sizeof given->irk);
    bool kept = sm_bonds_write(bonds, secret, BLUET_SECRET_PEER);
    struct sm_bond *bond = sm_bonds_place(bonds, &given->theirs.peer);
    if (kept && bond) {
        fill_in(bonds, bond, secret);
        return bond;
    }
    if (bond && bond->used)
        take_out(bonds, bond);
    delete_blobs(bonds, &given->theirs.peer);
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
