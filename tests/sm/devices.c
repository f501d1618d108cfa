/* Devices on an air: the loop that runs them, and what they are told. */
#include "devices.h"

#include "spec/hci.h"

#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000)

/* ---- Ports ---- */

static void *reallocate(size_t *memory, void *block, size_t old_size, size_t new_size)
{
    *memory -= block ? old_size : 0;
    *memory += new_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    size_t had = block ? old_size : 0;
    void *moved = realloc(block, new_size);
    assert_non_null(moved);
    /* What somebody else has left there is nothing that the host holds. */
    if (new_size > had)
        memset((uint8_t *)moved + had, 0, new_size - had);
    return moved;
}

static void *scene_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct scene *scene = context;
    return reallocate(&scene->memory, block, old_size, new_size);
}

static void *device_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct device *device = context;
    if (new_size > old_size && ++device->allocations == device->refused_allocation)
        return NULL;
    void *moved = reallocate(&device->memory, block, old_size, new_size);
    size_t place = 0;
    while (place < BLOCKS_MOST && device->blocks[place].start != block)
        place++;
    assert_true(place < BLOCKS_MOST);
    device->blocks[place] = (struct block){moved, new_size};
    return moved;
}

static void device_send(void *context, const struct bluet_span *spans, size_t count)
{
    struct device *device = context;
    uint8_t packet[1100];
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(packet + length, spans[i].data, spans[i].length);
        length += spans[i].length;
    }
    if (device->controller && (!device->say || device->say(device, packet, length)))
        assert_int_equal(bluet_air_receive(device->controller, packet, length), BLUET_OK);
}

static uint64_t device_now(void *context)
{
    return bluet_air_now(((struct device *)context)->scene->air);
}

static void device_random(void *context, uint8_t *out, size_t length)
{
    bluet_air_random(((struct device *)context)->scene->air, out, length);
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct device *device = context;
    bool wanted = !device->hear || device->hear(device, packet, length);
    if (wanted && device->host)
        bluet_receive(device->host, packet, length);
    return true;
}

/* ---- What it is told ---- */

static struct secret *find_secret(struct device *device, uint8_t type, const uint8_t *key, size_t key_length)
{
    for (size_t i = 0; i < device->secret_count; i++) {
        struct secret *secret = &device->secrets[i];
        if (secret->type == type && secret->key_length == key_length && memcmp(secret->key, key, key_length) == 0)
            return secret;
    }
    return NULL;
}

static void get_secret(struct device *device, const struct bluet_event *event)
{
    const struct secret *found = NULL;
    uint8_t type = event->get_secret.sec_type;
    if (event->get_secret.key)
        found = find_secret(device, type, event->get_secret.key, event->get_secret.key_length);
    uint8_t index = event->get_secret.index;
    for (size_t i = 0; !event->get_secret.key && i < device->secret_count; i++) {
        if (device->secrets[i].type == type && index-- == 0)
            found = &device->secrets[i];
    }
    if (!found)
        return;
    assert_true(found->length <= event->get_secret.capacity);
    memcpy(event->get_secret.out_value, found->value, found->length);
    *event->get_secret.out_length = found->length;
}

static int set_secret(struct device *device, const struct bluet_event *event)
{
    struct secret *place =
        find_secret(device, event->set_secret.sec_type, event->set_secret.key, event->set_secret.key_length);
    if (device->keeps_nothing)
        return 0;
    if (!event->set_secret.value) {
        if (place)
            *place = device->secrets[--device->secret_count];
        return place ? 1 : 0;
    }
    if (device->refused_type == event->set_secret.sec_type)
        return 0;
    if (!place) {
        assert_true(device->secret_count < SECRETS_MOST);
        place = &device->secrets[device->secret_count++];
    }
    assert_true(event->set_secret.length <= sizeof place->value && event->set_secret.key_length <= sizeof place->key);
    *place = (struct secret){.type = event->set_secret.sec_type,
                             .key_length = (uint8_t)event->set_secret.key_length,
                             .length = (uint8_t)event->set_secret.length};
    memcpy(place->key, event->set_secret.key, event->set_secret.key_length);
    memcpy(place->value, event->set_secret.value, event->set_secret.length);
    return 1;
}

static void act(struct device *device, const struct bluet_event *event)
{
    uint8_t action = event->passkey_action.action;
    bool compares = action == BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON;
    assert_true(device->action_count < ACTIONS_MOST);
    device->actions[device->action_count++] = action;
    device->number = event->passkey_action.passkey;
    if (device->absent)
        return;
    uint32_t answer = compares ? !device->disagrees : device->passkey;
    assert_int_equal(bluet_gap_passkey(device->host, event->conn_handle, (enum bluet_passkey_action)action, answer),
                     BLUET_OK);
}

static void update(struct device *device, const struct bluet_event *event)
{
    assert_true(device->update_count < UPDATES_MOST);
    device->updates[device->update_count++] = (struct update){event->conn_handle,
                                                              event->encryption_update.encrypted,
                                                              event->encryption_update.authenticated,
                                                              event->encryption_update.bonded,
                                                              event->encryption_update.key_size,
                                                              event->encryption_update.reason};
}

static void disconnected(struct device *device, uint16_t conn)
{
    for (size_t i = 0; i < device->conn_count; i++) {
        if (device->conns[i] == conn)
            device->conns[i] = device->conns[--device->conn_count];
    }
}

static int handler(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct device *device = context;
    (void)host;
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        assert_true(device->conn_count < CONNECTIONS_MOST);
        device->conns[device->conn_count++] = event->conn_handle;
        return 0;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        disconnected(device, event->conn_handle);
        return 0;
    case BLUET_EVENT_ENCRYPTION_UPDATE:
        update(device, event);
        return 0;
    case BLUET_EVENT_GET_SECRET:
        get_secret(device, event);
        return 0;
    case BLUET_EVENT_SET_SECRET:
        return set_secret(device, event);
    case BLUET_EVENT_PASSKEY_ACTION:
        act(device, event);
        return 0;
    default:
        return 0;
    }
}

/* ---- The scene ---- */

void scene_begin(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    const struct bluet_air_config config = {.reallocate = scene_reallocate, .context = scene, .seed = 7};
    assert_int_equal(bluet_air_create(&scene->air, &config), BLUET_OK);
}

void scene_end(struct scene *scene)
{
    for (size_t i = 0; i < scene->device_count; i++) {
        bluet_destroy(scene->devices[i].host);
        assert_int_equal(scene->devices[i].memory, 0);
    }
    bluet_air_destroy(scene->air);
    assert_int_equal(scene->memory, 0);
}

static uint64_t next_of(const struct scene *scene)
{
    uint64_t next = bluet_air_deadline(scene->air);
    for (size_t i = 0; i < scene->device_count; i++) {
        const struct bluet *host = scene->devices[i].host;
        if (host && bluet_deadline(host) < next)
            next = bluet_deadline(host);
    }
    return next;
}

static void step(struct scene *scene, uint64_t time)
{
    bluet_air_advance(scene->air, time);
    for (size_t i = 0; i < scene->device_count; i++) {
        struct bluet *host = scene->devices[i].host;
        if (host && bluet_deadline(host) <= time)
            bluet_poll(host);
    }
}

bool scene_run(struct scene *scene, uint64_t duration_us, bool (*is_over)(struct scene *scene))
{
    uint64_t end = bluet_air_now(scene->air) + duration_us;
    for (;;) {
        uint64_t next = next_of(scene);
        if (is_over && is_over(scene))
            return true;
        if (next > end) {
            step(scene, end);
            return is_over && is_over(scene);
        }
        uint64_t now = bluet_air_now(scene->air);
        step(scene, next > now ? next : now);
    }
}

/* ---- Devices ---- */

struct device *device_add_as(struct scene *scene, const struct bluet_config *limits, const uint8_t address[6],
                             bool hostless)
{
    assert_true(scene->device_count < DEVICES_MOST);
    struct device *device = &scene->devices[scene->device_count++];
    device->scene = scene;
    device->passkey = 123456;
    struct bluet_air_controller_config controller = {.deliver = deliver, .context = device};
    if (address)
        memcpy(controller.public_address, address, 6);
    assert_int_equal(bluet_air_attach(scene->air, &device->controller, &controller), BLUET_OK);
    if (hostless)
        return device;
    struct bluet_config config = limits ? *limits : (struct bluet_config){0};
    config.port = (struct bluet_port){device, device_send, device_now, device_reallocate, device_random};
    config.handler = handler;
    config.handler_context = device;
    assert_int_equal(bluet_create(&device->host, &config), BLUET_OK);
    assert_true(bluet_activate(device->host) > 0);
    scene_run(scene, SECOND / 10, NULL);
    assert_true(bluet_is_active(device->host));
    return device;
}

struct device *device_add(struct scene *scene, const struct bluet_config *limits)
{
    return device_add_as(scene, limits, NULL, false);
}

struct bluet_address device_address(const struct device *device)
{
    struct bluet_address address;
    assert_int_equal(bluet_own_address(device->host, &address), BLUET_OK);
    return address;
}

void device_command(struct device *device, uint16_t opcode, const uint8_t *parameters, size_t length)
{
    uint8_t packet[64] = {HCI_COMMAND, (uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)length};
    assert_true(length <= sizeof packet - 4);
    memcpy(packet + 4, parameters, length);
    assert_int_equal(bluet_air_receive(device->controller, packet, 4 + length), BLUET_OK);
    scene_run(device->scene, 1000, NULL);
}

static size_t conn_total(const struct scene *scene)
{
    size_t total = 0;
    for (size_t i = 0; i < scene->device_count; i++)
        total += scene->devices[i].conn_count;
    return total;
}

static size_t wanted_total;

static bool is_connected(struct scene *scene)
{
    return conn_total(scene) == wanted_total;
}

void device_connect(struct device *central, struct device *peripheral)
{
    /* Not faster than need be: every event of a connection takes the machine's time. */
    const struct bluet_connection_parameters slow = {50000, 50000, 0, 5000};
    const struct bluet_address peer = device_address(peripheral);
    wanted_total = conn_total(central->scene) + 2;
    assert_true(bluet_gap_advertise(peripheral->host, 20000, &(struct bluet_span){"\x02\x01\x06", 3}, NULL, true) > 0);
    assert_true(bluet_gap_connect(central->host, &peer, 0, &slow) > 0);
    assert_true(scene_run(central->scene, 10 * SECOND, is_connected));
}

void device_disconnect(struct device *device, struct device *peer)
{
    wanted_total = conn_total(device->scene) - 2;
    assert_true(bluet_gap_disconnect(device->host, device->conns[0]) > 0);
    assert_true(scene_run(device->scene, 10 * SECOND, is_connected));
    (void)peer;
}

void device_set_security(struct device *device, struct bluet_security security)
{
    assert_int_equal(bluet_set_security(device->host, &security), BLUET_OK);
}

void device_forget(struct device *device)
{
    device->action_count = device->update_count = 0;
    device->number = 0;
}

void device_unbond(struct device *device)
{
    struct bluet_address peers[8];
    int count = bluet_bonds(device->host, peers, 8);
    for (int i = 0; i < count; i++)
        assert_true(bluet_bond_delete(device->host, &peers[i]) > 0);
    bluet_poll(device->host);
    for (size_t i = 0; i < device->secret_count; i++)
        assert_int_equal(device->secrets[i].type, BLUET_SECRET_IRK);
}

static struct device *pairing[2];

static bool is_told(struct scene *scene)
{
    (void)scene;
    return (!pairing[0]->host || pairing[0]->update_count) && (!pairing[1]->host || pairing[1]->update_count);
}

void devices_pair(struct device *initiator, struct device *responder)
{
    pairing[0] = initiator;
    pairing[1] = responder;
    device_forget(initiator);
    device_forget(responder);
    assert_int_equal(bluet_gap_pair(initiator->host, initiator->conns[0]), BLUET_OK);
    scene_run(initiator->scene, 40 * SECOND, is_told);
    scene_run(initiator->scene, 300000, NULL);
}

struct update device_update(const struct device *device)
{
    assert_int_equal(device->update_count, 1);
    return device->updates[0];
}

const struct secret *device_secret(const struct device *device, uint8_t type)
{
    for (size_t i = 0; i < device->secret_count; i++) {
        if (device->secrets[i].type == type)
            return &device->secrets[i];
    }
    return NULL;
}

size_t device_holds(const struct device *device, const uint8_t *octets, size_t length)
{
    uint8_t reversed[64];
    size_t found = 0;
    assert_true(length <= sizeof reversed);
    for (size_t i = 0; i < length; i++)
        reversed[i] = octets[length - 1 - i];
    for (size_t i = 0; i < BLOCKS_MOST; i++) {
        const struct block *block = &device->blocks[i];
        for (size_t at = 0; block->start && at + length <= block->size; at++) {
            const uint8_t *place = block->start + at;
            found += memcmp(place, octets, length) == 0 || memcmp(place, reversed, length) == 0;
        }
    }
    return found;
}

const uint8_t *secret_ltk(const struct secret *secret)
{
    return secret->value + 1 + 1 + 1 + 7 + 2 + 8;
}
