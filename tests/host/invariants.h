/* What must hold of a host between any two steps of it. */
#ifndef BLUET_TESTS_HOST_INVARIANTS_H
#define BLUET_TESTS_HOST_INVARIANTS_H

#include "bluet/bluet.h"

/* Aborts, saying which rule is broken. To be called from the event handler and after every call. */
void check_invariants(const struct bluet *host);

#endif
