/* The invariants of the lower half of the host, looked up in its own structures. */
#include "invariants.h"

#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>

static void hold(bool rule, const char *text)
{
    if (rule)
        return;
    fprintf(stderr, "invariant broken: %s\n", text);
    abort();
}

static void check_inactive(const struct bluet *host)
{
    hold(host->hci.queue == NULL && host->hci.queue_length == 0, "an inactive host has no command queue");
    hold(host->pool.memory == NULL && host->links.links == NULL, "an inactive host has no pool and no links");
    hold(!gap_scan_is_on(&host->gap) && !gap_connect_is_on(&host->gap) && !gap_advertise_is_on(&host->gap),
         "an inactive host does nothing on the air");
    hold(bluet_deadline(host) == BLUET_NEVER || host->end.due || host->canceled_ticket,
         "an inactive host has no deadline");
}

static void check_commands(const struct hci *hci)
{
    size_t offset = 0;
    while (offset < hci->queue_length) {
        struct hci_command command;
        hold(hci->queue_length - offset >= sizeof command, "a queued command is whole");
        memcpy(&command, hci->queue + offset, sizeof command);
        offset += sizeof command + command.length;
        offset += (HCI_ENTRY_ALIGNMENT - offset % HCI_ENTRY_ALIGNMENT) % HCI_ENTRY_ALIGNMENT;
    }
    hold(offset == hci->queue_length, "commands fill the queue");
    hold(hci->queue_length <= hci->queue_size, "the queue is not overrun");
    hold(!hci->awaiting || hci->queue_length, "what the controller has is first in the queue");
    hold((hci->queue_length == 0) == (hci->deadline == BLUET_NEVER), "a command has a deadline");
}

static size_t list_length(const struct buffer *buffer)
{
    size_t length = 0;
    for (; buffer; buffer = buffer->next)
        length++;
    return length;
}

static void check_link(const struct link_table *links, const struct link *link)
{
    hold(link_find(links, link->handle) == link, "a link is found by its handle");
    const uint8_t *begun = link->receive.chain ? link->receive.chain->data : links->desk;
    hold(link->receive.length < 4 || link->receive.length < read_u16_at(begun) + 4u,
         "a frame that is whole is not being joined");
    hold(link->receive.open || (!link->receive.chain && links->at_desk != link), "only what is joined takes memory");
    hold(!link->transmit.head == !(link->transmit.head && link->transmit.tail), "a queue has an end");
    hold(link->transmit.head || link->transmit.frame_left == 0, "a frame that has begun is in the queue");
    bool listed = false;
    const struct link *other = links->last_waiting;
    for (uint8_t left = links->waiting; left > 0; left--) {
        other = other->transmit.next;
        listed = listed || other == link;
    }
    hold(listed == (link->transmit.head != NULL), "who has frames waits for his turn");
}

static void check_links(const struct bluet *host)
{
    const struct link_table *links = &host->links;
    size_t count = 0;
    size_t silent = 0;
    size_t waiting = 0;
    size_t in_flight = 0;
    size_t queued = 0;
    for (uint8_t i = 0; i < links->limit; i++) {
        const struct link *link = &links->links[i];
        if (link->state == LINK_FREE)
            continue;
        check_link(links, link);
        count++;
        silent += link->transmit.in_flight == 0;
        waiting += link->transmit.head != NULL;
        in_flight += link->transmit.in_flight;
        queued += list_length(link->transmit.head) + list_length(link->receive.chain);
    }
    hold(count == links->count && silent == links->silent && waiting == links->waiting, "links are counted");
    hold(host->hci.acl_free + in_flight == host->hci.acl_count, "the controller's buffers are free or in flight");
    hold(list_length(host->pool.free) == host->pool.free_count, "free buffers are counted");
    hold(host->pool.free_count + queued <= host->pool.count, "no buffer is in two places");
}

static void check_stream(const struct l2cap_channel *channel)
{
    const struct l2cap_incoming *in = &channel->incoming;
    const struct l2cap_outgoing *out = &channel->outgoing;
    hold(in->whole + in->joined <= in->size, "what has come is in the ring");
    hold(in->awaited == 0 || in->joined + in->awaited <= in->terms.mtu, "no SDU is longer than our MTU");
    hold(channel->state != CHANNEL_OPEN ||
             in->terms.credits * (size_t)in->terms.mps <= in->size - in->whole - in->joined,
         "there is room for what the peer may send");
    hold(!out->next || (out->next == in->ring + in->size + out->sent && out->length <= out->size),
         "an SDU that waits is the host's own copy");
    hold(!out->next || channel->state == CHANNEL_OPEN, "only an open channel sends");
}

static void check_bearer(const struct bluet *host, const struct l2cap_channel *channel, uint16_t index)
{
    const struct att_bearer *bearer = &host->gatt.att.bearers[host->gatt.att.count + index];
    hold((bearer->link != NULL) == (channel->state == CHANNEL_OPEN) || host->inside, "an open channel is a bearer");
    hold(!bearer->link || bearer->channel == channel, "which knows its channel");
    hold(channel->incoming.whole == 0, "what has come is taken at once");
    hold(!channel->outgoing.head || !channel->outgoing.terms.credits, "only for want of credits frames wait");
}

static void check_channels(const struct bluet *host)
{
    const struct l2cap_channels *channels = &host->channels;
    size_t awaiting = 0;
    bool waiting = false;
    for (uint16_t i = 0; i < channels->total; i++) {
        const struct l2cap_channel *channel = &channels->channels[i];
        bool bearer = l2cap_channel_is_bearer(channel);
        hold(bearer || !channel->incoming.ring == (channel->state == CHANNEL_FREE),
             "a channel has memory while it is not free");
        if (channel->state == CHANNEL_FREE)
            continue;
        awaiting += channel->awaits != 0;
        hold(channel->link->state != LINK_FREE, "a channel has a link");
        hold(!BLUET_HAS_L2CAP_CHANNELS || l2cap_channel_find(channels, channel->link, channel->local_cid) == channel,
             "a CID names one channel");
        waiting = waiting || channel->owes_request;
        hold(!channel->owes_request || channel->state == CHANNEL_AWAIT_DISCONNECTION ||
                 channel->state == CHANNEL_AWAIT_RESPONSE,
             "only what is awaited can be owed");
        bool must_await = channel->state == CHANNEL_AWAIT_DISCONNECTION || channel->state == CHANNEL_AWAIT_RESPONSE;
        hold(host->inside || must_await == (channel->awaits && !channel->wanted_mtu) || channel->wanted_mtu,
             "what is not open awaits something");
        hold(!channel->wanted_mtu || channel->state == CHANNEL_OPEN || channel->state == CHANNEL_AWAIT_DISCONNECTION,
             "only what is open is reconfigured");
        if (bearer)
            check_bearer(host, channel, (uint16_t)(i - channels->limit));
        else
            check_stream(channel);
    }
    hold(!waiting || channels->waiting || host->inside, "what is owed is not forgotten");
    hold(awaiting == channels->awaiting, "those who await are counted");
}

static void check_signals(const struct bluet *host)
{
    size_t kept = 0;
    for (size_t i = 0; i < L2CAP_SIGNAL_KEPT; i++)
        kept += host->signal.kept[i].link != NULL;
    hold(kept == host->signal.kept_count, "requests that are kept are counted");
}

static void check_gap(const struct gap *gap, bool active)
{
    bool paused = gap->advertising.paused;
    hold(gap_advertise_is_on(gap) || !gap->advertising.paused, "only what runs is paused");
#if BLUET_HAS_CENTRAL
    paused = paused || gap->scanning.paused || gap->connect.held;
    hold(gap_scan_is_on(gap) || !gap->scanning.paused, "only what runs is paused");
    hold(gap_connect_is_on(gap) || !gap->connect.held, "only an attempt is held back");
    hold(!gap->connect.sought || gap_connect_is_on(gap), "who is sought is to be connected to");
    hold(gap->scanning.state == GAP_ON || gap->scan.deadline == BLUET_NEVER, "only what runs can expire");
    hold(gap_connect_is_on(gap) || gap->attempt.deadline == BLUET_NEVER, "only an attempt can expire");
#endif
    hold(!paused || !gap_privacy_is_ready(gap) || !active, "a pause ends");
}

void check_invariants(const struct bluet *host)
{
    if (host->state == HOST_INACTIVE) {
        check_inactive(host);
        return;
    }
    check_commands(&host->hci);
    check_links(host);
    check_signals(host);
    check_gap(&host->gap, host->state == HOST_ACTIVE);
    if (BLUET_HAS_L2CAP_CHANNELS)
        check_channels(host);
}
