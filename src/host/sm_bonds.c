/*
 * Secrets as the application keeps them. Each is one blob: its version, what is in struct sm_secret, and eight octets
 * of a CMAC over all of it and its kind, so that one which is damaged, or stands in the place of another, is not
 * trusted.
 */
#include "host/sm_bonds.h"

#include "host/memory.h"
#include "host/sm_keys.h"
#include "spec/hci.h"
#include "spec/reader.h"
#include "spec/writer.h"

enum {
    SECRET_VERSION = 2,
    SECRET_GAP_OF_VERSION_1 = 8, /* what the keeper saves had no database hash before it */
    SECRET_SIZE = 128,
    SECRET_CHECK_LENGTH = 8,
    SECRET_KEY_LENGTH = 7
};

static const uint8_t irk_name[3] = {'i', 'r', 'k'};

/* ---- Blobs ---- */

/* The blob begins with its version. */
static bool secret_check(uint8_t out[16], uint8_t sec_type, const uint8_t *blob, size_t length)
{
    const uint8_t key[16] = {'b', 'l', 'u', 'e', 't', ' ', 's', 'e', 'c', 'r', 'e', 't', blob[0], sec_type};
    return crypto_aes_cmac(out, key, blob, length);
}

static bool write_check(struct writer *writer, uint8_t sec_type)
{
    uint8_t check[16];
    bool done = secret_check(check, sec_type, writer->start, writer->length);
    write_octets(writer, check, SECRET_CHECK_LENGTH);
    return done && writer_ok(writer);
}

/* Its version, with a reader of what it says, if it can be trusted; otherwise 0. */
static uint8_t open_blob(struct reader *out_content, uint8_t sec_type, const uint8_t *blob, size_t length)
{
    *out_content = reader_of(blob, 0);
    if (length < 1 + SECRET_CHECK_LENGTH)
        return 0;
    uint8_t check[16];
    size_t content = length - SECRET_CHECK_LENGTH;
    *out_content = reader_of(blob, content);
    uint8_t version = read_u8(out_content);
    bool good = version <= SECRET_VERSION && secret_check(check, sec_type, blob, content) &&
                crypto_equal(check, blob + content, SECRET_CHECK_LENGTH);
    return good ? version : 0;
}

static bool write_secret(struct writer *writer, const struct sm_secret *secret, uint8_t sec_type)
{
    write_u8(writer, SECRET_VERSION);
    write_u8(writer, secret->flags);
    write_u8(writer, secret->key_size);
    write_u8(writer, secret->peer.type);
    write_octets(writer, secret->peer.octets, sizeof secret->peer.octets);
    write_u16(writer, secret->ediv);
    write_octets(writer, secret->random, sizeof secret->random);
    write_octets(writer, secret->ltk, sizeof secret->ltk);
    if (secret->flags & SM_SECRET_CSRK) {
        write_octets(writer, secret->csrk, sizeof secret->csrk);
        write_u32(writer, secret->counter);
    }
    write_octets(writer, secret->tail, secret->tail_length);
    return write_check(writer, sec_type);
}

BLUET_INTERNAL bool sm_secret_read(struct sm_secret *out, uint8_t sec_type, const uint8_t *blob, size_t length)
{
    struct reader reader;
    *out = (struct sm_secret){0};
    uint8_t version = open_blob(&reader, sec_type, blob, length);
    if (!version)
        return false;
    out->flags = read_u8(&reader);
    out->key_size = read_u8(&reader);
    out->peer.type = read_u8(&reader);
    read_octets(&reader, out->peer.octets, sizeof out->peer.octets);
    out->ediv = read_u16(&reader);
    read_octets(&reader, out->random, sizeof out->random);
    read_octets(&reader, out->ltk, sizeof out->ltk);
    if (out->flags & SM_SECRET_CSRK) {
        read_octets(&reader, out->csrk, sizeof out->csrk);
        out->counter = read_u32(&reader);
    }
    size_t tail = reader_remaining(&reader);
    size_t gap = version == 1 && sec_type == BLUET_SECRET_OURS && tail ? SECRET_GAP_OF_VERSION_1 : 0;
    if (!reader_ok(&reader) || gap + tail > sizeof out->tail || out->peer.type > BLUET_ADDRESS_RANDOM ||
        out->key_size < SM_KEY_SIZE_LEAST || out->key_size > SM_KEY_SIZE_MOST)
        return false;
    out->tail_length = (uint8_t)(gap + tail);
    read_octets(&reader, out->tail + gap, tail);
    return true;
}

/* ---- The application ---- */

struct secret_name {
    uint8_t sec_type;
    uint8_t index;
    const uint8_t *key; /* NULL: by index */
    size_t key_length;
};

static size_t get_blob(const struct sm_bonds *bonds, uint8_t *out, const struct secret_name *name)
{
    size_t length = 0;
    struct bluet_event event = {.code = BLUET_EVENT_GET_SECRET, .conn_handle = 0xffff};
    event.get_secret.sec_type = name->sec_type;
    event.get_secret.index = name->index;
    event.get_secret.key = name->key;
    event.get_secret.key_length = name->key_length;
    event.get_secret.out_value = out;
    event.get_secret.capacity = SECRET_SIZE;
    event.get_secret.out_length = &length;
    int answer = event_raise(bonds->sink, &event);
    return answer == 0 && length <= SECRET_SIZE ? length : 0;
}

static bool set_blob(const struct sm_bonds *bonds, const struct secret_name *name, const uint8_t *blob, size_t length)
{
    struct bluet_event event = {.code = BLUET_EVENT_SET_SECRET, .conn_handle = 0xffff};
    event.set_secret.sec_type = name->sec_type;
    event.set_secret.key = name->key;
    event.set_secret.key_length = name->key_length;
    event.set_secret.value = blob;
    event.set_secret.length = length;
    return event_raise(bonds->sink, &event) == 1;
}

static struct secret_name name_of(uint8_t out_key[SECRET_KEY_LENGTH], uint8_t sec_type,
                                  const struct bluet_address *peer)
{
    out_key[0] = peer->type;
    memcpy(out_key + 1, peer->octets, sizeof peer->octets);
    return (struct secret_name){sec_type, 0, out_key, SECRET_KEY_LENGTH};
}

BLUET_INTERNAL bool sm_bonds_read(const struct sm_bonds *bonds, struct sm_secret *out_secret, uint8_t sec_type,
                                  const struct bluet_address *peer)
{
    uint8_t blob[SECRET_SIZE];
    uint8_t key[SECRET_KEY_LENGTH];
    struct secret_name name = name_of(key, sec_type, peer);
    size_t length = get_blob(bonds, blob, &name);
    bool good = sm_secret_read(out_secret, sec_type, blob, length) && hci_address_equal(&out_secret->peer, peer);
    crypto_wipe(blob, sizeof blob);
    return good;
}

BLUET_INTERNAL bool sm_bonds_write(const struct sm_bonds *bonds, const struct sm_secret *secret, uint8_t sec_type)
{
    uint8_t blob[SECRET_SIZE];
    uint8_t key[SECRET_KEY_LENGTH];
    struct writer writer = writer_of(blob, sizeof blob);
    struct secret_name name = name_of(key, sec_type, &secret->peer);
    bool kept = write_secret(&writer, secret, sec_type) && set_blob(bonds, &name, blob, writer.length);
    crypto_wipe(blob, sizeof blob);
    return kept;
}

/* ---- Our identity ---- */

static void load_irk(struct sm_bonds *bonds)
{
    uint8_t blob[SECRET_SIZE];
    const struct secret_name name = {BLUET_SECRET_IRK, 0, irk_name, sizeof irk_name};
    size_t length = get_blob(bonds, blob, &name);
    struct reader reader;
    bonds->irk_kept = open_blob(&reader, BLUET_SECRET_IRK, blob, length);
    const uint8_t *irk = read_span(&reader, sizeof bonds->irk);
    bonds->irk_kept = bonds->irk_kept && reader_done(&reader);
    if (bonds->irk_kept)
        memcpy(bonds->irk, irk, sizeof bonds->irk);
    if (!bonds->irk_kept && !bonds->irk_made)
        bonds->port->random(bonds->port->context, bonds->irk, sizeof bonds->irk);
    bonds->irk_made = true;
    crypto_wipe(blob, sizeof blob);
}

static void keep_irk(struct sm_bonds *bonds)
{
    uint8_t blob[1 + 16 + SECRET_CHECK_LENGTH];
    struct writer writer = writer_of(blob, sizeof blob);
    const struct secret_name name = {BLUET_SECRET_IRK, 0, irk_name, sizeof irk_name};
    write_u8(&writer, SECRET_VERSION);
    write_octets(&writer, bonds->irk, sizeof bonds->irk);
    bonds->irk_kept = write_check(&writer, BLUET_SECRET_IRK) && set_blob(bonds, &name, blob, writer.length);
    crypto_wipe(blob, sizeof blob);
}

/* ---- The table ---- */

BLUET_INTERNAL int sm_bonds_open(struct sm_bonds *bonds, const struct bluet_port *port, const struct event_sink *sink,
                                 uint8_t limit)
{
    size_t size = limit * sizeof *bonds->bonds;
    bonds->port = port;
    bonds->sink = sink;
    bonds->limit = limit;
    bonds->bonds = memory_take(port, size);
    if (!bonds->bonds)
        return BLUET_ENOMEM;
    memset(bonds->bonds, 0, size);
    return BLUET_OK;
}

BLUET_INTERNAL void sm_bonds_close(struct sm_bonds *bonds)
{
    size_t size = bonds->limit * sizeof *bonds->bonds;
    if (bonds->bonds) {
        crypto_wipe(bonds->bonds, size);
        memory_give(bonds->port, bonds->bonds, size);
    }
    bonds->bonds = NULL;
    bonds->deleted_count = 0;
}

static struct sm_bond *find_free(const struct sm_bonds *bonds)
{
    for (uint8_t i = 0; i < bonds->limit; i++) {
        if (!bonds->bonds[i].used && !bonds->bonds[i].deleted_ticket)
            return &bonds->bonds[i];
    }
    return NULL;
}

BLUET_INTERNAL bool sm_bonds_have_room(const struct sm_bonds *bonds)
{
    return find_free(bonds);
}

static void fill_in(struct sm_bonds *bonds, struct sm_bond *bond, const struct sm_secret *theirs)
{
    bonds->changes++;
    *bond = (struct sm_bond){.peer = theirs->peer, .flags = theirs->flags, .key_size = theirs->key_size, .used = true};
    if (theirs->tail_length == sizeof bond->irk)
        memcpy(bond->irk, theirs->tail, sizeof bond->irk);
}

BLUET_INTERNAL void sm_bonds_load(struct sm_bonds *bonds)
{
    uint8_t blob[SECRET_SIZE];
    struct sm_secret secret;
    load_irk(bonds);
    size_t length = 1;
    for (unsigned index = 0; length && index <= UINT8_MAX; index++) {
        const struct secret_name name = {BLUET_SECRET_PEER, (uint8_t)index, NULL, 0};
        length = get_blob(bonds, blob, &name);
        struct sm_bond *bond = find_free(bonds);
        if (length && bond && sm_secret_read(&secret, BLUET_SECRET_PEER, blob, length) &&
            !sm_bonds_find_identity(bonds, &secret.peer))
            fill_in(bonds, bond, &secret);
    }
    crypto_wipe(blob, sizeof blob);
    crypto_wipe(&secret, sizeof secret);
}

BLUET_INTERNAL struct sm_bond *sm_bonds_find_identity(const struct sm_bonds *bonds, const struct bluet_address *peer)
{
    for (uint8_t i = 0; i < bonds->limit; i++) {
        if (bonds->bonds[i].used && hci_address_equal(&bonds->bonds[i].peer, peer))
            return &bonds->bonds[i];
    }
    return NULL;
}

/* Vol 6 Part B, 1.3.2.3 */
static bool resolves(const struct sm_bond *bond, const struct bluet_address *peer)
{
    uint8_t hash[3];
    return sm_has_irk(bond) && sm_ah(hash, bond->irk, peer->octets) && memcmp(hash, peer->octets + 3, sizeof hash) == 0;
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

BLUET_INTERNAL struct sm_bond *sm_bonds_keep(struct sm_bonds *bonds, const struct sm_secret *ours,
                                             const struct sm_secret *theirs)
{
    if (!bonds->irk_kept)
        keep_irk(bonds);
    bool kept = sm_bonds_write(bonds, ours, BLUET_SECRET_OURS);
    kept = sm_bonds_write(bonds, theirs, BLUET_SECRET_PEER) && kept;
    struct sm_bond *bond = sm_bonds_find_identity(bonds, &theirs->peer);
    if (!bond)
        bond = find_free(bonds);
    if (!kept || !bond)
        return NULL;
    fill_in(bonds, bond, theirs);
    return bond;
}

BLUET_INTERNAL void sm_bonds_delete(struct sm_bonds *bonds, struct sm_bond *bond, int ticket)
{
    bond->used = false;
    bond->deleted_ticket = ticket;
    crypto_wipe(bond->irk, sizeof bond->irk);
    bonds->deleted_count++;
    bonds->changes++;
}

BLUET_INTERNAL void sm_bonds_settle(struct sm_bonds *bonds, const struct hci *hci)
{
    for (uint8_t i = 0; bonds->deleted_count && i < bonds->limit; i++) {
        struct sm_bond *bond = &bonds->bonds[i];
        int ticket = bond->deleted_ticket;
        if (!ticket)
            continue;
        uint8_t key[SECRET_KEY_LENGTH];
        struct secret_name name = name_of(key, BLUET_SECRET_OURS, &bond->peer);
        bond->deleted_ticket = 0;
        bonds->deleted_count--;
        set_blob(bonds, &name, NULL, 0);
        name.sec_type = BLUET_SECRET_PEER;
        set_blob(bonds, &name, NULL, 0);
        hci_end_ticket(hci, ticket, BLUET_OK, HCI_SUCCESS);
    }
}
