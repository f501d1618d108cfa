/* The public functions of GAP for who scans and connects. */
#include "host/host.h"

int bluet_gap_scan(struct bluet *host, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us, bool active)
{
    int error = host_check_active(host);
    return error ? error : gap_scan_start(&host->gap, duration_ms, interval_us, window_us, active);
}

int bluet_gap_scan_stop(struct bluet *host)
{
    int error = host_check_active(host);
    return error ? error : gap_scan_stop(&host->gap);
}

int bluet_gap_connect(struct bluet *host, const struct bluet_address *peer, uint32_t timeout_ms,
                      const struct bluet_connection_parameters *parameters)
{
    int error = host_check_active(host);
    return error ? error : gap_connect_start(&host->gap, peer, timeout_ms, parameters);
}

/* That of an attempt whose request the controller has sent; NULL: there is none. */
static struct link *unheard_link(const struct bluet *host)
{
    for (uint8_t i = 0; i < host->links.limit; i++) {
        struct link *link = &host->links.links[i];
        if (link->central && !link->heard)
            return link;
    }
    return NULL;
}

int bluet_gap_connect_cancel(struct bluet *host)
{
    int error = host_check_active(host);
    if (error)
        return error;
    const struct link *link = unheard_link(host);
    if (!link)
        return gap_connect_cancel(&host->gap);
    int ticket = bluet_gap_disconnect(host, link->handle);
    if (ticket > 0)
        gap_connect_end(&host->gap, 0);
    return ticket ? ticket : BLUET_EALREADY;
}

int bluet_gap_connect_listed(struct bluet *host, uint32_t timeout_ms,
                             const struct bluet_connection_parameters *parameters)
{
    int error = host_check_active(host);
    return error ? error : gap_connect_start(&host->gap, NULL, timeout_ms, parameters);
}
