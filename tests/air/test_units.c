/* The parts of the air that can be held against published figures by themselves. */
#include "conversation.h"

#include "air/channel.h"
#include "air/lists.h"
#include "air/outbox.h"
#include "air/radio.h"
#include "crypto/crypto.h"

/* FIPS-197, appendix C.1 */
static void test_aes(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                       0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
    uint8_t key[16];
    uint8_t plain[16];
    uint8_t cipher[16];
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = i;
        plain[i] = (uint8_t)(i << 4 | i);
    }
    assert_true(crypto_aes128(cipher, key, plain));
    assert_memory_equal(cipher, expected, 16);
}

/* The sample data of ah: Vol 3 Part H, D.7 */
static void test_resolvable_address(void **state)
{
    (void)state;
    uint8_t irk[16] = {0x9b, 0x7d, 0x39, 0x0a, 0xa6, 0x10, 0x10, 0x34, 0x05, 0xad, 0xc8, 0x57, 0xa3, 0x34, 0x02, 0xec};
    struct air_address address = {AIR_RANDOM, {0xaa, 0xfb, 0x0d, 0x94, 0x81, 0x70}};
    assert_true(air_rpa_matches(irk, &address));
    address.octets[0]++;
    assert_false(air_rpa_matches(irk, &address));
    address.octets[0]--;
    address.type = AIR_PUBLIC;
    assert_false(air_rpa_matches(irk, &address));
}

static void test_made_addresses_resolve(void **state)
{
    (void)state;
    static struct air_lists lists;
    struct air_random random;
    air_random_seed(&random, 1, 1);
    air_lists_init(&lists);
    struct air_resolving_entry *entry = &lists.resolving[lists.resolving_count++];
    air_random_octets(&random, entry->local_irk, 16);
    air_random_octets(&random, entry->peer_irk, 16);
    uint8_t last[6] = {0};
    for (uint64_t minute = 0; minute < 60; minute++) {
        air_rpa_refresh(&lists, entry, &random, minute * 60 * SECOND);
        struct air_address local = {.type = AIR_RANDOM};
        memcpy(local.octets, entry->local_rpa, 6);
        assert_true(air_address_is_resolvable(&local));
        assert_true(air_rpa_matches(entry->local_irk, &local));
        assert_false(air_rpa_matches(entry->peer_irk, &local));
        assert_int_equal(memcmp(last, local.octets, 6) != 0, minute % 15 == 0); /* 900 s */
        memcpy(last, local.octets, 6);
    }
}

/* The sample data of channel selection algorithm #2: Vol 6 Part C, 3 */
static void test_channel_selection(void **state)
{
    (void)state;
    static const uint8_t all[] = {0xff, 0xff, 0xff, 0xff, 0x1f};
    static const uint8_t nine[] = {0x00, 0x06, 0xe0, 0x00, 0x1e};
    assert_int_equal(air_channel(0x8e89bed6, all, 0), 25);
    assert_int_equal(air_channel(0x8e89bed6, all, 1), 20);
    assert_int_equal(air_channel(0x8e89bed6, all, 2), 6);
    assert_int_equal(air_channel(0x8e89bed6, all, 3), 21);
    assert_int_equal(air_channel_count(nine), 9);
    assert_int_equal(air_channel(0x8e89bed6, nine, 6), 23);
    assert_int_equal(air_channel(0x8e89bed6, nine, 7), 9);
    assert_int_equal(air_channel(0x8e89bed6, nine, 8), 34);
}

/* The reference implementation's first values for the state 1, 2, 3, 4. */
static void test_random(void **state)
{
    (void)state;
    struct air_random random = {{1, 2, 3, 4}};
    assert_int_equal(air_random_next(&random), 11520);
    assert_int_equal(air_random_next(&random), 0);
    assert_int_equal(air_random_next(&random), 1509978240);
    assert_int_equal(air_random_next(&random), UINT64_C(1215971899390074240));

    size_t hits = 0;
    bool seen[10] = {false};
    for (size_t i = 0; i < 10000; i++) {
        hits += air_random_chance(&random, 0.25);
        uint32_t value = air_random_below(&random, 10);
        assert_true(value < 10);
        seen[value] = true;
    }
    assert_in_range(hits, 2300, 2700);
    for (size_t i = 0; i < 10; i++)
        assert_true(seen[i]);
    assert_false(air_random_chance(&random, 0));
    assert_true(air_random_chance(&random, 1));
}

static void test_airtime(void **state)
{
    (void)state;
    assert_int_equal(air_airtime(AIR_PHY_1M, 0), 80);
    assert_int_equal(air_airtime(AIR_PHY_2M, 0), 44);
    assert_int_equal(air_airtime(AIR_PHY_1M, 251) + 150 + 80 + 150, 2468);
    assert_int_equal(air_airtime(AIR_PHY_2M, 251) + 150 + 44 + 150, 1392);
    assert_int_equal(air_airtime(AIR_PHY_1M, 34), 352); /* CONNECT_IND */
    assert_int_equal(air_airtime(AIR_PHY_1M, 12), 176); /* SCAN_REQ */
    assert_int_equal(air_airtime(AIR_PHY_1M, 37), 376); /* ADV_IND, full */
}

/* ---- Timers ---- */

static void *plain_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static const struct air_memory plain_memory = {plain_reallocate, NULL};

enum { TIMERS = 500 };

struct bell {
    struct air_timer timer;
    struct air_clock *clock;
    uint64_t set_for, order;
    uint64_t *last_time, *last_order;
    bool rang;
};

static void ring(void *owner)
{
    struct bell *bell = owner;
    assert_false(bell->rang);
    assert_int_equal(bell->clock->now, bell->set_for);
    assert_true(bell->set_for > *bell->last_time ||
                (bell->set_for == *bell->last_time && bell->order > *bell->last_order));
    *bell->last_time = bell->set_for;
    *bell->last_order = bell->order;
    bell->rang = true;
}

static void test_timers_go_off_in_order(void **state)
{
    (void)state;
    static struct bell bells[TIMERS];
    struct air_clock clock = {.memory = &plain_memory};
    struct air_random random;
    uint64_t last_time = 0;
    uint64_t last_order = 0;
    air_random_seed(&random, 3, 0);
    assert_true(air_clock_reserve(&clock, TIMERS));
    assert_int_equal(air_clock_deadline(&clock), AIR_NEVER);
    for (uint64_t i = 0; i < TIMERS; i++)
        air_timer_init(&bells[i].timer, ring, &bells[i]);
    for (uint64_t round = 1; round <= TIMERS * 4; round++) {
        struct bell *bell = &bells[air_random_below(&random, TIMERS)];
        uint64_t at = 1 + air_random_below(&random, 200); /* many at the same time */
        *bell = (struct bell){bell->timer, &clock, at, round, &last_time, &last_order, false};
        air_timer_set(&clock, &bell->timer, at);
        if (round % 5 == 0)
            air_timer_stop(&clock, &bells[air_random_below(&random, TIMERS)].timer);
    }
    size_t set = 0;
    size_t rung = 0;
    for (size_t i = 0; i < TIMERS; i++)
        set += air_timer_is_set(&bells[i].timer);
    air_clock_advance(&clock, 1000);
    for (size_t i = 0; i < TIMERS; i++)
        rung += bells[i].rang;
    assert_int_equal(set, rung);
    assert_int_equal(clock.now, 1000);
    air_clock_release(&clock, TIMERS);
    air_clock_end(&clock);
}

/* ---- The outbox ---- */

struct taker {
    size_t taken, room;
    uint8_t last;
};

static bool take(void *context, const uint8_t *packet, size_t length)
{
    struct taker *taker = context;
    assert_int_equal(length, 100);
    if (!taker->room)
        return false;
    assert_int_equal(packet[99], (uint8_t)taker->taken);
    taker->room--;
    taker->taken++;
    return true;
}

static void no_timer(void *owner)
{
    (void)owner;
}

static void test_outbox_keeps_order(void **state)
{
    (void)state;
    static struct air_outbox outbox;
    struct air_clock clock = {.memory = &plain_memory};
    struct air_timer timer;
    struct taker taker = {0};
    uint8_t packet[100] = {0};
    uint8_t number = 0;
    assert_true(air_clock_reserve(&clock, 1));
    air_timer_init(&timer, no_timer, NULL);
    air_outbox_init(&outbox, &clock, &timer);
    for (size_t round = 0; round < 200; round++) {
        for (size_t i = 0; i < round % 7; i++) {
            packet[99] = number++;
            assert_true(air_outbox_put(&outbox, AIR_OUTBOX_EVENT, packet, sizeof packet));
        }
        taker.room = round % 5;
        air_outbox_resume(&outbox);
        air_outbox_deliver(&outbox, take, &taker);
    }
    taker.room = SIZE_MAX;
    air_outbox_resume(&outbox);
    air_outbox_deliver(&outbox, take, &taker);
    assert_int_equal((uint8_t)taker.taken, number);
    assert_int_equal(outbox.waiting[AIR_OUTBOX_EVENT], 0);
    air_timer_stop(&clock, &timer);
    air_outbox_end(&outbox);
    air_clock_end(&clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aes),
        cmocka_unit_test(test_resolvable_address),
        cmocka_unit_test(test_made_addresses_resolve),
        cmocka_unit_test(test_channel_selection),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_airtime),
        cmocka_unit_test(test_timers_go_off_in_order),
        cmocka_unit_test(test_outbox_keeps_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
