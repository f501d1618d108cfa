/*
 * Encryption of a link: the start and pause procedures (Vol 6 Part B, 5.1.3). Packets are not in fact enciphered. Each
 * end derives the session key by AES from its long-term key and both halves of the session diversifier, as specified;
 * every encrypted PDU carries what that key makes of a fixed block in place of its MIC. It takes the MIC's time on the
 * air, and differs exactly when the keys differ.
 */
#ifndef BLUET_AIR_LINK_ENCRYPTION_H
#define BLUET_AIR_LINK_ENCRYPTION_H

#include "air/hci_event.h"
#include "spec/reader.h"

/* The central's procedure begins: a start, or a pause first if the link is encrypted. */
BLUET_INTERNAL void air_encryption_begin(struct air_link *link);
/* True: the PDU was one of encryption's own. */
BLUET_INTERNAL bool air_encryption_receive(struct air_link *link, uint8_t opcode, struct reader *pdu);
/* The peer refused LL_ENC_REQ. */
BLUET_INTERNAL void air_encryption_refused(struct air_link *link, uint8_t reason);
/* The peripheral's host answers the Long Term Key Request; NULL: it has none. */
BLUET_INTERNAL void air_encryption_key(struct air_link *link, const uint8_t *key);
/* Whether a PDU with this tag is what was expected. */
BLUET_INTERNAL bool air_encryption_matches(const struct air_link *link, const struct air_flight *flight);

#endif
