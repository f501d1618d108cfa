/* The front of the Security Manager: PDUs by opcode and state, timeouts, repeated attempts, encryption. */
#include "host/sm_pairing.h"

#include "host/memory.h"
#include "host/sm_signing.h"
#include "spec/hci.h"
#include "spec/l2cap.h"

enum { NO_PASSKEY = 1000000, FAILURES_MOST = 7 };

static const uint32_t holdoff_us = 1000000; /* after the first failure; doubles each time */

/* ---- Life ---- */

BLUET_INTERNAL void sm_init(struct sm *sm)
{
    *sm = (struct sm){.burnt_passkey = NO_PASSKEY};
    sm->security.io = BLUET_IO_NO_INPUT_OUTPUT;
    sm->security.key_size = SM_KEY_SIZE_MOST;
}

/* Pairings, bonds and works are in one block of memory, in this order. */
static size_t block_size(const struct sm *sm)
{
    return sm->links->limit * sizeof *sm->pairings + sm->bonds.limit * sizeof *sm->bonds.bonds +
           sm->work_count * sizeof *sm->works;
}

static void give_secrets(const struct sm *sm, void *memory, size_t size)
{
    if (!memory)
        return;
    sm_wipe(memory, size);
    memory_give(sm->links->hci->port, memory, size);
}

BLUET_INTERNAL int sm_open(struct sm *sm, struct link_table *links, const struct sm_keeper *keeper,
                           const struct bluet_config *limits)
{
    const struct hci *hci = links->hci;
    sm->links = links;
    sm->keeper = *keeper;
    sm->work_count = limits->pairing_count;
    sm->bonds.port = hci->port;
    sm->bonds.sink = hci->sink;
    sm->bonds.limit = limits->bond_count;
    sm->pairings = memory_take(hci->port, block_size(sm));
    if (!sm->pairings)
        return BLUET_ENOMEM;
    sm->bonds.bonds = (struct sm_bond *)(sm->pairings + links->limit);
    sm->works = (struct sm_work *)(sm->bonds.bonds + sm->bonds.limit);
    return BLUET_OK;
}

BLUET_INTERNAL void sm_close(struct sm *sm)
{
    if (!sm->links)
        return;
    give_secrets(sm, sm->pairings, block_size(sm));
    give_secrets(sm, sm->oob, sizeof *sm->oob);
    sm->pairings = NULL;
    sm->bonds.bonds = NULL;
    sm->works = NULL;
    sm->oob = NULL;
    sm->links = NULL;
    sm->bonds.limit = sm->bonds.deleted_count = sm->busy_count = 0;
    sm->due = false;
}

BLUET_INTERNAL void sm_load(struct sm *sm)
{
    sm_bonds_load(&sm->bonds);
}

BLUET_INTERNAL void sm_link_opened(struct sm *sm, struct link *link, const struct sm_ends *ends)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    memset(pairing, 0, sizeof *pairing);
    pairing->sm = sm;
    pairing->link = link;
    pairing->side = link->central ? SM_INITIATOR : SM_RESPONDER;
    sm_copy(&pairing->ends[pairing->side], &ends->own, sizeof ends->own);
    sm_copy(&pairing->ends[sm_peer_side(pairing)], &ends->peer, sizeof ends->peer);
    pairing->bond = sm_bonds_find_identity(&sm->bonds, &link->identity);
    if (pairing->bond && sm_is_resolvable(&ends->peer))
        pairing->bond->flags |= SM_SECRET_PRIVATE;
    link->key_known = pairing->bond;
    sm_copy(&sm->identity, &ends->identity, sizeof ends->identity);
}

BLUET_INTERNAL void sm_link_closed(struct sm *sm, struct link *link)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    link->encrypted = link->authenticated = false;
    if (pairing->state != SM_IDLE)
        sm_end(pairing, BLUET_STATUS_DISCONNECTED);
    if (BLUET_HAS_SIGNING)
        sm_signing_end(pairing);
    sm_wipe(&pairing->link, sizeof *pairing - offsetof(struct sm_pairing, link));
}

BLUET_INTERNAL void sm_forget_bonds(struct sm *sm)
{
    for (uint8_t i = 0; i < sm->links->limit; i++) {
        struct sm_pairing *pairing = &sm->pairings[i];
        if (!pairing->bond || pairing->bond->used)
            continue;
        pairing->bond = NULL;
        pairing->link->key_known = pairing->link->bonded = false;
        if (BLUET_HAS_SIGNING)
            sm_signing_forget(pairing);
    }
}

BLUET_INTERNAL void sm_random(const struct sm *sm, uint8_t out[16])
{
    const struct bluet_port *port = sm->links->hci->port;
    port->random(port->context, out, 16);
}

BLUET_INTERNAL bool sm_read_kept(const struct sm_pairing *pairing, struct sm_secret *out_secret, uint8_t sec_type,
                                 uint8_t flags)
{
    const struct sm_bond *bond = pairing->bond;
    return bond && sm_bonds_read(&pairing->sm->bonds, out_secret, sec_type, &bond->peer) &&
           (out_secret->keys.flags & flags) == flags;
}

BLUET_INTERNAL void sm_shorten(const struct sm_pairing *pairing, uint8_t key[16])
{
    memset(key, 0, 16u - pairing->key_size);
}

BLUET_INTERNAL bool sm_is_private(const struct bluet_address *address)
{
    enum { KIND_MASK = 0xc0, STATIC_KIND = 0xc0 };
    return address->type == BLUET_ADDRESS_RANDOM && (address->octets[0] & KIND_MASK) != STATIC_KIND;
}

BLUET_INTERNAL const struct bluet_address *sm_peer(const struct sm_pairing *pairing)
{
    return &pairing->ends[sm_peer_side(pairing)];
}

/* ---- Peers that have failed to prove themselves (2.3.6) ---- */

static bool is_delayed(const struct sm *sm, const struct sm_holdoff *holdoff)
{
    return sm->links->hci->now < holdoff->until;
}

static const struct bluet_address *known_name(const struct sm_pairing *pairing)
{
    return pairing->bond ? &pairing->bond->peer : sm_peer(pairing);
}

/* There is none of such an address as strangers have. */
static bool is_delay_of(const struct sm_holdoff *holdoff, const struct sm_pairing *pairing)
{
    return holdoff->failures && hci_address_equal(&holdoff->peer, known_name(pairing));
}

/*
 * That of the peer; failing that, the one that has been over for longest. Private addresses cost nothing: all strangers
 * who have one share one delay, and so do others while too many are held off.
 */
static struct sm_holdoff *find_holdoff(const struct sm_pairing *pairing)
{
    struct sm *sm = pairing->sm;
    struct sm_holdoff *found = sm->holdoffs;
    if (!pairing->bond && sm_is_private(sm_peer(pairing)))
        return &sm->strangers;
    for (size_t i = 0; i < SM_HOLDOFF_COUNT; i++) {
        struct sm_holdoff *holdoff = &sm->holdoffs[i];
        if (is_delay_of(holdoff, pairing))
            return holdoff;
        if (holdoff->until < found->until)
            found = holdoff;
    }
    return is_delayed(sm, found) ? &sm->strangers : found;
}

static bool is_held_off(const struct sm_pairing *pairing)
{
    return is_delayed(pairing->sm, find_holdoff(pairing));
}

static bool is_failed_proof(uint16_t reason)
{
    return reason == SM_CONFIRM_VALUE_FAILED || reason == SM_DHKEY_CHECK_FAILED ||
           reason == SM_NUMERIC_COMPARISON_FAILED || reason == SM_PASSKEY_ENTRY_FAILED;
}

/* Delays double, and become shorter again with time; who has proved who it is, is not held off. */
static void count_attempt(const struct sm_pairing *pairing, uint16_t reason)
{
    struct sm_holdoff *holdoff = find_holdoff(pairing);
    const uint64_t now = pairing->sm->links->hci->now;
    const uint32_t longest = holdoff_us << FAILURES_MOST;
    bool proved = reason == SM_SUCCESS && (pairing->secret_flags & SM_SECRET_AUTHENTICATED);
    bool failed = is_failed_proof(reason);
    if (holdoff != &pairing->sm->strangers && (proved || failed) && proved == is_delay_of(holdoff, pairing)) {
        sm_copy(&holdoff->peer, known_name(pairing), sizeof holdoff->peer);
        holdoff->failures = 0;
    }
    if (!failed)
        return;
    for (; holdoff->failures && now >= holdoff->until + longest; holdoff->failures--)
        holdoff->until += longest;
    holdoff->until = now + (holdoff_us << holdoff->failures);
    if (holdoff->failures < FAILURES_MOST)
        holdoff->failures++;
}

/* ---- The end of what is under way ---- */

static void count_fault(const struct sm_pairing *pairing)
{
    hci_protocol_error(pairing->sm->links->hci);
}

static void raise_update(const struct sm_pairing *pairing, uint16_t reason)
{
    const struct link *link = pairing->link;
    const struct bluet_event event = {
        .code = BLUET_EVENT_ENCRYPTION_UPDATE,
        .conn_handle = link->handle,
        .encryption_update = {link->encrypted, link->authenticated, link->bonded, link->key_size, reason}};
    event_raise(pairing->sm->links->hci->sink, &event);
}

/* The link is encrypted with the key that is about to be used, or no longer. */
static void set_security(struct sm_pairing *pairing, bool encrypted)
{
    struct link *link = pairing->link;
    pairing->held_flags = encrypted ? pairing->secret_flags : 0;
    link->encrypted = encrypted;
    link->authenticated = pairing->held_flags & SM_SECRET_AUTHENTICATED;
    link->key_size = encrypted ? pairing->key_size : 0;
    link->key_short = false;
    link->bonded = encrypted && link->bonded;
}

BLUET_INTERNAL void sm_enter(struct sm_pairing *pairing, enum sm_state state)
{
    if (pairing->state == SM_IDLE)
        pairing->sm->busy_count++;
    pairing->state = (uint8_t)state;
    pairing->since = (uint32_t)pairing->sm->links->hci->now;
}

BLUET_INTERNAL void sm_end(struct sm_pairing *pairing, uint16_t reason)
{
    if (pairing->state != SM_AWAIT_KEPT_ENCRYPTION)
        count_attempt(pairing, reason);
    /* Of a passkey that has not served, a peer may have learned a part (2.3.5.6.3). */
    if (reason && pairing->answered && !pairing->refused && sm_is_passkey_entry(pairing))
        pairing->sm->burnt_passkey = pairing->passkey;
    if (pairing->model == SM_OUT_OF_BAND)
        sm_oob_pairing_ended(pairing, reason);
    /* What was agreed on has not come: the link is as good as one in the clear. */
    if (reason && pairing->state == SM_AWAIT_KEYS)
        set_security(pairing, false);
    pairing->sm->busy_count--;
    memset(&pairing->state, SM_IDLE, offsetof(struct sm_pairing, side) - offsetof(struct sm_pairing, state));
    pairing->passkey = 0;
    if (pairing->work)
        sm_wipe(pairing->work, sizeof *pairing->work);
    pairing->work = NULL;
    raise_update(pairing, reason);
}

/* ---- PDUs ---- */

enum { ANY_STATE = 0xffff, NOT_BEGUN = 1 << SM_IDLE | 1 << SM_BEGIN | 1 << SM_AWAIT_PAIRING_REQUEST };
enum { BY_INITIATOR = 1 << SM_INITIATOR, BY_RESPONDER = 1 << SM_RESPONDER, BY_EITHER = BY_INITIATOR | BY_RESPONDER };

static sm_result pairing_requested(struct sm_pairing *pairing, struct reader *pdu);
static sm_result security_requested(struct sm_pairing *pairing, struct reader *pdu);
static sm_result pairing_failed(struct sm_pairing *pairing, struct reader *pdu);
static sm_result key_pressed(struct sm_pairing *pairing, struct reader *pdu);

struct sm_command {
    sm_result (*handle)(struct sm_pairing *pairing, struct reader *pdu); /* NULL: sm_key_received() */
    uint16_t states;
    uint8_t length; /* of its parameters, to the octet */
    uint8_t senders;
};

/* Vol 3 Part H, 3.3: by code, from 1 */
static const struct sm_command sm_commands[] = {
    [SM_PAIRING_REQUEST - 1] = {pairing_requested, NOT_BEGUN, 6, BY_INITIATOR},
    [SM_PAIRING_RESPONSE - 1] = {sm_pairing_response, 1 << SM_AWAIT_PAIRING_RESPONSE, 6, BY_RESPONDER},
    [SM_PAIRING_CONFIRM - 1] = {sm_pairing_confirm, 1 << SM_AWAIT_CONFIRM, 16, BY_EITHER},
    [SM_PAIRING_RANDOM - 1] = {sm_pairing_random, 1 << SM_AWAIT_RANDOM, 16, BY_EITHER},
    [SM_PAIRING_FAILED - 1] = {pairing_failed, ANY_STATE, 1, BY_EITHER},
    [SM_ENCRYPTION_INFORMATION - 1] = {NULL, 1 << SM_AWAIT_KEYS, 16, BY_EITHER},
    [SM_CENTRAL_IDENTIFICATION - 1] = {NULL, 1 << SM_AWAIT_KEYS, 10, BY_EITHER},
    [SM_IDENTITY_INFORMATION - 1] = {NULL, 1 << SM_AWAIT_KEYS, 16, BY_EITHER},
    [SM_IDENTITY_ADDRESS_INFORMATION - 1] = {NULL, 1 << SM_AWAIT_KEYS, 7, BY_EITHER},
    [SM_SIGNING_INFORMATION - 1] = {NULL, 1 << SM_AWAIT_KEYS, 16, BY_EITHER},
    [SM_SECURITY_REQUEST - 1] = {security_requested, ANY_STATE, 1, BY_RESPONDER},
    [SM_PAIRING_PUBLIC_KEY - 1] = {sm_public_key, 1 << SM_AWAIT_PUBLIC_KEY, 64, BY_EITHER},
    [SM_PAIRING_DHKEY_CHECK - 1] = {sm_dhkey_check, 1 << SM_AWAIT_DHKEY_CHECK, 16, BY_EITHER},
    [SM_KEYPRESS_NOTIFICATION - 1] = {key_pressed, ANY_STATE, 1, BY_EITHER},
};

BLUET_INTERNAL sm_result sm_send(const struct sm_pairing *pairing, const uint8_t *pdu)
{
    const struct bluet_span span = {pdu, 1u + sm_commands[pdu[0] - 1].length};
    int error = l2cap_send(pairing->sm->links, pairing->link, L2CAP_CID_SECURITY_MANAGER, &span, 1);
    if (error == BLUET_ENOMEM)
        return BLUET_STATUS_NO_MEMORY;
    return error ? BLUET_STATUS_DISCONNECTED : SM_SUCCESS;
}

BLUET_INTERNAL sm_result sm_send_value(const struct sm_pairing *pairing, uint8_t code, const uint8_t value[16])
{
    uint8_t pdu[17] = {code};
    sm_reverse(pdu + 1, value, 16);
    sm_result result = sm_send(pairing, pdu);
    sm_wipe(pdu, sizeof pdu);
    return result;
}

/* Tells the peer. Without a buffer its timer does. */
static void send_failed(const struct sm_pairing *pairing, sm_result reason)
{
    const uint8_t pdu[2] = {SM_PAIRING_FAILED, (uint8_t)reason};
    if (reason <= SM_REASON_LARGEST)
        (void)sm_send(pairing, pdu);
}

/* What a pairing fails with is nothing to an encryption with a kept key. */
static void end_step(struct sm_pairing *pairing, sm_result result)
{
    if (result == SM_SUCCESS)
        return;
    send_failed(pairing, result);
    if (result > SM_REASON_LARGEST || (pairing->state != SM_IDLE && pairing->state != SM_AWAIT_KEPT_ENCRYPTION))
        sm_end(pairing, result);
}

/* ---- Encryption (2.4.4) ---- */

/* The numbers by which a key is told from others, as HCI has them: of one that is kept, or that of a pairing. */
enum { NUMBERS_LENGTH = 10 };

static void get_numbers(uint8_t out[NUMBERS_LENGTH], const struct sm_keys *kept)
{
    memset(out, 0, NUMBERS_LENGTH);
    if (kept) {
        sm_copy(out, kept->random, sizeof kept->random);
        sm_copy(out + sizeof kept->random, kept->ediv, sizeof kept->ediv);
    }
}

static void encryption_requested(void *context, const struct hci_result *result)
{
    struct sm *sm = context;
    struct link *link = sm->links ? link_find(sm->links, result->argument) : NULL;
    if (link && result->status != HCI_SUCCESS)
        sm_encryption_change(sm, link, result->status, false);
}

/*
 * To the controller, by which command: to encrypt, with the numbers of a key that is kept, or zeros for that of a
 * pairing; to reply with a key, or that there is none. Whether there was room for it.
 */
static bool give_key(const struct sm_pairing *pairing, uint16_t opcode, const struct sm_keys *kept, const uint8_t *key)
{
    uint8_t parameters[28];
    struct hci_command command = {.opcode = opcode, .context = pairing->sm, .argument = pairing->link->handle};
    size_t length = 2;
    write_u16_at(parameters, command.argument);
    if (opcode == HCI_LE_ENABLE_ENCRYPTION) {
        command.done = encryption_requested;
        get_numbers(parameters + length, kept);
        length += NUMBERS_LENGTH;
    }
    if (key) {
        sm_reverse(parameters + length, key, 16);
        length += 16;
    }
    bool queued = hci_request(pairing->sm->links->hci, &command, parameters, length);
    sm_wipe(parameters, sizeof parameters);
    return queued;
}

BLUET_INTERNAL sm_result sm_key_is_made(struct sm_pairing *pairing)
{
    sm_enter(pairing, SM_AWAIT_ENCRYPTION);
    if (pairing->side == SM_RESPONDER)
        return SM_SUCCESS;
    bool queued = give_key(pairing, HCI_LE_ENABLE_ENCRYPTION, NULL, pairing->work->exchange.secret + 16);
    return queued ? SM_SUCCESS : BLUET_STATUS_NO_MEMORY;
}

static void use_kept(struct sm_pairing *pairing, const struct sm_keys *kept)
{
    pairing->secret_flags = kept->flags;
    pairing->key_size = kept->key_size;
    sm_enter(pairing, SM_AWAIT_KEPT_ENCRYPTION);
}

/* What was kept with the bond holds again. */
static void restore(const struct sm_pairing *pairing)
{
    struct sm_secret ours;
    struct link *link = pairing->link;
    if (sm_read_kept(pairing, &ours, BLUET_SECRET_OURS, 0) && link->state == LINK_OPEN)
        pairing->sm->keeper.restore(pairing->sm->keeper.context, link, ours.tail, ours.tail_length);
    sm_wipe(&ours, sizeof ours);
}

static void encrypted(struct sm_pairing *pairing)
{
    if (pairing->state == SM_AWAIT_ENCRYPTION) {
        end_step(pairing, sm_distribute(pairing));
        return;
    }
    pairing->link->bonded = pairing->bond;
    restore(pairing);
    sm_end(pairing, SM_SUCCESS);
}

BLUET_INTERNAL void sm_encryption_change(struct sm *sm, struct link *link, uint8_t status, bool enabled)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    bool awaited = pairing->state == SM_AWAIT_ENCRYPTION || pairing->state == SM_AWAIT_KEPT_ENCRYPTION;
    bool good = status == HCI_SUCCESS && enabled;
    if (!awaited && good == link->encrypted)
        return;
    if (!awaited && good) { /* with a key that nobody has given: not to be believed */
        count_fault(pairing);
        return;
    }
    set_security(pairing, good);
    if (good) {
        encrypted(pairing);
        return;
    }
    if (awaited && status == HCI_SUCCESS)
        status = HCI_AUTHENTICATION_FAILURE;
    uint16_t reason = (uint16_t)(status ? BLUET_REASON_HCI | status : 0);
    if (awaited) {
        pairing->key_missing = status == HCI_PIN_OR_KEY_MISSING;
        sm_end(pairing, reason);
    } else {
        raise_update(pairing, reason);
    }
}

BLUET_INTERNAL void sm_key_refresh(struct sm *sm, struct link *link, uint8_t status)
{
    sm_encryption_change(sm, link, status, status == HCI_SUCCESS);
}

/* Of a bond, and no weaker than what the application asks for. */
static bool find_kept(const struct sm_pairing *pairing, struct sm_secret *out_secret, uint8_t sec_type)
{
    return sm_read_kept(pairing, out_secret, sec_type, SM_SECRET_LTK) &&
           sm_suffices(pairing, out_secret->keys.flags, out_secret->keys.key_size);
}

/* In the midst of a pairing there is no key but the one that it ends with, and not before it has ended well. */
BLUET_INTERNAL void sm_long_term_key_request(struct sm *sm, struct link *link, struct reader *event)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    struct sm_secret secret;
    const struct sm_keys *kept = NULL;
    const uint8_t *key = NULL;
    uint8_t asked[NUMBERS_LENGTH];
    uint8_t numbers[NUMBERS_LENGTH];
    bool begun = !(NOT_BEGUN >> pairing->state & 1);
    read_octets(event, asked, sizeof asked);
    if (begun && pairing->state == SM_AWAIT_ENCRYPTION && pairing->side == SM_RESPONDER) {
        key = pairing->work->exchange.secret + 16;
    } else if (!begun && find_kept(pairing, &secret, BLUET_SECRET_OURS)) {
        kept = &secret.keys;
        key = secret.keys.ltk;
    }
    get_numbers(numbers, kept);
    if (memcmp(numbers, asked, sizeof numbers) != 0)
        key = NULL;
    uint16_t opcode = key ? HCI_LE_LONG_TERM_KEY_REQUEST_REPLY : HCI_LE_LONG_TERM_KEY_REQUEST_NEGATIVE_REPLY;
    if (!give_key(pairing, opcode, NULL, key))
        count_fault(pairing);
    if (begun && !key) {
        count_fault(pairing);
        send_failed(pairing, SM_UNSPECIFIED_REASON);
        sm_end(pairing, SM_UNSPECIFIED_REASON);
    } else if (key && kept) {
        use_kept(pairing, kept);
    } else if (!begun) {
        sm_enter(pairing, SM_AWAIT_KEPT_ENCRYPTION);
        sm_end(pairing, BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
    }
    sm_wipe(&secret, sizeof secret);
}

BLUET_INTERNAL void sm_save(struct sm *sm, const struct link *link)
{
    const struct sm_pairing *pairing = sm_pairing_of(sm, link);
    struct sm_secret ours;
    if (!link->bonded || pairing->state == SM_AWAIT_KEYS)
        return;
    if (sm_read_kept(pairing, &ours, BLUET_SECRET_OURS, 0)) {
        ours.tail_length = sm->keeper.save(sm->keeper.context, link, ours.tail);
        sm_bonds_write(&sm->bonds, &ours, BLUET_SECRET_OURS);
    }
    sm_wipe(&ours, sizeof ours);
}

/* ---- How it begins ---- */

static bool take_work(struct sm_pairing *pairing)
{
    for (uint8_t i = 0; !pairing->work && i < pairing->sm->work_count; i++) {
        if (!pairing->sm->works[i].used)
            pairing->work = &pairing->sm->works[i];
    }
    if (pairing->work)
        pairing->work->used = true;
    return pairing->work;
}

static sm_result begin_as_central(struct sm_pairing *pairing)
{
    struct sm_secret secret;
    sm_result result = SM_SUCCESS;
    bool found = !pairing->link->encrypted && !pairing->key_missing && find_kept(pairing, &secret, BLUET_SECRET_PEER);
    if (found) {
        use_kept(pairing, &secret.keys);
        if (!give_key(pairing, HCI_LE_ENABLE_ENCRYPTION, &secret.keys, secret.keys.ltk))
            result = BLUET_STATUS_NO_MEMORY;
    }
    sm_wipe(&secret, sizeof secret);
    if (found)
        return result;
    if (pairing->kept_only && pairing->bond)
        return BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING;
    return take_work(pairing) ? sm_request_pairing(pairing) : BLUET_STATUS_NO_MEMORY;
}

static sm_result begin_pairing(struct sm_pairing *pairing)
{
    if (pairing->side == SM_INITIATOR)
        return begin_as_central(pairing);
    const uint8_t pdu[2] = {SM_SECURITY_REQUEST, sm_authentication_request(pairing)};
    sm_enter(pairing, SM_AWAIT_PAIRING_REQUEST);
    return sm_send(pairing, pdu);
}

static bool is_good_enough(const struct sm_pairing *pairing)
{
    const struct link *link = pairing->link;
    return link->encrypted && sm_suffices(pairing, pairing->held_flags, link->key_size) &&
           (link->bonded || !pairing->sm->security.bond);
}

BLUET_INTERNAL int sm_pair(struct sm *sm, struct link *link)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    if (pairing->dead)
        return BLUET_ETIMEDOUT;
    if (pairing->state != SM_IDLE || is_good_enough(pairing))
        return BLUET_EALREADY;
    if (is_held_off(pairing))
        return BLUET_EBUSY;
    sm_enter(pairing, SM_BEGIN);
    pairing->due = true;
    sm->due = true;
    return BLUET_OK;
}

/* What the application has asked for, or answered. */
static sm_result go_on(struct sm_pairing *pairing)
{
    bool compares = pairing->action == BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON;
    if (pairing->refused)
        return compares ? SM_NUMERIC_COMPARISON_FAILED : SM_PASSKEY_ENTRY_FAILED;
    if (sm_is_asking(pairing))
        return SM_SUCCESS;
    switch (pairing->state) {
    case SM_BEGIN:
        return begin_pairing(pairing);
    case SM_AWAIT_PASSKEY:
        return sm_send_confirm(pairing);
    case SM_AWAIT_COMPARISON:
        return sm_check(pairing);
    default:
        return SM_SUCCESS;
    }
}

BLUET_INTERNAL void sm_settle(struct sm *sm)
{
    while (sm->due) {
        sm->due = false;
        for (uint8_t i = 0; i < sm->links->limit; i++) {
            struct sm_pairing *pairing = &sm->pairings[i];
            if (!pairing->due)
                continue;
            pairing->due = false;
            end_step(pairing, go_on(pairing));
        }
        sm_bonds_settle(&sm->bonds, sm->links->hci);
    }
}

BLUET_INTERNAL uint64_t sm_deadline(const struct sm *sm)
{
    uint32_t least = LINK_NO_TIME;
    if (sm->due)
        return 0;
    for (uint8_t i = 0; sm->busy_count && i < sm->links->limit; i++) {
        const struct sm_pairing *pairing = &sm->pairings[i];
        uint32_t left = link_time_left(sm->links, pairing->since);
        if (pairing->state != SM_IDLE && left < least)
            least = left;
    }
    return link_time_after(sm->links, least);
}

/* No more of the Security Manager on that link; a Security Request that is not heeded is nothing of the kind. */
BLUET_INTERNAL void sm_expire(struct sm *sm)
{
    for (uint8_t i = 0; sm->busy_count && i < sm->links->limit; i++) {
        struct sm_pairing *pairing = &sm->pairings[i];
        if (pairing->state == SM_IDLE || link_time_left(sm->links, pairing->since))
            continue;
        pairing->dead = pairing->state != SM_AWAIT_PAIRING_REQUEST && pairing->state != SM_AWAIT_KEPT_ENCRYPTION;
        sm_end(pairing, BLUET_STATUS_TIMEOUT);
    }
}

/* ---- In ---- */

static sm_result pairing_requested(struct sm_pairing *pairing, struct reader *pdu)
{
    if (is_held_off(pairing))
        return SM_REPEATED_ATTEMPTS;
    return take_work(pairing) ? sm_pairing_request(pairing, pdu) : SM_UNSPECIFIED_REASON;
}

/* The peer has no right to more than the encryption of a bond that there is, or to a pairing where there is none. */
static sm_result security_requested(struct sm_pairing *pairing, struct reader *pdu)
{
    uint8_t request = read_u8(pdu);
    const struct link *link = pairing->link;
    bool wanted = !link->encrypted || ((request & SM_MITM) && !link->authenticated);
    if (pairing->state != SM_IDLE || !wanted || pairing->key_missing || is_held_off(pairing))
        return SM_SUCCESS;
    pairing->kept_only = true;
    sm_enter(pairing, SM_BEGIN);
    return begin_pairing(pairing);
}

static sm_result pairing_failed(struct sm_pairing *pairing, struct reader *pdu)
{
    uint8_t reason = read_u8(pdu);
    if (pairing->state == SM_IDLE || pairing->state == SM_AWAIT_KEPT_ENCRYPTION)
        count_fault(pairing);
    else
        sm_end(pairing, reason && reason <= SM_REASON_LARGEST ? reason : SM_UNSPECIFIED_REASON);
    return SM_SUCCESS;
}

/* Accepted, and of no use to anybody here (3.5.8). */
static sm_result key_pressed(struct sm_pairing *pairing, struct reader *pdu)
{
    if (read_u8(pdu) > SM_KEYPRESS_LARGEST || pairing->state == SM_IDLE)
        count_fault(pairing);
    return SM_SUCCESS;
}

/* One that is not what it should be, or not now: whatever is under way ends, and nothing begins. */
static sm_result check_command(const struct sm_pairing *pairing, const struct sm_command *command, size_t length)
{
    if (!(command->senders >> sm_peer_side(pairing) & 1))
        return SM_COMMAND_NOT_SUPPORTED;
    if (length != command->length)
        return SM_INVALID_PARAMETERS;
    return command->states >> pairing->state & 1 ? SM_SUCCESS : SM_UNSPECIFIED_REASON;
}

BLUET_INTERNAL void sm_receive(struct sm *sm, struct link *link, struct reader *frame)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    uint8_t code = read_u8(frame);
    if (pairing->dead || code == 0 || code > sizeof sm_commands / sizeof *sm_commands) {
        count_fault(pairing);
        return;
    }
    const struct sm_command *command = &sm_commands[code - 1];
    sm_result result = check_command(pairing, command, reader_remaining(frame));
    if (result)
        count_fault(pairing);
    else if (command->handle)
        result = command->handle(pairing, frame);
    else
        result = sm_key_received(pairing, code, frame);
    end_step(pairing, result);
}

/* ---- What the application asks for ---- */

BLUET_INTERNAL int sm_set_security(struct sm *sm, const struct bluet_security *security)
{
    bool legacy_only = security->legacy;
    if (security->io > BLUET_IO_KEYBOARD_DISPLAY || (legacy_only && (security->le_secure || security->secure_only)) ||
        (security->key_size && security->key_size < SM_KEY_SIZE_LEAST) || security->key_size > SM_KEY_SIZE_MOST)
        return BLUET_EINVAL;
    if (!BLUET_HAS_LEGACY_PAIRING && legacy_only)
        return BLUET_ENOTSUP;
    sm->security = *security;
    if (security->key_size == 0)
        sm->security.key_size = SM_KEY_SIZE_MOST;
    for (uint8_t i = 0; sm->links && i < sm->links->limit; i++) {
        struct link *link = sm->pairings[i].link;
        if (link)
            link->key_short = link->encrypted && link->key_size < sm->security.key_size;
    }
    return BLUET_OK;
}

BLUET_INTERNAL int sm_bond_delete(struct sm *sm, const struct bluet_address *peer)
{
    struct sm_bond *bond = sm_bonds_find_identity(&sm->bonds, peer);
    if (!bond)
        return BLUET_EINVAL;
    int ticket = hci_new_ticket(sm->links->hci);
    sm_bonds_delete(&sm->bonds, bond, ticket);
    sm_forget_bonds(sm);
    sm->due = true;
    return ticket;
}
