/*
 * Octets of keys and proofs: copied, turned round, compared, overwritten. Each is one function for all of the Security
 * Manager: what compilers make of copies whose lengths they know is larger than a call.
 */
#ifndef BLUET_HOST_SM_OCTETS_H
#define BLUET_HOST_SM_OCTETS_H

#include "spec/internal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

BLUET_INTERNAL void sm_copy(void *out, const void *octets, size_t length);
/* From the order of the toolbox to that of the air, or back. */
BLUET_INTERNAL void sm_reverse(uint8_t *out, const uint8_t *octets, size_t length);
/* In the same time, whether they differ or not. */
BLUET_INTERNAL bool sm_is_equal(const void *one, const void *other, size_t length);
/* No compiler leaves it out. */
BLUET_INTERNAL void sm_wipe(void *secret, size_t length);

#endif
