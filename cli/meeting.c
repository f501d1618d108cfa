/* Finds a peer by its address, and connects to it. */
#include "meeting.h"

#include <string.h>

#include "output.h"

enum { SLICE_US = 1000000, GRACE_S = 5 };

int meeting_begin(struct meeting *meeting, const char *text, int type, double timeout)
{
    meeting->text = text;
    meeting->timeout = timeout;
    meeting->address.type = type == MEETING_RANDOM ? BLUET_ADDRESS_RANDOM : BLUET_ADDRESS_PUBLIC;
    if (!output_parse_address(&meeting->address, text)) {
        cli_error("%s: not an address (they look like C0:FF:EE:00:00:01)", text);
        return CLI_USAGE;
    }
    if (!(timeout > 0 && timeout <= 3600)) {
        cli_error("--timeout: more than 0, at most 3600");
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* ---- Events ---- */

void meeting_end(struct meeting *meeting)
{
    meeting->ended = true;
    bluet_runtime_break(meeting->session.runtime);
}

static void report_heard(struct meeting *meeting, const struct bluet_event *event)
{
    const struct bluet_address *heard = &event->scan_result.peer;
    if (!meeting->scanning || event->scan_result.adv_type > 3 || memcmp(heard->octets, meeting->address.octets, 6) != 0)
        return;
    meeting->heard = true;
    if (event->scan_result.adv_type > 1)
        return;
    meeting->connectable = true;
    meeting->address.type = heard->type;
    meeting_end(meeting);
}

void meeting_take(struct meeting *meeting, const struct bluet_event *event)
{
    switch (event->code) {
    case BLUET_EVENT_SCAN_RESULT:
        report_heard(meeting, event);
        break;
    case BLUET_EVENT_PERIPHERAL_CONNECT:
        meeting->connected = meeting->was_connected = true;
        meeting->conn_handle = event->conn_handle;
        bluet_runtime_break(meeting->session.runtime);
        break;
    case BLUET_EVENT_PERIPHERAL_DISCONNECT:
        meeting->connected = false;
        meeting->reason = event->disconnect.reason;
        meeting_end(meeting);
        break;
    case BLUET_EVENT_INACTIVE:
        meeting->connected = false;
        meeting->lost = true;
        meeting_end(meeting);
        break;
    default:
        break;
    }
}

/* ---- The course of it ---- */

uint64_t meeting_after(const struct meeting *meeting, double seconds)
{
    return bluet_runtime_now(meeting->session.runtime) + (uint64_t)(seconds * 1e6);
}

/* The loop may also be broken by a signal, or in the middle of waiting for something else. */
static void run_until(struct meeting *meeting, const bool *condition, uint64_t deadline_us)
{
    struct bluet_runtime *runtime = meeting->session.runtime;
    while (!*condition && !meeting->ended && !cli_interrupted()) {
        uint64_t now = bluet_runtime_now(runtime);
        uint64_t rest = now < deadline_us ? deadline_us - now : 0;
        if (!rest || bluet_runtime_run(runtime, rest < SLICE_US ? rest : SLICE_US) != 0)
            return;
    }
}

void meeting_run(struct meeting *meeting, uint64_t deadline_us)
{
    run_until(meeting, &meeting->ended, deadline_us);
}

static int interrupted(void)
{
    cli_error("interrupted");
    return CLI_INTERRUPTED;
}

static int fail_lost(const struct meeting *meeting)
{
    cli_error("%s", cli_session_loss(&meeting->session));
    return CLI_FAILED;
}

int meeting_find(struct meeting *meeting)
{
    enum { INTERVAL_US = 60000 };
    struct cli_session *session = &meeting->session;
    meeting->scanning = true;
    bluet_runtime_lock(session->runtime);
    int ticket = bluet_gap_scan(session->host, 0, INTERVAL_US, INTERVAL_US, false);
    int error = cli_session_wait(session, ticket);
    bluet_runtime_unlock(session->runtime);
    if (error)
        return cli_fail("cannot scan", error);
    meeting_run(meeting, meeting_after(meeting, meeting->timeout));

    meeting->scanning = false;
    bluet_runtime_lock(session->runtime);
    ticket = bluet_gap_scan_stop(session->host);
    cli_session_wait(session, ticket);
    bluet_runtime_unlock(session->runtime);
    if (cli_interrupted())
        return interrupted();
    if (meeting->lost)
        return fail_lost(meeting);
    if (!meeting->heard)
        cli_error(
            "%s: not found: nobody advertised with that address within %g s (is it switched on, in range, and not "
            "connected elsewhere?)",
            meeting->text, meeting->timeout);
    else if (!meeting->connectable)
        cli_error("%s: it advertises, but does not accept connections", meeting->text);
    return meeting->connectable ? CLI_OK : CLI_FAILED;
}

int meeting_connect(struct meeting *meeting)
{
    /* Fast: there are dozens of requests to make, one after the other, and then the link is given up. */
    static const struct bluet_connection_parameters parameters = {.interval_min_us = 7500, .interval_max_us = 15000};
    struct cli_session *session = &meeting->session;
    meeting->ended = meeting->was_connected = false;
    bluet_runtime_lock(session->runtime);
    bluet_set_mtu(session->host, 517);
    int ticket = bluet_gap_connect(session->host, &meeting->address, (uint32_t)(meeting->timeout * 1000), &parameters);
    int error = cli_session_wait(session, ticket);
    bluet_runtime_unlock(session->runtime);
    if (error)
        return cli_fail("cannot connect", error);
    run_until(meeting, &meeting->was_connected, meeting_after(meeting, meeting->timeout + GRACE_S));
    if (meeting->was_connected)
        return CLI_OK;
    if (cli_interrupted())
        return interrupted();
    if (meeting->lost)
        return fail_lost(meeting);
    cli_error("%s: no connection within %g s (is it switched on, in range, and not connected elsewhere?)",
              meeting->text, meeting->timeout);
    return CLI_FAILED;
}

bool meeting_came_to_nothing(const struct meeting *meeting)
{
    enum { CONNECTION_FAILED_TO_BE_ESTABLISHED = 0x3e };
    return meeting->was_connected && !meeting->connected && !cli_interrupted() &&
           meeting->reason == CONNECTION_FAILED_TO_BE_ESTABLISHED;
}

bool meeting_is_bonded(const struct meeting *meeting)
{
    struct bluet_address bonds[CLI_MOST_BONDS];
    struct bluet_connection connection;
    struct bluet *host = meeting->session.host;
    int count = bluet_bonds(host, bonds, CLI_MOST_BONDS);
    if (bluet_connection(host, &connection, meeting->conn_handle) < 0)
        return false;
    for (int i = 0; i < count && i < CLI_MOST_BONDS; i++)
        if (bonds[i].type == connection.identity.type && memcmp(bonds[i].octets, connection.identity.octets, 6) == 0)
            return true;
    return false;
}
