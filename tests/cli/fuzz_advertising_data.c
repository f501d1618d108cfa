/* Advertising data as any stranger may send it. */
#include <stddef.h>
#include <stdint.h>

#include "advertising_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(data, size);
    struct advertising_element element;
    struct bluet_uuid uuid;
    while (advertising_next(&reader, &element))
        while (advertising_next_uuid(&element.value, element.type, &uuid))
            continue;
    struct advertising_summary summary = {0};
    advertising_summarize(&summary, data, size);
    /* A name lies within what came in, or there is none. */
    if (summary.name && (summary.name < data || summary.name + summary.name_length > data + size))
        __builtin_trap();
    return 0;
}
