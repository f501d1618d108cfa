/*
 *     start         central LL_ENC_REQ, peripheral LL_ENC_RSP, (its host: the key) LL_START_ENC_REQ, and from here on
 *                   encrypted: central LL_START_ENC_RSP, peripheral LL_START_ENC_RSP
 *     pause         central LL_PAUSE_ENC_REQ, peripheral LL_PAUSE_ENC_RSP, both encrypted; central LL_PAUSE_ENC_RSP,
 *                   plain; then start
 */
#include "air/link_encryption.h"

#include "crypto/crypto.h"
#include "spec/reader.h"
#include "spec/writer.h"

static void put_opcode(struct air_link *link, uint8_t opcode)
{
    air_link_put_control(link, &opcode, 1);
}

/* SK = e(LTK, SKD): Vol 6 Part B, 5.1.3.1 */
static void derive(struct air_link *link, const uint8_t *long_term_key)
{
    static const uint8_t fixed_block[16];
    struct air_encryption *encryption = &link->encryption;
    uint8_t key[16];
    uint8_t diversifier[16];
    uint8_t session_key[16];
    uint8_t tag[16];
    for (size_t i = 0; i < 16; i++) {
        key[i] = long_term_key[15 - i];
        diversifier[i] = encryption->session_diversifier[15 - i];
    }
    if (!crypto_aes128(session_key, key, diversifier) || !crypto_aes128(tag, session_key, fixed_block))
        link->closing = HCI_HARDWARE_FAILURE;
    struct reader reader = reader_of(tag, sizeof tag);
    encryption->tag = read_u32(&reader);
}

static void request(struct air_link *link)
{
    struct air_encryption *encryption = &link->encryption;
    uint8_t vector[4];
    air_random_octets(&link->controller->random, encryption->session_diversifier, 8);
    air_random_octets(&link->controller->random, vector, sizeof vector);
    uint8_t pdu[AIR_CONTROL_OCTETS];
    struct writer writer = writer_of(pdu, sizeof pdu);
    write_u8(&writer, AIR_LL_ENC_REQ);
    write_octets(&writer, encryption->random, 8);
    write_u16(&writer, encryption->diversifier);
    write_octets(&writer, encryption->session_diversifier, 8);
    write_octets(&writer, vector, sizeof vector);
    air_link_put_control(link, pdu, writer.length);
    encryption->state = AIR_ENCRYPTION_AWAIT_RESPONSE;
}

BLUET_INTERNAL void air_encryption_begin(struct air_link *link)
{
    link->encryption.restart = link->encryption.transmit;
    if (!link->encryption.restart) {
        request(link);
        return;
    }
    put_opcode(link, AIR_LL_PAUSE_ENC_REQ);
    link->encryption.state = AIR_ENCRYPTION_AWAIT_PAUSE;
}

static void complete(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    link->encryption.state = AIR_ENCRYPTION_IDLE;
    if (link->running == AIR_PROCEDURE_ENCRYPTION)
        air_link_procedure_end(link);
    if (link->encryption.restart)
        air_event_key_refresh(link, HCI_SUCCESS);
    else
        air_event_encryption_change(link, HCI_SUCCESS, true);
    link->last_authenticated = air_now(controller);
    air_set(controller, &link->authentication, air_now(controller));
}

/* Peripheral: LL_ENC_REQ. */
static void answer_request(struct air_link *link, struct reader *pdu)
{
    struct air_encryption *encryption = &link->encryption;
    uint8_t vector[4];
    read_octets(pdu, encryption->random, 8);
    encryption->diversifier = read_u16(pdu);
    read_octets(pdu, encryption->session_diversifier, 8);
    air_random_octets(&link->controller->random, encryption->session_diversifier + 8, 8);
    air_random_octets(&link->controller->random, vector, sizeof vector);

    uint8_t response[AIR_CONTROL_OCTETS];
    struct writer writer = writer_of(response, sizeof response);
    write_u8(&writer, AIR_LL_ENC_RSP);
    write_octets(&writer, encryption->session_diversifier + 8, 8);
    write_octets(&writer, vector, sizeof vector);
    air_link_put_control(link, response, writer.length);
    encryption->state = AIR_ENCRYPTION_AWAIT_KEY;
    if (air_le_event_is_wanted(link->controller, HCI_LE_EVENT_LONG_TERM_KEY_REQUEST))
        air_event_long_term_key_request(link);
    else
        air_encryption_key(link, NULL);
}

BLUET_INTERNAL void air_encryption_key(struct air_link *link, const uint8_t *key)
{
    struct air_encryption *encryption = &link->encryption;
    if (key) {
        derive(link, key);
        encryption->receive = true;
        put_opcode(link, AIR_LL_START_ENC_REQ);
        encryption->state = AIR_ENCRYPTION_AWAIT_START_RESPONSE;
        return;
    }
    encryption->state = AIR_ENCRYPTION_IDLE;
    if (encryption->restart) {
        /* A link that was encrypted does not go on in the clear: Vol 6 Part B, 5.1.3.2 */
        air_link_terminate(link, HCI_PIN_OR_KEY_MISSING);
        return;
    }
    const uint8_t pdu[] = {AIR_LL_REJECT_EXT_IND, AIR_LL_ENC_REQ, HCI_PIN_OR_KEY_MISSING};
    air_link_put_control(link, pdu, sizeof pdu);
}

BLUET_INTERNAL void air_encryption_refused(struct air_link *link, uint8_t reason)
{
    link->encryption.state = AIR_ENCRYPTION_IDLE;
    air_link_procedure_end(link);
    air_event_encryption_change(link, reason, false);
}

/* True: the PDU is one that this state of the central awaits. */
static bool receive_as_central(struct air_link *link, uint8_t opcode, struct reader *pdu)
{
    struct air_encryption *encryption = &link->encryption;
    if (encryption->state == AIR_ENCRYPTION_AWAIT_PAUSE && opcode == AIR_LL_PAUSE_ENC_RSP) {
        encryption->transmit = encryption->receive = false;
        put_opcode(link, AIR_LL_PAUSE_ENC_RSP);
        request(link);
    } else if (encryption->state == AIR_ENCRYPTION_AWAIT_RESPONSE && opcode == AIR_LL_ENC_RSP) {
        read_octets(pdu, encryption->session_diversifier + 8, 8);
        encryption->state = AIR_ENCRYPTION_AWAIT_START_REQUEST;
    } else if (encryption->state == AIR_ENCRYPTION_AWAIT_START_REQUEST && opcode == AIR_LL_START_ENC_REQ) {
        derive(link, encryption->key);
        encryption->transmit = encryption->receive = true;
        put_opcode(link, AIR_LL_START_ENC_RSP);
        encryption->state = AIR_ENCRYPTION_AWAIT_START_RESPONSE;
    } else if (encryption->state == AIR_ENCRYPTION_AWAIT_START_RESPONSE && opcode == AIR_LL_START_ENC_RSP) {
        complete(link);
    } else {
        return false;
    }
    return true;
}

static bool receive_as_peripheral(struct air_link *link, uint8_t opcode, struct reader *pdu)
{
    struct air_encryption *encryption = &link->encryption;
    bool idle = encryption->state == AIR_ENCRYPTION_IDLE;
    if (idle && encryption->transmit && opcode == AIR_LL_PAUSE_ENC_REQ) {
        encryption->restart = true;
        encryption->receive = false;
        put_opcode(link, AIR_LL_PAUSE_ENC_RSP);
        encryption->state = AIR_ENCRYPTION_AWAIT_PAUSE;
    } else if (encryption->state == AIR_ENCRYPTION_AWAIT_PAUSE && opcode == AIR_LL_PAUSE_ENC_RSP) {
        encryption->transmit = false;
        encryption->state = AIR_ENCRYPTION_AWAIT_REQUEST;
    } else if (opcode == AIR_LL_ENC_REQ &&
               ((idle && !encryption->transmit) || encryption->state == AIR_ENCRYPTION_AWAIT_REQUEST)) {
        encryption->restart = !idle;
        answer_request(link, pdu);
    } else if (encryption->state == AIR_ENCRYPTION_AWAIT_START_RESPONSE && opcode == AIR_LL_START_ENC_RSP) {
        encryption->transmit = true;
        put_opcode(link, AIR_LL_START_ENC_RSP);
        complete(link);
    } else {
        return false;
    }
    return true;
}

BLUET_INTERNAL bool air_encryption_receive(struct air_link *link, uint8_t opcode, struct reader *pdu)
{
    return link->central ? receive_as_central(link, opcode, pdu) : receive_as_peripheral(link, opcode, pdu);
}

BLUET_INTERNAL bool air_encryption_matches(const struct air_link *link, const struct air_flight *flight)
{
    if (!flight->length)
        return true;
    if (!link->encryption.receive)
        return !flight->encrypted;
    return flight->encrypted && flight->tag == link->encryption.tag;
}
