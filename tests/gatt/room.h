/*
 * The upper half of the host alone: struct gatt above a table of links whose l2cap_send() is a double. Tests are
 * conversations: what a peer sends and what it must hear, as hex ("0a 0c00"); what the application is told, as text
 * ("write 40 000c"), the connection first.
 */
#ifndef BLUET_TESTS_GATT_ROOM_H
#define BLUET_TESTS_GATT_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/gatt.h"

enum {
    ROOM_LINKS = 3,
    ROOM_FIRST_CONNECTION = 0x40, /* handles of links go up from here */
    ROOM_PDUS = 256,
    ROOM_EVENTS = 1024,
    ROOM_EVENT_SIZE = 1200
};

struct room_pdu {
    uint8_t link;
    size_t length;
    uint8_t octets[600];
};

struct room {
    struct gatt gatt;
    struct hci hci;
    struct link_table links;
    struct buffer_pool pool;
    struct link link[ROOM_LINKS];
    struct bluet_port port;
    struct event_sink sink;
    struct bluet_config limits;

    struct room_pdu sent[ROOM_PDUS]; /* not looked at yet, from first_sent on */
    size_t first_sent, sent_count;
    char events[ROOM_EVENTS][ROOM_EVENT_SIZE];
    size_t first_event, event_count;

    bool no_buffers;     /* l2cap_send() refuses */
    size_t refused_send; /* the send of this number, from 1, is refused; 0: none */
    size_t sends;        /* asked for, so far */
    int answer;          /* of the application to each event */
    void (*on_event)(struct room *room, const struct bluet_event *event);
    int depth; /* of handlers */

    size_t memory;             /* octets taken */
    size_t allocations;        /* asked for, so far */
    size_t refused_allocation; /* the one of this number, from 1, is refused; 0: none */
};

/* Open, three links up, no services but the built-in ones. */
struct room *room_create(void);
/* The same with so many buffers of that size, and so many procedures. */
struct room *room_create_with(uint16_t buffer_count, uint16_t buffer_size, uint8_t procedure_count);
/* Closes all, and fails if memory or buffers are missing, or something was sent or raised and not looked at. */
void room_destroy(struct room *room);

/* The services that most tests use; room.c has the list of their handles. */
void room_register(struct room *room);
/* A database of that characteristic and no other: handles 20 service, 21 declaration, 22 value. */
uint16_t room_register_one(struct room *room, uint16_t flags);

/* The peer of a link sends. The octets are in memory of exactly their length. */
void hear(struct room *room, unsigned link, const char *hex);
void hear_octets(struct room *room, unsigned link, const uint8_t *pdu, size_t length);
/* The next PDU that was sent is this one, on that link. */
void expect(struct room *room, unsigned link, const char *hex);
/* The next event is this one. */
void expect_event(struct room *room, const char *text);
/* Nothing more was sent, and no more events raised. */
void expect_nothing(struct room *room);
/* hear(), expect(), expect_nothing(): for what the application is not told. */
void exchange(struct room *room, unsigned link, const char *request, const char *response);
/* The rest is of no interest. */
void forget(struct room *room);
/* So many more protocol errors were counted than at the last call. */
void expect_protocol_errors(struct room *room, uint32_t count);

void room_buffers_free(struct room *room);
void room_wait(struct room *room, uint64_t microseconds);
void room_lose_link(struct room *room, unsigned link);
void room_set_mtu(struct room *room, unsigned link, uint16_t mtu);

struct bluet_uuid uuid16(uint16_t uuid);
/* 6e40nnnn-b5a3-f393-e0a9-e50e24dcca9e */
struct bluet_uuid uuid128(uint16_t number);
/* A primary one that includes none. */
struct bluet_service service_of(struct bluet_uuid uuid, const struct bluet_characteristic *characteristics,
                                size_t characteristic_count);

#endif
