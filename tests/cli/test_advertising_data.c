/* Advertising data from strangers: what is good is found, what is broken is said, nothing is read beyond its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "advertising_data.h"

/* On the heap and exactly as long as it is, so that the sanitizer sees a read past its end. */
static uint8_t *exactly(const void *data, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, data, length);
    return copy;
}

struct outcome {
    struct advertising_summary summary;
    size_t elements;
    bool ended_well;
    char name[256];
};

static struct outcome read_through(const void *data, size_t length)
{
    struct outcome outcome = {0};
    uint8_t *copy = exactly(data, length);
    struct reader reader = reader_of(copy, length);
    struct advertising_element element;
    while (advertising_next(&reader, &element)) {
        struct bluet_uuid uuid;
        while (advertising_next_uuid(&element.value, element.type, &uuid))
            assert_int_equal(uuid.length, advertising_uuid_length(element.type));
        outcome.elements++;
    }
    outcome.ended_well = reader_ok(&reader);
    advertising_summarize(&outcome.summary, copy, length);
    if (outcome.summary.name)
        memcpy(outcome.name, outcome.summary.name, outcome.summary.name_length);
    free(copy);
    return outcome;
}

static void ordinary_data_is_taken_apart(void **state)
{
    (void)state;
    static const uint8_t data[] = {2,    0x01, 0x06, 3,    0x03, 0x0d, 0x18, 3,   0x19, 0x40,
                                   0x03, 2,    0x0a, 0xfc, 4,    0x09, 'H',  'R', 'M'};
    struct outcome outcome = read_through(data, sizeof data);
    assert_int_equal(outcome.elements, 5);
    assert_true(outcome.ended_well);
    assert_true(outcome.summary.has_flags);
    assert_int_equal(outcome.summary.flags, 0x06);
    assert_int_equal(outcome.summary.appearance, 0x0340);
    assert_int_equal(outcome.summary.transmit_power, -4);
    assert_true(outcome.summary.name_is_complete);
    assert_string_equal(outcome.name, "HRM");
    assert_null(outcome.summary.fault);
}

static void uuids_of_every_length_are_read(void **state)
{
    (void)state;
    static const uint8_t lists[] = {0x02, 0x03, 0x14, 0x04, 0x05, 0x1f, 0x06, 0x07, 0x15};
    static const size_t lengths[] = {2, 2, 2, 4, 4, 4, 16, 16, 16};
    for (size_t i = 0; i < sizeof lists; i++) {
        uint8_t value[32];
        for (size_t k = 0; k < sizeof value; k++)
            value[k] = (uint8_t)k;
        struct reader reader = reader_of(value, 2 * lengths[i]);
        struct bluet_uuid uuid;
        assert_true(advertising_is_uuid_list(lists[i]));
        assert_true(advertising_next_uuid(&reader, lists[i], &uuid));
        assert_int_equal(uuid.length, lengths[i]);
        assert_memory_equal(uuid.octets, value, lengths[i]);
        assert_true(advertising_next_uuid(&reader, lists[i], &uuid));
        assert_memory_equal(uuid.octets, value + lengths[i], lengths[i]);
        assert_false(advertising_next_uuid(&reader, lists[i], &uuid));
    }
    assert_false(advertising_is_uuid_list(ADVERTISING_SERVICE_DATA_16));
    assert_false(advertising_is_uuid_list(ADVERTISING_FLAGS));
}

static void nothing_at_all_is_no_fault(void **state)
{
    (void)state;
    struct outcome outcome = read_through("", 0);
    assert_int_equal(outcome.elements, 0);
    assert_true(outcome.ended_well);
    assert_null(outcome.summary.fault);
}

static void length_0_ends_the_data_early(void **state)
{
    (void)state;
    static const uint8_t data[] = {2, 0x01, 0x06, 0, 2, 0x0a, 0x04};
    struct outcome outcome = read_through(data, sizeof data);
    assert_int_equal(outcome.elements, 1);
    assert_true(outcome.ended_well);
    assert_false(outcome.summary.has_transmit_power);
    assert_null(outcome.summary.fault);
}

static void a_length_beyond_the_end_is_a_fault(void **state)
{
    (void)state;
    static const uint8_t data[] = {2, 0x01, 0x06, 5, 0x09, 'a', 'b'};
    struct outcome outcome = read_through(data, sizeof data);
    assert_int_equal(outcome.elements, 1);
    assert_false(outcome.ended_well);
    assert_true(outcome.summary.has_flags);
    assert_null(outcome.summary.name);
    assert_non_null(outcome.summary.fault);
}

static void a_lone_length_is_a_fault(void **state)
{
    (void)state;
    static const uint8_t data[] = {1};
    struct outcome outcome = read_through(data, sizeof data);
    assert_int_equal(outcome.elements, 0);
    assert_false(outcome.ended_well);
    assert_non_null(outcome.summary.fault);
}

static void an_element_of_type_only_is_empty(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        const uint8_t data[] = {1, (uint8_t)type, 3, 0x19, 0x40, 0x03};
        struct outcome outcome = read_through(data, sizeof data);
        assert_int_equal(outcome.elements, 2);
        assert_true(outcome.ended_well);
        /* What comes after it is not lost, and it is not believed to have a value. */
        assert_true(outcome.summary.has_appearance);
        assert_false(outcome.summary.has_transmit_power);
        assert_false(outcome.summary.has_manufacturer);
    }
}

static void values_too_short_are_faults(void **state)
{
    (void)state;
    static const uint8_t broken[][8] = {
        {1, 0x0a}, {2, 0x19, 0x40}, {2, 0xff, 0x4c}, {2, 0x16, 0x0d}, {4, 0x20, 1, 2, 3}, {5, 0x21, 1, 2, 3, 4},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct outcome outcome = read_through(broken[i], (size_t)broken[i][0] + 1);
        assert_true(outcome.ended_well);
        assert_non_null(outcome.summary.fault);
        assert_false(outcome.summary.has_appearance);
        assert_false(outcome.summary.has_manufacturer);
    }
}

static void of_a_repeated_type_the_first_counts(void **state)
{
    (void)state;
    static const uint8_t data[] = {2, 0x01, 0x06, 2, 0x01, 0x01, 2, 0x0a, 1, 2, 0x0a, 9, 2, 0x09, 'a', 2, 0x09, 'b'};
    struct outcome outcome = read_through(data, sizeof data);
    assert_int_equal(outcome.elements, 6);
    assert_int_equal(outcome.summary.flags, 0x06);
    assert_int_equal(outcome.summary.transmit_power, 1);
    assert_string_equal(outcome.name, "a");
}

static void a_complete_name_is_better_than_a_shortened_one(void **state)
{
    (void)state;
    static const uint8_t data[] = {2, 0x08, 'a', 4, 0x09, 'a', 'b', 'c', 3, 0x08, 'x', 'y'};
    struct outcome outcome = read_through(data, sizeof data);
    assert_true(outcome.summary.name_is_complete);
    assert_string_equal(outcome.name, "abc");
}

static void lists_that_end_in_half_a_uuid_keep_the_whole_ones(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        size_t length, whole;
    } cases[] = {{0x03, 5, 2}, {0x03, 1, 0}, {0x05, 7, 1}, {0x05, 3, 0}, {0x07, 17, 1}, {0x07, 15, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t data[32] = {(uint8_t)(cases[i].length + 1), cases[i].type};
        uint8_t *copy = exactly(data, cases[i].length + 2);
        struct reader reader = reader_of(copy, cases[i].length + 2);
        struct advertising_element element;
        struct bluet_uuid uuid;
        size_t count = 0;
        assert_true(advertising_next(&reader, &element));
        while (advertising_next_uuid(&element.value, element.type, &uuid))
            count++;
        assert_int_equal(count, cases[i].whole);
        free(copy);
        assert_non_null(read_through(data, cases[i].length + 2).summary.fault);
    }
}

static void a_name_needs_no_terminator(void **state)
{
    (void)state;
    uint8_t data[31] = {30, 0x09};
    memset(data + 2, 'n', 29);
    struct outcome outcome = read_through(data, sizeof data);
    assert_int_equal(outcome.summary.name_length, 29);
    assert_int_equal(strlen(outcome.name), 29);
}

static void an_element_of_255_octets_may_stand_at_the_end(void **state)
{
    (void)state;
    uint8_t data[3 + 256] = {2, 0x01, 0x06, 255, 0x09};
    memset(data + 5, 'n', 254);
    struct outcome outcome = read_through(data, sizeof data);
    assert_true(outcome.ended_well);
    assert_int_equal(outcome.summary.name_length, 254);

    /* One octet less, and it is no longer there. */
    outcome = read_through(data, sizeof data - 1);
    assert_false(outcome.ended_well);
    assert_null(outcome.summary.name);
    assert_true(outcome.summary.has_flags);
}

static void every_beginning_of_good_data_is_survived(void **state)
{
    (void)state;
    static const uint8_t data[] = {2, 0x01, 0x06, 5,    0x03, 0x0d, 0x18, 0x0f, 0x18, 5,   0x16, 0x0f, 0x18, 99,  1,
                                   5, 0xff, 0x4c, 0x00, 0x02, 0x15, 3,    0x08, 'a',  'b', 3,    0x19, 0x40, 0x03};
    size_t last = 0;
    for (size_t length = 0; length <= sizeof data; length++) {
        struct outcome outcome = read_through(data, length);
        assert_true(outcome.elements >= last);
        assert_true(outcome.ended_well == (outcome.summary.fault == NULL));
        last = outcome.elements;
    }
    assert_int_equal(last, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_data_is_taken_apart),
        cmocka_unit_test(uuids_of_every_length_are_read),
        cmocka_unit_test(nothing_at_all_is_no_fault),
        cmocka_unit_test(length_0_ends_the_data_early),
        cmocka_unit_test(a_length_beyond_the_end_is_a_fault),
        cmocka_unit_test(a_lone_length_is_a_fault),
        cmocka_unit_test(an_element_of_type_only_is_empty),
        cmocka_unit_test(values_too_short_are_faults),
        cmocka_unit_test(of_a_repeated_type_the_first_counts),
        cmocka_unit_test(a_complete_name_is_better_than_a_shortened_one),
        cmocka_unit_test(lists_that_end_in_half_a_uuid_keep_the_whole_ones),
        cmocka_unit_test(a_name_needs_no_terminator),
        cmocka_unit_test(an_element_of_255_octets_may_stand_at_the_end),
        cmocka_unit_test(every_beginning_of_good_data_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
