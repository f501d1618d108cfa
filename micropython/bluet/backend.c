/*
 * The life of the backend: its memory, feeding the host with what the controller sends, and waiting for the
 * controller's verdict.
 */
#include "backend.h"

#include <string.h>

#include <py/gc.h>
#include <py/mperrno.h>

#include "spec/hci.h"
#include "spec/reader.h"
#include "wire.h"

#if MICROPY_PY_BLUETOOTH

#if !MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS
#error "Bluet needs MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS"
#endif
#if !MICROPY_ENABLE_FINALISER
#error "Bluet needs MICROPY_ENABLE_FINALISER"
#endif

enum { PACKETS_AT_ONCE = 32, PATIENCE_US = 30000000 };

MP_REGISTER_ROOT_POINTER(struct backend *bluet_backend);

/* ---- Memory: in a list that begins in the root pointer, so that the collector sees every block of the host's ---- */

struct block {
    struct block *next, *previous;
};

static void link_block(struct backend *self, struct block *block)
{
    block->previous = NULL;
    block->next = self->blocks;
    if (block->next)
        block->next->previous = block;
    self->blocks = block;
}

static void unlink_block(struct backend *self, struct block *block)
{
    if (block->next)
        block->next->previous = block->previous;
    if (block->previous)
        block->previous->next = block->next;
    else
        self->blocks = block->next;
}

static void *reallocate(void *context, void *memory, size_t old_size, size_t new_size)
{
    struct backend *self = context;
    struct block *old = memory ? (struct block *)memory - 1 : NULL;
    size_t old_total = old ? sizeof(struct block) + old_size : 0;
    size_t new_total = sizeof(struct block) + new_size;
    if (new_size && new_total < new_size)
        return NULL;

    uint8_t *octets = NULL;
    if (new_size) {
        octets = m_new_maybe(uint8_t, new_total);
        if (!octets)
            return NULL;
        link_block(self, (struct block *)octets);
    }
    if (old && octets)
        memcpy(octets + sizeof(struct block), memory, old_size < new_size ? old_size : new_size);
    if (old) {
        unlink_block(self, old);
        m_del(uint8_t, (uint8_t *)old, old_total);
    }
    return octets ? octets + sizeof(struct block) : NULL;
}

/* ---- Life ---- */

static void send_packet(void *context, const struct bluet_span *spans, size_t count)
{
    struct backend *self = context;
    if (!self->open || !wire_write(spans, count))
        self->lost = true;
}

static uint64_t now(void *context)
{
    (void)context;
    return wire_now();
}

static mp_obj_t finalise(mp_obj_t object)
{
    struct backend *self = MP_OBJ_TO_PTR(object);
    if (self != backend_existing())
        return mp_const_none;
    self->silent = true;
    mp_bluetooth_deinit();
    if (self->open)
        wire_close();
    MP_STATE_VM(bluet_backend) = NULL;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(finalise_object, finalise);

static const mp_rom_map_elem_t locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&finalise_object)},
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(backend_type, MP_QSTR_bluetooth, MP_TYPE_FLAG_NONE, locals_dict, &locals);

struct backend *backend_get(void)
{
    struct backend *self = backend_existing();
    if (self)
        return self;
    self = mp_obj_malloc_with_finaliser(struct backend, &backend_type);
    memset((uint8_t *)self + sizeof self->base, 0, sizeof *self - sizeof self->base);
    const struct bluet_config config = {
        .port = {self, send_packet, now, reallocate, wire_random},
        .handler = backend_event,
        .handler_context = self,
        .connection_count = BLUET_CONNECTION_COUNT,
        .buffer_count = BLUET_BUFFER_COUNT,
        .buffer_size = BLUET_BUFFER_SIZE,
        .procedure_count = BLUET_PROCEDURE_COUNT,
        .channel_size = BLUET_CHANNEL_SIZE,
        .bond_count = BLUET_BOND_COUNT,
    };
    if (bluet_create(&self->host, &config))
        m_malloc_fail(sizeof *self);
    MP_STATE_VM(bluet_backend) = self;
    return self;
}

/* ---- Feeding the host ---- */

/* How many octets the packet lacks, as far as one can tell yet; 0 if it is whole (Vol 4 Part A, 2; Part E, 5.4). */
static size_t missing(const struct backend *self)
{
    struct reader reader = reader_of(self->packet, self->packet_length);
    uint8_t indicator = read_u8(&reader);
    size_t header = indicator == HCI_ACL_DATA || indicator == HCI_ISO_DATA ? 5 : indicator == HCI_EVENT ? 3 : 4;
    if (self->packet_length == 0)
        return 1;
    if (self->packet_length < header)
        return header - self->packet_length;
    size_t payload;
    if (header == 3) {
        read_u8(&reader);
        payload = read_u8(&reader);
    } else {
        read_u16(&reader);
        payload = header == 5 ? read_u16(&reader) : read_u8(&reader);
    }
    return header + payload - self->packet_length;
}

/* Reads what there is of a packet. Returns whether it is whole. */
static bool next_packet(struct backend *self)
{
    size_t wanted;
    while ((wanted = missing(self)) > 0) {
        bool known = self->packet_length == 0 || (self->packet[0] >= HCI_ACL_DATA && self->packet[0] <= HCI_ISO_DATA);
        int length = -1;
        if (known && wanted <= sizeof self->packet - self->packet_length)
            length = wire_read(self->packet + self->packet_length, wanted);
        if (length < 0)
            self->lost = true;
        if (length <= 0)
            return false;
        self->packet_length += (size_t)length;
    }
    return true;
}

/* A host that has come to rest needs its wire no more. */
static void settle(struct backend *self)
{
    uint64_t deadline = bluet_deadline(self->host);
    if (!self->open)
        return;
    if (deadline != BLUET_NEVER || bluet_is_active(self->host)) {
        wire_expect(self->more ? 0 : deadline);
        return;
    }
    self->open = false;
    wire_close();
}

/* No further than to a verdict that a call waits for: what comes after the verdict, comes after the call. */
static void feed(struct backend *self, unsigned most_packets)
{
    self->busy = true;
    self->verdict = false;
    unsigned count = 0;
    while (count < most_packets && !self->verdict && self->open && !self->lost && next_packet(self)) {
        size_t length = self->packet_length;
        self->packet_length = 0;
        count++;
        bluet_receive(self->host, self->packet, length);
    }
    self->more = count == most_packets || self->verdict;
    if (self->lost) {
        self->lost = false;
        bluet_controller_lost(self->host);
    }
    bluet_poll(self->host);
    self->busy = false;
    settle(self);
}

void backend_poll(void)
{
    struct backend *self = backend_existing();
    if (!self)
        return;
    wire_lock();
    if (self->open && !self->busy)
        feed(self, PACKETS_AT_ONCE);
    wire_unlock();
}

int backend_activate(struct backend *self)
{
    if (!self->open) {
        int error = wire_open(self->address_known ? self->address : NULL);
        if (error)
            return error;
        self->open = true;
        self->lost = false;
        self->packet_length = 0;
    }
    int result = bluet_activate(self->host);
    settle(self);
    return result;
}

/* ---- Verdicts ---- */

/* A free place, or that of the oldest. */
static struct awaited *await(struct backend *self, int ticket, struct response *response)
{
    struct awaited *place = self->awaited;
    for (size_t i = 1; i < AWAITED_COUNT; i++)
        if (self->awaited[i].ticket < place->ticket)
            place = &self->awaited[i];
    *place = (struct awaited){.ticket = ticket, .response = response};
    return place;
}

/* With the lock held, which is given back while it sleeps. An exception leaves it unlocked. */
static int wait_for(struct backend *self, int ticket, struct response *response)
{
    struct awaited *awaited = await(self, ticket, response);
    uint64_t limit = wire_now() + PATIENCE_US;
    int error = BLUET_ETIMEDOUT;
    while (!awaited->done && wire_now() < limit) {
        if (!self->busy)
            feed(self, PACKETS_AT_ONCE);
        if (awaited->done)
            break;
        wire_unlock();
        wire_wait(self->silent);
        wire_lock();
        if (awaited->ticket != ticket)
            return BLUET_ETIMEDOUT;
    }
    if (awaited->done)
        error = awaited->error;
    *awaited = (struct awaited){0};
    return error;
}

struct bluet *backend_enter(void)
{
    struct backend *self = backend_get();
    wire_lock();
    return self->host;
}

int backend_leave_response(int result, struct response *out_response)
{
    struct backend *self = backend_existing();
    bool in_handler = self->handling && self->handler_thread == wire_thread();
    if (result > 0)
        result = in_handler ? 0 : wait_for(self, result, out_response);
    if (!self->busy)
        settle(self);
    wire_unlock();
    return result < 0 ? -result : 0;
}

int backend_leave(int result)
{
    return backend_leave_response(result, NULL);
}

void backend_leave_raise(int result)
{
    int error = backend_leave(result);
    if (error)
        mp_raise_OSError(error);
}

#endif
