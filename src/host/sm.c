/* The front of the Security Manager: PDUs by opcode and state, timeouts, repeated attempts, encryption. */
#include "host/sm_pairing.h"

#include "host/memory.h"
#include "host/sm_signing.h"
#include "spec/hci.h"
#include "spec/l2cap.h"

enum { NO_PASSKEY = 1000000, FAILURES_MOST = 7 };

static const uint64_t pairing_timeout_us = 30000000; /* Vol 3 Part H, 3.4 */
static const uint64_t holdoff_us = 1000000;          /* after the first failure; doubles each time */

/* ---- Life ---- */

BLUET_INTERNAL void sm_init(struct sm *sm)
{
    *sm = (struct sm){.burnt_passkey = NO_PASSKEY};
    sm->security = (struct bluet_security){.io = BLUET_IO_NO_INPUT_OUTPUT, .key_size = SM_KEY_SIZE_MOST};
}

static void *take_zeros(const struct sm *sm, size_t size)
{
    void *memory = memory_take(sm->links->hci->port, size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

static void give_secrets(const struct sm *sm, void *memory, size_t size)
{
    if (!memory)
        return;
    crypto_wipe(memory, size);
    memory_give(sm->links->hci->port, memory, size);
}

BLUET_INTERNAL int sm_open(struct sm *sm, struct link_table *links, const struct sm_keeper *keeper,
                           const struct bluet_config *limits)
{
    const struct hci *hci = links->hci;
    sm->links = links;
    sm->keeper = *keeper;
    sm->busy_count = 0;
    sm->due = false;
    sm->work_count = limits->pairing_count;
    int error = sm_bonds_open(&sm->bonds, hci->port, hci->sink, limits->bond_count);
    if (error)
        return error;
    sm->pairings = take_zeros(sm, links->limit * sizeof *sm->pairings);
    sm->works = take_zeros(sm, sm->work_count * sizeof *sm->works);
    return sm->pairings && sm->works ? BLUET_OK : BLUET_ENOMEM;
}

BLUET_INTERNAL void sm_close(struct sm *sm)
{
    if (sm->bonds.port)
        sm_bonds_close(&sm->bonds);
    give_secrets(sm, sm->pairings, sm->pairings ? sm->links->limit * sizeof *sm->pairings : 0);
    give_secrets(sm, sm->works, sm->work_count * sizeof *sm->works);
    give_secrets(sm, sm->oob, sizeof *sm->oob);
    sm->pairings = NULL;
    sm->works = NULL;
    sm->oob = NULL;
    sm->links = NULL;
    sm->busy_count = 0;
    sm->due = false;
}

BLUET_INTERNAL void sm_load(struct sm *sm)
{
    sm_bonds_load(&sm->bonds);
}

BLUET_INTERNAL void sm_link_opened(struct sm *sm, struct link *link, const struct sm_ends *ends)
{
    struct sm_pairing *pairing = &sm->pairings[link->index];
    *pairing = (struct sm_pairing){.link = link, .own = ends->own, .peer = ends->peer, .deadline = BLUET_NEVER};
    pairing->bond = sm_bonds_find_identity(&sm->bonds, &link->identity);
    if (pairing->bond && sm_is_resolvable(&ends->peer))
        pairing->bond->flags |= SM_SECRET_PRIVATE;
    link->key_known = pairing->bond;
    sm->identity = ends->identity;
}

BLUET_INTERNAL void sm_link_closed(struct sm *sm, struct link *link)
{
    struct sm_pairing *pairing = &sm->pairings[link->index];
    link->encrypted = link->authenticated = false;
    if (pairing->state != SM_IDLE)
        sm_end(sm, pairing, BLUET_STATUS_DISCONNECTED);
    if (BLUET_HAS_SIGNING)
        sm_signing_end(sm, pairing);
    crypto_wipe(pairing, sizeof *pairing);
}

/* ---- Peers that have failed to prove themselves (2.3.6) ---- */

static bool is_delayed(const struct sm *sm, const struct sm_holdoff *holdoff)
{
    return sm->links->hci->now < holdoff->until;
}

static const struct bluet_address *known_name(const struct sm_pairing *pairing)
{
    return pairing->bond ? &pairing->bond->peer : &pairing->peer;
}

static bool is_delay_of(const struct sm_holdoff *holdoff, const struct sm_pairing *pairing)
{
    return holdoff->failures && hci_address_equal(&holdoff->peer, known_name(pairing));
}

/*
 * That of the peer; failing that, the one that has been over for longest. Private addresses cost nothing: all strangers
 * who have one share one delay, and so do others while too many are held off.
 */
static struct sm_holdoff *find_holdoff(struct sm *sm, const struct sm_pairing *pairing)
{
    struct sm_holdoff *found = NULL;
    bool shared = !pairing->bond && sm_is_private(&pairing->peer);
    for (size_t i = 0; !shared && i < SM_HOLDOFF_COUNT; i++) {
        struct sm_holdoff *holdoff = &sm->holdoffs[i];
        if (is_delay_of(holdoff, pairing))
            return holdoff;
        if (!is_delayed(sm, holdoff) && (!found || holdoff->until < found->until))
            found = holdoff;
    }
    return found ? found : &sm->strangers;
}

static bool is_held_off(struct sm *sm, const struct sm_pairing *pairing)
{
    return is_delayed(sm, find_holdoff(sm, pairing));
}

static bool is_failed_proof(uint16_t reason)
{
    return reason == SM_CONFIRM_VALUE_FAILED || reason == SM_DHKEY_CHECK_FAILED ||
           reason == SM_NUMERIC_COMPARISON_FAILED || reason == SM_PASSKEY_ENTRY_FAILED;
}

/* Delays double, and become shorter again with time; who has proved who it is, is not held off. */
static void count_attempt(struct sm *sm, const struct sm_pairing *pairing, uint16_t reason)
{
    struct sm_holdoff *holdoff = find_holdoff(sm, pairing);
    bool shared = holdoff == &sm->strangers;
    bool proved = reason == SM_SUCCESS && (pairing->secret_flags & SM_SECRET_AUTHENTICATED);
    if (proved && !shared && is_delay_of(holdoff, pairing))
        holdoff->failures = 0;
    if (!is_failed_proof(reason))
        return;
    if (!shared && !is_delay_of(holdoff, pairing))
        *holdoff = (struct sm_holdoff){.peer = *known_name(pairing)};
    const uint64_t now = sm->links->hci->now;
    for (; holdoff->failures && now >= holdoff->until + (holdoff_us << FAILURES_MOST); holdoff->failures--)
        holdoff->until += holdoff_us << FAILURES_MOST;
    holdoff->until = now + (holdoff_us << holdoff->failures);
    if (holdoff->failures < FAILURES_MOST)
        holdoff->failures++;
}

/* ---- The end of what is under way ---- */

static void raise_update(struct sm *sm, const struct link *link, uint16_t reason)
{
    struct bluet_event event = {.code = BLUET_EVENT_ENCRYPTION_UPDATE, .conn_handle = link->handle};
    event.encryption_update.encrypted = link->encrypted;
    event.encryption_update.authenticated = link->authenticated;
    event.encryption_update.bonded = link->bonded;
    event.encryption_update.key_size = link->key_size;
    event.encryption_update.reason = reason;
    event_raise(sm->links->hci->sink, &event);
}

static void set_security(struct link *link, bool encrypted, struct sm_pairing *pairing)
{
    link->encrypted = encrypted;
    link->authenticated = encrypted && (pairing->secret_flags & SM_SECRET_AUTHENTICATED);
    link->key_size = encrypted ? pairing->key_size : 0;
    link->key_short = false;
    pairing->secure = encrypted && (pairing->secret_flags & SM_SECRET_SECURE);
    if (!encrypted)
        link->bonded = false;
}

BLUET_INTERNAL void sm_enter(struct sm *sm, struct sm_pairing *pairing, enum sm_state state)
{
    if (pairing->state == SM_IDLE)
        sm->busy_count++;
    pairing->state = (uint8_t)state;
    pairing->deadline = sm->links->hci->now + pairing_timeout_us;
}

BLUET_INTERNAL void sm_end(struct sm *sm, struct sm_pairing *pairing, uint16_t reason)
{
    struct link *link = pairing->link;
    if (pairing->state != SM_AWAIT_KEPT_ENCRYPTION)
        count_attempt(sm, pairing, reason);
    /* Of a passkey that has not served, a peer may have learned a part (2.3.5.6.3). */
    if (reason && pairing->answered && !pairing->refused && sm_is_passkey_entry(pairing))
        sm->burnt_passkey = pairing->passkey;
    if (pairing->model == SM_OUT_OF_BAND)
        sm_oob_pairing_ended(sm, pairing, reason);
    /* What was agreed on has not come: the link is as good as one in the clear. */
    if (reason && pairing->state == SM_AWAIT_KEYS)
        set_security(link, false, pairing);
    sm->busy_count--;
    pairing->state = SM_IDLE;
    pairing->deadline = BLUET_NEVER;
    pairing->resume = NULL;
    pairing->action = BLUET_PASSKEY_ACTION_NONE;
    pairing->model = SM_JUST_WORKS;
    pairing->passkey = 0;
    pairing->answered = pairing->refused = pairing->due = pairing->kept_only = false;
    if (pairing->work)
        crypto_wipe(pairing->work, sizeof *pairing->work);
    pairing->work = NULL;
    raise_update(sm, link, reason);
}

/* ---- Out ---- */

static int transmit(struct sm *sm, const struct sm_pairing *pairing, uint8_t code, const struct writer *parameters)
{
    const struct bluet_span spans[] = {{&code, 1}, {parameters->start, parameters->length}};
    return l2cap_send(sm->links, pairing->link, L2CAP_CID_SECURITY_MANAGER, spans, 2);
}

BLUET_INTERNAL bool sm_send(struct sm *sm, struct sm_pairing *pairing, uint8_t code, const struct writer *parameters)
{
    int error = transmit(sm, pairing, code, parameters);
    pairing->deadline = sm->links->hci->now + pairing_timeout_us;
    if (error)
        sm_end(sm, pairing, error == BLUET_ENOMEM ? BLUET_STATUS_NO_MEMORY : BLUET_STATUS_DISCONNECTED);
    return !error;
}

BLUET_INTERNAL bool sm_send_value(struct sm *sm, struct sm_pairing *pairing, uint8_t code, const uint8_t value[16])
{
    uint8_t octets[16];
    struct writer writer = writer_of(octets, sizeof octets);
    write_reversed(&writer, value, sizeof octets);
    bool sent = sm_send(sm, pairing, code, &writer);
    crypto_wipe(octets, sizeof octets);
    return sent;
}

/* Without a buffer the peer's timer tells it. */
static void send_failed(struct sm *sm, const struct sm_pairing *pairing, enum sm_reason reason)
{
    uint8_t octet = (uint8_t)reason;
    const struct writer parameters = {.start = &octet, .length = 1};
    (void)transmit(sm, pairing, SM_PAIRING_FAILED, &parameters);
}

BLUET_INTERNAL void sm_fail(struct sm *sm, struct sm_pairing *pairing, enum sm_reason reason)
{
    send_failed(sm, pairing, reason);
    sm_end(sm, pairing, (uint16_t)reason);
}

/* ---- Encryption (2.4.4) ---- */

static bool is_awaited(const struct sm_pairing *pairing)
{
    return pairing->state == SM_AWAIT_ENCRYPTION || pairing->state == SM_AWAIT_KEPT_ENCRYPTION;
}

static void encryption_requested(void *context, const struct hci_result *result)
{
    struct sm *sm = context;
    struct link *link = sm->links ? link_find(sm->links, result->argument) : NULL;
    if (link && result->status != HCI_SUCCESS)
        sm_encryption_change(sm, link, result->status, false);
}

/* As central. Raises if there is no room for the command. */
static void encrypt_link(struct sm *sm, struct sm_pairing *pairing, const struct sm_secret *secret)
{
    uint8_t parameters[28];
    struct writer writer = writer_of(parameters, sizeof parameters);
    write_u16(&writer, pairing->link->handle);
    write_octets(&writer, secret->random, sizeof secret->random);
    write_u16(&writer, secret->ediv);
    write_reversed(&writer, secret->ltk, sizeof secret->ltk);
    const struct hci_command command = {.opcode = HCI_LE_ENABLE_ENCRYPTION,
                                        .done = encryption_requested,
                                        .context = sm,
                                        .argument = pairing->link->handle};
    bool queued = hci_request(sm->links->hci, &command, parameters, writer.length);
    crypto_wipe(parameters, sizeof parameters);
    if (!queued)
        sm_end(sm, pairing, BLUET_STATUS_NO_MEMORY);
}

BLUET_INTERNAL void sm_key_is_made(struct sm *sm, struct sm_pairing *pairing)
{
    struct sm_secret secret = {0};
    sm_enter(sm, pairing, SM_AWAIT_ENCRYPTION);
    if (!pairing->link->central)
        return;
    memcpy(secret.ltk, pairing->work->key, sizeof secret.ltk);
    encrypt_link(sm, pairing, &secret);
    crypto_wipe(&secret, sizeof secret);
}

static void use_kept(struct sm *sm, struct sm_pairing *pairing, const struct sm_secret *secret)
{
    pairing->secret_flags = secret->flags;
    pairing->key_size = secret->key_size;
    sm_enter(sm, pairing, SM_AWAIT_KEPT_ENCRYPTION);
}

/* What was kept with the bond holds again. */
static void restore(struct sm *sm, struct link *link, const struct sm_bond *bond)
{
    struct sm_secret ours;
    struct bluet_address peer = bond->peer;
    if (sm_bonds_read(&sm->bonds, &ours, BLUET_SECRET_OURS, &peer) && link->state == LINK_OPEN)
        sm->keeper.restore(sm->keeper.context, link, ours.tail, ours.tail_length);
    crypto_wipe(&ours, sizeof ours);
}

static void encrypted(struct sm *sm, struct sm_pairing *pairing)
{
    struct link *link = pairing->link;
    set_security(link, true, pairing);
    if (pairing->state == SM_AWAIT_ENCRYPTION) {
        sm_distribute(sm, pairing);
        return;
    }
    link->bonded = pairing->bond;
    if (pairing->bond)
        restore(sm, link, pairing->bond);
    sm_end(sm, pairing, SM_SUCCESS);
}

BLUET_INTERNAL void sm_encryption_change(struct sm *sm, struct link *link, uint8_t status, bool enabled)
{
    struct sm_pairing *pairing = &sm->pairings[link->index];
    bool good = status == HCI_SUCCESS && enabled;
    if (is_awaited(pairing) && good) {
        encrypted(sm, pairing);
    } else if (is_awaited(pairing)) {
        set_security(link, false, pairing);
        pairing->key_missing = status == HCI_PIN_OR_KEY_MISSING;
        sm_end(sm, pairing, (uint16_t)(BLUET_REASON_HCI | (status ? status : HCI_AUTHENTICATION_FAILURE)));
    } else if (good) {
        /* With a key that nobody has given: not to be believed. */
        if (!link->encrypted)
            hci_protocol_error(sm->links->hci);
    } else if (link->encrypted) {
        set_security(link, false, pairing);
        raise_update(sm, link, (uint16_t)(status ? BLUET_REASON_HCI | status : 0));
    }
}

BLUET_INTERNAL void sm_key_refresh(struct sm *sm, struct link *link, uint8_t status)
{
    sm_encryption_change(sm, link, status, status == HCI_SUCCESS);
}

static void reply_key(struct sm *sm, const struct link *link, const uint8_t *key)
{
    uint8_t parameters[18];
    struct writer writer = writer_of(parameters, sizeof parameters);
    struct hci_command command = {.opcode = HCI_LE_LONG_TERM_KEY_REQUEST_NEGATIVE_REPLY};
    write_u16(&writer, link->handle);
    if (key) {
        command.opcode = HCI_LE_LONG_TERM_KEY_REQUEST_REPLY;
        write_reversed(&writer, key, 16);
    }
    if (!hci_request(sm->links->hci, &command, parameters, writer.length))
        hci_protocol_error(sm->links->hci);
    crypto_wipe(parameters, sizeof parameters);
}

/* Of a bond, and no weaker than what the application asks for. */
static bool find_kept(struct sm *sm, const struct sm_pairing *pairing, struct sm_secret *out_secret, uint8_t sec_type)
{
    if (!pairing->bond)
        return false;
    struct bluet_address peer = pairing->bond->peer;
    return sm_bonds_read(&sm->bonds, out_secret, sec_type, &peer) && (out_secret->flags & SM_SECRET_LTK) &&
           sm_suffices(sm, pairing, out_secret->flags, out_secret->key_size);
}

static void kept_key_requested(struct sm *sm, struct sm_pairing *pairing, const uint8_t *random, uint16_t ediv)
{
    struct sm_secret secret;
    bool found = find_kept(sm, pairing, &secret, BLUET_SECRET_OURS) && secret.ediv == ediv &&
                 memcmp(secret.random, random, sizeof secret.random) == 0;
    reply_key(sm, pairing->link, found ? secret.ltk : NULL);
    if (found) {
        use_kept(sm, pairing, &secret);
    } else {
        if (pairing->state == SM_IDLE)
            sm_enter(sm, pairing, SM_AWAIT_KEPT_ENCRYPTION);
        sm_end(sm, pairing, BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
    }
    crypto_wipe(&secret, sizeof secret);
}

/* In the midst of a pairing there is no key but the one that it ends with, and not before it has ended well. */
BLUET_INTERNAL void sm_long_term_key_request(struct sm *sm, struct link *link, struct reader *event)
{
    static const uint8_t zeros[8];
    struct sm_pairing *pairing = &sm->pairings[link->index];
    uint8_t random[8];
    read_octets(event, random, sizeof random);
    uint16_t ediv = read_u16(event);
    switch (pairing->state) {
    case SM_IDLE:
    case SM_BEGIN:
    case SM_AWAIT_PAIRING_REQUEST:
        kept_key_requested(sm, pairing, random, ediv);
        break;
    case SM_AWAIT_ENCRYPTION:
        if (!link->central && ediv == 0 && memcmp(random, zeros, sizeof random) == 0) {
            reply_key(sm, link, pairing->work->key);
            break;
        }
        /* fall through */
    default:
        reply_key(sm, link, NULL);
        hci_protocol_error(sm->links->hci);
        sm_fail(sm, pairing, SM_UNSPECIFIED_REASON);
        break;
    }
}

BLUET_INTERNAL void sm_save(struct sm *sm, const struct link *link)
{
    const struct sm_pairing *pairing = &sm->pairings[link->index];
    struct sm_secret ours;
    if (!link->bonded || !pairing->bond || pairing->state == SM_AWAIT_KEYS)
        return;
    struct bluet_address peer = pairing->bond->peer;
    if (sm_bonds_read(&sm->bonds, &ours, BLUET_SECRET_OURS, &peer)) {
        ours.tail_length = sm->keeper.save(sm->keeper.context, link, ours.tail);
        sm_bonds_write(&sm->bonds, &ours, BLUET_SECRET_OURS);
    }
    crypto_wipe(&ours, sizeof ours);
}

/* ---- How it begins ---- */

static bool take_work(struct sm *sm, struct sm_pairing *pairing)
{
    for (uint8_t i = 0; !pairing->work && i < sm->work_count; i++) {
        if (!sm->works[i].used)
            pairing->work = &sm->works[i];
    }
    if (pairing->work)
        pairing->work->used = true;
    return pairing->work;
}

static void begin_as_central(struct sm *sm, struct sm_pairing *pairing)
{
    struct sm_secret secret;
    bool found =
        !pairing->link->encrypted && !pairing->key_missing && find_kept(sm, pairing, &secret, BLUET_SECRET_PEER);
    if (found) {
        use_kept(sm, pairing, &secret);
        encrypt_link(sm, pairing, &secret);
        crypto_wipe(&secret, sizeof secret);
    } else if (pairing->kept_only && pairing->bond) {
        sm_end(sm, pairing, BLUET_REASON_HCI | HCI_PIN_OR_KEY_MISSING);
    } else if (!take_work(sm, pairing)) {
        sm_end(sm, pairing, BLUET_STATUS_NO_MEMORY);
    } else {
        sm_request_pairing(sm, pairing);
    }
}

static void begin_pairing(struct sm *sm, struct sm_pairing *pairing)
{
    if (pairing->link->central) {
        begin_as_central(sm, pairing);
        return;
    }
    uint8_t request = sm_authentication_request(sm, pairing);
    const struct writer parameters = {.start = &request, .length = 1};
    sm_enter(sm, pairing, SM_AWAIT_PAIRING_REQUEST);
    sm_send(sm, pairing, SM_SECURITY_REQUEST, &parameters);
}

static bool is_good_enough(const struct sm *sm, const struct sm_pairing *pairing)
{
    const struct link *link = pairing->link;
    int flags = (link->authenticated ? SM_SECRET_AUTHENTICATED : 0) | (pairing->secure ? SM_SECRET_SECURE : 0);
    return link->encrypted && sm_suffices(sm, pairing, (uint8_t)flags, link->key_size) &&
           (link->bonded || !sm->security.bond);
}

BLUET_INTERNAL int sm_pair(struct sm *sm, struct link *link)
{
    struct sm_pairing *pairing = &sm->pairings[link->index];
    if (pairing->dead)
        return BLUET_ETIMEDOUT;
    if (pairing->state != SM_IDLE || is_good_enough(sm, pairing))
        return BLUET_EALREADY;
    if (is_held_off(sm, pairing))
        return BLUET_EBUSY;
    sm_enter(sm, pairing, SM_BEGIN);
    pairing->due = true;
    sm->due = true;
    return BLUET_OK;
}

BLUET_INTERNAL void sm_settle(struct sm *sm)
{
    static const uint8_t refusals[] = {[BLUET_PASSKEY_ACTION_INPUT] = SM_PASSKEY_ENTRY_FAILED,
                                       [BLUET_PASSKEY_ACTION_DISPLAY] = SM_PASSKEY_ENTRY_FAILED,
                                       [BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON] = SM_NUMERIC_COMPARISON_FAILED};
    while (sm->due) {
        sm->due = false;
        for (uint8_t i = 0; i < sm->links->limit; i++) {
            struct sm_pairing *pairing = &sm->pairings[i];
            if (!pairing->due)
                continue;
            pairing->due = false;
            if (pairing->refused)
                sm_fail(sm, pairing, refusals[pairing->action]);
            else if (pairing->state == SM_BEGIN)
                begin_pairing(sm, pairing);
            else if (pairing->state == SM_AWAIT_USER && pairing->answered)
                pairing->resume(sm, pairing);
        }
        sm_bonds_settle(&sm->bonds, sm->links->hci);
    }
}

BLUET_INTERNAL uint64_t sm_deadline(const struct sm *sm)
{
    uint64_t deadline = sm->due ? 0 : BLUET_NEVER;
    for (uint8_t i = 0; sm->busy_count && i < sm->links->limit; i++) {
        const struct sm_pairing *pairing = &sm->pairings[i];
        if (pairing->state != SM_IDLE && pairing->deadline < deadline)
            deadline = pairing->deadline;
    }
    return deadline;
}

/* No more of the Security Manager on that link; a Security Request that is not heeded is nothing of the kind. */
BLUET_INTERNAL void sm_expire(struct sm *sm)
{
    for (uint8_t i = 0; sm->busy_count && i < sm->links->limit; i++) {
        struct sm_pairing *pairing = &sm->pairings[i];
        if (pairing->state == SM_IDLE || pairing->deadline > sm->links->hci->now)
            continue;
        pairing->dead = pairing->state != SM_AWAIT_PAIRING_REQUEST && pairing->state != SM_AWAIT_KEPT_ENCRYPTION;
        sm_end(sm, pairing, BLUET_STATUS_TIMEOUT);
    }
}

/* ---- In ---- */

static void pairing_requested(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    enum sm_reason reason = SM_SUCCESS;
    if (is_held_off(sm, pairing))
        reason = SM_REPEATED_ATTEMPTS;
    else if (!take_work(sm, pairing))
        reason = SM_UNSPECIFIED_REASON;
    if (!reason) {
        sm_pairing_request(sm, pairing, pdu);
        return;
    }
    send_failed(sm, pairing, reason);
    if (pairing->state != SM_IDLE)
        sm_end(sm, pairing, (uint16_t)reason);
}

/* The peer has no right to more than the encryption of a bond that there is, or to a pairing where there is none. */
static void security_requested(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    uint8_t request = read_u8(pdu);
    const struct link *link = pairing->link;
    bool wanted = !link->encrypted || ((request & SM_MITM) && !link->authenticated);
    if (pairing->state != SM_IDLE || !wanted || pairing->key_missing || is_held_off(sm, pairing))
        return;
    pairing->kept_only = true;
    sm_enter(sm, pairing, SM_BEGIN);
    begin_pairing(sm, pairing);
}

static void pairing_failed(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    uint8_t reason = read_u8(pdu);
    if (pairing->state == SM_IDLE || pairing->state == SM_AWAIT_KEPT_ENCRYPTION) {
        hci_protocol_error(sm->links->hci);
        return;
    }
    sm_end(sm, pairing, reason && reason <= SM_REASON_LARGEST ? reason : SM_UNSPECIFIED_REASON);
}

/* Accepted, and of no use to anybody here (3.5.8). */
static void key_pressed(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    if (read_u8(pdu) > SM_KEYPRESS_LARGEST || pairing->state == SM_IDLE)
        hci_protocol_error(sm->links->hci);
}

enum { ANY_STATE = 0xffff, NOT_BEGUN = 1 << SM_IDLE | 1 << SM_BEGIN | 1 << SM_AWAIT_PAIRING_REQUEST };
enum sm_role { SM_BY_EITHER, SM_BY_CENTRAL, SM_BY_PERIPHERAL };

struct sm_command {
    uint8_t code;
    uint8_t length; /* of its parameters, to the octet */
    uint8_t role;   /* who may send it */
    uint16_t states;
    void (*handle)(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu); /* NULL: sm_key_received() */
};

/* Vol 3 Part H, 3.3 */
static const struct sm_command sm_commands[] = {
    {SM_PAIRING_REQUEST, 6, SM_BY_CENTRAL, NOT_BEGUN, pairing_requested},
    {SM_PAIRING_RESPONSE, 6, SM_BY_PERIPHERAL, 1 << SM_AWAIT_PAIRING_RESPONSE, sm_pairing_response},
    {SM_PAIRING_CONFIRM, 16, SM_BY_EITHER, 1 << SM_AWAIT_LEGACY_CONFIRM,
     BLUET_HAS_LEGACY_PAIRING ? sm_legacy_confirm : NULL},
    {SM_PAIRING_CONFIRM, 16, SM_BY_EITHER, 1 << SM_AWAIT_SECURE_CONFIRM, sm_secure_confirm},
    {SM_PAIRING_RANDOM, 16, SM_BY_EITHER, 1 << SM_AWAIT_LEGACY_RANDOM,
     BLUET_HAS_LEGACY_PAIRING ? sm_legacy_random : NULL},
    {SM_PAIRING_RANDOM, 16, SM_BY_EITHER, 1 << SM_AWAIT_SECURE_RANDOM, sm_secure_random},
    {SM_PAIRING_FAILED, 1, SM_BY_EITHER, ANY_STATE, pairing_failed},
    {SM_ENCRYPTION_INFORMATION, 16, SM_BY_EITHER, 1 << SM_AWAIT_KEYS, NULL},
    {SM_CENTRAL_IDENTIFICATION, 10, SM_BY_EITHER, 1 << SM_AWAIT_KEYS, NULL},
    {SM_IDENTITY_INFORMATION, 16, SM_BY_EITHER, 1 << SM_AWAIT_KEYS, NULL},
    {SM_IDENTITY_ADDRESS_INFORMATION, 7, SM_BY_EITHER, 1 << SM_AWAIT_KEYS, NULL},
    {SM_SIGNING_INFORMATION, 16, SM_BY_EITHER, 1 << SM_AWAIT_KEYS, NULL},
    {SM_SECURITY_REQUEST, 1, SM_BY_PERIPHERAL, ANY_STATE, security_requested},
    {SM_PAIRING_PUBLIC_KEY, 64, SM_BY_EITHER, 1 << SM_AWAIT_PUBLIC_KEY, sm_public_key},
    {SM_PAIRING_DHKEY_CHECK, 16, SM_BY_EITHER, 1 << SM_AWAIT_DHKEY_CHECK, sm_dhkey_check},
    {SM_KEYPRESS_NOTIFICATION, 1, SM_BY_EITHER, ANY_STATE, key_pressed},
};

/* The row of a PDU in that state; failing that, any row of the PDU; NULL: there is no such PDU. */
static const struct sm_command *find_command(uint8_t code, uint8_t state)
{
    const struct sm_command *found = NULL;
    for (size_t i = 0; i < sizeof sm_commands / sizeof *sm_commands; i++) {
        const struct sm_command *command = &sm_commands[i];
        if (command->code != code)
            continue;
        found = command;
        if (command->states & 1 << state)
            break;
    }
    return found;
}

/* One that is not what it should be, or not now: whatever is under way ends, and nothing begins. */
static void refuse_command(struct sm *sm, struct sm_pairing *pairing, enum sm_reason reason)
{
    hci_protocol_error(sm->links->hci);
    bool kept = pairing->state == SM_AWAIT_KEPT_ENCRYPTION;
    if (pairing->state == SM_IDLE || kept)
        send_failed(sm, pairing, reason);
    else
        sm_fail(sm, pairing, reason);
}

static bool is_by(uint8_t role, const struct link *link)
{
    return role == SM_BY_EITHER || (role == SM_BY_PERIPHERAL) == link->central;
}

BLUET_INTERNAL void sm_receive(struct sm *sm, struct link *link, struct reader *frame)
{
    struct sm_pairing *pairing = &sm->pairings[link->index];
    uint8_t code = read_u8(frame);
    const struct sm_command *command = find_command(code, pairing->state);
    if (pairing->dead || !reader_ok(frame) || !command)
        hci_protocol_error(sm->links->hci);
    else if (!is_by(command->role, link))
        refuse_command(sm, pairing, SM_COMMAND_NOT_SUPPORTED);
    else if (reader_remaining(frame) != command->length)
        refuse_command(sm, pairing, SM_INVALID_PARAMETERS);
    else if (!(command->states & 1 << pairing->state))
        refuse_command(sm, pairing, SM_UNSPECIFIED_REASON);
    else if (command->handle)
        command->handle(sm, pairing, frame);
    else
        sm_key_received(sm, pairing, code, frame);
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
    for (uint8_t i = 0; i < sm->links->limit; i++) {
        struct sm_pairing *pairing = &sm->pairings[i];
        if (pairing->link && pairing->bond == bond) {
            pairing->bond = NULL;
            pairing->link->key_known = pairing->link->bonded = false;
        }
    }
    int ticket = hci_new_ticket(sm->links->hci);
    sm_bonds_delete(&sm->bonds, bond, ticket);
    sm->due = true;
    return ticket;
}
