/* Signed writes: the Security Manager signs and verifies for GATT. */
#include "host/host.h"
#include "host/sm_signing.h"

static bool may_sign(void *context, const struct link *link)
{
    return sm_may_sign(context, link);
}

static bool prepare_signature(void *context, struct link *link)
{
    return sm_signing_prepare(context, link);
}

static bool sign(void *context, const struct link *link, struct writer *pdu)
{
    return sm_signing_sign(context, link, pdu);
}

static bool verify(void *context, struct link *link, const struct reader *pdu, uint8_t *scratch,
                   bool *out_authenticated)
{
    return sm_signing_verify(context, link, pdu, scratch, out_authenticated);
}

BLUET_INTERNAL struct att_signer host_signer(struct bluet *host)
{
    return (struct att_signer){&host->sm, may_sign, prepare_signature, sign, verify};
}
