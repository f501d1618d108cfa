/* Where events leave the host. Every room may raise one; the rooms below never see who listens. */
#ifndef BLUET_HOST_EVENT_H
#define BLUET_HOST_EVENT_H

#include "bluet/bluet.h"

struct event_sink {
    bluet_event_handler handler;
    void *context;
    struct bluet *host;
};

/*
 * Returns the application's answer. The application may call anything from within: after an event, a room looks at its
 * state afresh (a link may be closing, a database replaced).
 */
static inline int event_raise(const struct event_sink *sink, const struct bluet_event *event)
{
    return sink->handler(sink->context, sink->host, event);
}

#endif
