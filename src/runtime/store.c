/* A store: what is in its file, in memory; each change is written at once. And what can be done to one without a radio.
 */
#include "runtime/store.h"

#include <stdlib.h>
#include <string.h>

#include "bluet/runtime.h"
#include "runtime/message.h"

static int fail_for_memory(void)
{
    message_set("no memory for a store of secrets");
    return BLUET_ENOMEM;
}

/* ---- Opening ---- */

/* A store that cannot be made may be so later: a pairing that could not be kept is better than none. */
static int begin_empty(struct store *store)
{
    if (!store_image_copy(&store->image, NULL, NULL))
        return fail_for_memory();
    int error = store_file_replace(&store->file, &store->image);
    return error == BLUET_EBUSY ? error : 0;
}

static int open_file(struct store *store, const char *name)
{
    int error = store_file_find(&store->file, name);
    if (!error)
        error = store_file_lock(&store->file);
    if (error)
        return error;
    return store->file.lock >= 0 ? store_file_read(&store->file, &store->image) : begin_empty(store);
}

BLUET_INTERNAL int store_open(struct store **out_store, const char *name)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return fail_for_memory();
    store->file.lock = -1;
    int error = open_file(store, name);
    if (error)
        store_close(store);
    else
        *out_store = store;
    return error;
}

BLUET_INTERNAL void store_close(struct store *store)
{
    if (!store)
        return;
    store_file_unlock(&store->file);
    store_image_free(&store->image);
    free(store);
}

/* ---- Secrets ---- */

BLUET_INTERNAL bool store_find(const struct store *store, struct store_secret *out_secret, uint8_t sec_type,
                               size_t index, const uint8_t *key, size_t key_length)
{
    const struct store_secret wanted = {.sec_type = sec_type, .key = key, .key_length = key_length};
    struct reader secrets = store_image_secrets(&store->image);
    while (store_image_next(&secrets, out_secret)) {
        if (key ? store_image_is_same(out_secret, &wanted) : out_secret->sec_type == sec_type && index-- == 0)
            return true;
    }
    return false;
}

static bool is_kept(const struct store *store, const struct store_secret *secret)
{
    struct store_secret kept;
    if (store->stale)
        return false;
    if (!store_find(store, &kept, secret->sec_type, 0, secret->key, secret->key_length))
        return !secret->value;
    return secret->value && kept.value_length == secret->value_length &&
           memcmp(kept.value, secret->value, kept.value_length) == 0;
}

BLUET_INTERNAL int store_keep(struct store *store, const struct store_secret *secret)
{
    struct store_image next = {NULL, 0};
    if (is_kept(store, secret))
        return 0;
    if (!store_image_copy(&next, &store->image, secret))
        return fail_for_memory();
    int error = store_file_replace(&store->file, &next);
    /* What is deleted is gone, though the file does not know it yet. */
    store->stale = error && (store->stale || !secret->value);
    struct store_image *old = error && secret->value ? &next : &store->image;
    store_image_free(old);
    if (old == &store->image)
        store->image = next;
    return error;
}

/* ---- Without a radio ---- */

static int read_bonds(const struct store_image *image, struct bluet_bond *out_bonds, size_t capacity)
{
    size_t count = 0;
    struct store_secret secret;
    struct bluet_bond bond;
    struct reader secrets = store_image_secrets(image);
    while (store_image_next(&secrets, &secret)) {
        if (secret.sec_type != BLUET_SECRET_PEER ||
            bluet_bond_read(&bond, secret.sec_type, secret.value, secret.value_length))
            continue;
        if (count < capacity)
            out_bonds[count] = bond;
        count++;
    }
    return (int)count;
}

int bluet_store_bonds(const char *path, struct bluet_bond *out_bonds, size_t capacity)
{
    message_clear();
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return fail_for_memory();
    int result = store_file_find(&store->file, path);
    if (!result)
        result = store_file_read(&store->file, &store->image);
    if (!result)
        result = read_bonds(&store->image, out_bonds, capacity);
    store_close(store);
    return result;
}

static bool is_of(const struct store_secret *secret, const struct bluet_address *peer)
{
    struct bluet_bond bond;
    return bluet_bond_read(&bond, secret->sec_type, secret->value, secret->value_length) == 0 &&
           bond.peer.type == peer->type && memcmp(bond.peer.octets, peer->octets, sizeof peer->octets) == 0;
}

/* Its first secret that is of that peer; false: there is none (any more). */
static bool find_of(const struct store *store, struct store_secret *out_secret, const struct bluet_address *peer)
{
    struct reader secrets = store_image_secrets(&store->image);
    while (store_image_next(&secrets, out_secret)) {
        if (is_of(out_secret, peer))
            return true;
    }
    return false;
}

static int forget(struct store *store, const struct bluet_address *peer)
{
    struct store_secret secret;
    int error = find_of(store, &secret, peer) ? 0 : BLUET_EINVAL;
    while (!error && find_of(store, &secret, peer)) {
        secret.value = NULL;
        secret.value_length = 0;
        error = store_keep(store, &secret);
    }
    return error;
}

int bluet_store_forget(const char *path, const struct bluet_address *peer)
{
    message_clear();
    struct store *store;
    int error = store_open(&store, path);
    if (error)
        return error;
    error = forget(store, peer);
    store_close(store);
    return error;
}
