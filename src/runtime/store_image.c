/* Judges, reads and makes the contents of a store's file. Whatever is in one is from outside. */
#include "runtime/store_image.h"

#include <stdlib.h>
#include <string.h>

#include "spec/writer.h"

enum { VERSION = 1, MARK_LENGTH = 14, HEAD_LENGTH = MARK_LENGTH + 2, CHECK_LENGTH = 4, SECRET_HEAD_LENGTH = 4 };

static const uint8_t mark[MARK_LENGTH] = "bluet secrets\n";

/* CRC-32 as in IEEE 802.3, reflected. */
static uint32_t checksum(const uint8_t *octets, size_t length)
{
    uint32_t value = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        value ^= octets[i];
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
    }
    return ~value;
}

/* Emptied, overwritten with zeros, or with most of the mark still there. Anything else is somebody's other file. */
static bool was_a_store(const uint8_t *octets, size_t length)
{
    size_t same = 0, zeros = 0;
    for (size_t i = 0; i < length && i < MARK_LENGTH; i++) {
        same += octets[i] == mark[i];
        zeros += octets[i] == 0;
    }
    return length < MARK_LENGTH ? same == length || zeros == length : 2 * same >= MARK_LENGTH || zeros == MARK_LENGTH;
}

BLUET_INTERNAL enum store_verdict store_image_judge(const uint8_t *octets, size_t length)
{
    const struct store_image image = {(uint8_t *)(uintptr_t)octets, length};
    if (!was_a_store(octets, length))
        return STORE_STRANGE;
    if (length < HEAD_LENGTH + CHECK_LENGTH || length > STORE_LARGEST || memcmp(octets, mark, MARK_LENGTH) != 0)
        return STORE_DAMAGED;
    struct reader check = reader_of(octets + length - CHECK_LENGTH, CHECK_LENGTH);
    if (read_u32(&check) != checksum(octets, length - CHECK_LENGTH))
        return STORE_DAMAGED;
    struct reader version = reader_of(octets + MARK_LENGTH, HEAD_LENGTH - MARK_LENGTH);
    if (read_u16(&version) != VERSION)
        return STORE_LATER;
    struct store_secret secret;
    struct reader secrets = store_image_secrets(&image);
    while (store_image_next(&secrets, &secret)) {}
    return reader_done(&secrets) ? STORE_WHOLE : STORE_DAMAGED;
}

BLUET_INTERNAL struct reader store_image_secrets(const struct store_image *image)
{
    if (image->length < HEAD_LENGTH + CHECK_LENGTH)
        return reader_of(NULL, 0);
    return reader_of(image->octets + HEAD_LENGTH, image->length - HEAD_LENGTH - CHECK_LENGTH);
}

BLUET_INTERNAL bool store_image_next(struct reader *secrets, struct store_secret *out_secret)
{
    if (!reader_remaining(secrets))
        return false;
    out_secret->sec_type = read_u8(secrets);
    out_secret->key_length = read_u8(secrets);
    out_secret->value_length = read_u16(secrets);
    out_secret->key = read_span(secrets, out_secret->key_length);
    out_secret->value = read_span(secrets, out_secret->value_length);
    return reader_ok(secrets);
}

BLUET_INTERNAL bool store_image_is_same(const struct store_secret *one, const struct store_secret *other)
{
    return one->sec_type == other->sec_type && one->key_length == other->key_length &&
           memcmp(one->key, other->key, one->key_length) == 0;
}

static void write_secret(struct writer *writer, const struct store_secret *secret)
{
    write_u8(writer, secret->sec_type);
    write_u8(writer, (uint8_t)secret->key_length);
    write_u16(writer, (uint16_t)secret->value_length);
    write_octets(writer, secret->key, secret->key_length);
    write_octets(writer, secret->value, secret->value_length);
}

static void write_secrets(struct writer *writer, const struct store_image *old, const struct store_secret *secret)
{
    struct reader secrets = old ? store_image_secrets(old) : reader_of(NULL, 0);
    struct store_secret kept;
    while (store_image_next(&secrets, &kept)) {
        bool replaced = secret && store_image_is_same(&kept, secret);
        if (!replaced)
            write_secret(writer, &kept);
        else if (secret->value)
            write_secret(writer, secret);
        if (replaced)
            secret = NULL;
    }
    if (secret && secret->value)
        write_secret(writer, secret);
}

BLUET_INTERNAL void store_image_seal(struct store_image *image)
{
    struct writer writer = writer_of(image->octets + image->length - CHECK_LENGTH, CHECK_LENGTH);
    write_u32(&writer, checksum(image->octets, image->length - CHECK_LENGTH));
}

BLUET_INTERNAL bool store_image_copy(struct store_image *out_image, const struct store_image *old,
                                     const struct store_secret *secret)
{
    size_t added = secret ? SECRET_HEAD_LENGTH + secret->key_length + secret->value_length : 0;
    if (secret && (secret->key_length > UINT8_MAX || secret->value_length > UINT16_MAX))
        return false;
    size_t capacity = (old && old->length ? old->length : HEAD_LENGTH + CHECK_LENGTH) + added;
    uint8_t *octets = capacity <= STORE_LARGEST ? malloc(capacity) : NULL;
    if (!octets)
        return false;
    struct writer writer = writer_of(octets, capacity);
    write_octets(&writer, mark, MARK_LENGTH);
    write_u16(&writer, VERSION);
    write_secrets(&writer, old, secret);
    write_zeros(&writer, CHECK_LENGTH);
    *out_image = (struct store_image){octets, writer.length};
    store_image_seal(out_image);
    return writer_ok(&writer);
}

BLUET_INTERNAL void store_image_free(struct store_image *image)
{
    if (image->octets)
        explicit_bzero(image->octets, image->length);
    free(image->octets);
    *image = (struct store_image){NULL, 0};
}
