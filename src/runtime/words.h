/* The tables behind bluet_explain(): one per space of codes, in order of the code. */
#ifndef BLUET_RUNTIME_WORDS_H
#define BLUET_RUNTIME_WORDS_H

#include <stddef.h>

#include "bluet/runtime.h"
#include "spec/internal.h"

struct words {
    int first, last; /* the codes it holds for, both included */
    struct bluet_explanation explanation;
};

/* The HCI error codes. */
BLUET_INTERNAL const struct words *words_hci(size_t *out_count);

#endif
