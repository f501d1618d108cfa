/*
 * Bluet: a Bluetooth Low Energy host.
 *
 * The host is a state machine without I/O: HCI packets go in by bluet_receive(), come out by the port's `send`, time is
 * asked of the port's `now`, and bluet_poll() does what is due and says when it wants to be called next. Nothing here
 * blocks, sleeps, prints, starts a thread or keeps anything outside `struct bluet`.
 *
 * What holds for every function:
 *
 * - It may be called from the event handler, to any depth, except bluet_create(), bluet_destroy(), bluet_receive() and
 *   bluet_poll(). The host is not locked: one thread at a time.
 * - Events are raised from bluet_receive() and bluet_poll() only.
 * - It returns a negative `enum bluet_error` when it refuses, and has then changed nothing.
 * - Where it returns "a ticket", the controller has still to agree: a positive number is returned, and a
 *   BLUET_EVENT_OPERATION_DONE with that number follows, with the controller's verdict. 0 means that all is done.
 * - Addresses stand in display order, most significant octet first. Lengths count octets. Times are microseconds unless
 *   the name says otherwise.
 * - What is passed in is copied before the function returns. What an event points at lives until the handler returns.
 *
 * Section numbers are those of the Bluetooth Core Specification 5.4.
 */
#ifndef BLUET_BLUET_H
#define BLUET_BLUET_H

#include "bluet/event.h"
#include "bluet/types.h"

#ifdef __cplusplus
extern "C" {
#endif
struct bluet;

/* ---- The port: what the host asks of its surroundings ---- */

struct bluet_span {
    const void *data;
    size_t length;
};

struct bluet_port {
    /* Handed back in each call. */
    void *context;

    /*
     * Sends one HCI packet, given as a gather list. It begins with the H4 packet indicator (1 command, 2 ACL data; Vol
     * 4 Part A, 2). The spans are valid during the call only. Must take the packet whole, and must not call
     * bluet_receive(). A failure cannot be answered here: report the loss of the controller by bluet_controller_lost().
     */
    void (*send)(void *context, const struct bluet_span *spans, size_t count);

    /* Microseconds since any fixed moment; never goes back. */
    uint64_t (*now)(void *context);

    /*
     * In the manner of Lua: `block` NULL allocates `new_size`; `new_size` 0 frees `block`; otherwise resizes. Returns
     * NULL on failure, and then `block` is as it was. `old_size` is the size that was asked for.
     */
    void *(*reallocate)(void *context, void *block, size_t old_size, size_t new_size);

    /* Fills `out` with unpredictable octets (cryptographic quality). */
    void (*random)(void *context, uint8_t *out, size_t length);
};

struct bluet_event;

/*
 * Receives every event. Its return value answers events that ask: 0 accepts; anything else refuses, and for
 * BLUET_EVENT_GATTS_READ_REQUEST and BLUET_EVENT_GATTS_WRITE_REQUEST is the ATT error code that the client sees.
 * BLUET_EVENT_SET_SECRET is the other way round, so that a handler which knows nothing of secrets keeps none: 1 says
 * that it is kept.
 */
typedef int (*bluet_event_handler)(void *context, struct bluet *host, const struct bluet_event *event);

/*
 * Zero in a limit means its default. Frames that come in pieces, on several links at once, are joined in the buffers
 * too. With none free there is room for one such frame; a link whose frame finds no room is ended, with the reason
 * 0x14.
 */
struct bluet_config {
    struct bluet_port port;
    bluet_event_handler handler;
    void *handler_context;

    uint8_t connection_count; /* links at once, 1 to 64; default 4 */
    uint16_t mtu_limit;       /* the largest ATT MTU that may be configured, 23 to 517; default 517 */
    uint16_t buffer_count;    /* buffers for what waits to be sent, but one in 16 for what comes in; default 32 */
    uint16_t buffer_size;     /* octets in each, 32 to 1024; default 256 */
    uint8_t procedure_count;  /* GATT client procedures under way or waiting, all links together; default 16 */
    uint8_t channel_count;    /* L2CAP channels, all links together; default 8 */
    uint16_t channel_size;    /* octets of room in each, beyond its MTU, for what comes in; default 16384 */
    uint16_t command_size;    /* octets kept for HCI commands that wait for the controller, 512 or more; default 1024 */
    uint8_t bond_count;       /* peers whose keys are kept; default 8. Beyond it, pairing does not bond */
    uint8_t pairing_count;    /* pairings at once, at most connection_count; default 4. Beyond it, they fail */
    uint8_t bearer_count;     /* enhanced ATT bearers of each link, at most 5; default 0: none. MTU limit 64 or more */
};

/* ---- Life cycle ---- */

/*
 * Makes a host, inactive. `config` is copied; what its port and context point at must outlive the host. Takes memory
 * for the host itself only. BLUET_EINVAL: a limit out of range or a callback missing. BLUET_ENOMEM.
 */
BLUET_API int bluet_create(struct bluet **out_host, const struct bluet_config *config);

/* Gives all memory back. Raises nothing and sends nothing: call bluet_deactivate() first for a clean end. */
BLUET_API void bluet_destroy(struct bluet *host);

/*
 * Takes the memory for queues and pools, and starts the controller: reset, version, features, buffer sizes, event
 * masks, address, default data length (Vol 4 Part E, 7.3.2, 7.4, 7.8). Returns a ticket; 0 if already active. The
 * verdict of the operation is BLUET_OK, BLUET_ETIMEDOUT (no answer within 2 s), BLUET_ENODEV (bluet_controller_lost()
 * was called) or BLUET_EIO (the answers are of no use: for example no buffers). BLUET_ENOMEM. BLUET_EBUSY: deactivation
 * is under way.
 */
BLUET_API int bluet_activate(struct bluet *host);

/*
 * Ends everything: links are terminated and their disconnect events raised, advertising and scanning stop, services are
 * forgotten, the controller is reset, queues and pools are given back. Returns a ticket; 0 if not active.
 */
BLUET_API int bluet_deactivate(struct bluet *host);

/* Whether activation has completed and nothing has ended it. */
BLUET_API bool bluet_is_active(const struct bluet *host);

/*
 * The controller is gone (unplugged, socket closed). To be called by whoever reads from it. Every link is reported
 * lost, every procedure ends, from the next bluet_poll() on; the host is then inactive.
 */
BLUET_API void bluet_controller_lost(struct bluet *host);

/*
 * One whole HCI packet from the controller, beginning with its H4 packet indicator (2 ACL data, 4 event). Whatever is
 * wrong with it is answered as the specification says, or counted and dropped.
 */
BLUET_API void bluet_receive(struct bluet *host, const uint8_t *packet, size_t length);

#define BLUET_NEVER UINT64_MAX

/*
 * Does what is due, raises what is waiting, and returns the time of the port's clock at which it wants to be called
 * again, or BLUET_NEVER. A later call of any function may bring that time forward: ask again by bluet_deadline(). While
 * activation or deactivation is under way there is a deadline; for a host that is inactive, and has nothing left to
 * raise, there is none.
 */
BLUET_API uint64_t bluet_poll(struct bluet *host);
BLUET_API uint64_t bluet_deadline(const struct bluet *host);

/* ---- Configuration: may be called before activation too ---- */

enum bluet_address_mode {
    BLUET_ADDRESS_MODE_PUBLIC = 0, /* the controller's; where it has none, a static address (this is the default) */
    BLUET_ADDRESS_MODE_STATIC = 1, /* a generated static address (Vol 6 Part B, 1.3.2.1) */
    BLUET_ADDRESS_MODE_RPA = 2,    /* resolvable private addresses */
    BLUET_ADDRESS_MODE_NRPA = 3    /* non-resolvable private addresses */
};

/*
 * Takes effect at once where the host advertises, scans and connects not, otherwise BLUET_EBUSY. Returns a ticket while
 * active. BLUET_EINVAL: no such mode. BLUET_ENOTSUP: mode RPA without AES. The verdict is BLUET_ENOTSUP, too, where the
 * controller knows no random addresses; so is that of an activation in such a mode.
 */
BLUET_API int bluet_set_address_mode(struct bluet *host, enum bluet_address_mode mode);
BLUET_API enum bluet_address_mode bluet_address_mode(const struct bluet *host);

/*
 * How many seconds a private address lasts before another takes its place: 1 to 3600 (Vol 4 Part E, 7.8.45), at first
 * 900. What runs goes on under the new address. BLUET_EINVAL.
 */
BLUET_API int bluet_set_rpa_timeout(struct bluet *host, uint16_t seconds);
BLUET_API uint16_t bluet_rpa_timeout(const struct bluet *host);

/* The address now in use. BLUET_ENODEV. */
BLUET_API int bluet_own_address(const struct bluet *host, struct bluet_address *out_address);

/* The GAP device name (Vol 3 Part C, 12.1), at most 248 octets of UTF-8; shows at once. BLUET_EINVAL, BLUET_ENOMEM. */
BLUET_API int bluet_set_gap_name(struct bluet *host, const void *name, size_t length);
BLUET_API const void *bluet_gap_name(const struct bluet *host, size_t *out_length);

/* Whether clients may write it; that raises BLUET_EVENT_GATTS_WRITE. BLUET_EBUSY: while active. BLUET_ENOMEM. */
BLUET_API int bluet_set_gap_name_writable(struct bluet *host, bool writable);

/* GAP appearance (Vol 3 Part C, 12.2). */
BLUET_API void bluet_set_appearance(struct bluet *host, uint16_t appearance);
BLUET_API uint16_t bluet_appearance(const struct bluet *host);

struct bluet_connection_parameters;

/*
 * The connection parameters that a peripheral tells its centrals to prefer (Vol 3 Part C, 12.3); members that are zero
 * are their defaults, `parameters` NULL: nothing is preferred, as at first. BLUET_EINVAL.
 */
BLUET_API int bluet_set_preferred_parameters(struct bluet *host, const struct bluet_connection_parameters *parameters);
/* Whether any are preferred, and which. */
BLUET_API bool bluet_preferred_parameters(const struct bluet *host, struct bluet_connection_parameters *out_parameters);

/* The MTU offered in an exchange that begins after this; 23 to the limit. Default: 256, or the limit. BLUET_EINVAL. */
BLUET_API int bluet_set_mtu(struct bluet *host, uint16_t mtu);
BLUET_API uint16_t bluet_mtu(const struct bluet *host);

/* Advertising reports that were dropped because the handler was not fast enough, or that were malformed. */
BLUET_API uint32_t bluet_dropped(const struct bluet *host);
/* For the transport: it has dropped `count` reports before they reached the host. */
BLUET_API void bluet_add_dropped(struct bluet *host, uint32_t count);

/* Packets from the controller or a peer that broke a rule, and were answered or dropped. */
BLUET_API uint32_t bluet_protocol_errors(const struct bluet *host);

/* ---- GAP ---- */

/* Any member zero means its default. */
struct bluet_connection_parameters {
    uint32_t interval_min_us;        /* 7500 to 4000000, in steps of 1250; default 30000 */
    uint32_t interval_max_us;        /* default 50000 */
    uint16_t latency;                /* 0 to 499 */
    uint32_t supervision_timeout_ms; /* 100 to 32000; default 5000 */
};

/*
 * Advertises, or begins again with new data if it already does (legacy PDUs, Vol 6 Part B, 2.3.1). `interval_us` is cut
 * down to a multiple of 625 and held to 20000 to 10240000. `advertising_data` or `response_data` NULL: what was given
 * last; otherwise at most 31 octets. `connectable` false advertises ADV_SCAN_IND. A connection ends advertising.
 * Returns a ticket. BLUET_ENODEV, BLUET_EINVAL, BLUET_ENOMEM.
 */
BLUET_API int bluet_gap_advertise(struct bluet *host, uint32_t interval_us, const struct bluet_span *advertising_data,
                                  const struct bluet_span *response_data, bool connectable);

/* Stops advertising. Returns a ticket, 0 if not advertising. BLUET_ENODEV. */
BLUET_API int bluet_gap_advertise_stop(struct bluet *host);

/*
 * Scans for `duration_ms`, or until stopped if 0. Interval and window are cut to multiples of 625 us and held to 2500
 * to 10240000 us. Every report raises BLUET_EVENT_SCAN_RESULT; the end, BLUET_EVENT_SCAN_DONE. Returns a ticket.
 * BLUET_ENODEV; BLUET_EALREADY: a scan runs; BLUET_EBUSY: a connection is being made; BLUET_EINVAL: window > interval.
 */
BLUET_API int bluet_gap_scan(struct bluet *host, uint32_t duration_ms, uint32_t interval_us, uint32_t window_us,
                             bool active);

/* Stops scanning; BLUET_EVENT_SCAN_DONE follows. Returns a ticket, 0 (and no event) if not scanning. BLUET_ENODEV. */
BLUET_API int bluet_gap_scan_stop(struct bluet *host);

/*
 * Connects to `peer`, giving up after `timeout_ms` (0: 2000). A running scan is stopped first. `parameters` NULL: the
 * defaults. Ends in BLUET_EVENT_PERIPHERAL_CONNECT, or in BLUET_EVENT_PERIPHERAL_DISCONNECT with handle 0xffff. Returns
 * a ticket. BLUET_ENODEV, BLUET_EINVAL; BLUET_EALREADY: one is being made; BLUET_EISCONN; BLUET_ENOMEM: no connection
 * free.
 */
BLUET_API int bluet_gap_connect(struct bluet *host, const struct bluet_address *peer, uint32_t timeout_ms,
                                const struct bluet_connection_parameters *parameters);

/* Gives up the connection that is being made. Returns a ticket. BLUET_ENODEV; BLUET_EALREADY: none is. */
BLUET_API int bluet_gap_connect_cancel(struct bluet *host);

/* Disconnects; a disconnect event follows. A ticket; 0 if it is already on its way. BLUET_ENODEV, BLUET_ENOTCONN. */
BLUET_API int bluet_gap_disconnect(struct bluet *host, uint16_t conn_handle);

/*
 * Advertises to `peer` alone (ADV_DIRECT_IND, Vol 6 Part B, 2.3.1.2), without data. `interval_us` 0: as fast as can be,
 * which the controller ends after 1.28 s; otherwise as for bluet_gap_advertise(). A connection, or
 * bluet_gap_advertise_stop(), ends it. Returns a ticket. BLUET_ENODEV, BLUET_EINVAL, BLUET_ENOMEM.
 */
BLUET_API int bluet_gap_advertise_directed(struct bluet *host, uint32_t interval_us, const struct bluet_address *peer);

/* Who looks at the accept list: a sum of these. */
enum bluet_accept {
    BLUET_ACCEPT_SCAN = 0x01,            /* a scan reports only those in it */
    BLUET_ACCEPT_SCAN_REQUESTS = 0x02,   /* advertising answers the scan requests of those in it only */
    BLUET_ACCEPT_CONNECT_REQUESTS = 0x04 /* advertising is connected to by those in it only */
};

/*
 * Replaces the controller's filter accept list (Vol 6 Part B, 4.3), and says what looks at it from the next start on.
 * The list is empty after activation. Returns a ticket. BLUET_ENODEV; BLUET_EINVAL; BLUET_EBUSY: it is being looked at;
 * BLUET_ENOMEM: longer than the controller's, or too many commands at once (struct bluet_config, `command_size`).
 */
BLUET_API int bluet_gap_accept_list(struct bluet *host, const struct bluet_address *addresses, size_t count,
                                    unsigned uses);

/* The same as bluet_gap_connect(), to whoever of the accept list is heard first. */
BLUET_API int bluet_gap_connect_listed(struct bluet *host, uint32_t timeout_ms,
                                       const struct bluet_connection_parameters *parameters);

/*
 * Asks for other connection parameters: as central of the controller; as peripheral of the central, by the link layer
 * where both can, else by L2CAP (Vol 3 Part A, 4.20). BLUET_EVENT_CONNECTION_UPDATE tells what came of it. Returns a
 * ticket, or 0. BLUET_ENODEV, BLUET_ENOTCONN, BLUET_EINVAL, BLUET_ENOMEM; BLUET_EALREADY: a request is under way.
 */
BLUET_API int bluet_gap_update(struct bluet *host, uint16_t conn_handle,
                               const struct bluet_connection_parameters *parameters);

/* For bluet_gap_set_phy(): a sum of these. */
enum bluet_phy { BLUET_PHY_1M = 0x01, BLUET_PHY_2M = 0x02, BLUET_PHY_CODED = 0x04 };

/*
 * Asks for one of these PHYs; 0: no preference. bluet_connection() tells what is in force. Returns a ticket.
 * BLUET_ENODEV, BLUET_ENOTCONN, BLUET_EINVAL, BLUET_ENOMEM.
 */
BLUET_API int bluet_gap_set_phy(struct bluet *host, uint16_t conn_handle, uint8_t transmit, uint8_t receive);

/* Asks for link-layer packets of at most so many octets, 27 to 251. The rest as bluet_gap_set_phy(). */
BLUET_API int bluet_gap_set_data_length(struct bluet *host, uint16_t conn_handle, uint16_t octets);

/* Asks how well the peer is heard, which bluet_connection() tells then. The rest as bluet_gap_set_phy(). */
BLUET_API int bluet_gap_read_rssi(struct bluet *host, uint16_t conn_handle);

/* The HCI error code that the last connection of that handle ended with. BLUET_ENOTCONN: not one of the last 8. */
BLUET_API int bluet_gap_disconnect_reason(const struct bluet *host, uint16_t conn_handle);

struct bluet_connection {
    struct bluet_address peer;     /* as in the connect event */
    struct bluet_address identity; /* of a bond, also of one made on this connection; otherwise the same */
    bool central;                  /* our role */
    uint16_t interval;             /* 1.25 ms */
    uint16_t latency;
    uint16_t supervision_timeout; /* 10 ms */
    uint16_t mtu;                 /* ATT MTU in force */
    bool encrypted, authenticated, bonded;
    uint8_t key_size;
    uint16_t transmit_octets;          /* link-layer payload in force */
    uint8_t transmit_phy, receive_phy; /* 1: 1M, 2: 2M, 3: coded */
    int8_t rssi;                       /* dBm, when it was last asked for; 127: not known */
};

/* BLUET_ENOTCONN. */
BLUET_API int bluet_connection(const struct bluet *host, struct bluet_connection *out_connection, uint16_t conn_handle);

/*
 * A raw HCI command; its return parameters come in the event's `response`. Returns a ticket. BLUET_ENODEV,
 * BLUET_ENOMEM. BLUET_EINVAL: over 255. BLUET_ENOTSUP: Reset, and what has to do with flow control to the host, which
 * the host keeps for itself.
 */
BLUET_API int bluet_hci_command(struct bluet *host, uint16_t opcode, const void *parameters, size_t length);

/* ---- GATT server ---- */

/*
 * What a characteristic or descriptor can do, and what it asks of a link. Any kind of write is let in by either of
 * BLUET_FLAG_WRITE and BLUET_FLAG_WRITE_NO_RESPONSE, but a signed one by BLUET_FLAG_AUTHENTICATED_SIGNED_WRITE alone,
 * and by that only on a link that is not encrypted (Vol 3 Part C, 10.2.2). With BLUET_FLAG_WRITE_AUTHENTICATED the key
 * it is signed with has to be of a protected pairing; BLUET_FLAG_WRITE_ENCRYPTED keeps it out. Signed writes that do
 * not come up to it are ignored. BLUET_FLAG_READ_AUTHORIZED leaves reading to the answer to
 * BLUET_EVENT_GATTS_READ_REQUEST, and BLUET_FLAG_WRITE_AUTHORIZED writing to that to BLUET_EVENT_GATTS_WRITE_REQUEST;
 * without BLUET_FLAG_ASK_WRITE nobody is authorized to write.
 *
 * Descriptors that follow from flags are made by the host, without a handle in the list of handles, unless the
 * application brings its own: Client Characteristic Configuration (notify, indicate), Server Characteristic
 * Configuration (broadcast), Characteristic Extended Properties (reliable write, writable auxiliaries). All others,
 * such as User Description and Presentation Format, are the application's.
 */
enum bluet_flag {
    BLUET_FLAG_BROADCAST = 0x0001,
    BLUET_FLAG_READ = 0x0002,
    BLUET_FLAG_WRITE_NO_RESPONSE = 0x0004,
    BLUET_FLAG_WRITE = 0x0008,
    BLUET_FLAG_NOTIFY = 0x0010,
    BLUET_FLAG_INDICATE = 0x0020,
    BLUET_FLAG_AUTHENTICATED_SIGNED_WRITE = 0x0040,
    BLUET_FLAG_RELIABLE_WRITE = 0x0080, /* beyond MicroPython: Characteristic Extended Properties say so */
    BLUET_FLAG_AUX_WRITE = 0x0100,
    BLUET_FLAG_READ_ENCRYPTED = 0x0200,
    BLUET_FLAG_READ_AUTHENTICATED = 0x0400,
    BLUET_FLAG_READ_AUTHORIZED = 0x0800,
    BLUET_FLAG_WRITE_ENCRYPTED = 0x1000,
    BLUET_FLAG_WRITE_AUTHENTICATED = 0x2000,
    BLUET_FLAG_WRITE_AUTHORIZED = 0x4000,
    BLUET_FLAG_ASK_WRITE = 0x8000 /* beyond MicroPython: writes raise BLUET_EVENT_GATTS_WRITE_REQUEST */
};

struct bluet_descriptor {
    struct bluet_uuid uuid;
    uint16_t flags;
};

struct bluet_characteristic {
    struct bluet_uuid uuid;
    uint16_t flags;
    const struct bluet_descriptor *descriptors;
    size_t descriptor_count;
};

struct bluet_service {
    struct bluet_uuid uuid;
    const struct bluet_characteristic *characteristics;
    size_t characteristic_count;
    const size_t *included; /* positions, in the same list, of services that stand before this one */
    size_t included_count;
    bool secondary; /* there only to be included by others */
};

/*
 * Replaces all services but the built-in GAP and GATT ones. `out_handles` gets the value handles of characteristics and
 * descriptors, in the order in which they are defined, at most `handle_capacity` of them. Returns how many there are.
 * Clients that are connected are told by Service Changed which handles have become others, if any; up to the first of
 * these, what they have subscribed to stays. Values are empty again. BLUET_ENODEV; BLUET_EBUSY: advertising;
 * BLUET_EINVAL: a bad UUID, an included service that does not stand before, or over 65535 attributes; BLUET_ENOMEM.
 */
BLUET_API int bluet_gatts_register_services(struct bluet *host, uint16_t *out_handles, size_t handle_capacity,
                                            const struct bluet_service *services, size_t service_count);

/*
 * The local value. `out_value` points into the database, and is valid until the next call of any function but this one.
 * An appending buffer is emptied by it. BLUET_ENODEV; BLUET_EINVAL: no such handle.
 */
BLUET_API int bluet_gatts_read(struct bluet *host, const void **out_value, size_t *out_length, uint16_t value_handle);

/*
 * Writes the local value, growing its buffer if need be (Vol 3 Part F, 3.2.9: at most 512 octets on the air; more is
 * kept but cannot be read by a client beyond that). With `send_update`, subscribed clients are notified, or indicated.
 * Returns the number of octets written. BLUET_ENODEV, BLUET_EINVAL, BLUET_ENOMEM (the value is as it was).
 */
BLUET_API int bluet_gatts_write(struct bluet *host, uint16_t value_handle, const void *data, size_t length,
                                bool send_update);

/*
 * Notifies one client, subscribed or not; `data` NULL sends the local value. Cut to MTU - 3. BLUET_ENODEV;
 * BLUET_ENOTCONN: no such link, or a transaction on it has timed out; BLUET_EINVAL: not the value of a characteristic,
 * or the link is not as encrypted or authenticated as its flags ask of a reader; BLUET_EBUSY: a client with robust
 * caching has yet to learn that services were replaced (Vol 3 Part G, 2.5.2.1); BLUET_ENOMEM: no buffer free, nothing
 * sent, try again when BLUET_EVENT_SEND_READY comes.
 */
BLUET_API int bluet_gatts_notify(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data,
                                 size_t length);

/*
 * Notifies one client of several local values: in as few PDUs as hold them, if it takes multiple-handle notifications
 * (Vol 3 Part G, 7.2), otherwise in one each. Returns how many values have been sent; or as bluet_gatts_notify(), and
 * then none has.
 */
BLUET_API int bluet_gatts_notify_multiple(struct bluet *host, uint16_t conn_handle, const uint16_t *value_handles,
                                          size_t value_count);

/* As bluet_gatts_notify(), with a confirmation; ends in BLUET_EVENT_GATTS_INDICATE_DONE. Further ones wait their turn.
 */
BLUET_API int bluet_gatts_indicate(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data,
                                   size_t length);

/*
 * What a client has subscribed to: 1 notifications, 2 indications, or both. With `conn_handle` 0xffff: 1 if a client
 * has asked for the value to be broadcast, which is for the application to do (Vol 3 Part G, 3.3.3.4). BLUET_ENODEV,
 * BLUET_ENOTCONN; BLUET_EINVAL: not the value of a characteristic.
 */
BLUET_API int bluet_gatts_subscription(struct bluet *host, uint16_t conn_handle, uint16_t value_handle);

/*
 * Whether BLUET_EVENT_GATTS_SUBSCRIPTION tells of each change of what a client has subscribed to: by its own write; by
 * encryption, if it is bonded and was subscribed when it left; and by its disconnection, which ends all, just before
 * that event. What ends because services are replaced is not told. Off at first; may be called before activation.
 */
BLUET_API void bluet_set_subscription_events(struct bluet *host, bool wanted);
BLUET_API bool bluet_subscription_events(const struct bluet *host);

/* Empties the value and sets its size; with `append`, remote writes are joined. BLUET_ENODEV, _EINVAL, _ENOMEM. */
BLUET_API int bluet_gatts_set_buffer(struct bluet *host, uint16_t value_handle, size_t length, bool append);

/* ---- GATT client: procedures wait their turn, per connection; each ends in exactly one DONE event ---- */

/* All: BLUET_ENODEV, BLUET_ENOTCONN, BLUET_EINVAL (handle 0, start > end), BLUET_ENOMEM (too many are waiting). */
BLUET_API int bluet_gattc_discover_services(struct bluet *host, uint16_t conn_handle, const struct bluet_uuid *uuid);
BLUET_API int bluet_gattc_discover_characteristics(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                                   uint16_t end_handle, const struct bluet_uuid *uuid);
/* The services that those in the range include: BLUET_EVENT_GATTC_SERVICE_RESULT, and _SERVICE_DONE. */
BLUET_API int bluet_gattc_discover_included_services(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                                     uint16_t end_handle);
/* Reports start_handle + 1 to end_handle. */
BLUET_API int bluet_gattc_discover_descriptors(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                               uint16_t end_handle);
/* One Read Request; with `offset` not 0, one Read Blob Request. */
BLUET_API int bluet_gattc_read(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, uint16_t offset);

/* The whole value, in as many requests as it takes: a result for each piece, with its offset, then one DONE. */
BLUET_API int bluet_gattc_read_long(struct bluet *host, uint16_t conn_handle, uint16_t value_handle);
/* All values of that type in the range: a result for each, then DONE with handle 0. */
BLUET_API int bluet_gattc_read_by_uuid(struct bluet *host, uint16_t conn_handle, uint16_t start_handle,
                                       uint16_t end_handle, const struct bluet_uuid *uuid);
/*
 * Several values with one request, 2 to (MTU - 1) / 2 of them, then DONE with handle 0. With `variable`, a result for
 * each, as far as the answer has room: the last may be cut, or some be missing; not every server knows this form.
 * Otherwise one result with handle 0, the values one behind the other. Also BLUET_ENOMEM: no buffer.
 */
BLUET_API int bluet_gattc_read_multiple(struct bluet *host, uint16_t conn_handle, const uint16_t *value_handles,
                                        size_t value_count, bool variable);

struct bluet_write {
    uint16_t value_handle;
    const void *data;
    size_t length; /* at most 512 */
};

/*
 * Writes all of the values or none: each piece is compared with what the server says it has got before they take effect
 * (Vol 3 Part G, 4.9.5). DONE has the handle of the last value, or of the one that was refused. Also BLUET_ENOMEM: no
 * buffers; BLUET_EINVAL: more than 4096 octets, 4 for each value included.
 */
BLUET_API int bluet_gattc_write_reliable(struct bluet *host, uint16_t conn_handle, const struct bluet_write *writes,
                                         size_t write_count);

enum bluet_write_mode {
    BLUET_WRITE_NO_RESPONSE = 0,   /* no event; cut to MTU - 3 */
    BLUET_WRITE_WITH_RESPONSE = 1, /* cut to MTU - 3 */
    BLUET_WRITE_LONG = 2,          /* prepared writes, at most 512 octets */
    BLUET_WRITE_SIGNED = 3         /* without a response, signed for a link that is not encrypted; cut to MTU - 15 */
};

/*
 * A signed write needs a bond with that peer (Vol 3 Part G, 4.9.2). It ends in BLUET_EVENT_GATTC_WRITE_DONE once it is
 * on its way; what the server makes of it is not said. Also BLUET_ENOKEY: no such bond, or one without a key to sign
 * with; BLUET_EALREADY: the link is encrypted, where nothing is signed.
 */
BLUET_API int bluet_gattc_write(struct bluet *host, uint16_t conn_handle, uint16_t value_handle, const void *data,
                                size_t length, enum bluet_write_mode mode);

/* Also BLUET_EALREADY: this side has asked before. Ends in BLUET_EVENT_MTU_EXCHANGED, on success. */
BLUET_API int bluet_gattc_exchange_mtu(struct bluet *host, uint16_t conn_handle);

/* ---- L2CAP channels with credit-based flow control (Vol 3 Part A, 10.1, 10.2) ---- */

/*
 * Takes connections on `psm`, 1 to 255: each raises BLUET_EVENT_L2CAP_ACCEPT, and if that is accepted (0)
 * BLUET_EVENT_L2CAP_CONNECT. The answer to ACCEPT may be a result of the specification, 0x0002 to 0x000f; any other
 * that is not 0 refuses for want of resources. `mtu` is the longest SDU that is taken; at least 32 is used.
 * BLUET_ENODEV, BLUET_EINVAL; BLUET_EALREADY: that PSM is listened on; BLUET_ENOMEM.
 */
BLUET_API int bluet_l2cap_listen(struct bluet *host, uint16_t psm, uint16_t mtu);
/* Takes no more connections; channels that are open stay. BLUET_ENODEV; BLUET_EINVAL: not listened on. */
BLUET_API int bluet_l2cap_listen_stop(struct bluet *host, uint16_t psm);

/*
 * Connects a channel. Ends in BLUET_EVENT_L2CAP_CONNECT, or in BLUET_EVENT_L2CAP_DISCONNECT with a status.
 * BLUET_ENODEV, BLUET_ENOTCONN, BLUET_EINVAL; BLUET_ENOMEM: no channel or no memory left.
 */
BLUET_API int bluet_l2cap_connect(struct bluet *host, uint16_t conn_handle, uint16_t psm, uint16_t mtu);

/*
 * Connects several channels, 1 to 5, by one request where the peer knows the enhanced way (Vol 3 Part A, 4.25), and by
 * one each where it does not. Each ends as with bluet_l2cap_connect(); some may be made and the others refused.
 */
BLUET_API int bluet_l2cap_connect_several(struct bluet *host, uint16_t conn_handle, uint16_t psm, uint16_t mtu,
                                          size_t channel_count);

/*
 * Makes the MTU of our end of some channels longer, 1 to 5 of one connection at a time (Vol 3 Part A, 4.27). For each
 * BLUET_EVENT_L2CAP_RECONFIGURE_DONE tells what came of it. BLUET_ENODEV, BLUET_ENOTCONN; BLUET_EINVAL: no such
 * channel, one named twice, or shorter than it is; BLUET_ENOTSUP: not a channel of the enhanced way; BLUET_EALREADY:
 * it is being reconfigured; BLUET_ENOMEM.
 */
BLUET_API int bluet_l2cap_reconfigure(struct bluet *host, uint16_t conn_handle, const uint16_t *cids, size_t cid_count,
                                      uint16_t mtu);

/*
 * Ends a channel; BLUET_EVENT_L2CAP_DISCONNECT follows. What bluet_l2cap_send() still holds is not sent. What has come
 * whole can be read until the connection ends, or the channel's place is needed for another. BLUET_ENODEV,
 * BLUET_ENOTCONN; BLUET_EINVAL: no such channel.
 */
BLUET_API int bluet_l2cap_disconnect(struct bluet *host, uint16_t conn_handle, uint16_t cid);

/*
 * Sends one SDU. 1: it has gone out. 0: it was taken whole, but part of it waits for credits or buffers;
 * BLUET_EVENT_L2CAP_SEND_READY tells when the next can be sent. BLUET_ENODEV, BLUET_ENOTCONN; BLUET_EINVAL: no such
 * channel, or longer than the peer's MTU or twice ours; BLUET_EBUSY: the last one waits.
 */
BLUET_API int bluet_l2cap_send(struct bluet *host, uint16_t conn_handle, uint16_t cid, const void *data, size_t length);

/*
 * Takes up to `size` octets of the SDUs that have come, one behind the other. Returns how many. When nothing is left,
 * the peer gets credits for more. BLUET_ENODEV, BLUET_ENOTCONN; BLUET_EINVAL: no such channel.
 */
BLUET_API int bluet_l2cap_receive(struct bluet *host, uint16_t conn_handle, uint16_t cid, void *out_data, size_t size);
/* How many octets bluet_l2cap_receive() would give. */
BLUET_API int bluet_l2cap_available(struct bluet *host, uint16_t conn_handle, uint16_t cid);

/* ---- Pairing and bonding (Vol 3 Part H) ---- */

/* Numbered as the specification numbers them (Vol 3 Part H, 3.5.1). */
enum bluet_io {
    BLUET_IO_DISPLAY_ONLY = 0,
    BLUET_IO_DISPLAY_YESNO = 1,
    BLUET_IO_KEYBOARD_ONLY = 2,
    BLUET_IO_NO_INPUT_OUTPUT = 3,
    BLUET_IO_KEYBOARD_DISPLAY = 4
};

/*
 * What pairing is to give. A host begins with no bonding, no protection, no input and no output, and keys of 16 octets.
 * A pairing that does not come up to it fails; but with neither input nor output, `mitm` falls back to Just Works.
 */
struct bluet_security {
    bool bond;      /* keys are kept, by BLUET_EVENT_SET_SECRET */
    bool mitm;      /* protect against a man in the middle */
    bool le_secure; /* LE Secure Connections only; otherwise Legacy Pairing will do where the peer knows no better */
    bool legacy;    /* Legacy Pairing only: nobody should, but for peers whose Secure Connections are broken */
    bool
        secure_only; /* mode Secure Connections Only: protected, secure, and keys of 16 octets (Vol 3 Part C, 10.2.4) */
    uint8_t io;      /* enum bluet_io */
    uint8_t key_size; /* least, 7 to 16 octets; 0: 16 */
};

/*
 * Holds for pairings that begin later; but values that ask for an encrypted link are no longer shown, from now on, on
 * one whose key is shorter (ATT error 0x0c). May be called before activation. BLUET_EINVAL: out of range, or
 * contradictory.
 */
BLUET_API int bluet_set_security(struct bluet *host, const struct bluet_security *security);
BLUET_API struct bluet_security bluet_get_security(const struct bluet *host);

/*
 * Encrypts the connection: with the key that is kept for that peer if it will do, otherwise by pairing. As peripheral,
 * asks the central to. Ends in BLUET_EVENT_ENCRYPTION_UPDATE. After that event has said that the peer has lost its key
 * (reason BLUET_REASON_HCI + 0x06), a further call on the same connection pairs anew. BLUET_ENODEV, BLUET_ENOTCONN;
 * BLUET_EALREADY: it is being paired, or as secure as asked for; BLUET_EBUSY: held off after failed attempts, for a
 * second and each time twice as long, up to 128 s (strangers under private addresses are held off together);
 * BLUET_ETIMEDOUT: pairing has timed out on this connection, connect again.
 */
BLUET_API int bluet_gap_pair(struct bluet *host, uint16_t conn_handle);

enum bluet_passkey_action {
    BLUET_PASSKEY_ACTION_NONE = 0, /* as an answer: refuse */
    BLUET_PASSKEY_ACTION_INPUT = 2,
    BLUET_PASSKEY_ACTION_DISPLAY = 3,
    BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON = 4
};

/*
 * Answers BLUET_EVENT_PASSKEY_ACTION. `passkey`: what was typed; what is displayed, a random number below 1000000; for
 * a comparison 1 if the numbers are equal, 0 if not. BLUET_ENODEV, BLUET_ENOTCONN; BLUET_EINVAL: that action was not
 * asked for, a passkey out of range, or one with which a pairing has just failed, of which the peer may know a part.
 */
BLUET_API int bluet_gap_passkey(struct bluet *host, uint16_t conn_handle, enum bluet_passkey_action action,
                                uint32_t passkey);

/*
 * What one device tells another by other means than this radio (a tag, a printed code), so that pairing is protected.
 * Octets stand least significant first, as in the AD structures 0x10, 0x22 and 0x23 that such data is passed on in.
 */
struct bluet_oob {
    bool legacy, secure;       /* which of these are there: */
    uint8_t temporary_key[16]; /* for Legacy Pairing: unpredictable, and given to both sides */
    uint8_t confirm[16];       /* for Secure Connections: what the peer's bluet_oob_own() gave, */
    uint8_t random[16];        /* or the like */
};

/*
 * What a peer needs to know of us for Secure Connections. Holds, with the key pair that it is about, until a pairing
 * has used it well, three have failed with it, it is asked for anew, or the host is inactive. BLUET_ENODEV,
 * BLUET_ENOMEM; BLUET_EIO: no cryptography.
 */
BLUET_API int bluet_oob_own(struct bluet *host, uint8_t out_confirm[16], uint8_t out_random[16]);
/*
 * What we know of a peer, for the next pairing with it that ends well; NULL: nothing any more. Of use for Secure
 * Connections if one side knows of the other, for Legacy Pairing if both have the temporary key. Then nobody is asked
 * for a passkey. BLUET_ENODEV, BLUET_EINVAL; BLUET_ENOMEM: known of four others.
 */
BLUET_API int bluet_oob_peer(struct bluet *host, const struct bluet_address *peer, const struct bluet_oob *data);

/* The peers whose keys are kept, by their identity addresses. Returns how many there are. BLUET_ENODEV. */
BLUET_API int bluet_bonds(const struct bluet *host, struct bluet_address *out_peers, size_t capacity);

struct bluet_bond {
    struct bluet_address peer; /* its identity */
    bool authenticated;        /* paired with protection against a man in the middle */
    bool secure;               /* by LE Secure Connections */
    uint8_t key_size;
};

/*
 * What a secret of type BLUET_SECRET_OURS or BLUET_SECRET_PEER says of a bond, for those who list what they keep
 * without a host. BLUET_EINVAL: it is of another type, or damaged.
 */
BLUET_API int bluet_bond_read(struct bluet_bond *out_bond, uint8_t sec_type, const void *value, size_t length);

/*
 * Forgets a peer, at once; its secrets are deleted by BLUET_EVENT_SET_SECRET at the next poll. Returns a ticket, which
 * ends well when that is done: who waits for it knows that a store does not have them any more. BLUET_ENODEV;
 * BLUET_EINVAL: not bonded.
 */
BLUET_API int bluet_bond_delete(struct bluet *host, const struct bluet_address *peer);

#ifdef __cplusplus
}
#endif

#endif
