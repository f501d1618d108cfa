/* Activation against several controllers: Vol 4 Part E, 7.3, 7.4, 7.8. */
#include "talk.h"

#include "host/host.h"
#include "spec/hci.h"

static void test_full_controller(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    int ticket = bluet_activate(talk->host);
    assert_int_equal(ticket, 1);
    assert_int_equal(bluet_activate(talk->host), ticket);
    assert_false(bluet_is_active(talk->host));

    talk_expect(talk, "01 03 0c 00"); /* Reset */
    talk_receive(talk, "04 0e 04 01 03 0c 00");
    talk_expect(talk, "01 01 10 00"); /* Read Local Version Information */
    talk_receive(talk, "04 0e 0c 01 01 10 00 0c 00 00 0c ff ff 00 00");
    talk_expect(talk, "01 02 10 00"); /* Read Local Supported Commands */
    talk_receive(talk,
                 "04 0e 44 01 02 10 00 "
                 "ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff "
                 "ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff");
    talk_expect(talk, "01 03 10 00"); /* Read Local Supported Features */
    talk_receive(talk, "04 0e 0c 01 03 10 00 00 00 00 00 40 00 00 00");
    talk_expect(talk, "01 03 20 00"); /* LE Read Local Supported Features */
    talk_receive(talk, "04 0e 0c 01 03 20 00 ff 01 00 00 00 00 00 00");
    talk_expect(talk, "01 02 20 00"); /* LE Read Buffer Size */
    talk_receive(talk, "04 0e 07 01 02 20 00 fb 00 08");
    talk_expect(talk, "01 01 0c 08 90 80 00 00 00 80 00 20"); /* Set Event Mask */
    talk_receive(talk, "04 0e 04 01 01 0c 00");
    talk_expect(talk, "01 01 20 08 7f 0e 00 00 00 00 00 00"); /* LE Set Event Mask */
    talk_receive(talk, "04 0e 04 01 01 20 00");
    talk_expect(talk, "01 09 10 00"); /* Read BD_ADDR */
    talk_receive(talk, "04 0e 0a 01 09 10 00 55 44 33 22 11 c4");
    talk_expect(talk, "01 24 20 04 fb 00 48 08"); /* LE Write Suggested Default Data Length */
    talk_expect_no_event(talk);
    talk_receive(talk, "04 0e 04 01 24 20 00");

    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    assert_true(bluet_is_active(talk->host));
    assert_int_equal(bluet_activate(talk->host), 0);
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    struct bluet_address own;
    assert_int_equal(bluet_own_address(talk->host, &own), BLUET_OK);
    assert_int_equal(own.type, BLUET_ADDRESS_PUBLIC);
    assert_memory_equal(own.octets, "\xc4\x11\x22\x33\x44\x55", 6);
    assert_int_equal(bluet_protocol_errors(talk->host), 0);
    talk_destroy(talk);
}

/* A controller of 4.0: 27-octet buffers, few features, few commands. It is not asked for what it does not know. */
static void test_old_controller(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    talk->controller.version = 6;
    talk->controller.le_features = 0x01;
    memset(talk->controller.commands + 29, 0, 35);
    talk->controller.le_acl_length = 27;
    talk->controller.le_acl_count = 4;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer_until(talk, HCI_LE_SET_EVENT_MASK);
    talk_expect(talk, "01 01 20 08 1f 00 00 00 00 00 00 00");
    talk_receive(talk, "04 0e 04 01 01 20 00");
    talk_expect(talk, "01 09 10 00");
    talk_receive(talk, "04 0e 0a 01 09 10 00 55 44 33 22 11 c4");
    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    assert_int_equal(talk->host->hci.acl_length, 27);
    assert_int_equal(talk->host->hci.acl_count, 4);
    talk_destroy(talk);
}

static void test_shared_buffers(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    talk->controller.le_acl_length = 0;
    talk->controller.le_acl_count = 0;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer_until(talk, HCI_READ_BUFFER_SIZE);
    talk_expect(talk, "01 05 10 00");
    talk_receive(talk, "04 0e 0b 01 05 10 00 fd 03 00 04 00 00 00");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    assert_int_equal(talk->host->hci.acl_length, 1021);
    assert_int_equal(talk->host->hci.acl_count, 4);
    talk_destroy(talk);
}

static void expect_useless(struct talk *talk)
{
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error -5 status 0x00");
    assert_false(bluet_is_active(talk->host));
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    talk_destroy(talk);
}

static void test_unusable_buffers(void **state)
{
    (void)state;
    static const struct {
        uint16_t le_length;
        uint8_t le_count;
        uint16_t length;
        uint8_t count;
    } sizes[] = {{26, 8, 1021, 8}, {1, 8, 1021, 8}, {0, 0, 0, 8},  {0, 0, 26, 8},
                 {0, 0, 1021, 0},  {0, 8, 0, 0},    {251, 0, 0, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct talk *talk = talk_create(NULL);
        talk->controller.le_acl_length = sizes[i].le_length;
        talk->controller.le_acl_count = sizes[i].le_count;
        talk->controller.acl_length = sizes[i].length;
        talk->controller.acl_count = sizes[i].count;
        expect_useless(talk);
    }
}

static void test_controller_without_le(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    talk->controller.features = 0;
    expect_useless(talk);
}

static const uint16_t needed[] = {
    HCI_RESET,
    HCI_READ_LOCAL_VERSION_INFORMATION,
    HCI_LE_READ_LOCAL_SUPPORTED_FEATURES,
    HCI_LE_READ_BUFFER_SIZE,
    HCI_SET_EVENT_MASK,
    HCI_LE_SET_EVENT_MASK,
};
static const uint16_t dispensable[] = {
    HCI_READ_LOCAL_SUPPORTED_COMMANDS,
    HCI_READ_LOCAL_SUPPORTED_FEATURES,
    HCI_READ_BD_ADDR,
    HCI_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH,
};

static void test_needed_commands_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct talk *talk = talk_create(NULL);
        talk->controller.refused = needed[i];
        talk->controller.status = HCI_UNKNOWN_COMMAND;
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer(talk);
        talk_expect_event(talk, "OPERATION_DONE 1 error -5 status 0x01");
        assert_false(bluet_is_active(talk->host));
        /* Another time it may go well. */
        talk->controller.refused = 0;
        assert_int_equal(bluet_activate(talk->host), 2);
        talk_answer(talk);
        talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
        talk_destroy(talk);
    }
}

static void test_dispensable_commands_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dispensable / sizeof *dispensable; i++) {
        struct talk *talk = talk_create(NULL);
        talk->controller.refused = dispensable[i];
        talk->controller.status = HCI_UNKNOWN_COMMAND;
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer(talk);
        talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
        talk_destroy(talk);
    }
}

/* CVE-2023-0396: an answer shorter than it ought to be is a failure. */
static void test_short_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct talk *talk = talk_create(NULL);
        talk->controller.short_answer = needed[i];
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer(talk);
        talk_expect_event(talk, "OPERATION_DONE 1 error -5 status 0x1f");
        talk_destroy(talk);
    }
    for (size_t i = 0; i < sizeof dispensable / sizeof *dispensable; i++) {
        struct talk *talk = talk_create(NULL);
        talk->controller.short_answer = dispensable[i];
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer(talk);
        talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
        talk_destroy(talk);
    }
}

static void expect_silence_ends(uint16_t opcode)
{
    struct talk *talk = talk_create(NULL);
    talk->controller.silent = opcode;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_pass(talk, 1999999);
    talk_expect_no_event(talk);
    talk_pass(talk, 1);
    talk_expect_event(talk, "OPERATION_DONE 1 error -110 status 0x08");
    assert_false(bluet_is_active(talk->host));
    talk_destroy(talk);
}

static void test_silence_at_every_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        expect_silence_ends(needed[i]);
    for (size_t i = 0; i < sizeof dispensable / sizeof *dispensable; i++)
        expect_silence_ends(dispensable[i]);
}

/* Lost after the n-th answer, for every n. */
static void test_lost_at_every_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct talk *talk = talk_create(NULL);
        talk->controller.silent = needed[i];
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer(talk);
        bluet_controller_lost(talk->host);
        talk_expect_no_event(talk);
        assert_true(bluet_deadline(talk->host) <= talk->now);
        bluet_poll(talk->host);
        talk_expect_event(talk, "OPERATION_DONE 1 error -19 status 0x03");
        assert_false(bluet_is_active(talk->host));
        talk_destroy(talk);
    }
}

static void test_deactivation_overtakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct talk *talk = talk_create(NULL);
        assert_int_equal(bluet_activate(talk->host), 1);
        talk_answer_until(talk, needed[i]);
        assert_int_equal(bluet_deactivate(talk->host), 2);
        assert_int_equal(bluet_deactivate(talk->host), 2);
        assert_int_equal(bluet_activate(talk->host), BLUET_EBUSY);
        talk_expect_no_event(talk);
        bluet_poll(talk->host);
        talk_expect_event(talk, "OPERATION_DONE 1 error -125 status 0x44");
        talk_answer(talk);
        talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
        talk_destroy(talk);
    }
}

/* What a controller says of its last life is not listened to. */
static void test_events_before_reset(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_expect(talk, "01 03 0c 00");
    talk_receive(talk, "04 05 04 00 40 00 13");
    talk_receive(talk, "04 3e 13 01 00 40 00 01 01 01 00 00 00 00 c0 18 00 00 00 f4 01 00");
    talk_receive(talk, "04 10 01 00");
    talk_receive(talk, "04 0e 04 00 05 20 00"); /* an answer, with no credit, to a command of that life */
    talk_receive(talk, "04 0e 04 01 03 0c 00");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    talk_destroy(talk);
}

/* No credit with an answer: the next command waits for the event that gives it (Vol 4 Part E, 4.4). */
static void test_no_credit(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_expect(talk, "01 03 0c 00");
    talk_receive(talk, "04 0e 04 00 03 0c 00");
    talk_expect_nothing(talk);
    talk_receive(talk, "04 0e 03 01 00 00");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    talk_destroy(talk);

    talk = talk_create(NULL);
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_expect(talk, "01 03 0c 00");
    talk_receive(talk, "04 0e 04 00 03 0c 00");
    talk_pass(talk, 2000000);
    talk_expect_event(talk, "OPERATION_DONE 1 error -110 status 0x08");
    talk_destroy(talk);
}

/* ---- Addresses ---- */

static struct bluet_address own_address(struct talk *talk)
{
    struct bluet_address own;
    assert_int_equal(bluet_own_address(talk->host, &own), BLUET_OK);
    return own;
}

static void expect_static_address(const uint8_t *address)
{
    struct talk *talk = talk_create(NULL);
    memcpy(talk->controller.address, address, 6);
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer_until(talk, HCI_LE_SET_RANDOM_ADDRESS);
    struct talk_packet command = talk_take(talk);
    talk_receive(talk, "04 0e 04 01 05 20 00");
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    assert_int_equal(own_address(talk).type, BLUET_ADDRESS_RANDOM);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(own_address(talk).octets[i], command.octets[9 - i]);
    assert_int_equal(own_address(talk).octets[0] & 0xc0, 0xc0);
    talk_destroy(talk);
}

static void test_no_public_address(void **state)
{
    (void)state;
    expect_static_address((const uint8_t[]){0, 0, 0, 0, 0, 0});
    expect_static_address((const uint8_t[]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
}

static void test_random_address_refused(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    memset(talk->controller.address, 0, 6);
    talk->controller.refused = HCI_LE_SET_RANDOM_ADDRESS;
    talk->controller.status = HCI_COMMAND_DISALLOWED;
    assert_int_equal(bluet_activate(talk->host), 1);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error -5 status 0x0c");
    talk_destroy(talk);
}

static void test_address_modes(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    assert_int_equal(bluet_set_address_mode(talk->host, (enum bluet_address_mode)4), BLUET_EINVAL);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_STATIC), 0);
    assert_int_equal(bluet_address_mode(talk->host), BLUET_ADDRESS_MODE_STATIC);
    struct bluet_address own;
    assert_int_equal(bluet_own_address(talk->host, &own), BLUET_ENODEV);
    assert_int_equal(bluet_activate(talk->host), 1);
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_PUBLIC), BLUET_EBUSY);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 1 error 0 status 0x00");
    struct bluet_address fixed = own_address(talk);
    assert_int_equal(fixed.type, BLUET_ADDRESS_RANDOM);
    assert_int_equal(fixed.octets[0] & 0xc0, 0xc0);

    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_NRPA), 2);
    talk_expect(talk, "01 05 20 06 .. .. .. .. .. ..");
    talk_receive(talk, "04 0e 04 01 05 20 00");
    talk_expect_event(talk, "OPERATION_DONE 2 error 0 status 0x00");
    assert_int_equal(own_address(talk).octets[0] & 0xc0, 0x00);

    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_PUBLIC), 0);
    assert_int_equal(own_address(talk).type, BLUET_ADDRESS_PUBLIC);

    /* The static address is the same as before. */
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_STATIC), 3);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 3 error 0 status 0x00");
    struct bluet_address again = own_address(talk);
    assert_memory_equal(again.octets, fixed.octets, 6);

    /* Refused: as it was. */
    talk->controller.refused = HCI_LE_SET_RANDOM_ADDRESS;
    talk->controller.status = HCI_COMMAND_DISALLOWED;
    assert_int_equal(bluet_set_address_mode(talk->host, BLUET_ADDRESS_MODE_NRPA), 4);
    talk_answer(talk);
    talk_expect_event(talk, "OPERATION_DONE 4 error -16 status 0x0c");
    assert_int_equal(bluet_address_mode(talk->host), BLUET_ADDRESS_MODE_STATIC);
    talk_destroy(talk);
}

/* ---- Memory and configuration ---- */

static void test_every_allocation_refused(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    size_t before = talk->memory;
    size_t refused = 1;
    int result;
    for (;; refused++) {
        talk->allocations = 0;
        talk->refused_after = refused;
        result = bluet_activate(talk->host);
        if (result != BLUET_ENOMEM)
            break;
        assert_int_equal(talk->memory, before);
        talk_expect_nothing(talk);
        assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    }
    assert_true(refused > 4);
    assert_true(result > 0);
    talk->refused_after = 0;
    talk_answer(talk);
    assert_true(bluet_is_active(talk->host));
    talk_forget(talk);
    talk_destroy(talk);
}

static void test_config(void **state)
{
    (void)state;
    struct talk *talk = talk_create(NULL);
    const struct bluet_config good = talk->host->config;
    assert_int_equal(good.connection_count, 4);
    assert_int_equal(good.mtu_limit, 517);
    assert_int_equal(good.buffer_count, 32);
    assert_int_equal(good.buffer_size, 256);
    assert_int_equal(good.procedure_count, 16);
    assert_int_equal(good.command_size, 1024);
    struct bluet_config bad[9];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        bad[i] = good;
    bad[0].handler = NULL;
    bad[1].port.send = NULL;
    bad[2].port.now = NULL;
    bad[3].port.random = NULL;
    bad[4].connection_count = 65;
    bad[5].mtu_limit = 22;
    bad[6].mtu_limit = 518;
    bad[7].buffer_size = 31;
    bad[8].command_size = 511;
    struct bluet *host;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bluet_create(&host, &bad[i]), BLUET_EINVAL);
    talk->allocations = 0;
    talk->refused_after = 1;
    assert_int_equal(bluet_create(&host, &good), BLUET_ENOMEM);
    talk_destroy(talk);
}

static void test_mtu_and_names(void **state)
{
    (void)state;
    struct talk *talk = talk_create(&(struct bluet_config){.mtu_limit = 100});
    assert_int_equal(bluet_mtu(talk->host), 100);
    assert_int_equal(bluet_set_mtu(talk->host, 22), BLUET_EINVAL);
    assert_int_equal(bluet_set_mtu(talk->host, 101), BLUET_EINVAL);
    assert_int_equal(bluet_set_mtu(talk->host, 50), BLUET_OK);
    bluet_set_appearance(talk->host, 0x0341);
    assert_int_equal(bluet_set_gap_name(talk->host, "heart", 5), BLUET_OK);
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
    assert_int_equal(bluet_mtu(talk->host), 50);
    assert_int_equal(bluet_appearance(talk->host), 0x0341);
    size_t length;
    const void *name = bluet_gap_name(talk->host, &length);
    assert_int_equal(length, 5);
    assert_memory_equal(name, "heart", 5);
    talk_destroy(talk);

    talk = talk_create(NULL);
    assert_int_equal(bluet_mtu(talk->host), 256);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_controller),
        cmocka_unit_test(test_old_controller),
        cmocka_unit_test(test_shared_buffers),
        cmocka_unit_test(test_unusable_buffers),
        cmocka_unit_test(test_controller_without_le),
        cmocka_unit_test(test_needed_commands_refused),
        cmocka_unit_test(test_dispensable_commands_refused),
        cmocka_unit_test(test_short_answers),
        cmocka_unit_test(test_silence_at_every_step),
        cmocka_unit_test(test_lost_at_every_step),
        cmocka_unit_test(test_deactivation_overtakes),
        cmocka_unit_test(test_events_before_reset),
        cmocka_unit_test(test_no_credit),
        cmocka_unit_test(test_no_public_address),
        cmocka_unit_test(test_random_address_refused),
        cmocka_unit_test(test_address_modes),
        cmocka_unit_test(test_every_allocation_refused),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_mtu_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
