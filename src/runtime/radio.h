/*
 * A radio: a host, what connects it with its controller, and those who wait for the controller's answers. The
 * connection is one of two: a stream of H4 (radio_stream.c), or a controller of the runtime's own virtual air
 * (radio_air.c).
 */
#ifndef BLUET_RUNTIME_RADIO_H
#define BLUET_RUNTIME_RADIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluet/runtime.h"
#include "runtime/capture.h"
#include "runtime/carrier.h"
#include "runtime/h4.h"
#include "runtime/loop.h"
#include "runtime/message.h"
#include "runtime/queue.h"
#include "runtime/store.h"
#include "runtime/transport.h"
#include "runtime/verdicts.h"
#include "spec/internal.h"

/* How a radio reaches its controller. All but `receive` are called with the lock held; `open` gives it back. */
struct radio_wire {
    int (*open)(struct bluet_radio *radio);
    void (*send)(struct bluet_radio *radio, const struct bluet_span *spans, size_t count);
    void (*close)(struct bluet_radio *radio);
    /* Whether packets wait to be handed to the host; and hands over some, each as a batch. */
    bool (*waiting)(const struct bluet_radio *radio);
    void (*receive)(struct bluet_radio *radio);
};

struct bluet_radio {
    struct bluet_radio *next;
    unsigned long number; /* counted from 1 */
    struct bluet_runtime *runtime;
    const struct radio_wire *wire;
    struct bluet *host;
    bluet_event_handler handler;
    void *handler_context;
    struct loop_timer timer;

    bool open;                  /* the wire is */
    bool opening;               /* a thread is about it */
    bool failed;                /* the controller is lost, and the host does not know yet */
    char message[MESSAGE_SIZE]; /* why */

    char *store_name;    /* NULL: the environment says */
    struct store *store; /* while active; NULL: the handler keeps secrets */
    void (*store_failed)(void *context, const char *why);

    struct verdicts verdicts;
    struct capture capture;

    /* The stream */
    struct transport transport;
    struct carrier carrier;
    struct loop_source source; /* waits for it, unless the stream is broken */
    size_t receive_size;
    struct h4_framer framer; /* as large, as of the last activation */
    struct queue output;
    bool seeking; /* the stream was joined midway: what comes before the answer to Reset is noise */
    bool flooded; /* what waits in the framer has filled it: reports in it are dropped */

    /* The virtual air */
    struct bluet_air_controller *controller;
    struct queue inbox; /* packets, each after its length in two octets */
    bool stalled;       /* the air waits for bluet_air_resume() */
    bool placed;        /* the controller has the address that the store says */
};

BLUET_INTERNAL extern const struct radio_wire radio_stream;
BLUET_INTERNAL extern const struct radio_wire radio_air;

/* Puts the radio's controller on the virtual air. BLUET_ENOMEM. */
BLUET_INTERNAL int radio_air_attach(struct bluet_radio *radio);

/* One packet for the host, and all that it gives rise to: a batch. */
BLUET_INTERNAL void radio_receive(struct bluet_radio *radio, const uint8_t *packet, size_t length);

/* Opens the store that is named, if one is. With the lock held. */
BLUET_INTERNAL int radio_store_open(struct bluet_radio *radio);
BLUET_INTERNAL void radio_store_close(struct bluet_radio *radio);
/* Answers an event about secrets in the handler's place. */
BLUET_INTERNAL int radio_store_answer(struct bluet_radio *radio, const struct bluet_event *event);

/* In a child: closes its copies of the radio's descriptors, and nothing else. */
BLUET_INTERNAL void radio_disinherit(struct bluet_radio *radio);

/* Unpredictable octets; on a virtual air, its own. */
BLUET_INTERNAL void radio_random(const struct bluet_radio *radio, uint8_t *out, size_t length);

/* The wire is broken. The host is told in the next round of the loop. With the lock held. */
__attribute__((format(printf, 2, 3))) BLUET_INTERNAL void radio_fail(struct bluet_radio *radio, const char *format,
                                                                     ...);

#endif
