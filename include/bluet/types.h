/* What bluet.h and event.h are made of: error numbers, the status of procedures, addresses and UUIDs. */
#ifndef BLUET_TYPES_H
#define BLUET_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BLUET_API __attribute__((visibility("default")))
#else
#define BLUET_API
#endif

/* Numbered like Linux's errno, negated, so that no C library is needed and every binding agrees. */
enum bluet_error {
    BLUET_OK = 0,
    BLUET_EIO = -5,         /* the controller refused, for a reason with no better number */
    BLUET_ENOMEM = -12,     /* no buffer free, or no memory: try again after an event, or raise the limits */
    BLUET_EBUSY = -16,      /* something else that runs must end first */
    BLUET_ENODEV = -19,     /* not active: call bluet_activate() */
    BLUET_EINVAL = -22,     /* an argument out of range */
    BLUET_ENOTSUP = -95,    /* the controller, or this build, cannot do that */
    BLUET_EISCONN = -106,   /* there is already a connection to that address */
    BLUET_ENOTCONN = -107,  /* no such connection */
    BLUET_ETIMEDOUT = -110, /* the controller did not answer */
    BLUET_EALREADY = -114,  /* the same is already running, or already done */
    BLUET_ECANCELED = -125, /* ended by deactivation before the controller answered */
    BLUET_ENOKEY = -126     /* there is no key for that: pair, and bond, first */
};

/*
 * The `status` of an event whose name ends in DONE: 0, the ATT error code of the peer (0x01 to 0xff, Vol 3 Part F,
 * 3.4.1.1), or one of these for causes on this side.
 */
enum bluet_status {
    BLUET_STATUS_DISCONNECTED = 0x100, /* the connection ended first */
    BLUET_STATUS_TIMEOUT = 0x101,      /* no answer within 30 s (Vol 3 Part F, 3.3.3); no more ATT on that bearer */
    BLUET_STATUS_PROTOCOL = 0x102,     /* the peer's answer made no sense */
    BLUET_STATUS_NO_MEMORY = 0x103,    /* no buffer to go on with */
    BLUET_STATUS_CANCELED = 0x104,     /* deactivated */
    BLUET_STATUS_NOT_SIGNED = 0x105    /* the key is gone or used up, or the link is encrypted by now */
};

enum bluet_address_type { BLUET_ADDRESS_PUBLIC = 0, BLUET_ADDRESS_RANDOM = 1 };

struct bluet_address {
    uint8_t type;      /* enum bluet_address_type */
    uint8_t octets[6]; /* display order */
};

struct bluet_uuid {
    uint8_t length;     /* 2, 4 or 16 */
    uint8_t octets[16]; /* least significant first, as on the air */
};

#endif
