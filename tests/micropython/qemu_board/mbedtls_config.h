/* Of mbedTLS: AES and P-256, with memory from MicroPython's heap, as ports with MICROPY_SSL_MBEDTLS have it. */
#ifndef BLUET_TESTS_MBEDTLS_CONFIG_H
#define BLUET_TESTS_MBEDTLS_CONFIG_H

#include <stddef.h>

void *m_tracked_calloc(size_t nmemb, size_t size);
void m_tracked_free(void *ptr_in);

#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO m_tracked_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO m_tracked_free
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_NO_INTERNAL_RNG

#endif
