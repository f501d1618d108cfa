/* Hosts that talk HCI with controllers on an air, for the tests. */
#include "conversation.h"

#include <stdio.h>

/* ---- The world ---- */

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct world *world = context;
    if (!new_size) {
        world->blocks -= block != NULL;
        world->octets -= block ? old_size : 0;
        free(block);
        return NULL;
    }
    world->allocations++;
    if (world->allocations >= world->refuse_from && world->allocations <= world->refuse_to)
        return NULL;
    void *moved = realloc(block, new_size);
    assert_non_null(moved);
    world->blocks += block == NULL;
    world->octets += new_size - (block ? old_size : 0);
    return moved;
}

void world_begin(struct world *world, uint64_t seed, double loss)
{
    size_t from = world->refuse_from;
    size_t to = world->refuse_to;
    memset(world, 0, sizeof *world);
    world->refuse_from = from;
    world->refuse_to = to;
    struct bluet_air_config config = {.reallocate = reallocate, .context = world, .seed = seed, .loss = loss};
    int error = bluet_air_create(&world->air, &config);
    if (error) {
        assert_int_equal(error, BLUET_ENOMEM);
        world->air = NULL;
    }
}

void world_end(struct world *world)
{
    bluet_air_destroy(world->air);
    assert_int_equal(world->blocks, 0);
    assert_int_equal(world->octets, 0);
    for (size_t i = 0; i < world->host_count; i++)
        free(world->hosts[i].packets);
}

static bool deliver(void *context, const uint8_t *octets, size_t length)
{
    struct host *host = context;
    if (host->refuses)
        return false;
    assert_true(length > 0 && length <= PACKET_MOST);
    if (host->hook)
        host->hook(host, octets, length);
    if (host->forgets)
        return true;
    if (host->count == host->capacity) {
        host->capacity = host->capacity ? host->capacity * 2 : 64;
        host->packets = realloc(host->packets, host->capacity * sizeof *host->packets);
        assert_non_null(host->packets);
    }
    struct packet *packet = &host->packets[host->count++];
    packet->at = bluet_air_now(host->world->air);
    packet->length = length;
    memcpy(packet->octets, octets, length);
    return true;
}

struct host *world_add_configured(struct world *world, struct bluet_air_controller_config config)
{
    assert_true(world->host_count < HOSTS_MOST);
    struct host *host = &world->hosts[world->host_count];
    host->world = world;
    config.deliver = deliver;
    config.context = host;
    int error = bluet_air_attach(world->air, &host->controller, &config);
    if (error) {
        assert_int_equal(error, BLUET_ENOMEM);
        return NULL;
    }
    world->host_count++;
    return host;
}

struct host *world_add(struct world *world)
{
    return world_add_configured(world, (struct bluet_air_controller_config){0});
}

void world_detach(struct host *host)
{
    bluet_air_detach(host->controller);
    host->controller = NULL;
}

void run_until(struct world *world, uint64_t time)
{
    bluet_air_advance(world->air, time);
    assert_int_equal(bluet_air_now(world->air), time);
}

void run_for(struct world *world, uint64_t duration)
{
    run_until(world, bluet_air_now(world->air) + duration);
}

/* ---- What a host says ---- */

struct bytes bytes_of(size_t length, const uint8_t *octets)
{
    struct bytes bytes = {.length = length};
    assert_true(length <= sizeof bytes.octets);
    if (length)
        memcpy(bytes.octets, octets, length);
    return bytes;
}

struct bytes bytes_join(struct bytes first, struct bytes second)
{
    assert_true(first.length + second.length <= sizeof first.octets);
    memcpy(first.octets + first.length, second.octets, second.length);
    first.length += second.length;
    return first;
}

int send_packet(struct host *host, uint8_t indicator, struct bytes bytes)
{
    struct bytes packet = bytes_join(BYTES(indicator), bytes);
    return bluet_air_receive(host->controller, packet.octets, packet.length);
}

void send_command(struct host *host, uint16_t opcode, struct bytes parameters)
{
    struct bytes header = BYTES(U16(opcode), (uint8_t)parameters.length);
    assert_int_equal(send_packet(host, 1, bytes_join(header, parameters)), BLUET_OK);
}

void send_acl(struct host *host, uint16_t handle, unsigned boundary, const void *data, size_t length)
{
    struct bytes header = BYTES(U16(handle | boundary << 12), U16(length));
    assert_int_equal(send_packet(host, 2, bytes_join(header, bytes_of(length, data))), BLUET_OK);
}

uint8_t command(struct host *host, uint16_t opcode, struct bytes parameters)
{
    size_t before = host->count;
    send_command(host, opcode, parameters);
    assert_int_equal(bluet_air_deadline(host->world->air), bluet_air_now(host->world->air));
    run_for(host->world, 0);
    for (size_t i = before; i < host->count; i++) {
        const struct packet *packet = &host->packets[i];
        bool complete = packet->octets[1] == 0x0e && get_u16(packet, 4) == opcode;
        bool status = packet->octets[1] == 0x0f && get_u16(packet, 5) == opcode;
        if (packet->octets[0] == 4 && (complete || status)) {
            assert_int_equal(packet->octets[complete ? 3 : 4], 1); /* the next may be sent */
            return packet->octets[complete ? 6 : 3];
        }
    }
    fail_msg("command 0x%04x was not answered", opcode);
    return 0xff;
}

const uint8_t *returned(struct host *host, size_t *out_length)
{
    for (size_t i = host->count; i > 0; i--) {
        const struct packet *packet = &host->packets[i - 1];
        if (packet->octets[0] != 4 || packet->octets[1] != 0x0e)
            continue;
        if (out_length)
            *out_length = packet->length - 7;
        return packet->octets + 7;
    }
    fail_msg("no Command Complete");
    return NULL;
}

/* ---- What a host hears ---- */

uint16_t get_u16(const struct packet *packet, size_t offset)
{
    assert_true(offset + 2 <= packet->length);
    return (uint16_t)(packet->octets[offset] | packet->octets[offset + 1] << 8);
}

static bool is_kind(const struct packet *packet, uint8_t indicator, int code, int le_code)
{
    return packet->octets[0] == indicator && (code == ANY || packet->octets[1] == code) &&
           (le_code == ANY || packet->octets[3] == le_code);
}

static const struct packet *find(struct host *host, uint8_t indicator, int code, int le_code)
{
    for (size_t i = host->next; i < host->count; i++) {
        if (!is_kind(&host->packets[i], indicator, code, le_code))
            continue;
        host->next = i + 1;
        return &host->packets[i];
    }
    return NULL;
}

static const struct packet *await(struct host *host, uint8_t indicator, int code, int le_code, uint64_t timeout)
{
    uint64_t end = bluet_air_now(host->world->air) + timeout;
    for (;;) {
        const struct packet *found = find(host, indicator, code, le_code);
        if (found)
            return found;
        uint64_t next = bluet_air_deadline(host->world->air);
        if (next > end)
            fail_msg("packet %d, code 0x%02x 0x%02x did not come within %llu us", indicator, (unsigned)code,
                     (unsigned)le_code, (unsigned long long)timeout);
        run_until(host->world, next);
    }
}

static size_t count(const struct host *host, uint8_t indicator, int code, int le_code)
{
    size_t found = 0;
    for (size_t i = 0; i < host->count; i++)
        found += is_kind(&host->packets[i], indicator, code, le_code);
    return found;
}

const struct packet *find_event(struct host *host, uint8_t code)
{
    return find(host, 4, code, ANY);
}

const struct packet *find_le_event(struct host *host, uint8_t code)
{
    return find(host, 4, 0x3e, code);
}

const struct packet *find_acl(struct host *host)
{
    return find(host, 2, ANY, ANY);
}

const struct packet *await_event(struct host *host, uint8_t code, uint64_t timeout)
{
    return await(host, 4, code, ANY, timeout);
}

const struct packet *await_le_event(struct host *host, uint8_t code, uint64_t timeout)
{
    return await(host, 4, 0x3e, code, timeout);
}

const struct packet *await_acl(struct host *host, uint64_t timeout)
{
    return await(host, 2, ANY, ANY, timeout);
}

size_t count_events(const struct host *host, uint8_t code)
{
    return count(host, 4, code, ANY);
}

size_t count_le_events(const struct host *host, uint8_t code)
{
    return count(host, 4, 0x3e, code);
}

size_t count_acl(const struct host *host)
{
    return count(host, 2, ANY, ANY);
}

void look_from_here(struct host *host)
{
    host->next = host->count;
}

/* ---- What hosts usually do ---- */

void host_begin(struct host *host)
{
    assert_int_equal(command(host, 0x0c03, NOTHING), 0);
    assert_int_equal(command(host, 0x0c01, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f)), 0);
    assert_int_equal(command(host, 0x0c63, BYTES(0xff, 0xff, 0xff, 0, 0, 0, 0, 0)), 0);
    assert_int_equal(command(host, 0x2001, BYTES(0xff, 0xfd, 0x0f, 0, 0, 0, 0, 0)), 0);
}

void public_address(struct host *host, uint8_t out[6])
{
    size_t length;
    assert_int_equal(command(host, 0x1009, NOTHING), 0);
    memcpy(out, returned(host, &length), 6);
    assert_int_equal(length, 6);
}

void advertise(struct host *host, uint16_t interval, uint8_t type)
{
    struct bytes parameters = BYTES(U16(interval), U16(interval), type, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0);
    assert_int_equal(command(host, 0x2006, parameters), 0);
    assert_int_equal(command(host, 0x200a, BYTES(1)), 0);
}

void advertise_stop(struct host *host)
{
    assert_int_equal(command(host, 0x200a, BYTES(0)), 0);
}

void scan(struct host *host, uint16_t interval, uint16_t window, bool active, bool filter_duplicates)
{
    assert_int_equal(command(host, 0x200b, BYTES(active, U16(interval), U16(window), 0, 0)), 0);
    assert_int_equal(command(host, 0x200c, BYTES(1, filter_duplicates)), 0);
}

void create_connection(struct host *host, struct host *peer, uint16_t interval, uint16_t latency, uint16_t timeout)
{
    uint8_t address[6];
    public_address(peer, address);
    struct bytes parameters = bytes_join(BYTES(U16(16), U16(16), 0, 0), bytes_of(6, address));
    parameters =
        bytes_join(parameters, BYTES(0, U16(interval), U16(interval), U16(latency), U16(timeout), U16(0), U16(0)));
    assert_int_equal(command(host, 0x200d, parameters), 0);
}

struct pair pair_of(struct host *central, struct host *peripheral, uint16_t interval, uint16_t latency,
                    uint16_t timeout)
{
    struct pair pair = {.central = central, .peripheral = peripheral};
    advertise(peripheral, 32, 0);
    create_connection(central, peripheral, interval, latency, timeout);
    const struct packet *event = await_le_event(central, 0x01, 5 * SECOND);
    assert_int_equal(event->octets[4], 0);
    pair.central_handle = get_u16(event, 5);
    event = await_le_event(peripheral, 0x01, 5 * SECOND);
    assert_int_equal(event->octets[4], 0);
    pair.peripheral_handle = get_u16(event, 5);
    return pair;
}

struct pair pair_connect(struct world *world, uint16_t interval, uint16_t latency, uint16_t timeout)
{
    struct host *central = world_add(world);
    struct host *peripheral = world_add(world);
    host_begin(central);
    host_begin(peripheral);
    return pair_of(central, peripheral, interval, latency, timeout);
}
