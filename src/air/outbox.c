/* The queue is one block of octets, each packet after its kind and its length; it is moved to the front when it fills.
 */
#include "air/outbox.h"

#include "spec/reader.h"
#include "spec/writer.h"

enum { ENTRY_HEADER = 3, FIRST_CAPACITY = 512 };

BLUET_INTERNAL void air_outbox_init(struct air_outbox *outbox, struct air_clock *clock, struct air_timer *timer)
{
    memset(outbox, 0, sizeof *outbox);
    outbox->clock = clock;
    outbox->timer = timer;
}

BLUET_INTERNAL void air_outbox_end(struct air_outbox *outbox)
{
    air_memory_give(outbox->clock->memory, outbox->octets, outbox->capacity);
    outbox->octets = NULL;
    outbox->capacity = 0;
}

BLUET_INTERNAL void air_outbox_clear(struct air_outbox *outbox)
{
    outbox->head = outbox->tail = 0;
    outbox->offered_length = 0;
    outbox->failed = false;
    memset(outbox->waiting, 0, sizeof outbox->waiting);
}

static bool make_room(struct air_outbox *outbox, size_t length)
{
    if (outbox->head) {
        memmove(outbox->octets, outbox->octets + outbox->head, outbox->tail - outbox->head);
        outbox->tail -= outbox->head;
        outbox->head = 0;
    }
    size_t capacity = outbox->capacity ? outbox->capacity : FIRST_CAPACITY;
    while (capacity - outbox->tail < length)
        capacity *= 2;
    if (capacity == outbox->capacity)
        return true;
    if (capacity > AIR_OUTBOX_LARGEST)
        return false;
    void *octets = air_memory_resize(outbox->clock->memory, outbox->octets, outbox->capacity, capacity);
    if (!octets)
        return false;
    outbox->octets = octets;
    outbox->capacity = capacity;
    return true;
}

BLUET_INTERNAL bool air_outbox_put(struct air_outbox *outbox, enum air_outbox_kind kind, const void *packet,
                                   size_t length)
{
    if (outbox->failed)
        return false;
    if (kind == AIR_OUTBOX_REPORT && outbox->waiting[kind] >= AIR_OUTBOX_REPORTS)
        return false;
    if (!outbox->blocked && !air_timer_is_set(outbox->timer))
        air_timer_set(outbox->clock, outbox->timer, outbox->clock->now + outbox->delay);
    if (outbox->capacity - outbox->tail < ENTRY_HEADER + length && !make_room(outbox, ENTRY_HEADER + length)) {
        if (kind != AIR_OUTBOX_REPORT) {
            outbox->failed = true;
            air_timer_set(outbox->clock, outbox->timer, outbox->clock->now);
        }
        return false;
    }
    struct writer entry = writer_of(outbox->octets + outbox->tail, outbox->capacity - outbox->tail);
    write_u8(&entry, (uint8_t)kind);
    write_u16(&entry, (uint16_t)length);
    write_octets(&entry, packet, length);
    outbox->tail += entry.length;
    outbox->waiting[kind]++;
    return true;
}

BLUET_INTERNAL void air_outbox_offer(struct air_outbox *outbox, const void *packet, size_t length)
{
    struct writer writer = writer_of(outbox->offered, sizeof outbox->offered);
    write_octets(&writer, packet, length);
    outbox->offered_length = writer.length;
    outbox->offered_kind = AIR_OUTBOX_EVENT;
    outbox->waiting[AIR_OUTBOX_EVENT]++;
}

/* Takes the next packet from the queue; false if there is none. */
static bool offer_next(struct air_outbox *outbox)
{
    if (outbox->head == outbox->tail)
        return false;
    struct reader queue = reader_of(outbox->octets + outbox->head, outbox->tail - outbox->head);
    outbox->offered_kind = (enum air_outbox_kind)read_u8(&queue);
    outbox->offered_length = read_u16(&queue);
    read_octets(&queue, outbox->offered, outbox->offered_length);
    outbox->head = outbox->tail - reader_remaining(&queue);
    if (outbox->head == outbox->tail)
        outbox->head = outbox->tail = 0;
    return true;
}

BLUET_INTERNAL void air_outbox_deliver(struct air_outbox *outbox,
                                       bool (*deliver)(void *context, const uint8_t *packet, size_t length),
                                       void *context)
{
    while (!outbox->blocked && !outbox->failed && (outbox->offered_length || offer_next(outbox))) {
        /* The host may answer with a Reset from within, which empties the queue under our hands. */
        uint8_t packet[AIR_OUTBOX_PACKET];
        size_t length = outbox->offered_length;
        memcpy(packet, outbox->offered, length);
        if (!deliver(context, packet, length)) {
            outbox->blocked = true;
            break;
        }
        if (outbox->offered_length) {
            outbox->waiting[outbox->offered_kind]--;
            outbox->offered_length = 0;
        }
    }
}

BLUET_INTERNAL void air_outbox_resume(struct air_outbox *outbox)
{
    outbox->blocked = false;
    if (outbox->offered_length || outbox->head != outbox->tail)
        air_timer_set(outbox->clock, outbox->timer, outbox->clock->now);
}
