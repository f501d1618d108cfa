/*
 * Whole devices on one air, in virtual time: a host, its controller, a person before it, and a store of secrets. What a
 * device has been told is kept; what its person does is set beforehand.
 */
#ifndef BLUET_TESTS_SM_DEVICES_H
#define BLUET_TESTS_SM_DEVICES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bluet/air.h"
#include "bluet/bluet.h"

enum {
    DEVICES_MOST = 10,
    UPDATES_MOST = 16,
    ACTIONS_MOST = 8,
    SECRETS_MOST = 24,
    CONNECTIONS_MOST = 8,
    BLOCKS_MOST = 64
};

struct update {
    uint16_t conn;
    bool encrypted, authenticated, bonded;
    uint8_t key_size;
    uint16_t reason;
};

struct secret {
    uint8_t type, key_length, length;
    uint8_t key[7];
    uint8_t value[160];
};

struct scene;

struct block {
    const uint8_t *start;
    size_t size;
};

struct device {
    struct scene *scene;
    struct bluet *host; /* NULL: a controller alone, that a test talks HCI with */
    struct bluet_air_controller *controller;
    struct block blocks[BLOCKS_MOST];               /* of memory that the host has */
    size_t memory, allocations, refused_allocation; /* the one of this number, from 1, is refused; 0: none */

    /* The person: what it shows or types, whether it agrees to numbers; and whether it does anything at all. */
    uint32_t passkey;
    bool disagrees, absent;
    uint8_t actions[ACTIONS_MOST]; /* that it was asked for */
    size_t action_count;
    uint32_t number; /* that it was to compare */

    uint16_t conns[CONNECTIONS_MOST]; /* that are there */
    size_t conn_count;
    struct update updates[UPDATES_MOST];
    size_t update_count;
    struct secret secrets[SECRETS_MOST];
    size_t secret_count;
    bool keeps_nothing;
    uint8_t refused_type; /* secrets that are not kept, enum bluet_secret; 0: all are */

    /* Sees each packet from the controller first; false: the host does not get it. Without a host: all that hears. */
    bool (*hear)(struct device *device, const uint8_t *packet, size_t length);
    /* Sees each packet to the controller first; false: it does not get there. */
    bool (*say)(struct device *device, const uint8_t *packet, size_t length);
    void *context;
};

struct scene {
    struct bluet_air *air;
    size_t memory;
    struct device devices[DEVICES_MOST];
    size_t device_count;
};

void scene_begin(struct scene *scene);
/* Fails if memory is left. */
void scene_end(struct scene *scene);
/* So long, or until `is_over` says so; whether it has. */
bool scene_run(struct scene *scene, uint64_t duration_us, bool (*is_over)(struct scene *scene));

/* An active host; limits may be NULL. */
struct device *device_add(struct scene *scene, const struct bluet_config *limits);
/* With that public address; a controller alone if `hostless`. */
struct device *device_add_as(struct scene *scene, const struct bluet_config *limits, const uint8_t address[6],
                             bool hostless);
struct bluet_address device_address(const struct device *device);
void device_command(struct device *device, uint16_t opcode, const uint8_t *parameters, size_t length);

/* Connects, and gives the handles at either end by conns[]. */
void device_connect(struct device *central, struct device *peripheral);
void device_disconnect(struct device *device, struct device *peer);
void device_set_security(struct device *device, struct bluet_security security);
/* Forgets what it was told and asked, not its secrets. */
void device_forget(struct device *device);
/* Forgets its bonds, in the host and in the store. */
void device_unbond(struct device *device);

/* Has the first begin a pairing, and runs until both have been told what came of it. */
void devices_pair(struct device *initiator, struct device *responder);
/* The last of its updates, which is the only one. */
struct update device_update(const struct device *device);
const struct secret *device_secret(const struct device *device, uint8_t type);
/* How often these octets, in either order, are in the memory of its host. */
size_t device_holds(const struct device *device, const uint8_t *octets, size_t length);
/* Of the stored form: the long-term key, of which `octets` 16. */
const uint8_t *secret_ltk(const struct secret *secret);

#endif
