/* The contents of a store's file: whatever they are, they are judged; and what is judged to be whole can be changed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/store_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_change(const struct store_image *image)
{
    const struct store_secret added = {200, (const uint8_t *)"key", 3, (const uint8_t *)"value", 5};
    struct store_image changed;
    struct store_secret found;
    if (!store_image_copy(&changed, image, &added))
        return;
    bool there = false;
    struct reader secrets = store_image_secrets(&changed);
    while (store_image_next(&secrets, &found))
        there = there || (store_image_is_same(&found, &added) && found.value_length == 5);
    if (!there || store_image_judge(changed.octets, changed.length) != STORE_WHOLE)
        abort();
    store_image_free(&changed);
}

/* As it is; and with the checksum that it lacks, which no fuzzer would find. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_image image = {malloc(size + 4), size};
    if (!image.octets)
        return 0;
    if (size)
        memcpy(image.octets, data, size);
    if (store_image_judge(image.octets, size) == STORE_WHOLE)
        check_change(&image);
    image.length = size + 4;
    store_image_seal(&image);
    if (store_image_judge(image.octets, image.length) == STORE_WHOLE)
        check_change(&image);
    store_image_free(&image);
    return 0;
}
