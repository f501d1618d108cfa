/*
 * Signed data on a link that is not encrypted: whose it is, and that it is new (Vol 3 Part H, 2.4.5; Part C, 10.4). A
 * counter never comes twice. So that its secret need not be kept anew for each command, the secret is ahead of it.
 */
#ifndef BLUET_HOST_SM_SIGNING_H
#define BLUET_HOST_SM_SIGNING_H

#include "host/sm.h"
#include "spec/writer.h"

/* As struct att_signer has them. */
BLUET_INTERNAL bool sm_may_sign(const struct sm *sm, const struct link *link);
BLUET_INTERNAL bool sm_signing_prepare(struct sm *sm, struct link *link);
BLUET_INTERNAL bool sm_signing_sign(struct sm *sm, const struct link *link, struct writer *pdu);
BLUET_INTERNAL bool sm_signing_verify(struct sm *sm, struct link *link, const struct reader *pdu, uint8_t *scratch,
                                      bool *out_authenticated);

/* The link ends: the secret says what is new to the octet. Raises. */
BLUET_INTERNAL void sm_signing_end(struct sm_pairing *pairing);
/* The bond is another, or gone. */
BLUET_INTERNAL void sm_signing_forget(struct sm_pairing *pairing);

#endif
