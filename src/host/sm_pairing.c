/* The exchange of features, the association model that follows from it, and the user (Vol 3 Part H, 2.3.1 to 2.3.5.1).
 */
#include "host/sm_pairing.h"

#include "spec/l2cap.h"

enum { ALL_KEYS = SM_ENCRYPTION_KEY | SM_IDENTITY_KEY | SM_SIGNING_KEY };
enum { OUR_KEYS = BLUET_HAS_SIGNING ? ALL_KEYS : SM_ENCRYPTION_KEY | SM_IDENTITY_KEY };

BLUET_INTERNAL struct sm_pairing *sm_pairing_of(const struct sm *sm, const struct link *link)
{
    return &sm->pairings[link->index];
}

/* ---- What we ask for ---- */

BLUET_INTERNAL uint8_t sm_authentication_request(const struct sm_pairing *pairing)
{
    const struct bluet_security *security = &pairing->sm->security;
    uint8_t request = 0;
    if (security->bond && sm_bonds_place(&pairing->sm->bonds, &pairing->link->identity))
        request |= SM_BONDING;
    if (security->mitm || security->secure_only)
        request |= SM_MITM;
    if (!security->legacy)
        request |= SM_SECURE_CONNECTIONS;
    return request;
}

BLUET_INTERNAL bool sm_suffices(const struct sm_pairing *pairing, uint8_t secret_flags, uint8_t key_size)
{
    const struct bluet_security *security = &pairing->sm->security;
    bool authenticated = secret_flags & SM_SECRET_AUTHENTICATED;
    bool secure = secret_flags & SM_SECRET_SECURE;
    if (security->secure_only && !(authenticated && secure && key_size == SM_KEY_SIZE_MOST))
        return false;
    bool could_be = security->io != BLUET_IO_NO_INPUT_OUTPUT || sm_oob_of_peer(pairing);
    if (security->mitm && could_be && !authenticated)
        return false;
    return key_size >= security->key_size && (secure || !security->le_secure);
}

/* Who begins, and has a temporary key and nothing else, has to leave out Secure Connections to use it. */
static bool leaves_out_secure(const struct sm_pairing *pairing)
{
    const struct bluet_security *security = &pairing->sm->security;
    return BLUET_HAS_LEGACY_PAIRING && pairing->side == SM_INITIATOR && !security->le_secure &&
           !security->secure_only && !sm_oob_has_peers(pairing, true) && sm_oob_has_peers(pairing, false);
}

/* Ours. A responder may drop keys that it is asked for, but not add any. */
static uint8_t *write_features(struct sm_pairing *pairing)
{
    const uint8_t *request = pairing->work->exchange.features[SM_INITIATOR];
    uint8_t *features = pairing->work->exchange.features[pairing->side];
    if (pairing->side == SM_INITIATOR)
        memset(features, 0xff, SM_FEATURES_LENGTH);
    features[0] = SM_PAIRING_REQUEST + pairing->side;
    features[SM_FEATURE_IO] = pairing->sm->security.io;
    features[SM_FEATURE_AUTHENTICATION] = sm_authentication_request(pairing);
    features[SM_FEATURE_KEY_SIZE] = SM_KEY_SIZE_MOST;
    if (leaves_out_secure(pairing))
        features[SM_FEATURE_AUTHENTICATION] &= (uint8_t)~SM_SECURE_CONNECTIONS;
    bool secure = features[SM_FEATURE_AUTHENTICATION] & request[SM_FEATURE_AUTHENTICATION] & SM_SECURE_CONNECTIONS;
    features[SM_FEATURE_OOB] = sm_oob_has_peers(pairing, secure);
    uint8_t keys = features[SM_FEATURE_AUTHENTICATION] & SM_BONDING ? OUR_KEYS : 0;
    features[SM_FEATURE_INITIATOR_KEYS] = keys & request[SM_FEATURE_INITIATOR_KEYS];
    features[SM_FEATURE_RESPONDER_KEYS] = keys & request[SM_FEATURE_RESPONDER_KEYS];
    return features;
}

BLUET_INTERNAL sm_result sm_request_pairing(struct sm_pairing *pairing)
{
    sm_enter(pairing, SM_AWAIT_PAIRING_RESPONSE);
    return sm_send(pairing, write_features(pairing));
}

/* ---- The model ---- */

/* By what initiator and responder have (2.3.5.1, table 2.8). */
static uint8_t model_of(uint8_t initiator, uint8_t responder, bool secure)
{
    enum { J = SM_JUST_WORKS, I = SM_INITIATOR_DISPLAYS, R = SM_RESPONDER_DISPLAYS, B = SM_BOTH_TYPE };
    enum { N = SM_NUMERIC_COMPARISON };
    static const uint8_t models[5][5] = {
        {J, J, R, J, R}, {J, N, R, J, N}, {I, I, B, J, I}, {J, J, J, J, J}, {I, N, R, J, N}};
    uint8_t model = models[responder][initiator];
    if (secure || model != N)
        return model;
    /* Legacy Pairing does not compare: who has a keyboard besides types, the responder if both have. */
    if (responder == BLUET_IO_KEYBOARD_DISPLAY)
        return I;
    return initiator == BLUET_IO_KEYBOARD_DISPLAY ? R : J;
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
    return (pairing->secret_flags & SM_SECRET_AUTHENTICATED) || pairing->link->encrypted ||
           pairing->side == SM_INITIATOR;
}

/*
 * Legacy Pairing has to have such data at both sides, Secure Connections at one (2.3.5.1, tables 2.6 and 2.7). What is
 * said to be there may be gone by now.
 */
static bool is_out_of_band(const struct sm_pairing *pairing, bool secure)
{
    return secure ? pairing->oob_flagged || pairing->oob_known : pairing->oob_flagged && pairing->oob_known;
}

static bool lacks_out_of_band(const struct sm_pairing *pairing, bool secure)
{
    return (pairing->oob_flagged && !sm_oob_has_peers(pairing, secure)) ||
           (pairing->oob_known && secure && !sm_oob_has_own(pairing->sm));
}

/* Both sides' features are known: what comes of them. */
static sm_result conclude(struct sm_pairing *pairing)
{
    const uint8_t *request = pairing->work->exchange.features[SM_INITIATOR];
    const uint8_t *response = pairing->work->exchange.features[SM_RESPONDER];
    const uint8_t *peer = pairing->work->exchange.features[sm_peer_side(pairing)];
    uint8_t both = request[SM_FEATURE_AUTHENTICATION] & response[SM_FEATURE_AUTHENTICATION];
    uint8_t either = request[SM_FEATURE_AUTHENTICATION] | response[SM_FEATURE_AUTHENTICATION];
    bool secure = both & SM_SECURE_CONNECTIONS;
    /* A peer of our own name could send us back what we say, and it would hold. */
    if (hci_address_equal(&pairing->ends[SM_INITIATOR], &pairing->ends[SM_RESPONDER]))
        return SM_UNSPECIFIED_REASON;
    pairing->oob_flagged = pairing->work->exchange.features[pairing->side][SM_FEATURE_OOB];
    pairing->oob_known = peer[SM_FEATURE_OOB];
    pairing->model = SM_JUST_WORKS;
    if (is_out_of_band(pairing, secure)) {
        if (lacks_out_of_band(pairing, secure))
            return SM_OOB_NOT_AVAILABLE;
        pairing->model = SM_OUT_OF_BAND;
    } else if (either & SM_MITM) {
        pairing->model = model_of(request[SM_FEATURE_IO], response[SM_FEATURE_IO], secure);
    }
    pairing->key_size = peer[SM_FEATURE_KEY_SIZE];
    /* Of the two bits the one has no meaning yet: with it this is no bonding. */
    pairing->bonding = (both & SM_BONDING) && !(either & SM_BONDING_MASK & ~SM_BONDING);
    pairing->secret_flags = (uint8_t)((secure ? SM_SECRET_SECURE : 0) | (pairing->model ? SM_SECRET_AUTHENTICATED : 0));
    if (pairing->key_size < pairing->sm->security.key_size)
        return SM_ENCRYPTION_KEY_SIZE;
    if ((!BLUET_HAS_LEGACY_PAIRING && !secure) || !sm_suffices(pairing, pairing->secret_flags, pairing->key_size) ||
        !may_replace(pairing))
        return SM_AUTHENTICATION_REQUIREMENTS;
    return SM_SUCCESS;
}

static sm_result begin_authentication(struct sm_pairing *pairing)
{
    return sm_is_secure(pairing) ? sm_secure_begin(pairing) : sm_authenticate(pairing);
}

/* The peer's. */
static sm_result read_features(const struct sm_pairing *pairing, struct reader *pdu)
{
    uint8_t *features = pairing->work->exchange.features[sm_peer_side(pairing)];
    features[0] = (uint8_t)(SM_PAIRING_REQUEST + sm_peer_side(pairing));
    read_octets(pdu, features + 1, SM_FEATURES_LENGTH - 1);
    if (features[SM_FEATURE_IO] > BLUET_IO_KEYBOARD_DISPLAY || features[SM_FEATURE_OOB] > 1 ||
        features[SM_FEATURE_KEY_SIZE] < SM_KEY_SIZE_LEAST || features[SM_FEATURE_KEY_SIZE] > SM_KEY_SIZE_MOST)
        return SM_INVALID_PARAMETERS;
    return SM_SUCCESS;
}

/* What will not do is not responded to: the peer's user would be asked in vain. */
BLUET_INTERNAL sm_result sm_pairing_request(struct sm_pairing *pairing, struct reader *pdu)
{
    sm_enter(pairing, SM_AWAIT_PAIRING_REQUEST);
    sm_result result = read_features(pairing, pdu);
    const uint8_t *response = write_features(pairing);
    if (!result)
        result = conclude(pairing);
    if (!result)
        result = sm_send(pairing, response);
    return result ? result : begin_authentication(pairing);
}

BLUET_INTERNAL sm_result sm_pairing_response(struct sm_pairing *pairing, struct reader *pdu)
{
    const uint8_t *request = pairing->work->exchange.features[SM_INITIATOR];
    const uint8_t *response = pairing->work->exchange.features[SM_RESPONDER];
    sm_result result = read_features(pairing, pdu);
    /* The responder may drop keys, but not add any; reserved ones and the link key are nobody's. */
    for (size_t i = SM_FEATURE_INITIATOR_KEYS; i <= SM_FEATURE_RESPONDER_KEYS; i++) {
        if (ALL_KEYS & response[i] & ~request[i])
            result = SM_INVALID_PARAMETERS;
    }
    if (!result)
        result = conclude(pairing);
    return result ? result : begin_authentication(pairing);
}

/* ---- The user ---- */

BLUET_INTERNAL bool sm_is_passkey_entry(const struct sm_pairing *pairing)
{
    return pairing->model >= SM_INITIATOR_DISPLAYS && pairing->model <= SM_BOTH_TYPE;
}

BLUET_INTERNAL void sm_ask_user(struct sm_pairing *pairing, uint8_t action, uint32_t passkey)
{
    struct bluet_event event = {.code = BLUET_EVENT_PASSKEY_ACTION, .conn_handle = pairing->link->handle};
    event.passkey_action.action = action;
    event.passkey_action.passkey = passkey;
    pairing->action = action;
    if (action != BLUET_PASSKEY_ACTION_NONE)
        event_raise(pairing->sm->links->hci->sink, &event);
}

BLUET_INTERNAL int sm_passkey(struct sm *sm, struct link *link, enum bluet_passkey_action action, uint32_t passkey)
{
    struct sm_pairing *pairing = sm_pairing_of(sm, link);
    bool compared = action == BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON;
    bool refused = action == BLUET_PASSKEY_ACTION_NONE || (compared && passkey == 0);
    if (!sm_is_asking(pairing) || (action != BLUET_PASSKEY_ACTION_NONE && action != pairing->action))
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
