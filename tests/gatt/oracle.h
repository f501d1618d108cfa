/*
 * What a server must answer, worked out from the specification alone (Vol 3 Part F, 3.4; Part G, 3 and 4): attributes
 * are rows with their octets as they go on the air, and each request is answered by going through all of them. It
 * shares no code with the server, and is as slow as it is plain.
 *
 * Where the specification leaves a choice, the choice is Bluet's: a Write Request longer than the value's buffer is cut
 * to it, the queue of prepared writes has room for 1024 octets, 6 for each record, and what may not be read is not
 * found by its value.
 */
#ifndef BLUET_TESTS_GATT_ORACLE_H
#define BLUET_TESTS_GATT_ORACLE_H

#include "bluet/bluet.h"

enum { ORACLE_ATTRIBUTES = 100, ORACLE_VALUE = 512, ORACLE_PDU = 600, ORACLE_QUEUE = 200, ORACLE_QUEUE_OCTETS = 1024 };

enum oracle_kind {
    ORACLE_DECLARATION, /* everybody may read it, nobody write */
    ORACLE_BUILT_IN,    /* a value of the host's own: its flags hold, but the application is not asked */
    ORACLE_USERS,
    ORACLE_CONFIGURATION, /* of the characteristic before */
    ORACLE_FEATURES
};

struct oracle_attribute {
    enum oracle_kind kind;
    uint8_t type_length;
    uint8_t type[16];
    uint16_t flags;     /* enum bluet_flag */
    uint16_t group_end; /* its own handle where it begins no group */
    size_t size;        /* of a value's buffer */
    size_t length;
    uint8_t value[ORACLE_VALUE];
};

struct oracle_write {
    uint16_t handle, offset;
    size_t length;
    uint8_t octets[ORACLE_VALUE + 10];
};

struct oracle {
    struct oracle_attribute attributes[ORACLE_ATTRIBUTES]; /* [handle - 1] */
    uint16_t count;
    uint16_t mtu;
    bool key_known, encrypted, authenticated, key_short;
    int answer; /* of the application, whatever it is asked: 0 or an ATT error code */
    struct oracle_write queue[ORACLE_QUEUE];
    size_t queued, queued_octets;
    uint16_t written[ORACLE_QUEUE]; /* values of which the application is told, by the last request */
    size_t written_count;
    uint8_t response[ORACLE_PDU];
    size_t response_length;
};

/* ---- The database, in the order of handles ---- */

/* All that follows belongs to it, until the next one. */
void oracle_service(struct oracle *oracle, const struct bluet_uuid *uuid, bool secondary);
/* Its service, by the handle of the declaration. */
void oracle_include(struct oracle *oracle, uint16_t service);
/* Declaration, value, and the configuration if it is notified or indicated. Returns the handle of the value. */
uint16_t oracle_characteristic(struct oracle *oracle, const struct bluet_uuid *uuid, uint16_t flags,
                               enum oracle_kind kind, const void *value, size_t length);
uint16_t oracle_descriptor(struct oracle *oracle, const struct bluet_uuid *uuid, uint16_t flags, const void *value,
                           size_t length);
void oracle_extended_properties(struct oracle *oracle, uint8_t bits);

/* ---- The answers ---- */

/* Puts the answer into `response`; its length is 0 where there must be none. */
void oracle_ask(struct oracle *oracle, const uint8_t *pdu, size_t length);

#endif
