/* The public functions of pairing and bonding, and what the Security Manager keeps for GATT. */
#include "host/host.h"

#include "crypto/crypto.h"
#include "host/gatt_server_bond.h"

static uint8_t save_configurations(void *context, const struct link *link, uint8_t *out)
{
    const struct bluet *host = context;
    struct writer writer = writer_of(out, SM_SECRET_TAIL_LARGEST);
    gatt_server_save(&host->gatt.server, link, &writer);
    return (uint8_t)writer.length;
}

static void restore_configurations(void *context, struct link *link, const uint8_t *octets, uint8_t length)
{
    struct bluet *host = context;
    struct reader reader = reader_of(octets, length);
    gatt_server_restore(&host->gatt.server, link, &reader);
}

BLUET_INTERNAL struct sm_keeper host_keeper(struct bluet *host)
{
    return (struct sm_keeper){host, save_configurations, restore_configurations};
}

/* ---- The public functions ---- */

int bluet_set_security(struct bluet *host, const struct bluet_security *security)
{
    return sm_set_security(&host->sm, security);
}

struct bluet_security bluet_get_security(const struct bluet *host)
{
    return host->sm.security;
}

int bluet_gap_pair(struct bluet *host, uint16_t conn_handle)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : sm_pair(&host->sm, link);
}

int bluet_gap_passkey(struct bluet *host, uint16_t conn_handle, enum bluet_passkey_action action, uint32_t passkey)
{
    struct link *link;
    int error = host_find_link(host, &link, conn_handle);
    return error ? error : sm_passkey(&host->sm, link, action, passkey);
}

int bluet_oob_own(struct bluet *host, uint8_t out_confirm[16], uint8_t out_random[16])
{
    int error = host_check_active(host);
    return error ? error : sm_oob_own(&host->sm, out_confirm, out_random);
}

int bluet_oob_peer(struct bluet *host, const struct bluet_address *peer, const struct bluet_oob *data)
{
    int error = host_check_active(host);
    return error ? error : sm_oob_set_peer(&host->sm, peer, data);
}

int bluet_bonds(const struct bluet *host, struct bluet_address *out_peers, size_t capacity)
{
    if (host->state != HOST_ACTIVE)
        return BLUET_ENODEV;
    const struct sm_bonds *bonds = &host->sm.bonds;
    size_t count = 0;
    for (uint8_t i = 0; i < bonds->limit; i++) {
        if (!bonds->bonds[i].used)
            continue;
        if (count < capacity)
            out_peers[count] = bonds->bonds[i].peer;
        count++;
    }
    return (int)count;
}

int bluet_bond_read(struct bluet_bond *out_bond, uint8_t sec_type, const void *value, size_t length)
{
    struct sm_secret secret;
    bool whole = sec_type != BLUET_SECRET_IRK && length > 0 && length <= SM_SECRET_SIZE;
    if (whole)
        sm_copy(secret.blob, value, length);
    whole = whole && sm_secret_open(&secret, sec_type, length);
    if (whole) {
        sm_copy(&out_bond->peer, &secret.keys.peer, sizeof secret.keys.peer);
        out_bond->authenticated = secret.keys.flags & SM_SECRET_AUTHENTICATED;
        out_bond->secure = secret.keys.flags & SM_SECRET_SECURE;
        out_bond->key_size = secret.keys.key_size;
    }
    sm_wipe(&secret, sizeof secret);
    return whole ? BLUET_OK : BLUET_EINVAL;
}

int bluet_bond_delete(struct bluet *host, const struct bluet_address *peer)
{
    int error = host_check_active(host);
    return error ? error : sm_bond_delete(&host->sm, peer);
}
