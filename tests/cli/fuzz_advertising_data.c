/* Advertising data as any stranger may send it: taken apart, put into words, and into JSON. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "advertising_data.h"
#include "advertising_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first octet says how much of the rest is the advertisement; what remains is the scan response. */
static struct advertising_pair pair_of(const uint8_t *data, size_t size)
{
    if (size == 0)
        return (struct advertising_pair){data, 0, data, 0};
    size_t length = data[0] < size - 1 ? data[0] : size - 1;
    return (struct advertising_pair){data + 1, length, data + 1 + length, size - 1 - length};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct advertising_pair pair = pair_of(data, size);
    struct advertising_summary summary = {0};
    advertising_summarize(&summary, pair.data, pair.length);
    /* A name lies within what came in, or there is none. */
    if (summary.name && (summary.name < pair.data || summary.name + summary.name_length > pair.data + pair.length))
        __builtin_trap();

    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere) {
        advertising_describe(nowhere, &pair);
        fclose(nowhere);
    }
    json_t *object = json_object();
    advertising_to_json(object, &pair);
    char *text = json_dumps(object, JSON_COMPACT);
    /* Whatever came in, what goes out is JSON. */
    if (!text)
        __builtin_trap();
    free(text);
    json_decref(object);
    return 0;
}
