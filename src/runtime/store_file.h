/* The file of a store: found, locked, read, replaced as a whole, and put aside when it is damaged. */
#ifndef BLUET_RUNTIME_STORE_FILE_H
#define BLUET_RUNTIME_STORE_FILE_H

#include <limits.h>

#include "runtime/store_image.h"
#include "spec/internal.h"

struct store_file {
    int lock;                /* a descriptor of the file, locked; -1: there is no file */
    char path[PATH_MAX];     /* the file itself, after symbolic links */
    char draft[PATH_MAX];    /* beside it: what is to take its place */
    char replaced[PATH_MAX]; /* what a damaged one has been renamed to */
};

/* Finds the place; the file need not exist, its folder must. BLUET_EIO (see the message). */
BLUET_INTERNAL int store_file_find(struct store_file *file, const char *name);

/* Locks it, if it exists. BLUET_EBUSY, BLUET_EIO (see the message). */
BLUET_INTERNAL int store_file_lock(struct store_file *file);
BLUET_INTERNAL void store_file_unlock(struct store_file *file);

/*
 * Reads it, locked or not; no octets: there is no file. BLUET_EIO, BLUET_ENOMEM (see the message). One that is damaged
 * is put aside under another name if it is locked.
 */
BLUET_INTERNAL int store_file_read(struct store_file *file, struct store_image *out_image);

/* Puts an image into its place, at once and for good, and has the lock then. BLUET_EIO, BLUET_EBUSY: all is as it was
 * (see the message). */
BLUET_INTERNAL int store_file_replace(struct store_file *file, const struct store_image *image);

#endif
