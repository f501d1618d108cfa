/*
 * The ATT bearers of each link: MTU, the one request and the one indication that may be under way, their timeout (Vol 3
 * Part F, 3.2.8, 3.2.11, 3.3.2, 3.3.3, 3.4.2).
 */
#include "host/att.h"

#include "host/l2cap.h"
#include "host/memory.h"
#include "spec/l2cap.h"

/* One block: the bearers, then the scratch. */
static size_t memory_size(uint16_t bearer_count, uint16_t mtu_limit)
{
    return bearer_count * sizeof(struct att_bearer) + mtu_limit;
}

BLUET_INTERNAL int att_open(struct att *att, struct link_table *links, uint16_t mtu_limit)
{
    uint8_t enhanced_limit = BLUET_HAS_EATT && att->channels ? att->channels->bearer_limit : 0;
    uint16_t bearer_count = (uint16_t)(links->limit * (1u + enhanced_limit));
    size_t size = memory_size(bearer_count, mtu_limit);
    void *memory = memory_take(links->hci->port, size);
    if (!memory)
        return BLUET_ENOMEM;
    att->bearers = memory;
    att->scratch = (uint8_t *)(att->bearers + bearer_count);
    att->scratch_size = mtu_limit;
    att->links = links;
    att->count = links->limit;
    att->bearer_count = bearer_count;
    att->enhanced_limit = enhanced_limit;
    return BLUET_OK;
}

BLUET_INTERNAL void att_close(struct att *att)
{
    if (att->bearers)
        memory_give(att->links->hci->port, att->bearers, memory_size(att->bearer_count, att->scratch_size));
    att->bearers = NULL;
    att->scratch = NULL;
    att->count = 0;
    att->bearer_count = 0;
}

BLUET_INTERNAL void att_link_opened(struct att *att, struct link *link)
{
    *att_bearer(att, link) = (struct att_bearer){.link = link, .mtu = ATT_MTU_DEFAULT};
}

BLUET_INTERNAL void att_link_closed(struct att *att, const struct link *link)
{
    *att_bearer(att, link) = (struct att_bearer){.link = NULL};
}

BLUET_INTERNAL struct att_bearer *att_next(const struct att *att, struct att_bearer *bearer)
{
    const struct link *link = bearer->link;
    if (!BLUET_HAS_EATT || !link)
        return NULL;
    struct att_bearer *first = att->bearers + att->count + (size_t)link->index * att->enhanced_limit;
    const struct att_bearer *end = first + att->enhanced_limit;
    for (bearer = bearer->channel ? bearer + 1 : first; bearer < end; bearer++) {
        if (bearer->link)
            return bearer;
    }
    return NULL;
}

BLUET_INTERNAL int att_send(const struct att *att, struct att_bearer *bearer, const struct bluet_span *spans,
                            size_t count)
{
    if (!bearer->link)
        return BLUET_ENOTCONN;
    if (BLUET_HAS_EATT && bearer->channel)
        return l2cap_bearer_send(att->channels, bearer->channel, spans, count);
    return l2cap_send(att->links, bearer->link, L2CAP_CID_ATT, spans, count);
}

BLUET_INTERNAL int att_push(const struct att *att, struct att_bearer *bearer, const struct bluet_span *spans,
                            size_t count)
{
    return bearer->expired ? BLUET_ENOTCONN : att_send(att, bearer, spans, count);
}

/* The transaction begins if the PDU goes out. */
BLUET_INTERNAL int att_send_request(const struct att *att, struct att_bearer *bearer, const struct bluet_span *spans,
                                    size_t count)
{
    int error = att_push(att, bearer, spans, count);
    if (error)
        return error;
    bearer->request = *(const uint8_t *)spans[0].data;
    bearer->answered = false;
    bearer->requested = (uint32_t)att->links->hci->now;
    return BLUET_OK;
}

BLUET_INTERNAL void att_await_confirmation(const struct att *att, struct att_bearer *bearer)
{
    bearer->indication = true;
    bearer->indicated = (uint32_t)att->links->hci->now;
}

BLUET_INTERNAL void att_write_chain(struct writer *writer, const struct buffer *chain, size_t offset, size_t length)
{
    for (; chain && length; chain = chain->next) {
        if (offset >= chain->length) {
            offset -= chain->length;
            continue;
        }
        size_t here = chain->length - offset;
        size_t part = here < length ? here : length;
        write_fitting(writer, chain->data + offset, part);
        length -= part;
        offset = 0;
    }
}

/* An Error Response names the request that it answers (Vol 3 Part F, 3.4.1.1); the opcode of any other tells. */
BLUET_INTERNAL enum att_answer att_take_response(struct att_bearer *bearer, struct reader *pdu, uint8_t *out_error)
{
    enum att_answer answer = ATT_ANSWER_RESPONSE;
    uint8_t opcode = read_u8(pdu);
    *out_error = 0;
    if (bearer->request == 0)
        return ATT_ANSWER_NONE;
    if (opcode == ATT_ERROR_RESPONSE) {
        uint8_t request = read_u8(pdu);
        read_u16(pdu);
        *out_error = read_u8(pdu);
        answer = reader_done(pdu) && *out_error ? ATT_ANSWER_ERROR : ATT_ANSWER_MALFORMED;
        if (reader_ok(pdu) && request != bearer->request)
            return ATT_ANSWER_NONE;
    } else if (opcode != bearer->request + 1) {
        return ATT_ANSWER_NONE;
    }
    if (reader_remaining(pdu) >= bearer->mtu)
        answer = ATT_ANSWER_MALFORMED;
    bearer->request = 0;
    return answer;
}

BLUET_INTERNAL bool att_take_confirmation(struct att_bearer *bearer)
{
    bool awaited = bearer->indication;
    bearer->indication = false;
    return awaited;
}

BLUET_INTERNAL uint16_t att_offer_mtu(const struct att *att, const struct link *link)
{
    struct att_bearer *bearer = att_bearer(att, link);
    if (bearer->offered == 0)
        bearer->offered = att->preferred_mtu;
    return bearer->offered;
}

/* An offer below the default is a mistake, and the MTU stays as it is (Vol 3 Part F, 3.4.2.2). */
BLUET_INTERNAL uint16_t att_settle_mtu(const struct att *att, const struct link *link, uint16_t offer_of_peer)
{
    struct att_bearer *bearer = att_bearer(att, link);
    if (offer_of_peer < ATT_MTU_DEFAULT)
        hci_protocol_error(att->links->hci);
    else
        bearer->mtu = offer_of_peer < bearer->offered ? offer_of_peer : bearer->offered;
    return bearer->mtu;
}

/* The transaction that has the least time left, of several the first; and how much. */
static enum att_wait most_urgent_wait(const struct att *att, struct att_bearer **out_bearer, uint32_t *out_left)
{
    enum att_wait wait = ATT_WAIT_NOTHING;
    *out_left = LINK_NO_TIME;
    for (size_t i = att->bearer_count; i-- > 0;) {
        struct att_bearer *bearer = &att->bearers[i];
        uint32_t left = link_time_left(att->links, bearer->indicated);
        if (bearer->indication && left <= *out_left) {
            wait = ATT_WAIT_INDICATION;
            *out_left = left;
            *out_bearer = bearer;
        }
        left = link_time_left(att->links, bearer->requested);
        if (bearer->request && !bearer->answered && left <= *out_left) {
            wait = ATT_WAIT_REQUEST;
            *out_left = left;
            *out_bearer = bearer;
        }
    }
    return wait;
}

BLUET_INTERNAL uint64_t att_deadline(const struct att *att)
{
    struct att_bearer *bearer;
    uint32_t left;
    most_urgent_wait(att, &bearer, &left);
    return link_time_after(att->links, left);
}

BLUET_INTERNAL enum att_wait att_expire(const struct att *att, struct att_bearer **out_bearer)
{
    uint32_t left;
    enum att_wait wait = most_urgent_wait(att, out_bearer, &left);
    if (left)
        return ATT_WAIT_NOTHING;
    if (wait == ATT_WAIT_REQUEST)
        (*out_bearer)->request = 0;
    else
        (*out_bearer)->indication = false;
    (*out_bearer)->expired = true;
    return wait;
}
