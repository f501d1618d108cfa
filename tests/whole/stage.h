/*
 * Two whole hosts with a controller each on one air, in virtual time, a central and a peripheral. Every HCI packet that
 * crosses between a host and its controller is counted, and after the one of a chosen number something is done to the
 * link: that is how it dies at each step of whatever is under way.
 */
#ifndef BLUET_TESTS_WHOLE_STAGE_H
#define BLUET_TESTS_WHOLE_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bluet/air.h"
#include "host/host.h"

enum { CENTRAL, PERIPHERAL, ACTORS };

enum {
    STAGE_EVENT_CODES = 0x103,
    STAGE_INBOX = 128,
    STAGE_PACKET = 300,
    STAGE_SECRETS = 4,
    STAGE_CHANNELS = 16,
    STAGE_DURATION = 40000000 /* microseconds: longer than any timeout of a procedure */
};

/* What is done to the link. */
enum stage_cut {
    CUT_AIR,       /* nothing comes through any more: supervision timeout at both ends */
    CUT_OURS,      /* the central asks for its end */
    CUT_THEIRS,    /* the peripheral does */
    CUT_LOST,      /* the central's controller is unplugged */
    CUT_UNPLUGGED, /* the peripheral's is */
    CUT_ASLEEP,    /* the central is deactivated */
    CUT_AWAY,      /* the peripheral is */
    CUT_REPLACED,  /* nothing: the peripheral's services are replaced by others */
    CUT_KINDS
};

struct stage;

/* A packet on its way from the controller, until the air rests. */
struct stage_packet {
    uint16_t length;
    uint8_t octets[STAGE_PACKET];
};

struct stage_secret {
    uint8_t type;
    uint8_t key[8], value[128];
    size_t key_length, length;
};

struct actor {
    struct stage *stage;
    struct bluet_air_controller *controller;
    struct bluet *host;
    uint16_t conn_handle; /* 0xffff: not connected */
    size_t memory;        /* octets taken */
    struct stage_packet inbox[STAGE_INBOX];
    size_t first, count;
    struct stage_secret secrets[STAGE_SECRETS];
    size_t secret_count;

    /* Since stage_arm(): */
    unsigned events[STAGE_EVENT_CODES];
    unsigned ended;       /* events whose name ends in DONE, and the like: see stage.c */
    unsigned ended_well;  /* with status 0 */
    unsigned ended_badly; /* with a status of this side's */
    unsigned channels_opened, channels_closed, channels_refused;
    uint16_t cids[STAGE_CHANNELS]; /* of channels that are open */
    size_t cid_count;
    uint32_t sum; /* of octets received by channels */
    size_t received;
    unsigned encryptions;  /* ENCRYPTION_UPDATE with `encrypted` */
    unsigned att_requests; /* that its host has sent */
    int ticket;            /* of the scene's own, and how often it has ended: */
    unsigned ticket_ends;
    bool late; /* something was raised of a connection that had ended already */
};

struct stage {
    struct bluet_air *air;
    struct actor actors[ACTORS];
    bool scarce;
    bool armed;
    bool in_handlers; /* events are counted, not packets, and the cut is made from within the handler */
    unsigned steps;   /* packets or events, since it was armed */
    unsigned cut_at;  /* 0: never */
    enum stage_cut cut;
    bool cut_due, was_cut;
    uint16_t free_buffers[ACTORS];                /* while nothing is under way */
    size_t memory[ACTORS], memory_asleep[ACTORS]; /* then, and while inactive */
    int (*answer)(struct stage *stage, struct actor *actor, const struct bluet_event *event); /* NULL: 0 to all */
};

/*
 * Both active, with services, not connected. With `scarce` the controllers have one buffer for the shortest packets,
 * and the hosts few and small ones.
 */
struct stage *stage_create(bool scarce);
void stage_destroy(struct stage *stage);

/* Counts and events begin anew; the link is cut at the step of that number. */
void stage_arm(struct stage *stage, unsigned cut_at, enum stage_cut cut);
/* Lets time pass until `condition` holds, at most `duration` microseconds; whether it held. NULL: all the time. */
bool stage_run(struct stage *stage, uint64_t duration, bool (*condition)(const struct stage *stage));
/*
 * After a cut: until both ends know, and whoever is inactive is active again. Fails where something is missing:
 * buffers, procedures, channels, memory.
 */
void stage_recover(struct stage *stage);
/* The services that `stage_handles` tells of; others before are gone. */
void stage_register(struct actor *actor);
/* Connects the two, and reads the peripheral's name. */
void stage_connect(struct stage *stage);

static inline struct bluet *central_host(struct stage *stage)
{
    return stage->actors[CENTRAL].host;
}

static inline struct bluet *peripheral_host(struct stage *stage)
{
    return stage->actors[PERIPHERAL].host;
}

/* Handles of the peripheral's services, and of the central's, which has the same. */
struct stage_handles {
    uint16_t rate, description, control, wide[4];
};
extern struct stage_handles stage_handles;

enum { STAGE_PSM = 0x80, STAGE_LONG_VALUE = 300 };

#endif
