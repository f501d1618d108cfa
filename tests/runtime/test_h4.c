/* The framer of H4 streams, and the queue of octets: every way to cut a stream gives the same packets. */
#include "support.h"

#include <string.h>

#include "runtime/h4.h"
#include "runtime/queue.h"

/* A Command Complete, ACL data of 3 octets, synchronous data of 2, ISO data of 1, an event without parameters. */
static const uint8_t stream[] = {
    0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00,       /* event */
    0x02, 0x40, 0x20, 0x03, 0x00, 0x01, 0x02, 0x03, /* ACL data */
    0x03, 0x01, 0x00, 0x02, 0xaa, 0xbb,             /* synchronous data */
    0x05, 0x01, 0x00, 0x01, 0xc0, 0x77,             /* ISO data: the two upper bits of the length are not its own */
    0x04, 0xff, 0x00                                /* event */
};
static const size_t lengths[] = {7, 8, 6, 6, 3};

enum { PACKETS = sizeof lengths / sizeof lengths[0] };

static void put(struct h4_framer *framer, const uint8_t *octets, size_t length)
{
    size_t room;
    uint8_t *space = h4_space(framer, &room);
    assert_true(room >= length);
    memcpy(space, octets, length);
    h4_filled(framer, length);
}

/* Takes what is whole, comparing it with the stream from packet `count` on; returns how many have come by then. */
static size_t take(struct h4_framer *framer, size_t count)
{
    const uint8_t *packet;
    size_t length, offset = 0;
    for (size_t i = 0; i < count; i++)
        offset += lengths[i];
    for (;;) {
        bool waiting = h4_waiting(framer);
        int result = h4_next(framer, &packet, &length);
        assert_int_equal(result, waiting);
        if (!result)
            return count;
        assert_true(count < PACKETS);
        assert_int_equal(length, lengths[count]);
        assert_memory_equal(packet, stream + offset, length);
        offset += length;
        count++;
    }
}

static void test_every_pair_of_cuts(void **state)
{
    (void)state;
    for (size_t first = 0; first <= sizeof stream; first++)
        for (size_t second = first; second <= sizeof stream; second++) {
            struct h4_framer framer;
            assert_int_equal(h4_framer_create(&framer, 64, H4_FROM_CONTROLLER), 0);
            put(&framer, stream, first);
            size_t count = take(&framer, 0);
            put(&framer, stream + first, second - first);
            count = take(&framer, count);
            put(&framer, stream + second, sizeof stream - second);
            assert_int_equal(take(&framer, count), PACKETS);
            h4_framer_free(&framer);
        }
}

static void test_octet_by_octet_in_the_least_buffer(void **state)
{
    (void)state;
    struct h4_framer framer;
    size_t count = 0;
    assert_int_equal(h4_framer_create(&framer, 8, H4_FROM_CONTROLLER), 0);
    for (size_t i = 0; i < sizeof stream; i++) {
        put(&framer, stream + i, 1);
        count = take(&framer, count);
    }
    assert_int_equal(count, PACKETS);
    h4_framer_free(&framer);
}

static void expect_fault(enum h4_direction direction, const void *octets, size_t length, const char *words)
{
    struct h4_framer framer;
    const uint8_t *packet;
    size_t packet_length;
    assert_int_equal(h4_framer_create(&framer, 64, direction), 0);
    put(&framer, octets, length);
    assert_true(h4_waiting(&framer));
    assert_int_equal(h4_next(&framer, &packet, &packet_length), BLUET_EINVAL);
    assert_non_null(strstr(bluet_runtime_message(), words));
    /* It stays so: there is no way back into the stream. */
    assert_int_equal(h4_next(&framer, &packet, &packet_length), BLUET_EINVAL);
    h4_framer_free(&framer);
}

static void test_streams_out_of_step(void **state)
{
    (void)state;
    expect_fault(H4_FROM_CONTROLLER, "\x00", 1, "octet 0x00");
    expect_fault(H4_FROM_CONTROLLER, "GET / HTTP", 10, "octet 0x47");
    expect_fault(H4_FROM_CONTROLLER, "\x06", 1, "octet 0x06");
    expect_fault(H4_FROM_CONTROLLER, "\xff", 1, "octet 0xff");
    expect_fault(H4_FROM_CONTROLLER, "\x01\x03\x0c\x00", 4, "octet 0x01"); /* a command, from a controller */
    expect_fault(H4_FROM_HOST, "\x04\xff\x00", 3, "octet 0x04");           /* an event, from a host */
    expect_fault(H4_FROM_HOST, "\x02\x40\x00\xff\xff", 5, "65540 octets");
    expect_fault(H4_FROM_HOST, "\x01\x03\x0c\xff", 4, "259 octets");
    expect_fault(H4_FROM_CONTROLLER, "\x05\x01\x00\xff\xff", 5, "16388 octets");
}

static void test_longest_packet_fits(void **state)
{
    (void)state;
    struct h4_framer framer;
    const uint8_t header[5] = {0x02, 0x40, 0x20, 59, 0};
    const uint8_t payload[59] = {1};
    const uint8_t *packet;
    size_t length;
    assert_int_equal(h4_framer_create(&framer, 64, H4_FROM_CONTROLLER), 0);
    put(&framer, header, sizeof header);
    assert_int_equal(h4_next(&framer, &packet, &length), 0);
    put(&framer, payload, sizeof payload);
    assert_int_equal(h4_next(&framer, &packet, &length), 1);
    assert_int_equal(length, 64);
    h4_framer_free(&framer);
}

static void test_queue_keeps_order_and_limit(void **state)
{
    (void)state;
    struct queue queue = {.limit = 5000};
    uint8_t next_in = 0, next_out = 0;
    for (unsigned round = 0; round < 300; round++) {
        uint8_t block[97];
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = next_in++;
        if (!queue_append(&queue, block, sizeof block)) {
            assert_true(queue_length(&queue) + sizeof block > 5000);
            next_in = (uint8_t)(next_in - sizeof block);
        }
        size_t taken = queue_length(&queue) < 41 ? queue_length(&queue) : 41;
        for (size_t i = 0; i < taken; i++)
            assert_int_equal(queue_front(&queue)[i], next_out++);
        queue_consume(&queue, taken);
    }
    assert_true(queue_length(&queue) > 4800);
    queue_free(&queue);
    assert_int_equal(queue_length(&queue), 0);
    assert_true(queue_append(&queue, "x", 1));
    queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_of_cuts),          cmocka_unit_test(test_octet_by_octet_in_the_least_buffer),
        cmocka_unit_test(test_streams_out_of_step),         cmocka_unit_test(test_longest_packet_fits),
        cmocka_unit_test(test_queue_keeps_order_and_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
