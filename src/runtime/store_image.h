/*
 * What a store of secrets looks like in its file: a mark, a version, the secrets one behind the other, and a checksum
 * over all that stands before it. Little endian.
 *
 *     "bluet secrets\n"  version (2)  { sec_type (1)  key length (1)  value length (2)  key  value } ...  CRC-32 (4)
 */
#ifndef BLUET_RUNTIME_STORE_IMAGE_H
#define BLUET_RUNTIME_STORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/internal.h"
#include "spec/reader.h"

struct store_image {
    uint8_t *octets;
    size_t length;
};

struct store_secret {
    uint8_t sec_type;
    const uint8_t *key;
    size_t key_length;
    const uint8_t *value; /* NULL: none */
    size_t value_length;
};

enum store_verdict {
    STORE_WHOLE,
    STORE_DAMAGED, /* was a store once */
    STORE_LATER,   /* of a version that is not known here */
    STORE_STRANGE  /* never was a store */
};

enum { STORE_LARGEST = 1 << 20 };

BLUET_INTERNAL enum store_verdict store_image_judge(const uint8_t *octets, size_t length);

/* The secrets of a whole image, to be read by store_image_next(), which returns false at the end. */
BLUET_INTERNAL struct reader store_image_secrets(const struct store_image *image);
BLUET_INTERNAL bool store_image_next(struct reader *secrets, struct store_secret *out_secret);

/* A copy in which `secret` stands in the place of the one with its type and key, or at the end; `old` NULL, or without
 * octets: nothing yet; `secret` NULL: nothing more. False: no memory, or too much to be kept. */
BLUET_INTERNAL bool store_image_copy(struct store_image *out_image, const struct store_image *old,
                                     const struct store_secret *secret);
/* Puts the checksum into its last four octets. */
BLUET_INTERNAL void store_image_seal(struct store_image *image);
BLUET_INTERNAL bool store_image_is_same(const struct store_secret *one, const struct store_secret *other);
/* Overwrites it first. */
BLUET_INTERNAL void store_image_free(struct store_image *image);

#endif
