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

/* ---- Questions, in fewer words ---- */

static inline int room_ask(struct gatt_client *client, struct link *link, enum gatt_procedure_kind kind,
                           uint16_t handle, uint16_t until, const void *what)
{
    const struct gatt_question question = {what, 0, handle, until, (uint8_t)kind};
    return gatt_client_begin(client, link, &question);
}

static inline int gatt_client_discover_services(struct gatt_client *client, struct link *link,
                                                const struct bluet_uuid *uuid)
{
    return room_ask(client, link, uuid ? GATT_DISCOVER_SERVICES_BY_UUID : GATT_DISCOVER_SERVICES, 1, UINT16_MAX, uuid);
}

static inline int gatt_client_discover_included(struct gatt_client *client, struct link *link, uint16_t start,
                                                uint16_t end)
{
    return room_ask(client, link, GATT_DISCOVER_INCLUDED, start, end, NULL);
}

static inline int gatt_client_discover_characteristics(struct gatt_client *client, struct link *link, uint16_t start,
                                                       uint16_t end, const struct bluet_uuid *uuid)
{
    return room_ask(client, link, GATT_DISCOVER_CHARACTERISTICS, start, end, uuid);
}

static inline int gatt_client_discover_descriptors(struct gatt_client *client, struct link *link, uint16_t start,
                                                   uint16_t end)
{
    return room_ask(client, link, GATT_DISCOVER_DESCRIPTORS, start, end, NULL);
}

static inline int gatt_client_read_by_uuid(struct gatt_client *client, struct link *link, uint16_t start, uint16_t end,
                                           const struct bluet_uuid *uuid)
{
    return room_ask(client, link, GATT_READ_BY_UUID, start, end, uuid);
}

static inline int gatt_client_read(struct gatt_client *client, struct link *link, uint16_t handle, uint16_t offset)
{
    return room_ask(client, link, GATT_READ_VALUE, handle, offset, NULL);
}

static inline int gatt_client_read_long(struct gatt_client *client, struct link *link, uint16_t handle)
{
    return room_ask(client, link, GATT_READ_LONG_VALUE, handle, 0, NULL);
}

static inline int gatt_client_exchange_mtu(struct gatt_client *client, struct link *link)
{
    return room_ask(client, link, GATT_EXCHANGE_MTU, 0, 0, NULL);
}

static inline int gatt_client_read_multiple(struct gatt_client *client, struct link *link, const uint16_t *handles,
                                            size_t count, bool variable)
{
    enum gatt_procedure_kind kind = variable ? GATT_READ_MULTIPLE_VARIABLE : GATT_READ_MULTIPLE;
    const struct gatt_question question = {handles, count, 0, 0, (uint8_t)kind};
    return gatt_client_begin(client, link, &question);
}

static inline int gatt_client_write_reliable(struct gatt_client *client, struct link *link,
                                             const struct bluet_write *writes, size_t count)
{
    const struct gatt_question question = {writes, count, 0, 0, GATT_WRITE_RELIABLE};
    return gatt_client_begin(client, link, &question);
}

static inline int gatt_client_write(struct gatt_client *client, struct link *link, uint16_t handle, const void *data,
                                    size_t length, enum bluet_write_mode mode)
{
    const struct gatt_question question = {data, length, handle, 0, gatt_write_kind(mode)};
    return gatt_client_begin(client, link, &question);
}

/* What the application does with its values. */
int room_local_read(struct gatt_server *server, const void **out_value, size_t *out_length, uint16_t handle);
int room_local_write(struct gatt_server *server, uint16_t handle, const void *data, size_t length, bool send_update);
int room_set_buffer(struct gatt_server *server, uint16_t handle, size_t length, bool append);

/* What the application pushes. */
int room_notify(struct gatt_server *server, struct link *link, uint16_t handle, const void *data, size_t length);
int room_indicate(struct gatt_server *server, struct link *link, uint16_t handle, const void *data, size_t length);
int room_notify_multiple(struct gatt_server *server, struct link *link, const uint16_t *handles, size_t count);

#endif
