/* How channels are made and ended: their commands on the signalling channel (Vol 3 Part A, 4.6, 4.7, 4.22 to 4.26). */
#include "host/l2cap_channel.h"

#include "spec/l2cap.h"
#include "spec/writer.h"

enum { PLAIN_LEAST = 23, MPS_LARGEST = 65533 };

/* RTX: 1 s to 60 s; ERTX, where the peer has said that its answer is pending: 60 s to 300 s (Vol 3 Part A, 6.2). */
static const uint64_t response_timeout_us = 30000000, pending_timeout_us = 120000000;

static void read_terms(struct reader *parameters, struct l2cap_channel_terms *terms)
{
    terms->mtu = read_u16(parameters);
    terms->mps = read_u16(parameters);
    terms->credits = read_u16(parameters);
}

BLUET_INTERNAL bool l2cap_channel_terms_are_valid(const struct l2cap_channel_terms *terms, bool enhanced)
{
    uint16_t least = enhanced ? L2CAP_ENHANCED_LEAST : PLAIN_LEAST;
    return terms->mtu >= least && terms->mps >= least && terms->mps <= MPS_LARGEST && (terms->credits || !enhanced);
}

static void write_own_terms(struct writer *writer, const struct l2cap_channel *channel)
{
    write_u16(writer, channel->incoming.mtu);
    write_u16(writer, channel->incoming.mps);
    write_u16(writer, channel->incoming.granted);
}

static void take_terms(struct l2cap_channel *channel, uint16_t peer_cid, const struct l2cap_channel_terms *terms)
{
    channel->peer_cid = peer_cid;
    channel->peer_mtu = terms->mtu;
    channel->outgoing.mps = terms->mps;
    channel->outgoing.credits = terms->credits;
}

static bool cid_is_dynamic(uint16_t cid)
{
    return cid >= L2CAP_CID_DYNAMIC_FIRST && cid <= L2CAP_CID_DYNAMIC_LAST;
}

static uint16_t check_peer_cid(const struct l2cap_channels *channels, const struct link *link, uint16_t cid)
{
    if (!cid_is_dynamic(cid))
        return L2CAP_RESULT_INVALID_SOURCE_CID;
    return l2cap_channel_find_peer(channels, link, cid) ? L2CAP_RESULT_SOURCE_CID_ALREADY_ALLOCATED
                                                        : L2CAP_RESULT_SUCCESS;
}

/* ---- Our requests ---- */

static bool is_asked_by(const struct l2cap_channel *channel, const struct link *link, uint8_t identifier)
{
    return channel->state == CHANNEL_AWAIT_RESPONSE && channel->link == link && channel->identifier == identifier;
}

static int send_plain_request(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    uint8_t octets[10];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, channel->psm);
    write_u16(&writer, channel->local_cid);
    write_own_terms(&writer, channel);
    channel->enhanced = false;
    channel->identifier = l2cap_signal_identifier(channels->signal, channel->link);
    channel->deadline = channels->links->hci->now + response_timeout_us;
    return l2cap_signal_send(channels->signal, channel->link, L2CAP_LE_CREDIT_BASED_CONNECTION_REQUEST,
                             channel->identifier, &writer);
}

/* The CIDs stand in the order of the table, and so will those that answer them. */
static int send_enhanced_request(struct l2cap_channels *channels, struct l2cap_channel *const *asked, size_t count)
{
    uint8_t octets[8 + 2 * L2CAP_ENHANCED_MOST];
    struct writer writer = writer_of(octets, sizeof octets);
    struct link *link = asked[0]->link;
    uint8_t identifier = l2cap_signal_identifier(channels->signal, link);
    for (size_t i = 0; i < count; i++) {
        asked[i]->enhanced = true;
        asked[i]->identifier = identifier;
        asked[i]->deadline = channels->links->hci->now + response_timeout_us;
    }
    write_u16(&writer, asked[0]->psm);
    write_own_terms(&writer, asked[0]);
    for (uint16_t i = 0; i < channels->total; i++) {
        if (is_asked_by(&channels->channels[i], link, identifier))
            write_u16(&writer, channels->channels[i].local_cid);
    }
    return l2cap_signal_send(channels->signal, link, L2CAP_CREDIT_BASED_CONNECTION_REQUEST, identifier, &writer);
}

/* Each in a request of its own; once the first is out, the others will follow. */
static int send_plain_requests(struct l2cap_channels *channels, struct l2cap_channel *const *asked, size_t count)
{
    int error = send_plain_request(channels, asked[0]);
    for (size_t i = 1; !error && i < count; i++) {
        asked[i]->owes_request = send_plain_request(channels, asked[i]);
        channels->waiting = channels->waiting || asked[i]->owes_request;
    }
    return error;
}

BLUET_INTERNAL int l2cap_channels_ask(struct l2cap_channels *channels, struct l2cap_channel *const *asked, size_t count)
{
    const struct l2cap_incoming *incoming = &asked[0]->incoming;
    bool enhanced = !channels->plain[asked[0]->link->index] && incoming->mtu >= L2CAP_ENHANCED_LEAST &&
                    incoming->mps >= L2CAP_ENHANCED_LEAST;
    int error = enhanced ? send_enhanced_request(channels, asked, count) : send_plain_requests(channels, asked, count);
    for (size_t i = 0; error && i < count; i++)
        l2cap_channel_free(channels, asked[i]);
    return error;
}

BLUET_INTERNAL int l2cap_channels_connect(struct l2cap_channels *channels, struct link *link, uint16_t psm,
                                          uint16_t mtu, size_t count)
{
    struct l2cap_channel *asked[L2CAP_ENHANCED_MOST];
    if (!l2cap_psm_is_valid(psm) || count == 0 || count > L2CAP_ENHANCED_MOST)
        return BLUET_EINVAL;
    size_t taken = 0;
    int error = BLUET_OK;
    while (!error && taken < count) {
        asked[taken] = l2cap_channel_take(channels, link, psm, l2cap_mtu_clamped(mtu), CHANNEL_AWAIT_RESPONSE);
        if (asked[taken])
            taken++;
        else
            error = BLUET_ENOMEM;
    }
    if (!error)
        return l2cap_channels_ask(channels, asked, count);
    while (taken)
        l2cap_channel_free(channels, asked[--taken]);
    return error;
}

BLUET_INTERNAL void l2cap_channel_send_owed_request(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    if (!channel->owes_request)
        return;
    if (channel->state == CHANNEL_AWAIT_RESPONSE) {
        channel->owes_request = send_plain_request(channels, channel);
        channels->waiting = channels->waiting || channel->owes_request;
        return;
    }
    uint8_t octets[4];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, channel->peer_cid);
    write_u16(&writer, channel->local_cid);
    channel->owes_request =
        l2cap_signal_send(channels->signal, channel->link, L2CAP_DISCONNECTION_REQUEST, channel->identifier, &writer);
    channels->waiting = channels->waiting || channel->owes_request;
}

/* The deadline holds from now on, so that the channel ends also if no buffer is ever free for the request. */
BLUET_INTERNAL void l2cap_channel_request_end(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    l2cap_channel_set_state(channels, channel, CHANNEL_AWAIT_DISCONNECTION);
    if (l2cap_channel_is_bearer(channels, channel))
        l2cap_bearer_ended(channels, channel, L2CAP_RESULT_SUCCESS);
    channel->identifier = l2cap_signal_identifier(channels->signal, channel->link);
    channel->deadline = channels->links->hci->now + response_timeout_us;
    channel->outgoing.next = NULL;
    channel->stalled = false;
    channel->owes_request = true;
    l2cap_channel_send_owed_request(channels, channel);
}

BLUET_INTERNAL int l2cap_channels_disconnect(struct l2cap_channels *channels, struct link *link, uint16_t cid)
{
    struct l2cap_channel *channel = l2cap_channel_find_users(channels, link, cid);
    if (!channel || (channel->state != CHANNEL_OPEN && channel->state != CHANNEL_AWAIT_DISCONNECTION))
        return BLUET_EINVAL;
    if (channel->state == CHANNEL_OPEN)
        l2cap_channel_request_end(channels, channel);
    return BLUET_OK;
}

BLUET_INTERNAL bool l2cap_channels_await(const void *context, const struct link *link, uint8_t identifier)
{
    const struct l2cap_channels *channels = context;
    for (uint16_t i = 0; channels->awaiting && i < channels->total; i++) {
        const struct l2cap_channel *channel = &channels->channels[i];
        if (l2cap_channel_awaits(channel) && channel->link == link && channel->identifier == identifier)
            return true;
    }
    return false;
}

BLUET_INTERNAL uint64_t l2cap_channels_deadline(const struct l2cap_channels *channels)
{
    uint64_t deadline = BLUET_NEVER;
    for (uint16_t i = 0; channels->awaiting && i < channels->total; i++) {
        const struct l2cap_channel *channel = &channels->channels[i];
        if (l2cap_channel_awaits(channel) && channel->deadline < deadline)
            deadline = channel->deadline;
    }
    return deadline;
}

BLUET_INTERNAL void l2cap_channels_expire(struct l2cap_channels *channels)
{
    for (uint16_t i = 0; channels->awaiting && i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        if (!l2cap_channel_awaits(channel) || channel->deadline > channels->links->hci->now)
            continue;
        if (channel->state == CHANNEL_AWAIT_RESPONSE)
            l2cap_channel_end(channels, channel, BLUET_STATUS_TIMEOUT);
        else if (channel->state == CHANNEL_AWAIT_DISCONNECTION)
            l2cap_channel_end(channels, channel, BLUET_OK);
        else
            l2cap_channel_reconfigured(channels, channel, BLUET_STATUS_TIMEOUT);
    }
}

/* ---- The peer's answers ---- */

static struct l2cap_channel *find_awaiting(const struct l2cap_channels *channels, const struct link *link,
                                           enum l2cap_channel_state state, uint8_t identifier)
{
    for (uint16_t i = 0; i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        if (channel->state == state && channel->link == link && channel->identifier == identifier)
            return channel;
    }
    return NULL;
}

/* The peer does not know the enhanced way, or does not serve this PSM by it: asked again the other way. */
static void fall_back(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    if (l2cap_channel_is_bearer(channels, channel))
        l2cap_channel_end(channels, channel, L2CAP_RESULT_SPSM_NOT_SUPPORTED); /* there are no bearers of that kind */
    else if (send_plain_request(channels, channel))
        l2cap_channel_end(channels, channel, BLUET_STATUS_NO_MEMORY);
}

static void connection_answered(struct l2cap_channels *channels, struct l2cap_channel *channel,
                                const struct l2cap_channel_terms *terms, uint16_t peer_cid, uint16_t result)
{
    if (result == L2CAP_RESULT_SPSM_NOT_SUPPORTED && channel->enhanced) {
        fall_back(channels, channel);
    } else if (result != L2CAP_RESULT_SUCCESS) {
        l2cap_channel_end(channels, channel, result);
    } else if (!l2cap_channel_terms_are_valid(terms, channel->enhanced) ||
               check_peer_cid(channels, channel->link, peer_cid)) {
        hci_protocol_error(channels->links->hci);
        l2cap_channel_end(channels, channel, BLUET_STATUS_PROTOCOL);
    } else {
        take_terms(channel, peer_cid, terms);
        l2cap_channel_opened(channels, channel);
    }
}

static bool plain_response(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                           struct reader *parameters)
{
    struct l2cap_channel_terms terms;
    uint16_t peer_cid = read_u16(parameters);
    read_terms(parameters, &terms);
    uint16_t result = read_u16(parameters);
    struct l2cap_channel *channel = find_awaiting(channels, link, CHANNEL_AWAIT_RESPONSE, identifier);
    if (!channel || channel->enhanced)
        hci_protocol_error(channels->links->hci);
    else if (!reader_done(parameters))
        l2cap_channel_end(channels, channel, BLUET_STATUS_PROTOCOL);
    else
        connection_answered(channels, channel, &terms, peer_cid, result);
    return true;
}

/* Whether others of the same request were made, where this one was not. */
static bool is_of_some(uint16_t result)
{
    return result == L2CAP_RESULT_NO_RESOURCES || result == L2CAP_RESULT_INVALID_SOURCE_CID ||
           result == L2CAP_RESULT_SOURCE_CID_ALREADY_ALLOCATED;
}

/* What an enhanced response says of one channel of the request. Its CID is 0, or missing, in a refusal. */
static void enhanced_answered(struct l2cap_channels *channels, struct l2cap_channel *channel,
                              const struct l2cap_channel_terms *terms, uint16_t peer_cid, uint16_t result)
{
    if (result >= L2CAP_RESULT_PENDING_FIRST && result <= L2CAP_RESULT_LARGEST)
        channel->deadline = channels->links->hci->now + pending_timeout_us;
    else
        connection_answered(channels, channel, terms, peer_cid, is_of_some(result) && peer_cid ? 0 : result);
}

static size_t count_asked(const struct l2cap_channels *channels, const struct link *link, uint8_t identifier)
{
    size_t count = 0;
    for (uint16_t i = 0; i < channels->total; i++)
        count += channels->channels[i].enhanced && is_asked_by(&channels->channels[i], link, identifier);
    return count;
}

/* The CIDs stand in the order of the request's, which is that of the table. */
static bool enhanced_response(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                              struct reader *parameters)
{
    struct l2cap_channel_terms terms;
    read_terms(parameters, &terms);
    uint16_t result = read_u16(parameters);
    size_t count = count_asked(channels, link, identifier);
    bool whole = reader_remaining(parameters) == count * sizeof(uint16_t);
    bool complete = reader_ok(parameters) && (whole || result != L2CAP_RESULT_SUCCESS);
    if (!count)
        hci_protocol_error(channels->links->hci);
    for (uint16_t i = 0; count && i < channels->total; i++) {
        struct l2cap_channel *channel = &channels->channels[i];
        if (!is_asked_by(channel, link, identifier))
            continue;
        uint16_t peer_cid = read_u16(parameters);
        if (complete)
            enhanced_answered(channels, channel, &terms, peer_cid, result);
        else
            l2cap_channel_end(channels, channel, BLUET_STATUS_PROTOCOL);
    }
    return true;
}

/* A peer that does not know the enhanced way is asked the other way, for each channel. */
static bool command_rejected(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                             struct reader *parameters)
{
    (void)parameters;
    if (count_asked(channels, link, identifier)) {
        channels->plain[link->index] = true;
        for (uint16_t i = 0; i < channels->total; i++)
            if (is_asked_by(&channels->channels[i], link, identifier))
                fall_back(channels, &channels->channels[i]);
        return true;
    }
    struct l2cap_channel *channel = find_awaiting(channels, link, CHANNEL_AWAIT_RESPONSE, identifier);
    if (channel) {
        l2cap_channel_end(channels, channel, BLUET_STATUS_PROTOCOL);
        return true;
    }
    channel = find_awaiting(channels, link, CHANNEL_AWAIT_DISCONNECTION, identifier);
    if (channel)
        l2cap_channel_end(channels, channel, BLUET_OK); /* the peer no longer has it */
    return channel || l2cap_channels_reconfigure_ended(channels, link, identifier, BLUET_STATUS_PROTOCOL);
}

/* Vol 3 Part A, 4.7: an answer whose CIDs do not match is dropped. */
static bool disconnection_response(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                                   struct reader *parameters)
{
    uint16_t peer_cid = read_u16(parameters);
    uint16_t local_cid = read_u16(parameters);
    struct l2cap_channel *channel = find_awaiting(channels, link, CHANNEL_AWAIT_DISCONNECTION, identifier);
    if (reader_done(parameters) && channel && channel->peer_cid == peer_cid && channel->local_cid == local_cid)
        l2cap_channel_end(channels, channel, BLUET_OK);
    else
        hci_protocol_error(channels->links->hci);
    return true;
}

/* ---- The peer's requests ---- */

struct channel_request {
    struct link *link;
    uint16_t psm;
    uint16_t local_mtu; /* of whoever listened on the PSM when the request came; 0: nobody did */
    struct l2cap_channel_terms terms;
    bool enhanced;
};

/* Whether the application takes a channel on these terms; it is open then, but for the response. */
static uint16_t accept(struct l2cap_channels *channels, const struct channel_request *request, uint16_t peer_cid,
                       struct l2cap_channel **out_channel)
{
    struct link *link = request->link;
    bool bearer = l2cap_psm_is_of_bearers(channels, request->psm);
    struct l2cap_channel *channel =
        bearer ? l2cap_bearer_take(channels, link, request->local_mtu, CHANNEL_AWAIT_ACCEPTANCE)
               : l2cap_channel_take(channels, link, request->psm, request->local_mtu, CHANNEL_AWAIT_ACCEPTANCE);
    if (!channel)
        return L2CAP_RESULT_NO_RESOURCES;
    channel->enhanced = request->enhanced;
    take_terms(channel, peer_cid, &request->terms);
    *out_channel = channel;
    if (bearer)
        return L2CAP_RESULT_SUCCESS;

    struct bluet_event event = {.code = BLUET_EVENT_L2CAP_ACCEPT, .conn_handle = link->handle};
    event.channel.cid = channel->local_cid;
    event.channel.psm = request->psm;
    event.channel.our_mtu = request->local_mtu;
    event.channel.peer_mtu = request->terms.mtu;
    int answer = event_raise(channels->links->hci->sink, &event);
    if (link->state != LINK_OPEN)
        answer = L2CAP_RESULT_NO_RESOURCES;
    if (answer == 0)
        return L2CAP_RESULT_SUCCESS;
    *out_channel = NULL;
    l2cap_channel_free(channels, channel);
    bool named = answer >= L2CAP_RESULT_SPSM_NOT_SUPPORTED && answer <= L2CAP_RESULT_LARGEST;
    return named ? (uint16_t)answer : L2CAP_RESULT_NO_RESOURCES;
}

/* The response has gone; if the application has asked for the end of the link meanwhile, there is no channel. */
static void confirm(struct l2cap_channels *channels, struct l2cap_channel *channel, int error)
{
    if (error)
        l2cap_channel_free(channels, channel);
    else
        l2cap_channel_opened(channels, channel);
}

static bool plain_request(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                          struct reader *parameters)
{
    struct channel_request request = {.link = link};
    struct l2cap_channel *channel = NULL;
    request.psm = read_u16(parameters);
    uint16_t peer_cid = read_u16(parameters);
    read_terms(parameters, &request.terms);
    if (!reader_done(parameters))
        return false;
    request.local_mtu = l2cap_channel_listener_mtu(channels, request.psm);
    uint16_t result = check_peer_cid(channels, link, peer_cid);
    if (!request.local_mtu)
        result = L2CAP_RESULT_SPSM_NOT_SUPPORTED;
    else if (!result && !l2cap_channel_terms_are_valid(&request.terms, false))
        result = L2CAP_RESULT_UNACCEPTABLE_PARAMETERS;
    if (!result)
        result = accept(channels, &request, peer_cid, &channel);

    uint8_t octets[10];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, channel ? channel->local_cid : 0);
    if (channel)
        write_own_terms(&writer, channel);
    else
        write_zeros(&writer, 6);
    write_u16(&writer, result);
    int error =
        l2cap_signal_send(channels->signal, link, L2CAP_LE_CREDIT_BASED_CONNECTION_RESPONSE, identifier, &writer);
    if (channel)
        confirm(channels, channel, error);
    return true;
}

/* The part of an enhanced request that holds for all its channels. */
static uint16_t check_enhanced(const struct l2cap_channels *channels, const struct channel_request *request)
{
    bool able = channels->links->frame_size >= L2CAP_ENHANCED_LEAST + L2CAP_HEADER_LENGTH;
    if (!able || request->local_mtu < L2CAP_ENHANCED_LEAST)
        return L2CAP_RESULT_SPSM_NOT_SUPPORTED; /* by this way: the peer may ask by the other */
    if (!l2cap_channel_terms_are_valid(&request->terms, true))
        return L2CAP_RESULT_UNACCEPTABLE_PARAMETERS;
    return L2CAP_RESULT_SUCCESS;
}

/*
 * The channels of the request whose CIDs follow; those that are refused stay NULL. The result says why the last one
 * was; if others were made, it must be one that says so of some only (Vol 3 Part A, 4.26).
 */
static uint16_t accept_enhanced(struct l2cap_channels *channels, const struct channel_request *request,
                                struct reader *cids, struct l2cap_channel **made, size_t count)
{
    uint16_t result = L2CAP_RESULT_SUCCESS;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        uint16_t peer_cid = read_u16(cids);
        uint16_t verdict = check_peer_cid(channels, request->link, peer_cid);
        if (!verdict)
            verdict = accept(channels, request, peer_cid, &made[i]);
        if (verdict)
            result = verdict;
        any = any || made[i];
    }
    bool of_some = result == L2CAP_RESULT_SUCCESS || result == L2CAP_RESULT_INVALID_SOURCE_CID ||
                   result == L2CAP_RESULT_SOURCE_CID_ALREADY_ALLOCATED;
    return any && !of_some ? L2CAP_RESULT_NO_RESOURCES : result;
}

static int send_enhanced_response(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                                  struct l2cap_channel *const *made, size_t count, uint16_t result)
{
    uint8_t octets[8 + 2 * L2CAP_ENHANCED_MOST];
    struct writer writer = writer_of(octets, sizeof octets);
    const struct l2cap_channel *model = NULL;
    for (size_t i = 0; i < count; i++)
        model = made[i] ? made[i] : model;
    if (model)
        write_own_terms(&writer, model);
    else
        write_zeros(&writer, 6);
    write_u16(&writer, result);
    for (size_t i = 0; i < count; i++)
        write_u16(&writer, made[i] ? made[i]->local_cid : 0);
    return l2cap_signal_send(channels->signal, link, L2CAP_CREDIT_BASED_CONNECTION_RESPONSE, identifier, &writer);
}

/* Vol 3 Part A, 4.25, 4.26: some channels of a request may be refused and the others made. */
static bool enhanced_request(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                             struct reader *parameters)
{
    struct channel_request request = {.link = link, .enhanced = true};
    struct l2cap_channel *made[L2CAP_ENHANCED_MOST] = {NULL};
    request.psm = read_u16(parameters);
    read_terms(parameters, &request.terms);
    size_t count = reader_remaining(parameters) / sizeof(uint16_t);
    if (!reader_ok(parameters))
        return false;
    bool countable = count >= 1 && count <= L2CAP_ENHANCED_MOST && reader_remaining(parameters) % 2 == 0;
    if (!countable) {
        hci_protocol_error(channels->links->hci);
        (void)send_enhanced_response(channels, link, identifier, made, 0, L2CAP_RESULT_INVALID_PARAMETERS);
        return true;
    }
    uint16_t result = L2CAP_RESULT_SUCCESS;
    const struct l2cap_bearer_owner *owner = &channels->owner;
    request.local_mtu = l2cap_psm_is_of_bearers(channels, request.psm)
                            ? owner->mtu(owner->context, link, &result)
                            : l2cap_channel_listener_mtu(channels, request.psm);
    if (!result)
        result = check_enhanced(channels, &request);
    if (!result)
        result = accept_enhanced(channels, &request, parameters, made, count);
    int error = send_enhanced_response(channels, link, identifier, made, count, result);
    for (size_t i = 0; i < count; i++) {
        if (made[i])
            confirm(channels, made[i], error);
    }
    return true;
}

/* Vol 3 Part A, 4.6: the CID that we know must be one of ours, or it is rejected; with a wrong partner, dropped. */
static bool disconnection_request(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                                  struct reader *parameters)
{
    uint16_t local_cid = read_u16(parameters);
    uint16_t peer_cid = read_u16(parameters);
    if (!reader_done(parameters))
        return false;
    struct l2cap_channel *channel = l2cap_channel_find(channels, link, local_cid);
    bool joined = channel && (channel->state == CHANNEL_OPEN || channel->state == CHANNEL_AWAIT_DISCONNECTION);
    if (!joined) {
        l2cap_signal_reject_cid(channels->signal, link, identifier, local_cid, peer_cid);
        return true;
    }
    if (channel->peer_cid != peer_cid) {
        hci_protocol_error(channels->links->hci);
        return true;
    }
    uint8_t octets[4];
    struct writer writer = writer_of(octets, sizeof octets);
    write_u16(&writer, local_cid);
    write_u16(&writer, peer_cid);
    (void)l2cap_signal_send(channels->signal, link, L2CAP_DISCONNECTION_RESPONSE, identifier, &writer);
    l2cap_channel_end(channels, channel, BLUET_OK);
    return true;
}

/* Vol 3 Part A, 4.24: it names the peer's end; more than 65535 in all ends the channel. */
static bool flow_control_credit(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                                struct reader *parameters)
{
    (void)identifier;
    uint16_t peer_cid = read_u16(parameters);
    uint16_t credits = read_u16(parameters);
    if (!reader_done(parameters))
        return false;
    struct l2cap_channel *channel = l2cap_channel_find_peer(channels, link, peer_cid);
    if (channel && channel->state == CHANNEL_AWAIT_DISCONNECTION)
        return true; /* was on its way when we asked for the end */
    if (!channel || credits == 0) {
        hci_protocol_error(channels->links->hci);
    } else if (credits > UINT16_MAX - channel->outgoing.credits) {
        hci_protocol_error(channels->links->hci);
        l2cap_channel_request_end(channels, channel);
    } else {
        channel->outgoing.credits = (uint16_t)(channel->outgoing.credits + credits);
        if (l2cap_channel_is_bearer(channels, channel))
            l2cap_bearer_flush(channels, channel);
    }
    return true;
}

/* ---- One table ---- */

typedef bool (*channel_command)(struct l2cap_channels *channels, struct link *link, uint8_t identifier,
                                struct reader *parameters);

static const struct {
    uint8_t code;
    channel_command handle;
} channel_commands[] = {
    {L2CAP_COMMAND_REJECT_RESPONSE, command_rejected},
    {L2CAP_DISCONNECTION_REQUEST, disconnection_request},
    {L2CAP_DISCONNECTION_RESPONSE, disconnection_response},
    {L2CAP_LE_CREDIT_BASED_CONNECTION_REQUEST, plain_request},
    {L2CAP_LE_CREDIT_BASED_CONNECTION_RESPONSE, plain_response},
    {L2CAP_FLOW_CONTROL_CREDIT, flow_control_credit},
    {L2CAP_CREDIT_BASED_CONNECTION_REQUEST, enhanced_request},
    {L2CAP_CREDIT_BASED_CONNECTION_RESPONSE, enhanced_response},
    {L2CAP_CREDIT_BASED_RECONFIGURE_REQUEST, l2cap_channels_reconfigure_request},
    {L2CAP_CREDIT_BASED_RECONFIGURE_RESPONSE, l2cap_channels_reconfigure_response},
};

BLUET_INTERNAL bool l2cap_channels_command(void *channels, struct link *link, uint8_t code, uint8_t identifier,
                                           struct reader *parameters)
{
    for (size_t i = 0; i < sizeof channel_commands / sizeof *channel_commands; i++) {
        if (channel_commands[i].code == code)
            return channel_commands[i].handle(channels, link, identifier, parameters);
    }
    return false;
}
