/*
 * What an application hears: one tagged union, numbered as MicroPython's `bluetooth` module numbers its events. What an
 * event points at lives until the handler returns.
 */
#ifndef BLUET_EVENT_H
#define BLUET_EVENT_H

#include "bluet/types.h"

/* The first 31 are numbered as MicroPython's `bluetooth` module numbers them. */
enum bluet_event_code {
    BLUET_EVENT_CENTRAL_CONNECT = 1,
    BLUET_EVENT_CENTRAL_DISCONNECT = 2,
    BLUET_EVENT_GATTS_WRITE = 3,
    BLUET_EVENT_GATTS_READ_REQUEST = 4,
    BLUET_EVENT_SCAN_RESULT = 5,
    BLUET_EVENT_SCAN_DONE = 6,
    BLUET_EVENT_PERIPHERAL_CONNECT = 7,
    BLUET_EVENT_PERIPHERAL_DISCONNECT = 8,
    BLUET_EVENT_GATTC_SERVICE_RESULT = 9,
    BLUET_EVENT_GATTC_SERVICE_DONE = 10,
    BLUET_EVENT_GATTC_CHARACTERISTIC_RESULT = 11,
    BLUET_EVENT_GATTC_CHARACTERISTIC_DONE = 12,
    BLUET_EVENT_GATTC_DESCRIPTOR_RESULT = 13,
    BLUET_EVENT_GATTC_DESCRIPTOR_DONE = 14,
    BLUET_EVENT_GATTC_READ_RESULT = 15,
    BLUET_EVENT_GATTC_READ_DONE = 16,
    BLUET_EVENT_GATTC_WRITE_DONE = 17,
    BLUET_EVENT_GATTC_NOTIFY = 18,
    BLUET_EVENT_GATTC_INDICATE = 19,
    BLUET_EVENT_GATTS_INDICATE_DONE = 20,
    BLUET_EVENT_MTU_EXCHANGED = 21,
    BLUET_EVENT_L2CAP_ACCEPT = 22,
    BLUET_EVENT_L2CAP_CONNECT = 23,
    BLUET_EVENT_L2CAP_DISCONNECT = 24,
    BLUET_EVENT_L2CAP_RECV = 25,
    BLUET_EVENT_L2CAP_SEND_READY = 26,
    BLUET_EVENT_CONNECTION_UPDATE = 27,
    BLUET_EVENT_ENCRYPTION_UPDATE = 28,
    BLUET_EVENT_GET_SECRET = 29,
    BLUET_EVENT_SET_SECRET = 30,
    BLUET_EVENT_PASSKEY_ACTION = 31,

    BLUET_EVENT_GATTS_WRITE_REQUEST = 32, /* beyond MicroPython, as all that follow */
    BLUET_EVENT_GATTS_SUBSCRIPTION = 33,  /* only after bluet_set_subscription_events() */
    BLUET_EVENT_L2CAP_RECONFIGURE_DONE = 34,

    BLUET_EVENT_OPERATION_DONE = 0x100, /* what a ticket stands for has ended */
    BLUET_EVENT_SEND_READY = 0x101,     /* buffers are free again, after a BLUET_ENOMEM for want of them */
    BLUET_EVENT_INACTIVE = 0x102        /* the controller was lost or has failed: the host is no longer active */
};

/* Kinds of secret. A host asks for the one of its own, and lists those of peers, when it is activated. */
enum bluet_secret {
    BLUET_SECRET_OURS = 1, /* what we have given a peer; the key is its address: type, octets in display order */
    BLUET_SECRET_PEER = 2, /* what a peer has given us; key as above */
    BLUET_SECRET_IRK = 10  /* our own identity; the key is "irk" */
};

/*
 * Why a link is not encrypted: a reason of Pairing Failed (Vol 3 Part H, 3.5.5; 0x01 to 0x0f), one of
 * enum bluet_status, or BLUET_REASON_HCI and an HCI error code.
 */
enum bluet_reason { BLUET_REASON_HCI = 0x200 };

/* `code` tells which member of the union holds; events without one have no more to say. */
struct bluet_event {
    enum bluet_event_code code;
    uint16_t conn_handle; /* 0xffff where the event belongs to no connection */
    union {
        struct {
            struct bluet_address peer; /* of a failed gap_connect: type 0xff, all zero */
        } connect;                     /* CENTRAL_CONNECT, PERIPHERAL_CONNECT */
        struct {
            struct bluet_address peer;
            uint8_t reason; /* HCI error code (Vol 1 Part F) */
        } disconnect;       /* CENTRAL_DISCONNECT, PERIPHERAL_DISCONNECT */
        struct {
            uint16_t attr_handle;
        } attribute; /* GATTS_WRITE, GATTS_READ_REQUEST */
        struct {
            uint16_t attr_handle;
            uint16_t offset; /* of a piece of a long write; each is asked about when it is queued */
            const uint8_t *data;
            size_t length;
        } write_request; /* GATTS_WRITE_REQUEST */
        struct {
            uint16_t value_handle;
            uint8_t subscribed; /* 0: no longer, 1: to notifications, 2: to indications, 3: to both */
        } subscription;         /* GATTS_SUBSCRIPTION */
        struct {
            struct bluet_address peer;
            uint8_t adv_type; /* 0 ADV_IND, 1 ADV_DIRECT_IND, 2 ADV_SCAN_IND, 3 ADV_NONCONN_IND, 4 SCAN_RSP */
            int8_t rssi;      /* dBm; 127: not known */
            uint8_t primary_phy, secondary_phy;
            const uint8_t *data;
            size_t length;
        } scan_result;
        struct {
            uint16_t def_handle; /* of an included service, where that is said; otherwise start_handle */
            uint16_t start_handle, end_handle;
            struct bluet_uuid uuid;
        } service_result;
        struct {
            uint16_t def_handle, value_handle, end_handle;
            uint8_t properties;
            struct bluet_uuid uuid;
        } characteristic_result;
        struct {
            uint16_t dsc_handle;
            struct bluet_uuid uuid;
        } descriptor_result;
        struct {
            uint16_t value_handle;
            uint16_t offset; /* of a piece of a value that is read */
            const uint8_t *data;
            size_t length;
        } value; /* GATTC_READ_RESULT, GATTC_NOTIFY, GATTC_INDICATE */
        struct {
            uint16_t value_handle; /* 0 in the discovery events, and of reads of several values */
            uint16_t status;       /* 0, an ATT error code, or enum bluet_status */
        } done;                    /* every GATT event whose name ends in DONE */
        struct {
            uint16_t mtu;
        } mtu_exchanged;
        struct {
            uint16_t cid, psm, our_mtu, peer_mtu;
        } channel; /* L2CAP_ACCEPT, L2CAP_CONNECT */
        struct {
            uint16_t cid, psm;
            uint16_t status; /* 0: it was open. Otherwise why it was not made: result (Vol 3 Part A, 4.23), or
                                bluet_status */
        } channel_end;       /* L2CAP_DISCONNECT */
        struct {
            uint16_t cid;
            uint16_t status; /* of L2CAP_SEND_READY: always 0, for no SDU is ever lost */
        } channel_data;      /* L2CAP_RECV, L2CAP_SEND_READY */
        struct {
            uint16_t cid;
            uint16_t our_mtu;   /* in force now */
            uint16_t status;    /* 0; why not: result (Vol 3 Part A, 4.28), or bluet_status */
        } channel_reconfigured; /* L2CAP_RECONFIGURE_DONE */
        struct {
            uint16_t interval; /* 1.25 ms */
            uint16_t latency;
            uint16_t supervision_timeout; /* 10 ms */
            uint8_t status;               /* HCI error code */
        } connection_update;
        struct {
            bool encrypted, authenticated, bonded;
            uint8_t key_size;
            uint16_t reason; /* 0; or why it failed: enum bluet_reason */
        } encryption_update;
        struct {
            uint8_t sec_type; /* enum bluet_secret */
            uint8_t index;    /* with `key` NULL: which one of this type is wanted */
            const uint8_t *key;
            size_t key_length;
            uint8_t *out_value; /* the handler puts the secret here, and its length there; or leaves that 0 */
            size_t capacity;
            size_t *out_length;
        } get_secret;
        struct {
            uint8_t sec_type;
            const uint8_t *key;
            size_t key_length;
            const uint8_t *value; /* opaque; NULL: to be deleted */
            size_t length;
        } set_secret;
        struct {
            uint8_t action;   /* enum bluet_passkey_action */
            uint32_t passkey; /* the number to be compared */
        } passkey_action;
        struct {
            int ticket;
            int error;               /* enum bluet_error */
            uint8_t hci_status;      /* the HCI error code behind it */
            const uint8_t *response; /* of bluet_hci_command(): the return parameters, status included */
            size_t response_length;
        } operation;
        struct {
            uint8_t hci_status;
        } inactive;
    };
};

#endif
