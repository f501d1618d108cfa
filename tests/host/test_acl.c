/* Frames out in fragments, as the controller has buffers, and in from fragments. Vol 4 Part E, 4.1.1, 5.4.2. */
#include "talk.h"

#include "host/host.h"
#include "host/l2cap.h"

#include <stdio.h>

static struct talk *talk_with_buffers(uint16_t length, uint8_t count, const struct bluet_config *limits)
{
    struct talk *talk = talk_create(limits);
    talk->controller.le_acl_length = length;
    talk->controller.le_acl_count = count;
    assert_true(bluet_activate(talk->host) > 0);
    talk_answer(talk);
    talk_forget(talk);
    return talk;
}

static int send_octets(struct talk *talk, uint16_t handle, const uint8_t *octets, size_t length)
{
    struct link *link = link_find(&talk->host->links, handle);
    /* In two spans with an empty one between, cut where a fragment will not be. */
    size_t half = length / 3;
    const struct bluet_span spans[] = {{octets, half}, {NULL, 0}, {octets + half, length - half}};
    int error = l2cap_send(&talk->host->links, link, 0x0044, spans, 3);
    return error;
}

/* Frames as the peer would join them again. */
struct joined {
    uint8_t octets[2048];
    size_t length;
    size_t fragments;
};

static void join_fragment(struct talk *talk, struct joined *joined, uint16_t handle)
{
    struct talk_packet packet = talk_take(talk);
    struct reader reader = reader_of(packet.octets, packet.length);
    assert_int_equal(read_u8(&reader), HCI_ACL_DATA);
    assert_int_equal(read_u16(&reader), handle | (joined->length ? HCI_BOUNDARY_CONTINUING << 12 : 0));
    size_t length = read_u16(&reader);
    assert_int_equal(length, reader_remaining(&reader));
    assert_true(length > 0 && length <= talk->host->hci.acl_length);
    memcpy(joined->octets + joined->length, read_span(&reader, length), length);
    joined->length += length;
    joined->fragments++;
}

static void complete(struct talk *talk, uint16_t handle, uint16_t count)
{
    const uint8_t event[] = {
        4, 0x13, 5, 1, (uint8_t)handle, (uint8_t)(handle >> 8), (uint8_t)count, (uint8_t)(count >> 8)};
    talk_receive_octets(talk, event, sizeof event);
}

static void expect_joined(const struct joined *joined, const uint8_t *octets, size_t length)
{
    assert_int_equal(joined->length, length + 4);
    assert_int_equal(joined->octets[0] | joined->octets[1] << 8, length);
    assert_int_equal(joined->octets[2] | joined->octets[3] << 8, 0x0044);
    assert_memory_equal(joined->octets + 4, octets, length);
}

static void fill(uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length; i++)
        octets[i] = (uint8_t)(i * 7 + i / 256);
}

/* Every length around the sizes of fragments, straight from the caller's memory or through the pool. */
static void test_every_length(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {27, 28, 100, 251};
    uint8_t octets[600];
    fill(octets, sizeof octets);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct talk *talk = talk_with_buffers(sizes[i], 2, &(struct bluet_config){.buffer_size = 32});
        talk_connect_peripheral(talk, 0x40);
        for (size_t length = 0; length <= sizeof octets; length += length < 60 ? 1 : 17) {
            struct joined joined = {.length = 0};
            assert_int_equal(send_octets(talk, 0x40, octets, length), BLUET_OK);
            while (talk->packet_count) {
                assert_true(talk->packet_count <= 2);
                join_fragment(talk, &joined, 0x40);
                complete(talk, 0x40, 1);
            }
            expect_joined(&joined, octets, length);
            assert_int_equal(joined.fragments, (length + 4 + sizes[i] - 1u) / sizes[i]);
            assert_int_equal(talk->host->pool.free_count, talk->host->pool.count);
        }
        talk_destroy(talk);
    }
}

/* What fits the controller's free buffers is not copied. */
static void test_no_copy(void **state)
{
    (void)state;
    uint8_t octets[105];
    fill(octets, sizeof octets);
    struct talk *talk = talk_with_buffers(27, 8, NULL);
    talk_connect_peripheral(talk, 0x40);
    talk->host->pool.free_count = 0; /* there is no buffer to copy to */
    struct buffer *pool = talk->host->pool.free;
    talk->host->pool.free = NULL;
    assert_int_equal(send_octets(talk, 0x40, octets, 100), BLUET_OK);
    assert_int_equal(talk->packet_count, 4);
    assert_int_equal(send_octets(talk, 0x40, octets, 105), BLUET_ENOMEM); /* five fragments into four buffers */
    assert_int_equal(talk->packet_count, 4);
    assert_int_equal(send_octets(talk, 0x40, octets, 104), BLUET_OK);
    assert_int_equal(talk->packet_count, 8);
    assert_int_equal(send_octets(talk, 0x40, octets, 1), BLUET_ENOMEM);
    talk->host->pool.free = pool;
    talk->host->pool.free_count = talk->host->pool.count;
    talk_forget(talk);
    talk_destroy(talk);
}

static void test_spans(void **state)
{
    (void)state;
    struct talk *talk = talk_activated(NULL);
    talk_connect_peripheral(talk, 0x40);
    struct link *link = link_find(&talk->host->links, 0x40);
    struct bluet_span spans[L2CAP_SPANS_LARGEST + 1];
    for (size_t i = 0; i <= L2CAP_SPANS_LARGEST; i++)
        spans[i] = (struct bluet_span){&"abcdefg"[i], 1};
    assert_int_equal(l2cap_send(&talk->host->links, link, 4, spans, L2CAP_SPANS_LARGEST + 1), BLUET_EINVAL);
    assert_int_equal(l2cap_send(&talk->host->links, link, 4, spans, L2CAP_SPANS_LARGEST), BLUET_OK);
    talk_expect_frame(talk, 0x40, 4, "61 62 63 64 65 66");
    talk_destroy(talk);
}

/* ---- Flow control ---- */

/* Never more in flight than the controller has buffers for; when the pool is used up too, the sender is told. */
static void test_back_pressure(void **state)
{
    (void)state;
    struct talk *talk = talk_with_buffers(251, 3, &(struct bluet_config){.buffer_count = 4});
    talk_connect_peripheral(talk, 0x40);
    uint8_t octet = 0;
    for (; octet < 7; octet++)
        assert_int_equal(send_octets(talk, 0x40, &octet, 1), BLUET_OK);
    assert_int_equal(send_octets(talk, 0x40, &octet, 1), BLUET_ENOMEM);
    for (uint8_t i = 0; i < 7; i++) {
        assert_int_equal(talk->packet_count, i < 5 ? 3 : 7 - i);
        struct talk_packet packet = talk_take(talk);
        assert_int_equal(packet.octets[9], i);
        complete(talk, 0x40, 1);
    }
    talk_expect_nothing(talk);
    talk_destroy(talk);
}

/* Underflow and overflow of the count (Number Of Completed Packets), and its malformed events. */
static void test_completed_packets(void **state)
{
    (void)state;
    struct talk *talk = talk_with_buffers(251, 4, NULL);
    talk_connect_peripheral(talk, 0x40);
    uint8_t octet = 0;
    assert_int_equal(send_octets(talk, 0x40, &octet, 1), BLUET_OK);
    assert_int_equal(send_octets(talk, 0x40, &octet, 1), BLUET_OK);
    assert_int_equal(talk->host->hci.acl_free, 2);
    complete(talk, 0x99, 1); /* of nobody */
    assert_int_equal(talk->host->hci.acl_free, 2);
    complete(talk, 0x40, 0);
    assert_int_equal(talk->host->hci.acl_free, 2);
    complete(talk, 0x40, 65535); /* more than were sent */
    assert_int_equal(talk->host->hci.acl_free, 4);
    complete(talk, 0x40, 1);
    assert_int_equal(talk->host->hci.acl_free, 4);
    assert_int_equal(bluet_protocol_errors(talk->host), 3);
    assert_int_equal(send_octets(talk, 0x40, &octet, 1), BLUET_OK);
    /* CVE-2024-51569: more handles than the event has room for; none; and something left over. */
    talk_receive(talk, "04 13 05 02 40 00 01 00");
    talk_receive(talk, "04 13 05 ff 40 00 01 00");
    talk_receive(talk, "04 13 05 00 40 00 01 00");
    talk_receive(talk, "04 13 06 01 40 00 01 00 00");
    talk_receive(talk, "04 13 00");
    assert_int_equal(talk->host->hci.acl_free, 3);
    assert_int_equal(bluet_protocol_errors(talk->host), 8);
    talk_receive(talk, "04 13 0d 03 99 00 01 00 40 00 01 00 40 00 00 00");
    assert_int_equal(talk->host->hci.acl_free, 4);
    talk_forget(talk);
    talk_destroy(talk);
}

/* CVE-2025-7403: the buffers of a link that ends come back, those of the pool and those of the controller. */
static void test_disconnect_while_sending(void **state)
{
    (void)state;
    struct talk *talk = talk_with_buffers(27, 4, NULL);
    uint8_t octets[200];
    fill(octets, sizeof octets);
    talk_connect_peripheral(talk, 0x40);
    talk_connect_peripheral(talk, 0x41);
    assert_int_equal(send_octets(talk, 0x40, octets, 200), BLUET_OK);
    assert_int_equal(send_octets(talk, 0x41, octets, 20), BLUET_OK);
    assert_int_equal(send_octets(talk, 0x40, octets, 20), BLUET_OK);
    assert_int_equal(talk->host->hci.acl_free, 0);
    assert_true(talk->host->pool.free_count < talk->host->pool.count);
    talk_receive(talk, "04 05 04 00 40 00 08");
    talk_expect_event(talk, "CENTRAL_DISCONNECT 0x0040 1/c00000000040 reason 0x08");
    assert_int_equal(talk->host->pool.free_count, talk->host->pool.count);
    assert_int_equal(talk->host->hci.acl_free, 3);
    complete(talk, 0x40, 3); /* too late */
    assert_int_equal(talk->host->hci.acl_free, 3);
    talk_forget(talk);
    talk_destroy(talk);
}

/* The handle of a link that sends again gets none of the old one's frames. */
static void test_handle_used_again(void **state)
{
    (void)state;
    struct talk *talk = talk_with_buffers(27, 1, NULL);
    uint8_t octets[100];
    fill(octets, sizeof octets);
    talk_connect_peripheral(talk, 0x40);
    assert_int_equal(send_octets(talk, 0x40, octets, 100), BLUET_OK);
    talk_receive(talk, "04 05 04 00 40 00 08");
    talk_forget(talk);
    talk_connect_peripheral(talk, 0x40);
    talk_expect_nothing(talk);
    assert_int_equal(send_octets(talk, 0x40, octets, 10), BLUET_OK);
    struct joined joined = {.length = 0};
    join_fragment(talk, &joined, 0x40);
    expect_joined(&joined, octets, 10);
    talk_destroy(talk);
}

/* Links that all have much to say have equal shares, whoever began. */
static void test_fairness(void **state)
{
    (void)state;
    struct talk *talk = talk_with_buffers(251, 8, &(struct bluet_config){.buffer_count = 400, .connection_count = 4});
    uint8_t octet = 0;
    unsigned sent[4] = {0};
    for (uint16_t handle = 0; handle < 4; handle++)
        talk_connect_peripheral(talk, handle);
    for (uint16_t handle = 0; handle < 4; handle++) {
        for (int i = 0; i < 80; i++)
            assert_int_equal(send_octets(talk, handle, &octet, 1), BLUET_OK);
    }
    for (int i = 0; i < 200; i++) {
        struct talk_packet packet = talk_take(talk);
        sent[packet.octets[1]]++;
        complete(talk, packet.octets[1], 1);
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(sent[i], 45, 55);
    talk_forget(talk);
    talk_destroy(talk);
}

/* A link whose peer does not acknowledge cannot take every buffer: others have something to send with. */
static void test_stalled_link(void **state)
{
    (void)state;
    struct talk *talk = talk_with_buffers(251, 8, NULL);
    uint8_t octet = 0;
    talk_connect_peripheral(talk, 0x40);
    talk_connect_peripheral(talk, 0x41);
    for (int i = 0; i < 20; i++)
        assert_int_equal(send_octets(talk, 0x40, &octet, 1), BLUET_OK);
    assert_int_equal(talk->packet_count, 7);
    talk_forget(talk);
    assert_int_equal(send_octets(talk, 0x41, &octet, 1), BLUET_OK);
    assert_int_equal(talk->packet_count, 1);
    for (int i = 0; i < 10; i++) {
        complete(talk, 0x41, 1);
        assert_int_equal(talk->host->links.links[0].transmit.in_flight, 7);
        talk_forget(talk);
        assert_int_equal(send_octets(talk, 0x41, &octet, 1), BLUET_OK);
        assert_int_equal(talk->packet_count, 1);
    }
    talk_forget(talk);
    talk_destroy(talk);
}

/* ---- The application is told when there is room again, once, and only if it was refused ---- */

/* Registers a value that can be notified. */
static uint16_t notifying_value(struct talk *talk)
{
    const struct bluet_characteristic characteristic = {.uuid = {2, {0x37, 0x2a}},
                                                        .flags = BLUET_FLAG_READ | BLUET_FLAG_NOTIFY};
    const struct bluet_service service = {
        .uuid = {2, {0x0d, 0x18}}, .characteristics = &characteristic, .characteristic_count = 1};
    uint16_t handle;
    assert_int_equal(bluet_gatts_register_services(talk->host, &handle, 1, &service, 1), 1);
    return handle;
}

static void test_send_ready(void **state)
{
    (void)state;
    struct talk *talk = talk_with_buffers(251, 1, &(struct bluet_config){.buffer_count = 1});
    const uint16_t handle = notifying_value(talk);
    talk_connect_peripheral(talk, 0x40);
    assert_int_equal(bluet_gatts_notify(talk->host, 0x40, handle, "a", 1), BLUET_OK);
    assert_int_equal(bluet_gatts_notify(talk->host, 0x40, handle, "b", 1), BLUET_OK);
    complete(talk, 0x40, 1);
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gatts_notify(talk->host, 0x40, handle, "c", 1), BLUET_OK);
    assert_int_equal(bluet_gatts_notify(talk->host, 0x40, handle, "d", 1), BLUET_ENOMEM);
    assert_true(bluet_deadline(talk->host) == BLUET_NEVER);
    complete(talk, 0x40, 1);
    talk_expect_event(talk, "SEND_READY");
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gatts_notify(talk->host, 0x40, handle, "d", 1), BLUET_OK);
    complete(talk, 0x40, 1);
    complete(talk, 0x40, 1);
    talk_expect_no_event(talk);
    assert_int_equal(talk->packet_count, 4);
    talk_forget(talk);
    talk_destroy(talk);
}

/* ---- In ---- */

static struct talk *receiving(void)
{
    struct talk *talk = talk_activated(&(struct bluet_config){.mtu_limit = 60});
    talk_connect_peripheral(talk, 0x40);
    return talk;
}

/* A whole frame is taken, whatever came before it. The notification is the answer to nothing. */
static void expect_well(struct talk *talk)
{
    talk_expect_no_event(talk);
    talk_expect_nothing(talk);
    talk_receive(talk, "02 40 20 09 00 05 00 04 00 1b 03 00 aa bb");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0040 0x0003 length 2");
    talk_receive(talk, "02 40 20 06 00 05 00 04 00 1b 03");
    talk_receive(talk, "02 40 10 03 00 00 aa bb");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0040 0x0003 length 2");
    talk_expect_no_event(talk);
}

/* The header itself may come in pieces: cut at every octet, and at every two. */
static void test_fragments(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x07, 0x00, 0x04, 0x00, 0x1b, 0x03, 0x00, 1, 2, 3, 4};
    struct talk *talk = receiving();
    for (size_t first = 0; first <= sizeof frame; first++) {
        for (size_t second = first; second <= sizeof frame; second++) {
            const size_t ends[] = {first, second, sizeof frame};
            size_t start = 0;
            for (size_t i = 0; i < 3; i++) {
                uint8_t packet[5 + sizeof frame] = {2, 0x40, i ? 0x10 : 0x20, (uint8_t)(ends[i] - start), 0};
                memcpy(packet + 5, frame + start, ends[i] - start);
                if (i == 0 || ends[i] > start)
                    talk_receive_octets(talk, packet, 5 + ends[i] - start);
                start = ends[i];
            }
            talk_expect_event(talk, "GATTC_NOTIFY 0x0040 0x0003 length 4");
        }
    }
    assert_int_equal(bluet_protocol_errors(talk->host), 0);
    expect_well(talk);
    talk_destroy(talk);
}

static void expect_dropped(const char *const *packets, size_t count, uint32_t errors)
{
    struct talk *talk = receiving();
    for (size_t i = 0; i < count; i++)
        talk_receive(talk, packets[i]);
    assert_int_equal(bluet_protocol_errors(talk->host), errors);
    expect_well(talk);
    talk_destroy(talk);
}

static void test_bad_fragments(void **state)
{
    (void)state;
    /* A continuation without a start. */
    expect_dropped((const char *[]){"02 40 10 02 00 aa bb"}, 1, 1);
    /* A start while a frame is open: the open one is lost, the new one is not. */
    expect_dropped((const char *[]){"02 40 20 06 00 05 00 04 00 1b 03"}, 1, 0);
    struct talk *talk = receiving();
    talk_receive(talk, "02 40 20 06 00 05 00 04 00 1b 03");
    talk_receive(talk, "02 40 20 09 00 05 00 04 00 1b 04 00 aa bb");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0040 0x0004 length 2");
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    talk_receive(talk, "02 40 10 03 00 00 aa bb");
    assert_int_equal(bluet_protocol_errors(talk->host), 2);
    expect_well(talk);
    talk_destroy(talk);
    /* More than was announced, at once (CVE-2019-17517) or by a continuation. */
    expect_dropped((const char *[]){"02 40 20 0a 00 05 00 04 00 1b 03 00 aa bb cc"}, 1, 1);
    expect_dropped((const char *[]){"02 40 20 06 00 05 00 04 00 1b 03", "02 40 10 04 00 00 aa bb cc"}, 2, 1);
    /* Announced as empty, and as more than anybody can send. */
    expect_dropped((const char *[]){"02 40 20 04 00 00 00 04 00"}, 1, 1);
    expect_dropped((const char *[]){"02 40 20 05 00 00 00 04 00 aa"}, 1, 1);
    expect_dropped((const char *[]){"02 40 20 06 00 ff ff 04 00 1b 03"}, 1, 0);
    /* A reserved boundary flag. */
    expect_dropped((const char *[]){"02 40 30 09 00 05 00 04 00 1b 03 00 aa bb"}, 1, 1);
    /* An empty start, and an empty continuation. */
    expect_dropped((const char *[]){"02 40 20 00 00", "02 40 10 00 00"}, 2, 0);
}

/* Longer than our MTU: whole (CVE-2019-17518), or in fragments, which are counted and not kept. */
static void test_too_long(void **state)
{
    (void)state;
    struct talk *talk = receiving();
    uint8_t packet[5 + 4 + 61] = {2, 0x40, 0x20, 65, 0, 61, 0, 4, 0, 0x1b};
    talk_receive_octets(talk, packet, sizeof packet);
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    expect_well(talk);

    const size_t announced = 2000;
    uint8_t start[5 + 27] = {2, 0x40, 0x20, 27, 0, (uint8_t)announced, (uint8_t)(announced >> 8), 4, 0, 0x1b};
    uint8_t continuation[5 + 27] = {2, 0x40, 0x10, 27, 0};
    talk_receive_octets(talk, start, sizeof start);
    size_t left = announced - 23;
    for (; left > 27; left -= 27)
        talk_receive_octets(talk, continuation, sizeof continuation);
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    continuation[3] = (uint8_t)left;
    talk_receive_octets(talk, continuation, 5 + left);
    assert_int_equal(bluet_protocol_errors(talk->host), 2);
    expect_well(talk);
    talk_destroy(talk);
}

/* ---- Frames that come in pieces, on several links at once ---- */

enum { PIECES = 3, PIECE = 16, VALUE = PIECES * PIECE - 7 };

/* A piece of a notification whose value is the handle of the link, over and over. */
static void receive_piece(struct talk *talk, uint8_t handle, unsigned piece)
{
    uint8_t frame[PIECES * PIECE] = {VALUE + 3, 0, 4, 0, 0x1b, 3, 0};
    memset(frame + 7, handle, VALUE);
    uint8_t packet[5 + PIECE] = {2, handle, piece ? 0x10 : 0x20, PIECE, 0};
    memcpy(packet + 5, frame + (size_t)piece * PIECE, PIECE);
    talk_receive_octets(talk, packet, sizeof packet);
}

static struct talk *several_links(const struct bluet_config *limits)
{
    struct talk *talk = talk_with_buffers(251, 4, limits);
    for (uint16_t handle = 0x40; handle < 0x43; handle++) {
        talk_connect_peripheral(talk, handle);
        talk_receive_frame(talk, handle, 4, "02 3c 00");
        talk_complete(talk, handle, 1);
        talk_forget(talk);
    }
    return talk;
}

/* Begun in one order, ended in each other. */
static void test_pieces_of_several_links(void **state)
{
    (void)state;
    static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const struct bluet_config limits = {.mtu_limit = 60, .buffer_size = 32, .buffer_count = 8};
    struct talk *talk = several_links(&limits);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        for (unsigned piece = 0; piece < PIECES - 1; piece++) {
            for (uint8_t handle = 0x40; handle < 0x43; handle++)
                receive_piece(talk, handle, piece);
        }
        talk_expect_no_event(talk);
        for (size_t j = 0; j < 3; j++) {
            char text[64];
            snprintf(text, sizeof text, "GATTC_NOTIFY 0x%04x 0x0003 length %u", 0x40u + orders[i][j], (unsigned)VALUE);
            receive_piece(talk, (uint8_t)(0x40 + orders[i][j]), PIECES - 1);
            talk_expect_event(talk, text);
        }
        assert_int_equal(talk->host->pool.free_count, 8);
    }
    /* What a link leaves half done takes nothing with it. */
    for (uint8_t handle = 0x40; handle < 0x43; handle++)
        receive_piece(talk, handle, 0);
    assert_int_equal(talk->host->pool.free_count, 6);
    for (uint8_t handle = 0x40; handle < 0x43; handle++)
        talk_disconnect(talk, handle);
    assert_int_equal(talk->host->pool.free_count, 8);
    assert_int_equal(bluet_protocol_errors(talk->host), 0);
    talk_forget(talk);
    talk_destroy(talk);
}

/* With no buffer free there is room for one frame; the link whose frame is lost is ended, and says why. */
static void test_pieces_without_buffers(void **state)
{
    (void)state;
    const struct bluet_config limits = {.mtu_limit = 60, .buffer_size = 32, .buffer_count = 1};
    struct talk *talk = several_links(&limits);
    uint8_t octet = 0;
    while (send_octets(talk, 0x40, &octet, 1) == BLUET_OK)
        ;
    talk_forget(talk);
    receive_piece(talk, 0x41, 0);
    receive_piece(talk, 0x41, 1);
    talk_expect_nothing(talk);
    receive_piece(talk, 0x42, 0);
    talk_expect(talk, "01 06 04 03 42 00 14");
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    receive_piece(talk, 0x41, 2);
    talk_expect_event(talk, "GATTC_NOTIFY 0x0041 0x0003 length 41");
    talk_expect_no_event(talk);
    receive_piece(talk, 0x40, 0);
    receive_piece(talk, 0x40, 1);
    receive_piece(talk, 0x40, 2);
    talk_expect_event(talk, "GATTC_NOTIFY 0x0040 0x0003 length 41");
    talk_destroy(talk);
}

/* A frame that could not make way on the desk for another is what it was, and makes way when it can. */
static void test_pieces_that_cannot_make_way(void **state)
{
    (void)state;
    enum { LONG = 64, HAD = 48 };
    const struct bluet_config limits = {.mtu_limit = 60, .buffer_size = 32, .buffer_count = 4};
    struct talk *talk = several_links(&limits);
    uint8_t frame[LONG] = {LONG - 4, 0, 4, 0, 0x1b, 3, 0};
    fill(frame + 7, LONG - 7);
    uint8_t octet = 0;
    while (send_octets(talk, 0x40, &octet, 1) == BLUET_OK)
        ;
    complete(talk, 0x40, 3);
    talk_forget(talk);
    assert_int_equal(talk->host->pool.free_count, 3);

    uint8_t start[5 + HAD] = {2, 0x40, 0x20, HAD, 0};
    memcpy(start + 5, frame, HAD);
    talk_receive_octets(talk, start, sizeof start);
    for (unsigned piece = 0; piece < PIECES; piece++)
        receive_piece(talk, 0x41, piece); /* it lies in two buffers, and the other needs two */
    talk_expect(talk, "01 06 04 03 41 00 14");
    assert_int_equal(talk->host->pool.free_count, 3);

    complete(talk, 0x40, 1);
    talk_forget(talk);
    talk_receive(talk, "02 42 20 08 00 09 00 04 00 1b 03 00 aa");
    talk_receive(talk, "02 42 10 05 00 bb cc dd ee ff");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0042 0x0003 length 6");
    uint8_t rest[5 + LONG - HAD] = {2, 0x40, 0x10, LONG - HAD, 0};
    memcpy(rest + 5, frame + HAD, LONG - HAD);
    talk_receive_octets(talk, rest, sizeof rest);
    talk_expect_event(talk, "GATTC_NOTIFY 0x0040 0x0003 length 57");
    assert_memory_equal(talk->host->links.desk, frame, LONG);
    assert_int_equal(talk->host->pool.free_count, 4);
    talk_destroy(talk);
}

/* An application that sends as much as it may leaves buffers for what comes in. */
static void test_pieces_while_sending(void **state)
{
    (void)state;
    struct talk *talk = several_links(NULL);
    const uint16_t handle = notifying_value(talk);
    unsigned sent = 0;
    for (; bluet_gatts_notify(talk->host, 0x40, handle, "a", 1) == BLUET_OK; sent++)
        assert_true(sent < 4 + 32);
    assert_int_equal(sent, 4 + 30 - 1); /* of the controller's own, one is for links that have none */
    talk_forget(talk);
    for (unsigned piece = 0; piece < PIECES; piece++) {
        for (uint8_t from = 0x40; from < 0x43; from++)
            receive_piece(talk, from, piece);
    }
    talk_expect_nothing(talk);
    talk_expect_event(talk, "GATTC_NOTIFY 0x0040 0x0003 length 41");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0041 0x0003 length 41");
    talk_expect_event(talk, "GATTC_NOTIFY 0x0042 0x0003 length 41");
    talk_expect_no_event(talk);
    assert_int_equal(talk->host->pool.free_count, 2);
    complete(talk, 0x40, 1);
    talk_expect_event(talk, "SEND_READY");
    talk_expect_no_event(talk);
    assert_int_equal(bluet_gatts_notify(talk->host, 0x40, handle, "a", 1), BLUET_OK);
    talk_forget(talk);
    talk_destroy(talk);
}

/* More than the ATT MTU in force, though there would be room for it: Vol 3 Part F, 3.2.8. */
static void test_longer_than_mtu(void **state)
{
    (void)state;
    struct talk *talk = receiving();
    uint8_t packet[5 + 4 + 24] = {2, 0x40, 0x20, 28, 0, 24, 0, 4, 0, 0x1b};
    talk_receive_octets(talk, packet, sizeof packet);
    assert_int_equal(bluet_protocol_errors(talk->host), 1);
    expect_well(talk);
    talk_destroy(talk);
}

/* Packets whose own length lies (CVE-2020-13595), cut off headers, handles never opened. */
static void test_bad_packets(void **state)
{
    (void)state;
    static const char *const packets[] = {
        "",
        "00",
        "01 03 0c 00",
        "03 40 00 00",
        "05 40 00 00 00",
        "ff",
        "02",
        "02 40",
        "02 40 20",
        "02 40 20 09",
        "02 40 20 09 00",
        "02 40 20 08 00 05 00 04 00 1b 03 00 aa bb",
        "02 40 20 0a 00 05 00 04 00 1b 03 00 aa bb",
        "02 99 20 09 00 05 00 04 00 1b 03 00 aa bb",
        "02 40 20 ff ff 05 00 04 00 1b 03 00 aa bb",
        "04",
        "04 05",
        "04 05 05 00 40 00 13",
        "04 05 03 00 40 00 13",
        "04 05 03 00 40 00",
        "04 3e 00",
        "04 0e 00",
        "04 0f 03 00 01 00",
    };
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        struct talk *talk = receiving();
        talk_receive(talk, packets[i]);
        assert_int_equal(bluet_protocol_errors(talk->host), 1);
        expect_well(talk);
        talk_destroy(talk);
    }
    /* In the midst of a frame, an inconsistent packet loses it. */
    struct talk *talk = receiving();
    talk_receive(talk, "02 40 20 06 00 05 00 04 00 1b 03");
    talk_receive(talk, "02 40 10 04 00 00 aa bb");
    talk_receive(talk, "02 40 10 03 00 00 aa bb");
    assert_int_equal(bluet_protocol_errors(talk->host), 2);
    expect_well(talk);
    talk_destroy(talk);
}

/* Every event that we know, cut short at every length, with links and without: counted, and nothing else. */
static void test_cut_off_events(void **state)
{
    (void)state;
    static const struct {
        uint8_t code, le_code, least;
    } events[] = {
        {0x05, 0, 4},     {0x08, 0, 4},    {0x0e, 0, 3},    {0x0f, 0, 4},    {0x13, 0, 5},  {0x30, 0, 3},
        {0x10, 0, 1},     {0x3e, 1, 19},   {0x3e, 3, 10},   {0x3e, 5, 13},   {0x3e, 6, 11}, {0x3e, 7, 11},
        {0x3e, 0x0a, 31}, {0x3e, 0x0c, 6}, {0x3e, 0x02, 2}, {0x3e, 0x0b, 2},
    };
    struct talk *talk = receiving();
    uint32_t errors = 0;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        for (uint8_t length = 0; length < events[i].least; length++) {
            uint8_t packet[3 + 32] = {4, events[i].code, length};
            packet[3] = events[i].le_code ? events[i].le_code : 1;
            packet[4] = 0x40;
            packet[5] = 0x40;
            talk_receive_octets(talk, packet, 3u + length);
            assert_int_equal(bluet_protocol_errors(talk->host), ++errors);
        }
    }
    expect_well(talk);
    talk_destroy(talk);
}

/* Events that we do not know, of every code: nothing. */
static void test_unknown_events(void **state)
{
    (void)state;
    static const uint8_t known[] = {0x05, 0x08, 0x0e, 0x0f, 0x10, 0x13, 0x30, 0x3e};
    static const uint8_t known_le[] = {1, 2, 3, 5, 6, 7, 0x0a, 0x0b, 0x0c};
    struct talk *talk = receiving();
    for (unsigned code = 0; code < 256; code++) {
        uint8_t packet[3 + 255] = {4, (uint8_t)code, 255, 0x40};
        uint8_t le_packet[3 + 255] = {4, 0x3e, 255, (uint8_t)code, 0x40};
        if (!memchr(known, (int)code, sizeof known))
            talk_receive_octets(talk, packet, sizeof packet);
        if (!memchr(known_le, (int)code, sizeof known_le))
            talk_receive_octets(talk, le_packet, sizeof le_packet);
    }
    expect_well(talk);
    talk_destroy(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_no_copy),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_completed_packets),
        cmocka_unit_test(test_disconnect_while_sending),
        cmocka_unit_test(test_handle_used_again),
        cmocka_unit_test(test_fairness),
        cmocka_unit_test(test_stalled_link),
        cmocka_unit_test(test_send_ready),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_bad_fragments),
        cmocka_unit_test(test_pieces_of_several_links),
        cmocka_unit_test(test_pieces_without_buffers),
        cmocka_unit_test(test_pieces_that_cannot_make_way),
        cmocka_unit_test(test_pieces_while_sending),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_longer_than_mtu),
        cmocka_unit_test(test_bad_packets),
        cmocka_unit_test(test_cut_off_events),
        cmocka_unit_test(test_unknown_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
