/* The end of it all: by deactivation, in order, or because the controller is lost, has failed, or was of no use. */
#include "host/host.h"

#include "spec/hci.h"

/* How long the peers may take to hear of the end of their links. */
static const uint64_t close_timeout_us = 2000000;

BLUET_INTERNAL void host_end_is_due(struct bluet *host, int error, uint8_t status)
{
    if (!host->end.due)
        host->end = (struct host_end){(int16_t)error, status, true};
}

/* ---- Deactivation ---- */

int bluet_deactivate(struct bluet *host)
{
    if (host->state == HOST_INACTIVE || host->state == HOST_ENDING)
        return 0;
    if (host->state == HOST_DEACTIVATING)
        return host->ticket;
    host_sample_clock(host);
    if (host->state == HOST_ACTIVATING)
        host->canceled_ticket = host->ticket;
    host->state = HOST_DEACTIVATING;
    host->ticket = hci_new_ticket(&host->hci);
    host->close_step = HOST_CLOSE_ADVERTISING;
    host->close_deadline = host->hci.now + close_timeout_us;
    hci_controller_stop(&host->controller);
    gap_privacy_stop(&host->gap);
    host_close_continue(host);
    return host->ticket;
}

static struct link *next_open_link(struct bluet *host)
{
    for (uint8_t i = 0; i < host->links.limit; i++) {
        if (host->links.links[i].state == LINK_OPEN)
            return &host->links.links[i];
    }
    return NULL;
}

static bool close_is_waited_for(const struct bluet *host)
{
    bool waiting = host->links.count || gap_connect_is_on(&host->gap);
    return waiting && host->hci.now < host->close_deadline;
}

static void reset_done(void *context, const struct hci_result *result)
{
    (void)result;
    host_end_is_due(context, BLUET_ECANCELED, HCI_LOCAL_HOST_TERMINATED);
}

/* Whether the next step can be taken. */
static bool close_step(struct bluet *host)
{
    struct link *link;
    switch (host->close_step) {
    case HOST_CLOSE_ADVERTISING:
        gap_advertise_end(&host->gap);
        break;
    case HOST_CLOSE_SCAN:
        if (BLUET_HAS_CENTRAL && gap_scan_is_on(&host->gap))
            gap_scan_end(&host->gap, 0, 0);
        break;
    case HOST_CLOSE_CONNECT:
        if (BLUET_HAS_CENTRAL)
            gap_connect_end(&host->gap, 0);
        break;
    case HOST_CLOSE_LINKS:
        link = next_open_link(host);
        if (link)
            return host_disconnect(host, link, 0, HCI_REMOTE_POWER_OFF);
        if (close_is_waited_for(host))
            return false;
        break;
    case HOST_CLOSE_RESET:
        hci_request(&host->hci, &(struct hci_command){.opcode = HCI_RESET, .done = reset_done, .context = host}, NULL,
                    0);
        break;
    case HOST_CLOSE_DONE:
        return false;
    }
    host->close_step++;
    return true;
}

BLUET_INTERNAL void host_close_continue(struct bluet *host)
{
    bool going_on = true;
    while (going_on && hci_idle(&host->hci))
        going_on = close_step(host);
}

BLUET_INTERNAL uint64_t host_close_deadline(const struct bluet *host)
{
    bool waiting = host->state == HOST_DEACTIVATING && host->close_step == HOST_CLOSE_LINKS && hci_idle(&host->hci);
    return waiting ? host->close_deadline : BLUET_NEVER;
}

/* ---- The end ---- */

BLUET_INTERNAL void host_close_rooms(struct bluet *host)
{
    if (BLUET_HAS_SECURITY)
        sm_close(&host->sm);
    gatt_close(&host->gatt);
    if (BLUET_HAS_L2CAP_CHANNELS)
        l2cap_channels_close(&host->channels);
    l2cap_signal_close(&host->signal);
    link_table_close(&host->links);
    buffer_pool_close(&host->pool, &host->config.port);
    hci_close(&host->hci);
}

static void end_links(struct bluet *host, uint8_t reason)
{
    for (uint8_t i = 0; i < host->links.limit; i++) {
        struct link *link = &host->links.links[i];
        if (link->state != LINK_FREE)
            host_link_ended(host, link, reason);
    }
}

static void raise_inactive(struct bluet *host, uint8_t status)
{
    struct bluet_event event = {.code = BLUET_EVENT_INACTIVE, .conn_handle = 0xffff};
    event.inactive.hci_status = status;
    event_raise(&host->sink, &event);
}

BLUET_INTERNAL void host_end(struct bluet *host)
{
    const struct host_end end = host->end;
    const enum host_state ended = host->state;
    const int ticket = host->ticket;

    if (ended != HOST_DEACTIVATING)
        host->state = HOST_ENDING;
    gap_privacy_stop(&host->gap);
    end_links(host, end.status);
    host->state = HOST_ENDING;
    if (BLUET_HAS_CENTRAL) {
        gap_connect_failed(&host->gap, end.status);
        gap_scan_close(&host->gap);
    }
    if (BLUET_HAS_SECURITY)
        sm_bonds_settle(&host->sm.bonds, &host->hci);
    hci_abandon(&host->hci, ended == HOST_DEACTIVATING ? BLUET_ECANCELED : end.error, end.status);

    host_close_rooms(host);
    gap_open(&host->gap);
    host->end = (struct host_end){0};
    host->send_refused = false;
    host->state = HOST_INACTIVE;
    if (ended == HOST_DEACTIVATING)
        hci_end_ticket(&host->hci, ticket, BLUET_OK, HCI_SUCCESS);
    else if (ended == HOST_ACTIVATING)
        hci_end_ticket(&host->hci, ticket, end.error, end.status);
    else
        raise_inactive(host, end.status);
}
