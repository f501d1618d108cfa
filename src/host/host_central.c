/* The public functions of GAP for who scans and connects. */
#include "host/host.h"

int bluet_gap_scan(struct bluet *host, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us, bool active)
{
    int error = host_check_active(host);
    if (error)
        return error;
    if (gap_connect_is_on(&host->connect))
        return BLUET_EBUSY;
    return gap_scan_start(&host->scan, duration_ms, interval_us, window_us, active);
}

int bluet_gap_scan_stop(struct bluet *host)
{
    int error = host_check_active(host);
    return error ? error : gap_scan_stop(&host->scan);
}

int bluet_gap_connect(struct bluet *host, const struct bluet_address *peer, uint32_t timeout_ms,
                      const struct bluet_connection_parameters *parameters)
{
    int error = host_check_active(host);
    return error ? error : gap_connect_start(&host->connect, peer, timeout_ms, parameters);
}

int bluet_gap_connect_cancel(struct bluet *host)
{
    int error = host_check_active(host);
    if (error)
        return error;
    struct link *link = link_find_peer(&host->links, &host->connect.peer);
    bool unheard = host->connect.state == GAP_CONNECT_AWAIT_PEER && link;
    if (!unheard)
        return gap_connect_cancel(&host->connect);
    int ticket = bluet_gap_disconnect(host, link->handle);
    return ticket ? ticket : BLUET_EALREADY;
}

int bluet_gap_connect_listed(struct bluet *host, uint32_t timeout_ms,
                             const struct bluet_connection_parameters *parameters)
{
    int error = host_check_active(host);
    return error ? error : gap_connect_start(&host->connect, NULL, timeout_ms, parameters);
}
