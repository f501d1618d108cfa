/*
 * How names that cross files are kept from the linker: hidden in the library, static in the one-file build, which
 * defines BLUET_INTERNAL itself.
 */
#ifndef BLUET_SPEC_INTERNAL_H
#define BLUET_SPEC_INTERNAL_H

#ifndef BLUET_INTERNAL
#define BLUET_INTERNAL __attribute__((visibility("hidden")))
#endif

#endif
