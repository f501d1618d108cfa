/*
 * What of the host is built. Each switch is 1 unless the build says otherwise (-DBLUET_CENTRAL=0); BLUET_HAS_* is what
 * comes of them, for `if` as well as `#if`: the compiler drops what stands behind a condition that cannot hold, and the
 * build leaves out the files of cmake/features.cmake. What a switch takes away is in docs/size.md.
 */
#ifndef BLUET_HOST_FEATURES_H
#define BLUET_HOST_FEATURES_H

#ifndef BLUET_CENTRAL
#define BLUET_CENTRAL 1
#endif
#ifndef BLUET_GATT_CLIENT
#define BLUET_GATT_CLIENT 1
#endif
#ifndef BLUET_L2CAP_CHANNELS
#define BLUET_L2CAP_CHANNELS 1
#endif
#ifndef BLUET_EATT
#define BLUET_EATT 1
#endif
#ifndef BLUET_SECURITY
#define BLUET_SECURITY 1
#endif
#ifndef BLUET_LEGACY_PAIRING
#define BLUET_LEGACY_PAIRING 1
#endif
#ifndef BLUET_SIGNING
#define BLUET_SIGNING 1
#endif
#ifndef BLUET_PRIVACY
#define BLUET_PRIVACY 1
#endif

#define BLUET_HAS_CENTRAL (BLUET_CENTRAL)
#define BLUET_HAS_GATT_CLIENT (BLUET_GATT_CLIENT)
#define BLUET_HAS_L2CAP_CHANNELS (BLUET_L2CAP_CHANNELS)
#define BLUET_HAS_SECURITY (BLUET_SECURITY)
/* Enhanced bearers are channels, on encrypted links only; the rest begins with a pairing. */
#define BLUET_HAS_EATT (BLUET_EATT && BLUET_L2CAP_CHANNELS && BLUET_SECURITY)
#define BLUET_HAS_LEGACY_PAIRING (BLUET_LEGACY_PAIRING && BLUET_SECURITY)
#define BLUET_HAS_SIGNING (BLUET_SIGNING && BLUET_SECURITY)
#define BLUET_HAS_PRIVACY (BLUET_PRIVACY && BLUET_SECURITY)

#endif
