/* Bonds out of nothing, and the lines of the script. */
#include "bonded.h"

#include "host/host.h"
#include "spec/writer.h"

#include <stdio.h>
#include <string.h>

static struct bonded_blob blobs[BONDED_COUNT];

/* ---- Bonds ---- */

struct bluet_address bonded_identity(uint8_t index)
{
    return (struct bluet_address){BLUET_ADDRESS_PUBLIC, {0x10, 0x20, 0x30, 0x40, 0x50, index}};
}

static void irk_of(uint8_t out[16], uint8_t index)
{
    memset(out, 0xa0 + index, 16);
}

struct bluet_address bonded_resolvable(uint8_t index, uint8_t number)
{
    struct bluet_address address = {BLUET_ADDRESS_RANDOM, {0x41, 0x02, number}};
    uint8_t irk[16];
    irk_of(irk, index);
    assert_true(sm_ah(address.octets + 3, irk, address.octets));
    return address;
}

int bonded_keep_blob(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct bonded_blob *blob = context;
    (void)host;
    memcpy(blob->octets, event->set_secret.value, event->set_secret.length);
    blob->length = event->set_secret.length;
    return 1;
}

static void make_blobs(uint8_t flags)
{
    for (uint8_t i = 0; i < (uint8_t)BONDED_COUNT; i++) {
        const struct event_sink sink = {bonded_keep_blob, &blobs[i], NULL};
        const struct sm_bonds bonds = {.sink = &sink};
        struct sm_secret secret = {.keys = {.peer = bonded_identity(i), .flags = SM_SECRET_LTK | flags, .key_size = 16},
                                   .tail_length = 16};
        irk_of(secret.tail, i);
        assert_true(sm_bonds_write(&bonds, &secret, BLUET_SECRET_PEER));
    }
}

static void answer_questions(struct talk *talk, const struct bluet_event *event)
{
    (void)talk;
    if (event->code != BLUET_EVENT_GET_SECRET || event->get_secret.sec_type != BLUET_SECRET_PEER ||
        event->get_secret.key || event->get_secret.index >= BONDED_COUNT)
        return;
    const struct bonded_blob *blob = &blobs[event->get_secret.index];
    memcpy(event->get_secret.out_value, blob->octets, blob->length);
    *event->get_secret.out_length = blob->length;
}

struct talk *bonded_create(enum bluet_address_mode mode, uint8_t flags)
{
    make_blobs(flags);
    struct talk *talk = talk_create(NULL);
    talk->tells_questions = true;
    talk->on_event = answer_questions;
    assert_int_equal(bluet_set_address_mode(talk->host, mode), BLUET_OK);
    return talk;
}

struct talk *bonded_begin(enum bluet_address_mode mode, uint16_t refused, uint8_t status)
{
    struct talk *talk = bonded_create(mode, SM_SECRET_PRIVATE);
    talk->controller.refused = refused;
    talk->controller.status = status;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    talk->controller.refused = 0;
    return talk;
}

struct talk *bonded_begin_without_list(enum bluet_address_mode mode)
{
    struct talk *talk = bonded_create(mode, SM_SECRET_PRIVATE);
    talk->controller.le_features &= ~(uint64_t)0x40;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    return talk;
}

void bonded_end(struct talk *talk)
{
    talk_forget(talk);
    talk_destroy(talk);
}

/* ---- Lines of the script ---- */

/* The host has sent that command, and gets that answer. */
void bonded_step(struct talk *talk, const char *command, uint8_t status)
{
    char answer[40];
    talk_expect(talk, command);
    snprintf(answer, sizeof answer, "04 0e 04 01 %.5s %02x", command + 3, status);
    talk_receive(talk, answer);
}

/* The same of one that is answered by Command Status. */
void bonded_step_begun(struct talk *talk, const char *command, uint8_t status)
{
    char answer[40];
    talk_expect(talk, command);
    snprintf(answer, sizeof answer, "04 0f 04 %02x 01 %.5s", status, command + 3);
    talk_receive(talk, answer);
}

const char *bonded_hex(const struct bluet_address *address)
{
    static char hex[4][24];
    static unsigned next;
    char *out = hex[next++ % 4];
    const uint8_t *o = address->octets;
    snprintf(out, sizeof hex[0], "%02x %02x %02x %02x %02x %02x", o[5], o[4], o[3], o[2], o[1], o[0]);
    return out;
}

void bonded_report(struct talk *talk, uint8_t adv_type, uint8_t address_type, const struct bluet_address *address)
{
    char hex[64];
    snprintf(hex, sizeof hex, "04 3e 0c 02 01 %02x %02x %s 00 c8", adv_type, address_type, bonded_hex(address));
    talk_receive(talk, hex);
}

void bonded_expect_report(struct talk *talk, uint8_t adv_type, const struct bluet_address *peer)
{
    char text[96];
    const uint8_t *o = peer->octets;
    snprintf(text, sizeof text, "SCAN_RESULT %u/%02x%02x%02x%02x%02x%02x type %u rssi -56", peer->type, o[0], o[1],
             o[2], o[3], o[4], o[5], adv_type);
    talk_expect_event(talk, text);
}

const struct bluet_address *bonded_on_air(const struct talk *talk, bool own)
{
    const struct sm_pairing *pairing = &talk->host->sm.pairings[0];
    return &pairing->ends[own ? pairing->side : !pairing->side];
}

void bonded_start_scan(struct talk *talk)
{
    assert_true(bluet_gap_scan(talk->host, 0, 30000, 30000, false) > 0);
    talk_answer(talk);
    talk_forget(talk);
}

void bonded_start_advertising(struct talk *talk)
{
    assert_true(bluet_gap_advertise(talk->host, 100000, NULL, NULL, true) > 0);
    talk_answer(talk);
    talk_forget(talk);
}

void bonded_connection(struct talk *talk, uint8_t role, uint8_t type, const struct bluet_address *peer)
{
    char hex[80];
    snprintf(hex, sizeof hex, "04 3e 13 01 00 40 00 %02x %02x %s 18 00 00 00 f4 01 00", role, type, bonded_hex(peer));
    talk_receive(talk, hex);
}
