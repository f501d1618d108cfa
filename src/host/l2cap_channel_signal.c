/* How channels are made and ended: their commands on the signalling channel (Vol 3 Part A, 4.6, 4.7, 4.22 to 4.26). */
#include "host/l2cap_channel.h"

#include "spec/l2cap.h"
#include "spec/writer.h"

enum { PLAIN_LEAST = 23, MPS_LARGEST = 65533 };

/* Where words stand in requests and responses about channels to be made. */
enum { REQUEST_TERMS = 1, RESPONSE_RESULT = 3, CHANNEL_CIDS = 4 };

/* ERTX, where the peer has said that its answer is pending: 60 s to 300 s (Vol 3 Part A, 6.2.2). */
static const uint64_t pending_timeout_us = 120000000;

/* Commands have the terms in the order of their structure. Return what is behind them there. */
static const uint16_t *take_terms(struct l2cap_terms *terms, const uint16_t *words)
{
    memcpy(terms, words, sizeof *terms);
    return words + sizeof *terms / sizeof *words;
}

static uint16_t *put_terms(uint16_t *words, const struct l2cap_terms *terms)
{
    memcpy(words, terms, sizeof *terms);
    return words + sizeof *terms / sizeof *words;
}

BLUET_INTERNAL bool l2cap_terms_are_valid(const struct l2cap_terms *terms, bool enhanced)
{
    uint16_t least = enhanced ? L2CAP_ENHANCED_LEAST : PLAIN_LEAST;
    return terms->mtu >= least && terms->mps >= least && terms->mps <= MPS_LARGEST && (terms->credits || !enhanced);
}

static bool is_enhanced_able(const struct l2cap_channels *channels, uint16_t mtu)
{
    return mtu >= L2CAP_ENHANCED_LEAST && channels->local_mps >= L2CAP_ENHANCED_LEAST;
}

static uint16_t check_peer_cid(const struct l2cap_channels *channels, const struct link *link, uint16_t cid)
{
    if (cid < L2CAP_CID_DYNAMIC_FIRST || cid > L2CAP_CID_DYNAMIC_LAST)
        return L2CAP_RESULT_INVALID_SOURCE_CID;
    return l2cap_channel_find_peer(channels, link, cid) ? L2CAP_RESULT_SOURCE_CID_ALREADY_ALLOCATED
                                                        : L2CAP_RESULT_SUCCESS;
}

static void count_error(const struct l2cap_channels *channels)
{
    hci_protocol_error(channels->links->hci);
}

/*
 * Where in `words` the n-th of a command stands. By the plain way its one CID has a place of its own, the second in a
 * request and the first in a response; here it stands where CIDs stand by the enhanced way, and the rest closes up.
 */
static uint16_t *place_of(struct l2cap_command *command, size_t nth)
{
    unsigned way = (unsigned)command->code - L2CAP_LE_CREDIT_BASED_CONNECTION_REQUEST;
    unsigned cid = 1 - way;
    if (way <= 1 && nth >= cid)
        nth = nth == cid ? CHANNEL_CIDS : nth - 1;
    return &command->words[nth];
}

BLUET_INTERNAL int l2cap_channels_command_send(struct l2cap_channels *channels, struct l2cap_command *command,
                                               const uint16_t *end)
{
    uint8_t octets[2 * L2CAP_WORDS_MOST];
    struct writer writer = writer_of(octets, sizeof octets);
    for (size_t i = 0; command->words + i < end; i++)
        write_u16(&writer, *place_of(command, i));
    return l2cap_signal_send(channels->signal, command->link, command->code, command->identifier, &writer);
}

BLUET_INTERNAL int l2cap_channels_respond(struct l2cap_channels *channels, struct l2cap_command *command,
                                          const uint16_t *end)
{
    command->code++;
    return l2cap_channels_command_send(channels, command, end);
}

/* ---- Our requests ---- */

/*
 * The request whose response the channel awaits, and perhaps others with it. Their CIDs stand in the order of the
 * table, and so will those that answer them. Without a buffer it is owed.
 */
BLUET_INTERNAL void l2cap_channel_send_request(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    struct l2cap_command command;
    uint16_t *next = command.words;
    if (channel->awaits == L2CAP_DISCONNECTION_RESPONSE) {
        *next++ = channel->peer_cid;
        *next++ = channel->local_cid;
    } else {
        *next++ = channel->psm;
        next = put_terms(next, &channel->incoming.terms);
        struct l2cap_channel *asked = NULL;
        while ((asked = l2cap_channel_next_awaiting(channels, asked, channel->link, channel->identifier)))
            *next++ = asked->local_cid;
    }
    command.link = channel->link;
    command.code = (uint8_t)(channel->awaits - 1);
    command.identifier = channel->identifier;
    channel->owes_request = l2cap_channels_command_send(channels, &command, next);
    if (channel->owes_request)
        channels->waiting = true;
}

/* One request for as many channels, which await its response, of that code, from now on. */
static void request(struct l2cap_channels *channels, struct l2cap_channel *const *asked, size_t count, uint8_t response)
{
    uint8_t identifier = l2cap_signal_identifier(channels->signal, asked[0]->link);
    for (size_t i = 0; i < count; i++)
        l2cap_channel_await(channels, asked[i], response, identifier);
    l2cap_channel_send_request(channels, asked[0]);
}

/* By the plain way each channel has a request of its own; once the first is out, the others will follow. */
BLUET_INTERNAL int l2cap_channels_ask(struct l2cap_channels *channels, const struct l2cap_channel_plan *plan,
                                      size_t count)
{
    struct l2cap_channel *asked[L2CAP_ENHANCED_MOST] = {NULL};
    size_t taken = 0;
    while (taken < count && (asked[taken] = l2cap_channel_take(channels, plan, CHANNEL_AWAIT_RESPONSE)))
        taken++;
    bool refused = !taken || (taken < count && !plan->bearer);
    if (!refused) {
        uint8_t code =
            plan->enhanced ? L2CAP_CREDIT_BASED_CONNECTION_RESPONSE : L2CAP_LE_CREDIT_BASED_CONNECTION_RESPONSE;
        size_t each = plan->enhanced ? taken : 1;
        for (size_t i = 0; i < taken; i += each)
            request(channels, asked + i, each, code);
        refused = asked[0]->owes_request;
    }
    while (refused && taken)
        l2cap_channel_free(channels, asked[--taken]);
    return refused ? BLUET_ENOMEM : BLUET_OK;
}

BLUET_INTERNAL int l2cap_channels_connect(struct l2cap_channels *channels, struct link *link, uint16_t psm,
                                          uint16_t mtu, size_t count)
{
    struct l2cap_channel_plan plan = {.link = link, .psm = psm, .mtu = l2cap_mtu_clamped(mtu)};
    plan.enhanced = !channels->plain[link->index] && is_enhanced_able(channels, plan.mtu);
    if (!l2cap_psm_is_valid(psm) || count == 0 || count > L2CAP_ENHANCED_MOST)
        return BLUET_EINVAL;
    return l2cap_channels_ask(channels, &plan, count);
}

/* The deadline holds from now on, so that the channel ends also if no buffer is ever free for the request. */
BLUET_INTERNAL void l2cap_channel_request_end(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    channel->state = CHANNEL_AWAIT_DISCONNECTION;
    if (l2cap_channel_is_bearer(channel))
        l2cap_bearer_ended(channels, channel, L2CAP_RESULT_SUCCESS);
    else
        channel->outgoing.next = NULL;
    channel->stalled = false;
    request(channels, &channel, 1, L2CAP_DISCONNECTION_RESPONSE);
}

BLUET_INTERNAL void l2cap_channel_broken(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    count_error(channels);
    l2cap_channel_request_end(channels, channel);
}

BLUET_INTERNAL int l2cap_channel_disconnect(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    if (channel->state == CHANNEL_OPEN)
        l2cap_channel_request_end(channels, channel);
    return channel->state == CHANNEL_AWAIT_DISCONNECTION ? BLUET_OK : BLUET_EINVAL;
}

BLUET_INTERNAL bool l2cap_channels_await(const void *context, const struct link *link, uint8_t identifier)
{
    return l2cap_channel_next_awaiting(context, NULL, link, identifier);
}

/* The channel whose time to wait ends first; NULL: none waits. */
static struct l2cap_channel *next_to_give_up(const struct l2cap_channels *channels)
{
    struct l2cap_channel *next = NULL;
    struct l2cap_channel *channel = channels->channels;
    for (uint16_t left = channels->awaiting ? channels->total : 0; left; left--, channel++) {
        if (channel->awaits && (!next || channel->deadline < next->deadline))
            next = channel;
    }
    return next;
}

BLUET_INTERNAL uint64_t l2cap_channels_deadline(const struct l2cap_channels *channels)
{
    const struct l2cap_channel *next = next_to_give_up(channels);
    return next ? next->deadline : BLUET_NEVER;
}

/* No answer, or none that can be understood. */
static void give_up(struct l2cap_channels *channels, struct l2cap_channel *channel, uint16_t status)
{
    if (channel->awaits == L2CAP_CREDIT_BASED_RECONFIGURE_RESPONSE)
        l2cap_channel_reconfigured(channels, channel, status);
    else /* and of a channel that was to end, the peer knows nothing any more */
        l2cap_channel_end(channels, channel, channel->state == CHANNEL_AWAIT_DISCONNECTION ? BLUET_OK : status);
}

BLUET_INTERNAL void l2cap_channels_expire(struct l2cap_channels *channels)
{
    struct l2cap_channel *next;
    while ((next = next_to_give_up(channels)) && next->deadline <= channels->links->hci->now)
        give_up(channels, next, BLUET_STATUS_TIMEOUT);
}

/* ---- The peer's answers ---- */

/* The peer does not know the enhanced way, or does not serve this PSM by it: asked again the other way. */
static void fall_back(struct l2cap_channels *channels, struct l2cap_channel *channel)
{
    if (l2cap_channel_is_bearer(channel)) {
        l2cap_channel_end(channels, channel, L2CAP_RESULT_SPSM_NOT_SUPPORTED); /* there are no bearers of that kind */
        return;
    }
    channel->enhanced = false;
    request(channels, &channel, 1, L2CAP_LE_CREDIT_BASED_CONNECTION_RESPONSE);
    if (channel->owes_request)
        l2cap_channel_end(channels, channel, BLUET_STATUS_NO_MEMORY);
}

static void command_rejected(struct l2cap_channels *channels, struct l2cap_command *command,
                             struct l2cap_channel *channel)
{
    if (channel->awaits != L2CAP_CREDIT_BASED_CONNECTION_RESPONSE) {
        give_up(channels, channel, BLUET_STATUS_PROTOCOL);
    } else {
        channels->plain[command->link->index] = true;
        fall_back(channels, channel);
    }
}

/* Whether others of the same request were made, where this one was not. */
static bool is_of_some(uint16_t result)
{
    return result == L2CAP_RESULT_NO_RESOURCES || result == L2CAP_RESULT_INVALID_SOURCE_CID ||
           result == L2CAP_RESULT_SOURCE_CID_ALREADY_ALLOCATED;
}

/* The CIDs stand in the order of the request's, which is that of the table. In a refusal they are 0, or missing. */
static void connection_response(struct l2cap_channels *channels, struct l2cap_command *command,
                                struct l2cap_channel *channel)
{
    const uint16_t *words = command->words;
    struct l2cap_terms terms;
    uint16_t result = *take_terms(&terms, words);
    uint16_t peer_cid = words[CHANNEL_CIDS + command->answered];
    size_t whole_length = (CHANNEL_CIDS + (size_t)command->asked) * sizeof *words;
    bool enhanced = channel->enhanced;
    bool made = result == L2CAP_RESULT_SUCCESS || (enhanced && is_of_some(result) && peer_cid);
    if (!command->whole || (command->length != whole_length && result == L2CAP_RESULT_SUCCESS)) {
        l2cap_channel_end(channels, channel, BLUET_STATUS_PROTOCOL);
    } else if (enhanced && result >= L2CAP_RESULT_PENDING_FIRST && result <= L2CAP_RESULT_LARGEST) {
        channel->deadline = channels->links->hci->now + pending_timeout_us;
    } else if (enhanced && result == L2CAP_RESULT_SPSM_NOT_SUPPORTED) {
        fall_back(channels, channel);
    } else if (!made) {
        l2cap_channel_end(channels, channel, result);
    } else if (!l2cap_terms_are_valid(&terms, enhanced) || check_peer_cid(channels, channel->link, peer_cid)) {
        count_error(channels);
        l2cap_channel_end(channels, channel, BLUET_STATUS_PROTOCOL);
    } else {
        channel->peer_cid = peer_cid;
        channel->outgoing.terms = terms;
        l2cap_channel_opened(channels, channel);
    }
}

static void reconfigure_response(struct l2cap_channels *channels, struct l2cap_command *command,
                                 struct l2cap_channel *channel)
{
    l2cap_channel_reconfigured(channels, channel, command->whole ? command->words[0] : BLUET_STATUS_PROTOCOL);
}

/* Vol 3 Part A, 4.7: an answer whose CIDs do not match is dropped. */
static void disconnection_response(struct l2cap_channels *channels, struct l2cap_command *command,
                                   struct l2cap_channel *channel)
{
    if (command->whole && channel->peer_cid == command->words[0] && channel->local_cid == command->words[1])
        l2cap_channel_end(channels, channel, BLUET_OK);
    else
        count_error(channels);
}

/* ---- The peer's requests ---- */

/* Whether the application takes the channel; it is open then, but for the response. */
static uint16_t accept(struct l2cap_channels *channels, const struct l2cap_channel_plan *plan, uint16_t peer_cid,
                       struct l2cap_channel **out_channel)
{
    uint16_t result = check_peer_cid(channels, plan->link, peer_cid);
    if (result)
        return result;
    struct l2cap_channel *channel = l2cap_channel_take(channels, plan, CHANNEL_AWAIT_ACCEPTANCE);
    if (!channel)
        return L2CAP_RESULT_NO_RESOURCES;
    channel->peer_cid = peer_cid;
    channel->outgoing.terms = plan->terms;
    int answer = 0;
    if (!plan->bearer)
        answer = l2cap_channel_raise(channels, channel, BLUET_EVENT_L2CAP_ACCEPT, plan->psm, plan->mtu);
    if (answer == 0 && plan->link->state == LINK_OPEN) {
        *out_channel = channel;
        return L2CAP_RESULT_SUCCESS;
    }
    l2cap_channel_free(channels, channel);
    bool named = answer >= L2CAP_RESULT_SPSM_NOT_SUPPORTED && answer <= L2CAP_RESULT_LARGEST;
    return named ? (uint16_t)answer : L2CAP_RESULT_NO_RESOURCES;
}

/* The part of a request that holds for all its channels; completes the plan. */
static uint16_t check_request(const struct l2cap_channels *channels, struct l2cap_channel_plan *plan)
{
    const struct l2cap_bearer_owner *owner = &channels->owner;
    int mtu = BLUET_HAS_EATT && plan->bearer ? owner->mtu(owner->context, plan->link)
                                             : l2cap_channel_listener_mtu(channels, plan->psm);
    if (mtu < 0)
        return (uint16_t)-mtu;
    plan->mtu = (uint16_t)mtu;
    if (!mtu || (plan->enhanced && !is_enhanced_able(channels, plan->mtu)))
        return L2CAP_RESULT_SPSM_NOT_SUPPORTED; /* at least not by this way: the peer may ask by the other */
    return l2cap_terms_are_valid(&plan->terms, plan->enhanced) ? L2CAP_RESULT_SUCCESS
                                                               : L2CAP_RESULT_UNACCEPTABLE_PARAMETERS;
}

/* How many CIDs stand at the end of a command, as far as that can be; otherwise 0. */
BLUET_INTERNAL size_t l2cap_command_cids(const struct l2cap_channels *channels, const struct l2cap_command *command,
                                         size_t words_before)
{
    size_t length = command->length - words_before * sizeof *command->words;
    size_t count = length / sizeof *command->words;
    if (length % sizeof *command->words == 0 && count >= 1 && count <= L2CAP_ENHANCED_MOST)
        return count;
    hci_protocol_error(channels->links->hci);
    return 0;
}

/* If the application has asked for the end of the link meanwhile, the response does not go, and there is no channel. */
static void connection_respond(struct l2cap_channels *channels, struct l2cap_command *command, size_t count)
{
    const uint16_t *cids = command->words + CHANNEL_CIDS;
    int error = l2cap_channels_respond(channels, command, cids + count);
    for (size_t i = 0; i < count; i++) {
        struct l2cap_channel *channel = l2cap_channel_find(channels, command->link, cids[i]);
        if (channel && error)
            l2cap_channel_free(channels, channel);
        else if (channel)
            l2cap_channel_opened(channels, channel);
    }
}

/*
 * Vol 3 Part A, 4.22, 4.23, 4.25, 4.26: some channels of an enhanced request may be refused and the others made. The
 * result says why the last one was refused; if others were made, it must be one that says so of some only.
 */
static void connection_request(struct l2cap_channels *channels, struct l2cap_command *command,
                               struct l2cap_channel *channel)
{
    uint16_t *words = command->words;
    uint16_t *cids = words + CHANNEL_CIDS;
    bool enhanced = command->code == L2CAP_CREDIT_BASED_CONNECTION_REQUEST;
    struct l2cap_channel_plan plan = {
        .link = command->link,
        .psm = words[0],
        .bearer = enhanced && l2cap_psm_is_of_bearers(channels, words[0]),
        .enhanced = enhanced,
    };
    (void)take_terms(&plan.terms, words + REQUEST_TERMS);
    size_t count = enhanced ? l2cap_command_cids(channels, command, CHANNEL_CIDS) : 1;
    uint16_t refusal = count ? check_request(channels, &plan) : L2CAP_RESULT_INVALID_PARAMETERS;
    uint16_t result = refusal;
    bool any = false;
    memset(words, 0, CHANNEL_CIDS * sizeof *words);
    for (size_t i = 0; i < count; i++) {
        uint16_t verdict = refusal ? refusal : accept(channels, &plan, cids[i], &channel);
        if (verdict) {
            result = verdict;
            cids[i] = 0;
        } else {
            any = true;
            cids[i] = channel->local_cid;
            put_terms(words, &channel->incoming.terms);
        }
    }
    words[RESPONSE_RESULT] = any && result && !is_of_some(result) ? L2CAP_RESULT_NO_RESOURCES : result;
    connection_respond(channels, command, count);
}

/* Vol 3 Part A, 4.6: the CID that we know must be one of ours, or it is rejected; with a wrong partner, dropped. */
static void disconnection_request(struct l2cap_channels *channels, struct l2cap_command *command,
                                  struct l2cap_channel *channel)
{
    const uint16_t *cids = command->words;
    channel = l2cap_channel_find(channels, command->link, cids[0]);
    if (!channel || !channel->peer_cid) {
        l2cap_signal_reject_cid(channels->signal, command->link, command->identifier, cids[0], cids[1]);
    } else if (channel->peer_cid != cids[1]) {
        count_error(channels);
    } else {
        (void)l2cap_channels_respond(channels, command, cids + 2);
        l2cap_channel_end(channels, channel, BLUET_OK);
    }
}

/* Vol 3 Part A, 4.24: it names the peer's end; more than 65535 in all ends the channel. */
static void flow_control_credit(struct l2cap_channels *channels, struct l2cap_command *command,
                                struct l2cap_channel *channel)
{
    channel = l2cap_channel_find_peer(channels, command->link, command->words[0]);
    uint16_t credits = command->words[1];
    if (channel && channel->state == CHANNEL_AWAIT_DISCONNECTION)
        return; /* was on its way when we asked for the end */
    if (!channel || credits == 0) {
        count_error(channels);
        return;
    }
    uint16_t *all = &channel->outgoing.terms.credits;
    if (credits > UINT16_MAX - *all) {
        l2cap_channel_broken(channels, channel);
        return;
    }
    *all = (uint16_t)(*all + credits);
    if (l2cap_channel_is_bearer(channel))
        l2cap_bearer_flush(channels, channel);
    else if (channel->stalled)
        channels->waiting = true;
}

/* ---- One table ---- */

/* A response concerns, one after another, the channels that await it. */
static const struct command_kind {
    uint8_t code;
    uint8_t words;
    bool lists; /* CIDs, behind these words */
    bool response;
    void (*handle)(struct l2cap_channels *channels, struct l2cap_command *command, struct l2cap_channel *awaiting);
} command_kinds[] = {
    {L2CAP_COMMAND_REJECT_RESPONSE, 1, true, true, command_rejected},
    {L2CAP_FLOW_CONTROL_CREDIT, 2, false, false, flow_control_credit},
    {L2CAP_DISCONNECTION_REQUEST, 2, false, false, disconnection_request},
    {L2CAP_DISCONNECTION_RESPONSE, 2, false, true, disconnection_response},
    {L2CAP_LE_CREDIT_BASED_CONNECTION_REQUEST, CHANNEL_CIDS + 1, false, false, connection_request},
    {L2CAP_LE_CREDIT_BASED_CONNECTION_RESPONSE, CHANNEL_CIDS + 1, false, true, connection_response},
    {L2CAP_CREDIT_BASED_CONNECTION_REQUEST, CHANNEL_CIDS, true, false, connection_request},
    {L2CAP_CREDIT_BASED_CONNECTION_RESPONSE, CHANNEL_CIDS, true, true, connection_response},
    {L2CAP_CREDIT_BASED_RECONFIGURE_REQUEST, 2, true, false, l2cap_channels_reconfigure_request},
    {L2CAP_CREDIT_BASED_RECONFIGURE_RESPONSE, 1, false, true, reconfigure_response},
};

BLUET_INTERNAL bool l2cap_channels_command(void *context, struct link *link, uint8_t code, uint8_t identifier,
                                           struct reader *parameters)
{
    struct l2cap_channels *channels = context;
    const struct command_kind *kind = command_kinds;
    while (kind->code != code) {
        if (++kind == command_kinds + sizeof command_kinds / sizeof *command_kinds)
            return false;
    }
    size_t length = reader_remaining(parameters);
    size_t least = kind->words * sizeof(uint16_t);
    struct l2cap_command command = {.link = link, .code = code, .identifier = identifier, .length = (uint8_t)length};
    command.whole = length == least || (kind->lists && length > least);
    for (size_t i = 0; reader_remaining(parameters) >= sizeof(uint16_t) && i < L2CAP_WORDS_MOST; i++)
        *place_of(&command, i) = read_u16(parameters);

    struct l2cap_channel *channel = NULL;
    if (!kind->response && command.whole)
        kind->handle(channels, &command, NULL);
    if (!kind->response)
        return command.whole;
    while ((channel = l2cap_channel_next_awaiting(channels, channel, link, identifier))) {
        if (channel->awaits == code || code == L2CAP_COMMAND_REJECT_RESPONSE)
            command.asked++;
    }
    if (!command.asked)
        return false;
    for (; (channel = l2cap_channel_next_awaiting(channels, channel, link, identifier)); command.answered++)
        kind->handle(channels, &command, channel);
    return true;
}
