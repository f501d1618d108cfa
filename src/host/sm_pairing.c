/* The exchange of features, the association model that follows from it, and the user (Vol 3 Part H, 2.3.1 to 2.3.5.1).
 */
#include "host/sm_pairing.h"

#include "spec/l2cap.h"

/* Where the octets of Pairing Request and Pairing Response are (3.5.1, 3.5.2). */
enum { FEATURE_IO = 1, FEATURE_OOB, FEATURE_AUTHENTICATION, FEATURE_KEY_SIZE, FEATURE_INITIATOR, FEATURE_RESPONDER };

enum { ALL_KEYS = SM_ENCRYPTION_KEY | SM_IDENTITY_KEY | SM_SIGNING_KEY };
enum { OUR_KEYS = BLUET_HAS_SIGNING ? ALL_KEYS : SM_ENCRYPTION_KEY | SM_IDENTITY_KEY };

/* ---- What we ask for ---- */

BLUET_INTERNAL uint8_t sm_authentication_request(const struct sm *sm, const struct sm_pairing *pairing)
{
    const struct bluet_security *security = &sm->security;
    uint8_t request = 0;
    if (security->bond && (pairing->bond || sm_bonds_have_room(&sm->bonds)))
        request |= SM_BONDING;
    if (security->mitm || security->secure_only)
        request |= SM_MITM;
    if (!security->legacy)
        request |= SM_SECURE_CONNECTIONS;
    return request;
}

BLUET_INTERNAL bool sm_suffices(const struct sm *sm, const struct sm_pairing *pairing, uint8_t secret_flags,
                                uint8_t key_size)
{
    const struct bluet_security *security = &sm->security;
    bool authenticated = secret_flags & SM_SECRET_AUTHENTICATED;
    bool secure = secret_flags & SM_SECRET_SECURE;
    if (security->secure_only && !(authenticated && secure && key_size == SM_KEY_SIZE_MOST))
        return false;
    bool could_be = security->io != BLUET_IO_NO_INPUT_OUTPUT || sm_oob_of_peer(sm, pairing);
    if (security->mitm && could_be && !authenticated)
        return false;
    return key_size >= security->key_size && (secure || !security->le_secure);
}

/* Who begins, and has a temporary key and nothing else, has to leave out Secure Connections to use it. */
static void set_out_of_band(const struct sm *sm, const struct sm_pairing *pairing, uint8_t *features, bool asked)
{
    const struct bluet_security *security = &sm->security;
    const struct bluet_oob *data = sm_oob_of_peer(sm, pairing);
    bool secure = features[FEATURE_AUTHENTICATION] & SM_SECURE_CONNECTIONS;
    if (asked)
        secure = secure && (pairing->work->request[FEATURE_AUTHENTICATION] & SM_SECURE_CONNECTIONS);
    else if (BLUET_HAS_LEGACY_PAIRING && secure && data && !data->secure && !security->le_secure &&
             !security->secure_only)
        secure = false;
    if (!asked && !secure)
        features[FEATURE_AUTHENTICATION] &= (uint8_t)~SM_SECURE_CONNECTIONS;
    features[FEATURE_OOB] = data && (secure ? data->secure : data->legacy);
}

BLUET_INTERNAL bool sm_is_flagged(const struct sm_pairing *pairing, bool own)
{
    const struct sm_work *work = pairing->work;
    return (own == pairing->link->central ? work->request : work->response)[FEATURE_OOB];
}

static void write_features(const struct sm *sm, struct sm_pairing *pairing, uint8_t code)
{
    uint8_t *features = code == SM_PAIRING_REQUEST ? pairing->work->request : pairing->work->response;
    bool asked = code == SM_PAIRING_RESPONSE;
    features[0] = code;
    features[FEATURE_IO] = sm->security.io;
    features[FEATURE_AUTHENTICATION] = sm_authentication_request(sm, pairing);
    features[FEATURE_KEY_SIZE] = SM_KEY_SIZE_MOST;
    set_out_of_band(sm, pairing, features, asked);
    uint8_t keys = features[FEATURE_AUTHENTICATION] & SM_BONDING ? OUR_KEYS : 0;
    features[FEATURE_INITIATOR] = asked ? keys & pairing->work->request[FEATURE_INITIATOR] : keys;
    features[FEATURE_RESPONDER] = asked ? keys & pairing->work->request[FEATURE_RESPONDER] : keys;
}

static bool send_features(struct sm *sm, struct sm_pairing *pairing, uint8_t *features)
{
    const struct writer parameters = {.start = features + 1, .length = SM_FEATURES_LENGTH - 1};
    return sm_send(sm, pairing, features[0], &parameters);
}

BLUET_INTERNAL void sm_request_pairing(struct sm *sm, struct sm_pairing *pairing)
{
    write_features(sm, pairing, SM_PAIRING_REQUEST);
    sm_enter(sm, pairing, SM_AWAIT_PAIRING_RESPONSE);
    send_features(sm, pairing, pairing->work->request);
}

/* ---- The model ---- */

/* [responder][initiator]; where it says comparison, Legacy Pairing has the other (2.3.5.1, table 2.8). */
static uint8_t model_of(uint8_t initiator, uint8_t responder, bool secure)
{
    enum { J = SM_JUST_WORKS, I = SM_INITIATOR_DISPLAYS, R = SM_RESPONDER_DISPLAYS, B = SM_BOTH_TYPE };
    enum { N = SM_NUMERIC_COMPARISON };
    static const uint8_t legacy[5][5] = {
        {J, J, R, J, R}, {J, J, R, J, R}, {I, I, B, J, I}, {J, J, J, J, J}, {I, I, R, J, I}};
    static const uint8_t secure_connections[5][5] = {
        {J, J, R, J, R}, {J, N, R, J, N}, {I, I, B, J, I}, {J, J, J, J, J}, {I, N, R, J, N}};
    return secure ? secure_connections[responder][initiator] : legacy[responder][initiator];
}

static enum sm_reason check_features(const uint8_t *features)
{
    if (features[FEATURE_IO] > BLUET_IO_KEYBOARD_DISPLAY || features[FEATURE_OOB] > 1 ||
        features[FEATURE_KEY_SIZE] < SM_KEY_SIZE_LEAST || features[FEATURE_KEY_SIZE] > SM_KEY_SIZE_MOST)
        return SM_INVALID_PARAMETERS;
    return SM_SUCCESS;
}

/*
 * A key that is kept is not given up for a lesser one. And whoever pairs anew under a known name has to show that he is
 * who he says: by the key that is kept, to the user, or because the application has asked for it.
 */
static bool may_replace(const struct sm_pairing *pairing)
{
    const struct sm_bond *bond = pairing->bond;
    if (!bond || !pairing->bonding)
        return true;
    uint8_t level = SM_SECRET_AUTHENTICATED | SM_SECRET_SECURE;
    if ((bond->flags & ~pairing->secret_flags & level) || pairing->key_size < bond->key_size)
        return false;
    return (pairing->secret_flags & SM_SECRET_AUTHENTICATED) || pairing->link->encrypted || pairing->link->central;
}

/* Legacy Pairing has to have such data at both sides, Secure Connections at one (2.3.5.1, tables 2.6 and 2.7). */
static bool is_out_of_band(const struct sm_pairing *pairing, bool secure)
{
    bool ours = sm_is_flagged(pairing, true);
    bool theirs = sm_is_flagged(pairing, false);
    return secure ? ours || theirs : ours && theirs;
}

static bool has_out_of_band(const struct sm *sm, const struct sm_pairing *pairing, bool secure)
{
    const struct bluet_oob *data = sm_oob_of_peer(sm, pairing);
    if (!secure)
        return data && data->legacy;
    return (!sm_is_flagged(pairing, true) || (data && data->secure)) &&
           (!sm_is_flagged(pairing, false) || sm_oob_has_own(sm));
}

/* Both sides' features are known: what comes of them. */
static enum sm_reason conclude(struct sm *sm, struct sm_pairing *pairing)
{
    const uint8_t *request = pairing->work->request;
    const uint8_t *response = pairing->work->response;
    const uint8_t *peer = pairing->link->central ? response : request;
    uint8_t both = request[FEATURE_AUTHENTICATION] & response[FEATURE_AUTHENTICATION];
    uint8_t either = request[FEATURE_AUTHENTICATION] | response[FEATURE_AUTHENTICATION];
    bool secure = both & SM_SECURE_CONNECTIONS;
    /* A peer of our own name could send us back what we say, and it would hold. */
    if (hci_address_equal(&pairing->own, &pairing->peer))
        return SM_UNSPECIFIED_REASON;
    bool out_of_band = is_out_of_band(pairing, secure);
    if (out_of_band && !has_out_of_band(sm, pairing, secure))
        return SM_OOB_NOT_AVAILABLE;

    pairing->model = out_of_band ? SM_OUT_OF_BAND : SM_JUST_WORKS;
    if (!out_of_band && (either & SM_MITM))
        pairing->model = model_of(request[FEATURE_IO], response[FEATURE_IO], secure);
    pairing->key_size = SM_KEY_SIZE_MOST;
    if (peer[FEATURE_KEY_SIZE] < pairing->key_size)
        pairing->key_size = peer[FEATURE_KEY_SIZE];
    pairing->bonding = (request[FEATURE_AUTHENTICATION] & SM_BONDING_MASK) == SM_BONDING &&
                       (response[FEATURE_AUTHENTICATION] & SM_BONDING_MASK) == SM_BONDING;
    pairing->secret_flags = secure ? SM_SECRET_SECURE : 0;
    if (pairing->model != SM_JUST_WORKS)
        pairing->secret_flags |= SM_SECRET_AUTHENTICATED;
    if (pairing->key_size < sm->security.key_size)
        return SM_ENCRYPTION_KEY_SIZE;
    if (!BLUET_HAS_LEGACY_PAIRING && !secure)
        return SM_AUTHENTICATION_REQUIREMENTS;
    if (!sm_suffices(sm, pairing, pairing->secret_flags, pairing->key_size) || !may_replace(pairing))
        return SM_AUTHENTICATION_REQUIREMENTS;
    return SM_SUCCESS;
}

static void begin_authentication(struct sm *sm, struct sm_pairing *pairing)
{
    if (pairing->secret_flags & SM_SECRET_SECURE)
        sm_secure_begin(sm, pairing);
    else if (BLUET_HAS_LEGACY_PAIRING)
        sm_legacy_begin(sm, pairing);
}

static void read_pairing_features(uint8_t *out, uint8_t code, struct reader *pdu)
{
    out[0] = code;
    read_octets(pdu, out + 1, SM_FEATURES_LENGTH - 1);
}

BLUET_INTERNAL void sm_pairing_request(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    read_pairing_features(pairing->work->request, SM_PAIRING_REQUEST, pdu);
    sm_enter(sm, pairing, SM_AWAIT_PAIRING_REQUEST);
    enum sm_reason reason = check_features(pairing->work->request);
    write_features(sm, pairing, SM_PAIRING_RESPONSE);
    /* What will not do is not responded to: the peer's user would be asked in vain. */
    if (!reason)
        reason = conclude(sm, pairing);
    if (reason)
        sm_fail(sm, pairing, reason);
    else if (send_features(sm, pairing, pairing->work->response))
        begin_authentication(sm, pairing);
}

BLUET_INTERNAL void sm_pairing_response(struct sm *sm, struct sm_pairing *pairing, struct reader *pdu)
{
    uint8_t *response = pairing->work->response;
    const uint8_t *request = pairing->work->request;
    read_pairing_features(response, SM_PAIRING_RESPONSE, pdu);
    enum sm_reason reason = check_features(response);
    /* The responder may drop keys, but not add any; reserved ones and the link key are nobody's. */
    if (ALL_KEYS & ((response[FEATURE_INITIATOR] & ~request[FEATURE_INITIATOR]) |
                    (response[FEATURE_RESPONDER] & ~request[FEATURE_RESPONDER])))
        reason = SM_INVALID_PARAMETERS;
    if (!reason)
        reason = conclude(sm, pairing);
    if (reason)
        sm_fail(sm, pairing, reason);
    else
        begin_authentication(sm, pairing);
}

/* ---- The user ---- */

BLUET_INTERNAL bool sm_is_passkey_entry(const struct sm_pairing *pairing)
{
    return pairing->model >= SM_INITIATOR_DISPLAYS && pairing->model <= SM_BOTH_TYPE;
}

BLUET_INTERNAL uint8_t sm_passkey_action(const struct sm_pairing *pairing)
{
    if (!sm_is_passkey_entry(pairing))
        return BLUET_PASSKEY_ACTION_NONE;
    bool displays = pairing->model == (pairing->link->central ? SM_INITIATOR_DISPLAYS : SM_RESPONDER_DISPLAYS);
    return displays ? BLUET_PASSKEY_ACTION_DISPLAY : BLUET_PASSKEY_ACTION_INPUT;
}

BLUET_INTERNAL void sm_ask_user(struct sm *sm, struct sm_pairing *pairing, uint8_t action, uint32_t passkey)
{
    pairing->action = action;
    pairing->answered = action == BLUET_PASSKEY_ACTION_NONE;
    pairing->passkey = 0;
    if (action == BLUET_PASSKEY_ACTION_NONE) {
        if (pairing->state == SM_AWAIT_USER)
            pairing->resume(sm, pairing);
        return;
    }
    struct bluet_event event = {.code = BLUET_EVENT_PASSKEY_ACTION, .conn_handle = pairing->link->handle};
    event.passkey_action.action = action;
    event.passkey_action.passkey = passkey;
    event_raise(sm->links->hci->sink, &event);
}

BLUET_INTERNAL void sm_await_user(struct sm *sm, struct sm_pairing *pairing, sm_step resume)
{
    if (pairing->action == BLUET_PASSKEY_ACTION_NONE || pairing->answered) {
        resume(sm, pairing);
        return;
    }
    sm_enter(sm, pairing, SM_AWAIT_USER);
    pairing->resume = resume;
}

BLUET_INTERNAL int sm_passkey(struct sm *sm, struct link *link, enum bluet_passkey_action action, uint32_t passkey)
{
    struct sm_pairing *pairing = &sm->pairings[link->index];
    bool compared = action == BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON;
    bool refused = action == BLUET_PASSKEY_ACTION_NONE || (compared && passkey == 0);
    if (pairing->action == BLUET_PASSKEY_ACTION_NONE || pairing->answered)
        return BLUET_EINVAL;
    if (action != BLUET_PASSKEY_ACTION_NONE && action != pairing->action)
        return BLUET_EINVAL;
    if (!refused && (passkey > (compared ? 1 : 999999) || (!compared && passkey == sm->burnt_passkey)))
        return BLUET_EINVAL;
    pairing->answered = true;
    pairing->refused = refused;
    pairing->passkey = compared || refused ? 0 : passkey;
    pairing->due = true;
    sm->due = true;
    return BLUET_OK;
}
