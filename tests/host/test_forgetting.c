/* Bonds that are deleted: the application hears of it before anything is kept anew, and before the host has ended. */
#include "peer.h"

#include <string.h>

static struct {
    int deleted[3], kept[3]; /* by type of secret: how often, and whether the last word was that it is kept */
    bool forgets;            /* in the handler of ENCRYPTION_UPDATE */
    int ended;               /* ticket */
} seen;

static void look(struct talk *talk, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_ENCRYPTION_UPDATE && seen.forgets)
        assert_true(bluet_bond_delete(talk->host, &usual_peer) > 0);
    if (event->code == BLUET_EVENT_OPERATION_DONE)
        seen.ended = event->operation.ticket;
    if (event->code != BLUET_EVENT_SET_SECRET || event->set_secret.sec_type > BLUET_SECRET_PEER)
        return;
    seen.kept[event->set_secret.sec_type] = event->set_secret.value != NULL;
    seen.deleted[event->set_secret.sec_type] += event->set_secret.value == NULL;
    assert_true(event->set_secret.value || !seen.ended);
}

static struct talk *bonded(void)
{
    struct talk *talk = as_bonding_peripheral();
    talk_connect_peripheral(talk, HANDLE);
    bond_as_central(talk);
    memset(&seen, 0, sizeof seen);
    talk->on_event = look;
    return talk;
}

static void expect_deleted(int count)
{
    assert_int_equal(seen.deleted[BLUET_SECRET_OURS], count);
    assert_int_equal(seen.deleted[BLUET_SECRET_PEER], count);
}

/* The bond is gone at once; the ticket ends when the secrets are. */
static void test_the_ticket_comes_last(void **state)
{
    (void)state;
    struct talk *talk = bonded();
    int ticket = bluet_bond_delete(talk->host, &usual_peer);
    assert_true(ticket > 0);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 0);
    assert_int_equal(bluet_bond_delete(talk->host, &usual_peer), BLUET_EINVAL);
    expect_deleted(0);
    talk_pass(talk, 0);
    expect_deleted(1);
    assert_int_equal(seen.ended, ticket);
    talk_pass(talk, 0);
    expect_deleted(1);
    end(talk);
}

/* Of a peer that pairs again, the old keys are deleted before the new ones are kept, not after. */
static void test_forgotten_while_it_pairs(void **state)
{
    (void)state;
    static const char *const keys[] = {LTK, EDIV, IRK, IDENTITY};
    struct talk *talk = bonded();
    seen.forgets = true;
    pair_as_central(talk, &usual_peer, BONDING_REQUEST, BONDING_RESPONSE);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        say(talk, keys[i]);
    expect_deleted(1);
    assert_true(seen.kept[BLUET_SECRET_OURS] && seen.kept[BLUET_SECRET_PEER]);
    assert_int_equal(bluet_bonds(talk->host, NULL, 0), 1);
    end(talk);
}

/* Nothing that was deleted comes back because the controller is gone. */
static void test_forgotten_while_the_host_ends(void **state)
{
    (void)state;
    struct talk *talk = bonded();
    int ticket = bluet_bond_delete(talk->host, &usual_peer);
    bluet_controller_lost(talk->host);
    talk_pass(talk, 0);
    assert_false(bluet_is_active(talk->host));
    expect_deleted(1);
    assert_int_equal(seen.ended, ticket);
    end(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_ticket_comes_last),
        cmocka_unit_test(test_forgotten_while_it_pairs),
        cmocka_unit_test(test_forgotten_while_the_host_ends),
    };
    return cmocka_run_group_tests_name("host/forgetting", tests, NULL, NULL);
}
