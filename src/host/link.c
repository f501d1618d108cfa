/*
 * The table of connections; their frames on the way out, pulled as the controller's buffers come free; and the joining
 * of their fragments on the way in (Vol 4 Part E, 4.1.1, 5.4.2, 7.7.19; Vol 3 Part A, 7.2).
 */
#include "host/link.h"

#include "host/memory.h"
#include "spec/hci.h"
#include "spec/l2cap.h"
#include "spec/writer.h"

/* A fragment that lies in more buffers than this is cut shorter than the controller would take it. */
enum { GATHER_LARGEST = 12 };

BLUET_INTERNAL int link_table_open(struct link_table *links, struct hci *hci, struct buffer_pool *pool, uint8_t limit,
                                   uint16_t frame_size)
{
    *links = (struct link_table){.hci = hci, .pool = pool, .limit = limit, .frame_size = frame_size};
    links->links = memory_take(hci->port, limit * sizeof *links->links);
    links->desk = memory_take(hci->port, frame_size);
    if (!links->links || !links->desk) {
        link_table_close(links);
        return BLUET_ENOMEM;
    }
    for (uint8_t i = 0; i < limit; i++)
        links->links[i].index = i;
    return BLUET_OK;
}

BLUET_INTERNAL void link_table_close(struct link_table *links)
{
    if (links->hci) {
        memory_give(links->hci->port, links->links, links->limit * sizeof *links->links);
        memory_give(links->hci->port, links->desk, links->frame_size);
    }
    memset(links, 0, sizeof *links);
}

/* The place where the search for a handle begins, and so many behind it. */
static struct link *link_place(const struct link_table *links, unsigned handle, unsigned behind)
{
    return &links->links[(handle + behind) % links->limit];
}

BLUET_INTERNAL struct link *link_open(struct link_table *links, uint16_t handle)
{
    if (links->count == links->limit || link_find(links, handle))
        return NULL;
    unsigned behind = 0;
    while (link_place(links, handle, behind)->state != LINK_FREE)
        behind++;
    struct link *link = link_place(links, handle, behind);
    link->state = LINK_OPEN;
    link->handle = handle;
    link->transmit_octets = 27; /* Vol 6 Part B, 4.5.10 */
    link->transmit_phy = link->receive_phy = 1;
    link->rssi = 127;
    links->count++;
    links->silent++;
    return link;
}

BLUET_INTERNAL struct link *link_find(const struct link_table *links, uint16_t handle)
{
    for (unsigned behind = 0; behind < links->limit; behind++) {
        struct link *link = link_place(links, handle, behind);
        if (link->handle == handle && link->state != LINK_FREE)
            return link;
    }
    return NULL;
}

BLUET_INTERNAL struct link *link_find_open(const struct link_table *links, uint16_t handle)
{
    struct link *link = link_find(links, handle);
    return link && link->state == LINK_OPEN ? link : NULL;
}

/* ---- The ring of links that wait ---- */

static void waiting_append(struct link_table *links, struct link *link)
{
    struct link *last = links->waiting++ ? links->last_waiting : link;
    link->transmit.next = last->transmit.next;
    last->transmit.next = link;
    links->last_waiting = link;
}

static struct link *waiting_take(struct link_table *links)
{
    struct link *link = links->last_waiting->transmit.next;
    links->last_waiting->transmit.next = link->transmit.next;
    links->waiting--;
    return link;
}

static void waiting_remove(struct link_table *links, const struct link *link)
{
    for (uint8_t left = links->waiting; left > 0; left--) {
        struct link *other = waiting_take(links);
        if (other != link)
            waiting_append(links, other);
    }
}

/* Nothing is being joined any more. */
static void receive_end(struct link_table *links, struct link *link)
{
    buffer_free(links->pool, link->receive.chain);
    link->receive = (struct link_receive){0};
    if (links->at_desk == link)
        links->at_desk = NULL;
}

BLUET_INTERNAL void link_close(struct link_table *links, struct link *link)
{
    if (link->transmit.head)
        waiting_remove(links, link);
    buffer_free(links->pool, link->transmit.head);
    receive_end(links, link);
    if (link->transmit.in_flight == 0)
        links->silent--;
    links->hci->acl_free = (uint16_t)(links->hci->acl_free + link->transmit.in_flight);
    links->count--;
    *link = (struct link){.index = link->index};
}

BLUET_INTERNAL struct link *link_find_peer(const struct link_table *links, const struct bluet_address *peer)
{
    for (uint8_t i = 0; i < links->limit; i++) {
        struct link *link = &links->links[i];
        if (link->state != LINK_FREE &&
            (hci_address_equal(&link->peer, peer) || hci_address_equal(&link->identity, peer)))
            return link;
    }
    return NULL;
}

/* ---- In ---- */

static void receive_abandon(struct link_table *links, struct link *link)
{
    receive_end(links, link);
    hci_protocol_error(links->hci);
}

static size_t receive_kept(const struct link_table *links, const struct link_receive *receive)
{
    return receive->length < links->frame_size ? receive->length : links->frame_size;
}

/* Keeps what belongs to a frame that is not too long. False: there is no room for it. */
static bool receive_keep(struct link_table *links, struct link *link, const uint8_t *data, size_t length)
{
    struct link_receive *receive = &link->receive;
    size_t had = receive_kept(links, receive);
    size_t room = links->frame_size - had;
    size_t kept = length < room ? length : room;
    length += receive->length;
    receive->length = (uint16_t)(length < UINT16_MAX ? length : UINT16_MAX);
    if (had == 0 && !links->at_desk)
        links->at_desk = link;
    if (links->at_desk != link)
        return buffer_append(links->pool, &receive->chain, data, kept);
    memcpy(links->desk + had, data, kept);
    return true;
}

/* Makes room on the desk for a frame that is whole, and puts it there. False: what lies there has nowhere to go. */
static bool receive_lay_out(struct link_table *links, const struct link_receive *receive)
{
    if (links->at_desk) {
        struct link_receive *other = &links->links[links->at_desk->index].receive;
        if (!buffer_append(links->pool, &other->chain, links->desk, receive_kept(links, other))) {
            buffer_free(links->pool, other->chain);
            other->chain = NULL;
            return false;
        }
        links->at_desk = NULL;
    }
    uint8_t *next = links->desk;
    for (const struct buffer *buffer = receive->chain; buffer; buffer = buffer->next) {
        memcpy(next, buffer->data, buffer->length);
        next += buffer->length;
    }
    return true;
}

/* A frame of so many octets, if it begins with that length. */
static bool frame_is_whole(struct link *link, const uint8_t *frame, size_t length, struct link_frame *out_frame)
{
    if (length < L2CAP_HEADER_LENGTH || length - L2CAP_HEADER_LENGTH != read_u16_at(frame))
        return false;
    *out_frame =
        (struct link_frame){link, read_u16_at(frame + 2), frame + L2CAP_HEADER_LENGTH, length - L2CAP_HEADER_LENGTH};
    return true;
}

/*
 * One more fragment. Whether the frame is whole, or lost; if it is wrong, it is given up. Its length is known with its
 * second octet, but trusted with its header.
 */
static bool receive_fragment(struct link_table *links, struct link *link, const uint8_t *data, size_t length,
                             struct link_frame *out_frame)
{
    struct link_receive *receive = &link->receive;
    size_t whole = 0;
    bool at_hand = receive_keep(links, link, data, length);
    if (at_hand && receive->length >= L2CAP_HEADER_LENGTH) {
        whole = read_u16_at(receive->chain ? receive->chain->data : links->desk) + L2CAP_HEADER_LENGTH;
        if (receive->length < whole && receive->length < UINT16_MAX)
            return false;
        if (receive->length > whole || whole > links->frame_size) {
            receive_abandon(links, link);
            return false;
        }
        at_hand = links->at_desk == link || receive_lay_out(links, receive);
    } else if (at_hand) {
        return false;
    }
    receive_end(links, link);
    *out_frame = (struct link_frame){.link = link};
    return !at_hand || frame_is_whole(link, links->desk, whole, out_frame);
}

BLUET_INTERNAL bool link_receive(struct link_table *links, struct reader *packet, struct link_frame *out_frame)
{
    const uint8_t *header = read_span(packet, LINK_PACKET_HEADER_LENGTH);
    struct link *link = header ? link_find(links, read_u16_at(header + 1) & 0x0fff) : NULL;
    if (!link) {
        hci_protocol_error(links->hci);
        return false;
    }
    enum hci_boundary boundary = header[2] >> 4 & 3;
    bool start = boundary == HCI_BOUNDARY_FIRST_FLUSHABLE || boundary == HCI_BOUNDARY_FIRST_NON_FLUSHABLE;
    bool expected = start ? !link->receive.open : boundary == HCI_BOUNDARY_CONTINUING && link->receive.open;
    size_t length = read_u16_at(header + 3);
    bool whole = length == reader_remaining(packet);
    if (!whole || !expected)
        receive_abandon(links, link);
    if (!whole || (!start && !expected))
        return false;

    const uint8_t *data = read_span(packet, length);
    if (start && frame_is_whole(link, data, length, out_frame))
        return true;
    link->receive.open = true;
    return receive_fragment(links, link, data, length, out_frame);
}

/* ---- Out ---- */

BLUET_INTERNAL uint16_t link_allowance(const struct link_table *links, const struct link *link)
{
    uint16_t free_count = links->hci->acl_free;
    bool silent = link->transmit.in_flight == 0;
    uint16_t others = (uint16_t)(links->silent - silent);
    uint16_t quarter = links->hci->acl_count / 4;
    uint16_t kept = others < quarter ? others : quarter;
    if (free_count > kept)
        return (uint16_t)(free_count - kept);
    return silent && free_count;
}

BLUET_INTERNAL void link_send_packet(struct link_table *links, struct link *link, bool first, uint8_t *header,
                                     const struct bluet_span *spans, size_t count, size_t length)
{
    unsigned boundary = first ? HCI_BOUNDARY_FIRST_NON_FLUSHABLE : HCI_BOUNDARY_CONTINUING;
    header[0] = HCI_ACL_DATA;
    write_u32_at(header + 1, link->handle | boundary << 12 | (uint32_t)length << 16);

    struct hci *hci = links->hci;
    hci->acl_free--;
    if (link->transmit.in_flight++ == 0)
        links->silent--;
    hci->port->send(hci->port->context, spans, count);
}

BLUET_INTERNAL void link_enqueue(struct link_table *links, struct link *link, struct buffer *frame)
{
    struct link_transmit *transmit = &link->transmit;
    if (transmit->head) {
        transmit->tail->next = frame;
    } else {
        transmit->head = frame;
        waiting_append(links, link);
    }
    while (frame->next)
        frame = frame->next;
    transmit->tail = frame;
}

BLUET_INTERNAL void link_enqueue_first(struct link *link, struct buffer *frame)
{
    struct buffer *last = frame;
    while (last->next)
        last = last->next;
    last->next = link->transmit.head;
    link->transmit.head = frame;
}

/* Buffers that have been sent go back to the pool. */
static void transmit_consume(struct link_table *links, struct link_transmit *transmit, size_t length)
{
    while (length) {
        struct buffer *head = transmit->head;
        size_t rest = (size_t)(head->length - head->offset);
        if (length < rest) {
            head->offset = (uint16_t)(head->offset + length);
            return;
        }
        length -= rest;
        transmit->head = head->next;
        head->next = NULL;
        buffer_free(links->pool, head);
    }
}

static void transmit_fragment(struct link_table *links, struct link *link)
{
    struct link_transmit *transmit = &link->transmit;
    bool first = transmit->frame_left == 0;
    if (first)
        transmit->frame_left = (uint16_t)(read_u16_at(transmit->head->data) + L2CAP_HEADER_LENGTH);
    size_t limit = links->hci->acl_length;
    if (limit > transmit->frame_left)
        limit = transmit->frame_left;

    uint8_t header[LINK_PACKET_HEADER_LENGTH];
    struct bluet_span spans[1 + GATHER_LARGEST] = {{header, sizeof header}};
    size_t count = 1;
    size_t length = 0;
    for (struct buffer *buffer = transmit->head; length < limit && count <= GATHER_LARGEST; buffer = buffer->next) {
        size_t rest = (size_t)(buffer->length - buffer->offset);
        size_t part = rest < limit - length ? rest : limit - length;
        spans[count++] = (struct bluet_span){buffer->data + buffer->offset, part};
        length += part;
    }
    link_send_packet(links, link, first, header, spans, count, length);
    transmit->frame_left = (uint16_t)(transmit->frame_left - length);
    if (transmit->frame_left == 0)
        link->channels_turn = !link->channels_turn;
    transmit_consume(links, transmit, length);
}

/* A channel sends a frame, or puts one in front of the queue, whose end is then the end of its turn. */
static void serve_channels(struct link_table *links, struct link *link)
{
    const struct link_channels *channels = &links->channels;
    struct link_transmit *transmit = &link->transmit;
    if (!link->channels_turn || transmit->frame_left || !transmit->head || !channels->send)
        return;
    const struct buffer *head = transmit->head;
    bool sent = channels->send(channels->context, link);
    link->channels_turn = !sent || transmit->head != head;
}

BLUET_INTERNAL void link_pump(struct link_table *links)
{
    for (uint8_t refused = 0; refused < links->waiting && links->hci->acl_free;) {
        struct link *link = waiting_take(links);
        if (link_allowance(links, link)) {
            transmit_fragment(links, link);
            serve_channels(links, link); /* now, as there is the buffer of the frame that went */
            refused = 0;
        } else {
            refused++;
        }
        if (link->transmit.head)
            waiting_append(links, link);
    }
}

BLUET_INTERNAL void link_completed_packets(struct link_table *links, struct reader *event)
{
    size_t length = reader_remaining(event);
    const uint8_t *entry = read_span(event, length);
    size_t count = *entry++;
    if (length != 1 + 4 * count) {
        hci_protocol_error(links->hci);
        return;
    }
    for (; count--; entry += 4) { /* handle, number of packets */
        struct link *link = link_find(links, read_u16_at(entry) & 0x0fff);
        unsigned completed = read_u16_at(entry + 2);
        unsigned in_flight = link ? link->transmit.in_flight : 0;
        if (completed > in_flight) {
            completed = in_flight;
            hci_protocol_error(links->hci);
        }
        if (completed == 0)
            continue;
        links->hci->acl_free = (uint16_t)(links->hci->acl_free + completed);
        link->transmit.in_flight = (uint16_t)(in_flight - completed);
        if (link->transmit.in_flight == 0)
            links->silent++;
    }
}

/* ---- Time ---- */

BLUET_INTERNAL uint32_t link_time_left(const struct link_table *links, uint32_t since)
{
    uint32_t time = (uint32_t)links->hci->now - since;
    return time < LINK_TRANSACTION_TIMEOUT_US ? LINK_TRANSACTION_TIMEOUT_US - time : 0;
}

BLUET_INTERNAL uint64_t link_time_after(const struct link_table *links, uint32_t time_us)
{
    return time_us < LINK_NO_TIME ? links->hci->now + time_us : BLUET_NEVER;
}
