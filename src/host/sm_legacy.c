/* LE Legacy Pairing: what is computed from the temporary key (Vol 3 Part H, 2.3.5.2 to 2.3.5.5). */
#include "host/sm_pairing.h"

/*
 * Just Works knows zeros only; otherwise it is the passkey, or has come out of band. False: what has come the
 * application has taken back meanwhile.
 */
static bool write_temporary_key(const struct sm_pairing *pairing, uint8_t out[16])
{
    sm_write_passkey(pairing, out);
    if (pairing->model != SM_OUT_OF_BAND)
        return true;
    const struct sm_oob_peer *data = sm_oob_of_peer(pairing);
    if (!data || !data->legacy)
        return false;
    sm_copy(out, data->temporary_key, sizeof data->temporary_key);
    return true;
}

BLUET_INTERNAL bool sm_legacy_confirm(const struct sm_pairing *pairing, uint8_t out[16], unsigned side)
{
    uint8_t temporary_key[16];
    bool done = write_temporary_key(pairing, temporary_key) &&
                sm_c1(out, &pairing->work->exchange, pairing->ends, side, temporary_key);
    sm_wipe(temporary_key, sizeof temporary_key);
    return done;
}

BLUET_INTERNAL bool sm_make_short_term_key(const struct sm_pairing *pairing)
{
    struct sm_exchange *exchange = &pairing->work->exchange;
    uint8_t *out = exchange->secret + 16;
    bool done = write_temporary_key(pairing, out) && sm_s1(out, exchange, out);
    sm_shorten(pairing, out);
    return done;
}
