/* Making a connection as central, one at a time (Vol 6 Part B, 4.4.4; Vol 4 Part E, 7.8.12, 7.8.13). */
#ifndef BLUET_HOST_GAP_CONNECT_H
#define BLUET_HOST_GAP_CONNECT_H

#include "host/gap.h"

/* As bluet_gap_connect(); `peer` NULL: as bluet_gap_connect_listed(). A ticket. -EINVAL, -EALREADY, -EISCONN, -ENOMEM
 */
BLUET_INTERNAL int gap_connect_start(struct gap *gap, const struct bluet_address *peer, uint32_t timeout_ms,
                                     const struct bluet_connection_parameters *parameters);
/* A ticket. -EALREADY, -ENOMEM */
BLUET_INTERNAL int gap_connect_cancel(struct gap *gap);
/* The same without a ticket, or with one that has been begun. Whether there was room. */
BLUET_INTERNAL bool gap_connect_end(struct gap *gap, int ticket);

/* A connection may come of it, as the controller knows. */
BLUET_INTERNAL bool gap_connect_is_wanted(const struct gap *gap);
/* A report has come, perhaps of the peer that is sought. */
BLUET_INTERNAL void gap_connect_reported(struct gap *gap);

/* The controller is quiet for a moment, of which the application does not hear. Whether there was room. */
BLUET_INTERNAL bool gap_connect_hold(struct gap *gap);
/* What was asked for has not been answered yet: no time for a pause. */
static inline bool gap_connect_is_changing(const struct gap *gap)
{
#if BLUET_HAS_CENTRAL
    return gap->connect.state == GAP_CONNECT_AWAIT_START || gap->connect.state == GAP_CONNECT_AWAIT_CANCEL;
#else
    (void)gap;
    return false;
#endif
}
BLUET_INTERNAL void gap_connect_release(struct gap *gap);
/* The controller says that there will be no connection. Raises, unless the attempt goes on. */
BLUET_INTERNAL void gap_connect_ended(struct gap *gap, uint8_t reason);

/* There is a connection, if the peer has heard of it: with whom, as the application has put it (NULL: it has not), and
 * under which address of ours. */
BLUET_INTERNAL const struct bluet_address *gap_connect_await_peer(struct gap *gap);
BLUET_INTERNAL const struct bluet_address *gap_connect_own(const struct gap *gap);
/* It has not (HCI_CONNECTION_FAILED_TO_BE_ESTABLISHED): begins again while there is time. Whether it will. */
BLUET_INTERNAL bool gap_connect_again(struct gap *gap);
/* There is a connection: the attempt has ended. */
BLUET_INTERNAL void gap_connect_succeeded(struct gap *gap);
/* There is none, and will be none. Raises, if there was an attempt. */
BLUET_INTERNAL void gap_connect_failed(struct gap *gap, uint8_t reason);

/* Raises. */
BLUET_INTERNAL void gap_connect_expire(struct gap *gap);

#endif
