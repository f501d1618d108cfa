/* Two hosts, two controllers, one air; the packets between them counted, and the link cut where a test wants it. */
#include "whole/stage.h"

#include "host/invariants.h"
#include "spec/writer.h"

#include <stdlib.h>
#include <string.h>

enum { NOT_CONNECTED = 0xffff, POLL_STEP = 1000000, SUPERVISION_MS = 400 };

struct stage_handles stage_handles;

/* ---- The hosts' surroundings ---- */

static void *reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct actor *actor = context;
    actor->memory += new_size - old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    void *moved = realloc(block, new_size);
    assert_non_null(moved);
    return moved;
}

static void *reallocate_air(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static uint64_t now(void *context)
{
    const struct actor *actor = context;
    return bluet_air_now(actor->stage->air);
}

static void fill_random(void *context, uint8_t *out, size_t length)
{
    const struct actor *actor = context;
    bluet_air_random(actor->stage->air, out, length);
}

/* The packet of the chosen number: if it is one of the host's, it will not come through the air any more. */
static void cross(struct stage *stage)
{
    if (!stage->armed || stage->in_handlers || ++stage->steps != stage->cut_at)
        return;
    stage->cut_due = true;
    if (stage->cut == CUT_AIR)
        assert_int_equal(bluet_air_set_loss(stage->air, 1), 0);
}

/* The beginning of a frame of the ATT channel that is even and no command (Vol 3 Part F, 3.3.1). */
static bool is_att_request(const uint8_t *packet, size_t length)
{
    enum { BOUNDARY = 2, CHANNEL = 7, OPCODE = 9 };
    return packet[0] == 2 && length > OPCODE && (packet[BOUNDARY] >> 4 & 3) == 0 && packet[CHANNEL] == 4 &&
           packet[CHANNEL + 1] == 0 && packet[OPCODE] % 2 == 0 && packet[OPCODE] < 0x40 && packet[OPCODE] != 0x1e;
}

static void send(void *context, const struct bluet_span *spans, size_t count)
{
    struct actor *actor = context;
    uint8_t packet[STAGE_PACKET] = {0};
    struct writer writer = writer_of(packet, sizeof packet);
    for (size_t i = 0; i < count; i++)
        write_octets(&writer, spans[i].data, spans[i].length);
    assert_true(writer_ok(&writer));
    if (!actor->controller)
        return;
    actor->att_requests += is_att_request(packet, writer.length);
    cross(actor->stage);
    assert_int_equal(bluet_air_receive(actor->controller, packet, writer.length), 0);
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct actor *actor = context;
    if (actor->count == STAGE_INBOX)
        return false;
    struct stage_packet *last = &actor->inbox[(actor->first + actor->count++) % STAGE_INBOX];
    assert_true(length <= sizeof last->octets);
    memcpy(last->octets, packet, length);
    last->length = (uint16_t)length;
    return true;
}

/* ---- Secrets ---- */

static struct stage_secret *find_secret(struct actor *actor, uint8_t type, const uint8_t *key, size_t length)
{
    for (size_t i = 0; i < actor->secret_count; i++) {
        struct stage_secret *secret = &actor->secrets[i];
        if (secret->type == type && secret->key_length == length && memcmp(secret->key, key, length) == 0)
            return secret;
    }
    return NULL;
}

static struct stage_secret *secret_at(struct actor *actor, uint8_t type, uint8_t index)
{
    for (size_t i = 0; i < actor->secret_count; i++)
        if (actor->secrets[i].type == type && index-- == 0)
            return &actor->secrets[i];
    return NULL;
}

static void get_secret(struct actor *actor, const struct bluet_event *event)
{
    const uint8_t *key = event->get_secret.key;
    const struct stage_secret *secret =
        key ? find_secret(actor, event->get_secret.sec_type, key, event->get_secret.key_length)
            : secret_at(actor, event->get_secret.sec_type, event->get_secret.index);
    if (!secret)
        return;
    assert_true(secret->length <= event->get_secret.capacity);
    memcpy(event->get_secret.out_value, secret->value, secret->length);
    *event->get_secret.out_length = secret->length;
}

static void set_secret(struct actor *actor, const struct bluet_event *event)
{
    struct stage_secret *secret =
        find_secret(actor, event->set_secret.sec_type, event->set_secret.key, event->set_secret.key_length);
    if (!event->set_secret.value) {
        if (secret)
            *secret = actor->secrets[--actor->secret_count];
        return;
    }
    assert_true(secret || actor->secret_count < STAGE_SECRETS);
    if (!secret)
        secret = &actor->secrets[actor->secret_count++];
    assert_true(event->set_secret.key_length <= sizeof secret->key);
    assert_true(event->set_secret.length <= sizeof secret->value);
    secret->type = event->set_secret.sec_type;
    secret->key_length = event->set_secret.key_length;
    secret->length = event->set_secret.length;
    memcpy(secret->key, event->set_secret.key, secret->key_length);
    memcpy(secret->value, event->set_secret.value, secret->length);
}

/* ---- Ends ---- */

static void unplug(struct actor *actor)
{
    bluet_controller_lost(actor->host);
    bluet_air_detach(actor->controller);
    actor->controller = NULL;
    actor->count = 0;
}

static void replace_services(struct bluet *host)
{
    const struct bluet_characteristic characteristic = {.uuid = {2, {0x29, 0x2a}}, .flags = BLUET_FLAG_READ};
    const struct bluet_service service = {
        .uuid = {2, {0x0a, 0x18}}, .characteristics = &characteristic, .characteristic_count = 1};
    assert_int_equal(bluet_gatts_register_services(host, NULL, 0, &service, 1), 1);
}

static void cut(struct stage *stage)
{
    struct actor *actors = stage->actors;
    stage->cut_due = false;
    stage->was_cut = true;
    switch (stage->cut) {
    case CUT_OURS:
        (void)bluet_gap_disconnect(actors[CENTRAL].host, actors[CENTRAL].conn_handle);
        break;
    case CUT_THEIRS:
        (void)bluet_gap_disconnect(actors[PERIPHERAL].host, actors[PERIPHERAL].conn_handle);
        break;
    case CUT_LOST:
        unplug(&actors[CENTRAL]);
        break;
    case CUT_UNPLUGGED:
        unplug(&actors[PERIPHERAL]);
        break;
    case CUT_ASLEEP:
        assert_true(bluet_deactivate(actors[CENTRAL].host) > 0);
        break;
    case CUT_REPLACED:
        replace_services(actors[PERIPHERAL].host);
        break;
    case CUT_AWAY:
        assert_true(bluet_deactivate(actors[PERIPHERAL].host) > 0);
        break;
    default:
        break;
    }
}

/* ---- Events ---- */

static void count_end(struct actor *actor, uint16_t status)
{
    actor->ended++;
    actor->ended_well += status == 0;
    actor->ended_badly += status >= BLUET_STATUS_DISCONNECTED;
}

static void channel_ended(struct actor *actor, const struct bluet_event *event)
{
    for (size_t i = 0; i < actor->cid_count; i++) {
        if (actor->cids[i] != event->channel_end.cid)
            continue;
        actor->cids[i] = actor->cids[--actor->cid_count];
        actor->channels_closed++;
        assert_int_equal(event->channel_end.status, 0);
        return;
    }
    actor->channels_refused++;
    assert_int_not_equal(event->channel_end.status, 0);
}

static void channel_data(struct actor *actor, const struct bluet_event *event)
{
    uint8_t data[700];
    int length;
    while ((length = bluet_l2cap_receive(actor->host, event->conn_handle, event->channel_data.cid, data, sizeof data)) >
           0) {
        actor->received += (size_t)length;
        for (int i = 0; i < length; i++)
            actor->sum = actor->sum * 31 + data[i];
    }
}

static void count_event(struct actor *actor, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_GATTC_SERVICE_DONE:
    case BLUET_EVENT_GATTC_CHARACTERISTIC_DONE:
    case BLUET_EVENT_GATTC_DESCRIPTOR_DONE:
    case BLUET_EVENT_GATTC_READ_DONE:
    case BLUET_EVENT_GATTC_WRITE_DONE:
    case BLUET_EVENT_GATTS_INDICATE_DONE:
        count_end(actor, event->done.status);
        break;
    case BLUET_EVENT_L2CAP_CONNECT:
        assert_true(actor->cid_count < STAGE_CHANNELS);
        actor->cids[actor->cid_count++] = event->channel.cid;
        actor->channels_opened++;
        break;
    case BLUET_EVENT_L2CAP_DISCONNECT:
        channel_ended(actor, event);
        break;
    case BLUET_EVENT_L2CAP_RECV:
        channel_data(actor, event);
        break;
    case BLUET_EVENT_ENCRYPTION_UPDATE:
        actor->encryptions += event->encryption_update.encrypted;
        break;
    case BLUET_EVENT_OPERATION_DONE:
        actor->ticket_ends += actor->ticket && event->operation.ticket == actor->ticket;
        break;
    default:
        break;
    }
}

static void follow_connection(struct actor *actor, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        assert_int_equal(actor->conn_handle, NOT_CONNECTED);
        actor->conn_handle = event->conn_handle;
        break;
    case BLUET_EVENT_CENTRAL_DISCONNECT:
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        actor->late |= event->conn_handle != actor->conn_handle;
        actor->conn_handle = NOT_CONNECTED;
        break;
    default:
        actor->late |= event->conn_handle != 0xffff && event->conn_handle != actor->conn_handle &&
                       event->code != BLUET_EVENT_OPERATION_DONE && event->code != BLUET_EVENT_GET_SECRET &&
                       event->code != BLUET_EVENT_SET_SECRET;
    }
}

static void cut_in_handler(struct stage *stage)
{
    if (!stage->armed || !stage->in_handlers || ++stage->steps != stage->cut_at)
        return;
    if (stage->cut == CUT_AIR)
        assert_int_equal(bluet_air_set_loss(stage->air, 1), 0);
    cut(stage);
}

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct actor *actor = context;
    check_invariants(host);
    assert_true((int)event->code < STAGE_EVENT_CODES);
    actor->events[event->code]++;
    follow_connection(actor, event);
    count_event(actor, event);
    cut_in_handler(actor->stage);
    if (event->code == BLUET_EVENT_GET_SECRET) {
        get_secret(actor, event);
        return 0;
    }
    if (event->code == BLUET_EVENT_SET_SECRET) {
        set_secret(actor, event);
        return 1;
    }
    return actor->stage->answer ? actor->stage->answer(actor->stage, actor, event) : 0;
}

/* ---- Time ---- */

static void play(struct stage *stage, struct actor *actor)
{
    while (actor->count && !stage->cut_due) {
        const struct stage_packet packet = actor->inbox[actor->first];
        actor->first = (actor->first + 1) % STAGE_INBOX;
        if (actor->count-- == STAGE_INBOX)
            bluet_air_resume(actor->controller);
        cross(stage);
        bluet_receive(actor->host, packet.octets, packet.length);
        check_invariants(actor->host);
    }
    if (bluet_deadline(actor->host) <= bluet_air_now(stage->air)) {
        bluet_poll(actor->host);
        check_invariants(actor->host);
    }
}

static uint64_t next_instant(const struct stage *stage, uint64_t end)
{
    uint64_t next = bluet_air_deadline(stage->air);
    for (size_t i = 0; i < ACTORS; i++) {
        const struct actor *actor = &stage->actors[i];
        uint64_t deadline = actor->count ? 0 : bluet_deadline(actor->host);
        next = deadline < next ? deadline : next;
    }
    uint64_t present = bluet_air_now(stage->air);
    next = next < present ? present : next;
    return next < end ? next : end;
}

bool stage_run(struct stage *stage, uint64_t duration, bool (*condition)(const struct stage *stage))
{
    uint64_t end = bluet_air_now(stage->air) + duration;
    for (;;) {
        if (stage->cut_due)
            cut(stage);
        if (condition && condition(stage))
            return true;
        uint64_t next = next_instant(stage, end);
        if (next == end && bluet_air_now(stage->air) == end)
            return false;
        bluet_air_advance(stage->air, next);
        for (size_t i = 0; i < ACTORS; i++)
            play(stage, &stage->actors[i]);
    }
}

/* ---- Life ---- */

void stage_register(struct actor *actor)
{
    enum { BOTH = BLUET_FLAG_READ | BLUET_FLAG_WRITE };
    static const uint8_t value[STAGE_LONG_VALUE] = {1, 2, 3};
    const struct bluet_descriptor description = {{2, {0x01, 0x29}}, BOTH};
    const struct bluet_characteristic heart[] = {
        {{2, {0x37, 0x2a}},
         BOTH | BLUET_FLAG_NOTIFY | BLUET_FLAG_INDICATE | BLUET_FLAG_RELIABLE_WRITE,
         &description,
         1},
        {{2, {0x39, 0x2a}}, BOTH | BLUET_FLAG_WRITE_NO_RESPONSE, NULL, 0}};
    struct bluet_characteristic wide[4] = {{.flags = BOTH | BLUET_FLAG_NOTIFY}};
    for (uint8_t i = 0; i < 4; i++)
        wide[i] = (struct bluet_characteristic){{16, {i, 1, 2, 3, 4, 5, 6, 7, 8, 9}}, BOTH, NULL, 0};
    static const size_t included[] = {0, 1};
    const struct bluet_service services[] = {
        {.uuid = {2, {0x0d, 0x18}}, .characteristics = heart, .characteristic_count = 2},
        {.uuid = {16, {0xff, 1, 2}}, .characteristics = wide, .characteristic_count = 4},
        {.uuid = {2, {0x0f, 0x18}}, .included = included, .included_count = 2}};
    uint16_t handles[7];
    assert_int_equal(bluet_gatts_register_services(actor->host, handles, 7, services, 3), 7);
    stage_handles =
        (struct stage_handles){handles[0], handles[1], handles[2], {handles[3], handles[4], handles[5], handles[6]}};
    assert_int_equal(bluet_gatts_set_buffer(actor->host, handles[0], 512, false), 0);
    assert_int_equal(bluet_gatts_write(actor->host, handles[0], value, sizeof value, false), sizeof value);
}

static bool both_active(const struct stage *stage)
{
    return bluet_is_active(stage->actors[CENTRAL].host) && bluet_is_active(stage->actors[PERIPHERAL].host);
}

/* Plugs in, activates and registers whatever is not. */
static void wake(struct stage *stage)
{
    bool asleep[ACTORS];
    for (uint8_t i = 0; i < (uint8_t)ACTORS; i++) {
        struct actor *actor = &stage->actors[i];
        const struct bluet_air_controller_config config = {.deliver = deliver,
                                                           .context = actor,
                                                           .public_address = {0xc0, 0xff, 0xee, 0, 0, i},
                                                           .acl_length = stage->scarce ? 27 : 0,
                                                           .acl_count = stage->scarce ? 1 : 0};
        if (!actor->controller)
            assert_int_equal(bluet_air_attach(stage->air, &actor->controller, &config), 0);
        asleep[i] = !bluet_is_active(actor->host);
        if (asleep[i])
            assert_true(bluet_activate(actor->host) > 0);
    }
    assert_true(stage_run(stage, STAGE_DURATION, both_active));
    for (size_t i = 0; i < ACTORS; i++) {
        if (asleep[i]) {
            stage_register(&stage->actors[i]);
            assert_int_equal(bluet_l2cap_listen(stage->actors[i].host, STAGE_PSM, 500), 0);
        }
    }
}

static bool both_connected(const struct stage *stage)
{
    return stage->actors[CENTRAL].conn_handle != NOT_CONNECTED &&
           stage->actors[PERIPHERAL].conn_handle != NOT_CONNECTED;
}

static bool name_was_read(const struct stage *stage)
{
    return stage->actors[CENTRAL].ended == 1;
}

void stage_connect(struct stage *stage)
{
    const struct bluet_connection_parameters parameters = {
        .interval_min_us = 7500, .interval_max_us = 7500, .supervision_timeout_ms = SUPERVISION_MS};
    struct bluet_address address;
    stage_arm(stage, 0, CUT_AIR);
    assert_int_equal(bluet_own_address(peripheral_host(stage), &address), 0);
    assert_true(bluet_gap_advertise(peripheral_host(stage), 20000, NULL, NULL, true) > 0);
    assert_true(bluet_gap_connect(central_host(stage), &address, 5000, &parameters) > 0);
    assert_true(stage_run(stage, STAGE_DURATION, both_connected));
    assert_int_equal(bluet_gattc_read(central_host(stage), stage->actors[CENTRAL].conn_handle, 3, 0), 0);
    assert_true(stage_run(stage, STAGE_DURATION, name_was_read));
    assert_int_equal(stage->actors[CENTRAL].ended_well, 1);
    stage_arm(stage, 0, CUT_AIR);
    stage_run(stage, 100000, NULL);
}

static bool nobody_connected(const struct stage *stage)
{
    const struct actor *actors = stage->actors;
    bool sleeping = (stage->cut == CUT_LOST || stage->cut == CUT_ASLEEP) && bluet_is_active(actors[CENTRAL].host);
    sleeping = sleeping ||
               ((stage->cut == CUT_UNPLUGGED || stage->cut == CUT_AWAY) && bluet_is_active(actors[PERIPHERAL].host));
    bool ending =
        actors[CENTRAL].host->state == HOST_DEACTIVATING || actors[PERIPHERAL].host->state == HOST_DEACTIVATING;
    return !sleeping && !ending && actors[CENTRAL].conn_handle == NOT_CONNECTED &&
           actors[PERIPHERAL].conn_handle == NOT_CONNECTED;
}

static void assert_actor_clean(const struct stage *stage, size_t index)
{
    const struct bluet *host = stage->actors[index].host;
    size_t free_procedures = 0;
    for (const struct gatt_procedure *p = host->gatt.client.free_procedure; p; p = p->next)
        free_procedures++;
    assert_int_equal(free_procedures, host->gatt.client.procedure_count);
    assert_int_equal(host->gatt.server.indications_left, host->config.procedure_count);
    assert_int_equal(host->links.count, 0);
    assert_int_equal(count_channels(host), 0);
    assert_int_equal(host->sm.busy_count, 0);
    assert_int_equal(host->hci.acl_free, host->hci.acl_count);
    assert_int_equal(host->hci.queue_length, 0);
    assert_int_equal(host->pool.free_count, stage->free_buffers[index]);
    assert_int_equal(stage->actors[index].memory, stage->memory[index]);
    assert_int_equal(host->hci.protocol_errors, 0);
}

void stage_recover(struct stage *stage)
{
    assert_true(stage_run(stage, STAGE_DURATION, nobody_connected));
    assert_int_equal(bluet_air_set_loss(stage->air, 0), 0);
    stage->armed = false;
    for (size_t i = 0; i < ACTORS; i++) {
        const struct actor *actor = &stage->actors[i];
        assert_false(actor->late);
        if (!bluet_is_active(actor->host))
            assert_int_equal(actor->memory, stage->memory_asleep[i]);
    }
    wake(stage);
    stage_run(stage, 100000, NULL); /* what is with the controllers is answered */
    stage_register(&stage->actors[PERIPHERAL]);
    for (size_t i = 0; i < ACTORS; i++)
        assert_actor_clean(stage, i);
}

void stage_arm(struct stage *stage, unsigned cut_at, enum stage_cut kind)
{
    stage->armed = cut_at != 0;
    stage->steps = 0;
    stage->cut_at = cut_at;
    stage->cut = kind;
    stage->cut_due = stage->was_cut = false;
    for (size_t i = 0; i < ACTORS; i++) {
        struct actor *actor = &stage->actors[i];
        memset(actor->events, 0, sizeof actor->events);
        actor->ended = actor->ended_well = actor->ended_badly = 0;
        actor->channels_opened = actor->channels_closed = actor->channels_refused = 0;
        actor->encryptions = actor->ticket_ends = actor->sum = 0;
        actor->received = 0;
        actor->ticket = 0;
        actor->att_requests = 0;
        actor->late = false;
    }
}

struct stage *stage_create(bool scarce)
{
    const struct bluet_air_config air = {.reallocate = reallocate_air, .seed = 11};
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->scarce = scarce;
    assert_int_equal(bluet_air_create(&stage->air, &air), 0);
    for (size_t i = 0; i < ACTORS; i++) {
        struct actor *actor = &stage->actors[i];
        const struct bluet_config config = {
            .port = {.context = actor, .send = send, .now = now, .reallocate = reallocate, .random = fill_random},
            .handler = handle_event,
            .handler_context = actor,
            .channel_size = 2000,
            .bearer_count = 2,
            .buffer_count = scarce ? 12 : 0,
            .buffer_size = scarce ? 64 : 0};
        actor->stage = stage;
        actor->conn_handle = NOT_CONNECTED;
        assert_int_equal(bluet_create(&actor->host, &config), 0);
    }
    for (size_t i = 0; i < ACTORS; i++)
        stage->memory_asleep[i] = stage->actors[i].memory;
    wake(stage);
    for (size_t i = 0; i < ACTORS; i++) {
        stage->free_buffers[i] = stage->actors[i].host->pool.free_count;
        stage->memory[i] = stage->actors[i].memory;
    }
    return stage;
}

void stage_destroy(struct stage *stage)
{
    for (size_t i = 0; i < ACTORS; i++) {
        bluet_air_detach(stage->actors[i].controller);
        bluet_destroy(stage->actors[i].host);
        assert_int_equal(stage->actors[i].memory, 0);
    }
    bluet_air_destroy(stage->air);
    free(stage);
}
