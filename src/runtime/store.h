/*
 * Secrets in a file, for an application that does not want to keep them itself. Whoever has a store open holds a lock
 * on its file, so that no two radios write to one; whoever only looks needs none, for the file is always whole: it is
 * replaced, never changed.
 */
#ifndef BLUET_RUNTIME_STORE_H
#define BLUET_RUNTIME_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/store_file.h"
#include "runtime/store_image.h"
#include "spec/internal.h"

struct store {
    struct store_file file;
    struct store_image image; /* as in the file; after a deletion that could not be written, what should be in it */
    bool stale;               /* that is so */
    bool failing;             /* the last secret could not be kept */
};

/*
 * Opens it, making the file if there is none. Where it cannot be made, the store is empty, and secrets will be refused.
 * BLUET_EBUSY: another radio has it. BLUET_EIO: it cannot be read or trusted. BLUET_ENOMEM. All with a message.
 */
BLUET_INTERNAL int store_open(struct store **out_store, const char *name);
BLUET_INTERNAL void store_close(struct store *store);

/* The secret of that type and key, or with `key` NULL the one with that index among its type. */
BLUET_INTERNAL bool store_find(const struct store *store, struct store_secret *out_secret, uint8_t sec_type,
                               size_t index, const uint8_t *key, size_t key_length);
/* Keeps a secret; with `value` NULL, forgets it. BLUET_EIO, BLUET_ENOMEM, BLUET_EBUSY: it is not kept (see the
 * message).
 */
BLUET_INTERNAL int store_keep(struct store *store, const struct store_secret *secret);

#endif
